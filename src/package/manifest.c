/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the manifest. The members stand in the order of RFC 8785 because they are written so;
 * all their names are ASCII, and so are those of env. Reading is manifest_read.c. */
#include "package/manifest.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "package/rules.h"

static void str_list_clear(struct mse_str_list *l)
{
    for (size_t i = 0; i < l->num; i++) {
        free(l->items[i]);
    }
    free(l->items);
}

void mse_manifest_clear(struct mse_manifest *m)
{
    free(m->name);
    str_list_clear(&m->command);
    free(m->python_application);
    for (size_t i = 0; i < m->num_env; i++) {
        free(m->env[i].name);
        free(m->env[i].value);
    }
    free(m->env);
    str_list_clear(&m->alpn);
    free(m->healthcheck_endpoint);
    free(m->san);
    free(m->config_domain_name);
    struct mse_manifest empty = { 0 };
    *m = empty;
}

static mse_status bad(struct mse_error *err, const char *field, const char *seen, const char *want)
{
    return MSE_FAIL(err, MSE_ERR_ARGUMENT, "manifest", "%s is \"%.80s\", wanted %s", field,
                    seen == NULL ? "" : seen, want);
}

static mse_status check_start(const struct mse_manifest *m, struct mse_error *err)
{
    if ((m->command.num > 0) == (m->python_application != NULL)) {
        return bad(err, "command", "", "exactly one of command and python_application");
    }
    if (m->python_application != NULL && !mse_rule_python_application(m->python_application)) {
        return bad(err, "python_application", m->python_application, "module:variable");
    }
    if (m->command.num > 256) {
        return bad(err, "command", "", "at most 256 words");
    }
    for (size_t i = 0; i < m->command.num; i++) {
        const char *word = m->command.items[i];
        if (strlen(word) > 32768 || !mse_utf8_valid(mse_bytes_str(word)) ||
            (i == 0 && word[0] == '\0')) {
            return bad(err, "command", word, "UTF-8 words, the first not empty");
        }
    }
    return MSE_OK;
}

static mse_status check_env(const struct mse_manifest *m, struct mse_error *err)
{
    if (m->num_env > 256) {
        return bad(err, "env", "", "at most 256 variables");
    }
    for (size_t i = 0; i < m->num_env; i++) {
        const struct mse_env_var *v = &m->env[i];
        if (!mse_rule_env_name(v->name)) {
            return bad(err, "env", v->name, "names of letters, digits and _");
        }
        if (mse_rule_env_reserved(v->name)) {
            return bad(err, "env", v->name, "no name that the runtime sets itself");
        }
        if (i > 0 && strcmp(m->env[i - 1].name, v->name) >= 0) {
            return bad(err, "env", v->name, "each name once, in byte order");
        }
        if (strlen(v->value) > 32768 || !mse_utf8_valid(mse_bytes_str(v->value))) {
            return bad(err, v->name, "", "at most 32768 bytes of UTF-8");
        }
    }
    return MSE_OK;
}

static mse_status check_alpn(const struct mse_manifest *m, struct mse_error *err)
{
    if (m->alpn.num < 1 || m->alpn.num > 2) {
        return bad(err, "alpn", "", "one or two of http/1.1 and h2");
    }
    for (size_t i = 0; i < m->alpn.num; i++) {
        const char *a = m->alpn.items[i];
        if (strcmp(a, "http/1.1") != 0 && strcmp(a, "h2") != 0) {
            return bad(err, "alpn", a, "http/1.1 or h2");
        }
        if (i > 0 && strcmp(m->alpn.items[0], a) == 0) {
            return bad(err, "alpn", a, "each protocol once");
        }
    }
    return MSE_OK;
}

static mse_status check_numbers(const struct mse_manifest *m, struct mse_error *err)
{
    char seen[32];
    if (m->workers < 1 || m->workers > 256) {
        (void)snprintf(seen, sizeof seen, "%u", m->workers);
        return bad(err, "workers", seen, "1 to 256");
    }
    if (!mse_rule_enclave_size(m->enclave_size)) {
        (void)snprintf(seen, sizeof seen, "%llu", (unsigned long long)m->enclave_size);
        return bad(err, "enclave_size", seen, "a power of two from 16 MiB to 1 TiB");
    }
    if (m->created_at < 0 || m->created_at >= m->expires_at || m->expires_at > 253402300799) {
        char created[MSE_TIME_TEXT_LEN];
        mse_time_format(seen, m->expires_at);
        mse_time_format(created, m->created_at);
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "manifest",
                        "expires_at is %s, wanted a time after created_at %s", seen, created);
    }
    return MSE_OK;
}

