/* SPDX-License-Identifier: Apache-2.0 */
/* Phase 1: a configuration is taken, installed, and the app starts with it. */
#include "base/bytes.h"
#include "enclave/inherit.h"
#include "enclave/serve_inner.h"

static mse_status check_package(void *arg, const uint8_t *key)
{
    const struct serve *s = arg;
    const struct mse_code_package p = { .fd = s->cfg->package_fd,
                                        .key = key,
                                        .manifest_digest = s->cfg->manifest_digest };
    return mse_code_check_key(&p, s->cfg->manifest, NULL);
}

static mse_status inherit(struct serve *s, struct mse_error *err)
{
    const struct mse_serve_config *c = s->cfg;
    if (c->offer == NULL || c->offer->fd < 0) {
        return MSE_OK;
    }
    const struct mse_inheritor to = {
        .me = { c->durable, c->manifest, c->identity },
        .named = s->config.has_upgrade_from ? s->config.upgrade_from : NULL,
        .by_owner = s->config.by_owner,
        .signature = mse_bytes_of(s->config.upgrade_signature, s->config.upgrade_signature_len),
        .dir = c->app->data,
        .owner = mse_app_user(c->app),
        .now = mse_enclave_now(c->clock)
    };
    s->no_way_back = true;
    return mse_inherit(c->offer, &to, err);
}

/* On a thread of the pool: everything is there already, and the loop does not touch it. */
static void install(uv_work_t *work)
{
    struct serve *s = work->data;
    const struct mse_serve_config *c = s->cfg;
    const struct mse_code_package p = { .fd = c->package_fd,
                                        .key = s->config.has_code_key ? s->config.code_key : NULL,
                                        .manifest_digest = c->manifest_digest,
                                        .in_place = c->app->library_os };
    const struct mse_app_secrets secrets = { .secrets = mse_build_view(&s->config.secrets),
                                             .sealed = mse_build_view(&s->config.sealed),
                                             .x25519_secret = c->identity->x25519_secret,
                                             .x25519_public = c->identity->x25519_public };
    s->installed = mse_code_install(c->app->code, &p, c->manifest, &s->install_err);
    if (s->installed == MSE_OK) {
        s->installed = inherit(s, &s->install_err);
    }
    if (s->installed == MSE_OK) { /* before anything is sealed: a key that does not load is none */
        s->installed = mse_owner_tls_take(&s->owner, &s->config, &s->install_err);
    }
    if (s->installed == MSE_OK) {
        s->installed = mse_durable_commit(c->durable, c->identity, &s->config,
                                          mse_enclave_now(c->clock), &s->install_err);
    }
    if (s->installed == MSE_OK) {
        s->installed = mse_app_put_secrets(c->app, &secrets, &s->install_err);
    }
}

static void install_ended(uv_work_t *work, int cancelled)
{
    struct serve *s = work->data;
    mse_config_clear(&s->config);
    if (s->state != STATE_INSTALLING || cancelled != 0) {
        return; /* stopped meanwhile */
    }
    if (s->installed != MSE_OK) {
        /* Its text may hold names out of an encrypted package: the host reads a code only. */
        mse_log(MSE_LOG_WARN, SERVE_WHO, "the configuration is void: %s",
                mse_status_name(s->installed));
        if (s->no_way_back) {
            s->result = MSE_FAIL(s->err, s->installed, "upgrade",
                                 "nothing was inherited: %s; if the other instance has ended, "
                                 "restart it, then restart this one and configure it anew",
                                 mse_status_text(s->installed));
            serve_stop_app(s);
            return;
        }
        serve_enter(s, STATE_CONFIGURING, 0);
        mse_config_server_set(s->configs, MSE_CONFIG_WAITING, mse_status_name(s->installed));
        return;
    }
    mse_log(MSE_LOG_INFO, SERVE_WHO, "configured");
    mse_status st = serve_start_app(s);
    if (st != MSE_OK) {
        s->result = st;
        serve_stop_app(s);
    }
}

static void accepted(void *user, struct mse_config *c)
{
    struct serve *s = user;
    s->config = *c;
    s->install.data = s;
    s->install_err = (struct mse_error) { .status = MSE_OK };
    serve_enter(s, STATE_INSTALLING, 0);
    if (uv_queue_work(&s->loop, &s->install, install, install_ended) != 0) {
        s->installed = MSE_FAIL(&s->install_err, MSE_ERR_MEMORY, "config", "out of memory");
        install_ended(&s->install, 0);
    }
}

static mse_time now(void *arg)
{
    const struct serve *s = arg;
    return mse_enclave_now(s->cfg->clock);
}

/* The owner's certificate and key, if phase 1 brought them in an earlier life. */
static mse_status restore_owner(struct serve *s)
{
    struct mse_config c = { .has_code_key = false };
    struct mse_durable *d = s->cfg->durable;
    mse_build_heap(&c.ssl_key, d->state.ssl_key.len);
    mse_build_heap(&c.ssl_chain, d->state.ssl_chain.len);
    mse_wr_bytes(&c.ssl_key, d->state.ssl_key);
    mse_wr_bytes(&c.ssl_chain, d->state.ssl_chain);
    mse_status st = mse_owner_tls_take(&s->owner, &c, s->err);
    mse_config_clear(&c);
    mse_durable_forget(d);
    return st;
}

static bool is_restored(const struct mse_serve_config *c)
{
    return c->durable != NULL &&
           (c->durable->found == MSE_DURABLE_RESTORED || c->durable->found == MSE_DURABLE_JOINED);
}

mse_status serve_start_configs(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    if (asprintf(&s->configs_path, "%s/http", c->app->config) < 0) {
        s->configs_path = NULL;
        return MSE_FAIL(s->err, MSE_ERR_MEMORY, "config", "out of memory");
    }
    const struct mse_config_server_config cc = {
        .loop = &s->loop,
        .path = s->configs_path,
        .rules = { .manifest = c->manifest,
                   .x25519_secret = c->identity->x25519_secret,
                   .x25519_public = c->identity->x25519_public,
                   .now = now,
                   .check_package = check_package,
                   .arg = s,
                   .offered = c->offer != NULL && c->offer->fd >= 0,
                   .signed_for = c->offer != NULL && c->offer->signature_len > 0 },
        .accepted = accepted,
        .user = s,
    };
    mse_status st = mse_config_server_new(&s->configs, &cc, s->err);
    st = st == MSE_OK ? serve_start_relay(s) : st;
    if (st != MSE_OK) {
        return st;
    }
    if (is_restored(c)) {
        mse_config_server_set(s->configs, MSE_CONFIG_STARTING, NULL);
        mse_log(MSE_LOG_INFO, SERVE_WHO, "configured before");
        st = restore_owner(s);
        return st == MSE_OK ? serve_start_app(s) : st;
    }
    const char *lost = c->durable != NULL && c->durable->found == MSE_DURABLE_LOST
                           ? mse_status_name(c->durable->lost)
                           : NULL;
    serve_enter(s, STATE_CONFIGURING, 0);
    mse_config_server_set(s->configs, MSE_CONFIG_WAITING, lost);
    mse_log(MSE_LOG_INFO, SERVE_WHO, "waiting for its configuration");
    serve_tell(s, MSE_TEE_EVENT_WAITING, lost == NULL ? "" : lost);
    return MSE_OK;
}
