/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's side of the control protocol, fed by a hostile runtime. The first byte says in
 * pieces of which length the rest arrives. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "sim/session.h"
#include "tee/driver.h"
#include "tee/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mse_status quote(void *ctx, struct mse_build *out, const uint8_t report_data[64])
{
    unsigned *calls = ctx;
    mse_wr_copy(out, report_data, 64);
    /* Sometimes it fails, as a real one may. */
    return ++*calls % 5 == 0 ? MSE_ERR_CRYPTO : MSE_OK;
}

static mse_status key(void *ctx, uint8_t out[32])
{
    unsigned *calls = ctx;
    memset(out, 0x55, 32);
    return ++*calls % 5 == 0 ? MSE_ERR_CRYPTO : MSE_OK;
}

static mse_status counter(void *ctx, uint64_t *out, const uint8_t id[16], bool advance)
{
    unsigned *calls = ctx;
    *out = (uint64_t)id[0] + (advance ? 1 : 0);
    ++*calls;
    return *calls % 5 == 0 ? MSE_ERR_IO : *calls % 3 == 0 ? MSE_ERR_UNSUPPORTED : MSE_OK;
}

/* Exactly one reply, of a type and a length that the protocol has. */
static void check_reply(const struct mse_sim_session *s)
{
    struct mse_sim_frame f;
    struct mse_bytes out = mse_build_view(&s->out);
    MSE_ASSERT(mse_sim_frame_take(&f, &out) == MSE_OK);
    MSE_ASSERT(out.len == 0);
    switch (f.type) {
    case MSE_SIM_REPLY | MSE_SIM_REQ_QUOTE:
    case MSE_SIM_REPLY | MSE_SIM_REQ_INFO:
        MSE_ASSERT(f.payload.len == 64);
        break;
    case MSE_SIM_REPLY | MSE_SIM_REQ_KEY:
        MSE_ASSERT(f.payload.len == 32);
        break;
    case MSE_SIM_REPLY | MSE_SIM_REQ_COUNTER:
        MSE_ASSERT(f.payload.len == 9 && f.payload.data[0] <= 1);
        break;
    default:
        MSE_ASSERT(f.type == MSE_SIM_ERROR);
        break;
    }
}

static void check_note(const struct mse_sim_note *n)
{
    size_t len = strnlen(n->text, sizeof n->text);
    MSE_ASSERT(n->event <= MSE_TEE_EVENT_WAITING);
    MSE_ASSERT(len < sizeof n->text);
    /* Fit for a terminal: valid, and nothing left to replace. */
    MSE_ASSERT(mse_utf8_valid(mse_bytes_of(n->text, len)));
    char again[sizeof n->text];
    memcpy(again, n->text, sizeof again);
    mse_utf8_printable(again);
    MSE_ASSERT(strcmp(again, n->text) == 0);
}

/* One whole frame was handled. */
static void check_step(struct mse_sim_session *s, const struct mse_sim_note *note)
{
    check_note(note);
    MSE_ASSERT((note->event == 0) == (s->out.len > 0));
    if (s->out.len > 0) {
        check_reply(s);
    }
    mse_build_reset(&s->out);
}

/* Handles all whole frames; false when the stream broke. */
static bool drain(struct mse_sim_session *s)
{
    struct mse_sim_note note;
    size_t before = s->in.len;
    mse_status st = MSE_OK;
    while ((st = mse_sim_session_step(s, &note)) == MSE_OK) {
        MSE_ASSERT(s->in.len < before);
        before = s->in.len;
        check_step(s, &note);
    }
    MSE_ASSERT(s->in.len == before || st == MSE_ERR_PROTOCOL);
    MSE_ASSERT(mse_sim_session_room(s) > 0 || st == MSE_ERR_PROTOCOL);
    return st == MSE_ERR_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned calls = 0;
    struct mse_sim_answers answers = {
        .ctx = &calls, .quote = quote, .key = key, .counter = counter
    };
    struct mse_sim_session s;
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_bytes piece;
    uint8_t step = 0;
    if (!mse_rd_u8(&in, &step)) {
        return 0;
    }
    mse_sim_session_init(&s, &answers);
    bool more = true;
    while (more && in.len > 0) {
        size_t len = step == 0 ? in.len : step;
        len = len < in.len ? len : in.len;
        len = len < mse_sim_session_room(&s) ? len : mse_sim_session_room(&s);
        MSE_ASSERT(mse_rd_bytes(&in, &piece, len));
        mse_wr_bytes(&s.in, piece);
        MSE_ASSERT(mse_build_ok(&s.in));
        more = drain(&s);
    }
    mse_sim_session_clear(&s);
    return 0;
}
