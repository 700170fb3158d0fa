/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud localtest, mse home localtest: packs the app, runs it in a simulated TEE that is made
 * for this run only, verifies it, gives it its secrets, runs its tests over the verified
 * connection, stops it. Every step is the command of mse that owner, operator and user run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/log_open.h"
#include "cli/project.h"
#include "cli/sealed_box.h"
#include "cli/tests.h"
#include "cmd/files.h"
#include "os/private_dir.h"
#include "sim/platform.h"

#define MAX_ANSWER ((size_t)64 * 1024)
#define MAX_WORDS  20
#define TURN_MS    10
#define INSTANCE   "localtest"

/* Names below the scratch folder. */
enum place {
    CONF,
    PLATFORM,
    COLLATERAL,
    PARCEL,
    EVIDENCE,
    BUNDLE,
    VERIFIED,
    RATLS,
    BOX,
    CERT,
    ANSWER,
    LOG,
    VENV,
    NUM_PLACES
};

struct test {
    const struct cli *c;
    char *toml_path;
    struct mse_project project;
    char *secrets; /* NULL: mse.toml expects none */
    char *to_seal;
    char *logs_key; /* what opens the app's logs; NULL: nothing */
    bool encrypted;
    struct cli_tests tests;
    char self[4096];
    char *scratch;
    char *places[NUM_PLACES];
    json_t *package;  /* what mse home package answers */
    json_t *instance; /* what mse home spawn answers */
    bool spawned;
    char *address; /* localhost:PORT */
    char *url;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: waiting ends */
    (void)sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        (void)sigaction(numbers[i], &sa, NULL);
    }
}

static bool with_tests(const struct test *t)
{
    return !cli_has(t->c, "no-tests");
}

/* ---- the project ---- */

static bool expects(const struct mse_project *p, const char *what)
{
    for (size_t i = 0; i < p->expects.num; i++) {
        if (strcmp(p->expects.items[i], what) == 0) {
            return true;
        }
    }
    return false;
}

/* One of the two files: the option's, else the usual one beside mse.toml; there if and only if the
 * app expects it. */
