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
#include "base/clock.h"
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
#define IN_PLACE_MS  2000  /* for the store, before an app begins again where it was */
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
static enum node_said tell(struct node *n, struct node_app *a, const char *what, struct node_ask *q)
{
    struct mse_error err = { 0 };
    enum node_said said = node_lane_ask(n->store, &a->store, a, q, &err);
    if (said == NODE_FAILED) {
        node_complain(what, &err);
    }
    return said;
}

static void set_text(char out[MSE_OP_TEXT_LEN], const char *text)
{
    (void)snprintf(out, MSE_OP_TEXT_LEN, "%s", text);
    mse_utf8_printable(out);
}

/* last: it ends; what it said goes to the store before. */
static bool move(struct node *n, struct node_app *a, enum mse_op_app_status to, const char *detail,
                 bool last)
{
    struct node_ask q = { .word = NODE_MOVE, .to = to, .last = last };
    set_text(q.text, detail);
    if (tell(n, a, "move", &q) != NODE_DONE) {
        return false;
    }
    mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is %s%s%s", a->app.id, mse_op_status_name(to),
            q.text[0] == '\0' ? "" : ": ", q.text);
    a->app.status = to;
    return true;
}

/* Its last status; its folder goes afterwards. */
static void conclude(struct node *n, struct node_app *a, enum mse_op_app_status to,
                     const char *detail)
{
    a->hushes = false;
    a->dropped = move(n, a, to, detail, true) || a->dropped;
}

/* Another node may have it. */
static void give_back(struct node *n, struct node_app *a, const char *why)
{
    struct node_ask q = { .word = NODE_RELEASE };
    a->hushes = false;
    set_text(q.text, why);
    if (tell(n, a, "release", &q) == NODE_DONE) {
        mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is given back: %s", name_of(a), q.text);
        a->dropped = true;
    }
}

/* It does not come to be here. */
static void fail(struct node *n, struct node_app *a, const char *why)
{
    char text[MSE_OP_TEXT_LEN];
    set_text(text, why[0] == '\0' ? "unknown" : why);
    memcpy(a->why, text, sizeof a->why);
    if (follows(a)) {
        give_back(n, a, text);
    } else {
        conclude(n, a, MSE_OP_ON_ERROR, text);
    }
}

/* It was to stop, and has. Of an app with several instances the first one says so. */
static void has_stopped(struct node *n, struct node_app *a, const char *detail)
{
    struct node_ask q = { .word = NODE_SHIP, .last = true };
    if (!follows(a)) {
        conclude(n, a, MSE_OP_STOPPED, detail);
    } else if (tell(n, a, "log", &q) != NODE_PENDING) {
        a->dropped = true;
    }
}

static enum node_said set_instance(struct node *n, struct node_app *a,
                                   const struct mse_op_instance *given, const char *fingerprint,
                                   const char *text)
{
    struct node_ask q = { .word = NODE_SET, .i = *given };
    set_text(q.text, text);
    if (!mse_hex_decode(q.i.fingerprint, 32, mse_bytes_str(fingerprint))) {
        memset(q.i.fingerprint, 0, sizeof q.i.fingerprint);
    }
    enum node_said said = tell(n, a, "instance", &q);
    if (said == NODE_DONE) {
        a->app.port = given->port;
        a->app.launched = true;
    }
    mse_wipe(&q.i, sizeof q.i);
    return said;
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
    static const struct node_start none = { .listen_fd = -1, .carry_fd = -1 };
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    if (s->carry_fd >= 0) {
        (void)close(s->carry_fd);
    }
    mse_wipe(s, sizeof *s);
    *s = none;
}

static bool open_start(struct node *n, struct node_app *a)
{
    struct node_start *s = &a->start;
    bool carries = !follows(a) && a->app.replicas > 1;
    bool good = listen_at(n, &s->listen_fd, &s->at.port, a->app.port);
    if (good && carries) {
        good = listen_at(n, &s->carry_fd, &s->at.carry_port, a->carry_port) &&
               mse_random(s->carry_key, sizeof s->carry_key) == MSE_OK;
        memcpy(s->at.carry_key, s->carry_key, sizeof s->at.carry_key);
    }
    s->in_place = good && a->app.launched && !follows(a) && s->at.port == a->app.port;
    s->since_ms = mse_clock_ms();
    if (!good) {
        close_start(s);
    }
    return good;
}

/* Where its leader is. The resolver may be silent, too. */
static bool find_leader(struct node *n, struct node_app *a)
{
    struct mse_error err = { 0 };
    struct node_ask q = { .word = NODE_FIND };
    if (!follows(a) || a->start.leader[0] != '\0') {
        return true;
    }
    set_text(q.text, a->app.leader.address);
    enum node_said said = node_lane_ask(n->names, &a->name, a, &q, &err);
    if (said == NODE_FAILED) {
        fail(n, a, err.text);
    } else if (said == NODE_DONE) {
        memcpy(a->start.leader, q.host, sizeof a->start.leader);
    }
    return said == NODE_DONE;
}

/* The store learns it before: from then on no other node gets this app. One that begins again where
 * it was has nothing new to say but its keys, and does not wait for a store that is silent. */
static bool announce(struct node *n, struct node_app *a)
{
    struct node_start *s = &a->start;
    if (s->listen_fd < 0 && !open_start(n, a)) {
        return false;
    }
    a->hushes = false; /* this says so, too */
    enum node_said said = set_instance(n, a, &s->at, a->app.fingerprint, "");
    if (said == NODE_DONE) {
        return true;
    }
    if (said == NODE_FAILED && !s->in_place) {
        close_start(s);
        return false;
    }
    return s->in_place && (said == NODE_FAILED || mse_clock_ms() - s->since_ms >= IN_PLACE_MS);
}

