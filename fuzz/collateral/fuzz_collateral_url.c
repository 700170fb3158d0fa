/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of services: what is accepted is printable, has no end that would change a request, and is
 * read again as itself. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "collateral/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct mse_upstream *u)
{
    struct mse_upstream again = { .kind = 0 };
    size_t len = strlen(u->url);
    MSE_ASSERT(strncmp(u->url, "https://", 8) == 0 || strncmp(u->url, "http://", 7) == 0);
    MSE_ASSERT(u->url[len - 1] != '/' && strpbrk(u->url, "?#@% \r\n\\") == NULL);
    MSE_ASSERT(u->kind == MSE_UPSTREAM_PCS || u->kind == MSE_UPSTREAM_PCCS);
    /* A path may hold the service's own root more than once: one goes at a time. */
    if (mse_upstream_parse(&again, MSE_UPSTREAM_PCCS, u->url, NULL) == MSE_OK) {
        MSE_ASSERT(strlen(again.url) <= len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_upstream u = { .kind = 0 };
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (mse_upstream_parse(&u, MSE_UPSTREAM_PCCS, text, NULL) == MSE_OK) {
        check(&u);
    } else {
        MSE_ASSERT(u.kind == 0);
    }
    free(text);
    return 0;
}
