/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_seen.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/tlog_key.h"
#include "crypto/digest.h"
#include "tlog/note.h"

#define HASH     MSE_SHA256_LEN
#define MAX_FILE ((size_t)16384)

static const char first_line[] = "mse-log-seen/1";

/* A file for each key: another key of the same name is another log. */
static char *path_of(const struct mse_log_key *key, const char *folder)
{
    char text[CLI_LOG_KEY_TEXT];
    uint8_t sum[32];
    char name[32];
    char hex[65];
    cli_log_key_text(text, key);
    if (mse_sha256(sum, mse_bytes_str(text)) != MSE_OK) {
        return NULL;
    }
    mse_hex_encode(hex, mse_bytes_of(sum, sizeof sum));
    (void)snprintf(name, sizeof name, "%.16s.seen", hex);
    char *dir = folder == NULL ? cli_conf_path("logs") : strdup(folder);
    char *path = dir == NULL ? NULL : cli_join(dir, name);
    free(dir);
    return path;
}

static bool rd_head(struct mse_bytes *in, struct mse_log_head *out)
{
    struct mse_bytes line;
    struct mse_bytes size;
    size_t len = 0;
    if (!mse_log_rd_word(in, "head", &line)) {
        return false;
    }
    size_t space = mse_bytes_find(line, mse_bytes_str(" "));
    return space != SIZE_MAX && mse_rd_bytes(&line, &size, space) && mse_rd_skip(&line, 1) &&
           mse_u64_parse(&out->size, size, INT64_MAX) &&
           mse_base64_decode(out->root, HASH, &len, line) && len == HASH;
}

static bool rd_seen(struct mse_bytes in, const char *name, struct cli_log_seen *s)
{
    struct mse_bytes line;
    if (!mse_log_rd_line(&in, &line) || !mse_bytes_is_str(line, first_line) ||
        !mse_log_rd_word(&in, "log", &line) || !mse_bytes_is_str(line, name)) {
        return false;
    }
    while (in.len > 0) {
        struct mse_log_head h;
        const struct mse_log_head *before = cli_log_seen_newest(s);
        if (s->num_heads >= CLI_LOG_MAX_HEADS || !rd_head(&in, &h) ||
            (before != NULL && h.size <= before->size)) {
            return false;
        }
        s->heads[s->num_heads++] = h;
    }
    return s->num_heads > 0;
}

/* For writers only: the file is replaced as a whole, so that readers see the old or the new one. */
static mse_status lock_file(int *out, const struct cli_log_seen *s, struct mse_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s.lock", s->path) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = cli_make_parents(path, err);
    if (st == MSE_OK) {
        *out = cli_lock_wait(path);
        st = *out >= 0 ? MSE_OK
                       : MSE_FAIL(err, MSE_ERR_IO, "log", "%.180s: %s", path, strerror(errno));
    }
    free(path);
    return st;
}

static mse_status load(struct cli_log_seen *s, const char *name, struct mse_error *err)
{
    struct cli_file f = { 0 };
    s->num_heads = 0;
    if (!cli_file_exists(s->path)) {
        return MSE_OK;
    }
    mse_status st = cli_file_read(&f, s->path, MAX_FILE, err);
    if (st == MSE_OK && !rd_seen(cli_file_view(&f), name, s)) {
        st = MSE_FAIL(err, MSE_ERR_LOG_FORM, "log",
                      "%.180s, what was seen of the log, is damaged; without it the log's past is "
                      "forgotten",
                      s->path);
    }
    cli_file_clear(&f);
    return st;
}

