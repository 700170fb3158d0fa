/* SPDX-License-Identifier: Apache-2.0 */
/* mse_measure_sdk with another bound, so that fuzzing gets on. */
#ifndef MEASURE_SDK_H
#define MEASURE_SDK_H

#include <mse/measure.h>

/* A page that is only added costs 1, a measured one 32, a look at an entry of the layout 1. */
#define MSE_SDK_MAX_COST (1ULL << 28)

MSE_MUST_USE mse_status mse_sdk_measure(struct mse_sdk_enclave *out, struct mse_bytes file,
                                        size_t which, uint64_t max_cost, struct mse_error *err);

#endif
