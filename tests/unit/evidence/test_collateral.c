/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral on made-up input: the older form of a bundle, evaluation numbers, TCB info of TDX and
 * of version 2, and what is shown of certificates and CRLs. Every refusal by its name. */
#include <mse/collateral.h>

#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "sim/pki.h"

#define NOW ((mse_time)1767225600) /* 2026-01-01 */
#define DAY ((mse_time)86400)

struct change {
    const char *from;
    const char *to;
    mse_status status;
    const char *about; /* what the message must name */
};

/* Replaces the first occurrence of `from`; heap. */
static char *replaced(const char *text, const char *from, const char *to)
{
    struct mse_build b;
    size_t at = mse_bytes_find(mse_bytes_str(text), mse_bytes_str(from));
    assert_true(at != SIZE_MAX);
    mse_build_heap(&b, (size_t)1 << 20);
    mse_wr_copy(&b, text, at);
    mse_wr_str(&b, to);
    mse_wr_str(&b, text + at + strlen(from));
    const char *out = mse_build_cstr(&b);
    assert_non_null(out);
    char *copy = strdup(out);
    mse_build_clear(&b);
    assert_non_null(copy);
    return copy;
}

static void check_change(const struct change *c, mse_status st, const struct mse_error *err)
{
    if (st != c->status || err->status != st || strstr(err->text, c->about) == NULL) {
        fail_msg("%s -> %s: %s, %s", c->from, c->to, mse_status_name(st), err->text);
    }
}

/* The older form. */

#define SIG32     "0123456789abcdef0123456789ABCDEF"
#define SIG       SIG32 SIG32 SIG32 SIG32
#define TCB_REPLY "{\"tcbInfo\":{\"a\":1},\"signature\":\"" SIG "\"}"
#define QE_REPLY  "{\"enclaveIdentity\":{\"b\":2},\"signature\":\"" SIG "\"}"
#define PEM_CRL   "-----BEGIN X509 CRL-----\\nMAA=\\n-----END X509 CRL-----\\n"

static void wr_base64(struct mse_build *b, const char *text)
{
    char *out = malloc(strlen(text) * 2 + 8);
    assert_non_null(out);
    mse_base64_encode(out, mse_bytes_str(text));
    mse_wr_str(b, out);
    free(out);
}

/* The whole file; tcb_end stands behind the hexadecimal text. */
static char *older(const char *tcb_end)
{
    char hex[2 * sizeof TCB_REPLY];
    char whole[sizeof hex + 4];
    struct mse_build b;
    mse_build_heap(&b, 65536);
    mse_hex_encode(hex, mse_bytes_str(TCB_REPLY));
    (void)snprintf(whole, sizeof whole, "%s%s", hex, tcb_end);
    mse_wr_str(&b, "{\"ratls_certificate\":\"pem\",\"root_ca_crl\":\"" PEM_CRL
                   "\",\"pck_platform_crl\":\"" PEM_CRL "\",\"tcb_info\":\"");
    wr_base64(&b, whole);
    mse_wr_str(&b, "\",\"qe_identity\":\"");
    wr_base64(&b, QE_REPLY);
    mse_wr_str(&b, "\",\"tcb_cert\":\"chain\",\"signer_pk\":\"key\",\"rest\":[1]}");
    const char *text = mse_build_cstr(&b);
    assert_non_null(text);
    char *out = strdup(text);
    mse_build_clear(&b);
    return out;
}

static mse_status parse_bundle(struct mse_bundle *b, const char *text, struct mse_error *err)
{
    static uint8_t scratch[8192];
    return mse_bundle_parse(b, scratch, sizeof scratch, mse_bytes_str(text), err);
}

static void test_older_bundle(void **state)
{
    (void)state;
    static const char *const ends[] = { "", "\n" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(ends); i++) {
        struct mse_bundle b;
        char *text = older(ends[i]);
        assert_status(parse_bundle(&b, text, NULL), MSE_OK);
        assert_int_equal(b.form, MSE_BUNDLE_OLDER);
        assert_true(mse_bytes_is_str(b.certificates, "pem"));
        assert_true(mse_bytes_is_str(b.signer_pk, "key"));
        assert_true(mse_bytes_is_str(b.collateral.tcb_info, "{\"a\":1}"));
        assert_true(mse_bytes_is_str(b.collateral.qe_identity, "{\"b\":2}"));
        assert_int_equal(b.collateral.tcb_info_signature.len, 64);
        assert_true(mse_bytes_is_str(b.collateral.tcb_info_issuer_chain, "chain"));
        assert_true(mse_bytes_is_str(b.collateral.qe_identity_issuer_chain, "chain"));
        assert_int_equal(b.collateral.root_ca_crl.len, 2);
        assert_int_equal(b.collateral.pck_crl.data[0], 0x30);
        free(text);
    }
}

