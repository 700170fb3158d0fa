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
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "measure/sigstruct_make.h"
#include "sim/memfd.h"
#include "sim/session.h"
#include "sim/spawn.h"
#include "tee/driver.h"

#define XFRM           0xe7ULL
#define MAX_EXTRA      32
#define RECEIVE_CHUNK  4096
#define LAST_READS     64     /* how much is still read of a runtime that has ended */
#define STATUS_UNKNOWN 0xff00 /* somebody else reaped it */

_Static_assert(sizeof((struct mse_sim_news *)0)->text == MSE_SIM_NOTE_TEXT_LEN, "same text");

struct mse_sim_enclave {
    const struct mse_sim_platform *platform;
    struct mse_sim_session session;
    uint8_t mr_enclave[32];
    uint64_t attr_flags;
    pid_t pid; /* 0: reaped */
    int pidfd;
    int control_fd; /* -1: closed */
    unsigned last_reads;
    int wait_status;
};

static bool would_block(int e)
{
    return e == EINTR || e == EAGAIN;
}

static int64_t now_ms(void)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* What the session asks of us. */
static mse_status answer_quote(void *ctx, struct mse_build *out, const uint8_t report_data[64])
{
    const struct mse_sim_enclave *e = ctx;
    struct mse_sim_report r = { .attr_flags = e->attr_flags };
    memcpy(r.mr_enclave, e->mr_enclave, sizeof r.mr_enclave);
    memcpy(r.report_data, report_data, sizeof r.report_data);
    mse_status st = mse_sim_mrsigner(e->platform, r.mr_signer);
    return st == MSE_OK ? mse_sim_quote(e->platform, out, &r, NULL) : st;
}

static mse_status answer_key(void *ctx, uint8_t out[32])
{
    const struct mse_sim_enclave *e = ctx;
    return mse_sim_seal_key(e->platform, out, e->mr_enclave, e->attr_flags);
}

static mse_status answer_counter(void *ctx, uint64_t *out, const uint8_t id[16], bool advance)
{
    const struct mse_sim_enclave *e = ctx;
    return mse_sim_counter(e->platform, out, e->mr_enclave, id, advance);
}

static mse_status measure(uint8_t out[32], int runtime_fd, const struct mse_sim_launch *l,
                          struct mse_error *err)
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
    st = mse_measure_sim(out, &layout, err);
    mse_sim_memfd_unmap(&map);
    return st;
}

/* What EINIT checks of a SIGSTRUCT against the enclave at hand. */
static mse_status einit(const struct mse_sim_enclave *e, struct mse_bytes sigstruct,
                        uint64_t attr_flags, struct mse_error *err)
{
    struct mse_sigstruct s;
    uint8_t signer[32];
    uint8_t wanted[32];
    mse_status st = mse_sigstruct_parse(&s, sigstruct, err);
    if (st == MSE_OK) {
        st = mse_sigstruct_verify(&s, err);
    }
    if (st == MSE_OK) {
        st = mse_sigstruct_mrsigner(signer, &s);
    }
    if (st == MSE_OK) {
        st = mse_sim_mrsigner(e->platform, wanted);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "sigstruct", "the enclave's signature does not hold");
    }
    if (!mse_mem_equal(signer, wanted, sizeof signer)) {
        return MSE_FAIL(err, MSE_ERR_MRSIGNER_MISMATCH, "sigstruct", "signed by another key");
    }
    if (!mse_mem_equal(s.enclave_hash, e->mr_enclave, sizeof e->mr_enclave)) {
        return MSE_FAIL(err, MSE_ERR_MRENCLAVE_MISMATCH, "sigstruct", "made for another enclave");
    }
    if ((s.attr_flags & s.attr_mask_flags) != (attr_flags & s.attr_mask_flags) ||
        (s.attr_xfrm & s.attr_mask_xfrm) != (XFRM & s.attr_mask_xfrm)) {
        return MSE_FAIL(err, MSE_ERR_ATTRIBUTES, "sigstruct", "made for other attributes");
    }
    return MSE_OK;
}

/* The operator signs the enclave; then the simulated CPU starts it, and sets INIT. */
static mse_status initialise(struct mse_sim_enclave *e, bool debug, struct mse_error *err)
{
    uint64_t flags = MSE_SGX_FLAG_MODE64BIT | (debug ? MSE_SGX_FLAG_DEBUG : 0);
    struct mse_sigstruct_params params = {
        .attr_flags = flags,
        .attr_xfrm = XFRM,
        .attr_mask_flags = UINT64_MAX,
        .attr_mask_xfrm = UINT64_MAX,
        .misc_mask = UINT32_MAX,
        .date = (mse_time)time(NULL),
    };
    memcpy(params.enclave_hash, e->mr_enclave, sizeof params.enclave_hash);
    uint8_t sigstruct[MSE_SIGSTRUCT_LEN];
    mse_status st = mse_sigstruct_make(sigstruct, &params, mse_sim_signer_borrow(e->platform));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "sigstruct", "could not be made");
    }
    st = einit(e, mse_bytes_of(sigstruct, sizeof sigstruct), flags, err);
    if (st == MSE_OK) {
        e->attr_flags = flags | MSE_SGX_FLAG_INIT;
    }
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
    e->control_fd = pair[0];
    return MSE_OK;
}

