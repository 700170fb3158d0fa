/* SPDX-License-Identifier: Apache-2.0 */
/* Reading imports. Nothing is believed: the store judges every piece. */
#include "collateral/serve_import.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/util.h"
#include "collateral/path.h"
#include "crypto/x509.h"

#define NOT_AVAILABLE "Not available"

struct import {
    struct mse_serve_store *store;
    mse_time now;
    size_t num;
    struct mse_error *err;
};

/* Stores one piece. What is there and as new or newer is no error. */
static mse_status put(struct import *im, const struct mse_serve_key *k, struct mse_bytes body,
                      struct mse_bytes chain)
{
    struct mse_error why = { 0 };
    struct mse_fetched o;
    char name[MSE_SERVE_NAME_LEN];
    mse_fetched_init(&o);
    mse_wr_bytes(&o.body, body);
    mse_wr_bytes(&o.chain, chain);
    mse_status st = mse_build_ok(&o.body) && mse_build_ok(&o.chain)
                        ? mse_serve_store_put(im->store, k, &o, im->now, &why)
                        : MSE_FAIL(&why, MSE_ERR_NO_SPACE, "import", "too long");
    mse_fetched_clear(&o);
    if (st == MSE_OK) {
        im->num++;
    } else if (st == MSE_ERR_EXISTS || st == MSE_ERR_TCB_EVALUATION_NUMBER) {
        st = MSE_OK;
    } else {
        mse_serve_key_name(name, k);
        st = MSE_FAIL(im->err, st, "import", "%s: %s", name, why.text);
    }
    return st;
}

/* Collateral files. */

static mse_status put_signed(struct import *im, const struct mse_serve_key *k, const char *member,
                             struct mse_bytes body, struct mse_bytes sig, struct mse_bytes chain)
{
    struct mse_build reply;
    mse_build_heap(&reply, MSE_FETCH_MAX_BODY);
    mse_wr_printf(&reply, "{\"%s\":", member);
    mse_wr_bytes(&reply, body);
    mse_wr_str(&reply, ",\"signature\":\"");
    mse_wr_hex(&reply, sig.data, sig.len);
    mse_wr_str(&reply, "\"}");
    mse_status st = put(im, k, mse_build_view(&reply), chain);
    mse_build_clear(&reply);
    return st;
}

static mse_status put_tcb_info(struct import *im, const struct mse_collateral *c)
{
    struct mse_serve_key k = { .kind = MSE_SERVE_TCB_SGX, .set = MSE_SERVE_STANDARD };
    struct mse_tcb_info *info = malloc(sizeof *info);
    if (info == NULL) {
        return MSE_FAIL(im->err, MSE_ERR_MEMORY, "import", "out of memory");
    }
    mse_status st = mse_tcb_info_parse(info, c->tcb_info, im->err);
    if (st == MSE_OK) {
        k.kind = info->tee == MSE_TEE_TDX ? MSE_SERVE_TCB_TDX : MSE_SERVE_TCB_SGX;
        memcpy(k.fmspc, info->fmspc, sizeof k.fmspc);
        st = put_signed(im, &k, "tcbInfo", c->tcb_info, c->tcb_info_signature,
                        c->tcb_info_issuer_chain);
    }
    free(info);
    return st;
}

static mse_status put_identity(struct import *im, const struct mse_collateral *c)
{
    struct mse_serve_key k = { .kind = MSE_SERVE_QE_SGX, .set = MSE_SERVE_STANDARD };
    struct mse_qe_identity *id = malloc(sizeof *id);
    if (id == NULL) {
        return MSE_FAIL(im->err, MSE_ERR_MEMORY, "import", "out of memory");
    }
    mse_status st = mse_qe_identity_parse(id, c->qe_identity, im->err);
    if (st == MSE_OK) {
        k.kind = id->id == MSE_IDENTITY_TD_QE ? MSE_SERVE_QE_TDX : MSE_SERVE_QE_SGX;
        k.kind = id->id == MSE_IDENTITY_QVE ? MSE_SERVE_QVE : k.kind;
        st = put_signed(im, &k, "enclaveIdentity", c->qe_identity, c->qe_identity_signature,
                        c->qe_identity_issuer_chain);
    }
    free(id);
    return st;
}

