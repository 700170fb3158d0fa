/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for an heir: who may come, what he gets, and that nobody keeps the others away. */
#include "enclave/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "net/loop.h"
#include "side.h"

#define OLD 0x11
#define NEW 0x22

static char new_hex[] = "2222222222222222222222222222222222222222222222222222222222222222";
static char *new_list[] = { new_hex };

/* The old enclave, with a storage, on a loop. */
struct world {
    struct lab *lab;
    struct side old;
    char *dir;
    int state_fd;
    int listen_fd;
    struct sockaddr_un address;
    struct mse_enclave_clock clock;
    uv_loop_t loop;
    uv_async_t stop; /* the loop */
    struct mse_heir *heir;
    unsigned num_wanted;
};

static void wanted(void *user)
{
    struct world *w = user;
    w->num_wanted++;
    uv_stop(&w->loop);
}

static void on_stop(uv_async_t *a)
{
    uv_stop(a->loop);
}

static mse_status no_counter(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    (void)arg;
    (void)advance;
    *out = 0;
    return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "counter", "there is none");
}

static void open_store(struct world *w)
{
    struct mse_store_config c = { .root = { 7 }, .count = no_counter };
    char path[200];
    w->dir = test_tmpdir();
    w->state_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->state_fd >= 0);
    (void)snprintf(path, sizeof path, "%s/home", w->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    c.state_fd = w->state_fd;
    assert_status(mse_store_create(&w->old.durable.store, &c, w->lab->now, NULL), MSE_OK);
}

static void begin(struct world *w, struct lab *l, unsigned limit_ms)
{
    memset(w, 0, sizeof *w);
    w->lab = l;
    side_init(&w->old, l, OLD);
    w->old.m.upgrade.fingerprints = (struct mse_str_list) { new_list, 1 };
    open_store(w);
    w->address.sun_family = AF_UNIX;
    (void)snprintf(w->address.sun_path, sizeof w->address.sun_path, "%s/heir", w->dir);
    w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->listen_fd, (const struct sockaddr *)&w->address, sizeof w->address),
                     0);
    assert_int_equal(listen(w->listen_fd, 4), 0);
    mse_enclave_clock_init(&w->clock, 0);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_async_init(&w->loop, &w->stop, on_stop), 0);
    const struct mse_heir_config c = { .loop = &w->loop,
                                       .listen_fd = w->listen_fd,
                                       .me = w->old.me,
                                       .limit_ms = limit_ms,
                                       .clock = &w->clock,
                                       .wanted = wanted,
                                       .user = w };
    assert_status(mse_heir_new(&w->heir, &c, NULL), MSE_OK);
}

static bool end(struct world *w, mse_status stored)
{
    mse_heir_close(w->heir);
    mse_net_loop_clear(&w->loop);
    bool given = mse_heir_end(w->heir, stored);
    (void)close(w->listen_fd);
    mse_store_free(w->old.durable.store);
    (void)close(w->state_fd);
    test_tmpdir_remove(w->dir);
    w->old.m.upgrade.fingerprints.num = 0; /* not of the heap */
    w->old.m.upgrade.fingerprints.items = NULL;
    side_clear(&w->old);
    return given;
}

/* The old one closes, without a word. */
static void assert_closed(int fd)
{
    uint8_t c = 0;
    ssize_t n = read(fd, &c, 1);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    (void)close(fd);
}

/* ---- an heir, on a thread ---- */

struct visitor {
    const struct world *w;
    struct side me;
    pthread_t thread;
    int fd;
    mse_status status;
    struct mse_legacy got;
};

static void *inherit(void *arg)
{
    struct visitor *v = arg;
    struct mse_build text;
    struct mse_handover h;
    uint8_t from[32];
    const struct mse_handover_source s = {
        .name = FIXTURE_SAN, .from = from, .named = from, .by_owner = true
    };
    memset(from, OLD, sizeof from);
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_party_handover(&h, &text, &v->me.me, NULL), MSE_OK);
    h.fd = v->fd;
    h.peers = &v->me.peers;
    h.quiet_ms = 20000;
    v->status = side_send_collateral(v->fd, (uint32_t)v->w->lab->json.len, v->w->lab->json)
                    ? mse_handover_take(&v->got, &h, &s, NULL)
                    : MSE_ERR_IO;
    mse_build_clear(&text);
    (void)close(v->fd);
    return NULL;
}

/* He stands at the door before this returns: the thread may run when all is over. */
static void visitor_start(struct visitor *v, const struct world *w)
{
    memset(v, 0, sizeof *v);
    v->w = w;
    side_init(&v->me, w->lab, NEW);
    v->fd = side_visit(&w->address);
    assert_int_equal(pthread_create(&v->thread, NULL, inherit, v), 0);
}

static mse_status visitor_end(struct visitor *v)
{
    assert_int_equal(pthread_join(v->thread, NULL), 0);
    side_clear(&v->me);
    return v->status;
}

/* ---- tests ---- */

