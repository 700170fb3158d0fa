/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a certificate by its evidence: key binding, self signature, profile, role, name, dates.
 * The quote itself is judged in attest/. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/oids.h"

#define MAX_PEM  ((size_t)4096)
#define HALF     32 /* of report_data */
#define HEX_HALF (2 * HALF + 1)

static const char *const form_names[] = {
    [MSE_RATLS_DICE] = "tcg-dice",
    [MSE_RATLS_LEGACY] = "legacy",
    [MSE_RATLS_LEGACY_GRAMINE] = "legacy-gramine",
    [MSE_RATLS_OPEN_ENCLAVE] = "open-enclave",
    [MSE_RATLS_OLD_QUOTE_OID] = "sdk-sample",
    [MSE_RATLS_SNP] = "sev-snp",
    [MSE_RATLS_TDX] = "tdx",
    [MSE_RATLS_NITRO] = "nitro",
};

static const char *const binding_names[] = {
    [MSE_BINDING_NONE] = "none",
    [MSE_BINDING_SPKI] = "spki",
    [MSE_BINDING_POINT] = "point",
    [MSE_BINDING_PKCS1] = "pkcs1",
    [MSE_BINDING_PEM_NUL] = "pem",
    [MSE_BINDING_CLAIMS] = "claims",
    [MSE_BINDING_SPKI_PLAIN] = "spki-plain",
};

const char *mse_ratls_form_name(enum mse_ratls_form f)
{
    bool known = (unsigned)f < MSE_ARRAY_LEN(form_names) && form_names[f] != NULL;
    return known ? form_names[f] : "unknown";
}

const char *mse_ratls_binding_name(enum mse_ratls_binding b)
{
    return (unsigned)b < MSE_ARRAY_LEN(binding_names) ? binding_names[b] : "unknown";
}

/* ---- binding ---- */

static mse_status hash_by_alg(uint8_t out[64], size_t *len, uint8_t alg, struct mse_bytes in)
{
    switch (alg) {
    case MSE_HASH_ALG_SHA256:
        *len = 32;
        return mse_sha256(out, in);
    case MSE_HASH_ALG_SHA384:
        *len = 48;
        return mse_sha384(out, in);
    case MSE_HASH_ALG_SHA512:
        *len = 64;
        return mse_sha512(out, in);
    default:
        return MSE_ERR_CLAIMS_HASH;
    }
}

/* That the quote covers exactly these claims. */
static mse_status check_claims_hash(const struct mse_ratls_cert *c, const uint8_t report_data[64],
                                    struct mse_error *err)
{
    uint8_t hash[32] = { 0 };
    mse_status st = mse_sha256(hash, c->claims_raw);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "binding", "SHA-256 failed");
    }
    char seen[HEX_HALF];
    char wanted[HEX_HALF];
    if (!mse_mem_is_zero(report_data + HALF, HALF)) {
        mse_hex_encode(seen, mse_bytes_of(report_data + HALF, HALF));
        return MSE_FAIL(err, MSE_ERR_CLAIMS_HASH, "binding",
                        "report_data[32:64] is %s, wanted zeros", seen);
    }
    if (!mse_mem_equal(report_data, hash, HALF)) {
        mse_hex_encode(seen, mse_bytes_of(report_data, HALF));
        mse_hex_encode(wanted, mse_bytes_of(hash, HALF));
        return MSE_FAIL(err, MSE_ERR_CLAIMS_HASH, "binding",
                        "report_data is %s, wanted the hash of the claims %s", seen, wanted);
    }
    return MSE_OK;
}

static mse_status check_claims(const struct mse_ratls_cert *c, const uint8_t report_data[64],
                               struct mse_error *err)
{
    uint8_t hash[64] = { 0 };
    size_t len = 0;
    char seen[HEX_HALF];
    char wanted[HEX_HALF];
    mse_status st = check_claims_hash(c, report_data, err);
    if (st != MSE_OK) {
        return st;
    }
    st = hash_by_alg(hash, &len, c->claims.hash_alg, c->spki);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "binding", "hash algorithm %u", c->claims.hash_alg);
    }
    if (!mse_bytes_equal(c->claims.pubkey_hash, mse_bytes_of(hash, len))) {
        mse_hex_encode(wanted, mse_bytes_of(hash, HALF));
        MSE_ASSERT(c->claims.pubkey_hash.len >= HALF);
        mse_hex_encode(seen, mse_bytes_of(c->claims.pubkey_hash.data, HALF));
        return MSE_FAIL(err, MSE_ERR_BINDING, "binding", "key %s, the certificate's: %s", seen,
                        wanted);
    }
    return MSE_OK;
}

