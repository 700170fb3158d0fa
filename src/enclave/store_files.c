/* SPDX-License-Identifier: Apache-2.0 */
/* Putting files back. Nobody else has the folder yet; names come out of an index that was opened
 * under our own key, and were checked when it was read. */
#include "enclave/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

struct restore {
    const struct mse_store_index *x;
    int dir_fd; /* of the packs */
    const uint8_t *root;
    int to; /* the folder that is filled */
    uid_t owner;
    struct mse_error *err;
    struct mse_pack_reader *reader;
    uint32_t pack; /* that the reader is of */
    uint8_t piece[MSE_STORE_CHUNK];
};

static mse_status io(const struct restore *r)
{
    return MSE_FAIL(r->err, MSE_ERR_IO, "storage", "a file cannot be put back: %s",
                    strerror(errno));
}

static mse_status read_piece(struct restore *r, const struct mse_store_chunk *c, size_t len)
{
    mse_status st = MSE_OK;
    if (r->reader == NULL || r->pack != c->pack) {
        mse_pack_reader_free(r->reader);
        r->reader = NULL;
        r->pack = c->pack;
        st = mse_pack_reader_new(&r->reader, r->dir_fd, r->root, &r->x->packs[c->pack], r->err);
    }
    return st == MSE_OK ? mse_pack_get(r->reader, r->piece, len, c, r->err) : st;
}

static mse_status write_chunks(struct restore *r, const struct mse_store_node *n, int fd)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < mse_store_num_chunks(n->size); i++) {
        size_t len = mse_store_chunk_len(n->size, i);
        if (n->chunks[i].pack == MSE_STORE_NO_PACK) {
            continue;
        }
        st = read_piece(r, &n->chunks[i], len);
        /* In memory: a short write is a full one that did not fit. */
        if (st == MSE_OK &&
            pwrite(fd, r->piece, len, (off_t)i * (off_t)MSE_STORE_CHUNK) != (ssize_t)len) {
            st = io(r);
        }
    }
    return st;
}

static mse_status put_file(struct restore *r, const struct mse_store_node *n)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
                                       { .tv_sec = n->mtime, .tv_nsec = (long)n->mtime_ns } };
    int fd = openat(r->to, n->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io(r);
    }
    mse_status st = ftruncate(fd, (off_t)n->size) == 0 ? write_chunks(r, n, fd) : io(r);
    if (st == MSE_OK && ((r->owner != geteuid() && fchown(fd, r->owner, r->owner) != 0) ||
                         fchmod(fd, n->mode & 0777) != 0 || futimens(fd, times) != 0)) {
        st = io(r);
    }
    (void)close(fd);
    return st;
}

static mse_status put_node(struct restore *r, const struct mse_store_node *n)
{
    bool top = strchr(n->path, '/') == NULL;
    bool foreign = r->owner != geteuid();
    if (n->type == MSE_STORE_FILE) {
        return put_file(r, n);
    }
    if (n->type == MSE_STORE_LINK) {
        return symlinkat(n->target, r->to, n->path) == 0 &&
                       (!foreign ||
                        fchownat(r->to, n->path, r->owner, r->owner, AT_SYMLINK_NOFOLLOW) == 0)
                   ? MSE_OK
                   : io(r);
    }
    return top || (mkdirat(r->to, n->path, 0700) == 0 &&
                   (!foreign ||
                    fchownat(r->to, n->path, r->owner, r->owner, AT_SYMLINK_NOFOLLOW) == 0))
               ? MSE_OK
               : io(r);
}

static mse_status put_all(struct restore *r)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < r->x->num_nodes; i++) {
        st = put_node(r, &r->x->nodes[i]);
    }
    /* Inner ones first: one may be closed to us. */
    for (size_t i = r->x->num_nodes; st == MSE_OK && i > 0; i--) {
        const struct mse_store_node *n = &r->x->nodes[i - 1];
        if (n->type == MSE_STORE_DIR && fchmodat(r->to, n->path, n->mode & 0777, 0) != 0) {
            st = io(r);
        }
    }
    return st;
}

mse_status mse_store_write_files(const struct mse_store_index *x, int dir_fd, const uint8_t *root,
                                 const char *dir, uid_t owner, struct mse_error *err)
{
    struct restore *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    *r = (struct restore) { .x = x, .dir_fd = dir_fd, .root = root, .owner = owner, .err = err };
    r->to = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    mse_status st = r->to < 0 ? io(r) : put_all(r);
    if (r->to >= 0) {
        (void)close(r->to);
    }
    mse_pack_reader_free(r->reader);
    mse_wipe(r->piece, sizeof r->piece);
    free(r);
    return st;
}
