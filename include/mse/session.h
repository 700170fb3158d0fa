/* SPDX-License-Identifier: Apache-2.0 */
/* Attested sessions (docs/protocol.md, "Attested sessions"): after a TLS handshake one end asks the
 * other for evidence that answers a fresh nonce (level 1) and, beyond that, covers a value that
 * only the two ends of this very TLS session can compute (level 2). Link with libmse-ratls and
 * libssl. */
#ifndef MSE_SESSION_H
#define MSE_SESSION_H

#include <mse/attest.h>
#include <mse/ratls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ALPN names: evidence only, or evidence first and then the named protocol on the same session. */
#define MSE_SESSION_ALPN        "mse-attest/1"
#define MSE_SESSION_ALPN_HTTP11 "mse-attest/1+http/1.1"
#define MSE_SESSION_ALPN_H2     "mse-attest/1+h2"

#define MSE_SESSION_EXPORTER_LABEL "EXPORTER-mse-attest-v1"
#define MSE_SESSION_NONCE_LEN      32
#define MSE_SESSION_FRAME_MAX      ((size_t)2 * 1024 * 1024) /* body of one frame, bytes */

/* What an end says of itself. All slices are borrowed; empty ones are left out. */
struct mse_session_self {
    mse_ratls_quote_fn *quote;
    void *quote_arg;
    struct mse_bytes manifest;   /* as it was measured; its SHA-256 becomes a claim */
    struct mse_bytes x25519;     /* 32 */
    struct mse_bytes boot;       /* 16 */
    struct mse_bytes collateral; /* for peers that ask for it: an evidence bundle in JSON */
    bool replica; /* between instances of one app: both ends have the roles replica-... */
};

/* How an end judges its peer. Everything is borrowed until the call returns. */
struct mse_session_judge {
    const struct mse_policy *policy;
    const struct mse_collateral *collateral;
    struct mse_log_proofs logs; /* for a policy that names logs */
    mse_time at;
    const char *host;          /* the name that was asked for; NULL (a server): none is compared */
    struct mse_bytes manifest; /* the manifest to go by; empty: the one that the peer sends */
};

/* The client's side. */
struct mse_session_client_config {
    struct mse_session_judge judge; /* host is needed */
    uint8_t level;                  /* 1 or 2 */
    const char *alpn;               /* the one that was offered for this; NULL: MSE_SESSION_ALPN */
    bool want_collateral;           /* ask the peer for collateral, which is not used here */
    const struct mse_session_self *self; /* if the server demands evidence too; NULL: end there */
};

/* The server's side. */
struct mse_session_server_config {
    struct mse_session_self self;
    const char *alpn;                        /* NULL: any of the three that was negotiated */
    const struct mse_session_judge *clients; /* demand evidence of the client too; NULL: none */
};

/* What came of it; opaque, released with mse_session_free (accepts NULL). */
struct mse_session;

/* mse_session_client runs the client's side on a TLS session whose handshake is done, over ssl's
 * own transport, blocking. It accepts only if: TLS 1.3, no PSK and no early data
 * (MSE_ERR_SESSION_TLS_VERSION, _RESUMED), exactly the protocol that was asked for
 * (MSE_ERR_SESSION_ALPN); then, each as a check of the verdict: genuine evidence that the policy
 * accepts, made for the key of the certificate that the peer presented (MSE_ERR_CLAIMS_HASH,
 * _BINDING), of the one role asked for (_ROLE), over one's own nonce (_SESSION_NONCE, _AUDIT_PATH),
 * at level 2 over this session's exporter (_SESSION_EXPORTER), for a key that is not one's own
 * (_SESSION_REFLECTED), in a log, if the policy names one, by one of the proofs (_LOG_MISSING:
 * there is none; else the status of mse_verdict_set_logs), a certificate for host
 * (_CERTIFICATE_NAME), the manifest gone by
 * (_MANIFEST_MISMATCH) with host among its names.
 *
 * Returns the verdict's status; before there is a verdict MSE_ERR_FRAME_*, MSE_ERR_BUSY,
 * MSE_ERR_PEER_REFUSED, MSE_ERR_IO, MSE_ERR_PROTOCOL (the peer ended). *out is written on success,
 * on a refusal by verdict and with MSE_ERR_BUSY; else it is NULL. Unless MSE_OK is returned, close
 * the connection without sending a byte of the application. */
MSE_API MSE_MUST_USE mse_status mse_session_client(struct mse_session **out, struct ssl_st *ssl,
                                                   const struct mse_session_client_config *c,
                                                   struct mse_error *err);

