/* SPDX-License-Identifier: Apache-2.0 */
/* See store_index.h. */
#include "enclave/store_index.h"

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/seal.h"

#define LATEST_TIME  ((uint64_t)253402300799) /* the end of the year 9999 */
#define MAX_MODE     07777U
#define MIN_NODE_LEN 19 /* a node's bytes at the least */

/* ---- the object ---- */

void mse_store_node_clear(struct mse_store_node *n)
{
    free(n->path);
    free(n->target);
    free(n->chunks);
    *n = (struct mse_store_node) { .path = NULL };
}

void mse_store_index_clear(struct mse_store_index *x)
{
    for (size_t i = 0; i < x->num_nodes; i++) {
        mse_store_node_clear(&x->nodes[i]);
    }
    free(x->nodes);
    free(x->packs);
    *x = (struct mse_store_index) { .nodes = NULL };
}

size_t mse_store_num_chunks(uint64_t size)
{
    return (size_t)(size / MSE_STORE_CHUNK + (size % MSE_STORE_CHUNK != 0 ? 1 : 0));
}

size_t mse_store_chunk_len(uint64_t size, size_t i)
{
    uint64_t left = size - (uint64_t)i * MSE_STORE_CHUNK;
    return left < MSE_STORE_CHUNK ? (size_t)left : MSE_STORE_CHUNK;
}

static unsigned rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : (unsigned)(unsigned char)c + 2;
}

int mse_store_compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (rank(*a) > rank(*b)) - (rank(*a) < rank(*b));
}

mse_status mse_store_add(struct mse_store_index *x, struct mse_store_node *node)
{
    size_t chunks = mse_store_num_chunks(node->size);
    if (x->num_nodes == MSE_STORE_MAX_NODES || chunks > MSE_STORE_MAX_CHUNKS - x->num_chunks) {
        return MSE_ERR_STORAGE_LIMIT;
    }
    if (x->num_nodes == x->cap_nodes) {
        size_t cap = x->cap_nodes == 0 ? 64 : 2 * x->cap_nodes;
        struct mse_store_node *more = realloc(x->nodes, cap * sizeof *more);
        if (more == NULL) {
            return MSE_ERR_MEMORY;
        }
        x->nodes = more;
        x->cap_nodes = cap;
    }
    x->nodes[x->num_nodes++] = *node;
    x->num_chunks += chunks;
    *node = (struct mse_store_node) { .path = NULL };
    return MSE_OK;
}

/* ---- writing ---- */

static void wr_text(struct mse_build *b, const char *s)
{
    mse_wr_u16be(b, (uint16_t)strlen(s));
    mse_wr_str(b, s);
}

static void wr_node(struct mse_build *b, const struct mse_store_node *n)
{
    mse_wr_u8(b, (uint8_t)n->type);
    mse_wr_u16be(b, n->mode);
    mse_wr_u64be(b, (uint64_t)n->mtime);
    mse_wr_u32be(b, n->mtime_ns);
    wr_text(b, n->path);
    if (n->type == MSE_STORE_LINK) {
        wr_text(b, n->target);
    } else if (n->type == MSE_STORE_FILE) {
        mse_wr_u64be(b, n->size);
        for (size_t i = 0; i < mse_store_num_chunks(n->size); i++) {
            mse_wr_u32be(b, n->chunks[i].pack);
            mse_wr_u32be(b, n->chunks[i].number);
            mse_wr_u64be(b, n->chunks[i].offset);
            mse_wr_copy(b, n->chunks[i].hash, 32);
        }
    }
}

