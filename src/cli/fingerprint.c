/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint from a context and plain code, and the runtime that it depends on. */
#include <stdio.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/gramine.h"
#include "cli/machine.h"
#include "cli/signed_list.h"
#include "cmd/files.h"
#include "conf/lists.h"
#include "crypto/digest.h"
#include "package/code.h"
#include "package/gramine.h"
#include "runtime_digest.h"

#define LIST_MAX_LEN    ((size_t)1024 * 1024)
#define RUNTIME_MAX_LEN ((size_t)256 * 1024 * 1024)

/* Where mse-enclave may lie, relative to the folder of this program. */
static const char *const places[] = { "mse-enclave", "../enclave/mse-enclave",
                                      "../libexec/mse/mse-enclave", "../lib/mse/mse-enclave" };

static char *find_runtime(const struct cli *c)
{
    if (cli_has(c, "runtime")) {
        return strdup(cli_value(c, "runtime"));
    }
    return cli_find_beside(places, MSE_ARRAY_LEN(places), MSE_LIBEXEC "/mse-enclave");
}

mse_status cli_runtime_load(struct cli_file *out, char **out_path, const struct cli *c,
                            uint8_t out_sha256[32], struct mse_error *err)
{
    char *path = find_runtime(c);
    if (path == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "runtime",
                        "no mse-enclave beside mse nor in " MSE_LIBEXEC ": name it with --runtime");
    }
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, path, RUNTIME_MAX_LEN, err);
    if (st == MSE_OK && mse_sha256(out_sha256, cli_file_view(&f)) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, "runtime", "SHA-256 failed");
    }
    if (st != MSE_OK) {
        cli_file_clear(&f);
        free(path);
        return st;
    }
    *out = f;
    if (out_path != NULL) {
        *out_path = path;
    } else {
        free(path);
    }
    return MSE_OK;
}

static bool is_named(const struct cli *c, const char *option, const uint8_t sha256[32])
{
    uint8_t known[32];
    for (size_t i = 0; i < cli_num_values(c, option); i++) {
        const char *hex = cli_value_at(c, option, i);
        if (mse_hex_decode(known, sizeof known, mse_bytes_str(hex)) &&
            mse_mem_equal(known, sha256, sizeof known)) {
            return true;
        }
    }
    return false;
}

static mse_status check_list_signature(const struct cli *c, struct mse_bytes list,
                                       const char *list_path, struct mse_error *err)
{
    bool pinned = false;
    char *key = cli_list_key_path(&pinned, c, "reference-key", "reference.pem");
    mse_status st = key == NULL ? MSE_FAIL(err, MSE_ERR_NOT_FOUND, "reference",
                                           "--reference needs --reference-key")
                                : cli_list_signed(list, list_path, key, err);
    free(key);
    return st;
}

static bool is_built_in(const uint8_t sha256[32])
{
    uint8_t known[32];
    return mse_hex_decode(known, sizeof known, mse_bytes_str(MSE_RUNTIME_DIGEST)) &&
           mse_mem_equal(known, sha256, sizeof known);
}

mse_status cli_digest_known(bool *out, const struct cli *c, const char *kind,
                            const uint8_t sha256[32], struct mse_error *err)
{
    char option[32];
    const char *path = cli_value(c, "reference");
    struct cli_file f = { 0 };
    bool listed = false;
    mse_status st = MSE_OK;
    if (path != NULL) {
        st = cli_file_read(&f, path, LIST_MAX_LEN, err);
        st = st == MSE_OK ? check_list_signature(c, cli_file_view(&f), path, err) : st;
        st = st == MSE_OK ? mse_digests_find(&listed, path, cli_file_view(&f), kind, sha256, err)
                          : st;
        cli_file_clear(&f);
    }
    if (st == MSE_OK) {
        (void)snprintf(option, sizeof option, "allow-%s", kind);
        *out = listed || is_named(c, option, sha256);
    }
    return st;
}

mse_status cli_runtime_known(bool *out, const struct cli *c, const uint8_t sha256[32],
                             struct mse_error *err)
{
    bool known = false;
    mse_status st = cli_digest_known(&known, c, "runtime", sha256, err);
    if (st == MSE_OK) {
        *out = known || is_built_in(sha256);
    }
    return st;
}

mse_status cli_digest_wanted(const struct cli *c, const char *kind, const uint8_t sha256[32],
                             struct mse_error *err)
{
    bool known = false;
    char hex[65];
    mse_status st = strcmp(kind, "runtime") == 0 ? cli_runtime_known(&known, c, sha256, err)
                                                 : cli_digest_known(&known, c, kind, sha256, err);
    if (st == MSE_OK && !known) {
        mse_hex_encode(hex, mse_bytes_of(sha256, 32));
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, kind,
                      "the context names the %s %.16s..., which this mse does not know "
                      "(--allow-%s %s accepts it, or a signed list: --reference)",
                      kind, hex, kind, hex);
    }
    return st;
}

