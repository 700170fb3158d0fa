/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a case folder. */
#include "conformance.h"

static bool load_json(struct conf_case *c, char *why)
{
    char path[CONF_PATH_LEN];
    conf_join(path, c->dir, "case.json");
    json_error_t err;
    c->root = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
    if (c->root == NULL) {
        conf_say(why, "case.json: %s", err.text);
        return false;
    }
    c->expected = json_object_get(c->root, "expected");
    c->name = json_string_value(json_object_get(c->root, "name"));
    c->kind = json_string_value(json_object_get(c->root, "kind"));
    c->verdict = json_string_value(json_object_get(c->expected, "verdict"));
    const json_t *at = json_object_get(c->root, "verify_at");
    c->has_time = json_is_integer(at);
    c->at = c->has_time ? (mse_time)json_integer_value(at) : 0;
    if (c->name == NULL || c->kind == NULL || c->verdict == NULL) {
        conf_say(why, "case.json lacks name, kind or expected.verdict");
        return false;
    }
    return true;
}

bool conf_case_load(struct conf_case *c, const char *dir, char *why)
{
    struct conf_case empty = { .root = NULL };
    *c = empty;
    int n = snprintf(c->dir, sizeof c->dir, "%s", dir);
    if (n < 0 || (size_t)n >= sizeof c->dir) {
        conf_say(why, "a path that is too long");
        return false;
    }
    return load_json(c, why);
}

void conf_case_clear(struct conf_case *c)
{
    for (size_t i = 0; i < c->num_files; i++) {
        conf_free(&c->files[i]);
    }
    c->num_files = 0;
    json_decref(c->root);
    c->root = NULL;
}

static const char *role_file(const struct conf_case *c, const char *role)
{
    return json_string_value(json_object_get(json_object_get(c->root, "files"), role));
}

bool conf_has_role(const struct conf_case *c, const char *role)
{
    return role_file(c, role) != NULL;
}

struct mse_bytes conf_file(struct conf_case *c, const char *role)
{
    struct mse_bytes none = { NULL, 0 };
    const char *name = role_file(c, role);
    if (name == NULL || c->num_files >= CONF_MAX_FILES) {
        return none;
    }
    char path[CONF_PATH_LEN];
    conf_join(path, c->dir, name);
    struct mse_bytes b = conf_read_file(path);
    if (b.data != NULL) {
        c->files[c->num_files++] = b;
    }
    return b;
}

/* DER or PEM, known by its key's SHA-256; what is not compiled in is a root of the case's own. */
static bool hashed_root(struct conf_case *c, const char *role, char *why)
{
    struct mse_bytes file = conf_file(c, role);
    struct mse_bytes pem = conf_is_der(file) ? conf_pem(file) : file;
    struct mse_error err = { .status = MSE_OK };
    struct mse_bytes pinned = { mse_nitro_root_sha256(), 32 };
    mse_status st = mse_simulation_root_sha256_of_pem(c->root_sha256, pem, &err);
    if (pem.data != file.data) {
        conf_free(&pem);
    }
    if (st != MSE_OK) {
        conf_say(why, "%s: %s", role, err.text);
        return false;
    }
    struct mse_bytes own = { c->root_sha256, 32 };
    c->own_root = !conf_same_bytes(pinned, own);
    return true;
}

bool conf_case_root(struct conf_case *c, char *why)
{
    struct mse_bytes in = { mse_intel_root_point(), 64 };
    for (size_t i = 0; i < sizeof c->trusted_root; i++) {
        c->trusted_root[i] = in.data[i];
    }
    struct mse_error err = { .status = MSE_OK };
    const char *root = json_string_value(json_object_get(c->root, "trust_root"));
    bool own = root != NULL && strncmp(root, "file:", 5) == 0;
    if (root != NULL && strncmp(root, "aws-", 4) == 0) {
        /* One that is not given is the one that is compiled in. */
        return !conf_has_role(c, "trusted_root") || hashed_root(c, "trusted_root", why);
    }
    if (own && strcmp(c->kind, "nitro-doc") == 0) {
        return hashed_root(c, "trusted_root", why);
    }
    if (own && conf_has_role(c, "ark")) {
        return hashed_root(c, "ark", why);
    }
    if (!conf_has_role(c, "trusted_root")) {
        return true;
    }
    c->own_root = true;
    struct mse_bytes file = conf_file(c, "trusted_root");
    struct mse_bytes pem = conf_is_der(file) ? conf_pem(file) : file;
    mse_status st = mse_simulation_root_of_pem(c->trusted_root, pem, &err);
    if (pem.data != file.data) {
        conf_free(&pem);
    }
    if (st != MSE_OK) {
        conf_say(why, "trusted_root: %s", err.text);
    }
    return st == MSE_OK;
}

const char *conf_expected_text(const struct conf_case *c, const char *member)
{
    return json_string_value(json_object_get(c->expected, member));
}

void conf_policy(const struct conf_case *c, struct mse_policy *p)
{
    mse_policy_default(p);
    for (unsigned s = MSE_TCB_UP_TO_DATE; s < MSE_TCB_REVOKED; s++) {
        p->accepted_tcb_statuses |= MSE_TCB_BIT(s);
    }
    p->insecure_any_advisory = true;
    p->allow_mixed_evaluation_numbers = true;
    p->allow_debug = true;
    p->allow_sample_signer = true;
    p->allow_smt = true;
    p->insecure_any_attributes = true;
    p->insecure_any_app = true;
    p->allow_migration = true;
    p->max_vmpl = 3;
    if (c->own_root) {
        p->allow_simulation = true;
        p->simulation_only = true;
        for (size_t i = 0; i < sizeof p->simulation_root; i++) {
            p->simulation_root[i] = c->trusted_root[i];
        }
        for (size_t i = 0; i < sizeof p->simulation_root_sha256; i++) {
            p->simulation_root_sha256[i] = c->root_sha256[i];
        }
    }
}

/* CRLs go about in DER, PEM and hexadecimal text; who cannot read one leaves it to the appraisal.
 */
struct mse_bytes conf_crl_file(struct conf_case *c, const char *role)
{
    struct mse_bytes raw = conf_file(c, role);
    struct mse_bytes der = { NULL, 0 };
    uint8_t *buf = raw.len > 0 && c->num_files < CONF_MAX_FILES ? malloc(raw.len) : NULL;
    if (buf == NULL || mse_crl_decode(&der, buf, raw.len, raw, NULL) != MSE_OK) {
        free(buf);
        return raw;
    }
    c->files[c->num_files++] = der;
    return der;
}

struct mse_collateral conf_collateral(struct conf_case *c)
{
    struct mse_collateral col = {
        .tcb_info = conf_file(c, "tcb_info"),
        .tcb_info_signature = conf_file(c, "tcb_info_signature"),
        .tcb_info_issuer_chain = conf_file(c, "tcb_info_issuer_chain"),
        .qe_identity = conf_file(c, "qe_identity"),
        .qe_identity_signature = conf_file(c, "qe_identity_signature"),
        .qe_identity_issuer_chain = conf_file(c, "qe_identity_issuer_chain"),
        .pck_crl = conf_crl_file(c, "pck_crl"),
        .pck_crl_issuer_chain = conf_file(c, "pck_crl_issuer_chain"),
        .root_ca_crl = conf_crl_file(c, "root_ca_crl"),
        .pck_cert_chain = conf_file(c, "pck_cert_chain"),
    };
    return col;
}
