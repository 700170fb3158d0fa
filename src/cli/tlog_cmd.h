/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of mse log share. */
#ifndef CLI_TLOG_CMD_H
#define CLI_TLOG_CMD_H

#include "cli/cli.h"
#include "cli/tlog_key.h"
#include "cli/tlog_source.h"

#define CLI_LOG_KINDS "sgx, tdx, snp, nitro, sim, manifest or runtime"

/* A log that is read: the place of the first argument, the key of --log or of the keeper's folder.
 */
struct cli_log_reader {
    bool has_key;
    struct mse_log_key key;
    struct cli_log_source *source;
    struct cli_file note; /* which the checkpoint borrows from */
    struct mse_log_checkpoint checkpoint;
};
/* cli_log_open reads the checkpoint, and checks its signature if there is a key. Release with
 * cli_log_close also after a failure. */
enum cli_exit cli_log_open(struct cli_log_reader *r, const struct cli *c, bool key_needed);
void cli_log_close(struct cli_log_reader *r);

/* The error; CLI_REFUSED if it is about what a log says, else CLI_TROUBLE. */
enum cli_exit cli_log_failed(const struct cli *c, mse_status st, const struct mse_error *err);
json_t *cli_log_text_json(struct mse_bytes text); /* null if it is empty */
json_t *cli_log_head_json(const struct mse_log_checkpoint *k);
json_t *cli_log_entry_json(uint64_t index, const struct mse_log_entry *e);
void cli_log_say_entry(const struct cli *c, uint64_t index, const struct mse_log_entry *e);

#endif
