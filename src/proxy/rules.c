/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. What a browser says of where a request comes from has to name the very origin that
 * the request goes to; whoever says nothing is no browser, or asks for a page by himself. */
#include "proxy/rules.h"

#include <arpa/inet.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/util.h"

#define MAX_HOST ((size_t)253)

static bool is_host_char(uint8_t c, bool v6)
{
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return v6 ? hex || c == ':' || c == '.' : hex || letter || c == '-' || c == '.' || c == '_';
}

static bool is_host(struct mse_bytes host, bool v6)
{
    bool ok = host.len > 0 && host.len <= MAX_HOST;
    for (size_t i = 0; ok && i < host.len; i++) {
        ok = is_host_char(host.data[i], v6);
    }
    return ok;
}

bool mse_authority_read(struct mse_authority *out, struct mse_bytes text, uint16_t default_port)
{
    bool v6 = text.len > 0 && text.data[0] == '[';
    uint64_t port = default_port;
    struct mse_bytes host;
    struct mse_bytes rest = v6 ? mse_bytes_of(text.data + 1, text.len - 1) : text;
    size_t end = mse_bytes_find(rest, mse_bytes_str(v6 ? "]" : ":"));
    end = end == SIZE_MAX && !v6 ? rest.len : end;
    if (!mse_rd_bytes(&rest, &host, end) || !is_host(host, v6) || (v6 && !mse_rd_skip(&rest, 1))) {
        return false;
    }
    if (rest.len > 0 &&
        (rest.data[0] != ':' ||
         !mse_u64_parse(&port, mse_bytes_of(rest.data + 1, rest.len - 1), UINT16_MAX))) {
        return false;
    }
    *out = (struct mse_authority) { host, (uint16_t)port };
    return port != 0;
}

static bool same_text(struct mse_bytes a, struct mse_bytes b)
{
    return a.len == b.len && strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

bool mse_authority_equal(const struct mse_authority *a, const struct mse_authority *b)
{
    return a->port == b->port && same_text(a->host, b->host);
}

static bool is_address(struct mse_bytes host)
{
    char text[64];
    unsigned char room[16];
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

bool mse_rules_is_here(struct mse_bytes host, uint16_t port, bool any_address)
{
    struct mse_authority a;
    if (!mse_authority_read(&a, host, 80) || a.port != port) {
        return false;
    }
    return mse_http1_is(a.host, "localhost") || mse_bytes_is_str(a.host, "127.0.0.1") ||
           mse_bytes_is_str(a.host, "::1") || (any_address && is_address(a.host));
}

/* scheme://authority, and with a path behind it if that may be. */
static bool is_from(struct mse_bytes url, const char *scheme, const struct mse_authority *at,
                    bool with_path)
{
    struct mse_authority from;
    size_t len = strlen(scheme);
    uint16_t port = strcmp(scheme, "https") == 0 ? 443 : 80;
    struct mse_bytes said = url;
    if (!mse_rd_skip(&said, len) || strncasecmp((const char *)url.data, scheme, len) != 0 ||
        said.len < 3 || !mse_mem_equal(said.data, "://", 3) || !mse_rd_skip(&said, 3)) {
        return false;
    }
    size_t slash = mse_bytes_find(said, mse_bytes_str("/"));
    if (with_path && slash != SIZE_MAX) {
        said.len = slash;
    }
    return mse_authority_read(&from, said, port) && mse_authority_equal(&from, at);
}

const char *mse_rules_page(const struct mse_http1_head *h, const char *scheme,
                           const struct mse_authority *at)
{
    bool same = mse_http1_is(h->fetch_site, "same-origin") || mse_http1_is(h->fetch_site, "none");
    if (h->has_origin && !is_from(h->origin, scheme, at, false)) {
        return "its Origin is another page than the app's own";
    }
    if (h->has_fetch_site && !same) {
        return "its Sec-Fetch-Site says that another page made it";
    }
    if (!h->has_origin && !h->has_fetch_site && h->referer.len > 0 &&
        !is_from(h->referer, scheme, at, true)) {
        return "its Referer is another page than the app's own";
    }
    return NULL;
}
