/* SPDX-License-Identifier: Apache-2.0 */
/* One more instance of an app that another instance of mse home runs: the same manifest and
 * package, on another port, perhaps on another platform. */
#ifndef CLI_HOME_REPLICA_H
#define CLI_HOME_REPLICA_H

#include "cli/home.h"

/* Opens the instance of --replica-of; refuses options that decide what is decided already. Prints
 * its errors. Clear *leader also after failures. */
enum cli_exit home_replica_open(struct home *leader, const struct cli *c);
/* Copies what the instance needs into its folder, which is there. */
MSE_MUST_USE mse_status home_replica_copy(const struct home *h, const struct home *leader,
                                          struct mse_error *err);
/* The leader's facts, as a beginning of h's own. False without memory. */
bool home_replica_facts(struct home *h, const struct home *leader);

#endif
