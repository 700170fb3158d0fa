/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU 9.1 and later for SEV-SNP, 10.1 and later for TDX. Nothing is there that the firmware would
 * measure beside what was computed: no option ROM, no boot disk, no default devices. */
#include "cli/measure_qemu.h"

#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

#define LINE_MAX_LEN 65536U
#define QUOTES       "/var/run/tdx-qgs/qgs.socket"

static void add(json_t *words, const char *option, json_t *value)
{
    (void)json_array_append_new(words, json_string(option));
    (void)json_array_append_new(words, value);
}

static void add_file(json_t *words, const struct cli *c, const char *name, const char *option)
{
    if (cli_has(c, name)) {
        add(words, option, json_string(cli_value(c, name)));
    }
}

/* QEMU splits at a comma and not at two. */
static json_t *drive(const char *path)
{
    struct mse_build b;
    mse_build_heap(&b, LINE_MAX_LEN);
    mse_wr_str(&b, "if=none,id=root,format=raw,readonly=on,file=");
    for (const char *p = path; *p != '\0'; p++) {
        mse_wr_u8(&b, (uint8_t)*p);
        if (*p == ',') {
            mse_wr_u8(&b, ',');
        }
    }
    json_t *out = mse_build_ok(&b) ? json_stringn((const char *)b.data, b.len) : NULL;
    mse_build_clear(&b);
    return out;
}

static bool numbers(uint64_t *memory, uint64_t *port, const struct cli *c)
{
    const char *m = cli_value(c, "memory");
    const char *p = cli_value(c, "port");
    *memory = 2048;
    *port = 8443;
    if (m != NULL && (!mse_u64_parse(memory, mse_bytes_str(m), 1U << 20) || *memory < 256)) {
        (void)cli_trouble(c, "--memory is %s, wanted MiB, 256 to 1048576", m);
        return false;
    }
    if (p != NULL && (!mse_u64_parse(port, mse_bytes_str(p), UINT16_MAX) || *port == 0)) {
        (void)cli_trouble(c, "--port is %s, wanted 1 to 65535", p);
        return false;
    }
    return true;
}

static json_t *begin(const struct cli *c, const char *machine, const char *cpu, uint64_t memory)
{
    const char *vcpus = cli_value(c, "vcpus");
    json_t *words = json_pack("[s]", "qemu-system-x86_64");
    add(words, "-machine", json_string(machine));
    add(words, "-cpu", json_string(cpu));
    add(words, "-smp", json_string(vcpus == NULL ? "1" : vcpus));
    add(words, "-m", json_sprintf("%lluM", (unsigned long long)memory));
    return words;
}

static json_t *finish(json_t *words, const struct cli *c, uint64_t port)
{
    add_file(words, c, "firmware", "-bios");
    add_file(words, c, "kernel", "-kernel");
    add_file(words, c, "initrd", "-initrd");
    add_file(words, c, "append", "-append");
    if (cli_has(c, "disk")) {
        add(words, "-drive", drive(cli_value(c, "disk")));
        add(words, "-device", json_string("virtio-blk-pci,drive=root"));
    }
    add(words, "-netdev",
        json_sprintf("user,id=net,hostfwd=tcp:127.0.0.1:%llu-:443", (unsigned long long)port));
    add(words, "-device", json_string("virtio-net-pci,netdev=net,romfile="));
    (void)json_array_append_new(words, json_string("-nodefaults"));
    (void)json_array_append_new(words, json_string("-no-user-config"));
    (void)json_array_append_new(words, json_string("-no-reboot"));
    add(words, "-display", json_string("none"));
    add(words, "-serial", json_string("stdio"));
    return words;
}

json_t *cli_qemu_snp(const struct cli *c, struct mse_bytes binding, uint64_t policy)
{
    char host_data[65] = "";
    const char *cpu = cli_value(c, "cpu");
    uint64_t memory = 0;
    uint64_t port = 0;
    if (!numbers(&memory, &port, c)) {
        return NULL;
    }
    if (strncmp(cpu, "0x", 2) == 0) {
        (void)cli_trouble(c, "--qemu needs the name of a processor, --cpu is %s", cpu);
        return NULL;
    }
    mse_base64_encode(host_data, binding);
    json_t *words =
        begin(c, "q35,accel=kvm,vmport=off,confidential-guest-support=sev,memory-backend=ram", cpu,
              memory);
    add(words, "-object",
        json_sprintf("memory-backend-memfd,id=ram,size=%lluM,share=true,prealloc=false",
                     (unsigned long long)memory));
    add(words, "-object",
        json_sprintf("sev-snp-guest,id=sev,cbitpos=51,reduced-phys-bits=1,policy=%#llx%s%s%s",
                     (unsigned long long)policy, cli_has(c, "kernel") ? ",kernel-hashes=on" : "",
                     binding.len > 0 ? ",host-data=" : "", host_data));
    return finish(words, c, port);
}

json_t *cli_qemu_tdx(const struct cli *c, struct mse_bytes binding, uint64_t attributes)
{
    char id[65] = "";
    uint64_t memory = 0;
    uint64_t port = 0;
    if (!numbers(&memory, &port, c)) {
        return NULL;
    }
    mse_base64_encode(id, binding);
    json_t *words =
        begin(c, "q35,accel=kvm,kernel-irqchip=split,hpet=off,confidential-guest-support=tdx",
              "host", memory);
    add(words, "-object",
        json_sprintf("{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\",\"attributes\":%llu%s%s%s,"
                     "\"quote-generation-socket\":{\"type\":\"unix\",\"path\":\"" QUOTES "\"}}",
                     (unsigned long long)attributes, binding.len > 0 ? ",\"mrconfigid\":\"" : "",
                     id, binding.len > 0 ? "\"" : ""));
    return finish(words, c, port);
}

char *cli_qemu_line(const json_t *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:=,+-";
    struct mse_build b;
    char *out = NULL;
    mse_build_heap(&b, LINE_MAX_LEN);
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        bool quoted = word != NULL && (*word == '\0' || word[strspn(word, plain)] != '\0');
        mse_wr_str(&b, i > 0 ? " " : "");
        mse_wr_str(&b, quoted ? "'" : "");
        for (const char *p = word; p != NULL && *p != '\0'; p++) {
            if (*p == '\'') {
                mse_wr_str(&b, "'\\'");
            }
            mse_wr_u8(&b, (uint8_t)*p);
        }
        mse_wr_str(&b, quoted ? "'" : "");
    }
    mse_wr_u8(&b, 0);
    if (mse_build_ok(&b)) {
        out = strdup((const char *)b.data);
    }
    mse_build_clear(&b);
    return out;
}
