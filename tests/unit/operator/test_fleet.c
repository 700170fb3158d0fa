/* SPDX-License-Identifier: Apache-2.0 */
/* What a fleet shares through the store; the same program for SQLite and for PostgreSQL. */
#include "unit/operator/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "operator/fleet.h"

#define LEASE   60000
#define MACHINE "5f0c1c39-6f39-4c0b-8b8e-0d6f6f1c2a11"
#define OTHER   "6a0c1c39-6f39-4c0b-8b8e-0d6f6f1c2a22"

static void say(const struct mse_error *err)
{
    if (err->status != MSE_OK) {
        print_message("# %s\n", err->text);
    }
}

/* ---- apps and nodes to work with */

static void hardware(struct op_bench *b, const char *name, const char *tee, uint64_t size)
{
    struct mse_op_hardware h = {
        .memory = size, .cores = 1, .enclave_size = size, .max_apps = 1000
    };
    (void)snprintf(h.name, sizeof h.name, "%s", name);
    (void)snprintf(h.tee, sizeof h.tee, "%s", tee);
    assert_status(mse_op_hardware_add(b->s, &b->by, &h, NULL), MSE_OK);
}

static struct mse_op_app draft(struct op_bench *b, const struct mse_op_user *u, const char *name,
                               const char *on, enum mse_op_mode mode)
{
    struct mse_op_reservation r = { .mode = mode, .expires_at = NOW + 3600 };
    struct mse_op_app a = { .mode = mode, .expires_at = NOW + 86400 };
    memcpy(r.owner_id, u->id, sizeof r.owner_id);
    op_bench_project(b, u->id, r.project_id);
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    assert_status(mse_op_reserve(b->s, &b->by, &r, NULL), MSE_OK);
    memcpy(a.id, r.app_id, sizeof a.id);
    memcpy(a.owner_id, r.owner_id, sizeof a.owner_id);
    memcpy(a.project_id, r.project_id, sizeof a.project_id);
    memcpy(a.name, r.name, sizeof a.name);
    (void)snprintf(a.domain_name, sizeof a.domain_name, "%s.mse.localhost", r.label);
    (void)snprintf(a.config_domain_name, sizeof a.config_domain_name, "%s.mse.localhost", r.app_id);
    (void)snprintf(a.hardware, sizeof a.hardware, "%s", on);
    (void)snprintf(a.healthcheck_endpoint, sizeof a.healthcheck_endpoint, "/health");
    (void)snprintf(a.command, sizeof a.command, "./app --fast");
    a.proxy_protocol = true;
    return a;
}

static mse_status create(struct op_bench *b, struct mse_op_app *a)
{
    return mse_op_app_create(b->s, &b->by, a, mse_bytes_str("{}"), NULL);
}

static struct mse_op_app app(struct op_bench *b, const struct mse_op_user *u, const char *name)
{
    struct mse_op_app a = draft(b, u, name, "small", MSE_OP_SELF);
    assert_status(create(b, &a), MSE_OK);
    b->by.now++; /* the next one is younger */
    return a;
}

static struct mse_op_node node(const char *name)
{
    struct mse_op_node n = {
        .id = MACHINE,
        .address = "127.0.0.1",
        .tee = "sim",
        .version = "1",
        .memory = 1024,
        .cores = 8,
        .enclave_memory = 1024,
    };
    (void)snprintf(n.name, sizeof n.name, "%s", name);
    return n;
}

static struct mse_op_node joined(struct op_bench *b, const char *name)
{
    struct mse_op_node n = node(name);
    struct mse_error err = { 0 };
    mse_status st = mse_op_node_join(b->s, &n, LEASE, &err);
    say(&err);
    assert_status(st, MSE_OK);
    return n;
}

static struct mse_op_app read_app(struct op_bench *b, const char *id)
{
    struct mse_op_app a = { .port = 1 };
    assert_status(mse_op_app_get(b->s, &a, NULL, id, NULL), MSE_OK);
    return a;
}

/* The lease of every node was over so long ago. */
static void end_leases(struct op_bench *b, int64_t ago_ms)
{
    int64_t now = 0;
    char sql[128];
    assert_status(mse_op_clock_ms(b->s, &now, NULL), MSE_OK);
    (void)snprintf(sql, sizeof sql, "UPDATE nodes SET lease_until = %lld",
                   (long long)(now - ago_ms));
    assert_true(op_bench_sql(b, sql, sql));
}

/* They were seen to be over long enough ago to give up. */
static void end_patience(struct op_bench *b)
{
    static const char sql[] = "UPDATE nodes SET lapsed_at = 1 WHERE lapsed_at > 0";
    assert_true(op_bench_sql(b, sql, sql));
}

static mse_status place(struct op_bench *b, const struct mse_op_node *n, const char *id,
                        uint16_t port)
{
    const struct mse_op_instance i = { .port = port,
                                       .fingerprint = { 1, 2 },
                                       .spki_sha256 = { 3, 4 } };
    return mse_op_instance_set(b->s, n->name, n->epoch, id, &i, NULL);
}

/* ---- packages */