void mse_store_index_write(struct mse_build *out, const struct mse_store_index *x)
{
    size_t before = out->len;
    mse_wr_u8(out, MSE_STORE_VERSION);
    mse_wr_u64be(out, x->generation);
    mse_wr_u64be(out, x->counter);
    mse_wr_u64be(out, (uint64_t)x->floor);
    mse_wr_u32be(out, (uint32_t)x->num_packs);
    mse_wr_u32be(out, (uint32_t)x->num_nodes);
    for (size_t i = 0; i < x->num_packs; i++) {
        mse_wr_copy(out, x->packs[i].salt, sizeof x->packs[i].salt);
        mse_wr_u64be(out, x->packs[i].length);
    }
    for (size_t i = 0; i < x->num_nodes; i++) {
        wr_node(out, &x->nodes[i]);
    }
    size_t over = (out->len - before) % MSE_STORE_PAGE;
    mse_wr_zeros(out, over == 0 ? 0 : MSE_STORE_PAGE - over);
}

/* ---- reading ---- */

/* Where the reader stands: the folders that it is in. */
struct place {
    const char *dirs[MSE_STORE_MAX_DEPTH];
    size_t depth;
};

static bool rd_text(char **out, struct mse_bytes *in, size_t max)
{
    uint16_t len = 0;
    struct mse_bytes text;
    if (!mse_rd_u16be(in, &len) || len == 0 || len > max || !mse_rd_bytes(in, &text, len) ||
        memchr(text.data, '\0', text.len) != NULL) {
        return false;
    }
    *out = strndup((const char *)text.data, text.len);
    return *out != NULL;
}

static bool part_ok(const char *part, size_t len)
{
    return len > 0 && len <= 255 && !(len == 1 && part[0] == '.') &&
           !(len == 2 && part[0] == '.' && part[1] == '.');
}

/* The node belongs into a folder that was said already, or is one of the two at the top. */
static bool place_ok(struct place *p, const struct mse_store_node *n)
{
    const char *slash = strrchr(n->path, '/');
    const char *name = slash == NULL ? n->path : slash + 1;
    size_t parent = slash == NULL ? 0 : (size_t)(slash - n->path);
    while (p->depth > 0 && !(strlen(p->dirs[p->depth - 1]) == parent &&
                             strncmp(p->dirs[p->depth - 1], n->path, parent) == 0)) {
        p->depth--;
    }
    if (!part_ok(name, strlen(name)) || p->depth == MSE_STORE_MAX_DEPTH) {
        return false;
    }
    if (slash == NULL) {
        bool known = strcmp(name, "home") == 0 || strcmp(name, "keys") == 0;
        if (!known || n->type != MSE_STORE_DIR) {
            return false;
        }
    } else if (p->depth == 0) {
        return false;
    }
    if (n->type == MSE_STORE_DIR) {
        p->dirs[p->depth++] = n->path;
    }
    return true;
}

static bool rd_chunk(struct mse_store_chunk *c, struct mse_bytes *in,
                     const struct mse_store_index *x, size_t len)
{
    if (!mse_rd_u32be(in, &c->pack) ||               // 0 pack
        !mse_rd_u32be(in, &c->number) ||             // 4 number of the piece
        !mse_rd_u64be(in, &c->offset) ||             // 8 offset in the file
        !mse_rd_copy(in, c->hash, sizeof c->hash)) { // 16 SHA-256
        return false;
    }
    if (c->pack == MSE_STORE_NO_PACK) {
        return c->number == 0 && c->offset == 0 && mse_mem_is_zero(c->hash, sizeof c->hash);
    }
    return c->pack < x->num_packs && c->offset >= MSE_SEAL_HEAD_LEN &&
           c->offset <= x->packs[c->pack].length &&
           len + MSE_AEAD_TAG_LEN <= x->packs[c->pack].length - c->offset;
}

static bool rd_chunks(struct mse_store_node *n, struct mse_bytes *in,
                      const struct mse_store_index *x)
{
    size_t num = mse_store_num_chunks(n->size);
    if (n->size > (uint64_t)MSE_STORE_MAX_CHUNKS * MSE_STORE_CHUNK || num > in->len / 48) {
        return false;
    }
    n->chunks = num == 0 ? NULL : calloc(num, sizeof *n->chunks);
    bool ok = num == 0 || n->chunks != NULL;
    for (size_t i = 0; ok && i < num; i++) {
        ok = rd_chunk(&n->chunks[i], in, x, mse_store_chunk_len(n->size, i));
    }
    return ok;
}

