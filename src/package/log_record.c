/* SPDX-License-Identifier: Apache-2.0 */
/* See log_record.h. A sealed box is from nobody in particular, so a record has a tag that only the
 * enclave and the owner can make: otherwise the host could write records of its own. */
#include "package/log_record.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x25519.h"

#define VERSION  1
#define HEAD_LEN ((size_t)68)
#define TAG_LEN  ((size_t)32)
#define INFO     "mse log v1"

_Static_assert(MSE_LOG_TEXT_MAX <= MSE_LOG_LARGE - HEAD_LEN - TAG_LEN, "a line fits");

mse_status mse_log_shared(uint8_t shared[32], const uint8_t secret[32], const uint8_t public[32])
{
    return mse_x25519_shared(shared, secret, public);
}

/* Over everything but the tag itself. */
static mse_status make_tag(uint8_t tag[32], struct mse_bytes record, const uint8_t shared[32])
{
    uint8_t info[sizeof INFO - 1 + 32];
    struct mse_bytes rest = { record.data + HEAD_LEN + TAG_LEN, record.len - HEAD_LEN - TAG_LEN };
    struct mse_sha256_ctx c;
    struct mse_bytes none = { NULL, 0 };
    memcpy(info, INFO, sizeof INFO - 1);
    mse_status st = mse_sha256_init(&c);
    if (st == MSE_OK) {
        mse_sha256_update(&c, record.data, HEAD_LEN);
        mse_sha256_update(&c, rest.data, rest.len);
        st = mse_sha256_final(&c, info + sizeof INFO - 1);
        mse_sha256_clear(&c);
    }
    return st == MSE_OK ? mse_hkdf_sha256(tag, TAG_LEN, mse_bytes_of(shared, 32), none,
                                          mse_bytes_of(info, sizeof info))
                        : st;
}

mse_status mse_log_record_write(struct mse_build *out, const struct mse_log_record *r,
                                const uint8_t shared[32])
{
    uint8_t record[MSE_LOG_LARGE] = { 0 };
    uint8_t tag[TAG_LEN];
    struct mse_build b;
    if (r->text.len > MSE_LOG_TEXT_MAX) {
        return MSE_ERR_ARGUMENT;
    }
    bool small = r->text.len <= MSE_LOG_SMALL - HEAD_LEN - TAG_LEN;
    size_t len = small ? MSE_LOG_SMALL : MSE_LOG_LARGE;
    mse_build_fixed(&b, record, HEAD_LEN);
    mse_wr_u8(&b, VERSION);                         // 0
    mse_wr_u8(&b, (uint8_t)r->kind);                // 1
    mse_wr_u16be(&b, (uint16_t)r->text.len);        // 2
    mse_wr_u64be(&b, r->sequence);                  // 4
    mse_wr_u64be(&b, r->time_ms);                   // 12
    mse_wr_copy(&b, r->boot, sizeof r->boot);       // 20
    mse_wr_copy(&b, r->enclave, sizeof r->enclave); // 36
    MSE_ASSERT(mse_build_ok(&b) && b.len == HEAD_LEN);
    if (r->text.len > 0) {
        memcpy(record + HEAD_LEN + TAG_LEN, r->text.data, r->text.len);
    }
    mse_status st = make_tag(tag, mse_bytes_of(record, len), shared);
    if (st == MSE_OK) {
        memcpy(record + HEAD_LEN, tag, TAG_LEN);
        mse_wr_copy(out, record, len);
        st = mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_wipe(record, sizeof record);
    return st;
}

mse_status mse_log_record_read(struct mse_log_record *out, struct mse_bytes in)
{
    struct mse_log_record r;
    struct mse_bytes tag;
    uint8_t version = 0;
    uint8_t kind = 0;
    uint16_t len = 0;
    size_t whole = in.len;
    bool form = mse_rd_u8(&in, &version) &&                      // 0
                mse_rd_u8(&in, &kind) &&                         // 1
                mse_rd_u16be(&in, &len) &&                       // 2 text
                mse_rd_u64be(&in, &r.sequence) &&                // 4
                mse_rd_u64be(&in, &r.time_ms) &&                 // 12
                mse_rd_copy(&in, r.boot, sizeof r.boot) &&       // 20
                mse_rd_copy(&in, r.enclave, sizeof r.enclave) && // 36
                mse_rd_bytes(&in, &tag, TAG_LEN) &&              // 68
                mse_rd_bytes(&in, &r.text, len);                 // 100
    bool lengths = whole == MSE_LOG_SMALL || whole == MSE_LOG_LARGE;
    if (!form || !lengths || version != VERSION || kind < MSE_LOG_OUT || kind > MSE_LOG_DROPPED ||
        len > MSE_LOG_TEXT_MAX || !mse_mem_is_zero(in.data, in.len)) {
        return MSE_ERR_MALFORMED;
    }
    r.kind = (enum mse_log_kind)kind;
    *out = r;
    return MSE_OK;
}

bool mse_log_record_is_of(struct mse_bytes in, const uint8_t shared[32])
{
    uint8_t tag[TAG_LEN];
    return in.len >= HEAD_LEN + TAG_LEN && make_tag(tag, in, shared) == MSE_OK &&
           mse_ct_equal(tag, in.data + HEAD_LEN, TAG_LEN);
}
