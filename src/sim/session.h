/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's side of the control protocol, without descriptors: bytes of the runtime go in,
 * replies come out. What the runtime sends is hostile input. */
#ifndef SIM_SESSION_H
#define SIM_SESSION_H

#include <mse/status.h>

#include "base/build.h"

/* Who answers. ctx is handed back. */
struct mse_sim_answers {
    void *ctx;
    mse_status (*quote)(void *ctx, struct mse_build *out, const uint8_t report_data[64]);
    mse_status (*key)(void *ctx, uint8_t out[32]);
    /* MSE_ERR_UNSUPPORTED: there is none. */
    mse_status (*counter)(void *ctx, uint64_t *out, const uint8_t id[16], bool advance);
    uint8_t info[64]; /* MRENCLAVE || SHA-256(manifest) */
};

struct mse_sim_session {
    struct mse_sim_answers answers;
    struct mse_build in;  /* received, not yet understood */
    struct mse_build out; /* to be sent; one reply at most */
};

#define MSE_SIM_NOTE_TEXT_LEN 256
struct mse_sim_note {
    uint8_t event;                    /* MSE_TEE_EVENT_*, or 0 */
    char text[MSE_SIM_NOTE_TEXT_LEN]; /* printable: other characters are '?'; cut */
};

void mse_sim_session_init(struct mse_sim_session *s, const struct mse_sim_answers *answers);
void mse_sim_session_clear(struct mse_sim_session *s);
/* mse_sim_session_room: how many bytes may be appended to s->in; never 0 after a step that returned
 * MSE_ERR_NOT_FOUND. */
size_t mse_sim_session_room(const struct mse_sim_session *s);
/* mse_sim_session_step handles one frame of s->in; s->out must be empty. MSE_OK: done, *note tells
 * of an event or s->out holds the reply (a request that cannot be served is answered with an
 * error). MSE_ERR_NOT_FOUND: more bytes are needed. MSE_ERR_PROTOCOL: the stream makes no sense any
 * more. */
MSE_MUST_USE mse_status mse_sim_session_step(struct mse_sim_session *s, struct mse_sim_note *note);

#endif
