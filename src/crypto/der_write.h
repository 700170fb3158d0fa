/* SPDX-License-Identifier: Apache-2.0 */
/* DER writer: open a constructed element, write its content, close it; the length is put in then.
 */
#ifndef CRYPTO_DER_WRITE_H
#define CRYPTO_DER_WRITE_H

#include <mse/types.h>

#include "base/build.h"

/* mse_derw_open writes the tag and leaves room; returns a mark for mse_derw_close. Nest freely. */
size_t mse_derw_open(struct mse_build *b, uint8_t tag);
void mse_derw_close(struct mse_build *b, size_t mark);
/* One primitive element. */
void mse_derw_prim(struct mse_build *b, uint8_t tag, struct mse_bytes content);
void mse_derw_oid(struct mse_build *b, const uint8_t *content, size_t len);
void mse_derw_bool(struct mse_build *b, bool v);
/* INTEGER from unsigned big-endian bytes of any length (minimal form is made here). */
void mse_derw_uint(struct mse_build *b, struct mse_bytes be);
void mse_derw_uint64(struct mse_build *b, uint64_t v);
void mse_derw_bits(struct mse_build *b, struct mse_bytes content);
/* UTCTime until 2049, GeneralizedTime after. */
void mse_derw_time(struct mse_build *b, mse_time t);
/* A Name of RDNs, one attribute each; pairs of OID content and UTF8String text. */
struct mse_derw_attr {
    const uint8_t *oid;
    size_t oid_len;
    const char *text;
};
void mse_derw_name(struct mse_build *b, const struct mse_derw_attr *attrs, size_t num);

#endif
