/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: the certificate that the peer presented is the one that comes back, and each kind of
 * trouble has its own status. The server is a thread of this program. */
#include "lab.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/bytes.h"
#include "base/util.h"
#include "ratls/connect.h"
#include "ratls/presented.h"
#include "ratls/profile.h"
#include "ratls/resolve.h"

enum behaviour {
    TLS_1_3,
    ONE_MORE, /* than two certificates */
    TLS_1_2,  /* at most */
    REFUSE_NAME,
    SILENT,
    GARBAGE,
    CLOSE,
};

struct server {
    enum behaviour how;
    const struct lab *lab;
    int fd;
    uint16_t port;
    char sni[64];
    pthread_t thread;
};

static int take_sni(SSL *ssl, int *alert, void *arg)
{
    struct server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)snprintf(s->sni, sizeof s->sni, "%s", name == NULL ? "" : name);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return s->how == REFUSE_NAME ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
}

static void serve_tls(struct server *s, int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    (void)!mse_ratls_use_certs(ctx, mse_build_view(&s->lab->cert));
    if (s->how == ONE_MORE) {
        X509 *x = SSL_CTX_get0_certificate(ctx);
        (void)SSL_CTX_add1_chain_cert(ctx, x);
    }
    (void)SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(s->lab->key));
    if (s->how == TLS_1_2) {
        (void)SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    }
    (void)SSL_CTX_set_tlsext_servername_callback(ctx, take_sni);
    (void)SSL_CTX_set_tlsext_servername_arg(ctx, s);
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        char byte;
        (void)SSL_read(ssl, &byte, 1); /* until the client says goodbye */
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    sigset_t pipe; /* in this thread only: the client has to do without */
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    int fd = accept(s->fd, NULL, NULL);
    char byte;
    if (s->how == GARBAGE) {
        (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        (void)!read(fd, &byte, 1);
    } else if (s->how == SILENT) {
        while (read(fd, &byte, 1) > 0) {
        }
    } else if (s->how != CLOSE) {
        serve_tls(s, fd);
    }
    (void)close(fd);
    return NULL;
}

static void start(struct server *s, const struct lab *l, enum behaviour how)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    memset(s, 0, sizeof *s);
    s->how = how;
    s->lab = l;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 4), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

static int setup(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    int rc = lab_setup(state);
    lab_evidence(*state, &p);
    lab_cert(*state);
    return rc;
}

/* want: what is to come back of the certificate. */
static void presents(const struct lab *l, enum behaviour how, struct mse_bytes want)
{
    struct server s;
    struct mse_ratls_conn *c = NULL;
    start(&s, l, how);
    assert_status(mse_ratls_connect(&c, "localhost", s.port, 10000, NULL), MSE_OK);
    assert_bytes(mse_ratls_conn_cert(c), want);
    mse_ratls_conn_free(c);
    stop(&s);
}

/* One certificate that comes along is taken as a CA's; of more, none is. */
static void the_certificate_of_a_ca_comes_along(void **state)
{
    struct lab *l = *state;
    struct mse_bytes leaf;
    struct mse_bytes ca;
    uint8_t sha256[32];
    lab_cert_r2(l, sha256);
    assert_true(mse_ratls_split(&leaf, &ca, mse_build_view(&l->cert)));
    assert_true(ca.len > 0);
    presents(l, TLS_1_3, mse_build_view(&l->cert));
    presents(l, ONE_MORE, leaf);
    lab_cert(l);
    presents(l, TLS_1_3, mse_build_view(&l->cert));
}

static void connected(const struct lab *l, const char *host, const char *sni)
{
    struct server s;
    struct mse_ratls_conn *c = NULL;
    struct mse_error err = { .status = MSE_OK };
    start(&s, l, TLS_1_3);
    mse_status st = mse_ratls_connect(&c, host, s.port, 10000, &err);
    if (st != MSE_OK) {
        fail_msg("%s", err.text);
    }
    assert_bytes(mse_ratls_conn_cert(c), mse_build_view(&l->cert));
    mse_ratls_conn_free(c);
    stop(&s);
    assert_string_equal(s.sni, sni);
}

