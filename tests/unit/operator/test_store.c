/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's store: the same program for SQLite and for PostgreSQL. */
#include "unit/operator/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "db/db.h"
#include "operator/fleet.h"

#define DAY           ((mse_time)86400)
#define STARTS        3 /* of programs, at a time */
#define KILLED_ROUNDS 5

/* Calls of lists. */

struct seen {
    unsigned num;
    char names[8][MSE_OP_TITLE_LEN];
};

static mse_status see(struct seen *s, const char *name)
{
    if (s->num < MSE_ARRAY_LEN(s->names)) {
        (void)snprintf(s->names[s->num], sizeof s->names[0], "%s", name);
    }
    s->num++;
    return MSE_OK;
}

static mse_status see_user(void *arg, const struct mse_op_user *u)
{
    return see(arg, u->name);
}

static mse_status see_token(void *arg, const struct mse_op_token *t)
{
    return see(arg, t->name);
}

static mse_status see_project(void *arg, const struct mse_op_project *p)
{
    return see(arg, p->name);
}

static mse_status see_hardware(void *arg, const struct mse_op_hardware *h)
{
    return see(arg, h->name);
}

static mse_status see_app(void *arg, const struct mse_op_app *a)
{
    return see(arg, a->name);
}

static mse_status see_line(void *arg, const struct mse_op_audit_line *l)
{
    return see(arg, l->action);
}

static mse_status see_quota(void *arg, const struct mse_op_quota *q)
{
    struct seen *s = arg;
    assert_int_equal(q->max_apps, 1);
    return see(s, q->user_name);
}

/* The schema. */

static void every_statement_can_be_prepared(void **state)
{
    struct op_bench *b = *state;
    struct mse_db *db = NULL;
    struct mse_error err = { 0 };
    mse_op_store_close(b->s);
    b->s = NULL;
    assert_status(mse_db_open(&db, &mse_op_store_kind, b->where, false, &err), MSE_OK);
    mse_status st = mse_db_prepare_all(db, &err);
    if (st != MSE_OK) {
        print_message("# %s\n", err.text);
    }
    assert_status(st, MSE_OK);
    mse_db_close(db);
}

static void a_database_that_is_not_there_is_not_made(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    struct mse_op_store *s = NULL;
    struct mse_error err = { 0 };
    op_bench_fresh(b, other);
    assert_status(mse_op_store_open(&s, other, false, &err), MSE_ERR_NOT_FOUND);
    assert_null(s);
}

/* A database of the first version, with a user. */
static void make_first(struct op_bench *b, char other[512])
{
    struct mse_db *db = NULL;
    struct mse_db_kind first = mse_op_store_kind;
    first.newest = 1;
    op_bench_fresh(b, other);
    assert_status(mse_db_open(&db, &first, other, true, NULL), MSE_OK);
    assert_status(mse_db_begin(db, MSE_DB_WRITE, NULL), MSE_OK);
    static const char user[] = "INSERT INTO users VALUES('5f0c1c39-6f39-4c0b-8b8e-0d6f6f1c2a11',"
                               " 'old', '', '', '', 1, 1700000000, 0)";
    assert_status(mse_db_exec(db, user, user, NULL), MSE_OK);
    assert_status(mse_db_end(db, MSE_OK, NULL), MSE_OK);
    mse_db_close(db);
}

static void an_older_schema_is_brought_up_to_date(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    struct mse_op_store *s = NULL;
    char project[MSE_OP_ID_LEN] = "";
    struct mse_op_user u = { 0 };
    struct mse_op_audit_head head;
    make_first(b, other);
    assert_status(mse_op_store_open(&s, other, false, NULL), MSE_OK);
    assert_status(mse_op_user_get(s, &u, "old", NULL), MSE_OK);
    assert_true(u.admin);
    struct mse_op_store *mine = b->s;
    b->s = s;
    op_bench_project(b, u.id, project);
    b->s = mine;
    assert_string_equal(project, u.id);
    assert_status(mse_op_audit_verify(s, &head, NULL, NULL, NULL, NULL), MSE_OK);
    mse_op_store_close(s);
}

/* Several begin at a time, and are killed at moments of the chance's choice: what is there
 * afterwards is the old schema or the new one. */
static void killed_steps_leave_nothing_half_done(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    pid_t children[STARTS];
    for (unsigned round = 0; round < KILLED_ROUNDS; round++) {
        struct mse_op_store *s = NULL;
        struct mse_op_user u = { 0 };
        uint8_t chance = 0;
        make_first(b, other);
        for (size_t i = 0; i < STARTS; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                _exit(mse_op_store_open(&s, other, false, NULL) == MSE_OK ? 0 : 1);
            }
            assert_true(children[i] > 0);
        }
        assert_status(mse_random(&chance, 1), MSE_OK);
        (void)usleep((useconds_t)chance * 200);
        for (size_t i = 0; i < STARTS; i++) {
            int status = 0;
            if (i < STARTS - 1) {
                (void)kill(children[i], SIGKILL);
            }
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        }
        mse_status st = MSE_ERR_IO;
        for (unsigned i = 0; st == MSE_ERR_IO && i < 20;
             i++) { /* a killed one's session ends first */
            st = mse_op_store_open(&s, other, false, NULL);
        }
        assert_status(st, MSE_OK);
        assert_status(mse_op_user_get(s, &u, "old", NULL), MSE_OK);
        mse_op_store_close(s);
    }
}

/* A newer program takes a step while this one runs: it goes on, until it has to connect anew. */
static void an_old_program_goes_on_under_a_newer_schema(void **state)
{
    struct op_bench *b = *state;
    static const char step[] = "ALTER TABLE users ADD COLUMN later TEXT NOT NULL DEFAULT '';";
    const char *sqlite[MSE_OP_SCHEMA + 1];
    const char *postgres[MSE_OP_SCHEMA + 1];
    struct mse_db_kind newer = mse_op_store_kind;
    struct mse_db *db = NULL;
    struct mse_error err = { 0 };
    struct mse_op_user u = op_bench_user(b, "before", false);
    memcpy(sqlite, newer.sqlite_steps, MSE_OP_SCHEMA * sizeof *sqlite);
    memcpy(postgres, newer.postgres_steps, MSE_OP_SCHEMA * sizeof *postgres);
    sqlite[MSE_OP_SCHEMA] = step;
    postgres[MSE_OP_SCHEMA] = step;
    newer.sqlite_steps = sqlite;
    newer.postgres_steps = postgres;
    newer.newest = MSE_OP_SCHEMA + 1;
    assert_status(mse_db_open(&db, &newer, b->where, false, NULL), MSE_OK);
    mse_db_close(db);
    u = op_bench_user(b, "behind", false);
    assert_status(mse_op_user_get(b->s, &u, "before", NULL), MSE_OK);
    if (b->postgres) {
        assert_true(op_bench_sql(b, "",
                                 "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM"
                                 " pg_stat_activity WHERE pid <> pg_backend_pid() AND"
                                 " application_name = 'msed'; END $$"));
        assert_status(mse_op_user_get(b->s, &u, "before", &err), MSE_ERR_UNSUPPORTED_VERSION);
        assert_non_null(strstr(err.text, "a newer mse wrote it"));
    }
    assert_status(op_bench_reopen(b), MSE_ERR_UNSUPPORTED_VERSION);
}

