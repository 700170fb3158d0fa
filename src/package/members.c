/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a manifest by their kind, to and from JSON. */
#include "package/members.h"

#include "base/bytes.h"
#include "base/util.h"

bool mse_member_read_text(char **out, json_t *v)
{
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
        return false;
    }
    *out = strdup(json_string_value(v));
    return *out != NULL;
}

bool mse_member_read_list(struct mse_str_list *out, json_t *v)
{
    size_t num = json_array_size(v);
    if (!json_is_array(v) || num == 0) {
        return false;
    }
    out->items = calloc(num, sizeof *out->items);
    for (size_t i = 0; out->items != NULL && i < num; i++) {
        if (!mse_member_read_text(&out->items[i], json_array_get(v, i))) {
            return false;
        }
        out->num++;
    }
    return out->items != NULL;
}

bool mse_member_read_uint(uint64_t *out, json_t *v, uint64_t max)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max) {
        return false;
    }
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool read_uuid(char out[37], json_t *v)
{
    if (!json_is_string(v) || json_string_length(v) != 36) {
        return false;
    }
    memcpy(out, json_string_value(v), 37);
    return true;
}

/* enums are as wide as unsigned here (checked below). */
static bool read_word(void *at, const char *const *words, json_t *v)
{
    for (unsigned i = 0; json_is_string(v) && words[i] != NULL; i++) {
        if (strcmp(json_string_value(v), words[i]) == 0) {
            memcpy(at, &i, sizeof i);
            return true;
        }
    }
    return false;
}

static bool read_u32(uint32_t *out, json_t *v)
{
    uint64_t n = 0;
    if (!mse_member_read_uint(&n, v, UINT32_MAX)) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

bool mse_member_read(struct mse_manifest *m, const struct mse_member *k, json_t *v)
{
    void *at = (char *)m + k->offset;
    switch (k->kind) {
    case MSE_MEMBER_TEXT:
        return mse_member_read_text(at, v);
    case MSE_MEMBER_UUID:
        return read_uuid(at, v);
    case MSE_MEMBER_LIST:
        return mse_member_read_list(at, v);
    case MSE_MEMBER_HEX32:
        return json_is_string(v) && mse_hex_decode(at, 32, mse_bytes_str(json_string_value(v)));
    case MSE_MEMBER_TIME:
        return json_is_string(v) && mse_time_parse(at, mse_bytes_str(json_string_value(v)));
    case MSE_MEMBER_BOOL:
        *(bool *)at = json_is_true(v);
        return json_is_boolean(v);
    case MSE_MEMBER_U32:
        return read_u32(at, v);
    case MSE_MEMBER_U64:
        return mse_member_read_uint(at, v, 1ULL << 52);
    case MSE_MEMBER_WORD:
        return read_word(at, k->words, v);
    case MSE_MEMBER_OTHER:
        return k->read(m, v);
    }
    return false;
}

bool mse_member_is_absent(const struct mse_manifest *m, const struct mse_member *k)
{
    const void *at = (const char *)m + k->offset;
    if (!k->optional) {
        return false;
    }
    if (k->kind == MSE_MEMBER_LIST) {
        return ((const struct mse_str_list *)at)->num == 0;
    }
    return k->kind == MSE_MEMBER_HEX32 ? mse_mem_is_zero(at, 32)
                                       : mse_mem_is_zero(at, sizeof(char *));
}

/* RFC 8785 3.2.2.2: the seven short escapes that apply, \u00xx for the other controls. */
void mse_member_write_text(struct mse_build *b, const char *s)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    mse_wr_u8(b, '"');
    for (; *s != '\0'; s++) {
        const char *e = NULL;
        for (size_t i = 0; i + 1 < sizeof shorts; i += 2) {
            e = shorts[i] == *s ? shorts + i : e;
        }
        if (e != NULL) {
            mse_wr_u8(b, '\\');
            mse_wr_u8(b, (uint8_t)e[1]);
        } else if ((uint8_t)*s < 0x20) {
            mse_wr_printf(b, "\\u%04x", (unsigned)(uint8_t)*s);
        } else {
            mse_wr_u8(b, (uint8_t)*s);
        }
    }
    mse_wr_u8(b, '"');
}

void mse_member_write_list(struct mse_build *b, const struct mse_str_list *l)
{
    mse_wr_u8(b, '[');
    for (size_t i = 0; i < l->num; i++) {
        if (i > 0) {
            mse_wr_u8(b, ',');
        }
        mse_member_write_text(b, l->items[i]);
    }
    mse_wr_u8(b, ']');
}

static void write_hex(struct mse_build *b, const void *at)
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(at, 32));
    mse_member_write_text(b, hex);
}

static void write_time(struct mse_build *b, const mse_time *t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, *t);
    mse_member_write_text(b, text);
}

static void write_word(struct mse_build *b, const void *at, const char *const *words)
{
    unsigned i = 0;
    _Static_assert(sizeof(enum mse_cert_origin) == sizeof i, "an enum is read as unsigned");
    memcpy(&i, at, sizeof i);
    mse_member_write_text(b, words[i]);
}

void mse_member_write(struct mse_build *b, const struct mse_manifest *m, const struct mse_member *k)
{
    const void *at = (const char *)m + k->offset;
    switch (k->kind) {
    case MSE_MEMBER_TEXT:
        mse_member_write_text(b, *(char *const *)at);
        break;
    case MSE_MEMBER_UUID:
        mse_member_write_text(b, at);
        break;
    case MSE_MEMBER_LIST:
        mse_member_write_list(b, at);
        break;
    case MSE_MEMBER_HEX32:
        write_hex(b, at);
        break;
    case MSE_MEMBER_TIME:
        write_time(b, at);
        break;
    case MSE_MEMBER_BOOL:
        mse_wr_str(b, *(const bool *)at ? "true" : "false");
        break;
    case MSE_MEMBER_U32:
        mse_wr_printf(b, "%u", *(const uint32_t *)at);
        break;
    case MSE_MEMBER_U64:
        mse_wr_printf(b, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case MSE_MEMBER_WORD:
        write_word(b, at, k->words);
        break;
    case MSE_MEMBER_OTHER:
        k->write(b, m);
        break;
    }
}
