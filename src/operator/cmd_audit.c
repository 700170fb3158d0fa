/* SPDX-License-Identifier: Apache-2.0 */
/* msed audit. A log that is not sound is a refusal: exit status 1. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/msed.h"

struct listing {
    const struct cli *c;
    json_t *list;
};

static enum cli_exit verdict(const struct cli *c, mse_status st, const struct mse_error *err)
{
    enum cli_exit e = cli_failed(c, st, err);
    return st == MSE_ERR_SIGNATURE ? CLI_REFUSED : e;
}

enum cli_exit cmd_audit_verify(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_audit_head head = { 0 };
    struct mse_op_audit_head kept = { 0 };
    const char *expect = cli_value(c, "expect");
    char text[MSED_HEAD_LEN];
    if (expect != NULL && !msed_head_parse(&kept, mse_bytes_str(expect))) {
        return cli_trouble(c, "--expect is %s, wanted NUMBER:64 hexadecimal digits", expect);
    }
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st =
            mse_op_audit_verify(m.store, &head, expect == NULL ? NULL : &kept, NULL, NULL, &err);
        e = st == MSE_OK ? CLI_DONE : verdict(c, st, &err);
    }
    msed_close(&m);
    msed_head_format(text, &head);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:I, s:s}", "lines", (json_int_t)head.seq, "head", text));
    } else if (e == CLI_DONE) {
        cli_say(c, "The audit log is sound: %llu lines.", (unsigned long long)head.seq);
        cli_say(c, "Head: %s", text);
        cli_hint(c, "keep the head elsewhere: --expect HEAD notices a log that was cut or "
                    "written anew");
    }
    return e;
}

static mse_status show_line(void *arg, const struct mse_op_audit_line *a)
{
    const struct listing *l = arg;
    char at[MSE_TIME_TEXT_LEN];
    cli_say(l->c, "%6llu  %s  %s  %s  %s%s%s", (unsigned long long)a->seq, msed_time(at, a->at),
            a->actor, a->action, a->subject, a->detail[0] == '\0' ? "" : "  ", a->detail);
    (void)json_array_append_new(l->list, json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "seq",
                                                   (json_int_t)a->seq, "at", (json_int_t)a->at,
                                                   "actor", a->actor, "action", a->action,
                                                   "subject", a->subject, "detail", a->detail));
    return MSE_OK;
}

enum cli_exit cmd_audit_list(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_audit_head head;
    struct listing l = { .c = c, .list = json_array() };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = mse_op_audit_verify(m.store, &head, NULL, show_line, &l, &err);
        e = st == MSE_OK ? CLI_DONE : verdict(c, st, &err);
    }
    msed_close(&m);
    if (e != CLI_DONE) {
        json_decref(l.list);
        return e;
    }
    return msed_list_done(c, l.list, "The audit log has no lines.");
}
