/* SPDX-License-Identifier: Apache-2.0 */
/* The SEV-SNP appraisal over a report, a leaf, its issuers and a CRL that an attacker chose:
 * without AMD's keys nothing is ever accepted, and every verdict can be printed. Input: three
 * lengths of two bytes, then the parts. */
#include <mse/attest.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "evidence/vcek.h"

static struct mse_bytes part(struct mse_bytes *in, uint16_t len)
{
    struct mse_bytes out = { NULL, 0 };
    size_t n = len < in->len ? len : in->len;
    (void)!mse_rd_bytes(in, &out, n);
    return out;
}

static void check_leaf(struct mse_bytes der)
{
    struct mse_cert cert;
    struct mse_vcek vcek;
    struct mse_error err = { 0 };
    if (mse_cert_parse(&cert, der, NULL) == MSE_OK &&
        mse_vcek_parse(&vcek, &cert, &err) == MSE_OK) {
        MSE_ASSERT(vcek.hwid_len == 0 || vcek.hwid_len == 8 || vcek.hwid_len == 64);
        MSE_ASSERT(vcek.product <= MSE_SNP_TURIN);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mse_verdict v;
    static struct mse_policy policy;
    static char text[65536];
    struct mse_bytes in = mse_bytes_of(data, size);
    uint16_t len[3] = { 0 };
    struct mse_collateral c = { .vcek = { NULL, 0 } };
    if (!mse_rd_u16le(&in, &len[0]) || !mse_rd_u16le(&in, &len[1]) || !mse_rd_u16le(&in, &len[2])) {
        return 0;
    }
    c.vcek = part(&in, len[0]);
    c.vcek_issuer_chain = part(&in, len[1]);
    c.vcek_crl = part(&in, len[2]);
    check_leaf(c.vcek);
    mse_policy_default(&policy);
    policy.insecure_any_app = true;
    mse_status st = mse_appraise_snp(&v, in, &c, &policy, 1767225600, NULL);
    MSE_ASSERT(st != MSE_OK && st == v.status && !v.accepted);
    MSE_ASSERT(mse_verdict_to_json(text, sizeof text, &v) == MSE_OK);
    MSE_ASSERT(mse_verdict_to_text(text, sizeof text, &v) == MSE_OK);
    return 0;
}
