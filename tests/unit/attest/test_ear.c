/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results: what a verdict becomes, the token read back, and every token that is
 * refused. */
#include "lib/refusal.h"
#include "lib/testlib.h"

#include <mse/ear.h>

#include "base/bytes.h"
#include "base/json_write.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "world.h"

static struct {
    struct mse_build key_pem;
    struct mse_build signer_pem;
    struct mse_privkey *key;
} verifier;

static char token[MSE_EAR_MAX_LEN];
static uint8_t scratch[MSE_EAR_MAX_LEN];
static struct mse_ear ear;

static void make_verifier(void)
{
    uint8_t room[512];
    struct mse_build spki;
    mse_build_fixed(&spki, room, sizeof room);
    mse_build_heap(&verifier.key_pem, 4096);
    mse_build_heap(&verifier.signer_pem, 4096);
    assert_status(mse_privkey_generate_p256(&verifier.key), MSE_OK);
    assert_status(mse_privkey_to_pem(verifier.key, &verifier.key_pem), MSE_OK);
    assert_status(mse_privkey_spki(verifier.key, &spki), MSE_OK);
    mse_pem_write(&verifier.signer_pem, "PUBLIC KEY", mse_build_view(&spki));
}

static int setup(void **state)
{
    make_verifier();
    return world_setup(state);
}

static int teardown(void **state)
{
    mse_privkey_free(verifier.key);
    mse_build_clear(&verifier.key_pem);
    mse_build_clear(&verifier.signer_pem);
    return world_teardown(state);
}

static struct mse_ear_params params(void)
{
    struct mse_ear_params p = { .key_pem = mse_build_view(&verifier.key_pem),
                                .issued_at = WORLD_NOW + 5,
                                .appraised_at = WORLD_NOW };
    return p;
}

static struct mse_ear_check asked(void)
{
    struct mse_ear_check c = { .signer_pem = mse_build_view(&verifier.signer_pem),
                               .at = WORLD_NOW + 10 };
    return c;
}

static mse_status verify_with(const struct mse_ear_check *c)
{
    struct mse_error err = { 0 };
    mse_status st = mse_ear_verify(&ear, scratch, sizeof scratch, mse_bytes_str(token), c, &err);
    assert_status(err.status, st);
    return st;
}

static mse_status verify(void)
{
    struct mse_ear_check c = asked();
    return verify_with(&c);
}

/* The EAR of a verdict, read back. */
static enum mse_ear_tier result_of(const struct mse_verdict *v)
{
    struct mse_ear_params p = params();
    struct mse_ear_vector vector;
    assert_status(mse_verdict_to_ear(token, sizeof token, v, &p, NULL), MSE_OK);
    assert_status(verify(), MSE_OK);
    assert_int_equal(ear.status, mse_ear_vector_of(&vector, v));
    assert_int_equal(ear.num_submods, 1);
    assert_memory_equal(&vector, &ear.submods[0].vector, sizeof vector);
    assert_true(ear.submods[0].has_verdict);
    assert_true(ear.submods[0].accepted == v->accepted);
    assert_true(ear.submods[0].simulated == v->simulated);
    return ear.status;
}

static int8_t claim(enum mse_ear_claim c)
{
    return ear.submods[0].vector.claims[c];
}

/* The world's roots are not compiled in; these are the verdicts of a real platform. */
static enum mse_ear_tier real_result(struct world *w)
{
    (void)world_appraise(w);
    w->verdict.simulated = false;
    return result_of(&w->verdict);
}

static void test_affirming(void **state)
{
    struct world *w = *state;
    assert_int_equal(real_result(w), MSE_EAR_AFFIRMING);
    assert_nothing_waived(&w->verdict);
    static const int8_t want[MSE_EAR_NUM_CLAIMS] = { 0, 2, 2, 0, 2, 2, 0, 0 };
    assert_memory_equal(ear.submods[0].vector.claims, want, sizeof want);
    assert_true(mse_bytes_is_str(ear.submods[0].name, "sgx"));
    assert_int_equal(ear.issued_at, WORLD_NOW + 5);
    assert_true(ear.has_expires_at && ear.expires_at == w->verdict.valid_until);
    assert_true(ear.submods[0].has_fingerprint);
    assert_memory_equal(ear.submods[0].fingerprint, w->body.mr_enclave, 32);
    assert_true(mse_bytes_is_str(ear.developer, "mse"));
    assert_int_equal(ear.nonce.len, 0);
    w->verdict.binding_level = 3;
    assert_int_equal(result_of(&w->verdict), MSE_EAR_AFFIRMING);
    assert_int_equal(claim(MSE_EAR_INSTANCE_IDENTITY), 2);
    assert_int_equal(ear.submods[0].binding_level, 3);
    (void)world_defaults_tdx(state);
    assert_int_equal(real_result(w), MSE_EAR_AFFIRMING);
    assert_true(mse_bytes_is_str(ear.submods[0].name, "tdx"));
}

