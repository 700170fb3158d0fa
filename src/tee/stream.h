/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets to somebody who may be slow, or silent: nothing waits beyond its deadline. */
#ifndef TEE_STREAM_H
#define TEE_STREAM_H

#include <mse/status.h>

/* So many milliseconds from now, for the others. */
int64_t mse_tee_deadline(int ms);
/* Until poll(2) says what of fd. MSE_ERR_TIMEOUT, MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_tee_wait(int fd, short what, int64_t deadline);
/* All of it. Errors as above. */
MSE_MUST_USE mse_status mse_tee_send(int fd, struct mse_bytes data, int64_t deadline);
/* What has come, 1 to cap bytes. Errors as above; MSE_ERR_IO also when the other end closes. */
MSE_MUST_USE mse_status mse_tee_receive(int fd, uint8_t *buf, size_t cap, size_t *got,
                                        int64_t deadline);

#endif