static mse_status check_runtime(const struct cli *c, const struct cli_app *a,
                                const uint8_t sha256[32], struct mse_error *err)
{
    char want[65];
    char seen[65];
    mse_status st = cli_digest_wanted(c, "runtime", a->manifest.runtime, err);
    if (st == MSE_OK && !mse_mem_equal(sha256, a->manifest.runtime, 32)) {
        mse_hex_encode(want, mse_bytes_of(a->manifest.runtime, 32));
        mse_hex_encode(seen, mse_bytes_of(sha256, 32));
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "runtime",
                      "the mse-enclave here has SHA-256 %.16s..., the context wants %.16s... "
                      "(--runtime names another file)",
                      seen, want);
    }
    return st;
}

/* The manifest as it would be with the code that was seen. */
static mse_status manifest_with(struct mse_build *out, const struct cli_app *a,
                                const uint8_t code[32], struct mse_error *err)
{
    struct mse_manifest m = a->manifest; /* shares the strings, only read */
    memcpy(m.code_digest, code, sizeof m.code_digest);
    return mse_manifest_write(out, &m, err);
}

/* --layout says what is expected, it chooses nothing: the context does. */
static mse_status check_layout(const struct cli *c, const struct cli_app *a, struct mse_error *err)
{
    const char *wanted = cli_value(c, "layout");
    if (wanted == NULL || strcmp(wanted, a->context.layout) == 0) {
        return MSE_OK;
    }
    return MSE_FAIL(err, MSE_ERR_CONFIG, "layout", "--layout is %.40s, but the context says %.40s",
                    wanted, a->context.layout);
}

static mse_status measure_sim(uint8_t out[32], const struct cli *c, const struct cli_app *a,
                              struct mse_bytes manifest, struct mse_error *err)
{
    struct cli_file runtime = { 0 };
    uint8_t sha256[32];
    mse_status st = cli_runtime_load(&runtime, NULL, c, sha256, err);
    if (st == MSE_OK) {
        st = check_runtime(c, a, sha256, err);
    }
    if (st == MSE_OK) {
        struct mse_sim_layout l = { cli_file_view(&runtime), manifest, a->manifest.enclave_size,
                                    MSE_SIM_THREADS };
        st = mse_measure_sim(out, &l, err);
    }
    cli_file_clear(&runtime);
    return st;
}

/* The runtime lies in the image, and what that is measured as is the verifier's own to say. */
static mse_status measure_machine(uint8_t out[32], const struct cli *c, const struct cli_app *a,
                                  struct mse_bytes manifest, struct mse_error *err)
{
    struct cli_machine m;
    bool is_tdx = strcmp(a->context.layout, CLI_LAYOUT_TDX) == 0;
    mse_status st = cli_digest_wanted(c, "runtime", a->manifest.runtime, err);
    st = st == MSE_OK ? cli_machine_load(&m, c, is_tdx, err) : st;
    return st == MSE_OK ? cli_machine_fingerprint(out, &m, manifest) : st;
}

static mse_status measure(uint8_t out[32], const struct cli *c, const struct cli_app *a,
                          struct mse_bytes manifest, struct mse_error *err)
{
    const char *layout = a->context.layout;
    if (strcmp(layout, MSE_GRAMINE_LAYOUT) == 0) {
        return cli_gramine_measure(out, c, a, manifest, err);
    }
    bool machine = strcmp(layout, CLI_LAYOUT_TDX) == 0 || strcmp(layout, CLI_LAYOUT_SNP) == 0;
    return machine ? measure_machine(out, c, a, manifest, err)
                   : measure_sim(out, c, a, manifest, err);
}

mse_status cli_fingerprint_make(struct cli_fingerprint *out, const struct cli *c,
                                const struct cli_app *a, const char *code_dir,
                                struct mse_error *err)
{
    struct cli_fingerprint fp = { 0 };
    struct mse_build manifest;
    mse_status st = check_layout(c, a, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&manifest, MSE_MANIFEST_MAX_LEN);
    st = mse_code_digest(fp.code_seen, code_dir, a->context.code_salt, true, err);
    if (st == MSE_OK) {
        st = manifest_with(&manifest, a, fp.code_seen, err);
    }
    if (st == MSE_OK) {
        st = measure(fp.value, c, a, mse_build_view(&manifest), err);
    }
    if (st == MSE_OK) {
        fp.code_differs = !mse_mem_equal(fp.code_seen, a->manifest.code_digest, 32);
        *out = fp;
    }
    mse_build_clear(&manifest);
    return st;
}
