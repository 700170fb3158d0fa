/* SPDX-License-Identifier: Apache-2.0 */
/* msed audit. A log that is not sound is a refusal: exit status 1. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/msed.h"

struct verification {
    struct mse_op_audit_head head;
    struct mse_op_audit_head kept; /* seq 0: none */
};

static mse_status verify(struct msed *m, void *arg, struct mse_error *err)
{
    struct verification *v = arg;
    return mse_op_audit_verify(m->store, &v->head, v->kept.seq == 0 ? NULL : &v->kept, NULL, NULL,
                               err);
}

enum cli_exit cmd_audit_verify(struct cli *c)
{
    struct verification v = { .head = { 0 } };
    const char *expect = cli_value(c, "expect");
    char text[MSED_HEAD_LEN];
    if (expect != NULL && !msed_head_parse(&v.kept, mse_bytes_str(expect))) {
        return cli_trouble(c, "--expect is %s, wanted NUMBER:64 hexadecimal digits", expect);
    }
    enum cli_exit e = msed_do(c, verify, &v);
    if (e != CLI_DONE) {
        return e;
    }
    msed_head_format(text, &v.head);
    if (c->json) {
        cli_json(c, json_pack("{s:I, s:s}", "lines", (json_int_t)v.head.seq, "head", text));
        return CLI_DONE;
    }
    cli_say(c, "The audit log is sound: %llu lines.", (unsigned long long)v.head.seq);
    cli_say(c, "Head: %s", text);
    cli_hint(c,
             "keep the head elsewhere: --expect HEAD notices a log that was cut or written anew");
    return CLI_DONE;
}

static mse_status show_line(void *arg, const struct mse_op_audit_line *a)
{
    const struct msed_listing *l = arg;
    char at[MSE_TIME_TEXT_LEN];
    cli_say(l->c, "%6llu  %s  %s  %s  %s%s%s", (unsigned long long)a->seq, msed_time(at, a->at),
            a->actor, a->action, a->subject, a->detail[0] == '\0' ? "" : "  ", a->detail);
    (void)json_array_append_new(l->list, json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "seq",
                                                   (json_int_t)a->seq, "at", (json_int_t)a->at,
                                                   "actor", a->actor, "action", a->action,
                                                   "subject", a->subject, "detail", a->detail));
    return MSE_OK;
}

static mse_status list_lines(struct msed *m, void *arg, struct mse_error *err)
{
    struct mse_op_audit_head head;
    return mse_op_audit_verify(m->store, &head, NULL, show_line, arg, err);
}

enum cli_exit cmd_audit_list(struct cli *c)
{
    return msed_list(c, list_lines, "The audit log has no lines.");
}
