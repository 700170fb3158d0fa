/* SPDX-License-Identifier: Apache-2.0 */
/* Files, texts, and the two decodings that the public API does not offer. */
#include "conformance.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <sys/stat.h>

struct mse_bytes conf_read_file(const char *path)
{
    struct mse_bytes none = { NULL, 0 };
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return none;
    }
    /* As large as the file: whoever tests with a filling malloc pays for every byte. */
    const size_t max = (size_t)16 << 20;
    struct stat info;
    size_t want = fstat(fileno(f), &info) == 0 && info.st_size >= 0 ? (size_t)info.st_size : max;
    uint8_t *data = want < max ? malloc(want + 1) : NULL;
    size_t len = data != NULL ? fread(data, 1, want + 1, f) : 0;
    bool bad = data == NULL || ferror(f) != 0 || len != want;
    (void)fclose(f);
    if (bad) {
        free(data);
        return none;
    }
    data[len] = 0;
    return (struct mse_bytes) { data, len };
}

void conf_join(char out[CONF_PATH_LEN], const char *dir, const char *name)
{
    char path[CONF_PATH_LEN];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    bool fits = n > 0 && (size_t)n < sizeof path;
    for (size_t i = 0; fits && i <= (size_t)n; i++) {
        out[i] = path[i];
    }
    if (!fits) {
        out[0] = '\0';
    }
}

void conf_free(struct mse_bytes *b)
{
    union {
        const uint8_t *borrowed;
        uint8_t *owned;
    } p = { .borrowed = b->data };
    free(p.owned);
    b->data = NULL;
    b->len = 0;
}

void conf_hex(char *out, const uint8_t *p, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
}

bool conf_same_bytes(struct mse_bytes a, struct mse_bytes b)
{
    for (size_t i = 0; a.len == b.len && i < a.len; i++) {
        if (a.data[i] != b.data[i]) {
            return false;
        }
    }
    return a.len == b.len;
}

void conf_say(char *text, const char *fmt, ...)
{
    size_t len = strlen(text);
    int n = snprintf(text + len, CONF_TEXT_LEN - len, "%s", len > 0 ? "; " : "");
    len += n > 0 ? (size_t)n : 0;
    if (len >= CONF_TEXT_LEN) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text + len, CONF_TEXT_LEN - len, fmt, ap);
    va_end(ap);
}

/* SHA-256, FIPS 180-4 §6.2. */

static uint32_t rotr(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_block(uint32_t h[8], const uint8_t block[64])
{
    uint32_t w[64];
    for (size_t t = 0; t < 64; t++) {
        if (t < 16) {
            w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
                   (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
            continue;
        }
        uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
        uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    uint32_t v[8];
    for (size_t i = 0; i < 8; i++) {
        v[i] = h[i];
    }
    for (size_t t = 0; t < 64; t++) {
        uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_k[t] + w[t];
        uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (size_t i = 7; i > 0; i--) {
            v[i] = v[i - 1];
        }
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; i++) {
        h[i] += v[i];
    }
}

void conf_sha256(uint8_t out[32], const uint8_t *p, size_t len)
{
    uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    size_t blocks = (len + 9 + 63) / 64;
    for (size_t b = 0; b < blocks; b++) {
        uint8_t block[64];
        for (size_t i = 0; i < 64; i++) {
            size_t at = 64 * b + i;
            block[i] = at < len ? p[at] : at == len ? 0x80 : 0;
            if (b + 1 == blocks && i >= 56) {
                block[i] = (uint8_t)((uint64_t)len * 8 >> (8 * (63 - i)));
            }
        }
        sha256_block(h, block);
    }
    for (size_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(h[i / 4] >> (8 * (3 - i % 4)));
    }
}

/* PEM: only enough to hand a certificate to the API; its reader judges the DER. */

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

struct mse_bytes conf_first_certificate(struct mse_bytes pem)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    struct mse_bytes none = { NULL, 0 };
    const uint8_t *at = memmem(pem.data, pem.len, begin, sizeof begin - 1);
    uint8_t *out = at != NULL ? malloc(pem.len) : NULL;
    if (out == NULL) {
        return none;
    }
    size_t len = 0;
    uint32_t bits = 0;
    unsigned num = 0;
    const uint8_t *end = pem.data + pem.len;
    for (at += sizeof begin - 1; at < end && *at != '-'; at++) {
        int v = base64_value((char)*at);
        if (v < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)v;
        num += 6;
        if (num >= 8) {
            num -= 8;
            out[len++] = (uint8_t)(bits >> num);
        }
    }
    struct mse_bytes der = { out, len };
    return der;
}

bool conf_is_der(struct mse_bytes file)
{
    return file.len > 0 && file.data[0] == 0x30; /* SEQUENCE; PEM begins with a dash or a word */
}

struct mse_bytes conf_pem(struct mse_bytes der)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n";
    static const char end[] = "-----END CERTIFICATE-----\n";
    const size_t line = 48; /* bytes, 64 columns */
    struct mse_bytes pem = { NULL, 0 };
    char *text = malloc(sizeof begin + sizeof end + 2 * der.len + 8);
    if (text == NULL || der.len == 0) {
        free(text);
        return pem;
    }
    size_t len = sizeof begin - 1;
    memcpy(text, begin, len);
    for (size_t i = 0; i < der.len; i += line) {
        size_t n = der.len - i < line ? der.len - i : line;
        len += (size_t)EVP_EncodeBlock((uint8_t *)text + len, der.data + i, (int)n);
        text[len++] = '\n';
    }
    memcpy(text + len, end, sizeof end - 1);
    len += sizeof end - 1;
    pem.data = (const uint8_t *)text;
    pem.len = len;
    return pem;
}

mse_status conf_appraise(both_fn *appraise, struct mse_verdict *out, struct mse_bytes evidence,
                         const struct mse_collateral *collateral, const struct mse_policy *policy,
                         mse_time at)
{
    const struct both_case c = { appraise, evidence, collateral, policy, at };
    return both_appraise(out, &c, NULL);
}
