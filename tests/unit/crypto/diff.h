/* SPDX-License-Identifier: Apache-2.0 */
/* Our certificate and CRL readers against OpenSSL's: ours must never accept what d2i refuses, and
 * both must read the same out of it; what d2i accepts ours refuses only for a reason that is on the
 * list (stricter.h). Aborts with a message if not. */
#ifndef TESTS_UNIT_CRYPTO_DIFF_H
#define TESTS_UNIT_CRYPTO_DIFF_H

#include <mse/types.h>

/* Both return whether ours accepted. */
bool diff_certificate(struct mse_bytes der);
bool diff_crl(struct mse_bytes der);

#endif
