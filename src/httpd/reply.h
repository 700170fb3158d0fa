/* SPDX-License-Identifier: Apache-2.0 */
/* Ready answers: made once, shared by all requests for the same thing, never changed. Or a stream,
 * which belongs to one request. */
#ifndef HTTPD_REPLY_H
#define HTTPD_REPLY_H

#include <sys/types.h>

#include <mse/status.h>

#include "base/build.h"

#define MSE_REPLY_MAX_HEADERS 12
#define MSE_REPLY_MAX_BODY    ((size_t)16 * 1024 * 1024)

struct mse_reply_header {
    const char *name; /* static */
    char *value;      /* heap */
};
/* The body of a stream. read gives at most cap bytes: MSE_REPLY_LATER, the stream waits until
 * mse_httpd_resume; MSE_REPLY_END. */
#define MSE_REPLY_LATER ((ssize_t)0)
#define MSE_REPLY_END   ((ssize_t)-1)
struct mse_reply_stream {
    ssize_t (*read)(void *user, char *to, size_t cap);
    void (*free)(void *user);
    void *user;
};
struct mse_reply {
    _Atomic unsigned refs;
    unsigned status;
    size_t num_headers;
    struct mse_reply_header headers[MSE_REPLY_MAX_HEADERS];
    struct mse_build body;
    struct mse_reply_stream stream; /* read NULL: the body is what is sent */
    mse_time until;                 /* when it may no longer be kept; 0: never keep it */
};
/* An empty answer with one reference; NULL without memory. */
struct mse_reply *mse_reply_new(unsigned status);
struct mse_reply *mse_reply_ref(struct mse_reply *r);
/* Accepts NULL. */
void mse_reply_unref(struct mse_reply *r);
/* Copies value. False without memory. */
MSE_MUST_USE bool mse_reply_add(struct mse_reply *r, const char *name, const char *value);
/* r, or NULL, with r released, if something did not fit. */
struct mse_reply *mse_reply_finish(struct mse_reply *r, bool good);
/* A line of plain text; NULL without memory. */
struct mse_reply *mse_reply_text(unsigned status, const char *text);
/* Appends the whole message, head and body, as it goes over a connection that ends with it. */
void mse_reply_write(struct mse_build *out, const struct mse_reply *r);

#endif
