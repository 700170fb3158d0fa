/* SPDX-License-Identifier: Apache-2.0 */
/* See store.h. In the host's folder the storage has one of its own, named by the id of its root;
 * there lie the index and the packs. */
#include "enclave/store.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/store_copy.h"
#include "enclave/store_files.h"
#include "os/dir_file.h"

#define MANY_PACKS ((size_t)256)
#define AGAIN_MAX  ((uint64_t)16 * 1024 * 1024) /* sealed again in one snapshot */
/* A file with its name, and the head and tag. */
#define INDEX_FILE_MAX (MSE_STORE_MAX_LEN + MSE_SEAL_EXTRA)

struct mse_store {
    struct mse_store_config c;
    int dir_fd;
    bool has_counter;
    struct mse_store_index x; /* as it is stored */
    uint8_t pin[32];          /* SHA-256 of its file */
    /* Held while the next snapshot takes the place of this one: others read what lies there. */
    pthread_mutex_t turn;
};

/* ---- the counter ---- */

static mse_status read_counter(struct mse_store *s, uint64_t *out, struct mse_error *err)
{
    struct mse_error why = { 0 };
    mse_status st = s->c.count(s->c.arg, out, false, &why);
    s->has_counter = st == MSE_OK;
    if (st == MSE_ERR_UNSUPPORTED) {
        *out = 0;
        return MSE_OK;
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "storage", "the platform's counter: %s", why.text);
}

static mse_status rolled_back(struct mse_error *err, uint64_t seen, uint64_t wanted)
{
    return MSE_FAIL(err, MSE_ERR_STORAGE_ROLLED_BACK, "storage",
                    "the index says %llu, but the platform counts %llu: an older snapshot",
                    (unsigned long long)seen, (unsigned long long)wanted);
}

/* What is on the disk is the last snapshot, or was just about to become it. */
static mse_status check_counter(struct mse_store *s, uint64_t *now, struct mse_error *err)
{
    mse_status st = read_counter(s, now, err);
    if (st != MSE_OK || (s->x.counter == 0 && *now == 0)) {
        return st; /* made where nothing counts, and nothing was counted since */
    }
    if (s->has_counter && s->x.counter == *now + 1) {
        st = s->c.count(s->c.arg, now, true, err);
    }
    return st != MSE_OK || (s->has_counter && s->x.counter == *now)
               ? st
               : rolled_back(err, s->x.counter, *now);
}

mse_status mse_store_settle(struct mse_store *s, struct mse_error *err)
{
    uint64_t now = 0;
    return check_counter(s, &now, err);
}

/* ---- the index on the disk ---- */

static mse_status write_index(struct mse_store *s, const struct mse_store_index *x,
                              struct mse_error *err)
{
    uint8_t pin[32];
    struct mse_build plain;
    struct mse_build file;
    mse_build_heap(&plain, MSE_STORE_MAX_LEN);
    mse_build_heap(&file, INDEX_FILE_MAX);
    mse_store_index_write(&plain, x);
    mse_status st = mse_build_ok(&plain)
                        ? mse_seal(&file, s->c.root, MSE_SEAL_INDEX, mse_build_view(&plain))
                        : MSE_ERR_STORAGE_LIMIT;
    mse_build_clear(&plain);
    st = st == MSE_OK ? mse_sha256(pin, mse_build_view(&file)) : st;
    if (st == MSE_OK) {
        st = mse_dir_file_replace(s->dir_fd, INDEX_NAME, mse_build_view(&file), err);
    }
    if (st == MSE_OK) {
        memcpy(s->pin, pin, sizeof pin);
    }
    mse_build_clear(&file);
    return st == MSE_OK ? st
                        : MSE_FAIL(err, st, "storage", "the index cannot be written: %s",
                                   mse_status_text(st));
}

