/* SPDX-License-Identifier: Apache-2.0 */
/* See leader.h. One thread takes connections, each connection has a seat with a thread of its own.
 */
#include "enclave/leader.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "enclave/replica.h"

#define WHO     "enclave"
#define STEP    "replica"
#define LOOK_MS 500
#define SEATS   (MSE_MANIFEST_MAX_REPLICAS + MSE_LEADER_SPARE)

enum seat_state {
    SEAT_FREE,
    SEAT_ASKING, /* may be cut off */
    SEAT_JOINED,
    SEAT_OVER, /* its thread is to be joined */
};

struct seat {
    struct mse_leader *l;
    pthread_t thread;
    enum seat_state state;
    int fd;
    uint64_t since_ms;
};

struct mse_leader {
    struct mse_leader_config c;
    unsigned places; /* for others than this one */
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t lock;
    /* behind the lock */
    bool closed;
    struct seat seats[SEATS];
    unsigned num_joined;
    /* Until when one that is gone without a word counts; 0: none. */
    uint64_t held_ms[MSE_MANIFEST_MAX_REPLICAS];
};

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000U + (uint64_t)t.tv_nsec / 1000000U;
}

/* ---- who counts; all with the lock ---- */

static unsigned count(const struct mse_leader *l, uint64_t now)
{
    unsigned n = l->num_joined;
    for (unsigned i = 0; i < l->places; i++) {
        n += l->held_ms[i] > now ? 1 : 0;
    }
    return n;
}

static void hold_place(struct mse_leader *l, uint64_t now)
{
    for (unsigned i = 0; i < l->places; i++) {
        if (l->held_ms[i] <= now) {
            l->held_ms[i] = now + l->c.times.hold_ms;
            return;
        }
    }
}

