/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a verdict that is special to AWS Nitro, as JSON and as text. */
#include "attest/verdict.h"
#include "base/util.h"

static const char no_freshness[] =
    "not proven: no nonce was compared, so that the document may be one that somebody kept";
static const char freshness[] = "the nonce is the expected one";

static const char *freshness_of(const struct mse_verdict *v)
{
    return v->accepted && v->nitro.nonce_checked ? freshness : no_freshness;
}

static void js_data(struct mse_js *j, const char *key, const struct mse_nitro_data *d)
{
    if (d->present) {
        mse_js_hex(j, key, d->data, d->len);
    } else {
        mse_js_str(j, key, NULL);
    }
}

static void pcr_name(char out[8], const char *prefix, size_t i)
{
    (void)snprintf(out, 8, "%s%u", prefix, (unsigned)(i % MSE_NITRO_MAX_PCRS));
}

void mse_verdict_nitro_json(struct mse_js *j, const struct mse_verdict *v)
{
    const struct mse_nitro_claims *c = &v->nitro;
    mse_js_open(j, "measurements", '{');
    if (v->has_fingerprint) {
        mse_js_hex(j, "fingerprint", v->fingerprint, sizeof v->fingerprint);
    } else {
        mse_js_str(j, "fingerprint", NULL);
    }
    for (size_t i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        char name[8];
        pcr_name(name, "pcr", i);
        if (c->pcrs[i].len > 0) {
            mse_js_hex(j, name, c->pcrs[i].value, c->pcrs[i].len);
        }
    }
    mse_js_bool(j, "debug", v->debug);
    js_data(j, "public_key", &c->public_key);
    js_data(j, "user_data", &c->user_data);
    js_data(j, "nonce", &c->nonce);
    mse_js_close(j, '}');
    mse_js_open(j, "platform", '{');
    mse_js_str(j, "module_id", c->module_id);
    mse_js_close(j, '}');
    mse_js_time(j, "timestamp", (mse_time)(c->timestamp_ms / 1000));
    mse_js_uint(j, "timestamp_ms", c->timestamp_ms);
    mse_js_bool(j, "nonce_checked", c->nonce_checked);
    mse_js_str(j, "freshness", freshness_of(v));
}

static void wr_data(struct mse_build *b, const char *name, const struct mse_nitro_data *d)
{
    if (d->present) {
        mse_wr_printf(b, "  %-20s ", name);
        mse_wr_hex(b, d->data, d->len);
        mse_wr_str(b, d->len == 0 ? "(empty)\n" : "\n");
    }
}

void mse_verdict_nitro_text(struct mse_build *b, const struct mse_verdict *v)
{
    const struct mse_nitro_claims *c = &v->nitro;
    char made[MSE_TIME_TEXT_LEN];
    mse_time_format(made, (mse_time)(c->timestamp_ms / 1000));
    mse_wr_printf(b, "evidence: AWS Nitro attestation document%s%s%s\n", v->debug ? " (debug)" : "",
                  v->simulated ? ", SIMULATED, not hardware" : "",
                  v->signatures_ok ? "" : ", NOT GENUINE: a signature or the chain failed");
    if (v->has_fingerprint) {
        mse_wr_printf(b, "  %-20s ", "fingerprint");
        mse_wr_hex(b, v->fingerprint, sizeof v->fingerprint);
        mse_wr_u8(b, '\n');
    }
    for (size_t i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        char name[8];
        pcr_name(name, "PCR", i);
        /* Those that nothing was measured into are of no interest, but for the first three. */
        bool shown = i < 3 || !mse_nitro_pcr_is_zero(&c->pcrs[i]);
        if (shown && c->pcrs[i].len > 0) {
            mse_wr_printf(b, "  %-20s ", name);
            mse_wr_hex(b, c->pcrs[i].value, c->pcrs[i].len);
            mse_wr_u8(b, '\n');
        }
    }
    wr_data(b, "public key", &c->public_key);
    wr_data(b, "user data", &c->user_data);
    wr_data(b, "nonce", &c->nonce);
    mse_wr_printf(b, "module: %s\nmade at: %s\nfreshness: %s\n", c->module_id, made,
                  freshness_of(v));
}
