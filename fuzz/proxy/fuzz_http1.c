/* SPDX-License-Identifier: Apache-2.0 */
/* A request or response that is accepted is written on so that it is read the same again; a chunked
 * body ends at the same byte however it is cut. The first byte says which. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "proxy/forward.h"
#include "proxy/rules.h"

#define METHOD "GET"

static struct mse_http1_head first;
static struct mse_http1_head second;
static uint8_t room[4 * MSE_HTTP1_HEAD_MAX];

static const struct mse_forward to = { .scheme = "http",
                                       .here = { (const uint8_t *)"localhost:8080", 14 },
                                       .app = { (const uint8_t *)"app.example", 11 } };

static void request(struct mse_bytes in)
{
    const char *why = NULL;
    struct mse_build b;
    struct mse_authority at;
    if (mse_http1_request(&first, in, &why) != 200) {
        return;
    }
    MSE_ASSERT(first.len <= in.len && first.host.len <= first.len);
    if (mse_authority_read(&at, first.host, 80) && mse_rules_is_here(first.host, 8080, false)) {
        (void)mse_rules_page(&first, "http", &at);
    }
    if (first.form == MSE_HTTP1_AUTHORITY || first.num_fields + 3 > MSE_HTTP1_FIELDS_MAX) {
        return;
    }
    mse_build_fixed(&b, room, sizeof room);
    mse_forward_request(&b, &first, &to);
    MSE_ASSERT(mse_build_ok(&b));
    if (b.len > MSE_HTTP1_HEAD_MAX) {
        return;
    }
    MSE_ASSERT(mse_http1_request(&second, mse_build_view(&b), &why) == 200);
    MSE_ASSERT(second.len == b.len && second.framing == first.framing &&
               second.content_length == first.content_length &&
               mse_bytes_equal(second.method, first.method) &&
               mse_bytes_equal(second.path, first.path) && second.upgrade == first.upgrade &&
               mse_bytes_is_str(second.host, "app.example"));
}

static void response(struct mse_bytes in)
{
    const char *why = NULL;
    struct mse_build b;
    if (mse_http1_response(&first, in, mse_bytes_str(METHOD), &why) != 200 ||
        first.num_fields + 3 > MSE_HTTP1_FIELDS_MAX) {
        return;
    }
    mse_build_fixed(&b, room, sizeof room);
    mse_forward_response(&b, &first, &to, false);
    MSE_ASSERT(mse_build_ok(&b));
    if (b.len > MSE_HTTP1_HEAD_MAX) {
        return;
    }
    MSE_ASSERT(mse_http1_response(&second, mse_build_view(&b), mse_bytes_str(METHOD), &why) == 200);
    MSE_ASSERT(second.len == b.len && second.framing == first.framing &&
               second.status == first.status && second.content_length == first.content_length);
}

static enum mse_http1_step feed(struct mse_bytes in, size_t step, bool trailers, size_t *taken)
{
    struct mse_http1_body b;
    enum mse_http1_step s = MSE_HTTP1_MORE;
    first.framing = MSE_HTTP1_CHUNKED;
    mse_http1_body_begin(&b, &first, trailers);
    *taken = 0;
    while (s == MSE_HTTP1_MORE && *taken < in.len) {
        size_t n = 0;
        size_t len = in.len - *taken < step ? in.len - *taken : step;
        s = mse_http1_body_take(&b, mse_bytes_of(in.data + *taken, len), &n);
        MSE_ASSERT(n <= len && (n == len || s != MSE_HTTP1_MORE));
        *taken += n;
    }
    return s;
}

static void body(struct mse_bytes in, bool trailers)
{
    size_t whole = 0;
    size_t pieces = 0;
    enum mse_http1_step a = feed(in, in.len, trailers, &whole);
    enum mse_http1_step b = feed(in, 1, trailers, &pieces);
    MSE_ASSERT(a == b && (a == MSE_HTTP1_BAD || whole == pieces));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct mse_bytes in = { data + 1, size - 1 };
    switch (data[0] % 4) {
    case 0:
        request(in);
        break;
    case 1:
        response(in);
        break;
    default:
        body(in, data[0] % 4 == 2);
    }
    return 0;
}
