/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence parsers on made-up input: every refusal by its name, every cut. */
#include <mse/collateral.h>
#include <mse/evidence.h>

#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "lib/testlib.h"

#define QUOTE_LEN 2048

/* A quote with authentication data "auth" and certification data "data!"; returns its length. */
static size_t make_quote(uint8_t out[QUOTE_LEN], uint16_t cert_type)
{
    static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    struct mse_build b;
    mse_build_fixed(&b, out, QUOTE_LEN);
    mse_wr_u16le(&b, 3);
    mse_wr_u16le(&b, 2);
    mse_wr_u32le(&b, 0);
    mse_wr_u16le(&b, 7);
    mse_wr_u16le(&b, 9);
    mse_wr_copy(&b, vendor, sizeof vendor);
    mse_wr_zeros(&b, 20);
    for (unsigned i = 0; i < MSE_SGX_REPORT_LEN; i++) {
        mse_wr_u8(&b, (uint8_t)i);
    }
    mse_wr_u32le(&b, 64 + 64 + 384 + 64 + 2 + 4 + 2 + 4 + 5);
    mse_wr_zeros(&b, 64);
    mse_wr_zeros(&b, 64);
    mse_wr_zeros(&b, MSE_SGX_REPORT_LEN);
    mse_wr_zeros(&b, 64);
    mse_wr_u16le(&b, 4);
    mse_wr_str(&b, "auth");
    mse_wr_u16le(&b, cert_type);
    mse_wr_u32le(&b, 5);
    mse_wr_str(&b, "data!");
    assert_true(mse_build_ok(&b));
    return b.len;
}

static mse_status quote_status(const uint8_t *p, size_t len)
{
    struct mse_sgx_quote q;
    struct mse_error err = { 0 };
    mse_status st = mse_sgx_quote_parse(&q, mse_bytes_of(p, len), &err);
    assert_status(err.status, st);
    return st;
}

/* The status after one byte was set. */
static mse_status quote_with(size_t offset, uint8_t value)
{
    uint8_t buf[QUOTE_LEN];
    size_t len = make_quote(buf, 5);
    buf[offset] = value;
    return quote_status(buf, len);
}

static void test_quote(void **state)
{
    (void)state;
    uint8_t buf[QUOTE_LEN] = { 0 };
    struct mse_sgx_quote q;
    size_t len = make_quote(buf, 5);
    assert_status(mse_sgx_quote_parse(&q, mse_bytes_of(buf, len), NULL), MSE_OK);
    assert_int_equal(q.header.qe_svn, 7);
    assert_int_equal(q.header.pce_svn, 9);
    assert_int_equal(q.body.mr_enclave[0], 64);
    assert_int_equal(q.body.mr_signer[0], 128);
    assert_int_equal(q.body.isv_prod_id, 0x0100);
    assert_int_equal(q.body.isv_svn, 0x0302);
    assert_int_equal(q.body.config_svn, 0x0504);
    assert_int_equal(q.body.misc_select, 0x13121110);
    assert_int_equal(q.body.attr_flags, 0x3736353433323130);
    assert_int_equal(q.body.report_data[0], 320 & 0xff);
    assert_true(mse_bytes_is_str(q.auth.qe_auth_data, "auth"));
    assert_true(mse_bytes_is_str(q.auth.cert_data, "data!"));
    for (size_t cut = 0; cut < len; cut++) {
        assert_status(quote_status(buf, cut), MSE_ERR_MALFORMED);
    }
    assert_status(quote_status(buf, len + 1), MSE_ERR_MALFORMED);
    assert_status(mse_sgx_quote_parse_padded(&q, mse_bytes_of(buf, len + 9), NULL), MSE_OK);
    assert_int_equal(q.trailing, 9);
    buf[len + 8] = 1;
    assert_status(mse_sgx_quote_parse_padded(&q, mse_bytes_of(buf, len + 9), NULL),
                  MSE_ERR_MALFORMED);
}

