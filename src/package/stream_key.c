/* SPDX-License-Identifier: Apache-2.0 */
/* See stream_key.h. */
#include "package/stream_key.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

const char *mse_stream_magic(const struct mse_package *p)
{
    if (p->file) {
        return MSE_FILE_MAGIC;
    }
    return p->key == NULL ? MSE_PLAIN_MAGIC : MSE_ENCRYPTED_MAGIC;
}

mse_status mse_stream_key(struct mse_aead **out, const struct mse_package *p,
                          const uint8_t salt[32])
{
    uint8_t derived[32];
    mse_status st =
        mse_hkdf_sha256(derived, sizeof derived, mse_bytes_of(p->key, 32), mse_bytes_of(salt, 32),
                        mse_bytes_str(p->file ? "mse file v1" : "mse package v1"));
    if (st == MSE_OK) {
        st = mse_aead_new(out, derived);
    }
    mse_wipe(derived, sizeof derived);
    return st;
}

void mse_stream_nonce(uint8_t out[12], uint64_t number, bool last)
{
    struct mse_build b;
    mse_build_fixed(&b, out, MSE_AEAD_NONCE_LEN);
    mse_wr_zeros(&b, 3);
    mse_wr_u64be(&b, number);
    mse_wr_u8(&b, last ? 1 : 0);
}
