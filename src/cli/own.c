/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/own.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

void cli_collateral_clear(struct cli_collateral *k)
{
    struct cli_collateral empty = { 0 };
    cli_file_clear(&k->file);
    free(k->scratch);
    free(k->source);
    *k = empty;
}

mse_status cli_bundle_load(struct mse_bundle *out, uint8_t **scratch, struct mse_bytes json,
                           struct mse_error *err)
{
    uint8_t *room = malloc(2 * json.len + 1);
    if (room == NULL) {
        return MSE_ERR_MEMORY;
    }
    mse_status st = mse_bundle_parse(out, room, 2 * json.len, json, err);
    if (st != MSE_OK) {
        free(room);
        return st;
    }
    *scratch = room;
    return MSE_OK;
}

char *cli_own_cache(void)
{
    char *path = NULL;
    int n = -1;
    if (cli_environment("XDG_CACHE_HOME") != NULL) {
        n = asprintf(&path, "%s/mse/collateral", cli_environment("XDG_CACHE_HOME"));
    } else if (cli_environment("HOME") != NULL) {
        n = asprintf(&path, "%s/.cache/mse/collateral", cli_environment("HOME"));
    }
    return n < 0 ? NULL : path;
}

static enum cli_exit add_upstream(struct cli_own *o, enum mse_upstream_kind kind, const char *url,
                                  const char *what)
{
    struct mse_fetch_config *f = &o->store.config;
    struct mse_error err = { 0 };
    if (f->num_upstreams >= MSE_FETCH_MAX_UPSTREAMS) {
        return cli_trouble(o->c, "more than %d services", MSE_FETCH_MAX_UPSTREAMS);
    }
    if (mse_upstream_parse(&f->upstreams[f->num_upstreams], kind, url, &err) != MSE_OK) {
        (void)cli_trouble(o->c, "%s: %s", what, err.text);
        cli_hint(o->c, "for instance https://pccs.example.org:8081");
        return CLI_TROUBLE;
    }
    f->num_upstreams++;
    return CLI_DONE;
}

/* The option, as often as it was given; else the environment; else the vendor's own. */
static enum cli_exit add_upstreams(struct cli_own *o, enum mse_upstream_kind kind,
                                   const char *option, const char *variable, const char *vendor)
{
    size_t num = cli_num_values(o->c, option);
    char what[32];
    (void)snprintf(what, sizeof what, "--%s", option);
    enum cli_exit e = CLI_DONE;
    for (size_t i = 0; e == CLI_DONE && i < num; i++) {
        e = add_upstream(o, kind, cli_value_at(o->c, option, i), what);
    }
    if (num > 0) {
        return e;
    }
    const char *url = cli_environment(variable);
    return add_upstream(o, kind, url != NULL ? url : vendor, variable);
}

enum cli_exit cli_own_init(struct cli_own *o, const struct cli *c, const struct mse_policy *policy,
                           mse_time at)
{
    struct cli_own fresh = { .c = c };
    struct mse_fetch_config *f = &o->store.config;
    *o = fresh;
    mse_fetch_config_default(f);
    f->policy = policy;
    f->at = at;
    f->ca_file = cli_value(c, "pccs-ca");
    f->proxy = cli_value(c, "proxy");
    f->progress = cli_progress_step;
    f->user = &o->progress;
    o->offline = cli_has(c, "offline");
    o->named_pccs = cli_has(c, "pccs") || cli_environment("MSE_PCCS_URL") != NULL;
    o->dir = cli_has(c, "cache") ? strdup(cli_value(c, "cache")) : cli_own_cache();
    if (f->ca_file != NULL && !cli_file_exists(f->ca_file)) {
        return cli_trouble(c, "--pccs-ca %s: no such file", f->ca_file);
    }
    enum cli_exit e = add_upstreams(o, MSE_UPSTREAM_PCCS, "pccs", "MSE_PCCS_URL", MSE_PCS_URL);
    return e == CLI_DONE ? add_upstreams(o, MSE_UPSTREAM_KDS, "kds", "MSE_KDS_URL", MSE_KDS_URL)
                         : e;
}

void cli_own_clear(struct cli_own *o)
{
    mse_store_clear(&o->store);
    mse_cache_close(o->cache);
    free(o->dir);
    o->cache = NULL;
    o->dir = NULL;
}

/* make: also where there is none yet. Without a cache everything goes on, but slower. */
static void open_cache(struct cli_own *o, bool make)
{
    struct mse_error err = { 0 };
    if (o->cache != NULL || o->dir == NULL) {
        return;
    }
    mse_status st = mse_cache_open(&o->cache, o->dir, make, &err);
    if (st != MSE_OK && st != MSE_ERR_NOT_FOUND) {
        cli_hint(o->c, "no cache: %s", err.text);
    }
    o->store.cache = o->cache;
}

static bool is_simulated_root(const struct mse_policy *p)
{
    return p->allow_simulation && !mse_mem_is_zero(p->simulation_root, sizeof p->simulation_root);
}