static void test_quote_refusals(void **state)
{
    (void)state;
    uint8_t buf[QUOTE_LEN];
    assert_status(quote_with(0, 4), MSE_ERR_UNSUPPORTED_VERSION);
    assert_status(quote_with(1, 1), MSE_ERR_UNSUPPORTED_VERSION);
    assert_status(quote_with(2, 3), MSE_ERR_UNSUPPORTED_AK_TYPE);
    assert_status(quote_with(4, 0x81), MSE_ERR_MALFORMED);
    assert_status(quote_with(7, 1), MSE_ERR_MALFORMED);
    assert_status(quote_with(12, 0), MSE_ERR_UNSUPPORTED_QE_VENDOR);
    assert_status(quote_with(432, 0), MSE_ERR_MALFORMED);    /* signature data length */
    assert_status(quote_with(435, 0xff), MSE_ERR_MALFORMED); /* the same, huge */
    assert_status(quote_with(436 + 576, 5), MSE_ERR_MALFORMED);
    assert_status(quote_with(436 + 577, 0xff), MSE_ERR_MALFORMED);
    assert_status(quote_with(436 + 582, 6), MSE_ERR_UNSUPPORTED_CERT_TYPE);
    assert_status(quote_with(436 + 582, 7), MSE_ERR_UNSUPPORTED_CERT_TYPE);
    assert_status(quote_with(436 + 582, 0), MSE_ERR_UNSUPPORTED_CERT_TYPE);
    assert_status(quote_with(436 + 584, 4), MSE_ERR_MALFORMED);
    assert_status(quote_with(436 + 587, 0xff), MSE_ERR_MALFORMED);
    for (uint16_t type = 1; type <= 5; type++) {
        size_t len = make_quote(buf, type);
        assert_status(quote_status(buf, len), MSE_OK);
    }
    struct mse_sgx_report r;
    assert_status(mse_sgx_report_parse(&r, mse_bytes_of(buf, 384), NULL), MSE_OK);
    assert_status(mse_sgx_report_parse(&r, mse_bytes_of(buf, 383), NULL), MSE_ERR_MALFORMED);
    assert_status(mse_sgx_report_parse(&r, mse_bytes_of(buf, 385), NULL), MSE_ERR_MALFORMED);
    struct mse_tdx_report td;
    for (size_t len = MSE_TDX_REPORT10_LEN - 1; len <= MSE_TDX_REPORT15_LEN + 1; len++) {
        bool good = len == MSE_TDX_REPORT10_LEN || len == MSE_TDX_REPORT15_LEN;
        assert_status(mse_tdx_report_parse(&td, mse_bytes_of(buf, len), NULL),
                      good ? MSE_OK : MSE_ERR_MALFORMED);
    }
}

/* Which mistake to make in the SGX extension. */
enum ext_mistake {
    EXT_GOOD,
    EXT_TWICE,
    EXT_NO_PPID,
    EXT_NO_CPU_SVN,
    EXT_SVN_256,
    EXT_SVN_TWICE,
    EXT_SHORT_FMSPC,
    EXT_TYPE_3,
    EXT_BEHIND,
};

static void open_member(struct mse_build *b, size_t *mark, const uint8_t *arcs, size_t num)
{
    static const uint8_t parent[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
    uint8_t oid[16];
    memcpy(oid, parent, sizeof parent);
    memcpy(oid + sizeof parent, arcs, num);
    *mark = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, oid, sizeof parent + num);
}