/* Whoever knows nothing of simulation never takes it for hardware. */
static void test_simulated_is_never_affirming(void **state)
{
    struct world *w = *state;
    assert_status(world_appraise(w), MSE_OK);
    assert_true(w->verdict.simulated);
    assert_int_equal(result_of(&w->verdict), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_HARDWARE), 97);
    assert_true(ear.submods[0].simulated && ear.submods[0].accepted);
}

static void test_refused_is_contraindicated(void **state)
{
    struct world *w = *state;
    w->policy.references[0].mr_enclave[0] ^= 1;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_EXECUTABLES), 33);
    assert_false(ear.has_expires_at);
    (void)world_defaults(state);
    w->policy.num_references = 0;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    (void)world_defaults(state);
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_HARDWARE), 96);
    (void)world_defaults(state);
    w->body.attr_flags |= MSE_SGX_FLAG_DEBUG;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_CONFIGURATION), 96);
    assert_int_equal(claim(MSE_EAR_RUNTIME_OPAQUE), 96);
    (void)world_defaults(state);
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0].len = 16;
    w->policy.allowed_machines[0].id[0] = 77;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_INSTANCE_IDENTITY), 97);
    (void)world_defaults(state);
    assert_status(world_appraise(w), MSE_OK);
    w->verdict.simulated = false;
    w->policy.require_level = 2;
    mse_verdict_set_level(&w->verdict, 0, &w->policy);
    assert_int_equal(result_of(&w->verdict), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_INSTANCE_IDENTITY), 96);
}

static void test_forged_failed_cryptography(void **state)
{
    struct world *w = *state;
    world_make(w);
    w->quote.data[436] ^= 1;
    assert_status(world_judge(w), MSE_ERR_QUOTE_SIGNATURE);
    assert_int_equal(result_of(&w->verdict), MSE_EAR_CONTRAINDICATED);
    for (unsigned i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        assert_int_equal(claim((enum mse_ear_claim)i), 99);
    }
    static struct mse_verdict empty;
    assert_int_equal(result_of(&empty), MSE_EAR_CONTRAINDICATED);
    assert_true(mse_bytes_is_str(ear.submods[0].name, "none"));
}

/* What a policy lets pass against the vendor's advice stays visible. */
static void test_accepted_with_a_warning(void **state)
{
    struct world *w = *state;
    static const struct {
        enum mse_tcb_status status;
        int8_t hardware;
        int8_t configuration;
    } rows[] = {
        { MSE_TCB_SW_HARDENING_NEEDED, 32, 2 },
        { MSE_TCB_CONFIGURATION_NEEDED, 32, 32 },
        { MSE_TCB_OUT_OF_DATE, 32, 2 },
        { MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, 32, 32 },
        { MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED, 32, 32 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        w->policy.accepted_tcb_statuses |= MSE_TCB_BIT(rows[i].status);
        w->policy.insecure_any_advisory = true;
        w->tcb_status = rows[i].status;
        assert_int_equal(real_result(w), MSE_EAR_WARNING);
        assert_true(w->verdict.accepted);
        assert_int_equal(claim(MSE_EAR_HARDWARE), rows[i].hardware);
        assert_int_equal(claim(MSE_EAR_CONFIGURATION), rows[i].configuration);
    }
    (void)world_defaults(state);
    w->policy.allow_debug = true;
    w->body.attr_flags |= MSE_SGX_FLAG_DEBUG;
    assert_int_equal(real_result(w), MSE_EAR_CONTRAINDICATED);
    assert_true(w->verdict.accepted);
    (void)world_defaults(state);
    w->policy.insecure_any_app = true;
    w->policy.num_references = 0;
    assert_int_equal(real_result(w), MSE_EAR_WARNING);
    assert_true(w->verdict.accepted);
    assert_int_equal(claim(MSE_EAR_EXECUTABLES), 33);
}

static void test_snp(void **state)
{
    (void)state;
    static struct mse_verdict v = { .accepted = true, .signatures_ok = true, .tee = MSE_TEE_SNP };
    v.has_fingerprint = true;
    v.fingerprint[31] = 7;
    assert_int_equal(result_of(&v), MSE_EAR_AFFIRMING);
    assert_true(mse_bytes_is_str(ear.submods[0].name, "snp"));
    assert_memory_equal(ear.submods[0].fingerprint, v.fingerprint, 32);
    assert_false(ear.has_expires_at);
}

static void test_everything_that_can_be_told(void **state)
{
    struct world *w = *state;
    struct mse_ear_params p = params();
    struct mse_ear_check c = asked();
    uint8_t digest[32];
    (void)world_appraise(w);
    p.nonce = "0123-_Az";
    p.policy_id = "our policy";
    p.developer = "https://verifier.example";
    p.host = "app.example";
    p.evidence = mse_build_view(&w->quote);
    p.certificate = mse_bytes_str("certificate");
    p.expires_at = WORLD_NOW + 100;
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_OK);
    c.nonce = "0123-_Az";
    assert_status(verify_with(&c), MSE_OK);
    assert_true(mse_bytes_is_str(ear.nonce, "0123-_Az"));
    assert_true(mse_bytes_is_str(ear.submods[0].policy_id, "our policy"));
    assert_true(mse_bytes_is_str(ear.developer, "https://verifier.example"));
    assert_true(mse_bytes_is_str(ear.submods[0].host, "app.example"));
    assert_true(ear.submods[0].has_evidence_sha256 && ear.submods[0].has_certificate_sha256);
    assert_status(mse_sha256(digest, p.evidence), MSE_OK);
    assert_memory_equal(ear.submods[0].evidence_sha256, digest, 32);
    assert_status(mse_sha256(digest, p.certificate), MSE_OK);
    assert_memory_equal(ear.submods[0].certificate_sha256, digest, 32);
    assert_int_equal(ear.expires_at, WORLD_NOW + 100);
}

