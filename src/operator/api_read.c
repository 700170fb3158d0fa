/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api_read.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "package/rules.h"

bool api_read_text(struct api_read *r, char *out, size_t cap)
{
    struct mse_build b;
    struct mse_bytes text = { 0 };
    char buffer[1024];
    mse_build_fixed(&b, buffer, sizeof buffer);
    if (!mse_json_text(&r->j, &b, &text) || text.len >= cap ||
        (text.len > 0 && memchr(text.data, 0, text.len) != NULL)) {
        return false;
    }
    if (text.len > 0) {
        memcpy(out, text.data, text.len);
    }
    out[text.len] = '\0';
    return mse_rule_text(out, 0, cap - 1);
}

bool api_read_unknown(struct api_read *r, struct mse_bytes key)
{
    char name[80];
    (void)snprintf(r->why, sizeof r->why, "There is no member %s here.",
                   mse_log_quote(name, sizeof name, key));
    return false;
}

static bool read_members(struct api_read *r, api_member_fn *member, void *out,
                         struct mse_json_object *o)
{
    struct mse_bytes key = { 0 };
    char name[80];
    for (mse_json_object_begin(&r->j, o); mse_json_object_next(&r->j, o, &key);) {
        if (!member(r, key, out)) {
            if (r->why[0] == '\0') {
                (void)snprintf(r->why, sizeof r->why, "%s is not what it has to be.",
                               mse_log_quote(name, sizeof name, key));
            }
            return mse_json_fail(&r->j);
        }
    }
    return mse_json_end(&r->j);
}

struct mse_reply *api_read_object(struct mse_bytes text, api_member_fn *member, void *out,
                                  const char *const *needed)
{
    struct api_read r = { .why = "" };
    struct mse_json_object o;
    mse_json_init(&r.j, text);
    if (mse_json_peek(&r.j) != MSE_JSON_OBJECT) {
        return api_problem(HTTP_BAD_REQUEST, "The body is no JSON object.");
    }
    if (!read_members(&r, member, out, &o)) {
        return r.why[0] != '\0' ? api_problem(HTTP_UNPROCESSABLE, "%s", r.why)
                                : api_problem(HTTP_BAD_REQUEST, "The body is no JSON at byte %zu.",
                                              mse_json_offset(&r.j));
    }
    for (; *needed != NULL; needed++) {
        if (!mse_json_object_has(&o, *needed)) {
            return api_problem(HTTP_UNPROCESSABLE, "The member %s is missing.", *needed);
        }
    }
    return NULL;
}

struct mse_reply *api_read_body(struct api_call *c, api_member_fn *member, void *out,
                                const char *const *needed)
{
    return api_read_object(mse_build_view(&c->body), member, out, needed);
}
