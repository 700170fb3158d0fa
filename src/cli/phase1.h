/* SPDX-License-Identifier: Apache-2.0 */
/* Phase 1 from the owner's side: the enclave behind the configuration name is attested at level 2,
 * and only then, on the same session, gets what is secret. */
#ifndef CLI_PHASE1_H
#define CLI_PHASE1_H

#include "cli/configure.h"
#include "ratls/connect.h"

struct cli_phase1 {
    struct mse_ratls_conn *conn;
    struct mse_session *session; /* of a refusal too; NULL: there is no verdict */
};
/* cli_phase1_open connects (the ALPN of at is not used) and attests. Not a byte of the application
 * has gone out. Unless MSE_OK is returned nothing may. Statuses of mse_ratls_dial and
 * mse_session_client. Release with cli_phase1_close also after failures. */
MSE_MUST_USE mse_status cli_phase1_open(struct cli_phase1 *out, const struct mse_ratls_dial *at,
                                        const struct mse_session_judge *judge,
                                        struct mse_error *err);
/* cli_phase1_send sends what cli_configure_request made. */
MSE_MUST_USE mse_status cli_phase1_send(struct cli_configure_answer *out, struct cli_phase1 *p,
                                        const struct mse_build *ask, struct mse_error *err);
void cli_phase1_close(struct cli_phase1 *p);
/* cli_phase1_state asks how far the enclave is. pinned: the certificate of an attested session,
 * which the server has to prove its key to; empty: whoever answers. MSE_ERR_BINDING: it is another
 * one's. */
MSE_MUST_USE mse_status cli_phase1_state(struct cli_configure_answer *out,
                                         const struct mse_ratls_dial *at, struct mse_bytes pinned,
                                         struct mse_error *err);

#endif
