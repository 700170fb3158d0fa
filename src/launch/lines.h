/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime says of itself on a line of its own (MSE_TEE_EVENT_LINE of tee/driver.h): from
 * bytes to events. The runtime, or whoever has its place, is not believed. */
#ifndef LAUNCH_LINES_H
#define LAUNCH_LINES_H

#include <mse/types.h>

#include "sim/launcher.h"

/* Zeroed at the beginning. */
struct mse_event_lines {
    char line[512]; /* not yet whole */
    size_t len;
    bool dropped; /* the line is longer than there is room for */
};
/* Takes bytes off the front of *in up to the end of a line that tells an event. False: there is
 * none in it, and *in is empty. Other lines are passed over. */
MSE_MUST_USE bool mse_event_lines_next(struct mse_sim_news *out, struct mse_event_lines *l,
                                       struct mse_bytes *in);

#endif
