/* SPDX-License-Identifier: Apache-2.0 */
/* Judging the CA of an R2 certificate. It came from a stranger: it counts only if the evidence
 * names its key, and, as it is made to be imported into browsers, only if it is to the byte what
 * the runtime makes, which can do no harm there. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

#define STEP           "CA"
#define MAX_EXTENSIONS ((size_t)1024)
#define MAX_NAME       ((size_t)128)

/* A certificate and the CA that came with it. */
struct pair {
    struct mse_cert leaf;
    struct mse_cert ca;
    uint8_t ca_sha256[32]; /* of its SubjectPublicKeyInfo */
    struct mse_bytes name; /* the one DNS name of the leaf */
};

static mse_status refuse(struct mse_error *err, mse_status st, const char *seen)
{
    return MSE_FAIL(err, st, STEP, "%s", seen);
}

/* The extensions that a CA for this name and key has. */
static bool expected_extensions(struct mse_build *b, const struct pair *p)
{
    uint8_t key_id[MSE_PROFILE_KEY_ID_LEN];
    if (mse_profile_key_id(key_id, p->ca.key.raw) != MSE_OK) {
        return false;
    }
    mse_profile_ca_extensions(b, p->name, key_id);
    return mse_build_ok(b);
}

/* Whether an extension is there with exactly this value. */
static bool has_value(const struct mse_cert *x, struct mse_bytes oid, bool critical,
                      struct mse_bytes want)
{
    struct mse_bytes value;
    bool is_critical = false;
    return mse_cert_extension(x, oid, &value, &is_critical) && is_critical == critical &&
           mse_bytes_equal(value, want);
}

static mse_status check_constraints(const struct pair *p, struct mse_error *err)
{
    uint8_t buf[MAX_EXTENSIONS];
    struct mse_build want;
    struct mse_bytes seen;
    bool critical = false;
    mse_build_fixed(&want, buf, sizeof buf);
    mse_profile_constraints(&want, p->name);
    if (!mse_build_ok(&want)) {
        return refuse(err, MSE_ERR_CA_CONSTRAINTS, "a name that is too long for constraints");
    }
    if (!mse_cert_extension(&p->ca, MSE_OID(mse_oid_name_constraints), &seen, &critical)) {
        return refuse(err, MSE_ERR_CA_CONSTRAINTS,
                      "no nameConstraints: it could sign for every name");
    }
    if (!critical) {
        return refuse(err, MSE_ERR_CA_CONSTRAINTS, "nameConstraints that are not critical");
    }
    return mse_bytes_equal(seen, mse_build_view(&want))
               ? MSE_OK
               : refuse(err, MSE_ERR_CA_CONSTRAINTS,
                        "nameConstraints other than: the certificate's name alone, none below it, "
                        "no address");
}

/* What a CA of ours is not; NULL if nothing is wrong, but for the constraints. */
static const char *ca_fault(const struct mse_cert *ca)
{
    static const uint8_t server_auth[] = { 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
                                           0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };
    if (!ca->has_basic_constraints || !ca->is_ca) {
        return "no CA (basicConstraints is not CA:TRUE)";
    }
    if (!ca->has_path_len || ca->path_len != 0) {
        return "a CA that may make others (pathlen is not 0)";
    }
    if (!ca->has_key_usage || ca->key_usage != MSE_KU_KEY_CERT_SIGN) {
        return "a key usage other than keyCertSign alone";
    }
    if (!has_value(ca, MSE_OID(mse_oid_ext_key_usage), false, MSE_OID(server_auth))) {
        return "an extended key usage other than serverAuth alone";
    }
    if (ca->key.type != MSE_KEY_P256 || ca->sig_alg != MSE_SIG_ECDSA_SHA256) {
        return "a key or signature other than ECDSA P-256 with SHA-256";
    }
    return NULL;
}

/* All of it, by rebuilding it. */
static mse_status check_exact(const struct pair *p, struct mse_error *err)
{
    uint8_t buf[MAX_EXTENSIONS];
    uint8_t name_buf[MAX_NAME];
    struct mse_build want;
    struct mse_build name;
    mse_build_fixed(&want, buf, sizeof buf);
    mse_build_fixed(&name, name_buf, sizeof name_buf);
    mse_profile_name(&name, MSE_PROFILE_CN_CA, p->ca_sha256);
    if (!expected_extensions(&want, p) || !mse_build_ok(&name)) {
        return refuse(err, MSE_ERR_CA_PROFILE, "its form cannot be compared");
    }
    if (!mse_bytes_equal(p->ca.extensions, mse_build_view(&want))) {
        return refuse(err, MSE_ERR_CA_PROFILE, "other extensions than ours has, or another order");
    }
    bool named = mse_bytes_equal(p->ca.subject, mse_build_view(&name)) &&
                 mse_bytes_equal(p->ca.issuer, p->ca.subject);
    return named ? MSE_OK
                 : refuse(err, MSE_ERR_CA_PROFILE,
                          "a name other than " MSE_PROFILE_CN_CA "and the hash of its key");
}

