/* SPDX-License-Identifier: Apache-2.0 */
/* See attack.h. The table says of each attack who is in the middle, what he answers with, and what
 * every kind of client has to make of it. */
#include "attack/attack.h"

#include <string.h>

#include "attack/lab.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/check.h"
#include "ratls/make.h"
#include "ratls/session.h"

#define DAY       ((mse_time)24 * 3600)
#define MAX_CERT  ((size_t)64 * 1024)
#define ELSEWHERE "elsewhere.mse.localhost"

/* One attack that is going on. */
struct stage {
    struct attack_lab *lab;
    struct attack_enclave own;    /* what the attacker made himself */
    struct attack_enclave *front; /* what he presents; NULL: clients reach the app itself */
    struct mse_build recorded[2]; /* answers of levels 1 and 2 */
    struct attack_view view;
};

typedef mse_status prepare_fn(struct stage *s, struct mse_error *err);
typedef mse_status answer_fn(void *arg, struct mse_build *out, const struct mse_middle_question *q);

struct recipe {
    struct mse_attack attack;
    prepare_fn *prepare;
    answer_fn *answer; /* NULL: offers no attested session */
};

/* ---- with a key of his own ---- */

/* A certificate for the app's name, with this in the place of evidence. */
static mse_status own_certificate(struct stage *s, struct mse_bytes evidence,
                                  struct mse_bytes legacy_quote, struct mse_error *err)
{
    const struct mse_ratls_cert_params p = { .key = s->own.key,
                                             .dns_name = s->lab->t->host,
                                             .not_before = s->lab->t->at - DAY,
                                             .not_after = s->lab->t->at + DAY,
                                             .evidence = evidence,
                                             .no_evidence = evidence.len == 0,
                                             .legacy_quote = legacy_quote };
    s->front = &s->own;
    mse_build_heap(&s->own.cert, MAX_CERT);
    return mse_ratls_cert_make(&s->own.cert, &p, err);
}

static mse_status bare_certificate(struct stage *s, struct mse_error *err)
{
    const struct mse_bytes none = { NULL, 0 };
    mse_status st = mse_privkey_generate_p256(&s->own.key);
    return st == MSE_OK ? own_certificate(s, none, none, err) : st;
}

/* Appends the quote of the app with these claims beside it. */
static mse_status requote(struct mse_build *out, const struct stage *s, struct mse_bytes claims)
{
    return mse_ratls_evidence_make(out, s->lab->live.quote, claims);
}

static mse_status copied_quote(struct stage *s, struct mse_error *err)
{
    const struct mse_bytes none = { NULL, 0 };
    struct mse_build evidence;
    mse_build_heap(&evidence, MAX_CERT);
    mse_status st = mse_privkey_generate_p256(&s->own.key);
    st = st == MSE_OK ? requote(&evidence, s, s->lab->live.claims_raw) : st;
    st = st == MSE_OK ? own_certificate(s, mse_build_view(&evidence), none, err) : st;
    mse_build_clear(&evidence);
    return st;
}

/* Claims that name the attacker's key, beside the app's quote. */
static mse_status own_claims(struct mse_build *out, const struct stage *s)
{
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC,
                                         .manifest = mse_bytes_of(s->lab->manifest_sha256, 32) };
    mse_status st = mse_privkey_spki_sha256(s->own.key, p.spki_sha256);
    return st == MSE_OK ? mse_ratls_claims_make(out, &p) : st;
}

static mse_status stripped_binding(struct stage *s, struct mse_error *err)
{
    const struct mse_bytes none = { NULL, 0 };
    uint8_t buf[1024];
    struct mse_build claims;
    struct mse_build evidence;
    mse_build_fixed(&claims, buf, sizeof buf);
    mse_build_heap(&evidence, MAX_CERT);
    mse_status st = mse_privkey_generate_p256(&s->own.key);
    st = st == MSE_OK ? own_claims(&claims, s) : st;
    st = st == MSE_OK ? requote(&evidence, s, mse_build_view(&claims)) : st;
    st = st == MSE_OK ? own_certificate(s, mse_build_view(&evidence), none, err) : st;
    mse_build_clear(&evidence);
    return st;
}

