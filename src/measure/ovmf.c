/* SPDX-License-Identifier: Apache-2.0 */
/* The table stands 32 bytes before the end of the image and is read backwards: each entry is its
 * data, u16 length of the whole entry, GUID. The last entry is the table's own. Two lists of
 * sections are found by their distance from the end of the image. */
#include "measure/ovmf.h"

#include "base/bytes.h"
#include "base/error.h"

#define STEP      "firmware"
#define BEHIND    32U /* bytes behind the table: the reset vector */
#define HEAD_LEN  18U
#define GUID_LEN  16U
#define SEV_LEN   12U
#define TDVF_LEN  32U
#define LIST_HEAD 16U
#define LIST_ASEV 0x56455341U /* "ASEV" */
#define LIST_TDVF 0x46564454U /* "TDVF" */
#define SMALLEST  (BEHIND + HEAD_LEN)
#define LARGEST   ((size_t)256 * 1024 * 1024)
#define NO_TABLE  "no table of OVMF at its end; wanted OVMF that is built for confidential machines"

static const uint8_t guid_footer[GUID_LEN] = { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                               0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };
static const uint8_t guid_reset[GUID_LEN] = { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                              0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e };
static const uint8_t guid_hashes[GUID_LEN] = { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                               0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54 };
static const uint8_t guid_sev[GUID_LEN] = { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                            0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc };
static const uint8_t guid_tdvf[GUID_LEN] = { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                             0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2 };

/* Takes len bytes from the back. */
static bool rd_back(struct mse_bytes *in, struct mse_bytes *out, size_t len)
{
    struct mse_bytes rest = *in;
    if (len > in->len || !mse_rd_skip(&rest, in->len - len)) {
        return false;
    }
    in->len -= len;
    *out = rest;
    return true;
}

struct entry {
    struct mse_bytes data;
    uint8_t guid[GUID_LEN];
};

static bool rd_entry(struct mse_bytes *in, struct entry *e)
{
    struct mse_bytes head;
    uint16_t len = 0;
    return rd_back(in, &head, HEAD_LEN) &&          //
           mse_rd_u16le(&head, &len) &&             // 0 length, with this head
           mse_rd_copy(&head, e->guid, GUID_LEN) && // 2 GUID
           len >= HEAD_LEN && rd_back(in, &e->data, (size_t)len - HEAD_LEN);
}

static bool is(const struct entry *e, const uint8_t guid[GUID_LEN])
{
    return mse_mem_equal(e->guid, guid, GUID_LEN);
}

/* The sections of the list that begins `distance` before the end of the image. */
static mse_status find_list(struct mse_bytes *out, const struct mse_ovmf *o, uint32_t distance,
                            uint32_t magic, struct mse_error *err)
{
    struct mse_bytes rest = o->image;
    uint32_t seen = 0;
    uint32_t len = 0;
    uint32_t version = 0;
    uint32_t num = 0;
    size_t section = magic == LIST_ASEV ? SEV_LEN : TDVF_LEN;
    if (!rd_back(&rest, &rest, distance) || //
        !mse_rd_u32le(&rest, &seen) ||      // 0 signature
        !mse_rd_u32le(&rest, &len) ||       // 4 length, with this head
        !mse_rd_u32le(&rest, &version) ||   // 8 version
        !mse_rd_u32le(&rest, &num) ||       // 12 number of sections
        seen != magic) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "no list of sections %u before its end",
                        distance);
    }
    if (version != 1) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "list of sections of version %u, wanted 1",
                        version);
    }
    if (num == 0 || num > MSE_OVMF_MAX_SECTIONS || len != LIST_HEAD + num * section ||
        !mse_rd_bytes(&rest, out, num * section)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "list of %u sections in %u bytes, wanted 1 to %u that fill it", num, len,
                        MSE_OVMF_MAX_SECTIONS);
    }
    return MSE_OK;
}

static mse_status twice(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "an entry of its table stands twice");
}

static mse_status read_entry(struct mse_ovmf *o, const struct entry *e, struct mse_error *err)
{
    struct mse_bytes data = e->data;
    bool reset = is(e, guid_reset);
    bool hashes = is(e, guid_hashes);
    bool sev = is(e, guid_sev);
    uint32_t value = 0;
    if (!reset && !hashes && !sev && !is(e, guid_tdvf)) {
        return MSE_OK;
    }
    if (!mse_rd_u32le(&data, &value)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "an entry of its table is empty");
    }
    if (reset || hashes) {
        bool *has = reset ? &o->has_reset : &o->has_hashes;
        if (*has) {
            return twice(err);
        }
        *has = true;
        *(reset ? &o->reset_eip : &o->hashes) = value;
        return MSE_OK;
    }
    struct mse_bytes *list = sev ? &o->sev : &o->tdvf;
    return list->len > 0 ? twice(err) : find_list(list, o, value, sev ? LIST_ASEV : LIST_TDVF, err);
}

mse_status mse_ovmf_parse(struct mse_ovmf *out, struct mse_bytes image, struct mse_error *err)
{
    struct mse_ovmf o = { .image = image };
    struct mse_bytes table = image;
    struct mse_bytes behind;
    struct entry e;
    if (image.len < SMALLEST || image.len > LARGEST || image.len % MSE_OVMF_PAGE != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "%zu bytes; wanted whole pages of 4096, at most 256 MiB", image.len);
    }
    if (!rd_back(&table, &behind, BEHIND) || !rd_entry(&table, &e) || !is(&e, guid_footer)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, NO_TABLE);
    }
    struct mse_bytes entries = e.data;
    mse_status st = MSE_OK;
    while (st == MSE_OK && entries.len > 0) {
        st = rd_entry(&entries, &e)
                 ? read_entry(&o, &e, err)
                 : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "its table is cut off");
    }
    if (st == MSE_OK) {
        *out = o;
    }
    return st;
}

bool mse_ovmf_sev_next(struct mse_ovmf_sev *out, struct mse_bytes *rest)
{
    return mse_rd_u32le(rest, &out->address) && // 0 address
           mse_rd_u32le(rest, &out->len) &&     // 4 length
           mse_rd_u32le(rest, &out->type);      // 8 type
}

/* spec: Intel TDX Virtual Firmware Design Guide, "TDVF Metadata" */
bool mse_ovmf_tdvf_next(struct mse_ovmf_tdvf *out, struct mse_bytes *rest)
{
    return mse_rd_u32le(rest, &out->offset) &&   // 0 DataOffset
           mse_rd_u32le(rest, &out->len) &&      // 4 RawDataSize
           mse_rd_u64le(rest, &out->address) &&  // 8 MemoryAddress
           mse_rd_u64le(rest, &out->memory) &&   // 16 MemoryDataSize
           mse_rd_u32le(rest, &out->type) &&     // 24 Type
           mse_rd_u32le(rest, &out->attributes); // 28 Attributes
}