static void test_parameters_are_checked(void **state)
{
    struct world *w = *state;
    struct mse_ear_params p = params();
    struct mse_error err = { 0 };
    (void)world_appraise(w);
    static const char *const nonces[] = { "", "short12", "with space", "with\"quote", "plus+plus" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(nonces); i++) {
        p.nonce = nonces[i];
        assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL),
                      MSE_ERR_ARGUMENT);
    }
    char long_nonce[90];
    memset(long_nonce, 'a', 89);
    long_nonce[89] = '\0';
    p.nonce = long_nonce;
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_ERR_ARGUMENT);
    p.nonce = long_nonce + 1;
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_OK);
    p.key_pem = mse_bytes_str("no key");
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, &err),
                  MSE_ERR_MALFORMED);
    struct mse_privkey *rsa = NULL;
    struct mse_build pem;
    mse_build_heap(&pem, 8192);
    assert_status(mse_privkey_generate_rsa3072_e3(&rsa), MSE_OK);
    assert_status(mse_privkey_to_pem(rsa, &pem), MSE_OK);
    p.key_pem = mse_build_view(&pem);
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL),
                  MSE_ERR_UNSUPPORTED_ALGORITHM);
    mse_privkey_free(rsa);
    mse_build_clear(&pem);
}

/* No size but those that hold all of it makes a token, and none is overrun. */
static void test_room(void **state)
{
    struct world *w = *state;
    struct mse_ear_params p = params();
    (void)world_appraise(w);
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_OK);
    const size_t len = strlen(token);
    for (size_t cap = 0; cap <= len + 1; cap += cap + 200 < len ? 97 : 1) {
        memset(token, 'x', sizeof token);
        mse_status st = mse_verdict_to_ear(token, cap, &w->verdict, &p, NULL);
        assert_status(st, cap <= len ? MSE_ERR_NO_SPACE : MSE_OK);
        for (size_t i = cap; i < cap + 64; i++) {
            assert_int_equal(token[i], 'x');
        }
    }
    assert_status(verify(), MSE_OK);
    struct mse_ear_check c = asked();
    assert_status(mse_ear_verify(&ear, scratch, len - 1, mse_bytes_str(token), &c, NULL),
                  MSE_ERR_NO_SPACE);
    /* The largest verdict fits the documented size. */
    static struct mse_verdict large;
    large = w->verdict;
    large.num_dates = MSE_MAX_DATES;
    for (size_t i = 0; i < MSE_MAX_DATES; i++) {
        large.dates[i].what = "pck_crl_issuer_certificate";
    }
    while (large.num_checks < MSE_MAX_CHECKS) {
        struct mse_check k = { .step = MSE_STEP_EVALUATION_NUMBER,
                               .status = MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET,
                               .policy_key = "allow_mixed_evaluation_numbers" };
        memset(k.seen, 'm', sizeof k.seen - 1);
        memset(k.wanted, 'w', sizeof k.wanted - 1);
        large.checks[large.num_checks++] = k;
    }
    mse_verdict_add(&large, MSE_STEP_FORM, MSE_ERR_MALFORMED, NULL, NULL, NULL);
    assert_int_equal(result_of(&large), MSE_EAR_CONTRAINDICATED);
}