static mse_status hash_pem_nul(uint8_t out[32], struct mse_bytes spki)
{
    uint8_t buf[MAX_PEM];
    struct mse_build pem;
    mse_build_fixed(&pem, buf, sizeof buf);
    mse_pem_write(&pem, "PUBLIC KEY", spki);
    mse_wr_u8(&pem, 0);
    return mse_build_ok(&pem) ? mse_sha256(out, mse_build_view(&pem)) : MSE_ERR_NO_SPACE;
}

static bool has_point(const struct mse_pubkey *key)
{
    return key->type == MSE_KEY_P256 || key->type == MSE_KEY_P384;
}

/* SHA-256 over the key as this binding encodes it; *applies is false where it does not fit the kind
 * of key. */
static mse_status hash_key(uint8_t out[32], bool *applies, enum mse_ratls_binding b,
                           const struct mse_pubkey *key)
{
    *applies = true;
    switch (b) {
    case MSE_BINDING_SPKI:
        return mse_sha256(out, key->spki);
    case MSE_BINDING_PEM_NUL:
        return hash_pem_nul(out, key->spki);
    case MSE_BINDING_POINT:
        *applies = has_point(key);
        return *applies ? mse_sha256(out, key->raw) : MSE_OK;
    case MSE_BINDING_PKCS1:
        *applies = key->type == MSE_KEY_RSA;
        return *applies ? mse_sha256(out, key->raw) : MSE_OK;
    case MSE_BINDING_NONE:
    case MSE_BINDING_CLAIMS:
    case MSE_BINDING_SPKI_PLAIN:
        break;
    }
    *applies = false;
    return MSE_OK;
}

#define BIT(b) (1U << (unsigned)(b))
#define ALL_BINDINGS                                                                               \
    (BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT) | BIT(MSE_BINDING_PKCS1) |                     \
     BIT(MSE_BINDING_PEM_NUL))

/* Which encodings producers of a form hash. */
static unsigned bindings_of(enum mse_ratls_form form)
{
    switch (form) {
    case MSE_RATLS_LEGACY:
    case MSE_RATLS_SNP:
        return BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT) | BIT(MSE_BINDING_PKCS1);
    case MSE_RATLS_TDX:
        return BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT);
    case MSE_RATLS_LEGACY_GRAMINE:
        return BIT(MSE_BINDING_SPKI);
    case MSE_RATLS_OPEN_ENCLAVE:
        return BIT(MSE_BINDING_PEM_NUL);
    case MSE_RATLS_OLD_QUOTE_OID:
        return ALL_BINDINGS;
    case MSE_RATLS_DICE:
    case MSE_RATLS_NITRO:
        break;
    }
    return 0;
}

/* The upper half is zero, but for the producer that hashes the bare point: there it may hold an
 * X25519 key. */
static bool upper_half_ok(enum mse_ratls_binding b, const uint8_t report_data[64])
{
    return b == MSE_BINDING_POINT || mse_mem_is_zero(report_data + HALF, HALF);
}

static mse_status check_key_hash(enum mse_ratls_binding *out, const struct mse_ratls_cert *c,
                                 const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_pubkey key;
    if (!mse_pubkey_parse(&key, c->spki)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "binding", "the public key is malformed");
    }
    unsigned allowed = bindings_of(c->form);
    for (enum mse_ratls_binding b = MSE_BINDING_SPKI; b <= MSE_BINDING_PEM_NUL; b++) {
        uint8_t hash[32] = { 0 };
        bool applies = false;
        mse_status st = (allowed & BIT(b)) != 0 ? hash_key(hash, &applies, b, &key) : MSE_OK;
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, "binding", "the public key cannot be hashed");
        }
        if (applies && mse_mem_equal(hash, report_data, HALF) && upper_half_ok(b, report_data)) {
            *out = b;
            return MSE_OK;
        }
    }
    char seen[HEX_HALF];
    mse_hex_encode(seen, mse_bytes_of(report_data, HALF));
    return MSE_FAIL(err, MSE_ERR_BINDING, "binding",
                    "report_data is %s, wanted the hash of the certificate's key", seen);
}

