/* SPDX-License-Identifier: Apache-2.0 */
/* mse collateral forecast: the evidence under the set of today and under the early one, which comes
 * with the newest TCB recovery and becomes the standard one later. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/collateral.h"
#include "cli/target.h"
#include "collateral/forecast.h"
#include "ratls/shape.h"

/* One of the two sets, and what it makes of the evidence. */
struct side {
    struct cli_collateral own;
    const struct mse_collateral *collateral;
    const char *source;
    struct mse_verdict verdict;
    bool passes;
};

struct forecast {
    const struct cli *c;
    struct cli_judge judge;
    struct cli_target target;
    struct mse_bytes evidence;
    struct side now;
    struct side early;
    struct mse_tcb_info info; /* of the early set */
    struct mse_qe_identity qe;
    struct mse_short shorts[MSE_MAX_SHORT];
    size_t num_shorts;
    struct mse_tcb_eval_numbers numbers; /* num 0: there is no list */
};

/* Intel keeps a set from being the standard one for twelve months after its TCB recovery. */
#define STANDARD_AFTER ((mse_time)365 * 86400)

/* Everything but which app it is. */
static bool passes(const struct mse_verdict *v)
{
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *k = &v->checks[i];
        if (k->step <= MSE_STEP_SIMULATION && (k->status != MSE_OK || k->skipped)) {
            return false;
        }
    }
    return v->num_checks > 0;
}

static void appraise(const struct forecast *f, struct side *s)
{
    const struct cli_judge *j = &f->judge;
    mse_status st =
        mse_appraise_quote(&s->verdict, f->evidence, s->collateral, &j->policy, j->at, NULL);
    (void)st; /* which app it is does not matter here */
    s->passes = passes(&s->verdict);
}

static enum cli_exit open_evidence(struct forecast *f)
{
    const struct cli *c = f->c;
    const char *name = cli_value(c, "quote");
    struct mse_error err = { 0 };
    if (name == NULL) {
        return cli_trouble(c, "--quote FILE is missing: the evidence to look at");
    }
    mse_status st = cli_target_open(&f->target, c, name, &err);
    if (st != MSE_OK) {
        return cli_target_failed(c, name, st, &err);
    }
    f->evidence = cli_target_evidence(&f->target);
    if (mse_shape_of(f->evidence) == MSE_SHAPE_SNP_REPORT) {
        return cli_trouble(c, "%s is a SEV-SNP report: AMD publishes no set in advance", name);
    }
    return f->evidence.len > 0
               ? CLI_DONE
               : cli_trouble(c, "%s holds no quote (%s)", name, cli_target_kind_text(&f->target));
}

/* The early set: --early, else fetched. */
static enum cli_exit load_early(struct forecast *f)
{
    const char *path = cli_value(f->c, "early");
    struct side *s = &f->early;
    struct mse_error err = { 0 };
    mse_status st = MSE_OK;
    if (path != NULL) {
        st = cli_file_read(&s->own.file, path, MSE_BUNDLE_MAX_LEN, &err);
        st = st == MSE_OK ? cli_bundle_load(&s->own.bundle, &s->own.scratch,
                                            cli_file_view(&s->own.file), &err)
                          : st;
        s->own.source = strdup(path);
    } else {
        struct mse_need need;
        st = cli_own_need(&need, &f->judge.own, f->evidence, &err);
        if (st != MSE_OK) {
            (void)cli_target_failed(f->c, f->target.name, st, &err);
            return CLI_REFUSED;
        }
        need.update = MSE_FETCH_EARLY;
        st = cli_own_get(&s->own, &f->judge.own, &need, &err);
    }
    if (st != MSE_OK) {
        (void)cli_trouble(f->c, "the early set: %s",
                          err.text[0] != '\0' ? err.text : mse_status_text(st));
        cli_hint(f->c, "mse collateral fetch --early --output FILE where there is a network, then "
                       "--early FILE here");
        return CLI_TROUBLE;
    }
    s->collateral = &s->own.bundle.collateral;
    s->source = s->own.source;
    return CLI_DONE;
}

