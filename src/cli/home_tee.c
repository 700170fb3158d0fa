/* SPDX-License-Identifier: Apache-2.0 */
/* See home_tee.h. */
#include "cli/home_tee.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "crypto/digest.h"
#include "launch/gramine.h"
#include "package/gramine.h"
#include "sim/platform.h"

#define MAX_RUNTIME ((size_t)256 * 1024 * 1024)

static bool put(json_t *facts, const char *key, const char *text)
{
    return json_object_set_new(facts, key, json_string(text)) == 0;
}

static enum cli_exit put_signer(json_t *facts, const struct cli *c, const uint8_t mrsigner[32])
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(mrsigner, 32));
    return put(facts, "signer", hex) ? CLI_DONE : cli_trouble(c, "out of memory");
}

/* ---- the simulated one ---- */

static enum cli_exit choose_sim(json_t *facts, const struct cli *c)
{
    struct mse_error err = { 0 };
    struct mse_sim_platform *p = NULL;
    uint8_t mr[32];
    char *dir = cli_has(c, "dir") ? strdup(cli_value(c, "dir")) : cli_conf_path("sim");
    char *real = dir == NULL ? NULL : realpath(dir, NULL);
    mse_status st = dir == NULL ? MSE_ERR_MEMORY : mse_sim_load(&p, dir, &err);
    st = st == MSE_OK ? mse_sim_mrsigner(p, mr) : st;
    mse_sim_free(p);
    free(dir);
    bool good = st == MSE_OK && real != NULL && put(facts, "platform", real);
    free(real);
    if (!good) {
        (void)cli_failed(c, st == MSE_OK ? MSE_ERR_MEMORY : st, &err);
        cli_hint(c, "mse sim init makes a simulated platform");
        return CLI_TROUBLE;
    }
    return put_signer(facts, c, mr);
}

/* ---- SGX ---- */

static enum cli_exit put_path(json_t *facts, const struct cli *c, const char *option,
                              const char *key)
{
    char *real = realpath(cli_value(c, option), NULL);
    enum cli_exit e = CLI_DONE;
    if (real == NULL) {
        e = cli_trouble(c, "--%s, %s: %s", option, cli_value(c, option), strerror(errno));
    } else if (!put(facts, key, real)) {
        e = cli_trouble(c, "out of memory");
    }
    free(real);
    return e;
}

static enum cli_exit put_files(json_t *facts, const struct cli *c)
{
    static const struct {
        const char *option;
        const char *key;
        bool needed;
    } files[] = { { "rootfs", MSE_GRAMINE_OPTION_ROOTFS, true },
                  { "libpal", MSE_GRAMINE_OPTION_LIBPAL, true },
                  { "signer-key", MSE_GRAMINE_OPTION_SIGNER, true },
                  { "policy", "policy", false } };
    enum cli_exit e = CLI_DONE;
    for (size_t i = 0; e == CLI_DONE && i < MSE_ARRAY_LEN(files); i++) {
        if (cli_has(c, files[i].option)) {
            e = put_path(facts, c, files[i].option, files[i].key);
        } else if (files[i].needed) {
            e = cli_trouble(c, "--%s is missing, which --tee sgx wants", files[i].option);
        }
    }
    return e;
}

static enum cli_exit choose_sgx(json_t *facts, const struct cli *c)
{
    struct mse_error err = { 0 };
    uint8_t mr[32];
    const char *named = cli_value(c, "gramine-sgx");
    enum cli_exit e = put_files(facts, c);
    if (e != CLI_DONE) {
        return e;
    }
    char *loader = named == NULL ? NULL : strdup(named);
    mse_status st = named != NULL && loader == NULL ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? mse_gramine_find_loader(&loader, "--gramine-sgx", &err) : st;
    if (st == MSE_OK && !put(facts, MSE_GRAMINE_OPTION_LOADER, loader)) {
        st = MSE_ERR_MEMORY;
    }
    free(loader);
    if (st != MSE_OK) {
        (void)cli_failed(c, st, &err);
        cli_hint(c, "mse doctor says what a machine lacks for enclaves of SGX");
        return CLI_TROUBLE;
    }
    st = mse_gramine_signer(mr, cli_value(c, "signer-key"), &err);
    return st == MSE_OK
               ? put_signer(facts, c, mr)
               : cli_trouble(c, "%s signs no enclave of SGX: %s", cli_value(c, "signer-key"),
                             err.text[0] != '\0' ? err.text : mse_status_text(st));
}

