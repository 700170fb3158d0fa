/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF reader: real and made-up images, every refusal, every cut and every flipped bit. */
#include "measure/elf.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "synth.h"

static mse_status parse(struct mse_bytes file)
{
    struct mse_elf e;
    struct mse_error err = { 0 };
    mse_status st = mse_elf_parse(&e, file, &err);
    assert_status(err.status, st);
    return st;
}

static void reads_segments(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes file = synth_make(buf, &synth_images[1]);
    struct mse_elf e;
    assert_status(mse_elf_parse(&e, file, NULL), MSE_OK);
    assert_int_equal(e.num_segments, 3);
    assert_int_equal(e.entry, 0x100);
    assert_int_equal(e.start, 0);
    assert_int_equal(e.end, 0x8000);
    assert_ptr_equal(e.segments[2].file.data, buf + 0x3400);
    assert_int_equal(e.segments[2].file.len, 0x10);
    assert_int_equal(e.segments[2].vaddr, 0x4400);
    assert_int_equal(e.segments[2].mem_len, 0x3010);
    assert_int_equal(e.segments[2].start, 0x4000);
    assert_int_equal(e.segments[2].end, 0x8000);
    assert_int_equal(e.segments[2].flags, MSE_ELF_R | MSE_ELF_W);
}

/* What this machine's linker makes is accepted. */
static void reads_this_program(void **state)
{
    (void)state;
    struct mse_bytes file = test_read_file("/proc/self/exe");
    assert_non_null(file.data);
    struct mse_elf e;
    assert_status(mse_elf_parse(&e, file, NULL), MSE_OK);
    assert_int_equal(e.start, 0);
    assert_in_range(e.num_segments, 2, 8);
    free((void *)(uintptr_t)file.data);
}

/* Where a field stands, and a value that must be refused. */
struct patch {
    size_t offset;
    size_t len;
    uint64_t value;
    mse_status status;
};

#define P0 64U         /* the first program header */
#define P1 (64U + 56U) /* the second */

static const struct patch patches[] = {
    { 0, 1, 0x7e, MSE_ERR_MALFORMED },          /* magic */
    { 4, 1, 1, MSE_ERR_UNSUPPORTED },           /* 32 bits */
    { 5, 1, 2, MSE_ERR_UNSUPPORTED },           /* big-endian */
    { 6, 1, 0, MSE_ERR_MALFORMED },             /* EI_VERSION */
    { 7, 1, 9, MSE_ERR_UNSUPPORTED },           /* FreeBSD */
    { 16, 2, 1, MSE_ERR_UNSUPPORTED },          /* ET_REL */
    { 16, 2, 4, MSE_ERR_UNSUPPORTED },          /* ET_CORE */
    { 18, 2, 183, MSE_ERR_UNSUPPORTED },        /* AArch64 */
    { 20, 4, 2, MSE_ERR_MALFORMED },            /* e_version */
    { 24, 8, 0x1800, MSE_ERR_MALFORMED },       /* e_entry behind a segment */
    { 24, 8, 0x2e37, MSE_ERR_MALFORMED },       /* and ahead of one */
    { 24, 8, UINT64_MAX, MSE_ERR_MALFORMED },   /* and nowhere */
    { 32, 8, 0x2400 - 111, MSE_ERR_MALFORMED }, /* e_phoff: the table ends outside */
    { 32, 8, UINT64_MAX, MSE_ERR_MALFORMED },   /* e_phoff overflows */
    { 52, 2, 63, MSE_ERR_MALFORMED },           /* e_ehsize */
    { 54, 2, 32, MSE_ERR_MALFORMED },           /* e_phentsize */
    { 56, 2, 0, MSE_ERR_MALFORMED },            /* no headers, so no entry */
    { 56, 2, 0xffff, MSE_ERR_NO_SPACE },        /* PN_XNUM */
    { 56, 2, 257, MSE_ERR_NO_SPACE },           /* one too many */
    { P0 + 4, 4, 2, MSE_ERR_MALFORMED },        /* writable, not readable */
    { P0 + 4, 4, 0x100005, MSE_ERR_MALFORMED }, /* unknown flag */
    { P0 + 8, 8, 0x2400, MSE_ERR_MALFORMED },   /* p_offset at the end */
    { P0 + 8, 8, UINT64_MAX - 4095, MSE_ERR_MALFORMED },
    { P0 + 8, 8, 8, MSE_ERR_MALFORMED },        /* not congruent with p_vaddr */
    { P0 + 16, 8, 0x1000, MSE_ERR_MALFORMED },  /* p_vaddr: shares a page with the next */
    { P0 + 16, 8, 0x40000, MSE_ERR_MALFORMED }, /* above the next */
    { P0 + 16, 8, 1ULL << 47, MSE_ERR_MALFORMED },
    { P1 + 16, 8, (1ULL << 47) - 0x1000 + 0xe38, MSE_ERR_MALFORMED }, /* ends beyond 2^47 */
    { P1 + 16, 8, UINT64_MAX - 0xfff + 0xe38, MSE_ERR_MALFORMED },
    { P1 + 32, 8, 0x5c9, MSE_ERR_MALFORMED }, /* p_filesz: one byte behind the file */
    { P1 + 32, 8, UINT64_MAX, MSE_ERR_MALFORMED },
    { P1 + 40, 8, 0x5c7, MSE_ERR_MALFORMED }, /* p_memsz below p_filesz */
    { P1 + 40, 8, UINT64_MAX, MSE_ERR_MALFORMED },
    { P1 + 40, 8, 0, MSE_ERR_MALFORMED },
};

