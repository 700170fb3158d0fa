/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets under valgrind: their bytes count as undefined, so that memcheck reports every branch and
 * every address that depends on one. usage: ct CASE; ct --can says by its exit status whether it
 * was built for that. */
#include <stdio.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

#ifdef HAVE_MEMCHECK
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(p, len) ((void)(p), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(p, len)   ((void)(p), (void)(len))
#endif

#define SECRET_LEN 64

/* 64 bytes that are a secret from here on. */
struct secret {
    uint8_t bytes[SECRET_LEN];
};

static void make_secret(struct secret *s)
{
    for (size_t i = 0; i < sizeof s->bytes; i++) {
        s->bytes[i] = (uint8_t)(i * 37 + 11);
    }
    (void)VALGRIND_MAKE_MEM_UNDEFINED(s->bytes, sizeof s->bytes);
}

/* The result of a comparison is told to the peer anyway. */
static bool told(bool result)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(&result, sizeof result);
    return result;
}

/* How secrets must not be compared: memcheck has to find it, or the other cases prove nothing. */
static bool leaky_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    const volatile uint8_t *x = a;
    for (size_t i = 0; i < len; i++) {
        if (x[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static bool leaky(const struct secret *s)
{
    struct secret other;
    make_secret(&other);
    return leaky_equal(s->bytes, other.bytes, sizeof s->bytes);
}

/* Equal, and different in each single byte, for every length. */
static bool equal(const struct secret *s)
{
    bool ok = true;
    for (size_t len = 0; len <= SECRET_LEN; len++) {
        struct secret other;
        make_secret(&other);
        ok = ok && told(mse_ct_equal(s->bytes, other.bytes, len));
        for (size_t i = 0; i < len; i++) {
            other.bytes[i] ^= 0x80;
            ok = ok && !told(mse_ct_equal(s->bytes, other.bytes, len));
            other.bytes[i] ^= 0x80;
        }
    }
    return ok;
}

/* A token: its digest is compared with the one that was measured. */
static bool token(const struct secret *s)
{
    uint8_t seen[32];
    uint8_t wanted[32] = { 0 };
    struct secret other;
    make_secret(&other);
    bool ok = mse_sha256(seen, mse_bytes_of(s->bytes, sizeof s->bytes)) == MSE_OK &&
              mse_sha256(wanted, mse_bytes_of(other.bytes, sizeof other.bytes)) == MSE_OK;
    ok = ok && told(mse_ct_equal(seen, wanted, sizeof seen));
    wanted[31] ^= 1;
    return ok && !told(mse_ct_equal(seen, wanted, sizeof seen));
}

/* What derives from a key: sealing keys, keys of packages. */
static bool derive(const struct secret *s)
{
    uint8_t a[96];
    uint8_t b[96];
    struct mse_bytes key = { s->bytes, sizeof s->bytes };
    struct mse_bytes salt = { s->bytes + 8, 16 };
    bool ok = mse_hkdf_sha256(a, sizeof a, key, salt, mse_bytes_str("info")) == MSE_OK &&
              mse_hkdf_sha256(b, sizeof b, key, salt, mse_bytes_str("info")) == MSE_OK;
    return ok && told(mse_ct_equal(a, b, sizeof a));
}

/* Secrets on their way: read, written, grown, wiped. */
static bool carry(const struct secret *s)
{
    struct mse_build b;
    struct mse_bytes in = { s->bytes, sizeof s->bytes };
    uint8_t copy[SECRET_LEN];
    mse_build_heap(&b, 4096);
    for (size_t i = 0; i < 32; i++) {
        mse_wr_bytes(&b, in);
    }
    bool ok = mse_build_ok(&b) && mse_rd_copy(&in, copy, sizeof copy) &&
              told(mse_ct_equal(copy, b.data + b.len - sizeof copy, sizeof copy));
    mse_wipe(copy, sizeof copy);
    (void)VALGRIND_MAKE_MEM_DEFINED(copy, sizeof copy);
    mse_build_clear(&b);
    return ok && copy[0] == 0 && copy[SECRET_LEN - 1] == 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool (*run)(const struct secret *s);
    } cases[] = {
        { "leaky", leaky },   { "equal", equal }, { "token", token },
        { "derive", derive }, { "carry", carry },
    };
    struct secret s;
    if (argc == 2 && strcmp(argv[1], "--can") == 0) {
#ifdef HAVE_MEMCHECK
        return 0;
#else
        return 1;
#endif
    }
    make_secret(&s);
    for (size_t i = 0; argc == 2 && i < MSE_ARRAY_LEN(cases); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            return cases[i].run(&s) ? 0 : 1;
        }
    }
    (void)fprintf(stderr, "usage: ct leaky|equal|token|derive|carry, or ct --can\n");
    return 2;
}
