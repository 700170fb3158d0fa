/* SPDX-License-Identifier: Apache-2.0 */
/* mse.toml and operators.toml: whatever the bytes, an answer; what is accepted obeys the rules. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/operators.h"
#include "conf/project.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_project p = { 0 };
    struct mse_error err = { 0 };
    char *signer = NULL;
    if (mse_project_parse(&p, "f", mse_bytes_of(data, size), &err) == MSE_OK) {
        MSE_ASSERT((p.command.num > 0) != (p.python_application != NULL));
        MSE_ASSERT(p.workers >= 1 && p.workers <= 256 && p.healthcheck_endpoint[0] == '/');
        mse_project_clear(&p);
    } else {
        MSE_ASSERT(err.status != MSE_OK && err.text[0] != '\0');
    }
    if (mse_operators_find(&signer, "f", mse_bytes_of(data, size), "a.example.org", NULL) ==
        MSE_OK) {
        free(signer);
    }
    return 0;
}
