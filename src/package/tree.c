/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a code tree. The root is opened once; everything below is reached from that descriptor,
 * part by part, never through a symbolic link. No recursion: folders wait in a list. */
#include "package/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "package/ahead.h"
#include "package/ignore.h"
#include "package/rules.h"

#define STEP      "code"
#define READ_LEN  ((size_t)256 * 1024)
#define AHEAD_LEN ((uint64_t)4 << 20) /* from here on a second thread pays */

struct walk {
    struct mse_tree tree;
    char **folders; /* still to be read; "" is the root */
    size_t num_folders;
    size_t cap_folders;
    bool use_ignore;
    char *ignore_text;
    struct mse_ignore ignore;
};

/* Makes room for one more element of `size` bytes. */
static bool grow(void **array, size_t num, size_t *cap, size_t size)
{
    if (num < *cap) {
        return true;
    }
    size_t wider = *cap == 0 ? 64 : *cap * 2;
    void *p = reallocarray(*array, wider, size);
    if (p == NULL) {
        return false;
    }
    *array = p;
    *cap = wider;
    return true;
}

static mse_status no_memory(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
}

/* Opens `path` below root_fd; flags for the last part. -1 and errno on failure. */
static int open_below(int root_fd, const char *path, int flags)
{
    char part[NAME_MAX + 1];
    int fd = -1;
    int at = root_fd;
    for (;;) {
        size_t len = strcspn(path, "/");
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        bool last = path[len] == '\0';
        int how = last ? flags : O_DIRECTORY | O_PATH;
        fd = openat(at, part, how | O_NOFOLLOW | O_CLOEXEC);
        if (at != root_fd) {
            int saved = errno;
            (void)close(at);
            errno = saved;
        }
        if (last || fd < 0) {
            return fd;
        }
        at = fd;
        path += len + 1;
    }
    if (at != root_fd) {
        (void)close(at);
    }
    return -1;
}

/* One file that is being read. */
struct reading {
    const struct mse_tree_file *f;
    int fd;
    uint8_t *buf;
    mse_tree_sink sink;
    void *user;
    struct mse_error *err;
};

static mse_status check_end(const struct reading *r)
{
    if (read(r->fd, r->buf, 1) != 0) {
        return MSE_FAIL(r->err, MSE_ERR_IO, STEP, "%.150s: became longer while it was read",
                        r->f->path);
    }
    return MSE_OK;
}

static mse_status cut_short(const struct reading *r, int error)
{
    return MSE_FAIL(r->err, MSE_ERR_IO, STEP, "%.150s: %s", r->f->path,
                    error != 0 ? strerror(error) : "became shorter while it was read");
}

static mse_status not_taken(const struct reading *r, mse_status st)
{
    return MSE_FAIL(r->err, st, STEP, "%.150s: could not be taken", r->f->path);
}

/* On two threads; false if there is no second one. */
static bool read_ahead(mse_status *out, const struct reading *r)
{
    struct mse_ahead_end end;
    if (r->f->size < AHEAD_LEN || !mse_ahead_read(&end, r->fd, r->f->size, r->sink, r->user)) {
        return false;
    }
    if (end.status != MSE_OK) {
        *out = not_taken(r, end.status);
    } else if (end.len < r->f->size) {
        *out = cut_short(r, end.error);
    } else {
        *out = check_end(r);
    }
    return true;
}

static mse_status read_sink(const struct reading *r)
{
    uint64_t left = r->f->size;
    mse_status st = MSE_OK;
    if (read_ahead(&st, r)) {
        return st;
    }
    while (left > 0) {
        size_t want = left < READ_LEN ? (size_t)left : READ_LEN;
        ssize_t n = read(r->fd, r->buf, want);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return cut_short(r, n < 0 ? errno : 0);
        }
        st = r->sink(r->user, mse_bytes_of(r->buf, (size_t)n));
        if (st != MSE_OK) {
            return not_taken(r, st);
        }
        left -= (uint64_t)n;
    }
    return check_end(r);
}

