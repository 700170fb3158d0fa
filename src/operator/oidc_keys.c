/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/oidc_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

static const char step[] = "issuer";

struct mse_oidc_keys {
    mse_oidc_fetch_fn *fetch;
    void *user;
    pthread_mutex_t lock; /* of all below; never held while the issuer is asked */
    struct mse_build set;
    struct mse_oidc_turn turn;
};

struct mse_oidc_keys *mse_oidc_keys_new(mse_oidc_fetch_fn *fetch, void *user)
{
    struct mse_oidc_keys *k = calloc(1, sizeof *k);
    if (k == NULL || pthread_mutex_init(&k->lock, NULL) != 0) {
        free(k);
        return NULL;
    }
    k->fetch = fetch;
    k->user = user;
    mse_build_heap(&k->set, MSE_OIDC_MAX_KEYS);
    return k;
}

void mse_oidc_keys_free(struct mse_oidc_keys *k)
{
    if (k != NULL) {
        mse_build_clear(&k->set);
        (void)pthread_mutex_destroy(&k->lock);
        free(k);
    }
}

static mse_status ask(struct mse_oidc_keys *k, struct mse_error *err)
{
    struct mse_build fresh;
    struct mse_error why = { 0 };
    mse_build_heap(&fresh, MSE_OIDC_MAX_KEYS);
    mse_status st = k->fetch(k->user, &fresh, &why);
    if (st == MSE_OK && (!mse_build_ok(&fresh) || !mse_oidc_is_key_set(mse_build_view(&fresh)))) {
        st = MSE_FAIL(&why, MSE_ERR_MALFORMED, step, "wanted a JWKS of at most %d keys",
                      MSE_OIDC_NUM_KEYS);
    }
    (void)pthread_mutex_lock(&k->lock);
    mse_oidc_turn_end(&k->turn, st == MSE_OK);
    if (st == MSE_OK) {
        struct mse_build old = k->set;
        k->set = fresh;
        fresh = old;
    }
    (void)pthread_mutex_unlock(&k->lock);
    mse_build_clear(&fresh);
    return st == MSE_OK ? MSE_OK
                        : MSE_FAIL(err, MSE_ERR_UNSUPPORTED, step, "its keys: %.300s",
                                   why.text[0] != '\0' ? why.text : mse_status_text(st));
}

/* Appends keys that are fresh; anew: what is there lacks one, and is old enough to ask again. */
static mse_status get(struct mse_oidc_keys *k, struct mse_build *out, bool anew, int64_t now_ms,
                      struct mse_error *err)
{
    mse_status st = MSE_OK;
    (void)pthread_mutex_lock(&k->lock);
    bool wanted = anew || !mse_oidc_turn_fresh(&k->turn, now_ms);
    if (wanted) {
        st = mse_oidc_turn_begin(&k->turn, now_ms, "its keys are being fetched: try again",
                                 "it could not be asked for its keys a moment ago", err);
    }
    (void)pthread_mutex_unlock(&k->lock);
    if (st == MSE_OK && wanted) {
        st = ask(k, err);
    }
    if (st == MSE_OK) {
        (void)pthread_mutex_lock(&k->lock);
        mse_wr_bytes(out, mse_build_view(&k->set));
        (void)pthread_mutex_unlock(&k->lock);
        st = mse_build_ok(out) ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, step, "out of memory");
    }
    return st;
}

static bool may_ask_again(struct mse_oidc_keys *k, int64_t now_ms)
{
    (void)pthread_mutex_lock(&k->lock);
    bool may = !k->turn.asking && now_ms - k->turn.ask_ms >= MSE_OIDC_AGAIN_MS;
    (void)pthread_mutex_unlock(&k->lock);
    return may;
}

mse_status mse_oidc_keys_verify(struct mse_oidc_keys *k, struct mse_oidc_claims *out,
                                struct mse_bytes token, const struct mse_oidc_want *want,
                                int64_t now_ms, struct mse_error *err)
{
    struct mse_build keys;
    struct mse_error why = { 0 };
    mse_build_heap(&keys, MSE_OIDC_MAX_KEYS);
    mse_status st = get(k, &keys, false, now_ms, err);
    if (st != MSE_OK) {
        mse_build_clear(&keys);
        return st;
    }
    st = mse_oidc_verify(out, token, mse_build_view(&keys), want, &why);
    /* The issuer may have a new key. */
    if (st == MSE_ERR_TOKEN_KEY && may_ask_again(k, now_ms)) {
        mse_build_reset(&keys);
        mse_status again = get(k, &keys, true, now_ms, err);
        if (again != MSE_OK) {
            mse_build_clear(&keys);
            return again;
        }
        struct mse_error second = { 0 };
        st = mse_oidc_verify(out, token, mse_build_view(&keys), want, &second);
        why = second;
    }
    mse_build_clear(&keys);
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, why.step, "%s", why.text);
}
