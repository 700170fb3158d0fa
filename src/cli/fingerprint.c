/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint from a context and plain code, and the runtime that it depends on. */
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/files.h"
#include "crypto/digest.h"
#include "package/code.h"
#include "runtime_digest.h"

#define RUNTIME_MAX_LEN ((size_t)256 * 1024 * 1024)

/* Where mse-enclave may lie, relative to the folder of this program. */
static const char *const places[] = { "mse-enclave", "../enclave/mse-enclave",
                                      "../libexec/mse/mse-enclave", "../lib/mse/mse-enclave" };

static char *own_folder(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) {
        return NULL;
    }
    path[n] = '\0';
    return cli_folder_of(path);
}

static char *find_runtime(const struct cli *c)
{
    if (cli_has(c, "runtime")) {
        return strdup(cli_value(c, "runtime"));
    }
    char *dir = own_folder();
    char *found = NULL;
    for (size_t i = 0; dir != NULL && found == NULL && i < MSE_ARRAY_LEN(places); i++) {
        found = cli_join(dir, places[i]);
        if (found != NULL && access(found, R_OK) != 0) {
            free(found);
            found = NULL;
        }
    }
    free(dir);
    if (found == NULL && access(MSE_LIBEXEC "/mse-enclave", R_OK) == 0) {
        found = strdup(MSE_LIBEXEC "/mse-enclave");
    }
    return found;
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

bool cli_runtime_known(const struct cli *c, const uint8_t sha256[32])
{
    uint8_t known[32];
    if (mse_hex_decode(known, sizeof known, mse_bytes_str(MSE_RUNTIME_DIGEST)) &&
        mse_mem_equal(known, sha256, sizeof known)) {
        return true;
    }
    for (size_t i = 0; i < cli_num_values(c, "allow-runtime"); i++) {
        const char *hex = cli_value_at(c, "allow-runtime", i);
        if (mse_hex_decode(known, sizeof known, mse_bytes_str(hex)) &&
            mse_mem_equal(known, sha256, sizeof known)) {
            return true;
        }
    }
    return false;
}

static mse_status check_runtime(const struct cli *c, const struct cli_app *a,
                                const uint8_t sha256[32], struct mse_error *err)
{
    char want[65];
    char seen[65];
    mse_hex_encode(want, mse_bytes_of(a->manifest.runtime, 32));
    mse_hex_encode(seen, mse_bytes_of(sha256, 32));
    if (!cli_runtime_known(c, a->manifest.runtime)) {
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "runtime",
                        "the context names the runtime %.16s..., which this mse does not know "
                        "(--allow-runtime %s accepts it)",
                        want, want);
    }
    if (!mse_mem_equal(sha256, a->manifest.runtime, 32)) {
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "runtime",
                        "the mse-enclave here has SHA-256 %.16s..., the context wants %.16s... "
                        "(--runtime names another file)",
                        seen, want);
    }
    return MSE_OK;
}

/* The manifest as it would be with the code that was seen. */
static mse_status manifest_with(struct mse_build *out, const struct cli_app *a,
                                const uint8_t code[32], struct mse_error *err)
{
    struct mse_manifest m = a->manifest; /* shares the strings, only read */
    memcpy(m.code_digest, code, sizeof m.code_digest);
    return mse_manifest_write(out, &m, err);
}

static mse_status measure(uint8_t out[32], const struct cli_app *a, struct mse_bytes runtime,
                          struct mse_bytes manifest, struct mse_error *err)
{
    struct mse_sim_layout l = { runtime, manifest, a->manifest.enclave_size, MSE_SIM_THREADS };
    return mse_measure_sim(out, &l, err);
}

mse_status cli_fingerprint_make(struct cli_fingerprint *out, const struct cli *c,
                                const struct cli_app *a, const char *code_dir,
                                struct mse_error *err)
{
    struct cli_fingerprint fp = { 0 };
    struct cli_file runtime = { 0 };
    struct mse_build manifest;
    uint8_t sha256[32];
    mse_status st = cli_runtime_load(&runtime, NULL, c, sha256, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&manifest, MSE_MANIFEST_MAX_LEN);
    st = check_runtime(c, a, sha256, err);
    if (st == MSE_OK) {
        st = mse_code_digest(fp.code_seen, code_dir, a->context.code_salt, true, err);
    }
    if (st == MSE_OK) {
        st = manifest_with(&manifest, a, fp.code_seen, err);
    }
    if (st == MSE_OK) {
        st = measure(fp.value, a, cli_file_view(&runtime), mse_build_view(&manifest), err);
    }
    if (st == MSE_OK) {
        fp.code_differs = !mse_mem_equal(fp.code_seen, a->manifest.code_digest, 32);
        *out = fp;
    }
    mse_build_clear(&manifest);
    cli_file_clear(&runtime);
    return st;
}
