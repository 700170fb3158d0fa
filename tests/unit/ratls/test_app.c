/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that an app asked for: what is demanded of it, and what an app that wants to pass for
 * something else can make of it. */
#include "base/bytes.h"
#include "crypto/digest.h"
#include "lab.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/session.h"

#define MANIFEST "{\"name\":\"app\"}"

static const uint8_t app_data[] = "the sum is 42";

static struct mse_ratls_claims_params params(uint8_t manifest[32], struct mse_bytes data)
{
    assert_status(mse_sha256(manifest, mse_bytes_str(MANIFEST)), MSE_OK);
    return (struct mse_ratls_claims_params) { .role = MSE_ROLE_APP,
                                              .manifest = mse_bytes_of(manifest, 32),
                                              .app_data = data };
}

/* Certificate of the app, then evidence of this data in l->evidence. */
static int setup(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    int rc = lab_setup(state);
    lab_evidence(*state, &p);
    lab_cert(*state);
    return rc;
}

static void give(struct lab *l, struct mse_bytes data)
{
    uint8_t manifest[32];
    struct mse_ratls_claims_params p = params(manifest, data);
    lab_evidence(l, &p);
}

static struct mse_ratls_app_ask ask_of(const struct lab *l)
{
    return (struct mse_ratls_app_ask) { .data = mse_bytes_of(app_data, sizeof app_data),
                                        .certificate = mse_build_view(&l->cert),
                                        .manifest = mse_bytes_str(MANIFEST),
                                        .collateral = &l->bundle.collateral,
                                        .policy = &l->policy,
                                        .at = LAB_NOW };
}

static mse_status appraise(const struct lab *l, const struct mse_ratls_app_ask *a)
{
    static struct mse_verdict v;
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_ratls_appraise_app(&v, NULL, mse_build_view(&l->evidence), a, &err);
    assert_true(v.accepted == (st == MSE_OK) && v.status == st);
    assert_true((err.status == MSE_OK) == (st == MSE_OK));
    return st;
}

static void accepted(void **state)
{
    struct lab *l = *state;
    struct mse_verdict v;
    struct mse_ratls_cert e;
    give(l, mse_bytes_of(app_data, sizeof app_data));
    struct mse_ratls_app_ask a = ask_of(l);
    assert_status(mse_ratls_appraise_app(&v, &e, mse_build_view(&l->evidence), &a, NULL), MSE_OK);
    assert_bytes(e.claims.app_data, a.data);
    assert_int_equal(e.claims.role, MSE_ROLE_APP);
    assert_int_equal(v.binding_level, 0);
    a.certificate.len = 0;
    a.manifest.len = 0;
    assert_status(appraise(l, &a), MSE_OK);
}

static void each_condition(void **state)
{
    struct lab *l = *state;
    uint8_t longer[64] = { 0 };
    memcpy(longer, app_data, sizeof app_data);
    give(l, mse_bytes_of(app_data, sizeof app_data));
    struct mse_ratls_app_ask a = ask_of(l);
    a.data.len--; /* its beginning */
    assert_status(appraise(l, &a), MSE_ERR_APP_DATA);
    a.data = mse_bytes_of(longer, sizeof app_data + 1);
    assert_status(appraise(l, &a), MSE_ERR_APP_DATA);
    a.data.len = 0;
    assert_status(appraise(l, &a), MSE_ERR_APP_DATA);
    a = ask_of(l);
    a.manifest = mse_bytes_str("{\"name\":\"apq\"}");
    assert_status(appraise(l, &a), MSE_ERR_MANIFEST_MISMATCH);
    a = ask_of(l);
    l->policy.num_references = 1; /* another enclave's */
    struct mse_reference *r = &l->policy.references[0];
    struct mse_reference before = *r;
    *r = (struct mse_reference) { .has_fingerprint = true };
    mse_status st = appraise(l, &a);
    l->policy.num_references = 0;
    *r = before;
    assert_status(st, MSE_ERR_MRENCLAVE_MISMATCH);
}

static void key_of_another_server(void **state)
{
    struct lab *l = *state;
    struct lab *other = NULL;
    assert_int_equal(setup((void **)&other), 0);
    give(l, mse_bytes_of(app_data, sizeof app_data));
    struct mse_ratls_app_ask a = ask_of(l);
    a.certificate = mse_build_view(&other->cert);
    assert_status(appraise(l, &a), MSE_ERR_BINDING);
    assert_int_equal(lab_teardown((void **)&other), 0);
}

/* What serves another purpose is no evidence of an app, whatever was signed. */
static void foreign_roles(void **state)
{
    struct lab *l = *state;
    for (int r = MSE_ROLE_SERVER_STATIC; r < MSE_ROLE_APP; r++) {
        const struct mse_ratls_claims_params p = { .role = (enum mse_ratls_role)r };
        lab_evidence(l, &p);
        struct mse_ratls_app_ask a = ask_of(l);
        a.manifest.len = 0;
        assert_status(appraise(l, &a), MSE_ERR_ROLE);
    }
    const struct mse_ratls_claims_params bare = { .role = MSE_ROLE_APP };
    lab_evidence(l, &bare);
    struct mse_ratls_app_ask a = ask_of(l);
    a.manifest.len = 0;
    assert_status(appraise(l, &a), MSE_ERR_APP_DATA);
}

/* A quote that an app got, with claims of its own making in the place of the real ones: the app had
 * the runtime quote the digest of the forged ones as its data. */
