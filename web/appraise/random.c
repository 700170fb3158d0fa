/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness for libcrypto in a module that has no system to ask: the host's. Only in mse.wasm.
 * libcrypto blinds points with it, also where nothing is secret as here, and fails without. */
#include "random.h"

#include <openssl/rand.h>
#include <stdint.h>

/* appraise.mjs: crypto.getRandomValues. */
__attribute__((import_module("mse"), import_name("random"))) int host_random(uint8_t *out,
                                                                             uint32_t len);

static int random_bytes(unsigned char *out, int len)
{
    return len >= 0 && host_random(out, (uint32_t)len) == 0;
}

static int is_ready(void)
{
    return 1;
}

int mse_wasm_random(void)
{
    static const RAND_METHOD of_the_host = { .bytes = random_bytes,
                                             .pseudorand = random_bytes,
                                             .status = is_ready };
    return RAND_set_rand_method(&of_the_host);
}
