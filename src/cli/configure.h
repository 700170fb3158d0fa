/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of the configuration protocol (docs/protocol.md, "Configuration"). */
#ifndef CLI_CONFIGURE_H
#define CLI_CONFIGURE_H

#include "base/build.h"
#include "cmd/files.h"

/* What an owner gives; empty members are left out. */
struct cli_configuration {
    const char *uuid;
    struct mse_bytes key;     /* 32 bytes */
    struct mse_bytes secrets; /* JSON, sent byte for byte */
    struct mse_bytes sealed;  /* a sealed box */
    struct mse_bytes ssl_key; /* PEM */
    struct mse_bytes ssl_chain;
    const char *upgrade_from;           /* hexadecimal; NULL: none */
    struct mse_bytes upgrade_signature; /* in hexadecimal digits */
};
/* Whether secrets are one value of JSON. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status cli_configure_check_secrets(struct mse_bytes text, struct mse_error *err);
/* cli_configure_request appends the whole POST. It holds keys: wipe it. */
MSE_MUST_USE mse_status cli_configure_request(struct mse_build *out, const char *host,
                                              const char *token_hex,
                                              const struct cli_configuration *k,
                                              struct mse_error *err);
void cli_configure_question(struct mse_build *out, const char *host); /* the whole GET */

/* An answer of the enclave. */
struct cli_configure_answer {
    unsigned status; /* 200, 401, … */
    char state[16];  /* "Waiting", "Starting", "Running", "Failed"; "" if it said none */
    char error[64];  /* "" if there is none */
    char field[64];
};
/* cli_configure_parse reads a whole answer: MSE_ERR_PROTOCOL if it is none of this protocol. */
MSE_MUST_USE mse_status cli_configure_parse(struct cli_configure_answer *out,
                                            struct mse_bytes reply, struct mse_error *err);

#endif
