/* SPDX-License-Identifier: Apache-2.0 */
/* Projects, hardware, quotas. */
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/rules.h"

#define MAX_MEMORY ((uint64_t)1 << 30) /* MiB */
#define MAX_CORES  4096
#define MAX_APPS   1000000

struct project_call {
    const struct mse_op_by *by;
    struct mse_op_project *p;
    const char *owner_id;
    const char *name;
    const char *id;
    bool found;
    mse_op_project_fn *each;
    void *arg;
};

static mse_status take_project(void *user, const struct mse_db_value *row, size_t num,
                               struct mse_error *err)
{
    struct project_call *c = user;
    struct mse_op_project p = { 0 };
    if (num != 6 || !mse_db_copy(p.id, sizeof p.id, &row[0]) ||
        !mse_db_copy(p.owner_id, sizeof p.owner_id, &row[1]) ||
        !mse_db_copy(p.name, sizeof p.name, &row[2]) ||
        !mse_db_copy(p.description, sizeof p.description, &row[3])) {
        return op_bad_row(err);
    }
    p.is_default = mse_db_number(&row[4]) == 1;
    p.created_at = mse_db_number(&row[5]);
    c->found = true;
    if (c->p != NULL) {
        *c->p = p;
    }
    return c->each == NULL ? MSE_OK : c->each(c->arg, &p);
}

mse_status op_project_find(struct mse_op_store *s, struct mse_op_project *out, const char *owner_id,
                           const char *id, struct mse_error *err)
{
    struct project_call c = { .p = out };
    const struct mse_db_value p[] = { mse_db_text(owner_id), mse_db_text(id) };
    mse_status st = op_query(s, SQL_PROJECT_GET, OP_ARGS(p), take_project, &c, err);
    return st != MSE_OK || c.found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such project");
}

mse_status op_project_insert(struct mse_op_store *s, struct mse_op_project *p, mse_time now,
                             struct mse_error *err)
{
    struct mse_error why = { 0 };
    if (mse_random_uuid(p->id) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STORE_STEP, "no random bytes");
    }
    p->created_at = now;
    const struct mse_db_value v[] = {
        mse_db_text(p->id),          mse_db_text(p->owner_id),          mse_db_text(p->name),
        mse_db_text(p->description), mse_db_int(p->is_default ? 1 : 0), mse_db_int(p->created_at),
    };
    mse_status st = op_change(s, SQL_PROJECT_ADD, OP_ARGS(v), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, st, STORE_STEP, "there is a project of this name already");
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
}

static mse_status add_project(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct project_call *c = arg;
    struct mse_op_user owner = { 0 };
    mse_status st = op_user_by_id(s, &owner, c->p->owner_id, err);
    const struct mse_db_value mine[] = { mse_db_text(c->p->owner_id) };
    int64_t num = 0;
    st = st == MSE_OK ? op_number(s, SQL_PROJECT_COUNT, OP_ARGS(mine), &num, err) : st;
    if (st == MSE_OK && num >= MSE_OP_MAX_PROJECTS) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STORE_STEP, "there are %d projects already",
                      MSE_OP_MAX_PROJECTS);
    }
    if (st == MSE_OK) {
        st = op_project_insert(s, c->p, c->by->now, err);
    }
    return st == MSE_OK ? op_audit(s, c->by, "project.add", c->p->id, "", err) : st;
}

mse_status mse_op_project_add(struct mse_op_store *s, const struct mse_op_by *by,
                              struct mse_op_project *p, struct mse_error *err)
{
    struct mse_op_project made = *p;
    struct project_call c = { .by = by, .p = &made };
    if (!mse_rule_name(p->name)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "name: wanted 1 to 255 bytes of UTF-8, no white space at either end");
    }
    if (!mse_rule_text(p->description, 0, MSE_OP_TEXT_LEN - 1)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "description: wanted at most 255 bytes of UTF-8 without control "
                        "characters");
    }
    made.is_default = false;
    mse_status st = op_write(s, add_project, &c, err);
    if (st == MSE_OK) {
        *p = made;
    }
    return st;
}

static mse_status list_projects(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct project_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->owner_id),
                                      mse_db_text(c->name == NULL ? "" : c->name) };
    return op_query(s, SQL_PROJECT_LIST, OP_ARGS(p), take_project, c, err);
}

