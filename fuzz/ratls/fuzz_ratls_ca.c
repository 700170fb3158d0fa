/* SPDX-License-Identifier: Apache-2.0 */
/* The CA that comes along with a certificate: one whose key the claims name is accepted only if
 * OpenSSL, too, finds it harmless, and finds that it signed the certificate. */
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static X509 *parse(struct mse_bytes der)
{
    const unsigned char *p = der.data;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    MSE_ASSERT(x != NULL && p == der.data + der.len);
    return x;
}

static void assert_harmless(X509 *ca)
{
    int critical = 0;
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints, &critical, NULL);
    MSE_ASSERT(X509_check_ca(ca) == 1 && X509_get_pathlen(ca) == 0);
    MSE_ASSERT(X509_get_key_usage(ca) == KU_KEY_CERT_SIGN);
    MSE_ASSERT(X509_get_extended_key_usage(ca) == XKU_SSL_SERVER);
    MSE_ASSERT(nc != NULL && critical == 1);
    MSE_ASSERT(sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) == 1);
    MSE_ASSERT(sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) == 3);
    MSE_ASSERT(X509_self_signed(ca, 1) == 1);
    NAME_CONSTRAINTS_free(nc);
}

static void assert_good(const struct mse_ratls_cert *c)
{
    X509 *leaf = parse(c->der);
    X509 *ca = parse(c->ca);
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    assert_harmless(ca);
    MSE_ASSERT(X509_verify(leaf, X509_get0_pubkey(ca)) == 1);
    MSE_ASSERT(nc != NULL && NAME_CONSTRAINTS_check(leaf, nc) == X509_V_OK);
    NAME_CONSTRAINTS_free(nc);
    X509_free(leaf);
    X509_free(ca);
}

static void assert_status_of_ca(mse_status st)
{
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_MALFORMED || st == MSE_ERR_CRYPTO ||
               (st >= MSE_ERR_CA_MISSING && st <= MSE_ERR_CA_SIGNATURE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_ratls_cert c = { .form = MSE_RATLS_DICE };
    uint8_t sha256[32] = { 0 };
    bool has_ca = false;
    struct mse_error err = { .status = MSE_OK };
    if (!mse_ratls_split(&c.der, &c.ca, mse_bytes_of(data, size))) {
        MSE_ASSERT(c.der.data == NULL && c.ca.data == NULL);
        return 0;
    }
    MSE_ASSERT(c.der.len + c.ca.len == size);
    MSE_ASSERT(mse_ratls_check_ca(&c, NULL) == MSE_ERR_CA_NOT_CLAIMED);
    bool hashed = mse_ratls_ca_sha256(sha256, &has_ca, mse_bytes_of(data, size)) == MSE_OK;
    MSE_ASSERT(!hashed || has_ca == (c.ca.len > 0));
    c.claims.ca_hash = mse_bytes_of(sha256, 32);
    mse_status st = mse_ratls_check_ca(&c, &err);
    MSE_ASSERT(st == err.status);
    assert_status_of_ca(st);
    if (st == MSE_OK) {
        MSE_ASSERT(hashed && has_ca);
        assert_good(&c);
        sha256[31] ^= 1;
        MSE_ASSERT(mse_ratls_check_ca(&c, NULL) == MSE_ERR_CA_MISMATCH);
    }
    return 0;
}
