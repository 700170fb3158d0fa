/* SPDX-License-Identifier: Apache-2.0 */
/* See resolve.h. */
#include "ratls/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define LOCALHOST "localhost"

static void add(struct mse_addresses *out, const void *addr, socklen_t len)
{
    if (out->num < MSE_MAX_ADDRESSES && len <= sizeof out->list[0].addr) {
        memcpy(&out->list[out->num].addr, addr, len);
        out->list[out->num].len = len;
        out->num++;
    }
}

static bool add_literal(struct mse_addresses *out, const char *host, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        add(out, &v4, sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        add(out, &v6, sizeof v6);
        return true;
    }
    return false;
}

static bool is_localhost(const char *host)
{
    size_t len = strlen(host);
    size_t tail = sizeof LOCALHOST - 1;
    if (len < tail || strcasecmp(host + len - tail, LOCALHOST) != 0) {
        return false;
    }
    return len == tail || host[len - tail - 1] == '.';
}

bool mse_host_is_literal(const char *host)
{
    struct mse_addresses unused = { 0 };
    return add_literal(&unused, host, 0);
}

mse_status mse_resolve(struct mse_addresses *out, const char *host, uint16_t port,
                       struct mse_error *err)
{
    struct mse_addresses a = { 0 };
    if (host[0] == '\0') {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "resolve", "the host name is empty");
    }
    if (is_localhost(host)) {
        (void)add_literal(&a, "::1", port);
        (void)add_literal(&a, "127.0.0.1", port);
    } else if (!add_literal(&a, host, port)) {
        char service[8];
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
        struct addrinfo *found = NULL;
        (void)snprintf(service, sizeof service, "%u", port);
        int rc = getaddrinfo(host, service, &hints, &found);
        if (rc != 0) {
            return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "resolve", "%.128s has no address: %s", host,
                            gai_strerror(rc));
        }
        for (const struct addrinfo *i = found; i != NULL; i = i->ai_next) {
            add(&a, i->ai_addr, i->ai_addrlen);
        }
        freeaddrinfo(found);
    }
    if (a.num == 0) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "resolve", "%.128s has no address", host);
    }
    *out = a;
    return MSE_OK;
}

bool mse_host_set_sni(SSL *ssl, const char *host)
{
    char name[254]; /* OpenSSL wants it writable */
    size_t len = strlen(host);
    if (mse_host_is_literal(host)) {
        return true;
    }
    if (len >= sizeof name) {
        return false;
    }
    memcpy(name, host, len + 1);
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}
