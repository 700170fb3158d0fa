/* SPDX-License-Identifier: Apache-2.0 */
/* Placing and adding the areas. See layout.h. */
#include "measure/layout.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "measure/store.h"

#define STEP      "enclave layout"
#define REG_R     (MSE_SECINFO_REG | MSE_SECINFO_R)
#define REG_RW    (REG_R | MSE_SECINFO_W)
#define REG_RWX   (REG_RW | MSE_SECINFO_X)
#define TCS_NSSA  2U
#define TCS_LIMIT 0xfffU

uint64_t mse_layout_stack(const struct mse_layout *l, uint32_t thread)
{
    return l->stacks + (uint64_t)(l->threads - 1 - thread) * MSE_LAYOUT_STACK_LEN;
}

uint64_t mse_layout_sig_stack(const struct mse_layout *l, uint32_t thread)
{
    return l->sig_stacks + (uint64_t)(l->threads - 1 - thread) * MSE_LAYOUT_SIG_STACK_LEN;
}

/* Takes len bytes, rounded up to pages, from below *top. */
static bool take_below(uint64_t *top, uint64_t len, uint64_t *out)
{
    uint64_t room = (len + MSE_SGX_PAGE - 1) / MSE_SGX_PAGE * MSE_SGX_PAGE;
    if (room < len || room > *top) {
        return false;
    }
    *top -= room;
    *out = *top;
    return true;
}

static bool place_areas(struct mse_layout *l)
{
    uint64_t top = l->size;
    uint64_t n = l->threads;
    return l->manifest.len < l->size && /* so that the NUL cannot overflow */
           take_below(&top, (uint64_t)l->manifest.len + 1, &l->manifest_at) &&
           take_below(&top, n * MSE_LAYOUT_SSA_LEN, &l->ssa) &&
           take_below(&top, n * MSE_SGX_PAGE, &l->tcs) &&
           take_below(&top, n * MSE_SGX_PAGE, &l->tls) &&
           take_below(&top, n * MSE_LAYOUT_STACK_LEN, &l->stacks) &&
           take_below(&top, n * MSE_LAYOUT_SIG_STACK_LEN, &l->sig_stacks);
}

/* An image that begins at page 0 goes below the last area; any other stays where it says. */
static bool place_image(struct mse_layout *l)
{
    uint64_t top = l->sig_stacks;
    if (l->image.start != 0) {
        l->image_at = l->image.start;
        l->bias = 0;
        return l->image.end <= top && l->image_at >= MSE_LAYOUT_HEAP_START;
    }
    if (!take_below(&top, l->image.end, &l->image_at)) {
        return false;
    }
    l->bias = l->image_at;
    return l->image_at >= MSE_LAYOUT_HEAP_START;
}

mse_status mse_layout_place(struct mse_layout *out, struct mse_bytes image,
                            struct mse_bytes manifest, uint64_t size, uint32_t threads,
                            struct mse_error *err)
{
    if (size > MSE_LAYOUT_MAX_SIZE || size == 0 || (size & (size - 1)) != 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                        "enclave size %#llx, wanted a power of two, at most 2^40",
                        (unsigned long long)size);
    }
    if (threads == 0 || threads > MSE_LAYOUT_MAX_THREADS) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "%u threads, wanted 1 to 4096", threads);
    }
    struct mse_layout l = { .manifest = manifest, .size = size, .threads = threads };
    mse_status st = mse_elf_parse(&l.image, image, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!place_areas(&l) || !place_image(&l)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP,
                        "an image of %#llx bytes, a manifest of %zu and %u threads do not fit "
                        "into an enclave of %#llx bytes",
                        (unsigned long long)(l.image.end - l.image.start), manifest.len, threads,
                        (unsigned long long)size);
    }
    *out = l;
    return MSE_OK;
}

/* One measured page; content NULL: zeros. */
static void add_page(struct mse_mrenclave *m, uint64_t at, uint64_t flags, const uint8_t *content)
{
    mse_mrenclave_eadd(m, at, flags);
    mse_mrenclave_eextend(m, at, content);
}

static void add_zeros(struct mse_mrenclave *m, uint64_t at, uint64_t len, uint64_t flags)
{
    for (uint64_t off = 0; off < len; off += MSE_SGX_PAGE) {
        add_page(m, at + off, flags, NULL);
    }
}

/* Pages [from, to) that are added and not measured. */
static void add_free(struct mse_mrenclave *m, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += MSE_SGX_PAGE) {
        mse_mrenclave_eadd(m, at, REG_RWX);
    }
}

