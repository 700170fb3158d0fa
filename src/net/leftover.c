/* SPDX-License-Identifier: Apache-2.0 */
/* See leftover.h. */
#include "net/leftover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"

void mse_leftover_clear(struct mse_leftover *l)
{
    if (l->data != NULL) {
        mse_wipe(l->data, l->at + l->len);
    }
    free(l->data);
    *l = (struct mse_leftover) { NULL, 0, 0 };
}

bool mse_leftover_send(struct mse_leftover *l, int fd)
{
    while (l->len > 0) {
        ssize_t n = send(fd, l->data + l->at, l->len, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        l->at += (size_t)n;
        l->len -= (size_t)n;
    }
    mse_leftover_clear(l);
    return true;
}

static bool keep(struct mse_leftover *l, const uint8_t *p, size_t len, size_t max)
{
    /* Callers send only when nothing is left over; but a TLS alert may come behind ciphertext. */
    size_t total = 0;
    if (!mse_add_size(l->len, len, &total) || total > max) {
        return false;
    }
    uint8_t *data = malloc(total);
    if (data == NULL) {
        return false;
    }
    if (l->len > 0) {
        memcpy(data, l->data + l->at, l->len);
    }
    memcpy(data + l->len, p, len);
    mse_leftover_clear(l);
    l->data = data;
    l->at = 0;
    l->len = total;
    return true;
}

bool mse_leftover_add(struct mse_leftover *l, int fd, const uint8_t *p, size_t len, size_t max)
{
    ssize_t n = 0;
    if (l->len == 0) {
        n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        n = n < 0 ? 0 : n;
    }
    return (size_t)n == len || keep(l, p + n, len - (size_t)n, max);
}
