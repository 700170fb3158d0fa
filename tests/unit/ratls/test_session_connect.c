/* SPDX-License-Identifier: Apache-2.0 */
/* Level 2 in one call, on both sides, over a socket; judging again; and how many flights it takes,
 * counted by somebody who carries the bytes. */
#include "lab.h"
#include "log_lab.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "ratls/session.h"

static int setup(void **state)
{
    (void)signal(SIGPIPE, SIG_IGN);
    return lab_setup(state);
}

static mse_time now_of_test(void *arg)
{
    return *(const mse_time *)arg;
}

struct tee {
    struct lab *lab;
    unsigned quotes;
};

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    struct tee *t = arg;
    t->quotes++;
    return lab_quote_fn(t->lab, out, cap, out_len, report_data, err);
}

/* ---- the two ends ---- */

struct server {
    SSL_CTX *ctx;
    int fd;
    struct tee tee;
    struct mse_session_server_config config;
    bool plain; /* knows nothing of sessions */
    mse_status result;
    bool asked;
    mse_status rechecked; /* what judging nobody again comes to */
    const struct mse_ratls_verifier *v;
    pthread_t thread;
};

/* Answers one byte with the next one. */
static void *serve(void *arg)
{
    struct server *s = arg;
    struct mse_session *session = NULL;
    uint8_t byte = 0;
    size_t n = 0;
    SSL *ssl = SSL_new(s->ctx);
    (void)SSL_set_fd(ssl, s->fd);
    if (s->plain) {
        s->result = SSL_accept(ssl) == 1 ? MSE_OK : MSE_ERR_PROTOCOL;
    } else {
        s->result = mse_session_accept(&session, ssl, &s->config, NULL);
    }
    s->asked = session != NULL;
    s->rechecked = session == NULL ? MSE_OK : mse_session_recheck(session, s->v, NULL);
    if (SSL_read_ex(ssl, &byte, 1, &n) == 1) {
        byte++;
        (void)SSL_write_ex(ssl, &byte, 1, &n);
        (void)SSL_shutdown(ssl);
    }
    mse_session_free(session);
    SSL_free(ssl);
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)close(s->fd);
    return NULL;
}

struct meeting {
    struct lab *lab;
    struct server s;
    struct mse_policy policy;
    struct mse_ratls_identity *id;
    struct mse_ratls_verifier *v;
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    mse_time now;
    struct mse_session *out;
    struct mse_error err;
};

static void prepare(struct meeting *m, struct lab *l, const char *alpn)
{
    memset(m, 0, sizeof *m);
    m->lab = l;
    m->now = LAB_NOW;
    m->policy = l->policy;
    m->s.tee.lab = l;
    m->s.config.self.quote = quote;
    m->s.config.self.quote_arg = &m->s.tee;
    const struct mse_ratls_identity_params ip = { .quote = quote,
                                                  .quote_arg = &m->s.tee,
                                                  .name = LAB_HOST,
                                                  .not_before = LAB_NOW - 3600,
                                                  .not_after = LAB_NOW + 400 * LAB_DAY };
    assert_status(mse_ratls_identity_new(&m->id, &ip, NULL), MSE_OK);
    const struct mse_ratls_verifier_params vp = { .policy = &m->policy,
                                                  .collateral = &l->bundle.collateral,
                                                  .now = now_of_test,
                                                  .now_arg = &m->now };
    assert_status(mse_ratls_verifier_new(&m->v, &vp, NULL), MSE_OK);
    m->s.v = m->v;
    m->ctx = SSL_CTX_new(TLS_client_method());
    m->s.ctx = SSL_CTX_new(TLS_server_method());
    assert_status(mse_ratls_ctx_verify(m->ctx, m->v, NULL), MSE_OK);
    assert_status(mse_session_ctx_serve(m->s.ctx, m->id, alpn, NULL), MSE_OK);
    m->s.tee.quotes = 0;
}

static void begin_over(struct meeting *m, int client_fd, int server_fd)
{
    m->fd = client_fd;
    m->s.fd = server_fd;
    m->ssl = SSL_new(m->ctx);
    assert_int_equal(SSL_set_fd(m->ssl, m->fd), 1);
    assert_int_equal(pthread_create(&m->s.thread, NULL, serve, &m->s), 0);
}