static bool start(struct node *n, struct node_app *a)
{
    struct mse_error err = { 0 };
    if (!find_leader(n, a) || !announce(n, a)) {
        return false;
    }
    a->carry_port = a->start.at.carry_port;
    mse_status st = node_shepherd_start(&a->child, n, a, &a->start, &err);
    close_start(&a->start);
    if (st != MSE_OK) {
        fail(n, a, err.text);
    }
    return st == MSE_OK;
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
        a->not_before_ms = mse_clock_ms() + FIRST_MS;
        return;
    }
    if (!ready || !start(n, a)) {
        return;
    }
    a->begun_ms = mse_clock_ms();
    a->next_look_ms = a->begun_ms;
    a->not_before_ms = 0;
    a->enclave = 0;
    a->dead_ms = 0;
    a->has_key = false;
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
    int64_t now = mse_clock_ms();
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
static void hush_step(struct node *n, struct node_app *a)
{
    const struct mse_op_instance i = { .port = a->app.port };
    if (!a->hushes || a->silent || a->app.port == 0) {
        a->hushes = false;
    } else if (set_instance(n, a, &i, a->app.fingerprint, a->hush) == NODE_DONE) {
        a->silent = true;
    }
}

static void silence(struct node *n, struct node_app *a, const char *why)
{
    if (!a->hushes && !a->silent) {
        a->hushes = true;
        set_text(a->hush, follows(a) ? why : "");
        hush_step(n, a);
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
    int64_t now = mse_clock_ms();
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

/* Once for each start. */
static bool learn_key(struct node *n, struct node_app *a, bool runs)
{
    struct mse_error err = { 0 };
    struct node_ask q = { .word = NODE_KEY, .runs = runs };
    enum node_said said = a->has_key ? NODE_DONE : node_lane_ask(n->keys, &a->key, a, &q, &err);
    if (said == NODE_FAILED) {
        node_complain("key", &err);
    } else if (said == NODE_DONE && !a->has_key) {
        memcpy(a->spki_sha256, q.i.spki_sha256, sizeof a->spki_sha256);
        a->has_key = true;
    }
    return said == NODE_DONE;
}

/* Where it is, and by which key it is known there. */
static bool tell_where(struct node *n, struct node_app *a, const json_t *state, bool runs)
{
    const char *fingerprint = json_string_value(json_object_get(state, "fingerprint"));
    struct mse_op_instance i = { .port = a->app.port };
    if (!learn_key(n, a, runs)) {
        return false;
    }
    memcpy(i.spki_sha256, a->spki_sha256, sizeof i.spki_sha256);
    uint16_t carry = (uint16_t)json_integer_value(json_object_get(state, "carry_port"));
    i.carry_port = carry != 0 && node_carry_key(i.carry_key, a->dir) ? carry : 0;
    a->hushes = false;
    a->told = set_instance(n, a, &i, fingerprint == NULL ? "" : fingerprint, "") == NODE_DONE;
    a->silent = a->silent && !a->told;
    mse_wipe(i.carry_key, sizeof i.carry_key);
    return a->told;
}

/* The enclave is there: who it is, and what it waits for. */
static void on_there(struct node *n, struct node_app *a, const json_t *state, bool runs)
{
    uint16_t port = (uint16_t)json_integer_value(json_object_get(state, "port"));
    if (follows(a) && !runs) {
        return;
    }
    if (port != a->app.port) { /* a shepherd of an earlier node */
        a->app.port = port;
        a->has_key = false;
        a->told = false;
    }
    if ((!a->told && !tell_where(n, a, state, runs)) || follows(a)) {
        return;
    }
    if (a->app.status == MSE_OP_SPAWNING && !move(n, a, MSE_OP_INITIALIZING, "", false)) {
        return;
    }
    if (a->app.status == MSE_OP_INITIALIZING && runs && !move(n, a, MSE_OP_RUNNING, "", false)) {
        return;
    }
    if (a->app.status == MSE_OP_RUNNING && !runs) {
        conclude(n, a, MSE_OP_ON_ERROR,
                 "the enclave was started again, and what it had sealed does not open");
    }
}

static void look(struct node *n, struct node_app *a)
{
    int64_t now = mse_clock_ms();
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
    bool waits = node_slot_waits(n->store, &a->store) || node_slot_waits(n->keys, &a->key);
    bool all_told = a->app.status == MSE_OP_RUNNING && a->told;
    a->next_look_ms = now + (all_told ? LOOK_MS : waits ? 0 : LOOK_SOON_MS);
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
    int64_t now = mse_clock_ms();
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
        } else if (mse_clock_ms() >= a->not_before_ms && may_begin(n, a)) {
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
    int64_t now = mse_clock_ms();
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
    close_start(&a->start);
    if (node_app_end(n, a) && cli_file_exists(a->dir) && !mse_tree_remove(a->dir)) {
        mse_log(MSE_LOG_WARN, NODE_WHO, "%s cannot be removed", a->dir);
    }
}

void node_app_step(struct node *n, struct node_app *a)
{
    if (node_fetch_waits(a)) {
        return;
    }
    if (a->listed && !a->dropped) {
        hush_step(n, a);
    }
    if (a->dropped || !a->listed) {
        drop_step(n, a);
    } else if (a->why[0] != '\0') {
        fail(n, a, a->why);
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
    if (a->watched.log_fd >= 0) {
        (void)close(a->watched.log_fd);
    }
    close_start(&a->start);
    node_fetch_free(a->fetch);
    free(a->dir);
    free(a);
}