static void test_older_bundle_refusals(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_MALFORMED;
    static const struct change changes[] = {
        { "\"ratls_certificate\":\"pem\",", "", bad, "ratls_certificate" },
        { "\"pem\"", "1", bad, "ratls_certificate" },
        { "\"root_ca_crl\":\"-----BEGIN", "\"root_ca_crl\":1,\"x\":\"", bad, "root_ca_crl" },
        { "\"root_ca_crl\":\"-----BEGIN", "\"root_ca_crl\":\"\",\"x\":\"", bad, "root_ca_crl" },
        { "\"root_ca_crl\":\"-", "\"root_ca_crl\":\"+", bad, "root_ca_crl" },
        { "MAA=", "MAA", bad, "PEM" },
        { "\"pck_platform_crl\":\"-----BEGIN", "\"pck_platform_crl\":\"-----Begin", bad, "PEM" },
        { "\"tcb_info\":\"", "\"tcb_info\":[],\"x\":\"", bad, "tcb_info" },
        { "\"tcb_info\":\"", "\"tcb_info\":\"=", bad, "tcb_info" },
        { "\"tcb_info\":\"", "\"tcb_info\":\"AAAA", bad, "tcb_info" },
        { "\"tcb_info\":\"", "\"tcb_info\":\"N2I3\",\"x\":\"", bad, "tcb_info" },
        { "\"qe_identity\":\"", "\"qe_identity\":\"AAAA", bad, "enclaveIdentity" },
        { "\"chain\"", "null", bad, "tcb_cert" },
        { "\"tcb_cert\"", "\"tcb_cart\"", bad, "tcb_cert" },
        { ",\"signer_pk\":\"key\"", "", bad, "signer_pk" },
        { "\"key\"", "{}", bad, "signer_pk" },
        { "\"rest\":[1]", "\"signer_pk\":\"key\"", bad, "" },
        { "\"rest\":[1]", "\"version\":1", bad, "two forms" },
        { "\"rest\":[1]", "\"collateral\":{}", bad, "two forms" },
    };
    char *good = older("");
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_bundle b;
        struct mse_error err = { 0 };
        char *text = replaced(good, changes[i].from, changes[i].to);
        mse_status st = parse_bundle(&b, text, &err);
        check_change(&changes[i], st, &err);
        free(text);
    }
    char *odd = older("0");
    struct mse_bundle b;
    assert_status(parse_bundle(&b, odd, NULL), bad);
    free(odd);
    free(good);
}

/* A scratch that ends anywhere is an answer of its own, never a malformed file. */
static void test_scratch(void **state)
{
    (void)state;
    struct mse_bundle b;
    char *text = older("");
    size_t enough = 0;
    for (;; enough++) {
        uint8_t *scratch = malloc(enough + 1);
        assert_non_null(scratch);
        mse_status st = mse_bundle_parse(&b, scratch, enough, mse_bytes_str(text), NULL);
        free(scratch);
        if (st == MSE_OK) {
            break;
        }
        assert_status(st, MSE_ERR_NO_SPACE);
    }
    assert_true(enough > 64);
    assert_true(enough < strlen(text));
    free(text);
    uint8_t *big = calloc(1, MSE_BUNDLE_MAX_LEN + 1);
    assert_non_null(big);
    assert_status(mse_bundle_parse(&b, NULL, 0, mse_bytes_of(big, MSE_BUNDLE_MAX_LEN + 1), NULL),
                  MSE_ERR_NO_SPACE);
    free(big);
}

/* Evaluation numbers. */

#define ENTRY                                                                                      \
    "{\"tcbEvaluationDataNumber\":17,\"tcbRecoveryEventDate\":\"2024-11-12T00:00:00Z\","           \
    "\"tcbDate\":\"2024-11-13T00:00:00Z\",\"note\":{}}"
#define NUMBERS                                                                                    \
    "{\"id\":\"SGX\",\"version\":1,\"issueDate\":\"2026-01-01T00:00:00Z\",\"nextUpdate\":"         \
    "\"2026-01-31T00:00:00Z\",\"tcbEvalNumbers\":[" ENTRY "],\"new\":[]}"

