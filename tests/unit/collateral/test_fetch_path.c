/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of the services, and the issuer chains in their headers. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/fetch.h"
#include "collateral/path.h"
#include "http/http.h"

static void want_path(const struct mse_fetch_key *k, const char *want)
{
    char path[2048];
    assert_true(mse_fetch_path(path, sizeof path, k));
    assert_string_equal(path, want);
    /* One character too few. */
    assert_false(mse_fetch_path(path, strlen(want), k));
}

static void test_paths_of_intel(void **state)
{
    (void)state;
    struct mse_fetch_key k = { .kind = MSE_FETCH_TCB_INFO,
                               .tee = MSE_TEE_SGX,
                               .fmspc = { 0x00, 0x90, 0x6e, 0xd5, 0, 0 } };
    want_path(&k, "/sgx/certification/v4/tcb?fmspc=00906ed50000&update=standard");
    k.tee = MSE_TEE_TDX;
    k.update = MSE_FETCH_EARLY;
    want_path(&k, "/tdx/certification/v4/tcb?fmspc=00906ed50000&update=early");
    k.update = MSE_FETCH_NUMBERED;
    k.evaluation_number = 17;
    want_path(&k, "/tdx/certification/v4/tcb?fmspc=00906ed50000&tcbEvaluationDataNumber=17");
    k.kind = MSE_FETCH_QE_IDENTITY;
    want_path(&k, "/tdx/certification/v4/qe/identity?tcbEvaluationDataNumber=17");
    k.update = MSE_FETCH_STANDARD;
    k.tee = MSE_TEE_SGX;
    want_path(&k, "/sgx/certification/v4/qe/identity?update=standard");
    k.kind = MSE_FETCH_EVAL_NUMBERS;
    want_path(&k, "/sgx/certification/v4/tcbevaluationdatanumbers");
    k.kind = MSE_FETCH_PCK_CRL;
    want_path(&k, "/sgx/certification/v4/pckcrl?ca=processor&encoding=der");
    k.ca = MSE_FETCH_CA_PLATFORM;
    want_path(&k, "/sgx/certification/v4/pckcrl?ca=platform&encoding=der");
    k.kind = MSE_FETCH_ROOT_CRL;
    want_path(&k, "/sgx/certification/v4/rootcacrl");
}

static void test_path_of_pck(void **state)
{
    (void)state;
    static const uint8_t ppid[2] = { 0xab, 0xcd };
    static const uint8_t qe[2] = { 1, 2 };
    struct mse_fetch_key k = { .kind = MSE_FETCH_PCK_CERT };
    char path[2048];
    assert_false(mse_fetch_path(path, sizeof path, &k)); /* no PPID */
    k.pck_request.encrypted_ppid = mse_bytes_of(ppid, sizeof ppid);
    k.pck_request.pce_svn = 0x010d; /* little-endian, as in the quote */
    want_path(&k, "/sgx/certification/v4/pckcert?encrypted_ppid=abcd"
                  "&cpusvn=00000000000000000000000000000000&pcesvn=0d01&pceid=0000");
    k.pck_request.qe_id = mse_bytes_of(qe, sizeof qe);
    want_path(&k, "/sgx/certification/v4/pckcert?encrypted_ppid=abcd"
                  "&cpusvn=00000000000000000000000000000000&pcesvn=0d01&pceid=0000&qeid=0102");
}

static void test_paths_of_amd(void **state)
{
    (void)state;
    struct mse_fetch_key k = { .kind = MSE_FETCH_AMD_CHAIN, .product = MSE_SNP_MILAN };
    char path[2048];
    char want[512];
    want_path(&k, "/vcek/v1/Milan/cert_chain");
    k.vlek = true;
    want_path(&k, "/vlek/v1/Milan/cert_chain");
    k.kind = MSE_FETCH_AMD_CRL;
    want_path(&k, "/vlek/v1/Milan/crl");
    k.kind = MSE_FETCH_VCEK;
    assert_false(mse_fetch_path(path, sizeof path, &k)); /* nobody hands out VLEKs */
    k.vlek = false;
    struct mse_snp_tcb tcb = { .fmc = 1, .bl = 3, .tee = 0, .snp = 8, .ucode = 115 };
    k.tcb = tcb;
    (void)snprintf(want, sizeof want,
                   "/vcek/v1/Milan/%0128d?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115", 0);
    want_path(&k, want);
    k.product = MSE_SNP_TURIN;
    want_path(&k, "/vcek/v1/Turin/0000000000000000?fmcSPL=01&blSPL=03&teeSPL=00&snpSPL=08"
                  "&ucodeSPL=115");
    k.product = MSE_SNP_PRODUCT_NONE;
    assert_false(mse_fetch_path(path, sizeof path, &k));
}

static void test_incomplete_keys(void **state)
{
    (void)state;
    char path[256];
    struct mse_fetch_key k = { .kind = MSE_FETCH_TCB_INFO, .tee = MSE_TEE_SNP };
    assert_false(mse_fetch_path(path, sizeof path, &k));
    k.kind = 0;
    assert_false(mse_fetch_path(path, sizeof path, &k));
}

static void test_headers_of_kinds(void **state)
{
    (void)state;
    struct mse_fetch_key k = { .kind = MSE_FETCH_TCB_INFO };
    const char *older = NULL;
    assert_string_equal(mse_fetch_chain_header(&older, &k), "TCB-Info-Issuer-Chain");
    assert_string_equal(older, "SGX-TCB-Info-Issuer-Chain");
    k.kind = MSE_FETCH_QE_IDENTITY;
    assert_string_equal(mse_fetch_chain_header(&older, &k), "SGX-Enclave-Identity-Issuer-Chain");
    assert_null(older);
    k.kind = MSE_FETCH_PCK_CRL;
    assert_string_equal(mse_fetch_chain_header(&older, &k), "SGX-PCK-CRL-Issuer-Chain");
    k.kind = MSE_FETCH_ROOT_CRL;
    assert_null(mse_fetch_chain_header(&older, &k));
    k.kind = MSE_FETCH_VCEK;
    assert_null(mse_fetch_chain_header(&older, &k));
}

