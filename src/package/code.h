/* SPDX-License-Identifier: Apache-2.0 */
/* The code tree: which files belong to it, its digest, packing and unpacking. 6-files, 10-rules
 * 20, 21. */
#ifndef PACKAGE_CODE_H
#define PACKAGE_CODE_H

#include <mse/status.h>

#include "package/stream.h"

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

/* mse_package_write packs dir (ignore rules applied) to fd: header, code_salt, pax tar (10-rules
 * 21). The tar is deterministic: sorted, regular files only, no times, owners or empty folders. */
MSE_API MSE_MUST_USE mse_status mse_package_write(int fd, const char *dir, const uint8_t salt[32],
                                                  const struct mse_package *p,
                                                  struct mse_error *err);
typedef mse_status (*mse_package_write_fn)(int fd, const char *dir, const uint8_t salt[32],
                                           const struct mse_package *p, struct mse_error *err);
/* What was found in a package. */
struct mse_unpacked {
    uint8_t code_salt[32];
    uint8_t code_digest[32]; /* of what was written, as mse_code_digest computes it */
};
/* mse_package_unpack unpacks from fd into the empty folder dest (files 0644 or 0755, folders 0755)
 * and gives code_salt and the digest. Checks the header, every chunk, the end, each path, and at
 * the end that exactly the files that were written lie there; at most p->max_total bytes of
 * content. Nothing in dest may be used before this returns MSE_OK and the caller has compared the
 * digest with the manifest's. Each content is hashed as it is written and not read again, so dest
 * must be storage that nobody else writes to (decision 14). On failure dest is left with whatever
 * was written; the caller removes it. Errors: those of package/stream.h; MSE_ERR_MALFORMED (the
 * tar), MSE_ERR_NO_SPACE, MSE_ERR_IO. */
MSE_API MSE_MUST_USE mse_status mse_package_unpack(struct mse_unpacked *out, int fd,
                                                   const char *dest, const struct mse_package *p,
                                                   struct mse_error *err);
typedef mse_status (*mse_package_unpack_fn)(struct mse_unpacked *out, int fd, const char *dest,
                                            const struct mse_package *p, struct mse_error *err);

#endif