/* Which TCB recoveries lie between the two sets: said where the list of them is at hand; with
 * --early nothing is fetched for it. */
static void load_numbers(struct forecast *f)
{
    struct cli_own *o = &f->judge.own;
    struct mse_need need;
    bool offline = o->store.offline;
    if (cli_own_need(&need, o, f->evidence, NULL) != MSE_OK) {
        return;
    }
    o->store.offline = offline || cli_has(f->c, "early");
    if (cli_own_numbers(&f->numbers, o, need.tee, NULL) != MSE_OK) {
        f->numbers.num = 0;
    }
    o->store.offline = offline;
}

static bool lies_between(const struct forecast *f, size_t i)
{
    uint32_t n = f->numbers.entries[i].number;
    return n > f->now.verdict.tcb_evaluation_number && n <= f->early.verdict.tcb_evaluation_number;
}

static void load_now(struct forecast *f, struct cli_choice *choice)
{
    const struct mse_bundle *b = &f->target.bundle;
    cli_judge_choose(choice, &f->judge, f->c, f->evidence, &b->collateral);
    f->now.collateral = choice->collateral;
    f->now.source = choice->source;
}

static bool list_shorts(struct forecast *f)
{
    const struct mse_collateral *k = f->early.collateral;
    const struct mse_verdict *v = &f->early.verdict;
    struct mse_svns svns = { .pck = v->pck, .tdx = v->tee == MSE_TEE_TDX };
    struct mse_sgx_quote sgx;
    struct mse_tdx_quote tdx;
    if (mse_tcb_info_parse(&f->info, k->tcb_info, NULL) != MSE_OK ||
        mse_qe_identity_parse(&f->qe, k->qe_identity, NULL) != MSE_OK || !v->has_pck) {
        return false;
    }
    mse_status st = svns.tdx ? mse_tdx_quote_parse_padded(&tdx, f->evidence, NULL)
                             : mse_sgx_quote_parse_padded(&sgx, f->evidence, NULL);
    if (st != MSE_OK) {
        return false;
    }
    svns.qe_isv_svn = svns.tdx ? tdx.auth.qe_report.isv_svn : sgx.auth.qe_report.isv_svn;
    memcpy(svns.tee_tcb_svn, v->td.tee_tcb_svn, sizeof svns.tee_tcb_svn);
    f->num_shorts =
        mse_forecast(f->shorts, &svns, &f->info, &f->qe, f->judge.policy.accepted_tcb_statuses);
    return true;
}

/* What Intel calls a component: "BIOS, Early Microcode Update"; empty if the set does not say. */
static void component_text(char out[160], const struct forecast *f, const struct mse_short *s)
{
    struct mse_bytes body = f->early.collateral->tcb_info;
    const char *list = s->kind == MSE_SHORT_TDX_COMPONENT ? "tdxtcbcomponents" : "sgxtcbcomponents";
    out[0] = '\0';
    if (s->kind != MSE_SHORT_TDX_COMPONENT && s->kind != MSE_SHORT_SGX_COMPONENT) {
        return;
    }
    json_t *doc = json_loadb((const char *)body.data, body.len, 0, NULL);
    const json_t *tcb =
        json_object_get(json_array_get(json_object_get(doc, "tcbLevels"), 0), "tcb");
    const json_t *one = json_array_get(json_object_get(tcb, list), s->index - 1);
    const char *category = json_string_value(json_object_get(one, "category"));
    const char *type = json_string_value(json_object_get(one, "type"));
    if (category != NULL || type != NULL) {
        (void)snprintf(out, 160, "%.70s%s%.70s", category == NULL ? "" : category,
                       category != NULL && type != NULL ? ", " : "", type == NULL ? "" : type);
        mse_utf8_printable(out);
    }
    json_decref(doc);
}

