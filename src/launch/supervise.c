/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor of an instance: a process of its own session in the background. It holds the
 * launcher, so the enclave lives exactly as long as it does; it answers on the control socket; what
 * it and the enclave say goes to the instance's log. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "launch/carry.h"
#include "launch/control.h"
#include "launch/instance.h"
#include "launch/launcher.h"
#include "package/manifest.h"
#include "tee/driver.h"

#define STOP_GRACE_MS 12000U /* the runtime drains for 5 s and gives the app 5 s */
#define CARRY_LISTEN  3
#define CARRY_FOLDER  4
#define ASK_MS        5000 /* for the word of whoever asks, who may be held up */
#define TURN_MS       50
#define LOOK_MS       200 /* more than anybody holds a lock to look at it */

struct super {
    const struct mse_instance *i;
    const struct mse_launcher *launcher;
    struct mse_launched *enclave;
    struct cli_file manifest;
    int listen_fd; /* -1 once the enclave has it: when that is dead, its port refuses at once */
    uint16_t port;
    int package_fd;
    int state_fd; /* of the folder for what the enclave seals */
    int lock_fd;
    int control_fd;
    int report_fd; /* -1: whoever started this knows enough */
    int waiter_fd; /* who asked to stop: gets the answer when all is over */
    pid_t carrier; /* 0: there is none */
    mse_time carrier_begun;
    const char *state;
    char note[256];
    mse_time since;
    char fingerprint[MSE_LAUNCH_FINGERPRINT_LEN];
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    stop_asked = number == SIGTERM || number == SIGINT ? 1 : stop_asked;
}

/* SIGIO only interrupts waiting: somebody knocks at the control socket. */
static void catch_signals(void)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGIO };
    struct sigaction sa = { .sa_handler = on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigemptyset(&sa.sa_mask);
    (void)sigemptyset(&ignore.sa_mask);
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        (void)sigaction(numbers[i], &sa, NULL);
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
}

static void set_state(struct super *s, const char *state, const char *note)
{
    s->state = state;
    s->since = (mse_time)time(NULL);
    (void)snprintf(s->note, sizeof s->note, "%s", note);
    mse_utf8_printable(s->note);
}

static json_t *to_json(const struct super *s, bool lives)
{
    char since[MSE_TIME_TEXT_LEN];
    uint16_t carry = 0;
    mse_time_format(since, s->since);
    json_t *v = json_pack("{s:s, s:s, s:s, s:s}", "state", s->state, "note", s->note, "since",
                          since, "fingerprint", s->fingerprint);
    if (lives) {
        (void)json_object_set_new(v, "pid", json_integer(getpid()));
        (void)json_object_set_new(
            v, "enclave_pid", json_integer(s->enclave == NULL ? 0 : s->launcher->pid(s->enclave)));
        (void)json_object_set_new(v, "port", json_integer(s->port));
        if (s->i->carry != NULL && cli_port_of(s->i->carry->listen_fd, &carry)) {
            (void)json_object_set_new(v, "carry_port", json_integer(carry));
        }
    }
    return v;
}

static void say(const struct super *s, int fd, bool lives)
{
    json_t *v = to_json(s, lives);
    char *text = json_dumps(v, JSON_COMPACT);
    if (text != NULL && fd >= 0) {
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
    }
    free(text);
    json_decref(v);
}

/* To whoever started this, once. */
static void report(struct super *s)
{
    json_t *v = to_json(s, true);
    char *text = json_dumps(v, JSON_COMPACT);
    if (s->report_fd >= 0 && text != NULL) {
        (void)!write(s->report_fd, text, strlen(text));
        (void)close(s->report_fd);
        s->report_fd = -1;
    }
    free(text);
    json_decref(v);
}

/* What stays to be read when this process is gone. */
static void leave_end(const struct super *s)
{
    json_t *v = to_json(s, false);
    char *text = json_dumps(v, JSON_COMPACT);
    char *path = cli_join(s->i->dir, MSE_INSTANCE_END);
    if (text != NULL && path != NULL) {
        (void)!cli_file_write(path, mse_bytes_str(text), 0600, NULL);
    }
    free(path);
    free(text);
    json_decref(v);
}

/* ---- the control socket ---- */

