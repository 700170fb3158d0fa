/* SPDX-License-Identifier: Apache-2.0 */
/* Enclave identities, version 2 (QE, QvE, TD QE), and the list of evaluation numbers (Intel PCS API
 * v4). */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "evidence/levels.h"
#include <mse/collateral.h>

struct parser {
    struct mse_doc d;
    struct mse_qe_identity *out;
    bool bad_version;
    bool bad_id;
};

static bool rd_id(struct parser *p)
{
    static const struct {
        const char *word;
        enum mse_identity_id id;
    } ids[] = {
        { "QE", MSE_IDENTITY_QE },
        { "QVE", MSE_IDENTITY_QVE },
        { "TD_QE", MSE_IDENTITY_TD_QE },
    };
    struct mse_bytes word = { 0 };
    if (!mse_json_plain(&p->d.j, &word)) {
        return false;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(ids); i++) {
        if (mse_bytes_is_str(word, ids[i].word)) {
            p->out->id = ids[i].id;
            return true;
        }
    }
    p->bad_id = true;
    return mse_json_fail(&p->d.j);
}

static bool rd_version(struct parser *p)
{
    if (!mse_json_u32(&p->d.j, &p->out->version)) {
        return false;
    }
    p->bad_version = p->out->version != 2;
    return !p->bad_version || mse_json_fail(&p->d.j);
}

static bool rd_issue_date(struct parser *p)
{
    return mse_json_time(&p->d.j, &p->out->issue_date);
}

static bool rd_next_update(struct parser *p)
{
    return mse_json_time(&p->d.j, &p->out->next_update);
}

static bool rd_evaluation_number(struct parser *p)
{
    return mse_json_u32(&p->d.j, &p->out->tcb_evaluation_number);
}

/* Four octets in the order of the report. */
static bool rd_misc(struct parser *p, uint32_t *out)
{
    uint8_t octets[4];
    struct mse_bytes in = { octets, sizeof octets };
    return mse_json_hex(&p->d.j, octets, sizeof octets) && mse_rd_u32le(&in, out);
}

static bool rd_misc_select(struct parser *p)
{
    return rd_misc(p, &p->out->misc_select);
}

static bool rd_misc_select_mask(struct parser *p)
{
    return rd_misc(p, &p->out->misc_select_mask);
}

static bool rd_attributes(struct parser *p)
{
    return mse_json_hex(&p->d.j, p->out->attributes, sizeof p->out->attributes);
}

static bool rd_attributes_mask(struct parser *p)
{
    return mse_json_hex(&p->d.j, p->out->attributes_mask, sizeof p->out->attributes_mask);
}

static bool rd_mr_signer(struct parser *p)
{
    return mse_json_hex(&p->d.j, p->out->mr_signer, sizeof p->out->mr_signer);
}

static bool rd_isv_prod_id(struct parser *p)
{
    return mse_json_u16(&p->d.j, &p->out->isv_prod_id);
}

static bool rd_levels(struct parser *p)
{
    return mse_doc_identity_levels(&p->d, p->out->levels, &p->out->num_levels,
                                   MSE_MAX_TCB_LEVELS) &&
           (p->out->num_levels > 0 || mse_json_fail(&p->d.j));
}

/* The members of the body, all mandatory. */
static const struct {
    const char *key;
    bool (*read)(struct parser *p);
} members[] = {
    { "id", rd_id },
    { "version", rd_version },
    { "issueDate", rd_issue_date },
    { "nextUpdate", rd_next_update },
    { "tcbEvaluationDataNumber", rd_evaluation_number },
    { "miscselect", rd_misc_select },
    { "miscselectMask", rd_misc_select_mask },
    { "attributes", rd_attributes },
    { "attributesMask", rd_attributes_mask },
    { "mrsigner", rd_mr_signer },
    { "isvprodid", rd_isv_prod_id },
    { "tcbLevels", rd_levels },
};

static bool rd_member(struct parser *p, struct mse_bytes key)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        if (mse_bytes_is_str(key, members[i].key)) {
            p->d.where = members[i].key;
            return members[i].read(p);
        }
    }
    p->d.where = "a member that is not known";
    return mse_json_skip(&p->d.j, NULL);
}

static bool has_all(struct parser *p, const struct mse_json_object *o)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        if (!mse_json_object_has(o, members[i].key)) {
            p->d.where = members[i].key;
            return mse_json_fail(&p->d.j);
        }
    }
    return true;
}

mse_status mse_qe_identity_parse(struct mse_qe_identity *out, struct mse_bytes body,
                                 struct mse_error *err)
{
    struct parser p = { .out = out, .d.where = "the document" };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    out->version = 0;
    out->num_levels = 0;
    mse_json_init(&p.d.j, body);
    mse_json_object_begin(&p.d.j, &o);
    while (mse_json_object_next(&p.d.j, &o, &key)) {
        (void)rd_member(&p, key);
    }
    if (!p.d.j.failed && has_all(&p, &o) && mse_json_end(&p.d.j)) {
        return MSE_OK;
    }
    mse_status st = MSE_ERR_QE_IDENTITY_MALFORMED;
    if (p.bad_version) {
        st = MSE_FAIL(err, MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION, "QE identity",
                      "version %u, wanted 2", out->version);
    } else if (p.bad_id) {
        st = MSE_FAIL(err, MSE_ERR_QE_IDENTITY_MISMATCH, "QE identity",
                      "the identity of an enclave that is none of QE, QVE and TD_QE");
    } else {
        st = MSE_FAIL(err, st, "QE identity", "%s: missing, mistyped, there twice or out of range",
                      p.d.where);
    }
    mse_error_offset(err, mse_json_offset(&p.d.j));
    out->num_levels = 0;
    return st;
}
