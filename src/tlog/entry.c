/* SPDX-License-Identifier: Apache-2.0 */
/* Entries: lines in one order, each value in one form, so that what was released has one hash. */
#include <string.h>

#include <mse/log.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "tlog/note.h"

static const char version_line[] = "mse-log-entry/1";

static const char *const kinds[] = {
    [MSE_LOG_SGX] = "sgx",         [MSE_LOG_TDX] = "tdx", [MSE_LOG_SNP] = "snp",
    [MSE_LOG_NITRO] = "nitro",     [MSE_LOG_SIM] = "sim", [MSE_LOG_MANIFEST] = "manifest",
    [MSE_LOG_RUNTIME] = "runtime",
};
_Static_assert(MSE_ARRAY_LEN(kinds) == MSE_LOG_KIND_COUNT, "every kind has a word");

const char *mse_log_kind_name(enum mse_log_kind k)
{
    return (unsigned)k < MSE_LOG_KIND_COUNT ? kinds[k] : "unknown";
}

bool mse_log_kind_parse(enum mse_log_kind *out, struct mse_bytes word)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(kinds); i++) {
        if (mse_bytes_is_str(word, kinds[i])) {
            *out = (enum mse_log_kind)i;
            return true;
        }
    }
    return false;
}

/* What a terminal can show as it is. */
static bool is_plain(struct mse_bytes s)
{
    char copy[MSE_LOG_MAX_ENTRY_TEXT + 1];
    if (s.len == 0 || s.len > MSE_LOG_MAX_ENTRY_TEXT || !mse_log_is_text(s, false)) {
        return false;
    }
    memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    mse_utf8_printable(copy);
    return mse_bytes_is_str(s, copy);
}

/* Digits of one case only. */
static bool rd_hex(uint8_t *out, size_t len, struct mse_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'F') {
            return false;
        }
    }
    return mse_hex_decode(out, len, text);
}

/* A line that need not be there: true and empty then. */
static bool rd_text(struct mse_bytes *in, const char *word, struct mse_bytes *out)
{
    struct mse_bytes text = { 0 };
    if (mse_log_rd_word(in, word, &text) && !is_plain(text)) {
        return false;
    }
    *out = text;
    return true;
}

static bool rd_signer(struct mse_bytes *in, struct mse_log_entry *e)
{
    struct mse_bytes text;
    if (!mse_log_rd_word(in, "signer", &text)) {
        return true;
    }
    e->signer_len = text.len / 2;
    return (e->signer_len == 32 || e->signer_len == 48) && rd_hex(e->signer, e->signer_len, text);
}

static bool rd_manifest(struct mse_bytes *in, struct mse_log_entry *e)
{
    struct mse_bytes text;
    e->has_manifest = mse_log_rd_word(in, "manifest", &text);
    return !e->has_manifest || rd_hex(e->manifest, sizeof e->manifest, text);
}

static bool rd_entry(struct mse_bytes in, struct mse_log_entry *e)
{
    struct mse_bytes line;
    return mse_log_rd_line(&in, &line) && mse_bytes_is_str(line, version_line) &&
           mse_log_rd_word(&in, "kind", &line) && mse_log_kind_parse(&e->kind, line) &&
           mse_log_rd_word(&in, "fingerprint", &line) &&
           rd_hex(e->fingerprint, sizeof e->fingerprint, line) &&
           mse_log_rd_word(&in, "name", &e->name) && is_plain(e->name) &&
           rd_text(&in, "version", &e->version) && rd_signer(&in, e) && rd_manifest(&in, e) &&
           mse_log_rd_word(&in, "date", &line) && mse_time_parse(&e->date, line) &&
           rd_text(&in, "note", &e->note) && in.len == 0;
}

mse_status mse_log_entry_parse(struct mse_log_entry *out, struct mse_bytes in,
                               struct mse_error *err)
{
    struct mse_log_entry e = { .kind = MSE_LOG_SGX };
    if (in.len > MSE_LOG_MAX_ENTRY || !rd_entry(in, &e)) {
        return MSE_FAIL(err, MSE_ERR_LOG_FORM, "log", "no entry of the form %s", version_line);
    }
    *out = e;
    return MSE_OK;
}

static void wr_line(struct mse_build *b, const char *word, struct mse_bytes text)
{
    if (text.len > 0) {
        mse_wr_printf(b, "%s ", word);
        mse_wr_bytes(b, text);
        mse_wr_str(b, "\n");
    }
}

static void wr_hex_line(struct mse_build *b, const char *word, const uint8_t *p, size_t len)
{
    if (len > 0) {
        mse_wr_printf(b, "%s ", word);
        mse_wr_hex(b, p, len);
        mse_wr_str(b, "\n");
    }
}

mse_status mse_log_entry_write(uint8_t out[MSE_LOG_MAX_ENTRY], size_t *out_len,
                               const struct mse_log_entry *e, struct mse_error *err)
{
    uint8_t buf[MSE_LOG_MAX_ENTRY];
    struct mse_log_entry again = { .kind = MSE_LOG_SGX };
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_printf(&b, "%s\nkind %s\n", version_line, mse_log_kind_name(e->kind));
    wr_hex_line(&b, "fingerprint", e->fingerprint, sizeof e->fingerprint);
    wr_line(&b, "name", e->name);
    wr_line(&b, "version", e->version);
    wr_hex_line(&b, "signer", e->signer, e->signer_len <= sizeof e->signer ? e->signer_len : 0);
    wr_hex_line(&b, "manifest", e->manifest, e->has_manifest ? sizeof e->manifest : 0);
    mse_wr_str(&b, "date ");
    mse_wr_time(&b, e->date);
    mse_wr_str(&b, "\n");
    wr_line(&b, "note", e->note);
    if (!mse_build_ok(&b)) {
        return MSE_FAIL(err, MSE_ERR_LOG_FORM, "log", "the entry has more than %d bytes",
                        MSE_LOG_MAX_ENTRY);
    }
    /* What reads as something else was no entry. */
    if (mse_log_entry_parse(&again, mse_build_view(&b), NULL) != MSE_OK || again.date != e->date ||
        again.signer_len != e->signer_len || again.kind != e->kind) {
        return MSE_FAIL(err, MSE_ERR_LOG_FORM, "log",
                        "this cannot be an entry: texts have 1 to %d bytes of UTF-8 on one line, "
                        "dates lie between 1970 and 9999",
                        MSE_LOG_MAX_ENTRY_TEXT);
    }
    memcpy(out, buf, b.len);
    *out_len = b.len;
    return MSE_OK;
}
