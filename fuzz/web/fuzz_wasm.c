/* SPDX-License-Identifier: Apache-2.0 */
/* All inputs of mse.wasm at once: the first byte says which ones are there, each is a length in two
 * bytes and so many bytes. Whatever comes, there is an answer, it is JSON, and return value and
 * verdict agree. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/util.h"
#include "mse_wasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct mse_wasm *w, uint32_t input, struct mse_bytes *in)
{
    uint16_t len = 0;
    struct mse_bytes part;
    if (mse_rd_u16le(in, &len) && mse_rd_bytes(in, &part, len)) {
        uint8_t *room = mse_wasm_room(w, input, part.len);
        if (room != NULL && part.len > 0) {
            memcpy(room, part.data, part.len);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_wasm *w = mse_wasm_new();
    uint8_t which = 0;
    MSE_ASSERT(w != NULL);
    if (mse_rd_u8(&in, &which)) {
        for (uint32_t i = 0; i < MSE_WASM_INPUTS; i++) {
            if ((which & (1U << i)) != 0) {
                put(w, i, &in);
            }
        }
    }
    int accepted = mse_wasm_appraise(w, 1767225600.0);
    const char *text = mse_wasm_answer(w);
    MSE_ASSERT(text != NULL);
    json_t *answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *verdict = json_object_get(answer, "verdict");
    MSE_ASSERT(json_is_object(answer));
    MSE_ASSERT(json_is_true(json_object_get(verdict, "accepted")) == (accepted == 1));
    MSE_ASSERT(json_is_null(verdict) != json_is_null(json_object_get(answer, "error")));
    json_decref(answer);
    mse_wasm_free(w);
    return 0;
}