static void put_octets(struct mse_build *b, uint8_t arc, size_t len)
{
    static const uint8_t octets[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    size_t mark = 0;
    open_member(b, &mark, &arc, 1);
    mse_derw_prim(b, MSE_DER_OCTETS, mse_bytes_of(octets, len));
    mse_derw_close(b, mark);
}

static void put_tcb(struct mse_build *b, enum ext_mistake m)
{
    static const uint8_t zeros[16] = { 0 };
    size_t tcb = 0;
    size_t mark = 0;
    open_member(b, &tcb, (const uint8_t[]) { 2 }, 1);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    for (uint8_t i = 1; i <= 17; i++) {
        uint8_t number = m == EXT_SVN_TWICE && i == 2 ? 1 : i;
        open_member(b, &mark, (const uint8_t[]) { 2, number }, 2);
        mse_derw_uint64(b, m == EXT_SVN_256 && i == 3 ? 256 : i);
        mse_derw_close(b, mark);
    }
    if (m != EXT_NO_CPU_SVN) {
        open_member(b, &mark, (const uint8_t[]) { 2, 18 }, 2);
        mse_derw_prim(b, MSE_DER_OCTETS, mse_bytes_of(zeros, sizeof zeros));
        mse_derw_close(b, mark);
    }
    mse_derw_close(b, seq);
    mse_derw_close(b, tcb);
}

static void put_configuration(struct mse_build *b)
{
    size_t conf = 0;
    size_t mark = 0;
    open_member(b, &conf, (const uint8_t[]) { 7 }, 1);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    for (uint8_t i = 1; i <= 3; i++) {
        open_member(b, &mark, (const uint8_t[]) { 7, i }, 2);
        mse_derw_bool(b, i != 2);
        mse_derw_close(b, mark);
    }
    mse_derw_close(b, seq);
    mse_derw_close(b, conf);
}

static void make_ext(struct mse_build *b, enum ext_mistake m)
{
    size_t mark = 0;
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    if (m != EXT_NO_PPID) {
        put_octets(b, 1, 16);
    }
    put_tcb(b, m);
    put_octets(b, 3, 2);
    put_octets(b, 4, m == EXT_SHORT_FMSPC ? 5 : 6);
    if (m == EXT_TWICE) {
        put_octets(b, 4, 6);
    }
    open_member(b, &mark, (const uint8_t[]) { 5 }, 1);
    uint8_t type = m == EXT_TYPE_3 ? 3 : 1;
    mse_derw_prim(b, MSE_DER_ENUMERATED, mse_bytes_of(&type, 1));
    mse_derw_close(b, mark);
    put_octets(b, 6, 16);
    put_configuration(b);
    put_octets(b, 30, 3); /* of a profile to come */
    mse_derw_close(b, seq);
    if (m == EXT_BEHIND) {
        mse_wr_u8(b, 0);
    }
}

static void test_pck_ext(void **state)
{
    (void)state;
    uint8_t buf[2048];
    struct mse_build b;
    struct mse_pck_ext e;
    mse_build_fixed(&b, buf, sizeof buf);
    make_ext(&b, EXT_GOOD);
    struct mse_bytes good = mse_build_view(&b);
    assert_status(mse_pck_ext_parse(&e, good, NULL), MSE_OK);
    assert_int_equal(e.comp_svn[0], 1);
    assert_int_equal(e.comp_svn[15], 16);
    assert_int_equal(e.pce_svn, 17);
    assert_int_equal(e.fmspc[5], 6);
    assert_int_equal(e.sgx_type, 1);
    assert_true(e.has_platform_instance_id && e.has_configuration);
    assert_true(e.dynamic_platform && !e.cached_keys && e.smt_enabled);
    for (size_t cut = 0; cut < good.len; cut++) {
        assert_status(mse_pck_ext_parse(&e, mse_bytes_of(good.data, cut), NULL), MSE_ERR_MALFORMED);
    }
    /* A number that goes on behind its last octet, in a member that is passed over else. */
    static const uint8_t flag[] = {
        0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x07, 0x01
    };
    uint8_t *number = memmem(buf, b.len, flag, sizeof flag);
    assert_non_null(number);
    number[sizeof flag - 1] = 0x1f;
    assert_status(mse_pck_ext_parse(&e, good, NULL), MSE_OK);
    number[sizeof flag - 1] = 0x9f;
    assert_status(mse_pck_ext_parse(&e, good, NULL), MSE_ERR_MALFORMED);
    for (int m = EXT_TWICE; m <= EXT_BEHIND; m++) {
        struct mse_error err = { 0 };
        mse_build_reset(&b);
        make_ext(&b, (enum ext_mistake)m);
        assert_status(mse_pck_ext_parse(&e, mse_build_view(&b), &err), MSE_ERR_MALFORMED);
        assert_string_equal(err.step, "SGX extension");
    }
}

/* Replaces the first occurrence of `from`; heap. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *hit = strstr(text, from);
    char *out = NULL;
    assert_non_null(hit);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(hit - text), text, to, hit + strlen(from)) > 0);
    return out;
}

#define COMP3  "{\"svn\":1,\"category\":\"x\"},{\"svn\":2},{\"svn\":3}"
#define COMP16 "[" COMP3 "," COMP3 "," COMP3 "," COMP3 "," COMP3 ",{\"svn\":255}]"
#define TCB_INFO                                                                                   \
    "{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2026-01-01T00:00:00Z\",\"nextUpdate\":"         \
    "\"2026-01-31T00:00:00Z\",\"fmspc\":\"00Aabbccddee\",\"pceId\":\"0000\",\"tcbType\":0,"        \
    "\"tcbEvaluationDataNumber\":20,\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomponents\":" COMP16 ","     \
    "\"pcesvn\":11},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"SWHardeningNeeded\","     \
    "\"advisoryIDs\":[\"INTEL-SA-00001\"]}],\"new\":{\"x\":[1]}}"

struct change {
    const char *from;
    const char *to;
    mse_status status;
};

static void test_tcb_info(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_TCB_INFO_MALFORMED;
    static const struct change changes[] = {
        { "\"version\":3", "\"version\":4", MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION },
        { "\"version\":3", "\"version\":1", MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION },
        { "\"version\":3", "\"version\":2", bad },
        { "\"version\":3", "\"version\":\"3\"", bad },
        { "\"version\":3,", "", bad },
        { "\"id\":\"SGX\",", "", bad },
        { "\"SGX\"", "\"SNP\"", bad },
        { "\"SGX\"", "\"TDX\"", bad },
        { "\"issueDate\":", "\"issuedate\":", bad },
        { "2026-01-31T", "2026-02-31T", bad },
        { "00Aabbccddee", "00Aabbccdde", bad },
        { "\"pceId\":\"0000\",", "", bad },
        { "\"tcbType\":0", "\"tcbType\":1", bad },
        { "\"tcbType\":0,", "", bad },
        { "Number\":20", "Number\":-1", bad },
        { "Number\":20", "Number\":4294967296", bad },
        { "{\"svn\":1,", "{\"svn\":256,", bad },
        { "{\"svn\":1,", "{\"svn\":-1,", bad },
        { "{\"svn\":1,", "{\"svn\":1,\"svn\":1,", bad },
        { "{\"svn\":1,", "{", bad },
        { ",{\"svn\":255}", "", bad },
        { ",{\"svn\":255}", ",{\"svn\":255},{\"svn\":255}", bad },
        { ",\"pcesvn\":11", "", bad },
        { "\"pcesvn\":11", "\"pcesvn\":65536", bad },
        { "SWHardeningNeeded", "swhardeningneeded", bad },
        { "SWHardeningNeeded", "None", bad },
        { "\"tcbDate\":\"2024-01-01T00:00:00Z\",", "", bad },
        { "[\"INTEL-SA-00001\"]", "\"INTEL-SA-00001\"", bad },
        { "[\"INTEL-SA-00001\"]", "[1]", bad },
        { "\"new\"", "\"tcbType\"", bad },
        { "\"new\"", "\"tdxModule\"", bad },
        { "{\"x\":[1]}}", "{\"x\":[1]}}x", bad },
        { "{\"x\":[1]}}", "{\"x\":[1]}", bad },
    };
    struct mse_tcb_info *t = malloc(sizeof *t);
    assert_non_null(t);
    struct mse_bytes good = mse_bytes_str(TCB_INFO);
    assert_status(mse_tcb_info_parse(t, good, NULL), MSE_OK);
    assert_int_equal(t->tee, MSE_TEE_SGX);
    assert_int_equal(t->num_levels, 1);
    assert_int_equal(t->fmspc[1], 0xaa);
    assert_int_equal(t->levels[0].sgx_comp_svn[15], 255);
    assert_int_equal(t->levels[0].status, MSE_TCB_SW_HARDENING_NEEDED);
    assert_true(mse_bytes_is_str(t->levels[0].advisories[0], "INTEL-SA-00001"));
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_error err = { 0 };
        char *text = replaced(TCB_INFO, changes[i].from, changes[i].to);
        mse_status st = mse_tcb_info_parse(t, mse_bytes_str(text), &err);
        if (st != changes[i].status || err.status != st || t->num_levels != 0) {
            fail_msg("%s -> %s: %s", changes[i].from, changes[i].to, mse_status_name(st));
        }
        free(text);
    }
    for (size_t cut = 0; cut < good.len; cut++) {
        assert_status(mse_tcb_info_parse(t, mse_bytes_of(good.data, cut), NULL), bad);
    }
    free(t);
}

#define IDENTITY                                                                                   \
    "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"2026-01-01T00:00:00Z\",\"nextUpdate\":"          \
    "\"2026-01-31T00:00:00Z\",\"tcbEvaluationDataNumber\":20,\"miscselect\":\"01000000\","         \
    "\"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\","         \
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"                        \
    "\"8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff\",\"isvprodid\":1,"        \
    "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":"   \
    "\"UpToDate\"}]}"

static void test_qe_identity(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_QE_IDENTITY_MALFORMED;
    static const struct change changes[] = {
        { "\"version\":2", "\"version\":3", MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION },
        { "\"QE\"", "\"qe\"", MSE_ERR_QE_IDENTITY_MISMATCH },
        { "\"miscselect\":\"01000000\",", "", bad },
        { "\"01000000\"", "\"010000\"", bad },
        { "\"isvprodid\":1,", "", bad },
        { "\"isvprodid\":1", "\"isvprodid\":65536", bad },
        { "\"isvsvn\":8", "\"isvsvn\":8,\"isvsvn\":8", bad },
        { "\"isvsvn\":8", "", bad },
        { "UpToDate", "Fine", bad },
        { "[{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":"
          "\"UpToDate\"}]",
          "[]", bad },
    };
    struct mse_qe_identity *q = malloc(sizeof *q);
    assert_non_null(q);
    struct mse_bytes good = mse_bytes_str(IDENTITY);
    assert_status(mse_qe_identity_parse(q, good, NULL), MSE_OK);
    assert_int_equal(q->misc_select, 1); /* little-endian, as in a report */
    assert_int_equal(q->attributes[0], 0x11);
    assert_int_equal(q->levels[0].isv_svn, 8);
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        char *text = replaced(IDENTITY, changes[i].from, changes[i].to);
        assert_status(mse_qe_identity_parse(q, mse_bytes_str(text), NULL), changes[i].status);
        assert_int_equal(q->num_levels, 0);
        free(text);
    }
    for (size_t cut = 0; cut < good.len; cut++) {
        assert_status(mse_qe_identity_parse(q, mse_bytes_of(good.data, cut), NULL), bad);
    }
    free(q);
}

