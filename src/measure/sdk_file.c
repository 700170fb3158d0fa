/* SPDX-License-Identifier: Apache-2.0 */
/* See sdk_file.h. */
#include "measure/sdk_file.h"

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "measure/elf.h"

#define STEP        "SDK metadata"
#define MAGIC       0x86a80294635d0e4cULL
#define SIZE_AT     16U
#define MIN_LEN     (0x750U + 2 * 8U)
#define RANGE_MAJOR 10U /* above it the enclave may be larger than the image's range */
#define GROUP       0x1000U

static mse_status malformed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s", what);
}

/* The blocks, one behind the other: what the note describes. */
static mse_status find_blocks(struct mse_bytes *out, struct mse_bytes file, struct mse_error *err)
{
    static const char name[13] = "sgx_metadata";
    struct mse_elf_sections sections;
    struct mse_elf_section s = { 0 };
    uint32_t name_len = 0;
    uint32_t len = 0;
    struct mse_bytes seen = { 0 };
    mse_status st = mse_elf_sections_open(&sections, file, err);
    if (st != MSE_OK) {
        return st;
    }
    size_t i = 0;
    while (i < sections.num &&
           !(mse_elf_section_at(&sections, i, &s) && mse_bytes_is_str(s.name, ".note.sgxmeta"))) {
        i++;
    }
    if (i == sections.num) {
        return malformed(err, "no section .note.sgxmeta: not signed with Intel's SDK");
    }
    struct mse_bytes in = s.content;
    bool form = mse_rd_u32le(&in, &name_len) &&                           // 0 n_namesz
                mse_rd_u32le(&in, &len) &&                                // 4 n_descsz
                mse_rd_skip(&in, 4) &&                                    // 8 n_type
                name_len == sizeof name &&                                //
                mse_rd_bytes(&in, &seen, name_len) &&                     // 12 name, not padded
                mse_bytes_equal(seen, mse_bytes_of(name, sizeof name)) && //
                mse_rd_bytes(&in, out, len);                              // 25
    return form ? MSE_OK : malformed(err, "the note is not one of sgx_metadata");
}

/* Cuts the first block off; false if there is none. */
static bool cut_block(struct mse_bytes *out, struct mse_bytes *rest)
{
    struct mse_bytes head = *rest;
    uint64_t magic = 0;
    uint32_t len = 0;
    return mse_rd_u64le(&head, &magic) && magic == MAGIC && // 0
           mse_rd_skip(&head, SIZE_AT - 8) &&               // 8 version
           mse_rd_u32le(&head, &len) && len >= MIN_LEN &&   // 16 size
           mse_rd_bytes(rest, out, len);
}

/* The bytes [offset, offset + len) of the block. */
static bool part_of(struct mse_bytes *out, const struct mse_sdk_block *b, uint32_t offset,
                    uint32_t len)
{
    struct mse_bytes in = b->whole;
    return mse_rd_skip(&in, offset) && mse_rd_bytes(&in, out, len);
}

static bool rd_directory(struct mse_bytes *out, struct mse_bytes *in, const struct mse_sdk_block *b)
{
    uint32_t offset = 0;
    uint32_t len = 0;
    return mse_rd_u32le(in, &offset) && // 0
           mse_rd_u32le(in, &len) &&    // 4
           part_of(out, b, offset, len);
}

static bool rd_block(struct mse_sdk_block *b, struct mse_bytes *in)
{
    return mse_rd_skip(in, 8) &&                                 // 0x00 magic
           mse_rd_u64le(in, &b->version) &&                      // 0x08
           mse_rd_skip(in, 8) &&                                 // 0x10 size, TCS policy
           mse_rd_u32le(in, &b->ssa_frame_pages) &&              // 0x18
           mse_rd_skip(in, 12) &&                                // 0x1c
           mse_rd_u64le(in, &b->size) &&                         // 0x28
           mse_rd_skip(in, 16) &&                                // 0x30 attributes
           mse_rd_bytes(in, &b->sigstruct, MSE_SIGSTRUCT_LEN) && // 0x40
           rd_directory(&b->patches, in, b) &&                   // 0x750
           rd_directory(&b->layout, in, b) &&                    // 0x758
           b->patches.len % MSE_SDK_ENTRY_LEN == 0 &&            //
           b->layout.len % MSE_SDK_ENTRY_LEN == 0;
}

