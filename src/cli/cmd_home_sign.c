/* SPDX-License-Identifier: Apache-2.0 */
/* mse home sign: the SIGSTRUCT of a Gramine 1.9 enclave, with the attributes that its manifest asks
 * for, as gramine-sgx-sign makes it. docs/measurement.md */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/measure.h"
#include "cmd/newfile.h"
#include "conf/toml_shim.h"
#include "measure/sigstruct_make.h"

#define MISC_EXINFO 0x1U

/* NULL if there is no such table, or no such member. */
static const struct mse_toml_node *member(const struct mse_toml_node *table, const char *key)
{
    return table == NULL ? NULL : mse_toml_get(table, key);
}

static mse_status bad(struct mse_error *err, const struct mse_toml_node *n, const char *key,
                      const char *wanted)
{
    return MSE_FAIL(err, MSE_ERR_CONFIG, "manifest", "line %u: sgx.%s: wanted %s", n->line, key,
                    wanted);
}

static mse_status read_bool(bool *out, const struct mse_toml_node *sgx, const char *key,
                            struct mse_error *err)
{
    const struct mse_toml_node *n = member(sgx, key);
    *out = n != NULL && n->type == MSE_TOML_BOOLEAN && n->number != 0;
    return n == NULL || n->type == MSE_TOML_BOOLEAN ? MSE_OK : bad(err, n, key, "true or false");
}

static mse_status read_u16(uint16_t *out, const struct mse_toml_node *sgx, const char *key,
                           struct mse_error *err)
{
    const struct mse_toml_node *n = member(sgx, key);
    bool good =
        n == NULL || (n->type == MSE_TOML_INTEGER && n->number >= 0 && n->number <= UINT16_MAX);
    *out = n == NULL || !good ? 0 : (uint16_t)n->number;
    return good ? MSE_OK : bad(err, n, key, "a number, 0 to 65535");
}

/* sgx.cpu_features: what is required or disabled is fixed, the rest is left to the machine. */
static mse_status read_features(struct mse_sigstruct_params *p, const struct mse_toml_node *sgx,
                                struct mse_error *err)
{
    static const struct {
        const char *name;
        uint64_t bits;
        bool may_vary;
    } features[] = { { "avx", 0x4, true },
                     { "avx512", 0xe4, true },
                     { "amx", 0x60000, true },
                     { "mpx", 0x18, false },
                     { "pkru", 0x200, false } };
    const struct mse_toml_node *table = member(sgx, "cpu_features");
    for (size_t i = 0; i < MSE_ARRAY_LEN(features); i++) {
        const struct mse_toml_node *n = member(table, features[i].name);
        struct mse_bytes word =
            n != NULL && n->type == MSE_TOML_STRING ? n->string : mse_bytes_of(NULL, 0);
        bool required = mse_bytes_is_str(word, "required");
        bool disabled = mse_bytes_is_str(word, "disabled");
        bool vary = features[i].may_vary && mse_bytes_is_str(word, "unspecified");
        if (n != NULL && !required && !disabled && !vary) {
            return bad(err, n, "cpu_features",
                       "required, disabled or (avx, avx512, amx) unspecified");
        }
        if (required || disabled) {
            p->attr_mask_xfrm |= features[i].bits;
            p->attr_xfrm &= ~features[i].bits;
        }
        p->attr_xfrm |= required ? features[i].bits : 0;
    }
    return MSE_OK;
}

static mse_status read_manifest(struct mse_sigstruct_params *p, struct mse_bytes text,
                                struct mse_error *err)
{
    struct mse_toml_problem problem = { 0 };
    struct mse_toml_node *root = NULL;
    bool debug = false;
    bool exinfo = false;
    if (!mse_toml_parse(&root, text, &problem)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "manifest", "line %u: %s", problem.line, problem.text);
    }
    const struct mse_toml_node *sgx = member(root, "sgx");
    mse_sigstruct_gramine(p);
    mse_status st = read_bool(&debug, sgx, "debug", err);
    st = st == MSE_OK ? read_bool(&exinfo, sgx, "use_exinfo", err) : st;
    st = st == MSE_OK ? read_u16(&p->isv_prod_id, sgx, "isvprodid", err) : st;
    st = st == MSE_OK ? read_u16(&p->isv_svn, sgx, "isvsvn", err) : st;
    st = st == MSE_OK ? read_features(p, sgx, err) : st;
    mse_toml_free(root);
    p->attr_flags |= debug ? MSE_SGX_FLAG_DEBUG : 0;
    p->misc_select = exinfo ? MISC_EXINFO : 0;
    return st;
}