#define SIG32 "0123456789abcdef0123456789ABCDEF"
#define SIG   SIG32 SIG32 SIG32 SIG32

static void test_split(void **state)
{
    (void)state;
    static const char good[] = " {\"tcbInfo\" : { \"a\": 1 } ,\"signature\":\"" SIG "\"}\n";
    static const char *const refused[] = {
        "{\"tcbInfo\":{\"a\":1}}",
        "{\"signature\":\"" SIG "\"}",
        "{\"tcbInfo\":{},\"signature\":\"" SIG32 "\"}",
        "{\"tcbInfo\":{},\"signature\":\"" SIG "\",\"x\":1}",
        "{\"tcbInfo\":{},\"tcbInfo\":{},\"signature\":\"" SIG "\"}",
        "{\"tcbInfo\":[],\"signature\":\"" SIG "\"}",
        "{\"tcbInfo\":\"\",\"signature\":\"" SIG "\"}",
        "{\"enclaveIdentity\":{},\"signature\":\"" SIG "\"}",
        "{\"tcbInfo\":{},\"signature\":\"" SIG "\"}x",
    };
    struct mse_bytes body = { 0 };
    uint8_t sig[64] = { 0 };
    assert_status(mse_signed_json_split(&body, sig, mse_bytes_str(good), "tcbInfo", NULL), MSE_OK);
    assert_true(mse_bytes_is_str(body, "{ \"a\": 1 }"));
    assert_int_equal(sig[63], 0xef);
    for (size_t i = 0; i < MSE_ARRAY_LEN(refused); i++) {
        struct mse_error err = { 0 };
        assert_status(mse_signed_json_split(&body, sig, mse_bytes_str(refused[i]), "tcbInfo", &err),
                      MSE_ERR_MALFORMED);
        assert_string_equal(err.step, "tcbInfo");
    }
}

