/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: canonical JSON (RFC 8785) that is measured at launch and decides what runs.
 * 6-files, 10-rules 18, 19. The reader is strict: unknown, duplicate and missing keys are errors,
 * and the bytes must be the canonical form of what they say. */
#ifndef PACKAGE_MANIFEST_H
#define PACKAGE_MANIFEST_H

#include <mse/status.h>

#include "base/build.h"

#define MSE_MANIFEST_MAX_LEN ((size_t)128 * 1024)
#define MSE_MANIFEST_VERSION 1
#define MSE_SIM_THREADS      16 /* threads of layout sim-1 */

enum mse_cert_origin {
    MSE_ORIGIN_SELF = 0,
    MSE_ORIGIN_OWNER,
    MSE_ORIGIN_OPERATOR,
};

/* The first value of each is what an owner who says nothing gets in the simulation. */
enum mse_package_kind {
    MSE_PACKAGE_PLAIN = 0,
    MSE_PACKAGE_ENCRYPTED,
};
enum mse_logs_rule {
    MSE_LOGS_PLAIN = 0,
    MSE_LOGS_OWNER, /* each record sealed to logs_key */
    MSE_LOGS_NONE,
};
enum mse_restart_rule {
    MSE_RESTART_NEVER = 0,
    MSE_RESTART_SEALED,
};
enum mse_certificate_kind {
    MSE_CERTIFICATE_LEAF = 0,
    MSE_CERTIFICATE_CA,
};
/* What phase 1 has to bring: bits of mse_manifest.expects. */
enum mse_expect {
    MSE_EXPECT_SEALED_SECRETS = 1,
    MSE_EXPECT_SECRETS = 2,
    MSE_EXPECT_SSL_KEY = 4,
};
#define MSE_MANIFEST_MAX_REPLICAS 64

struct mse_str_list {
    char **items; /* heap, NUL-terminated, owned */
    size_t num;
};

struct mse_env_var {
    char *name;
    char *value;
};

/* The tree that the app sees; name NULL is the host's, which the simulation alone allows. */
struct mse_rootfs {
    char *name;
    char *version;
    uint8_t digest[32];
};
/* What may inherit the storage: at most one is set, none is the rule "none". */
struct mse_upgrade_rule {
    struct mse_str_list fingerprints; /* 64 lower-case hexadecimal digits each, rising */
    char *owner_key;                  /* DER SubjectPublicKeyInfo in lower-case hexadecimal */
};
/* Which platforms replicas may run on. */
struct mse_replica_policy {
    struct mse_str_list machines; /* identities in lower-case hexadecimal, rising */
    uint32_t min_tcb_evaluation_number;
    struct mse_str_list statuses; /* TCB statuses, in byte order */
};

/* Heap inside, released with mse_manifest_clear. Strings are NUL-terminated and hold no NUL.
 * Exactly one of command and python_application is set. */
struct mse_manifest { /* NOLINT(clang-analyzer-optin.performance.Padding): to be read */
    char app_id[37];  /* UUIDv4, lower case */
    char *name;
    uint8_t runtime[32]; /* SHA-256 of mse-enclave */
    uint8_t code_digest[32];
    struct mse_str_list command;
    char *python_application;
    struct mse_env_var *env; /* in the order of their names */
    size_t num_env;
    struct mse_str_list alpn;
    char *healthcheck_endpoint;
    uint32_t workers;
    uint64_t enclave_size;
    char *san; /* the public name */
    char *config_domain_name;
    mse_time created_at;
    mse_time expires_at;
    enum mse_cert_origin origin;
    uint8_t ssl_certificate_chain_sha256[32]; /* of the PEM chain; origin "owner" only */
    bool legacy_extension;

    /* All zero: phase 1 is open to nobody. */
    uint8_t config_token_sha256[32];
    unsigned expects; /* enum mse_expect */
    enum mse_package_kind package;
    /* What the package's header has instead of this manifest's own digest, where the package is
     * made first (mse home); all zero: nothing. */
    uint8_t package_header[32];
    uint32_t ignore; /* version of the default ignore list: 1 */
    struct mse_rootfs rootfs;
    enum mse_logs_rule logs;
    uint8_t logs_key[32]; /* X25519; with logs "owner" only */
    enum mse_restart_rule restart;
    struct mse_upgrade_rule upgrade;
    enum mse_certificate_kind certificate;
    uint32_t replicas;                        /* 1 to 64 */
    struct mse_replica_policy replica_policy; /* with several replicas only */
    bool egress;
    uint8_t client_ca[32]; /* SHA-256 of the DER certificate that client certificates are signed by;
                              all zero: clients need none */
    bool proxy_protocol;
};
void mse_manifest_clear(struct mse_manifest *m);
/* Appends the canonical JSON. MSE_ERR_ARGUMENT if a field is outside its rule, with the field
 * named. */
MSE_MUST_USE mse_status mse_manifest_write(struct mse_build *out, const struct mse_manifest *m,
                                           struct mse_error *err);
MSE_MUST_USE mse_status mse_manifest_parse(struct mse_manifest *out, struct mse_bytes json,
                                           struct mse_error *err);
/* Puts the values of a manifest that nobody has said anything about: one worker, one replica, 1
 * GiB.
 */
void mse_manifest_defaults(struct mse_manifest *m);
/* The names of all members in their order; NULL at the end. */
const char *mse_manifest_member_name(size_t i);
/* How the manifest spells its rule for logs: "plain", "owner" or "none". */
/* Whether the app waits for somebody who has the token, even if he gives nothing but that. */
bool mse_manifest_waits(const struct mse_manifest *m);
const char *mse_manifest_logs_word(const struct mse_manifest *m);

#endif
