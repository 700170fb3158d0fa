/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of an encrypted package or file. The input is a plaintext and a wire: the plaintext
 * sealed and read again is itself; the wire, which knows no key, is refused and gives nothing out;
 * so is the sealed stream with one bit of it changed, as the input says. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "package/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[32] = { 1 };
static const uint8_t salt[32] = { 2 };
static const uint8_t digest[32] = { 3 };
static struct mse_package package = { .manifest_digest = digest, .key = key, .key_salt = salt };

/* Everything that comes out of fd; false if it is refused. */
static bool read_all(int fd, struct mse_build *out)
{
    struct mse_stream_in *s = NULL;
    struct mse_error err = { 0 };
    MSE_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    mse_status st = mse_stream_in_new(&s, fd, &package, &err);
    struct mse_bytes piece = { key, 1 };
    while (st == MSE_OK && piece.len > 0) {
        st = mse_stream_read(s, &piece, &err);
        if (st == MSE_OK) {
            mse_wr_bytes(out, piece);
        }
    }
    mse_stream_in_free(s);
    MSE_ASSERT((st == MSE_OK) == (err.status == MSE_OK));
    return st == MSE_OK;
}

static void check_round_trip(int fd, struct mse_bytes plain)
{
    struct mse_stream_out *s = NULL;
    struct mse_build back;
    mse_build_heap(&back, (size_t)1 << 24);
    MSE_ASSERT(mse_stream_out_new(&s, fd, &package, NULL) == MSE_OK);
    MSE_ASSERT(mse_stream_write(s, plain) == MSE_OK && mse_stream_finish(s) == MSE_OK);
    mse_stream_out_free(s);
    MSE_ASSERT(read_all(fd, &back) && mse_bytes_equal(mse_build_view(&back), plain));
    mse_build_clear(&back);
}

static void check_flip(int fd, uint32_t where)
{
    uint8_t c = 0;
    struct mse_build back;
    off_t at = (off_t)(where / 8) % lseek(fd, 0, SEEK_END);
    mse_build_heap(&back, (size_t)1 << 24);
    MSE_ASSERT(pread(fd, &c, 1, at) == 1);
    c ^= (uint8_t)(1U << (where % 8));
    MSE_ASSERT(pwrite(fd, &c, 1, at) == 1);
    MSE_ASSERT(!read_all(fd, &back));
    mse_build_clear(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    uint32_t where = 0;
    struct mse_build none;
    if (!mse_rd_u32le(&in, &where) || in.len == 0) {
        return 0;
    }
    package.file = (in.len & 1) != 0;
    int fd = memfd_create("package", MFD_CLOEXEC);
    MSE_ASSERT(fd >= 0);
    MSE_ASSERT(write(fd, in.data, in.len) == (ssize_t)in.len);
    mse_build_heap(&none, (size_t)1 << 24);
    MSE_ASSERT(!read_all(fd, &none) && none.len == 0);
    mse_build_clear(&none);
    MSE_ASSERT(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    check_round_trip(fd, in);
    check_flip(fd, where);
    MSE_ASSERT(close(fd) == 0);
    return 0;
}
