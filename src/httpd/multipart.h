/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/form-data (RFC 7578) as it comes in, piece by piece: nothing is allocated, nothing but
 * a header line is kept. Strict: nothing before the first part or behind the last. */
#ifndef HTTPD_MULTIPART_H
#define HTTPD_MULTIPART_H

#include <mse/status.h>

#define MSE_MULTIPART_MAX_NAME    64
#define MSE_MULTIPART_MAX_LINE    1024
#define MSE_MULTIPART_MAX_HEADERS 16

/* What is found. A status that is not MSE_OK ends the reading with it. */
struct mse_multipart_events {
    mse_status (*begin)(void *user, const char *name, struct mse_error *err);
    mse_status (*data)(void *user, struct mse_bytes piece, struct mse_error *err);
    mse_status (*end)(void *user, struct mse_error *err);
};

struct mse_multipart {
    const struct mse_multipart_events *events;
    void *user;
    char delimiter[76]; /* CR LF - - boundary */
    size_t delimiter_len;
    int state;
    size_t matched;  /* bytes of what is expected just now */
    size_t line_len; /* of a header */
    size_t num_headers;
    bool named;
    char name[MSE_MULTIPART_MAX_NAME + 1];
    char line[MSE_MULTIPART_MAX_LINE];
    mse_status failed; /* what ended it; MSE_OK: nothing did */
};
/* content_type: the header of the request. MSE_ERR_UNSUPPORTED: it is of another type;
 * MSE_ERR_MALFORMED: there is no boundary, or none that may be. */
MSE_MUST_USE mse_status mse_multipart_init(struct mse_multipart *m, const char *content_type,
                                           const struct mse_multipart_events *events, void *user,
                                           struct mse_error *err);
/* MSE_ERR_MALFORMED, MSE_ERR_NO_SPACE (a header is too long, or there are too many), what an event
 * returned. After a failure nothing more is read. */
MSE_MUST_USE mse_status mse_multipart_feed(struct mse_multipart *m, struct mse_bytes piece,
                                           struct mse_error *err);
/* MSE_ERR_MALFORMED: it is not complete. */
MSE_MUST_USE mse_status mse_multipart_finish(const struct mse_multipart *m, struct mse_error *err);

#endif