static void a_newer_schema_is_refused(void **state)
{
    struct op_bench *b = *state;
    struct mse_error err = { 0 };
    struct mse_op_store *s = NULL;
    assert_true(op_bench_sql(b, "PRAGMA user_version = 8", "UPDATE msed_schema SET version = 8"));
    assert_status(op_bench_reopen(b), MSE_ERR_UNSUPPORTED_VERSION);
    assert_status(mse_op_store_open(&s, b->where, true, &err), MSE_ERR_UNSUPPORTED_VERSION);
    assert_non_null(strstr(err.text, "version 8, wanted at most 7"));
}

static void what_belongs_to_others_is_refused(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    struct mse_op_store *s = NULL;
    struct mse_error err = { 0 };
    char mine[512];
    op_bench_fresh(b, other);
    memcpy(mine, b->where, sizeof mine);
    memcpy(b->where, other, sizeof mine);
    assert_true(op_bench_sql(b, "CREATE TABLE theirs(x)", "CREATE TABLE theirs(x BIGINT)"));
    memcpy(b->where, mine, sizeof mine);
    assert_status(mse_op_store_open(&s, other, true, &err), MSE_ERR_MALFORMED);
    assert_non_null(strstr(err.text, "is no database of msed"));
}

static void the_file_is_private_and_no_link_is_followed(void **state)
{
    struct op_bench *b = *state;
    char link[512];
    struct mse_op_store *s = NULL;
    if (b->postgres) {
        skip();
    }
    struct stat st;
    assert_int_equal(stat(b->where, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)snprintf(link, sizeof link, "%.400s/link", b->dir);
    assert_int_equal(symlink(b->where, link), 0);
    assert_status(mse_op_store_open(&s, link, false, NULL), MSE_ERR_IO);
    (void)snprintf(link, sizeof link, "%.400s/text", b->dir);
    test_write_file(link, mse_bytes_str("not a database, but a text that is long enough"));
    assert_status(mse_op_store_open(&s, link, false, NULL), MSE_ERR_MALFORMED);
    test_write_file(link, mse_bytes_str(""));
    assert_status(mse_op_store_open(&s, link, false, NULL), MSE_ERR_MALFORMED);
    assert_status(mse_op_store_open(&s, b->dir, true, NULL), MSE_ERR_IO);
}

/* Users. */

static void users_come_and_go(void **state)
{
    struct op_bench *b = *state;
    struct seen s = { 0 };
    struct mse_op_user u = op_bench_user(b, "alice", true);
    struct mse_op_user found = { 0 };
    struct mse_error err = { 0 };
    (void)op_bench_user(b, "bob", false);
    assert_status(mse_op_user_get(b->s, &found, "alice", NULL), MSE_OK);
    assert_string_equal(found.id, u.id);
    assert_int_equal(found.created_at, NOW);
    assert_status(mse_op_user_add(b->s, &b->by, &u, &err), MSE_ERR_EXISTS);
    assert_non_null(strstr(err.text, "alice"));
    assert_status(mse_op_user_list(b->s, false, see_user, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 2);
    assert_string_equal(s.names[0], "alice");
    assert_status(mse_op_user_remove(b->s, &b->by, "bob", NULL), MSE_OK);
    assert_status(mse_op_user_remove(b->s, &b->by, "bob", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_user_get(b->s, &found, "bob", NULL), MSE_ERR_NOT_FOUND);
    /* The name is free again, and means somebody else. */
    struct mse_op_user second = op_bench_user(b, "bob", false);
    assert_string_not_equal(second.id, u.id);
    s.num = 0;
    assert_status(mse_op_user_list(b->s, true, see_user, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 3);
}

static void the_last_administrator_stays(void **state)
{
    struct op_bench *b = *state;
    struct mse_error err = { 0 };
    (void)op_bench_user(b, "root", true);
    assert_status(mse_op_user_remove(b->s, &b->by, "root", &err), MSE_ERR_EXISTS);
    assert_non_null(strstr(err.text, "only administrator"));
    (void)op_bench_user(b, "other", true);
    assert_status(mse_op_user_remove(b->s, &b->by, "root", NULL), MSE_OK);
}

static void names_of_users_have_rules(void **state)
{
    struct op_bench *b = *state;
    static const char *const bad[] = { "",     "A",   "-a",       "a-", "a b",
                                       "a\nb", "a'b", "\xc3\xa9", ".",  "a/" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_op_user u = { 0 };
        (void)snprintf(u.name, sizeof u.name, "%s", bad[i]);
        assert_status(mse_op_user_add(b->s, &b->by, &u, NULL), MSE_ERR_ARGUMENT);
    }
    struct mse_op_user u = { .name = "a" };
    static const char *const emails[] = { "x", "@x", "x@", "a b@c", "a@b\n", "\xff@x", "<a@b>" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(emails); i++) {
        (void)snprintf(u.email, sizeof u.email, "%s", emails[i]);
        assert_status(mse_op_user_add(b->s, &b->by, &u, NULL), MSE_ERR_ARGUMENT);
    }
    struct mse_op_user longest = { 0 };
    memset(longest.name, 'x', sizeof longest.name - 1);
    assert_status(mse_op_user_add(b->s, &b->by, &longest, NULL), MSE_OK);
    struct mse_op_user quoted = { .name = "q", .given_name = "Robert'); DROP TABLE users;--" };
    assert_status(mse_op_user_add(b->s, &b->by, &quoted, NULL), MSE_OK);
    struct mse_op_user back = { 0 };
    assert_status(mse_op_user_get(b->s, &back, "q", NULL), MSE_OK);
    assert_string_equal(back.given_name, quoted.given_name);
}

/* Tokens. */

static struct mse_op_token token_for(struct op_bench *b, const struct mse_op_user *u,
                                     unsigned scopes, char text[MSE_OP_TOKEN_LEN])
{
    struct mse_op_token t = { .name = "laptop", .scopes = scopes, .expires_at = NOW + DAY };
    memcpy(t.user_id, u->id, sizeof t.user_id);
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_OK);
    return t;
}

static mse_status check(struct op_bench *b, const char *text, mse_time now)
{
    struct mse_op_token t = { 0 };
    struct mse_op_user u = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_token_check(b->s, &t, &u, mse_bytes_str(text), now, &err);
    if (st != MSE_OK) {
        assert_string_equal(err.text, "the token gives no right here");
        assert_int_equal(t.scopes, 0);
        assert_int_equal(u.created_at, 0);
    }
    return st;
}

static void a_token_says_whose_it_is(void **state)
{
    struct op_bench *b = *state;
    char text[MSE_OP_TOKEN_LEN];
    struct mse_op_user u = op_bench_user(b, "alice", true);
    struct mse_op_token made = token_for(b, &u, MSE_OP_SCOPE_READ | MSE_OP_SCOPE_ADMIN, text);
    struct mse_op_token t = { 0 };
    struct mse_op_user who = { 0 };
    assert_string_equal(made.user_name, "alice");
    assert_int_equal(strlen(text), MSE_OP_TOKEN_LEN - 1);
    assert_status(mse_op_token_check(b->s, &t, &who, mse_bytes_str(text), NOW, NULL), MSE_OK);
    assert_string_equal(who.id, u.id);
    assert_string_equal(t.id, made.id);
    assert_int_equal(t.scopes, MSE_OP_SCOPE_READ | MSE_OP_SCOPE_ADMIN);
}

static void what_gives_no_right_is_told_with_one_text(void **state)
{
    struct op_bench *b = *state;
    char text[MSE_OP_TOKEN_LEN];
    char other[MSE_OP_TOKEN_LEN];
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_token t = token_for(b, &u, MSE_OP_SCOPE_READ, text);
    assert_status(check(b, text, NOW + DAY - 1), MSE_OK);
    assert_status(check(b, text, NOW + DAY), MSE_ERR_NOT_FOUND);
    for (size_t i = 0; i < MSE_OP_TOKEN_LEN - 1; i++) { /* each character counts */
        memcpy(other, text, sizeof other);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        assert_status(check(b, other, NOW), MSE_ERR_NOT_FOUND);
        memcpy(other, text, sizeof other);
        other[i] = '\0';
        assert_status(check(b, other, NOW), MSE_ERR_NOT_FOUND);
    }
    assert_status(check(b, "", NOW), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_token_revoke(b->s, &b->by, u.id, t.id, NULL), MSE_OK);
    assert_status(mse_op_token_revoke(b->s, &b->by, u.id, t.id, NULL), MSE_OK);
    assert_status(check(b, text, NOW), MSE_ERR_NOT_FOUND);
    (void)token_for(b, &u, MSE_OP_SCOPE_READ, text);
    assert_status(check(b, text, NOW), MSE_OK);
    assert_status(mse_op_user_remove(b->s, &b->by, "alice", NULL), MSE_OK);
    assert_status(check(b, text, NOW), MSE_ERR_NOT_FOUND);
}

static void a_token_ends_with_the_one_that_it_was_made_with(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    char first[MSE_OP_TOKEN_LEN];
    char made[MSE_OP_TOKEN_LEN];
    char other[MSE_OP_TOKEN_LEN];
    char text[MSE_OP_TOKEN_LEN];
    struct mse_op_token root = token_for(b, &u, MSE_OP_SCOPE_READ, first);
    struct mse_op_token t = { .name = "page", .scopes = MSE_OP_SCOPE_READ, .expires_at = NOW + 9 };
    (void)token_for(b, &u, MSE_OP_SCOPE_READ, other);
    memcpy(t.user_id, u.id, sizeof t.user_id);
    memcpy(t.parent, root.id, sizeof t.parent);
    assert_status(mse_op_token_create(b->s, &b->by, &t, made, NULL), MSE_OK);
    memcpy(t.parent, t.id, sizeof t.parent); /* one more, made with that */
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_OK);
    assert_status(mse_op_token_lives(b->s, t.id, NOW + 8, NULL), MSE_OK);
    assert_status(mse_op_token_lives(b->s, t.id, NOW + 9, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_token_revoke(b->s, &b->by, NULL, root.id, NULL), MSE_OK);
    assert_status(check(b, made, NOW), MSE_ERR_NOT_FOUND);
    assert_status(check(b, text, NOW), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_token_lives(b->s, t.id, NOW, NULL), MSE_ERR_NOT_FOUND);
    assert_status(check(b, other, NOW), MSE_OK);
    memcpy(t.parent, root.id, sizeof t.parent); /* none is made with one that is over */
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_NOT_FOUND);
}

static void the_database_holds_no_token(void **state)
{
    struct op_bench *b = *state;
    char text[MSE_OP_TOKEN_LEN];
    struct mse_op_user u = op_bench_user(b, "alice", false);
    (void)token_for(b, &u, MSE_OP_SCOPE_READ, text);
    if (b->postgres) {
        skip();
    }
    mse_op_store_close(b->s); /* the log of SQLite is in the file then */
    b->s = NULL;
    struct mse_bytes file = test_read_file(b->where);
    assert_null(memmem(file.data, file.len, text + 5, 20));
    assert_non_null(memmem(file.data, file.len, "alice", 5));
    free((void *)(uintptr_t)file.data);
}

static void scopes_and_owners_of_tokens_are_held(void **state)
{
    struct op_bench *b = *state;
    char text[MSE_OP_TOKEN_LEN] = "";
    struct seen s = { 0 };
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_token t = { .scopes = MSE_OP_SCOPE_ADMIN, .expires_at = NOW + 1 };
    memcpy(t.user_id, alice.id, sizeof t.user_id);
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_CONFIG);
    t.scopes = 0;
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_ARGUMENT);
    t.scopes = 16;
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_ARGUMENT);
    t.scopes = MSE_OP_SCOPE_READ;
    t.expires_at = NOW;
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_ARGUMENT);
    t.expires_at = NOW + 1;
    (void)snprintf(t.user_id, sizeof t.user_id, "nobody");
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_NOT_FOUND);
    assert_string_equal(text, "");
    t = token_for(b, &alice, MSE_OP_SCOPE_READ, text);
    assert_status(mse_op_token_revoke(b->s, &b->by, bob.id, t.id, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_token_revoke(b->s, &b->by, NULL, "x", NULL), MSE_ERR_NOT_FOUND);
    assert_status(check(b, text, NOW), MSE_OK);
    assert_status(mse_op_token_list(b->s, bob.id, see_token, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
    assert_status(mse_op_token_list(b->s, NULL, see_token, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
}

static void a_former_administrators_token_has_lost_that_scope(void **state)
{
    struct op_bench *b = *state;
    char text[MSE_OP_TOKEN_LEN];
    struct mse_op_token t = { 0 };
    struct mse_op_user who = { 0 };
    struct mse_op_user u = op_bench_user(b, "alice", true);
    (void)token_for(b, &u, MSE_OP_SCOPE_READ | MSE_OP_SCOPE_ADMIN, text);
    static const char sql[] = "UPDATE users SET admin = 0";
    assert_true(op_bench_sql(b, sql, sql));
    assert_status(mse_op_token_check(b->s, &t, &who, mse_bytes_str(text), NOW, NULL), MSE_OK);
    assert_int_equal(t.scopes, MSE_OP_SCOPE_READ);
}

static void words_of_scopes(void **state)
{
    char out[MSE_OP_SCOPES_LEN];
    unsigned bits = 0;
    (void)state;
    mse_op_scopes_format(out, 15);
    assert_string_equal(out, "read,deploy,account,admin");
    assert_true(mse_op_scopes_parse(&bits, mse_bytes_str(out)));
    assert_int_equal(bits, 15);
    assert_true(mse_op_scopes_parse(&bits, mse_bytes_str("admin")));
    assert_int_equal(bits, MSE_OP_SCOPE_ADMIN);
    static const char *const bad[] = {
        "", ",", "read,", ",read", "read,read", "Read", "read deploy"
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_op_scopes_parse(&bits, mse_bytes_str(bad[i])));
    }
}

/* Projects, hardware, quotas. */

static void projects_are_seen_by_their_owner_only(void **state)
{
    struct op_bench *b = *state;
    struct seen s = { 0 };
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_project p = { .name = "shop", .description = "d" };
    struct mse_op_project got = { 0 };
    memcpy(p.owner_id, alice.id, sizeof p.owner_id);
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_OK);
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_ERR_EXISTS);
    assert_status(mse_op_project_get(b->s, &got, alice.id, p.id, NULL), MSE_OK);
    assert_string_equal(got.name, "shop");
    assert_false(got.is_default);
    assert_status(mse_op_project_get(b->s, &got, bob.id, p.id, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_project_get(b->s, &got, alice.id, "' OR 1=1", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_project_list(b->s, alice.id, NULL, see_project, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 2);
    s.num = 0;
    assert_status(mse_op_project_list(b->s, bob.id, "shop", see_project, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
    memcpy(p.owner_id, bob.id, sizeof p.owner_id);
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL),
                  MSE_OK); /* each has names of his own */
    (void)snprintf(p.name, sizeof p.name, " x");
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_ERR_ARGUMENT);
    (void)snprintf(p.name, sizeof p.name, "x");
    (void)snprintf(p.description, sizeof p.description, "a\nb");
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_ERR_ARGUMENT);
    (void)snprintf(p.owner_id, sizeof p.owner_id, "nobody");
    p.description[0] = '\0';
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_ERR_NOT_FOUND);
}

static struct mse_op_hardware hardware(struct op_bench *b, const char *name, uint64_t max_apps)
{
    struct mse_op_hardware h = {
        .tee = "sim", .memory = 4096, .cores = 2, .enclave_size = 1024, .max_apps = max_apps
    };
    (void)snprintf(h.name, sizeof h.name, "%s", name);
    assert_status(mse_op_hardware_add(b->s, &b->by, &h, NULL), MSE_OK);
    return h;
}

static void hardware_has_rules(void **state)
{
    struct op_bench *b = *state;
    struct seen s = { 0 };
    struct mse_op_hardware h = hardware(b, "4g-eval", 2);
    struct mse_op_hardware got = { 0 };
    assert_status(mse_op_hardware_add(b->s, &b->by, &h, NULL), MSE_ERR_EXISTS);
    assert_status(mse_op_hardware_get(b->s, &got, "4g-eval", NULL), MSE_OK);
    assert_int_equal(got.enclave_size, 1024);
    assert_status(mse_op_hardware_get(b->s, &got, "", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_hardware_list(b->s, NULL, see_hardware, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    struct mse_op_hardware bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = h;
        (void)snprintf(bad[i].name, sizeof bad[i].name, "other");
    }
    bad[0].memory = 0;
    bad[1].cores = 0;
    bad[2].enclave_size = 1000;
    bad[3].max_apps = 0;
    (void)snprintf(bad[4].tee, sizeof bad[4].tee, "abacus");
    (void)snprintf(bad[5].name, sizeof bad[5].name, "Ab");
    for (size_t i = 0; i < 6; i++) {
        assert_status(mse_op_hardware_add(b->s, &b->by, &bad[i], NULL), MSE_ERR_ARGUMENT);
    }
}

/* Reservations and apps. */

static struct mse_op_reservation reserve(struct op_bench *b, const struct mse_op_user *u,
                                         const char *name, enum mse_op_mode mode)
{
    struct mse_op_reservation r = { .mode = mode, .expires_at = NOW + 3600 };
    memcpy(r.owner_id, u->id, sizeof r.owner_id);
    op_bench_project(b, u->id, r.project_id);
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_OK);
    return r;
}

static struct mse_op_app app_of(const struct mse_op_reservation *r, const char *on)
{
    struct mse_op_app a = { .mode = r->mode, .expires_at = NOW + DAY };
    memcpy(a.id, r->app_id, sizeof a.id);
    memcpy(a.owner_id, r->owner_id, sizeof a.owner_id);
    memcpy(a.project_id, r->project_id, sizeof a.project_id);
    memcpy(a.name, r->name, sizeof a.name);
    (void)snprintf(a.domain_name, sizeof a.domain_name, "%s.mse.localhost", r->label);
    (void)snprintf(a.config_domain_name, sizeof a.config_domain_name, "%s.mse.localhost",
                   r->app_id);
    (void)snprintf(a.hardware, sizeof a.hardware, "%s", on);
    memset(a.package_sha256, 0xab, sizeof a.package_sha256);
    return a;
}

static mse_status create(struct op_bench *b, struct mse_op_app *a)
{
    return mse_op_app_create(b->s, &b->by, a, mse_bytes_str("{\"version\":1}"), NULL);
}

static void projects_and_tokens_have_a_bound(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_project p = { .description = "" };
    struct mse_op_token t = { .scopes = MSE_OP_SCOPE_READ, .expires_at = NOW + DAY };
    char text[MSE_OP_TOKEN_LEN] = "";
    memcpy(p.owner_id, alice.id, sizeof p.owner_id);
    memcpy(t.user_id, alice.id, sizeof t.user_id);
    for (int i = 1; i < MSE_OP_MAX_PROJECTS; i++) { /* one is there */
        (void)snprintf(p.name, sizeof p.name, "p%d", i);
        assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_OK);
    }
    (void)snprintf(p.name, sizeof p.name, "more");
    assert_status(mse_op_project_add(b->s, &b->by, &p, NULL), MSE_ERR_NO_SPACE);
    for (int i = 0; i < MSE_OP_MAX_TOKENS; i++) {
        assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_OK);
    }
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_ERR_NO_SPACE);
    b->by.now += DAY; /* those are over */
    t.expires_at += DAY;
    assert_status(mse_op_token_create(b->s, &b->by, &t, text, NULL), MSE_OK);
}

