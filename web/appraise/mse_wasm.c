/* SPDX-License-Identifier: Apache-2.0 */
/* See mse_wasm.h. Built for WebAssembly by tools/build-wasm, and natively for its tests. */
#include "mse_wasm.h"

#include "attest/verdict.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "random.h"
#include "ratls/fresh.h"
#include "ratls/profile.h"
#include "ratls/session.h"
#include "ratls/shape.h"

#define MAX_ANSWER ((size_t)128 * 1024)
#define MAX_SMALL  ((size_t)64 * 1024)
#define MAX_HOST   ((size_t)253)
#define STEP       "input"

static const size_t max_len[MSE_WASM_INPUTS] = {
    [MSE_WASM_EVIDENCE] = MSE_BUNDLE_MAX_LEN,
    [MSE_WASM_CERTIFICATE] = MAX_SMALL,
    [MSE_WASM_COLLATERAL] = MSE_BUNDLE_MAX_LEN,
    [MSE_WASM_POLICY] = MAX_SMALL,
    [MSE_WASM_HOST] = MAX_HOST,
    [MSE_WASM_NONCE] = MSE_SESSION_NONCE_LEN,
};

/* A document in JSON, and what it decodes to. */
struct document {
    uint8_t *scratch;
    struct mse_bundle bundle;
};

struct mse_wasm {
    uint8_t *input[MSE_WASM_INPUTS];
    size_t len[MSE_WASM_INPUTS];
    const char *kind;
    struct document evidence;
    struct document collateral;
    const struct mse_collateral *used;
    const char *source;
    uint8_t *der_room;
    struct mse_bytes der; /* the certificate that is judged; empty: none */
    bool is_quote;
    struct mse_bytes quote; /* evidence without one, or whatever is said to be some */
    uint8_t *fresh_room;
    struct mse_policy policy;
    char host[MAX_HOST + 1];
    mse_time at;
    bool judged; /* verdict is meaningful */
    struct mse_verdict verdict;
    struct mse_ratls_cert cert; /* spki empty: its evidence could not be read */
    enum mse_ratls_binding binding;
    struct mse_error error;
    struct mse_build answer;
};

static const struct mse_collateral no_collateral;

static struct mse_bytes input(const struct mse_wasm *w, enum mse_wasm_input i)
{
    return mse_bytes_of(w->input[i], w->len[i]);
}

struct mse_wasm *mse_wasm_new(void)
{
    return mse_wasm_random() == 1 ? calloc(1, sizeof(struct mse_wasm)) : NULL;
}

void mse_wasm_free(struct mse_wasm *w)
{
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < MSE_WASM_INPUTS; i++) {
        free(w->input[i]);
    }
    free(w->evidence.scratch);
    free(w->collateral.scratch);
    free(w->der_room);
    free(w->fresh_room);
    mse_build_clear(&w->answer);
    free(w);
}

uint8_t *mse_wasm_room(struct mse_wasm *w, uint32_t i, size_t len)
{
    if (i >= MSE_WASM_INPUTS || w->input[i] != NULL || len > max_len[i]) {
        return NULL;
    }
    w->input[i] = malloc(len + 1);
    w->len[i] = w->input[i] != NULL ? len : 0;
    return w->input[i];
}

static mse_status out_of_memory(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
}

/* ---- reading ---- */

static mse_status read_document(struct document *d, struct mse_bytes json, struct mse_error *err)
{
    d->scratch = malloc(2 * json.len + 1);
    return d->scratch == NULL ? out_of_memory(err)
                              : mse_bundle_parse(&d->bundle, d->scratch, 2 * json.len, json, err);
}

/* DER or PEM; whoever reads it says whether it is one. */
static mse_status read_certificate(struct mse_wasm *w, struct mse_bytes in)
{
    w->der = in;
    if (mse_shape_of(in) != MSE_SHAPE_PEM) {
        return MSE_OK;
    }
    w->der_room = malloc(in.len);
    if (w->der_room == NULL) {
        return out_of_memory(&w->error);
    }
    mse_status st = mse_ratls_get_pem(&w->der, w->der_room, in.len, in);
    return st == MSE_OK ? MSE_OK
                        : MSE_FAIL(&w->error, st, STEP, "the certificate is not readable PEM");
}

