/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: recording checks and deciding from them. It judges nothing itself. */
#include "attest/verdict.h"

#include <stdarg.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

static const char *const step_names[] = {
    [MSE_STEP_FORM] = "form",
    [MSE_STEP_VCEK_CHAIN] = "vcek_chain",
    [MSE_STEP_VCEK_CRL] = "vcek_crl",
    [MSE_STEP_REPORT_SIGNATURE] = "report_signature",
    [MSE_STEP_VCEK_EXTENSION] = "vcek_extension",
    [MSE_STEP_NITRO_CHAIN] = "nitro_chain",
    [MSE_STEP_COSE_SIGNATURE] = "cose_signature",
    [MSE_STEP_PCK_CHAIN] = "pck_chain",
    [MSE_STEP_PCK_CRL] = "pck_crl",
    [MSE_STEP_ROOT_CRL] = "root_crl",
    [MSE_STEP_PCK_EXTENSION] = "pck_extension",
    [MSE_STEP_TCB_INFO] = "tcb_info",
    [MSE_STEP_QE_IDENTITY] = "qe_identity",
    [MSE_STEP_QE_REPORT] = "qe_report",
    [MSE_STEP_AK_BINDING] = "ak_binding",
    [MSE_STEP_QUOTE_SIGNATURE] = "quote_signature",
    [MSE_STEP_QE_MATCH] = "qe_match",
    [MSE_STEP_TDX_MODULE] = "tdx_module",
    [MSE_STEP_TCB_LEVEL] = "tcb_level",
    [MSE_STEP_EVALUATION_NUMBER] = "evaluation_number",
    [MSE_STEP_TCB_STATUS] = "tcb_status",
    [MSE_STEP_COLLATERAL_AGE] = "collateral_age",
    [MSE_STEP_SIMULATION] = "simulation",
    [MSE_STEP_ATTRIBUTES] = "attributes",
    [MSE_STEP_SIGNER] = "signer",
    [MSE_STEP_REFERENCE] = "reference",
    [MSE_STEP_MACHINE] = "machine",
    [MSE_STEP_BINDING] = "binding",
    [MSE_STEP_CERTIFICATE] = "certificate",
    [MSE_STEP_NAME] = "name",
    [MSE_STEP_MANIFEST] = "manifest",
    [MSE_STEP_SESSION] = "session",
    [MSE_STEP_LEVEL] = "level",
    [MSE_STEP_LOG] = "log",
};
_Static_assert(MSE_ARRAY_LEN(step_names) == MSE_STEP_COUNT, "every step has a name");

const char *mse_step_name(enum mse_step s)
{
    return (unsigned)s < MSE_STEP_COUNT ? step_names[s] : "unknown";
}

void mse_verdict_begin(struct mse_verdict *v, enum mse_tee_kind tee)
{
    /* All but the two large arrays, whose numbers are 0 now. */
    uint8_t *bytes = (uint8_t *)v;
    const size_t checks = offsetof(struct mse_verdict, checks);
    const size_t behind_checks = checks + sizeof v->checks;
    const size_t advisories = offsetof(struct mse_verdict, advisories);
    const size_t behind_advisories = advisories + sizeof v->advisories;
    memset(bytes, 0, checks);
    memset(bytes + behind_checks, 0, advisories - behind_checks);
    memset(bytes + behind_advisories, 0, sizeof *v - behind_advisories);
    v->tee = tee;
    v->reference_index = SIZE_MAX;
}

/* Texts hold what strangers sent: nothing but printable characters reaches a terminal, and nothing
 * that JSON would have to escape, so that a printed verdict has a known largest size. */
static void make_printable(char *text, size_t len)
{
    if (mse_plain_run(mse_bytes_of(text, len)) == len) {
        return;
    }
    mse_utf8_printable(text);
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            *text = '?';
        } else if (*text == '"') {
            *text = '\'';
        }
    }
}

/* Copies as much of a text as there is room for behind the len characters of out. Returns how many
 * there are then. */
static size_t append(char out[MSE_CHECK_TEXT_LEN], size_t len, const char *in)
{
    size_t more = in == NULL ? 0 : strnlen(in, MSE_CHECK_TEXT_LEN - 1 - len);
    if (more > 0) {
        memcpy(out + len, in, more);
    }
    out[len + more] = '\0';
    return len + more;
}

static void copy_printable(char out[MSE_CHECK_TEXT_LEN], const char *in)
{
    make_printable(out, append(out, 0, in));
}

/* Room for one more check. A full list gives up its last entry to a failure, if that is a pass; a
 * pass that finds no room is lost, which can only lead to a refusal. A failure stays where it is: a
 * check of the level, which may be judged anew, must not take the place of what may not. */
static struct mse_check *new_check(struct mse_verdict *v, bool passed)
{
    if (v->num_checks < MSE_MAX_CHECKS) {
        return &v->checks[v->num_checks++];
    }
    struct mse_check *last = &v->checks[MSE_MAX_CHECKS - 1];
    bool anew = last->step == MSE_STEP_LEVEL || last->step == MSE_STEP_LOG;
    bool stays = (last->status != MSE_OK || last->skipped) && !anew;
    return passed || stays ? NULL : last;
}

