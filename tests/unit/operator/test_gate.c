/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the gateway that do no input or output: frames, routes, counts. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "operator/gate_checks.h"
#include "operator/gate_files.h"
#include "operator/gate_routes.h"
#include "operator/gate_stats.h"
#include "operator/gate_table.h"
#include "operator/gate_way.h"

#define APP   "393ddbd6-466e-4ba8-a037-dda72e4c22ac"
#define OTHER "5f0c1c39-6f39-4c0b-8b8e-0d6f6f1c2a11"

static struct gate_route route(const char *name, const char *app, uint16_t port, bool v6)
{
    struct gate_route r = { .proxy_protocol = v6 };
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    (void)snprintf(r.app_id, sizeof r.app_id, "%s", app);
    if (v6) {
        r.address.v6.sin6_family = AF_INET6;
        r.address.v6.sin6_port = htons(port);
        r.address.v6.sin6_addr = in6addr_loopback;
    } else {
        r.address.v4.sin_family = AF_INET;
        r.address.v4.sin_port = htons(port);
        r.address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return r;
}

static struct gate_counts counts(void)
{
    struct gate_counts c = { .app_id = APP,
                             .open = 3,
                             .accepted = 5,
                             .no_backend = 1,
                             .bytes_in = 1000,
                             .bytes_out = UINT64_C(1) << 40 };
    mse_times_add(&c.connect, 100);
    mse_times_add(&c.connect, 300);
    mse_times_add(&c.first_byte, 5000);
    return c;
}

/* One frame of each kind. */
static void wr_all(struct mse_build *b)
{
    const struct gate_limits l = { 1, 2, 3, 4, 5, 6, 7 };
    struct gate_route v4 = route("a.example.org", APP, 443, false);
    struct gate_route v6 = route("b.example.org", OTHER, 8443, true);
    struct gate_counts c = counts();
    gate_wr_limits(b, &l);
    gate_wr_set(b, &v4);
    gate_wr_set(b, &v6);
    gate_wr_remove(b, "a.example.org", 3);
    gate_wr_go(b);
    gate_wr_drain(b, 5000);
    gate_wr_identity(b, &(struct gate_identity) { mse_bytes_str("chain"), mse_bytes_str("key") });
    gate_wr_counts(b, &c);
}

static bool rd_body(uint8_t kind, struct mse_bytes body)
{
    static struct gate_counts c;
    struct gate_limits l;
    struct gate_route r;
    struct gate_identity id;
    char name[MSE_HELLO_NAME_MAX + 1];
    uint8_t number = 0;
    uint32_t ms = 0;
    switch ((enum gate_kind)kind) {
    case GATE_LIMITS:
        return gate_rd_limits(&l, body) && l.max_connections == 1 && l.half_ms == 7;
    case GATE_SET:
        return gate_rd_set(&r, body) && strlen(r.name) == 13;
    case GATE_REMOVE:
        return gate_rd_remove(name, &number, body) && number == 3 &&
               strcmp(name, "a.example.org") == 0;
    case GATE_GO:
        return body.len == 0;
    case GATE_DRAIN:
        return gate_rd_drain(&ms, body) && ms == 5000;
    case GATE_IDENTITY:
        return gate_rd_identity(&id, body) && mse_bytes_is_str(id.key_pem, "key");
    case GATE_COUNTS:
        return gate_rd_counts(&c, body) && c.open == 3 && c.connect.num == 2;
    }
    return false;
}

/* Whom a list leads to; the others are nobody's to speak of. */
static void test_ids(void **state)
{
    struct gate_routes r = { NULL, 0, 0 };
    struct gate_ids ids = { NULL, 0 };
    struct gate_route one = { .name = "a.example.org", .app_id = "b" };
    (void)state;
    assert_false(gate_ids_has(&ids, "b"));
    assert_true(gate_routes_add(&r, &one));
    (void)snprintf(one.app_id, sizeof one.app_id, "a");
    assert_true(gate_routes_add(&r, &one));
    assert_true(gate_routes_add(&r, &one));
    assert_true(gate_ids_take(&ids, &r));
    assert_true(gate_ids_has(&ids, "a"));
    assert_true(gate_ids_has(&ids, "b"));
    assert_false(gate_ids_has(&ids, "c"));
    assert_false(gate_ids_has(&ids, ""));
    gate_routes_clear(&r);
    assert_true(gate_ids_take(&ids, &r));
    assert_false(gate_ids_has(&ids, "a"));
    gate_ids_clear(&ids);
}

static void test_frames(void **state)
{
    static const uint8_t order[] = { GATE_LIMITS, GATE_SET,   GATE_SET,      GATE_REMOVE,
                                     GATE_GO,     GATE_DRAIN, GATE_IDENTITY, GATE_COUNTS };
    struct mse_build b;
    struct mse_bytes body;
    uint8_t kind = 0;
    (void)state;
    mse_build_heap(&b, 65536);
    wr_all(&b);
    assert_true(mse_build_ok(&b));
    struct mse_bytes in = mse_build_view(&b);
    for (size_t i = 0; i < MSE_ARRAY_LEN(order); i++) {
        assert_true(gate_next(&in, &kind, &body));
        assert_int_equal(kind, order[i]);
        assert_true(rd_body(kind, body));
        for (size_t cut = 0; cut < body.len; cut++) {
            assert_false(rd_body(kind, mse_bytes_of(body.data, cut)));
        }
        static uint8_t longer[GATE_FRAME_MAX + 1];
        memcpy(longer, body.data, body.len);
        assert_false(rd_body(kind, mse_bytes_of(longer, body.len + 1)));
    }
    assert_int_equal(in.len, 0);
    assert_true(gate_next(&in, &kind, &body));
    assert_int_equal(kind, 0);
    mse_build_clear(&b);
}

static void test_no_frames(void **state)
{
    static const uint8_t cases[][5] = {
        { 0, 0, 0, 0, 1 }, { 0, 0, 0xc0, 1, 1 }, { 0xff, 0xff, 0xff, 0xff, 1 },
        { 0, 0, 0, 1, 0 }, { 0, 0, 0, 1, 0x7f },
    };
    struct mse_bytes body;
    uint8_t kind = 0;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_bytes in = mse_bytes_of(cases[i], sizeof cases[i]);
        assert_false(gate_next(&in, &kind, &body));
    }
    for (size_t len = 0; len < 5; len++) { /* not whole: nothing, yet */
        static const uint8_t go[] = { 0, 0, 0, 1, GATE_GO };
        struct mse_bytes in = mse_bytes_of(go, len);
        assert_true(gate_next(&in, &kind, &body));
        assert_int_equal(kind, 0);
        assert_int_equal(in.len, len);
    }
}

