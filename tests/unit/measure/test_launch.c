/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware of confidential machines: every way to spoil its table and its lists, by name. What the
 * digests have to be is in tests/integration/launch. */
#include <mse/measure.h>

#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "measure/ovmf.h"
#include "measure/store.h"

#define PAGE      MSE_OVMF_PAGE
#define IMAGE_LEN ((size_t)2 * PAGE)
#define SEV_AT    0x1800U
#define TDVF_AT   0x1a00U
#define SEV_BACK  ((uint32_t)(IMAGE_LEN - SEV_AT))
#define TDVF_BACK ((uint32_t)(IMAGE_LEN - TDVF_AT))

static const uint8_t footer[16] = { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                    0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };
static const uint8_t reset[16] = { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                   0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e };
static const uint8_t hashes[16] = { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                    0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54 };
static const uint8_t sev[16] = { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc };
static const uint8_t tdvf[16] = { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                  0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2 };

struct image {
    uint8_t raw[IMAGE_LEN];
    size_t table; /* its entries begin here */
    size_t end;   /* and its last one ends here */
};

static void add_entry(struct image *im, const uint8_t guid[16], uint32_t value)
{
    im->table -= 22;
    mse_store_u32le(im->raw + im->table, value);
    mse_store_u16le(im->raw + im->table + 4, 22);
    memcpy(im->raw + im->table + 6, guid, 16);
}

static void close_table(struct image *im)
{
    mse_store_u16le(im->raw + im->end - 18, (uint16_t)(im->end - im->table));
    memcpy(im->raw + im->end - 16, footer, 16);
}

static void put_list(uint8_t *at, uint32_t magic, uint32_t section, uint32_t num)
{
    mse_store_u32le(at, magic);
    mse_store_u32le(at + 4, 16 + section * num);
    mse_store_u32le(at + 8, 1);
    mse_store_u32le(at + 12, num);
}

static void put_sev(struct image *im, size_t i, uint32_t address, uint32_t len, uint32_t type)
{
    uint8_t *at = im->raw + SEV_AT + 16 + 12 * i;
    mse_store_u32le(at, address);
    mse_store_u32le(at + 4, len);
    mse_store_u32le(at + 8, type);
}

static void put_tdvf(struct image *im, size_t i, const struct mse_ovmf_tdvf *s)
{
    uint8_t *at = im->raw + TDVF_AT + 16 + 32 * i;
    mse_store_u32le(at, s->offset);
    mse_store_u32le(at + 4, s->len);
    mse_store_u64le(at + 8, s->address);
    mse_store_u64le(at + 16, s->memory);
    mse_store_u32le(at + 24, s->type);
    mse_store_u32le(at + 28, s->attributes);
}

static const struct mse_ovmf_tdvf code = { .len = IMAGE_LEN,
                                           .address = 0xffffe000,
                                           .memory = IMAGE_LEN,
                                           .type = MSE_TDVF_CODE,
                                           .attributes = MSE_TDVF_EXTEND };
static const struct mse_ovmf_tdvf hob = { .address = 0x809000,
                                          .memory = 0x2000,
                                          .type = MSE_TDVF_HOB };

static void start(struct image *im)
{
    memset(im->raw, 0x5a, sizeof im->raw);
    im->end = IMAGE_LEN - 32;
    im->table = im->end - 18;
    put_list(im->raw + SEV_AT, 0x56455341, 12, 4);
    put_sev(im, 0, 0x800000, 0x3000, MSE_SEV_MEMORY);
    put_sev(im, 1, 0x80d000, PAGE, MSE_SEV_SECRETS);
    put_sev(im, 2, 0x80e000, PAGE, MSE_SEV_CPUID);
    put_sev(im, 3, 0x810000, PAGE, MSE_SEV_HASHES);
    put_list(im->raw + TDVF_AT, 0x46564454, 32, 2);
    put_tdvf(im, 0, &code);
    put_tdvf(im, 1, &hob);
}

