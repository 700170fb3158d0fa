/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: what is accepted names a key hash of the right length, and claims of ours that are read
 * and made again give the same bytes. */
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "ratls/claims.h"
#include "ratls/make.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct mse_bytes part, const uint8_t *data, size_t size)
{
    return part.len == 0 ||
           (part.data >= data && part.len <= size && (size_t)(part.data - data) <= size - part.len);
}

/* Claims of ours with no foreign key among them. */
static void make_again(const struct mse_ratls_claims *c, struct mse_bytes raw)
{
    uint8_t buf[512];
    struct mse_build out;
    struct mse_ratls_claims_params p = { .role = c->role,
                                         .nonce = c->nonce,
                                         .exporter = c->exporter,
                                         .x25519 = c->x25519,
                                         .manifest = c->manifest,
                                         .boot = c->boot,
                                         .app_data = c->app_data,
                                         .key_origin = c->key_origin,
                                         .ca_sha256 = c->ca_hash };
    MSE_ASSERT(c->hash_alg == MSE_HASH_ALG_SHA256);
    memcpy(p.spki_sha256, c->pubkey_hash.data, sizeof p.spki_sha256);
    mse_build_fixed(&out, buf, sizeof buf);
    MSE_ASSERT(mse_ratls_claims_make(&out, &p) == MSE_OK);
    MSE_ASSERT(out.len <= raw.len);
    MSE_ASSERT(out.len < raw.len || mse_bytes_equal(mse_build_view(&out), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes raw = mse_bytes_of(data, size);
    struct mse_ratls_claims c = { 0 };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_ratls_claims_read(&c, raw, &err);
    MSE_ASSERT(st == err.status);
    if (st != MSE_OK) {
        MSE_ASSERT(c.hash_alg == 0 && c.pubkey_hash.data == NULL);
        return 0;
    }
    MSE_ASSERT(mse_cbor_check(raw, MSE_CBOR_LENIENT));
    MSE_ASSERT(c.pubkey_hash.len == 32 || c.pubkey_hash.len == 48 || c.pubkey_hash.len == 64);
    MSE_ASSERT(is_inside(c.pubkey_hash, data, size) && is_inside(c.nonce, data, size) &&
               is_inside(c.exporter, data, size) && is_inside(c.x25519, data, size) &&
               is_inside(c.manifest, data, size) && is_inside(c.boot, data, size) &&
               is_inside(c.app_data, data, size) && is_inside(c.ca_hash, data, size));
    if (c.role != MSE_ROLE_ABSENT) {
        make_again(&c, raw);
    }
    return 0;
}