static mse_status check(const struct mse_manifest *m, struct mse_error *err)
{
    if (!mse_rule_uuid4(m->app_id)) {
        return bad(err, "app_id", m->app_id, "a UUID of version 4 in lower case");
    }
    if (m->name == NULL || !mse_rule_name(m->name)) {
        return bad(err, "name", m->name, "1 to 255 bytes of text, trimmed");
    }
    if (m->healthcheck_endpoint == NULL || !mse_rule_endpoint(m->healthcheck_endpoint)) {
        return bad(err, "healthcheck_endpoint", m->healthcheck_endpoint, "a path that begins /");
    }
    if (m->san == NULL || !mse_rule_host(m->san)) {
        return bad(err, "san", m->san, "a host name in lower case");
    }
    if (m->config_domain_name == NULL || !mse_rule_host(m->config_domain_name)) {
        return bad(err, "config_domain_name", m->config_domain_name, "a host name in lower case");
    }
    if (m->origin != MSE_ORIGIN_SELF) {
        return bad(err, "ssl_certificate_origin",
                   m->origin == MSE_ORIGIN_OWNER ? "owner" : "operator",
                   "self, the only one that this version runs");
    }
    mse_status st = check_start(m, err);
    st = st == MSE_OK ? check_env(m, err) : st;
    st = st == MSE_OK ? check_alpn(m, err) : st;
    return st == MSE_OK ? check_numbers(m, err) : st;
}

/* RFC 8785 3.2.2.2: the seven short escapes that apply, \u00xx for the other controls. */
static void wr_string(struct mse_build *b, const char *s)
{
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    mse_wr_u8(b, '"');
    for (; *s != '\0'; s++) {
        const char *e = NULL;
        for (size_t i = 0; i + 1 < sizeof shorts; i += 2) {
            e = shorts[i] == *s ? shorts + i : e;
        }
        if (e != NULL) {
            mse_wr_u8(b, '\\');
            mse_wr_u8(b, (uint8_t)e[1]);
        } else if ((uint8_t)*s < 0x20) {
            mse_wr_printf(b, "\\u%04x", (unsigned)(uint8_t)*s);
        } else {
            mse_wr_u8(b, (uint8_t)*s);
        }
    }
    mse_wr_u8(b, '"');
}

/* The member name with what stands in front of its value. */
static void wr_key(struct mse_build *b, const char *key)
{
    mse_wr_printf(b, ",\"%s\":", key);
}

static void wr_member(struct mse_build *b, const char *key, const char *value)
{
    wr_key(b, key);
    wr_string(b, value);
}

static void wr_hex(struct mse_build *b, const char *key, const uint8_t v[32])
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(v, 32));
    wr_member(b, key, hex);
}

static void wr_time(struct mse_build *b, const char *key, mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    wr_member(b, key, text);
}

static void wr_list(struct mse_build *b, const struct mse_str_list *l)
{
    mse_wr_u8(b, '[');
    for (size_t i = 0; i < l->num; i++) {
        if (i > 0) {
            mse_wr_u8(b, ',');
        }
        wr_string(b, l->items[i]);
    }
    mse_wr_u8(b, ']');
}

static void wr_env(struct mse_build *b, const struct mse_manifest *m)
{
    mse_wr_u8(b, '{');
    for (size_t i = 0; i < m->num_env; i++) {
        if (i > 0) {
            mse_wr_u8(b, ',');
        }
        wr_string(b, m->env[i].name);
        mse_wr_u8(b, ':');
        wr_string(b, m->env[i].value);
    }
    mse_wr_u8(b, '}');
}

static void wr_manifest(struct mse_build *b, const struct mse_manifest *m)
{
    mse_wr_str(b, "{\"alpn\":");
    wr_list(b, &m->alpn);
    wr_member(b, "app_id", m->app_id);
    wr_member(b, "certificate", "leaf");
    wr_hex(b, "code_digest", m->code_digest);
    if (m->python_application == NULL) {
        wr_key(b, "command");
        wr_list(b, &m->command);
    }
    wr_member(b, "config_domain_name", m->config_domain_name);
    wr_time(b, "created_at", m->created_at);
    mse_wr_str(b, ",\"egress\":false");
    mse_wr_printf(b, ",\"enclave_size\":%llu", (unsigned long long)m->enclave_size);
    wr_key(b, "env");
    wr_env(b, m);
    wr_time(b, "expires_at", m->expires_at);
    wr_member(b, "healthcheck_endpoint", m->healthcheck_endpoint);
    mse_wr_str(b, ",\"ignore\":1");
    mse_wr_printf(b, ",\"legacy_extension\":%s", m->legacy_extension ? "true" : "false");
    wr_member(b, "logs", "plain");
    wr_member(b, "name", m->name);
    wr_member(b, "package", "plain");
    if (m->python_application != NULL) {
        wr_member(b, "python_application", m->python_application);
    }
    mse_wr_str(b, ",\"replicas\":1");
    wr_member(b, "restart", "never");
    mse_wr_str(b, ",\"rootfs\":{\"name\":\"host\"}");
    wr_hex(b, "runtime", m->runtime);
    wr_member(b, "san", m->san);
    wr_member(b, "ssl_certificate_origin", "self");
    mse_wr_str(b, ",\"upgrade\":{\"none\":true}");
    mse_wr_printf(b, ",\"version\":%d", MSE_MANIFEST_VERSION);
    mse_wr_printf(b, ",\"workers\":%u}", m->workers);
}

mse_status mse_manifest_write(struct mse_build *out, const struct mse_manifest *m,
                              struct mse_error *err)
{
    mse_status st = check(m, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_build b;
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    wr_manifest(&b, m);
    if (!mse_build_ok(&b)) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, "manifest", "longer than %zu bytes",
                      MSE_MANIFEST_MAX_LEN);
    } else {
        mse_wr_bytes(out, mse_build_view(&b));
        st = mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_build_clear(&b);
    return st;
}
