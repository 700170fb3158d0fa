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

#define SECRET_LEN  44 /* 32 bytes in base64url, and NUL */
#define URI_LEN     48
#define MAX_URL     ((size_t)4096)
#define MAX_FORM    ((size_t)16384)
#define MAX_REPLY   ((size_t)64 * 1024)
#define MAX_TOKEN   ((size_t)16 * 1024)
#define FOR_SECONDS 300

struct login {
    const struct cli *c;
    const struct login_oidc *o;
    struct mse_http *http;
    struct cli_issuer issuer;
    int listener;
    char redirect_uri[URI_LEN];
    char state[SECRET_LEN];
    char nonce[SECRET_LEN];
    char verifier[SECRET_LEN];
    char code[LOGIN_CODE_LEN];
};

/* spec: RFC 3986 §2.3: what is not unreserved is encoded. */
static void put_encoded(struct mse_build *b, const char *s)
{
    for (; *s != '\0'; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9') || strchr("-._~", *s) != NULL;
        if (plain) {
            mse_wr_u8(b, (uint8_t)*s);
        } else {
            mse_wr_printf(b, "%%%02X", (unsigned)(uint8_t)*s);
        }
    }
}

static void put_field(struct mse_build *b, const char *name, const char *value)
{
    mse_wr_str(b, name);
    put_encoded(b, value);
}

static bool make_secret(char out[SECRET_LEN])
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
    if (!make_secret(l->state) || !make_secret(l->nonce) || !make_secret(l->verifier)) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "login", "no random bytes");
    }
    return MSE_OK;
}

/* spec: OpenID Connect Core 1.0, 3.1.2.1 */
static mse_status make_url(const struct login *l, struct mse_build *b, struct mse_error *err)
{
    uint8_t hash[32];
    char challenge[SECRET_LEN];
    if (mse_sha256(hash, mse_bytes_str(l->verifier)) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "login", "no SHA-256");
    }
    mse_base64url_encode(challenge, mse_bytes_of(hash, sizeof hash));
    mse_wr_str(b, l->issuer.authorization_endpoint);
    mse_wr_str(b, strchr(l->issuer.authorization_endpoint, '?') == NULL ? "?" : "&");
    put_field(b, "response_type=code&client_id=", l->o->client_id);
    put_field(b, "&redirect_uri=", l->redirect_uri);
    put_field(b, "&scope=", l->o->scopes);
    put_field(b, "&state=", l->state);
    put_field(b, "&nonce=", l->nonce);
    put_field(b, "&code_challenge_method=S256&code_challenge=", challenge);
    return mse_build_cstr(b) != NULL
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NO_SPACE, "login", "the page's address gets too long");
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
    const struct login_expect want = { .state = l->state, .issuer = l->o->issuer };
    struct mse_build url;
    mse_build_heap(&url, MAX_URL);
    mse_status st = make_url(l, &url, err);
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

/* What the issuer says to a code that it does not take, for people. */
static mse_status refused(long status, const json_t *answer, struct mse_error *err)
{
    char text[2][161] = { "", "" };
    static const char *const names[2] = { "error", "error_description" };
    for (size_t i = 0; i < 2; i++) {
        const char *said = json_string_value(json_object_get(answer, names[i]));
        (void)snprintf(text[i], sizeof text[i], "%.160s", said == NULL ? "" : said);
        mse_utf8_printable(text[i]);
    }
    return MSE_FAIL(
        err, MSE_ERR_PEER_REFUSED, "login", "the issuer gives no token: HTTP status %ld%s%s%s%s",
        status, text[0][0] == '\0' ? "" : ", ", text[0], text[1][0] == '\0' ? "" : ": ", text[1]);
}

static bool is_token(const char *s)
{
    size_t len = strnlen(s, MAX_TOKEN + 1);
    return len > 0 && len <= MAX_TOKEN &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static mse_status take_token(char **out, const struct mse_http_reply *reply, struct mse_error *err)
{
    struct mse_bytes body = mse_build_view(&reply->body);
    json_t *answer =
        body.len == 0 ? NULL
                      : json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *token = json_string_value(json_object_get(answer, "id_token"));
    mse_status st = MSE_OK;
    if (reply->status != 200) {
        st = refused(reply->status, answer, err);
    } else if (token == NULL || !is_token(token)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, "login", "the issuer's answer has no ID token");
    } else {
        *out = strdup(token);
        st = *out != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "login", "out of memory");
    }
    json_decref(answer);
    return st;
}

/* spec: RFC 6749 §4.1.3, RFC 7636 §4.5. */
static mse_status exchange(const struct login *l, char **out, struct mse_error *err)
{
    struct mse_http_reply reply = { 0 };
    struct mse_error why = { 0 };
    struct mse_build form;
    mse_build_heap(&form, MAX_FORM);
    put_field(&form, "grant_type=authorization_code&code=", l->code);
    put_field(&form, "&redirect_uri=", l->redirect_uri);
    put_field(&form, "&client_id=", l->o->client_id);
    put_field(&form, "&code_verifier=", l->verifier);
    const struct mse_http_piece body = { .bytes = mse_build_view(&form) };
    const struct mse_http_request r = {
        .url = l->issuer.token_endpoint,
        .headers = { "Content-Type: application/x-www-form-urlencoded",
                     "Accept: application/json" },
        .stay = true,
        .proxy = cli_url_proxy(l->issuer.token_endpoint),
        .pieces = &body,
        .num_pieces = 1,
        .max_body = MAX_REPLY,
        .connect_ms = CLI_ISSUER_CONNECT_MS,
        .total_ms = CLI_ISSUER_TOTAL_MS,
    };
    mse_status st =
        mse_build_ok(&form) ? mse_http_ask(&reply, l->http, &r, &why) : MSE_ERR_NO_SPACE;
    st = st == MSE_OK ? take_token(out, &reply, err)
                      : MSE_FAIL(err, st, "login", "%.160s: %.160s", r.url, why.text);
    mse_http_reply_clear(&reply);
    mse_build_clear(&form);
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
        st = exchange(l, &out->id_token, err);
    }
    if (st == MSE_OK) {
        memcpy(out->nonce, l->nonce, sizeof out->nonce);
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
