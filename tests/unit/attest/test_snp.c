/* SPDX-License-Identifier: Apache-2.0 */
/* Every refusal of the SEV-SNP appraisal, provoked alone and named. */
#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "snp_world.h"

/* The primary status, and a check that says what it saw and wanted. */
static void want(struct snp_world *w, mse_status st)
{
    mse_status seen = snp_appraise(w);
    if (seen != st) {
        print_error("got: %s\n", w->err.text);
    }
    assert_status(seen, st);
    assert_false(w->verdict.accepted);
    const struct mse_check *c = mse_verdict_failure(&w->verdict);
    assert_non_null(c);
    assert_string_not_equal(c->seen, "");
    assert_string_not_equal(c->wanted, "");
    (void)snp_defaults((void **)&w);
}

static void accepts(struct snp_world *w)
{
    mse_status seen = snp_appraise(w);
    assert_string_equal(w->err.text, "");
    assert_status(seen, MSE_OK);
    assert_true(w->verdict.accepted);
}

static void test_healthy(void **state)
{
    struct snp_world *w = *state;
    accepts(w);
    assert_true(w->verdict.simulated && w->verdict.signatures_ok && w->verdict.has_vcek);
    assert_int_equal(w->verdict.snp_product, MSE_SNP_MILAN);
    assert_int_equal(w->verdict.reference_index, 0);
    assert_int_equal(w->verdict.valid_from, SNP_NOW - SNP_DAY);
    assert_int_equal(w->verdict.valid_until, SNP_NOW + 300 * SNP_DAY);
    /* All of it in DER, ARK before ASK. */
    mse_build_reset(&w->issuers);
    mse_wr_bytes(&w->issuers, mse_build_view(&w->der[SNP_ARK]));
    mse_wr_bytes(&w->issuers, mse_build_view(&w->der[SNP_ASK]));
    w->collateral.vcek_issuer_chain = mse_build_view(&w->issuers);
    assert_status(snp_judge(w), MSE_OK);
    w->version = 2;
    accepts(w);
    w->version = 5;
    accepts(w);
}

static void test_turin(void **state)
{
    struct snp_world *w = *state;
    static const uint8_t tcb[8] = { 7, 4, 0, 24, 0, 0, 0, 219 };
    w->product = "Turin";
    w->has_svn[9] = true;
    w->svn[9] = 7;
    w->cpuid[0] = 0x1a;
    w->hwid_len = 8;
    memset(w->chip_id + 8, 0, 56);
    memcpy(w->reported_tcb, tcb, 8);
    memcpy(w->committed_tcb, tcb, 8);
    w->policy.min_snp_tcb.fmc = 7;
    accepts(w);
    static char text[65536];
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "\"reported_tcb\":{\"fmc\":7,\"bl\":4,\"tee\":0,"));
    w->policy.min_snp_tcb.fmc = 8;
    assert_status(snp_appraise(w), MSE_ERR_TCB_OUT_OF_DATE);
    w->policy.min_snp_tcb.fmc = 7;
    w->chip_id[63] = 1; /* behind the eight bytes that the certificate has */
    assert_status(snp_appraise(w), MSE_ERR_VCEK_HWID_MISMATCH);
    w->chip_id[63] = 0;
    w->svn[9] = 6;
    assert_status(snp_appraise(w), MSE_ERR_VCEK_TCB_MISMATCH);
    w->has_svn[9] = false;
    assert_status(snp_appraise(w), MSE_ERR_VCEK_EXTENSION);
}

static void test_vlek(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_VCEK].subject = "SEV-VLEK";
    w->key_info = 1U << 2;
    w->hwid_len = 0;
    memset(w->chip_id, 0, sizeof w->chip_id);
    accepts(w);
    /* It does not vouch for CHIP_ID. */
    w->chip_id[0] = 1;
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0].len = 32;
    assert_status(mse_sha256(w->policy.allowed_machines[0].id, mse_bytes_of(w->chip_id, 64)),
                  MSE_OK);
    assert_status(snp_appraise(w), MSE_ERR_MACHINE_NOT_ALLOWED);
    w->policy.num_allowed_machines = 0;
    w->hwid_len = 64;
    assert_status(snp_appraise(w), MSE_ERR_VCEK_HWID_MISMATCH);
    /* The report says which kind of key signed it. */
    w->key_info = 0;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->key_info = 1U << 2;
    want(w, MSE_ERR_VCEK_CHAIN);
}

