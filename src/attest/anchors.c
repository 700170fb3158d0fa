/* SPDX-License-Identifier: Apache-2.0 */
/* The trust anchors of libmse. */
#include "attest/anchors.h"

#include <mse/attest.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

/* The key of the Intel SGX Root CA, X || Y. Both of Intel's root certificates (valid until 2033 and
 * until 2049) carry it. */
static const uint8_t intel_root[64] = {
    0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8, 0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda, 0x10,
    0xa8, 0xbb, 0xd4, 0xe8, 0x8e, 0x48, 0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25, 0xf5,
    0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88, 0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a, 0xac,
    0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53, 0x55, 0x8c, 0x45, 0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73, 0x94,
};

/* SHA-256 of the two root certificates. */
static const uint8_t intel_root_certificates[][32] = {
    { 0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
      0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
      0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3 },
    { 0xfc, 0x64, 0xf8, 0x07, 0x6d, 0x79, 0xa4, 0xfe, 0xe9, 0xd1, 0xd4,
      0x73, 0xd7, 0x4c, 0x89, 0xeb, 0x8d, 0x8f, 0xd5, 0x5c, 0x5a, 0xba,
      0xfe, 0xab, 0xeb, 0xa7, 0x36, 0x6d, 0x20, 0x42, 0x94, 0x04 },
};

const uint8_t *mse_intel_root_point(void)
{
    return intel_root;
}

static void add(struct mse_anchors *a, const uint8_t *point, bool simulated)
{
    struct mse_anchor k = { .point = point, .simulated = simulated };
    a->keys[a->num++] = k;
}

struct mse_anchors mse_anchors_of(const struct mse_policy *p)
{
    struct mse_anchors a = { .num = 0 };
    if (!p->simulation_only) {
        add(&a, intel_root, false);
    }
    /* A compiled-in key stays what it is, whatever a policy calls it. */
    if (!mse_mem_is_zero(p->simulation_root, 64) &&
        !mse_mem_equal(p->simulation_root, intel_root, 64)) {
        add(&a, p->simulation_root, true);
    }
    return a;
}

const struct mse_anchor *mse_anchors_find(const struct mse_anchors *a, const struct mse_pubkey *key)
{
    const uint8_t *point = mse_point_of(key);
    for (size_t i = 0; point != NULL && i < a->num; i++) {
        if (mse_mem_equal(point, a->keys[i].point, 64)) {
            return &a->keys[i];
        }
    }
    return NULL;
}

const uint8_t *mse_point_of(const struct mse_pubkey *key)
{
    bool p256 = key->type == MSE_KEY_P256 && key->raw.len == 65 && key->raw.data[0] == 4;
    return p256 ? key->raw.data + 1 : NULL;
}

bool mse_is_intel_root_certificate(struct mse_bytes der)
{
    uint8_t digest[32];
    if (mse_sha256(digest, der) != MSE_OK) {
        return false;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(intel_root_certificates); i++) {
        if (mse_mem_equal(digest, intel_root_certificates[i], sizeof digest)) {
            return true;
        }
    }
    return false;
}

mse_status mse_simulation_root_of_pem(uint8_t out[64], struct mse_bytes pem, struct mse_error *err)
{
    uint8_t der[4096];
    size_t len = 0;
    struct mse_cert cert;
    mse_status st = mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root", "no PEM certificate");
    }
    st = mse_cert_parse(&cert, mse_bytes_of(der, len), err);
    if (st != MSE_OK) {
        return st;
    }
    uint8_t more[4096];
    if (mse_pem_next(&pem, "CERTIFICATE", more, sizeof more, &len) != MSE_ERR_NOT_FOUND) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root", "more than one certificate");
    }
    const uint8_t *point = mse_point_of(&cert.key);
    if (point == NULL || !cert.is_ca || mse_cert_verify(NULL, &cert, &cert.key) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root",
                        "not a self-signed P-256 CA certificate");
    }
    struct mse_bytes in = mse_bytes_of(point, 64);
    return mse_rd_copy(&in, out, 64) ? MSE_OK : MSE_ERR_MALFORMED;
}
