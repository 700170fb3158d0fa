/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_proof.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define HASH MSE_SHA256_LEN

/* A look through all entries: the last that fits counts. */
struct search {
    struct cli_log_found *out;
    enum mse_log_kind kind;
    const uint8_t *fingerprint;
    bool found;
};

static mse_status look_at(void *user, uint64_t index, struct mse_bytes entry, struct mse_error *err)
{
    struct search *s = user;
    struct mse_log_entry e;
    (void)err;
    if (mse_log_entry_parse(&e, entry, NULL) != MSE_OK) {
        return MSE_OK; /* of others, or of a later version */
    }
    bool fits = (s->kind == MSE_LOG_KIND_COUNT || s->kind == e.kind) &&
                mse_mem_equal(e.fingerprint, s->fingerprint, sizeof e.fingerprint);
    if (fits) {
        s->found = true;
        s->out->index = index;
        s->out->len = entry.len;
        memcpy(s->out->entry, entry.data, entry.len);
    }
    return MSE_OK;
}

mse_status cli_log_find(struct cli_log_found *out, struct cli_log_source *s, enum mse_log_kind kind,
                        const uint8_t fingerprint[32], struct mse_error *err)
{
    struct search search = { .out = out, .kind = kind, .fingerprint = fingerprint };
    char hex[65];
    mse_status st = cli_log_source_entries(s, 0, look_at, &search, err);
    if (st == MSE_OK && !search.found) {
        mse_hex_encode(hex, mse_bytes_of(fingerprint, 32));
        st = MSE_FAIL(err, MSE_ERR_LOG_MISSING, "log", "none of the %llu entries is of %s%s%s",
                      (unsigned long long)s->size,
                      kind == MSE_LOG_KIND_COUNT ? "" : mse_log_kind_name(kind),
                      kind == MSE_LOG_KIND_COUNT ? "" : " ", hex);
    }
    return st;
}

mse_status cli_log_head_at(struct mse_log_head *out, struct cli_log_source *s, uint64_t size,
                           struct mse_error *err)
{
    const struct mse_log_nodes n = cli_log_source_nodes(s);
    struct mse_log_head h = { .size = size };
    if (size > s->size) {
        return MSE_FAIL(err, MSE_ERR_LOG_ROLLBACK, "log", "the log has %llu entries, not %llu",
                        (unsigned long long)s->size, (unsigned long long)size);
    }
    mse_status st = mse_log_root_at(h.root, &n, size, err);
    if (st == MSE_OK) {
        *out = h;
    }
    return st;
}

mse_status cli_log_link(uint8_t (*out)[HASH], size_t *out_num, struct cli_log_source *s,
                        const struct mse_log_head *now, const struct mse_log_head *before,
                        struct mse_error *err)
{
    const struct mse_log_nodes n = cli_log_source_nodes(s);
    mse_status st = MSE_OK;
    *out_num = 0;
    if (before->size <= now->size) {
        st = mse_log_prove_consistency(out, out_num, &n, before->size, now->size, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    st = mse_log_verify_consistency(before, now, mse_bytes_of(out, *out_num * HASH));
    return st == MSE_OK
               ? st
               : MSE_FAIL(err, st, "log", "%s: %llu entries now, %llu before", mse_status_text(st),
                          (unsigned long long)now->size, (unsigned long long)before->size);
}

static void wr_base64_line(struct mse_build *b, const char *word, struct mse_bytes in)
{
    size_t len = 4 * ((in.len + 2) / 3) + 1;
    char *text = malloc(len);
    if (text == NULL) {
        b->failed = true;
        return;
    }
    mse_base64_encode(text, in);
    mse_wr_printf(b, "%s%s\n", word, text);
    free(text);
}

static void wr_hashes(struct mse_build *b, uint8_t (*hashes)[HASH], size_t num)
{
    for (size_t i = 0; i < num; i++) {
        wr_base64_line(b, "", mse_bytes_of(hashes[i], HASH));
    }
}

static mse_status wr_extra(struct mse_build *out, struct cli_log_source *s,
                           const struct cli_log_question *q, struct mse_error *err)
{
    uint8_t link[MSE_LOG_MAX_LINK][HASH];
    struct mse_build b;
    size_t num = 0;
    mse_status st = MSE_OK;
    mse_build_heap(&b, MSE_LOG_MAX_EXTRA);
    mse_wr_copy(&b, q->found->entry, q->found->len);
    if (q->since != NULL) {
        st = cli_log_link(link, &num, s, &q->checkpoint->head, q->since, err);
        mse_wr_printf(&b, "\nsince %llu\n", (unsigned long long)q->since->size);
        wr_hashes(&b, link, st == MSE_OK ? num : 0);
    }
    if (st == MSE_OK) {
        wr_base64_line(out, "extra ", mse_build_view(&b));
        out->failed = out->failed || !mse_build_ok(&b);
    }
    mse_build_clear(&b);
    return st;
}

mse_status cli_log_prove(struct mse_build *out, struct cli_log_source *s,
                         const struct cli_log_question *q, struct mse_error *err)
{
    const struct mse_log_nodes n = cli_log_source_nodes(s);
    const struct mse_log_head *head = &q->checkpoint->head;
    uint8_t path[MSE_LOG_MAX_PATH][HASH];
    uint8_t leaf[HASH];
    size_t num = 0;
    mse_wr_str(out, "c2sp.org/tlog-proof@v1\n");
    mse_status st = wr_extra(out, s, q, err);
    st = st == MSE_OK ? mse_log_prove_inclusion(path, &num, &n, q->found->index, head->size, err)
                      : st;
    st = st == MSE_OK ? mse_log_leaf_hash(leaf, mse_bytes_of(q->found->entry, q->found->len)) : st;
    if (st == MSE_OK &&
        mse_log_verify_inclusion(leaf, q->found->index, head->size, mse_bytes_of(path, num * HASH),
                                 head->root) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_LOG_TILE, "log",
                      "entry %llu and the tiles of the log do not lead to the root that is signed",
                      (unsigned long long)q->found->index);
    }
    if (st != MSE_OK) {
        return st;
    }
    mse_wr_printf(out, "index %llu\n", (unsigned long long)q->found->index);
    wr_hashes(out, path, num);
    mse_wr_str(out, "\n");
    mse_wr_bytes(out, q->note);
    return mse_build_ok(out) ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
}
