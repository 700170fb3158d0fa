/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of msed, and what they share. */
#ifndef OPERATOR_MSED_H
#define OPERATOR_MSED_H

#include "cmd/cmd.h"
#include "operator/config.h"
#include "operator/store.h"

extern const struct cli_program msed_program;

#define MSED_CONFIG "msed.toml"
#define MSED_SELF   "/proc/self/exe" /* what roles are started from, also after an upgrade */

/* A command's way to the store. */
struct msed {
    const struct cli *c;
    struct mse_op_config config;
    struct mse_op_store *store;
    char actor[MSE_OP_TEXT_LEN];
    struct mse_op_by by;
};
/* msed_open reads --config and opens the database that it names; create makes one that is not
 * there. CLI_TROUBLE after an error message. Release with msed_close in any case. */
enum cli_exit msed_open(struct msed *m, const struct cli *c, bool create);
void msed_close(struct msed *m);
/* Reads --config only. */
enum cli_exit msed_configure(struct msed *m, const struct cli *c);
/* Who runs this program, and the time. */
void msed_set_by(struct msed *m);
/* --name as a number from min to max; fallback if it is not there. False after an error message. */
bool msed_number(const struct cli *c, const char *name, uint64_t *out, uint64_t fallback,
                 uint64_t max);
/* msed_do opens, does what, closes; prints the error if there is one. A log that is not sound is
 * CLI_REFUSED. */
typedef mse_status msed_fn(struct msed *m, void *arg, struct mse_error *err);
enum cli_exit msed_do(const struct cli *c, msed_fn *what, void *arg);
/* msed_list does what with a listing, to which it appends; prints that under --json, or nothing if
 * it stays empty. */
struct msed_listing {
    const struct cli *c;
    json_t *list;
};
enum cli_exit msed_list(const struct cli *c, msed_fn *what, const char *nothing);
/* What a change tells: v under --json (the reference is taken over), else "WHAT: NAME". */
enum cli_exit msed_say(const struct cli *c, json_t *v, const char *what, const char *name);
/* A time for a list; "-" for 0. out has MSE_TIME_TEXT_LEN bytes. */
const char *msed_time(char *out, mse_time t);
/* "NUMBER:HASH" of a head; out has MSED_HEAD_LEN bytes. */
#define MSED_HEAD_LEN 88
void msed_head_format(char out[MSED_HEAD_LEN], const struct mse_op_audit_head *h);
MSE_MUST_USE bool msed_head_parse(struct mse_op_audit_head *out, struct mse_bytes text);
/* The hash of the signer's public key that enclaves are known by; MSE_ERR_CONFIG if it is not
 * RSA-3072 with e = 3. */
struct mse_privkey;
MSE_MUST_USE mse_status msed_mrsigner(uint8_t out[32], const struct mse_privkey *k,
                                      struct mse_error *err);

enum cli_exit cmd_api(struct cli *c);
enum cli_exit cmd_app_list(struct cli *c);
enum cli_exit cmd_node_list(struct cli *c);
enum cli_exit cmd_node_drain(struct cli *c);
enum cli_exit cmd_node_undrain(struct cli *c);
enum cli_exit cmd_app_stop(struct cli *c);
enum cli_exit cmd_audit_list(struct cli *c);
enum cli_exit cmd_audit_verify(struct cli *c);
enum cli_exit cmd_backup(struct cli *c);
enum cli_exit cmd_check_config(struct cli *c);
enum cli_exit cmd_gateway(struct cli *c);
enum cli_exit cmd_hardware_add(struct cli *c);
enum cli_exit cmd_hardware_list(struct cli *c);
enum cli_exit cmd_init(struct cli *c);
enum cli_exit cmd_node(struct cli *c);
enum cli_exit cmd_quota_list(struct cli *c);
enum cli_exit cmd_quota_set(struct cli *c);
enum cli_exit cmd_restore(struct cli *c);
enum cli_exit cmd_run(struct cli *c);
enum cli_exit cmd_token_create(struct cli *c);
enum cli_exit cmd_token_list(struct cli *c);
enum cli_exit cmd_token_revoke(struct cli *c);
enum cli_exit cmd_user_add(struct cli *c);
enum cli_exit cmd_user_list(struct cli *c);
enum cli_exit cmd_user_remove(struct cli *c);

#endif
