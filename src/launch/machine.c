/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. The machine has two serial lines: the console, whose text goes where this process'
 * own goes, and the control line, by which process 1 of the image and the runtime tell events, and
 * are asked to stop. */
#include "launch/machine.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/evidence.h>
#include <mse/measure.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "launch/app_disk.h"
#include "launch/lines.h"
#include "package/manifest.h"
#include "package/upgrade.h"
#include "sim/chip.h"
#include "sim/spawn.h"
#include "tee/driver.h"

#define STEP         "machine"
#define MAX_RUNTIME  ((size_t)256 * 1024 * 1024)
#define MAX_IMAGE    ((size_t)1024 * 1024 * 1024)
#define MAX_WORDS    96
#define CONTROL_FD   3 /* in QEMU, as mse_sim_spawn numbers them */
#define PROCESSOR_FD 4
#define LINE_CHUNK   256

struct mse_launched {
    struct mse_sim_platform *platform; /* emulated */
    struct mse_sim_chip chip;          /* likewise; else its fd is -1 */
    pid_t pid;                         /* of QEMU; 0: reaped */
    int pidfd;
    int line_fd; /* the machine's control line */
    struct mse_event_lines lines;
    uint8_t chunk[LINE_CHUNK];
    struct mse_bytes unread; /* of chunk */
    bool asked;              /* to stop */
    bool told;               /* it said how it ended, or that was said for it */
    bool well;               /* as it should */
    char fingerprint[MSE_LAUNCH_FINGERPRINT_LEN];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* ---- starting it */

/* Whole paths: QEMU gets another working directory. */
struct paths {
    char *kernel;
    char *root;
    char *disk;
    char *firmware;
};

static void paths_clear(struct paths *p)
{
    free(p->kernel);
    free(p->root);
    free(p->disk);
    free(p->firmware);
}

static mse_status whole(char **out, const char *dir, const char *name, struct mse_error *err)
{
    char *path = cli_join(dir, name);
    *out = path == NULL ? NULL : realpath(path, NULL);
    mse_status st = *out != NULL
                        ? MSE_OK
                        : MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, STEP,
                                   "%.150s: %s", path == NULL ? name : path, strerror(errno));
    free(path);
    return st;
}

static mse_status paths_of(struct paths *p, const struct mse_machine_setup *m,
                           const struct mse_launch *l, struct mse_error *err)
{
    char *disk = cli_join(l->instance->dir, MSE_MACHINE_DISK);
    mse_status st =
        disk == NULL ? MSE_ERR_MEMORY : mse_machine_disk(disk, l->manifest, l->package_fd, err);
    free(disk);
    st = st == MSE_OK ? whole(&p->disk, l->instance->dir, MSE_MACHINE_DISK, err) : st;
    st = st == MSE_OK ? whole(&p->kernel, m->image, MSE_MACHINE_KERNEL, err) : st;
    st = st == MSE_OK ? whole(&p->root, m->image, MSE_MACHINE_ROOT, err) : st;
    return st == MSE_OK ? whole(&p->firmware, ".", m->firmware, err) : st;
}

/* Where it is to listen: the socket that was made for it is closed, as QEMU makes its own. */
static mse_status take_port(char address[INET_ADDRSTRLEN], uint64_t *port, int *listen_fd,
                            struct mse_error *err)
{
    struct sockaddr_in a = { 0 };
    socklen_t len = sizeof a;
    if (getsockname(*listen_fd, (struct sockaddr *)&a, &len) != 0 || a.sin_family != AF_INET ||
        inet_ntop(AF_INET, &a.sin_addr, address, INET_ADDRSTRLEN) == NULL) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "QEMU's user network forwards from an IPv4 address only");
    }
    *port = ntohs(a.sin_port);
    close_fd(listen_fd);
    return MSE_OK;
}

static mse_status bind_manifest(struct mse_bytes *out, uint8_t room[48], enum mse_qemu_kind kind,
                                struct mse_bytes manifest, struct mse_error *err)
{
    size_t len = kind == MSE_QEMU_TDX ? 48 : 32;
    mse_status st = kind == MSE_QEMU_TDX ? mse_sha384(room, manifest) : mse_sha256(room, manifest);
    *out = mse_bytes_of(room, len);
    return st == MSE_OK ? st : MSE_FAIL(err, st, STEP, "the manifest's digest failed");
}

/* Both ends close by themselves; *inner is for QEMU. */
static mse_status line(int *outer, int *inner, struct mse_error *err)
{
    int pair[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "socketpair: %s", strerror(errno));
    }
    *outer = pair[0];
    *inner = pair[1];
    return MSE_OK;
}

