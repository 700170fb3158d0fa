/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: everything lies in the file or in the scratch, and twice the file's length is scratch
 * enough. */
#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/util.h"

struct room {
    struct mse_bytes json;
    struct mse_bytes scratch;
};

static bool within(struct mse_bytes part, struct mse_bytes whole)
{
    uintptr_t at = (uintptr_t)part.data;
    uintptr_t start = (uintptr_t)whole.data;
    return at >= start && at - start <= whole.len && part.len <= whole.len - (at - start);
}

static void check(const struct room *r, struct mse_bytes part)
{
    MSE_ASSERT(part.len == 0 || within(part, r->json) || within(part, r->scratch));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bundle b;
    struct mse_error err = { 0 };
    uint8_t *scratch = malloc(2 * size + 1);
    MSE_ASSERT(scratch != NULL);
    struct room r = { { data, size }, { scratch, 2 * size } };
    mse_status st = mse_bundle_parse(&b, scratch, 2 * size, r.json, &err);
    MSE_ASSERT(st == err.status && (st == MSE_OK || st == MSE_ERR_MALFORMED));
    if (st == MSE_OK) {
        const struct mse_collateral *c = &b.collateral;
        check(&r, b.certificates);
        check(&r, b.quote);
        check(&r, b.manifest);
        check(&r, b.signer_pk);
        check(&r, c->tcb_info);
        check(&r, c->tcb_info_signature);
        check(&r, c->tcb_info_issuer_chain);
        check(&r, c->qe_identity);
        check(&r, c->qe_identity_signature);
        check(&r, c->pck_crl);
        check(&r, c->root_ca_crl);
        check(&r, c->pck_cert_chain);
        MSE_ASSERT((c->tcb_info.len > 0) == (c->tcb_info_signature.len == 64));
    }
    free(scratch);
    return 0;
}
