/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http.h"

#include <dlfcn.h>
#include <strings.h>
#include <unistd.h>

/* The macros that check types call curl_easy_setopt by its name, which is not linked. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

#define LIBRARY     "libcurl.so.4"
#define OLDEST      0x075500 /* 7.85: CURLOPT_PROTOCOLS_STR */
#define MAX_HEADERS ((size_t)256 * 1024)
#define MAX_VALUE   ((size_t)128 * 1024) /* percent-encoded */

/* What is used of libcurl, with the types of its header. */
struct curl_table {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_version_info) version_info;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_reset) easy_reset;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_easy_perform) easy_perform;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
};

struct mse_http {
    struct curl_table curl;
    CURL *easy;
};

/* One transfer, for the callbacks. */
struct transfer {
    const struct mse_http_request *request;
    struct mse_http_reply *reply;
    size_t headers; /* bytes so far */
    bool good;      /* the answer is 2xx */
    bool too_much;
    bool twice; /* the wanted header */
    uint64_t body_len;
    size_t piece; /* of the body, the one that is being sent, and where in it */
    uint64_t at;
};

static bool find(void *library, const char *name, void *slot)
{
    void *symbol = dlsym(library, name);
    memcpy(slot, &symbol, sizeof symbol); /* ISO C has no cast from object to function */
    return symbol != NULL;
}

static bool find_all(struct curl_table *t, void *library)
{
    return find(library, "curl_global_init", &t->global_init) &&
           find(library, "curl_version_info", &t->version_info) &&
           find(library, "curl_easy_init", &t->easy_init) &&
           find(library, "curl_easy_cleanup", &t->easy_cleanup) &&
           find(library, "curl_easy_reset", &t->easy_reset) &&
           find(library, "curl_easy_setopt", &t->easy_setopt) &&
           find(library, "curl_easy_getinfo", &t->easy_getinfo) &&
           find(library, "curl_easy_perform", &t->easy_perform) &&
           find(library, "curl_easy_strerror", &t->easy_strerror) &&
           find(library, "curl_slist_append", &t->slist_append) &&
           find(library, "curl_slist_free_all", &t->slist_free_all);
}

static mse_status load(struct mse_http *h, struct mse_error *err)
{
    /* Never closed: libcurl and what it loads register handlers for the end of the process. */
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || !find_all(&h->curl, library)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "libcurl",
                        LIBRARY " is needed to fetch, and is not installed or incomplete");
    }
    const curl_version_info_data *v = h->curl.version_info(CURLVERSION_NOW);
    if (v->version_num < OLDEST) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "libcurl", "version %s, wanted 7.85 or later",
                        v->version);
    }
    if (h->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "libcurl", "it does not start");
    }
    h->easy = h->curl.easy_init();
    return h->easy != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "libcurl", "out of memory");
}

mse_status mse_http_new(struct mse_http **out, struct mse_error *err)
{
    struct mse_http *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "libcurl", "out of memory");
    }
    mse_status st = load(h, err);
    if (st != MSE_OK) {
        mse_http_free(h);
        return st;
    }
    *out = h;
    return MSE_OK;
}

void mse_http_free(struct mse_http *h)
{
    if (h != NULL && h->easy != NULL) {
        h->curl.easy_cleanup(h->easy);
    }
    free(h);
}

void mse_http_reply_clear(struct mse_http_reply *r)
{
    mse_build_clear(&r->body);
    mse_build_clear(&r->header);
    r->has_header = false;
}

bool mse_http_header_is(struct mse_bytes *value, struct mse_bytes line, const char *name)
{
    size_t len = strlen(name);
    if (line.len <= len || line.data[len] != ':' ||
        strncasecmp((const char *)line.data, name, len) != 0) {
        return false;
    }
    struct mse_bytes rest = mse_bytes_of(line.data + len + 1, line.len - len - 1);
    while (rest.len > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t')) {
        rest = mse_bytes_of(rest.data + 1, rest.len - 1);
    }
    while (rest.len > 0 && rest.data[rest.len - 1] <= ' ') {
        rest.len--;
    }
    *value = rest;
    return true;
}