/* The worker that is told the difference knows what the feeder knows. */
static void apply(struct gate_table *t, const struct gate_routes *from,
                  const struct gate_routes *to)
{
    struct mse_build b;
    struct mse_bytes body;
    uint8_t kind = 0;
    mse_build_heap(&b, 1 << 20);
    gate_routes_diff(&b, from, to);
    assert_true(mse_build_ok(&b));
    struct mse_bytes in = mse_build_view(&b);
    while (gate_next(&in, &kind, &body) && kind != 0) {
        struct gate_route r;
        char name[MSE_HELLO_NAME_MAX + 1];
        uint8_t number = 0;
        if (kind == GATE_SET) {
            assert_true(gate_rd_set(&r, body) && gate_table_set(t, &r));
        } else {
            assert_true(gate_rd_remove(name, &number, body));
            gate_table_remove(t, name, number);
        }
    }
    assert_int_equal(in.len, 0);
    mse_build_clear(&b);
}

static void assert_port(struct gate_table *t, const char *name, unsigned port)
{
    struct mse_pass_to to = { .app = NULL };
    bool found = gate_table_route(t, name, 0, &to);
    assert_int_equal(found, port != 0);
    if (found) {
        assert_int_equal(ntohs(to.address.v4.sin_port), port);
        assert_non_null(to.app);
    }
}

