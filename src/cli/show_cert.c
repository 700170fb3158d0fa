/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and the evidence in them for mse show. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/json_of.h"
#include "cli/show.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/profile.h"

static json_t *show_pck(const struct mse_pck_ext *e)
{
    json_t *o = json_object();
    cli_put(o, "fmspc", cli_hex(e->fmspc, 6));
    cli_put(o, "pce_id", cli_hex(e->pce_id, 2));
    cli_put(o, "ppid", cli_hex(e->ppid, 16));
    cli_put(o, "tcb_components", cli_hex(e->comp_svn, 16));
    cli_put(o, "pce_svn", cli_number(e->pce_svn));
    cli_put(o, "cpu_svn", cli_hex(e->cpu_svn, 16));
    if (e->has_platform_instance_id) {
        cli_put(o, "platform_instance_id", cli_hex(e->platform_instance_id, 16));
    }
    return o;
}

static const char *role_text(enum mse_ratls_role role)
{
    const char *name = mse_ratls_role_name(role);
    return name != NULL ? name : "absent";
}

/* What a certificate carries, by its kind. */
static void show_carried(json_t *o, const struct mse_ratls_cert *c)
{
    uint8_t *room = malloc(MSE_NITRO_DOC_MAX_LEN);
    struct mse_bytes document = c->quote;
    size_t len = c->quote.len / 2;
    if (c->form == MSE_RATLS_NITRO && room != NULL && len <= MSE_NITRO_DOC_MAX_LEN &&
        mse_hex_decode(room, len, c->quote)) {
        document = mse_bytes_of(room, len);
    }
    if (c->tee == MSE_TEE_NITRO) {
        cli_put(o, "document", cli_show_nitro(document));
    } else if (c->tee == MSE_TEE_SNP) {
        cli_put(o, "report", cli_show_snp_report(c->quote));
    } else {
        cli_put(o, "quote", cli_show_quote(c->quote, 0));
    }
    free(room);
}

static json_t *show_claims(const struct mse_ratls_claims *c)
{
    json_t *k = json_object();
    cli_put(k, "role", json_string(role_text(c->role)));
    cli_put(k, "pubkey_hash", cli_hex_of(c->pubkey_hash));
    cli_put(k, "manifest", cli_hex_of(c->manifest));
    if (c->app_data.len > 0) {
        cli_put(k, "app_data", cli_hex_of(c->app_data));
    } else {
        cli_put(k, "x25519", cli_hex_of(c->x25519));
        cli_put(k, "key_origin", json_string(mse_ratls_key_origin_name(c->key_origin)));
    }
    if (c->ca_hash.len > 0) {
        cli_put(k, "ca_hash", cli_hex_of(c->ca_hash));
    }
    return k;
}

/* What an app, or a client of a session, was given. */
json_t *cli_show_loose_evidence(struct mse_bytes evidence)
{
    struct mse_ratls_cert r;
    json_t *o = json_object();
    if (mse_ratls_read_loose_evidence(&r, evidence, NULL) == MSE_OK) { /* was read before */
        cli_put(o, "claims", show_claims(&r.claims));
        show_carried(o, &r);
    }
    return o;
}

/* What every certificate says; false if it cannot be read. */
static bool show_names(json_t *o, struct mse_bytes der)
{
    struct mse_cert cert;
    struct mse_error err = { 0 };
    uint8_t sum[32];
    if (mse_cert_parse(&cert, der, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return false;
    }
    cli_put(o, "subject", cli_text_of(mse_name_common_name(cert.subject)));
    cli_put(o, "issuer", cli_text_of(mse_name_common_name(cert.issuer)));
    cli_put(o, "serial", cli_hex_of(cert.serial));
    cli_put(o, "not_before", cli_when(cert.not_before));
    cli_put(o, "not_after", cli_when(cert.not_after));
    if (mse_sha256(sum, der) == MSE_OK) {
        cli_put(o, "sha256", cli_hex(sum, 32));
    }
    if (mse_sha256(sum, cert.key.spki) == MSE_OK) {
        cli_put(o, "public_key_sha256", cli_hex(sum, 32));
    }
    return true;
}

/* The CA that came along, and whether it is the one that it should be. */
static void show_ca(json_t *o, const struct mse_ratls_cert *c)
{
    struct mse_error err = { 0 };
    cli_put(o, "ca_check",
            json_string(mse_ratls_check_ca(c, &err) == MSE_OK ? "made for this certificate alone"
                                                              : err.text));
    if (c->ca.len > 0) {
        json_t *ca = json_object();
        (void)show_names(ca, c->ca);
        cli_put(o, "ca", ca);
    }
}

static void show_evidence(json_t *o, struct mse_bytes der)
{
    struct mse_ratls_cert r;
    struct mse_error err = { 0 };
    mse_status st = mse_ratls_read(&r, der, &err);
    if (st != MSE_OK) {
        cli_put(o, "evidence", json_string(st == MSE_ERR_NO_EVIDENCE ? "none" : err.text));
        return;
    }
    cli_put(o, "evidence", json_string(mse_ratls_form_name(r.form)));
    if (r.claims_raw.len > 0) {
        cli_put(o, "claims", show_claims(&r.claims));
    }
    if (r.claims.ca_hash.len > 0) {
        show_ca(o, &r);
    }
    show_carried(o, &r);
}

json_t *cli_show_cert(struct mse_bytes der)
{
    struct mse_pck_info pck;
    struct mse_bytes leaf = der;
    struct mse_bytes ca;
    json_t *o = json_object();
    (void)!mse_ratls_split(&leaf, &ca, der);
    if (!show_names(o, leaf)) {
        return o;
    }
    if (mse_pck_info_parse(&pck, leaf, NULL) == MSE_OK) {
        cli_put(o, "pck", show_pck(&pck.ext));
    } else {
        show_evidence(o, der);
    }
    return o;
}
