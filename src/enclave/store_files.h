/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that the app sees and an index. Internal to the storage. */
#ifndef ENCLAVE_STORE_FILES_H
#define ENCLAVE_STORE_FILES_H

#include "enclave/store.h"
#include "enclave/store_pack.h"

/* What a scan of the app's files made. */
struct mse_store_scan {
    struct mse_store_index fresh;   /* chunks name the old packs, and MSE_STORE_NEW_PACK */
    struct mse_pack_writer *writer; /* NULL: nothing new */
    uint64_t new_bytes;
    uint64_t left_out;
};
#define MSE_STORE_NEW_PACK (UINT32_MAX - 1)

/* Goes through the files in dir. Those that were not touched since `old` was made of them are taken
 * from there; of the others the pieces that are new are sealed into a pack below dir_fd. retired,
 * one for each old pack: pieces that lie there are sealed again. hold NULL: there is no app. */
struct mse_store_sources {
    const char *dir;
    const struct mse_store_index *old;
    const bool *retired;
    const struct mse_store_hold *hold;
    int dir_fd;
    const uint8_t *root;
};
MSE_MUST_USE mse_status mse_store_scan(struct mse_store_scan *out,
                                       const struct mse_store_sources *from, struct mse_error *err);
void mse_store_scan_clear(struct mse_store_scan *s);
/* Whether the two say the same of the files. */
bool mse_store_same(const struct mse_store_index *a, const struct mse_store_index *b);
/* Whether what is there looks other than the index says. */
bool mse_store_looks_changed(const struct mse_store_index *x, const char *dir);

/* Writes what the index says into dir, where home and keys are and empty. */
MSE_MUST_USE mse_status mse_store_write_files(const struct mse_store_index *x, int dir_fd,
                                              const uint8_t *root, const char *dir, uid_t owner,
                                              struct mse_error *err);

#endif