static void begin(struct meeting *m)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    begin_over(m, pair[0], pair[1]);
}

static void end(struct meeting *m)
{
    (void)shutdown(m->fd, SHUT_RDWR);
    (void)pthread_join(m->s.thread, NULL);
    (void)close(m->fd);
    mse_session_free(m->out);
    SSL_free(m->ssl);
    m->out = NULL;
    m->ssl = NULL;
}

static void clear(struct meeting *m)
{
    SSL_CTX_free(m->ctx);
    SSL_CTX_free(m->s.ctx);
    mse_ratls_verifier_free(m->v);
    mse_ratls_identity_free(m->id);
}

static bool talks(SSL *ssl)
{
    uint8_t byte = 41;
    size_t n = 0;
    return SSL_write_ex(ssl, &byte, 1, &n) == 1 && SSL_read_ex(ssl, &byte, 1, &n) == 1 &&
           byte == 42;
}

static mse_status join(struct meeting *m, const char *alpn)
{
    begin(m);
    m->err = (struct mse_error) { .status = MSE_OK };
    return mse_session_connect(&m->out, m->ssl, m->v, LAB_HOST, alpn, &m->err);
}

/* Refused, and of no use even to who does not look. */
static void assert_refused(struct meeting *m, const char *alpn, mse_status want)
{
    assert_status(join(m, alpn), want);
    assert_int_equal(m->err.status, want);
    assert_false(talks(m->ssl));
    assert_null(mse_ratls_ssl_peer(m->v, m->ssl));
    end(m);
}

/* ---- tests ---- */

static void one_call_is_level_2(void **state)
{
    struct meeting m;
    static const char *const alpns[] = { MSE_SESSION_ALPN_HTTP11, MSE_SESSION_ALPN_H2, NULL };
    for (size_t i = 0; i < MSE_ARRAY_LEN(alpns); i++) {
        prepare(&m, *state, alpns[i]);
        m.policy.require_level = 2;
        assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                      MSE_OK);
        assert_status(join(&m, alpns[i]), MSE_OK);
        assert_int_equal(mse_session_verdict(m.out)->binding_level, 2);
        assert_true(talks(m.ssl));
        assert_null(mse_ratls_ssl_peer(m.v, m.ssl)); /* nobody was judged at level 0 */
        end(&m);
        assert_true(m.s.asked);
        assert_status(m.s.result, MSE_OK);
        assert_status(m.s.rechecked, MSE_ERR_ARGUMENT);
        assert_int_equal(m.s.tee.quotes, 1);
        clear(&m);
    }
}

static void what_is_refused_is_shut(void **state)
{
    struct meeting m;
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    m.policy.num_references = 1;
    m.policy.insecure_any_app = false;
    m.policy.references[0].has_mr_enclave = true;
    memset(m.policy.references[0].mr_enclave, 0x77, 32);
    assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                  MSE_OK);
    assert_refused(&m, MSE_SESSION_ALPN_HTTP11, MSE_ERR_MRENCLAVE_MISMATCH);
    m.policy = m.lab->policy;
    m.policy.require_level = 3; /* and no machine is named */
    assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                  MSE_OK);
    assert_refused(&m, MSE_SESSION_ALPN_HTTP11, MSE_ERR_LEVEL);
    clear(&m);

    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    assert_refused(&m, MSE_SESSION_ALPN_H2, MSE_ERR_PROTOCOL); /* not served: an alert */
    m.s.plain = true;
    SSL_CTX_set_alpn_select_cb(m.s.ctx, NULL, NULL);
    assert_refused(&m, MSE_SESSION_ALPN_HTTP11, MSE_ERR_SESSION_ALPN);
    clear(&m);
}

static void arguments_are_looked_at(void **state)
{
    struct meeting m;
    prepare(&m, *state, NULL);
    assert_status(mse_session_ctx_serve(m.s.ctx, m.id, "http/1.1", NULL), MSE_ERR_ARGUMENT);
    assert_refused(&m, "http/1.1", MSE_ERR_ARGUMENT);
    begin(&m);
    assert_status(mse_session_connect(&m.out, m.ssl, m.v, NULL, NULL, NULL), MSE_ERR_ARGUMENT);
    assert_false(talks(m.ssl));
    end(&m);
    clear(&m);
}

