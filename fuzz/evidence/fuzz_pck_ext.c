/* SPDX-License-Identifier: Apache-2.0 */
/* The SGX extension of PCK certificates. */
#include <mse/collateral.h>
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_pck_ext e;
    struct mse_pck_info info;
    struct mse_error err = { 0 };
    mse_status st = mse_pck_ext_parse(&e, in, &err);
    MSE_ASSERT(err.status == st && (st == MSE_OK || st == MSE_ERR_MALFORMED));
    if (st == MSE_OK) {
        MSE_ASSERT(e.sgx_type <= 2 && size > 100);
        in.len--;
        MSE_ASSERT(mse_pck_ext_parse(&e, in, NULL) == MSE_ERR_MALFORMED);
    }
    st = mse_pck_info_parse(&info, mse_bytes_of(data, size), NULL);
    MSE_ASSERT(st != MSE_OK || (info.serial.len > 0 && info.serial.len <= 20));
    return 0;
}
