/* SPDX-License-Identifier: Apache-2.0 */
/* See store_walk.h. */
#include "enclave/store_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAMES MSE_STORE_MAX_NODES

/* A folder that is being gone through. */
struct level {
    int fd;
    char **names;
    size_t num;
    size_t next;
    size_t path_len; /* of the folder, in the walk's path */
};
struct walk {
    struct level levels[MSE_STORE_MAX_DEPTH + 1];
    size_t depth;
    char path[MSE_STORE_MAX_PATH + 1];
};

static int by_name(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static void names_free(struct level *l)
{
    for (size_t i = 0; i < l->num; i++) {
        free(l->names[i]);
    }
    free(l->names);
    l->names = NULL;
    l->num = 0;
}

static mse_status add_name(struct level *l, size_t *cap, const char *name)
{
    if (l->num == MAX_NAMES) {
        return MSE_ERR_STORAGE_LIMIT;
    }
    if (l->num == *cap) {
        size_t more = *cap == 0 ? 32 : 2 * *cap;
        char **names = realloc(l->names, more * sizeof *names);
        if (names == NULL) {
            return MSE_ERR_MEMORY;
        }
        l->names = names;
        *cap = more;
    }
    l->names[l->num] = strdup(name);
    if (l->names[l->num] == NULL) {
        return MSE_ERR_MEMORY;
    }
    l->num++;
    return MSE_OK;
}

static mse_status read_names(struct level *l)
{
    int fd = openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    size_t cap = 0;
    mse_status st = d == NULL ? MSE_ERR_IO : MSE_OK;
    const struct dirent *e = NULL;
    /* The stream is this function's own. */
    while (st == MSE_OK && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            st = add_name(l, &cap, e->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (l->num > 1) {
        qsort(l->names, l->num, sizeof *l->names, by_name);
    }
    return st;
}

/* Takes over fd. */
static mse_status enter(struct walk *w, int fd, size_t path_len)
{
    if (fd < 0) {
        return MSE_ERR_IO;
    }
    if (w->depth == MSE_STORE_MAX_DEPTH + 1) {
        (void)close(fd);
        return MSE_ERR_STORAGE_LIMIT;
    }
    struct level *l = &w->levels[w->depth++];
    *l = (struct level) { .fd = fd, .path_len = path_len };
    return read_names(l);
}

static void leave(struct walk *w)
{
    struct level *l = &w->levels[--w->depth];
    names_free(l);
    (void)close(l->fd);
}

/* At the top there are two folders; what else lies there is the runtime's. */
static bool is_wanted(const struct walk *w, const char *name)
{
    return w->depth > 1 || strcmp(name, "home") == 0 || strcmp(name, "keys") == 0;
}

static mse_status step(struct walk *w, const char *name, mse_store_visit visit, void *arg)
{
    const struct level *l = &w->levels[w->depth - 1];
    size_t at = l->path_len;
    int n = snprintf(w->path + at, sizeof w->path - at, "%s%s", at == 0 ? "" : "/", name);
    if (n < 0 || (size_t)n >= sizeof w->path - at) {
        return MSE_ERR_STORAGE_LIMIT;
    }
    struct mse_store_entry e = { .dir_fd = l->fd, .name = name, .path = w->path };
    if (fstatat(l->fd, name, &e.st, AT_SYMLINK_NOFOLLOW) != 0) {
        return MSE_ERR_IO;
    }
    mse_status st = visit(arg, &e);
    if (st != MSE_OK || !S_ISDIR(e.st.st_mode)) {
        return st;
    }
    return enter(w, openat(l->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                 at + (size_t)n);
}

mse_status mse_store_walk(const char *dir, mse_store_visit visit, void *arg)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return MSE_ERR_MEMORY;
    }
    mse_status st = enter(w, open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0);
    while (st == MSE_OK && w->depth > 0) {
        struct level *l = &w->levels[w->depth - 1];
        if (l->next == l->num) {
            leave(w);
        } else if (is_wanted(w, l->names[l->next])) {
            st = step(w, l->names[l->next++], visit, arg);
        } else {
            l->next++;
        }
    }
    while (w->depth > 0) {
        leave(w);
    }
    free(w);
    return st;
}