static mse_status bundle(struct mse_bundle *b, const char *text, struct mse_error *err)
{
    static uint8_t scratch[4096];
    return mse_bundle_parse(b, scratch, 2 * strlen(text), mse_bytes_str(text), err);
}

#define OURS                                                                                       \
    "{\"version\":1,\"certificates\":\"a\\nb\",\"quote\":\"AAEC\",\"manifest\":\"{\\\"x\\\":1}\"," \
    "\"collected_at\":\"2026-01-01T00:00:00Z\",\"collateral\":{\"tcb_info\":"                      \
    "\"{\\\"tcbInfo\\\":{\\\"a\\\":1},\\\"signature\\\":\\\"" SIG "\\\"}\",\"pck_crl\":\"AAE=\","  \
    "\"root_ca_crl\":\"AA==\",\"tcb_info_issuer_chain\":\"chain\"}}"

static void test_bundle(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const char *step;
    } changes[] = {
        { "\"version\":1,", "", "version" },
        { "\"version\":1", "\"version\":2", "version" },
        { "\"version\":1", "\"version\":1,\"version\":1", "version" },
        { "\"AAEC\"", "\"AAE\"", "quote" },
        { "\"AAEC\"", "[]", "quote" },
        { "2026-01-01", "2026-01-32", "collected_at" },
        { "\"AA==\"", "\"AB==\"", "root_ca_crl" },
        { "tcbInfo", "tcbinfo", "tcbInfo" },
        { "\"manifest\"", "\"ratls_certificate\"", "root_ca_crl" },
    };
    struct mse_bundle b;
    struct mse_error err = { 0 };
    assert_status(bundle(&b, OURS, &err), MSE_OK);
    assert_int_equal(b.form, MSE_BUNDLE_OURS);
    assert_true(mse_bytes_is_str(b.certificates, "a\nb"));
    assert_true(mse_bytes_is_str(b.manifest, "{\"x\":1}"));
    assert_true(b.quote.len == 3 && b.quote.data[2] == 2);
    assert_true(b.has_collected_at && b.collected_at == 1767225600);
    assert_true(mse_bytes_is_str(b.collateral.tcb_info, "{\"a\":1}"));
    assert_int_equal(b.collateral.tcb_info_signature.len, 64);
    assert_int_equal(b.collateral.pck_crl.len, 2);
    assert_int_equal(b.collateral.qe_identity.len, 0);
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_error e = { 0 };
        char *text = replaced(OURS, changes[i].from, changes[i].to);
        assert_status(bundle(&b, text, &e), MSE_ERR_MALFORMED);
        assert_string_equal(e.step, changes[i].step);
        free(text);
    }
    for (size_t cut = 0; cut < strlen(OURS); cut++) {
        char text[sizeof OURS];
        memcpy(text, OURS, cut);
        text[cut] = '\0';
        assert_status(bundle(&b, text, NULL), MSE_ERR_MALFORMED);
    }
    uint8_t small[8];
    assert_status(mse_bundle_parse(&b, small, sizeof small, mse_bytes_str(OURS), NULL),
                  MSE_ERR_NO_SPACE);
}

