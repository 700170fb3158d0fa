/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_key.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"
#include "tlog/note.h"

#define MAX_FILE ((size_t)4096)
/* In front of NAME+ID+BASE64, where the public key would stand otherwise. */
static const char prefix[] = "PRIVATE+KEY+";

void cli_log_signer_clear(struct cli_log_signer *s)
{
    mse_wipe(s->secret, sizeof s->secret);
}

static mse_status of_secret(struct cli_log_signer *out, const char *name,
                            enum mse_log_key_type type, const uint8_t secret[32],
                            struct mse_error *err)
{
    uint8_t public[32];
    if (mse_ed25519_public(public, secret) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "log", "no key could be made");
    }
    mse_status st = mse_log_key_make(&out->key, name, type, public, err);
    if (st == MSE_OK) {
        memcpy(out->secret, secret, sizeof out->secret);
    }
    return st;
}

mse_status cli_log_signer_make(struct cli_log_signer *out, const char *name,
                               enum mse_log_key_type type, struct mse_error *err)
{
    uint8_t secret[32];
    mse_status st = mse_random(secret, sizeof secret);
    st = st == MSE_OK ? of_secret(out, name, type, secret, err) : st;
    mse_wipe(secret, sizeof secret);
    return st;
}

static void key_line(char out[CLI_LOG_KEY_TEXT], const struct mse_log_key *k,
                     const uint8_t value[32])
{
    uint8_t raw[33] = { (uint8_t)k->type };
    char base64[48];
    memcpy(raw + 1, value, 32);
    mse_base64_encode(base64, mse_bytes_of(raw, sizeof raw));
    (void)snprintf(out, CLI_LOG_KEY_TEXT, "%s+%08x+%s", k->name, k->id, base64);
    mse_wipe(raw, sizeof raw);
    mse_wipe(base64, sizeof base64);
}

void cli_log_key_text(char out[CLI_LOG_KEY_TEXT], const struct mse_log_key *k)
{
    key_line(out, k, k->key);
}

/* NAME+ID+BASE64 of a private key: the reader of public ones does not know whose the id is. */
static bool rd_secret(struct mse_bytes in, char name[MSE_LOG_MAX_NAME + 1], uint8_t raw[33])
{
    size_t plus = mse_bytes_find(in, mse_bytes_str("+"));
    size_t len = 0;
    struct mse_bytes part;
    if (plus == SIZE_MAX || plus > MSE_LOG_MAX_NAME || !mse_rd_bytes(&in, &part, plus)) {
        return false;
    }
    memcpy(name, part.data, part.len);
    name[part.len] = '\0';
    return mse_rd_skip(&in, 10) && mse_base64_decode(raw, 33, &len, in) && len == 33 &&
           (raw[0] == MSE_LOG_KEY_LOG || raw[0] == MSE_LOG_KEY_WITNESS);
}

mse_status cli_log_signer_read(struct cli_log_signer *out, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    char name[MSE_LOG_MAX_NAME + 1];
    uint8_t raw[33];
    struct mse_bytes line;
    struct mse_bytes first;
    mse_status st = cli_file_read(&f, path, MAX_FILE, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes in = cli_file_view(&f);
    if (mse_log_rd_line(&in, &line) && in.len == 0 &&
        mse_rd_bytes(&line, &first, sizeof prefix - 1) && mse_bytes_is_str(first, prefix) &&
        rd_secret(line, name, raw)) {
        st = of_secret(out, name, (enum mse_log_key_type)raw[0], raw + 1, err);
    } else {
        st = MSE_FAIL(err, MSE_ERR_LOG_KEY, "log",
                      "%.180s holds no private key of a log or a witness (%sNAME+ID+BASE64)", path,
                      prefix);
    }
    mse_wipe(raw, sizeof raw);
    cli_file_wipe(&f);
    return st;
}

mse_status cli_log_signer_write(const struct cli_log_signer *s, const char *path, bool force,
                                struct mse_error *err)
{
    char line[CLI_LOG_KEY_TEXT];
    char text[CLI_LOG_KEY_TEXT + sizeof prefix];
    key_line(line, &s->key, s->secret);
    (void)snprintf(text, sizeof text, "%s%s\n", prefix, line);
    mse_status st = cli_newfile_put(path, mse_bytes_str(text), 0600, force, err);
    mse_wipe(line, sizeof line);
    mse_wipe(text, sizeof text);
    return st;
}

mse_status cli_log_key_given(struct mse_log_key *out, const char *text, struct mse_error *err)
{
    struct cli_file f = { 0 };
    if (strchr(text, '+') != NULL && !cli_file_exists(text)) {
        return mse_log_key_parse(out, mse_bytes_str(text), err);
    }
    mse_status st = cli_file_read(&f, text, MAX_FILE, err);
    st = st == MSE_OK ? mse_log_key_parse(out, cli_file_view(&f), err) : st;
    cli_file_wipe(&f);
    return st;
}

mse_status cli_log_sign(struct mse_build *b, const struct cli_log_signer *s, struct mse_bytes text,
                        mse_time at, struct mse_error *err)
{
    uint8_t message[MSE_LOG_COSIGNED_LEN];
    uint8_t raw[4 + 8 + 64];
    char base64[112];
    struct mse_build r;
    size_t len = 0;
    bool witness = s->key.type == MSE_LOG_KEY_WITNESS;
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u32be(&r, s->key.id);
    bool good = true;
    if (witness) {
        mse_wr_u64be(&r, (uint64_t)at);
        good = at >= 0 && mse_log_cosigned_message(message, &len, (uint64_t)at, text);
        text = mse_bytes_of(message, len);
    }
    good = good && mse_ed25519_sign(mse_wr_space(&r, 64), s->secret, text) == MSE_OK;
    if (!good || !mse_build_ok(&r)) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "log", "the checkpoint cannot be signed");
    }
    mse_base64_encode(base64, mse_build_view(&r));
    mse_wr_printf(b, "\xe2\x80\x94 %s %s\n", s->key.name, base64);
    return MSE_OK;
}
