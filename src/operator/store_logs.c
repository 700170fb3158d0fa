/* SPDX-License-Identifier: Apache-2.0 */
/* Logs and metrics of apps. Both are much, and none of it is in the audit log. */
#include "operator/store_sql.h"
#include "package/rules.h"

struct log_call {
    const char *app_id;
    struct mse_bytes bytes;
    int64_t at_ms;
    uint64_t after;
    uint64_t max;
    int64_t last;
    int64_t written;
    mse_op_log_fn *each;
    void *arg;
};

static mse_status no_app(const char *id, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no app %.36s", id);
}

static mse_status app_exists(struct mse_op_store *s, const char *id, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(id) };
    int64_t apps = 0;
    mse_status st = op_number(s, SQL_APP_EXISTS, OP_ARGS(p), &apps, err);
    return st == MSE_OK && apps == 0 ? no_app(id, err) : st;
}

static mse_status take_end(void *user, const struct mse_db_value *row, size_t num,
                           struct mse_error *err)
{
    struct log_call *c = user;
    if (num != 2) {
        return op_bad_row(err);
    }
    c->last = mse_db_number(&row[0]);
    c->written = mse_db_number(&row[1]);
    return MSE_OK;
}

/* The number that these bytes get, and where they end in all that was ever written. */
static mse_status grow(struct mse_op_store *s, struct log_call *c, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int((int64_t)c->bytes.len) };
    uint64_t changed = 0;
    mse_status st = op_change(s, SQL_LOG_GROW, OP_ARGS(p), &changed, err);
    if (st == MSE_OK && changed == 0) {
        st = app_exists(s, c->app_id, err);
        st = st == MSE_OK ? op_change(s, SQL_LOG_BEGIN, OP_ARGS(p), NULL, err) : st;
    }
    const struct mse_db_value key[] = { p[0] };
    return st == MSE_OK ? op_query(s, SQL_LOG_END, OP_ARGS(key), take_end, c, err) : st;
}

static mse_status append(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct log_call *c = arg;
    mse_status st = grow(s, c, err);
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(c->last),
                                      mse_db_int(c->at_ms), mse_db_int(c->written),
                                      mse_db_blob(c->bytes) };
    /* Whole batches go, so that what stays is never more than the ring holds. */
    int64_t upto = c->written - (int64_t)MSE_OP_LOG_RING + (int64_t)MSE_OP_LOG_MAX - 1;
    const struct mse_db_value trim[] = { p[0], mse_db_int(upto) };
    st = st == MSE_OK ? op_change(s, SQL_LOG_ADD, OP_ARGS(p), NULL, err) : st;
    return st == MSE_OK && c->written > (int64_t)MSE_OP_LOG_RING
               ? op_change(s, SQL_LOG_TRIM, OP_ARGS(trim), NULL, err)
               : st;
}

mse_status mse_op_log_append(struct mse_op_store *s, const char *app_id, int64_t at_ms,
                             struct mse_bytes bytes, struct mse_error *err)
{
    struct log_call c = { .app_id = app_id, .at_ms = at_ms, .bytes = bytes };
    if (bytes.len == 0 || bytes.len > MSE_OP_LOG_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "a log of %zu bytes, wanted 1 to %zu",
                        bytes.len, MSE_OP_LOG_MAX);
    }
    return mse_rule_uuid4(app_id) ? op_write_beside(s, append, &c, err) : no_app(app_id, err);
}

static mse_status take_log(void *user, const struct mse_db_value *row, size_t num,
                           struct mse_error *err)
{
    const struct log_call *c = user;
    if (num != 3 || row[2].type != MSE_DB_BLOB) {
        return op_bad_row(err);
    }
    const struct mse_op_log l = { .seq = (uint64_t)mse_db_number(&row[0]),
                                  .at_ms = mse_db_number(&row[1]),
                                  .bytes = row[2].bytes };
    return c->each(c->arg, &l);
}

static mse_status read_log(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct log_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int((int64_t)c->after),
                                      mse_db_int((int64_t)c->max) };
    return op_query(s, SQL_LOG_READ, OP_ARGS(p), take_log, c, err);
}

/* Which part of which log, and for whom. NOLINTNEXTLINE(readability-function-size) */
mse_status mse_op_log_read(struct mse_op_store *s, const char *app_id, uint64_t after_seq,
                           uint64_t max, mse_op_log_fn *each, void *arg, struct mse_error *err)
{
    struct log_call c = {
        .app_id = app_id, .after = after_seq, .max = max, .each = each, .arg = arg
    };
    if (after_seq > INT64_MAX || max > INT32_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "such a part of the log is out of reach");
    }
    return op_read(s, read_log, &c, err);
}

static mse_status read_tail(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct log_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int((int64_t)c->max) };
    return op_query(s, SQL_LOG_TAIL, OP_ARGS(p), take_log, c, err);
}

mse_status mse_op_log_tail(struct mse_op_store *s, const char *app_id, uint32_t max,
                           mse_op_log_fn *each, void *arg, struct mse_error *err)
{
    struct log_call c = { .app_id = app_id, .max = max, .each = each, .arg = arg };
    return op_read(s, read_tail, &c, err);
}

