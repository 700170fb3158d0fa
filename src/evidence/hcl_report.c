/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's HCL report, as its guests read it from the vTPM: a hardware report and the runtime data
 * that its report data is the hash of. Form only. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/util.h"
#include "crypto/digest.h"

#define STEP      "HCL report"
#define SIGNATURE 0x414c4348U /* "HCLA" */
#define TD_LEN    1024

struct sizes {
    uint32_t signature;
    uint32_t report_type;
    uint32_t hash;
    uint32_t data;
};

static bool rd_head(struct mse_bytes *in, struct sizes *s, struct mse_hcl_report *r)
{
    return mse_rd_u32le(in, &s->signature) &&                           // 0 "HCLA"
           mse_rd_u32le(in, &r->version) &&                             // 4
           mse_rd_skip(in, 4) &&                                        // 8 size
           mse_rd_skip(in, 4) &&                                        // 12 request type
           mse_rd_skip(in, 4) &&                                        // 16 status
           mse_rd_skip(in, 12) &&                                       // 20 reserved
           mse_rd_bytes(in, &r->hardware_report, MSE_SNP_REPORT_LEN) && // 32
           mse_rd_skip(in, 4) &&                                        // 1216 size
           mse_rd_skip(in, 4) &&                                        // 1220 version
           mse_rd_u32le(in, &s->report_type) &&                         // 1224
           mse_rd_u32le(in, &s->hash) &&                                // 1228
           mse_rd_u32le(in, &s->data) &&                                // 1232
           mse_rd_bytes(in, &r->runtime_data, s->data);                 // 1236
}

/* One key of the list; that of the attestation key is kept. */
static void rd_key(struct mse_json *j, struct mse_hcl_report *r)
{
    struct mse_json_object o;
    struct mse_bytes name;
    struct mse_bytes kid = { NULL, 0 };
    struct mse_bytes n = { NULL, 0 };
    struct mse_bytes e = { NULL, 0 };
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &name);) {
        struct mse_bytes *to = mse_bytes_is_str(name, "kid") ? &kid
                               : mse_bytes_is_str(name, "n") ? &n
                               : mse_bytes_is_str(name, "e") ? &e
                                                             : NULL;
        (void)(to != NULL ? mse_json_plain(j, to) : mse_json_skip(j, NULL));
    }
    if (mse_bytes_is_str(kid, "HCLAkPub")) {
        if (r->has_ak || n.len == 0 || e.len == 0) {
            (void)mse_json_fail(j);
        }
        r->has_ak = true;
        r->ak_n = n;
        r->ak_e = e;
    }
}

static bool rd_runtime_data(struct mse_hcl_report *r)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes name;
    mse_json_init(&j, r->runtime_data);
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &name);) {
        struct mse_json_array a;
        if (!mse_bytes_is_str(name, "keys")) {
            (void)mse_json_skip(&j, NULL);
            continue;
        }
        for (mse_json_array_begin(&j, &a); mse_json_array_next(&j, &a);) {
            rd_key(&j, r);
        }
    }
    return mse_json_end(&j);
}

mse_status mse_hcl_report_parse(struct mse_hcl_report *out, struct mse_bytes in,
                                struct mse_error *err)
{
    struct mse_hcl_report r = { .version = 0 };
    struct sizes s = { 0 };
    if (!rd_head(&in, &s, &r) || s.signature != SIGNATURE || !mse_mem_is_zero(in.data, in.len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "no header \"HCLA\", cut off, or not only zeros behind it");
    }
    if (r.version != 1 && r.version != 2) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STEP, "version %u, wanted 1 or 2",
                        r.version);
    }
    if (s.report_type != MSE_HCL_SNP && s.report_type != MSE_HCL_TDX) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_TEE, STEP,
                        "report type %u, wanted 2 (SEV-SNP) or 4 (TDX)", s.report_type);
    }
    if (s.hash < MSE_HCL_SHA256 || s.hash > MSE_HCL_SHA512) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, STEP, "hash type %u, wanted 1 to 3",
                        s.hash);
    }
    r.type = (enum mse_hcl_type)s.report_type;
    r.hash = (enum mse_hcl_hash)s.hash;
    if (r.type == MSE_HCL_TDX) {
        r.hardware_report.len = TD_LEN; /* zeros behind it */
    }
    if (!rd_runtime_data(&r)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the runtime data are no JSON object as "
                        "wanted");
    }
    *out = r;
    return MSE_OK;
}

mse_status mse_hcl_report_data(uint8_t out[64], const struct mse_hcl_report *r)
{
    uint8_t data[64] = { 0 };
    mse_status st = r->hash == MSE_HCL_SHA256   ? mse_sha256(data, r->runtime_data)
                    : r->hash == MSE_HCL_SHA384 ? mse_sha384(data, r->runtime_data)
                                                : mse_sha512(data, r->runtime_data);
    if (st == MSE_OK) {
        memcpy(out, data, sizeof data);
    }
    return st;
}
