/* SPDX-License-Identifier: Apache-2.0 */
/* mse measure: MRENCLAVE of a Gramine enclave, or of one that Intel's SDK signed. Machines of
 * SEV-SNP and TDX: measure_machine.c. */
#include <stdio.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/measure.h"
#include "cli/measure_machine.h"

#define LIBPAL_MAX   ((size_t)256 * 1024 * 1024)
#define MANIFEST_MAX ((size_t)64 * 1024 * 1024)

mse_status cli_measure_gramine(uint8_t mrenclave[32], struct cli_file *manifest,
                               const struct cli *c, struct mse_error *err)
{
    struct cli_file libpal = { 0 };
    mse_status st = cli_file_read(&libpal, cli_value(c, "libpal"), LIBPAL_MAX, err);
    if (st == MSE_OK) {
        st = cli_file_read(manifest, cli_value(c, "manifest"), MANIFEST_MAX, err);
    }
    if (st == MSE_OK) {
        st = mse_measure_gramine(mrenclave, cli_file_view(&libpal), cli_file_view(manifest), err);
    }
    cli_file_clear(&libpal);
    return st;
}

static enum cli_exit measure_gramine(struct cli *c)
{
    if (!cli_has(c, "libpal") || !cli_has(c, "manifest")) {
        return cli_trouble(c, "--libpal and --manifest are needed");
    }
    struct mse_error err = { 0 };
    struct cli_file manifest = { 0 };
    uint8_t mr[32];
    char hex[65];
    mse_status st = cli_measure_gramine(mr, &manifest, c, &err);
    cli_file_clear(&manifest);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    mse_hex_encode(hex, mse_bytes_of(mr, 32));
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s}", "mrenclave", hex, "layout", "gramine-1.9"));
    } else {
        cli_say(c, "%s", hex);
    }
    return CLI_DONE;
}

/* One block of the metadata; its SIGSTRUCT has to say what was measured, and to be signed. */
static mse_status measure_block(json_t *out, struct mse_bytes file, size_t which,
                                struct mse_error *err)
{
    struct mse_sdk_enclave e;
    struct mse_sigstruct s;
    uint8_t signer[32];
    char seen[65];
    char wanted[65];
    char by[65];
    char version[32];
    mse_status st = mse_measure_sdk(&e, file, which, err);
    st = st == MSE_OK ? mse_sigstruct_parse(&s, e.sigstruct, err) : st;
    st = st == MSE_OK ? mse_sigstruct_verify(&s, err) : st;
    st = st == MSE_OK ? mse_sigstruct_mrsigner(signer, &s) : st;
    if (st != MSE_OK) {
        return st;
    }
    mse_hex_encode(seen, mse_bytes_of(e.mrenclave, 32));
    mse_hex_encode(wanted, mse_bytes_of(s.enclave_hash, 32));
    mse_hex_encode(by, mse_bytes_of(signer, 32));
    (void)snprintf(version, sizeof version, "%u.%u", (unsigned)(e.metadata_version >> 32),
                   (unsigned)(e.metadata_version & UINT32_MAX));
    if (!mse_mem_equal(e.mrenclave, s.enclave_hash, 32)) {
        return MSE_FAIL(err, MSE_ERR_SIGNATURE, "SDK metadata",
                        "version %s: the pages are %s, its SIGSTRUCT is for %s", version, seen,
                        wanted);
    }
    (void)json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "metadata_version", version,
                                               "mrenclave", seen, "mrsigner", by));
    return MSE_OK;
}

/* Each hash once: blocks for several loaders may give the same or another. */
static void say_blocks(const struct cli *c, const json_t *blocks)
{
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        const json_t *mr = json_object_get(json_array_get(blocks, i), "mrenclave");
        bool again = false;
        for (size_t j = 0; j < i; j++) {
            again = again ||
                    json_equal(json_object_get(json_array_get(blocks, j), "mrenclave"), mr) == 1;
        }
        if (!again) {
            cli_say(c, "%s", json_string_value(mr));
        }
    }
}

static enum cli_exit measure_sdk(struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_file file = { 0 };
    json_t *blocks = json_array();
    if (!cli_has(c, "enclave")) {
        json_decref(blocks);
        return cli_trouble(c, "--enclave is needed");
    }
    mse_status st = cli_file_read(&file, cli_value(c, "enclave"), LIBPAL_MAX, &err);
    for (size_t i = 0; st == MSE_OK; i++) {
        st = measure_block(blocks, cli_file_view(&file), i, &err);
    }
    cli_file_clear(&file);
    if (st != MSE_ERR_NOT_FOUND || json_array_size(blocks) == 0) {
        json_decref(blocks);
        enum cli_exit e = cli_failed(c, st, &err);
        return st == MSE_ERR_SIGNATURE || st == MSE_ERR_Q1_Q2 ? CLI_REFUSED : e;
    }
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:o}", "layout", "sdk", "blocks", blocks));
        return CLI_DONE;
    }
    say_blocks(c, blocks);
    json_decref(blocks);
    return CLI_DONE;
}

enum cli_exit cmd_measure(struct cli *c)
{
    static const struct {
        const char *layout;
        enum cli_exit (*run)(struct cli *c);
    } layouts[] = {
        { "gramine-1.9", measure_gramine },
        { "sdk", measure_sdk },
        { "snp", cli_measure_snp },
        { "tdx", cli_measure_tdx },
    };
    const char *layout = cli_value(c, "layout");
    for (size_t i = 0; layout != NULL && i < MSE_ARRAY_LEN(layouts); i++) {
        if (strcmp(layout, layouts[i].layout) == 0) {
            return layouts[i].run(c);
        }
    }
    return cli_trouble(c, "--layout is %s, wanted gramine-1.9, sdk, snp or tdx",
                       layout == NULL ? "missing" : layout);
}