static size_t on_body(char *data, size_t size, size_t num, void *user)
{
    struct transfer *t = user;
    if (t->request->take != NULL && t->good) {
        t->too_much = !t->request->take(t->request->user, mse_bytes_of(data, size * num));
        return t->too_much ? 0 : size * num;
    }
    mse_wr_copy(&t->reply->body, data, size * num);
    t->too_much = t->too_much || !mse_build_ok(&t->reply->body);
    return t->too_much ? 0 : size * num;
}

/* Each answer of a chain of redirects begins anew. */
static void begin_answer(struct transfer *t, struct mse_bytes line)
{
    size_t at = mse_bytes_find(line, mse_bytes_str(" "));
    t->good = at < line.len && at + 1 < line.len && line.data[at + 1] == '2';
    mse_build_reset(&t->reply->body);
    mse_build_reset(&t->reply->header);
    t->reply->has_header = false;
}

static size_t on_header(char *data, size_t size, size_t num, void *user)
{
    struct transfer *t = user;
    struct mse_bytes line = mse_bytes_of(data, size * num);
    struct mse_bytes value = { 0 };
    t->headers += line.len;
    if (line.len >= 5 && mse_mem_equal(line.data, "HTTP/", 5)) {
        begin_answer(t, line);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(t->request->want_header); i++) {
        const char *name = t->request->want_header[i];
        if (name != NULL && mse_http_header_is(&value, line, name)) {
            t->twice = t->twice || t->reply->has_header;
            t->reply->has_header = true;
            mse_wr_bytes(&t->reply->header, value);
        }
    }
    t->too_much = t->too_much || t->headers > MAX_HEADERS || t->reply->header.failed;
    return t->too_much || t->twice ? 0 : line.len;
}

static uint64_t count(curl_off_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    const struct transfer *t = user;
    bool sends = t->body_len > 0;
    if (t->request->progress != NULL) {
        t->request->progress(t->request->user, count(sends ? up : now),
                             count(sends ? up_total : total));
    }
    return t->request->cancelled != NULL && t->request->cancelled(t->request->user) ? 1 : 0;
}

static uint64_t piece_len(const struct mse_http_piece *p)
{
    return p->bytes.data != NULL ? p->bytes.len : p->len;
}

/* The next bytes of the body. A file that became shorter meanwhile ends the transfer. */
static size_t on_send(char *out, size_t size, size_t num, void *user)
{
    struct transfer *t = user;
    size_t cap = size * num;
    while (t->piece < t->request->num_pieces) {
        const struct mse_http_piece *p = &t->request->pieces[t->piece];
        uint64_t left = piece_len(p) - t->at;
        if (left == 0) {
            t->piece++;
            t->at = 0;
            continue;
        }
        size_t n = left < cap ? (size_t)left : cap;
        if (p->bytes.data != NULL) {
            memcpy(out, p->bytes.data + t->at, n);
        } else {
            ssize_t got = pread(p->fd, out, n, (off_t)t->at);
            if (got <= 0) {
                return CURL_READFUNC_ABORT;
            }
            n = (size_t)got;
        }
        t->at += n;
        return n;
    }
    return 0;
}

