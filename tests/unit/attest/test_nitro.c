/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Nitro: every refusal by its exact status, on documents that the test signs itself. */
#include "crypto/x509.h"
#include "lib/refusal.h"
#include "lib/testlib.h"
#include "nitro_world.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"

static void want(struct nitro_world *w, mse_status st)
{
    mse_status got = nitro_appraise(w);
    if (got != st && !nitro_failed_with(w, st)) {
        fail_msg("%s, wanted %s: %s", mse_status_name(got), mse_status_name(st), w->err.text);
    }
    assert_false(w->verdict.accepted);
}

static void accepts(struct nitro_world *w)
{
    mse_status got = nitro_appraise(w);
    if (got != MSE_OK) {
        fail_msg("%s: %s", mse_status_name(got), w->err.text);
    }
    assert_true(w->verdict.accepted);
}

/* Only what w->payload says: the form of a document, as the parser alone sees it. */
static void want_form(struct nitro_world *w, mse_status st)
{
    struct mse_nitro_doc d;
    struct mse_error err = { .status = MSE_OK };
    nitro_sign(w);
    mse_status got = mse_nitro_doc_parse(&d, mse_build_view(&w->document), &err);
    if (got != st) {
        fail_msg("%s, wanted %s: %s", mse_status_name(got), mse_status_name(st), err.text);
    }
}

/* The six members that must be there; the caller has opened the map. */
static void put_required(struct nitro_world *w)
{
    nitro_put_text(w, "module_id", "i-1");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 1);
    nitro_put_certificates(w, 1);
}

static void begin(struct nitro_world *w, size_t members)
{
    mse_build_reset(&w->payload);
    nitro_open(w, MSE_CBOR_MAP, members);
}

static void test_accepts(void **state)
{
    struct nitro_world *w = *state;
    uint8_t nonce[32];
    accepts(w);
    assert_true(w->verdict.simulated && w->verdict.signatures_ok && !w->verdict.debug);
    assert_string_equal(w->verdict.nitro.module_id, "i-0123-enc0123");
    assert_int_equal(w->verdict.nitro.timestamp_ms, w->timestamp_ms);
    assert_int_equal(w->verdict.nitro.pcrs[3].value[0], 0x13);
    assert_int_equal(w->verdict.nitro.pcrs[16].len, 0);
    assert_false(w->verdict.nitro.public_key.present);
    assert_int_equal(w->verdict.nitro.user_data.len, 9);
    assert_false(w->verdict.nitro.nonce_checked);
    assert_int_equal(w->verdict.valid_until, NITRO_NOW + 3600);
    w->tagged = true;
    accepts(w);
    w->policy.references[0].has_nonce = true;
    assert_status(mse_sha256(nonce, w->nonce), MSE_OK);
    memcpy(w->policy.references[0].nonce, nonce, 32);
    accepts(w);
    assert_true(w->verdict.nitro.nonce_checked);
}

static void test_indefinite_maps(void **state)
{
    struct nitro_world *w = *state;
    w->indefinite = true;
    accepts(w);
    /* Without the break, and with one too many. */
    w->payload.len--;
    want_form(w, MSE_ERR_MALFORMED);
    mse_wr_u8(&w->payload, 0xff);
    want_form(w, MSE_OK);
    mse_wr_u8(&w->payload, 0xff);
    want_form(w, MSE_ERR_MALFORMED);
}

static void test_indefinite_strings_and_arrays_around(void **state)
{
    struct nitro_world *w = *state;
    static const uint8_t chunked[] = { 0x5f, 0x41, 0x01, 0xff };
    nitro_make(w);
    begin(w, 7);
    put_required(w);
    mse_cborw_text(&w->payload, "user_data");
    mse_wr_copy(&w->payload, chunked, sizeof chunked);
    want_form(w, MSE_ERR_MALFORMED);
    /* The array of COSE_Sign1 itself has its four entries. */
    nitro_make(w);
    w->document.data[0] = 0x9f;
    mse_wr_u8(&w->document, 0xff);
    assert_status(nitro_judge(w), MSE_ERR_MALFORMED);
}

