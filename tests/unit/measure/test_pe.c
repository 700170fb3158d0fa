/* SPDX-License-Identifier: Apache-2.0 */
/* EFI images: the reader, every way to spoil one, and what a boot is refused for. Hashes are held
 * against another tool's in tests/integration/launch. */
#include "measure/pe.h"

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "measure/store.h"

#define HEADERS     0x400U
#define PE_AT       64U
#define OPTIONAL_AT (PE_AT + 24U)
#define TABLE_AT    (OPTIONAL_AT + 152U)
#define RAW         512U
#define MAX_LEN     8192U

struct image {
    uint8_t raw[MAX_LEN];
    size_t len;
    uint16_t num;
};

static void start(struct image *im)
{
    memset(im, 0, sizeof *im);
    im->raw[0] = 'M';
    im->raw[1] = 'Z';
    mse_store_u32le(im->raw + 60, PE_AT);
    mse_store_u32le(im->raw + PE_AT, 0x4550);
    mse_store_u16le(im->raw + PE_AT + 4, 0x8664);
    mse_store_u16le(im->raw + PE_AT + 20, 152);
    mse_store_u16le(im->raw + OPTIONAL_AT, 0x20b);
    mse_store_u32le(im->raw + OPTIONAL_AT + 60, HEADERS);
    mse_store_u32le(im->raw + OPTIONAL_AT + 108, 5);
    im->len = HEADERS;
}

static uint8_t *row(struct image *im, size_t i)
{
    return im->raw + TABLE_AT + 40 * i;
}

static void add(struct image *im, const char *name, struct mse_bytes content)
{
    const struct mse_bytes text = mse_bytes_str(name);
    uint8_t *at = row(im, im->num++);
    memcpy(at, text.data, text.len);
    mse_store_u32le(at + 8, (uint32_t)content.len);
    mse_store_u32le(at + 16, (uint32_t)((content.len + RAW - 1) / RAW * RAW));
    mse_store_u32le(at + 20, (uint32_t)im->len);
    mse_store_u16le(im->raw + PE_AT + 6, im->num);
    memcpy(im->raw + im->len, content.data, content.len);
    im->len += (content.len + RAW - 1) / RAW * RAW;
}

static void make(struct image *im)
{
    start(im);
    add(im, ".text", mse_bytes_str("code"));
    add(im, ".data", mse_bytes_str("data"));
}

static mse_status parse(const struct image *im)
{
    struct mse_pe pe;
    struct mse_error err = { 0 };
    mse_status st = mse_pe_parse(&pe, mse_bytes_of(im->raw, im->len), &err);
    assert_status(err.status, st);
    return st;
}

static void accepted(void **state)
{
    (void)state;
    struct image im;
    struct mse_pe pe;
    struct mse_bytes found;
    uint8_t one[48];
    uint8_t two[48];
    make(&im);
    assert_status(mse_pe_parse(&pe, mse_bytes_of(im.raw, im.len), NULL), MSE_OK);
    assert_int_equal(pe.num_sections, 2);
    assert_true(mse_pe_find(&found, &pe, ".data"));
    assert_bytes(found, mse_bytes_str("data"));
    assert_false(mse_pe_find(&found, &pe, ".dat"));
    assert_status(mse_pe_digest(one, &pe), MSE_OK);
    /* The hash knows neither the checksum nor the certificates, and everything else. */
    im.raw[OPTIONAL_AT + 64] ^= 1;
    mse_store_u32le(im.raw + OPTIONAL_AT + 144, (uint32_t)im.len);
    mse_store_u32le(im.raw + OPTIONAL_AT + 148, 8);
    im.len += 8;
    assert_status(mse_pe_parse(&pe, mse_bytes_of(im.raw, im.len), NULL), MSE_OK);
    assert_status(mse_pe_digest(two, &pe), MSE_OK);
    assert_memory_equal(one, two, sizeof one);
    for (size_t at = 0; at < im.len - 8; at += test_stride(13)) {
        bool counts = at - (OPTIONAL_AT + 64) >= 4 && at - (OPTIONAL_AT + 144) >= 8;
        im.raw[at] ^= 0x10;
        if (mse_pe_parse(&pe, mse_bytes_of(im.raw, im.len), NULL) == MSE_OK) {
            assert_status(mse_pe_digest(two, &pe), MSE_OK);
            assert_int_equal(mse_mem_equal(one, two, sizeof one), !counts);
        }
        im.raw[at] ^= 0x10;
    }
}

