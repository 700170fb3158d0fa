/* SPDX-License-Identifier: Apache-2.0 */
/* The strict ELF64 reader. spec: System V ABI, chapters "ELF Header" and "Program Header". */
#include "measure/elf.h"

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define EHDR_LEN    64U
#define PHDR_LEN    56U
#define ET_EXEC     2U
#define ET_DYN      3U
#define EM_X86_64   62U
#define PT_LOAD     1U
#define OSABI_SYSV  0U
#define OSABI_LINUX 3U
#define MAX_HEADERS 256U
#define STEP        "ELF image"

struct ehdr {
    uint8_t magic[4];
    uint8_t class;
    uint8_t data;
    uint8_t ident_version;
    uint8_t osabi;
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
};

struct phdr {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t filesz;
    uint64_t memsz;
};

static bool rd_ehdr(struct mse_bytes in, struct ehdr *h)
{
    return mse_rd_copy(&in, h->magic, sizeof h->magic) && // 0 e_ident
           mse_rd_u8(&in, &h->class) &&                   // 4
           mse_rd_u8(&in, &h->data) &&                    // 5
           mse_rd_u8(&in, &h->ident_version) &&           // 6
           mse_rd_u8(&in, &h->osabi) &&                   // 7
           mse_rd_skip(&in, 8) &&                         // 8
           mse_rd_u16le(&in, &h->type) &&                 // 16 e_type
           mse_rd_u16le(&in, &h->machine) &&              // 18 e_machine
           mse_rd_u32le(&in, &h->version) &&              // 20 e_version
           mse_rd_u64le(&in, &h->entry) &&                // 24 e_entry
           mse_rd_u64le(&in, &h->phoff) &&                // 32 e_phoff
           mse_rd_skip(&in, 12) &&                        // 40 e_shoff, e_flags
           mse_rd_u16le(&in, &h->ehsize) &&               // 52 e_ehsize
           mse_rd_u16le(&in, &h->phentsize) &&            // 54 e_phentsize
           mse_rd_u16le(&in, &h->phnum) &&                // 56 e_phnum
           mse_rd_skip(&in, 6);                           // 58 e_shentsize, e_shnum, e_shstrndx
}

static bool rd_phdr(struct mse_bytes *in, struct phdr *p)
{
    return mse_rd_u32le(in, &p->type) &&   // 0 p_type
           mse_rd_u32le(in, &p->flags) &&  // 4 p_flags
           mse_rd_u64le(in, &p->offset) && // 8 p_offset
           mse_rd_u64le(in, &p->vaddr) &&  // 16 p_vaddr
           mse_rd_skip(in, 8) &&           // 24 p_paddr
           mse_rd_u64le(in, &p->filesz) && // 32 p_filesz
           mse_rd_u64le(in, &p->memsz) &&  // 40 p_memsz
           mse_rd_skip(in, 8);             // 48 p_align
}

static mse_status check_ehdr(const struct ehdr *h, struct mse_error *err)
{
    static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };
    if (!mse_mem_equal(h->magic, magic, sizeof magic)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not an ELF file (magic %02x%02x%02x%02x)",
                        h->magic[0], h->magic[1], h->magic[2], h->magic[3]);
    }
    if (h->class != 2 || h->data != 1 || h->machine != EM_X86_64) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "class %u, data %u, machine %u; wanted 2, 1, 62 (64-bit x86-64)", h->class,
                        h->data, h->machine);
    }
    if (h->type != ET_DYN && h->type != ET_EXEC) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "e_type %u, wanted 3 or 2", h->type);
    }
    if (h->osabi != OSABI_SYSV && h->osabi != OSABI_LINUX) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "OS ABI %u, wanted 0 or 3", h->osabi);
    }
    if (h->ident_version != 1 || h->version != 1 || h->ehsize != EHDR_LEN ||
        h->phentsize != PHDR_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "versions %u, %u, e_ehsize %u, e_phentsize %u; wanted 1, 1, 64, 56",
                        h->ident_version, h->version, h->ehsize, h->phentsize);
    }
    return MSE_OK;
}

/* The program header table, cut out of the file. */
static mse_status find_table(struct mse_bytes *out, const struct ehdr *h, struct mse_bytes file,
                             struct mse_error *err)
{
    if (h->phnum > MAX_HEADERS) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "%u program headers, wanted at most %u",
                        h->phnum, MAX_HEADERS);
    }
    struct mse_bytes rest = file;
    size_t len = (size_t)h->phnum * PHDR_LEN;
    if (h->phoff > file.len || !mse_rd_skip(&rest, (size_t)h->phoff) ||
        !mse_rd_bytes(&rest, out, len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "%u program headers at %#llx do not lie in the file's %zu bytes", h->phnum,
                        (unsigned long long)h->phoff, file.len);
    }
    return MSE_OK;
}

