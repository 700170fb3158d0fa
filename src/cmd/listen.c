/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"

/* Cuts "ADDR:PORT" into its parts; brackets around IPv6 go away. */
static bool split(char *host, size_t cap, const char **port, const char *where)
{
    const char *colon = strrchr(where, ':');
    uint64_t n = 0;
    if (colon == NULL || !mse_u64_parse(&n, mse_bytes_str(colon + 1), UINT16_MAX)) {
        return false;
    }
    size_t len = (size_t)(colon - where);
    if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
        where++;
        len -= 2;
    }
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

bool cli_port_of(int fd, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = { 0 };
    socklen_t len = sizeof a;
    if (getsockname(fd, &a.any, &len) != 0) {
        return false;
    }
    *port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    return true;
}

bool cli_listen(int *out_fd, uint16_t *port, const char *where, char *why, size_t why_len)
{
    char host[128];
    const char *service = NULL;
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                              .ai_socktype = SOCK_STREAM };
    if (!split(host, sizeof host, &service, where) ||
        getaddrinfo(host, service, &hints, &found) != 0) {
        (void)snprintf(why, why_len, "wanted a literal address and a port, as 127.0.0.1:8443");
        return false;
    }
    int one = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1024) == 0 &&
                cli_port_of(fd, port);
    freeaddrinfo(found);
    if (!good) {
        (void)snprintf(why, why_len, "%s", strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    *out_fd = fd;
    return true;
}