/* Only the handshake of mse_session_connect puts the judgement off. */
static void other_handshakes_are_judged(void **state)
{
    struct meeting m;
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    m.policy.require_level = 2;
    assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                  MSE_OK);
    begin(&m);
    assert_int_equal(SSL_set1_host(m.ssl, LAB_HOST), 1);
    assert_true(SSL_connect(m.ssl) != 1); /* level 0 is too little for it */
    assert_status(mse_ratls_ssl_peer(m.v, m.ssl)->status, MSE_ERR_LEVEL);
    end(&m);

    assert_status(join(&m, MSE_SESSION_ALPN_HTTP11), MSE_OK);
    (void)shutdown(m.fd, SHUT_RDWR);
    (void)pthread_join(m.s.thread, NULL);
    (void)close(m.fd);
    assert_int_equal(SSL_clear(m.ssl), 1); /* the same object again, by hand */
    SSL *used = m.ssl;
    begin(&m);
    SSL_free(m.ssl);
    m.ssl = used;
    assert_int_equal(SSL_set_fd(m.ssl, m.fd), 1);
    assert_int_equal(SSL_set1_host(m.ssl, LAB_HOST), 1);
    assert_true(SSL_connect(m.ssl) != 1);
    end(&m);
    clear(&m);
}

/* The object that is used again after a handshake that broke before there was a certificate. */
static void a_broken_handshake_defers_no_other(void **state)
{
    struct meeting m;
    int pair[2];
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    m.policy.require_level = 2;
    assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                  MSE_OK);
    SSL *used = SSL_new(m.ctx);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    (void)close(pair[1]);
    assert_int_equal(SSL_set_fd(used, pair[0]), 1);
    assert_status(mse_session_connect(&m.out, used, m.v, LAB_HOST, MSE_SESSION_ALPN_HTTP11, NULL),
                  MSE_ERR_PROTOCOL);
    (void)close(pair[0]);
    assert_int_equal(SSL_clear(used), 1);
    begin(&m);
    SSL_free(m.ssl);
    m.ssl = used;
    assert_int_equal(SSL_set_fd(m.ssl, m.fd), 1);
    assert_int_equal(SSL_set1_host(m.ssl, LAB_HOST), 1);
    assert_true(SSL_connect(m.ssl) != 1);
    assert_status(mse_ratls_ssl_peer(m.v, m.ssl)->status, MSE_ERR_LEVEL);
    end(&m);
    clear(&m);
}

static void clients_that_ask_for_nothing(void **state)
{
    static const uint8_t http[] = "\x08http/1.1";
    static const uint8_t other[] = { 3, 'f', 't', 'p' };
    struct meeting m;
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    for (int i = 0; i < 3; i++) {
        begin(&m);
        assert_int_equal(SSL_set1_host(m.ssl, LAB_HOST), 1);
        if (i > 0) {
            const uint8_t *wire = i == 1 ? http : other;
            (void)SSL_set_alpn_protos(m.ssl, wire, (unsigned)wire[0] + 1);
        }
        assert_int_equal(SSL_connect(m.ssl) == 1, i < 2);
        assert_int_equal(talks(m.ssl), i < 2);
        end(&m);
        assert_status(m.s.result, i < 2 ? MSE_OK : MSE_ERR_PROTOCOL);
        assert_false(m.s.asked);
    }
    assert_int_equal(m.s.tee.quotes, 0);

    /* A server that demands evidence of its clients serves none of them. */
    const struct mse_session_judge judge = { .policy = &m.policy,
                                             .collateral = &m.lab->bundle.collateral,
                                             .at = LAB_NOW };
    m.s.config.clients = &judge;
    begin(&m);
    assert_int_equal(SSL_set1_host(m.ssl, LAB_HOST), 1);
    assert_int_equal(SSL_connect(m.ssl), 1);
    assert_false(talks(m.ssl));
    end(&m);
    assert_status(m.s.result, MSE_ERR_SESSION_ALPN);
    clear(&m);
}

