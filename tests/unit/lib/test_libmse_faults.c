/* SPDX-License-Identifier: Apache-2.0 */
/* Every family of libmse's functions without memory: each allocation fails once, our own and
 * libcrypto's. Nothing that is refused is ever accepted, no output of a call that failed is
 * written, nothing is lost. */
#include "lib/testlib.h"

#include <mse/appraiser.h>
#include <mse/ear.h>
#include <mse/log.h>
#include <mse/measure.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/ed25519.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "lib/fault_trial.h"
#include "unit/attest/nitro_world.h"
#include "unit/attest/snp_world.h"
#include "unit/attest/world.h"
#include "unit/measure/synth.h"

static struct {
    struct world *sgx;
    struct snp_world *snp;
    struct nitro_world *nitro;
    struct mse_verdict verdict;
    uint8_t buf[MSE_EAR_MAX_LEN];
    char text[MSE_EAR_MAX_LEN];
} w;

static int setup(void **state)
{
    void *sgx = NULL;
    void *snp = NULL;
    void *nitro = NULL;
    (void)state;
    if (world_setup(&sgx) != 0 || snp_setup(&snp) != 0 || nitro_setup(&nitro) != 0) {
        return -1;
    }
    w.sgx = sgx;
    w.snp = snp;
    w.nitro = nitro;
    return 0;
}

static int teardown(void **state)
{
    void *sgx = w.sgx;
    void *snp = w.snp;
    void *nitro = w.nitro;
    (void)state;
    return world_teardown(&sgx) | snp_teardown(&snp) | nitro_teardown(&nitro);
}

static int defaults(void **state)
{
    void *sgx = w.sgx;
    void *snp = w.snp;
    void *nitro = w.nitro;
    (void)state;
    return world_defaults(&sgx) | snp_defaults(&snp) | nitro_defaults(&nitro);
}

static void try_each(const char *name, fault_call_fn *call)
{
    assert_true(fault_try_each(name, call, NULL) > 0 || !fault_memory_fails());
}

/* What allocates nothing, and cannot fail for want of memory. */
static void try_none(const char *name, fault_call_fn *call)
{
    assert_int_equal(fault_try_each(name, call, NULL), 0);
}

#define FILL(x) memset(&(x), FAULT_UNTOUCHED, sizeof(x))

/* ---- appraisals: a verdict is always written, and accepts only what is accepted */

static mse_status judged(struct fault_output *o, mse_status st)
{
    o->wrong = w.verdict.accepted != (st == MSE_OK) || w.verdict.status != st ||
               (st != MSE_OK && o->err.text[0] == '\0');
    if (st == MSE_OK) {
        fault_give(o, st, &w.verdict, sizeof w.verdict);
    }
    return st;
}

static mse_status call_quote(void *world, struct fault_output *o)
{
    (void)world;
    memset(&w.verdict, 0, sizeof w.verdict);
    return judged(o, mse_appraise_quote(&w.verdict, mse_build_view(&w.sgx->quote),
                                        &w.sgx->collateral, &w.sgx->policy, w.sgx->at, &o->err));
}

static mse_status call_snp(void *world, struct fault_output *o)
{
    (void)world;
    memset(&w.verdict, 0, sizeof w.verdict);
    return judged(o, mse_appraise_snp(&w.verdict, mse_bytes_of(w.snp->report, sizeof w.snp->report),
                                      &w.snp->collateral, &w.snp->policy, w.snp->at, &o->err));
}

static mse_status call_nitro(void *world, struct fault_output *o)
{
    (void)world;
    memset(&w.verdict, 0, sizeof w.verdict);
    return judged(o, mse_appraise_nitro(&w.verdict, mse_build_view(&w.nitro->document),
                                        &w.nitro->policy, w.nitro->at, &o->err));
}

/* What the first appraisal did not learn, the second one does. */
static mse_status call_appraiser(void *world, struct fault_output *o)
{
    const struct mse_collateral *c = NULL;
    (void)world;
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    mse_status st = a == NULL ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? mse_appraiser_collateral(a, &c, &w.sgx->collateral, &o->err) : st;
    for (size_t i = 0; st == MSE_OK && i < 2; i++) {
        memset(&w.verdict, 0, sizeof w.verdict);
        st = judged(o, mse_appraise_quote(&w.verdict, mse_build_view(&w.sgx->quote), c,
                                          &w.sgx->policy, w.sgx->at, &o->err));
    }
    mse_appraiser_release(c);
    mse_appraiser_free(a);
    return st;
}

