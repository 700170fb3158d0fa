/* SPDX-License-Identifier: Apache-2.0 */
/* Files of mse that may be larger than memory: what can be said of them without a key. */
#ifndef CLI_SHOW_FILES_H
#define CLI_SHOW_FILES_H

#include "cli/cli.h"

/* cli_show_file describes the file at path, if it is a package (home package, or of the code
 * alone) or an encrypted file. *kind is static, or NULL: it is none of these. Members that cannot
 * be read are said in "unreadable". Heap; NULL where *kind is. */
json_t *cli_show_file(const char **kind, const char *path);

#endif
