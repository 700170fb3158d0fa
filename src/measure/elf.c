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
#define PT_DYNAMIC  2U
#define SHDR_LEN    64U
#define SHT_NOBITS  8U
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

/* Empty if it is not in the file. */
static struct mse_bytes part_of(struct mse_bytes file, uint64_t offset, uint64_t len)
{
    struct mse_bytes out = { 0 };
    bool inside = offset <= file.len && len <= file.len && mse_rd_skip(&file, (size_t)offset) &&
                  mse_rd_bytes(&file, &out, (size_t)len);
    return inside ? out : mse_bytes_of(NULL, 0);
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
        if (p.type == PT_DYNAMIC && e.dynamic.len == 0) {
            e.dynamic = part_of(file, p.offset, p.filesz);
        }
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

const uint8_t *mse_elf_page(uint8_t buf[MSE_ELF_PAGE], const struct mse_elf_segment *s, uint64_t at)
{
    struct mse_bytes rest = s->file;
    struct mse_bytes part = { 0 };
    size_t lead = at < s->vaddr ? (size_t)(s->vaddr - at) : 0;
    uint64_t skip = at > s->vaddr ? at - s->vaddr : 0;
    if (lead >= MSE_ELF_PAGE || skip >= rest.len || !mse_rd_skip(&rest, (size_t)skip)) {
        return NULL;
    }
    size_t len = MSE_ELF_PAGE - lead < rest.len ? MSE_ELF_PAGE - lead : rest.len;
    bool taken = mse_rd_bytes(&rest, &part, len);
    MSE_ASSERT(taken);
    if (len == MSE_ELF_PAGE) {
        return part.data;
    }
    memset(buf, 0, MSE_ELF_PAGE);
    memcpy(buf + lead, part.data, len);
    return buf;
}

uint64_t mse_elf_secinfo(const struct mse_elf_segment *s)
{
    return MSE_SECINFO_REG | ((s->flags & MSE_ELF_R) != 0 ? MSE_SECINFO_R : 0) |
           ((s->flags & MSE_ELF_W) != 0 ? MSE_SECINFO_W : 0) |
           ((s->flags & MSE_ELF_X) != 0 ? MSE_SECINFO_X : 0);
}

struct shdr {
    uint32_t name;
    uint32_t type;
    uint64_t addr;
    uint64_t offset;
    uint64_t size;
};

static bool rd_shdr(struct mse_bytes *in, struct shdr *h)
{
    return mse_rd_u32le(in, &h->name) &&   // 0 sh_name
           mse_rd_u32le(in, &h->type) &&   // 4 sh_type
           mse_rd_skip(in, 8) &&           // 8 sh_flags
           mse_rd_u64le(in, &h->addr) &&   // 16 sh_addr
           mse_rd_u64le(in, &h->offset) && // 24 sh_offset
           mse_rd_u64le(in, &h->size) &&   // 32 sh_size
           mse_rd_skip(in, 24);            // 40 sh_link, sh_info, sh_addralign, sh_entsize
}

static bool header_at(const struct mse_elf_sections *s, size_t i, struct shdr *h)
{
    struct mse_bytes rest = s->table;
    return i < s->num && mse_rd_skip(&rest, i * SHDR_LEN) && rd_shdr(&rest, h);
}

mse_status mse_elf_sections_open(struct mse_elf_sections *out, struct mse_bytes file,
                                 struct mse_error *err)
{
    struct mse_bytes in = file;
    struct mse_elf_sections s = { .file = file };
    struct shdr names = { 0 };
    uint64_t shoff = 0;
    uint16_t entry_len = 0;
    uint16_t num = 0;
    uint16_t names_at = 0;
    bool form = mse_rd_skip(&in, 40) &&          // 0
                mse_rd_u64le(&in, &shoff) &&     // 40 e_shoff
                mse_rd_skip(&in, 10) &&          // 48
                mse_rd_u16le(&in, &entry_len) && // 58 e_shentsize
                mse_rd_u16le(&in, &num) &&       // 60 e_shnum
                mse_rd_u16le(&in, &names_at);    // 62 e_shstrndx
    s.num = num;
    s.table = part_of(file, shoff, (uint64_t)num * SHDR_LEN);
    if (!form || num == 0 || entry_len != SHDR_LEN || s.table.len == 0 ||
        !header_at(&s, names_at, &names)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "%u section headers of %u bytes at %#llx, names in %u: not in the file's "
                        "%zu bytes",
                        num, entry_len, (unsigned long long)shoff, names_at, file.len);
    }
    s.names = part_of(file, names.offset, names.size);
    *out = s;
    return MSE_OK;
}

bool mse_elf_section_at(const struct mse_elf_sections *s, size_t i, struct mse_elf_section *out)
{
    struct shdr h = { 0 };
    struct mse_bytes name = s->names;
    if (!header_at(s, i, &h) || !mse_rd_skip(&name, h.name)) {
        return false;
    }
    const uint8_t *end = name.len == 0 ? NULL : memchr(name.data, 0, name.len);
    struct mse_bytes content =
        h.type == SHT_NOBITS ? mse_bytes_of(NULL, 0) : part_of(s->file, h.offset, h.size);
    if (end == NULL || (h.type != SHT_NOBITS && content.len != h.size)) {
        return false;
    }
    out->name = mse_bytes_of(name.data, (size_t)(end - name.data));
    out->addr = h.addr;
    out->content = content;
    return true;
}
