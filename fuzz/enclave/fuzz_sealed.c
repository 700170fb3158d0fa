/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of sealed files once they are open. The first byte chooses: the state, the index, or
 * a whole file, which must not open. What is accepted is written again as it was. */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/seal.h"
#include "enclave/state.h"
#include "enclave/store_index.h"

static void try_state(struct mse_bytes in)
{
    struct mse_state s;
    struct mse_build b;
    if (mse_state_parse(&s, in) != MSE_OK) {
        return;
    }
    MSE_ASSERT(s.storage_root.len == 32 && s.x25519.len == 32 && s.floor >= 0);
    mse_build_heap(&b, in.len);
    mse_state_write(&b, &s);
    MSE_ASSERT(mse_build_ok(&b) && mse_bytes_equal(mse_build_view(&b), in));
    mse_build_clear(&b);
}

static void check_index(const struct mse_store_index *x, struct mse_bytes as)
{
    struct mse_build b;
    for (size_t i = 1; i < x->num_nodes; i++) {
        MSE_ASSERT(mse_store_compare(x->nodes[i - 1].path, x->nodes[i].path) < 0);
    }
    mse_build_heap(&b, as.len);
    mse_store_index_write(&b, x);
    MSE_ASSERT(mse_build_ok(&b) && mse_bytes_equal(mse_build_view(&b), as));
    mse_build_clear(&b);
}

/* Seeds are short: the zeros at the end of an index are added here. */
static void try_index(struct mse_bytes in)
{
    struct mse_store_index x = { .nodes = NULL };
    struct mse_build whole;
    size_t over = in.len % MSE_STORE_PAGE;
    mse_build_heap(&whole, in.len + MSE_STORE_PAGE);
    mse_wr_bytes(&whole, in);
    mse_wr_zeros(&whole, over == 0 ? 0 : MSE_STORE_PAGE - over);
    if (mse_store_index_parse(&x, mse_build_view(&whole)) == MSE_OK) {
        check_index(&x, mse_build_view(&whole));
    }
    mse_store_index_clear(&x);
    mse_build_clear(&whole);
}

static void try_file(struct mse_bytes in, uint8_t kind)
{
    struct mse_seal_root root = { .key = { 1 }, .has_version = true };
    struct mse_build out;
    const uint8_t *version = mse_seal_state_version(in);
    if (version != NULL) {
        memcpy(root.version, version, sizeof root.version); /* as the driver has them all */
    }
    mse_build_heap(&out, in.len + 1);
    mse_status st = kind % 4 == MSE_SEAL_STATE_AT
                        ? mse_unseal_state(&out, &root, in)
                        : mse_unseal(&out, root.key, (enum mse_seal_kind)(kind % 4), in);
    MSE_ASSERT(st == MSE_ERR_MALFORMED || st == MSE_ERR_STATE_FOREIGN ||
               st == MSE_ERR_STORAGE_FOREIGN || st == MSE_ERR_SIGNATURE);
    MSE_ASSERT(out.len == 0);
    mse_build_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t kind = 0;
    if (!mse_rd_u8(&in, &kind)) {
        return 0;
    }
    if (kind == 's') {
        try_state(in);
    } else if (kind == 'i') {
        try_index(in);
    } else {
        try_file(in, kind);
    }
    return 0;
}
