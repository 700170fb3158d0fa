/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong where others tied evidence to a certificate, one test for each class, named after
 * it. The quotes are genuine throughout. */
#include "lab.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/oids.h"

static struct mse_verdict verdict;

static mse_status judge(const struct lab *l)
{
    mse_status st = mse_ratls_appraise(&verdict, NULL, NULL, mse_build_view(&l->cert), NULL,
                                       &l->bundle.collateral, &l->policy, LAB_NOW, NULL);
    assert_true(verdict.accepted == (st == MSE_OK));
    return st;
}

static void forge_one(struct lab *l, struct mse_bytes oid, struct mse_bytes value)
{
    const struct lab_ext ext = { .oid = oid, .value = value };
    lab_forge(l, &ext, 1);
}

/* A certificate over a genuine quote of exactly these claims. */
static mse_status judge_claims(struct lab *l, struct mse_bytes claims)
{
    uint8_t report_data[64];
    assert_status(mse_ratls_report_data(report_data, claims), MSE_OK);
    lab_quote(l, report_data);
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&l->quote), claims), MSE_OK);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&l->evidence));
    return judge(l);
}

/* A quote that says nothing of the key would fit every certificate. */
static void claims_named_no_key(void **state)
{
    struct lab *l = *state;
    struct mse_build b;
    uint8_t buf[256];
    mse_build_fixed(&b, buf, sizeof buf);
    mse_cborw_map(&b, 0);
    assert_status(judge_claims(l, mse_build_view(&b)), MSE_ERR_CLAIMS_MALFORMED);
    mse_build_reset(&b);
    mse_cborw_map(&b, 1);
    mse_cborw_text(&b, "mse-role");
    mse_cborw_text(&b, "server-static");
    assert_status(judge_claims(l, mse_build_view(&b)), MSE_ERR_CLAIMS_MALFORMED);
    mse_build_reset(&b);
    mse_cborw_map(&b, 1);
    mse_cborw_text(&b, "public-key-hash");
    mse_cborw_bytes(&b, mse_bytes_of(l->spki_sha256, 32));
    assert_status(judge_claims(l, mse_build_view(&b)), MSE_ERR_CLAIMS_MALFORMED);
    assert_status(judge_claims(l, mse_bytes_of(buf, 0)), MSE_ERR_CLAIMS_MALFORMED);
}

/* A few bytes that promise much: nesting, counts, lengths, tags. */
static void a_few_bytes_of_cbor_were_a_bomb(void **state)
{
    struct lab *l = *state;
    static uint8_t deep[4096];
    static const uint8_t nests[] = { 0x81, 0xa1, 0xc1, 0x9f, 0xbf };
    for (size_t i = 0; i < MSE_ARRAY_LEN(nests); i++) {
        memset(deep, nests[i], sizeof deep);
        assert_status(judge_claims(l, mse_bytes_of(deep, sizeof deep)), MSE_ERR_CLAIMS_MALFORMED);
        forge_one(l, MSE_OID(mse_oid_dice), mse_bytes_of(deep, sizeof deep));
        mse_status st = judge(l);
        assert_true(st == MSE_ERR_MALFORMED || st == MSE_ERR_UNSUPPORTED_EVIDENCE_TAG);
    }
    static const uint8_t majors[] = { 0x40, 0x60, 0x80, 0xa0 }; /* bytes, text, array, map */
    for (size_t i = 0; i < MSE_ARRAY_LEN(majors); i++) {
        uint8_t vast[] = { 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x61 };
        vast[0] = majors[i] | 27;
        assert_status(judge_claims(l, mse_bytes_of(vast, sizeof vast)), MSE_ERR_CLAIMS_MALFORMED);
        uint8_t large[] = { 0, 0xff, 0xff, 0xff, 0xff, 0x61 };
        large[0] = majors[i] | 26;
        assert_status(judge_claims(l, mse_bytes_of(large, sizeof large)), MSE_ERR_CLAIMS_MALFORMED);
    }
}

/* Two maps that two readers read differently. */
static void a_claim_stood_there_twice(void **state)
{
    struct lab *l = *state;
    static const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    lab_evidence(l, &p);
    uint8_t buf[512];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    struct mse_bytes pairs = mse_build_view(&l->claims);
    uint8_t head = 0;
    assert_true(mse_rd_u8(&pairs, &head) && head == 0xa2);
    mse_wr_u8(&b, 0xa4);
    mse_wr_bytes(&b, pairs);
    mse_wr_bytes(&b, pairs);
    assert_status(judge_claims(l, mse_build_view(&b)), MSE_ERR_CLAIMS_MALFORMED);
}