mse_status mse_op_project_list(struct mse_op_store *s, const char *owner_id, const char *name,
                               mse_op_project_fn *each, void *arg, struct mse_error *err)
{
    struct project_call c = { .owner_id = owner_id, .name = name, .each = each, .arg = arg };
    if (name != NULL && !mse_rule_name(name)) {
        return MSE_OK; /* no project is called that */
    }
    return op_read(s, list_projects, &c, err);
}

static mse_status get_project(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct project_call *c = arg;
    return op_project_find(s, c->p, c->owner_id, c->id, err);
}

mse_status mse_op_project_get(struct mse_op_store *s, struct mse_op_project *out,
                              const char *owner_id, const char *id, struct mse_error *err)
{
    struct project_call c = { .p = out, .owner_id = owner_id, .id = id };
    if (!mse_rule_uuid4(id)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such project");
    }
    return op_read(s, get_project, &c, err);
}

/* Hardware. */

struct hardware_call {
    const struct mse_op_by *by;
    struct mse_op_hardware *h;
    const char *name;
    bool found;
    mse_op_hardware_fn *each;
    void *arg;
};

static mse_status take_hardware(void *user, const struct mse_db_value *row, size_t num,
                                struct mse_error *err)
{
    struct hardware_call *c = user;
    struct mse_op_hardware h = { 0 };
    if (num != 7 || !mse_db_copy(h.name, sizeof h.name, &row[0]) ||
        !mse_db_copy(h.tee, sizeof h.tee, &row[1])) {
        return op_bad_row(err);
    }
    h.memory = (uint64_t)mse_db_number(&row[2]);
    h.cores = (uint64_t)mse_db_number(&row[3]);
    h.enclave_size = (uint64_t)mse_db_number(&row[4]);
    h.max_apps = (uint64_t)mse_db_number(&row[5]);
    h.created_at = mse_db_number(&row[6]);
    c->found = true;
    if (c->h != NULL) {
        *c->h = h;
    }
    return c->each == NULL ? MSE_OK : c->each(c->arg, &h);
}

mse_status op_hardware_find(struct mse_op_store *s, struct mse_op_hardware *out, const char *name,
                            struct mse_error *err)
{
    struct hardware_call c = { .h = out };
    const struct mse_db_value p[] = { mse_db_text(name) };
    mse_status st = op_is_handle(name)
                        ? op_query(s, SQL_HARDWARE_LIST, OP_ARGS(p), take_hardware, &c, err)
                        : MSE_OK;
    return st != MSE_OK || c.found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such hardware");
}

static mse_status check_hardware(const struct mse_op_hardware *h, struct mse_error *err)
{
    static const char *const tees[] = { "sim", "sgx", "tdx", "sev-snp" };
    bool known = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(tees); i++) {
        known = known || strcmp(h->tee, tees[i]) == 0;
    }
    if (!op_is_handle(h->name)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "the name \"%.64s\", wanted 1 to 64 of a-z 0-9, and inside . _ -", h->name);
    }
    if (!known) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "tee is %.64s, wanted sim, sgx, tdx or sev-snp", h->tee);
    }
    if (h->memory == 0 || h->memory > MAX_MEMORY || h->cores == 0 || h->cores > MAX_CORES ||
        h->max_apps == 0 || h->max_apps > MAX_APPS) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "wanted 1 to %llu MiB of memory, 1 to %d cores, 1 to %d apps",
                        (unsigned long long)MAX_MEMORY, MAX_CORES, MAX_APPS);
    }
    if (h->enclave_size > MAX_MEMORY || !mse_rule_enclave_size(h->enclave_size << 20)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "enclave size %llu MiB, wanted a power of two from 16 MiB to 1 TiB",
                        (unsigned long long)h->enclave_size);
    }
    return MSE_OK;
}

