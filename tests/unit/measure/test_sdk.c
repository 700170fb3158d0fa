/* SPDX-License-Identifier: Apache-2.0 */
/* Enclaves signed with Intel's SDK: a made-up one against the engine, page by page, and every way
 * to spoil it. tests/integration/measure compares many shapes with a second implementation. */
#include "measure/sdk.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "measure/sdk_file.h"

#define FILE_MAX    16384U
#define ENCLAVE     0x400000U
#define BLOCK_AT    0x1019U /* behind the segment and the head of the note */
#define DATA_AT     0x760U  /* in the block */
#define LAYOUT_AT   (DATA_AT + 80U)
#define NUM_ENTRIES ((size_t)6)
#define BLOCK_LEN   (LAYOUT_AT + (NUM_ENTRIES + 1) * 32U)
#define NAMES_AT    (BLOCK_AT + 2 * BLOCK_LEN)

struct file {
    uint8_t raw[FILE_MAX];
    size_t len;
};

static void zeros(struct mse_build *b, size_t to)
{
    while (b->len < to) {
        mse_wr_u8(b, 0);
    }
}

static void program_header(struct mse_build *b)
{
    mse_wr_u32le(b, 1);
    mse_wr_u32le(b, 5);
    mse_wr_u64le(b, 0);
    mse_wr_u64le(b, 0);
    mse_wr_u64le(b, 0);
    mse_wr_u64le(b, 0x1000);
    mse_wr_u64le(b, 0x1800);
    mse_wr_u64le(b, 0x1000);
}

static void head(struct mse_build *b)
{
    static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    mse_wr_copy(b, ident, sizeof ident);
    mse_wr_u16le(b, 3);
    mse_wr_u16le(b, 62);
    mse_wr_u32le(b, 1);
    mse_wr_u64le(b, 0x100);
    mse_wr_u64le(b, 64);
    mse_wr_u64le(b, NAMES_AT + 16);
    mse_wr_u32le(b, 0);
    mse_wr_u16le(b, 64);
    mse_wr_u16le(b, 56);
    mse_wr_u16le(b, 1);
    mse_wr_u16le(b, 64);
    mse_wr_u16le(b, 2); /* e_shnum */
    mse_wr_u16le(b, 1); /* e_shstrndx */
    program_header(b);
    zeros(b, 0x1000);
    mse_wr_u32le(b, 13);
    mse_wr_u32le(b, 2 * BLOCK_LEN);
    mse_wr_u32le(b, 1);
    mse_wr_copy(b, "sgx_metadata", 13);
}

static void entry(struct mse_build *b, uint16_t attributes, uint32_t pages, uint64_t rva,
                  uint32_t size, uint32_t content, uint64_t flags)
{
    mse_wr_u16le(b, 1);
    mse_wr_u16le(b, attributes);
    mse_wr_u32le(b, pages);
    mse_wr_u64le(b, rva);
    mse_wr_u32le(b, size);
    mse_wr_u32le(b, content);
    mse_wr_u64le(b, flags);
}

static void block(struct mse_build *b, uint32_t minor)
{
    size_t at = b->len;
    mse_wr_u64le(b, 0x86a80294635d0e4cULL);
    mse_wr_u64le(b, MSE_SDK_VERSION(1, minor));
    mse_wr_u32le(b, BLOCK_LEN);
    mse_wr_u32le(b, 0);
    mse_wr_u32le(b, 1); /* SSA frame */
    zeros(b, at + 0x28);
    mse_wr_u64le(b, ENCLAVE);
    zeros(b, at + 0x750);
    mse_wr_u32le(b, LAYOUT_AT + NUM_ENTRIES * 32);
    mse_wr_u32le(b, 32);
    mse_wr_u32le(b, LAYOUT_AT);
    mse_wr_u32le(b, NUM_ENTRIES * 32);
    for (uint8_t i = 0; i < 80; i++) {
        mse_wr_u8(b, i);
    }
    entry(b, 1, 4, 0x10000, 0, 0, 0x203);          /* heap */
    entry(b, 3, 1, 0x20000, 72, DATA_AT, 0x100);   /* TCS */
    entry(b, 3, 2, 0x21000, 0xcccccccc, 0, 0x203); /* stack */
    entry(b, 3, 2, 0x23000, 80, DATA_AT, 0x203);   /* thread data */
    entry(b, 1, 1, 0x25000, 0, 0, 0);              /* guard */
    mse_wr_u16le(b, 0x1000);                       /* the three before the guard, twice more */
    mse_wr_u16le(b, 4);
    mse_wr_u32le(b, 2);
    mse_wr_u64le(b, 0x8000);
    zeros(b, at + LAYOUT_AT + NUM_ENTRIES * 32);
    mse_wr_u64le(b, 0x28); /* the patch: e_shoff becomes the first bytes of the data */
    mse_wr_u32le(b, DATA_AT);
    mse_wr_u32le(b, 8);
    zeros(b, at + BLOCK_LEN);
}

