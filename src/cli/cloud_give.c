/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud deploy, the part that trusts nobody: the enclave behind the configuration name is
 * attested at level 2 against what was made here, and only then gets keys and secrets. Whoever
 * stands between (the operator's gateway) sees TLS. */
#include <poll.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/certs.h"
#include "cli/cloud_deploy.h"
#include "cli/configure.h"
#include "cli/link.h"
#include "cli/phase1.h"
#include "cli/progress.h"
#include "cli/sealed_box.h"
#include "ratls/session.h"

#define MAX_REQUEST  ((size_t)17 * 1024 * 1024)
#define MAX_BOX      ((size_t)9 * 1024 * 1024)
#define CONNECT_MS   10000U
#define ROUTE_MS     10000 /* until the gateway must know the name */
#define TURN_MS      200
#define BUSY_TRIES   20U
#define BUSY_MS      500
#define TURNS_TO_ASK 10 /* the operator is asked less often than the enclave */

static const uint8_t session_only[] = "\x0cmse-attest/1";

static struct mse_ratls_dial config_dial(const struct deploy *d)
{
    return (struct mse_ratls_dial) { .host = d->place.config_domain_name,
                                     .port = d->place.port,
                                     .timeout_ms = CONNECT_MS };
}

/* The owner's own name may not point to the gateway yet: the configuration name does. */
static struct mse_ratls_dial public_dial(const struct deploy *d)
{
    return (struct mse_ratls_dial) { .host = d->manifest.san,
                                     .address = d->place.config_domain_name,
                                     .port = d->place.port,
                                     .alpn = mse_bytes_of(session_only, sizeof session_only - 1),
                                     .timeout_ms = CONNECT_MS };
}

static mse_status copy_bytes(struct cli_file *out, struct mse_bytes in)
{
    out->data = malloc(in.len + 1);
    if (out->data == NULL) {
        return MSE_ERR_MEMORY;
    }
    memcpy(out->data, in.data, in.len);
    out->len = in.len;
    return MSE_OK;
}

/* ---- what is expected ---- */

static enum cli_exit expect(struct deploy *d)
{
    struct cli_judge *j = &d->judge;
    j->policy.require_level = j->policy.require_level < 2 ? 2 : j->policy.require_level;
    if (!cli_has(d->c, "insecure-skip-fingerprint")) {
        memcpy(j->fingerprint, d->fingerprint, 32);
        j->has_fingerprint = true;
    }
    enum cli_exit e = cli_judge_signer(j, d->c, d->place.config_domain_name, NULL);
    return e == CLI_DONE ? cli_judge_expect(j, d->c) : e;
}

static enum cli_exit not_reached(const struct deploy *d, const char *host,
                                 const struct mse_error *err)
{
    (void)cli_trouble(d->c, "the enclave cannot be reached at %s:%u: %s", host, d->place.port,
                      err->text[0] != '\0' ? err->text : mse_status_text(err->status));
    cli_hint(d->c, "the name has to lead to the operator's gateway: its DNS, or a firewall here");
    return CLI_TROUBLE;
}

/* The certificate that the name presents, as soon as the gateway knows it. Nothing of it is
 * believed: it says which collateral is needed. */
static enum cli_exit choose_collateral(struct deploy *d)
{
    struct cli_link l;
    struct mse_ratls_cert cert;
    struct mse_bytes evidence = { NULL, 0 };
    struct mse_error err = { 0 };
    mse_status st = MSE_ERR_IO;
    for (int left = ROUTE_MS; left > 0; left -= TURN_MS) {
        err = (struct mse_error) { .status = MSE_OK };
        st = cli_link_open(&l, d->place.config_domain_name, d->place.port, CONNECT_MS, &err);
        if (st == MSE_OK || deploy_interrupted()) {
            break;
        }
        (void)poll(NULL, 0, TURN_MS);
    }
    if (deploy_interrupted()) {
        return CLI_TROUBLE;
    }
    if (st != MSE_OK) {
        return not_reached(d, d->place.config_domain_name, &err);
    }
    if (mse_ratls_read(&cert, cli_file_view(&l.der), NULL) == MSE_OK) {
        evidence = cert.quote;
    }
    cli_judge_choose(&d->choice, &d->judge, d->c, evidence, NULL);
    cli_link_close(&l);
    return CLI_DONE;
}

/* ---- judging ---- */

static struct mse_session_judge judge_of(const struct deploy *d, const char *host)
{
    return (struct mse_session_judge) { .policy = &d->judge.policy,
                                        .collateral = d->choice.collateral,
                                        .at = d->judge.at,
                                        .host = host,
                                        .manifest = mse_build_view(&d->manifest_json) };
}

/* st: of the session. Prints what was refused. */
static enum cli_exit judge(struct deploy *d, const struct mse_session *s, mse_status st,
                           const struct mse_error *err)
{
    const struct mse_verdict *found = s == NULL ? NULL : mse_session_verdict(s);
    if (found == NULL) {
        return cli_link_failed(d->c, st, err);
    }
    struct mse_verdict *v = malloc(sizeof *v);
    if (v == NULL) {
        return cli_trouble(d->c, "out of memory");
    }
    *v = *found;
    cli_judge_floor(v, &d->judge);
    bool good = st == MSE_OK && v->accepted;
    if (!good) {
        cli_refusal(d->c, v, &d->judge);
    } else {
        d->simulated = v->simulated;
        if (v->tee == MSE_TEE_SGX) {
            mse_hex_encode(d->signer, mse_bytes_of(v->report.mr_signer, 32));
        }
    }
    free(v);
    return good ? CLI_DONE : CLI_REFUSED;
}

/* ---- phase 1 ---- */

static mse_status make_request(struct deploy *d, struct mse_build *ask, struct mse_error *err)
{
    struct mse_build box;
    mse_status st = MSE_OK;
    bool plain = d->manifest.package == MSE_PACKAGE_PLAIN;
    mse_build_heap(&box, MAX_BOX);
    if (d->to_seal.len > 0 && !d->has_enclave) {
        st = MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "secrets",
                      "the enclave names no key that secrets could be sealed to");
    } else if (d->to_seal.len > 0) {
        st = cli_seal(&box, cli_file_view(&d->to_seal), d->enclave, err);
    }
    const struct cli_configuration k = {
        .uuid = d->manifest.app_id,
        .key = mse_bytes_of(d->key, plain ? 0 : sizeof d->key),
        .secrets = cli_file_view(&d->secrets),
        .sealed = mse_build_view(&box),
        .ssl_key = cli_file_view(&d->ssl_key),
        .ssl_chain = cli_file_view(&d->tls.chain),
    };
    st = st == MSE_OK ? cli_configure_request(ask, d->place.config_domain_name, d->token, &k, err)
                      : st;
    mse_build_clear(&box);
    return st;
}

