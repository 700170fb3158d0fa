/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker of the gateway says to its feeder, and the other way. What is accepted is written
 * the same way again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/gate_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends the frame again; false if it was not accepted. */
static bool again(struct mse_build *b, uint8_t kind, struct mse_bytes body)
{
    struct gate_limits l;
    struct gate_route r;
    struct gate_counts c;
    struct gate_identity id;
    char name[MSE_HELLO_NAME_MAX + 1];
    uint8_t number = 0;
    uint32_t ms = 0;
    bool good = false;
    switch ((enum gate_kind)kind) {
    case GATE_LIMITS:
        good = gate_rd_limits(&l, body);
        if (good) {
            gate_wr_limits(b, &l);
        }
        break;
    case GATE_SET:
        good = gate_rd_set(&r, body);
        if (good) {
            gate_wr_set(b, &r);
        }
        break;
    case GATE_REMOVE:
        good = gate_rd_remove(name, &number, body);
        if (good) {
            gate_wr_remove(b, name, number);
        }
        break;
    case GATE_GO:
        good = body.len == 0;
        gate_wr_go(b);
        break;
    case GATE_DRAIN:
        good = gate_rd_drain(&ms, body);
        gate_wr_drain(b, ms);
        break;
    case GATE_IDENTITY:
        good = gate_rd_identity(&id, body);
        if (good) {
            gate_wr_identity(b, &id);
        }
        break;
    case GATE_COUNTS:
        good = gate_rd_counts(&c, body);
        if (good) {
            gate_wr_counts(b, &c);
        }
        break;
    }
    return good;
}

/* One frame, from its first byte to its last. */
static void try_frame(uint8_t kind, struct mse_bytes body, struct mse_bytes whole)
{
    static uint8_t buf[GATE_FRAME_MAX + 4];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    if (again(&b, kind, body)) {
        MSE_ASSERT(mse_build_ok(&b) && mse_bytes_equal(mse_build_view(&b), whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_bytes body;
    uint8_t kind = 0;
    const uint8_t *begin = in.data;
    while (gate_next(&in, &kind, &body) && kind != 0) {
        try_frame(kind, body, mse_bytes_of(begin, (size_t)(in.data - begin)));
        begin = in.data;
    }
    return 0;
}