static void section(struct mse_build *b, uint32_t name, uint32_t type, uint64_t offset,
                    uint64_t len)
{
    size_t at = b->len;
    mse_wr_u32le(b, name);
    mse_wr_u32le(b, type);
    zeros(b, at + 24);
    mse_wr_u64le(b, offset);
    mse_wr_u64le(b, len);
    zeros(b, at + 64);
}

static void make(struct file *f)
{
    struct mse_build b;
    mse_build_fixed(&b, f->raw, sizeof f->raw);
    head(&b);
    block(&b, 4);
    block(&b, 5);
    mse_wr_copy(&b, "\0.note.sgxmeta\0", 16);
    section(&b, 1, 7, 0x1000, 25 + 2 * BLOCK_LEN);
    section(&b, 0, 3, NAMES_AT, 16);
    assert_true(mse_build_ok(&b));
    f->len = b.len;
}

static mse_status measured(struct mse_sdk_enclave *out, const struct file *f, size_t which)
{
    struct mse_error err = { 0 };
    mse_status st = mse_measure_sdk(out, mse_bytes_of(f->raw, f->len), which, &err);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    return st;
}

static void put_u64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static void page(struct mse_mrenclave *m, uint64_t at, uint64_t flags, const uint8_t *content)
{
    mse_mrenclave_eadd(m, at, flags);
    mse_mrenclave_eextend(m, at, content);
}

/* TCS, stack and thread data at delta. */
static void add_thread(struct mse_mrenclave *m, uint64_t delta)
{
    uint8_t content[MSE_SGX_PAGE] = { 0 };
    uint8_t stack[MSE_SGX_PAGE];
    memset(stack, 0xcc, sizeof stack);
    for (uint8_t i = 0; i < 72; i++) {
        content[i] = i;
    }
    /* The little-endian numbers in the template, and the page's own address. */
    put_u64(content + 0x10, 0x1716151413121110ULL + 0x20000 + delta);
    put_u64(content + 0x30, 0x3736353433323130ULL + 0x20000 + delta);
    put_u64(content + 0x38, 0x3f3e3d3c3b3a3938ULL + 0x20000 + delta);
    page(m, 0x20000 + delta, 0x100, content);
    page(m, 0x21000 + delta, 0x203, stack);
    page(m, 0x22000 + delta, 0x203, stack);
    memset(content, 0, sizeof content);
    for (uint8_t i = 0; i < 80; i++) {
        content[i] = i;
    }
    page(m, 0x23000 + delta, 0x203, content);
    page(m, 0x24000 + delta, 0x203, NULL);
}

