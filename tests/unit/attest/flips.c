/* SPDX-License-Identifier: Apache-2.0 */
/* See flips.h. */
#include "flips.h"

#include "lib/testlib.h"

#include "lib/both.h"

#include "base/bytes.h"

/* Under sanitizers a flip costs some 30 times as much: every 7th then. */
#if defined(__SANITIZE_ADDRESS__)
#define STRIDE 7U
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STRIDE 7U
#endif
#endif
#ifndef STRIDE
#define STRIDE 1U
#endif

static struct mse_verdict verdict;

/* Each so many are held against an appraiser too, which takes eight times as long. */
#define BOTH_STRIDE 61

static bool is_accepted(const struct flips_subject *s, size_t len)
{
    static size_t calls;
    struct mse_bytes in = mse_bytes_of(s->quote, len);
    const struct both_case c = { mse_appraise_quote, in, s->collateral, s->policy, s->at };
    mse_status st = calls++ % BOTH_STRIDE == 0
                        ? both_appraise(&verdict, &c, NULL)
                        : mse_appraise_quote(&verdict, in, s->collateral, s->policy, s->at, NULL);
    assert_true((st == MSE_OK) == verdict.accepted);
    return verdict.accepted;
}

void flips_cut_and_flip(const struct flips_subject *s)
{
    const size_t thin = test_stride(STRIDE);
    const size_t step = thin > s->stride ? thin : s->stride;
    assert_true(is_accepted(s, s->len));
    for (size_t len = 0; len < s->len; len++) {
        assert_false(is_accepted(s, len));
    }
    for (size_t bit = 0; bit < 8 * s->len; bit += step) {
        uint8_t mask = (uint8_t)(1U << (bit % 8));
        s->quote[bit / 8] ^= mask;
        if (is_accepted(s, s->len)) {
            fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        }
        s->quote[bit / 8] ^= mask;
    }
    assert_true(is_accepted(s, s->len));
}
