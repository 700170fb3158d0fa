/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that is to be judged: the certificate that was presented, and evidence for the very
 * session if the server offers it. */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "cli/judge.h"
#include "cmd/files.h"
#include "ratls/connect.h"

struct cli_link {
    struct mse_ratls_conn *conn; /* NULL: none */
    const char *stream;          /* the protocol with the application behind it; NULL: none */
    bool attested;               /* the server speaks mse-attest/1, or stream */
    struct cli_file der;         /* of the first connection, as mse_ratls_conn_cert gives it */
    struct mse_session *session; /* NULL: none was judged */
    const char *host;            /* borrowed */
    uint16_t port;
    unsigned timeout_ms;
};
/* cli_link_open connects and takes the certificate. Statuses as mse_ratls_connect. */
MSE_MUST_USE mse_status cli_link_open(struct cli_link *l, const char *host, uint16_t port,
                                      unsigned timeout_ms, struct mse_error *err);
/* The same for a connection that goes on after it was judged: protocol is MSE_SESSION_ALPN_HTTP11
 * or _H2, and there is no other way (MSE_ERR_SESSION_ALPN). After cli_link_judge l->conn is what
 * carries it; the caller may take it. */
MSE_MUST_USE mse_status cli_link_open_stream(struct cli_link *l, const char *host, uint16_t port,
                                             const char *protocol, unsigned timeout_ms,
                                             struct mse_error *err);
void cli_link_close(struct cli_link *l);

/* What is found: verdict, and the certificate with the evidence that the verdict is about. */
struct cli_finding {
    struct mse_verdict verdict;
    struct mse_ratls_cert cert;
    enum mse_ratls_binding binding;
};
/* cli_link_judge judges the certificate (level 0) and, if that is in order and the server offers
 * it, the session (level 2; 3 with a list of machines). A server that is busy is asked again until
 * the time is over. manifest: the one to go by, or empty. MSE_OK: the verdict says what was found;
 * else there is none: the server offered evidence for the session and did not give it. */
MSE_MUST_USE mse_status cli_link_judge(struct cli_link *l, struct cli_finding *out,
                                       const struct cli_judge *j,
                                       const struct mse_collateral *collateral,
                                       struct mse_bytes manifest, struct mse_error *err);
/* cli_link_check_app adds what a context says of the name, the manifest and the life of its app. */
struct cli_app;
void cli_link_check_app(struct cli_finding *f, const struct cli_app *a, const char *host,
                        mse_time at);
/* Says that there is no verdict, and returns the exit status. */
enum cli_exit cli_link_failed(const struct cli *c, mse_status st, const struct mse_error *err);
/* One more sentence about a level below 2; NULL if there is nothing to say. */
const char *cli_link_note(const struct cli_link *l);

#endif
