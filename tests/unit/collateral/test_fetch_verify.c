/* SPDX-License-Identifier: Apache-2.0 */
/* What services of Intel's kind answer, judged: each refusal provoked alone and named. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/fetch.h"
#include "unit/attest/world.h"

struct object {
    struct world *w;
    struct mse_fetch_config config;
    struct mse_fetch_key key;
    struct mse_fetched o;
    uint8_t point[64];
};

static void begin(struct object *t, struct world *w, enum mse_fetch_kind kind)
{
    struct object fresh = { .w = w,
                            .key = { .kind = kind,
                                     .tee = w->tdx ? MSE_TEE_TDX : MSE_TEE_SGX,
                                     .ca = MSE_FETCH_CA_PLATFORM },
                            .config = { .at = w->at } };
    *t = fresh;
    memcpy(t->key.fmspc, w->ext.fmspc, sizeof t->key.fmspc);
    mse_fetched_init(&t->o);
    world_make(w);
    assert_status(mse_privkey_point(w->keys[WORLD_KEY_ROOT], t->point), MSE_OK);
    t->config.root_point = t->point;
}

static void wr_reply(struct mse_build *out, const char *member, const struct mse_build *body,
                     const uint8_t sig[64])
{
    char hex[129];
    mse_hex_encode(hex, mse_bytes_of(sig, 64));
    mse_wr_printf(out, "{\"%s\":", member);
    mse_wr_bytes(out, mse_build_view(body));
    mse_wr_printf(out, ",\"signature\":\"%s\"}", hex);
}

static void fill(struct object *t)
{
    struct world *w = t->w;
    switch ((int)t->key.kind) {
    case MSE_FETCH_TCB_INFO:
        wr_reply(&t->o.body, "tcbInfo", &w->tcb_body, w->tcb_sig);
        mse_wr_bytes(&t->o.chain, mse_build_view(&w->signing_pem));
        break;
    case MSE_FETCH_QE_IDENTITY:
        wr_reply(&t->o.body, "enclaveIdentity", &w->qe_body, w->qe_sig);
        mse_wr_bytes(&t->o.chain, mse_build_view(&w->signing_pem));
        break;
    case MSE_FETCH_PCK_CRL:
        mse_wr_bytes(&t->o.body, mse_build_view(&w->pck_crl_der));
        mse_pem_write(&t->o.chain, "CERTIFICATE", mse_build_view(&w->der[WORLD_CA]));
        mse_pem_write(&t->o.chain, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
        break;
    case MSE_FETCH_PCK_CERT:
        mse_pem_write(&t->o.body, "CERTIFICATE", mse_build_view(&w->der[WORLD_PCK]));
        mse_pem_write(&t->o.chain, "CERTIFICATE", mse_build_view(&w->der[WORLD_CA]));
        mse_pem_write(&t->o.chain, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
        memcpy(t->key.pck_request.pce_id, w->ext.pce_id, 2);
        break;
    default:
        mse_wr_bytes(&t->o.body, mse_build_view(&w->root_crl_der));
        break;
    }
}

static void begin_filled(struct object *t, struct world *w, enum mse_fetch_kind kind)
{
    begin(t, w, kind);
    fill(t);
}

/* Whether the made-up vendor has such an object. */
static bool is_filled(size_t kind)
{
    return kind != MSE_FETCH_EVAL_NUMBERS && kind != MSE_FETCH_QVE_IDENTITY;
}

static void want(struct object *t, mse_status st)
{
    struct mse_error err = { 0 };
    mse_status seen = mse_fetched_verify(&t->o, &t->key, &t->config, &err);
    assert_status(seen, st);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    mse_fetched_clear(&t->o);
}

/* One object of healthy knobs, or of those that the test set before. */
static void want_kind(struct world *w, enum mse_fetch_kind kind, mse_status st)
{
    struct object t;
    begin_filled(&t, w, kind);
    want(&t, st);
    (void)world_defaults((void **)&w);
}