/* Evidence that nobody can use, and an older extension beside it that would pass. */
static mse_status downgraded_evidence(struct stage *s, struct mse_error *err)
{
    static const uint8_t foreign[] = { 0xd9, 0xea, 0x61, 0x80 }; /* 60001([]) */
    uint8_t report_data[64] = { 0 };
    size_t len = 0;
    uint8_t *quote = malloc(MSE_SESSION_QUOTE_MAX);
    s->own.platform = s->lab->platform;
    s->own.report = s->lab->report;
    mse_status st = quote == NULL ? MSE_ERR_MEMORY : mse_privkey_generate_p256(&s->own.key);
    st = st == MSE_OK ? mse_privkey_spki_sha256(s->own.key, report_data) : st;
    st = st == MSE_OK ? attack_quote(&s->own, quote, MSE_SESSION_QUOTE_MAX, &len, report_data, err)
                      : st;
    st = st == MSE_OK ? own_certificate(s, mse_bytes_of(foreign, sizeof foreign),
                                        mse_bytes_of(quote, len), err)
                      : st;
    free(quote);
    return st;
}

/* ---- with an enclave of his own, on the same platform ---- */

static mse_status own_enclave(struct stage *s, const char *name, mse_time not_after,
                              struct mse_error *err)
{
    s->front = &s->own;
    return attack_enclave_new(&s->own, s->lab, name, not_after, err);
}

static mse_status other_code(struct stage *s, struct mse_error *err)
{
    s->own.report = s->lab->report;
    s->own.report.mr_enclave[0] ^= 1;
    return own_enclave(s, s->lab->t->host, s->lab->not_after, err);
}

static mse_status other_signer(struct stage *s, struct mse_error *err)
{
    s->own.report = s->lab->report;
    s->own.report.mr_signer[0] ^= 1;
    return own_enclave(s, s->lab->t->host, s->lab->not_after, err);
}

static mse_status debug_enclave(struct stage *s, struct mse_error *err)
{
    s->own.report = s->lab->report;
    s->own.report.attr_flags |= MSE_SGX_FLAG_DEBUG;
    return own_enclave(s, s->lab->t->host, s->lab->not_after, err);
}

static mse_status other_name(struct stage *s, struct mse_error *err)
{
    s->own.report = s->lab->report;
    return own_enclave(s, ELSEWHERE, s->lab->not_after, err);
}

static mse_status expired_certificate(struct stage *s, struct mse_error *err)
{
    s->own.report = s->lab->report;
    mse_status st = own_enclave(s, s->lab->t->host, s->lab->t->at - DAY, err);
    s->view.pinned = mse_build_view(&s->own.cert);
    return st;
}

/* ---- with the key of an enclave that the clients accept ---- */

static mse_status leaked_key(struct stage *s, struct mse_error *err)
{
    (void)err;
    s->front = &s->lab->leaked;
    s->view.pinned = mse_build_view(&s->lab->leaked.cert);
    return MSE_OK;
}

/* That of the one instance, while the other is asked. */
static mse_status twins_key(struct stage *s, struct mse_error *err)
{
    (void)err;
    s->front = &s->lab->twin;
    s->view.pinned = mse_build_view(&s->lab->twin.cert);
    return MSE_OK;
}

/* The answers of both levels, as they came to questions of the attacker's own. */
static mse_status recorded_answers(struct stage *s, struct mse_error *err)
{
    mse_status st = leaked_key(s, err);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(s->recorded); i++) {
        struct mse_frame_request q = { .fresh = i == 0, .manifest = true };
        uint8_t buf[MSE_FRAME_HEAD + MSE_FRAME_REQUEST_MAX];
        struct mse_build b;
        mse_build_fixed(&b, buf, sizeof buf);
        mse_build_heap(&s->recorded[i], MSE_FRAME_HEAD + MSE_SESSION_FRAME_MAX);
        st = mse_random(q.nonce.bytes, sizeof q.nonce.bytes);
        st = st == MSE_OK ? mse_frame_request_write(&b, &q) : st;
        st = st == MSE_OK ? attack_forward(&s->recorded[i], s->lab, s->lab->leaked_is_live,
                                           mse_build_view(&b))
                          : st;
    }
    return st;
}

