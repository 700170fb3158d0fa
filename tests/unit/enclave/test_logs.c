/* SPDX-License-Identifier: Apache-2.0 */
/* What the app prints: sealed for the owner, who sees what is missing or made up; or not at all. */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x25519.h"
#include "enclave/logs.h"
#include "enclave/sealed.h"
#include "lib/testlib.h"
#include "net/loop.h"
#include "package/log_record.h"

#define SECRET_WORD "hunter2"

struct bench {
    uv_loop_t loop;
    struct mse_identity id;
    uint8_t owner_secret[32];
    uint8_t owner[32];
    struct mse_logs logs;
    struct mse_logs_config cfg;
    int out[2];
    int err[2];
    int log;          /* what the host sees */
    int saved_stderr; /* ours */
    char text[200000];
};

static void bench_init(struct bench *b, enum mse_logs_rule rule)
{
    memset(b, 0, sizeof *b);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_status(mse_x25519_generate(b->owner_secret, b->owner), MSE_OK);
    assert_status(mse_x25519_generate(b->id.x25519_secret, b->id.x25519_public), MSE_OK);
    memset(b->id.boot, 0xb0, sizeof b->id.boot);
    b->cfg = (struct mse_logs_config) {
        .loop = &b->loop, .rule = rule, .owner_key = b->owner, .identity = &b->id
    };
    assert_int_equal(pipe2(b->out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b->err, O_CLOEXEC), 0);
    b->log = memfd_create("log", MFD_CLOEXEC);
    b->saved_stderr = dup(STDERR_FILENO);
    assert_true(b->log >= 0 && b->saved_stderr >= 0);
    assert_status(mse_logs_start(&b->logs, &b->cfg, b->out[0], b->err[0], NULL), MSE_OK);
}

static void say(struct bench *b, int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)fflush(stderr);
    assert_true(dup2(b->log, STDERR_FILENO) >= 0);
    mse_logs_flush(&b->logs);
    assert_true(dup2(b->saved_stderr, STDERR_FILENO) >= 0);
}

/* What the host has seen so far. */
static const char *seen(struct bench *b)
{
    ssize_t n = pread(b->log, b->text, sizeof b->text - 1, 0);
    assert_true(n >= 0);
    b->text[n] = '\0';
    return b->text;
}

static void bench_clear(struct bench *b)
{
    (void)close(b->out[1]);
    (void)close(b->err[1]);
    mse_logs_stop(&b->logs);
    assert_true(mse_mem_is_zero(b->logs.shared, sizeof b->logs.shared));
    mse_net_loop_clear(&b->loop);
    (void)close(b->log);
    (void)close(b->saved_stderr);
}

/* The next sealed record behind *at, opened; its content in room, which r borrows. */
static bool next_record(const struct bench *b, const char **at, struct mse_log_record *r,
                        uint8_t room[MSE_LOG_LARGE], size_t *len)
{
    static const char mark[] = "app: info: " MSE_LOG_SEALED;
    const char *line = strstr(*at, mark);
    if (line == NULL) {
        return false;
    }
    line += sizeof mark - 1;
    size_t digits = strcspn(line, "\n");
    uint8_t box[1024];
    size_t box_len = 0;
    struct mse_build content;
    assert_true(
        mse_base64url_decode(box, sizeof box, &box_len, mse_bytes_of((const void *)line, digits)));
    assert_true(box_len == MSE_LOG_SMALL + MSE_SEALED_EXTRA ||
                box_len == MSE_LOG_LARGE + MSE_SEALED_EXTRA);
    mse_build_fixed(&content, room, MSE_LOG_LARGE);
    assert_int_equal(crypto_box_seal_open(room, box, box_len, b->owner, b->owner_secret), 0);
    *len = box_len - MSE_SEALED_EXTRA;
    assert_status(mse_log_record_read(r, mse_bytes_of(room, *len)), MSE_OK);
    *at = line + digits;
    return true;
}

static void sealed_for_the_owner(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, MSE_LOGS_OWNER);
    char lines[600];
    (void)snprintf(lines, sizeof lines, "password " SECRET_WORD "\n\nx\n%0400d\n", 7);
    say(&b, b.out[1], lines);
    say(&b, b.err[1], "to stderr\n");
    assert_null(strstr(seen(&b), SECRET_WORD));
    assert_null(strstr(seen(&b), "stderr"));
    char last[100];
    mse_logs_last(&b.logs, last, sizeof last);
    assert_string_equal(last, ""); /* nothing for the report of a failure */
    static const size_t lens[] = { 16, 1, 400, 9 };
    const char *at = seen(&b);
    struct mse_log_record r = { .sequence = 0 };
    uint8_t room[MSE_LOG_LARGE];
    uint8_t shared[32];
    size_t len = 0;
    assert_status(mse_log_shared(shared, b.owner_secret, b.id.x25519_public), MSE_OK);
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(next_record(&b, &at, &r, room, &len));
        assert_int_equal(r.sequence, i);
        assert_int_equal(r.kind, i < 3 ? MSE_LOG_OUT : MSE_LOG_ERR);
        assert_int_equal(r.text.len, lens[i]);
        assert_int_equal(len, lens[i] > 156 ? MSE_LOG_LARGE : MSE_LOG_SMALL);
        assert_memory_equal(r.boot, b.id.boot, sizeof r.boot);
        assert_memory_equal(r.enclave, b.id.x25519_public, sizeof r.enclave);
        assert_true(mse_log_record_is_of(mse_bytes_of(room, len), shared));
    }
    assert_false(next_record(&b, &at, &r, room, &len));
    bench_clear(&b);
}