static mse_status put_pck_crl(struct import *im, const struct mse_collateral *c)
{
    struct mse_serve_key k = { .kind = MSE_SERVE_CRL_PLATFORM, .set = MSE_SERVE_STANDARD };
    struct mse_crl_info info;
    mse_status st = mse_crl_info_parse(&info, c->pck_crl, im->err);
    if (st == MSE_OK && mse_bytes_find(info.issuer_cn, mse_bytes_str("Processor")) != SIZE_MAX) {
        k.kind = MSE_SERVE_CRL_PROCESSOR;
    }
    return st == MSE_OK ? put(im, &k, c->pck_crl, c->pck_crl_issuer_chain) : st;
}

static mse_status import_collateral(struct import *im, const struct mse_collateral *c)
{
    struct mse_serve_key root = { .kind = MSE_SERVE_CRL_ROOT, .set = MSE_SERVE_STANDARD };
    struct mse_bytes none = { 0 };
    mse_status st = c->root_ca_crl.len > 0 ? put(im, &root, c->root_ca_crl, none) : MSE_OK;
    if (st == MSE_OK && c->pck_crl.len > 0) {
        st = put_pck_crl(im, c);
    }
    if (st == MSE_OK && c->tcb_info.len > 0) {
        st = put_tcb_info(im, c);
    }
    if (st == MSE_OK && c->qe_identity.len > 0) {
        st = put_identity(im, c);
    }
    return st;
}

/* What the administration tool puts. Members are cut out first: the chains that the others need
 * may stand behind them. */

struct parts {
    struct mse_bytes platforms;
    struct mse_bytes pck_certs;
    struct mse_bytes tcb_infos;
    struct mse_bytes pck_crls;
    struct mse_bytes root_crl;
    struct mse_bytes chain_tcb;
    struct mse_bytes chain_identity;
    struct mse_bytes chain_processor;
    struct mse_bytes chain_platform;
    struct mse_bytes identities[6]; /* in the order of identity_names */
};

static const struct {
    const char *name;
    enum mse_serve_kind kind;
    int64_t set;
} identity_names[] = {
    { "qeidentity", MSE_SERVE_QE_SGX, MSE_SERVE_STANDARD },
    { "qeidentity_early", MSE_SERVE_QE_SGX, MSE_SERVE_EARLY },
    { "tdqeidentity", MSE_SERVE_QE_TDX, MSE_SERVE_STANDARD },
    { "tdqeidentity_early", MSE_SERVE_QE_TDX, MSE_SERVE_EARLY },
    { "qveidentity", MSE_SERVE_QVE, MSE_SERVE_STANDARD },
    { "qveidentity_early", MSE_SERVE_QVE, MSE_SERVE_EARLY },
};

/* A name and where the exact bytes of its value go. */
struct member {
    const char *name;
    struct mse_bytes *span;
};

static void read_members(struct mse_json *j, const struct member *members, size_t num)
{
    struct mse_json_object o;
    struct mse_bytes key;
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &key);) {
        struct mse_bytes span;
        size_t i = 0;
        while (i < num && !mse_bytes_is_str(key, members[i].name)) {
            i++;
        }
        if (mse_json_skip(j, &span) && i < num) {
            *members[i].span = span;
        }
    }
}

static bool cut(struct mse_bytes json, const struct member *members, size_t num)
{
    struct mse_json j;
    mse_json_init(&j, json);
    read_members(&j, members, num);
    return mse_json_end(&j);
}

