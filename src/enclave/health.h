/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until the app answers: HTTP/1.1 GET over a connection to it, again and again, until any
 * answer but 503 comes. */
#ifndef ENCLAVE_HEALTH_H
#define ENCLAVE_HEALTH_H

#include <uv.h>

#include "enclave/backend.h"

#include <mse/status.h>

struct mse_health {
    uv_timer_t timer;
    uv_poll_t poll;
    int fd;       /* -1: not connected */
    bool closing; /* poll is on its way out and cannot be used yet */
    struct mse_backend *backend;
    char request[2048];
    size_t request_len;
    char answer[16]; /* its beginning */
    size_t answer_len;
    unsigned
        status; /* of this answer, once known; the rest is read so that the app is not cut off */
    unsigned waited; /* turns of the timer without an answer on this connection */
    void (*on_healthy)(void *user);
    void *user;
    unsigned last_status; /* of HTTP; 0: no answer so far */
};
/* Begins to ask. backend is settled by the answer. Everything given outlives h, which stays where
 * it is while its handles are open. on_healthy is called once; the asking has stopped by then. */
MSE_MUST_USE mse_status mse_health_start(struct mse_health *h, uv_loop_t *loop,
                                         struct mse_backend *backend, const char *endpoint,
                                         const char *host, struct mse_error *err);
/* Stops asking; accepts a stopped one. */
void mse_health_stop(struct mse_health *h);
/* The status of an answer that begins with these bytes: 100 to 599; 0 if more bytes are needed, 1
 * if it is no HTTP/1 answer. */
unsigned mse_health_parse(const char *answer, size_t len);

#endif
