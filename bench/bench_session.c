/* SPDX-License-Identifier: Apache-2.0 */
/* What level 2 costs: a full TLS 1.3 handshake and an attested session behind it, beside the
 * handshake alone; the CPU time of either side, each on a thread of its own, over a socket pair.
 * usage: bench_session DIR (empty; a simulated platform is made there) */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include <mse/session.h>

#include "base/bytes.h"
#include "sim/platform.h"

#define PAIRS      30
#define PER_SAMPLE 20
#define HOST       "app.example.org"

struct world {
    struct mse_sim_platform *platform;
    struct mse_bundle bundle;
    struct mse_policy policy;
    mse_time now;
    SSL_CTX *server;
    SSL_CTX *client;
};

/* One sample: so many connections, attested or not. */
struct sample {
    struct world *w;
    bool attested;
    int fds[PER_SAMPLE]; /* the server's ends */
    double server_seconds;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        bench_die("failed", what);
    }
}

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    const struct world *w = arg;
    struct mse_sim_report r = { .mr_enclave = { 1 },
                                .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT };
    struct mse_build b;
    memcpy(r.report_data, report_data, 64);
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_sim_mrsigner(w->platform, r.mr_signer);
    st = st == MSE_OK ? mse_sim_quote(w->platform, &b, &r, err) : st;
    *out_len = b.len;
    return st;
}

