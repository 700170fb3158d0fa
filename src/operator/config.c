/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/config.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/issuer.h"
#include "conf/reader.h"
#include "db/db.h"
#include "launch/machine.h"
#include "package/rules.h"

#define MAX_PACKAGE     ((uint64_t)16 * 1024) /* MiB */
#define MAX_CONNECTIONS ((uint64_t)1000000)
#define MAX_UPLOAD      ((uint64_t)24 * 3600)
#define MAX_DATABASE    60
#define MAX_PAGE        (CLI_URL_LEN - 32) /* a path stands behind it */
#define MAX_DAYS        3650
#define AT(member)      offsetof(struct mse_op_config, member)
#define KEY(n, member)                                                                             \
    {                                                                                              \
        (n), MSE_CONF_STRING, true, AT(member), 1, 0, NULL                                         \
    }
#define OPTION(n, member)                                                                          \
    {                                                                                              \
        (n), MSE_CONF_STRING, false, AT(member), 1, 0, NULL                                        \
    }
#define NUMBER(n, member, max)                                                                     \
    {                                                                                              \
        (n), MSE_CONF_UINT, false, AT(member), 1, (max), NULL                                      \
    }
#define TABLE(n, member, keys)                                                                     \
    {                                                                                              \
        (n), MSE_CONF_TABLE, false, AT(member), 0, 0, (keys)                                       \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL                                                \
    }

static const struct mse_conf_key api_keys[] = {
    OPTION("listen", api.listen),
    OPTION("certificate", api.certificate),
    OPTION("key", api.key),
    OPTION("spool", api.spool),
    OPTION("web", api.web),
    NUMBER("max_package", api.max_package, MAX_PACKAGE),
    NUMBER("upload_seconds", api.upload_seconds, MAX_UPLOAD),
    NUMBER("database_seconds", api.database_seconds, MAX_DATABASE),
    NUMBER("public_port", api.public_port, UINT16_MAX),
    END,
};
static const struct mse_conf_key gateway_keys[] = {
    OPTION("listen", gateway.listen),
    OPTION("certificate", gateway.certificate),
    OPTION("key", gateway.key),
    OPTION("policy", gateway.policy),
    OPTION("collateral", gateway.collateral),
    NUMBER("max_per_source", gateway.max_per_source, MAX_CONNECTIONS),
    NUMBER("max_per_app", gateway.max_per_app, MAX_CONNECTIONS),
    END,
};
static const struct mse_conf_key node_keys[] = {
    OPTION("name", node.name),
    OPTION("address", node.address),
    OPTION("data", node.data),
    OPTION("tee", node.tee),
    OPTION("platform", node.platform),
    OPTION("runtime", node.runtime),
    OPTION("rootfs", node.rootfs),
    OPTION("libpal", node.libpal),
    OPTION("gramine_sgx", node.gramine_sgx),
    NUMBER("memory", node.memory, INT32_MAX),
    NUMBER("cores", node.cores, INT32_MAX),
    NUMBER("enclave_memory", node.enclave_memory, INT32_MAX),
    { "insecure_no_sandbox", MSE_CONF_BOOL, false, AT(node.insecure_no_sandbox), 0, 0, NULL },
    END,
};
static const struct mse_conf_key machine_keys[] = {
    KEY("image", machine.image),
    OPTION("firmware", machine.firmware),
    OPTION("qemu", machine.qemu),
    OPTION("cpu", machine.cpu),
    NUMBER("memory", machine.memory, INT32_MAX),
    NUMBER("vcpus", machine.vcpus, INT32_MAX),
    END,
};
static const struct mse_conf_key oidc_keys[] = {
    { "issuer", MSE_CONF_STRING, true, AT(oidc.issuer), 1, CLI_URL_LEN - 1, NULL },
    { "client_id", MSE_CONF_STRING, true, AT(oidc.client_id), 1, 255, NULL },
    { "page", MSE_CONF_STRING, false, AT(oidc.page), 1, MAX_PAGE, NULL },
    { "scopes", MSE_CONF_STRING, false, AT(oidc.scopes), 1, 255, NULL },
    { "create_users", MSE_CONF_BOOL, false, AT(oidc.create_users), 0, 0, NULL },
    { "link_by_email", MSE_CONF_BOOL, false, AT(oidc.link_by_email), 0, 0, NULL },
    NUMBER("days", oidc.days, MAX_DAYS),
    NUMBER("redirect_port", oidc.redirect_port, UINT16_MAX),
    END,
};
static const struct mse_conf_key keys[] = {
    KEY("domain", domain),
    OPTION("dev_domain", dev_domain),
    KEY("database", database),
    KEY("signer_key", signer_key),
    TABLE("api", api.there, api_keys),
    TABLE("gateway", gateway.there, gateway_keys),
    TABLE("node", node.there, node_keys),
    TABLE("machine", machine.there, machine_keys),
    TABLE("oidc", oidc.there, oidc_keys),
    END,
};

