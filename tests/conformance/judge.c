/* SPDX-License-Identifier: Apache-2.0 */
/* Was it accepted or refused, and for the right reason? */
#include "conformance.h"

static bool ends_with(const char *s, const char *end)
{
    size_t a = strlen(s);
    size_t b = strlen(end);
    return a >= b && strcmp(s + a - b, end) == 0;
}

/* Is status one of an input's with this end? The collateral proper comes first, four inputs; the
 * chains follow. */
#define COLLATERAL 4
#define ALL_INPUTS 7
static bool is_status_of(size_t num_inputs, const char *status, const char *end)
{
    static const char *const inputs[ALL_INPUTS] = { "tcb_info",         "qe_identity",
                                                    "pck_crl",          "root_crl",
                                                    "pck_chain",        "tcb_info_chain",
                                                    "qe_identity_chain" };

    for (size_t i = 0; i < num_inputs; i++) {
        size_t len = strlen(inputs[i]);
        if (strncmp(status, inputs[i], len) == 0 && status[len] == '_' &&
            strcmp(status + len + 1, end) == 0) {
            return true;
        }
    }
    return false;
}

/* Of Nitro documents: without the word in front, or two in one. A link of the chain is one thing
 * here: names and signatures. */
static bool is_nitro_reason(const char *reason, const char *status)
{
    return strcmp(reason, status) == 0 ||
           (strcmp(reason, "root_untrusted_or_malformed") == 0 &&
            strcmp(status, "root_untrusted") == 0) ||
           (strcmp(reason, "certificate_signature") == 0 &&
            strcmp(status, "certificate_chain") == 0);
}

bool conf_is_reason(const char *reason, const char *status)
{
    if (strcmp(reason, "collateral_expired") == 0) {
        return is_status_of(COLLATERAL, status, "expired");
    }
    if (strcmp(reason, "collateral_not_yet_valid") == 0) {
        return is_status_of(COLLATERAL, status, "not_yet_valid");
    }
    if (strcmp(reason, "pck_chain") == 0) {
        return strncmp(status, "pck_chain_", 10) == 0;
    }
    if (strcmp(reason, "malformed_or_ok") == 0) {
        return ends_with(status, "malformed") || strcmp(status, "ok") == 0;
    }
    if (strcmp(reason, status) == 0) {
        return true;
    }
    if (strcmp(reason, "vcek_chain") == 0 || strcmp(reason, "VCEK_CHAIN_INVALID") == 0) {
        return strncmp(status, "vcek_", 5) == 0;
    }
    if (strcmp(reason, "malformed_or_signature") == 0) {
        return strcmp(status, "malformed") == 0 || ends_with(status, "_signature");
    }
    if (strcmp(reason, "WRONG_REPORT_VERSION") == 0) {
        return strcmp(status, "unsupported_version") == 0;
    }
    if (strncmp(status, "nitro_", 6) == 0 && is_nitro_reason(reason, status + 6)) {
        return true;
    }
    if (strcmp(reason, "REPORT_TRUNCATED") == 0 ||
        strcmp(reason, "REPORT_FORMAT_UNSUPPORTED") == 0 ||
        strcmp(reason, "root_untrusted_or_malformed") == 0) {
        return strcmp(status, "malformed") == 0;
    }
    if (strcmp(reason, "REPORT_SIGNATURE_INVALID") == 0) {
        return strcmp(status, "report_signature") == 0;
    }
    if (strcasecmp(reason, status) == 0) {
        return true;
    }
    /* Said of a single piece, whose kind the case names elsewhere. */
    static const char *const plain[] = { "signature", "expired", "not_yet_valid", "malformed" };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(reason, plain[i]) == 0) {
            return is_status_of(ALL_INPUTS, status, reason);
        }
    }
    return false;
}

static bool is_in_list(const json_t *list, const char *status)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) && conf_is_reason(json_string_value(item), status)) {
            return true;
        }
    }
    return json_is_string(list) && conf_is_reason(json_string_value(list), status);
}

static bool is_named_reason(const struct conf_case *c, const char *status)
{
    return is_in_list(json_object_get(c->expected, "reason"), status) ||
           is_in_list(json_object_get(c->expected, "reasons_also_allowed"), status);
}

static bool may_come_first(const struct conf_case *c, const char *status)
{
    return is_named_reason(c, status) ||
           is_in_list(json_object_get(c->expected, "first_failure_in_reference_order"), status);
}

void conf_wanted(const struct conf_case *c, struct conf_outcome *o)
{
    conf_say(o->wanted, "%s", c->verdict);
    const char *reason = conf_expected_text(c, "reason");
    const char *status = conf_expected_text(c, "tcb_status");
    const char *first = conf_expected_text(c, "first_failure_in_reference_order");
    if (reason != NULL) {
        conf_say(o->wanted, "%s", reason);
    }
    if (first != NULL && reason != NULL && strcmp(first, reason) != 0) {
        conf_say(o->wanted, "or first %.40s", first);
    }
    if (status != NULL) {
        conf_say(o->wanted, "%s", status);
    }
}

