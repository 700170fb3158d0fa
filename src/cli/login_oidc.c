/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/login_oidc.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/login_redirect.h"
#include "cmd/files.h"
#include "cmd/issuer.h"
#include "cmd/listen.h"
#include "crypto/digest.h"
#include "http/http.h"

#define URI_LEN     48
#define MAX_URL     ((size_t)4096)
#define FOR_SECONDS 300

struct login {
    const struct cli *c;
    const struct login_oidc *o;
    struct mse_http *http;
    struct cli_issuer issuer;
    int listener;
    char redirect_uri[URI_LEN];
    struct cli_flow flow;
    char code[LOGIN_CODE_LEN];
};

static bool make_secret(char out[CLI_FLOW_SECRET_LEN])
{
    uint8_t raw[32];
    bool good = mse_random(raw, sizeof raw) == MSE_OK;
    mse_base64url_encode(out, mse_bytes_of(raw, sizeof raw));
    mse_wipe(raw, sizeof raw);
    return good;
}

static mse_status prepare(struct login *l, struct mse_error *err)
{
    char where[32];
    char why[128];
    uint16_t port = 0;
    (void)snprintf(where, sizeof where, "127.0.0.1:%u", (unsigned)l->o->redirect_port);
    if (!cli_listen(&l->listener, &port, where, why, sizeof why)) {
        return MSE_FAIL(err, MSE_ERR_IO, "login", "%s, where the browser is to come back to: %s",
                        where, why);
    }
    (void)snprintf(l->redirect_uri, sizeof l->redirect_uri, "http://127.0.0.1:%u" LOGIN_PATH,
                   (unsigned)port);
    l->flow = (struct cli_flow) { .issuer = l->o->issuer,
                                  .client_id = l->o->client_id,
                                  .scopes = l->o->scopes,
                                  .redirect_uri = l->redirect_uri };
    if (!make_secret(l->flow.state) || !make_secret(l->flow.nonce) ||
        !make_secret(l->flow.verifier)) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "login", "no random bytes");
    }
    return MSE_OK;
}

/* A browser that outlives this program; whether one came up, only the user sees. */
static void open_browser(const char *url)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    const char *const words[] = { "xdg-open", url, NULL };
    char *argv[MSE_ARRAY_LEN(words)];
    memcpy(argv, words, sizeof argv); /* posix_spawnp takes no const; it changes nothing */
    if (cli_environment("DISPLAY") == NULL && cli_environment("WAYLAND_DISPLAY") == NULL) {
        return;
    }
    if (posix_spawn_file_actions_init(&files) != 0) {
        return;
    }
    if (posix_spawnattr_init(&attributes) == 0) {
        bool ready = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID) == 0;
        for (int fd = STDIN_FILENO; ready && fd <= STDERR_FILENO; fd++) {
            ready = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0) == 0;
        }
        if (ready) {
            (void)posix_spawnp(&pid, argv[0], &files, &attributes, argv, environ);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
}

static mse_status ask_user(struct login *l, struct mse_error *err)
{
    const struct login_expect want = { .state = l->flow.state, .issuer = l->o->issuer };
    struct mse_build url;
    mse_build_heap(&url, MAX_URL);
    mse_status st = cli_flow_url(&url, l->issuer.authorization_endpoint, &l->flow, err);
    if (st == MSE_OK) {
        const char *text = mse_build_cstr(&url);
        cli_hint(l->c, "log in at %s, on this machine, within %u s:", l->o->issuer, l->o->seconds);
        (void)fprintf(stderr, "%s\n", text);
        (void)fflush(stderr);
        if (!l->o->no_browser) {
            open_browser(text);
        }
        st = login_wait(l->code, l->listener, l->o->seconds, &want, err);
    }
    mse_build_clear(&url);
    return st;
}

static mse_status run(struct login *l, struct login_oidc_token *out, struct mse_error *err)
{
    mse_status st = mse_http_new(&l->http, err);
    if (st == MSE_OK) {
        st = cli_issuer_fetch(&l->issuer, l->http, l->o->issuer, err);
    }
    if (st == MSE_OK) {
        st = prepare(l, err);
    }
    if (st == MSE_OK) {
        st = ask_user(l, err);
    }
    if (st == MSE_OK) {
        st = cli_flow_exchange(&out->id_token, l->http, l->issuer.token_endpoint, &l->flow, l->code,
                               err);
    }
    if (st == MSE_OK) {
        memcpy(out->nonce, l->flow.nonce, sizeof out->nonce);
    }
    return st;
}

enum cli_exit login_oidc(const struct cli *c, const struct login_oidc *o,
                         struct login_oidc_token *out)
{
    struct login_oidc asked = *o;
    struct mse_error err = { 0 };
    struct login l = { .c = c, .o = &asked, .listener = -1 };
    asked.seconds = o->seconds == 0 ? FOR_SECONDS : o->seconds;
    mse_status st = run(&l, out, &err);
    if (l.listener >= 0) {
        (void)close(l.listener);
    }
    mse_http_free(l.http);
    mse_wipe(&l, sizeof l);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

void login_oidc_clear(struct login_oidc_token *t)
{
    if (t->id_token != NULL) {
        mse_wipe(t->id_token, strlen(t->id_token));
        free(t->id_token);
        t->id_token = NULL;
    }
    mse_wipe(t->nonce, sizeof t->nonce);
}
