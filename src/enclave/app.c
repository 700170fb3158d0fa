/* SPDX-License-Identifier: Apache-2.0 */
/* See app.h. In the sandbox the folders have fixed places below /mse, whatever they are called
 * outside. */
#include "enclave/app.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "enclave/library_os.h"
#include "enclave/python_boot.h"
#include "os/memory.h"
#include "os/plain.h"
#include "os/private_dir.h"

#define PYTHON         "/usr/bin/python3"
#define SOCKET_NAME    "app.sock"
#define ATTEST_NAME    "attest.sock"
#define MAX_OWN_ENV    ((size_t)12)
#define MAX_ARGS       ((size_t)1024)
#define INNER_CODE     "/mse/code"
#define INNER_HOME     "/mse/home"
#define INNER_KEYS     "/mse/keys"
#define INNER_RUN      "/mse/run"
#define INNER_SECRETS  "/mse/secrets"
#define INNER_ATTEST   "/mse/attest"
#define FILE_SECRETS   "/secrets.json"
#define FILE_SEALED    "/sealed_secrets.json"
#define FILE_PK        "/enclave.pub"
#define FILE_SK        "/enclave.key"
#define INNER_TMP      "/tmp"
#define BASE_SIZE      ((uint64_t)64 * 1024 * 1024) /* secrets, and what the code's files cost */
#define RUN_SIZE       ((uint64_t)1024 * 1024)
#define NODE_BYTES     ((uint64_t)4096)
#define MAX_INODES     ((uint64_t)1 << 18) /* as many as are stored */
#define SOCKET_PATH_OK ((size_t)107)
#define REMOVE_TRIES   3U

uid_t mse_app_user(const struct mse_app *a)
{
    return a->uid == MSE_SPAWN_SAME_USER ? geteuid() : a->uid;
}

/* Folders. */

static mse_status write_file(const char *dir, const char *name, const char *text,
                             struct mse_error *err)
{
    int fd = -1;
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0) {
        fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        (void)close(at);
    }
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, 0444) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "app", "%s: %s", name, strerror(errno));
}

/* The few files of /etc that differ from the host's. */
static mse_status write_etc(const char *dir, struct mse_error *err)
{
    static const char *const files[][2] = {
        { "passwd", "app:x:64000:64000:app:" INNER_HOME ":/bin/sh\n" },
        { "group", "app:x:64000:\n" },
        { "hosts", "127.0.0.1 localhost\n::1 localhost\n" },
        { "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n" },
    };
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(files); i++) {
        st = write_file(dir, files[i][0], files[i][1], err);
    }
    return st;
}

static mse_status name_socket(char **out, const char *dir, const char *name, struct mse_error *err)
{
    if (asprintf(out, "%s/%s", dir, name) < 0) {
        *out = NULL;
        return MSE_FAIL(err, MSE_ERR_MEMORY, "app", "out of memory");
    }
    MSE_ASSERT(strlen(*out) <= SOCKET_PATH_OK);
    return MSE_OK;
}

/* File systems over folders that exist; the one over the first holds the others. */
static mse_status mount_over(const char *dir, uint64_t size, bool wanted, struct mse_error *err)
{
    uint64_t nodes = size / NODE_BYTES < MAX_INODES ? size / NODE_BYTES : MAX_INODES;
    return wanted ? mse_memory_mount(dir, size, nodes, err) : MSE_OK;
}

static mse_status own(const char *dir, uid_t owner, mode_t mode, struct mse_error *err)
{
    return chmod(dir, mode) == 0 && (owner == geteuid() || chown(dir, owner, owner) == 0)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_IO, "app", "%s: %s", dir, strerror(errno));
}

static mse_status make_folders(struct mse_app *a, uint64_t size, struct mse_error *err)
{
    uid_t app = mse_app_user(a);
    const struct {
        char **path;
        const char *name;
        uid_t owner;
        mode_t mode;
    } folders[] = {
        { &a->code, "code", geteuid(), 0755 },
        { &a->etc, "etc", geteuid(), 0755 },
        { &a->data, "data", geteuid(), 0711 },
        { &a->tmp, "tmp", app, 0700 },
        { &a->run, "run", app, 0700 },
        { &a->config, "config", geteuid(), 0700 },
        { &a->attest, "attest", geteuid(), 0711 },
    };
    mse_status st = mse_private_dir_make(&a->dir, &a->dir_lock, MSE_PRIVATE_DIR_PARENT, err);
    st = st == MSE_OK ? mount_over(a->dir, size + BASE_SIZE, a->own_memory, err) : st;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(folders); i++) {
        st = mse_private_subdir(folders[i].path, a->dir, folders[i].name, folders[i].owner,
                                folders[i].mode, err);
    }
    st = st == MSE_OK ? mount_over(a->data, size / MSE_APP_DATA_SHARE, a->own_memory, err) : st;
    st = st == MSE_OK ? mount_over(a->run, RUN_SIZE, a->own_memory, err) : st;
    st = st == MSE_OK ? own(a->run, app, 0700, err) : st;
    st = st == MSE_OK ? mse_private_subdir(&a->home, a->data, "home", app, 0700, err) : st;
    st = st == MSE_OK ? mse_private_subdir(&a->keys, a->data, "keys", app, 0700, err) : st;
    st = st == MSE_OK ? name_socket(&a->socket, a->run, SOCKET_NAME, err) : st;
    st = st == MSE_OK ? name_socket(&a->attest_socket, a->attest, ATTEST_NAME, err) : st;
    return st == MSE_OK ? write_etc(a->etc, err) : st;
}

