/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bundle.h"

#include "base/error.h"
#include "base/util.h"

static bool set_text(json_t *v, const char *key, struct mse_bytes text)
{
    return json_object_set_new(v, key, json_stringn((const char *)text.data, text.len)) == 0;
}

/* A collateral file becomes a bundle by the members that make evidence. The certificate carries the
 * quote. */
mse_status cli_bundle_make(json_t **out, const struct cli_bundle *parts, struct mse_error *err)
{
    char now[MSE_TIME_TEXT_LEN];
    json_t *v = parts->collateral.len == 0
                    ? json_pack("{s:i}", "version", 1)
                    : json_loadb((const char *)parts->collateral.data, parts->collateral.len,
                                 JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(v)) {
        json_decref(v);
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "collateral", "this is no collateral file");
    }
    mse_time_format(now, parts->now);
    bool good = set_text(v, "certificates", parts->certificate) &&
                set_text(v, "manifest", parts->manifest) &&
                json_object_set_new(v, "collected_at", json_string(now)) == 0;
    if (!good) {
        json_decref(v);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "bundle", "out of memory");
    }
    *out = v;
    return MSE_OK;
}
