/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Nitro attestation documents: COSE_Sign1 (RFC 9052 §4.2) over the map of AWS's "Attestation
 * process". Form only; the certificates in it are not looked into here. */
#include <mse/evidence.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#define STEP          "document"
#define TAG_SIGN1     18
#define HEADER_ALG    1
#define ALG_ES384     34 /* the encoded value of -35 */
#define SIGNATURE_LEN 96
#define MAX_MS        253402300799999ULL /* the end of the year 9999 */

/* The protected header says ES384 and nothing else: what it could say beyond that would have to be
 * obeyed. */
static mse_status rd_protected(struct mse_bytes header, struct mse_error *err)
{
    struct mse_cbor r = mse_cbor_of(header, MSE_CBOR_LENIENT);
    size_t pairs = 0;
    uint64_t label = 0;
    uint64_t alg = 0;
    if (!mse_cbor_map(&r, &pairs) || pairs != 1 || !mse_cbor_uint(&r, &label) ||
        label != HEADER_ALG) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the protected header is no map of the algorithm alone");
    }
    bool negative = mse_cbor_is(&r, MSE_CBOR_NINT);
    struct mse_bytes value = { 0 };
    struct mse_cbor copy = r;
    if (!mse_cbor_item(&r, &value) || r.in.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the protected header is malformed");
    }
    if (!negative || !mse_cbor_nint(&copy, &alg) || alg != ALG_ES384) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, STEP,
                        "a signature algorithm other than -35 (ES384)");
    }
    return MSE_OK;
}

/* The fields of the payload. Each reader takes one value. */

static bool rd_module_id(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return mse_cbor_text(r, &d->module_id) && d->module_id.len > 0 &&
           d->module_id.len <= MSE_NITRO_MAX_MODULE;
}

/* What it is, is judged where a refusal has its own status. */
static bool rd_digest(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    (void)d;
    struct mse_bytes name = { 0 };
    return mse_cbor_text(r, &name);
}

static bool rd_timestamp(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return mse_cbor_uint(r, &d->timestamp_ms) && d->timestamp_ms > 0 && d->timestamp_ms <= MAX_MS;
}

static bool rd_pcrs(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    struct mse_cbor_entries e;
    size_t num = 0;
    if (!mse_cbor_entries(r, MSE_CBOR_MAP, &e)) {
        return false;
    }
    for (; mse_cbor_next(r, &e); num++) {
        uint64_t i = 0;
        struct mse_bytes pcr = { 0 };
        if (!mse_cbor_uint(r, &i) || i >= MSE_NITRO_MAX_PCRS || d->pcrs[i].len != 0 ||
            !mse_cbor_bytes(r, &pcr) || (pcr.len != 32 && pcr.len != 48 && pcr.len != 64)) {
            return false;
        }
        d->pcrs[i] = pcr;
    }
    return num > 0;
}

static bool rd_der(struct mse_cbor *r, struct mse_bytes *out)
{
    return mse_cbor_bytes(r, out) && out->len > 0 && out->len <= MSE_NITRO_MAX_CERT;
}

static bool rd_certificate(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return rd_der(r, &d->certificate);
}

static bool rd_cabundle(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    struct mse_cbor_entries e;
    if (!mse_cbor_entries(r, MSE_CBOR_ARRAY, &e)) {
        return false;
    }
    while (mse_cbor_next(r, &e)) {
        if (d->num_cabundle == MSE_NITRO_MAX_CABUNDLE ||
            !rd_der(r, &d->cabundle[d->num_cabundle])) {
            return false;
        }
        d->num_cabundle++;
    }
    return d->num_cabundle > 0;
}

/* Bytes, or null. */
static bool rd_optional(struct mse_cbor *r, bool *has, struct mse_bytes *out)
{
    uint8_t simple = 0;
    if (mse_cbor_simple(r, &simple)) {
        return simple == MSE_CBOR_NULL;
    }
    *has = mse_cbor_bytes(r, out) && out->len <= MSE_NITRO_MAX_DATA;
    return *has;
}

static bool rd_public_key(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return rd_optional(r, &d->has_public_key, &d->public_key) &&
           (!d->has_public_key || d->public_key.len > 0);
}

static bool rd_user_data(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return rd_optional(r, &d->has_user_data, &d->user_data);
}

static bool rd_nonce(struct mse_cbor *r, struct mse_nitro_doc *d)
{
    return rd_optional(r, &d->has_nonce, &d->nonce);
}

static const struct field {
    const char *name;
    bool required;
    bool (*read)(struct mse_cbor *r, struct mse_nitro_doc *d);
} fields[] = {
    { "module_id", true, rd_module_id },
    { "digest", true, rd_digest },
    { "timestamp", true, rd_timestamp },
    { "pcrs", true, rd_pcrs },
    { "certificate", true, rd_certificate },
    { "cabundle", true, rd_cabundle },
    { "public_key", false, rd_public_key },
    { "user_data", false, rd_user_data },
    { "nonce", false, rd_nonce },
};
#define FIELD_DIGEST 1

