/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "cli/machine.h"

#include <stdlib.h>
#include <string.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "conf/reader.h"
#include "crypto/digest.h"
#include "launch/qemu.h"

#define STEP      "machine"
#define IMAGE_MAX ((size_t)1024 * 1024 * 1024)

/* ---- the options */

static struct mse_bytes text_of(const struct cli *c, const char *option)
{
    const char *value = cli_value(c, option);
    return mse_bytes_str(value == NULL ? "" : value);
}

/* A number in decimal, or in hexadecimal behind 0x. */
static mse_status number(uint64_t *out, const struct cli *c, const char *option, uint64_t otherwise,
                         struct mse_error *err)
{
    const char *value = cli_value(c, option);
    if (value == NULL) {
        *out = otherwise;
        return MSE_OK;
    }
    bool hex = strncmp(value, "0x", 2) == 0;
    const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    const char *from = hex ? value + 2 : value;
    size_t len = strlen(from);
    if (len == 0 || len > (hex ? 16U : 19U) || strspn(from, digits) != len) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                        "--%s is %.40s, wanted a number, decimal or 0x and hexadecimal digits",
                        option, value);
    }
    *out = strtoull(from, NULL, hex ? 16 : 10);
    return MSE_OK;
}

/* A register of 48 bytes; name: of the option with its dashes, or of the key. */
static mse_status register_of(uint8_t out[48], const char *name, const char *value,
                              struct mse_error *err)
{
    return mse_hex_decode(out, 48, mse_bytes_str(value))
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "%s is %.100s, wanted 96 hexadecimal digits",
                          name, value);
}

/* ---- the files */

/* Those that were not named are empty. */
struct parts {
    struct cli_file firmware;
    struct cli_file kernel;
    struct cli_file initrd;
};

static void parts_clear(struct parts *p)
{
    cli_file_clear(&p->firmware);
    cli_file_clear(&p->kernel);
    cli_file_clear(&p->initrd);
}

static mse_status read_part(struct cli_file *out, const struct cli *c, const char *option,
                            struct mse_error *err)
{
    const char *path = cli_value(c, option);
    return path == NULL ? MSE_OK : cli_file_read(out, path, IMAGE_MAX, err);
}

static mse_status parts_read(struct parts *p, const struct cli *c, struct mse_error *err)
{
    if (!cli_has(c, "firmware")) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                        "--firmware is needed: the file that QEMU gets as -bios");
    }
    if (!cli_has(c, "kernel") && (cli_has(c, "initrd") || cli_has(c, "append"))) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "--initrd and --append need --kernel");
    }
    mse_status st = read_part(&p->firmware, c, "firmware", err);
    st = st == MSE_OK ? read_part(&p->kernel, c, "kernel", err) : st;
    return st == MSE_OK ? read_part(&p->initrd, c, "initrd", err) : st;
}

/* ---- SEV-SNP */

/* Leaf 1 of the CPUID of the processor that the guest is shown. */
static mse_status signature_of(uint64_t *out, const struct cli *c, struct mse_error *err)
{
    const char *value = cli_value(c, "cpu");
    uint32_t known = 0;
    if (value != NULL && mse_qemu_signature(&known, value)) {
        *out = known;
        return MSE_OK;
    }
    if (value == NULL || strncmp(value, "0x", 2) != 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                        "--cpu is %.40s, wanted " MSE_QEMU_CPUS ", or 0x and EAX of CPUID leaf 1",
                        value == NULL ? "missing" : value);
    }
    return number(out, c, "cpu", 0, err);
}

static mse_status snp_policy(uint64_t *out, const struct cli *c, struct mse_error *err)
{
    return number(out, c, "guest-policy", MSE_QEMU_SNP_POLICY, err);
}

static mse_status snp_numbers(struct mse_snp_launch *l, const struct cli *c, struct mse_error *err)
{
    uint64_t vcpus = 0;
    uint64_t signature = 0;
    mse_status st = signature_of(&signature, c, err);
    st = st == MSE_OK ? number(&vcpus, c, "vcpus", 1, err) : st;
    st = st == MSE_OK ? number(&l->guest_features, c, "guest-features", 1, err) : st;
    if (st == MSE_OK && (vcpus > MSE_QEMU_MAX_VCPUS || signature > UINT32_MAX)) {
        st = MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "--vcpus is at most %u, and --cpu has 32 bits",
                      MSE_QEMU_MAX_VCPUS);
    }
    l->vcpus = (uint32_t)vcpus;
    l->vcpu_signature = (uint32_t)signature;
    return st;
}

