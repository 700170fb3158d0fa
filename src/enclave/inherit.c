/* SPDX-License-Identifier: Apache-2.0 */
/* See inherit.h. */
#include "enclave/inherit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"

#define STEP     "upgrade"
#define QUIET_MS 60000 /* the other one ends its app, and takes a last snapshot */

static mse_status open_peers(struct mse_peers *out, const struct mse_inherit_offer *o,
                             const struct mse_inheritor *to, struct mse_error *err)
{
    struct mse_build json;
    mse_build_heap(&json, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_party_load_collateral(&json, o->collateral_fd, err);
    st = st == MSE_OK ? mse_party_peers(out, &to->me, mse_build_view(&json), to->now, err) : st;
    mse_build_clear(&json);
    return st;
}

static mse_status take(struct mse_legacy *out, const struct mse_inherit_offer *o,
                       const struct mse_inheritor *to, const struct mse_peers *peers,
                       struct mse_error *err)
{
    struct mse_build text;
    struct mse_handover h;
    const struct mse_handover_source s = { .name = o->name,
                                           .from = o->from,
                                           .named = to->named,
                                           .by_owner = to->by_owner,
                                           .signature =
                                               to->signature.len > 0
                                                   ? to->signature
                                                   : mse_bytes_of(o->signature, o->signature_len) };
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_party_handover(&h, &text, &to->me, err);
    if (st == MSE_OK) {
        h.fd = o->fd;
        h.peers = peers;
        h.quiet_ms = QUIET_MS;
        st = mse_handover_take(out, &h, &s, err);
    }
    mse_build_clear(&text);
    return st;
}

static mse_status inherit(const struct mse_inherit_offer *offer, const struct mse_inheritor *to,
                          struct mse_error *err)
{
    struct mse_legacy legacy = { .floor = 0 };
    struct mse_peers *peers = calloc(1, sizeof *peers); /* too large for the stack */
    if (peers == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = open_peers(peers, offer, to, err);
    st = st == MSE_OK ? take(&legacy, offer, to, peers, err) : st;
    if (st == MSE_OK) {
        struct mse_store_config from = { .state_fd = offer->state_fd };
        memcpy(from.root, legacy.root, sizeof from.root);
        st = mse_store_inherit(&from, legacy.index_sha256, to->dir, to->owner, err);
        mse_wipe(from.root, sizeof from.root);
    }
    if (st == MSE_OK) {
        to->me.durable->inherited = to->dir;
        to->me.durable->inherited_floor = legacy.floor;
    }
    mse_wipe(&legacy, sizeof legacy);
    mse_peers_clear(peers);
    free(peers);
    return st;
}

mse_status mse_inherit(struct mse_inherit_offer *offer, const struct mse_inheritor *to,
                       struct mse_error *err)
{
    mse_status st = MSE_OK;
    if (to->me.durable->found == MSE_DURABLE_OFF) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                      "the manifest's restart is \"never\": what is inherited would be lost");
    }
    st = st == MSE_OK ? inherit(offer, to, err) : st;
    int *const fds[] = { &offer->fd, &offer->state_fd, &offer->collateral_fd };
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        (void)close(*fds[i]);
        *fds[i] = -1;
    }
    return st;
}
