/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a certificate by its evidence: key binding, self signature, profile, role, name, dates.
 * The quote itself is judged in attest/. */
#include "ratls/judge.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/oids.h"

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

void judge_add(struct judge *j, enum mse_step step, mse_status st, const char *seen,
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

mse_status judge_report_data(uint8_t out[64], const struct judge *j, struct mse_error *err)
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
    mse_status st = judge_report_data(report_data, j, err);
    return st == MSE_OK ? mse_ratls_check_binding(out, j->c, report_data, err) : st;
}

static enum mse_ratls_binding judge_binding(struct judge *j)
{
    struct mse_error e = { .status = MSE_OK };
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    mse_status st = check_any(&b, j, &e);
    judge_add(j, MSE_STEP_BINDING, st, st == MSE_OK ? mse_ratls_binding_name(b) : e.text,
              "evidence that was made for the certificate's key");
    return b;
}

void judge_role(struct judge *j)
{
    enum mse_ratls_role role = j->c->claims.role;
    bool foreign = role == MSE_ROLE_ABSENT && j->role == MSE_ROLE_SERVER_STATIC;
    const char *name = mse_ratls_role_name(role);
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "the role %s", mse_ratls_role_name(j->role));
    judge_add(j, MSE_STEP_BINDING, role == j->role || foreign ? MSE_OK : MSE_ERR_ROLE,
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
        judge_add(
            j, MSE_STEP_BINDING, j->role == MSE_ROLE_SERVER_SESSION ? MSE_OK : MSE_ERR_KEY_ORIGIN,
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
        judge_add(j, MSE_STEP_CERTIFICATE, MSE_OK,
                  "issued by an authority, which was not judged: the evidence has the key", NULL);
        return;
    }
    if (has_ca(j)) {
        mse_status found = mse_ratls_check_ca(j->c, &e);
        judge_add(
            j, MSE_STEP_CERTIFICATE, found,
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
    judge_add(j, MSE_STEP_CERTIFICATE, st, st == MSE_OK ? seen : e.text,
              "a certificate signed by its own key");
}

static void judge_profile(struct judge *j)
{
    if (j->c->claims.role == MSE_ROLE_ABSENT || is_owners(j)) {
        return; /* foreign, or the owner's: made to other rules */
    }
    const char *fault = profile_fault(&j->x, has_ca(j));
    const char *profile = has_ca(j) ? "profile R2" : "profile R1";
    judge_add(j, MSE_STEP_CERTIFICATE, fault == NULL ? MSE_OK : MSE_ERR_CERTIFICATE_PROFILE,
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
    judge_add(j, MSE_STEP_CERTIFICATE, st, seen, wanted);
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
    judge_add(j, MSE_STEP_NAME, ok ? MSE_OK : MSE_ERR_CERTIFICATE_NAME,
              ok ? j->host : "the certificate is for another name", j->host);
}

enum mse_ratls_binding judge_all(struct judge j)
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
        judge_add(&j, MSE_STEP_CERTIFICATE, st, e.text, "a certificate");
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