/* From the start again, on another connection. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct transfer *t = user;
    if (offset != 0 || origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    t->piece = 0;
    t->at = 0;
    return CURL_SEEKFUNC_OK;
}

/* Method and body. */
static bool configure_body(struct mse_http *h, struct transfer *t)
{
    const struct mse_http_request *r = t->request;
    __typeof__(h->curl.easy_setopt) set = h->curl.easy_setopt;
    CURL *e = h->easy;
    bool good = true;
    for (size_t i = 0; i < r->num_pieces; i++) {
        t->body_len += piece_len(&r->pieces[i]);
    }
    if (r->pieces != NULL) {
        good = set(e, CURLOPT_POST, 1L) == CURLE_OK &&
               set(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len) == CURLE_OK &&
               set(e, CURLOPT_READFUNCTION, on_send) == CURLE_OK &&
               set(e, CURLOPT_READDATA, t) == CURLE_OK &&
               set(e, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
               set(e, CURLOPT_SEEKDATA, t) == CURLE_OK;
    }
    good = good && (r->method == NULL || set(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK);
    if (good && r->stall_s > 0) {
        good = set(e, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
               set(e, CURLOPT_LOW_SPEED_TIME, (long)r->stall_s) == CURLE_OK;
    }
    return good;
}

/* All that a transfer is told. Options of libcurl that an old version lacks are an error here. */
static bool configure(struct mse_http *h, struct transfer *t, char *message,
                      const struct curl_slist *headers)
{
    const struct mse_http_request *r = t->request;
    bool tls = strncmp(r->url, "https:", 6) == 0;
    const char *schemes = tls ? "https" : "http";
    __typeof__(h->curl.easy_setopt) set = h->curl.easy_setopt;
    CURL *e = h->easy;
    bool good =
        set(e, CURLOPT_URL, r->url) == CURLE_OK &&
        set(e, CURLOPT_PROTOCOLS_STR, schemes) == CURLE_OK &&
        set(e, CURLOPT_REDIR_PROTOCOLS_STR, schemes) == CURLE_OK &&
        set(e, CURLOPT_FOLLOWLOCATION, r->stay ? 0L : 1L) == CURLE_OK &&
        set(e, CURLOPT_FRESH_CONNECT, r->once ? 1L : 0L) == CURLE_OK &&
        set(e, CURLOPT_MAXREDIRS, 3L) == CURLE_OK && set(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        set(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms) == CURLE_OK &&
        set(e, CURLOPT_TIMEOUT_MS, (long)r->total_ms) == CURLE_OK &&
        set(e, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
        set(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        set(e, CURLOPT_ERRORBUFFER, message) == CURLE_OK &&
        set(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
        set(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
        set(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
        set(e, CURLOPT_HEADERDATA, t) == CURLE_OK && set(e, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
        set(e, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
        set(e, CURLOPT_XFERINFODATA, t) == CURLE_OK &&
        set(e, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    good = good && configure_body(h, t);
    good = good && (r->ca_file == NULL || set(e, CURLOPT_CAINFO, r->ca_file) == CURLE_OK);
    return good && (r->proxy == NULL || set(e, CURLOPT_PROXY, r->proxy) == CURLE_OK);
}

static mse_status status_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
        return MSE_ERR_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return MSE_ERR_MEMORY;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return MSE_ERR_IO;
    default:
        return MSE_ERR_PROTOCOL;
    }
}

static mse_status judge(const struct mse_http *h, const struct transfer *t, CURLcode code,
                        const char *message, struct mse_error *err)
{
    if (t->too_much) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "answer", "longer than any such object may be");
    }
    if (t->twice) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "answer", "a header is there twice");
    }
    if (code != CURLE_OK) {
        return MSE_FAIL(err, status_of(code), "transfer", "%.160s",
                        message[0] != '\0' ? message : h->curl.easy_strerror(code));
    }
    return MSE_OK;
}

static struct curl_slist *header_lines(const struct mse_http *h, const struct mse_http_request *r)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < MSE_HTTP_MAX_HEADERS && r->headers[i] != NULL; i++) {
        struct curl_slist *longer = h->curl.slist_append(list, r->headers[i]);
        if (longer == NULL) {
            h->curl.slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

mse_status mse_http_ask(struct mse_http_reply *out, struct mse_http *h,
                        const struct mse_http_request *r, struct mse_error *err)
{
    char message[CURL_ERROR_SIZE] = "";
    struct mse_http_reply empty = { 0 };
    struct transfer t = { .request = r, .reply = out };
    curl_off_t retry = 0;
    *out = empty;
    mse_build_heap(&out->body, r->max_body);
    mse_build_heap(&out->header, MAX_VALUE);
    h->curl.easy_reset(h->easy); /* keeps the connections */
    struct curl_slist *headers = header_lines(h, r);
    if (headers == NULL && r->headers[0] != NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "libcurl", "out of memory");
    }
    if (!configure(h, &t, message, headers) ||
        h->curl.easy_setopt(h->easy, CURLOPT_USERAGENT, "mse") != CURLE_OK) {
        h->curl.slist_free_all(headers);
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "libcurl", "it refuses an option");
    }
    CURLcode code = h->curl.easy_perform(h->easy);
    h->curl.slist_free_all(headers);
    (void)h->curl.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &out->status);
    out->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
    if (h->curl.easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK && retry > 0) {
        out->retry_after = retry < 86400 ? (unsigned)retry : 86400;
    }
    return judge(h, &t, code, message, err);
}
