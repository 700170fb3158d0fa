/* SPDX-License-Identifier: Apache-2.0 */
/* Whether machines can be started here: what was said of them, and what this host has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "launch/machine.h"
#include "package/manifest.h"
#include "package/upgrade.h"

#define STEP        "machine"
#define MAX_TEXT    ((size_t)65536)
#define COMMANDS    "cmdline"
#define DIGEST_TEXT 64

/* ---- what is said of it */

static bool number_of(uint64_t *out, const json_t *options, const char *name, uint64_t otherwise)
{
    const json_t *v = json_object_get(options, name);
    *out = otherwise;
    if (json_is_integer(v) && json_integer_value(v) > 0) {
        *out = (uint64_t)json_integer_value(v);
    }
    return v == NULL || json_is_integer(v);
}

static const char *text_of(const json_t *options, const char *name)
{
    return json_string_value(json_object_get(options, name));
}

mse_status mse_machine_of(struct mse_machine_setup *out, const char *tee, const json_t *options,
                          struct mse_error *err)
{
    struct mse_machine_setup m = { .kind = strcmp(tee, "tdx") == 0       ? MSE_QEMU_TDX
                                           : strcmp(tee, "sev-snp") == 0 ? MSE_QEMU_SNP
                                                                         : MSE_QEMU_EMULATED,
                                   .image = text_of(options, "image"),
                                   .firmware = text_of(options, "firmware"),
                                   .qemu = text_of(options, "qemu"),
                                   .cpu = text_of(options, "cpu") };
    bool numbers = number_of(&m.memory, options, "machine_memory", MSE_QEMU_MEMORY) &&
                   number_of(&m.vcpus, options, "vcpus", 1);
    uint32_t signature = 0;
    if (m.image == NULL || m.firmware == NULL || m.qemu == NULL) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        "%s is missing: a machine of TEE %s is started from an image, firmware and "
                        "QEMU",
                        m.image == NULL      ? "image"
                        : m.firmware == NULL ? "firmware"
                                             : "qemu",
                        tee);
    }
    if (!numbers || m.memory < MSE_QEMU_MIN_MEMORY || m.memory > MSE_QEMU_MAX_MEMORY ||
        m.vcpus > MSE_QEMU_MAX_VCPUS) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        "memory is %llu MiB and vcpus %llu, wanted %u to %u, and 1 to %u",
                        (unsigned long long)m.memory, (unsigned long long)m.vcpus,
                        MSE_QEMU_MIN_MEMORY, MSE_QEMU_MAX_MEMORY, MSE_QEMU_MAX_VCPUS);
    }
    if (m.kind == MSE_QEMU_SNP && (m.cpu == NULL || !mse_qemu_signature(&signature, m.cpu))) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP, "cpu is %.40s, wanted " MSE_QEMU_CPUS,
                        m.cpu == NULL ? "missing" : m.cpu);
    }
    *out = m;
    return MSE_OK;
}

mse_status mse_machine_takes(struct mse_bytes manifest, struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    mse_status st = mse_manifest_parse(&m, manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct {
        const char *member;
        bool given;
    } none[] = {
        { "restart = \"sealed\"", m.restart != MSE_RESTART_NEVER },
        { "replicas", m.replicas > 1 },
        { "upgrade", mse_upgrade_rule_is(&m.upgrade) },
        { "client_ca", !mse_mem_is_zero(m.client_ca, sizeof m.client_ca) },
    };
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(none); i++) {
        if (none[i].given) {
            st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                          "the manifest has %s, which a machine image has no place for yet",
                          none[i].member);
        }
    }
    mse_manifest_clear(&m);
    return st;
}

/* ---- what this host has */

struct looking {
    const struct mse_machine_setup *m;
    const char *root;
    void (*say)(void *arg, const char *text);
    void *arg;
};

static void wrong(const struct looking *l, const char *path, const char *why)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%.300s: %.200s", path, why);
    l->say(l->arg, text);
}

/* Whether path below the root can be used so. */
static bool usable(const struct looking *l, const char *path, int mode, const char *wanted)
{
    char whole[512];
    char why[256];
    (void)snprintf(whole, sizeof whole, "%.200s%.300s", l->root, path);
    if (access(whole, mode) == 0) {
        return true;
    }
    (void)snprintf(why, sizeof why, "%s; %s", strerror(errno), wanted);
    wrong(l, whole, why);
    return false;
}

/* A parameter of a module of the kernel that has to be Y, or 1. */
static void check_parameter(const struct looking *l, const char *path, const char *wanted)
{
    struct cli_file f = { 0 };
    char whole[512];
    (void)snprintf(whole, sizeof whole, "%.200s%.300s", l->root, path);
    if (!usable(l, path, R_OK, wanted) || cli_file_read(&f, whole, MAX_TEXT, NULL) != MSE_OK) {
        return;
    }
    if (f.len == 0 || (f.data[0] != 'Y' && f.data[0] != '1')) {
        wrong(l, whole, wanted);
    }
    cli_file_clear(&f);
}

