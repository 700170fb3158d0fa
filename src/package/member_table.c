/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a manifest's members, and those of them that are no plain values. */
#include <stddef.h>

#include "base/bytes.h"
#include "base/util.h"
#include "package/members.h"

/* jansson keeps the members in the order of the text, which the comparison with the writer's bytes
 * judges. */
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
        if (e->name == NULL || !mse_member_read_text(&e->value, json_object_iter_value(it))) {
            return false;
        }
    }
    return true;
}

static void wr_env(struct mse_build *b, const struct mse_manifest *m)
{
    mse_wr_u8(b, '{');
    for (size_t i = 0; i < m->num_env; i++) {
        if (i > 0) {
            mse_wr_u8(b, ',');
        }
        mse_member_write_text(b, m->env[i].name);
        mse_wr_u8(b, ':');
        mse_member_write_text(b, m->env[i].value);
    }
    mse_wr_u8(b, '}');
}

/* By bit, in byte order. */
static const char *const expect_words[] = { "sealed_secrets", "secrets", "ssl_key" };

static bool rd_expects(struct mse_manifest *m, json_t *v)
{
    size_t at = 0;
    json_t *word = NULL;
    json_array_foreach(v, at, word)
    {
        unsigned bit = 0;
        while (bit < MSE_ARRAY_LEN(expect_words) &&
               (!json_is_string(word) || strcmp(expect_words[bit], json_string_value(word)) != 0)) {
            bit++;
        }
        if (bit == MSE_ARRAY_LEN(expect_words)) {
            return false;
        }
        m->expects |= 1U << bit;
    }
    return json_is_array(v);
}

static void wr_expects(struct mse_build *b, const struct mse_manifest *m)
{
    const char *between = "";
    mse_wr_u8(b, '[');
    for (size_t bit = 0; bit < MSE_ARRAY_LEN(expect_words); bit++) {
        if ((m->expects & 1U << bit) != 0) {
            mse_wr_str(b, between);
            mse_member_write_text(b, expect_words[bit]);
            between = ",";
        }
    }
    mse_wr_u8(b, ']');
}

static bool rd_rootfs(struct mse_manifest *m, json_t *v)
{
    json_t *name = json_object_get(v, "name");
    json_t *digest = json_object_get(v, "digest");
    if (json_object_size(v) == 1 && json_is_string(name)) {
        return strcmp(json_string_value(name), "host") == 0;
    }
    return json_object_size(v) == 3 && mse_member_read_text(&m->rootfs.name, name) &&
           mse_member_read_text(&m->rootfs.version, json_object_get(v, "version")) &&
           json_is_string(digest) &&
           mse_hex_decode(m->rootfs.digest, 32, mse_bytes_str(json_string_value(digest)));
}

static void wr_rootfs(struct mse_build *b, const struct mse_manifest *m)
{
    char hex[65];
    if (m->rootfs.name == NULL) {
        mse_wr_str(b, "{\"name\":\"host\"}");
        return;
    }
    mse_hex_encode(hex, mse_bytes_of(m->rootfs.digest, 32));
    mse_wr_printf(b, "{\"digest\":\"%s\",\"name\":", hex);
    mse_member_write_text(b, m->rootfs.name);
    mse_wr_str(b, ",\"version\":");
    mse_member_write_text(b, m->rootfs.version);
    mse_wr_u8(b, '}');
}

static bool rd_upgrade(struct mse_manifest *m, json_t *v)
{
    json_t *list = json_object_get(v, "fingerprints");
    json_t *key = json_object_get(v, "owner_key");
    if (json_object_size(v) != 1) {
        return false;
    }
    if (list != NULL) {
        return mse_member_read_list(&m->upgrade.fingerprints, list);
    }
    return key != NULL ? mse_member_read_text(&m->upgrade.owner_key, key)
                       : json_is_true(json_object_get(v, "none"));
}

static void wr_upgrade(struct mse_build *b, const struct mse_manifest *m)
{
    if (m->upgrade.fingerprints.num > 0) {
        mse_wr_str(b, "{\"fingerprints\":");
        mse_member_write_list(b, &m->upgrade.fingerprints);
    } else if (m->upgrade.owner_key != NULL) {
        mse_wr_str(b, "{\"owner_key\":");
        mse_member_write_text(b, m->upgrade.owner_key);
    } else {
        mse_wr_str(b, "{\"none\":true");
    }
    mse_wr_u8(b, '}');
}

static bool rd_replica_policy(struct mse_manifest *m, json_t *v)
{
    struct mse_replica_policy *p = &m->replica_policy;
    uint64_t n = 0;
    bool ok =
        json_object_size(v) == 3 &&
        mse_member_read_list(&p->machines, json_object_get(v, "machines")) &&
        mse_member_read_uint(&n, json_object_get(v, "min_tcb_evaluation_number"), UINT32_MAX) &&
        mse_member_read_list(&p->statuses, json_object_get(v, "statuses"));
    p->min_tcb_evaluation_number = (uint32_t)n;
    return ok;
}

static void wr_replica_policy(struct mse_build *b, const struct mse_manifest *m)
{
    const struct mse_replica_policy *p = &m->replica_policy;
    mse_wr_str(b, "{\"machines\":");
    mse_member_write_list(b, &p->machines);
    mse_wr_printf(b,
                  ",\"min_tcb_evaluation_number\":%u,\"statuses\":", p->min_tcb_evaluation_number);
    mse_member_write_list(b, &p->statuses);
    mse_wr_u8(b, '}');
}

