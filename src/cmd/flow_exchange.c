/* SPDX-License-Identifier: Apache-2.0 */
/* A code becomes an ID token over HTTP. In a file of its own: only who logs in needs libcurl. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/flow.h"
#include "http/http.h"

#define MAX_FORM  ((size_t)16384)
#define MAX_REPLY ((size_t)64 * 1024)
#define MAX_TOKEN ((size_t)16 * 1024)

static const char step[] = "login";

/* What the issuer says to a code that it does not take, for people. */
static mse_status refused(long status, const json_t *answer, struct mse_error *err)
{
    char text[2][161] = { "", "" };
    static const char *const names[2] = { "error", "error_description" };
    for (size_t i = 0; i < 2; i++) {
        const char *said = json_string_value(json_object_get(answer, names[i]));
        (void)snprintf(text[i], sizeof text[i], "%.160s", said == NULL ? "" : said);
        mse_utf8_printable(text[i]);
    }
    return MSE_FAIL(
        err, MSE_ERR_PEER_REFUSED, step, "the issuer gives no token: HTTP status %ld%s%s%s%s",
        status, text[0][0] == '\0' ? "" : ", ", text[0], text[1][0] == '\0' ? "" : ": ", text[1]);
}

static bool is_token(const char *s)
{
    size_t len = strnlen(s, MAX_TOKEN + 1);
    return len > 0 && len <= MAX_TOKEN &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static mse_status take_token(char **out, const struct mse_http_reply *reply, struct mse_error *err)
{
    struct mse_bytes body = mse_build_view(&reply->body);
    json_t *answer =
        body.len == 0 ? NULL
                      : json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *token = json_string_value(json_object_get(answer, "id_token"));
    mse_status st = MSE_OK;
    if (reply->status != 200) {
        st = refused(reply->status, answer, err);
    } else if (token == NULL || !is_token(token)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, step, "the issuer's answer has no ID token");
    } else {
        *out = strdup(token);
        st = *out != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, step, "out of memory");
    }
    json_decref(answer);
    return st;
}

/* spec: RFC 6749 §4.1.3, RFC 7636 §4.5. */
mse_status cli_flow_exchange(char **id_token, struct mse_http *h, const char *token_endpoint,
                             const struct cli_flow *f, const char *code, struct mse_error *err)
{
    struct mse_http_reply reply = { 0 };
    struct mse_error why = { 0 };
    struct mse_build form;
    mse_build_heap(&form, MAX_FORM);
    cli_flow_put(&form, "grant_type=authorization_code&code=", code);
    cli_flow_put(&form, "&redirect_uri=", f->redirect_uri);
    cli_flow_put(&form, "&client_id=", f->client_id);
    cli_flow_put(&form, "&code_verifier=", f->verifier);
    const struct mse_http_piece body = { .bytes = mse_build_view(&form) };
    const struct mse_http_request r = {
        .url = token_endpoint,
        .headers = { "Content-Type: application/x-www-form-urlencoded",
                     "Accept: application/json" },
        .stay = true,
        .proxy = cli_url_proxy(token_endpoint),
        .pieces = &body,
        .num_pieces = 1,
        .max_body = MAX_REPLY,
        .connect_ms = CLI_ISSUER_CONNECT_MS,
        .total_ms = CLI_ISSUER_TOTAL_MS,
    };
    mse_status st = mse_build_ok(&form) ? mse_http_ask(&reply, h, &r, &why) : MSE_ERR_NO_SPACE;
    st = st == MSE_OK ? take_token(id_token, &reply, err)
                      : MSE_FAIL(err, st, step, "%.160s: %.160s", r.url, why.text);
    mse_http_reply_clear(&reply);
    mse_build_clear(&form);
    return st;
}