/* A path, from the folder of the file on; what is not there stays so. */
static bool resolve(char **path, const char *dir)
{
    if (*path == NULL) {
        return true;
    }
    char *whole = cli_join(dir, *path);
    if (whole == NULL) {
        return false;
    }
    free(*path);
    *path = whole;
    return true;
}

static bool resolve_all(struct mse_op_config *c, const char *dir)
{
    char **const paths[] = { &c->signer_key,    &c->api.certificate,  &c->api.key,
                             &c->api.spool,     &c->api.web,          &c->gateway.certificate,
                             &c->gateway.key,   &c->gateway.policy,   &c->gateway.collateral,
                             &c->node.data,     &c->node.platform,    &c->node.runtime,
                             &c->node.rootfs,   &c->node.libpal,      &c->node.gramine_sgx,
                             &c->machine.image, &c->machine.firmware, &c->machine.qemu };
    bool good = mse_db_is_postgres(c->database) || resolve(&c->database, dir);
    for (size_t i = 0; good && i < MSE_ARRAY_LEN(paths); i++) {
        good = resolve(paths[i], dir);
    }
    return good;
}

static bool fill(char **text, const char *fallback)
{
    if (*text == NULL) {
        *text = strdup(fallback);
    }
    return *text != NULL;
}

static bool fill_all(struct mse_op_config *c)
{
    char dev[512];
    (void)snprintf(dev, sizeof dev, "dev.%.300s", c->domain);
    return fill(&c->dev_domain, dev) && fill(&c->api.listen, MSE_OP_API_LISTEN) &&
           fill(&c->api.spool, "/var/tmp") && fill(&c->gateway.listen, MSE_OP_GATEWAY_LISTEN) &&
           fill(&c->node.name, "local") && fill(&c->node.address, "127.0.0.1") &&
           fill(&c->node.data, "node") && fill(&c->node.tee, "sim") &&
           (!c->machine.there || (fill(&c->machine.firmware, MSE_MACHINE_FIRMWARE) &&
                                  fill(&c->machine.qemu, MSE_MACHINE_QEMU))) &&
           (!c->oidc.there || fill(&c->oidc.scopes, "openid email profile"));
}

bool mse_op_config_port(uint16_t *out, const char *listen)
{
    const char *colon = strrchr(listen, ':');
    uint64_t n = 0;
    if (colon == NULL || colon == listen ||
        !mse_u64_parse(&n, mse_bytes_str(colon + 1), UINT16_MAX)) {
        return false;
    }
    *out = (uint16_t)n;
    return true;
}

static bool database_is_known(const char *where)
{
    return strstr(where, "://") == NULL || mse_db_is_postgres(where);
}

static mse_status check_names(const struct mse_op_config *c, const struct mse_conf_file *f,
                              struct mse_error *err)
{
    if (!mse_rule_host(c->domain)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "domain"), err,
                             "domain is \"%.80s\", wanted a host name in lower case", c->domain);
    }
    if (!mse_rule_host(c->dev_domain) || strcmp(c->domain, c->dev_domain) == 0) {
        return mse_conf_fail(f, mse_conf_line_of(f, "dev_domain"), err,
                             "dev_domain is \"%.80s\", wanted a host name in lower case that is "
                             "not the domain",
                             c->dev_domain);
    }
    if (!database_is_known(c->database)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "database"), err,
                             "database is of no kind that is known, wanted a path or "
                             "postgresql://...");
    }
    return MSE_OK;
}

