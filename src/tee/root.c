/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"

mse_status mse_tee_root(int *fd, struct mse_error *err)
{
    if (*fd < 0) {
        *fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return *fd >= 0 && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_IO, "tee", "the root folder: %s", strerror(errno));
}
