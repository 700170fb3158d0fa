/* SPDX-License-Identifier: Apache-2.0 */
/* See guard_logs.h. */
#include "cli/guard_logs.h"

#include "base/bytes.h"
#include "base/util.h"

#define AGAIN_SECONDS 10 /* until a log is asked once more for what it did not have */

static void item_clear(struct cli_guard_proof *p)
{
    mse_build_clear(&p->text);
    *p = (struct cli_guard_proof) { .asked = false };
}

void cli_guard_logs_clear(struct cli_guard_logs *l)
{
    for (size_t i = 0; i < l->num; i++) {
        item_clear(&l->items[i]);
    }
    l->num = 0;
}

static struct cli_guard_proof *find(struct cli_guard_logs *l, const struct cli_log_subject *s)
{
    for (size_t i = 0; i < l->num; i++) {
        const struct cli_log_subject *have = &l->items[i].subject;
        if (have->tee == s->tee && have->simulated == s->simulated &&
            mse_mem_equal(have->fingerprint, s->fingerprint, sizeof s->fingerprint)) {
            return &l->items[i];
        }
    }
    return NULL;
}

/* The oldest makes room. */
static struct cli_guard_proof *add(struct cli_guard_logs *l, const struct cli_log_subject *s)
{
    if (l->num == CLI_GUARD_SUBJECTS) {
        item_clear(&l->items[0]);
        memmove(&l->items[0], &l->items[1], sizeof l->items - sizeof l->items[0]);
        l->num--;
    }
    struct cli_guard_proof *p = &l->items[l->num++];
    *p = (struct cli_guard_proof) { .subject = *s };
    mse_build_heap(&p->text, CLI_LOG_MAX_PROOF);
    return p;
}

void cli_guard_logs_copy(struct cli_guard_logs *out, const struct cli_guard_logs *in)
{
    for (size_t i = 0; i < in->num; i++) {
        const struct cli_guard_proof *from = &in->items[i];
        struct cli_guard_proof *to = &out->items[i];
        *to = *from;
        mse_build_heap(&to->text, CLI_LOG_MAX_PROOF);
        mse_wr_bytes(&to->text, mse_build_view(&from->text));
    }
    out->num = in->num;
}

bool cli_guard_logs_take(struct cli_guard_logs *l, struct mse_build *text, struct mse_error *why,
                         const struct cli_log_subject *s, mse_time now)
{
    struct cli_guard_proof *p = find(l, s);
    p = p == NULL ? add(l, s) : p;
    if (!p->asked) {
        (void)snprintf(why->text, sizeof why->text, "the log is being asked: try again");
        return true;
    }
    mse_wr_bytes(text, mse_build_view(&p->text));
    (void)snprintf(why->text, sizeof why->text, "%s", p->why);
    why->status = p->status;
    bool early = now >= p->asked_at && now - p->asked_at < AGAIN_SECONDS;
    return p->status != MSE_OK && !early;
}

bool cli_guard_logs_put(struct cli_guard_logs *l, const struct cli_log_subject *s,
                        struct mse_build *text, mse_status st, const struct mse_error *err,
                        mse_time now)
{
    struct cli_guard_proof *p = find(l, s);
    if (p == NULL) {
        return false; /* newer ones took its place */
    }
    bool before = p->text.len > 0;
    p->asked = true;
    p->asked_at = now;
    p->status = st;
    (void)snprintf(p->why, sizeof p->why, "%s", st == MSE_OK ? "" : err->text);
    if (st == MSE_OK) {
        mse_build_clear(&p->text);
        p->text = *text;
        mse_build_heap(text, CLI_LOG_MAX_PROOF);
    } else if (cli_log_is_refusal(st)) {
        mse_build_reset(&p->text);
    }
    return before != (p->text.len > 0);
}