static int file_of(const struct op_bench *b, const uint8_t *data, size_t len, uint8_t sha256[32])
{
    char path[512];
    (void)snprintf(path, sizeof path, "%.400s/package", b->dir);
    test_write_file(path, mse_bytes_of(data, len));
    assert_status(mse_sha256(sha256, mse_bytes_of(data, len)), MSE_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static mse_status put(struct op_bench *b, const char *id, const uint8_t *data, size_t len,
                      size_t claimed, bool honest)
{
    uint8_t sha256[32];
    struct mse_error err = { 0 };
    int fd = file_of(b, data, len, sha256);
    sha256[0] ^= honest ? 0 : 1;
    mse_status st = mse_op_package_put(b->s, id, fd, claimed, sha256, &err);
    assert_status(err.status, st);
    (void)close(fd);
    return st;
}

static mse_status get(struct op_bench *b, const char *id, struct mse_bytes *out)
{
    char path[512];
    struct mse_error err = { 0 };
    (void)snprintf(path, sizeof path, "%.400s/fetched", b->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    mse_status st = mse_op_package_get(b->s, id, fd, &err);
    assert_status(err.status, st);
    (void)close(fd);
    if (st == MSE_OK && out != NULL) {
        *out = test_read_file(path);
    }
    return st;
}

static void a_package_comes_back_as_it_was(void **state)
{
    struct op_bench *b = *state;
    static const size_t lens[] = { 0,
                                   1,
                                   MSE_OP_PIECE_LEN - 1,
                                   MSE_OP_PIECE_LEN,
                                   MSE_OP_PIECE_LEN + 1,
                                   2 * MSE_OP_PIECE_LEN + 77 };
    uint8_t *data = malloc(3 * MSE_OP_PIECE_LEN);
    assert_status(mse_random(data, 3 * MSE_OP_PIECE_LEN), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(lens); i++) {
        struct mse_bytes back = { .len = 0 };
        assert_status(put(b, MACHINE, data, lens[i], lens[i], true), MSE_OK);
        assert_status(get(b, MACHINE, &back), MSE_OK);
        assert_bytes(back, mse_bytes_of(data, lens[i]));
        free((void *)(uintptr_t)back.data);
    }
    assert_status(mse_op_package_remove(b->s, MACHINE, NULL), MSE_OK);
    assert_status(mse_op_package_remove(b->s, MACHINE, NULL), MSE_OK);
    assert_status(get(b, MACHINE, NULL), MSE_ERR_NOT_FOUND);
    free(data);
}

static void a_package_that_did_not_come_whole_is_nobodys(void **state)
{
    struct op_bench *b = *state;
    static const uint8_t data[100] = { 7 };
    assert_status(put(b, MACHINE, data, 100, 101, true), MSE_ERR_MALFORMED);
    assert_status(get(b, MACHINE, NULL), MSE_ERR_NOT_FOUND);
    assert_status(put(b, MACHINE, data, 100, 100, false), MSE_ERR_MALFORMED);
    assert_status(get(b, MACHINE, NULL), MSE_ERR_NOT_FOUND);
    assert_status(put(b, "no-id", data, 100, 100, true), MSE_ERR_ARGUMENT);
    assert_status(put(b, MACHINE, data, 100, 100, true), MSE_OK);
    assert_status(get(b, MACHINE, NULL), MSE_OK);
}

static void a_damaged_package_is_refused_by_name(void **state)
{
    struct op_bench *b = *state;
    static const struct {
        const char *sql;
        mse_status wanted;
    } cases[] = {
        { "DELETE FROM package_pieces WHERE number = 1", MSE_ERR_PACKAGE_TRUNCATED },
        { "UPDATE package_pieces SET bytes = (SELECT bytes FROM package_pieces p WHERE p.number"
          " = 2) WHERE number = 1",
          MSE_ERR_PACKAGE_TRUNCATED },
        { "UPDATE packages SET size = size - 1", MSE_ERR_PACKAGE_DAMAGED },
        { "UPDATE package_pieces SET bytes = (SELECT bytes FROM package_pieces p WHERE p.number"
          " = 1) WHERE number = 0",
          MSE_ERR_PACKAGE_DAMAGED },
        { "UPDATE packages SET complete = 0", MSE_ERR_NOT_FOUND },
    };
    uint8_t *data = malloc(3 * MSE_OP_PIECE_LEN);
    size_t len = 2 * MSE_OP_PIECE_LEN + 5;
    assert_status(mse_random(data, 3 * MSE_OP_PIECE_LEN), MSE_OK);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_status(put(b, MACHINE, data, len, len, true), MSE_OK);
        assert_true(op_bench_sql(b, cases[i].sql, cases[i].sql));
        assert_status(get(b, MACHINE, NULL), cases[i].wanted);
    }
    free(data);
}

/* Two uploads for one reservation: what is accepted is what was put for it, or nothing is. */
static void no_app_is_accepted_with_the_package_of_another_upload(void **state)
{
    struct op_bench *b = *state;
    static const uint8_t first[] = "first";
    static const uint8_t second[] = "other";
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = draft(b, &u, "shop", "small", MSE_OP_SELF);
    a.package_size = sizeof first;
    assert_status(mse_sha256(a.package_sha256, mse_bytes_of(first, sizeof first)), MSE_OK);
    assert_status(create(b, &a), MSE_ERR_LEASE_LOST);
    assert_status(put(b, a.id, first, sizeof first, sizeof first, true), MSE_OK);
    assert_status(put(b, a.id, second, sizeof second, sizeof second, true), MSE_OK);
    assert_status(create(b, &a), MSE_ERR_LEASE_LOST);
    assert_status(put(b, a.id, first, sizeof first, sizeof first + 1, true), MSE_ERR_MALFORMED);
    assert_status(create(b, &a), MSE_ERR_LEASE_LOST);
    assert_status(put(b, a.id, first, sizeof first, sizeof first, true), MSE_OK);
    assert_status(create(b, &a), MSE_OK);
    assert_int_equal(read_app(b, a.id).package_size, sizeof first);
    struct mse_op_app late = a;
    assert_status(create(b, &late), MSE_ERR_NOT_FOUND); /* the reservation was used */
    assert_status(mse_op_package_remove(b->s, late.id, NULL), MSE_ERR_EXISTS);
    assert_status(get(b, a.id, NULL), MSE_OK);
}

static void an_app_keeps_its_package_until_it_ends(void **state)
{
    struct op_bench *b = *state;
    static const uint8_t data[] = "package";
    int64_t now = 0;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = draft(b, &u, "shop", "small", MSE_OP_SELF);
    assert_status(put(b, a.id, data, sizeof data, sizeof data, true), MSE_OK);
    assert_status(put(b, OTHER, data, sizeof data, sizeof data, true), MSE_OK);
    assert_status(create(b, &a), MSE_OK);
    assert_status(put(b, a.id, data, sizeof data, sizeof data, true), MSE_ERR_EXISTS);
    assert_status(mse_op_clock_ms(b->s, &now, NULL), MSE_OK);
    assert_status(mse_op_package_sweep(b->s, now - 60000, NULL), MSE_OK);
    assert_status(get(b, OTHER, NULL), MSE_OK); /* its app may still come */
    assert_status(mse_op_package_sweep(b->s, now + 60000, NULL), MSE_OK);
    assert_status(get(b, OTHER, NULL), MSE_ERR_NOT_FOUND);
    assert_status(get(b, a.id, NULL), MSE_OK);
    assert_status(mse_op_package_remove(b->s, a.id, NULL), MSE_ERR_EXISTS);
    assert_status(get(b, a.id, NULL), MSE_OK);
    assert_status(mse_op_app_stop(b->s, &b->by, NULL, a.id, NULL), MSE_OK);
    assert_status(mse_op_package_sweep(b->s, 0, NULL), MSE_OK);
    assert_status(get(b, a.id, NULL), MSE_ERR_NOT_FOUND);
}

/* ---- nodes */

struct seen {
    unsigned num;
    struct mse_op_node last;
    struct mse_op_app app;
};

static mse_status see_node(void *arg, const struct mse_op_node *n)
{
    struct seen *s = arg;
    s->num++;
    s->last = *n;
    return MSE_OK;
}

static mse_status see_app(void *arg, const struct mse_op_app *a)
{
    struct seen *s = arg;
    s->num++;
    s->app = *a;
    return MSE_OK;
}

static void nodes_join_beat_and_are_fenced(void **state)
{
    struct op_bench *b = *state;
    struct seen s = { .num = 0 };
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    assert_true(two.epoch > one.epoch);
    assert_status(mse_op_node_beat(b->s, "one", one.epoch, LEASE, NULL), MSE_OK);
    struct mse_op_node again = joined(b, "one"); /* a restart */
    assert_true(again.epoch > two.epoch);
    assert_status(mse_op_node_beat(b->s, "one", one.epoch, LEASE, NULL), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_beat(b->s, "one", again.epoch, LEASE, NULL), MSE_OK);
    assert_status(mse_op_node_beat(b->s, "none", again.epoch, LEASE, NULL), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_list(b->s, see_node, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 2);
    assert_string_equal(s.last.name, "two");
    assert_int_equal(s.last.memory, 1024);
    /* The name of a living node on another machine. */
    struct mse_op_node twin = node("one");
    (void)snprintf(twin.id, sizeof twin.id, "%s", OTHER);
    assert_status(mse_op_node_join(b->s, &twin, LEASE, NULL), MSE_ERR_EXISTS);
    end_leases(b, 1);
    assert_status(mse_op_node_join(b->s, &twin, LEASE, NULL), MSE_OK);
    assert_status(mse_op_node_beat(b->s, "one", again.epoch, LEASE, NULL), MSE_ERR_LEASE_LOST);
}

static void nodes_have_rules(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_node bad[6];
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        bad[i] = node("one");
    }
    bad[0].name[0] = '-';
    bad[1].id[0] = 'X';
    bad[2].address[0] = '\0';
    bad[3].tee[0] = '\0';
    bad[4].version[0] = '\0';
    bad[5].memory = UINT64_MAX;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_status(mse_op_node_join(b->s, &bad[i], LEASE, NULL), MSE_ERR_ARGUMENT);
    }
    struct mse_op_node n = node("one");
    assert_status(mse_op_node_join(b->s, &n, 0, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_op_node_drain(b->s, &b->by, "one", true, NULL), MSE_ERR_NOT_FOUND);
}

/* ---- placement */

static mse_status claim(struct op_bench *b, const struct mse_op_node *n, struct mse_op_app *out)
{
    return mse_op_claim(b->s, n->name, n->epoch, out, NULL);
}

static void the_oldest_app_that_fits_is_placed(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct seen s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 512);
    hardware(b, "large", "sim", 2048);
    hardware(b, "real", "sgx", 64);
    struct mse_op_node n = joined(b, "one");
    assert_status(claim(b, &n, &got), MSE_ERR_NOT_FOUND);
    struct mse_op_app big = draft(b, &u, "big", "large", MSE_OP_SELF);
    struct mse_op_app sgx = draft(b, &u, "sgx", "real", MSE_OP_SELF);
    assert_status(create(b, &big), MSE_OK);
    assert_status(create(b, &sgx), MSE_OK);
    struct mse_op_app first = app(b, &u, "first");
    struct mse_op_app second = app(b, &u, "second");
    (void)app(b, &u, "third");
    assert_status(mse_op_node_drain(b->s, &b->by, "one", true, NULL), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_node_drain(b->s, &b->by, "one", false, NULL), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_string_equal(got.id, first.id);
    assert_string_equal(got.node, "one");
    assert_string_equal(got.command, "./app --fast");
    assert_string_equal(got.healthcheck_endpoint, "/health");
    assert_true(got.proxy_protocol);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_string_equal(got.id, second.id);
    assert_status(claim(b, &n, &got), MSE_ERR_NOT_FOUND); /* 2 times 512 of 1024 */
    assert_status(mse_op_node_apps(b->s, "one", see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 2);
    assert_status(mse_op_node_move(b->s, "one", n.epoch, first.id, MSE_OP_ON_ERROR, "no", NULL),
                  MSE_OK);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_string_equal(got.name, "third");
    n.epoch--;
    assert_status(claim(b, &n, &got), MSE_ERR_LEASE_LOST);
    n.epoch++;
    end_leases(b, 1);
    assert_status(claim(b, &n, &got), MSE_ERR_LEASE_LOST);
}

/* A node makes a folder of this name, and removes it. */
static void an_id_is_no_path(void **state)
{
    static const char sql[] =
        "SET session_replication_role = replica; UPDATE apps SET id = '../../elsewhere'";
    struct op_bench *b = *state;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_app got = { .port = 0 };
    struct seen s = { .num = 0 };
    hardware(b, "small", "sim", 512);
    struct mse_op_node n = joined(b, "one");
    (void)app(b, &u, "first");
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(mse_op_node_apps(b->s, "one", see_app, &s, NULL), MSE_OK);
    assert_true(op_bench_sql(b, strchr(sql, ';') + 1, sql));
    assert_status(mse_op_node_apps(b->s, "one", see_app, &s, NULL), MSE_ERR_MALFORMED);
    assert_int_equal(s.num, 1);
}

/* One of several processes that take what they get. */
static int take_all(const struct op_bench *b, int number, int out_fd)
{
    struct mse_op_store *s = NULL;
    char name[32];
    (void)snprintf(name, sizeof name, "node-%d", number);
    struct mse_op_node n = node(name);
    struct mse_op_app a = { .port = 0 };
    mse_status st = mse_op_store_open(&s, b->where, false, NULL);
    st = st == MSE_OK ? mse_op_node_join(s, &n, LEASE, NULL) : st;
    while (st == MSE_OK) {
        st = mse_op_claim(s, n.name, n.epoch, &a, NULL);
        a.id[8] = (char)('0' + a.number); /* in the place of a dash */
        if (st == MSE_OK && write(out_fd, a.id, MSE_OP_ID_LEN) != MSE_OP_ID_LEN) {
            st = MSE_ERR_IO;
        }
    }
    mse_op_store_close(s);
    return st == MSE_ERR_NOT_FOUND ? 0 : 1;
}

enum { APPS = 24, NODES = 3 };

static void race(const struct op_bench *b)
{
    pid_t children[NODES];
    char ids[APPS + 1][MSE_OP_ID_LEN];
    size_t num = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < NODES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(take_all(b, i, ends[1]));
        }
    }
    (void)close(ends[1]);
    while (num <= APPS && read(ends[0], ids[num], MSE_OP_ID_LEN) == MSE_OP_ID_LEN) {
        for (size_t i = 0; i < num; i++) {
            assert_string_not_equal(ids[i], ids[num]);
        }
        num++;
    }
    (void)close(ends[0]);
    for (int i = 0; i < NODES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(num, APPS); /* 8 cores each: room for just these */
}

static void two_nodes_at_once_never_get_one_app(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 32);
    for (int i = 0; i < APPS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "app-%d", i);
        (void)app(b, &u, name);
    }
    race(b);
}

