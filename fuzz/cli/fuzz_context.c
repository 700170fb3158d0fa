/* SPDX-License-Identifier: Apache-2.0 */
/* context.toml: whatever the bytes, an answer; what is accepted agrees with its manifest. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_app a = { 0 };
    struct mse_error err = { 0 };
    char path[64];
    int fd = memfd_create("context", MFD_CLOEXEC);
    MSE_ASSERT(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (cli_app_load(&a, path, &err) == MSE_OK) {
        MSE_ASSERT(a.context.manifest != NULL && a.context.domain_name != NULL);
        MSE_ASSERT(strcmp(a.context.id, a.manifest.app_id) == 0);
        cli_app_clear(&a);
    } else {
        MSE_ASSERT(err.text[0] != '\0' && a.context.manifest == NULL && a.manifest.name == NULL);
    }
    MSE_ASSERT(close(fd) == 0);
    return 0;
}
