/* SPDX-License-Identifier: Apache-2.0 */
/* The launch digest of SEV-SNP, as QEMU launches a guest: the firmware, the pages that its list
 * names, the first state of each processor. */
#include <mse/measure.h>

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "measure/ovmf.h"
#include "measure/store.h"

#define STEP         "SEV-SNP launch"
#define PAGE         MSE_OVMF_PAGE
#define TOP          (1ULL << 32) /* the firmware ends here */
#define VMSA_ADDRESS 0xfffffffff000ULL
#define FIRST_EIP    0xfffffff0U
#define MAX_VCPUS    4096U
#define TABLE_LEN    168U
#define ENTRY_LEN    50U

/* spec: SEV-SNP Firmware ABI Specification, "SNP_LAUNCH_UPDATE", page types and PAGE_INFO */
enum page_type {
    NORMAL = 1,
    VMSA = 2,
    ZERO = 3,
    SECRETS = 5,
    CPUID = 6,
};

struct launch {
    uint8_t digest[48];
    mse_status st; /* sticky */
    uint32_t left; /* pages */
};

/* One page; page NULL: its content is not measured. */
static void add_page(struct launch *l, enum page_type type, uint64_t address, const uint8_t *page)
{
    uint8_t info[0x70] = { 0 };
    if (l->st != MSE_OK) {
        return;
    }
    memcpy(info, l->digest, sizeof l->digest);
    if (page != NULL) {
        l->st = mse_sha384(info + 0x30, mse_bytes_of(page, PAGE));
    }
    mse_store_u16le(info + 0x60, sizeof info);
    info[0x62] = (uint8_t)type;
    mse_store_u64le(info + 0x68, address);
    if (l->st == MSE_OK) {
        l->st = mse_sha384(l->digest, mse_bytes_of(info, sizeof info));
    }
}

static void put_entry(uint8_t **at, const uint8_t guid[16], uint16_t len)
{
    memcpy(*at, guid, 16);
    mse_store_u16le(*at + 16, len);
    *at += 18;
}

static mse_status put_hash(uint8_t **at, const uint8_t guid[16], struct mse_bytes a,
                           struct mse_bytes b)
{
    put_entry(at, guid, ENTRY_LEN);
    mse_status st = mse_sha256_2(*at, a, b);
    *at += 32;
    return st;
}

/* The table of hashes that QEMU puts into the guest's memory: command line with its NUL, initrd,
 * kernel, each behind its GUID and length. */
static mse_status put_table(uint8_t table[TABLE_LEN], const struct mse_snp_launch *l)
{
    static const uint8_t guid_table[16] = { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                            0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21 };
    static const uint8_t guid_command[16] = { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                              0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a };
    static const uint8_t guid_initrd[16] = { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                             0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d };
    static const uint8_t guid_kernel[16] = { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                             0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b };
    static const uint8_t nul = 0;
    const struct mse_bytes none = { NULL, 0 };
    uint8_t *at = table;
    put_entry(&at, guid_table, TABLE_LEN);
    mse_status st = put_hash(&at, guid_command, l->command_line, mse_bytes_of(&nul, 1));
    st = st == MSE_OK ? put_hash(&at, guid_initrd, l->initrd, none) : st;
    return st == MSE_OK ? put_hash(&at, guid_kernel, l->kernel, none) : st;
}

static mse_status add_hashes(struct launch *out, const struct mse_ovmf *o,
                             const struct mse_ovmf_sev *s, const struct mse_snp_launch *l,
                             struct mse_error *err)
{
    uint8_t page[PAGE] = { 0 };
    uint32_t at = o->hashes % PAGE;
    if (!o->has_hashes || s->len != PAGE || o->hashes - at != s->address || at > PAGE - TABLE_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the hashes of the kernel are to stand at %#x, their page is %u bytes at "
                        "%#x",
                        o->hashes, s->len, s->address);
    }
    mse_status st = put_table(page + at, l);
    add_page(out, NORMAL, s->address, page);
    return st;
}

static bool type_of(enum page_type *out, uint32_t section)
{
    bool plain = section == MSE_SEV_MEMORY || section == MSE_SEV_CAA || section == MSE_SEV_HASHES;
    *out = section == MSE_SEV_SECRETS ? SECRETS : section == MSE_SEV_CPUID ? CPUID : ZERO;
    return plain || *out != ZERO;
}

static mse_status add_section(struct launch *out, const struct mse_ovmf_sev *s,
                              struct mse_error *err)
{
    enum page_type type = ZERO;
    uint32_t pages = s->len / PAGE;
    if (!type_of(&type, s->type)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "a section of type %u", s->type);
    }
    if (s->address % PAGE != 0 || s->len % PAGE != 0 || pages == 0 ||
        (type != ZERO && pages != 1)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "a section of type %u has %u bytes at %#x",
                        s->type, s->len, s->address);
    }
    if (pages > out->left) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "sections of more than 256 MiB");
    }
    out->left -= pages;
    for (uint32_t i = 0; i < pages; i++) {
        add_page(out, type, s->address + (uint64_t)i * PAGE, NULL);
    }
    return out->st;
}

