/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_write.h"

#include "base/bytes.h"
#include "base/util.h"

static void wr_string(struct mse_build *b, const char *s)
{
    struct mse_bytes in = mse_bytes_str(s);
    mse_wr_u8(b, '"');
    while (in.len > 0) {
        struct mse_bytes at = in;
        uint32_t c = 0;
        if (!mse_rd_utf8(&in, &c)) {
            mse_wr_str(b, "\\ufffd");
            in = mse_bytes_of(at.data + 1, at.len - 1);
        } else if (c < 0x20 || c == 0x7f) {
            mse_wr_printf(b, "\\u%04x", c);
        } else {
            mse_wr_str(b, c == '"' || c == '\\' ? "\\" : "");
            mse_wr_copy(b, at.data, at.len - in.len);
        }
    }
    mse_wr_u8(b, '"');
}

/* What stands in front of a value. */
static void begin(struct mse_js *j, const char *key)
{
    if (j->comma) {
        mse_wr_u8(j->b, ',');
    }
    j->comma = true;
    if (key != NULL) {
        wr_string(j->b, key);
        mse_wr_u8(j->b, ':');
    }
}

void mse_js_key(struct mse_js *j, const char *key)
{
    begin(j, key);
}

void mse_js_open(struct mse_js *j, const char *key, char bracket)
{
    begin(j, key);
    mse_wr_u8(j->b, (uint8_t)bracket);
    j->comma = false;
}

void mse_js_close(struct mse_js *j, char bracket)
{
    mse_wr_u8(j->b, (uint8_t)bracket);
    j->comma = true;
}

void mse_js_str(struct mse_js *j, const char *key, const char *value)
{
    begin(j, key);
    if (value != NULL) {
        wr_string(j->b, value);
    } else {
        mse_wr_str(j->b, "null");
    }
}

void mse_js_bool(struct mse_js *j, const char *key, bool value)
{
    begin(j, key);
    mse_wr_str(j->b, value ? "true" : "false");
}

void mse_js_int(struct mse_js *j, const char *key, int64_t value)
{
    begin(j, key);
    mse_wr_printf(j->b, "%lld", (long long)value);
}

void mse_js_uint(struct mse_js *j, const char *key, uint64_t value)
{
    begin(j, key);
    mse_wr_printf(j->b, "%llu", (unsigned long long)value);
}

void mse_js_hex(struct mse_js *j, const char *key, const uint8_t *p, size_t len)
{
    begin(j, key);
    mse_wr_u8(j->b, '"');
    mse_wr_hex(j->b, p, len);
    mse_wr_u8(j->b, '"');
}

void mse_js_time(struct mse_js *j, const char *key, mse_time t)
{
    begin(j, key);
    mse_wr_u8(j->b, '"');
    mse_wr_time(j->b, t);
    mse_wr_u8(j->b, '"');
}
