/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, the statements, transactions. */
#include "operator/store_sql.h"

#define APPLICATION_ID 0x4d53456f /* "MSEo" */

#define LIVE "status IN ('spawning', 'initializing', 'running')"

/* 1: who there is, and who changed what. */
#define STEP_1                                                                                     \
    "CREATE TABLE users(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL,"    \
    " given_name TEXT NOT NULL, family_name TEXT NOT NULL, admin BIGINT NOT NULL,"                 \
    " created_at BIGINT NOT NULL, removed_at BIGINT NOT NULL);"                                    \
    "CREATE UNIQUE INDEX users_name ON users(name) WHERE removed_at = 0;"                          \
    "CREATE TABLE tokens(id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL REFERENCES users(id)" \
    ", sha256 BYTEA NOT NULL UNIQUE, name TEXT NOT NULL, scopes BIGINT NOT NULL,"                  \
    " created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, revoked_at BIGINT NOT NULL);"        \
    "CREATE INDEX tokens_user ON tokens(user_id);"                                                 \
    "CREATE TABLE audit(seq BIGINT PRIMARY KEY NOT NULL, at BIGINT NOT NULL, actor TEXT NOT NULL," \
    " action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL, hash BYTEA NOT NULL);"

/* 2: what runs. */
#define STEP_2                                                                                     \
    "CREATE TABLE projects(id TEXT PRIMARY KEY NOT NULL, owner_id TEXT NOT NULL REFERENCES"        \
    " users(id), name TEXT NOT NULL, description TEXT NOT NULL, is_default BIGINT NOT NULL,"       \
    " created_at BIGINT NOT NULL, UNIQUE(owner_id, name));"                                        \
    "INSERT INTO projects(id, owner_id, name, description, is_default, created_at)"                \
    " SELECT id, id, 'default', '', 1, created_at FROM users;"                                     \
    "CREATE TABLE hardware(name TEXT PRIMARY KEY NOT NULL, tee TEXT NOT NULL, memory BIGINT NOT"   \
    " NULL, cores BIGINT NOT NULL, enclave_size BIGINT NOT NULL, max_apps BIGINT NOT NULL,"        \
    " created_at BIGINT NOT NULL);"                                                                \
    "CREATE TABLE quotas(user_id TEXT NOT NULL REFERENCES users(id), hardware TEXT NOT NULL"       \
    " REFERENCES hardware(name), max_apps BIGINT NOT NULL, PRIMARY KEY(user_id, hardware));"       \
    "CREATE TABLE labels(owner_id TEXT NOT NULL REFERENCES users(id), project_id TEXT NOT NULL"    \
    " REFERENCES projects(id), name TEXT NOT NULL, mode TEXT NOT NULL, label TEXT NOT NULL"        \
    " UNIQUE, PRIMARY KEY(owner_id, project_id, name, mode));"                                     \
    "CREATE TABLE reservations(app_id TEXT PRIMARY KEY NOT NULL, owner_id TEXT NOT NULL"           \
    " REFERENCES users(id), project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL," \
    " mode TEXT NOT NULL, label TEXT NOT NULL, created_at BIGINT NOT NULL,"                        \
    " expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL);"                                       \
    "CREATE INDEX reservations_owner ON reservations(owner_id, expires_at) WHERE used_at = 0;"     \
    "CREATE TABLE apps(id TEXT PRIMARY KEY NOT NULL REFERENCES reservations(app_id),"              \
    " owner_id TEXT NOT NULL REFERENCES users(id),"                                                \
    " project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,"                       \
    " domain_name TEXT NOT NULL, config_domain_name TEXT NOT NULL,"                                \
    " hardware TEXT NOT NULL REFERENCES hardware(name), mode TEXT NOT NULL,"                       \
    " status TEXT NOT NULL CHECK(status IN ('spawning', 'initializing', 'running', 'stopped',"     \
    " 'on_error')), detail TEXT NOT NULL, created_at BIGINT NOT NULL, ready_at BIGINT NOT NULL,"   \
    " stopped_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, package_sha256 BYTEA NOT NULL,"      \
    " package_size BIGINT NOT NULL, manifest BYTEA NOT NULL);"                                     \
    "CREATE UNIQUE INDEX apps_live ON apps(owner_id, project_id, name) WHERE " LIVE ";"            \
    "CREATE INDEX apps_owner ON apps(owner_id, created_at);"                                       \
    "CREATE INDEX apps_hardware ON apps(hardware) WHERE " LIVE ";"

