/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses, advisories and levels of enclave identities. */
#include "evidence/levels.h"

#include "base/bytes.h"
#include "base/util.h"

static const char *const names[MSE_TCB_STATUS_COUNT] = {
    [MSE_TCB_NONE] = "None",
    [MSE_TCB_UP_TO_DATE] = "UpToDate",
    [MSE_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [MSE_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [MSE_TCB_OUT_OF_DATE] = "OutOfDate",
    [MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [MSE_TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [MSE_TCB_REVOKED] = "Revoked",
};

const char *mse_tcb_status_name(enum mse_tcb_status s)
{
    return (unsigned)s < MSE_TCB_STATUS_COUNT ? names[s] : names[MSE_TCB_NONE];
}

bool mse_tcb_status_parse(enum mse_tcb_status *out, struct mse_bytes in)
{
    for (unsigned i = MSE_TCB_NONE + 1; i < MSE_TCB_STATUS_COUNT; i++) {
        if (mse_bytes_is_str(in, names[i])) {
            *out = (enum mse_tcb_status)i;
            return true;
        }
    }
    return false;
}

bool mse_doc_status(struct mse_doc *d, enum mse_tcb_status *out)
{
    struct mse_bytes word = { 0 };
    return mse_json_plain(&d->j, &word) &&
           (mse_tcb_status_parse(out, word) || mse_json_fail(&d->j));
}

bool mse_doc_advisories(struct mse_doc *d, struct mse_bytes out[MSE_MAX_ADVISORIES], size_t *num)
{
    struct mse_json_array a;
    mse_json_array_begin(&d->j, &a);
    while (mse_json_array_next(&d->j, &a)) {
        if (a.num > MSE_MAX_ADVISORIES || !mse_json_plain(&d->j, &out[a.num - 1])) {
            return mse_json_fail(&d->j);
        }
    }
    *num = a.num;
    return !d->j.failed;
}

bool mse_doc_need(struct mse_doc *d, const struct mse_json_object *o, const char *const *keys)
{
    /* What failed before is the reason, not what was not reached after it. */
    for (; !d->j.failed && *keys != NULL; keys++) {
        if (!mse_json_object_has(o, *keys)) {
            d->where = *keys;
            return mse_json_fail(&d->j);
        }
    }
    return !d->j.failed;
}

/* {"isvsvn": n} */
static bool rd_isv_svn(struct mse_doc *d, uint16_t *out)
{
    static const char *const need[] = { "isvsvn", NULL };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    mse_json_object_begin(&d->j, &o);
    while (mse_json_object_next(&d->j, &o, &key)) {
        if (mse_bytes_is_str(key, "isvsvn")) {
            (void)mse_json_u16(&d->j, out);
        } else {
            (void)mse_json_skip(&d->j, NULL);
        }
    }
    return mse_doc_need(d, &o, need);
}

static bool rd_level(struct mse_doc *d, struct mse_identity_level *l)
{
    static const char *const need[] = { "tcb", "tcbDate", "tcbStatus", NULL };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    l->num_advisories = 0;
    mse_json_object_begin(&d->j, &o);
    while (mse_json_object_next(&d->j, &o, &key)) {
        if (mse_bytes_is_str(key, "tcb")) {
            (void)rd_isv_svn(d, &l->isv_svn);
        } else if (mse_bytes_is_str(key, "tcbDate")) {
            (void)mse_json_time(&d->j, &l->tcb_date);
        } else if (mse_bytes_is_str(key, "tcbStatus")) {
            (void)mse_doc_status(d, &l->status);
        } else if (mse_bytes_is_str(key, "advisoryIDs")) {
            (void)mse_doc_advisories(d, l->advisories, &l->num_advisories);
        } else {
            (void)mse_json_skip(&d->j, NULL);
        }
    }
    return mse_doc_need(d, &o, need);
}

bool mse_doc_identity_levels(struct mse_doc *d, struct mse_identity_level *out, size_t *num,
                             size_t max)
{
    struct mse_json_array a;
    d->where = "tcbLevels";
    mse_json_array_begin(&d->j, &a);
    while (mse_json_array_next(&d->j, &a)) {
        if (*num >= max || !rd_level(d, &out[*num])) {
            return mse_json_fail(&d->j);
        }
        (*num)++;
    }
    return !d->j.failed;
}
