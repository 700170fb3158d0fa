/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: ours, made and judged over simulated evidence; every form of others, made by hand
 * over the same; every refusal by its status. */
#include "lab.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/claims.h"
#include "ratls/oids.h"

static const struct mse_ratls_claims_params static_role = { .role = MSE_ROLE_SERVER_STATIC };
static struct mse_verdict verdict;

static mse_status appraise(const struct lab *l, enum mse_ratls_binding *b, const char *host,
                           mse_time at)
{
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_ratls_appraise(&verdict, NULL, b, mse_build_view(&l->cert), host,
                                       &l->bundle.collateral, &l->policy, at, &err);
    assert_status(err.status, st);
    assert_status(verdict.status, st);
    assert_true(verdict.accepted == (st == MSE_OK));
    return st;
}

static mse_status judge(const struct lab *l)
{
    return appraise(l, NULL, NULL, LAB_NOW);
}

static mse_status read_only(const struct lab *l)
{
    struct mse_ratls_cert c;
    return mse_ratls_read(&c, mse_build_view(&l->cert), NULL);
}

static void ours_is_accepted(void **state)
{
    struct lab *l = *state;
    struct mse_ratls_cert c;
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    lab_evidence(l, &static_role);
    lab_cert(l);
    assert_status(appraise(l, &b, LAB_HOST, LAB_NOW), MSE_OK);
    assert_int_equal(b, MSE_BINDING_CLAIMS);
    assert_true(verdict.simulated);
    assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_int_equal(c.form, MSE_RATLS_DICE);
    assert_false(c.also_legacy);
    assert_bytes(c.spki, mse_build_view(&l->spki));
    assert_bytes(c.quote, mse_build_view(&l->quote));
    assert_bytes(c.claims_raw, mse_build_view(&l->claims));
    assert_int_equal(c.not_before, LAB_NOW - 3600);
    assert_int_equal(c.not_after, LAB_NOW + 30 * LAB_DAY);
    assert_int_equal(c.claims.role, MSE_ROLE_SERVER_STATIC);
}

