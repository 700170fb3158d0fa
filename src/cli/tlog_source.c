/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_source.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/issuer.h"
#include "http/http.h"

#define HASH       MSE_SHA256_LEN
#define MAX_BUNDLE ((size_t)MSE_LOG_TILE_WIDTH * (2 + MSE_LOG_MAX_ENTRY))
#define CONNECT_MS 10000U

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The folder that is served lies in that of the log's keeper. */
static char *served_folder(const char *place)
{
    char *inner = cli_join(place, "public");
    char *mark = inner == NULL ? NULL : cli_join(inner, "checkpoint");
    bool keeper = mark != NULL && cli_file_exists(mark);
    free(mark);
    if (keeper) {
        return inner;
    }
    free(inner);
    return strdup(place);
}

mse_status cli_log_source_open(struct cli_log_source **out, const char *place, unsigned timeout_ms,
                               struct mse_error *err)
{
    struct cli_log_source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    s->is_url = begins(place, "http://") || begins(place, "https://");
    s->timeout_ms = timeout_ms;
    const char *folder = begins(place, "file://") ? place + strlen("file://") : place;
    s->base = s->is_url ? strdup(place) : served_folder(folder);
    if (s->base == NULL) {
        cli_log_source_free(s);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    for (size_t len = strlen(s->base); len > 1 && s->base[len - 1] == '/'; len--) {
        s->base[len - 1] = '\0';
    }
    *out = s;
    return MSE_OK;
}

void cli_log_source_free(struct cli_log_source *s)
{
    if (s != NULL) {
        mse_http_free(s->http);
        free(s->base);
    }
    free(s);
}

static mse_status take_body(struct cli_file *out, struct mse_http_reply *r, const char *url,
                            struct mse_error *err)
{
    if (r->status == 404) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "log", "%.200s: 404, the log has no such file",
                        url);
    }
    if (r->status != 200) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "log", "%.200s: %ld, wanted 200", url, r->status);
    }
    uint8_t *copy = malloc(r->body.len + 1);
    if (copy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    if (r->body.len > 0) {
        memcpy(copy, r->body.data, r->body.len);
    }
    out->data = copy;
    out->len = r->body.len;
    return MSE_OK;
}

static mse_status fetch(struct cli_file *out, struct cli_log_source *s, const char *url, size_t max,
                        struct mse_error *err)
{
    struct mse_http_reply r = { 0 };
    struct mse_error why = { 0 };
    const struct mse_http_request q = { .url = url,
                                        .proxy = cli_url_proxy(url),
                                        .max_body = max,
                                        .connect_ms = CONNECT_MS,
                                        .total_ms = s->timeout_ms };
    mse_status st = s->http == NULL ? mse_http_new(&s->http, err) : MSE_OK;
    if (st != MSE_OK) {
        return st;
    }
    st = mse_http_ask(&r, s->http, &q, &why);
    if (st == MSE_OK) {
        st = take_body(out, &r, url, err);
    } else if (st == MSE_ERR_NO_SPACE) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log", "%.200s: more than %zu bytes", url, max);
    } else {
        st = MSE_FAIL(err, st, "log", "%.200s: %.200s", url,
                      why.text[0] != '\0' ? why.text : mse_status_text(st));
    }
    mse_http_reply_clear(&r);
    return st;
}

mse_status cli_log_source_read(struct cli_file *out, struct cli_log_source *s, const char *path,
                               size_t max, struct mse_error *err)
{
    struct mse_error why = { 0 };
    if (s->ends != NULL && atomic_load(s->ends)) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, "log", "there is no more time to ask it");
    }
    char *full = cli_join(s->base, path);
    if (full == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_status st = MSE_OK;
    if (s->is_url) {
        st = fetch(out, s, full, max, err);
    } else {
        st = cli_file_read(out, full, max, &why);
        if (st != MSE_OK) {
            st = MSE_FAIL(err, st == MSE_ERR_NO_SPACE ? MSE_ERR_LOG_TILE : st, "log", "%s",
                          why.text);
        }
    }
    free(full);
    return st;
}

mse_status cli_log_source_head(struct cli_log_source *s, struct cli_file *note,
                               struct mse_log_checkpoint *c, struct mse_error *err)
{
    mse_status st = cli_log_source_read(note, s, "checkpoint", MSE_LOG_MAX_NOTE, err);
    st = st == MSE_OK ? mse_log_checkpoint_parse(c, cli_file_view(note), err) : st;
    if (st == MSE_OK && c->head.size > CLI_LOG_MAX_SIZE) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, "log", "the log has %llu entries, at most %llu fit",
                      (unsigned long long)c->head.size, (unsigned long long)CLI_LOG_MAX_SIZE);
    }
    if (st == MSE_OK) {
        s->size = c->head.size;
        memset(s->tiles, 0, sizeof s->tiles);
    }
    return st;
}

unsigned cli_log_tile_width(uint64_t size, int level, uint64_t index)
{
    uint64_t hashes = level > 0 ? size >> (8 * (unsigned)level) : size;
    uint64_t first = index * MSE_LOG_TILE_WIDTH;
    if (hashes <= first) {
        return 0;
    }
    return hashes - first > MSE_LOG_TILE_WIDTH ? MSE_LOG_TILE_WIDTH : (unsigned)(hashes - first);
}

