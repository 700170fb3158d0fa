/* SPDX-License-Identifier: Apache-2.0 */
/* Finding out what a file is: by its first bytes, never by its name. */
#include "cli/target.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/own.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/profile.h"
#include "ratls/shape.h"
#include <mse/ratls.h>

#define TARGET_MAX_LEN MSE_BUNDLE_MAX_LEN

/* The end of the host in text, and what stands behind it; brackets around IPv6 are left out. NULL
 * if the brackets do not close. */
static const char *host_end(const char **text, const char **rest)
{
    if ((*text)[0] != '[') {
        *rest = *text + strcspn(*text, ":");
        return *rest;
    }
    (*text)++;
    const char *end = strchr(*text, ']');
    *rest = end == NULL ? NULL : end + 1;
    return end;
}

static bool copy_host(char *host, size_t cap, const char *text, size_t len)
{
    if (len == 0 || len >= cap) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '/') {
            return false;
        }
        bool upper = text[i] >= 'A' && text[i] <= 'Z';
        host[i] = (char)(upper ? text[i] - 'A' + 'a' : text[i]);
    }
    host[len] = '\0';
    return true;
}

bool cli_split_host(char *host, size_t cap, uint16_t *port, const char *text, uint16_t default_port)
{
    const char *rest = NULL;
    uint64_t n = default_port;
    const char *end = host_end(&text, &rest);
    if (end == NULL || (rest[0] != '\0' && rest[0] != ':')) {
        return false;
    }
    if (rest[0] == ':' && !mse_u64_parse(&n, mse_bytes_str(rest + 1), UINT16_MAX)) {
        return false;
    }
    *port = (uint16_t)n;
    return n != 0 && copy_host(host, cap, text, (size_t)(end - text));
}

struct mse_bytes cli_target_evidence(const struct cli_target *t)
{
    struct mse_ratls_cert cert;
    struct mse_bytes none = { 0 };
    if (t->der.len == 0 || t->kind == CLI_TARGET_CRL) {
        return t->quote;
    }
    return mse_ratls_read(&cert, t->der, NULL) == MSE_OK ? cert.quote : none;
}

const char *cli_target_kind_text(const struct cli_target *t)
{
    switch (t->kind) {
    case CLI_TARGET_CERTIFICATE:
        return t->host != NULL ? "certificate of a connection" : "certificate";
    case CLI_TARGET_QUOTE:
        return mse_quote_is_tdx(t->quote) ? "TDX quote" : "SGX quote";
    case CLI_TARGET_SNP_REPORT:
        return "SEV-SNP report";
    case CLI_TARGET_HCL:
        return "HCL report";
    case CLI_TARGET_NITRO:
        return "AWS Nitro document";
    case CLI_TARGET_EVIDENCE:
        return "evidence without a certificate";
    case CLI_TARGET_BUNDLE:
        return t->bundle.form == MSE_BUNDLE_OLDER ? "evidence bundle (older form)"
                                                  : "evidence bundle";
    case CLI_TARGET_SIGSTRUCT:
        return "SIGSTRUCT";
    case CLI_TARGET_CRL:
        return "CRL";
    case CLI_TARGET_TCB_INFO:
        return "TCB info";
    case CLI_TARGET_QE_IDENTITY:
        return "QE identity";
    case CLI_TARGET_MANIFEST:
        return "manifest";
    case CLI_TARGET_CONTEXT:
        return "context";
    case CLI_TARGET_EAR:
        return "attestation result";
    case CLI_TARGET_UNKNOWN:
        break;
    }
    return "file";
}

enum cli_exit cli_target_failed(const struct cli *c, const char *name, mse_status st,
                                const struct mse_error *err)
{
    const char *text = err->text[0] != '\0' ? err->text : mse_status_text(st);
    bool named = strstr(text, name) != NULL;
    return cli_trouble(c, "%s%s%s", named ? "" : name, named ? "" : ": ", text);
}

bool cli_timeout(unsigned *out_ms, const struct cli *c)
{
    const char *text = cli_value(c, "timeout");
    uint64_t seconds = 10;
    if (text != NULL && (!mse_u64_parse(&seconds, mse_bytes_str(text), 3600) || seconds == 0)) {
        (void)cli_trouble(c, "--timeout is %s, wanted 1 to 3600 seconds", text);
        return false;
    }
    *out_ms = (unsigned)seconds * 1000;
    return true;
}

static bool begins(struct mse_bytes b, const char *s)
{
    size_t len = strlen(s);
    return b.len >= len && mse_mem_equal(b.data, s, len);
}

/* The first PEM block of a label, decoded into the target's own room. */
static bool take_pem(struct cli_target *t, struct mse_bytes in, const char *label)
{
    size_t len = 0;
    t->der_room = malloc(in.len + 1);
    if (t->der_room == NULL || mse_pem_next(&in, label, t->der_room, in.len, &len) != MSE_OK) {
        return false;
    }
    t->der = mse_bytes_of(t->der_room, len);
    return true;
}