static void make(struct image *im)
{
    start(im);
    add_entry(im, reset, 0x80b004);
    add_entry(im, hashes, 0x810c00);
    add_entry(im, sev, SEV_BACK);
    add_entry(im, tdvf, TDVF_BACK);
    close_table(im);
}

static mse_status parse(const struct image *im)
{
    struct mse_ovmf o;
    struct mse_error err = { 0 };
    mse_status st = mse_ovmf_parse(&o, mse_bytes_of(im->raw, IMAGE_LEN), &err);
    assert_status(err.status, st);
    return st;
}

static mse_status snp(const struct image *im, bool has_kernel, uint32_t vcpus)
{
    uint8_t digest[48] = { 0 };
    struct mse_error err = { 0 };
    const struct mse_snp_launch l = { .firmware = mse_bytes_of(im->raw, IMAGE_LEN),
                                      .vcpus = vcpus,
                                      .guest_features = 1,
                                      .has_kernel = has_kernel,
                                      .kernel = mse_bytes_str("kernel") };
    mse_status st = mse_measure_snp(digest, &l, &err);
    assert_status(err.status, st);
    assert_int_equal(mse_mem_is_zero(digest, sizeof digest), st != MSE_OK);
    return st;
}

static mse_status mrtd(const struct image *im)
{
    uint8_t digest[48] = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_measure_mrtd(digest, mse_bytes_of(im->raw, IMAGE_LEN), &err);
    assert_status(err.status, st);
    assert_int_equal(mse_mem_is_zero(digest, sizeof digest), st != MSE_OK);
    return st;
}

static void accepted(void **state)
{
    (void)state;
    struct image im;
    struct mse_ovmf o;
    make(&im);
    assert_status(mse_ovmf_parse(&o, mse_bytes_of(im.raw, IMAGE_LEN), NULL), MSE_OK);
    assert_true(o.has_reset && o.reset_eip == 0x80b004 && o.has_hashes && o.hashes == 0x810c00);
    assert_int_equal(o.sev.len, 4 * 12);
    assert_int_equal(o.tdvf.len, 2 * 32);
    assert_status(snp(&im, false, 1), MSE_OK);
    assert_status(snp(&im, true, 4096), MSE_OK);
    assert_status(mrtd(&im), MSE_OK);
}

static void tables(void **state)
{
    (void)state;
    struct image im;
    struct mse_ovmf o;
    static const uint8_t *const guids[] = { reset, hashes, sev, tdvf };
    make(&im);
    for (size_t len = 0; len < PAGE; len += 7) {
        assert_status(mse_ovmf_parse(&o, mse_bytes_of(im.raw + IMAGE_LEN - len, len), NULL),
                      MSE_ERR_MALFORMED);
    }
    im.raw[im.end - 1] ^= 1;
    assert_status(parse(&im), MSE_ERR_UNSUPPORTED);
    make(&im);
    mse_store_u16le(im.raw + im.end - 18, 17);
    assert_status(parse(&im), MSE_ERR_UNSUPPORTED);
    make(&im);
    mse_store_u16le(im.raw + im.end - 18, UINT16_MAX);
    assert_status(parse(&im), MSE_ERR_UNSUPPORTED);
    for (size_t i = 0; i < MSE_ARRAY_LEN(guids); i++) {
        start(&im);
        add_entry(&im, guids[i], guids[i] == sev ? SEV_BACK : TDVF_BACK);
        add_entry(&im, guids[i], guids[i] == sev ? SEV_BACK : TDVF_BACK);
        close_table(&im);
        assert_status(parse(&im), MSE_ERR_MALFORMED);
    }
    /* An entry that is empty, one that is longer than the table, one that is shorter than its head.
     */
    static const uint16_t lens[] = { 18, 23, 17 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lens); i++) {
        start(&im);
        add_entry(&im, reset, 1);
        close_table(&im);
        mse_store_u16le(im.raw + im.table + 4, lens[i]);
        assert_status(parse(&im), MSE_ERR_MALFORMED);
    }
}