/* The quote of one form under the OID of another: what was hashed is not what is read. */
static void one_form_passed_for_another(void **state)
{
    struct lab *l = *state;
    static const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    lab_evidence(l, &p);
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_build_view(&l->quote));
    assert_status(judge(l), MSE_ERR_BINDING);
    forge_one(l, MSE_OID(mse_oid_legacy_gramine), mse_build_view(&l->quote));
    assert_status(judge(l), MSE_ERR_BINDING);
    /* A quote over the bare key, with the key itself as claims. */
    assert_status(judge_claims(l, mse_build_view(&l->spki)), MSE_ERR_CLAIMS_MALFORMED);
}

static void take_key(struct lab *l, struct mse_privkey *k)
{
    l->key = k;
    mse_build_reset(&l->spki);
    assert_status(mse_privkey_spki(k, &l->spki), MSE_OK);
}

/* The right name and the right quote, by somebody who has neither key. */
static void a_quote_was_carried_to_another_key(void **state)
{
    struct lab *l = *state;
    uint8_t report_data[64] = { 0 };
    struct mse_privkey *own = l->key;
    memcpy(report_data, l->spki_sha256, 32);
    lab_quote(l, report_data);
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_build_view(&l->quote));
    assert_status(judge(l), MSE_OK);
    struct mse_privkey *thief = NULL;
    assert_status(mse_privkey_generate_p256(&thief), MSE_OK);
    take_key(l, thief);
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_build_view(&l->quote));
    mse_status st = judge(l);
    take_key(l, own);
    mse_privkey_free(thief);
    assert_status(st, MSE_ERR_BINDING);
}

/* What a client or a replica said, handed back as if a server had said it. */
static void evidence_was_reflected(void **state)
{
    struct lab *l = *state;
    static const enum mse_ratls_role roles[] = { MSE_ROLE_CLIENT_SESSION, MSE_ROLE_SERVER_SESSION,
                                                 MSE_ROLE_APP };
    for (size_t i = 0; i < MSE_ARRAY_LEN(roles); i++) {
        struct mse_ratls_claims_params p = { .role = roles[i] };
        lab_evidence(l, &p);
        lab_cert(l);
        assert_status(judge(l), MSE_ERR_ROLE);
    }
}

/* Large and senseless evidence is refused, whatever its length says. */
static void an_extension_was_unbounded(void **state)
{
    struct lab *l = *state;
    static uint8_t large[16384];
    static const uint8_t fills[] = { 0x00, 0x03, 0x1f, 0x81, 0xff };
    for (size_t i = 0; i < MSE_ARRAY_LEN(fills); i++) {
        memset(large, fills[i], sizeof large);
        forge_one(l, MSE_OID(mse_oid_dice), mse_bytes_of(large, sizeof large));
        assert_true(judge(l) != MSE_OK);
        forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_bytes_of(large, sizeof large));
        assert_true(judge(l) != MSE_OK);
        forge_one(l, MSE_OID(mse_oid_open_enclave), mse_bytes_of(large, sizeof large));
        assert_true(judge(l) != MSE_OK);
    }
}

/* The encodings of a key that somebody out there hashes. */
static void encode_key(struct mse_build *b, enum mse_ratls_binding how, struct mse_bytes spki)
{
    struct mse_pubkey key;
    assert_true(mse_pubkey_parse(&key, spki));
    mse_build_reset(b);
    switch (how) {
    case MSE_BINDING_SPKI:
        mse_wr_bytes(b, spki);
        break;
    case MSE_BINDING_POINT:
    case MSE_BINDING_PKCS1:
        mse_wr_bytes(b, key.raw);
        break;
    case MSE_BINDING_PEM_NUL:
        mse_pem_write(b, "PUBLIC KEY", spki);
        mse_wr_u8(b, 0);
        break;
    case MSE_BINDING_NONE:
    case MSE_BINDING_SPKI_PLAIN:
    case MSE_BINDING_CLAIMS:
        break; /* a hash of nothing */
    }
}

#define OF(b) (1U << (unsigned)(b))