static void test_eval_numbers(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_TCB_INFO_MALFORMED;
    static const struct change changes[] = {
        { "\"SGX\"", "\"sgx\"", bad, "" },
        { "\"SGX\"", "1", bad, "" },
        { "\"id\":\"SGX\",", "", bad, "id" },
        { "\"version\":1", "\"version\":2", MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION, "2" },
        { "\"version\":1", "\"version\":-1", bad, "" },
        { "2026-01-31", "2026-01-32", bad, "" },
        { "\"issueDate\"", "\"issuedate\"", bad, "issueDate" },
        { "[" ENTRY "]", "[]", bad, "" },
        { "[" ENTRY "]", "[1]", bad, "" },
        { "[" ENTRY "]", "{}", bad, "" },
        { ":17", ":4294967296", bad, "" },
        { "\"tcbDate\"", "\"tcbdate\"", bad, "tcbDate" },
        { "2024-11-12T", "2024-11-31T", bad, "" },
        { "\"new\"", "\"version\"", bad, "" },
        { "\"new\":[]}", "\"new\":[]}}", bad, "" },
    };
    struct mse_tcb_eval_numbers n;
    assert_status(mse_tcb_eval_numbers_parse(&n, mse_bytes_str(NUMBERS), NULL), MSE_OK);
    assert_int_equal(n.tee, MSE_TEE_SGX);
    assert_int_equal(n.num, 1);
    assert_int_equal(n.entries[0].number, 17);
    assert_int_equal(n.entries[0].tcb_date - n.entries[0].recovery_event_date, DAY);
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_error err = { 0 };
        char *text = replaced(NUMBERS, changes[i].from, changes[i].to);
        mse_status st = mse_tcb_eval_numbers_parse(&n, mse_bytes_str(text), &err);
        check_change(&changes[i], st, &err);
        free(text);
    }
    char *tdx = replaced(NUMBERS, "\"SGX\"", "\"TDX\"");
    assert_status(mse_tcb_eval_numbers_parse(&n, mse_bytes_str(tdx), NULL), MSE_OK);
    assert_int_equal(n.tee, MSE_TEE_TDX);
    free(tdx);
    for (size_t cut = 0; cut < strlen(NUMBERS); cut++) {
        assert_status(mse_tcb_eval_numbers_parse(&n, mse_bytes_of(NUMBERS, cut), NULL), bad);
    }
}

/* num times `item`, in an array, in the place of [] in text. */
static char *filled(const char *text, const char *item, size_t num)
{
    struct mse_build b;
    mse_build_heap(&b, (size_t)1 << 20);
    mse_wr_u8(&b, '[');
    for (size_t i = 0; i < num; i++) {
        mse_wr_str(&b, i > 0 ? "," : "");
        mse_wr_str(&b, item);
    }
    mse_wr_u8(&b, ']');
    const char *list = mse_build_cstr(&b);
    assert_non_null(list);
    char *out = replaced(text, "[]", list);
    mse_build_clear(&b);
    return out;
}

static void test_eval_numbers_limit(void **state)
{
    (void)state;
    struct mse_tcb_eval_numbers n;
    char *empty = replaced(NUMBERS, "[" ENTRY "]", "[]");
    char *most = filled(empty, ENTRY, MSE_MAX_EVAL_NUMBERS);
    char *more = filled(empty, ENTRY, MSE_MAX_EVAL_NUMBERS + 1);
    assert_status(mse_tcb_eval_numbers_parse(&n, mse_bytes_str(most), NULL), MSE_OK);
    assert_int_equal(n.num, MSE_MAX_EVAL_NUMBERS);
    assert_status(mse_tcb_eval_numbers_parse(&n, mse_bytes_str(more), NULL),
                  MSE_ERR_TCB_INFO_MALFORMED);
    free(empty);
    free(most);
    free(more);
}

/* TCB info of TDX, and of version 2. */

#define COMP4  "{\"svn\":1},{\"svn\":2},{\"svn\":3},{\"svn\":4}"
#define COMP16 "[" COMP4 "," COMP4 "," COMP4 "," COMP4 "]"
#define HEX48                                                                                      \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccdd" \
    "eeff"
#define MODULE_LEVEL                                                                               \
    "{\"tcb\":{\"isvsvn\":3,\"x\":0},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":"          \
    "\"UpToDate\",\"advisoryIDs\":[\"A\"],\"x\":0}"
#define MODULE(name)                                                                               \
    "{\"id\":\"" name "\",\"mrsigner\":\"" HEX48 "\",\"attributes\":\"0100000000000000\","         \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\":[" MODULE_LEVEL "],\"x\":0}"
