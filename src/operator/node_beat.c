/* SPDX-License-Identifier: Apache-2.0 */
/* The node's lease. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "operator/node.h"

#define LAST_WORD_SECONDS 5 /* at the end of the node */
#define BEAT_MS           1000
#define BEAT_SECONDS      10U /* for a statement: a silent connection is not to cost the lease */

struct node_beater {
    struct mse_op_store *s;
    char name[MSE_OP_NAME_LEN];
    _Atomic uint64_t epoch;
    atomic_bool lost;
    int stop_fd;
    pthread_t thread;
};

static void *beat(void *arg)
{
    struct node_beater *b = arg;
    struct pollfd p = { .fd = b->stop_fd, .events = POLLIN };
    bool complained = false;
    while (poll(&p, 1, BEAT_MS) <= 0) {
        struct mse_error err = { 0 };
        if (atomic_load(&b->lost)) {
            continue; /* until there is a new epoch */
        }
        uint64_t epoch = atomic_load(&b->epoch);
        mse_status st = mse_op_node_beat(b->s, b->name, epoch, MSE_OP_LEASE_MS, &err);
        if (st == MSE_ERR_LEASE_LOST && epoch == atomic_load(&b->epoch)) {
            atomic_store(&b->lost, true);
        }
        if (st != MSE_OK && !complained) {
            node_complain("beat", &err);
        }
        complained = st != MSE_OK;
    }
    return NULL;
}

mse_status node_beater_start(struct node_beater **out, const char *where,
                             const struct mse_op_node *self, struct mse_error *err)
{
    struct node_beater *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory");
    }
    (void)snprintf(b->name, sizeof b->name, "%s", self->name);
    atomic_store(&b->epoch, self->epoch);
    b->stop_fd = eventfd(0, EFD_CLOEXEC);
    mse_status st = mse_op_store_open(&b->s, where, false, err);
    st = st == MSE_OK ? mse_op_store_patience(b->s, BEAT_SECONDS, err) : st;
    if (st == MSE_OK && (b->stop_fd < 0 || pthread_create(&b->thread, NULL, beat, b) != 0)) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "no thread: %s", strerror(errno));
    }
    if (st == MSE_OK) {
        *out = b;
        return MSE_OK;
    }
    if (b->stop_fd >= 0) {
        (void)close(b->stop_fd);
    }
    mse_op_store_close(b->s);
    free(b);
    return st;
}

bool node_beater_lost(struct node_beater *b)
{
    return atomic_load(&b->lost);
}

void node_beater_epoch(struct node_beater *b, uint64_t epoch)
{
    atomic_store(&b->epoch, epoch);
    atomic_store(&b->lost, false);
}

bool node_thread_ends(pthread_t thread)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += LAST_WORD_SECONDS;
    return pthread_timedjoin_np(thread, NULL, &t) == 0;
}

bool node_beater_stop(struct node_beater *b)
{
    uint64_t one = 1;
    if (b == NULL) {
        return true;
    }
    if (write(b->stop_fd, &one, sizeof one) != (ssize_t)sizeof one ||
        !node_thread_ends(b->thread)) {
        return false;
    }
    (void)close(b->stop_fd);
    mse_op_store_close(b->s);
    free(b);
    return true;
}
