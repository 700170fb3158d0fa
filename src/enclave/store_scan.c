/* SPDX-License-Identifier: Apache-2.0 */
/* See store_files.h. While this runs the app stands still, so files do not change under it; it may
 * have left anything, though. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/store_files.h"
#include "enclave/store_walk.h"
#include "os/dir_file.h"

/* The kernel's clock of files moves in steps: a file of the last moment may be changed again
 * without looking so. */
#define RACY_NS 50000000LL
#define SECOND  1000000000LL

struct scan {
    const struct mse_store_sources *from;
    struct mse_store_scan *out;
    struct mse_error *err;
    size_t at; /* in the old index: all before it sort before what comes */
    struct timespec began;
    uint64_t room; /* of the file system; 0: no bound */
    uint64_t used; /* of it, once all that was seen is put back */
    uint8_t piece[MSE_STORE_CHUNK];
};

static mse_time not_negative(mse_time t)
{
    return t < 0 ? 0 : t;
}

static void read_stamp(struct mse_store_stamp *out, const struct stat *st)
{
    *out = (struct mse_store_stamp) {
        .ino = (uint64_t)st->st_ino,
        .changed = { st->st_ctim.tv_sec, st->st_ctim.tv_nsec },
        .accessed = { st->st_atim.tv_sec, st->st_atim.tv_nsec },
    };
}

/* Permissions that can be put back; the rest is of no use to a user of the app's rights. */
static uint16_t mode_of(const struct stat *st)
{
    return (uint16_t)(st->st_mode & 0777);
}

static bool same_file_facts(const struct mse_store_node *n, const struct stat *st)
{
    return n->size == (uint64_t)st->st_size && n->mtime == not_negative(st->st_mtim.tv_sec) &&
           n->mtime_ns == (uint32_t)st->st_mtim.tv_nsec;
}

static bool untouched(const struct mse_store_node *n, const struct stat *st, bool atime_too)
{
    struct mse_store_stamp now;
    read_stamp(&now, st);
    if (!atime_too) {
        memcpy(now.accessed, n->stamp.accessed, sizeof now.accessed);
    }
    return n->stamp.ino != 0 && same_file_facts(n, st) && now.ino == n->stamp.ino &&
           now.changed[0] == n->stamp.changed[0] && now.changed[1] == n->stamp.changed[1] &&
           now.accessed[0] == n->stamp.accessed[0] && now.accessed[1] == n->stamp.accessed[1];
}

static bool is_racy(const struct timespec *t, const struct timespec *now)
{
    return (int64_t)(now->tv_sec - t->tv_sec) * SECOND + (now->tv_nsec - t->tv_nsec) < RACY_NS;
}

/* The old node of this path, or NULL. */
static const struct mse_store_node *find_old(const struct mse_store_index *old, size_t *at,
                                             const char *path)
{
    int order = -1;
    while (*at < old->num_nodes && (order = mse_store_compare(old->nodes[*at].path, path)) < 0) {
        (*at)++;
    }
    return *at < old->num_nodes && order == 0 ? &old->nodes[*at] : NULL;
}

static bool uses_retired(const struct scan *s, const struct mse_store_node *old)
{
    for (size_t i = 0; i < mse_store_num_chunks(old->size); i++) {
        uint32_t pack = old->chunks[i].pack;
        if (pack != MSE_STORE_NO_PACK && s->from->retired[pack]) {
            return true;
        }
    }
    return false;
}

static mse_status put_new(struct scan *s, struct mse_store_chunk *c, struct mse_bytes piece)
{
    mse_status st = MSE_OK;
    if (s->out->writer == NULL) {
        st = mse_pack_writer_new(&s->out->writer, s->from->dir_fd, s->from->root, s->err);
    }
    c->pack = MSE_STORE_NEW_PACK;
    s->out->new_bytes += piece.len;
    return st == MSE_OK ? mse_pack_put(s->out->writer, c, piece, s->err) : st;
}

/* One chunk that was read: zeros, one that is stored already, or a new one. */
static mse_status take_chunk(struct scan *s, struct mse_store_node *n,
                             const struct mse_store_node *old, size_t i)
{
    struct mse_store_chunk *c = &n->chunks[i];
    size_t len = mse_store_chunk_len(n->size, i);
    *c = (struct mse_store_chunk) { .pack = MSE_STORE_NO_PACK };
    if (mse_mem_is_zero(s->piece, len)) {
        return MSE_OK;
    }
    mse_status st = mse_sha256(c->hash, mse_bytes_of(s->piece, len));
    if (st != MSE_OK) {
        return MSE_FAIL(s->err, st, "storage", "SHA-256 failed");
    }
    if (old != NULL && i < mse_store_num_chunks(old->size) &&
        mse_store_chunk_len(old->size, i) == len) {
        const struct mse_store_chunk *o = &old->chunks[i];
        if (o->pack != MSE_STORE_NO_PACK && !s->from->retired[o->pack] &&
            mse_mem_equal(o->hash, c->hash, sizeof c->hash)) {
            *c = *o;
            return MSE_OK;
        }
    }
    return put_new(s, c, mse_bytes_of(s->piece, len));
}