static void the_presented_certificate_comes_back(void **state)
{
    const struct lab *l = *state;
    connected(l, "127.0.0.1", "");
    connected(l, "localhost", "localhost");
    /* ::1 refuses, 127.0.0.1 answers */
    connected(l, "app-1.project.localhost", "app-1.project.localhost");
}

static void each_trouble_has_its_status(void **state)
{
    const struct lab *l = *state;
    static const struct {
        enum behaviour how;
        mse_status want;
        const char *text;
    } cases[] = {
        { TLS_1_2, MSE_ERR_PROTOCOL, "speaks no TLS 1.3" },
        { REFUSE_NAME, MSE_ERR_PROTOCOL, "unrecognized name" },
        { GARBAGE, MSE_ERR_PROTOCOL, "does not speak TLS" },
        { SILENT, MSE_ERR_TIMEOUT, "timed out" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct server s;
        struct mse_ratls_conn *c = NULL;
        struct mse_error err = { .status = MSE_OK };
        start(&s, l, cases[i].how);
        assert_status(mse_ratls_connect(&c, "app.localhost", s.port, 1500, &err), cases[i].want);
        assert_null(c);
        if (mse_bytes_find(mse_bytes_str(err.text), mse_bytes_str(cases[i].text)) == SIZE_MAX) {
            fail_msg("%s: wanted %s", err.text, cases[i].text);
        }
        stop(&s);
    }
}

static void a_peer_that_hangs_up_is_named(void **state)
{
    struct server s;
    struct mse_ratls_conn *c = NULL;
    start(&s, *state, CLOSE);
    mse_status st = mse_ratls_connect(&c, "127.0.0.1", s.port, 5000, NULL);
    assert_true(st == MSE_ERR_PROTOCOL || st == MSE_ERR_IO); /* end of file, or a reset */
    assert_null(c);
    stop(&s);
}

static void nobody_there(void **state)
{
    struct server s;
    struct mse_ratls_conn *c = NULL;
    struct mse_error err = { .status = MSE_OK };
    start(&s, *state, CLOSE);
    assert_true(mse_ratls_connect(&c, "127.0.0.1", s.port, 5000, NULL) != MSE_OK);
    stop(&s); /* the port is closed now */
    assert_status(mse_ratls_connect(&c, "x.localhost", s.port, 5000, &err), MSE_ERR_IO);
    assert_true(mse_bytes_find(mse_bytes_str(err.text), mse_bytes_str("refused")) != SIZE_MAX);
    memset(&err, 0, sizeof err);
    assert_status(mse_ratls_connect(&c, "name.invalid", 443, 5000, &err), MSE_ERR_NOT_FOUND);
    assert_status(mse_ratls_connect(&c, "", 443, 5000, NULL), MSE_ERR_ARGUMENT);
    assert_null(c);
}

static void names_of_loopback_are_resolved_here(void **state)
{
    (void)state;
    static const char *const local[] = { "localhost", "LOCALHOST", "a.localhost", "a.b.localhost" };
    struct mse_addresses a;
    for (size_t i = 0; i < MSE_ARRAY_LEN(local); i++) {
        assert_status(mse_resolve(&a, local[i], 443, NULL), MSE_OK);
        assert_int_equal(a.num, 2);
        assert_int_equal(a.list[0].addr.ss_family, AF_INET6);
        assert_int_equal(a.list[1].addr.ss_family, AF_INET);
    }
    assert_status(mse_resolve(&a, "192.0.2.1", 443, NULL), MSE_OK);
    assert_int_equal(a.num, 1);
    assert_true(mse_host_is_literal("2001:db8::1") && mse_host_is_literal("127.0.0.1"));
    assert_false(mse_host_is_literal("localhost") || mse_host_is_literal("[::1]") ||
                 mse_host_is_literal("127.1") || mse_host_is_literal(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_of_a_ca_comes_along),
        cmocka_unit_test(the_presented_certificate_comes_back),
        cmocka_unit_test(each_trouble_has_its_status),
        cmocka_unit_test(a_peer_that_hangs_up_is_named),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(names_of_loopback_are_resolved_here),
    };
    return cmocka_run_group_tests(tests, setup, lab_teardown);
}