mse_status mse_ratls_check_binding(enum mse_ratls_binding *out, const struct mse_ratls_cert *c,
                                   const uint8_t report_data[64], struct mse_error *err)
{
    if (c->form != MSE_RATLS_DICE) {
        return check_key_hash(out, c, report_data, err);
    }
    mse_status st = check_claims(c, report_data, err);
    if (st == MSE_OK) {
        *out = MSE_BINDING_CLAIMS;
    }
    return st;
}

/* ---- the certificate's own signature and profile ---- */

static mse_status check_signature(const struct mse_cert *x, struct mse_error *err)
{
    mse_status st = mse_cert_verify(NULL, x, &x->key);
    if (st == MSE_OK) {
        return MSE_OK;
    }
    if (st == MSE_ERR_SIGNATURE) {
        return MSE_FAIL(err, MSE_ERR_CERTIFICATE_SIGNATURE, "certificate",
                        "not signed by the key that it holds");
    }
    return MSE_FAIL(err, st, "certificate", "its signature cannot be checked: %s",
                    mse_status_text(st));
}

mse_status mse_ratls_check_self_signature(const struct mse_ratls_cert *c, struct mse_error *err)
{
    struct mse_cert x;
    mse_status st = mse_cert_parse(&x, c->der, err);
    return st == MSE_OK ? check_signature(&x, err) : st;
}

bool mse_ratls_one_name(const struct mse_cert *x, uint8_t *tag, struct mse_bytes *name)
{
    struct mse_bytes value;
    struct mse_bytes names;
    return mse_cert_extension(x, MSE_OID(mse_oid_subject_alt_name), &value, NULL) &&
           mse_der_get(&value, MSE_DER_SEQUENCE, &names) && value.len == 0 &&
           mse_der_any(&names, tag, name, NULL) && names.len == 0;
}

/* Exactly one name: a DNS name without a wildcard, or an address. */
static bool has_one_exact_name(const struct mse_cert *x)
{
    struct mse_bytes name;
    uint8_t tag = 0;
    if (!mse_ratls_one_name(x, &tag, &name)) {
        return false;
    }
    if (tag == MSE_DER_CONTEXTP(7)) {
        return true;
    }
    return tag == MSE_DER_CONTEXTP(2) && mse_bytes_find(name, mse_bytes_str("*")) == SIZE_MAX;
}

/* What breaks the profile R1, or R2; NULL if nothing does. */
static const char *profile_fault(const struct mse_cert *x, bool has_ca)
{
    if (!x->has_basic_constraints || x->is_ca) {
        return "a certificate authority (basicConstraints is not CA:FALSE)";
    }
    if (!x->has_key_usage || x->key_usage != MSE_KU_DIGITAL_SIGNATURE) {
        return "a key usage other than digitalSignature alone";
    }
    if (!has_one_exact_name(x)) {
        return "not exactly one name, or one with a wildcard";
    }
    if (mse_bytes_equal(x->subject, x->issuer) == has_ca) {
        return has_ca ? "a subject that is the issuer" : "a subject that is not the issuer";
    }
    if (x->key.type != MSE_KEY_P256 || x->sig_alg != MSE_SIG_ECDSA_SHA256) {
        return "a key or signature other than ECDSA P-256 with SHA-256";
    }
    return x->has_unknown_critical ? "an unknown critical extension" : NULL;
}

/* ---- the verdict ---- */

/* The record of the checks of one certificate: each is added to the verdict, the first that fails
 * goes to the caller's error. */
struct judge {
    struct mse_verdict *v;
    const struct mse_ratls_cert *c;
    struct mse_cert x;
    enum mse_ratls_role role; /* the one that is asked for */
    mse_time at;
    const char *host;
    struct mse_error *err;
};

