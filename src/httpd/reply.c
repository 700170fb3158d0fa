/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/reply.h"

#include <stdatomic.h>

#include "base/util.h"

struct mse_reply *mse_reply_new(unsigned status)
{
    struct mse_reply *r = calloc(1, sizeof *r);
    if (r != NULL) {
        atomic_init(&r->refs, 1);
        r->status = status;
        mse_build_heap(&r->body, MSE_REPLY_MAX_BODY);
    }
    return r;
}

struct mse_reply *mse_reply_ref(struct mse_reply *r)
{
    (void)atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void mse_reply_unref(struct mse_reply *r)
{
    if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < r->num_headers; i++) {
        free(r->headers[i].value);
    }
    if (r->stream.free != NULL) {
        r->stream.free(r->stream.user);
    }
    mse_build_clear(&r->body);
    free(r);
}

bool mse_reply_add(struct mse_reply *r, const char *name, const char *value)
{
    MSE_ASSERT(r->num_headers < MSE_REPLY_MAX_HEADERS);
    char *copy = strdup(value);
    if (copy == NULL) {
        return false;
    }
    r->headers[r->num_headers++] = (struct mse_reply_header) { name, copy };
    return true;
}

struct mse_reply *mse_reply_finish(struct mse_reply *r, bool good)
{
    if (r == NULL || (good && mse_build_ok(&r->body))) {
        return r;
    }
    mse_reply_unref(r);
    return NULL;
}

struct mse_reply *mse_reply_text(unsigned status, const char *text)
{
    struct mse_reply *r = mse_reply_new(status);
    if (r == NULL) {
        return NULL;
    }
    mse_wr_str(&r->body, text);
    mse_wr_str(&r->body, "\n");
    return mse_reply_finish(r, mse_reply_add(r, "Content-Type", "text/plain; charset=utf-8"));
}

void mse_reply_write(struct mse_build *out, const struct mse_reply *r)
{
    mse_wr_printf(out, "HTTP/1.1 %u \r\nConnection: close\r\nContent-Length: %zu\r\n", r->status,
                  r->body.len);
    for (size_t i = 0; i < r->num_headers; i++) {
        mse_wr_printf(out, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    }
    mse_wr_str(out, "\r\n");
    mse_wr_bytes(out, mse_build_view(&r->body));
}