/* A session that fails says nothing of the hardware. */
static void test_failed_session_is_no_hardware(void **state)
{
    struct world *w = *state;
    assert_int_equal(real_result(w), MSE_EAR_AFFIRMING);
    mse_verdict_add(&w->verdict, MSE_STEP_SESSION, MSE_ERR_SESSION_NONCE, "a", "b", NULL);
    assert_int_equal(result_of(&w->verdict), MSE_EAR_CONTRAINDICATED);
    assert_int_equal(claim(MSE_EAR_HARDWARE), 2);
    assert_int_equal(claim(MSE_EAR_INSTANCE_IDENTITY), 96);
}

/* Tokens of other makers, of any content. */

static void append(char *text, const char *more)
{
    memcpy(text + strlen(text), more, strlen(more) + 1);
}

static void sign_token(const char *header, const char *payload)
{
    uint8_t sig[64];
    mse_base64url_encode(token, mse_bytes_str(header));
    append(token, ".");
    mse_base64url_encode(token + strlen(token), mse_bytes_str(payload));
    assert_status(mse_p256_sign(verifier.key, sig, mse_bytes_str(token)), MSE_OK);
    append(token, ".");
    mse_base64url_encode(token + strlen(token), mse_bytes_of(sig, sizeof sig));
}

#define HEADER  "{\"alg\":\"ES256\"}"
#define PROFILE "\"eat_profile\":\"tag:github.com,2023:veraison/ear\""
#define SUBMODS "\"submods\":{\"a\":{\"ear.status\":\"affirming\"}}"

static void test_of_another_maker(void **state)
{
    (void)state;
    sign_token("{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"k\"}",
               "{" PROFILE ",\"iat\":1666529184,\"ear.verifier-id\":{\"developer\":\"d\",\"build\":"
               "\"b\",\"x\":[]},\"nbf\":1666529185,\"ear.raw-evidence\":\"AAAA\",\"submods\":{"
               "\"a\":{\"ear.status\":\"warning\",\"ear.trustworthiness-vector\":{\"hardware\":32,"
               "\"executables\":-1,\"file-system\":-32},\"x\":{}},"
               "\"b\":{\"ear.status\":\"none\",\"ear.appraisal-policy-id\":\"p\"}}}");
    assert_status(verify(), MSE_OK);
    assert_int_equal(ear.status, MSE_EAR_WARNING);
    assert_int_equal(ear.num_submods, 2);
    assert_int_equal(ear.submods[0].vector.claims[MSE_EAR_EXECUTABLES], -1);
    assert_int_equal(ear.submods[0].vector.claims[MSE_EAR_FILE_SYSTEM], -32);
    assert_int_equal(ear.submods[1].status, MSE_EAR_NONE);
    assert_false(ear.submods[0].has_verdict || ear.has_expires_at);
    assert_true(mse_bytes_is_str(ear.build, "b") &&
                mse_bytes_is_str(ear.submods[1].policy_id, "p"));
    sign_token(HEADER, "{" PROFILE ",\"iat\":1," SUBMODS "}");
    append(token, " \r\n\t\n");
    assert_status(verify(), MSE_OK);
    assert_status(mse_ear_read(&ear, scratch, sizeof scratch, mse_bytes_str(token), NULL), MSE_OK);
}

static void test_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        mse_status want;
    } rows[] = {
        { "{\"alg\":\"none\"}", MSE_ERR_UNSUPPORTED_ALGORITHM },
        { "{\"alg\":\"HS256\"}", MSE_ERR_UNSUPPORTED_ALGORITHM },
        { "{\"alg\":\"ES384\"}", MSE_ERR_UNSUPPORTED_ALGORITHM },
        { "{}", MSE_ERR_UNSUPPORTED_ALGORITHM },
        { "{\"alg\":\"ES256\",\"alg\":\"none\"}", MSE_ERR_MALFORMED },
        { "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", MSE_ERR_MALFORMED },
        { "{\"alg\":\"ES256\",\"b64\":false}", MSE_ERR_MALFORMED },
        { "{\"alg\":7}", MSE_ERR_MALFORMED },
        { "[]", MSE_ERR_MALFORMED },
        { "{\"alg\":\"ES256\"}x", MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        sign_token(rows[i].header, "{" PROFILE ",\"iat\":1," SUBMODS "}");
        assert_status(verify(), rows[i].want);
        assert_status(mse_ear_read(&ear, scratch, sizeof scratch, mse_bytes_str(token), NULL),
                      rows[i].want);
    }
}