/* ---- with nothing but the way to the app ---- */

static mse_status foreign_machine(struct stage *s, struct mse_error *err)
{
    (void)err;
    s->view.policy.allowed_machines[0].id[0] ^= 1; /* a list that this machine is not on */
    return MSE_OK;
}

static mse_status unknown_root(struct stage *s, struct mse_error *err)
{
    struct mse_policy *p = &s->view.policy;
    (void)err;
    p->allow_simulation = false;
    memset(p->simulation_root, 0, sizeof p->simulation_root);
    memset(p->simulation_root_sha256, 0, sizeof p->simulation_root_sha256);
    return MSE_OK;
}

/* The clients' collateral is of a day that is long over. */
static mse_status old_collateral(struct stage *s, struct mse_error *err)
{
    (void)err;
    s->view.at += 366 * DAY;
    return MSE_OK;
}

/* ---- answers ---- */

static mse_status answer_as_enclave(void *arg, struct mse_build *out,
                                    const struct mse_middle_question *q)
{
    struct stage *s = arg;
    return attack_answer(out, s->front, s->lab, q,
                         q->request.fresh ? MSE_ROLE_SERVER_FRESH : MSE_ROLE_SERVER_SESSION);
}

static mse_status answer_with_apps_quote(void *arg, struct mse_build *out,
                                         const struct mse_middle_question *q)
{
    struct stage *s = arg;
    return attack_answer(out, s->front, s->lab, q, MSE_ROLE_APP);
}

static mse_status forward(void *arg, struct mse_build *out, const struct mse_middle_question *q)
{
    const struct stage *s = arg;
    return attack_forward(out, s->lab, s->lab->leaked_is_live, q->frame);
}

static mse_status forward_to_app(void *arg, struct mse_build *out,
                                 const struct mse_middle_question *q)
{
    const struct stage *s = arg;
    return attack_forward(out, s->lab, true, q->frame);
}

static mse_status forward_fresh(void *arg, struct mse_build *out,
                                const struct mse_middle_question *q)
{
    const struct stage *s = arg;
    struct mse_frame_request r = q->request;
    uint8_t buf[MSE_FRAME_HEAD + MSE_FRAME_REQUEST_MAX];
    struct mse_build b;
    r.fresh = true;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_status st = mse_frame_request_write(&b, &r);
    return st == MSE_OK ? attack_forward(out, s->lab, s->lab->leaked_is_live, mse_build_view(&b))
                        : st;
}

static mse_status forward_half(void *arg, struct mse_build *out,
                               const struct mse_middle_question *q)
{
    mse_status st = forward(arg, out, q);
    out->len /= 2;
    return st;
}

static mse_status replay(void *arg, struct mse_build *out, const struct mse_middle_question *q)
{
    const struct stage *s = arg;
    mse_wr_bytes(out, mse_build_view(&s->recorded[q->request.fresh ? 0 : 1]));
    return mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
}

/* The evidence of the certificate, once more. */
static mse_status answer_with_certificate(void *arg, struct mse_build *out,
                                          const struct mse_middle_question *q)
{
    const struct stage *s = arg;
    struct mse_ratls_cert c;
    struct mse_build evidence;
    struct mse_frame_response r = { .has_audit = q->request.fresh,
                                    .manifest = mse_build_view(&s->lab->manifest) };
    mse_build_heap(&evidence, MAX_CERT);
    mse_status st = mse_ratls_read(&c, mse_build_view(&s->front->cert), NULL);
    st = st == MSE_OK ? mse_ratls_evidence_make(&evidence, c.quote, c.claims_raw) : st;
    st = st == MSE_OK ? mse_nonces_path(&r.audit, &q->request.nonce, 1, 0) : st;
    if (st == MSE_OK) {
        r.evidence = mse_build_view(&evidence);
        st = mse_frame_response_write(out, &r);
    }
    mse_build_clear(&evidence);
    return st;
}

