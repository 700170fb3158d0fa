/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cloud.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "conf/reader.h"
#include "package/rules.h"

#define CONNECT_MS   10000U
#define TOTAL_MS     60000U
#define STALL_S      60U
#define MAX_PATH     2048
#define AGAIN_MS     200
#define AGAIN_MAX_MS 3200
#define MAX_TOKEN    4096
#define CA_FILE      "api-ca.pem"

/* ---- login.toml ---- */

struct login {
    char *url;
    char *token;
    char *domain;
    char *dev_domain;
    bool own_ca;
};
#define KEY(n, k, must)                                                                            \
    {                                                                                              \
#n, (k), (must), offsetof(struct login, n), 1, 0, NULL                                     \
    }
static const struct mse_conf_key login_keys[] = {
    KEY(url, MSE_CONF_STRING, true),    KEY(token, MSE_CONF_STRING, true),
    KEY(domain, MSE_CONF_STRING, true), KEY(dev_domain, MSE_CONF_STRING, true),
    KEY(own_ca, MSE_CONF_BOOL, false),  { NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL },
};

char *cloud_ca_path(void)
{
    return cli_conf_path(CA_FILE);
}

bool cloud_token_ok(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= MAX_TOKEN &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+/=-") ==
               len;
}

static char *steal(char **s)
{
    char *p = *s;
    *s = NULL;
    return p;
}

static mse_status parse_login(struct cloud *k, const char *path, struct mse_bytes text,
                              struct mse_error *err)
{
    struct mse_conf_file f = { 0 };
    struct login l = { .url = NULL };
    mse_status st = mse_conf_open(&f, path, text, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_conf_read(&l, &f, login_keys, err);
    if (st == MSE_OK && !cloud_token_ok(l.token)) {
        st = mse_conf_fail(&f, mse_conf_line_of(&f, "token"), err, "token is none");
    }
    if (st == MSE_OK && (!cloud_domain_ok(l.domain) || !cloud_domain_ok(l.dev_domain))) {
        st = mse_conf_fail(&f, mse_conf_line_of(&f, "domain"), err, "domain is none for apps");
    }
    if (st == MSE_OK) {
        k->url = steal(&l.url);
        k->token = steal(&l.token);
        k->domain = steal(&l.domain);
        k->dev_domain = steal(&l.dev_domain);
        k->ca_file = l.own_ca ? cloud_ca_path() : NULL;
    }
    if (l.token != NULL) {
        mse_wipe(l.token, strlen(l.token));
    }
    mse_conf_close(&f);
    mse_conf_clear(&l, login_keys);
    return st;
}

static enum cli_exit read_login(struct cloud *k)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    char *path = cli_conf_path(CLOUD_LOGIN);
    char *url = NULL;
    if (path == NULL) {
        return cli_trouble(k->c, "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    mse_status st = cli_file_read(&f, path, MSE_CONF_MAX_LEN, &err);
    enum cli_exit e = CLI_DONE;
    if (st == MSE_ERR_NOT_FOUND) {
        e = cli_trouble(k->c, "you are not logged in to an operator");
        cli_hint(k->c, "mse cloud login --url https://OPERATOR --token -");
    } else {
        st = st == MSE_OK ? parse_login(k, path, cli_file_view(&f), &err) : st;
        e = st == MSE_OK ? cloud_url_check(&url, k->c, k->url) : cli_failed(k->c, st, &err);
    }
    free(url);
    cli_file_wipe(&f);
    free(path);
    return e;
}

char *cloud_last_url(void)
{
    struct cloud k = { .c = NULL };
    struct cli_file f = { 0 };
    char *url = NULL;
    char *path = cli_conf_path(CLOUD_LOGIN);
    if (path != NULL && cli_file_read(&f, path, MSE_CONF_MAX_LEN, NULL) == MSE_OK &&
        parse_login(&k, path, cli_file_view(&f), NULL) == MSE_OK) {
        url = steal(&k.url);
    }
    cloud_close(&k);
    cli_file_wipe(&f);
    free(path);
    return url;
}

enum cli_exit cloud_open(struct cloud *k, const struct cli *c)
{
    *k = (struct cloud) { .c = c };
    return read_login(k);
}

void cloud_close(struct cloud *k)
{
    if (k->token != NULL) {
        mse_wipe(k->token, strlen(k->token));
    }
    mse_http_free(k->http);
    free(k->url);
    free(k->token);
    free(k->ca_file);
    free(k->domain);
    free(k->dev_domain);
    *k = (struct cloud) { .c = k->c };
}

/* No value of these has a character that TOML would want escaped: they were checked. */
enum cli_exit cloud_save(const struct cloud *k)
{
    struct mse_error err = { 0 };
    struct mse_build text;
    char *path = cli_conf_path(CLOUD_LOGIN);
    mse_build_heap(&text, (size_t)64 * 1024);
    mse_wr_printf(&text,
                  "# Written by mse cloud login. Whoever has the token may do what you may.\n"
                  "url = \"%s\"\ntoken = \"%s\"\ndomain = \"%s\"\ndev_domain = \"%s\"\n",
                  k->url, k->token, k->domain, k->dev_domain);
    if (k->ca_file != NULL) {
        mse_wr_str(&text, "own_ca = true\n");
    }
    mse_status st = path == NULL || !mse_build_ok(&text) ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? cli_make_parents(path, &err) : st;
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), 0600, &err) : st;
    free(path);
    if (text.data != NULL) {
        mse_wipe(text.data, text.len);
    }
    mse_build_clear(&text);
    return st == MSE_OK ? CLI_DONE : cli_failed(k->c, st, &err);
}