static bool cut_collaterals(struct parts *p, struct mse_bytes json)
{
    struct mse_bytes certificates = { 0 };
    struct mse_bytes by_ca = { 0 };
    struct member members[5 + MSE_ARRAY_LEN(identity_names)] = {
        { "pck_certs", &p->pck_certs },    { "tcbinfos", &p->tcb_infos },
        { "pckcacrl", &p->pck_crls },      { "rootcacrl", &p->root_crl },
        { "certificates", &certificates },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(identity_names); i++) {
        members[5 + i].name = identity_names[i].name;
        members[5 + i].span = &p->identities[i];
    }
    const struct member chains[] = {
        { "SGX-PCK-Certificate-Issuer-Chain", &by_ca },
        { "TCB-Info-Issuer-Chain", &p->chain_tcb },
        { "SGX-TCB-Info-Issuer-Chain", &p->chain_tcb },
        { "SGX-Enclave-Identity-Issuer-Chain", &p->chain_identity },
    };
    const struct member cas[] = { { "PROCESSOR", &p->chain_processor },
                                  { "PLATFORM", &p->chain_platform } };
    return cut(json, members, MSE_ARRAY_LEN(members)) &&
           (certificates.len == 0 || cut(certificates, chains, MSE_ARRAY_LEN(chains))) &&
           (by_ca.len == 0 || cut(by_ca, cas, MSE_ARRAY_LEN(cas)));
}

static mse_status malformed(struct import *im, const char *what)
{
    return MSE_FAIL(im->err, MSE_ERR_MALFORMED, "import", "%s: not of the form that is wanted",
                    what);
}

/* The text of a JSON string, appended. */
static bool add_text(struct mse_build *out, struct mse_bytes string)
{
    struct mse_json j;
    struct mse_bytes text = { 0 };
    struct mse_build own;
    mse_build_heap(&own, MSE_SERVE_MAX_IMPORT);
    mse_json_init(&j, string);
    bool good = mse_json_text(&j, &own, &text) && mse_json_end(&j);
    if (good) {
        mse_wr_bytes(out, text);
    }
    mse_build_clear(&own);
    return good && mse_build_ok(out);
}

/* A PEM text that is percent-encoded in a JSON string. */
static bool add_pem(struct mse_build *out, struct mse_bytes string)
{
    struct mse_build text;
    mse_build_heap(&text, MSE_SERVE_MAX_IMPORT);
    bool good = string.len > 0 && add_text(&text, string) &&
                mse_chain_header_decode(out, mse_build_view(&text));
    mse_build_clear(&text);
    return good && mse_build_ok(out);
}

/* chain: percent-encoded in a JSON string. */
static mse_status put_encoded(struct import *im, const struct mse_serve_key *k,
                              struct mse_bytes body, struct mse_bytes chain)
{
    struct mse_build pem;
    mse_build_heap(&pem, MSE_FETCH_MAX_CHAIN);
    mse_status st = add_pem(&pem, chain) ? put(im, k, body, mse_build_view(&pem))
                                         : malformed(im, "certificates");
    mse_build_clear(&pem);
    return st;
}

static mse_status put_tcb_span(struct import *im, const struct parts *p, struct mse_bytes span)
{
    struct mse_bytes fmspc = { 0 };
    struct mse_bytes sets[4] = { { 0 } };
    static const struct {
        enum mse_serve_kind kind;
        int64_t set;
    } kinds[] = { { MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD },
                  { MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY },
                  { MSE_SERVE_TCB_TDX, MSE_SERVE_STANDARD },
                  { MSE_SERVE_TCB_TDX, MSE_SERVE_EARLY } };
    const struct member members[] = { { "fmspc", &fmspc },
                                      { "sgx_tcbinfo", &sets[0] },
                                      { "sgx_tcbinfo_early", &sets[1] },
                                      { "tdx_tcbinfo", &sets[2] },
                                      { "tdx_tcbinfo_early", &sets[3] } };
    struct mse_json j;
    struct mse_serve_key k = { 0 };
    if (!cut(span, members, MSE_ARRAY_LEN(members))) {
        return malformed(im, "tcbinfos");
    }
    mse_json_init(&j, fmspc);
    if (!mse_json_hex(&j, k.fmspc, sizeof k.fmspc)) {
        return malformed(im, "fmspc");
    }
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(sets); i++) {
        k.kind = kinds[i].kind;
        k.set = kinds[i].set;
        bool given = sets[i].len > 0 && sets[i].data[0] == '{';
        st = given ? put_encoded(im, &k, sets[i], p->chain_tcb) : MSE_OK;
    }
    return st;
}

