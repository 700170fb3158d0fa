/* SPDX-License-Identifier: Apache-2.0 */
#include "base/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct job {
    void (*work)(void *arg);
    void *arg;
};

static void *run(void *arg)
{
    const struct job *j = arg;
    j->work(j->arg);
    return NULL;
}

void mse_threads_run(size_t num, void (*work)(void *arg), void *arg)
{
    pthread_t threads[MSE_MAX_THREADS];
    struct job j = { work, arg };
    size_t want = num < MSE_MAX_THREADS ? num : MSE_MAX_THREADS;
    size_t started = 0;
    /* The host program's signals are not for threads that it does not know of. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    while (started + 1 < want && pthread_create(&threads[started], NULL, run, &j) == 0) {
        started++;
    }
    if (masked) {
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    work(arg);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}