#define TDX_INFO                                                                                   \
    "{\"id\":\"TDX\",\"version\":3,\"issueDate\":\"2026-01-01T00:00:00Z\",\"nextUpdate\":"         \
    "\"2026-01-31T00:00:00Z\",\"fmspc\":\"00aabbccddee\",\"pceId\":\"0000\",\"tcbType\":0,"        \
    "\"tcbEvaluationDataNumber\":20,\"tdxModule\":{\"mrsigner\":\"" HEX48 "\",\"attributes\":"     \
    "\"0200000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},\"tdxModuleIdentities\":"       \
    "[" MODULE("TDX_01") "," MODULE(                                                               \
        "TDX_03") "],\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomponents\":" COMP16                        \
                  ",\"pcesvn\":11,\"tdxtcbcomponents\":" COMP16 "},\"tcbDate\":"                   \
                  "\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}"

static void test_tdx_info(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_TCB_INFO_MALFORMED;
    static const struct change changes[] = {
        { "\"tdxModule\":", "\"tdxmodule\":", bad, "tdxModule" },
        { ",\"tdxtcbcomponents\":" COMP16, "", bad, "tdxtcbcomponents" },
        { "\"id\":\"TDX\"", "\"id\":\"SGX\"", bad, "" },
        { "\"id\":\"TDX\"", "\"id\":3", bad, "id" },
        { "TDX_03", "TDX_01", bad, "" },
        { "\"id\":\"TDX_03\",", "", bad, "" },
        { "\"id\":\"TDX_03\"", "\"id\":{}", bad, "" },
        { "\"attributes\":\"02", "\"attributes\":\"0", bad, "" },
        { "\"attributes\":\"01", "\"attributes\":\"xx", bad, "" },
        { "\"mrsigner\":\"00", "\"mrsigner\":\"", bad, "" },
        { "\"mrsigner\":", "\"mrSigner\":", bad, "" },
        { "\"isvsvn\":3,", "", bad, "" },
        { "\"isvsvn\":3,", "\"isvsvn\":65536,", bad, "" },
        { "[" MODULE_LEVEL "]", "[1]", bad, "" },
        { "[" MODULE_LEVEL "]", "1", bad, "" },
        { "\"advisoryIDs\":[\"A\"]", "\"advisoryIDs\":[{}]", bad, "" },
    };
    struct mse_tcb_info *t = malloc(sizeof *t);
    assert_non_null(t);
    assert_status(mse_tcb_info_parse(t, mse_bytes_str(TDX_INFO), NULL), MSE_OK);
    assert_int_equal(t->tee, MSE_TEE_TDX);
    assert_true(t->has_tdx_module);
    assert_int_equal(t->tdx_module.attributes, 2);
    assert_int_equal(t->num_tdx_modules, 2);
    assert_int_equal(t->tdx_modules[1].first_level, 1);
    assert_int_equal(t->tdx_modules[1].num_levels, 1);
    assert_int_equal(t->module_levels[1].isv_svn, 3);
    assert_true(t->levels[0].has_tdx_comp);
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_error err = { 0 };
        char *text = replaced(TDX_INFO, changes[i].from, changes[i].to);
        mse_status st = mse_tcb_info_parse(t, mse_bytes_str(text), &err);
        check_change(&changes[i], st, &err);
        free(text);
    }
    for (size_t cut = 0; cut < strlen(TDX_INFO); cut++) {
        assert_status(mse_tcb_info_parse(t, mse_bytes_of(TDX_INFO, cut), NULL), bad);
    }
    free(t);
}

/* One too many of each list. */
static void test_tdx_limits(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *item;
        size_t max;
    } lists[] = {
        { "[" MODULE_LEVEL "]", MODULE_LEVEL, MSE_MAX_TCB_LEVELS },
        { "[\"A\"]", "\"A\"", MSE_MAX_ADVISORIES },
    };
    struct mse_tcb_info *t = malloc(sizeof *t);
    assert_non_null(t);
    char *one = replaced(TDX_INFO, "," MODULE("TDX_03"), "");
    for (size_t i = 0; i < MSE_ARRAY_LEN(lists); i++) {
        char *empty = replaced(one, lists[i].list, "[]");
        char *most = filled(empty, lists[i].item, lists[i].max);
        char *more = filled(empty, lists[i].item, lists[i].max + 1);
        assert_status(mse_tcb_info_parse(t, mse_bytes_str(most), NULL), MSE_OK);
        assert_status(mse_tcb_info_parse(t, mse_bytes_str(more), NULL), MSE_ERR_TCB_INFO_MALFORMED);
        free(empty);
        free(most);
        free(more);
    }
    free(one);
    free(t);
}

