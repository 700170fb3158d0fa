/* SPDX-License-Identifier: Apache-2.0 */
/* See snp_world.h. */
#include "snp_world.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/refusal.h"
#include "lib/testlib.h"

#include "lib/both.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

#define SEQ      MSE_DER_SEQUENCE
#define ROOM     ((size_t)8192)
#define MAX_SPKI 1024

/* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48 (RFC 4055 §3.1). */
static const uint8_t alg_pss[] = { 0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                   0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06,
                                   0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
                                   0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86,
                                   0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06,
                                   0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
                                   0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30 };

int snp_setup(void **state)
{
    struct snp_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->keys[SNP_ARK] = EVP_RSA_gen(4096);
    w->keys[SNP_ASK] = EVP_RSA_gen(4096);
    w->keys[SNP_VCEK] = EVP_EC_gen("P-384");
    w->other = EVP_EC_gen("P-384");
    for (size_t i = 0; i < SNP_NUM_CERTS; i++) {
        assert_non_null(w->keys[i]);
        mse_build_heap(&w->der[i], ROOM);
    }
    assert_non_null(w->other);
    mse_build_heap(&w->issuers, 2 * ROOM);
    mse_build_heap(&w->crl, ROOM);
    *state = w;
    return 0;
}

int snp_teardown(void **state)
{
    struct snp_world *w = *state;
    for (size_t i = 0; i < SNP_NUM_CERTS; i++) {
        EVP_PKEY_free(w->keys[i]);
        mse_build_clear(&w->der[i]);
    }
    EVP_PKEY_free(w->other);
    mse_build_clear(&w->issuers);
    mse_build_clear(&w->crl);
    free(w);
    return 0;
}

static struct mse_bytes spki_of(EVP_PKEY *key, uint8_t out[MAX_SPKI])
{
    uint8_t *p = out;
    int len = i2d_PUBKEY(key, NULL);
    assert_true(len > 0 && len <= MAX_SPKI);
    assert_int_equal(i2d_PUBKEY(key, &p), len);
    return mse_bytes_of(out, (size_t)len);
}

static void default_policy(struct snp_world *w)
{
    uint8_t spki[MAX_SPKI];
    struct mse_reference r = { .has_measurement = true, .measurement = { 0x11 } };
    mse_policy_default(&w->policy);
    w->policy.allow_simulation = true;
    assert_status(mse_sha256(w->policy.simulation_root_sha256, spki_of(w->keys[SNP_ARK], spki)),
                  MSE_OK);
    w->policy.references[0] = r;
    w->policy.num_references = 1;
}

static void default_certs(struct snp_world *w)
{
    static const struct snp_cert_knobs certs[SNP_NUM_CERTS] = {
        { .subject = "ARK-Test",
          .issuer = "ARK-Test",
          .signer = SNP_ARK,
          .is_ca = true,
          .path_len = -1,
          .key_usage = 0x06,
          .serial = 1 },
        { .subject = "SEV-Test",
          .issuer = "ARK-Test",
          .signer = SNP_ARK,
          .is_ca = true,
          .path_len = 0,
          .key_usage = 0x04,
          .serial = 2 },
        { .subject = "SEV-VCEK",
          .issuer = "SEV-Test",
          .signer = SNP_ASK,
          .path_len = -1,
          .serial = 3 },
    };
    for (size_t i = 0; i < SNP_NUM_CERTS; i++) {
        w->certs[i] = certs[i];
        w->certs[i].from = SNP_NOW - 400 * SNP_DAY;
        w->certs[i].until = SNP_NOW + (mse_time)(400 - 10 * (int)i) * SNP_DAY;
    }
    w->product = "Milan-B0";
    for (size_t i = 0; i < 10; i++) {
        w->has_svn[i] = i >= 1 && i <= 8;
        w->svn[i] = 0;
    }
    w->svn[1] = 4;
    w->svn[3] = 24;
    w->svn[8] = 219;
    w->hwid_len = 64;
}