static void page_by_page(void **state)
{
    (void)state;
    static struct file f;
    struct mse_sdk_enclave e;
    struct mse_mrenclave *m = NULL;
    uint8_t wanted[32];
    uint8_t first[MSE_SGX_PAGE];
    make(&f);
    memcpy(first, f.raw, sizeof first);
    for (uint8_t i = 0; i < 8; i++) {
        first[0x28 + i] = i; /* patched */
    }
    assert_status(mse_mrenclave_new(&m, 1, ENCLAVE), MSE_OK);
    page(m, 0, 0x205, first);
    page(m, 0x1000, 0x205, NULL);
    for (uint64_t at = 0x10000; at < 0x14000; at += 0x1000) {
        mse_mrenclave_eadd(m, at, 0x203);
    }
    add_thread(m, 0);
    add_thread(m, 0x8000);
    add_thread(m, 0x10000);
    assert_status(mse_mrenclave_final(m, wanted), MSE_OK);
    mse_mrenclave_free(m);
    assert_status(measured(&e, &f, 0), MSE_OK);
    assert_bytes(mse_bytes_of(e.mrenclave, 32), mse_bytes_of(wanted, 32));
    assert_true(e.metadata_version == MSE_SDK_VERSION(1, 4));
    assert_ptr_equal(e.sigstruct.data, f.raw + BLOCK_AT + 0x40);
    assert_status(measured(&e, &f, 1), MSE_OK);
    assert_true(e.metadata_version == MSE_SDK_VERSION(1, 5));
    assert_bytes(mse_bytes_of(e.mrenclave, 32), mse_bytes_of(wanted, 32));
    assert_status(measured(&e, &f, 2), MSE_ERR_NOT_FOUND);
}

/* One number of the file is another one. */
static void each_field(void **state)
{
    (void)state;
    enum { ENTRY = BLOCK_AT + LAYOUT_AT, PATCH = ENTRY + NUM_ENTRIES * 32 };
    static const struct {
        size_t at;
        size_t len;
        uint64_t value;
        mse_status want;
    } rows[] = {
        { 0x1000, 4, 12, MSE_ERR_MALFORMED },                  /* name of the note */
        { 0x1004, 4, 2 * BLOCK_LEN + 1, MSE_ERR_MALFORMED },   /* its length */
        { 0x100c, 1, 'S', MSE_ERR_MALFORMED },                 /* its name */
        { BLOCK_AT, 1, 0, MSE_ERR_MALFORMED },                 /* magic */
        { BLOCK_AT + 0x0c, 4, 11, MSE_ERR_MALFORMED },         /* major version without a range */
        { BLOCK_AT + 0x10, 4, 0x75f, MSE_ERR_MALFORMED },      /* size */
        { BLOCK_AT + 0x18, 4, 0, MSE_ERR_MALFORMED },          /* SSA frame */
        { BLOCK_AT + 0x28, 8, 0x500000, MSE_ERR_MALFORMED },   /* enclave: no power of two */
        { BLOCK_AT + 0x28, 8, 0x1000, MSE_ERR_MALFORMED },     /* too small */
        { BLOCK_AT + 0x28, 8, 1ULL << 41, MSE_ERR_MALFORMED }, /* too large */
        { BLOCK_AT + 0x28, 8, 0x20000, MSE_ERR_MALFORMED },    /* threads are outside */
        { BLOCK_AT + 0x754, 4, 31, MSE_ERR_MALFORMED },        /* half a patch */
        { BLOCK_AT + 0x750, 4, BLOCK_LEN, MSE_ERR_MALFORMED }, /* patches outside */
        { BLOCK_AT + 0x75c, 4, 33, MSE_ERR_MALFORMED },        /* half an entry */
        { BLOCK_AT + 0x758, 4, 0xffffffff, MSE_ERR_MALFORMED },
        { PATCH, 8, FILE_MAX, MSE_ERR_MALFORMED }, /* patch of bytes outside */
        { PATCH, 8, UINT64_MAX, MSE_ERR_MALFORMED },
        { PATCH + 8, 4, BLOCK_LEN - 7, MSE_ERR_MALFORMED },
        { PATCH + 12, 4, BLOCK_LEN, MSE_ERR_MALFORMED },
        { ENTRY + 8, 8, 0x10001, MSE_ERR_MALFORMED }, /* heap: address */
        { ENTRY + 8, 8, 0x1000, MSE_ERR_MALFORMED },  /* on the image */
        { ENTRY + 8, 8, 0x1d000, MSE_ERR_MALFORMED }, /* into the threads */
        { ENTRY + 8, 8, UINT64_MAX - 0xfff, MSE_ERR_MALFORMED },
        { ENTRY + 4, 4, 0xffffffff, MSE_ERR_MALFORMED },      /* pages */
        { ENTRY + 24, 8, 0x1203, MSE_ERR_MALFORMED },         /* flags */
        { ENTRY + 32 + 20, 4, BLOCK_LEN, MSE_ERR_MALFORMED }, /* content outside */
        { ENTRY + 32 + 16, 4, 0, MSE_ERR_MALFORMED },         /* content of no bytes */
        { ENTRY + 32 + 16, 4, 0xffffffff, MSE_ERR_MALFORMED },
        { ENTRY + 96 + 4, 4, 0, MSE_ERR_MALFORMED },           /* more content than pages */
        { ENTRY + 160 + 2, 2, 6, MSE_ERR_MALFORMED },          /* group of more than there are */
        { ENTRY + 160 + 4, 4, 0xffffffff, MSE_ERR_MALFORMED }, /* too often */
        { ENTRY + 160 + 8, 8, 0x1000, MSE_ERR_MALFORMED },     /* on itself */
        { ENTRY + 160 + 8, 8, UINT64_MAX, MSE_ERR_MALFORMED },
        { ENTRY + 128, 2, 0x1000, MSE_ERR_MALFORMED }, /* a group in a group */
        { 0x28, 8, FILE_MAX, MSE_ERR_MALFORMED },      /* e_shoff */
        { 0x3a, 2, 63, MSE_ERR_MALFORMED },            /* e_shentsize */
        { 0x3c, 2, 0, MSE_ERR_MALFORMED },             /* e_shnum */
        { 0x3e, 2, 2, MSE_ERR_MALFORMED },             /* e_shstrndx */
        { NAMES_AT + 2, 1, 'x', MSE_ERR_MALFORMED },   /* no .note.sgxmeta */
    };
    static struct file f;
    struct mse_sdk_enclave e;
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        make(&f);
        for (size_t k = 0; k < rows[i].len; k++) {
            f.raw[rows[i].at + k] = (uint8_t)(rows[i].value >> 8 * k);
        }
        mse_status st = measured(&e, &f, 0);
        if (st != rows[i].want) {
            fail_msg("row %zu: %s", i, mse_status_name(st));
        }
    }
}

