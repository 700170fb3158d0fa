/* SPDX-License-Identifier: Apache-2.0 */
/* A line that shows that something is going on: on a terminal only, and only for what takes longer
 * than half a second. It is gone when the work is done. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"

struct cli_progress {
    const char *what; /* static, for instance "Fetching collateral" */
    bool wanted;      /* stderr is a terminal, and the result is for people */
    bool drawn;
    unsigned turn;
    uint64_t started; /* monotonic, ms */
    uint64_t last;
};
void cli_progress_begin(struct cli_progress *p, const struct cli *c, const char *what);
/* To be called often while the work goes on; user is the struct cli_progress. With a total there is
 * a bar, without one a spinner; bytes 0: there is no count. */
void cli_progress_step(void *user, uint64_t bytes, uint64_t total);
void cli_progress_end(struct cli_progress *p);

/* The line for a moment, without cursor movement; for cli_progress_step and its tests. */
#define CLI_PROGRESS_LEN 256
void cli_progress_line(char out[CLI_PROGRESS_LEN], const struct cli_progress *p, uint64_t bytes,
                       uint64_t total, uint64_t now);

#endif