int snp_defaults(void **state)
{
    struct snp_world *w = *state;
    static const uint8_t tcb[8] = { 4, 0, 0, 0, 0, 0, 24, 219 };
    static const uint8_t milan[3] = { 0x19, 0x01, 0x01 };
    memset(w->report_data, 0, sizeof w->report_data);
    w->report_data[0] = 0x44;
    memset(w->host_data, 0, sizeof w->host_data);
    w->host_data[0] = 0x22;
    default_policy(w);
    default_certs(w);
    w->at = SNP_NOW;
    w->weak_vcek = false;
    w->crl_issuer = "ARK-Test";
    w->crl_signer = SNP_ARK;
    w->crl_from = SNP_NOW - SNP_DAY;
    w->crl_until = SNP_NOW + 300 * SNP_DAY;
    w->revoked = -1;
    w->version = 3;
    w->guest_policy = MSE_SNP_POLICY_MUST_BE_1;
    w->vmpl = 0;
    w->key_info = 0;
    w->signed_by_other = false;
    memcpy(w->reported_tcb, tcb, 8);
    memcpy(w->committed_tcb, tcb, 8);
    memcpy(w->cpuid, milan, 3);
    for (size_t i = 0; i < 64; i++) {
        w->hwid[i] = w->chip_id[i] = (uint8_t)(i + 1);
    }
    return 0;
}

/* Certificates and the CRL. */

static void wr_name(struct mse_build *b, const char *cn)
{
    static const uint8_t oid[] = { 0x55, 0x04, 0x03 };
    const struct mse_derw_attr attr = { oid, sizeof oid, cn };
    mse_derw_name(b, &attr, 1);
}

static void sign_pss(struct mse_build *b, EVP_PKEY *key, struct mse_bytes tbs)
{
    uint8_t sig[1024];
    size_t len = sizeof sig;
    EVP_PKEY_CTX *opt = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_non_null(ctx);
    assert_int_equal(EVP_DigestSignInit(ctx, &opt, EVP_sha384(), NULL, key), 1);
    if (EVP_PKEY_is_a(key, "RSA")) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(opt, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(opt, 48), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, tbs.data, tbs.len), 1);
    EVP_MD_CTX_free(ctx);
    mse_derw_bits(b, mse_bytes_of(sig, len));
}

static void wr_signed(struct mse_build *out, EVP_PKEY *key, const struct mse_build *tbs)
{
    mse_build_reset(out);
    size_t all = mse_derw_open(out, SEQ);
    mse_wr_bytes(out, mse_build_view(tbs));
    mse_wr_copy(out, alg_pss, sizeof alg_pss);
    sign_pss(out, key, mse_build_view(tbs));
    mse_derw_close(out, all);
    assert_true(mse_build_ok(out));
}

static void wr_extension(struct mse_build *b, struct mse_bytes oid, struct mse_bytes value)
{
    size_t ext = mse_derw_open(b, SEQ);
    mse_derw_oid(b, oid.data, oid.len);
    mse_derw_prim(b, MSE_DER_OCTETS, value);
    mse_derw_close(b, ext);
}

static void wr_ca_extensions(struct mse_build *b, const struct snp_cert_knobs *k)
{
    static const uint8_t constraints[] = { 0x55, 0x1d, 0x13 };
    static const uint8_t usage[] = { 0x55, 0x1d, 0x0f };
    uint8_t room[64];
    struct mse_build v;
    mse_build_fixed(&v, room, sizeof room);
    size_t seq = mse_derw_open(&v, SEQ);
    if (k->is_ca) {
        mse_derw_bool(&v, true);
    }
    if (k->path_len >= 0) {
        mse_derw_uint64(&v, (uint64_t)k->path_len);
    }
    mse_derw_close(&v, seq);
    wr_extension(b, mse_bytes_of(constraints, sizeof constraints), mse_build_view(&v));
    if (k->key_usage != 0) {
        const uint8_t bits[] = { 0x03, 0x02, (uint8_t)(k->key_usage == 0x06 ? 1 : 2),
                                 (uint8_t)k->key_usage };
        wr_extension(b, mse_bytes_of(usage, sizeof usage), mse_bytes_of(bits, sizeof bits));
    }
}

