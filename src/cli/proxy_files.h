/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the rules of a proxy come from, and whether they are what they were. */
#ifndef CLI_PROXY_FILES_H
#define CLI_PROXY_FILES_H

#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/guard.h"
#include "proxy/proxy.h"

/* What a file was when it was read. */
struct cli_stamp {
    bool there;
    struct timespec changed;
    off_t size;
    ino_t number;
};

struct cli_proxy_file {
    char *path; /* heap; NULL: none */
    struct cli_stamp stamp;
};

#define CLI_PROXY_NUM_FILES 10
/* Begins zeroed. Release with cli_proxy_files_clear. */
struct cli_proxy_files {
    struct cli_proxy_file own[CLI_PROXY_NUM_FILES]; /* of the command line and the configuration */
    struct cli_proxy_file named[MSE_PROXY_MAX_APPS][2]; /* by the store: a policy, a log's proof */
};
/* cli_proxy_files_name takes what the command line names; before any of it is read. */
void cli_proxy_files_name(struct cli_proxy_files *f, const struct cli *c);
/* cli_proxy_files_name_theirs takes what entries of the store name for these apps; before the store
 * is read. */
void cli_proxy_files_name_theirs(struct cli_proxy_files *f, const struct cli_guard *guards,
                                 size_t num);
/* Whether any is another one than at the last look. */
bool cli_proxy_files_changed(struct cli_proxy_files *f);
void cli_proxy_files_clear(struct cli_proxy_files *f);

#endif
