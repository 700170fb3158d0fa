/* SPDX-License-Identifier: Apache-2.0 */
/* Packages, in pieces: one transaction each, so that a large one holds up nobody. */
#include <errno.h>
#include <stdlib.h>

#include "base/io.h"
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/rules.h"

#define PACKAGE_STEP "package"

struct package {
    const char *app_id;
    char upload[MSE_UUID_LEN];
    uint64_t size;
    uint8_t sha256[32];
    int64_t pieces;
    int64_t number; /* of the piece that is next */
    struct mse_bytes bytes;
    int fd;
    bool found;
    struct mse_sha256_ctx hash;
    uint64_t seen;
};

/* ---- putting */

static mse_status remove_both(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(arg) };
    mse_status st = op_change(s, SQL_PIECE_DELETE, OP_ARGS(p), NULL, err);
    return st == MSE_OK ? op_change(s, SQL_PACKAGE_DELETE, OP_ARGS(p), NULL, err) : st;
}

static mse_status begin(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct package *c = arg;
    const struct mse_db_value key[] = { mse_db_text(c->app_id) };
    char id[MSE_OP_ID_LEN];
    int64_t apps = 0;
    int64_t now = 0;
    (void)snprintf(id, sizeof id, "%s", c->app_id);
    /* In this order: whoever creates the app meanwhile has the row, and is waited for. */
    mse_status st = remove_both(s, id, err);
    st = st == MSE_OK ? op_number(s, SQL_APP_EXISTS, OP_ARGS(key), &apps, err) : st;
    if (st == MSE_OK && apps > 0) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, PACKAGE_STEP, "app %s has its package", c->app_id);
    }
    st = st == MSE_OK ? mse_db_clock_ms(s->db, &now, err) : st;
    const struct mse_db_value p[] = {
        key[0],
        mse_db_text(c->upload),
        mse_db_int((int64_t)c->size),
        mse_db_blob(mse_bytes_of(c->sha256, sizeof c->sha256)),
        mse_db_int(0),
        mse_db_int(0),
        mse_db_int(now),
    };
    return st == MSE_OK ? op_change(s, SQL_PACKAGE_ADD, OP_ARGS(p), NULL, err) : st;
}

/* A change of the row of this upload. */
static mse_status mine(struct mse_op_store *s, const struct package *c, enum op_sql which,
                       struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_text(c->upload) };
    uint64_t changed = 0;
    mse_status st = op_change(s, which, OP_ARGS(p), &changed, err);
    return st != MSE_OK || changed == 1
               ? st
               : MSE_FAIL(err, MSE_ERR_LEASE_LOST, PACKAGE_STEP,
                          "another upload of the package of app %s began", c->app_id);
}

static mse_status add_piece(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct package *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(c->number),
                                      mse_db_blob(c->bytes) };
    mse_status st = mine(s, c, SQL_PACKAGE_GROW, err);
    return st == MSE_OK ? op_change(s, SQL_PIECE_ADD, OP_ARGS(p), NULL, err) : st;
}

static mse_status finish(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    return mine(s, arg, SQL_PACKAGE_DONE, err);
}

static mse_status add_all(struct mse_op_store *s, struct package *c, uint8_t *buffer,
                          struct mse_error *err)
{
    while (c->seen < c->size) {
        uint64_t left = c->size - c->seen;
        size_t len = left < MSE_OP_PIECE_LEN ? (size_t)left : MSE_OP_PIECE_LEN;
        size_t got = 0;
        if (!mse_io_read(c->fd, buffer, len, &got)) {
            return MSE_FAIL(err, MSE_ERR_IO, PACKAGE_STEP, "reading the package: %s",
                            strerror(errno));
        }
        if (got < len) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, PACKAGE_STEP,
                            "the package ends after %llu bytes, wanted %llu",
                            (unsigned long long)(c->seen + got), (unsigned long long)c->size);
        }
        mse_sha256_update(&c->hash, buffer, len);
        c->bytes = mse_bytes_of(buffer, len);
        mse_status st = op_write_beside(s, add_piece, c, err);
        if (st != MSE_OK) {
            return st;
        }
        c->number++;
        c->seen += len;
    }
    return MSE_OK;
}

static mse_status check_hash(struct package *c, mse_status wrong, struct mse_error *err)
{
    uint8_t hash[32];
    mse_status st = mse_sha256_final(&c->hash, hash);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, PACKAGE_STEP, "%s", mse_status_text(st));
    }
    return mse_bytes_equal(mse_bytes_of(hash, 32), mse_bytes_of(c->sha256, 32))
               ? MSE_OK
               : MSE_FAIL(err, wrong, PACKAGE_STEP, "the package of app %s has another SHA-256",
                          c->app_id);
}

static mse_status put(struct mse_op_store *s, struct package *c, uint8_t *buffer,
                      struct mse_error *err)
{
    mse_status st = op_write_beside(s, begin, c, err);
    st = st == MSE_OK ? add_all(s, c, buffer, err) : st;
    st = st == MSE_OK ? check_hash(c, MSE_ERR_MALFORMED, err) : st;
    return st == MSE_OK ? op_write_beside(s, finish, c, err) : st;
}

mse_status mse_op_package_put(struct mse_op_store *s, const char *app_id, int fd, uint64_t size,
                              const uint8_t sha256[32], struct mse_error *err)
{
    struct package c = { .app_id = app_id, .fd = fd, .size = size };
    uint8_t *buffer = NULL;
    if (!mse_rule_uuid4(app_id) || size > INT64_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, PACKAGE_STEP,
                        "app_id: wanted a UUID of version 4 in lower case");
    }
    memcpy(c.sha256, sha256, sizeof c.sha256);
    mse_status st = mse_random_uuid(c.upload);
    st = st == MSE_OK ? mse_sha256_init(&c.hash) : st;
    if (st == MSE_OK) {
        buffer = malloc(MSE_OP_PIECE_LEN);
        st = buffer != NULL ? put(s, &c, buffer, err) : MSE_ERR_MEMORY;
    }
    mse_sha256_clear(&c.hash);
    free(buffer);
    return st;
}

