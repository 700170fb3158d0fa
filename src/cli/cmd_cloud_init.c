/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud init: questions with defaults, and an mse.toml out of the answers. */
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "package/rules.h"

#define MAX_LINE 1024
#define TOML     "mse.toml"

struct answers {
    char name[MAX_LINE];
    char project[MAX_LINE];
    char hardware[MAX_LINE];
    char code[MAX_LINE];
    char tests[MAX_LINE];
    char application[MAX_LINE];
    char health[MAX_LINE];
    char secrets[MAX_LINE];
};

/* Visible text that TOML takes as it stands between quotes. */
static bool is_plain(const char *text)
{
    return mse_rule_text(text, 1, MAX_LINE) && strpbrk(text, "\"\\") == NULL;
}

/* A path of its own: below this folder. */
static bool is_path(const char *text)
{
    return is_plain(text) && mse_rule_path(mse_bytes_str(text));
}

static bool is_name(const char *text)
{
    return is_plain(text) && mse_rule_name(text);
}

static bool is_yes_or_no(const char *text)
{
    return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
}

/* Asks until the answer is one; the end of the input takes the default. */
static enum cli_exit ask(const struct cli *c, char out[MAX_LINE], const char *question,
                         bool (*good)(const char *text))
{
    char line[MAX_LINE];
    for (;;) {
        (void)fprintf(stderr, "%s [%s]: ", question, out);
        (void)fflush(stderr);
        bool more = fgets(line, sizeof line, stdin) != NULL;
        line[more ? strcspn(line, "\r\n") : 0] = '\0';
        const char *answer = line[0] == '\0' ? out : line;
        if (good(answer)) {
            if (answer == line) {
                memcpy(out, line, sizeof line);
            }
            if (!more) {
                (void)fprintf(stderr, "\n");
            }
            return CLI_DONE;
        }
        if (!more || isatty(STDIN_FILENO) == 0) {
            return cli_trouble(c, "%s: \"%s\" will not do", question, answer);
        }
        (void)fprintf(stderr, "\"%s\" will not do\n", answer);
    }
}

/* The folder's name, if it is one for an app. */
static void name_of_folder(char out[MAX_LINE])
{
    char *here = realpath(".", NULL);
    const char *slash = here == NULL ? NULL : strrchr(here, '/');
    (void)snprintf(out, MAX_LINE, "%s", slash != NULL && is_name(slash + 1) ? slash + 1 : "hello");
    free(here);
}

static enum cli_exit defaults(struct answers *a, const struct cli *c)
{
    struct cloud k;
    struct cloud_defaults offered = { .project = "" };
    enum cli_exit e = cloud_open(&k, c);
    e = e == CLI_DONE ? cloud_defaults_get(&k, &offered) : e;
    cloud_close(&k);
    *a = (struct answers) { .code = "mse_src",
                            .tests = "tests",
                            .application = "app:app",
                            .health = "/health",
                            .secrets = "no" };
    name_of_folder(a->name);
    (void)snprintf(a->project, sizeof a->project, "%s",
                   offered.project[0] == '\0' ? "default" : offered.project);
    (void)snprintf(a->hardware, sizeof a->hardware, "%s", offered.hardware);
    return e;
}

static enum cli_exit ask_all(struct answers *a, const struct cli *c)
{
    const struct {
        char *to;
        const char *question;
        bool (*good)(const char *text);
    } rows[] = {
        { a->name, "Name of the app", is_name },
        { a->project, "Project", is_name },
        { a->hardware, "Hardware", is_plain },
        { a->code, "Folder of the code", is_path },
        { a->tests, "Folder of the tests", is_path },
        { a->application, "Python application, module:variable", mse_rule_python_application },
        { a->health, "Endpoint of the health check", mse_rule_endpoint },
        { a->secrets, "Does it get secrets out of secrets.json (yes or no)", is_yes_or_no },
    };
    enum cli_exit e = CLI_DONE;
    for (size_t i = 0; e == CLI_DONE && i < MSE_ARRAY_LEN(rows); i++) {
        e = ask(c, rows[i].to, rows[i].question, rows[i].good);
    }
    return e;
}

static enum cli_exit write_toml(const struct answers *a, const struct cli *c)
{
    struct mse_error err = { 0 };
    struct mse_build b;
    bool secrets = strcmp(a->secrets, "yes") == 0;
    mse_build_heap(&b, (size_t)64 * 1024);
    mse_wr_printf(&b,
                  "# What the app is and how it runs: mse.toml(5).\nname = \"%s\"\n"
                  "python_application = \"%s\"\nhealthcheck_endpoint = \"%s\"\n"
                  "tests_cmd = \"pytest\"\ntests_requirements = [\"pytest\"]\n",
                  a->name, a->application, a->health);
    mse_wr_printf(&b,
                  "\n[cloud]\ncode = \"%s\"\ntests = \"%s\"\nproject = \"%s\"\n"
                  "hardware = \"%s\"\n",
                  a->code, a->tests, a->project, a->hardware);
    if (secrets) {
        mse_wr_str(&b, "secrets = \"secrets.json\"\n\n[enclave]\nexpects = [\"secrets\"]\n");
    }
    mse_status st = mse_build_ok(&b)
                        ? cli_newfile_put(TOML, mse_build_view(&b), 0644, cli_has(c, "force"), &err)
                        : MSE_ERR_MEMORY;
    mse_build_clear(&b);
    return st == MSE_OK ? CLI_DONE : cli_newfile_failed(c, st, &err);
}

enum cli_exit cmd_cloud_init(struct cli *c)
{
    struct answers a;
    if (cli_file_exists(TOML) && !cli_has(c, "force")) {
        (void)cli_trouble(c, "./" TOML " is there already");
        cli_hint(c, "-f writes over it");
        return CLI_TROUBLE;
    }
    enum cli_exit e = defaults(&a, c);
    e = e == CLI_DONE ? ask_all(&a, c) : e;
    e = e == CLI_DONE ? write_toml(&a, c) : e;
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:s}", "written", TOML));
    } else if (e == CLI_DONE) {
        cli_say(c, "./" TOML " is written; mse cloud localtest tries it here, mse cloud deploy "
                   "brings it to the operator");
    }
    return e;
}
