/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the control protocol of sim (tee/driver.h); both ends use these. */
#ifndef TEE_FRAME_H
#define TEE_FRAME_H

#include <mse/status.h>

#include "base/build.h"

#define MSE_SIM_FRAME_HEAD 5 /* length and type */

struct mse_sim_frame {
    uint8_t type;
    struct mse_bytes payload; /* borrowed */
};
/* mse_sim_frame_take cuts one frame from the front of *in. MSE_ERR_NOT_FOUND: more bytes are needed
 * (nothing taken); MSE_ERR_PROTOCOL: the length is 0 or beyond MSE_SIM_MAX_FRAME. */
MSE_MUST_USE mse_status mse_sim_frame_take(struct mse_sim_frame *out, struct mse_bytes *in);
/* mse_sim_frame_write appends one frame. A payload that is too long sets out->failed. */
void mse_sim_frame_write(struct mse_build *out, uint8_t type, struct mse_bytes payload);

#endif