static void test_zeroed_and_senseless_policy(void **state)
{
    struct snp_world *w = *state;
    struct mse_policy zero = { .accepted_tcb_statuses = 0 };
    w->policy = zero;
    want(w, MSE_ERR_VCEK_ROOT_UNTRUSTED);
    assert_true(snp_failed_with(w, MSE_ERR_NOTHING_IDENTIFIES));
    w->policy.max_vmpl = 4;
    want(w, MSE_ERR_POLICY);
}

static void test_form(void **state)
{
    struct snp_world *w = *state;
    snp_make(w);
    w->report[0] = 1;
    assert_status(snp_judge(w), MSE_ERR_UNSUPPORTED_VERSION);
    w->report[0] = 6;
    assert_status(snp_judge(w), MSE_ERR_UNSUPPORTED_VERSION);
    w->report[0] = 3;
    w->report[0x34] = 2;
    assert_status(snp_judge(w), MSE_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM);
    w->report[0x34] = 1;
    w->report[0x48] = 5U << 2;
    assert_status(snp_judge(w), MSE_ERR_MALFORMED);
    w->report[0x48] = 0;
    static const size_t reserved[] = { 0x4c,  0x18b, 0x19f, 0x1eb, 0x1ef, 0x1f8,
                                       0x207, 0x208, 0x29f, 0x330, 0x49f };
    for (size_t i = 0; i < MSE_ARRAY_LEN(reserved); i++) {
        w->report[reserved[i]] = 1;
        assert_status(snp_judge(w), MSE_ERR_MALFORMED);
        w->report[reserved[i]] = 0;
    }
    assert_status(snp_judge(w), MSE_OK);
}

static void test_chain_parts(void **state)
{
    struct snp_world *w = *state;
    snp_make(w);
    w->collateral.vcek.len = 0;
    assert_status(snp_judge(w), MSE_ERR_VCEK_MISSING);
    snp_make(w);
    w->collateral.vcek.len--;
    assert_status(snp_judge(w), MSE_ERR_VCEK_CHAIN);
    snp_make(w);
    w->collateral.vcek_issuer_chain.len = 0;
    assert_status(snp_judge(w), MSE_ERR_VCEK_CHAIN);
    snp_make(w);
    w->collateral.vcek_issuer_chain = mse_build_view(&w->der[SNP_ARK]);
    assert_status(snp_judge(w), MSE_ERR_VCEK_CHAIN);
    snp_make(w);
    w->collateral.vcek = mse_build_view(&w->issuers);
    assert_status(snp_judge(w), MSE_ERR_VCEK_CHAIN);
}

static void test_chain_signatures_and_names(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_VCEK].signer = SNP_ARK;
    want(w, MSE_ERR_VCEK_SIGNATURE);
    w->certs[SNP_ASK].signer = SNP_ASK;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ARK].signer = SNP_ASK;
    want(w, MSE_ERR_VCEK_CHAIN);
    for (unsigned i = 0; i < SNP_NUM_CERTS; i++) {
        w->certs[i].issuer = "Somebody Else";
        want(w, MSE_ERR_VCEK_CHAIN);
    }
}

static void test_chain_profile(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_ASK].is_ca = false;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ARK].path_len = 0;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ASK].key_usage = 0x80; /* digitalSignature */
    want(w, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_VCEK].is_ca = true;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->weak_vcek = true;
    want(w, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ASK].key_usage = 0;
    accepts(w);
}

/* A root of the same name with another key is a stranger's. */
static void test_root_is_known_by_its_key(void **state)
{
    struct snp_world *w = *state;
    w->policy.simulation_root_sha256[0] ^= 1;
    want(w, MSE_ERR_VCEK_ROOT_UNTRUSTED);
    w->policy.allow_simulation = false;
    want(w, MSE_ERR_SIMULATION);
    w->policy.simulation_only = true;
    accepts(w);
}