/* 3: what a fleet shares. */
#define STEP_3                                                                                     \
    "ALTER TABLE apps ADD COLUMN healthcheck_endpoint TEXT NOT NULL DEFAULT '';"                   \
    "ALTER TABLE apps ADD COLUMN python_application TEXT NOT NULL DEFAULT '';"                     \
    "ALTER TABLE apps ADD COLUMN command TEXT NOT NULL DEFAULT '';"                                \
    "ALTER TABLE apps ADD COLUMN proxy_protocol BIGINT NOT NULL DEFAULT 0;"                        \
    "ALTER TABLE apps ADD COLUMN node TEXT NOT NULL DEFAULT '';"                                   \
    "ALTER TABLE apps ADD COLUMN port BIGINT NOT NULL DEFAULT 0;"                                  \
    "ALTER TABLE apps ADD COLUMN fingerprint BYTEA;"                                               \
    "ALTER TABLE apps ADD COLUMN spki_sha256 BYTEA;"                                               \
    "ALTER TABLE apps ADD COLUMN launched BIGINT NOT NULL DEFAULT 0;"                              \
    "ALTER TABLE apps ADD COLUMN stop_wanted BIGINT NOT NULL DEFAULT 0;"                           \
    "CREATE UNIQUE INDEX apps_domain ON apps(domain_name) WHERE " LIVE ";"                         \
    "CREATE INDEX apps_node ON apps(node) WHERE " LIVE ";"                                         \
    "CREATE TABLE fleet(key TEXT PRIMARY KEY NOT NULL, value BIGINT NOT NULL);"                    \
    "CREATE TABLE nodes(name TEXT PRIMARY KEY NOT NULL, id TEXT NOT NULL, address TEXT NOT NULL,"  \
    " tee TEXT NOT NULL, version TEXT NOT NULL, memory BIGINT NOT NULL, cores BIGINT NOT NULL,"    \
    " enclave_memory BIGINT NOT NULL, epoch BIGINT NOT NULL, lease_until BIGINT NOT NULL,"         \
    " draining BIGINT NOT NULL, gone BIGINT NOT NULL, lapsed_at BIGINT NOT NULL DEFAULT 0);"       \
    "CREATE TABLE packages(app_id TEXT PRIMARY KEY NOT NULL, upload TEXT NOT NULL,"                \
    " size BIGINT NOT NULL, sha256 BYTEA NOT NULL, pieces BIGINT NOT NULL,"                        \
    " complete BIGINT NOT NULL, created_at BIGINT NOT NULL);"                                      \
    "CREATE TABLE package_pieces(app_id TEXT NOT NULL REFERENCES packages(app_id),"                \
    " number BIGINT NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY(app_id, number));"                 \
    "CREATE TABLE log_ends(app_id TEXT PRIMARY KEY NOT NULL REFERENCES apps(id),"                  \
    " last BIGINT NOT NULL, written BIGINT NOT NULL);"                                             \
    "CREATE TABLE logs(app_id TEXT NOT NULL REFERENCES apps(id), seq BIGINT NOT NULL,"             \
    " at BIGINT NOT NULL, upto BIGINT NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY(app_id, seq));"  \
    "CREATE INDEX logs_upto ON logs(app_id, upto);"                                                \
    "CREATE INDEX logs_at ON logs(at);"                                                            \
    "CREATE TABLE metrics(app_id TEXT NOT NULL, name TEXT NOT NULL, at BIGINT NOT NULL,"           \
    " source TEXT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY(app_id, name, at, source));"        \
    "CREATE INDEX metrics_at ON metrics(at);"

#define REFUSE "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
#define SQLITE_GUARD                                                                               \
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit " REFUSE                                \
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit " REFUSE                                \
    "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"                                       \
    " WHEN EXISTS(SELECT 1 FROM audit WHERE seq = NEW.seq) " REFUSE
#define POSTGRES_GUARD                                                                             \
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                  \
    " RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'the audit log is append-only';"          \
    " END $$;"                                                                                     \
    "CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"                      \
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();"

/* 4: who users are for an issuer of OpenID Connect, and the ID tokens that were used. */
#define STEP_4                                                                                     \
    "CREATE TABLE identities(issuer TEXT NOT NULL, subject TEXT NOT NULL, user_id TEXT NOT NULL"   \
    " REFERENCES users(id), created_at BIGINT NOT NULL, PRIMARY KEY(issuer, subject));"            \
    "CREATE INDEX identities_user ON identities(user_id);"                                         \
    "CREATE TABLE logins(sha256 BYTEA PRIMARY KEY NOT NULL, over_at BIGINT NOT NULL);"             \
    "CREATE INDEX logins_over ON logins(over_at);"

/* 5: by whom the clients of an app are certified. */
#define STEP_5                                                                                     \
    "CREATE TABLE client_cas(app_id TEXT PRIMARY KEY NOT NULL REFERENCES apps(id),"                \
    " pem BYTEA NOT NULL);"

/* 6: apps of several instances. Number 0, which leads, is the row of the app. */
#define STEP_6                                                                                     \
    "ALTER TABLE apps ADD COLUMN replicas BIGINT NOT NULL DEFAULT 1;"                              \
    "ALTER TABLE apps ADD COLUMN carry_port BIGINT NOT NULL DEFAULT 0;"                            \
    "ALTER TABLE apps ADD COLUMN carry_key BYTEA;"                                                 \
    "CREATE TABLE instances(app_id TEXT NOT NULL REFERENCES apps(id), number BIGINT NOT NULL,"     \
    " node TEXT NOT NULL, port BIGINT NOT NULL, spki_sha256 BYTEA, launched BIGINT NOT NULL,"      \
    " since BIGINT NOT NULL, avoid TEXT NOT NULL, detail TEXT NOT NULL,"                           \
    " PRIMARY KEY(app_id, number));"                                                               \
    "CREATE INDEX instances_node ON instances(node);"

/* 7: a token that another was made with: it ends with it. */
#define STEP_7                                                                                     \
    "ALTER TABLE tokens ADD COLUMN parent TEXT NOT NULL DEFAULT '';"                               \
    "CREATE INDEX tokens_parent ON tokens(parent) WHERE parent <> '';"

static const char *const sqlite_steps[MSE_OP_SCHEMA] = {
    STEP_1 SQLITE_GUARD, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7
};
static const char *const postgres_steps[MSE_OP_SCHEMA] = {
    STEP_1 POSTGRES_GUARD, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7
};

#define USER_COLUMNS "id, name, email, given_name, family_name, admin, created_at, removed_at"
#define TOKEN_COLUMNS                                                                              \
    "t.id, t.user_id, u.name, t.name, t.scopes, t.created_at, t.expires_at, t.revoked_at"
