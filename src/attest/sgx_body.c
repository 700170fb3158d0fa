/* SPDX-License-Identifier: Apache-2.0 */
/* What is special to SGX in an appraisal: version 3, the enclave's attributes, its signer. */
#include "attest/dcap.h"
#include "base/bytes.h"
#include "base/util.h"

static mse_status read_quote(struct mse_dcap *a, struct mse_bytes quote, struct mse_error *err)
{
    struct mse_sgx_quote q;
    mse_status st = mse_sgx_quote_parse(&q, quote, err);
    if (st != MSE_OK) {
        return st;
    }
    a->signed_part = q.signed_part;
    a->auth = q.auth;
    a->v->quote_version = q.header.version;
    a->v->report = q.body;
    a->v->debug = (q.body.attr_flags & MSE_SGX_FLAG_DEBUG) != 0;
    struct mse_bytes mr_enclave = mse_bytes_of(q.body.mr_enclave, sizeof q.body.mr_enclave);
    a->v->has_fingerprint = mse_rd_copy(&mr_enclave, a->v->fingerprint, sizeof a->v->fingerprint);
    return MSE_OK;
}

/* Step attributes. */

static void judge_attributes(struct mse_dcap *a)
{
    static const struct mse_ask bits = {
        MSE_STEP_ATTRIBUTES, "INIT and MODE64BIT set, PROVISION_KEY and EINITTOKEN_KEY clear",
        "insecure_any_attributes"
    };
    const uint64_t must = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT;
    const uint64_t must_not = MSE_SGX_FLAG_PROVISION_KEY | MSE_SGX_FLAG_EINITTOKEN_KEY;
    uint64_t flags = a->v->report.attr_flags;
    mse_dcap_judge_debug(a, flags);
    bool good = (flags & must) == must && (flags & must_not) == 0;
    mse_note_waivable(a->v, &bits, good ? MSE_OK : MSE_ERR_ATTRIBUTES,
                      a->policy->insecure_any_attributes, "flags 0x%llx",
                      (unsigned long long)flags);
}

/* Step signer: MRSIGNERs whose private key everybody has. */

static const uint8_t sample_signers[][32] = {
    /* The key of the Intel SGX SDK's sample code. */
    { 0x83, 0xd7, 0x19, 0xe7, 0x7d, 0xea, 0xca, 0x14, 0x70, 0xf6, 0xba,
      0xf6, 0x2a, 0x4d, 0x77, 0x43, 0x03, 0xc8, 0x99, 0xdb, 0x69, 0x02,
      0x0f, 0x9c, 0x70, 0xee, 0x1d, 0xfc, 0x08, 0xc7, 0xce, 0x9e },
    /* The debug key of the Open Enclave SDK. */
    { 0xca, 0x9a, 0xd7, 0x33, 0x14, 0x48, 0x98, 0x0a, 0xa2, 0x88, 0x90,
      0xce, 0x73, 0xe4, 0x33, 0x63, 0x83, 0x77, 0xf1, 0x79, 0xab, 0x44,
      0x56, 0xb2, 0xfe, 0x23, 0x71, 0x93, 0x19, 0x3a, 0x8d, 0x0a },
};

static void judge_sample_signer(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_SIGNER, "a signer whose key is not public",
                                        "allow_sample_signer" };
    bool sample = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(sample_signers); i++) {
        sample = sample || mse_mem_equal(a->v->report.mr_signer, sample_signers[i], 32);
    }
    char seen[65] = "";
    if (sample) {
        mse_hex_encode(seen, mse_bytes_of(a->v->report.mr_signer, 32));
    }
    mse_note_waivable(a->v, &ask, sample ? MSE_ERR_SAMPLE_SIGNER : MSE_OK,
                      a->policy->allow_sample_signer, "MRSIGNER %s", seen);
}

static void judge_body(struct mse_dcap *a)
{
    judge_attributes(a);
    judge_sample_signer(a);
}

static const struct mse_dcap_kind sgx_kind = {
    .tee = MSE_TEE_SGX,
    .qe = MSE_IDENTITY_QE,
    .form = "an SGX quote, version 3, ECDSA-P256",
    .tcb_info = "TCB info for SGX",
    .qe_identity = "the identity 'QE'",
    .read = read_quote,
    .judge_body = judge_body,
};

mse_status mse_appraise_sgx(struct mse_verdict *out, struct mse_bytes quote,
                            const struct mse_collateral *collateral,
                            const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_dcap a = {
        .kind = &sgx_kind, .v = out, .collateral = collateral, .policy = policy, .at = at
    };
    return mse_dcap_appraise(&a, quote, err);
}
