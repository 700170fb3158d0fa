/* SPDX-License-Identifier: Apache-2.0 */
/* The clients that are attacked: the same functions that `mse verify` and the library use. */
#include <poll.h>
#include <string.h>

#include "attack/lab.h"
#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "ratls/connect.h"

#define LEAST_WAIT_MS 100U

static const uint8_t offered[] = "\x0cmse-attest/1\x08http/1.1";

static mse_status dial(struct mse_ratls_conn **out, const struct attack_view *v,
                       struct mse_error *err)
{
    const struct mse_ratls_dial d = { .host = v->lab->t->host,
                                      .address = v->address,
                                      .port = v->port,
                                      .alpn = mse_bytes_of(offered, sizeof offered - 1),
                                      .timeout_ms = v->lab->t->timeout_ms };
    return mse_ratls_dial(out, &d, err);
}

/* Level 0; where more is wanted and offered, that is judged next. */
static mse_status judge_certificate(const struct attack_view *v, const struct mse_ratls_conn *conn,
                                    uint8_t level, bool attested, struct mse_error *err)
{
    struct mse_verdict *verdict = malloc(sizeof *verdict);
    struct mse_policy *policy = malloc(sizeof *policy);
    mse_status st = MSE_ERR_MEMORY;
    if (verdict != NULL && policy != NULL) {
        *policy = v->policy;
        policy->num_allowed_machines = attested ? policy->num_allowed_machines : 0;
        policy->require_level = attested ? 0 : level;
        st = mse_ratls_appraise(verdict, NULL, NULL, mse_ratls_conn_cert(conn), v->lab->t->host,
                                v->lab->t->collateral, policy, v->at, err);
        if (st == MSE_OK) {
            mse_verdict_set_level(verdict, 0, policy);
            st = mse_verdict_tell(verdict, err);
        }
    }
    free(policy);
    free(verdict);
    return st;
}

static mse_status ask(struct mse_session **out, const struct attack_view *v,
                      struct mse_ratls_conn *conn, uint8_t level, struct mse_error *err)
{
    const struct mse_session_client_config c = {
        .judge = { .policy = &v->policy,
                   .collateral = v->lab->t->collateral,
                   .at = v->at,
                   .host = v->lab->t->host },
        .level = level,
    };
    return mse_ratls_conn_attest(out, conn, &c, v->lab->t->timeout_ms, err);
}

static mse_status attest_once(struct mse_session **out, const struct attack_view *v, uint8_t level,
                              struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    mse_status st = dial(&conn, v, err);
    if (st != MSE_OK) {
        return st;
    }
    bool attested = mse_bytes_is_str(mse_ratls_conn_alpn(conn), MSE_SESSION_ALPN);
    st = judge_certificate(v, conn, level, attested, err);
    if (st == MSE_OK && attested) {
        st = ask(out, v, conn, level, err);
    }
    mse_ratls_conn_free(conn);
    return st;
}

mse_status attack_attest(struct mse_session **out, const struct attack_view *v, uint8_t level,
                         struct mse_error *err)
{
    int64_t deadline = mse_clock_ms() + (int64_t)v->lab->t->timeout_ms;
    for (;;) {
        struct mse_error e = { .status = MSE_OK };
        *out = NULL;
        mse_status st = attest_once(out, v, level, &e);
        uint32_t wait = st == MSE_ERR_BUSY ? mse_session_retry_ms(*out) : 0;
        wait = wait < LEAST_WAIT_MS ? LEAST_WAIT_MS : wait;
        if (st != MSE_ERR_BUSY || mse_clock_ms() + (int64_t)wait >= deadline) {
            *err = e;
            return st;
        }
        mse_session_free(*out);
        (void)poll(NULL, 0, (int)wait);
    }
}

static mse_status level_0(const struct attack_view *v, struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    mse_status st = dial(&conn, v, err);
    if (st == MSE_OK) {
        st = judge_certificate(v, conn, 0, false, err);
        mse_ratls_conn_free(conn);
    }
    return st;
}

static mse_status session(const struct attack_view *v, uint8_t level, struct mse_error *err)
{
    struct attack_view *w = malloc(sizeof *w);
    struct mse_session *s = NULL;
    if (w == NULL) {
        return MSE_ERR_MEMORY;
    }
    *w = *v;
    w->policy.num_allowed_machines = level > 2 ? 1 : 0;
    w->policy.require_level = level;
    mse_status st = attack_attest(&s, w, level > 2 ? 2 : level, err);
    mse_session_free(s);
    free(w);
    return st;
}

mse_status attack_client(const struct attack_view *v, enum mse_attack_client client,
                         char why[MSE_ATTACK_WHY_LEN])
{
    const struct mse_attack_target *t = v->lab->t;
    struct mse_error err = { .status = MSE_OK };
    char plain[MSE_PLAIN_WHY_LEN];
    mse_status st = MSE_OK;
    if (client == MSE_ATTACK_CACERT) {
        st = mse_plain_check(t->host, v->address != NULL ? v->address : t->host, v->port, v->pinned,
                             plain);
        (void)snprintf(why, MSE_ATTACK_WHY_LEN, "%s", plain);
        return st;
    }
    st = client == MSE_ATTACK_LEVEL_0 ? level_0(v, &err)
                                      : session(v, (uint8_t)(client - MSE_ATTACK_LEVEL_0), &err);
    const char *text = err.text[0] != '\0' ? err.text : mse_status_text(st);
    (void)snprintf(why, MSE_ATTACK_WHY_LEN, "%s", st == MSE_OK ? "" : text);
    return st;
}
