/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a storage (docs/protocol.md, "Storage"): the tree that the app left, and where the
 * pieces of its files lie. It is read only after it was opened under the enclave's own key, and
 * checked all the same. */
#ifndef ENCLAVE_STORE_INDEX_H
#define ENCLAVE_STORE_INDEX_H

#include <mse/status.h>

#include "base/build.h"

#define MSE_STORE_VERSION    1
#define MSE_STORE_CHUNK      ((size_t)65536)
#define MSE_STORE_PAGE       ((size_t)4096) /* lengths on the disk are multiples of it */
#define MSE_STORE_MAX_NODES  ((size_t)1 << 18)
#define MSE_STORE_MAX_CHUNKS ((size_t)1 << 20)
#define MSE_STORE_MAX_PACKS  ((size_t)1024)
#define MSE_STORE_MAX_PATH   ((size_t)4095)
#define MSE_STORE_MAX_DEPTH  ((size_t)64)
#define MSE_STORE_MAX_LEN    ((size_t)80 * 1024 * 1024)
#define MSE_STORE_NO_PACK    UINT32_MAX /* a chunk of zeros, which lies nowhere */

struct mse_store_pack {
    uint8_t salt[32];
    uint64_t length; /* of the file */
};
struct mse_store_chunk {
    uint32_t pack;   /* which one; MSE_STORE_NO_PACK: zeros, and the rest is 0 too */
    uint32_t number; /* of the piece in it: the nonce */
    uint64_t offset; /* of the piece in its file */
    uint8_t hash[32];
};
enum mse_store_type {
    MSE_STORE_DIR,
    MSE_STORE_FILE,
    MSE_STORE_LINK,
};
/* What tells cheaply that a file was not touched; in memory only. All zero: it may have been. */
struct mse_store_stamp {
    uint64_t ino;
    int64_t changed[2]; /* seconds, nanoseconds */
    int64_t accessed[2];
};
struct mse_store_node {
    enum mse_store_type type;
    uint16_t mode; /* permissions only */
    mse_time mtime;
    uint32_t mtime_ns;
    char *path;                     /* heap, like the next two */
    char *target;                   /* of a link */
    struct mse_store_chunk *chunks; /* of a file: one for each 64 KiB that it begins */
    uint64_t size;                  /* of a file */
    struct mse_store_stamp stamp;
};
/* Released with mse_store_index_clear; the empty state is all zero. */
struct mse_store_index {
    uint64_t generation; /* rises with each snapshot */
    uint64_t counter;    /* what the platform counts when this is the last one; 0: it has none */
    mse_time floor;      /* it was not earlier when this was written */
    struct mse_store_pack *packs;
    size_t num_packs;
    struct mse_store_node *nodes; /* each folder ahead of what is in it */
    size_t num_nodes;
    size_t cap_nodes;
    size_t num_chunks; /* of all files */
};
void mse_store_index_clear(struct mse_store_index *x);
void mse_store_node_clear(struct mse_store_node *n);
size_t mse_store_num_chunks(uint64_t size);
/* How many bytes of a file of this size chunk i holds. */
size_t mse_store_chunk_len(uint64_t size, size_t i);
/* Order of the tree: as bytes, but a "/" comes before everything else. */
int mse_store_compare(const char *a, const char *b);
/* Appends a node, which is taken over on success. MSE_ERR_STORAGE_LIMIT, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_store_add(struct mse_store_index *x, struct mse_store_node *node);

void mse_store_index_write(struct mse_build *out, const struct mse_store_index *x);
/* MSE_ERR_MALFORMED unless it is exactly one. */
MSE_MUST_USE mse_status mse_store_index_parse(struct mse_store_index *out, struct mse_bytes in);

#endif