static void add(struct judge *j, enum mse_step step, mse_status st, const char *seen,
                const char *wanted)
{
    mse_verdict_add(j->v, step, st, seen, wanted, NULL);
    if (st != MSE_OK) {
        (void)MSE_FAIL(j->err, st, mse_step_name(step), "%s; wanted %s", seen, wanted);
    }
}

/* Of Nitro the user data, out of the verdict; ours have the form of report data. */
static mse_status rd_user_data(uint8_t out[64], const struct mse_verdict *v, struct mse_error *err)
{
    const struct mse_nitro_data *d = &v->nitro.user_data;
    if (v->tee != MSE_TEE_NITRO || !d->present || d->len != 64) {
        return MSE_FAIL(err, MSE_ERR_BINDING, "binding", "user data of %zu bytes, wanted 64",
                        v->tee == MSE_TEE_NITRO ? d->len : 0);
    }
    memcpy(out, d->data, 64);
    return MSE_OK;
}

static mse_status rd_report_data(uint8_t out[64], const struct judge *j, struct mse_error *err)
{
    struct mse_snp_report report;
    if (j->c->tee == MSE_TEE_NITRO) {
        return rd_user_data(out, j->v, err);
    }
    if (j->c->tee != MSE_TEE_SNP) {
        return mse_quote_report_data(out, j->c->quote, err);
    }
    mse_status st = mse_snp_report_parse(&report, j->c->quote, err);
    if (st == MSE_OK) {
        memcpy(out, report.report_data, 64);
    }
    return st;
}

/* The user data are the certificate's key itself. */
static mse_status check_plain(enum mse_ratls_binding *out, const struct judge *j,
                              struct mse_error *err)
{
    const struct mse_nitro_data *d = &j->v->nitro.user_data;
    if (j->v->tee != MSE_TEE_NITRO || !d->present ||
        !mse_bytes_equal(mse_bytes_of(d->data, d->len), j->c->spki)) {
        return MSE_FAIL(err, MSE_ERR_BINDING, "binding",
                        "user data that are not the certificate's key");
    }
    *out = MSE_BINDING_SPKI_PLAIN;
    return MSE_OK;
}

static mse_status check_any(enum mse_ratls_binding *out, const struct judge *j,
                            struct mse_error *err)
{
    uint8_t report_data[64];
    if (j->c->form == MSE_RATLS_NITRO) {
        return check_plain(out, j, err);
    }
    mse_status st = rd_report_data(report_data, j, err);
    return st == MSE_OK ? mse_ratls_check_binding(out, j->c, report_data, err) : st;
}

static enum mse_ratls_binding judge_binding(struct judge *j)
{
    struct mse_error e = { .status = MSE_OK };
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    mse_status st = check_any(&b, j, &e);
    add(j, MSE_STEP_BINDING, st, st == MSE_OK ? mse_ratls_binding_name(b) : e.text,
        "evidence that was made for the certificate's key");
    return b;
}

static void judge_role(struct judge *j)
{
    enum mse_ratls_role role = j->c->claims.role;
    bool foreign = role == MSE_ROLE_ABSENT && j->role == MSE_ROLE_SERVER_STATIC;
    const char *name = mse_ratls_role_name(role);
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "the role %s", mse_ratls_role_name(j->role));
    add(j, MSE_STEP_BINDING, role == j->role || foreign ? MSE_OK : MSE_ERR_ROLE,
        name == NULL ? "no role (a foreign certificate)" : name, wanted);
}

static bool is_owners(const struct judge *j)
{
    return j->c->claims.key_origin == MSE_KEY_ORIGIN_OWNER;
}

/* Whoever else holds the key can end a session in the enclave's place, and show evidence that is
 * not of this very session. */
static void judge_origin(struct judge *j)
{
    if (is_owners(j)) {
        add(j, MSE_STEP_BINDING, j->role == MSE_ROLE_SERVER_SESSION ? MSE_OK : MSE_ERR_KEY_ORIGIN,
            "a key that the app's owner holds too", "evidence for an attested session (level 2)");
    }
}

/* Certificates with a Nitro document in a name come from an authority of their maker's: whom it is
 * up to others to trust. The document has the key itself, and the handshake proves who holds it. */