/* ---- the URL ---- */

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    size_t len = strlen(host);
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return strcmp(host, "[::1]") == 0 || strcmp(host, "localhost") == 0 ||
           (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;
    char bare[64];
    size_t len = strlen(host);
    if (host[0] == '[') {
        if (len <= 2 || len - 2 >= sizeof bare || host[len - 1] != ']') {
            return false;
        }
        memcpy(bare, host + 1, len - 2);
        bare[len - 2] = '\0';
        return inet_pton(AF_INET6, bare, &v6) == 1;
    }
    return inet_pton(AF_INET, host, &v4) == 1 || mse_rule_host(host);
}

static bool split_url(char host[CLOUD_HOST_LEN], uint64_t *port, const char *rest)
{
    size_t len = rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
    *port = 0;
    if (len >= CLOUD_HOST_LEN || len > strlen(rest)) {
        return false;
    }
    (void)snprintf(host, CLOUD_HOST_LEN, "%.*s", (int)len, rest);
    rest += len;
    if (*rest == ':') {
        size_t digits = strcspn(rest + 1, "/");
        if (!mse_u64_parse(port, mse_bytes_of(rest + 1, digits), 65535) || *port == 0) {
            return false;
        }
        rest += 1 + digits;
    }
    return is_host(host) && (*rest == '\0' || strcmp(rest, "/") == 0);
}

enum cli_exit cloud_url_check(char **out, const struct cli *c, const char *text)
{
    static const char tls[] = "https://";
    static const char bare[] = "http://";
    char host[CLOUD_HOST_LEN];
    uint64_t port = 0;
    bool with_tls = strncmp(text, tls, sizeof tls - 1) == 0;
    bool without = strncmp(text, bare, sizeof bare - 1) == 0;
    const char *scheme = with_tls ? tls : bare;
    if ((!with_tls && !without) || !split_url(host, &port, text + strlen(scheme))) {
        (void)cli_trouble(c, "%s is no URL of an operator", text);
        cli_hint(c, "wanted https://HOST or https://HOST:PORT, in lower case, with nothing behind");
        return CLI_TROUBLE;
    }
    if (without && !is_loopback(host)) {
        (void)cli_trouble(c, "%s would send the token in the clear", text);
        cli_hint(c, "https:// is needed, but for this machine itself (127.0.0.1, localhost)");
        return CLI_TROUBLE;
    }
    int n = port == 0 ? asprintf(out, "%s%s", scheme, host)
                      : asprintf(out, "%s%s:%u", scheme, host, (unsigned)port);
    if (n < 0) {
        *out = NULL;
        return cli_trouble(c, "out of memory");
    }
    return CLI_DONE;
}

