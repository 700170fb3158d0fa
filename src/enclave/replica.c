/* SPDX-License-Identifier: Apache-2.0 */
/* See replica.h. */
#include "enclave/replica.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "os/private_dir.h"

#define STEP    "replica"
#define VERSION 1
#define LATEST  ((uint64_t)253402300799) /* the end of the year 9999 */

/* ---- the leader ---- */

mse_status mse_replica_meet(struct mse_mutual **out, struct mse_handover *h, struct mse_error *err)
{
    uint8_t version = 0;
    struct mse_mutual *m = NULL;
    struct mse_policy *policy = mse_peers_only(h->peers, h->peers->own_fingerprint);
    if (policy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    h->self.replica = true;
    const struct mse_mutual_config c = mse_handover_session(h, policy, NULL);
    mse_status st = mse_mutual_server(&m, NULL, h->fd, &c, err);
    st = st == MSE_OK ? mse_mutual_read(m, &version, 1, err) : st;
    if (st == MSE_OK && version != VERSION) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "version %u, wanted %u", version, VERSION);
    }
    free(policy);
    if (st != MSE_OK) {
        mse_mutual_free(m);
        return st;
    }
    *out = m;
    return MSE_OK;
}

void mse_replica_refuse(struct mse_mutual *m, enum mse_replica_answer why)
{
    const uint8_t answer = (uint8_t)why;
    (void)!mse_mutual_write(m, &answer, 1, NULL); /* he sees the end all the same */
}

static mse_status send_piece(void *arg, struct mse_bytes piece, struct mse_error *err)
{
    return piece.len == 0 ? MSE_OK : mse_mutual_write(arg, piece.data, piece.len, err);
}

static mse_status send_state(struct mse_mutual *m, struct mse_bytes state, mse_time now,
                             struct mse_error *err)
{
    uint8_t head[1 + 8 + 4];
    struct mse_build b;
    mse_build_fixed(&b, head, sizeof head);
    mse_wr_u8(&b, MSE_REPLICA_GIVEN);
    mse_wr_u64be(&b, (uint64_t)now);
    mse_wr_u32be(&b, (uint32_t)state.len);
    mse_status st = send_piece(m, mse_build_view(&b), err);
    return st == MSE_OK ? send_piece(m, state, err) : st;
}

mse_status mse_replica_give(struct mse_mutual *m, const struct mse_durable *d, mse_time now,
                            struct mse_error *err)
{
    struct mse_build state;
    mse_build_heap(&state, MSE_STATE_MAX_LEN + 1);
    mse_status st = mse_durable_reread(d, &state, err);
    if (st == MSE_OK) {
        st = send_state(m, mse_build_view(&state), now, err);
        st = st == MSE_OK ? mse_store_export(d->store, send_piece, m, err) : st;
    } else {
        mse_replica_refuse(m, MSE_REPLICA_REFUSED);
    }
    mse_build_clear(&state); /* which wipes */
    return st;
}

/* ---- the one that joins ---- */

static mse_status refused(uint8_t answer, struct mse_error *err)
{
    switch (answer) {
    case MSE_REPLICA_REFUSED:
        return MSE_FAIL(err, MSE_ERR_PEER_REFUSED, STEP,
                        "the leader gives nothing; its log says why");
    case MSE_REPLICA_FULL:
        return MSE_FAIL(err, MSE_ERR_REPLICA_LIMIT, STEP,
                        "as many instances live as the manifest allows; one that was killed counts "
                        "for some time");
    default:
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "answer %u", answer);
    }
}

static mse_status read_state(struct mse_build *out, mse_time *now, struct mse_mutual *m,
                             struct mse_error *err)
{
    uint8_t answer = MSE_REPLICA_REFUSED;
    uint8_t head[8 + 4];
    uint64_t at = 0;
    uint32_t len = 0;
    mse_status st = mse_mutual_read(m, &answer, 1, err);
    if (st == MSE_OK && answer != MSE_REPLICA_GIVEN) {
        return refused(answer, err);
    }
    st = st == MSE_OK ? mse_mutual_read(m, head, sizeof head, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes in = mse_bytes_of(head, sizeof head);
    bool good = mse_rd_u64be(&in, &at) &&  // 0 time
                mse_rd_u32be(&in, &len) && // 8 length of the state
                at <= LATEST && len > 0 && len <= MSE_STATE_MAX_LEN;
    uint8_t *room = good ? mse_wr_space(out, len) : NULL;
    if (room == NULL) {
        return MSE_FAIL(err, good ? MSE_ERR_MEMORY : MSE_ERR_PROTOCOL, STEP,
                        "a state of %u bytes, at %llu", len, (unsigned long long)at);
    }
    *now = (mse_time)at;
    return mse_mutual_read(m, room, len, err);
}

static mse_status receive(void *arg, void *buf, size_t len, struct mse_error *err)
{
    return mse_mutual_read(arg, buf, len, err);
}

static mse_status read_files(struct mse_mutual *m, const struct mse_durable *d,
                             const struct mse_replica_room *room, struct mse_error *err)
{
    uint8_t pin[32];
    struct mse_store_config from = { .state_fd = -1 };
    memcpy(from.root, d->state.storage_root.data, sizeof from.root);
    if (mkdir(room->scratch, 0700) == 0) {
        from.state_fd = open(room->scratch, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    mse_status st = from.state_fd >= 0 ? MSE_OK
                                       : MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s",
                                                  room->scratch, strerror(errno));
    const struct mse_store_import i = {
        .dir_fd = from.state_fd, .root = from.root, .max = room->max, .in = receive, .arg = m
    };
    st = st == MSE_OK ? mse_store_import(&i, pin, err) : st;
    st = st == MSE_OK ? mse_store_inherit(&from, pin, room->dir, room->owner, err) : st;
    if (from.state_fd >= 0) {
        (void)close(from.state_fd);
        (void)mse_tree_remove(room->scratch);
    }
    mse_wipe(from.root, sizeof from.root);
    return st;
}

static mse_status take(struct mse_mutual *m, mse_time *now, struct mse_durable *d,
                       const struct mse_replica_room *room, struct mse_error *err)
{
    static const uint8_t version = VERSION;
    struct mse_build state;
    mse_build_heap(&state, MSE_STATE_MAX_LEN + 1);
    mse_status st = mse_mutual_write(m, &version, 1, err);
    st = st == MSE_OK ? read_state(&state, now, m, err) : st;
    st = st == MSE_OK ? mse_durable_join(d, &state, err) : st;
    mse_build_clear(&state);
    return st == MSE_OK ? read_files(m, d, room, err) : st;
}

mse_status mse_replica_join(struct mse_mutual **out, mse_time *now, struct mse_durable *d,
                            struct mse_handover *h, const struct mse_replica_room *room,
                            struct mse_error *err)
{
    struct mse_mutual *m = NULL;
    struct mse_policy *policy = mse_peers_only(h->peers, h->peers->own_fingerprint);
    if (policy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    h->self.replica = true;
    const struct mse_mutual_config c = mse_handover_session(h, policy, room->name);
    mse_status st = mse_mutual_client(&m, NULL, h->fd, &c, err);
    st = st == MSE_OK ? take(m, now, d, room, err) : st;
    free(policy);
    if (st != MSE_OK) {
        mse_mutual_free(m);
        return st;
    }
    *out = m;
    return MSE_OK;
}
