/* SPDX-License-Identifier: Apache-2.0 */
/* Whose storage an instance of mse home begins with, or whose replica it is: a choice of the
 * user's, kept in its facts. */
#ifndef CLI_HOME_HEIR_H
#define CLI_HOME_HEIR_H

#include "cli/home.h"

/* home_heir_choose puts into the facts what --upgrade-from and --upgrade-signature say, if they say
 * something; the folder's manifest is there. Prints its errors. */
enum cli_exit home_heir_choose(struct home *h);
/* What the facts say, for the supervisor; out->dir is NULL: nothing. It borrows from h and old:
 * clear old also after failures. Prints its errors. */
enum cli_exit home_heir_source(struct mse_instance_source *out, struct home *old,
                               const struct home *h);

#endif