mse_status cli_log_seen_open(struct cli_log_seen *out, const struct mse_log_key *key,
                             const char *folder, struct mse_error *err)
{
    struct cli_log_seen s = { .path = path_of(key, folder) };
    mse_status st = s.path == NULL ? MSE_FAIL(err, MSE_ERR_IO, "log",
                                              "no configuration folder: set MSE_CONF_PATH or HOME")
                                   : load(&s, key->name, err);
    if (st != MSE_OK) {
        cli_log_seen_close(&s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

void cli_log_seen_close(struct cli_log_seen *s)
{
    free(s->path);
    *s = (struct cli_log_seen) { .path = NULL };
}

const struct mse_log_head *cli_log_seen_newest(const struct cli_log_seen *s)
{
    return s->num_heads == 0 ? NULL : &s->heads[s->num_heads - 1];
}

void cli_log_head_text(char out[CLI_LOG_HEAD_TEXT], const struct mse_log_head *h)
{
    char root[48];
    mse_base64_encode(root, mse_bytes_of(h->root, HASH));
    (void)snprintf(out, CLI_LOG_HEAD_TEXT, "%llu entries, root %s", (unsigned long long)h->size,
                   root);
}

static mse_status disagree(mse_status st, const struct mse_log_head *now,
                           const struct mse_log_head *before, struct mse_error *err)
{
    char seen[CLI_LOG_HEAD_TEXT];
    char wanted[CLI_LOG_HEAD_TEXT];
    cli_log_head_text(seen, now);
    cli_log_head_text(wanted, before);
    return MSE_FAIL(err, st, "log", "%s, but you have seen %s", seen, wanted);
}

mse_status cli_log_seen_judge(const struct cli_log_seen *s, bool *out_link,
                              const struct mse_log_head *now, bool may_be_older,
                              struct mse_error *err)
{
    const struct mse_log_head *newest = cli_log_seen_newest(s);
    *out_link = newest != NULL && now->size > newest->size;
    for (size_t i = 0; i < s->num_heads; i++) {
        const struct mse_log_head *h = &s->heads[i];
        if (h->size == now->size && !mse_mem_equal(h->root, now->root, HASH)) {
            return disagree(MSE_ERR_LOG_CONSISTENCY, now, h, err);
        }
        if (h->size == now->size && (may_be_older || h == newest)) {
            return MSE_OK;
        }
    }
    if (newest != NULL && now->size < newest->size) {
        return disagree(MSE_ERR_LOG_ROLLBACK, now, newest, err);
    }
    return MSE_OK;
}

static bool same_head(const struct mse_log_head *a, const struct mse_log_head *b)
{
    return a == b ||
           (a != NULL && b != NULL && a->size == b->size && mse_mem_equal(a->root, b->root, HASH));
}

static mse_status add_head(struct cli_log_seen *s, const char *name, const struct mse_log_head *now,
                           struct mse_error *err)
{
    struct mse_build b;
    if (s->num_heads == CLI_LOG_MAX_HEADS) {
        memmove(&s->heads[0], &s->heads[1], sizeof s->heads - sizeof s->heads[0]);
        s->num_heads--;
    }
    s->heads[s->num_heads++] = *now;
    mse_build_heap(&b, MAX_FILE);
    mse_wr_printf(&b, "%s\nlog %s\n", first_line, name);
    for (size_t i = 0; i < s->num_heads; i++) {
        char root[48];
        mse_base64_encode(root, mse_bytes_of(s->heads[i].root, HASH));
        mse_wr_printf(&b, "head %llu %s\n", (unsigned long long)s->heads[i].size, root);
    }
    char *temp = NULL;
    bool good = asprintf(&temp, "%s.new", s->path) >= 0 && mse_build_ok(&b);
    mse_status st = good ? cli_file_write_via(s->path, temp, mse_build_view(&b), 0600, err)
                         : MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    free(temp);
    mse_build_clear(&b);
    return st;
}

/* Under the lock: what is there now is what the proof began at, or this very head. */
static mse_status keep_locked(struct cli_log_seen *s, const char *name,
                              const struct mse_log_head *now, struct mse_error *err)
{
    const struct mse_log_head *before = cli_log_seen_newest(s);
    struct cli_log_seen there = { .path = s->path };
    mse_status st = load(&there, name, err);
    const struct mse_log_head *newest = cli_log_seen_newest(&there);
    if (st != MSE_OK || same_head(newest, now)) {
        return st;
    }
    if (!same_head(newest, before)) {
        return MSE_FAIL(err, MSE_ERR_BUSY, "log",
                        "another mse has seen more of %s meanwhile: "
                        "try again",
                        name);
    }
    return add_head(&there, name, now, err);
}

mse_status cli_log_seen_keep(struct cli_log_seen *s, const struct mse_log_key *key,
                             const struct mse_log_head *now, struct mse_error *err)
{
    const struct mse_log_head *newest = cli_log_seen_newest(s);
    int lock = -1;
    if (newest != NULL && newest->size >= now->size) {
        return MSE_OK;
    }
    mse_status st = lock_file(&lock, s, err);
    if (st == MSE_OK) {
        st = keep_locked(s, key->name, now, err);
        (void)close(lock);
    }
    return st;
}
