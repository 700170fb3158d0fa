/* SPDX-License-Identifier: Apache-2.0 */
/* Waits, on a thread of its own, for the version of the app that may inherit the storage
 * (docs/protocol.md, "Upgrade"). Each connection begins with collateral, u32be length || a bundle
 * in JSON, in the open: who judges a platform today needs that of today, and believes its
 * signatures only. */
#ifndef ENCLAVE_HEIR_H
#define ENCLAVE_HEIR_H

#include <uv.h>

#include "enclave/clock.h"
#include "enclave/party.h"

#define MSE_HEIR_QUIET_MS 10000 /* a peer that is silent for so long is given up */
#define MSE_HEIR_LIMIT_MS 30000 /* and one that has not got so far that it may inherit */

/* All borrowed until mse_heir_end, the loop until mse_heir_close. */
struct mse_heir_config {
    uv_loop_t *loop;
    int listen_fd; /* a listening stream socket */
    struct mse_party me;
    unsigned limit_ms; /* for one connection, until it is known to be an heir's */
    const struct mse_enclave_clock *clock;
    /* On the loop's thread, once: there is an heir. The app is to be ended, and stored for the last
     * time; then comes mse_heir_end. */
    void (*wanted)(void *user);
    void *user;
};
struct mse_heir;
MSE_MUST_USE mse_status mse_heir_new(struct mse_heir **out, const struct mse_heir_config *c,
                                     struct mse_error *err);
/* On the loop's thread, as long as the loop is there: from now on nobody is an heir who has not
 * been one. Accepts NULL. */
void mse_heir_close(struct mse_heir *h);
/* After that and the loop's end, while the driver can still be held. stored: MSE_OK, and an heir
 * who waits gets what opens the last snapshot; true if he got it. Accepts NULL. */
bool mse_heir_end(struct mse_heir *h, mse_status stored);

#endif