/* With the app, and gone with it. */
static void the_ca_of_clients_is_kept(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_reservation r = reserve(b, &alice, "shop", MSE_OP_SELF);
    struct mse_op_app a = app_of(&r, "small");
    struct mse_op_files f = { .manifest = mse_bytes_str("{}"), .client_ca = mse_bytes_str("PEM") };
    struct mse_build out;
    mse_build_heap(&out, 64);
    (void)hardware(b, "small", 10);
    assert_status(mse_op_app_create_with(b->s, &b->by, &a, &f, NULL), MSE_OK);
    assert_status(mse_op_app_client_ca(b->s, &out, a.id, NULL), MSE_OK);
    assert_bytes(mse_build_view(&out), f.client_ca);
    assert_status(mse_op_app_stop(b->s, &b->by, NULL, a.id, NULL), MSE_OK);
    assert_status(mse_op_app_remove(b->s, &b->by, NULL, a.id, NULL), MSE_OK);
    mse_build_reset(&out);
    assert_status(mse_op_app_client_ca(b->s, &out, a.id, NULL), MSE_OK);
    assert_int_equal(out.len, 0);
    mse_build_clear(&out);
}

static void a_name_keeps_its_label(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_reservation first = reserve(b, &alice, "shop", MSE_OP_SELF);
    struct mse_op_reservation again = reserve(b, &alice, "shop", MSE_OP_SELF);
    assert_string_equal(first.label, again.label);
    assert_string_not_equal(first.app_id, again.app_id);
    assert_int_equal(strspn(first.label, "abcdefghijklmnopqrstuvwxyz234567"), 26);
    assert_int_equal(strlen(first.label), 26);
    struct mse_op_reservation mode = reserve(b, &alice, "shop", MSE_OP_OWNER);
    struct mse_op_reservation name = reserve(b, &alice, "shop2", MSE_OP_SELF);
    struct mse_op_reservation owner = reserve(b, &bob, "shop", MSE_OP_SELF);
    assert_string_not_equal(first.label, mode.label);
    assert_string_not_equal(first.label, name.label);
    assert_string_not_equal(first.label, owner.label);
}