/* A certificate; with the one that stands behind it if it is one: its CA's, perhaps. */
static bool take_certificate(struct cli_target *t, struct mse_bytes in)
{
    t->der_room = malloc(in.len + 1);
    return t->der_room != NULL && mse_ratls_get_pem(&t->der, t->der_room, in.len, in) == MSE_OK;
}

static mse_status take_quote(struct cli_target *t, struct mse_bytes in, struct mse_error *err)
{
    struct mse_sgx_quote sgx = { .trailing = 0 };
    struct mse_tdx_quote tdx = { .trailing = 0 };
    mse_status st = mse_quote_is_tdx(in) ? mse_tdx_quote_parse_padded(&tdx, in, err)
                                         : mse_sgx_quote_parse_padded(&sgx, in, err);
    if (st != MSE_OK) {
        return st;
    }
    t->kind = CLI_TARGET_QUOTE;
    t->padding = sgx.trailing + tdx.trailing;
    t->quote = mse_bytes_of(in.data, in.len - t->padding);
    return MSE_OK;
}

/* SGX quotes of version 4 or 5, key type 2 or 3: another TEE type than that of TDX. */
static mse_status refuse_foreign(const struct cli_target *t, struct mse_bytes in,
                                 struct mse_error *err)
{
    if ((begins(in, "\x04") || begins(in, "\x05")) && in.len > 48 && in.data[1] == 0 &&
        (in.data[2] == 2 || in.data[2] == 3) && in.data[4] != MSE_TEE_TYPE_TDX) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_TEE, "target",
                        "%.100s is an SGX quote of version 4 or 5, which is not appraised by this "
                        "version",
                        t->name);
    }
    return MSE_OK;
}

/* A file that is hexadecimal text is what the digits say: CRLs and quotes are handed around so.
 * Nitro documents are as base64. */
static bool decode_hex(uint8_t *out, size_t *out_len, size_t cap, struct mse_bytes text)
{
    *out_len = text.len / 2;
    return *out_len <= cap && mse_hex_decode(out, *out_len, text);
}

static bool decode_base64(uint8_t *out, size_t *out_len, size_t cap, struct mse_bytes text)
{
    return mse_base64_decode(out, cap, out_len, text) &&
           mse_shape_of(mse_bytes_of(out, *out_len)) == MSE_SHAPE_NITRO;
}

static void decode_text(struct cli_file *f)
{
    size_t len = 0;
    uint8_t *text = malloc(f->len + 1);
    uint8_t *raw = malloc(f->len + 1);
    bool ok = text != NULL && raw != NULL && f->len >= 64;
    for (size_t i = 0; ok && i < f->len; i++) {
        if (isspace(f->data[i]) == 0) {
            text[len++] = f->data[i];
        }
    }
    struct mse_bytes in = mse_bytes_of(text, len);
    if (ok && (decode_hex(raw, &len, f->len, in) || decode_base64(raw, &len, f->len, in))) {
        free(f->data);
        f->data = raw;
        f->len = len;
        raw = NULL;
    }
    free(raw);
    free(text);
}

static mse_status not_our_json(const struct cli_target *t, const json_t *doc,
                               const json_error_t *why, struct mse_error *err)
{
    if (doc == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "target", "%.100s is no JSON: line %d: %.60s",
                        t->name, why->line, why->text);
    }
    return MSE_FAIL(err, MSE_ERR_MALFORMED, "target",
                    "%.100s is JSON, but nothing that is known here (evidence bundle, TCB info, "
                    "QE identity, manifest)",
                    t->name);
}

static mse_status take_json(struct cli_target *t, struct mse_bytes in, struct mse_error *err)
{
    json_error_t why;
    json_t *doc = json_loadb((const char *)in.data, in.len, 0, &why);
    if (json_object_get(doc, "tcbInfo") == NULL && json_object_get(doc, "tcbLevels") == NULL &&
        json_object_get(doc, "enclaveIdentity") == NULL && json_object_get(doc, "app_id") == NULL &&
        json_object_get(doc, "version") == NULL &&
        json_object_get(doc, "ratls_certificate") == NULL) {
        mse_status bad = not_our_json(t, doc, &why, err);
        json_decref(doc);
        return bad;
    }
    bool tcb = json_object_get(doc, "tcbInfo") != NULL || json_object_get(doc, "tcbLevels") != NULL;
    bool identity = json_object_get(doc, "enclaveIdentity") != NULL ||
                    (tcb && json_object_get(doc, "isvprodid") != NULL);
    bool manifest = json_object_get(doc, "app_id") != NULL;
    json_decref(doc);
    if (manifest) {
        t->kind = CLI_TARGET_MANIFEST;
        return MSE_OK;
    }
    if (identity || tcb) {
        t->kind = identity ? CLI_TARGET_QE_IDENTITY : CLI_TARGET_TCB_INFO;
        return MSE_OK;
    }
    mse_status st = cli_bundle_load(&t->bundle, &t->scratch, in, err);
    if (st != MSE_OK) {
        return st;
    }
    t->kind = CLI_TARGET_BUNDLE;
    t->quote = t->bundle.quote;
    if (t->bundle.certificates.len > 0 && !take_certificate(t, t->bundle.certificates)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "bundle", "%.100s: its certificate is not PEM",
                        t->name);
    }
    return MSE_OK;
}

