/* SPDX-License-Identifier: Apache-2.0 */
/* Making claims, evidence and certificates (docs/protocol.md, "Certificate"). The key and the
 * quote are the caller's. */
#include "ratls/make.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "ratls/claims.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

/* Fits into the first flight of a handshake and leaves room for a second quote. */
#define MAX_CERT       ((size_t)12 * 1024)
#define MAX_SPKI       256
#define SERIAL_LEN     16
#define GENERAL_DNS    MSE_DER_CONTEXTP(2)
#define GENERAL_IP     MSE_DER_CONTEXTP(7)
#define POINT_LEN      64
#define POINT_UNPACKED 0x04

static void put_bytes(struct mse_build *out, const char *key, struct mse_bytes v)
{
    if (v.len > 0) {
        mse_cborw_text(out, key);
        mse_cborw_bytes(out, v);
    }
}

/* The value of pubkey-hash: a byte string around the encoded array [1, SHA-256]. */
static void put_key_hash(struct mse_build *out, const char *key, const uint8_t spki_sha256[32])
{
    uint8_t buf[48];
    struct mse_build inner;
    mse_build_fixed(&inner, buf, sizeof buf);
    mse_cborw_array(&inner, 2);
    mse_cborw_uint(&inner, MSE_HASH_ALG_SHA256);
    mse_cborw_bytes(&inner, mse_bytes_of(spki_sha256, MSE_SHA256_LEN));
    MSE_ASSERT(mse_build_ok(&inner));
    mse_cborw_text(out, key);
    mse_cborw_bytes(out, mse_build_view(&inner));
}

static bool len_ok(struct mse_bytes v, size_t len)
{
    return v.len == 0 || v.len == len;
}

