/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own CA, by which his browser trusts his proxy for these apps and nothing else. */
#ifndef CLI_PROXY_CA_H
#define CLI_PROXY_CA_H

#include "cmd/cmd.h"
#include "cmd/files.h"
#include "crypto/sign.h"

struct cli_proxy_ca {
    char *path; /* of its certificate, which the user imports */
    struct mse_privkey *key;
    struct mse_privkey *leaf_key; /* of all leaves, made anew at each start */
    struct mse_build der;
    mse_time not_after;
    bool made; /* just now */
};
/* cli_proxy_ca_open reads it from the configuration folder, or makes it: for exactly these names.
 * One that is for others is refused, unless anew. Prints its own errors. Release with
 * cli_proxy_ca_clear also after failures. */
enum cli_exit cli_proxy_ca_open(struct cli_proxy_ca *out, const struct cli *c,
                                const char *const *names, size_t num, bool anew);
void cli_proxy_ca_clear(struct cli_proxy_ca *ca);
/* cli_proxy_ca_leaf appends a certificate for a name, and the CA's, as PEM. */
#define CLI_PROXY_LEAF_SECONDS ((mse_time)2 * 86400)
MSE_MUST_USE mse_status cli_proxy_ca_leaf(struct mse_build *pem, const struct cli_proxy_ca *ca,
                                          const char *name, struct mse_error *err);

#endif
