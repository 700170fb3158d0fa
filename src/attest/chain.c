/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of two and three certificates, as Intel's provisioning certification has them. Not a
 * general path builder: the order is fixed, nothing is searched for, names must be equal byte for
 * byte. */
#include "attest/chain.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/sign.h"
#include "evidence/pck.h"

/* How much of a name goes into a text. */
static int text_len(struct mse_bytes b)
{
    b.len = b.len < 64 ? b.len : 64;
    size_t len = mse_utf8_cut(b);
    return len < 64 ? (int)len : 64; /* said again for the compiler */
}

static mse_status append_der(struct mse_chain *c, size_t len, struct mse_error *err)
{
    struct mse_bytes der = mse_bytes_of(c->der + c->der_len, len);
    mse_status st = mse_cert_parse(&c->certs[c->num], der, err);
    if (st != MSE_OK) {
        return st;
    }
    c->num++;
    c->der_len += len;
    return MSE_OK;
}

static mse_status append_pem(struct mse_chain *c, struct mse_bytes pem, struct mse_error *err)
{
    for (;;) {
        size_t len = 0;
        mse_status st = mse_pem_next(&pem, "CERTIFICATE", c->der + c->der_len,
                                     sizeof c->der - c->der_len, &len);
        if (st == MSE_ERR_NOT_FOUND) {
            return MSE_OK;
        }
        if (st != MSE_OK) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "chain",
                            "not strict PEM after %zu certificates", c->num);
        }
        if (c->num == MSE_CHAIN_MAX_CERTS) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "chain", "more than %d certificates",
                            MSE_CHAIN_MAX_CERTS);
        }
        st = append_der(c, len, err);
        if (st != MSE_OK) {
            return st;
        }
    }
}

/* Leaf 0, an authority between 1, a root (named as its own issuer) 2. */
static size_t rank(const struct mse_cert *c)
{
    if (!c->is_ca) {
        return 0;
    }
    return mse_bytes_equal(c->subject, c->issuer) ? 2 : 1;
}

/* Some producers write the root before the authority, or everything backwards. What the order means
 * is judged from the signatures; here it is only made the usual one. */
static void put_in_order(struct mse_chain *c)
{
    for (size_t i = 1; i < c->num; i++) {
        for (size_t k = i; k > 0 && rank(&c->certs[k - 1]) > rank(&c->certs[k]); k--) {
            struct mse_cert swap = c->certs[k];
            c->certs[k] = c->certs[k - 1];
            c->certs[k - 1] = swap;
        }
    }
}

static void begin(struct mse_chain *c)
{
    c->num = 0;
    c->verified = false;
    c->has_sgx_extension = false;
    c->der_len = 0;
}

/* Ends a reading that came to st. */
static mse_status end(struct mse_chain *c, mse_status st)
{
    if (st != MSE_OK) {
        c->num = 0;
        return st;
    }
    c->has_sgx_extension = mse_cert_sgx_extension(&c->certs[0], &c->sgx_extension);
    return MSE_OK;
}

mse_status mse_chain_read(struct mse_chain *out, struct mse_bytes pem, struct mse_error *err)
{
    begin(out);
    mse_status st = append_pem(out, pem, err);
    if (st == MSE_OK && out->num == 0) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "chain", "no certificate");
    }
    put_in_order(out);
    return end(out, st);
}

mse_status mse_chain_read_split(struct mse_chain *out, struct mse_bytes leaf_der,
                                struct mse_bytes issuers, struct mse_error *err)
{
    begin(out);
    struct mse_bytes in = leaf_der;
    if (leaf_der.len > sizeof out->der || !mse_rd_copy(&in, out->der, leaf_der.len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "chain", "a leaf of %zu bytes", leaf_der.len);
    }
    mse_status st = append_der(out, leaf_der.len, err);
    if (st == MSE_OK) {
        st = append_pem(out, issuers, err);
    }
    return end(out, st);
}

