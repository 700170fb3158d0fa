/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own CA: what it may sign, who may read its key, when it is refused. */
#include "lib/testlib.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/proxy_ca.h"
#include "crypto/x509.h"
#include "ratls/make.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

static char *folder;
static struct cli quiet;

static int set_up(void **state)
{
    (void)state;
    quiet.program = &mse_program;
    quiet.json = true;
    folder = test_tmpdir();
    return setenv("MSE_CONF_PATH", folder, 1);
}

static int tear_down(void **state)
{
    (void)state;
    test_tmpdir_remove(folder);
    return 0;
}

static const char *const two[] = { "b.example", "a.example" };
static const char *const two_again[] = { "a.example", "b.example", "b.example" };
static const char *const three[] = { "a.example", "b.example", "c.example" };

static void makes_a_constrained_ca(void **state)
{
    const struct mse_bytes names[] = { mse_bytes_str("a.example"), mse_bytes_str("b.example") };
    struct cli_proxy_ca ca;
    struct mse_cert cert;
    struct mse_bytes seen;
    bool critical = false;
    uint8_t room[512];
    struct mse_build want;
    struct stat st;
    char path[4096];
    (void)state;
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, two, 2, false), CLI_DONE);
    assert_true(ca.made);
    assert_int_equal(mse_cert_parse(&cert, mse_build_view(&ca.der), NULL), MSE_OK);
    assert_true(cert.is_ca && cert.has_path_len && cert.path_len == 0);
    assert_int_equal(cert.key_usage, MSE_KU_KEY_CERT_SIGN);
    mse_build_fixed(&want, room, sizeof room);
    mse_profile_constraints_all(&want, names, 2);
    assert_true(mse_cert_extension(&cert, MSE_OID(mse_oid_name_constraints), &seen, &critical));
    assert_true(critical && mse_bytes_equal(seen, mse_build_view(&want)));
    (void)snprintf(path, sizeof path, "%s/proxy/ca.key", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    cli_proxy_ca_clear(&ca);
}

static void keeps_it_for_these_names_only(void **state)
{
    struct cli_proxy_ca ca;
    (void)state;
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, two_again, 3, false), CLI_DONE);
    assert_false(ca.made);
    cli_proxy_ca_clear(&ca);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, three, 3, false), CLI_TROUBLE);
    cli_proxy_ca_clear(&ca);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, two, 1, false), CLI_TROUBLE);
    cli_proxy_ca_clear(&ca);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, three, 3, true), CLI_DONE);
    assert_true(ca.made);
    cli_proxy_ca_clear(&ca);
}

static void signs_short_leaves(void **state)
{
    struct cli_proxy_ca ca;
    struct mse_build pem;
    struct mse_cert leaf;
    struct mse_cert issuer;
    struct mse_bytes rest;
    uint8_t der[4096];
    size_t len = 0;
    (void)state;
    mse_build_heap(&pem, 32768);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, three, 3, false), CLI_DONE);
    assert_int_equal(cli_proxy_ca_leaf(&pem, &ca, "b.example", NULL), MSE_OK);
    rest = mse_build_view(&pem);
    assert_int_equal(mse_pem_next(&rest, "CERTIFICATE", der, sizeof der, &len), MSE_OK);
    assert_int_equal(mse_cert_parse(&leaf, mse_bytes_of(der, len), NULL), MSE_OK);
    assert_int_equal(mse_cert_parse(&issuer, mse_build_view(&ca.der), NULL), MSE_OK);
    assert_int_equal(mse_cert_verify(NULL, &leaf, &issuer.key), MSE_OK);
    assert_true(mse_bytes_equal(leaf.issuer, issuer.subject));
    assert_true(mse_cert_has_host(&leaf, "b.example") && !mse_cert_has_host(&leaf, "a.example"));
    assert_true(leaf.not_after - leaf.not_before <= CLI_PROXY_LEAF_SECONDS + 3600);
    assert_false(leaf.is_ca);
    assert_int_not_equal(cli_proxy_ca_leaf(&pem, &ca, "*.example", NULL), MSE_OK);
    assert_int_not_equal(cli_proxy_ca_leaf(&pem, &ca, "127.0.0.1:80", NULL), MSE_OK);
    mse_build_clear(&pem);
    cli_proxy_ca_clear(&ca);
}

static void refuses_another_key(void **state)
{
    struct cli_proxy_ca ca;
    struct mse_privkey *other = NULL;
    struct mse_build pem;
    char path[4096];
    (void)state;
    mse_build_heap(&pem, 4096);
    assert_int_equal(mse_privkey_generate_p256(&other), MSE_OK);
    assert_int_equal(mse_privkey_to_pem(other, &pem), MSE_OK);
    (void)snprintf(path, sizeof path, "%s/proxy/ca.key", folder);
    assert_int_equal(cli_file_write(path, mse_build_view(&pem), 0600, NULL), MSE_OK);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, three, 3, false), CLI_TROUBLE);
    cli_proxy_ca_clear(&ca);
    mse_build_clear(&pem);
    mse_privkey_free(other);
}

/* What a client would say that knows the CA alone. */
static int judgement(const struct cli_proxy_ca *ca, const char *name)
{
    struct mse_build pem;
    mse_build_heap(&pem, 32768);
    assert_int_equal(cli_proxy_ca_leaf(&pem, ca, name, NULL), MSE_OK);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *x = X509_STORE_CTX_new();
    assert_true(leaf != NULL && root != NULL && store != NULL && x != NULL);
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(x, store, leaf, NULL), 1);
    (void)X509_verify_cert(x);
    int error = X509_STORE_CTX_get_error(x);
    X509_STORE_CTX_free(x);
    X509_STORE_free(store);
    X509_free(root);
    X509_free(leaf);
    (void)BIO_free(bio);
    mse_build_clear(&pem);
    return error;
}

/* An app whose name is below another's is signed for as well; below the other names, and between
 * the two where only the end of the text is the same, nothing is. */
static void serves_a_name_below_another(void **state)
{
    static const char *const nested[] = { "a.example", "b.a.example", "ba.example" };
    struct cli_proxy_ca ca;
    (void)state;
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, nested, 3, true), CLI_DONE);
    for (size_t i = 0; i < MSE_ARRAY_LEN(nested); i++) {
        assert_int_equal(judgement(&ca, nested[i]), X509_V_OK);
    }
    assert_int_equal(judgement(&ca, "c.b.a.example"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(judgement(&ca, "c.ba.example"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(judgement(&ca, "ca.example"), X509_V_ERR_PERMITTED_VIOLATION);
    cli_proxy_ca_clear(&ca);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, &nested[2], 1, true), CLI_DONE);
    assert_int_equal(judgement(&ca, "c.ba.example"), X509_V_ERR_EXCLUDED_VIOLATION);
    cli_proxy_ca_clear(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_constrained_ca),
        cmocka_unit_test(keeps_it_for_these_names_only),
        cmocka_unit_test(signs_short_leaves),
        cmocka_unit_test(refuses_another_key),
        cmocka_unit_test(serves_a_name_below_another),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
