/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU 9.1 and later for SEV-SNP, 10.1 and later for TDX. Nothing is there that the firmware would
 * measure beside what was computed: no option ROM, no boot disk, no default devices. Two serial
 * lines are always there, so that the devices are the same, whoever starts the machine. */
#include "launch/qemu.h"

#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

#define DRIVE_MAX_LEN 65536U
#define BASE64_LEN    65 /* of 48 bytes, and the NUL */

bool mse_qemu_signature(uint32_t *out, const char *cpu)
{
    static const struct {
        const char *name;
        uint32_t signature;
    } known[] = {
        { "EPYC-v4", 0x00800f12 },    { "EPYC-Milan", 0x00a00f11 }, { "EPYC-Milan-v2", 0x00a00f11 },
        { "EPYC-Genoa", 0x00a10f10 }, { "EPYC-Turin", 0x00b00f00 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(known); i++) {
        if (strcmp(cpu, known[i].name) == 0) {
            *out = known[i].signature;
            return true;
        }
    }
    return false;
}

/* Without memory there is a null in its place: see mse_qemu_words. */
static void add(json_t *words, const char *option, json_t *value)
{
    (void)json_array_append_new(words, json_string(option));
    (void)json_array_append_new(words, value == NULL ? json_null() : value);
}

static void add_text(json_t *words, const char *option, const char *text)
{
    if (text != NULL) {
        add(words, option, json_string(text));
    }
}

static unsigned long long number(uint64_t n)
{
    return n;
}

/* QEMU splits at a comma and not at two. */
static json_t *drive(const char *path, size_t which)
{
    struct mse_build b;
    mse_build_heap(&b, DRIVE_MAX_LEN);
    mse_wr_printf(&b, "if=none,id=disk%zu,format=raw,readonly=on,file=", which);
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

/* ---- what is confidential about it */

static void add_tdx(json_t *words, const struct mse_qemu *q)
{
    char id[BASE64_LEN] = "";
    bool bound = q->binding.len > 0;
    mse_base64_encode(id, q->binding);
    add(words, "-object",
        json_sprintf(
            "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\",\"attributes\":%llu%s%s%s,"
            "\"quote-generation-socket\":{\"type\":\"unix\",\"path\":\"" MSE_QEMU_QUOTES "\"}}",
            number(q->attributes), bound ? ",\"mrconfigid\":\"" : "", id, bound ? "\"" : ""));
}

static void add_snp(json_t *words, const struct mse_qemu *q)
{
    char host_data[BASE64_LEN] = "";
    mse_base64_encode(host_data, q->binding);
    add(words, "-object",
        json_sprintf("memory-backend-memfd,id=ram,size=%lluM,share=true,prealloc=false",
                     number(q->memory)));
    add(words, "-object",
        json_sprintf("sev-snp-guest,id=sev,cbitpos=51,reduced-phys-bits=1,policy=%#llx%s%s%s",
                     number(q->policy), q->kernel != NULL ? ",kernel-hashes=on" : "",
                     q->binding.len > 0 ? ",host-data=" : "", host_data));
}

/* What a processor would be is outside: at the address that the image has on its command line. */
static void add_processor(json_t *words, const struct mse_qemu *q)
{
    add(words, "-chardev", json_sprintf("socket,id=processor,fd=%d", q->processor_fd));
}

static const struct {
    const char *machine;
    const char *cpu; /* NULL: the caller's */
    const char *network;
    void (*add)(json_t *words, const struct mse_qemu *q);
} kinds[] = {
    [MSE_QEMU_TDX] = { "q35,accel=kvm,kernel-irqchip=split,hpet=off,confidential-guest-support=tdx",
                       "host", "", add_tdx },
    [MSE_QEMU_SNP] = { "q35,accel=kvm,vmport=off,confidential-guest-support=sev,memory-backend=ram",
                       NULL, "", add_snp },
    /* Kernels panicked in CMPXCHG16B, whose flags QEMU 7.2 spoils at times. */
    [MSE_QEMU_EMULATED] = { "q35,accel=tcg", "max,-cx16",
                            ",guestfwd=tcp:10.0.2.100:1-chardev:processor", add_processor },
};

/* ---- the rest */

static void add_disks(json_t *words, const struct mse_qemu *q)
{
    for (size_t i = 0; i < q->num_disks; i++) {
        add(words, "-drive", drive(q->disks[i], i));
        add(words, "-device", json_sprintf("virtio-blk-pci,drive=disk%zu", i));
    }
}

static void add_lines(json_t *words, const struct mse_qemu *q)
{
    add_text(words, "-serial", "stdio");
    if (q->control_fd < 0) {
        add_text(words, "-serial", "null");
        return;
    }
    add(words, "-chardev", json_sprintf("socket,id=control,fd=%d", q->control_fd));
    add_text(words, "-serial", "chardev:control");
}

/* An option without its value would take the next one for it. */
static json_t *all_texts(json_t *words)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        if (!json_is_string(json_array_get(words, i))) {
            json_decref(words);
            return NULL;
        }
    }
    return words;
}

json_t *mse_qemu_words(const struct mse_qemu *q)
{
    json_t *words = json_pack("[s]", q->program);
    add_text(words, "-machine", kinds[q->kind].machine);
    add_text(words, "-cpu", kinds[q->kind].cpu != NULL ? kinds[q->kind].cpu : q->cpu);
    add(words, "-smp", json_sprintf("%llu", number(q->vcpus)));
    add(words, "-m", json_sprintf("%lluM", number(q->memory)));
    kinds[q->kind].add(words, q);
    add_text(words, "-bios", q->firmware);
    add_text(words, "-kernel", q->kernel);
    add_text(words, "-initrd", q->initrd);
    add_text(words, "-append", q->append);
    add_disks(words, q);
    add(words, "-netdev",
        json_sprintf("user,id=net,restrict=on,hostfwd=tcp:%s:%llu-:443%s", q->address,
                     number(q->port), kinds[q->kind].network));
    add_text(words, "-device", "virtio-net-pci,netdev=net,romfile=");
    (void)json_array_append_new(words, json_string("-nodefaults"));
    (void)json_array_append_new(words, json_string("-no-user-config"));
    (void)json_array_append_new(words, json_string("-no-reboot"));
    add_text(words, "-display", "none");
    add_lines(words, q);
    return all_texts(words);
}