/* More lines than may be written: how many were lost is a record too, and no number is left out. */
static void a_flood_is_counted(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, MSE_LOGS_OWNER);
    for (unsigned i = 0; i < MSE_LOGS_BURST_BOX + 50; i++) {
        say(&b, b.out[1], "again\n");
    }
    uint64_t lost = b.logs.dropped;
    assert_true(lost > 0);
    b.logs.tokens = 5;
    say(&b, b.out[1], "after it\n");
    const char *at = seen(&b);
    struct mse_log_record r = { .sequence = 0 };
    uint8_t room[MSE_LOG_LARGE];
    size_t len = 0;
    uint64_t want = 0;
    bool told = false;
    while (next_record(&b, &at, &r, room, &len)) {
        assert_int_equal(r.sequence, want);
        want++;
        told = told || r.kind == MSE_LOG_DROPPED;
    }
    assert_true(told);
    assert_bytes(r.text, mse_bytes_str("after it"));
    bench_clear(&b);
}

static void none_writes_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, MSE_LOGS_NONE);
    say(&b, b.out[1], SECRET_WORD "\n");
    say(&b, b.err[1], SECRET_WORD "\n");
    assert_string_equal(seen(&b), "");
    char last[100];
    mse_logs_last(&b.logs, last, sizeof last);
    assert_string_equal(last, "");
    bench_clear(&b);
}

static void a_key_that_is_none(void **state)
{
    (void)state;
    static const uint8_t zeros[32] = { 0 };
    uv_loop_t loop;
    struct mse_logs l = { 0 };
    struct mse_identity id = { .boot = { 0 } };
    int out[2];
    int err[2];
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    assert_status(mse_x25519_generate(id.x25519_secret, id.x25519_public), MSE_OK);
    const struct mse_logs_config c = {
        .loop = &loop, .rule = MSE_LOGS_OWNER, .owner_key = zeros, .identity = &id
    };
    assert_status(mse_logs_start(&l, &c, out[0], err[0], NULL), MSE_ERR_ARGUMENT);
    (void)close(out[1]);
    (void)close(err[1]);
    mse_net_loop_clear(&loop);
}

/* ---- records ---- */

static void record_forms(void **state)
{
    (void)state;
    uint8_t enclave_secret[32];
    uint8_t owner_secret[32];
    uint8_t owner[32];
    uint8_t shared[32];
    uint8_t theirs[32];
    uint8_t room[MSE_LOG_LARGE + 1];
    struct mse_build b;
    struct mse_log_record back;
    struct mse_log_record r = { .kind = MSE_LOG_ERR,
                                .sequence = 0x0102030405060708,
                                .time_ms = 1767225600123,
                                .text = mse_bytes_str("text") };
    assert_status(mse_x25519_generate(enclave_secret, r.enclave), MSE_OK);
    assert_status(mse_x25519_generate(owner_secret, owner), MSE_OK);
    assert_status(mse_log_shared(shared, enclave_secret, owner), MSE_OK);
    assert_status(mse_log_shared(theirs, owner_secret, r.enclave), MSE_OK);
    assert_memory_equal(shared, theirs, 32);
    mse_build_fixed(&b, room, sizeof room);
    assert_status(mse_log_record_write(&b, &r, shared), MSE_OK);
    assert_int_equal(b.len, MSE_LOG_SMALL);
    assert_status(mse_log_record_read(&back, mse_build_view(&b)), MSE_OK);
    assert_true(back.sequence == r.sequence && back.time_ms == r.time_ms && back.kind == r.kind);
    assert_bytes(back.text, r.text);
    assert_true(mse_log_record_is_of(mse_build_view(&b), shared));
    for (size_t i = 0; i < b.len; i++) {
        assert_status(mse_log_record_read(&back, mse_bytes_of(room, i)), MSE_ERR_MALFORMED);
        for (unsigned bit = 0; bit < 8; bit++) { /* each bit counts */
            room[i] ^= (uint8_t)(1U << bit);
            assert_false(mse_log_record_is_of(mse_build_view(&b), shared));
            room[i] ^= (uint8_t)(1U << bit);
        }
    }
    room[MSE_LOG_SMALL] = 0;
    assert_status(mse_log_record_read(&back, mse_bytes_of(room, MSE_LOG_SMALL + 1)),
                  MSE_ERR_MALFORMED);
    room[0] = 2; /* another version */
    assert_status(mse_log_record_read(&back, mse_build_view(&b)), MSE_ERR_MALFORMED);
    room[0] = 1;
    room[1] = 4; /* another kind */
    assert_status(mse_log_record_read(&back, mse_build_view(&b)), MSE_ERR_MALFORMED);
    room[1] = 2;
    room[MSE_LOG_SMALL - 1] = 1; /* padding */
    assert_status(mse_log_record_read(&back, mse_build_view(&b)), MSE_ERR_MALFORMED);
    uint8_t big[MSE_LOG_TEXT_MAX + 1] = { 0 };
    r.text = mse_bytes_of(big, sizeof big);
    assert_status(mse_log_record_write(&b, &r, shared), MSE_ERR_ARGUMENT);
    r.text.len--;
    mse_build_fixed(&b, room, sizeof room);
    assert_status(mse_log_record_write(&b, &r, shared), MSE_OK);
    assert_int_equal(b.len, MSE_LOG_LARGE);
    assert_status(mse_log_record_read(&back, mse_build_view(&b)), MSE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_for_the_owner), cmocka_unit_test(a_flood_is_counted),
        cmocka_unit_test(none_writes_nothing),  cmocka_unit_test(a_key_that_is_none),
        cmocka_unit_test(record_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
