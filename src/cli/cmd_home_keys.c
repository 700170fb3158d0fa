/* SPDX-License-Identifier: Apache-2.0 */
/* mse home keygen, encrypt, decrypt, seal, unseal: keys, and files for one receiver. None of them
 * needs an enclave. Keys are files of 32 bytes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <mse/ratls.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/util.h"
#include "cli/sealed_box.h"
#include "cli/target.h"
#include "cmd/newfile.h"
#include "crypto/digest.h"
#include "crypto/x25519.h"
#include "package/file.h"

#define SEAL_MAX    ((size_t)64 * 1024 * 1024)
#define CODE_KEY    "code_secret_key" /* in the box of phase 1 */
#define SSL_KEY     "ssl_private_key"
#define MAX_KEY_PEM ((size_t)65536)

/* ---- what they share ---- */

/* The values of options that are needed; false after an error message. */
static bool need(const struct cli *c, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (!cli_has(c, *names)) {
            (void)cli_trouble(c, "--%s is missing", *names);
            return false;
        }
    }
    return true;
}

mse_status cli_key_read(uint8_t out[32], const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    mse_status st = cli_file_read(&f, path, 4096, err);
    if (st != MSE_OK) {
        return st;
    }
    if (f.len == 32) {
        memcpy(out, f.data, 32);
    } else {
        st = MSE_FAIL(err, MSE_ERR_ARGUMENT, "key", "%.150s has %zu bytes, wanted a key of 32",
                      path, f.len);
    }
    cli_file_wipe(&f);
    return st;
}

/* Nothing on stdout but the content if that is where it goes. */
static enum cli_exit say_output(const struct cli *c, const char *path)
{
    if (strcmp(path, "-") == 0) {
        return CLI_DONE;
    }
    if (c->json) {
        cli_json(c, json_pack("{s:s}", "output", path));
    } else {
        cli_say(c, "Written: %s", path);
    }
    return CLI_DONE;
}

/* What cannot be opened with this key is refused, everything else is trouble. */
static enum cli_exit not_opened(const struct cli *c, mse_status st, const struct mse_error *err)
{
    enum cli_exit e = cli_newfile_failed(c, st, err);
    bool surroundings = st < MSE_ERR_MALFORMED;
    return surroundings ? e : CLI_REFUSED;
}

/* ---- keygen ---- */

static mse_status put_pair(const struct cli *c, const char *path, const char *public_path,
                           uint8_t public[32], struct mse_error *err)
{
    uint8_t secret[32];
    bool force = cli_has(c, "force");
    struct cli_newfile f = { .fd = -1 };
    mse_status st = mse_x25519_generate(secret, public);
    /* Whether the public key has room is seen before the private one is written. */
    st = st == MSE_OK ? cli_newfile_open(&f, public_path, force, err) : st;
    cli_newfile_drop(&f);
    if (st == MSE_OK) {
        st = cli_newfile_put(path, mse_bytes_of(secret, 32), 0600, force, err);
    }
    if (st == MSE_OK) {
        st = cli_newfile_put(public_path, mse_bytes_of(public, 32), 0644, force, err);
    }
    mse_wipe(secret, sizeof secret);
    return st;
}

static enum cli_exit keygen_pair(const struct cli *c, const char *path)
{
    struct mse_error err = { 0 };
    uint8_t public[32];
    char hex[65];
    char *public_path = NULL;
    if (strcmp(path, "-") == 0) {
        return cli_trouble(c, "--output is -, wanted a file: two keys are made");
    }
    if (asprintf(&public_path, "%s.pub", path) < 0) {
        return cli_trouble(c, "out of memory");
    }
    mse_status st = put_pair(c, path, public_path, public, &err);
    enum cli_exit e = CLI_DONE;
    if (st != MSE_OK) {
        e = cli_newfile_failed(c, st, &err);
    } else {
        mse_hex_encode(hex, mse_bytes_of(public, sizeof public));
        if (c->json) {
            cli_json(c, json_pack("{s:s, s:s, s:s}", "output", path, "public", public_path,
                                  "public_key", hex));
        } else {
            cli_say(c, "Private key: %s", path);
            cli_say(c, "Public key: %s", public_path);
            cli_say(c, "In hexadecimal: %s", hex);
        }
    }
    free(public_path);
    return e;
}

