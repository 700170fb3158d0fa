/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket did not take yet, kept with its connection. */
#ifndef NET_LEFTOVER_H
#define NET_LEFTOVER_H

#include <mse/types.h>

struct mse_leftover {
    uint8_t *data;
    size_t at;
    size_t len;
};
/* Wipes it: it may be plaintext. Accepts the empty state. */
void mse_leftover_clear(struct mse_leftover *l);
/* Sends what is left over; true unless the socket is of no more use. */
MSE_MUST_USE bool mse_leftover_send(struct mse_leftover *l, int fd);
/* Sends len bytes behind what is left over, and keeps what is not taken, at most max in all. False
 * if the socket is of no more use, or on too much. */
MSE_MUST_USE bool mse_leftover_add(struct mse_leftover *l, int fd, const uint8_t *p, size_t len,
                                   size_t max);

#endif
