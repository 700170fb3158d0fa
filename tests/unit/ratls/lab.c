/* SPDX-License-Identifier: Apache-2.0 */
/* See lab.h. */
#include "lab.h"

#include "base/bytes.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "ratls/oids.h"

#define MAX_PART ((size_t)65536)

static int setup(void **state, mse_time now)
{
    struct lab *l = calloc(1, sizeof *l);
    struct mse_sim_options o = { .now = now };
    char path[512];
    assert_non_null(l);
    l->now = now;
    l->dir = test_tmpdir();
    (void)snprintf(path, sizeof path, "%s/sim", l->dir);
    assert_status(mse_sim_init(path, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&l->platform, path, NULL), MSE_OK);
    (void)snprintf(path, sizeof path, "%s/sim/collateral.json", l->dir);
    l->json = test_read_file(path);
    l->scratch = malloc(2 * l->json.len);
    assert_non_null(l->scratch);
    assert_status(mse_bundle_parse(&l->bundle, l->scratch, 2 * l->json.len, l->json, NULL), MSE_OK);
    (void)snprintf(path, sizeof path, "%s/sim/root.pem", l->dir);
    struct mse_bytes root = test_read_file(path);
    mse_policy_default(&l->policy);
    l->policy.allow_simulation = true;
    l->policy.insecure_any_app = true;
    assert_status(mse_simulation_root_of_pem(l->policy.simulation_root, root, NULL), MSE_OK);
    free((void *)(uintptr_t)root.data);
    assert_status(mse_privkey_generate_p256(&l->key), MSE_OK);
    mse_build_heap(&l->spki, MAX_PART);
    mse_build_heap(&l->claims, MAX_PART);
    mse_build_heap(&l->quote, MAX_PART);
    mse_build_heap(&l->evidence, MAX_PART);
    mse_build_heap(&l->cert, MAX_PART);
    assert_status(mse_privkey_spki(l->key, &l->spki), MSE_OK);
    assert_status(mse_sha256(l->spki_sha256, mse_build_view(&l->spki)), MSE_OK);
    *state = l;
    return 0;
}

int lab_setup(void **state)
{
    return setup(state, LAB_NOW);
}

int lab_setup_today(void **state)
{
    return setup(state, (mse_time)time(NULL));
}

int lab_teardown(void **state)
{
    struct lab *l = *state;
    mse_build_clear(&l->spki);
    mse_build_clear(&l->claims);
    mse_build_clear(&l->quote);
    mse_build_clear(&l->evidence);
    mse_build_clear(&l->cert);
    mse_privkey_free(l->key);
    mse_sim_free(l->platform);
    free((void *)(uintptr_t)l->json.data);
    free(l->scratch);
    test_tmpdir_remove(l->dir);
    free(l);
    return 0;
}

void lab_quote(struct lab *l, const uint8_t report_data[64])
{
    struct mse_sim_report r = { .mr_enclave = { 1, 2, 3 },
                                .attr_flags =
                                    MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT | l->attr_flags };
    memcpy(r.report_data, report_data, 64);
    assert_status(mse_sim_mrsigner(l->platform, r.mr_signer), MSE_OK);
    mse_build_reset(&l->quote);
    assert_status(mse_sim_quote(l->platform, &l->quote, &r, NULL), MSE_OK);
}

mse_status lab_quote_fn(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    struct lab *l = arg;
    (void)err;
    lab_quote(l, report_data);
    assert_true(l->quote.len <= cap);
    memcpy(out, l->quote.data, l->quote.len);
    *out_len = l->quote.len;
    return MSE_OK;
}

void lab_evidence(struct lab *l, const struct mse_ratls_claims_params *p)
{
    uint8_t report_data[64];
    struct mse_ratls_claims_params params = *p;
    memcpy(params.spki_sha256, l->spki_sha256, 32);
    mse_build_reset(&l->claims);
    assert_status(mse_ratls_claims_make(&l->claims, &params), MSE_OK);
    assert_status(mse_ratls_report_data(report_data, mse_build_view(&l->claims)), MSE_OK);
    lab_quote(l, report_data);
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&l->quote),
                                          mse_build_view(&l->claims)),
                  MSE_OK);
}

