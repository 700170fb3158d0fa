/* SPDX-License-Identifier: Apache-2.0 */
/* Connections whose peer must be attested: each side is a context of this process, the bytes go
 * from one to the other in memory. */
#include "lab.h"

#include <openssl/ssl.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "ratls/oids.h"

/* What the simulated TEE of one side is like, and what its quotes cost. */
struct tee {
    struct lab *lab;
    bool debug;
    mse_status fail;
    size_t len; /* not 0: claim that many bytes */
    unsigned calls;
};

/* One side of a connection. */
struct side {
    SSL_CTX *ctx;
    SSL *ssl;
    struct mse_ratls_verifier *v;
    struct mse_ratls_identity *id;
};

struct pair {
    struct lab *lab;
    struct mse_policy policy; /* of the side that verifies */
    mse_time now;
    struct side client;
    struct side server;
    int client_rc;
    int server_rc;
    long client_result; /* of SSL_get_verify_result */
};

static mse_time now_of_test(void *arg)
{
    const struct pair *p = arg;
    return p->now;
}

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    struct tee *t = arg;
    struct mse_sim_report r = { .mr_enclave = { 1, 2, 3 },
                                .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT };
    struct mse_build b;
    t->calls++;
    if (t->fail != MSE_OK) {
        return t->fail;
    }
    r.attr_flags |= t->debug ? MSE_SGX_FLAG_DEBUG : 0;
    memcpy(r.report_data, report_data, 64);
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_sim_quote(t->lab->platform, &b, &r, err);
    *out_len = t->len == 0 ? b.len : t->len;
    return st;
}

static struct mse_ratls_identity_params params_of(struct tee *t)
{
    const struct mse_ratls_identity_params p = {
        .quote = quote,
        .quote_arg = t,
        .name = LAB_HOST,
        .not_before = LAB_NOW - 3600,
        .not_after = LAB_NOW + 30 * LAB_DAY,
    };
    return p;
}

/* ---- two sides ---- */

static void pair_init(struct pair *p, struct lab *l)
{
    memset(p, 0, sizeof *p);
    p->lab = l;
    p->policy = l->policy;
    p->now = LAB_NOW;
    p->client.ctx = SSL_CTX_new(TLS_client_method());
    p->server.ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(p->client.ctx);
    assert_non_null(p->server.ctx);
}

static void side_clear(struct side *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
    mse_ratls_verifier_free(s->v);
    mse_ratls_identity_free(s->id);
}

static void pair_clear(struct pair *p)
{
    side_clear(&p->client);
    side_clear(&p->server);
}

static void attest(struct pair *p, struct side *s, bool debug)
{
    struct tee t = { .lab = p->lab, .debug = debug };
    const struct mse_ratls_identity_params params = params_of(&t);
    assert_status(mse_ratls_identity_new(&s->id, &params, NULL), MSE_OK);
    assert_status(mse_ratls_ctx_use(s->ctx, s->id, NULL), MSE_OK);
}

static void demand(struct pair *p, struct side *s, bool any_name)
{
    const struct mse_ratls_verifier_params params = {
        .policy = &p->policy,
        .collateral = &p->lab->bundle.collateral,
        .now = now_of_test,
        .now_arg = p,
        .insecure_any_name = any_name,
    };
    assert_status(mse_ratls_verifier_new(&s->v, &params, NULL), MSE_OK);
    assert_status(mse_ratls_ctx_verify(s->ctx, s->v, NULL), MSE_OK);
}

/* An attested server; who demands evidence is one side of the pair. */
static void pair_demanding(struct pair *p, struct lab *l, struct side *who)
{
    pair_init(p, l);
    attest(p, &p->server, false);
    demand(p, who, false);
}

/* A certificate made by hand, without evidence. */
static void use_plain(struct pair *p, struct side *s)
{
    static const uint8_t no_authority[] = { 0x30, 0 };
    const struct lab_ext basic = { .oid = MSE_OID(mse_oid_basic_constraints),
                                   .value = { no_authority, sizeof no_authority } };
    lab_forge(p->lab, &basic, 1);
    const struct mse_build *cert = &p->lab->cert;
    assert_int_equal(SSL_CTX_use_certificate_ASN1(s->ctx, (int)cert->len, cert->data), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, mse_privkey_evp_borrow(p->lab->key)), 1);
}