static void what_another_epoch_does_is_refused(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node old = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_app a = app(b, &u, "shop");
    assert_status(claim(b, &old, &got), MSE_OK);
    struct mse_op_node new = joined(b, "one");
    assert_status(place(b, &old, a.id, 1000), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_move(b->s, "one", old.epoch, a.id, MSE_OP_STOPPED, "", NULL),
                  MSE_ERR_LEASE_LOST);
    assert_status(place(b, &two, a.id, 1000), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_move(b->s, "two", two.epoch, a.id, MSE_OP_STOPPED, "", NULL),
                  MSE_ERR_LEASE_LOST);
    assert_status(place(b, &new, a.id, 1000), MSE_OK);
    got = read_app(b, a.id);
    assert_int_equal(got.port, 1000);
    assert_int_equal(strncmp(got.fingerprint, "010200", 6), 0);
    assert_true(got.launched);
    assert_status(place(b, &new, OTHER, 1000), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_move(b->s, "one", new.epoch, a.id, MSE_OP_STOPPED, "", NULL), MSE_OK);
    assert_status(place(b, &new, a.id, 1000), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_node_move(b->s, "one", new.epoch, a.id, MSE_OP_RUNNING, "", NULL),
                  MSE_ERR_CONFIG);
}

/* ---- stopping */