static bool wants_refusal(const struct conf_case *c)
{
    return strcmp(c->verdict, "reject") == 0;
}

static bool takes_both(const struct conf_case *c)
{
    const char *reason = conf_expected_text(c, "reason");
    return strcmp(c->verdict, "ok_or_reject") == 0 ||
           (reason != NULL && strcmp(reason, "malformed_or_ok") == 0);
}

void conf_judge_status(const struct conf_case *c, mse_status st, const char *detail,
                       struct conf_outcome *o)
{
    const char *name = mse_status_name(st);
    conf_say(o->got, "%s%s%s", name, detail[0] != '\0' ? ": " : "", detail);
    bool refused = st != MSE_OK;
    bool good = refused == wants_refusal(c);
    if (wants_refusal(c) && refused) {
        good = is_named_reason(c, name) || may_come_first(c, name);
    }
    o->result = good || (takes_both(c) && (!refused || is_named_reason(c, name))) ||
                        strcmp(c->verdict, "ok_or_reject") == 0
                    ? CONF_PASS
                    : CONF_FAIL;
}

/* A check that failed only because the case lacks the input. */
static bool is_set_aside(const struct conf_case *c, mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_PCK_CRL_MISSING:
        return !conf_has_role(c, "pck_crl");
    case MSE_ERR_ROOT_CRL_MISSING:
        return !conf_has_role(c, "root_ca_crl");
    case MSE_ERR_TCB_INFO_MISSING:
        return !conf_has_role(c, "tcb_info");
    case MSE_ERR_QE_IDENTITY_MISSING:
        return !conf_has_role(c, "qe_identity");
    case MSE_ERR_VCEK_CRL_MISSING:
        return !conf_has_role(c, "amd_crl");
    default:
        return false;
    }
}

struct failures {
    const struct mse_check *first; /* in the order of the steps, without those set aside */
    bool reason_found;
    size_t num_set_aside;
};

static struct failures find_failures(const struct conf_case *c, const struct mse_verdict *v)
{
    struct failures f = { .first = NULL };
    bool bundle = strcmp(c->kind, "cosmian-evidence") == 0; /* has its inputs inside */
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *k = &v->checks[i];
        if (k->status == MSE_OK) {
            continue;
        }
        if (!bundle && is_set_aside(c, k->status)) {
            f.num_set_aside++;
            continue;
        }
        f.first = f.first == NULL || k->step < f.first->step ? k : f.first;
        f.reason_found = f.reason_found || is_named_reason(c, mse_status_name(k->status));
    }
    return f;
}

/* Refused by what the case names as another correct first failure, and the reason not among the
 * rest: allowed, but worth a word. */
static bool refused_elsewhere(const struct conf_case *c, const struct failures *f)
{
    return wants_refusal(c) && f->first != NULL && !f->reason_found;
}

void conf_judge_verdict(const struct conf_case *c, const struct mse_verdict *v,
                        struct conf_outcome *o)
{
    struct failures f = find_failures(c, v);
    const char *first = f.first != NULL ? mse_status_name(f.first->status) : "ok";
    conf_say(o->got, "%s", first);
    if (f.first != NULL) {
        conf_say(o->got, "at %s, seen %s", mse_step_name(f.first->step), f.first->seen);
    }
    if (v->tcb_status != MSE_TCB_NONE) {
        conf_say(o->got, "%s", mse_tcb_status_name(v->tcb_status));
    }
    if (refused_elsewhere(c, &f)) {
        conf_say(o->got, "the reason itself was not met");
    }
    if (f.num_set_aside > 0) {
        conf_say(o->got, "without collateral that the case does not have");
    }
    /* What the library itself says must fit what its checks say. */
    bool consistent = v->accepted == (f.first == NULL && f.num_set_aside == 0);
    bool refused = f.first != NULL;
    /* The order of the checks is free: ours all run, and the reason may be any of those that
     * failed. */
    bool met = may_come_first(c, first) || f.reason_found;
    bool good = wants_refusal(c) ? refused && met : !refused;
    good = good || strcmp(c->verdict, "ok_or_reject") == 0 ||
           (takes_both(c) && (!refused || f.reason_found));
    if (!consistent) {
        conf_say(o->got, "verdict and checks disagree");
    }
    o->result = good && consistent ? CONF_PASS : CONF_FAIL;
}

void conf_judge_policy(const struct conf_case *c, const struct mse_verdict *v, mse_status wanted,
                       struct conf_outcome *o)
{
    const struct mse_check *first = mse_verdict_failure(v);
    bool found = false;
    for (size_t i = 0; i < v->num_checks; i++) {
        found = found || (wanted != MSE_OK && v->checks[i].status == wanted);
    }
    const char *name = first != NULL ? mse_status_name(first->status) : "ok";
    conf_say(o->got, "by the policy %s", name);
    bool first_fits = first != NULL && (first->status == wanted || may_come_first(c, name));
    if (!found || !first_fits || v->accepted) {
        conf_say(o->got, "wanted %s", mse_status_name(wanted));
        o->result = CONF_FAIL;
    }
}
