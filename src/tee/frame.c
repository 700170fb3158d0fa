/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting and writing frames of the control protocol. */
#include "tee/frame.h"

#include "base/bytes.h"
#include "tee/driver.h"

mse_status mse_sim_frame_take(struct mse_sim_frame *out, struct mse_bytes *in)
{
    struct mse_bytes rest = *in;
    struct mse_sim_frame f = { 0 };
    uint32_t len = 0;
    if (!mse_rd_u32be(&rest, &len)) { // 0 length
        return MSE_ERR_NOT_FOUND;
    }
    if (len == 0 || len > MSE_SIM_MAX_FRAME) {
        return MSE_ERR_PROTOCOL;
    }
    if (!mse_rd_u8(&rest, &f.type) ||                // 4 type
        !mse_rd_bytes(&rest, &f.payload, len - 1)) { // 5 payload
        return MSE_ERR_NOT_FOUND;
    }
    *in = rest;
    *out = f;
    return MSE_OK;
}

void mse_sim_frame_write(struct mse_build *out, uint8_t type, struct mse_bytes payload)
{
    if (payload.len >= MSE_SIM_MAX_FRAME) {
        out->failed = true;
        return;
    }
    mse_wr_u32be(out, (uint32_t)payload.len + 1);
    mse_wr_u8(out, type);
    mse_wr_bytes(out, payload);
}
