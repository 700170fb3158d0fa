/* SPDX-License-Identifier: Apache-2.0 */
/* A driver whose quotes come from the lab of tests/unit/ratls, when the test lets them. */
#ifndef TESTS_ENCLAVE_FAKE_TEE_H
#define TESTS_ENCLAVE_FAKE_TEE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tee/driver.h"
#include "unit/ratls/lab.h"

struct mse_tee {
    struct lab *lab;
    pthread_mutex_t hold; /* a quote is made only when this can be had */
    bool held;            /* by the test's own thread */
    atomic_uint quotes;
    atomic_bool fails;
};

extern const struct mse_tee_ops fake_tee_ops;

/* Between the two no quote is made. To release what is not held does nothing: for a tear-down,
 * which would otherwise wait for ever behind a test that failed. */
void fake_tee_hold(struct mse_tee *t);
void fake_tee_release(struct mse_tee *t);

#endif
