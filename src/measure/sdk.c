/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave that Intel's SDK signed, as its loader adds it: the patched segments, then the layout
 * that the metadata lists. docs/measurement.md has the rules. */
#include "measure/sdk.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "measure/elf.h"
#include "measure/layout.h"
#include "measure/sdk_file.h"
#include "measure/store.h"

#define STEP          "SDK layout"
#define MEASURED_COST 32U
#define OLD_VERSION   MSE_SDK_VERSION(1, 3)
#define EADD_EEXTEND  (MSE_SDK_EADD | MSE_SDK_EEXTEND)
#define DT_PLTRELSZ   2U
#define DT_RELA       7U
#define DT_RELASZ     8U
#define DT_TEXTREL    22U
#define DT_JMPREL     23U

/* What is being loaded. */
struct load {
    struct mse_mrenclave *m;
    const struct mse_sdk_block *block;
    struct mse_elf elf;
    struct mse_elf_sections sections;
    uint8_t *file;     /* the patched copy, which the segments of elf lie in */
    uint8_t *taken;    /* a bit for each page of the enclave */
    uint8_t *writable; /* a bit for each page of the image that a relocation writes to; or NULL */
    uint64_t left;     /* of the cost */
    struct mse_error *err;
};

static bool bit(const uint8_t *bits, uint64_t i)
{
    return (bits[i / 8] >> i % 8 & 1) != 0;
}

static void set_bit(uint8_t *bits, uint64_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1U << i % 8);
}

static mse_status spend(struct load *l, uint64_t cost)
{
    if (cost > l->left) {
        return MSE_FAIL(l->err, MSE_ERR_NO_SPACE, STEP, "more pages than anybody loads");
    }
    l->left -= cost;
    return MSE_OK;
}

/* One page of the enclave, if it is to be added at all; page NULL: zeros. */
static mse_status add_page(struct load *l, uint64_t at, uint64_t flags, uint16_t attributes,
                           const uint8_t *page)
{
    uint64_t place = at + l->block->bias; /* both are below 2^40 where it counts */
    bool extend = (attributes & EADD_EEXTEND) == EADD_EEXTEND;
    mse_status st = spend(l, extend ? MEASURED_COST : 1);
    if (st != MSE_OK || (attributes & MSE_SDK_EADD) == 0) {
        return st;
    }
    if (at >= l->block->size || l->block->bias > l->block->size || place >= l->block->size ||
        place % MSE_SGX_PAGE != 0 || bit(l->taken, place / MSE_SGX_PAGE)) {
        return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                        "page %#llx is no page of the enclave, or is added twice",
                        (unsigned long long)at);
    }
    set_bit(l->taken, place / MSE_SGX_PAGE);
    mse_mrenclave_eadd(l->m, place, flags);
    if (extend) {
        mse_mrenclave_eextend(l->m, place, page);
    }
    return MSE_OK;
}

/* The pages of a segment, or of a region of the layout, whose content lies in the file. writable:
 * a bit for each page that gets W beside its flags, if the file has content for it; or NULL. */
static mse_status add_region(struct load *l, const struct mse_elf_segment *s, uint64_t flags,
                             const uint8_t *writable)
{
    uint8_t buf[MSE_SGX_PAGE];
    mse_status st = MSE_OK;
    for (uint64_t at = s->start; st == MSE_OK && at < s->end; at += MSE_SGX_PAGE) {
        bool relocated = writable != NULL && at < s->vaddr + s->file.len && s->file.len > 0 &&
                         bit(writable, at / MSE_SGX_PAGE);
        st = add_page(l, at, flags | (relocated ? MSE_SECINFO_W : 0), EADD_EEXTEND,
                      mse_elf_page(buf, s, at));
    }
    return st;
}

static uint64_t round_up(uint64_t v)
{
    return (v + MSE_SGX_PAGE - 1) / MSE_SGX_PAGE * MSE_SGX_PAGE;
}

/* Loaders of that time added one page of zeros behind a segment whose length, but not whose end,
 * was rounded up once too often; between two segments only into a gap. */
