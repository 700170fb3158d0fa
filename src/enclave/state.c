/* SPDX-License-Identifier: Apache-2.0 */
/* See state.h. */
#include "enclave/state.h"

#include "base/bytes.h"

#define LATEST_TIME ((mse_time)253402300799) /* the end of the year 9999 */

static void wr_counted(struct mse_build *b, struct mse_bytes v)
{
    mse_wr_u32be(b, (uint32_t)v.len);
    mse_wr_bytes(b, v);
}

static bool rd_counted(struct mse_bytes *in, struct mse_bytes *out)
{
    uint32_t len = 0;
    return mse_rd_u32be(in, &len) && mse_rd_bytes(in, out, len);
}

void mse_state_write(struct mse_build *out, const struct mse_state *s)
{
    mse_wr_u8(out, MSE_STATE_VERSION);
    mse_wr_u64be(out, (uint64_t)s->floor);
    mse_wr_bytes(out, s->storage_root);
    mse_wr_bytes(out, s->x25519);
    wr_counted(out, s->key);
    wr_counted(out, s->cert);
    wr_counted(out, s->config_cert);
    wr_counted(out, s->code_key);
    wr_counted(out, s->secrets);
    wr_counted(out, s->sealed);
    wr_counted(out, s->ssl_key);
    wr_counted(out, s->ssl_chain);
}

mse_status mse_state_parse(struct mse_state *out, struct mse_bytes in)
{
    struct mse_state s = { 0 };
    uint8_t version = 0;
    uint64_t floor = 0;
    bool ok = mse_rd_u8(&in, &version) &&               // 0 version
              mse_rd_u64be(&in, &floor) &&              // 1 time floor
              mse_rd_bytes(&in, &s.storage_root, 32) && // 9 root of the storage
              mse_rd_bytes(&in, &s.x25519, 32) &&       // 41 X25519 secret
              rd_counted(&in, &s.key) &&                // 73 TLS key
              rd_counted(&in, &s.cert) &&               // certificate
              rd_counted(&in, &s.config_cert) &&        // the other one
              rd_counted(&in, &s.code_key) &&           // code key
              rd_counted(&in, &s.secrets) &&            // secrets
              rd_counted(&in, &s.sealed) &&             // sealed secrets
              rd_counted(&in, &s.ssl_key) &&            // the owner's TLS key
              rd_counted(&in, &s.ssl_chain) &&          // his certificates
              in.len == 0;
    if (!ok || version != MSE_STATE_VERSION || floor > (uint64_t)LATEST_TIME || s.key.len == 0 ||
        (s.cert.len == 0 && s.ssl_chain.len == 0) ||
        (s.code_key.len != 0 && s.code_key.len != 32) ||
        (s.ssl_key.len == 0) != (s.ssl_chain.len == 0)) {
        return MSE_ERR_MALFORMED;
    }
    s.floor = (mse_time)floor;
    *out = s;
    return MSE_OK;
}
