/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and CRLs as views into their DER, read by walking it (ref: OpenSSL 3.0's d2i_X509
 * costs two signature verifications). Form only: what is valid is decided in attest/ and ratls/. */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include <mse/status.h>

enum mse_key_type {
    MSE_KEY_OTHER = 0, /* spki is there, raw is empty */
    MSE_KEY_P256,      /* raw: 65 bytes 04 || X || Y */
    MSE_KEY_P384,      /* raw: 97 bytes */
    MSE_KEY_RSA,       /* raw: the PKCS#1 RSAPublicKey DER */
};

enum mse_sig_alg {
    MSE_SIG_OTHER = 0,
    MSE_SIG_ECDSA_SHA256,
    MSE_SIG_ECDSA_SHA384,
    MSE_SIG_RSA_SHA1,
    MSE_SIG_RSA_SHA256,
    MSE_SIG_RSA_SHA384,
    MSE_SIG_RSA_SHA512,
    MSE_SIG_RSA_PSS_SHA384, /* salt 48, MGF1 SHA-384 */
};

struct mse_pubkey {
    enum mse_key_type type;
    struct mse_bytes spki; /* the whole SubjectPublicKeyInfo */
    struct mse_bytes raw;
};

/* keyUsage bits, numbered as in RFC 5280: bit 0 is digitalSignature. */
#define MSE_KU_DIGITAL_SIGNATURE (1U << 0)
#define MSE_KU_KEY_CERT_SIGN     (1U << 5)
#define MSE_KU_CRL_SIGN          (1U << 6)

struct mse_cert { /* NOLINT(clang-analyzer-optin.performance.Padding): to be read */
    struct mse_bytes der;
    struct mse_bytes tbs;
    struct mse_bytes serial; /* content without leading zero octets */
    struct mse_bytes issuer; /* the Name's DER, tag to end */
    struct mse_bytes subject;
    struct mse_bytes extensions; /* content of the SEQUENCE OF Extension; empty if none */
    struct mse_bytes signature;  /* content of the BIT STRING */
    mse_time not_before;
    mse_time not_after;
    struct mse_pubkey key;
    enum mse_sig_alg sig_alg;
    bool has_basic_constraints;
    bool is_ca;
    bool has_path_len;
    uint64_t path_len;
    bool has_key_usage;
    uint32_t key_usage;
    bool has_unknown_critical; /* a critical extension that this reader does not know */
};

/* mse_cert_parse reads one certificate, v1 to v3, that fills in to the last byte. Refuses duplicate
 * extensions and an outer signature algorithm that is not the inner one. */
MSE_MUST_USE mse_status mse_cert_parse(struct mse_cert *out, struct mse_bytes der,
                                       struct mse_error *err);
/* mse_cert_extension finds the extension whose OID content equals oid; *critical may be NULL. False
 * if there is none. value: content of extnValue's OCTET STRING. */
MSE_MUST_USE bool mse_cert_extension(const struct mse_cert *c, struct mse_bytes oid,
                                     struct mse_bytes *value, bool *critical);
/* mse_cert_verify checks that `issuer_key` signed c. MSE_ERR_SIGNATURE if not, MSE_ERR_CRYPTO or
 * MSE_ERR_UNSUPPORTED_ALGORITHM otherwise. curve: see crypto/sign.h, may be NULL. */
struct mse_curve;
MSE_MUST_USE mse_status mse_cert_verify(struct mse_curve *curve, const struct mse_cert *c,
                                        const struct mse_pubkey *issuer_key);
/* mse_name_common_name borrows the (last) commonName of a Name's DER; empty if none. */
struct mse_bytes mse_name_common_name(struct mse_bytes name);
/* mse_cert_has_host: exact, ASCII case-insensitive match with a dNSName of the SAN (or, if ip
 * is a literal address, with an iPAddress). No wildcards. */
MSE_MUST_USE bool mse_cert_has_host(const struct mse_cert *c, const char *host);
/* mse_cert_covers_host: the same, or the wildcard that stands in the place of its first label. */
MSE_MUST_USE bool mse_cert_covers_host(const struct mse_cert *c, const char *host);

/* mse_pubkey_parse reads a DER SubjectPublicKeyInfo. */
MSE_MUST_USE bool mse_pubkey_parse(struct mse_pubkey *out, struct mse_bytes spki);

struct mse_crl {
    struct mse_bytes der;
    struct mse_bytes tbs;
    struct mse_bytes issuer;
    mse_time this_update;
    mse_time next_update;
    struct mse_bytes revoked; /* content of revokedCertificates; empty if none. Checked in parse. */
    size_t num_revoked;
    enum mse_sig_alg sig_alg;
    struct mse_bytes signature;
};
/* nextUpdate is required (Intel's always have it); unknown critical extensions, indirect and delta
 * CRLs are refused. */
MSE_MUST_USE mse_status mse_crl_parse(struct mse_crl *out, struct mse_bytes der,
                                      struct mse_error *err);
MSE_MUST_USE mse_status mse_crl_verify(struct mse_curve *curve, const struct mse_crl *crl,
                                       const struct mse_pubkey *issuer_key);
/* serial: without leading zero octets, as struct mse_cert has it. */
MSE_MUST_USE bool mse_crl_is_revoked(const struct mse_crl *crl, struct mse_bytes serial);
/* Walks the entries: start with *it = crl->revoked; false at the end. */
MSE_MUST_USE bool mse_crl_next(struct mse_bytes *it, struct mse_bytes *serial, mse_time *date);

/* mse_pem_next decodes the next "-----BEGIN label-----" block of *in into out (cap bytes; their
 * content is undefined on failure) and advances *in behind it. Strict: base64 lines of 64 columns
 * (or all of 76), the last may be shorter; LF or CRLF; nothing but ends of lines, and one NUL at
 * the very end, around blocks. MSE_ERR_NOT_FOUND when only that is left, MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_pem_next(struct mse_bytes *in, const char *label, uint8_t *out,
                                     size_t cap, size_t *out_len);
/* mse_pem_write appends one block. */
struct mse_build;
void mse_pem_write(struct mse_build *b, const char *label, struct mse_bytes der);

#endif
