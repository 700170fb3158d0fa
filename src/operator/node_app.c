/* SPDX-License-Identifier: Apache-2.0 */
/* From what the store wants of an app, and what its folder shows, one step at a time. Nothing is
 * remembered that cannot be found out again: a node may be killed at any moment. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "launch/instance.h"
#include "operator/node.h"
#include "os/private_dir.h"
#include "os/proc.h"
#include "package/manifest.h"

#define ASK_MS       300U
#define LOOK_SOON_MS 200  /* while it starts */
#define LOOK_MS      5000 /* afterwards: its end shows by its locks */
#define STOP_MS      20000
#define ASK_AGAIN_MS 1000
#define ORPHAN_MS    15000 /* what an enclave without a shepherd may need to end by itself */
#define HUNG_MS      20000 /* for a shepherd to see the end of its enclave */
#define LASTED_MS    60000 /* a start that lasted so long was one */
#define MAX_TRIES    5
#define MAX_JOINS    10  /* longer than a leader that was started again lets nobody join */
#define FIRST_MS     500 /* before the second start */

/* ---- locks */

/* Whether somebody holds the lock of a file or folder; false if it is not there. What cannot be
 * found out, for want of a descriptor, say, counts as held: nothing is started or ended for it. */
static bool is_locked(const struct node_app *a, const char *name)
{
    char *path = cli_join(a->dir, name);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 ? flock(fd, LOCK_SH | LOCK_NB) != 0 : path == NULL || errno != ENOENT;
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return locked;
}

static bool has_file(const struct node_app *a, const char *name)
{
    char *path = cli_join(a->dir, name);
    bool there = path != NULL && cli_file_exists(path);
    free(path);
    return there;
}

static bool has_shepherd(const struct node_app *a)
{
    return a->child > 0 || is_locked(a, MSE_INSTANCE_LOCK);
}

bool node_app_lives(const struct node_app *a)
{
    return has_shepherd(a) || is_locked(a, MSE_INSTANCE_STATE);
}

/* Of several instances, one that joins a leader. It can begin again at any time, anywhere. */
static bool follows(const struct node_app *a)
{
    return a->app.number != 0;
}

/* For the log. */
static const char *name_of(const struct node_app *a)
{
    const char *slash = strrchr(a->dir, '/');
    return slash == NULL ? a->dir : slash + 1;
}

/* ---- telling the store */

/* What fails is tried again, if the store still names the app then. */
static bool told(const char *what, mse_status st, const struct mse_error *err)
{
    if (st != MSE_OK) {
        node_complain(what, err);
    }
    return st == MSE_OK;
}

static bool move(struct node *n, struct node_app *a, enum mse_op_app_status to, const char *detail)
{
    struct mse_error err = { 0 };
    char text[MSE_OP_TEXT_LEN];
    (void)snprintf(text, sizeof text, "%s", detail);
    mse_utf8_printable(text);
    mse_status st =
        mse_op_node_move(n->m->store, n->self.name, n->self.epoch, a->app.id, to, text, &err);
    if (!told("move", st, &err)) {
        return false;
    }
    mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is %s%s%s", a->app.id, mse_op_status_name(to),
            text[0] == '\0' ? "" : ": ", text);
    a->app.status = to;
    return true;
}

/* Its last status: what it said goes to the store before, its folder goes afterwards. */
static void conclude(struct node *n, struct node_app *a, enum mse_op_app_status to,
                     const char *detail)
{
    node_log_ship(n, a, true);
    a->dropped = move(n, a, to, detail) || a->dropped;
}

/* Another node may have it. */
static void give_back(struct node *n, struct node_app *a, const char *why)
{
    struct mse_error err = { 0 };
    char text[MSE_OP_TEXT_LEN];
    (void)snprintf(text, sizeof text, "%s", why);
    mse_utf8_printable(text);
    node_log_ship(n, a, true);
    mse_status st = mse_op_instance_release(n->m->store, n->self.name, n->self.epoch, a->app.id,
                                            a->app.number, text, &err);
    if (told("release", st, &err)) {
        mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is given back: %s", name_of(a), text);
        a->dropped = true;
    }
}

/* It does not come to be here. */
static void fail(struct node *n, struct node_app *a, const char *why)
{
    if (follows(a)) {
        give_back(n, a, why);
    } else {
        conclude(n, a, MSE_OP_ON_ERROR, why);
    }
}

/* It was to stop, and has. Of an app with several instances the first one says so. */
static void has_stopped(struct node *n, struct node_app *a, const char *detail)
{
    if (follows(a)) {
        node_log_ship(n, a, true);
        a->dropped = true;
    } else {
        conclude(n, a, MSE_OP_STOPPED, detail);
    }
}

