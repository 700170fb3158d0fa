/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP attestation reports, versions 2 to 5 (AMD publication 56860, "ATTESTATION_REPORT"). */
#include <mse/evidence.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#define SIGNED_LEN    0x2a0
#define ALG_P384      1
#define KEY_AUTHOR    (1U << 0)
#define KEY_MASKED    (1U << 1)
#define KEY_SHIFT     2
#define KEY_BITS      7U
#define KEY_RESERVED  (~0x1fU)
#define FIRST_CPUID   3 /* versions that brought new fields */
#define FIRST_MIT     5
#define SIGNATURE_LEN 72

/* Every reserved field of a version that is known is zero. */
static bool rd_zeros(struct mse_bytes *in, size_t len)
{
    struct mse_bytes zeros = { 0 };
    return mse_rd_bytes(in, &zeros, len) && mse_mem_is_zero(zeros.data, zeros.len);
}

static bool rd_cpuid(struct mse_bytes *in, struct mse_snp_report *r)
{
    r->has_cpuid = r->version >= FIRST_CPUID;
    return mse_rd_u8(in, &r->cpuid_family) &&   // 188
           mse_rd_u8(in, &r->cpuid_model) &&    // 189
           mse_rd_u8(in, &r->cpuid_stepping) && // 18a
           (r->has_cpuid || (r->cpuid_family | r->cpuid_model | r->cpuid_stepping) == 0);
}

/* Stored as build, minor, major and a reserved byte. */
static bool rd_firmware(struct mse_bytes *in, uint8_t out[3])
{
    return mse_rd_u8(in, &out[2]) && mse_rd_u8(in, &out[1]) && mse_rd_u8(in, &out[0]) &&
           rd_zeros(in, 1);
}

static bool rd_mitigations(struct mse_bytes *in, struct mse_snp_report *r)
{
    return mse_rd_u64le(in, &r->launch_mitigations) &&  // 1f8
           mse_rd_u64le(in, &r->current_mitigations) && // 200
           (r->version >= FIRST_MIT || (r->launch_mitigations | r->current_mitigations) == 0);
}

/* Behind version and signature algorithm have been looked at. */
static bool rd_first(struct mse_bytes *in, struct mse_snp_report *r, uint32_t *key)
{
    return mse_rd_skip(in, 4) &&                                     // 0 version
           mse_rd_u32le(in, &r->guest_svn) &&                        // 4
           mse_rd_u64le(in, &r->policy) &&                           // 8
           mse_rd_copy(in, r->family_id, sizeof r->family_id) &&     // 10
           mse_rd_copy(in, r->image_id, sizeof r->image_id) &&       // 20
           mse_rd_u32le(in, &r->vmpl) &&                             // 30
           mse_rd_skip(in, 4) &&                                     // 34 signature algorithm
           mse_rd_copy(in, r->current_tcb, sizeof r->current_tcb) && // 38
           mse_rd_u64le(in, &r->platform_info) &&                    // 40
           mse_rd_u32le(in, key) &&                                  // 48
           rd_zeros(in, 4);                                          // 4c
}

static bool rd_rest(struct mse_bytes *in, struct mse_snp_report *r)
{
    return mse_rd_copy(in, r->report_data, sizeof r->report_data) &&             // 50
           mse_rd_copy(in, r->measurement, sizeof r->measurement) &&             // 90
           mse_rd_copy(in, r->host_data, sizeof r->host_data) &&                 // c0
           mse_rd_copy(in, r->id_key_digest, sizeof r->id_key_digest) &&         // e0
           mse_rd_copy(in, r->author_key_digest, sizeof r->author_key_digest) && // 110
           mse_rd_copy(in, r->report_id, sizeof r->report_id) &&                 // 140
           mse_rd_copy(in, r->report_id_ma, sizeof r->report_id_ma) &&           // 160
           mse_rd_copy(in, r->reported_tcb, sizeof r->reported_tcb) &&           // 180
           rd_cpuid(in, r) &&                                                    // 188
           rd_zeros(in, 21) &&                                                   // 18b
           mse_rd_copy(in, r->chip_id, sizeof r->chip_id) &&                     // 1a0
           mse_rd_copy(in, r->committed_tcb, sizeof r->committed_tcb) &&         // 1e0
           rd_firmware(in, r->current_version) &&                                // 1e8
           rd_firmware(in, r->committed_version) &&                              // 1ec
           mse_rd_copy(in, r->launch_tcb, sizeof r->launch_tcb) &&               // 1f0
           rd_mitigations(in, r) &&                                              // 1f8
           rd_zeros(in, 152) &&                                                  // 208
           mse_rd_bytes(in, &r->signature_r, SIGNATURE_LEN) &&                   // 2a0
           mse_rd_bytes(in, &r->signature_s, SIGNATURE_LEN) &&                   // 2e8
           rd_zeros(in, 368) &&                                                  // 330
           in->len == 0;                                                         // 4a0
}