static void lists(void **state)
{
    (void)state;
    struct image im;
    static const struct {
        size_t at;
        uint32_t value;
        mse_status wanted;
    } cases[] = {
        { SEV_AT, 0x56455342, MSE_ERR_MALFORMED },      { SEV_AT + 4, 63, MSE_ERR_MALFORMED },
        { SEV_AT + 8, 2, MSE_ERR_UNSUPPORTED },         { SEV_AT + 12, 0, MSE_ERR_MALFORMED },
        { SEV_AT + 12, UINT32_MAX, MSE_ERR_MALFORMED }, { TDVF_AT, 0, MSE_ERR_MALFORMED },
        { TDVF_AT + 4, UINT32_MAX, MSE_ERR_MALFORMED }, { TDVF_AT + 8, 0, MSE_ERR_UNSUPPORTED },
        { TDVF_AT + 12, 3, MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        make(&im);
        mse_store_u32le(im.raw + cases[i].at, cases[i].value);
        assert_status(parse(&im), cases[i].wanted);
    }
    static const uint32_t distances[] = { 0, 15, 40, IMAGE_LEN + 1, UINT32_MAX };
    for (size_t i = 0; i < MSE_ARRAY_LEN(distances); i++) {
        start(&im);
        add_entry(&im, sev, distances[i]);
        close_table(&im);
        assert_status(parse(&im), MSE_ERR_MALFORMED);
    }
    make(&im);
    put_list(im.raw + SEV_AT, 0x56455341, 12, MSE_OVMF_MAX_SECTIONS + 1);
    assert_status(parse(&im), MSE_ERR_MALFORMED);
}

/* Each bit of the table and of the lists: never a crash, and never another status. */
static void flips(void **state)
{
    (void)state;
    struct image im;
    make(&im);
    for (size_t at = SEV_AT; at < IMAGE_LEN; at += test_stride(1)) {
        im.raw[at] = (uint8_t)(im.raw[at] ^ 1U << at % 8);
        mse_status st = parse(&im);
        assert_true(st == MSE_OK || st == MSE_ERR_MALFORMED || st == MSE_ERR_UNSUPPORTED);
        im.raw[at] = (uint8_t)(im.raw[at] ^ 1U << at % 8);
    }
}

static void without(void **state)
{
    (void)state;
    struct image im;
    start(&im);
    add_entry(&im, sev, SEV_BACK);
    close_table(&im);
    assert_status(snp(&im, false, 1), MSE_OK);
    assert_status(snp(&im, false, 2), MSE_ERR_UNSUPPORTED); /* where would the second one begin? */
    assert_status(snp(&im, true, 1), MSE_ERR_MALFORMED);    /* where would the hashes be? */
    assert_status(mrtd(&im), MSE_ERR_UNSUPPORTED);
    assert_status(snp(&im, false, 0), MSE_ERR_ARGUMENT);
    assert_status(snp(&im, false, 4097), MSE_ERR_ARGUMENT);
    put_sev(&im, 3, 0x810000, PAGE, MSE_SEV_CAA);
    assert_status(snp(&im, true, 1), MSE_ERR_UNSUPPORTED);
    start(&im);
    add_entry(&im, tdvf, TDVF_BACK);
    close_table(&im);
    assert_status(mrtd(&im), MSE_OK);
    assert_status(snp(&im, false, 1), MSE_ERR_UNSUPPORTED);
}

static void sev_sections(void **state)
{
    (void)state;
    struct image im;
    static const struct {
        uint32_t address;
        uint32_t len;
        uint32_t type;
        mse_status wanted;
    } cases[] = {
        { 0x800000, PAGE, 0, MSE_ERR_UNSUPPORTED },
        { 0x800000, PAGE, 5, MSE_ERR_UNSUPPORTED },
        { 0x800001, PAGE, MSE_SEV_MEMORY, MSE_ERR_MALFORMED },
        { 0x800000, PAGE + 1, MSE_SEV_MEMORY, MSE_ERR_MALFORMED },
        { 0x800000, 0, MSE_SEV_MEMORY, MSE_ERR_MALFORMED },
        { 0x800000, 2 * PAGE, MSE_SEV_SECRETS, MSE_ERR_MALFORMED },
        { 0x800000, 2 * PAGE, MSE_SEV_CPUID, MSE_ERR_MALFORMED },
        { 0x800000, 0xfffff000, MSE_SEV_MEMORY, MSE_ERR_NO_SPACE },
        { 0x820000, PAGE, MSE_SEV_HASHES, MSE_OK },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        make(&im);
        put_sev(&im, 0, cases[i].address, cases[i].len, cases[i].type);
        assert_status(snp(&im, false, 1), cases[i].wanted);
    }
    /* Two pages for hashes, one of another size, one elsewhere, hashes that cross its end. */
    make(&im);
    put_sev(&im, 0, 0x810000, PAGE, MSE_SEV_HASHES);
    assert_status(snp(&im, true, 1), MSE_ERR_MALFORMED);
    make(&im);
    put_sev(&im, 3, 0x810000, 2 * PAGE, MSE_SEV_HASHES);
    assert_status(snp(&im, true, 1), MSE_ERR_MALFORMED);
    make(&im);
    put_sev(&im, 3, 0x811000, PAGE, MSE_SEV_HASHES);
    assert_status(snp(&im, true, 1), MSE_ERR_MALFORMED);
    start(&im);
    add_entry(&im, sev, SEV_BACK);
    add_entry(&im, hashes, 0x810000 + PAGE - 167);
    close_table(&im);
    assert_status(snp(&im, true, 1), MSE_ERR_MALFORMED);
}

static void tdvf_sections(void **state)
{
    (void)state;
    struct image im;
    const uint64_t much = 1ULL << 40;
    const struct {
        struct mse_ovmf_tdvf s;
        mse_status wanted;
    } cases[] = {
        { { .address = 0x800000, .memory = PAGE, .type = 4 }, MSE_ERR_UNSUPPORTED },
        { { .address = 0x800000, .memory = PAGE, .type = 3, .attributes = 1 },
          MSE_ERR_UNSUPPORTED },
        { { .len = PAGE, .address = 0xfffff000, .memory = PAGE, .attributes = 3 },
          MSE_ERR_UNSUPPORTED },
        { { .address = 0x800001, .memory = PAGE, .type = 3 }, MSE_ERR_MALFORMED },
        { { .address = 0x800000, .memory = PAGE - 1, .type = 3 }, MSE_ERR_MALFORMED },
        { { .address = 0x800000, .memory = 0, .type = 3 }, MSE_ERR_MALFORMED },
        { { .address = UINT64_MAX - PAGE + 1, .memory = PAGE, .type = 3 }, MSE_ERR_MALFORMED },
        { { .len = 1, .address = 0x800000, .memory = PAGE, .type = 3 }, MSE_ERR_MALFORMED },
        { { .len = PAGE, .address = 0xfffff000, .memory = 2ULL * PAGE }, MSE_ERR_MALFORMED },
        { { .offset = PAGE + 1, .len = PAGE, .address = 0xfffff000, .memory = PAGE },
          MSE_ERR_MALFORMED },
        { { .offset = UINT32_MAX, .len = PAGE, .address = 0xfffff000, .memory = PAGE },
          MSE_ERR_MALFORMED },
        { { .address = 0x800000, .memory = much, .type = 3 }, MSE_ERR_NO_SPACE },
        { { .offset = PAGE, .len = PAGE, .address = 0xfffff000, .memory = PAGE, .type = 1 },
          MSE_OK },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        make(&im);
        put_tdvf(&im, 1, &cases[i].s);
        assert_status(mrtd(&im), cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),      cmocka_unit_test(tables),  cmocka_unit_test(lists),
        cmocka_unit_test(flips),         cmocka_unit_test(without), cmocka_unit_test(sev_sections),
        cmocka_unit_test(tdvf_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
