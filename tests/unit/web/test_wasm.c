/* SPDX-License-Identifier: Apache-2.0 */
/* The C part of mse.wasm: every input in its place, and each way in which it is refused; whatever
 * comes in, what comes out is JSON that says no more than the library does. */
#include "unit/ratls/lab.h"

#include <jansson.h>
#include <math.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "mse_wasm.h"
#include "ratls/profile.h"
#include "ratls/session.h"

#define MANIFEST "{\"config_domain_name\":\"config.example.org\",\"san\":\"" LAB_HOST "\"}"
#define MANIFEST_IN_JSON                                                                           \
    "{\\\"config_domain_name\\\":\\\"config.example.org\\\",\\\"san\\\":\\\"" LAB_HOST "\\\"}"

static struct lab *lab;
static char policy[256];

static int setup(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    char point[2 * 64 + 1];
    int rc = lab_setup(state);
    lab = *state;
    lab_evidence(lab, &p);
    lab_cert(lab);
    mse_hex_encode(point, mse_bytes_of(lab->policy.simulation_root, 64));
    (void)snprintf(policy, sizeof policy,
                   "{\"allow_simulation\":true,\"insecure_any_app\":true,\"simulation_root\":"
                   "\"%s\"}",
                   point);
    return rc;
}

struct ask {
    struct mse_bytes in[MSE_WASM_INPUTS];
    double at;
};

static struct ask good(void)
{
    struct ask a = { .at = (double)LAB_NOW };
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&lab->cert);
    a.in[MSE_WASM_COLLATERAL] = lab->json;
    a.in[MSE_WASM_POLICY] = mse_bytes_str(policy);
    return a;
}

/* The answer; accepted by the return value and in the verdict, or by neither. */
static json_t *appraise(const struct ask *a)
{
    struct mse_wasm *w = mse_wasm_new();
    assert_non_null(w);
    assert_null(mse_wasm_answer(w));
    for (uint32_t i = 0; i < MSE_WASM_INPUTS; i++) {
        if (a->in[i].data != NULL) {
            uint8_t *room = mse_wasm_room(w, i, a->in[i].len);
            assert_non_null(room);
            memcpy(room, a->in[i].data, a->in[i].len);
        }
    }
    int accepted = mse_wasm_appraise(w, a->at);
    const char *text = mse_wasm_answer(w);
    assert_non_null(text);
    json_t *answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(answer);
    json_t *verdict = json_object_get(answer, "verdict");
    assert_int_equal(accepted, json_is_true(json_object_get(verdict, "accepted")));
    assert_true(json_is_null(verdict) != json_is_null(json_object_get(answer, "error")));
    assert_int_equal(mse_wasm_appraise(w, a->at), 0); /* once */
    mse_wasm_free(w);
    return answer;
}

static void expect(const struct ask *a, mse_status wanted, int level)
{
    json_t *answer = appraise(a);
    json_t *verdict = json_object_get(answer, "verdict");
    json_t *from = json_is_null(verdict) ? json_object_get(answer, "error") : verdict;
    assert_string_equal(json_string_value(json_object_get(from, "status")),
                        mse_status_name(wanted));
    if (wanted == MSE_OK) {
        assert_int_equal(json_integer_value(json_object_get(verdict, "binding_level")), level);
        assert_true(json_is_string(json_object_get(answer, "binding_text")));
    }
    json_decref(answer);
}

static void a_certificate(void **state)
{
    struct mse_build pem;
    struct ask a = good();
    (void)state;
    expect(&a, MSE_OK, 0);
    mse_build_heap(&pem, 65536);
    mse_ratls_put_pem(&pem, a.in[MSE_WASM_EVIDENCE]);
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&pem);
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_CERTIFICATE] = a.in[MSE_WASM_EVIDENCE];
    a.in[MSE_WASM_EVIDENCE] = mse_bytes_of(NULL, 0);
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_HOST] = mse_bytes_str(LAB_HOST);
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_HOST] = mse_bytes_str("evil.example.org");
    expect(&a, MSE_ERR_CERTIFICATE_NAME, 0);
    a.in[MSE_WASM_HOST] = mse_bytes_str("app.example.org\n");
    expect(&a, MSE_ERR_ARGUMENT, 0);
    mse_build_clear(&pem);
}

