/* SPDX-License-Identifier: Apache-2.0 */
/* A quote that is cut anywhere, or of which any one bit is flipped, is never accepted. */
#ifndef TESTS_UNIT_ATTEST_FLIPS_H
#define TESTS_UNIT_ATTEST_FLIPS_H

#include <mse/attest.h>

struct flips_subject {
    uint8_t *quote;
    size_t len;
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
    unsigned stride; /* flip every so many bits at most; 0: all */
};

/* Appraises each of them; the whole quote must be accepted before and after. */
void flips_cut_and_flip(const struct flips_subject *s);

#endif
