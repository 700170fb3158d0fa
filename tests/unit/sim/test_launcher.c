/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher, with this very program as the runtime: started with --tee it plays the scenario
 * that its last argument names. Descriptor 5 is a pipe on which it tells its results. */
#include "lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include <mse/measure.h>

#include "sim/launcher.h"
#include "sim/memfd.h"
#include "tee/driver.h"
#include "tee/frame.h"

#define MANIFEST     "{\"version\":1,\"app\":\"test\"}"
#define ENCLAVE_SIZE ((uint64_t)64 * 1024 * 1024)
#define RESULT_FD    5

/* ---- The runtime ---------------------------------------------------------------------------- */

static void tell(const void *p, size_t len)
{
    ssize_t n = write(RESULT_FD, p, len);
    (void)n;
}

static int play_quote(void)
{
    struct mse_error err = { 0 };
    struct mse_tee *t = NULL;
    struct mse_build quote;
    uint8_t report_data[64];
    memset(report_data, 0xa5, sizeof report_data);
    mse_build_heap(&quote, MSE_SIM_MAX_FRAME);
    if (mse_tee_sim.open(&t, 3, &err) != MSE_OK ||
        mse_tee_sim.quote(t, &quote, report_data, &err) != MSE_OK ||
        mse_tee_sim.check_manifest(t, mse_bytes_str(MANIFEST), &err) != MSE_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    tell(quote.data, quote.len);
    mse_build_clear(&quote);
    mse_tee_sim.event(t, MSE_TEE_EVENT_READY, "quote \033[2J made");
    mse_tee_sim.close(t);
    return 0;
}

static int play_key(void)
{
    struct mse_tee *t = NULL;
    uint8_t key[32];
    if (mse_tee_sim.open(&t, 3, NULL) != MSE_OK ||
        mse_tee_sim.seal_key(t, key, NULL, NULL) != MSE_OK) {
        return 1;
    }
    tell(key, sizeof key);
    mse_tee_sim.close(t);
    return 0;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool is_sealed(int fd)
{
    int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    return (fcntl(fd, F_GET_SEALS) & wanted) == wanted;
}

/* Nothing but what was promised got in. Returns the number of what is wrong. */
static int surroundings(void)
{
    char cwd[64];
    struct stat null;
    struct stat in;
    struct sigaction sa;
    int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool sealed = is_sealed(exe) && is_sealed(4);
    (void)close(exe);
    if (environ[0] != NULL) {
        return 1;
    }
    for (int fd = 3; fd < 1024; fd++) {
        if (is_open(fd) != (fd <= 5)) {
            return 2;
        }
    }
    if (stat("/dev/null", &null) != 0 || fstat(0, &in) != 0 || null.st_rdev != in.st_rdev) {
        return 3;
    }
    if (getcwd(cwd, sizeof cwd) == NULL || strcmp(cwd, "/") != 0) {
        return 4;
    }
    if (sigaction(SIGPIPE, NULL, &sa) != 0 || sa.sa_handler != SIG_DFL) {
        return 5;
    }
    if (!sealed || write(4, "x", 1) >= 0) {
        return 6;
    }
    return getpgrp() == getpid() ? 0 : 7;
}

static int play_surroundings(void)
{
    uint8_t wrong = (uint8_t)surroundings();
    tell(&wrong, 1);
    return wrong;
}

static void send_frame(uint8_t type, const void *payload, size_t len)
{
    struct mse_build b;
    mse_build_heap(&b, 2 * (size_t)MSE_SIM_MAX_FRAME);
    mse_sim_frame_write(&b, type, mse_bytes_of(payload, len));
    ssize_t n = send(3, b.data, b.len, MSG_NOSIGNAL);
    (void)n;
    mse_build_clear(&b);
}

/* Type of the next reply. Reads byte by byte: frames may stand behind each other. */
static uint8_t reply_type(void)
{
    uint8_t head[MSE_SIM_FRAME_HEAD] = { 0 };
    if (recv(3, head, sizeof head, MSG_WAITALL) != (ssize_t)sizeof head) {
        return 0;
    }
    size_t left = ((size_t)head[2] << 8 | head[3]) - 1;
    uint8_t b = 0;
    while (left > 0 && recv(3, &b, 1, 0) == 1) {
        left--;
    }
    return head[4];
}

static int play_wrong_requests(void)
{
    static const uint8_t zeros[65];
    static const uint8_t two[17] = { [16] = 2 };
    uint8_t seen[11];
    send_frame(0x55, "x", 1);
    seen[0] = reply_type();
    send_frame(MSE_SIM_REQ_QUOTE, zeros, 63);
    seen[1] = reply_type();
    send_frame(MSE_SIM_REQ_QUOTE, zeros, 65);
    seen[2] = reply_type();
    send_frame(MSE_SIM_REQ_QUOTE, zeros, 0);
    seen[3] = reply_type();
    send_frame(MSE_SIM_REQ_KEY, zeros, 1);
    seen[4] = reply_type();
    send_frame(MSE_SIM_REQ_INFO, zeros, 1);
    seen[5] = reply_type();
    send_frame(MSE_SIM_REPLY | MSE_SIM_REQ_INFO, zeros, 64);
    seen[6] = reply_type();
    send_frame(MSE_SIM_REQ_COUNTER, zeros, 16);
    seen[7] = reply_type();
    send_frame(MSE_SIM_REQ_COUNTER, zeros, 18);
    seen[8] = reply_type();
    send_frame(MSE_SIM_REQ_COUNTER, two, sizeof two);
    seen[9] = reply_type();
    send_frame(MSE_SIM_REQ_INFO, zeros, 0);
    seen[10] = reply_type();
    tell(seen, sizeof seen);
    return 0;
}

static int play_bytes(const char *what, size_t len)
{
    ssize_t n = send(3, what, len, MSG_NOSIGNAL);
    (void)n;
    (void)pause();
    return 0;
}

static int play_flood(void)
{
    static const uint8_t zeros[64];
    while (getpid() > 0) {
        send_frame(MSE_SIM_REQ_QUOTE, zeros, sizeof zeros);
    }
    return 0;
}

static int play_fail(void)
{
    struct mse_tee *t = NULL;
    if (mse_tee_sim.open(&t, 3, NULL) != MSE_OK) {
        return 1;
    }
    mse_tee_sim.event(t, MSE_TEE_EVENT_STARTING, NULL);
    mse_tee_sim.event(t, MSE_TEE_EVENT_FAILED, "no health");
    mse_tee_sim.close(t);
    return 3;
}

/* Ends and leaves a child behind, which holds all descriptors. */
static int play_orphan(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        (void)poll(NULL, 0, 60000);
        _exit(0);
    }
    return pid > 0 ? 0 : 1;
}

static int play_ignore_term(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    tell("r", 1);
    while (getpid() > 0) {
        (void)pause();
    }
    return 0;
}

static volatile sig_atomic_t stop_asked;

static void on_term(int sig)
{
    (void)sig;
    stop_asked = 1;
}

/* Says goodbye, and needs an answer for it. */
static int play_clean_stop(void)
{
    struct mse_tee *t = NULL;
    uint8_t key[32];
    (void)signal(SIGTERM, on_term);
    tell("r", 1);
    while (!stop_asked) {
        (void)poll(NULL, 0, 5);
    }
    if (mse_tee_sim.open(&t, 3, NULL) != MSE_OK ||
        mse_tee_sim.seal_key(t, key, NULL, NULL) != MSE_OK) {
        return 1;
    }
    mse_tee_sim.event(t, MSE_TEE_EVENT_STOPPING, "bye");
    mse_tee_sim.close(t);
    tell("s", 1);
    return 0;
}

static int play(const char *scenario)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } table[] = {
        { "quote", play_quote },
        { "key", play_key },
        { "surroundings", play_surroundings },
        { "wrong-requests", play_wrong_requests },
        { "flood", play_flood },
        { "fail", play_fail },
        { "orphan", play_orphan },
        { "ignore-term", play_ignore_term },
        { "clean-stop", play_clean_stop },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(table); i++) {
        if (strcmp(scenario, table[i].name) == 0) {
            return table[i].run();
        }
    }
    if (strcmp(scenario, "length-zero") == 0) {
        return play_bytes("\0\0\0\0", 4);
    }
    if (strcmp(scenario, "length-huge") == 0) {
        return play_bytes("\0\001\0\001", 4);
    }
    if (strcmp(scenario, "unknown-event") == 0) {
        return play_bytes("\0\0\0\002\004\377", 6);
    }
    if (strcmp(scenario, "empty-event") == 0) {
        return play_bytes("\0\0\0\001\004", 5);
    }
    if (strcmp(scenario, "half-frame") == 0) {
        return play_bytes("\0\0\0\101\001abc", 8);
    }
    return 99;
}

