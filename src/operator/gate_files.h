/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's certificate and key, two files that something else renews. */
#ifndef OPERATOR_GATE_FILES_H
#define OPERATOR_GATE_FILES_H

#include <sys/stat.h>

#include <mse/status.h>

#include "operator/gate_wire.h"

struct gate_files {
    const char *paths[2]; /* certificate chain, key; borrowed */
    struct stat seen[2];
    struct mse_build content[2];
    bool bad; /* the last look at them failed; of whoever looks */
};
void gate_files_init(struct gate_files *f, const char *certificate, const char *key);
/* Reads them again if one of them is another file than before, or was written since. What was read
 * before stays if that fails. */
MSE_MUST_USE mse_status gate_files_read(struct gate_files *f, bool *changed, struct mse_error *err);
/* Appends the frame. */
void gate_files_write(const struct gate_files *f, struct mse_build *out);
void gate_files_clear(struct gate_files *f);

#endif
