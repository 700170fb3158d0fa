/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of an app on a node, and its shepherd. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "launch/instance.h"
#include "net/proxy2.h"
#include "operator/node.h"
#include "os/private_dir.h"
#include "package/manifest.h"
#include "ratls/connect.h"
#include "ratls/profile.h"

#define LISTEN_FD  3
#define CONNECT_MS 3000U
#define STATE_FD   7 /* what the launcher gives the runtime (sim/launcher.h) */

/* ---- the folder */

static mse_status fetch_manifest(struct node *n, const struct node_app *a, const char *dir,
                                 struct mse_error *err)
{
    struct mse_build text;
    char *path = cli_join(dir, MSE_INSTANCE_MANIFEST);
    mse_build_heap(&text, MSE_OP_MAX_MANIFEST);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : mse_op_app_manifest(n->m->store, &text, a->app.id, err);
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), 0600, err) : st;
    mse_build_clear(&text);
    free(path);
    return st;
}

/* Public; the enclave compares it with its manifest. */
static mse_status fetch_client_ca(struct node *n, const struct node_app *a, const char *dir,
                                  struct mse_error *err)
{
    struct mse_build pem;
    char *path = cli_join(dir, MSE_INSTANCE_CLIENT_CA);
    mse_build_heap(&pem, MSE_OP_MAX_MANIFEST);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : mse_op_app_client_ca(n->m->store, &pem, a->app.id, err);
    if (st == MSE_OK && pem.len > 0) {
        st = cli_file_write(path, mse_build_view(&pem), 0600, err);
    }
    mse_build_clear(&pem);
    free(path);
    return st;
}

static mse_status fetch_package(struct node *n, const struct node_app *a, const char *dir,
                                struct mse_error *err)
{
    char *path = cli_join(dir, MSE_INSTANCE_PACKAGE);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    mse_status st = fd < 0 ? MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "the package: %s", strerror(errno))
                           : mse_op_package_get(n->m->store, a->app.id, fd, err);
    if (st == MSE_OK && fsync(fd) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "the package: %s", strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return st;
}

mse_status node_prepare(struct node *n, const struct node_app *a, struct mse_error *err)
{
    char *part = NULL;
    if (cli_file_exists(a->dir)) {
        return MSE_OK;
    }
    if (asprintf(&part, "%s" NODE_PART, a->dir) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory");
    }
    (void)mse_tree_remove(part); /* of an earlier try */
    mse_status st = mkdir(part, 0700) == 0
                        ? MSE_OK
                        : MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.150s: %s", part, strerror(errno));
    st = st == MSE_OK ? fetch_manifest(n, a, part, err) : st;
    st = st == MSE_OK ? fetch_client_ca(n, a, part, err) : st;
    st = st == MSE_OK ? fetch_package(n, a, part, err) : st;
    if (st == MSE_OK && rename(part, a->dir) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.150s: %s", a->dir, strerror(errno));
    }
    if (st != MSE_OK) {
        (void)mse_tree_remove(part);
    }
    free(part);
    return st;
}

/* ---- reaching it */

/* A literal address is listened on; with a name, all of the machine's. */
mse_status node_listen(int *out_fd, uint16_t *out_port, const struct node *n, uint16_t port,
                       struct mse_error *err)
{
    char where[128];
    char why[128] = "";
    const char *address = n->self.address;
    bool v6 = strchr(address, ':') != NULL;
    (void)snprintf(where, sizeof where, "%s%.64s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
                   port);
    if (cli_listen(out_fd, out_port, where, why, sizeof why)) {
        return MSE_OK;
    }
    (void)snprintf(where, sizeof where, "0.0.0.0:%u", port);
    return strspn(address, "0123456789.:abcdefABCDEF") != strlen(address) &&
                   cli_listen(out_fd, out_port, where, why, sizeof why)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.100s cannot be listened on: %s", where,
                          why);
}

/* While it waits, and where the public name has the owner's key, its own is at the configuration
 * name. */