/* Both handshakes, step by step; then the client reads, as TLS 1.3 tells it only then of a
 * refusal. */
static void meet(struct pair *p, const char *host)
{
    BIO *a = NULL;
    BIO *b = NULL;
    char byte = 0;
    p->client.ssl = SSL_new(p->client.ctx);
    p->server.ssl = SSL_new(p->server.ctx);
    assert_int_equal(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
    SSL_set_bio(p->client.ssl, a, a);
    SSL_set_bio(p->server.ssl, b, b);
    if (host != NULL) {
        assert_int_equal(SSL_set1_host(p->client.ssl, host), 1);
    }
    for (int i = 0; i < 8; i++) {
        p->client_rc = SSL_connect(p->client.ssl);
        p->server_rc = SSL_accept(p->server.ssl);
    }
    if (p->client_rc == 1 && p->server_rc == 1) {
        assert_int_equal(SSL_write(p->server.ssl, "x", 1), 1);
        assert_int_equal(SSL_read(p->client.ssl, &byte, 1), 1);
    }
    p->client_result = SSL_get_verify_result(p->client.ssl);
}

static const struct mse_ratls_peer *seen_by_client(const struct pair *p)
{
    return mse_ratls_ssl_peer(p->client.v, p->client.ssl);
}

static void assert_refused_by_client(const struct pair *p, mse_status want, const char *text)
{
    const struct mse_ratls_peer *peer = seen_by_client(p);
    assert_int_equal(p->client_rc, -1);
    assert_int_not_equal(p->server_rc, 1);
    assert_int_equal(p->client_result, X509_V_ERR_APPLICATION_VERIFICATION);
    assert_non_null(peer);
    assert_status(peer->status, want);
    assert_status(peer->verdict.status, want);
    assert_false(peer->verdict.accepted);
    if (text != NULL && strstr(peer->error.text, text) == NULL) {
        fail_msg("%s: wanted %s", peer->error.text, text);
    }
}

/* ---- clients that accept only attested servers ---- */

static void an_attested_server_is_accepted(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.client);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, 1);
    assert_int_equal(p.server_rc, 1);
    assert_int_equal(p.client_result, X509_V_OK);
    const struct mse_ratls_peer *peer = seen_by_client(&p);
    assert_non_null(peer);
    assert_status(peer->status, MSE_OK);
    assert_status(peer->error.status, MSE_OK);
    assert_true(peer->has_cert && peer->verdict.accepted && peer->verdict.simulated);
    assert_int_equal(peer->binding, MSE_BINDING_CLAIMS);
    assert_int_equal(peer->verdict.binding_level, 0);
    assert_bytes(peer->cert.der, mse_ratls_identity_cert(p.server.id));
    assert_string_equal(SSL_get_version(p.client.ssl), "TLSv1.3");
    pair_clear(&p);
}

