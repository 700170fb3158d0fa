/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_wire.h. */
#include "operator/gate_wire.h"

#include "base/bytes.h"
#include "base/util.h"

#define IS_V4  4
#define IS_V6  6
#define V4_LEN ((size_t)4)
#define V6_LEN ((size_t)16)

/* Begins a frame; its length is filled in by end_frame. */
static size_t begin_frame(struct mse_build *b, enum gate_kind kind)
{
    size_t at = b->len;
    mse_wr_u32be(b, 0);
    mse_wr_u8(b, (uint8_t)kind);
    return at;
}

static void end_frame(struct mse_build *b, size_t at)
{
    if (mse_build_ok(b)) {
        size_t len = b->len - at - 4;
        b->data[at + 2] = (uint8_t)(len >> 8);
        b->data[at + 3] = (uint8_t)len;
    }
}

static void wr_text(struct mse_build *b, const char *text)
{
    mse_wr_u8(b, (uint8_t)strlen(text));
    mse_wr_str(b, text);
}

static bool rd_text(struct mse_bytes *in, char *out, size_t cap)
{
    struct mse_bytes text;
    uint8_t len = 0;
    if (!mse_rd_u8(in, &len) || !mse_rd_bytes(in, &text, len) || len == 0 || len >= cap ||
        memchr(text.data, '\0', len) != NULL) {
        return false;
    }
    memcpy(out, text.data, len);
    out[len] = '\0';
    return true;
}

void gate_wr_limits(struct mse_build *b, const struct gate_limits *l)
{
    size_t at = begin_frame(b, GATE_LIMITS);
    mse_wr_u32be(b, l->max_connections);
    mse_wr_u32be(b, l->max_per_source);
    mse_wr_u32be(b, l->max_per_app);
    mse_wr_u32be(b, l->hello_ms);
    mse_wr_u32be(b, l->connect_ms);
    mse_wr_u32be(b, l->idle_ms);
    mse_wr_u32be(b, l->half_ms);
    end_frame(b, at);
}

bool gate_rd_limits(struct gate_limits *out, struct mse_bytes in)
{
    struct gate_limits l;
    if (!(mse_rd_u32be(&in, &l.max_connections) && // 0
          mse_rd_u32be(&in, &l.max_per_source) &&  // 4
          mse_rd_u32be(&in, &l.max_per_app) &&     // 8
          mse_rd_u32be(&in, &l.hello_ms) &&        // 12
          mse_rd_u32be(&in, &l.connect_ms) &&      // 16
          mse_rd_u32be(&in, &l.idle_ms) &&         // 20
          mse_rd_u32be(&in, &l.half_ms) &&         // 24
          in.len == 0)) {
        return false;
    }
    *out = l;
    return true;
}

static void wr_address(struct mse_build *b, const union mse_net_address *a)
{
    bool v6 = a->any.sa_family == AF_INET6;
    mse_wr_u8(b, v6 ? IS_V6 : IS_V4);
    if (v6) {
        mse_wr_copy(b, &a->v6.sin6_addr, V6_LEN);
    } else {
        mse_wr_copy(b, &a->v4.sin_addr, V4_LEN);
    }
    mse_wr_u16be(b, ntohs(v6 ? a->v6.sin6_port : a->v4.sin_port));
}

static bool rd_address(struct mse_bytes *in, union mse_net_address *out)
{
    uint8_t kind = 0;
    uint16_t port = 0;
    memset(out, 0, sizeof *out);
    if (!mse_rd_u8(in, &kind) || (kind != IS_V4 && kind != IS_V6)) {
        return false;
    }
    if (kind == IS_V6) {
        out->v6.sin6_family = AF_INET6;
        if (!mse_rd_copy(in, &out->v6.sin6_addr, V6_LEN) || !mse_rd_u16be(in, &port)) {
            return false;
        }
        out->v6.sin6_port = htons(port);
    } else {
        out->v4.sin_family = AF_INET;
        if (!mse_rd_copy(in, &out->v4.sin_addr, V4_LEN) || !mse_rd_u16be(in, &port)) {
            return false;
        }
        out->v4.sin_port = htons(port);
    }
    return port > 0;
}

void gate_wr_set(struct mse_build *b, const struct gate_route *r)
{
    size_t at = begin_frame(b, GATE_SET);
    wr_text(b, r->name);
    mse_wr_u8(b, r->number);
    wr_text(b, r->app_id);
    wr_address(b, &r->address);
    mse_wr_u8(b, r->proxy_protocol ? 1 : 0);
    mse_wr_copy(b, r->spki_sha256, sizeof r->spki_sha256);
    end_frame(b, at);
}

bool gate_rd_set(struct gate_route *out, struct mse_bytes in)
{
    struct gate_route r;
    uint8_t proxy = 0;
    if (!rd_text(&in, r.name, sizeof r.name) || !mse_rd_u8(&in, &r.number) ||
        r.number >= GATE_INSTANCES || !rd_text(&in, r.app_id, sizeof r.app_id) ||
        !rd_address(&in, &r.address) || !mse_rd_u8(&in, &proxy) || proxy > 1 ||
        !mse_rd_copy(&in, r.spki_sha256, sizeof r.spki_sha256) || in.len != 0) {
        return false;
    }
    r.proxy_protocol = proxy == 1;
    *out = r;
    return true;
}

