/* SPDX-License-Identifier: Apache-2.0 */
#include "enclave/client_ca.h"

#include <fcntl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "os/dir_file.h"
#include "package/owner_chain.h"

#define STEP "client_ca"

static bool is_needed(const struct mse_manifest *m)
{
    return !mse_mem_is_zero(m->client_ca, sizeof m->client_ca);
}

/* Whether out has, behind before, the certificate of the manifest; from: where it came from. */
static mse_status check(struct mse_build *out, size_t before, const char *from,
                        const struct mse_manifest *m, struct mse_error *err)
{
    uint8_t digest[32];
    mse_status st = mse_sha256(digest, mse_bytes_of(out->data + before, out->len - before));
    if (st == MSE_OK && !mse_mem_equal(digest, m->client_ca, sizeof digest)) {
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP,
                      "%s is not the certificate that the manifest names", from);
    }
    out->len = st == MSE_OK ? out->len : before;
    return st;
}

mse_status mse_client_ca_take(struct mse_build *out, const char *hex, const struct mse_manifest *m,
                              struct mse_error *err)
{
    struct mse_bytes text = mse_bytes_str(hex == NULL ? "" : hex);
    size_t before = out->len;
    bool needed = is_needed(m);
    if (needed != (hex != NULL)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        needed ? "the manifest names the CA of clients, and --client-ca is missing"
                               : "--client-ca is there, and the manifest names no CA of clients");
    }
    if (!needed) {
        return MSE_OK;
    }
    uint8_t *room = text.len > 2 * MSE_OWNER_CHAIN_MAX ? NULL : mse_wr_space(out, text.len / 2);
    if (room == NULL || !mse_hex_decode(room, text.len / 2, text)) {
        out->len = before;
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "--client-ca is no certificate in digits");
    }
    return check(out, before, "--client-ca", m, err);
}

mse_status mse_client_ca_file(struct mse_build *out, const char *path, const struct mse_manifest *m,
                              struct mse_error *err)
{
    size_t before = out->len;
    if (!is_needed(m)) {
        return MSE_OK;
    }
    mse_status st = mse_dir_file_read(out, AT_FDCWD, path, NULL);
    if (st != MSE_OK) {
        out->len = before;
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        "the manifest names the CA of clients, and %s cannot be read: %s", path,
                        mse_status_text(st));
    }
    return check(out, before, path, m, err);
}
