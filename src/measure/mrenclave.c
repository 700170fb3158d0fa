/* SPDX-License-Identifier: Apache-2.0 */
/* The MRENCLAVE engine: the hash over the records that ECREATE, EADD and EEXTEND leave. It knows
 * nothing of layouts. Records are collected in a buffer, because a call of the hash function for
 * each of them costs as much as the hashing. */
#include <mse/measure.h>

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "measure/store.h"

/* spec: Intel SDM Vol. 3D, ECREATE, EADD, EEXTEND ("Operation": the TMPUPDATEFIELD of each). */
#define RECORD_LEN   64U
#define CHUNK_LEN    256U
#define BATCH_LEN    65536U
#define MIN_SIZE     (2ULL * MSE_SGX_PAGE)
#define SECINFO_RWX  (MSE_SECINFO_R | MSE_SECINFO_W | MSE_SECINFO_X)
#define EXTEND_UNIT  (RECORD_LEN + CHUNK_LEN)
#define PAGE_EXTENDS (MSE_SGX_PAGE / CHUNK_LEN)
#define TAG_ECREATE  0x0045544145524345ULL /* "ECREATE\0" */
#define TAG_EADD     0x0000000044444145ULL /* "EADD\0\0\0\0" */
#define TAG_EEXTEND  0x00444E4554584545ULL /* "EEXTEND\0" */

struct mse_mrenclave {
    struct mse_sha256_ctx sha;
    uint64_t size;
    mse_status sticky;
    size_t used;
    uint8_t batch[BATCH_LEN];
};

static void flush(struct mse_mrenclave *m)
{
    mse_sha256_update(&m->sha, m->batch, m->used);
    m->used = 0;
}

/* Room for len bytes (at most BATCH_LEN) at the end of the batch. */
static uint8_t *room(struct mse_mrenclave *m, size_t len)
{
    if (BATCH_LEN - m->used < len) {
        flush(m);
    }
    uint8_t *p = m->batch + m->used;
    m->used += len;
    return p;
}

static bool page_is_inside(const struct mse_mrenclave *m, uint64_t offset)
{
    return offset % MSE_SGX_PAGE == 0 && offset < m->size;
}

/* What EADD accepts: a TCS page without permissions (the CPU clears them before it hashes), or a
 * regular page that is not writable without being readable. */
static bool secinfo_is_valid(uint64_t flags)
{
    if (flags == MSE_SECINFO_TCS) {
        return true;
    }
    bool write_only = (flags & (MSE_SECINFO_R | MSE_SECINFO_W)) == MSE_SECINFO_W;
    return (flags & ~(uint64_t)SECINFO_RWX) == MSE_SECINFO_REG && !write_only;
}

mse_status mse_mrenclave_new(struct mse_mrenclave **out, uint32_t ssa_frame_pages, uint64_t size)
{
    if (ssa_frame_pages == 0 || size < MIN_SIZE || (size & (size - 1)) != 0) {
        return MSE_ERR_ARGUMENT;
    }
    struct mse_mrenclave *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return MSE_ERR_MEMORY;
    }
    mse_status st = mse_sha256_init(&m->sha);
    if (st != MSE_OK) {
        mse_mrenclave_free(m);
        return st;
    }
    m->size = size;
    uint8_t *r = room(m, RECORD_LEN);
    memset(r, 0, RECORD_LEN);
    mse_store_u64le(r, TAG_ECREATE);
    mse_store_u32le(r + 8, ssa_frame_pages);
    mse_store_u64le(r + 12, size);
    *out = m;
    return MSE_OK;
}

void mse_mrenclave_eadd(struct mse_mrenclave *m, uint64_t offset, uint64_t secinfo_flags)
{
    if (!page_is_inside(m, offset) || !secinfo_is_valid(secinfo_flags)) {
        m->sticky = MSE_ERR_ARGUMENT;
        return;
    }
    uint8_t *r = room(m, RECORD_LEN);
    memset(r, 0, RECORD_LEN);
    mse_store_u64le(r, TAG_EADD);
    mse_store_u64le(r + 8, offset);
    mse_store_u64le(r + 16, secinfo_flags);
}

void mse_mrenclave_eextend(struct mse_mrenclave *m, uint64_t offset, const uint8_t *page)
{
    if (!page_is_inside(m, offset)) {
        m->sticky = MSE_ERR_ARGUMENT;
        return;
    }
    for (uint32_t i = 0; i < PAGE_EXTENDS; i++) {
        uint8_t *r = room(m, EXTEND_UNIT);
        memset(r, 0, RECORD_LEN);
        mse_store_u64le(r, TAG_EEXTEND);
        mse_store_u64le(r + 8, offset + (uint64_t)i * CHUNK_LEN);
        if (page != NULL) {
            memcpy(r + RECORD_LEN, page + (size_t)i * CHUNK_LEN, CHUNK_LEN);
        } else {
            memset(r + RECORD_LEN, 0, CHUNK_LEN);
        }
    }
}

mse_status mse_mrenclave_final(struct mse_mrenclave *m, uint8_t out[32])
{
    if (m->sticky != MSE_OK) {
        return m->sticky;
    }
    flush(m);
    m->sticky = MSE_ERR_ARGUMENT; /* a second call has nothing to say */
    return mse_sha256_final(&m->sha, out);
}

void mse_mrenclave_free(struct mse_mrenclave *m)
{
    if (m == NULL) {
        return;
    }
    mse_sha256_clear(&m->sha);
    free(m);
}
