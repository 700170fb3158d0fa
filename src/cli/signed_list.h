/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that somebody whom the user trusts has signed: the signature lies in FILE.sig, the key is
 * pinned by the user. */
#ifndef CLI_SIGNED_LIST_H
#define CLI_SIGNED_LIST_H

#include "cli/cli.h"

/* The key's file: the option's value, else name in the configuration folder. Heap; NULL without
 * either: *out_pinned tells whether there is a file. */
char *cli_list_key_path(bool *out_pinned, const struct cli *c, const char *option,
                        const char *name);
/* cli_list_signed checks PATH.sig: ECDSA over P-256 and SHA-256, as openssl dgst -sign makes it.
 * MSE_ERR_SIGNATURE; those of files; what the key is, if it is none. */
MSE_MUST_USE mse_status cli_list_signed(struct mse_bytes list, const char *path,
                                        const char *key_path, struct mse_error *err);

#endif