static size_t find_field(struct mse_bytes name)
{
    size_t i = 0;
    while (i < MSE_ARRAY_LEN(fields) && !mse_bytes_is_str(name, fields[i].name)) {
        i++;
    }
    return i;
}

/* One member: its name, which must be new, and its value. */
static mse_status rd_member(struct mse_cbor *r, struct mse_nitro_doc *d, unsigned *seen,
                            struct mse_error *err)
{
    struct mse_bytes name = { 0 };
    if (!mse_cbor_text(r, &name)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the payload ends early, or has a key that "
                        "is no text");
    }
    size_t i = find_field(name);
    if (i == MSE_ARRAY_LEN(fields)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the unknown field \"%.*s\"",
                        name.len < 32 ? (int)name.len : 32, (const char *)name.data);
    }
    if ((*seen & 1U << i) != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s stands there twice", fields[i].name);
    }
    *seen |= 1U << i;
    struct mse_cbor value = *r;
    if (!fields[i].read(r, d)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s is malformed or outside its limits",
                        fields[i].name);
    }
    struct mse_bytes digest = { 0 };
    if (i == FIELD_DIGEST &&
        (!mse_cbor_text(&value, &digest) || !mse_bytes_is_str(digest, "SHA384"))) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, STEP, "a digest other than SHA384");
    }
    return MSE_OK;
}

static mse_status rd_payload(struct mse_nitro_doc *d, struct mse_error *err)
{
    struct mse_cbor r = mse_cbor_of(d->payload, MSE_CBOR_INDEFINITE);
    struct mse_cbor_entries e;
    unsigned seen = 0;
    if (!mse_cbor_entries(&r, MSE_CBOR_MAP, &e)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the payload is no map");
    }
    while (mse_cbor_next(&r, &e)) {
        mse_status st = rd_member(&r, d, &seen, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    if (r.in.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%zu bytes behind the payload", r.in.len);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        if (fields[i].required && (seen & 1U << i) == 0) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s is missing", fields[i].name);
        }
    }
    return MSE_OK;
}

static mse_status rd_sign1(struct mse_nitro_doc *d, struct mse_bytes in, struct mse_error *err)
{
    struct mse_cbor r = mse_cbor_of(in, MSE_CBOR_LENIENT);
    size_t num = 0;
    size_t unprotected = 0;
    uint64_t tag = TAG_SIGN1;
    if (mse_cbor_is(&r, MSE_CBOR_TAG) && (!mse_cbor_tag(&r, &tag) || tag != TAG_SIGN1)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "CBOR tag %llu, wanted 18 or none",
                        (unsigned long long)tag);
    }
    bool form = mse_cbor_array(&r, &num) && num == 4 &&               // [
                mse_cbor_bytes(&r, &d->protected_header) &&           //   protected
                mse_cbor_map(&r, &unprotected) && unprotected == 0 && //  unprotected: {}
                mse_cbor_bytes(&r, &d->payload) &&                    //   payload
                mse_cbor_bytes(&r, &d->signature) &&                  //   signature ]
                d->signature.len == SIGNATURE_LEN && r.in.len == 0;
    if (!form) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "not COSE_Sign1 with an empty unprotected header and a signature of %d "
                        "bytes, and nothing else",
                        SIGNATURE_LEN);
    }
    return rd_protected(d->protected_header, err);
}

mse_status mse_nitro_doc_parse(struct mse_nitro_doc *out, struct mse_bytes in,
                               struct mse_error *err)
{
    struct mse_nitro_doc d = { .num_cabundle = 0 };
    if (in.len > MSE_NITRO_DOC_MAX_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%zu bytes, wanted at most %d", in.len,
                        MSE_NITRO_DOC_MAX_LEN);
    }
    mse_status st = rd_sign1(&d, in, err);
    if (st == MSE_OK) {
        st = rd_payload(&d, err);
    }
    if (st == MSE_OK) {
        *out = d;
    }
    return st;
}

mse_status mse_nitro_fingerprint(uint8_t out[32], const struct mse_nitro_doc *d)
{
    static const char label[] = "mse-fp-nitro-v1"; /* its NUL belongs to it */
    uint8_t text[sizeof label + 3 * (size_t)48];
    struct mse_build b;
    mse_build_fixed(&b, text, sizeof text);
    mse_wr_copy(&b, label, sizeof label);
    for (size_t i = 0; i < 3; i++) {
        if (d->pcrs[i].len != 48 || mse_mem_is_zero(d->pcrs[i].data, 48)) {
            return MSE_ERR_NOT_FOUND;
        }
        mse_wr_bytes(&b, d->pcrs[i]);
    }
    return mse_sha256(out, mse_build_view(&b));
}
