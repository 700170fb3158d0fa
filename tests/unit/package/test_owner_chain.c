/* SPDX-License-Identifier: Apache-2.0 */
/* Owners' certificates: every way in which a chain, a key or the CA of clients is wrong. */
#include <time.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "package/owner_chain.h"
#include "unit/package/chain_lab.h"

#define NAME "app.example.org"

static mse_status read_text(const char *pem)
{
    struct mse_owner_chain c = { .not_after = 0 };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_owner_chain_read(&c, mse_bytes_str(pem), &err);
    assert_int_equal(st, err.status);
    assert_true((st == MSE_OK) == (c.ders.len > 0));
    mse_owner_chain_clear(&c);
    return st;
}

/* A chain of these, the leaf first; each is freed. */
static mse_status read_certs(X509 *a, X509 *b, X509 *c)
{
    X509 *const all[] = { a, b, c };
    char pem[CHAIN_LAB_PEM] = "";
    for (size_t i = 0; i < MSE_ARRAY_LEN(all); i++) {
        if (all[i] != NULL) {
            chain_lab_add(pem, all[i]);
            X509_free(all[i]);
        }
    }
    return read_text(pem);
}

static void test_in_order(void **state)
{
    (void)state;
    struct chain_lab l;
    struct mse_owner_chain c;
    uint8_t want[32];
    struct mse_privkey *key = NULL;
    chain_lab_init(&l, NAME);
    mse_time now = time(NULL); /* never before the certificates were made */
    assert_status(mse_owner_chain_read(&c, mse_bytes_str(l.chain), NULL), MSE_OK);
    assert_status(mse_sha256(want, mse_bytes_str(l.chain)), MSE_OK);
    assert_memory_equal(c.sha256, want, 32);
    assert_status(mse_owner_chain_suits(&c, NAME, now, NULL), MSE_OK);
    assert_status(mse_owner_chain_suits(&c, "APP.example.org", now, NULL), MSE_OK);
    assert_status(mse_owner_chain_suits(&c, "b.example.org", now, NULL), MSE_ERR_CERTIFICATE_NAME);
    assert_status(mse_owner_chain_suits(&c, NAME, c.not_before - 1, NULL),
                  MSE_ERR_CERTIFICATE_NOT_YET_VALID);
    assert_status(mse_owner_chain_suits(&c, NAME, c.not_after, NULL), MSE_OK);
    assert_status(mse_owner_chain_suits(&c, NAME, c.not_after + 1, NULL),
                  MSE_ERR_CERTIFICATE_EXPIRED);
    assert_true(c.not_after <= now + 43200);
    assert_status(mse_owner_chain_key(&key, &c, mse_bytes_str(l.key_pem), NULL), MSE_OK);
    mse_privkey_free(key);
    mse_owner_chain_clear(&c);
    chain_lab_clear(&l);
}

static void test_wildcards(void **state)
{
    (void)state;
    struct chain_lab l;
    struct mse_owner_chain c;
    mse_time now = time(NULL);
    chain_lab_init(&l, "*.example.org");
    assert_status(mse_owner_chain_read(&c, mse_bytes_str(l.chain), NULL), MSE_OK);
    assert_status(mse_owner_chain_suits(&c, NAME, now, NULL), MSE_OK);
    static const char *const others[] = {
        "example.org", "a.b.example.org", "app.example.com", ".example.org", "org", "127.0.0.1"
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        assert_status(mse_owner_chain_suits(&c, others[i], now, NULL), MSE_ERR_CERTIFICATE_NAME);
    }
    mse_owner_chain_clear(&c);
    chain_lab_clear(&l);
}

static void test_texts(void **state)
{
    (void)state;
    struct chain_lab l;
    char pem[CHAIN_LAB_PEM + 16];
    chain_lab_init(&l, NAME);
    size_t len = strlen(l.chain);
    /* Cut, it is another text; only ends of lines at the very end are nothing. */
    for (size_t n = 0; n < len - 1; n++) {
        memcpy(pem, l.chain, n);
        pem[n] = '\0';
        assert_status(read_text(pem), MSE_ERR_TLS_CHAIN);
    }
    memcpy(pem, l.chain, len);
    memcpy(pem + len, "\n", 2);
    assert_status(read_text(pem), MSE_OK);
    memcpy(pem + len, "x", 2);
    assert_status(read_text(pem), MSE_ERR_TLS_CHAIN);
    memcpy(pem, "leaf:\n", 6);
    memcpy(pem + 6, l.chain, len + 1);
    assert_status(read_text(pem), MSE_ERR_TLS_CHAIN);
    assert_status(read_text(l.key_pem), MSE_ERR_TLS_CHAIN);
    char *big = test_calloc(1, MSE_OWNER_CHAIN_MAX + 2);
    memset(big, '\n', MSE_OWNER_CHAIN_MAX + 1);
    assert_status(read_text(big), MSE_ERR_TLS_CHAIN);
    test_free(big);
    chain_lab_clear(&l);
}

