/* SPDX-License-Identifier: Apache-2.0 */
/* mse verify: appraises whatever evidence it is given, and says what it found. */
#include <mse/appraiser.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app_evidence.h"
#include "cli/ear.h"
#include "cli/judge.h"
#include "cli/level1.h"
#include "cli/target.h"
#include "cli/tlog_judge.h"
#include "ratls/profile.h"
#include "ratls/shape.h"

/* One target that is being judged. */
struct one {
    const struct cli *c;
    struct cli_judge *judge;
    struct cli_target target;
    struct cli_level1 level1; /* with --level-1-from, in the place of a connection */
    struct cli_finding found;
    struct cli_choice choice;
    const struct cli_file *ear_key;     /* empty without --ear */
    const struct cli_app_evidence *app; /* what an app is to have asked for */
    struct mse_appraiser *appraiser;    /* of several targets; NULL: there is one only */
    const struct mse_collateral *known; /* its copy of the choice */
};

/* Several targets often share their collateral and their platforms. */
static const struct mse_collateral *known_collateral(struct one *o)
{
    const struct mse_collateral *k = o->choice.collateral;
    if (o->appraiser == NULL ||
        mse_appraiser_collateral(o->appraiser, &o->known, k, NULL) != MSE_OK) {
        return k;
    }
    return o->known;
}

static bool is_level1(const struct one *o)
{
    return o->level1.c != NULL;
}

static mse_status judge_evidence(struct one *o, struct mse_error *err)
{
    const struct cli_target *t = &o->target;
    struct cli_judge *j = o->judge;
    struct mse_verdict *v = &o->found.verdict;
    if (is_level1(o)) {
        const struct mse_bytes none = { 0 };
        cli_level1_judge(&o->level1, &o->found, &o->choice, j, t->host, none);
        cli_judge_floor(v, j);
        return MSE_OK;
    }
    cli_judge_choose(&o->choice, j, o->c, cli_target_evidence(t), &t->bundle.collateral);
    const struct mse_collateral *k = known_collateral(o);
    mse_status st = MSE_OK;
    if (t->host != NULL) {
        struct mse_bytes none = { 0 };
        st = cli_link_judge(&o->target.link, &o->found, j, k, none, err);
        if (st != MSE_OK) {
            return st;
        }
    } else if (t->kind == CLI_TARGET_EVIDENCE) {
        cli_app_evidence_judge(o->app, v, t, k, j);
    } else if (t->der.len > 0 && t->kind != CLI_TARGET_CRL) {
        st = mse_ratls_appraise(v, &o->found.cert, &o->found.binding, t->der, t->host, k,
                                &j->policy, j->at, err);
    } else if (t->kind == CLI_TARGET_HCL) {
        st = mse_appraise_hcl(v, t->quote, k, &j->policy, j->at, err);
    } else if (t->kind == CLI_TARGET_NITRO) {
        o->choice.source = "the document itself";
        st = mse_appraise_nitro(v, t->quote, &j->policy, j->at, err);
    } else if (mse_shape_of(t->quote) == MSE_SHAPE_SNP_REPORT) {
        st = mse_appraise_snp(v, t->quote, k, &j->policy, j->at, err);
    } else if (t->quote.len > 0) {
        st = mse_appraise_quote(v, t->quote, k, &j->policy, j->at, err);
    } else {
        return MSE_ERR_NO_EVIDENCE;
    }
    cli_judge_floor(v, j);
    if (o->target.link.session == NULL) {
        mse_verdict_set_level(v, 0, &j->policy);
    }
    (void)st; /* it is in the verdict */
    return MSE_OK;
}

/* Whatever was judged: the demand of logs was taken out of the policy, and is met here only. */
static mse_status appraise(struct one *o, struct mse_error *err)
{
    mse_status st = judge_evidence(o, err);
    if (st == MSE_OK) {
        cli_log_judge(&o->found.verdict, o->judge);
    }
    return st;
}

static bool has_cert(const struct one *o)
{
    return o->found.cert.quote.len > 0;
}

/* MRSIGNER that an older bundle claims for itself; empty if it says nothing. */
static void claimed_signer(char hex[65], const struct one *o)
{
    uint8_t mr[32];
    hex[0] = '\0';
    struct mse_bytes pem = o->target.bundle.signer_pk;
    if (o->target.kind == CLI_TARGET_BUNDLE && pem.len > 0 &&
        mse_mrsigner_of_public_key(mr, pem, NULL) == MSE_OK) {
        mse_hex_encode(hex, mse_bytes_of(mr, 32));
    }
}