static void fill(struct gate_routes *r, const struct gate_route *items, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        assert_true(gate_routes_add(r, &items[i]));
    }
    gate_routes_sort(r);
}

static void test_routes(void **state)
{
    const struct gate_route first[] = { route("c", APP, 3, false), route("a", APP, 1, true),
                                        route("b", OTHER, 2, false), route("a", APP, 1, true) };
    const struct gate_route second[] = { route("d", APP, 4, false), route("b", OTHER, 20, false),
                                         route("a", APP, 1, true) };
    struct gate_routes none = { NULL, 0, 0 };
    struct gate_routes one = { NULL, 0, 0 };
    struct gate_routes two = { NULL, 0, 0 };
    struct mse_build same;
    struct gate_table *t = gate_table_new();
    (void)state;
    assert_non_null(t);
    fill(&one, first, MSE_ARRAY_LEN(first));
    fill(&two, second, MSE_ARRAY_LEN(second));
    assert_int_equal(one.num, 3);
    apply(t, &none, &one);
    assert_port(t, "a", 1);
    assert_port(t, "b", 2);
    assert_port(t, "c", 3);
    assert_port(t, "d", 0);
    apply(t, &one, &two);
    assert_port(t, "a", 1);
    assert_port(t, "b", 20);
    assert_port(t, "c", 0);
    assert_port(t, "d", 4);
    mse_build_heap(&same, 65536);
    gate_routes_diff(&same, &two, &two);
    assert_int_equal(same.len, 0);
    mse_build_clear(&same);
    two.items[0].spki_sha256[31] = 1; /* a route is another one by its key, too */
    mse_build_heap(&same, 65536);
    gate_routes_diff(&same, &two, &two);
    assert_int_equal(same.len, 0);
    mse_build_clear(&same);
    apply(t, &two, &none);
    assert_port(t, "a", 0);
    assert_port(t, "b", 0);
    gate_table_remove(t, "a", 0); /* twice is no matter */
    gate_table_free(t);
    gate_table_free(NULL);
    gate_routes_clear(&one);
    gate_routes_clear(&two);
}

static struct gate_route instance(uint8_t number, uint16_t port)
{
    struct gate_route r = route("a", APP, port, false);
    r.number = number;
    return r;
}

static void assert_no_number(uint8_t number)
{
    struct gate_route r = instance(number, 1);
    struct mse_build b;
    struct mse_bytes body;
    uint8_t kind = 0;
    mse_build_heap(&b, 4096);
    gate_wr_set(&b, &r);
    struct mse_bytes in = mse_build_view(&b);
    assert_true(gate_next(&in, &kind, &body) && kind == GATE_SET);
    assert_false(gate_rd_set(&r, body));
    mse_build_clear(&b);
}

/* Of instances 2 and 63: each is found once by who has tried the other. */
static void assert_others(struct gate_table *t)
{
    struct mse_pass_to to = { .app = NULL };
    uint64_t tried = 0;
    bool others = false;
    assert_true(gate_table_route(t, "a", 0, &to) && to.others);
    assert_true(to.number == 2 || to.number == 63);
    for (int i = 0; i < 3; i++) { /* the same answer, whose turn it may be */
        assert_true(gate_table_route(t, "a", 1ULL << 63, &to) && !to.others && to.number == 2);
        assert_true(gate_table_route(t, "a", 1ULL << 2 | 1, &to) && !to.others);
        assert_int_equal(to.number, 63);
    }
    for (const struct gate_route *r = NULL;
         (r = gate_table_find(t, "a", tried, &others)) != NULL;) {
        assert_int_equal(tried & 1ULL << r->number, 0);
        assert_int_equal(others, tried == 0);
        tried |= 1ULL << r->number;
    }
    assert_int_equal(tried, 1ULL << 63 | 1ULL << 2);
    assert_false(gate_table_route(t, "a", tried, &to));
}