/* The part of the current set that ends first, and when. */
static const struct mse_verdict_date *first_end(const struct mse_verdict *v)
{
    const struct mse_verdict_date *first = NULL;
    for (size_t i = 0; i < v->num_dates; i++) {
        first = first == NULL || v->dates[i].until < first->until ? &v->dates[i] : first;
    }
    return first;
}

static bool is_new_advisory(const struct forecast *f, const char *id)
{
    const struct mse_verdict *v = &f->now.verdict;
    for (size_t i = 0; i < v->num_advisories; i++) {
        if (strcmp(v->advisories[i], id) == 0) {
            return false;
        }
    }
    return true;
}

static json_t *side_json(const struct side *s)
{
    const struct mse_verdict_date *end = first_end(&s->verdict);
    const struct mse_check *why = s->passes ? NULL : mse_verdict_failure(&s->verdict);
    char text[MSE_TIME_TEXT_LEN];
    json_t *o = json_object();
    (void)json_object_set_new(o, "passes", json_boolean(s->passes));
    (void)json_object_set_new(o, "tcb_status",
                              json_string(mse_tcb_status_name(s->verdict.tcb_status)));
    (void)json_object_set_new(o, "evaluation_number",
                              json_integer(s->verdict.tcb_evaluation_number));
    (void)json_object_set_new(o, "source",
                              s->source == NULL ? json_null() : json_string(s->source));
    (void)json_object_set_new(
        o, "reason", why == NULL ? json_null() : json_string(mse_status_name(why->status)));
    if (end != NULL) {
        mse_time_format(text, end->until);
        (void)json_object_set_new(o, "until", json_string(text));
        (void)json_object_set_new(o, "until_part", json_string(end->what));
    }
    return o;
}

static json_t *shorts_json(const struct forecast *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->num_shorts; i++) {
        const struct mse_short *s = &f->shorts[i];
        char text[160];
        component_text(text, f, s);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:i,s:i,s:i,s:i,s:s}", "what", mse_short_name(s->kind), "index",
                            (int)s->index, "have", (int)s->have, "want", (int)s->want, "short_by",
                            (int)(s->want - s->have), "component", text));
    }
    return list;
}

static json_t *numbers_json(const struct forecast *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->numbers.num; i++) {
        char event[MSE_TIME_TEXT_LEN];
        char tcb[MSE_TIME_TEXT_LEN];
        char standard[MSE_TIME_TEXT_LEN];
        mse_time_format(event, f->numbers.entries[i].recovery_event_date);
        mse_time_format(tcb, f->numbers.entries[i].tcb_date);
        mse_time_format(standard, f->numbers.entries[i].recovery_event_date + STANDARD_AFTER);
        if (lies_between(f, i)) {
            (void)json_array_append_new(list, json_pack("{s:i,s:s,s:s,s:s}", "evaluation_number",
                                                        (int)f->numbers.entries[i].number,
                                                        "recovery_event", event, "tcb_date", tcb,
                                                        "standard_about", standard));
        }
    }
    return list;
}

static void print_json(const struct forecast *f)
{
    json_t *o = json_object();
    json_t *advisories = json_array();
    char text[MSE_TIME_TEXT_LEN];
    for (size_t i = 0; i < f->early.verdict.num_advisories; i++) {
        const char *id = f->early.verdict.advisories[i];
        if (is_new_advisory(f, id)) {
            (void)json_array_append_new(advisories, json_string(id));
        }
    }
    mse_time_format(text, f->info.issue_date);
    (void)json_object_set_new(o, "target", json_string(f->target.name));
    (void)json_object_set_new(o, "now", side_json(&f->now));
    (void)json_object_set_new(o, "early", side_json(&f->early));
    (void)json_object_set_new(o, "early_issued", json_string(text));
    (void)json_object_set_new(o, "short", shorts_json(f));
    (void)json_object_set_new(o, "new_advisories", advisories);
    (void)json_object_set_new(o, "recoveries", numbers_json(f));
    cli_json(f->c, o);
}

