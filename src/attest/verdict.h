/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a verdict: what the steps of an appraisal call. Reading one is <mse/attest.h>. */
#ifndef ATTEST_VERDICT_H
#define ATTEST_VERDICT_H

#include <mse/attest.h>

#include "base/bytes.h"
#include "base/json_write.h"
#include "base/util.h"

/* What a check is about and what it wants, in our own words: printable, no quote, no backslash. */
struct mse_ask {
    enum mse_step step;
    const char *wanted;
    const char *policy_key; /* static; NULL if no policy key changes the check */
};

/* mse_verdict_begin empties the verdict for evidence of this kind. */
void mse_verdict_begin(struct mse_verdict *v, enum mse_tee_kind tee);

/* mse_note records one check: MSE_OK is a pass. seen says what a failed one saw: formatted, cut to
 * fit, and stripped of what is not printable, as is then what it wanted, which may name what a
 * stranger sent too; of a pass nothing is formatted. */
void mse_note(struct mse_verdict *v, const struct mse_ask *ask, mse_status status, const char *seen,
              ...) MSE_PRINTF(4, 5);
/* mse_note_waivable is mse_note for a check whose failure the policy's key lets through: the check
 * passes then, is marked, and tells what was seen. */
void mse_note_waivable(struct mse_verdict *v, const struct mse_ask *ask, mse_status status,
                       bool waived, const char *seen, ...) MSE_PRINTF(5, 6);
/* mse_note_octets is mse_note for a check that sees octets: what they are, and they in hexadecimal.
 */
#define MSE_NOTE_MAX_OCTETS 64 /* the rest is left out */
void mse_note_octets(struct mse_verdict *v, const struct mse_ask *ask, mse_status status,
                     const char *what, struct mse_bytes octets);
/* mse_note_skip records that a check could not run, and why. It never counts as passed. */
void mse_note_skip(struct mse_verdict *v, enum mse_step step, const char *why);

/* A time, and how a window says it. */
struct mse_moment {
    mse_time at;
    char text[sizeof " valid at " + MSE_TIME_TEXT_LEN];
};
struct mse_moment mse_moment_of(mse_time at);
/* The dates between which an input is valid, and what to say outside them. */
struct mse_window {
    const char *what; /* static; the word of mse_verdict_date */
    mse_time from;
    mse_time until;
    mse_status early;
    mse_status late;
};
/* mse_note_window records the dates and judges from <= now <= until. */
void mse_note_window(struct mse_verdict *v, enum mse_step step, const struct mse_window *w,
                     const struct mse_moment *now);

/* mse_note_policy judges whether the policy itself makes sense, and returns it, or *nothing,
 * which it makes one that accepts nothing. */
const struct mse_policy *mse_note_policy(struct mse_verdict *v, struct mse_policy *nothing,
                                         const struct mse_policy *p);

/* mse_verdict_drop forgets the checks of a step; the verdict is not decided again. */
void mse_verdict_drop(struct mse_verdict *v, enum mse_step step);
/* mse_note_log records that the policy demands a proof of a log, which nobody has given yet. */
void mse_note_log(struct mse_verdict *v, const struct mse_policy *p);

/* mse_verdict_decide settles accepted and status from the checks: accepted only if every step that
 * the kind of evidence demands ran and passed, and nothing failed or was skipped. */
void mse_verdict_decide(struct mse_verdict *v);
/* mse_verdict_tell puts the refusal into *err (may be NULL) in words and returns v->status. */
mse_status mse_verdict_tell(const struct mse_verdict *v, struct mse_error *err);
/* mse_verdict_step_applies: evidence of this kind is not accepted without this step. */
MSE_MUST_USE bool mse_verdict_step_applies(enum mse_tee_kind tee, enum mse_step step);
/* mse_verdict_step_ok: the step ran, and nothing in it failed or was skipped; steps_ok: all of
 * these did. */
MSE_MUST_USE bool mse_verdict_steps_ok(const struct mse_verdict *v, const enum mse_step *steps,
                                       size_t num);
MSE_MUST_USE bool mse_verdict_step_ok(const struct mse_verdict *v, enum mse_step step);

/* mse_verdict_write_json appends the object of mse_verdict_to_json as the member key. */
void mse_verdict_write_json(struct mse_js *j, const char *key, const struct mse_verdict *v);
/* The sentence that belongs to a binding level. Static. */
const char *mse_level_text(uint8_t level);
/* "sgx", "tdx"…; "none". Static. */
const char *mse_tee_name(enum mse_tee_kind tee);

/* The members and lines of a verdict that are special to AWS Nitro. */
void mse_verdict_nitro_json(struct mse_js *j, const struct mse_verdict *v);
void mse_verdict_nitro_text(struct mse_build *b, const struct mse_verdict *v);

static inline bool mse_nitro_pcr_is_zero(const struct mse_nitro_pcr *p)
{
    return mse_mem_is_zero(p->value, p->len);
}

#endif