static void test_sign1_form(void **state)
{
    struct nitro_world *w = *state;
    uint8_t copy[16];
    nitro_make(w);
    /* Behind the head of four: 44 a1 01 38 22, then a0. */
    memcpy(copy, w->document.data, sizeof copy);
    static const struct {
        size_t at;
        uint8_t value;
        mse_status status;
    } cases[] = {
        { 0, 0x83, MSE_ERR_MALFORMED },
        { 0, 0x85, MSE_ERR_MALFORMED },
        { 1, 0x64, MSE_ERR_MALFORMED },
        { 2, 0xa0, MSE_ERR_MALFORMED },
        { 2, 0xa2, MSE_ERR_MALFORMED },
        { 3, 0x02, MSE_ERR_MALFORMED },
        { 4, 0x18, MSE_ERR_UNSUPPORTED_ALGORITHM },
        { 5, 0x23, MSE_ERR_UNSUPPORTED_ALGORITHM },
        { 6, 0xa1, MSE_ERR_MALFORMED },
        { 6, 0xf6, MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        memcpy(w->document.data, copy, sizeof copy);
        w->document.data[cases[i].at] = cases[i].value;
        assert_status(nitro_judge(w), cases[i].status);
    }
    memcpy(w->document.data, copy, sizeof copy);
    mse_wr_u8(&w->document, 0);
    assert_status(nitro_judge(w), MSE_ERR_MALFORMED);
    w->tagged = true;
    nitro_make(w);
    w->document.data[0] = 0xd1; /* tag 17 */
    assert_status(nitro_judge(w), MSE_ERR_MALFORMED);
    w->tagged = false;
    w->alg = 6; /* ES256 */
    want(w, MSE_ERR_UNSUPPORTED_ALGORITHM);
}

static void test_members_required_and_known(void **state)
{
    struct nitro_world *w = *state;
    nitro_make(w);
    begin(w, 6);
    put_required(w);
    want_form(w, MSE_OK); /* the other three may be left out */
    for (size_t missing = 0; missing < 5; missing++) {
        begin(w, missing == 4 ? 4 : 5);
        if (missing != 0) {
            nitro_put_text(w, "module_id", "i-1");
        }
        if (missing != 1) {
            nitro_put_text(w, "digest", "SHA384");
        }
        if (missing != 2) {
            nitro_put_timestamp(w);
        }
        if (missing != 3) {
            nitro_put_pcrs(w, 1);
        }
        if (missing != 4) {
            nitro_put_certificates(w, 1);
        }
        want_form(w, MSE_ERR_MALFORMED);
    }
    begin(w, 7);
    put_required(w);
    nitro_put_text(w, "extra", "x");
    want_form(w, MSE_ERR_MALFORMED);
    begin(w, 7);
    put_required(w);
    mse_cborw_uint(&w->payload, 1); /* a key that is no text */
    mse_cborw_uint(&w->payload, 1);
    want_form(w, MSE_ERR_MALFORMED);
}

static void test_duplicate_keys(void **state)
{
    struct nitro_world *w = *state;
    nitro_make(w);
    begin(w, 7);
    put_required(w);
    nitro_put_text(w, "module_id", "i-2");
    want_form(w, MSE_ERR_MALFORMED);
    begin(w, 8);
    put_required(w);
    nitro_put_data(w, "nonce", mse_bytes_of(NULL, 0));
    nitro_put_data(w, "nonce", mse_bytes_str("x"));
    want_form(w, MSE_ERR_MALFORMED);
    /* Two PCR0s, one of them with a longer head. */
    begin(w, 1);
    mse_cborw_text(&w->payload, "pcrs");
    mse_cborw_map(&w->payload, 2);
    mse_wr_u8(&w->payload, 0x00);
    mse_cborw_bytes(&w->payload, mse_bytes_of(w->pcrs[0], 48));
    mse_wr_u8(&w->payload, 0x18);
    mse_wr_u8(&w->payload, 0x00);
    mse_cborw_bytes(&w->payload, mse_bytes_of(w->pcrs[1], 48));
    want_form(w, MSE_ERR_MALFORMED);
}

static void one_pcr(struct nitro_world *w, uint64_t index, size_t len, mse_status st)
{
    uint8_t value[80] = { 1 };
    begin(w, 6);
    nitro_put_text(w, "module_id", "i-1");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_certificates(w, 1);
    mse_cborw_text(&w->payload, "pcrs");
    nitro_open(w, MSE_CBOR_MAP, 1);
    mse_cborw_uint(&w->payload, index);
    mse_cborw_bytes(&w->payload, mse_bytes_of(value, len));
    nitro_close(w);
    nitro_close(w);
    /* certificate and cabundle count two: five calls, six members */
    want_form(w, st);
}

static void test_limits(void **state)
{
    struct nitro_world *w = *state;
    static uint8_t data[MSE_NITRO_MAX_DATA + 1];
    nitro_make(w);
    one_pcr(w, 31, 32, MSE_OK);
    one_pcr(w, 0, 64, MSE_OK);
    one_pcr(w, 32, 48, MSE_ERR_MALFORMED);
    one_pcr(w, UINT64_MAX, 48, MSE_ERR_MALFORMED);
    one_pcr(w, 0, 0, MSE_ERR_MALFORMED);
    one_pcr(w, 0, 47, MSE_ERR_MALFORMED);
    one_pcr(w, 0, 49, MSE_ERR_MALFORMED);
    static const char *const keys[] = { "public_key", "user_data", "nonce" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(keys); i++) {
        for (size_t len = MSE_NITRO_MAX_DATA; len <= MSE_NITRO_MAX_DATA + 1; len++) {
            begin(w, 7);
            put_required(w);
            nitro_put_data(w, keys[i], mse_bytes_of(data, len));
            want_form(w, len <= MSE_NITRO_MAX_DATA ? MSE_OK : MSE_ERR_MALFORMED);
        }
        begin(w, 7);
        put_required(w);
        nitro_put_data(w, keys[i], mse_bytes_of(data, 0));
        want_form(w, i == 0 ? MSE_ERR_MALFORMED : MSE_OK); /* an empty key is none */
        begin(w, 7);
        put_required(w);
        mse_cborw_text(&w->payload, keys[i]);
        mse_cborw_simple(&w->payload, MSE_CBOR_FALSE);
        want_form(w, MSE_ERR_MALFORMED);
    }
}

/* A bundle that is no array, and a protected header that ends in the middle of its value. */
static void test_other_types(void **state)
{
    struct nitro_world *w = *state;
    static const uint8_t header[] = { 0xa1, 0x01, 0x38, 0x22 };
    nitro_make(w);
    begin(w, 6);
    nitro_put_text(w, "module_id", "i-1");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 1);
    mse_cborw_text(&w->payload, "certificate");
    mse_cborw_bytes(&w->payload, mse_build_view(&w->der[NITRO_LEAF]));
    mse_cborw_text(&w->payload, "cabundle");
    mse_cborw_simple(&w->payload, MSE_CBOR_FALSE);
    want_form(w, MSE_ERR_MALFORMED);
    nitro_make(w);
    uint8_t *at = memmem(w->document.data, w->document.len, header, sizeof header);
    assert_non_null(at);
    at[2] = 0x39; /* of two octets */
    assert_int_not_equal(nitro_judge(w), MSE_OK);
    assert_true(nitro_failed_with(w, MSE_ERR_MALFORMED));
}