static bool rd_version(struct mse_manifest *m, json_t *v)
{
    (void)m;
    return json_is_integer(v) && json_integer_value(v) == MSE_MANIFEST_VERSION;
}

static void wr_version(struct mse_build *b, const struct mse_manifest *m)
{
    (void)m;
    mse_wr_printf(b, "%d", MSE_MANIFEST_VERSION);
}

static const char *const certificate_words[] = { "leaf", "ca", NULL };
static const char *const logs_words[] = { "plain", "owner", "none", NULL };
static const char *const origin_words[] = { "self", "owner", "operator", NULL };
static const char *const package_words[] = { "plain", "encrypted", NULL };
static const char *const restart_words[] = { "never", "sealed", NULL };

#define HEX_DIGITS "64 hexadecimal digits"
#define MUST(n, kind, member, wanted)                                                              \
    {                                                                                              \
        (n), offsetof(struct mse_manifest, member), MSE_MEMBER_##kind, false, (wanted), NULL,      \
            NULL, NULL                                                                             \
    }
#define MAY(n, kind, member, wanted)                                                               \
    {                                                                                              \
        (n), offsetof(struct mse_manifest, member), MSE_MEMBER_##kind, true, (wanted), NULL, NULL, \
            NULL                                                                                   \
    }
#define WORD(n, member, words, wanted)                                                             \
    {                                                                                              \
        (n), offsetof(struct mse_manifest, member), MSE_MEMBER_WORD, false, (wanted), (words),     \
            NULL, NULL                                                                             \
    }
#define OTHER(n, member, optional, wanted, rd, wr)                                                 \
    {                                                                                              \
        (n), offsetof(struct mse_manifest, member), MSE_MEMBER_OTHER, (optional), (wanted), NULL,  \
            (rd), (wr)                                                                             \
    }

const struct mse_member mse_members[] = {
    MUST("alpn", LIST, alpn, "a list of protocol names"),
    MUST("app_id", UUID, app_id, "a UUID"),
    WORD("certificate", certificate, certificate_words, "\"leaf\" or \"ca\""),
    MAY("client_ca", HEX32, client_ca, HEX_DIGITS),
    MUST("code_digest", HEX32, code_digest, HEX_DIGITS),
    MAY("command", LIST, command, "a list of words"),
    MUST("config_domain_name", TEXT, config_domain_name, "a host name"),
    MAY("config_token_sha256", HEX32, config_token_sha256, HEX_DIGITS),
    MUST("created_at", TIME, created_at, "a time"),
    MUST("egress", BOOL, egress, "true or false"),
    MUST("enclave_size", U64, enclave_size, "a number of bytes"),
    OTHER("env", env, false, "a table of strings", rd_env, wr_env),
    OTHER("expects", expects, false, "a list of \"sealed_secrets\", \"secrets\", \"ssl_key\"",
          rd_expects, wr_expects),
    MUST("expires_at", TIME, expires_at, "a time"),
    MUST("healthcheck_endpoint", TEXT, healthcheck_endpoint, "a path"),
    MUST("ignore", U32, ignore, "1"),
    MUST("legacy_extension", BOOL, legacy_extension, "true or false"),
    WORD("logs", logs, logs_words, "\"none\", \"owner\" or \"plain\""),
    MAY("logs_key", HEX32, logs_key, HEX_DIGITS),
    MUST("name", TEXT, name, "text"),
    WORD("package", package, package_words, "\"encrypted\" or \"plain\""),
    MAY("package_header", HEX32, package_header, HEX_DIGITS),
    MUST("proxy_protocol", BOOL, proxy_protocol, "true or false"),
    MAY("python_application", TEXT, python_application, "module:variable"),
    OTHER("replica_policy", replica_policy.machines.items, true,
          "{\"machines\":[...],\"min_tcb_evaluation_number\":N,\"statuses\":[...]}",
          rd_replica_policy, wr_replica_policy),
    MUST("replicas", U32, replicas, "a number"),
    WORD("restart", restart, restart_words, "\"never\" or \"sealed\""),
    OTHER("rootfs", rootfs, false, "{\"name\":\"host\"} or {\"digest\",\"name\",\"version\"}",
          rd_rootfs, wr_rootfs),
    MUST("runtime", HEX32, runtime, HEX_DIGITS),
    MUST("san", TEXT, san, "a host name"),
    MAY("ssl_certificate_chain_sha256", HEX32, ssl_certificate_chain_sha256, HEX_DIGITS),
    WORD("ssl_certificate_origin", origin, origin_words, "\"self\", \"owner\" or \"operator\""),
    OTHER("upgrade", upgrade, false,
          "{\"none\":true}, {\"fingerprints\":[...]} or {\"owner_key\":...}", rd_upgrade,
          wr_upgrade),
    OTHER("version", app_id, false, "1", rd_version, wr_version),
    MUST("workers", U32, workers, "a number"),
    { NULL, 0, MSE_MEMBER_OTHER, false, NULL, NULL, NULL, NULL },
};

const char *mse_manifest_member_name(size_t i)
{
    return i < MSE_ARRAY_LEN(mse_members) ? mse_members[i].name : NULL;
}

const char *mse_manifest_logs_word(const struct mse_manifest *m)
{
    return logs_words[m->logs];
}