static bool set_instance(struct node *n, struct node_app *a, const struct mse_op_instance *given,
                         const char *fingerprint)
{
    struct mse_error err = { 0 };
    struct mse_op_instance i = *given;
    i.number = a->app.number;
    if (!mse_hex_decode(i.fingerprint, 32, mse_bytes_str(fingerprint))) {
        memset(i.fingerprint, 0, sizeof i.fingerprint);
    }
    mse_status st =
        mse_op_instance_set(n->m->store, n->self.name, n->self.epoch, a->app.id, &i, &err);
    if (!told("instance", st, &err)) {
        return false;
    }
    a->app.port = i.port;
    a->app.launched = true;
    return true;
}

/* ---- starting */

/* Where it was, if that can be had. */
static bool listen_at(struct node *n, int *fd, uint16_t *port, uint16_t before)
{
    struct mse_error err = { 0 };
    mse_status st = before != 0 ? node_listen(fd, port, n, before, &err) : MSE_ERR_IO;
    if (st != MSE_OK) {
        st = node_listen(fd, port, n, 0, &err);
    }
    if (st != MSE_OK) {
        node_complain("listen", &err);
    }
    return st == MSE_OK;
}

static void close_start(struct node_start *s)
{
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    if (s->carry_fd >= 0) {
        (void)close(s->carry_fd);
    }
    mse_wipe(s->carry_key, sizeof s->carry_key);
}

/* The store learns it before: from then on no other node gets this app. */
static bool announce(struct node *n, struct node_app *a, struct node_start *s)
{
    struct mse_op_instance i = { .port = 0 };
    bool carries = !follows(a) && a->app.replicas > 1;
    bool good = listen_at(n, &s->listen_fd, &i.port, a->app.port);
    if (good && carries) {
        good = listen_at(n, &s->carry_fd, &i.carry_port, a->carry_port) &&
               mse_random(s->carry_key, sizeof s->carry_key) == MSE_OK;
        memcpy(i.carry_key, s->carry_key, sizeof i.carry_key);
    }
    good = good && set_instance(n, a, &i, a->app.fingerprint);
    a->carry_port = good ? i.carry_port : a->carry_port;
    mse_wipe(i.carry_key, sizeof i.carry_key);
    return good;
}

static bool start(struct node *n, struct node_app *a)
{
    struct mse_error err = { 0 };
    struct node_start s = { .listen_fd = -1, .carry_fd = -1 };
    bool good = announce(n, a, &s);
    if (good && node_shepherd_start(&a->child, n, a, &s, &err) != MSE_OK) {
        fail(n, a, err.text);
        good = false;
    }
    close_start(&s);
    return good;
}

static void launch(struct node *n, struct node_app *a)
{
    struct mse_error err = { 0 };
    bool ready = false;
    mse_status st = node_prepare(n, a, &ready, &err);
    if (st != MSE_OK && !mse_op_may_pass(st)) {
        fail(n, a, err.text);
        return;
    }
    if (st != MSE_OK) {
        node_complain("prepare", &err);
        a->not_before_ms = node_now_ms() + FIRST_MS;
        return;
    }
    if (!ready || !start(n, a)) {
        return;
    }
    a->begun_ms = node_now_ms();
    a->next_look_ms = a->begun_ms;
    a->enclave = 0;
    a->dead_ms = 0;
    a->told = false;
    a->silent = false;
    a->tries++;
    mse_log(MSE_LOG_INFO, NODE_WHO, "app %s starts at port %u", name_of(a), a->app.port);
}

/* ---- while it runs */

static bool must_stop(const struct node_app *a)
{
    return a->app.stop_wanted || a->app.expires_at <= (mse_time)time(NULL);
}

/* It is to go from here, and to come to be elsewhere. */
static bool must_leave(const struct node_app *a)
{
    return follows(a) && a->app.leave;
}

/* One that does what it is told has no need of this. */
static void end_shepherd(const struct node_app *a)
{
    pid_t pid = a->child > 0 ? a->child : mse_instance_supervisor(a->dir);
    if (pid > 1 && has_shepherd(a)) {
        mse_log(MSE_LOG_WARN, NODE_WHO, "the shepherd of %s does not end, and is killed",
                name_of(a));
        (void)kill(pid, SIGKILL);
    }
}

static void stop_step(struct node_app *a)
{
    int64_t now = node_now_ms();
    a->stop_sent_ms = a->stop_sent_ms == 0 ? now : a->stop_sent_ms;
    if (now - a->stop_sent_ms < STOP_MS) {
        if (now >= a->next_ask_ms && !mse_instance_ask_stop(a->dir, 1) && a->child > 0) {
            (void)kill(a->child, SIGTERM); /* our child: it may not listen yet */
        }
        a->next_ask_ms = now >= a->next_ask_ms ? now + ASK_AGAIN_MS : a->next_ask_ms;
        return;
    }
    end_shepherd(a);
    node_kill_orphan(a);
    a->stop_sent_ms = now;
}