static void layout_is_r1(void **state)
{
    struct lab *l = *state;
    struct mse_cert x;
    struct mse_bytes value;
    bool critical = true;
    char cn[48] = "RA-TLS ";
    lab_evidence(l, &static_role);
    lab_cert(l);
    assert_status(mse_cert_parse(&x, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_true(l->cert.len <= 12288);
    assert_true(x.serial.len <= 16 && x.serial.len >= 12);
    assert_bytes(x.issuer, x.subject);
    mse_hex_encode(cn + 7, mse_bytes_of(l->spki_sha256, 16));
    assert_bytes(mse_name_common_name(x.subject), mse_bytes_str(cn));
    assert_true(x.has_basic_constraints && !x.is_ca && !x.has_unknown_critical);
    assert_true(x.has_key_usage && x.key_usage == MSE_KU_DIGITAL_SIGNATURE);
    assert_true(mse_cert_has_host(&x, LAB_HOST) && !mse_cert_has_host(&x, "x." LAB_HOST));
    assert_true(mse_cert_extension(&x, MSE_OID(mse_oid_dice), &value, &critical) && !critical);
    assert_bytes(value, mse_build_view(&l->evidence));
    assert_true(mse_cert_extension(&x, MSE_OID(mse_oid_ext_key_usage), &value, &critical));
    assert_true(mse_cert_extension(&x, MSE_OID(mse_oid_subject_key_id), &value, NULL));
    struct mse_bytes first = mse_bytes_of(x.serial.data, x.serial.len);
    uint8_t serial[16];
    memcpy(serial, first.data, first.len);
    size_t len = first.len;
    lab_cert(l);
    assert_status(mse_cert_parse(&x, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_false(mse_bytes_equal(x.serial, mse_bytes_of(serial, len)));
}

static void name_and_dates_are_judged_for_a_host_only(void **state)
{
    struct lab *l = *state;
    lab_evidence(l, &static_role);
    lab_cert(l);
    assert_status(appraise(l, NULL, "other.example.org", LAB_NOW), MSE_ERR_CERTIFICATE_NAME);
    assert_status(appraise(l, NULL, "APP.example.ORG", LAB_NOW), MSE_OK);
    assert_status(appraise(l, NULL, NULL, LAB_NOW), MSE_OK);
    const struct mse_ratls_cert_params late = { .key = l->key,
                                                .dns_name = LAB_HOST,
                                                .not_before = LAB_NOW + 1,
                                                .not_after = LAB_NOW + 2,
                                                .evidence = mse_build_view(&l->evidence) };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &late, NULL), MSE_OK);
    assert_status(appraise(l, NULL, LAB_HOST, LAB_NOW), MSE_ERR_CERTIFICATE_NOT_YET_VALID);
    assert_status(appraise(l, NULL, LAB_HOST, LAB_NOW + 1), MSE_OK);
    assert_status(appraise(l, NULL, LAB_HOST, LAB_NOW + 3), MSE_ERR_CERTIFICATE_EXPIRED);
    assert_status(judge(l), MSE_OK);
}

static void every_role_but_one_is_refused(void **state)
{
    struct lab *l = *state;
    for (int r = MSE_ROLE_SERVER_STATIC; r <= MSE_ROLE_APP; r++) {
        struct mse_ratls_claims_params p = { .role = (enum mse_ratls_role)r };
        lab_evidence(l, &p);
        lab_cert(l);
        assert_status(judge(l), r == MSE_ROLE_SERVER_STATIC ? MSE_OK : MSE_ERR_ROLE);
    }
}

/* The man in the middle: his own key and certificate around a genuine quote. */
static void copied_evidence_is_refused(void **state)
{
    struct lab *l = *state;
    struct mse_privkey *own = l->key;
    lab_evidence(l, &static_role);
    assert_status(mse_privkey_generate_p256(&l->key), MSE_OK);
    lab_cert(l);
    assert_status(judge(l), MSE_ERR_BINDING);
    mse_privkey_free(l->key);
    l->key = own;
}

static void report_data_must_be_the_hash_of_the_claims(void **state)
{
    struct lab *l = *state;
    uint8_t report_data[64];
    lab_evidence(l, &static_role);
    assert_status(mse_ratls_report_data(report_data, mse_build_view(&l->claims)), MSE_OK);
    for (size_t at = 0; at < 64; at += 21) {
        report_data[at] ^= 1;
        lab_quote(l, report_data);
        mse_build_reset(&l->evidence);
        assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&l->quote),
                                              mse_build_view(&l->claims)),
                      MSE_OK);
        lab_cert(l);
        assert_status(judge(l), MSE_ERR_CLAIMS_HASH);
        report_data[at] ^= 1;
    }
}

static void changed_certificates_are_refused(void **state)
{
    struct lab *l = *state;
    lab_evidence(l, &static_role);
    lab_cert(l);
    l->cert.data[l->cert.len - 1] ^= 1;
    assert_status(judge(l), MSE_ERR_CERTIFICATE_SIGNATURE);
    struct mse_ratls_cert c;
    assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_status(mse_ratls_check_self_signature(&c, NULL), MSE_ERR_CERTIFICATE_SIGNATURE);
    l->cert.data[l->cert.len - 1] ^= 1;
    assert_status(mse_ratls_check_self_signature(&c, NULL), MSE_OK);
}

static void truncated_appended_flipped(void **state)
{
    struct lab *l = *state;
    struct mse_ratls_cert c;
    lab_evidence(l, &static_role);
    lab_cert(l);
    size_t len = l->cert.len;
    mse_wr_u8(&l->cert, 0);
    for (size_t i = 0; i <= len + 1; i++) {
        mse_status st = mse_ratls_read(&c, mse_bytes_of(l->cert.data, i), NULL);
        assert_status(st, i == len ? MSE_OK : MSE_ERR_MALFORMED);
    }
    l->cert.len = len;
    /* every byte in turn: nothing that was changed is accepted */
    for (size_t i = 0; i < len; i += 7) {
        l->cert.data[i] ^= (uint8_t)(1U << (i % 8));
        assert_true(judge(l) != MSE_OK);
        l->cert.data[i] ^= (uint8_t)(1U << (i % 8));
    }
    assert_status(judge(l), MSE_OK);
}

/* ---- forms of others ---- */

static void forge_one(struct lab *l, struct mse_bytes oid, struct mse_bytes value)
{
    const struct lab_ext ext = { .oid = oid, .value = value };
    lab_forge(l, &ext, 1);
}

enum key_hash {
    HASH_SPKI,
    HASH_POINT,
    HASH_PEM,
};