static void test_healthy(void **state)
{
    struct world *w = *state;
    struct object t;
    want_kind(w, MSE_FETCH_QE_IDENTITY, MSE_OK);
    want_kind(w, MSE_FETCH_PCK_CRL, MSE_OK);
    want_kind(w, MSE_FETCH_ROOT_CRL, MSE_OK);
    want_kind(w, MSE_FETCH_PCK_CERT, MSE_OK);
    begin_filled(&t, w, MSE_FETCH_TCB_INFO);
    assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), MSE_OK);
    assert_true(t.o.from <= w->at && w->at <= t.o.until && t.o.evaluation_number > 0);
    mse_fetched_clear(&t.o);
    (void)world_defaults_tdx(state);
    want_kind(w, MSE_FETCH_TCB_INFO, MSE_OK);
    (void)world_defaults_tdx(state);
    want_kind(w, MSE_FETCH_QE_IDENTITY, MSE_OK);
}

static void test_other_root(void **state)
{
    struct world *w = *state;
    static const mse_status statuses[] = {
        [MSE_FETCH_ROOT_CRL] = MSE_ERR_ROOT_CRL_SIGNATURE,
        [MSE_FETCH_PCK_CRL] = MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED,
        [MSE_FETCH_TCB_INFO] = MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED,
        [MSE_FETCH_QE_IDENTITY] = MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED,
        [MSE_FETCH_PCK_CERT] = MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED,
    };
    for (size_t kind = MSE_FETCH_ROOT_CRL; kind <= MSE_FETCH_PCK_CERT; kind++) {
        struct object t;
        if (!is_filled(kind)) {
            continue;
        }
        begin_filled(&t, w, (enum mse_fetch_kind)kind);
        t.config.root_point = NULL; /* Intel's */
        want(&t, statuses[kind]);
    }
}

static void test_not_what_was_asked_for(void **state)
{
    struct world *w = *state;
    struct object t;
    begin_filled(&t, w, MSE_FETCH_TCB_INFO);
    t.key.fmspc[5] ^= 1;
    want(&t, MSE_ERR_TCB_INFO_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_TCB_INFO);
    t.key.tee = MSE_TEE_TDX;
    want(&t, MSE_ERR_TCB_INFO_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_TCB_INFO);
    t.key.update = MSE_FETCH_NUMBERED;
    t.key.evaluation_number = 3;
    want(&t, MSE_ERR_TCB_INFO_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_QE_IDENTITY);
    t.key.tee = MSE_TEE_TDX;
    want(&t, MSE_ERR_QE_IDENTITY_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_QE_IDENTITY);
    t.key.update = MSE_FETCH_NUMBERED;
    t.key.evaluation_number = 3;
    want(&t, MSE_ERR_QE_IDENTITY_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_PCK_CRL);
    t.key.ca = MSE_FETCH_CA_PROCESSOR;
    want(&t, MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
    begin_filled(&t, w, MSE_FETCH_PCK_CERT);
    t.key.pck_request.pce_id[0] ^= 1;
    want(&t, MSE_ERR_PCK_CHAIN_MALFORMED);
    begin(&t, w, MSE_FETCH_ROOT_CRL);
    t.key.kind = 0;
    want(&t, MSE_ERR_ARGUMENT);
}

/* The root's CRL in the place of a CA's, under the chain that is the root alone. */
static void test_root_crl_as_pck_crl(void **state)
{
    struct world *w = *state;
    struct object t;
    begin(&t, w, MSE_FETCH_PCK_CRL);
    mse_wr_bytes(&t.o.body, mse_build_view(&w->root_crl_der));
    mse_pem_write(&t.o.chain, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
    want(&t, MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
}

static void test_dates(void **state)
{
    struct world *w = *state;
    static const struct {
        enum mse_fetch_kind kind;
        mse_status early;
        mse_status late;
    } rows[] = {
        { MSE_FETCH_ROOT_CRL, MSE_ERR_ROOT_CRL_NOT_YET_VALID, MSE_ERR_ROOT_CRL_EXPIRED },
        { MSE_FETCH_PCK_CRL, MSE_ERR_PCK_CRL_NOT_YET_VALID, MSE_ERR_PCK_CRL_EXPIRED },
        { MSE_FETCH_TCB_INFO, MSE_ERR_TCB_INFO_NOT_YET_VALID, MSE_ERR_TCB_INFO_EXPIRED },
        { MSE_FETCH_QE_IDENTITY, MSE_ERR_QE_IDENTITY_NOT_YET_VALID, MSE_ERR_QE_IDENTITY_EXPIRED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct object t;
        begin_filled(&t, w, rows[i].kind);
        assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), MSE_OK);
        mse_time from = t.o.from;
        mse_time until = t.o.until;
        t.config.at = until;
        assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), MSE_OK);
        t.config.at = until + 1;
        assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), rows[i].late);
        t.config.at = from - 1;
        want(&t, rows[i].early);
    }
}

