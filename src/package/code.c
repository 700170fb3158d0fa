/* SPDX-License-Identifier: Apache-2.0 */
/* code_digest over a tree (10-rules 20). */
#include "package/code.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/rows.h"
#include "package/rules.h"
#include "package/tree.h"

static mse_status hash_piece(void *user, struct mse_bytes piece)
{
    struct mse_sha256_ctx *c = user;
    mse_sha256_update(c, piece.data, piece.len);
    return MSE_OK;
}

static mse_status hash_file(uint8_t out[32], const struct mse_tree *t,
                            const struct mse_tree_file *f, struct mse_error *err)
{
    struct mse_sha256_ctx c = { 0 };
    if (mse_sha256_init(&c) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "code", "SHA-256 is not available");
    }
    mse_status st = mse_tree_read(t, f, hash_piece, &c, err);
    if (st == MSE_OK && mse_sha256_final(&c, out) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, "code", "SHA-256 failed");
    }
    mse_sha256_clear(&c);
    return st;
}

mse_status mse_code_walk(const char *dir, bool ignore, mse_code_visit visit, void *user,
                         struct mse_error *err)
{
    struct mse_tree t;
    mse_status st = mse_tree_open(&t, dir, ignore, err);
    if (st != MSE_OK) {
        return st;
    }
    for (size_t i = 0; st == MSE_OK && i < t.num; i++) {
        struct mse_code_file row = {
            t.files[i].path, t.files[i].executable, t.files[i].size, { 0 }
        };
        st = hash_file(row.sha256, &t, &t.files[i], err);
        st = st == MSE_OK ? visit(user, &row) : st;
    }
    mse_tree_close(&t);
    return st;
}

void mse_rows_begin(struct mse_sha256_ctx *c, const char *tag, const uint8_t *salt)
{
    mse_sha256_update(c, tag, strlen(tag) + 1);
    if (salt != NULL) {
        mse_sha256_update(c, salt, MSE_CODE_SALT_LEN);
    }
}

void mse_rows_add(struct mse_sha256_ctx *c, const struct mse_code_file *f)
{
    uint8_t buf[4 + MSE_PATH_MAX_LEN + 1 + 8 + 32];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_u32le(&b, (uint32_t)strlen(f->path));
    mse_wr_str(&b, f->path);
    mse_wr_u8(&b, f->executable ? 1 : 0);
    mse_wr_u64le(&b, f->size);
    mse_wr_copy(&b, f->sha256, sizeof f->sha256);
    MSE_ASSERT(mse_build_ok(&b)); /* longer paths were refused */
    mse_sha256_update(c, b.data, b.len);
}

static mse_status add_row(void *user, const struct mse_code_file *f)
{
    mse_rows_add(user, f);
    return MSE_OK;
}

/* The digest over the rows of a tree under `tag`; salt may be NULL. */
static mse_status digest_rows(uint8_t out[32], const char *dir, const char *tag,
                              const uint8_t *salt, bool ignore, struct mse_error *err)
{
    struct mse_sha256_ctx c = { 0 };
    uint8_t digest[32];
    if (mse_sha256_init(&c) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "code", "SHA-256 is not available");
    }
    mse_rows_begin(&c, tag, salt);
    mse_status st = mse_code_walk(dir, ignore, add_row, &c, err);
    if (st == MSE_OK && mse_sha256_final(&c, digest) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, "code", "SHA-256 failed");
    }
    if (st == MSE_OK) {
        memcpy(out, digest, sizeof digest);
    }
    mse_sha256_clear(&c);
    return st;
}

mse_status mse_code_digest(uint8_t out[32], const char *dir, const uint8_t salt[32], bool ignore,
                           struct mse_error *err)
{
    return digest_rows(out, dir, MSE_CODE_TAG, salt, ignore, err);
}