static void test_payloads_are_refused(void **state)
{
    (void)state;
    static const char verdict[] = "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":"
                                  "\"affirming\",\"mse.verdict\":%s}}}";
    static const struct {
        const char *payload;
        mse_status want;
    } rows[] = {
        { "{\"iat\":1," SUBMODS "}", MSE_ERR_EAR_PROFILE },
        { "{\"eat_profile\":\"tag:other\",\"iat\":1," SUBMODS "}", MSE_ERR_EAR_PROFILE },
        { "{" PROFILE "," SUBMODS "}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{}}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"mse.verdict\":{\"accepted\":",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":[]}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{}}}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"iat\":1," SUBMODS "}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":-1," SUBMODS "}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1.5," SUBMODS "}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"exp\":\"2\"," SUBMODS "}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1," SUBMODS "}{}", MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"fine\"}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":2}}}", MSE_ERR_MALFORMED },
        /* better than its vector */
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\","
          "\"ear.trustworthiness-vector\":{\"hardware\":32}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"warning\","
          "\"ear.trustworthiness-vector\":{\"hardware\":-97}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\","
          "\"ear.trustworthiness-vector\":{\"hardware\":128}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"contraindicated\","
          "\"ear.trustworthiness-vector\":{\"hardware\":-129}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\","
          "\"ear.trustworthiness-vector\":{\"hardware\":\"2\"}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\","
          "\"ear.trustworthiness-vector\":{\"luck\":2}}}}",
          MSE_ERR_MALFORMED },
        { "{" PROFILE ",\"iat\":1,\"submods\":{\"a\":{\"ear.status\":\"affirming\","
          "\"mse.evidence-sha256\":\"00\"}}}",
          MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        sign_token(HEADER, rows[i].payload);
        assert_status(verify(), rows[i].want);
    }
    static const char *const verdicts[] = {
        "7",
        "{}",
        "{\"accepted\":true}",
        "{\"accepted\":false,\"simulated\":false}",
        "{\"accepted\":true,\"simulated\":false,\"measurements\":{\"fingerprint\":\"00\"}}",
        "{\"accepted\":true,\"accepted\":true,\"simulated\":false}",
        "{\"accepted\":true,\"simulated\":false,\"binding_level\":256}",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(verdicts); i++) {
        char payload[512];
        (void)snprintf(payload, sizeof payload, verdict, verdicts[i]);
        sign_token(HEADER, payload);
        assert_status(verify(), MSE_ERR_MALFORMED);
    }
    char many[1024] = "{" PROFILE ",\"iat\":1,\"submods\":{";
    for (unsigned i = 0; i <= MSE_EAR_MAX_SUBMODS; i++) {
        char one[64];
        (void)snprintf(one, sizeof one, "%s\"s%u\":{\"ear.status\":\"none\"}", i > 0 ? "," : "", i);
        append(many, one);
    }
    append(many, "}}");
    sign_token(HEADER, many);
    assert_status(verify(), MSE_ERR_MALFORMED);
}

