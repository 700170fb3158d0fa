/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka lacks: files, temporary folders, the shared vectors. Test code only: it aborts on
 * trouble. */
#ifndef TESTS_LIB_TESTLIB_H
#define TESTS_LIB_TESTLIB_H

/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mse/status.h>

/* test_read_file returns the whole file, heap, freed by the caller; data NULL if it does not exist.
 * A NUL stands behind the content. */
struct mse_bytes test_read_file(const char *path);
void test_write_file(const char *path, struct mse_bytes content);
/* The folder of the shared vectors ($MSE_VECTORS, else what the build was told), or NULL: then call
 * skip(). */
const char *test_vectors(void);
/* A fresh folder 0700 below $TMPDIR; test_tmpdir_remove deletes it with all that is in it. */
char *test_tmpdir(void);
void test_tmpdir_remove(char *dir);

/* All of a file, on the heap; closes fd. */
struct mse_bytes test_take_file(int fd);

/* The stride of a long sweep: $MSE_TEST_STRIDE where each case is slow, else normal. */
size_t test_stride(size_t normal);

/* assert_bytes_equal with a dump of both sides. */
void test_assert_bytes(struct mse_bytes seen, struct mse_bytes wanted, const char *file, int line);
#define assert_bytes(seen, wanted) test_assert_bytes((seen), (wanted), __FILE__, __LINE__)
/* Compares statuses by name, so that a failure reads well. */
#define assert_status(seen, wanted)                                                                \
    assert_string_equal(mse_status_name(seen), mse_status_name(wanted))

#endif
