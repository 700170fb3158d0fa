/* SPDX-License-Identifier: Apache-2.0 */
/* See offer.h. */
#include "launch/offer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/files.h"
#include "launch/carry.h"
#include "launch/control.h"
#include "package/upgrade.h"
#include "sim/spawn.h"

#define WHO        "upgrade"
#define FIRST_FREE 3
#define MAX_WHERE  ((size_t)256)
/* The sockets in an instance's folder. */
#define HEIR     "heir"
#define REPLICAS MSE_CARRY_SOCKET

enum { FD_HEIR, FD_CONNECTION, FD_FOLDER, FD_COLLATERAL, FD_REPLICAS, FD_LEADER };

const struct mse_offer mse_no_offer = { .fds = { -1, -1, -1, -1, -1, -1 } };

/* ---- sockets ---- */

/* A unix socket at this name of the folder: bound, or connected. -1 with errno. */
static int open_socket(int dir_fd, const char *name, bool bound)
{
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && mse_control_address(&a, dir_fd, name);
    if (ok && bound) {
        (void)unlinkat(dir_fd, name, 0);
        ok = bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
             fchmodat(dir_fd, name, 0600, 0) == 0 && listen(fd, 4) == 0;
    } else if (ok) {
        ok = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    }
    if (!ok && fd >= 0) {
        int why = errno;
        (void)close(fd);
        errno = why;
        fd = -1;
    }
    return fd;
}

/* The other one judges this platform by what it is told of it today. */
static mse_status send_collateral(int fd, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    uint8_t head[4];
    struct mse_build b;
    mse_status st = cli_file_read(&f, path, MSE_BUNDLE_MAX_LEN, err);
    mse_build_fixed(&b, head, sizeof head);
    mse_wr_u32be(&b, (uint32_t)f.len);
    if (st == MSE_OK &&
        (!mse_io_write(fd, mse_build_view(&b)) || !mse_io_write(fd, cli_file_view(&f)))) {
        st = MSE_FAIL(err, MSE_ERR_IO, "upgrade", "the other instance takes no collateral: %s",
                      strerror(errno));
    }
    cli_file_clear(&f);
    return st;
}

/* ---- the carrier ---- */

/* To an instance of this host; -1 with errno. */
static int reach_here(const struct mse_instance_source *s)
{
    int dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = dir_fd < 0 ? -1 : open_socket(dir_fd, s->leads ? REPLICAS : HEIR, false);
    if (to < 0) {
        mse_log(MSE_LOG_WARN, s->leads ? "replica" : WHO, "%s cannot be asked%s: %s; it has to run",
                s->dir, s->leads ? "" : " for its storage", strerror(errno));
    }
    return to;
}

/* To one of any host. */
static int reach_there(const struct mse_instance_source *s)
{
    struct cli_file f = { 0 };
    struct mse_error err = { 0 };
    int to = -1;
    mse_status st = cli_file_read(&f, s->carry, MAX_WHERE, &err);
    st = st == MSE_OK ? mse_carry_dial(&to, cli_file_view(&f), &err) : st;
    cli_file_wipe(&f);
    if (st != MSE_OK) {
        mse_log(MSE_LOG_WARN, "replica", "%s", err.text);
        return -1;
    }
    return to;
}

/* Goes to the other instance when the first byte comes, which may be days later: its enclave waits
 * for nobody who says nothing. What it carries it cannot read. */
static _Noreturn void carrier(const struct mse_instance_source *to_whom, const char *collateral,
                              int fd, pid_t parent)
{
    struct mse_error err = { 0 };
    struct pollfd p = { .fd = fd, .events = POLLIN };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* it was faster */
    }
    (void)dup2(fd, FIRST_FREE);
    (void)syscall(SYS_close_range, FIRST_FREE + 1, ~0U, 0); /* the lock of the folder among them */
    p.fd = FIRST_FREE;
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    int to = to_whom->carry != NULL ? reach_there(to_whom) : reach_here(to_whom);
    if (to < 0) {
        _exit(1);
    }
    if (send_collateral(to, collateral, &err) != MSE_OK) {
        mse_log(MSE_LOG_WARN, WHO, "%s", err.text);
        _exit(1);
    }
    mse_carry_all(FIRST_FREE, to);
    _exit(0);
}

static mse_status start_carrier(int *out_fd, const struct mse_instance_source *to_whom,
                                const char *collateral, struct mse_error *err)
{
    int pair[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "upgrade", "socketpair: %s", strerror(errno));
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        carrier(to_whom, collateral, pair[1], parent);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return MSE_FAIL(err, MSE_ERR_IO, "upgrade", "no process: %s", strerror(errno));
    }
    *out_fd = pair[0];
    return MSE_OK;
}