/* ---- getting */

static mse_status take_package(void *user, const struct mse_db_value *row, size_t num,
                               struct mse_error *err)
{
    struct package *c = user;
    if (num != 3 || row[1].type != MSE_DB_BLOB || row[1].bytes.len != sizeof c->sha256) {
        return op_bad_row(err);
    }
    c->size = (uint64_t)mse_db_number(&row[0]);
    memcpy(c->sha256, row[1].bytes.data, sizeof c->sha256);
    c->pieces = mse_db_number(&row[2]);
    c->found = true;
    return MSE_OK;
}

static mse_status find(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct package *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id) };
    mse_status st = op_query(s, SQL_PACKAGE_GET, OP_ARGS(p), take_package, c, err);
    return st != MSE_OK || c->found ? st
                                    : MSE_FAIL(err, MSE_ERR_NOT_FOUND, PACKAGE_STEP,
                                               "there is no package of app %.36s", c->app_id);
}

static mse_status take_piece(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    struct package *c = user;
    if (num != 1 || row[0].type != MSE_DB_BLOB) {
        return op_bad_row(err);
    }
    struct mse_bytes b = row[0].bytes;
    c->found = true;
    c->seen += b.len;
    mse_sha256_update(&c->hash, b.data, b.len);
    return mse_io_write(c->fd, b) ? MSE_OK
                                  : MSE_FAIL(err, MSE_ERR_IO, PACKAGE_STEP,
                                             "writing the package: %s", strerror(errno));
}

static mse_status get_piece(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct package *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(c->number) };
    c->found = false;
    mse_status st = op_query(s, SQL_PIECE_GET, OP_ARGS(p), take_piece, c, err);
    return st != MSE_OK || c->found ? st
                                    : MSE_FAIL(err, MSE_ERR_PACKAGE_TRUNCATED, PACKAGE_STEP,
                                               "piece %lld of the package of app %s is missing",
                                               (long long)c->number, c->app_id);
}

mse_status mse_op_package_get(struct mse_op_store *s, const char *app_id, int fd,
                              struct mse_error *err)
{
    struct package c = { .app_id = app_id, .fd = fd };
    mse_status st = op_read(s, find, &c, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_sha256_init(&c.hash);
    for (; st == MSE_OK && c.number < c.pieces; c.number++) {
        st = op_read(s, get_piece, &c, err);
    }
    if (st == MSE_OK && c.seen != c.size) {
        st = MSE_FAIL(err, c.seen < c.size ? MSE_ERR_PACKAGE_TRUNCATED : MSE_ERR_PACKAGE_DAMAGED,
                      PACKAGE_STEP, "the package of app %s has %llu bytes, wanted %llu", app_id,
                      (unsigned long long)c.seen, (unsigned long long)c.size);
    }
    st = st == MSE_OK ? check_hash(&c, MSE_ERR_PACKAGE_DAMAGED, err) : st;
    mse_sha256_clear(&c.hash);
    return st;
}

/* ---- removing */

/* Of two uploads for one app the one that came too late takes nothing from the other. */
static mse_status remove_idle(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(arg) };
    int64_t lives = 0;
    mse_status st = remove_both(s, arg, err);
    st = st == MSE_OK ? op_number(s, SQL_APP_LIVES, OP_ARGS(p), &lives, err) : st;
    return st != MSE_OK || lives == 0
               ? st
               : MSE_FAIL(err, MSE_ERR_EXISTS, PACKAGE_STEP, "app %.36s lives, with its package",
                          (const char *)arg);
}

mse_status mse_op_package_remove(struct mse_op_store *s, const char *app_id, struct mse_error *err)
{
    char id[MSE_OP_ID_LEN];
    (void)snprintf(id, sizeof id, "%s", app_id);
    return op_write_beside(s, remove_idle, id, err);
}

struct old {
    int64_t than_ms;
    size_t num;
    char ids[64][MSE_OP_ID_LEN]; /* as many as the statement answers */
};

static mse_status take_old(void *user, const struct mse_db_value *row, size_t num,
                           struct mse_error *err)
{
    struct old *o = user;
    if (num != 1 || o->num == MSE_ARRAY_LEN(o->ids) ||
        !mse_db_copy(o->ids[o->num], MSE_OP_ID_LEN, &row[0])) {
        return op_bad_row(err);
    }
    o->num++;
    return MSE_OK;
}

static mse_status find_old(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct old *o = arg;
    const struct mse_db_value p[] = { mse_db_int(o->than_ms) };
    return op_query(s, SQL_PACKAGE_OLD, OP_ARGS(p), take_old, o, err);
}

mse_status mse_op_package_sweep(struct mse_op_store *s, int64_t older_than_ms,
                                struct mse_error *err)
{
    struct old o = { .than_ms = older_than_ms };
    mse_status st = MSE_OK;
    do {
        o.num = 0;
        st = op_read(s, find_old, &o, err);
        for (size_t i = 0; st == MSE_OK && i < o.num; i++) {
            struct mse_error why = { 0 };
            st = op_write_beside(s, remove_idle, o.ids[i], &why);
            if (st == MSE_ERR_EXISTS) {
                st = MSE_OK; /* its app came meanwhile */
            } else if (st != MSE_OK) {
                st = MSE_FAIL(err, st, PACKAGE_STEP, "%s", why.text);
            }
        }
    } while (st == MSE_OK && o.num == MSE_ARRAY_LEN(o.ids));
    return st;
}
