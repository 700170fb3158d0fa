/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own store of verified apps, trust.toml in the configuration folder: what each name was
 * when it was verified, and by which rule that may change. Reading, looking up, writing; nothing is
 * printed and nothing is verified here.
 *
 *   [[app]]
 *   domain = "app.example.org"          port = 443 if it is left out
 *   tee = "sgx"                         what the fingerprint is one of
 *   fingerprint = "<64 hex>"
 *   spki_sha256 = "<64 hex>"            key of the certificate, or of the CA, that clients import
 *   signer = "<64 hex>"                 MRSIGNER that it was accepted with; may be missing
 *   manifest_sha256 = "<64 hex>"        may be missing
 *   machines = ["<hex>"]                if the user demands them, as a policy's allowed_machines
 *   simulated = false                   if so, the key of the root that the user pinned stands
 *   simulation_root_sha256 = "<64 hex>" below, and of one of P-256 its point
 *   simulation_root = "<128 hex>"
 *   level = 2                           binding level, which is demanded from then on
 *   verified_at = 2026-01-31T12:00:00Z
 *   rule = "ask"                        or "signer", "never"
 *   policy = "/path"                    policy file that it was judged by, if there was one
 *   context = "/path"                   its context, if it is at hand
 *   log_keys = ["NAME+ID+BASE64"]       a log must have it, beside those of the policy file
 *   log_witnesses = ["NAME+ID+BASE64"]  and all of these must have cosigned
 *   log_url = "https://…"               where the log is asked; or
 *   log_proof = "/path"                 where a proof lies */
#ifndef CLI_TRUST_H
#define CLI_TRUST_H

#include <mse/policy.h>

#include "base/build.h"
#include "conf/reader.h"

#define MSE_TRUST_MAX_APPS 1024

enum mse_trust_rule {
    MSE_TRUST_ASK = 0, /* moves to another version on the user's word */
    MSE_TRUST_SIGNER,  /* moves by itself to whatever the same signer has released */
    MSE_TRUST_NEVER,   /* stays until it is removed */
};
const char *mse_trust_rule_name(enum mse_trust_rule r);
MSE_MUST_USE bool mse_trust_rule_parse(enum mse_trust_rule *out, const char *word);

/* Strings are heap, owned by the app. All zero: absent, where something may be missing. */
struct mse_trust_app {
    char *domain;
    uint64_t port;
    char *tee;
    uint8_t fingerprint[32];
    uint8_t spki_sha256[32];
    uint8_t signer[32];
    uint8_t manifest_sha256[32];
    struct mse_conf_list machines;
    bool simulated;
    uint8_t simulation_root_sha256[32];
    char *simulation_root;
    uint64_t level;
    mse_time verified_at;
    char *rule_word; /* as it stands in the file; rule is what counts */
    enum mse_trust_rule rule;
    char *policy;
    char *context;
    struct mse_conf_list log_keys;
    struct mse_conf_list log_witnesses;
    char *log_url;
    char *log_proof;
};
void mse_trust_app_clear(struct mse_trust_app *a);

/* In the order of domain and port. */
struct mse_trust {
    struct mse_trust_app *apps;
    size_t num;
};
/* mse_trust_parse reads the file; name is for errors. Unknown keys, values that are none and names
 * that stand there twice are errors. MSE_ERR_CONFIG, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_trust_parse(struct mse_trust *out, const char *name,
                                        struct mse_bytes text, struct mse_error *err);
/* mse_trust_write appends the file. */
void mse_trust_write(struct mse_build *out, const struct mse_trust *t);
void mse_trust_clear(struct mse_trust *t);

/* The entry of this very name and port; NULL if there is none. Case of letters does not count. */
struct mse_trust_app *mse_trust_find(const struct mse_trust *t, const char *domain, uint16_t port);
/* mse_trust_put takes a over, in the place of an entry of the same name and port; on failure a is
 * still the caller's. MSE_ERR_CONFIG (what may not stand in the file), MSE_ERR_NO_SPACE,
 * MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_trust_put(struct mse_trust *t, struct mse_trust_app *a,
                                      struct mse_error *err);
/* False if there was none. */
bool mse_trust_remove(struct mse_trust *t, const char *domain, uint16_t port);

/* mse_trust_list_add appends a copy. False without memory. */
MSE_MUST_USE bool mse_trust_list_add(struct mse_conf_list *list, const char *text);
/* Whether these are the bytes of a value that was there. */
bool mse_trust_has(const uint8_t value[32]);
/* mse_trust_base is how the platform, the level and the machine are judged: the entry's policy file
 * if it has one, else the defaults, and what the entry says of simulation, level, machines and
 * logs. Nothing identifies the app in it. MSE_ERR_POLICY, MSE_ERR_CONFIG, those of files. */
MSE_MUST_USE mse_status mse_trust_base(struct mse_policy *out, const struct mse_trust_app *a,
                                       struct mse_error *err);
/* mse_trust_policy adds the app: its fingerprint, and its signer if the entry has one. By the rule
 * "signer" any version of that signer will do. MSE_ERR_POLICY: no reference set of the policy file
 * agrees. */
MSE_MUST_USE mse_status mse_trust_policy(struct mse_policy *out, const struct mse_trust_app *a,
                                         struct mse_error *err);
/* mse_trust_expect puts expected values into every reference set of a policy, or into a first one;
 * NULL: nothing is expected of it. False: none of the sets agrees, and none is left. */
MSE_MUST_USE bool mse_trust_expect(struct mse_policy *p, const uint8_t *fingerprint,
                                   const uint8_t *signer);

/* mse_trust_policy_file reads a policy: JSON if the name ends in .json, else TOML. MSE_ERR_POLICY,
 * MSE_ERR_CONFIG, those of files. */
MSE_MUST_USE mse_status mse_trust_policy_file(struct mse_policy *out, const char *path,
                                              struct mse_error *err);

/* mse_trust_load reads the store of this user; without a file it is empty. A file that others may
 * write to is refused. MSE_ERR_CONFIG, those of files. */
MSE_MUST_USE mse_status mse_trust_load(struct mse_trust *out, struct mse_error *err);

/* A change: the store as it is, under a lock that keeps other writers out. */
struct mse_trust_edit {
    int lock_fd;
    struct mse_trust store;
};
/* MSE_ERR_TIMEOUT: another program holds the lock; else as mse_trust_load. */
MSE_MUST_USE mse_status mse_trust_begin(struct mse_trust_edit *out, struct mse_error *err);
/* mse_trust_save writes the store in one step, 0600. */
MSE_MUST_USE mse_status mse_trust_save(const struct mse_trust_edit *e, struct mse_error *err);
/* Ends the change in any case. */
void mse_trust_end(struct mse_trust_edit *e);
/* The certificate (R2: the CA) that was verified, in PEM, lies here; heap, or NULL. */
char *mse_trust_certificate_path(const char *domain, uint16_t port);

#endif
