/* SPDX-License-Identifier: Apache-2.0 */
/* See synth.h. */
#include "synth.h"

#include "lib/testlib.h"

const struct synth_image synth_images[3] = {
    { 0x2400, 0x1234, 2, { { 0, 0, 0x1800, 0x1800, 5 }, { 0x1e38, 0x2e38, 0x5c8, 0x1900, 6 } } },
    { 0x3410,
      0x100,
      3,
      { { 0, 0, 0x1000, 0x1000, 4 },
        { 0x1000, 0x1000, 0x2345, 0x2345, 5 },
        { 0x3400, 0x4400, 0x10, 0x3010, 6 } } },
    { 0x1020,
      0x400100,
      2,
      { { 0, 0x400000, 0x900, 0x900, 5 }, { 0x1000, 0x402000, 0x20, 0x20, 6 } } },
};

static void write_header(struct mse_build *b, const struct synth_image *image)
{
    static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    mse_wr_copy(b, ident, sizeof ident);
    mse_wr_u16le(b, 3);  /* e_type */
    mse_wr_u16le(b, 62); /* e_machine */
    mse_wr_u32le(b, 1);
    mse_wr_u64le(b, image->entry);
    mse_wr_u64le(b, 64); /* e_phoff */
    mse_wr_u64le(b, 0);
    mse_wr_u32le(b, 0);
    mse_wr_u16le(b, 64); /* e_ehsize */
    mse_wr_u16le(b, 56); /* e_phentsize */
    mse_wr_u16le(b, (uint16_t)image->num);
    mse_wr_u16le(b, 64); /* e_shentsize */
    mse_wr_u32le(b, 0);
}

static void write_program_header(struct mse_build *b, const struct synth_segment *s)
{
    mse_wr_u32le(b, 1); /* PT_LOAD */
    mse_wr_u32le(b, s->flags);
    mse_wr_u64le(b, s->offset);
    mse_wr_u64le(b, s->vaddr);
    mse_wr_u64le(b, s->vaddr);
    mse_wr_u64le(b, s->filesz);
    mse_wr_u64le(b, s->memsz);
    mse_wr_u64le(b, 0x1000);
}

struct mse_bytes synth_make(uint8_t buf[SYNTH_MAX_LEN], const struct synth_image *image)
{
    for (size_t i = 0; i < image->len; i++) {
        buf[i] = (uint8_t)(7 * i + 3);
    }
    struct mse_build b;
    mse_build_fixed(&b, buf, image->len);
    write_header(&b, image);
    for (size_t i = 0; i < image->num; i++) {
        write_program_header(&b, &image->segments[i]);
    }
    assert_true(mse_build_ok(&b));
    struct mse_bytes out = { buf, image->len };
    return out;
}

static void pad(struct mse_build *b, char c, size_t to)
{
    while (mse_build_ok(b) && b->len < to) {
        mse_wr_u8(b, (uint8_t)c);
    }
}

struct mse_bytes synth_manifest(struct mse_build *b, int which)
{
    static const char *const tails[9] = {
        "",
        "sgx.enclave_size = \"16M\"\nsgx.max_threads = 1\n",
        "sgx.enclave_size = \"64M\"\nsgx.max_threads = 8\nsgx.debug = true\n",
        "sgx.enclave_size = \"32M\"\nsgx.max_threads = 4\nsgx.edmm_enable = true\n",
        "sgx.enclave_size = \"0x2000000\"\nsgx.max_threads = 2\n# ",
        "sgx.edmm_enable = true\nsgx.max_threads = 3\n",
        "sgx.max_threads = 3\n",
        "sgx.enclave_size = \"16M\"\nsgx.max_threads = 1\n# ",
        "sgx.enclave_size = \"16M\"\nsgx.max_threads = 1\n# ",
    };
    mse_build_reset(b);
    mse_wr_str(b, "loader.entrypoint.uri = \"file:libos\"\nloader.entrypoint.sha256 = \"");
    pad(b, '0', b->len + 64);
    mse_wr_str(b, "\"\n");
    mse_wr_str(b, tails[which]);
    if (which == 4) {
        pad(b, 'x', b->len + 5000);
        mse_wr_str(b, "\n");
    }
    if (which == 7 || which == 8) {
        pad(b, 'y', which == 7 ? 4095 : 4096);
    }
    assert_true(mse_build_ok(b));
    return mse_build_view(b);
}
