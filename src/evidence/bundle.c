/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence bundles and collateral files: our form and the older one. What has to be decoded goes to
 * the caller's scratch, the rest is borrowed from the file. */
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/util.h"
#include <mse/collateral.h>

#define VERSION 1

struct parser {
    struct mse_json j;
    struct mse_build scratch;
    struct mse_error *err;
    const char *where; /* the member at hand */
    bool ours;         /* a member was seen that only this form has */
    bool older;
    struct mse_bundle b;
};

static bool rd_text(struct parser *p, struct mse_bytes *out)
{
    return mse_json_text(&p->j, &p->scratch, out);
}

/* Decodes base64 into the scratch. */
static bool decode_base64(struct parser *p, struct mse_bytes text, struct mse_bytes *out)
{
    size_t len = 0;
    size_t cap = text.len / 4 * 3;
    size_t before = p->scratch.len;
    uint8_t *to = mse_wr_space(&p->scratch, cap);
    if (to == NULL || !mse_base64_decode(to, cap, &len, text)) {
        return mse_json_fail(&p->j);
    }
    p->scratch.len = before + len; /* padding takes no room */
    *out = mse_bytes_of(to, len);
    return true;
}

static bool rd_base64(struct parser *p, struct mse_bytes *out)
{
    struct mse_bytes text = { 0 };
    return rd_text(p, &text) && decode_base64(p, text, out);
}

/* Splits a reply of the provisioning service; the signature goes to the scratch. */
static bool split(struct parser *p, struct mse_bytes response, const char *member,
                  struct mse_bytes *body, struct mse_bytes *sig)
{
    uint8_t raw[64];
    if (mse_signed_json_split(body, raw, response, member, p->err) != MSE_OK) {
        return mse_json_fail(&p->j);
    }
    uint8_t *to = mse_wr_space(&p->scratch, sizeof raw);
    if (to == NULL) {
        return mse_json_fail(&p->j);
    }
    memcpy(to, raw, sizeof raw);
    *sig = mse_bytes_of(to, sizeof raw);
    return true;
}

static bool rd_response(struct parser *p, const char *member, struct mse_bytes *body,
                        struct mse_bytes *sig)
{
    struct mse_bytes text = { 0 };
    return rd_text(p, &text) && split(p, text, member, body, sig);
}

/* Our form. */

static bool rd_version(struct parser *p)
{
    uint64_t v = 0;
    p->ours = true;
    return mse_json_u64(&p->j, &v, UINT32_MAX) && (v == VERSION || mse_json_fail(&p->j));
}

static bool rd_certificates(struct parser *p)
{
    return rd_text(p, &p->b.certificates);
}

static bool rd_quote(struct parser *p)
{
    return rd_base64(p, &p->b.quote);
}

static bool rd_manifest(struct parser *p)
{
    return rd_text(p, &p->b.manifest);
}

static bool rd_collected_at(struct parser *p)
{
    p->b.has_collected_at = true;
    return mse_json_time(&p->j, &p->b.collected_at);
}

static bool rd_tcb_info(struct parser *p)
{
    struct mse_collateral *c = &p->b.collateral;
    return rd_response(p, "tcbInfo", &c->tcb_info, &c->tcb_info_signature);
}

static bool rd_tcb_info_issuer_chain(struct parser *p)
{
    return rd_text(p, &p->b.collateral.tcb_info_issuer_chain);
}

static bool rd_qe_identity(struct parser *p)
{
    struct mse_collateral *c = &p->b.collateral;
    return rd_response(p, "enclaveIdentity", &c->qe_identity, &c->qe_identity_signature);
}

static bool rd_qe_identity_issuer_chain(struct parser *p)
{
    return rd_text(p, &p->b.collateral.qe_identity_issuer_chain);
}

static bool rd_pck_crl(struct parser *p)
{
    return rd_base64(p, &p->b.collateral.pck_crl);
}

static bool rd_pck_crl_issuer_chain(struct parser *p)
{
    return rd_text(p, &p->b.collateral.pck_crl_issuer_chain);
}

