/* SPDX-License-Identifier: Apache-2.0 */
/* The shepherd of an app on a node, and what it gets. */
#include <arpa/inet.h>
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
#include "launch/launcher.h"
#include "net/proxy2.h"
#include "operator/node.h"
#include "os/private_dir.h"
#include "package/manifest.h"
#include "ratls/connect.h"
#include "ratls/profile.h"
#include "ratls/resolve.h"

#define LISTEN_FD   3
#define CARRY_FD    4
#define CONNECT_MS  3000U
#define MAX_OPTIONS ((size_t)65536)
/* Beside the files of an instance, written anew for each start: what a shepherd is to know. */
#define OPTIONS       "launch.json" /* of mse_instance_set */
#define CARRY_KEY     "carry.key"   /* 32 bytes */
#define CARRY_KEY_LEN ((size_t)32)
#define LEADER        "leader" /* a line for mse_carry_dial */
/* What a shepherd starts. */
#define ALONE   "alone"
#define LEADS   "leads"
#define FOLLOWS "follows"

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
mse_status node_spki(uint8_t out[32], const struct node *n, const struct mse_op_app *app, bool runs,
                     struct mse_error *err)
{
    bool config = !runs || app->mode == MSE_OP_OWNER;
    bool literal = mse_host_is_literal(n->self.address);
    static const uint8_t alpn[] = "\x0cmse-attest/1";
    struct mse_ratls_conn *conn = NULL;
    struct mse_cert cert;
    struct mse_bytes leaf = { NULL, 0 };
    struct mse_bytes ca;
    const struct mse_ratls_dial d = {
        .host = config ? app->config_domain_name : app->domain_name,
        .address = literal ? n->self.address : "127.0.0.1", /* as node_listen */
        .port = app->port,
        .alpn = mse_bytes_of(alpn, sizeof alpn - 1),
        .timeout_ms = CONNECT_MS,
        .greeting = mse_proxy2_local(app->proxy_protocol),
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

/* Numbers 3 and, if it is there, 4; nothing else. */
static bool keep_only(const struct node_start *s)
{
    int carry = s->carry_fd < 0 ? -1 : fcntl(s->carry_fd, F_DUPFD, CARRY_FD + 1);
    unsigned first = s->carry_fd < 0 ? CARRY_FD : CARRY_FD + 1;
    return (s->carry_fd < 0 || carry >= 0) && dup2(s->listen_fd, LISTEN_FD) == LISTEN_FD &&
           fcntl(LISTEN_FD, F_SETFD, 0) == 0 && (carry < 0 || dup2(carry, CARRY_FD) == CARRY_FD) &&
           syscall(SYS_close_range, first, ~0U, 0) == 0;
}

static _Noreturn void become(const char *const *argv, const struct node_start *s)
{
    static char *const no_environment[] = { NULL };
    union {
        const char *const *in;
        char *const *out;
    } args = { .in = argv };
    if (keep_only(s)) {
        (void)execve(MSED_SELF, args.out, no_environment);
    }
    _exit(127);
}

static mse_status write_secret(const struct node_app *a, const char *name, struct mse_bytes content,
                               struct mse_error *err)
{
    char *path = cli_join(a->dir, name);
    mse_status st = path == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory")
                                 : cli_file_write(path, content, 0600, err);
    free(path);
    return st;
}

/* Where the leader is: as a literal address, as a shepherd asks nobody. */
static mse_status write_leader(const struct node_app *a, const struct node_start *s,
                               struct mse_error *err)
{
    const struct mse_op_leader *l = &a->app.leader;
    char hex[2 * sizeof l->key + 1];
    char line[sizeof s->leader + sizeof hex + 16];
    mse_hex_encode(hex, mse_bytes_of(l->key, sizeof l->key));
    (void)snprintf(line, sizeof line, "%s %u %s\n", s->leader, l->port, hex);
    mse_status st = write_secret(a, LEADER, mse_bytes_str(line), err);
    mse_wipe(hex, sizeof hex);
    mse_wipe(line, sizeof line);
    return st;
}

static mse_status write_part(const struct node_app *a, const struct node_start *s,
                             struct mse_error *err)
{
    if (a->app.number != 0) {
        return write_leader(a, s, err);
    }
    return s->carry_fd < 0
               ? MSE_OK
               : write_secret(a, CARRY_KEY, mse_bytes_of(s->carry_key, sizeof s->carry_key), err);
}

static const char *part_of(const struct node_app *a, const struct node_start *s)
{
    return a->app.number != 0 ? FOLLOWS : s->carry_fd >= 0 ? LEADS : ALONE;
}

static mse_status enclave_size(uint64_t *out, const struct node_app *a, struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    struct cli_file f = { 0 };
    char *path = cli_join(a->dir, MSE_INSTANCE_MANIFEST);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MSE_OP_MAX_MANIFEST, err);
    st = st == MSE_OK ? mse_manifest_parse(&m, cli_file_view(&f), err) : st;
    *out = m.enclave_size;
    mse_manifest_clear(&m);
    cli_file_clear(&f);
    free(path);
    return st;
}

static mse_status write_options(const struct node *n, const struct node_app *a,
                                struct mse_error *err)
{
    uint64_t size = 0;
    mse_status st = enclave_size(&size, a, err);
    json_t *v = st == MSE_OK ? node_options(&n->m->config, n->runtime, size) : NULL;
    char *text = json_dumps(v, JSON_COMPACT);
    if (st == MSE_OK) {
        st = text == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory")
                          : write_secret(a, OPTIONS, mse_bytes_str(text), err);
    }
    free(text);
    json_decref(v);
    return st;
}

mse_status node_shepherd_start(pid_t *out, const struct node *n, const struct node_app *a,
                               const struct node_start *s, struct mse_error *err)
{
    mse_status st = write_options(n, a, err);
    st = st == MSE_OK ? write_part(a, s, err) : st;
    const char *const argv[] = { "msed", NODE_SHEPHERD_WORD, a->dir, part_of(a, s), NULL };
    pid_t pid = st == MSE_OK ? fork() : -1;
    if (pid == 0) {
        become(argv, s);
    }
    if (st == MSE_OK && pid < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "no process: %s", strerror(errno));
    }
    if (st == MSE_OK) {
        *out = pid;
    }
    return st;
}

