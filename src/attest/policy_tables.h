/* SPDX-License-Identifier: Apache-2.0 */
/* What the two tables of keys share. Only policy_*.c include this. */
#ifndef ATTEST_POLICY_TABLES_H
#define ATTEST_POLICY_TABLES_H

#include "attest/policy_keys.h"

#define POLICY_KEY(n, k, f, w)                                                                     \
    {                                                                                              \
        .name = (n), .kind = MSE_POLICY_##k, .set = (f), .wanted = (w)                             \
    }

MSE_MUST_USE const struct mse_policy_key *policy_find(const struct mse_policy_key *table,
                                                      size_t num, struct mse_bytes name);
/* A key stands there once. *used has a bit for each. */
MSE_MUST_USE mse_status policy_use(uint64_t *used, size_t index, const char *name,
                                   struct mse_error *err);

#endif
