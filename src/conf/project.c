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

static const struct mse_conf_key enclave_keys[] = {
    UINT("enclave_size", enclave_size, 1ULL << 24, 1ULL << 40),
    KEY("legacy_extension", MSE_CONF_BOOL, legacy_extension),
    KEY("logs", MSE_CONF_STRING, logs),
    KEY("restart", MSE_CONF_STRING, restart),
    KEY("certificate", MSE_CONF_STRING, certificate),
    UINT("replicas", replicas, 1, 64),
    KEY("egress", MSE_CONF_BOOL, egress),
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

/* Keys that exist but have one possible value in this version. */
static mse_status check_fixed(const struct mse_project *p, const struct mse_conf_file *f,
                              struct mse_error *err)
{
    const struct {
        const char *path;
        const char *seen;
        const char *only;
    } rows[] = {
        { "enclave.logs", p->logs, "plain" },
        { "enclave.restart", p->restart, "never" },
        { "enclave.certificate", p->certificate, "leaf" },
        { "enclave.replicas", p->replicas == 1 ? NULL : "more than one", "1" },
        { "enclave.egress", p->egress ? "true" : NULL, "false" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].seen != NULL && strcmp(rows[i].seen, rows[i].only) != 0) {
            return mse_conf_fail(f, mse_conf_line_of(f, rows[i].path), err,
                                 "%s is %.40s, wanted %s: this version can do nothing else",
                                 rows[i].path, rows[i].seen, rows[i].only);
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
    return check_fixed(p, f, err);
}

mse_status mse_project_parse(struct mse_project *out, const char *name, struct mse_bytes text,
                             struct mse_error *err)
{
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_project p = { .workers = 1, .enclave_size = 1ULL << 30, .replicas = 1 };
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