/* Nothing is not the same as not given. */
static void empty_inputs(void **state)
{
    struct ask a = good();
    (void)state;
    a.in[MSE_WASM_CERTIFICATE] = mse_bytes_str("");
    expect(&a, MSE_ERR_ARGUMENT, 0);
    a = good();
    a.in[MSE_WASM_HOST] = mse_bytes_str("");
    expect(&a, MSE_ERR_ARGUMENT, 0);
}

static void a_certificate_with_its_ca(void **state)
{
    uint8_t ca[32];
    struct lab *l = *state;
    struct ask a = good();
    lab_cert_r2(l, ca);
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&l->cert);
    expect(&a, MSE_OK, 0);
    struct mse_bytes leaf;
    struct mse_bytes behind;
    assert_true(mse_ratls_split(&leaf, &behind, a.in[MSE_WASM_EVIDENCE]));
    a.in[MSE_WASM_EVIDENCE] = leaf;
    expect(&a, MSE_ERR_CA_MISSING, 0);
    lab_cert(l);
}

static void a_quote(void **state)
{
    struct ask a = good();
    (void)state;
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&lab->quote);
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_CERTIFICATE] = mse_build_view(&lab->cert); /* it says nothing of its key */
    expect(&a, MSE_ERR_ARGUMENT, 0);
}

static void what_weakens_must_be_said(void **state)
{
    struct ask a = good();
    (void)state;
    a.in[MSE_WASM_POLICY] = mse_bytes_of(NULL, 0);
    expect(&a, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED, 0);
    a.in[MSE_WASM_POLICY] = mse_bytes_str("{\"insecure_any_app\":true}");
    expect(&a, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED, 0);
    a.in[MSE_WASM_POLICY] = mse_bytes_str("{\"insecure_any_ap\":true}");
    expect(&a, MSE_ERR_POLICY, 0);
    a.in[MSE_WASM_POLICY] = mse_bytes_str("{");
    expect(&a, MSE_ERR_POLICY, 0);
}

static void a_debug_enclave(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    struct lab *l = *state;
    l->attr_flags = MSE_SGX_FLAG_DEBUG;
    lab_evidence(l, &p);
    lab_cert(l);
    struct ask a = good();
    expect(&a, MSE_ERR_DEBUG, 0);
    l->attr_flags = 0;
    lab_evidence(l, &p);
    lab_cert(l);
}

static void times(void **state)
{
    struct ask a = good();
    (void)state;
    a.at = (double)(LAB_NOW + 400 * LAB_DAY);
    json_t *answer = appraise(&a);
    assert_true(json_is_object(json_object_get(answer, "verdict")));
    json_decref(answer);
    const double none[] = { -1.0, (double)NAN, (double)INFINITY, 1e30 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(none); i++) {
        a.at = none[i];
        expect(&a, MSE_ERR_ARGUMENT, 0);
    }
}

static void nothing_that_is_evidence(void **state)
{
    static const char *const others[] = { "", "x", "{}", "{\"version\":1}", "[1]", "HCLA", " {" };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        struct ask a = good();
        a.in[MSE_WASM_EVIDENCE] = mse_bytes_str(others[i]);
        json_t *answer = appraise(&a);
        json_t *verdict = json_object_get(answer, "verdict");
        assert_false(json_is_true(json_object_get(verdict, "accepted")));
        json_decref(answer);
    }
    struct ask a = good();
    a.in[MSE_WASM_EVIDENCE] = mse_bytes_str("{\"version\":1}");
    expect(&a, MSE_ERR_NO_EVIDENCE, 0);
    a = good();
    a.in[MSE_WASM_COLLATERAL] = mse_bytes_str("{");
    expect(&a, MSE_ERR_MALFORMED, 0);
    a.in[MSE_WASM_COLLATERAL] = mse_bytes_of(NULL, 0);
    expect(&a, MSE_ERR_PCK_CRL_MISSING, 0);
}

/* ---- bundles, and nonces ---- */

