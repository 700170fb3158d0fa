/* SPDX-License-Identifier: Apache-2.0 */
/* A log as a stranger serves it: it has 1 to 255 entries, as the first byte says, and the rest of
 * the input is its bundle of entries, and its tile of hashes as well. Entries are handed over as
 * they stand there, up to the first that is damaged; a proof out of tiles holds against their root.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/util.h"
#include "cli/tlog_source.h"
#include "tlog/prove.h"

#define HASH       MSE_SHA256_LEN
#define MAX_HASHES 64
#define ENTRIES    "tile/entries/000" /* a whole tile stands for a part of it, too */
#define LEVEL_0    "tile/0/000"

static struct {
    struct cli_log_source *source;
    char dir[32];
    int dir_fd;
} served;

static void leave(void)
{
    static const char *const folders[] = { "tile/entries", "tile/0", "tile" };
    (void)unlinkat(served.dir_fd, ENTRIES, 0);
    (void)unlinkat(served.dir_fd, LEVEL_0, 0);
    for (size_t i = 0; i < MSE_ARRAY_LEN(folders); i++) {
        (void)unlinkat(served.dir_fd, folders[i], AT_REMOVEDIR);
    }
    (void)close(served.dir_fd);
    (void)rmdir(served.dir);
    cli_log_source_free(served.source);
}

static void begin(void)
{
    (void)snprintf(served.dir, sizeof served.dir, "/dev/shm/mse-fuzz-XXXXXX");
    MSE_ASSERT(mkdtemp(served.dir) != NULL);
    served.dir_fd = open(served.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MSE_ASSERT(served.dir_fd >= 0 && mkdirat(served.dir_fd, "tile", 0700) == 0 &&
               mkdirat(served.dir_fd, "tile/entries", 0700) == 0 &&
               mkdirat(served.dir_fd, "tile/0", 0700) == 0);
    MSE_ASSERT(cli_log_source_open(&served.source, served.dir, 1000, NULL) == MSE_OK);
    (void)atexit(leave);
}

static void serve(const char *name, struct mse_bytes content)
{
    int fd = openat(served.dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MSE_ASSERT(fd >= 0 && mse_io_write(fd, content));
    (void)close(fd);
}

struct walk {
    struct mse_bytes left;
    uint64_t next;
};

static mse_status take(void *user, uint64_t index, struct mse_bytes entry, struct mse_error *err)
{
    struct walk *w = user;
    uint16_t len = 0;
    struct mse_bytes same = { 0 };
    (void)err;
    MSE_ASSERT(index == w->next && entry.len <= MSE_LOG_MAX_ENTRY);
    w->next++;
    MSE_ASSERT(mse_rd_u16be(&w->left, &len) && mse_rd_bytes(&w->left, &same, len));
    MSE_ASSERT(mse_bytes_equal(same, entry));
    return MSE_OK;
}

static void check_entries(struct mse_bytes in)
{
    struct mse_error err = { 0 };
    struct walk w = { in, 0 };
    mse_status st = cli_log_source_entries(served.source, 0, take, &w, &err);
    MSE_ASSERT(st == MSE_OK || (st == MSE_ERR_LOG_TILE && err.status == st));
    MSE_ASSERT(st != MSE_OK || w.next == served.source->size);
}

static void check_hashes(struct mse_bytes in)
{
    static uint8_t path[MAX_HASHES][HASH];
    struct mse_log_nodes n = cli_log_source_nodes(served.source);
    uint64_t size = served.source->size;
    uint64_t index = size / 2;
    uint8_t root[HASH];
    size_t num = 0;
    mse_status st = mse_log_root_at(root, &n, size, NULL);
    bool fits = in.len == size * HASH || in.len == (size_t)MSE_LOG_TILE_WIDTH * HASH;
    MSE_ASSERT(fits ? st == MSE_OK : st == MSE_ERR_LOG_TILE);
    if (st == MSE_OK) {
        MSE_ASSERT(mse_log_prove_inclusion(path, &num, &n, index, size, NULL) == MSE_OK);
        MSE_ASSERT(mse_log_verify_inclusion(in.data + index * HASH, index, size,
                                            mse_bytes_of(path[0], num * HASH), root) == MSE_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t num = 0;
    if (!mse_rd_u8(&in, &num) || num == 0) {
        return 0;
    }
    if (served.source == NULL) {
        begin();
    }
    served.source->size = num;
    memset(served.source->tiles, 0, sizeof served.source->tiles);
    serve(ENTRIES, in);
    serve(LEVEL_0, in);
    check_entries(in);
    check_hashes(in);
    return 0;
}
