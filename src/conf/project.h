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

    /* [enclave] */
    uint64_t enclave_size;
    char *logs;
    char *restart;
    char *certificate;
    uint64_t replicas;
    bool legacy_extension;
    bool egress;

    /* Whether the tables are there. */
    bool has_cloud;
    bool has_ssl;
    bool has_enclave;
};

/* mse_project_parse reads the text of an mse.toml; name is used in errors. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_project_parse(struct mse_project *out, const char *name,
                                          struct mse_bytes text, struct mse_error *err);
void mse_project_clear(struct mse_project *p);

#endif