enum cli_exit cmd_home_keygen(struct cli *c)
{
    static const char *const needed[] = { "output", NULL };
    if (cli_has(c, "symmetric") == cli_has(c, "asymmetric")) {
        return cli_trouble(c, "exactly one of --symmetric and --asymmetric is wanted");
    }
    if (!need(c, needed)) {
        return CLI_TROUBLE;
    }
    const char *path = cli_value(c, "output");
    if (cli_has(c, "asymmetric")) {
        return keygen_pair(c, path);
    }
    struct mse_error err = { 0 };
    uint8_t key[32];
    mse_status st = mse_random(key, sizeof key);
    if (st == MSE_OK) {
        st = cli_newfile_put(path, mse_bytes_of(key, sizeof key), 0600, cli_has(c, "force"), &err);
    }
    mse_wipe(key, sizeof key);
    return st == MSE_OK ? say_output(c, path) : cli_newfile_failed(c, st, &err);
}

/* ---- encrypt, decrypt ---- */

typedef mse_status (*convert)(int to, int from, const uint8_t key[32], struct mse_error *err);

static mse_status open_input(int *out, const char *path, struct mse_error *err)
{
    *out = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    return *out >= 0 ? MSE_OK
                     : MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "file",
                                "%.180s: %s", path, strerror(errno));
}

static enum cli_exit convert_file(const struct cli *c, convert how, unsigned mode)
{
    static const char *const needed[] = { "input", "key", "output", NULL };
    if (!need(c, needed)) {
        return CLI_TROUBLE;
    }
    struct mse_error err = { 0 };
    struct cli_newfile out = { .fd = -1 };
    const char *path = cli_value(c, "output");
    uint8_t key[32] = { 0 };
    int from = -1;
    mse_status st = cli_key_read(key, cli_value(c, "key"), &err);
    st = st == MSE_OK ? open_input(&from, cli_value(c, "input"), &err) : st;
    st = st == MSE_OK ? cli_newfile_open(&out, path, cli_has(c, "force"), &err) : st;
    st = st == MSE_OK ? how(out.fd, from, key, &err) : st;
    st = st == MSE_OK ? cli_newfile_keep(&out, mode, &err) : st;
    cli_newfile_drop(&out);
    mse_wipe(key, sizeof key);
    if (from >= 0) {
        (void)close(from);
    }
    return st == MSE_OK ? say_output(c, path) : not_opened(c, st, &err);
}

enum cli_exit cmd_home_encrypt(struct cli *c)
{
    return convert_file(c, mse_file_encrypt, 0644);
}

enum cli_exit cmd_home_decrypt(struct cli *c)
{
    return convert_file(c, mse_file_decrypt, 0600);
}

/* ---- seal, unseal ---- */

/* The X25519 key of an enclave: the certificate's evidence must cover the claims, and those the
 * certificate's key. Whether the evidence is genuine, verify says, not this. */
