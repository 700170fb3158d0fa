/* SPDX-License-Identifier: Apache-2.0 */
/* From mse.toml to a manifest. What is the owner's to choose is copied here; names, dates, digests
 * are put in by the command. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "conf/project.h"

static bool copy_text(char **out, const char *in)
{
    *out = in == NULL ? NULL : strdup(in);
    return in == NULL || *out != NULL;
}

static bool copy_list(struct mse_str_list *out, const struct mse_conf_list *in)
{
    if (in->num == 0) {
        return true;
    }
    out->items = calloc(in->num, sizeof *out->items);
    for (size_t i = 0; out->items != NULL && i < in->num; i++) {
        out->items[i] = strdup(in->items[i]);
        if (out->items[i] == NULL) {
            return false;
        }
        out->num++;
    }
    return out->items != NULL;
}

static bool copy_env(struct mse_manifest *m, const struct mse_conf_pairs *in)
{
    m->env = calloc(in->num + 1, sizeof *m->env);
    for (size_t i = 0; m->env != NULL && i < in->num; i++) {
        m->env[i].name = strdup(in->items[i].name);
        m->env[i].value = strdup(in->items[i].value);
        m->num_env++;
        if (m->env[i].name == NULL || m->env[i].value == NULL) {
            return false;
        }
    }
    return m->env != NULL;
}

static bool is(const char *seen, const char *word)
{
    return seen != NULL && strcmp(seen, word) == 0;
}

/* mse.toml was read: there are no other words than these. */
static void copy_words(struct mse_manifest *m, const struct mse_project *p)
{
    m->package = is(p->package, "encrypted") ? MSE_PACKAGE_ENCRYPTED : MSE_PACKAGE_PLAIN;
    m->restart = is(p->restart, "sealed") ? MSE_RESTART_SEALED : MSE_RESTART_NEVER;
    m->certificate = is(p->certificate, "ca") ? MSE_CERTIFICATE_CA : MSE_CERTIFICATE_LEAF;
    bool has_key = !mse_mem_is_zero(p->logs_key, sizeof p->logs_key);
    m->logs = has_key ? MSE_LOGS_OWNER : MSE_LOGS_NONE; /* sealed to nobody: written for nobody */
    if (p->logs != NULL) {
        m->logs = is(p->logs, "plain")   ? MSE_LOGS_PLAIN
                  : is(p->logs, "owner") ? MSE_LOGS_OWNER
                                         : MSE_LOGS_NONE;
    }
}

const char *cli_logs_text(const struct mse_manifest *m)
{
    switch (m->logs) {
    case MSE_LOGS_PLAIN:
        return "plain, whoever runs the machine reads what the app prints";
    case MSE_LOGS_OWNER:
        return "sealed for the owner, nobody else reads what the app prints";
    case MSE_LOGS_NONE:
        break;
    }
    return "none, what the app prints is lost (logs_key in mse.toml names who may read it)";
}

void cli_say_upgrade(const struct cli *c, const struct mse_manifest *m)
{
    const struct mse_upgrade_rule *u = &m->upgrade;
    if (u->owner_key != NULL) {
        cli_say(c,
                "Upgrade: the storage may go on in whatever the owner's key signs: the owner can "
                "later read what users have stored");
        return;
    }
    if (u->fingerprints.num == 0) {
        cli_say(c, "Upgrade: none, no other version of the app gets its storage");
    }
    for (size_t i = 0; i < u->fingerprints.num; i++) {
        cli_say(c, "Upgrade: the storage may go on in %s", u->fingerprints.items[i]);
    }
}

json_t *cli_upgrade_json(const struct mse_manifest *m)
{
    const struct mse_upgrade_rule *u = &m->upgrade;
    if (u->owner_key != NULL) {
        return json_pack("{s:s}", "owner_key", u->owner_key);
    }
    if (u->fingerprints.num == 0) {
        return json_pack("{s:b}", "none", 1);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < u->fingerprints.num; i++) {
        (void)json_array_append_new(list, json_string(u->fingerprints.items[i]));
    }
    return json_pack("{s:o}", "fingerprints", list);
}