/* DER certificates, then PEM ones. */
static mse_status append_mixed(struct mse_chain *c, struct mse_bytes in, struct mse_error *err)
{
    mse_status st = MSE_OK;
    while (st == MSE_OK && in.len > 0 && in.data[0] == MSE_DER_SEQUENCE) {
        uint8_t tag = 0;
        struct mse_bytes content = { 0 };
        struct mse_bytes whole = { 0 };
        if (c->num == MSE_CHAIN_MAX_CERTS || !mse_der_any(&in, &tag, &content, &whole) ||
            whole.len > sizeof c->der - c->der_len) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "chain",
                            "malformed DER, or too much, after %zu certificates", c->num);
        }
        memcpy(c->der + c->der_len, whole.data, whole.len);
        st = append_der(c, whole.len, err);
    }
    return st == MSE_OK && in.len > 0 ? append_pem(c, in, err) : st;
}

mse_status mse_chain_read_mixed(struct mse_chain *out, struct mse_bytes leaf,
                                struct mse_bytes issuers, struct mse_error *err)
{
    begin(out);
    mse_status st = append_mixed(out, leaf, err);
    if (st == MSE_OK && out->num != 1) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "chain", "%zu certificates, wanted one leaf",
                      out->num);
    }
    if (st == MSE_OK) {
        st = append_mixed(out, issuers, err);
    }
    put_in_order(out);
    return end(out, st);
}

static bool is_issued_by(struct mse_curve *curve, const struct mse_cert *c,
                         const struct mse_cert *issuer)
{
    return mse_bytes_equal(c->issuer, issuer->subject) &&
           mse_cert_verify(curve, c, &issuer->key) == MSE_OK;
}

/* A certificate authority whose own CA certificates may be below deep. */
static bool is_ca_profile(const struct mse_cert *c, uint64_t below)
{
    const uint32_t usage = MSE_KU_KEY_CERT_SIGN | MSE_KU_CRL_SIGN;
    return c->has_basic_constraints && c->is_ca && (!c->has_path_len || c->path_len >= below) &&
           c->has_key_usage && (c->key_usage & usage) == usage && !c->has_unknown_critical &&
           mse_point_of(&c->key) != NULL && c->sig_alg == MSE_SIG_ECDSA_SHA256;
}

static bool is_leaf_profile(const struct mse_cert *c)
{
    return !c->is_ca && c->has_key_usage && (c->key_usage & MSE_KU_DIGITAL_SIGNATURE) != 0 &&
           (c->key_usage & MSE_KU_KEY_CERT_SIGN) == 0 && !c->has_unknown_critical &&
           mse_point_of(&c->key) != NULL && c->sig_alg == MSE_SIG_ECDSA_SHA256;
}

/* Intel's own root certificates are known whole; another one must have signed itself. */
static bool is_root_intact(struct mse_curve *curve, const struct mse_cert *root)
{
    return mse_is_intel_root_certificate(root->der) || is_issued_by(curve, root, root);
}

void mse_chain_verify(struct mse_chain *c, struct mse_curve *curve)
{
    bool good = c->num > 0 && is_root_intact(curve, &c->certs[c->num - 1]);
    for (size_t i = 0; good && i + 1 < c->num; i++) {
        good = is_issued_by(curve, &c->certs[i], &c->certs[i + 1]);
    }
    c->verified = good;
}

/* spec: Intel SGX PCK Certificate and CRL Specification, PCK certificate chain */

static void judge_pck_leaf(const struct mse_judge *j, const struct mse_chain *c)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_CHAIN,
                                        "a PCK certificate with the SGX extension, not a CA",
                                        NULL };
    const struct mse_cert *leaf = &c->certs[0];
    bool good = c->has_sgx_extension && !leaf->is_ca;
    mse_note(j->v, &ask, good ? MSE_OK : MSE_ERR_PCK_EXTENSION_MISSING, "%s",
             leaf->is_ca ? "a CA certificate as leaf" : "no SGX extension in the leaf");
}

static void judge_pck_links(const struct mse_judge *j, const struct mse_chain *c)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_CHAIN,
                                        "each certificate named and signed by the next", NULL };
    for (size_t i = 0; !c->verified && i + 1 < c->num; i++) {
        if (!is_issued_by(j->curve, &c->certs[i], &c->certs[i + 1])) {
            mse_note(j->v, &ask, MSE_ERR_PCK_CHAIN_SIGNATURE,
                     "certificate %zu is not issued by certificate %zu", i + 1, i + 2);
            return;
        }
    }
    mse_note(j->v, &ask, MSE_OK, NULL);
}

