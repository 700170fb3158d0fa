/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/issuer.h"

#include <jansson.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

static const char step[] = "issuer";

static bool is_url_text(const char *s)
{
    size_t len = strnlen(s, CLI_URL_LEN);
    if (len == 0 || len == CLI_URL_LEN) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] > '~' || strchr("\"<>\\^`{|}#", s[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* Cuts "HOST[:PORT]" off; false if there is a user, or no host. */
static bool split_authority(struct mse_bytes *host, const char *authority)
{
    size_t len = strcspn(authority, "/?");
    struct mse_bytes all = mse_bytes_of(authority, len);
    const char *end = authority[0] == '[' ? memchr(authority, ']', len) : NULL;
    const char *colon = memchr(end == NULL ? authority : end, ':',
                               end == NULL ? len : len - (size_t)(end - authority));
    uint64_t port = 0;
    if (memchr(authority, '@', len) != NULL || (authority[0] == '[' && end == NULL)) {
        return false;
    }
    if (colon != NULL) {
        size_t at = (size_t)(colon - authority);
        all.len = at;
        if (!mse_u64_parse(&port, mse_bytes_of(colon + 1, len - at - 1), UINT16_MAX) || port == 0) {
            return false;
        }
    }
    *host = all;
    return all.len > 0 && (end == NULL || all.len == (size_t)(end - authority) + 1);
}

bool cli_url_ok(const char *url)
{
    static const char secure[] = "https://";
    static const char plain[] = "http://";
    struct mse_bytes host = { NULL, 0 };
    if (!is_url_text(url)) {
        return false;
    }
    if (strncmp(url, secure, sizeof secure - 1) == 0) {
        return split_authority(&host, url + sizeof secure - 1);
    }
    return strncmp(url, plain, sizeof plain - 1) == 0 &&
           split_authority(&host, url + sizeof plain - 1) &&
           (mse_bytes_is_str(host, "127.0.0.1") || mse_bytes_is_str(host, "[::1]") ||
            mse_bytes_is_str(host, "localhost"));
}

bool cli_issuer_ok(const char *url)
{
    return cli_url_ok(url) && strchr(url, '?') == NULL;
}

bool cli_issuer_document_url(char out[CLI_URL_LEN], const char *issuer)
{
    size_t len = strlen(issuer);
    while (len > 0 && issuer[len - 1] == '/') {
        len--;
    }
    struct mse_build b;
    mse_build_fixed(&b, out, CLI_URL_LEN);
    mse_wr_copy(&b, issuer, len);
    mse_wr_str(&b, CLI_ISSUER_WELLKNOWN);
    return mse_build_cstr(&b) != NULL;
}

static mse_status take_url(char out[CLI_URL_LEN], const json_t *doc, const char *name,
                           struct mse_error *err)
{
    const char *url = json_string_value(json_object_get(doc, name));
    if (url == NULL || !cli_url_ok(url)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                        "its document says %s \"%.120s\", wanted an https URL", name,
                        url == NULL ? "" : url);
    }
    (void)snprintf(out, CLI_URL_LEN, "%s", url);
    return MSE_OK;
}

static mse_status read_document(struct cli_issuer *out, const json_t *doc, const char *issuer,
                                struct mse_error *err)
{
    const char *said = json_string_value(json_object_get(doc, "issuer"));
    if (said == NULL || strcmp(said, issuer) != 0) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_ISSUER, step,
                        "its document is that of \"%.120s\", wanted \"%.120s\"",
                        said == NULL ? "" : said, issuer);
    }
    mse_status st = take_url(out->authorization_endpoint, doc, "authorization_endpoint", err);
    if (st == MSE_OK) {
        st = take_url(out->token_endpoint, doc, "token_endpoint", err);
    }
    return st == MSE_OK ? take_url(out->jwks_uri, doc, "jwks_uri", err) : st;
}

mse_status cli_issuer_parse(struct cli_issuer *out, struct mse_bytes document, const char *issuer,
                            struct mse_error *err)
{
    struct cli_issuer found = { .jwks_uri = "" };
    json_t *doc =
        document.len > 0 && document.len <= CLI_ISSUER_DOCUMENT
            ? json_loadb((const char *)document.data, document.len, JSON_REJECT_DUPLICATES, NULL)
            : NULL;
    if (!json_is_object(doc)) {
        json_decref(doc);
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "its document is no JSON object");
    }
    mse_status st = read_document(&found, doc, issuer, err);
    json_decref(doc);
    if (st == MSE_OK) {
        *out = found;
    }
    return st;
}
