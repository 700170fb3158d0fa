/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tests.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/child.h"
#include "cmd/files.h"

enum cli_exit cli_tests_split(struct cli_tests *t)
{
    struct mse_error err = { 0 };
    if (t->project->tests_cmd == NULL) {
        return cli_trouble(t->c, "%s: there is no tests_cmd", t->toml_path);
    }
    mse_status st = cli_words_split(&t->words, t->project->tests_cmd, &err);
    return st == MSE_OK ? CLI_DONE : cli_trouble(t->c, "%s: tests_cmd: %s", t->toml_path, err.text);
}

/* Runs something of the user's in a folder, with the tests' environment. */
static enum cli_exit run_one(const struct cli_tests *t, const char *const *argv, int *out)
{
    struct mse_error err = { 0 };
    const char *old_path = cli_environment("PATH");
    char *path = NULL;
    if (asprintf(&path, "%s/bin:%s", t->venv, old_path == NULL ? "/usr/bin:/bin" : old_path) < 0) {
        return cli_trouble(t->c, "out of memory");
    }
    const char *const pairs[][2] = {
        { "TEST_REMOTE_URL", t->url },
        { "TEST_CA_CERT", t->cert },
        { "PATH", path },
        { "PYTHONDONTWRITEBYTECODE", "1" },
        { "TEST_SECRET_JSON", t->secrets },
        { "TEST_SEALED_SECRET_JSON", t->to_seal },
    };
    const char *env[2 * MSE_ARRAY_LEN(pairs) + 1] = { NULL };
    size_t num = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(pairs); i++) {
        if (pairs[i][1] != NULL) {
            env[num++] = pairs[i][0];
            env[num++] = pairs[i][1];
        }
    }
    /* Under --json stdout is for the result alone. */
    struct cli_child k = { .argv = argv,
                           .env = env,
                           .cwd = t->folder,
                           .stdout_fd = t->c->json ? STDERR_FILENO : -1,
                           .stderr_fd = -1 };
    pid_t pid = 0;
    mse_status st = cli_child_start(&pid, &k, &err);
    enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_failed(t->c, st, &err);
    *out = st == MSE_OK ? cli_child_wait(pid) : 127;
    free(path);
    return e;
}

/* tests_requirements go to a virtual environment of this run, which comes first in PATH. */
static enum cli_exit install_requirements(const struct cli_tests *t)
{
    const struct mse_conf_list *wanted = &t->project->tests_requirements;
    const char *const venv[] = { "python3", "-m", "venv", "--system-site-packages", t->venv, NULL };
    const char *pip[CLI_MAX_WORDS + 8] = { "python3", "-m", "pip", "install", "--quiet", "--" };
    int status = 0;
    size_t n = 6;
    if (wanted->num == 0) {
        return CLI_DONE;
    }
    if (wanted->num > CLI_MAX_WORDS) {
        return cli_trouble(t->c, "%s: %zu tests_requirements, at most %d", t->toml_path,
                           wanted->num, CLI_MAX_WORDS);
    }
    for (size_t i = 0; i < wanted->num; i++) {
        pip[n++] = wanted->items[i];
    }
    cli_say(t->c, "Installing what the tests require...");
    enum cli_exit e = run_one(t, venv, &status);
    if (e == CLI_DONE && status == 0) {
        e = run_one(t, pip, &status);
    }
    if (e == CLI_DONE && status != 0) {
        e = cli_trouble(t->c, "tests_requirements could not be installed");
    }
    return e;
}

enum cli_exit cli_tests_run(struct cli_tests *t, int *status)
{
    const char *argv[CLI_MAX_WORDS + 1] = { NULL };
    for (size_t i = 0; i < t->words.num; i++) {
        argv[i] = t->words.argv[i];
    }
    enum cli_exit e = install_requirements(t);
    if (e != CLI_DONE) {
        return e;
    }
    cli_say(t->c, "Running the tests: %s", t->project->tests_cmd);
    (void)fflush(stdout);
    return run_one(t, argv, status);
}

enum cli_exit cli_tests_say(const struct cli *c, const char *key, const char *name, int status)
{
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:b, s:i}", key, name, "passed", status == 0 ? 1 : 0, "status",
                              status));
    } else if (status == 0) {
        cli_say_good(c, "Tests: passed");
    } else {
        cli_say_bad(c, "Tests: failed");
    }
    return status == 0 ? CLI_DONE : CLI_REFUSED;
}

enum cli_exit cli_scratch(char **out, const struct cli *c, const char *name)
{
    const char *tmp = cli_environment("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/%s.XXXXXX", tmp == NULL ? "/tmp" : tmp, name) < 0) {
        return cli_trouble(c, "out of memory");
    }
    if (mkdtemp(path) == NULL) {
        free(path);
        return cli_trouble(c, "no temporary folder: %s", strerror(errno));
    }
    *out = path;
    return CLI_DONE;
}
