/* SPDX-License-Identifier: Apache-2.0 */
/* msed node: the loop around the apps of this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/version.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "launch/launcher.h"
#include "operator/node.h"
#include "os/private_dir.h"
#include "package/manifest.h"
#include "package/rules.h"

#define TURN_MS      200
#define SHIP_MS      500
#define METRICS_MS   10000
#define CORES_SHARED 4

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
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
    struct mse_error seen = { 0 };
    char *path = cli_join(n->m->config.node.data, "id");
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MSE_OP_ID_LEN, &seen);
    if (st == MSE_ERR_NOT_FOUND) {
        st = mse_random_uuid(n->self.id);
        st = st == MSE_OK ? cli_file_write(path, mse_bytes_str(n->self.id), 0600, err) : st;
    } else if (st == MSE_OK && f.len == MSE_OP_ID_LEN - 1) {
        memcpy(n->self.id, f.data, f.len);
    } else if (st != MSE_OK) {
        st = MSE_FAIL(err, st, NODE_WHO, "%.200s", seen.text);
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

static mse_status describe(struct node *n, struct mse_error *err)
{
    struct mse_op_config_node *c = &n->m->config.node;
    struct mse_op_node *o = &n->self;
    long pages = sysconf(_SC_PHYS_PAGES);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t mib = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20 : 1;
    if (strlen(c->name) >= sizeof o->name || strlen(c->address) >= sizeof o->address) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, NODE_WHO, "[node] name or address is too long");
    }
    (void)snprintf(o->name, sizeof o->name, "%s", c->name);
    (void)snprintf(o->address, sizeof o->address, "%s", c->address);
    (void)snprintf(o->version, sizeof o->version, "%s", MSE_VERSION);
    o->memory = or_else(c->memory, mib);
    o->cores = or_else(c->cores, (uint64_t)(cores > 0 ? cores : 1) * CORES_SHARED);
    return node_find_tee(n, err);
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
        a->watched.log_fd = -1;
        a->start.listen_fd = -1;
        a->start.carry_fd = -1;
        a->dir = parent == NULL ? NULL : cli_join(parent, name);
        a->app.number = number;
        (void)snprintf(a->app.id, sizeof a->app.id, "%s", id);
        memcpy(a->watched.id, a->app.id, sizeof a->watched.id);
        a->watched.number = number;
        a->watched.dir = a->dir;
        a->store.watched = &a->watched;
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

/* What the store said last. An app for which there is no memory keeps everything as it was: not
 * known is not gone. */
static void take_list(struct node *n, const struct node_list *l)
{
    for (size_t i = 0; i < l->num; i++) {
        const struct mse_op_app *app = &l->apps[i];
        if (find(n, app->id, app->number) == NULL && add(n, app->id, app->number) == NULL) {
            return;
        }
    }
    for (size_t i = 0; i < n->num_apps; i++) {
        n->apps[i]->listed = false;
    }
    for (size_t i = 0; i < l->num; i++) {
        struct node_app *a = find(n, l->apps[i].id, l->apps[i].number);
        if (a != NULL) { /* as above */
            a->app = l->apps[i];
            a->listed = true;
        }
    }
    n->knows = n->knows || !l->disowned;
}