static bool is_issued(const struct judge *j)
{
    return is_owners(j) ||
           (j->c->form == MSE_RATLS_NITRO && !mse_bytes_equal(j->x.issuer, j->x.subject));
}

static bool has_ca(const struct judge *j)
{
    return j->c->claims.ca_hash.len > 0;
}

static void judge_signature(struct judge *j)
{
    struct mse_error e = { .status = MSE_OK };
    if (is_issued(j)) {
        add(j, MSE_STEP_CERTIFICATE, MSE_OK,
            "issued by an authority, which was not judged: the evidence has the key", NULL);
        return;
    }
    if (has_ca(j)) {
        mse_status found = mse_ratls_check_ca(j->c, &e);
        add(j, MSE_STEP_CERTIFICATE, found,
            found == MSE_OK ? "signed by the CA that the evidence names" : e.text,
            "a certificate signed by the CA that the evidence names, which can sign no other name");
        return;
    }
    mse_status st = check_signature(&j->x, &e);
    if (st == MSE_ERR_CERTIFICATE_SIGNATURE && j->c->ca.len > 0) {
        st = MSE_ERR_CA_NOT_CLAIMED;
    }
    const char *seen =
        j->x.sig_alg == MSE_SIG_RSA_SHA1 ? "self-signed, with weak SHA-1" : "self-signed";
    add(j, MSE_STEP_CERTIFICATE, st, st == MSE_OK ? seen : e.text,
        "a certificate signed by its own key");
}

static void judge_profile(struct judge *j)
{
    if (j->c->claims.role == MSE_ROLE_ABSENT || is_owners(j)) {
        return; /* foreign, or the owner's: made to other rules */
    }
    const char *fault = profile_fault(&j->x, has_ca(j));
    const char *profile = has_ca(j) ? "profile R2" : "profile R1";
    add(j, MSE_STEP_CERTIFICATE, fault == NULL ? MSE_OK : MSE_ERR_CERTIFICATE_PROFILE,
        fault == NULL ? profile : fault,
        has_ca(j) ? "profile R2 (one exact name, no authority, signed by a CA)"
                  : "profile R1 (one exact name, no authority)");
}