mse_status mse_ratls_claims_make(struct mse_build *out, const struct mse_ratls_claims_params *p)
{
    const char *role = mse_ratls_role_name(p->role);
    const char *origin = mse_ratls_key_origin_name(p->key_origin);
    if (role == NULL || !len_ok(p->nonce, MSE_CLAIM_LEN) || !len_ok(p->exporter, MSE_CLAIM_LEN) ||
        !len_ok(p->x25519, MSE_CLAIM_LEN) || !len_ok(p->ca_sha256, MSE_CLAIM_LEN) ||
        !len_ok(p->manifest, MSE_CLAIM_LEN) || !len_ok(p->boot, MSE_CLAIM_BOOT_LEN) ||
        p->app_data.len > MSE_CLAIM_APP_MAX || (p->app_data.len > 0 && p->role != MSE_ROLE_APP) ||
        (p->ca_sha256.len > 0 &&
         (p->role == MSE_ROLE_APP || p->key_origin == MSE_KEY_ORIGIN_OWNER))) {
        return MSE_ERR_ARGUMENT;
    }
    size_t pairs = 2U + (p->nonce.len > 0) + (p->exporter.len > 0) + (p->x25519.len > 0) +
                   (p->manifest.len > 0) + (p->boot.len > 0) + (p->app_data.len > 0) +
                   (p->ca_sha256.len > 0) + (origin != NULL);
    mse_cborw_map(out, pairs); /* keys in bytewise order: the shorter first */
    put_bytes(out, MSE_CLAIM_NONCE, p->nonce);
    put_bytes(out, MSE_CLAIM_BOOT, p->boot);
    mse_cborw_text(out, MSE_CLAIM_ROLE);
    mse_cborw_text(out, role);
    put_bytes(out, MSE_CLAIM_X25519, p->x25519);
    if (p->ca_sha256.len > 0) {
        put_key_hash(out, MSE_CLAIM_CA_HASH, p->ca_sha256.data);
    }
    put_key_hash(out, MSE_CLAIM_PUBKEY_HASH, p->spki_sha256);
    put_bytes(out, MSE_CLAIM_APP_DATA, p->app_data);
    put_bytes(out, MSE_CLAIM_EXPORTER, p->exporter);
    put_bytes(out, MSE_CLAIM_MANIFEST, p->manifest);
    if (origin != NULL) {
        mse_cborw_text(out, MSE_CLAIM_KEY_ORIGIN);
        mse_cborw_text(out, origin);
    }
    return mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_ratls_report_data(uint8_t out[64], struct mse_bytes claims)
{
    uint8_t report_data[64] = { 0 };
    mse_status st = mse_sha256(report_data, claims);
    if (st == MSE_OK) {
        memcpy(out, report_data, sizeof report_data);
    }
    return st;
}

mse_status mse_ratls_evidence_make_tagged(struct mse_build *out, enum mse_tee_kind tee,
                                          struct mse_bytes report, struct mse_bytes claims,
                                          struct mse_bytes certificates)
{
    if (tee != MSE_TEE_SNP && tee != MSE_TEE_NITRO) {
        return MSE_ERR_ARGUMENT;
    }
    mse_cborw_tag(out, tee == MSE_TEE_SNP ? MSE_TAG_SNP : MSE_TAG_NITRO);
    mse_cborw_array(out, 3);
    mse_cborw_bytes(out, report);
    mse_cborw_bytes(out, claims);
    mse_cborw_bytes(out, certificates);
    return mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
}

/* A quote begins with its version and the type of its key, never 0; a report with a version of four
 * bytes. */
static bool is_snp(struct mse_bytes quote)
{
    uint16_t version = 0;
    uint16_t upper = 0;
    return quote.len >= MSE_SNP_REPORT_LEN && mse_rd_u16le(&quote, &version) &&
           mse_rd_u16le(&quote, &upper) && upper == 0;
}

mse_status mse_ratls_evidence_make(struct mse_build *out, struct mse_bytes quote,
                                   struct mse_bytes claims)
{
    if (is_snp(quote)) {
        const size_t len = MSE_SNP_REPORT_LEN;
        return mse_ratls_evidence_make_tagged(out, MSE_TEE_SNP, mse_bytes_of(quote.data, len),
                                              claims,
                                              mse_bytes_of(quote.data + len, quote.len - len));
    }
    mse_cborw_tag(out, MSE_TAG_QUOTE);
    mse_cborw_array(out, 2);
    mse_cborw_bytes(out, quote);
    mse_cborw_bytes(out, claims);
    return mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
}

/* A key that stands in a certificate, as the one it is for or the one that signs it. */
struct holder {
    const struct mse_privkey *key;
    const char *prefix; /* of its CN */
    uint8_t spki_buf[MAX_SPKI];
    struct mse_build spki;
    uint8_t spki_sha256[32];
    uint8_t key_id[MSE_PROFILE_KEY_ID_LEN];
};

/* What the certificate is made of, gathered before the first byte is written. */
struct parts {
    struct holder subject;
    struct holder issuer; /* the subject itself, or its CA */
    bool is_ca;
    mse_time not_before;
    mse_time not_after;
    struct mse_bytes evidence; /* of a certificate that is no CA's */
    struct mse_bytes legacy_quote;
    uint8_t serial[SERIAL_LEN];
    uint8_t name[MSE_PROFILE_MAX_DNS_NAME]; /* of the SAN: characters or an address */
    size_t name_len;
    uint8_t name_tag;
    const struct mse_bytes *names; /* of a CA that is for several; NULL: for that one */
    size_t num_names;
};

static bool read_name(struct parts *c, const char *name)
{
    if (inet_pton(AF_INET, name, c->name) == 1) {
        c->name_len = 4;
        c->name_tag = GENERAL_IP;
        return true;
    }
    if (inet_pton(AF_INET6, name, c->name) == 1) {
        c->name_len = 16;
        c->name_tag = GENERAL_IP;
        return true;
    }
    struct mse_bytes s = mse_bytes_str(name);
    if (!mse_profile_is_dns_name(s)) {
        return false;
    }
    memcpy(c->name, s.data, s.len);
    c->name_len = s.len;
    c->name_tag = GENERAL_DNS;
    return true;
}

static mse_status gather_holder(struct holder *h, const struct mse_privkey *key, const char *prefix)
{
    uint8_t point[1 + POINT_LEN] = { POINT_UNPACKED };
    h->key = key;
    h->prefix = prefix;
    mse_build_fixed(&h->spki, h->spki_buf, sizeof h->spki_buf);
    mse_status st = mse_privkey_spki(key, &h->spki);
    st = st == MSE_OK ? mse_sha256(h->spki_sha256, mse_build_view(&h->spki)) : st;
    st = st == MSE_OK ? mse_privkey_point(key, point + 1) : st;
    return st == MSE_OK ? mse_profile_key_id(h->key_id, mse_bytes_of(point, sizeof point)) : st;
}

static mse_status gather_keys(struct parts *c, const struct mse_privkey *key,
                              const struct mse_privkey *ca, struct mse_error *err)
{
    mse_status st = gather_holder(&c->subject, key, c->is_ca ? MSE_PROFILE_CN_CA : MSE_PROFILE_CN);
    if (st == MSE_OK) {
        st = ca == NULL ? gather_holder(&c->issuer, key, c->subject.prefix)
                        : gather_holder(&c->issuer, ca, MSE_PROFILE_CN_CA);
    }
    if (st == MSE_OK) {
        st = mse_random(c->serial, sizeof c->serial);
    }
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, "key", "the certificate's key is unusable");
}

