/* SPDX-License-Identifier: Apache-2.0 */
/* usage: node_driver DATABASE WORD ...: what an API does with the store, for tests of a node alone.
 *   create MANIFEST PACKAGE SAN HARDWARE SECONDS   deploys as the user admin; MANIFEST is of
 * another app, with a name as long as SAN; prints the id show ID          status, port, node,
 * detail stop ID | log ID | metrics ID | reap | routes */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "operator/fleet.h"
#include "package/manifest.h"

#define MAX_PACKAGE ((size_t)64 * 1024 * 1024)

static int failed(const char *what, mse_status st, const struct mse_error *err)
{
    (void)fprintf(stderr, "node_driver: %s: %s: %s\n", what, mse_status_name(st), err->text);
    return 1;
}

/* Texts of one length, everywhere. */
static void replace(struct cli_file *f, const char *from, const char *to)
{
    size_t len = strlen(from);
    if (strlen(to) != len) {
        (void)fprintf(stderr, "node_driver: %s is not as long as %s\n", to, from);
        exit(2); /* NOLINT(concurrency-mt-unsafe) */
    }
    uint8_t *at = f->data;
    while ((at = memmem(at, f->len - (size_t)(at - f->data), from, len)) != NULL) {
        memcpy(at, to, len);
    }
}

static mse_status take_project(void *arg, const struct mse_op_project *p)
{
    memcpy(arg, p->id, sizeof p->id);
    return MSE_OK;
}

/* The manifest of the template becomes that of a fresh app. */
static mse_status fill(struct mse_op_app *a, struct cli_file *manifest, const char *san,
                       struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    mse_status st = mse_manifest_parse(&m, cli_file_view(manifest), err);
    st = st == MSE_OK ? mse_random_uuid(a->id) : st;
    if (st == MSE_OK) {
        replace(manifest, m.app_id, a->id);
        replace(manifest, m.san, san);
        (void)snprintf(a->name, sizeof a->name, "%s", san);
        (void)snprintf(a->domain_name, sizeof a->domain_name, "%s", san);
        (void)snprintf(a->config_domain_name, sizeof a->config_domain_name, "%s.mse.localhost",
                       a->id);
        (void)snprintf(a->healthcheck_endpoint, sizeof a->healthcheck_endpoint, "%s",
                       m.healthcheck_endpoint);
    }
    mse_manifest_clear(&m);
    return st;
}

static mse_status put_package(struct mse_op_store *s, struct mse_op_app *a, const char *path,
                              struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, path, MAX_PACKAGE, err);
    st = st == MSE_OK ? mse_sha256(a->package_sha256, cli_file_view(&f)) : st;
    a->package_size = f.len;
    cli_file_clear(&f);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    st = st == MSE_OK ? mse_op_package_put(s, a->id, fd, a->package_size, a->package_sha256, err)
                      : st;
    (void)close(fd);
    return st;
}

static mse_status deploy(struct mse_op_store *s, const struct mse_op_by *by, char **argv,
                         struct mse_op_app *a, struct mse_error *err)
{
    struct mse_op_user u = { .admin = false };
    struct mse_op_reservation r = { .mode = MSE_OP_SELF, .expires_at = by->now + 60 };
    struct cli_file manifest = { 0 };
    mse_status st = cli_file_read(&manifest, argv[0], MSE_OP_MAX_MANIFEST, err);
    st = st == MSE_OK ? fill(a, &manifest, argv[2], err) : st;
    st = st == MSE_OK ? mse_op_user_get(s, &u, "admin", err) : st;
    st = st == MSE_OK ? mse_op_project_list(s, u.id, "default", take_project, r.project_id, err)
                      : st;
    memcpy(r.app_id, a->id, sizeof r.app_id);
    memcpy(r.owner_id, u.id, sizeof r.owner_id);
    memcpy(r.name, a->name, sizeof r.name);
    st = st == MSE_OK ? mse_op_reserve(s, by, &r, err) : st;
    st = st == MSE_OK ? put_package(s, a, argv[1], err) : st;
    memcpy(a->owner_id, u.id, sizeof a->owner_id);
    memcpy(a->project_id, r.project_id, sizeof a->project_id);
    (void)snprintf(a->hardware, sizeof a->hardware, "%s", argv[3]);
    a->expires_at = by->now + (mse_time)strtol(argv[4], NULL, 10);
    st = st == MSE_OK ? mse_op_app_create(s, by, a, cli_file_view(&manifest), err) : st;
    cli_file_clear(&manifest);
    return st;
}

static mse_status print_log(void *arg, const struct mse_op_log *l)
{
    (void)arg;
    (void)fwrite(l->bytes.data, 1, l->bytes.len, stdout);
    return MSE_OK;
}

static mse_status print_metric(void *arg, const struct mse_op_metric *m)
{
    (void)arg;
    (void)printf("%s %s %lld\n", m->source, m->name, (long long)m->value);
    return MSE_OK;
}

static mse_status print_route(void *arg, const struct mse_op_route *r)
{
    (void)arg;
    (void)printf("%s %s:%u %02x%02x\n", r->server_name, r->address, r->port, r->spki_sha256[0],
                 r->spki_sha256[1]);
    return MSE_OK;
}

static mse_status show(struct mse_op_store *s, const char *id, struct mse_error *err)
{
    struct mse_op_app a = { .port = 0 };
    mse_status st = mse_op_app_get(s, &a, NULL, id, err);
    if (st == MSE_OK) {
        (void)printf("%s %u %s %s\n", mse_op_status_name(a.status), a.port,
                     a.node[0] == '\0' ? "-" : a.node, a.detail);
    }
    return st;
}

static mse_status act(struct mse_op_store *s, int argc, char **argv, struct mse_error *err)
{
    const struct mse_op_by by = { .actor = "msed:test", .now = (mse_time)time(NULL) };
    struct mse_op_app a = { .mode = MSE_OP_SELF };
    uint64_t version = 0;
    const char *word = argv[0];
    const char *id = argc > 1 ? argv[1] : "";
    if (strcmp(word, "create") == 0 && argc == 6) {
        mse_status st = deploy(s, &by, argv + 1, &a, err);
        (void)printf("%s\n", st == MSE_OK ? a.id : "");
        return st;
    }
    if (strcmp(word, "show") == 0) {
        return show(s, id, err);
    }
    if (strcmp(word, "stop") == 0) {
        return mse_op_app_stop(s, &by, NULL, id, err);
    }
    if (strcmp(word, "log") == 0) {
        return mse_op_log_read(s, id, 0, INT32_MAX, print_log, NULL, err);
    }
    if (strcmp(word, "metrics") == 0) {
        return mse_op_metric_get(s, id, 0, print_metric, NULL, err);
    }
    if (strcmp(word, "routes") == 0) {
        return mse_op_routes(s, &version, print_route, NULL, err);
    }
    return strcmp(word, "reap") == 0
               ? mse_op_reap(s, err)
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, "driver", "such a word is not known");
}

int main(int argc, char **argv)
{
    struct mse_op_store *s = NULL;
    struct mse_error err = { 0 };
    if (argc < 3) {
        (void)fprintf(stderr, "usage: node_driver DATABASE WORD ...\n");
        return 2;
    }
    mse_status st = mse_op_store_open(&s, argv[1], false, &err);
    st = st == MSE_OK ? act(s, argc - 2, argv + 2, &err) : st;
    mse_op_store_close(s);
    return st == MSE_OK ? 0 : failed(argv[2], st, &err);
}
