/* SPDX-License-Identifier: Apache-2.0 */
/* Attested sessions: every condition of acceptance has a peer that breaks just that one. First the
 * judging alone, then whole TLS sessions between two threads, a relay in between, and peers that
 * cut, replay and reflect. */
#include "lab.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/presented.h"
#include "ratls/profile.h"
#include "ratls/session.h"
#include "unit/package/chain_lab.h"

#define MANIFEST "{\"config_domain_name\":\"config.example.org\",\"san\":\"" LAB_HOST "\"}"

static int setup(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = lab_setup(state);
    lab_evidence(*state, &p);
    lab_cert(*state);
    return rc;
}

/* ---- judging alone ---- */

struct bench {
    struct lab *l;
    struct mse_session_facts facts;
    struct mse_session_words words;
    uint8_t words_nonce[32];
    uint8_t words_exporter[32];
    uint8_t digest[32];
    struct mse_session_ask ask;
    struct mse_session_judge judge;
    struct mse_frame_response response;
    struct mse_build evidence;
    struct mse_verdict verdict;
};

/* Everything in order at this level. */
static void bench_init(struct bench *b, struct lab *l, uint8_t level)
{
    static const char manifest[] = MANIFEST;
    memset(b, 0, sizeof *b);
    b->l = l;
    b->facts.tls13 = true;
    b->facts.alpn = mse_bytes_str(MSE_SESSION_ALPN);
    b->facts.peer_cert = mse_build_view(&l->cert);
    b->ask.role = level == 1 ? MSE_ROLE_SERVER_FRESH : MSE_ROLE_SERVER_SESSION;
    b->ask.level = level;
    memset(b->ask.nonce, 0x11, 32);
    memset(b->ask.exporter, 0x22, 32);
    memcpy(b->words_nonce, b->ask.nonce, 32);
    memcpy(b->words_exporter, b->ask.exporter, 32);
    b->words.role = b->ask.role;
    memcpy(b->words.spki_sha256, l->spki_sha256, 32);
    b->words.nonce = mse_bytes_of(b->words_nonce, 32);
    assert_status(mse_sha256(b->digest, mse_bytes_str(manifest)), MSE_OK);
    b->words.manifest_sha256 = mse_bytes_of(b->digest, 32);
    b->judge = (struct mse_session_judge) {
        .policy = &l->policy, .collateral = &l->bundle.collateral, .at = LAB_NOW, .host = LAB_HOST
    };
    b->response.manifest = mse_bytes_str(manifest);
    if (level == 1) {
        struct mse_nonce nonce;
        memcpy(nonce.bytes, b->ask.nonce, 32);
        b->response.has_audit = true;
        assert_status(mse_nonces_path(&b->response.audit, &nonce, 1, 0), MSE_OK);
        assert_status(mse_nonces_root(b->words_nonce, &nonce, 1), MSE_OK);
    } else {
        b->words.exporter = mse_bytes_of(b->words_exporter, 32);
    }
    mse_build_heap(&b->evidence, MSE_SESSION_EVIDENCE_MAX);
}

static mse_status bench_judge(struct bench *b)
{
    struct mse_ratls_cert c;
    struct mse_error err = { .status = MSE_OK };
    if (b->response.evidence.len == 0) {
        assert_status(mse_session_evidence_make(&b->evidence, &b->words, lab_quote_fn, b->l, NULL),
                      MSE_OK);
        b->response.evidence = mse_build_view(&b->evidence);
    }
    mse_status st =
        mse_session_appraise(&b->verdict, &c, &b->facts, &b->response, &b->ask, &b->judge, &err);
    mse_build_clear(&b->evidence);
    assert_int_equal(st, err.status);
    assert_int_equal(st, b->verdict.status);
    return st;
}

static void in_order(void **state)
{
    struct bench b;
    bench_init(&b, *state, 2);
    assert_status(bench_judge(&b), MSE_OK);
    assert_int_equal(b.verdict.binding_level, 2);
    bench_init(&b, *state, 1);
    assert_status(bench_judge(&b), MSE_OK);
    assert_int_equal(b.verdict.binding_level, 1);
    bench_init(&b, *state, 2);
    b.response.manifest.len = 0; /* nobody goes by one */
    b.words.manifest_sha256.len = 0;
    assert_status(bench_judge(&b), MSE_OK);
}

static void the_level_counts(void **state)
{
    struct lab *l = *state;
    struct bench b;
    for (uint8_t want = 0; want <= 3; want++) {
        l->policy.require_level = want;
        bench_init(&b, l, 2);
        assert_status(bench_judge(&b), want <= 2 ? MSE_OK : MSE_ERR_LEVEL);
        assert_int_equal(b.verdict.binding_level, 2);
        bench_init(&b, l, 1);
        assert_status(bench_judge(&b), want <= 1 ? MSE_OK : MSE_ERR_LEVEL);
    }
    l->policy.require_level = 0;
}