mse_status cli_machine_snp(struct mse_snp_report *out, const struct cli *c, struct mse_error *err)
{
    struct parts p = { 0 };
    struct mse_snp_launch l = { .has_kernel = cli_has(c, "kernel"),
                                .command_line = text_of(c, "append") };
    struct mse_snp_report r = { .policy = 0 };
    mse_status st = parts_read(&p, c, err);
    st = st == MSE_OK ? snp_numbers(&l, c, err) : st;
    st = st == MSE_OK ? snp_policy(&r.policy, c, err) : st;
    l.firmware = cli_file_view(&p.firmware);
    l.kernel = cli_file_view(&p.kernel);
    l.initrd = cli_file_view(&p.initrd);
    st = st == MSE_OK ? mse_measure_snp(r.measurement, &l, err) : st;
    parts_clear(&p);
    if (st == MSE_OK) {
        *out = r;
    }
    return st;
}

/* ---- TDX */

static mse_status tdx_registers(struct mse_tdx_report *r, const struct cli *c,
                                const struct parts *p, struct mse_error *err)
{
    const struct mse_tdx_boot boot = { .kernel = cli_file_view(&p->kernel),
                                       .initrd = cli_file_view(&p->initrd),
                                       .command_line = text_of(c, "append") };
    struct mse_tdx_registers regs;
    mse_status st = mse_measure_rtmr(&regs, &boot, err);
    if (st == MSE_OK) {
        memcpy(r->rtmr[1], regs.rtmr1, 48);
        memcpy(r->rtmr[2], cli_has(c, "old-linux") ? r->rtmr[2] : regs.rtmr2, 48);
    }
    return st;
}

/* What no file says: from a quote that was verified. */
static mse_status tdx_reference(struct mse_tdx_report *r, const struct cli *c,
                                struct mse_error *err)
{
    const char *rtmr0 = cli_value(c, "rtmr0");
    mse_status st = rtmr0 == NULL ? MSE_OK : register_of(r->rtmr[0], "--rtmr0", rtmr0, err);
    st = st == MSE_OK
             ? number(&r->td_attributes, c, "td-attributes", MSE_TDX_ATTR_SEPT_VE_DISABLE, err)
             : st;
    return st == MSE_OK ? number(&r->xfam, c, "xfam", 0, err) : st;
}

mse_status cli_machine_tdx(struct mse_tdx_report *out, const struct cli *c, struct mse_error *err)
{
    struct parts p = { 0 };
    struct mse_tdx_report r = { 0 };
    mse_status st = parts_read(&p, c, err);
    st = st == MSE_OK ? mse_measure_mrtd(r.mr_td, cli_file_view(&p.firmware), err) : st;
    st = st == MSE_OK && cli_has(c, "kernel") ? tdx_registers(&r, c, &p, err) : st;
    st = st == MSE_OK ? tdx_reference(&r, c, err) : st;
    parts_clear(&p);
    if (st == MSE_OK) {
        *out = r;
    }
    return st;
}

/* ---- published measurements: the lines that mse measure prints */

struct published {
    char *measurement;
    char *mr_td;
    char *rtmr1;
    char *rtmr2;
};

#define KEY(n, member)                                                                             \
    {                                                                                              \
        (n), MSE_CONF_STRING, true, offsetof(struct published, member), 0, 0, NULL                 \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL                                                \
    }

static const struct mse_conf_key snp_keys[] = { KEY("measurement", measurement), END };
static const struct mse_conf_key tdx_keys[] = { KEY("mr_td", mr_td), KEY("rtmr1", rtmr1),
                                                KEY("rtmr2", rtmr2), END };

