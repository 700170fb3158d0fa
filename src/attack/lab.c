/* SPDX-License-Identifier: Apache-2.0 */
/* See lab.h. */
#include "attack/lab.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/connect.h"
#include "ratls/identity.h"
#include "ratls/session.h"

#define MAX_CERTS ((size_t)64 * 1024)
#define DAY       ((mse_time)24 * 3600)

/* ---- enclaves of the platform ---- */

mse_status attack_quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    const struct attack_enclave *e = arg;
    struct mse_sim_report r = e->report;
    struct mse_build b;
    memcpy(r.report_data, report_data, sizeof r.report_data);
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_sim_quote(e->platform, &b, &r, err);
    if (st == MSE_OK) {
        *out_len = b.len;
    }
    return st;
}

mse_status attack_enclave_new(struct attack_enclave *e, const struct attack_lab *l,
                              const char *name, mse_time not_after, struct mse_error *err)
{
    const struct mse_ratls_identity_params p = {
        .quote = attack_quote,
        .quote_arg = e,
        .name = name,
        .not_before = l->t->at - 30 * DAY,
        .not_after = not_after,
        .manifest = mse_bytes_of(l->manifest_sha256, sizeof l->manifest_sha256),
    };
    e->platform = l->platform;
    mse_build_heap(&e->cert, MAX_CERTS);
    mse_status st = mse_privkey_generate_p256(&e->key);
    return st == MSE_OK ? mse_ratls_issue(&e->cert, e->key, &p, err) : st;
}

void attack_enclave_clear(struct attack_enclave *e)
{
    if (!e->key_borrowed) {
        mse_privkey_free(e->key);
    }
    mse_build_clear(&e->cert);
}

mse_status attack_answer(struct mse_build *out, struct attack_enclave *e,
                         const struct attack_lab *l, const struct mse_middle_question *q,
                         enum mse_ratls_role role)
{
    uint8_t root[32];
    struct mse_build evidence;
    struct mse_frame_response r = { .has_audit = q->request.fresh };
    struct mse_session_words w = {
        .role = role,
        .nonce = mse_bytes_of(q->request.nonce.bytes, sizeof q->request.nonce.bytes),
        .manifest_sha256 = mse_bytes_of(l->manifest_sha256, sizeof l->manifest_sha256),
        .key_origin = MSE_KEY_ORIGIN_ENCLAVE,
    };
    mse_status st = mse_nonces_root(root, &q->request.nonce, 1);
    st = st == MSE_OK ? mse_nonces_path(&r.audit, &q->request.nonce, 1, 0) : st;
    if (role == MSE_ROLE_SERVER_FRESH) {
        w.nonce = mse_bytes_of(root, sizeof root);
    } else if (role == MSE_ROLE_APP) {
        w.app_data = w.nonce;
        w.nonce = mse_bytes_of(NULL, 0);
    } else {
        w.exporter = mse_bytes_of(q->exporter, sizeof q->exporter);
    }
    st = st == MSE_OK ? mse_privkey_spki_sha256(e->key, w.spki_sha256) : st;
    mse_build_heap(&evidence, MSE_SESSION_EVIDENCE_MAX);
    st = st == MSE_OK ? mse_session_evidence_make(&evidence, &w, attack_quote, e, NULL) : st;
    if (st == MSE_OK) {
        r.evidence = mse_build_view(&evidence);
        r.manifest = mse_bytes_of(l->manifest.data, q->request.manifest ? l->manifest.len : 0);
        st = mse_frame_response_write(out, &r);
    }
    mse_build_clear(&evidence);
    return st;
}

mse_status attack_forward(struct mse_build *out, const struct attack_lab *l, bool live,
                          struct mse_bytes question)
{
    static const uint8_t alpn[] = "\x0cmse-attest/1";
    struct mse_ratls_conn *conn = NULL;
    struct mse_error ignored = { .status = MSE_OK };
    const struct mse_ratls_dial d = { .host = l->t->host,
                                      .address = live ? NULL : "127.0.0.1",
                                      .port = live ? l->t->port : mse_middle_port(l->twin_server),
                                      .alpn = mse_bytes_of(alpn, sizeof alpn - 1),
                                      .timeout_ms = l->t->timeout_ms };
    mse_status st = mse_ratls_dial(&conn, &d, &ignored);
    if (st == MSE_OK) {
        st = mse_ratls_conn_exchange(conn, out, question, l->t->timeout_ms, &ignored);
        mse_ratls_conn_free(conn);
    }
    return st;
}

/* ---- the live app ---- */