/* Calls each for the elements of an array, which may be absent. */
static mse_status
for_each(struct import *im, const struct parts *p, struct mse_bytes array, const char *what,
         mse_status (*each)(struct import *im, const struct parts *p, struct mse_bytes span))
{
    struct mse_json j;
    struct mse_json_array a;
    struct mse_bytes span;
    mse_status st = MSE_OK;
    if (array.len == 0) {
        return MSE_OK;
    }
    mse_json_init(&j, array);
    for (mse_json_array_begin(&j, &a); mse_json_array_next(&j, &a);) {
        if (mse_json_skip(&j, &span) && st == MSE_OK) {
            st = each(im, p, span);
        }
    }
    return st == MSE_OK && !mse_json_end(&j) ? malformed(im, what) : st;
}

static mse_status put_identities(struct import *im, const struct parts *p)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(identity_names); i++) {
        struct mse_serve_key k = { .kind = identity_names[i].kind, .set = identity_names[i].set };
        struct mse_build body;
        mse_build_heap(&body, MSE_FETCH_MAX_BODY);
        if (p->identities[i].len > 0 && p->identities[i].data[0] == '"') {
            st = add_text(&body, p->identities[i])
                     ? put_encoded(im, &k, mse_build_view(&body), p->chain_identity)
                     : malformed(im, identity_names[i].name);
        }
        mse_build_clear(&body);
    }
    return st;
}

static mse_status put_crl_text(struct import *im, enum mse_serve_kind kind, struct mse_bytes string,
                               struct mse_bytes chain)
{
    struct mse_serve_key k = { .kind = kind, .set = MSE_SERVE_STANDARD };
    struct mse_bytes none = { 0 };
    struct mse_build text;
    if (string.len <= 2) {
        return MSE_OK; /* absent, or an empty string */
    }
    mse_build_heap(&text, MSE_FETCH_MAX_BODY);
    mse_status st = MSE_OK;
    if (!add_text(&text, string)) {
        st = malformed(im, "CRL");
    } else if (kind == MSE_SERVE_CRL_ROOT) {
        st = put(im, &k, mse_build_view(&text), none);
    } else {
        st = put_encoded(im, &k, mse_build_view(&text), chain);
    }
    mse_build_clear(&text);
    return st;
}

static mse_status put_crls(struct import *im, const struct parts *p)
{
    struct mse_bytes processor = { 0 };
    struct mse_bytes platform = { 0 };
    const struct member members[] = { { "processorCrl", &processor },
                                      { "platformCrl", &platform } };
    mse_status st = put_crl_text(im, MSE_SERVE_CRL_ROOT, p->root_crl, p->root_crl);
    if (st == MSE_OK && p->pck_crls.len > 0 && !cut(p->pck_crls, members, MSE_ARRAY_LEN(members))) {
        st = malformed(im, "pckcacrl");
    }
    if (st == MSE_OK) {
        st = put_crl_text(im, MSE_SERVE_CRL_PROCESSOR, processor, p->chain_processor);
    }
    return st == MSE_OK ? put_crl_text(im, MSE_SERVE_CRL_PLATFORM, platform, p->chain_platform)
                        : st;
}

/* PCK certificates of one platform. */

struct certs {
    size_t num;
    struct mse_build pem[MSE_SERVE_MAX_CERTS];
    struct mse_bytes views[MSE_SERVE_MAX_CERTS];
};