/* A quote whose report_data[0:32] is the hash of the key in this encoding. */
static void quote_over_key(struct lab *l, enum key_hash how, uint8_t upper)
{
    uint8_t report_data[64] = { 0 };
    uint8_t buf[1024];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    if (how == HASH_SPKI) {
        mse_wr_bytes(&b, mse_build_view(&l->spki));
    } else if (how == HASH_POINT) {
        mse_wr_u8(&b, 4);
        assert_status(mse_privkey_point(l->key, mse_wr_space(&b, 64)), MSE_OK);
    } else {
        mse_pem_write(&b, "PUBLIC KEY", mse_build_view(&l->spki));
        mse_wr_u8(&b, 0);
    }
    assert_status(mse_sha256(report_data, mse_build_view(&b)), MSE_OK);
    report_data[63] = upper;
    lab_quote(l, report_data);
}

static void raw_quotes_of_others(void **state)
{
    struct lab *l = *state;
    struct {
        struct mse_bytes oid;
        enum key_hash how;
        uint8_t upper;
        enum mse_ratls_form form;
        enum mse_ratls_binding binding; /* NONE: refused */
    } cases[] = {
        { MSE_OID(mse_oid_legacy_sgx), HASH_SPKI, 0, MSE_RATLS_LEGACY, MSE_BINDING_SPKI },
        { MSE_OID(mse_oid_legacy_sgx), HASH_SPKI, 1, MSE_RATLS_LEGACY, MSE_BINDING_NONE },
        { MSE_OID(mse_oid_legacy_sgx), HASH_POINT, 0, MSE_RATLS_LEGACY, MSE_BINDING_POINT },
        { MSE_OID(mse_oid_legacy_sgx), HASH_POINT, 1, MSE_RATLS_LEGACY, MSE_BINDING_POINT },
        { MSE_OID(mse_oid_legacy_sgx), HASH_PEM, 0, MSE_RATLS_LEGACY, MSE_BINDING_NONE },
        { MSE_OID(mse_oid_legacy_gramine), HASH_SPKI, 0, MSE_RATLS_LEGACY_GRAMINE,
          MSE_BINDING_SPKI },
        { MSE_OID(mse_oid_legacy_gramine), HASH_POINT, 0, MSE_RATLS_LEGACY_GRAMINE,
          MSE_BINDING_NONE },
        { MSE_OID(mse_oid_sdk_sample), HASH_PEM, 0, MSE_RATLS_OLD_QUOTE_OID, MSE_BINDING_PEM_NUL },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_ratls_cert c;
        enum mse_ratls_binding b = MSE_BINDING_NONE;
        quote_over_key(l, cases[i].how, cases[i].upper);
        forge_one(l, cases[i].oid, mse_build_view(&l->quote));
        assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
        assert_int_equal(c.form, cases[i].form);
        assert_status(appraise(l, &b, NULL, LAB_NOW),
                      cases[i].binding == MSE_BINDING_NONE ? MSE_ERR_BINDING : MSE_OK);
        assert_int_equal(b, cases[i].binding);
    }
}

static void open_enclave_has_a_header(void **state)
{
    struct lab *l = *state;
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    quote_over_key(l, HASH_PEM, 0);
    struct {
        uint32_t version;
        uint32_t type;
        int off; /* added to the size */
        mse_status want;
    } cases[] = {
        { 1, 2, 0, MSE_OK },
        { 2, 2, 0, MSE_ERR_MALFORMED },
        { 1, 1, 0, MSE_ERR_MALFORMED },
        { 1, 2, 1, MSE_ERR_MALFORMED },
        { 1, 2, -1, MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_build v;
        mse_build_heap(&v, 65536);
        mse_wr_u32le(&v, cases[i].version);
        mse_wr_u32le(&v, cases[i].type);
        mse_wr_u64le(&v, l->quote.len + (uint64_t)(int64_t)cases[i].off);
        mse_wr_bytes(&v, mse_build_view(&l->quote));
        forge_one(l, MSE_OID(mse_oid_open_enclave), mse_build_view(&v));
        mse_build_clear(&v);
        assert_status(appraise(l, &b, NULL, LAB_NOW), cases[i].want);
    }
    forge_one(l, MSE_OID(mse_oid_open_enclave), mse_bytes_str("short"));
    assert_status(judge(l), MSE_ERR_MALFORMED);
}

static void nothing_may_stand_behind_a_quote(void **state)
{
    struct lab *l = *state;
    quote_over_key(l, HASH_SPKI, 0);
    mse_wr_u8(&l->quote, 0);
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_build_view(&l->quote));
    assert_status(judge(l), MSE_ERR_MALFORMED);
}