/* A tile as it is for this size, else the whole one that took its place. */
static mse_status read_tile(struct cli_file *out, struct cli_log_source *s, int level,
                            uint64_t index, unsigned width, struct mse_error *err)
{
    char path[MSE_LOG_TILE_PATH_LEN];
    size_t max = level == MSE_LOG_TILE_ENTRIES ? MAX_BUNDLE : (size_t)MSE_LOG_TILE_WIDTH * HASH;
    struct mse_error first = { 0 };
    mse_status st = mse_log_tile_path(path, level, index, width);
    st = st == MSE_OK ? cli_log_source_read(out, s, path, max, &first) : st;
    if (st == MSE_ERR_NOT_FOUND && width < MSE_LOG_TILE_WIDTH) {
        struct mse_error whole = { 0 };
        mse_status other = mse_log_tile_path(path, level, index, MSE_LOG_TILE_WIDTH);
        other = other == MSE_OK ? cli_log_source_read(out, s, path, max, &whole) : other;
        if (other != MSE_ERR_NOT_FOUND) {
            st = other;
            first = whole;
        }
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "%s", first.text);
}

static mse_status load_tile(struct cli_log_source *s, unsigned level, uint64_t index,
                            struct mse_error *err)
{
    struct cli_log_tile *t = &s->tiles[level];
    unsigned width = cli_log_tile_width(s->size, (int)level, index);
    struct cli_file f = { 0 };
    if (t->there && t->index == index) {
        return MSE_OK;
    }
    t->there = false;
    mse_status st = read_tile(&f, s, (int)level, index, width, err);
    if (st != MSE_OK) {
        return st;
    }
    size_t len = (size_t)width * HASH;
    if (f.len != len && f.len != (size_t)MSE_LOG_TILE_WIDTH * HASH) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "tile %llu of level %u has %zu bytes, wanted %zu", (unsigned long long)index,
                      level, f.len, len);
    } else {
        memcpy(t->hashes, f.data, len);
        t->there = true;
        t->index = index;
        t->width = width;
    }
    cli_file_clear(&f);
    return st;
}

/* The root over num hashes of a tile, a power of two. */
static mse_status fold(uint8_t out[HASH], const uint8_t (*hashes)[HASH], size_t num)
{
    struct mse_log_tree t = { 0 };
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = mse_log_tree_add(&t, hashes[i]);
    }
    return st == MSE_OK ? mse_log_tree_root(out, &t) : st;
}

static mse_status get_node(void *user, uint8_t out[HASH], unsigned level, uint64_t index,
                           struct mse_error *err)
{
    struct cli_log_source *s = user;
    unsigned high = level / 8;
    size_t num = (size_t)1 << (level % 8);
    uint64_t first = index * num;
    size_t at = (size_t)(first % MSE_LOG_TILE_WIDTH);
    if (high >= CLI_LOG_LEVELS) {
        return MSE_FAIL(err, MSE_ERR_LOG_TILE, "log", "the tree is too high");
    }
    mse_status st = load_tile(s, high, first / MSE_LOG_TILE_WIDTH, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct cli_log_tile *t = &s->tiles[high];
    if (at + num > t->width) {
        return MSE_FAIL(err, MSE_ERR_LOG_TILE, "log", "tile %llu of level %u is too short",
                        (unsigned long long)t->index, high);
    }
    st = fold(out, &t->hashes[at], num);
    return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "SHA-256 failed");
}

struct mse_log_nodes cli_log_source_nodes(struct cli_log_source *s)
{
    struct mse_log_nodes n = { get_node, s };
    return n;
}

/* Who gets the entries. */
struct receiver {
    cli_log_each *each;
    void *user;
    uint64_t from;
};

/* The entries of one bundle, of which a whole one may have more than are wanted. */
static mse_status walk_bundle(const struct receiver *r, struct mse_bytes in, uint64_t first,
                              unsigned width, struct mse_error *err)
{
    for (uint64_t index = first; index < first + width; index++) {
        struct mse_bytes entry;
        uint16_t len = 0;
        if (!mse_rd_u16be(&in, &len) || !mse_rd_bytes(&in, &entry, len) ||
            len > MSE_LOG_MAX_ENTRY) {
            return MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                            "entry %llu: its bundle ends before it, or it has more than %d bytes",
                            (unsigned long long)index, MSE_LOG_MAX_ENTRY);
        }
        mse_status st = index < r->from ? MSE_OK : r->each(r->user, index, entry, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return MSE_OK;
}

mse_status cli_log_source_entries(struct cli_log_source *s, uint64_t from, cli_log_each *each,
                                  void *user, struct mse_error *err)
{
    const struct receiver r = { each, user, from };
    mse_status st = MSE_OK;
    for (uint64_t b = from / MSE_LOG_TILE_WIDTH; st == MSE_OK; b++) {
        unsigned width = cli_log_tile_width(s->size, MSE_LOG_TILE_ENTRIES, b);
        struct cli_file f = { 0 };
        if (width == 0) {
            break;
        }
        st = read_tile(&f, s, MSE_LOG_TILE_ENTRIES, b, width, err);
        st = st == MSE_OK ? walk_bundle(&r, cli_file_view(&f), b * MSE_LOG_TILE_WIDTH, width, err)
                          : st;
        cli_file_clear(&f);
    }
    return st;
}