#define V2(n) "\"sgxtcbcomp" n "svn\":1,"
#define V2_ALL                                                                                     \
    "\"sgxtcbcomp01svn\":1,\"sgxtcbcomp02svn\":1,\"sgxtcbcomp03svn\":1,\"sgxtcbcomp04svn\":1,"     \
    "\"sgxtcbcomp05svn\":1,\"sgxtcbcomp06svn\":1,\"sgxtcbcomp07svn\":1,\"sgxtcbcomp08svn\":1,"     \
    "\"sgxtcbcomp09svn\":1,\"sgxtcbcomp10svn\":1,\"sgxtcbcomp11svn\":1,\"sgxtcbcomp12svn\":1,"     \
    "\"sgxtcbcomp13svn\":1,\"sgxtcbcomp14svn\":1,\"sgxtcbcomp15svn\":1,\"sgxtcbcomp16svn\":1,"
#define V2_INFO                                                                                    \
    "{\"version\":2,\"issueDate\":\"2026-01-01T00:00:00Z\",\"nextUpdate\":"                        \
    "\"2026-01-31T00:00:00Z\",\"fmspc\":\"00aabbccddee\",\"pceId\":\"0000\",\"tcbType\":0,"        \
    "\"tcbEvaluationDataNumber\":20,\"tcbLevels\":[{\"tcb\":{" V2_ALL "\"pcesvn\":11},"            \
    "\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}"

static void test_tcb_info_v2(void **state)
{
    (void)state;
    static const mse_status bad = MSE_ERR_TCB_INFO_MALFORMED;
    static const struct change changes[] = {
        { V2("16"), "", bad, "" },
        { V2("16"), V2("17"), bad, "" },
        { V2("16"), V2("00"), bad, "" },
        { V2("16"), V2("1a"), bad, "" },
        { V2("16"), V2("26"), bad, "" },
        { V2("16"), V2("16") V2("16"), bad, "" },
        { V2("16"), V2("16") "\"sgxtcbcomponents\":" COMP16 ",", bad, "" },
        { V2("01"), "\"sgxtcbcomp01svn\":256,", bad, "" },
        { V2_ALL, "\"sgxtcbcomponents\":" COMP16 ",", bad, "version 3" },
        { "\"version\":2,", "\"version\":2,\"id\":\"SGX\",", bad, "version 3" },
        { "\"version\":2,", "\"version\":3,\"id\":\"SGX\",", bad, "version 2" },
        { "\"version\":2,", "\"version\":3,", bad, "id" },
    };
    struct mse_tcb_info *t = malloc(sizeof *t);
    assert_non_null(t);
    assert_status(mse_tcb_info_parse(t, mse_bytes_str(V2_INFO), NULL), MSE_OK);
    assert_int_equal(t->tee, MSE_TEE_SGX);
    assert_int_equal(t->levels[0].status, MSE_TCB_REVOKED);
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        struct mse_error err = { 0 };
        char *text = replaced(V2_INFO, changes[i].from, changes[i].to);
        mse_status st = mse_tcb_info_parse(t, mse_bytes_str(text), &err);
        check_change(&changes[i], st, &err);
        free(text);
    }
    free(t);
}

/* What is shown of certificates and CRLs. */

static void make_cert(struct mse_build *out, struct mse_privkey *key, struct mse_bytes sgx)
{
    struct mse_sim_cert c = { .subject_cn = "leaf",
                              .issuer_cn = "SGX PCK Platform CA",
                              .key = key,
                              .issuer_key = key,
                              .not_before = NOW - DAY,
                              .not_after = NOW + DAY,
                              .path_len = MSE_SIM_NOT_A_CA,
                              .crl_url = "https://crl.example/",
                              .sgx = sgx };
    mse_build_reset(out);
    assert_status(mse_sim_cert_make(out, &c), MSE_OK);
}