#define AMD 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01

static void wr_vcek_extensions(struct mse_build *b, const struct snp_world *w)
{
    static const uint8_t name_oid[] = { AMD, 2 };
    static const uint8_t hwid_oid[] = { AMD, 4 };
    uint8_t room[64];
    struct mse_build v;
    if (w->product != NULL) {
        mse_build_fixed(&v, room, sizeof room);
        mse_derw_prim(&v, 0x16, mse_bytes_str(w->product));
        wr_extension(b, mse_bytes_of(name_oid, sizeof name_oid), mse_build_view(&v));
    }
    for (uint8_t i = 0; i < 10; i++) {
        const uint8_t oid[] = { AMD, 3, i };
        mse_build_fixed(&v, room, sizeof room);
        mse_derw_uint64(&v, w->svn[i]);
        if (w->has_svn[i]) {
            wr_extension(b, mse_bytes_of(oid, sizeof oid), mse_build_view(&v));
        }
    }
    if (w->hwid_len > 0) {
        wr_extension(b, mse_bytes_of(hwid_oid, sizeof hwid_oid),
                     mse_bytes_of(w->hwid, w->hwid_len));
    }
}

static void make_cert(struct snp_world *w, enum snp_cert i)
{
    const struct snp_cert_knobs *k = &w->certs[i];
    uint8_t room[4096];
    uint8_t spki[MAX_SPKI];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    size_t tbs = mse_derw_open(&b, SEQ);
    size_t version = mse_derw_open(&b, MSE_DER_CONTEXT(0));
    mse_derw_uint64(&b, 2);
    mse_derw_close(&b, version);
    mse_derw_uint64(&b, k->serial);
    mse_wr_copy(&b, alg_pss, sizeof alg_pss);
    wr_name(&b, k->issuer);
    size_t dates = mse_derw_open(&b, SEQ);
    mse_derw_time(&b, k->from);
    mse_derw_time(&b, k->until);
    mse_derw_close(&b, dates);
    wr_name(&b, k->subject);
    mse_wr_bytes(&b, spki_of(i == SNP_VCEK && w->weak_vcek ? w->keys[SNP_ARK] : w->keys[i], spki));
    size_t outer = mse_derw_open(&b, MSE_DER_CONTEXT(3));
    size_t list = mse_derw_open(&b, SEQ);
    if (i != SNP_VCEK || k->is_ca) {
        wr_ca_extensions(&b, k);
    }
    if (i == SNP_VCEK) {
        wr_vcek_extensions(&b, w);
    }
    mse_derw_close(&b, list);
    mse_derw_close(&b, outer);
    mse_derw_close(&b, tbs);
    assert_true(mse_build_ok(&b));
    wr_signed(&w->der[i], w->keys[k->signer], &b);
}

static void make_crl(struct snp_world *w)
{
    uint8_t room[2048];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    size_t tbs = mse_derw_open(&b, SEQ);
    mse_derw_uint64(&b, 1);
    mse_wr_copy(&b, alg_pss, sizeof alg_pss);
    wr_name(&b, w->crl_issuer);
    mse_derw_time(&b, w->crl_from);
    mse_derw_time(&b, w->crl_until);
    if (w->revoked >= 0) {
        size_t list = mse_derw_open(&b, SEQ);
        size_t entry = mse_derw_open(&b, SEQ);
        mse_derw_uint64(&b, w->certs[w->revoked].serial);
        mse_derw_time(&b, w->crl_from);
        mse_derw_close(&b, entry);
        mse_derw_close(&b, list);
    }
    mse_derw_close(&b, tbs);
    assert_true(mse_build_ok(&b));
    wr_signed(&w->crl, w->keys[w->crl_signer], &b);
}

