/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of POST /apps: read, and judged by what was reserved and what the platform has. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/api_read.h"
#include "operator/api_upload_inner.h"
#include "operator/fleet.h"
#include "package/owner_chain.h"

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

struct mse_reply *upload_read_conf(struct api_upload *u)
{
    static const char *const needed[] = { "project", "hardware", "reservation", NULL };
    return api_read_object(mse_build_view(&u->conf), read_conf_member, u, needed);
}

struct mse_reply *upload_read_manifest(struct api_upload *u)
{
    struct mse_error err = { 0 };
    mse_status st = mse_manifest_parse(&u->manifest, mse_build_view(&u->text), &err);
    u->has_manifest = st == MSE_OK;
    return st == MSE_OK
               ? NULL
               : api_problem(HTTP_UNPROCESSABLE, "The manifest is not sound: %s.", err.text);
}

bool upload_wants_client_ca(const struct api_upload *u)
{
    return u->has_manifest && !mse_mem_is_zero(u->manifest.client_ca, sizeof u->manifest.client_ca);
}

/* The enclave would refuse another one, too. */
struct mse_reply *upload_read_client_ca(struct api_upload *u)
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

struct mse_reply *upload_judge_free(struct api_upload *u)
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

/* The most memory for enclaves that one living machine of this kind has. */
struct largest {
    const char *tee;
    int64_t now;
    uint64_t mib; /* 0: none lives */
};

static mse_status take_largest(void *arg, const struct mse_op_node *n)
{
    struct largest *l = arg;
    if (strcmp(n->tee, l->tee) == 0 && n->lease_until_ms > l->now && n->enclave_memory > l->mib) {
        l->mib = n->enclave_memory;
    }
    return MSE_OK;
}

/* Nobody waits for a machine that there is not. While none lives, one may come. */
static struct mse_reply *judge_machines(struct api_upload *u, const struct mse_op_hardware *h,
                                        uint64_t wanted)
{
    struct mse_error err = { 0 };
    struct largest l = { .tee = h->tee };
    mse_status st = mse_op_clock_ms(u->c->store, &l.now, &err);
    st = st == MSE_OK ? mse_op_node_list(u->c->store, take_largest, &l, &err) : st;
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    return l.mib == 0 || wanted <= l.mib
               ? NULL
               : api_problem(HTTP_CONFLICT,
                             "No machine of this platform has %llu MiB for enclaves of %s, the "
                             "largest %llu.",
                             (unsigned long long)wanted, h->tee, (unsigned long long)l.mib);
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
    uint64_t wanted = u->manifest.enclave_size / UPLOAD_MIB;
    return wanted <= h.enclave_size
               ? judge_machines(u, &h, wanted)
               : api_problem(
                     HTTP_CONFLICT, "The enclave has %llu MiB, hardware %s gives at most %llu.",
                     (unsigned long long)wanted, h.name, (unsigned long long)h.enclave_size);
}

struct mse_reply *upload_judge(struct api_upload *u)
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
    return upload_judge_free(u);
}

struct mse_reply *upload_judge_package(const struct api_upload *u)
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
