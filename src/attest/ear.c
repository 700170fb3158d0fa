/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as attestation result: what it means in the words of AR4SI, and the signed JWT. Reading
 * one is ear_read.c. */
#include "attest/ear.h"

#include <string.h>

#include <mse/version.h>

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"

static const char step[] = "attestation result";

/* Values of draft-ietf-rats-ar4si, §2.3.4. */
enum {
    NOTHING = 0,
    TRUSTWORTHY = 2, /* genuine, approved, encrypted: of every claim the best */
    UNSAFE = 32,     /* of hardware and configuration: known, with known vulnerabilities */
    UNRECOGNIZED_RUNTIME = 33,
    CONTRAINDICATED = 96,
    UNRECOGNIZED = 97, /* of identity and hardware */
    CRYPTO_FAILED = 99,
};

const char *mse_ear_tier_name(enum mse_ear_tier t)
{
    static const char *const names[] = {
        [MSE_EAR_AFFIRMING] = "affirming",
        [MSE_EAR_NONE] = "none",
        [MSE_EAR_WARNING] = "warning",
        [MSE_EAR_CONTRAINDICATED] = "contraindicated",
    };
    return (unsigned)t < MSE_ARRAY_LEN(names) ? names[t] : "unknown";
}

const char *mse_ear_claim_name(enum mse_ear_claim c)
{
    static const char *const names[] = {
        [MSE_EAR_INSTANCE_IDENTITY] = "instance-identity",
        [MSE_EAR_CONFIGURATION] = "configuration",
        [MSE_EAR_EXECUTABLES] = "executables",
        [MSE_EAR_FILE_SYSTEM] = "file-system",
        [MSE_EAR_HARDWARE] = "hardware",
        [MSE_EAR_RUNTIME_OPAQUE] = "runtime-opaque",
        [MSE_EAR_STORAGE_OPAQUE] = "storage-opaque",
        [MSE_EAR_SOURCED_DATA] = "sourced-data",
    };
    _Static_assert(MSE_ARRAY_LEN(names) == MSE_EAR_NUM_CLAIMS, "every claim has a name");
    return (unsigned)c < MSE_ARRAY_LEN(names) ? names[c] : "unknown";
}

/* spec: draft-ietf-rats-ar4si, §2.3.2: tiers lie symmetrically around zero. */
enum mse_ear_tier mse_ear_tier_of(int8_t value)
{
    if (value >= -1 && value <= 1) {
        return MSE_EAR_NONE;
    }
    if (value >= -32 && value <= 31) {
        return MSE_EAR_AFFIRMING;
    }
    return value >= -96 && value <= 95 ? MSE_EAR_WARNING : MSE_EAR_CONTRAINDICATED;
}

/* What a step that failed or could not run says, and of which claim. */
struct meaning {
    enum mse_ear_claim claim;
    int8_t value;
};

static struct meaning meaning_of(enum mse_step s)
{
    static const struct meaning meanings[] = {
        [MSE_STEP_SIMULATION] = { MSE_EAR_HARDWARE, UNRECOGNIZED },
        [MSE_STEP_ATTRIBUTES] = { MSE_EAR_CONFIGURATION, CONTRAINDICATED },
        [MSE_STEP_SIGNER] = { MSE_EAR_EXECUTABLES, UNRECOGNIZED_RUNTIME },
        [MSE_STEP_REFERENCE] = { MSE_EAR_EXECUTABLES, UNRECOGNIZED_RUNTIME },
        [MSE_STEP_MACHINE] = { MSE_EAR_INSTANCE_IDENTITY, UNRECOGNIZED },
        [MSE_STEP_BINDING] = { MSE_EAR_INSTANCE_IDENTITY, CONTRAINDICATED },
        [MSE_STEP_CERTIFICATE] = { MSE_EAR_INSTANCE_IDENTITY, CONTRAINDICATED },
        [MSE_STEP_NAME] = { MSE_EAR_INSTANCE_IDENTITY, CONTRAINDICATED },
        [MSE_STEP_MANIFEST] = { MSE_EAR_EXECUTABLES, UNRECOGNIZED_RUNTIME },
        [MSE_STEP_SESSION] = { MSE_EAR_INSTANCE_IDENTITY, CONTRAINDICATED },
        [MSE_STEP_LEVEL] = { MSE_EAR_INSTANCE_IDENTITY, CONTRAINDICATED },
        [MSE_STEP_LOG] = { MSE_EAR_EXECUTABLES, UNRECOGNIZED_RUNTIME },
    };
    static const struct meaning platform = { MSE_EAR_HARDWARE, CONTRAINDICATED };
    bool own = (unsigned)s < MSE_ARRAY_LEN(meanings) && meanings[s].value != 0;
    return own ? meanings[s] : platform;
}

