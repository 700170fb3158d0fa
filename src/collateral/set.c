/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects a piece of evidence needs, and the file that they make. */
#include "attest/chain.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/util.h"
#include "collateral/store.h"

#define MAX_DER ((size_t)64 * 1024)

/* Needs. */

/* Certification data 2 and 3: the encrypted PPID, and what names the TCB. */
static mse_status need_pck_request(struct mse_need *n, const struct mse_quote_auth *a,
                                   const struct mse_quote_header *h, struct mse_error *err)
{
    struct mse_bytes in = a->cert_data;
    struct mse_fetch_key *k = &n->pck;
    bool encrypted =
        a->cert_type == MSE_CERT_TYPE_PPID_RSA2048 || a->cert_type == MSE_CERT_TYPE_PPID_RSA3072;
    size_t len = a->cert_type == MSE_CERT_TYPE_PPID_RSA2048 ? 256 : 384;
    if (!encrypted || !mse_rd_bytes(&in, &k->pck_request.encrypted_ppid, len) ||
        !mse_rd_copy(&in, k->pck_request.cpu_svn, 16) ||
        !mse_rd_u16le(&in, &k->pck_request.pce_svn) ||
        !mse_rd_copy(&in, k->pck_request.pce_id, 2) || in.len != 0) {
        return MSE_FAIL(
            err, MSE_ERR_UNSUPPORTED_CERT_TYPE, "quote",
            "certification data %u of %zu bytes: no PCK certificate, and nothing to ask "
            "for one with",
            a->cert_type, a->cert_data.len);
    }
    k->kind = MSE_FETCH_PCK_CERT;
    memcpy(n->qe_id, h->user_data, sizeof n->qe_id);
    n->has_pck_request = true;
    return MSE_OK;
}