static void reservations_have_rules(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_reservation r = reserve(b, &alice, "shop", MSE_OP_SELF);
    struct mse_op_reservation got = { 0 };
    assert_status(mse_op_reservation_get(b->s, &got, alice.id, r.app_id, NOW, NULL), MSE_OK);
    assert_string_equal(got.name, "shop");
    assert_status(mse_op_reservation_get(b->s, &got, bob.id, r.app_id, NOW, NULL),
                  MSE_ERR_NOT_FOUND);
    assert_status(mse_op_reservation_get(b->s, &got, alice.id, r.app_id, r.expires_at, NULL),
                  MSE_ERR_NOT_FOUND);
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_EXISTS); /* the same app_id */
    r.app_id[0] = 'X';
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_ARGUMENT);
    r.app_id[0] = '\0';
    (void)snprintf(r.name, sizeof r.name, " ");
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_ARGUMENT);
    (void)snprintf(r.name, sizeof r.name, "x");
    memcpy(r.owner_id, bob.id, sizeof r.owner_id); /* the project of another */
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_NOT_FOUND);
    memcpy(r.owner_id, alice.id, sizeof r.owner_id);
    r.expires_at = NOW;
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_ARGUMENT);
    for (int i = 1; i < MSE_OP_MAX_RESERVATIONS; i++) {
        (void)reserve(b, &alice, "shop", MSE_OP_SELF);
    }
    r.expires_at = NOW + 1;
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_ERR_NO_SPACE);
    b->by.now += 3600; /* those are over */
    r.expires_at = NOW + 7200;
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_OK);
}