#define PROJECT_COLUMNS  "id, owner_id, name, description, is_default, created_at"
#define HARDWARE_COLUMNS "name, tee, memory, cores, enclave_size, max_apps, created_at"
#define RESERVATION_COLUMNS                                                                        \
    "app_id, owner_id, project_id, name, mode, label, created_at, expires_at"
#define APP_COLUMNS                                                                                \
    "id, owner_id, project_id, name, domain_name, config_domain_name, hardware, mode, status,"     \
    " detail, created_at, ready_at, stopped_at, expires_at, package_sha256, package_size,"         \
    " healthcheck_endpoint, python_application, command, proxy_protocol, node, port, fingerprint," \
    " launched, stop_wanted, replicas"
/* An instance in the place of the app's first one. $1: the node, $2: now */
#define REPLICA_COLUMNS                                                                            \
    "a.id, a.owner_id, a.project_id, a.name, a.domain_name, a.config_domain_name, a.hardware,"     \
    " a.mode, a.status, a.detail, a.created_at, a.ready_at, a.stopped_at, a.expires_at,"           \
    " a.package_sha256, a.package_size, a.healthcheck_endpoint, a.python_application, a.command,"  \
    " a.proxy_protocol, i.node, i.port, a.fingerprint, i.launched, a.stop_wanted, a.replicas,"     \
    " i.number, CASE WHEN a.status = 'running' AND a.spki_sha256 IS NOT NULL AND l.gone = 0"       \
    " AND l.lease_until > $2 THEN 1 ELSE 0 END, l.address, a.carry_port, a.carry_key, n.draining"
#define REPLICA_FROM                                                                               \
    " FROM instances i JOIN apps a ON a.id = i.app_id JOIN nodes n ON n.name = i.node"             \
    " JOIN nodes l ON l.name = a.node"
/* How many instances of an app a node has. */
#define ON_NODE(node)                                                                              \
    "((SELECT count(*) FROM instances k WHERE k.app_id = a.id AND k.node = " node ")"              \
    " + CASE WHEN a.node = " node " THEN 1 ELSE 0 END)"
#define A_LIVES          "a.status IN ('spawning', 'initializing', 'running')"
#define INSTANCE_COLUMNS "app_id, number, node, port, spki_sha256, launched, since, avoid, detail"
/* What is said of an instance. $2: now */
#define PLACE(number, row, detail)                                                                 \
    "SELECT CAST(" number " AS BIGINT), " row ".node, CASE WHEN NOT (" A_LIVES ") THEN 'ended'"    \
    " WHEN " row ".node = '' THEN 'waiting' WHEN n.gone = 1 OR n.lease_until <= $2"                \
    " THEN 'unreachable' WHEN a.status = 'running' AND " row ".spki_sha256 IS NOT NULL"            \
    " THEN 'running' ELSE 'starting' END, " detail
#define ROUTE(number, row)                                                                         \
    "SELECT a.domain_name, a.config_domain_name, n.address, " row ".port, a.mode, a.id,"           \
    " a.proxy_protocol, " row ".spki_sha256, a.status, CAST(" number " AS BIGINT)"
#define ROUTED(row)                                                                                \
    " AND " row ".port > 0 AND " row ".spki_sha256 IS NOT NULL AND n.gone = 0"                     \
    " AND n.lease_until > $1"
#define NODE_COLUMNS                                                                               \
    "name, id, address, tee, version, memory, cores, enclave_memory, epoch, lease_until,"          \
    " draining, gone"
#define PACKAGE_COLUMNS "app_id, upload, size, sha256, pieces, complete, created_at"
#define LOG_COLUMNS     "app_id, seq, at, upto, bytes"
/* $1: now; $2: when a lease must have been over to give up. */
#define LATE "gone = 0 AND lease_until <= $1 AND (lapsed_at = 0 OR lapsed_at <= $2)"
#define USED(column)                                                                               \
    "SELECT CAST(coalesce(sum(h." column "), 0) AS BIGINT) FROM (SELECT a.hardware FROM apps a"    \
    " WHERE a.node = $1 AND " A_LIVES " UNION ALL SELECT a.hardware FROM instances i"              \
    " JOIN apps a ON a.id = i.app_id WHERE i.node = $1 AND " A_LIVES ") AS p"                      \
    " JOIN hardware h ON h.name = p.hardware"
#define AUDIT_COLUMNS "seq, at, actor, action, subject, detail, hash"

#define V6 "$1, $2, $3, $4, $5, $6"
#define V7 V6 ", $7"
#define V8 V7 ", $8"
#define V9 V8 ", $9"
#define V26                                                                                        \
    V9 ", $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26"

#define COPY(at, table, key, columns, values)                                                      \
    [(at)] = "SELECT " columns " FROM " table " ORDER BY " key,                                    \
    [(at) + 1] = "INSERT INTO " table "(" columns ") VALUES(" values ")",                          \
    [(at) + 2] = "DELETE FROM " table