static bool read_certs(struct certs *c, struct mse_bytes array)
{
    struct mse_json j;
    struct mse_json_array a;
    mse_json_init(&j, array);
    for (mse_json_array_begin(&j, &a); mse_json_array_next(&j, &a);) {
        struct mse_bytes cert = { 0 };
        const struct member member = { "cert", &cert };
        read_members(&j, &member, 1);
        if (mse_bytes_is_str(cert, "\"" NOT_AVAILABLE "\"")) {
            continue;
        }
        if (cert.len == 0 || c->num == MSE_SERVE_MAX_CERTS) {
            return false;
        }
        mse_build_heap(&c->pem[c->num], MSE_FETCH_MAX_CHAIN);
        struct mse_build *pem = &c->pem[c->num++];
        if (!add_pem(pem, cert)) {
            return false;
        }
        c->views[c->num - 1] = mse_build_view(pem);
    }
    return mse_json_end(&j) && c->num > 0;
}

/* Whether a PEM certificate was issued by the CA for processors. */
static bool by_processor_ca(struct mse_bytes pem)
{
    struct mse_pck_info info;
    uint8_t der[8192];
    size_t len = 0;
    return mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len) == MSE_OK &&
           mse_pck_info_parse(&info, mse_bytes_of(der, len), NULL) == MSE_OK &&
           mse_bytes_find(info.issuer_cn, mse_bytes_str("Processor")) != SIZE_MAX;
}

static mse_status store_certs(struct import *im, const struct parts *p, const struct certs *c,
                              const struct mse_serve_platform *platform)
{
    struct mse_build chain;
    mse_build_heap(&chain, MSE_FETCH_MAX_CHAIN);
    bool processor = by_processor_ca(c->views[0]);
    mse_status st = MSE_OK;
    if (!add_pem(&chain, processor ? p->chain_processor : p->chain_platform)) {
        st = malformed(im, "certificates");
    } else {
        const struct mse_serve_certs set = { .platform = platform,
                                             .num = c->num,
                                             .pem = c->views,
                                             .chain = mse_build_view(&chain),
                                             .all = true };
        st = mse_serve_store_put_certs(im->store, &set, im->now, im->err);
    }
    mse_build_clear(&chain);
    im->num += st == MSE_OK ? c->num : 0;
    return st;
}

static bool read_hex(uint8_t *out, size_t len, struct mse_bytes string)
{
    struct mse_json j;
    mse_json_init(&j, string);
    return mse_json_hex(&j, out, len) && mse_json_end(&j);
}

static mse_status put_pck_certs(struct import *im, const struct parts *p, struct mse_bytes span)
{
    struct mse_serve_platform platform = { .has_ppid = false };
    struct mse_bytes qe_id = { 0 };
    struct mse_bytes pce_id = { 0 };
    struct mse_bytes array = { 0 };
    const struct member members[] = { { "qe_id", &qe_id },
                                      { "pce_id", &pce_id },
                                      { "certs", &array } };
    struct certs *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return MSE_FAIL(im->err, MSE_ERR_MEMORY, "import", "out of memory");
    }
    bool good = cut(span, members, MSE_ARRAY_LEN(members)) &&
                read_hex(platform.qe_id, sizeof platform.qe_id, qe_id) &&
                read_hex(platform.pce_id, sizeof platform.pce_id, pce_id) && read_certs(c, array);
    mse_status st = good ? store_certs(im, p, c, &platform) : malformed(im, "pck_certs");
    for (size_t i = 0; i < c->num; i++) {
        mse_build_clear(&c->pem[i]);
    }
    free(c);
    return st;
}

/* A platform whose collateral came waits no longer. */
static mse_status served(struct import *im, const struct parts *p, struct mse_bytes span)
{
    struct mse_serve_platform platform;
    struct mse_bytes manifest;
    (void)p;
    if (mse_serve_platform_parse(&platform, &manifest, span, NULL) != MSE_OK) {
        return MSE_OK; /* the tool writes platforms without a TCB too */
    }
    return mse_serve_store_forget(im->store, &platform, im->err);
}

