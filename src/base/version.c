/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the library, as the build gives it. */
#include <mse/version.h>

const char *mse_version(void)
{
    return MSE_VERSION;
}
