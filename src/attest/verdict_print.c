/* SPDX-License-Identifier: Apache-2.0 */
/* Words and forms that a verdict in JSON and one in text share. */
#include "attest/verdict_print.h"

const char verdict_no_reason[] = "a check that is needed did not run";

/* Names of members that text and JSON share. */
const char *mse_tee_name(enum mse_tee_kind tee)
{
    static const char *const names[] = {
        [MSE_TEE_NONE] = "none", [MSE_TEE_SGX] = "sgx",     [MSE_TEE_TDX] = "tdx",
        [MSE_TEE_SNP] = "snp",   [MSE_TEE_NITRO] = "nitro",
    };
    return (unsigned)tee < MSE_ARRAY_LEN(names) ? names[tee] : "none";
}

void verdict_wr_attributes(struct mse_build *b, const struct mse_sgx_report *r)
{
    uint8_t raw[16];
    struct mse_build le;
    mse_build_fixed(&le, raw, sizeof raw);
    mse_wr_u64le(&le, r->attr_flags);
    mse_wr_u64le(&le, r->attr_xfrm);
    mse_wr_hex(b, raw, sizeof raw);
}

void verdict_wr_word(struct mse_build *b, uint64_t value)
{
    uint8_t raw[8];
    struct mse_build le;
    mse_build_fixed(&le, raw, sizeof raw);
    mse_wr_u64le(&le, value);
    mse_wr_hex(b, raw, sizeof raw);
}

const char *verdict_sgx_type_name(uint8_t type)
{
    static const char *const names[] = { "standard", "scalable", "scalable_with_integrity" };
    return type < MSE_ARRAY_LEN(names) ? names[type] : "unknown";
}

const char *verdict_snp_key_name(enum mse_snp_key k)
{
    return k == MSE_SNP_KEY_VCEK ? "vcek" : k == MSE_SNP_KEY_VLEK ? "vlek" : "none";
}

bool verdict_is_new_waiver(const struct mse_verdict *v, size_t i)
{
    bool found = v->checks[i].waived;
    for (size_t k = 0; found && k < i; k++) {
        const struct mse_check *c = &v->checks[k];
        found = !c->waived || strcmp(c->policy_key, v->checks[i].policy_key) != 0;
    }
    return found;
}

const char *mse_level_text(uint8_t level)
{
    static const char *const texts[] = {
        ("the key of the certificate was made in such a TEE at some time; that this very "
         "connection ends in it now is not proven"),
        "a TEE that holds the key of the certificate answered a fresh nonce",
        "this TLS session ends in the TEE",
        "this TLS session ends in the TEE, on a machine of the list",
    };
    return level < MSE_ARRAY_LEN(texts) ? texts[level] : "unknown";
}
