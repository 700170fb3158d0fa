/* SPDX-License-Identifier: Apache-2.0 */
/* POST /apps: conf, manifest, code. The code goes to a file without a name, so that nothing is left
 * of an upload that breaks off, however this process ends. What can be judged before the code comes
 * is judged then. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "base/util.h"
#include "operator/api_upload_inner.h"
#include "package/owner_chain.h"

#define STEP         "upload"
#define MAX_CONF     ((size_t)4096)
#define MAX_OTHER    ((uint64_t)1024 * 1024) /* of the body, beside the code */
#define MAX_UPLOADS  16U
#define MAX_PER_USER 4U /* so that nobody keeps all others from deploying */
#define IDLE_SECONDS 30U

enum part {
    PART_CONF,
    PART_MANIFEST,
    PART_CLIENT_CA, /* of a manifest that names one, and of no other */
    PART_CODE,
    NUM_PARTS,
};
static const char *const part_names[NUM_PARTS] = { "conf", "manifest", "client_ca", "code" };

static struct mse_reply *judge_early(struct api_call *c)
{
    return upload_judge(c->upload);
}

/* The form. */

/* An event's way to say no: the reply is kept, the status ends the reading. */
static mse_status refuse(struct api_upload *u, struct mse_reply *r)
{
    u->refusal = r;
    return MSE_ERR_ARGUMENT;
}

static mse_status on_begin(void *user, const char *name, struct mse_error *err)
{
    struct api_upload *u = user;
    (void)err;
    if (u->num_parts == PART_CLIENT_CA && !upload_wants_client_ca(u)) {
        u->num_parts++;
    }
    if (u->num_parts == NUM_PARTS || strcmp(name, part_names[u->num_parts]) != 0) {
        return refuse(u, api_problem(HTTP_UNPROCESSABLE,
                                     "A part is %s, wanted conf, manifest, %scode in this order.",
                                     name, upload_wants_client_ca(u) ? "client_ca, " : ""));
    }
    u->num_parts++;
    return MSE_OK;
}

static mse_status keep(struct api_upload *u, struct mse_build *to, struct mse_bytes piece)
{
    mse_wr_bytes(to, piece);
    return mse_build_ok(to)
               ? MSE_OK
               : refuse(u, api_problem(HTTP_TOO_LARGE, "The part %s has more than %zu bytes.",
                                       part_names[u->num_parts - 1], to->max));
}

static mse_status keep_code(struct api_upload *u, struct mse_bytes piece)
{
    uint64_t max = u->c->api->cfg->conf->api.max_package;
    if (piece.len > max * UPLOAD_MIB - u->size) {
        return refuse(u, api_problem(HTTP_TOO_LARGE, "The package has more than %llu MiB.",
                                     (unsigned long long)max));
    }
    if (u->size < sizeof u->head) {
        size_t room = sizeof u->head - (size_t)u->size;
        memcpy(u->head + u->size, piece.data, piece.len < room ? piece.len : room);
    }
    if (!mse_io_write(u->fd, piece)) {
        mse_log(MSE_LOG_ERROR, API_NAME, "upload: %s", strerror(errno));
        return refuse(u, api_problem(HTTP_UNAVAILABLE, "The server has no room for the package."));
    }
    mse_sha256_update(&u->sha256, piece.data, piece.len);
    u->size += piece.len;
    return MSE_OK;
}

static mse_status on_data(void *user, struct mse_bytes piece, struct mse_error *err)
{
    struct api_upload *u = user;
    (void)err;
    switch ((enum part)(u->num_parts - 1)) {
    case PART_CONF:
        return keep(u, &u->conf, piece);
    case PART_MANIFEST:
        return keep(u, &u->text, piece);
    case PART_CLIENT_CA:
        return keep(u, &u->client_ca, piece);
    case PART_CODE:
    case NUM_PARTS:
        break;
    }
    return keep_code(u, piece);
}