mse_status mse_tree_read(const struct mse_tree *t, const struct mse_tree_file *f,
                         mse_tree_sink sink, void *user, struct mse_error *err)
{
    struct stat st;
    int fd = open_below(t->root_fd, f->path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", f->path, strerror(errno));
    }
    mse_status result = MSE_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size ||
        ((st.st_mode & S_IXUSR) != 0) != f->executable) {
        result =
            MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: changed while the tree was read", f->path);
    } else {
        const struct reading r = { f, fd, t->buf, sink, user, err };
        result = read_sink(&r);
    }
    (void)close(fd);
    return result;
}

static mse_status add_file(struct walk *w, char *path, const struct stat *st, struct mse_error *err)
{
    struct mse_tree *t = &w->tree;
    if (t->num >= MSE_TREE_MAX_FILES) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "more than %zu files", MSE_TREE_MAX_FILES);
    }
    if (!grow((void **)&t->files, t->num, &t->cap, sizeof *t->files)) {
        return no_memory(err);
    }
    struct mse_tree_file *f = &t->files[t->num++];
    f->path = path;
    f->executable = (st->st_mode & S_IXUSR) != 0;
    f->size = (uint64_t)st->st_size;
    return MSE_OK;
}

static mse_status add_folder(struct walk *w, char *path, struct mse_error *err)
{
    if (!grow((void **)&w->folders, w->num_folders, &w->cap_folders, sizeof *w->folders)) {
        return no_memory(err);
    }
    w->folders[w->num_folders++] = path;
    return MSE_OK;
}

static const char *kind_of(mode_t mode)
{
    if (S_ISLNK(mode)) {
        return "a symbolic link";
    }
    if (S_ISSOCK(mode)) {
        return "a socket";
    }
    return S_ISFIFO(mode) ? "a pipe" : "a device";
}

/* Takes path over. */
static mse_status add_entry(struct walk *w, char *path, const struct stat *st,
                            struct mse_error *err)
{
    mse_status result = MSE_OK;
    struct mse_bytes p = mse_bytes_str(path);
    bool keep = strcmp(path, MSE_IGNORE_FILE) == 0;
    if (!keep && w->use_ignore && mse_ignore_match(&w->ignore, p, S_ISDIR(st->st_mode))) {
        free(path);
        return MSE_OK;
    }
    if (!mse_rule_path(p)) {
        result =
            MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                     "%.150s: a path must be UTF-8 of at most %zu bytes", path, MSE_PATH_MAX_LEN);
    } else if (S_ISDIR(st->st_mode)) {
        result = add_folder(w, path, err);
    } else if (S_ISREG(st->st_mode)) {
        result = add_file(w, path, st, err);
    } else {
        result = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                          "%.150s is %s, wanted regular files only (or a line in %s)", path,
                          kind_of(st->st_mode), MSE_IGNORE_FILE);
    }
    if (result != MSE_OK) {
        free(path);
    }
    return result;
}

static mse_status read_entry(struct walk *w, const char *folder, DIR *d, const char *name,
                             struct mse_error *err)
{
    struct stat st;
    char *path = NULL;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return MSE_OK;
    }
    if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.100s/%.100s: %s", folder, name, strerror(errno));
    }
    if (asprintf(&path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name) < 0) {
        return no_memory(err);
    }
    return add_entry(w, path, &st, err);
}

static mse_status read_folder(struct walk *w, const char *folder, struct mse_error *err)
{
    int fd = open_below(w->tree.root_fd, folder[0] == '\0' ? "." : folder, O_RDONLY | O_DIRECTORY);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", folder, strerror(errno));
    }
    mse_status st = MSE_OK;
    while (st == MSE_OK) {
        errno = 0;
        /* The stream is this function's own. */
        const struct dirent *e = readdir(d); /* NOLINT(concurrency-mt-unsafe) */
        if (e == NULL) {
            st = errno == 0
                     ? MSE_OK
                     : MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", folder, strerror(errno));
            break;
        }
        st = read_entry(w, folder, d, e->d_name, err);
    }
    (void)closedir(d);
    return st;
}