static void test_signer_dates_nonce(void **state)
{
    struct world *w = *state;
    struct mse_ear_params p = params();
    struct mse_ear_check c = asked();
    (void)world_appraise(w);
    p.nonce = "nonce-of-mine";
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_OK);
    c.nonce = "nonce-of-min";
    assert_status(verify_with(&c), MSE_ERR_EAR_NONCE);
    c.nonce = "nonce-of-mine";
    assert_status(verify_with(&c), MSE_OK);
    c.at = WORLD_NOW + 4;
    assert_status(verify_with(&c), MSE_ERR_EAR_NOT_YET_VALID);
    c.at = w->verdict.valid_until;
    assert_status(verify_with(&c), MSE_OK);
    c.at++;
    assert_status(verify_with(&c), MSE_ERR_EAR_EXPIRED);
    c = asked();
    c.signer_pem = mse_bytes_str("-----BEGIN PUBLIC KEY-----\n");
    assert_status(verify_with(&c), MSE_ERR_MALFORMED);
    struct mse_build two;
    mse_build_heap(&two, 8192);
    mse_wr_bytes(&two, mse_build_view(&verifier.signer_pem));
    mse_wr_bytes(&two, mse_build_view(&verifier.signer_pem));
    c.signer_pem = mse_build_view(&two);
    assert_status(verify_with(&c), MSE_ERR_MALFORMED); /* which of them? */
    mse_build_reset(&two);
    uint8_t room[1024];
    struct mse_build spki;
    mse_build_fixed(&spki, room, sizeof room);
    assert_status(mse_privkey_spki(w->keys[WORLD_KEY_OTHER], &spki), MSE_OK);
    mse_pem_write(&two, "PUBLIC KEY", mse_build_view(&spki));
    c.signer_pem = mse_build_view(&two);
    assert_status(verify_with(&c), MSE_ERR_SIGNATURE);
    struct mse_privkey *rsa = NULL;
    assert_status(mse_privkey_generate_rsa3072_e3(&rsa), MSE_OK);
    mse_build_reset(&two);
    mse_build_reset(&spki);
    assert_status(mse_privkey_spki(rsa, &spki), MSE_OK);
    mse_pem_write(&two, "PUBLIC KEY", mse_build_view(&spki));
    c.signer_pem = mse_build_view(&two);
    assert_status(verify_with(&c), MSE_ERR_UNSUPPORTED_ALGORITHM);
    mse_privkey_free(rsa);
    mse_build_clear(&two);
    /* "nbf" counts beside "iat". */
    sign_token(HEADER, "{" PROFILE ",\"iat\":1,\"nbf\":9999999999," SUBMODS "}");
    assert_status(verify(), MSE_ERR_EAR_NOT_YET_VALID);
}

static void test_cut_flipped_appended(void **state)
{
    struct world *w = *state;
    struct mse_ear_params p = params();
    struct mse_ear_check c = asked();
    (void)world_appraise(w);
    assert_status(mse_verdict_to_ear(token, sizeof token, &w->verdict, &p, NULL), MSE_OK);
    const size_t len = strlen(token);
    for (size_t cut = 0; cut < len; cut += cut + 100 < len && cut > 100 ? 53 : 1) {
        assert_true(mse_ear_verify(&ear, scratch, sizeof scratch,
                                   mse_bytes_of((const uint8_t *)token, cut), &c, NULL) != MSE_OK);
    }
    for (size_t i = 0; i < len; i += 29) {
        token[i] ^= 1;
        assert_true(verify() != MSE_OK);
        token[i] ^= 1;
    }
    append(token, "A");
    assert_status(verify(), MSE_ERR_MALFORMED);
    token[len] = '.';
    assert_status(verify(), MSE_ERR_MALFORMED);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(mse_ear_tier_name((enum mse_ear_tier)9), "unknown");
    assert_string_equal(mse_ear_claim_name(MSE_EAR_NUM_CLAIMS), "unknown");
    static const int8_t edges[] = { -128, -97, -96, -33, -32, -2, -1, 1, 2, 31, 32, 95, 96, 127 };
    static const enum mse_ear_tier want[] = {
        MSE_EAR_CONTRAINDICATED, MSE_EAR_CONTRAINDICATED, MSE_EAR_WARNING, MSE_EAR_WARNING,
        MSE_EAR_AFFIRMING,       MSE_EAR_AFFIRMING,       MSE_EAR_NONE,    MSE_EAR_NONE,
        MSE_EAR_AFFIRMING,       MSE_EAR_AFFIRMING,       MSE_EAR_WARNING, MSE_EAR_WARNING,
        MSE_EAR_CONTRAINDICATED, MSE_EAR_CONTRAINDICATED,
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(edges); i++) {
        assert_int_equal(mse_ear_tier_of(edges[i]), want[i]);
    }
}

#define T(f) cmocka_unit_test_setup(f, world_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_affirming),
        T(test_simulated_is_never_affirming),
        T(test_refused_is_contraindicated),
        T(test_forged_failed_cryptography),
        T(test_accepted_with_a_warning),
        T(test_snp),
        T(test_everything_that_can_be_told),
        T(test_parameters_are_checked),
        T(test_room),
        T(test_of_another_maker),
        T(test_headers_are_refused),
        T(test_payloads_are_refused),
        T(test_failed_session_is_no_hardware),
        T(test_signer_dates_nonce),
        T(test_cut_flipped_appended),
        T(test_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
