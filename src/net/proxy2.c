/* SPDX-License-Identifier: Apache-2.0 */
/* See proxy2.h. */
#include "net/proxy2.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

#define SIGNATURE       "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN   ((size_t)12)
#define VERSION_2_LOCAL 0x20
#define VERSION_2_PROXY 0x21
#define TCP_OVER_IPV4   0x11
#define TCP_OVER_IPV6   0x21
#define UNSPECIFIED     0x00

socklen_t mse_net_address_len(const union mse_net_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static void wr_port(struct mse_build *b, in_port_t port)
{
    mse_wr_copy(b, &port, sizeof port); /* it is in network order */
}

size_t mse_proxy2_write(uint8_t out[MSE_PROXY2_MAX], const union mse_net_address *from,
                        const union mse_net_address *to)
{
    struct mse_build b;
    bool same = from->any.sa_family == to->any.sa_family;
    mse_build_fixed(&b, out, MSE_PROXY2_MAX);
    mse_wr_copy(&b, SIGNATURE, SIGNATURE_LEN);
    mse_wr_u8(&b, VERSION_2_PROXY);
    if (same && from->any.sa_family == AF_INET) {
        mse_wr_u8(&b, TCP_OVER_IPV4);
        mse_wr_u16be(&b, 12);
        mse_wr_copy(&b, &from->v4.sin_addr, 4);
        mse_wr_copy(&b, &to->v4.sin_addr, 4);
        wr_port(&b, from->v4.sin_port);
        wr_port(&b, to->v4.sin_port);
    } else if (same && from->any.sa_family == AF_INET6) {
        mse_wr_u8(&b, TCP_OVER_IPV6);
        mse_wr_u16be(&b, 36);
        mse_wr_copy(&b, &from->v6.sin6_addr, 16);
        mse_wr_copy(&b, &to->v6.sin6_addr, 16);
        wr_port(&b, from->v6.sin6_port);
        wr_port(&b, to->v6.sin6_port);
    } else {
        mse_wr_u8(&b, UNSPECIFIED);
        mse_wr_u16be(&b, 0);
    }
    MSE_ASSERT(mse_build_ok(&b));
    return b.len;
}

struct mse_bytes mse_proxy2_local(bool wanted)
{
    static const uint8_t local[MSE_PROXY2_HEAD] = SIGNATURE "\x20"; /* and zeros */
    return mse_bytes_of(local, wanted ? sizeof local : 0);
}

/* The bytes that the addresses of a family take; false: none that is served. */
static bool addresses_len(size_t *out, uint8_t family)
{
    switch (family) {
    case UNSPECIFIED:
        *out = 0;
        return true;
    case TCP_OVER_IPV4:
        *out = 12;
        return true;
    case TCP_OVER_IPV6:
        *out = 36;
        return true;
    default:
        return false;
    }
}

size_t mse_proxy2_len(const uint8_t head[MSE_PROXY2_HEAD])
{
    size_t len = (size_t)head[14] << 8 | head[15];
    size_t least = 0;
    bool local = head[12] == VERSION_2_LOCAL;
    if (!mse_mem_equal(head, SIGNATURE, SIGNATURE_LEN) || (!local && head[12] != VERSION_2_PROXY)) {
        return 0;
    }
    /* Of its own connection a proxy may say anything: it is skipped. */
    if ((!local && !addresses_len(&least, head[13])) || len < least ||
        len > MSE_PROXY2_READ_MAX - MSE_PROXY2_HEAD) {
        return 0;
    }
    return MSE_PROXY2_HEAD + len;
}

/* Type, length, value. */
static bool extensions_ok(struct mse_bytes in)
{
    uint8_t type = 0;
    uint16_t len = 0;
    struct mse_bytes value;
    while (in.len > 0) {
        if (!mse_rd_u8(&in, &type) || !mse_rd_u16be(&in, &len) || !mse_rd_bytes(&in, &value, len)) {
            return false;
        }
    }
    return true;
}

bool mse_proxy2_read(struct mse_proxy2 *out, struct mse_bytes in)
{
    struct mse_proxy2 p = { .known = false };
    struct mse_bytes from = { NULL, 0 };
    struct mse_bytes to;
    if (in.len < MSE_PROXY2_HEAD || mse_proxy2_len(in.data) != in.len) {
        return false;
    }
    uint8_t family = in.data[13];
    if (in.data[12] == VERSION_2_LOCAL) {
        *out = p;
        return true;
    }
    in = mse_bytes_of(in.data + MSE_PROXY2_HEAD, in.len - MSE_PROXY2_HEAD);
    p.known = family != UNSPECIFIED;
    size_t each = family == TCP_OVER_IPV4 ? 4 : 16;
    if (p.known && !(mse_rd_bytes(&in, &from, each)   // source
                     && mse_rd_bytes(&in, &to, each)  // destination
                     && mse_rd_u16be(&in, &p.port)    // of the source
                     && mse_rd_bytes(&in, &to, 2))) { // of the destination
        return false;
    }
    if (family == TCP_OVER_IPV4) {
        p.source[10] = 0xff;
        p.source[11] = 0xff;
    }
    if (p.known) {
        memcpy(p.source + 16 - each, from.data, each);
    }
    if (!extensions_ok(in)) {
        return false;
    }
    *out = p;
    return true;
}