static const char *advice(const struct cli_configure_answer *a)
{
    if (strcmp(a->error, "token") == 0 || a->status == 409) {
        return "somebody else may have configured it: deploy again";
    }
    if (strncmp(a->error, "package", 7) == 0) {
        return "the operator may have damaged the package on its way: deploy again";
    }
    if (strncmp(a->error, "tls_key", 7) == 0 || strcmp(a->field, "ssl_certificate_chain") == 0) {
        return "look at private_key and certificate of [cloud.ssl]";
    }
    return "docs/protocol.md, \"Configuration\", says what is checked";
}

static enum cli_exit refused_by_enclave(const struct deploy *d,
                                        const struct cli_configure_answer *a)
{
    cli_error(d->c, "the enclave refused the configuration: %s%s%s (%u)",
              a->error[0] == '\0' ? "no reason given" : a->error, a->field[0] == '\0' ? "" : " in ",
              a->field, a->status);
    cli_hint(d->c, "%s", advice(a));
    return CLI_REFUSED;
}

/* The session was accepted: what follows goes to the enclave that it ends in. */
static enum cli_exit send(struct deploy *d, struct cli_phase1 *p)
{
    struct mse_error err = { 0 };
    struct mse_build ask;
    struct cli_configure_answer a = { .status = 0 };
    const struct mse_ratls_claims *claims = mse_session_claims(p->session);
    d->has_enclave = claims != NULL && claims->x25519.len == sizeof d->enclave;
    if (d->has_enclave) {
        memcpy(d->enclave, claims->x25519.data, sizeof d->enclave);
    }
    mse_build_heap(&ask, MAX_REQUEST);
    mse_status st = copy_bytes(&d->config_cert, mse_ratls_conn_cert(p->conn));
    st = st == MSE_OK ? make_request(d, &ask, &err) : st;
    d->asked = st == MSE_OK;
    st = st == MSE_OK ? cli_phase1_send(&a, p, &ask, &err) : st;
    mse_build_clear(&ask);
    if (st != MSE_OK) {
        return cli_failed(d->c, st, &err);
    }
    d->given = a.status == 200;
    return d->given ? CLI_DONE : refused_by_enclave(d, &a);
}