static void test_sigstruct(void **state)
{
    (void)state;
    uint8_t raw[MSE_SIGSTRUCT_LEN + 1] = { 0x06, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1 };
    static const uint8_t header2[] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1 };
    memcpy(raw + 24, header2, sizeof header2);
    static const size_t reserved[] = { 0, 11, 24, 37, 44, 127, 910, 992, 1028, 1039 };
    struct mse_sigstruct s;
    struct mse_bytes in = { raw, MSE_SIGSTRUCT_LEN };
    static const struct mse_sigstruct unread;
    assert_status(mse_sigstruct_verify(&unread, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_sigstruct_parse(&s, in, NULL), MSE_OK);
    assert_status(mse_sigstruct_verify(&s, NULL), MSE_ERR_UNSUPPORTED_EXPONENT);
    raw[512] = 3;
    assert_status(mse_sigstruct_parse(&s, in, NULL), MSE_OK);
    assert_status(mse_sigstruct_verify(&s, NULL), MSE_ERR_SIGNATURE);
    for (size_t i = 0; i < MSE_ARRAY_LEN(reserved); i++) {
        raw[reserved[i]] ^= 1;
        assert_status(mse_sigstruct_parse(&s, in, NULL), MSE_ERR_MALFORMED);
        raw[reserved[i]] ^= 1;
    }
    in.len++;
    assert_status(mse_sigstruct_parse(&s, in, NULL), MSE_ERR_MALFORMED);
    for (in.len = 0; in.len < MSE_SIGSTRUCT_LEN; in.len++) {
        assert_status(mse_sigstruct_parse(&s, in, NULL), MSE_ERR_MALFORMED);
    }
}