mse_status cli_own_need(struct mse_need *out, struct cli_own *o, struct mse_bytes evidence,
                        struct mse_error *err)
{
    struct mse_fetch_config *f = &o->store.config;
    f->root_point = NULL;
    o->store.offline = o->offline;
    mse_status st = mse_need_of(out, evidence, f, err);
    if (st != MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED || !is_simulated_root(f->policy)) {
        return st;
    }
    struct mse_error again = { 0 };
    f->root_point = f->policy->simulation_root;
    /* Intel knows nothing of simulated platforms. */
    o->store.offline = o->offline || !o->named_pccs;
    return mse_need_of(out, evidence, f, &again);
}

/* Where the set came from, in words. */
static char *source_text(const struct cli_own *o)
{
    const struct mse_store *s = &o->store;
    char when[MSE_TIME_TEXT_LEN];
    char *text = NULL;
    int n = -1;
    mse_time_format(when, s->oldest);
    if (s->num_fetched == 0) {
        n = asprintf(&text, "cache (%s), fetched since %s", o->dir, when);
    } else if (s->num_cached == 0) {
        n = asprintf(&text, "fetched from %s", s->upstream);
    } else {
        n = asprintf(&text, "fetched from %s, partly from the cache", s->upstream);
    }
    return n < 0 ? NULL : text;
}

static mse_status load_set(struct cli_collateral *out, struct cli_own *o, struct mse_set *set,
                           struct mse_error *err)
{
    struct cli_collateral k = { 0 };
    struct mse_build text;
    mse_build_heap(&text, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_set_write(&text, set, (mse_time)time(NULL), err);
    if (st == MSE_OK) {
        k.file.data = malloc(text.len);
        st = k.file.data == NULL ? MSE_ERR_MEMORY : MSE_OK;
    }
    if (st == MSE_OK) {
        memcpy(k.file.data, text.data, text.len);
        k.file.len = text.len;
        k.source = source_text(o);
        st = cli_bundle_load(&k.bundle, &k.scratch, cli_file_view(&k.file), err);
    }
    mse_build_clear(&text);
    if (st != MSE_OK) {
        cli_collateral_clear(&k);
        return st;
    }
    *out = k;
    return MSE_OK;
}

mse_status cli_own_get(struct cli_collateral *out, struct cli_own *o, struct mse_need *need,
                       struct mse_error *err)
{
    struct mse_error none = { 0 };
    struct mse_set set;
    open_cache(o, !o->store.offline);
    o->store.num_fetched = 0;
    o->store.num_cached = 0;
    o->store.num_kept = 0;
    o->store.warning = none;
    mse_set_init(&set);
    cli_progress_begin(&o->progress, o->c, "Fetching collateral");
    mse_status st = mse_set_gather(&set, &o->store, need, err);
    cli_progress_end(&o->progress);
    st = st == MSE_OK ? load_set(out, o, &set, err) : st;
    mse_set_clear(&set);
    if (st == MSE_OK && o->store.warning.status != MSE_OK) {
        cli_hint(o->c, "%s%s", o->store.warning.text,
                 o->store.num_kept > 0 ? "; what the cache has is used, as it is still valid" : "");
    }
    return st;
}

bool cli_own_collateral(struct cli_collateral *out, struct cli_own *o, struct mse_bytes evidence,
                        struct mse_error *why)
{
    struct mse_need need;
    struct mse_error quiet = { 0 };
    /* What cannot be read, or ends in no trusted root, the appraisal refuses in its own words. */
    return cli_own_need(&need, o, evidence, &quiet) == MSE_OK &&
           cli_own_get(out, o, &need, why) == MSE_OK;
}

mse_status cli_own_numbers(struct mse_tcb_eval_numbers *out, struct cli_own *o,
                           enum mse_tee_kind tee, struct mse_error *err)
{
    const struct mse_fetch_key key = { .kind = MSE_FETCH_EVAL_NUMBERS, .tee = tee };
    struct mse_fetched got;
    struct mse_bytes body = { 0 };
    uint8_t sig[64]; /* verified when it was fetched */
    open_cache(o, !o->store.offline);
    mse_fetched_init(&got);
    mse_status st = mse_store_get(&got, &o->store, &key, err);
    st = st == MSE_OK ? mse_signed_json_split(&body, sig, mse_build_view(&got.body),
                                              "tcbEvaluationDataNumbers", err)
                      : st;
    st = st == MSE_OK ? mse_tcb_eval_numbers_parse(out, body, err) : st;
    mse_fetched_clear(&got);
    return st;
}

bool cli_own_floor(uint32_t *number, struct cli_own *o, enum mse_tee_kind tee, bool simulated)
{
    struct mse_fetch_config f = o->store.config;
    struct mse_cache_root root;
    mse_time since = 0;
    open_cache(o, false);
    f.root_point = simulated ? f.policy->simulation_root : NULL;
    return o->cache != NULL && (tee == MSE_TEE_SGX || tee == MSE_TEE_TDX) &&
           mse_cache_root_of(&root, &f, false) == MSE_OK &&
           mse_cache_floor(number, &since, o->cache, &root, tee) && since <= f.at;
}