static void test_dates(void **state)
{
    struct snp_world *w = *state;
    for (unsigned i = 0; i < SNP_NUM_CERTS; i++) {
        w->certs[i].until = SNP_NOW - 1;
        want(w, MSE_ERR_VCEK_EXPIRED);
        w->certs[i].from = SNP_NOW + 1;
        want(w, MSE_ERR_VCEK_NOT_YET_VALID);
    }
}

static void test_crl(void **state)
{
    struct snp_world *w = *state;
    snp_make(w);
    w->collateral.vcek_crl.len = 0;
    assert_status(snp_judge(w), MSE_ERR_VCEK_CRL_MISSING);
    snp_make(w);
    w->collateral.vcek_crl.len--;
    assert_status(snp_judge(w), MSE_ERR_VCEK_CRL_MALFORMED);
    w->crl_issuer = "ARK-Another";
    want(w, MSE_ERR_VCEK_CRL_ISSUER_MISMATCH);
    w->crl_signer = SNP_ASK;
    want(w, MSE_ERR_VCEK_CRL_SIGNATURE);
    w->crl_until = SNP_NOW - 1;
    want(w, MSE_ERR_VCEK_CRL_EXPIRED);
    w->crl_from = SNP_NOW + 1;
    want(w, MSE_ERR_VCEK_CRL_NOT_YET_VALID);
    w->revoked = SNP_ASK;
    want(w, MSE_ERR_VCEK_ISSUER_REVOKED);
}

static void test_report_signature(void **state)
{
    struct snp_world *w = *state;
    w->signed_by_other = true;
    want(w, MSE_ERR_REPORT_SIGNATURE);
    w->key_info = 7U << 2; /* no key */
    snp_make(w);
    assert_status(snp_judge(w), MSE_ERR_REPORT_SIGNATURE);
    w->key_info = 1U << 1; /* the chip's key is masked */
    want(w, MSE_ERR_REPORT_SIGNATURE);
    snp_make(w);
    w->report[0x2a0 + 71] = 1; /* a number of more than 48 bytes */
    assert_status(snp_judge(w), MSE_ERR_REPORT_SIGNATURE);
    snp_make(w);
    memset(w->report + 0x2a0, 0, 144);
    assert_status(snp_judge(w), MSE_ERR_REPORT_SIGNATURE);
}

static void test_extensions(void **state)
{
    struct snp_world *w = *state;
    static const size_t needed[] = { 1, 2, 3, 8 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(needed); i++) {
        w->has_svn[needed[i]] = false;
        want(w, MSE_ERR_VCEK_EXTENSION);
        w->svn[needed[i]]++;
        want(w, MSE_ERR_VCEK_TCB_MISMATCH);
    }
    w->product = NULL;
    want(w, MSE_ERR_VCEK_EXTENSION);
    w->product = "Turin";
    want(w, MSE_ERR_VCEK_EXTENSION);
    w->product = "Rome";
    want(w, MSE_ERR_VCEK_EXTENSION);
    w->cpuid[1] = 0x11; /* a Genoa */
    want(w, MSE_ERR_VCEK_EXTENSION);
    w->hwid_len = 63;
    want(w, MSE_ERR_VCEK_EXTENSION);
}

/* What a report says of its own TCB counts for nothing where the certificate says otherwise. */
static void test_self_reported_tcb(void **state)
{
    struct snp_world *w = *state;
    w->reported_tcb[7] = 255;
    want(w, MSE_ERR_VCEK_TCB_MISMATCH);
}

static void test_hwid(void **state)
{
    struct snp_world *w = *state;
    w->hwid_len = 0;
    want(w, MSE_ERR_VCEK_HWID_MISMATCH);
    w->chip_id[63] ^= 1;
    want(w, MSE_ERR_VCEK_HWID_MISMATCH);
    w->hwid_len = 8;
    want(w, MSE_ERR_VCEK_HWID_MISMATCH);
    memset(w->hwid, 0, 64);
    memset(w->chip_id, 0, 64);
    want(w, MSE_ERR_VCEK_HWID_MISMATCH);
}

