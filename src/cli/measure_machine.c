/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine of SEV-SNP or TDX is measured as, from the files that QEMU is given: reference
 * values for a policy, and the fingerprint where everything that goes into it was said. */
#include "cli/measure_machine.h"

#include <stdlib.h>
#include <string.h>

#include <mse/evidence.h>
#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/measure_qemu.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "launch/qemu.h"

#define IMAGE_MAX    ((size_t)1024 * 1024 * 1024)
#define MANIFEST_MAX ((size_t)128 * 1024)

/* The parts of a machine; files that were not named are empty. */
struct parts {
    struct cli_file firmware;
    struct cli_file kernel;
    struct cli_file initrd;
    struct cli_file manifest;
};

static void parts_clear(struct parts *p)
{
    cli_file_clear(&p->firmware);
    cli_file_clear(&p->kernel);
    cli_file_clear(&p->initrd);
    cli_file_clear(&p->manifest);
}

static mse_status read_part(struct cli_file *out, const struct cli *c, const char *option,
                            size_t max, struct mse_error *err)
{
    const char *path = cli_value(c, option);
    return path == NULL ? MSE_OK : cli_file_read(out, path, max, err);
}

static mse_status parts_read(struct parts *p, const struct cli *c, struct mse_error *err)
{
    mse_status st = read_part(&p->firmware, c, "firmware", IMAGE_MAX, err);
    st = st == MSE_OK ? read_part(&p->kernel, c, "kernel", IMAGE_MAX, err) : st;
    st = st == MSE_OK ? read_part(&p->initrd, c, "initrd", IMAGE_MAX, err) : st;
    return st == MSE_OK ? read_part(&p->manifest, c, "manifest", MANIFEST_MAX, err) : st;
}

static struct mse_bytes text_of(const struct cli *c, const char *option)
{
    const char *value = cli_value(c, option);
    return mse_bytes_str(value == NULL ? "" : value);
}

/* A number in decimal, or in hexadecimal behind 0x. */
static bool number(uint64_t *out, const struct cli *c, const char *option, uint64_t otherwise)
{
    const char *value = cli_value(c, option);
    if (value == NULL) {
        *out = otherwise;
        return true;
    }
    bool hex = strncmp(value, "0x", 2) == 0;
    const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    const char *from = hex ? value + 2 : value;
    size_t len = strlen(from);
    if (len == 0 || len > (hex ? 16U : 19U) || strspn(from, digits) != len) {
        (void)cli_trouble(c, "--%s is %s, wanted a number, decimal or 0x and hexadecimal digits",
                          option, value);
        return false;
    }
    *out = strtoull(from, NULL, hex ? 16 : 10);
    return true;
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

/* The value of a name that snp_values or tdx_values gave, as bytes; empty if they did not. */
static struct mse_bytes value_of(uint8_t *out, size_t len, const json_t *values, const char *name)
{
    const char *hex = json_string_value(json_object_get(values, name));
    bool there = hex != NULL && mse_hex_decode(out, len, mse_bytes_str(hex));
    return mse_bytes_of(out, there ? len : 0);
}

/* ---- SEV-SNP ---- */

/* Leaf 1 of the CPUID of the processor that the guest is shown. */
static bool signature_of(uint64_t *out, const struct cli *c)
{
    const char *value = cli_value(c, "cpu");
    uint32_t known = 0;
    if (value != NULL && mse_qemu_signature(&known, value)) {
        *out = known;
        return true;
    }
    if (value == NULL || strncmp(value, "0x", 2) != 0) {
        (void)cli_trouble(c, "--cpu is %s, wanted " MSE_QEMU_CPUS ", or 0x and EAX of CPUID leaf 1",
                          value == NULL ? "missing" : value);
        return false;
    }
    return number(out, c, "cpu", 0);
}

static mse_status snp_values(json_t *out, const struct mse_snp_launch *l, const struct parts *p,
                             uint64_t policy, struct mse_error *err)
{
    struct mse_snp_report r = { .policy = policy };
    uint8_t fingerprint[32];
    mse_status st = mse_measure_snp(r.measurement, l, err);
    if (st != MSE_OK) {
        return st;
    }
    add_hex(out, "measurement", r.measurement, sizeof r.measurement);
    if (p->manifest.len == 0) {
        return MSE_OK;
    }
    st = mse_sha256(r.host_data, cli_file_view(&p->manifest));
    st = st == MSE_OK ? mse_snp_fingerprint(fingerprint, &r) : st;
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "fingerprint", "%s", mse_status_text(st));
    }
    add_hex(out, "host_data", r.host_data, sizeof r.host_data);
    add_hex(out, "fingerprint", fingerprint, sizeof fingerprint);
    return MSE_OK;
}

