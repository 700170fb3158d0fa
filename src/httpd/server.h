/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 server: libmicrohttpd on a listening socket, with limits of time and number on
 * everything that a client does. A request that waits for something is suspended: it costs no
 * thread. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include "httpd/reply.h"

struct mse_httpd;
struct mse_httpd_request;

/* What the requests are for. The calls for one request come one after another, from one of the
 * threads of the server. */
struct mse_httpd_app {
    /* The head is complete: NULL to go on, or, after mse_httpd_wait, to be judged. A reply ends the
     * connection, for the body that may follow is not read. */
    struct mse_reply *(*head)(void *user, struct mse_httpd_request *r);
    /* A piece of the body: NULL likewise, else the reply; the rest is read, for some seconds, and
     * thrown away. */
    struct mse_reply *(*body)(void *user, struct mse_httpd_request *r, struct mse_bytes piece);
    /* What came before mse_httpd_wait. False: not yet, it is called again after mse_httpd_resume.
     * *out NULL: go on, else the reply. NULL for those that never wait. */
    bool (*judged)(void *user, struct mse_httpd_request *r, struct mse_reply **out);
    /* The request is whole. False: not yet, it is called again after mse_httpd_resume, which may
     * come before this returns. *out NULL: there is no memory for an answer. */
    bool (*whole)(void *user, struct mse_httpd_request *r, struct mse_reply **out);
    /* The last call. Whatever refers to r has to be gone when it returns. */
    void (*over)(void *user, struct mse_httpd_request *r);
};
struct mse_httpd_config {
    int listen_fd; /* TCP or unix; the server's from here on, also on failure */
    unsigned threads;
    unsigned max_connections;
    unsigned max_per_source; /* but for loopback; 0: without a bound */
    const char *name;        /* in the log */
    const struct mse_httpd_app *app;
    void *user;
    struct mse_reply *slow; /* to whom takes too long over a request; may be NULL; borrowed */
};
/* Begins to answer. MSE_ERR_IO, MSE_ERR_MEMORY. */
MSE_MUST_USE mse_status mse_httpd_new(struct mse_httpd **out, const struct mse_httpd_config *c,
                                      struct mse_error *err);
/* Takes no more connections. */
void mse_httpd_quiesce(struct mse_httpd *h);
/* Requests that are being answered. */
unsigned mse_httpd_busy(struct mse_httpd *h);
/* To be called about once a second: ends connections that take too long. */
void mse_httpd_tick(struct mse_httpd *h);
/* Ends what is left. No request may be waiting any more. Accepts NULL. */
void mse_httpd_free(struct mse_httpd *h);

/* What a request is. The texts live as long as it. */
const char *mse_httpd_method(const struct mse_httpd_request *r);
const char *mse_httpd_target(const struct mse_httpd_request *r); /* as it came, with the query */
/* NULL: there is none of this name. */
const char *mse_httpd_header(struct mse_httpd_request *r, const char *name);
/* The cookie of exactly this name, capitals and all; NULL: there is none, or several. */
const char *mse_httpd_cookie(struct mse_httpd_request *r, const char *name);
/* How many headers of this name came. */
unsigned mse_httpd_num_headers(struct mse_httpd_request *r, const char *name);
/* Who sends it: the IPv6 address, or the IPv4 one mapped into it; zeros: not known. */
void mse_httpd_source(const struct mse_httpd_request *r, uint8_t out[16]);
/* Where the application keeps what it knows of it. */
void **mse_httpd_context(struct mse_httpd_request *r);
const char *mse_httpd_id(const struct mse_httpd_request *r);  /* "" before the reply */
unsigned mse_httpd_status(const struct mse_httpd_request *r); /* 0: there was no answer */
long mse_httpd_us(const struct mse_httpd_request *r);         /* since it began */
/* So many seconds for the rest of the request, and between two pieces of it (0: no bound). */
void mse_httpd_allow(struct mse_httpd_request *r, unsigned within, unsigned idle);
/* In head or body: nothing more is read before this was judged, and its time stands still. */
void mse_httpd_wait(struct mse_httpd_request *r);
/* Wakes a request that waits, or a stream. From any thread. */
void mse_httpd_resume(struct mse_httpd_request *r);

#endif