static void test_min_tcb(void **state)
{
    struct snp_world *w = *state;
    w->policy.min_snp_tcb.bl = 4;
    w->policy.min_snp_tcb.snp = 24;
    w->policy.min_snp_tcb.ucode = 219;
    accepts(w);
    w->policy.min_snp_tcb.fmc = 200; /* a Milan has none */
    accepts(w);
    w->policy.min_snp_tcb.bl = 5;
    want(w, MSE_ERR_TCB_OUT_OF_DATE);
    w->policy.min_snp_tcb.tee = 1;
    want(w, MSE_ERR_TCB_OUT_OF_DATE);
    w->policy.min_snp_tcb.snp = 25;
    want(w, MSE_ERR_TCB_OUT_OF_DATE);
    w->policy.min_snp_tcb.ucode = 220;
    want(w, MSE_ERR_TCB_OUT_OF_DATE);
    /* The host could go back to what is committed. */
    w->policy.min_snp_tcb.snp = 24;
    w->committed_tcb[6] = 23;
    want(w, MSE_ERR_TCB_OUT_OF_DATE);
}

static void test_guest_policy(void **state)
{
    struct snp_world *w = *state;
    const uint64_t base = MSE_SNP_POLICY_MUST_BE_1;
    w->guest_policy = 0;
    want(w, MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET);
    w->guest_policy = base | 1ULL << 26;
    want(w, MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET);
    w->guest_policy = base | 1ULL << 63;
    w->policy.insecure_any_attributes = true;
    accepts(w);
    assert_waived(&w->verdict, "insecure_any_attributes", MSE_EAR_CONFIGURATION);
    (void)snp_defaults(state);
    w->guest_policy = base | MSE_SNP_POLICY_DEBUG;
    want(w, MSE_ERR_DEBUG);
    w->guest_policy = base | MSE_SNP_POLICY_MIGRATE_MA;
    want(w, MSE_ERR_GUEST_POLICY_MIGRATE_MA_SET);
    w->guest_policy = base | MSE_SNP_POLICY_SMT;
    want(w, MSE_ERR_GUEST_POLICY_SMT);
    w->guest_policy = base | MSE_SNP_POLICY_DEBUG | MSE_SNP_POLICY_MIGRATE_MA | MSE_SNP_POLICY_SMT;
    w->policy.allow_debug = true;
    w->policy.allow_migration = true;
    w->policy.allow_smt = true;
    accepts(w);
    assert_true(w->verdict.debug);
    assert_waived(&w->verdict, "allow_debug", MSE_EAR_CONFIGURATION);
    assert_waived(&w->verdict, "allow_migration", MSE_EAR_RUNTIME_OPAQUE);
    assert_waived(&w->verdict, "allow_smt", MSE_EAR_CONFIGURATION);
}

static void test_abi_and_vmpl(void **state)
{
    struct snp_world *w = *state;
    w->guest_policy |= 0x011f; /* 1.31 */
    w->policy.min_snp_abi_major = 1;
    w->policy.min_snp_abi_minor = 31;
    accepts(w);
    w->policy.min_snp_abi_minor = 32;
    want(w, MSE_ERR_GUEST_POLICY_ABI);
    w->policy.min_snp_abi_major = 1;
    want(w, MSE_ERR_GUEST_POLICY_ABI);
    w->vmpl = 1;
    want(w, MSE_ERR_VMPL);
    w->vmpl = UINT32_MAX; /* the host asked */
    w->policy.max_vmpl = 3;
    want(w, MSE_ERR_VMPL);
    w->vmpl = 2;
    w->policy.max_vmpl = 2;
    accepts(w);
}