static bool is_own_user(int fd)
{
    struct ucred who = { 0 };
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static void answer_one(struct super *s, int fd)
{
    char word[16] = "";
    size_t have = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (have < sizeof word - 1 && poll(&p, 1, ASK_MS) > 0) {
        ssize_t n = recv(fd, word + have, sizeof word - 1 - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    if (strcmp(word, MSE_CONTROL_STOP) == 0 && s->waiter_fd < 0) {
        stop_asked = 1;
        s->waiter_fd = fd;
        return;
    }
    if (strcmp(word, MSE_CONTROL_STATUS) == 0) {
        say(s, fd, true);
    }
    (void)close(fd);
}

static void answer_all(struct super *s)
{
    int fd = -1;
    while ((fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (is_own_user(fd)) {
            answer_one(s, fd);
        } else {
            (void)close(fd);
        }
    }
}

static bool open_control(struct super *s, int dir_fd)
{
    struct sockaddr_un a;
    (void)unlinkat(dir_fd, "control", 0);
    s->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return s->control_fd >= 0 && mse_control_address(&a, dir_fd, MSE_CONTROL_SOCKET) &&
           bind(s->control_fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
           fchmodat(dir_fd, "control", 0600, 0) == 0 && listen(s->control_fd, 16) == 0 &&
           fcntl(s->control_fd, F_SETOWN, getpid()) == 0 &&
           fcntl(s->control_fd, F_SETFL, O_ASYNC | O_NONBLOCK) == 0;
}

/* ---- for instances of other hosts ---- */

/* It has the socket and the folder, and nothing else of the supervisor's. */
static _Noreturn void be_carrier(const struct super *s, int dir_fd, pid_t parent)
{
    int folder = fcntl(dir_fd, F_DUPFD, CARRY_FOLDER + 1);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || folder < 0 ||
        dup2(s->i->carry->listen_fd, CARRY_LISTEN) != CARRY_LISTEN ||
        dup2(folder, CARRY_FOLDER) != CARRY_FOLDER ||
        syscall(SYS_close_range, CARRY_FOLDER + 1, ~0U, 0) != 0) {
        _exit(1);
    }
    mse_carry_serve(CARRY_LISTEN, CARRY_FOLDER, s->i->carry->key);
}

/* Whoever kills it ends the sessions of those who joined; they come again. */
static void keep_carrier(struct super *s)
{
    mse_time now = (mse_time)time(NULL);
    if (s->carrier > 0 && waitpid(s->carrier, NULL, WNOHANG) == s->carrier) {
        s->carrier = 0;
    }
    if (s->i->carry == NULL || s->carrier > 0 || now == s->carrier_begun) {
        return;
    }
    int dir_fd = open(s->i->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t parent = getpid();
    pid_t pid = dir_fd < 0 ? -1 : fork();
    if (pid == 0) {
        be_carrier(s, dir_fd, parent);
    }
    s->carrier = pid > 0 ? pid : 0;
    s->carrier_begun = now;
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
}

/* ---- a life ---- */

static int open_state(int dir_fd)
{
    bool there = mkdirat(dir_fd, MSE_INSTANCE_STATE, 0700) == 0 || errno == EEXIST;
    return there
               ? openat(dir_fd, MSE_INSTANCE_STATE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
               : -1;
}

/* Two locks: one for one supervisor, which others only look at. That of the state is inherited by
 * the enclave with its descriptor: nobody starts a second one while one of a supervisor that was
 * killed still drains. */
static bool take_lock(int fd, unsigned patience_ms)
{
    unsigned waited = 0;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || waited >= patience_ms || stop_asked != 0) {
            return false;
        }
        (void)poll(NULL, 0, TURN_MS);
        waited += TURN_MS;
    }
    return true;
}

/* For who has to end it when it answers nobody. */
static bool leave_number(int lock_fd)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld", (long)getpid());
    return ftruncate(lock_fd, 0) == 0 && pwrite(lock_fd, text, (size_t)len, 0) == len;
}

/* One supervisor for one folder: the lock goes with the process. */
static bool open_folder(struct super *s)
{
    int dir_fd = open(s->i->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int log = dir_fd < 0 ? -1
                         : openat(dir_fd, MSE_INSTANCE_LOG,
                                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->lock_fd =
        dir_fd < 0 ? -1 : openat(dir_fd, MSE_INSTANCE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    s->state_fd = dir_fd < 0 ? -1 : open_state(dir_fd);
    s->package_fd = dir_fd < 0 ? -1 : openat(dir_fd, MSE_INSTANCE_PACKAGE, O_RDONLY | O_CLOEXEC);
    bool good = log >= 0 && null >= 0 && s->package_fd >= 0 && s->state_fd >= 0 &&
                s->lock_fd >= 0 && take_lock(s->lock_fd, LOOK_MS) && leave_number(s->lock_fd) &&
                take_lock(s->state_fd, STOP_GRACE_MS) && dup2(null, STDIN_FILENO) >= 0 &&
                dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 &&
                open_control(s, dir_fd);
    if (!good) {
        set_state(s, "failed", strerror(errno));
    } else {
        (void)unlinkat(dir_fd, MSE_INSTANCE_END, 0);
    }
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
    return good;
}

static mse_status launch(struct super *s, struct mse_error *err)
{
    const struct mse_launch l = { .instance = s->i,
                                  .manifest = cli_file_view(&s->manifest),
                                  .package_fd = s->package_fd,
                                  .state_fd = s->state_fd,
                                  .listen_fd = &s->listen_fd };
    return s->launcher->start(&s->enclave, &l, err);
}

static bool start(struct super *s)
{
    struct mse_error err = { 0 };
    char *path = cli_join(s->i->dir, MSE_INSTANCE_MANIFEST);
    mse_status st = path == NULL ? MSE_ERR_MEMORY
                                 : cli_file_read(&s->manifest, path, MSE_MANIFEST_MAX_LEN, &err);
    free(path);
    st = st == MSE_OK ? mse_launcher_find(&s->launcher, s->i->tee, &err) : st;
    st = st == MSE_OK ? launch(s, &err) : st;
    if (st != MSE_OK) {
        set_state(s, "failed", err.text[0] != '\0' ? err.text : mse_status_text(st));
        return false;
    }
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
        s->listen_fd = -1;
    }
    (void)snprintf(s->fingerprint, sizeof s->fingerprint, "%s",
                   s->launcher->fingerprint(s->enclave));
    return true;
}

static void on_ended(struct super *s, int status)
{
    char text[64];
    if (strcmp(s->state, "failed") == 0) {
        return; /* it said why */
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        set_state(s, "ended", "the app has ended, or it has expired");
    } else if (WIFEXITED(status)) {
        (void)snprintf(text, sizeof text, "the enclave ended with status %d", WEXITSTATUS(status));
        set_state(s, "failed", text);
    } else {
        (void)snprintf(text, sizeof text, "the enclave was ended by signal %d", WTERMSIG(status));
        set_state(s, "failed", text);
    }
}

/* False when the enclave is gone. */
static bool on_news(struct super *s, const struct mse_sim_news *news)
{
    switch (news->event) {
    case MSE_TEE_EVENT_READY:
        set_state(s, "running", "");
        report(s);
        return true;
    case MSE_TEE_EVENT_WAITING:
        set_state(s, "waiting", news->text);
        report(s);
        return true;
    case MSE_TEE_EVENT_FAILED:
        set_state(s, "failed", news->text);
        return true;
    case MSE_SIM_ENDED:
        on_ended(s, news->status);
        return false;
    default:
        return true;
    }
}

/* Whether that process is over. */
static bool guard_gone(const struct super *s)
{
    return s->i->guard > 0 && kill(s->i->guard, 0) != 0 && errno == ESRCH;
}

static void live(struct super *s)
{
    bool lives = true;
    while (lives && stop_asked == 0 && !guard_gone(s)) {
        struct mse_sim_news news = { 0 };
        struct mse_error err = { 0 };
        /* The limit closes the gap between looking and waiting. */
        mse_status st = s->launcher->serve(s->enclave, &news, 500, &err);
        if (st != MSE_OK) {
            set_state(s, "failed", err.text);
            break;
        }
        lives = on_news(s, &news);
        if (lives) { /* otherwise it is high time to end */
            answer_all(s);
            keep_carrier(s);
        }
    }
    if (stop_asked != 0 || guard_gone(s)) {
        s->launcher->stop(s->enclave, STOP_GRACE_MS);
        set_state(s, "stopped", "");
    }
}

_Noreturn void mse_instance_supervise(const struct mse_instance *i, int listen_fd, int report_fd)
{
    struct super s = { .i = i,
                       .listen_fd = listen_fd,
                       .package_fd = -1,
                       .state_fd = -1,
                       .lock_fd = -1,
                       .control_fd = -1,
                       .report_fd = report_fd,
                       .waiter_fd = -1 };
    (void)setsid();
    (void)umask(0077);
    catch_signals();
    set_state(&s, "starting", "");
    bool mine = cli_port_of(listen_fd, &s.port) && open_folder(&s);
    if (mine) {
        keep_carrier(&s);
    }
    if (mine && start(&s)) {
        live(&s);
    }
    if (s.enclave != NULL) {
        s.launcher->free(s.enclave);
    }
    s.enclave = NULL;
    if (mine) {
        leave_end(&s);
    }
    report(&s);
    if (s.waiter_fd >= 0) {
        say(&s, s.waiter_fd, false);
    }
    cli_file_clear(&s.manifest);
    /* The sockets and the lock close with the process: whoever waits for that sees it gone. */
    _exit(strcmp(s.state, "failed") == 0 ? 1 : 0);
}
