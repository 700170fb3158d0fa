/* SPDX-License-Identifier: Apache-2.0 */
/* Reading context.toml, and where contexts of own deployments are kept. */
#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/machine.h"
#include "cmd/files.h"
#include "conf/reader.h"
#include "crypto/digest.h"
#include "package/gramine.h"
#include "package/rules.h"

/* The file as it stands; the names of the members are those of package/context.c. */
struct raw {
    uint64_t version;
    uint8_t code_salt[32];
    bool has_manifest;
    char *manifest;
    bool has_instance;
    char *id;
    char *domain_name;
    char *config_domain_name;
    mse_time created_at;
    bool has_tee;
    char *kind;
    char *layout;
    bool has_reference;
    uint8_t runtime[32];
    uint8_t loader[32];
    char *runtime_version;
    char *signer;
};

#define KEY(n, k, must, member)                                                                    \
    {                                                                                              \
        (n), (k), (must), offsetof(struct raw, member), 1, 0, NULL                                 \
    }
#define TABLE(n, member, keys)                                                                     \
    {                                                                                              \
        (n), MSE_CONF_TABLE, true, offsetof(struct raw, member), 0, 0, (keys)                      \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL                                                \
    }

static const struct mse_conf_key manifest_keys[] = {
    { "json", MSE_CONF_STRING, true, offsetof(struct raw, manifest), 1, MSE_MANIFEST_MAX_LEN,
      NULL },
    END,
};

static const struct mse_conf_key tee_keys[] = {
    KEY("kind", MSE_CONF_STRING, true, kind),
    KEY("layout", MSE_CONF_STRING, true, layout),
    END,
};

static const struct mse_conf_key instance_keys[] = {
    KEY("id", MSE_CONF_STRING, true, id),
    KEY("domain_name", MSE_CONF_STRING, true, domain_name),
    KEY("config_domain_name", MSE_CONF_STRING, true, config_domain_name),
    KEY("created_at", MSE_CONF_TIME, true, created_at),
    TABLE("tee", has_tee, tee_keys),
    END,
};

static const struct mse_conf_key reference_keys[] = {
    KEY("runtime", MSE_CONF_HEX32, true, runtime),
    KEY("loader", MSE_CONF_HEX32, false, loader),
    KEY("runtime_version", MSE_CONF_STRING, true, runtime_version),
    KEY("signer", MSE_CONF_STRING, false, signer),
    END,
};

static const struct mse_conf_key context_keys[] = {
    { "version", MSE_CONF_UINT, true, offsetof(struct raw, version), 1, 1, NULL },
    KEY("code_salt", MSE_CONF_HEX32, true, code_salt),
    TABLE("manifest", has_manifest, manifest_keys),
    TABLE("instance", has_instance, instance_keys),
    TABLE("reference", has_reference, reference_keys),
    END,
};

static char *steal(char **s)
{
    char *p = *s;
    *s = NULL;
    return p;
}

/* The kind of TEE that a layout is of; NULL: there is no such layout. */
static const char *kind_of(const char *layout)
{
    static const struct {
        const char *layout;
        const char *kind;
    } rows[] = { { "sim-1", "sgx" },
                 { MSE_GRAMINE_LAYOUT, "sgx" },
                 { CLI_LAYOUT_TDX, "tdx" },
                 { CLI_LAYOUT_SNP, "sev-snp" } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (strcmp(layout, rows[i].layout) == 0) {
            return rows[i].kind;
        }
    }
    return NULL;
}

/* Gramine has a loader and a rootfs of its own; the simulation has those of the host, a machine
 * what its image has. */
static mse_status check_layout(const struct raw *r, const struct mse_manifest *m,
                               const struct mse_conf_file *f, struct mse_error *err)
{
    bool gramine = strcmp(r->layout, MSE_GRAMINE_LAYOUT) == 0;
    const char *kind = kind_of(r->layout);
    if (kind == NULL || strcmp(r->kind, kind) != 0) {
        return mse_conf_fail(f, mse_conf_line_of(f, "instance.tee.layout"), err,
                             "tee is %.20s with layout %.40s, wanted sgx with sim-1 or "
                             "gramine-1.9, tdx with tdx, or sev-snp with snp",
                             r->kind, r->layout);
    }
    if (gramine == mse_mem_is_zero(r->loader, sizeof r->loader)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "reference.loader"), err, "layout %.40s %s",
                             r->layout,
                             gramine ? "wants the digest of its loader" : "has no loader");
    }
    if (gramine == (m->rootfs.name == NULL)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "manifest.json"), err,
                             "layout %.40s wants a manifest with %s", r->layout,
                             gramine ? "a rootfs of its own" : "the rootfs host");
    }
    return MSE_OK;
}

