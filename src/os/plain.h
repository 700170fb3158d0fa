/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program where there is no kernel but a library OS (Gramine): no namespaces, no other
 * user, no filter, no process groups, and few calls. */
#ifndef OS_PLAIN_H
#define OS_PLAIN_H

#include "os/sandbox.h"

/* Starts s->argv with s->envp in s->cwd; binds and uid are not looked at. Descriptors are those
 * that have no close-on-exec, and the two of s. MSE_ERR_NOT_FOUND: there is no such program. */
MSE_MUST_USE mse_status mse_plain_start(struct mse_sandbox_app *out, const struct mse_sandbox *s,
                                        struct mse_error *err);

#endif