/* No enclave answers at its port: until one does, no gateway sends anybody there. */
static void silence(struct node *n, struct node_app *a, const char *why)
{
    char text[MSE_OP_TEXT_LEN];
    const struct mse_op_instance i = { .port = a->app.port, .detail = follows(a) ? text : NULL };
    (void)snprintf(text, sizeof text, "%s", why);
    mse_utf8_printable(text);
    if (a->app.port != 0 && !a->silent) {
        a->silent = set_instance(n, a, &i, a->app.fingerprint);
    }
}

static bool enclave_is_over(const struct node_app *a)
{
    char path[64];
    if (a->enclave <= 0) {
        return false; /* its shepherd has named none yet */
    }
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)a->enclave);
    char state = mse_proc_state(path, NULL);
    return state == 'Z' || state == 'X' || (kill(a->enclave, 0) != 0 && errno == ESRCH);
}

/* Its enclave is over, and its shepherd is not yet, or does not see it. */
static bool lingers(struct node *n, struct node_app *a)
{
    int64_t now = node_now_ms();
    if (!enclave_is_over(a)) {
        a->dead_ms = 0;
        return false;
    }
    a->dead_ms = a->dead_ms == 0 ? now : a->dead_ms;
    silence(n, a, "its enclave has ended");
    if (now - a->dead_ms > HUNG_MS) {
        end_shepherd(a);
    }
    return true;
}

/* The enclave is there: who it is, and what it waits for. */
static void on_there(struct node *n, struct node_app *a, const json_t *state, bool runs)
{
    struct mse_error err = { 0 };
    struct mse_op_instance i = { .port = 0 };
    const char *fingerprint = json_string_value(json_object_get(state, "fingerprint"));
    uint16_t port = (uint16_t)json_integer_value(json_object_get(state, "port"));
    if (follows(a) && !runs) {
        return;
    }
    if (port != a->app.port) { /* a shepherd of an earlier node */
        a->app.port = port;
        a->told = false;
    }
    if (!a->told) {
        mse_status st = node_spki(i.spki_sha256, n, a, runs, &err);
        if (st != MSE_OK) {
            node_complain("key", &err);
            return;
        }
        i.port = a->app.port;
        if (!set_instance(n, a, &i, fingerprint == NULL ? "" : fingerprint)) {
            return;
        }
        a->told = true;
        a->silent = false;
    }
    if (follows(a)) {
        return;
    }
    if (a->app.status == MSE_OP_SPAWNING && !move(n, a, MSE_OP_INITIALIZING, "")) {
        return;
    }
    if (a->app.status == MSE_OP_INITIALIZING && runs && !move(n, a, MSE_OP_RUNNING, "")) {
        return;
    }
    if (a->app.status == MSE_OP_RUNNING && !runs) {
        conclude(n, a, MSE_OP_ON_ERROR,
                 "the enclave was started again, and what it had sealed does not open");
    }
}

static void look(struct node *n, struct node_app *a)
{
    int64_t now = node_now_ms();
    if (lingers(n, a) || now < a->next_look_ms) {
        return;
    }
    json_t *state = mse_instance_state(a->dir, ASK_MS);
    const char *word = mse_instance_state_word(state);
    bool runs = strcmp(word, "running") == 0;
    bool lives = json_object_get(state, "pid") != NULL;
    if (lives) {
        a->enclave = (pid_t)json_integer_value(json_object_get(state, "enclave_pid"));
    }
    if (lives && (runs || strcmp(word, "waiting") == 0)) {
        on_there(n, a, state, runs);
    }
    if (runs && a->begun_ms != 0 && now - a->begun_ms > LASTED_MS) {
        a->tries = 0;
    }
    json_decref(state);
    a->next_look_ms = now + (a->app.status == MSE_OP_RUNNING && a->told ? LOOK_MS : LOOK_SOON_MS);
}

/* ---- when it is over */

static bool restarts(const struct node_app *a)
{
    struct cli_file f = { 0 };
    struct mse_manifest m = { 0 };
    char *path = cli_join(a->dir, MSE_INSTANCE_MANIFEST);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MSE_OP_MAX_MANIFEST, NULL);
    st = st == MSE_OK ? mse_manifest_parse(&m, cli_file_view(&f), NULL) : st;
    bool sealed = st == MSE_OK && m.restart == MSE_RESTART_SEALED;
    mse_manifest_clear(&m);
    cli_file_clear(&f);
    free(path);
    return sealed;
}

static void again(struct node_app *a)
{
    int64_t now = node_now_ms();
    if (a->not_before_ms == 0) {
        a->not_before_ms = now + ((int64_t)FIRST_MS << (a->tries > 4 ? 4 : a->tries));
    }
}

