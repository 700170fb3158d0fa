/* SPDX-License-Identifier: Apache-2.0 */
/* RA-TLS certificates: reading every form in the field, checking the key binding of each, making
 * ours; TLS connections that demand them. */
#ifndef MSE_RATLS_H
#define MSE_RATLS_H

#include <mse/attest.h>
#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the evidence stood and how it names the key. */
enum mse_ratls_form {
    MSE_RATLS_DICE = 1,       /* 2.23.133.5.4.9, CBOR 60000([quote, claims]), or for SEV-SNP and
                                 Nitro 0x6d7301 and 0x6d7302([report, claims, certificates]) */
    MSE_RATLS_LEGACY,         /* 1.2.840.113741.1337.6, raw quote */
    MSE_RATLS_LEGACY_GRAMINE, /* the same OID, double-wrapped by Gramine */
    MSE_RATLS_OPEN_ENCLAVE,   /* 1.2.840.113556.10.1.1, 16-byte header before the quote */
    MSE_RATLS_OLD_QUOTE_OID,  /* another OID that carries a raw DCAP quote (old rats-tls, Intel SDK
                                 sample) */
    MSE_RATLS_SNP,            /* 1.2.840.113741.1337.7, raw SEV-SNP report */
    MSE_RATLS_TDX,            /* 1.2.840.113741.1337.8, raw TDX quote, alone or with zeros to 8192
                                 bytes */
    MSE_RATLS_NITRO,          /* Nitro document in hexadecimal digits, first label of a DNS name */
};

/* What report_data[0:32] (or the claims) was found to cover. */
enum mse_ratls_binding {
    MSE_BINDING_NONE = 0,
    MSE_BINDING_SPKI,       /* SHA-256(DER SubjectPublicKeyInfo) */
    MSE_BINDING_POINT,      /* SHA-256(04 || X || Y) */
    MSE_BINDING_PKCS1,      /* SHA-256(PKCS#1 RSAPublicKey) */
    MSE_BINDING_PEM_NUL,    /* SHA-256(PEM SubjectPublicKeyInfo and its NUL) */
    MSE_BINDING_CLAIMS,     /* SHA-256(claims), whose pubkey-hash covers the SPKI */
    MSE_BINDING_SPKI_PLAIN, /* the DER SubjectPublicKeyInfo itself, as user data of Nitro */
};
/* The words of JSON and text. Static; "unknown" for none of them. */
MSE_API const char *mse_ratls_form_name(enum mse_ratls_form f);
MSE_API const char *mse_ratls_binding_name(enum mse_ratls_binding b);

enum mse_ratls_role {
    MSE_ROLE_ABSENT = 0, /* foreign certificates only; counts as server-static */
    MSE_ROLE_SERVER_STATIC,
    MSE_ROLE_SERVER_FRESH,
    MSE_ROLE_SERVER_SESSION,
    MSE_ROLE_CLIENT_SESSION,
    MSE_ROLE_REPLICA_SERVER,
    MSE_ROLE_REPLICA_CLIENT,
    MSE_ROLE_APP,
};

/* Who holds the private key that the evidence is for. */
enum mse_ratls_key_origin {
    MSE_KEY_ORIGIN_ABSENT = 0, /* counts as enclave */
    MSE_KEY_ORIGIN_ENCLAVE,    /* born in the enclave, never left it */
    MSE_KEY_ORIGIN_OWNER,      /* brought by the app's owner, who holds it too: level 2 only */
};

/* The claims of TCG DICE evidence (10-rules 10). Slices borrow from the certificate. */
struct mse_ratls_claims {
    uint8_t hash_alg; /* 1 SHA-256, 7 SHA-384, 8 SHA-512 */
    struct mse_bytes pubkey_hash;
    enum mse_ratls_role role;
    struct mse_bytes nonce;    /* 32 or empty; foreign ones may have other lengths */
    struct mse_bytes exporter; /* 32 or empty */
    struct mse_bytes x25519;   /* 32 or empty */
    struct mse_bytes manifest; /* 32 or empty: SHA-256 of the manifest */
    struct mse_bytes boot;     /* 16 or empty */
    struct mse_bytes app_data; /* 1 to 64, with the role app only; or empty */
    enum mse_ratls_key_origin key_origin;
    struct mse_bytes ca_hash; /* 32 or empty: SHA-256 of the SubjectPublicKeyInfo of the CA that
                                 signed the certificate (profile R2), born with its key */
};

