/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs made out of a log as it is served, each checked before anybody gets it: a log whose tiles
 * are wrong is refused here. */
#ifndef CLI_TLOG_PROOF_H
#define CLI_TLOG_PROOF_H

#include "cli/tlog_source.h"

/* cli_log_find looks for the newest entry of this kind with this fingerprint; MSE_LOG_KIND_COUNT:
 * of any kind. *entry holds it: MSE_LOG_MAX_ENTRY bytes. MSE_ERR_LOG_MISSING; those of the source.
 */
struct cli_log_found {
    uint64_t index;
    size_t len;
    uint8_t entry[MSE_LOG_MAX_ENTRY];
};
MSE_MUST_USE mse_status cli_log_find(struct cli_log_found *out, struct cli_log_source *s,
                                     enum mse_log_kind kind, const uint8_t fingerprint[32],
                                     struct mse_error *err);

/* cli_log_link proves that the source's checkpoint extends before; out: room for
 * MSE_LOG_MAX_LINK hashes. root: that of before is to be this one; NULL: it is not known.
 * MSE_ERR_LOG_ROLLBACK, MSE_ERR_LOG_CONSISTENCY. */
MSE_MUST_USE mse_status cli_log_link(uint8_t (*out)[MSE_SHA256_LEN], size_t *out_num,
                                     struct cli_log_source *s, const struct mse_log_head *now,
                                     const struct mse_log_head *before, struct mse_error *err);
/* cli_log_head_at computes the head of a smaller tree of the source; it is believed only if
 * cli_log_link then proves it. */
MSE_MUST_USE mse_status cli_log_head_at(struct mse_log_head *out, struct cli_log_source *s,
                                        uint64_t size, struct mse_error *err);

/* cli_log_prove writes a tlog-proof of what was found in the checkpoint c, whose bytes are note;
 * with the consistency proof from *since if that is not NULL. MSE_ERR_LOG_TILE: the tiles do not
 * lead from the entry to the root. */
struct cli_log_question {
    const struct cli_log_found *found;
    const struct mse_log_checkpoint *checkpoint;
    struct mse_bytes note;
    const struct mse_log_head *since;
};
MSE_MUST_USE mse_status cli_log_prove(struct mse_build *out, struct cli_log_source *s,
                                      const struct cli_log_question *q, struct mse_error *err);

#endif
