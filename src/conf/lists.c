/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/lists.h"

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/util.h"

/* The array of tables of this name, which is all that the file may hold; NULL after an error. */
static const struct mse_toml_node *only_array(const struct mse_conf_file *f, const char *name,
                                              struct mse_error *err)
{
    const struct mse_toml_node *root = f->doc;
    for (size_t i = 0; i < root->num; i++) {
        unsigned line = root->items[i].key_line;
        struct mse_bytes key = root->items[i].key;
        if (!mse_bytes_is_str(key, name)) {
            (void)mse_conf_fail(f, line, err, "unknown key \"%.*s\", wanted [[%s]]",
                                (int)(key.len > 60 ? 60 : key.len), (const char *)key.data, name);
            return NULL;
        }
    }
    const struct mse_toml_node *n = mse_toml_get(root, name);
    if (n == NULL || n->type != MSE_TOML_ARRAY || n->num == 0) {
        (void)mse_conf_fail(f, 0, err, "wanted at least one table [[%s]]", name);
        return NULL;
    }
    return n;
}

static bool is_string(const struct mse_toml_node *n)
{
    return n != NULL && n->type == MSE_TOML_STRING && n->string.len > 0;
}

/* The names of an identity, and how many digits it has. */
static size_t digits_of(struct mse_bytes key)
{
    static const struct {
        const char *name;
        size_t digits;
    } ids[] = { { "piid", 32 }, { "ppid", 32 }, { "chip_id", 128 }, { "sha256", 64 } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(ids); i++) {
        if (mse_bytes_is_str(key, ids[i].name)) {
            return ids[i].digits;
        }
    }
    return 0;
}

static mse_status add_machine(struct mse_policy *p, const struct mse_conf_file *f,
                              const struct mse_toml_node *entry, struct mse_error *err)
{
    static const char wanted[] = "wanted one of piid, ppid, chip_id, sha256 in hexadecimal digits "
                                 "(32, 32, 128, 64), and name if you like";
    const struct mse_policy_key *key = mse_policy_key_find(mse_bytes_str("allowed_machines"));
    struct mse_policy_value v = { .kind = MSE_POLICY_TEXT };
    size_t num_ids = 0;
    MSE_ASSERT(key != NULL);
    bool good = entry->type == MSE_TOML_TABLE;
    for (size_t i = 0; good && i < entry->num; i++) {
        const struct mse_toml_node *n = &entry->items[i];
        struct mse_bytes name = n->key;
        size_t digits = digits_of(name);
        good = is_string(n) && (digits > 0 || mse_bytes_is_str(name, "name"));
        if (good && digits > 0) {
            v.text = n->string;
            num_ids++;
            good = v.text.len == digits;
        }
    }
    if (!good || num_ids != 1 || !key->set(p, &v)) {
        if (p->num_allowed_machines >= MSE_MAX_MACHINES) {
            return mse_conf_fail(f, entry->line, err, "more than %d machines", MSE_MAX_MACHINES);
        }
        return mse_conf_fail(f, entry->line, err, "%s; an id of zeros is nobody's", wanted);
    }
    return MSE_OK;
}

static mse_status add_machines(struct mse_policy *p, const struct mse_conf_file *f,
                               struct mse_error *err)
{
    const struct mse_toml_node *list = only_array(f, "machine", err);
    const size_t before = p->num_allowed_machines;
    mse_status st = list == NULL ? MSE_ERR_CONFIG : MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < list->num; i++) {
        st = add_machine(p, f, &list->items[i], err);
    }
    if (st != MSE_OK) {
        p->num_allowed_machines = before;
    }
    return st;
}

mse_status mse_machines_parse(struct mse_policy *p, const char *name, struct mse_bytes text,
                              struct mse_error *err)
{
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st == MSE_OK) {
        st = add_machines(p, &f, err);
        mse_conf_close(&f);
    }
    return st;
}

struct digest {
    struct mse_bytes kind;
    uint8_t sha256[32];
};

static bool is_known_kind(struct mse_bytes kind)
{
    static const char *const kinds[] = { "runtime", "loader", "rootfs" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(kinds); i++) {
        if (mse_bytes_is_str(kind, kinds[i])) {
            return true;
        }
    }
    return false;
}

static mse_status rd_digest(struct digest *out, const struct mse_conf_file *f,
                            const struct mse_toml_node *entry, struct mse_error *err)
{
    bool good = entry->type == MSE_TOML_TABLE;
    for (size_t i = 0; good && i < entry->num; i++) {
        struct mse_bytes key = entry->items[i].key;
        good = is_string(&entry->items[i]) &&
               (mse_bytes_is_str(key, "name") || mse_bytes_is_str(key, "kind") ||
                mse_bytes_is_str(key, "sha256"));
    }
    const struct mse_toml_node *kind = good ? mse_toml_get(entry, "kind") : NULL;
    const struct mse_toml_node *sum = good ? mse_toml_get(entry, "sha256") : NULL;
    if (kind != NULL && !is_known_kind(kind->string)) {
        return mse_conf_fail(
            f, kind->line, err, "kind is \"%.*s\", wanted runtime, loader or rootfs",
            kind->string.len < 40 ? (int)kind->string.len : 40, (const char *)kind->string.data);
    }
    if (kind == NULL || sum == NULL ||
        !mse_hex_decode(out->sha256, sizeof out->sha256, sum->string)) {
        return mse_conf_fail(f, entry->line, err,
                             "wanted kind (runtime, loader, rootfs), sha256 (64 digits), "
                             "and name if you like");
    }
    out->kind = kind->string;
    return MSE_OK;
}

static mse_status find_digest(bool *out, const struct mse_conf_file *f, const char *kind,
                              const uint8_t sha256[32], struct mse_error *err)
{
    const struct mse_toml_node *list = only_array(f, "digest", err);
    mse_status st = list == NULL ? MSE_ERR_CONFIG : MSE_OK;
    bool found = false;
    for (size_t i = 0; st == MSE_OK && i < list->num; i++) {
        struct digest d = { .kind = { NULL, 0 } };
        st = rd_digest(&d, f, &list->items[i], err);
        found = found || (st == MSE_OK && mse_bytes_is_str(d.kind, kind) &&
                          mse_mem_equal(d.sha256, sha256, 32));
    }
    if (st == MSE_OK) {
        *out = found;
    }
    return st;
}

mse_status mse_digests_find(bool *out_found, const char *name, struct mse_bytes text,
                            const char *kind, const uint8_t sha256[32], struct mse_error *err)
{
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st == MSE_OK) {
        st = find_digest(out_found, &f, kind, sha256, err);
        mse_conf_close(&f);
    }
    return st;
}
