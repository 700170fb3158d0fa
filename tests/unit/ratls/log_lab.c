/* SPDX-License-Identifier: Apache-2.0 */
#include "log_lab.h"

#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/ed25519.h"

void log_lab_proof(struct mse_build *out, struct mse_log_key *key, uint8_t which,
                   const uint8_t fingerprint[32])
{
    uint8_t secret[32];
    uint8_t public[32];
    uint8_t entry[MSE_LOG_MAX_ENTRY];
    uint8_t root[32];
    uint8_t raw[4 + 64];
    char base64[2048];
    char text[256];
    size_t len = 0;
    struct mse_build r;
    struct mse_log_entry e = { .kind = MSE_LOG_SIM, .name = mse_bytes_str("app") };
    memset(secret, which, sizeof secret);
    memcpy(e.fingerprint, fingerprint, 32);
    assert_status(mse_ed25519_public(public, secret), MSE_OK);
    assert_status(mse_log_key_make(key, "log.example", MSE_LOG_KEY_LOG, public, NULL), MSE_OK);
    assert_status(mse_log_entry_write(entry, &len, &e, NULL), MSE_OK);
    assert_status(mse_log_leaf_hash(root, mse_bytes_of(entry, len)), MSE_OK); /* all there is */
    mse_base64_encode(base64, mse_bytes_of(root, 32));
    (void)snprintf(text, sizeof text, "log.example\n1\n%.64s\n", base64);
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u32be(&r, key->id);
    assert_status(mse_ed25519_sign(mse_wr_space(&r, 64), secret, mse_bytes_str(text)), MSE_OK);
    mse_base64_encode(base64, mse_bytes_of(entry, len));
    mse_wr_printf(out, "c2sp.org/tlog-proof@v1\nextra %s\nindex 0\n\n%s\n", base64, text);
    mse_base64_encode(base64, mse_build_view(&r));
    mse_wr_printf(out, "\xe2\x80\x94 log.example %s\n", base64);
    assert_true(mse_build_ok(out));
}
