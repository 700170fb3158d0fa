/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a storage, as others than the host get them. Internal to the storage. */
#ifndef ENCLAVE_STORE_COPY_H
#define ENCLAVE_STORE_COPY_H

#include "enclave/store.h"
#include "enclave/store_pack.h"

#define INDEX_NAME         "index"
#define MSE_STORE_NAME_LEN (sizeof "store-" + (size_t)2 * MSE_SEAL_ID_LEN)
/* The folder of the storage with this root. */
MSE_MUST_USE mse_status mse_store_name(char out[MSE_STORE_NAME_LEN], const uint8_t root[32]);

struct mse_store_file {
    char name[MSE_PACK_NAME_LEN];
    int fd;
    uint64_t len;
};
/* All files of the last snapshot, the index first: what is open stays whole, whatever is stored
 * later. Release with mse_store_close_files. */
MSE_MUST_USE mse_status mse_store_open_files(struct mse_store *s, struct mse_store_file **out,
                                             size_t *num, struct mse_error *err);
void mse_store_close_files(struct mse_store_file *files, size_t num);

#endif
