/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes on descriptors. libmse does no I/O: this is for the others. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <mse/status.h>

/* mse_io_write writes all of b; false and errno on failure. */
MSE_MUST_USE bool mse_io_write(int fd, struct mse_bytes b);
/* mse_io_read reads until len bytes are there or the file ends. *got tells how many; false and
 * errno on failure. */
MSE_MUST_USE bool mse_io_read(int fd, uint8_t *buf, size_t len, size_t *got);
/* mse_io_read_exact reads len bytes; false at an early end too. */
MSE_MUST_USE bool mse_io_read_exact(int fd, void *buf, size_t len);

#endif