/* One that is busy is asked again; so is one that is not reached, as another gateway than the one
 * that answered before may not know the name yet. */
static mse_status open_session(struct cli_phase1 *p, const struct deploy *d, struct mse_error *err)
{
    const struct mse_ratls_dial at = config_dial(d);
    const struct mse_session_judge j = judge_of(d, at.host);
    mse_status st = MSE_ERR_BUSY;
    for (unsigned tries = 0; tries < BUSY_TRIES && !deploy_interrupted(); tries++) {
        if (tries > 0) {
            cli_phase1_close(p);
            (void)poll(NULL, 0, BUSY_MS);
        }
        *err = (struct mse_error) { .status = MSE_OK };
        st = cli_phase1_open(p, &at, &j, err);
        if (st != MSE_ERR_BUSY && p->conn != NULL) {
            break;
        }
    }
    return st;
}

enum cli_exit deploy_give(struct deploy *d)
{
    struct mse_error err = { 0 };
    struct cli_phase1 p = { .conn = NULL };
    enum cli_exit e = expect(d);
    e = e == CLI_DONE ? choose_collateral(d) : e;
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = open_session(&p, d, &err);
    if (st != MSE_OK && p.conn == NULL) {
        return not_reached(d, d->place.config_domain_name, &err);
    }
    e = judge(d, p.session, st, &err);
    if (e == CLI_DONE) {
        cli_say(d->c,
                "Attested at level 2: this session ends in an enclave that runs exactly this");
        e = deploy_interrupted() ? CLI_TROUBLE : send(d, &p);
    }
    cli_phase1_close(&p);
    return e;
}

/* ---- until it is healthy ---- */

