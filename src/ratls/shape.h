/* SPDX-License-Identifier: Apache-2.0 */
/* What bytes are that somebody hands over as evidence: told by their first bytes, never by a name.
 * Nothing is judged; what is said here only picks the reader that judges. */
#ifndef RATLS_SHAPE_H
#define RATLS_SHAPE_H

#include <mse/types.h>

enum mse_shape {
    MSE_SHAPE_UNKNOWN = 0,
    MSE_SHAPE_JSON,        /* a text that begins an object: a bundle, perhaps */
    MSE_SHAPE_PEM,         /* a text that begins a certificate */
    MSE_SHAPE_CERTIFICATE, /* DER of a certificate, perhaps with that of its CA right behind */
    MSE_SHAPE_QUOTE,       /* of SGX or TDX */
    MSE_SHAPE_SNP_REPORT,
    MSE_SHAPE_HCL,
    MSE_SHAPE_NITRO,
    MSE_SHAPE_TAGGED, /* evidence and claims, without a certificate */
};
enum mse_shape mse_shape_of(struct mse_bytes in);
/* The text without the white space that it begins with. */
struct mse_bytes mse_shape_text(struct mse_bytes in);

#endif
