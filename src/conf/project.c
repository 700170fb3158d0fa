/* SPDX-License-Identifier: Apache-2.0 */
/* The table of mse.toml and the rules between its keys. */
#include "conf/project.h"

#include "base/bytes.h"

#define KEY(n, k, member)                                                                          \
    {                                                                                              \
        (n), (k), false, offsetof(struct mse_project, member), 0, 0, NULL                          \
    }
#define REQUIRED(n, k, member)                                                                     \
    {                                                                                              \
        (n), (k), true, offsetof(struct mse_project, member), 1, 0, NULL                           \
    }
#define UINT(n, member, a, b)                                                                      \
    {                                                                                              \
        (n), MSE_CONF_UINT, false, offsetof(struct mse_project, member), (a), (b), NULL            \
    }
#define TABLE(n, member, keys)                                                                     \
    {                                                                                              \
        (n), MSE_CONF_TABLE, false, offsetof(struct mse_project, member), 0, 0, (keys)             \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL                                                \
    }

static const struct mse_conf_key ssl_keys[] = {
    REQUIRED("domain_name", MSE_CONF_STRING, ssl_domain_name),
    REQUIRED("private_key", MSE_CONF_STRING, ssl_private_key),
    REQUIRED("certificate", MSE_CONF_STRING, ssl_certificate),
    END,
};

static const struct mse_conf_key cloud_keys[] = {
    KEY("code", MSE_CONF_STRING, code),
    KEY("tests", MSE_CONF_STRING, tests),
    KEY("project", MSE_CONF_STRING, project),
    KEY("hardware", MSE_CONF_STRING, hardware),
    KEY("expiration_date", MSE_CONF_TIME, expiration_date),
    KEY("secrets", MSE_CONF_STRING, secrets),
    TABLE("ssl", has_ssl, ssl_keys),
    END,
};

static const struct mse_conf_key rootfs_keys[] = {
    REQUIRED("name", MSE_CONF_STRING, rootfs_name),
    KEY("version", MSE_CONF_STRING, rootfs_version),
    KEY("digest", MSE_CONF_HEX32, rootfs_digest),
    END,
};

static const struct mse_conf_key upgrade_keys[] = {
    KEY("none", MSE_CONF_BOOL, upgrade_none),
    KEY("fingerprints", MSE_CONF_LIST, upgrade_fingerprints),
    KEY("owner_key", MSE_CONF_STRING, upgrade_owner_key),
    END,
};

static const struct mse_conf_key replica_policy_keys[] = {
    KEY("machines", MSE_CONF_LIST, replica_machines),
    KEY("statuses", MSE_CONF_LIST, replica_statuses),
    UINT("min_tcb_evaluation_number", replica_min_tcb_evaluation_number, 0, UINT32_MAX),
    END,
};

static const struct mse_conf_key enclave_keys[] = {
    UINT("enclave_size", enclave_size, 1ULL << 24, 1ULL << 40),
    UINT("ignore", ignore, 1, 1),
    KEY("package", MSE_CONF_STRING, package),
    KEY("logs", MSE_CONF_STRING, logs),
    KEY("logs_key", MSE_CONF_HEX32, logs_key),
    KEY("restart", MSE_CONF_STRING, restart),
    KEY("certificate", MSE_CONF_STRING, certificate),
    UINT("replicas", replicas, 1, 64),
    TABLE("replica_policy", has_replica_policy, replica_policy_keys),
    KEY("egress", MSE_CONF_BOOL, egress),
    KEY("client_ca", MSE_CONF_STRING, client_ca),
    KEY("proxy_protocol", MSE_CONF_BOOL, proxy_protocol),
    KEY("legacy_extension", MSE_CONF_BOOL, legacy_extension),
    KEY("expects", MSE_CONF_LIST, expects),
    KEY("config_token_sha256", MSE_CONF_HEX32, config_token_sha256),
    TABLE("rootfs", has_rootfs, rootfs_keys),
    TABLE("upgrade", has_upgrade, upgrade_keys),
    END,
};

