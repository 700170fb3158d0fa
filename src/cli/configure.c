/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/configure.h"

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/util.h"

#define MAX_BODY ((size_t)16 * 1024 * 1024)

static void wr_base64url(struct mse_build *b, struct mse_bytes in)
{
    char *text = malloc((in.len + 2) / 3 * 4 + 1);
    if (text != NULL) {
        mse_base64url_encode(text, in);
        mse_wr_str(b, text);
    }
    b->failed = b->failed || text == NULL;
    free(text);
}

/* PEM: what is no PEM is refused by the enclave, by name. */
static void wr_text(struct mse_build *b, const char *name, struct mse_bytes text)
{
    char *copy = text.len == 0 ? NULL : strndup((const char *)text.data, text.len);
    struct mse_js j = { .b = b, .comma = true };
    if (copy != NULL) {
        mse_js_str(&j, name, copy);
        mse_wipe(copy, strlen(copy));
    }
    b->failed = b->failed || (copy == NULL && text.len > 0);
    free(copy);
}

static void wr_body(struct mse_build *b, const struct cli_configuration *k)
{
    mse_wr_printf(b, "{\"uuid\":\"%s\"", k->uuid);
    if (k->key.len > 0) {
        mse_wr_str(b, ",\"code_secret_key\":\"");
        mse_wr_hex(b, k->key.data, k->key.len);
        mse_wr_str(b, "\"");
    }
    if (k->secrets.len > 0) {
        mse_wr_str(b, ",\"app_secrets\":");
        mse_wr_bytes(b, k->secrets);
    }
    if (k->sealed.len > 0) {
        mse_wr_str(b, ",\"app_sealed_secrets\":\"");
        wr_base64url(b, k->sealed);
        mse_wr_str(b, "\"");
    }
    wr_text(b, "ssl_private_key", k->ssl_key);
    wr_text(b, "ssl_certificate_chain", k->ssl_chain);
    if (k->upgrade_from != NULL) {
        wr_text(b, "upgrade_from", mse_bytes_str(k->upgrade_from));
    }
    wr_text(b, "upgrade_signature", k->upgrade_signature);
    mse_wr_u8(b, '}');
}

/* Sent as it stands, so it has to be one JSON value, and nothing that ends it early. */
mse_status cli_configure_check_secrets(struct mse_bytes text, struct mse_error *err)
{
    json_error_t why;
    if (text.len == 0) {
        return MSE_OK;
    }
    json_t *v = json_loadb((const char *)text.data, text.len,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "secrets", "no JSON: line %d: %.120s", why.line,
                        why.text);
    }
    json_decref(v);
    return MSE_OK;
}

mse_status cli_configure_request(struct mse_build *out, const char *host, const char *token_hex,
                                 const struct cli_configuration *k, struct mse_error *err)
{
    struct mse_build body;
    mse_status st = cli_configure_check_secrets(k->secrets, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&body, MAX_BODY);
    wr_body(&body, k);
    if (mse_build_ok(&body)) {
        mse_wr_printf(out,
                      "POST / HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n",
                      host, token_hex, body.len);
        mse_wr_bytes(out, mse_build_view(&body));
    }
    bool good = mse_build_ok(&body) && mse_build_ok(out);
    mse_build_clear(&body);
    return good ? MSE_OK
                : MSE_FAIL(err, MSE_ERR_NO_SPACE, "configuration", "more than %zu bytes of secrets",
                           MAX_BODY);
}

void cli_configure_question(struct mse_build *out, const char *host)
{
    mse_wr_printf(out, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
}

static void copy_member(char *out, size_t cap, const json_t *v, const char *key)
{
    const char *text = json_string_value(json_object_get(v, key));
    (void)snprintf(out, cap, "%s", text == NULL ? "" : text);
    mse_utf8_printable(out);
}

mse_status cli_configure_parse(struct cli_configure_answer *out, struct mse_bytes reply,
                               struct mse_error *err)
{
    static const char gap[] = "\r\n\r\n";
    struct cli_configure_answer a = { 0 };
    uint64_t status = 0;
    size_t head = mse_bytes_find(reply, mse_bytes_str(gap));
    bool form = head < reply.len && reply.len > 12 && mse_mem_equal(reply.data, "HTTP/1.1 ", 9) &&
                mse_u64_parse(&status, mse_bytes_of(reply.data + 9, 3), 599) && status >= 100;
    json_t *v = NULL;
    if (form) {
        size_t at = head + sizeof gap - 1;
        v = json_loadb((const char *)reply.data + at, reply.len - at, JSON_REJECT_DUPLICATES, NULL);
    }
    if (!json_is_object(v)) {
        json_decref(v);
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "configuration",
                        "the enclave's answer makes no sense (%zu bytes)", reply.len);
    }
    a.status = (unsigned)status;
    copy_member(a.state, sizeof a.state, v, "status");
    copy_member(a.error, sizeof a.error, v, "error");
    copy_member(a.field, sizeof a.field, v, "field");
    json_decref(v);
    *out = a;
    return MSE_OK;
}