static void test_upstreams(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        { "https://pccs.example.org", "https://pccs.example.org" },
        { "https://PCCS.Example.org:8081/", "https://pccs.example.org:8081" },
        { "https://pccs:8081/sgx/certification/v4/", "https://pccs:8081" },
        { "http://[::1]:8081/cache/sgx/certification/v4", "http://[::1]:8081/cache" },
        { "http://127.0.0.1:1", "http://127.0.0.1:1" },
        { "https://sgx/certification/v4/",
          "https://sgx/certification/v4" }, /* a host of that name */
    };
    struct mse_upstream u;
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        assert_status(mse_upstream_parse(&u, MSE_UPSTREAM_PCCS, good[i][0], NULL), MSE_OK);
        assert_string_equal(u.url, good[i][1]);
        assert_int_equal(u.kind, MSE_UPSTREAM_PCCS);
    }
    assert_status(
        mse_upstream_parse(&u, MSE_UPSTREAM_PCCS, MSE_PCS_URL "/sgx/certification/v4/", NULL),
        MSE_OK);
    assert_int_equal(u.kind, MSE_UPSTREAM_PCS);
    assert_status(mse_upstream_parse(&u, MSE_UPSTREAM_KDS, MSE_KDS_URL, NULL), MSE_OK);
    assert_int_equal(u.kind, MSE_UPSTREAM_KDS);
}

static void test_bad_upstreams(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "pccs.example.org",
        "ftp://pccs.example.org",
        "https://",
        "https://:8081",
        "https://pccs:0",
        "https://pccs:65536",
        "https://pccs:",
        "https://user@pccs",
        "https://pccs/?a=b",
        "https://pccs/#x",
        "https://pccs/%2e%2e",
        "https://pccs\r\nX: y",
        "https://pccs/a b",
        "https://[::1",
        "https://[]",
        "https://[::g]",
        "https://pccs/sgx/certification/v3",
        "https://pccs/sgx/certification/v2/",
    };
    struct mse_error err;
    struct mse_upstream u = { .kind = 0 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_error fresh = { 0 };
        err = fresh;
        assert_status(mse_upstream_parse(&u, MSE_UPSTREAM_PCCS, bad[i], &err), MSE_ERR_CONFIG);
        assert_string_not_equal(err.text, "");
        assert_int_equal(u.kind, 0);
    }
    char longest[MSE_URL_MAX + 16] = "https://pccs/";
    memset(longest + strlen(longest), 'a', sizeof longest - strlen(longest) - 1);
    assert_status(mse_upstream_parse(&u, MSE_UPSTREAM_PCCS, longest, NULL), MSE_ERR_CONFIG);
}

static void test_header_lines(void **state)
{
    (void)state;
    struct mse_bytes v = { 0 };
    assert_true(mse_http_header_is(&v, mse_bytes_str("tcb-info-ISSUER-chain: \t a b \r\n"),
                                   "TCB-Info-Issuer-Chain"));
    assert_bytes(v, mse_bytes_str("a b"));
    assert_true(mse_http_header_is(&v, mse_bytes_str("X:"), "X"));
    assert_int_equal(v.len, 0);
    assert_false(mse_http_header_is(&v, mse_bytes_str("X"), "X"));
    assert_false(mse_http_header_is(&v, mse_bytes_str("XY: a"), "X"));
    assert_false(mse_http_header_is(&v, mse_bytes_str("SGX-TCB-Info-Issuer-Chain: a"),
                                    "TCB-Info-Issuer-Chain"));
    assert_false(mse_http_header_is(&v, mse_bytes_str(""), "X"));
}

static bool decodes(const char *in, const char *want)
{
    struct mse_build b;
    mse_build_heap(&b, 1024);
    bool good = mse_chain_header_decode(&b, mse_bytes_str(in));
    if (good && want != NULL) {
        assert_bytes(mse_build_view(&b), mse_bytes_str(want));
    }
    mse_build_clear(&b);
    return good;
}

static void test_chain_headers(void **state)
{
    (void)state;
    assert_true(decodes("-----BEGIN%20CERTIFICATE-----%0AMII+/w==%0a", "-----BEGIN "
                                                                       "CERTIFICATE-----\nMII+/"
                                                                       "w==\n"));
    assert_true(decodes("%2D%2D%2D%2D%2DBEGIN CERTIFICATE-----%0D%0AMIIC%2Bw%3D%3D", NULL));
    assert_false(decodes("", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE----", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----%", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----%0", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----%0g", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----%00", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----%1b[2J", NULL));
    assert_false(decodes("-----BEGIN%20CERTIFICATE-----\xc3\xa9", NULL));
    assert_false(decodes("MIIC", NULL));
    /* A builder that is full. */
    uint8_t room[30];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    assert_false(mse_chain_header_decode(&b, mse_bytes_str("-----BEGIN CERTIFICATE-----aaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_intel),   cmocka_unit_test(test_path_of_pck),
        cmocka_unit_test(test_paths_of_amd),     cmocka_unit_test(test_incomplete_keys),
        cmocka_unit_test(test_headers_of_kinds), cmocka_unit_test(test_upstreams),
        cmocka_unit_test(test_bad_upstreams),    cmocka_unit_test(test_header_lines),
        cmocka_unit_test(test_chain_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
