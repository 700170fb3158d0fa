/* SPDX-License-Identifier: Apache-2.0 */
/* Who lives at a time: at most as many as the manifest allows, those who may still live included.
 */
#include "enclave/leader.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "unit/enclave/replicas.h"

#define FOREVER_MS 3600000U

struct world {
    struct replicas r;
    struct mse_leader *leader;
    struct mse_leader_config c;
    struct mse_enclave_clock clock;
    struct sockaddr_un address;
    unsigned num_stored;
};

static void store(void *arg)
{
    struct world *w = arg;
    w->num_stored++;
}

static void begin(struct world *w, struct lab *l, uint32_t replicas, bool had_life)
{
    memset(w, 0, sizeof *w);
    replicas_begin_with(&w->r, l, replicas);
    mse_enclave_clock_init(&w->clock, 0);
    w->address.sun_family = AF_UNIX;
    (void)snprintf(w->address.sun_path, sizeof w->address.sun_path, "%s/sock", w->r.dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&w->address, sizeof w->address), 0);
    assert_int_equal(listen(fd, 8), 0);
    w->c = (struct mse_leader_config) {
        .listen_fd = fd,
        .me = w->r.leader.me,
        .limit_ms = FOREVER_MS,
        .times = { .beat_ms = 20, .quiet_ms = 60000, .hold_ms = FOREVER_MS },
        .clock = &w->clock,
        .store = store,
        .arg = w,
        .had_life = had_life,
    };
    assert_status(mse_leader_new(&w->leader, &w->c, NULL), MSE_OK);
}

static void end(struct world *w)
{
    mse_leader_free(w->leader);
    (void)close(w->c.listen_fd);
    replicas_end(&w->r);
}

/* Joins as an instance does; *m and *fd are open on success. */
static mse_status join(struct world *w, struct mse_mutual **m, int *fd)
{
    struct mse_build text;
    struct mse_handover h;
    struct mse_replica_room room = replicas_room(&w->r);
    mse_time now = 0;
    *m = NULL;
    *fd = side_visit(&w->address);
    assert_true(side_send_collateral(*fd, (uint32_t)w->r.lab->json.len, w->r.lab->json));
    replicas_party(&h, &text, &w->r.joiner, *fd);
    mse_status st = mse_replica_join(m, &now, &w->r.joiner.durable, &h, &room, NULL);
    mse_build_clear(&text);
    if (st != MSE_OK) {
        (void)close(*fd);
    }
    return st;
}