static void test_mrsigner(void **state)
{
    (void)state;
    struct mse_privkey *k = NULL;
    uint8_t spki_buf[1024];
    uint8_t pem_buf[2048];
    uint8_t modulus[384];
    uint8_t want[32];
    uint8_t seen[32];
    struct mse_build spki;
    struct mse_build pem;
    assert_status(mse_privkey_generate_rsa3072_e3(&k), MSE_OK);
    mse_build_fixed(&spki, spki_buf, sizeof spki_buf);
    mse_build_fixed(&pem, pem_buf, sizeof pem_buf);
    assert_status(mse_privkey_spki(k, &spki), MSE_OK);
    mse_pem_write(&pem, "PUBLIC KEY", mse_build_view(&spki));
    assert_status(mse_privkey_rsa_modulus_le(k, modulus), MSE_OK);
    assert_status(mse_sha256(want, mse_bytes_of(modulus, sizeof modulus)), MSE_OK);
    assert_status(mse_mrsigner_of_public_key(seen, mse_build_view(&spki), NULL), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(want, 32));
    assert_status(mse_mrsigner_of_public_key(seen, mse_build_view(&pem), NULL), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(want, 32));
    spki_buf[spki.len - 1] = 5; /* the exponent */
    assert_status(mse_mrsigner_of_public_key(seen, mse_build_view(&spki), NULL),
                  MSE_ERR_UNSUPPORTED_EXPONENT);
    mse_build_reset(&pem);
    assert_status(mse_privkey_to_pem(k, &pem), MSE_ERR_NO_SPACE);
    assert_status(mse_mrsigner_of_public_key(
                      seen, mse_bytes_str("-----BEGIN PRIVATE KEY-----\nAAAA\n"), NULL),
                  MSE_ERR_MALFORMED);
    assert_status(mse_mrsigner_of_public_key(seen, mse_bytes_str(""), NULL), MSE_ERR_MALFORMED);
    mse_privkey_free(k);
    assert_status(mse_privkey_generate_p256(&k), MSE_OK);
    mse_build_reset(&spki);
    assert_status(mse_privkey_spki(k, &spki), MSE_OK);
    assert_status(mse_mrsigner_of_public_key(seen, mse_build_view(&spki), NULL), MSE_ERR_MALFORMED);
    mse_privkey_free(k);
}

static void test_statuses(void **state)
{
    (void)state;
    for (unsigned i = MSE_TCB_UP_TO_DATE; i < MSE_TCB_STATUS_COUNT; i++) {
        enum mse_tcb_status s = MSE_TCB_NONE;
        const char *name = mse_tcb_status_name((enum mse_tcb_status)i);
        assert_true(mse_tcb_status_parse(&s, mse_bytes_str(name)));
        assert_int_equal(s, i);
    }
    enum mse_tcb_status s = MSE_TCB_NONE;
    assert_false(mse_tcb_status_parse(&s, mse_bytes_str("None")));
    assert_false(mse_tcb_status_parse(&s, mse_bytes_str("uptodate")));
    assert_string_equal(mse_tcb_status_name(MSE_TCB_NONE), "None");
}

static void test_crl_decode(void **state)
{
    (void)state;
    uint8_t buf[16];
    struct mse_bytes out = { 0 };
    static const uint8_t der[] = { 0x30, 0x82, 1, 2 };
    assert_status(mse_crl_decode(&out, buf, 16, mse_bytes_of(der, 4), NULL), MSE_OK);
    assert_bytes(out, mse_bytes_of(der, 4));
    assert_status(mse_crl_decode(&out, buf, 16, mse_bytes_str("30820102\n"), NULL), MSE_OK);
    assert_bytes(out, mse_bytes_of(der, 4));
    assert_status(mse_crl_decode(&out, buf, 3, mse_bytes_of(der, 4), NULL), MSE_ERR_NO_SPACE);
    assert_status(mse_crl_decode(&out, buf, 16, mse_bytes_str("3082010"), NULL), MSE_ERR_MALFORMED);
    assert_status(mse_crl_decode(&out, buf, 16, mse_bytes_str("-----"), NULL), MSE_ERR_MALFORMED);
    assert_status(mse_crl_decode(&out, buf, 16, mse_bytes_str(""), NULL), MSE_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),       cmocka_unit_test(test_quote_refusals),
        cmocka_unit_test(test_pck_ext),     cmocka_unit_test(test_tcb_info),
        cmocka_unit_test(test_qe_identity), cmocka_unit_test(test_split),
        cmocka_unit_test(test_bundle),      cmocka_unit_test(test_sigstruct),
        cmocka_unit_test(test_mrsigner),    cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_crl_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
