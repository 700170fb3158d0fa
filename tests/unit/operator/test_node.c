/* SPDX-License-Identifier: Apache-2.0 */
/* What msed node asks its lanes, and what becomes of the answers. */
#include "lib/testlib.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "operator/node.h"

#define TURN_MS 5
#define TURNS   12000 /* a minute */

struct bench {
    struct msed m; /* without a store: this lane needs none */
    struct node n;
    struct node_lane *lane;
    struct node_app a;
};

static int set_up(void **state)
{
    struct mse_error err = { 0 };
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->n.m = &b->m;
    b->n.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(b->n.wake_fd >= 0);
    (void)snprintf(b->a.app.leader.address, sizeof b->a.app.leader.address, "127.0.0.1");
    assert_int_equal(node_lane_start(&b->lane, &b->n, false, &err), MSE_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    assert_true(node_lane_stop(b->lane));
    (void)close(b->n.wake_fd);
    free(b);
    return 0;
}

static void await_answer(struct bench *b)
{
    for (unsigned i = 0; node_slot_waits(b->lane, &b->a.name); i++) {
        assert_true(i < TURNS);
        (void)poll(NULL, 0, TURN_MS);
    }
}

/* text only tells one question from another. */
static enum node_said ask(struct bench *b, const char *text)
{
    struct mse_error err = { 0 };
    struct node_ask q = { .word = NODE_FIND };
    (void)snprintf(q.text, sizeof q.text, "%s", text);
    enum node_said said = node_lane_ask(b->lane, &b->a.name, &b->a, &q, &err);
    if (said == NODE_DONE) {
        assert_string_equal(q.host, "127.0.0.1");
    }
    return said;
}

static bool hint(struct bench *b)
{
    struct node_ask q = { .word = NODE_FIND, .text = "hint" };
    bool idle = b->a.name.state == NODE_IDLE; /* nobody else has it now */
    node_lane_hint(b->lane, &b->a.name, &b->a, &q);
    await_answer(b);
    return idle && b->a.name.state == NODE_IDLE;
}

static void test_answer(void **state)
{
    struct bench *b = *state;
    assert_int_equal(ask(b, "one"), NODE_PENDING);
    await_answer(b);
    assert_int_equal(ask(b, "one"), NODE_DONE);
    assert_int_equal(ask(b, "one"), NODE_PENDING); /* a question of its own */
    await_answer(b);
    assert_int_equal(ask(b, "two"), NODE_PENDING); /* who asks something else gives it up */
    await_answer(b);
    assert_int_equal(ask(b, "one"), NODE_PENDING);
    await_answer(b);
    assert_int_equal(ask(b, "one"), NODE_DONE);
    assert_true(hint(b));
}

/* The list of the store may say so first: then nobody comes for the answer, and logs and metrics of
 * the app are not to wait for that. */
static void test_answer_that_nobody_wants(void **state)
{
    struct bench *b = *state;
    assert_int_equal(ask(b, "one"), NODE_PENDING);
    await_answer(b);
    assert_false(hint(b)); /* somebody may still come */
    node_slot_tidy(b->lane, &b->a.name);
    assert_int_equal(ask(b, "one"), NODE_DONE); /* as here */
    assert_int_equal(ask(b, "one"), NODE_PENDING);
    await_answer(b);
    node_slot_tidy(b->lane, &b->a.name);
    node_slot_tidy(b->lane, &b->a.name);
    assert_true(hint(b));
    assert_int_equal(ask(b, "one"), NODE_PENDING); /* no answer of then */
    await_answer(b);
    assert_int_equal(ask(b, "one"), NODE_DONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_that_nobody_wants, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