static mse_status take_evidence(struct cli_target *t, struct mse_bytes in, struct mse_error *err)
{
    struct mse_ratls_cert e;
    mse_status st = mse_ratls_read_loose_evidence(&e, in, err);
    if (st == MSE_OK) {
        t->kind = CLI_TARGET_EVIDENCE;
        t->quote = e.quote;
        t->claims = e.claims;
    }
    return st;
}

/* What only a file can be. */
static mse_status take_other(struct cli_target *t, struct mse_bytes in, struct mse_error *err)
{
    struct mse_crl crl;
    t->der = in;
    if (in.len == MSE_SIGSTRUCT_LEN && begins(in, "\x06")) {
        t->kind = CLI_TARGET_SIGSTRUCT;
    } else if (mse_crl_parse(&crl, in, NULL) == MSE_OK) {
        t->kind = CLI_TARGET_CRL;
    } else if (mse_bytes_find(in, mse_bytes_str("code_salt")) != SIZE_MAX) {
        t->kind = CLI_TARGET_CONTEXT;
    } else {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "target",
                        "%.150s is nothing that is known here (certificate, quote, report, "
                        "bundle, collateral, SIGSTRUCT, context, package)",
                        t->name);
    }
    return MSE_OK;
}

static mse_status take_shape(struct cli_target *t, struct mse_bytes in, struct mse_error *err)
{
    switch (mse_shape_of(in)) {
    case MSE_SHAPE_JSON:
        return take_json(t, mse_shape_text(in), err);
    case MSE_SHAPE_PEM:
        t->kind = CLI_TARGET_CERTIFICATE;
        return take_certificate(t, in) ? MSE_OK : take_other(t, in, err);
    case MSE_SHAPE_TAGGED:
        return take_evidence(t, in, err);
    case MSE_SHAPE_QUOTE:
        return take_quote(t, in, err);
    case MSE_SHAPE_CERTIFICATE:
        t->kind = CLI_TARGET_CERTIFICATE;
        t->der = in;
        return MSE_OK;
    case MSE_SHAPE_HCL:
        t->kind = CLI_TARGET_HCL;
        break;
    case MSE_SHAPE_NITRO:
        t->kind = CLI_TARGET_NITRO;
        break;
    case MSE_SHAPE_SNP_REPORT:
        t->kind = CLI_TARGET_SNP_REPORT;
        break;
    case MSE_SHAPE_UNKNOWN:
        return take_other(t, in, err);
    }
    t->quote = in;
    return MSE_OK;
}

static mse_status classify(struct cli_target *t, struct mse_error *err)
{
    decode_text(&t->file);
    struct mse_bytes in = cli_file_view(&t->file);
    struct mse_bytes text = mse_shape_text(in);
    mse_status st = refuse_foreign(t, in, err);
    if (st != MSE_OK) {
        return st;
    }
    if (begins(text, "-----BEGIN X509 CRL-----") && take_pem(t, text, "X509 CRL")) {
        t->kind = CLI_TARGET_CRL;
        return MSE_OK;
    }
    if (begins(text, "eyJ") && mse_bytes_find(text, mse_bytes_str(".")) != SIZE_MAX) {
        t->kind = CLI_TARGET_EAR;
        return MSE_OK;
    }
    return take_shape(t, in, err);
}

static mse_status connect_target(struct cli_target *t, const struct cli *c, struct mse_error *err)
{
    uint16_t port = 0;
    unsigned timeout = 0;
    if (!cli_split_host(t->host_text, sizeof t->host_text, &port, t->name, 0)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "target",
                        "%.150s: no such file, and not HOST:PORT either", t->name);
    }
    if (!cli_timeout(&timeout, c)) {
        return MSE_ERR_ARGUMENT;
    }
    mse_status st = cli_link_open(&t->link, t->host_text, port, timeout, err);
    if (st == MSE_OK) {
        t->host = t->host_text;
        t->der = cli_file_view(&t->link.der);
        t->kind = CLI_TARGET_CERTIFICATE;
    }
    return st;
}

mse_status cli_target_open(struct cli_target *t, const struct cli *c, const char *name,
                           struct mse_error *err)
{
    struct cli_target empty = { .name = name };
    *t = empty;
    if (strcmp(name, "-") != 0 && !cli_file_exists(name)) {
        return connect_target(t, c, err);
    }
    mse_status st = cli_file_read(&t->file, name, TARGET_MAX_LEN, err);
    return st == MSE_OK ? classify(t, err) : st;
}

void cli_target_close(struct cli_target *t)
{
    cli_link_close(&t->link);
    cli_file_clear(&t->file);
    free(t->scratch);
    free(t->der_room);
    t->scratch = NULL;
    t->der_room = NULL;
}
