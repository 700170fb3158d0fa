/* SPDX-License-Identifier: Apache-2.0 */
/* The code tree: which files belong to it, its digest, packing and unpacking. 6-files, 10-rules
 * 20, 21. */
#ifndef PACKAGE_CODE_H
#define PACKAGE_CODE_H

#include <mse/status.h>

/* mse_code_digest walks dir (ignore rules applied when ignore is true: the file .mseignore, else
 * the default list) and computes code_digest. dir is opened once; links, devices, sockets,
 * duplicate or non-UTF-8 paths are refused with the path named. */
MSE_MUST_USE mse_status mse_code_digest(uint8_t out[32], const char *dir, const uint8_t salt[32],
                                        bool ignore, struct mse_error *err);

/* One row per file, for --explain and show: called in the order of the digest. */
struct mse_code_file {
    const char *path;
    bool executable;
    uint64_t size;
    uint8_t sha256[32];
};
typedef mse_status (*mse_code_visit)(void *user, const struct mse_code_file *f);
MSE_MUST_USE mse_status mse_code_walk(const char *dir, bool ignore, mse_code_visit visit,
                                      void *user, struct mse_error *err);

/* Plain package: "MSEPKG0\0" || manifest digest 32 || 32 zero bytes || code_salt 32 || pax tar,
 * written to fd. The tar is deterministic: sorted, regular files only, no times, owners or empty
 * folders. */
MSE_MUST_USE mse_status mse_package_write_plain(int fd, const char *dir, const uint8_t salt[32],
                                                const uint8_t manifest_digest[32],
                                                struct mse_error *err);
/* mse_package_unpack_plain reads a plain package from fd into the empty folder dest (files 0644 or
 * 0755, folders 0755) and gives back the salt. Checks the magic, the manifest digest and each path;
 * at most max_total bytes. The caller then compares mse_code_digest(dest) with the manifest's. On
 * failure dest is left with whatever was written; the caller removes it. */
MSE_MUST_USE mse_status mse_package_unpack_plain(uint8_t out_salt[32], int fd, const char *dest,
                                                 const uint8_t manifest_digest[32],
                                                 uint64_t max_total, struct mse_error *err);

#endif