static void an_app_matches_its_reservation(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_reservation r = reserve(b, &alice, "shop", MSE_OP_SELF);
    struct mse_op_app got = { 0 };
    struct mse_build manifest;
    (void)hardware(b, "small", 10);
    struct mse_op_app a = app_of(&r, "small");
    (void)snprintf(a.name, sizeof a.name, "other");
    assert_status(create(b, &a), MSE_ERR_CONFIG);
    a = app_of(&r, "small");
    a.mode = MSE_OP_OPERATOR;
    assert_status(create(b, &a), MSE_ERR_CONFIG);
    a = app_of(&r, "small");
    memcpy(a.owner_id, bob.id, sizeof a.owner_id);
    assert_status(create(b, &a), MSE_ERR_NOT_FOUND);
    a = app_of(&r, "large");
    assert_status(create(b, &a), MSE_ERR_NOT_FOUND);
    a = app_of(&r, "small");
    a.expires_at = NOW;
    assert_status(create(b, &a), MSE_ERR_ARGUMENT);
    a = app_of(&r, "small");
    assert_status(create(b, &a), MSE_OK);
    assert_status(create(b, &a), MSE_ERR_NOT_FOUND); /* used */
    assert_status(mse_op_app_get(b->s, &got, alice.id, a.id, NULL), MSE_OK);
    assert_int_equal(got.status, MSE_OP_SPAWNING);
    assert_memory_equal(got.package_sha256, a.package_sha256, 32);
    assert_status(mse_op_app_get(b->s, &got, bob.id, a.id, NULL), MSE_ERR_NOT_FOUND);
    mse_build_heap(&manifest, 1024);
    assert_status(mse_op_app_manifest(b->s, &manifest, a.id, NULL), MSE_OK);
    assert_bytes(mse_build_view(&manifest), mse_bytes_str("{\"version\":1}"));
    mse_build_clear(&manifest);
    /* One of a name lives. */
    struct mse_op_reservation second = reserve(b, &alice, "shop", MSE_OP_SELF);
    struct mse_op_app twin = app_of(&second, "small");
    assert_status(create(b, &twin), MSE_ERR_EXISTS);
    assert_status(mse_op_user_remove(b->s, &b->by, "alice", NULL), MSE_ERR_EXISTS);
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_STOPPED, "", NULL), MSE_OK);
    assert_status(create(b, &twin), MSE_OK);
}