unsigned mse_leader_count(struct mse_leader *l)
{
    (void)pthread_mutex_lock(&l->lock);
    unsigned n = count(l, now_ms());
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

/* ---- on the thread of a seat ---- */

static bool take_place(struct seat *s)
{
    struct mse_leader *l = s->l;
    (void)pthread_mutex_lock(&l->lock);
    bool free_place = !l->closed && count(l, now_ms()) < l->places;
    if (free_place) {
        l->num_joined++;
        s->state = SEAT_JOINED;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return free_place;
}

static void leave_place(struct mse_leader *l, bool surely)
{
    (void)pthread_mutex_lock(&l->lock);
    l->num_joined--;
    if (!surely) {
        hold_place(l, now_ms());
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static void keep(struct mse_leader *l, struct mse_mutual *m, int fd)
{
    mse_log(MSE_LOG_INFO, WHO, "a replica has joined");
    enum mse_lease_end how = mse_lease_keep(m, fd, -1, &l->c.times);
    leave_place(l, how == MSE_LEASE_GOODBYE);
    mse_log(MSE_LOG_INFO, WHO, "a replica %s",
            how == MSE_LEASE_GOODBYE ? "has ended" : "is gone without a word");
}

static mse_status let_in(struct seat *s, struct mse_mutual *m, int fd, struct mse_error *err)
{
    struct mse_leader *l = s->l;
    if (!take_place(s)) {
        mse_replica_refuse(m, MSE_REPLICA_FULL);
        return MSE_FAIL(err, MSE_ERR_REPLICA_LIMIT, STEP, "the manifest allows %u", l->places + 1);
    }
    if (l->c.store != NULL) {
        l->c.store(l->c.arg);
    }
    mse_status st = mse_replica_give(m, l->c.me.durable, mse_enclave_now(l->c.clock), err);
    if (st != MSE_OK) {
        leave_place(l, false); /* the last bytes may have reached him */
        return st;
    }
    keep(l, m, fd);
    return MSE_OK;
}

static mse_status judge(struct seat *s, int fd, const struct mse_peers *peers,
                        struct mse_error *err)
{
    struct mse_build text;
    struct mse_handover h;
    struct mse_mutual *m = NULL;
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_party_handover(&h, &text, &s->l->c.me, err);
    if (st == MSE_OK) {
        h.fd = fd;
        h.peers = peers;
        h.quiet_ms = s->l->c.times.quiet_ms;
        st = mse_replica_meet(&m, &h, err);
    }
    mse_build_clear(&text);
    st = st == MSE_OK ? let_in(s, m, fd, err) : st;
    mse_mutual_free(m);
    return st;
}

static mse_status meet(struct seat *s, int fd, struct mse_error *err)
{
    struct mse_build json;
    const struct mse_leader_config *c = &s->l->c;
    struct mse_peers *peers = calloc(1, sizeof *peers); /* too large for the stack */
    if (peers == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_build_heap(&json, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_party_read_collateral(&json, fd, c->times.quiet_ms, err);
    st = st == MSE_OK ? mse_party_replicas(peers, &c->me, mse_build_view(&json),
                                           mse_enclave_now(c->clock), err)
                      : st;
    mse_build_clear(&json);
    st = st == MSE_OK ? judge(s, fd, peers, err) : st;
    mse_peers_clear(peers);
    free(peers);
    return st;
}

static void *sit(void *arg)
{
    struct seat *s = arg;
    struct mse_error err = { .status = MSE_OK };
    mse_status st = meet(s, s->fd, &err);
    if (st != MSE_OK) {
        mse_log(MSE_LOG_WARN, WHO, "a replica was refused: %s: %s", mse_status_name(st), err.text);
    }
    (void)pthread_mutex_lock(&s->l->lock);
    (void)close(s->fd);
    s->fd = -1;
    s->state = SEAT_OVER;
    (void)pthread_mutex_unlock(&s->l->lock);
    return NULL;
}

/* ---- on the thread that takes connections ---- */

/* Seats that can be used again, and an end to those who take too long. NULL: none is free. */
static struct seat *look(struct mse_leader *l)
{
    struct seat *found = NULL;
    uint64_t now = now_ms();
    for (size_t i = 0; i < l->places + MSE_LEADER_SPARE; i++) {
        struct seat *s = &l->seats[i];
        (void)pthread_mutex_lock(&l->lock);
        bool over = s->state == SEAT_OVER;
        if (s->state == SEAT_ASKING && now - s->since_ms > l->c.limit_ms) {
            (void)shutdown(s->fd, SHUT_RDWR);
        }
        (void)pthread_mutex_unlock(&l->lock);
        if (over) {
            (void)pthread_join(s->thread, NULL);
            s->state = SEAT_FREE;
        }
        found = s->state == SEAT_FREE ? s : found;
    }
    return found;
}

/* He has the connection, or it is closed. */
static void seat_him(struct mse_leader *l, int fd)
{
    struct seat *s = look(l);
    (void)pthread_mutex_lock(&l->lock);
    bool good = s != NULL && !l->closed;
    if (good) {
        s->l = l;
        s->fd = fd;
        s->since_ms = now_ms();
        s->state = SEAT_ASKING;
        good = pthread_create(&s->thread, NULL, sit, s) == 0;
        s->state = good ? SEAT_ASKING : SEAT_FREE;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (!good) {
        (void)close(fd);
    }
}

static bool is_closed(struct mse_leader *l)
{
    (void)pthread_mutex_lock(&l->lock);
    bool closed = l->closed;
    (void)pthread_mutex_unlock(&l->lock);
    return closed;
}

static void *run(void *arg)
{
    struct mse_leader *l = arg;
    while (!is_closed(l)) {
        struct pollfd p[] = { { l->c.listen_fd, POLLIN, 0 }, { l->wake_fd, POLLIN, 0 } };
        int n = poll(p, 2, LOOK_MS);
        if (n > 0 && (p[0].revents & POLLIN) != 0) {
            int fd = accept4(l->c.listen_fd, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                seat_him(l, fd);
            } else {
                (void)poll(&p[1], 1, LOOK_MS); /* no descriptor is free, say */
            }
        } else if (n > 0 && (p[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
            (void)poll(&p[1], 1, -1); /* nobody can come any more */
        }
        (void)look(l);
    }
    return NULL;
}

/* ---- life ---- */

mse_status mse_leader_new(struct mse_leader **out, const struct mse_leader_config *c,
                          struct mse_error *err)
{
    uint32_t replicas = c->me.manifest->replicas;
    if (replicas < 2 || replicas > MSE_MANIFEST_MAX_REPLICAS) {
        return MSE_FAIL(err, MSE_ERR_REPLICA_POLICY, STEP, "the manifest allows %u instances",
                        replicas);
    }
    struct mse_leader *l = calloc(1, sizeof *l);
    if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    l->c = *c;
    l->places = replicas - 1;
    uint64_t now = now_ms();
    for (unsigned i = 0; c->had_life && i < l->places; i++) {
        hold_place(l, now);
    }
    l->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (l->wake_fd < 0 || pthread_create(&l->thread, NULL, run, l) != 0) {
        if (l->wake_fd >= 0) {
            (void)close(l->wake_fd);
        }
        (void)pthread_mutex_destroy(&l->lock);
        free(l);
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "no thread can wait for replicas");
    }
    *out = l;
    return MSE_OK;
}

void mse_leader_free(struct mse_leader *l)
{
    static const uint64_t one = 1;
    if (l == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&l->lock);
    l->closed = true;
    for (size_t i = 0; i < SEATS; i++) {
        if (l->seats[i].state == SEAT_ASKING || l->seats[i].state == SEAT_JOINED) {
            (void)shutdown(l->seats[i].fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    (void)!write(l->wake_fd, &one, sizeof one);
    (void)pthread_join(l->thread, NULL);
    for (size_t i = 0; i < SEATS; i++) {
        if (l->seats[i].state != SEAT_FREE) { /* nobody but this thread changes that now */
            (void)pthread_join(l->seats[i].thread, NULL);
        }
    }
    (void)close(l->wake_fd);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}
