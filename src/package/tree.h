/* SPDX-License-Identifier: Apache-2.0 */
/* The list of files of a code tree, for the digest and for packing. Internal to package/. */
#ifndef PACKAGE_TREE_H
#define PACKAGE_TREE_H

#include <mse/status.h>

#define MSE_TREE_MAX_FILES ((size_t)1000000)

struct mse_tree_file {
    char *path;
    bool executable;
    uint64_t size;
};

struct mse_tree {
    int root_fd;
    uint8_t *buf; /* for reading: one for all files, for clearing it costs more than a small file */
    struct mse_tree_file *files; /* in unsigned byte order of path */
    size_t num;
    size_t cap;
};

/* mse_tree_open walks dir; release with mse_tree_close. */
MSE_MUST_USE mse_status mse_tree_open(struct mse_tree *out, const char *dir, bool ignore,
                                      struct mse_error *err);
void mse_tree_close(struct mse_tree *t);
/* mse_tree_read opens one file, without following links on the way, and hands its content to sink
 * in pieces; exactly `size` bytes, or the file changed and MSE_ERR_IO is returned. */
typedef mse_status (*mse_tree_sink)(void *user, struct mse_bytes piece);
MSE_MUST_USE mse_status mse_tree_read(const struct mse_tree *t, const struct mse_tree_file *f,
                                      mse_tree_sink sink, void *user, struct mse_error *err);

#endif