static void apps_are_stopped_and_removed(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node n = joined(b, "one");
    struct mse_op_app a = app(b, &u, "shop");
    const struct mse_op_metric m = { .name = "cpu_usage", .value = 5 };
    assert_status(mse_op_app_stop(b->s, &b->by, bob.id, a.id, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_remove(b->s, &b->by, u.id, a.id, NULL), MSE_ERR_CONFIG);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_OK); /* nobody has it */
    assert_int_equal(read_app(b, a.id).status, MSE_OP_STOPPED);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_ERR_CONFIG);
    assert_status(claim(b, &n, &got), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_log_append(b->s, a.id, 1, mse_bytes_str("x\n"), NULL), MSE_OK);
    assert_status(mse_op_metric_put(b->s, a.id, "one", 1, &m, 1, NULL), MSE_OK);
    assert_status(mse_op_app_remove(b->s, &b->by, bob.id, a.id, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_remove(b->s, &b->by, u.id, a.id, NULL), MSE_OK);
    assert_status(mse_op_app_remove(b->s, &b->by, u.id, a.id, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_get(b->s, &got, NULL, a.id, NULL), MSE_ERR_NOT_FOUND);
    a = app(b, &u, "shop");
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_OK); /* its node will */
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_OK);
    got = read_app(b, a.id);
    assert_int_equal(got.status, MSE_OP_SPAWNING);
    assert_true(got.stop_wanted);
}

static void a_domain_belongs_to_one_living_app(void **state)
{
    struct op_bench *b = *state;
    struct mse_error err = { 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = draft(b, &u, "shop", "small", MSE_OP_OWNER);
    struct mse_op_app c = draft(b, &bob, "shop", "small", MSE_OP_OWNER);
    (void)snprintf(a.domain_name, sizeof a.domain_name, "shop.example.com");
    (void)snprintf(c.domain_name, sizeof c.domain_name, "shop.example.com");
    assert_status(create(b, &a), MSE_OK);
    assert_status(mse_op_app_create(b->s, &b->by, &c, mse_bytes_str("{}"), &err), MSE_ERR_EXISTS);
    assert_non_null(strstr(err.text, "shop.example.com"));
    assert_status(mse_op_app_stop(b->s, &b->by, NULL, a.id, NULL), MSE_OK);
    assert_status(create(b, &c), MSE_OK);
}

/* ---- reaping */

static void a_lost_node_gives_back_what_it_had_not_launched(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_app fresh = app(b, &u, "fresh");
    struct mse_op_app there = app(b, &u, "there");
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(place(b, &one, there.id, 1000), MSE_OK);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK); /* all is well */
    assert_string_equal(read_app(b, fresh.id).node, "one");
    end_leases(b, 10);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_string_equal(read_app(b, fresh.id).node, "");
    assert_string_equal(read_app(b, there.id).node, "one");
    assert_int_equal(read_app(b, there.id).status, MSE_OP_SPAWNING);
    /* It was only slow: what it still has stays. */
    assert_status(mse_op_node_beat(b->s, "one", one.epoch, LEASE, NULL), MSE_OK);
    assert_status(place(b, &one, fresh.id, 1001), MSE_ERR_LEASE_LOST);
    end_patience(b);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_int_equal(read_app(b, there.id).status, MSE_OP_SPAWNING);
    /* It is gone. */
    end_leases(b, 10);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_int_equal(read_app(b, there.id).status, MSE_OP_SPAWNING);
    end_patience(b);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    got = read_app(b, there.id);
    assert_int_equal(got.status, MSE_OP_ON_ERROR);
    assert_string_equal(got.detail, "node one is gone");
    assert_status(mse_op_node_beat(b->s, "one", one.epoch, LEASE, NULL), MSE_ERR_LEASE_LOST);
    struct mse_op_node two = joined(b, "two");
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_string_equal(got.id, fresh.id);
}

static void apps_that_nobody_takes_end_too(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = app(b, &u, "shop");
    static const char sql[] = "UPDATE apps SET expires_at = 1";
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_int_equal(read_app(b, a.id).status, MSE_OP_SPAWNING);
    assert_true(op_bench_sql(b, sql, sql));
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_int_equal(read_app(b, a.id).status, MSE_OP_STOPPED);
}

static void another_machine_of_that_name_does_not_inherit(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_app a = app(b, &u, "shop");
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(place(b, &one, a.id, 1000), MSE_OK);
    end_leases(b, 10);
    struct mse_op_node other = node("one");
    (void)snprintf(other.id, sizeof other.id, "%s", OTHER);
    assert_status(mse_op_node_join(b->s, &other, LEASE, NULL), MSE_OK);
    got = read_app(b, a.id);
    assert_int_equal(got.status, MSE_OP_ON_ERROR);
    assert_string_equal(got.detail, "node one is another machine now");
}

/* ---- routes */

struct routes {
    unsigned num;
    struct mse_op_route r[4];
};

static mse_status see_route(void *arg, const struct mse_op_route *r)
{
    struct routes *s = arg;
    if (s->num < MSE_ARRAY_LEN(s->r)) {
        s->r[s->num] = *r;
    }
    s->num++;
    return MSE_OK;
}

static unsigned routes(struct op_bench *b, struct routes *out, uint64_t *version)
{
    uint64_t same = 0;
    *out = (struct routes) { .num = 0 };
    assert_status(mse_op_routes(b->s, version, see_route, out, NULL), MSE_OK);
    assert_status(mse_op_routes_version(b->s, &same, NULL), MSE_OK);
    assert_int_equal(same, *version);
    return out->num;
}

static void move(struct op_bench *b, const struct mse_op_node *n, const char *id,
                 enum mse_op_app_status to)
{
    assert_status(mse_op_node_move(b->s, n->name, n->epoch, id, to, "", NULL), MSE_OK);
}

static void routes_follow_the_app(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct routes s;
    uint64_t version[9] = { 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node n = joined(b, "one");
    struct mse_op_app a = app(b, &u, "shop");
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_int_equal(routes(b, &s, &version[0]), 0);
    assert_status(place(b, &n, a.id, 1000), MSE_OK);
    assert_int_equal(routes(b, &s, &version[1]), 0);
    move(b, &n, a.id, MSE_OP_INITIALIZING);
    assert_int_equal(routes(b, &s, &version[2]), 1);
    assert_string_equal(s.r[0].server_name, a.config_domain_name);
    assert_true(s.r[0].config);
    assert_int_equal(s.r[0].port, 1000);
    assert_string_equal(s.r[0].address, "127.0.0.1");
    assert_string_equal(s.r[0].app_id, a.id);
    assert_true(s.r[0].proxy_protocol);
    assert_int_equal(s.r[0].spki_sha256[0], 3);
    move(b, &n, a.id, MSE_OP_RUNNING);
    assert_int_equal(routes(b, &s, &version[3]), 2);
    assert_string_equal(s.r[1].server_name, a.domain_name);
    assert_false(s.r[1].config);
    end_leases(b, 1);
    assert_int_equal(routes(b, &s, &version[4]), 0);
    assert_status(mse_op_node_beat(b->s, "one", n.epoch, LEASE, NULL), MSE_OK);
    assert_int_equal(routes(b, &s, &version[5]), 2);
    const struct mse_op_instance quiet = { .port = 1000, .fingerprint = { 1, 2 } };
    assert_status(mse_op_instance_set(b->s, "one", n.epoch, a.id, &quiet, NULL), MSE_OK);
    assert_int_equal(routes(b, &s, &version[6]), 0); /* it is started anew, or the machine was */
    assert_status(place(b, &n, a.id, 1000), MSE_OK);
    assert_int_equal(routes(b, &s, &version[7]), 2);
    move(b, &n, a.id, MSE_OP_STOPPED);
    assert_int_equal(routes(b, &s, &version[8]), 0);
    for (size_t i = 1; i < MSE_ARRAY_LEN(version); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(version[i], version[j]);
        }
    }
}