static void test_malformed(void **state)
{
    struct world *w = *state;
    static const mse_status statuses[] = {
        [MSE_FETCH_ROOT_CRL] = MSE_ERR_ROOT_CRL_MALFORMED,
        [MSE_FETCH_PCK_CRL] = MSE_ERR_PCK_CRL_MALFORMED,
        [MSE_FETCH_TCB_INFO] = MSE_ERR_MALFORMED,
        [MSE_FETCH_QE_IDENTITY] = MSE_ERR_MALFORMED,
        [MSE_FETCH_QVE_IDENTITY] = MSE_ERR_MALFORMED,
        [MSE_FETCH_EVAL_NUMBERS] = MSE_ERR_MALFORMED,
        [MSE_FETCH_PCK_CERT] = MSE_ERR_PCK_CHAIN_MALFORMED,
    };
    for (size_t kind = MSE_FETCH_ROOT_CRL; kind <= MSE_FETCH_PCK_CERT; kind++) {
        struct object t;
        begin(&t, w, (enum mse_fetch_kind)kind);
        want(&t, statuses[kind]); /* empty */
        begin(&t, w, (enum mse_fetch_kind)kind);
        mse_wr_str(&t.o.body, "<html>Not today</html>");
        want(&t, statuses[kind]);
        if (!is_filled(kind)) {
            continue;
        }
        begin_filled(&t, w, (enum mse_fetch_kind)kind);
        mse_wr_u8(&t.o.body, kind == MSE_FETCH_PCK_CERT ? 0 : '!');
        bool leaf_only = kind == MSE_FETCH_PCK_CERT;
        want(&t, leaf_only ? MSE_OK : statuses[kind]);
    }
}

static void test_wrong_signatures(void **state)
{
    struct world *w = *state;
    w->tcb_edit.from = "UpToDate";
    w->tcb_edit.to = "UpToDatf";
    w->tcb_edit.after_signing = true;
    want_kind(w, MSE_FETCH_TCB_INFO, MSE_ERR_TCB_INFO_SIGNATURE);
    w->qe_edit.from = "UpToDate";
    w->qe_edit.to = "UpToDatf";
    w->qe_edit.after_signing = true;
    want_kind(w, MSE_FETCH_QE_IDENTITY, MSE_ERR_QE_IDENTITY_SIGNATURE);
    w->pck_crl.issuer_key = w->keys[WORLD_KEY_OTHER];
    want_kind(w, MSE_FETCH_PCK_CRL, MSE_ERR_PCK_CRL_SIGNATURE);
    w->root_crl.issuer_key = w->keys[WORLD_KEY_OTHER];
    want_kind(w, MSE_FETCH_ROOT_CRL, MSE_ERR_ROOT_CRL_SIGNATURE);
    w->certs[WORLD_PCK].issuer_key = w->keys[WORLD_KEY_OTHER];
    want_kind(w, MSE_FETCH_PCK_CERT, MSE_ERR_PCK_CHAIN_SIGNATURE);
}

