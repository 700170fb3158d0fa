/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a request: its parts lie in it, in order, and what is decoded is text. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/target.h"

static void read_value(struct mse_bytes value)
{
    char text[64];
    if (mse_target_decode(text, sizeof text, value, true)) {
        MSE_ASSERT(strlen(text) <= value.len);
        MSE_ASSERT(mse_utf8_valid(mse_bytes_str(text)));
    }
}

static void read_query(struct mse_bytes query)
{
    struct mse_bytes name = { 0 };
    struct mse_bytes value = { 0 };
    while (mse_target_parameter(&query, &name, &value)) {
        MSE_ASSERT(name.len == 0 || memchr(name.data, '&', name.len) == NULL);
        read_value(value);
    }
    MSE_ASSERT(query.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_target t;
    struct mse_bytes one = { 0 };
    size_t seen = 0;
    if (!mse_target_split(&t, mse_bytes_of(data, size))) {
        return 0;
    }
    size_t len = t.path.len;
    while (mse_target_segment(&t.path, &one)) {
        seen += one.len + 1;
        MSE_ASSERT(one.len == 0 || memchr(one.data, '/', one.len) == NULL);
    }
    MSE_ASSERT(seen == len);
    read_query(t.query);
    return 0;
}
