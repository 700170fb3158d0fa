/* SPDX-License-Identifier: Apache-2.0 */
/* Where tiles lie: level, index in groups of three digits, width of a partial one. */
#include <stdio.h>

#include <mse/log.h>

#include "base/build.h"

#define MAX_GROUPS 7 /* of a number of 64 bits */

static void wr_index(struct mse_build *b, uint64_t index)
{
    unsigned groups[MAX_GROUPS];
    size_t num = 0;
    do {
        groups[num++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index > 0);
    while (num > 1) {
        mse_wr_printf(b, "x%03u/", groups[--num]);
    }
    mse_wr_printf(b, "%03u", groups[0]);
}

mse_status mse_log_tile_path(char out[MSE_LOG_TILE_PATH_LEN], int level, uint64_t index,
                             unsigned width)
{
    struct mse_build b;
    uint8_t buf[MSE_LOG_TILE_PATH_LEN];
    if (level < MSE_LOG_TILE_ENTRIES || level > 7 || width == 0 || width > MSE_LOG_TILE_WIDTH) {
        return MSE_ERR_ARGUMENT;
    }
    mse_build_fixed(&b, buf, sizeof buf);
    if (level == MSE_LOG_TILE_ENTRIES) {
        mse_wr_str(&b, "tile/entries/");
    } else {
        mse_wr_printf(&b, "tile/%d/", level);
    }
    wr_index(&b, index);
    if (width < MSE_LOG_TILE_WIDTH) {
        mse_wr_printf(&b, ".p/%u", width);
    }
    const char *path = mse_build_cstr(&b);
    if (path == NULL) {
        return MSE_ERR_ARGUMENT;
    }
    (void)snprintf(out, MSE_LOG_TILE_PATH_LEN, "%s", path);
    return MSE_OK;
}
