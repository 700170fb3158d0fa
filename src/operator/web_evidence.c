/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence of an app, decoded for people: what the certificate, the quote, the claims and the
 * collateral say. Form only: nothing here judges, and the page says so. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "operator/web.h"
#include "ratls/claims.h"
#include <mse/collateral.h>

#define MAX_DER ((size_t)64 * 1024)

struct view {
    struct web_page page;
    struct mse_bundle bundle; /* borrows from the answer of the API, and from room */
    uint8_t *room;
    uint8_t der[MAX_DER]; /* of the first certificate */
    size_t der_len;
};

static void open_facts(struct view *v, const char *title)
{
    mse_html(v->page.b, "<section><h2>%s</h2>\n<dl class=\"facts\">\n", title);
}

static void close_facts(struct view *v)
{
    mse_html(v->page.b, "</dl></section>\n");
}

static void fact_slice(struct view *v, const char *name, struct mse_bytes text)
{
    web_fact(v->page.b, name);
    mse_html(v->page.b, "<bdi>");
    mse_html_text(v->page.b, text);
    mse_html(v->page.b, "</bdi></dd>\n");
}

static void fact_hex(struct view *v, const char *name, struct mse_bytes b)
{
    if (b.len > 64) {
        b.len = 64;
    }
    if (b.len > 0) {
        web_fact_bytes(v->page.b, name, b.data, b.len);
    }
}

static void fact_number(struct view *v, const char *name, unsigned n)
{
    web_fact(v->page.b, name);
    mse_html(v->page.b, "%u</dd>\n", n);
}

static void fact_sum(struct view *v, const char *name, struct mse_bytes b)
{
    uint8_t sum[32];
    if (mse_sha256(sum, b) == MSE_OK) {
        web_fact_bytes(v->page.b, name, sum, sizeof sum);
    }
}

static void unreadable(struct view *v, const char *what, const struct mse_error *err)
{
    web_fact(v->page.b, what);
    mse_html(v->page.b, "<span class=\"bad\">cannot be read: %s</span></dd>\n", err->text);
}

/* The certificate. */

static void write_certificate(struct view *v)
{
    struct mse_cert cert;
    struct mse_error err = { 0 };
    struct mse_bytes der = mse_bytes_of(v->der, v->der_len);
    mse_time now = v->page.c->now;
    open_facts(v, "Certificate");
    if (mse_cert_parse(&cert, der, &err) != MSE_OK) {
        unreadable(v, "Certificate", &err);
        close_facts(v);
        return;
    }
    fact_slice(v, "Subject", mse_name_common_name(cert.subject));
    fact_slice(v, "Issuer", mse_name_common_name(cert.issuer));
    web_fact_time(v->page.b, "Valid from", cert.not_before, now);
    web_fact_time(v->page.b, "Valid until", cert.not_after, now);
    fact_sum(v, "SHA-256 of the certificate", der);
    fact_sum(v, "SHA-256 of its public key", cert.key.spki);
    close_facts(v);
}

/* What the enclave said. */

static void write_sgx_report(struct view *v, const struct mse_sgx_report *r)
{
    struct mse_build *b = v->page.b;
    web_fact_bytes(b, "Fingerprint (MRENCLAVE)", r->mr_enclave, 32);
    web_fact_bytes(b, "Signer (MRSIGNER)", r->mr_signer, 32);
    fact_number(v, "Product", r->isv_prod_id);
    fact_number(v, "Security version", r->isv_svn);
    web_fact(b, "Debug");
    mse_html(b, (r->attr_flags & MSE_SGX_FLAG_DEBUG) != 0
                    ? "<span class=\"bad\">yes: whoever runs it can read its memory</span></dd>\n"
                    : "no</dd>\n");
    web_fact_bytes(b, "CPU security version", r->cpu_svn, 16);
    web_fact_bytes(b, "Report data", r->report_data, 64);
}