static mse_status check_servers(const struct mse_op_config *c, const struct mse_conf_file *f,
                                struct mse_error *err)
{
    uint16_t port = 0;
    if (!mse_op_config_port(&port, c->api.listen)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "api.listen"), err,
                             "listen is \"%.80s\", wanted ADDRESS:PORT", c->api.listen);
    }
    if (!mse_op_config_port(&port, c->gateway.listen)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "gateway.listen"), err,
                             "listen is \"%.80s\", wanted ADDRESS:PORT", c->gateway.listen);
    }
    if ((c->api.certificate == NULL) != (c->api.key == NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "api"), err,
                             "certificate and key of the API belong together");
    }
    if ((c->gateway.certificate == NULL) != (c->gateway.key == NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "gateway"), err,
                             "certificate and key of the gateway belong together");
    }
    return MSE_OK;
}

static bool is_printable(const char *s, char least)
{
    for (; *s != '\0'; s++) {
        if (*s < least || *s > '~') {
            return false;
        }
    }
    return true;
}

/* Words with single spaces between, one of them openid: without it there is no ID token. */
static bool is_scopes(const char *s)
{
    char padded[260];
    (void)snprintf(padded, sizeof padded, " %.255s ", s);
    return is_printable(s, ' ') && strstr(padded, "  ") == NULL && strpbrk(s, "\"\\") == NULL &&
           strstr(padded, " openid ") != NULL;
}

/* A URL without a path. */
static bool is_origin(const char *url)
{
    return cli_issuer_ok(url) && strchr(strstr(url, "://") + 3, '/') == NULL;
}

static mse_status check_oidc(const struct mse_op_oidc *o, const struct mse_conf_file *f,
                             struct mse_error *err)
{
    if (!o->there) {
        return MSE_OK;
    }
    if (!cli_issuer_ok(o->issuer)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "oidc.issuer"), err,
                             "issuer is \"%.120s\", wanted an https URL without a query (http only "
                             "to 127.0.0.1, [::1] and localhost)",
                             o->issuer);
    }
    if (!is_printable(o->client_id, '!')) {
        return mse_conf_fail(f, mse_conf_line_of(f, "oidc.client_id"), err,
                             "client_id has characters that no client is called by");
    }
    if (o->page != NULL && !is_origin(o->page)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "oidc.page"), err,
                             "page is \"%.120s\", wanted https://HOST or https://HOST:PORT (http "
                             "only to 127.0.0.1, [::1] and localhost)",
                             o->page);
    }
    if (!is_scopes(o->scopes)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "oidc.scopes"), err,
                             "scopes is \"%.80s\", wanted words with one space between, and openid "
                             "among them",
                             o->scopes);
    }
    return MSE_OK;
}

json_t *mse_op_config_machine(const struct mse_op_config *c)
{
    const struct mse_op_config_machine *m = &c->machine;
    json_t *out = json_pack("{s:s*, s:s*, s:s*, s:s*}", "image", m->image, "firmware", m->firmware,
                            "qemu", m->qemu, "cpu", m->cpu);
    if (m->memory > 0) {
        (void)json_object_set_new(out, "machine_memory", json_integer((json_int_t)m->memory));
    }
    if (m->vcpus > 0) {
        (void)json_object_set_new(out, "vcpus", json_integer((json_int_t)m->vcpus));
    }
    return out;
}

static mse_status check_machine(const struct mse_op_config *c, struct mse_error *err)
{
    struct mse_machine_setup m;
    json_t *options = mse_op_config_machine(c);
    mse_status st =
        options == NULL ? MSE_ERR_MEMORY : mse_machine_of(&m, c->node.tee, options, err);
    json_decref(options);
    return st;
}

static mse_status check_paths(const struct mse_op_config_node *n, const struct mse_conf_file *f,
                              struct mse_error *err)
{
    bool sgx = strcmp(n->tee, "sgx") == 0;
    if (sgx && (n->rootfs == NULL || n->libpal == NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "node.tee"), err,
                             "tee is \"sgx\", which wants rootfs and libpal of [node]");
    }
    if (n->platform != NULL && strcmp(mse_launcher_hardware(n->tee), "sim") != 0) {
        return mse_conf_fail(f, mse_conf_line_of(f, "node.platform"), err,
                             "platform is a simulated one's, and tee is \"%.40s\"", n->tee);
    }
    if (!sgx && (n->rootfs != NULL || n->libpal != NULL || n->gramine_sgx != NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "node"), err,
                             "rootfs, libpal and gramine_sgx are for tee = \"sgx\", and tee is "
                             "\"%.40s\"",
                             n->tee);
    }
    return MSE_OK;
}