enum cli_exit cli_measure_snp(struct cli *c)
{
    struct parts p = { 0 };
    struct mse_error err = { 0 };
    uint64_t vcpus = 0;
    uint64_t signature = 0;
    uint64_t features = 0;
    uint64_t policy = 0;
    if (!cli_has(c, "firmware")) {
        return cli_trouble(c, "--firmware is needed: the file that QEMU gets as -bios");
    }
    if (!cli_has(c, "kernel") && (cli_has(c, "initrd") || cli_has(c, "append"))) {
        return cli_trouble(c, "--initrd and --append need --kernel");
    }
    if (!signature_of(&signature, c) || !number(&vcpus, c, "vcpus", 1) ||
        !number(&features, c, "guest-features", 1) ||
        !number(&policy, c, "guest-policy", 0x30000)) {
        return CLI_TROUBLE;
    }
    if (vcpus > 4096 || signature > UINT32_MAX) {
        return cli_trouble(c, "--vcpus is at most 4096, and --cpu has 32 bits");
    }
    mse_status st = parts_read(&p, c, &err);
    const struct mse_snp_launch l = { .firmware = cli_file_view(&p.firmware),
                                      .vcpus = (uint32_t)vcpus,
                                      .vcpu_signature = (uint32_t)signature,
                                      .guest_features = features,
                                      .has_kernel = cli_has(c, "kernel"),
                                      .kernel = cli_file_view(&p.kernel),
                                      .initrd = cli_file_view(&p.initrd),
                                      .command_line = text_of(c, "append") };
    json_t *values = json_pack("{s:s}", "layout", "snp");
    st = st == MSE_OK ? snp_values(values, &l, &p, policy, &err) : st;
    parts_clear(&p);
    if (st != MSE_OK) {
        json_decref(values);
        return cli_failed(c, st, &err);
    }
    uint8_t host_data[32];
    return cli_has(c, "qemu")
               ? print_qemu(c, values,
                            cli_qemu_snp(c, value_of(host_data, 32, values, "host_data"), policy))
               : print(c, values);
}

/* ---- TDX ---- */

/* A fingerprint needs what no file says: RTMR0, attributes and XFAM, from a quote that was
 * verified. */
static mse_status tdx_fingerprint(json_t *out, const struct cli *c, struct mse_tdx_report *r,
                                  struct mse_error *err)
{
    const char *rtmr0 = cli_value(c, "rtmr0");
    uint8_t fingerprint[32];
    if (!mse_hex_decode(r->rtmr[0], sizeof r->rtmr[0], mse_bytes_str(rtmr0))) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "fingerprint",
                        "--rtmr0 is %s, wanted 96 hexadecimal digits", rtmr0);
    }
    if (!number(&r->td_attributes, c, "td-attributes", MSE_TDX_ATTR_SEPT_VE_DISABLE) ||
        !number(&r->xfam, c, "xfam", 0)) {
        return MSE_ERR_ARGUMENT;
    }
    mse_status st = mse_tdx_fingerprint(fingerprint, r);
    if (st == MSE_OK) {
        add_hex(out, "fingerprint", fingerprint, sizeof fingerprint);
    }
    return st;
}

static mse_status tdx_values(json_t *out, const struct cli *c, const struct parts *p,
                             struct mse_error *err)
{
    const struct mse_tdx_boot boot = { .kernel = cli_file_view(&p->kernel),
                                       .initrd = cli_file_view(&p->initrd),
                                       .command_line = text_of(c, "append") };
    struct mse_tdx_registers regs;
    struct mse_tdx_report r = { 0 };
    mse_status st = mse_measure_mrtd(r.mr_td, cli_file_view(&p->firmware), err);
    if (st != MSE_OK) {
        return st;
    }
    add_hex(out, "mr_td", r.mr_td, 48);
    if (cli_has(c, "kernel")) {
        st = mse_measure_rtmr(&regs, &boot, err);
        if (st != MSE_OK) {
            return st;
        }
        memcpy(r.rtmr[1], regs.rtmr1, 48);
        memcpy(r.rtmr[2], cli_has(c, "old-linux") ? r.rtmr[2] : regs.rtmr2, 48);
        add_hex(out, "rtmr1", r.rtmr[1], 48);
        add_hex(out, "rtmr2", r.rtmr[2], 48);
    }
    if (p->manifest.len > 0) {
        st = mse_sha384(r.mr_config_id, cli_file_view(&p->manifest));
        add_hex(out, "mr_config_id", r.mr_config_id, 48);
    }
    return st == MSE_OK && cli_has(c, "rtmr0") ? tdx_fingerprint(out, c, &r, err) : st;
}

enum cli_exit cli_measure_tdx(struct cli *c)
{
    struct parts p = { 0 };
    struct mse_error err = { 0 };
    if (!cli_has(c, "firmware")) {
        return cli_trouble(c, "--firmware is needed: the file that QEMU gets as -bios");
    }
    if (!cli_has(c, "kernel") && (cli_has(c, "initrd") || cli_has(c, "append"))) {
        return cli_trouble(c, "--initrd and --append need --kernel");
    }
    if (cli_has(c, "rtmr0") &&
        (!cli_has(c, "kernel") || !cli_has(c, "manifest") || !cli_has(c, "xfam"))) {
        return cli_trouble(c, "--rtmr0 is for the fingerprint, which needs --kernel, --manifest "
                              "and --xfam, too");
    }
    mse_status st = parts_read(&p, c, &err);
    json_t *values = json_pack("{s:s}", "layout", "tdx");
    st = st == MSE_OK ? tdx_values(values, c, &p, &err) : st;
    parts_clear(&p);
    if (st != MSE_OK) {
        json_decref(values);
        return err.status == MSE_OK ? CLI_TROUBLE : cli_failed(c, st, &err);
    }
    uint8_t id[48];
    uint64_t attributes = 0;
    if (!number(&attributes, c, "td-attributes", MSE_TDX_ATTR_SEPT_VE_DISABLE)) {
        json_decref(values);
        return CLI_TROUBLE;
    }
    return cli_has(c, "qemu")
               ? print_qemu(c, values,
                            cli_qemu_tdx(c, value_of(id, 48, values, "mr_config_id"), attributes))
               : print(c, values);
}
