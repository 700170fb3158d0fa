/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of the service (httpd/reply.h), and a bounded table of them by request target. */
#ifndef COLLATERAL_SERVE_REPLY_H
#define COLLATERAL_SERVE_REPLY_H

#include "collateral/serve_store.h"
#include "httpd/reply.h"

/* What a request for an object or a certificate is answered with. NULL without memory. */
struct mse_reply *mse_reply_of_object(const struct mse_serve_request *q,
                                      const struct mse_fetched *o);
struct mse_reply *mse_reply_of_cert(const struct mse_serve_request *q,
                                    const struct mse_serve_cert *c);

/* The table. Thread-safe. When it is full it is emptied. */
struct mse_replies;
struct mse_replies *mse_replies_new(void);
void mse_replies_free(struct mse_replies *t);
/* A reference to the answer for a target that may still be given at this time, or NULL. */
struct mse_reply *mse_replies_get(struct mse_replies *t, const char *target, mse_time now);
/* What changes the store bumps the epoch: an answer that was made before, *epoch, is not kept. */
uint64_t mse_replies_epoch(struct mse_replies *t);
void mse_replies_put(struct mse_replies *t, const char *target, struct mse_reply *r,
                     uint64_t epoch);
void mse_replies_forget(struct mse_replies *t);

#endif
