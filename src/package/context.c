/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the context as TOML. The manifest stands in it as one string, so that its exact bytes
 * survive. Reading is conf/context. */
#include "package/context.h"

#include "base/bytes.h"
#include "base/util.h"

void mse_context_clear(struct mse_context *c)
{
    free(c->manifest);
    free(c->domain_name);
    free(c->config_domain_name);
    free(c->tee_kind);
    free(c->layout);
    free(c->runtime_version);
    free(c->signer);
    struct mse_context empty = { 0 };
    *c = empty;
}

static void wr_hex(struct mse_build *b, const char *key, const uint8_t v[32])
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(v, 32));
    mse_wr_toml(b, key, hex);
}

mse_status mse_context_write(struct mse_build *out, const struct mse_context *c)
{
    char created[MSE_TIME_TEXT_LEN];
    if (c->manifest == NULL || c->domain_name == NULL || c->config_domain_name == NULL ||
        c->tee_kind == NULL || c->layout == NULL || c->runtime_version == NULL) {
        return MSE_ERR_ARGUMENT;
    }
    mse_time_format(created, c->created_at);
    mse_wr_str(out, "# Give this file and the code to the users of the app: with both they can\n"
                    "# recompute its fingerprint. It holds no key.\n");
    mse_wr_str(out, "version = 1\n");
    wr_hex(out, "code_salt", c->code_salt);
    mse_wr_str(out, "\n[manifest]\n");
    mse_wr_toml(out, "json", c->manifest);
    mse_wr_str(out, "\n[instance]\n");
    mse_wr_toml(out, "id", c->id);
    mse_wr_toml(out, "domain_name", c->domain_name);
    mse_wr_toml(out, "config_domain_name", c->config_domain_name);
    mse_wr_printf(out, "created_at = %s\n", created);
    mse_wr_str(out, "\n[instance.tee]\n");
    mse_wr_toml(out, "kind", c->tee_kind);
    mse_wr_toml(out, "layout", c->layout);
    mse_wr_str(out, "\n[reference]\n");
    wr_hex(out, "runtime", c->runtime_digest);
    mse_wr_toml(out, "runtime_version", c->runtime_version);
    if (!mse_mem_is_zero(c->loader_digest, sizeof c->loader_digest)) {
        wr_hex(out, "loader", c->loader_digest);
    }
    if (c->signer != NULL) {
        mse_wr_str(out, "# The owner's claim, not a reference value of its own.\n");
        mse_wr_toml(out, "signer", c->signer);
    }
    return mse_build_ok(out) ? MSE_OK : MSE_ERR_NO_SPACE;
}