void lab_cert(struct lab *l)
{
    const struct mse_ratls_cert_params p = { .key = l->key,
                                             .dns_name = LAB_HOST,
                                             .not_before = LAB_NOW - 3600,
                                             .not_after = LAB_NOW + 30 * LAB_DAY,
                                             .evidence = mse_build_view(&l->evidence) };
    struct mse_error err = { .status = MSE_OK };
    mse_build_reset(&l->cert);
    if (mse_ratls_cert_make(&l->cert, &p, &err) != MSE_OK) {
        fail_msg("%s", err.text);
    }
}

void lab_cert_r2(struct lab *l, uint8_t ca_sha256[32])
{
    struct mse_privkey *key = NULL;
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    assert_status(mse_privkey_spki_sha256(key, ca_sha256), MSE_OK);
    const struct mse_ratls_claims_params claims = { .role = MSE_ROLE_SERVER_STATIC,
                                                    .ca_sha256 = mse_bytes_of(ca_sha256, 32) };
    lab_evidence(l, &claims);
    const struct mse_ratls_cert_params p = { .key = l->key,
                                             .dns_name = LAB_HOST,
                                             .not_before = LAB_NOW - 3600,
                                             .not_after = LAB_NOW + 30 * LAB_DAY,
                                             .evidence = mse_build_view(&l->evidence),
                                             .ca = key };
    const struct mse_ratls_ca_params ca = {
        .key = key, .dns_name = LAB_HOST, .not_before = p.not_before, .not_after = p.not_after
    };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    assert_status(mse_ratls_ca_make(&l->cert, &ca, NULL), MSE_OK);
    mse_privkey_free(key);
}

static void put_algorithm(struct mse_build *b)
{
    size_t mark = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, mse_oid_ecdsa_sha256, sizeof mse_oid_ecdsa_sha256);
    mse_derw_close(b, mark);
}

static void put_name(struct mse_build *b, const char *text)
{
    const struct mse_derw_attr cn = { mse_oid_common_name, sizeof mse_oid_common_name, text };
    mse_derw_name(b, &cn, 1);
}

static void put_extensions(struct mse_build *b, const struct lab_ext *exts, size_t num)
{
    size_t outer = mse_derw_open(b, MSE_DER_CONTEXT(3));
    size_t list = mse_derw_open(b, MSE_DER_SEQUENCE);
    for (size_t i = 0; i < num; i++) {
        size_t ext = mse_derw_open(b, MSE_DER_SEQUENCE);
        mse_derw_oid(b, exts[i].oid.data, exts[i].oid.len);
        if (exts[i].critical) {
            mse_derw_bool(b, true);
        }
        mse_derw_prim(b, MSE_DER_OCTETS, exts[i].value);
        mse_derw_close(b, ext);
    }
    mse_derw_close(b, list);
    mse_derw_close(b, outer);
}

void lab_forge_any(struct mse_build *b, const struct lab_forged *f)
{
    size_t cert = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t start = b->len;
    size_t tbs = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t version = mse_derw_open(b, MSE_DER_CONTEXT(0));
    mse_derw_uint64(b, 2);
    mse_derw_close(b, version);
    mse_derw_uint64(b, 77);
    put_algorithm(b);
    put_name(b, f->issuer);
    size_t validity = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_time(b, f->not_before);
    mse_derw_time(b, f->not_after);
    mse_derw_close(b, validity);
    put_name(b, f->subject);
    assert_status(mse_privkey_spki(f->key, b), MSE_OK);
    put_extensions(b, f->exts, f->num);
    mse_derw_close(b, tbs);
    uint8_t sig_buf[128];
    struct mse_build sig;
    mse_build_fixed(&sig, sig_buf, sizeof sig_buf);
    struct mse_bytes signed_part = mse_bytes_of(b->data + start, b->len - start);
    assert_status(mse_privkey_sign(f->signer, &sig, signed_part), MSE_OK);
    put_algorithm(b);
    mse_derw_bits(b, mse_build_view(&sig));
    mse_derw_close(b, cert);
    assert_true(mse_build_ok(b));
}

void lab_forge(struct lab *l, const struct lab_ext *exts, size_t num)
{
    const struct lab_forged f = { .subject = "forged",
                                  .issuer = "forged",
                                  .key = l->key,
                                  .signer = l->key,
                                  .not_before = LAB_NOW,
                                  .not_after = LAB_NOW + LAB_DAY,
                                  .exts = exts,
                                  .num = num };
    mse_build_reset(&l->cert);
    lab_forge_any(&l->cert, &f);
}
