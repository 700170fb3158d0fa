/* SPDX-License-Identifier: Apache-2.0 */
/* The request list of Intel's quote provider library as structs, and what is no such request. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/serve.h"
#include "collateral/serve_request.h"

#define V4   "/sgx/certification/v4/"
#define TDX  "/tdx/certification/v4/"
#define V3   "/sgx/certification/v3/"
#define QEID "00112233445566778899AABBCCDDEEFF"
#define SVNS "&cpusvn=0102030405060708090a0b0c0d0e0f10&pcesvn=0d00&pceid=0000"

static mse_status parse(struct mse_serve_request *out, const char *target)
{
    return mse_serve_request_parse(out, mse_bytes_str(target), NULL);
}

static void knows_the_requests_of_the_library(void **state)
{
    static const struct {
        const char *target;
        const char *name;
        enum mse_serve_encoding encoding;
        bool with_chain;
    } list[] = {
        { V4 "pckcrl?ca=platform", "pckcrl/platform", MSE_SERVE_HEX, true },
        { V4 "pckcrl?ca=processor&encoding=der", "pckcrl/processor", MSE_SERVE_DER, true },
        { V4 "pckcrl?ca=platform&encoding=pem", "pckcrl/platform", MSE_SERVE_PEM, true },
        { V4 "tcb?fmspc=00906ED50000", "sgx/tcb/00906ed50000/standard", MSE_SERVE_HEX, true },
        { V4 "tcb?fmspc=00906ed50000&update=early", "sgx/tcb/00906ed50000/early", MSE_SERVE_HEX,
          true },
        { TDX "tcb?fmspc=00906ED50000&update=STANDARD", "tdx/tcb/00906ed50000/standard",
          MSE_SERVE_HEX, true },
        { TDX "tcb?fmspc=00906ED50000&tcbEvaluationDataNumber=20", "tdx/tcb/00906ed50000/20",
          MSE_SERVE_HEX, true },
        { V4 "qe/identity", "sgx/qe/identity/standard", MSE_SERVE_HEX, true },
        { V4 "qe/identity?customParameter=YQ%3D%3D", "sgx/qe/identity/standard", MSE_SERVE_HEX,
          true },
        { V3 "qe/identity", "sgx/qe/identity/standard", MSE_SERVE_HEX, true },
        { TDX "qe/identity?update=early", "tdx/qe/identity/early", MSE_SERVE_HEX, true },
        { V4 "qve/identity", "sgx/qve/identity/standard", MSE_SERVE_HEX, true },
        { V4 "rootcacrl", "rootcacrl", MSE_SERVE_HEX, false },
        { V4 "crl?uri=https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
          "rootcacrl", MSE_SERVE_DER, false },
        { V4 "crl?uri=https%3A%2F%2Fapi.trustedservices.intel.com%2Fsgx%2Fcertification%2Fv4%2F"
             "pckcrl%3Fca%3Dprocessor%26encoding%3Dder",
          "pckcrl/processor", MSE_SERVE_DER, false },
        { V4 "crl?uri=https://x/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
          "pckcrl/platform", MSE_SERVE_DER, false },
        { V4 "tcbevaluationdatanumbers", "sgx/tcbevaluationdatanumbers", MSE_SERVE_HEX, true },
        { TDX "tcbevaluationdatanumbers", "tdx/tcbevaluationdatanumbers", MSE_SERVE_HEX, true },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        struct mse_serve_request q;
        char name[MSE_SERVE_NAME_LEN];
        assert_status(parse(&q, list[i].target), MSE_OK);
        assert_int_equal(q.endpoint, MSE_SERVE_OBJECT);
        mse_serve_key_name(name, &q.key);
        assert_string_equal(name, list[i].name);
        assert_int_equal(q.encoding, list[i].encoding);
        assert_int_equal(q.with_chain, list[i].with_chain);
    }
}

static void reads_platforms(void **state)
{
    char target[2048];
    char zeros[769];
    struct mse_serve_request q;
    (void)state;
    memset(zeros, '0', sizeof zeros - 1);
    zeros[sizeof zeros - 1] = '\0';
    assert_status(parse(&q, V4 "pckcert?qeid=" QEID SVNS), MSE_OK);
    assert_int_equal(q.endpoint, MSE_SERVE_PCK_CERT);
    assert_int_equal(q.platform.qe_id[15], 0xff);
    assert_int_equal(q.platform.cpu_svn[15], 0x10);
    assert_int_equal(q.platform.pce_svn[0], 0x0d);
    assert_false(q.platform.has_ppid);
    (void)snprintf(target, sizeof target, V4 "pckcert?qeid=" QEID "&encrypted_ppid=%s" SVNS, zeros);
    assert_status(parse(&q, target), MSE_OK);
    assert_false(q.platform.has_ppid); /* the library's way to say that it has none */
    zeros[0] = 'a';
    (void)snprintf(target, sizeof target, V3 "pckcert?qeid=" QEID "&encrypted_ppid=%s" SVNS, zeros);
    assert_status(parse(&q, target), MSE_OK);
    assert_true(q.platform.has_ppid);
    assert_int_equal(q.version, 3);
    assert_status(parse(&q, V4 "platforms"), MSE_OK);
    assert_int_equal(q.source, MSE_SERVE_REGISTERED);
    assert_status(parse(&q, V4 "platforms?source=reg_na"), MSE_OK);
    assert_int_equal(q.source, MSE_SERVE_NOT_AVAILABLE);
    assert_status(parse(&q, V4 "platforms?source=[00906ED50000,00906ED50001]"), MSE_OK);
    assert_int_equal(q.source, MSE_SERVE_CACHED);
    assert_int_equal(q.num_fmspcs, 2);
    assert_int_equal(q.fmspcs[1][5], 1);
    assert_status(parse(&q, V4 "platforms?source=[]"), MSE_OK);
    assert_int_equal(q.num_fmspcs, 0);
    assert_status(parse(&q, V4 "platformcollateral"), MSE_OK);
    assert_status(parse(&q, V4 "refresh"), MSE_OK);
    assert_status(parse(&q, "/health"), MSE_OK);
}