mse_status mse_app_prepare(struct mse_app *a, bool insecure_no_sandbox, uint64_t enclave_size,
                           struct mse_error *err)
{
    *a = (struct mse_app) { .uid = MSE_SPAWN_SAME_USER,
                            .uid_lock = -1,
                            .dir_lock = -1,
                            .insecure_no_sandbox = insecure_no_sandbox,
                            .own_memory = enclave_size > 0 };
    mse_status st = MSE_OK;
    if (mse_owns_uids(MSE_APP_FIRST_UID, MSE_APP_LAST_UID)) {
        st = mse_reserve_uid(&a->uid, &a->uid_lock, MSE_APP_FIRST_UID, MSE_APP_LAST_UID, err);
    }
    return st == MSE_OK ? make_folders(a, enclave_size, err) : st;
}

/* What the app keeps, where that is made or checked elsewhere. */
static mse_status name_folders(struct mse_app *a, struct mse_error *err)
{
    if (asprintf(&a->home, "%s/home", a->data) < 0) {
        a->home = NULL;
    }
    if (asprintf(&a->keys, "%s/keys", a->data) < 0) {
        a->keys = NULL;
    }
    return a->home != NULL && a->keys != NULL
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MEMORY, "app", "out of memory");
}

mse_status mse_app_prepare_library_os(struct mse_app *a, const char *data, struct mse_error *err)
{
    static const char run[] = MSE_LIBRARY_OS_RUN;
    const char *home = data == NULL ? MSE_LIBRARY_OS_HOME : data;
    *a = (struct mse_app) {
        .uid = MSE_SPAWN_SAME_USER, .uid_lock = -1, .dir_lock = -1, .library_os = true
    };
    const struct {
        char **path;
        const char *dir;
        const char *name;
    } folders[] = { { &a->code, run, "code" },     { &a->tmp, run, "tmp" },
                    { &a->run, run, "run" },       { &a->config, run, "config" },
                    { &a->attest, run, "attest" }, { &a->home, home, "home" },
                    { &a->keys, home, "keys" } };
    size_t num = MSE_ARRAY_LEN(folders) - (data == NULL ? 0 : 2);
    mse_status st = MSE_OK;
    a->dir = strdup(run);
    a->data = strdup(home);
    if (a->dir == NULL || a->data == NULL) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "app", "out of memory");
    }
    st = st == MSE_OK && data != NULL ? name_folders(a, err) : st;
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = mse_private_subdir(folders[i].path, folders[i].dir, folders[i].name, geteuid(), 0700,
                                err);
    }
    st = st == MSE_OK ? name_socket(&a->socket, a->run, SOCKET_NAME, err) : st;
    return st == MSE_OK ? name_socket(&a->attest_socket, a->attest, ATTEST_NAME, err) : st;
}

/* Secrets. */

static bool write_secret(const char *dir, const char *name, uid_t owner, struct mse_bytes content)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    while (ok && content.len > 0) {
        ssize_t done = write(fd, content.data, content.len);
        ok = done > 0;
        content.data += ok ? done : 0;
        content.len -= ok ? (size_t)done : 0;
    }
    ok = ok && fchmod(fd, 0400) == 0 && (owner == geteuid() || fchown(fd, owner, owner) == 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

static bool write_secrets(const char *dir, uid_t owner, const struct mse_app_secrets *s)
{
    const struct {
        const char *name;
        struct mse_bytes content;
    } files[] = {
        { FILE_SECRETS, s->secrets },
        { FILE_SEALED, s->sealed },
        { FILE_PK, mse_bytes_of(s->x25519_public, 32) },
        { FILE_SK, mse_bytes_of(s->x25519_secret, 32) },
    };
    bool ok = true;
    for (size_t i = 0; ok && i < MSE_ARRAY_LEN(files); i++) {
        ok = files[i].content.data == NULL ||
             write_secret(dir, files[i].name, owner, files[i].content);
    }
    return ok;
}

/* Where a folder can be renamed, they come all at once. */
static mse_status put_secrets(const char *path, struct mse_app *a, const struct mse_app_secrets *s,
                              struct mse_error *err)
{
    uid_t owner = mse_app_user(a);
    const char *name = a->library_os ? "secrets" : "secrets.new";
    char *fresh = NULL;
    mse_status st = mse_private_subdir(&fresh, a->dir, name, owner, 0700, err);
    if (st == MSE_OK &&
        (!write_secrets(fresh, owner, s) || (!a->library_os && rename(fresh, path) != 0))) {
        st = MSE_FAIL(err, MSE_ERR_IO, "secrets", "they cannot be stored: %s", strerror(errno));
        if (!a->library_os) {
            (void)mse_tree_remove(fresh);
        }
    }
    free(fresh);
    return st;
}

mse_status mse_app_put_secrets(struct mse_app *a, const struct mse_app_secrets *s,
                               struct mse_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/secrets", a->dir) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "secrets", "out of memory");
    }
    mse_status st = put_secrets(path, a, s, err);
    if (st != MSE_OK) {
        free(path);
        return st;
    }
    a->secrets = path;
    return MSE_OK;
}

