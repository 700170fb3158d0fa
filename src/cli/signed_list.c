/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signed_list.h"

#include "base/bytes.h"
#include "base/error.h"
#include "cmd/files.h"
#include "crypto/sign.h"
#include "crypto/x509.h"

#define KEY_MAX_LEN ((size_t)64 * 1024)
#define SIG_MAX_LEN 4096

char *cli_list_key_path(bool *out_pinned, const struct cli *c, const char *option, const char *name)
{
    const char *given = cli_value(c, option);
    char *path = given != NULL ? strdup(given) : cli_conf_path(name);
    *out_pinned = given != NULL || (path != NULL && cli_file_exists(path));
    return path;
}

/* P-256, PEM. */
static mse_status read_key(uint8_t spki[256], struct mse_pubkey *out, const char *path,
                           struct mse_error *err)
{
    struct cli_file f = { 0 };
    size_t len = 0;
    mse_status st = cli_file_read(&f, path, KEY_MAX_LEN, err);
    struct mse_bytes pem = cli_file_view(&f);
    if (st == MSE_OK &&
        (mse_pem_next(&pem, "PUBLIC KEY", spki, 256, &len) != MSE_OK ||
         !mse_pubkey_parse(out, mse_bytes_of(spki, len)) || out->type != MSE_KEY_P256)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "list", "%.150s: wanted a public key on P-256 in PEM",
                      path);
    }
    cli_file_clear(&f);
    return st;
}

mse_status cli_list_signed(struct mse_bytes list, const char *path, const char *key_path,
                           struct mse_error *err)
{
    uint8_t spki[256];
    struct mse_pubkey key;
    struct cli_file sig = { 0 };
    char *name = NULL;
    mse_status st = read_key(spki, &key, key_path, err);
    if (st != MSE_OK) {
        return st;
    }
    if (asprintf(&name, "%s.sig", path) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "list", "out of memory");
    }
    st = cli_file_read(&sig, name, SIG_MAX_LEN, err);
    if (st == MSE_OK &&
        mse_verify(NULL, &key, MSE_SIG_ECDSA_SHA256, cli_file_view(&sig), list) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_SIGNATURE, "list", "%.150s: the pinned key did not sign %.80s",
                      name, path);
    }
    cli_file_clear(&sig);
    free(name);
    return st;
}
