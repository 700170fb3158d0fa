/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud login, logout: which operator, and as whom. */
#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "cmd/files.h"

#define MAX_LINE ((size_t)4096)
#define MAX_PEM  ((size_t)256 * 1024)

/* ---- the token ---- */

static bool read_line(char out[MAX_LINE])
{
    if (fgets(out, (int)MAX_LINE, stdin) == NULL) {
        return false;
    }
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

/* From a person, who does not see it. */
static bool ask_token(char out[MAX_LINE])
{
    struct termios as_it_was;
    bool known = tcgetattr(STDIN_FILENO, &as_it_was) == 0;
    struct termios quiet = as_it_was;
    (void)fprintf(stderr, "Token: ");
    (void)fflush(stderr);
    if (known) {
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool good = read_line(out);
    if (known) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_it_was);
    }
    (void)fprintf(stderr, "\n");
    return good;
}

static enum cli_exit read_token(struct cloud *k)
{
    const struct cli *c = k->c;
    const char *given = cli_value(c, "token");
    char line[MAX_LINE] = "";
    if (given != NULL && strcmp(given, "-") != 0) {
        (void)cli_trouble(c, "--token takes \"-\" alone: words of a command can be seen by others");
        cli_hint(c, "mse cloud login --token - < FILE, or without --token, to be asked");
        return CLI_TROUBLE;
    }
    if (given == NULL && isatty(STDIN_FILENO) == 0) {
        return cli_trouble(c, "--token - is missing: it reads the token from standard input");
    }
    bool got = given != NULL ? read_line(line) : ask_token(line);
    bool good = got && cloud_token_ok(line);
    k->token = good ? strdup(line) : NULL;
    mse_wipe(line, sizeof line);
    if (!good) {
        (void)cli_trouble(c, "what was given is no token");
        cli_hint(c, "it is one line, for instance mset_ and 43 characters: the operator makes it "
                    "(msed token create USER)");
        return CLI_TROUBLE;
    }
    return k->token != NULL ? CLI_DONE : cli_trouble(c, "out of memory");
}

/* ---- the operator ---- */

/* --url, MSE_BASE_URL, else the one of before. */
static enum cli_exit choose_url(struct cloud *k)
{
    const char *given = cli_value(k->c, "url");
    const char *text = given != NULL ? given : cli_environment("MSE_BASE_URL");
    char *before = text == NULL ? cloud_last_url() : NULL;
    enum cli_exit e = CLI_TROUBLE;
    text = text == NULL ? before : text;
    if (text == NULL) {
        (void)cli_trouble(k->c, "which operator? --url is missing");
        cli_hint(k->c, "mse cloud login --url https://OPERATOR --token -");
    } else {
        e = cloud_url_check(&k->url, k->c, text);
    }
    free(before);
    return e;
}

/* A copy of the CA is kept: the file of the user's may go away. */
static enum cli_exit take_ca(struct cloud *k, struct cli_file *pem)
{
    struct mse_error err = { 0 };
    const char *path = cli_value(k->c, "cacert");
    if (path == NULL) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(pem, path, MAX_PEM, &err);
    if (st != MSE_OK) {
        return cli_failed(k->c, st, &err);
    }
    if (mse_bytes_find(cli_file_view(pem), mse_bytes_str("-----BEGIN CERTIFICATE-----")) ==
        SIZE_MAX) {
        return cli_trouble(k->c, "--cacert %s: no certificate in PEM", path);
    }
    k->ca_file = strdup(path);
    return k->ca_file != NULL ? CLI_DONE : cli_trouble(k->c, "out of memory");
}

static enum cli_exit keep_ca(struct cloud *k, const struct cli_file *pem)
{
    struct mse_error err = { 0 };
    char *path = cloud_ca_path();
    if (pem->len == 0) {
        free(path);
        return CLI_DONE;
    }
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_make_parents(path, &err);
    st = st == MSE_OK ? cli_file_write(path, cli_file_view(pem), 0600, &err) : st;
    free(path);
    return st == MSE_OK ? CLI_DONE : cli_failed(k->c, st, &err);
}

static enum cli_exit take_domains(struct cloud *k, const json_t *v)
{
    char domain[CLOUD_HOST_LEN];
    char dev[CLOUD_HOST_LEN];
    enum cli_exit e = CLI_DONE;
    if (!cloud_text(domain, sizeof domain, v, "domain", true) || !cloud_domain_ok(domain) ||
        !cloud_text(dev, sizeof dev, v, "dev_domain", true) || !cloud_domain_ok(dev)) {
        e = cloud_nonsense(k, "its domains", "they are none that apps may have names below");
    } else {
        k->domain = strdup(domain);
        k->dev_domain = strdup(dev);
        e = k->domain != NULL && k->dev_domain != NULL ? CLI_DONE
                                                       : cli_trouble(k->c, "out of memory");
    }
    return e;
}

