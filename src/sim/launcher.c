/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher of the simulated TEE. It is what the processor is on hardware: it decides what was
 * measured, and it says so for one process only, the one at the other end of the socket. */
#include "sim/launcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "sim/chip.h"
#include "sim/memfd.h"
#include "sim/spawn.h"
#include "tee/driver.h"

#define MAX_EXTRA      32
#define LAST_READS     64     /* how much is still read of a runtime that has ended */
#define STATUS_UNKNOWN 0xff00 /* somebody else reaped it */

_Static_assert(sizeof((struct mse_sim_news *)0)->text == MSE_SIM_NOTE_TEXT_LEN, "same text");

struct mse_sim_enclave {
    struct mse_sim_chip chip;
    pid_t pid; /* 0: reaped */
    int pidfd;
    unsigned last_reads;
    int wait_status;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static mse_status make_chip(struct mse_sim_enclave *e, int runtime_fd,
                            const struct mse_sim_launch *l, struct mse_error *err)
{
    struct mse_sim_map map = { 0 };
    mse_status st = mse_sim_memfd_map(&map, runtime_fd, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_sim_layout layout = {
        .runtime = mse_bytes_of(map.data, map.len),
        .manifest = l->manifest,
        .enclave_size = l->enclave_size,
        .threads = l->threads,
    };
    st = mse_sim_chip_make(&e->chip, l->platform, &layout, l->debug, err);
    mse_sim_memfd_unmap(&map);
    return st;
}

/* argv for the runtime; strings are borrowed. out has room for MAX_EXTRA more. */
static mse_status make_argv(const char *out[], const struct mse_sim_launch *l,
                            struct mse_error *err)
{
    size_t n = 0;
    out[n++] = "mse-enclave";
    out[n++] = "--tee";
    out[n++] = "sim";
    out[n++] = "--control-fd";
    out[n++] = "3";
    out[n++] = "--manifest-fd";
    out[n++] = "4";
    if (l->package_fd >= 0) {
        out[n++] = "--package-fd";
        out[n++] = "5";
    }
    if (l->listen_fd >= 0) {
        out[n++] = "--listen-fd";
        out[n++] = "6";
    }
    if (l->state_fd >= 0) {
        out[n++] = "--state-fd";
        out[n++] = "7";
    }
    for (size_t i = 0; l->extra_argv != NULL && l->extra_argv[i] != NULL; i++) {
        if (i == MAX_EXTRA) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, "argv", "more than %d switches", MAX_EXTRA);
        }
        out[n++] = l->extra_argv[i];
    }
    out[n] = NULL;
    return l->num_more <= MSE_SIM_MAX_MORE
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, "argv", "more than %zu descriptors",
                          MSE_SIM_MAX_MORE);
}

static mse_status spawn(struct mse_sim_enclave *e, int runtime_fd, int manifest_fd,
                        const struct mse_sim_launch *l, struct mse_error *err)
{
    const char *argv[14 + MAX_EXTRA];
    mse_status st = make_argv(argv, l, err);
    if (st != MSE_OK) {
        return st;
    }
    int pair[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "control", "socketpair: %s", strerror(errno));
    }
    struct mse_sim_spawn s = {
        .exec_fd = runtime_fd,
        .control_fd = pair[1],
        .manifest_fd = manifest_fd,
        .package_fd = l->package_fd,
        .listen_fd = l->listen_fd,
        .state_fd = l->state_fd,
        .more_fds = l->more_fds,
        .num_more = l->num_more,
        .argv = argv,
    };
    st = mse_sim_spawn(&e->pid, &e->pidfd, &s, err);
    close_fd(&pair[1]);
    if (st != MSE_OK) {
        close_fd(&pair[0]);
        return st;
    }
    e->chip.fd = pair[0];
    return MSE_OK;
}

static mse_status start(struct mse_sim_enclave *e, const struct mse_sim_launch *l,
                        struct mse_error *err)
{
    int runtime_fd = -1;
    int manifest_fd = -1;
    mse_status st = mse_sim_memfd_of_file(&runtime_fd, l->runtime_path, err);
    if (st == MSE_OK) {
        st = mse_sim_memfd_of_bytes(&manifest_fd, "manifest", l->manifest, err);
    }
    st = st == MSE_OK ? make_chip(e, runtime_fd, l, err) : st;
    st = st == MSE_OK ? spawn(e, runtime_fd, manifest_fd, l, err) : st;
    close_fd(&runtime_fd);
    close_fd(&manifest_fd);
    return st;
}

