/* SPDX-License-Identifier: Apache-2.0 */
#include "enclave/sealed.h"

#include <sodium.h>

_Static_assert(MSE_SEALED_EXTRA == crypto_box_SEALBYTES, "sealed box");
_Static_assert(crypto_box_PUBLICKEYBYTES == 32 && crypto_box_SECRETKEYBYTES == 32, "X25519");

bool mse_sealed_open(struct mse_build *out, struct mse_bytes box, const uint8_t secret[32],
                     const uint8_t public[32])
{
    if (sodium_init() < 0 || box.len < MSE_SEALED_EXTRA) {
        return false;
    }
    size_t before = out->len;
    /* One byte more, so that there is an address for the empty content too. */
    uint8_t *room = mse_wr_space(out, box.len - MSE_SEALED_EXTRA + 1);
    if (room == NULL) {
        return false;
    }
    bool opened = crypto_box_seal_open(room, box.data, box.len, public, secret) == 0;
    out->len = before + (opened ? box.len - MSE_SEALED_EXTRA : 0);
    return opened;
}

bool mse_sealed_make(struct mse_build *out, struct mse_bytes in, const uint8_t public[32])
{
    uint8_t *room = sodium_init() < 0 ? NULL : mse_wr_space(out, in.len + MSE_SEALED_EXTRA);
    return room != NULL && crypto_box_seal(room, in.data, in.len, public) == 0;
}
