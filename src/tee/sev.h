/* SPDX-License-Identifier: Apache-2.0 */
/* Linux' /dev/sev-guest (Documentation/virt/coco/sev-guest.rst): reports where there is no
 * configfs-tsm, and the key that SEV-SNP derives for a guest, which only this device gives. */
#ifndef TEE_SEV_H
#define TEE_SEV_H

#include "tee/tsm.h"

/* One report over these 64 bytes, as mse_tsm_ask gives it, with the host's certificates where it
 * has any; fd: the device. MSE_ERR_UNSUPPORTED: it is no such device; MSE_ERR_TIMEOUT: the host
 * stayed busy; MSE_ERR_PROTOCOL: the answer is out of form, or the firmware refused; MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_sev_ask(struct mse_tsm_reply *out, int fd,
                                    const uint8_t report_data[64], struct mse_error *err);

/* The key that this chip derives from its VCEK for a guest of this measurement and policy, and for
 * the TCB with these SVNs (as a report stores them), which must be at most the committed
 * one: older firmware does not get it. Errors as above. */
MSE_MUST_USE mse_status mse_sev_key(uint8_t out[32], int fd, uint32_t vmpl, const uint8_t tcb[8],
                                    struct mse_error *err);

#endif
