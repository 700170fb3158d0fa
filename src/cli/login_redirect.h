/* SPDX-License-Identifier: Apache-2.0 */
/* Where a browser comes back to after a login: one request to a port of this machine (RFC 8252,
 * section 7.3). */
#ifndef CLI_LOGIN_REDIRECT_H
#define CLI_LOGIN_REDIRECT_H

#include "cmd/flow.h"

#define LOGIN_PATH     "/callback"
#define LOGIN_CODE_LEN CLI_FLOW_CODE_LEN
#define LOGIN_MAX_HEAD ((size_t)16 * 1024)

/* What the issuer's answer must carry. */
struct login_expect {
    const char *state;
    const char *issuer;
};
/* login_answer_parse reads the head of a request. MSE_ERR_NOT_FOUND: it is for another path, or no
 * GET; MSE_ERR_MALFORMED; MSE_ERR_TOKEN_NONCE: it answers another login; MSE_ERR_TOKEN_ISSUER: it
 * is another issuer's; MSE_ERR_PEER_REFUSED: the issuer says why. Pure. */
MSE_MUST_USE mse_status login_answer_parse(char code[LOGIN_CODE_LEN], struct mse_bytes head,
                                           const struct login_expect *want, struct mse_error *err);
/* login_wait takes connections on listener until the answer came, right or wrong, for at most
 * seconds; other requests get 404. MSE_ERR_TIMEOUT; else as login_answer_parse. */
MSE_MUST_USE mse_status login_wait(char code[LOGIN_CODE_LEN], int listener, unsigned seconds,
                                   const struct login_expect *want, struct mse_error *err);

#endif
