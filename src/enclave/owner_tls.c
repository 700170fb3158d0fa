/* SPDX-License-Identifier: Apache-2.0 */
#include "enclave/owner_tls.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/owner_chain.h"

mse_status mse_owner_tls_take(struct mse_owner_tls *o, const struct mse_config *c,
                              struct mse_error *err)
{
    struct mse_owner_chain chain = { .not_after = 0 };
    struct mse_owner_tls t = { .key = NULL };
    if (c->ssl_key.len == 0) {
        return MSE_OK;
    }
    mse_status st = mse_owner_chain_read(&chain, mse_build_view(&c->ssl_chain), err);
    st = st == MSE_OK ? mse_owner_chain_key(&t.key, &chain, mse_build_view(&c->ssl_key), err) : st;
    st = st == MSE_OK ? mse_sha256(t.spki_sha256, chain.leaf.key.spki) : st;
    mse_owner_chain_clear(&chain);
    if (st != MSE_OK) {
        mse_owner_tls_clear(&t);
        return MSE_FAIL(err, st, "tls", "the owner's certificate and key do not load");
    }
    mse_build_heap(&t.chain, MSE_OWNER_CHAIN_MAX);
    mse_wr_bytes(&t.chain, mse_build_view(&c->ssl_chain));
    if (!mse_build_ok(&t.chain)) {
        mse_owner_tls_clear(&t);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    mse_owner_tls_clear(o);
    *o = t;
    return MSE_OK;
}

void mse_owner_tls_clear(struct mse_owner_tls *o)
{
    mse_privkey_free(o->key);
    mse_build_clear(&o->chain);
    o->key = NULL;
}
