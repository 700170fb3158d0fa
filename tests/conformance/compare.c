/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what was read with the members of "expected"; an absent or null member wants nothing.
 */
#include "conformance.h"

static const json_t *member_of(const struct conf_case *c, const char *member)
{
    const json_t *v = json_object_get(c->expected, member);
    return json_is_null(v) ? NULL : v;
}

void conf_differ(struct conf_outcome *o, const char *member, const char *wanted, const char *got)
{
    conf_say(o->got, "%s is %s, wanted %s", member, got, wanted);
    o->result = CONF_FAIL;
}

void conf_want_text(const struct conf_case *c, struct conf_outcome *o, const char *member,
                    const char *got)
{
    const json_t *v = member_of(c, member);
    if (v != NULL && (!json_is_string(v) || strcasecmp(json_string_value(v), got) != 0)) {
        conf_differ(o, member, json_is_string(v) ? json_string_value(v) : "not a text", got);
    }
}

void conf_want_hex(const struct conf_case *c, struct conf_outcome *o, const char *member,
                   const uint8_t *p, size_t len)
{
    char *hex = malloc(2 * len + 1);
    if (hex == NULL) {
        conf_differ(o, member, "memory", "none");
        return;
    }
    conf_hex(hex, p, len);
    conf_want_text(c, o, member, hex);
    free(hex);
}

void conf_want_number(const struct conf_case *c, struct conf_outcome *o, const char *member,
                      long long got)
{
    const json_t *v = member_of(c, member);
    if (v == NULL || (json_is_integer(v) && json_integer_value(v) == got)) {
        return;
    }
    char wanted[32];
    char seen[32];
    (void)snprintf(wanted, sizeof wanted, "%lld", (long long)json_integer_value(v));
    (void)snprintf(seen, sizeof seen, "%lld", got);
    conf_differ(o, member, wanted, seen);
}

void conf_want_bool(const struct conf_case *c, struct conf_outcome *o, const char *member, bool got)
{
    const json_t *v = member_of(c, member);
    if (v != NULL && (!json_is_boolean(v) || json_is_true(v) != got)) {
        conf_differ(o, member, got ? "false" : "true", got ? "true" : "false");
    }
}

void conf_want_time(const struct conf_case *c, struct conf_outcome *o, const char *member,
                    mse_time got)
{
    if (json_is_integer(json_object_get(c->expected, member))) {
        conf_want_number(c, o, member, got);
        return;
    }
    struct tm tm;
    time_t t = (time_t)got;
    char text[32];
    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        text[0] = '\0';
    }
    conf_want_text(c, o, member, text);
}

static bool has_word(const struct mse_bytes *words, size_t num, const char *word)
{
    for (size_t i = 0; i < num; i++) {
        if (words[i].len == strlen(word) &&
            strncmp((const char *)words[i].data, word, words[i].len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const json_t *list, struct mse_bytes word)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_string_length(item) == word.len &&
            strncmp(json_string_value(item), (const char *)word.data, word.len) == 0) {
            return true;
        }
    }
    return false;
}

void conf_want_set(const struct conf_case *c, struct conf_outcome *o, const char *member,
                   const struct mse_bytes *got, size_t num)
{
    const json_t *list = member_of(c, member);
    if (list == NULL) {
        return;
    }
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *word = json_is_string(item) ? json_string_value(item) : "";
        if (!has_word(got, num, word)) {
            conf_differ(o, member, word, "without it");
        }
    }
    for (i = 0; i < num; i++) {
        if (!is_wanted(list, got[i])) {
            char word[64];
            (void)snprintf(word, sizeof word, "%.*s", (int)(got[i].len & 63),
                           (const char *)got[i].data);
            conf_differ(o, member, "without it", word);
        }
    }
}

static void le_bytes(uint8_t *out, size_t len, uint64_t v)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

static void want_report(const struct conf_case *c, struct conf_outcome *o,
                        const struct mse_sgx_report *r)
{
    uint8_t attributes[16];
    uint8_t misc[4];
    le_bytes(attributes, 8, r->attr_flags);
    le_bytes(attributes + 8, 8, r->attr_xfrm);
    le_bytes(misc, 4, r->misc_select);
    conf_want_hex(c, o, "mrenclave", r->mr_enclave, 32);
    conf_want_hex(c, o, "mrsigner", r->mr_signer, 32);
    conf_want_number(c, o, "isvprodid", r->isv_prod_id);
    conf_want_number(c, o, "isvsvn", r->isv_svn);
    conf_want_hex(c, o, "attributes", attributes, 16);
    conf_want_hex(c, o, "miscselect", misc, 4);
    conf_want_hex(c, o, "cpusvn", r->cpu_svn, 16);
    conf_want_hex(c, o, "report_data", r->report_data, 64);
}