static void write_tdx_report(struct view *v, const struct mse_tdx_report *r)
{
    static const char *const rtmr[] = { "RTMR0", "RTMR1", "RTMR2", "RTMR3" };
    struct mse_build *b = v->page.b;
    uint8_t fingerprint[32];
    if (mse_tdx_fingerprint(fingerprint, r) == MSE_OK) {
        web_fact_bytes(b, "Fingerprint", fingerprint, 32);
    }
    web_fact_bytes(b, "MRTD", r->mr_td, 48);
    for (size_t i = 0; i < MSE_ARRAY_LEN(rtmr); i++) {
        web_fact_bytes(b, rtmr[i], r->rtmr[i], 48);
    }
    web_fact_bytes(b, "MRCONFIGID", r->mr_config_id, 48);
    web_fact(b, "Debug");
    mse_html(b, (r->td_attributes & MSE_TDX_ATTR_DEBUG) != 0
                    ? "<span class=\"bad\">yes: whoever runs it can read its memory</span></dd>\n"
                    : "no</dd>\n");
    web_fact_bytes(b, "Report data", r->report_data, 64);
}

/* The processor, by the certificate of its key in the quote. */
static void write_platform(struct view *v, const struct mse_quote_auth *a)
{
    struct mse_pck_info pck;
    size_t len = 0;
    uint8_t *der = malloc(MAX_DER);
    struct mse_bytes pem = a->cert_data;
    if (der != NULL && a->cert_type == MSE_CERT_TYPE_PCK_CHAIN &&
        mse_pem_next(&pem, "CERTIFICATE", der, MAX_DER, &len) == MSE_OK &&
        mse_pck_info_parse(&pck, mse_bytes_of(der, len), NULL) == MSE_OK) {
        web_fact_bytes(v->page.b, "Processor family (FMSPC)", pck.ext.fmspc, 6);
        fact_slice(v, "Processor key signed by", pck.issuer_cn);
        web_fact_time(v->page.b, "Processor key valid until", pck.not_after, v->page.c->now);
    }
    free(der);
}

static void write_quote(struct view *v, struct mse_bytes raw)
{
    struct mse_sgx_quote *sgx = calloc(1, sizeof *sgx);
    struct mse_tdx_quote *tdx = calloc(1, sizeof *tdx);
    struct mse_error err = { 0 };
    bool is_tdx = mse_quote_is_tdx(raw);
    mse_status st = sgx == NULL || tdx == NULL ? MSE_ERR_MEMORY
                    : is_tdx                   ? mse_tdx_quote_parse(tdx, raw, &err)
                                               : mse_sgx_quote_parse(sgx, raw, &err);
    web_fact_text(v->page.b, "Kind", is_tdx ? "quote of Intel TDX" : "quote of Intel SGX");
    if (st != MSE_OK) {
        unreadable(v, "Quote", &err);
    } else if (is_tdx) {
        write_tdx_report(v, &tdx->body);
        write_platform(v, &tdx->auth);
    } else {
        write_sgx_report(v, &sgx->body);
        write_platform(v, &sgx->auth);
    }
    free(sgx);
    free(tdx);
}

static void write_snp(struct view *v, struct mse_bytes raw)
{
    struct mse_snp_report r;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    web_fact_text(v->page.b, "Kind", "report of AMD SEV-SNP");
    if (mse_snp_report_parse(&r, raw, &err) != MSE_OK) {
        unreadable(v, "Report", &err);
        return;
    }
    if (mse_snp_fingerprint(fingerprint, &r) == MSE_OK) {
        web_fact_bytes(v->page.b, "Fingerprint", fingerprint, 32);
    }
    web_fact_bytes(v->page.b, "Measurement", r.measurement, 48);
    web_fact_bytes(v->page.b, "Host data", r.host_data, 32);
    web_fact_bytes(v->page.b, "Chip", r.chip_id, 64);
    web_fact_bytes(v->page.b, "Report data", r.report_data, 64);
}