/* more: NULL, or what follows behind what is wanted. */
static struct mse_check *note(struct mse_verdict *v, const struct mse_ask *ask, mse_status status,
                              const char *more)
{
    struct mse_check *c = new_check(v, status == MSE_OK);
    if (c == NULL) {
        return NULL;
    }
    c->step = ask->step;
    c->status = status;
    c->skipped = false;
    c->waived = false;
    c->policy_key = ask->policy_key;
    size_t len = append(c->wanted, 0, ask->wanted);
    if (more != NULL) {
        len = append(c->wanted, len, more);
    }
    if (status != MSE_OK) {
        make_printable(c->wanted, len);
    }
    c->seen[0] = '\0';
    return c;
}

static void tell_seen(struct mse_check *c, const char *format, va_list ap)
{
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the callers have begun it */
    (void)vsnprintf(c->seen, sizeof c->seen, format, ap);
    make_printable(c->seen, strlen(c->seen));
}

void mse_note(struct mse_verdict *v, const struct mse_ask *ask, mse_status status, const char *seen,
              ...)
{
    struct mse_check *c = note(v, ask, status, NULL);
    if (status == MSE_OK || c == NULL) {
        return;
    }
    va_list ap;
    va_start(ap, seen);
    tell_seen(c, seen, ap);
    va_end(ap);
}

void mse_note_waivable(struct mse_verdict *v, const struct mse_ask *ask, mse_status status,
                       bool waived, const char *seen, ...)
{
    struct mse_check *c = note(v, ask, waived ? MSE_OK : status, NULL);
    if (status == MSE_OK || c == NULL) {
        return;
    }
    c->waived = waived;
    va_list ap;
    va_start(ap, seen);
    tell_seen(c, seen, ap);
    va_end(ap);
}

void mse_note_octets(struct mse_verdict *v, const struct mse_ask *ask, mse_status status,
                     const char *what, struct mse_bytes octets)
{
    char hex[2 * MSE_NOTE_MAX_OCTETS + 1] = "";
    if (status != MSE_OK) {
        octets.len = octets.len < MSE_NOTE_MAX_OCTETS ? octets.len : MSE_NOTE_MAX_OCTETS;
        mse_hex_encode(hex, octets);
    }
    mse_note(v, ask, status, "%s%s", what, hex);
}

void mse_note_skip(struct mse_verdict *v, enum mse_step step, const char *why)
{
    struct mse_check *c = new_check(v, false);
    if (c == NULL) {
        return;
    }
    c->step = step;
    c->status = MSE_OK;
    c->skipped = true;
    c->waived = false;
    c->policy_key = NULL;
    copy_printable(c->seen, why);
    c->wanted[0] = '\0';
}

static void note_date(struct mse_verdict *v, const struct mse_window *w)
{
    if (v->num_dates < MSE_MAX_DATES) {
        struct mse_verdict_date d = { .what = w->what, .from = w->from, .until = w->until };
        v->dates[v->num_dates++] = d;
    }
    bool first = v->num_dates == 1;
    v->valid_from = first || w->from > v->valid_from ? w->from : v->valid_from;
    v->valid_until = first || w->until < v->valid_until ? w->until : v->valid_until;
}

struct mse_moment mse_moment_of(mse_time at)
{
    struct mse_moment m = { .at = at, .text = " valid at " };
    mse_time_format(m.text + sizeof " valid at " - 1, at);
    return m;
}

