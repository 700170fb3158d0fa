/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's first use. */
#ifndef CRYPTO_WARM_H
#define CRYPTO_WARM_H

#include <mse/status.h>

/* mse_crypto_warm makes all that libcrypto makes when it is first asked for it: tables of strings
 * and names, the random generators of this thread, and the algorithms of each kind that its
 * provider has. What libcrypto gets no memory for at that moment, it takes as not there, and never
 * asks again; so whoever is to live long asks while it can still give up. Fails with
 * MSE_ERR_CRYPTO, naming what is missing: then libcrypto is of no more use to this process. */
MSE_MUST_USE mse_status mse_crypto_warm(struct mse_error *err);

#endif