/* The leaf of a PCK chain that is judged good. */
static mse_status need_of_chain(struct mse_need *n, struct mse_bytes pem,
                                const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_chain chain;
    struct mse_pck_info info;
    const uint8_t *root = c->root_point != NULL ? c->root_point : mse_intel_root_point();
    if (mse_chain_read(&chain, pem, err) != MSE_OK || chain.num != MSE_CHAIN_MAX_CERTS) {
        return MSE_FAIL(err, MSE_ERR_PCK_CHAIN_MALFORMED, "PCK chain", "wanted leaf, CA, root");
    }
    struct mse_build cas;
    mse_build_heap(&cas, MAX_DER);
    mse_pem_write(&cas, "CERTIFICATE", chain.certs[1].der);
    mse_pem_write(&cas, "CERTIFICATE", chain.certs[2].der);
    mse_status st = mse_build_ok(&cas)
                        ? mse_verify_pck(chain.certs[0].der, mse_build_view(&cas), root, c->at, err)
                        : MSE_ERR_MEMORY;
    mse_build_clear(&cas);
    st = st == MSE_OK ? mse_pck_info_parse(&info, chain.certs[0].der, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    bool platform = mse_bytes_find(info.issuer_cn, mse_bytes_str("Platform")) != SIZE_MAX;
    n->ca = platform ? MSE_FETCH_CA_PLATFORM : MSE_FETCH_CA_PROCESSOR;
    memcpy(n->fmspc, info.ext.fmspc, sizeof n->fmspc);
    return MSE_OK;
}

static mse_status need_of_auth(struct mse_need *n, const struct mse_quote_auth *a,
                               const struct mse_quote_header *h, const struct mse_fetch_config *c,
                               struct mse_error *err)
{
    return a->cert_type == MSE_CERT_TYPE_PCK_CHAIN ? need_of_chain(n, a->cert_data, c, err)
                                                   : need_pck_request(n, a, h, err);
}

static mse_status need_of_quote(struct mse_need *n, struct mse_bytes quote,
                                const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_sgx_quote sgx;
    struct mse_tdx_quote tdx;
    bool is_tdx = mse_quote_is_tdx(quote);
    mse_status st = is_tdx ? mse_tdx_quote_parse_padded(&tdx, quote, err)
                           : mse_sgx_quote_parse_padded(&sgx, quote, err);
    if (st != MSE_OK) {
        return st;
    }
    n->tee = is_tdx ? MSE_TEE_TDX : MSE_TEE_SGX;
    return is_tdx ? need_of_auth(n, &tdx.auth, &tdx.header, c, err)
                  : need_of_auth(n, &sgx.auth, &sgx.header, c, err);
}

/* Family and model; reports of version 2 do not say, and were made before Turin. */
static enum mse_snp_product product_of(const struct mse_snp_report *r)
{
    if (!r->has_cpuid || (r->cpuid_family == 0x19 && r->cpuid_model < 0x10)) {
        return MSE_SNP_MILAN;
    }
    return r->cpuid_family == 0x19 ? MSE_SNP_GENOA : MSE_SNP_TURIN;
}

static mse_status need_of_report(struct mse_need *n, struct mse_bytes report, struct mse_error *err)
{
    struct mse_snp_report r;
    mse_status st = mse_snp_report_parse(&r, report, err);
    if (st != MSE_OK) {
        return st;
    }
    if (r.signing_key == MSE_SNP_KEY_NONE ||
        (r.signing_key == MSE_SNP_KEY_VCEK && mse_mem_is_zero(r.chip_id, sizeof r.chip_id))) {
        return MSE_FAIL(err, MSE_ERR_VCEK_MISSING, "report",
                        "it names no chip (or is not signed): its VCEK cannot be asked for");
    }
    n->tee = MSE_TEE_SNP;
    n->product = product_of(&r);
    n->guessed_product = !r.has_cpuid;
    n->vlek = r.signing_key == MSE_SNP_KEY_VLEK;
    memcpy(n->hwid, r.chip_id, sizeof n->hwid);
    memcpy(n->reported_tcb, r.reported_tcb, sizeof n->reported_tcb);
    return MSE_OK;
}

mse_status mse_need_of(struct mse_need *out, struct mse_bytes evidence,
                       const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_need n = { .tee = MSE_TEE_NONE };
    struct mse_bytes in = evidence;
    uint32_t version = 0;
    bool report = evidence.len == MSE_SNP_REPORT_LEN && mse_rd_u32le(&in, &version) &&
                  version >= 2 && version <= 5;
    mse_status st =
        report ? need_of_report(&n, evidence, err) : need_of_quote(&n, evidence, c, err);
    if (st == MSE_OK) {
        *out = n;
    }
    return st;
}

/* Sets. */

void mse_set_init(struct mse_set *set)
{
    mse_fetched_init(&set->tcb_info);
    mse_fetched_init(&set->qe_identity);
    mse_fetched_init(&set->pck_crl);
    mse_fetched_init(&set->root_crl);
    mse_fetched_init(&set->pck_cert);
    mse_fetched_init(&set->vcek);
    mse_fetched_init(&set->amd_crl);
}

void mse_set_clear(struct mse_set *set)
{
    mse_fetched_clear(&set->tcb_info);
    mse_fetched_clear(&set->qe_identity);
    mse_fetched_clear(&set->pck_crl);
    mse_fetched_clear(&set->root_crl);
    mse_fetched_clear(&set->pck_cert);
    mse_fetched_clear(&set->vcek);
    mse_fetched_clear(&set->amd_crl);
}

static void wr_chain(struct mse_build *out, const struct mse_fetched *o)
{
    mse_wr_bytes(out, mse_build_view(&o->body));
    if (o->body.len > 0 && o->body.data[o->body.len - 1] != '\n') {
        mse_wr_u8(out, '\n');
    }
    mse_wr_bytes(out, mse_build_view(&o->chain));
}

/* The PCK certificate itself, when the quote only names its machine; then what it needs. */
static mse_status gather_pck(struct mse_set *set, struct mse_store *s, struct mse_need *n,
                             struct mse_error *err)
{
    struct mse_build pem;
    n->pck.pck_request.qe_id = mse_bytes_of(n->qe_id, sizeof n->qe_id);
    mse_status st = mse_store_get(&set->pck_cert, s, &n->pck, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&pem, MSE_FETCH_MAX_BODY);
    wr_chain(&pem, &set->pck_cert);
    st = mse_build_ok(&pem) ? need_of_chain(n, mse_build_view(&pem), &s->config, err)
                            : MSE_ERR_MEMORY;
    mse_build_clear(&pem);
    return st;
}

static mse_status gather_intel(struct mse_set *set, struct mse_store *s, struct mse_need *n,
                               struct mse_error *err)
{
    mse_status st = n->has_pck_request ? gather_pck(set, s, n, err) : MSE_OK;
    struct mse_fetch_key key = { .kind = MSE_FETCH_TCB_INFO,
                                 .tee = n->tee,
                                 .ca = n->ca,
                                 .update = n->update,
                                 .evaluation_number = n->evaluation_number };
    memcpy(key.fmspc, n->fmspc, sizeof key.fmspc);
    st = st == MSE_OK ? mse_store_get(&set->tcb_info, s, &key, err) : st;
    key.kind = MSE_FETCH_QE_IDENTITY;
    st = st == MSE_OK ? mse_store_get(&set->qe_identity, s, &key, err) : st;
    key.kind = MSE_FETCH_PCK_CRL;
    st = st == MSE_OK ? mse_store_get(&set->pck_crl, s, &key, err) : st;
    key.kind = MSE_FETCH_ROOT_CRL;
    return st == MSE_OK ? mse_store_get(&set->root_crl, s, &key, err) : st;
}

static mse_status get_vcek(struct mse_set *set, struct mse_store *s, struct mse_need *n,
                           struct mse_error *err)
{
    struct mse_fetch_key key = {
        .kind = n->vlek ? MSE_FETCH_AMD_CHAIN : MSE_FETCH_VCEK,
        .product = n->product,
        .vlek = n->vlek,
        .tcb = mse_snp_tcb_of(n->reported_tcb, n->product),
    };
    memcpy(key.hwid, n->hwid, sizeof key.hwid);
    return mse_store_get(&set->vcek, s, &key, err);
}

static mse_status gather_amd(struct mse_set *set, struct mse_store *s, struct mse_need *n,
                             struct mse_error *err)
{
    struct mse_error why = { 0 };
    mse_status st = get_vcek(set, s, n, &why);
    if (st == MSE_ERR_NOT_FOUND && n->guessed_product) {
        n->product = MSE_SNP_GENOA;
        st = get_vcek(set, s, n, NULL);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "VCEK", "%s", why.text);
    }
    struct mse_fetch_key crl = { .kind = MSE_FETCH_AMD_CRL,
                                 .product = n->product,
                                 .vlek = n->vlek };
    return mse_store_get(&set->amd_crl, s, &crl, err);
}

