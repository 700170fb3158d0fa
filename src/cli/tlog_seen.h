/* SPDX-License-Identifier: Apache-2.0 */
/* What this user has seen of a log: the newest checkpoint, and the heads before it. Each log has a
 * file in the folder logs/ of the configuration folder. */
#ifndef CLI_TLOG_SEEN_H
#define CLI_TLOG_SEEN_H

#include <mse/log.h>

#include "cmd/files.h"

#define CLI_LOG_MAX_HEADS 64

struct cli_log_seen {
    char *path;
    size_t num_heads;
    struct mse_log_head heads[CLI_LOG_MAX_HEADS]; /* oldest first; the last is the newest */
};
/* cli_log_seen_open reads the file of a log. No lock is held behind it, as asking a log may take
 * long. folder: NULL: logs/ of the configuration folder. MSE_ERR_LOG_FORM: a file that is damaged;
 * MSE_ERR_IO. Release with cli_log_seen_close, which writes nothing. */
MSE_MUST_USE mse_status cli_log_seen_open(struct cli_log_seen *out, const struct mse_log_key *key,
                                          const char *folder, struct mse_error *err);
void cli_log_seen_close(struct cli_log_seen *s);
/* The newest; NULL: none was seen. */
const struct mse_log_head *cli_log_seen_newest(const struct cli_log_seen *s);
/* cli_log_seen_judge compares a head with what was seen, as far as no proof is needed. *out_link:
 * one from the newest is. may_be_older: a head that was the newest once is good.
 * MSE_ERR_LOG_ROLLBACK, MSE_ERR_LOG_CONSISTENCY; both name both heads. */
MSE_MUST_USE mse_status cli_log_seen_judge(const struct cli_log_seen *s, bool *out_link,
                                           const struct mse_log_head *now, bool may_be_older,
                                           struct mse_error *err);
/* cli_log_seen_keep writes that this head was seen; one that is not newer changes nothing.
 * MSE_ERR_BUSY: others have seen another one since s was read: judge by that, from the beginning.
 */
MSE_MUST_USE mse_status cli_log_seen_keep(struct cli_log_seen *s, const struct mse_log_key *key,
                                          const struct mse_log_head *now, struct mse_error *err);
/* "9 entries, root …" for messages. */
#define CLI_LOG_HEAD_TEXT 96
void cli_log_head_text(char out[CLI_LOG_HEAD_TEXT], const struct mse_log_head *h);

#endif