static void each_refusal_has_its_status(void **state)
{
    static const struct {
        const char *host;
        mse_time now;
        const char *text;
        mse_status want;
        bool debug;
        bool other_enclave;
        bool strict; /* nothing simulated */
        uint8_t level;
    } cases[] = {
        { LAB_HOST, LAB_NOW, "DEBUG", MSE_ERR_DEBUG, .debug = true },
        { LAB_HOST, LAB_NOW, "010203", MSE_ERR_MRENCLAVE_MISMATCH, .other_enclave = true },
        { LAB_HOST, LAB_NOW, "level", MSE_ERR_LEVEL, .level = 1 },
        { LAB_HOST, LAB_NOW, "simul", MSE_ERR_SIMULATION, .strict = true },
        { LAB_HOST, LAB_NOW + 31 * LAB_DAY, NULL, MSE_ERR_PCK_CRL_EXPIRED, .level = 0 },
        { "other.example.org", LAB_NOW, "name", MSE_ERR_CERTIFICATE_NAME, .level = 0 },
        { "192.0.2.1", LAB_NOW, "192.0.2.1", MSE_ERR_CERTIFICATE_NAME, .level = 0 },
        { NULL, LAB_NOW, "SSL_set1_host", MSE_ERR_CERTIFICATE_NAME, .level = 0 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct pair p;
        pair_init(&p, *state);
        if (cases[i].other_enclave) {
            p.policy.num_references = 1;
            p.policy.references[0].has_mr_enclave = true;
        }
        p.policy.require_level = cases[i].level;
        p.policy.allow_simulation = !cases[i].strict;
        p.now = cases[i].now;
        attest(&p, &p.server, cases[i].debug);
        demand(&p, &p.client, false);
        meet(&p, cases[i].host);
        assert_refused_by_client(&p, cases[i].want, cases[i].text);
        pair_clear(&p);
    }
}

static void a_plain_certificate_is_refused(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    use_plain(&p, &p.server);
    demand(&p, &p.client, false);
    meet(&p, LAB_HOST);
    assert_refused_by_client(&p, MSE_ERR_NO_EVIDENCE, NULL);
    assert_false(seen_by_client(&p)->has_cert);
    pair_clear(&p);
}

static void a_certificate_of_another_time_is_refused(void **state)
{
    static const struct {
        mse_time from;
        mse_time until;
        mse_status want;
    } cases[] = {
        { LAB_NOW - LAB_DAY, LAB_NOW - 1, MSE_ERR_CERTIFICATE_EXPIRED },
        { LAB_NOW + 1, LAB_NOW + LAB_DAY, MSE_ERR_CERTIFICATE_NOT_YET_VALID },
    };
    for (size_t i = 0; i < 2 * MSE_ARRAY_LEN(cases); i++) {
        struct pair p;
        pair_init(&p, *state);
        struct tee t = { .lab = *state };
        struct mse_ratls_identity_params params = params_of(&t);
        params.not_before = cases[i / 2].from;
        params.not_after = cases[i / 2].until;
        assert_status(mse_ratls_identity_new(&p.server.id, &params, NULL), MSE_OK);
        assert_status(mse_ratls_ctx_use(p.server.ctx, p.server.id, NULL), MSE_OK);
        demand(&p, &p.client, i % 2 == 1); /* whether or not a name is judged */
        meet(&p, i % 2 == 1 ? NULL : LAB_HOST);
        assert_refused_by_client(&p, cases[i / 2].want, "valid");
        pair_clear(&p);
    }
}

static void any_name_is_for_those_who_say_so(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    attest(&p, &p.server, false);
    demand(&p, &p.client, true);
    meet(&p, NULL);
    assert_int_equal(p.client_rc, 1);
    pair_clear(&p);
    /* a name that was given is judged all the same */
    pair_init(&p, *state);
    attest(&p, &p.server, false);
    demand(&p, &p.client, true);
    meet(&p, "other.example.org");
    assert_refused_by_client(&p, MSE_ERR_CERTIFICATE_NAME, "other.example.org");
    pair_clear(&p);
}

static void several_names_are_refused(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.client);
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(p.client.ctx);
    assert_int_equal(X509_VERIFY_PARAM_set1_host(param, LAB_HOST, 0), 1);
    assert_int_equal(X509_VERIFY_PARAM_add1_host(param, "other.example.org", 0), 1);
    meet(&p, NULL);
    assert_refused_by_client(&p, MSE_ERR_CERTIFICATE_NAME, "several");
    pair_clear(&p);
}

static void a_zeroed_policy_accepts_nothing(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    memset(&p.policy, 0, sizeof p.policy);
    attest(&p, &p.server, false);
    demand(&p, &p.client, false);
    meet(&p, LAB_HOST);
    assert_refused_by_client(&p, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED, NULL);
    pair_clear(&p);
}

static void tls_1_2_is_no_way_round(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    use_plain(&p, &p.server);
    assert_int_equal(SSL_CTX_set_max_proto_version(p.server.ctx, TLS1_2_VERSION), 1);
    demand(&p, &p.client, false);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, -1);
    assert_null(seen_by_client(&p)); /* nobody was judged, which is no acceptance */
    pair_clear(&p);
}

/* ---- certificates with a CA ---- */

static void attest_r2(struct pair *p, struct side *s)
{
    struct tee t = { .lab = p->lab };
    struct mse_ratls_identity_params params = params_of(&t);
    params.ca = true;
    assert_status(mse_ratls_identity_new(&s->id, &params, NULL), MSE_OK);
    assert_status(mse_ratls_ctx_use(s->ctx, s->id, NULL), MSE_OK);
}