static void test_references(void **state)
{
    struct snp_world *w = *state;
    struct mse_reference *r = &w->policy.references[0];
    accepts(w);
    r->has_fingerprint = true;
    memcpy(r->fingerprint, w->verdict.fingerprint, 32);
    r->has_host_data = true;
    r->host_data[0] = 0x22;
    r->has_id_key_digest = true;
    r->id_key_digest[0] = 0x33;
    r->has_author_key_digest = true;
    r->author_key_digest[0] = 0x55;
    r->has_report_data = true;
    r->report_data[0] = 0x44;
    accepts(w);
    const struct mse_reference all = *r;
    r->fingerprint[31] ^= 1;
    want(w, MSE_ERR_FINGERPRINT_MISMATCH);
    *r = all;
    r->measurement[47] ^= 1;
    want(w, MSE_ERR_MEASUREMENT_MISMATCH);
    *r = all;
    r->host_data[31] ^= 1;
    want(w, MSE_ERR_HOST_DATA_MISMATCH);
    *r = all;
    r->id_key_digest[47] ^= 1;
    want(w, MSE_ERR_ID_KEY_DIGEST_MISMATCH);
    *r = all;
    r->author_key_digest[47] ^= 1;
    want(w, MSE_ERR_AUTHOR_KEY_DIGEST_MISMATCH);
    *r = all;
    r->report_data[63] ^= 1;
    want(w, MSE_ERR_REPORT_DATA_MISMATCH);
}

static void test_values_of_another_tee(void **state)
{
    struct snp_world *w = *state;
    struct mse_reference *r = &w->policy.references[0];
    r->has_mr_signer = true;
    want(w, MSE_ERR_MRSIGNER_MISMATCH);
    r->has_mr_enclave = true;
    want(w, MSE_ERR_MRENCLAVE_MISMATCH);
    r->has_xfam = true;
    want(w, MSE_ERR_XFAM_MISMATCH);
    r->has_isv_prod_id = true;
    want(w, MSE_ERR_ISVPRODID_MISMATCH);
    r->has_min_isv_svn = true;
    want(w, MSE_ERR_ISVSVN_TOO_LOW);
    r->has_config_id = true;
    want(w, MSE_ERR_CONFIG_ID_MISMATCH);
    r->has_pcr[0] = true; /* now the set is for Nitro, and there is no other */
    want(w, MSE_ERR_NOTHING_IDENTIFIES);
    w->policy.num_allowed_fmspc = 1;
    want(w, MSE_ERR_FMSPC_NOT_ALLOWED);
}

static void test_what_identifies(void **state)
{
    struct snp_world *w = *state;
    struct mse_reference host_only = { .has_host_data = true, .host_data = { 0x22 } };
    struct mse_reference author = { .has_author_key_digest = true, .author_key_digest = { 0x55 } };
    struct mse_reference nobody = { .has_id_key_digest = true };
    w->policy.references[0] = host_only;
    want(w, MSE_ERR_NOTHING_IDENTIFIES);
    w->policy.references[0] = nobody;
    want(w, MSE_ERR_NOTHING_IDENTIFIES);
    w->policy.references[0] = author;
    accepts(w);
    w->policy.references[0] = host_only;
    w->policy.insecure_any_app = true;
    accepts(w);
    w->policy.num_references = 0;
    accepts(w);
}

static void test_machine(void **state)
{
    struct snp_world *w = *state;
    struct mse_machine *m = &w->policy.allowed_machines[0];
    w->policy.num_allowed_machines = 1;
    m->len = 32;
    assert_status(mse_sha256(m->id, mse_bytes_of(w->chip_id, 64)), MSE_OK);
    accepts(w);
    m->id[0] ^= 1;
    want(w, MSE_ERR_MACHINE_NOT_ALLOWED);
    w->policy.num_allowed_machines = 1;
    m->len = 16;
    want(w, MSE_ERR_MACHINE_NOT_ALLOWED);
}

static void test_level(void **state)
{
    struct snp_world *w = *state;
    w->policy.require_level = 1;
    want(w, MSE_ERR_LEVEL);
}

static void test_fingerprint(void **state)
{
    (void)state;
    struct mse_snp_report r = { .policy = 0x30000, .vmpl = 1 };
    uint8_t text[14 + 48 + 32 + 8 + 4] = "mse-fp-snp-v1";
    uint8_t wanted[32];
    uint8_t seen[32];
    r.measurement[0] = text[14] = 0x11;
    r.host_data[31] = text[14 + 48 + 31] = 0x22;
    text[14 + 80 + 2] = 3;
    text[14 + 88] = 1;
    assert_status(mse_sha256(wanted, mse_bytes_of(text, sizeof text)), MSE_OK);
    assert_status(mse_snp_fingerprint(seen, &r), MSE_OK);
    assert_memory_equal(seen, wanted, 32);
}

