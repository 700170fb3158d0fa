/* SPDX-License-Identifier: Apache-2.0 */
/* mse collateral show: what a collateral file holds, how long each part lasts, and who signed it.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/collateral.h"
#include "cli/json_of.h"
#include "crypto/x509.h"
#include "evidence/vcek.h"

#define DAY ((mse_time)86400)

/* A description that is being made. */
struct writer {
    const struct mse_collateral *k;
    const struct mse_policy *policy;
    mse_time at;
    json_t *parts;
    const char *first; /* part that ends first, and when */
    mse_time first_end;
};

static void put_text(json_t *o, const char *key, struct mse_bytes text)
{
    char copy[128];
    size_t len = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    memcpy(copy, len > 0 ? (const char *)text.data : "", len);
    copy[len] = '\0';
    mse_utf8_printable(copy);
    cli_put(o, key, json_string(copy));
}

static json_t *add_part(struct writer *w, const char *name)
{
    json_t *o = json_object();
    cli_put(o, "part", json_string(name));
    (void)json_array_append_new(w->parts, o);
    return o;
}

static void put_window(struct writer *w, json_t *o, const char *name, mse_time from, mse_time until)
{
    cli_put(o, "from", cli_when(from));
    cli_put(o, "until", cli_when(until));
    cli_put(o, "days_left", json_integer((json_int_t)((until - w->at) / DAY)));
    cli_put(o, "valid", json_boolean(from <= w->at && w->at <= until));
    if (w->first == NULL || until < w->first_end) {
        w->first = name;
        w->first_end = until;
    }
}

/* Who signed: the root's name, or why nobody that is trusted did. */
static void put_signer(json_t *o, mse_status intel, mse_status simulated)
{
    bool good = intel == MSE_OK || simulated == MSE_OK;
    cli_put(o, "genuine", json_boolean(good));
    cli_put(o, "root",
            intel == MSE_OK       ? json_string("Intel")
            : simulated == MSE_OK ? json_string("pinned simulation")
                                  : json_null());
    if (!good) {
        cli_put(o, "reason", json_string(mse_status_text(intel)));
    }
}

static bool has_simulated_root(const struct writer *w)
{
    return w->policy->allow_simulation &&
           !mse_mem_is_zero(w->policy->simulation_root, sizeof w->policy->simulation_root);
}

struct signed_part {
    struct mse_bytes body;
    struct mse_bytes signature;
    struct mse_bytes chain;
    const char *member;
};

static void put_signed(const struct writer *w, json_t *o, const struct signed_part *p)
{
    mse_status sim = MSE_ERR_SIMULATION;
    mse_status intel = MSE_ERR_MALFORMED;
    if (p->signature.len == 64) {
        const uint8_t *sig = p->signature.data;
        intel = mse_verify_signed_json(p->body, sig, p->chain, p->member, mse_intel_root_point(),
                                       w->at, NULL);
        if (has_simulated_root(w)) {
            sim = mse_verify_signed_json(p->body, sig, p->chain, p->member,
                                         w->policy->simulation_root, w->at, NULL);
        }
    }
    put_signer(o, intel, sim);
}

static json_t *level_json(enum mse_tcb_status status, mse_time date, const struct mse_bytes *ids,
                          size_t num)
{
    json_t *o = json_object();
    json_t *list = json_array();
    cli_put(o, "status", json_string(mse_tcb_status_name(status)));
    cli_put(o, "date", cli_when(date));
    for (size_t i = 0; i < num; i++) {
        json_t *holder = json_object();
        put_text(holder, "id", ids[i]);
        (void)json_array_append(list, json_object_get(holder, "id"));
        json_decref(holder);
    }
    cli_put(o, "advisories", list);
    return o;
}