static void other_evidence_is_named(void **state)
{
    struct lab *l = *state;
    static const uint8_t pck_ext[] = { 0x30, 0x00 };
    static const uint8_t nitro[] = "\x30\x12\x82\x10"
                                   "8444a1013822abcd";
    forge_one(l, MSE_OID(mse_oid_legacy_snp), mse_bytes_str("x"));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    forge_one(l, MSE_OID(mse_oid_legacy_tdx), mse_bytes_str("x"));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    forge_one(l, MSE_OID(mse_oid_subject_alt_name), mse_bytes_of(nitro, sizeof nitro - 1));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    forge_one(l, MSE_OID(mse_oid_sdk_sample), MSE_OID(pck_ext));
    assert_status(judge(l), MSE_ERR_NO_EVIDENCE);
    lab_forge(l, NULL, 0);
    assert_true(judge(l) != MSE_OK);
}

/* A SEV-SNP report alone or with the host's certificate table behind it; both to the last byte. */
static void snp_reports_are_read(void **state)
{
    struct lab *l = *state;
    static const uint8_t table[] = { 1, 0, 0, 0, 18, 0,  0,  0,  1,  2,  3,  4,    5,
                                     6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x30, 0 };
    uint8_t value[MSE_SNP_REPORT_LEN + sizeof table + 1] = { 3 };
    struct mse_ratls_cert c;
    value[0x34] = 1;
    memcpy(value + MSE_SNP_REPORT_LEN, table, sizeof table);
    for (size_t len = MSE_SNP_REPORT_LEN - 1; len <= sizeof value; len++) {
        bool good = len == MSE_SNP_REPORT_LEN || len == MSE_SNP_REPORT_LEN + sizeof table;
        forge_one(l, MSE_OID(mse_oid_legacy_snp), mse_bytes_of(value, len));
        mse_status st = mse_ratls_read(&c, mse_build_view(&l->cert), NULL);
        assert_status(st, good ? MSE_OK : MSE_ERR_MALFORMED);
        if (good) {
            assert_int_equal(c.form, MSE_RATLS_SNP);
            assert_int_equal(c.quote.len, MSE_SNP_REPORT_LEN);
        }
    }
    value[MSE_SNP_REPORT_LEN] = 0; /* no entry, yet more bytes */
    forge_one(l, MSE_OID(mse_oid_legacy_snp), mse_bytes_of(value, sizeof value - 1));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    /* Read, bound to nothing, and judged as what it is: without a chain. */
    forge_one(l, MSE_OID(mse_oid_legacy_snp), mse_bytes_of(value, MSE_SNP_REPORT_LEN));
    assert_status(judge(l), MSE_ERR_VCEK_MISSING);
}

static void extensions_may_not_be_there_twice(void **state)
{
    struct lab *l = *state;
    lab_evidence(l, &static_role);
    const struct lab_ext ext = { .oid = MSE_OID(mse_oid_dice),
                                 .value = mse_build_view(&l->evidence) };
    const struct lab_ext exts[] = { ext, ext };
    lab_forge(l, exts, 2);
    assert_status(read_only(l), MSE_ERR_MALFORMED);
}

/* ---- tagged evidence that cannot be used, beside an older extension that could ---- */

static void forge_both(struct lab *l, struct mse_bytes dice)
{
    const struct lab_ext exts[] = {
        { .oid = MSE_OID(mse_oid_legacy_sgx), .value = mse_build_view(&l->quote) },
        { .oid = MSE_OID(mse_oid_dice), .value = dice },
    };
    lab_forge(l, exts, 2);
}

