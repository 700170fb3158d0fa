/* SPDX-License-Identifier: Apache-2.0 */
/* mse measure: MRENCLAVE of a Gramine enclave. */
#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/measure.h"

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

enum cli_exit cmd_measure(struct cli *c)
{
    const char *layout = cli_value(c, "layout");
    if (layout == NULL || strcmp(layout, "gramine-1.9") != 0) {
        return cli_trouble(c, "--layout is %s, wanted gramine-1.9",
                           layout == NULL ? "missing" : layout);
    }
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
        cli_json(c, json_pack("{s:s, s:s}", "mrenclave", hex, "layout", layout));
    } else {
        cli_say(c, "%s", hex);
    }
    return CLI_DONE;
}
