/* SPDX-License-Identifier: Apache-2.0 */
/* See party.h. */
#include "enclave/party.h"

mse_status mse_party_peers(struct mse_peers *out, const struct mse_party *p,
                           struct mse_bytes collateral, mse_time at, struct mse_error *err)
{
    mse_durable_hold(p->durable);
    mse_status st = mse_peers_open(out, p->durable->tee, collateral, at, err);
    mse_durable_release(p->durable);
    return st;
}

mse_status mse_party_handover(struct mse_handover *out, struct mse_build *text,
                              const struct mse_party *p, struct mse_error *err)
{
    const struct mse_identity *id = p->identity;
    mse_status st = mse_manifest_write(text, p->manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    /* Under an owner's certificate there is none for the public name. */
    const struct mse_build *cert = id->cert.len > 0 ? &id->cert : &id->config_cert;
    const struct mse_session_self self = { .quote = mse_durable_quote,
                                           .quote_arg = p->durable,
                                           .manifest = mse_build_view(text) };
    *out = (struct mse_handover) { .fd = -1,
                                   .identity = id,
                                   .cert = mse_build_view(cert),
                                   .self = self,
                                   .rule = &p->manifest->upgrade };
    return MSE_OK;
}
