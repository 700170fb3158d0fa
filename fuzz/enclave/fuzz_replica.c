/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a storage, as one that joins reads them from its leader: nothing is written but
 * files that a storage has, into one folder, and not more than is allowed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "enclave/store_copy.h"
#include "os/private_dir.h"

#define MAX_FILES ((uint64_t)4096)

static mse_status take(void *arg, void *buf, size_t len, struct mse_error *err)
{
    struct mse_bytes *in = arg;
    struct mse_bytes piece;
    if (!mse_rd_bytes(in, &piece, len)) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "fuzz", "the end");
    }
    memcpy(buf, piece.data, len);
    return MSE_OK;
}

/* Of all files of the folder. */
static uint64_t total_of(const char *dir, const uint8_t root[32])
{
    char name[MSE_STORE_NAME_LEN];
    char path[600];
    uint64_t total = 0;
    MSE_ASSERT(mse_store_name(name, root) == MSE_OK);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    DIR *d = opendir(path);
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        struct stat st;
        if (e->d_name[0] == '.') {
            continue;
        }
        MSE_ASSERT(strcmp(e->d_name, INDEX_NAME) == 0 || mse_pack_is_name(e->d_name));
        MSE_ASSERT(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        MSE_ASSERT(S_ISREG(st.st_mode));
        total += (uint64_t)st.st_size;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t root[32] = { 1 };
    char dir[] = "/dev/shm/mse-fuzz-replica-XXXXXX";
    uint8_t pin[32];
    struct mse_bytes in = mse_bytes_of(data, size);
    MSE_ASSERT(mkdtemp(dir) != NULL);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct mse_store_import i = {
        .dir_fd = fd, .root = root, .max = MAX_FILES, .in = take, .arg = &in
    };
    mse_status st = mse_store_import(&i, pin, NULL);
    uint64_t total = total_of(dir, root);
    MSE_ASSERT(total <= MAX_FILES && (st != MSE_OK || total <= size));
    (void)close(fd);
    MSE_ASSERT(mse_tree_remove(dir));
    return 0;
}