/* The two forms in which a policy names a simulated root, of a root whose key is no P-256 key. */
static void test_simulation_root(void **state)
{
    struct nitro_world *w = *state;
    struct mse_build pem;
    struct mse_error err = { .status = MSE_OK };
    uint8_t point[64];
    uint8_t digest[32];
    nitro_make(w);
    mse_build_heap(&pem, 8192);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&w->der[NITRO_ROOT]));
    assert_status(mse_simulation_root_of_pem(point, mse_build_view(&pem), &err), MSE_ERR_MALFORMED);
    assert_non_null(strstr(err.text, "P-256"));
    assert_status(mse_simulation_root_sha256_of_pem(digest, mse_build_view(&pem), NULL), MSE_OK);
    assert_memory_equal(digest, w->policy.simulation_root_sha256, 32);
    assert_status(mse_simulation_root_sha256_of_pem(digest, mse_bytes_str("no PEM"), NULL),
                  MSE_ERR_MALFORMED);
    mse_build_clear(&pem);
}

static void with_text(struct nitro_world *w, const char *module, const char *digest, mse_status st)
{
    begin(w, 6);
    nitro_put_text(w, "module_id", module);
    nitro_put_text(w, "digest", digest);
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 1);
    nitro_put_certificates(w, 1);
    want_form(w, st);
}

