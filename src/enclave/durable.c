/* SPDX-License-Identifier: Apache-2.0 */
/* See durable.h. */
#include "enclave/durable.h"

#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/library_os.h"
#include "os/dir_file.h"

#define WHO        "enclave"
#define STATE_NAME "sealed"
#define OLD_NAME   "sealed.old"
#define MAX_PEM    ((size_t)4096)

/* ---- the platform ---- */

void mse_durable_hold(const struct mse_durable *d)
{
    if (d->hold_tee != NULL) {
        d->hold_tee(d->tee_arg);
    }
}

void mse_durable_release(const struct mse_durable *d)
{
    if (d->hold_tee != NULL) {
        d->release_tee(d->tee_arg);
    }
}

mse_status mse_durable_quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                             const uint8_t report_data[64], struct mse_error *err)
{
    const struct mse_durable *d = arg;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_durable_hold(d);
    mse_status st = d->tee->ops->quote(d->tee->t, &b, report_data, err);
    mse_durable_release(d);
    if (st == MSE_OK) {
        *out_len = b.len;
    }
    return st;
}

static mse_status count(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    const struct mse_durable *d = arg;
    const struct mse_enclave_tee *tee = d->tee;
    if (tee->ops->counter == NULL) {
        return MSE_ERR_UNSUPPORTED;
    }
    mse_durable_hold(d);
    mse_status st = tee->ops->counter(tee->t, out, d->counter_id, advance, err);
    mse_durable_release(d);
    return st;
}

static struct mse_store_config store_config(struct mse_durable *d, struct mse_bytes root)
{
    struct mse_store_config c = { .state_fd = d->state_fd, .count = count, .arg = d };
    MSE_ASSERT(root.len == sizeof c.root);
    memcpy(c.root, root.data, sizeof c.root);
    return c;
}

/* ---- opening ---- */

/* What this file was sealed with, by what its head tells: only with the very key that comes out for
 * it does the head, which is authenticated, open. */
static mse_status root_of(const struct mse_durable *d, struct mse_seal_root *out, bool *aged,
                          struct mse_bytes file, struct mse_error *err)
{
    const uint8_t *version = mse_seal_state_version(file);
    *aged = version != NULL &&
            !(d->seal_root.has_version &&
              mse_mem_equal(version, d->seal_root.version, sizeof d->seal_root.version));
    if (!*aged) {
        *out = d->seal_root;
        return MSE_OK;
    }
    mse_durable_hold(d);
    mse_status st = mse_seal_root(out, d->tee, d->manifest_digest, version, err);
    mse_durable_release(d);
    return st;
}

/* *aged: it was sealed under other firmware than now. */
static mse_status read_state(const struct mse_durable *d, struct mse_build *plain,
                             struct mse_state *state, bool *aged, struct mse_error *err)
{
    struct mse_build file;
    struct mse_seal_root root;
    struct mse_error why = { 0 };
    mse_build_heap(&file, MSE_STATE_MAX_LEN + MSE_SEAL_STATE_EXTRA);
    mse_status st = mse_dir_file_read(&file, d->state_fd, STATE_NAME, NULL);
    if (st == MSE_OK) {
        st = root_of(d, &root, aged, mse_build_view(&file), &why);
    }
    if (st == MSE_OK) {
        st = mse_unseal_state(plain, &root, mse_build_view(&file));
    }
    if (st == MSE_OK) {
        st = mse_state_parse(state, mse_build_view(plain));
    }
    mse_wipe(&root, sizeof root);
    mse_build_clear(&file);
    if (st == MSE_ERR_MALFORMED || st == MSE_ERR_SIGNATURE || st == MSE_ERR_IO ||
        st == MSE_ERR_NO_SPACE) {
        st = MSE_ERR_STATE_DAMAGED;
    }
    return st == MSE_OK || st == MSE_ERR_NOT_FOUND
               ? st
               : MSE_FAIL(err, st, "sealed state", "%s",
                          why.text[0] != '\0' ? why.text : mse_status_text(st));
}

/* No state: there never was one, unless the platform has counted for it. */
static mse_status check_never(struct mse_durable *d, struct mse_error *err)
{
    uint64_t seen = 0;
    mse_status st = count(d, &seen, false, NULL);
    if (st == MSE_OK && seen > 0) {
        return MSE_FAIL(err, MSE_ERR_STATE_MISSING, "sealed state",
                        "it is gone: the platform has counted %llu of its changes",
                        (unsigned long long)seen);
    }
    return st == MSE_OK || st == MSE_ERR_UNSUPPORTED
               ? MSE_OK
               : MSE_FAIL(err, st, "sealed state", "the platform's counter cannot be read");
}

static bool is_lost(mse_status st)
{
    return st == MSE_ERR_STATE_MISSING || st == MSE_ERR_STATE_FOREIGN ||
           st == MSE_ERR_STATE_DAMAGED;
}

