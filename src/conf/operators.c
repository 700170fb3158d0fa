/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/operators.h"

#include <strings.h>

#include "base/bytes.h"

static const struct mse_toml_node *
signer_of(const struct mse_conf_file *f, const struct mse_toml_node *entry, struct mse_error *err)
{
    if (entry->type != MSE_TOML_TABLE) {
        (void)mse_conf_fail(f, entry->line, err,
                            "wanted a table: [\"*.example.org\"] and below it signer = \"...\"");
        return NULL;
    }
    for (size_t i = 0; i < entry->num; i++) {
        unsigned line = entry->items[i].key_line;
        struct mse_bytes key = entry->items[i].key;
        if (!mse_bytes_is_str(key, "signer")) {
            (void)mse_conf_fail(f, line, err, "unknown key \"%.*s\", did you mean \"signer\"?",
                                (int)(key.len > 60 ? 60 : key.len), (const char *)key.data);
            return NULL;
        }
    }
    const struct mse_toml_node *n = mse_toml_get(entry, "signer");
    if (n == NULL || n->type != MSE_TOML_STRING || n->string.len == 0) {
        (void)mse_conf_fail(f, entry->line, err,
                            "wanted signer = \"<64 hexadecimal digits or the path of a PEM>\"");
        return NULL;
    }
    return n;
}

/* How well pattern fits host: 0 not at all, SIZE_MAX exactly, else the length of the suffix. */
static size_t fit(struct mse_bytes pattern, const char *host)
{
    size_t len = strlen(host);
    const char *p = (const char *)pattern.data;
    if (pattern.len == len && strncasecmp(p, host, len) == 0) {
        return SIZE_MAX;
    }
    if (pattern.len < 3 || p[0] != '*' || p[1] != '.' || pattern.len - 1 >= len) {
        return 0;
    }
    size_t suffix = pattern.len - 1;
    return strncasecmp(p + 1, host + len - suffix, suffix) == 0 ? suffix : 0;
}

static mse_status find(char **out, const struct mse_conf_file *f, const char *host,
                       struct mse_error *err)
{
    const struct mse_toml_node *root = f->doc;
    const struct mse_toml_node *best = NULL;
    size_t best_fit = 0;
    for (size_t i = 0; i < root->num; i++) {
        struct mse_bytes pattern = root->items[i].key;
        const struct mse_toml_node *signer = signer_of(f, &root->items[i], err);
        if (signer == NULL) {
            return MSE_ERR_CONFIG;
        }
        size_t here = fit(pattern, host);
        if (here > best_fit) {
            best_fit = here;
            best = signer;
        }
    }
    *out = NULL;
    if (best != NULL) {
        struct mse_bytes s = best->string;
        *out = strndup((const char *)s.data, s.len);
    }
    return best == NULL || *out != NULL ? MSE_OK : mse_conf_fail(f, 0, err, "out of memory");
}

mse_status mse_operators_find(char **out_signer, const char *name, struct mse_bytes text,
                              const char *host, struct mse_error *err)
{
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    st = find(out_signer, &f, host, err);
    mse_conf_close(&f);
    return st;
}
