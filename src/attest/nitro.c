/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of an AWS Nitro attestation document: signed by a key that AWS's root certified for
 * this enclave, at a time when it could be, over the PCRs that the policy wants. */
#include "attest/anchors.h"
#include "attest/reference.h"
#include "attest/verdict.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"

#define MAX_CERTS  (MSE_NITRO_MAX_CABUNDLE + 1)
#define CLOCK_SKEW 60 /* seconds by which the host that made the document may be ahead of us */

struct nitro {
    struct mse_verdict *v;
    const struct mse_policy *policy;
    struct mse_policy nothing; /* in its place if it makes no sense */
    struct mse_moment now;
    struct mse_nitro_doc doc;
    size_t num; /* of certs, leaf first, root last; 0: one of them could not be read */
    struct mse_cert certs[MAX_CERTS];
    struct mse_root root;
};

/* Step form. */

static bool copy_data(struct mse_nitro_data *out, bool present, struct mse_bytes in)
{
    out->present = present;
    out->len = in.len;
    return mse_sha256(out->sha256, in) == MSE_OK && mse_rd_copy(&in, out->data, in.len);
}

static bool copy_pcrs(struct mse_nitro_claims *c, const struct mse_nitro_doc *d)
{
    bool ok = true;
    for (size_t i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        struct mse_bytes in = d->pcrs[i];
        c->pcrs[i].len = (uint8_t)in.len;
        ok = ok && mse_rd_copy(&in, c->pcrs[i].value, in.len);
    }
    return ok;
}

static bool copy_claims(struct mse_nitro_claims *c, const struct mse_nitro_doc *d)
{
    struct mse_bytes in = d->module_id;
    bool ok = mse_rd_copy(&in, c->module_id, in.len) && copy_pcrs(c, d) &&
              copy_data(&c->public_key, d->has_public_key, d->public_key) &&
              copy_data(&c->user_data, d->has_user_data, d->user_data) &&
              copy_data(&c->nonce, d->has_nonce, d->nonce);
    c->module_id[d->module_id.len] = '\0';
    mse_utf8_printable(c->module_id);
    c->timestamp_ms = d->timestamp_ms;
    return ok;
}

static bool judge_form(struct nitro *a, struct mse_bytes document)
{
    static const struct mse_ask ask = { MSE_STEP_FORM, "an AWS Nitro attestation document", NULL };
    struct mse_error err = { .status = MSE_OK };
    struct mse_verdict *v = a->v;
    mse_status st = mse_nitro_doc_parse(&a->doc, document, &err);
    if (st == MSE_OK && !copy_claims(&v->nitro, &a->doc)) {
        st = MSE_ERR_CRYPTO;
    }
    mse_note(v, &ask, st, "%s", err.text);
    if (st != MSE_OK) {
        return false;
    }
    v->has_fingerprint = mse_nitro_fingerprint(v->fingerprint, &a->doc) == MSE_OK;
    v->debug = true; /* AWS: an enclave in debug mode has zeros there */
    for (size_t i = 0; i < 3; i++) {
        v->debug = v->debug && mse_nitro_pcr_is_zero(&v->nitro.pcrs[i]);
    }
    return true;
}

/* Step nitro_chain. */

static bool read_chain(struct nitro *a)
{
    static const struct mse_ask ask = { MSE_STEP_NITRO_CHAIN, "certificates in DER", NULL };
    const struct mse_nitro_doc *d = &a->doc;
    struct mse_error err = { .status = MSE_OK };
    size_t num = d->num_cabundle + 1;
    mse_status st = mse_cert_parse(&a->certs[0], d->certificate, &err);
    for (size_t i = 1; st == MSE_OK && i < num; i++) {
        st = mse_cert_parse(&a->certs[i], d->cabundle[num - 1 - i], &err);
    }
    mse_note(a->v, &ask, st == MSE_OK ? MSE_OK : MSE_ERR_NITRO_CERTIFICATE_MALFORMED, "%s",
             err.text);
    a->num = st == MSE_OK ? num : 0;
    return a->num > 0;
}