/* ---- requests ---- */

static bool here(const char *url)
{
    return strncmp(url, "http://", 7) == 0;
}

static enum cli_exit unreachable(const struct cloud *k, mse_status st,
                                 const struct mse_http_reply *r, const struct mse_error *err)
{
    const char *why = err->text[0] != '\0' ? err->text : mse_status_text(st);
    if (k->quiet || (k->cancelled != NULL && k->cancelled(NULL))) {
        return CLI_TROUBLE;
    }
    if (st == MSE_ERR_UNSUPPORTED || st == MSE_ERR_MEMORY) {
        return cli_failed(k->c, st, err);
    }
    if (st == MSE_ERR_NO_SPACE) {
        return cloud_nonsense(k, "its answer", "it is longer than any answer may be");
    }
    (void)cli_trouble(k->c, "the operator at %s cannot be asked: %s", k->url, why);
    if (r->untrusted) {
        cli_hint(k->c, "a certificate of the operator's own CA: get the CA's in a way that you "
                       "trust, then mse cloud login --cacert PEM");
    } else if (st == MSE_ERR_TIMEOUT) {
        cli_hint(k->c, "it may have trouble just now: try again");
    } else {
        cli_hint(k->c, "does it run, and is the URL right? mse cloud login --url URL changes it");
    }
    return CLI_TROUBLE;
}

/* What RFC 9457 has, in one line. */
static void read_problem(struct cloud_answer *a)
{
    if (!cloud_text(a->detail, sizeof a->detail, a->body, "detail", true) &&
        !cloud_text(a->detail, sizeof a->detail, a->body, "title", true)) {
        a->detail[0] = '\0';
    }
    (void)cloud_text(a->hint, sizeof a->hint, a->body, "hint", false);
}

