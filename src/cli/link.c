/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h. Whoever offers an attested session and then fails in it is refused: there is no way
 * back to level 0. */
#include "cli/link.h"

#include <poll.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "ratls/session.h"

#define LEAST_WAIT_MS 50U

/* Ours first; then what a server without it is sure to know. */
static const uint8_t offered[] = "\x0cmse-attest/1\x08http/1.1\x02h2";

/* One protocol, and nothing else. */
static mse_status connect_stream(struct cli_link *l, struct mse_error *err)
{
    uint8_t alpn[64];
    struct mse_build b;
    mse_build_fixed(&b, alpn, sizeof alpn);
    mse_wr_u8(&b, (uint8_t)strlen(l->stream));
    mse_wr_str(&b, l->stream);
    struct mse_error first = { .status = MSE_OK };
    mse_status st = mse_ratls_connect_alpn(&l->conn, l->host, l->port, mse_build_view(&b),
                                           l->timeout_ms, &first);
    l->attested = st == MSE_OK && mse_bytes_is_str(mse_ratls_conn_alpn(l->conn), l->stream);
    if (st == MSE_ERR_SESSION_ALPN || (st == MSE_OK && !l->attested)) {
        return MSE_FAIL(err, MSE_ERR_SESSION_ALPN, "session",
                        "%.128s port %u offers no attested sessions of this kind (%s)", l->host,
                        l->port, l->stream);
    }
    if (st != MSE_OK) {
        *err = first;
    }
    return st;
}

/* ALPN is an offer: some servers refuse those who make only others. */
static mse_status connect_once(struct cli_link *l, struct mse_error *err)
{
    if (l->stream != NULL) {
        return connect_stream(l, err);
    }
    struct mse_error first = { .status = MSE_OK };
    mse_status st =
        mse_ratls_connect_alpn(&l->conn, l->host, l->port,
                               mse_bytes_of(offered, sizeof offered - 1), l->timeout_ms, &first);
    if (st == MSE_ERR_SESSION_ALPN) {
        return mse_ratls_connect(&l->conn, l->host, l->port, l->timeout_ms, err);
    }
    if (st != MSE_OK) {
        *err = first;
        return st;
    }
    l->attested = mse_bytes_is_str(mse_ratls_conn_alpn(l->conn), MSE_SESSION_ALPN);
    return MSE_OK;
}

static mse_status open_link(struct cli_link *l, struct mse_error *err)
{
    mse_status st = connect_once(l, err);
    if (st != MSE_OK) {
        cli_link_close(l);
        return st;
    }
    struct mse_bytes der = mse_ratls_conn_cert(l->conn);
    l->der.data = malloc(der.len + 1);
    if (l->der.data == NULL) {
        cli_link_close(l);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "connection", "out of memory");
    }
    memcpy(l->der.data, der.data, der.len);
    l->der.len = der.len;
    return MSE_OK;
}

mse_status cli_link_open(struct cli_link *l, const char *host, uint16_t port, unsigned timeout_ms,
                         struct mse_error *err)
{
    *l = (struct cli_link) { .host = host, .port = port, .timeout_ms = timeout_ms };
    return open_link(l, err);
}

mse_status cli_link_open_stream(struct cli_link *l, const char *host, uint16_t port,
                                const char *protocol, unsigned timeout_ms, struct mse_error *err)
{
    *l = (struct cli_link) {
        .stream = protocol, .host = host, .port = port, .timeout_ms = timeout_ms
    };
    return open_link(l, err);
}

void cli_link_close(struct cli_link *l)
{
    mse_ratls_conn_free(l->conn);
    mse_session_free(l->session);
    cli_file_clear(&l->der);
    l->conn = NULL;
    l->session = NULL;
}

/* Another connection to the same key: each has one question. */
static mse_status connect_again(struct cli_link *l, struct mse_error *err)
{
    mse_ratls_conn_free(l->conn);
    l->conn = NULL;
    l->attested = false;
    mse_status st = connect_once(l, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_bytes_equal(mse_ratls_conn_cert(l->conn), cli_file_view(&l->der))) {
        return MSE_FAIL(err, MSE_ERR_BINDING, "session",
                        "the server presented another certificate than before");
    }
    return l->attested ? MSE_OK
                       : MSE_FAIL(err, MSE_ERR_SESSION_ALPN, "session",
                                  "the server does not offer attested sessions any more");
}

/* Waits as long as the server says, but not beyond the deadline; false if that is near. */
static bool wait_while_busy(uint32_t retry_ms, int64_t deadline)
{
    retry_ms = retry_ms < LEAST_WAIT_MS ? LEAST_WAIT_MS : retry_ms;
    if (mse_clock_ms() + (int64_t)retry_ms >= deadline) {
        return false;
    }
    (void)poll(NULL, 0, (int)retry_ms);
    return true;
}

/* While collateral was fetched the server may have lost its patience: that is no answer yet. */
static bool ended_before(mse_status st, unsigned attempt)
{
    return attempt == 0 && (st == MSE_ERR_PROTOCOL || st == MSE_ERR_IO);
}

static mse_status attest(struct cli_link *l, const struct mse_session_client_config *cfg,
                         struct mse_error *err)
{
    int64_t deadline = mse_clock_ms() + (int64_t)l->timeout_ms;
    for (unsigned attempt = 0;; attempt++) {
        struct mse_error e = { .status = MSE_OK };
        mse_status st = mse_ratls_conn_attest(&l->session, l->conn, cfg, l->timeout_ms, &e);
        bool busy = st == MSE_ERR_BUSY;
        bool again = (busy && wait_while_busy(mse_session_retry_ms(l->session), deadline)) ||
                     ended_before(st, attempt);
        if (!again) {
            *err = e;
            return st;
        }
        mse_session_free(l->session);
        l->session = NULL;
        st = connect_again(l, err);
        if (st != MSE_OK) {
            return st;
        }
    }
}