static bool rd_root_ca_crl(struct parser *p)
{
    return rd_base64(p, &p->b.collateral.root_ca_crl);
}

static bool rd_pck_cert_chain(struct parser *p)
{
    return rd_text(p, &p->b.collateral.pck_cert_chain);
}

static bool rd_vcek(struct parser *p)
{
    return rd_base64(p, &p->b.collateral.vcek);
}

static bool rd_vcek_issuer_chain(struct parser *p)
{
    return rd_text(p, &p->b.collateral.vcek_issuer_chain);
}

static bool rd_vcek_crl(struct parser *p)
{
    return rd_base64(p, &p->b.collateral.vcek_crl);
}

struct member {
    const char *key;
    bool (*read)(struct parser *p);
};

static const struct member collateral_members[] = {
    { "tcb_info", rd_tcb_info },
    { "tcb_info_issuer_chain", rd_tcb_info_issuer_chain },
    { "qe_identity", rd_qe_identity },
    { "qe_identity_issuer_chain", rd_qe_identity_issuer_chain },
    { "pck_crl", rd_pck_crl },
    { "pck_crl_issuer_chain", rd_pck_crl_issuer_chain },
    { "root_ca_crl", rd_root_ca_crl },
    { "pck_cert_chain", rd_pck_cert_chain },
    { "vcek", rd_vcek },
    { "vcek_issuer_chain", rd_vcek_issuer_chain },
    { "vcek_crl", rd_vcek_crl },
};

/* Reads one value by the table; unknown members are skipped. */
static void rd_member(struct parser *p, const struct member *table, size_t num,
                      struct mse_bytes key)
{
    for (size_t i = 0; i < num; i++) {
        if (mse_bytes_is_str(key, table[i].key)) {
            p->where = table[i].key;
            (void)table[i].read(p);
            return;
        }
    }
    p->where = "a member that is not known";
    (void)mse_json_skip(&p->j, NULL);
}

static bool rd_collateral(struct parser *p)
{
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    p->ours = true;
    mse_json_object_begin(&p->j, &o);
    while (mse_json_object_next(&p->j, &o, &key)) {
        rd_member(p, collateral_members, MSE_ARRAY_LEN(collateral_members), key);
    }
    return !p->j.failed;
}

/* The older form. */

static bool rd_older_certificate(struct parser *p)
{
    p->older = true;
    return rd_text(p, &p->b.certificates);
}

static bool rd_pem_crl(struct parser *p, struct mse_bytes *out)
{
    struct mse_bytes pem = { 0 };
    p->older = true;
    if (!rd_text(p, &pem)) {
        return false;
    }
    if (pem.len == 0 || pem.data[0] != '-') {
        return mse_json_fail(&p->j);
    }
    size_t before = p->scratch.len;
    uint8_t *to = mse_wr_space(&p->scratch, pem.len);
    if (to == NULL || mse_crl_decode(out, to, pem.len, pem, p->err) != MSE_OK) {
        return mse_json_fail(&p->j);
    }
    p->scratch.len = before + out->len;
    return true;
}

static bool rd_older_root_crl(struct parser *p)
{
    return rd_pem_crl(p, &p->b.collateral.root_ca_crl);
}

static bool rd_older_pck_crl(struct parser *p)
{
    return rd_pem_crl(p, &p->b.collateral.pck_crl);
}

/* base64(hex(reply)), perhaps with an end of line behind the hexadecimal text. */
static bool rd_older_tcb_info(struct parser *p)
{
    struct mse_collateral *c = &p->b.collateral;
    struct mse_bytes hex = { 0 };
    p->older = true;
    if (!rd_base64(p, &hex)) {
        return false;
    }
    if (hex.len > 0 && hex.data[hex.len - 1] == '\n') {
        hex.len--;
    }
    uint8_t *to = mse_wr_space(&p->scratch, hex.len / 2);
    if (to == NULL || !mse_hex_decode(to, hex.len / 2, hex)) {
        return mse_json_fail(&p->j);
    }
    return split(p, mse_bytes_of(to, hex.len / 2), "tcbInfo", &c->tcb_info, &c->tcb_info_signature);
}

