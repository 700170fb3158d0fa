/* SPDX-License-Identifier: Apache-2.0 */
/* Our own evidence of SEV-SNP and AWS Nitro in certificates: the private tags. */
#include "attest/nitro_world.h"
#include "attest/snp_world.h"
#include "lab.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/claims.h"
#include "ratls/oids.h"

struct all {
    struct lab *lab;
    struct snp_world *snp;
    struct nitro_world *nitro;
    uint8_t report_data[64];
    struct mse_build certificates;
};

static struct mse_verdict verdict;

static void *part_of(int (*setup)(void **))
{
    void *state = NULL;
    assert_int_equal(setup(&state), 0);
    return state;
}

static int setup(void **state)
{
    struct all *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->lab = part_of(lab_setup);
    a->snp = part_of(snp_setup);
    a->nitro = part_of(nitro_setup);
    mse_build_heap(&a->certificates, 16384);
    *state = a;
    return 0;
}

static int teardown(void **state)
{
    struct all *a = *state;
    void *parts[] = { a->lab, a->snp, a->nitro };
    (void)lab_teardown(&parts[0]);
    (void)snp_teardown(&parts[1]);
    (void)nitro_teardown(&parts[2]);
    mse_build_clear(&a->certificates);
    free(a);
    return 0;
}

static int defaults(void **state)
{
    struct all *a = *state;
    void *snp = a->snp;
    void *nitro = a->nitro;
    (void)snp_defaults(&snp);
    (void)nitro_defaults(&nitro);
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    memcpy(p.spki_sha256, a->lab->spki_sha256, 32);
    mse_build_reset(&a->lab->claims);
    assert_status(mse_ratls_claims_make(&a->lab->claims, &p), MSE_OK);
    assert_status(mse_ratls_report_data(a->report_data, mse_build_view(&a->lab->claims)), MSE_OK);
    return 0;
}

static void make(struct all *a, enum mse_tee_kind tee, struct mse_bytes report)
{
    struct lab *l = a->lab;
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make_tagged(&l->evidence, tee, report,
                                                 mse_build_view(&l->claims),
                                                 mse_build_view(&a->certificates)),
                  MSE_OK);
    lab_cert(l);
}

static void make_snp(struct all *a)
{
    struct snp_world *w = a->snp;
    snp_make(w);
    mse_build_reset(&a->certificates);
    mse_wr_bytes(&a->certificates, mse_build_view(&w->der[SNP_VCEK]));
    mse_wr_bytes(&a->certificates, mse_build_view(&w->der[SNP_ASK]));
    mse_wr_bytes(&a->certificates, mse_build_view(&w->der[SNP_ARK]));
    make(a, MSE_TEE_SNP, mse_bytes_of(w->report, sizeof w->report));
}

static void make_nitro(struct all *a)
{
    nitro_make(a->nitro);
    mse_build_reset(&a->certificates);
    make(a, MSE_TEE_NITRO, mse_build_view(&a->nitro->document));
}

static mse_status judge(struct all *a, const struct mse_collateral *c, const struct mse_policy *p,
                        enum mse_ratls_binding *binding)
{
    *binding = MSE_BINDING_NONE;
    return mse_ratls_appraise(&verdict, NULL, binding, mse_build_view(&a->lab->cert), LAB_HOST, c,
                              p, LAB_NOW, NULL);
}

