/* SPDX-License-Identifier: Apache-2.0 */
/* See identity.h. What the certificate is made of is ratls' matter; here it is tied to the manifest
 * and to the driver. */
#include "enclave/identity.h"

#include "base/bytes.h"
#include "base/error.h"
#include "ratls/identity.h"

#define MAX_CERT ((size_t)64 * 1024)
#define EARLY    3600 /* clocks of verifiers may be behind */

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    const struct mse_enclave_tee *tee = arg;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_status st = tee->ops->quote(tee->t, &b, report_data, err);
    if (st == MSE_OK) {
        *out_len = b.len;
    }
    return st;
}

mse_status mse_identity_make(struct mse_identity *out, const struct mse_manifest *m,
                             const uint8_t manifest_digest[32], const struct mse_enclave_tee *tee,
                             struct mse_error *err)
{
    struct mse_enclave_tee driver = *tee;
    const struct mse_ratls_identity_params p = {
        .quote = quote,
        .quote_arg = &driver,
        .name = m->san,
        .not_before = m->created_at - EARLY,
        .not_after = m->expires_at,
        .manifest = mse_bytes_of(manifest_digest, 32),
        .legacy_extension = m->legacy_extension,
    };
    struct mse_identity id = { .key = NULL };
    mse_build_heap(&id.cert, MAX_CERT);
    mse_status st = mse_privkey_generate_p256(&id.key);
    st = st == MSE_OK ? mse_ratls_issue(&id.cert, id.key, &p, err)
                      : MSE_FAIL(err, st, "identity", "no key can be made");
    if (st != MSE_OK) {
        mse_identity_clear(&id);
        return st;
    }
    *out = id;
    return MSE_OK;
}

void mse_identity_clear(struct mse_identity *id)
{
    mse_privkey_free(id->key);
    mse_build_clear(&id->cert);
    id->key = NULL;
}
