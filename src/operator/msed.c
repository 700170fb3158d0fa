/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/msed.h"

#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "crypto/sign.h"

#define MAX_LOGIN 32

void msed_set_by(struct msed *m)
{
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    m->by.now = (mse_time)time(NULL);
    m->by.actor = m->actor;
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        (void)snprintf(m->actor, sizeof m->actor, "msed:%.*s", MAX_LOGIN, found->pw_name);
    } else {
        (void)snprintf(m->actor, sizeof m->actor, "msed:%u", (unsigned)geteuid());
    }
}

enum cli_exit msed_configure(struct msed *m, const struct cli *c)
{
    const struct msed none = { .c = c };
    const char *path = cli_has(c, "config") ? cli_value(c, "config") : MSED_CONFIG;
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    *m = none;
    msed_set_by(m);
    mse_status st = cli_file_read(&f, path, MSE_OP_CONFIG_MAX, &err);
    if (st == MSE_ERR_NOT_FOUND) {
        enum cli_exit e = cli_failed(c, st, &err);
        cli_hint(c, "msed init makes it, --config FILE names another");
        return e;
    }
    if (st == MSE_OK) {
        st = mse_op_config_parse(&m->config, path, cli_file_view(&f), &err);
    }
    cli_file_clear(&f);
    if (st == MSE_OK && cli_has(c, "db")) {
        st = mse_op_config_set_database(&m->config, cli_value(c, "db"), &err);
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

enum cli_exit msed_open(struct msed *m, const struct cli *c, bool create)
{
    struct mse_error err = { 0 };
    enum cli_exit e = msed_configure(m, c);
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = mse_op_store_open(&m->store, m->config.database, create, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

void msed_close(struct msed *m)
{
    mse_op_store_close(m->store);
    m->store = NULL;
    mse_op_config_clear(&m->config);
}

bool msed_number(const struct cli *c, const char *name, uint64_t *out, uint64_t fallback,
                 uint64_t max)
{
    const char *text = cli_value(c, name);
    uint64_t n = fallback;
    if (text != NULL && (!mse_u64_parse(&n, mse_bytes_str(text), max) || n == 0)) {
        (void)cli_trouble(c, "--%s is %s, wanted 1 to %llu", name, text, (unsigned long long)max);
        return false;
    }
    if (n == 0) {
        (void)cli_trouble(c, "--%s is missing", name);
        return false;
    }
    *out = n;
    return true;
}

enum cli_exit msed_do(const struct cli *c, msed_fn *what, void *arg)
{
    struct msed m;
    struct mse_error err = { 0 };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = what(&m, arg, &err);
        if (st != MSE_OK) {
            e = cli_failed(c, st, &err);
        }
        e = st == MSE_ERR_SIGNATURE ? CLI_REFUSED : e;
    }
    msed_close(&m);
    return e;
}

enum cli_exit msed_list(const struct cli *c, msed_fn *what, const char *nothing)
{
    struct msed_listing l = { .c = c, .list = json_array() };
    enum cli_exit e = l.list == NULL ? cli_trouble(c, "out of memory") : msed_do(c, what, &l);
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_incref(l.list));
    } else if (e == CLI_DONE && json_array_size(l.list) == 0) {
        cli_say(c, "%s", nothing);
    }
    json_decref(l.list);
    return e;
}

enum cli_exit msed_say(const struct cli *c, json_t *v, const char *what, const char *name)
{
    if (c->json) {
        cli_json(c, v);
    } else {
        json_decref(v);
        cli_say(c, "%s: %s", what, name);
    }
    return CLI_DONE;
}

const char *msed_time(char *out, mse_time t)
{
    if (t == 0) {
        (void)snprintf(out, MSE_TIME_TEXT_LEN, "-");
    } else {
        mse_time_format(out, t);
    }
    return out;
}

void msed_head_format(char out[MSED_HEAD_LEN], const struct mse_op_audit_head *h)
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(h->hash, sizeof h->hash));
    (void)snprintf(out, MSED_HEAD_LEN, "%llu:%s", (unsigned long long)h->seq, hex);
}

bool msed_head_parse(struct mse_op_audit_head *out, struct mse_bytes text)
{
    struct mse_op_audit_head h;
    const uint8_t *colon = text.len == 0 ? NULL : memchr(text.data, ':', text.len);
    if (colon == NULL) {
        return false;
    }
    size_t len = (size_t)(colon - text.data);
    if (!mse_u64_parse(&h.seq, mse_bytes_of(text.data, len), INT64_MAX) || h.seq == 0 ||
        !mse_hex_decode(h.hash, sizeof h.hash, mse_bytes_of(colon + 1, text.len - len - 1))) {
        return false;
    }
    *out = h;
    return true;
}

mse_status msed_mrsigner(uint8_t out[32], const struct mse_privkey *k, struct mse_error *err)
{
    uint8_t modulus[384];
    mse_status st = mse_privkey_rsa_modulus_le(k, modulus);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "signer", "the signer's key is no RSA-3072");
    }
    return mse_sha256(out, mse_bytes_of(modulus, sizeof modulus));
}
