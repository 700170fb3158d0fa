/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that carry an AWS Nitro attestation document: the document alone; an RA-TLS certificate. */
#include "conformance.h"

static void want_pcrs(const struct conf_case *c, struct conf_outcome *o,
                      const struct mse_nitro_claims *n)
{
    const json_t *pcrs = json_object_get(c->expected, "pcrs");
    size_t num = 0;
    for (size_t i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        char name[8];
        char got[2 * 64 + 1];
        (void)snprintf(name, sizeof name, "%zu", i);
        const char *want = json_string_value(json_object_get(pcrs, name));
        conf_hex(got, n->pcrs[i].value, n->pcrs[i].len);
        num += n->pcrs[i].len > 0 ? 1 : 0;
        if (pcrs != NULL && strcmp(want != NULL ? want : "", got) != 0) {
            conf_differ(o, name, want != NULL ? want : "no such PCR", got);
        }
    }
    if (pcrs != NULL && num != json_object_size(pcrs)) {
        conf_differ(o, "pcrs", "another number of them", "");
    }
}

static void want_data(const struct conf_case *c, struct conf_outcome *o, const char *member,
                      const struct mse_nitro_data *d)
{
    const json_t *v = json_object_get(c->expected, member);
    if (v == NULL) {
        return;
    }
    if (json_is_null(v) && d->len == 0) {
        return; /* the vectors do not tell data of no length from none */
    }
    if (json_is_null(v) != !d->present) {
        conf_differ(o, member, d->present ? "null" : "data", d->present ? "data" : "null");
        return;
    }
    if (d->present) {
        conf_want_hex(c, o, member, d->data, d->len);
    }
}

void conf_want_nitro(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v)
{
    const struct mse_nitro_claims *n = &v->nitro;
    conf_want_text(c, o, "module_id", n->module_id);
    conf_want_number(c, o, "timestamp_ms", (long long)n->timestamp_ms);
    conf_want_bool(c, o, "debug", v->debug);
    conf_want_number(c, o, "valid_from", v->valid_from);
    conf_want_number(c, o, "valid_to", v->valid_until);
    want_pcrs(c, o, n);
    want_data(c, o, "public_key", &n->public_key);
    want_data(c, o, "user_data", &n->user_data);
    want_data(c, o, "nonce", &n->nonce);
}

void conf_run_nitro_doc(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_policy policy;
    conf_policy(c, &policy);
    static struct mse_verdict v;
    struct mse_bytes document = conf_file(c, "document");
    (void)!mse_appraise_nitro(&v, document, &policy, c->at, NULL);
    conf_judge_verdict(c, &v, o);
    if (strcmp(c->verdict, "ok") == 0) {
        struct mse_nitro_doc d;
        conf_want_nitro(c, o, &v);
        if (mse_nitro_doc_parse(&d, document, NULL) == MSE_OK) {
            conf_want_number(c, o, "cabundle_len", (long long)d.num_cabundle);
        }
    }
}
