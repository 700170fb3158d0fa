/* SPDX-License-Identifier: Apache-2.0 */
#include "collateral/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include <mse/attest.h>

#define MAGIC     "mse collateral 1\n"
#define MAX_ENTRY (MSE_FETCH_MAX_BODY + MSE_FETCH_MAX_CHAIN + (size_t)1024)
#define NAME_LEN  128
#define TEMP      ".new-" /* and random digits */
#define LOCK      "lock"
#define LOCK_MS   5000
#define POLL_MS   20

struct mse_cache {
    int dir;
};

/* The folder. */

static bool make_folders(const char *dir)
{
    char *copy = strdup(dir);
    bool good = copy != NULL;
    for (char *p = good ? copy + 1 : NULL; good && p != NULL; p++) {
        p = strchr(p, '/');
        if (p != NULL) {
            *p = '\0';
        }
        good = mkdir(copy, 0700) == 0 || errno == EEXIST;
        if (p == NULL) {
            break;
        }
        *p = '/';
    }
    free(copy);
    return good;
}

mse_status mse_cache_open(struct mse_cache **out, const char *dir, bool make, struct mse_error *err)
{
    struct stat sb;
    struct mse_cache *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "cache", "out of memory");
    }
    mse_status st = MSE_OK;
    bool there = !make || make_folders(dir);
    c->dir = there ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (c->dir < 0 || fstat(c->dir, &sb) != 0) {
        st = MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "cache", "%.180s: %s",
                      dir, strerror(errno));
    } else if (sb.st_uid != geteuid() || (sb.st_mode & 022U) != 0) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "cache",
                      "%.180s is not yours alone to write (owner %u, mode %03o)", dir,
                      (unsigned)sb.st_uid, (unsigned)sb.st_mode & 0777U);
    }
    if (st != MSE_OK) {
        mse_cache_close(c);
        return st;
    }
    *out = c;
    return MSE_OK;
}

void mse_cache_close(struct mse_cache *c)
{
    if (c != NULL && c->dir >= 0) {
        (void)close(c->dir);
    }
    free(c);
}

/* Names. */

mse_status mse_cache_root_of(struct mse_cache_root *out, const struct mse_fetch_config *c, bool amd)
{
    if (!amd) {
        const uint8_t *point = c->root_point != NULL ? c->root_point : mse_intel_root_point();
        return mse_sha256(out->id, mse_bytes_of(point, 64));
    }
    if (c->policy != NULL && !mse_mem_is_zero(c->policy->simulation_root_sha256, 32)) {
        memcpy(out->id, c->policy->simulation_root_sha256, 32);
        return MSE_OK;
    }
    return mse_sha256(out->id, mse_bytes_str("AMD"));
}

static const char *word_of(enum mse_fetch_kind kind)
{
    switch (kind) {
    case MSE_FETCH_ROOT_CRL:
        return "root-crl";
    case MSE_FETCH_PCK_CRL:
        return "pck-crl";
    case MSE_FETCH_TCB_INFO:
        return "tcb-info";
    case MSE_FETCH_QE_IDENTITY:
        return "qe-identity";
    case MSE_FETCH_QVE_IDENTITY:
        return "qve-identity";
    case MSE_FETCH_EVAL_NUMBERS:
        return "numbers";
    case MSE_FETCH_PCK_CERT:
        return "pck";
    case MSE_FETCH_VCEK:
        return "vcek";
    case MSE_FETCH_AMD_CHAIN:
        return "amd-chain";
    case MSE_FETCH_AMD_CRL:
        return "amd-crl";
    }
    return "object";
}

/* The kind, for people, and a hash over root and path, for the rest. */
static bool entry_name(char name[NAME_LEN], const struct mse_cache_root *root,
                       const struct mse_fetch_key *key)
{
    char path[2048];
    char hex[65];
    uint8_t digest[32];
    if (!mse_fetch_path(path, sizeof path, key) ||
        mse_sha256_2(digest, mse_bytes_of(root->id, 32), mse_bytes_str(path)) != MSE_OK) {
        return false;
    }
    mse_hex_encode(hex, mse_bytes_of(digest, 16));
    (void)snprintf(name, NAME_LEN, "%s-%s", word_of(key->kind), hex);
    return true;
}

static void floor_name(char name[NAME_LEN], const struct mse_cache_root *root,
                       enum mse_tee_kind tee)
{
    char hex[33];
    mse_hex_encode(hex, mse_bytes_of(root->id, 16));
    (void)snprintf(name, NAME_LEN, "floor-%s-%s", tee == MSE_TEE_TDX ? "tdx" : "sgx", hex);
}