static void there_is_no_fall_back(void **state)
{
    struct lab *l = *state;
    static const struct {
        uint64_t tag;
        mse_status want;
    } tags[] = {
        { 60001, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG }, { 60002, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG },
        { 0, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG },     { 0x1a7504, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG },
        { MSE_TAG_SNP, MSE_ERR_MALFORMED },          { MSE_TAG_NITRO, MSE_ERR_MALFORMED },
    };
    lab_evidence(l, &static_role);
    quote_over_key(l, HASH_SPKI, 0);
    for (size_t i = 0; i < MSE_ARRAY_LEN(tags); i++) {
        struct mse_build dice;
        mse_build_heap(&dice, 65536);
        mse_cborw_tag(&dice, tags[i].tag);
        mse_cborw_array(&dice, 2);
        mse_cborw_bytes(&dice, mse_build_view(&l->quote));
        mse_cborw_bytes(&dice, mse_build_view(&l->claims));
        forge_both(l, mse_build_view(&dice));
        mse_build_clear(&dice);
        assert_status(judge(l), tags[i].want);
        struct mse_ratls_cert c;
        assert_status(mse_ratls_read_legacy(&c, mse_build_view(&l->cert), NULL), tags[i].want);
    }
    forge_both(l, mse_bytes_str(""));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    forge_one(l, MSE_OID(mse_oid_legacy_sgx), mse_build_view(&l->quote));
    assert_status(judge(l), MSE_OK);
}

static void tagged_evidence_is_exact(void **state)
{
    struct lab *l = *state;
    lab_evidence(l, &static_role);
    struct mse_build e;
    mse_build_heap(&e, 65536);
    /* something behind */
    mse_wr_bytes(&e, mse_build_view(&l->evidence));
    mse_wr_u8(&e, 0);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&e));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    /* a third item */
    mse_build_reset(&e);
    mse_cborw_tag(&e, MSE_TAG_QUOTE);
    mse_cborw_array(&e, 3);
    mse_cborw_bytes(&e, mse_build_view(&l->quote));
    mse_cborw_bytes(&e, mse_build_view(&l->claims));
    mse_cborw_uint(&e, 0);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&e));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    /* claims of ours under a head that is longer than needed */
    mse_build_reset(&e);
    mse_wr_u8(&e, 0xda);
    mse_wr_u32be(&e, MSE_TAG_QUOTE);
    mse_cborw_array(&e, 2);
    mse_cborw_bytes(&e, mse_build_view(&l->quote));
    mse_cborw_bytes(&e, mse_build_view(&l->claims));
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&e));
    assert_status(judge(l), MSE_ERR_MALFORMED);
    /* claims that are none */
    mse_build_reset(&e);
    assert_status(mse_ratls_evidence_make(&e, mse_build_view(&l->quote), mse_bytes_str("x")),
                  MSE_OK);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&e));
    assert_status(judge(l), MSE_ERR_CLAIMS_MALFORMED);
    mse_build_clear(&e);
}

/* Foreign claims: pubkey-hash and nothing of ours, in a certificate without a profile. */
static void foreign_claims_pass_without_our_profile(void **state)
{
    struct lab *l = *state;
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    uint8_t hash[64] = { 0 };
    uint8_t report_data[64];
    assert_status(mse_sha384(hash, mse_build_view(&l->spki)), MSE_OK);
    mse_build_reset(&l->claims);
    mse_cborw_map(&l->claims, 2);
    mse_cborw_text(&l->claims, "pubkey-hash");
    mse_wr_u8(&l->claims, 0x58);
    mse_wr_u8(&l->claims, 52);
    mse_cborw_array(&l->claims, 2);
    mse_cborw_uint(&l->claims, MSE_HASH_ALG_SHA384);
    mse_cborw_bytes(&l->claims, mse_bytes_of(hash, 48));
    mse_cborw_text(&l->claims, "key_0");
    mse_cborw_text(&l->claims, "value");
    assert_status(mse_ratls_report_data(report_data, mse_build_view(&l->claims)), MSE_OK);
    lab_quote(l, report_data);
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&l->quote),
                                          mse_build_view(&l->claims)),
                  MSE_OK);
    forge_one(l, MSE_OID(mse_oid_dice), mse_build_view(&l->evidence));
    assert_status(appraise(l, &b, NULL, LAB_NOW), MSE_OK);
    assert_int_equal(b, MSE_BINDING_CLAIMS);
    assert_status(appraise(l, NULL, LAB_HOST, LAB_NOW), MSE_ERR_CERTIFICATE_NAME);
}

/* ---- our profile ---- */

static const uint8_t bc_leaf[] = { 0x30, 0x00 };
static const uint8_t bc_ca[] = { 0x30, 0x03, 0x01, 0x01, 0xff };
static const uint8_t ku_sign[] = { 0x03, 0x02, 0x07, 0x80 };
static const uint8_t ku_cert[] = { 0x03, 0x02, 0x02, 0x84 };
static const uint8_t san_one[] = "\x30\x03\x82\x01"
                                 "a";