mse_status mse_sim_start(struct mse_sim_enclave **out, const struct mse_sim_launch *l,
                         struct mse_error *err)
{
    struct mse_sim_enclave *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "runtime", "no memory");
    }
    e->chip.fd = -1;
    e->pidfd = -1;
    mse_status st = start(e, l, err);
    if (st != MSE_OK) {
        mse_sim_enclave_free(e);
        return MSE_FAIL(err, st, "runtime", "could not be started");
    }
    *out = e;
    return MSE_OK;
}

const uint8_t *mse_sim_enclave_measurement(const struct mse_sim_enclave *e)
{
    return e->chip.mr_enclave;
}

int mse_sim_enclave_pid(const struct mse_sim_enclave *e)
{
    return (int)e->pid;
}

/* Ends what is left of the runtime's process group, then reaps. Before the reaping, because until
 * then the group's number cannot be given to anybody else. */
static void reap(struct mse_sim_enclave *e)
{
    int status = 0;
    pid_t got = 0;
    (void)kill(-e->pid, SIGKILL);
    do {
        got = waitpid(e->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    e->wait_status = got == e->pid ? status : STATUS_UNKNOWN;
    e->pid = 0;
    close_fd(&e->chip.fd);
}

static int poll_timeout(int64_t deadline)
{
    if (deadline == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline - mse_clock_ms();
    if (left < 0) {
        return 0;
    }
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits for the socket, the end of the process or the deadline. */
static uint8_t wait_for(struct mse_sim_enclave *e, int64_t deadline)
{
    struct pollfd p[2] = {
        { .fd = e->pidfd, .events = POLLIN },
        { .fd = e->chip.fd, .events = mse_sim_chip_waits(&e->chip) },
    };
    int n = poll(p, 2, poll_timeout(deadline));
    if (n < 0) {
        return MSE_SIM_INTERRUPTED;
    }
    if (n == 0) {
        return MSE_SIM_NOTHING;
    }
    /* Its last words first, but not without end: a descendant might hold the socket. */
    if (p[0].revents != 0 && (p[1].revents == 0 || ++e->last_reads > LAST_READS)) {
        reap(e);
        return MSE_SIM_ENDED;
    }
    return MSE_SIM_NOTHING;
}

static mse_status serve(struct mse_sim_enclave *e, struct mse_sim_note *note, uint8_t *event,
                        int64_t deadline, struct mse_error *err)
{
    *event = MSE_SIM_ENDED;
    while (e->pid != 0) {
        bool more = false;
        mse_status st = mse_sim_chip_pass(&e->chip, note, &more, err);
        if (st != MSE_OK) {
            return st;
        }
        *event = note->event;
        if (*event == MSE_SIM_NOTHING && !more) {
            *event = wait_for(e, deadline);
        }
        if (*event != MSE_SIM_NOTHING || mse_clock_ms() >= deadline) {
            break;
        }
    }
    return MSE_OK;
}

mse_status mse_sim_serve(struct mse_sim_enclave *e, struct mse_sim_news *out, int timeout_ms,
                         struct mse_error *err)
{
    struct mse_sim_note note = { 0 };
    struct mse_sim_news news = { 0 };
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : mse_clock_ms() + timeout_ms;
    mse_status st = serve(e, &note, &news.event, deadline, err);
    if (st != MSE_OK) {
        return st;
    }
    news.status = e->wait_status;
    memcpy(news.text, note.text, sizeof news.text);
    *out = news;
    return MSE_OK;
}

void mse_sim_stop(struct mse_sim_enclave *e, unsigned grace_ms)
{
    if (e->pid == 0) {
        return;
    }
    (void)syscall(SYS_pidfd_send_signal, e->pidfd, SIGTERM, NULL, 0);
    int64_t deadline = mse_clock_ms() + (int64_t)grace_ms;
    /* It may still want to say that it stops, or ask for something. */
    while (e->pid != 0 && mse_clock_ms() < deadline) {
        struct mse_sim_note note = { 0 };
        uint8_t event = MSE_SIM_NOTHING;
        if (serve(e, &note, &event, deadline, NULL) != MSE_OK) {
            break;
        }
    }
    if (e->pid != 0) {
        (void)syscall(SYS_pidfd_send_signal, e->pidfd, SIGKILL, NULL, 0);
        reap(e);
    }
}

void mse_sim_enclave_free(struct mse_sim_enclave *e)
{
    if (e == NULL) {
        return;
    }
    if (e->pid != 0) {
        mse_sim_stop(e, 0);
    }
    close_fd(&e->pidfd);
    mse_sim_chip_clear(&e->chip);
    free(e);
}