static void bounded(void **state)
{
    (void)state;
    static struct file f;
    struct mse_sdk_enclave e;
    struct mse_error err = { 0 };
    make(&f);
    /* 2 + 15 measured pages, 4 more, 16 looks at entries and 2 at turns of the group. */
    struct mse_bytes file = mse_bytes_of(f.raw, f.len);
    assert_status(mse_sdk_measure(&e, file, 0, 17 * 32 + 4 + 5 + 2 * 5, &err), MSE_OK);
    assert_status(mse_sdk_measure(&e, file, 0, 17 * 32 + 4 + 5 + 2 * 5 - 1, &err),
                  MSE_ERR_NO_SPACE);
    put_u64(f.raw + BLOCK_AT + LAYOUT_AT + 160, 0xffffffff00001000ULL); /* nothing, for ever */
    put_u64(f.raw + BLOCK_AT + LAYOUT_AT + 168, 0);
    assert_status(measured(&e, &f, 0), MSE_ERR_NO_SPACE);
}

static void cut_and_flipped(void **state)
{
    (void)state;
    static struct file f;
    static struct file bad;
    struct mse_sdk_enclave e;
    make(&f);
    size_t stride = test_stride(7);
    for (size_t n = 0; n < f.len; n += n < 0x1000 && n > 200 ? 97 : stride) {
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees every byte too many */
        assert_non_null(exact);
        memcpy(exact, f.raw, n);
        struct mse_error err = { 0 };
        assert_status(mse_measure_sdk(&e, mse_bytes_of(exact, n), 0, &err), MSE_ERR_MALFORMED);
        free(exact);
    }
    for (size_t i = 0; i < 8 * f.len; i += 3 * stride) {
        bad = f;
        bad.raw[i / 8] = (uint8_t)(bad.raw[i / 8] ^ 1U << i % 8);
        mse_status st = mse_sdk_measure(&e, mse_bytes_of(bad.raw, bad.len), 0, 50000, NULL);
        assert_true(st == MSE_OK || st == MSE_ERR_MALFORMED || st == MSE_ERR_UNSUPPORTED ||
                    st == MSE_ERR_NO_SPACE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_by_page),
        cmocka_unit_test(each_field),
        cmocka_unit_test(bounded),
        cmocka_unit_test(cut_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
