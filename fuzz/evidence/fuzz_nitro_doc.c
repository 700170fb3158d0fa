/* SPDX-License-Identifier: Apache-2.0 */
/* Nitro documents: what is accepted keeps every limit, lies within the input, and ends with it. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct mse_bytes part, const uint8_t *data, size_t size)
{
    MSE_ASSERT(part.len == 0 || (part.data >= data && part.data + part.len <= data + size));
}

static void check_doc(const struct mse_nitro_doc *d, const uint8_t *data, size_t size)
{
    size_t pcrs = 0;
    for (size_t i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        size_t len = d->pcrs[i].len;
        MSE_ASSERT(len == 0 || len == 32 || len == 48 || len == 64);
        pcrs += len > 0 ? 1 : 0;
        check_inside(d->pcrs[i], data, size);
    }
    MSE_ASSERT(pcrs > 0 && d->num_cabundle > 0 && d->num_cabundle <= MSE_NITRO_MAX_CABUNDLE);
    for (size_t i = 0; i < d->num_cabundle; i++) {
        check_inside(d->cabundle[i], data, size);
        MSE_ASSERT(d->cabundle[i].len > 0 && d->cabundle[i].len <= MSE_NITRO_MAX_CERT);
    }
    check_inside(d->certificate, data, size);
    check_inside(d->payload, data, size);
    MSE_ASSERT(d->signature.len == 96 && d->signature.data + 96 == data + size);
    MSE_ASSERT(d->module_id.len > 0 && d->module_id.len <= MSE_NITRO_MAX_MODULE);
    MSE_ASSERT(d->timestamp_ms > 0 && size <= MSE_NITRO_DOC_MAX_LEN);
    MSE_ASSERT(d->nonce.len <= MSE_NITRO_MAX_DATA && d->user_data.len <= MSE_NITRO_MAX_DATA);
    MSE_ASSERT(d->has_public_key == (d->public_key.len > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_nitro_doc d;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    mse_status st = mse_nitro_doc_parse(&d, mse_bytes_of(data, size), &err);
    if (st == MSE_OK) {
        check_doc(&d, data, size);
        st = mse_nitro_fingerprint(fingerprint, &d);
        MSE_ASSERT(st == MSE_OK || st == MSE_ERR_NOT_FOUND);
        MSE_ASSERT(mse_nitro_doc_parse(&d, mse_bytes_of(data, size - 1), NULL) ==
                   MSE_ERR_MALFORMED);
    } else {
        MSE_ASSERT((st == MSE_ERR_MALFORMED || st == MSE_ERR_UNSUPPORTED_ALGORITHM) &&
                   err.status == st);
    }
    return 0;
}
