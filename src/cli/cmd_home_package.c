/* SPDX-License-Identifier: Apache-2.0 */
/* mse home package: from a project to the one file that the operator of the TEE machine gets, and
 * the key that he does not. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/threads.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/project.h"
#include "cli/tls_files.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "crypto/digest.h"
#include "package/parcel.h"

#define PROGRESS_MS 50

struct work {
    const struct cli *c;
    char *toml_path;
    struct cli_file toml;
    struct mse_project project;
    char *code_dir;
    char *tests_dir; /* NULL: none */
    struct cli_tls_files tls;
    char *out_path;
    char *key_path;
    bool encrypt;
    uint8_t key[32];
    uint8_t code_digest[32];
};

/* What mse.toml says must go with what is made, for the manifest will say it too. */
static enum cli_exit check_project(struct work *w)
{
    const struct mse_project *p = &w->project;
    if (p->package != NULL && w->encrypt != (strcmp(p->package, "encrypted") == 0)) {
        return cli_trouble(w->c, "%s: enclave.package is %s, but --encrypt is %s", w->toml_path,
                           p->package, w->encrypt ? "given" : "not given");
    }
    return CLI_DONE;
}

/* Whether file lies in dir or below it. */
static bool lies_in(const char *file, const char *dir)
{
    char *a = realpath(file, NULL);
    char *b = dir == NULL ? NULL : realpath(dir, NULL);
    size_t len = b == NULL ? 0 : strlen(b);
    bool inside = a != NULL && len > 0 && strncmp(a, b, len) == 0 && a[len] == '/';
    free(a);
    free(b);
    return inside;
}

/* The certificates go into the package. The private key is compared, and stays. */
static enum cli_exit load_tls(struct work *w)
{
    struct mse_error err = { 0 };
    if (cli_has(w->c, "no-ssl")) {
        return CLI_DONE;
    }
    mse_status st = cli_tls_load(&w->tls, &w->project, w->toml_path, &err);
    if (st != MSE_OK) {
        return cli_failed(w->c, st, &err);
    }
    const char *key = w->tls.key_path;
    if (key != NULL && (lies_in(key, w->code_dir) || lies_in(key, w->tests_dir))) {
        return cli_trouble(w->c,
                           "%s would be packed with what lies beside it: put the private key "
                           "elsewhere",
                           key);
    }
    return CLI_DONE;
}

static enum cli_exit load_project(struct work *w)
{
    struct mse_error err = { 0 };
    w->toml_path = cli_project_path(cli_has(w->c, "project") ? cli_value(w->c, "project") : ".");
    char *dir = w->toml_path == NULL ? NULL : cli_folder_of(w->toml_path);
    if (dir == NULL) {
        return cli_trouble(w->c, "out of memory");
    }
    mse_status st = cli_file_read(&w->toml, w->toml_path, MSE_CONF_MAX_LEN, &err);
    st = st == MSE_OK ? mse_project_parse(&w->project, w->toml_path, cli_file_view(&w->toml), &err)
                      : st;
    w->code_dir = cli_join(dir, w->project.code == NULL ? "mse_src" : w->project.code);
    w->tests_dir = cli_join(dir, w->project.tests == NULL ? "tests" : w->project.tests);
    free(dir);
    if (st != MSE_OK) {
        return cli_failed(w->c, st, &err);
    }
    if (w->code_dir == NULL || w->tests_dir == NULL) {
        return cli_trouble(w->c, "out of memory");
    }
    if (w->project.tests == NULL && !cli_file_exists(w->tests_dir)) {
        free(w->tests_dir);
        w->tests_dir = NULL;
    }
    enum cli_exit e = check_project(w);
    return e == CLI_DONE ? load_tls(w) : e;
}

/* The name of the app as that of a file. */
static enum cli_exit name_outputs(struct work *w)
{
    const char *dir = cli_value(w->c, "output");
    char name[65];
    size_t len = 0;
    MSE_ASSERT(w->project.name != NULL); /* mse.toml has one, or was refused */
    for (const char *p = w->project.name; *p != '\0' && len < sizeof name - 1; p++, len++) {
        bool good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || (*p == '.' && len > 0);
        name[len] = '_';
        if (good) {
            name[len] = *p;
        }
    }
    name[len] = '\0';
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return cli_trouble(w->c, "%s cannot be made: %s", dir, strerror(errno));
    }
    if (asprintf(&w->out_path, "%s/%s.mse", dir, name) < 0) {
        w->out_path = NULL;
    }
    if (asprintf(&w->key_path, "%s/%s.key", dir, name) < 0) {
        w->key_path = NULL;
    }
    return w->out_path != NULL && w->key_path != NULL ? CLI_DONE
                                                      : cli_trouble(w->c, "out of memory");
}

/* What is packed, by one thread; the other, if there is one, shows how much of it is written. */
struct packing {
    int fd;
    uint8_t *digest;
    const struct mse_parcel_parts *parts;
    struct mse_error *err;
    mse_status status;
    struct cli_progress progress;
    atomic_bool taken;
    atomic_bool over;
};

