/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of one's own for an attested session. A file of its own: who only gives evidence links
 * no appraisal. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "ratls/make.h"
#include "ratls/session.h"

#define STEP       "session"
#define MAX_CLAIMS ((size_t)1024)

static mse_status quote_claims(struct mse_build *out, struct mse_bytes claims,
                               mse_ratls_quote_fn *quote, void *quote_arg, struct mse_error *err)
{
    uint8_t report_data[64];
    size_t len = 0;
    uint8_t *room = malloc(MSE_SESSION_QUOTE_MAX);
    if (room == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = mse_ratls_report_data(report_data, claims);
    if (st == MSE_OK) {
        st = quote(quote_arg, room, MSE_SESSION_QUOTE_MAX, &len, report_data, err);
    }
    if (st == MSE_OK && (len == 0 || len > MSE_SESSION_QUOTE_MAX)) {
        st = MSE_ERR_PROTOCOL;
    }
    if (st == MSE_OK) {
        struct mse_bytes view = { room, len };
        st = mse_ratls_evidence_make(out, view, claims);
    }
    free(room);
    return st == MSE_OK
               ? MSE_OK
               : MSE_FAIL(err, st, STEP, "no evidence of one's own: %s", mse_status_text(st));
}

mse_status mse_session_evidence_make(struct mse_build *out, const struct mse_session_words *w,
                                     mse_ratls_quote_fn *quote, void *quote_arg,
                                     struct mse_error *err)
{
    uint8_t buf[MAX_CLAIMS];
    struct mse_build claims;
    struct mse_ratls_claims_params p = { .role = w->role,
                                         .nonce = w->nonce,
                                         .exporter = w->exporter,
                                         .x25519 = w->x25519,
                                         .manifest = w->manifest_sha256,
                                         .boot = w->boot,
                                         .app_data = w->app_data,
                                         .key_origin = w->key_origin,
                                         .ca_sha256 = w->ca_sha256 };
    memcpy(p.spki_sha256, w->spki_sha256, sizeof p.spki_sha256);
    mse_build_fixed(&claims, buf, sizeof buf);
    mse_status st = mse_ratls_claims_make(&claims, &p);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "no claims can be made of these values");
    }
    return quote_claims(out, mse_build_view(&claims), quote, quote_arg, err);
}
