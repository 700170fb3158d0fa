/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/net/hello_lab.h"

#include <string.h>

#include "base/bytes.h"
#include "lib/testlib.h"

static void wr_vector16(struct mse_build *b, const struct mse_build *content)
{
    mse_wr_u16be(b, (uint16_t)content->len);
    mse_wr_bytes(b, mse_build_view(content));
}

static void wr_extension(struct mse_build *b, uint16_t type, size_t len)
{
    mse_wr_u16be(b, type);
    mse_wr_u16be(b, (uint16_t)len);
    mse_wr_zeros(b, len);
}

static void wr_server_name(struct mse_build *b, const struct hello_parts *p)
{
    const char *name = p->name != NULL ? p->name : HELLO_NAME;
    size_t len = p->name_len > 0 ? p->name_len : strlen(name);
    size_t times = p->several ? 2 : 1;
    mse_wr_u16be(b, 0);
    mse_wr_u16be(b, (uint16_t)(2 + times * (3 + len)));
    mse_wr_u16be(b, (uint16_t)(times * (3 + len)));
    for (size_t i = 0; i < times; i++) {
        mse_wr_u8(b, 0);
        mse_wr_u16be(b, (uint16_t)len);
        mse_wr_copy(b, name, len);
    }
}

static void wr_extensions(struct mse_build *b, const struct hello_parts *p)
{
    struct mse_build e;
    mse_build_heap(&e, 70000);
    if (p->grease) {
        wr_extension(&e, 0x1a1a, 0);
    }
    for (unsigned i = 0; i < p->others; i++) {
        wr_extension(&e, (uint16_t)(0x3000 + i), i % 7);
    }
    if (p->ech) {
        wr_extension(&e, 0xfe0d, 200);
    }
    for (int i = 0; !p->no_name && i < (p->twice ? 2 : 1); i++) {
        wr_server_name(&e, p);
    }
    if (p->padding > 0) {
        wr_extension(&e, 21, p->padding);
    }
    if (p->grease) {
        wr_extension(&e, 0xfafa, 1);
    }
    wr_vector16(b, &e);
    assert_true(mse_build_ok(&e));
    mse_build_clear(&e);
}

/* The message with its head. */
static void wr_message(struct mse_build *b, const struct hello_parts *p)
{
    static const uint8_t ciphers[] = { 0x2a, 0x2a, 0x13, 0x01, 0x13, 0x03 };
    struct mse_build m;
    mse_build_heap(&m, 70000);
    mse_wr_u8(&m, p->major > 0 ? p->major : 3);
    mse_wr_u8(&m, 3);
    for (int i = 0; i < 32; i++) {
        mse_wr_u8(&m, (uint8_t)i);
    }
    mse_wr_u8(&m, 32);
    mse_wr_zeros(&m, 32);
    mse_wr_u16be(&m, p->grease ? 6 : 4);
    mse_wr_copy(&m, ciphers + (p->grease ? 0 : 2), p->grease ? 6 : 4);
    mse_wr_u8(&m, 1);
    mse_wr_u8(&m, 0);
    if (!p->no_extensions) {
        wr_extensions(&m, p);
    }
    assert_true(mse_build_ok(&m));
    mse_wr_u8(b, 1);
    mse_wr_u8(b, (uint8_t)(m.len >> 16));
    mse_wr_u16be(b, (uint16_t)m.len);
    mse_wr_bytes(b, mse_build_view(&m));
    mse_build_clear(&m);
}

/* Records of at most piece bytes each. */
static void wr_records(struct mse_build *b, struct mse_bytes msg, size_t piece)
{
    while (msg.len > 0) {
        struct mse_bytes part;
        assert_true(mse_rd_bytes(&msg, &part, msg.len < piece ? msg.len : piece));
        mse_wr_u8(b, 22);
        mse_wr_u8(b, 3);
        mse_wr_u8(b, 1);
        mse_wr_u16be(b, (uint16_t)part.len);
        mse_wr_bytes(b, part);
    }
}

void hello_make(struct mse_build *wire, const struct hello_parts *p, size_t piece)
{
    struct mse_build msg;
    mse_build_heap(&msg, 70000);
    mse_build_heap(wire, 400000);
    wr_message(&msg, p);
    wr_records(wire, mse_build_view(&msg), piece);
    assert_true(mse_build_ok(wire));
    mse_build_clear(&msg);
}