static void both_sides_may_have_a_ca(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    attest_r2(&p, &p.server);
    attest_r2(&p, &p.client);
    demand(&p, &p.client, false);
    demand(&p, &p.server, false);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, 1);
    assert_int_equal(p.server_rc, 1);
    const struct mse_ratls_peer *of_client = mse_ratls_ssl_peer(p.server.v, p.server.ssl);
    const struct mse_ratls_peer *of_server = seen_by_client(&p);
    struct mse_bytes cert = mse_ratls_identity_cert(p.server.id);
    assert_int_equal(of_server->cert.der.len + of_server->cert.ca.len, cert.len);
    assert_status(mse_ratls_check_ca(&of_server->cert, NULL), MSE_OK);
    assert_status(mse_ratls_check_ca(&of_client->cert, NULL), MSE_OK);
    pair_clear(&p);
}

/* What comes along in the CA's place; NULL: nothing. again: twice. */
static void refused_with(struct lab *l, struct mse_ratls_identity *other, bool again,
                         mse_status want)
{
    struct pair p;
    struct mse_ratls_cert c;
    pair_init(&p, l);
    attest_r2(&p, &p.server);
    demand(&p, &p.client, false);
    assert_int_equal(SSL_CTX_clear_chain_certs(p.server.ctx), 1);
    if (other != NULL) {
        assert_status(mse_ratls_read(&c, mse_ratls_identity_cert(other), NULL), MSE_OK);
        const unsigned char *der = c.ca.data;
        X509 *x = d2i_X509(NULL, &der, (long)c.ca.len);
        assert_int_equal(SSL_CTX_add1_chain_cert(p.server.ctx, x), 1);
        assert_true(!again || SSL_CTX_add1_chain_cert(p.server.ctx, x) == 1);
        X509_free(x);
    }
    meet(&p, LAB_HOST);
    assert_refused_by_client(&p, want, NULL);
    pair_clear(&p);
}

static void another_ca_or_none_is_refused(void **state)
{
    struct pair other;
    pair_init(&other, *state);
    attest_r2(&other, &other.server);
    refused_with(*state, NULL, false, MSE_ERR_CA_MISSING);
    refused_with(*state, other.server.id, false, MSE_ERR_CA_MISMATCH);
    refused_with(*state, other.server.id, true, MSE_ERR_CA_MISSING);
    pair_clear(&other);
}

static void an_address_has_no_ca(void **state)
{
    struct tee t = { .lab = *state };
    struct mse_ratls_identity *id = NULL;
    struct mse_ratls_identity_params p = params_of(&t);
    p.ca = true;
    p.name = "127.0.0.1";
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_ARGUMENT);
    assert_null(id);
}

/* ---- servers that demand attested clients ---- */

static void an_attested_client_is_accepted(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    attest(&p, &p.server, false);
    attest(&p, &p.client, false);
    demand(&p, &p.client, false);
    demand(&p, &p.server, false);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, 1);
    assert_int_equal(p.server_rc, 1);
    const struct mse_ratls_peer *peer = mse_ratls_ssl_peer(p.server.v, p.server.ssl);
    assert_non_null(peer);
    assert_status(peer->status, MSE_OK);
    assert_bytes(peer->cert.der, mse_ratls_identity_cert(p.client.id));
    /* The verifier of the other side judged nobody here. */
    assert_null(mse_ratls_ssl_peer(p.client.v, p.server.ssl));
    /* No session is left behind that would come without a certificate. */
    assert_int_equal(SSL_CTX_sess_number(p.server.ctx), 0);
    assert_int_equal(SSL_SESSION_is_resumable(SSL_get0_session(p.client.ssl)), 0);
    pair_clear(&p);
}

static void a_client_without_a_certificate_is_refused(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.server);
    meet(&p, NULL);
    assert_int_equal(p.server_rc, -1);
    assert_null(mse_ratls_ssl_peer(p.server.v, p.server.ssl));
    pair_clear(&p);
}

static void assert_refused_by_server(const struct pair *p, mse_status want)
{
    const struct mse_ratls_peer *peer = mse_ratls_ssl_peer(p->server.v, p->server.ssl);
    assert_int_equal(p->server_rc, -1);
    assert_non_null(peer);
    assert_status(peer->status, want);
}

