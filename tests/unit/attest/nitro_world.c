/* SPDX-License-Identifier: Apache-2.0 */
/* See nitro_world.h. */
#include "nitro_world.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"

#define ROOM ((size_t)32768)

int nitro_setup(void **state)
{
    struct nitro_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    for (size_t i = 0; i < NITRO_NUM_CERTS; i++) {
        w->keys[i] = EVP_EC_gen("P-384");
        assert_non_null(w->keys[i]);
        mse_build_heap(&w->der[i], ROOM);
    }
    w->other = EVP_EC_gen("P-384");
    w->p256 = EVP_EC_gen("P-256");
    assert_true(w->other != NULL && w->p256 != NULL);
    mse_build_heap(&w->payload, ROOM);
    mse_build_heap(&w->document, ROOM);
    *state = w;
    return 0;
}

int nitro_teardown(void **state)
{
    struct nitro_world *w = *state;
    for (size_t i = 0; i < NITRO_NUM_CERTS; i++) {
        EVP_PKEY_free(w->keys[i]);
        mse_build_clear(&w->der[i]);
    }
    EVP_PKEY_free(w->other);
    EVP_PKEY_free(w->p256);
    mse_build_clear(&w->payload);
    mse_build_clear(&w->document);
    free(w);
    return 0;
}

static void default_policy(struct nitro_world *w)
{
    uint8_t *spki = NULL;
    struct mse_reference r = { .has_pcr = { true }, .pcr = { { 0x10 } } };
    int len = i2d_PUBKEY(w->keys[NITRO_ROOT], &spki);
    assert_true(len > 0);
    mse_policy_default(&w->policy);
    w->policy.allow_simulation = true;
    assert_status(mse_sha256(w->policy.simulation_root_sha256, mse_bytes_of(spki, (size_t)len)),
                  MSE_OK);
    OPENSSL_free(spki);
    w->policy.references[0] = r;
    w->policy.num_references = 1;
}

int nitro_defaults(void **state)
{
    static const struct nitro_cert_knobs certs[NITRO_NUM_CERTS] = {
        { .subject = "root",
          .issuer = "root",
          .signer = NITRO_ROOT,
          .constraints = "critical,CA:TRUE",
          .usage = "critical,digitalSignature,keyCertSign,cRLSign" },
        { .subject = "region",
          .issuer = "root",
          .signer = NITRO_ROOT,
          .constraints = "critical,CA:TRUE,pathlen:1",
          .usage = "critical,keyCertSign" },
        { .subject = "instance",
          .issuer = "region",
          .signer = NITRO_REGION,
          .constraints = "critical,CA:TRUE,pathlen:0",
          .usage = "critical,keyCertSign" },
        { .subject = "enclave",
          .issuer = "instance",
          .signer = NITRO_INSTANCE,
          .constraints = "critical,CA:FALSE",
          .usage = "digitalSignature,nonRepudiation" },
    };
    struct nitro_world *w = *state;
    default_policy(w);
    for (size_t i = 0; i < NITRO_NUM_CERTS; i++) {
        w->certs[i] = certs[i];
        w->certs[i].from = NITRO_NOW - (mse_time)(4 - i) * 3600;
        w->certs[i].until = NITRO_NOW + (mse_time)(4 - i) * 3600;
    }
    w->at = NITRO_NOW;
    w->leaf_is_p256 = false;
    w->tagged = false;
    w->indefinite = false;
    w->alg = 34;
    w->timestamp_ms = (uint64_t)(NITRO_NOW - 5) * 1000 + 7;
    memset(w->pcrs, 0, sizeof w->pcrs);
    for (size_t i = 0; i < 5; i++) {
        w->pcrs[i][0] = (uint8_t)(0x10 + i);
    }
    w->pcrs[8][0] = 0x18;
    w->public_key = mse_bytes_of(NULL, 0);
    w->user_data = mse_bytes_str("user data");
    w->nonce = mse_bytes_str("nonce");
    w->signed_by_other = false;
    return 0;
}

/* Certificates. */

static void set_name(X509_NAME *name, const char *cn)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0), 1);
}

static void add_extension(X509 *x, int nid, const char *value)
{
    if (value != NULL) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
    }
}

static void make_cert(struct nitro_world *w, enum nitro_cert i)
{
    const struct nitro_cert_knobs *k = &w->certs[i];
    X509 *x = X509_new();
    uint8_t *der = NULL;
    assert_non_null(x);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), (long)i + 1), 1);
    set_name(X509_get_subject_name(x), k->subject);
    set_name(X509_get_issuer_name(x), k->issuer);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), k->from));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), k->until));
    bool weak = i == NITRO_LEAF && w->leaf_is_p256;
    assert_int_equal(X509_set_pubkey(x, weak ? w->p256 : w->keys[i]), 1);
    add_extension(x, NID_basic_constraints, k->constraints);
    add_extension(x, NID_key_usage, k->usage);
    add_extension(x, NID_policy_constraints, k->unknown);
    assert_true(X509_sign(x, w->keys[k->signer], EVP_sha384()) > 0);
    int len = i2d_X509(x, &der);
    assert_true(len > 0);
    mse_build_reset(&w->der[i]);
    mse_wr_copy(&w->der[i], der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
}

/* The payload. */