/* Values that were published leave nothing to measure. */
static mse_status check_alone(const struct cli *c, struct mse_error *err)
{
    static const char *const others[] = { "firmware", "kernel", "initrd",         "append",
                                          "cpu",      "vcpus",  "guest-features", "old-linux" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        if (cli_has(c, others[i])) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                            "--measurements and --%s exclude each other", others[i]);
        }
    }
    return MSE_OK;
}

static mse_status take(struct cli_machine *m, const struct published *p, struct mse_error *err)
{
    if (!m->is_tdx) {
        return register_of(m->snp.measurement, "measurement", p->measurement, err);
    }
    mse_status st = register_of(m->tdx.mr_td, "mr_td", p->mr_td, err);
    st = st == MSE_OK ? register_of(m->tdx.rtmr[1], "rtmr1", p->rtmr1, err) : st;
    return st == MSE_OK ? register_of(m->tdx.rtmr[2], "rtmr2", p->rtmr2, err) : st;
}

static mse_status read_published(struct cli_machine *m, const struct cli *c, struct mse_error *err)
{
    const char *path = cli_value(c, "measurements");
    const struct mse_conf_key *keys = m->is_tdx ? tdx_keys : snp_keys;
    struct published p = { .mr_td = NULL };
    struct cli_file f = { 0 };
    struct mse_conf_file doc = { .doc = NULL };
    mse_status st = check_alone(c, err);
    st = st == MSE_OK ? cli_file_read(&f, path, MSE_CONF_MAX_LEN, err) : st;
    st = st == MSE_OK ? mse_conf_open(&doc, path, cli_file_view(&f), err) : st;
    if (st == MSE_OK) {
        st = mse_conf_read(&p, &doc, keys, err);
        st = st == MSE_OK ? take(m, &p, err) : st;
        mse_conf_clear(&p, keys);
        mse_conf_close(&doc);
    }
    cli_file_clear(&f);
    return st;
}

/* ---- a fingerprint */

static mse_status need(const struct cli *c, const char *option, const char *what,
                       struct mse_error *err)
{
    return cli_has(c, option)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "--%s is missing: %s", option, what);
}

static mse_status check_given(const struct cli *c, bool is_tdx, struct mse_error *err)
{
    bool published = cli_has(c, "measurements");
    mse_status st = MSE_OK;
    if (!published) {
        st = need(c, "firmware",
                  "the machine's OVMF, beside --kernel, or --measurements with "
                  "what both are measured as",
                  err);
        st = st == MSE_OK ? need(c, "kernel", "the machine's unified kernel image", err) : st;
    }
    if (!is_tdx) {
        return st == MSE_OK && !published ? need(c, "cpu", "the processor that QEMU shows", err)
                                          : st;
    }
    st = st == MSE_OK ? need(c, "rtmr0", "RTMR0 of a verified quote of such a machine", err) : st;
    return st == MSE_OK ? need(c, "xfam", "XFAM of that quote", err) : st;
}

mse_status cli_machine_load(struct cli_machine *out, const struct cli *c, bool is_tdx,
                            struct mse_error *err)
{
    struct cli_machine m = { .is_tdx = is_tdx };
    mse_status st = check_given(c, is_tdx, err);
    if (st == MSE_OK && !cli_has(c, "measurements")) {
        st = is_tdx ? cli_machine_tdx(&m.tdx, c, err) : cli_machine_snp(&m.snp, c, err);
    } else if (st == MSE_OK) {
        st = read_published(&m, c, err);
        st = st == MSE_OK && is_tdx ? tdx_reference(&m.tdx, c, err) : st;
        st = st == MSE_OK && !is_tdx ? snp_policy(&m.snp.policy, c, err) : st;
    }
    if (st == MSE_OK) {
        *out = m;
    }
    return st;
}

mse_status cli_machine_fingerprint(uint8_t out[32], const struct cli_machine *m,
                                   struct mse_bytes manifest)
{
    struct cli_machine bound = *m;
    mse_status st = m->is_tdx ? mse_sha384(bound.tdx.mr_config_id, manifest)
                              : mse_sha256(bound.snp.host_data, manifest);
    if (st != MSE_OK) {
        return st;
    }
    return m->is_tdx ? mse_tdx_fingerprint(out, &bound.tdx) : mse_snp_fingerprint(out, &bound.snp);
}