static void an_heir_gets_the_last_snapshot(void **state)
{
    static struct world w;
    static struct visitor v;
    uint8_t root[32];
    uint8_t pin[32];
    begin(&w, *state, 20000);
    visitor_start(&v, &w);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT); /* until he is wanted */
    assert_int_equal(w.num_wanted, 1);
    mse_store_pin(w.old.durable.store, root, pin);
    assert_true(end(&w, MSE_OK));
    assert_status(visitor_end(&v), MSE_OK);
    assert_memory_equal(v.got.root, root, 32);
    assert_memory_equal(v.got.index_sha256, pin, 32);
    assert_true(v.got.floor >= w.lab->now);
}

static void without_a_last_snapshot_nothing_is_given(void **state)
{
    static struct world w;
    static struct visitor v;
    begin(&w, *state, 20000);
    visitor_start(&v, &w);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_false(end(&w, MSE_ERR_STORAGE_LIMIT));
    assert_status(visitor_end(&v), MSE_ERR_UPGRADE_REFUSED);
}

/* One of two gets it; the other one is left without a word. */
static void two_at_a_time(void **state)
{
    static struct world w;
    static struct visitor v[2];
    begin(&w, *state, 20000);
    visitor_start(&v[0], &w);
    visitor_start(&v[1], &w);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_true(end(&w, MSE_OK));
    mse_status one = visitor_end(&v[0]);
    mse_status two = visitor_end(&v[1]);
    assert_true((one == MSE_OK) != (two == MSE_OK));
    assert_int_equal(w.num_wanted, 1);
}

static void what_is_no_collateral_is_refused(void **state)
{
    static struct world w;
    static const char junk[] = "{\"pck_crl\":1}";
    begin(&w, *state, 20000);
    int fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, 0, mse_bytes_str("")));
    assert_closed(fd);
    fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, MSE_BUNDLE_MAX_LEN + 1, mse_bytes_str("")));
    assert_closed(fd);
    fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, sizeof junk - 1, mse_bytes_str(junk)));
    assert_closed(fd);
    fd = side_visit(&w.address); /* ends in the middle */
    assert_true(side_send_collateral(fd, 100, mse_bytes_str(junk)));
    (void)shutdown(fd, SHUT_WR);
    assert_closed(fd);
    fd = side_visit(&w.address); /* collateral, and then no TLS */
    assert_true(side_send_collateral(fd, (uint32_t)w.lab->json.len, w.lab->json) &&
                mse_io_write(fd, mse_bytes_str("GET / HTTP/1.1\r\n\r\n")));
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 20000), 1);
    (void)close(fd);
    assert_false(end(&w, MSE_OK));
    assert_int_equal(w.num_wanted, 0);
}

static void *trickle(void *arg)
{
    struct world *w = arg;
    static const uint8_t byte = 1;
    int fd = side_visit(&w->address);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_true(side_send_collateral(fd, MSE_BUNDLE_MAX_LEN, mse_bytes_str("")));
    while (poll(&p, 1, 20) == 0 && mse_io_write(fd, mse_bytes_of(&byte, 1))) {
    }
    assert_closed(fd);
    fd = side_visit(&w->address); /* the next one is served */
    assert_true(side_send_collateral(fd, 0, mse_bytes_str("")));
    assert_closed(fd);
    assert_int_equal(uv_async_send(&w->stop), 0);
    return NULL;
}

/* A byte now and then is not silence, and yet it ends. */
static void whoever_trickles_is_cut_off(void **state)
{
    static struct world w;
    pthread_t thread;
    begin(&w, *state, 300);
    assert_int_equal(pthread_create(&thread, NULL, trickle, &w), 0);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(end(&w, MSE_OK));
    assert_int_equal(w.num_wanted, 0);
}

static void the_end_does_not_wait_for_the_silent(void **state)
{
    static struct world w;
    begin(&w, *state, 3600000);
    int fd = side_visit(&w.address);
    assert_true(side_send_collateral(fd, 100, mse_bytes_str("{")));
    assert_false(end(&w, MSE_OK));
    assert_closed(fd);
    assert_int_equal(w.num_wanted, 0);
}

static void a_socket_that_cannot_be_listened_on_ends_it(void **state)
{
    static struct world w;
    begin(&w, *state, 1000);
    (void)shutdown(w.listen_fd, SHUT_RDWR);
    assert_false(end(&w, MSE_OK));
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_heir_gets_the_last_snapshot),
        cmocka_unit_test(without_a_last_snapshot_nothing_is_given),
        cmocka_unit_test(two_at_a_time),
        cmocka_unit_test(what_is_no_collateral_is_refused),
        cmocka_unit_test(whoever_trickles_is_cut_off),
        cmocka_unit_test(the_end_does_not_wait_for_the_silent),
        cmocka_unit_test(a_socket_that_cannot_be_listened_on_ends_it),
    };
    return cmocka_run_group_tests(tests, lab_setup_today, lab_teardown);
}