/* The two pieces of evidence are of one enclave. */
static void same_enclave(struct mse_verdict *session, const struct mse_verdict *cert)
{
    if (session->accepted && !mse_mem_equal(session->fingerprint, cert->fingerprint, 32)) {
        mse_verdict_add(session, MSE_STEP_SESSION, MSE_ERR_FINGERPRINT_MISMATCH,
                        "evidence for the session by another enclave",
                        "by the enclave of the certificate", NULL);
    }
}

/* Only a key that says to be the owner's may stand in a certificate without evidence. */
static void owners_key(struct mse_verdict *session, const struct mse_session *s)
{
    const struct mse_ratls_claims *claims = mse_session_claims(s);
    if (claims != NULL && claims->key_origin != MSE_KEY_ORIGIN_OWNER) {
        mse_verdict_add(session, MSE_STEP_CERTIFICATE, MSE_ERR_NO_EVIDENCE,
                        "a certificate without evidence for a key of the enclave's own",
                        "the enclave's certificate, or the owner's", NULL);
    }
}

mse_status cli_link_judge(struct cli_link *l, struct cli_finding *out, const struct cli_judge *j,
                          const struct mse_collateral *collateral, struct mse_bytes manifest,
                          struct mse_error *err)
{
    struct mse_policy any_level = j->policy;
    any_level.require_level = l->attested ? 0 : j->policy.require_level;
    (void)!mse_ratls_appraise(&out->verdict, &out->cert, &out->binding, cli_file_view(&l->der),
                              l->host, collateral, &any_level, j->at, NULL);
    /* A certificate without any evidence may be the owner's: the session tells. */
    bool bare = out->verdict.status == MSE_ERR_NO_EVIDENCE;
    if (!l->attested || (!out->verdict.accepted && !bare)) {
        return MSE_OK;
    }
    const struct mse_session_client_config cfg = {
        .judge = { .policy = &j->policy,
                   .collateral = collateral,
                   .at = j->at,
                   .host = l->host,
                   .manifest = manifest },
        .level = 2,
        .alpn = l->stream,
    };
    mse_status st = attest(l, &cfg, err);
    const struct mse_verdict *found = l->session == NULL ? NULL : mse_session_verdict(l->session);
    if (found == NULL) {
        return st;
    }
    struct mse_verdict *v = malloc(sizeof *v);
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "session", "out of memory");
    }
    *v = *found;
    if (bare) {
        owners_key(v, l->session);
    } else {
        same_enclave(v, &out->verdict);
    }
    out->verdict = *v;
    free(v);
    if (out->verdict.accepted) {
        out->cert = *mse_session_cert_borrow(l->session);
    }
    return MSE_OK;
}

void cli_link_check_app(struct cli_finding *f, const struct cli_app *a, const char *host,
                        mse_time at)
{
    const struct mse_manifest *m = &a->manifest;
    struct mse_bytes claimed = f->cert.claims.manifest;
    char seen[65] = "";
    char want[65];
    bool same_name = strcmp(m->san, host) == 0;
    mse_verdict_add(&f->verdict, MSE_STEP_NAME, same_name ? MSE_OK : MSE_ERR_CERTIFICATE_NAME, host,
                    m->san, NULL);
    bool same = claimed.len == 32 && mse_mem_equal(claimed.data, a->manifest_sha256, 32);
    if (claimed.len == 32) {
        mse_hex_encode(seen, claimed);
    }
    mse_hex_encode(want, mse_bytes_of(a->manifest_sha256, 32));
    mse_verdict_add(&f->verdict, MSE_STEP_MANIFEST, same ? MSE_OK : MSE_ERR_MANIFEST_MISMATCH,
                    seen[0] == '\0' ? "no manifest digest in the certificate" : seen, want, NULL);
    char until[MSE_TIME_TEXT_LEN];
    char now[MSE_TIME_TEXT_LEN];
    mse_time_format(until, m->expires_at);
    mse_time_format(now, at);
    bool alive = at <= m->expires_at;
    mse_verdict_add(&f->verdict, MSE_STEP_MANIFEST, alive ? MSE_OK : MSE_ERR_CERTIFICATE_EXPIRED,
                    until, now, NULL);
}

static const char *advice(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_BUSY:
        return "the app has many who ask: --timeout SECONDS waits longer";
    case MSE_ERR_TIMEOUT:
        return "--timeout SECONDS waits longer";
    case MSE_ERR_NOT_FOUND:
    case MSE_ERR_IO:
    case MSE_ERR_PROTOCOL:
        return "the app may have been stopped just now: try again";
    default:
        return "a server that offers attested sessions has to hold one: somebody may be in the "
               "middle; send nothing there";
    }
}

enum cli_exit cli_link_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    cli_error(c, "the attested session failed: %s",
              err->text[0] != '\0' ? err->text : mse_status_text(st));
    cli_hint(c, "%s", advice(st));
    return mse_ratls_is_trouble(st) ? CLI_TROUBLE : CLI_REFUSED;
}

const char *cli_link_note(const struct cli_link *l)
{
    return l->conn == NULL || l->attested ? NULL
                                          : "the server offers no attested session (mse-attest/1), "
                                            "so level 2 cannot be reached";
}