/* What is not a matter of keys. dns_only: under a CA of ours there are no addresses. */
static mse_status gather_rest(struct parts *c, const char *name, bool dns_only,
                              struct mse_error *err)
{
    if (!read_name(c, name) || (dns_only && c->name_tag != GENERAL_DNS)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "name", "%.64s is not an exact host name%s", name,
                        dns_only ? " (an address has no CA)" : "");
    }
    if (c->not_after < c->not_before) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "certificate", "notAfter before notBefore");
    }
    return MSE_OK;
}

static void put_algorithm(struct mse_build *b)
{
    size_t alg = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, mse_oid_ecdsa_sha256, sizeof mse_oid_ecdsa_sha256);
    mse_derw_close(b, alg);
}

static void put_basics(struct mse_build *b)
{
    static const uint8_t digital_signature[] = { 7, 0x80 }; /* seven unused bits, bit 0 */
    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_basic_constraints), true);
    mse_derw_close(b, mse_derw_open(b, MSE_DER_SEQUENCE)); /* cA is FALSE by default */
    mse_profile_ext_end(b, e);

    e = mse_profile_ext(b, MSE_OID(mse_oid_key_usage), true);
    mse_derw_prim(b, MSE_DER_BIT_STRING, mse_bytes_of(digital_signature, sizeof digital_signature));
    mse_profile_ext_end(b, e);

    mse_profile_put_server_auth(b);
}

static void put_authority(struct mse_build *b, const struct parts *c)
{
    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_authority_key_id), false);
    size_t authority = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_prim(b, MSE_DER_CONTEXTP(0), mse_bytes_of(c->issuer.key_id, sizeof c->issuer.key_id));
    mse_derw_close(b, authority);
    mse_profile_ext_end(b, e);
}

static void put_leaf_extensions(struct mse_build *b, const struct parts *c)
{
    put_basics(b);

    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_subject_alt_name), false);
    size_t names = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_prim(b, c->name_tag, mse_bytes_of(c->name, c->name_len));
    mse_derw_close(b, names);
    mse_profile_ext_end(b, e);

    mse_profile_put_key_id(b, c->subject.key_id);
    if (c->issuer.key != c->subject.key) {
        put_authority(b, c);
    }

    if (c->evidence.len > 0) {
        e = mse_profile_ext(b, MSE_OID(mse_oid_dice), false);
        mse_wr_bytes(b, c->evidence);
        mse_profile_ext_end(b, e);
    }

    if (c->legacy_quote.len > 0) {
        e = mse_profile_ext(b, MSE_OID(mse_oid_legacy_sgx), false);
        mse_wr_bytes(b, c->legacy_quote);
        mse_profile_ext_end(b, e);
    }
}

static void put_extensions(struct mse_build *b, const struct parts *c)
{
    size_t outer = mse_derw_open(b, MSE_DER_CONTEXT(3));
    size_t list = mse_derw_open(b, MSE_DER_SEQUENCE);
    if (c->is_ca && c->names != NULL) {
        mse_profile_ca_extensions_all(b, c->names, c->num_names, c->subject.key_id);
    } else if (c->is_ca) {
        mse_profile_ca_extensions(b, mse_bytes_of(c->name, c->name_len), c->subject.key_id);
    } else {
        put_leaf_extensions(b, c);
    }
    mse_derw_close(b, list);
    mse_derw_close(b, outer);
}

/* spec: RFC 5280 §4.1 */
static void put_tbs(struct mse_build *b, const struct parts *c)
{
    size_t tbs = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t version = mse_derw_open(b, MSE_DER_CONTEXT(0));
    mse_derw_uint64(b, 2);
    mse_derw_close(b, version);
    mse_derw_uint(b, mse_bytes_of(c->serial, sizeof c->serial));
    put_algorithm(b);
    mse_profile_name(b, c->issuer.prefix, c->issuer.spki_sha256);
    size_t validity = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_time(b, c->not_before);
    mse_derw_time(b, c->not_after);
    mse_derw_close(b, validity);
    mse_profile_name(b, c->subject.prefix, c->subject.spki_sha256);
    mse_wr_bytes(b, mse_build_view(&c->subject.spki));
    put_extensions(b, c);
    mse_derw_close(b, tbs);
}

