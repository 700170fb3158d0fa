/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of mse home: each has a folder home/NAME in the configuration folder, and while it runs
 * a supervisor: a process in the background that holds the launcher of the simulated TEE. */
#ifndef CLI_HOME_H
#define CLI_HOME_H

#include "cli/cli.h"
#include "cmd/files.h"
#include "launch/instance.h"
#include "ratls/connect.h"

#define HOME_MANIFEST MSE_INSTANCE_MANIFEST
#define HOME_PACKAGE  MSE_INSTANCE_PACKAGE
#define HOME_LOG      MSE_INSTANCE_LOG
#define HOME_TOKEN    "token"
#define HOME_CHAIN    "chain.pem" /* of the owner's certificate, if there is one */
#define HOME_CLIENTS  MSE_INSTANCE_CLIENT_CA

struct home {
    const struct cli *c;
    const char *name;
    char *dir;
    json_t *facts; /* instance.json: what does not change while the instance exists */
};
/* home_name sets name and folder; the instance need not exist. home_open reads its facts too. Both
 * print their errors. Release with home_clear also after failures. */
enum cli_exit home_name(struct home *h, const struct cli *c, const char *name);
enum cli_exit home_open(struct home *h, const struct cli *c, const char *name);
void home_clear(struct home *h);
/* A file of the folder, heap. */
char *home_path(const struct home *h, const char *file);
MSE_MUST_USE mse_status home_read(struct cli_file *out, const struct home *h, const char *file,
                                  size_t max, struct mse_error *err);
MSE_MUST_USE mse_status home_write(const struct home *h, const char *file, struct mse_bytes content,
                                   struct mse_error *err);
/* The instance's manifest; clear it with mse_manifest_clear. */
struct mse_manifest;
MSE_MUST_USE mse_status home_manifest(struct mse_manifest *out, const struct home *h,
                                      struct mse_error *err);
/* Writes the facts. */
MSE_MUST_USE mse_status home_save_facts(const struct home *h, struct mse_error *err);
/* Text of a fact; "" if it is not there. */
const char *home_fact(const struct home *h, const char *key);
/* The folder of all instances, heap. */
char *home_parent(void);

/* As mse_instance_state. */
json_t *home_state(const struct home *h);
bool home_lives(const json_t *state);
/* home_stop asks the supervisor to stop and waits for its end. CLI_DONE also if there is none. */
enum cli_exit home_stop(const struct home *h);

/* What a supervisor starts. */
struct home_start {
    int listen_fd; /* borrowed */
    unsigned timeout_s;
};
/* home_launch starts the supervisor of an instance whose folder is complete, and waits until the
 * enclave runs, or waits for its keys. On failure nothing of it runs, and the error was printed. */
enum cli_exit home_launch(const struct home *h, const struct home_start *s);

/* ---- manifests of packages (home_manifest.c) ---- */

struct mse_parcel;
/* home_parcel_open opens a file of mse home package; prints its errors. */
enum cli_exit home_parcel_open(struct mse_parcel *out, int *out_fd, const struct cli *c,
                               const char *path);
/* home_manifest_fill puts into an empty manifest all that the package decides. The rest is the
 * operator's: app_id, san (unless the owner's certificate decides it), config_domain_name, dates,
 * runtime, enclave_size, and, if *own_token, config_token_sha256. On failure clear *m all the same.
 */
MSE_MUST_USE mse_status home_manifest_fill(struct mse_manifest *m, bool *own_token,
                                           const struct mse_parcel *p, struct mse_error *err);
/* When the owner's certificates of a package end, and whether a manifest ends before:
 * MSE_ERR_MANIFEST_MISMATCH. Only for packages with a chain. */
MSE_MUST_USE mse_status home_chain_end(mse_time *out, const struct mse_parcel *p,
                                       struct mse_error *err);
MSE_MUST_USE mse_status home_check_expiry(const struct mse_manifest *m, const struct mse_parcel *p,
                                          struct mse_error *err);
/* home_manifest_check says whether a manifest is one that an operator may make of this package, and
 * parses it. MSE_ERR_MANIFEST_MISMATCH with the first member that differs. */
MSE_MUST_USE mse_status home_manifest_check(struct mse_manifest *out, const struct mse_parcel *p,
                                            struct mse_bytes manifest, struct mse_error *err);

/* home_dial connects to the config name, or the public one, at the address that it listens on,
 * which home_dialling tells. */
struct mse_ratls_dial home_dialling(const struct home *h, bool config);
MSE_MUST_USE mse_status home_dial(struct mse_ratls_conn **out, const struct home *h, bool config,
                                  struct mse_bytes alpn, struct mse_error *err);
/* home_listen binds the address of the facts, and tries again while patience_ms last. */
enum cli_exit home_listen(const struct home *h, int *out_fd, uint16_t *port, unsigned patience_ms);
/* home_evidence collects the evidence of a living instance and writes evidence.json and ratls.pem
 * to the folder out. */
enum cli_exit home_evidence(const struct home *h, const char *out);

#endif
