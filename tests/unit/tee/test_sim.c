/* SPDX-License-Identifier: Apache-2.0 */
/* The sim driver against launchers that lie, stammer or keep silent. Replies are put on the socket
 * before the question is asked, so no second process is needed. */
#include "lib/testlib.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "tee/driver.h"
#include "tee/frame.h"

#define MRENCLAVE_BYTE 0x11
#define MANIFEST       "{\"a\":1}"

struct fixture {
    int peer;
    struct mse_tee *tee;
};

static void put(int fd, const void *p, size_t len)
{
    assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void put_frame(int fd, uint8_t type, struct mse_bytes payload)
{
    struct mse_build b;
    mse_build_heap(&b, 2 * (size_t)MSE_SIM_MAX_FRAME);
    mse_sim_frame_write(&b, type, payload);
    assert_true(mse_build_ok(&b));
    put(fd, b.data, b.len);
    mse_build_clear(&b);
}

static void put_info(int fd)
{
    uint8_t info[64];
    memset(info, MRENCLAVE_BYTE, 32);
    assert_status(mse_sha256(info + 32, mse_bytes_str(MANIFEST)), MSE_OK);
    put_frame(fd, MSE_SIM_REPLY | MSE_SIM_REQ_INFO, mse_bytes_of(info, sizeof info));
}

static void take_frame(int fd, uint8_t type, size_t payload_len)
{
    uint8_t buf[1024];
    struct mse_sim_frame f;
    ssize_t n = recv(fd, buf, MSE_SIM_FRAME_HEAD + payload_len, MSG_WAITALL);
    assert_int_equal(n, (ssize_t)(MSE_SIM_FRAME_HEAD + payload_len));
    struct mse_bytes in = mse_bytes_of(buf, (size_t)n);
    assert_status(mse_sim_frame_take(&f, &in), MSE_OK);
    assert_int_equal(f.type, type);
    assert_int_equal(f.payload.len, payload_len);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int pair[2];
    assert_non_null(f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    put_info(pair[1]);
    assert_status(mse_tee_sim.open(&f->tee, pair[0], NULL), MSE_OK);
    take_frame(pair[1], MSE_SIM_REQ_INFO, 0);
    f->peer = pair[1];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mse_tee_sim.close(f->tee);
    if (f->peer >= 0) {
        (void)close(f->peer);
    }
    free(f);
    return 0;
}

static void test_table(void **state)
{
    (void)state;
    assert_string_equal(mse_tee_sim.name, "sim");
    assert_int_equal(mse_tee_sim.kind, MSE_TEE_SGX);
    mse_tee_sim.close(NULL);
}

static void test_manifest(void **state)
{
    struct fixture *f = *state;
    struct mse_error err = { 0 };
    assert_status(mse_tee_sim.check_manifest(f->tee, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    assert_status(mse_tee_sim.check_manifest(f->tee, mse_bytes_str(MANIFEST "\n"), &err),
                  MSE_ERR_MANIFEST_MISMATCH);
    assert_non_null(strstr(err.text, "but the TEE measured"));
}

static void test_key(void **state)
{
    struct fixture *f = *state;
    uint8_t seen[32];
    uint8_t wanted[32];
    memset(wanted, 0x33, sizeof wanted);
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(wanted, sizeof wanted));
    assert_status(mse_tee_sim.seal_key(f->tee, seen, NULL, NULL), MSE_OK);
    assert_memory_equal(seen, wanted, sizeof seen);
    take_frame(f->peer, MSE_SIM_REQ_KEY, 0);
}

/* An error reply is an answer: the next question is still possible. */
static void test_refusal(void **state)
{
    struct fixture *f = *state;
    uint8_t key[32] = { 0 };
    struct mse_error err = { 0 };
    put_frame(f->peer, MSE_SIM_ERROR, mse_bytes_str("no \033[0m today"));
    assert_status(mse_tee_sim.seal_key(f->tee, key, NULL, &err), MSE_ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "no "));
    assert_null(strchr(err.text, '\033'));
    assert_true(mse_mem_is_zero(key, sizeof key));
    test_key(state);
}

/* After each of these nothing is asked any more. */
static void check_broken(struct fixture *f, mse_status wanted)
{
    uint8_t key[32] = { 0 };
    struct mse_error err = { 0 };
    assert_status(mse_tee_sim.seal_key(f->tee, key, NULL, &err), wanted);
    assert_true(err.text[0] != '\0');
    assert_true(mse_mem_is_zero(key, sizeof key));
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(key, sizeof key));
    struct mse_error again = { 0 };
    assert_status(mse_tee_sim.seal_key(f->tee, key, NULL, &again), MSE_ERR_PROTOCOL);
    assert_non_null(strstr(again.text, "earlier"));
    mse_tee_sim.event(f->tee, MSE_TEE_EVENT_READY, "not sent");
}

static void answer_count(struct fixture *f, uint8_t there, uint64_t count, size_t cut)
{
    uint8_t reply[9];
    struct mse_build b;
    mse_build_fixed(&b, reply, sizeof reply);
    mse_wr_u8(&b, there);
    mse_wr_u64be(&b, count);
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_COUNTER,
              mse_bytes_of(reply, sizeof reply - cut));
}

