/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's folder of a log. What is served lies in public/, what is nobody's business beside
 * it: log.key, and signed, the last checkpoint that was signed. A kill at any moment leaves the log
 * as it was or as it is to be: files that nobody refers to yet come first, then signed, then the
 * checkpoint. One process at a time changes it. */
#ifndef CLI_TLOG_STORE_H
#define CLI_TLOG_STORE_H

#include "cli/tlog_key.h"
#include "cli/tlog_source.h"

struct cli_log_store {
    char *dir;
    int lock;
    struct cli_log_signer signer;
    struct cli_log_source *source; /* public/ */
    struct mse_log_head head;      /* of the checkpoint */
};
/* cli_log_store_init makes the folder, a key and an empty log, or ends what an earlier try began.
 * MSE_ERR_EXISTS: there is a log, or a key of another name. */
MSE_MUST_USE mse_status cli_log_store_init(const char *dir, const char *origin,
                                           struct mse_log_key *out_key, struct mse_error *err);
/* cli_log_store_open waits for the lock, reads key and checkpoint, and publishes what was signed
 * but not published. MSE_ERR_LOG_ROLLBACK, MSE_ERR_LOG_CONSISTENCY: public/ is not what was signed
 * last; MSE_ERR_LOG_TILE: its files are damaged. Release with cli_log_store_close. */
MSE_MUST_USE mse_status cli_log_store_open(struct cli_log_store *out, const char *dir,
                                           struct mse_error *err);
void cli_log_store_close(struct cli_log_store *s);
/* cli_log_store_add appends an entry and signs the checkpoint that has it; s->head is new. */
MSE_MUST_USE mse_status cli_log_store_add(struct cli_log_store *s, struct mse_bytes entry,
                                          struct mse_error *err);
/* cli_log_store_merge puts signature lines of others behind the published checkpoint; note has the
 * same text. *out_new: how many were not there. MSE_ERR_LOG_CONSISTENCY: it is another checkpoint.
 */
MSE_MUST_USE mse_status cli_log_store_merge(struct cli_log_store *s, unsigned *out_new,
                                            const struct mse_log_checkpoint *note,
                                            struct mse_error *err);
/* The public key of a log whose keeper's folder this is; MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status cli_log_store_key(struct mse_log_key *out, const char *dir,
                                          struct mse_error *err);

#endif