static void say_side(const struct cli *c, const char *name, const struct side *s)
{
    const struct mse_verdict_date *end = first_end(&s->verdict);
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, end == NULL ? 0 : end->until);
    cli_say(c, "%s: %s: %s, evaluation number %u (%s)", name,
            s->passes ? "passes" : "does NOT pass", mse_tcb_status_name(s->verdict.tcb_status),
            s->verdict.tcb_evaluation_number, s->source == NULL ? "no collateral" : s->source);
    if (s->passes && end != NULL) {
        cli_say(c, "    this set holds until %s (%s)", text, end->what);
    }
}

static void say_shorts(const struct forecast *f)
{
    for (size_t i = 0; i < f->num_shorts; i++) {
        const struct mse_short *s = &f->shorts[i];
        char index[16] = "";
        char text[160];
        component_text(text, f, s);
        if (s->index > 0) {
            (void)snprintf(index, sizeof index, " %u", s->index);
        }
        cli_say(f->c, "short: %s%s%s%s%s: has %u, wanted %u, short by %u", mse_short_name(s->kind),
                index, text[0] != '\0' ? " (" : "", text, text[0] != '\0' ? ")" : "", s->have,
                s->want, s->want - s->have);
    }
}

static void say_numbers(const struct forecast *f)
{
    for (size_t i = 0; i < f->numbers.num; i++) {
        char event[MSE_TIME_TEXT_LEN];
        char standard[MSE_TIME_TEXT_LEN];
        mse_time_format(event, f->numbers.entries[i].recovery_event_date);
        mse_time_format(standard, f->numbers.entries[i].recovery_event_date + STANDARD_AFTER);
        if (lies_between(f, i)) {
            cli_say(f->c,
                    "TCB recovery: evaluation number %u, of %.10s; the standard one from about "
                    "%.10s on",
                    f->numbers.entries[i].number, event, standard);
        }
    }
}

static void print_text(const struct forecast *f)
{
    const struct cli *c = f->c;
    say_side(c, "now", &f->now);
    say_side(c, "early", &f->early);
    say_numbers(f);
    say_shorts(f);
    for (size_t i = 0; i < f->early.verdict.num_advisories; i++) {
        const char *id = f->early.verdict.advisories[i];
        if (is_new_advisory(f, id)) {
            cli_say(c, "new advisory: %s", id);
        }
    }
    if (f->early.passes) {
        cli_say_good(c, "Nothing needs to be done: the early set accepts this platform");
        return;
    }
    if (f->now.passes) {
        cli_say_bad(c, "The platform will be refused once the early set is the standard one");
        cli_hint(c, "update firmware, microcode or enclaves named above before that; Intel decides "
                    "the day, and keeps to twelve months after a TCB recovery");
    }
}

static enum cli_exit judge(struct forecast *f)
{
    struct cli_choice choice;
    enum cli_exit e = load_early(f);
    if (e != CLI_DONE) {
        return e;
    }
    load_now(f, &choice);
    appraise(f, &f->now);
    appraise(f, &f->early);
    load_numbers(f);
    if (!list_shorts(f)) {
        e = CLI_REFUSED;
        cli_refusal(f->c, &f->early.verdict, &f->judge);
    } else {
        e = f->now.passes && f->early.passes ? CLI_DONE : CLI_REFUSED;
        if (f->c->json) {
            print_json(f);
        } else {
            print_text(f);
        }
    }
    if (e == CLI_REFUSED && !f->now.passes && !f->c->json && f->num_shorts == 0) {
        cli_refusal(f->c, &f->now.verdict, &f->judge);
    }
    cli_choice_clear(&choice);
    return e;
}

enum cli_exit cmd_collateral_forecast(struct cli *c)
{
    struct forecast *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return cli_trouble(c, "out of memory");
    }
    f->c = c;
    enum cli_exit e = cli_judge_init(&f->judge, c);
    e = e == CLI_DONE ? open_evidence(f) : e;
    e = e == CLI_DONE ? judge(f) : e;
    cli_collateral_clear(&f->early.own);
    cli_target_close(&f->target);
    cli_judge_clear(&f->judge);
    free(f);
    return e;
}