/* It joins again, unless it does not succeed here. */
static void join_again(struct node *n, struct node_app *a, const char *why)
{
    if (must_leave(a)) {
        give_back(n, a, "its node is drained");
    } else if (a->tries >= MAX_JOINS) {
        give_back(n, a, why);
    } else {
        silence(n, a, why);
        again(a);
    }
}

/* No shepherd, no enclave: what came of it? */
static void on_end(struct node *n, struct node_app *a)
{
    char why[MSE_OP_TEXT_LEN];
    json_t *state = mse_instance_state(a->dir, ASK_MS);
    const char *word = mse_instance_state_word(state);
    const char *note = json_string_value(json_object_get(state, "note"));
    (void)snprintf(why, sizeof why, "%s", note == NULL || note[0] == '\0' ? word : note);
    bool ended = strcmp(word, "ended") == 0;
    json_decref(state);
    if (must_stop(a)) {
        has_stopped(n, a, a->app.stop_wanted ? "" : "it has expired");
    } else if (follows(a)) {
        join_again(n, a, why);
    } else if (ended) {
        conclude(n, a, MSE_OP_STOPPED, "the app has ended");
    } else if (!restarts(a) || a->tries >= MAX_TRIES) {
        conclude(n, a, MSE_OP_ON_ERROR, why);
    } else {
        silence(n, a, "");
        again(a);
    }
}

/* Whether it can begin. One that joins has somebody to go to; without that it waits. */
static bool may_begin(struct node *n, struct node_app *a)
{
    if (!follows(a) || a->app.leader.ready) {
        return true;
    }
    a->tries = 0;
    silence(n, a, "its leader does not run");
    return false;
}

static void idle_step(struct node *n, struct node_app *a)
{
    bool ran = has_file(a, MSE_INSTANCE_LOCK); /* there was a shepherd */
    if (a->not_before_ms != 0) {
        if (must_stop(a) || must_leave(a)) {
            on_end(n, a);
        } else if (node_now_ms() >= a->not_before_ms && may_begin(n, a)) {
            a->not_before_ms = 0;
            launch(n, a);
        }
        return;
    }
    if (ran) {
        on_end(n, a);
    } else if (must_stop(a)) {
        has_stopped(n, a, a->app.stop_wanted ? "" : "it has expired");
    } else if (must_leave(a)) {
        give_back(n, a, "its node is drained");
    } else if (a->app.launched && !follows(a) && !cli_file_exists(a->dir)) {
        conclude(n, a, MSE_OP_ON_ERROR, "the node has lost the app's folder");
    } else if (a->tries >= MAX_TRIES) {
        fail(n, a, "its shepherd ends before it has begun");
    } else if (a->tries > 0) {
        again(a);
    } else if (may_begin(n, a)) {
        launch(n, a);
    }
}

/* An enclave whose shepherd was killed was told by the kernel to end: it takes nobody new. */
static void orphan_step(struct node *n, struct node_app *a)
{
    int64_t now = node_now_ms();
    silence(n, a, "its shepherd was killed");
    if (a->stop_sent_ms == 0) {
        a->stop_sent_ms = now;
    } else if (now - a->stop_sent_ms > ORPHAN_MS) {
        node_kill_orphan(a);
    }
}

bool node_app_end(struct node *n, struct node_app *a)
{
    (void)n;
    if (has_shepherd(a)) {
        stop_step(a);
        return false;
    }
    if (is_locked(a, MSE_INSTANCE_STATE)) {
        node_kill_orphan(a);
        return false;
    }
    return true;
}

static void drop_step(struct node *n, struct node_app *a)
{
    if (node_app_end(n, a) && cli_file_exists(a->dir) && !mse_tree_remove(a->dir)) {
        mse_log(MSE_LOG_WARN, NODE_WHO, "%s cannot be removed", a->dir);
    }
}

void node_app_step(struct node *n, struct node_app *a)
{
    if (node_fetch_waits(a)) {
        return;
    }
    if (a->dropped || !a->listed) {
        drop_step(n, a);
    } else if (has_shepherd(a)) {
        a->not_before_ms = 0; /* one that an earlier node started is there after all */
        if (must_leave(a)) {
            silence(n, a, "its node is drained");
        }
        if (must_stop(a) || must_leave(a)) {
            stop_step(a);
        } else {
            look(n, a);
        }
    } else if (is_locked(a, MSE_INSTANCE_STATE)) {
        orphan_step(n, a);
    } else {
        a->stop_sent_ms = 0;
        idle_step(n, a);
    }
}

void node_app_free(struct node_app *a)
{
    if (a->log_fd >= 0) {
        (void)close(a->log_fd);
    }
    node_fetch_free(a->fetch);
    free(a->dir);
    free(a);
}