mse_status node_spki(uint8_t out[32], const struct node *n, const struct node_app *a, bool runs,
                     struct mse_error *err)
{
    bool config = !runs || a->app.mode == MSE_OP_OWNER;
    static const uint8_t alpn[] = "\x0cmse-attest/1";
    struct mse_ratls_conn *conn = NULL;
    struct mse_cert cert;
    struct mse_bytes leaf = { NULL, 0 };
    struct mse_bytes ca;
    const struct mse_ratls_dial d = {
        .host = config ? a->app.config_domain_name : a->app.domain_name,
        .address = n->self.address,
        .port = a->app.port,
        .alpn = mse_bytes_of(alpn, sizeof alpn - 1),
        .timeout_ms = CONNECT_MS,
        .greeting = mse_proxy2_local(a->app.proxy_protocol),
    };
    mse_status st = mse_ratls_dial(&conn, &d, err);
    if (st == MSE_OK && !mse_ratls_split(&leaf, &ca, mse_ratls_conn_cert(conn))) {
        st = MSE_ERR_MALFORMED;
    }
    st = st == MSE_OK ? mse_cert_parse(&cert, leaf, err) : st;
    st = st == MSE_OK ? mse_sha256(out, cert.key.spki) : st;
    mse_ratls_conn_free(conn);
    return st;
}

/* ---- the shepherd */

static _Noreturn void become(const char *const *argv, int listen_fd)
{
    static char *const no_environment[] = { NULL };
    union {
        const char *const *in;
        char *const *out;
    } args = { .in = argv };
    if (dup2(listen_fd, LISTEN_FD) == LISTEN_FD && fcntl(LISTEN_FD, F_SETFD, 0) == 0 &&
        syscall(SYS_close_range, LISTEN_FD + 1, ~0U, 0) == 0) {
        (void)execve(MSED_SELF, args.out, no_environment);
    }
    _exit(127);
}

mse_status node_shepherd_start(pid_t *out, const struct node *n, const struct node_app *a,
                               int listen_fd, struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    struct cli_file f = { 0 };
    char size[24];
    char *path = cli_join(a->dir, MSE_INSTANCE_MANIFEST);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MSE_OP_MAX_MANIFEST, err);
    st = st == MSE_OK ? mse_manifest_parse(&m, cli_file_view(&f), err) : st;
    (void)snprintf(size, sizeof size, "%llu", (unsigned long long)m.enclave_size);
    const char *const argv[] = { "msed",
                                 NODE_SHEPHERD_WORD,
                                 a->dir,
                                 n->m->config.node.platform,
                                 n->runtime,
                                 size,
                                 n->m->config.node.insecure_no_sandbox ? "open" : "sandbox",
                                 NULL };
    pid_t pid = st == MSE_OK ? fork() : -1;
    if (pid == 0) {
        become(argv, listen_fd);
    }
    if (st == MSE_OK && pid < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "no process: %s", strerror(errno));
    }
    mse_manifest_clear(&m);
    cli_file_clear(&f);
    free(path);
    if (st == MSE_OK) {
        *out = pid;
    }
    return st;
}

int node_shepherd_main(int argc, char **argv)
{
    uint64_t size = 0;
    if (argc != 7 || !mse_u64_parse(&size, mse_bytes_str(argv[5]), UINT64_MAX)) {
        mse_log(MSE_LOG_ERROR, NODE_WHO, "a shepherd is started by the node alone");
        return 2;
    }
    const struct mse_instance i = { .dir = argv[2],
                                    .platform = argv[3],
                                    .runtime = argv[4],
                                    .enclave_size = size,
                                    .sandbox = strcmp(argv[6], "open") != 0 };
    if (fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) != 0) {
        return 2;
    }
    mse_instance_supervise(&i, LISTEN_FD, -1);
}

/* ---- orphans */

static bool has_state(const char *pid, const char *state)
{
    char link[64];
    char seen[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/%.20s/fd/%d", pid, STATE_FD);
    ssize_t n = readlink(link, seen, sizeof seen - 1);
    return n > 0 && strlen(state) == (size_t)n && strncmp(seen, state, (size_t)n) == 0;
}

void node_kill_orphan(const struct node_app *a)
{
    char *path = cli_join(a->dir, MSE_INSTANCE_STATE);
    char *state = path == NULL ? NULL : realpath(path, NULL);
    DIR *d = state == NULL ? NULL : opendir("/proc");
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        uint64_t pid = 0;
        if (mse_u64_parse(&pid, mse_bytes_str(e->d_name), INT32_MAX) && pid > 1 &&
            has_state(e->d_name, state)) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    free(state);
    free(path);
}