static mse_status add_old_page(struct load *l, const struct mse_elf_segment *s,
                               const struct mse_elf_segment *next)
{
    bool old = l->block->version == OLD_VERSION && s->vaddr > 0;
    bool longer = s->end < round_up(round_up(s->mem_len) + s->vaddr);
    bool gap = next == NULL || s->end < next->start;
    return old && longer && gap ? add_page(l, s->end, mse_elf_secinfo(s), EADD_EEXTEND, NULL)
                                : MSE_OK;
}

static mse_status add_segments(struct load *l)
{
    mse_status st = MSE_OK;
    size_t num = l->elf.num_segments;
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        const struct mse_elf_segment *s = &l->elf.segments[i];
        st = add_region(l, s, mse_elf_secinfo(s), l->writable);
        if (st == MSE_OK) {
            st = add_old_page(l, s, i + 1 < num ? s + 1 : NULL);
        }
    }
    return st;
}

static void add_u64(uint8_t *p, uint64_t v)
{
    struct mse_bytes in = mse_bytes_of(p, 8);
    uint64_t was = 0;
    bool taken = mse_rd_u64le(&in, &was);
    MSE_ASSERT(taken);
    mse_store_u64le(p, was + v);
}

/* The content of a TCS is a template whose addresses count from the page itself.
 * spec: Intel SDM Vol. 3D, "Thread Control Structure (TCS)". */
static void fill_tcs(uint8_t page[MSE_SGX_PAGE], struct mse_bytes content, uint64_t at)
{
    memcpy(page, content.data, content.len);
    add_u64(page + 0x10, at); /* OSSA */
    add_u64(page + 0x30, at); /* OFSBASE */
    add_u64(page + 0x38, at); /* OGSBASE */
}

static mse_status add_filled(struct load *l, const struct mse_sdk_entry *e, uint64_t at)
{
    uint8_t page[MSE_SGX_PAGE] = { 0 };
    mse_status st = MSE_OK;
    if (e->content.len > 0) {
        fill_tcs(page, e->content, at);
    }
    for (size_t i = 0; e->content.len == 0 && i < MSE_SGX_PAGE; i += sizeof e->fill) {
        mse_store_u32le(page + i, e->fill);
    }
    for (uint32_t i = 0; st == MSE_OK && i < e->num_pages; i++) {
        st = add_page(l, at + (uint64_t)i * MSE_SGX_PAGE, e->flags, e->attributes, page);
    }
    return st;
}

static mse_status add_entry(struct load *l, const struct mse_sdk_entry *e, uint64_t delta)
{
    uint64_t at = e->rva + delta; /* delta is at most the size of the enclave */
    uint64_t len = (uint64_t)e->num_pages * MSE_SGX_PAGE;
    bool is_tcs = e->flags == MSE_SECINFO_TCS;
    mse_status st = spend(l, 1);
    if (st != MSE_OK || (e->attributes & MSE_SDK_EADD) == 0 || e->flags == 0) {
        return st; /* added later, or a guard */
    }
    if (e->rva >= l->block->size || at >= l->block->size || at % MSE_SGX_PAGE != 0 ||
        e->content.len > (is_tcs ? MSE_SGX_PAGE : len)) {
        return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                        "%u pages at %#llx with %zu bytes of content", e->num_pages,
                        (unsigned long long)at, e->content.len);
    }
    if (e->content.len == 0 || is_tcs) {
        return add_filled(l, e, at);
    }
    const struct mse_elf_segment region = {
        .file = e->content, .vaddr = at, .start = at, .end = at + len
    };
    return add_region(l, &region, e->flags, NULL);
}

/* The entries [from, to) of the layout, none of which may be a group. */
static mse_status add_entries(struct load *l, size_t from, size_t to, uint64_t delta)
{
    struct mse_bytes rest = l->block->layout;
    struct mse_sdk_entry e;
    bool inside = mse_rd_skip(&rest, from * MSE_SDK_ENTRY_LEN);
    MSE_ASSERT(inside);
    mse_status st = MSE_OK;
    for (size_t i = from; st == MSE_OK && i < to; i++) {
        if (!mse_sdk_entry_next(&e, &rest, l->block) || e.is_group) {
            return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                            "entry %zu: content outside of the metadata, or a group in a group", i);
        }
        st = add_entry(l, &e, delta);
    }
    return st;
}