static void capacity_and_quota_are_held(void **state)
{
    struct op_bench *b = *state;
    struct mse_error err = { 0 };
    struct seen s = { 0 };
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    (void)hardware(b, "small", 2);
    struct mse_op_quota q = { .hardware = "small", .max_apps = 1 };
    assert_status(mse_op_quota_set(b->s, &b->by, &q, NULL), MSE_ERR_NOT_FOUND);
    (void)snprintf(q.user_name, sizeof q.user_name, "alice");
    assert_status(mse_op_quota_set(b->s, &b->by, &q, NULL), MSE_OK);
    assert_status(mse_op_quota_set(b->s, &b->by, &q, NULL), MSE_OK);
    assert_status(mse_op_quota_list(b->s, see_quota, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    struct mse_op_reservation r[4] = { reserve(b, &alice, "a", MSE_OP_SELF),
                                       reserve(b, &alice, "b", MSE_OP_SELF),
                                       reserve(b, &bob, "c", MSE_OP_SELF),
                                       reserve(b, &bob, "d", MSE_OP_SELF) };
    struct mse_op_app a[4];
    for (size_t i = 0; i < 4; i++) {
        a[i] = app_of(&r[i], "small");
    }
    assert_status(create(b, &a[0]), MSE_OK);
    assert_status(mse_op_app_create(b->s, &b->by, &a[1], mse_bytes_str("{}"), &err),
                  MSE_ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "quota"));
    assert_status(create(b, &a[2]), MSE_OK);
    err.status = MSE_OK;
    assert_status(mse_op_app_create(b->s, &b->by, &a[3], mse_bytes_str("{}"), &err),
                  MSE_ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "not enough hardware"));
    assert_status(mse_op_app_move(b->s, &b->by, a[2].id, MSE_OP_ON_ERROR, "died", NULL), MSE_OK);
    assert_status(create(b, &a[3]), MSE_OK);
}

static void states_follow_their_order(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_app got = { 0 };
    (void)hardware(b, "small", 100);
    /* Every pair of states, against the rule written down here once more. */
    static const char *const allowed[] = { "01", "03", "04", "12", "13", "14", "23", "24" };
    for (int from = 0; from < MSE_OP_NUM_STATUS; from++) {
        for (int to = 0; to < MSE_OP_NUM_STATUS; to++) {
            bool wanted = false;
            for (size_t i = 0; i < MSE_ARRAY_LEN(allowed); i++) {
                wanted = wanted || (allowed[i][0] == '0' + from && allowed[i][1] == '0' + to);
            }
            assert_int_equal(
                mse_op_status_follows((enum mse_op_app_status)from, (enum mse_op_app_status)to),
                wanted);
        }
    }
    struct mse_op_reservation r = reserve(b, &u, "shop", MSE_OP_SELF);
    struct mse_op_app a = app_of(&r, "small");
    assert_status(create(b, &a), MSE_OK);
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_RUNNING, "", NULL), MSE_ERR_CONFIG);
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_INITIALIZING, "", NULL), MSE_OK);
    b->by.now = NOW + 5;
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_RUNNING, "", NULL), MSE_OK);
    b->by.now = NOW + 9;
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_ON_ERROR, "it died", NULL), MSE_OK);
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_STOPPED, "", NULL), MSE_ERR_CONFIG);
    assert_status(mse_op_app_move(b->s, &b->by, u.id, MSE_OP_STOPPED, "", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_get(b->s, &got, NULL, a.id, NULL), MSE_OK);
    assert_int_equal(got.status, MSE_OP_ON_ERROR);
    assert_int_equal(got.ready_at, NOW + 5);
    assert_int_equal(got.stopped_at, NOW + 9);
    assert_string_equal(got.detail, "it died");
    static const char sql[] = "UPDATE apps SET status = 'flying'";
    assert_false(op_bench_sql(b, sql, sql));
}

