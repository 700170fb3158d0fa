/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of the services and the issuer chains in their headers. Pure text.
 * spec: Intel PCS v4
 * spec: AMD KDS */
#include "collateral/path.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "collateral/fetch.h"

#define SGX_ROOT "/sgx/certification/v4"
#define TDX_ROOT "/tdx/certification/v4"

static bool is_tee(const struct mse_fetch_key *k)
{
    return k->tee == MSE_TEE_SGX || k->tee == MSE_TEE_TDX;
}

static const char *tee_root(const struct mse_fetch_key *k)
{
    return k->tee == MSE_TEE_TDX ? TDX_ROOT : SGX_ROOT;
}

static void wr_update(struct mse_build *b, const struct mse_fetch_key *k, char separator)
{
    if (k->update == MSE_FETCH_NUMBERED) {
        mse_wr_printf(b, "%ctcbEvaluationDataNumber=%u", separator, k->evaluation_number);
    } else {
        mse_wr_printf(b, "%cupdate=%s", separator,
                      k->update == MSE_FETCH_EARLY ? "early" : "standard");
    }
}

static bool wr_pck_cert(struct mse_build *b, const struct mse_fetch_key *k)
{
    mse_wr_str(b, SGX_ROOT "/pckcert?encrypted_ppid=");
    mse_wr_hex(b, k->pck_request.encrypted_ppid.data, k->pck_request.encrypted_ppid.len);
    mse_wr_str(b, "&cpusvn=");
    mse_wr_hex(b, k->pck_request.cpu_svn, sizeof k->pck_request.cpu_svn);
    mse_wr_printf(b, "&pcesvn=%02x%02x", k->pck_request.pce_svn & 0xffU,
                  (unsigned)k->pck_request.pce_svn >> 8);
    mse_wr_str(b, "&pceid=");
    mse_wr_hex(b, k->pck_request.pce_id, sizeof k->pck_request.pce_id);
    if (k->pck_request.qe_id.len > 0) {
        mse_wr_str(b, "&qeid=");
        mse_wr_hex(b, k->pck_request.qe_id.data, k->pck_request.qe_id.len);
    }
    return k->pck_request.encrypted_ppid.len > 0;
}

static bool wr_amd(struct mse_build *b, const struct mse_fetch_key *k)
{
    bool turin = k->product == MSE_SNP_TURIN;
    mse_wr_printf(b, "/%s/v1/%s/", k->vlek ? "vlek" : "vcek", mse_snp_product_name(k->product));
    if (k->kind == MSE_FETCH_AMD_CHAIN) {
        mse_wr_str(b, "cert_chain");
    } else if (k->kind == MSE_FETCH_AMD_CRL) {
        mse_wr_str(b, "crl");
    } else {
        mse_wr_hex(b, k->hwid, turin ? 8 : sizeof k->hwid);
        mse_wr_str(b, "?");
        if (turin) {
            mse_wr_printf(b, "fmcSPL=%02u&", k->tcb.fmc);
        }
        mse_wr_printf(b, "blSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u", k->tcb.bl, k->tcb.tee,
                      k->tcb.snp, k->tcb.ucode);
    }
    return k->product != MSE_SNP_PRODUCT_NONE && !(k->vlek && k->kind == MSE_FETCH_VCEK);
}