/* p_offset, p_filesz and p_memsz against the file. */
static mse_status cut_segment(struct mse_elf_segment *s, const struct phdr *p,
                              struct mse_bytes file, struct mse_error *err)
{
    struct mse_bytes rest = file;
    if (p->offset > file.len || p->filesz > file.len || !mse_rd_skip(&rest, (size_t)p->offset) ||
        !mse_rd_bytes(&rest, &s->file, (size_t)p->filesz)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "segment at file offset %#llx, length %#llx: outside the %zu bytes",
                        (unsigned long long)p->offset, (unsigned long long)p->filesz, file.len);
    }
    if (p->memsz == 0 || p->filesz > p->memsz) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "p_memsz %#llx with p_filesz %#llx",
                        (unsigned long long)p->memsz, (unsigned long long)p->filesz);
    }
    if (p->vaddr % MSE_SGX_PAGE != p->offset % MSE_SGX_PAGE) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "p_vaddr %#llx and p_offset %#llx differ within the page",
                        (unsigned long long)p->vaddr, (unsigned long long)p->offset);
    }
    return MSE_OK;
}

static mse_status place_segment(struct mse_elf_segment *s, const struct phdr *p,
                                uint64_t previous_end, struct mse_error *err)
{
    if (p->vaddr >= MSE_ELF_MAX_ADDRESS || p->memsz > MSE_ELF_MAX_ADDRESS - p->vaddr) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "p_vaddr %#llx, p_memsz %#llx: beyond 2^47",
                        (unsigned long long)p->vaddr, (unsigned long long)p->memsz);
    }
    if ((p->flags & ~(MSE_ELF_R | MSE_ELF_W | MSE_ELF_X)) != 0 ||
        (p->flags & (MSE_ELF_R | MSE_ELF_W)) == MSE_ELF_W) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "p_flags %#x: unknown bits, or writable and not readable", p->flags);
    }
    s->vaddr = p->vaddr;
    s->mem_len = p->memsz;
    s->flags = p->flags;
    s->start = p->vaddr / MSE_SGX_PAGE * MSE_SGX_PAGE;
    s->end = (p->vaddr + p->memsz + MSE_SGX_PAGE - 1) / MSE_SGX_PAGE * MSE_SGX_PAGE;
    if (s->start < previous_end) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "segment at %#llx: shares a page with the one before it, or lies below it",
                        (unsigned long long)p->vaddr);
    }
    return MSE_OK;
}

static mse_status add_segment(struct mse_elf *e, const struct phdr *p, struct mse_bytes file,
                              struct mse_error *err)
{
    if (e->num_segments == MSE_ELF_MAX_SEGMENTS) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "more than %d segments", MSE_ELF_MAX_SEGMENTS);
    }
    struct mse_elf_segment s = { 0 };
    mse_status st = cut_segment(&s, p, file, err);
    if (st != MSE_OK) {
        return st;
    }
    st = place_segment(&s, p, e->end, err);
    if (st != MSE_OK) {
        return st;
    }
    if (e->num_segments == 0) {
        e->start = s.start;
    }
    e->end = s.end;
    e->segments[e->num_segments] = s;
    e->num_segments++;
    return MSE_OK;
}

static mse_status check_entry(const struct mse_elf *e, struct mse_error *err)
{
    for (size_t i = 0; i < e->num_segments; i++) {
        const struct mse_elf_segment *s = &e->segments[i];
        if (e->entry >= s->vaddr && e->entry - s->vaddr < s->mem_len) {
            return MSE_OK;
        }
    }
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "e_entry %#llx lies in none of %zu segments",
                    (unsigned long long)e->entry, e->num_segments);
}

mse_status mse_elf_parse(struct mse_elf *out, struct mse_bytes file, struct mse_error *err)
{
    struct ehdr h = { 0 };
    if (!rd_ehdr(file, &h)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%zu bytes, the header alone has 64",
                        file.len);
    }
    mse_status st = check_ehdr(&h, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes table = { 0 };
    st = find_table(&table, &h, file, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_elf e = { .entry = h.entry };
    struct phdr p = { 0 };
    while (rd_phdr(&table, &p)) {
        st = p.type == PT_LOAD ? add_segment(&e, &p, file, err) : MSE_OK;
        if (st != MSE_OK) {
            return st;
        }
    }
    st = check_entry(&e, err);
    if (st != MSE_OK) {
        return st;
    }
    *out = e;
    return MSE_OK;
}
