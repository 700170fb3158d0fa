/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud localtest, mse home localtest: runs the app in a simulated TEE that is made for this
 * run only, verifies it, runs its tests over the verified connection, stops it. What runs and
 * verifies it is mse itself: the test sees what a user will see. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/tests.h"
#include "cmd/files.h"
#include "os/private_dir.h"
#include "sim/platform.h"

#define MAX_EVENT ((size_t)16 * 1024)

/* Names below the scratch folder. */
enum place { CONF, PLATFORM, COLLATERAL, CERT, LOG, VENV, NUM_PLACES };

struct test {
    const struct cli *c;
    char *toml_path;
    struct mse_project project;
    struct cli_tests tests;
    char self[4096];
    char *scratch;
    char *places[NUM_PLACES];
    pid_t app;
    FILE *events;
    char *address; /* localhost:PORT */
    char *url;
    char *fingerprint;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: waiting ends */
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

static bool with_tests(const struct test *t)
{
    return !cli_has(t->c, "no-tests");
}

static enum cli_exit load(struct test *t)
{
    struct mse_error err = { 0 };
    const char *path = cli_has(t->c, "path") ? cli_value(t->c, "path") : cli_value(t->c, "project");
    t->toml_path = cli_project_path(path == NULL ? "." : path);
    if (t->toml_path == NULL) {
        return cli_trouble(t->c, "out of memory");
    }
    mse_status st = cli_project_load(&t->project, t->toml_path, &err);
    if (st != MSE_OK) {
        enum cli_exit e = cli_failed(t->c, st, &err);
        if (st == MSE_ERR_NOT_FOUND) {
            cli_hint(t->c, "mse %s scaffold NAME makes a project", t->c->command->group);
        }
        return e;
    }
    if (!with_tests(t)) {
        return CLI_DONE;
    }
    t->tests = (struct cli_tests) { .c = t->c, .toml_path = t->toml_path, .project = &t->project };
    enum cli_exit e = cli_tests_split(&t->tests);
    if (e != CLI_DONE && t->project.tests_cmd == NULL) {
        cli_hint(t->c, "--no-tests runs the app and no tests");
    }
    return e;
}

static enum cli_exit make_scratch(struct test *t)
{
    static const char *const names[NUM_PLACES] = {
        "conf", "conf/sim", "conf/sim/collateral.json", "cert.pem", "log", "venv"
    };
    const char *tmp = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    struct mse_error err = { 0 };
    ssize_t n = readlink("/proc/self/exe", t->self, sizeof t->self - 1);
    if (n <= 0) {
        return cli_trouble(t->c, "/proc/self/exe cannot be read: %s", strerror(errno));
    }
    t->scratch = cli_join(tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp, "mse-localtest.XXXXXX");
    if (t->scratch == NULL || mkdtemp(t->scratch) == NULL) {
        free(t->scratch);
        t->scratch = NULL;
        return cli_trouble(t->c, "no temporary folder: %s", strerror(errno));
    }
    for (size_t i = 0; i < NUM_PLACES; i++) {
        t->places[i] = cli_join(t->scratch, names[i]);
        if (t->places[i] == NULL) {
            return cli_trouble(t->c, "out of memory");
        }
    }
    struct mse_sim_options o = { .now = (mse_time)time(NULL) };
    mse_status st = cli_make_parents(t->places[PLATFORM], &err);
    st = st == MSE_OK ? mse_sim_init(t->places[PLATFORM], &o, &err) : st;
    return st == MSE_OK ? CLI_DONE : cli_failed(t->c, st, &err);
}

/* Starts mse sim run; its events come through a pipe, the rest of what it prints goes to the log,
 * or to the user when there are no tests. */
static enum cli_exit start_app(struct test *t)
{
    const char *argv[] = { t->self,    "sim",       "run", t->toml_path, "--json",
                           "--domain", "localhost", NULL,  NULL };
    const char *env[] = { "MSE_CONF_PATH", t->places[CONF], NULL };
    struct mse_error err = { 0 };
    int events[2] = { -1, -1 };
    if (cli_has(t->c, "insecure-no-sandbox")) {
        argv[7] = "--insecure-no-sandbox";
    }
    int log = with_tests(t) ? open(t->places[LOG], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if ((with_tests(t) && log < 0) || pipe2(events, O_CLOEXEC) != 0) {
        enum cli_exit e = cli_trouble(t->c, "no log, or no pipe: %s", strerror(errno));
        if (log >= 0) {
            (void)close(log);
        }
        return e;
    }
    struct cli_child k = {
        .argv = argv, .env = env, .stdout_fd = events[1], .stderr_fd = log, .own_group = true
    };
    mse_status st = cli_child_start(&t->app, &k, &err);
    (void)close(events[1]);
    if (log >= 0) {
        (void)close(log);
    }
    t->events = fdopen(events[0], "r");
    return st == MSE_OK && t->events != NULL ? CLI_DONE : cli_failed(t->c, MSE_ERR_IO, &err);
}

/* The next event, NULL at the end, or when a signal came. */
static json_t *next_event(struct test *t)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, t->events);
    json_t *v = n <= 0 || (size_t)n > MAX_EVENT ? NULL : json_loadb(line, (size_t)n, 0, NULL);
    free(line);
    return v;
}

static bool is_event(const json_t *v, const char *what)
{
    const char *s = json_string_value(json_object_get(v, "event"));
    return s != NULL && strcmp(s, what) == 0;
}

/* What the runtime and the app said, when something went wrong. */
static void show_log(const struct test *t)
{
    struct cli_file f = { 0 };
    if (!with_tests(t) || cli_file_read(&f, t->places[LOG], (size_t)16 << 20, NULL) != MSE_OK) {
        return;
    }
    (void)fwrite(f.data, 1, f.len, stderr);
    cli_file_clear(&f);
}