/* Files: the magic line, SHA-256 of what follows, and that. */

static bool read_file(struct mse_build *out, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat sb;
    bool good = fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0 &&
                (size_t)sb.st_size <= MAX_ENTRY;
    uint8_t *to = good ? mse_wr_space(out, (size_t)sb.st_size) : NULL;
    bool whole = to != NULL && mse_io_read_exact(fd, to, (size_t)sb.st_size);
    if (fd >= 0) {
        (void)close(fd);
    }
    return whole;
}

/* The content of a file that is whole; it borrows from raw. */
static bool read_whole(struct mse_bytes *content, struct mse_build *raw, int dir, const char *name)
{
    uint8_t digest[32];
    struct mse_bytes magic = { 0 };
    struct mse_bytes sum = { 0 };
    if (!read_file(raw, dir, name)) {
        return false;
    }
    *content = mse_build_view(raw);
    return mse_rd_bytes(content, &magic, strlen(MAGIC)) && mse_bytes_is_str(magic, MAGIC) &&
           mse_rd_bytes(content, &sum, sizeof digest) && mse_sha256(digest, *content) == MSE_OK &&
           mse_mem_equal(sum.data, digest, sizeof digest);
}

static mse_status replace(int dir, const char *name, struct mse_bytes content,
                          struct mse_error *err)
{
    uint8_t dice[8];
    uint8_t digest[32];
    char hex[17];
    char temp[NAME_LEN];
    if (mse_random(dice, sizeof dice) != MSE_OK || mse_sha256(digest, content) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "cache", "no hash or no random number");
    }
    mse_hex_encode(hex, mse_bytes_of(dice, sizeof dice));
    (void)snprintf(temp, sizeof temp, TEMP "%s", hex);
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && mse_io_write(fd, mse_bytes_str(MAGIC)) &&
                mse_io_write(fd, mse_bytes_of(digest, sizeof digest)) &&
                mse_io_write(fd, content) && fsync(fd) == 0;
    good = fd >= 0 && close(fd) == 0 && good;
    good = good && renameat(dir, temp, dir, name) == 0 && fsync(dir) == 0;
    if (good) {
        return MSE_OK;
    }
    int why = errno;
    (void)unlinkat(dir, temp, 0);
    return MSE_FAIL(err, MSE_ERR_IO, "cache", "%.60s cannot be written: %s", name, strerror(why));
}

/* The lock of the writers. */

static mse_status lock(int *out, const struct mse_cache *c, struct mse_error *err)
{
    int fd = openat(c->dir, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "cache", "its lock: %s", strerror(errno));
    }
    for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += POLL_MS) {
        struct timespec t = { .tv_nsec = (long)POLL_MS * 1000000 };
        if (waited >= LOCK_MS || (errno != EWOULDBLOCK && errno != EINTR)) {
            (void)close(fd);
            return MSE_FAIL(err, MSE_ERR_TIMEOUT, "cache",
                            "another program has been writing to it for %d s", LOCK_MS / 1000);
        }
        (void)nanosleep(&t, NULL);
    }
    *out = fd;
    return MSE_OK;
}