static void test_counter(void **state)
{
    struct fixture *f = *state;
    static const uint8_t id[16] = { 0x07, 0x08 };
    uint8_t asked[MSE_SIM_FRAME_HEAD + 17];
    uint64_t count = 0;
    for (uint8_t advance = 0; advance < 2; advance++) {
        answer_count(f, 1, UINT64_C(0x0102030405060708) + advance, 0);
        assert_status(mse_tee_sim.counter(f->tee, &count, id, advance == 1, NULL), MSE_OK);
        assert_int_equal(count, UINT64_C(0x0102030405060708) + advance);
        assert_int_equal(recv(f->peer, asked, sizeof asked, MSG_WAITALL), sizeof asked);
        assert_int_equal(asked[MSE_SIM_FRAME_HEAD - 1], MSE_SIM_REQ_COUNTER);
        assert_memory_equal(asked + MSE_SIM_FRAME_HEAD, id, sizeof id);
        assert_int_equal(asked[MSE_SIM_FRAME_HEAD + 16], advance);
    }
}

/* That there is none is an answer, not the end. */
static void test_no_counter(void **state)
{
    struct fixture *f = *state;
    static const uint8_t id[16];
    uint64_t count = 7;
    answer_count(f, 0, 0, 0);
    assert_status(mse_tee_sim.counter(f->tee, &count, id, true, NULL), MSE_ERR_UNSUPPORTED);
    assert_int_equal(count, 7);
    take_frame(f->peer, MSE_SIM_REQ_COUNTER, 17);
    test_key(state);
}

static void test_no_count(void **state)
{
    static const struct {
        uint8_t there;
        uint64_t count;
        size_t cut;
    } rows[] = { { 2, 1, 0 }, { 0, 1, 0 }, { 1, 1, 1 } };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        static const uint8_t id[16];
        void *own = NULL;
        uint64_t count = 7;
        assert_int_equal(setup(&own), 0);
        struct fixture *f = own;
        answer_count(f, rows[i].there, rows[i].count, rows[i].cut);
        assert_status(mse_tee_sim.counter(f->tee, &count, id, false, NULL), MSE_ERR_PROTOCOL);
        assert_int_equal(count, 7);
        check_broken(f, MSE_ERR_PROTOCOL);
        assert_int_equal(teardown(&own), 0);
    }
}

