/* SPDX-License-Identifier: Apache-2.0 */
/* msed init: everything or nothing. A database is never written over. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "crypto/sign.h"
#include "db/db.h"
#include "operator/msed.h"
#include "os/private_dir.h"
#include "package/rules.h"
#include "sim/platform.h"

#define DEFAULT_DOMAIN   "mse.localhost"
#define DEFAULT_DATABASE "msed.sqlite"
#define DEFAULT_ADMIN    "admin"
#define DEFAULT_DAYS     90
#define MAX_DAYS         3650
#define DAY              ((mse_time)86400)
#define MAX_PEM          ((size_t)16384)
#define PLATFORM         "sim" /* folder */
#define HARDWARE         "sim-1"
#define APP_MEMORY       512  /* MiB */
#define ENCLAVE_SIZE     1024 /* MiB */
#define MAX_APPS         64

enum file {
    FILE_CONFIG,
    FILE_KEY,
    FILE_PUBLIC,
    NUM_FILES,
};
static const struct {
    const char *name;
    unsigned mode;
} files[NUM_FILES] = {
    [FILE_CONFIG] = { MSED_CONFIG, 0600 },
    [FILE_KEY] = { "signer_key.pem", 0600 },
    [FILE_PUBLIC] = { "signer.pem", 0644 },
};

struct init {
    struct msed m;
    const char *dir;
    const char *domain;
    const char *database; /* as it stands in the configuration */
    char *where;          /* that, seen from here */
    uint64_t days;
    char *paths[NUM_FILES];
    struct mse_build content[NUM_FILES];
    char *platform;
    uint8_t mrsigner[32];
    bool made_database;
    bool made_platform;
    struct mse_op_user admin;
    struct mse_op_token token;
    char text[MSE_OP_TOKEN_LEN];
};

static enum cli_exit read_options(struct init *i, const struct cli *c)
{
    const char *admin = cli_has(c, "admin") ? cli_value(c, "admin") : DEFAULT_ADMIN;
    const char *email = cli_has(c, "email") ? cli_value(c, "email") : "";
    i->m.c = c;
    msed_set_by(&i->m);
    i->dir = cli_has(c, "dir") ? cli_value(c, "dir") : ".";
    i->domain = cli_has(c, "domain") ? cli_value(c, "domain") : DEFAULT_DOMAIN;
    i->database = cli_has(c, "database") ? cli_value(c, "database") : DEFAULT_DATABASE;
    if (!mse_rule_host(i->domain)) {
        return cli_trouble(c, "--domain is %s, wanted a host name in lower case", i->domain);
    }
    if (cli_has(c, "database") && !mse_db_is_postgres(i->database)) {
        return cli_trouble(c, "--database is %s, wanted postgresql://...", i->database);
    }
    if (strpbrk(i->database, "\"\\\n\r\t") != NULL || !mse_rule_text(i->database, 1, 1024)) {
        return cli_trouble(c, "--database has characters that no address has");
    }
    if (strlen(admin) >= sizeof i->admin.name || strlen(email) >= sizeof i->admin.email) {
        return cli_trouble(c, "--admin or --email is too long");
    }
    (void)snprintf(i->admin.name, sizeof i->admin.name, "%s", admin);
    (void)snprintf(i->admin.email, sizeof i->admin.email, "%s", email);
    i->admin.admin = true;
    return msed_number(c, "days", &i->days, DEFAULT_DAYS, MAX_DAYS) ? CLI_DONE : CLI_TROUBLE;
}

static mse_status make_paths(struct init *i, struct mse_error *err)
{
    for (size_t f = 0; f < NUM_FILES; f++) {
        i->paths[f] = cli_join(i->dir, files[f].name);
        if (i->paths[f] == NULL) {
            return MSE_FAIL(err, MSE_ERR_MEMORY, "init", "out of memory");
        }
    }
    i->where =
        mse_db_is_postgres(i->database) ? strdup(i->database) : cli_join(i->dir, i->database);
    i->platform = cli_join(i->dir, PLATFORM);
    return i->where != NULL && i->platform != NULL
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MEMORY, "init", "out of memory");
}

