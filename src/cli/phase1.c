/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/phase1.h"

#include "base/bytes.h"
#include "base/error.h"

#define MAX_ANSWER ((size_t)65536)
#define ASK_MS     20000U

static const uint8_t attested[] = "\x15mse-attest/1+http/1.1";
static const uint8_t plain[] = "\x08http/1.1";

static mse_status dial(struct mse_ratls_conn **out, const struct mse_ratls_dial *at,
                       struct mse_bytes alpn, struct mse_error *err)
{
    struct mse_ratls_dial d = *at;
    d.alpn = alpn;
    return mse_ratls_dial(out, &d, err);
}

mse_status cli_phase1_open(struct cli_phase1 *out, const struct mse_ratls_dial *at,
                           const struct mse_session_judge *judge, struct mse_error *err)
{
    const struct mse_session_client_config cfg = { .judge = *judge,
                                                   .level = 2,
                                                   .alpn = MSE_SESSION_ALPN_HTTP11 };
    *out = (struct cli_phase1) { .conn = NULL };
    mse_status st = dial(&out->conn, at, mse_bytes_of(attested, sizeof attested - 1), err);
    return st == MSE_OK ? mse_ratls_conn_attest(&out->session, out->conn, &cfg, ASK_MS, err) : st;
}

void cli_phase1_close(struct cli_phase1 *p)
{
    mse_session_free(p->session);
    mse_ratls_conn_free(p->conn);
    *p = (struct cli_phase1) { .conn = NULL };
}

static mse_status exchange(struct cli_configure_answer *out, struct mse_ratls_conn *conn,
                           const struct mse_build *ask, struct mse_error *err)
{
    struct mse_build reply;
    mse_build_heap(&reply, MAX_ANSWER);
    mse_status st = mse_build_ok(ask)
                        ? mse_ratls_conn_exchange(conn, &reply, mse_build_view(ask), ASK_MS, err)
                        : MSE_ERR_MEMORY;
    st = st == MSE_OK ? cli_configure_parse(out, mse_build_view(&reply), err) : st;
    mse_build_clear(&reply);
    return st;
}

mse_status cli_phase1_send(struct cli_configure_answer *out, struct cli_phase1 *p,
                           const struct mse_build *ask, struct mse_error *err)
{
    return exchange(out, p->conn, ask, err);
}

mse_status cli_phase1_state(struct cli_configure_answer *out, const struct mse_ratls_dial *at,
                            struct mse_bytes pinned, struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    struct mse_build ask;
    mse_status st = dial(&conn, at, mse_bytes_of(plain, sizeof plain - 1), err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&ask, MAX_ANSWER);
    cli_configure_question(&ask, at->host);
    if (pinned.len > 0 && !mse_bytes_equal(mse_ratls_conn_cert(conn), pinned)) {
        st = MSE_FAIL(err, MSE_ERR_BINDING, "configuration",
                      "%.150s presented another certificate than the enclave that was attested",
                      at->host);
    }
    st = st == MSE_OK ? exchange(out, conn, &ask, err) : st;
    mse_ratls_conn_free(conn);
    mse_build_clear(&ask);
    return st;
}