static const uint8_t san_two[] = "\x30\x06\x82\x01"
                                 "a"
                                 "\x82\x01"
                                 "b";
static const uint8_t san_wild[] = "\x30\x05\x82\x03"
                                  "*.a";
static const uint8_t san_ip[] = "\x30\x06\x87\x04\x7f\x00\x00\x01";
static const uint8_t san_mail[] = "\x30\x03\x81\x01"
                                  "a";
static const uint8_t oid_unknown[] = { 0x2a, 0x03, 0x04 };

/* The extensions that the cases of profile_is_kept are made of. */
enum part {
    END = 0,
    LEAF,
    CA,
    SIGN,
    CERT_SIGN,
    ONE,
    TWO,
    WILD,
    ADDRESS,
    MAIL,
    UNKNOWN,
    UNKNOWN_CRITICAL,
};

static struct lab_ext ext_of(enum part p)
{
    struct mse_bytes bc = MSE_OID(mse_oid_basic_constraints);
    struct mse_bytes ku = MSE_OID(mse_oid_key_usage);
    struct mse_bytes san = MSE_OID(mse_oid_subject_alt_name);
    const struct lab_ext all[] = {
        [LEAF] = { bc, MSE_OID(bc_leaf), true },
        [CA] = { bc, MSE_OID(bc_ca), true },
        [SIGN] = { ku, MSE_OID(ku_sign), true },
        [CERT_SIGN] = { ku, MSE_OID(ku_cert), true },
        [ONE] = { san, mse_bytes_of(san_one, sizeof san_one - 1), false },
        [TWO] = { san, mse_bytes_of(san_two, sizeof san_two - 1), false },
        [WILD] = { san, mse_bytes_of(san_wild, sizeof san_wild - 1), false },
        [ADDRESS] = { san, mse_bytes_of(san_ip, sizeof san_ip - 1), false },
        [MAIL] = { san, mse_bytes_of(san_mail, sizeof san_mail - 1), false },
        [UNKNOWN] = { MSE_OID(oid_unknown), MSE_OID(bc_leaf), false },
        [UNKNOWN_CRITICAL] = { MSE_OID(oid_unknown), MSE_OID(bc_leaf), true },
    };
    return all[p];
}

static void profile_is_kept(void **state)
{
    struct lab *l = *state;
    static const struct {
        enum part parts[5];
        bool good;
    } cases[] = {
        { { LEAF, SIGN, ONE }, true },
        { { LEAF, SIGN, ADDRESS }, true },
        { { LEAF, SIGN, ONE, UNKNOWN }, true },
        { { CA, SIGN, ONE }, false },
        { { SIGN, ONE }, false },
        { { LEAF, CERT_SIGN, ONE }, false },
        { { LEAF, ONE }, false },
        { { LEAF, SIGN }, false },
        { { LEAF, SIGN, TWO }, false },
        { { LEAF, SIGN, WILD }, false },
        { { LEAF, SIGN, MAIL }, false },
        { { LEAF, SIGN, ONE, UNKNOWN_CRITICAL }, false },
    };
    lab_evidence(l, &static_role);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct lab_ext exts[5];
        size_t num = 0;
        for (; cases[i].parts[num] != END; num++) {
            exts[num] = ext_of(cases[i].parts[num]);
        }
        exts[num].oid = MSE_OID(mse_oid_dice);
        exts[num].value = mse_build_view(&l->evidence);
        exts[num].critical = false;
        lab_forge(l, exts, num + 1);
        mse_status st = judge(l);
        if (st != (cases[i].good ? MSE_OK : MSE_ERR_CERTIFICATE_PROFILE)) {
            fail_msg("case %zu: %s", i, mse_status_name(st));
        }
    }
}

/* ---- making ---- */

