/* SPDX-License-Identifier: Apache-2.0 */
/* Mutual sessions of two enclaves over a socket: each side on a platform of its own, each condition
 * broken by one side at a time. */
#include "lab.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "ratls/mutual.h"

#define MANIFEST "{\"config_domain_name\":\"config.example.org\",\"san\":\"" LAB_HOST "\"}"
#define ALPN     "mse-attest/1+test/1"
#define HELLO    "hello"

/* The two platforms. */
struct two {
    struct lab *server;
    struct lab *client;
};

static void certify(struct lab *l)
{
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    uint8_t digest[32];
    assert_status(mse_sha256(digest, mse_bytes_str(MANIFEST)), MSE_OK);
    p.manifest = mse_bytes_of(digest, sizeof digest);
    lab_evidence(l, &p);
    lab_cert(l);
}

static void make_lab(struct lab **out)
{
    assert_int_equal(lab_setup((void **)out), 0);
    certify(*out);
}

static int setup(void **state)
{
    static struct two t;
    (void)signal(SIGPIPE, SIG_IGN);
    make_lab(&t.server);
    make_lab(&t.client);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct two *t = *state;
    (void)lab_teardown((void **)&t->server);
    return lab_teardown((void **)&t->client);
}

/* own: who one is; peer: whose platform one believes. */
static struct mse_mutual_config config_of(struct lab *own, const struct lab *peer, const char *host)
{
    const struct mse_session_self self = { .quote = lab_quote_fn,
                                           .quote_arg = own,
                                           .manifest = mse_bytes_str(MANIFEST) };
    const struct mse_session_judge judge = {
        .policy = &peer->policy, .collateral = &peer->bundle.collateral, .at = LAB_NOW, .host = host
    };
    struct mse_mutual_config c = { .key = own->key,
                                   .cert = mse_build_view(&own->cert),
                                   .self = self,
                                   .judge = judge,
                                   .alpn = ALPN,
                                   .quiet_ms = 10000 };
    return c;
}

struct meeting {
    struct mse_mutual_config server;
    struct mse_mutual_config client;
    int fd;
    pthread_t thread;
    mse_status status; /* of the server */
    mse_status reply;  /* of what it said afterwards */
    struct mse_verdict of_client;
    struct mse_verdict of_server;
};

static void meet(struct meeting *m, const struct two *t)
{
    memset(m, 0, sizeof *m);
    m->server = config_of(t->server, t->client, NULL);
    m->client = config_of(t->client, t->server, LAB_HOST);
}

static void *serve(void *arg)
{
    struct meeting *m = arg;
    struct mse_mutual *s = NULL;
    struct mse_error err = { .status = MSE_OK };
    char text[sizeof HELLO];
    m->status = mse_mutual_server(&s, &m->of_client, m->fd, &m->server, &err);
    assert_int_equal(m->status, err.status);
    m->reply = m->status;
    if (m->status == MSE_OK) {
        m->reply = mse_mutual_read(s, text, sizeof text, NULL);
    }
    if (m->reply == MSE_OK) {
        assert_string_equal(text, HELLO);
        m->reply = mse_mutual_write(s, text, sizeof text, NULL);
    }
    mse_mutual_free(s);
    (void)shutdown(m->fd, SHUT_WR);
    while (read(m->fd, text, sizeof text) > 0) { /* what the client still says is taken */
    }
    (void)close(m->fd);
    return NULL;
}

/* Runs both sides; the client's status, of the session or of the message after it. */
static mse_status run(struct meeting *m, mse_status *session)
{
    int pair[2];
    struct mse_mutual *c = NULL;
    struct mse_error err = { .status = MSE_OK };
    char text[sizeof HELLO] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    m->fd = pair[1];
    assert_int_equal(pthread_create(&m->thread, NULL, serve, m), 0);
    *session = mse_mutual_client(&c, &m->of_server, pair[0], &m->client, &err);
    assert_int_equal(*session, err.status);
    mse_status st = *session;
    st = st == MSE_OK ? mse_mutual_write(c, HELLO, sizeof HELLO, NULL) : st;
    st = st == MSE_OK ? mse_mutual_read(c, text, sizeof text, NULL) : st;
    assert_true(st != MSE_OK || strcmp(text, HELLO) == 0);
    mse_mutual_free(c);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(m->thread, NULL), 0);
    return st;
}