/* Where the image lies in an enclave that is larger than it. */
static bool rd_range(struct mse_sdk_block *b, struct mse_bytes *in)
{
    struct mse_bytes range = { 0 };
    uint64_t image = 0;
    uint64_t start = 0;
    if (b->version >> 32 <= RANGE_MAJOR) {
        return true;
    }
    bool form = rd_directory(&range, in, b) &&    // 0x760
                mse_rd_u64le(&range, &image) &&   // 0 address of the image
                mse_rd_u64le(&range, &start) &&   // 8 of the enclave
                mse_rd_u64le(&range, &b->size) && // 16 size of the enclave
                image >= start;
    b->bias = image - start;
    return form;
}

mse_status mse_sdk_block_at(struct mse_sdk_block *out, struct mse_bytes file, size_t which,
                            struct mse_error *err)
{
    struct mse_sdk_block b = { 0 };
    struct mse_bytes rest = { 0 };
    mse_status st = find_blocks(&rest, file, err);
    if (st != MSE_OK) {
        return st;
    }
    for (size_t i = 0; i <= which; i++) {
        if (!cut_block(&b.whole, &rest)) {
            return i == 0 ? malformed(err, "the note holds no metadata")
                          : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP, "only %zu blocks", i);
        }
    }
    struct mse_bytes in = b.whole;
    if (!rd_block(&b, &in) || !rd_range(&b, &in)) {
        return malformed(err, "a table of it lies outside of it, or is no table");
    }
    *out = b;
    return MSE_OK;
}

bool mse_sdk_patch_next(struct mse_sdk_patch *out, struct mse_bytes *rest,
                        const struct mse_sdk_block *block)
{
    uint32_t src = 0;
    uint32_t len = 0;
    return mse_rd_u64le(rest, &out->dst) && // 0
           mse_rd_u32le(rest, &src) &&      // 8
           mse_rd_u32le(rest, &len) &&      // 12
           mse_rd_skip(rest, 16) &&         // 16 reserved
           part_of(&out->bytes, block, src, len);
}

static bool rd_group(struct mse_sdk_entry *e, struct mse_bytes *in)
{
    return mse_rd_u16le(in, &e->num_entries) && // 2
           mse_rd_u32le(in, &e->times) &&       // 4
           mse_rd_u64le(in, &e->step) &&        // 8
           mse_rd_skip(in, 16);                 // 16 reserved
}

static bool rd_entry(struct mse_sdk_entry *e, struct mse_bytes *in,
                     const struct mse_sdk_block *block)
{
    uint32_t content = 0;
    return mse_rd_u16le(in, &e->attributes) && // 2
           mse_rd_u32le(in, &e->num_pages) &&  // 4
           mse_rd_u64le(in, &e->rva) &&        // 8
           mse_rd_u32le(in, &e->fill) &&       // 16 the length, if there is content
           mse_rd_u32le(in, &content) &&       // 20
           mse_rd_u64le(in, &e->flags) &&      // 24
           (content == 0 || (e->fill > 0 && part_of(&e->content, block, content, e->fill)));
}

bool mse_sdk_entry_next(struct mse_sdk_entry *out, struct mse_bytes *rest,
                        const struct mse_sdk_block *block)
{
    struct mse_sdk_entry e = { 0 };
    uint16_t id = 0;
    bool form = mse_rd_u16le(rest, &id); // 0
    e.is_group = (id & GROUP) != 0;
    form = form && (e.is_group ? rd_group(&e, rest) : rd_entry(&e, rest, block));
    if (form) {
        *out = e;
    }
    return form;
}
