/* SPDX-License-Identifier: Apache-2.0 */
/* See forward.h. */
#include "proxy/forward.h"

#include <strings.h>

#include "base/bytes.h"

static void put_field(struct mse_build *out, struct mse_bytes name, struct mse_bytes value)
{
    mse_wr_bytes(out, name);
    mse_wr_str(out, ": ");
    mse_wr_bytes(out, value);
    mse_wr_str(out, "\r\n");
}

/* What stands behind scheme://authority in a URL; false if it is another site's. */
static bool rest_of(struct mse_bytes *rest, struct mse_bytes url, const char *scheme,
                    struct mse_bytes authority)
{
    size_t len = strlen(scheme);
    struct mse_bytes r = url;
    if (url.len < len + 3 + authority.len ||
        strncasecmp((const char *)url.data, scheme, len) != 0 ||
        !mse_mem_equal(url.data + len, "://", 3) ||
        strncasecmp((const char *)url.data + len + 3, (const char *)authority.data,
                    authority.len) != 0 ||
        !mse_rd_skip(&r, len + 3 + authority.len)) {
        return false;
    }
    *rest = r;
    return r.len == 0 || r.data[0] == '/' || r.data[0] == '?' || r.data[0] == '#';
}

static void put_url(struct mse_build *out, const char *name, const char *scheme,
                    struct mse_bytes authority, struct mse_bytes rest)
{
    mse_wr_str(out, name);
    mse_wr_str(out, ": ");
    mse_wr_str(out, scheme);
    mse_wr_str(out, "://");
    mse_wr_bytes(out, authority);
    mse_wr_bytes(out, rest);
    mse_wr_str(out, "\r\n");
}

static void put_version(struct mse_build *out, const struct mse_http1_head *h)
{
    mse_wr_str(out, h->one_zero ? "HTTP/1.0" : "HTTP/1.1");
}

static void put_upgrade(struct mse_build *out)
{
    mse_wr_str(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
}

void mse_forward_request(struct mse_build *out, const struct mse_http1_head *h,
                         const struct mse_forward *f)
{
    const struct mse_bytes none = { NULL, 0 };
    struct mse_bytes rest;
    mse_wr_bytes(out, h->method);
    mse_wr_str(out, " ");
    mse_wr_bytes(out, h->path);
    mse_wr_str(out, " ");
    put_version(out, h);
    mse_wr_str(out, "\r\n");
    put_field(out, mse_bytes_str("Host"), f->app);
    if (h->has_origin) { /* it was compared: it is this very site */
        put_url(out, "Origin", "https", f->app, none);
    }
    if (rest_of(&rest, h->referer, f->scheme, f->here)) {
        put_url(out, "Referer", "https", f->app, rest);
    }
    for (size_t i = 0; i < h->num_fields; i++) {
        struct mse_bytes name = h->fields[i].name;
        bool ours = mse_http1_is(name, "Host") || mse_http1_is(name, "Origin") ||
                    mse_http1_is(name, "Referer");
        if (!ours && !mse_http1_hop_by_hop(name)) {
            put_field(out, name, h->fields[i].value);
        }
    }
    if (h->upgrade) {
        put_upgrade(out);
    }
    mse_wr_str(out, "\r\n");
}

void mse_forward_response(struct mse_build *out, const struct mse_http1_head *h,
                          const struct mse_forward *f, bool close)
{
    struct mse_bytes rest;
    put_version(out, h);
    mse_wr_printf(out, " %03u ", h->status);
    mse_wr_bytes(out, h->reason);
    mse_wr_str(out, "\r\n");
    for (size_t i = 0; i < h->num_fields; i++) {
        const struct mse_http1_field *k = &h->fields[i];
        if (mse_http1_is(k->name, "Location") && rest_of(&rest, k->value, "https", f->app)) {
            put_url(out, "Location", f->scheme, f->here, rest);
        } else if (!mse_http1_hop_by_hop(k->name) && !mse_http1_is(k->name, "Alt-Svc")) {
            put_field(out, k->name,
                      k->value); /* another way to the app would not lead through us */
        }
    }
    if (h->status == 101) {
        put_upgrade(out);
    } else if (close) {
        mse_wr_str(out, "Connection: close\r\n");
    }
    mse_wr_str(out, "\r\n");
}
