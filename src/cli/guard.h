/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which one app is judged again and again: read from options and files, replaced as a
 * whole when these change, used by several threads. */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/app.h"
#include "cli/link.h"
#include "proxy/proxy.h"

struct cli_rules;
struct cli_guard {
    const struct cli *c;
    pthread_mutex_t
        *lock; /* one for all guards: reading files and the cache is for one at a time */
    char domain[256];
    uint16_t port;
    unsigned timeout_ms;
    const struct cli_app *context; /* NULL: none */
    const uint8_t *fingerprint;    /* what follows from it; NULL: none */
    struct cli_rules *rules;
    atomic_bool ask_logs;    /* somebody came for whom there is no proof of a log yet */
    const atomic_bool *ends; /* no log is waited for any more */
};
/* What came of a judgement, for a report. */
struct cli_guard_report {
    uint8_t fingerprint[32];
    uint8_t level;
    bool simulated;
    bool logged; /* a transparency log was demanded, and has it */
};
/* cli_guard_read reads the rules as they stand; says what is wrong itself. *out is released with
 * cli_guard_release, or given to cli_guard_set. */
enum cli_exit cli_guard_read(struct cli_rules **out, const struct cli_guard *g);
/* cli_guard_set puts them in the place of those before. */
void cli_guard_set(struct cli_guard *g, struct cli_rules *rules);
/* cli_guard_succeed is the same where there were some: what they have proofs of stays, is judged by
 * the fresh rules, and has the logs asked (ask_logs). Waits for nobody. */
void cli_guard_succeed(struct cli_guard *g, struct cli_rules *fresh);
/* cli_guard_ask_logs asks the logs for everybody who came so far; blocking. Connections are judged
 * by what it found the last time, and never wait for it. True: somebody has a proof who had none,
 * or the other way round. */
MSE_MUST_USE bool cli_guard_ask_logs(struct cli_guard *g);
void cli_guard_release(struct cli_guard *g, struct cli_rules *rules); /* accepts NULL */
void cli_guard_clear(struct cli_guard *g);
/* cli_guard_open connects and judges, at level 2 at least, over protocol (MSE_SESSION_ALPN_HTTP11
 * or _H2). MSE_OK: out->conn is the caller's, and no byte of the application has gone out. Who
 * needs a proof of a log that is not there yet is refused (MSE_ERR_LOG_MISSING), and sets ask_logs.
 * report may be NULL. Several threads may call it. */
MSE_MUST_USE mse_status cli_guard_open(struct cli_guard *g, struct mse_proxy_link *out,
                                       struct cli_guard_report *report, const char *protocol,
                                       struct mse_error *err);

#endif
