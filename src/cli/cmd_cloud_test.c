/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud test: the tests of a project against the app that deploy made of it. The app is
 * attested first, where its certificate is not the operator's; the tests go by what was presented
 * then. */
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/certs.h"
#include "cli/cloud.h"
#include "cli/cloud_kept.h"
#include "cli/judge.h"
#include "cli/link.h"
#include "cli/tests.h"
#include "cli/tls_files.h"
#include "crypto/x509.h"
#include "os/private_dir.h"

#define ATTEST_MS 20000U

struct test {
    const struct cli *c;
    struct cloud k;
    struct cloud_app app;
    struct cloud_kept kept;
    struct cli_judge judge;
    struct cli_choice choice;
    struct cli_link link;
    struct cli_finding found;
    struct mse_project project;
    struct cli_tests tests;
    char *folder;
    char *secrets;
    char *to_seal;
    char *scratch;
    char *cert;
    char *venv;
};

/* A file of the project, heap; NULL if it is not there. */
static char *file_of(const struct test *t, const char *name)
{
    char *dir = cli_folder_of(t->kept.toml_path);
    char *path = dir == NULL ? NULL : cli_join(dir, name);
    free(dir);
    if (path != NULL && !cli_file_exists(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

static enum cli_exit load(struct test *t)
{
    struct mse_error err = { 0 };
    if (!cloud_kept_load(&t->kept, t->app.id)) {
        (void)cli_trouble(t->c, "nothing is kept here of the app %s", t->app.id);
        cli_hint(t->c, "the tests run where it was deployed from");
        return CLI_TROUBLE;
    }
    mse_status st = cli_project_load(&t->project, t->kept.toml_path, &err);
    if (st != MSE_OK) {
        return cli_failed(t->c, st, &err);
    }
    t->folder = file_of(t, t->project.tests == NULL ? "tests" : t->project.tests);
    t->secrets = file_of(t, t->project.secrets == NULL ? "secrets.json" : t->project.secrets);
    t->to_seal = file_of(t, "secrets_to_seal.json");
    if (t->folder == NULL) {
        return cli_trouble(t->c, "%s: there is no folder of tests", t->kept.toml_path);
    }
    t->tests = (struct cli_tests) { .c = t->c,
                                    .toml_path = t->kept.toml_path,
                                    .project = &t->project,
                                    .folder = t->folder,
                                    .url = t->kept.url,
                                    .secrets = t->secrets,
                                    .to_seal = t->to_seal };
    return cli_tests_split(&t->tests);
}

static enum cli_exit check_running(const struct test *t)
{
    if (strcmp(t->app.status, "running") == 0) {
        return CLI_DONE;
    }
    return cli_trouble(t->c, "%s is %s, tests need a running app", t->app.name, t->app.status);
}

static enum cli_exit make_scratch(struct test *t)
{
    enum cli_exit e = cli_scratch(&t->scratch, t->c, "mse-test");
    if (e != CLI_DONE) {
        return e;
    }
    t->cert = cli_join(t->scratch, "cert.pem");
    t->venv = cli_join(t->scratch, "venv");
    t->tests.venv = t->venv;
    return t->cert != NULL && t->venv != NULL ? CLI_DONE : cli_trouble(t->c, "out of memory");
}

/* What deploy attested is expected again. */
static enum cli_exit expect(struct test *t)
{
    struct cli_judge *j = &t->judge;
    enum cli_exit e = cli_judge_init(j, t->c);
    if (e != CLI_DONE) {
        return e;
    }
    j->policy.require_level = j->policy.require_level < 2 ? 2 : j->policy.require_level;
    if (!mse_hex_decode(j->fingerprint, 32, mse_bytes_str(t->kept.fingerprint))) {
        return cli_trouble(t->c, "what is kept of the app %s is damaged", t->app.id);
    }
    j->has_fingerprint = true;
    e = cli_judge_signer(j, t->c, t->app.config_domain_name, NULL);
    return e == CLI_DONE ? cli_judge_expect(j, t->c) : e;
}

static enum cli_exit attest(struct test *t)
{
    struct mse_error err = { 0 };
    struct mse_ratls_cert cert;
    struct mse_bytes evidence = { NULL, 0 };
    const struct mse_bytes no_manifest = { NULL, 0 };
    enum cli_exit e = expect(t);
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = cli_link_open(&t->link, t->app.domain_name, t->app.port, ATTEST_MS, &err);
    if (st != MSE_OK) {
        return cli_trouble(t->c, "the app cannot be reached: %s", err.text);
    }
    if (mse_ratls_read(&cert, cli_file_view(&t->link.der), NULL) == MSE_OK) {
        evidence = cert.quote;
    }
    cli_judge_choose(&t->choice, &t->judge, t->c, evidence, NULL);
    st = cli_link_judge(&t->link, &t->found, &t->judge, t->choice.collateral, no_manifest, &err);
    if (st != MSE_OK) {
        return cli_link_failed(t->c, st, &err);
    }
    cli_judge_floor(&t->found.verdict, &t->judge);
    if (!t->found.verdict.accepted) {
        cli_refusal(t->c, &t->found.verdict, &t->judge);
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

/* Whether the last certificate of a chain stands for itself: then a client can go by the chain. */
static bool ends_in_a_root(struct mse_bytes pem)
{
    uint8_t der[8192];
    size_t len = 0;
    bool root = false;
    while (mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len) == MSE_OK) {
        struct mse_cert cert;
        root = mse_cert_parse(&cert, mse_bytes_of(der, len), NULL) == MSE_OK &&
               mse_bytes_equal(cert.issuer, cert.subject);
    }
    return root;
}

/* A chain of the owner's that ends in a root is what clients go by; else it is what the system
 * trusts. */
static enum cli_exit save_owner_chain(struct test *t)
{
    struct mse_error err = { 0 };
    struct cli_tls_files tls = { .key_path = NULL };
    if (!t->project.has_ssl) {
        return CLI_DONE;
    }
    mse_status st = cli_tls_load(&tls, &t->project, t->kept.toml_path, &err);
    if (st == MSE_OK && ends_in_a_root(cli_file_view(&tls.chain))) {
        st = cli_file_write(t->cert, cli_file_view(&tls.chain), 0644, &err);
        t->tests.cert = t->cert;
    }
    cli_tls_clear(&tls);
    return st == MSE_OK ? CLI_DONE : cli_failed(t->c, st, &err);
}

static enum cli_exit save_certificate(struct test *t)
{
    struct mse_error err = { 0 };
    mse_status st = cli_save_trusted(t->cert, &t->found.cert, &err);
    t->tests.cert = t->cert;
    return st == MSE_OK ? CLI_DONE : cli_failed(t->c, st, &err);
}

static enum cli_exit find_certificate(struct test *t)
{
    if (strcmp(t->kept.origin, "operator") == 0) {
        cli_hint(t->c, "the certificate is the operator's: nothing is attested");
        return CLI_DONE;
    }
    enum cli_exit e = attest(t);
    if (e != CLI_DONE) {
        return e;
    }
    return strcmp(t->kept.origin, "owner") == 0 ? save_owner_chain(t) : save_certificate(t);
}

static enum cli_exit run(struct test *t)
{
    int status = 0;
    enum cli_exit e = cloud_open(&t->k, t->c);
    e = e == CLI_DONE ? cloud_app_named(&t->k, &t->app, NULL, t->c->args[0]) : e;
    e = e == CLI_DONE ? check_running(t) : e;
    e = e == CLI_DONE ? load(t) : e;
    e = e == CLI_DONE ? make_scratch(t) : e;
    e = e == CLI_DONE ? find_certificate(t) : e;
    e = e == CLI_DONE ? cli_tests_run(&t->tests, &status) : e;
    return e == CLI_DONE ? cli_tests_say(t->c, "id", t->app.id, status) : e;
}

enum cli_exit cmd_cloud_test(struct cli *c)
{
    struct test *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return cli_trouble(c, "out of memory");
    }
    t->c = c;
    t->k.c = c;
    enum cli_exit e = run(t);
    if (t->scratch != NULL && !mse_tree_remove(t->scratch)) {
        cli_hint(c, "%s could not be removed", t->scratch);
    }
    cli_link_close(&t->link);
    cli_choice_clear(&t->choice);
    cli_judge_clear(&t->judge);
    cli_words_clear(&t->tests.words);
    mse_project_clear(&t->project);
    cloud_kept_clear(&t->kept);
    cloud_close(&t->k);
    free(t->folder);
    free(t->secrets);
    free(t->to_seal);
    free(t->scratch);
    free(t->cert);
    free(t->venv);
    free(t);
    return e;
}