static enum cli_exit find_secrets(char **out, const struct test *t, const char *option,
                                  const char *word, const char *usual)
{
    const char *given = cli_value(t->c, option);
    if (!expects(&t->project, word)) {
        return given == NULL
                   ? CLI_DONE
                   : cli_trouble(t->c, "--%s is given, and enclave.expects of %s has no %s", option,
                                 t->toml_path, word);
    }
    char *here = cli_folder_of(t->toml_path);
    *out = given != NULL ? strdup(given) : (here == NULL ? NULL : cli_join(here, usual));
    free(here);
    if (*out == NULL) {
        return cli_trouble(t->c, "out of memory");
    }
    if (!cli_file_exists(*out)) {
        (void)cli_trouble(t->c, "%s: no such file, and enclave.expects of %s has %s", *out,
                          t->toml_path, word);
        cli_hint(t->c, "--%s F names another file", option);
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

static enum cli_exit load_secrets(struct test *t)
{
    const struct mse_project *p = &t->project;
    t->encrypted = p->package != NULL && strcmp(p->package, "encrypted") == 0;
    enum cli_exit e = find_secrets(&t->secrets, t, "secrets", "secrets",
                                   p->secrets == NULL ? "secrets.json" : p->secrets);
    return e == CLI_DONE ? find_secrets(&t->to_seal, t, "sealed-secrets", "sealed_secrets",
                                        "secrets_to_seal.json")
                         : e;
}

/* The private key that mse scaffold left in the project, where mse.toml has the public one. */
static void find_logs_key(struct test *t)
{
    char *folder = cli_folder_of(t->toml_path);
    t->logs_key = folder == NULL || mse_mem_is_zero(t->project.logs_key, 32)
                      ? NULL
                      : cli_join(folder, SCAFFOLD_LOGS_KEY);
    if (t->logs_key != NULL && !cli_file_exists(t->logs_key)) {
        free(t->logs_key);
        t->logs_key = NULL;
    }
    free(folder);
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
    find_logs_key(t);
    enum cli_exit e = load_secrets(t);
    if (e != CLI_DONE || !with_tests(t)) {
        return e;
    }
    t->tests = (struct cli_tests) { .c = t->c, .toml_path = t->toml_path, .project = &t->project };
    e = cli_tests_split(&t->tests);
    if (e != CLI_DONE && t->project.tests_cmd == NULL) {
        cli_hint(t->c, "--no-tests runs the app and no tests");
    }
    return e;
}

static enum cli_exit make_scratch(struct test *t)
{
    static const char *const names[NUM_PLACES] = {
        [CONF] = "conf",
        [PLATFORM] = "conf/sim",
        [COLLATERAL] = "conf/sim/collateral.json",
        [PARCEL] = "parcel",
        [EVIDENCE] = "evidence",
        [BUNDLE] = "evidence/evidence.json",
        [VERIFIED] = "verified",
        [RATLS] = "verified/ratls.pem",
        [BOX] = "box",
        [CERT] = "cert.pem",
        [ANSWER] = "answer",
        [LOG] = "log",
        [VENV] = "venv",
    };
    struct mse_error err = { 0 };
    ssize_t n = readlink("/proc/self/exe", t->self, sizeof t->self - 1);
    if (n <= 0) {
        return cli_trouble(t->c, "/proc/self/exe cannot be read: %s", strerror(errno));
    }
    enum cli_exit e = cli_scratch(&t->scratch, t->c, "mse-localtest");
    if (e != CLI_DONE) {
        return e;
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

/* ---- steps ---- */

/* A command of mse, as it is put together. */
struct words {
    const char *argv[MAX_WORDS];
    size_t num;
};

static void add(struct words *w, const char *a, const char *b)
{
    MSE_ASSERT(w->num + 3 <= MAX_WORDS);
    w->argv[w->num++] = a;
    if (b != NULL) {
        w->argv[w->num++] = b;
    }
    w->argv[w->num] = NULL;
}

static struct words begin(const struct test *t, const char *group, const char *command)
{
    struct words w = { .num = 0 };
    add(&w, t->self, group);
    add(&w, command, NULL);
    return w;
}

/* Starts it; what it prints goes to these files. */
static enum cli_exit start(pid_t *out, const struct test *t, const struct words *w, int to, int log)
{
    const char *env[] = { "MSE_CONF_PATH", t->places[CONF], NULL };
    struct cli_child k = {
        .argv = w->argv, .env = env, .stdout_fd = to, .stderr_fd = log, .own_group = true
    };
    struct mse_error err = { 0 };
    mse_status st = cli_child_start(out, &k, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(t->c, st, &err);
}

/* Its exit status. Once the user wants to stop, it is asked to stop too. */
static int finish(pid_t pid)
{
    bool told = false;
    siginfo_t info = { .si_pid = 0 };
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
        if (stop_asked != 0 && !told) {
            (void)kill(pid, SIGTERM); /* our own child, not yet waited for */
            told = true;
        }
        (void)poll(NULL, 0, TURN_MS);
    }
    return cli_child_wait(pid);
}

/* What a step said, without the hints to commands that know nothing of this run. */
static void show_log(const struct test *t)
{
    static const char idle[] = "mse: hint: mse home ";
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    struct cli_log_open o = { .to = stderr };
    FILE *log = fopen(t->places[LOG], "re");
    o.opens = t->logs_key != NULL && cli_key_read(o.secret, t->logs_key, NULL) == MSE_OK;
    while (log != NULL && (len = getline(&line, &cap, log)) > 0) {
        if (strncmp(line, idle, sizeof idle - 1) != 0) {
            cli_log_open_feed(&o, line, (size_t)len);
        }
    }
    mse_wipe(o.secret, sizeof o.secret);
    free(line);
    if (log != NULL) {
        (void)fclose(log);
    }
}

static enum cli_exit failed(const struct test *t, const char *what)
{
    if (stop_asked != 0) {
        return cli_trouble(t->c, "interrupted");
    }
    show_log(t);
    enum cli_exit e = cli_trouble(t->c, "%s; what was said stands above", what);
    if (t->logs_key == NULL && (t->project.logs == NULL || strcmp(t->project.logs, "plain") != 0)) {
        cli_hint(t->c, "what the app printed is not shown: enclave.logs = \"plain\" shows it, "
                       "logs_key seals it for you");
    }
    return e;
}

/* mse home logs, with what opens them. */
static struct words begin_logs(const struct test *t)
{
    struct words w = begin(t, "home", "logs");
    add(&w, INSTANCE, NULL);
    if (t->logs_key != NULL) {
        add(&w, "--key", t->logs_key);
    }
    return w;
}

/* What the instance itself said, when its app did not start after phase 1. */
static enum cli_exit did_not_start(const struct test *t)
{
    pid_t pid = 0;
    struct words w = begin_logs(t);
    if (stop_asked == 0 && start(&pid, t, &w, STDERR_FILENO, -1) == CLI_DONE) {
        (void)cli_child_wait(pid);
    }
    return failed(t, "the app did not start");
}

/* Runs one step to its end. *answer, if not NULL, is the JSON that it prints. Without what, the
 * step was to start the app. */
static enum cli_exit step(const struct test *t, struct words *w, json_t **answer, const char *what)
{
    static const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    pid_t pid = 0;
    if (answer != NULL) {
        add(w, "--json", NULL);
    }
    int to = open(t->places[ANSWER], flags, 0600);
    int log = open(t->places[LOG], flags, 0600);
    enum cli_exit e = to < 0 || log < 0 ? cli_trouble(t->c, "%s: %s", t->scratch, strerror(errno))
                                        : start(&pid, t, w, answer == NULL ? log : to, log);
    if (to >= 0) {
        (void)close(to);
    }
    if (log >= 0) {
        (void)close(log);
    }
    if (e != CLI_DONE) {
        return e;
    }
    struct cli_file f = { 0 };
    if (finish(pid) != 0 || stop_asked != 0) {
        return what == NULL ? did_not_start(t) : failed(t, what);
    }
    if (answer != NULL && cli_file_read(&f, t->places[ANSWER], MAX_ANSWER, NULL) == MSE_OK) {
        *answer = json_loadb((const char *)f.data, f.len, 0, NULL);
        cli_file_clear(&f);
    }
    return answer == NULL || *answer != NULL ? CLI_DONE : failed(t, what);
}

static const char *text_of(const json_t *v, const char *key)
{
    const char *text = json_string_value(json_object_get(v, key));
    return text == NULL ? "" : text;
}

/* The code provider's part, then the operator's. */
static enum cli_exit pack_and_spawn(struct test *t)
{
    char pid[16];
    struct words w = begin(t, "home", "package");
    add(&w, "--project", t->toml_path);
    add(&w, "--output", t->places[PARCEL]);
    add(&w, "--no-ssl", NULL); /* the tests call localhost */
    if (t->encrypted) {
        add(&w, "--encrypt", NULL);
    }
    enum cli_exit e = step(t, &w, &t->package, "the app cannot be packed");
    if (e != CLI_DONE) {
        return e;
    }
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    w = begin(t, "home", "spawn");
    add(&w, INSTANCE, NULL);
    add(&w, "--package", text_of(t->package, "package"));
    add(&w, "--san", "localhost");
    add(&w, "--host", "127.0.0.1");
    add(&w, "--port", "0");
    add(&w, "--output", t->places[EVIDENCE]);
    add(&w, "--while", pid);
    if (cli_has(t->c, "insecure-no-sandbox")) {
        add(&w, "--insecure-no-sandbox", NULL);
    }
    e = step(t, &w, &t->instance, "the app did not start");
    t->spawned = e == CLI_DONE;
    long long port = json_integer_value(json_object_get(t->instance, "port"));
    if (e == CLI_DONE && (asprintf(&t->address, "localhost:%lld", port) < 0 ||
                          asprintf(&t->url, "https://%s/", t->address) < 0)) {
        return cli_trouble(t->c, "out of memory");
    }
    return e;
}

/* The code provider judges what waits there, seals what is to be sealed, and configures it. */
static enum cli_exit configure(const struct test *t)
{
    struct words w = begin(t, "home", "verify");
    add(&w, "--evidence", t->places[BUNDLE]);
    add(&w, "--package", text_of(t->package, "package"));
    add(&w, "--signer", text_of(t->instance, "signer"));
    add(&w, "--output", t->places[VERIFIED]);
    add(&w, "--allow-simulation", NULL);
    enum cli_exit e = step(t, &w, NULL, "the waiting enclave was not verified");
    if (e == CLI_DONE && t->to_seal != NULL) {
        w = begin(t, "home", "seal");
        add(&w, "--input", t->to_seal);
        add(&w, "--receiver-enclave", t->places[RATLS]);
        add(&w, "--output", t->places[BOX]);
        e = step(t, &w, NULL, "the secrets were not sealed");
    }
    if (e != CLI_DONE) {
        return e;
    }
    w = begin(t, "home", "run");
    add(&w, INSTANCE, NULL);
    if (t->encrypted) {
        add(&w, "--key", text_of(t->package, "key"));
    }
    if (t->secrets != NULL) {
        add(&w, "--secrets", t->secrets);
    }
    if (t->to_seal != NULL) {
        add(&w, "--sealed-secrets", t->places[BOX]);
    }
    return step(t, &w, NULL, NULL);
}

/* As its users will: certificate, fingerprint, platform. */
static enum cli_exit verify(const struct test *t)
{
    struct words w = begin(t, "cloud", "verify");
    add(&w, t->address, NULL);
    add(&w, "--fingerprint", text_of(t->instance, "fingerprint"));
    add(&w, "--allow-simulation", NULL);
    add(&w, "--collateral", t->places[COLLATERAL]);
    add(&w, "--output", t->places[CERT]);
    return step(t, &w, NULL, "the app runs, but it was not verified");
}

/* ---- the tests ---- */

static enum cli_exit say_result(const struct test *t, int status)
{
    if (t->c->json) {
        cli_json(t->c, json_pack("{s:b, s:i, s:s}", "passed", status == 0 ? 1 : 0, "status", status,
                                 "fingerprint", text_of(t->instance, "fingerprint")));
    } else if (status == 0) {
        cli_say_good(t->c, "Tests: passed");
    } else {
        cli_say_bad(t->c, "Tests: failed");
    }
    return status == 0 ? CLI_DONE : CLI_REFUSED;
}

/* Paths for the tests, which run in another folder. */
static enum cli_exit real_paths(struct test *t)
{
    char **const paths[] = { &t->secrets, &t->to_seal };
    for (size_t i = 0; i < MSE_ARRAY_LEN(paths); i++) {
        char *real = *paths[i] == NULL ? NULL : realpath(*paths[i], NULL);
        if (*paths[i] != NULL && real == NULL) {
            return cli_trouble(t->c, "%s: %s", *paths[i], strerror(errno));
        }
        free(*paths[i]);
        *paths[i] = real;
    }
    return CLI_DONE;
}

static enum cli_exit run_tests(struct test *t)
{
    int status = 0;
    enum cli_exit e = real_paths(t);
    if (e != CLI_DONE) {
        return e;
    }
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
    t->tests.secrets = t->secrets;
    t->tests.to_seal = t->to_seal;
    e = cli_tests_run(&t->tests, &status);
    free(folder);
    return e == CLI_DONE ? say_result(t, status) : e;
}

/* Without tests the app stays until the user stops it, or it ends. */
static enum cli_exit leave_running(const struct test *t)
{
    pid_t logs = 0;
    struct words w = begin_logs(t);
    add(&w, "--follow", NULL);
    cli_say(t->c, "URL: %s", t->url);
    cli_say(t->c, "  curl --cacert %s %s", t->places[CERT], t->url);
    cli_say(t->c, "Ctrl-C stops it");
    if (t->c->json) {
        cli_json(t->c, json_pack("{s:s, s:s}", "url", t->url, "certificate", t->places[CERT]));
    }
    (void)fflush(stdout);
    enum cli_exit e = start(&logs, t, &w, STDERR_FILENO, -1);
    if (e != CLI_DONE) {
        return e;
    }
    (void)finish(logs);
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
    e = pack_and_spawn(t);
    if (e == CLI_DONE && strcmp(text_of(t->instance, "state"), "waiting") == 0) {
        e = configure(t);
    }
    e = e == CLI_DONE ? verify(t) : e;
    if (e != CLI_DONE) {
        return e;
    }
    cli_say(t->c, "It runs and was verified, fingerprint %s", text_of(t->instance, "fingerprint"));
    return with_tests(t) ? run_tests(t) : leave_running(t);
}

static void stop_app(const struct test *t)
{
    struct words w = begin(t, "home", "stop");
    add(&w, INSTANCE, NULL);
    if (t->spawned) {
        stop_asked = 0;
        (void)step(t, &w, NULL, "the app could not be stopped");
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
    json_decref(t.package);
    json_decref(t.instance);
    free(t.toml_path);
    free(t.secrets);
    free(t.to_seal);
    free(t.logs_key);
    free(t.scratch);
    free(t.address);
    free(t.url);
    return e;
}
