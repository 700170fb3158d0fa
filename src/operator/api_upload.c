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
#include "crypto/digest.h"
#include "httpd/multipart.h"
#include "operator/api.h"
#include "operator/api_read.h"
#include "package/manifest.h"
#include "package/owner_chain.h"
#include "package/stream.h"

#define STEP         "upload"
#define MAX_CONF     ((size_t)4096)
#define MAX_OTHER    ((uint64_t)1024 * 1024) /* of the body, beside the code */
#define MAX_UPLOADS  16U
#define MAX_PER_USER 4U /* so that nobody keeps all others from deploying */
#define IDLE_SECONDS 30U
#define MIB          ((uint64_t)1024 * 1024)

enum part {
    PART_CONF,
    PART_MANIFEST,
    PART_CLIENT_CA, /* of a manifest that names one, and of no other */
    PART_CODE,
    NUM_PARTS,
};
static const char *const part_names[NUM_PARTS] = { "conf", "manifest", "client_ca", "code" };

struct api_upload {
    struct api_call *c;
    struct api_upload *next; /* of those under way */
    bool listed;
    struct mse_multipart form;
    struct mse_reply *refusal; /* that a part found */
    unsigned num_parts;        /* that have begun, or are not wanted */
    struct mse_build conf;
    struct mse_build text; /* the manifest's */
    struct mse_build client_ca;
    struct mse_manifest manifest;
    bool has_manifest;
    bool to_judge; /* the manifest is there, and nobody looked at it yet */
    char project[MSE_OP_TITLE_LEN];
    char hardware[MSE_OP_NAME_LEN];
    char reservation[MSE_OP_ID_LEN];
    struct mse_op_app app;
    int fd;
    uint64_t size;
    struct mse_sha256_ctx sha256;
    uint8_t head[MSE_PACKAGE_HEAD_LEN];
};

/* What the parts hold. */

static bool read_conf_member(struct api_read *r, struct mse_bytes key, void *out)
{
    struct api_upload *u = out;
    if (mse_bytes_is_str(key, "project")) {
        return api_read_text(r, u->project, sizeof u->project);
    }
    if (mse_bytes_is_str(key, "hardware")) {
        return api_read_text(r, u->hardware, sizeof u->hardware);
    }
    if (mse_bytes_is_str(key, "reservation")) {
        return api_read_text(r, u->reservation, sizeof u->reservation);
    }
    return api_read_unknown(r, key);
}

static struct mse_reply *read_conf(struct api_upload *u)
{
    static const char *const needed[] = { "project", "hardware", "reservation", NULL };
    return api_read_object(mse_build_view(&u->conf), read_conf_member, u, needed);
}

static struct mse_reply *read_manifest(struct api_upload *u)
{
    struct mse_error err = { 0 };
    mse_status st = mse_manifest_parse(&u->manifest, mse_build_view(&u->text), &err);
    u->has_manifest = st == MSE_OK;
    return st == MSE_OK
               ? NULL
               : api_problem(HTTP_UNPROCESSABLE, "The manifest is not sound: %s.", err.text);
}

static bool wants_client_ca(const struct api_upload *u)
{
    return u->has_manifest && !mse_mem_is_zero(u->manifest.client_ca, sizeof u->manifest.client_ca);
}

/* The enclave would refuse another one, too. */
static struct mse_reply *read_client_ca(struct api_upload *u)
{
    struct mse_error err = { 0 };
    uint8_t sha256[32];
    mse_status st = mse_client_ca_read(sha256, NULL, mse_build_view(&u->client_ca), &err);
    if (st != MSE_OK) {
        return api_problem(HTTP_UNPROCESSABLE, "client_ca: %s.", err.text);
    }
    return mse_mem_equal(sha256, u->manifest.client_ca, sizeof sha256)
               ? NULL
               : api_problem(HTTP_CONFLICT, "client_ca is not the one that the manifest names.");
}

static struct mse_reply *differs(const char *what, const char *seen, const char *wanted)
{
    return api_problem(HTTP_CONFLICT, "The manifest's %s is %.120s, what was reserved is %.120s.",
                       what, seen, wanted);
}

/* A name of one's own is none of the platform's. */
static bool is_below(const char *name, const char *domain)
{
    size_t len = strlen(name);
    size_t tail = strlen(domain);
    return len >= tail && strcmp(name + len - tail, domain) == 0 &&
           (len == tail || name[len - tail - 1] == '.');
}