void mse_note_window(struct mse_verdict *v, enum mse_step step, const struct mse_window *w,
                     const struct mse_moment *now)
{
    note_date(v, w);
    struct mse_ask ask = { .step = step, .wanted = w->what };
    mse_status st = now->at < w->from ? w->early : now->at > w->until ? w->late : MSE_OK;
    struct mse_check *c = note(v, &ask, st, now->text);
    if (st == MSE_OK || c == NULL) {
        return;
    }
    char from[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    mse_time_format(from, w->from);
    mse_time_format(until, w->until);
    (void)snprintf(c->seen, sizeof c->seen, "valid from %s until %s", from, until);
}

/* The steps that must have passed before evidence of a kind is accepted. What lies behind
 * MSE_STEP_MACHINE belongs to the caller's side of the session. */
static uint64_t bit(enum mse_step s)
{
    return (uint64_t)1 << (unsigned)s;
}

/* All steps from a to b. */
static uint64_t bits(enum mse_step a, enum mse_step b)
{
    return bit(b) | (bit(b) - bit(a));
}

static uint64_t required_steps(enum mse_tee_kind tee)
{
    const uint64_t snp = bits(MSE_STEP_VCEK_CHAIN, MSE_STEP_VCEK_EXTENSION);
    const uint64_t nitro = bits(MSE_STEP_NITRO_CHAIN, MSE_STEP_COSE_SIGNATURE);
    const uint64_t other = bit(MSE_STEP_FORM) | bit(MSE_STEP_SIMULATION) |
                           bit(MSE_STEP_ATTRIBUTES) | bit(MSE_STEP_REFERENCE) |
                           bit(MSE_STEP_MACHINE);
    const uint64_t intel = bits(MSE_STEP_FORM, MSE_STEP_MACHINE) & ~(snp | nitro);
    switch ((int)tee) {
    case MSE_TEE_SGX:
        return intel & ~bit(MSE_STEP_TDX_MODULE);
    case MSE_TEE_TDX: /* a TD has no signer */
        return intel & ~bit(MSE_STEP_SIGNER);
    case MSE_TEE_SNP:
        return other | snp | bit(MSE_STEP_TCB_STATUS);
    case MSE_TEE_NITRO:
        return other | nitro;
    default:
        return 0;
    }
}

bool mse_verdict_step_applies(enum mse_tee_kind tee, enum mse_step step)
{
    return (required_steps(tee) & bit(step)) != 0;
}

/* The steps of which there are checks, and those of which one failed or was skipped. What is no
 * step counts as UNKNOWN_STEP. */
#define UNKNOWN_STEP ((uint64_t)1 << 63)
struct tally {
    uint64_t seen;
    uint64_t bad;
};

static struct tally tally(const struct mse_verdict *v)
{
    struct tally t = { 0, 0 };
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *c = &v->checks[i];
        uint64_t step = (unsigned)c->step < MSE_STEP_COUNT ? bit(c->step) : UNKNOWN_STEP;
        t.seen |= step;
        t.bad |= c->status == MSE_OK && !c->skipped ? 0 : step;
    }
    return t;
}

void mse_verdict_decide(struct mse_verdict *v)
{
    struct tally t = { UNKNOWN_STEP, UNKNOWN_STEP };
    if (v->num_checks <= MSE_MAX_CHECKS) {
        t = tally(v);
    }
    uint64_t required = required_steps(v->tee);
    v->accepted = t.bad == 0 && (t.seen & UNKNOWN_STEP) == 0 && required != 0 &&
                  (t.seen & required) == required;
    const struct mse_check *failure = mse_verdict_failure(v);
    v->status = failure != NULL ? failure->status : MSE_ERR_NO_EVIDENCE;
    if (v->accepted) {
        v->status = MSE_OK;
    }
}

bool mse_verdict_steps_ok(const struct mse_verdict *v, const enum mse_step *steps, size_t num)
{
    struct tally t = tally(v);
    uint64_t passed = t.seen & ~t.bad;
    bool ok = true;
    for (size_t i = 0; i < num; i++) {
        ok = ok && (passed & bit(steps[i])) != 0;
    }
    return ok;
}

bool mse_verdict_step_ok(const struct mse_verdict *v, enum mse_step step)
{
    return mse_verdict_steps_ok(v, &step, 1);
}

const struct mse_check *mse_verdict_failure(const struct mse_verdict *v)
{
    const struct mse_check *first = NULL;
    for (size_t i = 0; !v->accepted && i < v->num_checks; i++) {
        const struct mse_check *c = &v->checks[i];
        if (c->status != MSE_OK && (first == NULL || c->step < first->step)) {
            first = c;
        }
    }
    return first;
}

mse_status mse_verdict_tell(const struct mse_verdict *v, struct mse_error *err)
{
    const struct mse_check *c = mse_verdict_failure(v);
    if (v->status == MSE_OK || c == NULL) {
        return v->status;
    }
    return MSE_FAIL(err, c->status, mse_step_name(c->step), "%s: seen %s; wanted %s; %s%s",
                    mse_status_text(c->status), c->seen, c->wanted,
                    c->policy_key != NULL ? "policy key " : "no policy key changes this",
                    c->policy_key != NULL ? c->policy_key : "");
}

void mse_verdict_add(struct mse_verdict *v, enum mse_step step, mse_status status, const char *seen,
                     const char *wanted, const char *policy_key)
{
    struct mse_ask ask = { .step = step, .policy_key = policy_key };
    struct mse_check *c = note(v, &ask, status, NULL);
    if (c != NULL) {
        copy_printable(c->seen, seen);
        copy_printable(c->wanted, wanted);
    }
    mse_verdict_decide(v);
}

/* What is judged anew each time that it is learned: the last word counts. */
void mse_verdict_drop(struct mse_verdict *v, enum mse_step step)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->num_checks; i++) {
        if (v->checks[i].step != step) {
            v->checks[kept++] = v->checks[i];
        }
    }
    v->num_checks = kept;
}

void mse_verdict_set_level(struct mse_verdict *v, uint8_t level, const struct mse_policy *policy)
{
    mse_verdict_drop(v, MSE_STEP_LEVEL);
    v->binding_level = level;
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "%u or more", policy->require_level);
    struct mse_ask ask = { MSE_STEP_LEVEL, wanted, "require_level" };
    mse_note(v, &ask, level >= policy->require_level ? MSE_OK : MSE_ERR_LEVEL, "%u", level);
    mse_verdict_decide(v);
}
