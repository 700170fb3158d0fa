/* SPDX-License-Identifier: Apache-2.0 */
/* make_sample FOLDER HOST [X25519-KEY]: writes a certificate as the runtime makes it, and its key,
 * into the folder: for the clients that check_clients starts, and for sealing to an enclave. */
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

int main(int argc, char **argv)
{
    void *state = NULL;
    if (argc < 3 || argc > 4 || lab_setup(&state) != 0) {
        return 2;
    }
    struct lab *l = state;
    struct mse_build pem;
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
    mse_build_heap(&pem, 65536);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&l->cert));
    write_pem(argv[1], "cert.pem", &pem);
    mse_build_heap(&pem, 65536);
    assert_status(mse_privkey_to_pem(l->key, &pem), MSE_OK);
    write_pem(argv[1], "key.pem", &pem);
    return lab_teardown(&state);
}
