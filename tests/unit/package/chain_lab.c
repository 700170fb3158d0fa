/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/package/chain_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void must(int ok)
{
    if (ok != 1) {
        (void)fprintf(stderr, "chain_lab: libcrypto failed\n");
        abort();
    }
}

static void add_ext(X509 *x, int nid, const char *value)
{
    if (value != NULL) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        must(e != NULL && X509_add_ext(x, e, -1) == 1);
        X509_EXTENSION_free(e);
    }
}

X509 *chain_lab_cert(const struct chain_spec *s, EVP_PKEY *key, const X509 *issuer,
                     EVP_PKEY *issuer_key)
{
    static long serial;
    X509 *x = X509_new();
    must(x != NULL && X509_set_version(x, 2) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(x), s->from) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(x), s->until) != NULL);
    X509_NAME *name = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)s->cn, -1, -1,
                                    0));
    must(X509_set_issuer_name(x, issuer == NULL ? name : X509_get_subject_name(issuer)));
    must(X509_set_pubkey(x, key));
    add_ext(x, NID_basic_constraints, s->basic);
    add_ext(x, NID_key_usage, s->usage);
    add_ext(x, NID_subject_alt_name, s->san);
    must(X509_sign(x, issuer == NULL ? key : issuer_key, EVP_sha256()) > 0);
    return x;
}

static void take_text(char out[CHAIN_LAB_PEM], BIO *b)
{
    char *text = NULL;
    long len = BIO_get_mem_data(b, &text);
    size_t have = strlen(out);
    must(len > 0 && have + (size_t)len < CHAIN_LAB_PEM);
    memcpy(out + have, text, (size_t)len);
    out[have + (size_t)len] = '\0';
    BIO_free(b);
}

void chain_lab_add(char out[CHAIN_LAB_PEM], X509 *cert)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(b != NULL && PEM_write_bio_X509(b, cert) == 1);
    take_text(out, b);
}

void chain_lab_key(char out[CHAIN_LAB_PEM], const EVP_PKEY *key, const char *password)
{
    BIO *b = BIO_new(BIO_s_mem());
    int len = password == NULL ? 0 : (int)strlen(password);
    must(b != NULL && PEM_write_bio_PKCS8PrivateKey(b, key, len > 0 ? EVP_aes_128_cbc() : NULL,
                                                    password, len, NULL, NULL) == 1);
    out[0] = '\0';
    take_text(out, b);
}

void chain_lab_init(struct chain_lab *l, const char *name)
{
    char san[300];
    const struct chain_spec ca = { .cn = "CA",
                                   .basic = "critical,CA:TRUE",
                                   .usage = "critical,keyCertSign",
                                   .from = -60,
                                   .until = 86400 };
    const struct chain_spec leaf = { .cn = "leaf",
                                     .san = san,
                                     .basic = "critical,CA:FALSE",
                                     .usage = "critical,digitalSignature",
                                     .from = -60,
                                     .until = 43200 };
    memset(l, 0, sizeof *l);
    (void)snprintf(san, sizeof san, "DNS:%s", name);
    l->ca_key = EVP_EC_gen("P-256");
    l->key = EVP_EC_gen("P-256");
    must(l->ca_key != NULL && l->key != NULL);
    l->ca = chain_lab_cert(&ca, l->ca_key, NULL, NULL);
    l->leaf = chain_lab_cert(&leaf, l->key, l->ca, l->ca_key);
    chain_lab_add(l->chain, l->leaf);
    chain_lab_add(l->chain, l->ca);
    chain_lab_key(l->key_pem, l->key, NULL);
}

void chain_lab_clear(struct chain_lab *l)
{
    X509_free(l->leaf);
    X509_free(l->ca);
    EVP_PKEY_free(l->key);
    EVP_PKEY_free(l->ca_key);
}