/* ---- several instances of one app */

static struct mse_op_app several(struct op_bench *b, const struct mse_op_user *u, uint32_t replicas)
{
    struct mse_op_app a = draft(b, u, "shop", "small", MSE_OP_SELF);
    a.replicas = replicas;
    assert_status(create(b, &a), MSE_OK);
    return a;
}

static mse_status place_other(struct op_bench *b, const struct mse_op_node *n, const char *id,
                              uint32_t number, uint16_t port)
{
    const struct mse_op_instance i = { .number = number, .port = port, .spki_sha256 = { 3, 4 } };
    return mse_op_instance_set(b->s, n->name, n->epoch, id, &i, NULL);
}

/* They have waited for others long enough. */
static void end_spreading(struct op_bench *b)
{
    static const char sql[] = "UPDATE instances SET since = 1";
    assert_true(op_bench_sql(b, sql, sql));
}

static void two_nodes_at_once_never_get_one_instance(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 32);
    struct mse_op_node n = joined(b, "leads");
    (void)several(b, &u, APPS + 1);
    assert_status(claim(b, &n, &got), MSE_OK);
    end_spreading(b);
    race(b);
}

struct places {
    unsigned num;
    char text[256];
};

static mse_status see_place(void *arg, const struct mse_op_place *p)
{
    struct places *s = arg;
    size_t len = strlen(s->text);
    (void)snprintf(s->text + len, sizeof s->text - len, "%u:%s:%s:%s ", p->number, p->node,
                   p->state, p->detail);
    s->num++;
    return MSE_OK;
}

static void assert_places(struct op_bench *b, const char *id, const char *wanted)
{
    struct places s = { .num = 0 };
    assert_status(mse_op_app_places(b->s, id, see_place, &s, NULL), MSE_OK);
    assert_string_equal(s.text, wanted);
}

static void instances_spread_over_nodes(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct seen s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_app a = several(b, &u, 4);
    assert_int_equal(read_app(b, a.id).replicas, 4);
    assert_places(b, a.id, "0::waiting: 1::waiting: 2::waiting: 3::waiting: ");
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_int_equal(got.number, 0);
    assert_int_equal(got.replicas, 4);
    assert_status(claim(b, &one, &got), MSE_ERR_NOT_FOUND); /* two has fewer */
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_string_equal(got.id, a.id);
    assert_string_equal(got.node, "two");
    assert_int_equal(got.number, 1);
    assert_false(got.leader.ready);
    assert_status(claim(b, &two, &got), MSE_OK); /* both have one */
    assert_int_equal(got.number, 2);
    assert_status(claim(b, &two, &got), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_node_drain(b->s, &b->by, "one", true, NULL), MSE_OK);
    assert_status(claim(b, &one, &got), MSE_ERR_NOT_FOUND);
    assert_status(claim(b, &two, &got), MSE_OK); /* nobody else may */
    assert_int_equal(got.number, 3);
    assert_status(claim(b, &two, &got), MSE_ERR_NOT_FOUND);
    assert_places(b, a.id, "0:one:starting: 1:two:starting: 2:two:starting: 3:two:starting: ");
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 3);
    assert_int_equal(s.app.number, 3);
    assert_false(s.app.leave);
    assert_status(mse_op_node_drain(b->s, &b->by, "two", true, NULL), MSE_OK);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_true(s.app.leave);
    assert_status(mse_op_node_apps(b->s, "one", see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 7);
    assert_false(s.app.leave); /* a leader stays */
}

static void who_has_no_room_is_not_waited_for(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = node("two");
    two.memory = 1;
    assert_status(mse_op_node_join(b->s, &two, LEASE, NULL), MSE_OK);
    struct mse_op_app a = several(b, &u, 2);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_ERR_NOT_FOUND);
    assert_status(claim(b, &one, &got), MSE_ERR_NOT_FOUND);
    end_spreading(b);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_int_equal(got.number, 1);
    /* One that ends takes no more. */
    struct mse_op_app c = draft(b, &u, "cafe", "small", MSE_OP_SELF);
    c.replicas = 2;
    assert_status(create(b, &c), MSE_OK);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_string_equal(got.id, c.id);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, c.id, NULL), MSE_OK);
    end_spreading(b);
    assert_status(claim(b, &one, &got), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_OK);
    move(b, &one, a.id, MSE_OP_STOPPED);
    assert_places(b, a.id, "0:one:ended: 1:one:ended: ");
    assert_status(mse_op_app_remove(b->s, &b->by, u.id, a.id, NULL), MSE_OK);
}

static void each_instance_counts(void **state)
{
    struct op_bench *b = *state;
    struct mse_error err = { 0 };
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    struct mse_op_user bob = op_bench_user(b, "bob", false);
    struct mse_op_hardware h = {
        .name = "small", .tee = "sim", .memory = 512, .cores = 1, .enclave_size = 64, .max_apps = 4
    };
    const struct mse_op_quota q = { .user_name = "bob", .hardware = "small", .max_apps = 2 };
    assert_status(mse_op_hardware_add(b->s, &b->by, &h, NULL), MSE_OK);
    assert_status(mse_op_quota_set(b->s, &b->by, &q, NULL), MSE_OK);
    struct mse_op_app a = draft(b, &u, "shop", "small", MSE_OP_SELF);
    a.replicas = 65;
    assert_status(create(b, &a), MSE_ERR_ARGUMENT);
    a.replicas = 5;
    assert_status(mse_op_app_create(b->s, &b->by, &a, mse_bytes_str("{}"), &err), MSE_ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "not enough hardware"));
    struct mse_op_app c = draft(b, &bob, "shop", "small", MSE_OP_SELF);
    c.replicas = 3;
    err = (struct mse_error) { 0 };
    assert_status(mse_op_app_create(b->s, &b->by, &c, mse_bytes_str("{}"), &err), MSE_ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "quota"));
    a.replicas = 3;
    assert_status(create(b, &a), MSE_OK);
    c.replicas = 2;
    assert_status(create(b, &c), MSE_ERR_NO_SPACE);
    c.replicas = 1;
    assert_status(create(b, &c), MSE_OK);
    /* A node of 1024 MiB has room for two. */
    struct mse_op_node n = joined(b, "one");
    end_spreading(b);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_stop(b->s, &b->by, u.id, a.id, NULL), MSE_OK);
    move(b, &n, a.id, MSE_OP_STOPPED);
    struct mse_op_app next = draft(b, &bob, "next", "small", MSE_OP_SELF);
    assert_status(create(b, &next), MSE_OK);
}

