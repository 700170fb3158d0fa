/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of the local CA are renewed while clients of CONNECT are there. */
#include "lib/testlib.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/proxy_ca.h"
#include "net/loop.h"
#include "proxy/inner.h"

static char *folder;
static struct cli quiet;
static struct cli_proxy_ca ca;
static struct mse_build leaf;
static struct mse_proxy_app one;
static struct mse_proxy_config config;
static struct proxy *p;

static int set_up(void **state)
{
    static const char *const names[] = { "a.example" };
    struct mse_error err = { 0 };
    (void)state;
    quiet.program = &mse_program;
    quiet.json = true;
    folder = test_tmpdir();
    assert_int_equal(setenv("MSE_CONF_PATH", folder, 1), 0);
    assert_int_equal(cli_proxy_ca_open(&ca, &quiet, names, 1, false), CLI_DONE);
    mse_build_heap(&leaf, 32768);
    assert_int_equal(cli_proxy_ca_leaf(&leaf, &ca, "a.example", &err), MSE_OK);
    one = (struct mse_proxy_app) { .domain = "a.example",
                                   .port = 443,
                                   .leaf_chain = mse_build_view(&leaf),
                                   .leaf_key = mse_privkey_evp_borrow(ca.leaf_key) };
    config = (struct mse_proxy_config) {
        .port = 8080, .num_apps = 1, .apps = &one, .max_connections = 4, .reattest_ms = 60000
    };
    p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->cfg = &config;
    assert_int_equal(uv_loop_init(&p->loop), 0);
    mse_build_fixed(&p->cipher, p->cipher_buf, sizeof p->cipher_buf);
    return app_init(&p->apps[0], p, 0, &err) == MSE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    while (p->visits.oldest != NULL) {
        visit_close((struct visit *)p->visits.oldest, true);
    }
    mse_net_loop_clear(&p->loop);
    app_clear(&p->apps[0]);
    free(p);
    mse_build_clear(&leaf);
    cli_proxy_ca_clear(&ca);
    test_tmpdir_remove(folder);
    return 0;
}

/* A client of CONNECT; returns its end. */
static int enter(void)
{
    static const char head[] = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n";
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(write(ends[1], head, sizeof head - 1), sizeof head - 1);
    assert_true(visit_new(p, ends[0]));
    return ends[1];
}

static void ends_what_the_last_leaf_but_one_serves(void **state)
{
    struct mse_error err = { 0 };
    (void)state;
    int old = enter();
    assert_int_equal(p->num_visits, 1);
    assert_int_equal(((struct visit *)p->visits.oldest)->stage, VISIT_SHAKE);
    assert_true(app_renew(&p->apps[0], &err));
    assert_int_equal(p->num_visits, 1);
    int newer = enter();
    assert_int_equal(p->num_visits, 2);
    assert_true(app_renew(&p->apps[0], &err));
    assert_int_equal(p->num_visits, 1); /* its server is there no more */
    visit_turn((struct visit *)p->visits.oldest);
    (void)close(old);
    (void)close(newer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_what_the_last_leaf_but_one_serves),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