static void lists_of_apps_are_filtered(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user alice = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    (void)hardware(b, "small", 100);
    static const char *const names[] = { "one", "two", "three" };
    char first[MSE_OP_ID_LEN] = "";
    for (size_t i = 0; i < 3; i++) {
        struct mse_op_reservation r = reserve(b, &alice, names[i], MSE_OP_SELF);
        struct mse_op_app a = app_of(&r, "small");
        assert_status(create(b, &a), MSE_OK);
        if (i == 0) {
            memcpy(first, a.id, sizeof first);
        }
        b->by.now++;
    }
    assert_status(mse_op_app_move(b->s, &b->by, first, MSE_OP_STOPPED, "", NULL), MSE_OK);
    struct mse_op_app_filter f = { .owner_id = alice.id, .limit = 10 };
    struct seen s = { 0 };
    assert_status(mse_op_app_list(b->s, &f, see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 3);
    assert_string_equal(s.names[0], "three");
    f.statuses = 1U << MSE_OP_STOPPED;
    s.num = 0;
    assert_status(mse_op_app_list(b->s, &f, see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_string_equal(s.names[0], "one");
    const struct mse_op_app_filter page = { .owner_id = alice.id, .limit = 1, .offset = 1 };
    s.num = 0;
    assert_status(mse_op_app_list(b->s, &page, see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_string_equal(s.names[0], "two");
    const struct mse_op_app_filter named = { .owner_id = alice.id, .name = "two", .limit = 9 };
    s.num = 0;
    assert_status(mse_op_app_list(b->s, &named, see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    const struct mse_op_app_filter foreign = { .owner_id = bob.id, .limit = 9 };
    s.num = 0;
    assert_status(mse_op_app_list(b->s, &foreign, see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
}

/* The audit log. */

static void the_log_tells_what_was_done(void **state)
{
    struct op_bench *b = *state;
    struct seen s = { 0 };
    struct mse_op_audit_head head = { 0 };
    struct mse_op_user u = { .name = "A" };
    assert_status(mse_op_user_add(b->s, &b->by, &u, NULL), MSE_ERR_ARGUMENT); /* leaves no line */
    (void)op_bench_user(b, "alice", true);
    (void)hardware(b, "small", 1);
    assert_status(mse_op_audit_verify(b->s, &head, NULL, see_line, &s, NULL), MSE_OK);
    assert_int_equal(head.seq, 2);
    assert_int_equal(s.num, 2);
    assert_string_equal(s.names[0], "user.add");
    assert_string_equal(s.names[1], "hardware.add");
    assert_status(op_bench_reopen(b), MSE_OK);
    struct mse_op_audit_head again = { 0 };
    assert_status(mse_op_audit_verify(b->s, &again, &head, NULL, NULL, NULL), MSE_OK);
    assert_memory_equal(again.hash, head.hash, 32);
}

static void the_hash_of_a_line_is_that_of_the_protocol(void **state)
{
    (void)state;
    /* Made with Python's hashlib out of the table in docs/protocol.md. */
    const struct mse_op_audit_line l = {
        .seq = 1, .at = 2, .actor = "a", .action = "b", .subject = "c", .detail = ""
    };
    static const uint8_t zeros[32] = { 0 };
    uint8_t hash[32];
    char hex[65];
    assert_status(mse_op_audit_hash(hash, &l, zeros), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(hash, sizeof hash));
    assert_string_equal(hex, "31412de18a099a58a7d5cdd4f4d968d274f2970f28a715cf704ed50a43460210");
}

static void the_log_cannot_be_changed_by_statements(void **state)
{
    struct op_bench *b = *state;
    (void)op_bench_user(b, "alice", true);
    assert_false(op_bench_sql(b, "UPDATE audit SET actor = 'x'", "UPDATE audit SET actor = 'x'"));
    assert_false(op_bench_sql(b, "DELETE FROM audit", "DELETE FROM audit"));
    assert_false(op_bench_sql(b,
                              "REPLACE INTO audit SELECT seq, at, 'x', action, subject, detail,"
                              " hash FROM audit",
                              "TRUNCATE audit"));
}

/* Past the guard, as somebody who owns the database can. */
static mse_status tampered(struct op_bench *b, const char *sql,
                           const struct mse_op_audit_head *kept, struct mse_error *err)
{
    char sqlite[512];
    char postgres[512];
    struct mse_op_audit_head head = { 0 };
    (void)snprintf(sqlite, sizeof sqlite,
                   "DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete;"
                   " %s",
                   sql);
    (void)snprintf(postgres, sizeof postgres, "ALTER TABLE audit DISABLE TRIGGER ALL; %s", sql);
    assert_true(op_bench_sql(b, sqlite, postgres));
    return mse_op_audit_verify(b->s, &head, kept, NULL, NULL, err);
}

static void tampering_with_the_log_is_noticed(void **state)
{
    struct op_bench *b = *state;
    static const struct {
        const char *sql;
        const char *text;
    } cases[] = {
        { "UPDATE audit SET detail = 'admin' WHERE seq = 2", "line 2 of the audit log is not" },
        { "UPDATE audit SET actor = 'msed:other' WHERE seq = 2", "line 2" },
        { "UPDATE audit SET at = at + 1 WHERE seq = 3", "line 3" },
        { "UPDATE audit SET action = 'x' WHERE seq = 1", "line 1" },
        { "UPDATE audit SET subject = '' WHERE seq = 3", "line 3" },
        { "DELETE FROM audit WHERE seq = 2", "line 2 of the audit log is missing" },
        { "DELETE FROM audit WHERE seq = 1", "line 1 of the audit log is missing" },
        { "UPDATE audit SET seq = 9 WHERE seq = 3", "line 3 of the audit log is missing" },
        { "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 2",
          "line 2" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct op_bench fresh = *b;
        struct mse_error err = { 0 };
        op_bench_fresh(b, fresh.where);
        assert_status(mse_op_store_open(&fresh.s, fresh.where, true, NULL), MSE_OK);
        (void)op_bench_user(&fresh, "alice", true);
        (void)op_bench_user(&fresh, "bob", false);
        (void)op_bench_user(&fresh, "carol", false);
        assert_status(tampered(&fresh, cases[i].sql, NULL, &err), MSE_ERR_SIGNATURE);
        assert_non_null(strstr(err.text, cases[i].text));
        mse_op_store_close(fresh.s);
    }
}

static void a_log_that_was_cut_is_noticed_by_a_head_that_was_kept(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_audit_head kept = { 0 };
    struct mse_error err = { 0 };
    (void)op_bench_user(b, "alice", true);
    (void)op_bench_user(b, "bob", false);
    assert_status(mse_op_audit_verify(b->s, &kept, NULL, NULL, NULL, NULL), MSE_OK);
    assert_status(tampered(b, "DELETE FROM audit WHERE seq = 2", &kept, &err), MSE_ERR_SIGNATURE);
    assert_non_null(strstr(err.text, "ends at line 1, and line 2 was written down"));
    /* Another line in its place: a chain without a flaw, and not the one that was. */
    (void)op_bench_user(b, "mallory", true);
    struct mse_op_audit_head head = { 0 };
    assert_status(mse_op_audit_verify(b->s, &head, NULL, NULL, NULL, NULL), MSE_OK);
    err.status = MSE_OK;
    assert_status(mse_op_audit_verify(b->s, &head, &kept, NULL, NULL, &err), MSE_ERR_SIGNATURE);
    assert_non_null(strstr(err.text, "not the one that was written down"));
}

/* Copies. */

static mse_status copy_store(struct op_bench *b, struct mse_op_store *to, struct mse_op_store *from,
                             bool replace, struct mse_op_audit_head *head, struct mse_error *err)
{
    const struct mse_op_copy how = { .replace = replace, .by = &b->by, .action = "restore" };
    return mse_op_store_copy(to, from, &how, head, err);
}

static void a_copy_is_the_whole(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    char text[MSE_OP_TOKEN_LEN];
    char back_where[512];
    struct mse_op_store *copy = NULL;
    struct mse_op_store *back = NULL;
    struct mse_op_audit_head head = { 0 };
    struct mse_op_app got = { 0 };
    struct mse_error err = { 0 };
    struct mse_op_user u = op_bench_user(b, "alice", true);
    (void)token_for(b, &u, MSE_OP_SCOPE_READ, text);
    (void)hardware(b, "small", 3);
    const struct mse_op_quota q = { .user_name = "alice", .hardware = "small", .max_apps = 1 };
    assert_status(mse_op_quota_set(b->s, &b->by, &q, NULL), MSE_OK);
    struct mse_op_reservation r = reserve(b, &u, "shop", MSE_OP_OWNER);
    struct mse_op_app a = app_of(&r, "small");
    assert_status(create(b, &a), MSE_OK);
    /* Into a file, whatever the source is, and back into the kind that it was. */
    (void)snprintf(other, sizeof other, "%.400s/copy.sqlite", b->dir);
    assert_status(mse_op_store_open(&copy, other, true, NULL), MSE_OK);
    mse_status st = copy_store(b, copy, b->s, false, &head, &err);
    if (st != MSE_OK) {
        print_message("# %s\n", err.text);
    }
    assert_status(st, MSE_OK);
    assert_int_equal(head.seq, 7);
    assert_status(copy_store(b, copy, b->s, false, &head, NULL), MSE_ERR_EXISTS);
    op_bench_fresh(b, back_where);
    assert_status(mse_op_store_open(&back, back_where, true, NULL), MSE_OK);
    assert_status(copy_store(b, back, copy, false, &head, NULL), MSE_OK);
    assert_int_equal(head.seq, 8);
    assert_status(mse_op_app_get(back, &got, u.id, a.id, NULL), MSE_OK);
    assert_memory_equal(&got, &a, sizeof got);
    mse_op_store_close(b->s);
    b->s = back;
    assert_status(check(b, text, NOW), MSE_OK);
    assert_status(mse_op_audit_verify(back, &head, NULL, NULL, NULL, NULL), MSE_OK);
    assert_status(mse_op_user_remove(copy, &b->by, "alice", NULL), MSE_ERR_EXISTS);
    mse_op_store_close(copy);
}

static void replacing_leaves_the_guard_in_place(void **state)
{
    struct op_bench *b = *state;
    char other[512];
    struct mse_op_store *copy = NULL;
    struct mse_op_audit_head head = { 0 };
    struct mse_op_user u = { 0 };
    (void)op_bench_user(b, "alice", true);
    (void)snprintf(other, sizeof other, "%.400s/copy.sqlite", b->dir);
    assert_status(mse_op_store_open(&copy, other, true, NULL), MSE_OK);
    assert_status(copy_store(b, copy, b->s, false, &head, NULL), MSE_OK);
    (void)op_bench_user(b, "bob", true);
    assert_status(copy_store(b, b->s, copy, false, &head, NULL), MSE_ERR_EXISTS);
    assert_status(mse_op_user_get(b->s, &u, "bob", NULL), MSE_OK);
    assert_status(copy_store(b, b->s, copy, true, &head, NULL), MSE_OK);
    assert_status(mse_op_user_get(b->s, &u, "bob", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_audit_verify(b->s, &head, NULL, NULL, NULL, NULL), MSE_OK);
    assert_int_equal(head.seq, 3);
    assert_false(op_bench_sql(b, "DELETE FROM audit", "DELETE FROM audit"));
    assert_false(op_bench_sql(b, "UPDATE audit SET actor = ''", "UPDATE audit SET actor = ''"));
    mse_op_store_close(copy);
}

/* Two at once. */

static void a_second_process_sees_what_the_first_did(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_store *other = NULL;
    struct mse_op_user u = { .name = "bob" };
    struct mse_op_audit_head head = { 0 };
    assert_status(mse_op_store_open(&other, b->where, false, NULL), MSE_OK);
    (void)op_bench_user(b, "alice", true);
    assert_status(mse_op_user_add(other, &b->by, &u, NULL), MSE_OK);
    (void)op_bench_user(b, "carol", false);
    assert_status(mse_op_audit_verify(other, &head, NULL, NULL, NULL, NULL), MSE_OK);
    assert_int_equal(head.seq, 3);
    mse_op_store_close(other);
}

static void a_lost_connection_is_made_anew(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user u = { 0 };
    if (!b->postgres) {
        skip();
    }
    (void)op_bench_user(b, "alice", true);
    char sql[] = "DO $$ BEGIN PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                 " WHERE pid <> pg_backend_pid() AND application_name = 'msed'; END $$";
    assert_true(op_bench_sql(b, "", sql));
    assert_status(mse_op_user_get(b->s, &u, "alice", NULL), MSE_OK);
    (void)op_bench_user(b, "bob", true);
}

/* Nothing may be ended for it: a node that fetches a package asks again. */
static void a_store_that_cannot_be_had_condemns_nothing(void **state)
{
    static const mse_status passing[] = { MSE_ERR_IO, MSE_ERR_TIMEOUT, MSE_ERR_MEMORY };
    static const mse_status lasting[] = { MSE_OK, MSE_ERR_NOT_FOUND, MSE_ERR_MALFORMED,
                                          MSE_ERR_LEASE_LOST, MSE_ERR_CONFIG };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(passing); i++) {
        assert_true(mse_op_may_pass(passing[i]));
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(lasting); i++) {
        assert_false(mse_op_may_pass(lasting[i]));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, op_bench_set_up, op_bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_statement_can_be_prepared),
        TEST(a_database_that_is_not_there_is_not_made),
        TEST(an_older_schema_is_brought_up_to_date),
        TEST(a_newer_schema_is_refused),
        TEST(killed_steps_leave_nothing_half_done),
        TEST(an_old_program_goes_on_under_a_newer_schema),
        TEST(what_belongs_to_others_is_refused),
        TEST(the_file_is_private_and_no_link_is_followed),
        TEST(users_come_and_go),
        TEST(the_last_administrator_stays),
        TEST(names_of_users_have_rules),
        TEST(a_token_says_whose_it_is),
        TEST(a_token_ends_with_the_one_that_it_was_made_with),
        TEST(what_gives_no_right_is_told_with_one_text),
        TEST(the_database_holds_no_token),
        TEST(scopes_and_owners_of_tokens_are_held),
        TEST(a_former_administrators_token_has_lost_that_scope),
        TEST(words_of_scopes),
        TEST(projects_are_seen_by_their_owner_only),
        TEST(hardware_has_rules),
        TEST(a_name_keeps_its_label),
        TEST(reservations_have_rules),
        TEST(an_app_matches_its_reservation),
        TEST(projects_and_tokens_have_a_bound),
        TEST(the_ca_of_clients_is_kept),
        TEST(capacity_and_quota_are_held),
        TEST(states_follow_their_order),
        TEST(lists_of_apps_are_filtered),
        TEST(the_log_tells_what_was_done),
        TEST(the_hash_of_a_line_is_that_of_the_protocol),
        TEST(the_log_cannot_be_changed_by_statements),
        TEST(tampering_with_the_log_is_noticed),
        TEST(a_log_that_was_cut_is_noticed_by_a_head_that_was_kept),
        TEST(a_copy_is_the_whole),
        TEST(replacing_leaves_the_guard_in_place),
        TEST(a_second_process_sees_what_the_first_did),
        TEST(a_lost_connection_is_made_anew),
        cmocka_unit_test(a_store_that_cannot_be_had_condemns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
