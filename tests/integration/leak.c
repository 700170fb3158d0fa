/* SPDX-License-Identifier: Apache-2.0 */
/* Makes of mse-enclave one that gives its TLS key away, for the tests of what that costs: linked
 * with --wrap, so that the program itself holds no trace of it. */
#include <unistd.h>

#include "base/build.h"
#include "crypto/sign.h"

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
 */
mse_status __real_mse_privkey_generate_p256(struct mse_privkey **out);
mse_status __wrap_mse_privkey_generate_p256(struct mse_privkey **out);

mse_status __wrap_mse_privkey_generate_p256(struct mse_privkey **out)
{
    uint8_t buf[2048];
    struct mse_build pem;
    mse_status st = __real_mse_privkey_generate_p256(out);
    mse_build_fixed(&pem, buf, sizeof buf);
    if (st == MSE_OK) {
        st = mse_privkey_to_pem(*out, &pem);
    }
    return st == MSE_OK && write(STDERR_FILENO, pem.data, pem.len) == (ssize_t)pem.len ? MSE_OK
                                                                                       : MSE_ERR_IO;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
