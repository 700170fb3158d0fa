/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the manifest: a table of members, then the proof that the bytes are what the writer would
 * write. The second step makes every other spelling of the same content, and every value outside
 * its rule, a refusal. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "package/manifest.h"

/* A reader of one member: false if the value has the wrong type, form or fixed value. */
typedef bool (*rd_fn)(struct mse_manifest *m, json_t *v);

static bool rd_dup(char **out, json_t *v)
{
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
        return false;
    }
    *out = strdup(json_string_value(v));
    return *out != NULL;
}

static bool rd_list(struct mse_str_list *out, json_t *v)
{
    size_t num = json_array_size(v);
    if (!json_is_array(v) || num == 0) {
        return false;
    }
    out->items = calloc(num, sizeof *out->items);
    for (size_t i = 0; out->items != NULL && i < num; i++) {
        if (!rd_dup(&out->items[i], json_array_get(v, i))) {
            return false;
        }
        out->num++;
    }
    return out->items != NULL;
}

static bool rd_hex32(uint8_t out[32], json_t *v)
{
    return json_is_string(v) && mse_hex_decode(out, 32, mse_bytes_str(json_string_value(v)));
}

static bool rd_time(mse_time *out, json_t *v)
{
    return json_is_string(v) && mse_time_parse(out, mse_bytes_str(json_string_value(v)));
}

static bool rd_uint(uint64_t *out, json_t *v, uint64_t max)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max) {
        return false;
    }
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool is_str(json_t *v, const char *want)
{
    return json_is_string(v) && strcmp(json_string_value(v), want) == 0;
}

static bool is_one(json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) == 1;
}

static bool rd_alpn(struct mse_manifest *m, json_t *v)
{
    return rd_list(&m->alpn, v);
}

static bool rd_app_id(struct mse_manifest *m, json_t *v)
{
    if (!json_is_string(v) || json_string_length(v) != sizeof m->app_id - 1) {
        return false;
    }
    memcpy(m->app_id, json_string_value(v), sizeof m->app_id);
    return true;
}

static bool rd_certificate(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return is_str(v, "leaf");
}

static bool rd_code_digest(struct mse_manifest *m, json_t *v)
{
    return rd_hex32(m->code_digest, v);
}

static bool rd_command(struct mse_manifest *m, json_t *v)
{
    return rd_list(&m->command, v);
}

static bool rd_config_domain_name(struct mse_manifest *m, json_t *v)
{
    return rd_dup(&m->config_domain_name, v);
}

static bool rd_created_at(struct mse_manifest *m, json_t *v)
{
    return rd_time(&m->created_at, v);
}

static bool rd_egress(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return json_is_false(v);
}

static bool rd_enclave_size(struct mse_manifest *m, json_t *v)
{
    return rd_uint(&m->enclave_size, v, 1ULL << 52);
}

/* jansson keeps the members in the order of the text, which the comparison at the end judges. */
static bool rd_env(struct mse_manifest *m, json_t *v)
{
    size_t num = json_object_size(v);
    if (!json_is_object(v)) {
        return false;
    }
    if (num == 0) {
        return true;
    }
    m->env = calloc(num, sizeof *m->env);
    if (m->env == NULL) {
        return false;
    }
    void *it = json_object_iter(v);
    for (; it != NULL; it = json_object_iter_next(v, it)) {
        struct mse_env_var *e = &m->env[m->num_env++];
        e->name = strdup(json_object_iter_key(it));
        if (e->name == NULL || !rd_dup(&e->value, json_object_iter_value(it))) {
            return false;
        }
    }
    return true;
}

static bool rd_expires_at(struct mse_manifest *m, json_t *v)
{
    return rd_time(&m->expires_at, v);
}

static bool rd_healthcheck(struct mse_manifest *m, json_t *v)
{
    return rd_dup(&m->healthcheck_endpoint, v);
}

static bool rd_one(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return is_one(v);
}

static bool rd_legacy_extension(struct mse_manifest *m, json_t *v)
{
    m->legacy_extension = json_is_true(v);
    return json_is_boolean(v);
}

static bool rd_plain(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return is_str(v, "plain");
}

static bool rd_name(struct mse_manifest *m, json_t *v)
{
    return rd_dup(&m->name, v);
}

static bool rd_python_application(struct mse_manifest *m, json_t *v)
{
    return rd_dup(&m->python_application, v);
}

static bool rd_restart(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return is_str(v, "never");
}

static bool rd_rootfs(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return json_object_size(v) == 1 && is_str(json_object_get(v, "name"), "host");
}

static bool rd_runtime(struct mse_manifest *m, json_t *v)
{
    return rd_hex32(m->runtime, v);
}

static bool rd_san(struct mse_manifest *m, json_t *v)
{
    return rd_dup(&m->san, v);
}

static bool rd_origin(struct mse_manifest *m, json_t *v)
{
    m->origin = MSE_ORIGIN_SELF;
    return is_str(v, "self");
}

static bool rd_upgrade(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return json_object_size(v) == 1 && json_is_true(json_object_get(v, "none"));
}

static bool rd_version(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return json_is_integer(v) && json_integer_value(v) == MSE_MANIFEST_VERSION;
}

static bool rd_workers(struct mse_manifest *m, json_t *v)
{
    uint64_t n = 0;
    if (!rd_uint(&n, v, UINT32_MAX)) {
        return false;
    }
    m->workers = (uint32_t)n;
    return true;
}

static const struct member {
    const char *key;
    rd_fn read;
    bool optional;
    const char *wanted;
} members[] = {
    { "alpn", rd_alpn, false, "a list of protocol names" },
    { "app_id", rd_app_id, false, "a UUID" },
    { "certificate", rd_certificate, false, "\"leaf\"" },
    { "code_digest", rd_code_digest, false, "64 hexadecimal digits" },
    { "command", rd_command, true, "a list of words" },
    { "config_domain_name", rd_config_domain_name, false, "a host name" },
    { "created_at", rd_created_at, false, "a time" },
    { "egress", rd_egress, false, "false" },
    { "enclave_size", rd_enclave_size, false, "a number of bytes" },
    { "env", rd_env, false, "a table of strings" },
    { "expires_at", rd_expires_at, false, "a time" },
    { "healthcheck_endpoint", rd_healthcheck, false, "a path" },
    { "ignore", rd_one, false, "1" },
    { "legacy_extension", rd_legacy_extension, false, "true or false" },
    { "logs", rd_plain, false, "\"plain\"" },
    { "name", rd_name, false, "text" },
    { "package", rd_plain, false, "\"plain\"" },
    { "python_application", rd_python_application, true, "module:variable" },
    { "replicas", rd_one, false, "1" },
    { "restart", rd_restart, false, "\"never\"" },
    { "rootfs", rd_rootfs, false, "{\"name\":\"host\"}" },
    { "runtime", rd_runtime, false, "64 hexadecimal digits" },
    { "san", rd_san, false, "a host name" },
    { "ssl_certificate_origin", rd_origin, false, "\"self\"" },
    { "upgrade", rd_upgrade, false, "{\"none\":true}" },
    { "version", rd_version, false, "1" },
    { "workers", rd_workers, false, "a number" },
};

static const struct member *find_member(const char *key)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        if (strcmp(members[i].key, key) == 0) {
            return &members[i];
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
        const struct member *known = find_member(key);
        if (known == NULL) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "unknown member %.60s", key);
        }
        if (!known->read(m, v)) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%s: wanted %s", key,
                            known->wanted);
        }
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        if (!members[i].optional && json_object_get(root, members[i].key) == NULL) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "manifest", "%s is missing", members[i].key);
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
