/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders of the user: reading whole files up to a maximum, writing atomically, the
 * configuration folder. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <mse/status.h>

#include "base/build.h"

/* The content of a file, on the heap. */
struct cli_file {
    uint8_t *data;
    size_t len;
};
/* cli_file_read reads path ("-": stdin), at most max bytes. MSE_ERR_NOT_FOUND, MSE_ERR_IO,
 * MSE_ERR_NO_SPACE, each with the path in the text. */
MSE_MUST_USE mse_status cli_file_read(struct cli_file *out, const char *path, size_t max,
                                      struct mse_error *err);
void cli_file_clear(struct cli_file *f);
void cli_file_wipe(struct cli_file *f); /* clears what was secret */
struct mse_bytes cli_file_view(const struct cli_file *f);

/* cli_file_write writes a temporary file in the folder of path, syncs it and renames it: path holds
 * the old content or the new one, never a part. */
MSE_MUST_USE mse_status cli_file_write(const char *path, struct mse_bytes content, unsigned mode,
                                       struct mse_error *err);
/* The same by a temporary file of this name, in the same file system: for who holds a lock, so that
 * a killed program leaves nothing that the next one does not write over. */
MSE_MUST_USE mse_status cli_file_write_via(const char *path, const char *temp,
                                           struct mse_bytes content, unsigned mode,
                                           struct mse_error *err);
bool cli_file_exists(const char *path);

/* A variable of the environment; NULL if it is not set, or empty. */
const char *cli_environment(const char *name);
/* $MSE_CONF_PATH, else $XDG_CONFIG_HOME/mse, else $HOME/.config/mse, and below it name; heap, NULL
 * without memory or without any of the three. */
char *cli_conf_path(const char *name);
/* Makes the folder that holds path, and those above it, 0700. */
MSE_MUST_USE mse_status cli_make_parents(const char *path, struct mse_error *err);
/* The folder of path, heap: "." if it has none. */
char *cli_folder_of(const char *path);
/* dir/name on the heap; name alone if it is absolute. */
char *cli_join(const char *dir, const char *name);
/* The first readable one of places, which are relative to the folder of this program, else the
 * installed one; heap, NULL if there is none. */
char *cli_find_beside(const char *const *places, size_t num, const char *installed);

/* The absolute path of a program that is on the PATH, heap; NULL if it is not. */
char *cli_find_program(const char *name);

/* Opens the lock file (made with mode 0600, never through a link) and waits until nobody else has
 * it. The descriptor holds the lock until it is closed; -1 with errno on failure. */
int cli_lock_wait(const char *path);

#endif
