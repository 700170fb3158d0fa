/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in JSON: walks the document and hands every value to the table of keys. */
#include <mse/policy.h>

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"

static const char step[] = "policy";

/* One boolean, number or text; the table of keys judges whether it is the right one. */
static bool rd_value(struct mse_json *j, struct mse_policy_value *v)
{
    enum mse_json_type type = mse_json_peek(j);
    if (type == MSE_JSON_BOOL) {
        v->kind = MSE_POLICY_BOOL;
        return mse_json_bool(j, &v->boolean);
    }
    if (type == MSE_JSON_NUMBER) {
        v->kind = MSE_POLICY_UINT;
        return mse_json_u64(j, &v->number, UINT64_MAX);
    }
    v->kind = MSE_POLICY_TEXT;
    return mse_json_plain(j, &v->text);
}

static mse_status bad_value(const struct mse_json *j, const struct mse_policy_key *key,
                            struct mse_error *err)
{
    (void)MSE_FAIL(err, MSE_ERR_POLICY, step, "the key \"%s\" has a wrong value, wanted %s",
                   key->name, key->wanted);
    mse_error_offset(err, mse_json_offset(j));
    return MSE_ERR_POLICY;
}

static mse_status rd_scalar(struct mse_json *j, struct mse_policy_reader *r,
                            const struct mse_policy_key *key, struct mse_error *err)
{
    struct mse_policy_value v = { .kind = MSE_POLICY_BOOL };
    if (!rd_value(j, &v)) {
        return bad_value(j, key, err);
    }
    return mse_policy_set(r, key, &v, err);
}

static mse_status rd_list(struct mse_json *j, struct mse_policy_reader *r,
                          const struct mse_policy_key *key, struct mse_error *err)
{
    struct mse_json_array a;
    for (mse_json_array_begin(j, &a); mse_json_array_next(j, &a);) {
        mse_status st = rd_scalar(j, r, key, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return j->failed ? bad_value(j, key, err) : MSE_OK;
}

static mse_status rd_reference(struct mse_json *j, struct mse_policy_reader *r,
                               const struct mse_policy_key *key, struct mse_error *err)
{
    mse_status st = mse_policy_reference_begin(r, err);
    struct mse_json_object o;
    struct mse_bytes name;
    for (mse_json_object_begin(j, &o); st == MSE_OK && mse_json_object_next(j, &o, &name);) {
        struct mse_policy_value v = { .kind = MSE_POLICY_BOOL };
        if (!rd_value(j, &v)) {
            return bad_value(j, key, err);
        }
        st = mse_policy_reference_set(r, name, &v, err);
    }
    return st == MSE_OK && j->failed ? bad_value(j, key, err) : st;
}

static mse_status rd_tables(struct mse_json *j, struct mse_policy_reader *r,
                            const struct mse_policy_key *key, struct mse_error *err)
{
    struct mse_json_array a;
    for (mse_json_array_begin(j, &a); mse_json_array_next(j, &a);) {
        mse_status st = rd_reference(j, r, key, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return j->failed ? bad_value(j, key, err) : MSE_OK;
}

static mse_status rd_any(struct mse_json *j, struct mse_policy_reader *r,
                         const struct mse_policy_key *key, struct mse_error *err)
{
    if (key->kind == MSE_POLICY_LIST) {
        return rd_list(j, r, key, err);
    }
    return key->kind == MSE_POLICY_TABLES ? rd_tables(j, r, key, err) : rd_scalar(j, r, key, err);
}

static mse_status rd_member(struct mse_json *j, struct mse_policy_reader *r, struct mse_bytes name,
                            struct mse_error *err)
{
    const struct mse_policy_key *key = mse_policy_key_find(name);
    if (key == NULL) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "unknown key \"%.*s\"",
                        name.len < 64 ? (int)name.len : 64, (const char *)name.data);
    }
    mse_status st = mse_policy_key_use(r, key, err);
    return st == MSE_OK ? rd_any(j, r, key, err) : st;
}

mse_status mse_policy_parse_json(struct mse_policy *out, struct mse_bytes json,
                                 struct mse_error *err)
{
    struct mse_policy p;
    struct mse_policy_reader r;
    mse_policy_read_begin(&r, &p);
    struct mse_json j;
    mse_json_init(&j, json);
    struct mse_json_object o;
    struct mse_bytes name;
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &name);) {
        mse_status st = rd_member(&j, &r, name, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    if (!mse_json_end(&j)) {
        (void)MSE_FAIL(err, MSE_ERR_POLICY, step,
                       "not a JSON object that can be read, or a key "
                       "stands there twice");
        mse_error_offset(err, mse_json_offset(&j));
        return MSE_ERR_POLICY;
    }
    mse_status st = mse_policy_read_end(&r, err);
    if (st == MSE_OK) {
        *out = p;
    }
    return st;
}
