/* SPDX-License-Identifier: Apache-2.0 */
/* mse show: decodes for people. Form only: nothing here says that anything is genuine. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/ear.h"
#include "cli/json_of.h"
#include "cli/judge.h"
#include "cli/show.h"
#include "cli/show_files.h"
#include "cli/target.h"
#include "crypto/digest.h"

static json_t *show_bundle(const struct cli_target *t)
{
    const struct mse_bundle *b = &t->bundle;
    uint8_t mr[32];
    json_t *o = json_object();
    cli_put(o, "form", json_string(b->form == MSE_BUNDLE_OLDER ? "older" : "mse"));
    if (b->has_collected_at) {
        cli_put(o, "collected_at", cli_when(b->collected_at));
    }
    if (t->der.len > 0) {
        cli_put(o, "certificate", cli_show_cert(t->der));
    }
    if (b->quote.len > 0) {
        cli_put(o, "quote", cli_show_quote(b->quote, 0));
    }
    if (b->manifest.len > 0) {
        cli_put(o, "manifest",
                json_loadb((const char *)b->manifest.data, b->manifest.len, 0, NULL));
    }
    if (b->signer_pk.len > 0 && mse_mrsigner_of_public_key(mr, b->signer_pk, NULL) == MSE_OK) {
        cli_put(o, "signer_claimed_by_sender", cli_hex(mr, 32));
    }
    if (b->collateral.tcb_info.len > 0) {
        cli_put(o, "tcb_info", cli_show_tcb_info(b->collateral.tcb_info));
    }
    if (b->collateral.qe_identity.len > 0) {
        cli_put(o, "qe_identity", cli_show_qe_identity(b->collateral.qe_identity));
    }
    if (b->collateral.pck_crl.len > 0) {
        cli_put(o, "pck_crl", cli_show_crl(b->collateral.pck_crl));
    }
    if (b->collateral.root_ca_crl.len > 0) {
        cli_put(o, "root_ca_crl", cli_show_crl(b->collateral.root_ca_crl));
    }
    return o;
}

static json_t *show_manifest(struct mse_bytes json)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    uint8_t sum[32];
    json_t *o = json_loadb((const char *)json.data, json.len, 0, NULL);
    mse_status st = mse_manifest_parse(&m, json, &err);
    cli_put(o, "valid", json_string(st == MSE_OK ? "yes" : err.text));
    if (mse_sha256(sum, json) == MSE_OK) {
        cli_put(o, "sha256", cli_hex(sum, 32));
    }
    mse_manifest_clear(&m);
    return o;
}

static json_t *show_context(const char *path)
{
    struct cli_app a = { 0 };
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (cli_app_load(&a, path, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    cli_put(o, "id", json_string(a.context.id));
    cli_put(o, "domain_name", json_string(a.context.domain_name));
    cli_put(o, "created_at", cli_when(a.context.created_at));
    cli_put(o, "layout", json_string(a.context.layout));
    cli_put(o, "runtime", cli_hex(a.context.runtime_digest, 32));
    cli_put(o, "runtime_version", json_string(a.context.runtime_version));
    if (!mse_mem_is_zero(a.context.loader_digest, 32)) {
        cli_put(o, "loader", cli_hex(a.context.loader_digest, 32));
    }
    cli_put(o, "code_salt", cli_hex(a.context.code_salt, 32));
    cli_put(o, "signer_claimed_by_owner",
            a.context.signer == NULL ? NULL : json_string(a.context.signer));
    cli_put(o, "manifest", show_manifest(mse_bytes_str(a.context.manifest)));
    cli_app_clear(&a);
    return o;
}

/* The signed body out of a response, or the body itself. */
static struct mse_bytes body_of(struct mse_bytes in, const char *member)
{
    struct mse_bytes body;
    uint8_t sig[64];
    return mse_signed_json_split(&body, sig, in, member, NULL) == MSE_OK ? body : in;
}

static json_t *decode(const struct cli_target *t, const char **kind)
{
    struct mse_bytes in = cli_file_view(&t->file);
    switch (t->kind) {
    case CLI_TARGET_CERTIFICATE:
        *kind = "certificate";
        return cli_show_cert(t->der);
    case CLI_TARGET_QUOTE:
        *kind = mse_quote_is_tdx(t->quote) ? "tdx_quote" : "sgx_quote";
        return cli_show_quote(t->quote, t->padding);
    case CLI_TARGET_SNP_REPORT:
        *kind = "snp_report";
        return cli_show_snp_report(t->quote);
    case CLI_TARGET_HCL:
        *kind = "hcl_report";
        return cli_show_hcl(t->quote);
    case CLI_TARGET_NITRO:
        *kind = "nitro_document";
        return cli_show_nitro(t->quote);
    case CLI_TARGET_EVIDENCE:
        *kind = "evidence";
        return cli_show_loose_evidence(in);
    case CLI_TARGET_BUNDLE:
        *kind = "bundle";
        return show_bundle(t);
    case CLI_TARGET_SIGSTRUCT:
        *kind = "sigstruct";
        return cli_show_sigstruct(in);
    case CLI_TARGET_CRL:
        *kind = "crl";
        return cli_show_crl(t->der);
    case CLI_TARGET_TCB_INFO:
        *kind = "tcb_info";
        return cli_show_tcb_info(body_of(in, "tcbInfo"));
    case CLI_TARGET_QE_IDENTITY:
        *kind = "qe_identity";
        return cli_show_qe_identity(body_of(in, "enclaveIdentity"));
    case CLI_TARGET_MANIFEST:
        *kind = "manifest";
        return show_manifest(in);
    case CLI_TARGET_CONTEXT:
        *kind = "context";
        return show_context(t->name);
    case CLI_TARGET_EAR:
        *kind = "attestation_result";
        return cli_ear_show(in);
    case CLI_TARGET_UNKNOWN:
        break;
    }
    *kind = "unknown";
    return json_object();
}

static enum cli_exit print(const struct cli *c, const char *kind, json_t *members)
{
    json_t *v = json_object();
    cli_put(v, "kind", json_string(kind)); /* first: it says how to read the rest */
    (void)json_object_update(v, members);
    json_decref(members);
    bool bad = json_object_get(v, "unreadable") != NULL;
    if (c->json) {
        cli_json(c, v);
    } else {
        cli_print_tree(v, 0);
        json_decref(v);
        cli_say(c, "(decoded only: nothing here was verified; mse verify does that)");
    }
    return bad ? CLI_TROUBLE : CLI_DONE;
}

enum cli_exit cmd_show(struct cli *c)
{
    struct cli_target t;
    struct mse_error err = { 0 };
    const char *kind = NULL;
    json_t *file = cli_show_file(&kind, c->args[0]); /* however large it is */
    if (file != NULL) {
        return print(c, kind, file);
    }
    mse_status st = cli_target_open(&t, c, c->args[0], &err);
    if (st != MSE_OK) {
        cli_target_close(&t);
        return cli_target_failed(c, c->args[0], st, &err);
    }
    json_t *members = decode(&t, &kind);
    enum cli_exit e = print(c, kind, members);
    cli_target_close(&t);
    return e;
}
