/* SPDX-License-Identifier: Apache-2.0 */
/* See presented.h. */
#include "ratls/presented.h"

#include <openssl/ssl.h>

#include "ratls/profile.h"

static X509 *only_other(const X509 *cert, const STACK_OF(X509) * chain)
{
    int num = chain == NULL ? 0 : sk_X509_num(chain);
    int first = num > 0 && X509_cmp(sk_X509_value(chain, 0), cert) == 0 ? 1 : 0;
    return num - first == 1 ? sk_X509_value(chain, first) : NULL;
}

unsigned char *mse_ratls_presented(size_t *len, X509 *cert, const STACK_OF(X509) * chain)
{
    X509 *other = only_other(cert, chain);
    int cert_len = i2d_X509(cert, NULL);
    int other_len = other == NULL ? 0 : i2d_X509(other, NULL);
    if (cert_len <= 0 || other_len < 0) {
        return NULL;
    }
    size_t total = (size_t)cert_len + (size_t)other_len;
    unsigned char *out = OPENSSL_malloc(total);
    unsigned char *end = out;
    if (out == NULL || i2d_X509(cert, &end) != cert_len ||
        (other != NULL && i2d_X509(other, &end) != other_len)) {
        OPENSSL_free(out);
        return NULL;
    }
    *len = total;
    return out;
}

bool mse_ratls_use_certs(struct ssl_ctx_st *ctx, struct mse_bytes ders)
{
    struct mse_bytes cert;
    struct mse_bytes ca;
    if (ders.len > INT32_MAX || !mse_ratls_split(&cert, &ca, ders) ||
        SSL_CTX_use_certificate_ASN1(ctx, (int)cert.len, cert.data) != 1) {
        return false;
    }
    const unsigned char *p = ca.data;
    X509 *x = ca.len == 0 ? NULL : d2i_X509(NULL, &p, (long)ca.len);
    bool good = ca.len == 0 || (x != NULL && SSL_CTX_add1_chain_cert(ctx, x) == 1);
    X509_free(x);
    return good;
}