static const char *const texts[SQL_NUM] = {
    [SQL_USER_ADD] = "INSERT INTO users(" USER_COLUMNS ") VALUES(" V8 ")",
    [SQL_USER_GET] = "SELECT " USER_COLUMNS " FROM users WHERE name = $1 AND removed_at = 0",
    [SQL_USER_BY_ID] = "SELECT " USER_COLUMNS " FROM users WHERE id = $1 AND removed_at = 0",
    [SQL_USER_LIST] = "SELECT " USER_COLUMNS " FROM users WHERE removed_at = 0 OR $1 = 'all'"
                      " ORDER BY name, created_at",
    [SQL_USER_REMOVE] = "UPDATE users SET removed_at = $2 WHERE id = $1 AND removed_at = 0",
    [SQL_USER_LIVE_APPS] = "SELECT count(*) FROM apps WHERE owner_id = $1 AND " LIVE,
    [SQL_USER_NUM_ADMINS] = "SELECT count(*) FROM users WHERE admin = 1 AND removed_at = 0",
    [SQL_TOKEN_ADD] = "INSERT INTO tokens(id, user_id, sha256, name, scopes, created_at,"
                      " expires_at, revoked_at, parent) VALUES(" V9 ")",
    [SQL_TOKEN_LIVES] = "SELECT count(*) FROM tokens t JOIN users u ON u.id = t.user_id WHERE"
                        " t.id = $1 AND t.revoked_at = 0 AND t.expires_at > $2"
                        " AND u.removed_at = 0",
    [SQL_TOKEN_REVOKE] = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0",
    [SQL_TOKEN_REVOKE_MADE] = "WITH RECURSIVE made(id) AS (SELECT id FROM tokens WHERE parent = $1"
                              " UNION SELECT t.id FROM tokens t JOIN made m ON t.parent = m.id)"
                              " UPDATE tokens SET revoked_at = $2 WHERE revoked_at = 0"
                              " AND id IN (SELECT id FROM made)",
    [SQL_TOKEN_REVOKE_ALL] = "UPDATE tokens SET revoked_at = $2 WHERE user_id = $1"
                             " AND revoked_at = 0",
    [SQL_TOKEN_GET] = "SELECT " TOKEN_COLUMNS " FROM tokens t JOIN users u ON u.id = t.user_id"
                      " WHERE t.id = $1 AND ($2 = '' OR t.user_id = $2)",
    [SQL_TOKEN_LIST] = "SELECT " TOKEN_COLUMNS " FROM tokens t JOIN users u ON u.id = t.user_id"
                       " WHERE $1 = '' OR t.user_id = $1 ORDER BY u.name, t.created_at, t.id",
    [SQL_TOKEN_CHECK] = "SELECT " TOKEN_COLUMNS ", u.id, u.name, u.email, u.given_name,"
                        " u.family_name, u.admin, u.created_at, u.removed_at, t.sha256"
                        " FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.sha256 = $1",
    [SQL_IDENTITY_GET] = "SELECT u.id, u.name, u.email, u.given_name, u.family_name, u.admin,"
                         " u.created_at, u.removed_at FROM identities i JOIN users u"
                         " ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2",
    [SQL_IDENTITY_SET] = "INSERT INTO identities(issuer, subject, user_id, created_at)"
                         " VALUES($1, $2, $3, $4) ON CONFLICT(issuer, subject)"
                         " DO UPDATE SET user_id = $3, created_at = $4",
    [SQL_IDENTITY_COUNT] = "SELECT count(*) FROM identities WHERE issuer = $1 AND user_id = $2",
    [SQL_IDENTITY_EMAIL] = "SELECT " USER_COLUMNS " FROM users WHERE lower(email) = $1"
                           " AND removed_at = 0 ORDER BY id",
    [SQL_LOGIN_ADD] = "INSERT INTO logins(sha256, over_at) VALUES($1, $2)",
    [SQL_LOGIN_SWEEP] = "DELETE FROM logins WHERE over_at <= $1",
    [SQL_PROJECT_ADD] = "INSERT INTO projects(" PROJECT_COLUMNS ") VALUES(" V6 ")",
    [SQL_PROJECT_LIST] = "SELECT " PROJECT_COLUMNS " FROM projects WHERE owner_id = $1"
                         " AND ($2 = '' OR name = $2) ORDER BY created_at, id",
    [SQL_PROJECT_GET] = "SELECT " PROJECT_COLUMNS " FROM projects WHERE owner_id = $1 AND id = $2",
    [SQL_HARDWARE_ADD] = "INSERT INTO hardware(" HARDWARE_COLUMNS ") VALUES(" V7 ")",
    [SQL_HARDWARE_LIST] = "SELECT " HARDWARE_COLUMNS " FROM hardware WHERE $1 = '' OR name = $1"
                          " ORDER BY name",
    [SQL_QUOTA_SET] = "INSERT INTO quotas(user_id, hardware, max_apps) VALUES($1, $2, $3)"
                      " ON CONFLICT(user_id, hardware) DO UPDATE SET max_apps = $3",
    [SQL_QUOTA_GET] = "SELECT max_apps FROM quotas WHERE user_id = $1 AND hardware = $2",
    [SQL_QUOTA_LIST] = "SELECT u.name, q.hardware, q.max_apps FROM quotas q"
                       " JOIN users u ON u.id = q.user_id WHERE u.removed_at = 0"
                       " ORDER BY u.name, q.hardware",
    [SQL_LABEL_GET] = "SELECT label FROM labels WHERE owner_id = $1 AND project_id = $2"
                      " AND name = $3 AND mode = $4",
    [SQL_LABEL_ADD] = "INSERT INTO labels(owner_id, project_id, name, mode, label)"
                      " VALUES($1, $2, $3, $4, $5)",
    [SQL_RESERVATION_ADD] = "INSERT INTO reservations(" RESERVATION_COLUMNS ", used_at)"
                            " VALUES(" V8 ", 0)",
    [SQL_RESERVATION_GET] = "SELECT " RESERVATION_COLUMNS " FROM reservations WHERE app_id = $1"
                            " AND owner_id = $2 AND used_at = 0 AND expires_at > $3",
    [SQL_RESERVATION_USE] = "UPDATE reservations SET used_at = $2 WHERE app_id = $1"
                            " AND used_at = 0",
    [SQL_RESERVATION_COUNT] = "SELECT count(*) FROM reservations WHERE owner_id = $1"
                              " AND used_at = 0 AND expires_at > $2",
    [SQL_APP_ADD] = "INSERT INTO apps(" APP_COLUMNS ", manifest) VALUES(" V26 ", $27)",
    [SQL_APP_GET] = "SELECT " APP_COLUMNS " FROM apps WHERE id = $1"
                    " AND ($2 = '' OR owner_id = $2)",
    [SQL_APP_LIST] = "SELECT " APP_COLUMNS " FROM apps WHERE ($1 = '' OR owner_id = $1)"
                     " AND ($2 = '' OR project_id = $2) AND ($3 = '' OR name = $3)"
                     " AND status IN ($4, $5, $6, $7, $8)"
                     " ORDER BY created_at DESC, id LIMIT $9 OFFSET $10",
    [SQL_APP_BY_DOMAIN] = "SELECT " APP_COLUMNS " FROM apps WHERE domain_name = $1 AND " LIVE,
    [SQL_APP_MOVE] = "UPDATE apps SET status = $3, detail = $4, ready_at = $5, stopped_at = $6"
                     " WHERE id = $1 AND status = $2",
    [SQL_APP_MANIFEST] = "SELECT manifest FROM apps WHERE id = $1",
    [SQL_TOKEN_COUNT] = "SELECT count(*) FROM tokens WHERE user_id = $1 AND revoked_at = 0"
                        " AND expires_at > $2",
    [SQL_PROJECT_COUNT] = "SELECT count(*) FROM projects WHERE owner_id = $1",
    [SQL_CLIENT_CA_ADD] = "INSERT INTO client_cas(app_id, pem) VALUES($1, $2)",
    [SQL_CLIENT_CA_GET] = "SELECT pem FROM client_cas WHERE app_id = $1",
    [SQL_CLIENT_CA_DELETE] = "DELETE FROM client_cas WHERE app_id = $1",
    [SQL_APP_COUNT] = "SELECT CAST(coalesce(sum(replicas), 0) AS BIGINT) FROM apps"
                      " WHERE hardware = $1"
                      " AND ($2 = '' OR owner_id = $2) AND " LIVE,
    [SQL_APP_DOMAIN_LIVES] = "SELECT count(*) FROM apps WHERE domain_name = $1 AND " LIVE,
    [SQL_APP_EXISTS] = "SELECT count(*) FROM apps WHERE id = $1",
    [SQL_APP_LIVES] = "SELECT count(*) FROM apps WHERE id = $1 AND " LIVE,
    [SQL_APP_PLACE] = "UPDATE apps SET node = $2 WHERE id = $1 AND node = ''"
                      " AND status = 'spawning'",
    [SQL_APP_UNPLACE] = "UPDATE apps SET node = '' WHERE node = $1 AND status = 'spawning'"
                        " AND launched = 0",
    [SQL_APP_INSTANCE] = "UPDATE apps SET port = $3, fingerprint = $4, spki_sha256 = $5,"
                         " launched = 1 WHERE id = $1 AND node = $2 AND " LIVE,
    [SQL_APP_STOP_WANTED] = "UPDATE apps SET stop_wanted = 1 WHERE id = $1 AND stop_wanted = 0",
    [SQL_APP_DELETE] = "DELETE FROM apps WHERE id = $1",
    [SQL_APP_OF_NODE] = "SELECT " APP_COLUMNS " FROM apps WHERE node = $1 AND " LIVE " ORDER BY id",
    [SQL_APP_CLAIMABLE] = "SELECT " APP_COLUMNS " FROM apps WHERE id = (SELECT a.id FROM apps a"
                          " JOIN hardware h ON h.name = a.hardware WHERE a.status = 'spawning'"
                          " AND a.node = '' AND a.stop_wanted = 0 AND a.expires_at > $5"
                          " AND h.tee = $1 AND h.memory <= $2 AND h.cores <= $3"
                          " AND h.enclave_size <= $4 ORDER BY a.created_at, a.id LIMIT 1)",
    [SQL_APP_USED_MEMORY] = USED("memory"),
    [SQL_APP_USED_CORES] = USED("cores"),
    [SQL_APP_USED_ENCLAVE] = USED("enclave_size"),
    [SQL_APP_LEFT_OVER] = "SELECT " APP_COLUMNS " FROM apps WHERE status = 'spawning'"
                          " AND node = '' AND (stop_wanted = 1 OR expires_at <= $1)"
                          " ORDER BY id LIMIT 64",
    [SQL_APP_CARRY] = "UPDATE apps SET carry_port = $3, carry_key = $4 WHERE id = $1 AND node = $2",
    [SQL_INSTANCE_ADD] = "INSERT INTO instances(" INSTANCE_COLUMNS ") VALUES($1, $2, '', 0, NULL,"
                         " 0, $3, '', '')",
    [SQL_INSTANCE_BEGIN] = "UPDATE instances SET since = $2 WHERE app_id = $1 AND node = ''",
    [SQL_INSTANCE_OF_NODE] = "SELECT " REPLICA_COLUMNS REPLICA_FROM " WHERE i.node = $1"
                             " AND " A_LIVES " ORDER BY a.id, i.number",
    [SQL_INSTANCE_GET] = "SELECT " REPLICA_COLUMNS REPLICA_FROM " WHERE i.node = $1"
                         " AND a.id = $3 AND i.number = $4 AND " A_LIVES,
    [SQL_INSTANCE_CLAIMABLE] =
        "SELECT i.app_id, i.number FROM instances i JOIN apps a ON a.id = i.app_id"
        " JOIN hardware h ON h.name = a.hardware WHERE i.node = '' AND a.node <> ''"
        " AND " A_LIVES " AND a.stop_wanted = 0 AND a.expires_at > $5"
        " AND h.tee = $1 AND h.memory <= $2 AND h.cores <= $3 AND h.enclave_size <= $4"
        " AND (i.since <= $7 OR (i.avoid <> $6 AND NOT EXISTS(SELECT 1 FROM nodes n"
        " WHERE n.tee = $1 AND n.gone = 0 AND n.draining = 0 AND n.lease_until > $8"
        " AND n.name <> i.avoid AND " ON_NODE("n.name") " < " ON_NODE(
            "$6") ")))"
                  " ORDER BY i.since, i.app_id, i.number LIMIT 1",
    [SQL_INSTANCE_PLACE] = "UPDATE instances SET node = $3 WHERE app_id = $1 AND number = $2"
                           " AND node = ''",
    [SQL_INSTANCE_SET] = "UPDATE instances SET port = $4, spki_sha256 = $5, launched = 1,"
                         " detail = $6 WHERE app_id = $1 AND number = $2 AND node = $3",
    [SQL_INSTANCE_RELEASE] = "UPDATE instances SET node = '', port = 0, spki_sha256 = NULL,"
                             " launched = 0, since = $4, avoid = $3, detail = $5"
                             " WHERE app_id = $1 AND number = $2 AND node = $3",
    [SQL_INSTANCE_UNPLACE] = "UPDATE instances SET node = '', port = 0, spki_sha256 = NULL,"
                             " launched = 0, since = $2 WHERE node = $1 AND launched <= $3",
    [SQL_INSTANCE_LIST] =
        PLACE("0", "a", "a.detail") " FROM apps a LEFT JOIN nodes n"
                                    " ON n.name = a.node WHERE a.id = $1 UNION ALL " PLACE(
                                        "i.number", "i",
                                        "i.detail") " FROM instances i"
                                                    " JOIN apps a ON a.id = i.app_id LEFT JOIN "
                                                    "nodes n ON n.name = i.node"
                                                    " WHERE i.app_id = $1 ORDER BY 1",
    [SQL_INSTANCE_DELETE] = "DELETE FROM instances WHERE app_id = $1",
    [SQL_NODE_PUT] = "INSERT INTO nodes(" NODE_COLUMNS ") VALUES(" V9 ", $10, $11, $12)"
                     " ON CONFLICT(name) DO UPDATE SET id = $2, address = $3, tee = $4,"
                     " version = $5, memory = $6, cores = $7, enclave_memory = $8, epoch = $9,"
                     " lease_until = $10, draining = $11, gone = $12, lapsed_at = 0",
    [SQL_NODE_GET] = "SELECT " NODE_COLUMNS " FROM nodes WHERE name = $1",
    [SQL_NODE_LIST] = "SELECT " NODE_COLUMNS " FROM nodes ORDER BY name",
    [SQL_NODE_BEAT] = "UPDATE nodes SET lease_until = $3, lapsed_at = 0 WHERE name = $1"
                      " AND epoch = $2 AND gone = 0",
    [SQL_NODE_DRAIN] = "UPDATE nodes SET draining = $2 WHERE name = $1",
    [SQL_NODE_NUM_LATE] = "SELECT (SELECT count(*) FROM nodes WHERE " LATE ") + (SELECT count(*)"
                          " FROM apps WHERE status = 'spawning' AND node = ''"
                          " AND (stop_wanted = 1 OR expires_at <= $3))",
    [SQL_NODE_LATE] =
        "SELECT " NODE_COLUMNS ", lapsed_at FROM nodes WHERE " LATE " ORDER BY name LIMIT 64",
    [SQL_NODE_LAPSE] = "UPDATE nodes SET lapsed_at = $3 WHERE name = $1 AND epoch = $2"
                       " AND lease_until <= $3 AND gone = 0",
    [SQL_NODE_GIVE_UP] = "UPDATE nodes SET gone = 1 WHERE name = $1 AND epoch = $2"
                         " AND lease_until <= $3 AND gone = 0",
    [SQL_FLEET_NEXT] = "INSERT INTO fleet(key, value) VALUES($1, 1)"
                       " ON CONFLICT(key) DO UPDATE SET value = fleet.value + 1",
    [SQL_FLEET_GET] = "SELECT value FROM fleet WHERE key = $1",
    [SQL_ROUTE_LIST] = ROUTE(
        "0", "a") " FROM apps a JOIN nodes n ON n.name = a.node"
                  " WHERE a.status IN ('initializing', 'running')" ROUTED("a") " UNION ALL " ROUTE(
                      "i.number",
                      "i") " FROM instances i"
                           " JOIN apps a ON a.id = i.app_id JOIN nodes n ON n.name = i.node"
                           " WHERE a.status = 'running'" ROUTED("i") " ORDER BY 6, 10",
    [SQL_ROUTE_LIVING] = "SELECT CAST(coalesce(sum(epoch), 0) AS BIGINT) FROM nodes"
                         " WHERE gone = 0 AND lease_until > $1",
    [SQL_PACKAGE_ADD] = "INSERT INTO packages(" PACKAGE_COLUMNS ") VALUES(" V7 ")",
    [SQL_PACKAGE_GET] = "SELECT size, sha256, pieces FROM packages WHERE app_id = $1"
                        " AND complete = 1",
    [SQL_PACKAGE_GROW] = "UPDATE packages SET pieces = pieces + 1 WHERE app_id = $1"
                         " AND upload = $2 AND complete = 0",
    [SQL_PACKAGE_DONE] = "UPDATE packages SET complete = 1 WHERE app_id = $1 AND upload = $2"
                         " AND complete = 0",
    [SQL_PACKAGE_HOLD] = "UPDATE packages SET complete = 1 WHERE app_id = $1 AND complete = 1"
                         " AND size = $2 AND sha256 = $3",
    [SQL_PACKAGE_DELETE] = "DELETE FROM packages WHERE app_id = $1",
    [SQL_PACKAGE_OLD] = "SELECT p.app_id FROM packages p LEFT JOIN apps a ON a.id = p.app_id"
                        " WHERE (a.id IS NULL AND p.created_at < $1)"
                        " OR a.status IN ('stopped', 'on_error') ORDER BY p.app_id LIMIT 64",
    [SQL_PIECE_ADD] = "INSERT INTO package_pieces(app_id, number, bytes) VALUES($1, $2, $3)",
    [SQL_PIECE_GET] = "SELECT bytes FROM package_pieces WHERE app_id = $1 AND number = $2",
    [SQL_PIECE_DELETE] = "DELETE FROM package_pieces WHERE app_id = $1",
    [SQL_LOG_GROW] = "UPDATE log_ends SET last = last + 1, written = written + $2"
                     " WHERE app_id = $1",
    [SQL_LOG_BEGIN] = "INSERT INTO log_ends(app_id, last, written) VALUES($1, 1, $2)",
    [SQL_LOG_END] = "SELECT last, written FROM log_ends WHERE app_id = $1",
    [SQL_LOG_ADD] = "INSERT INTO logs(" LOG_COLUMNS ") VALUES($1, $2, $3, $4, $5)",
    [SQL_LOG_TRIM] = "DELETE FROM logs WHERE app_id = $1 AND upto <= $2",
    [SQL_LOG_READ] = "SELECT seq, at, bytes FROM logs WHERE app_id = $1 AND seq > $2"
                     " ORDER BY seq LIMIT $3",
    [SQL_LOG_TAIL] = "SELECT seq, at, bytes FROM (SELECT seq, at, bytes FROM logs"
                     " WHERE app_id = $1 ORDER BY seq DESC LIMIT $2) AS tail ORDER BY seq",
    [SQL_LOG_VOLUME] = "SELECT 'log_bytes', at / $3 * $3, '', CAST(sum(length(bytes)) AS BIGINT)"
                       " FROM logs WHERE app_id = $1 AND at >= $2 GROUP BY 2 ORDER BY 2",
    [SQL_LOG_SWEEP] = "DELETE FROM logs WHERE at < $1",
    [SQL_LOG_DELETE] = "DELETE FROM logs WHERE app_id = $1",
    [SQL_LOG_END_DELETE] = "DELETE FROM log_ends WHERE app_id = $1",
    [SQL_METRIC_PUT] = "INSERT INTO metrics(app_id, name, at, source, value)"
                       " VALUES($1, $2, $3, $4, $5)"
                       " ON CONFLICT(app_id, name, at, source) DO UPDATE SET value = $5",
    [SQL_METRIC_GET] =
        "SELECT name, at, source, value FROM (SELECT name, at, source, value FROM"
        " metrics WHERE app_id = $1 AND at >= $2 ORDER BY at DESC LIMIT $3) AS newest"
        " ORDER BY name, at, source",
    [SQL_METRIC_SERIES] = "SELECT name, at / $3 * $3, source, CAST(avg(value) AS BIGINT)"
                          " FROM metrics WHERE app_id = $1 AND at >= $2 GROUP BY 1, 2, 3"
                          " ORDER BY 1, 2, 3",
    [SQL_METRIC_SWEEP] = "DELETE FROM metrics WHERE at < $1",
    [SQL_METRIC_DELETE] = "DELETE FROM metrics WHERE app_id = $1",
    [SQL_AUDIT_LAST] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
    [SQL_AUDIT_ADD] = "INSERT INTO audit(" AUDIT_COLUMNS ") VALUES(" V7 ")",
    [SQL_AUDIT_LIST] = "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY seq",
    COPY(SQL_COPY_USERS, "users", "id", USER_COLUMNS, V8),
    COPY(SQL_COPY_TOKENS, "tokens", "id",
         "id, user_id, sha256, name, scopes, created_at, expires_at, revoked_at, parent", V9),
    COPY(SQL_COPY_PROJECTS, "projects", "id", PROJECT_COLUMNS, V6),
    COPY(SQL_COPY_HARDWARE, "hardware", "name", HARDWARE_COLUMNS, V7),
    COPY(SQL_COPY_QUOTAS, "quotas", "user_id, hardware", "user_id, hardware, max_apps",
         "$1, $2, $3"),
    COPY(SQL_COPY_LABELS, "labels", "label", "owner_id, project_id, name, mode, label",
         "$1, $2, $3, $4, $5"),
    COPY(SQL_COPY_RESERVATIONS, "reservations", "app_id", RESERVATION_COLUMNS ", used_at", V9),
    COPY(SQL_COPY_APPS, "apps", "id", APP_COLUMNS ", manifest, spki_sha256, carry_port, carry_key",
         V26 ", $27, $28, $29, $30"),
    COPY(SQL_COPY_INSTANCES, "instances", "app_id, number", INSTANCE_COLUMNS, V9),
    COPY(SQL_COPY_CLIENT_CAS, "client_cas", "app_id", "app_id, pem", "$1, $2"),
    COPY(SQL_COPY_FLEET, "fleet", "key", "key, value", "$1, $2"),
    COPY(SQL_COPY_NODES, "nodes", "name", NODE_COLUMNS, V9 ", $10, $11, $12"),
    COPY(SQL_COPY_PACKAGES, "packages", "app_id", PACKAGE_COLUMNS, V7),
    COPY(SQL_COPY_PIECES, "package_pieces", "app_id, number", "app_id, number, bytes",
         "$1, $2, $3"),
    COPY(SQL_COPY_LOG_ENDS, "log_ends", "app_id", "app_id, last, written", "$1, $2, $3"),
    COPY(SQL_COPY_LOGS, "logs", "app_id, seq", LOG_COLUMNS, "$1, $2, $3, $4, $5"),
    COPY(SQL_COPY_IDENTITIES, "identities", "issuer, subject",
         "issuer, subject, user_id, created_at", "$1, $2, $3, $4"),
    COPY(SQL_COPY_LOGINS, "logins", "sha256", "sha256, over_at", "$1, $2"),
    COPY(SQL_COPY_AUDIT, "audit", "seq", AUDIT_COLUMNS, V7),
};

