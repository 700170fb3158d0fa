/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_store.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/newfile.h"
#include "tlog/note.h"

#define HASH       MSE_SHA256_LEN
#define MAX_BUNDLE ((size_t)MSE_LOG_TILE_WIDTH * (2 + MSE_LOG_MAX_ENTRY))

/* The right edge of the tree: the tiles that are not full. */
struct edge {
    struct cli_log_tile level[CLI_LOG_LEVELS];
};

/* Whatever the umask is: a log is for everybody, and its keeper's secrets are files of 0600. */
static mse_status make_folder(const char *path, struct mse_error *err)
{
    mode_t mask = umask(022);
    int made = mkdir(path, 0755);
    int why = errno;
    (void)umask(mask);
    errno = why;
    if (made != 0 && errno != EEXIST) {
        return MSE_FAIL(err, MSE_ERR_IO, "log", "%.180s: %s", path, strerror(errno));
    }
    return MSE_OK;
}

/* What was being written when a keeper was killed. */
static const char unfinished[] = ".next";

/* A file of the log, in folders that others may read. */
static mse_status put(const char *dir, const char *name, struct mse_bytes content, unsigned mode,
                      struct mse_error *err)
{
    char *path = cli_join(dir, name);
    char *temp = cli_join(dir, unfinished);
    if (path == NULL || temp == NULL) {
        free(path);
        free(temp);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = MSE_OK;
    for (char *p = strchr(path + strlen(dir) + 1, '/'); st == MSE_OK && p != NULL;
         p = strchr(p + 1, '/')) {
        *p = '\0';
        st = make_folder(path, err);
        *p = '/';
    }
    st = st == MSE_OK ? cli_file_write_via(path, temp, content, mode, err) : st;
    free(path);
    free(temp);
    return st;
}

/* The name, and that which a key has for a moment before it; what else lies here is the keeper's.
 */
static bool is_unfinished(const char *name)
{
    size_t len = strlen(unfinished);
    return strncmp(name, unfinished, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

static void sweep(const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;) {
        char *path = is_unfinished(e->d_name) ? cli_join(dir, e->d_name) : NULL;
        (void)(path != NULL && unlink(path) == 0);
        free(path);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

static void sweep_all(const struct cli_log_store *s)
{
    sweep(s->dir);
    if (s->source != NULL) {
        sweep(s->source->base);
    }
}

static mse_status lock_folder(int *out, const char *dir, struct mse_error *err)
{
    char *path = cli_join(dir, "lock");
    int fd = path == NULL ? -1 : cli_lock_wait(path);
    free(path);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "log", "%.180s cannot be locked: %s", dir,
                        strerror(errno));
    }
    *out = fd;
    return MSE_OK;
}

void cli_log_store_close(struct cli_log_store *s)
{
    if (s->dir != NULL) {
        (void)close(s->lock);
    }
    cli_log_signer_clear(&s->signer);
    cli_log_source_free(s->source);
    free(s->dir);
    *s = (struct cli_log_store) { .dir = NULL };
}

/* ---- checkpoints ---- */

static mse_status write_checkpoint(struct mse_build *b, const struct cli_log_signer *signer,
                                   const struct mse_log_head *h, struct mse_error *err)
{
    char root[48];
    mse_base64_encode(root, mse_bytes_of(h->root, HASH));
    mse_wr_printf(b, "%s\n%llu\n%s\n", signer->key.name, (unsigned long long)h->size, root);
    struct mse_bytes text = mse_build_view(b);
    uint8_t copy[MSE_LOG_MAX_TEXT];
    if (!mse_build_ok(b) || text.len > sizeof copy) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    memcpy(copy, text.data, text.len);
    mse_wr_str(b, "\n");
    return cli_log_sign(b, signer, mse_bytes_of(copy, text.len), 0, err);
}

/* First among our own things, so that no second one of this size is ever signed; then for all. */
static mse_status sign_and_publish(struct cli_log_store *s, const struct mse_log_head *h,
                                   struct mse_error *err)
{
    struct mse_build b;
    mse_build_heap(&b, MSE_LOG_MAX_NOTE);
    mse_status st = write_checkpoint(&b, &s->signer, h, err);
    if (st == MSE_OK && !mse_build_ok(&b)) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    st = st == MSE_OK ? put(s->dir, "signed", mse_build_view(&b), 0600, err) : st;
    st = st == MSE_OK ? put(s->source->base, "checkpoint", mse_build_view(&b), 0644, err) : st;
    if (st == MSE_OK) {
        s->head = *h;
        s->source->size = h->size;
    }
    mse_build_clear(&b);
    return st;
}

static mse_status read_own(struct cli_file *f, struct mse_log_checkpoint *c,
                           const struct cli_log_store *s, const char *dir, const char *name,
                           struct mse_error *err)
{
    char *path = cli_join(dir, name);
    if (path == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = cli_file_read(f, path, MSE_LOG_MAX_NOTE, err);
    st = st == MSE_OK ? mse_log_checkpoint_parse(c, cli_file_view(f), err) : st;
    st = st == MSE_OK ? mse_log_checkpoint_verify(c, &s->signer.key, err) : st;
    free(path);
    return st;
}

static mse_status check_root(struct cli_log_source *source, const struct mse_log_head *h,
                             struct mse_error *err)
{
    uint8_t root[HASH];
    const struct mse_log_nodes n = cli_log_source_nodes(source);
    source->size = h->size;
    memset(source->tiles, 0, sizeof source->tiles);
    mse_status st = mse_log_root_at(root, &n, h->size, err);
    if (st == MSE_OK && !mse_mem_equal(root, h->root, HASH)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "%.180s: its tiles do not hash to the root of the checkpoint", source->base);
    }
    return st;
}

/* What was signed against what is there for all. */
static mse_status settle(struct cli_log_store *s, const struct mse_log_head *mine,
                         const struct mse_log_head *theirs, struct mse_bytes note,
                         struct mse_error *err)
{
    if (theirs->size > mine->size) {
        return MSE_FAIL(err, MSE_ERR_LOG_ROLLBACK, "log",
                        "%.120s: the checkpoint has %llu entries, the last that was signed here "
                        "%llu: an older copy of the keeper's folder",
                        s->dir, (unsigned long long)theirs->size, (unsigned long long)mine->size);
    }
    if (theirs->size == mine->size && !mse_mem_equal(theirs->root, mine->root, HASH)) {
        return MSE_FAIL(err, MSE_ERR_LOG_CONSISTENCY, "log",
                        "%.120s: two checkpoints of %llu entries are signed, with different roots",
                        s->dir, (unsigned long long)mine->size);
    }
    mse_status st = check_root(s->source, mine, err);
    if (st == MSE_OK && theirs->size < mine->size) {
        st = put(s->source->base, "checkpoint", note, 0644, err);
    }
    if (st == MSE_OK) {
        s->head = *mine;
    }
    return st;
}

static mse_status load(struct cli_log_store *s, struct mse_error *err)
{
    struct cli_file mine = { 0 };
    struct cli_file theirs = { 0 };
    struct mse_log_checkpoint signed_one = { .head = { .size = 0 } };
    struct mse_log_checkpoint published = { .head = { .size = 0 } };
    char *path = cli_join(s->dir, "log.key");
    char *public = cli_join(s->dir, "public");
    mse_status st = path == NULL || public == NULL
                        ? MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory")
                        : cli_log_signer_read(&s->signer, path, err);
    st = st == MSE_OK ? cli_log_source_open(&s->source, public, 0, err) : st;
    st = st == MSE_OK ? read_own(&mine, &signed_one, s, s->dir, "signed", err) : st;
    if (st == MSE_OK) {
        published = signed_one;
        struct mse_error why = { 0 };
        st = read_own(&theirs, &published, s, public, "checkpoint", &why);
        if (st == MSE_ERR_NOT_FOUND) { /* the first one was not published yet */
            published.head.size = 0;
            st = put(public, "checkpoint", cli_file_view(&mine), 0644, err);
        } else if (st != MSE_OK) {
            st = MSE_FAIL(err, st, "log", "%.300s", why.text);
        }
    }
    st = st == MSE_OK
             ? settle(s, &signed_one.head, theirs.len > 0 ? &published.head : &signed_one.head,
                      cli_file_view(&mine), err)
             : st;
    cli_file_clear(&mine);
    cli_file_clear(&theirs);
    free(public);
    free(path);
    return st;
}

/* The parts that a whole tile has made superfluous. */
static void drop_parts(const struct cli_log_store *s, int level, uint64_t index)
{
    char path[MSE_LOG_TILE_PATH_LEN];
    for (unsigned w = MSE_LOG_TILE_WIDTH - 1; w > 0; w--) {
        char *full = mse_log_tile_path(path, level, index, w) == MSE_OK
                         ? cli_join(s->source->base, path)
                         : NULL;
        if (full != NULL) {
            (void)unlink(full);
            *strrchr(full, '/') = '\0';
            (void)rmdir(full); /* once it is empty */
        }
        free(full);
    }
}

static void tidy(const struct cli_log_store *s)
{
    uint64_t hashes = s->head.size;
    if (hashes == 0) {
        return;
    }
    if (hashes % MSE_LOG_TILE_WIDTH == 0) {
        drop_parts(s, MSE_LOG_TILE_ENTRIES, hashes / MSE_LOG_TILE_WIDTH - 1);
    }
    for (int l = 0; l < CLI_LOG_LEVELS && hashes % MSE_LOG_TILE_WIDTH == 0; l++) {
        hashes /= MSE_LOG_TILE_WIDTH;
        drop_parts(s, l, hashes - 1);
    }
}

mse_status cli_log_store_open(struct cli_log_store *out, const char *dir, struct mse_error *err)
{
    struct cli_log_store s = { .dir = strdup(dir) };
    if (s.dir == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    char *key = cli_join(dir, "log.key");
    bool there = key != NULL && cli_file_exists(key);
    free(key);
    mse_status st = there ? lock_folder(&s.lock, dir, err)
                          : MSE_FAIL(err, MSE_ERR_NOT_FOUND, "log",
                                     "%.180s is no log of yours: mse log init makes one", dir);
    if (st != MSE_OK) {
        free(s.dir);
        return st;
    }
    st = load(&s, err);
    if (st != MSE_OK) {
        cli_log_store_close(&s);
        return st;
    }
    sweep_all(&s);
    tidy(&s);
    *out = s;
    return MSE_OK;
}

mse_status cli_log_store_key(struct mse_log_key *out, const char *dir, struct mse_error *err)
{
    struct cli_log_signer signer = { .secret = { 0 } };
    char *path = cli_join(dir, "log.key");
    mse_status st = path == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory")
                                 : cli_log_signer_read(&signer, path, err);
    if (st == MSE_OK) {
        *out = signer.key;
    }
    cli_log_signer_clear(&signer);
    free(path);
    return st;
}

/* ---- making one ---- */

/* Under a name that says so until it is whole: only such files are ever removed. */
static mse_status put_key(const struct cli_log_signer *k, const char *dir, const char *path,
                          struct mse_error *err)
{
    char *temp = cli_join(dir, unfinished);
    if (temp == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = cli_log_signer_write(k, temp, true, err);
    if (st == MSE_OK && rename(temp, path) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "log", "%.180s: %s", path, strerror(errno));
    }
    free(temp);
    return st;
}

/* The key of an earlier try if there is one, else a new one. */
static mse_status init_key(struct cli_log_signer *out, const char *dir, const char *origin,
                           struct mse_error *err)
{
    char *path = cli_join(dir, "log.key");
    if (path == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = MSE_OK;
    if (cli_file_exists(path)) {
        st = cli_log_signer_read(out, path, err);
        if (st == MSE_OK && strcmp(out->key.name, origin) != 0) {
            st = MSE_FAIL(err, MSE_ERR_EXISTS, "log", "%.180s has the key of %s", dir,
                          out->key.name);
        }
    } else {
        st = cli_log_signer_make(out, origin, MSE_LOG_KEY_LOG, err);
        st = st == MSE_OK ? put_key(out, dir, path, err) : st;
    }
    free(path);
    return st;
}

static mse_status init_locked(struct cli_log_store *s, const char *origin, struct mse_error *err)
{
    const struct mse_log_nodes none = { NULL, NULL };
    struct mse_log_head empty = { .size = 0 };
    char text[CLI_LOG_KEY_TEXT + 1];
    char *mark = cli_join(s->dir, "signed");
    char *public = cli_join(s->dir, "public");
    mse_status st = MSE_ERR_MEMORY;
    if (mark != NULL && public != NULL) {
        st = cli_file_exists(mark)
                 ? MSE_FAIL(err, MSE_ERR_EXISTS, "log", "%.180s has a log already", s->dir)
                 : init_key(&s->signer, s->dir, origin, err);
    }
    st = st == MSE_OK ? make_folder(public, err) : st;
    st = st == MSE_OK ? cli_log_source_open(&s->source, public, 0, err) : st;
    st = st == MSE_OK ? mse_log_root_at(empty.root, &none, 0, err) : st;
    if (st == MSE_OK) {
        char key[CLI_LOG_KEY_TEXT];
        cli_log_key_text(key, &s->signer.key);
        (void)snprintf(text, sizeof text, "%s\n", key);
        st = put(public, "log.pub", mse_bytes_str(text), 0644, err);
    }
    st = st == MSE_OK ? sign_and_publish(s, &empty, err) : st;
    free(public);
    free(mark);
    return st;
}

mse_status cli_log_store_init(const char *dir, const char *origin, struct mse_log_key *out_key,
                              struct mse_error *err)
{
    struct cli_log_store s = { .dir = NULL };
    mse_status st = make_folder(dir, err);
    st = st == MSE_OK ? lock_folder(&s.lock, dir, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    s.dir = strdup(dir);
    st = s.dir == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory")
                       : init_locked(&s, origin, err);
    if (s.dir != NULL) {
        sweep_all(&s);
    }
    if (st == MSE_OK) {
        *out_key = s.signer.key;
    }
    if (s.dir == NULL) {
        (void)close(s.lock);
    }
    cli_log_store_close(&s);
    return st;
}

/* ---- appending ---- */

static mse_status write_tile(const struct cli_log_store *s, int level, uint64_t index,
                             unsigned width, struct mse_bytes content, struct mse_error *err)
{
    char path[MSE_LOG_TILE_PATH_LEN];
    mse_status st = mse_log_tile_path(path, level, index, width);
    return st == MSE_OK ? put(s->source->base, path, content, 0644, err)
                        : MSE_FAIL(err, st, "log", "the log is full");
}

static mse_status load_edge(struct edge *e, struct cli_log_store *s, struct mse_error *err)
{
    const struct mse_log_nodes n = cli_log_source_nodes(s->source);
    mse_status st = MSE_OK;
    for (unsigned l = 0; st == MSE_OK && l < CLI_LOG_LEVELS; l++) {
        struct cli_log_tile *t = &e->level[l];
        uint64_t hashes = s->head.size >> (8 * l);
        *t = (struct cli_log_tile) { .index = hashes / MSE_LOG_TILE_WIDTH,
                                     .width = (unsigned)(hashes % MSE_LOG_TILE_WIDTH) };
        for (unsigned i = 0; st == MSE_OK && i < t->width; i++) {
            st = n.node(n.user, t->hashes[i], 8 * l, t->index * MSE_LOG_TILE_WIDTH + i, err);
        }
    }
    return st;
}

static mse_status write_edge_tile(const struct cli_log_store *s, unsigned level,
                                  const struct cli_log_tile *t, struct mse_error *err)
{
    return write_tile(s, (int)level, t->index, t->width,
                      mse_bytes_of(t->hashes, (size_t)t->width * HASH), err);
}

/* The leaf goes into the lowest tile; the root of one that is full into the next above. */
static mse_status grow_edge(struct edge *e, const struct cli_log_store *s, const uint8_t leaf[HASH],
                            struct mse_error *err)
{
    uint8_t hash[HASH];
    memcpy(hash, leaf, HASH);
    for (unsigned l = 0; l < CLI_LOG_LEVELS; l++) {
        struct cli_log_tile *t = &e->level[l];
        struct mse_log_tree whole = { .size = 0 };
        memcpy(t->hashes[t->width++], hash, HASH);
        mse_status st = write_edge_tile(s, l, t, err);
        if (st != MSE_OK || t->width < MSE_LOG_TILE_WIDTH) {
            return st;
        }
        for (unsigned i = 0; st == MSE_OK && i < t->width; i++) {
            st = mse_log_tree_add(&whole, t->hashes[i]);
        }
        st = st == MSE_OK ? mse_log_tree_root(hash, &whole) : st;
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, "log", "SHA-256 failed");
        }
        t->width = 0;
        t->index++;
    }
    return MSE_FAIL(err, MSE_ERR_NO_SPACE, "log", "the log is full");
}

static mse_status collect(void *user, uint64_t index, struct mse_bytes entry, struct mse_error *err)
{
    struct mse_build *b = user;
    (void)index;
    (void)err;
    mse_wr_u16be(b, (uint16_t)entry.len);
    mse_wr_bytes(b, entry);
    return MSE_OK;
}

static mse_status grow_bundle(const struct cli_log_store *s, struct mse_bytes entry,
                              struct mse_error *err)
{
    struct mse_build b;
    uint64_t bundle = s->head.size / MSE_LOG_TILE_WIDTH;
    unsigned width = (unsigned)(s->head.size % MSE_LOG_TILE_WIDTH);
    mse_build_heap(&b, MAX_BUNDLE);
    mse_status st =
        cli_log_source_entries(s->source, bundle * MSE_LOG_TILE_WIDTH, collect, &b, err);
    st = st == MSE_OK ? collect(&b, 0, entry, err) : st;
    if (st == MSE_OK && !mse_build_ok(&b)) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    st = st == MSE_OK
             ? write_tile(s, MSE_LOG_TILE_ENTRIES, bundle, width + 1, mse_build_view(&b), err)
             : st;
    mse_build_clear(&b);
    return st;
}

/* What is to be signed extends what was signed last, as anybody would check it. */
static mse_status head_of_next(struct mse_log_head *out, struct cli_log_store *s,
                               struct mse_error *err)
{
    struct mse_log_head next = { .size = s->head.size + 1 };
    uint8_t proof[MSE_LOG_MAX_LINK][HASH];
    size_t num = 0;
    const struct mse_log_nodes n = cli_log_source_nodes(s->source);
    s->source->size = next.size;
    memset(s->source->tiles, 0, sizeof s->source->tiles);
    mse_status st = mse_log_root_at(next.root, &n, next.size, err);
    st = st == MSE_OK ? mse_log_prove_consistency(proof, &num, &n, s->head.size, next.size, err)
                      : st;
    if (st == MSE_OK &&
        mse_log_verify_consistency(&s->head, &next, mse_bytes_of(proof, num * HASH)) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_LOG_CONSISTENCY, "log",
                      "%.180s: its files do not extend the last checkpoint, nothing was signed",
                      s->dir);
    }
    if (st == MSE_OK) {
        *out = next;
    }
    return st;
}

mse_status cli_log_store_add(struct cli_log_store *s, struct mse_bytes entry, struct mse_error *err)
{
    struct mse_log_head next;
    uint8_t leaf[HASH];
    struct edge *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = s->head.size >= CLI_LOG_MAX_SIZE
                        ? MSE_FAIL(err, MSE_ERR_NO_SPACE, "log", "the log is full")
                        : mse_log_leaf_hash(leaf, entry);
    st = st == MSE_OK ? load_edge(e, s, err) : st;
    st = st == MSE_OK ? grow_bundle(s, entry, err) : st;
    st = st == MSE_OK ? grow_edge(e, s, leaf, err) : st;
    st = st == MSE_OK ? head_of_next(&next, s, err) : st;
    st = st == MSE_OK ? sign_and_publish(s, &next, err) : st;
    if (st == MSE_OK) {
        tidy(s);
    }
    free(e);
    return st;
}

/* ---- cosignatures ---- */

static bool has_line(struct mse_bytes lines, struct mse_bytes line)
{
    struct mse_bytes one;
    while (mse_log_rd_line(&lines, &one)) {
        if (mse_bytes_equal(one, line)) {
            return true;
        }
    }
    return false;
}

mse_status cli_log_store_merge(struct cli_log_store *s, unsigned *out_new,
                               const struct mse_log_checkpoint *note, struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_log_checkpoint own;
    struct mse_build b;
    struct mse_bytes lines = note->signatures;
    struct mse_bytes line;
    unsigned num = 0;
    mse_build_heap(&b, MSE_LOG_MAX_NOTE);
    mse_status st = cli_log_source_head(s->source, &f, &own, err);
    if (st == MSE_OK && !mse_bytes_equal(own.text, note->text)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_CONSISTENCY, "log",
                      "this is a checkpoint of %llu entries of %.*s, the log has %llu",
                      (unsigned long long)note->head.size, (int)note->origin.len,
                      (const char *)note->origin.data, (unsigned long long)own.head.size);
    }
    mse_wr_bytes(&b, cli_file_view(&f));
    while (st == MSE_OK && mse_log_rd_line(&lines, &line)) {
        if (!has_line(own.signatures, line)) {
            mse_wr_bytes(&b, line);
            mse_wr_str(&b, "\n");
            num++;
        }
    }
    if (st == MSE_OK && !mse_build_ok(&b)) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, "log", "more signatures than a checkpoint can have");
    }
    st = st == MSE_OK ? put(s->source->base, "checkpoint", mse_build_view(&b), 0644, err) : st;
    if (st == MSE_OK) {
        *out_new = num;
    }
    mse_build_clear(&b);
    cli_file_clear(&f);
    return st;
}