static void test_pck_info(void **state)
{
    (void)state;
    static const uint8_t broken[] = { 0x30, 0x03, 0x02, 0x01, 0x01 };
    struct mse_privkey *key = NULL;
    struct mse_build ext;
    struct mse_build der;
    struct mse_pck_info info;
    struct mse_pck_ext e = { .pce_svn = 11, .fmspc = { 1, 2, 3, 4, 5, 6 } };
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    mse_build_heap(&ext, MSE_SIM_MAX_DER);
    mse_build_heap(&der, MSE_SIM_MAX_DER);
    mse_sim_pck_ext_write(&ext, &e);
    make_cert(&der, key, mse_build_view(&ext));
    assert_status(mse_pck_info_parse(&info, mse_build_view(&der), NULL), MSE_OK);
    assert_int_equal(info.ext.pce_svn, 11);
    assert_true(mse_bytes_is_str(info.issuer_cn, "SGX PCK Platform CA"));
    assert_int_equal(info.not_after - info.not_before, 2 * DAY);
    assert_true(info.serial.len > 0);
    struct mse_bytes whole = mse_build_view(&der);
    for (size_t cut = 0; cut < whole.len; cut++) {
        assert_status(mse_pck_info_parse(&info, mse_bytes_of(whole.data, cut), NULL),
                      MSE_ERR_MALFORMED);
    }
    struct mse_bytes none = { 0 };
    make_cert(&der, key, none);
    assert_status(mse_pck_info_parse(&info, mse_build_view(&der), NULL),
                  MSE_ERR_PCK_EXTENSION_MISSING);
    make_cert(&der, key, mse_bytes_of(broken, sizeof broken));
    assert_status(mse_pck_info_parse(&info, mse_build_view(&der), NULL), MSE_ERR_MALFORMED);
    mse_build_clear(&ext);
    mse_build_clear(&der);
    mse_privkey_free(key);
}

static void test_crl_info(void **state)
{
    (void)state;
    static const uint8_t serial[] = { 0x12, 0x34 };
    struct mse_privkey *key = NULL;
    struct mse_build der;
    struct mse_crl_info info;
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    mse_build_heap(&der, MSE_SIM_MAX_DER);
    struct mse_sim_crl c = { "SGX Root CA", key, NOW, NOW + DAY,
                             mse_bytes_of(serial, sizeof serial) };
    assert_status(mse_sim_crl_make(&der, &c), MSE_OK);
    struct mse_bytes whole = mse_build_view(&der);
    assert_status(mse_crl_info_parse(&info, whole, NULL), MSE_OK);
    assert_true(mse_bytes_is_str(info.issuer_cn, "SGX Root CA"));
    assert_int_equal(info.num_revoked, 1);
    assert_int_equal(info.next_update - info.this_update, DAY);
    struct mse_bytes it = info.revoked;
    struct mse_bytes seen = { 0 };
    assert_true(mse_crl_info_next(&it, &seen));
    assert_bytes(seen, mse_bytes_of(serial, sizeof serial));
    assert_false(mse_crl_info_next(&it, &seen));
    for (size_t cut = 0; cut < whole.len; cut++) {
        assert_status(mse_crl_info_parse(&info, mse_bytes_of(whole.data, cut), NULL),
                      MSE_ERR_MALFORMED);
    }
    mse_build_clear(&der);
    mse_privkey_free(key);
}

static void test_crl_decode(void **state)
{
    (void)state;
    static const char pem[] = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    uint8_t buf[16];
    struct mse_bytes out = { 0 };
    char two[2 * sizeof pem];
    (void)snprintf(two, sizeof two, "%s%s", pem, pem);
    assert_status(mse_crl_decode(&out, buf, sizeof buf, mse_bytes_str(pem), NULL), MSE_OK);
    assert_int_equal(out.len, 2);
    assert_status(mse_crl_decode(&out, buf, 1, mse_bytes_str(pem), NULL), MSE_ERR_MALFORMED);
    assert_status(mse_crl_decode(&out, buf, sizeof buf, mse_bytes_str(two), NULL),
                  MSE_ERR_MALFORMED);
    assert_status(mse_crl_decode(&out, buf, sizeof buf, mse_bytes_str("308x"), NULL),
                  MSE_ERR_MALFORMED);
    assert_status(mse_crl_decode(&out, buf, 1, mse_bytes_str("30820102"), NULL), MSE_ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older_bundle),
        cmocka_unit_test(test_older_bundle_refusals),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_eval_numbers),
        cmocka_unit_test(test_eval_numbers_limit),
        cmocka_unit_test(test_tdx_info),
        cmocka_unit_test(test_tdx_limits),
        cmocka_unit_test(test_tcb_info_v2),
        cmocka_unit_test(test_pck_info),
        cmocka_unit_test(test_crl_info),
        cmocka_unit_test(test_crl_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
