/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that a digest of a tree is over (10-rules 17, 20): a tag with its NUL, a salt where
 * there is one, then a row per file in byte order of the paths. Internal to package/. */
#ifndef PACKAGE_ROWS_H
#define PACKAGE_ROWS_H

#include "crypto/digest.h"
#include "package/code.h"

#define MSE_CODE_TAG   "mse-code-v1"
#define MSE_ROOTFS_TAG "mse-rootfs-v1"

/* mse_rows_begin adds the tag and the salt of 32 bytes; salt NULL: none. Failures stay in c. */
void mse_rows_begin(struct mse_sha256_ctx *c, const char *tag, const uint8_t *salt);
/* mse_rows_add adds one row: u32le length of path, path, u8 executable, u64le size, SHA-256 of the
 * content. The path is at most MSE_PATH_MAX_LEN bytes. */
void mse_rows_add(struct mse_sha256_ctx *c, const struct mse_code_file *f);

#endif
