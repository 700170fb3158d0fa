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

/* The AWS Nitro Enclaves root G1, valid until 2049: its certificate, and its SPKI below. */
static const uint8_t nitro_root_certificate[32] = {
    0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46, 0x31, 0x95, 0xd6, 0x06, 0x31,
    0x7e, 0xd7, 0xcd, 0xcc, 0x3c, 0x17, 0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b,
};

/* And the ARKs of AMD, valid until 2045 (Milan), 2047 and 2048. */
static const struct {
    enum mse_tee_kind tee;
    enum mse_snp_product product;
    uint8_t spki_sha256[32];
} hashed_roots[] = {
    { MSE_TEE_NITRO, MSE_SNP_PRODUCT_NONE, { 0xf2, 0xca, 0xf5, 0xec, 0xc6, 0x19, 0x0b, 0x4a,
                                             0x83, 0x99, 0xb7, 0x8b, 0xc5, 0x8a, 0x2b, 0xbc,
                                             0xd0, 0x38, 0x23, 0x75, 0xdb, 0x8a, 0x1b, 0xfd,
                                             0x78, 0xa8, 0x27, 0x43, 0x87, 0x4f, 0xd2, 0x25 } },
    { MSE_TEE_SNP, MSE_SNP_MILAN, { 0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29,
                                    0x30, 0x8c, 0xb5, 0xff, 0xa8, 0x95, 0xbd, 0xfb,
                                    0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b, 0xed, 0x8d,
                                    0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9 } },
    { MSE_TEE_SNP, MSE_SNP_GENOA, { 0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58,
                                    0xee, 0x4d, 0x8d, 0xb5, 0xfc, 0xda, 0x9c, 0x64,
                                    0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a, 0x9c, 0xeb,
                                    0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31 } },
    { MSE_TEE_SNP, MSE_SNP_TURIN, { 0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9,
                                    0xa5, 0x03, 0x56, 0xf9, 0x24, 0x3f, 0x6f, 0xe0,
                                    0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03, 0xf5, 0x3f,
                                    0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08 } },
};

const uint8_t *mse_nitro_root_sha256(void)
{
    return hashed_roots[0].spki_sha256;
}

bool mse_is_nitro_root_certificate(struct mse_bytes der)
{
    uint8_t digest[32];
    return mse_sha256(digest, der) == MSE_OK && mse_mem_equal(digest, nitro_root_certificate, 32);
}

struct mse_root mse_root_of(const struct mse_policy *p, enum mse_tee_kind tee,
                            const struct mse_pubkey *key)
{
    struct mse_root r = { .trusted = false };
    uint8_t digest[32];
    if (mse_sha256(digest, key->spki) != MSE_OK) {
        return r;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(hashed_roots); i++) {
        if (hashed_roots[i].tee == tee && mse_mem_equal(hashed_roots[i].spki_sha256, digest, 32)) {
            r.compiled_in = true;
            r.product = hashed_roots[i].product;
            r.trusted = !p->simulation_only;
            return r;
        }
    }
    r.trusted = !mse_mem_is_zero(p->simulation_root_sha256, 32) &&
                mse_mem_equal(p->simulation_root_sha256, digest, 32);
    return r;
}

/* Of a trusted root. */
static void note_root_kind(struct mse_verdict *v, bool simulated, const struct mse_policy *p)
{
    static const struct mse_ask hardware = { MSE_STEP_SIMULATION, "a root of hardware",
                                             "allow_simulation" };
    static const struct mse_ask either = { MSE_STEP_SIMULATION,
                                           "a root of hardware, or the simulated one that is "
                                           "pinned",
                                           "allow_simulation" };
    bool good = !simulated || p->allow_simulation;
    mse_note(v, p->allow_simulation ? &either : &hardware, good ? MSE_OK : MSE_ERR_SIMULATION,
             "a root that is not compiled in");
}

void mse_note_simulation(struct mse_verdict *v, const struct mse_root *root,
                         const struct mse_policy *p, const char *nowhere)
{
    static const struct mse_ask simulated = { MSE_STEP_SIMULATION, "the simulated root",
                                              "simulation_only" };
    if (root->trusted) {
        note_root_kind(v, !root->compiled_in, p);
    } else if (root->compiled_in && p->simulation_only) {
        mse_note(v, &simulated, MSE_ERR_HARDWARE_NOT_ALLOWED, "the root of hardware");
    } else {
        mse_note_skip(v, MSE_STEP_SIMULATION, nowhere);
    }
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

/* The one certificate of a PEM text; views into der. */
static mse_status read_root(struct mse_cert *out, uint8_t *der, size_t cap, struct mse_bytes pem,
                            struct mse_error *err)
{
    size_t len = 0;
    mse_status st = mse_pem_next(&pem, "CERTIFICATE", der, cap, &len);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root", "no PEM certificate");
    }
    st = mse_cert_parse(out, mse_bytes_of(der, len), err);
    if (st != MSE_OK) {
        return st;
    }
    uint8_t more[4096];
    if (mse_pem_next(&pem, "CERTIFICATE", more, sizeof more, &len) != MSE_ERR_NOT_FOUND) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root", "more than one certificate");
    }
    if (!out->is_ca || mse_cert_verify(NULL, out, &out->key) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root",
                        "not a self-signed CA certificate");
    }
    return MSE_OK;
}

mse_status mse_simulation_root_of_pem(uint8_t out[64], struct mse_bytes pem, struct mse_error *err)
{
    uint8_t der[4096];
    struct mse_cert cert = { .is_ca = false };
    mse_status st = read_root(&cert, der, sizeof der, pem, err);
    if (st != MSE_OK) {
        return st;
    }
    const uint8_t *point = mse_point_of(&cert.key);
    if (point == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "simulation_root", "not a P-256 key");
    }
    memcpy(out, point, 64);
    return MSE_OK;
}

mse_status mse_simulation_root_sha256_of_pem(uint8_t out[32], struct mse_bytes pem,
                                             struct mse_error *err)
{
    uint8_t der[4096];
    struct mse_cert cert = { .is_ca = false };
    mse_status st = read_root(&cert, der, sizeof der, pem, err);
    return st == MSE_OK ? mse_sha256(out, cert.key.spki) : st;
}
