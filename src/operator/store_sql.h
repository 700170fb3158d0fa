/* SPDX-License-Identifier: Apache-2.0 */
/* The statements, and what the parts of the store share. Only store_*.c include this. */
#ifndef OPERATOR_STORE_SQL_H
#define OPERATOR_STORE_SQL_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "db/db.h"
#include "operator/fleet.h"

#define STORE_STEP "store"

enum op_sql {
    SQL_USER_ADD,
    SQL_USER_GET,
    SQL_USER_BY_ID,
    SQL_USER_LIST,
    SQL_USER_REMOVE,
    SQL_USER_LIVE_APPS,
    SQL_USER_NUM_ADMINS,
    SQL_TOKEN_ADD,
    SQL_TOKEN_LIVES,
    SQL_TOKEN_REVOKE,
    SQL_TOKEN_REVOKE_MADE,
    SQL_TOKEN_REVOKE_ALL,
    SQL_TOKEN_GET,
    SQL_TOKEN_LIST,
    SQL_TOKEN_CHECK,
    SQL_IDENTITY_GET,
    SQL_IDENTITY_SET,
    SQL_IDENTITY_COUNT,
    SQL_IDENTITY_EMAIL,
    SQL_LOGIN_ADD,
    SQL_LOGIN_SWEEP,
    SQL_PROJECT_ADD,
    SQL_PROJECT_LIST,
    SQL_PROJECT_GET,
    SQL_HARDWARE_ADD,
    SQL_HARDWARE_LIST,
    SQL_QUOTA_SET,
    SQL_QUOTA_GET,
    SQL_QUOTA_LIST,
    SQL_TOKEN_COUNT,
    SQL_PROJECT_COUNT,
    SQL_LABEL_GET,
    SQL_LABEL_ADD,
    SQL_RESERVATION_ADD,
    SQL_RESERVATION_GET,
    SQL_RESERVATION_USE,
    SQL_RESERVATION_COUNT,
    SQL_APP_ADD,
    SQL_APP_GET,
    SQL_APP_LIST,
    SQL_APP_BY_DOMAIN,
    SQL_APP_MOVE,
    SQL_APP_MANIFEST,
    SQL_CLIENT_CA_ADD,
    SQL_CLIENT_CA_GET,
    SQL_CLIENT_CA_DELETE,
    SQL_APP_COUNT,
    SQL_APP_DOMAIN_LIVES,
    SQL_APP_EXISTS,
    SQL_APP_LIVES,
    SQL_APP_PLACE,
    SQL_APP_UNPLACE,
    SQL_APP_INSTANCE,
    SQL_APP_STOP_WANTED,
    SQL_APP_DELETE,
    SQL_APP_OF_NODE,
    SQL_APP_CLAIMABLE,
    SQL_APP_USED_MEMORY,
    SQL_APP_USED_CORES,
    SQL_APP_USED_ENCLAVE,
    SQL_APP_LEFT_OVER,
    SQL_APP_CARRY,
    SQL_INSTANCE_ADD,
    SQL_INSTANCE_BEGIN,
    SQL_INSTANCE_OF_NODE,
    SQL_INSTANCE_GET,
    SQL_INSTANCE_CLAIMABLE,
    SQL_INSTANCE_PLACE,
    SQL_INSTANCE_SET,
    SQL_INSTANCE_RELEASE,
    SQL_INSTANCE_UNPLACE,
    SQL_INSTANCE_LIST,
    SQL_INSTANCE_DELETE,
    SQL_NODE_PUT,
    SQL_NODE_GET,
    SQL_NODE_LIST,
    SQL_NODE_BEAT,
    SQL_NODE_DRAIN,
    SQL_NODE_NUM_LATE,
    SQL_NODE_LATE,
    SQL_NODE_LAPSE,
    SQL_NODE_GIVE_UP,
    SQL_FLEET_NEXT,
    SQL_FLEET_GET,
    SQL_ROUTE_LIST,
    SQL_ROUTE_LIVING,
    SQL_PACKAGE_ADD,
    SQL_PACKAGE_GET,
    SQL_PACKAGE_GROW,
    SQL_PACKAGE_DONE,
    SQL_PACKAGE_HOLD,
    SQL_PACKAGE_DELETE,
    SQL_PACKAGE_OLD,
    SQL_PIECE_ADD,
    SQL_PIECE_GET,
    SQL_PIECE_DELETE,
    SQL_LOG_GROW,
    SQL_LOG_BEGIN,
    SQL_LOG_END,
    SQL_LOG_ADD,
    SQL_LOG_TRIM,
    SQL_LOG_READ,
    SQL_LOG_TAIL,
    SQL_LOG_VOLUME,
    SQL_LOG_SWEEP,
    SQL_LOG_DELETE,
    SQL_LOG_END_DELETE,
    SQL_METRIC_PUT,
    SQL_METRIC_GET,
    SQL_METRIC_SERIES,
    SQL_METRIC_SWEEP,
    SQL_METRIC_DELETE,
    SQL_AUDIT_LAST,
    SQL_AUDIT_ADD,
    SQL_AUDIT_LIST,
    SQL_COPY_FIRST, /* three for each table: read, insert, clear */
    SQL_COPY_USERS = SQL_COPY_FIRST,
    SQL_COPY_TOKENS = SQL_COPY_USERS + 3,
    SQL_COPY_PROJECTS = SQL_COPY_TOKENS + 3,
    SQL_COPY_HARDWARE = SQL_COPY_PROJECTS + 3,
    SQL_COPY_QUOTAS = SQL_COPY_HARDWARE + 3,
    SQL_COPY_LABELS = SQL_COPY_QUOTAS + 3,
    SQL_COPY_RESERVATIONS = SQL_COPY_LABELS + 3,
    SQL_COPY_APPS = SQL_COPY_RESERVATIONS + 3,
    SQL_COPY_INSTANCES = SQL_COPY_APPS + 3,
    SQL_COPY_CLIENT_CAS = SQL_COPY_INSTANCES + 3,
    SQL_COPY_FLEET = SQL_COPY_CLIENT_CAS + 3,
    SQL_COPY_NODES = SQL_COPY_FLEET + 3,
    SQL_COPY_PACKAGES = SQL_COPY_NODES + 3,
    SQL_COPY_PIECES = SQL_COPY_PACKAGES + 3,
    SQL_COPY_LOG_ENDS = SQL_COPY_PIECES + 3,
    SQL_COPY_LOGS = SQL_COPY_LOG_ENDS + 3,
    SQL_COPY_IDENTITIES = SQL_COPY_LOGS + 3,
    SQL_COPY_LOGINS = SQL_COPY_IDENTITIES + 3,
    SQL_COPY_AUDIT = SQL_COPY_LOGINS + 3,
    SQL_NUM = SQL_COPY_AUDIT + 3,
};
#define OP_NUM_TABLES ((SQL_NUM - SQL_COPY_FIRST) / 3)

