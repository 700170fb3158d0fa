/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of a storage (docs/protocol.md, "Storage"): the pieces that one snapshot brought, one
 * behind the other, each sealed under the pack's own key and its number. A pack is written once.
 */
#ifndef ENCLAVE_STORE_PACK_H
#define ENCLAVE_STORE_PACK_H

#include "enclave/seal.h"
#include "enclave/store_index.h"

#define MSE_PACK_NAME_LEN 34 /* with the NUL */
void mse_pack_name(char out[MSE_PACK_NAME_LEN], const uint8_t salt[32]);
bool mse_pack_is_name(const char *name);

struct mse_pack_writer;
/* Makes a file of a fresh name in the folder; nothing refers to it yet. */
MSE_MUST_USE mse_status mse_pack_writer_new(struct mse_pack_writer **out, int dir_fd,
                                            const uint8_t root[32], struct mse_error *err);
/* Seals a piece of 1 to MSE_STORE_CHUNK bytes and says where it lies; c->pack is the caller's. */
MSE_MUST_USE mse_status mse_pack_put(struct mse_pack_writer *w, struct mse_store_chunk *c,
                                     struct mse_bytes piece, struct mse_error *err);
/* Fills it up to a whole page and makes it last; says what the index has of it. */
MSE_MUST_USE mse_status mse_pack_finish(struct mse_pack_writer *w, struct mse_store_pack *out,
                                        struct mse_error *err);
/* Removes the file unless it was finished. Accepts NULL. */
void mse_pack_writer_free(struct mse_pack_writer *w);

struct mse_pack_reader;
/* Opens the pack that the index names. MSE_ERR_STORAGE_MISSING; MSE_ERR_STORAGE_FOREIGN: a pack of
 * another storage; MSE_ERR_STORAGE_DAMAGED: another one of this storage, or not so long. */
MSE_MUST_USE mse_status mse_pack_reader_new(struct mse_pack_reader **out, int dir_fd,
                                            const uint8_t root[32],
                                            const struct mse_store_pack *pack,
                                            struct mse_error *err);
/* The len bytes of a piece, into out, which has MSE_STORE_CHUNK bytes. MSE_ERR_STORAGE_DAMAGED. */
MSE_MUST_USE mse_status mse_pack_get(struct mse_pack_reader *r, uint8_t *out, size_t len,
                                     const struct mse_store_chunk *c, struct mse_error *err);
void mse_pack_reader_free(struct mse_pack_reader *r);

#endif
