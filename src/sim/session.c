/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of the control protocol, the launcher's side. */
#include "sim/session.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tee/driver.h"
#include "tee/frame.h"

#define IN_MAX          (4 + (size_t)MSE_SIM_MAX_FRAME)
#define OUT_MAX         (2 * (size_t)MSE_SIM_MAX_FRAME)
#define REPORT_DATA_LEN 64
#define KEY_LEN         32
#define COUNTER_ID_LEN  16

void mse_sim_session_init(struct mse_sim_session *s, const struct mse_sim_answers *answers)
{
    struct mse_sim_session init = { .answers = *answers };
    *s = init;
    mse_build_heap(&s->in, IN_MAX);
    mse_build_heap(&s->out, OUT_MAX);
}

void mse_sim_session_clear(struct mse_sim_session *s)
{
    mse_build_clear(&s->in);
    mse_build_clear(&s->out);
}

size_t mse_sim_session_room(const struct mse_sim_session *s)
{
    return IN_MAX - s->in.len;
}

static void refuse(struct mse_sim_session *s, const char *text)
{
    mse_build_reset(&s->out);
    mse_sim_frame_write(&s->out, MSE_SIM_ERROR, mse_bytes_str(text));
}

static void answer_quote(struct mse_sim_session *s, struct mse_bytes payload)
{
    if (payload.len != REPORT_DATA_LEN) {
        refuse(s, "report data must be 64 bytes");
        return;
    }
    struct mse_build quote;
    mse_build_heap(&quote, MSE_SIM_MAX_FRAME - 1);
    if (s->answers.quote(s->answers.ctx, &quote, payload.data) == MSE_OK && mse_build_ok(&quote)) {
        mse_sim_frame_write(&s->out, MSE_SIM_REPLY | MSE_SIM_REQ_QUOTE, mse_build_view(&quote));
    } else {
        refuse(s, "the quote could not be made");
    }
    mse_build_clear(&quote);
}

static void answer_key(struct mse_sim_session *s, struct mse_bytes payload)
{
    uint8_t key[KEY_LEN];
    if (payload.len != 0) {
        refuse(s, "a key request has no payload");
    } else if (s->answers.key(s->answers.ctx, key) == MSE_OK) {
        mse_sim_frame_write(&s->out, MSE_SIM_REPLY | MSE_SIM_REQ_KEY,
                            mse_bytes_of(key, sizeof key));
    } else {
        refuse(s, "the key could not be derived");
    }
    mse_wipe(key, sizeof key);
}

static void answer_info(struct mse_sim_session *s, struct mse_bytes payload)
{
    if (payload.len != 0) {
        refuse(s, "an info request has no payload");
        return;
    }
    mse_sim_frame_write(&s->out, MSE_SIM_REPLY | MSE_SIM_REQ_INFO,
                        mse_bytes_of(s->answers.info, sizeof s->answers.info));
}

static void answer_counter(struct mse_sim_session *s, struct mse_bytes payload)
{
    struct mse_bytes id;
    uint8_t advance = 0;
    uint64_t count = 0;
    uint8_t reply[9];
    struct mse_build b;
    if (!mse_rd_bytes(&payload, &id, COUNTER_ID_LEN) || // 0 id
        !mse_rd_u8(&payload, &advance) ||               // 16 whether to raise it
        advance > 1 || payload.len != 0) {
        refuse(s, "a counter request has an id of 16 bytes, and 0 or 1");
        return;
    }
    mse_status st = s->answers.counter(s->answers.ctx, &count, id.data, advance == 1);
    if (st != MSE_OK && st != MSE_ERR_UNSUPPORTED) {
        refuse(s, "the counter cannot be kept");
        return;
    }
    mse_build_fixed(&b, reply, sizeof reply);
    mse_wr_u8(&b, st == MSE_OK ? 1 : 0);
    mse_wr_u64be(&b, st == MSE_OK ? count : 0);
    mse_sim_frame_write(&s->out, MSE_SIM_REPLY | MSE_SIM_REQ_COUNTER, mse_build_view(&b));
}

/* An event gets no reply, so a wrong one cannot be answered: it ends the conversation. */
static mse_status take_event(struct mse_sim_note *note, struct mse_bytes payload)
{
    struct mse_sim_note n = { 0 };
    if (!mse_rd_u8(&payload, &n.event) || n.event < MSE_TEE_EVENT_STARTING ||
        n.event > MSE_TEE_EVENT_WAITING) {
        return MSE_ERR_PROTOCOL;
    }
    size_t len = payload.len < sizeof n.text - 1 ? payload.len : sizeof n.text - 1;
    if (!mse_rd_copy(&payload, n.text, len)) {
        return MSE_ERR_PROTOCOL;
    }
    mse_utf8_printable(n.text);
    *note = n;
    return MSE_OK;
}

static mse_status handle(struct mse_sim_session *s, struct mse_sim_note *note,
                         const struct mse_sim_frame *f)
{
    switch (f->type) {
    case MSE_SIM_REQ_QUOTE:
        answer_quote(s, f->payload);
        return MSE_OK;
    case MSE_SIM_REQ_KEY:
        answer_key(s, f->payload);
        return MSE_OK;
    case MSE_SIM_REQ_INFO:
        answer_info(s, f->payload);
        return MSE_OK;
    case MSE_SIM_REQ_COUNTER:
        answer_counter(s, f->payload);
        return MSE_OK;
    case MSE_SIM_EVENT:
        return take_event(note, f->payload);
    default:
        refuse(s, "unknown request");
        return MSE_OK;
    }
}

static void drop_front(struct mse_build *b, size_t len)
{
    b->len -= len;
    if (b->len > 0) {
        memmove(b->data, b->data + len, b->len);
    }
}

mse_status mse_sim_session_step(struct mse_sim_session *s, struct mse_sim_note *note)
{
    struct mse_sim_note n = { 0 };
    struct mse_sim_frame f;
    struct mse_bytes rest = mse_build_view(&s->in);
    mse_status st = mse_sim_frame_take(&f, &rest);
    if (st != MSE_OK) {
        return st;
    }
    st = handle(s, &n, &f);
    if (st == MSE_OK && !mse_build_ok(&s->out)) {
        st = MSE_ERR_PROTOCOL;
    }
    drop_front(&s->in, s->in.len - rest.len);
    *note = n;
    return st;
}
