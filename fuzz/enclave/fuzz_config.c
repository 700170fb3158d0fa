/* SPDX-License-Identifier: Apache-2.0 */
/* Phase 1. The first byte chooses: the head of a request, or a body and what the manifest expects
 * of it. What is refused says why and leaves nothing; what is accepted is what was expected. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/config.h"
#include "enclave/http_head.h"

#define PLAIN 8

static void try_head(struct mse_bytes in)
{
    struct mse_http_head h;
    struct mse_http_head again;
    unsigned status = mse_http_head_read(&h, in);
    MSE_ASSERT(status == 200 || (status == 0 && in.len < MSE_HTTP_MAX_HEAD) ||
               (status >= 400 && status <= 505));
    if (status != 200) {
        return;
    }
    MSE_ASSERT(h.len <= MSE_HTTP_MAX_HEAD && h.len <= in.len);
    MSE_ASSERT(mse_mem_equal(in.data + h.len - 4, "\r\n\r\n", 4));
    /* What stands behind it changes nothing; without its last byte it is not whole. */
    MSE_ASSERT(mse_http_head_read(&again, mse_bytes_of(in.data, h.len)) == 200);
    MSE_ASSERT(again.len == h.len && again.post == h.post && again.has_token == h.has_token);
    MSE_ASSERT(mse_http_head_read(&again, mse_bytes_of(in.data, h.len - 1)) == 0);
}

static mse_status check_package(void *arg, const uint8_t *key)
{
    const struct mse_manifest *m = arg;
    MSE_ASSERT((key != NULL) == (m->package == MSE_PACKAGE_ENCRYPTED));
    return MSE_OK;
}

static mse_time now(void *arg)
{
    (void)arg;
    return 0;
}

static void try_body(struct mse_bytes in, uint8_t kind)
{
    static const uint8_t pair[2][32] = { { 1 }, { 2 } };
    struct mse_manifest m = {
        .app_id = "01234567-89ab-4cde-8f01-23456789abcd",
        .expects = kind & (MSE_EXPECT_SECRETS | MSE_EXPECT_SEALED_SECRETS | MSE_EXPECT_SSL_KEY),
        .package = (kind & PLAIN) != 0 ? MSE_PACKAGE_PLAIN : MSE_PACKAGE_ENCRYPTED
    };
    const struct mse_config_rules rules = { .manifest = &m,
                                            .x25519_secret = pair[0],
                                            .x25519_public = pair[1],
                                            .now = now,
                                            .check_package = check_package,
                                            .arg = &m };
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    mse_config_judge(&c, &a, &rules, in);
    MSE_ASSERT(a.http == 200 || a.http == 401 || a.http == 422);
    MSE_ASSERT((a.http == 200) == (a.error == NULL));
    MSE_ASSERT(a.http == 422 || a.field[0] == '\0');
    MSE_ASSERT(mse_utf8_valid(mse_bytes_str(a.field)));
    bool secrets = (m.expects & MSE_EXPECT_SECRETS) != 0;
    MSE_ASSERT(a.http == 200 ||
               (!c.has_code_key && c.secrets.data == NULL && c.sealed.data == NULL));
    MSE_ASSERT(a.http != 200 || (c.has_code_key == (m.package == MSE_PACKAGE_ENCRYPTED) &&
                                 (c.secrets.len > 0) == secrets));
    mse_config_clear(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'H') {
        try_head(mse_bytes_of(data + 1, size - 1));
    } else if (size > 0) {
        try_body(mse_bytes_of(data + 1, size - 1), data[0]);
    }
    return 0;
}
