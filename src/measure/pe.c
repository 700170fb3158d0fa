/* SPDX-License-Identifier: Apache-2.0 */
/* spec: Microsoft Portable Executable and Common Object File Format Specification; Windows
 * Authenticode Portable Executable Signature Format, "Calculating the PE Image Hash". Firmware does
 * not pad the file to eight bytes before it hashes it. */
#include "measure/pe.h"

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/digest.h"

#define STEP          "EFI image"
#define MAGIC_DOS     0x5a4dU /* "MZ" */
#define MAGIC_PE      0x00004550U
#define MACHINE_X64   0x8664U
#define MAGIC_PE32P   0x20bU
#define COFF_LEN      20U
#define SECTION_LEN   40U
#define OPT_CHECKSUM  64U  /* offsets in the optional header */
#define OPT_DIRECTORY 112U /* the directories, 8 bytes each */
#define DIR_SECURITY  4U   /* the one of certificates */
#define PARTS_MAX     (MSE_PE_MAX_SECTIONS + 4U)

struct headers {
    uint32_t at; /* of "PE\0\0" */
    uint16_t num_sections;
    uint16_t optional_len;
    uint32_t headers_len;
    uint32_t num_directories;
    uint32_t certs_at;
    uint32_t certs_len;
};

static bool rd_dos(struct mse_bytes in, struct headers *h)
{
    uint16_t magic = 0;
    return mse_rd_u16le(&in, &magic) && // 0 e_magic
           magic == MAGIC_DOS &&        //
           mse_rd_skip(&in, 58) &&      // 2
           mse_rd_u32le(&in, &h->at);   // 60 e_lfanew
}

static bool rd_coff(struct mse_bytes *in, struct headers *h)
{
    uint32_t signature = 0;
    uint16_t machine = 0;
    return mse_rd_u32le(in, &signature) &&       //
           signature == MAGIC_PE &&              //
           mse_rd_u16le(in, &machine) &&         // 0 Machine
           machine == MACHINE_X64 &&             //
           mse_rd_u16le(in, &h->num_sections) && // 2 NumberOfSections
           mse_rd_skip(in, 12) &&                // 4 time, symbols
           mse_rd_u16le(in, &h->optional_len) && // 16 SizeOfOptionalHeader
           mse_rd_skip(in, 2);                   // 18 Characteristics
}

static bool rd_optional(struct mse_bytes in, struct headers *h)
{
    uint16_t magic = 0;
    bool ok = mse_rd_u16le(&in, &magic) &&            // 0 Magic
              magic == MAGIC_PE32P &&                 //
              mse_rd_skip(&in, 58) &&                 // 2
              mse_rd_u32le(&in, &h->headers_len) &&   // 60 SizeOfHeaders
              mse_rd_skip(&in, 44) &&                 // 64 CheckSum …
              mse_rd_u32le(&in, &h->num_directories); // 108 NumberOfRvaAndSizes
    if (!ok || h->num_directories <= DIR_SECURITY) {
        return ok;
    }
    return mse_rd_skip(&in, (size_t)8 * DIR_SECURITY) && // 112
           mse_rd_u32le(&in, &h->certs_at) &&            // 144 Certificate Table, a file offset
           mse_rd_u32le(&in, &h->certs_len);             // 148
}

/* Into its place in the order of the file; the table of an image need not have that order. */
static void put_in_order(struct mse_pe *pe, const struct mse_pe_section *s)
{
    size_t i = pe->num_sections++;
    for (; i > 0 && pe->sections[i - 1].raw.data > s->raw.data; i--) {
        pe->sections[i] = pe->sections[i - 1];
    }
    pe->sections[i] = *s;
}

static mse_status read_section(struct mse_pe *pe, struct mse_bytes *table, struct mse_error *err)
{
    struct mse_pe_section s = { .name = "" };
    struct mse_bytes file = pe->image;
    uint32_t raw_len = 0;
    uint32_t raw_at = 0;
    bool ok = mse_rd_copy(table, s.name, 8) &&       // 0 Name
              mse_rd_u32le(table, &s.virtual_len) && // 8 VirtualSize
              mse_rd_skip(table, 4) &&               // 12 VirtualAddress
              mse_rd_u32le(table, &raw_len) &&       // 16 SizeOfRawData
              mse_rd_u32le(table, &raw_at) &&        // 20 PointerToRawData
              mse_rd_skip(table, 16);                // 24
    if (!ok) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the table of sections is cut off");
    }
    if (raw_len == 0) {
        return MSE_OK;
    }
    if (!mse_rd_skip(&file, raw_at) || !mse_rd_bytes(&file, &s.raw, raw_len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "a section has %u bytes at %u of a file of %zu", raw_len, raw_at,
                        pe->image.len);
    }
    put_in_order(pe, &s);
    return MSE_OK;
}

