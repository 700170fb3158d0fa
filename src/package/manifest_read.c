/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the manifest: a table of members, then the proof that the bytes are what the writer would
 * write. The second step makes every other spelling of the same content, and every value outside
 * its rule, a refusal. */
#include "base/bytes.h"
#include "base/error.h"
#include "package/members.h"

static const struct mse_member *find_member(const char *key)
{
    for (const struct mse_member *k = mse_members; k->name != NULL; k++) {
        if (strcmp(k->name, key) == 0) {
            return k;
        }
    }
    return NULL;
}

static mse_status read_members(struct mse_manifest *m, json_t *root, struct mse_error *err)
{
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach(root, key, v)
    {
        const struct mse_member *known = find_member(key);
        if (known == NULL) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "unknown member %.60s", key);
        }
        if (!mse_member_read(m, known, v)) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%s: wanted %s", key,
                            known->wanted);
        }
    }
    for (const struct mse_member *k = mse_members; k->name != NULL; k++) {
        if (!k->optional && json_object_get(root, k->name) == NULL) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%s is missing", k->name);
        }
    }
    return MSE_OK;
}

/* The bytes must be exactly what the writer makes of the values. */
static mse_status check_canonical(const struct mse_manifest *m, struct mse_bytes json,
                                  struct mse_error *err)
{
    struct mse_build b;
    struct mse_error inner = { 0 };
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_manifest_write(&b, m, &inner);
    if (st != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%s", inner.text);
    } else if (!mse_bytes_equal(mse_build_view(&b), json)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest",
                      "not in canonical form (RFC 8785): wanted the members in order, no spaces");
    }
    mse_build_clear(&b);
    return st;
}

mse_status mse_manifest_parse(struct mse_manifest *out, struct mse_bytes json,
                              struct mse_error *err)
{
    if (json.len == 0 || json.len > MSE_MANIFEST_MAX_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%zu bytes, wanted 1 to %zu", json.len,
                        MSE_MANIFEST_MAX_LEN);
    }
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    struct mse_manifest m = { 0 };
    mse_status st = MSE_OK;
    if (root == NULL || !json_is_object(root)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "not a JSON object: %s",
                      root == NULL ? where.text : "another type");
        goto out;
    }
    st = read_members(&m, root, err);
    if (st == MSE_OK) {
        st = check_canonical(&m, json, err);
    }
    if (st == MSE_OK) {
        *out = m;
        struct mse_manifest taken = { 0 };
        m = taken;
    }
out:
    mse_manifest_clear(&m);
    json_decref(root);
    return st;
}