static void take_answer(struct cloud_answer *out, const struct mse_http_reply *r)
{
    struct mse_bytes body = mse_build_view(&r->body);
    struct mse_bytes to = mse_build_view(&r->header);
    out->status = r->status;
    if (body.len > 0) {
        out->body = json_loadb((const char *)body.data, body.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    }
    if (r->has_header) {
        size_t len = to.len < sizeof out->location ? to.len : sizeof out->location - 1;
        memcpy(out->location, to.data, len);
        out->location[len] = '\0';
        mse_utf8_printable(out->location);
    }
    if (r->status < 200 || r->status > 299) {
        read_problem(out);
    }
}

static mse_status perform(struct cloud *k, const struct cloud_ask *q, struct mse_http_reply *reply,
                          struct mse_error *err)
{
    char bearer[MAX_TOKEN + 32];
    char url[MAX_PATH + CLOUD_HOST_LEN + 32];
    char *text = q->json == NULL ? NULL : json_dumps(q->json, JSON_COMPACT);
    const struct mse_http_piece piece = { .bytes = mse_bytes_str(text == NULL ? "" : text) };
    bool body = text != NULL || q->num_pieces > 0;
    struct mse_http_request r = {
        .url = url,
        .method = q->method,
        .stay = true,
        .once = body && !q->again,
        .pieces = text != NULL ? &piece : q->pieces,
        .num_pieces = text != NULL ? 1 : q->num_pieces,
        .ca_file = k->ca_file,
        .proxy = here(k->url) ? "" : NULL,
        .want_header = { "Location", NULL },
        .max_body = CLOUD_MAX_REPLY,
        .connect_ms = CONNECT_MS,
        .total_ms = q->num_pieces > 0 || q->take != NULL ? 0 : TOTAL_MS,
        .stall_s = q->take != NULL ? 0 : STALL_S,
        .progress = q->progress,
        .cancelled = k->cancelled,
        .take = q->take,
        .user = q->user,
    };
    size_t num = 0;
    r.headers[num++] = "Accept: application/json";
    if (k->token != NULL) {
        (void)snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", k->token);
        r.headers[num++] = bearer;
    }
    if (body) {
        r.headers[num++] = text != NULL ? "Content-Type: application/json" : q->content_type;
    }
    (void)snprintf(url, sizeof url, "%s%s", k->url, q->path);
    mse_status st = k->http == NULL ? mse_http_new(&k->http, err) : MSE_OK;
    st = st == MSE_OK ? mse_http_ask(reply, k->http, &r, err) : st;
    mse_wipe(bearer, sizeof bearer);
    free(text);
    return st;
}

/* An API that dies takes its connections with it; another one answers, or the same one soon. */
static bool is_away(mse_status st, const struct mse_http_reply *r)
{
    return st == MSE_ERR_IO || st == MSE_ERR_TIMEOUT || (st == MSE_ERR_PROTOCOL && !r->untrusted) ||
           (st == MSE_OK && r->status >= 502 && r->status <= 504);
}

static mse_status perform_patiently(struct cloud *k, const struct cloud_ask *q,
                                    struct mse_http_reply *reply, struct mse_error *err)
{
    bool may = q->again || (q->method == NULL && q->json == NULL && q->num_pieces == 0);
    mse_time until = (mse_time)time(NULL) + (mse_time)k->patience_s;
    mse_status st = perform(k, q, reply, err);
    for (int wait_ms = AGAIN_MS; may && is_away(st, reply) && (mse_time)time(NULL) < until;
         wait_ms = wait_ms < AGAIN_MAX_MS ? 2 * wait_ms : wait_ms) {
        (void)poll(NULL, 0, wait_ms);
        if (k->cancelled != NULL && k->cancelled(NULL)) {
            break;
        }
        mse_http_reply_clear(reply);
        *reply = (struct mse_http_reply) { .status = 0 };
        *err = (struct mse_error) { .status = MSE_OK };
        st = perform(k, q, reply, err);
    }
    return st;
}

/* Why there is no answer, for whoever says it. */
static void hush(struct cloud *k, mse_status st, const struct mse_http_reply *r,
                 const struct mse_error *err)
{
    struct cloud_answer a = { .status = 0 };
    if (st != MSE_OK) {
        (void)snprintf(k->why, sizeof k->why, "%.*s", CLOUD_TEXT_LEN - 1,
                       err->text[0] != '\0' ? err->text : mse_status_text(st));
        return;
    }
    take_answer(&a, r);
    (void)snprintf(k->why, sizeof k->why, "%.*s (%ld)", CLOUD_TEXT_LEN - 32, a.detail, a.status);
    cloud_answer_clear(&a);
}

enum cli_exit cloud_ask(struct cloud *k, const struct cloud_ask *q, struct cloud_answer *out)
{
    struct mse_error err = { 0 };
    struct mse_http_reply reply = { .status = 0 };
    *out = (struct cloud_answer) { .status = 0 };
    mse_status st = perform_patiently(k, q, &reply, &err);
    enum cli_exit e = CLI_DONE;
    k->why[0] = '\0';
    if (q->hush && is_away(st, &reply)) {
        e = CLI_TROUBLE;
        hush(k, st, &reply, &err);
    } else if (st != MSE_OK) {
        e = unreachable(k, st, &reply, &err);
    } else {
        take_answer(out, &reply);
        bool good = out->status >= 200 && out->status <= 299;
        if (good && out->body == NULL && q->take == NULL && out->status != 204 && !k->quiet) {
            e = cloud_nonsense(k, "its answer", "it is no JSON");
        }
    }
    mse_http_reply_clear(&reply);
    if (e != CLI_DONE) {
        cloud_answer_clear(out);
    }
    return e;
}

void cloud_answer_clear(struct cloud_answer *a)
{
    json_decref(a->body);
    *a = (struct cloud_answer) { .status = 0 };
}

enum cli_exit cloud_nonsense(const struct cloud *k, const char *what, const char *why)
{
    (void)cli_trouble(k->c, "the operator at %s speaks another language: %s: %s", k->url, what,
                      why);
    cli_hint(k->c,
             "is this the address of an operator's API? mse cloud login --url URL changes it");
    return CLI_TROUBLE;
}

static void advise(const struct cloud *k, const struct cloud_answer *a)
{
    if (a->hint[0] != '\0') {
        cli_hint(k->c, "the operator says: %s", a->hint);
    } else if (a->status == 401) {
        cli_hint(k->c, "tokens end and are revoked: get another one, then mse cloud login");
    } else if (a->status == 403) {
        cli_hint(k->c, "this token may not do that: ask the operator for one that may, then mse "
                       "cloud login");
    } else if (a->status == 429 || a->status >= 500) {
        cli_hint(k->c, "it may have trouble just now: try again");
    }
}

enum cli_exit cloud_refused(const struct cloud *k, const struct cloud_answer *a)
{
    if (a->status >= 300 && a->status <= 399) {
        (void)cli_trouble(k->c, "the operator at %s sends on to %s, for which the token is not",
                          k->url, a->location[0] == '\0' ? "nowhere" : a->location);
        cli_hint(k->c, "mse cloud login --url URL, if that is whom you want to give it to");
        return CLI_TROUBLE;
    }
    if (a->status == 401) {
        (void)cli_trouble(k->c, "the operator at %s does not take the token%s%s", k->url,
                          a->detail[0] == '\0' ? "" : ": ", a->detail);
    } else {
        (void)cli_trouble(k->c, "the operator at %s refused: %s (%ld)", k->url,
                          a->detail[0] == '\0' ? "no reason given" : a->detail, a->status);
    }
    advise(k, a);
    return CLI_TROUBLE;
}

enum cli_exit cloud_get(struct cloud *k, json_t **out, const char *fmt, ...)
{
    char path[MAX_PATH];
    struct cloud_answer a;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(path, sizeof path, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof path) {
        return cli_trouble(k->c, "a name is too long");
    }
    enum cli_exit e = cloud_ask(k, &(struct cloud_ask) { .path = path }, &a);
    if (e != CLI_DONE) {
        return e;
    }
    if (a.status < 200 || a.status > 299) {
        e = cloud_refused(k, &a);
    } else {
        *out = json_incref(a.body);
    }
    cloud_answer_clear(&a);
    return e;
}

/* ---- values ---- */

bool cloud_text(char *out, size_t cap, const json_t *v, const char *key, bool needed)
{
    const json_t *m = json_object_get(v, key);
    const char *text = json_string_value(m);
    size_t len = json_string_length(m);
    out[0] = '\0';
    if (text == NULL) {
        return !needed && (m == NULL || json_is_null(m));
    }
    if (len >= cap || strlen(text) != len) {
        return false;
    }
    memcpy(out, text, len + 1);
    mse_utf8_printable(out);
    return !needed || len > 0;
}

void cloud_query(char *out, size_t cap, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t at = 0;
    for (const char *p = value; *p != '\0' && at + 4 < cap; p++) {
        if (strchr(plain, *p) != NULL) {
            out[at++] = *p;
        } else {
            at += (size_t)snprintf(out + at, cap - at, "%%%02X", (unsigned)(uint8_t)*p);
        }
    }
    out[at] = '\0';
}
