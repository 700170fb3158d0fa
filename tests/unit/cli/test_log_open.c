/* SPDX-License-Identifier: Apache-2.0 */
/* Logs that were sealed for their owner, as whoever kept them may show them. */
#include "lib/testlib.h"

#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/log_open.h"
#include "cli/sealed_box.h"
#include "crypto/x25519.h"
#include "package/log_record.h"

struct keys {
    uint8_t owner[32];
    uint8_t owner_secret[32];
    uint8_t enclave[32];
    uint8_t enclave_secret[32];
};

static void feed(struct cli_log_open *o, const struct keys *k, uint8_t boot, uint64_t sequence)
{
    uint8_t shared[32];
    uint8_t record[MSE_LOG_LARGE];
    uint8_t box[MSE_LOG_LARGE + 64];
    char text[2 * sizeof box];
    static const char start[] = "app: info: " MSE_LOG_SEALED;
    struct mse_build b;
    struct mse_build sealed;
    struct mse_log_record r = { .kind = MSE_LOG_OUT,
                                .sequence = sequence,
                                .text = mse_bytes_str("a line") };
    memset(r.boot, boot, sizeof r.boot);
    memcpy(r.enclave, k->enclave, sizeof r.enclave);
    mse_build_fixed(&b, record, sizeof record);
    mse_build_fixed(&sealed, box, sizeof box);
    assert_status(mse_log_shared(shared, k->enclave_secret, k->owner), MSE_OK);
    assert_status(mse_log_record_write(&b, &r, shared), MSE_OK);
    assert_status(cli_seal(&sealed, mse_build_view(&b), k->owner, NULL), MSE_OK);
    mse_base64url_encode(text, mse_build_view(&sealed));
    cli_log_open_feed(o, start, sizeof start - 1);
    cli_log_open_feed(o, text, strlen(text));
    cli_log_open_feed(o, "\n", 1);
}

static void open_as(struct cli_log_open *o, const struct keys *k, struct cli_log_boots *boots,
                    unsigned instance)
{
    *o = (struct cli_log_open) { .opens = true,
                                 .has_enclave = true,
                                 .tail = true,
                                 .instance = instance,
                                 .boots = boots,
                                 .lines = json_array() };
    memcpy(o->secret, k->owner_secret, sizeof o->secret);
    memcpy(o->enclave, k->enclave, sizeof o->enclave);
}

static void make_keys(struct keys *k)
{
    assert_status(mse_x25519_generate(k->owner_secret, k->owner), MSE_OK);
    assert_status(mse_x25519_generate(k->enclave_secret, k->enclave), MSE_OK);
}

/* Of each instance its own, whatever stands between them. */
static void instances_are_in_order_each_by_itself(void **state)
{
    struct keys k;
    struct cli_log_open first;
    struct cli_log_open other;
    static struct cli_log_boots boots;
    (void)state;
    boots.num = 0;
    make_keys(&k);
    open_as(&first, &k, &boots, 0);
    open_as(&other, &k, &boots, 1);
    feed(&first, &k, 1, 7);
    feed(&other, &k, 2, 0);
    feed(&first, &k, 1, 8);
    feed(&other, &k, 2, 1);
    feed(&other, &k, 3, 0); /* it was started again */
    feed(&first, &k, 1, 9);
    assert_false(first.bad);
    assert_false(other.bad);
    json_decref(first.lines);
    json_decref(other.lines);
}

/* What is left out of one instance's records does not go unseen where the rest is shown as those of
 * another. */
static void a_start_is_of_one_instance(void **state)
{
    struct keys k;
    struct cli_log_open first;
    struct cli_log_open other;
    static struct cli_log_boots boots;
    (void)state;
    boots.num = 0;
    make_keys(&k);
    open_as(&first, &k, &boots, 0);
    open_as(&other, &k, &boots, 5);
    feed(&first, &k, 1, 0);
    feed(&other, &k, 1, 4);
    assert_false(first.bad);
    assert_true(other.bad);
    json_decref(first.lines);
    json_decref(other.lines);
}

static void starts_that_are_too_many_are_no_order(void **state)
{
    struct keys k;
    struct cli_log_open first;
    static struct cli_log_boots boots;
    (void)state;
    make_keys(&k);
    memset(&boots, 0xff, sizeof boots);
    boots.num = CLI_LOG_MAX_BOOTS;
    open_as(&first, &k, &boots, 0);
    feed(&first, &k, 1, 0);
    assert_true(first.bad);
    json_decref(first.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_in_order_each_by_itself),
        cmocka_unit_test(a_start_is_of_one_instance),
        cmocka_unit_test(starts_that_are_too_many_are_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
