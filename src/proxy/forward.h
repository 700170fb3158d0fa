/* SPDX-License-Identifier: Apache-2.0 */
/* Heads as they are passed on: the client believes to speak with this proxy (or through it, in
 * plain), the app with a client that came to its own name. Pure. */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "base/build.h"
#include "proxy/http1.h"

/* The two names of an app. */
struct mse_forward {
    const char *scheme;    /* of the client's side: "http" or "https" */
    struct mse_bytes here; /* Host as the client says it */
    struct mse_bytes app;  /* Host as the app knows it, in https */
};
/* Appends the head for the app: Host, Origin and Referer are the app's. */
void mse_forward_request(struct mse_build *out, const struct mse_http1_head *h,
                         const struct mse_forward *f);
/* Appends the head for the client; a Location at the app becomes one here. close: the connection
 * ends behind the message. */
void mse_forward_response(struct mse_build *out, const struct mse_http1_head *h,
                          const struct mse_forward *f, bool close);

#endif