static mse_status read_host(struct mse_wasm *w)
{
    struct mse_bytes host = input(w, MSE_WASM_HOST);
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] <= ' ' || host.data[i] > '~') {
            return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP,
                            "the host has a byte 0x%02x, wanted a name in ASCII", host.data[i]);
        }
        w->host[i] = (char)host.data[i];
    }
    return MSE_OK;
}

static mse_status read_policy(struct mse_wasm *w)
{
    struct mse_bytes json = input(w, MSE_WASM_POLICY);
    mse_policy_default(&w->policy);
    return json.len == 0 ? MSE_OK : mse_policy_parse_json(&w->policy, json, &w->error);
}

static mse_status read_bundle(struct mse_wasm *w, struct mse_bytes json)
{
    mse_status st = read_document(&w->evidence, json, &w->error);
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_collateral *k = &w->evidence.bundle.collateral;
    w->kind = w->evidence.bundle.form == MSE_BUNDLE_OLDER ? "evidence bundle (older form)"
                                                          : "evidence bundle";
    if (k->tcb_info.len > 0 || k->vcek.len > 0) {
        w->used = k;
        w->source = "stapled";
    }
    w->quote = w->evidence.bundle.quote;
    w->is_quote = w->quote.len > 0;
    return w->der.len == 0 && w->evidence.bundle.certificates.len > 0
               ? read_certificate(w, w->evidence.bundle.certificates)
               : MSE_OK;
}

static mse_status read_evidence(struct mse_wasm *w)
{
    struct mse_bytes in = input(w, MSE_WASM_EVIDENCE);
    enum mse_shape shape = mse_shape_of(in);
    bool alone = w->der.len == 0;
    w->kind = "certificate";
    if (w->input[MSE_WASM_EVIDENCE] == NULL) {
        return alone ? MSE_FAIL(&w->error, MSE_ERR_NO_EVIDENCE, STEP, "nothing was given") : MSE_OK;
    }
    if (shape == MSE_SHAPE_JSON) {
        return read_bundle(w, mse_shape_text(in));
    }
    if (!alone) {
        return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP,
                        "beside a certificate only a bundle can be judged: what else is given "
                        "says nothing of its key");
    }
    switch (shape) {
    case MSE_SHAPE_PEM:
    case MSE_SHAPE_CERTIFICATE:
        return read_certificate(w, in);
    case MSE_SHAPE_QUOTE:
        w->kind = mse_quote_is_tdx(in) ? "TDX quote" : "SGX quote";
        break;
    case MSE_SHAPE_SNP_REPORT:
        w->kind = "SEV-SNP report";
        break;
    case MSE_SHAPE_HCL:
        w->kind = "HCL report";
        break;
    case MSE_SHAPE_NITRO:
        w->kind = "AWS Nitro document";
        w->source = "the document itself";
        break;
    case MSE_SHAPE_TAGGED:
        return MSE_FAIL(&w->error, MSE_ERR_NO_EVIDENCE, STEP,
                        "evidence without a certificate: nobody says here whom it is for");
    case MSE_SHAPE_JSON:
    case MSE_SHAPE_UNKNOWN:
        w->kind = "file"; /* the reader of quotes says what is wrong */
        break;
    }
    w->quote = in;
    w->is_quote = true;
    return MSE_OK;
}

static mse_status read_collateral(struct mse_wasm *w)
{
    struct mse_bytes json = input(w, MSE_WASM_COLLATERAL);
    if (json.len == 0) {
        return MSE_OK;
    }
    w->used = &w->collateral.bundle.collateral;
    w->source = "given";
    return read_document(&w->collateral, json, &w->error);
}

