/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an attested session that the library, the CLI's connections and the runtime share:
 * facts of a TLS session, evidence for it, judging a peer. The public side is <mse/session.h>. */
#ifndef RATLS_SESSION_H
#define RATLS_SESSION_H

#include <mse/session.h>

#include "base/build.h"
#include "ratls/frame.h"

/* What one end knows of a TLS session by itself. */
struct mse_session_facts {
    bool tls13;
    bool resumed; /* from a PSK, or with early data */
    struct mse_bytes alpn;
    struct mse_bytes peer_cert; /* DER of the leaf, and its CA's behind it if there is one; empty:
                                   none was presented */
    bool has_own_key;
    uint8_t own_spki_sha256[32];
    bool has_own_ca;
    uint8_t own_ca_sha256[32]; /* as one's own certificate claims it */
};
/* What does not depend on evidence. alpn: the one name that is right; NULL: any of the three. */
MSE_MUST_USE mse_status mse_session_facts_check(const struct mse_session_facts *f, const char *alpn,
                                                struct mse_error *err);

/* What the peer's evidence must answer. */
struct mse_session_ask {
    enum mse_ratls_role role;
    uint8_t level; /* 1 or 2 */
    uint8_t nonce[MSE_SESSION_NONCE_LEN];
    uint8_t exporter[32]; /* level 2 */
};
/* mse_session_appraise judges a response; *out is always filled, *cert_out only if the evidence
 * could be read (its slices borrow from f and r). Returns out->status. */
MSE_MUST_USE mse_status mse_session_appraise(
    struct mse_verdict *out, struct mse_ratls_cert *cert_out, const struct mse_session_facts *f,
    const struct mse_frame_response *r, const struct mse_session_ask *ask,
    const struct mse_session_judge *judge, struct mse_error *err);

/* What evidence of one's own says, but for the platform's part. */
struct mse_session_words {
    enum mse_ratls_role role;
    uint8_t spki_sha256[32];
    struct mse_bytes nonce;    /* at level 1 the root over all nonces */
    struct mse_bytes exporter; /* empty at level 1 */
    struct mse_bytes manifest_sha256;
    struct mse_bytes x25519;
    struct mse_bytes boot;
    struct mse_bytes app_data; /* with the role app only */
    enum mse_ratls_key_origin key_origin;
    struct mse_bytes ca_sha256; /* empty: the certificate is R1, or the owner's */
};
/* What a quote, and the evidence around it, may take. */
#define MSE_SESSION_QUOTE_MAX    ((size_t)64 * 1024)
#define MSE_SESSION_EVIDENCE_MAX (MSE_SESSION_QUOTE_MAX + (size_t)4096)
/* Appends the evidence. */
MSE_MUST_USE mse_status mse_session_evidence_make(struct mse_build *out,
                                                  const struct mse_session_words *w,
                                                  mse_ratls_quote_fn *quote, void *quote_arg,
                                                  struct mse_error *err);

/* The certificate of the peer with the evidence that it gave for the session. Only if the verdict
 * accepts; borrowed from s. */
const struct mse_ratls_cert *mse_session_cert_borrow(const struct mse_session *s);

/* Whether the server demanded evidence of this end, the client, too. */
bool mse_session_was_mutual(const struct mse_session *s);

/* mse_session_judge_again judges what the peer gave, as it was judged first, by other rules (host
 * and manifest are those of the first time); the verdict of s is replaced. MSE_ERR_ARGUMENT: nobody
 * was judged in s. */
MSE_MUST_USE mse_status mse_session_judge_again(struct mse_session *s,
                                                const struct mse_session_judge *by,
                                                struct mse_error *err);

/* mse_session_judge_logs judges what the policy demands of logs, by these proofs; nothing if it
 * demands nothing. */
void mse_session_judge_logs(struct mse_verdict *v, const struct mse_policy *policy,
                            const struct mse_log_proofs *proofs);

/* How the frames travel: exactly len bytes each way, or a status. */
struct mse_session_io {
    void *user;
    mse_status (*read)(void *user, void *buf, size_t len, struct mse_error *err);
    mse_status (*write)(void *user, const void *buf, size_t len, struct mse_error *err);
};
/* Over ssl's own transport, blocking; user is the SSL. MSE_ERR_PROTOCOL: the peer ended;
 * MSE_ERR_IO.
 */
MSE_MUST_USE mse_status mse_session_ssl_read(void *user, void *buf, size_t len,
                                             struct mse_error *err);
MSE_MUST_USE mse_status mse_session_ssl_write(void *user, const void *buf, size_t len,
                                              struct mse_error *err);
/* mse_session_client over another transport than ssl's own. */
MSE_MUST_USE mse_status mse_session_client_over(struct mse_session **out, struct ssl_st *ssl,
                                                const struct mse_session_io *io,
                                                const struct mse_session_client_config *c,
                                                struct mse_error *err);

#endif