static void test_texts_and_time(void **state)
{
    struct nitro_world *w = *state;
    char module[MSE_NITRO_MAX_MODULE + 2];
    nitro_make(w);
    with_text(w, "", "SHA384", MSE_ERR_MALFORMED);
    with_text(w, "i", "SHA256", MSE_ERR_UNSUPPORTED_ALGORITHM);
    memset(module, 'm', sizeof module);
    module[MSE_NITRO_MAX_MODULE] = '\0';
    with_text(w, module, "SHA384", MSE_OK);
    module[MSE_NITRO_MAX_MODULE] = 'm';
    module[MSE_NITRO_MAX_MODULE + 1] = '\0';
    with_text(w, module, "SHA384", MSE_ERR_MALFORMED);
    w->timestamp_ms = 0;
    with_text(w, "i", "SHA384", MSE_ERR_MALFORMED);
    w->timestamp_ms = UINT64_MAX;
    with_text(w, "i", "SHA384", MSE_ERR_MALFORMED);
}

static void test_unbounded_vectors(void **state)
{
    struct nitro_world *w = *state;
    nitro_make(w);
    for (unsigned indefinite = 0; indefinite < 2; indefinite++) {
        static const struct {
            size_t pcrs;
            size_t certs;
            mse_status status;
        } cases[] = {
            { 32, MSE_NITRO_MAX_CABUNDLE, MSE_OK },
            { 33, 1, MSE_ERR_MALFORMED },
            { 0, 1, MSE_ERR_MALFORMED },
            { 1, 0, MSE_ERR_MALFORMED },
            { 1, MSE_NITRO_MAX_CABUNDLE + 1, MSE_ERR_MALFORMED },
        };
        w->indefinite = indefinite == 1;
        for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
            begin(w, 6);
            nitro_put_text(w, "module_id", "i-1");
            nitro_put_text(w, "digest", "SHA384");
            nitro_put_timestamp(w);
            nitro_put_pcrs(w, cases[i].pcrs);
            nitro_put_certificates(w, cases[i].certs);
            nitro_close(w);
            want_form(w, cases[i].status);
        }
    }
    /* A document that is too long, and certificates that are. */
    static uint8_t big[MSE_NITRO_DOC_MAX_LEN + 1] = { 0x84 };
    struct mse_nitro_doc d;
    assert_status(mse_nitro_doc_parse(&d, mse_bytes_of(big, sizeof big), NULL), MSE_ERR_MALFORMED);
    mse_wr_zeros(&w->der[NITRO_LEAF], MSE_NITRO_MAX_CERT);
    begin(w, 6);
    put_required(w);
    nitro_close(w);
    want_form(w, MSE_ERR_MALFORMED);
}