static const char *binding_text(const struct one *o)
{
    bool bare = o->found.verdict.accepted && o->target.der.len == 0;
    return bare ? "a quote or report alone says nothing of any connection"
                : cli_binding_text(&o->found.verdict);
}

static const char *kind_text(const struct one *o)
{
    return is_level1(o) ? "fresh evidence from an operator's API"
                        : cli_target_kind_text(&o->target);
}

static json_t *to_json(const struct one *o)
{
    char claim[65];
    char soon[96];
    json_t *v = cli_verdict_json(&o->found.verdict);
    (void)json_object_set_new(v, "binding_text", json_string(binding_text(o)));
    claimed_signer(claim, o);
    (void)json_object_set_new(v, "target", json_string(o->target.name));
    (void)json_object_set_new(v, "kind", json_string(kind_text(o)));
    (void)json_object_set_new(v, "collateral_source",
                              o->choice.source == NULL ? json_null()
                                                       : json_string(o->choice.source));
    (void)json_object_set_new(v, "signer_source",
                              o->judge->has_signer ? json_string(o->judge->signer_source)
                                                   : json_null());
    (void)json_object_set_new(v, "fingerprint_source",
                              o->judge->fingerprint_source == NULL
                                  ? json_null()
                                  : json_string(o->judge->fingerprint_source));
    if (o->target.host != NULL) {
        cli_pin_json(v, o->judge);
    }
    cli_log_judge_json(v, o->judge);
    if (has_cert(o)) {
        (void)json_object_set_new(v, "certificate_form",
                                  json_string(mse_ratls_form_name(o->found.cert.form)));
        (void)json_object_set_new(v, "binding",
                                  json_string(mse_ratls_binding_name(o->found.binding)));
    }
    if (is_level1(o)) {
        (void)json_object_set_new(v, "level_1_from", json_string(cli_value(o->c, "level-1-from")));
    } else if (o->target.host != NULL) {
        (void)json_object_set_new(v, "attested_session", json_boolean(o->target.link.attested));
    }
    if (o->app->asked) {
        char data[2 * 64 + 1] = "";
        mse_hex_encode(data, o->target.claims.app_data);
        (void)json_object_set_new(v, "app_data", json_string(data));
    }
    if (o->target.padding > 0) {
        (void)json_object_set_new(v, "padding", json_integer((json_int_t)o->target.padding));
    }
    if (cli_ends_soon(soon, &o->found.verdict, o->judge->at)) {
        (void)json_object_set_new(v, "warning", json_string(soon));
    }
    if (claim[0] != '\0') {
        (void)json_object_set_new(v, "signer_claimed_by_sender", json_string(claim));
    }
    return v;
}

static void print_text(const struct one *o)
{
    const struct cli *c = o->c;
    char claim[65];
    char soon[96];
    size_t cap = (size_t)64 * 1024;
    char *text = malloc(cap);
    claimed_signer(claim, o);
    cli_say(c, "target: %s (%s)", o->target.name, kind_text(o));
    if (o->target.padding > 0) {
        cli_say(c, "note: %zu zero bytes behind the quote were left out", o->target.padding);
    }
    if (o->app->asked) {
        cli_app_evidence_say(c, &o->target);
    }
    if (claim[0] != '\0') {
        cli_say(c,
                "note: the bundle names the signer %s: the sender's claim, not a reference value",
                claim);
    }
    cli_say(c, "collateral: %s", o->choice.source == NULL ? "none" : o->choice.source);
    if (has_cert(o)) {
        cli_say(c, "certificate: %s; its key: %s", mse_ratls_form_name(o->found.cert.form),
                mse_ratls_binding_name(o->found.binding));
    }
    if (text != NULL && mse_verdict_to_text(text, cap, &o->found.verdict) == MSE_OK) {
        (void)printf("%s", text);
    }
    if (o->found.verdict.signatures_ok) {
        cli_pin_say(c, o->judge, o->found.verdict.fingerprint);
        cli_log_judge_say(c, o->judge);
    }
    if (cli_ends_soon(soon, &o->found.verdict, o->judge->at)) {
        cli_say(c, "warning: %s", soon);
    }
    if (o->found.verdict.accepted) {
        cli_say(c, "binding level %u means: %s", o->found.verdict.binding_level, binding_text(o));
        if (is_level1(o)) {
            cli_say(c, "note: %s", CLI_LEVEL1_NOTE);
        }
    }
    free(text);
}

