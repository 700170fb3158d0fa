/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 around the service: libmicrohttpd on a listening socket, with limits. */
#ifndef COLLATERAL_SERVE_HTTP_H
#define COLLATERAL_SERVE_HTTP_H

#include "collateral/serve_core.h"

struct mse_serve_http;
/* mse_serve_http_new begins to answer. listen_fd: TCP or unix; it is the object's from here on,
 * also on failure. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_http_new(struct mse_serve_http **out, struct mse_serve_core *core,
                                           int listen_fd, unsigned max_connections,
                                           struct mse_error *err);
/* Takes no more connections. */
void mse_serve_http_quiesce(struct mse_serve_http *h);
/* Requests that are being answered. */
unsigned mse_serve_http_busy(struct mse_serve_http *h);
/* Ends what is left. mse_serve_core_stop comes before: no request may be waiting. */
void mse_serve_http_free(struct mse_serve_http *h);
/* To be called about once a second: ends connections that take too long to say what they want. */
void mse_serve_http_tick(struct mse_serve_http *h);

#endif