/* What the enclave says; only the holder of the attested key is listened to. *over: it runs. */
static enum cli_exit ask_enclave(struct deploy *d, bool *over)
{
    struct mse_error err = { 0 };
    struct cli_configure_answer a = { .status = 0 };
    const struct mse_ratls_dial at = config_dial(d);
    mse_status st = cli_phase1_state(&a, &at, cli_file_view(&d->config_cert), &err);
    *over = st == MSE_OK && strcmp(a.state, "Running") == 0;
    if (st == MSE_ERR_BINDING) {
        cli_error(d->c, "%s", err.text);
        cli_hint(d->c, "the enclave was replaced, or somebody is in the middle; what was sent went "
                       "to the attested one alone");
        return CLI_REFUSED;
    }
    if (st == MSE_OK && strcmp(a.state, "Waiting") == 0) {
        cli_error(d->c, "the package could not be installed: %s; the enclave waits again",
                  a.error[0] == '\0' ? "no reason given" : a.error);
        cli_hint(d->c, "the operator may have damaged it on its way: deploy again");
        d->given = false;
        return CLI_REFUSED;
    }
    if (st == MSE_OK && strcmp(a.state, "Failed") == 0) {
        (void)cli_trouble(d->c, "the app does not start");
        cli_hint(d->c, "mse cloud logs %s shows what it said", d->manifest.app_id);
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

/* What the operator says, only to give up earlier. */
static enum cli_exit ask_operator(struct deploy *d)
{
    struct cloud_app a;
    enum cli_exit e = cloud_app_get(&d->k, &a, d->manifest.app_id);
    if (e == CLI_DONE && !cloud_app_lives(&a)) {
        e = cli_trouble(d->c, "the app has ended: %s%s%s", a.status,
                        a.detail[0] == '\0' ? "" : ": ", a.detail);
        cli_hint(d->c, "mse cloud logs %s shows what it said", a.id);
    }
    return e;
}

enum cli_exit deploy_wait_healthy(struct deploy *d)
{
    struct cli_progress p;
    mse_time deadline = (mse_time)time(NULL) + (mse_time)d->timeout_s;
    bool over = false;
    enum cli_exit e = CLI_DONE;
    cli_progress_begin(&p, d->c, "Waiting for the app to be healthy");
    for (unsigned turn = 0; e == CLI_DONE && !over; turn++) {
        e = ask_enclave(d, &over);
        if (e == CLI_DONE && !over && turn % TURNS_TO_ASK == TURNS_TO_ASK - 1) {
            e = ask_operator(d);
        }
        if (e != CLI_DONE || over) {
            break;
        }
        cli_progress_step(&p, 0, 0);
        (void)poll(NULL, 0, TURN_MS);
        if (deploy_interrupted()) {
            e = CLI_TROUBLE;
        } else if ((mse_time)time(NULL) >= deadline) {
            e = cli_trouble(d->c, "the app was not healthy within %u minutes", d->timeout_s / 60);
            cli_hint(d->c, "--timeout MIN waits longer");
        }
    }
    cli_progress_end(&p);
    return e;
}

/* ---- the public name ---- */

/* The route may be a moment younger than the app's health. */
static mse_status dial_public(struct mse_ratls_conn **out, const struct deploy *d,
                              struct mse_error *err)
{
    const struct mse_ratls_dial at = public_dial(d);
    mse_status st = MSE_ERR_IO;
    for (int left = ROUTE_MS; left > 0 && !deploy_interrupted(); left -= TURN_MS) {
        *err = (struct mse_error) { .status = MSE_OK };
        st = mse_ratls_dial(out, &at, err);
        if (st == MSE_OK) {
            break;
        }
        (void)poll(NULL, 0, TURN_MS);
    }
    return st;
}

/* What clients are to trust of the certificate that the session attested. */
static mse_status keep_public(struct deploy *d, const struct mse_ratls_cert *cert,
                              struct mse_error *err)
{
    struct mse_bytes der = { NULL, 0 };
    mse_status st = cli_trusted(&der, cert, err);
    return st == MSE_OK ? copy_bytes(&d->public_cert, der) : st;
}

enum cli_exit deploy_attest_public(struct deploy *d)
{
    struct mse_ratls_conn *conn = NULL;
    struct mse_session *s = NULL;
    struct mse_error err = { 0 };
    const struct mse_session_judge j = judge_of(d, d->manifest.san);
    const struct mse_session_client_config cfg = { .judge = j, .level = 2 };
    mse_status st = dial_public(&conn, d, &err);
    if (st != MSE_OK) {
        return deploy_interrupted() ? CLI_TROUBLE : not_reached(d, d->manifest.san, &err);
    }
    st = mse_ratls_conn_attest(&s, conn, &cfg, CONNECT_MS, &err);
    enum cli_exit e = judge(d, s, st, &err);
    if (e == CLI_DONE && strcmp(d->mode, "self") == 0) {
        st = keep_public(d, mse_session_cert_borrow(s), &err);
        e = st == MSE_OK ? e : cli_failed(d->c, st, &err);
    }
    mse_session_free(s);
    mse_ratls_conn_free(conn);
    return e;
}