static void try_binding(const struct mse_ratls_cert *c, unsigned taken, bool rsa)
{
    static uint8_t room[2048];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    for (unsigned how = MSE_BINDING_NONE; how <= MSE_BINDING_PEM_NUL; how++) {
        bool applies = how != (rsa ? MSE_BINDING_POINT : MSE_BINDING_PKCS1);
        uint8_t report_data[64] = { 0 };
        enum mse_ratls_binding seen = MSE_BINDING_NONE;
        struct mse_error err = { 0 };
        encode_key(&b, (enum mse_ratls_binding)how, c->spki);
        assert_status(mse_sha256(report_data, mse_build_view(&b)), MSE_OK);
        mse_status st = mse_ratls_check_binding(&seen, c, report_data, &err);
        bool good = applies && (taken & OF(how)) != 0;
        if (!applies) {
            continue;
        }
        assert_status(st, good ? MSE_OK : MSE_ERR_BINDING);
        assert_int_equal(seen, good ? how : MSE_BINDING_NONE);
        assert_true(good || err.text[0] != '\0');
        report_data[40] = 1; /* but for the bare point the upper half is zero */
        st = mse_ratls_check_binding(&seen, c, report_data, NULL);
        assert_status(st, good && how == MSE_BINDING_POINT ? MSE_OK : MSE_ERR_BINDING);
    }
}

/* Each form hashes the key in its own way, and takes no other: what one form hashes is another's
 * unrelated data. No form goes without a key binding. */
static void a_key_was_hashed_another_way(void **state)
{
    struct lab *l = *state;
    static const struct {
        enum mse_ratls_form form;
        unsigned taken;
    } forms[] = {
        { MSE_RATLS_LEGACY, OF(MSE_BINDING_SPKI) | OF(MSE_BINDING_POINT) | OF(MSE_BINDING_PKCS1) },
        { MSE_RATLS_LEGACY_GRAMINE, OF(MSE_BINDING_SPKI) },
        { MSE_RATLS_OPEN_ENCLAVE, OF(MSE_BINDING_PEM_NUL) },
        { MSE_RATLS_OLD_QUOTE_OID, OF(MSE_BINDING_SPKI) | OF(MSE_BINDING_POINT) |
                                       OF(MSE_BINDING_PKCS1) | OF(MSE_BINDING_PEM_NUL) },
        { MSE_RATLS_SNP, OF(MSE_BINDING_SPKI) | OF(MSE_BINDING_POINT) | OF(MSE_BINDING_PKCS1) },
        { MSE_RATLS_TDX, OF(MSE_BINDING_SPKI) | OF(MSE_BINDING_POINT) },
    };
    static uint8_t room[1024];
    struct mse_build rsa_spki;
    struct mse_privkey *rsa = NULL;
    mse_build_fixed(&rsa_spki, room, sizeof room);
    assert_status(mse_privkey_generate_rsa3072_e3(&rsa), MSE_OK);
    assert_status(mse_privkey_spki(rsa, &rsa_spki), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(forms); i++) {
        struct mse_ratls_cert c = { .form = forms[i].form, .spki = mse_build_view(&l->spki) };
        try_binding(&c, forms[i].taken, false);
        c.spki = mse_build_view(&rsa_spki);
        try_binding(&c, forms[i].taken, true);
    }
    mse_privkey_free(rsa);
}

/* Nothing decompresses: an extension that is a gzip stream is no evidence, however it is wrapped.
 */
static void a_gzip_bomb_was_inflated(void **state)
{
    struct lab *l = *state;
    static uint8_t gzip[4096] = { 0x1f, 0x8b, 8 };
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_bytes_of(gzip, sizeof gzip));
    assert_true(judge(l) != MSE_OK);
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make(&l->evidence, mse_bytes_of(gzip, sizeof gzip),
                                          mse_bytes_of(gzip, 64)),
                  MSE_OK);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&l->evidence));
    assert_true(judge(l) != MSE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_named_no_key),
        cmocka_unit_test(a_few_bytes_of_cbor_were_a_bomb),
        cmocka_unit_test(a_claim_stood_there_twice),
        cmocka_unit_test(one_form_passed_for_another),
        cmocka_unit_test(a_quote_was_carried_to_another_key),
        cmocka_unit_test(evidence_was_reflected),
        cmocka_unit_test(an_extension_was_unbounded),
        cmocka_unit_test(a_key_was_hashed_another_way),
        cmocka_unit_test(a_gzip_bomb_was_inflated),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
