/* SPDX-License-Identifier: Apache-2.0 */
/* msed node: the loop around the apps of this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/version.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "operator/node.h"
#include "os/private_dir.h"
#include "package/manifest.h"
#include "package/rules.h"

#define TURN_MS      200
#define LIST_MS      500
#define METRICS_MS   10000
#define SWEEP_MS     60000
#define AGAIN_MS     1000                   /* after the store failed */
#define PACKAGE_MS   ((int64_t)3600 * 1000) /* so long a package may wait for its app */
#define MAX_CLAIMS   16                     /* in one turn */
#define CORES_SHARED 4

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
}

int64_t node_now_ms(void)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void node_complain(const char *what, const struct mse_error *err)
{
    mse_log(MSE_LOG_WARN, NODE_WHO, "%s: %s", what,
            err->text[0] != '\0' ? err->text : mse_status_text(err->status));
}

/* ---- what this node is */

static char *apps_folder(const struct node *n)
{
    return cli_join(n->m->config.node.data, "apps");
}

static mse_status own_id(struct node *n, struct mse_error *err)
{
    struct cli_file f = { 0 };
    char *path = cli_join(n->m->config.node.data, "id");
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MSE_OP_ID_LEN, err);
    if (st == MSE_ERR_NOT_FOUND) {
        st = mse_random_uuid(n->self.id);
        st = st == MSE_OK ? cli_file_write(path, mse_bytes_str(n->self.id), 0600, err) : st;
    } else if (st == MSE_OK && f.len == MSE_OP_ID_LEN - 1) {
        memcpy(n->self.id, f.data, f.len);
    }
    if (st == MSE_OK && !mse_rule_uuid4(n->self.id)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, NODE_WHO, "%.200s holds no UUID", path);
    }
    cli_file_clear(&f);
    free(path);
    return st;
}

/* One node for one folder. */
static mse_status take_folder(struct node *n, struct mse_error *err)
{
    const char *data = n->m->config.node.data;
    char *apps = apps_folder(n);
    char *lock = cli_join(data, "lock");
    mse_status st = apps == NULL || lock == NULL ? MSE_ERR_MEMORY : MSE_OK;
    if (st == MSE_OK && ((mkdir(data, 0700) != 0 && errno != EEXIST) ||
                         (mkdir(apps, 0700) != 0 && errno != EEXIST))) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.180s: %s", apps, strerror(errno));
    }
    if (st == MSE_OK) {
        n->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (n->lock_fd < 0 || flock(n->lock_fd, LOCK_EX | LOCK_NB) != 0) {
            st = MSE_FAIL(err, MSE_ERR_EXISTS, NODE_WHO, "%.150s: another node uses it (%s)", data,
                          strerror(errno));
        }
    }
    free(lock);
    free(apps);
    return st == MSE_OK ? own_id(n, err) : st;
}

static mse_status find_runtime(struct node *n, struct mse_error *err)
{
    static const char *const beside[] = { "mse-enclave", "../enclave/mse-enclave",
                                          "../libexec/mse/mse-enclave", "../lib/mse/mse-enclave" };
    const char *named = n->m->config.node.runtime;
    char *found = named != NULL
                      ? strdup(named)
                      : cli_find_beside(beside, MSE_ARRAY_LEN(beside), MSE_LIBEXEC "/mse-enclave");
    n->runtime = found == NULL ? NULL : realpath(found, NULL);
    free(found);
    return n->runtime != NULL ? MSE_OK
                              : MSE_FAIL(err, MSE_ERR_NOT_FOUND, NODE_WHO,
                                         "there is no mse-enclave; [node] runtime names it");
}

static uint64_t or_else(uint64_t n, uint64_t fallback)
{
    return n > 0 ? n : fallback;
}

/* Absolute paths: a shepherd may be asked from elsewhere. */
static mse_status make_absolute(char **path, struct mse_error *err)
{
    char *real = realpath(*path, NULL);
    if (real == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, NODE_WHO, "%.180s: %s", *path, strerror(errno));
    }
    free(*path);
    *path = real;
    return MSE_OK;
}