/* No room for the directory of certificates, no directories, no sections; a table in another order.
 */
static void shapes(void **state)
{
    (void)state;
    struct image im;
    struct mse_pe pe;
    uint8_t swapped[40];
    for (uint32_t num = 0; num < 5; num++) {
        make(&im);
        mse_store_u32le(im.raw + OPTIONAL_AT + 108, num);
        mse_store_u32le(im.raw + OPTIONAL_AT + 148, UINT32_MAX);
        assert_status(mse_pe_parse(&pe, mse_bytes_of(im.raw, im.len), NULL), MSE_OK);
        assert_int_equal(pe.certificates, 0);
        assert_int_equal(pe.certs_len, 0);
    }
    start(&im);
    assert_status(parse(&im), MSE_OK);
    make(&im);
    memcpy(swapped, row(&im, 0), sizeof swapped);
    memcpy(row(&im, 0), row(&im, 1), sizeof swapped);
    memcpy(row(&im, 1), swapped, sizeof swapped);
    assert_status(mse_pe_parse(&pe, mse_bytes_of(im.raw, im.len), NULL), MSE_OK);
    assert_string_equal(pe.sections[0].name, ".text");
}

static void cuts(void **state)
{
    (void)state;
    struct image im;
    make(&im);
    size_t len = im.len;
    for (im.len = 0; im.len < len; im.len++) {
        mse_status st = parse(&im);
        assert_true(st == MSE_ERR_UNSUPPORTED || st == MSE_ERR_MALFORMED);
    }
    im.len = len + 1; /* what lies behind the sections is hashed */
    assert_status(parse(&im), MSE_OK);
}

static void spoiled(void **state)
{
    (void)state;
    struct image im;
    static const struct {
        size_t at;
        uint32_t value;
        mse_status wanted;
    } cases[] = {
        { 0, 0x5a4e, MSE_ERR_UNSUPPORTED },
        { 60, UINT32_MAX, MSE_ERR_UNSUPPORTED },
        { PE_AT, 0, MSE_ERR_UNSUPPORTED },
        { PE_AT + 4, 0x0002014c, MSE_ERR_UNSUPPORTED },       /* i386 */
        { PE_AT + 20, 151, MSE_ERR_UNSUPPORTED },             /* optional header */
        { OPTIONAL_AT, 0x10b, MSE_ERR_UNSUPPORTED },          /* PE32 */
        { OPTIONAL_AT + 60, 100, MSE_ERR_MALFORMED },         /* headers */
        { OPTIONAL_AT + 60, UINT32_MAX, MSE_ERR_MALFORMED },  /* */
        { OPTIONAL_AT + 60, HEADERS + 1, MSE_ERR_MALFORMED }, /* reach into the first section */
        { OPTIONAL_AT + 148, 8, MSE_ERR_MALFORMED },          /* certificates not at the end */
        { OPTIONAL_AT + 148, UINT32_MAX, MSE_ERR_MALFORMED }, /* */
        { TABLE_AT + 16, RAW + 1, MSE_ERR_MALFORMED },        /* overlaps the second */
        { TABLE_AT + 20, HEADERS - 1, MSE_ERR_MALFORMED },    /* overlaps the headers */
        { TABLE_AT + 20, UINT32_MAX, MSE_ERR_MALFORMED },     /* */
        { TABLE_AT + 56, UINT32_MAX, MSE_ERR_MALFORMED },     /* */
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        make(&im);
        mse_store_u32le(im.raw + cases[i].at, cases[i].value);
        assert_status(parse(&im), cases[i].wanted);
    }
    make(&im);
    mse_store_u32le(im.raw + OPTIONAL_AT + 144, (uint32_t)im.len - 8);
    mse_store_u32le(im.raw + OPTIONAL_AT + 148, 8);
    assert_status(parse(&im), MSE_ERR_MALFORMED); /* certificates inside of a section */
    make(&im);
    mse_store_u16le(im.raw + PE_AT + 6, MSE_PE_MAX_SECTIONS);
    mse_store_u32le(im.raw + OPTIONAL_AT + 60, MAX_LEN);
    im.len = MAX_LEN;
    memset(row(&im, 0), 0, (size_t)40 * MSE_PE_MAX_SECTIONS);
    assert_status(parse(&im), MSE_OK);
    mse_store_u16le(im.raw + PE_AT + 6, MSE_PE_MAX_SECTIONS + 1);
    assert_status(parse(&im), MSE_ERR_NO_SPACE);
}

