/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a client, as the gateway reads them. What is accepted is a host name that
 * stands in the input, whatever follows; what is not complete becomes nothing better by being
 * cut. */
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t scratch[MSE_HELLO_MAX];
    char name[MSE_HELLO_NAME_MAX + 1] = "";
    char again[MSE_HELLO_NAME_MAX + 1] = "";
    enum mse_hello h = mse_hello_read(name, mse_bytes_of(data, len), scratch);
    MSE_ASSERT(h < MSE_HELLO_NUM && strlen(mse_hello_text(h)) > 0);
    if (h == MSE_HELLO_DONE) {
        size_t n = strlen(name);
        MSE_ASSERT(n > 0 && name[0] != '.' && name[n - 1] != '.');
        MSE_ASSERT(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n);
    } else {
        MSE_ASSERT(name[0] == '\0');
    }
    /* Half of it can only be wanting more, or be refused for the same reason. */
    enum mse_hello half = mse_hello_read(again, mse_bytes_of(data, len / 2), scratch);
    MSE_ASSERT(half == MSE_HELLO_MORE || half == h);
    if (half == MSE_HELLO_DONE) {
        MSE_ASSERT(strcmp(name, again) == 0);
    }
    return 0;
}