static mse_status key_of_certificate(uint8_t out[32], struct mse_bytes der, struct mse_error *err)
{
    struct mse_ratls_cert cert;
    enum mse_ratls_binding binding;
    uint8_t report_data[64];
    mse_status st = mse_ratls_read(&cert, der, err);
    if (st == MSE_OK) {
        st = cert.claims.ca_hash.len > 0 ? mse_ratls_check_ca(&cert, err)
                                         : mse_ratls_check_self_signature(&cert, err);
    }
    if (st == MSE_OK && (cert.form != MSE_RATLS_DICE || cert.claims.x25519.len != 32)) {
        st = MSE_FAIL(err, MSE_ERR_NO_EVIDENCE, "certificate",
                      "it names no X25519 key (claim mse-x25519)");
    }
    st = st == MSE_OK ? mse_quote_report_data(report_data, cert.quote, err) : st;
    st = st == MSE_OK ? mse_ratls_check_binding(&binding, &cert, report_data, err) : st;
    if (st == MSE_OK) {
        memcpy(out, cert.claims.x25519.data, 32);
    }
    return st;
}

static mse_status key_of_enclave(uint8_t out[32], const struct cli *c, const char *name,
                                 struct mse_error *err)
{
    struct cli_target t = { 0 };
    if (strcmp(name, "-") != 0 && !cli_file_exists(name)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "file", "%.180s: no such file", name);
    }
    mse_status st = cli_target_open(&t, c, name, err);
    if (st == MSE_OK && t.kind != CLI_TARGET_CERTIFICATE) {
        st = MSE_FAIL(err, MSE_ERR_NO_EVIDENCE, "certificate", "%.150s is %s, wanted a certificate",
                      name, cli_target_kind_text(&t));
    }
    st = st == MSE_OK ? key_of_certificate(out, t.der, err) : st;
    cli_target_close(&t);
    return st;
}

/* Where the members of a JSON object begin that has none of this name. */
static mse_status find_members(size_t *out, bool *out_any, const struct cli_file *in,
                               const char *name, struct mse_error *err)
{
    json_error_t why;
    const char *option = strcmp(name, CODE_KEY) == 0 ? "--key" : "--ssl-key";
    json_t *v = json_loadb((const char *)in->data, in->len, JSON_REJECT_DUPLICATES, &why);
    bool twice = json_object_get(v, name) != NULL;
    bool object = json_is_object(v);
    *out_any = json_object_size(v) > 0;
    json_decref(v);
    if (!object) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "seal",
                        "with %s the input is no JSON object, wanted one without %s", option, name);
    }
    if (twice) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "seal",
                        "with %s the input has a member %s, wanted a JSON object without it",
                        option, name);
    }
    *out = mse_bytes_find(cli_file_view(in), mse_bytes_str("{")) + 1;
    return MSE_OK;
}

/* A string becomes the first member of the input's JSON object, the rest stays to the byte. */
static mse_status add_member(struct cli_file *in, const char *name, const char *value,
                             struct mse_error *err)
{
    struct mse_build text;
    size_t at = 0;
    bool any = false;
    mse_build_heap(&text, SEAL_MAX + 2 * MAX_KEY_PEM);
    mse_status st = in->data == NULL ? MSE_OK : find_members(&at, &any, in, name, err);
    struct mse_js j = { .b = &text };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, name, value);
    mse_wr_str(&text, any ? "," : "");
    mse_wr_copy(&text, at == 0 ? (const uint8_t *)"}" : in->data + at, at == 0 ? 1 : in->len - at);
    if (st == MSE_OK && !mse_build_ok(&text)) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "seal", "out of memory");
    }
    if (st != MSE_OK) {
        mse_build_clear(&text);
        return st;
    }
    cli_file_wipe(in);
    *in = (struct cli_file) { text.data, text.len };
    return MSE_OK;
}

static mse_status add_code_key(struct cli_file *in, const struct cli *c, struct mse_error *err)
{
    uint8_t key[32] = { 0 };
    char hex[65] = "";
    mse_status st = cli_key_read(key, cli_value(c, "key"), err);
    if (st == MSE_OK) {
        mse_hex_encode(hex, mse_bytes_of(key, sizeof key));
        st = add_member(in, CODE_KEY, hex, err);
    }
    mse_wipe(key, sizeof key);
    mse_wipe(hex, sizeof hex);
    return st;
}