/* ---- both ---- */

/* What the other one is started with would do nothing. */
static enum cli_exit check_options(const struct cli *c, bool sgx)
{
    static const struct {
        const char *option;
        bool sgx;
    } rows[] = { { "dir", false },        { "runtime", false }, { "insecure-no-sandbox", false },
                 { "rootfs", true },      { "libpal", true },   { "signer-key", true },
                 { "gramine-sgx", true }, { "policy", true },   { "collateral", true } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (rows[i].sgx != sgx && cli_has(c, rows[i].option)) {
            return cli_trouble(c, "--%s is for --tee %s", rows[i].option, sgx ? "sim" : "sgx");
        }
    }
    return sgx && cli_has(c, "upgrade-from")
               ? cli_trouble(c, "--upgrade-from: upgrades are not for enclaves of SGX")
               : CLI_DONE;
}

enum cli_exit home_tee_choose(json_t **out, const struct cli *c)
{
    const char *tee = cli_has(c, "tee") ? cli_value(c, "tee") : "sim";
    bool sgx = strcmp(tee, "sgx") == 0;
    if (!sgx && strcmp(tee, "sim") != 0) {
        (void)cli_trouble(c, "--tee is %s, wanted sim or sgx", tee);
        cli_hint(c, "confidential machines are started by msed node (docs/operations.md)");
        return CLI_TROUBLE;
    }
    json_t *facts = json_pack("{s:s}", "tee", tee);
    enum cli_exit e = facts == NULL ? cli_trouble(c, "out of memory") : check_options(c, sgx);
    if (e == CLI_DONE) {
        e = sgx ? choose_sgx(facts, c) : choose_sim(facts, c);
    }
    if (e == CLI_DONE) {
        *out = facts;
        return e;
    }
    json_decref(facts);
    return e;
}

bool home_tee_simulated(const json_t *facts)
{
    const char *tee = json_string_value(json_object_get(facts, "tee"));
    return tee == NULL || strcmp(tee, "sim") == 0;
}

/* Of SGX it is the one in the rootfs. */
static mse_status load(struct cli_file *f, char **path, struct mse_manifest *m, const json_t *facts,
                       const struct cli *c, struct mse_error *err)
{
    if (home_tee_simulated(facts)) {
        return cli_runtime_load(f, path, c, m->runtime, err);
    }
    *path = cli_join(json_string_value(json_object_get(facts, MSE_GRAMINE_OPTION_ROOTFS)),
                     MSE_GRAMINE_RUNTIME);
    mse_status st = *path == NULL ? MSE_ERR_MEMORY : cli_file_read(f, *path, MAX_RUNTIME, err);
    return st == MSE_OK ? mse_sha256(m->runtime, cli_file_view(f)) : st;
}

enum cli_exit home_tee_runtime(char **out, struct mse_manifest *m, const json_t *facts,
                               const struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    char *path = NULL;
    if (!home_tee_simulated(facts) && m->rootfs.name == NULL) {
        (void)cli_trouble(c, "the package names no rootfs, which --tee sgx wants");
        cli_hint(c, "[enclave.rootfs] in its mse.toml has name, version and digest of yours");
        return CLI_TROUBLE;
    }
    mse_status st = load(&f, &path, m, facts, c, &err);
    cli_file_clear(&f);
    *out = path == NULL ? NULL : realpath(path, NULL);
    free(path);
    if (st == MSE_OK && *out == NULL) {
        return cli_trouble(c, "the runtime: %s", strerror(errno));
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}