const struct mse_db_kind mse_op_store_kind = {
    .what = "database of msed",
    .application_id = APPLICATION_ID,
    .meta = "msed_schema",
    .newest = MSE_OP_SCHEMA,
    .sqlite_steps = sqlite_steps,
    .postgres_steps = postgres_steps,
    .postgres_lock = "LOCK TABLE audit IN EXCLUSIVE MODE",
    .texts = texts,
    .num_texts = SQL_NUM,
};

mse_status mse_op_store_open(struct mse_op_store **out, const char *where, bool create,
                             struct mse_error *err)
{
    struct mse_op_store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STORE_STEP, "out of memory");
    }
    mse_status st = mse_db_open(&s->db, &mse_op_store_kind, where, create, err);
    if (st != MSE_OK) {
        free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

mse_status mse_op_store_patience(struct mse_op_store *s, unsigned seconds, struct mse_error *err)
{
    return mse_db_patience(s->db, seconds, err);
}

void mse_op_store_close(struct mse_op_store *s)
{
    if (s != NULL) {
        mse_db_close(s->db);
        free(s);
    }
}

const struct op_args op_none = { .values = NULL };

struct op_args op_args_of(const struct mse_db_value *values, size_t num)
{
    const struct op_args a = { .values = values, .num = num };
    return a;
}

mse_status op_query(struct mse_op_store *s, enum op_sql which, struct op_args args,
                    mse_db_row_fn *row, void *user, struct mse_error *err)
{
    const struct mse_db_query q = {
        .which = which, .params = args.values, .num_params = args.num, .row = row, .user = user
    };
    return mse_db_run(s->db, &q, err);
}

mse_status op_change(struct mse_op_store *s, enum op_sql which, struct op_args args,
                     uint64_t *changed, struct mse_error *err)
{
    uint64_t rows = 0;
    const struct mse_db_query q = {
        .which = which, .params = args.values, .num_params = args.num, .changed = &rows
    };
    mse_status st = mse_db_run(s->db, &q, err);
    if (st == MSE_OK && changed != NULL) {
        *changed = rows;
    }
    return st;
}

static mse_status take_number(void *user, const struct mse_db_value *row, size_t num,
                              struct mse_error *err)
{
    int64_t *out = user;
    if (num != 1 || row[0].type != MSE_DB_INT) {
        return op_bad_row(err);
    }
    *out = row[0].number;
    return MSE_OK;
}

mse_status op_number(struct mse_op_store *s, enum op_sql which, struct op_args args, int64_t *out,
                     struct mse_error *err)
{
    return op_query(s, which, args, take_number, out, err);
}

static mse_status transact(struct mse_op_store *s, enum mse_db_access access, op_inside_fn *inside,
                           void *arg, struct mse_error *err)
{
    mse_status st = mse_db_begin(s->db, access, err);
    if (st != MSE_OK) {
        return st;
    }
    st = inside(s, arg, err);
    return mse_db_end(s->db, st, err);
}

mse_status op_write(struct mse_op_store *s, op_inside_fn *inside, void *arg, struct mse_error *err)
{
    return transact(s, MSE_DB_WRITE, inside, arg, err);
}

mse_status op_read(struct mse_op_store *s, op_inside_fn *inside, void *arg, struct mse_error *err)
{
    return transact(s, MSE_DB_READ, inside, arg, err);
}

mse_status op_write_beside(struct mse_op_store *s, op_inside_fn *inside, void *arg,
                           struct mse_error *err)
{
    return transact(s, MSE_DB_WRITE_BESIDE, inside, arg, err);
}

mse_status op_bad_row(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP,
                    "the database holds a row that msed did not write");
}

static bool is_alnum_lower(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
}

bool op_is_handle(const char *s)
{
    size_t len = strnlen(s, MSE_OP_NAME_LEN);
    if (len == 0 || len == MSE_OP_NAME_LEN || !is_alnum_lower(s[0]) ||
        !is_alnum_lower(s[len - 1])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum_lower(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-') {
            return false;
        }
    }
    return true;
}