/* From the first chunk at or behind i that holds anything but a hole. */
static size_t skip_hole(int fd, uint64_t size, size_t i)
{
    off_t data = lseek(fd, (off_t)i * (off_t)MSE_STORE_CHUNK, SEEK_DATA);
    if (data < 0) {
        return errno == ENXIO ? mse_store_num_chunks(size) : i;
    }
    size_t next = (size_t)((uint64_t)data / MSE_STORE_CHUNK);
    return next > i ? next : i;
}

static mse_status read_chunks(struct scan *s, struct mse_store_node *n,
                              const struct mse_store_node *old, int fd)
{
    size_t num = mse_store_num_chunks(n->size);
    mse_status st = MSE_OK;
    size_t i = 0;
    MSE_ASSERT(num == 0 || n->chunks != NULL);
    while (st == MSE_OK && i < num) {
        size_t next = skip_hole(fd, n->size, i);
        for (; i < next && i < num; i++) {
            n->chunks[i] = (struct mse_store_chunk) { .pack = MSE_STORE_NO_PACK };
        }
        if (i == num) {
            break;
        }
        if (lseek(fd, (off_t)i * (off_t)MSE_STORE_CHUNK, SEEK_SET) < 0 ||
            !mse_io_read_exact(fd, s->piece, mse_store_chunk_len(n->size, i))) {
            st = MSE_FAIL(s->err, MSE_ERR_IO, "storage", "a file cannot be read");
        } else {
            st = take_chunk(s, n, old, i++);
        }
    }
    return st;
}

