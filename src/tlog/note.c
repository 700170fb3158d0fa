/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes and the checkpoints in them; keys by name and id. A signature counts only for a key
 * that the caller names. */
#include "tlog/note.h"

#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"

#define DASH         "\xe2\x80\x94 " /* U+2014 and a space, in front of each signature */
#define ID_LEN       4
#define SIG_LEN      64
#define STAMP_LEN    8
#define SIG_MAX      (ID_LEN + STAMP_LEN + SIG_LEN)
#define ID_CHARS     8 /* of base64, that hold the id */
#define KEY_MAX_TEXT (MSE_LOG_MAX_NAME + 1 + 8 + 1 + 44 + 1)

bool mse_log_rd_line(struct mse_bytes *in, struct mse_bytes *out)
{
    const uint8_t *end = in->len == 0 ? NULL : memchr(in->data, '\n', in->len);
    const uint8_t *skipped = NULL;
    return end != NULL && mse_rd_bytes(in, out, (size_t)(end - in->data)) &&
           mse_rd_take(in, 1, &skipped);
}

bool mse_log_rd_word(struct mse_bytes *in, const char *word, struct mse_bytes *out)
{
    struct mse_bytes rest = *in;
    struct mse_bytes line;
    struct mse_bytes first;
    struct mse_bytes space;
    if (!mse_log_rd_line(&rest, &line) || !mse_rd_bytes(&line, &first, strlen(word)) ||
        !mse_bytes_is_str(first, word) || !mse_rd_bytes(&line, &space, 1) ||
        !mse_bytes_is_str(space, " ")) {
        return false;
    }
    *in = rest;
    *out = line;
    return true;
}

bool mse_log_rd_hashes(struct mse_bytes *in, uint8_t (*out)[MSE_SHA256_LEN], size_t *num,
                       size_t max)
{
    struct mse_bytes rest = *in;
    struct mse_bytes line;
    uint8_t hash[MSE_SHA256_LEN];
    size_t len = 0;
    size_t n = 0;
    while (mse_log_rd_line(&rest, &line) && mse_base64_decode(hash, sizeof hash, &len, line) &&
           len == sizeof hash) {
        if (n >= max) {
            return false;
        }
        memcpy(out[n++], hash, sizeof hash);
        *in = rest;
    }
    *num = n;
    return true;
}

bool mse_log_is_text(struct mse_bytes s, bool lines)
{
    uint32_t c = 0;
    while (s.len > 0) {
        if (!mse_rd_utf8(&s, &c) || (c < 0x20 && !(lines && c == '\n')) ||
            (c >= 0x7f && c < 0xa0)) {
            return false;
        }
    }
    return true;
}

/* The characters of Unicode's property White_Space that are no control characters. */
static bool is_space(uint32_t c)
{
    return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool mse_log_is_name(struct mse_bytes s)
{
    uint32_t c = 0;
    if (s.len == 0 || !mse_log_is_text(s, false)) {
        return false;
    }
    while (s.len > 0) {
        if (!mse_rd_utf8(&s, &c) || is_space(c) || c == '+') {
            return false;
        }
    }
    return true;
}

/* ---- keys ---- */

mse_status mse_log_key_make(struct mse_log_key *out, const char *name, enum mse_log_key_type type,
                            const uint8_t key[32], struct mse_error *err)
{
    struct mse_bytes n = mse_bytes_str(name);
    struct mse_log_key k = { .type = type };
    const uint8_t tag[2] = { '\n', (uint8_t)type };
    const struct mse_bytes parts[] = { n, mse_bytes_of(tag, sizeof tag), mse_bytes_of(key, 32) };
    uint8_t sum[32];
    if (n.len > MSE_LOG_MAX_NAME || !mse_log_is_name(n)) {
        return MSE_FAIL(
            err, MSE_ERR_LOG_KEY, "log",
            "\"%.140s\" is no name of a log or a witness, wanted up to %d bytes without "
            "spaces and plus signs, such as example.org/log",
            name, MSE_LOG_MAX_NAME);
    }
    if (mse_sha256_parts(sum, parts, MSE_ARRAY_LEN(parts)) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "log", "SHA-256 failed");
    }
    struct mse_bytes id = mse_bytes_of(sum, sizeof sum);
    memcpy(k.name, name, n.len);
    memcpy(k.key, key, sizeof k.key);
    (void)!mse_rd_u32be(&id, &k.id);
    *out = k;
    return MSE_OK;
}

static bool rd_until(struct mse_bytes *in, uint8_t mark, struct mse_bytes *out)
{
    const uint8_t *end = in->len == 0 ? NULL : memchr(in->data, mark, in->len);
    return end != NULL && mse_rd_bytes(in, out, (size_t)(end - in->data)) && mse_rd_skip(in, 1);
}