static struct mse_reply *judge_names(const struct api_upload *u, const struct mse_op_reservation *r)
{
    const struct mse_manifest *m = &u->manifest;
    const struct mse_op_config *conf = u->c->api->cfg->conf;
    struct api_names names;
    bool owner = m->origin == MSE_ORIGIN_OWNER;
    api_names_of(&names, u->c, r);
    if (m->replicas > 1 && m->restart != MSE_RESTART_SEALED) {
        return api_problem(HTTP_UNPROCESSABLE,
                           "The manifest's replicas is %u, and its restart is not sealed: the "
                           "others end with the first one, which has to come back.",
                           m->replicas);
    }
    if (strcmp(m->app_id, r->app_id) != 0) {
        return differs("app_id", m->app_id, r->app_id);
    }
    if (strcmp(m->name, r->name) != 0) {
        return differs("name", m->name, r->name);
    }
    if (strcmp(m->config_domain_name, names.config) != 0) {
        return differs("config_domain_name", m->config_domain_name, names.config);
    }
    if (owner != (r->mode == MSE_OP_OWNER)) {
        return differs("ssl_certificate_origin", owner ? "owner" : "self",
                       mse_op_mode_name(r->mode));
    }
    if (!owner && strcmp(m->san, names.domain) != 0) {
        return differs("san", m->san, names.domain);
    }
    if (owner && (is_below(m->san, conf->domain) || is_below(m->san, conf->dev_domain))) {
        return api_problem(HTTP_CONFLICT, "The name %.200s is one of this platform's.", m->san);
    }
    return NULL;
}