static bool is_known_key(uint32_t key)
{
    uint32_t kind = key >> KEY_SHIFT & KEY_BITS;
    return (key & KEY_RESERVED) == 0 &&
           (kind == MSE_SNP_KEY_VCEK || kind == MSE_SNP_KEY_VLEK || kind == MSE_SNP_KEY_NONE);
}

/* What is looked at before the rest is read: it decides how. */
static mse_status check_head(uint32_t *version, struct mse_bytes in, struct mse_error *err)
{
    uint32_t algorithm = 0;
    if (in.len != MSE_SNP_REPORT_LEN || !mse_rd_u32le(&in, version) || !mse_rd_skip(&in, 0x30) ||
        !mse_rd_u32le(&in, &algorithm)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "report", "%zu bytes, wanted %d", in.len,
                        MSE_SNP_REPORT_LEN);
    }
    if (*version < 2 || *version > 5) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, "report", "version %u, wanted 2 to 5",
                        *version);
    }
    if (algorithm != ALG_P384) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, "report",
                        "signature algorithm %u, wanted 1 (ECDSA P-384 with SHA-384)", algorithm);
    }
    return MSE_OK;
}

mse_status mse_snp_report_parse(struct mse_snp_report *out, struct mse_bytes in,
                                struct mse_error *err)
{
    struct mse_snp_report r = { 0 };
    uint32_t key = 0;
    mse_status st = check_head(&r.version, in, err);
    if (st != MSE_OK) {
        return st;
    }
    r.signed_part = mse_bytes_of(in.data, SIGNED_LEN);
    if (!rd_first(&in, &r, &key) || !rd_rest(&in, &r)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "report",
                        "a reserved field of version %u is not zero", r.version);
    }
    if (!is_known_key(key)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "report", "key information 0x%08x", key);
    }
    r.author_key_enabled = (key & KEY_AUTHOR) != 0;
    r.chip_key_masked = (key & KEY_MASKED) != 0;
    r.signing_key = (enum mse_snp_key)(key >> KEY_SHIFT & KEY_BITS);
    *out = r;
    return MSE_OK;
}

mse_status mse_snp_fingerprint(uint8_t out[32], const struct mse_snp_report *r)
{
    static const char label[] = "mse-fp-snp-v1"; /* its NUL belongs to it */
    uint8_t text[sizeof label + 48 + 32 + 8 + 4];
    struct mse_build b;
    mse_build_fixed(&b, text, sizeof text);
    mse_wr_copy(&b, label, sizeof label);
    mse_wr_copy(&b, r->measurement, sizeof r->measurement);
    mse_wr_copy(&b, r->host_data, sizeof r->host_data);
    mse_wr_u64le(&b, r->policy);
    mse_wr_u32le(&b, r->vmpl);
    return mse_sha256(out, mse_build_view(&b));
}

const char *mse_snp_product_name(enum mse_snp_product p)
{
    static const char *const names[] = { "unknown", "Milan", "Genoa", "Turin" };
    return (size_t)p < MSE_ARRAY_LEN(names) ? names[p] : names[0];
}

struct mse_snp_tcb mse_snp_tcb_of(const uint8_t raw[8], enum mse_snp_product product)
{
    struct mse_snp_tcb older = { .bl = raw[0], .tee = raw[1], .snp = raw[6], .ucode = raw[7] };
    struct mse_snp_tcb turin = {
        .fmc = raw[0], .bl = raw[1], .tee = raw[2], .snp = raw[3], .ucode = raw[7]
    };
    return product == MSE_SNP_TURIN ? turin : older;
}
