/* SPDX-License-Identifier: Apache-2.0 */
/* Reading on two threads: every byte once and in order, whatever the size; a file that ends early,
 * a read that fails and a sink that has enough. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "package/ahead.h"

#define PIECE ((size_t)128 * 1024)

struct seen {
    uint64_t len;
    bool good;      /* what came is what stands there */
    unsigned until; /* pieces that are taken; the next one is refused */
    unsigned num;
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static mse_status take(void *user, struct mse_bytes piece)
{
    struct seen *s = user;
    if (s->num++ == s->until) {
        return MSE_ERR_NO_SPACE;
    }
    for (size_t i = 0; i < piece.len; i++) {
        s->good = s->good && piece.data[i] == byte_at(s->len + i);
    }
    s->len += piece.len;
    return MSE_OK;
}

static int file_of(size_t len)
{
    int fd = memfd_create("ahead", MFD_CLOEXEC);
    uint8_t *p = malloc(len + 1);
    assert_true(fd >= 0);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++) {
        p[i] = byte_at(i);
    }
    assert_int_equal(write(fd, p, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    free(p);
    return fd;
}

static void sizes(void **state)
{
    (void)state;
    static const size_t lens[] = { 1,         PIECE - 1,     PIECE,         PIECE + 1,
                                   4 * PIECE, 4 * PIECE + 1, 9 * PIECE - 1, 33 * PIECE + 7 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lens); i++) {
        struct seen s = { .good = true, .until = 1000 };
        struct mse_ahead_end end;
        int fd = file_of(lens[i]);
        assert_true(mse_ahead_read(&end, fd, lens[i], take, &s));
        assert_true(s.good && s.len == lens[i] && end.len == lens[i]);
        assert_status(end.status, MSE_OK);
        assert_int_equal(end.error, 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), (off_t)lens[i]);
        assert_int_equal(close(fd), 0);
    }
}

static void part_of_a_file(void **state)
{
    (void)state;
    struct seen s = { .good = true, .until = 1000 };
    struct mse_ahead_end end;
    int fd = file_of(10 * PIECE);
    assert_true(mse_ahead_read(&end, fd, 3 * PIECE + 5, take, &s));
    assert_true(s.good && end.len == 3 * PIECE + 5);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 3 * PIECE + 5); /* no byte more */
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    s = (struct seen) { .good = true, .until = 1000 };
    assert_true(mse_ahead_read(&end, fd, 11 * PIECE, take, &s));
    assert_true(s.good && end.len == 10 * PIECE && end.error == 0); /* it ends before */
    assert_false(mse_ahead_read(&end, fd, 0, take, &s));
    assert_int_equal(close(fd), 0);
}

static void failures(void **state)
{
    (void)state;
    struct mse_ahead_end end;
    for (unsigned until = 0; until < 12; until++) {
        struct seen s = { .good = true, .until = until };
        int fd = file_of(12 * PIECE);
        assert_true(mse_ahead_read(&end, fd, 12 * PIECE, take, &s));
        assert_status(end.status, MSE_ERR_NO_SPACE);
        assert_true(s.good && s.len == until * PIECE);
        assert_int_equal(close(fd), 0);
    }
    struct seen s = { .good = true, .until = 1000 };
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(mse_ahead_read(&end, dir, PIECE, take, &s));
    assert_int_equal(end.error, EISDIR);
    assert_true(end.len == 0 && s.num == 0);
    assert_status(end.status, MSE_OK);
    assert_int_equal(close(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(part_of_a_file),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
