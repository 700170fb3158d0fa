/* SPDX-License-Identifier: Apache-2.0 */
/* See gramine.h. */
#include "cli/gramine.h"

#include <sys/stat.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "package/gramine.h"

#define LIBPAL_MAX ((size_t)256 * 1024 * 1024)

static mse_status need(const struct cli *c, const char *option, const char *what,
                       struct mse_error *err)
{
    return cli_has(c, option)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, "layout",
                          "layout " MSE_GRAMINE_LAYOUT " needs --%s: %s", option, what);
}

static mse_status load_rootfs(struct mse_build *out, const struct cli *c, struct mse_error *err)
{
    struct stat sb;
    struct cli_file f = { 0 };
    const char *path = cli_value(c, "rootfs");
    mse_status st = need(c, "rootfs", "its folder, or the list of it", err);
    if (st != MSE_OK) {
        return st;
    }
    if (stat(path, &sb) == 0 && S_ISDIR(sb.st_mode)) {
        return mse_rootfs_list(out, path, err);
    }
    st = cli_file_read(&f, path, MSE_ROOTFS_MAX_LEN, err);
    if (st == MSE_OK) {
        mse_wr_bytes(out, cli_file_view(&f));
    }
    cli_file_clear(&f);
    return st;
}

mse_status cli_gramine_manifest(struct mse_build *out, const struct cli *c, const struct cli_app *a,
                                struct mse_bytes text, struct mse_error *err)
{
    struct mse_build rootfs;
    mse_build_heap(&rootfs, MSE_ROOTFS_MAX_LEN);
    mse_status st = load_rootfs(&rootfs, c, err);
    if (st == MSE_OK) {
        st = mse_gramine_manifest(out, &a->manifest, text, mse_build_view(&rootfs), err);
    }
    mse_build_clear(&rootfs);
    return st;
}

mse_status cli_gramine_loader(uint8_t sha256[32], const struct cli *c, struct mse_error *err)
{
    struct cli_file libpal = { 0 };
    mse_status st = need(c, "libpal", "its loader, libpal.so", err);
    st = st == MSE_OK ? cli_file_read(&libpal, cli_value(c, "libpal"), LIBPAL_MAX, err) : st;
    st = st == MSE_OK ? mse_sha256(sha256, cli_file_view(&libpal)) : st;
    cli_file_clear(&libpal);
    return st;
}

static mse_status check_loader(const struct cli_app *a, struct mse_bytes libpal,
                               struct mse_error *err)
{
    uint8_t digest[32];
    char seen[65];
    char wanted[65];
    mse_status st = mse_sha256(digest, libpal);
    if (st != MSE_OK || mse_mem_equal(digest, a->context.loader_digest, sizeof digest)) {
        return st;
    }
    mse_hex_encode(seen, mse_bytes_of(digest, 32));
    mse_hex_encode(wanted, mse_bytes_of(a->context.loader_digest, 32));
    return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "loader",
                    "the file of --libpal has SHA-256 %.16s..., the context wants %.16s...", seen,
                    wanted);
}

static mse_status measure(uint8_t out[32], const struct cli *c, const struct cli_app *a,
                          struct mse_bytes libpal, struct mse_bytes text, struct mse_error *err)
{
    struct mse_build toml;
    mse_build_heap(&toml, MSE_GRAMINE_MANIFEST_MAX);
    mse_status st = cli_gramine_manifest(&toml, c, a, text, err);
    if (st == MSE_OK) {
        st = mse_measure_gramine(out, libpal, mse_build_view(&toml), err);
    }
    mse_build_clear(&toml);
    return st;
}

mse_status cli_gramine_measure(uint8_t out[32], const struct cli *c, const struct cli_app *a,
                               struct mse_bytes text, struct mse_error *err)
{
    struct cli_file libpal = { 0 };
    mse_status st = need(c, "libpal", "its loader, libpal.so", err);
    st = st == MSE_OK ? cli_digest_wanted(c, "runtime", a->manifest.runtime, err) : st;
    st = st == MSE_OK ? cli_digest_wanted(c, "loader", a->context.loader_digest, err) : st;
    st = st == MSE_OK ? cli_digest_wanted(c, "rootfs", a->manifest.rootfs.digest, err) : st;
    st = st == MSE_OK ? cli_file_read(&libpal, cli_value(c, "libpal"), LIBPAL_MAX, err) : st;
    st = st == MSE_OK ? check_loader(a, cli_file_view(&libpal), err) : st;
    st = st == MSE_OK ? measure(out, c, a, cli_file_view(&libpal), text, err) : st;
    cli_file_clear(&libpal);
    return st;
}
