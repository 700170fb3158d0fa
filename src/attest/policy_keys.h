/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a policy: one table for every reader (JSON here, TOML in the CLI). A reader finds the
 * key, then hands over values of the kind that the table says; what a value may be is decided here
 * and nowhere else.
 *
 *   struct mse_policy_reader r;
 *   mse_policy_read_begin(&r, &policy);                      over the defaults
 *   for each member:  key = mse_policy_key_find(name);       NULL: unknown, refuse
 *     mse_policy_key_use(&r, key, err);                      once per key; refuses a second time
 *     scalar: mse_policy_set(&r, key, &value, err);
 *     LIST:   mse_policy_set(&r, key, &value, err) per element
 *     TABLES: mse_policy_reference_begin(&r, err) per table, then per member
 *             mse_policy_reference_set(&r, name, &value, err)
 *   mse_policy_read_end(&r, err);                            what holds between keys
 *
 * Every function fails with MSE_ERR_POLICY and an error that names the key. */
#ifndef ATTEST_POLICY_KEYS_H
#define ATTEST_POLICY_KEYS_H

#include <mse/policy.h>

enum mse_policy_kind {
    MSE_POLICY_BOOL,
    MSE_POLICY_UINT,
    MSE_POLICY_TEXT,
    MSE_POLICY_LIST,   /* an array of texts */
    MSE_POLICY_TABLES, /* an array of tables: "references" */
};

/* A value as a reader found it; kind is BOOL, UINT or TEXT. */
struct mse_policy_value {
    enum mse_policy_kind kind;
    bool boolean;
    uint64_t number;
    struct mse_bytes text;
};

struct mse_policy_key {
    const char *name;
    enum mse_policy_kind kind;
    bool (*set)(struct mse_policy *p, const struct mse_policy_value *v);
    const char *wanted; /* what a good value looks like, for errors */
};

struct mse_policy_reader {
    struct mse_policy *policy;
    uint64_t used;           /* one bit a key */
    uint64_t used_reference; /* the same for the table that is being read */
};

MSE_MUST_USE const struct mse_policy_key *mse_policy_key_find(struct mse_bytes name);
/* The i-th key, NULL behind the last: for help texts and completeness tests. */
const struct mse_policy_key *mse_policy_key_at(size_t i);

/* mse_policy_read_begin sets *p to the defaults. */
void mse_policy_read_begin(struct mse_policy_reader *r, struct mse_policy *p);
MSE_MUST_USE mse_status mse_policy_key_use(struct mse_policy_reader *r,
                                           const struct mse_policy_key *key, struct mse_error *err);
MSE_MUST_USE mse_status mse_policy_set(struct mse_policy_reader *r,
                                       const struct mse_policy_key *key,
                                       const struct mse_policy_value *v, struct mse_error *err);
MSE_MUST_USE mse_status mse_policy_reference_begin(struct mse_policy_reader *r,
                                                   struct mse_error *err);
MSE_MUST_USE mse_status mse_policy_reference_set(struct mse_policy_reader *r, struct mse_bytes name,
                                                 const struct mse_policy_value *v,
                                                 struct mse_error *err);
MSE_MUST_USE mse_status mse_policy_read_end(const struct mse_policy_reader *r,
                                            struct mse_error *err);

/* mse_policy_judge finds what makes no sense in a policy, wherever it came from (counts beyond the
 * arrays, a level above 3, a collateral age under 31 days…). MSE_ERR_POLICY. */
MSE_MUST_USE mse_status mse_policy_judge(const struct mse_policy *p, struct mse_error *err);
#define MSE_POLICY_MIN_COLLATERAL_AGE ((int64_t)31 * 86400)

#endif