/* Environment. */

void mse_app_env_free(char **env)
{
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        free(env[i]);
    }
    free(env);
}

static bool set_var(char **slot, const char *name, const char *value)
{
    if (asprintf(slot, "%s=%s", name, value) < 0) {
        *slot = NULL;
        return false;
    }
    return true;
}

mse_status mse_app_env(char ***out, const struct mse_app *a, const struct mse_manifest *m,
                       struct mse_error *err)
{
    bool real = a->insecure_no_sandbox || a->library_os;
    const char *base = real ? a->secrets : INNER_SECRETS;
    const char *const own[][2] = {
        { "HOME", real ? a->home : INNER_HOME },
        { "MODULE_PATH", real ? a->code : INNER_CODE },
        { "TMP_PATH", real ? a->tmp : INNER_TMP },
        { "KEY_PATH", real ? a->keys : INNER_KEYS },
        { "MSE_SOCKET", real ? a->socket : INNER_RUN "/" SOCKET_NAME },
        { "MSE_ATTEST_SOCKET", real ? a->attest_socket : INNER_ATTEST "/" ATTEST_NAME },
        { "MSE_APP_ID", m->app_id },
    };
    const struct {
        const char *name;
        const char *file;
        bool there;
    } files[] = {
        { "ENCLAVE_PK_PATH", FILE_PK, true },
        { "ENCLAVE_SK_PATH", FILE_SK, true },
        { "SECRETS_PATH", FILE_SECRETS, (m->expects & MSE_EXPECT_SECRETS) != 0 },
        { "SEALED_SECRETS_PATH", FILE_SEALED, (m->expects & MSE_EXPECT_SEALED_SECRETS) != 0 },
    };
    _Static_assert(MSE_ARRAY_LEN(own) + MSE_ARRAY_LEN(files) + 1 == MAX_OWN_ENV, "own variables");
    char **env = calloc(m->num_env + MAX_OWN_ENV + 1, sizeof *env);
    size_t num = m->num_env;
    bool ok = env != NULL;
    for (size_t i = 0; ok && i < m->num_env; i++) {
        ok = set_var(&env[i], m->env[i].name, m->env[i].value);
    }
    for (size_t i = 0; ok && i < MSE_ARRAY_LEN(own); i++) {
        ok = set_var(&env[num++], own[i][0], own[i][1]);
    }
    if (ok && !real) { /* the machine's own ports are none of the app's */
        ok = set_var(&env[num++], "PORT", MSE_APP_PORT_TEXT);
    }
    for (size_t i = 0; ok && i < MSE_ARRAY_LEN(files); i++) {
        char value[PATH_MAX];
        if (files[i].there) {
            (void)snprintf(value, sizeof value, "%s%s", base, files[i].file);
            ok = set_var(&env[num++], files[i].name, value);
        }
    }
    if (!ok) {
        mse_app_env_free(env);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "app", "out of memory");
    }
    *out = env;
    return MSE_OK;
}

/* Process. */

/* What is started: the manifest's command, or its Python application under gunicorn. */
static mse_status command_of(const char **argv, const struct mse_manifest *m, char workers[16],
                             struct mse_error *err)
{
    if (m->python_application != NULL) {
        (void)snprintf(workers, 16, "%u", m->workers);
        const char *const python[] = {
            PYTHON, "-I", "-B", "-c", mse_python_boot, m->python_application, workers
        };
        memcpy(argv, python, sizeof python);
        return MSE_OK;
    }
    if (m->command.num == 0 || m->command.num > MAX_ARGS) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "command", "%zu words, wanted 1 to %zu",
                        m->command.num, MAX_ARGS);
    }
    for (size_t i = 0; i < m->command.num; i++) {
        argv[i] = m->command.items[i];
    }
    return MSE_OK;
}