/* Heads that promise more than is there, and levels without end. */
static void test_cbor_bombs(void **state)
{
    struct nitro_world *w = *state;
    static const uint8_t heads[][9] = {
        { 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, /* a map of 2^64 - 1 */
        { 0xba, 0x7f, 0xff, 0xff, 0xff },
        { 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
        { 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(heads); i++) {
        mse_build_reset(&w->payload);
        mse_wr_copy(&w->payload, heads[i], sizeof heads[i]);
        want_form(w, MSE_ERR_MALFORMED);
    }
    static const uint8_t levels[] = { 0x81, 0x9f, 0xbf, 0xc1, 0xa1 };
    for (size_t i = 0; i < sizeof levels; i++) {
        mse_build_reset(&w->payload);
        for (size_t k = 0; k < 8000; k++) {
            mse_wr_u8(&w->payload, levels[i]);
        }
        want_form(w, MSE_ERR_MALFORMED);
        mse_build_reset(&w->document);
        mse_wr_bytes(&w->document, mse_build_view(&w->payload));
        assert_status(nitro_judge(w), MSE_ERR_MALFORMED);
    }
}

static void test_chain(void **state)
{
    struct nitro_world *w = *state;
    const struct nitro_cert_knobs saved[NITRO_NUM_CERTS] = { w->certs[0], w->certs[1], w->certs[2],
                                                             w->certs[3] };
    static const struct {
        enum nitro_cert which;
        struct nitro_cert_knobs k; /* what is set replaces the default */
    } cases[] = {
        { NITRO_LEAF, { .issuer = "region" } },
        { NITRO_INSTANCE, { .subject = "someone" } },
        { NITRO_ROOT, { .issuer = "region" } },
        { NITRO_LEAF, { .constraints = "critical,CA:TRUE" } },
        { NITRO_LEAF, { .usage = "keyAgreement" } },
        { NITRO_INSTANCE, { .constraints = "critical,CA:FALSE" } },
        { NITRO_INSTANCE, { .usage = "critical,digitalSignature" } },
        { NITRO_ROOT, { .usage = "critical,digitalSignature" } },
        { NITRO_INSTANCE, { .unknown = "critical,requireExplicitPolicy:3" } },
        { NITRO_LEAF, { .unknown = "critical,requireExplicitPolicy:3" } },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct nitro_cert_knobs *k = &w->certs[cases[i].which];
        const struct nitro_cert_knobs *n = &cases[i].k;
        k->issuer = n->issuer != NULL ? n->issuer : k->issuer;
        k->subject = n->subject != NULL ? n->subject : k->subject;
        k->constraints = n->constraints != NULL ? n->constraints : k->constraints;
        k->usage = n->usage != NULL ? n->usage : k->usage;
        k->unknown = n->unknown;
        want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
        for (size_t c = 0; c < NITRO_NUM_CERTS; c++) {
            w->certs[c] = saved[c];
        }
    }
    for (unsigned c = NITRO_ROOT; c <= NITRO_LEAF; c++) {
        w->certs[c].usage = NULL;
        want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
        w->certs[c] = saved[c];
        w->certs[c].signer = c == NITRO_LEAF ? NITRO_REGION : NITRO_LEAF;
        want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
        w->certs[c] = saved[c];
    }
    w->certs[NITRO_LEAF].constraints = NULL; /* need not say that it is no authority */
    accepts(w);
    w->leaf_is_p256 = true;
    want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
    assert_true(nitro_failed_with(w, MSE_ERR_COSE_SIGNATURE));
}

static void test_path_length(void **state)
{
    struct nitro_world *w = *state;
    w->certs[NITRO_REGION].constraints = "critical,CA:TRUE,pathlen:0";
    want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
    w->certs[NITRO_REGION].constraints = "critical,CA:TRUE";
    w->certs[NITRO_ROOT].constraints = "critical,CA:TRUE,pathlen:1";
    want(w, MSE_ERR_NITRO_CERTIFICATE_CHAIN);
    w->certs[NITRO_ROOT].constraints = "critical,CA:TRUE,pathlen:2";
    accepts(w);
}

/* Every bundle but the right one, root first. */
static void test_order_of_the_bundle(void **state)
{
    struct nitro_world *w = *state;
    nitro_make(w);
    struct mse_build root = w->der[NITRO_ROOT];
    w->der[NITRO_ROOT] = w->der[NITRO_INSTANCE];
    w->der[NITRO_INSTANCE] = root;
    begin(w, 6);
    nitro_put_text(w, "module_id", "i-1");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 16);
    nitro_put_certificates(w, 3);
    nitro_sign(w);
    assert_status(nitro_judge(w), MSE_ERR_NITRO_CERTIFICATE_CHAIN);
    assert_true(nitro_failed_with(w, MSE_ERR_NITRO_ROOT_UNTRUSTED));
}

static void test_malformed_certificate(void **state)
{
    struct nitro_world *w = *state;
    nitro_make(w);
    w->der[NITRO_REGION].data[4] ^= 1;
    begin(w, 6);
    nitro_put_text(w, "module_id", "i-1");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 16);
    nitro_put_certificates(w, 3);
    nitro_sign(w);
    assert_status(nitro_judge(w), MSE_ERR_NITRO_CERTIFICATE_MALFORMED);
    assert_false(w->verdict.signatures_ok);
}

static void test_forged_root_of_the_same_name(void **state)
{
    struct nitro_world *w = *state;
    static const char name[] = "aws.nitro-enclaves";
    w->certs[NITRO_ROOT].subject = name;
    w->certs[NITRO_ROOT].issuer = name;
    w->certs[NITRO_REGION].issuer = name;
    accepts(w); /* trusted by its key */
    memset(w->policy.simulation_root_sha256, 0, 32);
    want(w, MSE_ERR_NITRO_ROOT_UNTRUSTED);
    w->policy.allow_simulation = false;
    want(w, MSE_ERR_NITRO_ROOT_UNTRUSTED);
    (void)nitro_defaults(state);
    w->policy.allow_simulation = false;
    want(w, MSE_ERR_SIMULATION);
    /* The pinned root, named in a policy, stays hardware and makes nothing simulated. */
    memcpy(w->policy.simulation_root_sha256, mse_nitro_root_sha256(), 32);
    want(w, MSE_ERR_NITRO_ROOT_UNTRUSTED);
}

static void test_future_dates(void **state)
{
    struct nitro_world *w = *state;
    for (unsigned c = NITRO_ROOT; c <= NITRO_LEAF; c++) {
        w->certs[c].from = NITRO_NOW + 1;
        want(w, MSE_ERR_NITRO_CERTIFICATE_NOT_YET_VALID);
        (void)nitro_defaults(state);
        w->certs[c].until = NITRO_NOW - 1;
        want(w, MSE_ERR_NITRO_CERTIFICATE_EXPIRED);
        (void)nitro_defaults(state);
    }
    w->timestamp_ms = (uint64_t)(NITRO_NOW + 60) * 1000;
    accepts(w);
    w->timestamp_ms = (uint64_t)(NITRO_NOW + 61) * 1000;
    want(w, MSE_ERR_NITRO_TIMESTAMP);
    w->timestamp_ms = (uint64_t)(w->certs[NITRO_LEAF].from - 1) * 1000;
    want(w, MSE_ERR_NITRO_TIMESTAMP);
    w->timestamp_ms = (uint64_t)(w->certs[NITRO_LEAF].until + 1) * 1000;
    w->at = w->certs[NITRO_LEAF].until;
    want(w, MSE_ERR_NITRO_TIMESTAMP);
}

static void test_signature(void **state)
{
    struct nitro_world *w = *state;
    w->signed_by_other = true;
    want(w, MSE_ERR_COSE_SIGNATURE);
    assert_false(w->verdict.signatures_ok);
    w->signed_by_other = false;
    nitro_make(w);
    memset(w->document.data + w->document.len - 96, 0, 96);
    assert_status(nitro_judge(w), MSE_ERR_COSE_SIGNATURE);
}

static void test_debug(void **state)
{
    struct nitro_world *w = *state;
    w->policy.insecure_any_app = true;
    w->policy.num_references = 0;
    accepts(w);
    assert_waived(&w->verdict, "insecure_any_app", MSE_EAR_EXECUTABLES);
    memset(w->pcrs[1], 0, 48); /* one of them is enough */
    want(w, MSE_ERR_DEBUG);
    assert_false(w->verdict.debug);
    memset(w->pcrs, 0, 3 * sizeof w->pcrs[0]);
    want(w, MSE_ERR_DEBUG);
    assert_true(w->verdict.debug && !w->verdict.has_fingerprint);
    w->policy.allow_debug = true;
    accepts(w);
    assert_true(w->verdict.debug);
    assert_waived(&w->verdict, "allow_debug", MSE_EAR_RUNTIME_OPAQUE);
}

static void test_references(void **state)
{
    struct nitro_world *w = *state;
    struct mse_reference *r = &w->policy.references[0];
    for (size_t i = 1; i < 16; i++) {
        r->has_pcr[i] = true;
        memcpy(r->pcr[i], w->pcrs[i], 48);
    }
    accepts(w);
    for (size_t i = 0; i < 16; i++) {
        r->pcr[i][47] ^= 1;
        want(w, MSE_ERR_PCR_MISMATCH);
        r->pcr[i][47] ^= 1;
    }
    r->has_nonce = true;
    want(w, MSE_ERR_NONCE_MISMATCH);
    r->has_nonce = false;
    r->has_user_data = true;
    want(w, MSE_ERR_USER_DATA_MISMATCH);
    r->has_user_data = false;
    r->has_public_key = true; /* the document has none */
    assert_status(mse_sha256(r->public_key, mse_bytes_of(NULL, 0)), MSE_OK);
    want(w, MSE_ERR_PUBLIC_KEY_MISMATCH);
    w->public_key = mse_bytes_str("key");
    assert_status(mse_sha256(r->public_key, w->public_key), MSE_OK);
    accepts(w);
    r->has_report_data = true;
    want(w, MSE_ERR_REPORT_DATA_MISMATCH);
    r->has_report_data = false;
    r->has_fingerprint = true;
    want(w, MSE_ERR_FINGERPRINT_MISMATCH);
    memcpy(r->fingerprint, w->verdict.fingerprint, 32);
    accepts(w);
    r->has_mr_signer = true;
    want(w, MSE_ERR_MRSIGNER_MISMATCH);
    r->has_measurement = true; /* now it is a set for SEV-SNP */
    want(w, MSE_ERR_NOTHING_IDENTIFIES);
}

static void test_what_identifies(void **state)
{
    struct nitro_world *w = *state;
    struct mse_reference *r = &w->policy.references[0];
    const struct mse_reference none = { .has_nonce = false };
    static const struct {
        unsigned pcrs; /* one bit each */
        bool identifies;
    } cases[] = { { 1 << 0, true },  { 1 << 1, false },          { 1 << 2, false },
                  { 1 << 3, false }, { 1 << 1 | 1 << 2, true },  { 1 << 8, true },
                  { 1 << 4, false }, { 1 << 3 | 1 << 1, false }, { 0, false } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        *r = none;
        for (unsigned k = 0; k < 16; k++) {
            r->has_pcr[k] = (cases[i].pcrs >> k & 1) != 0;
            memcpy(r->pcr[k], w->pcrs[k], 48);
        }
        if (cases[i].identifies) {
            accepts(w);
        } else {
            want(w, MSE_ERR_NOTHING_IDENTIFIES);
        }
    }
    /* Zeros are nobody's: an unsigned image has them in PCR8. */
    *r = none;
    r->has_pcr[8] = true;
    memset(w->pcrs[8], 0, 48);
    want(w, MSE_ERR_NOTHING_IDENTIFIES);
}

static void test_no_machine_is_named(void **state)
{
    struct nitro_world *w = *state;
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0].len = 32;
    want(w, MSE_ERR_MACHINE_NOT_ALLOWED);
    w->policy.num_allowed_machines = 0;
    w->policy.num_allowed_fmspc = 1;
    want(w, MSE_ERR_FMSPC_NOT_ALLOWED);
    w->policy.num_allowed_fmspc = 0;
    w->policy.require_level = 1;
    want(w, MSE_ERR_LEVEL);
}