/* Everything that a certificate says, form only. */
struct mse_ratls_cert {
    struct mse_bytes der;
    struct mse_bytes spki;
    mse_time not_before;
    mse_time not_after;
    enum mse_ratls_form form;
    enum mse_tee_kind tee;
    struct mse_bytes quote; /* or report, or document; MSE_RATLS_NITRO: its digits */
    struct mse_bytes
        certificates;            /* of SEV-SNP evidence, DER, leaf first; empty: none came along */
    struct mse_bytes claims_raw; /* DICE only */
    struct mse_ratls_claims claims;
    bool also_legacy;    /* DICE evidence, and a legacy extension beside it */
    struct mse_bytes ca; /* DER of the certificate right behind it; empty: none. Form not looked at
                            before mse_ratls_check_ca: a stranger's, whatever it is */
};

/* Wherever a certificate is taken or given here as DER, that of its CA may stand right behind it:
 * with the profile R2 (docs/protocol.md, "Certificate") it has to. A server sends the two in that
 * order. */

/* mse_ratls_read finds the evidence in a certificate (DER). The DICE form wins when both are there,
 * and a DICE extension that cannot be used is a refusal: no fall-back to the legacy one. Errors:
 * MSE_ERR_MALFORMED, MSE_ERR_NO_EVIDENCE, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG,
 * MSE_ERR_CLAIMS_MALFORMED, MSE_ERR_CLAIMS_HASH (unknown hash algorithm). */
MSE_API MSE_MUST_USE mse_status mse_ratls_read(struct mse_ratls_cert *out, struct mse_bytes der,
                                               struct mse_error *err);

/* mse_ratls_read_legacy reads the older extension of a certificate that carries usable DICE
 * evidence as well: for tools that show or compare both. It is no fall-back: a certificate that
 * mse_ratls_read refuses is refused here for the same reason, and one without DICE evidence and an
 * older extension beside it is MSE_ERR_NOT_FOUND. */
MSE_API MSE_MUST_USE mse_status mse_ratls_read_legacy(struct mse_ratls_cert *out,
                                                      struct mse_bytes der, struct mse_error *err);

/* mse_ratls_check_binding judges whether report_data vouches for the certificate's key.
 * MSE_OK and *out says how; MSE_ERR_CLAIMS_HASH (report_data is not SHA-256(claims) || 0),
 * MSE_ERR_BINDING (another key). */
MSE_API MSE_MUST_USE mse_status mse_ratls_check_binding(enum mse_ratls_binding *out,
                                                        const struct mse_ratls_cert *c,
                                                        const uint8_t report_data[64],
                                                        struct mse_error *err);
/* mse_ratls_check_self_signature: MSE_ERR_CERTIFICATE_SIGNATURE if the certificate's key did not
 * sign it. MSE_ERR_MALFORMED: the certificate; MSE_ERR_UNSUPPORTED_ALGORITHM, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_ratls_check_self_signature(const struct mse_ratls_cert *c,
                                                               struct mse_error *err);
/* mse_ratls_check_ca judges c->ca, for a certificate whose binding holds: that the claims name its
 * key (MSE_ERR_CA_NOT_CLAIMED, _CA_MISSING, _CA_MISMATCH), that it is exactly the CA that an
 * enclave makes (MSE_ERR_CA_PROFILE: pathlen 0, keyCertSign and serverAuth alone;
 * MSE_ERR_CA_CONSTRAINTS: restricted to the certificate's one DNS name), covers the certificate's
 * dates (MSE_ERR_CA_VALIDITY) and signed it and itself (MSE_ERR_CA_SIGNATURE). Only such a CA may
 * go into anybody's trust store. MSE_ERR_MALFORMED: the certificate; MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_ratls_check_ca(const struct mse_ratls_cert *c,
                                                   struct mse_error *err);

/* mse_ratls_judge adds to *v, the verdict of mse_appraise_quote, _snp or _nitro over c->quote, the
 * checks of the certificate: binding, self signature (or mse_ratls_check_ca, if the claims name a
 * CA), profile (ours only), role (server-static or
 * absent), and, if host is not NULL, the name and the dates at `at`. Returns v->status. binding_out
 * may be NULL; it is MSE_BINDING_NONE unless the binding holds. */
MSE_API MSE_MUST_USE mse_status mse_ratls_judge(struct mse_verdict *v,
                                                enum mse_ratls_binding *binding_out,
                                                const struct mse_ratls_cert *c, const char *host,
                                                mse_time at, struct mse_error *err);

/* mse_ratls_appraise reads a certificate, appraises its quote (mse_appraise_quote, _snp, _nitro)
 * and adds the checks of mse_ratls_judge. *out is always filled; *cert_out and *binding_out (either
 * may be NULL) are written only if the certificate could be read, whatever the verdict. Returns
 * out->status. */