static void want_td(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v)
{
    static const char *const rtmr[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    const struct mse_tdx_report *r = &v->td;
    uint8_t word[8];
    conf_want_text(c, o, "td_report", r->is_15 ? "1.5" : "1.0");
    conf_want_hex(c, o, "tee_tcb_svn", r->tee_tcb_svn, 16);
    conf_want_hex(c, o, "mrseam", r->mr_seam, 48);
    conf_want_hex(c, o, "mrsignerseam", r->mr_signer_seam, 48);
    le_bytes(word, sizeof word, r->seam_attributes);
    conf_want_hex(c, o, "seamattributes", word, sizeof word);
    le_bytes(word, sizeof word, r->td_attributes);
    conf_want_hex(c, o, "tdattributes", word, sizeof word);
    le_bytes(word, sizeof word, r->xfam);
    conf_want_hex(c, o, "xfam", word, sizeof word);
    conf_want_hex(c, o, "mrtd", r->mr_td, 48);
    conf_want_hex(c, o, "mrconfigid", r->mr_config_id, 48);
    conf_want_hex(c, o, "mrowner", r->mr_owner, 48);
    conf_want_hex(c, o, "mrownerconfig", r->mr_owner_config, 48);
    for (size_t i = 0; i < sizeof rtmr / sizeof rtmr[0]; i++) {
        conf_want_hex(c, o, rtmr[i], r->rtmr[i], 48);
    }
    conf_want_hex(c, o, "report_data", r->report_data, 64);
    if (r->is_15) {
        conf_want_hex(c, o, "tee_tcb_svn2", r->tee_tcb_svn2, 16);
        conf_want_hex(c, o, "mrservicetd", r->mr_service_td, 48);
    }
    conf_want_text(c, o, "tdx_module_id", v->tdx_module_id);
    conf_want_text(c, o, "tdx_module_tcb_status", mse_tcb_status_name(v->tdx_module_tcb_status));
}

void conf_want_dcap(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v)
{
    /* The vectors give the advisories of the platform's level, beside platform_tcb_status; a
     * verdict adds those of the QE's level behind them. */
    struct mse_bytes advisories[MSE_MAX_ADVISORIES];
    for (size_t i = 0; i < v->num_platform_advisories; i++) {
        advisories[i].data = (const uint8_t *)v->advisories[i];
        advisories[i].len = strlen(v->advisories[i]);
    }
    if (!v->signatures_ok) {
        conf_differ(o, "signatures_ok", "true", "false");
    }
    conf_want_text(c, o, "tee", v->tee == MSE_TEE_SGX ? "sgx" : "tdx");
    conf_want_number(c, o, "quote_version", v->quote_version);
    if (v->tee == MSE_TEE_TDX) {
        want_td(c, o, v);
    } else {
        want_report(c, o, &v->report);
    }
    conf_want_bool(c, o, "debug", v->debug);
    conf_want_text(c, o, "tcb_status", mse_tcb_status_name(v->tcb_status));
    conf_want_text(c, o, "platform_tcb_status", mse_tcb_status_name(v->platform_tcb_status));
    conf_want_text(c, o, "qe_tcb_status", mse_tcb_status_name(v->qe_tcb_status));
    conf_want_set(c, o, "advisory_ids", advisories, v->num_platform_advisories);
    conf_want_time(c, o, "tcb_date", v->tcb_date);
    conf_want_number(c, o, "tcb_evaluation_data_number", v->tcb_evaluation_number);
    conf_want_hex(c, o, "fmspc", v->pck.fmspc, 6);
    conf_want_text(c, o, "pck_ca", v->pck_ca_is_platform ? "platform" : "processor");
    conf_want_hex(c, o, "pce_id", v->pck.pce_id, 2);
    conf_want_number(c, o, "pce_svn", v->pck.pce_svn);
    if (v->simulated != c->own_root) {
        conf_differ(o, "simulated", c->own_root ? "true" : "false",
                    v->simulated ? "true" : "false");
    }
}
