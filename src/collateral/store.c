/* SPDX-License-Identifier: Apache-2.0 */
#include "collateral/store.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

void mse_store_clear(struct mse_store *s)
{
    mse_fetcher_free(s->fetcher);
    s->fetcher = NULL;
    s->upstream = NULL;
}

static bool is_amd(const struct mse_fetch_key *key)
{
    return key->kind == MSE_FETCH_VCEK || key->kind == MSE_FETCH_AMD_CHAIN ||
           key->kind == MSE_FETCH_AMD_CRL;
}

static bool never_changes(const struct mse_fetch_key *key)
{
    return key->kind == MSE_FETCH_VCEK || key->kind == MSE_FETCH_AMD_CHAIN ||
           key->kind == MSE_FETCH_PCK_CERT;
}

/* Something that did not stop us. The first one is the one to tell. */
static void warn(struct mse_store *s, const struct mse_error *why)
{
    if (s->warning.status == MSE_OK) {
        s->warning = *why;
    }
}

static mse_status fetch(struct mse_fetched *out, struct mse_store *s,
                        const struct mse_fetch_key *key, const struct mse_cache_root *root,
                        struct mse_error *err)
{
    struct mse_error why = { 0 };
    mse_status st = MSE_OK;
    if (s->fetcher == NULL) {
        st = mse_fetcher_new(&s->fetcher, &s->config, err);
    }
    st = st == MSE_OK ? mse_fetch(out, s->fetcher, key, err) : st;
    if (st != MSE_OK || s->cache == NULL) {
        return st;
    }
    st = mse_cache_put(s->cache, root, key, out, (mse_time)time(NULL), &why);
    if (st == MSE_ERR_TCB_EVALUATION_NUMBER) {
        return MSE_FAIL(err, st, "fetch", "%.80s: %s", out->upstream, why.text);
    }
    if (st != MSE_OK) {
        warn(s, &why);
    }
    return MSE_OK;
}

static mse_status use_cached(struct mse_fetched *out, struct mse_store *s,
                             struct mse_fetched *cached, mse_time fetched_at)
{
    s->oldest = s->num_cached == 0 || fetched_at < s->oldest ? fetched_at : s->oldest;
    s->num_cached++;
    mse_fetched_clear(out);
    *out = *cached;
    return MSE_OK;
}

static mse_status nothing_there(bool has, const struct mse_fetched *cached, struct mse_error *err)
{
    char until[MSE_TIME_TEXT_LEN];
    if (!has) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "cache",
                        "the cache does not have it, or not in one piece");
    }
    mse_time_format(until, cached->until);
    return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "cache", "what the cache has was valid until %s",
                    until);
}

mse_status mse_store_get(struct mse_fetched *out, struct mse_store *s,
                         const struct mse_fetch_key *key, struct mse_error *err)
{
    struct mse_cache_root root;
    struct mse_fetched cached;
    struct mse_error why = { 0 };
    mse_time fetched_at = 0;
    mse_time now = (mse_time)time(NULL);
    mse_status st = mse_cache_root_of(&root, &s->config, is_amd(key));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "cache", "no hash");
    }
    mse_fetched_init(&cached);
    bool has =
        s->cache != NULL && mse_cache_get(&cached, &fetched_at, s->cache, &root, key) == MSE_OK;
    bool valid = has && cached.from <= s->config.at && s->config.at <= cached.until;
    bool fresh = fetched_at <= now && now - fetched_at < MSE_STORE_FRESH && !s->refresh;
    if (valid && (fresh || never_changes(key) || s->offline)) {
        return use_cached(out, s, &cached, fetched_at);
    }
    if (s->offline) {
        st = nothing_there(has, &cached, &why);
        mse_fetched_clear(&cached);
        return MSE_FAIL(err, st, "cache", "%s: %s", mse_fetch_name(key->kind), why.text);
    }
    st = fetch(out, s, key, &root, &why);
    if (st == MSE_OK) {
        s->num_fetched++;
        s->upstream = out->upstream;
        mse_fetched_clear(&cached);
        return MSE_OK;
    }
    if (valid && !s->refresh) {
        warn(s, &why);
        s->num_kept++;
        return use_cached(out, s, &cached, fetched_at);
    }
    mse_fetched_clear(&cached);
    return MSE_FAIL(err, st, "fetch", "%s: %s", mse_fetch_name(key->kind), why.text);
}