/* Loaders disagree on the hash of images whose sections overlap each other or the headers. */
static mse_status check_order(const struct mse_pe *pe, struct mse_error *err)
{
    const uint8_t *end = pe->image.data + pe->headers_len;
    for (size_t i = 0; i < pe->num_sections; i++) {
        const struct mse_bytes *raw = &pe->sections[i].raw;
        if (raw->data < end) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                            "a section overlaps another one, or the headers");
        }
        end = raw->data + raw->len;
    }
    if (end > pe->image.data + (pe->image.len - pe->certs_len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "a section overlaps the certificates");
    }
    return MSE_OK;
}

static mse_status read_headers(struct mse_pe *pe, struct headers *h, struct mse_bytes *table,
                               struct mse_error *err)
{
    struct mse_bytes rest = pe->image;
    struct mse_bytes optional;
    if (!rd_dos(pe->image, h) || !mse_rd_skip(&rest, h->at) || !rd_coff(&rest, h) ||
        !mse_rd_bytes(&rest, &optional, h->optional_len) || !rd_optional(optional, h)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "no PE32+ image for x86-64");
    }
    size_t optional_at = (size_t)(optional.data - pe->image.data);
    if (h->headers_len > pe->image.len ||
        h->headers_len < optional_at + h->optional_len + (size_t)h->num_sections * SECTION_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "headers of %u bytes in a file of %zu",
                        h->headers_len, pe->image.len);
    }
    if (h->certs_len > 0 && (h->certs_at < h->headers_len || h->certs_len > pe->image.len ||
                             h->certs_at != pe->image.len - h->certs_len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "%u bytes of certificates at %u are not the end of the file", h->certs_len,
                        h->certs_at);
    }
    if (h->num_sections > MSE_PE_MAX_SECTIONS) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "%u sections, at most %u are read",
                        h->num_sections, MSE_PE_MAX_SECTIONS);
    }
    pe->checksum = optional_at + OPT_CHECKSUM;
    pe->certificates = h->num_directories > DIR_SECURITY
                           ? optional_at + OPT_DIRECTORY + (size_t)8 * DIR_SECURITY
                           : 0;
    pe->certs_len = h->certs_len;
    pe->headers_len = h->headers_len;
    *table = rest;
    return MSE_OK;
}

mse_status mse_pe_parse(struct mse_pe *out, struct mse_bytes image, struct mse_error *err)
{
    struct headers h = { 0 };
    struct mse_bytes table = { 0 };
    struct mse_pe pe = { .image = image };
    mse_status st = read_headers(&pe, &h, &table, err);
    for (size_t i = 0; st == MSE_OK && i < h.num_sections; i++) {
        st = read_section(&pe, &table, err);
    }
    st = st == MSE_OK ? check_order(&pe, err) : st;
    if (st == MSE_OK) {
        *out = pe;
    }
    return st;
}

mse_status mse_pe_digest(uint8_t out[48], const struct mse_pe *pe)
{
    struct mse_bytes parts[PARTS_MAX];
    const uint8_t *p = pe->image.data;
    size_t num = 0;
    size_t from = pe->checksum + 4;
    size_t hashed = pe->headers_len; /* as firmware counts: with what it left out */
    parts[num++] = mse_bytes_of(p, pe->checksum);
    if (pe->certificates > 0) {
        parts[num++] = mse_bytes_of(p + from, pe->certificates - from);
        from = pe->certificates + 8;
    }
    parts[num++] = mse_bytes_of(p + from, pe->headers_len - from);
    for (size_t i = 0; i < pe->num_sections; i++) {
        parts[num++] = pe->sections[i].raw;
        hashed += pe->sections[i].raw.len;
    }
    if (pe->image.len - pe->certs_len > hashed) {
        parts[num++] = mse_bytes_of(p + hashed, pe->image.len - pe->certs_len - hashed);
    }
    return mse_sha384_parts(out, parts, num);
}

bool mse_pe_find(struct mse_bytes *out, const struct mse_pe *pe, const char *name)
{
    for (size_t i = 0; i < pe->num_sections; i++) {
        const struct mse_pe_section *s = &pe->sections[i];
        if (strcmp(s->name, name) == 0) {
            *out = s->raw;
            out->len = s->virtual_len < out->len ? s->virtual_len : out->len;
            return true;
        }
    }
    return false;
}
