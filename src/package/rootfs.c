/* SPDX-License-Identifier: Apache-2.0 */
/* See rootfs.h. */
#include "package/rootfs.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "package/rows.h"

#define STEP "rootfs"

/* What stands before the next `end`, which is taken away; false if there is none. */
static bool rd_until(struct mse_bytes *in, char end, struct mse_bytes *out)
{
    const uint8_t *p = in->len == 0 ? NULL : memchr(in->data, end, in->len);
    return p != NULL && mse_rd_bytes(in, out, (size_t)(p - in->data)) && mse_rd_skip(in, 1);
}

static bool rd_row(struct mse_bytes line, struct mse_code_file *f, struct mse_bytes *path)
{
    struct mse_bytes hex = { 0 };
    struct mse_bytes mode = { 0 };
    struct mse_bytes size = { 0 };
    bool form = rd_until(&line, ' ', &hex) && rd_until(&line, ' ', &mode) &&
                rd_until(&line, ' ', &size) && mse_hex_decode(f->sha256, sizeof f->sha256, hex) &&
                (mse_bytes_is_str(mode, "x") || mse_bytes_is_str(mode, "-")) &&
                mse_u64_parse(&f->size, size, INT64_MAX);
    *path = line;
    f->executable = mse_bytes_is_str(mode, "x");
    return form;
}

/* Control characters would need escapes in a manifest, which two readers may take differently. */
static bool path_is_plain(struct mse_bytes p)
{
    bool plain = mse_rule_path(p);
    for (size_t i = 0; plain && i < p.len; i++) {
        plain = p.data[i] >= 0x20 && p.data[i] != 0x7f;
    }
    return plain;
}

mse_status mse_rootfs_next(struct mse_code_file *out, bool *more, struct mse_rootfs_reader *r,
                           struct mse_error *err)
{
    struct mse_bytes line = { 0 };
    struct mse_bytes path = { 0 };
    struct mse_code_file f = { 0 };
    char last[MSE_PATH_MAX_LEN + 1];
    *more = r->rest.len > 0;
    if (!*more) {
        return MSE_OK;
    }
    r->line++;
    if (!rd_until(&r->rest, '\n', &line) || !rd_row(line, &f, &path) || !path_is_plain(path)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "line %zu: wanted \"SHA256 x|- SIZE PATH\", PATH relative, in UTF-8, at "
                        "most %zu bytes, without control characters",
                        r->line, MSE_PATH_MAX_LEN);
    }
    memcpy(last, r->path, sizeof last);
    memcpy(r->path, path.data, path.len);
    r->path[path.len] = '\0';
    if (r->line > 1 && strcmp(last, r->path) >= 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "line %zu: %.100s behind %.100s: not in order", r->line, r->path, last);
    }
    f.path = r->path;
    *out = f;
    return MSE_OK;
}

mse_status mse_rootfs_digest(uint8_t out[32], struct mse_bytes list, struct mse_error *err)
{
    struct mse_rootfs_reader r = { .rest = list };
    struct mse_sha256_ctx c = { 0 };
    struct mse_code_file f;
    uint8_t digest[32];
    bool more = true;
    if (mse_sha256_init(&c) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STEP, "SHA-256 is not available");
    }
    mse_rows_begin(&c, MSE_ROOTFS_TAG, NULL);
    mse_status st = mse_rootfs_next(&f, &more, &r, err);
    while (st == MSE_OK && more) {
        mse_rows_add(&c, &f);
        st = mse_rootfs_next(&f, &more, &r, err);
    }
    if (st == MSE_OK && mse_sha256_final(&c, digest) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, STEP, "SHA-256 failed");
    }
    if (st == MSE_OK) {
        memcpy(out, digest, sizeof digest);
    }
    mse_sha256_clear(&c);
    return st;
}

static mse_status add_row(void *user, const struct mse_code_file *f)
{
    struct mse_build *b = user;
    if (!path_is_plain(mse_bytes_str(f->path))) {
        return MSE_ERR_MALFORMED;
    }
    mse_wr_hex(b, f->sha256, sizeof f->sha256);
    mse_wr_printf(b, " %s %llu %s\n", f->executable ? "x" : "-", (unsigned long long)f->size,
                  f->path);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_rootfs_list(struct mse_build *out, const char *dir, struct mse_error *err)
{
    mse_status st = mse_code_walk(dir, false, add_row, out, err);
    if (st == MSE_OK || (err != NULL && err->text[0] != '\0')) {
        return st;
    }
    return MSE_FAIL(err, st, STEP, "%.150s: %s", dir,
                    st == MSE_ERR_MALFORMED ? "a name with control characters" : "too many files");
}
