/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a supervisor, and waiting until its enclave is there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/home.h"
#include "cli/home_heir.h"
#include "cli/progress.h"
#include "cmd/listen.h"

#define MAX_REPORT ((size_t)4096)
#define TURN_MS    100
#define LOG_TAIL   ((size_t)4096)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_signal };
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

/* The report; NULL at the end of the supervisor, of the time, or of the user's patience. */
static json_t *wait_report(const struct home *h, int fd, int64_t deadline)
{
    char text[MAX_REPORT];
    size_t have = 0;
    struct cli_progress p;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    cli_progress_begin(&p, h->c, "Measuring and starting");
    while (interrupted == 0 && mse_clock_ms() < deadline && have < sizeof text) {
        cli_progress_step(&p, 0, 0);
        if (poll(&wait, 1, TURN_MS) <= 0) {
            continue;
        }
        ssize_t n = read(fd, text + have, sizeof text - have);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    cli_progress_end(&p);
    return have == 0 ? NULL : json_loadb(text, have, 0, NULL);
}

/* The end of the log, for the user to see what went wrong. */
static void show_log(const struct home *h)
{
    struct cli_file f = { 0 };
    if (home_read(&f, h, HOME_LOG, (size_t)64 << 20, NULL) == MSE_OK) {
        size_t from = f.len > LOG_TAIL ? f.len - LOG_TAIL : 0;
        (void)fwrite(f.data + from, 1, f.len - from, stderr);
    }
    cli_file_clear(&f);
}

static enum cli_exit failed(const struct home *h, const json_t *report, unsigned timeout_s)
{
    const char *note = json_string_value(json_object_get(report, "note"));
    show_log(h);
    if (interrupted != 0) {
        return cli_trouble(h->c, "interrupted; nothing of %s runs", h->name);
    }
    if (report == NULL) {
        (void)cli_trouble(h->c, "%s was not ready within %u seconds", h->name, timeout_s);
        cli_hint(h->c, "--timeout SECONDS waits longer");
        return CLI_TROUBLE;
    }
    return cli_trouble(h->c, "%s did not start: %s", h->name,
                       note == NULL || note[0] == '\0' ? mse_instance_state_word(report) : note);
}

static struct mse_instance instance_of(const struct home *h, const struct mse_instance_source *from)
{
    struct mse_instance i = {
        .dir = h->dir,
        .guard = (pid_t)json_integer_value(json_object_get(h->facts, "while")),
        .from = from->dir == NULL ? NULL : from,
    };
    mse_instance_set(&i, h->facts);
    return i;
}

static enum cli_exit launch(const struct home *h, const struct mse_instance *i,
                            const struct home_start *s)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cli_trouble(h->c, "no pipe: %s", strerror(errno));
    }
    (void)fflush(NULL);
    catch_signals();
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        mse_instance_supervise(i, s->listen_fd, ends[1]);
    }
    int why = errno;
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return cli_trouble(h->c, "no process: %s", strerror(why));
    }
    json_t *report = wait_report(h, ends[0], mse_clock_ms() + (int64_t)s->timeout_s * 1000);
    (void)close(ends[0]);
    const char *word = mse_instance_state_word(report);
    bool good = strcmp(word, "running") == 0 || strcmp(word, "waiting") == 0;
    enum cli_exit e = CLI_DONE;
    if (!good || interrupted != 0) {
        (void)kill(pid, SIGTERM); /* our own child, not yet waited for */
        (void)waitpid(pid, NULL, 0);
        e = failed(h, report, s->timeout_s);
    } else {
        (void)json_object_set(h->facts, "fingerprint", json_object_get(report, "fingerprint"));
    }
    json_decref(report);
    return e;
}

enum cli_exit home_launch(const struct home *h, const struct home_start *s)
{
    struct home old;
    struct mse_instance_source from;
    enum cli_exit e = home_heir_source(&from, &old, h);
    if (e == CLI_DONE) {
        const struct mse_instance i = instance_of(h, &from);
        e = launch(h, &i, s);
    }
    home_clear(&old);
    return e;
}

enum cli_exit home_listen(const struct home *h, int *out_fd, uint16_t *port, unsigned patience_ms)
{
    char where[160];
    char why[128] = "";
    long long wanted = json_integer_value(json_object_get(h->facts, "port"));
    const char *host = home_fact(h, "host");
    bool v6 = strchr(host, ':') != NULL && host[0] != '[';
    (void)snprintf(where, sizeof where, "%s%.100s%s:%lld", v6 ? "[" : "", host, v6 ? "]" : "",
                   wanted);
    int64_t deadline = mse_clock_ms() + (int64_t)patience_ms;
    bool good = false;
    while (!(good = cli_listen(out_fd, port, where, why, sizeof why)) &&
           mse_clock_ms() < deadline) {
        (void)poll(NULL, 0, TURN_MS);
    }
    if (good) {
        return CLI_DONE;
    }
    return cli_trouble(h->c, "%s cannot be listened on: %s", where, why);
}