/* ---- the table ---- */

#define TLS MSE_ERR_CERTIFICATE_SIGNATURE
#define ALL(status)                                                                                \
    {                                                                                              \
        TLS, status, status, status, status                                                        \
    }
#define ALL_BUT_TLS(status)                                                                        \
    {                                                                                              \
        MSE_OK, status, status, status, status                                                     \
    }
#define FROM_1(status)                                                                             \
    {                                                                                              \
        MSE_OK, MSE_OK, status, status, status                                                     \
    }
#define FROM_2(status)                                                                             \
    {                                                                                              \
        MSE_OK, MSE_OK, MSE_OK, status, status                                                     \
    }

/* clang-format off */
static const struct recipe recipes[] = {
    { { "other-certificate", "somebody with a certificate of his own for the name",
        ALL(MSE_ERR_NO_EVIDENCE) }, bare_certificate, NULL },
    { { "copied-quote", "the same, with the app's evidence copied into it",
        ALL(MSE_ERR_BINDING) }, copied_quote, forward_to_app },
    { { "stripped-binding", "the same, with claims beside the quote that name his key",
        ALL(MSE_ERR_CLAIMS_HASH) }, stripped_binding, forward_to_app },
    { { "downgraded-evidence", "an older extension that would pass, beside evidence nobody knows",
        ALL(MSE_ERR_UNSUPPORTED_EVIDENCE_TAG) }, downgraded_evidence, NULL },
    { { "other-fingerprint", "an enclave with other code",
        ALL(MSE_ERR_MRENCLAVE_MISMATCH) }, other_code, answer_as_enclave },
    { { "other-signer", "an enclave that somebody else released",
        ALL(MSE_ERR_MRSIGNER_MISMATCH) }, other_signer, answer_as_enclave },
    { { "debug-enclave", "the app's code in a debug enclave, which its operator can read",
        ALL(MSE_ERR_DEBUG) }, debug_enclave, answer_as_enclave },
    { { "other-name", "an enclave of the app's code that serves another name",
        ALL(MSE_ERR_CERTIFICATE_NAME) }, other_name, answer_as_enclave },
    { { "expired-certificate", "an enclave of the app's code whose certificate is over",
        ALL(MSE_ERR_CERTIFICATE_EXPIRED) }, expired_certificate, answer_as_enclave },
    { { "unknown-root", "nobody; the app runs on a platform whose root is not pinned",
        ALL_BUT_TLS(MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED) }, unknown_root, NULL },
    { { "old-collateral", "nobody; what the clients know of the platform is a year old",
        ALL_BUT_TLS(MSE_ERR_PCK_CRL_EXPIRED) }, old_collateral, NULL },
    { { "stale-certificate", "the key and an old certificate; the enclave is gone",
        FROM_1(MSE_ERR_LEVEL) }, leaked_key, NULL },
    { { "replayed-nonce", "the same, with answers that were recorded",
        FROM_1(MSE_ERR_SESSION_NONCE) }, recorded_answers, replay },
    { { "relayed-certificate", "the key; answers with the evidence of level 0",
        FROM_1(MSE_ERR_ROLE) }, leaked_key, answer_with_certificate },
    { { "diverted-evidence", "the key of one instance; forwards questions to another",
        FROM_1(MSE_ERR_BINDING) }, twins_key, forward_to_app },
    { { "app-evidence", "the key, and evidence that the app may ask for itself",
        FROM_1(MSE_ERR_ROLE) }, leaked_key, answer_with_apps_quote },
    { { "cut-answer", "the key; gives half of the answer",
        FROM_1(MSE_ERR_PROTOCOL) }, leaked_key, forward_half },
    { { "downgraded-alpn", "the key; says that there are no attested sessions",
        FROM_1(MSE_ERR_LEVEL) }, leaked_key, NULL },
    { { "relayed-question", "the key; forwards questions to the enclave that has it too",
        FROM_2(MSE_ERR_SESSION_EXPORTER) }, leaked_key, forward },
    { { "relayed-answer", "the same; answers every question with evidence of level 1",
        FROM_2(MSE_ERR_ROLE) }, leaked_key, forward_fresh },
    { { "other-machine", "nobody; the enclave runs on a machine that is not on the list",
        { MSE_OK, MSE_OK, MSE_OK, MSE_OK, MSE_ERR_MACHINE_NOT_ALLOWED } }, foreign_machine, NULL },
};
/* clang-format on */

