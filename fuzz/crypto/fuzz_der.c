/* SPDX-License-Identifier: Apache-2.0 */
/* DER: an element that is accepted has one encoding, the one that was read. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"

static void check_written(uint8_t tag, struct mse_bytes content, struct mse_bytes whole)
{
    struct mse_build b;
    mse_build_heap(&b, whole.len + 16);
    mse_derw_prim(&b, tag, content);
    MSE_ASSERT(mse_bytes_equal(mse_build_view(&b), whole));
    mse_build_reset(&b);
    size_t mark = mse_derw_open(&b, tag);
    mse_wr_bytes(&b, content);
    mse_derw_close(&b, mark);
    MSE_ASSERT(mse_bytes_equal(mse_build_view(&b), whole));
    mse_build_clear(&b);
}

/* Values that are written the same when they are written again. */
static void check_values(struct mse_bytes whole)
{
    uint8_t buf[64];
    struct mse_build b;
    struct mse_bytes in = whole;
    struct mse_bytes v = { 0 };
    mse_time t = 0;
    mse_time again = -1;
    mse_build_fixed(&b, buf, sizeof buf);
    if (mse_der_uint(&in, &v)) {
        mse_derw_uint(&b, v);
        MSE_ASSERT(mse_bytes_equal(mse_build_view(&b), whole));
    }
    in = whole;
    mse_build_reset(&b);
    if (mse_der_time(&in, &t)) {
        mse_derw_time(&b, t);
        struct mse_bytes written = mse_build_view(&b);
        MSE_ASSERT(mse_der_time(&written, &again) && again == t);
    }
}

static void check_whole(struct mse_bytes whole)
{
    struct mse_bytes in = whole;
    struct mse_bytes v = { 0 };
    bool flag = false;
    bool ok = mse_der_bool(&in, &flag) || mse_der_bits(&in, &v) || mse_der_oid(&in, &v);
    MSE_ASSERT(ok ? in.len == 0 : in.len == whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_bytes content = { 0 };
    struct mse_bytes whole = { 0 };
    uint8_t tag = 0;
    while (mse_der_any(&in, &tag, &content, &whole)) {
        check_written(tag, content, whole);
        check_values(whole);
        check_whole(whole);
        if ((tag & 0x20) != 0) {
            in = content; /* go down the first branch */
        }
    }
    return 0;
}