static mse_status put_cert(struct mse_build *b, const struct parts *c)
{
    uint8_t sig_buf[128];
    struct mse_build sig;
    mse_build_fixed(&sig, sig_buf, sizeof sig_buf);
    size_t cert = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t start = b->len;
    put_tbs(b, c);
    if (!mse_build_ok(b)) {
        return MSE_ERR_NO_SPACE;
    }
    struct mse_bytes tbs = { b->data + start, b->len - start };
    mse_status st = mse_privkey_sign(c->issuer.key, &sig, tbs);
    if (st != MSE_OK) {
        return st;
    }
    put_algorithm(b);
    mse_derw_bits(b, mse_build_view(&sig));
    mse_derw_close(b, cert);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

/* Appends what put_cert makes, or nothing. */
static mse_status append_cert(struct mse_build *out, const struct parts *c, struct mse_error *err)
{
    struct mse_build cert;
    mse_build_heap(&cert, MAX_CERT);
    mse_status st = put_cert(&cert, c);
    if (st == MSE_OK) {
        mse_wr_bytes(out, mse_build_view(&cert));
        st = mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_build_clear(&cert);
    return st == MSE_OK ? MSE_OK
                        : MSE_FAIL(err, st, "certificate", "it cannot be made: %s (at most %zu B)",
                                   mse_status_text(st), MAX_CERT);
}

mse_status mse_ratls_cert_make(struct mse_build *out, const struct mse_ratls_cert_params *p,
                               struct mse_error *err)
{
    struct parts c = { .not_before = p->not_before,
                       .not_after = p->not_after,
                       .evidence = p->evidence,
                       .legacy_quote = p->legacy_quote };
    if (p->evidence.len == 0 && !p->no_evidence) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "certificate", "no evidence");
    }
    mse_status st = gather_rest(&c, p->dns_name, p->ca != NULL, err);
    st = st == MSE_OK ? gather_keys(&c, p->key, p->ca, err) : st;
    return st == MSE_OK ? append_cert(out, &c, err) : st;
}

mse_status mse_ratls_ca_make(struct mse_build *out, const struct mse_ratls_ca_params *p,
                             struct mse_error *err)
{
    struct parts c = { .is_ca = true, .not_before = p->not_before, .not_after = p->not_after };
    mse_status st = gather_rest(&c, p->dns_name, true, err);
    st = st == MSE_OK ? gather_keys(&c, p->key, NULL, err) : st;
    return st == MSE_OK ? append_cert(out, &c, err) : st;
}

mse_status mse_ratls_local_make(struct mse_build *out, const struct mse_ratls_local_params *p,
                                struct mse_error *err)
{
    struct parts c = { .is_ca = p->ca == NULL,
                       .not_before = p->not_before,
                       .not_after = p->not_after,
                       .names = p->names,
                       .num_names = p->num_names };
    const struct mse_privkey *issuer = p->ca == NULL ? p->key : p->ca;
    for (size_t i = 0; i < p->num_names; i++) {
        if (!mse_profile_is_dns_name(p->names[i])) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, "name", "%.*s is no exact host name",
                            (int)p->names[i].len, (const char *)p->names[i].data);
        }
    }
    if (p->num_names == 0 || c.not_after < c.not_before) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "certificate",
                        "no name, or an end before its begin");
    }
    memcpy(c.name, p->names[0].data, p->names[0].len);
    c.name_len = p->names[0].len;
    c.name_tag = GENERAL_DNS;
    mse_status st = gather_holder(&c.issuer, issuer, MSE_PROFILE_CN_LOCAL_CA);
    if (st == MSE_OK) {
        st = gather_holder(&c.subject, p->key,
                           c.is_ca ? MSE_PROFILE_CN_LOCAL_CA : MSE_PROFILE_CN_LOCAL);
    }
    st = st == MSE_OK ? mse_random(c.serial, sizeof c.serial) : st;
    return st == MSE_OK ? append_cert(out, &c, err)
                        : MSE_FAIL(err, st, "key", "the certificate's key is unusable");
}