const struct mse_attack *mse_attack_at(size_t i)
{
    return i < MSE_ARRAY_LEN(recipes) ? &recipes[i].attack : NULL;
}

/* ---- running ---- */

static void let_clients_connect(const struct stage *s, const struct mse_attack *a,
                                struct mse_attack_outcome *o)
{
    *o = (struct mse_attack_outcome) { .as_expected = true };
    for (unsigned i = 0; i < MSE_ATTACK_CLIENTS; i++) {
        o->seen[i] = attack_client(&s->view, (enum mse_attack_client)i, o->why[i]);
        o->as_expected = o->as_expected && o->seen[i] == a->wanted[i];
    }
}

static mse_status stage_it(struct stage *s, const struct recipe *r, struct mse_attack_outcome *o,
                           struct mse_error *err)
{
    struct mse_middle *middle = NULL;
    mse_status st = r->prepare(s, err);
    if (st == MSE_OK && s->front != NULL) {
        /* A server that knows attested sessions and denies it picks what others would. */
        const struct mse_middle_config c = { .key = s->front->key,
                                             .cert = mse_build_view(&s->front->cert),
                                             .alpn =
                                                 r->answer == NULL ? "http/1.1" : MSE_SESSION_ALPN,
                                             .answer = r->answer,
                                             .arg = s };
        st = mse_middle_start(&middle, &c, err);
        s->view.address = "127.0.0.1";
        s->view.port = middle == NULL ? 0 : mse_middle_port(middle);
    }
    if (st == MSE_OK) {
        let_clients_connect(s, &r->attack, o);
    }
    mse_middle_stop(middle);
    return st;
}

static mse_status run_one(struct attack_lab *l, const struct recipe *r, mse_attack_tell_fn *tell,
                          void *user, struct mse_error *err)
{
    struct mse_attack_outcome *o = calloc(1, sizeof *o);
    struct stage *s = calloc(1, sizeof *s);
    mse_status st = MSE_ERR_MEMORY;
    if (o != NULL && s != NULL) {
        s->lab = l;
        s->view = (struct attack_view) { .lab = l,
                                         .port = l->t->port,
                                         .pinned = mse_build_view(&l->live_cert),
                                         .policy = l->policy,
                                         .at = l->t->at };
        s->view.policy.allowed_machines[0] = l->machine;
        st = stage_it(s, r, o, err);
        attack_enclave_clear(&s->own);
        mse_build_clear(&s->recorded[0]);
        mse_build_clear(&s->recorded[1]);
    }
    if (st == MSE_OK) {
        tell(user, &r->attack, o);
    } else {
        st = MSE_FAIL(err, st, "attack", "%s cannot be staged: %s", r->attack.name,
                      mse_status_text(st));
    }
    free(s);
    free(o);
    return st;
}

mse_status mse_attack_run(const struct mse_attack_target *t, const char *name,
                          mse_attack_tell_fn *tell, void *user, struct mse_error *err)
{
    size_t first = 0;
    size_t end = MSE_ARRAY_LEN(recipes);
    while (name != NULL && first < end && strcmp(recipes[first].attack.name, name) != 0) {
        first++;
    }
    if (first == end) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "attack", "there is no attack %.60s", name);
    }
    struct attack_lab *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "attack", "out of memory");
    }
    mse_status st = attack_lab_open(l, t, err);
    end = name != NULL ? first + 1 : end;
    for (size_t i = first; st == MSE_OK && i < end; i++) {
        st = run_one(l, &recipes[i], tell, user, err);
    }
    attack_lab_close(l);
    free(l);
    return st;
}