static mse_status check_form(const struct pair *p, struct mse_error *err)
{
    const char *fault = ca_fault(&p->ca);
    if (fault != NULL) {
        return refuse(err, MSE_ERR_CA_PROFILE, fault);
    }
    mse_status st = check_constraints(p, err);
    return st == MSE_OK ? check_exact(p, err) : st;
}

static mse_status check_dates(const struct pair *p, struct mse_error *err)
{
    char from[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    if (p->ca.not_before <= p->leaf.not_before && p->ca.not_after >= p->leaf.not_after) {
        return MSE_OK;
    }
    mse_time_format(from, p->ca.not_before);
    mse_time_format(until, p->ca.not_after);
    return MSE_FAIL(err, MSE_ERR_CA_VALIDITY, STEP,
                    "valid %s to %s, which does not cover the certificate's dates", from, until);
}

static mse_status check_one_signature(const struct mse_cert *x, const struct mse_pubkey *key,
                                      const char *wrong, struct mse_error *err)
{
    mse_status st = mse_cert_verify(NULL, x, key);
    return st == MSE_OK || st == MSE_ERR_CRYPTO ? st : refuse(err, MSE_ERR_CA_SIGNATURE, wrong);
}

static mse_status check_signatures(const struct pair *p, struct mse_error *err)
{
    if (!mse_bytes_equal(p->leaf.issuer, p->ca.subject)) {
        return refuse(err, MSE_ERR_CA_SIGNATURE, "the certificate names another issuer");
    }
    mse_status st =
        check_one_signature(&p->leaf, &p->ca.key, "the certificate is not signed by this CA", err);
    return st == MSE_OK ? check_one_signature(&p->ca, &p->ca.key,
                                              "the CA's certificate is not signed by itself", err)
                        : st;
}

static mse_status check_claim(struct pair *p, const struct mse_ratls_cert *c, struct mse_error *err)
{
    char seen[65];
    char wanted[65];
    mse_status st = mse_sha256(p->ca_sha256, p->ca.key.spki);
    if (st != MSE_OK) {
        return refuse(err, st, "its key cannot be hashed");
    }
    if (mse_bytes_equal(c->claims.ca_hash, mse_bytes_of(p->ca_sha256, 32))) {
        return MSE_OK;
    }
    mse_hex_encode(seen, mse_bytes_of(p->ca_sha256, 32));
    mse_hex_encode(wanted, c->claims.ca_hash);
    return MSE_FAIL(err, MSE_ERR_CA_MISMATCH, STEP, "the CA's key is %s, the evidence names %s",
                    seen, wanted);
}

static mse_status read_pair(struct pair *p, const struct mse_ratls_cert *c, struct mse_error *err)
{
    struct mse_error e = { .status = MSE_OK };
    uint8_t tag = 0;
    mse_status st = mse_cert_parse(&p->leaf, c->der, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_cert_parse(&p->ca, c->ca, &e) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CA_PROFILE, STEP, "no certificate: %.100s", e.text);
    }
    if (!mse_ratls_one_name(&p->leaf, &tag, &p->name) || tag != MSE_DER_CONTEXTP(2)) {
        return refuse(err, MSE_ERR_CA_CONSTRAINTS,
                      "the certificate has not exactly one DNS name to restrict a CA to");
    }
    /* Restricted to nothing, or to ".org", it could sign for others. */
    if (!mse_profile_is_dns_name(p->name)) {
        return refuse(err, MSE_ERR_CA_CONSTRAINTS,
                      "the certificate's name is no exact host name to restrict a CA to");
    }
    return MSE_OK;
}

mse_status mse_ratls_check_ca(const struct mse_ratls_cert *c, struct mse_error *err)
{
    struct pair p = { .name = { NULL, 0 } };
    if (c->claims.ca_hash.len == 0) {
        return refuse(err, MSE_ERR_CA_NOT_CLAIMED, "the evidence names no CA");
    }
    if (c->ca.len == 0) {
        return refuse(err, MSE_ERR_CA_MISSING,
                      "the evidence names a CA, whose certificate did not come along");
    }
    mse_status st = read_pair(&p, c, err);
    st = st == MSE_OK ? check_claim(&p, c, err) : st;
    st = st == MSE_OK ? check_form(&p, err) : st;
    st = st == MSE_OK ? check_dates(&p, err) : st;
    return st == MSE_OK ? check_signatures(&p, err) : st;
}
