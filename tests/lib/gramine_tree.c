/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION 31
#include "lib/gramine_tree.h"

#include "lib/fuse_mount.h"
#include "lib/testlib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER     "/dev/attestation"
#define KEYS       "/dev/attestation/keys"
#define MANIFEST   "/mse/manifest.json"
#define DATA_LEN   64
#define TARGET_LEN 512
#define REPORT_LEN 432
#define HEADER_LEN 48 /* of a quote, in front of the report's body */
#define BODY_LEN   384
#define KEY_LEN    16
#define OPENED_MAX 64
#define QUOTE_MAX  8192

/* An opened file: what is read is what it was then. */
struct opened {
    bool taken;
    struct mse_build content;
};
struct gramine_tree {
    struct gramine_knobs *knobs;
    struct fuse_mount *mount;
    uint8_t target[TARGET_LEN];
    struct opened opened[OPENED_MAX];
};

static struct gramine_tree *tree(void)
{
    return fuse_get_context()->private_data;
}

/* ---- names ---- */

enum file {
    NO_FILE,
    TYPE,
    DATA,
    TARGET,
    MY_TARGET,
    REPORT,
    QUOTE,
    KEY,
    MANIFEST_FILE,
};
static const struct {
    const char *path;
    mode_t mode;
} files[] = {
    [NO_FILE] = { "", 0 },
    [TYPE] = { FOLDER "/attestation_type", 0444 },
    [DATA] = { FOLDER "/user_report_data", 0666 },
    [TARGET] = { FOLDER "/target_info", 0666 },
    [MY_TARGET] = { FOLDER "/my_target_info", 0444 },
    [REPORT] = { FOLDER "/report", 0444 },
    [QUOTE] = { FOLDER "/quote", 0444 },
    [KEY] = { "", 0666 },
    [MANIFEST_FILE] = { MANIFEST, 0444 },
};

