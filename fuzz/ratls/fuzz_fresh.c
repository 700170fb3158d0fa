/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a nonce as a platform relays it, in JSON, against Jansson: what is taken has the
 * same evidence there; twice as many bytes as came are enough to keep it; the path leads somewhere
 * or is refused. */
#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "ratls/fresh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Jansson refuses more numbers than we do: what it cannot read is not compared. */
static void same_evidence(struct mse_bytes in, const struct mse_frame_response *r)
{
    json_t *o = json_loadb((const char *)in.data, in.len, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(json_object_get(o, "session"), "evidence");
    uint8_t *room = malloc(in.len);
    size_t len = 0;
    MSE_ASSERT(room != NULL);
    if (o != NULL) {
        struct mse_bytes base64 =
            mse_bytes_of((const uint8_t *)json_string_value(text), json_string_length(text));
        MSE_ASSERT(json_is_string(text) && mse_base64_decode(room, in.len, &len, base64));
        MSE_ASSERT(mse_bytes_equal(mse_bytes_of(room, len), r->evidence));
    }
    free(room);
    json_decref(o);
}

static void check(struct mse_bytes in, const struct mse_frame_response *r)
{
    uint8_t root[32];
    uint8_t nonce[32] = { 0 };
    MSE_ASSERT(r->evidence.len > 0 && r->retry_ms == 0 && r->error.len == 0);
    same_evidence(in, r);
    mse_status st = r->has_audit ? mse_nonces_follow(root, nonce, &r->audit) : MSE_OK;
    MSE_ASSERT(st == MSE_OK || r->audit.index >= r->audit.size || r->audit.num < 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_frame_response r = { .retry_ms = 7 };
    struct mse_error err = { .status = MSE_OK };
    uint8_t *scratch = malloc(2 * size + 1);
    MSE_ASSERT(scratch != NULL);
    mse_status st = mse_fresh_read(&r, scratch, 2 * size, in, &err);
    MSE_ASSERT(st == err.status);
    if (st == MSE_OK) {
        check(in, &r);
    } else {
        MSE_ASSERT(st == MSE_ERR_MALFORMED || st == MSE_ERR_NOT_FOUND);
        MSE_ASSERT(r.retry_ms == 7); /* as it was */
    }
    free(scratch);
    return 0;
}