static mse_status describe(struct node *n, struct mse_error *err)
{
    struct mse_op_config_node *c = &n->m->config.node;
    struct mse_op_node *o = &n->self;
    long pages = sysconf(_SC_PHYS_PAGES);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t mib = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20 : 1;
    if (c->platform == NULL) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, NODE_WHO,
                        "[node] platform is missing: the folder of the simulated platform");
    }
    if (strlen(c->name) >= sizeof o->name || strlen(c->address) >= sizeof o->address) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, NODE_WHO, "[node] name or address is too long");
    }
    (void)snprintf(o->name, sizeof o->name, "%s", c->name);
    (void)snprintf(o->address, sizeof o->address, "%s", c->address);
    (void)snprintf(o->tee, sizeof o->tee, "%s", c->tee);
    (void)snprintf(o->version, sizeof o->version, "%s", MSE_VERSION);
    o->memory = or_else(c->memory, mib);
    o->cores = or_else(c->cores, (uint64_t)(cores > 0 ? cores : 1) * CORES_SHARED);
    o->enclave_memory = or_else(c->enclave_memory, o->memory);
    return make_absolute(&c->platform, err);
}

/* ---- the list of apps */

/* An app has a folder of its id; an instance that follows, of id and number. */
#define NAME_LEN (MSE_OP_ID_LEN + 8)

static void name_folder(char out[NAME_LEN], const char *id, uint32_t number)
{
    if (number == 0) {
        (void)snprintf(out, NAME_LEN, "%.36s", id);
    } else {
        (void)snprintf(out, NAME_LEN, "%.36s.%u", id, (unsigned)(number % 1000));
    }
}

/* Whose folder this is; part: that is being filled. */
static bool read_folder(const char *name, char id[MSE_OP_ID_LEN], uint32_t *number, bool *part)
{
    char same[NAME_LEN];
    uint64_t n = 0;
    size_t len = strlen(name);
    size_t tail = strlen(NODE_PART);
    *part = len > tail && strcmp(name + len - tail, NODE_PART) == 0;
    len -= *part ? tail : 0;
    if (len < MSE_OP_ID_LEN - 1 || len >= sizeof same) {
        return false;
    }
    memcpy(id, name, MSE_OP_ID_LEN - 1);
    id[MSE_OP_ID_LEN - 1] = '\0';
    if (len > MSE_OP_ID_LEN &&
        !mse_u64_parse(&n, mse_bytes_of(name + MSE_OP_ID_LEN, len - MSE_OP_ID_LEN),
                       MSE_MANIFEST_MAX_REPLICAS)) {
        return false;
    }
    name_folder(same, id, (uint32_t)n);
    *number = (uint32_t)n;
    return mse_rule_uuid4(id) && strlen(same) == len && strncmp(same, name, len) == 0;
}

static struct node_app *find(const struct node *n, const char *id, uint32_t number)
{
    for (size_t i = 0; i < n->num_apps; i++) {
        if (n->apps[i]->app.number == number && strcmp(n->apps[i]->app.id, id) == 0) {
            return n->apps[i];
        }
    }
    return NULL;
}

static struct node_app *add(struct node *n, const char *id, uint32_t number)
{
    char name[NAME_LEN];
    struct node_app **more = realloc(n->apps, (n->num_apps + 1) * sizeof(struct node_app *));
    if (more == NULL) {
        return NULL;
    }
    n->apps = more;
    struct node_app *a = calloc(1, sizeof *a);
    char *parent = apps_folder(n);
    if (a != NULL) {
        name_folder(name, id, number);
        a->log_fd = -1;
        a->dir = parent == NULL ? NULL : cli_join(parent, name);
        a->app.number = number;
        (void)snprintf(a->app.id, sizeof a->app.id, "%s", id);
    }
    free(parent);
    if (a == NULL || a->dir == NULL) {
        if (a != NULL) {
            node_app_free(a);
        }
        return NULL;
    }
    n->apps[n->num_apps++] = a;
    return a;
}