/* In the place of a verdict, so that the array has one member for each target. */
static void append_failure(const struct cli *c, const char *name, json_t *out)
{
    json_t *v = json_object();
    (void)json_object_set_new(v, "target", json_string(name));
    (void)json_object_set_new(v, "accepted", json_false());
    (void)json_object_set_new(v, "error", json_copy(json_object_get(c->failure, "error")));
    (void)json_object_set_new(v, "hints", json_copy(json_object_get(c->failure, "hints")));
    (void)json_array_append_new(out, v);
}

static enum cli_exit write_ear(const struct one *o)
{
    struct mse_bytes leaf = o->target.der;
    struct mse_bytes ca;
    (void)!mse_ratls_split(&leaf, &ca, o->target.der);
    struct cli_ear_subject s = { .verdict = &o->found.verdict,
                                 .host = o->target.host,
                                 .evidence = has_cert(o) ? o->found.cert.quote : o->target.quote,
                                 .certificate = leaf };
    return cli_ear_write(o->c, o->judge, o->ear_key, &s);
}

/* The verdict is there: printed, signed if that is wanted. */
static enum cli_exit report(const struct one *o, json_t *out)
{
    enum cli_exit e = o->found.verdict.accepted ? CLI_DONE : CLI_REFUSED;
    if (o->c->json) {
        (void)json_array_append_new(out, to_json(o));
    } else {
        print_text(o);
    }
    if (e == CLI_REFUSED) {
        cli_refusal(o->c, &o->found.verdict, o->judge);
    }
    return write_ear(o) == CLI_DONE ? e : CLI_TROUBLE;
}

/* What is pinned for the host that this is; other evidence belongs to nobody. */
static enum cli_exit join_pin(struct one *o)
{
    const struct cli_target *t = &o->target;
    if (t->host == NULL) {
        return CLI_DONE;
    }
    enum cli_exit e = cli_judge_pin(o->judge, o->c, t->host, t->link.port);
    return e == CLI_DONE ? cli_judge_expect(o->judge, o->c) : e;
}

/* The operator's API is asked about the host, and the host is not. */
static enum cli_exit open_level1(struct one *o)
{
    struct cli_target *t = &o->target;
    const struct cli *c = o->c;
    if (c->num_args > 1) {
        return cli_trouble(c, "--level-1-from is about one app, and there are %zu targets",
                           c->num_args);
    }
    if (o->app->asked || cli_has(c, "ear-signer")) {
        return cli_trouble(c, "--level-1-from does not go with --%s",
                           o->app->asked ? "app-data" : "ear-signer");
    }
    if (strcmp(t->name, "-") == 0 || cli_file_exists(t->name) ||
        !cli_split_host(t->host_text, sizeof t->host_text, &t->link.port, t->name, 443)) {
        (void)cli_trouble(c, "%.150s is no HOST[:PORT], about which --level-1-from would ask",
                          t->name);
        cli_hint(c, "--level-1-from https://OPERATOR/apps/UUID says whom to ask, TARGET is the "
                    "app's own name");
        return CLI_TROUBLE;
    }
    t->host = t->host_text;
    t->kind = CLI_TARGET_CERTIFICATE;
    enum cli_exit e = cli_level1_ask(&o->level1, c, cli_value(c, "level-1-from"), NULL);
    t->der = o->level1.der;
    return e == CLI_DONE ? join_pin(o) : e;
}

static enum cli_exit judge_level1(struct one *o, json_t *out)
{
    enum cli_exit e = open_level1(o);
    if (e != CLI_DONE) {
        return e;
    }
    (void)!appraise(o, NULL); /* it is in the verdict */
    return report(o, out);
}

static enum cli_exit judge_target(struct one *o, json_t *out)
{
    const struct cli *c = o->c;
    const char *name = o->target.name;
    struct mse_error err = { 0 };
    if (cli_has(c, "level-1-from")) {
        return judge_level1(o, out);
    }
    mse_status st = cli_target_open(&o->target, c, name, &err);
    if (st != MSE_OK) {
        bool evidence = st == MSE_ERR_UNSUPPORTED_TEE || o->target.file.len > 0;
        (void)cli_target_failed(c, name, st, &err);
        return evidence ? CLI_REFUSED : CLI_TROUBLE;
    }
    if (o->target.kind == CLI_TARGET_EAR && o->judge->log != NULL) {
        return cli_trouble(c, "%s is an attestation result: a log is asked for evidence only",
                           name);
    }
    if (o->target.kind == CLI_TARGET_EAR) {
        return cli_ear_judge(c, o->judge, &o->target, out);
    }
    if (cli_has(c, "ear-signer")) {
        return cli_trouble(c, "%s is no attestation result, for which --ear-signer is (%s)", name,
                           cli_target_kind_text(&o->target));
    }
    enum cli_exit fits = cli_app_evidence_fits(o->app, c, &o->target);
    fits = fits == CLI_DONE ? join_pin(o) : fits;
    if (fits != CLI_DONE) {
        return fits;
    }
    st = appraise(o, &err);
    if (st != MSE_OK && o->target.host != NULL) {
        return cli_link_failed(c, st, &err);
    }
    if (st != MSE_OK) {
        cli_error(c, "%s holds no evidence (%s); mse show decodes it", name,
                  cli_target_kind_text(&o->target));
        return CLI_TROUBLE;
    }
    return report(o, out);
}

