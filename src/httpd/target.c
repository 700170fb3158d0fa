/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/target.h"

#include "base/bytes.h"
#include "base/util.h"

/* text up to the first c, which is taken away too; all of it if there is none. */
static struct mse_bytes cut(struct mse_bytes *text, char c)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->data, c, text->len);
    size_t len = at == NULL ? text->len : (size_t)(at - text->data);
    size_t gone = at == NULL ? len : len + 1;
    struct mse_bytes head = mse_bytes_of(text->data, len);
    *text = mse_bytes_of(text->data + gone, text->len - gone);
    return head;
}

bool mse_target_split(struct mse_target *out, struct mse_bytes text)
{
    if (text.len == 0 || text.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || text.data[i] == '#') {
            return false;
        }
    }
    out->path = cut(&text, '?');
    out->query = text;
    return true;
}

bool mse_target_segment(struct mse_bytes *path, struct mse_bytes *out)
{
    if (path->len == 0 || path->data[0] != '/') {
        return false;
    }
    struct mse_bytes rest = mse_bytes_of(path->data + 1, path->len - 1);
    const uint8_t *slash = rest.len == 0 ? NULL : memchr(rest.data, '/', rest.len);
    size_t len = slash == NULL ? rest.len : (size_t)(slash - rest.data);
    *out = mse_bytes_of(rest.data, len);
    *path = mse_bytes_of(rest.data + len, rest.len - len);
    return true;
}

bool mse_target_parameter(struct mse_bytes *query, struct mse_bytes *name, struct mse_bytes *value)
{
    while (query->len > 0) {
        struct mse_bytes pair = cut(query, '&');
        if (pair.len > 0) {
            *name = cut(&pair, '=');
            *value = pair;
            return true;
        }
    }
    return false;
}

bool mse_target_decode(char *out, size_t cap, struct mse_bytes text, bool query)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            if (text.len - i < 3 || !mse_hex_decode(&c, 1, mse_bytes_of(text.data + i + 1, 2))) {
                return false;
            }
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (c == 0 || n + 1 >= cap) {
            return false;
        }
        out[n++] = (char)c;
    }
    if (n >= cap) {
        return false;
    }
    out[n] = '\0';
    return mse_utf8_valid(mse_bytes_of((const uint8_t *)out, n));
}