static mse_status add_group(struct load *l, const struct mse_sdk_entry *g, size_t at)
{
    uint64_t delta = 0;
    mse_status st = MSE_OK;
    if (g->num_entries > at) {
        return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP, "entry %zu repeats %u before it", at,
                        g->num_entries);
    }
    for (uint32_t i = 0; st == MSE_OK && i < g->times; i++) {
        if (g->step > l->block->size - delta) {
            return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP, "entry %zu: beyond the enclave", at);
        }
        delta += g->step;
        st = spend(l, 1);
        st = st == MSE_OK ? add_entries(l, at - g->num_entries, at, delta) : st;
    }
    return st;
}

static mse_status add_layout(struct load *l)
{
    struct mse_bytes rest = l->block->layout;
    struct mse_sdk_entry e;
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && rest.len > 0; i++) {
        if (!mse_sdk_entry_next(&e, &rest, l->block)) {
            return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                            "entry %zu: content outside of the metadata", i);
        }
        st = e.is_group ? add_group(l, &e, i) : add_entry(l, &e, 0);
    }
    return st;
}

/* The last value of each tag counts, as for the loader. */
struct dynamic {
    bool text_relocations;
    uint64_t rela[2]; /* addresses: DT_RELA, DT_JMPREL */
    uint64_t len[2];
};

static struct dynamic read_dynamic(struct mse_bytes in)
{
    struct dynamic d = { 0 };
    uint64_t tag = 0;
    uint64_t value = 0;
    while (mse_rd_u64le(&in, &tag) && mse_rd_u64le(&in, &value) && tag != 0) {
        d.text_relocations = d.text_relocations || tag == DT_TEXTREL;
        d.rela[0] = tag == DT_RELA ? value : d.rela[0];
        d.len[0] = tag == DT_RELASZ ? value : d.len[0];
        d.rela[1] = tag == DT_JMPREL ? value : d.rela[1];
        d.len[1] = tag == DT_PLTRELSZ ? value : d.len[1];
    }
    return d;
}

/* Marks the pages that the relocations in it write to. */
static void mark_table(struct load *l, struct mse_bytes table)
{
    uint64_t num = l->elf.end / MSE_SGX_PAGE;
    uint64_t at = 0;
    uint64_t info = 0;
    while (mse_rd_u64le(&table, &at) && mse_rd_u64le(&table, &info) && mse_rd_skip(&table, 8)) {
        uint64_t page = at / MSE_SGX_PAGE;
        bool crosses = at % MSE_SGX_PAGE > MSE_SGX_PAGE - 8;
        if ((uint32_t)info == 0) {
            continue; /* R_X86_64_NONE */
        }
        for (uint64_t p = page; p <= page + (crosses ? 1 : 0) && p < num; p++) {
            set_bit(l->writable, p);
        }
    }
}

static mse_status mark_at(struct load *l, uint64_t addr, uint64_t len)
{
    struct mse_elf_section s = { 0 };
    struct mse_bytes table = { 0 };
    for (size_t i = 0; len > 0 && i < l->sections.num; i++) {
        if (!mse_elf_section_at(&l->sections, i, &s) || s.addr != addr || s.content.len == 0) {
            continue;
        }
        /* The section says where they begin; how many there are, the dynamic section does. */
        struct mse_bytes rest = l->sections.file;
        if (len > rest.len || !mse_rd_skip(&rest, (size_t)(s.content.data - rest.data)) ||
            !mse_rd_bytes(&rest, &table, (size_t)len)) {
            break;
        }
        mark_table(l, table);
        return MSE_OK;
    }
    return len == 0 ? MSE_OK
                    : MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                               "relocations at %#llx: not in a section of the file",
                               (unsigned long long)addr);
}

