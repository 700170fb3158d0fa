/* SPDX-License-Identifier: Apache-2.0 */
/* SGX: the stock gramine-sgx, in the instance's folder. What it starts is measured, its arguments
 * too: of the host it takes an address to listen at, and nothing else. */
#include "launch/gramine.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "launch/epc.h"
#include "launch/process.h"

#define STEP        "gramine"
#define LISTEN_LEN  96
#define LISTEN_NAME "MSE_LISTEN"

struct mse_launched {
    struct mse_process process;
    int port_fd; /* bound where the enclave listens, so that nobody else gets the port */
    char fingerprint[MSE_LAUNCH_FINGERPRINT_LEN];
};

/* ---- where it listens ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool name_address(char out[LISTEN_LEN], const union address *a, socklen_t len)
{
    char host[NI_MAXHOST];
    char port[16];
    bool v6 = a->any.sa_family == AF_INET6;
    return getnameinfo(&a->any, len, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
           snprintf(out, LISTEN_LEN, "%s%.64s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port) > 0;
}

/* Inside Gramine there are no descriptors of the host: the enclave binds the address anew, which
 * Linux allows beside a socket that is bound and does not listen. */
static mse_status hand_port_over(struct mse_launched *e, char where[LISTEN_LEN], int *listen_fd,
                                 struct mse_error *err)
{
    union address a = { 0 };
    socklen_t len = sizeof a;
    const int one = 1;
    bool known = getsockname(*listen_fd, &a.any, &len) == 0 && name_address(where, &a, len);
    e->port_fd = known ? socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    (void)shutdown(*listen_fd, SHUT_RDWR); /* others may have it open, too */
    (void)close(*listen_fd);
    *listen_fd = -1;
    return e->port_fd >= 0 &&
                   setsockopt(e->port_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                   bind(e->port_fd, &a.any, len) == 0
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_IO, STEP, "the port cannot be handed over: %s",
                          strerror(errno));
}

/* ---- starting ---- */

/* What there is no way for yet is refused before anything is started. */
static mse_status check_request(const struct mse_instance *i, struct mse_error *err)
{
    if (i->carry != NULL || i->from != NULL) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "%s of another instance are not for enclaves of SGX",
                        i->carry != NULL || i->from->leads ? "replicas" : "upgrades");
    }
    return mse_launch_option(i, MSE_GRAMINE_OPTION_LOADER)[0] == '/'
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                          "enclaves of SGX need gramine_sgx, the absolute path of the program");
}

static mse_status run(struct mse_launched *e, const struct mse_launch *l, struct mse_error *err)
{
    char listen[sizeof LISTEN_NAME + LISTEN_LEN];
    char where[LISTEN_LEN] = "";
    const char *const argv[] = { mse_launch_option(l->instance, MSE_GRAMINE_OPTION_LOADER),
                                 MSE_GRAMINE_NAME, NULL };
    const char *const envp[] = { "PATH=/usr/local/bin:/usr/bin:/bin", listen, NULL };
    const struct mse_process_what w = {
        .argv = argv, .envp = envp, .cwd = l->instance->dir, .state_fd = l->state_fd
    };
    mse_status st = hand_port_over(e, where, l->listen_fd, err);
    (void)snprintf(listen, sizeof listen, LISTEN_NAME "=%s", where);
    return st == MSE_OK ? mse_process_start(&e->process, &w, err) : st;
}

static mse_status start(struct mse_launched *e, const struct mse_launch *l, struct mse_error *err)
{
    struct mse_gramine_made m;
    mse_status st = check_request(l->instance, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_gramine_make(&m, l->instance, l->manifest, err);
    st = st == MSE_OK ? mse_gramine_folder(l->instance, &m, err) : st;
    st = st == MSE_OK ? run(e, l, err) : st;
    mse_hex_encode(e->fingerprint, mse_bytes_of(m.mrenclave, sizeof m.mrenclave));
    mse_gramine_made_clear(&m);
    return st;
}

static void gramine_free(struct mse_launched *e)
{
    if (e != NULL) {
        mse_process_clear(&e->process);
        if (e->port_fd >= 0) {
            (void)close(e->port_fd);
        }
        free(e);
    }
}

static mse_status gramine_start(struct mse_launched **out, const struct mse_launch *l,
                                struct mse_error *err)
{
    struct mse_launched *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    e->process = mse_no_process;
    e->port_fd = -1;
    mse_status st = start(e, l, err);
    if (st != MSE_OK) {
        gramine_free(e);
        return st;
    }
    *out = e;
    return MSE_OK;
}

/* ---- the table ---- */

static mse_status gramine_serve(struct mse_launched *e, struct mse_sim_news *out, int timeout_ms,
                                struct mse_error *err)
{
    return mse_process_serve(&e->process, out, timeout_ms, err);
}

static void gramine_stop(struct mse_launched *e, unsigned grace_ms)
{
    mse_process_stop(&e->process, grace_ms);
}

static pid_t gramine_pid(const struct mse_launched *e)
{
    return e->process.pid;
}

static const char *gramine_fingerprint(const struct mse_launched *e)
{
    return e->fingerprint;
}

static mse_status gramine_measure(char out[MSE_LAUNCH_FINGERPRINT_LEN],
                                  const struct mse_instance *i, struct mse_bytes manifest,
                                  struct mse_error *err)
{
    struct mse_gramine_made m;
    mse_status st = mse_gramine_make(&m, i, manifest, err);
    if (st == MSE_OK) {
        mse_hex_encode(out, mse_bytes_of(m.mrenclave, sizeof m.mrenclave));
    }
    mse_gramine_made_clear(&m);
    return st;
}

const struct mse_launcher mse_launcher_gramine = {
    .tees = { "sgx", NULL },
    .start = gramine_start,
    .serve = gramine_serve,
    .stop = gramine_stop,
    .free = gramine_free,
    .pid = gramine_pid,
    .fingerprint = gramine_fingerprint,
    .measure = gramine_measure,
    .enclave_bytes = mse_epc_bytes,
    .check = mse_gramine_check,
};