/* Words with spaces between, cut where there is no more room, without control characters. */
static void join_words(char *out, size_t cap, const struct mse_str_list *words)
{
    size_t n = 0;
    for (size_t i = 0; i < words->num && n + 2 < cap; i++) {
        const char *word = words->items[i];
        size_t room = cap - n - 2;
        size_t len = strlen(word);
        if (i > 0) {
            out[n++] = ' ';
        }
        if (len > room) {
            len = mse_utf8_cut(mse_bytes_of(word, room));
        }
        memcpy(out + n, word, len);
        n += len;
    }
    out[n] = '\0';
    for (char *p = out; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
}

static void fill_app(struct api_upload *u, const struct mse_op_reservation *r)
{
    const struct mse_manifest *m = &u->manifest;
    struct mse_op_app *a = &u->app;
    memcpy(a->id, r->app_id, sizeof a->id);
    memcpy(a->owner_id, r->owner_id, sizeof a->owner_id);
    memcpy(a->project_id, r->project_id, sizeof a->project_id);
    memcpy(a->name, r->name, sizeof a->name);
    memcpy(a->hardware, u->hardware, sizeof a->hardware);
    a->mode = r->mode;
    a->expires_at = m->expires_at;
    a->proxy_protocol = m->proxy_protocol;
    a->replicas = m->replicas;
    (void)snprintf(a->domain_name, sizeof a->domain_name, "%s", m->san);
    (void)snprintf(a->config_domain_name, sizeof a->config_domain_name, "%s",
                   m->config_domain_name);
    (void)snprintf(a->healthcheck_endpoint, sizeof a->healthcheck_endpoint, "%s",
                   m->healthcheck_endpoint);
    if (m->python_application != NULL) {
        struct mse_str_list one = { .items = &u->manifest.python_application, .num = 1 };
        join_words(a->python_application, sizeof a->python_application, &one);
    }
    join_words(a->command, sizeof a->command, &m->command);
}

/* The living app of this name, if there is one. */
static mse_status take_id(void *arg, const struct mse_op_app *a)
{
    memcpy(arg, a->id, sizeof a->id);
    return MSE_OK;
}

static struct mse_reply *judge_free(struct api_upload *u)
{
    char id[MSE_OP_ID_LEN] = "";
    struct mse_error err = { 0 };
    const struct mse_op_app_filter f = {
        .owner_id = u->app.owner_id,
        .project_id = u->app.project_id,
        .name = u->app.name,
        .statuses = 1U << MSE_OP_SPAWNING | 1U << MSE_OP_INITIALIZING | 1U << MSE_OP_RUNNING,
        .limit = 1,
    };
    mse_status st = mse_op_app_list(u->c->store, &f, take_id, id, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    return id[0] == '\0' ? NULL
                         : api_problem_with(HTTP_CONFLICT, "app", id,
                                            "An app of this name lives in the project.");
}

static struct mse_reply *judge_hardware(struct api_upload *u)
{
    struct mse_op_hardware h = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_hardware_get(u->c->store, &h, u->hardware, &err);
    if (st == MSE_ERR_NOT_FOUND) {
        return api_problem(HTTP_NOT_FOUND, "There is no hardware %s.", u->hardware);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    uint64_t wanted = u->manifest.enclave_size / MIB;
    return wanted <= h.enclave_size
               ? NULL
               : api_problem(
                     HTTP_CONFLICT, "The enclave has %llu MiB, hardware %s gives at most %llu.",
                     (unsigned long long)wanted, h.name, (unsigned long long)h.enclave_size);
}

/* All that does not need the code. */
static struct mse_reply *judge(struct api_upload *u)
{
    struct api_call *c = u->c;
    struct mse_op_reservation r = { 0 };
    struct mse_op_project project = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_reservation_get(c->store, &r, c->user.id, u->reservation, c->now, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    struct mse_reply *no = api_find_project(c, u->project, &project);
    if (no == NULL && strcmp(project.id, r.project_id) != 0) {
        no = api_problem(HTTP_CONFLICT, "The project is not the one that was reserved for.");
    }
    if (no == NULL) {
        no = judge_names(u, &r);
    }
    if (no == NULL) {
        no = judge_hardware(u);
    }
    if (no != NULL) {
        return no;
    }
    fill_app(u, &r);
    return judge_free(u);
}

static struct mse_reply *judge_early(struct api_call *c)
{
    return judge(c->upload);
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
    if (u->num_parts == PART_CLIENT_CA && !wants_client_ca(u)) {
        u->num_parts++;
    }
    if (u->num_parts == NUM_PARTS || strcmp(name, part_names[u->num_parts]) != 0) {
        return refuse(u, api_problem(HTTP_UNPROCESSABLE,
                                     "A part is %s, wanted conf, manifest, %scode in this order.",
                                     name, wants_client_ca(u) ? "client_ca, " : ""));
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
    if (piece.len > max * MIB - u->size) {
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
        r = read_conf(u);
    } else if (u->num_parts == PART_MANIFEST + 1) {
        r = read_manifest(u);
        u->to_judge = r == NULL;
    } else if (u->num_parts == PART_CLIENT_CA + 1) {
        r = read_client_ca(u);
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
    if (length != NULL &&
        (!mse_u64_parse(&n, mse_bytes_str(length), INT64_MAX) || n > max * MIB + MAX_OTHER)) {
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

/* The package begins as its manifest says: magic, then the manifest's digest. */
static struct mse_reply *judge_package(const struct api_upload *u)
{
    static const uint8_t none[32] = { 0 };
    const struct mse_manifest *m = &u->manifest;
    const char *magic = m->package == MSE_PACKAGE_ENCRYPTED ? MSE_ENCRYPTED_MAGIC : MSE_PLAIN_MAGIC;
    uint8_t digest[32];
    if (u->size < sizeof u->head || !mse_mem_equal(u->head, magic, 8)) {
        return api_problem(HTTP_UNPROCESSABLE,
                           "The code is no package of the kind that its manifest says.");
    }
    if (mse_sha256(digest, mse_build_view(&u->text)) != MSE_OK) {
        return api_problem(HTTP_UNAVAILABLE, "The server has no digests.");
    }
    bool other = !mse_mem_equal(m->package_header, none, sizeof none);
    return mse_mem_equal(u->head + 8, other ? m->package_header : digest, sizeof digest)
               ? NULL
               : api_problem(HTTP_CONFLICT, "The package was made for another manifest.");
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
                           wants_client_ca(u) ? "client_ca, " : "");
    }
    struct mse_reply *r = judge_package(u);
    r = r != NULL ? r : judge(u); /* hours may have passed */
    if (r != NULL) {
        return r;
    }
    st = store_all(u, &err);
    if (st == MSE_ERR_EXISTS) {
        r = judge_free(u);
        return r != NULL ? r : api_failed(st, &err);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    r = api_one_app(HTTP_CREATED, c, &u->app);
    (void)snprintf(location, sizeof location, "/apps/%s", u->app.id);
    return r == NULL ? NULL : mse_reply_finish(r, mse_reply_add(r, "Location", location));
}