static mse_status put_state(const struct mse_durable *d, struct mse_bytes plain,
                            struct mse_error *err)
{
    struct mse_build file;
    mse_build_heap(&file, MSE_STATE_MAX_LEN + MSE_SEAL_STATE_EXTRA);
    mse_status st = mse_seal_state(&file, &d->seal_root, plain);
    if (st == MSE_OK) {
        st = mse_dir_file_replace(d->state_fd, STATE_NAME, mse_build_view(&file), err);
    }
    mse_build_clear(&file);
    return st;
}

/* From now on older firmware does not get at it. It opens as before where that fails. */
static void renew(const struct mse_durable *d)
{
    if (put_state(d, mse_build_view(&d->plain), NULL) == MSE_OK) {
        mse_log(MSE_LOG_INFO, WHO, "the state was of older firmware, and is sealed anew");
    } else {
        mse_log(MSE_LOG_WARN, WHO, "the state is of older firmware, and cannot be sealed anew");
    }
}

static mse_status open_storage(struct mse_durable *d, struct mse_error *err)
{
    if (d->tee->ops->library_os) {
        memcpy(d->home_root, d->state.storage_root.data, sizeof d->home_root);
        return MSE_OK;
    }
    struct mse_store_config c = store_config(d, d->state.storage_root);
    mse_status st = mse_store_open(&d->store, &c, err);
    mse_wipe(c.root, sizeof c.root);
    return st;
}

static mse_status look(struct mse_durable *d, struct mse_error *err)
{
    bool aged = false;
    mse_status st = read_state(d, &d->plain, &d->state, &aged, err);
    if (st == MSE_ERR_NOT_FOUND) {
        d->found = MSE_DURABLE_FRESH;
        return check_never(d, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    st = open_storage(d, err);
    d->found = MSE_DURABLE_RESTORED;
    if (st == MSE_OK && aged) {
        renew(d);
    }
    return st;
}

mse_status mse_durable_open(struct mse_durable *d, int state_fd, const struct mse_enclave_tee *tee,
                            const struct mse_manifest *m, const uint8_t manifest_digest[32],
                            struct mse_error *err)
{
    struct mse_error why = { 0 };
    *d = (struct mse_durable) { .state_fd = state_fd,
                                .tee = tee,
                                .manifest_digest = manifest_digest };
    mse_build_heap(&d->plain, MSE_STATE_MAX_LEN + 1);
    if (m->restart != MSE_RESTART_SEALED) {
        return MSE_OK;
    }
    if (state_fd < 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "restart",
                        "the manifest says \"sealed\", and the launcher gave no folder for it");
    }
    mse_status st = mse_seal_root(&d->seal_root, tee, manifest_digest, NULL, err);
    st = st == MSE_OK ? mse_seal_counter_id(d->counter_id, d->seal_root.key) : st;
    if (st == MSE_OK && mse_random(d->home_root, sizeof d->home_root) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, "restart", "no random bytes");
    }
    if (st != MSE_OK) {
        return st;
    }
    st = look(d, &why);
    if (is_lost(st) && mse_config_needed(m)) {
        mse_log(MSE_LOG_WARN, WHO, "its state cannot be had back: %s: %s", mse_status_name(st),
                why.text);
        d->found = MSE_DURABLE_LOST;
        d->lost = st;
        return MSE_OK;
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, why.step, "%s", why.text);
}

mse_status mse_durable_home(const struct mse_durable *d, char path[64], bool *keeps,
                            struct mse_error *err)
{
    _Static_assert(MSE_LIBRARY_OS_PATH_LEN == 64, "a path");
    *keeps = d->found != MSE_DURABLE_OFF;
    if (!*keeps) {
        return mse_library_os_keys(d->tee, NULL, err);
    }
    mse_status st = mse_library_os_home(path, d->home_root);
    st = st == MSE_OK ? mse_library_os_keys(d->tee, d->home_root, err) : st;
    return st == MSE_OK && d->found == MSE_DURABLE_RESTORED ? mse_library_os_home_check(path, err)
                                                            : st;
}

mse_time mse_durable_floor(const struct mse_durable *d)
{
    bool known = d->found == MSE_DURABLE_RESTORED || d->found == MSE_DURABLE_JOINED;
    mse_time floor = known ? d->state.floor : 0;
    mse_time stored = d->store == NULL ? 0 : mse_store_floor(d->store);
    return stored > floor ? stored : floor;
}

mse_status mse_durable_reread(const struct mse_durable *d, struct mse_build *out,
                              struct mse_error *err)
{
    struct mse_state s = { 0 };
    uint8_t root[32];
    uint8_t pin[32];
    bool aged = false;
    if (d->store == NULL) {
        return MSE_FAIL(err, MSE_ERR_STATE_MISSING, "sealed state", "nothing was sealed");
    }
    mse_status st = read_state(d, out, &s, &aged, err);
    st = st == MSE_ERR_NOT_FOUND
             ? MSE_FAIL(err, MSE_ERR_STATE_MISSING, "sealed state", "it is gone")
             : st;
    mse_store_pin(d->store, root, pin);
    if (st == MSE_OK && (s.storage_root.len != sizeof root ||
                         !mse_mem_equal(s.storage_root.data, root, sizeof root))) {
        /* What was sealed before a state was lost opens too: whose it is, the host chose. */
        st = MSE_FAIL(err, MSE_ERR_STATE_FOREIGN, "sealed state", "it is that of an earlier life");
    }
    mse_wipe(root, sizeof root);
    return st;
}

