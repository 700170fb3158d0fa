/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a client, whatever they are. The server knows no name, so each ClientHello is
 * parsed and then refused: no handshake is ever complete, and nothing but an alert goes out. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "net/tls.h"

#define MAX_INPUT ((size_t)60000) /* fits a socket's buffer */
#define MAX_ALERT ((size_t)64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const alpn[] = { "http/1.1" };
    struct mse_tls_server *server = NULL;
    uint8_t buf[4096];
    struct mse_build out;
    int fds[2];
    len = len > MAX_INPUT ? MAX_INPUT : len;
    MSE_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    MSE_ASSERT(mse_tls_server_new(&server, alpn, 1, NULL) == MSE_OK);
    mse_build_fixed(&out, buf, sizeof buf);
    struct mse_tls *t = mse_tls_accept(server, fds[0], &out);
    MSE_ASSERT(t != NULL);
    if (len > 0) {
        ssize_t n = send(fds[1], data, len, MSG_NOSIGNAL);
        MSE_ASSERT(n == (ssize_t)len);
    }
    (void)shutdown(fds[1], SHUT_WR);
    enum mse_io io = mse_tls_handshake(t);
    MSE_ASSERT(io == MSE_IO_ERROR); /* the end of the input is one too */
    MSE_ASSERT(mse_build_ok(&out) && out.len <= MAX_ALERT);
    size_t got = 0;
    MSE_ASSERT(mse_tls_read(t, buf, sizeof buf, &got) != MSE_IO_DONE);
    mse_tls_free(t);
    mse_tls_server_free(server);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}