static bool wr_path(struct mse_build *b, const struct mse_fetch_key *k)
{
    switch (k->kind) {
    case MSE_FETCH_ROOT_CRL:
        mse_wr_str(b, SGX_ROOT "/rootcacrl");
        return true;
    case MSE_FETCH_PCK_CRL:
        mse_wr_printf(b, SGX_ROOT "/pckcrl?ca=%s&encoding=der",
                      k->ca == MSE_FETCH_CA_PLATFORM ? "platform" : "processor");
        return true;
    case MSE_FETCH_TCB_INFO:
        mse_wr_printf(b, "%s/tcb?fmspc=", tee_root(k));
        mse_wr_hex(b, k->fmspc, sizeof k->fmspc);
        wr_update(b, k, '&');
        return is_tee(k);
    case MSE_FETCH_QE_IDENTITY:
        mse_wr_printf(b, "%s/qe/identity", tee_root(k));
        wr_update(b, k, '?');
        return is_tee(k);
    case MSE_FETCH_QVE_IDENTITY:
        mse_wr_str(b, SGX_ROOT "/qve/identity");
        wr_update(b, k, '?');
        return true;
    case MSE_FETCH_EVAL_NUMBERS:
        mse_wr_printf(b, "%s/tcbevaluationdatanumbers", tee_root(k));
        return is_tee(k);
    case MSE_FETCH_PCK_CERT:
        return wr_pck_cert(b, k);
    case MSE_FETCH_VCEK:
    case MSE_FETCH_AMD_CHAIN:
    case MSE_FETCH_AMD_CRL:
        return wr_amd(b, k);
    }
    return false;
}

bool mse_fetch_path(char *out, size_t cap, const struct mse_fetch_key *key)
{
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    return wr_path(&b, key) && mse_build_cstr(&b) != NULL;
}

const char *mse_fetch_chain_header(const char **older, const struct mse_fetch_key *key)
{
    *older = NULL;
    switch (key->kind) {
    case MSE_FETCH_PCK_CRL:
        return "SGX-PCK-CRL-Issuer-Chain";
    case MSE_FETCH_TCB_INFO:
        *older = "SGX-TCB-Info-Issuer-Chain";
        return "TCB-Info-Issuer-Chain";
    case MSE_FETCH_QE_IDENTITY:
    case MSE_FETCH_QVE_IDENTITY:
        return "SGX-Enclave-Identity-Issuer-Chain";
    case MSE_FETCH_EVAL_NUMBERS:
        return "TCB-Evaluation-Data-Numbers-Issuer-Chain";
    case MSE_FETCH_PCK_CERT:
        return "SGX-PCK-Certificate-Issuer-Chain";
    case MSE_FETCH_ROOT_CRL:
    case MSE_FETCH_VCEK:
    case MSE_FETCH_AMD_CHAIN:
    case MSE_FETCH_AMD_CRL:
        break;
    }
    return NULL;
}

const char *mse_fetch_name(enum mse_fetch_kind kind)
{
    switch (kind) {
    case MSE_FETCH_ROOT_CRL:
        return "root CRL";
    case MSE_FETCH_PCK_CRL:
        return "PCK CRL";
    case MSE_FETCH_TCB_INFO:
        return "TCB info";
    case MSE_FETCH_QE_IDENTITY:
        return "QE identity";
    case MSE_FETCH_QVE_IDENTITY:
        return "QvE identity";
    case MSE_FETCH_EVAL_NUMBERS:
        return "TCB evaluation numbers";
    case MSE_FETCH_PCK_CERT:
        return "PCK certificate";
    case MSE_FETCH_VCEK:
        return "VCEK";
    case MSE_FETCH_AMD_CHAIN:
        return "AMD's certificate chain";
    case MSE_FETCH_AMD_CRL:
        return "AMD's CRL";
    }
    return "object";
}

