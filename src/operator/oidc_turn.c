/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/oidc_turn.h"

#include "base/error.h"

static const char step[] = "issuer";

bool mse_oidc_turn_fresh(const struct mse_oidc_turn *t, int64_t now_ms)
{
    return t->there && now_ms - t->have_ms < MSE_OIDC_KEYS_MS;
}

mse_status mse_oidc_turn_begin(struct mse_oidc_turn *t, int64_t now_ms, const char *busy,
                               const char *lately, struct mse_error *err)
{
    if (t->asking) {
        return MSE_FAIL(err, MSE_ERR_BUSY, step, "%s", busy);
    }
    if (t->asked && now_ms - t->ask_ms < MSE_OIDC_RETRY_MS) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, step, "%s", lately);
    }
    t->asking = true;
    t->asked = true;
    t->ask_ms = now_ms;
    return MSE_OK;
}

void mse_oidc_turn_end(struct mse_oidc_turn *t, bool good)
{
    t->asking = false;
    if (good) {
        t->there = true;
        t->have_ms = t->ask_ms;
    }
}
