/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the manifest, and the rules of its values. The members stand in the order of RFC 8785
 * because the table does; all their names are ASCII, and so are those of env. Reading is
 * manifest_read.c. */

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "package/members.h"
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
    free(m->rootfs.name);
    free(m->rootfs.version);
    str_list_clear(&m->upgrade.fingerprints);
    free(m->upgrade.owner_key);
    str_list_clear(&m->replica_policy.machines);
    str_list_clear(&m->replica_policy.statuses);
    struct mse_manifest empty = { 0 };
    *m = empty;
}

void mse_manifest_defaults(struct mse_manifest *m)
{
    *m = (struct mse_manifest) {
        .workers = 1, .enclave_size = 1ULL << 30, .ignore = 1, .replicas = 1
    };
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

static bool needs_something(const struct mse_manifest *m)
{
    return m->expects != 0 || m->package == MSE_PACKAGE_ENCRYPTED;
}

bool mse_manifest_waits(const struct mse_manifest *m)
{
    return needs_something(m) ||
           !mse_mem_is_zero(m->config_token_sha256, sizeof m->config_token_sha256);
}

/* Members that go with a value of another one, and with that only. */
static mse_status check_pairs(const struct mse_manifest *m, struct mse_error *err)
{
    bool has_key = !mse_mem_is_zero(m->logs_key, sizeof m->logs_key);
    bool has_chain =
        !mse_mem_is_zero(m->ssl_certificate_chain_sha256, sizeof m->ssl_certificate_chain_sha256);
    bool open = !mse_mem_is_zero(m->config_token_sha256, sizeof m->config_token_sha256);
    bool ssl_key = (m->expects & MSE_EXPECT_SSL_KEY) != 0;
    if (has_key != (m->logs == MSE_LOGS_OWNER)) {
        return bad(err, "logs_key", has_key ? "there" : "", "it with logs \"owner\" and only then");
    }
    if (has_chain != (m->origin == MSE_ORIGIN_OWNER) || ssl_key != has_chain) {
        return bad(err, "ssl_certificate_chain_sha256", has_chain ? "there" : "",
                   "it and \"ssl_key\" in expects with ssl_certificate_origin \"owner\" and only "
                   "then");
    }
    if (needs_something(m) && !open) {
        return bad(err, "config_token_sha256", "",
                   "it where something is expected or the package is encrypted");
    }
    if (m->ignore != 1) {
        return bad(err, "ignore", "another version", "1");
    }
    return MSE_OK;
}

static mse_status check_rootfs(const struct mse_rootfs *r, struct mse_error *err)
{
    if (r->name == NULL) {
        return MSE_OK;
    }
    if (!mse_rule_name(r->name) || strcmp(r->name, "host") == 0) {
        return bad(err, "rootfs name", r->name, "1 to 255 bytes of text, trimmed, not host");
    }
    if (r->version == NULL || !mse_rule_name(r->version)) {
        return bad(err, "rootfs version", r->version, "1 to 255 bytes of text, trimmed");
    }
    return MSE_OK;
}

/* Lower-case digits for min to max bytes. */
static bool is_hex(const char *s, size_t min, size_t max)
{
    size_t len = strlen(s);
    return len % 2 == 0 && len >= 2 * min && len <= 2 * max && strspn(s, "0123456789abcdef") == len;
}

/* Several of these, each once, in byte order. */
static mse_status check_list(const struct mse_str_list *l, const char *field,
                             bool (*good)(const char *), struct mse_error *err)
{
    if (l->num > 256) {
        return bad(err, field, "", "at most 256");
    }
    for (size_t i = 0; i < l->num; i++) {
        if (!good(l->items[i])) {
            return bad(err, field, l->items[i], "lower-case hexadecimal digits, or a TCB status");
        }
        if (i > 0 && strcmp(l->items[i - 1], l->items[i]) >= 0) {
            return bad(err, field, l->items[i], "each once, in byte order");
        }
    }
    return MSE_OK;
}

static bool is_fingerprint(const char *s)
{
    return is_hex(s, 32, 32);
}

static bool is_machine(const char *s)
{
    return is_hex(s, 16, 64);
}

static bool is_status(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len <= 64 &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == len;
}

static mse_status check_upgrade(const struct mse_upgrade_rule *u, struct mse_error *err)
{
    if (u->owner_key != NULL && u->fingerprints.num > 0) {
        return bad(err, "upgrade", "two rules", "one");
    }
    if (u->owner_key != NULL && !is_hex(u->owner_key, 32, 1024)) {
        return bad(err, "upgrade.owner_key", u->owner_key,
                   "a DER SubjectPublicKeyInfo in lower-case hexadecimal digits");
    }
    return check_list(&u->fingerprints, "upgrade.fingerprints", is_fingerprint, err);
}

/* A policy with several replicas, and only then. */
static mse_status check_replicas(const struct mse_manifest *m, struct mse_error *err)
{
    const struct mse_replica_policy *p = &m->replica_policy;
    char seen[32];
    if (m->replicas < 1 || m->replicas > MSE_MANIFEST_MAX_REPLICAS) {
        (void)snprintf(seen, sizeof seen, "%u", m->replicas);
        return bad(err, "replicas", seen, "1 to 64");
    }
    bool there = p->machines.num > 0 && p->statuses.num > 0;
    bool empty = p->machines.num == 0 && p->statuses.num == 0 && p->min_tcb_evaluation_number == 0;
    if (m->replicas > 1 ? !there : !empty) {
        return bad(err, "replica_policy", "",
                   "machines and statuses with replicas above 1, and "
                   "only then");
    }
    mse_status st = check_list(&p->machines, "replica_policy.machines", is_machine, err);
    return st == MSE_OK ? check_list(&p->statuses, "replica_policy.statuses", is_status, err) : st;
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
    mse_status st = check_start(m, err);
    st = st == MSE_OK ? check_env(m, err) : st;
    st = st == MSE_OK ? check_alpn(m, err) : st;
    st = st == MSE_OK ? check_numbers(m, err) : st;
    st = st == MSE_OK ? check_pairs(m, err) : st;
    st = st == MSE_OK ? check_rootfs(&m->rootfs, err) : st;
    st = st == MSE_OK ? check_upgrade(&m->upgrade, err) : st;
    return st == MSE_OK ? check_replicas(m, err) : st;
}

static void wr_manifest(struct mse_build *b, const struct mse_manifest *m)
{
    const char *between = "{";
    for (const struct mse_member *k = mse_members; k->name != NULL; k++) {
        if (!mse_member_is_absent(m, k)) {
            mse_wr_printf(b, "%s\"%s\":", between, k->name);
            mse_member_write(b, m, k);
            between = ",";
        }
    }
    mse_wr_u8(b, '}');
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