MSE_API MSE_MUST_USE mse_status mse_ratls_appraise(
    struct mse_verdict *out, struct mse_ratls_cert *cert_out, enum mse_ratls_binding *binding_out,
    struct mse_bytes der, const char *host, const struct mse_collateral *collateral,
    const struct mse_policy *policy, mse_time at, struct mse_error *err);

/* Evidence that an app asked for over data of its own (docs/protocol.md, "The app's own quotes"):
 * what it must say. Everything is borrowed for the call. */
struct mse_ratls_app_ask {
    struct mse_bytes data;        /* 1 to 64 bytes: exactly what the app gave */
    struct mse_bytes certificate; /* DER, of the app's server, verified before; empty: any */
    struct mse_bytes manifest;    /* as it was measured; empty: any */
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
};
/* mse_ratls_appraise_app reads tagged evidence, appraises its quote, and adds the checks: claims
 * that the quote covers (MSE_ERR_CLAIMS_HASH), the role app (MSE_ERR_ROLE), this data
 * (MSE_ERR_APP_DATA), the key of this certificate (MSE_ERR_BINDING), this manifest
 * (MSE_ERR_MANIFEST_MISMATCH). *out is always filled; *evidence_out (may be NULL) only if the
 * evidence could be read, and borrows from it. Returns out->status. */
MSE_API MSE_MUST_USE mse_status mse_ratls_appraise_app(struct mse_verdict *out,
                                                       struct mse_ratls_cert *evidence_out,
                                                       struct mse_bytes evidence,
                                                       const struct mse_ratls_app_ask *ask,
                                                       struct mse_error *err);

/* ---- OpenSSL: connections whose peer must be attested (binding level 0) ----
 *
 * A verifier judges the certificate that a peer presents, in the place of OpenSSL's PKI; an
 * identity is a key and a certificate with evidence for it. One of each serves any number of
 * SSL_CTX and threads. What is proven is level 0: the key that this connection's handshake used was
 * born in such a TEE, some time; a policy whose require_level is higher refuses everything here.
 *
 * An SSL_CTX that was given to these functions speaks TLS 1.3 only, and neither issues nor stores
 * sessions, as a resumed one shows no certificate. The caller must not undo that, nor set callbacks
 * for pre-shared keys. A peer that presents one's own key is refused (MSE_ERR_SESSION_REFLECTED).
 * For more than level 0 see <mse/session.h>. */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct ssl_st;     /* OpenSSL's SSL */

/* Tells the time at which a peer is judged; called from the threads that do handshakes. */
typedef mse_time mse_ratls_now_fn(void *arg);

struct mse_ratls_verifier_params {
    const struct mse_policy *policy;         /* copied */
    const struct mse_collateral *collateral; /* copied, with all that it borrows */
    mse_ratls_now_fn *now;                   /* NULL: the system's clock */
    void *now_arg;                           /* borrowed until the verifier is freed */
    /* A client refuses a server unless SSL_set1_host named the host, and the certificate is for it;
     * with this, only if it was named. Servers judge a client's name only if it was named. */
    bool insecure_any_name;
};
struct mse_ratls_verifier;
/* mse_ratls_verifier_new makes a verifier; thread-safe. The caller frees it after every SSL and
 * SSL_CTX that uses it. A process makes few: OpenSSL keeps a slot for each in every later SSL, for
 * ever. MSE_ERR_MEMORY, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_ratls_verifier_new(struct mse_ratls_verifier **out,
                                                       const struct mse_ratls_verifier_params *p,
                                                       struct mse_error *err);
/* mse_ratls_verifier_update puts another policy and collateral (copied) in the place of the old
 * ones, for the handshakes that begin to judge after it; connections that stand are not judged
 * again. Thread-safe. MSE_ERR_MEMORY, MSE_ERR_CRYPTO: nothing is changed. */
MSE_API MSE_MUST_USE mse_status mse_ratls_verifier_update(struct mse_ratls_verifier *v,
                                                          const struct mse_policy *policy,
                                                          const struct mse_collateral *collateral,
                                                          struct mse_error *err);
/* mse_ratls_verifier_set_logs puts proofs of transparency logs (copied with their bytes) in the
 * place of those before, for the handshakes that begin to judge after it; at first there are none.
 * A policy that names logs accepts only peers for which one of them is good: the verdict of one
 * that is refused with MSE_ERR_LOG_MISSING or _LOG_ENTRY has the fingerprint to get a proof for.
 * Thread-safe. MSE_ERR_MEMORY: nothing is changed. */