static void judge_pck_shape(const struct mse_judge *j, const struct mse_chain *c)
{
    static const struct mse_ask length = { MSE_STEP_PCK_CHAIN, "leaf, CA, root", NULL };
    static const struct mse_ask profile = { MSE_STEP_PCK_CHAIN,
                                            "P-256, key usage and constraints of leaf, CA, root",
                                            NULL };
    if (c->num != MSE_CHAIN_MAX_CERTS) {
        mse_note(j->v, &length, MSE_ERR_PCK_CHAIN_MALFORMED, "%zu certificates", c->num);
        return;
    }
    mse_note(j->v, &length, MSE_OK, NULL);
    bool good = is_leaf_profile(&c->certs[0]) && is_ca_profile(&c->certs[1], 0) &&
                is_ca_profile(&c->certs[2], 1);
    mse_note(j->v, &profile, good ? MSE_OK : MSE_ERR_PCK_CHAIN_MALFORMED,
             "a certificate with another profile");
}

static const struct mse_anchor *judge_pck_root(const struct mse_judge *j, const struct mse_chain *c,
                                               const struct mse_anchors *anchors)
{
    const struct mse_cert *root = &c->certs[c->num - 1];
    static const struct mse_ask trusted = { MSE_STEP_PCK_CHAIN, "the key of a trusted root",
                                            "simulation_root" };
    static const struct mse_ask intact = { MSE_STEP_PCK_CHAIN, "a root that signed itself", NULL };
    const struct mse_anchor *a = mse_anchors_find(anchors, &root->key);
    if (a != NULL) {
        mse_note(j->v, &trusted, MSE_OK, NULL);
    } else {
        struct mse_bytes cn = mse_name_common_name(root->subject);
        mse_note(j->v, &trusted, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED,
                 "another key, in a certificate that calls itself \"%.*s\"", text_len(cn),
                 (const char *)cn.data);
    }
    bool good = c->verified || is_root_intact(j->curve, root);
    mse_note(j->v, &intact, good ? MSE_OK : MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED,
             "the root's own signature is wrong");
    return a;
}

/* The names of the dates count from the root, which is always the last. */
static void judge_pck_dates(const struct mse_judge *j, const struct mse_chain *c)
{
    static const char *const what[MSE_CHAIN_MAX_CERTS] = { "root_certificate", "pck_ca_certificate",
                                                           "pck_certificate" };
    for (size_t i = 0; i < c->num; i++) {
        struct mse_window w = { .what = what[c->num - 1 - i],
                                .from = c->certs[i].not_before,
                                .until = c->certs[i].not_after,
                                .early = MSE_ERR_PCK_CHAIN_NOT_YET_VALID,
                                .late = MSE_ERR_PCK_CHAIN_EXPIRED };
        mse_note_window(j->v, MSE_STEP_PCK_CHAIN, &w, j->now);
    }
}

const struct mse_anchor *mse_judge_pck_chain(const struct mse_judge *j, const struct mse_chain *c,
                                             const struct mse_anchors *anchors)
{
    judge_pck_leaf(j, c);
    judge_pck_links(j, c);
    judge_pck_shape(j, c);
    const struct mse_anchor *a = judge_pck_root(j, c, anchors);
    judge_pck_dates(j, c);
    return a;
}

void mse_judge_ca_chain(const struct mse_judge *j, const struct mse_chain *c,
                        const struct mse_anchors *anchors)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_CHAIN, "the root alone, or a CA and the root",
                                        NULL };
    bool good = c->num <= 2;
    for (size_t i = 0; i < c->num; i++) {
        good = good && is_ca_profile(&c->certs[i], i);
    }
    mse_note(j->v, &ask, good ? MSE_OK : MSE_ERR_PCK_CHAIN_MALFORMED, "%zu certificates", c->num);
    judge_pck_links(j, c);
    (void)judge_pck_root(j, c, anchors);
    judge_pck_dates(j, c);
}

/* CRLs. */

