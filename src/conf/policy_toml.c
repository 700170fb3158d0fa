/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/policy_toml.h"

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "conf/reader.h"

/* Date values are handed over as text, as JSON has them. */
static bool value_of(struct mse_policy_value *out, const struct mse_toml_node *n,
                     char time[MSE_TIME_TEXT_LEN])
{
    struct mse_policy_value v = { 0 };
    switch (n->type) {
    case MSE_TOML_STRING:
        v.kind = MSE_POLICY_TEXT;
        v.text = n->string;
        break;
    case MSE_TOML_BOOLEAN:
        v.kind = MSE_POLICY_BOOL;
        v.boolean = n->number != 0;
        break;
    case MSE_TOML_INTEGER:
        v.kind = MSE_POLICY_UINT;
        if (n->number < 0) {
            return false;
        }
        v.number = (uint64_t)n->number;
        break;
    case MSE_TOML_TIME:
        v.kind = MSE_POLICY_TEXT;
        mse_time_format(time, n->number);
        v.text = mse_bytes_str(time);
        break;
    case MSE_TOML_TABLE:
    case MSE_TOML_ARRAY:
    case MSE_TOML_FLOAT:
    case MSE_TOML_LOCAL_TIME:
        return false;
    }
    *out = v;
    return true;
}

static mse_status bad_type(const struct mse_conf_file *f, const struct mse_toml_node *n,
                           const char *key, const char *wanted, struct mse_error *err)
{
    return mse_conf_fail(f, n->line, err, "%s is %s, wanted %s", key, mse_conf_type_name(n),
                         wanted);
}

/* Puts file and line in front of an error of the table. */
static mse_status in_file(const struct mse_conf_file *f, unsigned line, mse_status st,
                          const struct mse_error *inner, struct mse_error *err)
{
    if (st == MSE_OK) {
        return MSE_OK;
    }
    return MSE_FAIL(err, st, "policy", "%.80s:%u: %.160s", f->name, line, inner->text);
}

static const char *policy_name(const void *unused, size_t i)
{
    (void)unused;
    const struct mse_policy_key *k = mse_policy_key_at(i);
    return k == NULL ? NULL : k->name;
}

static mse_status set_list(struct mse_policy_reader *r, const struct mse_conf_file *f,
                           const struct mse_policy_key *key, const struct mse_toml_node *n,
                           struct mse_error *err)
{
    if (n->type != MSE_TOML_ARRAY) {
        return bad_type(f, n, key->name, "an array of strings", err);
    }
    for (size_t i = 0; i < n->num; i++) {
        char time[MSE_TIME_TEXT_LEN];
        struct mse_policy_value v;
        struct mse_error inner = { 0 };
        const struct mse_toml_node *item = &n->items[i];
        if (!value_of(&v, item, time)) {
            return bad_type(f, item, key->name, key->wanted, err);
        }
        mse_status st = mse_policy_set(r, key, &v, &inner);
        if (st != MSE_OK) {
            return in_file(f, item->line, st, &inner, err);
        }
    }
    return MSE_OK;
}

static mse_status set_reference(struct mse_policy_reader *r, const struct mse_conf_file *f,
                                const struct mse_toml_node *n, struct mse_error *err)
{
    struct mse_error inner = { 0 };
    if (n->type != MSE_TOML_TABLE) {
        return bad_type(f, n, "references", "an array of tables: [[references]]", err);
    }
    mse_status st = mse_policy_reference_begin(r, &inner);
    if (st != MSE_OK) {
        return in_file(f, n->line, st, &inner, err);
    }
    for (size_t i = 0; i < n->num; i++) {
        char time[MSE_TIME_TEXT_LEN];
        struct mse_policy_value v;
        const struct mse_toml_node *item = &n->items[i];
        if (!value_of(&v, item, time)) {
            return bad_type(f, item, "references", "a value", err);
        }
        st = mse_policy_reference_set(r, item->key, &v, &inner);
        if (st != MSE_OK) {
            return in_file(f, item->key_line, st, &inner, err);
        }
    }
    return MSE_OK;
}

static mse_status set_tables(struct mse_policy_reader *r, const struct mse_conf_file *f,
                             const struct mse_toml_node *n, struct mse_error *err)
{
    if (n->type != MSE_TOML_ARRAY) {
        return bad_type(f, n, "references", "an array of tables: [[references]]", err);
    }
    for (size_t i = 0; i < n->num; i++) {
        mse_status st = set_reference(r, f, &n->items[i], err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return MSE_OK;
}

static mse_status set_member(struct mse_policy_reader *r, const struct mse_conf_file *f, size_t i,
                             struct mse_error *err)
{
    char time[MSE_TIME_TEXT_LEN];
    struct mse_policy_value v;
    struct mse_error inner = { 0 };
    const struct mse_toml_node *n = &f->doc->items[i];
    const unsigned line = n->key_line;
    const struct mse_bytes name = n->key;
    const struct mse_policy_key *key = mse_policy_key_find(name);
    if (key == NULL) {
        char quoted[80];
        const char *near = mse_conf_nearest(name, policy_name, NULL);
        return mse_conf_fail(f, line, err, "unknown key \"%s\"%s%s%s",
                             mse_log_quote(quoted, sizeof quoted, name),
                             near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
                             near == NULL ? "" : "\"?");
    }
    mse_status st = mse_policy_key_use(r, key, &inner);
    if (st != MSE_OK) {
        return in_file(f, line, st, &inner, err);
    }
    if (key->kind == MSE_POLICY_LIST) {
        return set_list(r, f, key, n, err);
    }
    if (key->kind == MSE_POLICY_TABLES) {
        return set_tables(r, f, n, err);
    }
    if (!value_of(&v, n, time)) {
        return bad_type(f, n, key->name, key->wanted, err);
    }
    return in_file(f, line, mse_policy_set(r, key, &v, &inner), &inner, err);
}

mse_status mse_policy_parse_toml(struct mse_policy *out, const char *name, struct mse_bytes text,
                                 struct mse_error *err)
{
    struct mse_conf_file f;
    struct mse_policy *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "policy", "out of memory");
    }
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        free(p);
        return st;
    }
    struct mse_policy_reader r;
    mse_policy_read_begin(&r, p);
    size_t num = f.doc->num;
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = set_member(&r, &f, i, err);
    }
    st = st == MSE_OK ? mse_policy_read_end(&r, err) : st;
    if (st == MSE_OK) {
        *out = *p;
    }
    mse_conf_close(&f);
    free(p);
    return st;
}