/* Rules between the members of the file and those of the manifest in it. */
static mse_status check(const struct raw *r, const struct mse_manifest *m,
                        const struct mse_conf_file *f, struct mse_error *err)
{
    mse_status st = check_layout(r, m, f, err);
    if (st != MSE_OK) {
        return st;
    }
    if (strcmp(r->id, m->app_id) != 0) {
        return mse_conf_fail(f, mse_conf_line_of(f, "instance.id"), err,
                             "id is %.40s, but the manifest has %s", r->id, m->app_id);
    }
    if (!mse_mem_equal(r->runtime, m->runtime, sizeof m->runtime)) {
        return mse_conf_fail(f, mse_conf_line_of(f, "reference.runtime"), err,
                             "runtime is not the one of the manifest");
    }
    size_t host = strcspn(r->domain_name, ":");
    if (host != strlen(m->san) || strncmp(r->domain_name, m->san, host) != 0) {
        return mse_conf_fail(f, mse_conf_line_of(f, "instance.domain_name"), err,
                             "domain_name is %.80s, but the manifest has %.80s", r->domain_name,
                             m->san);
    }
    uint8_t mr[32];
    if (r->signer != NULL && !mse_hex_decode(mr, sizeof mr, mse_bytes_str(r->signer))) {
        return mse_conf_fail(f, mse_conf_line_of(f, "reference.signer"), err,
                             "signer is not 64 hexadecimal digits");
    }
    return MSE_OK;
}

static mse_status take(struct cli_app *out, struct raw *r, const struct mse_conf_file *f,
                       struct mse_error *err)
{
    struct cli_app a = { 0 };
    struct mse_bytes json = mse_bytes_str(r->manifest);
    struct mse_error inner = { 0 };
    mse_status st = mse_manifest_parse(&a.manifest, json, &inner);
    if (st != MSE_OK) {
        return mse_conf_fail(f, mse_conf_line_of(f, "manifest.json"), err, "manifest: %s",
                             inner.text);
    }
    st = check(r, &a.manifest, f, err);
    st = st == MSE_OK ? mse_sha256(a.manifest_sha256, json) : st;
    if (st != MSE_OK) {
        cli_app_clear(&a);
        return st;
    }
    struct mse_context *x = &a.context;
    memcpy(x->code_salt, r->code_salt, sizeof x->code_salt);
    memcpy(x->runtime_digest, r->runtime, sizeof x->runtime_digest);
    memcpy(x->loader_digest, r->loader, sizeof x->loader_digest);
    memcpy(x->id, a.manifest.app_id, sizeof x->id);
    x->created_at = r->created_at;
    x->manifest = steal(&r->manifest);
    x->domain_name = steal(&r->domain_name);
    x->config_domain_name = steal(&r->config_domain_name);
    x->tee_kind = steal(&r->kind);
    x->layout = steal(&r->layout);
    x->runtime_version = steal(&r->runtime_version);
    x->signer = steal(&r->signer);
    *out = a;
    return MSE_OK;
}

mse_status cli_app_load(struct cli_app *out, const char *path, struct mse_error *err)
{
    struct cli_file text = { 0 };
    struct mse_conf_file f = { 0 };
    struct raw r = { 0 };
    mse_status st = cli_file_read(&text, path, MSE_CONF_MAX_LEN, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_conf_open(&f, path, cli_file_view(&text), err);
    if (st == MSE_OK) {
        st = mse_conf_read(&r, &f, context_keys, err);
        st = st == MSE_OK ? take(out, &r, &f, err) : st;
        mse_conf_close(&f);
    }
    mse_conf_clear(&r, context_keys);
    cli_file_clear(&text);
    return st;
}

void cli_app_clear(struct cli_app *a)
{
    mse_context_clear(&a->context);
    mse_manifest_clear(&a->manifest);
}

/* last/<64 hex of the file's real path>: holds the UUID. */
static char *last_path(const char *toml_path)
{
    uint8_t sum[32];
    char hex[65];
    char name[80];
    char *real = realpath(toml_path, NULL);
    if (real == NULL || mse_sha256(sum, mse_bytes_str(real)) != MSE_OK) {
        free(real);
        return NULL;
    }
    free(real);
    mse_hex_encode(hex, mse_bytes_of(sum, sizeof sum));
    (void)snprintf(name, sizeof name, "last/%s", hex);
    return cli_conf_path(name);
}

char *cli_last_context(const char *toml_path)
{
    struct cli_file f = { 0 };
    char name[64];
    char *path = last_path(toml_path);
    if (path == NULL || cli_file_read(&f, path, 64, NULL) != MSE_OK) {
        free(path);
        return NULL;
    }
    free(path);
    char uuid[37] = { 0 };
    (void)snprintf(uuid, sizeof uuid, "%s", (const char *)f.data);
    cli_file_clear(&f);
    if (!mse_rule_uuid4(uuid)) {
        return NULL;
    }
    (void)snprintf(name, sizeof name, "context/%s.toml", uuid);
    path = cli_conf_path(name);
    if (path != NULL && !cli_file_exists(path)) {
        free(path); /* the app was stopped */
        path = NULL;
    }
    return path;
}

mse_status cli_remember_context(const char *toml_path, const char *uuid, struct mse_error *err)
{
    char *path = last_path(toml_path);
    if (path == NULL) {
        return MSE_FAIL(err, MSE_ERR_IO, "context", "%.150s: %s", toml_path, strerror(errno));
    }
    mse_status st = cli_make_parents(path, err);
    if (st == MSE_OK) {
        st = cli_file_write(path, mse_bytes_str(uuid), 0600, err);
    }
    free(path);
    return st;
}