static mse_status read_file(struct scan *s, struct mse_store_node *n,
                            const struct mse_store_node *old, const struct mse_store_entry *e)
{
    /* Reading must not look like the app's doing. */
    int fd = openat(e->dir_fd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
    if (fd < 0) {
        return MSE_FAIL(s->err, MSE_ERR_IO, "storage", "a file cannot be opened: %s",
                        strerror(errno));
    }
    mse_status st = read_chunks(s, n, old, fd);
    (void)close(fd);
    return st;
}

static mse_status visit_file(struct scan *s, struct mse_store_node *n,
                             const struct mse_store_node *old, const struct mse_store_entry *e)
{
    const struct mse_store_hold *hold = s->from->hold;
    size_t num = mse_store_num_chunks((uint64_t)e->st.st_size);
    bool mapped = hold != NULL && hold->is_mapped(hold->arg, (uint64_t)e->st.st_ino);
    old = old != NULL && old->type == MSE_STORE_FILE ? old : NULL;
    if (num > MSE_STORE_MAX_CHUNKS) {
        return MSE_FAIL(s->err, MSE_ERR_STORAGE_LIMIT, "storage", "a file is too long");
    }
    n->size = (uint64_t)e->st.st_size;
    n->mtime = not_negative(e->st.st_mtim.tv_sec);
    n->mtime_ns = (uint32_t)e->st.st_mtim.tv_nsec;
    n->chunks = num == 0 ? NULL : calloc(num, sizeof *n->chunks);
    if (num > 0 && n->chunks == NULL) {
        return MSE_FAIL(s->err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    if (!mapped && !is_racy(&e->st.st_mtim, &s->began) && !is_racy(&e->st.st_ctim, &s->began) &&
        !is_racy(&e->st.st_atim, &s->began)) {
        read_stamp(&n->stamp, &e->st);
    }
    if (!mapped && old != NULL && untouched(old, &e->st, true) && !uses_retired(s, old)) {
        if (num > 0) {
            memcpy(n->chunks, old->chunks, num * sizeof *n->chunks);
        }
        return MSE_OK;
    }
    return read_file(s, n, old, e);
}

/* A file of many names comes back as many, and a hole inside a chunk as zeros: what would not fit
 * when it is put back could never be had back. */
static mse_status take_room(struct scan *s, const struct mse_store_node *n)
{
    for (size_t i = 0; n->chunks != NULL && i < mse_store_num_chunks(n->size); i++) {
        size_t over = mse_store_chunk_len(n->size, i) % MSE_STORE_PAGE;
        size_t pages = mse_store_chunk_len(n->size, i) + (over == 0 ? 0 : MSE_STORE_PAGE - over);
        s->used += n->chunks[i].pack == MSE_STORE_NO_PACK ? 0 : pages;
    }
    return s->room == 0 || s->used <= s->room
               ? MSE_OK
               : MSE_FAIL(s->err, MSE_ERR_STORAGE_LIMIT, "storage",
                          "the files would not fit when they are put back");
}

static mse_status visit_link(struct scan *s, struct mse_store_node *n,
                             const struct mse_store_entry *e)
{
    char target[MSE_STORE_MAX_PATH + 1];
    ssize_t len = readlinkat(e->dir_fd, e->name, target, sizeof target);
    if (len <= 0 || (size_t)len == sizeof target) {
        return MSE_FAIL(s->err, MSE_ERR_STORAGE_LIMIT, "storage", "a link cannot be read");
    }
    n->target = strndup(target, (size_t)len);
    return n->target != NULL ? MSE_OK
                             : MSE_FAIL(s->err, MSE_ERR_MEMORY, "storage", "out of memory");
}

static mse_status visit(void *arg, const struct mse_store_entry *e)
{
    struct scan *s = arg;
    const struct mse_store_node *old = find_old(s->from->old, &s->at, e->path);
    struct mse_store_node n = { .mode = mode_of(&e->st) };
    mse_status st = MSE_OK;
    if (S_ISDIR(e->st.st_mode)) {
        n.type = MSE_STORE_DIR;
    } else if (S_ISREG(e->st.st_mode)) {
        n.type = MSE_STORE_FILE;
        st = visit_file(s, &n, old, e);
        st = st == MSE_OK ? take_room(s, &n) : st;
    } else if (S_ISLNK(e->st.st_mode)) {
        n.type = MSE_STORE_LINK;
        st = visit_link(s, &n, e);
    } else {
        s->out->left_out++;
        return MSE_OK;
    }
    n.path = st == MSE_OK ? strdup(e->path) : NULL;
    if (st == MSE_OK) {
        st = n.path == NULL ? MSE_ERR_MEMORY : mse_store_add(&s->out->fresh, &n);
    }
    mse_store_node_clear(&n);
    return st;
}

mse_status mse_store_scan(struct mse_store_scan *out, const struct mse_store_sources *from,
                          struct mse_error *err)
{
    struct mse_store_scan result = { .writer = NULL };
    struct scan *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    s->from = from;
    s->out = &result;
    s->err = err;
    (void)clock_gettime(CLOCK_REALTIME, &s->began);
    struct statvfs fs;
    if (statvfs(from->dir, &fs) == 0) {
        s->room = (uint64_t)fs.f_blocks * fs.f_frsize;
    }
    mse_status st = mse_store_walk(from->dir, visit, s);
    mse_wipe(s->piece, sizeof s->piece);
    free(s);
    if (st != MSE_OK) {
        mse_store_scan_clear(&result);
        return MSE_FAIL(err, st, "storage", "the files cannot be stored: %s", mse_status_text(st));
    }
    *out = result;
    return MSE_OK;
}

void mse_store_scan_clear(struct mse_store_scan *s)
{
    mse_store_index_clear(&s->fresh);
    mse_pack_writer_free(s->writer);
    s->writer = NULL;
}

/* ---- comparing ---- */

static bool same_chunks(const struct mse_store_node *a, const struct mse_store_node *b)
{
    bool same = a->size == b->size;
    for (size_t i = 0; same && i < mse_store_num_chunks(a->size); i++) {
        const struct mse_store_chunk *x = &a->chunks[i];
        const struct mse_store_chunk *y = &b->chunks[i];
        same = x->pack == y->pack && x->number == y->number && x->offset == y->offset;
    }
    return same;
}

static bool same_node(const struct mse_store_node *a, const struct mse_store_node *b)
{
    bool links = a->type == MSE_STORE_LINK;
    return a->type == b->type && a->mode == b->mode && a->mtime == b->mtime &&
           a->mtime_ns == b->mtime_ns && strcmp(a->path, b->path) == 0 &&
           (!links || strcmp(a->target, b->target) == 0) && same_chunks(a, b);
}

bool mse_store_same(const struct mse_store_index *a, const struct mse_store_index *b)
{
    bool same = a->num_nodes == b->num_nodes;
    for (size_t i = 0; same && i < a->num_nodes; i++) {
        same = same_node(&a->nodes[i], &b->nodes[i]);
    }
    return same;
}

/* A look at the tree while the app runs. */
struct look {
    const struct mse_store_index *x;
    size_t at;
    size_t seen;
};

static mse_status look_at(void *arg, const struct mse_store_entry *e)
{
    struct look *l = arg;
    const struct mse_store_node *n = find_old(l->x, &l->at, e->path);
    if (!S_ISDIR(e->st.st_mode) && !S_ISREG(e->st.st_mode) && !S_ISLNK(e->st.st_mode)) {
        return MSE_OK;
    }
    bool same = n != NULL && n->mode == mode_of(&e->st) &&
                (n->type == MSE_STORE_DIR) == S_ISDIR(e->st.st_mode) &&
                (n->type == MSE_STORE_FILE) == S_ISREG(e->st.st_mode) &&
                (n->type != MSE_STORE_FILE || untouched(n, &e->st, false));
    l->seen++;
    return same ? MSE_OK : MSE_ERR_NOT_FOUND;
}

bool mse_store_looks_changed(const struct mse_store_index *x, const char *dir)
{
    struct look l = { .x = x };
    return mse_store_walk(dir, look_at, &l) != MSE_OK || l.seen != x->num_nodes;
}