static void test_chains(void **state)
{
    struct world *w = *state;
    struct object t;
    begin_filled(&t, w, MSE_FETCH_TCB_INFO);
    mse_build_reset(&t.o.chain);
    want(&t, MSE_ERR_TCB_INFO_MISSING);
    begin_filled(&t, w, MSE_FETCH_PCK_CRL);
    mse_build_reset(&t.o.chain);
    want(&t, MSE_ERR_PCK_CHAIN_MALFORMED);
    begin_filled(&t, w, MSE_FETCH_PCK_CERT);
    mse_build_reset(&t.o.chain);
    want(&t, MSE_ERR_PCK_CHAIN_MALFORMED);
    w->certs[WORLD_TCB].issuer_key = w->keys[WORLD_KEY_OTHER];
    want_kind(w, MSE_FETCH_TCB_INFO, MSE_ERR_TCB_INFO_CHAIN_SIGNATURE);
    w->certs[WORLD_TCB].not_after = w->at - 1;
    want_kind(w, MSE_FETCH_QE_IDENTITY, MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED);
}

/* A PCCS hands out CRLs as hexadecimal text; some as PEM. All become DER. */
static void test_forms_of_crl(void **state)
{
    struct world *w = *state;
    struct object t;
    begin(&t, w, MSE_FETCH_ROOT_CRL);
    mse_wr_hex(&t.o.body, w->root_crl_der.data, w->root_crl_der.len);
    assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), MSE_OK);
    assert_bytes(mse_build_view(&t.o.body), mse_build_view(&w->root_crl_der));
    mse_build_reset(&t.o.body);
    mse_pem_write(&t.o.body, "X509 CRL", mse_build_view(&w->root_crl_der));
    assert_status(mse_fetched_verify(&t.o, &t.key, &t.config, NULL), MSE_OK);
    assert_bytes(mse_build_view(&t.o.body), mse_build_view(&w->root_crl_der));
    mse_fetched_clear(&t.o);
}

static void test_evaluation_numbers(void **state)
{
    struct world *w = *state;
    static const char text[] =
        "{\"id\":\"SGX\",\"version\":1,\"issueDate\":\"2025-12-31T00:00:00Z\","
        "\"nextUpdate\":\"2026-01-30T00:00:00Z\",\"tcbEvalNumbers\":[{"
        "\"tcbEvaluationDataNumber\":18,\"tcbRecoveryEventDate\":"
        "\"2025-08-12T00:00:00Z\",\"tcbDate\":\"2025-08-13T00:00:00Z\"}]}";
    struct mse_build body;
    uint8_t sig[64];
    mse_build_heap(&body, 4096);
    mse_wr_str(&body, text);
    assert_status(mse_p256_sign(w->keys[WORLD_KEY_TCB], sig, mse_build_view(&body)), MSE_OK);
    for (unsigned i = 0; i < 4; i++) {
        static const mse_status statuses[] = { MSE_OK, MSE_ERR_TCB_INFO_MISMATCH,
                                               MSE_ERR_TCB_INFO_EXPIRED,
                                               MSE_ERR_TCB_INFO_NOT_YET_VALID };
        struct object t;
        begin(&t, w, MSE_FETCH_EVAL_NUMBERS);
        wr_reply(&t.o.body, "tcbEvaluationDataNumbers", &body, sig);
        mse_wr_bytes(&t.o.chain, mse_build_view(&w->signing_pem));
        t.key.tee = i == 1 ? MSE_TEE_TDX : MSE_TEE_SGX;
        t.config.at += i == 2 ? 40 * WORLD_DAY : i == 3 ? -2 * WORLD_DAY : 0;
        want(&t, statuses[i]);
    }
    mse_build_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_healthy, world_defaults),
        cmocka_unit_test_setup(test_other_root, world_defaults),
        cmocka_unit_test_setup(test_not_what_was_asked_for, world_defaults),
        cmocka_unit_test_setup(test_root_crl_as_pck_crl, world_defaults),
        cmocka_unit_test_setup(test_dates, world_defaults),
        cmocka_unit_test_setup(test_malformed, world_defaults),
        cmocka_unit_test_setup(test_wrong_signatures, world_defaults),
        cmocka_unit_test_setup(test_chains, world_defaults),
        cmocka_unit_test_setup(test_forms_of_crl, world_defaults),
        cmocka_unit_test_setup(test_evaluation_numbers, world_defaults),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