static mse_status spawn(struct mse_launched *e, const json_t *words, const struct mse_launch *l,
                        struct mse_error *err)
{
    const char *argv[MAX_WORDS + 1] = { NULL };
    int control = -1;
    int processor = -1;
    size_t n = json_array_size(words);
    for (size_t i = 0; i < n && i < MAX_WORDS; i++) {
        argv[i] = json_string_value(json_array_get(words, i));
    }
    if (n > MAX_WORDS || argv[0] == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "no command line for QEMU");
    }
    mse_status st = MSE_OK;
    int program = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (program < 0) {
        st = MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, STEP, "%.150s: %s",
                      argv[0], strerror(errno));
    }
    st = st == MSE_OK ? line(&e->line_fd, &control, err) : st;
    st = st == MSE_OK && e->platform != NULL ? line(&e->chip.fd, &processor, err) : st;
    const struct mse_sim_spawn s = { .exec_fd = program,
                                     .control_fd = control,
                                     .manifest_fd = processor,
                                     .package_fd = -1,
                                     .listen_fd = -1,
                                     .state_fd = l->state_fd,
                                     .argv = argv };
    st = st == MSE_OK ? mse_sim_spawn(&e->pid, &e->pidfd, &s, err) : st;
    close_fd(&program);
    close_fd(&control);
    close_fd(&processor);
    return st;
}

static mse_status start_qemu(struct mse_launched *e, const struct mse_machine_setup *m,
                             const struct mse_launch *l, struct mse_error *err)
{
    struct paths p = { .kernel = NULL };
    uint8_t digest[48];
    char address[INET_ADDRSTRLEN];
    struct mse_qemu q = { .kind = m->kind,
                          .program = m->qemu,
                          .cpu = m->cpu,
                          .vcpus = m->vcpus,
                          .memory = m->memory,
                          .address = address,
                          .policy = MSE_QEMU_SNP_POLICY,
                          .attributes = MSE_TDX_ATTR_SEPT_VE_DISABLE,
                          .control_fd = CONTROL_FD,
                          .processor_fd = PROCESSOR_FD };
    mse_status st = bind_manifest(&q.binding, digest, m->kind, l->manifest, err);
    st = st == MSE_OK ? paths_of(&p, m, l, err) : st;
    const char *const disks[] = { p.root, p.disk };
    q.firmware = p.firmware;
    q.kernel = p.kernel;
    q.disks = disks;
    q.num_disks = MSE_ARRAY_LEN(disks);
    st = st == MSE_OK ? take_port(address, &q.port, l->listen_fd, err) : st;
    json_t *words = st == MSE_OK ? mse_qemu_words(&q) : NULL;
    st = st == MSE_OK ? spawn(e, words, l, err) : st;
    json_decref(words);
    paths_clear(&p);
    return st;
}

/* ---- what it is measured as */

static mse_status measure_snp(uint8_t out[32], const struct mse_machine_setup *m,
                              struct mse_bytes manifest, struct mse_error *err)
{
    struct cli_file firmware = { 0 };
    struct cli_file kernel = { 0 };
    struct mse_snp_report r = { .policy = MSE_QEMU_SNP_POLICY };
    uint32_t signature = 0;
    char *path = cli_join(m->image, MSE_MACHINE_KERNEL);
    bool known = mse_qemu_signature(&signature, m->cpu);
    mse_status st =
        path == NULL || !known ? MSE_ERR_MEMORY : cli_file_read(&kernel, path, MAX_IMAGE, err);
    free(path);
    st = st == MSE_OK ? cli_file_read(&firmware, m->firmware, MAX_IMAGE, err) : st;
    const struct mse_snp_launch launch = { .firmware = cli_file_view(&firmware),
                                           .vcpus = (uint32_t)m->vcpus,
                                           .vcpu_signature = signature,
                                           .guest_features = 1,
                                           .has_kernel = true,
                                           .kernel = cli_file_view(&kernel) };
    st = st == MSE_OK ? mse_measure_snp(r.measurement, &launch, err) : st;
    st = st == MSE_OK ? mse_sha256(r.host_data, manifest) : st;
    st = st == MSE_OK ? mse_snp_fingerprint(out, &r) : st;
    cli_file_clear(&firmware);
    cli_file_clear(&kernel);
    return st;
}