/* A zeroed policy accepts nothing. */
static void test_empty_policy(void **state)
{
    struct nitro_world *w = *state;
    static const struct mse_policy zero;
    w->policy = zero;
    want(w, MSE_ERR_NITRO_ROOT_UNTRUSTED);
}

static void test_cut_and_flipped(void **state)
{
    struct nitro_world *w = *state;
    struct mse_nitro_doc d;
    w->indefinite = true;
    nitro_make(w);
    struct mse_bytes whole = mse_build_view(&w->document);
    for (size_t len = 0; len < whole.len; len++) {
        assert_status(mse_nitro_doc_parse(&d, mse_bytes_of(whole.data, len), NULL),
                      MSE_ERR_MALFORMED);
    }
    size_t step = test_stride(37);
    for (size_t bit = 0; bit < 8 * whole.len; bit += step) {
        w->document.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_true(nitro_judge(w) != MSE_OK);
        assert_false(w->verdict.accepted);
        w->document.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_status(nitro_judge(w), MSE_OK);
}

static void test_fingerprint(void **state)
{
    struct nitro_world *w = *state;
    uint8_t text[16 + 3 * 48];
    uint8_t wanted[32];
    memcpy(text, "mse-fp-nitro-v1", 16);
    for (size_t i = 0; i < 3; i++) {
        memcpy(text + 16 + 48 * i, w->pcrs[i], 48);
    }
    assert_status(mse_sha256(wanted, mse_bytes_of(text, sizeof text)), MSE_OK);
    accepts(w);
    assert_true(w->verdict.has_fingerprint);
    assert_memory_equal(w->verdict.fingerprint, wanted, 32);
}

static void test_printing(void **state)
{
    struct nitro_world *w = *state;
    static char text[65536];
    accepts(w);
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "\"tee\":\"nitro\""));
    assert_non_null(strstr(text, "\"pcr8\":\"18"));
    assert_non_null(strstr(text, "\"public_key\":null"));
    assert_non_null(strstr(text, "\"nonce_checked\":false"));
    assert_status(mse_verdict_to_text(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "SIMULATED"));
    assert_non_null(strstr(text, "freshness: not proven"));
    assert_null(strstr(text, "PCR5"));
    w->policy.references[0].has_nonce = true;
    assert_status(mse_sha256(w->policy.references[0].nonce, w->nonce), MSE_OK);
    accepts(w);
    assert_status(mse_verdict_to_text(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "freshness: the nonce is the expected one"));
}

