/* SPDX-License-Identifier: Apache-2.0 */
/* Strict DER reader over struct mse_bytes: definite, minimal lengths only; no allocation, no
 * recursion. Like mse_rd_*: false and nothing taken on failure. */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H

#include <mse/types.h>

#define MSE_DER_BOOLEAN     0x01
#define MSE_DER_INTEGER     0x02
#define MSE_DER_BIT_STRING  0x03
#define MSE_DER_OCTETS      0x04
#define MSE_DER_NULL        0x05
#define MSE_DER_OID         0x06
#define MSE_DER_ENUMERATED  0x0a
#define MSE_DER_UTF8        0x0c
#define MSE_DER_SEQUENCE    0x30
#define MSE_DER_SET         0x31
#define MSE_DER_UTC_TIME    0x17
#define MSE_DER_GEN_TIME    0x18
#define MSE_DER_CONTEXT(n)  (0xa0 + (n)) /* constructed, explicit */
#define MSE_DER_CONTEXTP(n) (0x80 + (n)) /* primitive, implicit */

/* mse_der_any takes one element: its tag and its content; *whole (may be NULL) gets tag to end. */
MSE_MUST_USE bool mse_der_any(struct mse_bytes *in, uint8_t *tag, struct mse_bytes *content,
                              struct mse_bytes *whole);
/* mse_der_get takes one element that must have this tag. */
MSE_MUST_USE bool mse_der_get(struct mse_bytes *in, uint8_t tag, struct mse_bytes *content);
/* mse_der_opt takes one element if the next tag is this one; *present tells. */
MSE_MUST_USE bool mse_der_opt(struct mse_bytes *in, uint8_t tag, struct mse_bytes *content,
                              bool *present);
/* Non-negative INTEGER: minimal; the leading zero octet is stripped; at most 20 octets. */
MSE_MUST_USE bool mse_der_uint(struct mse_bytes *in, struct mse_bytes *out);
/* The same of any length. */
MSE_MUST_USE bool mse_der_biguint(struct mse_bytes *in, struct mse_bytes *out);
MSE_MUST_USE bool mse_der_uint64(struct mse_bytes *in, uint64_t *out);
/* BOOLEAN, 00 or FF. */
MSE_MUST_USE bool mse_der_bool(struct mse_bytes *in, bool *out);
/* BIT STRING with no unused bits. */
MSE_MUST_USE bool mse_der_bits(struct mse_bytes *in, struct mse_bytes *out);
/* OBJECT IDENTIFIER, its content well-formed (X.690 §8.19). */
MSE_MUST_USE bool mse_der_oid(struct mse_bytes *in, struct mse_bytes *out);
/* UTCTime or GeneralizedTime in the RFC 5280 forms (seconds, Z). */
MSE_MUST_USE bool mse_der_time(struct mse_bytes *in, mse_time *out);
/* mse_der_oid_is compares the content of an OID with a dotted one given as its DER content. */
MSE_MUST_USE bool mse_der_oid_is(struct mse_bytes oid, const uint8_t *want, size_t want_len);

#endif
