/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sealed_box.h"

#include <dlfcn.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/x25519.h"

#define LIBRARY "libsodium.so.23"
#define STEP    "sealed box"

_Static_assert(crypto_box_PUBLICKEYBYTES == 32 && crypto_box_SECRETKEYBYTES == 32, "X25519");

/* What is used of libsodium, with the types of its header. */
struct sodium {
    __typeof__(&sodium_init) init;
    __typeof__(&crypto_box_seal) seal;
    __typeof__(&crypto_box_seal_open) open;
};

static bool find(void *library, const char *name, void *slot)
{
    void *symbol = dlsym(library, name);
    memcpy(slot, &symbol, sizeof symbol); /* ISO C has no cast from object to function */
    return symbol != NULL;
}

/* *out is heap. */
static mse_status load(struct sodium **out, struct mse_error *err)
{
    struct sodium *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    /* Never closed: the program ends soon after. */
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || !find(library, "sodium_init", &s->init) ||
        !find(library, "crypto_box_seal", &s->seal) ||
        !find(library, "crypto_box_seal_open", &s->open) || s->init() < 0) {
        free(s);
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        LIBRARY " is needed for sealed boxes, and is not installed or incomplete");
    }
    *out = s;
    return MSE_OK;
}

/* Room for len bytes, with an address also for none. */
static uint8_t *room(struct mse_build *out, size_t len)
{
    uint8_t *at = mse_wr_space(out, len + 1);
    if (at != NULL) {
        out->len--;
    }
    return at;
}

mse_status cli_seal(struct mse_build *out, struct mse_bytes in, const uint8_t public[32],
                    struct mse_error *err)
{
    struct sodium *s = NULL;
    uint8_t *at = room(out, in.len + crypto_box_SEALBYTES);
    if (at == NULL) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "too long");
    }
    mse_status st = load(&s, err);
    if (s != NULL && s->seal(at, in.data, in.len, public) != 0) {
        st = MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                      "the receiver's key is none that anything can be sealed to");
    }
    free(s);
    return st;
}

mse_status cli_unseal(struct mse_build *out, struct mse_bytes box, const uint8_t secret[32],
                      struct mse_error *err)
{
    struct sodium *s = NULL;
    uint8_t public[32];
    if (box.len < crypto_box_SEALBYTES) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%zu bytes, shorter than any sealed box (%u)",
                        box.len, crypto_box_SEALBYTES);
    }
    mse_status st = mse_x25519_public(public, secret);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "the private key is none of X25519");
    }
    uint8_t *at = room(out, box.len - crypto_box_SEALBYTES);
    if (at == NULL) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "too long");
    }
    st = load(&s, err);
    if (s != NULL && s->open(at, box.data, box.len, public, secret) != 0) {
        st = MSE_FAIL(err, MSE_ERR_SIGNATURE, STEP, "damaged, or sealed to another key");
    }
    free(s);
    return st;
}