/* Certificates that came along are as good as those of the collateral; the CRL never comes so. */
static void snp_evidence(void **state)
{
    struct all *a = *state;
    enum mse_ratls_binding binding;
    memcpy(a->snp->report_data, a->report_data, 64);
    make_snp(a);
    struct mse_collateral crl_only = { .vcek_crl = a->snp->collateral.vcek_crl };
    struct mse_collateral none = { .vcek_crl = { NULL, 0 } };
    assert_status(judge(a, &crl_only, &a->snp->policy, &binding), MSE_OK);
    assert_int_equal(binding, MSE_BINDING_CLAIMS);
    assert_int_equal(verdict.tee, MSE_TEE_SNP);
    assert_status(judge(a, &a->snp->collateral, &a->snp->policy, &binding), MSE_OK);
    assert_status(judge(a, &none, &a->snp->policy, &binding), MSE_ERR_VCEK_CRL_MISSING);
    mse_build_reset(&a->certificates);
    make(a, MSE_TEE_SNP, mse_bytes_of(a->snp->report, sizeof a->snp->report));
    assert_status(judge(a, &crl_only, &a->snp->policy, &binding), MSE_ERR_VCEK_MISSING);
    /* Anchors never come with evidence. */
    make_snp(a);
    memset(a->snp->policy.simulation_root_sha256, 0, 32);
    assert_status(judge(a, &crl_only, &a->snp->policy, &binding), MSE_ERR_VCEK_ROOT_UNTRUSTED);
}

static void snp_binding(void **state)
{
    struct all *a = *state;
    enum mse_ratls_binding binding;
    memcpy(a->snp->report_data, a->report_data, 64);
    a->snp->report_data[31] ^= 1;
    make_snp(a);
    assert_status(judge(a, &a->snp->collateral, &a->snp->policy, &binding), MSE_ERR_CLAIMS_HASH);
    a->snp->report_data[31] ^= 1;
    a->snp->report_data[63] ^= 1;
    make_snp(a);
    assert_status(judge(a, &a->snp->collateral, &a->snp->policy, &binding), MSE_ERR_CLAIMS_HASH);
    assert_int_equal(binding, MSE_BINDING_NONE);
}

static void nitro_evidence(void **state)
{
    struct all *a = *state;
    struct mse_collateral none = { .vcek_crl = { NULL, 0 } };
    enum mse_ratls_binding binding;
    a->nitro->user_data = mse_bytes_of(a->report_data, 64);
    make_nitro(a);
    assert_status(judge(a, &none, &a->nitro->policy, &binding), MSE_OK);
    assert_int_equal(binding, MSE_BINDING_CLAIMS);
    assert_int_equal(verdict.tee, MSE_TEE_NITRO);
    a->nitro->signed_by_other = true;
    make_nitro(a);
    assert_status(judge(a, &none, &a->nitro->policy, &binding), MSE_ERR_COSE_SIGNATURE);
}

static void nitro_binding(void **state)
{
    struct all *a = *state;
    struct mse_collateral none = { .vcek_crl = { NULL, 0 } };
    enum mse_ratls_binding binding;
    const struct mse_bytes wrong[] = {
        mse_bytes_of(NULL, 0),
        mse_bytes_of("", 0),
        mse_bytes_of(a->report_data, 32),
        mse_build_view(&a->lab->spki),
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        a->nitro->user_data = wrong[i];
        make_nitro(a);
        assert_status(judge(a, &none, &a->nitro->policy, &binding), MSE_ERR_BINDING);
        assert_int_equal(binding, MSE_BINDING_NONE);
    }
    uint8_t other[64];
    memcpy(other, a->report_data, 64);
    other[40] = 1;
    a->nitro->user_data = mse_bytes_of(other, 64);
    make_nitro(a);
    assert_status(judge(a, &none, &a->nitro->policy, &binding), MSE_ERR_CLAIMS_HASH);
}

