/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/refusal.h"

#include "lib/testlib.h"

#include "attest/policy_keys.h"
#include "base/bytes.h"

static void assert_check_speaks(const struct mse_check *c)
{
    assert_string_not_equal(mse_step_name(c->step), "unknown");
    assert_string_not_equal(mse_status_name(c->status), "unknown");
    if (c->seen[0] == '\0' || c->wanted[0] == '\0') {
        fail_msg("step %s, %s: seen \"%s\", wanted \"%s\"", mse_step_name(c->step),
                 mse_status_name(c->status), c->seen, c->wanted);
    }
    if (c->policy_key != NULL && mse_policy_key_find(mse_bytes_str(c->policy_key)) == NULL) {
        fail_msg("%s names \"%s\", which is no policy key", mse_status_name(c->status),
                 c->policy_key);
    }
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

void assert_refusals_speak(const struct mse_verdict *v, const struct mse_error *err)
{
    static char text[65536];
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *k = &v->checks[i];
        if (k->status != MSE_OK) {
            assert_check_speaks(k);
        } else {
            /* What passed has our own words, copied as they are. */
            assert_int_equal(mse_plain_run(mse_bytes_str(k->wanted)), strlen(k->wanted));
        }
    }
    const struct mse_check *c = mse_verdict_failure(v);
    if (v->accepted || c == NULL) {
        return;
    }
    assert_string_equal(err->step, mse_step_name(c->step));
    assert_says(err->text, c->seen);
    assert_says(err->text, c->wanted);
    assert_says(err->text, c->policy_key != NULL ? c->policy_key : "no policy key");
    assert_status(mse_verdict_to_text(text, sizeof text, v), MSE_OK);
    assert_says(text, mse_step_name(c->step));
    assert_says(text, c->seen);
    assert_says(text, c->wanted);
    assert_says(text, c->policy_key != NULL ? c->policy_key : "no policy key");
}

void assert_waived(const struct mse_verdict *v, const char *key, enum mse_ear_claim claim)
{
    static char text[65536];
    char line[64];
    char quoted[64];
    struct mse_ear_vector vector;
    assert_true(v->accepted);
    (void)snprintf(line, sizeof line, "waived: %s,", key);
    assert_status(mse_verdict_to_text(text, sizeof text, v), MSE_OK);
    assert_says(text, line);
    (void)snprintf(line, sizeof line, "waived by %s: ", key);
    assert_says(text, line);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", key);
    assert_status(mse_verdict_to_json(text, sizeof text, v), MSE_OK);
    assert_says(text, "\"waived\":true");
    const char *waivers = strstr(text, "\"waivers\":[");
    assert_non_null(waivers);
    const char *found = strstr(waivers, quoted);
    assert_true(found != NULL && found < strchr(waivers, ']'));
    assert_true(mse_ear_vector_of(&vector, v) >= MSE_EAR_WARNING);
    assert_true(mse_ear_tier_of(vector.claims[claim]) >= MSE_EAR_WARNING);
}

void assert_nothing_waived(const struct mse_verdict *v)
{
    static char text[65536];
    assert_status(mse_verdict_to_json(text, sizeof text, v), MSE_OK);
    assert_says(text, "\"waivers\":[]");
    assert_null(strstr(text, "\"waived\":true"));
    assert_status(mse_verdict_to_text(text, sizeof text, v), MSE_OK);
    assert_null(strstr(text, "waived"));
}

bool verdict_failed_with(const struct mse_verdict *v, mse_status st)
{
    for (size_t i = 0; i < v->num_checks; i++) {
        if (v->checks[i].status == st) {
            return true;
        }
    }
    return false;
}

void assert_refusal_names(const struct mse_verdict *v, mse_status st, const char *key)
{
    for (size_t i = 0; i < v->num_checks; i++) {
        const struct mse_check *c = &v->checks[i];
        if (c->status == st && c->policy_key != NULL) {
            assert_string_equal(c->policy_key, key);
            return;
        }
    }
    fail_msg("no check failed with %s and a policy key", mse_status_name(st));
}