static void a_long_session_is_judged_again(void **state)
{
    struct meeting m;
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    assert_status(join(&m, MSE_SESSION_ALPN_HTTP11), MSE_OK);
    assert_status(mse_session_recheck(m.out, m.v, &m.err), MSE_OK);
    assert_int_equal(mse_session_verdict(m.out)->binding_level, 2);
    m.now += 366 * LAB_DAY;
    assert_status(mse_session_recheck(m.out, m.v, &m.err), MSE_ERR_PCK_CRL_EXPIRED);
    assert_false(mse_session_verdict(m.out)->accepted);
    assert_int_equal(mse_session_verdict(m.out)->binding_level, 0);
    m.now = LAB_NOW;
    assert_status(mse_session_recheck(m.out, m.v, NULL), MSE_OK);

    m.policy.num_allowed_machines = 1; /* a list, on which this one is not */
    m.policy.allowed_machines[0].len = 16;
    memset(m.policy.allowed_machines[0].id, 0x55, 16);
    assert_status(mse_ratls_verifier_update(m.v, &m.policy, &m.lab->bundle.collateral, NULL),
                  MSE_OK);
    m.err = (struct mse_error) { .status = MSE_OK };
    assert_status(mse_session_recheck(m.out, m.v, &m.err), MSE_ERR_MACHINE_NOT_ALLOWED);
    assert_int_equal(m.err.status, MSE_ERR_MACHINE_NOT_ALLOWED);
    assert_true(talks(m.ssl)); /* to close it is the caller's matter */
    end(&m);
    clear(&m);
}

/* ---- transparency logs ---- */

/* What a proof needs is in the verdict of who was refused for want of one. */
static void learn_fingerprint(struct meeting *m, uint8_t out[32])
{
    assert_status(join(m, MSE_SESSION_ALPN_HTTP11), MSE_ERR_LOG_MISSING);
    assert_false(talks(m->ssl));
    memcpy(out, mse_session_verdict(m->out)->fingerprint, 32);
    assert_int_equal(mse_session_verdict(m->out)->binding_level, 0);
    end(m);
}

static void new_policy(struct meeting *m)
{
    assert_status(mse_ratls_verifier_update(m->v, &m->policy, &m->lab->bundle.collateral, NULL),
                  MSE_OK);
}

/* At level 0 the same proofs count. */
static void assert_plain(struct meeting *m, mse_status want)
{
    begin(m);
    assert_int_equal(SSL_set1_host(m->ssl, LAB_HOST), 1);
    assert_int_equal(SSL_connect(m->ssl) == 1, want == MSE_OK);
    assert_status(mse_ratls_ssl_peer(m->v, m->ssl)->status, want);
    assert_true(talks(m->ssl) == (want == MSE_OK));
    end(m);
}

static void logs_are_judged(void **state)
{
    struct meeting m;
    struct mse_build proofs[2];
    struct mse_log_key key;
    struct mse_log_key other;
    uint8_t fp[32];
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    mse_build_heap(&proofs[0], 4096);
    mse_build_heap(&proofs[1], 4096);
    memset(fp, 0x99, sizeof fp);
    log_lab_proof(&proofs[0], &key, 5, fp); /* of something else */
    m.policy.num_log_keys = 1;
    m.policy.log_keys[0] = key;
    new_policy(&m);
    learn_fingerprint(&m, fp);
    assert_plain(&m, MSE_ERR_LOG_MISSING);
    log_lab_proof(&proofs[1], &key, 5, fp);
    struct mse_bytes views[] = { mse_build_view(&proofs[0]), mse_build_view(&proofs[1]) };
    struct mse_log_proofs given = { views, 1 };
    assert_status(mse_ratls_verifier_set_logs(m.v, &given, NULL), MSE_OK);
    assert_refused(&m, MSE_SESSION_ALPN_HTTP11, MSE_ERR_LOG_ENTRY);
    assert_plain(&m, MSE_ERR_LOG_ENTRY);
    given.num = 2;
    assert_status(mse_ratls_verifier_set_logs(m.v, &given, NULL), MSE_OK);
    m.policy.require_level = 2;
    new_policy(&m); /* proofs outlive the policy */
    assert_status(join(&m, MSE_SESSION_ALPN_HTTP11), MSE_OK);
    assert_int_equal(mse_session_verdict(m.out)->binding_level, 2);

    /* Of a session that stands: what changes, and comes back. */
    given.num = 0;
    assert_status(mse_ratls_verifier_set_logs(m.v, &given, NULL), MSE_OK);
    assert_status(mse_session_recheck(m.out, m.v, &m.err), MSE_ERR_LOG_MISSING);
    assert_int_equal(m.err.status, MSE_ERR_LOG_MISSING);
    given.num = 2;
    assert_status(mse_ratls_verifier_set_logs(m.v, &given, NULL), MSE_OK);
    assert_status(mse_session_recheck(m.out, m.v, NULL), MSE_OK);
    mse_build_reset(&proofs[0]);
    log_lab_proof(&proofs[0], &other, 6, fp);
    m.policy.log_keys[0] = other; /* the log of another key: it signed nothing here */
    new_policy(&m);
    assert_status(mse_session_recheck(m.out, m.v, NULL), MSE_ERR_LOG_KEY);
    end(&m);
    m.policy.log_keys[0] = key;
    m.policy.require_level = 0;
    new_policy(&m);
    assert_plain(&m, MSE_OK);
    m.policy.num_log_witnesses = 1;
    m.policy.log_witnesses[0] = key;
    new_policy(&m);
    assert_plain(&m, MSE_ERR_LOG_WITNESSES);
    assert_refused(&m, MSE_SESSION_ALPN_HTTP11, MSE_ERR_LOG_WITNESSES);
    mse_build_clear(&proofs[0]);
    mse_build_clear(&proofs[1]);
    clear(&m);
}