static const struct mse_conf_key project_keys[] = {
    { "name", MSE_CONF_STRING, true, offsetof(struct mse_project, name), 1, 255, NULL },
    KEY("python_application", MSE_CONF_STRING, python_application),
    KEY("command", MSE_CONF_LIST, command),
    REQUIRED("healthcheck_endpoint", MSE_CONF_STRING, healthcheck_endpoint),
    KEY("alpn", MSE_CONF_LIST, alpn),
    UINT("workers", workers, 1, 256),
    KEY("env", MSE_CONF_PAIRS, env),
    KEY("tests_cmd", MSE_CONF_STRING, tests_cmd),
    KEY("tests_requirements", MSE_CONF_LIST, tests_requirements),
    TABLE("cloud", has_cloud, cloud_keys),
    TABLE("enclave", has_enclave, enclave_keys),
    END,
};

/* Keys whose value is one of a few words. */
static mse_status check_words(const struct mse_project *p, const struct mse_conf_file *f,
                              struct mse_error *err)
{
    const struct {
        const char *path;
        const char *seen;
        const char *words[4];
    } rows[] = {
        { "enclave.package", p->package, { "plain", "encrypted", NULL } },
        { "enclave.logs", p->logs, { "plain", "owner", "none", NULL } },
        { "enclave.restart", p->restart, { "never", "sealed", NULL } },
        { "enclave.certificate", p->certificate, { "leaf", "ca", NULL } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool known = rows[i].seen == NULL;
        for (size_t w = 0; !known && rows[i].words[w] != NULL; w++) {
            known = strcmp(rows[i].seen, rows[i].words[w]) == 0;
        }
        if (!known) {
            return mse_conf_fail(f, mse_conf_line_of(f, rows[i].path), err,
                                 "%s is %.40s, wanted %s or %s%s%s", rows[i].path, rows[i].seen,
                                 rows[i].words[0], rows[i].words[1],
                                 rows[i].words[2] == NULL ? "" : " or ",
                                 rows[i].words[2] == NULL ? "" : rows[i].words[2]);
        }
    }
    return MSE_OK;
}

static mse_status check_meaning(const struct mse_project *p, const struct mse_conf_file *f,
                                struct mse_error *err)
{
    if ((p->command.num > 0) == (p->python_application != NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "command"), err,
                             "wanted exactly one of python_application and command");
    }
    if (p->healthcheck_endpoint[0] != '/') {
        return mse_conf_fail(f, mse_conf_line_of(f, "healthcheck_endpoint"), err,
                             "healthcheck_endpoint is \"%.60s\", wanted a path that begins /",
                             p->healthcheck_endpoint);
    }
    if (p->name[0] == ' ' || p->name[strlen(p->name) - 1] == ' ') {
        return mse_conf_fail(f, mse_conf_line_of(f, "name"), err,
                             "name is \"%.60s\", wanted no space at either end", p->name);
    }
    return check_words(p, f, err);
}

mse_status mse_project_parse(struct mse_project *out, const char *name, struct mse_bytes text,
                             struct mse_error *err)
{
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_project p = { .workers = 1, .enclave_size = 1ULL << 30, .ignore = 1, .replicas = 1 };
    st = mse_conf_read(&p, &f, project_keys, err);
    if (st == MSE_OK) {
        st = check_meaning(&p, &f, err);
    }
    if (st == MSE_OK) {
        *out = p;
    } else {
        mse_project_clear(&p);
    }
    mse_conf_close(&f);
    return st;
}

void mse_project_clear(struct mse_project *p)
{
    mse_conf_clear(p, project_keys);
}

const char *mse_project_key_name(const char *table, size_t i)
{
    const struct mse_conf_key *keys = table == NULL ? project_keys : NULL;
    for (const struct mse_conf_key *k = project_keys; table != NULL && k->name != NULL; k++) {
        keys = k->kind == MSE_CONF_TABLE && strcmp(k->name, table) == 0 ? k->members : keys;
    }
    for (size_t at = 0; keys != NULL && keys[at].name != NULL; at++) {
        if (at == i) {
            return keys[at].name;
        }
    }
    return NULL;
}
