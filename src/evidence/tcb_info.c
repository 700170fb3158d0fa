/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info, versions 2 and 3 (Intel PCS API v3 and v4). */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "evidence/levels.h"
#include <mse/collateral.h>

struct parser {
    struct mse_doc d;
    struct mse_tcb_info *out;
    bool bad_version;
    bool has_v2_levels;
    bool has_v3_levels;
};

/* {"svn": n, …} */
static bool rd_component(struct parser *p, struct mse_json_object *o, uint8_t *out)
{
    static const char *const need[] = { "svn", NULL };
    struct mse_json *j = &p->d.j;
    struct mse_bytes key = { 0 };
    mse_json_object_begin(j, o);
    while (mse_json_object_next(j, o, &key)) {
        if (mse_bytes_is_str(key, "svn")) {
            (void)mse_json_u8(j, out);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
    return mse_doc_need(&p->d, o, need);
}

/* One of "sgxtcbcomponents" and "tdxtcbcomponents": sixteen objects. */
static bool rd_components(struct parser *p, uint8_t out[16])
{
    struct mse_json *j = &p->d.j;
    struct mse_json_array a;
    struct mse_json_object o; /* one for all: the compiler zeroes it at its declaration */
    mse_json_array_begin(j, &a);
    while (mse_json_array_next(j, &a)) {
        if (a.num > 16 || !rd_component(p, &o, &out[a.num - 1])) {
            return mse_json_fail(j);
        }
    }
    return a.num == 16 ? !j->failed : mse_json_fail(j);
}

/* 1 to 16 for "sgxtcbcomp01svn" to "sgxtcbcomp16svn", else 0. */
static unsigned v2_component(struct mse_bytes key)
{
    static const char prefix[] = "sgxtcbcomp";
    struct mse_bytes head = { 0 };
    uint8_t tens = 0;
    uint8_t ones = 0;
    if (!mse_rd_bytes(&key, &head, sizeof prefix - 1) || !mse_bytes_is_str(head, prefix) ||
        !mse_rd_u8(&key, &tens) || !mse_rd_u8(&key, &ones) || !mse_bytes_is_str(key, "svn") ||
        tens < '0' || tens > '1' || ones < '0' || ones > '9') {
        return 0;
    }
    unsigned n = (unsigned)(tens - '0') * 10 + (unsigned)(ones - '0');
    return n <= 16 ? n : 0;
}

/* The "tcb" of a level, in either form. */
static bool rd_tcb(struct parser *p, struct mse_tcb_level *l)
{
    static const char *const need[] = { "pcesvn", NULL };
    struct mse_json *j = &p->d.j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    unsigned num_v2 = 0;
    bool v3 = false;
    mse_json_object_begin(j, &o);
    while (mse_json_object_next(j, &o, &key)) {
        unsigned component = v2_component(key);
        if (component > 0) {
            (void)mse_json_u8(j, &l->sgx_comp_svn[component - 1]);
            num_v2++;
        } else if (mse_bytes_is_str(key, "pcesvn")) {
            (void)mse_json_u16(j, &l->pce_svn);
        } else if (mse_bytes_is_str(key, "sgxtcbcomponents")) {
            v3 = rd_components(p, l->sgx_comp_svn);
        } else if (mse_bytes_is_str(key, "tdxtcbcomponents")) {
            l->has_tdx_comp = rd_components(p, l->tdx_comp_svn);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
    if (v3 ? num_v2 != 0 : num_v2 != 16) {
        return mse_json_fail(j);
    }
    p->has_v3_levels = p->has_v3_levels || v3;
    p->has_v2_levels = p->has_v2_levels || !v3;
    return mse_doc_need(&p->d, &o, need);
}

static bool rd_level(struct parser *p, struct mse_tcb_level *l)
{
    static const char *const need[] = { "tcb", "tcbDate", "tcbStatus", NULL };
    struct mse_json *j = &p->d.j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    l->num_advisories = 0;
    l->has_tdx_comp = false;
    mse_json_object_begin(j, &o);
    while (mse_json_object_next(j, &o, &key)) {
        if (mse_bytes_is_str(key, "tcb")) {
            (void)rd_tcb(p, l);
        } else if (mse_bytes_is_str(key, "tcbDate")) {
            (void)mse_json_time(j, &l->tcb_date);
        } else if (mse_bytes_is_str(key, "tcbStatus")) {
            (void)mse_doc_status(&p->d, &l->status);
        } else if (mse_bytes_is_str(key, "advisoryIDs")) {
            (void)mse_doc_advisories(&p->d, l->advisories, &l->num_advisories);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
    return mse_doc_need(&p->d, &o, need);
}

static bool rd_levels(struct parser *p)
{
    struct mse_json *j = &p->d.j;
    struct mse_json_array a;
    mse_json_array_begin(j, &a);
    while (mse_json_array_next(j, &a)) {
        if (a.num > MSE_MAX_TCB_LEVELS || !rd_level(p, &p->out->levels[a.num - 1])) {
            return mse_json_fail(j);
        }
    }
    p->out->num_levels = a.num;
    return a.num > 0 ? !j->failed : mse_json_fail(j);
}

/* Eight octets as they stand in a report: little-endian. */
static bool rd_attributes(struct parser *p, uint64_t *out)
{
    uint8_t octets[8];
    struct mse_bytes in = { octets, sizeof octets };
    return mse_json_hex(&p->d.j, octets, sizeof octets) && mse_rd_u64le(&in, out);
}

static bool rd_module(struct parser *p, struct mse_tdx_module *m, bool identity)
{
    static const char *const need[] = { "mrsigner", "attributes", "attributesMask", NULL };
    static const char *const need_identity[] = { "id", "tcbLevels", NULL };
    struct mse_tcb_info *out = p->out;
    struct mse_json *j = &p->d.j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    struct mse_tdx_module empty = { .first_level = out->num_module_levels };
    *m = empty;
    mse_json_object_begin(j, &o);
    while (mse_json_object_next(j, &o, &key)) {
        if (mse_bytes_is_str(key, "mrsigner")) {
            (void)mse_json_hex(j, m->mr_signer, sizeof m->mr_signer);
        } else if (mse_bytes_is_str(key, "attributes")) {
            (void)rd_attributes(p, &m->attributes);
        } else if (mse_bytes_is_str(key, "attributesMask")) {
            (void)rd_attributes(p, &m->attributes_mask);
        } else if (identity && mse_bytes_is_str(key, "id")) {
            (void)mse_json_plain(j, &m->id);
        } else if (identity && mse_bytes_is_str(key, "tcbLevels")) {
            (void)mse_doc_identity_levels(&p->d, out->module_levels, &out->num_module_levels,
                                          MSE_MAX_TCB_LEVELS);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
    m->num_levels = out->num_module_levels - m->first_level;
    return mse_doc_need(&p->d, &o, need) && (!identity || mse_doc_need(&p->d, &o, need_identity));
}

static bool has_module(const struct mse_tcb_info *out, struct mse_bytes id)
{
    for (size_t i = 0; i < out->num_tdx_modules; i++) {
        if (mse_bytes_equal(out->tdx_modules[i].id, id)) {
            return true;
        }
    }
    return false;
}

static bool rd_modules(struct parser *p)
{
    struct mse_tcb_info *out = p->out;
    struct mse_json *j = &p->d.j;
    struct mse_json_array a;
    mse_json_array_begin(j, &a);
    while (mse_json_array_next(j, &a)) {
        struct mse_tdx_module m;
        if (out->num_tdx_modules >= MSE_MAX_TDX_MODULES || !rd_module(p, &m, true) ||
            has_module(out, m.id)) {
            return mse_json_fail(j);
        }
        out->tdx_modules[out->num_tdx_modules++] = m;
    }
    return !j->failed;
}

static bool rd_tee(struct parser *p)
{
    struct mse_bytes id = { 0 };
    if (!mse_json_plain(&p->d.j, &id)) {
        return false;
    }
    if (mse_bytes_is_str(id, "SGX")) {
        p->out->tee = MSE_TEE_SGX;
    } else if (mse_bytes_is_str(id, "TDX")) {
        p->out->tee = MSE_TEE_TDX;
    } else {
        return mse_json_fail(&p->d.j);
    }
    return true;
}

static bool rd_version(struct parser *p)
{
    if (!mse_json_u32(&p->d.j, &p->out->version)) {
        return false;
    }
    p->bad_version = p->out->version != 2 && p->out->version != 3;
    return !p->bad_version || mse_json_fail(&p->d.j);
}

/* 0 is the only TCB type that there is a matching rule for. */
static bool rd_tcb_type(struct parser *p)
{
    return mse_json_u32(&p->d.j, &p->out->tcb_type) &&
           (p->out->tcb_type == 0 || mse_json_fail(&p->d.j));
}

static bool rd_fmspc(struct parser *p)
{
    return mse_json_hex(&p->d.j, p->out->fmspc, sizeof p->out->fmspc);
}

static bool rd_pce_id(struct parser *p)
{
    p->out->has_pce_id = true;
    return mse_json_hex(&p->d.j, p->out->pce_id, sizeof p->out->pce_id);
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

static bool rd_tdx_module(struct parser *p)
{
    p->out->has_tdx_module = true;
    return rd_module(p, &p->out->tdx_module, false);
}

/* The members of the body. */
static const struct {
    const char *key;
    bool (*read)(struct parser *p);
} members[] = {
    { "version", rd_version },
    { "issueDate", rd_issue_date },
    { "nextUpdate", rd_next_update },
    { "fmspc", rd_fmspc },
    { "pceId", rd_pce_id },
    { "tcbType", rd_tcb_type },
    { "tcbEvaluationDataNumber", rd_evaluation_number },
    { "tcbLevels", rd_levels },
    { "id", rd_tee },
    { "tdxModule", rd_tdx_module },
    { "tdxModuleIdentities", rd_modules },
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

/* What the version and the TEE demand of the rest. */
static bool check_form(struct parser *p)
{
    struct mse_tcb_info *out = p->out;
    bool tdx = out->tee == MSE_TEE_TDX;
    if (out->version == 2) {
        if (out->tee != MSE_TEE_NONE || p->has_v3_levels) {
            p->d.where = "version 2 with members of version 3";
            return false;
        }
        out->tee = MSE_TEE_SGX;
        return true;
    }
    if (!out->has_pce_id) {
        p->d.where = "pceId";
        return false;
    }
    if (out->tee == MSE_TEE_NONE || p->has_v2_levels) {
        p->d.where = out->tee == MSE_TEE_NONE ? "id" : "tcbLevels of version 2 in version 3";
        return false;
    }
    for (size_t i = 0; i < out->num_levels; i++) {
        if (out->levels[i].has_tdx_comp != tdx) {
            p->d.where = "tdxtcbcomponents";
            return false;
        }
    }
    p->d.where = "tdxModule";
    return out->has_tdx_module == tdx && (tdx || out->num_tdx_modules == 0);
}

/* Empties the scalars: levels are only ever read up to their number. */
static void clear(struct mse_tcb_info *out)
{
    out->tee = MSE_TEE_NONE;
    out->version = 0;
    out->issue_date = 0;
    out->next_update = 0;
    memset(out->fmspc, 0, sizeof out->fmspc);
    out->has_pce_id = false;
    memset(out->pce_id, 0, sizeof out->pce_id);
    out->tcb_type = 0;
    out->tcb_evaluation_number = 0;
    out->num_levels = 0;
    out->has_tdx_module = false;
    out->num_tdx_modules = 0;
    out->num_module_levels = 0;
}

mse_status mse_tcb_info_parse(struct mse_tcb_info *out, struct mse_bytes body,
                              struct mse_error *err)
{
    static const char *const need[] = { "version",   "issueDate", "nextUpdate",
                                        "fmspc",     "tcbType",   "tcbEvaluationDataNumber",
                                        "tcbLevels", NULL };
    struct parser p = { .out = out, .d.where = "the document" };
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    clear(out);
    mse_json_init(&p.d.j, body);
    mse_json_object_begin(&p.d.j, &o);
    while (mse_json_object_next(&p.d.j, &o, &key)) {
        (void)rd_member(&p, key);
    }
    if (mse_doc_need(&p.d, &o, need) && mse_json_end(&p.d.j) && check_form(&p)) {
        return MSE_OK;
    }
    mse_status st = MSE_ERR_TCB_INFO_MALFORMED;
    if (p.bad_version) {
        st = MSE_FAIL(err, MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION, "TCB info",
                      "version %u, wanted 2 or 3", out->version);
    } else {
        st = MSE_FAIL(err, st, "TCB info", "%s: missing, mistyped, there twice or out of range",
                      p.d.where);
    }
    mse_error_offset(err, mse_json_offset(&p.d.j));
    clear(out);
    return st;
}