static void put_json_text(struct mse_build *b, struct mse_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n') {
            mse_wr_str(b, "\\n");
        } else {
            mse_wr_u8(b, text.data[i]);
        }
    }
}

static void put_session(struct mse_build *b, const uint8_t nonce[32])
{
    struct mse_nonce one;
    struct mse_nonce two[2];
    struct mse_nonce_path path;
    struct mse_build evidence;
    uint8_t root[32];
    uint8_t digest[32];
    char hex[65];
    memcpy(one.bytes, nonce, 32);
    memset(two[0].bytes, 0xff, 32); /* somebody else's */
    two[1] = one;
    assert_status(mse_nonces_root(root, two, 2), MSE_OK);
    assert_status(mse_nonces_path(&path, two, 2, 1), MSE_OK);
    assert_status(mse_sha256(digest, mse_bytes_str(MANIFEST)), MSE_OK);
    struct mse_session_words words = { .role = MSE_ROLE_SERVER_FRESH,
                                       .nonce = mse_bytes_of(root, 32),
                                       .manifest_sha256 = mse_bytes_of(digest, 32) };
    memcpy(words.spki_sha256, lab->spki_sha256, 32);
    mse_build_heap(&evidence, MSE_SESSION_EVIDENCE_MAX);
    assert_status(mse_session_evidence_make(&evidence, &words, lab_quote_fn, lab, NULL), MSE_OK);
    char *text = malloc((evidence.len + 2) / 3 * 4 + 1);
    assert_non_null(text);
    mse_base64_encode(text, mse_build_view(&evidence));
    mse_hex_encode(hex, mse_bytes_of(path.hashes[0], 32));
    mse_wr_printf(b, "\"session\":{\"level\":1,\"evidence\":\"");
    mse_wr_str(b, text);
    mse_wr_printf(b, "\",\"audit\":{\"index\":1,\"size\":2,\"path\":[\"%s\"]}},", hex);
    free(text);
    mse_build_clear(&evidence);
}

/* A bundle as the operator's API gives it; nonce NULL: nobody was asked. */
static void make_bundle(struct mse_build *b, const uint8_t *nonce)
{
    struct mse_build pem;
    mse_build_heap(b, (size_t)1024 * 1024);
    mse_build_heap(&pem, 65536);
    mse_ratls_put_pem(&pem, mse_build_view(&lab->cert));
    mse_wr_str(b, "{\"certificates\":\"");
    put_json_text(b, mse_build_view(&pem));
    mse_wr_str(b, "\",\"manifest\":\"" MANIFEST_IN_JSON "\",");
    if (nonce != NULL) {
        put_session(b, nonce);
    }
    assert_int_equal(lab->json.data[0], '{');
    mse_wr_bytes(b, mse_bytes_of(lab->json.data + 1, lab->json.len - 1));
    assert_true(mse_build_ok(b));
    mse_build_clear(&pem);
}

static void a_bundle(void **state)
{
    struct mse_build b;
    struct ask a = good();
    (void)state;
    make_bundle(&b, NULL);
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&b);
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_COLLATERAL] = mse_bytes_of(NULL, 0); /* its own */
    expect(&a, MSE_OK, 0);
    a.in[MSE_WASM_NONCE] = mse_bytes_str("01234567890123456789012345678901");
    expect(&a, MSE_ERR_NOT_FOUND, 0);
    mse_build_clear(&b);
}

