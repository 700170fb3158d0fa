/* SPDX-License-Identifier: Apache-2.0 */
/* See join.h. */
#include "enclave/join.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "enclave/replica.h"

#define WHO  "enclave"
#define STEP "replica"

static mse_status ask(struct mse_mutual **out, mse_time *now, const struct mse_joiner *j,
                      const struct mse_peers *peers, struct mse_error *err)
{
    static const struct mse_lease_times times = MSE_LEASE_TIMES;
    const struct mse_manifest *m = j->me.manifest;
    struct mse_build text;
    struct mse_handover h;
    char *scratch = NULL;
    if (asprintf(&scratch, "%s.leader", j->app->code) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    const struct mse_replica_room room = { .name = mse_party_name(m),
                                           .scratch = scratch,
                                           .dir = j->app->data,
                                           .owner = mse_app_user(j->app),
                                           .max = m->enclave_size };
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_party_handover(&h, &text, &j->me, err);
    if (st == MSE_OK) {
        h.fd = j->fd;
        h.peers = peers;
        h.quiet_ms = times.quiet_ms;
        st = mse_replica_join(out, now, j->me.durable, &h, &room, err);
    }
    mse_build_clear(&text);
    free(scratch);
    return st;
}

static mse_status meet(struct mse_mutual **out, mse_time *now, const struct mse_joiner *j,
                       struct mse_error *err)
{
    struct mse_build json;
    struct mse_peers *peers = calloc(1, sizeof *peers); /* too large for the stack */
    if (peers == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_build_heap(&json, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_party_load_collateral(&json, j->collateral_fd, err);
    st = st == MSE_OK ? mse_party_replicas(peers, &j->me, mse_build_view(&json),
                                           mse_enclave_now(j->clock), err)
                      : st;
    mse_build_clear(&json);
    st = st == MSE_OK ? ask(out, now, j, peers, err) : st;
    mse_peers_clear(peers);
    free(peers);
    return st;
}

/* From now on it is what the leader is. */
static mse_status become(const struct mse_joiner *j, struct mse_identity *identity,
                         struct mse_error *err)
{
    struct mse_identity leaders = { .key = NULL };
    mse_status st = mse_identity_restore(&leaders, &j->me.durable->state, err);
    if (st == MSE_OK) {
        mse_identity_clear(identity);
        *identity = leaders;
        mse_wipe(leaders.x25519_secret, sizeof leaders.x25519_secret);
    }
    return st;
}

mse_status mse_join(struct mse_lease **out, const struct mse_joiner *j,
                    struct mse_identity *identity, struct mse_error *err)
{
    static const struct mse_lease_times times = MSE_LEASE_TIMES;
    struct mse_mutual *m = NULL;
    mse_time now = 0;
    mse_status st = j->me.manifest->replicas > 1
                        ? meet(&m, &now, j, err)
                        : MSE_FAIL(err, MSE_ERR_REPLICA_POLICY, STEP,
                                   "the manifest wants one instance, and this one is to join it");
    (void)close(j->collateral_fd);
    if (st != MSE_OK) {
        (void)close(j->fd);
        return st;
    }
    mse_log(MSE_LOG_INFO, WHO, "it has joined its leader");
    st = mse_lease_new(out, m, j->fd, &times, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_time floor = mse_durable_floor(j->me.durable);
    mse_enclave_clock_init(j->clock, now > floor ? now : floor);
    return become(j, identity, err);
}
