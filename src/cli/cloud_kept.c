/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cloud_kept.h"

#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "cmd/files.h"

#define MAX_KEPT ((size_t)64 * 1024)

static char *path_of(const char *folder, const char *id, const char *ending)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s/%s%s", folder, id, ending);
    return cli_conf_path(name);
}

char *cloud_context_path(const char *id)
{
    return path_of("context", id, ".toml");
}

static char *kept_path(const char *id)
{
    return path_of("cloud", id, ".json");
}

char *cloud_certificate_path(const char *id)
{
    return path_of("cloud", id, ".pem");
}

static char *copy_member(const json_t *v, const char *key)
{
    const char *text = json_string_value(json_object_get(v, key));
    return text == NULL ? NULL : strdup(text);
}

static bool read_kept(struct cloud_kept *k, const json_t *v)
{
    char enclave[65];
    bool good = cloud_text(k->url, sizeof k->url, v, "url", true) &&
                cloud_text(k->fingerprint, sizeof k->fingerprint, v, "fingerprint", true) &&
                cloud_text(k->signer, sizeof k->signer, v, "signer", false) &&
                cloud_text(k->origin, sizeof k->origin, v, "ssl_certificate_origin", true) &&
                cloud_text(enclave, sizeof enclave, v, "enclave_x25519", false);
    k->toml_path = copy_member(v, "project");
    k->logs_key = copy_member(v, "logs_key");
    k->has_enclave = good && mse_hex_decode(k->enclave, 32, mse_bytes_str(enclave));
    return good && k->toml_path != NULL;
}

bool cloud_kept_load(struct cloud_kept *out, const char *id)
{
    struct cloud_kept k = { .toml_path = NULL };
    struct cli_file f = { 0 };
    char *path = kept_path(id);
    bool good = path != NULL && cli_file_read(&f, path, MAX_KEPT, NULL) == MSE_OK;
    if (good) {
        json_t *v = json_loadb((const char *)f.data, f.len, JSON_REJECT_DUPLICATES, NULL);
        good = read_kept(&k, v);
        json_decref(v);
    }
    cli_file_clear(&f);
    free(path);
    if (!good) {
        cloud_kept_clear(&k);
        return false;
    }
    *out = k;
    return true;
}

void cloud_kept_clear(struct cloud_kept *k)
{
    free(k->toml_path);
    free(k->logs_key);
    *k = (struct cloud_kept) { .toml_path = NULL };
}

mse_status cloud_kept_save(const struct cloud_kept *k, const char *id, struct mse_error *err)
{
    char hex[65];
    char *path = kept_path(id);
    json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:s}", "project", k->toml_path, "url", k->url,
                          "fingerprint", k->fingerprint, "signer", k->signer,
                          "ssl_certificate_origin", k->origin);
    if (k->logs_key != NULL) {
        (void)json_object_set_new(v, "logs_key", json_string(k->logs_key));
    }
    if (k->has_enclave) {
        mse_hex_encode(hex, mse_bytes_of(k->enclave, 32));
        (void)json_object_set_new(v, "enclave_x25519", json_string(hex));
    }
    char *text = json_dumps(v, JSON_INDENT(2));
    mse_status st = path == NULL || text == NULL
                        ? MSE_FAIL(err, MSE_ERR_MEMORY, "deployment", "out of memory")
                        : cli_make_parents(path, err);
    st = st == MSE_OK ? cli_file_write(path, mse_bytes_str(text), 0600, err) : st;
    json_decref(v);
    free(text);
    free(path);
    return st;
}

static void forget(char *path)
{
    (void)(path != NULL && unlink(path) == 0);
    free(path);
}

void cloud_forget_context(const char *id)
{
    forget(cloud_context_path(id));
    forget(cloud_certificate_path(id));
}

void cloud_forget(const char *id)
{
    cloud_forget_context(id);
    forget(kept_path(id));
}
