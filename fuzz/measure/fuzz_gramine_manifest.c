/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of the Gramine manifest. What it accepts is within the limits, and means the same
 * with comments around it. */
#include "measure/gramine_manifest.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

static void check_with_comments(const struct mse_gramine_params *p, struct mse_bytes text)
{
    struct mse_build b;
    mse_build_heap(&b, text.len + 64);
    mse_wr_str(&b, "# [sgx]\n\n");
    mse_wr_bytes(&b, text);
    mse_wr_str(&b, "\n# sgx.max_threads = 1");
    struct mse_gramine_params again = { 0 };
    MSE_ASSERT(mse_gramine_params_parse(&again, mse_build_view(&b), NULL) == MSE_OK);
    MSE_ASSERT(again.enclave_size == p->enclave_size && again.threads == p->threads &&
               again.edmm == p->edmm);
    mse_build_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_gramine_params p = { .threads = 77 };
    struct mse_error err = { 0 };
    struct mse_bytes text = mse_bytes_of(data, size);
    mse_status st = mse_gramine_params_parse(&p, text, &err);
    MSE_ASSERT(err.status == st);
    if (st != MSE_OK) {
        MSE_ASSERT(st == MSE_ERR_CONFIG && err.offset <= size && p.threads == 77);
        return 0;
    }
    MSE_ASSERT(p.enclave_size >= 8192 && p.enclave_size <= MSE_GRAMINE_MAX_SIZE);
    MSE_ASSERT((p.enclave_size & (p.enclave_size - 1)) == 0);
    MSE_ASSERT(p.threads >= 1 && p.threads <= MSE_GRAMINE_MAX_THREADS);
    check_with_comments(&p, text);
    return 0;
}
