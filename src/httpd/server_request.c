/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is. */
#include <strings.h>

#include "base/bytes.h"
#include "httpd/server_inner.h"

const char *mse_httpd_method(const struct mse_httpd_request *r)
{
    return r->method;
}

const char *mse_httpd_target(const struct mse_httpd_request *r)
{
    return r->target;
}

const char *mse_httpd_header(struct mse_httpd_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct cookie {
    const char *name;
    const char *value;
    unsigned num;
};

static enum MHD_Result take_cookie(void *cls, enum MHD_ValueKind kind, const char *key,
                                   const char *value)
{
    struct cookie *c = cls;
    (void)kind;
    if (strcmp(key, c->name) == 0) {
        c->value = value;
        c->num++;
    }
    return MHD_YES;
}

/* libmicrohttpd would take "__host-" for "__Host-", which not all browsers keep others from. */
const char *mse_httpd_cookie(struct mse_httpd_request *r, const char *name)
{
    struct cookie c = { .name = name };
    (void)MHD_get_connection_values(r->connection, MHD_COOKIE_KIND, take_cookie, &c);
    return c.num == 1 ? c.value : NULL;
}

struct count {
    const char *name;
    unsigned num;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct count *c = cls;
    (void)kind;
    (void)value;
    c->num += strcasecmp(key, c->name) == 0 ? 1 : 0;
    return MHD_YES;
}

unsigned mse_httpd_num_headers(struct mse_httpd_request *r, const char *name)
{
    struct count c = { .name = name };
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &c);
    return c.num;
}

void mse_httpd_source(const struct mse_httpd_request *r, uint8_t out[16])
{
    memcpy(out, r->conn->source, sizeof r->conn->source);
}

void **mse_httpd_context(struct mse_httpd_request *r)
{
    return &r->context;
}

const char *mse_httpd_id(const struct mse_httpd_request *r)
{
    return r->id;
}

unsigned mse_httpd_status(const struct mse_httpd_request *r)
{
    return r->status;
}

long mse_httpd_us(const struct mse_httpd_request *r)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - r->begun.tv_sec) * 1000000 + (now.tv_nsec - r->begun.tv_nsec) / 1000;
}

void mse_httpd_allow(struct mse_httpd_request *r, unsigned within, unsigned idle)
{
    (void)httpd_set_time(r, within, idle, r->http->cfg.slow);
}
