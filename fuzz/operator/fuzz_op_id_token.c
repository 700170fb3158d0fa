/* SPDX-License-Identifier: Apache-2.0 */
/* An ID token, a line end, the keys of its issuer. Signatures all hold (the linker puts the
 * function below in the place of libcjose's), so that what the fuzzer changes gets to the claims.
 */
#include <stddef.h>
#include <stdint.h>

#include <cjose/jws.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/oidc.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's name */
bool __wrap_cjose_jws_verify(cjose_jws_t *jws, const cjose_jwk_t *jwk, cjose_err *err);
bool __wrap_cjose_jws_verify(cjose_jws_t *jws, const cjose_jwk_t *jwk, cjose_err *err)
{
    (void)err;
    return jws != NULL && jwk != NULL;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*) */

static const struct mse_oidc_want want = {
    .issuer = "https://i", .client_id = "c", .nonce = "n", .now = 1800000000
};

static void check(const struct mse_oidc_claims *c)
{
    MSE_ASSERT(c->subject[0] != '\0');
    for (const char *p = c->subject; *p != '\0'; p++) {
        MSE_ASSERT(*p > ' ' && *p <= '~');
    }
    for (const char *p = c->email; *p != '\0'; p++) {
        MSE_ASSERT(*p > ' ' && *p <= '~' && !(*p >= 'A' && *p <= 'Z'));
    }
    MSE_ASSERT(mse_utf8_valid(mse_bytes_str(c->given_name)));
    MSE_ASSERT(c->over_at > want.now);
    MSE_ASSERT(c->over_at <= want.now + MSE_OIDC_MAX_AGE + MSE_OIDC_LEEWAY + MSE_OIDC_LEEWAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_oidc_claims c = { .subject = "" };
    struct mse_error err = { 0 };
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    struct mse_bytes token = mse_bytes_of(data, len);
    struct mse_bytes keys =
        end == NULL ? mse_bytes_of(data, 0) : mse_bytes_of(end + 1, size - len - 1);
    mse_status st = mse_oidc_verify(&c, token, keys, &want, &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check(&c);
    }
    if (mse_oidc_read_claims(&c, keys, &want, NULL) == MSE_OK) {
        check(&c);
    }
    return 0;
}