static void a_listed_machine_makes_level_three(void **state)
{
    struct lab *l = *state;
    struct bench b;
    bench_init(&b, l, 2);
    assert_status(bench_judge(&b), MSE_OK);
    l->policy.num_allowed_machines = 1;
    struct mse_machine *m = &l->policy.allowed_machines[0];
    memset(m, 0, sizeof *m);
    m->len = 16;
    memcpy(m->id, b.verdict.pck.platform_instance_id, 16);
    bench_init(&b, l, 2);
    assert_status(bench_judge(&b), MSE_OK);
    assert_int_equal(b.verdict.binding_level, 3);
    bench_init(&b, l, 1);
    assert_status(bench_judge(&b), MSE_OK);
    assert_int_equal(b.verdict.binding_level, 1);
    m->id[0] ^= 1;
    bench_init(&b, l, 2);
    assert_status(bench_judge(&b), MSE_ERR_MACHINE_NOT_ALLOWED);
    assert_int_equal(b.verdict.binding_level, 0);
    l->policy.num_allowed_machines = 0;
}

static void foreign_roles(void **state)
{
    struct bench b;
    for (uint8_t level = 1; level <= 2; level++) {
        for (enum mse_ratls_role r = MSE_ROLE_SERVER_STATIC; r <= MSE_ROLE_APP; r++) {
            bench_init(&b, *state, level);
            b.words.role = r;
            assert_status(bench_judge(&b), r == b.ask.role ? MSE_OK : MSE_ERR_ROLE);
        }
    }
}

static void replayed_nonces(void **state)
{
    struct bench b;
    bench_init(&b, *state, 2);
    b.words_nonce[31] ^= 1;
    assert_status(bench_judge(&b), MSE_ERR_SESSION_NONCE);
    assert_int_equal(b.verdict.binding_level, 0);
    bench_init(&b, *state, 2);
    b.words.nonce.len = 0;
    assert_status(bench_judge(&b), MSE_ERR_SESSION_NONCE);
    bench_init(&b, *state, 1);
    b.words_nonce[0] ^= 1;
    assert_status(bench_judge(&b), MSE_ERR_SESSION_NONCE);
    bench_init(&b, *state, 1);
    memcpy(b.words_nonce, b.ask.nonce, 32); /* the nonce itself is no root */
    assert_status(bench_judge(&b), MSE_ERR_SESSION_NONCE);
    bench_init(&b, *state, 1);
    b.response.has_audit = false;
    assert_status(bench_judge(&b), MSE_ERR_AUDIT_PATH);
    bench_init(&b, *state, 1);
    b.response.audit.num = 1;
    assert_status(bench_judge(&b), MSE_ERR_AUDIT_PATH);
    bench_init(&b, *state, 2);
    b.response.has_audit = true;
    b.response.audit.size = 1;
    assert_status(bench_judge(&b), MSE_ERR_AUDIT_PATH);
}

static void other_exporters(void **state)
{
    struct bench b;
    bench_init(&b, *state, 2);
    b.words_exporter[0] ^= 1;
    assert_status(bench_judge(&b), MSE_ERR_SESSION_EXPORTER);
    bench_init(&b, *state, 2);
    b.words.exporter.len = 0;
    assert_status(bench_judge(&b), MSE_ERR_SESSION_EXPORTER);
}

static void other_keys(void **state)
{
    struct bench b;
    bench_init(&b, *state, 2);
    b.words.spki_sha256[0] ^= 1;
    assert_status(bench_judge(&b), MSE_ERR_BINDING);
    bench_init(&b, *state, 2);
    b.facts.has_own_key = true;
    assert_status(bench_judge(&b), MSE_OK);
    bench_init(&b, *state, 2);
    b.facts.has_own_key = true;
    memcpy(b.facts.own_spki_sha256, b.l->spki_sha256, 32);
    assert_status(bench_judge(&b), MSE_ERR_SESSION_REFLECTED);
    bench_init(&b, *state, 2);
    b.facts.peer_cert.len = 0;
    assert_status(bench_judge(&b), MSE_ERR_MALFORMED);
}