/* Several instances of one name take turns; who goes and who comes disturbs no other. */
static void test_instances(void **state)
{
    const struct gate_route first[] = { instance(2, 2), instance(0, 10), instance(1, 1),
                                        instance(1, 1), route("b", OTHER, 7, false) };
    const struct gate_route second[] = { instance(0, 10), instance(2, 22),
                                         route("b", OTHER, 7, false), instance(63, 63) };
    struct gate_routes none = { NULL, 0, 0 };
    struct gate_routes one = { NULL, 0, 0 };
    struct gate_routes two = { NULL, 0, 0 };
    struct gate_table *t = gate_table_new();
    unsigned seen[64] = { 0 };
    struct mse_pass_to to = { .app = NULL };
    (void)state;
    assert_non_null(t);
    fill(&one, first, MSE_ARRAY_LEN(first));
    fill(&two, second, MSE_ARRAY_LEN(second));
    assert_int_equal(one.num, 4);
    apply(t, &none, &one);
    for (size_t i = 0; i < 9; i++) {
        assert_true(gate_table_route(t, "a", 0, &to));
        seen[ntohs(to.address.v4.sin_port)]++;
        assert_port(t, "b", 7);
    }
    assert_true(seen[10] == 3 && seen[1] == 3 && seen[2] == 3);
    apply(t, &one, &two);
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < 9; i++) {
        bool others = false;
        const struct gate_route *r = gate_table_find(t, "a", 0, &others);
        assert_non_null(r);
        seen[ntohs(r->address.v4.sin_port)]++;
    }
    assert_int_equal(seen[1], 0);
    assert_true(seen[10] >= 2 && seen[22] >= 2 && seen[63] >= 2);
    assert_true(seen[10] <= 4 && seen[22] <= 4 && seen[63] <= 4);
    gate_table_remove(t, "a", 0);
    assert_others(t);
    gate_table_remove(t, "a", 63);
    assert_port(t, "a", 22);
    assert_port(t, "a", 22);
    gate_table_remove(t, "a", 2);
    assert_port(t, "a", 0);
    assert_no_number(GATE_INSTANCES);
    assert_no_number(255);
    gate_table_free(t);
    gate_routes_clear(&one);
    gate_routes_clear(&two);
}

static size_t count_frames(struct gate_table *t, struct gate_counts *last)
{
    struct mse_build b;
    struct mse_bytes body;
    uint8_t kind = 0;
    size_t num = 0;
    mse_build_heap(&b, 65536);
    gate_table_counts(t, &b);
    struct mse_bytes in = mse_build_view(&b);
    while (gate_next(&in, &kind, &body) && kind != 0) {
        assert_int_equal(kind, GATE_COUNTS);
        assert_true(gate_rd_counts(last, body));
        num++;
    }
    mse_build_clear(&b);
    return num;
}

static void test_counts(void **state)
{
    struct gate_table *t = gate_table_new();
    struct gate_route r = route("a", APP, 1, false);
    struct mse_pass_to to = { .app = NULL };
    struct gate_counts c = { .open = 0 };
    (void)state;
    assert_true(gate_table_set(t, &r) && gate_table_route(t, "a", 0, &to));
    assert_non_null(to.app);
    if (to.app == NULL) { /* the analyzer does not know that it is not */
        return;
    }
    assert_int_equal(count_frames(t, &c), 0);
    to.app->num = 2;
    to.app->accepted = 2;
    to.app->bytes_in = 100;
    mse_times_add(&to.app->connect, 7);
    assert_int_equal(count_frames(t, &c), 1);
    assert_true(c.open == 2 && c.accepted == 2 && c.bytes_in == 100 && c.connect.num == 1);
    to.app->bytes_in = 130; /* only what is new is told */
    assert_int_equal(count_frames(t, &c), 1);
    assert_true(c.open == 2 && c.accepted == 0 && c.bytes_in == 30 && c.connect.num == 0);
    gate_table_remove(t, "a", 0); /* the connections are still there */
    assert_int_equal(count_frames(t, &c), 1);
    to.app->num = 0;
    assert_int_equal(count_frames(t, &c), 1); /* that there are none is told once */
    assert_int_equal(c.open, 0);
    assert_int_equal(count_frames(t, &c), 0);
    gate_table_free(t);
}