/* ---- flights ---- */

/* Carries bytes between two sockets, and counts how often the direction turns. */
struct carrier {
    int a; /* the client's end */
    int b;
    unsigned flights;
    pthread_t thread;
};

static void *carry(void *arg)
{
    struct carrier *k = arg;
    struct pollfd p[2] = { { .fd = k->a, .events = POLLIN }, { .fd = k->b, .events = POLLIN } };
    int last = -1;
    uint8_t buf[65536];
    for (;;) {
        (void)poll(p, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (p[i].revents == 0) {
                continue;
            }
            ssize_t n = recv(p[i].fd, buf, sizeof buf, 0);
            if (n <= 0 || send(p[1 - i].fd, buf, (size_t)n, MSG_NOSIGNAL) != n) {
                (void)shutdown(k->a, SHUT_RDWR);
                (void)shutdown(k->b, SHUT_RDWR);
                return NULL;
            }
            k->flights += last != i ? 1 : 0;
            last = i;
        }
    }
}

/* How many flights until the client has its answer. */
static unsigned flights_of(struct meeting *m, bool attested)
{
    int client[2];
    int server[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, server), 0);
    struct carrier k = { .a = client[1], .b = server[0] };
    assert_int_equal(pthread_create(&k.thread, NULL, carry, &k), 0);
    begin_over(m, client[0], server[1]);
    if (attested) {
        assert_status(
            mse_session_connect(&m->out, m->ssl, m->v, LAB_HOST, MSE_SESSION_ALPN_HTTP11, NULL),
            MSE_OK);
    } else {
        assert_int_equal(SSL_set1_host(m->ssl, LAB_HOST), 1);
        assert_int_equal(SSL_connect(m->ssl), 1);
    }
    assert_true(talks(m->ssl));
    end(m);
    (void)pthread_join(k.thread, NULL);
    (void)close(k.a);
    (void)close(k.b);
    return k.flights;
}

static void level_2_costs_one_round_trip_and_one_quote(void **state)
{
    struct meeting m;
    prepare(&m, *state, MSE_SESSION_ALPN_HTTP11);
    unsigned plain = flights_of(&m, false);
    assert_int_equal(plain, 4); /* two round trips: handshake, question and answer */
    assert_int_equal(m.s.tee.quotes, 0);
    assert_int_equal(flights_of(&m, true), plain + 2);
    assert_int_equal(m.s.tee.quotes, 1);
    clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_is_level_2),
        cmocka_unit_test(what_is_refused_is_shut),
        cmocka_unit_test(arguments_are_looked_at),
        cmocka_unit_test(other_handshakes_are_judged),
        cmocka_unit_test(a_broken_handshake_defers_no_other),
        cmocka_unit_test(clients_that_ask_for_nothing),
        cmocka_unit_test(a_long_session_is_judged_again),
        cmocka_unit_test(logs_are_judged),
        cmocka_unit_test(level_2_costs_one_round_trip_and_one_quote),
    };
    return cmocka_run_group_tests(tests, setup, lab_teardown);
}
