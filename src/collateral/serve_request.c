/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of Intel's quote provider library and its tools. */
#include "collateral/serve_request.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define MAX_VALUE ((size_t)2048)
#define MAX_NUM   ((uint64_t)UINT32_MAX)

bool mse_serve_is_tcb(enum mse_serve_kind k)
{
    return k == MSE_SERVE_TCB_SGX || k == MSE_SERVE_TCB_TDX;
}

bool mse_serve_is_identity(enum mse_serve_kind k)
{
    return k == MSE_SERVE_QE_SGX || k == MSE_SERVE_QE_TDX || k == MSE_SERVE_QVE;
}

bool mse_serve_is_crl(enum mse_serve_kind k)
{
    return k == MSE_SERVE_CRL_PLATFORM || k == MSE_SERVE_CRL_PROCESSOR || k == MSE_SERVE_CRL_ROOT;
}

void mse_serve_key_name(char out[MSE_SERVE_NAME_LEN], const struct mse_serve_key *k)
{
    static const char *const names[MSE_SERVE_KIND_END] = {
        [MSE_SERVE_TCB_SGX] = "sgx/tcb",
        [MSE_SERVE_TCB_TDX] = "tdx/tcb",
        [MSE_SERVE_QE_SGX] = "sgx/qe/identity",
        [MSE_SERVE_QE_TDX] = "tdx/qe/identity",
        [MSE_SERVE_QVE] = "sgx/qve/identity",
        [MSE_SERVE_NUMBERS_SGX] = "sgx/tcbevaluationdatanumbers",
        [MSE_SERVE_NUMBERS_TDX] = "tdx/tcbevaluationdatanumbers",
        [MSE_SERVE_CRL_PLATFORM] = "pckcrl/platform",
        [MSE_SERVE_CRL_PROCESSOR] = "pckcrl/processor",
        [MSE_SERVE_CRL_ROOT] = "rootcacrl",
    };
    char fmspc[14] = "";
    char set[24] = "";
    if (mse_serve_is_tcb(k->kind)) {
        fmspc[0] = '/';
        mse_hex_encode(fmspc + 1, mse_bytes_of(k->fmspc, sizeof k->fmspc));
    }
    if (k->set >= 0) {
        (void)snprintf(set, sizeof set, "/%u", (unsigned)k->set);
    } else if (mse_serve_is_tcb(k->kind) || mse_serve_is_identity(k->kind)) {
        (void)snprintf(set, sizeof set, "/%s", k->set == MSE_SERVE_EARLY ? "early" : "standard");
    }
    (void)snprintf(out, MSE_SERVE_NAME_LEN, "%s%s%s", names[k->kind], fmspc, set);
}

/* One decoded value. */
struct value {
    bool given;
    size_t len;
    uint8_t text[MAX_VALUE];
};

struct reader {
    struct mse_bytes query;
    struct mse_error *err;
    mse_status st;
};

static bool refuse(struct reader *r, const char *name, const char *wanted)
{
    if (r->st == MSE_OK) {
        r->st =
            MSE_FAIL(r->err, MSE_ERR_MALFORMED, "query", "parameter %s: wanted %s", name, wanted);
    }
    return false;
}

/* Takes what stands before the first stop, and the stop. */
static struct mse_bytes take_until(struct mse_bytes *in, uint8_t stop)
{
    size_t n = 0;
    while (n < in->len && in->data[n] != stop) {
        n++;
    }
    struct mse_bytes part = mse_bytes_of(in->data, n);
    size_t skip = n < in->len ? n + 1 : n;
    in->data += skip;
    in->len -= skip;
    return part;
}

/* RFC 3986 §2.1; '+' stays what it is. */
static bool decode(struct value *out, struct mse_bytes in)
{
    uint8_t c = 0;
    out->len = 0;
    while (mse_rd_u8(&in, &c)) {
        struct mse_bytes hex;
        if (c == '%' && (!mse_rd_bytes(&in, &hex, 2) || !mse_hex_decode(&c, 1, hex))) {
            return false;
        }
        if (out->len == sizeof out->text || c < 0x20 || c >= 0x7f) {
            return false;
        }
        out->text[out->len++] = c;
    }
    return true;
}