static void judge_dates(struct judge *j)
{
    char from[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    char now[MSE_TIME_TEXT_LEN];
    char seen[MSE_CHECK_TEXT_LEN];
    char wanted[MSE_CHECK_TEXT_LEN];
    mse_time_format(from, j->c->not_before);
    mse_time_format(until, j->c->not_after);
    mse_time_format(now, j->at);
    (void)snprintf(seen, sizeof seen, "certificate valid %s to %s", from, until);
    (void)snprintf(wanted, sizeof wanted, "one valid at %s", now);
    mse_status st = MSE_OK;
    if (j->at < j->c->not_before) {
        st = MSE_ERR_CERTIFICATE_NOT_YET_VALID;
    } else if (j->at > j->c->not_after) {
        st = MSE_ERR_CERTIFICATE_EXPIRED;
    }
    add(j, MSE_STEP_CERTIFICATE, st, seen, wanted);
}

void mse_ratls_judge_dates(struct mse_verdict *v, const struct mse_ratls_cert *c, mse_time at,
                           struct mse_error *err)
{
    struct judge j = { .v = v, .c = c, .at = at, .err = err };
    judge_dates(&j);
}

static void judge_name(struct judge *j)
{
    bool ok =
        is_owners(j) ? mse_cert_covers_host(&j->x, j->host) : mse_cert_has_host(&j->x, j->host);
    add(j, MSE_STEP_NAME, ok ? MSE_OK : MSE_ERR_CERTIFICATE_NAME,
        ok ? j->host : "the certificate is for another name", j->host);
}

static enum mse_ratls_binding judge_all(struct judge j)
{
    struct mse_error e = { .status = MSE_OK };
    enum mse_ratls_binding binding = MSE_BINDING_NONE;
    mse_status st = mse_cert_parse(&j.x, j.c->der, &e);
    if (st == MSE_OK) {
        binding = judge_binding(&j);
        judge_role(&j);
        judge_origin(&j);
        judge_signature(&j);
        judge_profile(&j);
    } else {
        add(&j, MSE_STEP_CERTIFICATE, st, e.text, "a certificate");
    }
    if (st == MSE_OK && j.host != NULL) {
        judge_dates(&j);
        judge_name(&j);
    }
    return binding;
}

mse_status mse_ratls_judge(struct mse_verdict *v, enum mse_ratls_binding *binding_out,
                           const struct mse_ratls_cert *c, const char *host, mse_time at,
                           struct mse_error *err)
{
    enum mse_ratls_binding binding = judge_all((struct judge) {
        .v = v, .c = c, .role = MSE_ROLE_SERVER_STATIC, .at = at, .host = host, .err = err });
    if (binding_out != NULL) {
        *binding_out = binding;
    }
    return v->status;
}

/* Which step a refusal of the reader belongs to. */
static enum mse_step step_of_reading(mse_status st)
{
    bool claims = st == MSE_ERR_CLAIMS_MALFORMED || st == MSE_ERR_CLAIMS_HASH || st == MSE_ERR_ROLE;
    return claims ? MSE_STEP_BINDING : MSE_STEP_FORM;
}

static void refuse_reading(struct mse_verdict *v, mse_status st, const struct mse_error *e,
                           struct mse_error *err)
{
    memset(v, 0, sizeof *v);
    v->reference_index = SIZE_MAX;
    mse_verdict_add(v, step_of_reading(st), st, e->text, "a certificate with readable evidence",
                    NULL);
    if (err != NULL && err->status == MSE_OK) {
        *err = *e;
    }
}

/* Certificates that came along stand in for those that the collateral lacks; they are judged all
 * the same. */
static void appraise_snp(struct mse_verdict *out, const struct mse_ratls_cert *c,
                         const struct mse_ratls_ask *ask, struct mse_error *err)
{
    struct mse_collateral k = *ask->collateral;
    struct mse_bytes rest = c->certificates;
    struct mse_bytes leaf = { NULL, 0 };
    struct mse_bytes content = { NULL, 0 };
    uint8_t tag = 0;
    if (k.vcek.len == 0 && mse_der_any(&rest, &tag, &content, &leaf)) {
        k.vcek = leaf;
        k.vcek_issuer_chain = rest.len > 0 ? rest : k.vcek_issuer_chain;
    }
    (void)!mse_appraise_snp(out, c->quote, &k, ask->policy, ask->at, err);
}

static void appraise_nitro(struct mse_verdict *out, const struct mse_ratls_cert *c,
                           const struct mse_ratls_ask *ask, struct mse_error *err)
{
    uint8_t room[MSE_NITRO_DOC_MAX_LEN];
    struct mse_bytes document = c->quote;
    if (c->form == MSE_RATLS_NITRO && !mse_ratls_nitro_document(&document, room, c->quote)) {
        document.len = 0; /* was read before, so that this does not happen */
    }
    (void)!mse_appraise_nitro(out, document, ask->policy, ask->at, err);
}

static void appraise_quote(struct mse_verdict *out, const struct mse_ratls_cert *c,
                           const struct mse_ratls_ask *ask, struct mse_error *err)
{
    switch ((int)c->tee) {
    case MSE_TEE_SNP:
        appraise_snp(out, c, ask, err);
        return;
    case MSE_TEE_NITRO:
        appraise_nitro(out, c, ask, err);
        return;
    default:
        (void)!mse_appraise_quote(out, c->quote, ask->collateral, ask->policy, ask->at, err);
        return;
    }
}

/* The nine parameters are what an appraisal is a function of, and a public contract. */
mse_status mse_ratls_appraise(struct mse_verdict *out, // NOLINT(readability-function-size)
                              struct mse_ratls_cert *cert_out, enum mse_ratls_binding *binding_out,
                              struct mse_bytes der, const char *host,
                              const struct mse_collateral *collateral,
                              const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_ratls_cert c;
    struct mse_error e = { .status = MSE_OK };
    mse_status st = mse_ratls_read(&c, der, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return st;
    }
    const struct mse_ratls_ask ask = { .collateral = collateral, .policy = policy, .at = at };
    appraise_quote(out, &c, &ask, err);
    st = mse_ratls_judge(out, binding_out, &c, host, at, err);
    if (cert_out != NULL) {
        *cert_out = c;
    }
    return st;
}

bool mse_ratls_appraise_evidence(struct mse_verdict *out, struct mse_ratls_cert *cert_out,
                                 struct mse_bytes der, struct mse_bytes evidence,
                                 const struct mse_ratls_ask *ask, struct mse_error *err)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_error e = { .status = MSE_OK };
    mse_status st = mse_ratls_read_evidence(&c, der, evidence, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return false;
    }
    appraise_quote(out, &c, ask, err);
    (void)judge_all((struct judge) {
        .v = out, .c = &c, .role = ask->role, .at = ask->at, .host = ask->host, .err = err });
    if (ask->host == NULL) {
        mse_ratls_judge_dates(out, &c, ask->at, err);
    }
    *cert_out = c;
    return true;
}