static mse_status measure(struct mse_sigstruct_params *p, const struct cli *c,
                          struct mse_error *err)
{
    struct cli_file manifest = { 0 };
    mse_status st = cli_measure_gramine(p->enclave_hash, &manifest, c, err);
    st = st == MSE_OK ? read_manifest(p, cli_file_view(&manifest), err) : st;
    cli_file_clear(&manifest);
    return st;
}

static mse_status load_key(struct mse_privkey **out, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, path, 65536, err);
    if (st == MSE_OK) {
        st = mse_privkey_from_pem(out, cli_file_view(&f), err);
        mse_wipe(f.data, f.len);
    }
    cli_file_clear(&f);
    return st;
}

static mse_status sign(uint8_t out[MSE_SIGSTRUCT_LEN], uint8_t mrsigner[32],
                       const struct mse_sigstruct_params *p, const char *key_path,
                       struct mse_error *err)
{
    struct mse_error why = { 0 };
    struct mse_privkey *key = NULL;
    mse_status st = load_key(&key, key_path, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_sigstruct_sign(out, mrsigner, p, key, &why);
    mse_privkey_free(key);
    return st == MSE_OK ? st : MSE_FAIL(err, st, "signer", "%.150s: %.100s", key_path, why.text);
}

static void say(const struct cli *c, const struct mse_sigstruct_params *p,
                const uint8_t mrsigner[32])
{
    const char *path = cli_value(c, "output");
    bool debug = (p->attr_flags & MSE_SGX_FLAG_DEBUG) != 0;
    char mr[65];
    char signer[65];
    mse_hex_encode(mr, mse_bytes_of(p->enclave_hash, 32));
    mse_hex_encode(signer, mse_bytes_of(mrsigner, 32));
    if (debug) {
        cli_hint(c, "sgx.debug is true: whoever runs the enclave reads its memory, and verifiers "
                    "refuse it");
    }
    if (strcmp(path, "-") == 0) {
        return;
    }
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:s, s:i, s:i, s:b}", "output", path, "mrenclave", mr,
                              "mrsigner", signer, "isv_prod_id", (int)p->isv_prod_id, "isv_svn",
                              (int)p->isv_svn, "debug", (int)debug));
        return;
    }
    cli_say(c, "Written: %s", path);
    cli_say(c, "MRENCLAVE: %s", mr);
    cli_say(c, "MRSIGNER: %s", signer);
}

enum cli_exit cmd_home_sign(struct cli *c)
{
    static const char *const needed[] = { "signer-key", "libpal", "manifest", "output" };
    struct mse_error err = { 0 };
    struct mse_sigstruct_params p = { .date = (mse_time)time(NULL) };
    uint8_t raw[MSE_SIGSTRUCT_LEN];
    uint8_t mrsigner[32] = { 0 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(needed); i++) {
        if (!cli_has(c, needed[i])) {
            return cli_trouble(c, "--%s is missing", needed[i]);
        }
    }
    const char *at = cli_value(c, "at");
    if (at != NULL && !mse_time_parse(&p.date, mse_bytes_str(at))) {
        return cli_trouble(c, "--at is %s, wanted a time such as 2030-01-31T12:00:00Z", at);
    }
    mse_status st = measure(&p, c, &err);
    st = st == MSE_OK ? sign(raw, mrsigner, &p, cli_value(c, "signer-key"), &err) : st;
    if (st == MSE_OK) {
        st = cli_newfile_put(cli_value(c, "output"), mse_bytes_of(raw, sizeof raw), 0644,
                             cli_has(c, "force"), &err);
    }
    if (st != MSE_OK) {
        return cli_newfile_failed(c, st, &err);
    }
    say(c, &p, mrsigner);
    return CLI_DONE;
}
