/* SPDX-License-Identifier: Apache-2.0 */
/* make_storage DATA HOST: stores the folders home and keys of DATA in HOST, under the root 00…1f,
 * in two snapshots: one of what is there, one behind a change of home/big. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "enclave/store.h"

static mse_status no_counter(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    (void)arg;
    *out = 0;
    (void)advance;
    (void)err;
    return MSE_ERR_UNSUPPORTED;
}

static bool change(const char *data)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/home/big", data);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && pwrite(fd, "changed", 7, 70000) == 7;
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct mse_store *s = NULL;
    struct mse_store_report r;
    struct mse_store_config c = { .count = no_counter };
    if (argc != 3) {
        return 2;
    }
    for (size_t i = 0; i < sizeof c.root; i++) {
        c.root[i] = (uint8_t)i;
    }
    c.state_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok =
        mse_store_create(&s, &c, 1800000000, NULL) == MSE_OK &&
        mse_store_snapshot(s, &(const struct mse_store_take) { argv[1], NULL, 1800000001, false },
                           &r, NULL) == MSE_OK &&
        change(argv[1]) &&
        mse_store_snapshot(s, &(const struct mse_store_take) { argv[1], NULL, 1800000002, false },
                           &r, NULL) == MSE_OK;
    mse_store_free(s);
    return ok ? 0 : 1;
}
