/* SPDX-License-Identifier: Apache-2.0 */
/* One encrypted file (mse home encrypt): the stream of a package with a magic and a key of its own;
 * docs/protocol.md, "Encrypted files". */
#ifndef PACKAGE_FILE_H
#define PACKAGE_FILE_H

#include <mse/status.h>

/* Both read from to its end and write to, under a key of 32 bytes, in bounded memory.
 * mse_file_encrypt: MSE_ERR_IO, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_file_encrypt(int to, int from, const uint8_t key[32],
                                         struct mse_error *err);
/* What was written to must not be used unless MSE_OK came back. Errors of package/stream.h. */
MSE_MUST_USE mse_status mse_file_decrypt(int to, int from, const uint8_t key[32],
                                         struct mse_error *err);

#endif