static void check_host(const struct looking *l)
{
    static const char tdx[] = "wanted a host kernel that starts TDX machines (kvm_intel.tdx=1)";
    static const char snp[] =
        "wanted a host kernel that starts SEV-SNP machines (kvm_amd.sev_snp=1)";
    if (l->m->kind == MSE_QEMU_EMULATED) {
        return;
    }
    (void)usable(l, "/dev/kvm", R_OK | W_OK, "wanted KVM, and to be of its group");
    if (l->m->kind == MSE_QEMU_TDX) {
        check_parameter(l, "/sys/module/kvm_intel/parameters/tdx", tdx);
        (void)usable(l, MSE_QEMU_QUOTES, R_OK | W_OK,
                     "wanted the host's service for quotes of TDX");
    } else {
        check_parameter(l, "/sys/module/kvm_amd/parameters/sev_snp", snp);
        (void)usable(l, "/dev/sev", R_OK | W_OK, "wanted the device of the secure processor");
    }
}

/* ---- the files */

static mse_status digest_of(char hex[2 * 32 + 1], const char *path, struct mse_error *err)
{
    static const size_t chunk = (size_t)1 << 20;
    struct mse_sha256_ctx c = { NULL, false };
    uint8_t digest[32];
    uint8_t *room = malloc(chunk);
    FILE *f = room == NULL ? NULL : fopen(path, "rbe");
    mse_status st = f == NULL ? MSE_FAIL(err, MSE_ERR_IO, STEP, "%.200s: %s", path, strerror(errno))
                              : mse_sha256_init(&c);
    for (size_t n = 1; st == MSE_OK && n > 0;) {
        n = fread(room, 1, chunk, f);
        mse_sha256_update(&c, room, n);
        st = ferror(f) != 0 ? MSE_FAIL(err, MSE_ERR_IO, STEP, "%.200s: %s", path, strerror(errno))
                            : st;
    }
    st = st == MSE_OK ? mse_sha256_final(&c, digest) : st;
    if (st == MSE_OK) {
        mse_hex_encode(hex, mse_bytes_of(digest, sizeof digest));
    }
    mse_sha256_clear(&c);
    if (f != NULL) {
        (void)fclose(f);
    }
    free(room);
    return st;
}

/* One line: 64 digits, two spaces, a name in the same folder. */
static void check_sum(const struct looking *l, const char *line)
{
    struct mse_error err = { 0 };
    char seen[DIGEST_TEXT + 1];
    const char *name = line + DIGEST_TEXT + 2;
    if (strspn(line, "0123456789abcdef") != DIGEST_TEXT || strncmp(name - 2, "  ", 2) != 0 ||
        *name == '\0' || strchr(name, '/') != NULL) {
        wrong(l, MSE_MACHINE_SUMS, "wanted lines of a SHA-256 digest and a name");
        return;
    }
    char *path = cli_join(l->m->image, name);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : digest_of(seen, path, &err);
    if (st != MSE_OK) {
        l->say(l->arg, err.text[0] != '\0' ? err.text : mse_status_text(st));
    } else if (strncmp(seen, line, DIGEST_TEXT) != 0) {
        wrong(l, path, "it is not what " MSE_MACHINE_SUMS " says");
    }
    free(path);
}

/* A small text of the image; NULL after saying what is wrong. Heap. */
static char *image_text(const struct looking *l, const char *name)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    char *out = NULL;
    char *path = cli_join(l->m->image, name);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(&f, path, MAX_TEXT, &err);
    if (st == MSE_OK) {
        out = strndup((const char *)f.data, f.len);
    } else {
        l->say(l->arg, err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    cli_file_clear(&f);
    free(path);
    return out;
}

static bool lists(const char *sums, const char *name)
{
    char line_end[64];
    (void)snprintf(line_end, sizeof line_end, "  %s\n", name);
    return strstr(sums, line_end) != NULL;
}

static void check_sums(const struct looking *l, char *sums)
{
    if (!lists(sums, MSE_MACHINE_KERNEL) || !lists(sums, MSE_MACHINE_ROOT)) {
        wrong(l, MSE_MACHINE_SUMS, "it does not name " MSE_MACHINE_KERNEL " and " MSE_MACHINE_ROOT);
    }
    for (char *line; (line = strsep(&sums, "\n")) != NULL;) {
        if (line[0] != '\0') {
            check_sum(l, line);
        }
    }
}

static void check_files(const struct looking *l)
{
    char *sums = image_text(l, MSE_MACHINE_SUMS);
    if (sums != NULL) {
        check_sums(l, sums);
    }
    free(sums);
}

static void check_kind(const struct looking *l)
{
    static const char *const tees[] = { [MSE_QEMU_TDX] = " mse.tee=tdx ",
                                        [MSE_QEMU_SNP] = " mse.tee=snp ",
                                        [MSE_QEMU_EMULATED] = " mse.tee=sim " };
    char *commands = image_text(l, COMMANDS);
    if (commands != NULL && strstr(commands, tees[l->m->kind]) == NULL) {
        char why[64];
        (void)snprintf(why, sizeof why, "the image is for another TEE, wanted%s", tees[l->m->kind]);
        wrong(l, l->m->image, why);
    }
    free(commands);
}

void mse_machine_check(const struct mse_machine_setup *m, const char *root,
                       void (*say)(void *arg, const char *text), void *arg)
{
    const struct looking files = { .m = m, .root = "", .say = say, .arg = arg };
    const struct looking host = { .m = m, .root = root, .say = say, .arg = arg };
    (void)usable(&files, m->qemu, X_OK, "wanted QEMU, as " MSE_QEMU_PROGRAM);
    (void)usable(&files, m->firmware, R_OK, "wanted OVMF");
    check_files(&files);
    check_kind(&files);
    check_host(&host);
}
