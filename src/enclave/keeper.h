/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the app's storage up to date while it runs: looks at its files again and again, on a thread
 * of the loop's pool, and has a snapshot taken when they have changed. */
#ifndef ENCLAVE_KEEPER_H
#define ENCLAVE_KEEPER_H

#include <uv.h>

#include "enclave/app.h"
#include "enclave/clock.h"
#include "enclave/store.h"

#define MSE_KEEPER_EVERY_MS 1000 /* at the most often */
#define MSE_KEEPER_SHARE    20   /* looking and storing take at most this part of the time */

struct mse_keeper;
/* All borrowed. The app has just been started. *out is set on failure too, unless there was no
 * memory; to be freed. */
struct mse_keeper_config {
    uv_loop_t *loop;
    struct mse_store *store;
    const struct mse_app *app;
    const struct mse_enclave_clock *clock;
};
MSE_MUST_USE mse_status mse_keeper_new(struct mse_keeper **out, const struct mse_keeper_config *c,
                                       struct mse_error *err);
/* What has changed is stored now, if it can be; from any thread. */
void mse_keeper_store(struct mse_keeper *k);
/* Looks no more. Accepts NULL, like the other. */
void mse_keeper_stop(struct mse_keeper *k);
/* After the loop has run to its end: stores what the app has left, and says whether that could be
 * done. MSE_ERR_STORAGE_MISSING: NULL. */
mse_status mse_keeper_finish(struct mse_keeper *k);

#endif