static mse_status read_index(struct mse_store *s, struct mse_error *err)
{
    struct mse_build file;
    struct mse_build plain;
    mse_build_heap(&file, INDEX_FILE_MAX);
    mse_build_heap(&plain, MSE_STORE_MAX_LEN + 1);
    mse_status st = mse_dir_file_read(&file, s->dir_fd, INDEX_NAME, NULL);
    if (st == MSE_ERR_NOT_FOUND) {
        st = MSE_ERR_STORAGE_MISSING;
    }
    st = st == MSE_OK ? mse_sha256(s->pin, mse_build_view(&file)) : st;
    if (st == MSE_OK) {
        st = mse_unseal(&plain, s->c.root, MSE_SEAL_INDEX, mse_build_view(&file));
    }
    if (st == MSE_OK) {
        st = mse_store_index_parse(&s->x, mse_build_view(&plain));
    }
    mse_build_clear(&file);
    mse_build_clear(&plain);
    if (st == MSE_ERR_SIGNATURE || st == MSE_ERR_MALFORMED || st == MSE_ERR_IO ||
        st == MSE_ERR_NO_SPACE) {
        st = MSE_ERR_STORAGE_DAMAGED;
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "storage", "the index: %s", mse_status_text(st));
}

/* Writes *x as the next one and makes it count; on success it becomes s->x. */
static mse_status commit(struct mse_store *s, struct mse_store_index *x, mse_time now,
                         struct mse_error *err)
{
    uint64_t count = 0;
    mse_status st = check_counter(s, &count, err);
    if (st != MSE_OK) {
        return st;
    }
    x->generation = s->x.generation + 1;
    x->counter = s->has_counter ? count + 1 : 0;
    x->floor = now > s->x.floor ? now : s->x.floor;
    st = write_index(s, x, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_store_index_clear(&s->x);
    s->x = *x;
    *x = (struct mse_store_index) { .nodes = NULL };
    return mse_store_settle(s, err);
}

/* ---- life ---- */

static mse_status store_new(struct mse_store **out, const struct mse_store_config *c, bool make,
                            struct mse_error *err)
{
    char name[MSE_STORE_NAME_LEN];
    struct mse_store *s = calloc(1, sizeof *s);
    mse_status st = s == NULL ? MSE_ERR_MEMORY : mse_store_name(name, c->root);
    if (st != MSE_OK || pthread_mutex_init(&s->turn, NULL) != 0) {
        free(s);
        return MSE_FAIL(err, st == MSE_OK ? MSE_ERR_MEMORY : st, "storage", "cannot be opened");
    }
    s->c = *c;
    s->dir_fd = -1;
    st = mse_dir_open(&s->dir_fd, c->state_fd, name, make, NULL);
    if (st != MSE_OK) {
        mse_store_free(s);
        st = st == MSE_ERR_NOT_FOUND ? MSE_ERR_STORAGE_MISSING : st;
        return MSE_FAIL(err, st, "storage", "%s: %s", name, mse_status_text(st));
    }
    *out = s;
    return MSE_OK;
}

/* What lies there, held against nothing yet. NULL on failure. */
static struct mse_store *look(const struct mse_store_config *c, mse_status *st,
                              struct mse_error *err)
{
    struct mse_store *s = NULL;
    *st = store_new(&s, c, false, err);
    if (*st != MSE_OK) {
        return NULL;
    }
    MSE_ASSERT(s != NULL);
    *st = read_index(s, err);
    if (*st != MSE_OK) {
        mse_store_free(s);
        return NULL;
    }
    return s;
}

mse_status mse_store_open(struct mse_store **out, const struct mse_store_config *c,
                          struct mse_error *err)
{
    mse_status st = MSE_OK;
    struct mse_store *s = look(c, &st, err);
    if (s == NULL) {
        return st;
    }
    st = mse_store_settle(s, err);
    if (st != MSE_OK) {
        mse_store_free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

mse_time mse_store_floor(const struct mse_store *s)
{
    return s->x.floor;
}

bool mse_store_has_counter(const struct mse_store *s)
{
    return s->has_counter;
}

bool mse_store_changed(struct mse_store *s, const char *dir)
{
    return mse_store_looks_changed(&s->x, dir);
}

void mse_store_free(struct mse_store *s)
{
    if (s == NULL) {
        return;
    }
    if (s->dir_fd >= 0) {
        (void)close(s->dir_fd);
    }
    mse_store_index_clear(&s->x);
    (void)pthread_mutex_destroy(&s->turn);
    mse_wipe(s->c.root, sizeof s->c.root);
    free(s);
}

/* ---- packs ---- */

/* How many bytes of each pack are of use. */
static uint64_t *live_bytes(const struct mse_store_index *x)
{
    uint64_t *live = calloc(x->num_packs + 1, sizeof *live);
    for (size_t i = 0; live != NULL && i < x->num_nodes; i++) {
        const struct mse_store_node *n = &x->nodes[i];
        for (size_t k = 0; k < mse_store_num_chunks(n->size); k++) {
            if (n->chunks[k].pack != MSE_STORE_NO_PACK) {
                live[n->chunks[k].pack] += mse_store_chunk_len(n->size, k);
            }
        }
    }
    return live;
}

/* Packs whose pieces are sealed again, so that they can go: those that are mostly of no use, and
 * the short ones where there are many. */
static bool *choose_retired(const struct mse_store_index *x)
{
    bool *retired = calloc(x->num_packs + 1, sizeof *retired);
    uint64_t *live = live_bytes(x);
    uint64_t total = 0;
    uint64_t again = 0;
    if (retired == NULL || live == NULL) {
        free(retired);
        free(live);
        return NULL;
    }
    for (size_t i = 0; i < x->num_packs; i++) {
        total += x->packs[i].length;
    }
    for (size_t i = 0; i < x->num_packs; i++) {
        uint64_t len = x->packs[i].length;
        bool wasteful = len > (uint64_t)16 * MSE_STORE_PAGE && live[i] < len / 2;
        bool small = x->num_packs > MANY_PACKS && len <= total / x->num_packs;
        if ((wasteful || small) && (again == 0 || again + live[i] <= AGAIN_MAX)) {
            retired[i] = true;
            again += live[i];
        }
    }
    free(live);
    return retired;
}

/* Gives the new index its packs: those of the old one that it uses, and the new one. */
static mse_status join_packs(struct mse_store_scan *scan, const struct mse_store_index *old,
                             const struct mse_store_pack *added, struct mse_error *err)
{
    struct mse_store_index *x = &scan->fresh;
    uint32_t *to = calloc(old->num_packs + 1, sizeof *to); /* new number + 1 */
    x->packs = calloc(old->num_packs + 1, sizeof *x->packs);
    if (to == NULL || x->packs == NULL) {
        free(to);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    for (size_t i = 0; i < x->num_nodes; i++) {
        for (size_t k = 0; k < mse_store_num_chunks(x->nodes[i].size); k++) {
            uint32_t *pack = &x->nodes[i].chunks[k].pack;
            if (*pack == MSE_STORE_NO_PACK) {
                continue;
            }
            size_t from = *pack == MSE_STORE_NEW_PACK ? old->num_packs : *pack;
            if (to[from] == 0) {
                x->packs[x->num_packs++] = from == old->num_packs ? *added : old->packs[from];
                to[from] = (uint32_t)x->num_packs;
            }
            *pack = to[from] - 1;
        }
    }
    free(to);
    return x->num_packs <= MSE_STORE_MAX_PACKS
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_STORAGE_LIMIT, "storage", "too many packs");
}

static bool is_used(const struct mse_store_index *x, const char *name)
{
    char own[MSE_PACK_NAME_LEN];
    for (size_t i = 0; i < x->num_packs; i++) {
        mse_pack_name(own, x->packs[i].salt);
        if (strcmp(own, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What nothing refers to any more: of the snapshot before, or of one that was not finished. */
static void remove_unused(const struct mse_store *s)
{
    int fd = -1;
    if (mse_dir_open(&fd, s->dir_fd, ".", false, NULL) != MSE_OK) {
        return;
    }
    DIR *d = fdopendir(fd);
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (mse_pack_is_name(e->d_name) && !is_used(&s->x, e->d_name)) {
            (void)unlinkat(fd, e->d_name, 0);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    } else {
        (void)close(fd);
    }
}

/* ---- snapshots ---- */

static uint64_t now_us(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

/* The part that the app stands still for. */
static mse_status scan_held(struct mse_store *s, struct mse_store_scan *scan,
                            const struct mse_store_take *take, uint64_t *pause_us,
                            struct mse_error *err)
{
    const struct mse_store_hold *hold = take->hold;
    bool *retired = choose_retired(&s->x);
    const struct mse_store_sources from = { .dir = take->dir,
                                            .old = &s->x,
                                            .retired = retired,
                                            .hold = hold,
                                            .dir_fd = s->dir_fd,
                                            .root = s->c.root };
    if (retired == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    uint64_t began = now_us();
    mse_status st = hold == NULL ? MSE_OK : hold->stop(hold->arg, err);
    if (st == MSE_OK) {
        st = mse_store_scan(scan, &from, err);
        if (hold != NULL) {
            hold->go(hold->arg);
        }
    }
    *pause_us = hold == NULL ? 0 : now_us() - began;
    free(retired);
    return st;
}

/* Everything but the index is on the disk. */
static mse_status finish_scan(const struct mse_store *s, struct mse_store_scan *scan,
                              struct mse_error *err)
{
    struct mse_store_pack added = { .length = 0 };
    mse_status st = scan->writer == NULL ? MSE_OK : mse_pack_finish(scan->writer, &added, err);
    return st == MSE_OK ? join_packs(scan, &s->x, &added, err) : st;
}

static mse_status store_scan(struct mse_store *s, struct mse_store_scan *scan, mse_time now,
                             struct mse_error *err)
{
    mse_status st = finish_scan(s, scan, err);
    if (st != MSE_OK) {
        return st;
    }
    (void)pthread_mutex_lock(&s->turn);
    st = commit(s, &scan->fresh, now, err);
    if (st == MSE_OK) {
        remove_unused(s);
    }
    (void)pthread_mutex_unlock(&s->turn);
    return st;
}

/* Nothing new: what is known about the files is kept, so that they need not be read again. */
static void keep_stamps(struct mse_store *s, const struct mse_store_scan *scan)
{
    for (size_t i = 0; i < s->x.num_nodes; i++) {
        s->x.nodes[i].stamp = scan->fresh.nodes[i].stamp;
    }
}

mse_status mse_store_snapshot(struct mse_store *s, const struct mse_store_take *take,
                              struct mse_store_report *out, struct mse_error *err)
{
    struct mse_store_scan scan = { .writer = NULL };
    struct mse_store_report report = { .stored = false };
    mse_status st = scan_held(s, &scan, take, &report.pause_us, err);
    if (st != MSE_OK) {
        return st;
    }
    report.new_bytes = scan.new_bytes;
    report.left_out = scan.left_out;
    report.stored = take->force || scan.writer != NULL || !mse_store_same(&s->x, &scan.fresh);
    if (report.stored) {
        st = store_scan(s, &scan, take->now, err);
    } else {
        keep_stamps(s, &scan);
    }
    mse_store_scan_clear(&scan);
    if (st == MSE_OK) {
        *out = report;
    }
    return st;
}

mse_status mse_store_restore(struct mse_store *s, const char *dir, uid_t owner, mse_time now,
                             struct mse_error *err)
{
    struct mse_store_report report;
    const struct mse_store_take take = { .dir = dir, .now = now, .force = true };
    mse_status st = mse_store_write_files(&s->x, s->dir_fd, s->c.root, dir, owner, err);
    return st == MSE_OK ? mse_store_snapshot(s, &take, &report, err) : st;
}

/* ---- beginnings ---- */

/* The first index, with what is in dir. */
static mse_status fill(struct mse_store *s, const char *dir, struct mse_error *err)
{
    struct mse_store_scan scan = { .writer = NULL };
    const struct mse_store_take take = { .dir = dir };
    uint64_t pause_us = 0;
    mse_status st = scan_held(s, &scan, &take, &pause_us, err);
    if (st != MSE_OK) {
        return st;
    }
    st = finish_scan(s, &scan, err);
    scan.fresh.generation = s->x.generation;
    scan.fresh.counter = s->x.counter;
    scan.fresh.floor = s->x.floor;
    st = st == MSE_OK ? write_index(s, &scan.fresh, err) : st;
    if (st == MSE_OK) {
        s->x = scan.fresh; /* there was nothing in it */
        scan.fresh = (struct mse_store_index) { .nodes = NULL };
    }
    mse_store_scan_clear(&scan);
    return st;
}

static mse_status create(struct mse_store **out, const struct mse_store_config *c, const char *dir,
                         mse_time now, struct mse_error *err)
{
    struct mse_store *s = NULL;
    uint64_t count = 0;
    mse_status st = store_new(&s, c, true, err);
    if (st != MSE_OK) {
        return st;
    }
    MSE_ASSERT(s != NULL);
    st = read_counter(s, &count, err);
    s->x.generation = 1;
    s->x.counter = s->has_counter ? count + 1 : 0;
    s->x.floor = now;
    if (st == MSE_OK) {
        st = dir == NULL ? write_index(s, &s->x, err) : fill(s, dir, err);
    }
    if (st != MSE_OK) {
        mse_store_free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

mse_status mse_store_create(struct mse_store **out, const struct mse_store_config *c, mse_time now,
                            struct mse_error *err)
{
    return create(out, c, NULL, now, err);
}

mse_status mse_store_create_from(struct mse_store **out, const struct mse_store_config *c,
                                 const char *dir, mse_time now, struct mse_error *err)
{
    return create(out, c, dir, now, err);
}

mse_status mse_store_open_files(struct mse_store *s, struct mse_store_file **out, size_t *num,
                                struct mse_error *err)
{
    (void)pthread_mutex_lock(&s->turn);
    size_t n = s->x.num_packs + 1;
    struct mse_store_file *files = calloc(n, sizeof *files);
    mse_status st = files == NULL ? MSE_ERR_MEMORY : MSE_OK;
    size_t i = 0;
    while (st == MSE_OK && i < n) {
        struct mse_store_file *f = &files[i];
        if (i == 0) {
            (void)snprintf(f->name, sizeof f->name, "%s", INDEX_NAME);
        } else {
            mse_pack_name(f->name, s->x.packs[i - 1].salt);
        }
        st = mse_dir_file_open(&f->fd, &f->len, s->dir_fd, f->name, NULL);
        i += st == MSE_OK ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&s->turn);
    if (st != MSE_OK) {
        mse_store_close_files(files, i);
        st = st == MSE_ERR_NOT_FOUND ? MSE_ERR_STORAGE_MISSING : st;
        return MSE_FAIL(err, st, "storage", "its files cannot be read: %s", mse_status_text(st));
    }
    *out = files;
    *num = n;
    return MSE_OK;
}

void mse_store_pin(const struct mse_store *s, uint8_t root[32], uint8_t pin[32])
{
    memcpy(root, s->c.root, sizeof s->c.root);
    memcpy(pin, s->pin, sizeof s->pin);
}

mse_status mse_store_inherit(const struct mse_store_config *c, const uint8_t pin[32],
                             const char *dir, uid_t owner, struct mse_error *err)
{
    mse_status st = MSE_OK;
    struct mse_store *s = look(c, &st, err);
    if (s == NULL) {
        return st;
    }
    if (!mse_mem_equal(s->pin, pin, sizeof s->pin)) {
        st = MSE_FAIL(err, MSE_ERR_STORAGE_ROLLED_BACK, "storage",
                      "this is not the snapshot that was handed over");
    }
    st = st == MSE_OK ? mse_store_write_files(&s->x, s->dir_fd, s->c.root, dir, owner, err) : st;
    mse_store_free(s);
    return st;
}
