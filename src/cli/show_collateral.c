/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of collateral for mse show. */
#include <stdlib.h>

#include <mse/collateral.h>

#include "base/bytes.h"
#include "cli/json_of.h"
#include "cli/show.h"

json_t *cli_show_crl(struct mse_bytes der)
{
    struct mse_crl_info crl;
    struct mse_error err = { 0 };
    struct mse_bytes serial;
    json_t *o = json_object();
    if (mse_crl_info_parse(&crl, der, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    cli_put(o, "issuer", cli_text_of(crl.issuer_cn));
    cli_put(o, "this_update", cli_when(crl.this_update));
    cli_put(o, "next_update", cli_when(crl.next_update));
    json_t *serials = json_array();
    struct mse_bytes it = crl.revoked;
    while (mse_crl_info_next(&it, &serial)) {
        (void)json_array_append_new(serials, cli_hex_of(serial));
    }
    cli_put(o, "revoked", serials);
    return o;
}

static json_t *advisories(const struct mse_bytes *list, size_t num)
{
    json_t *a = json_array();
    for (size_t i = 0; i < num; i++) {
        (void)json_array_append_new(a, cli_text_of(list[i]));
    }
    return a;
}

json_t *cli_show_tcb_info(struct mse_bytes body)
{
    struct mse_tcb_info *t = calloc(1, sizeof *t);
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (t == NULL || mse_tcb_info_parse(t, body, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        free(t);
        return o;
    }
    cli_put(o, "tee", json_string(t->tee == MSE_TEE_TDX ? "tdx" : "sgx"));
    cli_put(o, "version", cli_number(t->version));
    cli_put(o, "issue_date", cli_when(t->issue_date));
    cli_put(o, "next_update", cli_when(t->next_update));
    cli_put(o, "fmspc", cli_hex(t->fmspc, 6));
    cli_put(o, "pce_id", cli_hex(t->pce_id, 2));
    cli_put(o, "evaluation_number", cli_number(t->tcb_evaluation_number));
    json_t *levels = json_array();
    for (size_t i = 0; i < t->num_levels; i++) {
        const struct mse_tcb_level *l = &t->levels[i];
        json_t *row = json_object();
        cli_put(row, "components", cli_hex(l->sgx_comp_svn, 16));
        if (l->has_tdx_comp) {
            cli_put(row, "tdx_components", cli_hex(l->tdx_comp_svn, 16));
        }
        cli_put(row, "pce_svn", cli_number(l->pce_svn));
        cli_put(row, "date", cli_when(l->tcb_date));
        cli_put(row, "status", json_string(mse_tcb_status_name(l->status)));
        cli_put(row, "advisories", advisories(l->advisories, l->num_advisories));
        (void)json_array_append_new(levels, row);
    }
    cli_put(o, "levels", levels);
    free(t);
    return o;
}

json_t *cli_show_qe_identity(struct mse_bytes body)
{
    struct mse_qe_identity *q = calloc(1, sizeof *q);
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (q == NULL || mse_qe_identity_parse(q, body, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        free(q);
        return o;
    }
    cli_put(o, "issue_date", cli_when(q->issue_date));
    cli_put(o, "next_update", cli_when(q->next_update));
    cli_put(o, "evaluation_number", cli_number(q->tcb_evaluation_number));
    cli_put(o, "mrsigner", cli_hex(q->mr_signer, 32));
    cli_put(o, "isv_prod_id", cli_number(q->isv_prod_id));
    json_t *levels = json_array();
    for (size_t i = 0; i < q->num_levels; i++) {
        const struct mse_identity_level *l = &q->levels[i];
        json_t *row = json_object();
        cli_put(row, "isv_svn", cli_number(l->isv_svn));
        cli_put(row, "date", cli_when(l->tcb_date));
        cli_put(row, "status", json_string(mse_tcb_status_name(l->status)));
        cli_put(row, "advisories", advisories(l->advisories, l->num_advisories));
        (void)json_array_append_new(levels, row);
    }
    cli_put(o, "levels", levels);
    free(q);
    return o;
}