/* A key that the owner holds too counts in a session only, under whatever certificate he has. */
static void owners_keys(void **state)
{
    struct lab *l = *state;
    struct bench b;
    struct chain_lab own;
    uint8_t *der = NULL;
    const struct chain_spec leaf = {
        .cn = "leaf", .san = "DNS:*.example.org", .from = -60, .until = 3600
    };
    bench_init(&b, l, 2);
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    assert_status(bench_judge(&b), MSE_OK);
    assert_int_equal(b.verdict.binding_level, 2);
    bench_init(&b, l, 1);
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    assert_status(bench_judge(&b), MSE_ERR_KEY_ORIGIN);
    assert_int_equal(b.verdict.binding_level, 0);
    bench_init(&b, l, 2);
    b.ask.role = MSE_ROLE_CLIENT_SESSION;
    b.words.role = MSE_ROLE_CLIENT_SESSION;
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    assert_status(bench_judge(&b), MSE_ERR_KEY_ORIGIN);

    /* A certificate that somebody else issued, with a wildcard. */
    chain_lab_init(&own, LAB_HOST);
    X509 *x = chain_lab_cert(&leaf, mse_privkey_evp_borrow(l->key), own.ca, own.ca_key);
    int len = i2d_X509(x, &der);
    assert_true(len > 0);
    bench_init(&b, l, 2);
    b.facts.peer_cert = mse_bytes_of(der, (size_t)len);
    b.judge.at = time(NULL);
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    (void)!bench_judge(&b); /* the collateral is of another time */
    for (size_t i = 0; i < b.verdict.num_checks; i++) {
        enum mse_step step = b.verdict.checks[i].step;
        bool ours = step == MSE_STEP_BINDING || step == MSE_STEP_CERTIFICATE ||
                    step == MSE_STEP_NAME || step == MSE_STEP_SESSION;
        assert_true(!ours || b.verdict.checks[i].status == MSE_OK);
    }
    bench_init(&b, l, 2);
    b.facts.peer_cert = mse_bytes_of(der, (size_t)len);
    assert_status(bench_judge(&b), MSE_ERR_CERTIFICATE_SIGNATURE); /* a key of the enclave's own */
    bench_init(&b, l, 2);
    b.facts.peer_cert = mse_bytes_of(der, (size_t)len);
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    b.judge.host = "app.example.com";
    assert_status(bench_judge(&b), MSE_ERR_CERTIFICATE_NOT_YET_VALID);
    OPENSSL_free(der);
    X509_free(x);
    chain_lab_clear(&own);
}

/* Evidence for a session names the CA as that in the certificate does. */
static void sessions_under_a_ca(void **state)
{
    struct lab *l = *state;
    struct bench b;
    struct mse_bytes ca;
    uint8_t sha256[32];
    lab_cert_r2(l, sha256);
    for (uint8_t level = 1; level <= 2; level++) {
        bench_init(&b, l, level);
        b.words.ca_sha256 = mse_bytes_of(sha256, 32);
        assert_status(bench_judge(&b), MSE_OK);
        bench_init(&b, l, level);
        assert_status(bench_judge(&b), MSE_ERR_CA_NOT_CLAIMED);
        bench_init(&b, l, level);
        b.words.ca_sha256 = mse_bytes_of(sha256, 32);
        assert_true(mse_ratls_split(&b.facts.peer_cert, &ca, mse_build_view(&l->cert)));
        assert_status(bench_judge(&b), MSE_ERR_CA_MISSING);
        bench_init(&b, l, level);
        sha256[0] ^= 1;
        b.words.ca_sha256 = mse_bytes_of(sha256, 32);
        assert_status(bench_judge(&b), MSE_ERR_CA_MISMATCH);
        sha256[0] ^= 1;
    }
    /* nor may a key of the owner's go with it */
    bench_init(&b, l, 2);
    b.words.ca_sha256 = mse_bytes_of(sha256, 32);
    b.words.key_origin = MSE_KEY_ORIGIN_OWNER;
    assert_status(mse_session_evidence_make(&b.evidence, &b.words, lab_quote_fn, l, NULL),
                  MSE_ERR_ARGUMENT);
    mse_build_clear(&b.evidence);
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    lab_evidence(l, &p);
    lab_cert(l);
}

static void other_names_and_manifests(void **state)
{
    struct bench b;
    bench_init(&b, *state, 2);
    b.judge.host = "other.example.org";
    assert_status(bench_judge(&b), MSE_ERR_CERTIFICATE_NAME);
    bench_init(&b, *state, 2);
    b.response.manifest = mse_bytes_str("{\"san\":\"" LAB_HOST "\"}");
    assert_status(bench_judge(&b), MSE_ERR_MANIFEST_MISMATCH);
    bench_init(&b, *state, 2);
    b.judge.manifest = mse_bytes_str("{}"); /* the caller's own wins over what the peer sends */
    assert_status(bench_judge(&b), MSE_ERR_CERTIFICATE_NAME);
    assert_int_equal(mse_verdict_failure(&b.verdict)->step, MSE_STEP_NAME);
    bench_init(&b, *state, 2);
    b.words.manifest_sha256.len = 0;
    assert_status(bench_judge(&b), MSE_ERR_MANIFEST_MISMATCH);
    bench_init(&b, *state, 2);
    b.response.manifest.len = 0; /* measured, asked for, and kept back */
    assert_status(bench_judge(&b), MSE_ERR_MANIFEST_MISMATCH);
    /* a manifest, measured as it should be, that names somebody else, or nobody */
    const char *const others[] = { "{\"san\":\"other.example.org\"}", "{\"name\":\"" LAB_HOST "\"}",
                                   "{\"san\":[\"" LAB_HOST "\"]}", "[]", "x" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        bench_init(&b, *state, 2);
        b.response.manifest = mse_bytes_str(others[i]);
        assert_status(mse_sha256(b.digest, b.response.manifest), MSE_OK);
        assert_status(bench_judge(&b), MSE_ERR_CERTIFICATE_NAME);
    }
}