struct mse_op_store {
    struct mse_db *db;
};

/* Parameters of a statement: OP_ARGS of an array, or op_none. */
struct op_args {
    const struct mse_db_value *values;
    size_t num;
};
#define OP_ARGS(a) op_args_of((a), MSE_ARRAY_LEN(a))
struct op_args op_args_of(const struct mse_db_value *values, size_t num);
extern const struct op_args op_none;

/* Runs a statement; rows go to row. */
MSE_MUST_USE mse_status op_query(struct mse_op_store *s, enum op_sql which, struct op_args args,
                                 mse_db_row_fn *row, void *user, struct mse_error *err);
/* Runs a statement that changes rows; *changed (may be NULL) is how many. */
MSE_MUST_USE mse_status op_change(struct mse_op_store *s, enum op_sql which, struct op_args args,
                                  uint64_t *changed, struct mse_error *err);
/* A statement that answers one number; *out stays as it is if it answers none. */
MSE_MUST_USE mse_status op_number(struct mse_op_store *s, enum op_sql which, struct op_args args,
                                  int64_t *out, struct mse_error *err);
/* One transaction around what is done inside. */
typedef mse_status op_inside_fn(struct mse_op_store *s, void *arg, struct mse_error *err);
MSE_MUST_USE mse_status op_write(struct mse_op_store *s, op_inside_fn *inside, void *arg,
                                 struct mse_error *err);
MSE_MUST_USE mse_status op_read(struct mse_op_store *s, op_inside_fn *inside, void *arg,
                                struct mse_error *err);
/* As op_write, for what has no line in the audit log: it waits for nobody. */
MSE_MUST_USE mse_status op_write_beside(struct mse_op_store *s, op_inside_fn *inside, void *arg,
                                        struct mse_error *err);