static void both_accept_and_talk(void **state)
{
    static struct meeting m;
    mse_status session = MSE_OK;
    meet(&m, *state);
    assert_status(run(&m, &session), MSE_OK);
    assert_status(m.status, MSE_OK);
    assert_status(m.reply, MSE_OK);
    assert_true(m.of_client.accepted && m.of_server.accepted);
    assert_int_equal(m.of_client.binding_level, 2);
    assert_int_equal(m.of_server.binding_level, 2);
    assert_true(m.of_client.has_fingerprint && m.of_server.has_fingerprint);
}

/* Instances of one app say so: neither end takes the evidence of a user's session for it, nor the
 * other way round. */
static void replicas_have_roles_of_their_own(void **state)
{
    static struct meeting m;
    mse_status session = MSE_OK;
    meet(&m, *state);
    m.server.self.replica = true;
    m.client.self.replica = true;
    assert_status(run(&m, &session), MSE_OK);
    assert_status(m.status, MSE_OK);
    meet(&m, *state);
    m.server.self.replica = true;
    assert_status(run(&m, &session), MSE_ERR_ROLE);
    assert_int_equal(m.of_client.num_checks, 0); /* it had nothing to judge */
    meet(&m, *state);
    m.client.self.replica = true;
    assert_status(run(&m, &session), MSE_ERR_ROLE);
}

/* Certificates under a CA: each side sends it, and names it. */
static void both_may_have_a_ca(void **state)
{
    static struct meeting m;
    mse_status session = MSE_OK;
    const struct two *t = *state;
    uint8_t sha256[32];
    lab_cert_r2(t->server, sha256);
    lab_cert_r2(t->client, sha256);
    meet(&m, t);
    assert_status(run(&m, &session), MSE_OK);
    assert_status(m.status, MSE_OK);
    assert_true(m.of_client.accepted && m.of_server.accepted);
    certify(t->server);
    certify(t->client);
}

