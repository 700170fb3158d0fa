/* SPDX-License-Identifier: Apache-2.0 */
/* Where mse.wasm takes randomness from; natively libcrypto knows by itself. */
#ifndef WEB_APPRAISE_RANDOM_H
#define WEB_APPRAISE_RANDOM_H

/* 1, or 0 without memory. */
#ifdef __wasm__
int mse_wasm_random(void);
#else
static inline int mse_wasm_random(void)
{
    return 1;
}
#endif

#endif