mse_status mse_set_gather(struct mse_set *out, struct mse_store *s, struct mse_need *need,
                          struct mse_error *err)
{
    if (need->tee == MSE_TEE_SNP) {
        return gather_amd(out, s, need, err);
    }
    mse_status st = gather_intel(out, s, need, err);
    if (st == MSE_OK && out->tcb_info.evaluation_number != out->qe_identity.evaluation_number) {
        struct mse_error why = { 0 };
        (void)MSE_FAIL(&why, MSE_ERR_TCB_EVALUATION_MIXED, "collateral",
                       "TCB info of evaluation number %u, QE identity of %u",
                       out->tcb_info.evaluation_number, out->qe_identity.evaluation_number);
        s->warning = s->warning.status == MSE_OK ? why : s->warning;
    }
    return st;
}

/* The file. */

static void wr_text(struct mse_js *j, const char *key, struct mse_build *text)
{
    const char *s = text->len > 0 ? mse_build_cstr(text) : NULL;
    if (s != NULL) {
        mse_js_str(j, key, s);
    } else if (text->failed) {
        j->b->failed = true;
    }
}

static void wr_base64(struct mse_js *j, const char *key, const struct mse_build *der)
{
    if (der->len == 0) {
        return;
    }
    char *text = malloc(4 * ((der->len + 2) / 3) + 1);
    if (text == NULL) {
        j->b->failed = true;
        return;
    }
    mse_base64_encode(text, mse_build_view(der));
    mse_js_str(j, key, text);
    free(text);
}

static void wr_intel(struct mse_js *j, struct mse_set *set)
{
    wr_text(j, "tcb_info", &set->tcb_info.body);
    wr_text(j, "tcb_info_issuer_chain", &set->tcb_info.chain);
    wr_text(j, "qe_identity", &set->qe_identity.body);
    wr_text(j, "qe_identity_issuer_chain", &set->qe_identity.chain);
    wr_base64(j, "pck_crl", &set->pck_crl.body);
    wr_text(j, "pck_crl_issuer_chain", &set->pck_crl.chain);
    wr_base64(j, "root_ca_crl", &set->root_crl.body);
    if (set->pck_cert.body.len > 0) {
        struct mse_build pem;
        mse_build_heap(&pem, MSE_FETCH_MAX_BODY);
        wr_chain(&pem, &set->pck_cert);
        wr_text(j, "pck_cert_chain", &pem);
        mse_build_clear(&pem);
    }
}

/* Of a VLEK only the chain can be fetched: it stands in the body then. */
static void wr_amd(struct mse_js *j, struct mse_set *set)
{
    bool vlek = set->vcek.chain.len == 0;
    if (!vlek) {
        wr_base64(j, "vcek", &set->vcek.body);
    }
    wr_text(j, "vcek_issuer_chain", vlek ? &set->vcek.body : &set->vcek.chain);
    wr_base64(j, "vcek_crl", &set->amd_crl.body);
}

mse_status mse_set_write(struct mse_build *out, struct mse_set *set, mse_time now,
                         struct mse_error *err)
{
    struct mse_js j = { .b = out };
    mse_js_open(&j, NULL, '{');
    mse_js_uint(&j, "version", 1);
    mse_js_open(&j, "collateral", '{');
    wr_intel(&j, set);
    wr_amd(&j, set);
    mse_js_close(&j, '}');
    mse_js_time(&j, "collected_at", now);
    mse_js_close(&j, '}');
    mse_wr_str(out, "\n");
    return mse_build_ok(out) ? MSE_OK : MSE_FAIL(err, MSE_ERR_NO_SPACE, "collateral", "too long");
}