const struct mse_crl_words mse_pck_crl_words = {
    .step = MSE_STEP_PCK_CRL,
    .what = "pck_crl",
    .missing = MSE_ERR_PCK_CRL_MISSING,
    .malformed = MSE_ERR_PCK_CRL_MALFORMED,
    .issuer_mismatch = MSE_ERR_PCK_CRL_ISSUER_MISMATCH,
    .signature = MSE_ERR_PCK_CRL_SIGNATURE,
    .early = MSE_ERR_PCK_CRL_NOT_YET_VALID,
    .late = MSE_ERR_PCK_CRL_EXPIRED,
};
const struct mse_crl_words mse_root_crl_words = {
    .step = MSE_STEP_ROOT_CRL,
    .what = "root_ca_crl",
    .missing = MSE_ERR_ROOT_CRL_MISSING,
    .malformed = MSE_ERR_ROOT_CRL_MALFORMED,
    .issuer_mismatch = MSE_ERR_ROOT_CRL_ISSUER_MISMATCH,
    .signature = MSE_ERR_ROOT_CRL_SIGNATURE,
    .early = MSE_ERR_ROOT_CRL_NOT_YET_VALID,
    .late = MSE_ERR_ROOT_CRL_EXPIRED,
};

/* Whether the key made the CRL's signature: remembered if it did and there is where to. */
static bool is_crl_of(const struct mse_judge *j, const struct mse_crl *crl,
                      struct mse_known_crl *known, const struct mse_pubkey *key)
{
    if (known != NULL && mse_known_key_is(&known->signer, key->spki)) {
        return true;
    }
    bool good = mse_crl_verify(j->curve, crl, key) == MSE_OK;
    if (good && known != NULL) {
        mse_known_key_set(&known->signer, key->spki);
    }
    return good;
}

static void note_other_issuer(const struct mse_judge *j, const struct mse_crl *crl,
                              const struct mse_crl_words *words, const struct mse_cert *issuer)
{
    struct mse_bytes seen = mse_name_common_name(crl->issuer);
    struct mse_bytes want = mse_name_common_name(issuer->subject);
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "a CRL of \"%.*s\"", text_len(want),
                   (const char *)want.data);
    struct mse_ask name = { words->step, wanted, NULL };
    mse_note(j->v, &name, words->issuer_mismatch, "a CRL of \"%.*s\"", text_len(seen),
             (const char *)seen.data);
}

static void judge_crl_issuer(const struct mse_judge *j, const struct mse_crl *crl,
                             const struct mse_crl_source *in, const struct mse_crl_words *words,
                             const struct mse_cert *issuer)
{
    if (issuer == NULL) {
        mse_note_skip(j->v, words->step, "the chain of its issuer could not be used");
        return;
    }
    if (mse_bytes_equal(crl->issuer, issuer->subject)) {
        struct mse_ask name = { words->step, "a CRL of the authority that issued it", NULL };
        mse_note(j->v, &name, MSE_OK, NULL);
    } else {
        note_other_issuer(j, crl, words, issuer);
    }
    struct mse_ask signature = { words->step, "a signature of the issuer", NULL };
    bool good = is_crl_of(j, crl, in->known, &issuer->key);
    mse_note(j->v, &signature, good ? MSE_OK : words->signature,
             "a signature that the issuer's key did not make");
}

static mse_status read_crl(struct mse_crl *out, const struct mse_crl_source *in,
                           struct mse_error *err)
{
    if (in->known == NULL || !in->known->parsed) {
        return mse_crl_parse(out, in->der, err);
    }
    *out = in->known->crl;
    return MSE_OK;
}

bool mse_judge_crl(const struct mse_judge *j, struct mse_crl *out, const struct mse_crl_source *in,
                   const struct mse_crl_words *words, const struct mse_cert *issuer)
{
    struct mse_ask ask = { words->step, "a CRL in DER", NULL };
    if (in->der.len == 0) {
        mse_note(j->v, &ask, words->missing, "none");
        return false;
    }
    struct mse_error err = { .status = MSE_OK };
    if (read_crl(out, in, &err) != MSE_OK) {
        mse_note(j->v, &ask, words->malformed, "%s", err.text);
        return false;
    }
    mse_note(j->v, &ask, MSE_OK, NULL);
    judge_crl_issuer(j, out, in, words, issuer);
    struct mse_window w = { .what = words->what,
                            .from = out->this_update,
                            .until = out->next_update,
                            .early = words->early,
                            .late = words->late };
    mse_note_window(j->v, words->step, &w, j->now);
    return true;
}

