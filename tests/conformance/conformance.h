/* SPDX-License-Identifier: Apache-2.0 */
/* mse-conformance: runs cases of recorded evidence through the public API and compares what came
 * out with what each case says. Nothing here knows a case by its name. */
#ifndef TESTS_CONFORMANCE_H
#define TESTS_CONFORMANCE_H

#include <jansson.h>

#include "lib/both.h"

#define CONF_PATH_LEN 4096
#define CONF_TEXT_LEN 1024

/* A whole file, heap; data NULL if there is none. Release with conf_free. */
struct mse_bytes conf_read_file(const char *path);
/* out = dir/name; empty if that is too long (then no such file is found). out may be dir. */
void conf_join(char out[CONF_PATH_LEN], const char *dir, const char *name);
void conf_free(struct mse_bytes *b);
void conf_hex(char *out, const uint8_t *p, size_t len);
bool conf_same_bytes(struct mse_bytes a, struct mse_bytes b);
/* Appends a formatted piece to a text of CONF_TEXT_LEN bytes, "; " between pieces; cut to fit. */
void conf_say(char *text, const char *fmt, ...) MSE_PRINTF(2, 3);
/* The appraisal, which an appraiser must repeat to the byte: lib/both.h. */
mse_status conf_appraise(both_fn *appraise, struct mse_verdict *out, struct mse_bytes evidence,
                         const struct mse_collateral *collateral, const struct mse_policy *policy,
                         mse_time at);
/* SHA-256 of its own, so that the library does not vouch for itself. */
void conf_sha256(uint8_t out[32], const uint8_t *p, size_t len);
/* The first PEM certificate of a text, decoded: heap, data NULL if there is none. */
/* And back: a certificate in DER as PEM, heap. */
bool conf_is_der(struct mse_bytes file);
struct mse_bytes conf_pem(struct mse_bytes der);
struct mse_bytes conf_first_certificate(struct mse_bytes pem);

/* Files of a case are read once and freed with it. */
#define CONF_MAX_FILES 32
struct conf_case {
    char dir[CONF_PATH_LEN];
    json_t *root;
    const json_t *expected;
    const char *name;
    const char *kind;
    const char *verdict;
    mse_time at;
    bool has_time;
    size_t num_files;
    struct mse_bytes files[CONF_MAX_FILES];
    uint8_t trusted_root[64]; /* the key that this case trusts */
    bool own_root;            /* it is not the vendor's */
    uint8_t root_sha256[32];  /* of its key, where that is no P-256 key */
};
/* False: this is no case that can be read; *why says so. */
bool conf_case_load(struct conf_case *c, const char *dir, char *why);
/* Reads the root that the case trusts: its own, where it has one, else Intel's. */
bool conf_case_root(struct conf_case *c, char *why);
void conf_case_clear(struct conf_case *c);
/* The file of a role; empty if the case has none. */
struct mse_bytes conf_file(struct conf_case *c, const char *role);
struct mse_bytes conf_crl_file(struct conf_case *c, const char *role);
bool conf_has_role(const struct conf_case *c, const char *role);
const char *conf_expected_text(const struct conf_case *c, const char *member);
/* The permissive policy: every status but Revoked, debug, public signers, no reference values; and
 * the case's own root where it has one. */
void conf_policy(const struct conf_case *c, struct mse_policy *p);
struct mse_collateral conf_collateral(struct conf_case *c);

enum conf_result {
    CONF_PASS,
    CONF_FAIL,
    CONF_SKIP,
};
struct conf_outcome {
    enum conf_result result;
    char wanted[CONF_TEXT_LEN];
    char got[CONF_TEXT_LEN];
};

/* One function a kind. */
void conf_run_sgx_quote(struct conf_case *c, struct conf_outcome *o);
void conf_run_tdx_quote(struct conf_case *c, struct conf_outcome *o);
void conf_run_ratls(struct conf_case *c, struct conf_outcome *o);
void conf_run_older_bundle(struct conf_case *c, struct conf_outcome *o);
void conf_run_snp_report(struct conf_case *c, struct conf_outcome *o);
void conf_run_nitro_doc(struct conf_case *c, struct conf_outcome *o);
/* The parts of the above that RA-TLS cases share. */
struct mse_collateral conf_snp_collateral(struct conf_case *c);
void conf_want_snp(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v);
void conf_want_nitro(const struct conf_case *c, struct conf_outcome *o,
                     const struct mse_verdict *v);
void conf_run_sigstruct(struct conf_case *c, struct conf_outcome *o);
void conf_run_collateral(struct conf_case *c, struct conf_outcome *o);

/* Judging against a reason. */

/* Whether a status is what a reason of the vectors names (some reasons name a family). */
bool conf_is_reason(const char *reason, const char *status);
/* The case's verdict and reason in words. */
void conf_wanted(const struct conf_case *c, struct conf_outcome *o);
/* Judges a refusal that came without a verdict (a parser's), or with MSE_OK. */
void conf_judge_status(const struct conf_case *c, mse_status st, const char *detail,
                       struct conf_outcome *o);
/* Judges a verdict: a refusal must be refused for the case's reason, an acceptance must leave no
 * check failed but those that want collateral which the case does not have. */
void conf_judge_verdict(const struct conf_case *c, const struct mse_verdict *v,
                        struct conf_outcome *o);

/* Judges a verdict under the policy that a case states: it must be refused, and for what the policy
 * says; a case may name other reasons that come first. */
void conf_judge_policy(const struct conf_case *c, const struct mse_verdict *v, mse_status wanted,
                       struct conf_outcome *o);

/* Comparing with the members of "expected". Each says a difference in o->got and fails it. */
void conf_differ(struct conf_outcome *o, const char *member, const char *wanted, const char *got);
void conf_want_hex(const struct conf_case *c, struct conf_outcome *o, const char *member,
                   const uint8_t *p, size_t len);
void conf_want_text(const struct conf_case *c, struct conf_outcome *o, const char *member,
                    const char *got);
void conf_want_number(const struct conf_case *c, struct conf_outcome *o, const char *member,
                      long long got);
void conf_want_bool(const struct conf_case *c, struct conf_outcome *o, const char *member,
                    bool got);
/* A date, as text or as seconds. */
void conf_want_time(const struct conf_case *c, struct conf_outcome *o, const char *member,
                    mse_time got);
/* Sets of words: equal without regard to order. got has num words. */
void conf_want_set(const struct conf_case *c, struct conf_outcome *o, const char *member,
                   const struct mse_bytes *got, size_t num);
void conf_want_dcap(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v);

#endif
