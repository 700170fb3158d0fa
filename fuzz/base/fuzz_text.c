/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal, base64, dates, decimal numbers: what is accepted has one form. */
#include "base/bytes.h"
#include "base/util.h"

#define MAX 16384

static uint8_t raw[MAX];
static char text[4 * MAX];

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool same_but_case(struct mse_bytes a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != b[i]) {
            return false;
        }
    }
    return b[a.len] == '\0';
}

static void check_decoders(struct mse_bytes in)
{
    size_t len = 0;
    if (mse_hex_decode(raw, in.len / 2, in)) {
        mse_hex_encode(text, mse_bytes_of(raw, in.len / 2));
        MSE_ASSERT(same_but_case(in, text));
    }
    if (mse_base64_decode(raw, sizeof raw, &len, in)) {
        mse_base64_encode(text, mse_bytes_of(raw, len));
        MSE_ASSERT(mse_bytes_is_str(in, text));
    }
    if (mse_base64url_decode(raw, sizeof raw, &len, in)) {
        mse_base64url_encode(text, mse_bytes_of(raw, len));
        MSE_ASSERT(mse_bytes_is_str(in, text));
    }
}

static void check_encoders(struct mse_bytes in)
{
    size_t len = 0;
    mse_hex_encode(text, in);
    MSE_ASSERT(mse_hex_decode(raw, in.len, mse_bytes_str(text)));
    MSE_ASSERT(mse_bytes_equal(mse_bytes_of(raw, in.len), in));
    mse_base64_encode(text, in);
    MSE_ASSERT(mse_base64_decode(raw, sizeof raw, &len, mse_bytes_str(text)));
    MSE_ASSERT(mse_bytes_equal(mse_bytes_of(raw, len), in));
    mse_base64url_encode(text, in);
    MSE_ASSERT(mse_base64url_decode(raw, sizeof raw, &len, mse_bytes_str(text)));
    MSE_ASSERT(mse_bytes_equal(mse_bytes_of(raw, len), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    mse_time t = 0;
    uint64_t n = 0;
    if (size > MAX) {
        return 0;
    }
    check_decoders(in);
    check_encoders(in);
    if (mse_time_parse(&t, in)) {
        mse_time_format(text, t);
        MSE_ASSERT(mse_bytes_is_str(in, text));
    }
    if (mse_u64_parse(&n, in, UINT64_MAX)) {
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)n);
        MSE_ASSERT(mse_bytes_is_str(in, text));
    }
    return 0;
}