static void a_legacy_extension_goes_beside(void **state)
{
    struct lab *l = *state;
    struct mse_ratls_cert c;
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    lab_evidence(l, &static_role);
    lab_cert(l);
    assert_status(mse_ratls_read_legacy(&c, mse_build_view(&l->cert), NULL), MSE_ERR_NOT_FOUND);
    quote_over_key(l, HASH_SPKI, 0);
    const struct mse_ratls_cert_params p = { .key = l->key,
                                             .dns_name = "192.0.2.7",
                                             .not_before = LAB_NOW,
                                             .not_after = LAB_NOW + LAB_DAY,
                                             .evidence = mse_build_view(&l->evidence),
                                             .legacy_quote = mse_build_view(&l->quote) };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    assert_status(appraise(l, &b, "192.0.2.7", LAB_NOW), MSE_OK);
    assert_int_equal(b, MSE_BINDING_CLAIMS);
    assert_status(mse_ratls_read(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_true(c.form == MSE_RATLS_DICE && c.also_legacy);
    assert_status(mse_ratls_read_legacy(&c, mse_build_view(&l->cert), NULL), MSE_OK);
    assert_int_equal(c.form, MSE_RATLS_LEGACY);
    assert_bytes(c.quote, mse_build_view(&l->quote));
    struct mse_sgx_quote q;
    assert_status(mse_sgx_quote_parse(&q, c.quote, NULL), MSE_OK);
    assert_status(mse_ratls_check_binding(&b, &c, q.body.report_data, NULL), MSE_OK);
    assert_int_equal(b, MSE_BINDING_SPKI);
}

static void bad_parameters_make_no_certificate(void **state)
{
    struct lab *l = *state;
    static const char *const names[] = {
        "",    ".",   "a..b", "*.a.b", "a.b.",   "-a",       "a-",
        "a_b", "A.b", "a b",  "[::1]", "a.b:80", "\xc3\xbc", "a/b"
    };
    static uint8_t big[13000];
    lab_evidence(l, &static_role);
    struct mse_ratls_cert_params p = { .key = l->key,
                                       .dns_name = LAB_HOST,
                                       .not_before = LAB_NOW,
                                       .not_after = LAB_NOW,
                                       .evidence = mse_build_view(&l->evidence) };
    mse_build_reset(&l->cert);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        p.dns_name = names[i];
        assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_ARGUMENT);
    }
    char label[80];
    memset(label, 'a', sizeof label);
    label[64] = '\0';
    p.dns_name = label;
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_ARGUMENT);
    label[63] = '\0';
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    mse_build_reset(&l->cert);
    p.not_after--;
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_ARGUMENT);
    p.not_after++;
    p.evidence.len = 0;
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_ARGUMENT);
    p.evidence = MSE_OID(big);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_ERR_NO_SPACE);
    assert_int_equal(l->cert.len, 0);
}

/* ---- the field; the whole appraisal of these is what mse-conformance runs ---- */

struct field {
    const char *name;
    mse_status read;
    enum mse_ratls_form form;
    mse_status binding_status;
    enum mse_ratls_binding binding;
    mse_status signature;
};

static void check_parts(const struct field *f, const struct mse_ratls_cert *c)
{
    struct mse_sgx_quote q;
    struct mse_snp_report r;
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    assert_int_equal(c->form, f->form);
    if (f->form == MSE_RATLS_NITRO) {
        assert_int_equal(c->tee, MSE_TEE_NITRO); /* judged by the conformance case */
        return;
    }
    bool snp = c->form == MSE_RATLS_SNP;
    assert_status(snp ? mse_snp_report_parse(&r, c->quote, NULL)
                      : mse_sgx_quote_parse(&q, c->quote, NULL),
                  MSE_OK);
    const uint8_t *report_data = snp ? r.report_data : q.body.report_data;
    assert_status(mse_ratls_check_binding(&b, c, report_data, NULL), f->binding_status);
    assert_int_equal(b, f->binding);
    assert_status(mse_ratls_check_self_signature(c, NULL), f->signature);
}

static void check_field(const struct field *f)
{
    char path[512];
    struct mse_ratls_cert c;
    (void)snprintf(path, sizeof path, "%s/ra-tls/%s/cert.der", test_vectors(), f->name);
    struct mse_bytes der = test_read_file(path);
    assert_non_null(der.data);
    assert_status(mse_ratls_read(&c, der, NULL), f->read);
    if (f->read == MSE_OK) {
        check_parts(f, &c);
    }
    for (size_t len = 0; len < der.len; len += 13) {
        assert_status(mse_ratls_read(&c, mse_bytes_of(der.data, len), NULL), MSE_ERR_MALFORMED);
    }
    free((void *)(uintptr_t)der.data);
}