static int64_t value_of(const struct gate_value *v, size_t num, const char *name)
{
    for (size_t i = 0; i < num; i++) {
        if (strcmp(v[i].name, name) == 0) {
            return v[i].value;
        }
    }
    return -1;
}

static void test_stats(void **state)
{
    struct gate_stats s = { NULL, 0 };
    struct gate_value v[GATE_NUM_VALUES];
    struct gate_counts c = counts();
    (void)state;
    c.bytes_out = 4000;
    assert_true(gate_stats_add(&s, 0, &c));
    assert_true(gate_stats_add(&s, 1, &c));
    assert_int_equal(s.num, 1);
    size_t num = gate_stat_values(v, s.apps, 2000);
    assert_int_equal(num, GATE_NUM_VALUES);
    assert_int_equal(value_of(v, num, "amount_of_connection"), 6);
    assert_int_equal(value_of(v, num, "throughput_in"), 1000);
    assert_int_equal(value_of(v, num, "throughput_out"), 4000);
    assert_int_equal(value_of(v, num, "average_connect_time"), 200);
    assert_int_equal(value_of(v, num, "average_response_time"), 5000);
    assert_in_range(value_of(v, num, "response_time_p99"), 5000, 8192);
    gate_stats_reset(&s);
    num = gate_stat_values(v, s.apps, 2000);
    assert_int_equal(num, 3); /* nothing was timed */
    assert_int_equal(value_of(v, num, "amount_of_connection"), 6);
    assert_int_equal(gate_stat_values(v, s.apps, 0), 3);
    gate_stats_worker_ended(&s, 0);
    assert_true(s.apps->fresh && gate_stat_open(s.apps) == 3);
    gate_stats_worker_ended(&s, 1);
    gate_stats_reset(&s);
    assert_int_equal(s.num, 0);
    assert_true(gate_stats_add(&s, 15, &c));
    gate_stats_clear(&s);
    assert_int_equal(s.num, 0);
}

/* A route is served with the key that was verified, at the address where it was. */
static void test_checks(void **state)
{
    static const uint8_t pin[32] = { 9 };
    struct gate_route r = route("a", APP, 1, false);
    struct gate_routes wanted = { NULL, 0, 0 };
    struct gate_routes sealed = { NULL, 0, 0 };
    struct gate_routes passed = { NULL, 0, 0 };
    struct gate_checks c = { NULL, 0 };
    const struct gate_route end = route("end", APP, 99, false);
    bool news = false;
    (void)state;
    fill(&wanted, &r, 1);
    assert_true(gate_checks_take(&c, &wanted));
    assert_true(gate_checks_routes(&c, &sealed, &passed, &end.address));
    assert_int_equal(sealed.num + passed.num, 0);
    struct gate_check *due = gate_checks_due(&c, 0);
    assert_non_null(due);
    assert_true(gate_checks_put(&c, &r, NULL, 1000, &news) && news);
    assert_null(gate_checks_due(&c, 1000 + GATE_CHECK_AGAIN_MS - 1));
    assert_true(gate_checks_put(&c, &r, NULL, 2000, &news) && !news);
    assert_non_null(gate_checks_due(&c, 2000 + GATE_CHECK_AGAIN_MS));
    assert_true(gate_checks_put(&c, &r, pin, 3000, &news) && news);
    assert_true(gate_checks_routes(&c, &sealed, &passed, &end.address));
    assert_true(sealed.num == 1 && passed.num == 1);
    assert_memory_equal(sealed.items[0].spki_sha256, pin, sizeof pin);
    assert_int_equal(ntohs(sealed.items[0].address.v4.sin_port), 1);
    assert_int_equal(ntohs(passed.items[0].address.v4.sin_port), 99);
    assert_true(mse_mem_is_zero(passed.items[0].spki_sha256, 32));
    assert_true(gate_checks_take(&c, &wanted)); /* it is remembered */
    assert_true(c.items[0].good);
    wanted.items[0].spki_sha256[0] = 1; /* as its node says, it is another one */
    assert_true(gate_checks_take(&c, &wanted));
    assert_true(c.num == 1 && !c.items[0].good);
    assert_false(gate_checks_put(&c, &r, pin, 4000, &news)); /* nobody asks for that one now */
    gate_routes_clear(&wanted);
    assert_true(gate_checks_take(&c, &wanted));
    assert_int_equal(c.num, 0);
    gate_checks_clear(&c);
    gate_routes_clear(&sealed);
    gate_routes_clear(&passed);
}

