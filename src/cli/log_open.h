/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a log that was sealed for its owner, line by line: what the app said, and whether records
 * are missing, come twice, or were not made by the enclave. */
#ifndef CLI_LOG_OPEN_H
#define CLI_LOG_OPEN_H

#include <stdio.h>

#include "cli/cli.h"

/* Which starts of the enclave were shown as which instance's: each is of one. */
#define CLI_LOG_MAX_BOOTS 4096
struct cli_log_boots {
    size_t num;
    struct {
        uint8_t boot[16];
        unsigned instance;
    } list[CLI_LOG_MAX_BOOTS];
};

struct cli_log_open {
    bool opens; /* secret is there: else every line is one as any other */
    uint8_t secret[32];
    bool has_enclave; /* the key that the records have to be of */
    uint8_t enclave[32];
    bool tail;         /* the first record need not be number 0 */
    unsigned instance; /* of several, another than the first one: what is shown tells so */
    struct cli_log_boots *boots; /* shared by instances; NULL: there is one */
    FILE *to;                    /* where they are printed */
    json_t *lines;               /* NULL: they are printed */
    bool any;                    /* a record was opened */
    bool bad;                    /* a record was not in order */
    uint8_t boot[16];
    uint64_t next;
    char line[1024];
    size_t len;
    bool too_long; /* this line */
};
/* Takes bytes of the log as they come; the last line needs its newline. */
void cli_log_open_feed(struct cli_log_open *o, const char *p, size_t len);

#endif