/* What writers left that were killed: only who holds the lock writes, and that is us. */
static void sweep(const struct mse_cache *c)
{
    int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e = NULL;
    if (d == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    while ((e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): the stream is ours */
        if (strncmp(e->d_name, TEMP, strlen(TEMP)) == 0) {
            (void)unlinkat(c->dir, e->d_name, 0);
        }
    }
    (void)closedir(d);
}

/* The floor. */

bool mse_cache_floor(uint32_t *number, mse_time *since, struct mse_cache *c,
                     const struct mse_cache_root *root, enum mse_tee_kind tee)
{
    char name[NAME_LEN];
    struct mse_build raw;
    struct mse_bytes in = { 0 };
    uint64_t t = 0;
    mse_build_heap(&raw, MAX_ENTRY);
    floor_name(name, root, tee);
    bool good = read_whole(&in, &raw, c->dir, name) && mse_rd_u32le(&in, number) &&
                mse_rd_u64le(&in, &t) && in.len == 0;
    *since = (mse_time)t;
    mse_build_clear(&raw);
    return good;
}

static bool has_floor(const struct mse_fetch_key *key)
{
    return (key->kind == MSE_FETCH_TCB_INFO || key->kind == MSE_FETCH_QE_IDENTITY) &&
           key->update == MSE_FETCH_STANDARD;
}

static mse_status raise_floor(struct mse_cache *c, const struct mse_cache_root *root,
                              enum mse_tee_kind tee, const struct mse_fetched *o, mse_time now,
                              struct mse_error *err)
{
    uint32_t have = 0;
    mse_time since = 0;
    char name[NAME_LEN];
    uint8_t room[16];
    struct mse_build b;
    bool any = mse_cache_floor(&have, &since, c, root, tee);
    if (any && o->evaluation_number < have) {
        return MSE_FAIL(err, MSE_ERR_TCB_EVALUATION_NUMBER, "cache",
                        "a set of evaluation number %u was offered, and %u was seen before",
                        o->evaluation_number, have);
    }
    if (any && o->evaluation_number == have) {
        return MSE_OK;
    }
    mse_build_fixed(&b, room, sizeof room);
    mse_wr_u32le(&b, o->evaluation_number);
    mse_wr_u64le(&b, (uint64_t)now);
    floor_name(name, root, tee);
    return replace(c->dir, name, mse_build_view(&b), err);
}

/* Objects. */

static bool rd_part(struct mse_bytes *in, struct mse_build *out)
{
    uint32_t len = 0;
    struct mse_bytes part = { 0 };
    if (!mse_rd_u32le(in, &len) || !mse_rd_bytes(in, &part, len)) {
        return false;
    }
    mse_wr_bytes(out, part);
    return mse_build_ok(out);
}

static bool rd_entry(struct mse_fetched *o, mse_time *fetched_at, struct mse_bytes in)
{
    uint64_t at = 0;
    uint64_t from = 0;
    uint64_t until = 0;
    bool good = mse_rd_u64le(&in, &at) && mse_rd_u64le(&in, &from) && mse_rd_u64le(&in, &until) &&
                mse_rd_u32le(&in, &o->evaluation_number) && rd_part(&in, &o->chain) &&
                rd_part(&in, &o->body) && in.len == 0;
    o->from = (mse_time)from;
    o->until = (mse_time)until;
    *fetched_at = (mse_time)at;
    return good;
}

mse_status mse_cache_get(struct mse_fetched *out, mse_time *fetched_at, struct mse_cache *c,
                         const struct mse_cache_root *root, const struct mse_fetch_key *key)
{
    char name[NAME_LEN];
    struct mse_build raw;
    struct mse_bytes in = { 0 };
    struct mse_fetched got;
    mse_time at = 0;
    uint32_t least = 0;
    mse_time since = 0;
    if (!entry_name(name, root, key)) {
        return MSE_ERR_NOT_FOUND;
    }
    mse_build_heap(&raw, MAX_ENTRY);
    mse_fetched_init(&got);
    bool good = read_whole(&in, &raw, c->dir, name) && rd_entry(&got, &at, in);
    mse_build_clear(&raw);
    if (good && has_floor(key) && mse_cache_floor(&least, &since, c, root, key->tee)) {
        good = got.evaluation_number >= least;
    }
    if (!good) {
        mse_fetched_clear(&got);
        return MSE_ERR_NOT_FOUND;
    }
    mse_fetched_clear(out);
    *out = got;
    *fetched_at = at;
    return MSE_OK;
}

static void wr_part(struct mse_build *b, const struct mse_build *part)
{
    mse_wr_u32le(b, (uint32_t)part->len);
    mse_wr_bytes(b, mse_build_view(part));
}

mse_status mse_cache_put(struct mse_cache *c, const struct mse_cache_root *root,
                         const struct mse_fetch_key *key, const struct mse_fetched *o, mse_time now,
                         struct mse_error *err)
{
    char name[NAME_LEN];
    struct mse_build b;
    int held = -1;
    if (!entry_name(name, root, key)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "cache", "the key is incomplete");
    }
    mse_status st = lock(&held, c, err);
    if (st != MSE_OK) {
        return st;
    }
    sweep(c);
    mse_build_heap(&b, MAX_ENTRY);
    mse_wr_u64le(&b, (uint64_t)now);
    mse_wr_u64le(&b, (uint64_t)o->from);
    mse_wr_u64le(&b, (uint64_t)o->until);
    mse_wr_u32le(&b, o->evaluation_number);
    wr_part(&b, &o->chain);
    wr_part(&b, &o->body);
    /* The floor first: whoever is killed in between leaves an object below it, which is not used.
     */
    st = has_floor(key) ? raise_floor(c, root, key->tee, o, now, err) : MSE_OK;
    if (st == MSE_OK) {
        st = mse_build_ok(&b) ? replace(c->dir, name, mse_build_view(&b), err)
                              : MSE_FAIL(err, MSE_ERR_MEMORY, "cache", "out of memory");
    }
    mse_build_clear(&b);
    (void)close(held); /* and with it the lock */
    return st;
}