static void judge_links(struct nitro *a)
{
    static const struct mse_ask ask = { MSE_STEP_NITRO_CHAIN,
                                        "each certificate named and signed by the next", NULL };
    const struct mse_cert *root = &a->certs[a->num - 1];
    bool named = mse_bytes_equal(root->issuer, root->subject);
    /* That certificate's signature of itself is known to be right. */
    bool is_signed = mse_is_nitro_root_certificate(root->der) ||
                     mse_cert_verify(NULL, root, &root->key) == MSE_OK;
    for (size_t i = 0; i + 1 < a->num; i++) {
        named = named && mse_bytes_equal(a->certs[i].issuer, a->certs[i + 1].subject);
        is_signed =
            is_signed && mse_cert_verify(NULL, &a->certs[i], &a->certs[i + 1].key) == MSE_OK;
    }
    mse_note(a->v, &ask, named && is_signed ? MSE_OK : MSE_ERR_NITRO_CERTIFICATE_CHAIN, "%s",
             named ? "a certificate with a wrong signature" : "certificates of several chains");
}

static bool is_p384(const struct mse_cert *c)
{
    return c->key.type == MSE_KEY_P384 && c->sig_alg == MSE_SIG_ECDSA_SHA384 &&
           !c->has_unknown_critical && c->has_key_usage;
}

/* below: the authorities between this one and the leaf. */
static bool is_authority(const struct mse_cert *c, size_t below)
{
    return is_p384(c) && c->is_ca && (c->key_usage & MSE_KU_KEY_CERT_SIGN) != 0 &&
           (!c->has_path_len || c->path_len >= below);
}

static void judge_profile(struct nitro *a)
{
    static const struct mse_ask ask = {
        MSE_STEP_NITRO_CHAIN, "P-384, authorities within their path lengths, a leaf that may sign",
        NULL
    };
    const struct mse_cert *leaf = &a->certs[0];
    bool good = is_p384(leaf) && !leaf->is_ca && (leaf->key_usage & MSE_KU_DIGITAL_SIGNATURE) != 0;
    for (size_t i = 1; i < a->num; i++) {
        good = good && is_authority(&a->certs[i], i - 1);
    }
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_NITRO_CERTIFICATE_CHAIN,
             "a certificate with another profile");
}

static void judge_root(struct nitro *a)
{
    static const struct mse_ask ask = { MSE_STEP_NITRO_CHAIN, "the key of a trusted root",
                                        "simulation_root_sha256" };
    const struct mse_cert *root = &a->certs[a->num - 1];
    struct mse_bytes cn = mse_name_common_name(root->subject);
    a->root = mse_root_of(a->policy, MSE_TEE_NITRO, &root->key);
    a->v->simulated = !a->root.compiled_in;
    mse_note(a->v, &ask, a->root.trusted ? MSE_OK : MSE_ERR_NITRO_ROOT_UNTRUSTED,
             "another key, in a certificate that calls itself \"%.*s\"",
             cn.len < 64 ? (int)cn.len : 64, (const char *)cn.data);
}

static void judge_dates(struct nitro *a)
{
    static const char *const what[] = { "nitro_certificate", "nitro_authority", "nitro_root" };
    for (size_t i = 0; i < a->num; i++) {
        size_t which = i == 0 ? 0 : i + 1 < a->num ? 1 : 2;
        struct mse_window w = { .what = what[which],
                                .from = a->certs[i].not_before,
                                .until = a->certs[i].not_after,
                                .early = MSE_ERR_NITRO_CERTIFICATE_NOT_YET_VALID,
                                .late = MSE_ERR_NITRO_CERTIFICATE_EXPIRED };
        mse_note_window(a->v, MSE_STEP_NITRO_CHAIN, &w, &a->now);
    }
}

/* Not made before or behind the dates of the key that signed it, nor in the future. */
static void judge_timestamp(struct nitro *a)
{
    static const struct mse_ask ask = {
        MSE_STEP_NITRO_CHAIN, "a document made while its certificate was valid, and before now",
        NULL
    };
    const struct mse_cert *leaf = &a->certs[0];
    mse_time made = (mse_time)(a->doc.timestamp_ms / 1000);
    bool good =
        leaf->not_before <= made && made <= leaf->not_after && made <= a->now.at + CLOCK_SKEW;
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, made);
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_NITRO_TIMESTAMP, "made at %s", text);
}

static void judge_chain(struct nitro *a)
{
    if (!read_chain(a)) {
        return;
    }
    judge_links(a);
    judge_profile(a);
    judge_root(a);
    judge_dates(a);
    judge_timestamp(a);
}

/* Step cose_signature. spec: RFC 9052 §4.4 */