static mse_status take_listed(void *arg, const struct mse_op_app *app)
{
    struct node *n = arg;
    struct node_app *a = find(n, app->id, app->number);
    a = a == NULL ? add(n, app->id, app->number) : a;
    if (a == NULL) {
        return MSE_ERR_MEMORY;
    }
    a->app = *app;
    a->listed = true;
    return MSE_OK;
}

/* What a node left that was killed while it fetched a package. */
static void remove_partial(const char *parent, const char *name)
{
    char *path = cli_join(parent, name);
    if (path == NULL || !mse_tree_remove(path)) {
        mse_log(MSE_LOG_WARN, NODE_WHO, "%s cannot be removed", name);
    }
    free(path);
}

/* What stands in the data folder and is nobody's app here goes too. */
static void find_folders(struct node *n)
{
    char *parent = apps_folder(n);
    DIR *d = parent == NULL ? NULL : opendir(parent);
    const struct dirent *e = NULL;
    char id[MSE_OP_ID_LEN];
    uint32_t number = 0;
    bool part = false;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (!read_folder(e->d_name, id, &number, &part)) {
            continue;
        }
        if (part) {
            remove_partial(parent, e->d_name);
        } else if (find(n, id, number) == NULL) {
            (void)add(n, id, number);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    free(parent);
}

static mse_status refresh(struct node *n, struct mse_error *err)
{
    bool *was = calloc(n->num_apps + 1, sizeof *was);
    if (was == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory");
    }
    size_t num = n->num_apps;
    for (size_t i = 0; i < num; i++) {
        was[i] = n->apps[i]->listed;
        n->apps[i]->listed = false;
    }
    mse_status st = mse_op_node_apps(n->m->store, n->self.name, take_listed, n, err);
    for (size_t i = 0; st != MSE_OK && i < num; i++) {
        n->apps[i]->listed = was[i]; /* not known is not gone */
    }
    free(was);
    return st;
}

static mse_status claim_all(struct node *n, struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (unsigned i = 0; st == MSE_OK && i < MAX_CLAIMS; i++) {
        struct mse_op_app app = { .status = MSE_OP_SPAWNING };
        st = mse_op_claim(n->m->store, n->self.name, n->self.epoch, &app, err);
        if (st == MSE_OK) {
            mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is placed here%s", app.id,
                    app.number == 0 ? "" : ", one more instance of it");
            st = take_listed(n, &app);
        }
    }
    return st == MSE_ERR_NOT_FOUND || st == MSE_ERR_LEASE_LOST ? MSE_OK : st;
}

static void forget_gone(struct node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->num_apps; i++) {
        struct node_app *a = n->apps[i];
        bool gone = (a->dropped || !a->listed) && !node_fetch_waits(a) &&
                    !cli_file_exists(a->dir) && a->child == 0;
        if (gone) {
            node_app_free(a);
        } else {
            n->apps[kept++] = a;
        }
    }
    n->num_apps = kept;
}

/* ---- the loop */

static void reap_children(struct node *n)
{
    pid_t pid = 0;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        for (size_t i = 0; i < n->num_apps; i++) {
            n->apps[i]->child = n->apps[i]->child == pid ? 0 : n->apps[i]->child;
        }
    }
}

static mse_status join(struct node *n, struct mse_error *err)
{
    mse_status st = mse_op_node_join(n->m->store, &n->self, MSE_OP_LEASE_MS, err);
    if (st == MSE_OK) {
        mse_log(MSE_LOG_INFO, NODE_WHO, "%s joined, epoch %llu", n->self.name,
                (unsigned long long)n->self.epoch);
    }
    return st;
}

static void sweep(struct node *n)
{
    struct mse_error err = { 0 };
    int64_t now = 0;
    struct mse_op_store *s = n->m->store;
    mse_status st = mse_op_clock_ms(s, &now, &err);
    st = st == MSE_OK ? mse_op_package_sweep(s, now - PACKAGE_MS, &err) : st;
    st = st == MSE_OK ? mse_op_log_sweep(s, now - MSE_OP_LOG_KEEP_MS, &err) : st;
    st = st == MSE_OK ? mse_op_metric_sweep(s, now - MSE_OP_METRIC_KEEP_MS, &err) : st;
    if (st != MSE_OK) {
        node_complain("sweep", &err);
    }
}

