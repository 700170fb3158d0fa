/* SPDX-License-Identifier: Apache-2.0 */
/* trust.toml: whatever the bytes, an answer; what is accepted is written so that it is read again,
 * and its policies pin something. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct mse_trust_app *a)
{
    static struct mse_policy p;
    if (a->policy != NULL) {
        return; /* a file of whoever runs this */
    }
    MSE_ASSERT(mse_trust_policy(&p, a, NULL) == MSE_OK && p.num_references == 1);
    MSE_ASSERT(p.references[0].has_fingerprint || p.references[0].has_mr_signer);
    MSE_ASSERT(p.allow_simulation == a->simulated && !p.insecure_any_app);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_trust t = { 0 };
    struct mse_trust again = { 0 };
    struct mse_error err = { 0 };
    struct mse_build text;
    if (mse_trust_parse(&t, "trust.toml", mse_bytes_of(data, size), &err) != MSE_OK) {
        MSE_ASSERT(err.text[0] != '\0' && t.apps == NULL);
        return 0;
    }
    mse_build_heap(&text, (size_t)16 * 1024 * 1024);
    mse_trust_write(&text, &t);
    MSE_ASSERT(mse_build_ok(&text));
    mse_status st = mse_trust_parse(&again, "again", mse_build_view(&text), &err);
    MSE_ASSERT(st == MSE_OK || text.len > MSE_CONF_MAX_LEN);
    MSE_ASSERT(st != MSE_OK || again.num == t.num);
    for (size_t i = 0; i < t.num; i++) {
        judge(&t.apps[i]);
    }
    mse_trust_clear(&t);
    mse_trust_clear(&again);
    mse_build_clear(&text);
    return 0;
}