static mse_status start(struct mse_sim_enclave *e, const struct mse_sim_launch *l,
                        struct mse_error *err)
{
    int runtime_fd = -1;
    int manifest_fd = -1;
    struct mse_sim_answers answers = {
        .ctx = e, .quote = answer_quote, .key = answer_key, .counter = answer_counter
    };
    mse_status st = mse_sim_memfd_of_file(&runtime_fd, l->runtime_path, err);
    if (st == MSE_OK) {
        st = mse_sim_memfd_of_bytes(&manifest_fd, "manifest", l->manifest, err);
    }
    if (st == MSE_OK) {
        st = measure(e->mr_enclave, runtime_fd, l, err);
    }
    if (st == MSE_OK) {
        st = initialise(e, l->debug, err);
    }
    if (st == MSE_OK) {
        memcpy(answers.info, e->mr_enclave, 32);
        st = mse_sha256(answers.info + 32, l->manifest);
    }
    if (st == MSE_OK) {
        mse_sim_session_init(&e->session, &answers);
        st = spawn(e, runtime_fd, manifest_fd, l, err);
    }
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
    e->platform = l->platform;
    e->pidfd = -1;
    e->control_fd = -1;
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
    return e->mr_enclave;
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
    close_fd(&e->control_fd);
}

/* True when no output is left. */
static bool flush(struct mse_sim_enclave *e)
{
    struct mse_build *out = &e->session.out;
    size_t done = 0;
    while (done < out->len) {
        ssize_t n =
            send(e->control_fd, out->data + done, out->len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && would_block(errno)) {
            break;
        }
        /* A runtime that went away gets no reply; what it said last is still read. */
        done = n < 0 ? out->len : done + (size_t)n;
    }
    if (done > 0) {
        memmove(out->data, out->data + done, out->len - done);
        mse_wipe(out->data + (out->len - done), done);
        out->len -= done;
    }
    return out->len == 0;
}

/* True if something was received. */
static bool receive(struct mse_sim_enclave *e)
{
    uint8_t chunk[RECEIVE_CHUNK];
    size_t room = mse_sim_session_room(&e->session);
    ssize_t n = recv(e->control_fd, chunk, room < sizeof chunk ? room : sizeof chunk, MSG_DONTWAIT);
    if (n > 0) {
        mse_wr_copy(&e->session.in, chunk, (size_t)n);
        return true;
    }
    if (n == 0 || !would_block(errno)) {
        close_fd(&e->control_fd);
    }
    return false;
}

/* One pass: what is there is sent, handled, received. *more: there may be more to do at once. */
static mse_status pass(struct mse_sim_enclave *e, struct mse_sim_note *note, bool *more,
                       struct mse_error *err)
{
    *more = false;
    if (e->control_fd < 0 || !flush(e)) {
        return MSE_OK;
    }
    mse_status st = mse_sim_session_step(&e->session, note);
    if (st == MSE_OK) {
        *more = true;
        return MSE_OK;
    }
    if (st == MSE_ERR_NOT_FOUND) {
        *more = receive(e);
        return MSE_OK;
    }
    close_fd(&e->control_fd);
    return MSE_FAIL(err, MSE_ERR_PROTOCOL, "control", "the runtime broke the control protocol");
}

static int poll_timeout(int64_t deadline)
{
    if (deadline == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline - now_ms();
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
        { .fd = e->control_fd, .events = e->session.out.len > 0 ? POLLOUT : POLLIN },
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
        mse_status st = pass(e, note, &more, err);
        if (st != MSE_OK) {
            return st;
        }
        *event = note->event;
        if (*event == MSE_SIM_NOTHING && !more) {
            *event = wait_for(e, deadline);
        }
        if (*event != MSE_SIM_NOTHING || now_ms() >= deadline) {
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
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
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
    int64_t deadline = now_ms() + (int64_t)grace_ms;
    /* It may still want to say that it stops, or ask for something. */
    while (e->pid != 0 && now_ms() < deadline) {
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
    close_fd(&e->control_fd);
    close_fd(&e->pidfd);
    mse_sim_session_clear(&e->session);
    mse_wipe(e, sizeof *e);
    free(e);
}