/* What is there is found before anything is made. */
static mse_status look(const struct init *i, bool force, struct mse_error *err)
{
    struct stat sb;
    if (mkdir(i->dir, 0700) != 0 && errno != EEXIST) {
        return MSE_FAIL(err, MSE_ERR_IO, "init", "%.180s: %s", i->dir, strerror(errno));
    }
    if (!mse_db_is_postgres(i->database) && lstat(i->where, &sb) == 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "init",
                        "%.150s is there already, and a database is never written over", i->where);
    }
    for (size_t f = 0; !force && f < NUM_FILES; f++) {
        if (lstat(i->paths[f], &sb) == 0) {
            return MSE_FAIL(err, MSE_ERR_EXISTS, "init", "%.180s is there already", i->paths[f]);
        }
    }
    return MSE_OK;
}

/* The simulated platform brings the signer: its enclaves and those of this platform are one
 * operator's. One that is there stays, for its root may have been pinned. */
static mse_status make_platform(struct init *i, struct mse_error *err)
{
    const struct mse_sim_options healthy = { .now = i->m.by.now };
    struct mse_sim_platform *p = NULL;
    if (cli_file_exists(i->platform)) {
        mse_status st = mse_sim_load(&p, i->platform, err);
        mse_sim_free(p);
        return st;
    }
    mse_status st = mse_sim_init(i->platform, &healthy, err);
    i->made_platform = st == MSE_OK;
    return st;
}

static mse_status load_signer(struct mse_privkey **out, struct init *i, struct mse_error *err)
{
    struct cli_file f = { 0 };
    char *path = cli_join(i->platform, files[FILE_KEY].name);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MAX_PEM, err);
    st = st == MSE_OK ? mse_privkey_from_pem(out, cli_file_view(&f), err) : st;
    cli_file_wipe(&f);
    free(path);
    return st;
}

static mse_status make_signer(struct init *i, struct mse_error *err)
{
    struct mse_privkey *k = NULL;
    struct mse_build spki;
    mse_build_heap(&spki, MAX_PEM);
    mse_status st = load_signer(&k, i, err);
    if (st == MSE_OK) {
        st = mse_privkey_to_pem(k, &i->content[FILE_KEY]);
    }
    if (st == MSE_OK) {
        st = mse_privkey_spki(k, &spki);
    }
    if (st == MSE_OK) {
        mse_pem_write(&i->content[FILE_PUBLIC], "PUBLIC KEY", mse_build_view(&spki));
        st = msed_mrsigner(i->mrsigner, k, err);
    }
    mse_build_clear(&spki);
    mse_privkey_free(k);
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, "init", "no signer: %s", mse_status_text(st));
}

static mse_status make_content(struct init *i, struct mse_error *err)
{
    mse_wr_printf(&i->content[FILE_CONFIG],
                  "# msed: see msed(8). Paths are seen from the folder of this file.\n"
                  "\n"
                  "# Apps get names below it; those in operator mode below dev_domain.\n"
                  "domain = \"%s\"\n"
                  "dev_domain = \"dev.%s\"\n"
                  "\n"
                  "# A file of SQLite, or postgresql://USER@HOST/NAME\n"
                  "database = \"%s\"\n"
                  "\n"
                  "# Signs enclaves: whoever has it can release enclaves in this platform's name.\n"
                  "signer_key = \"%s\"\n"
                  "\n"
                  "# certificate and key, where it listens beyond this machine.\n"
                  "[api]\n"
                  "listen = \"" MSE_OP_API_LISTEN "\"\n"
                  "\n"
                  "# certificate and key for names below dev_domain.\n"
                  "[gateway]\n"
                  "listen = \"" MSE_OP_GATEWAY_LISTEN "\"\n"
                  "\n"
                  "# address: where gateways reach the enclaves of this machine.\n"
                  "[node]\n"
                  "name = \"local\"\n"
                  "address = \"127.0.0.1\"\n"
                  "data = \"node\"\n"
                  "platform = \"" PLATFORM "\"\n",
                  i->domain, i->domain, i->database, files[FILE_KEY].name);
    mse_status st = make_signer(i, err);
    for (size_t f = 0; st == MSE_OK && f < NUM_FILES; f++) {
        if (!mse_build_ok(&i->content[f])) {
            st = MSE_FAIL(err, MSE_ERR_MEMORY, "init", "out of memory");
        }
    }
    return st;
}

static mse_status count_user(void *arg, const struct mse_op_user *u)
{
    (void)u;
    (*(unsigned *)arg)++;
    return MSE_OK;
}