static SSL *handshake(SSL_CTX *ctx, int fd, bool server)
{
    static const unsigned char alpn[] = "\x0cmse-attest/1";
    SSL *ssl = SSL_new(ctx);
    must(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_new");
    if (!server) {
        must(SSL_set_alpn_protos(ssl, alpn, sizeof alpn - 1) == 0, "ALPN");
    }
    must((server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1, "handshake");
    return ssl;
}

/* Both ends go together: the server reads until the client is through. */
static void *serve(void *arg)
{
    struct sample *s = arg;
    double begin = bench_cpu_seconds();
    const struct mse_session_server_config c = { .self = { .quote = quote, .quote_arg = s->w } };
    for (size_t i = 0; i < PER_SAMPLE; i++) {
        char byte = 0;
        size_t n = 0;
        SSL *ssl = handshake(s->w->server, s->fds[i], true);
        must(!s->attested || mse_session_server(NULL, ssl, &c, NULL) == MSE_OK, "server");
        (void)SSL_read_ex(ssl, &byte, 1, &n);
        SSL_free(ssl);
        (void)close(s->fds[i]);
    }
    s->server_seconds = bench_cpu_seconds() - begin;
    return NULL;
}

static void attest(const struct world *w, SSL *ssl)
{
    struct mse_session *out = NULL;
    const struct mse_session_client_config c = {
        .judge = { .policy = &w->policy,
                   .collateral = &w->bundle.collateral,
                   .at = w->now,
                   .host = HOST },
        .level = 2,
    };
    must(mse_session_client(&out, ssl, &c, NULL) == MSE_OK, "client");
    mse_session_free(out);
}

/* *client, *server: microseconds of CPU for each connection. Returns seconds in all, on the wall.
 */
static double take(struct world *w, bool attested, double *client, double *server)
{
    struct sample s = { .w = w, .attested = attested };
    struct timespec from;
    struct timespec to;
    int ours[PER_SAMPLE];
    pthread_t thread;
    for (size_t i = 0; i < PER_SAMPLE; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
        ours[i] = pair[0];
        s.fds[i] = pair[1];
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    must(pthread_create(&thread, NULL, serve, &s) == 0, "thread");
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < PER_SAMPLE; i++) {
        SSL *ssl = handshake(w->client, ours[i], false);
        if (attested) {
            attest(w, ssl);
        }
        (void)SSL_shutdown(ssl);
        SSL_free(ssl);
        (void)close(ours[i]);
    }
    *client = (bench_cpu_seconds() - begin) * 1e6 / PER_SAMPLE;
    (void)pthread_join(thread, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    *server = s.server_seconds * 1e6 / PER_SAMPLE;
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
}

static double time_quote(struct world *w)
{
    uint8_t buf[65536];
    uint8_t report_data[64] = { 0 };
    size_t len = 0;
    double begin = bench_cpu_seconds();
    for (int i = 0; i < PER_SAMPLE; i++) {
        must(quote(w, buf, sizeof buf, &len, report_data, NULL) == MSE_OK, "quote");
    }
    return (bench_cpu_seconds() - begin) * 1e6 / PER_SAMPLE;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    (void)in_len;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void make_contexts(struct world *w)
{
    struct mse_ratls_identity *id = NULL;
    const struct mse_ratls_identity_params p = { .quote = quote,
                                                 .quote_arg = w,
                                                 .name = HOST,
                                                 .not_before = w->now - 60,
                                                 .not_after = w->now + 3600 };
    w->server = SSL_CTX_new(TLS_server_method());
    w->client = SSL_CTX_new(TLS_client_method());
    must(w->server != NULL && w->client != NULL, "SSL_CTX_new");
    must(mse_ratls_identity_new(&id, &p, NULL) == MSE_OK, "identity");
    must(mse_ratls_ctx_use(w->server, id, NULL) == MSE_OK, "use");
    mse_ratls_identity_free(id);
    SSL_CTX_set_alpn_select_cb(w->server, choose, NULL);
}

static void make_world(struct world *w, const char *dir)
{
    char path[512];
    w->now = time(NULL);
    const struct mse_sim_options o = { .now = w->now };
    (void)snprintf(path, sizeof path, "%s/session", dir);
    must(mse_sim_init(path, &o, NULL) == MSE_OK, path);
    must(mse_sim_load(&w->platform, path, NULL) == MSE_OK, path);
    (void)snprintf(path, sizeof path, "%s/session/collateral.json", dir);
    struct mse_bytes json = bench_read_file(path);
    uint8_t *scratch = bench_alloc(2 * json.len);
    must(mse_bundle_parse(&w->bundle, scratch, 2 * json.len, json, NULL) == MSE_OK, path);
    (void)snprintf(path, sizeof path, "%s/session/root.pem", dir);
    struct mse_bytes root = bench_read_file(path);
    mse_policy_default(&w->policy);
    w->policy.allow_simulation = true;
    w->policy.insecure_any_app = true;
    must(mse_simulation_root_of_pem(w->policy.simulation_root, root, NULL) == MSE_OK, path);
    bench_free(root);
    make_contexts(w); /* json and scratch stay: the collateral lies in them */
}

int main(int argc, char **argv)
{
    static struct world w;
    static struct bench_series client[2];
    static struct bench_series server[2];
    char extra[160];
    double quote_us = 0;
    double wall[2] = { 0, 0 };
    if (argc != 2) {
        bench_die("usage", "bench_session DIR");
    }
    make_world(&w, argv[1]);
    for (int i = 0; i < PAIRS; i++) {
        for (int plain = 0; plain < 2; plain++) {
            double c = 0;
            double s = 0;
            wall[plain] += take(&w, plain == 0, &c, &s);
            bench_add(&client[plain], c);
            bench_add(&server[plain], s);
        }
        quote_us += time_quote(&w) / PAIRS;
    }
    (void)snprintf(extra, sizeof extra, ",\"quote_us\":%.6g,\"rate\":%.6g,\"floor_rate\":%.6g",
                   quote_us, PAIRS * PER_SAMPLE / wall[0], PAIRS * PER_SAMPLE / wall[1]);
    const struct bench_figure f[] = {
        { "session_server", "us", "full TLS 1.3 handshake and level-2 evidence, the server's side",
          "the handshake alone", extra },
        { "session_client", "us", "full TLS 1.3 handshake and appraisal of level-2 evidence",
          "the handshake alone", extra },
    };
    (void)bench_report(&f[0], &server[0], &server[1]);
    (void)bench_report(&f[1], &client[0], &client[1]);
    return 0;
}
