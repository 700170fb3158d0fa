/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a trust domain before it runs the first program: MRTD from its firmware, RTMR1 and
 * RTMR2 from what the firmware starts. */
#include <mse/measure.h>

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "measure/ovmf.h"
#include "measure/pe.h"
#include "measure/store.h"

#define STEP             "TDX launch"
#define PAGE             MSE_OVMF_PAGE
#define CHUNK            256U
#define RECORD_LEN       128U
#define COMMAND_LINE_MAX 4096U

/* ---- MRTD ---- */

static void put_record(struct mse_sha384_ctx *c, struct mse_bytes name, uint64_t address)
{
    uint8_t record[RECORD_LEN] = { 0 };
    memcpy(record, name.data, name.len);
    mse_store_u64le(record + 16, address);
    mse_sha384_update(c, record, sizeof record);
}

/* content: of the page, or NULL if it is not measured. */
static void add_page(struct mse_sha384_ctx *c, uint64_t address, const uint8_t *content)
{
    put_record(c, mse_bytes_str("MEM.PAGE.ADD"), address);
    for (uint32_t at = 0; content != NULL && at < PAGE; at += CHUNK) {
        put_record(c, mse_bytes_str("MR.EXTEND"), address + at);
        mse_sha384_update(c, content + at, CHUNK);
    }
}

static mse_status check_section(const struct mse_ovmf_tdvf *s, size_t image_len,
                                struct mse_error *err)
{
    bool has_content = s->type == MSE_TDVF_CODE || s->type == MSE_TDVF_VARIABLES;
    if (s->type > MSE_TDVF_MEMORY || (s->attributes & ~MSE_TDVF_EXTEND) != 0 ||
        (!has_content && s->attributes != 0)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "a section of type %u, attributes %#x",
                        s->type, s->attributes);
    }
    bool placed = s->address % PAGE == 0 && s->memory % PAGE == 0 && s->memory > 0 &&
                  s->address <= UINT64_MAX - s->memory;
    bool filled = has_content ? s->len == s->memory && s->offset <= image_len &&
                                    s->len <= image_len - s->offset
                              : s->len == 0;
    return placed && filled
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                          "a section of type %u has %#llx bytes at %#llx, and %u at %u of a file "
                          "of %zu",
                          s->type, (unsigned long long)s->memory, (unsigned long long)s->address,
                          s->len, s->offset, image_len);
}

static mse_status add_sections(struct mse_sha384_ctx *c, const struct mse_ovmf *o,
                               struct mse_error *err)
{
    struct mse_bytes rest = o->tdvf;
    struct mse_ovmf_tdvf s;
    uint64_t left = (uint64_t)MSE_OVMF_MAX_PAGES * PAGE;
    while (mse_ovmf_tdvf_next(&s, &rest)) {
        mse_status st = check_section(&s, o->image.len, err);
        if (st != MSE_OK) {
            return st;
        }
        if (s.memory > left) {
            return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "sections of more than 256 MiB");
        }
        left -= s.memory;
        bool measured = (s.attributes & MSE_TDVF_EXTEND) != 0;
        for (uint64_t at = 0; at < s.memory; at += PAGE) {
            add_page(c, s.address + at, measured ? o->image.data + s.offset + at : NULL);
        }
    }
    return MSE_OK;
}

mse_status mse_measure_mrtd(uint8_t out[48], struct mse_bytes firmware, struct mse_error *err)
{
    struct mse_sha384_ctx c;
    struct mse_ovmf o;
    mse_status st = mse_ovmf_parse(&o, firmware, err);
    if (st == MSE_OK && o.tdvf.len == 0) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "this firmware has no list for TDX");
    }
    if (st != MSE_OK) {
        return st;
    }
    st = mse_sha384_init(&c);
    st = st == MSE_OK ? add_sections(&c, &o, err) : st;
    st = st == MSE_OK ? mse_sha384_final(&c, out) : st;
    mse_sha384_clear(&c);
    return st == MSE_OK ? st : MSE_FAIL(err, st, STEP, "%s", mse_status_text(st));
}

/* ---- RTMR1, RTMR2 ---- */

struct reg {
    uint8_t value[48];
    mse_status st; /* sticky */
};

static void extend(struct reg *r, const uint8_t digest[48])
{
    const struct mse_bytes parts[] = { mse_bytes_of(r->value, 48), mse_bytes_of(digest, 48) };
    uint8_t next[48];
    r->st = r->st == MSE_OK ? mse_sha384_parts(next, parts, MSE_ARRAY_LEN(parts)) : r->st;
    if (r->st == MSE_OK) {
        memcpy(r->value, next, sizeof next);
    }
}