static void certificates_of_the_field(void **state)
{
    (void)state;
    static const struct field all[] = {
        { "cosmian-sgx", MSE_OK, MSE_RATLS_LEGACY, MSE_OK, MSE_BINDING_POINT, MSE_OK },
        { "gramine-tcg-dice-oid", MSE_OK, MSE_RATLS_DICE, MSE_OK, MSE_BINDING_CLAIMS, MSE_OK },
        { "oe-mystikos", MSE_OK, MSE_RATLS_OPEN_ENCLAVE, MSE_OK, MSE_BINDING_PEM_NUL, MSE_OK },
        { "rats-tls-old-openssl", MSE_OK, MSE_RATLS_LEGACY, MSE_OK, MSE_BINDING_PKCS1, MSE_OK },
        { "neg-oe-ec-bad", MSE_OK, MSE_RATLS_OPEN_ENCLAVE, MSE_OK, MSE_BINDING_PEM_NUL,
          MSE_ERR_CERTIFICATE_SIGNATURE },
        { "neg-cosmian-sgx--public-key-of-another-certificate", MSE_OK, MSE_RATLS_LEGACY,
          MSE_ERR_BINDING, MSE_BINDING_NONE, MSE_ERR_CERTIFICATE_SIGNATURE },
        { "neg-cosmian-sgx--self-signature-flipped", MSE_OK, MSE_RATLS_LEGACY, MSE_OK,
          MSE_BINDING_POINT, MSE_ERR_CERTIFICATE_SIGNATURE },
        { "neg-gramine--claims-hash-flipped", MSE_OK, MSE_RATLS_DICE, MSE_ERR_CLAIMS_HASH,
          MSE_BINDING_NONE, MSE_ERR_CERTIFICATE_SIGNATURE },
        { .name = "neg-gramine--hash-alg-unknown", .read = MSE_ERR_CLAIMS_HASH },
        { .name = "neg-gramine--cbor-tag-60002", .read = MSE_ERR_UNSUPPORTED_EVIDENCE_TAG },
        { .name = "neg-cosmian-sgx--truncated", .read = MSE_ERR_MALFORMED },
        { "cosmian-sev", MSE_OK, MSE_RATLS_SNP, MSE_OK, MSE_BINDING_POINT, MSE_OK },
        { .name = "evervault-nitro-cert", .form = MSE_RATLS_NITRO },
    };
    if (test_vectors() == NULL) {
        skip();
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(all); i++) {
        check_field(&all[i]);
    }
}

static void names_of_forms_and_bindings(void **state)
{
    (void)state;
    for (int f = MSE_RATLS_DICE; f <= MSE_RATLS_NITRO; f++) {
        assert_string_not_equal(mse_ratls_form_name((enum mse_ratls_form)f), "unknown");
    }
    for (int b = MSE_BINDING_NONE; b <= MSE_BINDING_CLAIMS; b++) {
        assert_string_not_equal(mse_ratls_binding_name((enum mse_ratls_binding)b), "unknown");
    }
    assert_string_equal(mse_ratls_form_name((enum mse_ratls_form)0), "unknown");
    assert_string_equal(mse_ratls_form_name((enum mse_ratls_form)99), "unknown");
    assert_string_equal(mse_ratls_binding_name((enum mse_ratls_binding)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_accepted),
        cmocka_unit_test(layout_is_r1),
        cmocka_unit_test(name_and_dates_are_judged_for_a_host_only),
        cmocka_unit_test(every_role_but_one_is_refused),
        cmocka_unit_test(copied_evidence_is_refused),
        cmocka_unit_test(report_data_must_be_the_hash_of_the_claims),
        cmocka_unit_test(changed_certificates_are_refused),
        cmocka_unit_test(truncated_appended_flipped),
        cmocka_unit_test(raw_quotes_of_others),
        cmocka_unit_test(open_enclave_has_a_header),
        cmocka_unit_test(nothing_may_stand_behind_a_quote),
        cmocka_unit_test(other_evidence_is_named),
        cmocka_unit_test(snp_reports_are_read),
        cmocka_unit_test(extensions_may_not_be_there_twice),
        cmocka_unit_test(there_is_no_fall_back),
        cmocka_unit_test(tagged_evidence_is_exact),
        cmocka_unit_test(foreign_claims_pass_without_our_profile),
        cmocka_unit_test(profile_is_kept),
        cmocka_unit_test(a_legacy_extension_goes_beside),
        cmocka_unit_test(bad_parameters_make_no_certificate),
        cmocka_unit_test(certificates_of_the_field),
        cmocka_unit_test(names_of_forms_and_bindings),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
