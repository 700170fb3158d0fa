/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS files that an mse.toml names: the owner's certificate and key ([cloud.ssl]), and the CA
 * of client certificates ([enclave] client_ca). Each value is PEM itself, or the path of a file of
 * it, relative to mse.toml. */
#ifndef CLI_TLS_FILES_H
#define CLI_TLS_FILES_H

#include "cmd/files.h"
#include "conf/project.h"
#include "package/manifest.h"

struct cli_tls_files {
    struct cli_file chain;     /* empty without [cloud.ssl] */
    struct cli_file client_ca; /* empty: clients need no certificate */
    char *key_path;            /* of the private key; NULL without one */
};
/* cli_tls_load reads and judges them; the private key is only compared, and must be a file.
 * MSE_ERR_CONFIG, those of files, of mse_owner_chain_* and of mse_client_ca_read. */
MSE_MUST_USE mse_status cli_tls_load(struct cli_tls_files *out, const struct mse_project *p,
                                     const char *toml_path, struct mse_error *err);
void cli_tls_clear(struct cli_tls_files *f);

/* cli_tls_fill puts what these texts decide into the manifest: origin, digests, expects, and with a
 * chain the public name. Empty texts: there are none, whatever mse.toml says (mse home package
 * --no-ssl). MSE_ERR_CONFIG if mse.toml has no place for them. */
MSE_MUST_USE mse_status cli_tls_fill(struct mse_manifest *m, const struct mse_project *p,
                                     struct mse_bytes chain, struct mse_bytes client_ca,
                                     struct mse_error *err);

#endif