void mse_judge_revoked(const struct mse_judge *j, const struct mse_crl *crl,
                       const struct mse_cert *cert, const struct mse_ask *ask, mse_status revoked)
{
    if (crl == NULL || cert == NULL) {
        mse_note_skip(j->v, ask->step, "revocation could not be looked up");
        return;
    }
    if (!mse_crl_is_revoked(crl, cert->serial)) {
        mse_note(j->v, ask, MSE_OK, NULL);
        return;
    }
    char serial[2 * 20 + 1];
    struct mse_bytes s = cert->serial;
    s.len = s.len < 20 ? s.len : 20;
    mse_hex_encode(serial, s);
    mse_note(j->v, ask, revoked, "serial %s stands in the CRL", serial);
}

/* Signed JSON. */

const struct mse_signed_words mse_tcb_info_words = {
    .step = MSE_STEP_TCB_INFO,
    .what = "tcb_info_signing_certificate",
    .missing = MSE_ERR_TCB_INFO_MISSING,
    .malformed = MSE_ERR_TCB_INFO_CHAIN_MALFORMED,
    .chain_signature = MSE_ERR_TCB_INFO_CHAIN_SIGNATURE,
    .chain_early = MSE_ERR_TCB_INFO_CHAIN_NOT_YET_VALID,
    .chain_late = MSE_ERR_TCB_INFO_CHAIN_EXPIRED,
    .untrusted = MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED,
    .revoked = MSE_ERR_TCB_INFO_CHAIN_REVOKED,
    .signature = MSE_ERR_TCB_INFO_SIGNATURE,
};
const struct mse_signed_words mse_qe_identity_words = {
    .step = MSE_STEP_QE_IDENTITY,
    .what = "qe_identity_signing_certificate",
    .missing = MSE_ERR_QE_IDENTITY_MISSING,
    .malformed = MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED,
    .chain_signature = MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE,
    .chain_early = MSE_ERR_QE_IDENTITY_CHAIN_NOT_YET_VALID,
    .chain_late = MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED,
    .untrusted = MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED,
    .revoked = MSE_ERR_QE_IDENTITY_CHAIN_REVOKED,
    .signature = MSE_ERR_QE_IDENTITY_SIGNATURE,
};

static void judge_body_signature(const struct mse_judge *j, const struct mse_cert *leaf,
                                 const struct mse_signed_words *words, const struct mse_signed *s)
{
    struct mse_ask ask = { words->step, "a signature of the signing certificate over these bytes",
                           NULL };
    const uint8_t *point = mse_point_of(&leaf->key);
    bool known = s->known != NULL && s->known->signed_by_leaf;
    bool good = known || (point != NULL && s->signature.len == 64 &&
                          mse_p256_verify(j->curve, point, s->signature.data, s->body) == MSE_OK);
    mse_note(j->v, &ask, good ? MSE_OK : words->signature,
             "a signature over other bytes or by another key");
}

/* The root that came with a signing chain must be the one of this appraisal. */
static void judge_signing_anchor(const struct mse_judge *j, const struct mse_cert *root,
                                 const struct mse_signed_words *words, const struct mse_signed *s)
{
    struct mse_ask ask = { words->step, "the root of the PCK chain", "simulation_root" };
    const uint8_t *point = mse_point_of(&root->key);
    bool same = s->anchor != NULL && point != NULL && mse_mem_equal(point, s->anchor->point, 64);
    mse_note(j->v, &ask, same ? MSE_OK : words->untrusted, "another root key");
}

static void judge_signing_root(const struct mse_judge *j, const struct mse_chain *c,
                               const struct mse_signed_words *words, const struct mse_signed *s)
{
    const struct mse_cert *root = &c->certs[c->num - 1];
    struct mse_ask self = { words->step, "a root that signed itself", NULL };
    bool known = c->verified || (s->root != NULL && mse_bytes_equal(root->der, s->root->der));
    bool good = (known || is_root_intact(j->curve, root)) && is_ca_profile(root, 0);
    mse_note(j->v, &self, good ? MSE_OK : words->chain_signature,
             "a root with a wrong signature or profile");
}