static mse_status start_in(struct mse_app *a, struct mse_sandbox *s, struct mse_error *err)
{
    char etc[4][64];
    char etc_inside[4][32];
    static const char *const names[] = { "passwd", "group", "hosts", "nsswitch.conf" };
    struct mse_sandbox_bind binds[10] = {
        { a->code, INNER_CODE, false },       { a->home, INNER_HOME, true },
        { a->keys, INNER_KEYS, true },        { a->run, INNER_RUN, true },
        { a->secrets, INNER_SECRETS, false }, { a->attest, INNER_ATTEST, false },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        (void)snprintf(etc[i], sizeof etc[i], "%s/%s", a->etc, names[i]);
        (void)snprintf(etc_inside[i], sizeof etc_inside[i], "/etc/%s", names[i]);
        binds[6 + i] = (struct mse_sandbox_bind) { etc[i], etc_inside[i], false };
    }
    s->binds = binds;
    s->num_binds = MSE_ARRAY_LEN(binds);
    s->cwd = a->insecure_no_sandbox ? a->code : INNER_CODE;
    s->uid = a->uid;
    s->insecure_no_sandbox = a->insecure_no_sandbox;
    return mse_sandbox_start(&a->proc, s, err);
}

static mse_status start_plainly(struct mse_app *a, struct mse_sandbox *s, struct mse_error *err)
{
    s->cwd = a->code;
    return mse_plain_start(&a->proc, s, err);
}

mse_status mse_app_start(struct mse_app *a, const struct mse_manifest *m, int out_fd, int err_fd,
                         struct mse_error *err)
{
    const char *argv[MAX_ARGS + 1] = { NULL };
    char workers[16];
    char **env = NULL;
    struct mse_error ignored = { .status = MSE_OK };
    mse_status st = command_of(argv, m, workers, err);
    if (st == MSE_OK) {
        st = mse_app_env(&env, a, m, err);
    }
    if (st == MSE_OK) {
        struct mse_sandbox s = {
            .argv = argv,
            .envp = (const char *const *)env,
            .stdout_fd = out_fd,
            .stderr_fd = err_fd,
        };
        st = a->library_os ? start_plainly(a, &s, err) : start_in(a, &s, err);
    }
    mse_app_env_free(env);
    a->running = st == MSE_OK;
    if (st == MSE_OK && a->inside != NULL &&
        mse_inside_join(a->inside, a->proc.init, a->proc.init_fd, &ignored) != MSE_OK) {
        mse_log(MSE_LOG_WARN, "enclave", "the app is reached at its socket only, not at PORT: %s",
                ignored.text);
        a->inside = NULL;
    }
    return st;
}

/* waitpid, which a signal does not end. */
static pid_t wait_through(pid_t pid, int *wait_status, int options)
{
    pid_t got = waitpid(pid, wait_status, options);
    while (got < 0 && errno == EINTR) {
        got = waitpid(pid, wait_status, options);
    }
    return got;
}

bool mse_app_ended(struct mse_app *a, int *wait_status)
{
    if (!a->running || wait_through(a->proc.pid, wait_status, WNOHANG) != a->proc.pid) {
        return false;
    }
    a->running = false;
    return true;
}

/* What lacks memory or a descriptor in this moment may have it in the next one. */
static void remove_code(const char *dir)
{
    for (size_t i = 0; i < REMOVE_TRIES && !mse_tree_remove(dir); i++) {
    }
}

void mse_app_clear(struct mse_app *a)
{
    if (a->running) {
        mse_sandbox_kill(&a->proc);
        (void)wait_through(a->proc.pid, NULL, 0);
        a->running = false;
    }
    if (a->proc.pid > 0) {
        mse_sandbox_finish(&a->proc); /* nobody may change the folders while they are removed */
    }
    char *const mounted[] = { a->run, a->data, a->dir };
    for (size_t i = 0; a->own_memory && i < MSE_ARRAY_LEN(mounted); i++) {
        if (mounted[i] != NULL) {
            mse_memory_unmount(mounted[i]);
        }
    }
    if (a->dir != NULL && !a->library_os) { /* there, the host has the files, and nobody the key */
        remove_code(a->dir);
    }
    char *const paths[] = { a->dir,    a->code,          a->home,   a->keys,    a->tmp,
                            a->run,    a->etc,           a->socket, a->secrets, a->config,
                            a->attest, a->attest_socket, a->data };
    for (size_t i = 0; i < MSE_ARRAY_LEN(paths); i++) {
        free(paths[i]);
    }
    if (a->dir_lock >= 0) {
        (void)close(a->dir_lock);
    }
    if (a->uid_lock >= 0) {
        (void)close(a->uid_lock);
    }
    *a = (struct mse_app) { .uid = MSE_SPAWN_SAME_USER, .uid_lock = -1, .dir_lock = -1 };
}