bool node_carry_key(uint8_t out[32], const char *dir)
{
    struct cli_file f = { 0 };
    char *path = cli_join(dir, CARRY_KEY);
    bool good = path != NULL && cli_file_read(&f, path, CARRY_KEY_LEN, NULL) == MSE_OK &&
                f.len == CARRY_KEY_LEN;
    if (good) {
        memcpy(out, f.data, CARRY_KEY_LEN);
    }
    cli_file_wipe(&f);
    free(path);
    return good;
}

/* The options as an object; NULL: they cannot be read. */
static json_t *read_options(const char *dir)
{
    struct cli_file f = { 0 };
    json_t *v = NULL;
    char *path = cli_join(dir, OPTIONS);
    if (path != NULL && cli_file_read(&f, path, MAX_OPTIONS, NULL) == MSE_OK) {
        v = json_loadb((const char *)f.data, f.len, JSON_REJECT_DUPLICATES, NULL);
    }
    cli_file_clear(&f);
    free(path);
    return v;
}

int node_shepherd_main(int argc, char **argv)
{
    json_t *options = argc == 4 ? read_options(argv[2]) : NULL;
    if (options == NULL) {
        mse_log(MSE_LOG_ERROR, NODE_WHO, "a shepherd is started by the node alone");
        return 2;
    }
    bool leads = strcmp(argv[3], LEADS) == 0;
    bool follows = strcmp(argv[3], FOLLOWS) == 0;
    struct mse_instance_carry carry = { .listen_fd = CARRY_FD };
    char *leader = cli_join(argv[2], LEADER);
    const struct mse_instance_source from = { .leads = true, .carry = leader };
    struct mse_instance i = { .dir = argv[2],
                              .from = follows ? &from : NULL,
                              .carry = leads ? &carry : NULL };
    mse_instance_set(&i, options);
    if (leader == NULL || fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) != 0 ||
        (leads &&
         (!node_carry_key(carry.key, argv[2]) || fcntl(CARRY_FD, F_SETFD, FD_CLOEXEC) != 0))) {
        return 2;
    }
    mse_instance_supervise(&i, LISTEN_FD, -1);
}

/* ---- orphans */

static bool has_state(const char *pid, const char *state)
{
    char link[64];
    char seen[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/%.20s/fd/%d", pid, MSE_LAUNCH_STATE_FD);
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
