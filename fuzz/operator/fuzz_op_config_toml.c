/* SPDX-License-Identifier: Apache-2.0 */
/* Any msed.toml: what is accepted is whole. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/config.h"
#include "package/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_op_config c = { .domain = NULL };
    uint16_t port = 0;
    struct mse_error err = { 0 };
    mse_status st = mse_op_config_parse(&c, "/d/msed.toml", mse_bytes_of(data, size), &err);
    if (st != MSE_OK) {
        MSE_ASSERT(st == MSE_ERR_CONFIG && err.status == st && err.text[0] != '\0');
        MSE_ASSERT(c.domain == NULL && c.database == NULL && c.signer_key == NULL);
        return 0;
    }
    MSE_ASSERT(mse_rule_host(c.domain));
    MSE_ASSERT(c.database[0] == '/' || strncmp(c.database, "postgres", 8) == 0);
    MSE_ASSERT(c.signer_key[0] == '/');
    MSE_ASSERT(mse_rule_host(c.dev_domain) && strcmp(c.dev_domain, c.domain) != 0);
    MSE_ASSERT(mse_op_config_port(&port, c.api.listen) &&
               mse_op_config_port(&port, c.gateway.listen));
    MSE_ASSERT((c.api.certificate == NULL) == (c.api.key == NULL));
    MSE_ASSERT((c.gateway.certificate == NULL) == (c.gateway.key == NULL));
    MSE_ASSERT(c.api.spool[0] == '/' && c.node.data[0] == '/');
    MSE_ASSERT(c.api.max_package > 0 && c.api.upload_seconds > 0);
    mse_op_config_clear(&c);
    return 0;
}
