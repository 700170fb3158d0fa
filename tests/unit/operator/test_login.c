/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an ID token is: users who are known, linked, made, refused. On either database. */
#include "unit/operator/bench.h"

#include "base/util.h"
#include "operator/login.h"

#define ISSUER "https://id.example.org"

static struct mse_op_oidc rules(bool link, bool create)
{
    static char issuer[] = ISSUER;
    const struct mse_op_oidc o = {
        .issuer = issuer, .link_by_email = link, .create_users = create, .days = 30
    };
    return o;
}

/* Claims of an ID token that is another one each time. */
static struct mse_oidc_claims claims(const char *subject, const char *email)
{
    static unsigned number;
    struct mse_oidc_claims c = { .over_at = NOW + 300 };
    number++;
    memcpy(c.sha256, &number, sizeof number);
    (void)snprintf(c.subject, sizeof c.subject, "%s", subject);
    (void)snprintf(c.email, sizeof c.email, "%s", email);
    return c;
}

static mse_status log_in(struct op_bench *b, const struct mse_op_oidc *o,
                         const struct mse_oidc_claims *c, struct mse_op_token *out)
{
    struct mse_op_logged_in in = { .token = { .name = MSE_OP_LOGIN_TOKEN,
                                              .scopes = MSE_OP_SCOPES_USER,
                                              .expires_at = b->by.now + (mse_time)o->days * 86400 },
                                   .text = "as it was" };
    struct mse_error err = { 0 };
    mse_status st = mse_op_login(b->s, o, c, b->by.now, &in, &err);
    assert_int_equal(err.status, st);
    if (st == MSE_OK) {
        struct mse_op_token seen;
        *out = in.token;
        struct mse_op_user user;
        const struct mse_bytes bytes = { (const uint8_t *)in.text, sizeof in.text - 1 };
        assert_status(mse_op_token_check(b->s, &seen, &user, bytes, b->by.now, NULL), MSE_OK);
        assert_string_equal(seen.id, out->id);
        assert_string_equal(user.name, out->user_name);
        assert_int_equal(seen.scopes, MSE_OP_SCOPES_USER);
        assert_int_equal(seen.expires_at, b->by.now + (mse_time)o->days * 86400);
        assert_string_equal(seen.name, MSE_OP_LOGIN_TOKEN);
    } else {
        assert_string_equal(in.text, "as it was");
    }
    return st;
}

static mse_status add_user(struct op_bench *b, const char *name, const char *email)
{
    struct mse_op_user u = { .admin = false };
    (void)snprintf(u.name, sizeof u.name, "%s", name);
    (void)snprintf(u.email, sizeof u.email, "%s", email);
    return mse_op_user_add(b->s, &b->by, &u, NULL);
}

static void test_nobody(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc closed = rules(false, false);
    const struct mse_op_oidc linking = rules(true, false);
    struct mse_oidc_claims c = claims("s1", "alice@example.org");
    assert_status(add_user(b, "alice", "alice@example.org"), MSE_OK);
    assert_status(log_in(b, &closed, &c, &t), MSE_ERR_TOKEN_USER);
    /* What failed did not use the token up. */
    assert_status(log_in(b, &linking, &c, &t), MSE_OK);
    assert_string_equal(t.user_name, "alice");
}

static void test_link(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc linking = rules(true, true);
    const struct mse_op_oidc closed = rules(false, false);
    assert_status(add_user(b, "alice", "Alice@Example.org"), MSE_OK);
    struct mse_oidc_claims c = claims("s1", "alice@example.org");
    assert_status(log_in(b, &linking, &c, &t), MSE_OK);
    assert_string_equal(t.user_name, "alice");
    /* From then on the subject counts, and nothing else. */
    c = claims("s1", "");
    assert_status(log_in(b, &closed, &c, &t), MSE_OK);
    assert_string_equal(t.user_name, "alice");
    /* The address, given to another person by the issuer. */
    c = claims("s2", "alice@example.org");
    assert_status(log_in(b, &linking, &c, &t), MSE_ERR_TOKEN_USER);
    /* Another issuer's subject of the same name is another person. */
    struct mse_op_oidc other = rules(false, false);
    static char elsewhere[] = "https://elsewhere.example";
    other.issuer = elsewhere;
    c = claims("s1", "alice@example.org");
    assert_status(log_in(b, &other, &c, &t), MSE_ERR_TOKEN_USER);
}

