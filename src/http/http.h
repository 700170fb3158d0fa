/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request after the other over libcurl, which is loaded when the first is wanted: programs
 * that ask nobody do not pay for it. Everything that comes in is bounded. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <mse/status.h>

#include "base/build.h"

struct mse_http;
/* MSE_ERR_UNSUPPORTED: there is no libcurl, or one older than 7.85; MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_http_new(struct mse_http **out, struct mse_error *err);
void mse_http_free(struct mse_http *h);

/* A piece of a body that is sent: bytes, or len bytes of a file from its start. */
struct mse_http_piece {
    struct mse_bytes bytes;
    int fd; /* counts if bytes.data is NULL */
    uint64_t len;
};
#define MSE_HTTP_MAX_HEADERS 4

struct mse_http_request {
    const char *url;
    const char *method;                        /* NULL: GET, or POST if there is a body */
    const char *headers[MSE_HTTP_MAX_HEADERS]; /* whole lines, the used ones first */
    bool stay;                           /* follow no redirect: what is sent is for this host */
    bool once;                           /* sent once at most: not again where a kept connection
                                            turns out to be closed */
    const struct mse_http_piece *pieces; /* the body, in this order; NULL: none */
    size_t num_pieces;
    const char *ca_file;        /* NULL: the system's */
    const char *proxy;          /* NULL: of the environment; "": none */
    const char *want_header[2]; /* names of the header that is wanted; NULL: none */
    size_t max_body;            /* after decompression */
    unsigned connect_ms;
    unsigned total_ms; /* 0: no limit, but for stall_s */
    unsigned stall_s;  /* so long without a byte in either direction ends it; 0: never */
    /* NULL: none. Of the body that is sent if there is one, else of what comes. */
    void (*progress)(void *user, uint64_t bytes, uint64_t total);
    bool (*cancelled)(void *user); /* NULL: none; true ends the transfer, MSE_ERR_TIMEOUT */
    /* NULL: the body goes to the reply. Else each piece of an answer 2xx as it comes, without
     * limit; false ends the transfer, MSE_ERR_NO_SPACE. */
    bool (*take)(void *user, struct mse_bytes piece);
    void *user;
};

struct mse_http_reply {
    long status;
    struct mse_build body;
    struct mse_build header; /* value of the wanted header, as it stands there */
    bool has_header;
    bool untrusted;       /* with MSE_ERR_PROTOCOL: nobody vouches for the server's certificate */
    unsigned retry_after; /* seconds; 0: nothing was said */
};
void mse_http_reply_clear(struct mse_http_reply *r);

/* mse_http_ask follows up to 3 redirects that keep the scheme, unless it is to stay. MSE_OK for
 * whatever status the server answers. MSE_ERR_TIMEOUT; MSE_ERR_IO: no connection;
 * MSE_ERR_PROTOCOL: no proper answer (TLS, a body cut short, redirects without end);
 * MSE_ERR_NO_SPACE: more than the maximum. *out is to be cleared in any case. */
MSE_MUST_USE mse_status mse_http_ask(struct mse_http_reply *out, struct mse_http *h,
                                     const struct mse_http_request *r, struct mse_error *err);

/* Whether a header line has this name, of any case; *value borrows what stands behind the colon,
 * without the white space around it. */
MSE_MUST_USE bool mse_http_header_is(struct mse_bytes *value, struct mse_bytes line,
                                     const char *name);

#endif