static struct mse_bytes view(const struct value *v)
{
    return mse_bytes_of(v->text, v->len);
}

/* The value of a parameter; given false if it is not there. */
static bool find(struct reader *r, struct value *out, const char *name)
{
    struct mse_bytes rest = r->query;
    out->given = false;
    out->len = 0;
    while (rest.len > 0) {
        struct mse_bytes value = take_until(&rest, '&');
        struct mse_bytes key = take_until(&value, '=');
        if (!mse_bytes_is_str(key, name)) {
            continue;
        }
        if (out->given) {
            return refuse(r, name, "it once");
        }
        if (!decode(out, value)) {
            return refuse(r, name, "printable ASCII, percent-encoded, not too long");
        }
        out->given = true;
    }
    return true;
}

static bool find_hex(struct reader *r, uint8_t *out, size_t len, const char *name)
{
    struct value v;
    return find(r, &v, name) && ((v.given && mse_hex_decode(out, len, view(&v))) ||
                                 refuse(r, name, "hexadecimal digits, as many as it has"));
}

static bool is_word(const struct value *v, const char *word)
{
    if (v->len != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < v->len; i++) {
        if ((v->text[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return true;
}

/* update and tcbEvaluationDataNumber; both at once are a contradiction. */
static bool find_set(struct reader *r, struct mse_serve_request *q)
{
    struct value update;
    struct value number;
    uint64_t n = 0;
    if (!find(r, &update, "update") || !find(r, &number, "tcbEvaluationDataNumber")) {
        return false;
    }
    if (update.given && number.given) {
        return refuse(r, "tcbEvaluationDataNumber", "it without update");
    }
    if (number.given) {
        if (!mse_u64_parse(&n, view(&number), MAX_NUM)) {
            return refuse(r, "tcbEvaluationDataNumber", "a decimal number");
        }
        q->key.set = (int64_t)n;
        return true;
    }
    q->key.set = is_word(&update, "early") ? MSE_SERVE_EARLY : MSE_SERVE_STANDARD;
    return !update.given || q->key.set == MSE_SERVE_EARLY || is_word(&update, "standard") ||
           refuse(r, "update", "early or standard");
}

static bool read_object(struct reader *r, struct mse_serve_request *q)
{
    return !mse_serve_is_tcb(q->key.kind) || find_hex(r, q->key.fmspc, 6, "fmspc");
}

static bool read_tcb(struct reader *r, struct mse_serve_request *q)
{
    return read_object(r, q) && find_set(r, q);
}

static bool find_ca(struct reader *r, struct mse_serve_request *q)
{
    struct value ca;
    if (!find(r, &ca, "ca")) {
        return false;
    }
    q->key.kind = is_word(&ca, "processor") ? MSE_SERVE_CRL_PROCESSOR : MSE_SERVE_CRL_PLATFORM;
    return q->key.kind == MSE_SERVE_CRL_PROCESSOR || is_word(&ca, "platform") ||
           refuse(r, "ca", "platform or processor");
}

static bool read_pck_crl(struct reader *r, struct mse_serve_request *q)
{
    struct value encoding;
    if (!find_ca(r, q) || !find(r, &encoding, "encoding")) {
        return false;
    }
    if (is_word(&encoding, "der")) {
        q->encoding = MSE_SERVE_DER;
    } else if (is_word(&encoding, "pem")) {
        q->encoding = MSE_SERVE_PEM;
    }
    q->with_chain = true;
    return !encoding.given || q->encoding != MSE_SERVE_HEX || refuse(r, "encoding", "der or pem");
}

/* Whether b ends in tail; *head is what stands before it. */
static bool ends_in(struct mse_bytes b, const char *tail)
{
    size_t len = strlen(tail);
    return b.len >= len && mse_mem_equal(b.data + b.len - len, tail, len);
}

/* The distribution point of a CRL as certificates name it. It is a name here, never an address: it
 * only says which of the stored CRLs is meant. */
static bool read_crl(struct reader *r, struct mse_serve_request *q)
{
    struct value uri;
    if (!find(r, &uri, "uri")) {
        return false;
    }
    struct mse_bytes query = view(&uri);
    struct mse_bytes path = take_until(&query, '?');
    q->encoding = MSE_SERVE_DER;
    q->key.kind = MSE_SERVE_CRL_ROOT;
    if (ends_in(path, "RootCA.der") || ends_in(path, "RootCA.crl")) {
        return true;
    }
    if (!ends_in(path, "/pckcrl")) {
        return refuse(r, "uri", "the distribution point of a CRL of Intel's");
    }
    struct reader inner = { .query = query, .err = r->err, .st = MSE_OK };
    if (!find_ca(&inner, q)) {
        r->st = inner.st;
        return false;
    }
    return true;
}

static bool read_pck_cert(struct reader *r, struct mse_serve_request *q)
{
    struct mse_serve_platform *p = &q->platform;
    struct value ppid;
    if (!find_hex(r, p->qe_id, sizeof p->qe_id, "qeid") ||
        !find_hex(r, p->cpu_svn, sizeof p->cpu_svn, "cpusvn") ||
        !find_hex(r, p->pce_svn, sizeof p->pce_svn, "pcesvn") ||
        !find_hex(r, p->pce_id, sizeof p->pce_id, "pceid") || !find(r, &ppid, "encrypted_ppid")) {
        return false;
    }
    if (!ppid.given) {
        return true;
    }
    if (!mse_hex_decode(p->encrypted_ppid, sizeof p->encrypted_ppid, view(&ppid))) {
        return refuse(r, "encrypted_ppid", "768 hexadecimal digits");
    }
    /* The library sends zeros where it has none. */
    p->has_ppid = !mse_mem_is_zero(p->encrypted_ppid, sizeof p->encrypted_ppid);
    return true;
}

/* source=[FMSPC,FMSPC] */
static bool read_fmspcs(struct reader *r, struct mse_serve_request *q, struct mse_bytes list)
{
    while (list.len > 0) {
        struct mse_bytes one = take_until(&list, ',');
        if (q->num_fmspcs == MSE_SERVE_MAX_FMSPCS ||
            !mse_hex_decode(q->fmspcs[q->num_fmspcs], 6, one)) {
            return refuse(r, "source", "a list of at most 16 FMSPCs in brackets");
        }
        q->num_fmspcs++;
    }
    return true;
}

static bool read_platforms(struct reader *r, struct mse_serve_request *q)
{
    struct value source;
    if (!find(r, &source, "source")) {
        return false;
    }
    q->source = MSE_SERVE_REGISTERED;
    if (!source.given || is_word(&source, "reg")) {
        return true;
    }
    if (mse_bytes_is_str(view(&source), "reg_na")) {
        q->source = MSE_SERVE_NOT_AVAILABLE;
        return true;
    }
    if (source.len < 2 || source.text[0] != '[' || source.text[source.len - 1] != ']') {
        return refuse(r, "source", "reg, reg_na or a list of FMSPCs in brackets");
    }
    q->source = MSE_SERVE_CACHED;
    return read_fmspcs(r, q, mse_bytes_of(source.text + 1, source.len - 2));
}

struct route {
    const char *tee;
    const char *path;
    enum mse_serve_endpoint endpoint;
    enum mse_serve_kind kind;
    bool (*read)(struct reader *r, struct mse_serve_request *q);
    bool v4_only;
    bool with_chain;
};

static const struct route routes[] = {
    { "sgx", "pckcert", MSE_SERVE_PCK_CERT, 0, read_pck_cert, false, true },
    { "sgx", "pckcrl", MSE_SERVE_OBJECT, MSE_SERVE_CRL_PLATFORM, read_pck_crl, false, true },
    { "sgx", "tcb", MSE_SERVE_OBJECT, MSE_SERVE_TCB_SGX, read_tcb, true, true },
    { "tdx", "tcb", MSE_SERVE_OBJECT, MSE_SERVE_TCB_TDX, read_tcb, true, true },
    { "sgx", "qe/identity", MSE_SERVE_OBJECT, MSE_SERVE_QE_SGX, find_set, false, true },
    { "tdx", "qe/identity", MSE_SERVE_OBJECT, MSE_SERVE_QE_TDX, find_set, true, true },
    { "sgx", "qve/identity", MSE_SERVE_OBJECT, MSE_SERVE_QVE, find_set, false, true },
    { "sgx", "rootcacrl", MSE_SERVE_OBJECT, MSE_SERVE_CRL_ROOT, read_object, false, false },
    { "sgx", "crl", MSE_SERVE_OBJECT, MSE_SERVE_CRL_ROOT, read_crl, false, false },
    { "sgx", "tcbevaluationdatanumbers", MSE_SERVE_OBJECT, MSE_SERVE_NUMBERS_SGX, read_object, true,
      true },
    { "tdx", "tcbevaluationdatanumbers", MSE_SERVE_OBJECT, MSE_SERVE_NUMBERS_TDX, read_object, true,
      true },
    { "sgx", "platforms", MSE_SERVE_PLATFORMS, 0, read_platforms, false, false },
    { "sgx", "platformcollateral", MSE_SERVE_PLATFORM_COLLATERAL, 0, read_object, true, false },
    { "sgx", "refresh", MSE_SERVE_REFRESH, 0, read_object, false, false },
};

/* "/sgx/certification/v4/tcb" in its parts. */
struct path {
    struct mse_bytes tee;
    unsigned version;
    struct mse_bytes rest;
};

static bool split_path(struct path *out, struct mse_bytes path)
{
    struct mse_bytes empty = take_until(&path, '/');
    out->tee = take_until(&path, '/');
    struct mse_bytes word = take_until(&path, '/');
    struct mse_bytes version = take_until(&path, '/');
    out->version = mse_bytes_is_str(version, "v4") ? 4 : 3;
    out->rest = path;
    return empty.len == 0 && mse_bytes_is_str(word, "certification") &&
           (out->version == 4 || mse_bytes_is_str(version, "v3"));
}

static const struct route *route_of(const struct path *p)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(routes); i++) {
        if (mse_bytes_is_str(p->tee, routes[i].tee) && mse_bytes_is_str(p->rest, routes[i].path)) {
            return &routes[i];
        }
    }
    return NULL;
}

mse_status mse_serve_request_parse(struct mse_serve_request *out, struct mse_bytes target,
                                   struct mse_error *err)
{
    struct mse_serve_request q = { .key = { .set = MSE_SERVE_STANDARD } };
    struct mse_bytes query = target;
    struct mse_bytes path = take_until(&query, '?');
    struct path parts;
    if (target.len > MSE_SERVE_MAX_TARGET) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "target", "%zu bytes, wanted at most %zu",
                        target.len, MSE_SERVE_MAX_TARGET);
    }
    if (mse_bytes_is_str(path, "/health") || mse_bytes_is_str(path, "/healthz")) {
        q.endpoint = MSE_SERVE_HEALTH;
        *out = q;
        return MSE_OK;
    }
    const struct route *route = split_path(&parts, path) ? route_of(&parts) : NULL;
    if (route == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "path", "nothing is served under this path");
    }
    if (route->v4_only && parts.version != 4) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "path",
                        "version 3 of this service has ended, wanted version 4");
    }
    q.endpoint = route->endpoint;
    q.version = parts.version;
    q.key.kind = route->kind;
    q.with_chain = route->with_chain;
    struct reader r = { .query = query, .err = err, .st = MSE_OK };
    if (!route->read(&r, &q)) {
        return r.st;
    }
    *out = q;
    return MSE_OK;
}
