/* SPDX-License-Identifier: Apache-2.0 */
/* The public headers are C++ too, and need nothing that is not installed. */
#include <mse/attest.h>
#include <mse/collateral.h>
#include <mse/ear.h>
#include <mse/evidence.h>
#include <mse/measure.h>
#include <mse/policy.h>
#include <mse/ratls.h>
#include <mse/session.h>
#include <mse/status.h>
#include <mse/types.h>
#include <mse/version.h>

extern "C" const char *test_version_from_cxx(void);
const char *test_version_from_cxx(void)
{
    return mse_version();
}