static void every_wrong_field_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(patches); i++) {
        uint8_t buf[SYNTH_MAX_LEN];
        struct mse_bytes file = synth_make(buf, &synth_images[0]);
        assert_status(parse(file), MSE_OK);
        for (size_t k = 0; k < patches[i].len; k++) {
            buf[patches[i].offset + k] = (uint8_t)(patches[i].value >> (8 * k));
        }
        mse_status st = parse(file);
        if (st != patches[i].status) {
            print_error("patch %zu at offset %zu\n", i, patches[i].offset);
        }
        assert_status(st, patches[i].status);
    }
}

static void empty_segment_is_refused(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct synth_image image = synth_images[0];
    image.segments[1].filesz = 0;
    assert_status(parse(synth_make(buf, &image)), MSE_OK); /* bss alone */
    image.segments[1].memsz = 0;
    assert_status(parse(synth_make(buf, &image)), MSE_ERR_MALFORMED);
}

static void too_many_segments_are_refused(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes file = synth_make(buf, &synth_images[1]);
    for (unsigned n = MSE_ELF_MAX_SEGMENTS; n <= MSE_ELF_MAX_SEGMENTS + 1; n++) {
        buf[56] = (uint8_t)n;
        for (uint64_t i = 0; i < n; i++) {
            uint8_t *p = buf + 64 + 56 * i;
            memcpy(p, buf + 64, 16);
            memset(p + 16, 0, 40);
            p[16 + 2] = (uint8_t)i; /* p_vaddr: 64 KiB apart */
            p[33] = 4;              /* p_filesz */
            p[41] = 4;              /* p_memsz */
        }
        assert_status(parse(file), n == MSE_ELF_MAX_SEGMENTS ? MSE_OK : MSE_ERR_NO_SPACE);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes file = synth_make(buf, &synth_images[0]);
    for (size_t len = 0; len < file.len; len++) {
        /* A copy of exactly that size, so that a sanitizer sees one byte too many. */
        uint8_t *copy = malloc(len + (len == 0));
        assert_non_null(copy);
        memcpy(copy, buf, len);
        assert_status(parse(mse_bytes_of(copy, len)), MSE_ERR_MALFORMED);
        free(copy);
    }
    buf[file.len] = 0;
    assert_status(parse(mse_bytes_of(buf, file.len + 1)), MSE_OK); /* sections may follow */
}

/* Never outside the file, whatever the headers say. */
static void flipped_bits_stay_in_bounds(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes file = synth_make(buf, &synth_images[1]);
    size_t headers = 64 + 3 * 56;
    for (size_t bit = 0; bit < headers * 8; bit++) {
        buf[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        struct mse_elf e = { 0 };
        mse_status st = mse_elf_parse(&e, file, NULL);
        for (size_t i = 0; st == MSE_OK && i < e.num_segments; i++) {
            size_t at = (size_t)(e.segments[i].file.data - buf);
            assert_true(at <= file.len && e.segments[i].file.len <= file.len - at);
        }
        buf[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_segments),
        cmocka_unit_test(reads_this_program),
        cmocka_unit_test(every_wrong_field_is_refused),
        cmocka_unit_test(empty_segment_is_refused),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(flipped_bits_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
