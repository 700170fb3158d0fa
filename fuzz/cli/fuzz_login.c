/* SPDX-License-Identifier: Apache-2.0 */
/* What a login meets: the document of an issuer, an address, and the browser that comes back. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/login_redirect.h"
#include "cmd/issuer.h"

static void try_document(struct mse_bytes text)
{
    struct cli_issuer found = { .jwks_uri = "" };
    struct mse_error err = { 0 };
    mse_status st = cli_issuer_parse(&found, text, "https://i.example", &err);
    MSE_ASSERT(err.status == st);
    if (st == MSE_OK) {
        MSE_ASSERT(cli_url_ok(found.authorization_endpoint));
        MSE_ASSERT(cli_url_ok(found.token_endpoint));
        MSE_ASSERT(cli_url_ok(found.jwks_uri));
    } else {
        MSE_ASSERT(found.jwks_uri[0] == '\0');
    }
}

static void try_url(struct mse_bytes text)
{
    char url[CLI_URL_LEN + 1];
    size_t len = text.len < sizeof url - 1 ? text.len : sizeof url - 1;
    if (len > 0) {
        memcpy(url, text.data, len);
    }
    url[len] = '\0';
    if (cli_url_ok(url)) {
        MSE_ASSERT(strncmp(url, "https://", 8) == 0 || strncmp(url, "http://127.0.0.1", 16) == 0 ||
                   strncmp(url, "http://[::1]", 12) == 0 ||
                   strncmp(url, "http://localhost", 16) == 0);
        MSE_ASSERT(strpbrk(url, " \t\r\n\"<>#") == NULL);
    }
}

static void try_answer(struct mse_bytes head)
{
    static const struct login_expect want = { .state = "s", .issuer = "https://i.example" };
    char code[LOGIN_CODE_LEN] = "";
    struct mse_error err = { 0 };
    mse_status st = login_answer_parse(code, head, &want, &err);
    MSE_ASSERT(err.status == st && (st == MSE_OK) == (code[0] != '\0'));
    for (const char *p = err.text; *p != '\0'; p++) {
        MSE_ASSERT((uint8_t)*p >= ' ' && *p != 127);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mse_bytes text = mse_bytes_of(data, size);
    try_document(text);
    try_url(text);
    try_answer(text);
    return 0;
}