static void refuses_what_it_does_not_know(void **state)
{
    static const char *const unknown[] = { "",
                                           "/",
                                           "/sgx",
                                           "/sgx/certification/v4",
                                           V4 "",
                                           V4 "tcb/",
                                           V4 "TCB?fmspc=00906ED50000",
                                           "/sgx/certification/v5/tcb?fmspc=00906ED50000",
                                           "/sgx/certification/v44/qe/identity",
                                           "/tdx/certification/v4/pckcert",
                                           "/tdx/certification/v4/qve/identity",
                                           "x/sgx/certification/v4/qe/identity",
                                           "//sgx/certification/v4/qe/identity",
                                           "/healthy" };
    static const char *const malformed[] = {
        V4 "tcb",
        V4 "tcb?fmspc=",
        V4 "tcb?fmspc=00906ED5000",
        V4 "tcb?fmspc=00906ED500000",
        V4 "tcb?fmspc=00906ED5000g",
        V4 "tcb?fmspc=00906ED50000&fmspc=00906ED50001",
        V4 "tcb?fmspc=00906ED50000&update=late",
        V4 "tcb?fmspc=00906ED50000&update=",
        V4 "tcb?fmspc=00906ED50000&update=early&tcbEvaluationDataNumber=20",
        V4 "tcb?fmspc=00906ED50000&tcbEvaluationDataNumber=-1",
        V4 "tcb?fmspc=00906ED50000&tcbEvaluationDataNumber=4294967296",
        V4 "tcb?fmspc=%",
        V4 "tcb?fmspc=%0",
        V4 "tcb?fmspc=00906ED5000%00",
        V4 "tcb?fmspc=00906ED5000%0a",
        V4 "pckcrl",
        V4 "pckcrl?ca=root",
        V4 "pckcrl?ca=platform&encoding=base64",
        V4 "crl",
        V4 "crl?uri=https://example.org/other.crl",
        V4 "crl?uri=https://example.org/pckcrl",
        V4 "crl?uri=https://example.org/pckcrl?ca=x",
        V4 "pckcert",
        V4 "pckcert?qeid=00" SVNS,
        V4 "pckcert?qeid=" QEID SVNS "&encrypted_ppid=00",
        V4 "platforms?source=all",
        V4 "platforms?source=[00]",
        V4 "platforms?source=[00906ED50000",
    };
    struct mse_serve_request q;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(unknown); i++) {
        assert_status(parse(&q, unknown[i]), MSE_ERR_NOT_FOUND);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(malformed); i++) {
        assert_status(parse(&q, malformed[i]), MSE_ERR_MALFORMED);
    }
    assert_status(parse(&q, V3 "tcb?fmspc=00906ED50000"), MSE_ERR_UNSUPPORTED);
    assert_status(parse(&q, "/tdx/certification/v3/qe/identity"), MSE_ERR_UNSUPPORTED);
}

