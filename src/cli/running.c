/* SPDX-License-Identifier: Apache-2.0 */
/* See running.h. */
#include "cli/running.h"

#include <sys/stat.h>

#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/link.h"
#include "cli/target.h"
#include "package/manifest.h"
#include "ratls/session.h"

static mse_status take_manifest(struct mse_build *out, struct mse_bytes text, struct mse_error *err)
{
    struct mse_manifest m = { 0 };
    mse_status st = mse_manifest_parse(&m, text, err);
    mse_manifest_clear(&m);
    if (st == MSE_OK) {
        mse_wr_bytes(out, text);
    }
    return st;
}

/* The verdict is thrown away: without collateral there is none worth having. */
static mse_status ask(struct mse_build *out, struct cli_link *l, struct mse_error *err)
{
    const struct mse_collateral none = { 0 };
    struct mse_policy policy;
    struct mse_error unused = { 0 };
    if (!l->attested) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "running app",
                        "the server at %.150s offers no attested session, so that it cannot be "
                        "asked for its manifest",
                        l->host);
    }
    mse_policy_default(&policy);
    const struct mse_session_client_config cfg = {
        .judge = { .policy = &policy,
                   .collateral = &none,
                   .at = (mse_time)time(NULL),
                   .host = l->host },
        .level = 2,
    };
    mse_status st = mse_ratls_conn_attest(&l->session, l->conn, &cfg, l->timeout_ms, &unused);
    struct mse_bytes text = { 0 };
    if (l->session != NULL) {
        text = mse_session_manifest(l->session);
    }
    if (text.len == 0) {
        return MSE_FAIL(err, st == MSE_OK ? MSE_ERR_NOT_FOUND : st, "running app",
                        "the server at %.100s gave no manifest: %s", l->host,
                        st == MSE_OK ? "it keeps it to itself" : unused.text);
    }
    return take_manifest(out, text, err);
}

bool cli_running_is(const char *name)
{
    char host[256];
    uint16_t port = 0;
    struct stat sb;
    return stat(name, &sb) != 0 && strchr(name, ':') != NULL &&
           cli_split_host(host, sizeof host, &port, name, 443);
}

mse_status cli_running_manifest(struct mse_build *out, const struct cli *c, const char *name,
                                struct mse_error *err)
{
    char host[256];
    uint16_t port = 0;
    unsigned timeout = 0;
    struct cli_link l;
    if (!cli_split_host(host, sizeof host, &port, name, 443) || !cli_timeout(&timeout, c)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "running app", "%.150s is no HOST:PORT", name);
    }
    mse_status st = cli_link_open(&l, host, port, timeout, err);
    if (st == MSE_OK) {
        st = ask(out, &l, err);
        cli_link_close(&l);
    }
    return st;
}