static void other_claims(void **state)
{
    struct lab *l = *state;
    struct bench b;
    uint8_t report_data[64];
    static const struct {
        const char *claims;
        mse_status want;
    } cases[] = {
        /* an unknown claim of ours; keys in another order; not a map; cut; with something behind */
        { "a16a6d73652d73747261796501", MSE_ERR_CLAIMS_MALFORMED },
        { "a26d6d73652d6578706f72746572400000", MSE_ERR_CLAIMS_MALFORMED },
        { "01", MSE_ERR_CLAIMS_MALFORMED },
        { "a1", MSE_ERR_CLAIMS_MALFORMED },
        { "a000", MSE_ERR_CLAIMS_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t raw[64];
        struct mse_bytes claims = { raw, strlen(cases[i].claims) / 2 };
        assert_true(mse_hex_decode(raw, claims.len, mse_bytes_str(cases[i].claims)));
        bench_init(&b, l, 2);
        assert_status(mse_ratls_report_data(report_data, claims), MSE_OK);
        lab_quote(l, report_data);
        assert_status(mse_ratls_evidence_make(&b.evidence, mse_build_view(&l->quote), claims),
                      MSE_OK);
        b.response.evidence = mse_build_view(&b.evidence);
        assert_status(bench_judge(&b), cases[i].want);
        assert_int_equal(b.verdict.binding_level, 0);
    }
    /* the claims of another quote */
    bench_init(&b, l, 2);
    assert_status(mse_session_evidence_make(&b.evidence, &b.words, lab_quote_fn, l, NULL), MSE_OK);
    b.evidence.data[b.evidence.len - 1] ^= 1; /* in mse-manifest, the last claim */
    b.response.evidence = mse_build_view(&b.evidence);
    assert_status(bench_judge(&b), MSE_ERR_CLAIMS_HASH);
    /* evidence that is none */
    bench_init(&b, l, 2);
    b.response.evidence = mse_bytes_str("x");
    assert_status(bench_judge(&b), MSE_ERR_MALFORMED);
}

static mse_status keep_report_data(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                                   const uint8_t report_data[64], struct mse_error *err)
{
    (void)err;
    assert_true(cap > 0);
    memcpy(arg, report_data, 64);
    *out = 0;
    *out_len = 1;
    return MSE_OK;
}

static void claims_of_the_document(void **state)
{
    (void)state;
    static const char hex[] =
        "a5656e6f6e6365"
        "5820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "686d73652d726f6c65"
        "6e7365727665722d73657373696f6e"
        "6b7075626b65792d68617368"
        "582482015820808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
        "6c6d73652d6578706f72746572"
        "5820404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
        "6c6d73652d6d616e6966657374"
        "5820c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf";
    uint8_t raw[256];
    uint8_t all[256];
    uint8_t report_data[64];
    uint8_t want[32];
    struct mse_build b;
    size_t len = sizeof hex / 2;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    const struct mse_session_words w = {
        .role = MSE_ROLE_SERVER_SESSION,
        .spki_sha256 = { 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
                         0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95,
                         0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f },
        .nonce = { all, 32 },
        .exporter = { all + 0x40, 32 },
        .manifest_sha256 = { all + 0xc0, 32 }
    };
    mse_build_heap(&b, 1024);
    assert_status(mse_session_evidence_make(&b, &w, keep_report_data, report_data, NULL), MSE_OK);
    assert_true(mse_hex_decode(raw, len, mse_bytes_of(hex, 2 * len)));
    assert_true(b.len > len);
    assert_memory_equal(b.data + b.len - len, raw, len); /* the claims end the evidence */
    assert_status(mse_sha256(want, mse_bytes_of(raw, len)), MSE_OK);
    assert_memory_equal(report_data, want, 32);
    assert_memory_equal(report_data, "\x6e\x23\xf2\xb3\x77\xf1\xe4\xcf", 8);
    mse_build_clear(&b);
}

static void facts(void **state)
{
    (void)state;
    struct mse_error err = { .status = MSE_OK };
    struct mse_session_facts f = { .tls13 = true, .alpn = mse_bytes_str(MSE_SESSION_ALPN_H2) };
    assert_status(mse_session_facts_check(&f, NULL, NULL), MSE_OK);
    assert_status(mse_session_facts_check(&f, MSE_SESSION_ALPN_H2, NULL), MSE_OK);
    assert_status(mse_session_facts_check(&f, MSE_SESSION_ALPN, &err), MSE_ERR_SESSION_ALPN);
    const char *const others[] = {
        "", "h2", "mse-attest/", "mse-attest/1+", "mse-attest/2", "MSE-ATTEST/1"
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        f.alpn = mse_bytes_str(others[i]);
        assert_status(mse_session_facts_check(&f, NULL, NULL), MSE_ERR_SESSION_ALPN);
    }
    f.alpn = mse_bytes_str(MSE_SESSION_ALPN);
    f.resumed = true;
    assert_status(mse_session_facts_check(&f, NULL, NULL), MSE_ERR_SESSION_RESUMED);
    f.tls13 = false;
    assert_status(mse_session_facts_check(&f, NULL, NULL), MSE_ERR_SESSION_TLS_VERSION);
}

/* ---- whole sessions ---- */

enum behaviour {
    HONEST,
    MUTUAL,
    RELAY,
    REPLAY, /* sends a frame of an earlier session */
    BUSY,
    OTHER_ERROR,
    TOO_LONG,
    CUT, /* half of an honest answer, then the end */
    NOTHING,
};

struct server {
    struct lab *lab;
    enum behaviour how;
    int fd;
    const char *alpn; /* what it chooses; NULL: none */
    int max_version;
    SSL_CTX *keep; /* for resumption over two connections, or NULL */
    struct mse_session_judge clients;
    mse_status result;
    pthread_t thread;
    uint8_t frame[65536];
    size_t frame_len;
};

static struct mse_session_self self_of(struct lab *l)
{
    struct mse_session_self self = { .quote = lab_quote_fn,
                                     .quote_arg = l,
                                     .manifest = mse_bytes_str(MANIFEST) };
    return self;
}

/* Any certificate will do: it is judged by its evidence. */
static int take_any(int ok, X509_STORE_CTX *x)
{
    (void)ok;
    (void)x;
    return 1;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    const struct server *s = arg;
    (void)ssl;
    (void)in;
    (void)in_len;
    if (s->alpn == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = (const unsigned char *)s->alpn;
    *out_len = (unsigned char)strlen(s->alpn);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(struct server *s, const struct lab *l)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    (void)!mse_ratls_use_certs(ctx, mse_build_view(&l->cert));
    (void)SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(l->key));
    SSL_CTX_set_alpn_select_cb(ctx, choose, s);
    (void)SSL_CTX_set_max_proto_version(ctx, s->max_version);
    (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
    if (s->how == MUTUAL) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
    }
    return ctx;
}

static size_t read_frame(SSL *ssl, uint8_t *buf, size_t cap)
{
    size_t len = 0;
    size_t n = 0;
    size_t want = 4;
    while (len < want && SSL_read_ex(ssl, buf + len, want - len, &n) == 1) {
        len += n;
        if (len == 4 && want == 4) {
            want += (size_t)buf[1] << 16 | (size_t)buf[2] << 8 | buf[3];
            want = want > cap ? cap : want;
        }
    }
    return len;
}

static void *enclave(void *arg);
static SSL *client_ssl(int fd, const char *alpn);

/* Holds the key, but is not the enclave: forwards to the one that is. */
static void relay(struct server *s, SSL *ssl)
{
    int pair[2];
    size_t n = 0;
    struct server *inner = calloc(1, sizeof *inner);
    if (inner == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        free(inner);
        return;
    }
    inner->lab = s->lab;
    inner->how = HONEST;
    inner->alpn = s->alpn;
    inner->max_version = TLS1_3_VERSION;
    inner->fd = pair[1];
    (void)pthread_create(&inner->thread, NULL, enclave, inner);
    SSL *up = client_ssl(pair[0], s->alpn);
    size_t len = read_frame(ssl, s->frame, sizeof s->frame);
    (void)SSL_write_ex(up, s->frame, len, &n);
    len = read_frame(up, s->frame, sizeof s->frame);
    (void)SSL_write_ex(ssl, s->frame, len, &n);
    SSL_free(up);
    (void)close(pair[0]);
    (void)pthread_join(inner->thread, NULL);
    free(inner);
}

static void serve(struct server *s, SSL *ssl)
{
    struct mse_session_server_config c = { .self = self_of(s->lab) };
    const uint8_t too_long[4] = { 0x00, 0x20, 0x00, 0x01 };
    struct mse_frame_response e = { .error = mse_bytes_str("busy"), .retry_ms = 250 };
    struct mse_build b;
    uint8_t request[512];
    size_t n = 0;
    if (s->how == RELAY) {
        relay(s, ssl);
        return;
    }
    if (s->how == HONEST || s->how == MUTUAL) {
        c.clients = s->how == MUTUAL ? &s->clients : NULL;
        s->result = mse_session_server(NULL, ssl, &c, NULL);
        return;
    }
    if (s->how == NOTHING || read_frame(ssl, request, sizeof request) == 0) {
        return;
    }
    mse_build_fixed(&b, s->frame, sizeof s->frame);
    switch (s->how) {
    case REPLAY:
    case CUT:
        (void)SSL_write_ex(ssl, s->frame, s->how == CUT ? s->frame_len / 2 : s->frame_len, &n);
        break;
    case TOO_LONG:
        (void)SSL_write_ex(ssl, too_long, sizeof too_long, &n);
        break;
    case BUSY:
    case OTHER_ERROR:
        e.error = s->how == BUSY ? e.error : mse_bytes_str("failed");
        if (mse_frame_response_write(&b, &e) == MSE_OK) {
            (void)SSL_write_ex(ssl, b.data, b.len, &n);
        }
        break;
    case HONEST:
    case MUTUAL:
    case RELAY:
    case NOTHING:
        break;
    }
}

static void *enclave(void *arg)
{
    struct server *s = arg;
    SSL_CTX *ctx = s->keep != NULL ? s->keep : server_context(s, s->lab);
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, s->fd);
    if (SSL_accept(ssl) == 1) {
        serve(s, ssl);
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    if (s->keep == NULL) {
        SSL_CTX_free(ctx);
    }
    /* What the client still says is taken: a socket closed on it would tell the client of a broken
     * connection instead of an ended one. */
    uint8_t rest[256];
    (void)shutdown(s->fd, SHUT_WR);
    while (read(s->fd, rest, sizeof rest) > 0) {
    }
    (void)close(s->fd);
    return NULL;
}

static SSL *client_ssl(int fd, const char *alpn)
{
    struct mse_build wire;
    uint8_t wire_buf[64];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    mse_build_fixed(&wire, wire_buf, sizeof wire_buf);
    mse_wr_u8(&wire, (uint8_t)strlen(alpn));
    mse_wr_str(&wire, alpn);
    (void)SSL_set_alpn_protos(ssl, wire.data, (unsigned)wire.len);
    (void)SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

/* One session. */
struct meeting {
    struct server s;
    int fd;
    struct mse_session_client_config c;
    struct mse_session *out;
    struct mse_error err;
};

static void meet(struct meeting *m, struct lab *l, enum behaviour how, uint8_t level)
{
    memset(m, 0, sizeof *m);
    m->s.lab = l;
    m->s.how = how;
    m->s.alpn = MSE_SESSION_ALPN;
    m->s.max_version = TLS1_3_VERSION;
    m->c = (struct mse_session_client_config) {
        .judge = { .policy = &l->policy,
                   .collateral = &l->bundle.collateral,
                   .at = LAB_NOW,
                   .host = LAB_HOST },
        .level = level,
    };
    m->s.clients = m->c.judge;
    m->s.clients.host = NULL;
}

static void begin(struct meeting *m)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    m->fd = pair[0];
    m->s.fd = pair[1];
    assert_int_equal(pthread_create(&m->s.thread, NULL, enclave, &m->s), 0);
}

static void end(struct meeting *m)
{
    (void)close(m->fd);
    (void)pthread_join(m->s.thread, NULL);
}

static mse_status talk(struct meeting *m)
{
    begin(m);
    SSL *ssl = client_ssl(m->fd, m->c.alpn == NULL ? MSE_SESSION_ALPN : m->c.alpn);
    assert_non_null(ssl);
    mse_status st = mse_session_client(&m->out, ssl, &m->c, &m->err);
    assert_int_equal(st, m->err.status);
    SSL_free(ssl);
    end(m);
    return st;
}

static void sessions_reach_their_level(void **state)
{
    static struct meeting m;
    for (uint8_t level = 1; level <= 2; level++) {
        meet(&m, *state, HONEST, level);
        if (talk(&m) != MSE_OK) {
            fail_msg("%s", m.err.text);
        }
        assert_status(m.s.result, MSE_OK);
        assert_int_equal(mse_session_verdict(m.out)->binding_level, level);
        assert_bytes(mse_session_manifest(m.out), mse_bytes_str(MANIFEST));
        assert_int_equal(mse_session_collateral(m.out).len, 0);
        assert_true(mse_session_evidence(m.out).len > 0);
        assert_int_equal(mse_session_claims(m.out)->exporter.len, level == 2 ? 32 : 0);
        assert_int_equal(mse_session_retry_ms(m.out), 0);
        mse_session_free(m.out);
    }
}

/* A server knows the CA that it has to name from its own certificate. */
static void servers_under_a_ca_name_it(void **state)
{
    static struct meeting m;
    struct lab *l = *state;
    uint8_t sha256[32];
    lab_cert_r2(l, sha256);
    for (uint8_t level = 1; level <= 2; level++) {
        meet(&m, l, HONEST, level);
        assert_status(talk(&m), MSE_OK);
        assert_bytes(mse_session_claims(m.out)->ca_hash, mse_bytes_of(sha256, 32));
        assert_status(mse_ratls_check_ca(mse_session_cert_borrow(m.out), NULL), MSE_OK);
        mse_session_free(m.out);
    }
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    lab_evidence(l, &p);
    lab_cert(l);
}

static void other_protocols_on_the_same_session(void **state)
{
    static struct meeting m;
    meet(&m, *state, HONEST, 2);
    m.c.alpn = MSE_SESSION_ALPN_HTTP11;
    m.s.alpn = MSE_SESSION_ALPN_HTTP11;
    assert_status(talk(&m), MSE_OK);
    mse_session_free(m.out);
    /* nothing may follow level 1 */
    meet(&m, *state, HONEST, 1);
    m.c.alpn = MSE_SESSION_ALPN_HTTP11;
    m.s.alpn = MSE_SESSION_ALPN_HTTP11;
    assert_status(talk(&m), MSE_ERR_PEER_REFUSED);
    assert_null(m.out);
    assert_status(m.s.result, MSE_ERR_PROTOCOL);
}

/* The attack that level 2 is made for: the TLS key got out, the quotes are genuine. */
static void a_relay_passes_level_one_and_fails_level_two(void **state)
{
    static struct meeting m;
    struct lab *l = *state;
    static struct mse_verdict v;
    assert_status(mse_ratls_appraise(&v, NULL, NULL, mse_build_view(&l->cert), LAB_HOST,
                                     &l->bundle.collateral, &l->policy, LAB_NOW, NULL),
                  MSE_OK); /* level 0: the certificate is the enclave's own */
    meet(&m, l, RELAY, 1);
    assert_status(talk(&m), MSE_OK);
    mse_session_free(m.out);
    meet(&m, l, RELAY, 2);
    assert_status(talk(&m), MSE_ERR_SESSION_EXPORTER);
    assert_false(mse_session_verdict(m.out)->accepted);
    assert_null(mse_session_claims(m.out));
    mse_session_free(m.out);
}

static void downgrades(void **state)
{
    static struct meeting m;
    meet(&m, *state, HONEST, 2);
    m.s.max_version = TLS1_2_VERSION;
    assert_status(talk(&m), MSE_ERR_SESSION_TLS_VERSION);
    assert_null(m.out);
    meet(&m, *state, HONEST, 2);
    m.s.alpn = NULL;
    assert_status(talk(&m), MSE_ERR_SESSION_ALPN);
    meet(&m, *state, HONEST, 2); /* offers the one, means the other */
    m.c.alpn = MSE_SESSION_ALPN_H2;
    begin(&m);
    SSL *ssl = client_ssl(m.fd, MSE_SESSION_ALPN);
    assert_status(mse_session_client(&m.out, ssl, &m.c, NULL), MSE_ERR_SESSION_ALPN);
    SSL_free(ssl);
    end(&m);
}

static void resumed_sessions(void **state)
{
    static struct meeting m;
    SSL_SESSION *ticket = NULL;
    for (int round = 0; round < 2; round++) {
        SSL_CTX *keep = m.s.keep;
        meet(&m, *state, HONEST, 2);
        m.s.keep = round == 0 ? server_context(&m.s, *state) : keep;
        begin(&m);
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = SSL_new(ctx);
        static const unsigned char alpn[] = "\x0cmse-attest/1";
        (void)SSL_set_alpn_protos(ssl, alpn, sizeof alpn - 1);
        (void)SSL_set_fd(ssl, m.fd);
        if (ticket != NULL) {
            (void)SSL_set_session(ssl, ticket);
        }
        assert_int_equal(SSL_connect(ssl), 1);
        mse_status st = mse_session_client(&m.out, ssl, &m.c, NULL);
        assert_status(st, round == 0 ? MSE_OK : MSE_ERR_SESSION_RESUMED);
        mse_session_free(m.out);
        (void)SSL_shutdown(ssl);
        SSL_SESSION_free(ticket);
        ticket = SSL_get1_session(ssl);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        end(&m);
        assert_status(m.s.result, round == 0 ? MSE_OK : MSE_ERR_SESSION_RESUMED);
    }
    SSL_SESSION_free(ticket);
    SSL_CTX_free(m.s.keep);
}

static void replayed_answers(void **state)
{
    static struct meeting m;
    struct lab *l = *state;
    struct bench b;
    bench_init(&b, l, 2); /* genuine, of a session that was */
    assert_status(mse_session_evidence_make(&b.evidence, &b.words, lab_quote_fn, l, NULL), MSE_OK);
    b.response.evidence = mse_build_view(&b.evidence);
    struct mse_build f;
    meet(&m, l, REPLAY, 2);
    mse_build_fixed(&f, m.s.frame, sizeof m.s.frame);
    assert_status(mse_frame_response_write(&f, &b.response), MSE_OK);
    m.s.frame_len = f.len;
    assert_status(talk(&m), MSE_ERR_SESSION_NONCE);
    mse_session_free(m.out);
    m.s.how = CUT;
    m.err.status = MSE_OK;
    assert_status(talk(&m), MSE_ERR_PROTOCOL);
    assert_null(m.out);
    m.s.how = REPLAY;
    m.err.status = MSE_OK;
    m.s.frame[4] = 0xff;
    assert_status(talk(&m), MSE_ERR_FRAME_MALFORMED);
    assert_null(m.out);
    mse_build_clear(&b.evidence);
}

static void peers_that_do_not_answer(void **state)
{
    static struct meeting m;
    meet(&m, *state, BUSY, 2);
    assert_status(talk(&m), MSE_ERR_BUSY);
    assert_null(mse_session_verdict(m.out));
    assert_int_equal(mse_session_retry_ms(m.out), 250);
    mse_session_free(m.out);
    meet(&m, *state, OTHER_ERROR, 2);
    assert_status(talk(&m), MSE_ERR_PEER_REFUSED);
    assert_null(m.out);
    meet(&m, *state, TOO_LONG, 2);
    assert_status(talk(&m), MSE_ERR_FRAME_TOO_LONG);
    meet(&m, *state, NOTHING, 2);
    assert_status(talk(&m), MSE_ERR_PROTOCOL);
    meet(&m, *state, HONEST, 3);
    assert_status(mse_session_client(&m.out, NULL, &m.c, NULL), MSE_ERR_ARGUMENT);
    assert_null(m.out);
}

static void requests_that_make_no_sense(void **state)
{
    static struct meeting m;
    static const struct {
        const char *bytes;
        size_t len;
        mse_status want;
    } cases[] = {
        { "\x00\x00\x00\x01\xa0", 5, MSE_ERR_FRAME_MALFORMED },
        { "\x00\x00\x00\x00", 4, MSE_ERR_FRAME_MALFORMED },
        { "\x00\x00\x01\x01", 4, MSE_ERR_FRAME_TOO_LONG },
        { "GET / HTTP/1.1\r\n", 16, MSE_ERR_FRAME_TOO_LONG },
        { "\x00\x00\x00\x04\xa1\x61\x76\x02", 8, MSE_ERR_FRAME_VERSION },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        size_t n = 0;
        uint8_t answer[256];
        struct mse_frame_response r;
        meet(&m, *state, HONEST, 2);
        begin(&m);
        SSL *ssl = client_ssl(m.fd, MSE_SESSION_ALPN);
        assert_int_equal(SSL_write_ex(ssl, cases[i].bytes, cases[i].len, &n), 1);
        n = read_frame(ssl, answer, sizeof answer);
        assert_true(n > 4);
        assert_status(mse_frame_response_read(&r, mse_bytes_of(answer + 4, n - 4), NULL), MSE_OK);
        assert_bytes(r.error, mse_bytes_str("bad-request"));
        SSL_free(ssl);
        end(&m);
        assert_status(m.s.result, cases[i].want);
    }
}

/* ---- both sides ---- */

static mse_status mutual(struct meeting *m, const struct lab *own, bool with_cert)
{
    begin(m);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (with_cert) {
        const uint8_t *der = own->cert.data;
        X509 *x = d2i_X509(NULL, &der, (long)own->cert.len);
        (void)SSL_CTX_use_certificate(ctx, x);
        (void)SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(own->key));
        X509_free(x);
    }
    SSL *ssl = SSL_new(ctx);
    static const unsigned char alpn[] = "\x0cmse-attest/1";
    (void)SSL_set_alpn_protos(ssl, alpn, sizeof alpn - 1);
    (void)SSL_set_fd(ssl, m->fd);
    assert_int_equal(SSL_connect(ssl), 1);
    mse_status st = mse_session_client(&m->out, ssl, &m->c, &m->err);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    end(m);
    return st;
}

