/* SPDX-License-Identifier: Apache-2.0 */
/* See certs.h. */
#include "cli/certs.h"

#include "base/error.h"
#include "cmd/files.h"
#include "crypto/x509.h"

#define MAX_PEM ((size_t)256 * 1024)

bool cli_has_ca(const struct mse_ratls_cert *c)
{
    return c->claims.ca_hash.len > 0;
}

mse_status cli_trusted(struct mse_bytes *out, const struct mse_ratls_cert *c, struct mse_error *err)
{
    mse_status st = cli_has_ca(c) ? mse_ratls_check_ca(c, err) : MSE_OK;
    if (st == MSE_OK) {
        *out = cli_has_ca(c) ? c->ca : c->der;
    }
    return st;
}

mse_status cli_save_trusted(const char *path, const struct mse_ratls_cert *c, struct mse_error *err)
{
    struct mse_build pem;
    struct mse_bytes der;
    mse_status st = cli_trusted(&der, c, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&pem, MAX_PEM);
    mse_pem_write(&pem, "CERTIFICATE", der);
    st = mse_build_ok(&pem) ? cli_file_write(path, mse_build_view(&pem), 0644, err)
                            : MSE_FAIL(err, MSE_ERR_NO_SPACE, "certificate", "it is too large");
    mse_build_clear(&pem);
    return st;
}
