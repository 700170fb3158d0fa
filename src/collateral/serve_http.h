/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 around the service. */
#ifndef COLLATERAL_SERVE_HTTP_H
#define COLLATERAL_SERVE_HTTP_H

#include "collateral/serve_core.h"
#include "httpd/server.h"

/* mse_serve_http_new begins to answer. listen_fd: TCP or unix; it is the object's from here on,
 * also on failure. Before it is released: mse_serve_core_stop, no request may be waiting.
 * MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_http_new(struct mse_httpd **out, struct mse_serve_core *core,
                                           int listen_fd, unsigned max_connections,
                                           struct mse_error *err);

#endif