/* The simulated processor measures the runtime that the image has. */
static mse_status make_chip(struct mse_sim_chip *chip, const struct mse_sim_platform *platform,
                            const struct mse_instance *i, struct mse_bytes manifest,
                            struct mse_error *err)
{
    struct cli_file runtime = { 0 };
    mse_status st = cli_file_read(&runtime, i->runtime, MAX_RUNTIME, err);
    const struct mse_sim_layout layout = { cli_file_view(&runtime), manifest, i->enclave_size,
                                           MSE_SIM_THREADS };
    st = st == MSE_OK ? mse_sim_chip_make(chip, platform, &layout, false, err) : st;
    cli_file_clear(&runtime);
    return st;
}

static mse_status machine_measure(char out[MSE_LAUNCH_FINGERPRINT_LEN],
                                  const struct mse_instance *i, struct mse_bytes manifest,
                                  struct mse_error *err)
{
    struct mse_machine_setup m;
    uint8_t digest[32];
    mse_status st = mse_machine_of(&m, i->tee, i->options, err);
    if (st == MSE_OK && m.kind == MSE_QEMU_TDX) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "the fingerprint of a TDX machine takes RTMR0, which a quote of it tells: "
                        "mse measure --layout tdx --rtmr0");
    }
    if (st == MSE_OK && m.kind == MSE_QEMU_SNP) {
        st = measure_snp(digest, &m, manifest, err);
    } else if (st == MSE_OK) {
        struct cli_file runtime = { 0 };
        st = cli_file_read(&runtime, i->runtime, MAX_RUNTIME, err);
        const struct mse_sim_layout layout = { cli_file_view(&runtime), manifest, i->enclave_size,
                                               MSE_SIM_THREADS };
        st = st == MSE_OK ? mse_measure_sim(digest, &layout, err) : st;
        cli_file_clear(&runtime);
    }
    if (st == MSE_OK) {
        mse_hex_encode(out, mse_bytes_of(digest, sizeof digest));
    }
    return st;
}

/* ---- its life */

/* Ends what is left of QEMU's process group, then reaps. */
static void reap(struct mse_launched *e)
{
    pid_t got = 0;
    (void)kill(-e->pid, SIGKILL);
    do {
        got = waitpid(e->pid, NULL, 0);
    } while (got < 0 && errno == EINTR);
    e->pid = 0;
    close_fd(&e->pidfd);
}

/* From the control line; what process 1 says of the end stays here. */
static bool next_line(struct mse_launched *e, struct mse_sim_news *out)
{
    struct mse_sim_news news = { 0 };
    while (mse_event_lines_next(&news, &e->lines, &e->unread)) {
        e->told =
            e->told || news.event == MSE_TEE_EVENT_ENDED || news.event == MSE_TEE_EVENT_FAILED;
        e->well = e->well || news.event == MSE_TEE_EVENT_ENDED;
        if (news.event != MSE_TEE_EVENT_ENDED) {
            *out = news;
            return true;
        }
    }
    return false;
}

/* True if something was received. */
static bool receive(struct mse_launched *e)
{
    ssize_t n = e->line_fd < 0 ? -1 : recv(e->line_fd, e->chunk, sizeof e->chunk, MSG_DONTWAIT);
    if (n > 0) {
        e->unread = mse_bytes_of(e->chunk, (size_t)n);
        return true;
    }
    if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close_fd(&e->line_fd);
    }
    return false;
}

/* All that can be done without waiting, as long as there is time: a machine may talk without end,
 * and whoever waits for it has more to do. */
static mse_status advance(struct mse_launched *e, struct mse_sim_news *out, int64_t deadline,
                          struct mse_error *err)
{
    for (bool more = true; more && out->event == 0; more = more && mse_clock_ms() < deadline) {
        if (next_line(e, out)) {
            break;
        }
        more = receive(e);
        if (e->chip.fd >= 0) {
            struct mse_sim_note note = { 0 };
            bool again = false;
            mse_status st = mse_sim_chip_pass(&e->chip, &note, &again, err);
            if (st != MSE_OK) {
                return st;
            }
            more = more || again;
            out->event = note.event;
            memcpy(out->text, note.text, sizeof out->text);
        }
    }
    return MSE_OK;
}

/* QEMU is gone, and all that the machine said was heard. */
static void on_gone(struct mse_launched *e, struct mse_sim_news *out)
{
    if (!e->told && !e->asked) {
        e->told = true;
        out->event = MSE_TEE_EVENT_FAILED;
        (void)snprintf(out->text, sizeof out->text,
                       "the machine ended without a word of its image: its log may say why");
        return;
    }
    reap(e);
    out->event = MSE_SIM_ENDED;
    out->status = e->well || e->asked ? 0 : 1 << 8; /* as wait has it */
}

