/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of a TD whose kernel (Linux 6.2 to 6.6) has no configfs-tsm: /dev/tdx_guest gives what the
 * TDX module says of the TD, which the host cannot write to; the quote over it is the host's. */
#ifndef TEE_TD_H
#define TEE_TD_H

#include "tee/tsm.h"

/* One quote over these 64 bytes, as mse_tsm_ask gives it; fd: the device; root_fd: the root folder,
 * for mse_qgs_ask. MSE_ERR_PROTOCOL: the quote is over another report than the TD's own. Errors
 * else as of mse_qgs_ask. */
MSE_MUST_USE mse_status mse_td_ask(struct mse_tsm_reply *out, int fd, int root_fd,
                                   const uint8_t report_data[64], struct mse_error *err);

#endif
