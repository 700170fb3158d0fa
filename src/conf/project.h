/* SPDX-License-Identifier: Apache-2.0 */
/* mse.toml (6-files): what the owner of an app writes. Form only; rules on values that the manifest
 * has as well are judged when the manifest is written. */
#ifndef CONF_PROJECT_H
#define CONF_PROJECT_H

#include "conf/reader.h"

struct mse_project {
    char *name;
    char *python_application;
    struct mse_conf_list command;
    char *healthcheck_endpoint;
    struct mse_conf_list alpn; /* empty: http/1.1 */
    uint64_t workers;
    struct mse_conf_pairs env;
    char *tests_cmd;
    struct mse_conf_list tests_requirements;

    /* [cloud] */
    char *code; /* as written; relative to the file */
    char *tests;
    char *project;
    char *hardware;
    mse_time expiration_date; /* 0: absent */
    char *secrets;

    /* [cloud.ssl] */
    char *ssl_domain_name;
    char *ssl_private_key;
    char *ssl_certificate;

    /* [enclave]: the manifest's members of the same names; NULL, empty or zero where absent. */
    uint64_t enclave_size;
    uint64_t ignore;
    uint64_t replicas;
    char *package;
    char *logs;
    uint8_t logs_key[32];
    char *restart;
    char *certificate;
    struct mse_conf_list expects;
    uint8_t config_token_sha256[32];
    char *client_ca; /* PEM, or a path as written */
    bool egress;
    bool proxy_protocol;
    bool legacy_extension;

    /* [enclave.rootfs] */
    char *rootfs_name;
    char *rootfs_version;
    uint8_t rootfs_digest[32];

    /* [enclave.upgrade] */
    bool upgrade_none;
    struct mse_conf_list upgrade_fingerprints;
    char *upgrade_owner_key;

    /* [enclave.replica_policy] */
    struct mse_conf_list replica_machines;
    struct mse_conf_list replica_statuses;
    uint64_t replica_min_tcb_evaluation_number;

    /* Whether the tables are there. */
    bool has_cloud;
    bool has_ssl;
    bool has_enclave;
    bool has_rootfs;
    bool has_upgrade;
    bool has_replica_policy;
};

/* mse_project_parse reads the text of an mse.toml; name is used in errors. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_project_parse(struct mse_project *out, const char *name,
                                          struct mse_bytes text, struct mse_error *err);
void mse_project_clear(struct mse_project *p);
/* The names of the keys of the root (table NULL) or of a table of it; NULL at the end. */
const char *mse_project_key_name(const char *table, size_t i);

#endif
