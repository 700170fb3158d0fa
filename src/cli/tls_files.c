/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tls_files.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "package/owner_chain.h"
#include "package/rules.h"

static bool is_pem(const char *value)
{
    return strncmp(value, "-----BEGIN ", 11) == 0;
}

static mse_status path_of(char **out, const char *value, const char *toml_path,
                          struct mse_error *err)
{
    char *dir = cli_folder_of(toml_path);
    *out = dir == NULL ? NULL : cli_join(dir, value);
    free(dir);
    return *out != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
}

static mse_status read_value(struct cli_file *out, const char *value, const char *toml_path,
                             struct mse_error *err)
{
    char *path = NULL;
    if (is_pem(value)) {
        out->data = (uint8_t *)strdup(value);
        out->len = out->data == NULL ? 0 : strlen(value);
        return out->data != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
    }
    mse_status st = path_of(&path, value, toml_path, err);
    st = st == MSE_OK ? cli_file_read(out, path, MSE_OWNER_CHAIN_MAX, err) : st;
    free(path);
    return st;
}

/* mse.toml goes along with a package: what it holds is no secret. */
static mse_status compare_key(struct cli_tls_files *f, const struct mse_owner_chain *chain,
                              const struct mse_project *p, const char *toml_path,
                              struct mse_error *err)
{
    struct cli_file pem = { 0 };
    struct mse_privkey *key = NULL;
    if (is_pem(p->ssl_private_key)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "private_key",
                        "%.150s: cloud.ssl.private_key holds the key itself, and mse.toml goes to "
                        "whoever runs the app: put it into a file and name that",
                        toml_path);
    }
    mse_status st = path_of(&f->key_path, p->ssl_private_key, toml_path, err);
    st = st == MSE_OK ? cli_file_read(&pem, f->key_path, MSE_OWNER_CHAIN_MAX, err) : st;
    st = st == MSE_OK ? mse_owner_chain_key(&key, chain, cli_file_view(&pem), err) : st;
    mse_privkey_free(key);
    if (pem.data != NULL) {
        mse_wipe(pem.data, pem.len);
    }
    cli_file_clear(&pem);
    return st;
}

static mse_status load_ssl(struct cli_tls_files *f, const struct mse_project *p,
                           const char *toml_path, struct mse_error *err)
{
    struct mse_owner_chain chain = { .not_after = 0 };
    mse_status st = read_value(&f->chain, p->ssl_certificate, toml_path, err);
    st = st == MSE_OK ? mse_owner_chain_read(&chain, cli_file_view(&f->chain), err) : st;
    st = st == MSE_OK ? mse_owner_chain_suits(&chain, p->ssl_domain_name, (mse_time)time(NULL), err)
                      : st;
    st = st == MSE_OK ? compare_key(f, &chain, p, toml_path, err) : st;
    mse_owner_chain_clear(&chain);
    return st;
}

mse_status cli_tls_load(struct cli_tls_files *out, const struct mse_project *p,
                        const char *toml_path, struct mse_error *err)
{
    struct cli_tls_files f = { .key_path = NULL };
    uint8_t digest[32];
    mse_status st = p->has_ssl ? load_ssl(&f, p, toml_path, err) : MSE_OK;
    if (st == MSE_OK && p->client_ca != NULL) {
        st = read_value(&f.client_ca, p->client_ca, toml_path, err);
        st = st == MSE_OK ? mse_client_ca_read(digest, NULL, cli_file_view(&f.client_ca), err) : st;
    }
    if (st != MSE_OK) {
        cli_tls_clear(&f);
        return st;
    }
    *out = f;
    return MSE_OK;
}

void cli_tls_clear(struct cli_tls_files *f)
{
    cli_file_clear(&f->chain);
    cli_file_clear(&f->client_ca);
    free(f->key_path);
    f->key_path = NULL;
}

static mse_status fill_ssl(struct mse_manifest *m, const struct mse_project *p,
                           struct mse_bytes pem, struct mse_error *err)
{
    struct mse_owner_chain chain = { .not_after = 0 };
    if (!mse_rule_host(p->ssl_domain_name)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "domain_name",
                        "cloud.ssl.domain_name is %.100s, wanted a host name in lower case",
                        p->ssl_domain_name);
    }
    mse_status st = mse_owner_chain_read(&chain, pem, err);
    if (st == MSE_OK) {
        m->origin = MSE_ORIGIN_OWNER;
        m->expects |= MSE_EXPECT_SSL_KEY;
        memcpy(m->ssl_certificate_chain_sha256, chain.sha256, sizeof chain.sha256);
        m->san = strdup(p->ssl_domain_name);
        st = m->san != NULL ? MSE_OK : MSE_ERR_MEMORY;
    }
    mse_owner_chain_clear(&chain);
    return st;
}

mse_status cli_tls_fill(struct mse_manifest *m, const struct mse_project *p, struct mse_bytes chain,
                        struct mse_bytes client_ca, struct mse_error *err)
{
    const struct {
        const char *what;
        bool wanted;
        bool there;
    } rows[] = { { "[cloud.ssl]", p->has_ssl, chain.len > 0 },
                 { "enclave.client_ca", p->client_ca != NULL, client_ca.len > 0 } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (rows[i].there && !rows[i].wanted) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "certificate",
                            "there is a certificate, and mse.toml has no %s", rows[i].what);
        }
    }
    mse_status st = chain.len > 0 ? fill_ssl(m, p, chain, err) : MSE_OK;
    if (st == MSE_OK && client_ca.len > 0) {
        st = mse_client_ca_read(m->client_ca, NULL, client_ca, err);
    }
    return st;
}
