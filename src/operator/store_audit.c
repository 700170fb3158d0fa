/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log. A line's hash is SHA-256 over "mse-audit-v1" NUL, the hash before it (of the first
 * line: zeros), u64be number, u64be time, and of each text u32be length and the bytes. */
#include "base/build.h"
#include "crypto/digest.h"
#include "operator/store_sql.h"

#define TAG     "mse-audit-v1"
#define MAX_LEN ((size_t)4096)

struct chain {
    struct mse_op_audit_head head;
    const struct mse_op_audit_head *kept;
    bool kept_seen;
    mse_op_audit_fn *each;
    void *arg;
};

static void put(struct mse_build *b, const char *text)
{
    size_t len = strlen(text);
    mse_wr_u32be(b, (uint32_t)len);
    mse_wr_copy(b, text, len);
}

mse_status mse_op_audit_hash(uint8_t out[32], const struct mse_op_audit_line *l,
                             const uint8_t previous[32])
{
    struct mse_build b;
    mse_build_heap(&b, MAX_LEN);
    mse_wr_copy(&b, TAG, sizeof TAG);
    mse_wr_copy(&b, previous, 32);
    mse_wr_u64be(&b, l->seq);
    mse_wr_u64be(&b, (uint64_t)l->at);
    put(&b, l->actor);
    put(&b, l->action);
    put(&b, l->subject);
    put(&b, l->detail);
    mse_status st = mse_build_ok(&b) ? mse_sha256(out, mse_build_view(&b)) : MSE_ERR_MEMORY;
    mse_build_clear(&b);
    return st;
}

static mse_status take_head(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct mse_op_audit_head *h = user;
    if (num != 2 || row[0].type != MSE_DB_INT || row[1].type != MSE_DB_BLOB ||
        row[1].bytes.len != sizeof h->hash) {
        return op_bad_row(err);
    }
    h->seq = (uint64_t)row[0].number;
    memcpy(h->hash, row[1].bytes.data, sizeof h->hash);
    return MSE_OK;
}

mse_status op_audit_head(struct mse_op_store *s, struct mse_op_audit_head *out,
                         struct mse_error *err)
{
    const struct mse_op_audit_head none = { 0 };
    *out = none;
    return op_query(s, SQL_AUDIT_LAST, op_none, take_head, out, err);
}

mse_status op_audit(struct mse_op_store *s, const struct mse_op_by *by, const char *action,
                    const char *subject, const char *detail, struct mse_error *err)
{
    struct mse_op_audit_head h;
    uint8_t hash[32];
    mse_status st = op_audit_head(s, &h, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_op_audit_line l = {
        .seq = h.seq + 1,
        .at = by->now,
        .actor = by->actor,
        .action = action,
        .subject = subject,
        .detail = detail,
    };
    st = mse_op_audit_hash(hash, &l, h.hash);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STORE_STEP, "the audit log: %s", mse_status_text(st));
    }
    const struct mse_db_value p[] = {
        mse_db_int((int64_t)l.seq),
        mse_db_int(l.at),
        mse_db_text(l.actor),
        mse_db_text(l.action),
        mse_db_text(l.subject),
        mse_db_text(l.detail),
        mse_db_blob(mse_bytes_of(hash, sizeof hash)),
    };
    return op_change(s, SQL_AUDIT_ADD, OP_ARGS(p), NULL, err);
}

/* Verifying. */

static mse_status broken(const struct chain *c, const char *what, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_SIGNATURE, "audit", "line %llu of the audit log %s",
                    (unsigned long long)c->head.seq + 1, what);
}

static mse_status follow(struct chain *c, const struct mse_op_audit_line *l, struct mse_bytes hash,
                         struct mse_error *err)
{
    uint8_t wanted[32];
    if (l->seq != c->head.seq + 1) {
        return broken(c, "is missing", err);
    }
    mse_status st = mse_op_audit_hash(wanted, l, c->head.hash);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "audit", "%s", mse_status_text(st));
    }
    if (!mse_bytes_equal(hash, mse_bytes_of(wanted, sizeof wanted))) {
        return broken(c, "is not the one that was written", err);
    }
    if (c->kept != NULL && c->kept->seq == l->seq) {
        c->kept_seen = true;
        if (!mse_bytes_equal(hash, mse_bytes_of(c->kept->hash, sizeof c->kept->hash))) {
            return broken(c, "is not the one that was written down", err);
        }
    }
    c->head.seq = l->seq;
    memcpy(c->head.hash, wanted, sizeof wanted);
    return c->each == NULL ? MSE_OK : c->each(c->arg, l);
}

static mse_status take_line(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct chain *c = user;
    char text[4][MSE_OP_TEXT_LEN * 2];
    if (num != 7 || row[0].type != MSE_DB_INT || row[1].type != MSE_DB_INT ||
        row[6].type != MSE_DB_BLOB) {
        return broken(c, "has no form of ours", err);
    }
    for (size_t i = 0; i < 4; i++) {
        if (row[2 + i].type != MSE_DB_TEXT || !mse_db_copy(text[i], sizeof text[i], &row[2 + i])) {
            return broken(c, "has no form of ours", err);
        }
    }
    const struct mse_op_audit_line l = {
        .seq = (uint64_t)row[0].number,
        .at = row[1].number,
        .actor = text[0],
        .action = text[1],
        .subject = text[2],
        .detail = text[3],
    };
    return follow(c, &l, row[6].bytes, err);
}

static mse_status walk(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct chain *c = arg;
    mse_status st = op_query(s, SQL_AUDIT_LIST, op_none, take_line, c, err);
    if (st == MSE_OK && c->kept != NULL && c->kept->seq > 0 && !c->kept_seen) {
        st = MSE_FAIL(err, MSE_ERR_SIGNATURE, "audit",
                      "the audit log ends at line %llu, and line %llu was written down",
                      (unsigned long long)c->head.seq, (unsigned long long)c->kept->seq);
    }
    return st;
}

mse_status mse_op_audit_verify(struct mse_op_store *s, struct mse_op_audit_head *out,
                               const struct mse_op_audit_head *kept, mse_op_audit_fn *each,
                               void *arg, struct mse_error *err)
{
    struct chain c = { .kept = kept, .each = each, .arg = arg };
    mse_status st = op_read(s, walk, &c, err);
    if (st == MSE_OK) {
        *out = c.head;
    }
    return st;
}
