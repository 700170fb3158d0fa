/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of an app on a node: it is filled by a thread of its own, with a store of its own, so
 * that a large package keeps no other app of the node waiting. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "cmd/files.h"
#include "launch/instance.h"
#include "operator/node.h"
#include "os/private_dir.h"

#define MAX_FETCHES 4 /* at once */

struct node_fetch {
    const char *where; /* the store; the node's */
    char id[MSE_OP_ID_LEN];
    char *dir;
    pthread_t thread;
    atomic_bool over; /* the next two are there */
    mse_status st;
    struct mse_error err;
};

static mse_status fetch_manifest(struct mse_op_store *s, const char *id, const char *dir,
                                 struct mse_error *err)
{
    struct mse_build text;
    char *path = cli_join(dir, MSE_INSTANCE_MANIFEST);
    mse_build_heap(&text, MSE_OP_MAX_MANIFEST);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : mse_op_app_manifest(s, &text, id, err);
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), 0600, err) : st;
    mse_build_clear(&text);
    free(path);
    return st;
}

/* Public; the enclave compares it with its manifest. */
static mse_status fetch_client_ca(struct mse_op_store *s, const char *id, const char *dir,
                                  struct mse_error *err)
{
    struct mse_build pem;
    char *path = cli_join(dir, MSE_INSTANCE_CLIENT_CA);
    mse_build_heap(&pem, MSE_OP_MAX_MANIFEST);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : mse_op_app_client_ca(s, &pem, id, err);
    if (st == MSE_OK && pem.len > 0) {
        st = cli_file_write(path, mse_build_view(&pem), 0600, err);
    }
    mse_build_clear(&pem);
    free(path);
    return st;
}

static mse_status fetch_package(struct mse_op_store *s, const char *id, const char *dir,
                                struct mse_error *err)
{
    char *path = cli_join(dir, MSE_INSTANCE_PACKAGE);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    mse_status st = fd < 0 ? MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "the package: %s", strerror(errno))
                           : mse_op_package_get(s, id, fd, err);
    if (st == MSE_OK && fsync(fd) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "the package: %s", strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return st;
}

static mse_status fill(struct mse_op_store *s, const char *id, const char *part,
                       struct mse_error *err)
{
    (void)mse_tree_remove(part); /* of an earlier try */
    mse_status st = mkdir(part, 0700) == 0
                        ? MSE_OK
                        : MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.150s: %s", part, strerror(errno));
    st = st == MSE_OK ? fetch_manifest(s, id, part, err) : st;
    st = st == MSE_OK ? fetch_client_ca(s, id, part, err) : st;
    return st == MSE_OK ? fetch_package(s, id, part, err) : st;
}

static mse_status make_folder(const struct node_fetch *f, struct mse_error *err)
{
    struct mse_op_store *s = NULL;
    char *part = NULL;
    if (asprintf(&part, "%s" NODE_PART, f->dir) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory");
    }
    mse_status st = mse_op_store_open(&s, f->where, false, err);
    st = st == MSE_OK ? fill(s, f->id, part, err) : st;
    mse_op_store_close(s);
    if (st == MSE_OK && rename(part, f->dir) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "%.150s: %s", f->dir, strerror(errno));
    }
    if (st != MSE_OK) {
        (void)mse_tree_remove(part);
    }
    free(part);
    return st;
}

static void *fetch_main(void *arg)
{
    struct node_fetch *f = arg;
    f->st = make_folder(f, &f->err);
    atomic_store(&f->over, true);
    return NULL;
}

bool node_fetch_waits(const struct node_app *a)
{
    return a->fetch != NULL && !atomic_load(&a->fetch->over);
}

void node_fetch_free(struct node_fetch *f)
{
    if (f != NULL) {
        (void)pthread_join(f->thread, NULL);
        free(f->dir);
        free(f);
    }
}

static mse_status begin(const struct node *n, struct node_app *a, struct mse_error *err)
{
    struct node_fetch *f = calloc(1, sizeof *f);
    char *dir = strdup(a->dir);
    if (f == NULL || dir == NULL) {
        free(f);
        free(dir);
        return MSE_FAIL(err, MSE_ERR_MEMORY, NODE_WHO, "out of memory");
    }
    f->where = n->m->config.database;
    f->dir = dir;
    memcpy(f->id, a->app.id, sizeof f->id);
    if (pthread_create(&f->thread, NULL, fetch_main, f) != 0) {
        free(dir);
        free(f);
        return MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "no thread could be started");
    }
    a->fetch = f;
    return MSE_OK;
}

static bool has_room(const struct node *n)
{
    unsigned num = 0;
    for (size_t i = 0; i < n->num_apps; i++) {
        num += node_fetch_waits(n->apps[i]) ? 1 : 0;
    }
    return num < MAX_FETCHES;
}

mse_status node_prepare(const struct node *n, struct node_app *a, bool *ready,
                        struct mse_error *err)
{
    *ready = false;
    if (node_fetch_waits(a)) {
        return MSE_OK;
    }
    if (a->fetch != NULL) {
        mse_status st = a->fetch->st;
        if (err != NULL) {
            *err = a->fetch->err;
        }
        node_fetch_free(a->fetch);
        a->fetch = NULL;
        *ready = st == MSE_OK;
        return st;
    }
    *ready = cli_file_exists(a->dir);
    return *ready || !has_room(n) ? MSE_OK : begin(n, a, err);
}
