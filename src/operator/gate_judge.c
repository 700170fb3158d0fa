/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_judge.h. */
#include "operator/gate_judge.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "conf/policy_toml.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "operator/msed.h"
#include "ratls/connect.h"

#define SMALL_FILE ((size_t)1024 * 1024)
#define PATIENCE   5000U

static mse_status read_policy(struct mse_policy *out, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, path, SMALL_FILE, err);
    st = st == MSE_OK ? mse_policy_parse_toml(out, path, cli_file_view(&f), err) : st;
    cli_file_clear(&f);
    return st;
}

static mse_status read_signer(uint8_t mr_signer[32], const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_privkey *key = NULL;
    mse_status st = cli_file_read(&f, path, SMALL_FILE, err);
    st = st == MSE_OK ? mse_privkey_from_pem(&key, cli_file_view(&f), err) : st;
    st = st == MSE_OK ? msed_mrsigner(mr_signer, key, err) : st;
    mse_privkey_free(key);
    cli_file_wipe(&f);
    return st;
}

/* Nothing but enclaves of our signer on our simulated platform. */
static mse_status simulated_policy(struct gate_judge *j, const struct mse_op_config *c,
                                   struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct mse_policy *p = &j->policy;
    char *root = cli_join(c->node.platform, "root.pem");
    mse_status st = root == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "policy", "out of memory")
                                 : cli_file_read(&f, root, SMALL_FILE, err);
    mse_policy_default(p);
    st = st == MSE_OK ? mse_simulation_root_of_pem(p->simulation_root, cli_file_view(&f), err) : st;
    cli_file_clear(&f);
    free(root);
    p->allow_simulation = true;
    p->simulation_only = true;
    p->num_references = 1;
    p->references[0].has_mr_signer = true;
    return st == MSE_OK ? read_signer(p->references[0].mr_signer, c->signer_key, err) : st;
}

mse_status gate_judge_open(struct gate_judge *out, const struct mse_op_config *c,
                           struct mse_error *err)
{
    struct gate_judge j = { .collateral = c->gateway.collateral };
    mse_status st = MSE_OK;
    if (c->gateway.policy != NULL) {
        st = read_policy(&j.policy, c->gateway.policy, err);
    } else if (c->node.platform != NULL) {
        st = simulated_policy(&j, c, err);
    } else {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "gateway",
                      "operator mode wants [gateway] policy, by which enclaves are judged");
    }
    if (st == MSE_OK && j.collateral == NULL && c->node.platform != NULL) {
        j.own_path = cli_join(c->node.platform, "collateral.json");
        j.collateral = j.own_path;
    }
    if (st == MSE_OK && j.collateral == NULL) {
        st =
            MSE_FAIL(err, MSE_ERR_CONFIG, "gateway",
                     "operator mode wants [gateway] collateral, as mse collateral fetch writes it");
    }
    j.policy.require_level = 2;
    if (st == MSE_OK) {
        *out = j;
    }
    return st;
}

void gate_judge_clear(struct gate_judge *j)
{
    free(j->own_path);
    *j = (struct gate_judge) { .collateral = NULL };
}

static mse_status attest(const struct gate_judge *j, struct mse_ratls_conn *conn,
                         const struct mse_collateral *collateral, const char *name,
                         struct mse_error *err)
{
    struct mse_session *session = NULL;
    const struct mse_session_client_config cfg = {
        .judge = { .policy = &j->policy,
                   .collateral = collateral,
                   .at = (mse_time)time(NULL),
                   .host = name },
        .level = 2,
    };
    mse_status st = mse_ratls_conn_attest(&session, conn, &cfg, PATIENCE, err);
    mse_session_free(session);
    return st;
}

static mse_status check_at(const struct gate_judge *j, const struct mse_ratls_dial *d,
                           const struct mse_collateral *collateral, uint8_t pin[32],
                           struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    struct mse_ratls_cert cert;
    mse_status st = mse_ratls_dial(&conn, d, err);
    st = st == MSE_OK ? attest(j, conn, collateral, d->host, err) : st;
    st = st == MSE_OK ? mse_ratls_read(&cert, mse_ratls_conn_cert(conn), err) : st;
    st = st == MSE_OK ? mse_sha256(pin, cert.spki) : st;
    mse_ratls_conn_free(conn);
    return st;
}

mse_status gate_judge_check(const struct gate_judge *j, const struct gate_route *r, uint8_t pin[32],
                            struct mse_error *err)
{
    static const uint8_t alpn[] = "\x0cmse-attest/1";
    char address[INET6_ADDRSTRLEN];
    struct cli_file f = { 0 };
    struct mse_bundle bundle;
    bool v6 = r->address.any.sa_family == AF_INET6;
    const void *raw = v6 ? (const void *)&r->address.v6.sin6_addr : &r->address.v4.sin_addr;
    const struct mse_ratls_dial d = {
        .host = r->name,
        .address = inet_ntop(r->address.any.sa_family, raw, address, sizeof address),
        .port = ntohs(v6 ? r->address.v6.sin6_port : r->address.v4.sin_port),
        .alpn = mse_bytes_of(alpn, sizeof alpn - 1),
        .timeout_ms = PATIENCE,
        .greeting = mse_proxy2_local(r->proxy_protocol),
    };
    mse_status st = cli_file_read(&f, j->collateral, MSE_BUNDLE_MAX_LEN, err);
    uint8_t *scratch = malloc(2 * f.len + 1);
    if (st == MSE_OK && scratch == NULL) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "collateral", "out of memory");
    }
    st = st == MSE_OK ? mse_bundle_parse(&bundle, scratch, 2 * f.len, cli_file_view(&f), err) : st;
    st = st == MSE_OK ? check_at(j, &d, &bundle.collateral, pin, err) : st;
    free(scratch);
    cli_file_clear(&f);
    return st;
}
