/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine of SEV-SNP or TDX is measured as, from the files that QEMU is given: reference
 * values for a policy, and the fingerprint where everything that goes into it was said. */
#include "cli/measure_machine.h"

#include <stdlib.h>
#include <string.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/machine.h"
#include "cli/measure_qemu.h"
#include "cmd/files.h"
#include "crypto/digest.h"

#define MANIFEST_MAX ((size_t)128 * 1024)

static mse_status read_manifest(struct cli_file *out, const struct cli *c, struct mse_error *err)
{
    const char *path = cli_value(c, "manifest");
    return path == NULL ? MSE_OK : cli_file_read(out, path, MANIFEST_MAX, err);
}

static void add_hex(json_t *out, const char *name, const uint8_t *value, size_t len)
{
    char hex[97];
    mse_hex_encode(hex, mse_bytes_of(value, len));
    (void)json_object_set_new(out, name, json_string(hex));
}

/* Text: a line for each value, with the key that a policy has for it. */
static enum cli_exit print(const struct cli *c, json_t *values)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (c->json) {
        cli_json(c, values);
        return CLI_DONE;
    }
    json_object_foreach(values, name, value)
    {
        if (strcmp(name, "layout") != 0) {
            cli_say(c, "%s = \"%s\"", name, json_string_value(value));
        }
    }
    json_decref(values);
    return CLI_DONE;
}

/* With --qemu the command line instead; takes words over, which may be NULL. */
static enum cli_exit print_qemu(const struct cli *c, json_t *values, json_t *words)
{
    char *line = words == NULL ? NULL : cli_qemu_line(words);
    json_decref(values);
    if (line == NULL) {
        json_decref(words);
        return CLI_TROUBLE;
    }
    if (c->json) {
        cli_json(c, json_pack("{s:O}", "qemu", words));
    } else {
        cli_say(c, "%s", line);
    }
    free(line);
    json_decref(words);
    return CLI_DONE;
}

/* ---- SEV-SNP ---- */

static mse_status snp_values(json_t *out, struct mse_snp_report *r, struct mse_bytes manifest,
                             struct mse_error *err)
{
    uint8_t fingerprint[32];
    add_hex(out, "measurement", r->measurement, sizeof r->measurement);
    if (manifest.len == 0) {
        return MSE_OK;
    }
    mse_status st = mse_sha256(r->host_data, manifest);
    st = st == MSE_OK ? mse_snp_fingerprint(fingerprint, r) : st;
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "fingerprint", "%s", mse_status_text(st));
    }
    add_hex(out, "host_data", r->host_data, sizeof r->host_data);
    add_hex(out, "fingerprint", fingerprint, sizeof fingerprint);
    return MSE_OK;
}

enum cli_exit cli_measure_snp(struct cli *c)
{
    struct mse_snp_report r = { 0 };
    struct mse_error err = { 0 };
    struct cli_file manifest = { 0 };
    json_t *values = json_pack("{s:s}", "layout", "snp");
    mse_status st = cli_machine_snp(&r, c, &err);
    st = st == MSE_OK ? read_manifest(&manifest, c, &err) : st;
    size_t bound = manifest.len > 0 ? sizeof r.host_data : 0;
    st = st == MSE_OK ? snp_values(values, &r, cli_file_view(&manifest), &err) : st;
    cli_file_clear(&manifest);
    if (st != MSE_OK) {
        json_decref(values);
        return cli_failed(c, st, &err);
    }
    return cli_has(c, "qemu")
               ? print_qemu(c, values, cli_qemu_snp(c, mse_bytes_of(r.host_data, bound), r.policy))
               : print(c, values);
}

/* ---- TDX ---- */

static mse_status tdx_values(json_t *out, const struct cli *c, struct mse_tdx_report *r,
                             struct mse_bytes manifest)
{
    uint8_t fingerprint[32];
    mse_status st = MSE_OK;
    add_hex(out, "mr_td", r->mr_td, 48);
    if (cli_has(c, "kernel")) {
        add_hex(out, "rtmr1", r->rtmr[1], 48);
        add_hex(out, "rtmr2", r->rtmr[2], 48);
    }
    if (manifest.len > 0) {
        st = mse_sha384(r->mr_config_id, manifest);
        add_hex(out, "mr_config_id", r->mr_config_id, 48);
    }
    if (st == MSE_OK && cli_has(c, "rtmr0")) {
        st = mse_tdx_fingerprint(fingerprint, r);
        add_hex(out, "fingerprint", fingerprint, st == MSE_OK ? sizeof fingerprint : 0);
    }
    return st;
}

enum cli_exit cli_measure_tdx(struct cli *c)
{
    struct mse_tdx_report r = { 0 };
    struct mse_error err = { 0 };
    struct cli_file manifest = { 0 };
    if (cli_has(c, "rtmr0") &&
        (!cli_has(c, "kernel") || !cli_has(c, "manifest") || !cli_has(c, "xfam"))) {
        return cli_trouble(c, "--rtmr0 is for the fingerprint, which needs --kernel, --manifest "
                              "and --xfam, too");
    }
    json_t *values = json_pack("{s:s}", "layout", "tdx");
    mse_status st = cli_machine_tdx(&r, c, &err);
    st = st == MSE_OK ? read_manifest(&manifest, c, &err) : st;
    size_t bound = manifest.len > 0 ? sizeof r.mr_config_id : 0;
    st = st == MSE_OK ? tdx_values(values, c, &r, cli_file_view(&manifest)) : st;
    cli_file_clear(&manifest);
    if (st != MSE_OK) {
        json_decref(values);
        return cli_failed(c, st, &err);
    }
    const struct mse_bytes id = mse_bytes_of(r.mr_config_id, bound);
    return cli_has(c, "qemu") ? print_qemu(c, values, cli_qemu_tdx(c, id, r.td_attributes))
                              : print(c, values);
}