static void other_clients_are_refused(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.server);
    use_plain(&p, &p.client);
    meet(&p, NULL);
    assert_refused_by_server(&p, MSE_ERR_NO_EVIDENCE);
    pair_clear(&p);

    pair_demanding(&p, *state, &p.server);
    attest(&p, &p.client, true);
    meet(&p, NULL);
    assert_refused_by_server(&p, MSE_ERR_DEBUG);
    pair_clear(&p);
}

/* A client that holds our certificate and no TEE could only send our own evidence back; it cannot
 * sign with our key, but nothing should depend on that alone. */
static void our_own_key_is_refused(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.server);
    assert_status(mse_ratls_ctx_use(p.client.ctx, p.server.id, NULL), MSE_OK);
    meet(&p, NULL);
    assert_refused_by_server(&p, MSE_ERR_SESSION_REFLECTED);
    pair_clear(&p);
}

/* ---- the objects ---- */

static void new_rules_hold_for_new_connections(void **state)
{
    struct pair p;
    pair_demanding(&p, *state, &p.client);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, 1);
    p.policy.num_references = 1;
    p.policy.references[0].has_mr_enclave = true;
    assert_status(mse_ratls_verifier_update(p.client.v, &p.policy, &p.lab->bundle.collateral, NULL),
                  MSE_OK);
    assert_status(seen_by_client(&p)->status, MSE_OK); /* of the connection that stands */
    SSL_free(p.client.ssl);
    SSL_free(p.server.ssl);
    meet(&p, LAB_HOST);
    assert_refused_by_client(&p, MSE_ERR_MRENCLAVE_MISMATCH, NULL);
    /* An object that begins anew has judged nobody; nor has a copy, which frees nothing of ours. */
    assert_int_equal(SSL_clear(p.client.ssl), 1);
    assert_null(seen_by_client(&p));
    SSL *copy = SSL_dup(p.client.ssl);
    assert_non_null(copy);
    assert_null(mse_ratls_ssl_peer(p.client.v, copy));
    SSL_free(copy);
    pair_clear(&p);
}

static void collateral_is_copied(void **state)
{
    struct pair p;
    struct lab *l = *state;
    pair_init(&p, l);
    attest(&p, &p.server, false);
    uint8_t *copy = malloc(l->json.len);
    uint8_t *scratch = malloc(2 * l->json.len);
    assert_non_null(copy);
    assert_non_null(scratch);
    memcpy(copy, l->json.data, l->json.len);
    struct mse_bytes json = { copy, l->json.len };
    struct mse_bundle bundle;
    assert_status(mse_bundle_parse(&bundle, scratch, 2 * json.len, json, NULL), MSE_OK);
    const struct mse_ratls_verifier_params params = {
        .policy = &p.policy,
        .collateral = &bundle.collateral,
        .now = now_of_test,
        .now_arg = &p,
    };
    assert_status(mse_ratls_verifier_new(&p.client.v, &params, NULL), MSE_OK);
    memset(scratch, 0, 2 * json.len);
    free(scratch);
    free(copy);
    assert_status(mse_ratls_ctx_verify(p.client.ctx, p.client.v, NULL), MSE_OK);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, 1);
    pair_clear(&p);
}

static void the_clock_of_the_system_serves_too(void **state)
{
    struct pair p;
    struct lab *l = *state;
    pair_init(&p, l);
    attest(&p, &p.server, false);
    const struct mse_ratls_verifier_params params = { .policy = &p.policy,
                                                      .collateral = &l->bundle.collateral };
    assert_status(mse_ratls_verifier_new(&p.client.v, &params, NULL), MSE_OK);
    assert_status(mse_ratls_ctx_verify(p.client.ctx, p.client.v, NULL), MSE_OK);
    meet(&p, LAB_HOST);
    assert_int_equal(p.client_rc, -1); /* the lab's time is long past */
    assert_true(seen_by_client(&p)->status != MSE_OK);
    pair_clear(&p);
}