/* ---- what is too old */

struct sweep {
    enum op_sql which;
    int64_t before_ms;
};

static mse_status sweep(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct sweep *w = arg;
    const struct mse_db_value p[] = { mse_db_int(w->before_ms) };
    return op_change(s, w->which, OP_ARGS(p), NULL, err);
}

mse_status mse_op_log_sweep(struct mse_op_store *s, int64_t older_than_ms, struct mse_error *err)
{
    struct sweep w = { .which = SQL_LOG_SWEEP, .before_ms = older_than_ms };
    return op_write_beside(s, sweep, &w, err);
}

mse_status mse_op_metric_sweep(struct mse_op_store *s, int64_t older_than_ms, struct mse_error *err)
{
    struct sweep w = { .which = SQL_METRIC_SWEEP, .before_ms = older_than_ms };
    return op_write_beside(s, sweep, &w, err);
}

/* ---- metrics */

struct metric_call {
    const char *app_id;
    const char *source;
    int64_t at_ms;
    const struct mse_op_metric *m;
    size_t num;
    mse_op_metric_fn *each;
    void *arg;
};

static bool good_name(const char *name)
{
    size_t len = strnlen(name, MSE_OP_NAME_LEN);
    return len > 0 && len < MSE_OP_NAME_LEN &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static mse_status put_all(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct metric_call *c = arg;
    mse_status st = app_exists(s, c->app_id, err);
    for (size_t i = 0; st == MSE_OK && i < c->num; i++) {
        const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_text(c->m[i].name),
                                          mse_db_int(c->at_ms), mse_db_text(c->source),
                                          mse_db_int(c->m[i].value) };
        st = op_change(s, SQL_METRIC_PUT, OP_ARGS(p), NULL, err);
    }
    return st;
}

/* Which app, who measured, when and what. NOLINTNEXTLINE(readability-function-size) */
mse_status mse_op_metric_put(struct mse_op_store *s, const char *app_id, const char *source,
                             int64_t at_ms, const struct mse_op_metric *m, size_t num,
                             struct mse_error *err)
{
    struct metric_call c = {
        .app_id = app_id, .source = source, .at_ms = at_ms, .m = m, .num = num
    };
    bool good = op_is_handle(source) && num <= MSE_OP_MAX_METRICS;
    for (size_t i = 0; good && i < num; i++) {
        good = good_name(m[i].name);
    }
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "source, names or number of the metrics are not what they have to be");
    }
    return op_write_beside(s, put_all, &c, err);
}

static mse_status take_metric(void *user, const struct mse_db_value *row, size_t num,
                              struct mse_error *err)
{
    const struct metric_call *c = user;
    char name[MSE_OP_NAME_LEN];
    char source[MSE_OP_NAME_LEN];
    if (num != 4 || !mse_db_copy(name, sizeof name, &row[0]) ||
        !mse_db_copy(source, sizeof source, &row[2])) {
        return op_bad_row(err);
    }
    const struct mse_op_metric m = { .name = name,
                                     .at_ms = mse_db_number(&row[1]),
                                     .source = source,
                                     .value = mse_db_number(&row[3]) };
    return c->each(c->arg, &m);
}

static mse_status get_all(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct metric_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(c->at_ms),
                                      mse_db_int(MSE_OP_MAX_READ) };
    return op_query(s, SQL_METRIC_GET, OP_ARGS(p), take_metric, arg, err);
}

mse_status mse_op_metric_get(struct mse_op_store *s, const char *app_id, int64_t since_ms,
                             mse_op_metric_fn *each, void *arg, struct mse_error *err)
{
    struct metric_call c = { .app_id = app_id, .at_ms = since_ms, .each = each, .arg = arg };
    return op_read(s, get_all, &c, err);
}

/* ---- by steps */

struct step_call {
    struct metric_call metric;
    const struct mse_op_steps *steps;
    enum op_sql which;
};

static mse_status get_steps(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct step_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->metric.app_id), mse_db_int(c->steps->since_ms),
                                      mse_db_int(c->steps->step_ms) };
    return op_query(s, c->which, OP_ARGS(p), take_metric, &c->metric, err);
}

mse_status mse_op_metric_series(struct mse_op_store *s, const char *app_id,
                                const struct mse_op_steps *steps, mse_op_metric_fn *each, void *arg,
                                struct mse_error *err)
{
    struct step_call c = { { .app_id = app_id, .each = each, .arg = arg },
                           steps,
                           SQL_METRIC_SERIES };
    MSE_ASSERT(steps->step_ms > 0);
    return op_read(s, get_steps, &c, err);
}

mse_status mse_op_log_volume(struct mse_op_store *s, const char *app_id,
                             const struct mse_op_steps *steps, mse_op_metric_fn *each, void *arg,
                             struct mse_error *err)
{
    struct step_call c = { { .app_id = app_id, .each = each, .arg = arg }, steps, SQL_LOG_VOLUME };
    MSE_ASSERT(steps->step_ms > 0);
    return op_read(s, get_steps, &c, err);
}
