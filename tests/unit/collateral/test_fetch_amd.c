/* SPDX-License-Identifier: Apache-2.0 */
/* What AMD's key service answers, judged: each refusal provoked alone and named. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/fetch.h"
#include "crypto/x509.h"
#include "unit/attest/snp_world.h"

static void pem_of(struct mse_build *out, const struct snp_world *w, enum snp_cert c)
{
    mse_pem_write(out, "CERTIFICATE", mse_build_view(&w->der[c]));
}

/* Fills o with what the service would answer in this world. */
static void fill(struct mse_fetched *o, const struct snp_world *w, enum mse_fetch_kind kind)
{
    struct mse_build *chain = kind == MSE_FETCH_AMD_CHAIN ? &o->body : &o->chain;
    mse_fetched_init(o);
    pem_of(chain, w, SNP_ASK);
    pem_of(chain, w, SNP_ARK);
    if (kind == MSE_FETCH_VCEK) {
        mse_wr_bytes(&o->body, mse_build_view(&w->der[SNP_VCEK]));
    } else if (kind == MSE_FETCH_AMD_CRL) {
        mse_wr_bytes(&o->body, mse_build_view(&w->crl));
    }
}

static struct mse_fetch_key key_of(const struct snp_world *w, enum mse_fetch_kind kind)
{
    struct mse_fetch_key k = { .kind = kind,
                               .product = MSE_SNP_MILAN,
                               .tcb = mse_snp_tcb_of(w->reported_tcb, MSE_SNP_MILAN) };
    memcpy(k.hwid, w->chip_id, sizeof k.hwid);
    return k;
}

static mse_status judge(struct snp_world *w, enum mse_fetch_kind kind)
{
    struct mse_fetch_config c = { .policy = &w->policy, .at = w->at };
    struct mse_fetch_key k = key_of(w, kind);
    struct mse_fetched o;
    snp_make(w);
    fill(&o, w, kind);
    mse_status st = mse_fetched_verify(&o, &k, &c, NULL);
    mse_fetched_clear(&o);
    return st;
}

/* With the knobs that the test set, which go back to healthy ones. */
static void want(struct snp_world *w, enum mse_fetch_kind kind, mse_status st)
{
    assert_status(judge(w, kind), st);
    (void)snp_defaults((void **)&w);
}

static void test_healthy(void **state)
{
    struct snp_world *w = *state;
    want(w, MSE_FETCH_VCEK, MSE_OK);
    want(w, MSE_FETCH_AMD_CHAIN, MSE_OK);
    want(w, MSE_FETCH_AMD_CRL, MSE_OK);
}

static void test_roots(void **state)
{
    struct snp_world *w = *state;
    for (enum mse_fetch_kind k = MSE_FETCH_VCEK; k <= MSE_FETCH_AMD_CRL; k++) {
        struct mse_fetch_config none = { .at = w->at };
        struct mse_fetch_key key = key_of(w, k);
        struct mse_fetched o;
        memset(w->policy.simulation_root_sha256, 0x55, 32);
        want(w, k, MSE_ERR_VCEK_ROOT_UNTRUSTED);
        snp_make(w);
        fill(&o, w, k);
        assert_status(mse_fetched_verify(&o, &key, &none, NULL), MSE_ERR_VCEK_ROOT_UNTRUSTED);
        mse_fetched_clear(&o);
    }
}

static void test_chains(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_ASK].issuer = "ARK-Other";
    want(w, MSE_FETCH_AMD_CHAIN, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ASK].signer = SNP_ASK;
    want(w, MSE_FETCH_AMD_CHAIN, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ARK].signer = SNP_ASK;
    want(w, MSE_FETCH_AMD_CRL, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ARK].is_ca = false;
    want(w, MSE_FETCH_AMD_CHAIN, MSE_ERR_VCEK_CHAIN);
    w->certs[SNP_ASK].until = w->at - 1;
    want(w, MSE_FETCH_AMD_CHAIN, MSE_ERR_VCEK_EXPIRED);
    w->certs[SNP_ASK].from = w->at + 1;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_NOT_YET_VALID);
}

static void test_vcek(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_VCEK].signer = SNP_ARK;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_SIGNATURE);
    w->hwid[0] ^= 1;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_HWID_MISMATCH);
    w->hwid_len = 8;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_HWID_MISMATCH);
    w->svn[8]++;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_TCB_MISMATCH);
    w->has_svn[8] = false;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_EXTENSION);
    w->certs[SNP_VCEK].until = w->at - 1;
    want(w, MSE_FETCH_VCEK, MSE_ERR_VCEK_EXPIRED);
}

static void test_crl(void **state)
{
    struct snp_world *w = *state;
    w->crl_issuer = "ARK-Other";
    want(w, MSE_FETCH_AMD_CRL, MSE_ERR_VCEK_CRL_ISSUER_MISMATCH);
    w->crl_signer = SNP_ASK;
    want(w, MSE_FETCH_AMD_CRL, MSE_ERR_VCEK_CRL_SIGNATURE);
    w->crl_until = w->at - 1;
    want(w, MSE_FETCH_AMD_CRL, MSE_ERR_VCEK_CRL_EXPIRED);
    w->crl_from = w->at + 1;
    want(w, MSE_FETCH_AMD_CRL, MSE_ERR_VCEK_CRL_NOT_YET_VALID);
}

static void test_malformed(void **state)
{
    struct snp_world *w = *state;
    static const mse_status statuses[] = {
        [MSE_FETCH_VCEK] = MSE_ERR_VCEK_CHAIN,
        [MSE_FETCH_AMD_CHAIN] = MSE_ERR_VCEK_CHAIN,
        [MSE_FETCH_AMD_CRL] = MSE_ERR_VCEK_CRL_MALFORMED,
    };
    struct mse_fetch_config c = { .policy = &w->policy, .at = w->at };
    snp_make(w);
    for (enum mse_fetch_kind k = MSE_FETCH_VCEK; k <= MSE_FETCH_AMD_CRL; k++) {
        struct mse_fetch_key key = key_of(w, k);
        struct mse_fetched o;
        fill(&o, w, k);
        mse_build_reset(&o.body);
        mse_wr_str(&o.body, "<html>429</html>");
        assert_status(mse_fetched_verify(&o, &key, &c, NULL), statuses[k]);
        mse_fetched_clear(&o);
        if (k != MSE_FETCH_AMD_CHAIN) {
            fill(&o, w, k);
            mse_build_reset(&o.chain);
            assert_status(mse_fetched_verify(&o, &key, &c, NULL), MSE_ERR_VCEK_CHAIN);
            mse_fetched_clear(&o);
        }
    }
    /* The chain of VLEKs was asked for. */
    struct mse_fetch_key key = key_of(w, MSE_FETCH_AMD_CHAIN);
    struct mse_fetched o;
    key.vlek = true;
    fill(&o, w, MSE_FETCH_AMD_CHAIN);
    assert_status(mse_fetched_verify(&o, &key, &c, NULL), MSE_ERR_VCEK_CHAIN);
    mse_fetched_clear(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_healthy, snp_defaults),
        cmocka_unit_test_setup(test_roots, snp_defaults),
        cmocka_unit_test_setup(test_chains, snp_defaults),
        cmocka_unit_test_setup(test_vcek, snp_defaults),
        cmocka_unit_test_setup(test_crl, snp_defaults),
        cmocka_unit_test_setup(test_malformed, snp_defaults),
    };
    return cmocka_run_group_tests(tests, snp_setup, snp_teardown);
}