static void bounds_the_target(void **state)
{
    struct mse_serve_request q;
    char target[MSE_SERVE_MAX_TARGET + 2];
    (void)state;
    (void)snprintf(target, sizeof target, V4 "qe/identity?x=");
    size_t len = strlen(target);
    memset(target + len, 'a', sizeof target - len);
    assert_status(mse_serve_request_parse(&q, mse_bytes_of(target, MSE_SERVE_MAX_TARGET), NULL),
                  MSE_OK);
    assert_status(mse_serve_request_parse(&q, mse_bytes_of(target, MSE_SERVE_MAX_TARGET + 1), NULL),
                  MSE_ERR_MALFORMED);
    /* A value that is looked at has a bound of its own. */
    (void)snprintf(target, sizeof target, V4 "qe/identity?update=");
    len = strlen(target);
    memset(target + len, 'a', 3000);
    assert_status(mse_serve_request_parse(&q, mse_bytes_of(target, len + 3000), NULL),
                  MSE_ERR_MALFORMED);
}

static void cuts_at_each_byte(void **state)
{
    static const char target[] = TDX "tcb?fmspc=00906ED50000&tcbEvaluationDataNumber=20";
    (void)state;
    for (size_t i = 0; i < sizeof target - 1; i++) {
        struct mse_serve_request q;
        mse_status st = mse_serve_request_parse(&q, mse_bytes_of(target, i), NULL);
        /* Whole without the last parameters, or with one digit less, or refused. */
        bool whole = i == strlen(TDX "tcb?fmspc=00906ED50000");
        bool digit = i == sizeof target - 2;
        bool word = i > strlen(TDX "tcb?fmspc=00906ED50000") &&
                    i < strlen(TDX "tcb?fmspc=00906ED50000&tcbEvaluationDataNumber");
        assert_int_equal(st == MSE_OK, whole || digit || word);
    }
}

static void reads_tokens(void **state)
{
    char text[600];
    char hex[129];
    struct mse_serve_config c = { 0 };
    (void)state;
    memset(hex, 'a', sizeof hex - 1);
    hex[128] = '\0';
    (void)snprintf(text, sizeof text, "# of 2026\n\nuser %s\r\nadmin\t%s", hex, hex);
    assert_status(mse_serve_tokens_parse(&c, mse_bytes_str(text), NULL), MSE_OK);
    assert_true(c.has_user && c.has_admin);
    assert_int_equal(c.admin_sha512[63], 0xaa);
    static const char *const bad[] = { "user",       "user aa",  "root %s",
                                       "user %s %s", "user %sa", "user %s\nuser %s" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_serve_config fresh = { 0 };
        struct mse_build b;
        mse_build_fixed(&b, text, sizeof text);
        for (const char *p = bad[i]; *p != '\0'; p++) {
            if (*p == '%') {
                mse_wr_str(&b, hex);
                p++;
            } else {
                mse_wr_u8(&b, (uint8_t)*p);
            }
        }
        assert_status(mse_serve_tokens_parse(&fresh, mse_build_view(&b), NULL), MSE_ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_requests_of_the_library),
        cmocka_unit_test(reads_platforms),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(bounds_the_target),
        cmocka_unit_test(cuts_at_each_byte),
        cmocka_unit_test(reads_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