MSE_API MSE_MUST_USE mse_status mse_ratls_verifier_set_logs(struct mse_ratls_verifier *v,
                                                            const struct mse_log_proofs *proofs,
                                                            struct mse_error *err);
/* mse_ratls_verifier_free releases v; NULL is fine. */
MSE_API void mse_ratls_verifier_free(struct mse_ratls_verifier *v);

/* mse_ratls_ctx_verify makes every connection of ctx demand a peer that v accepts: a client refuses
 * other servers, a server other clients and those without a certificate. v is borrowed and outlives
 * ctx. A refusal ends the handshake: SSL_get_verify_result is X509_V_ERR_APPLICATION_VERIFICATION,
 * and mse_ratls_ssl_peer says why. In TLS 1.3 a refused client learns that from its first read.
 * Call it before the first SSL of ctx. MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_ratls_ctx_verify(struct ssl_ctx_st *ctx,
                                                     struct mse_ratls_verifier *v,
                                                     struct mse_error *err);

/* What was found about the peer of one connection. Slices of cert and verdict borrow from it. */
struct mse_ratls_peer {
    mse_status status;      /* MSE_OK: accepted; else as verdict.status */
    struct mse_error error; /* why not, in words */
    bool has_cert;          /* the certificate could be read: the next two are meaningful */
    struct mse_ratls_cert cert;
    enum mse_ratls_binding binding;
    struct mse_verdict verdict;
};
/* mse_ratls_ssl_peer returns what v found about the peer of ssl, borrowed from ssl (until SSL_free,
 * SSL_clear or another handshake); NULL: no peer was judged, which is no acceptance. */
MSE_API const struct mse_ratls_peer *mse_ratls_ssl_peer(const struct mse_ratls_verifier *v,
                                                        const struct ssl_st *ssl);

/* Writes evidence of this TEE over exactly these 64 bytes to out (cap bytes, at least 16 KiB) and
 * its length to *out_len: a quote of SGX or TDX, or a report of SEV-SNP (1184 bytes) and behind it
 * what certificates there are (DER; VCEK or VLEK, ASK, ARK). A failure is passed on to the caller.
 */
typedef mse_status mse_ratls_quote_fn(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                                      const uint8_t report_data[64], struct mse_error *err);

/* Everything is borrowed for the call. */
struct mse_ratls_identity_params {
    mse_ratls_quote_fn *quote; /* called once; twice with legacy_extension */
    void *quote_arg;
    const char *name; /* the one SAN: an exact host name in lower case, or an address */
    mse_time not_before;
    mse_time not_after;
    struct mse_bytes manifest; /* 32 bytes, SHA-256 of what the TEE measured; or empty */
    struct mse_bytes x25519;   /* 32 bytes, a public key for sealed boxes; or empty */
    struct mse_bytes boot;     /* 16 bytes, drawn at each start; or empty */
    bool legacy_extension;     /* a raw quote over the key's hash too, for older verifiers */
    bool ca; /* profile R2: signed by a CA for this name alone, whose key is wiped at once */
};
struct mse_ratls_identity;
/* mse_ratls_identity_new makes a P-256 key, which never leaves the process, asks for a quote over
 * it, and makes the certificate (profile R1 or R2, TCG DICE evidence, role server-static; clients
 * of level 0 present the same one). *out is the caller's, who frees it; SSL_CTX that use it keep
 * what they need. MSE_ERR_ARGUMENT: the name or the dates; MSE_ERR_NO_SPACE: the evidence is too
 * large; MSE_ERR_MEMORY, MSE_ERR_CRYPTO, and what quote returns. */
MSE_API MSE_MUST_USE mse_status mse_ratls_identity_new(struct mse_ratls_identity **out,
                                                       const struct mse_ratls_identity_params *p,
                                                       struct mse_error *err);
/* mse_ratls_identity_cert returns the certificate, DER, borrowed from id; its CA's behind it, if it
 * has one. */
MSE_API struct mse_bytes mse_ratls_identity_cert(const struct mse_ratls_identity *id);
/* mse_ratls_identity_free releases id; NULL is fine. The key is wiped when no SSL_CTX uses it. */
MSE_API void mse_ratls_identity_free(struct mse_ratls_identity *id);
/* mse_ratls_ctx_use makes ctx present id. MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_ratls_ctx_use(struct ssl_ctx_st *ctx,
                                                  const struct mse_ratls_identity *id,
                                                  struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