static void forget_gone(struct node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->num_apps; i++) {
        struct node_app *a = n->apps[i];
        bool gone = (a->dropped || !a->listed) && !node_fetch_waits(a) &&
                    !node_slot_waits(n->store, &a->store) && !node_slot_waits(n->keys, &a->key) &&
                    !node_slot_waits(n->names, &a->name) && !cli_file_exists(a->dir) &&
                    a->child == 0;
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

struct timers {
    int64_t ship;
    int64_t metrics;
};

static bool due(int64_t *at, int64_t every)
{
    int64_t now = mse_clock_ms();
    bool is_due = now >= *at;
    *at = is_due ? now + every : *at;
    return is_due;
}

static void watch(struct node *n, struct timers *t)
{
    bool ship = due(&t->ship, SHIP_MS);
    bool measure = due(&t->metrics, METRICS_MS);
    for (size_t i = 0; n->knows && i < n->num_apps; i++) {
        struct node_app *a = n->apps[i];
        struct node_ask log = { .word = NODE_SHIP };
        struct node_ask figures = { .word = NODE_MEASURE, .enclave = a->enclave };
        if (ship) {
            node_slot_tidy(n->store, &a->store);
        }
        if (measure && a->listed && a->enclave > 0 && node_app_lives(a)) {
            node_lane_hint(n->store, &a->store, a, &figures);
        }
        if (ship && a->listed && !a->dropped) {
            node_lane_hint(n->store, &a->store, a, &log);
        }
    }
}

static void turn(struct node *n, struct timers *t)
{
    struct node_list *list = node_lane_list(n->store);
    reap_children(n);
    if (list != NULL) {
        take_list(n, list);
        node_list_free(list);
    }
    for (size_t i = 0; n->knows && i < n->num_apps && ending == 0; i++) {
        node_app_step(n, n->apps[i]);
    }
    watch(n, t);
    forget_gone(n);
}

/* Until somebody has answered, and not for long. */
static void rest(const struct node *n)
{
    uint64_t num = 0;
    struct pollfd p = { .fd = n->wake_fd, .events = POLLIN };
    if (poll(&p, 1, TURN_MS) > 0) {
        (void)!read(n->wake_fd, &num, sizeof num);
    }
}

static enum cli_exit serve(struct node *n, const struct cli *c)
{
    struct timers t = { .ship = 0 };
    find_folders(n);
    cli_say(c, "msed: node %s starts enclaves of TEE %s at %s", n->self.name, n->self.tee,
            n->self.address);
    while (ending == 0) {
        turn(n, &t);
        if (ending == 0) {
            rest(n);
        }
    }
    mse_log(MSE_LOG_INFO, NODE_WHO, "%s ends; its enclaves go on", n->self.name);
    return CLI_DONE;
}

static mse_status start_threads(struct node *n, struct mse_error *err)
{
    n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mse_status st =
        n->wake_fd >= 0 ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%s", strerror(errno));
    st = st == MSE_OK ? node_beater_start(&n->beater, n->m->config.database, &n->self, err) : st;
    st = st == MSE_OK ? node_lane_start(&n->keys, n, false, err) : st;
    st = st == MSE_OK ? node_lane_start(&n->names, n, false, err) : st;
    return st == MSE_OK ? node_lane_start(&n->store, n, true, err) : st;
}

/* A node may be killed at any moment: it does not wait for a store that is silent. */
static void stop_threads(struct node *n, enum cli_exit e)
{
    bool over = node_lane_stop(n->store);
    over = node_lane_stop(n->keys) && over;
    over = node_lane_stop(n->names) && over;
    for (size_t i = 0; i < n->num_apps; i++) {
        over = over && !node_fetch_waits(n->apps[i]);
    }
    if (!node_beater_stop(n->beater) || !over) {
        mse_log(MSE_LOG_WARN, NODE_WHO, "%s waits for nobody any more", n->self.name);
        _exit((int)e);
    }
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
    struct node n = { .m = &m, .lock_fd = -1, .wake_fd = -1 };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        catch_signals();
        mse_status st =
            mse_op_config_set_node(&m.config, cli_value(c, "name"), cli_value(c, "address"), &err);
        st = st == MSE_OK ? take_folder(&n, &err) : st;
        st = st == MSE_OK ? node_make_absolute(&m.config.node.data, &err) : st;
        st = st == MSE_OK ? find_runtime(&n, &err) : st;
        st = st == MSE_OK ? describe(&n, &err) : st;
        st = st == MSE_OK ? node_join(&n, &err) : st;
        st = st == MSE_OK ? start_threads(&n, &err) : st;
        e = st == MSE_OK ? serve(&n, c) : cli_failed(c, st, &err);
    }
    stop_threads(&n, e);
    for (size_t i = 0; i < n.num_apps; i++) {
        node_app_free(n.apps[i]);
    }
    free(n.apps);
    free(n.runtime);
    if (n.wake_fd >= 0) {
        (void)close(n.wake_fd);
    }
    if (n.lock_fd >= 0) {
        (void)close(n.lock_fd);
    }
    msed_close(&m);
    return e;
}
