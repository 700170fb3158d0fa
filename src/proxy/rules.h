/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use the proxy: no web page but the app's own. Pure. */
#ifndef PROXY_RULES_H
#define PROXY_RULES_H

#include "proxy/http1.h"

/* A host and its port, out of "host", "host:port" or "[v6]:port". */
struct mse_authority {
    struct mse_bytes host; /* without brackets; as it was written */
    uint16_t port;
};
/* False for anything else: user data, an empty host, a port that is none. default_port: if none is
 * said. */
MSE_MUST_USE bool mse_authority_read(struct mse_authority *out, struct mse_bytes text,
                                     uint16_t default_port);
/* The same host, case not counting, and the same port. */
MSE_MUST_USE bool mse_authority_equal(const struct mse_authority *a, const struct mse_authority *b);

/* Whether a Host says that this listener was meant: localhost, 127.0.0.1 or [::1], with its port.
 * Every other name may be one that its owner points at this machine (DNS rebinding). any_address:
 * any literal address will do, which no name can stand for. */
MSE_MUST_USE bool mse_rules_is_here(struct mse_bytes host, uint16_t port, bool any_address);

/* NULL if what a request says of the page that it came from allows it; else why not. at: whom the
 * request is for, scheme: how its page would have been loaded, "http" or "https". */
const char *mse_rules_page(const struct mse_http1_head *h, const char *scheme,
                           const struct mse_authority *at);

#endif