/* base64(reply) */
static bool rd_older_qe_identity(struct parser *p)
{
    struct mse_collateral *c = &p->b.collateral;
    struct mse_bytes reply = { 0 };
    p->older = true;
    return rd_base64(p, &reply) &&
           split(p, reply, "enclaveIdentity", &c->qe_identity, &c->qe_identity_signature);
}

/* One certificate signed both; the root is left out. */
static bool rd_older_tcb_cert(struct parser *p)
{
    struct mse_collateral *c = &p->b.collateral;
    p->older = true;
    if (!rd_text(p, &c->tcb_info_issuer_chain)) {
        return false;
    }
    c->qe_identity_issuer_chain = c->tcb_info_issuer_chain;
    return true;
}

static bool rd_older_signer_pk(struct parser *p)
{
    p->older = true;
    return rd_text(p, &p->b.signer_pk);
}

static const struct member members[] = {
    { "version", rd_version },
    { "certificates", rd_certificates },
    { "quote", rd_quote },
    { "collateral", rd_collateral },
    { "manifest", rd_manifest },
    { "collected_at", rd_collected_at },
    { "ratls_certificate", rd_older_certificate },
    { "root_ca_crl", rd_older_root_crl },
    { "pck_platform_crl", rd_older_pck_crl },
    { "tcb_info", rd_older_tcb_info },
    { "qe_identity", rd_older_qe_identity },
    { "tcb_cert", rd_older_tcb_cert },
    { "signer_pk", rd_older_signer_pk },
};

/* Names the first member in p->where that the form demands and the file lacks. */
static bool has_mandatory(struct parser *p, const struct mse_json_object *o)
{
    static const char *const ours[] = { "version", NULL };
    static const char *const older[] = { "ratls_certificate", "root_ca_crl", "pck_platform_crl",
                                         "tcb_info",          "qe_identity", "tcb_cert",
                                         "signer_pk",         NULL };
    for (const char *const *key = p->older ? older : ours; *key != NULL; key++) {
        if (!mse_json_object_has(o, *key)) {
            p->where = *key;
            return false;
        }
    }
    return true;
}

static mse_status fail(struct parser *p)
{
    if (!mse_build_ok(&p->scratch)) {
        return MSE_FAIL(p->err, MSE_ERR_NO_SPACE, p->where, "scratch of %zu bytes is too small",
                        p->scratch.cap);
    }
    mse_status st = MSE_FAIL(p->err, MSE_ERR_MALFORMED, p->where,
                             "%s: missing, mistyped, there twice or badly encoded", p->where);
    mse_error_offset(p->err, mse_json_offset(&p->j));
    return st;
}

mse_status mse_bundle_parse(struct mse_bundle *out, uint8_t *scratch, size_t scratch_len,
                            struct mse_bytes json, struct mse_error *err)
{
    struct parser p = { .err = err, .where = "the document" };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    if (json.len > MSE_BUNDLE_MAX_LEN) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "bundle", "%zu bytes, at most %zu", json.len,
                        MSE_BUNDLE_MAX_LEN);
    }
    mse_build_fixed(&p.scratch, scratch, scratch_len);
    mse_json_init(&p.j, json);
    mse_json_object_begin(&p.j, &o);
    while (mse_json_object_next(&p.j, &o, &key)) {
        rd_member(&p, members, MSE_ARRAY_LEN(members), key);
    }
    if (!mse_json_end(&p.j) || !has_mandatory(&p, &o)) {
        return fail(&p);
    }
    if (p.ours && p.older) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "bundle", "members of two forms in one file");
    }
    p.b.form = p.older ? MSE_BUNDLE_OLDER : MSE_BUNDLE_OURS;
    *out = p.b;
    return MSE_OK;
}