/* Hardware to begin with: apps in enclaves of the simulated TEE. */
static mse_status add_hardware(const struct init *i, struct mse_op_store *s, struct mse_error *err)
{
    struct mse_op_hardware h = { .name = HARDWARE,
                                 .tee = "sim",
                                 .memory = APP_MEMORY,
                                 .cores = 1,
                                 .enclave_size = ENCLAVE_SIZE,
                                 .max_apps = MAX_APPS };
    return mse_op_hardware_add(s, &i->m.by, &h, err);
}

static mse_status make_database(struct init *i, struct mse_error *err)
{
    struct mse_op_store *s = NULL;
    unsigned users = 0;
    i->made_database = !mse_db_is_postgres(i->database); /* nothing was there a moment ago */
    mse_status st = mse_op_store_open(&s, i->where, true, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_op_user_list(s, true, count_user, &users, err);
    if (st == MSE_OK && users > 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "init",
                      "the database holds %u users, and is never written over", users);
    }
    if (st == MSE_OK) {
        st = mse_op_user_add(s, &i->m.by, &i->admin, err);
    }
    if (st == MSE_OK) {
        memcpy(i->token.user_id, i->admin.id, sizeof i->token.user_id);
        (void)snprintf(i->token.name, sizeof i->token.name, "msed init");
        i->token.scopes = MSE_OP_SCOPES_USER | MSE_OP_SCOPE_ADMIN;
        i->token.expires_at = i->m.by.now + (mse_time)i->days * DAY;
        st = mse_op_token_create(s, &i->m.by, &i->token, i->text, err);
    }
    st = st == MSE_OK ? add_hardware(i, s, err) : st;
    mse_op_store_close(s);
    return st;
}

/* What was made goes again, if the whole did not become. */
static void undo(const struct init *i, size_t num_files)
{
    for (size_t f = 0; f < num_files; f++) {
        (void)unlink(i->paths[f]);
    }
    if (i->made_database) {
        (void)unlink(i->where);
    }
    if (i->made_platform) {
        (void)mse_tree_remove(i->platform);
    }
}

static mse_status make_all(struct init *i, bool force, struct mse_error *err)
{
    size_t done = 0;
    mse_status st = make_paths(i, err);
    if (st == MSE_OK) {
        st = look(i, force, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    st = make_platform(i, err);
    st = st == MSE_OK ? make_content(i, err) : st;
    st = st == MSE_OK ? make_database(i, err) : st;
    while (st == MSE_OK && done < NUM_FILES) {
        st = cli_newfile_put(i->paths[done], mse_build_view(&i->content[done]), files[done].mode,
                             force, err);
        done += st == MSE_OK ? 1 : 0;
    }
    if (st != MSE_OK) {
        undo(i, done);
    }
    return st;
}

static enum cli_exit report(const struct init *i)
{
    const struct cli *c = i->m.c;
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(i->mrsigner, sizeof i->mrsigner));
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:s, s:s, s:s}", "config", i->paths[FILE_CONFIG],
                              "signer", i->paths[FILE_PUBLIC], "mrsigner", hex, "admin",
                              i->admin.name, "token", i->text));
        return CLI_DONE;
    }
    cli_say(c, "Made: %s, %s, %s", i->paths[FILE_CONFIG], i->paths[FILE_KEY],
            i->paths[FILE_PUBLIC]);
    cli_say(c, "Signer (MRSIGNER): %s", hex);
    cli_say(c, "Token of %s:", i->admin.name);
    cli_say(c, "%s", i->text);
    cli_hint(c, "the token is shown this once, keep it; msed check-config looks at the rest");
    return CLI_DONE;
}

enum cli_exit cmd_init(struct cli *c)
{
    struct mse_error err = { 0 };
    struct init *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return cli_trouble(c, "out of memory");
    }
    for (size_t f = 0; f < NUM_FILES; f++) {
        mse_build_heap(&i->content[f], MAX_PEM);
    }
    enum cli_exit e = read_options(i, c);
    if (e == CLI_DONE) {
        mse_status st = make_all(i, cli_has(c, "force"), &err);
        e = st == MSE_OK ? report(i) : cli_newfile_failed(c, st, &err);
    }
    for (size_t f = 0; f < NUM_FILES; f++) {
        mse_build_clear(&i->content[f]);
        free(i->paths[f]);
    }
    free(i->where);
    free(i->platform);
    mse_wipe(i, sizeof *i);
    free(i);
    return e;
}