static void add_segment(struct mse_mrenclave *m, const struct mse_elf_segment *s, uint64_t bias,
                        uint64_t flags)
{
    uint8_t page[MSE_SGX_PAGE];
    for (uint64_t at = s->start; at < s->end; at += MSE_SGX_PAGE) {
        add_page(m, at + bias, flags, mse_elf_page(page, s, at));
    }
}

static void add_manifest(struct mse_mrenclave *m, const struct mse_layout *l)
{
    uint64_t len = (uint64_t)l->manifest.len + 1; /* with the NUL */
    struct mse_elf_segment s = { .file = l->manifest, .vaddr = l->manifest_at };
    s.start = s.vaddr;
    s.end = s.start + (len + MSE_SGX_PAGE - 1) / MSE_SGX_PAGE * MSE_SGX_PAGE;
    add_segment(m, &s, 0, REG_R);
}

static void add_segments(struct mse_mrenclave *m, const struct mse_layout *l)
{
    for (size_t i = 0; i < l->image.num_segments; i++) {
        const struct mse_elf_segment *s = &l->image.segments[i];
        add_segment(m, s, l->bias, mse_elf_secinfo(s));
    }
}

/* spec: Intel SDM Vol. 3D, "Thread Control Structure (TCS)". */
static void add_tcs(struct mse_mrenclave *m, const struct mse_layout *l)
{
    for (uint32_t t = 0; t < l->threads; t++) {
        uint8_t page[MSE_SGX_PAGE] = { 0 };
        mse_store_u64le(page + 0x10, l->ssa + (uint64_t)t * MSE_LAYOUT_SSA_LEN); /* OSSA */
        mse_store_u32le(page + 0x1c, TCS_NSSA);
        /* OENTRY: Gramine adds the image's place to e_entry even where the image is not moved. */
        mse_store_u64le(page + 0x20, l->image_at + l->image.entry);
        mse_store_u64le(page + 0x38, l->tls + (uint64_t)t * MSE_SGX_PAGE); /* OGSBASE */
        mse_store_u32le(page + 0x40, TCS_LIMIT);                           /* FSLIMIT */
        mse_store_u32le(page + 0x44, TCS_LIMIT);                           /* GSLIMIT */
        add_page(m, l->tcs + (uint64_t)t * MSE_SGX_PAGE, MSE_SECINFO_TCS, page);
    }
}

static void add_tls(struct mse_mrenclave *m, const struct mse_layout *l, mse_layout_tls *tls)
{
    for (uint32_t t = 0; t < l->threads; t++) {
        uint8_t page[MSE_SGX_PAGE] = { 0 };
        tls(page, l, t);
        add_page(m, l->tls + (uint64_t)t * MSE_SGX_PAGE, REG_RW, page);
    }
}

static void add_stacks(struct mse_mrenclave *m, const struct mse_layout *l)
{
    for (uint32_t t = 0; t < l->threads; t++) {
        add_zeros(m, mse_layout_stack(l, t), MSE_LAYOUT_STACK_LEN, REG_RW);
    }
    for (uint32_t t = 0; t < l->threads; t++) {
        add_zeros(m, mse_layout_sig_stack(l, t), MSE_LAYOUT_SIG_STACK_LEN, REG_RW);
    }
}

mse_status mse_layout_measure(uint8_t out[32], const struct mse_layout *l, mse_layout_tls *tls,
                              bool with_heap, struct mse_error *err)
{
    struct mse_mrenclave *m = NULL;
    mse_status st = mse_mrenclave_new(&m, MSE_LAYOUT_SSA_PAGES, l->size);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "%s", mse_status_text(st));
    }
    add_manifest(m, l);
    add_zeros(m, l->ssa, (uint64_t)l->threads * MSE_LAYOUT_SSA_LEN, REG_RW);
    add_tcs(m, l);
    add_tls(m, l, tls);
    add_stacks(m, l);
    add_segments(m, l);
    if (with_heap) {
        /* Between the image and the areas above it; empty unless the image has a fixed address. */
        add_free(m, l->image_at + (l->image.end - l->image.start), l->sig_stacks);
        add_free(m, MSE_LAYOUT_HEAP_START, l->image_at);
    }
    st = mse_mrenclave_final(m, out);
    mse_mrenclave_free(m);
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, STEP, "%s", mse_status_text(st));
}
