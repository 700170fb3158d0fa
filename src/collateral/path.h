/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of the services carry in their headers. */
#ifndef COLLATERAL_PATH_H
#define COLLATERAL_PATH_H

#include "base/build.h"

/* mse_chain_header_decode appends the PEM text of an issuer chain as a header carries it, percent-
 * encoded. False for anything that is no such text. '+' stands for itself: it is a base64 digit. */
MSE_MUST_USE bool mse_chain_header_decode(struct mse_build *out, struct mse_bytes value);

#endif