static void pack(void *arg)
{
    struct packing *p = arg;
    if (!atomic_exchange(&p->taken, true)) {
        p->status = mse_parcel_write(p->digest, p->fd, p->parts, p->err);
        atomic_store(&p->over, true);
        return;
    }
    while (!atomic_load(&p->over)) {
        struct stat sb = { 0 };
        uint64_t done = fstat(p->fd, &sb) == 0 ? (uint64_t)sb.st_size : 0;
        cli_progress_step(&p->progress, done, 0);
        (void)poll(NULL, 0, PROGRESS_MS);
    }
}

static mse_status write_parcel(struct work *w, int fd, struct mse_error *err)
{
    uint8_t salt[32];
    if (mse_random(salt, sizeof salt) != MSE_OK || mse_random(w->key, sizeof w->key) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "package", "no random bytes");
    }
    const struct mse_parcel_parts parts = {
        .mse_toml = cli_file_view(&w->toml),
        .ssl_chain = cli_file_view(&w->tls.chain),
        .client_ca = cli_file_view(&w->tls.client_ca),
        .code_dir = w->code_dir,
        .tests_dir = w->tests_dir,
        .salt = salt,
        .key = w->encrypt ? w->key : NULL,
    };
    struct packing p = { .fd = fd, .digest = w->code_digest, .parts = &parts, .err = err };
    cli_progress_begin(&p.progress, w->c, "Packing");
    mse_threads_run(p.progress.wanted ? 2 : 1, pack, &p);
    cli_progress_end(&p.progress);
    mse_status st = p.status;
    mse_wipe(salt, sizeof salt);
    return st;
}

/* The key gets its name first: a package that nobody can open would be worse than a key of none. */
static mse_status keep(struct work *w, struct cli_newfile *out, struct mse_error *err)
{
    bool force = cli_has(w->c, "force");
    mse_status st = MSE_OK;
    if (w->encrypt) {
        st = cli_newfile_put(w->key_path, mse_bytes_of(w->key, sizeof w->key), 0600, force, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    st = cli_newfile_keep(out, 0644, err);
    if (st != MSE_OK && w->encrypt) {
        (void)unlink(w->key_path);
    }
    return st;
}

static enum cli_exit make(struct work *w)
{
    struct mse_error err = { 0 };
    struct cli_newfile out = { .fd = -1 };
    bool force = cli_has(w->c, "force");
    mse_status st = MSE_OK;
    if (w->encrypt && !force && cli_file_exists(w->key_path)) {
        st = MSE_FAIL(&err, MSE_ERR_EXISTS, "file", "%.180s is there already", w->key_path);
    }
    st = st == MSE_OK ? cli_newfile_open(&out, w->out_path, force, &err) : st;
    st = st == MSE_OK ? write_parcel(w, out.fd, &err) : st;
    st = st == MSE_OK ? keep(w, &out, &err) : st;
    cli_newfile_drop(&out);
    return st == MSE_OK ? CLI_DONE : cli_newfile_failed(w->c, st, &err);
}

static void say(const struct work *w)
{
    const struct cli *c = w->c;
    char digest[65];
    mse_hex_encode(digest, mse_bytes_of(w->code_digest, sizeof w->code_digest));
    if (!w->encrypt && cli_file_exists(w->key_path)) {
        /* Somebody may still run the package that it opens: it is not ours to remove. */
        cli_hint(c, "%s is the key of an older package and opens nothing of this one", w->key_path);
    }
    if (c->json) {
        json_t *v = json_pack("{s:s, s:s, s:b}", "package", w->out_path, "code_digest", digest,
                              "encrypted", (int)w->encrypt);
        if (w->encrypt) {
            (void)json_object_set_new(v, "key", json_string(w->key_path));
        }
        cli_json(c, v);
        return;
    }
    cli_say(c, "Package for the operator: %s", w->out_path);
    if (w->encrypt) {
        cli_say(c, "Key of the code, for nobody before the enclave is verified: %s", w->key_path);
    } else {
        cli_say(c, "It is plain: the operator reads the code; --encrypt hides it");
    }
    if (w->tls.key_path != NULL) {
        cli_say(c, "TLS: %s under your own certificate, whose key %s is for the enclave alone",
                w->project.ssl_domain_name, w->tls.key_path);
        cli_say(c, "As you hold that key too, you can read the traffic of users who do not attest "
                   "their session");
    }
    cli_say(c, "Whoever has the package reads mse.toml and the tests");
    cli_say(c, "Code digest: %s", digest);
}

enum cli_exit cmd_home_package(struct cli *c)
{
    struct work w = { .c = c, .encrypt = cli_has(c, "encrypt") };
    if (!cli_has(c, "output")) {
        return cli_trouble(c, "--output DIR is needed: where the package goes");
    }
    enum cli_exit e = load_project(&w);
    e = e == CLI_DONE ? name_outputs(&w) : e;
    e = e == CLI_DONE ? make(&w) : e;
    if (e == CLI_DONE) {
        say(&w);
    }
    mse_wipe(w.key, sizeof w.key);
    mse_project_clear(&w.project);
    cli_tls_clear(&w.tls);
    cli_file_clear(&w.toml);
    free(w.toml_path);
    free(w.code_dir);
    free(w.tests_dir);
    free(w.out_path);
    free(w.key_path);
    return e;
}
