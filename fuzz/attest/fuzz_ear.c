/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results of strangers: as a token, and as the payload of one that has the right form.
 * What is read makes sense, nobody's key signed it, and what is refused leaves the output alone. */
#include <mse/ear.h>

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

#define MAX_LEN ((size_t)64 * 1024)

static const char signer[] = "-----BEGIN PUBLIC KEY-----\n"
                             "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH/r6/duxa+VJvH9VECeBh6ckY7Ep\n"
                             "pnou2hlPvsfKdM+yMRR27cahL4kE1A0Ur+44urdJTWa0mZlABX4rgU3ycw==\n"
                             "-----END PUBLIC KEY-----\n";

static void check_submod(const struct mse_ear_submod *s)
{
    MSE_ASSERT(!s->has_verdict || s->accepted || s->status == MSE_EAR_CONTRAINDICATED);
    for (size_t k = 0; k < MSE_EAR_NUM_CLAIMS; k++) {
        enum mse_ear_tier t = mse_ear_tier_of(s->vector.claims[k]);
        MSE_ASSERT(t == MSE_EAR_NONE || t <= s->status);
    }
}

static void check(const struct mse_ear *e, struct mse_bytes scratch)
{
    MSE_ASSERT(e->num_submods >= 1 && e->num_submods <= MSE_EAR_MAX_SUBMODS);
    MSE_ASSERT(e->payload.data >= scratch.data &&
               e->payload.data + e->payload.len <= scratch.data + scratch.len);
    for (size_t i = 0; i < e->num_submods; i++) {
        const struct mse_ear_submod *s = &e->submods[i];
        MSE_ASSERT(s->status <= e->status && e->status <= MSE_EAR_CONTRAINDICATED);
        check_submod(s);
    }
}

static void judge(struct mse_bytes jwt)
{
    static uint8_t scratch[2 * MAX_LEN];
    static struct mse_ear e;
    const struct mse_ear_check c = { .signer_pem = mse_bytes_str(signer), .at = INT64_MAX };
    struct mse_error err = { .status = MSE_OK };
    e.num_submods = 77;
    MSE_ASSERT(mse_ear_verify(&e, scratch, sizeof scratch, jwt, &c, NULL) != MSE_OK);
    mse_status st = mse_ear_read(&e, scratch, sizeof scratch, jwt, &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        check(&e, mse_bytes_of(scratch, sizeof scratch));
    } else {
        MSE_ASSERT(e.num_submods == 77 && err.text[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char token[2 * MAX_LEN + 256];
    static const uint8_t sig[64] = { 1 };
    if (size > MAX_LEN) {
        return 0;
    }
    judge(mse_bytes_of(data, size));
    char *at = token;
    mse_base64url_encode(at, mse_bytes_str("{\"alg\":\"ES256\"}"));
    at += strlen(at);
    *at++ = '.';
    mse_base64url_encode(at, mse_bytes_of(data, size));
    at += strlen(at);
    *at++ = '.';
    mse_base64url_encode(at, mse_bytes_of(sig, sizeof sig));
    judge(mse_bytes_str(token));
    return 0;
}
