/* SPDX-License-Identifier: Apache-2.0 */
/* mse home test: the tests of a project against an instance. Tests are commands of whoever wrote
 * them; they run here only because the operator names them. */
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "cli/certs.h"
#include "cli/home.h"
#include "cli/home_judge.h"
#include "cli/tests.h"
#include "crypto/x509.h"
#include "os/private_dir.h"
#include "ratls/connect.h"
#include "ratls/profile.h"

#define ATTEST_MS 20000U

struct test {
    const struct cli *c;
    struct home h;
    struct home_judge judge;
    struct mse_project project;
    struct cli_tests tests;
    char *toml_path;
    char *scratch;
    char *cert;
    char *venv;
    char *url;
};

/* --config, else beside the tests, else above them, where a project has it. */
static char *find_toml(const struct cli *c, const char *dir)
{
    static const char *const names[] = { "mse.toml", "../mse.toml" };
    if (cli_has(c, "config")) {
        return cli_project_path(cli_value(c, "config"));
    }
    char *path = cli_join(dir, names[0]);
    if (path != NULL && !cli_file_exists(path)) {
        free(path);
        path = cli_join(dir, names[1]);
    }
    return path;
}

static enum cli_exit load(struct test *t)
{
    struct mse_error err = { 0 };
    const char *dir = cli_value(t->c, "test");
    if (dir == NULL) {
        return cli_trouble(t->c, "--test DIR is missing: the folder of the tests");
    }
    if (!cli_file_exists(dir)) {
        return cli_trouble(t->c, "%s: no such folder", dir);
    }
    t->toml_path = find_toml(t->c, dir);
    mse_status st =
        t->toml_path == NULL ? MSE_ERR_MEMORY : cli_project_load(&t->project, t->toml_path, &err);
    if (st != MSE_OK) {
        (void)cli_failed(t->c, st, &err);
        cli_hint(t->c, "--config FILE names the mse.toml with tests_cmd");
        return CLI_TROUBLE;
    }
    t->tests = (struct cli_tests) {
        .c = t->c, .toml_path = t->toml_path, .project = &t->project, .folder = dir
    };
    return cli_tests_split(&t->tests);
}

static enum cli_exit check_running(const struct test *t)
{
    json_t *state = home_state(&t->h);
    const char *word = mse_instance_state_word(state);
    enum cli_exit e = CLI_DONE;
    if (word == NULL || strcmp(word, "running") != 0) {
        word = word == NULL ? "unknown" : word;
        e = cli_trouble(t->c, "%s is %s, tests need a running app", t->h.name, word);
        cli_hint(t->c, strcmp(word, "waiting") == 0 ? "mse home run %s" : "mse home restart %s",
                 t->h.name);
    }
    json_decref(state);
    return e;
}

static enum cli_exit make_scratch(struct test *t)
{
    enum cli_exit e = cli_scratch(&t->scratch, t->c, "mse-test");
    if (e != CLI_DONE) {
        return e;
    }
    t->cert = cli_join(t->scratch, "cert.pem");
    t->venv = cli_join(t->scratch, "venv");
    long long port = json_integer_value(json_object_get(t->h.facts, "port"));
    if (asprintf(&t->url, "https://%s:%lld", home_fact(&t->h, "san"), port) < 0) {
        t->url = NULL;
    }
    return t->cert != NULL && t->venv != NULL && t->url != NULL
               ? CLI_DONE
               : cli_trouble(t->c, "out of memory");
}

static bool is_owners(const struct test *t)
{
    return strcmp(home_fact(&t->h, "ssl_certificate_origin"), "owner") == 0;
}

/* The owner's certificate says nothing of the enclave: the session has to. */
static mse_status attest(struct test *t, struct mse_ratls_conn *conn, struct mse_error *err)
{
    struct mse_session *session = NULL;
    const struct mse_session_client_config cfg = {
        .judge = { .policy = t->judge.policy,
                   .collateral = &t->judge.bundle.collateral,
                   .at = (mse_time)time(NULL),
                   .host = home_fact(&t->h, "san") },
        .level = 2,
    };
    mse_status st = mse_ratls_conn_attest(&session, conn, &cfg, ATTEST_MS, err);
    mse_session_free(session);
    return st;
}

/* The certificate that the tests go by is one of this instance. */
static mse_status save_certificate(struct test *t, struct mse_error *err)
{
    static const uint8_t alpn[] = "\x0cmse-attest/1"; /* needs no certificate of the client */
    struct mse_ratls_conn *conn = NULL;
    struct mse_verdict *v = calloc(1, sizeof *v);
    struct mse_ratls_cert cert = { .form = MSE_RATLS_DICE };
    mse_status st = v == NULL ? MSE_ERR_MEMORY : home_judge_init(&t->judge, &t->h, err);
    st = st == MSE_OK ? home_dial(&conn, &t->h, false, mse_bytes_of(alpn, sizeof alpn - 1), err)
                      : st;
    if (st == MSE_OK && is_owners(t)) {
        struct mse_bytes chain = { NULL, 0 };
        st = attest(t, conn, err);
        (void)!mse_ratls_split(&cert.der, &chain, mse_ratls_conn_cert(conn));
    } else if (st == MSE_OK) {
        st = mse_ratls_appraise(v, &cert, NULL, mse_ratls_conn_cert(conn), home_fact(&t->h, "san"),
                                &t->judge.bundle.collateral, t->judge.policy, (mse_time)time(NULL),
                                err);
    }
    if (st == MSE_OK) {
        st = cli_save_trusted(t->cert, &cert, err);
    }
    mse_ratls_conn_free(conn);
    free(v);
    return st;
}

static enum cli_exit run(struct test *t)
{
    struct mse_error err = { 0 };
    int status = 0;
    enum cli_exit e = load(t);
    e = e == CLI_DONE ? home_open(&t->h, t->c, t->c->args[0]) : e;
    e = e == CLI_DONE ? check_running(t) : e;
    e = e == CLI_DONE ? make_scratch(t) : e;
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = save_certificate(t, &err);
    if (st != MSE_OK) {
        return cli_failed(t->c, st, &err);
    }
    t->tests.url = t->url;
    t->tests.cert = t->cert;
    t->tests.venv = t->venv;
    e = cli_tests_run(&t->tests, &status);
    return e == CLI_DONE ? cli_tests_say(t->c, "name", t->h.name, status) : e;
}

enum cli_exit cmd_home_test(struct cli *c)
{
    struct test t = { .c = c, .h = { .c = c } };
    enum cli_exit e = run(&t);
    if (t.scratch != NULL && !mse_tree_remove(t.scratch)) {
        cli_hint(c, "%s could not be removed", t.scratch);
    }
    home_judge_clear(&t.judge);
    cli_words_clear(&t.tests.words);
    mse_project_clear(&t.project);
    free(t.toml_path);
    free(t.scratch);
    free(t.cert);
    free(t.venv);
    free(t.url);
    home_clear(&t.h);
    return e;
}
