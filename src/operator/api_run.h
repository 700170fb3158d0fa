/* SPDX-License-Identifier: Apache-2.0 */
/* msed api: running the REST interface of the platform. */
#ifndef OPERATOR_API_RUN_H
#define OPERATOR_API_RUN_H

#include "operator/config.h"
#include "operator/gate_files.h"

/* A file that is served as it is. */
struct api_file {
    char name[64];
    struct mse_bytes bytes;
};
struct api_config {
    const struct mse_op_config *conf;
    int listen_fd;          /* closed by api_run */
    struct mse_bytes chain; /* PEM; both empty: plain HTTP */
    struct mse_bytes key;
    struct gate_files *tls_files; /* of both, looked at each second; NULL: they stay */
    uint16_t public_port;         /* where users reach apps; 0: not known */
    uint8_t mrsigner[32];
    const char *simulation_root;  /* PEM; NULL: there is none */
    const struct api_file *files; /* of the appraisal in the browser: [api] web */
    size_t num_files;
    void (*ready)(void *user); /* called when requests are taken */
    void *user;
};
/* api_run answers until SIGTERM or SIGINT, which must be blocked in all threads; then it drains. */
MSE_MUST_USE mse_status api_run(const struct api_config *c, struct mse_error *err);

#endif