/* Of a check that failed and that the policy let pass: a warning, whatever the policy thinks. */
static struct meaning meaning_of_waiver(enum mse_step s)
{
    struct meaning m = meaning_of(s);
    m.value = m.claim == MSE_EAR_EXECUTABLES ? UNRECOGNIZED_RUNTIME : UNSAFE;
    return m;
}

static void worsen(struct mse_ear_vector *out, enum mse_ear_claim c, int8_t value)
{
    if (value > out->claims[c]) {
        out->claims[c] = value;
    }
}

/* Evidence whose signatures hold: what its claims and its checks say. */
static void judge_claims(struct mse_ear_vector *out, const struct mse_verdict *v)
{
    bool known =
        v->tcb_status == MSE_TCB_UP_TO_DATE || v->tee == MSE_TEE_SNP || v->tee == MSE_TEE_NITRO;
    out->claims[MSE_EAR_HARDWARE] = known ? TRUSTWORTHY : UNSAFE;
    out->claims[MSE_EAR_CONFIGURATION] = TRUSTWORTHY;
    out->claims[MSE_EAR_RUNTIME_OPAQUE] = v->debug ? CONTRAINDICATED : TRUSTWORTHY;
    out->claims[MSE_EAR_EXECUTABLES] = v->reference_index != SIZE_MAX ? TRUSTWORTHY : NOTHING;
    out->claims[MSE_EAR_INSTANCE_IDENTITY] = v->binding_level == 3 ? TRUSTWORTHY : NOTHING;
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *c = &v->checks[i];
        if (c->status != MSE_OK || c->skipped || c->waived) {
            struct meaning m = c->waived ? meaning_of_waiver(c->step) : meaning_of(c->step);
            worsen(out, m.claim, m.value);
        }
        if (c->waived && c->step == MSE_STEP_ATTRIBUTES) {
            worsen(out, MSE_EAR_RUNTIME_OPAQUE, UNSAFE);
        }
    }
    if (v->tcb_status == MSE_TCB_CONFIGURATION_NEEDED ||
        v->tcb_status == MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
        v->tcb_status == MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ||
        v->tcb_status == MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED) {
        worsen(out, MSE_EAR_CONFIGURATION, UNSAFE);
    }
    if (v->debug) {
        worsen(out, MSE_EAR_CONFIGURATION, CONTRAINDICATED);
    }
    if (v->simulated) {
        worsen(out, MSE_EAR_HARDWARE, UNRECOGNIZED);
    }
}

enum mse_ear_tier mse_ear_vector_of(struct mse_ear_vector *out, const struct mse_verdict *v)
{
    struct mse_ear_vector vector = { { 0 } };
    enum mse_ear_tier status = v->accepted ? MSE_EAR_AFFIRMING : MSE_EAR_CONTRAINDICATED;
    if (v->signatures_ok) {
        judge_claims(&vector, v);
    } else {
        memset(vector.claims, CRYPTO_FAILED, sizeof vector.claims);
    }
    for (size_t i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        enum mse_ear_tier t = mse_ear_tier_of(vector.claims[i]);
        status = t != MSE_EAR_NONE && t > status ? t : status;
    }
    *out = vector;
    return status;
}