static mse_status add_hardware(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct hardware_call *c = arg;
    const struct mse_op_hardware *h = c->h;
    struct mse_error why = { 0 };
    const struct mse_db_value p[] = {
        mse_db_text(h->name),
        mse_db_text(h->tee),
        mse_db_int((int64_t)h->memory),
        mse_db_int((int64_t)h->cores),
        mse_db_int((int64_t)h->enclave_size),
        mse_db_int((int64_t)h->max_apps),
        mse_db_int(h->created_at),
    };
    mse_status st = op_change(s, SQL_HARDWARE_ADD, OP_ARGS(p), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, st, STORE_STEP, "there is hardware %s already", h->name);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
    }
    return op_audit(s, c->by, "hardware.add", h->name, h->tee, err);
}

mse_status mse_op_hardware_add(struct mse_op_store *s, const struct mse_op_by *by,
                               struct mse_op_hardware *h, struct mse_error *err)
{
    struct mse_op_hardware made = *h;
    struct hardware_call c = { .by = by, .h = &made };
    mse_status st = check_hardware(h, err);
    if (st != MSE_OK) {
        return st;
    }
    made.created_at = by->now;
    st = op_write(s, add_hardware, &c, err);
    if (st == MSE_OK) {
        *h = made;
    }
    return st;
}

static mse_status list_hardware(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct hardware_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->name == NULL ? "" : c->name) };
    return op_query(s, SQL_HARDWARE_LIST, OP_ARGS(p), take_hardware, c, err);
}

mse_status mse_op_hardware_list(struct mse_op_store *s, const char *name, mse_op_hardware_fn *each,
                                void *arg, struct mse_error *err)
{
    struct hardware_call c = { .name = name, .each = each, .arg = arg };
    if (name != NULL && !op_is_handle(name)) {
        return MSE_OK;
    }
    return op_read(s, list_hardware, &c, err);
}

static mse_status get_hardware(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct hardware_call *c = arg;
    return op_hardware_find(s, c->h, c->name, err);
}

mse_status mse_op_hardware_get(struct mse_op_store *s, struct mse_op_hardware *out,
                               const char *name, struct mse_error *err)
{
    struct hardware_call c = { .h = out, .name = name };
    return op_read(s, get_hardware, &c, err);
}

/* Quotas. */

struct quota_call {
    const struct mse_op_by *by;
    const struct mse_op_quota *q;
    mse_op_quota_fn *each;
    void *arg;
};

static mse_status set_quota(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct quota_call *c = arg;
    struct mse_op_user u = { 0 };
    struct mse_op_hardware h = { 0 };
    char detail[MSE_OP_TEXT_LEN];
    mse_status st = op_user_find(s, &u, c->q->user_name, err);
    if (st == MSE_OK) {
        st = op_hardware_find(s, &h, c->q->hardware, err);
    }
    const struct mse_db_value p[] = { mse_db_text(u.id), mse_db_text(h.name),
                                      mse_db_int((int64_t)c->q->max_apps) };
    if (st == MSE_OK) {
        st = op_change(s, SQL_QUOTA_SET, OP_ARGS(p), NULL, err);
    }
    (void)snprintf(detail, sizeof detail, "%s: %llu apps", h.name,
                   (unsigned long long)c->q->max_apps);
    return st == MSE_OK ? op_audit(s, c->by, "quota.set", u.id, detail, err) : st;
}

mse_status mse_op_quota_set(struct mse_op_store *s, const struct mse_op_by *by,
                            const struct mse_op_quota *q, struct mse_error *err)
{
    struct quota_call c = { .by = by, .q = q };
    if (q->max_apps > MAX_APPS) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "wanted at most %d apps", MAX_APPS);
    }
    return op_write(s, set_quota, &c, err);
}

static mse_status take_quota(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    struct quota_call *c = user;
    struct mse_op_quota q = { 0 };
    if (num != 3 || !mse_db_copy(q.user_name, sizeof q.user_name, &row[0]) ||
        !mse_db_copy(q.hardware, sizeof q.hardware, &row[1])) {
        return op_bad_row(err);
    }
    q.max_apps = (uint64_t)mse_db_number(&row[2]);
    return c->each(c->arg, &q);
}

static mse_status list_quotas(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    return op_query(s, SQL_QUOTA_LIST, op_none, take_quota, arg, err);
}

mse_status mse_op_quota_list(struct mse_op_store *s, mse_op_quota_fn *each, void *arg,
                             struct mse_error *err)
{
    struct quota_call c = { .each = each, .arg = arg };
    return op_read(s, list_quotas, &c, err);
}