static mse_status check_node(const struct mse_op_config *c, const struct mse_conf_file *f,
                             struct mse_error *err)
{
    const struct mse_op_config_node *n = &c->node;
    const struct mse_launcher *l = NULL;
    struct mse_error e = { 0 };
    if (mse_launcher_find(&l, n->tee, &e) != MSE_OK) {
        return mse_conf_fail(f, mse_conf_line_of(f, "node.tee"), err, "%.200s", e.text);
    }
    if (l == &mse_launcher_machine && check_machine(c, &e) != MSE_OK) {
        return mse_conf_fail(f, mse_conf_line_of(f, "machine"), err, "[machine] %.200s", e.text);
    }
    if (l != &mse_launcher_machine && c->machine.there) {
        return mse_conf_fail(f, mse_conf_line_of(f, "machine"), err,
                             "[machine] is not for TEE \"%s\": a node of it starts none",
                             c->node.tee);
    }
    return check_paths(n, f, err);
}

static mse_status complete(struct mse_op_config *c, const struct mse_conf_file *f,
                           struct mse_error *err)
{
    char *dir = cli_folder_of(f->name);
    mse_status st = MSE_OK;
    if (dir == NULL || !fill_all(c)) {
        st = mse_conf_fail(f, 0, err, "out of memory");
    }
    if (st == MSE_OK) {
        st = check_names(c, f, err);
    }
    if (st == MSE_OK) {
        st = check_servers(c, f, err);
    }
    if (st == MSE_OK) {
        st = check_oidc(&c->oidc, f, err);
    }
    if (st == MSE_OK) {
        st = check_node(c, f, err);
    }
    if (st == MSE_OK && !resolve_all(c, dir)) {
        st = mse_conf_fail(f, 0, err, "out of memory");
    }
    free(dir);
    return st;
}

mse_status mse_op_config_parse(struct mse_op_config *out, const char *name, struct mse_bytes text,
                               struct mse_error *err)
{
    struct mse_conf_file f;
    struct mse_op_config c = {
        .api = { .max_package = 1024, .upload_seconds = 600, .database_seconds = 15 },
        .oidc = { .days = 30 }
    };
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_conf_read(&c, &f, keys, err);
    if (st == MSE_OK) {
        st = complete(&c, &f, err);
    }
    if (st == MSE_OK) {
        *out = c;
    } else {
        mse_op_config_clear(&c);
    }
    mse_conf_close(&f);
    return st;
}

static mse_status replace(char **text, const char *value, const char *what, struct mse_error *err)
{
    char *copy = strdup(value);
    if (copy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, what, "out of memory");
    }
    free(*text);
    *text = copy;
    return MSE_OK;
}

mse_status mse_op_config_set_database(struct mse_op_config *c, const char *where,
                                      struct mse_error *err)
{
    if (!database_is_known(where)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "database",
                        "the database is of no kind that is known, wanted a path or "
                        "postgresql://...");
    }
    return replace(&c->database, where, "database", err);
}

static mse_status replace_word(char **text, const char *value, const char *what,
                               struct mse_error *err)
{
    if (value == NULL) {
        return MSE_OK;
    }
    if (*value == '\0' || !is_printable(value, '!')) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, what,
                        "%s is \"%.80s\", wanted printable characters without spaces", what, value);
    }
    return replace(text, value, what, err);
}

mse_status mse_op_config_set_node(struct mse_op_config *c, const char *name, const char *address,
                                  struct mse_error *err)
{
    mse_status st = replace_word(&c->node.name, name, "--name", err);
    return st == MSE_OK ? replace_word(&c->node.address, address, "--address", err) : st;
}

void mse_op_config_clear(struct mse_op_config *c)
{
    mse_conf_clear(c, keys);
}
