/* SPDX-License-Identifier: Apache-2.0 */
/* The document of an issuer over HTTP. In a file of its own: only who logs in needs libcurl. */
#include "base/error.h"
#include "cmd/issuer.h"
#include "http/http.h"

const char *cli_url_proxy(const char *url)
{
    return strncmp(url, "http:", 5) == 0 ? "" : NULL; /* to this machine */
}

mse_status cli_issuer_get(struct mse_http_reply *out, struct mse_http *h, const char *url,
                          size_t max_body, struct mse_error *err)
{
    const struct mse_http_request r = {
        .url = url,
        .headers = { "Accept: application/json" },
        .stay = true,
        .proxy = cli_url_proxy(url),
        .max_body = max_body,
        .connect_ms = CLI_ISSUER_CONNECT_MS,
        .total_ms = CLI_ISSUER_TOTAL_MS,
    };
    struct mse_error why = { 0 };
    mse_status st = mse_http_ask(out, h, &r, &why);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "issuer", "%.160s: %.160s", url, why.text);
    }
    if (out->status != 200) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "issuer", "%.200s: HTTP status %ld, wanted 200", url,
                        out->status);
    }
    return MSE_OK;
}

mse_status cli_issuer_fetch(struct cli_issuer *out, struct mse_http *h, const char *issuer,
                            struct mse_error *err)
{
    char url[CLI_URL_LEN];
    struct mse_http_reply reply = { 0 };
    if (!cli_issuer_ok(issuer) || !cli_issuer_document_url(url, issuer)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "issuer",
                        "\"%.120s\": wanted an https URL without a query", issuer);
    }
    mse_status st = cli_issuer_get(&reply, h, url, CLI_ISSUER_DOCUMENT, err);
    if (st == MSE_OK) {
        st = cli_issuer_parse(out, mse_build_view(&reply.body), issuer, err);
    }
    mse_http_reply_clear(&reply);
    return st;
}