static void both_sides_attest(void **state)
{
    static struct meeting m;
    struct lab *l = *state;
    struct lab *other = NULL;
    assert_int_equal(setup((void **)&other), 0);
    struct mse_session_self self = self_of(other);
    meet(&m, l, MUTUAL, 2);
    m.s.clients.policy = &other->policy;
    m.s.clients.collateral = &other->bundle.collateral;
    m.c.self = &self;
    assert_status(mutual(&m, other, true), MSE_OK);
    assert_status(m.s.result, MSE_OK);
    mse_session_free(m.out);

    /* the client's platform is not one that the server trusts */
    meet(&m, l, MUTUAL, 2);
    m.c.self = &self;
    assert_status(mutual(&m, other, true), MSE_OK);
    assert_status(m.s.result, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    mse_session_free(m.out);

    /* no evidence of its own; no certificate; the server's own key, reflected */
    meet(&m, l, MUTUAL, 2);
    assert_status(mutual(&m, other, true), MSE_ERR_NO_EVIDENCE);
    assert_null(m.out); /* though the server was accepted */
    meet(&m, l, MUTUAL, 2);
    m.c.self = &self;
    assert_status(mutual(&m, other, false), MSE_ERR_PROTOCOL);
    assert_status(m.s.result, MSE_ERR_NO_EVIDENCE);
    meet(&m, l, MUTUAL, 2);
    self = self_of(l);
    m.c.self = &self;
    assert_status(mutual(&m, l, true), MSE_ERR_SESSION_REFLECTED);
    mse_session_free(m.out);
    /* level 1 says nothing of this session, and so nothing to a server that demands more */
    meet(&m, l, MUTUAL, 1);
    m.c.self = &self;
    assert_status(mutual(&m, other, true), MSE_ERR_PEER_REFUSED);
    assert_int_equal(lab_teardown((void **)&other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(the_level_counts),
        cmocka_unit_test(a_listed_machine_makes_level_three),
        cmocka_unit_test(foreign_roles),
        cmocka_unit_test(replayed_nonces),
        cmocka_unit_test(other_exporters),
        cmocka_unit_test(other_keys),
        cmocka_unit_test(owners_keys),
        cmocka_unit_test(sessions_under_a_ca),
        cmocka_unit_test(other_names_and_manifests),
        cmocka_unit_test(other_claims),
        cmocka_unit_test(claims_of_the_document),
        cmocka_unit_test(facts),
        cmocka_unit_test(sessions_reach_their_level),
        cmocka_unit_test(servers_under_a_ca_name_it),
        cmocka_unit_test(other_protocols_on_the_same_session),
        cmocka_unit_test(a_relay_passes_level_one_and_fails_level_two),
        cmocka_unit_test(downgrades),
        cmocka_unit_test(resumed_sessions),
        cmocka_unit_test(replayed_answers),
        cmocka_unit_test(peers_that_do_not_answer),
        cmocka_unit_test(requests_that_make_no_sense),
        cmocka_unit_test(both_sides_attest),
    };
    return cmocka_run_group_tests(tests, setup, lab_teardown);
}
