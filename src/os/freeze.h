/* SPDX-License-Identifier: Apache-2.0 */
/* Making an app stand still, all of its processes, so that its files are those of one moment. */
#ifndef OS_FREEZE_H
#define OS_FREEZE_H

#include "os/sandbox.h"

struct mse_freeze;
/* Stops every process of the sandbox (SIGSTOP) and waits until none runs any more.
 * MSE_ERR_TIMEOUT: some did not stop within limit_ms; MSE_ERR_STORAGE_LIMIT: there are too many of
 * them. They run again then. What the app itself had stopped stays stopped later on. */
MSE_MUST_USE mse_status mse_freeze_app(struct mse_freeze **out, const struct mse_sandbox_app *a,
                                       unsigned limit_ms, struct mse_error *err);
/* Whether one of them has the file mapped for shared writing, which changes a file without the
 * kernel's keeping the time; true where that cannot be told. */
bool mse_freeze_is_mapped(const struct mse_freeze *f, uint64_t ino);
/* Lets them go on. Accepts NULL. */
void mse_freeze_end(struct mse_freeze *f);

#endif