static void measure(struct reg *r, struct mse_bytes event)
{
    uint8_t digest[48];
    r->st = r->st == MSE_OK ? mse_sha384(digest, event) : r->st;
    if (r->st == MSE_OK) {
        extend(r, digest);
    }
}

static void measure_image(struct reg *r, const struct mse_pe *pe)
{
    uint8_t digest[48];
    r->st = r->st == MSE_OK ? mse_pe_digest(digest, pe) : r->st;
    if (r->st == MSE_OK) {
        extend(r, digest);
    }
}

/* Firmware measures an image when it loads it, and that it calls a boot option when it starts the
 * first one; Linux leaves by ExitBootServices. inner NULL: there is one image only.
 * spec: TCG PC Client Platform Firmware Profile, "EV_EFI_ACTION", "EV_SEPARATOR" */
static void fill_rtmr1(struct reg *r, const struct mse_pe *outer, const struct mse_pe *inner)
{
    static const uint8_t separator[4];
    measure_image(r, outer);
    measure(r, mse_bytes_str("Calling EFI Application from Boot Option"));
    measure(r, mse_bytes_of(separator, sizeof separator));
    if (inner != NULL) {
        measure_image(r, inner);
    }
    measure(r, mse_bytes_str("Exit Boot Services Invocation"));
    measure(r, mse_bytes_str("Exit Boot Services Returned with Success"));
}

/* Linux measures its command line in UTF-16 with the NUL, then the initrd if there is one. suffix:
 * what the firmware puts behind the command line. */
static mse_status fill_rtmr2(struct reg *r, const struct mse_tdx_boot *b, const char *suffix,
                             struct mse_error *err)
{
    uint8_t wide[2 * (COMMAND_LINE_MAX + 32U)];
    const struct mse_bytes parts[] = { b->command_line, mse_bytes_str(suffix) };
    size_t len = 0;
    if (b->command_line.len > COMMAND_LINE_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "a command line of %zu bytes, at most %u",
                        b->command_line.len, COMMAND_LINE_MAX);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        for (size_t j = 0; j < parts[i].len; j++) {
            uint8_t ch = parts[i].data[j];
            if (ch < 0x20 || ch > 0x7e) {
                return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                                "character %u of the command line is not printable ASCII",
                                (unsigned)j);
            }
            mse_store_u16le(wide + len, ch);
            len += 2;
        }
    }
    mse_store_u16le(wide + len, 0);
    measure(r, mse_bytes_of(wide, len + 2));
    if (b->initrd.len > 0) {
        measure(r, b->initrd);
    }
    return MSE_OK;
}

/* What a unified image brings along; its stub hands the initrd on as it is if nothing else has to
 * be in it. */
static mse_status open_unified(struct mse_tdx_boot *inside, const struct mse_pe *pe,
                               const struct mse_tdx_boot *b, struct mse_error *err)
{
    struct mse_bytes other;
    if (b->initrd.len > 0 || b->command_line.len > 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                        "a unified image has its own initrd and command line");
    }
    if (mse_pe_find(&other, pe, ".pcrsig") || mse_pe_find(&other, pe, ".pcrpkey") ||
        mse_pe_find(&other, pe, ".ucode") || mse_pe_find(&other, pe, ".profile")) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "a unified image with signed PCRs, microcode or profiles");
    }
    return mse_pe_find(&inside->initrd, pe, ".initrd") &&
                   mse_pe_find(&inside->command_line, pe, ".cmdline")
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                          "a unified image without initrd or command line");
}

mse_status mse_measure_rtmr(struct mse_tdx_registers *out, const struct mse_tdx_boot *b,
                            struct mse_error *err)
{
    struct mse_pe outer;
    struct mse_pe inner;
    struct mse_tdx_boot inside = *b;
    struct reg r1 = { .st = MSE_OK };
    struct reg r2 = { .st = MSE_OK };
    mse_status st = mse_pe_parse(&outer, b->kernel, err);
    bool unified = st == MSE_OK && mse_pe_find(&inside.kernel, &outer, ".linux");
    if (unified) {
        st = open_unified(&inside, &outer, b, err);
        st = st == MSE_OK ? mse_pe_parse(&inner, inside.kernel, err) : st;
    }
    if (st != MSE_OK) {
        return st;
    }
    const char *suffix = !unified && inside.initrd.len > 0 ? " initrd=initrd" : "";
    fill_rtmr1(&r1, &outer, unified ? &inner : NULL);
    st = fill_rtmr2(&r2, &inside, suffix, err);
    st = st == MSE_OK ? r1.st : st;
    st = st == MSE_OK ? r2.st : st;
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "%s", mse_status_text(st));
    }
    memcpy(out->rtmr1, r1.value, 48);
    memcpy(out->rtmr2, r2.value, 48);
    return MSE_OK;
}