static mse_status on_end(void *user, struct mse_error *err)
{
    struct api_upload *u = user;
    struct mse_reply *r = NULL;
    (void)err;
    if (u->num_parts == PART_CONF + 1) {
        r = upload_read_conf(u);
    } else if (u->num_parts == PART_MANIFEST + 1) {
        r = upload_read_manifest(u);
        u->to_judge = r == NULL;
    } else if (u->num_parts == PART_CLIENT_CA + 1) {
        r = upload_read_client_ca(u);
    }
    return r == NULL ? MSE_OK : refuse(u, r);
}

/* The life of an upload. */

/* A file that nobody can find, and that is gone when it is closed. */
static int nameless(const char *dir)
{
    char path[512];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd;
    }
    if ((size_t)snprintf(path, sizeof path, "%s/.msed.XXXXXX", dir) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

/* Places, of all and of one user. */

static struct mse_reply *take_place(struct api_upload *u)
{
    struct api *a = u->c->api;
    unsigned all = 0;
    unsigned own = 0;
    (void)pthread_mutex_lock(&a->uploads_lock);
    for (const struct api_upload *o = a->uploads; o != NULL; o = o->next) {
        all++;
        own += strcmp(o->c->user.id, u->c->user.id) == 0 ? 1 : 0;
    }
    u->listed = all < MAX_UPLOADS && own < MAX_PER_USER;
    if (u->listed) {
        u->next = a->uploads;
        a->uploads = u;
        (void)atomic_fetch_add(&a->counts.uploads, 1);
    }
    (void)pthread_mutex_unlock(&a->uploads_lock);
    if (u->listed) {
        return NULL;
    }
    return own >= MAX_PER_USER
               ? api_problem(HTTP_TOO_MANY, "Of one user %u uploads may be under way.",
                             MAX_PER_USER)
               : api_problem(HTTP_UNAVAILABLE, "Too many uploads just now.");
}

static void leave_place(const struct api_upload *u)
{
    struct api *a = u->c->api;
    if (!u->listed) {
        return;
    }
    (void)pthread_mutex_lock(&a->uploads_lock);
    struct api_upload **at = &a->uploads;
    while (*at != u) {
        at = &(*at)->next;
    }
    *at = u->next;
    (void)pthread_mutex_unlock(&a->uploads_lock);
    (void)atomic_fetch_sub(&a->counts.uploads, 1);
}

static struct mse_reply *start(struct api_call *c, const char *type)
{
    static const struct mse_multipart_events events = { on_begin, on_data, on_end };
    struct mse_error err = { 0 };
    struct api_upload *u = calloc(1, sizeof *u);
    if (u == NULL) {
        return api_problem(HTTP_UNAVAILABLE, "The server is out of memory.");
    }
    c->upload = u;
    u->c = c;
    u->fd = -1;
    mse_build_heap(&u->conf, MAX_CONF);
    mse_build_heap(&u->text, MSE_MANIFEST_MAX_LEN);
    mse_build_heap(&u->client_ca, MSE_OWNER_CHAIN_MAX);
    struct mse_reply *full = take_place(u);
    if (full != NULL) {
        return full;
    }
    mse_status st = mse_multipart_init(&u->form, type, &events, u, &err);
    if (st != MSE_OK) {
        return api_problem(st == MSE_ERR_UNSUPPORTED ? HTTP_UNSUPPORTED : HTTP_UNPROCESSABLE, "%s.",
                           err.text);
    }
    u->fd = nameless(c->api->cfg->conf->api.spool);
    if (u->fd < 0 || mse_sha256_init(&u->sha256) != MSE_OK) {
        mse_log(MSE_LOG_ERROR, API_NAME, "upload: %s: %s", c->api->cfg->conf->api.spool,
                strerror(errno));
        return api_problem(HTTP_UNAVAILABLE, "The server has no room for the package.");
    }
    mse_httpd_allow(c->http, (unsigned)c->api->cfg->conf->api.upload_seconds, IDLE_SECONDS);
    return NULL;
}

struct mse_reply *api_upload_begin(struct api_call *c)
{
    const char *length = mse_httpd_header(c->http, "Content-Length");
    uint64_t max = c->api->cfg->conf->api.max_package;
    uint64_t n = 0;
    struct mse_reply *r = api_auth(c);
    if (r != NULL) {
        return r;
    }
    if (length != NULL && (!mse_u64_parse(&n, mse_bytes_str(length), INT64_MAX) ||
                           n > max * UPLOAD_MIB + MAX_OTHER)) {
        return api_problem(HTTP_TOO_LARGE, "The package has more than %llu MiB.",
                           (unsigned long long)max);
    }
    return start(c, mse_httpd_header(c->http, "Content-Type"));
}

/* What ended the reading of the form. */
static struct mse_reply *form_failed(struct api_upload *u, mse_status st,
                                     const struct mse_error *err)
{
    struct mse_reply *r = u->refusal;
    u->refusal = NULL;
    if (r != NULL) {
        return r;
    }
    return api_problem(st == MSE_ERR_NO_SPACE ? HTTP_TOO_LARGE : HTTP_UNPROCESSABLE,
                       "The form cannot be read: %s.", err->text);
}

struct mse_reply *api_upload_data(struct api_call *c, struct mse_bytes piece)
{
    struct api_upload *u = c->upload;
    struct mse_error err = { 0 };
    mse_status st = mse_multipart_feed(&u->form, piece, &err);
    if (st != MSE_OK) {
        return form_failed(u, st, &err);
    }
    bool ask = u->to_judge;
    u->to_judge = false;
    return ask ? api_ask_early(c, judge_early) : NULL;
}

void api_upload_free(struct api_call *c)
{
    struct api_upload *u = c->upload;
    if (u == NULL) {
        return;
    }
    leave_place(u);
    if (u->fd >= 0) {
        (void)close(u->fd);
    }
    mse_sha256_clear(&u->sha256);
    mse_reply_unref(u->refusal);
    mse_build_clear(&u->conf);
    mse_build_clear(&u->text);
    mse_build_clear(&u->client_ca);
    if (u->has_manifest) {
        mse_manifest_clear(&u->manifest);
    }
    free(u);
    c->upload = NULL;
}

static mse_status store_all(struct api_upload *u, struct mse_error *err)
{
    struct api_call *c = u->c;
    struct mse_op_app *a = &u->app;
    a->package_size = u->size;
    mse_status st = mse_sha256_final(&u->sha256, a->package_sha256);
    if (st == MSE_OK && lseek(u->fd, 0, SEEK_SET) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "%s", strerror(errno));
    }
    if (st == MSE_OK) {
        st = mse_op_package_put(c->store, a->id, u->fd, u->size, a->package_sha256, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_op_files files = { .manifest = mse_build_view(&u->text),
                                        .client_ca = mse_build_view(&u->client_ca) };
    st = mse_op_app_create_with(c->store, &c->by, a, &files, err);
    mse_status gone = st == MSE_OK ? MSE_OK : mse_op_package_remove(c->store, a->id, NULL);
    if (gone != MSE_OK && gone != MSE_ERR_EXISTS) {
        mse_log(MSE_LOG_WARN, API_NAME, "upload: a package without an app stays for an hour");
    }
    return st;
}

struct mse_reply *api_app_create(struct api_call *c)
{
    struct api_upload *u = c->upload;
    struct mse_error err = { 0 };
    char location[64];
    mse_status st = mse_multipart_finish(&u->form, &err);
    if (st != MSE_OK || u->num_parts != NUM_PARTS) {
        return api_problem(HTTP_UNPROCESSABLE,
                           "The form is not whole: wanted conf, manifest, %scode.",
                           upload_wants_client_ca(u) ? "client_ca, " : "");
    }
    struct mse_reply *r = upload_judge_package(u);
    r = r != NULL ? r : upload_judge(u); /* hours may have passed */
    if (r != NULL) {
        return r;
    }
    st = store_all(u, &err);
    if (st == MSE_ERR_EXISTS) {
        r = upload_judge_free(u);
        return r != NULL ? r : api_failed(st, &err);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    r = api_one_app(HTTP_CREATED, c, &u->app);
    (void)snprintf(location, sizeof location, "/apps/%s", u->app.id);
    return r == NULL ? NULL : mse_reply_finish(r, mse_reply_add(r, "Location", location));
}