/* Upstreams. */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool is_path_char(char c)
{
    return is_host_char(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '~' || c == '/';
}

static char lower(char c)
{
    bool upper = c >= 'A' && c <= 'Z';
    return (char)(upper ? c - 'A' + 'a' : c);
}

/* The host, in lower case; in brackets an IPv6 address. */
static const char *take_host(struct mse_build *b, const char *p)
{
    size_t before = b->len;
    if (*p == '[') {
        size_t len = strspn(p + 1, "0123456789abcdefABCDEF:.");
        if (len == 0 || p[1 + len] != ']') {
            return NULL;
        }
        mse_wr_copy(b, p, len + 2);
        return p + len + 2;
    }
    for (; is_host_char(lower(*p)); p++) {
        mse_wr_u8(b, (uint8_t)lower(*p));
    }
    return b->len > before ? p : NULL;
}

static const char *take_port(struct mse_build *b, const char *p)
{
    if (*p != ':') {
        return p;
    }
    size_t len = strspn(p + 1, "0123456789");
    uint64_t port = 0;
    if (!mse_u64_parse(&port, mse_bytes_of(p + 1, len), UINT16_MAX) || port == 0) {
        return NULL;
    }
    mse_wr_copy(b, p, len + 1);
    return p + 1 + len;
}

/* Both: of the path, which begins at from. */
static bool ends_with(const struct mse_build *b, size_t from, const char *end)
{
    size_t len = strlen(end);
    return b->len - from >= len && mse_mem_equal(b->data + b->len - len, end, len);
}

static void drop_slashes(struct mse_build *b, size_t from)
{
    while (b->len > from && b->data[b->len - 1] == '/') {
        b->len--;
    }
}

/* The path, without what every request of the service begins with. */
static mse_status take_path(struct mse_build *b, const char *url, const char *p,
                            struct mse_error *err)
{
    size_t from = b->len;
    for (; *p != '\0'; p++) {
        if (!is_path_char(*p)) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "url",
                            "%.100s: no user, query, fragment or percent sign", url);
        }
        mse_wr_u8(b, (uint8_t)*p);
    }
    drop_slashes(b, from);
    if (ends_with(b, from, "/certification/v3") || ends_with(b, from, "/certification/v2")) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "url",
                        "%.100s: this version of the service is retired, wanted " SGX_ROOT, url);
    }
    if (ends_with(b, from, SGX_ROOT)) {
        b->len -= strlen(SGX_ROOT);
        drop_slashes(b, from);
    }
    return MSE_OK;
}

mse_status mse_upstream_parse(struct mse_upstream *out, enum mse_upstream_kind kind,
                              const char *url, struct mse_error *err)
{
    static const char *const schemes[] = { "https://", "http://" };
    struct mse_upstream u = { .kind = kind };
    struct mse_build b;
    const char *p = NULL;
    mse_build_fixed(&b, u.url, sizeof u.url);
    for (size_t i = 0; p == NULL && i < MSE_ARRAY_LEN(schemes); i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) {
            mse_wr_str(&b, schemes[i]);
            p = take_host(&b, url + strlen(schemes[i]));
        }
    }
    p = p == NULL ? NULL : take_port(&b, p);
    if (p == NULL || (*p != '\0' && *p != '/' && *p != '?' && *p != '#' && *p != '@')) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "url", "%.100s is no https://HOST[:PORT][/PATH]", url);
    }
    mse_status st = take_path(&b, url, p, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_build_cstr(&b) == NULL) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "url", "longer than %d characters", MSE_URL_MAX - 1);
    }
    if (kind == MSE_UPSTREAM_PCCS && strcmp(u.url, MSE_PCS_URL) == 0) {
        u.kind = MSE_UPSTREAM_PCS;
    }
    *out = u;
    return MSE_OK;
}

/* Headers. */

static bool rd_octet(struct mse_bytes *in, uint8_t *out)
{
    struct mse_bytes digits = { 0 };
    if (!mse_rd_u8(in, out)) {
        return false;
    }
    if (*out != '%') {
        return true;
    }
    return mse_rd_bytes(in, &digits, 2) && mse_hex_decode(out, 1, digits);
}

bool mse_chain_header_decode(struct mse_build *out, struct mse_bytes value)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    size_t start = out->len;
    while (value.len > 0) {
        uint8_t c = 0;
        bool printable =
            rd_octet(&value, &c) && ((c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r');
        if (!printable) {
            return false;
        }
        mse_wr_u8(out, c);
    }
    struct mse_bytes text = mse_build_view(out);
    bool more = mse_rd_skip(&text, start);
    return more && mse_build_ok(out) && text.len >= strlen(begin) &&
           mse_mem_equal(text.data, begin, strlen(begin));
}