static mse_status reach(struct mse_offer *o, const struct mse_instance *i, struct mse_error *err)
{
    char *collateral = NULL;
    char *state = NULL;
    mse_status st = MSE_OK;
    const char *whose = i->from->leads ? i->dir : i->from->dir;
    if (asprintf(&collateral, "%s/collateral.json", i->platform) < 0 || collateral == NULL ||
        asprintf(&state, "%s/" MSE_INSTANCE_STATE, whose) < 0 || state == NULL) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "upgrade", "out of memory");
    } else {
        o->fds[FD_FOLDER] =
            i->from->leads ? -1 : open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        o->fds[FD_COLLATERAL] = open(collateral, O_RDONLY | O_CLOEXEC);
    }
    if (st == MSE_OK && ((o->fds[FD_FOLDER] < 0 && !i->from->leads) || o->fds[FD_COLLATERAL] < 0)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "upgrade", "%.100s, or %.100s: %s", state, collateral,
                      strerror(errno));
    }
    st = st == MSE_OK ? start_carrier(&o->fds[i->from->leads ? FD_LEADER : FD_CONNECTION], i->from,
                                      collateral, err)
                      : st;
    free(state);
    free(collateral);
    return st;
}

bool mse_instance_has_state(const char *dir)
{
    char *path = NULL;
    bool there = asprintf(&path, "%s/" MSE_INSTANCE_STATE "/sealed", dir) < 0;
    there = there || access(path, F_OK) == 0;
    free(path);
    return there;
}

/* A socket where the enclave waits for others. */
static mse_status wait_for_others(int *out, const struct mse_instance *i, const char *name,
                                  struct mse_error *err)
{
    int dir_fd = open(i->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *out = dir_fd < 0 ? -1 : open_socket(dir_fd, name, true);
    mse_status st =
        *out >= 0 ? MSE_OK
                  : MSE_FAIL(err, MSE_ERR_IO, name, "no socket for others: %s", strerror(errno));
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
    return st;
}

mse_status mse_offer_open(struct mse_offer *out, const struct mse_instance *i,
                          struct mse_bytes manifest, struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    bool joins = i->from != NULL && i->from->leads;
    *out = mse_no_offer;
    /* One that cannot be read is the enclave's to refuse. */
    mse_status st = MSE_OK;
    if (!joins && mse_manifest_parse(&m, manifest, NULL) == MSE_OK) {
        st = mse_upgrade_rule_is(&m.upgrade) ? wait_for_others(&out->fds[FD_HEIR], i, HEIR, err)
                                             : MSE_OK;
        st = st == MSE_OK && m.replicas > 1
                 ? wait_for_others(&out->fds[FD_REPLICAS], i, REPLICAS, err)
                 : st;
    }
    mse_manifest_clear(&m);
    if (st != MSE_OK || i->from == NULL || (!joins && mse_instance_has_state(i->dir))) {
        return st;
    }
    return reach(out, i, err);
}

void mse_offer_switches(const char *list[], struct mse_offer *o, const struct mse_instance *i)
{
    static const char *const names[] = { "--heir-fd",       "--inherit-fd",  "--inherit-state-fd",
                                         "--collateral-fd", "--replicas-fd", "--leader-fd" };
    size_t n = 0;
    while (list[n] != NULL) {
        n++;
    }
    for (int k = 0; k < MSE_OFFER_FDS; k++) {
        if (o->fds[k] >= 0) {
            (void)snprintf(o->numbers[k], sizeof o->numbers[k], "%d", MSE_SIM_MORE_FD + k);
            list[n++] = names[k];
            list[n++] = o->numbers[k];
        }
    }
    if (o->fds[FD_CONNECTION] >= 0) {
        list[n++] = "--inherit-name";
        list[n++] = i->from->name;
        list[n++] = "--inherit-from";
        list[n++] = i->from->fingerprint;
        if (i->from->signature[0] != '\0') {
            list[n++] = "--inherit-signature";
            list[n++] = i->from->signature;
        }
    }
    list[n] = NULL;
}

void mse_offer_clear(struct mse_offer *o)
{
    for (size_t k = 0; k < MSE_OFFER_FDS; k++) {
        if (o->fds[k] >= 0) {
            (void)close(o->fds[k]);
        }
        o->fds[k] = -1;
    }
}