/* Adds a line to the audit log, inside the transaction of what it tells. */
MSE_MUST_USE mse_status op_audit(struct mse_op_store *s, const struct mse_op_by *by,
                                 const char *action, const char *subject, const char *detail,
                                 struct mse_error *err);
/* A row that is not what this program wrote. */
mse_status op_bad_row(struct mse_error *err);
/* Inside a transaction: a project of this owner. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status op_project_find(struct mse_op_store *s, struct mse_op_project *out,
                                        const char *owner_id, const char *id,
                                        struct mse_error *err);
MSE_MUST_USE mse_status op_hardware_find(struct mse_op_store *s, struct mse_op_hardware *out,
                                         const char *name, struct mse_error *err);
MSE_MUST_USE mse_status op_user_find(struct mse_op_store *s, struct mse_op_user *out,
                                     const char *name, struct mse_error *err);
MSE_MUST_USE mse_status op_user_by_id(struct mse_op_store *s, struct mse_op_user *out,
                                      const char *id, struct mse_error *err);
/* Inside a transaction: a reservation of this owner that is open still. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status op_reservation_find(struct mse_op_store *s, struct mse_op_reservation *out,
                                            const char *owner_id, const char *app_id, mse_time now,
                                            struct mse_error *err);
/* Inside a transaction: an app; owner_id NULL: anybody's. MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status op_app_find(struct mse_op_store *s, struct mse_op_app *out,
                                    const char *owner_id, const char *id, struct mse_error *err);
/* Inside a transaction: hands out the apps that a statement with APP_COLUMNS answers. */
MSE_MUST_USE mse_status op_app_query(struct mse_op_store *s, enum op_sql which, struct op_args args,
                                     mse_op_app_fn *each, void *arg, struct mse_error *err);
/* Inside a transaction, with its line in the log. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status op_app_move(struct mse_op_store *s, const struct mse_op_by *by,
                                    const struct mse_op_app *a, enum mse_op_app_status to,
                                    const char *detail, struct mse_error *err);
/* Inside a transaction: gateways look again. */
MSE_MUST_USE mse_status op_routes_changed(struct mse_op_store *s, struct mse_error *err);
/* Inside a transaction: the next number of a counter of the fleet. */
MSE_MUST_USE mse_status op_fleet_next(struct mse_op_store *s, const char *key, int64_t *out,
                                      struct mse_error *err);
/* Inside a transaction: what mse_op_user_add and mse_op_token_create do. */
MSE_MUST_USE mse_status op_user_insert(struct mse_op_store *s, const struct mse_op_by *by,
                                       struct mse_op_user *u, struct mse_error *err);
MSE_MUST_USE mse_status op_token_insert(struct mse_op_store *s, const struct mse_op_by *by,
                                        struct mse_op_token *t, char text[MSE_OP_TOKEN_LEN],
                                        struct mse_error *err);
/* Who does it, in the log: a node, or the fleet itself (NULL). */
struct op_doer {
    char actor[MSE_OP_TEXT_LEN];
    struct mse_op_by by; /* points into it: do not copy */
    int64_t now_ms;
};
MSE_MUST_USE mse_status op_doer_init(struct op_doer *d, struct mse_op_store *s, const char *node,
                                     struct mse_error *err);
/* Inside a transaction: the node, if this is its epoch. MSE_ERR_LEASE_LOST. */
MSE_MUST_USE mse_status op_node_find(struct mse_op_store *s, struct mse_op_node *out,
                                     const char *name, uint64_t epoch, struct mse_error *err);
mse_status op_lease_lost(const char *name, struct mse_error *err);
/* Inside a transaction: what was placed on a node may be placed anew; all: also what was launched,
 * but for the first instances of apps. */
MSE_MUST_USE mse_status op_unplace(struct mse_op_store *s, const char *node, bool all, int64_t now,
                                   struct mse_error *err);
/* Eight columns become a user. */
MSE_MUST_USE bool op_user_of(struct mse_op_user *u, const struct mse_db_value *row);
/* Inside a transaction: a project without a line in the log. */
MSE_MUST_USE mse_status op_project_insert(struct mse_op_store *s, struct mse_op_project *p,
                                          mse_time now, struct mse_error *err);
/* A name of [a-z0-9] with . _ - inside. */
MSE_MUST_USE bool op_is_handle(const char *s);
MSE_MUST_USE mse_status op_audit_head(struct mse_op_store *s, struct mse_op_audit_head *out,
                                      struct mse_error *err);

#endif