static enum cli_exit wait_ready(struct test *t)
{
    bool ready = false;
    json_t *v = NULL;
    while (!ready && stop_asked == 0 && (v = next_event(t)) != NULL) {
        ready = is_event(v, "ready");
        if (ready) {
            t->url = strdup(json_string_value(json_object_get(v, "url")));
            t->fingerprint = strdup(json_string_value(json_object_get(v, "fingerprint")));
            long long port = json_integer_value(json_object_get(v, "port"));
            if (asprintf(&t->address, "localhost:%lld", port) < 0) {
                t->address = NULL;
            }
        }
        json_decref(v);
    }
    if (stop_asked != 0) {
        return cli_trouble(t->c, "interrupted");
    }
    if (!ready || t->url == NULL || t->fingerprint == NULL || t->address == NULL) {
        show_log(t);
        return cli_trouble(t->c, "the app did not start; what it said stands above");
    }
    return CLI_DONE;
}

/* As its users will: certificate, fingerprint, platform. */
static enum cli_exit verify(struct test *t)
{
    const char *const argv[] = { t->self,
                                 "cloud",
                                 "verify",
                                 t->address,
                                 "--fingerprint",
                                 t->fingerprint,
                                 "--allow-simulation",
                                 "--collateral",
                                 t->places[COLLATERAL],
                                 "--output",
                                 t->places[CERT],
                                 NULL };
    const char *env[] = { "MSE_CONF_PATH", t->places[CONF], NULL };
    struct mse_error err = { 0 };
    int log = open(t->places[LOG], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct cli_child k = {
        .argv = argv, .env = env, .stdout_fd = log, .stderr_fd = log, .own_group = true
    };
    pid_t pid = 0;
    mse_status st = cli_child_start(&pid, &k, &err);
    if (log >= 0) {
        (void)close(log);
    }
    if (st != MSE_OK) {
        return cli_failed(t->c, st, &err);
    }
    if (cli_child_wait(pid) != 0) {
        show_log(t);
        return cli_trouble(t->c, "the app runs, but it was not verified: see above");
    }
    return CLI_DONE;
}

static enum cli_exit say_result(const struct test *t, int status)
{
    if (t->c->json) {
        cli_json(t->c, json_pack("{s:b, s:i, s:s}", "passed", status == 0 ? 1 : 0, "status", status,
                                 "fingerprint", t->fingerprint));
    } else if (status == 0) {
        cli_say_good(t->c, "Tests: passed");
    } else {
        cli_say_bad(t->c, "Tests: failed");
    }
    return status == 0 ? CLI_DONE : CLI_REFUSED;
}

static enum cli_exit run_tests(struct test *t)
{
    int status = 0;
    char *here = cli_folder_of(t->toml_path);
    char *folder =
        here == NULL ? NULL : cli_join(here, t->project.tests == NULL ? "." : t->project.tests);
    free(here);
    if (folder == NULL) {
        return cli_trouble(t->c, "out of memory");
    }
    t->tests.folder = folder;
    t->tests.url = t->url;
    t->tests.cert = t->places[CERT];
    t->tests.venv = t->places[VENV];
    enum cli_exit e = cli_tests_run(&t->tests, &status);
    free(folder);
    return e == CLI_DONE ? say_result(t, status) : e;
}

/* Without tests the app stays until the user stops it, or it ends. */
static enum cli_exit leave_running(struct test *t)
{
    cli_say(t->c, "URL: %s", t->url);
    cli_say(t->c, "  curl --cacert %s %s", t->places[CERT], t->url);
    cli_say(t->c, "Ctrl-C stops it");
    if (t->c->json) {
        cli_json(t->c, json_pack("{s:s, s:s}", "url", t->url, "certificate", t->places[CERT]));
    }
    (void)fflush(stdout);
    json_t *v = NULL;
    while (stop_asked == 0 && (v = next_event(t)) != NULL) {
        json_decref(v);
    }
    return stop_asked != 0 ? CLI_DONE : cli_trouble(t->c, "the app has ended by itself");
}

static enum cli_exit run_all(struct test *t)
{
    enum cli_exit e = load(t);
    e = e == CLI_DONE ? make_scratch(t) : e;
    if (e != CLI_DONE) {
        return e;
    }
    catch_signals();
    cli_say(t->c, "Starting %s in a SIMULATED TEE of this run (not hardware)...", t->project.name);
    (void)fflush(stdout);
    e = start_app(t);
    e = e == CLI_DONE ? wait_ready(t) : e;
    e = e == CLI_DONE ? verify(t) : e;
    if (e != CLI_DONE) {
        return e;
    }
    cli_say(t->c, "It runs and was verified, fingerprint %s", t->fingerprint);
    return with_tests(t) ? run_tests(t) : leave_running(t);
}

static void stop_app(struct test *t)
{
    if (t->app > 0) {
        (void)kill(t->app, SIGTERM);
        (void)cli_child_wait(t->app);
    }
    if (t->events != NULL) {
        (void)fclose(t->events);
    }
}

enum cli_exit cmd_localtest(struct cli *c)
{
    struct test t = { .c = c };
    enum cli_exit e = run_all(&t);
    stop_app(&t);
    if (t.scratch != NULL && !mse_tree_remove(t.scratch)) {
        cli_hint(c, "%s could not be removed", t.scratch);
    }
    mse_project_clear(&t.project);
    cli_words_clear(&t.tests.words);
    for (size_t i = 0; i < NUM_PLACES; i++) {
        free(t.places[i]);
    }
    free(t.toml_path);
    free(t.scratch);
    free(t.address);
    free(t.url);
    free(t.fingerprint);
    return e;
}
