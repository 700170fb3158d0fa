/* SPDX-License-Identifier: Apache-2.0 */
/* What the quotes of SGX and TDX have in common. */
#ifndef EVIDENCE_QUOTE_H
#define EVIDENCE_QUOTE_H

#include <mse/evidence.h>

/* A parse in progress. */
struct mse_quote_reader {
    struct mse_bytes whole;
    struct mse_bytes in; /* what is left */
    bool padded;         /* zero bytes behind the quote are allowed */
    struct mse_error *err;
};

/* mse_quote_rd_version reads the version and refuses one outside first to last. */
MSE_MUST_USE mse_status mse_quote_rd_version(struct mse_quote_reader *r, struct mse_quote_header *h,
                                             uint16_t first, uint16_t last);
/* mse_quote_rd_header reads the header behind the version; tee_type: the wanted one. */
MSE_MUST_USE mse_status mse_quote_rd_header(struct mse_quote_reader *r, struct mse_quote_header *h,
                                            uint32_t tee_type);
/* mse_quote_rd_rest reads the signature data, in which nothing may be left over, and judges what
 * lies behind it. wrapped: as from version 4 on. */
MSE_MUST_USE mse_status mse_quote_rd_rest(struct mse_quote_reader *r, struct mse_quote_auth *auth,
                                          size_t *trailing, bool wrapped);
/* What was read so far. */
struct mse_bytes mse_quote_read_part(const struct mse_quote_reader *r);

/* An SGX report body, 384 bytes. */
MSE_MUST_USE bool mse_quote_rd_sgx_report(struct mse_bytes *in, struct mse_sgx_report *r);

#endif
