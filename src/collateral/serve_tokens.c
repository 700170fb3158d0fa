/* SPDX-License-Identifier: Apache-2.0 */
/* The file of token hashes. It is read by the command, before the module is loaded. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "collateral/serve.h"

#define MAX_TOKEN_LINE ((size_t)256)
#define HEX_SHA512     ((size_t)2 * MSE_SERVE_TOKEN_LEN)

static struct mse_bytes take_word(struct mse_bytes *line)
{
    size_t begin = 0;
    while (begin < line->len && (line->data[begin] == ' ' || line->data[begin] == '\t')) {
        begin++;
    }
    size_t end = begin;
    while (end < line->len && line->data[end] != ' ' && line->data[end] != '\t' &&
           line->data[end] != '\r') {
        end++;
    }
    struct mse_bytes word = mse_bytes_of(line->data + begin, end - begin);
    line->data += end;
    line->len -= end;
    return word;
}

static bool read_token(struct mse_serve_config *c, struct mse_bytes line)
{
    struct mse_bytes name = take_word(&line);
    if (name.len == 0 || name.data[0] == '#') {
        return true;
    }
    struct mse_bytes hex = take_word(&line);
    bool user = mse_bytes_is_str(name, "user") && !c->has_user;
    bool admin = mse_bytes_is_str(name, "admin") && !c->has_admin;
    uint8_t hash[MSE_SERVE_TOKEN_LEN];
    if (!(user || admin) || hex.len != HEX_SHA512 || !mse_hex_decode(hash, sizeof hash, hex) ||
        take_word(&line).len != 0) {
        return false;
    }
    memcpy(user ? c->user_sha512 : c->admin_sha512, hash, sizeof hash);
    c->has_user = c->has_user || user;
    c->has_admin = c->has_admin || admin;
    return true;
}

mse_status mse_serve_tokens_parse(struct mse_serve_config *c, struct mse_bytes text,
                                  struct mse_error *err)
{
    unsigned number = 0;
    while (text.len > 0) {
        size_t n = mse_bytes_find(text, mse_bytes_str("\n"));
        n = n == SIZE_MAX ? text.len : n;
        number++;
        if (n > MAX_TOKEN_LINE || !read_token(c, mse_bytes_of(text.data, n))) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "tokens",
                            "line %u: wanted \"user\" or \"admin\", once each, and the SHA-512 of "
                            "the token in hexadecimal",
                            number);
        }
        size_t skip = n < text.len ? n + 1 : n;
        text.data += skip;
        text.len -= skip;
    }
    return MSE_OK;
}