/* spec: RFC 9711 §4.1: a nonce in JSON is text of 8 to 88 characters. Ours is base64url. */
static bool is_nonce(struct mse_bytes text)
{
    bool good = text.len >= 8 && text.len <= 88;
    for (size_t i = 0; good && i < text.len; i++) {
        uint8_t c = text.data[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        good = letter || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    return good;
}

/* The payload. */

static mse_status write_digest(struct mse_js *j, const char *key, struct mse_bytes in)
{
    uint8_t digest[32];
    if (in.len == 0) {
        return MSE_OK;
    }
    mse_status st = mse_sha256(digest, in);
    if (st == MSE_OK) {
        mse_js_hex(j, key, digest, sizeof digest);
    }
    return st;
}

static void write_optional(struct mse_js *j, const char *key, const char *value)
{
    if (value != NULL) {
        mse_js_str(j, key, value);
    }
}

static mse_status write_submod(struct mse_js *j, const struct mse_verdict *v,
                               const struct mse_ear_params *p)
{
    struct mse_ear_vector vector;
    enum mse_ear_tier status = mse_ear_vector_of(&vector, v);
    mse_js_open(j, mse_tee_name(v->tee), '{');
    mse_js_str(j, EAR_STATUS, mse_ear_tier_name(status));
    mse_js_open(j, EAR_VECTOR, '{');
    for (unsigned i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        mse_js_int(j, mse_ear_claim_name((enum mse_ear_claim)i), vector.claims[i]);
    }
    mse_js_close(j, '}');
    write_optional(j, EAR_POLICY_ID, p->policy_id);
    write_optional(j, EAR_MSE_HOST, p->host);
    mse_status st = write_digest(j, EAR_MSE_EVIDENCE, p->evidence);
    st = st == MSE_OK ? write_digest(j, EAR_MSE_CERTIFICATE, p->certificate) : st;
    mse_js_int(j, EAR_MSE_APPRAISED, p->appraised_at);
    mse_verdict_write_json(j, EAR_MSE_VERDICT, v);
    mse_js_close(j, '}');
    return st;
}

static void write_expiry(struct mse_js *j, const struct mse_verdict *v,
                         const struct mse_ear_params *p)
{
    if (v->accepted && p->expires_at != 0) {
        mse_js_int(j, "exp", p->expires_at);
    } else if (v->accepted && v->num_dates > 0) {
        mse_js_int(j, "exp", v->valid_until);
    }
}

static mse_status write_payload(struct mse_build *b, const struct mse_verdict *v,
                                const struct mse_ear_params *p)
{
    struct mse_js j = { .b = b };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "eat_profile", MSE_EAR_PROFILE);
    mse_js_int(&j, "iat", p->issued_at);
    write_expiry(&j, v, p);
    write_optional(&j, "eat_nonce", p->nonce);
    mse_js_open(&j, EAR_VERIFIER_ID, '{');
    mse_js_str(&j, "developer", p->developer != NULL ? p->developer : "mse");
    mse_js_str(&j, "build", "mse " MSE_VERSION);
    mse_js_close(&j, '}');
    mse_js_open(&j, "submods", '{');
    mse_status st = write_submod(&j, v, p);
    mse_js_close(&j, '}');
    mse_js_close(&j, '}');
    return st != MSE_OK || mse_build_ok(b) ? st : MSE_ERR_NO_SPACE;
}

/* The token. */

/* base64url of {"alg":"ES256","typ":"JWT"} and the dot behind it. */
static const char header[] = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.";

/* Encodes what lies in data[from] to the end of the builder, in place: the text is moved to the end
 * of the room, so that the digits never overtake it. */
static void encode_in_place(struct mse_build *b, size_t from)
{
    size_t len = b->len - from;
    if (!mse_build_ok(b) || (len + 2) / 3 * 4 >= b->cap - from) {
        b->failed = true;
        return;
    }
    uint8_t *text = b->data + (b->cap - len);
    memmove(text, b->data + from, len);
    b->len = from;
    for (size_t i = 0; i < len; i += 3) {
        char digits[5];
        size_t n = len - i < 3 ? len - i : 3;
        mse_base64url_encode(digits, mse_bytes_of(text + i, n));
        mse_wr_str(b, digits);
    }
}

static mse_status sign_token(struct mse_build *b, const struct mse_privkey *key)
{
    uint8_t sig[64];
    char digits[4 * ((sizeof sig + 2) / 3) + 1];
    if (!mse_build_ok(b)) {
        return MSE_ERR_NO_SPACE;
    }
    mse_status st = mse_p256_sign(key, sig, mse_build_view(b));
    if (st != MSE_OK) {
        return st;
    }
    mse_base64url_encode(digits, mse_bytes_of(sig, sizeof sig));
    mse_wr_str(b, ".");
    mse_wr_str(b, digits);
    return mse_build_cstr(b) != NULL ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_verdict_to_ear(char *out, size_t cap, const struct mse_verdict *v,
                              const struct mse_ear_params *params, struct mse_error *err)
{
    struct mse_privkey *key = NULL;
    if (params->nonce != NULL && !is_nonce(mse_bytes_str(params->nonce))) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, step,
                        "the nonce has another form than 8 to 88 characters of base64url");
    }
    mse_status st = mse_privkey_from_pem(&key, params->key_pem, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_wr_str(&b, header);
    st = write_payload(&b, v, params);
    if (st == MSE_OK) {
        encode_in_place(&b, sizeof header - 1);
        st = sign_token(&b, key);
    }
    mse_privkey_free(key);
    return st == MSE_OK ? MSE_OK
                        : MSE_FAIL(err, st, step, "%s",
                                   st == MSE_ERR_UNSUPPORTED_ALGORITHM
                                       ? "the key is no P-256 key, which ES256 wants"
                                       : mse_status_text(st));
}