/* Until the leader has noticed. */
static void wait_count(struct world *w, unsigned want)
{
    for (unsigned i = 0; i < 12000 && mse_leader_count(w->leader) != want; i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(mse_leader_count(w->leader), want);
}

static void at_most_so_many_live(void **state)
{
    static struct world w;
    struct mse_mutual *m[3];
    int fd[3];
    struct mse_lease *lease = NULL;
    begin(&w, *state, 3, false);
    assert_status(join(&w, &m[0], &fd[0]), MSE_OK);
    assert_status(join(&w, &m[1], &fd[1]), MSE_OK);
    assert_int_equal(mse_leader_count(w.leader), 2);
    assert_int_equal(w.num_stored, 2);
    assert_status(join(&w, &m[2], &fd[2]), MSE_ERR_REPLICA_LIMIT);
    /* One that says goodbye makes room at once. */
    assert_status(mse_lease_new(&lease, m[1], fd[1], &w.c.times, NULL), MSE_OK);
    mse_lease_free(lease);
    wait_count(&w, 1);
    assert_status(join(&w, &m[2], &fd[2]), MSE_OK);
    /* One that is gone without a word may still serve somebody. */
    mse_mutual_free(m[2]);
    (void)close(fd[2]);
    assert_status(join(&w, &m[1], &fd[1]), MSE_ERR_REPLICA_LIMIT);
    assert_int_equal(mse_leader_count(w.leader), 2);
    mse_mutual_free(m[0]);
    (void)close(fd[0]);
    end(&w);
}

static void what_is_held_is_free_again_later(void **state)
{
    static struct world w;
    struct mse_mutual *m = NULL;
    int fd = -1;
    begin(&w, *state, 2, false);
    mse_leader_free(w.leader);
    w.c.times.hold_ms = 1;
    assert_status(mse_leader_new(&w.leader, &w.c, NULL), MSE_OK);
    assert_status(join(&w, &m, &fd), MSE_OK);
    mse_mutual_free(m);
    (void)close(fd);
    wait_count(&w, 0);
    assert_status(join(&w, &m, &fd), MSE_OK);
    mse_mutual_free(m);
    (void)close(fd);
    end(&w);
}

/* Those who joined before it was started again may still serve somebody. */
static void an_earlier_life_counts(void **state)
{
    static struct world w;
    struct mse_mutual *m = NULL;
    int fd = -1;
    begin(&w, *state, 4, true);
    assert_int_equal(mse_leader_count(w.leader), 3);
    assert_status(join(&w, &m, &fd), MSE_ERR_REPLICA_LIMIT);
    end(&w);
}

static void who_has_joined_sees_the_end_of_his_leader(void **state)
{
    static struct world w;
    struct mse_mutual *m = NULL;
    struct mse_lease *lease = NULL;
    int fd = -1;
    begin(&w, *state, 2, false);
    assert_status(join(&w, &m, &fd), MSE_OK);
    assert_status(mse_lease_new(&lease, m, fd, &w.c.times, NULL), MSE_OK);
    (void)poll(NULL, 0, 100); /* some bytes go to and fro */
    assert_false(mse_lease_is_lost(lease));
    mse_leader_free(w.leader);
    w.leader = NULL;
    for (unsigned i = 0; i < 6000 && !mse_lease_is_lost(lease); i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_true(mse_lease_is_lost(lease));
    mse_lease_free(lease);
    end(&w);
}

/* A host that keeps the connection open and passes nothing on. */
static void silence_ends_it_too(void **state)
{
    static struct world w;
    struct mse_mutual *m = NULL;
    int fd = -1;
    const struct mse_lease_times soon = { .beat_ms = FOREVER_MS, .quiet_ms = 100 };
    begin(&w, *state, 2, false);
    mse_leader_free(w.leader);
    w.c.times.beat_ms = FOREVER_MS;
    assert_status(mse_leader_new(&w.leader, &w.c, NULL), MSE_OK);
    assert_status(join(&w, &m, &fd), MSE_OK);
    assert_int_equal(mse_lease_keep(m, fd, -1, &soon), MSE_LEASE_LOST);
    mse_mutual_free(m);
    (void)close(fd);
    end(&w);
}

static void assert_closed(int fd)
{
    uint8_t c = 0;
    assert_true(read(fd, &c, 1) <= 0);
    (void)close(fd);
}

static void strangers_hold_nobody_up(void **state)
{
    static struct world w;
    struct mse_mutual *m = NULL;
    int silent[MSE_LEADER_SPARE];
    int fd = -1;
    begin(&w, *state, 2, false);
    mse_leader_free(w.leader);
    w.c.limit_ms = 50;
    assert_status(mse_leader_new(&w.leader, &w.c, NULL), MSE_OK);
    fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, 0, mse_bytes_str("")));
    assert_closed(fd);
    fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, MSE_BUNDLE_MAX_LEN + 1, mse_bytes_str("")));
    assert_closed(fd);
    fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, 2, mse_bytes_str("{}")));
    assert_closed(fd);
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        silent[i] = side_visit(&w.address);
    }
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_closed(silent[i]); /* when its time is over */
    }
    mse_leader_free(w.leader);
    w.c.limit_ms = FOREVER_MS;
    assert_status(mse_leader_new(&w.leader, &w.c, NULL), MSE_OK);
    fd = side_visit(&w.address); /* the end waits for nobody */
    assert_int_equal(mse_leader_count(w.leader), 0);
    end(&w);
    (void)close(fd);
    (void)m;
}

static void one_instance_has_no_replicas(void **state)
{
    static struct world w;
    struct mse_leader *none = NULL;
    begin(&w, *state, 2, false);
    w.r.leader.m.replicas = 1;
    assert_status(mse_leader_new(&none, &w.c, NULL), MSE_ERR_REPLICA_POLICY);
    assert_null(none);
    end(&w);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_so_many_live),
        cmocka_unit_test(what_is_held_is_free_again_later),
        cmocka_unit_test(an_earlier_life_counts),
        cmocka_unit_test(who_has_joined_sees_the_end_of_his_leader),
        cmocka_unit_test(silence_ends_it_too),
        cmocka_unit_test(strangers_hold_nobody_up),
        cmocka_unit_test(one_instance_has_no_replicas),
    };
    return cmocka_run_group_tests(tests, lab_setup_today, lab_teardown);
}