/* The whole ignore file on the heap; NULL and MSE_OK if there is none. */
static mse_status load_ignore_text(struct walk *w, struct mse_error *err)
{
    int fd =
        openat(w->tree.root_fd, MSE_IGNORE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return MSE_OK;
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%s: wanted a regular file", MSE_IGNORE_FILE);
    }
    mse_status result = MSE_OK;
    w->ignore_text = calloc(1, MSE_IGNORE_MAX_LEN + 2);
    size_t len = 0;
    ssize_t n = 1;
    while (w->ignore_text != NULL && n > 0 && len <= MSE_IGNORE_MAX_LEN) {
        n = read(fd, w->ignore_text + len, MSE_IGNORE_MAX_LEN + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (w->ignore_text == NULL) {
        result = no_memory(err);
    } else if (n < 0) {
        result = MSE_FAIL(err, MSE_ERR_IO, STEP, "%s: %s", MSE_IGNORE_FILE, strerror(errno));
    } else {
        result = mse_ignore_parse(&w->ignore, mse_bytes_of(w->ignore_text, len), err);
    }
    (void)close(fd);
    return result;
}

static mse_status load_ignore(struct walk *w, struct mse_error *err)
{
    if (!w->use_ignore) {
        return MSE_OK;
    }
    mse_status st = load_ignore_text(w, err);
    if (st == MSE_OK && w->ignore_text == NULL) {
        st = mse_ignore_parse(&w->ignore, mse_ignore_default(), err);
    }
    return st;
}

static int by_path(const void *a, const void *b)
{
    const struct mse_tree_file *x = a;
    const struct mse_tree_file *y = b;
    return strcmp(x->path, y->path); /* bytes as unsigned char, as C says */
}

static mse_status run_walk(struct walk *w, struct mse_error *err)
{
    mse_status st = load_ignore(w, err);
    if (st == MSE_OK) {
        st = read_folder(w, "", err);
    }
    while (st == MSE_OK && w->num_folders > 0) {
        char *folder = w->folders[--w->num_folders];
        st = read_folder(w, folder, err);
        free(folder);
    }
    if (st != MSE_OK) {
        return st;
    }
    if (w->tree.num > 0) {
        qsort(w->tree.files, w->tree.num, sizeof *w->tree.files, by_path);
    }
    for (size_t i = 1; i < w->tree.num; i++) {
        if (strcmp(w->tree.files[i - 1].path, w->tree.files[i].path) == 0) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%.150s stands there twice",
                            w->tree.files[i].path);
        }
    }
    return MSE_OK;
}

mse_status mse_tree_open(struct mse_tree *out, const char *dir, bool ignore, struct mse_error *err)
{
    struct walk w = { .use_ignore = ignore };
    w.tree.root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.tree.root_fd < 0) {
        mse_status st = errno == ENOENT || errno == ENOTDIR ? MSE_ERR_NOT_FOUND : MSE_ERR_IO;
        return MSE_FAIL(err, st, STEP, "%.150s: %s, wanted a folder", dir, strerror(errno));
    }
    w.tree.buf = malloc(READ_LEN);
    mse_status st = w.tree.buf == NULL ? no_memory(err) : run_walk(&w, err);
    for (size_t i = 0; i < w.num_folders; i++) {
        free(w.folders[i]);
    }
    free(w.folders);
    mse_ignore_clear(&w.ignore);
    free(w.ignore_text);
    if (st != MSE_OK) {
        mse_tree_close(&w.tree);
        return st;
    }
    *out = w.tree;
    return MSE_OK;
}

void mse_tree_close(struct mse_tree *t)
{
    for (size_t i = 0; i < t->num; i++) {
        free(t->files[i].path);
    }
    free(t->files);
    free(t->buf);
    if (t->root_fd >= 0) {
        (void)close(t->root_fd);
    }
    struct mse_tree empty = { .root_fd = -1 };
    *t = empty;
}
