/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEE_EVENT_H
#define TEE_EVENT_H

#include "tee/driver.h"

/* Tells an event to whoever started this: one line on standard output, which nobody else writes to.
 * For drivers without a launcher at the other end of a socket. */
void mse_tee_event_line(struct mse_tee *t, uint8_t event, const char *text);

#endif