/* Cut at every byte, a byte more, and bits flipped in the report and in the VCEK: nothing of it
 * passes. */
static void test_cut_and_flipped(void **state)
{
    struct snp_world *w = *state;
    struct mse_snp_report r;
    uint8_t longer[MSE_SNP_REPORT_LEN + 1] = { 0 };
    accepts(w);
    for (size_t len = 0; len < sizeof w->report; len++) {
        assert_status(mse_snp_report_parse(&r, mse_bytes_of(w->report, len), NULL),
                      MSE_ERR_MALFORMED);
    }
    memcpy(longer, w->report, sizeof w->report);
    assert_status(mse_snp_report_parse(&r, mse_bytes_of(longer, sizeof longer), NULL),
                  MSE_ERR_MALFORMED);
    for (size_t bit = 0; bit < 8 * sizeof w->report; bit += 13) {
        w->report[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_true(snp_judge(w) != MSE_OK);
        w->report[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    struct mse_build *vcek = &w->der[SNP_VCEK];
    for (size_t bit = 0; bit < 8 * vcek->len; bit += 53) {
        vcek->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_true(snp_judge(w) != MSE_OK);
        vcek->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_status(snp_judge(w), MSE_OK);
}

static void test_printing(void **state)
{
    struct snp_world *w = *state;
    static char text[65536];
    accepts(w);
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "\"product\":\"Milan\""));
    assert_non_null(strstr(text, "\"reported_tcb\":{\"bl\":4,\"tee\":0,\"snp\":24,\"ucode\":219}"));
    assert_null(strstr(text, "mrenclave"));
    assert_status(mse_verdict_to_text(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "evidence: snp report v3, SIMULATED"));
    assert_non_null(strstr(text, "MEASUREMENT"));
}

/* Every step of this TEE is needed. */
static void test_steps_are_needed(void **state)
{
    struct snp_world *w = *state;
    static const enum mse_step steps[] = {
        MSE_STEP_FORM,           MSE_STEP_VCEK_CHAIN,
        MSE_STEP_VCEK_CRL,       MSE_STEP_REPORT_SIGNATURE,
        MSE_STEP_VCEK_EXTENSION, MSE_STEP_TCB_STATUS,
        MSE_STEP_SIMULATION,     MSE_STEP_ATTRIBUTES,
        MSE_STEP_REFERENCE,      MSE_STEP_MACHINE,
    };
    accepts(w);
    static struct mse_verdict v;
    for (size_t i = 0; i < MSE_ARRAY_LEN(steps); i++) {
        v = w->verdict;
        v.num_checks = 0;
        for (size_t k = 0; k < w->verdict.num_checks; k++) {
            if (w->verdict.checks[k].step != steps[i]) {
                v.checks[v.num_checks++] = w->verdict.checks[k];
            }
        }
        assert_true(v.num_checks < w->verdict.num_checks);
        mse_verdict_add(&v, MSE_STEP_NAME, MSE_OK, NULL, NULL, NULL);
        assert_false(v.accepted);
        assert_status(v.status, MSE_ERR_NO_EVIDENCE);
    }
}

#define T(f) cmocka_unit_test_setup(f, snp_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_healthy),
        T(test_turin),
        T(test_vlek),
        T(test_zeroed_and_senseless_policy),
        T(test_form),
        T(test_chain_parts),
        T(test_chain_signatures_and_names),
        T(test_chain_profile),
        T(test_root_is_known_by_its_key),
        T(test_dates),
        T(test_crl),
        T(test_report_signature),
        T(test_extensions),
        T(test_self_reported_tcb),
        T(test_hwid),
        T(test_min_tcb),
        T(test_guest_policy),
        T(test_abi_and_vmpl),
        T(test_references),
        T(test_values_of_another_tee),
        T(test_what_identifies),
        T(test_machine),
        T(test_level),
        T(test_fingerprint),
        T(test_cut_and_flipped),
        T(test_printing),
        T(test_steps_are_needed),
    };
    return cmocka_run_group_tests(tests, snp_setup, snp_teardown);
}