#define JSON(member) "{\"references\":[{" member "}]}"

static void test_policy_keys(void **state)
{
    (void)state;
    static struct mse_policy p;
    static const char good[] = JSON("\"nonce\":\"0102\",\"user_data\":\"\",\"public_key\":\"ff\"");
    static const char *const bad[] = {
        JSON("\"pcr16\":\"00\""), JSON("\"pcr0\":\"00\""), JSON("\"nonce\":\"0\""),
        JSON("\"nonce\":\"0g\""), JSON("\"pcr0\":1"),      JSON("\"user_data\":null"),
    };
    uint8_t digest[32];
    assert_status(mse_policy_parse_json(&p, mse_bytes_str(good), NULL), MSE_OK);
    assert_status(mse_sha256(digest, mse_bytes_of("\x01\x02", 2)), MSE_OK);
    assert_true(p.references[0].has_nonce && p.references[0].has_user_data);
    assert_memory_equal(p.references[0].nonce, digest, 32);
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_status(mse_policy_parse_json(&p, mse_bytes_str(bad[i]), NULL), MSE_ERR_POLICY);
    }
    for (unsigned i = 0; i < 16; i++) {
        char text[160];
        (void)snprintf(text, sizeof text, "{\"references\":[{\"pcr%u\":\"%096u\"}]}", i, i);
        assert_status(mse_policy_parse_json(&p, mse_bytes_str(text), NULL), MSE_OK);
        assert_true(p.references[0].has_pcr[i]);
        assert_int_equal(p.references[0].pcr[i][47], i / 10 * 16 + i % 10);
    }
}

#define T(f) cmocka_unit_test_setup(f, nitro_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_accepts),
        T(test_indefinite_maps),
        T(test_indefinite_strings_and_arrays_around),
        T(test_sign1_form),
        T(test_members_required_and_known),
        T(test_duplicate_keys),
        T(test_limits),
        T(test_other_types),
        T(test_simulation_root),
        T(test_texts_and_time),
        T(test_unbounded_vectors),
        T(test_cbor_bombs),
        T(test_chain),
        T(test_path_length),
        T(test_order_of_the_bundle),
        T(test_malformed_certificate),
        T(test_forged_root_of_the_same_name),
        T(test_future_dates),
        T(test_signature),
        T(test_debug),
        T(test_references),
        T(test_what_identifies),
        T(test_no_machine_is_named),
        T(test_empty_policy),
        T(test_cut_and_flipped),
        T(test_fingerprint),
        T(test_printing),
        T(test_policy_keys),
    };
    return cmocka_run_group_tests(tests, nitro_setup, nitro_teardown);
}