/* Whether the anchor's key issued the leaf, when no root came with it. */
static bool is_issued_by_anchor(const struct mse_judge *j, const struct mse_cert *leaf,
                                const struct mse_signed *s)
{
    if (s->anchor == NULL ||
        (s->root != NULL && !mse_bytes_equal(leaf->issuer, s->root->subject))) {
        return false;
    }
    uint8_t raw[65] = { 0x04 };
    struct mse_bytes point = mse_bytes_of(s->anchor->point, 64);
    struct mse_bytes whole = point;
    struct mse_pubkey key = { .type = MSE_KEY_P256, .raw = mse_bytes_of(raw, sizeof raw) };
    if (s->known != NULL && mse_known_key_is(&s->known->issuer, whole)) {
        return true;
    }
    bool good = mse_rd_copy(&point, raw + 1, 64) && mse_cert_verify(j->curve, leaf, &key) == MSE_OK;
    if (good && s->known != NULL) {
        mse_known_key_set(&s->known->issuer, whole);
    }
    return good;
}

static void judge_signing_chain(const struct mse_judge *j, const struct mse_chain *c,
                                const struct mse_signed_words *words, const struct mse_signed *s)
{
    const struct mse_cert *leaf = &c->certs[0];
    struct mse_ask shape = { words->step, "a signing certificate directly below the root", NULL };
    bool good = c->num <= 2 && is_leaf_profile(leaf);
    mse_note(j->v, &shape, good ? MSE_OK : words->malformed, "%zu certificates%s", c->num,
             leaf->is_ca ? ", the first a CA" : "");
    bool known = (c->num > 1 && c->verified) ||
                 (s->good_leaf != NULL && mse_bytes_equal(leaf->der, s->good_leaf->der));
    struct mse_ask link = { words->step, "named and signed by the root", NULL };
    bool issued = known || (c->num == 1 ? is_issued_by_anchor(j, leaf, s)
                                        : is_issued_by(j->curve, leaf, &c->certs[1]));
    mse_note(j->v, &link, issued ? MSE_OK : words->chain_signature,
             "a signing certificate that the root did not issue");
    if (c->num > 1) {
        judge_signing_root(j, c, words, s);
    }
    for (size_t i = 0; i < c->num; i++) {
        struct mse_window w = { .what = i == 0 ? words->what : "signing_root_certificate",
                                .from = c->certs[i].not_before,
                                .until = c->certs[i].not_after,
                                .early = words->chain_early,
                                .late = words->chain_late };
        mse_note_window(j->v, words->step, &w, j->now);
    }
}

/* The chain if its bytes are known, else read into s->room. */
static const struct mse_chain *read_signing_chain(const struct mse_signed *s, struct mse_error *err)
{
    if (s->known != NULL && s->known->chain.num > 0) {
        return &s->known->chain;
    }
    if (s->read != NULL) {
        return s->read;
    }
    return mse_chain_read(s->room, s->issuer_chain, err) == MSE_OK ? s->room : NULL;
}

const struct mse_chain *mse_judge_signed(const struct mse_judge *j,
                                         const struct mse_signed_words *words,
                                         const struct mse_signed *s)
{
    struct mse_ask parts = { words->step, "body, 64-byte signature and issuer chain", NULL };
    if (s->body.len == 0 || s->signature.len != 64 || s->issuer_chain.len == 0) {
        mse_note(j->v, &parts, words->missing, "body %zu, signature %zu, chain %zu bytes",
                 s->body.len, s->signature.len, s->issuer_chain.len);
        return NULL;
    }
    struct mse_error err = { .status = MSE_OK };
    const struct mse_chain *chain = read_signing_chain(s, &err);
    if (chain == NULL) {
        mse_note(j->v, &parts, words->malformed, "%s", err.text);
        return NULL;
    }
    mse_note(j->v, &parts, MSE_OK, NULL);
    /* Of several failures the first is reported: whose word it is comes before what it says. */
    if (chain->num > 1) {
        judge_signing_anchor(j, &chain->certs[chain->num - 1], words, s);
    }
    judge_body_signature(j, &chain->certs[0], words, s);
    judge_signing_chain(j, chain, words, s);
    return chain;
}
