/* SPDX-License-Identifier: Apache-2.0 */
/* One piece of work on several threads, and its end. */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <stddef.h>

/* mse_threads_run calls work(arg) on num threads at once, one of them the caller's, and returns
 * when all have ended. Where the system gives fewer threads, fewer run: the work must be such that
 * one does it all. At most MSE_MAX_THREADS. */
#define MSE_MAX_THREADS 256
void mse_threads_run(size_t num, void (*work)(void *arg), void *arg);

#endif
