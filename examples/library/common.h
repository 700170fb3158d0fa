/* SPDX-License-Identifier: Apache-2.0 */
/* What client and server share: trouble ends the program. */
#ifndef EXAMPLES_LIBRARY_COMMON_H
#define EXAMPLES_LIBRARY_COMMON_H

#include <mse/ratls.h>

/* Prints the message and exits with status 2. */
_Noreturn void die(const char *format, ...) MSE_PRINTF(1, 2);

/* Accepts peers by a policy (JSON) and collateral (the file that `mse` uses too). */
struct mse_ratls_verifier *verifier_of_files(const char *policy, const char *collateral);

/* A quote of this TEE: a mse_ratls_quote_fn. device is the path of Gramine's /dev/attestation, or
 * of what looks like it. */
mse_status quote_of_tee(void *device, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err);

/* A key and a certificate over a quote of this TEE, for a month; name is what peers know us by.
 */
struct mse_ratls_identity *identity_of_tee(const char *device, const char *name);

#endif
