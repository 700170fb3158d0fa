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

struct mse_str_list {
    char **items; /* heap, NUL-terminated, owned */
    size_t num;
};

struct mse_env_var {
    char *name;
    char *value;
};

/* Heap inside, released with mse_manifest_clear. Strings are NUL-terminated and hold no NUL.
 * Exactly one of command and python_application is set. */
struct mse_manifest {
    char app_id[37]; /* UUIDv4, lower case */
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
    /* Fixed in this version, written and required as such: package "plain", logs "plain", restart
     * "never", certificate "leaf", rootfs {"name":"host"}, upgrade {"none":true}, replicas 1,
     * egress false, ignore 1, legacy_extension. */
    bool legacy_extension;
};
void mse_manifest_clear(struct mse_manifest *m);
/* Appends the canonical JSON. MSE_ERR_ARGUMENT if a field is outside its rule, with the field
 * named. */
MSE_MUST_USE mse_status mse_manifest_write(struct mse_build *out, const struct mse_manifest *m,
                                           struct mse_error *err);
MSE_MUST_USE mse_status mse_manifest_parse(struct mse_manifest *out, struct mse_bytes json,
                                           struct mse_error *err);

#endif
