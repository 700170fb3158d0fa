/* SPDX-License-Identifier: Apache-2.0 */
/* tcbEvaluationDataNumbers, version 1 (Intel PCS API v4). */
#include "base/bytes.h"
#include "base/error.h"
#include "evidence/levels.h"
#include <mse/collateral.h>

static bool rd_tee(struct mse_doc *d, enum mse_tee_kind *out)
{
    struct mse_bytes id = { 0 };
    if (!mse_json_plain(&d->j, &id)) {
        return false;
    }
    bool tdx = mse_bytes_is_str(id, "TDX");
    if (!tdx && !mse_bytes_is_str(id, "SGX")) {
        return mse_json_fail(&d->j);
    }
    *out = tdx ? MSE_TEE_TDX : MSE_TEE_SGX;
    return true;
}

static bool rd_entry(struct mse_doc *d, struct mse_tcb_eval_numbers *out)
{
    static const char *const need[] = { "tcbEvaluationDataNumber", "tcbRecoveryEventDate",
                                        "tcbDate", NULL };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    if (out->num >= MSE_MAX_EVAL_NUMBERS) {
        return mse_json_fail(&d->j);
    }
    mse_json_object_begin(&d->j, &o);
    while (mse_json_object_next(&d->j, &o, &key)) {
        if (mse_bytes_is_str(key, "tcbEvaluationDataNumber")) {
            (void)mse_json_u32(&d->j, &out->entries[out->num].number);
        } else if (mse_bytes_is_str(key, "tcbRecoveryEventDate")) {
            (void)mse_json_time(&d->j, &out->entries[out->num].recovery_event_date);
        } else if (mse_bytes_is_str(key, "tcbDate")) {
            (void)mse_json_time(&d->j, &out->entries[out->num].tcb_date);
        } else {
            (void)mse_json_skip(&d->j, NULL);
        }
    }
    out->num++;
    return mse_doc_need(d, &o, need);
}

static bool rd_entries(struct mse_doc *d, struct mse_tcb_eval_numbers *out)
{
    struct mse_json_array a;
    mse_json_array_begin(&d->j, &a);
    while (mse_json_array_next(&d->j, &a)) {
        if (!rd_entry(d, out)) {
            return false;
        }
    }
    return out->num > 0 ? !d->j.failed : mse_json_fail(&d->j);
}

static void rd_member(struct mse_doc *d, struct mse_bytes key, struct mse_tcb_eval_numbers *out)
{
    if (mse_bytes_is_str(key, "id")) {
        (void)rd_tee(d, &out->tee);
    } else if (mse_bytes_is_str(key, "version")) {
        (void)mse_json_u32(&d->j, &out->version);
    } else if (mse_bytes_is_str(key, "issueDate")) {
        (void)mse_json_time(&d->j, &out->issue_date);
    } else if (mse_bytes_is_str(key, "nextUpdate")) {
        (void)mse_json_time(&d->j, &out->next_update);
    } else if (mse_bytes_is_str(key, "tcbEvalNumbers")) {
        (void)rd_entries(d, out);
    } else {
        (void)mse_json_skip(&d->j, NULL);
    }
}

mse_status mse_tcb_eval_numbers_parse(struct mse_tcb_eval_numbers *out, struct mse_bytes body,
                                      struct mse_error *err)
{
    static const char *const need[] = { "id",         "version",        "issueDate",
                                        "nextUpdate", "tcbEvalNumbers", NULL };
    struct mse_tcb_eval_numbers n = { 0 };
    struct mse_doc d = { .where = "the document" };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    mse_json_init(&d.j, body);
    mse_json_object_begin(&d.j, &o);
    while (mse_json_object_next(&d.j, &o, &key)) {
        rd_member(&d, key, &n);
    }
    if (!mse_doc_need(&d, &o, need) || !mse_json_end(&d.j)) {
        mse_status st = MSE_FAIL(err, MSE_ERR_TCB_INFO_MALFORMED, "TCB evaluation numbers",
                                 "%s: missing, mistyped, there twice or out of range", d.where);
        mse_error_offset(err, mse_json_offset(&d.j));
        return st;
    }
    if (n.version != 1) {
        return MSE_FAIL(err, MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION, "TCB evaluation numbers",
                        "version %u, wanted 1", n.version);
    }
    *out = n;
    return MSE_OK;
}