static void write_claims(struct view *v, const struct mse_ratls_claims *k)
{
    const char *role = mse_ratls_role_name(k->role);
    uint8_t sum[32];
    open_facts(v, "Claims that the quote covers");
    web_fact_text(v->page.b, "Role", role != NULL ? role : "");
    fact_hex(v, "Public key", k->pubkey_hash);
    fact_hex(v, "SHA-256 of the manifest", k->manifest);
    if (k->manifest.len == sizeof sum && mse_sha256(sum, v->bundle.manifest) == MSE_OK) {
        bool same = mse_mem_equal(k->manifest.data, sum, sizeof sum);
        web_fact(v->page.b, "The manifest below");
        mse_html(v->page.b, same ? "has this hash</dd>\n"
                                 : "<span class=\"bad\">has another hash</span></dd>\n");
    }
    fact_hex(v, "Sealing key (X25519)", k->x25519);
    fact_hex(v, "Boot", k->boot);
    close_facts(v);
}

static void write_evidence(struct view *v)
{
    struct mse_ratls_cert r;
    struct mse_error err = { 0 };
    mse_status st = mse_ratls_read(&r, mse_bytes_of(v->der, v->der_len), &err);
    open_facts(v, "What the enclave's hardware signed");
    if (st != MSE_OK) {
        unreadable(v, "Evidence", &err);
    } else if (r.tee == MSE_TEE_SNP) {
        write_snp(v, r.quote);
    } else if (r.tee == MSE_TEE_NITRO) {
        web_fact_text(v->page.b, "Kind", "document of AWS Nitro: mse show decodes it");
    } else {
        write_quote(v, r.quote);
    }
    close_facts(v);
    if (st == MSE_OK && r.claims_raw.len > 0) {
        write_claims(v, &r.claims);
    }
}

/* Collateral. */

static void write_dates(struct view *v, const char *what, mse_time from, mse_time until)
{
    mse_time now = v->page.c->now;
    mse_html(v->page.b, "<tr><th scope=\"row\">%s</th><td data-label=\"Issued\">", what);
    web_time(v->page.b, from, now);
    mse_html(v->page.b, "</td><td data-label=\"Next update\">");
    web_time(v->page.b, until, now);
    mse_html(v->page.b,
             until < now ? " <span class=\"bad\">over</span></td></tr>\n" : "</td></tr>\n");
}

static void write_tcb_info(struct view *v)
{
    struct mse_tcb_info *t = calloc(1, sizeof *t);
    struct mse_bytes body = v->bundle.collateral.tcb_info;
    if (t != NULL && body.len > 0 && mse_tcb_info_parse(t, body, NULL) == MSE_OK) {
        char what[48];
        (void)snprintf(what, sizeof what, "TCB info, evaluation %u",
                       (unsigned)t->tcb_evaluation_number);
        write_dates(v, what, t->issue_date, t->next_update);
    }
    free(t);
}

static void write_qe_identity(struct view *v)
{
    struct mse_qe_identity *q = calloc(1, sizeof *q);
    struct mse_bytes body = v->bundle.collateral.qe_identity;
    if (q != NULL && body.len > 0 && mse_qe_identity_parse(q, body, NULL) == MSE_OK) {
        write_dates(v, "Identity of the quoting enclave", q->issue_date, q->next_update);
    }
    free(q);
}

static void write_crl(struct view *v, struct mse_bytes der, const char *what)
{
    struct mse_crl_info crl;
    if (der.len > 0 && mse_crl_info_parse(&crl, der, NULL) == MSE_OK) {
        write_dates(v, what, crl.this_update, crl.next_update);
    }
}

static void write_collateral(struct view *v)
{
    struct mse_build *b = v->page.b;
    const struct mse_collateral *c = &v->bundle.collateral;
    mse_html(b, "<section><h2>Collateral that came along</h2>\n<p>What it takes to judge the "
                "evidence, signed by the maker of the hardware, as the operator keeps it. A "
                "verifier may fetch its own.</p>\n");
    if (c->tcb_info.len == 0) {
        mse_html(b, "<p class=\"empty\">None.</p></section>\n");
        return;
    }
    mse_html(b, "<table class=\"dates\"><caption class=\"aside\">Dates of the collateral"
                "</caption><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Issued</th>"
                "<th scope=\"col\">Next update</th></tr></thead><tbody>\n");
    write_tcb_info(v);
    write_qe_identity(v);
    write_crl(v, c->pck_crl, "Revoked processor keys");
    write_crl(v, c->root_ca_crl, "Revoked authorities");
    mse_html(b, "</tbody></table></section>\n");
}