static void test_short_key(void **state)
{
    struct fixture *f = *state;
    uint8_t zeros[33] = { 0 };
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(zeros, 31));
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_long_key(void **state)
{
    struct fixture *f = *state;
    uint8_t zeros[33] = { 0 };
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(zeros, 33));
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_reply_to_something_else(void **state)
{
    struct fixture *f = *state;
    uint8_t zeros[32] = { 0 };
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_QUOTE, mse_bytes_of(zeros, 32));
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_two_replies(void **state)
{
    struct fixture *f = *state;
    uint8_t zeros[32] = { 0 };
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(zeros, 32));
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_KEY, mse_bytes_of(zeros, 32));
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_length_zero(void **state)
{
    struct fixture *f = *state;
    put(f->peer, "\0\0\0\0", 4);
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_length_too_great(void **state)
{
    struct fixture *f = *state;
    put(f->peer, "\0\001\0\001", 4);
    check_broken(f, MSE_ERR_PROTOCOL);
}

static void test_hang_up(void **state)
{
    struct fixture *f = *state;
    uint8_t key[32];
    put(f->peer, "\0\0\0\041\202half", 9);
    (void)close(f->peer);
    f->peer = -1;
    assert_status(mse_tee_sim.seal_key(f->tee, key, NULL, NULL), MSE_ERR_IO);
    mse_tee_sim.event(f->tee, MSE_TEE_EVENT_READY, "nobody there");
}

/* Takes the ten seconds that the driver waits. */
static void test_silence(void **state)
{
    struct fixture *f = *state;
    check_broken(f, MSE_ERR_TIMEOUT);
}

/* Something of the size of a quote, with its marks, but no quote. */
static void test_no_quote(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[600] = { 3, 0, 2 };
    uint8_t report_data[64] = { 1 };
    struct mse_build out;
    mse_build_heap(&out, MSE_SIM_MAX_FRAME);
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_QUOTE, mse_bytes_of(bytes, sizeof bytes));
    assert_status(mse_tee_sim.quote(f->tee, &out, report_data, NULL),
                  MSE_ERR_UNSUPPORTED_QE_VENDOR);
    assert_int_equal(out.len, 0);
    mse_build_clear(&out);
    take_frame(f->peer, MSE_SIM_REQ_QUOTE, 64);
}

/* The form of a quote, unsigned: who signs it is not the driver's question. */
static size_t make_quote(uint8_t *buf, size_t cap, const uint8_t report_data[64], uint8_t mr)
{
    static const uint8_t vendor[] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                      0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    uint8_t mr_enclave[32];
    struct mse_build b;
    memset(mr_enclave, mr, sizeof mr_enclave);
    mse_build_fixed(&b, buf, cap);
    mse_wr_u16le(&b, 3);
    mse_wr_u16le(&b, 2);
    mse_wr_zeros(&b, 8);
    mse_wr_copy(&b, vendor, sizeof vendor);
    mse_wr_zeros(&b, 20);
    mse_wr_zeros(&b, 64);
    mse_wr_copy(&b, mr_enclave, 32);
    mse_wr_zeros(&b, 320 - 96);
    mse_wr_copy(&b, report_data, 64);
    mse_wr_u32le(&b, 64 + 64 + 384 + 64 + 2 + 2 + 4 + 1);
    mse_wr_zeros(&b, 64 + 64 + 384 + 64);
    mse_wr_u16le(&b, 0);
    mse_wr_u16le(&b, 5);
    mse_wr_u32le(&b, 1);
    mse_wr_u8(&b, 0);
    assert_true(mse_build_ok(&b));
    return b.len;
}

static mse_status ask_quote(const struct fixture *f, size_t *out_len, size_t cap,
                            const uint8_t sent[64], uint8_t mr)
{
    uint8_t quote[2048];
    uint8_t report_data[64] = { 1, 2, 3 };
    struct mse_build out;
    mse_build_heap(&out, cap);
    size_t len = make_quote(quote, sizeof quote, sent, mr);
    put_frame(f->peer, MSE_SIM_REPLY | MSE_SIM_REQ_QUOTE, mse_bytes_of(quote, len));
    mse_status st = mse_tee_sim.quote(f->tee, &out, report_data, NULL);
    *out_len = out.len;
    mse_build_clear(&out);
    return st;
}

static void test_quote(void **state)
{
    uint8_t report_data[64] = { 1, 2, 3 };
    size_t len = 0;
    assert_status(ask_quote(*state, &len, 4096, report_data, MRENCLAVE_BYTE), MSE_OK);
    assert_int_equal(len, 48 + 384 + 4 + 585);
    assert_status(ask_quote(*state, &len, 100, report_data, MRENCLAVE_BYTE), MSE_ERR_NO_SPACE);
}

static void test_quote_of_other_data(void **state)
{
    uint8_t report_data[64] = { 1, 2, 4 };
    size_t len = 0;
    assert_status(ask_quote(*state, &len, 4096, report_data, MRENCLAVE_BYTE), MSE_ERR_PROTOCOL);
    assert_int_equal(len, 0);
}