static void copy_values(struct mse_manifest *m, const struct mse_project *p)
{
    m->workers = (uint32_t)p->workers;
    m->enclave_size = p->enclave_size;
    m->ignore = (uint32_t)p->ignore;
    m->replicas = (uint32_t)p->replicas;
    m->replica_policy.min_tcb_evaluation_number = (uint32_t)p->replica_min_tcb_evaluation_number;
    m->legacy_extension = p->legacy_extension;
    m->egress = p->egress;
    m->proxy_protocol = p->proxy_protocol;
    memcpy(m->logs_key, p->logs_key, sizeof m->logs_key);
    memcpy(m->config_token_sha256, p->config_token_sha256, sizeof m->config_token_sha256);
    memcpy(m->rootfs.digest, p->rootfs_digest, sizeof m->rootfs.digest);
}

static mse_status copy_expects(struct mse_manifest *m, const struct mse_project *p,
                               struct mse_error *err)
{
    static const struct {
        const char *word;
        enum mse_expect bit;
    } words[] = { { "sealed_secrets", MSE_EXPECT_SEALED_SECRETS },
                  { "secrets", MSE_EXPECT_SECRETS },
                  { "ssl_key", MSE_EXPECT_SSL_KEY } };
    for (size_t i = 0; i < p->expects.num; i++) {
        unsigned bit = 0;
        for (size_t w = 0; w < MSE_ARRAY_LEN(words); w++) {
            bit |= strcmp(p->expects.items[i], words[w].word) == 0 ? words[w].bit : 0U;
        }
        if (bit == 0) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "expects",
                            "enclave.expects has %.40s, wanted secrets, sealed_secrets or ssl_key",
                            p->expects.items[i]);
        }
        m->expects |= bit;
    }
    return MSE_OK;
}

static mse_status check_tables(const struct mse_project *p, struct mse_error *err)
{
    bool host = is(p->rootfs_name, "host");
    bool bare = p->rootfs_version == NULL && mse_mem_is_zero(p->rootfs_digest, 32);
    if (p->has_rootfs && host != bare) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "rootfs",
                        "enclave.rootfs wants version and digest, or the name host alone");
    }
    if (p->has_upgrade &&
        p->upgrade_none == (p->upgrade_fingerprints.num > 0 || p->upgrade_owner_key != NULL)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "upgrade",
                        "enclave.upgrade wants one of none = true, fingerprints, owner_key");
    }
    return MSE_OK;
}

mse_status cli_manifest_fill(struct mse_manifest *m, const struct mse_project *p,
                             struct mse_error *err)
{
    char http[] = "http/1.1";
    char *list[] = { http };
    const struct mse_conf_list only_http = { list, 1 };
    mse_status st = check_tables(p, err);
    st = st == MSE_OK ? copy_expects(m, p, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    copy_words(m, p);
    copy_values(m, p);
    bool ok = copy_text(&m->name, p->name) &&
              copy_text(&m->python_application, p->python_application) &&
              copy_text(&m->healthcheck_endpoint, p->healthcheck_endpoint) &&
              copy_list(&m->command, &p->command) && copy_env(m, &p->env) &&
              copy_list(&m->alpn, p->alpn.num > 0 ? &p->alpn : &only_http) &&
              copy_text(&m->rootfs.name, is(p->rootfs_name, "host") ? NULL : p->rootfs_name) &&
              copy_text(&m->rootfs.version, p->rootfs_version) &&
              copy_list(&m->upgrade.fingerprints, &p->upgrade_fingerprints) &&
              copy_text(&m->upgrade.owner_key, p->upgrade_owner_key) &&
              copy_list(&m->replica_policy.machines, &p->replica_machines) &&
              copy_list(&m->replica_policy.statuses, &p->replica_statuses);
    return ok ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "manifest", "out of memory");
}

mse_status cli_manifest_alone(const struct mse_manifest *m, struct mse_error *err)
{
    return m->proxy_protocol
               ? MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "proxy_protocol",
                          "enclave.proxy_protocol is true, and there is no gateway here that names "
                          "clients: it is for mse cloud deploy")
               : MSE_OK;
}