/* What the kit takes for the app: the enclave that answers now, on the platform of the user. */
static mse_status note_app(struct attack_lab *l, const struct mse_session *s, struct mse_error *err)
{
    const struct mse_verdict *v = mse_session_verdict(s);
    const struct mse_sgx_report *r = &v->report;
    struct mse_reference *ref = &l->policy.references[0];
    if (v->tee != MSE_TEE_SGX || !v->simulated || !v->has_pck) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "attack", "the app runs on no simulated platform");
    }
    l->report = (struct mse_sim_report) { .isv_prod_id = r->isv_prod_id,
                                          .isv_svn = r->isv_svn,
                                          .attr_flags = r->attr_flags };
    memcpy(l->report.mr_enclave, r->mr_enclave, sizeof l->report.mr_enclave);
    memcpy(l->report.mr_signer, r->mr_signer, sizeof l->report.mr_signer);
    l->machine.len = sizeof v->pck.ppid;
    memcpy(l->machine.id, v->pck.ppid, sizeof v->pck.ppid);
    l->policy.insecure_any_app = false;
    l->policy.num_references = 1;
    memset(ref, 0, sizeof *ref);
    ref->has_mr_enclave = ref->has_mr_signer = true;
    memcpy(ref->mr_enclave, r->mr_enclave, sizeof ref->mr_enclave);
    memcpy(ref->mr_signer, r->mr_signer, sizeof ref->mr_signer);
    mse_build_heap(&l->manifest, MSE_SESSION_FRAME_MAX);
    mse_wr_bytes(&l->manifest, mse_session_manifest(s));
    return mse_sha256(l->manifest_sha256, mse_session_manifest(s));
}

static mse_status read_live(struct attack_lab *l, struct mse_error *err)
{
    struct mse_ratls_conn *conn = NULL;
    mse_status st = mse_ratls_connect(&conn, l->t->host, l->t->port, l->t->timeout_ms, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&l->live_cert, MAX_CERTS);
    mse_wr_bytes(&l->live_cert, mse_ratls_conn_cert(conn));
    mse_ratls_conn_free(conn);
    st = mse_build_ok(&l->live_cert) ? mse_ratls_read(&l->live, mse_build_view(&l->live_cert), err)
                                     : MSE_ERR_NO_SPACE;
    l->not_after = l->live.not_after;
    return st;
}

/* An honest client of each level, before anything else: what these refuse is no app to attack. */
static mse_status look_at_app(struct attack_lab *l, struct mse_error *err)
{
    struct attack_view *v = calloc(1, sizeof *v);
    struct mse_session *s = NULL;
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "attack", "out of memory");
    }
    *v = (struct attack_view) {
        .lab = l, .port = l->t->port, .policy = *l->t->policy, .at = l->t->at
    };
    v->policy.insecure_any_app = true;
    v->policy.require_level = 2;
    struct mse_error e = { .status = MSE_OK };
    mse_status st = attack_attest(&s, v, 2, &e);
    if (st == MSE_OK) {
        st = note_app(l, s, err);
    } else if (st == MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED) {
        st = MSE_FAIL(err, MSE_ERR_ARGUMENT, "attack", "the app does not run on this platform");
    } else {
        *err = e;
    }
    mse_session_free(s);
    free(v);
    return st == MSE_OK ? read_live(l, err) : st;
}

/* ---- the keys that are out ---- */

static mse_status twin_answer(void *arg, struct mse_build *out, const struct mse_middle_question *q)
{
    struct attack_lab *l = arg;
    return attack_answer(out, &l->twin, l, q,
                         q->request.fresh ? MSE_ROLE_SERVER_FRESH : MSE_ROLE_SERVER_SESSION);
}

static mse_status start_twin(struct attack_lab *l, struct mse_error *err)
{
    l->twin.report = l->report;
    mse_status st = attack_enclave_new(&l->twin, l, l->t->host, l->not_after, err);
    const struct mse_middle_config c = { .key = l->twin.key,
                                         .cert = mse_build_view(&l->twin.cert),
                                         .alpn = MSE_SESSION_ALPN,
                                         .answer = twin_answer,
                                         .arg = l };
    return st == MSE_OK ? mse_middle_start(&l->twin_server, &c, err) : st;
}

static mse_status take_key(struct attack_lab *l, struct mse_error *err)
{
    uint8_t buf[512];
    struct mse_build spki;
    l->leaked.platform = l->platform;
    l->leaked.report = l->report;
    mse_build_heap(&l->leaked.cert, MAX_CERTS);
    if (l->t->key_pem.len == 0) {
        l->leaked.key = l->twin.key;
        l->leaked.key_borrowed = true;
        mse_wr_bytes(&l->leaked.cert, mse_build_view(&l->twin.cert));
        return MSE_OK;
    }
    mse_build_fixed(&spki, buf, sizeof buf);
    mse_status st = mse_privkey_from_pem(&l->leaked.key, l->t->key_pem, err);
    st = st == MSE_OK ? mse_privkey_spki(l->leaked.key, &spki) : st;
    if (st == MSE_OK && !mse_bytes_equal(mse_build_view(&spki), l->live.spki)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "attack",
                        "the leaked key is not that of the app's certificate");
    }
    l->leaked_is_live = true;
    mse_wr_bytes(&l->leaked.cert, mse_build_view(&l->live_cert));
    return st;
}

mse_status attack_lab_open(struct attack_lab *l, const struct mse_attack_target *t,
                           struct mse_error *err)
{
    l->t = t;
    l->policy = *t->policy;
    mse_status st = mse_sim_load(&l->platform, t->platform, err);
    st = st == MSE_OK ? look_at_app(l, err) : st;
    st = st == MSE_OK ? start_twin(l, err) : st;
    return st == MSE_OK ? take_key(l, err) : st;
}

void attack_lab_close(struct attack_lab *l)
{
    mse_middle_stop(l->twin_server);
    attack_enclave_clear(&l->leaked);
    attack_enclave_clear(&l->twin);
    mse_build_clear(&l->manifest);
    mse_build_clear(&l->live_cert);
    mse_sim_free(l->platform);
}
