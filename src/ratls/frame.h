/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of mse-attest/1 (10-rules 13; docs/protocol.md, "Attested sessions"): reading and writing
 * them, without any connection. Every frame is u32be length || CBOR map in the deterministic
 * encoding; what is not expected is refused. */
#ifndef RATLS_FRAME_H
#define RATLS_FRAME_H

#include <mse/session.h>

#include "base/build.h"
#include "ratls/nonces.h"

#define MSE_FRAME_HEAD ((size_t)4)
/* No request needs as much: a server reads no more of strangers. */
#define MSE_FRAME_REQUEST_MAX ((size_t)256)
#define MSE_FRAME_ERROR_MAX   ((size_t)32)

/* The words of errors. */
#define MSE_FRAME_BUSY        "busy"
#define MSE_FRAME_BAD_REQUEST "bad-request"
#define MSE_FRAME_FAILED      "failed"

struct mse_frame_request {
    struct mse_nonce nonce;
    bool fresh; /* level 1; else level 2 */
    bool collateral;
    bool manifest;
};

/* Slices borrow from the frame. */
struct mse_frame_response {
    struct mse_bytes error; /* empty: there is evidence */
    uint32_t retry_ms;      /* with an error; 0: not said */
    struct mse_bytes evidence;
    struct mse_bytes collateral; /* empty: none */
    struct mse_bytes manifest;   /* empty: none */
    struct mse_bytes nonce;      /* 32: the server wants evidence of the client; else empty */
    bool has_audit;              /* level 1 */
    struct mse_nonce_path audit;
};

/* mse_frame_len reads a head: the length of the body, at most max. MSE_ERR_FRAME_TOO_LONG. */
MSE_MUST_USE mse_status mse_frame_len(size_t *out, const uint8_t head[MSE_FRAME_HEAD], size_t max,
                                      struct mse_error *err);
/* The writers append head and body, or nothing: MSE_ERR_NO_SPACE, and MSE_ERR_ARGUMENT for what the
 * readers would refuse. */
MSE_MUST_USE mse_status mse_frame_request_write(struct mse_build *out,
                                                const struct mse_frame_request *r);
MSE_MUST_USE mse_status mse_frame_response_write(struct mse_build *out,
                                                 const struct mse_frame_response *r);
/* The readers take a body. MSE_ERR_FRAME_MALFORMED, MSE_ERR_FRAME_VERSION. */
MSE_MUST_USE mse_status mse_frame_request_read(struct mse_frame_request *out, struct mse_bytes body,
                                               struct mse_error *err);
MSE_MUST_USE mse_status mse_frame_response_read(struct mse_frame_response *out,
                                                struct mse_bytes body, struct mse_error *err);

#endif
