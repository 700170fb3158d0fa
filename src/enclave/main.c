/* SPDX-License-Identifier: Apache-2.0 */
/* mse-enclave: the runtime inside the TEE. It is started by a launcher that it does not trust: it
 * takes nothing from its environment, and believes only what the TEE measured. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "enclave/client_ca.h"
#include "enclave/config.h"
#include "enclave/durable.h"
#include "enclave/inherit.h"
#include "enclave/join.h"
#include "enclave/library_os.h"
#include "enclave/serve.h"
#include "net/tls.h"
#include "os/memory.h"
#include "package/owner_chain.h"

#define WHO      "enclave"
#define START_MS 60000U
#define MAX_FD   1000000U

struct options {
    const struct mse_tee_ops *ops;
    int control_fd; /* of a launcher; sim */
    int root_fd;    /* of the system, for drivers that read it; -1: "/" */
    int manifest_fd;
    int package_fd;
    int listen_fd;
    const char *client_ca; /* hexadecimal digits, or NULL */
    int state_fd;          /* -1: none */
    int heir_fd;           /* likewise */
    int replicas_fd;       /* likewise */
    int leader_fd;         /* likewise */
    struct mse_inherit_offer offer;
    bool insecure_no_sandbox;
};

struct enclave {
    struct options opt;
    struct mse_enclave_tee tee;
    struct mse_enclave_clock clock;
    struct mse_manifest manifest;
    uint8_t manifest_digest[32];
    struct mse_identity identity;
    struct mse_build client_ca;
    struct mse_inside inside;
    struct mse_durable durable;
    struct mse_app app;
    struct mse_lease *lease; /* NULL: it has joined nobody */
    bool own_memory;
};

/* Command line. */

static const struct mse_tee_ops *find_driver(const char *name)
{
    static const struct mse_tee_ops *const drivers[] = { &mse_tee_sim, &mse_tee_gramine,
                                                         &mse_tee_tdx, &mse_tee_snp };
    for (size_t i = 0; i < MSE_ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}

static bool parse_fd(int *out, const char *text)
{
    uint64_t v = 0;
    if (!mse_u64_parse(&v, mse_bytes_str(text), MAX_FD) || v <= STDERR_FILENO) {
        return false;
    }
    *out = (int)v;
    return true;
}

/* Of the storage that this one may begin with. */
static bool parse_offer(struct mse_inherit_offer *o, const char *name, const char *value)
{
    struct mse_bytes text = mse_bytes_str(value);
    if (strcmp(name, "--inherit-name") == 0) {
        o->name = value;
        return true;
    }
    if (strcmp(name, "--inherit-from") == 0) {
        return mse_hex_decode(o->from, sizeof o->from, text);
    }
    o->signature_len = text.len / 2;
    return strcmp(name, "--inherit-signature") == 0 && o->signature_len <= sizeof o->signature &&
           mse_hex_decode(o->signature, o->signature_len, text);
}

/* A switch with a value; false if there is no such switch or the value is wrong. */
static bool parse_pair(struct options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        int *fd;
    } fds[] = {
        { "--control-fd", &o->control_fd },
        { "--root-fd", &o->root_fd },
        { "--manifest-fd", &o->manifest_fd },
        { "--package-fd", &o->package_fd },
        { "--listen-fd", &o->listen_fd },
        { "--state-fd", &o->state_fd },
        { "--heir-fd", &o->heir_fd },
        { "--replicas-fd", &o->replicas_fd },
        { "--leader-fd", &o->leader_fd },
        { "--inherit-fd", &o->offer.fd },
        { "--inherit-state-fd", &o->offer.state_fd },
        { "--collateral-fd", &o->offer.collateral_fd },
    };
    if (strncmp(name, "--inherit-", 10) == 0 && strstr(name, "-fd") == NULL) {
        return parse_offer(&o->offer, name, value);
    }
    if (strcmp(name, "--tee") == 0) {
        o->ops = find_driver(value);
        return o->ops != NULL;
    }
    if (strcmp(name, "--client-ca") == 0) {
        o->client_ca = value;
        return true;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        if (strcmp(name, fds[i].name) == 0) {
            return parse_fd(fds[i].fd, value);
        }
    }
    return false;
}

