/* SPDX-License-Identifier: Apache-2.0 */
/* mse home sign-upgrade: the owner lets one version of his app inherit the storage of another. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "crypto/sign.h"
#include "package/upgrade.h"

#define MAX_PEM ((size_t)65536)

static bool read_fingerprint(uint8_t out[32], const struct cli *c, const char *option)
{
    const char *text = cli_value(c, option);
    return text != NULL && mse_hex_decode(out, 32, mse_bytes_str(text));
}

static mse_status sign(struct mse_build *out, const struct cli *c, const struct mse_upgrade *u,
                       struct mse_error *err)
{
    uint8_t message[MSE_UPGRADE_MESSAGE_LEN];
    struct cli_file pem = { 0 };
    struct mse_privkey *key = NULL;
    mse_status st = cli_file_read(&pem, cli_value(c, "key"), MAX_PEM, err);
    st = st == MSE_OK ? mse_privkey_from_pem(&key, cli_file_view(&pem), err) : st;
    mse_upgrade_message(message, u);
    st = st == MSE_OK ? mse_privkey_sign(key, out, mse_bytes_of(message, sizeof message)) : st;
    mse_privkey_free(key);
    cli_file_clear(&pem);
    return st;
}

enum cli_exit cmd_home_sign_upgrade(struct cli *c)
{
    uint8_t from[32];
    uint8_t to[32];
    struct mse_error err = { 0 };
    struct mse_build signature;
    const struct mse_upgrade u = { .from = from, .to = to };
    if (!cli_has(c, "key") || !cli_has(c, "output") || !read_fingerprint(from, c, "from") ||
        !read_fingerprint(to, c, "to")) {
        return cli_trouble(c, "wanted --key PEM, --output FILE, and --from and --to, fingerprints "
                              "of 64 hexadecimal digits");
    }
    mse_build_heap(&signature, MSE_UPGRADE_SIGNATURE_MAX);
    mse_status st = sign(&signature, c, &u, &err);
    if (st == MSE_OK) {
        st = cli_newfile_put(cli_value(c, "output"), mse_build_view(&signature), 0644,
                             cli_has(c, "force"), &err);
    }
    mse_build_clear(&signature);
    if (st != MSE_OK) {
        return cli_newfile_failed(c, st, &err);
    }
    cli_say(c, "Written: %s", cli_value(c, "output"));
    cli_say(c, "%s may inherit the storage of %s", cli_value(c, "to"), cli_value(c, "from"));
    return CLI_DONE;
}
