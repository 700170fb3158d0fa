/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_tee.h. */
#include "unit/enclave/fake_tee.h"

#include "base/build.h"

static mse_status fake_quote(struct mse_tee *t, struct mse_build *out,
                             const uint8_t report_data[64], struct mse_error *err)
{
    (void)err;
    (void)pthread_mutex_lock(&t->hold);
    (void)pthread_mutex_unlock(&t->hold);
    (void)atomic_fetch_add(&t->quotes, 1);
    if (atomic_load(&t->fails)) {
        return MSE_ERR_PROTOCOL;
    }
    lab_quote(t->lab, report_data);
    mse_wr_bytes(out, mse_build_view(&t->lab->quote));
    return MSE_OK;
}

void fake_tee_hold(struct mse_tee *t)
{
    (void)pthread_mutex_lock(&t->hold);
    t->held = true;
}

void fake_tee_release(struct mse_tee *t)
{
    if (t->held) {
        t->held = false;
        (void)pthread_mutex_unlock(&t->hold);
    }
}

const struct mse_tee_ops fake_tee_ops = { .name = "fake", .quote = fake_quote };