/* A library OS hands over nothing: all has a place of its own there. */
static bool none_given(const int *fds, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (fds[i] >= 0) {
            return false;
        }
    }
    return true;
}

/* Each is closed on its own: two names of one would later mean somebody else's descriptor. Those
 * behind the third may be missing, the offered ones all or none; a launcher has the simulated TEE,
 * and no other. */
static bool fds_differ(const struct options *o)
{
    const struct mse_inherit_offer *f = &o->offer;
    const int fds[] = { o->manifest_fd, o->package_fd,    o->listen_fd,   o->control_fd,
                        o->root_fd,     o->state_fd,      o->heir_fd,     f->fd,
                        f->state_fd,    f->collateral_fd, o->replicas_fd, o->leader_fd };
    if (o->ops->library_os) {
        return none_given(fds, MSE_ARRAY_LEN(fds)) && f->name == NULL && !o->insecure_no_sandbox &&
               o->client_ca == NULL;
    }
    bool offered = f->fd >= 0 && f->name != NULL;
    bool joins = o->leader_fd >= 0;
    bool ok = o->ops->simulated == (o->control_fd >= 0) && (!o->ops->simulated || o->root_fd < 0) &&
              offered == (f->fd >= 0) && offered == (f->state_fd >= 0) &&
              (offered || joins) == (f->collateral_fd >= 0) && offered == (f->name != NULL) &&
              !(offered && joins);
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        ok = ok && (fds[i] >= 0 || i > 2);
        for (size_t j = 0; j < i; j++) {
            ok = ok && (fds[i] != fds[j] || fds[i] < 0);
        }
    }
    return ok;
}

static bool parse_options(struct options *o, int argc, char **argv)
{
    *o = (struct options) {
        .control_fd = -1,
        .root_fd = -1,
        .manifest_fd = -1,
        .package_fd = -1,
        .listen_fd = -1,
        .state_fd = -1,
        .heir_fd = -1,
        .replicas_fd = -1,
        .leader_fd = -1,
        .offer = { .fd = -1, .state_fd = -1, .collateral_fd = -1 },
    };
    int i = 1;
    while (i < argc) {
        if (strcmp(argv[i], "--insecure-no-sandbox") == 0) {
            o->insecure_no_sandbox = true;
            i++;
        } else if (i + 1 < argc && parse_pair(o, argv[i], argv[i + 1])) {
            i += 2;
        } else {
            return false;
        }
    }
    return o->ops != NULL && fds_differ(o);
}

/* What libuv looks for: rings of the kernel's would pass by our filters, and a library OS has none.
 */
static bool own_settings(void)
{
    return setenv("UV_USE_IO_URING", "0", 1) == 0;
}

/* Against those on the same machine, who do not see into a library OS. */
static mse_status harden_process(struct mse_error *err)
{
    static const struct rlimit no_core = { 0, 0 };
    /* Not every TEE has the two: inside one nobody could use what they take away. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0) {
        mse_log(MSE_LOG_WARN, WHO, "no protection against dumps: %s", strerror(errno));
    }
    if (!mse_cloexec_from(STDERR_FILENO + 1)) {
        return MSE_FAIL(err, MSE_ERR_IO, "start", "close-on-exec: %s", strerror(errno));
    }
    if (!mse_tls_lock_keys()) {
        mse_log(MSE_LOG_WARN, WHO, "keys are not in locked memory");
    }
    return MSE_OK;
}

/* Before anything that is worth protecting exists. */
static mse_status harden(bool library_os, struct mse_error *err)
{
    static const int wait_for[] = { SIGTERM, SIGINT, SIGCHLD };
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < MSE_ARRAY_LEN(wait_for); i++) {
        (void)sigaddset(&set, wait_for[i]);
    }
    (void)umask(0077);
    if (!mse_std_fds()) {
        return MSE_FAIL(err, MSE_ERR_IO, "start", "/dev/null: %s", strerror(errno));
    }
    if (clearenv() != 0 || !own_settings() || sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return MSE_FAIL(err, MSE_ERR_IO, "start", "signals and environment: %s", strerror(errno));
    }
    if (!mse_tls_no_config()) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "start", "libcrypto cannot be initialised");
    }
    return library_os ? MSE_OK : harden_process(err);
}

