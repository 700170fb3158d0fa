/* SPDX-License-Identifier: Apache-2.0 */
/* While an instance that has joined lives, its session with the leader stays open: each end sends a
 * byte now and then. Who hears nothing any more, or sees the session end, counts it as over: the
 * joined one stops serving, and the leader waits until that must have happened before it lets
 * another one in its place. */
#ifndef ENCLAVE_LEASE_H
#define ENCLAVE_LEASE_H

#include <pthread.h>

#include "ratls/mutual.h"

struct mse_lease_times {
    unsigned beat_ms;
    unsigned quiet_ms; /* silence that ends it; also that of one read or write */
    unsigned hold_ms;  /* the leader's: more than the other end needs to notice, and to stop */
};
/* A peer notices at the latest when a write that could not go out, and then the silence, are over,
 * and stops within ten seconds. */
#define MSE_LEASE_TIMES                                                                            \
    {                                                                                              \
        .beat_ms = 1000, .quiet_ms = 15000, .hold_ms = 45000                                       \
    }

enum mse_lease_end {
    MSE_LEASE_LOST,    /* the peer may still be there */
    MSE_LEASE_GOODBYE, /* it has stopped serving, and said so */
    MSE_LEASE_STOPPED, /* wake_fd became readable */
};
/* Blocks until it is over. fd is that of m; wake_fd may be -1. */
enum mse_lease_end mse_lease_keep(struct mse_mutual *m, int fd, int wake_fd,
                                  const struct mse_lease_times *t);

/* The joined one's end, on a thread of its own. */
struct mse_lease;
/* Takes over m and fd, also on failure. */
MSE_MUST_USE mse_status mse_lease_new(struct mse_lease **out, struct mse_mutual *m, int fd,
                                      const struct mse_lease_times *t, struct mse_error *err);
bool mse_lease_is_lost(struct mse_lease *l);
/* It serves no more: says so to the leader, and releases everything. Accepts NULL. */
void mse_lease_free(struct mse_lease *l);

#endif