/* "NAME+ID+BASE64": type and key of it. */
static bool rd_key(struct mse_bytes in, char name[MSE_LOG_MAX_NAME + 1], uint8_t id[ID_LEN],
                   uint8_t key[33])
{
    struct mse_bytes n;
    struct mse_bytes hex;
    size_t len = 0;
    if (!rd_until(&in, '+', &n) || n.len > MSE_LOG_MAX_NAME || !rd_until(&in, '+', &hex) ||
        !mse_hex_decode(id, ID_LEN, hex) || !mse_base64_decode(key, 33, &len, in) || len != 33 ||
        !mse_log_is_name(n)) {
        return false;
    }
    memcpy(name, n.data, n.len);
    name[n.len] = '\0';
    return key[0] == MSE_LOG_KEY_LOG || key[0] == MSE_LOG_KEY_WITNESS;
}

mse_status mse_log_key_parse(struct mse_log_key *out, struct mse_bytes text, struct mse_error *err)
{
    char name[MSE_LOG_MAX_NAME + 1];
    uint8_t id[ID_LEN];
    uint8_t key[33];
    uint32_t wanted = 0;
    struct mse_log_key k = { .id = 0 };
    struct mse_bytes octets = { id, sizeof id };
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }
    if (text.len > KEY_MAX_TEXT || !rd_key(text, name, id, key)) {
        return MSE_FAIL(err, MSE_ERR_LOG_KEY, "log",
                        "no public key of a log or a witness, wanted NAME+ID+BASE64 (Ed25519)");
    }
    mse_status st = mse_log_key_make(&k, name, (enum mse_log_key_type)key[0], key + 1, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_rd_u32be(&octets, &wanted) || wanted != k.id) {
        return MSE_FAIL(err, MSE_ERR_LOG_KEY, "log",
                        "the key %.128s says that its id is %08x, by name and key it is %08x", name,
                        wanted, k.id);
    }
    *out = k;
    return MSE_OK;
}

/* ---- notes ---- */

/* A line behind the text: who, which key, and what. */
struct signature {
    struct mse_bytes name;
    uint32_t id;
    struct mse_bytes base64;
};

static bool rd_signature(struct mse_bytes *in, struct signature *out)
{
    uint8_t head[ID_CHARS / 4 * 3];
    struct mse_bytes line;
    struct mse_bytes dash;
    struct signature s;
    size_t len = 0;
    if (!mse_log_rd_line(in, &line) || !mse_rd_bytes(&line, &dash, sizeof DASH - 1) ||
        !mse_bytes_is_str(dash, DASH) || !rd_until(&line, ' ', &s.name) ||
        !mse_log_is_name(s.name) || line.len % 4 != 0) {
        return false;
    }
    s.base64 = line;
    struct mse_bytes first;
    if (!mse_rd_bytes(&line, &first, ID_CHARS) ||
        !mse_base64_decode(head, sizeof head, &len, first) || len <= ID_LEN) {
        return false;
    }
    struct mse_bytes id = mse_bytes_of(head, len);
    *out = s;
    return mse_rd_u32be(&id, &out->id);
}

/* The last empty line parts text and signatures. */
static bool split(struct mse_bytes note, struct mse_bytes *text, struct mse_bytes *signatures)
{
    for (size_t i = note.len; i >= 2; i--) {
        if (note.data[i - 1] == '\n' && note.data[i - 2] == '\n') {
            *text = mse_bytes_of(note.data, i - 1);
            *signatures = mse_bytes_of(note.data + i, note.len - i);
            return true;
        }
    }
    return false;
}

static bool signatures_well_formed(struct mse_bytes lines)
{
    struct signature s;
    if (lines.len == 0) {
        return false;
    }
    while (lines.len > 0) {
        if (!rd_signature(&lines, &s)) {
            return false;
        }
    }
    return true;
}

/* Origin, size, root, and lines that mean nothing here. */
static bool rd_text(struct mse_bytes in, struct mse_log_checkpoint *c)
{
    struct mse_bytes line;
    size_t len = 0;
    bool good = mse_log_rd_line(&in, &c->origin) && c->origin.len > 0 &&
                mse_log_rd_line(&in, &line) && mse_u64_parse(&c->head.size, line, INT64_MAX) &&
                mse_log_rd_line(&in, &line) &&
                mse_base64_decode(c->head.root, sizeof c->head.root, &len, line) &&
                len == sizeof c->head.root;
    while (good && in.len > 0) {
        good = mse_log_rd_line(&in, &line) && line.len > 0;
    }
    return good;
}

