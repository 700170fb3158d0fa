/* SPDX-License-Identifier: Apache-2.0 */
/* See lease.h. */
#include "enclave/lease.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define STEP    "replica"
#define ALIVE   0
#define GOODBYE 1
#define LAST_MS 2000U

struct mse_lease {
    struct mse_mutual *m;
    int fd;
    int wake_fd;
    struct mse_lease_times t;
    pthread_t thread;
    atomic_bool lost;
};

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000U + (uint64_t)t.tv_nsec / 1000000U;
}

/* Waits until something came, or until then. */
static bool is_awake(struct pollfd p[2], uint64_t now, uint64_t until)
{
    int ms = until > now ? (int)(until - now) : 0;
    p[0].revents = 0;
    p[1].revents = 0;
    return poll(p, 2, ms) > 0;
}

enum mse_lease_end mse_lease_keep(struct mse_mutual *m, int fd, int wake_fd,
                                  const struct mse_lease_times *t)
{
    static const uint8_t alive = ALIVE;
    struct pollfd p[2] = { { fd, POLLIN, 0 }, { wake_fd, POLLIN, 0 } };
    uint64_t heard = now_ms();
    uint64_t next = heard;
    uint64_t now = heard;
    while (now - heard < t->quiet_ms) {
        uint8_t byte = GOODBYE;
        if (now >= next) {
            if (mse_mutual_write(m, &alive, 1, NULL) != MSE_OK) {
                return MSE_LEASE_LOST;
            }
            next = now + t->beat_ms;
        }
        uint64_t silent = heard + t->quiet_ms;
        bool awake = is_awake(p, now, next < silent ? next : silent);
        now = now_ms();
        if (!awake) {
            continue;
        }
        if (p[1].revents != 0) {
            return MSE_LEASE_STOPPED;
        }
        if (mse_mutual_read(m, &byte, 1, NULL) != MSE_OK) {
            return MSE_LEASE_LOST;
        }
        if (byte != ALIVE) {
            return byte == GOODBYE ? MSE_LEASE_GOODBYE : MSE_LEASE_LOST;
        }
        now = now_ms();
        heard = now;
    }
    return MSE_LEASE_LOST;
}

static void *run(void *arg)
{
    struct mse_lease *l = arg;
    if (mse_lease_keep(l->m, l->fd, l->wake_fd, &l->t) != MSE_LEASE_STOPPED) {
        atomic_store(&l->lost, true);
    }
    return NULL;
}

static void release(struct mse_lease *l)
{
    mse_mutual_free(l->m);
    (void)close(l->fd);
    if (l->wake_fd >= 0) {
        (void)close(l->wake_fd);
    }
    free(l);
}

mse_status mse_lease_new(struct mse_lease **out, struct mse_mutual *m, int fd,
                         const struct mse_lease_times *t, struct mse_error *err)
{
    struct mse_lease *l = calloc(1, sizeof *l);
    if (l == NULL) {
        mse_mutual_free(m);
        (void)close(fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    l->m = m;
    l->fd = fd;
    l->t = *t;
    l->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (l->wake_fd < 0 || pthread_create(&l->thread, NULL, run, l) != 0) {
        release(l);
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "no thread for the leader");
    }
    *out = l;
    return MSE_OK;
}

bool mse_lease_is_lost(struct mse_lease *l)
{
    return atomic_load(&l->lost);
}

/* Who closes at once may take the last byte away again: the leader ends first, having read it. */
static void say_goodbye(struct mse_lease *l)
{
    static const uint8_t goodbye = GOODBYE;
    uint8_t byte = ALIVE;
    struct pollfd p = { l->fd, POLLIN, 0 };
    uint64_t until = now_ms() + LAST_MS;
    bool open = mse_mutual_write(l->m, &goodbye, 1, NULL) == MSE_OK;
    for (uint64_t now = now_ms(); open && now < until; now = now_ms()) {
        open =
            poll(&p, 1, (int)(until - now)) > 0 && mse_mutual_read(l->m, &byte, 1, NULL) == MSE_OK;
    }
}

void mse_lease_free(struct mse_lease *l)
{
    static const uint64_t one = 1;
    if (l == NULL) {
        return;
    }
    (void)!write(l->wake_fd, &one, sizeof one);
    (void)pthread_join(l->thread, NULL);
    if (!mse_lease_is_lost(l)) {
        say_goodbye(l);
    }
    release(l);
}