/* Each is verified by itself; the worker that ends TLS chooses among them. */
static void test_checks_of_instances(void **state)
{
    static const uint8_t pin[32] = { 9 };
    const struct gate_route two[] = { instance(0, 1), instance(1, 2) };
    const struct gate_route end = route("end", APP, 99, false);
    struct gate_routes wanted = { NULL, 0, 0 };
    struct gate_routes sealed = { NULL, 0, 0 };
    struct gate_routes passed = { NULL, 0, 0 };
    struct gate_checks c = { NULL, 0 };
    bool news = false;
    (void)state;
    fill(&wanted, two, MSE_ARRAY_LEN(two));
    assert_true(gate_checks_take(&c, &wanted));
    assert_true(gate_checks_put(&c, &two[1], pin, 1, &news) && news);
    assert_true(gate_checks_routes(&c, &sealed, &passed, &end.address));
    assert_true(sealed.num == 1 && sealed.items[0].number == 1);
    assert_true(gate_checks_put(&c, &two[0], pin, 1, &news) && news);
    sealed.num = 0;
    passed.num = 0;
    assert_true(gate_checks_routes(&c, &sealed, &passed, &end.address));
    gate_routes_sort(&sealed);
    gate_routes_sort(&passed);
    assert_int_equal(sealed.num, 2);
    assert_true(passed.num == 1 && passed.items[0].number == 0);
    struct gate_route moved = two[1];
    moved.number = 2; /* the same place under another number is another instance */
    assert_false(gate_checks_put(&c, &moved, pin, 2, &news));
    gate_checks_clear(&c);
    gate_routes_clear(&wanted);
    gate_routes_clear(&sealed);
    gate_routes_clear(&passed);
}

static void assert_content(const struct gate_files *f, const char *chain, const char *key)
{
    struct mse_build b;
    struct mse_bytes body;
    struct gate_identity id = { .chain_pem = { .len = 0 } };
    uint8_t kind = 0;
    mse_build_heap(&b, GATE_FRAME_MAX + 8);
    gate_files_write(f, &b);
    struct mse_bytes in = mse_build_view(&b);
    assert_true(gate_next(&in, &kind, &body) && gate_rd_identity(&id, body));
    assert_true(mse_bytes_is_str(id.chain_pem, chain) && mse_bytes_is_str(id.key_pem, key));
    mse_build_clear(&b);
}

static void test_files(void **state)
{
    char *dir = test_tmpdir();
    char chain[512];
    char key[512];
    struct mse_error err = { 0 };
    struct gate_files f;
    bool changed = false;
    (void)state;
    (void)snprintf(chain, sizeof chain, "%.400s/chain", dir);
    (void)snprintf(key, sizeof key, "%.400s/key", dir);
    gate_files_init(&f, chain, key);
    assert_status(gate_files_read(&f, &changed, &err), MSE_ERR_CONFIG);
    test_write_file(chain, mse_bytes_str("one"));
    test_write_file(key, mse_bytes_str("two"));
    assert_status(gate_files_read(&f, &changed, &err), MSE_OK);
    assert_true(changed);
    assert_content(&f, "one", "two");
    assert_status(gate_files_read(&f, &changed, &err), MSE_OK);
    assert_false(changed);
    test_write_file(key, mse_bytes_str("three"));
    assert_status(gate_files_read(&f, &changed, &err), MSE_OK);
    assert_true(changed);
    assert_content(&f, "one", "three");
    test_write_file(key, mse_bytes_str("")); /* what was there stays */
    assert_status(gate_files_read(&f, &changed, &err), MSE_ERR_CONFIG);
    assert_content(&f, "one", "three");
    gate_files_clear(&f);
    test_tmpdir_remove(dir);
}

