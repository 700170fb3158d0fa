/* SPDX-License-Identifier: Apache-2.0 */
/* msed user and token. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/msed.h"

#define DEFAULT_DAYS 90
#define MAX_DAYS     3650
#define DAY          ((mse_time)86400)

/* Copies an option; false after an error message. */
static bool text_option(const struct cli *c, const char *name, char *out, size_t cap)
{
    const char *v = cli_value(c, name);
    if (v != NULL && strlen(v) >= cap) {
        (void)cli_trouble(c, "--%s has %zu bytes, wanted at most %zu", name, strlen(v), cap - 1);
        return false;
    }
    (void)snprintf(out, cap, "%s", v == NULL ? "" : v);
    return true;
}

static mse_status add_user(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_user_add(m->store, &m->by, arg, err);
}

enum cli_exit cmd_user_add(struct cli *c)
{
    struct mse_op_user u = { .admin = cli_has(c, "admin") };
    if (!text_option(c, "email", u.email, sizeof u.email) ||
        !text_option(c, "given-name", u.given_name, sizeof u.given_name) ||
        !text_option(c, "family-name", u.family_name, sizeof u.family_name)) {
        return CLI_TROUBLE;
    }
    if (strlen(c->args[0]) >= sizeof u.name) {
        return cli_trouble(c, "the name has %zu bytes, wanted at most %zu", strlen(c->args[0]),
                           sizeof u.name - 1);
    }
    (void)snprintf(u.name, sizeof u.name, "%s", c->args[0]);
    enum cli_exit e = msed_do(c, add_user, &u);
    if (e == CLI_DONE) {
        e = msed_say(c, json_pack("{s:s, s:s, s:b}", "id", u.id, "name", u.name, "admin", u.admin),
                     "Added", u.name);
        cli_hint(c, "msed token create %s makes a token", u.name);
    }
    return e;
}

static mse_status show_user(void *arg, const struct mse_op_user *u)
{
    const struct msed_listing *l = arg;
    char at[MSE_TIME_TEXT_LEN];
    cli_say(l->c, "%-20s %s  %s%s%s%s%s", u->name, u->id, msed_time(at, u->created_at),
            u->admin ? "  admin" : "", u->removed_at != 0 ? "  removed" : "",
            u->email[0] == '\0' ? "" : "  ", u->email);
    (void)json_array_append_new(
        l->list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "id", u->id, "name", u->name,
                           "email", u->email, "given_name", u->given_name, "family_name",
                           u->family_name, "admin", u->admin, "created_at",
                           (json_int_t)u->created_at, "removed_at", (json_int_t)u->removed_at));
    return MSE_OK;
}

static mse_status list_users(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_user_list(m->store, cli_has(m->c, "all"), show_user, arg, err);
}

enum cli_exit cmd_user_list(struct cli *c)
{
    return msed_list(c, list_users, "There are no users.");
}

static mse_status remove_user(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_user_remove(m->store, &m->by, arg, err);
}

enum cli_exit cmd_user_remove(struct cli *c)
{
    enum cli_exit e = msed_do(c, remove_user, c->args[0]);
    return e == CLI_DONE
               ? msed_say(c, json_pack("{s:s}", "removed", c->args[0]), "Removed", c->args[0])
               : e;
}

/* Tokens. */

static enum cli_exit token_options(const struct cli *c, struct mse_op_token *t, uint64_t *days)
{
    const char *scopes = cli_value(c, "scopes");
    t->scopes = MSE_OP_SCOPES_USER;
    if (scopes != NULL && !mse_op_scopes_parse(&t->scopes, mse_bytes_str(scopes))) {
        return cli_trouble(c, "--scopes is %s, wanted some of read,deploy,account,admin", scopes);
    }
    return text_option(c, "name", t->name, sizeof t->name) &&
                   msed_number(c, "days", days, DEFAULT_DAYS, MAX_DAYS)
               ? CLI_DONE
               : CLI_TROUBLE;
}

static void print_token(const struct cli *c, const struct mse_op_token *t, const char *text)
{
    char words[MSE_OP_SCOPES_LEN];
    char until[MSE_TIME_TEXT_LEN];
    mse_op_scopes_format(words, t->scopes);
    mse_time_format(until, t->expires_at);
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:s, s:s, s:s}", "token", text, "id", t->id, "user",
                              t->user_name, "scopes", words, "expires_at", until));
        return;
    }
    cli_say(c, "%s", text);
    cli_hint(c, "it is shown this once; %s of %s, until %s, revoked with: msed token revoke %s",
             words, t->user_name, until, t->id);
}

struct creation {
    struct mse_op_token t;
    uint64_t days;
    char text[MSE_OP_TOKEN_LEN];
};

static mse_status create_token(struct msed *m, void *arg, struct mse_error *err)
{
    struct creation *k = arg;
    struct mse_op_user u = { 0 };
    mse_status st = mse_op_user_get(m->store, &u, m->c->args[0], err);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(k->t.user_id, u.id, sizeof k->t.user_id);
    k->t.expires_at = m->by.now + (mse_time)k->days * DAY;
    return mse_op_token_create(m->store, &m->by, &k->t, k->text, err);
}

enum cli_exit cmd_token_create(struct cli *c)
{
    struct creation k = { .days = 0 };
    enum cli_exit e = token_options(c, &k.t, &k.days);
    if (e == CLI_DONE) {
        e = msed_do(c, create_token, &k);
    }
    if (e == CLI_DONE) {
        print_token(c, &k.t, k.text);
    }
    mse_wipe(k.text, sizeof k.text);
    return e;
}

static mse_status show_token(void *arg, const struct mse_op_token *t)
{
    const struct msed_listing *l = arg;
    char words[MSE_OP_SCOPES_LEN];
    char at[MSE_TIME_TEXT_LEN];
    mse_op_scopes_format(words, t->scopes);
    cli_say(l->c, "%s  %-20s %-26s until %s%s%s%s", t->id, t->user_name, words,
            msed_time(at, t->expires_at), t->revoked_at != 0 ? "  revoked" : "",
            t->name[0] == '\0' ? "" : "  ", t->name);
    (void)json_array_append_new(
        l->list,
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", t->id, "user", t->user_name, "name",
                  t->name, "scopes", words, "created_at", (json_int_t)t->created_at, "expires_at",
                  (json_int_t)t->expires_at, "revoked_at", (json_int_t)t->revoked_at));
    return MSE_OK;
}

static mse_status list_tokens(struct msed *m, void *arg, struct mse_error *err)
{
    struct mse_op_user u = { 0 };
    bool all = m->c->num_args == 0;
    mse_status st = all ? MSE_OK : mse_op_user_get(m->store, &u, m->c->args[0], err);
    return st == MSE_OK ? mse_op_token_list(m->store, all ? NULL : u.id, show_token, arg, err) : st;
}

enum cli_exit cmd_token_list(struct cli *c)
{
    return msed_list(c, list_tokens, "There are no tokens.");
}

static mse_status revoke_token(struct msed *m, void *arg, struct mse_error *err)
{
    return mse_op_token_revoke(m->store, &m->by, NULL, arg, err);
}

enum cli_exit cmd_token_revoke(struct cli *c)
{
    enum cli_exit e = msed_do(c, revoke_token, c->args[0]);
    return e == CLI_DONE
               ? msed_say(c, json_pack("{s:s}", "revoked", c->args[0]), "Revoked", c->args[0])
               : e;
}