/* The manifest, a line for each member. */
static void write_manifest(struct view *v)
{
    struct mse_bytes text = v->bundle.manifest;
    json_t *m = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    char *lines = m == NULL ? NULL : json_dumps(m, JSON_INDENT(2));
    if (lines != NULL) {
        mse_html(v->page.b,
                 "<section><h2>Manifest</h2>\n<p>What was measured at the start, and decides what "
                 "runs.</p>\n<details><summary>Show the manifest</summary><pre class=\"log\" "
                 "tabindex=\"0\" role=\"region\" aria-label=\"Manifest\">%s</pre></details>"
                 "</section>\n",
                 lines);
    }
    free(lines);
    json_decref(m);
}

/* The page. */

static void write_all(struct view *v)
{
    const char *id = v->page.c->id;
    struct mse_bytes pem = v->bundle.certificates;
    struct mse_bytes rest = pem;
    mse_html(v->page.b,
             "<p class=\"path\"><a href=\"/verify/%s\">Verify this app</a></p>\n<h1>Evidence</h1>\n"
             "<p class=\"notice\">Decoded, not judged: whether any of this is genuine, shows "
             "<code>mse cloud verify</code>, or <code>mse verify</code> of the file.</p>\n"
             "<p><a href=\"/apps/%s/evidence\" download=\"evidence-%s.json\">Download the evidence"
             "</a></p>\n",
             id, id, id);
    if (mse_pem_next(&rest, "CERTIFICATE", v->der, sizeof v->der, &v->der_len) == MSE_OK) {
        write_certificate(v);
        write_evidence(v);
    } else {
        mse_html(v->page.b, "<p class=\"notice bad\">There is no certificate in it.</p>\n");
    }
    write_collateral(v);
    write_manifest(v);
    mse_html(v->page.b,
             "<section><h2>Certificate as text</h2>\n<details><summary>Show PEM</summary>"
             "<pre class=\"log\" tabindex=\"0\" role=\"region\" "
             "aria-label=\"Certificate as text\">");
    mse_html_text(v->page.b, pem);
    mse_html(v->page.b, "</pre></details></section>\n");
}

/* What the API answered, if that is evidence; it is taken over. */
static struct mse_reply *not_now(struct api_call *c, struct mse_reply *answer)
{
    unsigned status = answer->status;
    if (status == HTTP_CONFLICT || status == HTTP_BAD_GATEWAY || status == HTTP_NOT_FOUND) {
        mse_reply_unref(answer);
        return web_problem(c, status,
                           status == HTTP_NOT_FOUND  ? "No app of this id is here."
                           : status == HTTP_CONFLICT ? "Only a living instance gives evidence, and "
                                                       "this app does not run now."
                                                     : "The instance does not answer just now.");
    }
    return web_refused(c, answer);
}

static bool read_bundle(struct view *v, struct mse_bytes json)
{
    struct mse_error err = { 0 };
    size_t cap = 2 * json.len + 1;
    v->room = malloc(cap);
    return v->room != NULL && mse_bundle_parse(&v->bundle, v->room, cap, json, &err) == MSE_OK;
}

struct mse_reply *web_evidence(struct api_call *c)
{
    web_greet(c);
    struct mse_reply *answer = api_app_evidence(c);
    if (answer == NULL || answer->status != HTTP_OK) {
        return answer == NULL ? NULL : not_now(c, answer);
    }
    struct mse_reply *r = NULL;
    struct view *v = calloc(1, sizeof *v);
    if (v != NULL && !read_bundle(v, mse_build_view(&answer->body))) {
        r = web_problem(c, HTTP_BAD_GATEWAY, "What the instance gave cannot be read.");
    } else if (v != NULL && web_begin(&v->page, c, HTTP_OK, "Evidence")) {
        write_all(v);
        r = web_end(&v->page);
    }
    if (v != NULL) {
        free(v->room);
    }
    free(v);
    mse_reply_unref(answer);
    return r;
}