/* mse_session_server reads one request, answers it with evidence for the certificate of ssl, and
 * with c->clients judges the client's, who must have presented a certificate. *out (may be NULL
 * without c->clients) is as above. Read no byte of the application unless it returns MSE_OK. */
MSE_API MSE_MUST_USE mse_status mse_session_server(struct mse_session **out, struct ssl_st *ssl,
                                                   const struct mse_session_server_config *c,
                                                   struct mse_error *err);

MSE_API void mse_session_free(struct mse_session *s);
/* The verdict on the peer, or NULL if none was reached. Its binding_level is the level that was
 * reached: 3 if the policy names machines and this is one of them. Borrowed, like the rest. */
MSE_API const struct mse_verdict *mse_session_verdict(const struct mse_session *s);
/* What the peer sent along; empty if it did not. The manifest is checked once the verdict accepts;
 * the collateral is the peer's word: good for an appraisal only through its signatures. */
MSE_API struct mse_bytes mse_session_evidence(const struct mse_session *s);
MSE_API struct mse_bytes mse_session_manifest(const struct mse_session *s);
MSE_API struct mse_bytes mse_session_collateral(const struct mse_session *s);
/* The claims of the evidence; NULL without a verdict that accepts. */
MSE_API const struct mse_ratls_claims *mse_session_claims(const struct mse_session *s);
/* After MSE_ERR_BUSY: milliseconds until another try makes sense. */
MSE_API uint32_t mse_session_retry_ms(const struct mse_session *s);

/* ---- in one call ----
 *
 * A client of level 2 is a client of level 0 (<mse/ratls.h>) with another line for SSL_connect, a
 * server likewise. The handshake and the session are one call each, blocking, over ssl's own
 * transport, which is there before. Whatever these calls refuse is shut: SSL_read and SSL_write
 * fail on it, even if nobody looks at the status. */

/* mse_session_connect connects ssl, of a context that was given to mse_ratls_ctx_verify with v, to
 * host (server name and expected name; NUL-terminated): handshake, then mse_session_client at level
 * 2 by v's policy, collateral, proofs of logs and time. The certificate's own evidence is not
 * judged, as that for the session says more: mse_ratls_ssl_peer returns NULL, and the policy may
 * require level 2 or 3. alpn: one of the three names above; NULL: MSE_SESSION_ALPN, after which the
 * server ends. Statuses of mse_session_client; MSE_ERR_PROTOCOL: no handshake; MSE_ERR_ARGUMENT: no
 * host, another alpn. *out as there. */
MSE_API MSE_MUST_USE mse_status mse_session_connect(struct mse_session **out, struct ssl_st *ssl,
                                                    const struct mse_ratls_verifier *v,
                                                    const char *host, const char *alpn,
                                                    struct mse_error *err);

/* mse_session_ctx_serve makes ctx present id (mse_ratls_ctx_use) and choose, of what a client
 * offers: alpn (one of the three; NULL: MSE_SESSION_ALPN), MSE_SESSION_ALPN, and for clients that
 * ask for no evidence what stands behind the plus. Others get an alert, but for clients that offer
 * nothing. MSE_ERR_ARGUMENT, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_session_ctx_serve(struct ssl_ctx_st *ctx,
                                                      const struct mse_ratls_identity *id,
                                                      const char *alpn, struct mse_error *err);

/* mse_session_accept does the handshake of ssl, of such a context, and what the client asked for:
 * mse_session_server, or nothing, if it asks for no evidence and c->clients is NULL. Statuses of
 * mse_session_server; MSE_ERR_PROTOCOL: no handshake. *out as there, or NULL. */
MSE_API MSE_MUST_USE mse_status mse_session_accept(struct mse_session **out, struct ssl_st *ssl,
                                                   const struct mse_session_server_config *c,
                                                   struct mse_error *err);

/* mse_session_recheck judges the evidence of a session again, by what v has now: policy and
 * collateral (mse_ratls_verifier_update), proofs of logs (mse_ratls_verifier_set_logs) and time.
 * Nothing is sent. For connections that live long: a platform may be revoked, collateral ends, a
 * list of machines changes. The verdict of s is replaced; on a refusal close the connection. The
 * evidence stays that of the moment at which it was given: for newer, open another connection and
 * move over to it, as each has one question. Returns the verdict's status; MSE_ERR_ARGUMENT: no
 * peer was judged in s. Calls on one session exclude each other. */
MSE_API MSE_MUST_USE mse_status mse_session_recheck(struct mse_session *s,
                                                    const struct mse_ratls_verifier *v,
                                                    struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
