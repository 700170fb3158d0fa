/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears whole or not at all, and over nothing that the user did not give up. */
#ifndef CLI_NEWFILE_H
#define CLI_NEWFILE_H

#include "cmd/cmd.h"

struct cli_newfile {
    int fd; /* to write to; 0600 until it is kept */
    const char *path;
    char *temp; /* NULL: standard output, held in memory until it is kept */
    bool force;
};
/* cli_newfile_open makes a file beside path ("-": standard output). MSE_ERR_EXISTS if there is one
 * and force is not set, MSE_ERR_IO. path is borrowed. */
MSE_MUST_USE mse_status cli_newfile_open(struct cli_newfile *out, const char *path, bool force,
                                         struct mse_error *err);
/* cli_newfile_keep syncs it and gives it its name and mode; closes it in any case. */
MSE_MUST_USE mse_status cli_newfile_keep(struct cli_newfile *f, unsigned mode,
                                         struct mse_error *err);
/* cli_newfile_drop leaves nothing of it; after keep it does nothing. */
void cli_newfile_drop(struct cli_newfile *f);
/* Open, write, keep. */
MSE_MUST_USE mse_status cli_newfile_put(const char *path, struct mse_bytes content, unsigned mode,
                                        bool force, struct mse_error *err);
/* The error, and that -f would overwrite if it is that. */
enum cli_exit cli_newfile_failed(const struct cli *c, mse_status st, const struct mse_error *err);

#endif
