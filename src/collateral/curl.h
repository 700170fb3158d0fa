/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP GET after the other over libcurl, which is loaded when the first is wanted: programs
 * that fetch nothing do not pay for it. Everything that comes in is bounded. */
#ifndef COLLATERAL_CURL_H
#define COLLATERAL_CURL_H

#include <mse/status.h>

#include "base/build.h"

struct mse_http;
/* MSE_ERR_UNSUPPORTED: there is no libcurl, or one older than 7.85; MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_http_new(struct mse_http **out, struct mse_error *err);
void mse_http_free(struct mse_http *h);

struct mse_http_request {
    const char *url;
    const char *ca_file;         /* NULL: the system's */
    const char *proxy;           /* NULL: of the environment; "": none */
    const char *api_key;         /* NULL: none; sent to no other host than the URL's */
    const char *chain_header[2]; /* names of the header that is wanted; NULL: none */
    size_t max_body;             /* after decompression */
    unsigned connect_ms;
    unsigned total_ms;
    void (*progress)(void *user, uint64_t bytes, uint64_t total); /* NULL: none */
    bool (*cancelled)(void *user); /* NULL: none; true ends the transfer, MSE_ERR_TIMEOUT */
    void *user;
};

struct mse_http_reply {
    long status;
    struct mse_build body;
    struct mse_build chain; /* value of the chain header, as it stands there */
    bool has_chain;
    unsigned retry_after; /* seconds; 0: nothing was said */
};
void mse_http_reply_clear(struct mse_http_reply *r);

/* mse_http_get follows up to 3 redirects that keep the scheme. MSE_OK for whatever status the
 * server answers. MSE_ERR_TIMEOUT; MSE_ERR_IO: no connection; MSE_ERR_PROTOCOL: no proper answer
 * (TLS, a body cut short, redirects without end); MSE_ERR_NO_SPACE: more than the maximum. *out is
 * to be cleared in any case. */
MSE_MUST_USE mse_status mse_http_get(struct mse_http_reply *out, struct mse_http *h,
                                     const struct mse_http_request *r, struct mse_error *err);

#endif
