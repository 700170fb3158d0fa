/* SPDX-License-Identifier: Apache-2.0 */
/* What gateways do with a name. */
#include "operator/store_sql.h"

struct routes {
    uint64_t version;
    mse_op_route_fn *each;
    void *arg;
};

/* Changes of tables are counted. A lease ends without any, so the sum of the epochs of those that
 * have one is the lower half: it shrinks when one ends. */
static mse_status read_version(struct mse_op_store *s, uint64_t *out, int64_t now,
                               struct mse_error *err)
{
    const struct mse_db_value key[] = { mse_db_text("routes") };
    const struct mse_db_value at[] = { mse_db_int(now) };
    int64_t changes = 0;
    int64_t living = 0;
    mse_status st = op_number(s, SQL_FLEET_GET, OP_ARGS(key), &changes, err);
    st = st == MSE_OK ? op_number(s, SQL_ROUTE_LIVING, OP_ARGS(at), &living, err) : st;
    if (st == MSE_OK) {
        *out = ((uint64_t)changes << 32) | ((uint64_t)living & UINT32_MAX);
    }
    return st;
}

static mse_status take_route(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    const struct routes *c = user;
    struct mse_op_route r = { .config = true };
    char public[MSE_OP_DOMAIN_LEN];
    int64_t port = num == 10 ? mse_db_number(&row[3]) : 0;
    if (num != 10 || !mse_db_copy(public, sizeof public, &row[0]) ||
        !mse_db_copy(r.server_name, sizeof r.server_name, &row[1]) ||
        !mse_db_copy(r.address, sizeof r.address, &row[2]) || port <= 0 || port > UINT16_MAX ||
        !mse_op_mode_parse(&r.mode, row[4].bytes) ||
        !mse_db_copy(r.app_id, sizeof r.app_id, &row[5]) ||
        (row[7].type != MSE_DB_NULL && row[7].bytes.len != sizeof r.spki_sha256)) {
        return op_bad_row(err);
    }
    r.port = (uint16_t)port;
    r.proxy_protocol = mse_db_number(&row[6]) != 0;
    if (row[7].type != MSE_DB_NULL) {
        memcpy(r.spki_sha256, row[7].bytes.data, sizeof r.spki_sha256);
    }
    r.number = (uint32_t)mse_db_number(&row[9]);
    mse_status st = r.number == 0 ? c->each(c->arg, &r) : MSE_OK;
    if (st == MSE_OK && mse_bytes_is_str(row[8].bytes, mse_op_status_name(MSE_OP_RUNNING))) {
        memcpy(r.server_name, public, sizeof r.server_name);
        r.config = false;
        st = c->each(c->arg, &r);
    }
    return st;
}

static mse_status read_routes(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct routes *c = arg;
    int64_t now = 0;
    mse_status st = mse_db_clock_ms(s->db, &now, err);
    const struct mse_db_value p[] = { mse_db_int(now) };
    st = st == MSE_OK ? read_version(s, &c->version, now, err) : st;
    return st == MSE_OK && c->each != NULL
               ? op_query(s, SQL_ROUTE_LIST, OP_ARGS(p), take_route, c, err)
               : st;
}

mse_status mse_op_routes(struct mse_op_store *s, uint64_t *version, mse_op_route_fn *each,
                         void *arg, struct mse_error *err)
{
    struct routes c = { .each = each, .arg = arg };
    mse_status st = op_read(s, read_routes, &c, err);
    if (st == MSE_OK) {
        *version = c.version;
    }
    return st;
}

mse_status mse_op_routes_version(struct mse_op_store *s, uint64_t *version, struct mse_error *err)
{
    return mse_op_routes(s, version, NULL, NULL, err);
}