static void test_shared_address(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc linking = rules(true, true);
    assert_status(add_user(b, "alice", "both@example.org"), MSE_OK);
    assert_status(add_user(b, "bob", "both@example.org"), MSE_OK);
    struct mse_oidc_claims c = claims("s1", "both@example.org");
    assert_status(log_in(b, &linking, &c, &t), MSE_ERR_TOKEN_USER);
    /* Users without an address are not found by one that is not there. */
    assert_status(add_user(b, "carol", ""), MSE_OK);
    const struct mse_op_oidc only_linking = rules(true, false);
    c = claims("s1", "");
    assert_status(log_in(b, &only_linking, &c, &t), MSE_ERR_TOKEN_USER);
}

static void test_create(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    struct mse_op_user u = { .id = "" };
    const struct mse_op_oidc open = rules(false, true);
    static const struct {
        const char *name;
        const char *email;
        const char *wanted;
    } people[] = {
        { "Alice", "a@example.org", "alice" },
        { "alice", "b@example.org", "alice-2" }, /* is not she */
        { "", "Bob.Builder@example.org", "bob.builder" },
        { "../../etc", "", "etc" },
        { "\xc3\xa4\xc3\xb6", "", "user" },
        { "-._", "", "user-2" },
        { "admin'; DROP TABLE users", "", "admindroptableusers" },
        { "a123456789b123456789c123456789d123456789e123456789f123456789g123456789", "",
          "a123456789b123456789c123456789d123456789e123456789f123456" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(people); i++) {
        char subject[16];
        (void)snprintf(subject, sizeof subject, "p%zu", i);
        struct mse_oidc_claims c = claims(subject, people[i].email);
        (void)snprintf(c.name, sizeof c.name, "%s", people[i].name);
        (void)snprintf(c.given_name, sizeof c.given_name, "G");
        assert_status(log_in(b, &open, &c, &t), MSE_OK);
        assert_string_equal(t.user_name, people[i].wanted);
        assert_status(mse_op_user_get(b->s, &u, people[i].wanted, NULL), MSE_OK);
        assert_false(u.admin);
        assert_string_equal(u.email, people[i].email);
        assert_string_equal(u.given_name, "G");
        char project[MSE_OP_ID_LEN];
        op_bench_project(b, u.id, project);
        /* The same person later. */
        c = claims(subject, "");
        assert_status(log_in(b, &open, &c, &t), MSE_OK);
        assert_string_equal(t.user_name, people[i].wanted);
    }
}

/* An administrator who logs in gets no more than others do. */
static void test_admin(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc linking = rules(true, false);
    struct mse_op_user root = { .name = "root", .email = "root@example.org", .admin = true };
    assert_status(mse_op_user_add(b->s, &b->by, &root, NULL), MSE_OK);
    struct mse_oidc_claims c = claims("s1", "root@example.org");
    assert_status(log_in(b, &linking, &c, &t), MSE_OK);
    assert_int_equal(t.scopes & MSE_OP_SCOPE_ADMIN, 0);
}

static void test_replay(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc open = rules(false, true);
    struct mse_oidc_claims c = claims("s1", "");
    assert_status(log_in(b, &open, &c, &t), MSE_OK);
    assert_status(log_in(b, &open, &c, &t), MSE_ERR_TOKEN_USED);
    assert_status(op_bench_reopen(b), MSE_OK);
    b->by.now = c.over_at - 1;
    assert_status(log_in(b, &open, &c, &t), MSE_ERR_TOKEN_USED);
    b->by.now = c.over_at;
    assert_status(log_in(b, &open, &c, &t), MSE_ERR_TOKEN_EXPIRED);
    /* Those that are over are forgotten. */
    c = claims("s1", "");
    c.over_at = b->by.now + 100;
    assert_status(log_in(b, &open, &c, &t), MSE_OK);
    assert_true(op_bench_sql(
        b, "INSERT INTO logins SELECT x'00', 1 WHERE (SELECT count(*) FROM logins) = 1",
        "INSERT INTO logins SELECT '\\x00', 1 WHERE (SELECT count(*) FROM logins) = 1"));
}

static void test_removed(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    const struct mse_op_oidc open = rules(true, true);
    struct mse_oidc_claims c = claims("s1", "alice@example.org");
    (void)snprintf(c.name, sizeof c.name, "alice");
    assert_status(log_in(b, &open, &c, &t), MSE_OK);
    assert_status(mse_op_user_remove(b->s, &b->by, "alice", NULL), MSE_OK);
    c = claims("s1", "alice@example.org");
    assert_status(log_in(b, &open, &c, &t), MSE_ERR_TOKEN_USER);
    /* The operator takes her back. */
    assert_status(add_user(b, "alice2", "alice@example.org"), MSE_OK);
    assert_status(log_in(b, &open, &c, &t), MSE_OK);
    assert_string_equal(t.user_name, "alice2");
}

/* Identities and used tokens are a part of every copy. */
static void test_copy(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    struct mse_op_store *other = NULL;
    struct mse_op_audit_head head;
    char where[512];
    const struct mse_op_oidc open = rules(false, true);
    const struct mse_op_oidc closed = rules(false, false);
    const struct mse_op_copy how = { .replace = false };
    struct mse_oidc_claims c = claims("s1", "");
    struct mse_oidc_claims later = claims("s1", "");
    assert_status(log_in(b, &open, &c, &t), MSE_OK);
    op_bench_fresh(b, where);
    assert_status(mse_op_store_open(&other, where, true, NULL), MSE_OK);
    assert_status(mse_op_store_copy(other, b->s, &how, &head, NULL), MSE_OK);
    struct mse_op_store *kept = b->s;
    b->s = other;
    assert_status(log_in(b, &closed, &c, &t), MSE_ERR_TOKEN_USED);
    assert_status(log_in(b, &closed, &later, &t), MSE_OK);
    b->s = kept;
    mse_op_store_close(other);
}

/* Linking, making and the token are in the audit log. */
struct lines {
    unsigned add;
    unsigned link;
    unsigned token;
};
static mse_status count_line(void *arg, const struct mse_op_audit_line *l)
{
    struct lines *n = arg;
    n->add += strcmp(l->action, "user.add") == 0 && strcmp(l->actor, "oidc") == 0 ? 1U : 0U;
    n->link += strcmp(l->action, "user.link") == 0 && strcmp(l->actor, "oidc") == 0 ? 1U : 0U;
    n->token += strcmp(l->action, "token.create") == 0 && strlen(l->actor) == 36 ? 1U : 0U;
    return MSE_OK;
}
static void test_audit(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_token t = { .id = "" };
    struct mse_op_audit_head head;
    struct lines n = { 0 };
    const struct mse_op_oidc open = rules(false, true);
    for (size_t i = 0; i < 2; i++) {
        struct mse_oidc_claims c = claims("s1", "");
        assert_status(log_in(b, &open, &c, &t), MSE_OK);
    }
    assert_status(mse_op_audit_verify(b->s, &head, NULL, count_line, &n, NULL), MSE_OK);
    assert_int_equal(n.add, 1);
    assert_int_equal(n.link, 1);
    assert_int_equal(n.token, 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, op_bench_set_up, op_bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_nobody),  WITH(test_link),  WITH(test_shared_address),
        WITH(test_create),  WITH(test_admin), WITH(test_replay),
        WITH(test_removed), WITH(test_copy),  WITH(test_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