/* Where the code itself is relocated its pages are loaded writable. */
static mse_status mark_writable(struct load *l)
{
    struct dynamic d = read_dynamic(l->elf.dynamic);
    if (!d.text_relocations) {
        return MSE_OK;
    }
    l->writable = calloc(1, (size_t)(l->elf.end / MSE_SGX_PAGE / 8 + 1));
    if (l->writable == NULL) {
        return MSE_FAIL(l->err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = mark_at(l, d.rela[1], d.len[1]);
    return st == MSE_OK ? mark_at(l, d.rela[0], d.len[0]) : st;
}

static mse_status patch(struct load *l, size_t len)
{
    struct mse_bytes rest = l->block->patches;
    struct mse_sdk_patch p;
    while (rest.len > 0) {
        if (!mse_sdk_patch_next(&p, &rest, l->block) || p.dst > len ||
            p.bytes.len > len - (size_t)p.dst) {
            return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                            "a patch outside of the file or of the metadata");
        }
        if (p.bytes.len > 0) {
            memcpy(l->file + p.dst, p.bytes.data, p.bytes.len);
        }
    }
    return MSE_OK;
}

/* Reads the headers, and then patches what they say is loaded. */
static mse_status prepare(struct load *l, struct mse_bytes file)
{
    uint64_t size = l->block->size;
    if (size < 2ULL * MSE_SGX_PAGE || size > MSE_LAYOUT_MAX_SIZE || (size & (size - 1)) != 0 ||
        l->block->ssa_frame_pages == 0) {
        return MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP,
                        "enclave size %#llx, SSA frames of %u pages; wanted a power of two, at "
                        "most 2^40, and at least 1",
                        (unsigned long long)size, l->block->ssa_frame_pages);
    }
    l->file = malloc(file.len);
    l->taken = calloc(1, (size_t)(size / MSE_SGX_PAGE / 8 + 1));
    if (l->file == NULL || l->taken == NULL) {
        return MSE_FAIL(l->err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    memcpy(l->file, file.data, file.len);
    mse_status st = mse_elf_parse(&l->elf, mse_bytes_of(l->file, file.len), l->err);
    st = st == MSE_OK ? mse_elf_sections_open(&l->sections, file, l->err) : st;
    if (st == MSE_OK && l->elf.end > size) {
        st = MSE_FAIL(l->err, MSE_ERR_NO_SPACE, STEP, "the image is larger than the enclave");
    }
    st = st == MSE_OK ? mark_writable(l) : st;
    return st == MSE_OK ? patch(l, file.len) : st;
}

static mse_status measure(uint8_t out[32], struct load *l)
{
    mse_status st = mse_mrenclave_new(&l->m, l->block->ssa_frame_pages, l->block->size);
    if (st != MSE_OK) {
        return MSE_FAIL(l->err, st, STEP, "%s", mse_status_text(st));
    }
    st = add_segments(l);
    st = st == MSE_OK ? add_layout(l) : st;
    if (st == MSE_OK) {
        st = mse_mrenclave_final(l->m, out);
        st = st == MSE_ERR_ARGUMENT
                 ? MSE_FAIL(l->err, MSE_ERR_MALFORMED, STEP, "flags of a page that no CPU accepts")
                 : st;
    }
    mse_mrenclave_free(l->m);
    return st;
}

mse_status mse_sdk_measure(struct mse_sdk_enclave *out, struct mse_bytes file, size_t which,
                           uint64_t max_cost, struct mse_error *err)
{
    struct mse_sdk_block block;
    struct mse_sdk_enclave found = { { 0 }, 0, { NULL, 0 } };
    mse_status st = mse_sdk_block_at(&block, file, which, err);
    if (st != MSE_OK) {
        return st;
    }
    struct load l = { .block = &block, .left = max_cost, .err = err };
    st = prepare(&l, file);
    st = st == MSE_OK ? measure(found.mrenclave, &l) : st;
    free(l.file);
    free(l.taken);
    free(l.writable);
    if (st == MSE_OK) {
        found.metadata_version = block.version;
        found.sigstruct = block.sigstruct;
        *out = found;
    }
    return st;
}

mse_status mse_measure_sdk(struct mse_sdk_enclave *out, struct mse_bytes file, size_t which,
                           struct mse_error *err)
{
    return mse_sdk_measure(out, file, which, MSE_SDK_MAX_COST, err);
}