void gate_wr_remove(struct mse_build *b, const char *name, uint8_t number)
{
    size_t at = begin_frame(b, GATE_REMOVE);
    wr_text(b, name);
    mse_wr_u8(b, number);
    end_frame(b, at);
}

bool gate_rd_remove(char name[MSE_HELLO_NAME_MAX + 1], uint8_t *number, struct mse_bytes body)
{
    char text[MSE_HELLO_NAME_MAX + 1];
    uint8_t n = 0;
    if (!rd_text(&body, text, sizeof text) || !mse_rd_u8(&body, &n) || body.len != 0) {
        return false;
    }
    *number = n;
    memcpy(name, text, strlen(text) + 1);
    return true;
}

void gate_wr_go(struct mse_build *b)
{
    end_frame(b, begin_frame(b, GATE_GO));
}

void gate_wr_drain(struct mse_build *b, uint32_t ms)
{
    size_t at = begin_frame(b, GATE_DRAIN);
    mse_wr_u32be(b, ms);
    end_frame(b, at);
}

bool gate_rd_drain(uint32_t *ms, struct mse_bytes body)
{
    uint32_t v = 0;
    if (!mse_rd_u32be(&body, &v) || body.len != 0) {
        return false;
    }
    *ms = v;
    return true;
}

void gate_wr_identity(struct mse_build *b, const struct gate_identity *i)
{
    size_t at = begin_frame(b, GATE_IDENTITY);
    mse_wr_u16be(b, (uint16_t)i->chain_pem.len);
    mse_wr_bytes(b, i->chain_pem);
    mse_wr_u16be(b, (uint16_t)i->key_pem.len);
    mse_wr_bytes(b, i->key_pem);
    end_frame(b, at);
}

static bool rd_pem(struct mse_bytes *in, struct mse_bytes *out)
{
    uint16_t len = 0;
    return mse_rd_u16be(in, &len) && len > 0 && len <= GATE_PEM_MAX && mse_rd_bytes(in, out, len);
}

bool gate_rd_identity(struct gate_identity *out, struct mse_bytes in)
{
    struct gate_identity i;
    if (!rd_pem(&in, &i.chain_pem) || !rd_pem(&in, &i.key_pem) || in.len != 0) {
        return false;
    }
    *out = i;
    return true;
}

static void wr_times(struct mse_build *b, const struct mse_times *t)
{
    mse_wr_u64be(b, t->num);
    mse_wr_u64be(b, t->sum_us);
    for (size_t i = 0; i < MSE_TIMES_BUCKETS; i++) {
        mse_wr_u32be(b, t->buckets[i]);
    }
}

static bool rd_times(struct mse_bytes *in, struct mse_times *t)
{
    bool good = mse_rd_u64be(in, &t->num) && mse_rd_u64be(in, &t->sum_us);
    for (size_t i = 0; good && i < MSE_TIMES_BUCKETS; i++) {
        good = mse_rd_u32be(in, &t->buckets[i]);
    }
    return good;
}

void gate_wr_counts(struct mse_build *b, const struct gate_counts *c)
{
    size_t at = begin_frame(b, GATE_COUNTS);
    wr_text(b, c->app_id);
    mse_wr_u32be(b, c->open);
    mse_wr_u64be(b, c->accepted);
    mse_wr_u64be(b, c->no_backend);
    mse_wr_u64be(b, c->bytes_in);
    mse_wr_u64be(b, c->bytes_out);
    wr_times(b, &c->connect);
    wr_times(b, &c->first_byte);
    end_frame(b, at);
}

bool gate_rd_counts(struct gate_counts *out, struct mse_bytes in)
{
    struct gate_counts c;
    if (!(rd_text(&in, c.app_id, sizeof c.app_id) && // 0
          mse_rd_u32be(&in, &c.open) &&              // open
          mse_rd_u64be(&in, &c.accepted) &&          // accepted
          mse_rd_u64be(&in, &c.no_backend) &&        // no_backend
          mse_rd_u64be(&in, &c.bytes_in) &&          // bytes_in
          mse_rd_u64be(&in, &c.bytes_out) &&         // bytes_out
          rd_times(&in, &c.connect) &&               // connect
          rd_times(&in, &c.first_byte) &&            // first_byte
          in.len == 0)) {
        return false;
    }
    *out = c;
    return true;
}

bool gate_next(struct mse_bytes *in, uint8_t *kind, struct mse_bytes *body)
{
    struct mse_bytes rest = *in;
    uint32_t len = 0;
    *kind = 0;
    if (!mse_rd_u32be(&rest, &len)) {
        return true;
    }
    if (len == 0 || len > GATE_FRAME_MAX) {
        return false;
    }
    uint8_t k = 0;
    struct mse_bytes b;
    if (rest.len < len || !mse_rd_u8(&rest, &k) || !mse_rd_bytes(&rest, &b, len - 1)) {
        return true;
    }
    if (k < GATE_LIMITS || k > GATE_COUNTS) {
        return false;
    }
    *kind = k;
    *body = b;
    *in = rest;
    return true;
}
