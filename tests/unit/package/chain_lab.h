/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys of any kind for the tests of owners' certificates. It aborts on trouble. */
#ifndef TESTS_UNIT_PACKAGE_CHAIN_LAB_H
#define TESTS_UNIT_PACKAGE_CHAIN_LAB_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#define CHAIN_LAB_PEM 8192

struct chain_spec {
    const char *cn;
    const char *san;   /* "DNS:a,DNS:b"; NULL: none */
    const char *basic; /* basicConstraints; NULL: none */
    const char *usage; /* keyUsage; NULL: none */
    long from;         /* seconds from now */
    long until;
};
/* A certificate of this key; issuer NULL: self-signed. */
X509 *chain_lab_cert(const struct chain_spec *s, EVP_PKEY *key, const X509 *issuer,
                     EVP_PKEY *issuer_key);
/* Appends PEM to the text in out. */
void chain_lab_add(char out[CHAIN_LAB_PEM], X509 *cert);
/* The key as PEM; password NULL: unencrypted. */
void chain_lab_key(char out[CHAIN_LAB_PEM], const EVP_PKEY *key, const char *password);

/* A CA and a leaf of its for this name, the usual case. */
struct chain_lab {
    EVP_PKEY *ca_key;
    EVP_PKEY *key;
    X509 *ca;
    X509 *leaf;
    char chain[CHAIN_LAB_PEM];
    char key_pem[CHAIN_LAB_PEM];
};
void chain_lab_init(struct chain_lab *l, const char *name);
void chain_lab_clear(struct chain_lab *l);

#endif