/* A bit of the leaf: its issuer did not sign that. */
static void test_flips(void **state)
{
    (void)state;
    struct chain_lab l;
    chain_lab_init(&l, NAME);
    size_t end = (size_t)(strstr(l.chain, "-----END") - l.chain);
    for (size_t i = 0; i < end; i += 7) {
        char was = l.chain[i];
        l.chain[i] = (char)(was ^ 1);
        assert_status(read_text(l.chain), MSE_ERR_TLS_CHAIN);
        l.chain[i] = was;
    }
    assert_status(read_text(l.chain), MSE_OK);
    chain_lab_clear(&l);
}

static void test_links(void **state)
{
    (void)state;
    struct chain_lab l;
    struct chain_spec leaf = { .cn = "leaf", .san = "DNS:" NAME, .from = -60, .until = 600 };
    struct chain_spec mid = {
        .cn = "mid", .basic = "critical,CA:TRUE", .usage = "keyCertSign", .from = -60, .until = 600
    };
    chain_lab_init(&l, NAME);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *issuer = chain_lab_cert(&mid, key, l.ca, l.ca_key);
    assert_status(
        read_certs(chain_lab_cert(&leaf, l.key, issuer, key), X509_dup(issuer), X509_dup(l.ca)),
        MSE_OK);
    assert_status(read_certs(chain_lab_cert(&leaf, l.key, issuer, key), X509_dup(issuer), NULL),
                  MSE_OK); /* the root need not come along */
    assert_status(read_certs(chain_lab_cert(&leaf, l.key, issuer, key), NULL, NULL),
                  MSE_ERR_TLS_CHAIN); /* its issuer is missing */
    assert_status(
        read_certs(chain_lab_cert(&leaf, l.key, issuer, key), X509_dup(l.ca), X509_dup(issuer)),
        MSE_ERR_TLS_CHAIN); /* out of order */
    assert_status(read_certs(X509_dup(l.ca), X509_dup(l.leaf), NULL), MSE_ERR_TLS_CHAIN);
    assert_status(
        read_certs(chain_lab_cert(&leaf, l.key, issuer, l.ca_key), X509_dup(issuer), NULL),
        MSE_ERR_TLS_CHAIN); /* signed by another */
    X509_free(issuer);
    static const struct {
        const char *basic;
        const char *usage;
        mse_status want;
    } cas[] = {
        { "critical,CA:TRUE", NULL, MSE_OK },
        { "critical,CA:TRUE,pathlen:0", "keyCertSign", MSE_OK },
        { "critical,CA:FALSE", "keyCertSign", MSE_ERR_TLS_CHAIN },
        { NULL, NULL, MSE_ERR_TLS_CHAIN },
        { "critical,CA:TRUE", "digitalSignature", MSE_ERR_TLS_CHAIN },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cas); i++) {
        mid.basic = cas[i].basic;
        mid.usage = cas[i].usage;
        issuer = chain_lab_cert(&mid, key, l.ca, l.ca_key);
        assert_status(read_certs(chain_lab_cert(&leaf, l.key, issuer, key), issuer, X509_dup(l.ca)),
                      cas[i].want);
    }
    /* One CA too many below a root that allows none. */
    struct chain_spec root = {
        .cn = "root", .basic = "critical,CA:TRUE,pathlen:0", .from = -60, .until = 600
    };
    mid.basic = "critical,CA:TRUE";
    mid.usage = NULL;
    X509 *top = chain_lab_cert(&root, l.ca_key, NULL, NULL);
    issuer = chain_lab_cert(&mid, key, top, l.ca_key);
    assert_status(read_certs(chain_lab_cert(&leaf, l.key, issuer, key), issuer, top),
                  MSE_ERR_TLS_CHAIN);
    EVP_PKEY_free(key);
    chain_lab_clear(&l);
}

static void test_many(void **state)
{
    (void)state;
    struct chain_lab l;
    struct chain_spec ca = { .cn = "CA", .basic = "critical,CA:TRUE", .from = -60, .until = 600 };
    char pem[CHAIN_LAB_PEM] = "";
    chain_lab_init(&l, NAME);
    chain_lab_add(pem, l.leaf);
    for (size_t i = 1; i <= MSE_OWNER_CHAIN_CERTS; i++) {
        X509 *x = chain_lab_cert(&ca, l.ca_key, NULL, NULL); /* each the issuer of the one before */
        chain_lab_add(pem, x);
        X509_free(x);
        assert_status(read_text(pem), i < MSE_OWNER_CHAIN_CERTS ? MSE_OK : MSE_ERR_TLS_CHAIN);
    }
    chain_lab_clear(&l);
}