/* What was given with nothing in it is not left out: without it less would be demanded. */
static mse_status check_given(struct mse_wasm *w)
{
    static const struct {
        enum mse_wasm_input input;
        const char *name;
    } list[] = { { MSE_WASM_CERTIFICATE, "certificate" }, { MSE_WASM_HOST, "host" } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        if (w->input[list[i].input] != NULL && w->len[list[i].input] == 0) {
            return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP, "the %s is empty", list[i].name);
        }
    }
    return MSE_OK;
}

static mse_status read_all(struct mse_wasm *w, double at)
{
    struct mse_bytes cert = input(w, MSE_WASM_CERTIFICATE);
    w->used = &no_collateral;
    if (!(at >= 0 && at < 253402300800.0)) { /* the year 10000 */
        return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP, "no time that can be meant");
    }
    w->at = (mse_time)at;
    mse_status st = check_given(w);
    st = st == MSE_OK ? read_policy(w) : st;
    st = st == MSE_OK ? read_host(w) : st;
    st = st == MSE_OK && cert.len > 0 ? read_certificate(w, cert) : st;
    st = st == MSE_OK ? read_evidence(w) : st;
    return st == MSE_OK ? read_collateral(w) : st;
}

/* ---- judging ---- */

static const char *host(const struct mse_wasm *w)
{
    return w->host[0] == '\0' ? NULL : w->host;
}

/* The bundle must answer this nonce. */
static mse_status judge_fresh(struct mse_wasm *w)
{
    struct mse_bytes json = mse_shape_text(input(w, MSE_WASM_EVIDENCE));
    struct mse_bytes nonce = input(w, MSE_WASM_NONCE);
    struct mse_frame_response r = { .retry_ms = 0 };
    struct mse_session_ask ask = { .role = MSE_ROLE_SERVER_FRESH, .level = 1 };
    const struct mse_session_facts facts = { .peer_cert = w->der };
    const struct mse_session_judge judge = {
        .policy = &w->policy, .collateral = w->used, .at = w->at, .host = host(w)
    };
    if (nonce.len != sizeof ask.nonce) {
        return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP, "a nonce of %zu bytes, wanted %zu",
                        nonce.len, sizeof ask.nonce);
    }
    w->fresh_room = malloc(2 * json.len + 1);
    if (w->fresh_room == NULL) {
        return out_of_memory(&w->error);
    }
    mse_status st = mse_fresh_read(&r, w->fresh_room, 2 * json.len, json, &w->error);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(ask.nonce, nonce.data, sizeof ask.nonce);
    r.manifest = w->evidence.bundle.manifest;
    (void)!mse_session_appraise(&w->verdict, &w->cert, &facts, &r, &ask, &judge, &w->error);
    w->judged = true;
    return MSE_OK;
}

static void judge_quote(struct mse_wasm *w)
{
    switch (mse_shape_of(w->quote)) {
    case MSE_SHAPE_SNP_REPORT:
        (void)!mse_appraise_snp(&w->verdict, w->quote, w->used, &w->policy, w->at, &w->error);
        break;
    case MSE_SHAPE_HCL:
        (void)!mse_appraise_hcl(&w->verdict, w->quote, w->used, &w->policy, w->at, &w->error);
        break;
    case MSE_SHAPE_NITRO:
        (void)!mse_appraise_nitro(&w->verdict, w->quote, &w->policy, w->at, &w->error);
        break;
    case MSE_SHAPE_UNKNOWN:
    case MSE_SHAPE_JSON:
    case MSE_SHAPE_PEM:
    case MSE_SHAPE_CERTIFICATE:
    case MSE_SHAPE_TAGGED:
    case MSE_SHAPE_QUOTE:
        (void)!mse_appraise_quote(&w->verdict, w->quote, w->used, &w->policy, w->at, &w->error);
        break;
    }
    w->judged = true;
}