/* The target of that name, judged as all others; *out gets its JSON if that is wanted. */
static enum cli_exit verify_one(const struct one *all, const char *name, json_t *out)
{
    const struct cli *c = all->c;
    struct one *o = calloc(1, sizeof *o);
    struct cli_judge *common = malloc(sizeof *common); /* without what is pinned for this one */
    size_t before = json_array_size(out);
    if (o == NULL || common == NULL) {
        free(common);
        free(o);
        return cli_trouble(c, "out of memory");
    }
    *common = *all->judge;
    *o = *all;
    o->target.name = name;
    if (common->log != NULL) { /* what is pinned for this one may join */
        all->judge->log = cli_log_judge_copy(common->log);
    }
    enum cli_exit e = common->log != NULL && all->judge->log == NULL
                          ? cli_trouble(c, "out of memory")
                          : judge_target(o, out);
    bool judged = json_array_size(out) > before;
    if (c->json && json_object_get(c->failure, "error") != NULL && !judged) {
        append_failure(c, name, out);
    }
    (void)json_object_del(c->failure, "error"); /* the array has it */
    (void)json_array_clear(json_object_get(c->failure, "hints"));
    mse_appraiser_release(o->known);
    cli_choice_clear(&o->choice);
    cli_target_close(&o->target);
    cli_level1_clear(&o->level1);
    common->own = all->judge->own; /* with what it has opened */
    cli_log_judge_free(all->judge->log);
    *all->judge = *common;
    free(common);
    free(o);
    return e;
}

static enum cli_exit verify_all(struct cli *c, const struct one *all)
{
    json_t *out = json_array();
    enum cli_exit worst = CLI_DONE;
    for (size_t i = 0; i < c->num_args; i++) {
        if (i > 0) {
            cli_say(c, "%s", "");
        }
        enum cli_exit e = verify_one(all, c->args[i], out);
        worst = e > worst ? e : worst;
    }
    if (c->json && json_array_size(out) > 0) {
        cli_json(c, json_incref(c->num_args == 1 ? json_array_get(out, 0) : out));
    }
    json_decref(out);
    return worst;
}

enum cli_exit cmd_verify(struct cli *c)
{
    struct cli_app_evidence app;
    struct cli_file ear_key = { 0 };
    struct cli_judge *j = calloc(1, sizeof *j);
    struct one *all = calloc(1, sizeof *all); /* what all targets have in common */
    enum cli_exit e = cli_app_evidence_read(&app, c);
    e = j == NULL || all == NULL ? CLI_TROUBLE : e;
    e = e == CLI_DONE ? cli_ear_options(c) : e;
    e = e == CLI_DONE ? cli_ear_key(&ear_key, c) : e;
    e = e == CLI_DONE ? cli_judge_init(j, c) : e;
    e = e == CLI_DONE ? cli_log_judge_init(j, c, NULL) : e;
    e = e == CLI_DONE ? cli_judge_fingerprint(j, c) : e;
    e = e == CLI_DONE ? cli_judge_signer(j, c, NULL, NULL) : e;
    e = e == CLI_DONE ? cli_judge_expect(j, c) : e;
    if (e == CLI_DONE) {
        struct mse_appraiser *appraiser = c->num_args > 1 ? mse_appraiser_new(NULL) : NULL;
        *all = (struct one) {
            .c = c, .judge = j, .ear_key = &ear_key, .app = &app, .appraiser = appraiser
        };
        e = verify_all(c, all);
        mse_appraiser_free(appraiser);
    }
    if (j != NULL) {
        cli_judge_clear(j);
    }
    cli_ear_key_clear(&ear_key);
    cli_app_evidence_clear(&app);
    free(all);
    free(j);
    return e;
}