static void test_leaves(void **state)
{
    (void)state;
    struct chain_lab l;
    struct chain_spec leaf = { .cn = "leaf", .san = "DNS:" NAME, .from = -60, .until = 600 };
    chain_lab_init(&l, NAME);
    assert_status(read_certs(chain_lab_cert(&leaf, l.key, NULL, NULL), NULL, NULL), MSE_OK);
    leaf.usage = "keyEncipherment";
    assert_status(read_certs(chain_lab_cert(&leaf, l.key, NULL, NULL), NULL, NULL),
                  MSE_ERR_TLS_CHAIN);
    leaf.usage = NULL;
    EVP_PKEY *kinds[] = { EVP_EC_gen("P-384"), EVP_RSA_gen(2048) };
    for (size_t i = 0; i < MSE_ARRAY_LEN(kinds); i++) {
        assert_status(read_certs(chain_lab_cert(&leaf, kinds[i], NULL, NULL), NULL, NULL), MSE_OK);
        EVP_PKEY_free(kinds[i]);
    }
    EVP_PKEY *odd = EVP_EC_gen("P-521");
    assert_status(read_certs(chain_lab_cert(&leaf, odd, l.ca, l.ca_key), X509_dup(l.ca), NULL),
                  MSE_ERR_TLS_CHAIN);
    EVP_PKEY_free(odd);
    chain_lab_clear(&l);
}

static void assert_key(const struct mse_owner_chain *c, const char *pem, mse_status want)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_privkey *key = NULL;
    assert_status(mse_owner_chain_key(&key, c, mse_bytes_str(pem), &err), want);
    assert_true((want == MSE_OK) == (key != NULL));
    assert_int_equal(err.status, want);
    mse_privkey_free(key);
}

static void test_keys(void **state)
{
    (void)state;
    struct chain_lab l;
    struct mse_owner_chain c;
    char pem[CHAIN_LAB_PEM];
    chain_lab_init(&l, NAME);
    assert_status(mse_owner_chain_read(&c, mse_bytes_str(l.chain), NULL), MSE_OK);
    assert_key(&c, l.key_pem, MSE_OK);
    EVP_PKEY *const others[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-384"), EVP_RSA_gen(2048) };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        chain_lab_key(pem, others[i], NULL);
        assert_key(&c, pem, MSE_ERR_TLS_KEY_MISMATCH);
        EVP_PKEY_free(others[i]);
    }
    EVP_PKEY *const odd[] = { EVP_EC_gen("P-521"), EVP_RSA_gen(1024),
                              EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
    for (size_t i = 0; i < MSE_ARRAY_LEN(odd); i++) {
        chain_lab_key(pem, odd[i], NULL);
        assert_key(&c, pem, MSE_ERR_TLS_KEY);
        EVP_PKEY_free(odd[i]);
    }
    chain_lab_key(pem, l.key, "secret");
    assert_key(&c, pem, MSE_ERR_TLS_KEY);
    assert_key(&c, "", MSE_ERR_TLS_KEY);
    assert_key(&c, "garbage", MSE_ERR_TLS_KEY);
    assert_key(&c, l.chain, MSE_ERR_TLS_KEY);
    for (size_t n = 0; n < strlen(l.key_pem) - 2; n += 5) {
        memcpy(pem, l.key_pem, n);
        pem[n] = '\0';
        assert_key(&c, pem, MSE_ERR_TLS_KEY);
    }
    mse_owner_chain_clear(&c);
    chain_lab_clear(&l);
}

static mse_status read_client_ca(X509 *cert, X509 *more)
{
    char pem[CHAIN_LAB_PEM] = "";
    uint8_t sha256[32];
    chain_lab_add(pem, cert);
    if (more != NULL) {
        chain_lab_add(pem, more);
    }
    return mse_client_ca_read(sha256, NULL, mse_bytes_str(pem), NULL);
}

static void test_client_ca(void **state)
{
    (void)state;
    struct chain_lab l;
    uint8_t sha256[32];
    uint8_t want[32];
    unsigned char *der = NULL;
    struct mse_build out;
    char pem[CHAIN_LAB_PEM] = "";
    chain_lab_init(&l, NAME);
    chain_lab_add(pem, l.ca);
    mse_build_heap(&out, 4096);
    assert_status(mse_client_ca_read(sha256, &out, mse_bytes_str(pem), NULL), MSE_OK);
    int len = i2d_X509(l.ca, &der);
    assert_true(len > 0 && mse_bytes_equal(mse_build_view(&out), mse_bytes_of(der, (size_t)len)));
    assert_status(mse_sha256(want, mse_bytes_of(der, (size_t)len)), MSE_OK);
    assert_memory_equal(sha256, want, 32);
    OPENSSL_free(der);
    mse_build_clear(&out);
    assert_status(read_client_ca(l.leaf, NULL), MSE_ERR_TLS_CHAIN);
    assert_status(read_client_ca(l.ca, l.leaf), MSE_ERR_TLS_CHAIN);
    assert_status(mse_client_ca_read(sha256, NULL, mse_bytes_str(""), NULL), MSE_ERR_TLS_CHAIN);
    assert_status(mse_client_ca_read(sha256, NULL, mse_bytes_str(l.key_pem), NULL),
                  MSE_ERR_TLS_CHAIN);
    chain_lab_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),  cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_texts),     cmocka_unit_test(test_flips),
        cmocka_unit_test(test_links),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_leaves),    cmocka_unit_test(test_keys),
        cmocka_unit_test(test_client_ca),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