static mse_status add_ssl_key(struct cli_file *in, const struct cli *c, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    mse_status st = cli_file_read(&pem, cli_value(c, "ssl-key"), MAX_KEY_PEM, err);
    char *text = pem.len == 0 ? NULL : strndup((const char *)pem.data, pem.len);
    if (st == MSE_OK && (text == NULL || strstr(text, "PRIVATE KEY-----") == NULL)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "seal", "%.150s is no private key in PEM",
                      cli_value(c, "ssl-key"));
    }
    st = st == MSE_OK ? add_member(in, SSL_KEY, text, err) : st;
    if (text != NULL) {
        mse_wipe(text, strlen(text));
    }
    free(text);
    cli_file_wipe(&pem);
    return st;
}

static mse_status add_keys(struct cli_file *in, const struct cli *c, struct mse_error *err)
{
    mse_status st = cli_has(c, "key") ? add_code_key(in, c, err) : MSE_OK;
    return st == MSE_OK && cli_has(c, "ssl-key") ? add_ssl_key(in, c, err) : st;
}

/* From the input to the output, whichever way. */
static enum cli_exit box(const struct cli *c, const uint8_t key[32],
                         mse_status (*how)(struct mse_build *, struct mse_bytes, const uint8_t *,
                                           struct mse_error *),
                         unsigned mode)
{
    struct mse_error err = { 0 };
    struct cli_file in = { 0 };
    struct mse_build out;
    const char *path = cli_value(c, "output");
    const char *input = cli_value(c, "input");
    mse_build_heap(&out, SEAL_MAX + 2048);
    mse_status st = input == NULL ? MSE_OK : cli_file_read(&in, input, SEAL_MAX, &err);
    st = st == MSE_OK && how == cli_seal ? add_keys(&in, c, &err) : st;
    st = st == MSE_OK ? how(&out, cli_file_view(&in), key, &err) : st;
    if (st == MSE_OK) {
        st = cli_newfile_put(path, mse_build_view(&out), mode, cli_has(c, "force"), &err);
    }
    mse_build_clear(&out);
    cli_file_wipe(&in);
    return st == MSE_OK ? say_output(c, path) : not_opened(c, st, &err);
}

enum cli_exit cmd_home_seal(struct cli *c)
{
    static const char *const needed[] = { "input", "output", NULL };
    struct mse_error err = { 0 };
    uint8_t public[32] = { 0 };
    bool enclave = cli_has(c, "receiver-enclave");
    if (enclave == cli_has(c, "receiver-public-key")) {
        return cli_trouble(c,
                           "exactly one of --receiver-enclave and --receiver-public-key is wanted");
    }
    if (!need(c, cli_has(c, "key") || cli_has(c, "ssl-key") ? needed + 1 : needed)) {
        return CLI_TROUBLE;
    }
    mse_status st = enclave ? key_of_enclave(public, c, cli_value(c, "receiver-enclave"), &err)
                            : cli_key_read(public, cli_value(c, "receiver-public-key"), &err);
    if (st != MSE_OK) {
        return not_opened(c, st, &err);
    }
    enum cli_exit e = box(c, public, cli_seal, 0644);
    if (e == CLI_DONE && enclave) {
        cli_hint(c, "the evidence in the certificate was not appraised here: only one that verify "
                    "wrote is a receiver to trust");
    }
    return e;
}

enum cli_exit cmd_home_unseal(struct cli *c)
{
    static const char *const needed[] = { "input", "private-key", "output", NULL };
    struct mse_error err = { 0 };
    uint8_t secret[32] = { 0 };
    if (!need(c, needed)) {
        return CLI_TROUBLE;
    }
    mse_status st = cli_key_read(secret, cli_value(c, "private-key"), &err);
    enum cli_exit e = st == MSE_OK ? box(c, secret, cli_unseal, 0600) : not_opened(c, st, &err);
    mse_wipe(secret, sizeof secret);
    return e;
}
