/* SPDX-License-Identifier: Apache-2.0 */
/* See fresh.h. */
#include "ratls/fresh.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/util.h"

#define STEP "session"

struct reader {
    struct mse_json j;
    struct mse_build scratch;
    struct mse_frame_response r;
};

static bool rd_level(struct reader *r)
{
    uint64_t level = 0;
    return mse_json_u64(&r->j, &level, 1) && (level == 1 || mse_json_fail(&r->j));
}

static bool rd_evidence(struct reader *r)
{
    struct mse_bytes text = { NULL, 0 };
    size_t len = 0;
    if (!mse_json_text(&r->j, &r->scratch, &text)) {
        return false;
    }
    size_t cap = text.len / 4 * 3;
    uint8_t *to = mse_wr_space(&r->scratch, cap);
    if (to == NULL || !mse_base64_decode(to, cap, &len, text) || len == 0) {
        return mse_json_fail(&r->j);
    }
    r->r.evidence = mse_bytes_of(to, len);
    return true;
}

static bool rd_path(struct reader *r)
{
    struct mse_nonce_path *p = &r->r.audit;
    struct mse_json_array a;
    for (mse_json_array_begin(&r->j, &a); mse_json_array_next(&r->j, &a);) {
        if (p->num >= MSE_NONCES_DEPTH) {
            return mse_json_fail(&r->j);
        }
        if (mse_json_hex(&r->j, p->hashes[p->num], sizeof p->hashes[0])) {
            p->num++;
        }
    }
    return !r->j.failed;
}

static bool rd_audit(struct reader *r)
{
    static const char *const needed[] = { "index", "size", "path" };
    struct mse_json_object o;
    struct mse_bytes key;
    for (mse_json_object_begin(&r->j, &o); mse_json_object_next(&r->j, &o, &key);) {
        if (mse_bytes_is_str(key, "index")) {
            (void)mse_json_u32(&r->j, &r->r.audit.index);
        } else if (mse_bytes_is_str(key, "size")) {
            (void)mse_json_u32(&r->j, &r->r.audit.size);
        } else if (mse_bytes_is_str(key, "path")) {
            (void)rd_path(r);
        } else {
            (void)mse_json_skip(&r->j, NULL);
        }
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(needed); i++) {
        if (!mse_json_object_has(&o, needed[i])) {
            return mse_json_fail(&r->j);
        }
    }
    r->r.has_audit = true;
    return !r->j.failed;
}

static void rd_session(struct reader *r)
{
    struct mse_json_object o;
    struct mse_bytes key;
    for (mse_json_object_begin(&r->j, &o); mse_json_object_next(&r->j, &o, &key);) {
        if (mse_bytes_is_str(key, "level")) {
            (void)rd_level(r);
        } else if (mse_bytes_is_str(key, "evidence")) {
            (void)rd_evidence(r);
        } else if (mse_bytes_is_str(key, "audit")) {
            (void)rd_audit(r);
        } else {
            (void)mse_json_skip(&r->j, NULL);
        }
    }
    if (!mse_json_object_has(&o, "level") || !mse_json_object_has(&o, "evidence")) {
        (void)mse_json_fail(&r->j);
    }
}

mse_status mse_fresh_read(struct mse_frame_response *out, uint8_t *scratch, size_t cap,
                          struct mse_bytes bundle, struct mse_error *err)
{
    struct reader r = { .r = { .retry_ms = 0 } };
    struct mse_json_object o;
    struct mse_bytes key;
    bool found = false;
    mse_build_fixed(&r.scratch, scratch, cap);
    mse_json_init(&r.j, bundle);
    for (mse_json_object_begin(&r.j, &o); mse_json_object_next(&r.j, &o, &key);) {
        if (mse_bytes_is_str(key, "session")) {
            found = true;
            rd_session(&r);
        } else {
            (void)mse_json_skip(&r.j, NULL);
        }
    }
    if (!mse_build_ok(&r.scratch)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "scratch of %zu bytes is too small", cap);
    }
    if (!mse_json_end(&r.j)) {
        mse_status st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                                 "the answer to the nonce: something is missing, mistyped, there "
                                 "twice or badly encoded");
        mse_error_offset(err, mse_json_offset(&r.j));
        return st;
    }
    if (!found) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP, "the bundle has no answer to a nonce");
    }
    *out = r.r;
    return MSE_OK;
}