/* The client believes that it is through until it hears that it is not. */
static void a_client_of_another_root_is_refused(void **state)
{
    static struct meeting m;
    const struct two *t = *state;
    mse_status session = MSE_OK;
    meet(&m, t);
    m.server.judge.policy = &t->server->policy;
    assert_status(run(&m, &session), MSE_ERR_PROTOCOL);
    assert_status(session, MSE_OK);
    assert_status(m.status, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_false(m.of_client.accepted);
}

static void a_server_of_another_root_is_refused(void **state)
{
    static struct meeting m;
    const struct two *t = *state;
    mse_status session = MSE_OK;
    meet(&m, t);
    m.client.judge.policy = &t->client->policy;
    assert_status(run(&m, &session), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_status(session, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(m.status == MSE_ERR_PROTOCOL || m.status == MSE_ERR_IO);
    assert_int_equal(m.of_client.num_checks, 0); /* it had nothing to judge */
}

/* No root but a compiled-in one: what enclaves on hardware go by. */
static void hardware_never_accepts_simulated_peers(void **state)
{
    static struct meeting m;
    static struct mse_policy p;
    const struct two *t = *state;
    mse_status session = MSE_OK;
    p = t->client->policy;
    p.allow_simulation = false;
    meet(&m, t);
    m.server.judge.policy = &p;
    assert_status(run(&m, &session), MSE_ERR_PROTOCOL);
    assert_true(m.status != MSE_OK && !m.of_client.accepted);
    meet(&m, t);
    p = t->server->policy;
    p.allow_simulation = false;
    m.client.judge.policy = &p;
    assert_true(run(&m, &session) != MSE_OK);
    assert_false(m.of_server.accepted);
}

static void another_fingerprint_is_refused(void **state)
{
    static struct meeting m;
    static struct mse_policy p;
    const struct two *t = *state;
    mse_status session = MSE_OK;
    p = t->server->policy;
    p.insecure_any_app = false;
    p.num_references = 1;
    p.references[0].has_fingerprint = true;
    p.references[0].fingerprint[0] = 0xff;
    meet(&m, t);
    m.client.judge.policy = &p;
    assert_status(run(&m, &session), MSE_ERR_MRENCLAVE_MISMATCH);
    assert_int_equal(m.of_client.num_checks, 0);
}

static void another_protocol_is_refused(void **state)
{
    static struct meeting m;
    mse_status session = MSE_OK;
    meet(&m, *state);
    m.client.alpn = "mse-attest/1";
    assert_status(run(&m, &session), MSE_ERR_PROTOCOL);
    assert_status(m.status, MSE_ERR_PROTOCOL);
}

static void ones_own_key_is_refused(void **state)
{
    static struct meeting m;
    const struct two *t = *state;
    mse_status session = MSE_OK;
    meet(&m, t);
    m.client = config_of(t->server, t->server, LAB_HOST);
    assert_status(run(&m, &session), MSE_ERR_SESSION_REFLECTED);
}

static void a_silent_peer_is_given_up(void **state)
{
    static struct meeting m;
    int pair[2];
    struct mse_mutual *c = NULL;
    meet(&m, *state);
    m.client.quiet_ms = 20;
    m.server.quiet_ms = 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_status(mse_mutual_client(&c, NULL, pair[0], &m.client, NULL), MSE_ERR_PROTOCOL);
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_status(mse_mutual_server(&c, NULL, pair[0], &m.server, NULL), MSE_ERR_PROTOCOL);
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_null(c);
}

static int choose_first(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                        const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)in_len;
    (void)arg;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

/* Genuine, but it wants to know nothing of its client. */
static void *serve_one_way(void *arg)
{
    struct meeting *m = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    const struct mse_session_server_config c = { .self = m->server.self, .alpn = ALPN };
    (void)SSL_CTX_use_certificate_ASN1(ctx, (int)m->server.cert.len, m->server.cert.data);
    (void)SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(m->server.key));
    SSL_CTX_set_alpn_select_cb(ctx, choose_first, NULL);
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, m->fd);
    m->status = SSL_accept(ssl) == 1 ? MSE_OK : MSE_ERR_PROTOCOL;
    if (m->status == MSE_OK) {
        m->status = mse_session_server(NULL, ssl, &c, NULL);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(m->fd);
    return NULL;
}

static void a_server_that_demands_nothing_is_refused(void **state)
{
    static struct meeting m;
    int pair[2];
    struct mse_mutual *c = NULL;
    meet(&m, *state);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    m.fd = pair[1];
    assert_int_equal(pthread_create(&m.thread, NULL, serve_one_way, &m), 0);
    assert_status(mse_mutual_client(&c, &m.of_server, pair[0], &m.client, NULL), MSE_ERR_PROTOCOL);
    assert_true(m.of_server.accepted); /* that was not the reason */
    assert_null(c);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(m.thread, NULL), 0);
    assert_status(m.status, MSE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_accept_and_talk),
        cmocka_unit_test(replicas_have_roles_of_their_own),
        cmocka_unit_test(both_may_have_a_ca),
        cmocka_unit_test(a_client_of_another_root_is_refused),
        cmocka_unit_test(a_server_of_another_root_is_refused),
        cmocka_unit_test(hardware_never_accepts_simulated_peers),
        cmocka_unit_test(another_fingerprint_is_refused),
        cmocka_unit_test(another_protocol_is_refused),
        cmocka_unit_test(ones_own_key_is_refused),
        cmocka_unit_test(a_silent_peer_is_given_up),
        cmocka_unit_test(a_server_that_demands_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
