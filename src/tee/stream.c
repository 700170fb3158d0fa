/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"

int64_t mse_tee_deadline(int ms)
{
    return mse_clock_ms() + ms;
}

mse_status mse_tee_wait(int fd, short what, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - mse_clock_ms();
        if (left <= 0) {
            return MSE_ERR_TIMEOUT;
        }
        struct pollfd p = { .fd = fd, .events = what };
        int n = poll(&p, 1, (int)left);
        if (n > 0) {
            return MSE_OK;
        }
        if (n < 0 && errno != EINTR) {
            return MSE_ERR_IO;
        }
    }
}

static bool would_block(int e)
{
    return e == EINTR || e == EAGAIN;
}

mse_status mse_tee_send(int fd, struct mse_bytes data, int64_t deadline)
{
    while (data.len > 0) {
        mse_status st = mse_tee_wait(fd, POLLOUT, deadline);
        if (st != MSE_OK) {
            return st;
        }
        ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && !would_block(errno)) {
            return MSE_ERR_IO;
        }
        if (n > 0) {
            data.data += n;
            data.len -= (size_t)n;
        }
    }
    return MSE_OK;
}

mse_status mse_tee_receive(int fd, uint8_t *buf, size_t cap, size_t *got, int64_t deadline)
{
    for (;;) {
        mse_status st = mse_tee_wait(fd, POLLIN, deadline);
        if (st != MSE_OK) {
            return st;
        }
        ssize_t n = recv(fd, buf, cap, MSG_DONTWAIT);
        if (n > 0) {
            *got = (size_t)n;
            return MSE_OK;
        }
        if (n == 0 || !would_block(errno)) {
            return MSE_ERR_IO;
        }
    }
}