struct timers {
    int64_t list;
    int64_t metrics;
    int64_t sweep;
};

static bool due(int64_t *at, int64_t every)
{
    int64_t now = node_now_ms();
    bool is_due = now >= *at;
    *at = is_due ? now + every : *at;
    return is_due;
}

/* Another machine has this node's name, and the store has ended what was here. */
static void disown_all(struct node *n)
{
    for (size_t i = 0; i < n->num_apps; i++) {
        n->apps[i]->listed = false;
    }
}

static mse_status talk(struct node *n, struct mse_error *err)
{
    mse_status st = MSE_OK;
    if (node_beater_lost(n->beater)) {
        st = join(n, err);
        if (st == MSE_OK) {
            node_beater_epoch(n->beater, n->self.epoch);
        } else if (st == MSE_ERR_EXISTS) {
            disown_all(n);
        }
    }
    st = st == MSE_OK ? refresh(n, err) : st;
    n->knows = n->knows || st == MSE_OK;
    return st == MSE_OK ? claim_all(n, err) : st;
}

static void turn(struct node *n, struct timers *t)
{
    bool list = due(&t->list, LIST_MS);
    reap_children(n);
    if (list) {
        struct mse_error err = { 0 };
        if (talk(n, &err) != MSE_OK) {
            node_complain("store", &err);
            t->list = node_now_ms() + AGAIN_MS;
        }
    }
    for (size_t i = 0; n->knows && i < n->num_apps && ending == 0; i++) {
        node_app_step(n, n->apps[i]);
        if (list && n->apps[i]->listed && !n->apps[i]->dropped) {
            node_log_ship(n, n->apps[i], false);
        }
    }
    forget_gone(n);
    if (due(&t->metrics, METRICS_MS)) {
        for (size_t i = 0; i < n->num_apps; i++) {
            if (n->apps[i]->listed && n->apps[i]->enclave > 0 && node_app_lives(n->apps[i])) {
                node_measure(n, n->apps[i]);
            }
        }
    }
    if (due(&t->sweep, SWEEP_MS)) {
        sweep(n);
    }
}

static enum cli_exit serve(struct node *n, const struct cli *c)
{
    struct timers t = { .sweep = node_now_ms() + SWEEP_MS };
    find_folders(n);
    cli_say(c, "msed: node %s starts enclaves of TEE %s at %s", n->self.name, n->self.tee,
            n->self.address);
    while (ending == 0) {
        turn(n, &t);
        if (ending == 0) {
            (void)poll(NULL, 0, TURN_MS);
        }
    }
    mse_log(MSE_LOG_INFO, NODE_WHO, "%s ends; its enclaves go on", n->self.name);
    return CLI_DONE;
}

static void catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigemptyset(&sa.sa_mask);
    (void)sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

enum cli_exit cmd_node(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct node n = { .m = &m, .lock_fd = -1 };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        catch_signals();
        mse_status st =
            mse_op_config_set_node(&m.config, cli_value(c, "name"), cli_value(c, "address"), &err);
        st = st == MSE_OK ? take_folder(&n, &err) : st;
        st = st == MSE_OK ? make_absolute(&m.config.node.data, &err) : st;
        st = st == MSE_OK ? find_runtime(&n, &err) : st;
        st = st == MSE_OK ? describe(&n, &err) : st;
        st = st == MSE_OK ? join(&n, &err) : st;
        st = st == MSE_OK ? node_beater_start(&n.beater, m.config.database, &n.self, &err) : st;
        e = st == MSE_OK ? serve(&n, c) : cli_failed(c, st, &err);
    }
    node_beater_stop(n.beater);
    for (size_t i = 0; i < n.num_apps; i++) {
        node_app_free(n.apps[i]);
    }
    free(n.apps);
    free(n.runtime);
    if (n.lock_fd >= 0) {
        (void)close(n.lock_fd);
    }
    msed_close(&m);
    return e;
}