static mse_status serve(struct mse_launched *e, struct mse_sim_news *out, int64_t deadline,
                        struct mse_error *err)
{
    for (bool gone = false;;) {
        mse_status st = advance(e, out, gone ? INT64_MAX : deadline, err);
        if (st != MSE_OK || out->event != 0) {
            return st;
        }
        if (gone) {
            on_gone(e, out);
            return MSE_OK;
        }
        struct pollfd p[] = { { .fd = e->pidfd, .events = POLLIN },
                              { .fd = e->line_fd, .events = POLLIN },
                              { .fd = e->chip.fd, .events = mse_sim_chip_waits(&e->chip) } };
        int64_t left = deadline - mse_clock_ms();
        int n = poll(p, MSE_ARRAY_LEN(p), left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
        gone = n > 0 && p[0].revents != 0;
        if (n < 0 || (!gone && mse_clock_ms() >= deadline)) {
            out->event = n < 0 ? MSE_SIM_INTERRUPTED : MSE_SIM_NOTHING;
            return MSE_OK;
        }
    }
}

static mse_status machine_serve(struct mse_launched *e, struct mse_sim_news *out, int timeout_ms,
                                struct mse_error *err)
{
    struct mse_sim_news news = { .event = MSE_SIM_ENDED };
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : mse_clock_ms() + timeout_ms;
    if (e->pid != 0) {
        news.event = 0;
        mse_status st = serve(e, &news, deadline, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    *out = news;
    return MSE_OK;
}

static void machine_stop(struct mse_launched *e, unsigned grace_ms)
{
    static const char word[] = MSE_MACHINE_STOP;
    int64_t deadline = mse_clock_ms() + (int64_t)grace_ms;
    e->asked = true;
    if (e->line_fd >= 0 && grace_ms > 0) {
        (void)!send(e->line_fd, word, sizeof word - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    while (e->pid != 0 && mse_clock_ms() < deadline) {
        struct mse_sim_news news = { 0 };
        if (serve(e, &news, deadline, NULL) != MSE_OK) {
            break;
        }
    }
    if (e->pid != 0) {
        (void)syscall(SYS_pidfd_send_signal, e->pidfd, SIGKILL, NULL, 0);
        reap(e);
    }
}

static void machine_free(struct mse_launched *e)
{
    if (e == NULL) {
        return;
    }
    if (e->pid != 0) {
        machine_stop(e, 0);
    }
    close_fd(&e->pidfd);
    close_fd(&e->line_fd);
    mse_sim_chip_clear(&e->chip);
    mse_sim_free(e->platform);
    free(e);
}

static mse_status start(struct mse_launched *e, const struct mse_launch *l, struct mse_error *err)
{
    const struct mse_instance *i = l->instance;
    struct mse_machine_setup m;
    mse_status st = mse_machine_of(&m, i->tee, i->options, err);
    st = st == MSE_OK ? mse_machine_takes(l->manifest, err) : st;
    if (st == MSE_OK && (!i->sandbox || i->from != NULL || i->carry != NULL)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        i->sandbox ? "a machine image joins no other instance"
                                   : "in a machine image the app always has its sandbox");
    }
    if (st == MSE_OK && m.kind == MSE_QEMU_EMULATED) {
        st = mse_sim_load(&e->platform, i->platform, err);
        st = st == MSE_OK ? make_chip(&e->chip, e->platform, i, l->manifest, err) : st;
        mse_hex_encode(e->fingerprint, mse_bytes_of(e->chip.mr_enclave, 32));
    } else if (st == MSE_OK && m.kind == MSE_QEMU_SNP) {
        st = machine_measure(e->fingerprint, i, l->manifest, err);
    }
    return st == MSE_OK ? start_qemu(e, &m, l, err) : st;
}

static mse_status machine_start(struct mse_launched **out, const struct mse_launch *l,
                                struct mse_error *err)
{
    struct mse_launched *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    e->pidfd = -1;
    e->line_fd = -1;
    e->chip.fd = -1;
    mse_status st = start(e, l, err);
    if (st != MSE_OK) {
        machine_free(e);
        return st;
    }
    *out = e;
    return MSE_OK;
}

static pid_t machine_pid(const struct mse_launched *e)
{
    return e->pid;
}

static const char *machine_fingerprint(const struct mse_launched *e)
{
    return e->fingerprint;
}

const struct mse_launcher mse_launcher_machine = {
    .tees = { "tdx", "sev-snp", MSE_MACHINE_EMULATED, NULL },
    .start = machine_start,
    .serve = machine_serve,
    .stop = machine_stop,
    .free = machine_free,
    .pid = machine_pid,
    .fingerprint = machine_fingerprint,
    .measure = machine_measure,
};
