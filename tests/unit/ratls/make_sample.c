/* SPDX-License-Identifier: Apache-2.0 */
/* make_sample FOLDER HOST [X25519-KEY]: writes a certificate as the runtime makes it, and its key,
 * into the folder: for the clients that check_clients starts, and for sealing to an enclave; and
 * the same of profile R2, with its CA and, as no enclave has it any more, the CA's key. */
#include "lab.h"

#include "base/bytes.h"
#include "crypto/x509.h"

static void write_pem(const char *dir, const char *name, struct mse_build *b)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(mse_build_ok(b));
    test_write_file(path, mse_build_view(b));
    mse_build_clear(b);
}

static void write_key(const char *dir, const char *name, const struct mse_privkey *key)
{
    struct mse_build pem;
    mse_build_heap(&pem, 65536);
    assert_status(mse_privkey_to_pem(key, &pem), MSE_OK);
    write_pem(dir, name, &pem);
}

static void write_cert(const char *dir, const char *name, const struct mse_build *der)
{
    struct mse_build pem;
    mse_build_heap(&pem, 65536);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(der));
    write_pem(dir, name, &pem);
}

/* leaf.pem, ca.pem, ca.key; the leaf's key is key.pem. */
static void write_r2(struct lab *l, const char *dir, struct mse_ratls_cert_params p)
{
    struct mse_privkey *key = NULL;
    uint8_t sha256[32];
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    assert_status(mse_privkey_spki_sha256(key, sha256), MSE_OK);
    const struct mse_ratls_claims_params claims = { .role = MSE_ROLE_SERVER_STATIC,
                                                    .ca_sha256 = mse_bytes_of(sha256, 32) };
    const struct mse_ratls_ca_params ca = {
        .key = key, .dns_name = p.dns_name, .not_before = p.not_before, .not_after = p.not_after
    };
    lab_evidence(l, &claims);
    p.evidence = mse_build_view(&l->evidence);
    p.legacy_quote = mse_bytes_of(NULL, 0);
    p.ca = key;
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    write_cert(dir, "leaf.pem", &l->cert);
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_ca_make(&l->cert, &ca, NULL), MSE_OK);
    write_cert(dir, "ca.pem", &l->cert);
    write_key(dir, "ca.key", key);
    mse_privkey_free(key);
}

int main(int argc, char **argv)
{
    void *state = NULL;
    if (argc < 3 || argc > 4 || lab_setup(&state) != 0) {
        return 2;
    }
    struct lab *l = state;
    struct mse_bytes x25519 = argc > 3 ? test_read_file(argv[3]) : mse_bytes_of(NULL, 0);
    const struct mse_ratls_claims_params claims = { .role = MSE_ROLE_SERVER_STATIC,
                                                    .x25519 = x25519 };
    lab_evidence(l, &claims);
    free((void *)(uintptr_t)x25519.data);
    const struct mse_ratls_cert_params p = { .key = l->key,
                                             .dns_name = argv[2],
                                             .not_before = (mse_time)time(NULL) - 3600,
                                             .not_after = (mse_time)time(NULL) + LAB_DAY,
                                             .evidence = mse_build_view(&l->evidence),
                                             .legacy_quote = mse_build_view(&l->quote) };
    mse_build_reset(&l->cert);
    assert_status(mse_ratls_cert_make(&l->cert, &p, NULL), MSE_OK);
    write_cert(argv[1], "cert.pem", &l->cert);
    write_key(argv[1], "key.pem", l->key);
    write_r2(l, argv[1], p);
    return lab_teardown(&state);
}