static void a_fresh_answer(void **state)
{
    struct mse_build b;
    uint8_t nonce[32];
    struct lab *l = *state;
    struct ask a = good();
    memset(nonce, 0x5a, sizeof nonce);
    make_bundle(&b, nonce);
    a.in[MSE_WASM_COLLATERAL] = mse_bytes_of(NULL, 0);
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&b);
    a.in[MSE_WASM_NONCE] = mse_bytes_of(nonce, sizeof nonce);
    a.in[MSE_WASM_HOST] = mse_bytes_str(LAB_HOST);
    expect(&a, MSE_OK, 1);
    a.in[MSE_WASM_CERTIFICATE] = mse_build_view(&l->cert); /* as a connection presented it */
    expect(&a, MSE_OK, 1);
    a.in[MSE_WASM_HOST] = mse_bytes_str("evil.example.org");
    expect(&a, MSE_ERR_CERTIFICATE_NAME, 0);
    a.in[MSE_WASM_HOST] = mse_bytes_of(NULL, 0);
    a.in[MSE_WASM_NONCE] = mse_bytes_of(nonce, 31);
    expect(&a, MSE_ERR_ARGUMENT, 0);
    nonce[31] ^= 1; /* another answer, kept from before */
    a.in[MSE_WASM_NONCE] = mse_bytes_of(nonce, sizeof nonce);
    expect(&a, MSE_ERR_SESSION_NONCE, 0);
    nonce[31] ^= 1;
    /* The connection has another key than the enclave that answered. */
    struct mse_privkey *own = l->key;
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    assert_status(mse_privkey_generate_p256(&l->key), MSE_OK);
    lab_evidence(l, &p);
    lab_cert(l);
    a.in[MSE_WASM_CERTIFICATE] = mse_build_view(&l->cert);
    expect(&a, MSE_ERR_BINDING, 0);
    mse_privkey_free(l->key);
    l->key = own;
    lab_evidence(l, &p);
    lab_cert(l);
    a = good();
    a.in[MSE_WASM_NONCE] = mse_bytes_of(nonce, sizeof nonce); /* a certificate answers nothing */
    expect(&a, MSE_ERR_MALFORMED, 0);
    a.in[MSE_WASM_EVIDENCE] = mse_build_view(&l->quote);
    expect(&a, MSE_ERR_ARGUMENT, 0);
    mse_build_clear(&b);
}

static void every_cut_and_flip(void **state)
{
    struct mse_build b;
    uint8_t nonce[32] = { 7 };
    struct ask a = good();
    (void)state;
    make_bundle(&b, nonce);
    a.in[MSE_WASM_COLLATERAL] = mse_bytes_of(NULL, 0);
    a.in[MSE_WASM_NONCE] = mse_bytes_of(nonce, sizeof nonce);
    size_t stride = test_stride(211);
    for (size_t i = 0; i < b.len; i += stride) {
        a.in[MSE_WASM_EVIDENCE] = mse_bytes_of(b.data, i);
        json_t *answer = appraise(&a);
        assert_false(json_is_true(json_object_get(json_object_get(answer, "verdict"), "accepted")));
        json_decref(answer);
        a.in[MSE_WASM_EVIDENCE] = mse_build_view(&b);
        b.data[i] ^= 1;
        json_decref(appraise(&a)); /* a member that nobody reads may be flipped */
        b.data[i] ^= 1;
    }
    mse_build_clear(&b);
}

static void rooms(void **state)
{
    struct mse_wasm *w = mse_wasm_new();
    (void)state;
    assert_null(mse_wasm_room(w, MSE_WASM_INPUTS, 1));
    assert_null(mse_wasm_room(w, UINT32_MAX, 1));
    assert_null(mse_wasm_room(w, MSE_WASM_NONCE, 33));
    assert_null(mse_wasm_room(w, MSE_WASM_EVIDENCE, MSE_BUNDLE_MAX_LEN + 1));
    assert_null(mse_wasm_room(w, MSE_WASM_POLICY, SIZE_MAX));
    assert_non_null(mse_wasm_room(w, MSE_WASM_NONCE, 32));
    assert_null(mse_wasm_room(w, MSE_WASM_NONCE, 32)); /* once */
    mse_wasm_free(w);
    mse_wasm_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate),
        cmocka_unit_test(empty_inputs),
        cmocka_unit_test(a_certificate_with_its_ca),
        cmocka_unit_test(a_quote),
        cmocka_unit_test(what_weakens_must_be_said),
        cmocka_unit_test(a_debug_enclave),
        cmocka_unit_test(times),
        cmocka_unit_test(nothing_that_is_evidence),
        cmocka_unit_test(a_bundle),
        cmocka_unit_test(a_fresh_answer),
        cmocka_unit_test(every_cut_and_flip),
        cmocka_unit_test(rooms),
    };
    return cmocka_run_group_tests(tests, setup, lab_teardown);
}
