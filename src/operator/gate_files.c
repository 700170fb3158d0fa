/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_files.h. */
#include "operator/gate_files.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "cmd/files.h"

void gate_files_init(struct gate_files *f, const char *certificate, const char *key)
{
    *f = (struct gate_files) { .paths = { certificate, key } };
    for (int i = 0; i < 2; i++) {
        mse_build_heap(&f->content[i], GATE_PEM_MAX);
    }
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static mse_status read_one(struct mse_build *out, const char *path, struct mse_error *err)
{
    struct cli_file file = { 0 };
    mse_status st = cli_file_read(&file, path, GATE_PEM_MAX, err);
    if (st == MSE_OK && file.len == 0) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "gateway", "%.180s is empty", path);
    }
    if (st == MSE_OK) {
        mse_build_heap(out, GATE_PEM_MAX);
        mse_wr_copy(out, file.data, file.len);
        st = mse_build_ok(out) ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "gateway", "out of memory");
    }
    cli_file_wipe(&file);
    return st;
}

/* Something that renews them writes one after the other: a pair that does not fit together is
 * refused where it is used, and the next look finds the other one. */
mse_status gate_files_read(struct gate_files *f, bool *changed, struct mse_error *err)
{
    struct mse_build content[2] = { { .data = NULL }, { .data = NULL } };
    struct stat now[2];
    bool differs = false;
    mse_status st = MSE_OK;
    for (int i = 0; i < 2; i++) {
        if (stat(f->paths[i], &now[i]) != 0) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "gateway", "%.150s: %s", f->paths[i],
                            strerror(errno));
        }
        differs = differs || !same_file(&now[i], &f->seen[i]);
    }
    for (int i = 0; differs && st == MSE_OK && i < 2; i++) {
        st = read_one(&content[i], f->paths[i], err);
    }
    for (int i = 0; differs && i < 2; i++) {
        f->seen[i] = now[i]; /* what cannot be read is not tried over and over */
        if (st == MSE_OK) {
            mse_build_clear(&f->content[i]);
            f->content[i] = content[i];
        } else {
            mse_build_clear(&content[i]);
        }
    }
    *changed = differs && st == MSE_OK;
    return st;
}

void gate_files_write(const struct gate_files *f, struct mse_build *out)
{
    const struct gate_identity id = { mse_build_view(&f->content[0]),
                                      mse_build_view(&f->content[1]) };
    gate_wr_identity(out, &id);
}

void gate_files_clear(struct gate_files *f)
{
    mse_build_clear(&f->content[0]);
    mse_build_clear(&f->content[1]);
}