static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* the relay reads what came of it */
    }
}

/* What an earlier life has left, if it may leave something. One that joins has no earlier life. */
static mse_status remember(struct enclave *e, struct mse_error *err)
{
    if (e->opt.leader_fd >= 0) {
        e->durable = (struct mse_durable) { .state_fd = e->opt.state_fd, .tee = &e->tee };
        mse_build_heap(&e->durable.plain, 1);
        return MSE_OK;
    }
    mse_status st = mse_durable_open(&e->durable, e->opt.state_fd, &e->tee, &e->manifest,
                                     e->manifest_digest, err);
    if (st != MSE_OK || e->durable.found != MSE_DURABLE_RESTORED) {
        return st;
    }
    mse_time floor = mse_durable_floor(&e->durable);
    mse_enclave_clock_init(&e->clock,
                           floor > e->manifest.created_at ? floor : e->manifest.created_at);
    st = mse_enclave_check_supported(&e->manifest, e->opt.ops->library_os,
                                     mse_enclave_now(&e->clock), err);
    return st == MSE_OK ? mse_identity_restore(&e->identity, &e->durable.state, err) : st;
}

/* Steps 1 and 2 of its life: what to run, and who it is. */
static mse_status load(struct enclave *e, struct mse_error *err)
{
    mse_status st = e->opt.ops->open(
        &e->tee.t, e->opt.ops->simulated ? e->opt.control_fd : e->opt.root_fd, err);
    if (st != MSE_OK) {
        return st;
    }
    e->tee.ops = e->opt.ops;
    st = mse_enclave_load_manifest(&e->manifest, e->manifest_digest, e->opt.manifest_fd, &e->tee,
                                   err);
    if (st != MSE_OK) {
        return st;
    }
    (void)close(e->opt.manifest_fd);
    mse_enclave_clock_init(&e->clock, e->manifest.created_at);
    st = mse_enclave_check_supported(&e->manifest, e->opt.ops->library_os,
                                     mse_enclave_now(&e->clock), err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&e->client_ca, MSE_OWNER_CHAIN_MAX);
    st = e->opt.ops->library_os
             ? mse_client_ca_file(&e->client_ca, MSE_LIBRARY_OS_CLIENT_CA, &e->manifest, err)
             : mse_client_ca_take(&e->client_ca, e->opt.client_ca, &e->manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    e->tee.ops->event(e->tee.t, MSE_TEE_EVENT_STARTING, "");
    st = remember(e, err);
    if (st != MSE_OK || e->durable.found == MSE_DURABLE_RESTORED) {
        return st;
    }
    return mse_identity_make(&e->identity, &e->manifest, e->manifest_digest, &e->tee, err);
}

/* With data only where there is something. */
static struct mse_bytes filled(struct mse_bytes b)
{
    return mse_bytes_of(b.len > 0 ? b.data : NULL, b.len);
}

/* Without a phase 1 only a signature can say that it is wanted. */
static mse_status inherit(struct enclave *e, struct mse_error *err)
{
    const struct mse_inheritor to = { .me = { &e->durable, &e->manifest, &e->identity },
                                      .dir = e->app.data,
                                      .owner = mse_app_user(&e->app),
                                      .now = mse_enclave_now(&e->clock) };
    return mse_inherit(&e->opt.offer, &to, err);
}

/* What needs no phase 1, or no other one: code, secrets and storage. */
static mse_status install(struct enclave *e, struct mse_error *err)
{
    struct mse_durable *d = &e->durable;
    const struct mse_state *s = &d->state;
    const struct mse_code_package p = { .fd = e->opt.package_fd,
                                        .key = s->code_key.len > 0 ? s->code_key.data : NULL,
                                        .manifest_digest = e->manifest_digest,
                                        .in_place = e->app.library_os };
    const struct mse_app_secrets secrets = { .secrets = filled(s->secrets),
                                             .sealed = filled(s->sealed),
                                             .x25519_secret = e->identity.x25519_secret,
                                             .x25519_public = e->identity.x25519_public };
    mse_status st = mse_code_install(e->app.code, &p, &e->manifest, err);
    if (st == MSE_OK) {
        st = mse_app_put_secrets(&e->app, &secrets, err);
    }
    if (st == MSE_OK && d->found == MSE_DURABLE_RESTORED) {
        st = d->store == NULL ? MSE_OK
                              : mse_store_restore(d->store, e->app.data, mse_app_user(&e->app),
                                                  mse_enclave_now(&e->clock), err);
    } else if (st == MSE_OK && d->found != MSE_DURABLE_JOINED) {
        st = e->opt.offer.fd < 0 ? MSE_OK : inherit(e, err);
        st = st == MSE_OK
                 ? mse_durable_commit(d, &e->identity, NULL, mse_enclave_now(&e->clock), err)
                 : st;
    }
    (void)close(e->opt.package_fd);
    return st;
}

/* Who it is, and what it has: what the leader gives, in place of what it made for the meeting. */
static mse_status join(struct enclave *e, struct mse_error *err)
{
    const struct mse_joiner j = { .me = { &e->durable, &e->manifest, &e->identity },
                                  .fd = e->opt.leader_fd,
                                  .collateral_fd = e->opt.offer.collateral_fd,
                                  .app = &e->app,
                                  .clock = &e->clock };
    return e->opt.leader_fd < 0 ? MSE_OK : mse_join(&e->lease, &j, &e->identity, err);
}

/* All that an ordinary kernel gives: file systems, memory, namespaces of its own. */
static mse_status begin(struct enclave *e, struct mse_error *err)
{
    e->own_memory = mse_memory_enter();
    if (!e->own_memory) {
        mse_log(MSE_LOG_WARN, WHO, "no file systems of its own: the app's files have no bound");
    }
    mse_status st = harden(false, err);
    if (mlock(e, sizeof *e) != 0) {
        mse_log(MSE_LOG_WARN, WHO, "keys are not in locked memory");
    }
    if (st == MSE_OK && !e->opt.insecure_no_sandbox) {
        st = mse_inside_start(&e->inside, err); /* while there is no key to take along */
    }
    st = st == MSE_OK ? mse_tls_warm(err) : st;
    st = st == MSE_OK ? load(e, err) : st;
    if (st == MSE_OK) {
        st = mse_app_prepare(&e->app, e->opt.insecure_no_sandbox,
                             e->own_memory ? e->manifest.enclave_size : 0, err);
        e->app.inside = e->inside.pid > 0 ? &e->inside : NULL;
    }
    return st;
}

/* The one thing that the host says is where to listen. */
static mse_status begin_library_os(struct enclave *e, struct mse_error *err)
{
    char where[64] = "";
    char home[MSE_LIBRARY_OS_PATH_LEN];
    bool keeps = false;
    struct mse_library_os_fds fds;
    const char *given = getenv(MSE_LIBRARY_OS_LISTEN);
    int n = snprintf(where, sizeof where, "%s", given == NULL ? "" : given);
    bool known = n > 0 && (size_t)n < sizeof where;
    mse_status st = harden(true, err);
    st = st == MSE_OK ? mse_library_os_open(&fds, known ? where : NULL, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    e->opt.manifest_fd = fds.manifest_fd;
    e->opt.package_fd = fds.package_fd;
    e->opt.listen_fd = fds.listen_fd;
    e->opt.state_fd = fds.state_fd;
    st = mse_tls_warm(err);
    st = st == MSE_OK ? load(e, err) : st;
    st = st == MSE_OK ? mse_durable_home(&e->durable, home, &keeps, err) : st;
    return st == MSE_OK ? mse_app_prepare_library_os(&e->app, keeps ? home : NULL, err) : st;
}

static mse_status run(struct enclave *e, struct mse_error *err)
{
    mse_status st = e->opt.ops->library_os ? begin_library_os(e, err) : begin(e, err);
    st = st == MSE_OK ? join(e, err) : st;
    if (st == MSE_OK &&
        (!mse_config_needed(&e->manifest) || e->durable.found == MSE_DURABLE_RESTORED ||
         e->durable.found == MSE_DURABLE_JOINED)) {
        st = install(e, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    raise_files();
    const struct mse_serve_config c = {
        .manifest = &e->manifest,
        .identity = &e->identity,
        .tee = &e->tee,
        .clock = &e->clock,
        .app = &e->app,
        .durable = &e->durable,
        .listen_fd = e->opt.listen_fd,
        .package_fd = e->opt.package_fd,
        .manifest_digest = e->manifest_digest,
        .control_fd = e->opt.control_fd,
        .client_ca = mse_build_view(&e->client_ca),
        .heir_fd = e->opt.heir_fd,
        .replicas_fd = e->opt.replicas_fd,
        .lease = e->lease,
        .offer = &e->opt.offer,
        .start_ms = START_MS,
    };
    return mse_serve(&c, err);
}

int main(int argc, char **argv)
{
    struct enclave e = { .app = { .uid = MSE_SPAWN_SAME_USER, .uid_lock = -1, .dir_lock = -1 },
                         .durable = { .state_fd = -1 } };
    struct mse_error err = { 0 };
    if (!parse_options(&e.opt, argc, argv)) {
        mse_log(MSE_LOG_ERROR, WHO,
                "usage: mse-enclave --tee gramine | (--tee sim --control-fd N | --tee tdx|snp "
                "[--root-fd N]) "
                "--manifest-fd N --package-fd N --listen-fd N [--state-fd N] [--heir-fd N] "
                "[--replicas-fd N] [--leader-fd N --collateral-fd N] "
                "[--inherit-fd N --inherit-state-fd N --collateral-fd N --inherit-name NAME "
                "--inherit-from HEX [--inherit-signature HEX]] [--client-ca HEX] "
                "[--insecure-no-sandbox]; it is started by a launcher, see mse sim");
        return 2;
    }
    if (e.opt.insecure_no_sandbox) {
        mse_log(MSE_LOG_WARN, WHO,
                "INSECURE: --insecure-no-sandbox: the app shares network, processes and files with "
                "this machine");
    }
    mse_status st = run(&e, &err);
    mse_lease_free(e.lease); /* nothing is served any more */
    mse_app_clear(&e.app);
    mse_inside_clear(&e.inside);
    mse_identity_clear(&e.identity);
    mse_durable_clear(&e.durable);
    if (st != MSE_OK) {
        mse_log(MSE_LOG_ERROR, WHO, "%s: %s", err.step == NULL ? "failed" : err.step,
                err.text[0] == '\0' ? mse_status_text(st) : err.text);
    }
    if (st != MSE_OK && e.tee.t != NULL) {
        e.opt.ops->event(e.tee.t, MSE_TEE_EVENT_FAILED, err.text);
    }
    if (e.tee.t != NULL) {
        e.opt.ops->close(e.tee.t);
    }
    mse_build_clear(&e.client_ca);
    mse_manifest_clear(&e.manifest);
    return st == MSE_OK ? 0 : 1;
}