static void test_quote_of_other_enclave(void **state)
{
    uint8_t report_data[64] = { 1, 2, 3 };
    size_t len = 0;
    assert_status(ask_quote(*state, &len, 4096, report_data, 0x12), MSE_ERR_PROTOCOL);
    assert_int_equal(len, 0);
}

static void test_event(void **state)
{
    struct fixture *f = *state;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    mse_tee_sim.event(f->tee, MSE_TEE_EVENT_READY, "up");
    take_frame(f->peer, MSE_SIM_EVENT, 3);
    mse_tee_sim.event(f->tee, MSE_TEE_EVENT_STOPPING, NULL);
    take_frame(f->peer, MSE_SIM_EVENT, 1);
    mse_tee_sim.event(f->tee, MSE_TEE_EVENT_FAILED, text);
    take_frame(f->peer, MSE_SIM_EVENT, 1 + 512);
}

/* A launcher that takes no more events costs a moment, not the program. */
static void test_full_socket(void **state)
{
    struct fixture *f = *state;
    char text[512];
    uint8_t key[32];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 2000; i++) {
        mse_tee_sim.event(f->tee, MSE_TEE_EVENT_STARTING, text);
    }
    assert_status(mse_tee_sim.seal_key(f->tee, key, NULL, NULL), MSE_ERR_PROTOCOL);
}

static void test_open_refuses(void **state)
{
    (void)state;
    struct mse_tee *t = NULL;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_status(mse_tee_sim.open(&t, fds[0], NULL), MSE_ERR_ARGUMENT);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    (void)close(fds[1]);
    assert_status(mse_tee_sim.open(&t, -1, NULL), MSE_ERR_ARGUMENT);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    put_frame(fds[1], MSE_SIM_REPLY | MSE_SIM_REQ_INFO, mse_bytes_str("too short"));
    assert_status(mse_tee_sim.open(&t, fds[0], NULL), MSE_ERR_PROTOCOL);
    (void)close(fds[1]);
    assert_null(t);
}

static void test_frames(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0, 0, 0, 3, 7, 'a', 'b', 0, 0, 0, 1, 8, 9 };
    struct mse_sim_frame f;
    for (size_t n = 0; n < 7; n++) {
        struct mse_bytes cut = mse_bytes_of(bytes, n);
        assert_status(mse_sim_frame_take(&f, &cut), MSE_ERR_NOT_FOUND);
        assert_int_equal(cut.len, n);
    }
    struct mse_bytes in = mse_bytes_of(bytes, sizeof bytes);
    assert_status(mse_sim_frame_take(&f, &in), MSE_OK);
    assert_int_equal(f.type, 7);
    assert_bytes(f.payload, mse_bytes_str("ab"));
    assert_status(mse_sim_frame_take(&f, &in), MSE_OK);
    assert_int_equal(f.type, 8);
    assert_int_equal(f.payload.len, 0);
    assert_int_equal(in.len, 1);
}

static void test_frame_limits(void **state)
{
    (void)state;
    static uint8_t big[MSE_SIM_MAX_FRAME];
    struct mse_build b;
    struct mse_sim_frame f;
    mse_build_heap(&b, 2 * sizeof big);
    mse_sim_frame_write(&b, 1, mse_bytes_of(big, sizeof big));
    assert_false(mse_build_ok(&b));
    mse_build_reset(&b);
    mse_sim_frame_write(&b, 1, mse_bytes_of(big, sizeof big - 1));
    struct mse_bytes in = mse_build_view(&b);
    assert_status(mse_sim_frame_take(&f, &in), MSE_OK);
    assert_int_equal(f.payload.len, sizeof big - 1);
    assert_int_equal(in.len, 0);
    mse_build_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_open_refuses),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_frame_limits),
        cmocka_unit_test_setup_teardown(test_manifest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_counter, setup, teardown),
        cmocka_unit_test(test_no_count),
        cmocka_unit_test_setup_teardown(test_short_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reply_to_something_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_length_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_length_too_great, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hang_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_quote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote_of_other_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote_of_other_enclave, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_socket, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