static mse_status judge(struct mse_wasm *w)
{
    bool asked = w->input[MSE_WASM_NONCE] != NULL;
    if (w->der.len == 0 && !w->is_quote) {
        return MSE_FAIL(&w->error, MSE_ERR_NO_EVIDENCE, STEP, "%s holds no evidence", w->kind);
    }
    if (asked && w->der.len == 0) {
        return MSE_FAIL(&w->error, MSE_ERR_ARGUMENT, STEP,
                        "%s cannot answer a nonce, wanted a bundle with a certificate", w->kind);
    }
    if (asked) {
        return judge_fresh(w);
    }
    if (w->der.len > 0) {
        (void)!mse_ratls_appraise(&w->verdict, &w->cert, &w->binding, w->der, host(w), w->used,
                                  &w->policy, w->at, &w->error);
        w->judged = true;
    } else {
        judge_quote(w);
    }
    mse_verdict_set_level(&w->verdict, 0, &w->policy);
    return MSE_OK;
}

/* ---- the answer ---- */

static void js_certificate(struct mse_js *j, const struct mse_wasm *w)
{
    struct mse_bytes leaf = w->der;
    struct mse_bytes ca;
    struct mse_cert x;
    uint8_t sha256[32];
    uint8_t spki_sha256[32];
    if (!mse_ratls_split(&leaf, &ca, w->der) || mse_cert_parse(&x, leaf, NULL) != MSE_OK ||
        mse_sha256(sha256, leaf) != MSE_OK || mse_sha256(spki_sha256, x.key.spki) != MSE_OK) {
        mse_js_str(j, "certificate", NULL);
        return;
    }
    mse_js_open(j, "certificate", '{');
    mse_js_hex(j, "sha256", sha256, sizeof sha256);
    mse_js_hex(j, "spki_sha256", spki_sha256, sizeof spki_sha256);
    mse_js_time(j, "not_before", x.not_before);
    mse_js_time(j, "not_after", x.not_after);
    if (w->cert.spki.len > 0) {
        mse_js_str(j, "form", mse_ratls_form_name(w->cert.form));
    }
    if (w->binding != MSE_BINDING_NONE) {
        mse_js_str(j, "binding", mse_ratls_binding_name(w->binding));
    }
    mse_js_close(j, '}');
}

static void js_error(struct mse_js *j, const struct mse_wasm *w)
{
    if (w->judged) {
        mse_js_str(j, "error", NULL);
        return;
    }
    bool said = w->error.text[0] != '\0';
    mse_js_open(j, "error", '{');
    mse_js_str(j, "status", mse_status_name(w->error.status));
    mse_js_str(j, "text", said ? w->error.text : mse_status_text(w->error.status));
    mse_js_close(j, '}');
}

static void write_answer(struct mse_wasm *w)
{
    const struct mse_verdict *v = &w->verdict;
    struct mse_js j = { .b = &w->answer };
    mse_build_heap(&w->answer, MAX_ANSWER);
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "kind", w->kind);
    js_error(&j, w);
    if (w->judged) {
        mse_verdict_write_json(&j, "verdict", v);
        mse_js_str(&j, "binding_text", v->accepted ? mse_level_text(v->binding_level) : NULL);
    } else {
        mse_js_str(&j, "verdict", NULL);
    }
    js_certificate(&j, w);
    mse_js_str(&j, "collateral_source", w->source);
    mse_js_close(&j, '}');
    (void)mse_build_cstr(&w->answer);
}

int mse_wasm_appraise(struct mse_wasm *w, double at)
{
    if (w->kind != NULL) { /* the second time: what is there stays refused */
        return 0;
    }
    w->kind = "nothing";
    mse_status st = read_all(w, at);
    st = st == MSE_OK ? judge(w) : st;
    if (st != MSE_OK && w->error.status == MSE_OK) {
        w->error.status = st;
    }
    write_answer(w);
    return st == MSE_OK && w->judged && w->verdict.accepted && mse_build_ok(&w->answer);
}

const char *mse_wasm_answer(const struct mse_wasm *w)
{
    bool there = w->answer.data != NULL && mse_build_ok(&w->answer);
    return there ? (const char *)w->answer.data : NULL;
}