void nitro_open(struct nitro_world *w, unsigned major, size_t num)
{
    if (w->indefinite) {
        mse_wr_u8(&w->payload, (uint8_t)(major << 5 | 31));
    } else if (major == MSE_CBOR_MAP) {
        mse_cborw_map(&w->payload, num);
    } else {
        mse_cborw_array(&w->payload, num);
    }
}

void nitro_close(struct nitro_world *w)
{
    if (w->indefinite) {
        mse_wr_u8(&w->payload, 0xff);
    }
}

void nitro_put_text(struct nitro_world *w, const char *key, const char *value)
{
    mse_cborw_text(&w->payload, key);
    mse_cborw_text(&w->payload, value);
}

void nitro_put_timestamp(struct nitro_world *w)
{
    mse_cborw_text(&w->payload, "timestamp");
    mse_cborw_uint(&w->payload, w->timestamp_ms);
}

void nitro_put_pcrs(struct nitro_world *w, size_t num)
{
    mse_cborw_text(&w->payload, "pcrs");
    nitro_open(w, MSE_CBOR_MAP, num);
    for (size_t i = 0; i < num; i++) {
        mse_cborw_uint(&w->payload, i);
        mse_cborw_bytes(&w->payload, mse_bytes_of(w->pcrs[i % 16], 48));
    }
    nitro_close(w);
}

void nitro_put_certificates(struct nitro_world *w, size_t num_cabundle)
{
    mse_cborw_text(&w->payload, "certificate");
    mse_cborw_bytes(&w->payload, mse_build_view(&w->der[NITRO_LEAF]));
    mse_cborw_text(&w->payload, "cabundle");
    nitro_open(w, MSE_CBOR_ARRAY, num_cabundle);
    for (size_t i = 0; i < num_cabundle; i++) {
        mse_cborw_bytes(&w->payload, mse_build_view(&w->der[i % NITRO_LEAF]));
    }
    nitro_close(w);
}

void nitro_put_data(struct nitro_world *w, const char *key, struct mse_bytes value)
{
    mse_cborw_text(&w->payload, key);
    if (value.data == NULL) {
        mse_cborw_simple(&w->payload, MSE_CBOR_NULL);
    } else {
        mse_cborw_bytes(&w->payload, value);
    }
}

static void make_payload(struct nitro_world *w)
{
    mse_build_reset(&w->payload);
    nitro_open(w, MSE_CBOR_MAP, 9);
    nitro_put_text(w, "module_id", "i-0123-enc0123");
    nitro_put_text(w, "digest", "SHA384");
    nitro_put_timestamp(w);
    nitro_put_pcrs(w, 16);
    nitro_put_certificates(w, 3);
    nitro_put_data(w, "public_key", w->public_key);
    nitro_put_data(w, "user_data", w->user_data);
    nitro_put_data(w, "nonce", w->nonce);
    nitro_close(w);
}

/* The document. */

static void put_signature(struct nitro_world *w, struct mse_bytes header)
{
    uint8_t digest[48];
    uint8_t rs[96];
    struct mse_build text;
    mse_build_heap(&text, ROOM);
    mse_cborw_array(&text, 4);
    mse_cborw_text(&text, "Signature1");
    mse_cborw_bytes(&text, header);
    mse_cborw_bytes(&text, mse_bytes_of(NULL, 0));
    mse_cborw_bytes(&text, mse_build_view(&w->payload));
    assert_true(mse_build_ok(&text));
    assert_status(mse_sha384(digest, mse_build_view(&text)), MSE_OK);
    EVP_PKEY *key = w->signed_by_other ? w->other : w->keys[NITRO_LEAF];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[128];
    size_t len = sizeof der;
    const uint8_t *p = der;
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &len, digest, sizeof digest), 1);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, 48), 48);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + 48, 48), 48);
    mse_cborw_bytes(&w->document, mse_bytes_of(rs, sizeof rs));
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    mse_build_clear(&text);
}

void nitro_sign(struct nitro_world *w)
{
    uint8_t buf[8];
    struct mse_build header;
    mse_build_fixed(&header, buf, sizeof buf);
    mse_cborw_map(&header, 1);
    mse_cborw_uint(&header, 1);
    mse_cborw_nint(&header, w->alg);
    mse_build_reset(&w->document);
    if (w->tagged) {
        mse_cborw_tag(&w->document, 18);
    }
    mse_cborw_array(&w->document, 4);
    mse_cborw_bytes(&w->document, mse_build_view(&header));
    mse_cborw_map(&w->document, 0);
    mse_cborw_bytes(&w->document, mse_build_view(&w->payload));
    put_signature(w, mse_build_view(&header));
    assert_true(mse_build_ok(&w->document));
}

void nitro_make(struct nitro_world *w)
{
    for (unsigned i = 0; i < NITRO_NUM_CERTS; i++) {
        make_cert(w, (enum nitro_cert)i);
    }
    make_payload(w);
    nitro_sign(w);
}

mse_status nitro_judge(struct nitro_world *w)
{
    struct mse_error none = { .status = MSE_OK };
    w->err = none;
    return mse_appraise_nitro(&w->verdict, mse_build_view(&w->document), &w->policy, w->at,
                              &w->err);
}

mse_status nitro_appraise(struct nitro_world *w)
{
    nitro_make(w);
    return nitro_judge(w);
}

bool nitro_failed_with(const struct nitro_world *w, mse_status st)
{
    return verdict_failed_with(&w->verdict, st);
}