static void form(void **state)
{
    struct all *a = *state;
    struct lab *l = a->lab;
    struct mse_ratls_cert c;
    static const struct {
        uint64_t tag;
        size_t num;
        bool own; /* claims of ours */
        mse_status status;
    } cases[] = {
        { MSE_TAG_NITRO, 3, true, MSE_OK },
        { MSE_TAG_NITRO, 2, true, MSE_ERR_MALFORMED },
        { MSE_TAG_SNP, 3, true, MSE_ERR_MALFORMED },   /* the document is no report */
        { MSE_TAG_QUOTE, 3, true, MSE_ERR_MALFORMED }, /* nor has a quote certificates */
        { MSE_TAG_NITRO, 3, false, MSE_ERR_CLAIMS_MALFORMED },
        { MSE_TAG_NITRO + 1, 3, true, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG },
    };
    static const uint8_t foreign_head[] = "\xa1\x6bpubkey-hash\x58\x24\x82\x01\x58\x20";
    uint8_t foreign[sizeof foreign_head - 1 + 32];
    memcpy(foreign, foreign_head, sizeof foreign_head - 1);
    memcpy(foreign + sizeof foreign_head - 1, l->spki_sha256, 32);
    nitro_make(a->nitro);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        mse_build_reset(&l->evidence);
        mse_cborw_tag(&l->evidence, cases[i].tag);
        mse_cborw_array(&l->evidence, cases[i].num);
        mse_cborw_bytes(&l->evidence, mse_build_view(&a->nitro->document));
        mse_cborw_bytes(&l->evidence, cases[i].own ? mse_build_view(&l->claims)
                                                   : mse_bytes_of(foreign, sizeof foreign));
        if (cases[i].num == 3) {
            mse_cborw_bytes(&l->evidence, mse_bytes_of(NULL, 0));
        }
        lab_cert(l);
        assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), cases[i].status);
    }
    assert_status(mse_ratls_evidence_make_tagged(&l->evidence, MSE_TEE_SGX,
                                                 mse_build_view(&l->claims),
                                                 mse_build_view(&l->claims), mse_bytes_of(NULL, 0)),
                  MSE_ERR_ARGUMENT);
}

/* As one producer writes it: digits in a DNS name, the user data are the key. */
static void make_name(struct all *a, const char *behind)
{
    struct mse_bytes doc = mse_build_view(&a->nitro->document);
    size_t cap = 2 * doc.len + 64;
    char *text = calloc(1, cap);
    struct mse_build san;
    assert_non_null(text);
    mse_hex_encode(text, doc);
    size_t len = strlen(text);
    (void)snprintf(text + len, cap - len, "%s", behind);
    len = strlen(text);
    mse_build_heap(&san, 65536);
    mse_wr_u8(&san, 0x30);
    mse_wr_u8(&san, 0x82);
    mse_wr_u16be(&san, (uint16_t)(len + 4));
    mse_wr_u8(&san, 0x82);
    mse_wr_u8(&san, 0x82);
    mse_wr_u16be(&san, (uint16_t)len);
    mse_wr_str(&san, text);
    const struct lab_ext ext = { .oid = MSE_OID(mse_oid_subject_alt_name),
                                 .value = mse_build_view(&san) };
    lab_forge(a->lab, &ext, 1);
    mse_build_clear(&san);
    free(text);
}

static mse_status judge_name(struct all *a, enum mse_ratls_binding *binding)
{
    struct mse_collateral none = { .vcek_crl = { NULL, 0 } };
    *binding = MSE_BINDING_NONE;
    return mse_ratls_appraise(&verdict, NULL, binding, mse_build_view(&a->lab->cert), NULL, &none,
                              &a->nitro->policy, LAB_NOW, NULL);
}

static void document_in_a_name(void **state)
{
    struct all *a = *state;
    enum mse_ratls_binding binding;
    a->nitro->user_data = mse_build_view(&a->lab->spki);
    nitro_make(a->nitro);
    make_name(a, ".example.org");
    assert_status(judge_name(a, &binding), MSE_OK);
    assert_int_equal(binding, MSE_BINDING_SPKI_PLAIN);
    make_name(a, "");
    assert_status(judge_name(a, &binding), MSE_OK);
    make_name(a, "0.example.org");
    assert_status(judge_name(a, &binding), MSE_ERR_MALFORMED);
    make_name(a, "00.example.org");
    assert_status(judge_name(a, &binding), MSE_ERR_MALFORMED);
    make_name(a, "zz");
    assert_status(judge_name(a, &binding), MSE_ERR_MALFORMED);
    a->nitro->user_data = mse_bytes_of(a->lab->spki_sha256, 32);
    nitro_make(a->nitro);
    make_name(a, ".example.org");
    assert_status(judge_name(a, &binding), MSE_ERR_BINDING);
}

#define T(f) cmocka_unit_test_setup(f, defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(snp_evidence),  T(snp_binding), T(nitro_evidence),
        T(nitro_binding), T(form),        T(document_in_a_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