static void forged_claims(void **state)
{
    struct lab *l = *state;
    for (int r = MSE_ROLE_SERVER_STATIC; r <= MSE_ROLE_APP; r++) {
        uint8_t digest[64] = { 0 };
        uint8_t buf[512];
        struct mse_build forged;
        struct mse_ratls_claims_params p = { .role = (enum mse_ratls_role)r };
        if (r == MSE_ROLE_APP) {
            p.app_data = mse_bytes_of(app_data, sizeof app_data);
        }
        memcpy(p.spki_sha256, l->spki_sha256, 32);
        mse_build_fixed(&forged, buf, sizeof buf);
        assert_status(mse_ratls_claims_make(&forged, &p), MSE_OK);
        assert_status(mse_ratls_report_data(digest, mse_build_view(&forged)), MSE_OK);
        give(l, mse_bytes_of(digest, sizeof digest)); /* what the report data would have to be */
        mse_build_reset(&l->evidence);
        assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&l->quote),
                                              mse_build_view(&forged)),
                      MSE_OK);
        struct mse_ratls_app_ask a = ask_of(l);
        a.manifest.len = 0;
        assert_status(appraise(l, &a), MSE_ERR_CLAIMS_HASH);
        a.certificate.len = 0;
        assert_status(appraise(l, &a), MSE_ERR_CLAIMS_HASH);
        /* Nor does a certificate with it pass. */
        struct mse_verdict v;
        uint8_t own[8192];
        assert_true(l->cert.len <= sizeof own);
        size_t own_len = l->cert.len;
        memcpy(own, l->cert.data, own_len);
        lab_cert(l);
        mse_status st = mse_ratls_appraise(&v, NULL, NULL, mse_build_view(&l->cert), LAB_HOST,
                                           &l->bundle.collateral, &l->policy, LAB_NOW, NULL);
        mse_build_reset(&l->cert);
        mse_wr_copy(&l->cert, own, own_len);
        assert_status(st, MSE_ERR_CLAIMS_HASH);
    }
}

/* The real evidence of an app in the place of a server's. */
static void not_for_servers(void **state)
{
    struct lab *l = *state;
    struct mse_verdict v;
    struct mse_ratls_cert c;
    const struct mse_ratls_ask session = { .role = MSE_ROLE_SERVER_SESSION,
                                           .host = LAB_HOST,
                                           .collateral = &l->bundle.collateral,
                                           .policy = &l->policy,
                                           .at = LAB_NOW };
    give(l, mse_bytes_str("\x78server-session"));
    assert_true(mse_ratls_appraise_evidence(&v, &c, mse_build_view(&l->cert),
                                            mse_build_view(&l->evidence), &session, NULL));
    assert_status(v.status, MSE_ERR_ROLE);
}

static void forms(void **state)
{
    struct lab *l = *state;
    static const uint8_t role_too[] = { 0xa2, 0x68, 'm', 's',  'e', '-',  'r', 'o', 'l', 'e', 0x63,
                                        'a',  'p',  'p', 0x6c, 'm', 's',  'e', '-', 'a', 'p', 'p',
                                        '-',  'd',  'a', 't',  'a', 0x63, 'a', 'b', 'c' };
    struct mse_ratls_claims k;
    uint8_t manifest[32];
    uint8_t buf[512];
    uint8_t big[65] = { 0 };
    struct mse_build b;
    struct mse_ratls_claims_params p = params(manifest, mse_bytes_of(big, sizeof big));
    memcpy(p.spki_sha256, l->spki_sha256, 32);
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_ratls_claims_make(&b, &p), MSE_ERR_ARGUMENT);
    p.app_data.len = 64;
    assert_status(mse_ratls_claims_make(&b, &p), MSE_OK);
    assert_status(mse_ratls_claims_read(&k, mse_build_view(&b), NULL), MSE_OK);
    assert_int_equal(k.app_data.len, 64);
    for (size_t i = 0; i < b.len; i++) { /* cut anywhere */
        assert_status(mse_ratls_claims_read(&k, mse_bytes_of(buf, i), NULL),
                      MSE_ERR_CLAIMS_MALFORMED);
    }
    p.role = MSE_ROLE_SERVER_SESSION;
    assert_status(mse_ratls_claims_make(&b, &p), MSE_ERR_ARGUMENT);
    /* A text, where bytes are wanted. */
    assert_status(mse_ratls_claims_read(&k, mse_bytes_of(role_too, sizeof role_too), NULL),
                  MSE_ERR_CLAIMS_MALFORMED);
    /* Evidence itself, cut and extended. */
    give(l, mse_bytes_of(app_data, sizeof app_data));
    struct mse_ratls_app_ask a = ask_of(l);
    struct mse_verdict v;
    struct mse_bytes whole = mse_build_view(&l->evidence);
    for (size_t i = 0; i < whole.len; i += i < 64 ? 1 : 97) {
        assert_true(mse_ratls_appraise_app(&v, NULL, mse_bytes_of(whole.data, i), &a, NULL) !=
                    MSE_OK);
    }
    mse_wr_u8(&l->evidence, 0);
    assert_status(appraise(l, &a), MSE_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),      cmocka_unit_test(each_condition),
        cmocka_unit_test(foreign_roles), cmocka_unit_test(key_of_another_server),
        cmocka_unit_test(forged_claims), cmocka_unit_test(not_for_servers),
        cmocka_unit_test(forms),
    };
    return cmocka_run_group_tests(tests, setup, lab_teardown);
}