static mse_status call_batch(void *world, struct fault_output *o)
{
    static struct mse_verdict verdicts[2];
    struct mse_appraisal list[2] = {
        { .evidence = mse_build_view(&w.sgx->quote),
          .collateral = &w.sgx->collateral,
          .policy = &w.sgx->policy,
          .at = w.sgx->at,
          .verdict = &verdicts[0] },
        { .evidence = mse_bytes_of(w.snp->report, sizeof w.snp->report),
          .snp = true,
          .collateral = &w.snp->collateral,
          .policy = &w.snp->policy,
          .at = w.snp->at,
          .verdict = &verdicts[1] },
    };
    (void)world;
    memset(verdicts, 0, sizeof verdicts);
    size_t good = mse_appraise_batch(list, 2, 1);
    size_t accepted = (verdicts[0].accepted ? 1U : 0U) + (verdicts[1].accepted ? 1U : 0U);
    o->wrong = good != accepted;
    for (size_t i = 0; i < 2; i++) {
        if (verdicts[i].status != MSE_OK) {
            return verdicts[i].status;
        }
    }
    fault_give(o, MSE_OK, verdicts, sizeof verdicts);
    return MSE_OK;
}

static void test_sgx(void **state)
{
    (void)state;
    world_make(w.sgx);
    try_each("appraise SGX", call_quote);
    try_each("appraiser", call_appraiser);
    w.sgx->quote.data[436] ^= 1;
    try_each("appraise SGX, bad signature", call_quote);
    try_each("appraiser, bad signature", call_appraiser);
    (void)defaults(NULL);
    w.sgx->pck_crl_revokes = WORLD_PCK;
    world_make(w.sgx);
    try_each("appraise SGX, revoked", call_quote);
    (void)defaults(NULL);
    w.sgx->tcb_edit = (struct world_edit) { "\"version\":3", "\"version\":2", true };
    world_make(w.sgx);
    try_each("appraise SGX, TCB info changed", call_quote);
}

static void test_tdx(void **state)
{
    void *sgx = w.sgx;
    (void)state;
    (void)world_defaults_tdx(&sgx);
    world_make(w.sgx);
    try_each("appraise TDX", call_quote);
    w.sgx->quote.data[300] ^= 1;
    try_each("appraise TDX, bad signature", call_quote);
}

static void test_snp(void **state)
{
    (void)state;
    snp_make(w.snp);
    try_each("appraise SEV-SNP", call_snp);
    w.snp->signed_by_other = true;
    snp_make(w.snp);
    try_each("appraise SEV-SNP, bad signature", call_snp);
}

static void test_nitro(void **state)
{
    (void)state;
    nitro_make(w.nitro);
    try_each("appraise Nitro", call_nitro);
    w.nitro->signed_by_other = true;
    nitro_make(w.nitro);
    try_each("appraise Nitro, bad signature", call_nitro);
}

static void test_batch(void **state)
{
    (void)state;
    world_make(w.sgx);
    snp_make(w.snp);
    try_each("batch", call_batch);
    w.snp->report[80] ^= 1;
    try_each("batch, one refused", call_batch);
}

/* ---- parsers allocate nothing */

static mse_status call_parsers(void *world, struct fault_output *o)
{
    static struct mse_sgx_quote quote;
    static struct mse_tcb_info tcb;
    static struct mse_qe_identity qe;
    static struct mse_snp_report report;
    static struct mse_nitro_doc doc;
    static struct mse_crl_info crl;
    const struct world *s = w.sgx;
    (void)world;
    mse_status st = mse_sgx_quote_parse(&quote, mse_build_view(&s->quote), &o->err);
    st = st == MSE_OK ? mse_tcb_info_parse(&tcb, mse_build_view(&s->tcb_body), &o->err) : st;
    st = st == MSE_OK ? mse_qe_identity_parse(&qe, mse_build_view(&s->qe_body), &o->err) : st;
    st = st == MSE_OK ? mse_crl_info_parse(&crl, mse_build_view(&s->pck_crl_der), &o->err) : st;
    st = st == MSE_OK ? mse_snp_report_parse(
                            &report, mse_bytes_of(w.snp->report, sizeof w.snp->report), &o->err)
                      : st;
    return st == MSE_OK ? mse_nitro_doc_parse(&doc, mse_build_view(&w.nitro->document), &o->err)
                        : st;
}

static mse_status call_policy(void *world, struct fault_output *o)
{
    static struct mse_policy p;
    (void)world;
    FILL(p);
    mse_status st = mse_policy_parse_json(
        &p, mse_bytes_str("{\"accepted_tcb_statuses\":[\"UpToDate\"],\"grace_days\":30}"), &o->err);
    fault_give(o, st, &p, sizeof p);
    return st;
}