static mse_status boot(const struct image *im, struct mse_bytes initrd, struct mse_bytes command)
{
    struct mse_tdx_registers out;
    struct mse_error err = { 0 };
    const struct mse_tdx_boot b = { .kernel = mse_bytes_of(im->raw, im->len),
                                    .initrd = initrd,
                                    .command_line = command };
    mse_status st = mse_measure_rtmr(&out, &b, &err);
    assert_status(err.status, st);
    return st;
}

/* A unified image with all of these sections but one, or with one more. */
static void unified(struct image *im, const char *without, const char *with)
{
    static const char *const names[] = { ".cmdline", ".initrd" };
    struct image inner;
    start(im);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], without) != 0) {
            add(im, names[i], mse_bytes_str("quiet"));
        }
    }
    if (with[0] != '\0') {
        add(im, with, mse_bytes_str("more"));
    }
    make(&inner);
    add(im, ".linux", mse_bytes_of(inner.raw, inner.len));
}

static void boots(void **state)
{
    (void)state;
    struct image im;
    uint8_t text[4097];
    const struct mse_bytes none = { NULL, 0 };
    static const char *const strange[] = { ".pcrsig", ".pcrpkey", ".ucode", ".profile" };
    make(&im);
    memset(text, 'x', sizeof text);
    assert_status(boot(&im, none, none), MSE_OK);
    assert_status(boot(&im, mse_bytes_str("initrd"), mse_bytes_of(text, 4096)), MSE_OK);
    assert_status(boot(&im, none, mse_bytes_of(text, 4097)), MSE_ERR_ARGUMENT);
    assert_status(boot(&im, none, mse_bytes_str("a\nb")), MSE_ERR_ARGUMENT);
    assert_status(boot(&im, none, mse_bytes_str("\xc3\xa9")), MSE_ERR_ARGUMENT);
    unified(&im, "", "");
    assert_status(boot(&im, none, none), MSE_OK);
    assert_status(boot(&im, mse_bytes_str("initrd"), none), MSE_ERR_ARGUMENT);
    assert_status(boot(&im, none, mse_bytes_str("quiet")), MSE_ERR_ARGUMENT);
    for (size_t i = 0; i < MSE_ARRAY_LEN(strange); i++) {
        unified(&im, "", strange[i]);
        assert_status(boot(&im, none, none), MSE_ERR_UNSUPPORTED);
    }
    unified(&im, ".cmdline", "");
    assert_status(boot(&im, none, none), MSE_ERR_UNSUPPORTED);
    unified(&im, ".initrd", "");
    assert_status(boot(&im, none, none), MSE_ERR_UNSUPPORTED);
    start(&im);
    add(&im, ".linux", mse_bytes_str("no image"));
    add(&im, ".cmdline", mse_bytes_str("quiet"));
    add(&im, ".initrd", mse_bytes_str("initrd"));
    assert_status(boot(&im, none, none), MSE_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(shapes), cmocka_unit_test(cuts),
        cmocka_unit_test(spoiled),  cmocka_unit_test(boots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