static void a_node_says_how_its_instances_are(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct seen s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_app a = several(b, &u, 2);
    const struct mse_op_instance first = {
        .port = 1000, .spki_sha256 = { 3 }, .carry_port = 2000, .carry_key = { 9, 8 }
    };
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(place_other(b, &one, a.id, 1, 1001), MSE_ERR_LEASE_LOST);
    assert_status(place_other(b, &two, a.id, 2, 1001), MSE_ERR_LEASE_LOST);
    assert_status(place(b, &two, a.id, 1001), MSE_ERR_LEASE_LOST);
    two.epoch--;
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_ERR_LEASE_LOST);
    assert_status(mse_op_instance_release(b->s, "two", two.epoch, a.id, 1, "", NULL),
                  MSE_ERR_LEASE_LOST);
    two.epoch++;
    const struct mse_op_instance bad = { .number = 1, .port = 1, .detail = "a\nb" };
    assert_status(mse_op_instance_set(b->s, "two", two.epoch, a.id, &bad, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_op_instance_release(b->s, "two", two.epoch, a.id, 1, "\n", NULL),
                  MSE_ERR_ARGUMENT);
    assert_status(mse_op_instance_set(b->s, "one", one.epoch, a.id, &first, NULL), MSE_OK);
    move(b, &one, a.id, MSE_OP_INITIALIZING);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_false(s.app.leader.ready);
    move(b, &one, a.id, MSE_OP_RUNNING);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_true(s.app.leader.ready);
    assert_string_equal(s.app.leader.address, "127.0.0.1");
    assert_int_equal(s.app.leader.port, 2000);
    assert_memory_equal(s.app.leader.key, first.carry_key, 32);
    assert_false(s.app.launched);
    assert_places(b, a.id, "0:one:running: 1:two:starting: ");
    const struct mse_op_instance failed = { .number = 1, .port = 1001, .detail = "no" };
    assert_status(mse_op_instance_set(b->s, "two", two.epoch, a.id, &failed, NULL), MSE_OK);
    assert_places(b, a.id, "0:one:running: 1:two:starting:no ");
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_OK);
    assert_places(b, a.id, "0:one:running: 1:two:running: ");
    /* What the first one says afterwards leaves its carrier as it was; one that is away is none. */
    assert_status(place(b, &one, a.id, 1000), MSE_OK);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_true(s.app.leader.ready);
    assert_true(s.app.launched);
    assert_int_equal(s.app.leader.port, 2000);
    assert_int_equal(s.app.port, 1001);
    const struct mse_op_instance quiet = { .port = 1000 };
    assert_status(mse_op_instance_set(b->s, "one", one.epoch, a.id, &quiet, NULL), MSE_OK);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_false(s.app.leader.ready);
    end_leases(b, 1);
    assert_places(b, a.id, "0:one:unreachable: 1:two:unreachable: ");
    move(b, &one, a.id, MSE_OP_STOPPED);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_ERR_LEASE_LOST);
}

static void an_instance_that_is_given_back_goes_elsewhere(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_node three = joined(b, "three");
    struct mse_op_app a = several(b, &u, 2);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_OK);
    assert_status(mse_op_instance_release(b->s, "three", three.epoch, a.id, 1, "", NULL),
                  MSE_ERR_LEASE_LOST);
    assert_status(mse_op_instance_release(b->s, "one", one.epoch, a.id, 0, "", NULL),
                  MSE_ERR_LEASE_LOST);
    assert_status(mse_op_instance_release(b->s, "two", two.epoch, a.id, 1, "another machine", NULL),
                  MSE_OK);
    assert_places(b, a.id, "0:one:starting: 1::waiting:another machine ");
    assert_status(claim(b, &two, &got), MSE_ERR_NOT_FOUND);
    assert_status(claim(b, &three, &got), MSE_OK);
    assert_int_equal(got.number, 1);
    assert_false(got.launched);
    assert_status(mse_op_instance_release(b->s, "three", three.epoch, a.id, 1, "", NULL), MSE_OK);
    end_spreading(b);
    assert_status(claim(b, &three, &got), MSE_OK); /* nobody else took it */
}

static void instances_survive_their_node_but_not_their_leader(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct seen s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_app a = several(b, &u, 3);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(place(b, &one, a.id, 1000), MSE_OK);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_OK);
    move(b, &one, a.id, MSE_OP_INITIALIZING);
    move(b, &one, a.id, MSE_OP_RUNNING);
    end_leases(b, 10);
    assert_status(mse_op_node_beat(b->s, "one", one.epoch, LEASE, NULL), MSE_OK);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK); /* what was not launched */
    assert_places(b, a.id, "0:one:running: 1:two:unreachable: 2::waiting: ");
    end_patience(b);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_places(b, a.id, "0:one:running: 1::waiting: 2::waiting: ");
    assert_int_equal(read_app(b, a.id).status, MSE_OP_RUNNING);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_ERR_LEASE_LOST);
    two = joined(b, "two");
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(place_other(b, &two, a.id, got.number, 1001), MSE_OK);
    /* The leader's. */
    end_leases(b, 10);
    assert_status(mse_op_node_beat(b->s, "two", two.epoch, LEASE, NULL), MSE_OK);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    end_patience(b);
    assert_status(mse_op_reap(b->s, NULL), MSE_OK);
    assert_int_equal(read_app(b, a.id).status, MSE_OP_ON_ERROR);
    assert_status(mse_op_node_apps(b->s, "two", see_app, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
}

static void each_instance_has_a_route(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app got = { .port = 0 };
    struct routes s;
    uint64_t version = 0;
    uint64_t before = 0;
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node one = joined(b, "one");
    struct mse_op_node two = joined(b, "two");
    struct mse_op_app a = several(b, &u, 2);
    assert_status(claim(b, &one, &got), MSE_OK);
    assert_status(claim(b, &two, &got), MSE_OK);
    assert_status(place(b, &one, a.id, 1000), MSE_OK);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_OK);
    move(b, &one, a.id, MSE_OP_INITIALIZING);
    assert_int_equal(routes(b, &s, &before), 1); /* it gets its keys first */
    assert_true(s.r[0].config);
    move(b, &one, a.id, MSE_OP_RUNNING);
    assert_int_equal(routes(b, &s, &version), 3);
    assert_true(s.r[0].config);
    assert_int_equal(s.r[0].port, 1000);
    assert_int_equal(s.r[1].port, 1000);
    assert_int_equal(s.r[1].number, 0);
    assert_string_equal(s.r[2].server_name, a.domain_name);
    assert_false(s.r[2].config);
    assert_int_equal(s.r[2].number, 1);
    assert_int_equal(s.r[2].port, 1001);
    before = version;
    const struct mse_op_instance quiet = { .number = 1, .port = 1001 };
    assert_status(mse_op_instance_set(b->s, "two", two.epoch, a.id, &quiet, NULL), MSE_OK);
    assert_int_equal(routes(b, &s, &version), 2);
    assert_int_not_equal(version, before);
    assert_status(place_other(b, &two, a.id, 1, 1001), MSE_OK);
    end_leases(b, 1);
    assert_status(mse_op_node_beat(b->s, "two", two.epoch, LEASE, NULL), MSE_OK);
    assert_int_equal(routes(b, &s, &version),
                     1); /* the leader's node is cut off: the other serves */
    assert_int_equal(s.r[0].number, 1);
    assert_status(mse_op_instance_release(b->s, "two", two.epoch, a.id, 1, "", NULL), MSE_OK);
    assert_int_equal(routes(b, &s, &version), 0);
}