static mse_status call_tree(void *world, struct fault_output *o)
{
    static const uint8_t zeros[32] = { 0 };
    uint8_t leaf[32];
    uint8_t root[32];
    (void)world;
    FILL(leaf);
    FILL(root);
    mse_status st = mse_log_leaf_hash(leaf, mse_bytes_str("entry"));
    fault_give(o, st, leaf, sizeof leaf);
    if (st == MSE_OK) {
        st = mse_log_node_hash(root, leaf, zeros);
        fault_give(o, st, root, sizeof root);
    }
    return st == MSE_OK
               ? mse_log_verify_inclusion(leaf, 0, 2, mse_bytes_of(zeros, sizeof zeros), root)
               : st;
}

static mse_status call_words(void *world, struct fault_output *o)
{
    (void)world;
    (void)o;
    mse_status st = mse_verdict_to_json(w.text, sizeof w.text, &w.sgx->verdict);
    return st == MSE_OK ? mse_verdict_to_text(w.text, sizeof w.text, &w.sgx->verdict) : st;
}

static void test_parsers(void **state)
{
    (void)state;
    world_make(w.sgx);
    snp_make(w.snp);
    nitro_make(w.nitro);
    assert_status(world_judge(w.sgx), MSE_OK);
    try_none("parse evidence and collateral", call_parsers);
    try_none("parse a policy", call_policy);
    try_none("hashes of a log", call_tree);
    try_none("a verdict in words", call_words);
}

/* ---- collateral */

static mse_status call_signed_json(void *world, struct fault_output *o)
{
    (void)world;
    return mse_verify_signed_json(mse_build_view(&w.sgx->tcb_body), w.sgx->tcb_sig,
                                  mse_build_view(&w.sgx->signing_pem), "tcbInfo",
                                  w.sgx->policy.simulation_root, w.sgx->at, &o->err);
}

static mse_status call_pck(void *world, struct fault_output *o)
{
    (void)world;
    return mse_verify_pck(mse_build_view(&w.sgx->der[WORLD_PCK]), mse_build_view(&w.sgx->chain_pem),
                          w.sgx->policy.simulation_root, w.sgx->at, &o->err);
}

static mse_status call_crl(void *world, struct fault_output *o)
{
    (void)world;
    return mse_verify_crl(mse_build_view(&w.sgx->root_crl_der), mse_build_view(&w.sgx->signing_pem),
                          w.sgx->policy.simulation_root, w.sgx->at, &o->err);
}

static mse_status call_root(void *world, struct fault_output *o)
{
    uint8_t point[64];
    (void)world;
    FILL(point);
    mse_status st = mse_simulation_root_of_pem(point, mse_build_view(&w.sgx->signing_pem), &o->err);
    fault_give(o, st, point, sizeof point);
    return st;
}

static void test_collateral(void **state)
{
    (void)state;
    world_make(w.sgx);
    try_each("verify signed JSON", call_signed_json);
    (void)fault_try_each("verify a PCK certificate", call_pck, NULL);
    (void)fault_try_each("verify a CRL", call_crl, NULL);
    (void)fault_try_each("root of a simulation", call_root, NULL);
    w.sgx->tcb_sig[5] ^= 1;
    try_each("verify signed JSON, bad signature", call_signed_json);
}

/* ---- results */

static struct mse_build ear_key;
static struct mse_build ear_signer;

static mse_status call_ear(void *world, struct fault_output *o)
{
    const struct mse_ear_params p = { .key_pem = mse_build_view(&ear_key),
                                      .issued_at = WORLD_NOW + 5,
                                      .appraised_at = WORLD_NOW };
    (void)world;
    return mse_verdict_to_ear(w.text, sizeof w.text, &w.sgx->verdict, &p, &o->err);
}

static mse_status call_ear_verify(void *world, struct fault_output *o)
{
    static struct mse_ear ear;
    const struct mse_ear_check c = { .signer_pem = mse_build_view(&ear_signer),
                                     .at = WORLD_NOW + 10 };
    (void)world;
    FILL(ear);
    mse_status st = mse_ear_verify(&ear, w.buf, sizeof w.buf, mse_bytes_str(w.text), &c, &o->err);
    if (st != MSE_OK) {
        fault_give(o, st, &ear, sizeof ear);
    }
    return st;
}

