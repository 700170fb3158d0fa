/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a nonce that somebody relayed, as the member "session" of an evidence bundle
 * (docs/protocol.md, "REST"): evidence of level 1 needs no trusted transport. Form only: judging it
 * is mse_session_appraise, with the nonce that one made oneself. */
#ifndef RATLS_FRESH_H
#define RATLS_FRESH_H

#include "ratls/frame.h"

/* mse_fresh_read finds the member in a bundle, in JSON, and writes evidence and audit path to
 * *out; the rest of it is empty. The evidence lies in scratch, of which 2 * bundle.len bytes are
 * enough. The nonce that the member names is the sender's word, and is not looked at.
 * MSE_ERR_NOT_FOUND: the bundle has none; MSE_ERR_MALFORMED; MSE_ERR_NO_SPACE. */
MSE_MUST_USE mse_status mse_fresh_read(struct mse_frame_response *out, uint8_t *scratch, size_t cap,
                                       struct mse_bytes bundle, struct mse_error *err);

#endif