/* ---- logs and metrics */

struct lines {
    unsigned num;
    uint64_t first;
    uint64_t last;
    uint64_t bytes;
};

static mse_status see_log(void *arg, const struct mse_op_log *l)
{
    struct lines *s = arg;
    s->first = s->num == 0 ? l->seq : s->first;
    s->last = l->seq;
    s->bytes += l->bytes.len;
    s->num++;
    return MSE_OK;
}

static void logs_are_a_ring(void **state)
{
    struct op_bench *b = *state;
    struct lines s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = app(b, &u, "shop");
    uint8_t *text = calloc(1, MSE_OP_LOG_MAX + 1);
    struct mse_bytes most = mse_bytes_of(text, MSE_OP_LOG_MAX);
    assert_status(mse_op_log_append(b->s, OTHER, 1, most, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_log_append(b->s, "x", 1, most, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_log_append(b->s, a.id, 1, mse_bytes_str(""), NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_op_log_append(b->s, a.id, 1, mse_bytes_of(text, MSE_OP_LOG_MAX + 1), NULL),
                  MSE_ERR_ARGUMENT);
    unsigned full = (unsigned)(MSE_OP_LOG_RING / MSE_OP_LOG_MAX);
    for (unsigned i = 0; i < full; i++) {
        assert_status(mse_op_log_append(b->s, a.id, 100 + (int64_t)i, most, NULL), MSE_OK);
    }
    assert_status(mse_op_log_append(b->s, a.id, 1000, mse_bytes_str("last\n"), NULL), MSE_OK);
    assert_status(mse_op_log_read(b->s, a.id, 0, 100000, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.num, full);
    assert_int_equal(s.first, 2);
    assert_int_equal(s.last, full + 1);
    assert_int_equal(s.bytes, MSE_OP_LOG_RING - MSE_OP_LOG_MAX + 5);
    s.num = 0;
    assert_status(mse_op_log_read(b->s, a.id, 5, 3, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 3);
    assert_int_equal(s.first, 6);
    assert_status(mse_op_log_read(b->s, a.id, UINT64_MAX, 1, see_log, &s, NULL), MSE_ERR_ARGUMENT);
    s.num = 0;
    assert_status(mse_op_log_tail(b->s, a.id, 2, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 2);
    assert_int_equal(s.first, full);
    assert_int_equal(s.last, full + 1);
    s.num = 0;
    assert_status(mse_op_log_tail(b->s, OTHER, 2, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
    assert_status(mse_op_log_sweep(b->s, 1000, NULL), MSE_OK);
    s.num = 0;
    assert_status(mse_op_log_read(b->s, a.id, 0, 10, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_int_equal(s.last, full + 1);
    assert_status(mse_op_log_sweep(b->s, 2000, NULL), MSE_OK);
    assert_status(mse_op_log_append(b->s, a.id, 3000, mse_bytes_str("again\n"), NULL), MSE_OK);
    s.num = 0;
    assert_status(mse_op_log_read(b->s, a.id, 0, 10, see_log, &s, NULL), MSE_OK);
    assert_int_equal(s.last, full + 2); /* numbers never come again */
    free(text);
}

struct values {
    unsigned num;
    int64_t sum;
    char text[256];
};

static mse_status see_metric(void *arg, const struct mse_op_metric *m)
{
    struct values *s = arg;
    size_t len = strlen(s->text);
    (void)snprintf(s->text + len, sizeof s->text - len, "%s@%lld:%s ", m->name, (long long)m->at_ms,
                   m->source);
    s->num++;
    s->sum += m->value;
    return MSE_OK;
}

static void metrics_are_kept_by_source(void **state)
{
    struct op_bench *b = *state;
    struct values s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = app(b, &u, "shop");
    const struct mse_op_metric two[] = { { .name = "cpu_usage", .value = 7 },
                                         { .name = "memory_usage", .value = -1 } };
    const struct mse_op_metric bad = { .name = "Cpu usage" };
    assert_status(mse_op_metric_put(b->s, a.id, "one", 10, two, 2, NULL), MSE_OK);
    assert_status(mse_op_metric_put(b->s, a.id, "one", 10, two, 2, NULL), MSE_OK); /* no more */
    assert_status(mse_op_metric_put(b->s, a.id, "gate-2", 10, two, 1, NULL), MSE_OK);
    assert_status(mse_op_metric_put(b->s, a.id, "one", 5, two, 1, NULL), MSE_OK);
    assert_status(mse_op_metric_put(b->s, OTHER, "one", 10, two, 2, NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_metric_put(b->s, a.id, "o ne", 10, two, 2, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_op_metric_put(b->s, a.id, "one", 10, &bad, 1, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_op_metric_put(b->s, a.id, "one", 10, two, MSE_OP_MAX_METRICS + 1, NULL),
                  MSE_ERR_ARGUMENT);
    assert_status(mse_op_metric_get(b->s, a.id, 10, see_metric, &s, NULL), MSE_OK);
    assert_string_equal(s.text, "cpu_usage@10:gate-2 cpu_usage@10:one memory_usage@10:one ");
    assert_int_equal(s.sum, 13);
    assert_status(mse_op_metric_sweep(b->s, 10, NULL), MSE_OK);
    s.num = 0;
    assert_status(mse_op_metric_get(b->s, a.id, 0, see_metric, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 3);
}

static void plots_get_one_value_of_each_step(void **state)
{
    struct op_bench *b = *state;
    struct values s = { .num = 0 };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = app(b, &u, "shop");
    const struct mse_op_steps steps = { .since_ms = 100, .step_ms = 100 };
    for (int64_t at = 50; at < 350; at += 50) {
        const struct mse_op_metric m = { .name = "cpu_usage", .value = at };
        assert_status(mse_op_metric_put(b->s, a.id, "one", at, &m, 1, NULL), MSE_OK);
    }
    const struct mse_op_metric other = { .name = "cpu_usage", .value = 1 };
    assert_status(mse_op_metric_put(b->s, a.id, "two", 260, &other, 1, NULL), MSE_OK);
    assert_status(mse_op_metric_series(b->s, a.id, &steps, see_metric, &s, NULL), MSE_OK);
    assert_string_equal(s.text,
                        "cpu_usage@100:one cpu_usage@200:one cpu_usage@200:two cpu_usage@300:one ");
    assert_int_equal(s.sum, 125 + 225 + 1 + 300);
    s = (struct values) { .num = 0 };
    assert_status(mse_op_log_volume(b->s, a.id, &steps, see_metric, &s, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
    assert_status(mse_op_log_append(b->s, a.id, 99, mse_bytes_str("before\n"), NULL), MSE_OK);
    assert_status(mse_op_log_append(b->s, a.id, 100, mse_bytes_str("one\n"), NULL), MSE_OK);
    assert_status(mse_op_log_append(b->s, a.id, 199, mse_bytes_str("two\n"), NULL), MSE_OK);
    assert_status(mse_op_log_append(b->s, a.id, 350, mse_bytes_str("three\n"), NULL), MSE_OK);
    assert_status(mse_op_log_volume(b->s, a.id, &steps, see_metric, &s, NULL), MSE_OK);
    assert_string_equal(s.text, "log_bytes@100: log_bytes@300: ");
    assert_int_equal(s.sum, 8 + 6);
}

static void an_app_is_found_at_its_name(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_app found = { .id = "" };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_app a = app(b, &u, "shop");
    assert_status(mse_op_app_at(b->s, &found, a.domain_name, NULL), MSE_OK);
    assert_string_equal(found.id, a.id);
    assert_status(mse_op_app_at(b->s, &found, "other.example.org", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_at(b->s, &found, "' OR 1=1", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_at(b->s, &found, "", NULL), MSE_ERR_NOT_FOUND);
    assert_status(mse_op_app_move(b->s, &b->by, a.id, MSE_OP_STOPPED, "", NULL), MSE_OK);
    assert_status(mse_op_app_at(b->s, &found, a.domain_name, NULL), MSE_ERR_NOT_FOUND);
}

/* ---- copies */

static void a_copy_has_the_fleet_too(void **state)
{
    struct op_bench *b = *state;
    char path[512];
    static const uint8_t data[] = "package";
    struct mse_op_store *copy = NULL;
    struct mse_op_store *back = NULL;
    char where[512];
    struct mse_op_audit_head head = { 0 };
    struct mse_op_app got = { .port = 0 };
    struct lines lines = { .num = 0 };
    const struct mse_op_copy how = { .by = &b->by, .action = "restore" };
    struct mse_op_user u = op_bench_user(b, "alice", false);
    hardware(b, "small", "sim", 64);
    struct mse_op_node n = joined(b, "one");
    struct mse_op_app a = draft(b, &u, "shop", "small", MSE_OP_SELF);
    a.replicas = 2;
    assert_status(put(b, a.id, data, sizeof data, sizeof data, true), MSE_OK);
    assert_status(create(b, &a), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(place(b, &n, a.id, 1000), MSE_OK);
    assert_status(claim(b, &n, &got), MSE_OK);
    assert_status(place_other(b, &n, a.id, 1, 1001), MSE_OK);
    assert_status(mse_op_log_append(b->s, a.id, 1, mse_bytes_str("line\n"), NULL), MSE_OK);
    (void)snprintf(path, sizeof path, "%.400s/copy.sqlite", b->dir);
    op_bench_fresh(b, where);
    assert_status(mse_op_store_open(&copy, path, true, NULL), MSE_OK);
    assert_status(mse_op_store_open(&back, where, true, NULL), MSE_OK);
    assert_status(mse_op_store_copy(copy, b->s, &how, &head, NULL), MSE_OK);
    assert_status(mse_op_store_copy(back, copy, &how, &head, NULL), MSE_OK);
    mse_op_store_close(copy);
    struct mse_op_app wanted = read_app(b, a.id);
    mse_op_store_close(b->s);
    b->s = back;
    got = read_app(b, a.id);
    assert_memory_equal(&got, &wanted, sizeof got);
    assert_places(b, a.id, "0:one:starting: 1:one:starting: ");
    assert_status(get(b, a.id, NULL), MSE_OK);
    assert_status(mse_op_log_read(b->s, a.id, 0, 10, see_log, &lines, NULL), MSE_OK);
    assert_int_equal(lines.bytes, 5);
    assert_status(mse_op_node_beat(b->s, "one", n.epoch, LEASE, NULL), MSE_OK);
    assert_true(joined(b, "one").epoch > n.epoch);
}

/* Another process that opens, writes, closes: whoever comes last tidies up, and must not believe to
 * be the last. */
static void write_elsewhere(const struct op_bench *b, int number)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct mse_op_store *s = NULL;
        char name[32];
        (void)snprintf(name, sizeof name, "other-%d", number);
        struct mse_op_node n = node(name);
        mse_status st = mse_op_store_open(&s, b->where, false, NULL);
        st = st == MSE_OK ? mse_op_node_join(s, &n, LEASE, NULL) : st;
        mse_op_store_close(s);
        _exit(st == MSE_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void two_stores_of_one_process_do_not_disturb_each_other(void **state)
{
    struct op_bench *b = *state;
    struct mse_op_store *second = NULL;
    struct mse_op_node n = joined(b, "one");
    struct mse_op_audit_head head;
    for (int i = 0; i < 8; i++) {
        assert_status(mse_op_store_open(&second, b->where, false, NULL), MSE_OK);
        write_elsewhere(b, i);
        assert_status(mse_op_node_beat(second, "one", n.epoch, LEASE, NULL), MSE_OK);
        assert_status(mse_op_node_beat(b->s, "one", n.epoch, LEASE, NULL), MSE_OK);
        mse_op_store_close(second);
    }
    assert_status(mse_op_audit_verify(b->s, &head, NULL, NULL, NULL, NULL), MSE_OK);
    assert_int_equal(head.seq, 9);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, op_bench_set_up, op_bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_package_comes_back_as_it_was),
        TEST(a_package_that_did_not_come_whole_is_nobodys),
        TEST(a_damaged_package_is_refused_by_name),
        TEST(no_app_is_accepted_with_the_package_of_another_upload),
        TEST(an_app_keeps_its_package_until_it_ends),
        TEST(nodes_join_beat_and_are_fenced),
        TEST(nodes_have_rules),
        TEST(the_oldest_app_that_fits_is_placed),
        TEST(an_id_is_no_path),
        TEST(two_nodes_at_once_never_get_one_app),
        TEST(what_another_epoch_does_is_refused),
        TEST(apps_are_stopped_and_removed),
        TEST(a_domain_belongs_to_one_living_app),
        TEST(a_lost_node_gives_back_what_it_had_not_launched),
        TEST(apps_that_nobody_takes_end_too),
        TEST(another_machine_of_that_name_does_not_inherit),
        TEST(routes_follow_the_app),
        TEST(two_nodes_at_once_never_get_one_instance),
        TEST(instances_spread_over_nodes),
        TEST(who_has_no_room_is_not_waited_for),
        TEST(each_instance_counts),
        TEST(a_node_says_how_its_instances_are),
        TEST(an_instance_that_is_given_back_goes_elsewhere),
        TEST(instances_survive_their_node_but_not_their_leader),
        TEST(each_instance_has_a_route),
        TEST(logs_are_a_ring),
        TEST(metrics_are_kept_by_source),
        TEST(plots_get_one_value_of_each_step),
        TEST(an_app_is_found_at_its_name),
        TEST(a_copy_has_the_fleet_too),
        TEST(two_stores_of_one_process_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
