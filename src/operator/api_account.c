/* SPDX-License-Identifier: Apache-2.0 */
/* The user, tokens, projects, hardware; and what the platform says of itself. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/api.h"
#include "operator/api_oidc.h"
#include "operator/api_read.h"
#include "package/rules.h"
#include <mse/version.h>

#define DAY          ((mse_time)86400)
#define DEFAULT_DAYS 90

static struct mse_js begin(struct mse_reply *r)
{
    struct mse_js j = { .b = &r->body };
    mse_js_open(&j, NULL, '{');
    return j;
}

static struct mse_reply *finish(struct mse_reply *r, struct mse_js *j)
{
    mse_js_close(j, '}');
    return api_done(r);
}

struct mse_reply *api_user_me(struct api_call *c)
{
    const struct mse_op_user *u = &c->user;
    struct mse_reply *r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = begin(r);
    mse_js_str(&j, "id", u->id);
    mse_js_str(&j, "name", u->name);
    mse_js_str(&j, "given_name", u->given_name);
    mse_js_str(&j, "family_name", u->family_name);
    mse_js_str(&j, "email", u->email);
    mse_js_time(&j, "created_at", u->created_at);
    mse_js_bool(&j, "configured", true);
    mse_js_bool(&j, "email_verified", false); /* nobody asks for it here */
    mse_js_bool(&j, "admin", u->admin);
    return finish(r, &j);
}

/* Tokens. */

static void write_scopes(struct mse_js *j, unsigned scopes)
{
    mse_js_open(j, "scopes", '[');
    for (unsigned bit = 1; bit <= MSE_OP_SCOPE_ADMIN; bit <<= 1) {
        char word[MSE_OP_SCOPES_LEN];
        if ((scopes & bit) != 0) {
            mse_op_scopes_format(word, bit);
            mse_js_str(j, NULL, word);
        }
    }
    mse_js_close(j, ']');
}

static void write_token(struct mse_js *j, const struct mse_op_token *t)
{
    mse_js_str(j, "id", t->id);
    mse_js_str(j, "name", t->name);
    write_scopes(j, t->scopes);
    mse_js_time(j, "created_at", t->created_at);
    mse_js_time(j, "expires_at", t->expires_at);
}

static mse_status list_token(void *arg, const struct mse_op_token *t)
{
    struct api_page *p = arg;
    if (api_page_wants(p)) {
        mse_js_open(&p->j, NULL, '{');
        write_token(&p->j, t);
        if (t->revoked_at != 0) {
            mse_js_time(&p->j, "revoked_at", t->revoked_at);
        }
        mse_js_close(&p->j, '}');
    }
    return MSE_OK;
}

struct mse_reply *api_token_list(struct api_call *c)
{
    struct mse_reply *r = NULL;
    struct mse_error err = { 0 };
    struct api_page p;
    if (!api_page_begin(&p, c, &r)) {
        return r;
    }
    mse_status st = mse_op_token_list(c->store, c->user.id, list_token, &p, &err);
    return api_page_of(&p, c, st, &err);
}

static bool read_scopes(struct api_read *r, unsigned *out)
{
    struct mse_json_array a;
    unsigned bits = 0;
    for (mse_json_array_begin(&r->j, &a); mse_json_array_next(&r->j, &a);) {
        struct mse_bytes word = { 0 };
        unsigned bit = 0;
        if (!mse_json_plain(&r->j, &word) || memchr(word.data, ',', word.len) != NULL ||
            !mse_op_scopes_parse(&bit, word) || (bits & bit) != 0) {
            return mse_json_fail(&r->j);
        }
        bits |= bit;
    }
    *out = bits;
    return bits != 0 && !r->j.failed;
}

struct token_asked {
    struct mse_op_token t;
    uint64_t days;
};

static bool read_token(struct api_read *r, struct mse_bytes key, void *out)
{
    struct token_asked *a = out;
    if (mse_bytes_is_str(key, "name")) {
        return api_read_text(r, a->t.name, sizeof a->t.name);
    }
    if (mse_bytes_is_str(key, "scopes")) {
        return read_scopes(r, &a->t.scopes);
    }
    if (mse_bytes_is_str(key, "days")) {
        return mse_json_u64(&r->j, &a->days, 3650) && a->days > 0;
    }
    return api_read_unknown(r, key);
}

