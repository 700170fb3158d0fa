/* SPDX-License-Identifier: Apache-2.0 */
/* What a running app says of itself. */
#ifndef CLI_RUNNING_H
#define CLI_RUNNING_H

#include "base/build.h"
#include "cli/cli.h"

/* Whether name means HOST:PORT, and no file. */
bool cli_running_is(const char *name);
/* cli_running_manifest asks HOST:PORT for its manifest over an attested session, and appends it. It
 * is well-formed and nothing more: nobody has appraised the evidence. MSE_ERR_NOT_FOUND: the
 * server gives none; the errors of a connection. */
MSE_MUST_USE mse_status cli_running_manifest(struct mse_build *out, const struct cli *c,
                                             const char *name, struct mse_error *err);

#endif