/* What the operator says of itself, and then a token: by its issuer, if it has one and the user
 * brings none. */
static enum cli_exit meet(struct cloud *k)
{
    json_t *v = NULL;
    enum cli_exit e = cli_has(k->c, "token") ? read_token(k) : CLI_DONE;
    e = e == CLI_DONE ? cloud_get(k, &v, "/version") : e;
    e = e == CLI_DONE ? take_domains(k, v) : e;
    if (e == CLI_DONE && k->token == NULL) {
        const json_t *issuer = json_object_get(v, "oidc");
        e = issuer == NULL ? read_token(k) : cloud_login_issuer(k, issuer);
    }
    json_decref(v);
    return e;
}

/* ---- who ---- */

struct me {
    char id[CLOUD_ID_LEN];
    char name[CLOUD_NAME_LEN];
    char given_name[CLOUD_NAME_LEN];
    char email[CLOUD_TEXT_LEN];
};

static enum cli_exit whoami(struct cloud *k, struct me *me)
{
    json_t *v = NULL;
    enum cli_exit e = cloud_get(k, &v, "/users/me");
    if (e != CLI_DONE) {
        return e;
    }
    if (!cloud_text(me->id, sizeof me->id, v, "id", true) ||
        !cloud_text(me->email, sizeof me->email, v, "email", false) ||
        !cloud_text(me->given_name, sizeof me->given_name, v, "given_name", false) ||
        !cloud_text(me->name, sizeof me->name, v, "name", false)) {
        e = cloud_nonsense(k, "your account", "a member is missing, or none");
    }
    json_decref(v);
    return e;
}

static void say_who(const struct cloud *k, const struct me *me, const char *what)
{
    const char *name = me->name[0] != '\0' ? me->name : me->email[0] != '\0' ? me->email : me->id;
    if (k->c->json) {
        cli_json(k->c, json_pack("{s:s, s:s, s:s, s:s, s:s}", "url", k->url, "id", me->id, "name",
                                 me->name, "email", me->email, "domain", k->domain));
        return;
    }
    cli_say(k->c, "%s %s as %s", what, k->url, name);
    if (k->c->verbose) {
        cli_say(k->c, "Apps get names below %s", k->domain);
    }
}

static enum cli_exit log_in(struct cloud *k)
{
    struct cli_file pem = { 0 };
    struct me me;
    enum cli_exit e = choose_url(k);
    e = e == CLI_DONE ? take_ca(k, &pem) : e;
    e = e == CLI_DONE ? meet(k) : e;
    e = e == CLI_DONE ? whoami(k, &me) : e;
    e = e == CLI_DONE ? keep_ca(k, &pem) : e;
    e = e == CLI_DONE ? cloud_save(k) : e;
    if (e == CLI_DONE) {
        say_who(k, &me, "Logged in to");
    }
    cli_file_clear(&pem);
    return e;
}

enum cli_exit cmd_cloud_login(struct cli *c)
{
    struct cloud k = { .c = c };
    struct me me;
    enum cli_exit e = CLI_DONE;
    if (cli_has(c, "whoami")) {
        e = cloud_open(&k, c);
        e = e == CLI_DONE ? whoami(&k, &me) : e;
        if (e == CLI_DONE) {
            say_who(&k, &me, "Logged in to");
        }
    } else {
        e = log_in(&k);
    }
    cloud_close(&k);
    return e;
}

enum cli_exit cmd_cloud_logout(struct cli *c)
{
    char *path = cli_conf_path(CLOUD_LOGIN);
    char *ca = cloud_ca_path();
    enum cli_exit e = CLI_DONE;
    bool gone = path != NULL && (unlink(path) == 0 || errno == ENOENT);
    if (!gone) {
        e = cli_trouble(c, "login.toml cannot be removed: %s", strerror(errno));
    } else {
        (void)(ca != NULL && unlink(ca) == 0);
        cli_say(c,
                "Logged out: the token is gone from here, and works until it ends or is revoked");
        if (c->json) {
            cli_json(c, json_pack("{s:b}", "logged_out", 1));
        }
    }
    free(path);
    free(ca);
    return e;
}