struct mse_reply *api_token_create(struct api_call *c)
{
    static const char *const needed[] = { "name", NULL };
    struct token_asked a = { .t = { .scopes = c->token.scopes & MSE_OP_SCOPES_USER },
                             .days = DEFAULT_DAYS };
    char text[MSE_OP_TOKEN_LEN];
    struct mse_error err = { 0 };
    struct mse_reply *r = api_read_body(c, read_token, &a, needed);
    if (r != NULL) {
        return r;
    }
    if ((a.t.scopes & ~c->token.scopes) != 0) {
        return api_problem(HTTP_FORBIDDEN, "A token cannot make one that may do more than itself.");
    }
    memcpy(a.t.user_id, c->user.id, sizeof a.t.user_id);
    a.t.expires_at = c->now + (mse_time)a.days * DAY;
    mse_status st = mse_op_token_create(c->store, &c->by, &a.t, text, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    r = api_json(HTTP_CREATED);
    if (r != NULL) {
        struct mse_js j = begin(r);
        write_token(&j, &a.t);
        mse_js_str(&j, "token", text);
        r = finish(r, &j);
    }
    mse_wipe(text, sizeof text);
    return r;
}

struct mse_reply *api_token_revoke(struct api_call *c)
{
    struct mse_error err = { 0 };
    mse_status st = mse_op_token_revoke(c->store, &c->by, c->user.id, c->id, &err);
    return st == MSE_OK ? api_nothing() : api_failed(st, &err);
}

/* Projects. */

static void write_project(struct mse_js *j, const struct mse_op_project *p)
{
    mse_js_str(j, "id", p->id);
    mse_js_str(j, "name", p->name);
    mse_js_str(j, "description", p->description);
    mse_js_str(j, "owner_id", p->owner_id);
    mse_js_bool(j, "is_default", p->is_default);
    mse_js_time(j, "created_at", p->created_at);
}

static mse_status list_project(void *arg, const struct mse_op_project *o)
{
    struct api_page *p = arg;
    if (api_page_wants(p)) {
        mse_js_open(&p->j, NULL, '{');
        write_project(&p->j, o);
        mse_js_close(&p->j, '}');
    }
    return MSE_OK;
}

struct mse_reply *api_project_list(struct api_call *c)
{
    struct mse_reply *r = NULL;
    struct mse_error err = { 0 };
    struct api_page p;
    if (!api_page_begin(&p, c, &r)) {
        return r;
    }
    mse_status st =
        mse_op_project_list(c->store, c->user.id, api_value(c, "name"), list_project, &p, &err);
    return api_page_of(&p, c, st, &err);
}

static struct mse_reply *one_project(unsigned status, const struct mse_op_project *p)
{
    struct mse_reply *r = api_json(status);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = begin(r);
    write_project(&j, p);
    return finish(r, &j);
}

struct mse_reply *api_project_get(struct api_call *c)
{
    struct mse_op_project p = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_project_get(c->store, &p, c->user.id, c->id, &err);
    return st == MSE_OK ? one_project(HTTP_OK, &p) : api_failed(st, &err);
}

static bool read_project(struct api_read *r, struct mse_bytes key, void *out)
{
    struct mse_op_project *p = out;
    if (mse_bytes_is_str(key, "name")) {
        return api_read_text(r, p->name, sizeof p->name);
    }
    if (mse_bytes_is_str(key, "description")) {
        return api_read_text(r, p->description, sizeof p->description);
    }
    return api_read_unknown(r, key);
}

struct mse_reply *api_project_create(struct api_call *c)
{
    static const char *const needed[] = { "name", NULL };
    struct mse_op_project p = { 0 };
    struct mse_error err = { 0 };
    struct mse_reply *r = api_read_body(c, read_project, &p, needed);
    if (r != NULL) {
        return r;
    }
    memcpy(p.owner_id, c->user.id, sizeof p.owner_id);
    mse_status st = mse_op_project_add(c->store, &c->by, &p, &err);
    return st == MSE_OK ? one_project(HTTP_CREATED, &p) : api_failed(st, &err);
}

/* Hardware. */

static void write_hardware(struct mse_js *j, const struct mse_op_hardware *h)
{
    mse_js_str(j, "name", h->name);
    mse_js_str(j, "tee", h->tee);
    mse_js_uint(j, "memory", h->memory);
    mse_js_uint(j, "cores", h->cores);
    mse_js_uint(j, "enclave_size", h->enclave_size);
}

static mse_status list_hardware(void *arg, const struct mse_op_hardware *h)
{
    struct api_page *p = arg;
    if (api_page_wants(p)) {
        mse_js_open(&p->j, NULL, '{');
        write_hardware(&p->j, h);
        mse_js_close(&p->j, '}');
    }
    return MSE_OK;
}

struct mse_reply *api_hardware_list(struct api_call *c)
{
    struct mse_reply *r = NULL;
    struct mse_error err = { 0 };
    struct api_page p;
    if (!api_page_begin(&p, c, &r)) {
        return r;
    }
    mse_status st = mse_op_hardware_list(c->store, NULL, list_hardware, &p, &err);
    return api_page_of(&p, c, st, &err);
}

struct mse_reply *api_hardware_get(struct api_call *c)
{
    struct mse_op_hardware h = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_hardware_get(c->store, &h, c->id, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    struct mse_reply *r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = begin(r);
    write_hardware(&j, &h);
    return finish(r, &j);
}

/* The platform. */

struct tees {
    struct mse_js *j;
    size_t num;
    char seen[8][MSE_OP_NAME_LEN];
};

static mse_status list_tee(void *arg, const struct mse_op_hardware *h)
{
    struct tees *t = arg;
    for (size_t i = 0; i < t->num; i++) {
        if (strcmp(t->seen[i], h->tee) == 0) {
            return MSE_OK;
        }
    }
    if (t->num < MSE_ARRAY_LEN(t->seen)) {
        memcpy(t->seen[t->num++], h->tee, sizeof h->tee);
        mse_js_str(t->j, NULL, h->tee);
    }
    return MSE_OK;
}

struct mse_reply *api_version(struct api_call *c)
{
    const struct api_config *cfg = c->api->cfg;
    struct mse_error err = { 0 };
    struct mse_reply *r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = begin(r);
    struct tees t = { .j = &j };
    mse_js_str(&j, "version", mse_version());
    mse_js_str(&j, "domain", cfg->conf->domain);
    mse_js_str(&j, "dev_domain", cfg->conf->dev_domain);
    api_write_port(&j, cfg->public_port);
    mse_js_hex(&j, "signer", cfg->mrsigner, sizeof cfg->mrsigner);
    mse_js_open(&j, "tee", '[');
    mse_status st = mse_op_hardware_list(c->store, NULL, list_tee, &t, &err);
    mse_js_close(&j, ']');
    if (st != MSE_OK) {
        mse_reply_unref(r);
        return api_failed(st, &err);
    }
    api_oidc_offer(&j, &cfg->conf->oidc);
    if (cfg->simulation_root != NULL) {
        mse_js_str(&j, "simulation_root", cfg->simulation_root);
    }
    return finish(r, &j);
}

struct mse_reply *api_health(struct api_call *c)
{
    if (atomic_load(&c->api->database) != API_DB_ANSWERS) {
        return api_problem(HTTP_UNAVAILABLE, "The platform's database does not answer.");
    }
    struct mse_reply *r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = begin(r);
    mse_js_str(&j, "status", "ok");
    return finish(r, &j);
}

struct mse_reply *api_openapi(struct api_call *c)
{
    struct mse_reply *r = api_json(HTTP_OK);
    if (r != NULL) {
        mse_wr_bytes(&r->body, mse_build_view(&c->api->openapi));
    }
    return mse_reply_finish(r, true);
}