static mse_status import_platforms(struct import *im, struct mse_bytes platforms,
                                   struct mse_bytes collaterals)
{
    struct parts p = { .platforms = platforms };
    if (!cut_collaterals(&p, collaterals)) {
        return malformed(im, "collaterals");
    }
    mse_status st = put_crls(im, &p);
    if (st == MSE_OK) {
        st = for_each(im, &p, p.tcb_infos, "tcbinfos", put_tcb_span);
    }
    if (st == MSE_OK) {
        st = put_identities(im, &p);
    }
    if (st == MSE_OK) {
        st = for_each(im, &p, p.pck_certs, "pck_certs", put_pck_certs);
    }
    return st == MSE_OK ? for_each(im, &p, p.platforms, "platforms", served) : st;
}

mse_status mse_serve_import(struct mse_serve_store *s, size_t *num, struct mse_bytes json,
                            mse_time now, struct mse_error *err)
{
    struct import im = { .store = s, .now = now, .err = err };
    struct mse_bytes platforms = { 0 };
    struct mse_bytes collaterals = { 0 };
    const struct member members[] = { { "platforms", &platforms },
                                      { "collaterals", &collaterals } };
    mse_status st = MSE_OK;
    if (json.len > MSE_SERVE_MAX_IMPORT) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "import", "%zu bytes, wanted at most %zu", json.len,
                        MSE_SERVE_MAX_IMPORT);
    }
    if (cut(json, members, MSE_ARRAY_LEN(members)) && collaterals.len > 0) {
        st = import_platforms(&im, platforms, collaterals);
    } else {
        struct mse_bundle b = { .form = MSE_BUNDLE_OURS };
        uint8_t *scratch = malloc(2 * json.len + 1);
        st = scratch == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "import", "out of memory")
                             : mse_bundle_parse(&b, scratch, 2 * json.len, json, err);
        if (st == MSE_OK) {
            st = import_collateral(&im, &b.collateral);
        }
        free(scratch);
    }
    *num = im.num;
    return st;
}

static bool hex_text(struct mse_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i] | 0x20;
        if (!(s.data[i] >= '0' && s.data[i] <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

mse_status mse_serve_platform_parse(struct mse_serve_platform *out, struct mse_bytes *manifest,
                                    struct mse_bytes json, struct mse_error *err)
{
    struct mse_serve_platform p = { .has_ppid = false };
    struct mse_bytes v[6] = { { 0 } };
    struct mse_bytes text = { 0 };
    struct mse_json j;
    const struct member members[] = { { "qe_id", &v[0] },    { "pce_id", &v[1] },
                                      { "cpu_svn", &v[2] },  { "pce_svn", &v[3] },
                                      { "enc_ppid", &v[4] }, { "platform_manifest", &v[5] } };
    bool good =
        cut(json, members, MSE_ARRAY_LEN(members)) && read_hex(p.qe_id, sizeof p.qe_id, v[0]) &&
        read_hex(p.pce_id, sizeof p.pce_id, v[1]) && read_hex(p.cpu_svn, sizeof p.cpu_svn, v[2]) &&
        read_hex(p.pce_svn, sizeof p.pce_svn, v[3]);
    if (good && v[4].len > 2) {
        good = read_hex(p.encrypted_ppid, sizeof p.encrypted_ppid, v[4]);
        p.has_ppid = good && !mse_mem_is_zero(p.encrypted_ppid, sizeof p.encrypted_ppid);
    }
    if (good && v[5].len > 2) {
        mse_json_init(&j, v[5]);
        good = mse_json_plain(&j, &text) && mse_json_end(&j) && hex_text(text) &&
               text.len <= MSE_SERVE_MAX_MANIFEST;
    }
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "platform",
                        "wanted qe_id, pce_id, cpu_svn, pce_svn and enc_ppid in hexadecimal");
    }
    *out = p;
    *manifest = text;
    return MSE_OK;
}
