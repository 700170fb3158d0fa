/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys of logs and witnesses: made, kept in a file, signing. */
#ifndef CLI_TLOG_KEY_H
#define CLI_TLOG_KEY_H

#include <mse/log.h>

#include "base/build.h"

struct cli_log_signer {
    struct mse_log_key key;
    uint8_t secret[32]; /* wipe it: cli_log_signer_clear */
};
/* cli_log_signer_make makes a key. MSE_ERR_LOG_KEY: no name for one. */
MSE_MUST_USE mse_status cli_log_signer_make(struct cli_log_signer *out, const char *name,
                                            enum mse_log_key_type type, struct mse_error *err);
/* cli_log_signer_read reads its file. MSE_ERR_LOG_KEY, those of files. */
MSE_MUST_USE mse_status cli_log_signer_read(struct cli_log_signer *out, const char *path,
                                            struct mse_error *err);
/* cli_log_signer_write makes the file, 0600. MSE_ERR_EXISTS unless force is set. */
MSE_MUST_USE mse_status cli_log_signer_write(const struct cli_log_signer *s, const char *path,
                                             bool force, struct mse_error *err);
void cli_log_signer_clear(struct cli_log_signer *s);

/* The public key as mse_log_key_parse reads it. */
#define CLI_LOG_KEY_TEXT 256
void cli_log_key_text(char out[CLI_LOG_KEY_TEXT], const struct mse_log_key *k);
/* cli_log_key_given reads a key that is named on a command line: itself, or the file that holds it.
 */
MSE_MUST_USE mse_status cli_log_key_given(struct mse_log_key *out, const char *text,
                                          struct mse_error *err);

/* cli_log_sign appends a signature line over the text of a checkpoint; at counts for a witness. */
MSE_MUST_USE mse_status cli_log_sign(struct mse_build *b, const struct cli_log_signer *s,
                                     struct mse_bytes text, mse_time at, struct mse_error *err);

#endif