mse_status mse_log_checkpoint_parse(struct mse_log_checkpoint *out, struct mse_bytes note,
                                    struct mse_error *err)
{
    struct mse_log_checkpoint c;
    if (note.len > MSE_LOG_MAX_NOTE || !mse_log_is_text(note, true) ||
        !split(note, &c.text, &c.signatures) || c.text.len > MSE_LOG_MAX_TEXT ||
        !signatures_well_formed(c.signatures) || !rd_text(c.text, &c)) {
        return MSE_FAIL(err, MSE_ERR_LOG_FORM, "log",
                        "no checkpoint of a log, wanted a signed note: name, size, root, an empty "
                        "line, signatures");
    }
    *out = c;
    return MSE_OK;
}

/* The signature of a key, raw, with the right length; MSE_ERR_LOG_KEY: it is not there. */
static mse_status find_signature(uint8_t out[SIG_MAX], const struct mse_log_checkpoint *c,
                                 const struct mse_log_key *key, size_t want)
{
    struct mse_bytes lines = c->signatures;
    struct signature s;
    size_t len = 0;
    while (lines.len > 0 && rd_signature(&lines, &s)) {
        if (s.id == key->id && mse_bytes_is_str(s.name, key->name)) {
            bool good = mse_base64_decode(out, SIG_MAX, &len, s.base64) && len == want;
            return good ? MSE_OK : MSE_ERR_SIGNATURE;
        }
    }
    return MSE_ERR_LOG_KEY;
}

static mse_status explain(mse_status st, const struct mse_log_key *key, struct mse_error *err)
{
    if (st == MSE_OK) {
        return st;
    }
    return MSE_FAIL(err, st, "log", "the checkpoint has %s signature of %s (key %08x)",
                    st == MSE_ERR_LOG_KEY ? "no" : "a wrong", key->name, key->id);
}

mse_status mse_log_checkpoint_verify(const struct mse_log_checkpoint *c,
                                     const struct mse_log_key *key, struct mse_error *err)
{
    uint8_t sig[SIG_MAX];
    if (key->type != MSE_LOG_KEY_LOG) {
        return MSE_FAIL(err, MSE_ERR_LOG_KEY, "log", "%s is the key of a witness, not of a log",
                        key->name);
    }
    if (!mse_bytes_is_str(c->origin, key->name)) {
        return MSE_FAIL(err, MSE_ERR_LOG_KEY, "log", "the checkpoint is of the log %.*s, wanted %s",
                        c->origin.len < MSE_LOG_MAX_NAME ? (int)c->origin.len : MSE_LOG_MAX_NAME,
                        (const char *)c->origin.data, key->name);
    }
    mse_status st = find_signature(sig, c, key, ID_LEN + SIG_LEN);
    st = st == MSE_OK ? mse_ed25519_verify(key->key, sig + ID_LEN, c->text) : st;
    return explain(st, key, err);
}

bool mse_log_cosigned_message(uint8_t out[MSE_LOG_COSIGNED_LEN], size_t *out_len, uint64_t at,
                              struct mse_bytes text)
{
    struct mse_build b;
    mse_build_fixed(&b, out, MSE_LOG_COSIGNED_LEN);
    mse_wr_printf(&b, "cosignature/v1\ntime %llu\n", (unsigned long long)at);
    mse_wr_bytes(&b, text);
    *out_len = b.len;
    return mse_build_ok(&b);
}

mse_status mse_log_checkpoint_cosigned(const struct mse_log_checkpoint *c, mse_time *out_at,
                                       const struct mse_log_key *key, struct mse_error *err)
{
    uint8_t sig[SIG_MAX];
    uint8_t message[MSE_LOG_COSIGNED_LEN];
    size_t len = 0;
    uint64_t at = 0;
    if (key->type != MSE_LOG_KEY_WITNESS) {
        return MSE_FAIL(err, MSE_ERR_LOG_KEY, "log", "%s is the key of a log, not of a witness",
                        key->name);
    }
    mse_status st = find_signature(sig, c, key, SIG_MAX);
    if (st == MSE_OK) {
        struct mse_bytes stamp = mse_bytes_of(sig + ID_LEN, STAMP_LEN);
        bool good = mse_rd_u64be(&stamp, &at) && at <= INT64_MAX &&
                    mse_log_cosigned_message(message, &len, at, c->text);
        st = good ? mse_ed25519_verify(key->key, sig + ID_LEN + STAMP_LEN,
                                       mse_bytes_of(message, len))
                  : MSE_ERR_SIGNATURE;
    }
    if (st == MSE_OK && out_at != NULL) {
        *out_at = (mse_time)at;
    }
    return explain(st, key, err);
}