static mse_status hash_signed(uint8_t out[48], const struct mse_nitro_doc *d)
{
    uint8_t buf[48];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_cborw_array(&b, 4);
    mse_cborw_text(&b, "Signature1");
    mse_cborw_bytes_head(&b, d->protected_header.len);
    size_t first = b.len;
    mse_cborw_bytes_head(&b, 0); /* external_aad: none */
    mse_cborw_bytes_head(&b, d->payload.len);
    MSE_ASSERT(mse_build_ok(&b)); /* heads of at most 9 octets each */
    const struct mse_bytes parts[] = { mse_bytes_of(buf, first), d->protected_header,
                                       mse_bytes_of(buf + first, b.len - first), d->payload };
    return mse_sha384_parts(out, parts, MSE_ARRAY_LEN(parts));
}

static void judge_signature(struct nitro *a)
{
    static const struct mse_ask ask = { MSE_STEP_COSE_SIGNATURE,
                                        "a signature of the certificate's key", NULL };
    if (a->num == 0) {
        mse_note_skip(a->v, MSE_STEP_COSE_SIGNATURE, "a certificate could not be read");
        return;
    }
    const struct mse_pubkey *key = &a->certs[0].key;
    uint8_t digest[48];
    bool good =
        key->type == MSE_KEY_P384 && hash_signed(digest, &a->doc) == MSE_OK &&
        mse_p384_verify_digest(NULL, key->raw.data + 1, a->doc.signature.data, digest) == MSE_OK;
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_COSE_SIGNATURE,
             "a document that another key signed, or that was changed");
}

/* What the policy wants. */

static void judge_simulation(struct nitro *a)
{
    if (a->num == 0) {
        mse_note_skip(a->v, MSE_STEP_SIMULATION, "a certificate could not be read");
        return;
    }
    mse_note_simulation(a->v, &a->root, a->policy, "the chain ends in no trusted root");
}

/* Zeros in any of the three stand for no measurement at all. */
static void judge_debug(struct nitro *a)
{
    static const struct mse_ask ask = { MSE_STEP_ATTRIBUTES,
                                        "PCR0, PCR1 and PCR2 there and not zero (not debug mode)",
                                        "allow_debug" };
    bool measured = true;
    for (size_t i = 0; i < 3; i++) {
        measured = measured && !mse_nitro_pcr_is_zero(&a->v->nitro.pcrs[i]);
    }
    mse_note_waivable(a->v, &ask, measured ? MSE_OK : MSE_ERR_DEBUG, a->policy->allow_debug, "%s",
                      a->v->debug ? "zeros, as in debug mode" : "one that is missing or zero");
}

/* A document names an instance, but nothing in it tells one machine from another. */
static void judge_machine(struct nitro *a)
{
    static const struct mse_ask machine = { MSE_STEP_MACHINE, "no list of machines",
                                            "allowed_machines" };
    static const struct mse_ask family = { MSE_STEP_MACHINE, "no list of Intel's platforms",
                                           "allowed_fmspc" };
    const struct mse_policy *p = a->policy;
    mse_note(a->v, &family, p->num_allowed_fmspc == 0 ? MSE_OK : MSE_ERR_FMSPC_NOT_ALLOWED,
             "a platform of AWS");
    mse_note(a->v, &machine, p->num_allowed_machines == 0 ? MSE_OK : MSE_ERR_MACHINE_NOT_ALLOWED,
             "a platform that does not say which machine it is");
}

static void judge(struct nitro *a, struct mse_bytes document)
{
    static const enum mse_step signatures[] = { MSE_STEP_NITRO_CHAIN, MSE_STEP_COSE_SIGNATURE };
    struct mse_verdict *v = a->v;
    a->policy = mse_note_policy(v, &a->nothing, a->policy);
    if (!judge_form(a, document)) {
        mse_note_skip(v, MSE_STEP_NITRO_CHAIN, "the document could not be read");
        mse_note_skip(v, MSE_STEP_COSE_SIGNATURE, "the document could not be read");
        return;
    }
    judge_chain(a);
    judge_signature(a);
    judge_simulation(a);
    judge_debug(a);
    mse_judge_reference(v, a->policy);
    judge_machine(a);
    v->signatures_ok = mse_verdict_steps_ok(v, signatures, MSE_ARRAY_LEN(signatures));
}

mse_status mse_appraise_nitro(struct mse_verdict *out, struct mse_bytes document,
                              const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    mse_verdict_begin(out, MSE_TEE_NITRO);
    struct nitro a = { .v = out, .policy = policy, .now = mse_moment_of(at) };
    judge(&a, document);
    if (policy->require_level > 0) {
        mse_verdict_set_level(out, 0, policy);
    }
    mse_verdict_decide(out);
    return mse_verdict_tell(out, err);
}
