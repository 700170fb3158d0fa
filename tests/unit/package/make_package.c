/* SPDX-License-Identifier: Apache-2.0 */
/* make_package DIR FILE: the encrypted package of DIR under the fixed inputs of the known answer in
 * docs/protocol.md. For check_package. */
#include <fcntl.h>
#include <unistd.h>

#include "base/util.h"
#include "package/code.h"

int main(int argc, char **argv)
{
    uint8_t fixed[4][32];
    if (argc != 3) {
        return 2;
    }
    for (size_t i = 0; i < sizeof fixed; i++) {
        fixed[i / 32][i % 32] = (uint8_t)i;
    }
    const struct mse_package p = { .key = fixed[0],
                                   .key_salt = fixed[1],
                                   .manifest_digest = fixed[2] };
    struct mse_error err = { 0 };
    int fd = open(argv[2], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || mse_package_write(fd, argv[1], fixed[3], &p, &err) != MSE_OK || close(fd) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}
