/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a rootfs (10-rules 17): one line per file, "SHA256 x|- SIZE PATH" and a newline, in
 * unsigned byte order of the paths; x: executable. Its digest is that of a code tree under
 * another tag and without a salt, so that the list needs no other protection than the manifest. */
#ifndef PACKAGE_ROOTFS_H
#define PACKAGE_ROOTFS_H

#include "base/build.h"
#include "package/code.h"
#include "package/rules.h"

#define MSE_ROOTFS_MAX_LEN ((size_t)32 * 1024 * 1024)

/* Where a list is read. path holds the path of the last row. */
struct mse_rootfs_reader {
    struct mse_bytes rest;
    size_t line;
    char path[MSE_PATH_MAX_LEN + 1];
};
/* mse_rootfs_next reads the next row; its path lies in r. *more is false at the end, and out is
 * then untouched. MSE_ERR_MALFORMED with the line: another form, a path that 10-rules 20 does not
 * allow or that has control characters, or one that does not come behind the one before it. */
MSE_MUST_USE mse_status mse_rootfs_next(struct mse_code_file *out, bool *more,
                                        struct mse_rootfs_reader *r, struct mse_error *err);
/* mse_rootfs_digest: the digest that a manifest names. */
MSE_MUST_USE mse_status mse_rootfs_digest(uint8_t out[32], struct mse_bytes list,
                                          struct mse_error *err);
/* mse_rootfs_list appends the list of a folder. Links, devices and the like are refused. */
MSE_MUST_USE mse_status mse_rootfs_list(struct mse_build *out, const char *dir,
                                        struct mse_error *err);

#endif