static void identities_that_cannot_be_made(void **state)
{
    struct tee t = { .lab = *state };
    struct mse_ratls_identity *id = NULL;
    struct mse_error err = { .status = MSE_OK };
    struct mse_ratls_identity_params p = params_of(&t);
    p.name = "*.example.org";
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_ARGUMENT);
    p = params_of(&t);
    p.not_after = p.not_before - 1;
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_ARGUMENT);
    p = params_of(&t);
    p.manifest = mse_bytes_str("not a digest");
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_ARGUMENT);
    p = params_of(&t);
    t.fail = MSE_ERR_IO;
    assert_status(mse_ratls_identity_new(&id, &p, &err), MSE_ERR_IO);
    assert_true(err.text[0] != '\0');
    t.fail = MSE_OK;
    t.len = 100000; /* more than there is room for */
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_PROTOCOL);
    t.len = 16384; /* fits, but into no certificate */
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_ERR_NO_SPACE);
    assert_null(id);
    mse_ratls_identity_free(NULL);
    mse_ratls_verifier_free(NULL);
}

static void the_older_extension_stands_beside(void **state)
{
    struct tee t = { .lab = *state };
    struct mse_ratls_identity *id = NULL;
    struct mse_ratls_cert c;
    struct mse_ratls_identity_params p = params_of(&t);
    static const uint8_t digest[32] = { 7 };
    p.legacy_extension = true;
    p.manifest = mse_bytes_of(digest, sizeof digest);
    assert_status(mse_ratls_identity_new(&id, &p, NULL), MSE_OK);
    assert_int_equal(t.calls, 2);
    assert_status(mse_ratls_read(&c, mse_ratls_identity_cert(id), NULL), MSE_OK);
    assert_true(c.also_legacy);
    assert_bytes(c.claims.manifest, p.manifest);
    assert_status(mse_ratls_read_legacy(&c, mse_ratls_identity_cert(id), NULL), MSE_OK);
    mse_ratls_identity_free(id);
}

/* One verifier and one context for many threads, whose rules change meanwhile. */
static void *many(void *arg)
{
    struct pair mine = *(const struct pair *)arg;
    uintptr_t accepted = 0;
    for (int i = 0; i < 20; i++) {
        meet(&mine, LAB_HOST);
        const struct mse_ratls_peer *peer = seen_by_client(&mine);
        bool ok = mine.client_rc == 1 && peer != NULL && peer->status == MSE_OK;
        bool refused =
            mine.client_rc == -1 && peer != NULL && peer->status == MSE_ERR_MRENCLAVE_MISMATCH;
        accepted += ok || refused;
        SSL_free(mine.client.ssl);
        SSL_free(mine.server.ssl);
    }
    return (void *)accepted;
}

static void threads_share_a_verifier(void **state)
{
    struct pair p;
    pthread_t threads[2];
    pair_demanding(&p, *state, &p.client);
    for (size_t i = 0; i < MSE_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many, &p), 0);
    }
    struct mse_policy other = p.policy;
    other.num_references = 1;
    other.references[0].has_mr_enclave = true;
    for (int i = 0; i < 200; i++) {
        assert_status(mse_ratls_verifier_update(p.client.v, i % 2 == 0 ? &other : &p.policy,
                                                &p.lab->bundle.collateral, NULL),
                      MSE_OK);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(threads); i++) {
        void *accepted = NULL;
        assert_int_equal(pthread_join(threads[i], &accepted), 0);
        assert_int_equal((uintptr_t)accepted, 20);
    }
    pair_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attested_server_is_accepted),
        cmocka_unit_test(each_refusal_has_its_status),
        cmocka_unit_test(a_plain_certificate_is_refused),
        cmocka_unit_test(a_certificate_of_another_time_is_refused),
        cmocka_unit_test(any_name_is_for_those_who_say_so),
        cmocka_unit_test(several_names_are_refused),
        cmocka_unit_test(a_zeroed_policy_accepts_nothing),
        cmocka_unit_test(tls_1_2_is_no_way_round),
        cmocka_unit_test(both_sides_may_have_a_ca),
        cmocka_unit_test(another_ca_or_none_is_refused),
        cmocka_unit_test(an_address_has_no_ca),
        cmocka_unit_test(an_attested_client_is_accepted),
        cmocka_unit_test(a_client_without_a_certificate_is_refused),
        cmocka_unit_test(other_clients_are_refused),
        cmocka_unit_test(our_own_key_is_refused),
        cmocka_unit_test(new_rules_hold_for_new_connections),
        cmocka_unit_test(collateral_is_copied),
        cmocka_unit_test(the_clock_of_the_system_serves_too),
        cmocka_unit_test(identities_that_cannot_be_made),
        cmocka_unit_test(the_older_extension_stands_beside),
        cmocka_unit_test(threads_share_a_verifier),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