static void describe_tcb_info(struct writer *w)
{
    const struct signed_part p = { w->k->tcb_info, w->k->tcb_info_signature,
                                   w->k->tcb_info_issuer_chain, "tcbInfo" };
    struct mse_error err = { 0 };
    json_t *o = add_part(w, "tcb_info");
    struct mse_tcb_info *t = calloc(1, sizeof *t);
    if (t == NULL || mse_tcb_info_parse(t, p.body, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        free(t);
        return;
    }
    put_window(w, o, "tcb_info", t->issue_date, t->next_update);
    cli_put(o, "tee", json_string(t->tee == MSE_TEE_TDX ? "TDX" : "SGX"));
    cli_put(o, "fmspc", cli_hex(t->fmspc, sizeof t->fmspc));
    cli_put(o, "evaluation_number", json_integer(t->tcb_evaluation_number));
    put_signed(w, o, &p);
    json_t *levels = json_array();
    for (size_t i = 0; i < t->num_levels; i++) {
        const struct mse_tcb_level *l = &t->levels[i];
        (void)json_array_append_new(
            levels, level_json(l->status, l->tcb_date, l->advisories, l->num_advisories));
    }
    cli_put(o, "levels", levels);
    free(t);
}

static void describe_identity(struct writer *w)
{
    const struct signed_part p = { w->k->qe_identity, w->k->qe_identity_signature,
                                   w->k->qe_identity_issuer_chain, "enclaveIdentity" };
    struct mse_error err = { 0 };
    json_t *o = add_part(w, "qe_identity");
    struct mse_qe_identity *q = calloc(1, sizeof *q);
    if (q == NULL || mse_qe_identity_parse(q, p.body, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        free(q);
        return;
    }
    put_window(w, o, "qe_identity", q->issue_date, q->next_update);
    cli_put(o, "tee", json_string(q->id == MSE_IDENTITY_TD_QE ? "TDX" : "SGX"));
    cli_put(o, "evaluation_number", json_integer(q->tcb_evaluation_number));
    put_signed(w, o, &p);
    json_t *levels = json_array();
    for (size_t i = 0; i < q->num_levels; i++) {
        const struct mse_identity_level *l = &q->levels[i];
        json_t *one = level_json(l->status, l->tcb_date, l->advisories, l->num_advisories);
        cli_put(one, "isvsvn", json_integer(l->isv_svn));
        (void)json_array_append_new(levels, one);
    }
    cli_put(o, "levels", levels);
    free(q);
}

/* A CRL of Intel's: chain is that of its issuer, empty for the root's own. */
static mse_status verify_crl(const struct writer *w, struct mse_bytes der, struct mse_bytes chain,
                             const uint8_t *root)
{
    struct mse_fetch_config c = { .root_point = root, .at = w->at };
    struct mse_fetch_key key = { .kind = MSE_FETCH_ROOT_CRL };
    struct mse_fetched o;
    if (chain.len > 0) {
        return mse_verify_crl(der, chain, root, w->at, NULL);
    }
    mse_fetched_init(&o);
    mse_wr_bytes(&o.body, der);
    mse_status st = mse_fetched_verify(&o, &key, &c, NULL);
    mse_fetched_clear(&o);
    return st;
}

static void describe_crl(struct writer *w, const char *name, struct mse_bytes der,
                         struct mse_bytes chain)
{
    struct mse_crl_info crl;
    struct mse_error err = { 0 };
    json_t *o = add_part(w, name);
    if (mse_crl_info_parse(&crl, der, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return;
    }
    put_window(w, o, name, crl.this_update, crl.next_update);
    put_text(o, "issuer", crl.issuer_cn);
    cli_put(o, "revoked", json_integer((json_int_t)crl.num_revoked));
    if (strcmp(name, "vcek_crl") != 0) {
        mse_status intel = verify_crl(w, der, chain, mse_intel_root_point());
        put_signer(o, intel,
                   has_simulated_root(w) ? verify_crl(w, der, chain, w->policy->simulation_root)
                                         : MSE_ERR_SIMULATION);
    }
}

static void describe_vcek(struct writer *w)
{
    struct mse_cert cert;
    struct mse_vcek v;
    struct mse_error err = { 0 };
    json_t *o = add_part(w, "vcek");
    if (mse_cert_parse(&cert, w->k->vcek, &err) != MSE_OK ||
        mse_vcek_parse(&v, &cert, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return;
    }
    put_window(w, o, "vcek", cert.not_before, cert.not_after);
    put_text(o, "issuer", mse_name_common_name(cert.issuer));
    cli_put(o, "product", json_string(mse_snp_product_name(v.product)));
    cli_put(o, "hwid", cli_hex(v.hwid, v.hwid_len));
    cli_put(o, "tcb",
            json_pack("{s:i,s:i,s:i,s:i,s:i}", "fmc", v.tcb.fmc, "bl", v.tcb.bl, "tee", v.tcb.tee,
                      "snp", v.tcb.snp, "ucode", v.tcb.ucode));
}

static void describe_parts(struct writer *w)
{
    const struct mse_collateral *k = w->k;
    struct mse_bytes none = { 0 };
    if (k->tcb_info.len > 0) {
        describe_tcb_info(w);
    }
    if (k->qe_identity.len > 0) {
        describe_identity(w);
    }
    if (k->pck_crl.len > 0) {
        describe_crl(w, "pck_crl", k->pck_crl, k->pck_crl_issuer_chain);
    }
    if (k->root_ca_crl.len > 0) {
        describe_crl(w, "root_ca_crl", k->root_ca_crl, none);
    }
    if (k->vcek.len > 0) {
        describe_vcek(w);
    }
    if (k->vcek_crl.len > 0) {
        describe_crl(w, "vcek_crl", k->vcek_crl, none);
    }
}

json_t *cli_collateral_json(const struct mse_bundle *b, const struct mse_policy *policy,
                            mse_time at)
{
    struct writer w = { .k = &b->collateral, .policy = policy, .at = at, .parts = json_array() };
    json_t *o = json_object();
    describe_parts(&w);
    cli_put(o, "parts", w.parts);
    if (b->has_collected_at) {
        cli_put(o, "collected_at", cli_when(b->collected_at));
    }
    if (w.first != NULL) {
        json_t *first = json_object();
        cli_put(first, "part", json_string(w.first));
        cli_put(first, "until", cli_when(w.first_end));
        cli_put(o, "ends_first", first);
        cli_put(o, "ends_soon", json_boolean(w.first_end - at < 7 * DAY));
    }
    return o;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s == NULL ? "" : s;
}

static void say_levels(const struct cli *c, const json_t *levels)
{
    const json_t *l = NULL;
    size_t i = 0;
    json_array_foreach(levels, i, l)
    {
        size_t num = json_array_size(json_object_get(l, "advisories"));
        cli_say(c, "    level %zu: %s, of %.10s, %zu advisories", i + 1, text_of(l, "status"),
                text_of(l, "date"), num);
    }
}

static void say_part(const struct cli *c, const json_t *p)
{
    const json_t *number = json_object_get(p, "evaluation_number");
    const json_t *genuine = json_object_get(p, "genuine");
    if (json_object_get(p, "unreadable") != NULL) {
        cli_say(c, "%-12s unreadable: %s", text_of(p, "part"), text_of(p, "unreadable"));
        return;
    }
    cli_say(c, "%-12s %s to %s%s", text_of(p, "part"), text_of(p, "from"), text_of(p, "until"),
            json_is_true(json_object_get(p, "valid")) ? "" : "  NOT VALID at this time");
    if (genuine != NULL) {
        bool good = json_is_true(genuine);
        cli_say(c, "    signature: %s%s",
                good ? "genuine, root: " : "NOT TRUSTED: ", text_of(p, good ? "root" : "reason"));
    }
    if (number != NULL) {
        cli_say(c, "    %s, evaluation number %d%s%s", text_of(p, "tee"),
                (int)json_integer_value(number), text_of(p, "fmspc")[0] != '\0' ? ", FMSPC " : "",
                text_of(p, "fmspc"));
    }
    if (text_of(p, "issuer")[0] != '\0') {
        cli_say(c, "    issuer: %s", text_of(p, "issuer"));
    }
    say_levels(c, json_object_get(p, "levels"));
}

void cli_collateral_say(const struct cli *c, const json_t *description)
{
    const json_t *first = json_object_get(description, "ends_first");
    const json_t *p = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(description, "parts"), i, p)
    {
        say_part(c, p);
    }
    if (first != NULL) {
        cli_say(c, "ends first: %s, on %s%s", text_of(first, "part"), text_of(first, "until"),
                json_is_true(json_object_get(description, "ends_soon")) ? " (within 7 days)" : "");
    }
}

static bool any_untrusted(const json_t *description)
{
    const json_t *p = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(description, "parts"), i, p)
    {
        if (json_is_false(json_object_get(p, "genuine"))) {
            return true;
        }
    }
    return false;
}

enum cli_exit cmd_collateral_show(struct cli *c)
{
    struct cli_judge *j = calloc(1, sizeof *j);
    struct cli_file f = { 0 };
    struct mse_bundle b;
    uint8_t *scratch = NULL;
    struct mse_error err = { 0 };
    enum cli_exit e = j == NULL ? CLI_TROUBLE : cli_judge_init(j, c);
    if (e != CLI_DONE) {
        goto out;
    }
    mse_status st = cli_file_read(&f, c->args[0], MSE_BUNDLE_MAX_LEN, &err);
    if (st != MSE_OK) {
        e = cli_failed(c, st, &err);
        goto out;
    }
    if (cli_bundle_load(&b, &scratch, cli_file_view(&f), &err) != MSE_OK) {
        e = cli_trouble(c, "%s is no collateral file: %s", c->args[0], err.text);
        goto out;
    }
    json_t *o = cli_collateral_json(&b, &j->policy, j->at);
    if (json_array_size(json_object_get(o, "parts")) == 0) {
        e = cli_trouble(c, "%s holds no collateral", c->args[0]);
        json_decref(o);
    } else if (c->json) {
        cli_json(c, o);
    } else {
        cli_collateral_say(c, o);
        if (!j->policy.allow_simulation && any_untrusted(o)) {
            cli_hint(c, "what a simulated platform signed is trusted with --allow-simulation only");
        }
        json_decref(o);
    }
out:
    free(scratch);
    cli_file_clear(&f);
    if (j != NULL) {
        cli_judge_clear(j);
    }
    free(j);
    return e;
}