/* The report. */

static void put_le(uint8_t out[72], const BIGNUM *n)
{
    assert_int_equal(BN_bn2lebinpad(n, out, 72), 72);
}

static void sign_report(struct snp_world *w)
{
    uint8_t der[256];
    const uint8_t *p = der;
    size_t len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = w->signed_by_other ? w->other : w->keys[SNP_VCEK];
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, w->report, 0x2a0), 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(sig);
    put_le(w->report + 0x2a0, ECDSA_SIG_get0_r(sig));
    put_le(w->report + 0x2e8, ECDSA_SIG_get0_s(sig));
    ECDSA_SIG_free(sig);
}

static void make_report(struct snp_world *w)
{
    struct mse_build b;
    memset(w->report, 0, sizeof w->report);
    mse_build_fixed(&b, w->report, sizeof w->report);
    mse_wr_u32le(&b, w->version);
    mse_wr_u32le(&b, 0);
    mse_wr_u64le(&b, w->guest_policy);
    mse_wr_zeros(&b, 32);
    mse_wr_u32le(&b, w->vmpl);
    mse_wr_u32le(&b, 1);
    mse_wr_copy(&b, w->reported_tcb, 8);
    mse_wr_u64le(&b, 1);
    mse_wr_u32le(&b, w->key_info);
    assert_true(mse_build_ok(&b) && b.len == 0x4c);
    memcpy(w->report + 0x50, w->report_data, 64);
    w->report[0x90] = 0x11; /* MEASUREMENT */
    memcpy(w->report + 0xc0, w->host_data, sizeof w->host_data);
    w->report[0xe0] = 0x33;  /* ID_KEY_DIGEST */
    w->report[0x110] = 0x55; /* AUTHOR_KEY_DIGEST */
    memcpy(w->report + 0x180, w->reported_tcb, 8);
    if (w->version >= 3) {
        memcpy(w->report + 0x188, w->cpuid, 3);
    }
    memcpy(w->report + 0x1a0, w->chip_id, 64);
    memcpy(w->report + 0x1e0, w->committed_tcb, 8);
    sign_report(w);
}

void snp_make(struct snp_world *w)
{
    struct mse_collateral none = { .vcek = { NULL, 0 } };
    for (unsigned i = 0; i < SNP_NUM_CERTS; i++) {
        make_cert(w, (enum snp_cert)i);
    }
    make_crl(w);
    make_report(w);
    mse_build_reset(&w->issuers);
    mse_pem_write(&w->issuers, "CERTIFICATE", mse_build_view(&w->der[SNP_ASK]));
    mse_pem_write(&w->issuers, "CERTIFICATE", mse_build_view(&w->der[SNP_ARK]));
    w->collateral = none;
    w->collateral.vcek = mse_build_view(&w->der[SNP_VCEK]);
    w->collateral.vcek_issuer_chain = mse_build_view(&w->issuers);
    w->collateral.vcek_crl = mse_build_view(&w->crl);
}

mse_status snp_judge(struct snp_world *w)
{
    struct mse_error none = { .status = MSE_OK };
    w->err = none;
    const struct both_case c = { mse_appraise_snp, mse_bytes_of(w->report, sizeof w->report),
                                 &w->collateral, &w->policy, w->at };
    mse_status st = both_appraise(&w->verdict, &c, &w->err);
    assert_refusals_speak(&w->verdict, &w->err);
    return st;
}

mse_status snp_appraise(struct snp_world *w)
{
    snp_make(w);
    return snp_judge(w);
}

bool snp_failed_with(const struct snp_world *w, mse_status st)
{
    return verdict_failed_with(&w->verdict, st);
}
