/* SPDX-License-Identifier: Apache-2.0 */
/* Why our certificate and CRL readers refuse what OpenSSL's takes: the whole list (docs/testing.md
 * has it in words), told by OpenSSL's readers alone. */
#ifndef TESTS_UNIT_CRYPTO_STRICTER_H
#define TESTS_UNIT_CRYPTO_STRICTER_H

#include <mse/types.h>

/* Both: der is one that ours refused. NULL if there is no reason on the list, though OpenSSL takes
 * it. */
const char *stricter_certificate(struct mse_bytes der);
const char *stricter_crl(struct mse_bytes der);

#endif