static bool rd_node(struct mse_store_node *n, struct mse_bytes *in, const struct mse_store_index *x)
{
    uint8_t type = 0;
    uint64_t mtime = 0;
    if (!mse_rd_u8(in, &type) ||                      // 0 type
        !mse_rd_u16be(in, &n->mode) ||                // 1 permissions
        !mse_rd_u64be(in, &mtime) ||                  // 3 seconds
        !mse_rd_u32be(in, &n->mtime_ns) ||            // 11 nanoseconds
        !rd_text(&n->path, in, MSE_STORE_MAX_PATH) || // 15 path
        type > MSE_STORE_LINK || n->mode > MAX_MODE || mtime > LATEST_TIME ||
        n->mtime_ns >= 1000000000U) {
        return false;
    }
    n->type = (enum mse_store_type)type;
    n->mtime = (mse_time)mtime;
    if (n->type == MSE_STORE_LINK) {
        return rd_text(&n->target, in, MSE_STORE_MAX_PATH);
    }
    return n->type == MSE_STORE_DIR || (mse_rd_u64be(in, &n->size) && rd_chunks(n, in, x));
}

static bool rd_nodes(struct mse_store_index *x, struct mse_bytes *in, size_t num)
{
    struct place place = { .depth = 0 };
    for (size_t i = 0; i < num; i++) {
        struct mse_store_node n = { .path = NULL };
        const char *before = i == 0 ? "" : x->nodes[i - 1].path;
        bool ok = rd_node(&n, in, x) && mse_store_compare(before, n.path) < 0 &&
                  place_ok(&place, &n) && mse_store_add(x, &n) == MSE_OK;
        if (!ok) {
            mse_store_node_clear(&n);
            return false;
        }
    }
    return true;
}

static bool rd_packs(struct mse_store_index *x, struct mse_bytes *in, size_t num)
{
    if (num > MSE_STORE_MAX_PACKS || num > in->len / 40) {
        return false;
    }
    x->packs = num == 0 ? NULL : calloc(num, sizeof *x->packs);
    x->num_packs = num;
    bool ok = num == 0 || x->packs != NULL;
    for (size_t i = 0; ok && i < num; i++) {
        struct mse_store_pack *p = &x->packs[i];
        ok = mse_rd_copy(in, p->salt, sizeof p->salt) && // 0 salt
             mse_rd_u64be(in, &p->length) &&             // 32 length
             p->length > 0 && p->length % MSE_STORE_PAGE == 0;
    }
    return ok;
}

static bool rd_index(struct mse_store_index *x, struct mse_bytes in)
{
    uint8_t version = 0;
    uint64_t floor = 0;
    uint32_t packs = 0;
    uint32_t nodes = 0;
    if (in.len % MSE_STORE_PAGE != 0 ||       //
        !mse_rd_u8(&in, &version) ||          // 0 version
        !mse_rd_u64be(&in, &x->generation) || // 1 generation
        !mse_rd_u64be(&in, &x->counter) ||    // 9 counter
        !mse_rd_u64be(&in, &floor) ||         // 17 time floor
        !mse_rd_u32be(&in, &packs) ||         // 25 number of packs
        !mse_rd_u32be(&in, &nodes) ||         // 29 number of nodes
        version != MSE_STORE_VERSION || floor > LATEST_TIME || nodes > MSE_STORE_MAX_NODES) {
        return false;
    }
    x->floor = (mse_time)floor;
    return rd_packs(x, &in, packs) && nodes <= in.len / MIN_NODE_LEN && rd_nodes(x, &in, nodes) &&
           in.len < MSE_STORE_PAGE && mse_rd_zeros(&in, in.len);
}

mse_status mse_store_index_parse(struct mse_store_index *out, struct mse_bytes in)
{
    struct mse_store_index x = { .nodes = NULL };
    if (!rd_index(&x, in)) {
        mse_store_index_clear(&x);
        return MSE_ERR_MALFORMED;
    }
    *out = x;
    return MSE_OK;
}
