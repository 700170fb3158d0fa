/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate reader: what is accepted lies inside the input and holds a whole quote; binding
 * and the self signature may be asked for of anything that was read. The older extension is read
 * only where there is a newer one beside it. */
#include "base/bytes.h"
#include "base/util.h"

#include <mse/ratls.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct mse_bytes part, const uint8_t *data, size_t size)
{
    return part.data >= data && part.len <= size && (size_t)(part.data - data) <= size - part.len;
}

static void check_older(struct mse_bytes in, mse_status newer, enum mse_ratls_form form)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_sgx_quote q;
    mse_status st = mse_ratls_read_legacy(&c, in, NULL);
    MSE_ASSERT(newer == MSE_OK || st == newer);
    if (st == MSE_OK) {
        MSE_ASSERT(form != MSE_RATLS_LEGACY && c.form == MSE_RATLS_LEGACY);
        MSE_ASSERT(is_inside(c.quote, in.data, in.len));
        MSE_ASSERT(mse_sgx_quote_parse(&q, c.quote, NULL) == MSE_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_error err = { .status = MSE_OK };
    enum mse_ratls_binding b = MSE_BINDING_NONE;
    mse_status st = mse_ratls_read(&c, mse_bytes_of(data, size), &err);
    MSE_ASSERT(st == err.status);
    check_older(mse_bytes_of(data, size), st, c.form);
    if (st != MSE_OK) {
        MSE_ASSERT(c.der.data == NULL && c.quote.data == NULL);
        return 0;
    }
    struct mse_sgx_quote q;
    MSE_ASSERT(c.der.len + c.ca.len == size && is_inside(c.spki, data, size));
    struct mse_snp_report r;
    MSE_ASSERT(is_inside(c.quote, data, size));
    if (c.form == MSE_RATLS_SNP) {
        MSE_ASSERT(mse_snp_report_parse(&r, c.quote, NULL) == MSE_OK);
        return 0;
    }
    MSE_ASSERT(mse_sgx_quote_parse(&q, c.quote, NULL) == MSE_OK);
    MSE_ASSERT((c.form == MSE_RATLS_DICE) == (c.claims_raw.data != NULL));
    st = mse_ratls_check_binding(&b, &c, q.body.report_data, NULL);
    MSE_ASSERT((st == MSE_OK) == (b != MSE_BINDING_NONE));
    (void)!mse_ratls_check_self_signature(&c, NULL);
    return 0;
}