static void test_ear(void **state)
{
    struct mse_privkey *key = NULL;
    struct mse_build spki;
    (void)state;
    world_make(w.sgx);
    assert_status(world_judge(w.sgx), MSE_OK);
    mse_build_heap(&ear_key, 4096);
    mse_build_heap(&ear_signer, 4096);
    mse_build_heap(&spki, 4096);
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    assert_status(mse_privkey_to_pem(key, &ear_key), MSE_OK);
    assert_status(mse_privkey_spki(key, &spki), MSE_OK);
    mse_pem_write(&ear_signer, "PUBLIC KEY", mse_build_view(&spki));
    try_each("write a result", call_ear);
    struct fault_output *o = test_calloc(1, sizeof *o);
    assert_status(call_ear(NULL, o), MSE_OK);
    test_free(o);
    try_each("verify a result", call_ear_verify);
    char *dot = strrchr(w.text, '.');
    dot[5] = dot[5] == 'A' ? 'B' : 'A';
    try_each("verify a result, bad signature", call_ear_verify);
    mse_privkey_free(key);
    mse_build_clear(&spki);
    mse_build_clear(&ear_key);
    mse_build_clear(&ear_signer);
}

/* ---- transparency logs: a checkpoint of an empty tree */

static char note[1024];
static struct mse_log_key log_key;

static void make_note(void)
{
    static const char body[] = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    uint8_t secret[32] = { 1 };
    uint8_t public[32];
    uint8_t raw[68];
    char text[128];
    struct mse_build r;
    assert_status(mse_ed25519_public(public, secret), MSE_OK);
    assert_status(mse_log_key_make(&log_key, "log.example", MSE_LOG_KEY_LOG, public, NULL), MSE_OK);
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u32be(&r, log_key.id);
    assert_status(mse_ed25519_sign(mse_wr_space(&r, 64), secret, mse_bytes_str(body)), MSE_OK);
    mse_base64_encode(text, mse_build_view(&r));
    (void)snprintf(note, sizeof note, "%s\n\xe2\x80\x94 log.example %s\n", body, text);
}

static mse_status call_checkpoint(void *world, struct fault_output *o)
{
    struct mse_log_checkpoint c;
    (void)world;
    mse_status st = mse_log_checkpoint_parse(&c, mse_bytes_str(note), &o->err);
    return st == MSE_OK ? mse_log_checkpoint_verify(&c, &log_key, &o->err) : st;
}

static mse_status call_log_key(void *world, struct fault_output *o)
{
    struct mse_log_key k;
    (void)world;
    FILL(k);
    mse_status st = mse_log_key_make(&k, "log.example", MSE_LOG_KEY_LOG, log_key.key, &o->err);
    fault_give(o, st, &k, sizeof k);
    return st;
}

static void test_log(void **state)
{
    (void)state;
    make_note();
    (void)fault_try_each("make a log's key", call_log_key, NULL);
    try_each("verify a checkpoint", call_checkpoint);
    char *line = strrchr(note, ' ');
    line[20] = line[20] == 'A' ? 'B' : 'A';
    try_each("verify a checkpoint, bad signature", call_checkpoint);
}

/* ---- measuring */

static mse_status call_mrenclave(void *world, struct fault_output *o)
{
    struct mse_mrenclave *m = NULL;
    uint8_t out[32];
    (void)world;
    FILL(out);
    mse_status st = mse_mrenclave_new(&m, 4, 1U << 24);
    if (st == MSE_OK) {
        mse_mrenclave_eadd(m, 0, MSE_SECINFO_REG | MSE_SECINFO_R);
        st = mse_mrenclave_final(m, out);
    }
    fault_give(o, st, out, sizeof out);
    mse_mrenclave_free(m);
    return st;
}

static mse_status call_sim(void *world, struct fault_output *o)
{
    static uint8_t image[SYNTH_MAX_LEN];
    uint8_t out[32];
    const struct mse_sim_layout l = { synth_make(image, &synth_images[0]),
                                      mse_bytes_str("{\"v\":1}"), 1U << 24, 1 };
    (void)world;
    FILL(out);
    mse_status st = mse_measure_sim(out, &l, &o->err);
    fault_give(o, st, out, sizeof out);
    return st;
}

static void test_measure(void **state)
{
    (void)state;
    try_each("MRENCLAVE", call_mrenclave);
    try_each("a simulated enclave", call_sim);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, defaults)
    const struct CMUnitTest tests[] = {
        T(test_sgx),     T(test_tdx),        T(test_snp), T(test_nitro), T(test_batch),
        T(test_parsers), T(test_collateral), T(test_ear), T(test_log),   T(test_measure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
