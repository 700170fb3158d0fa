/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict in JSON and one in text have in common. Only verdict_*.c include this. */
#ifndef ATTEST_VERDICT_PRINT_H
#define ATTEST_VERDICT_PRINT_H

#include "attest/verdict.h"
#include "base/build.h"

extern const char verdict_no_reason[];
/* The 16 bytes of ATTRIBUTES as the report has them, in hexadecimal. */
void verdict_wr_attributes(struct mse_build *b, const struct mse_sgx_report *r);
/* Eight octets as a TD report has them. */
void verdict_wr_word(struct mse_build *b, uint64_t value);
const char *verdict_sgx_type_name(uint8_t type);
const char *verdict_snp_key_name(enum mse_snp_key k);
/* The first check that a policy key waived: each key is told once. */
bool verdict_is_new_waiver(const struct mse_verdict *v, size_t i);

#endif