static struct gramine_key *find_key(struct gramine_knobs *k, const char *path)
{
    size_t len = strlen(KEYS "/");
    const char *name = strncmp(path, KEYS "/", len) == 0 ? path + len : "";
    for (size_t i = 0; i < 2 + GRAMINE_TREE_KEYS; i++) {
        struct gramine_key *key = i < 2 ? &k->sealing[i] : &k->keys[i - 2];
        if (key->name != NULL && strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

static bool is_sealing(const struct gramine_knobs *k, const struct gramine_key *key)
{
    return key == &k->sealing[0] || key == &k->sealing[1];
}

static bool is_there(const struct gramine_knobs *k, enum file f)
{
    if (f == MANIFEST_FILE) {
        return k->manifest.data != NULL;
    }
    return k->type != NULL && (f != QUOTE || strcmp(k->type, "dcap") == 0);
}

static enum file find_file(struct gramine_tree *t, const char *path)
{
    if (find_key(t->knobs, path) != NULL) {
        return KEY;
    }
    for (enum file f = TYPE; f <= MANIFEST_FILE; f++) {
        if (f != KEY && strcmp(files[f].path, path) == 0 && is_there(t->knobs, f)) {
            return f;
        }
    }
    return NO_FILE;
}

static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    static const char *const folders[] = { "/", "/dev", FOLDER, KEYS, "/mse" };
    (void)info;
    memset(st, 0, sizeof *st);
    st->st_nlink = 1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (strcmp(path, folders[i]) == 0) {
            st->st_mode = S_IFDIR | 0755;
            return 0;
        }
    }
    enum file f = find_file(tree(), path);
    st->st_mode = S_IFREG | files[f].mode;
    return f == NO_FILE ? -ENOENT : 0;
}

/* ---- contents ---- */

static int make_quote(struct gramine_tree *t, struct mse_build *out)
{
    struct gramine_knobs *k = t->knobs;
    if (k->meddler) {
        k->data[0] ^= 1;
    }
    return k->quote(k->arg, out, k->data);
}

static int make_report(struct gramine_tree *t, struct mse_build *out)
{
    struct mse_build quote;
    mse_build_heap(&quote, QUOTE_MAX);
    int e = make_quote(t, &quote);
    if (e == 0 && quote.len < HEADER_LEN + BODY_LEN) {
        e = EACCES;
    }
    if (e == 0) {
        mse_wr_copy(out, quote.data + HEADER_LEN, BODY_LEN);
        mse_wr_zeros(out, REPORT_LEN - BODY_LEN);
    }
    mse_build_clear(&quote);
    return e;
}

static int make_key(const struct gramine_tree *t, struct mse_build *out,
                    const struct gramine_key *key)
{
    size_t len = is_sealing(t->knobs, key) && t->knobs->key_len > 0 ? t->knobs->key_len : KEY_LEN;
    for (size_t i = 0; key->set && i < len; i++) {
        mse_wr_u8(out, key->key[i % KEY_LEN]);
    }
    return 0;
}

/* Failures of what is made at the opening are EACCES, whatever they were. */
static int fill(struct gramine_tree *t, struct mse_build *out, const char *path)
{
    const struct gramine_knobs *k = t->knobs;
    switch (find_file(t, path)) {
    case NO_FILE:
        return -ENOENT;
    case TYPE:
        mse_wr_str(out, k->type);
        return 0;
    case DATA:
        mse_wr_copy(out, k->data, DATA_LEN);
        return 0;
    case TARGET:
    case MY_TARGET:
        mse_wr_copy(out, t->target, TARGET_LEN);
        return 0;
    case REPORT:
        return make_report(t, out) == 0 ? 0 : -EACCES;
    case QUOTE:
        t->knobs->quotes++;
        return make_quote(t, out) == 0 ? 0 : -EACCES;
    case KEY:
        return make_key(t, out, find_key(t->knobs, path));
    case MANIFEST_FILE:
        mse_wr_bytes(out, k->manifest);
        return 0;
    }
    return -ENOENT;
}

static int do_open(const char *path, struct fuse_file_info *info)
{
    struct gramine_tree *t = tree();
    struct opened *o = NULL;
    for (size_t i = 0; o == NULL && i < OPENED_MAX; i++) {
        o = t->opened[i].taken ? NULL : &t->opened[i];
    }
    if (o == NULL) {
        return -EMFILE;
    }
    mse_build_heap(&o->content, 1U << 18);
    int rc = fill(t, &o->content, path);
    if (rc != 0) {
        mse_build_clear(&o->content);
        return rc;
    }
    o->taken = true;
    info->direct_io = 1; /* sizes are unknown, and nothing may be kept */
    info->fh = (uint64_t)(o - t->opened);
    return 0;
}

static struct opened *opened(const struct fuse_file_info *info)
{
    return &tree()->opened[info->fh];
}

static int do_release(const char *path, struct fuse_file_info *info)
{
    (void)path;
    mse_build_clear(&opened(info)->content);
    opened(info)->taken = false;
    return 0;
}

static int do_read(const char *path, char *buf, size_t size, off_t at, struct fuse_file_info *info)
{
    (void)path;
    return fuse_mount_read_part(mse_build_view(&opened(info)->content), buf, size, at);
}

/* Each write(2) is the whole value: what is missing is zero, what is too much is cut off. */
static void replace(uint8_t *value, size_t len, const char *buf, size_t size)
{
    memset(value, 0, len);
    memcpy(value, buf, size < len ? size : len);
}

static int do_write(const char *path, const char *buf, size_t size, off_t at,
                    struct fuse_file_info *info)
{
    struct gramine_tree *t = tree();
    struct gramine_knobs *k = t->knobs;
    struct gramine_key *key = find_key(k, path);
    (void)at;
    (void)info;
    enum file f = find_file(t, path);
    if (f == DATA) {
        k->short_writes += size != DATA_LEN ? 1 : 0;
        replace(k->data, DATA_LEN, buf, size);
        return (int)size;
    }
    if (f == TARGET) {
        replace(t->target, TARGET_LEN, buf, size);
        return (int)size;
    }
    if (f != KEY || is_sealing(k, key) || size != KEY_LEN) {
        return -EACCES;
    }
    memcpy(key->key, buf, KEY_LEN);
    key->set = true;
    return (int)size;
}

static int do_readdir(const char *path, void *buf, fuse_fill_dir_t add, off_t at,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    const struct gramine_knobs *k = tree()->knobs;
    (void)at;
    (void)info;
    (void)flags;
    for (size_t i = 0; strcmp(path, KEYS) == 0 && i < 2 + GRAMINE_TREE_KEYS; i++) {
        const struct gramine_key *key = i < 2 ? &k->sealing[i] : &k->keys[i - 2];
        if (key->name != NULL && add(buf, key->name, NULL, 0, 0) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = do_getattr,
    .open = do_open,
    .release = do_release,
    .read = do_read,
    .write = do_write,
    .readdir = do_readdir,
};

struct gramine_tree *gramine_tree_start(struct gramine_knobs *knobs)
{
    struct gramine_tree *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->knobs = knobs;
    t->mount = fuse_mount_start(&operations, t);
    if (t->mount == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

const char *gramine_tree_dir(const struct gramine_tree *t)
{
    return fuse_mount_dir(t->mount);
}

int gramine_tree_open(const struct gramine_tree *t)
{
    return fuse_mount_open(t->mount);
}

unsigned gramine_tree_opened(const struct gramine_tree *t)
{
    unsigned num = 0;
    for (size_t i = 0; i < OPENED_MAX; i++) {
        num += t->opened[i].taken ? 1 : 0;
    }
    return num;
}

void gramine_tree_stop(struct gramine_tree *t)
{
    fuse_mount_stop(t->mount);
    for (size_t i = 0; i < OPENED_MAX; i++) { /* of the last closings nobody may have told */
        mse_build_clear(&t->opened[i].content);
    }
    free(t);
}