/* ---- The tests ------------------------------------------------------------------------------ */

struct fixture {
    char *dir;
    char platform_dir[256];
    struct mse_sim_platform *platform;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct mse_sim_options o = { .now = 1767225600 };
    assert_non_null(f);
    f->dir = test_tmpdir();
    (void)snprintf(f->platform_dir, sizeof f->platform_dir, "%s/sim", f->dir);
    assert_status(mse_sim_init(f->platform_dir, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&f->platform, f->platform_dir, NULL), MSE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mse_sim_free(f->platform);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

struct run {
    struct mse_sim_enclave *enclave;
    int result_fd;
};

static struct mse_sim_launch launch_of(const struct fixture *f, const char *const *extra)
{
    struct mse_sim_launch l = {
        .platform = f->platform,
        .runtime_path = "/proc/self/exe",
        .manifest = mse_bytes_str(MANIFEST),
        .enclave_size = ENCLAVE_SIZE,
        .threads = 4,
        .package_fd = -1,
        .listen_fd = -1,
        .state_fd = -1,
        .extra_argv = extra,
    };
    return l;
}

static struct run start(const struct fixture *f, const char *scenario, bool debug)
{
    const char *const extra[] = { scenario, NULL };
    struct mse_sim_launch l = launch_of(f, extra);
    struct mse_error err = { 0 };
    struct run r = { 0 };
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    l.package_fd = fds[1];
    l.debug = debug;
    mse_status st = mse_sim_start(&r.enclave, &l, &err);
    if (st != MSE_OK) {
        fail_msg("%s: %s", mse_status_name(st), err.text);
    }
    (void)close(fds[1]);
    r.result_fd = fds[0];
    return r;
}

static void finish(struct run *r)
{
    mse_sim_enclave_free(r->enclave);
    (void)close(r->result_fd);
}

static struct mse_sim_news serve(struct run *r, int timeout_ms)
{
    struct mse_sim_news news = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_sim_serve(r->enclave, &news, timeout_ms, &err);
    if (st != MSE_OK) {
        fail_msg("%s: %s", mse_status_name(st), err.text);
    }
    return news;
}

/* Serves until the end; the exit status. */
static int serve_all(struct run *r)
{
    for (int i = 0; i < 100; i++) {
        struct mse_sim_news news = serve(r, 20000);
        if (news.event == MSE_SIM_ENDED) {
            assert_true(WIFEXITED(news.status));
            return WEXITSTATUS(news.status);
        }
    }
    return -1;
}

static size_t read_results(const struct run *r, uint8_t *buf, size_t cap)
{
    size_t len = 0;
    ssize_t n = 0;
    while (len < cap && (n = read(r->result_fd, buf + len, cap - len)) > 0) {
        len += (size_t)n;
    }
    return len;
}

static void check_quote(const struct fixture *f, bool debug)
{
    struct run r = start(f, "quote", debug);
    uint8_t buf[16384];
    struct mse_sgx_quote q;
    uint8_t signer[32];
    uint8_t report_data[64];
    struct mse_sim_news news = serve(&r, 20000);
    assert_int_equal(news.event, MSE_TEE_EVENT_READY);
    assert_null(strchr(news.text, '\033'));
    news = serve(&r, 20000);
    assert_int_equal(news.event, MSE_SIM_ENDED);
    assert_int_equal(news.status, 0);
    assert_int_equal(serve(&r, 0).event, MSE_SIM_ENDED);
    assert_int_equal(mse_sim_enclave_pid(r.enclave), 0);
    size_t len = read_results(&r, buf, sizeof buf);
    assert_status(mse_sgx_quote_parse(&q, mse_bytes_of(buf, len), NULL), MSE_OK);
    memset(report_data, 0xa5, sizeof report_data);
    assert_memory_equal(q.body.report_data, report_data, 64);
    assert_memory_equal(q.body.mr_enclave, mse_sim_enclave_measurement(r.enclave), 32);
    assert_status(mse_sim_mrsigner(f->platform, signer), MSE_OK);
    assert_memory_equal(q.body.mr_signer, signer, 32);
    assert_int_equal(q.body.attr_flags, debug ? 7 : 5);
    finish(&r);
}

static void test_quote(void **state)
{
    check_quote(*state, false);
    check_quote(*state, true);
}

/* MRENCLAVE is that of the file and the manifest, computed apart from the launcher. */
static void test_measurement(void **state)
{
    struct run r = start(*state, "surroundings", false);
    struct mse_bytes self = test_read_file("/proc/self/exe");
    struct mse_sim_layout layout = { self, mse_bytes_str(MANIFEST), ENCLAVE_SIZE, 4 };
    uint8_t wanted[32];
    assert_status(mse_measure_sim(wanted, &layout, NULL), MSE_OK);
    assert_memory_equal(mse_sim_enclave_measurement(r.enclave), wanted, 32);
    free((void *)(uintptr_t)self.data);
    finish(&r);
}

static void get_key(const struct fixture *f, uint8_t key[32], bool debug)
{
    struct run r = start(f, "key", debug);
    assert_int_equal(serve_all(&r), 0);
    assert_int_equal(read_results(&r, key, 32), 32);
    finish(&r);
}

static void test_key(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    get_key(*state, a, false);
    get_key(*state, b, false);
    assert_memory_equal(a, b, sizeof a);
    get_key(*state, b, true);
    assert_memory_not_equal(a, b, sizeof a);
}

/* A launcher without a stdin of its own, as services have. */
static void test_surroundings_without_stdin(void **state)
{
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
    (void)close(STDIN_FILENO);
    struct run r = start(*state, "surroundings", false);
    uint8_t wrong = 0xff;
    assert_int_equal(serve_all(&r), 0);
    assert_int_equal(read_results(&r, &wrong, 1), 1);
    finish(&r);
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        (void)close(saved);
    }
    assert_int_equal(wrong, 0);
}

static void test_surroundings(void **state)
{
    struct run r = start(*state, "surroundings", false);
    uint8_t wrong = 0xff;
    assert_int_equal(serve_all(&r), 0);
    assert_int_equal(read_results(&r, &wrong, 1), 1);
    assert_int_equal(wrong, 0);
    finish(&r);
}

static void test_wrong_requests(void **state)
{
    struct run r = start(*state, "wrong-requests", false);
    uint8_t seen[11] = { 0 };
    assert_int_equal(serve_all(&r), 0);
    assert_int_equal(read_results(&r, seen, sizeof seen), sizeof seen);
    for (size_t i = 0; i + 1 < sizeof seen; i++) {
        assert_int_equal(seen[i], MSE_SIM_ERROR);
    }
    assert_int_equal(seen[sizeof seen - 1], MSE_SIM_REPLY | MSE_SIM_REQ_INFO);
    finish(&r);
}

static void test_broken_frames(void **state)
{
    static const char *const scenarios[] = { "length-zero", "length-huge", "unknown-event",
                                             "empty-event" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(scenarios); i++) {
        struct run r = start(*state, scenarios[i], false);
        struct mse_sim_news news = { 0 };
        struct mse_error err = { 0 };
        assert_status(mse_sim_serve(r.enclave, &news, 20000, &err), MSE_ERR_PROTOCOL);
        assert_non_null(strstr(err.text, "control protocol"));
        /* From now on it is only waited for. */
        assert_int_equal(serve(&r, 10).event, MSE_SIM_NOTHING);
        finish(&r);
    }
}

static int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void test_slow_and_greedy(void **state)
{
    static const char *const scenarios[] = { "half-frame", "flood" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(scenarios); i++) {
        struct run r = start(*state, scenarios[i], false);
        int64_t begin = now_ms();
        assert_int_equal(serve(&r, 200).event, MSE_SIM_NOTHING);
        assert_true(now_ms() - begin < 20000);
        finish(&r);
    }
}

static void test_events_and_status(void **state)
{
    struct run r = start(*state, "fail", false);
    struct mse_sim_news news = serve(&r, 20000);
    assert_int_equal(news.event, MSE_TEE_EVENT_STARTING);
    assert_string_equal(news.text, "");
    news = serve(&r, 20000);
    assert_int_equal(news.event, MSE_TEE_EVENT_FAILED);
    assert_string_equal(news.text, "no health");
    news = serve(&r, 20000);
    assert_int_equal(news.event, MSE_SIM_ENDED);
    assert_true(WIFEXITED(news.status));
    assert_int_equal(WEXITSTATUS(news.status), 3);
    finish(&r);
}

/* The end of file on the pipe shows that the orphan is gone too. */
static void test_orphans_end(void **state)
{
    struct run r = start(*state, "orphan", false);
    uint8_t byte = 0;
    int64_t begin = now_ms();
    assert_int_equal(serve_all(&r), 0);
    assert_int_equal(read_results(&r, &byte, 1), 0);
    assert_true(now_ms() - begin < 20000);
    finish(&r);
}

static void wait_ready(const struct run *r)
{
    char c = 0;
    assert_int_equal(read(r->result_fd, &c, 1), 1);
}

static void test_stop(void **state)
{
    struct run r = start(*state, "clean-stop", false);
    uint8_t last = 0;
    wait_ready(&r);
    mse_sim_stop(r.enclave, 20000);
    assert_int_equal(read_results(&r, &last, 1), 1);
    assert_int_equal(last, 's');
    assert_int_equal(mse_sim_enclave_pid(r.enclave), 0);
    finish(&r);
}

static void test_stop_by_force(void **state)
{
    struct run r = start(*state, "ignore-term", false);
    wait_ready(&r);
    int64_t begin = now_ms();
    mse_sim_stop(r.enclave, 100);
    assert_true(now_ms() - begin < 20000);
    struct mse_sim_news news = serve(&r, 0);
    assert_int_equal(news.event, MSE_SIM_ENDED);
    assert_true(WIFSIGNALED(news.status));
    assert_int_equal(WTERMSIG(news.status), SIGKILL);
    finish(&r);
}

static void interrupt(int sig)
{
    (void)sig;
}

static void test_interrupted(void **state)
{
    struct run r = start(*state, "half-frame", false);
    struct sigaction sa = { .sa_handler = interrupt };
    struct sigaction old;
    assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
    (void)ualarm(50000, 50000); /* again and again: the first may come before it waits */
    assert_int_equal(serve(&r, 20000).event, MSE_SIM_INTERRUPTED);
    (void)ualarm(0, 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
    finish(&r);
}

/* The launcher dies; the runtime, which only waits, must not stay. */
static void test_death_of_launcher(void **state)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t launcher = fork();
    assert_true(launcher >= 0);
    if (launcher == 0) {
        const char *const extra[] = { "half-frame", NULL };
        struct mse_sim_launch l = launch_of(*state, extra);
        struct mse_sim_enclave *e = NULL;
        l.package_fd = fds[1];
        _exit(mse_sim_start(&e, &l, NULL) == MSE_OK ? 0 : 1);
    }
    (void)close(fds[1]);
    int status = -1;
    assert_int_equal(waitpid(launcher, &status, 0), launcher);
    assert_int_equal(status, 0);
    /* The runtime holds the other end. */
    struct pollfd p = { .fd = fds[0], .events = POLLIN };
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(p.revents & POLLHUP, POLLHUP);
    (void)close(fds[0]);
}

static void test_no_runtime(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_launch l = launch_of(f, NULL);
    struct mse_sim_enclave *e = NULL;
    struct mse_error err = { 0 };
    l.runtime_path = "/nonexistent/mse-enclave";
    assert_status(mse_sim_start(&e, &l, &err), MSE_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/mse-enclave"));
    l.runtime_path = "/";
    assert_status(mse_sim_start(&e, &l, NULL), MSE_ERR_IO);
    l.runtime_path = "/dev/zero";
    assert_status(mse_sim_start(&e, &l, NULL), MSE_ERR_IO);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/platform.json", f->platform_dir);
    l.runtime_path = path;
    assert_status(mse_sim_start(&e, &l, NULL), MSE_ERR_MALFORMED);
    assert_null(e);
}

static void test_too_many_switches(void **state)
{
    const char *extra[40] = { 0 };
    for (size_t i = 0; i + 1 < MSE_ARRAY_LEN(extra); i++) {
        extra[i] = "--x";
    }
    struct mse_sim_launch l = launch_of(*state, extra);
    struct mse_sim_enclave *e = NULL;
    assert_status(mse_sim_start(&e, &l, NULL), MSE_ERR_ARGUMENT);
}

static void test_memfd(void **state)
{
    (void)state;
    int fd = -1;
    struct mse_sim_map map;
    assert_status(mse_sim_memfd_of_bytes(&fd, "x", mse_bytes_str("abc"), NULL), MSE_OK);
    assert_true(is_sealed(fd));
    assert_int_equal(write(fd, "z", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_status(mse_sim_memfd_map(&map, fd, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(map.data, map.len), mse_bytes_str("abc"));
    mse_sim_memfd_unmap(&map);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--tee") == 0) {
        return play(argv[argc - 1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_measurement),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_surroundings_without_stdin),
        cmocka_unit_test(test_wrong_requests),
        cmocka_unit_test(test_broken_frames),
        cmocka_unit_test(test_slow_and_greedy),
        cmocka_unit_test(test_events_and_status),
        cmocka_unit_test(test_orphans_end),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_by_force),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_death_of_launcher),
        cmocka_unit_test(test_no_runtime),
        cmocka_unit_test(test_too_many_switches),
        cmocka_unit_test(test_memfd),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