static mse_status add_sections(struct launch *out, const struct mse_ovmf *o,
                               const struct mse_snp_launch *l, struct mse_error *err)
{
    struct mse_bytes rest = o->sev;
    struct mse_ovmf_sev s;
    bool measured = false;
    mse_status st = MSE_OK;
    while (st == MSE_OK && mse_ovmf_sev_next(&s, &rest)) {
        bool hashes = l->has_kernel && s.type == MSE_SEV_HASHES;
        if (hashes && measured) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "two pages for hashes of the kernel");
        }
        measured = measured || hashes;
        st = hashes ? add_hashes(out, o, &s, l, err) : add_section(out, &s, err);
    }
    if (st == MSE_OK && l->has_kernel && !measured) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                      "this firmware does not measure a kernel; wanted one with a page for hashes "
                      "(OvmfPkg/AmdSev)");
    }
    return st;
}

static void put_segment(uint8_t *at, uint16_t selector, uint16_t attributes, uint32_t base)
{
    mse_store_u16le(at, selector);
    mse_store_u16le(at + 2, attributes);
    mse_store_u32le(at + 4, 0xffff);
    mse_store_u64le(at + 8, base);
}

/* The state of a processor after reset, as KVM and QEMU set it up.
 * spec: AMD64 Architecture Programmer's Manual, volume 2, table B-4 */
static void put_state(uint8_t page[PAGE], const struct mse_snp_launch *l, uint32_t eip)
{
    memset(page, 0, PAGE);
    put_segment(page + 0x00, 0, 0x93, 0);                      /* ES */
    put_segment(page + 0x10, 0xf000, 0x9b, eip & 0xffff0000U); /* CS */
    put_segment(page + 0x20, 0, 0x93, 0);                      /* SS */
    put_segment(page + 0x30, 0, 0x93, 0);                      /* DS */
    put_segment(page + 0x40, 0, 0x93, 0);                      /* FS */
    put_segment(page + 0x50, 0, 0x93, 0);                      /* GS */
    put_segment(page + 0x60, 0, 0, 0);                         /* GDTR */
    put_segment(page + 0x70, 0, 0x82, 0);                      /* LDTR */
    put_segment(page + 0x80, 0, 0, 0);                         /* IDTR */
    put_segment(page + 0x90, 0, 0x8b, 0);                      /* TR */
    mse_store_u64le(page + 0xd0, 0x1000);                      /* EFER: SVME */
    mse_store_u64le(page + 0x148, 0x40);                       /* CR4: MCE */
    mse_store_u64le(page + 0x158, 0x10);                       /* CR0 */
    mse_store_u64le(page + 0x160, 0x400);                      /* DR7 */
    mse_store_u64le(page + 0x168, 0xffff0ff0);                 /* DR6 */
    mse_store_u64le(page + 0x170, 0x2);                        /* RFLAGS */
    mse_store_u64le(page + 0x178, eip & 0xffffU);              /* RIP */
    mse_store_u64le(page + 0x268, 0x0007040600070406ULL);      /* PAT */
    mse_store_u64le(page + 0x310, l->vcpu_signature);          /* RDX */
    mse_store_u64le(page + 0x3b0, l->guest_features);          /* SEV_FEATURES */
    mse_store_u64le(page + 0x3e8, 1);                          /* XCR0 */
    mse_store_u32le(page + 0x408, 0x1f80);                     /* MXCSR */
    mse_store_u16le(page + 0x410, 0x37f);                      /* x87 control word */
}

static mse_status add_processors(struct launch *out, const struct mse_ovmf *o,
                                 const struct mse_snp_launch *l, struct mse_error *err)
{
    uint8_t page[PAGE];
    if (l->vcpus > 1 && (!o->has_reset || o->reset_eip == 0)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "this firmware has no start for more than one processor");
    }
    put_state(page, l, FIRST_EIP);
    for (uint32_t i = 0; i < l->vcpus; i++) {
        if (i == 1) {
            put_state(page, l, o->reset_eip);
        }
        add_page(out, VMSA, VMSA_ADDRESS, page);
    }
    return out->st;
}

mse_status mse_measure_snp(uint8_t out[48], const struct mse_snp_launch *l, struct mse_error *err)
{
    struct launch done = { .st = MSE_OK, .left = MSE_OVMF_MAX_PAGES };
    struct mse_ovmf o;
    if (l->vcpus == 0 || l->vcpus > MAX_VCPUS) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "%u processors, wanted 1 to %u", l->vcpus,
                        MAX_VCPUS);
    }
    mse_status st = mse_ovmf_parse(&o, l->firmware, err);
    if (st == MSE_OK && o.sev.len == 0) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "this firmware has no list for SEV-SNP");
    }
    if (st != MSE_OK) {
        return st;
    }
    for (size_t at = 0; at < o.image.len; at += PAGE) {
        add_page(&done, NORMAL, TOP - o.image.len + at, o.image.data + at);
    }
    st = add_sections(&done, &o, l, err);
    st = st == MSE_OK ? add_processors(&done, &o, l, err) : st;
    st = st == MSE_OK ? done.st : st;
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "%s", mse_status_text(st));
    }
    memcpy(out, done.digest, sizeof done.digest);
    return MSE_OK;
}