mse_status mse_durable_join(struct mse_durable *d, struct mse_build *plain, struct mse_error *err)
{
    mse_build_clear(&d->plain);
    d->plain = *plain;
    mse_build_heap(plain, 1);
    mse_status st = mse_state_parse(&d->state, mse_build_view(&d->plain));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "replica", "the leader's state: %s", mse_status_text(st));
    }
    d->found = MSE_DURABLE_JOINED;
    return MSE_OK;
}

/* ---- sealing ---- */

static mse_status write_state(struct mse_durable *d, const struct mse_state *s,
                              struct mse_error *err)
{
    struct mse_build plain;
    mse_build_heap(&plain, MSE_STATE_MAX_LEN);
    mse_state_write(&plain, s);
    mse_status st = mse_build_ok(&plain) ? MSE_OK : MSE_ERR_NO_SPACE;
    if (st == MSE_OK && d->found == MSE_DURABLE_LOST &&
        renameat(d->state_fd, STATE_NAME, d->state_fd, OLD_NAME) != 0 &&
        d->lost != MSE_ERR_STATE_MISSING) {
        /* The owner has decided; the operator may still want to know what it was. */
        mse_log(MSE_LOG_WARN, WHO, "the state that did not open is not kept");
    }
    st = st == MSE_OK ? put_state(d, mse_build_view(&plain), err) : st;
    mse_build_clear(&plain);
    return st == MSE_OK ? st : MSE_FAIL(err, st, "sealed state", "cannot be stored");
}

/* The storage that the state which is written next tells of; its root goes into root. */
static mse_status make_storage(struct mse_durable *d, uint8_t root[32], mse_time now,
                               struct mse_error *err)
{
    char path[MSE_LIBRARY_OS_PATH_LEN];
    if (d->tee->ops->library_os) {
        memcpy(root, d->home_root, sizeof d->home_root);
        mse_status st = mse_library_os_home(path, root);
        return st == MSE_OK ? mse_library_os_home_make(path, err) : st;
    }
    mse_status st = mse_random(root, 32);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "sealed state", "no keys can be made");
    }
    struct mse_store_config c = store_config(d, mse_bytes_of(root, 32));
    st = mse_store_create_from(&d->store, &c, d->inherited, now, err);
    mse_wipe(c.root, sizeof c.root);
    return st;
}

static mse_status commit(struct mse_durable *d, const struct mse_identity *id,
                         const struct mse_config *config, mse_time now, struct mse_error *err)
{
    static const struct mse_config none = { .has_code_key = false };
    const struct mse_config *c = config == NULL ? &none : config;
    uint8_t root[32] = { 0 };
    struct mse_build pem;
    mse_build_heap(&pem, MAX_PEM);
    mse_status st = mse_privkey_to_pem(id->key, &pem);
    const struct mse_state s = {
        .floor = now,
        .storage_root = mse_bytes_of(root, sizeof root),
        .x25519 = mse_bytes_of(id->x25519_secret, sizeof id->x25519_secret),
        .key = mse_build_view(&pem),
        .cert = mse_build_view(&id->cert),
        .config_cert = mse_build_view(&id->config_cert),
        .code_key = mse_bytes_of(c->code_key, c->has_code_key ? sizeof c->code_key : 0),
        .secrets = mse_build_view(&c->secrets),
        .sealed = mse_build_view(&c->sealed),
        .ssl_key = mse_build_view(&c->ssl_key),
        .ssl_chain = mse_build_view(&c->ssl_chain),
    };
    st = st == MSE_OK ? make_storage(d, root, now, err)
                      : MSE_FAIL(err, st, "sealed state", "no keys can be made");
    st = st == MSE_OK ? write_state(d, &s, err) : st;
    st = st == MSE_OK && d->store != NULL ? mse_store_settle(d->store, err) : st;
    mse_build_clear(&pem);
    mse_wipe(root, sizeof root);
    return st;
}

mse_status mse_durable_commit(struct mse_durable *d, const struct mse_identity *id,
                              const struct mse_config *config, mse_time now, struct mse_error *err)
{
    if (d == NULL || d->found == MSE_DURABLE_OFF) {
        return MSE_OK;
    }
    mse_store_free(d->store); /* of an attempt that came to nothing */
    d->store = NULL;
    mse_time floor = now > d->inherited_floor ? now : d->inherited_floor;
    mse_status st = commit(d, id, config, floor, err);
    if (st != MSE_OK) {
        mse_store_free(d->store);
        d->store = NULL;
    }
    return st;
}

void mse_durable_forget(struct mse_durable *d)
{
    mse_build_clear(&d->plain);
    d->state = (struct mse_state) { .floor = d->state.floor };
}

void mse_durable_clear(struct mse_durable *d)
{
    mse_durable_forget(d);
    mse_store_free(d->store);
    if (d->state_fd >= 0) {
        (void)close(d->state_fd);
    }
    mse_wipe(d, sizeof *d);
    d->state_fd = -1;
}