/* ---- ways to enclaves */

#define FILLERS 16

/* A socket that takes nobody: its queue is full. */
struct silent {
    int fds[1 + FILLERS];
    uint16_t port;
};

static int listen_at(uint16_t *port, int backlog)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
                listen(fd, backlog) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void be_silent(struct silent *s)
{
    s->fds[0] = listen_at(&s->port, 0);
    const struct gate_route r = route("a", APP, s->port, false);
    for (size_t i = 1; i <= FILLERS; i++) {
        s->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(s->fds[i] >= 0);
        (void)connect(s->fds[i], &r.address.any, sizeof r.address.v4);
    }
}

struct found {
    unsigned calls;
    bool taken;
    uint8_t number;
};

static void note_way(void *user, const struct gate_route *r, int fd)
{
    struct found *f = user;
    f->calls++;
    f->taken = r != NULL;
    f->number = r == NULL ? 0 : r->number;
    if (fd >= 0) {
        int error = 1;
        socklen_t len = sizeof error;
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
        assert_int_equal(error, 0);
        assert_int_equal(close(fd), 0);
    }
}

/* Whom "a" meets, where its instances are at these ports. */
static struct found look_for(const uint16_t *ports, size_t num, unsigned connect_ms)
{
    uv_loop_t loop;
    struct found f = { .calls = 0 };
    struct gate_table *t = gate_table_new();
    assert_true(t != NULL && uv_loop_init(&loop) == 0);
    for (size_t i = 0; i < num; i++) {
        struct gate_route r = instance((uint8_t)i, ports[i]);
        assert_true(gate_table_set(t, &r));
    }
    const struct gate_way_config c = { &loop, t, connect_ms };
    assert_true(gate_way_find(&c, "a", note_way, &f));
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    gate_table_free(t);
    assert_int_equal(f.calls, 1);
    return f;
}

/* Who refuses, and who does not answer, is left for somebody else. */
static void test_ways(void **state)
{
    struct silent s;
    uint16_t dead = 0;
    uint16_t alive = 0;
    (void)state;
    be_silent(&s);
    assert_int_equal(close(listen_at(&dead, 1)), 0);
    int fd = listen_at(&alive, 16);
    struct found f = look_for((const uint16_t[]) { alive }, 1, 60000);
    assert_true(f.taken && f.number == 0);
    f = look_for((const uint16_t[]) { dead, s.port, alive, dead }, 4, 8000);
    assert_true(f.taken && f.number == 2);
    f = look_for((const uint16_t[]) { s.port, alive }, 2, 8000);
    assert_true(f.taken && f.number == 1);
    assert_false(look_for((const uint16_t[]) { dead, dead }, 2, 60000).taken);
    assert_false(look_for((const uint16_t[]) { s.port, dead, s.port }, 3, 200).taken);
    assert_false(look_for((const uint16_t[]) { s.port }, 1, 100).taken);
    assert_false(look_for(NULL, 0, 60000).taken);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < MSE_ARRAY_LEN(s.fds); i++) {
        assert_int_equal(close(s.fds[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),    cmocka_unit_test(test_ids),
        cmocka_unit_test(test_no_frames), cmocka_unit_test(test_routes),
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_stats),
        cmocka_unit_test(test_checks),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_instances), cmocka_unit_test(test_checks_of_instances),
        cmocka_unit_test(test_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
