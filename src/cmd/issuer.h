/* SPDX-License-Identifier: Apache-2.0 */
/* What an issuer of OpenID Connect says of itself: the form of its document, and which addresses it
 * may name. Pure; both the command line and the operator's program ask. */
#ifndef CMD_ISSUER_H
#define CMD_ISSUER_H

#include <mse/status.h>

#define CLI_URL_LEN          512 /* with NUL */
#define CLI_ISSUER_DOCUMENT  ((size_t)64 * 1024)
#define CLI_ISSUER_WELLKNOWN "/.well-known/openid-configuration"

struct cli_issuer {
    char authorization_endpoint[CLI_URL_LEN];
    char token_endpoint[CLI_URL_LEN];
    char jwks_uri[CLI_URL_LEN];
};
/* cli_url_ok: an absolute https URL of printable ASCII, without a user and a fragment; plain http
 * only to 127.0.0.1, [::1] and localhost. */
MSE_MUST_USE bool cli_url_ok(const char *url);
/* That of an issuer has no query either (OpenID Connect Discovery 1.0, section 3). */
MSE_MUST_USE bool cli_issuer_ok(const char *url);
/* Where the document of this issuer lies; false if it is too long. */
MSE_MUST_USE bool cli_issuer_document_url(char out[CLI_URL_LEN], const char *issuer);
/* cli_issuer_parse reads the document, which must name this very issuer. MSE_ERR_MALFORMED;
 * MSE_ERR_TOKEN_ISSUER: it is that of another one. */
MSE_MUST_USE mse_status cli_issuer_parse(struct cli_issuer *out, struct mse_bytes document,
                                         const char *issuer, struct mse_error *err);

#define CLI_ISSUER_CONNECT_MS 5000
#define CLI_ISSUER_TOTAL_MS   10000
struct mse_http;
struct mse_http_reply;
/* Which proxy a request to an URL that is cli_url_ok takes: mse_http_request's. */
const char *cli_url_proxy(const char *url);
/* cli_issuer_get gets what an issuer serves; redirects are not followed. MSE_ERR_PROTOCOL for any
 * status but 200; else as mse_http_ask. *out is to be cleared in any case. */
MSE_MUST_USE mse_status cli_issuer_get(struct mse_http_reply *out, struct mse_http *h,
                                       const char *url, size_t max_body, struct mse_error *err);
/* cli_issuer_fetch gets the document and reads it. MSE_ERR_ARGUMENT: that is no issuer's URL. */
MSE_MUST_USE mse_status cli_issuer_fetch(struct cli_issuer *out, struct mse_http *h,
                                         const char *issuer, struct mse_error *err);

#endif