/* ---- evidence that an app asked for ---- */

static void judge_app_binding(struct judge *j, bool has_certificate)
{
    uint8_t report_data[64];
    struct mse_error e = { .status = MSE_OK };
    mse_status st = rd_report_data(report_data, j, &e);
    if (st == MSE_OK) {
        st = has_certificate ? check_claims(j->c, report_data, &e)
                             : check_claims_hash(j->c, report_data, &e);
    }
    const char *made = has_certificate ? "claims with the certificate's key"
                                       : "claims; no certificate to compare their key with";
    add(j, MSE_STEP_BINDING, st, st == MSE_OK ? made : e.text,
        has_certificate ? "a quote over claims with the certificate's key"
                        : "a quote over the claims");
}

static void judge_app_data(struct judge *j, struct mse_bytes want)
{
    char seen[2 * MSE_CLAIM_APP_MAX + 1] = "none";
    char wanted[2 * MSE_CLAIM_APP_MAX + 1] = "1 to 64 bytes of data";
    struct mse_bytes got = j->c->claims.app_data;
    bool ok = want.len > 0 && want.len <= MSE_CLAIM_APP_MAX && mse_bytes_equal(got, want);
    if (got.len > 0) {
        mse_hex_encode(seen, got);
    }
    if (want.len > 0 && want.len <= MSE_CLAIM_APP_MAX) {
        mse_hex_encode(wanted, want);
    }
    add(j, MSE_STEP_BINDING, ok ? MSE_OK : MSE_ERR_APP_DATA, seen, wanted);
}

static void judge_app_manifest(struct judge *j, struct mse_bytes manifest)
{
    uint8_t hash[32] = { 0 };
    bool ok = mse_sha256(hash, manifest) == MSE_OK &&
              mse_bytes_equal(j->c->claims.manifest, mse_bytes_of(hash, sizeof hash));
    add(j, MSE_STEP_MANIFEST, ok ? MSE_OK : MSE_ERR_MANIFEST_MISMATCH,
        ok ? "the digest of this manifest" : "the digest of another manifest, or none",
        "evidence made under this manifest");
}

mse_status mse_ratls_appraise_app(struct mse_verdict *out, struct mse_ratls_cert *evidence_out,
                                  struct mse_bytes evidence, const struct mse_ratls_app_ask *ask,
                                  struct mse_error *err)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_error e = { .status = MSE_OK };
    bool has_certificate = ask->certificate.len > 0;
    mse_status st = has_certificate ? mse_ratls_read_evidence(&c, ask->certificate, evidence, &e)
                                    : mse_ratls_read_loose_evidence(&c, evidence, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return st;
    }
    const struct mse_ratls_ask quote = { .collateral = ask->collateral,
                                         .policy = ask->policy,
                                         .at = ask->at };
    appraise_quote(out, &c, &quote, err);
    struct judge j = { .v = out, .c = &c, .role = MSE_ROLE_APP, .at = ask->at, .err = err };
    judge_app_binding(&j, has_certificate);
    judge_role(&j);
    judge_app_data(&j, ask->data);
    if (ask->manifest.len > 0) {
        judge_app_manifest(&j, ask->manifest);
    }
    if (evidence_out != NULL) {
        *evidence_out = c;
    }
    return out->status;
}
