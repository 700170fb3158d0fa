/* SPDX-License-Identifier: Apache-2.0 */
/* Kind sigstruct. */
#include "conformance.h"

static void pair(uint8_t out[16], uint64_t flags, uint64_t xfrm)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(flags >> (8 * i));
        out[8 + i] = (uint8_t)(xfrm >> (8 * i));
    }
}

static void word(uint8_t out[4], uint32_t v)
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

static void want_fields(const struct conf_case *c, struct conf_outcome *o,
                        const struct mse_sigstruct *s)
{
    uint8_t mrsigner[32];
    if (mse_sigstruct_mrsigner(mrsigner, s) != MSE_OK) {
        conf_differ(o, "mrsigner", "32 bytes", "an error");
        return;
    }
    uint8_t attributes[16];
    uint8_t mask[16];
    uint8_t misc[4];
    uint8_t misc_mask[4];
    char date[16];
    pair(attributes, s->attr_flags, s->attr_xfrm);
    pair(mask, s->attr_mask_flags, s->attr_mask_xfrm);
    word(misc, s->misc_select);
    word(misc_mask, s->misc_mask);
    (void)snprintf(date, sizeof date, "%08x", s->date);
    conf_want_hex(c, o, "mrenclave", s->enclave_hash, 32);
    conf_want_hex(c, o, "mrsigner", mrsigner, 32);
    conf_want_number(c, o, "vendor", s->vendor);
    conf_want_text(c, o, "date", date);
    conf_want_number(c, o, "isvprodid", s->isv_prod_id);
    conf_want_number(c, o, "isvsvn", s->isv_svn);
    conf_want_hex(c, o, "attributes", attributes, 16);
    conf_want_hex(c, o, "attributes_mask", mask, 16);
    conf_want_hex(c, o, "miscselect", misc, 4);
    conf_want_hex(c, o, "miscmask", misc_mask, 4);
    conf_want_number(c, o, "exponent", s->exponent);
}

void conf_run_sigstruct(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_sigstruct s;
    mse_status st = mse_sigstruct_parse(&s, conf_file(c, "sigstruct"), &err);
    bool parsed = st == MSE_OK;
    if (parsed) {
        st = mse_sigstruct_verify(&s, &err);
    }
    conf_judge_status(c, st, err.text, o);
    if (parsed && strcmp(c->verdict, "ok") == 0) {
        want_fields(c, o, &s);
    }
}
