/* SPDX-License-Identifier: Apache-2.0 */
/* Joining: two instances on two threads, each condition broken once. Nothing but one more instance
 * of the same app, on a machine of the list, gets the leader's keys. */
#include "enclave/replica.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "unit/enclave/replicas.h"

struct meeting {
    struct replicas r;
    int fd;
    mse_status given; /* by the leader */
    uint8_t question;
    mse_time now;
};

static void *give(void *arg)
{
    struct meeting *t = arg;
    char rest[256];
    struct mse_mutual *m = NULL;
    struct mse_build text;
    struct mse_handover h;
    struct mse_error err = { .status = MSE_OK };
    replicas_party(&h, &text, &t->r.leader, t->fd);
    t->given = mse_replica_meet(&m, &h, &err);
    t->given = t->given == MSE_OK
                   ? mse_replica_give(m, &t->r.leader.durable, t->r.lab->now + 5, &err)
                   : t->given;
    assert_int_equal(t->given, err.status);
    mse_mutual_free(m);
    mse_build_clear(&text);
    (void)shutdown(t->fd, SHUT_WR);
    while (read(t->fd, rest, sizeof rest) > 0) { /* what the other still says is taken */
    }
    (void)close(t->fd);
    return NULL;
}

static mse_status join(struct meeting *t)
{
    int pair[2];
    pthread_t thread;
    struct mse_mutual *m = NULL;
    struct mse_build text;
    struct mse_handover h;
    struct mse_error err = { .status = MSE_OK };
    struct mse_replica_room room = replicas_room(&t->r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    t->fd = pair[1];
    assert_int_equal(pthread_create(&thread, NULL, give, t), 0);
    replicas_party(&h, &text, &t->r.joiner, pair[0]);
    mse_status st = mse_replica_join(&m, &t->now, &t->r.joiner.durable, &h, &room, &err);
    assert_int_equal(st, err.status);
    assert_true((m != NULL) == (st == MSE_OK));
    mse_mutual_free(m);
    mse_build_clear(&text);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(access(room.scratch, F_OK), -1); /* nothing of it is left */
    return st;
}

static void one_more_of_the_same_joins(void **state)
{
    static struct meeting t;
    struct mse_identity who = { .key = NULL };
    replicas_begin(&t.r, *state);
    assert_status(join(&t), MSE_OK);
    assert_status(t.given, MSE_OK);
    assert_int_equal(t.r.joiner.durable.found, MSE_DURABLE_JOINED);
    assert_int_equal(t.now, t.r.lab->now + 5);
    replicas_assert_text(&t.r, "home/one", "first");
    replicas_assert_text(&t.r, "keys/key", "second");
    assert_status(mse_identity_restore(&who, &t.r.joiner.durable.state, NULL), MSE_OK);
    assert_memory_equal(who.spki_sha256, t.r.leader.id.spki_sha256, 32);
    assert_memory_equal(who.x25519_secret, t.r.leader.id.x25519_secret, 32);
    assert_int_equal(who.cert.len, t.r.leader.id.cert.len);
    assert_memory_equal(who.cert.data, t.r.leader.id.cert.data, who.cert.len);
    mse_identity_clear(&who);
    replicas_end(&t.r);
}

/* Neither the one that asks nor the one that is asked may be another app. */
static void a_foreign_fingerprint_is_refused(void **state)
{
    static struct meeting t;
    replicas_begin(&t.r, *state);
    t.r.joiner.tee.code ^= 1; /* after it has looked at itself: as if it lied about that */
    assert_true(join(&t) != MSE_OK);
    assert_status(t.given, MSE_ERR_MRENCLAVE_MISMATCH);
    t.r.joiner.tee.code ^= 1;
    t.r.leader.tee.code ^= 1;
    assert_status(join(&t), MSE_ERR_MRENCLAVE_MISMATCH);
    assert_true(t.given != MSE_OK);
    replicas_end(&t.r);
}

static void a_debug_instance_is_refused(void **state)
{
    static struct meeting t;
    replicas_begin(&t.r, *state);
    t.r.joiner.tee.debug = true;
    assert_true(join(&t) != MSE_OK);
    assert_status(t.given, MSE_ERR_DEBUG);
    replicas_end(&t.r);
}

static void another_root_class_is_refused(void **state)
{
    static struct meeting t;
    struct lab *other = NULL;
    struct mse_peers kept;
    assert_int_equal(lab_setup_today((void **)&other), 0);
    replicas_begin(&t.r, *state);
    kept = t.r.joiner.peers;
    replicas_judge(&t.r.joiner, other); /* what it goes by is its own platform's */
    assert_status(join(&t), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    mse_peers_clear(&t.r.joiner.peers);
    t.r.joiner.peers = kept;
    t.r.joiner.tee.lab = other; /* and what it shows too */
    assert_true(join(&t) != MSE_OK);
    assert_status(t.given, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    replicas_end(&t.r);
    assert_int_equal(lab_teardown((void **)&other), 0);
}

static void machines_and_statuses_are_the_manifests(void **state)
{
    static struct meeting t;
    static struct mse_policy kept;
    replicas_begin(&t.r, *state);
    kept = t.r.leader.peers.policy;
    t.r.leader.peers.policy.allowed_machines[0].id[0] ^= 1;
    assert_true(join(&t) != MSE_OK);
    assert_status(t.given, MSE_ERR_MACHINE_NOT_ALLOWED);
    t.r.leader.peers.policy = kept;
    t.r.leader.peers.policy.accepted_tcb_statuses = MSE_TCB_BIT(MSE_TCB_OUT_OF_DATE);
    assert_true(join(&t) != MSE_OK);
    assert_status(t.given, MSE_ERR_TCB_STATUS);
    t.r.leader.peers.policy = kept;
    kept = t.r.joiner.peers.policy;
    t.r.joiner.peers.policy.allowed_machines[0].id[0] ^= 1;
    assert_status(join(&t), MSE_ERR_MACHINE_NOT_ALLOWED);
    t.r.joiner.peers.policy = kept;
    t.r.joiner.peers.policy.min_tcb_evaluation_number = 99;
    assert_status(join(&t), MSE_ERR_TCB_EVALUATION_NUMBER);
    t.r.joiner.peers.policy = kept;
    assert_status(join(&t), MSE_OK);
    replicas_end(&t.r);
}

static void it_does_not_join_itself(void **state)
{
    static struct meeting t;
    replicas_begin(&t.r, *state);
    t.r.joiner.me.identity = &t.r.leader.id;
    assert_status(join(&t), MSE_ERR_SESSION_REFLECTED);
    assert_true(t.given != MSE_OK);
    replicas_end(&t.r);
}

/* A session for a user, or an upgrade, is another protocol and another role. */
static void another_purpose_is_refused(void **state)
{
    static struct meeting t;
    int pair[2];
    pthread_t thread;
    struct mse_mutual *m = NULL;
    struct mse_build text;
    struct mse_handover h;
    for (unsigned i = 0; i < 2; i++) {
        replicas_begin(&t.r, *state);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        t.fd = pair[1];
        assert_int_equal(pthread_create(&thread, NULL, give, &t), 0);
        replicas_party(&h, &text, &t.r.joiner, pair[0]);
        struct mse_mutual_config c =
            mse_handover_session(&h, &t.r.joiner.peers.policy, FIXTURE_SAN);
        c.alpn = i == 0 ? MSE_UPGRADE_ALPN : MSE_REPLICA_ALPN;
        assert_status(mse_mutual_client(&m, NULL, pair[0], &c, NULL),
                      i == 0 ? MSE_ERR_PROTOCOL : MSE_ERR_ROLE);
        mse_build_clear(&text);
        (void)close(pair[0]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(t.given != MSE_OK);
        replicas_end(&t.r);
    }
}

/* The host chooses which sealed file lies there, not who the instances are. */
static void the_state_of_an_earlier_life_is_not_given(void **state)
{
    static struct meeting t;
    char path[600];
    replicas_begin(&t.r, *state);
    (void)snprintf(path, sizeof path, "%s/state/sealed", t.r.dir);
    struct mse_bytes earlier = test_read_file(path);
    assert_status(mse_durable_commit(&t.r.leader.durable, &t.r.leader.id, NULL, t.r.lab->now, NULL),
                  MSE_OK);
    test_write_file(path, earlier);
    free((void *)(uintptr_t)earlier.data);
    assert_status(join(&t), MSE_ERR_PEER_REFUSED);
    assert_status(t.given, MSE_ERR_STATE_FOREIGN);
    assert_int_equal(unlink(path), 0);
    assert_status(join(&t), MSE_ERR_PEER_REFUSED);
    assert_status(t.given, MSE_ERR_STATE_MISSING);
    replicas_end(&t.r);
}

/* ---- a leader that lies: the same app, so it is not one that was judged; and yet ---- */

struct liar {
    struct replicas *r;
    int fd;
    struct mse_bytes says;
};

static void *lie(void *arg)
{
    struct liar *l = arg;
    char rest[256];
    struct mse_mutual *m = NULL;
    struct mse_build text;
    struct mse_handover h;
    replicas_party(&h, &text, &l->r->leader, l->fd);
    assert_status(mse_replica_meet(&m, &h, NULL), MSE_OK);
    assert_status(mse_mutual_write(m, l->says.data, l->says.len, NULL), MSE_OK);
    mse_mutual_free(m);
    mse_build_clear(&text);
    (void)shutdown(l->fd, SHUT_WR);
    while (read(l->fd, rest, sizeof rest) > 0) {
    }
    (void)close(l->fd);
    return NULL;
}

static mse_status hear(struct replicas *r, const char *hex)
{
    int pair[2];
    pthread_t thread;
    uint8_t bytes[64];
    struct mse_mutual *m = NULL;
    struct mse_build text;
    struct mse_handover h;
    struct mse_replica_room room = replicas_room(r);
    mse_time now = 0;
    assert_true(mse_hex_decode(bytes, strlen(hex) / 2, mse_bytes_str(hex)));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct liar l = { r, pair[1], mse_bytes_of(bytes, strlen(hex) / 2) };
    assert_int_equal(pthread_create(&thread, NULL, lie, &l), 0);
    replicas_party(&h, &text, &r->joiner, pair[0]);
    mse_status st = mse_replica_join(&m, &now, &r->joiner.durable, &h, &room, NULL);
    mse_build_clear(&text);
    (void)close(pair[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return st;
}

static void answers_have_one_form(void **state)
{
    static struct replicas r;
    replicas_begin(&r, *state);
    assert_status(hear(&r, "01"), MSE_ERR_PEER_REFUSED);
    assert_status(hear(&r, "02"), MSE_ERR_REPLICA_LIMIT);
    assert_status(hear(&r, "03"), MSE_ERR_PROTOCOL);
    assert_status(hear(&r, "00"), MSE_ERR_PROTOCOL);
    assert_status(hear(&r, "00000000000000000100000000"), MSE_ERR_PROTOCOL);   /* no state */
    assert_status(hear(&r, "00000000000000000102100001"), MSE_ERR_PROTOCOL);   /* too long */
    assert_status(hear(&r, "000000003afff441800000000155"), MSE_ERR_PROTOCOL); /* year 10000 */
    assert_status(hear(&r, "000000000000000001000000025555"), MSE_ERR_MALFORMED);
    assert_int_equal(r.joiner.durable.found, MSE_DURABLE_OFF);
    replicas_end(&r);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_of_the_same_joins),
        cmocka_unit_test(a_foreign_fingerprint_is_refused),
        cmocka_unit_test(a_debug_instance_is_refused),
        cmocka_unit_test(another_root_class_is_refused),
        cmocka_unit_test(machines_and_statuses_are_the_manifests),
        cmocka_unit_test(it_does_not_join_itself),
        cmocka_unit_test(another_purpose_is_refused),
        cmocka_unit_test(the_state_of_an_earlier_life_is_not_given),
        cmocka_unit_test(answers_have_one_form),
    };
    return cmocka_run_group_tests(tests, lab_setup_today, lab_teardown);
}
