/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata that Intel's signing tool leaves in an enclave (section .note.sgxmeta): one block
 * for each loader that may come along, each with a SIGSTRUCT, what to patch, and which pages follow
 * the segments. docs/measurement.md has the tables. */
#ifndef MEASURE_SDK_FILE_H
#define MEASURE_SDK_FILE_H

#include <mse/status.h>

#define MSE_SDK_VERSION(major, minor) ((uint64_t)(major) << 32 | (minor))

/* Everything is borrowed from the file. */
struct mse_sdk_block {
    struct mse_bytes whole;
    uint64_t version; /* MSE_SDK_VERSION */
    uint32_t ssa_frame_pages;
    uint64_t size; /* of the enclave, as ECREATE gets it */
    uint64_t bias; /* of the image in it */
    struct mse_bytes sigstruct;
    struct mse_bytes patches; /* whole entries */
    struct mse_bytes layout;  /* likewise */
};

/* One patch: the file's bytes from dst become those. */
struct mse_sdk_patch {
    uint64_t dst;
    struct mse_bytes bytes;
};

/* One entry of the layout; is_group: repeat the num_entries before this one. */
struct mse_sdk_entry {
    bool is_group;
    uint16_t attributes; /* MSE_SDK_EADD, MSE_SDK_EEXTEND and others */
    uint32_t num_pages;
    uint64_t rva;
    uint64_t flags;           /* SECINFO.FLAGS */
    struct mse_bytes content; /* empty: each page is full of fill */
    uint32_t fill;
    uint16_t num_entries;
    uint32_t times;
    uint64_t step;
};
#define MSE_SDK_EADD      1U
#define MSE_SDK_EEXTEND   2U
#define MSE_SDK_ENTRY_LEN 32U

/* mse_sdk_block_at finds block number `which`, from 0. MSE_ERR_MALFORMED: no such note, or a bad
 * block; MSE_ERR_NOT_FOUND: there are fewer blocks. */
MSE_MUST_USE mse_status mse_sdk_block_at(struct mse_sdk_block *out, struct mse_bytes file,
                                         size_t which, struct mse_error *err);
/* Take one from the front of *rest, which came from block->patches, or block->layout. False: it
 * names bytes that are not in the block. */
MSE_MUST_USE bool mse_sdk_patch_next(struct mse_sdk_patch *out, struct mse_bytes *rest,
                                     const struct mse_sdk_block *block);
MSE_MUST_USE bool mse_sdk_entry_next(struct mse_sdk_entry *out, struct mse_bytes *rest,
                                     const struct mse_sdk_block *block);

#endif
