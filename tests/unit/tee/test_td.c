/* SPDX-License-Identifier: Apache-2.0 */
/* TDs on kernels without configfs-tsm: a stand-in of /dev/tdx_guest, and one of the host's quote
 * generation service, which lies in every way that it can. */
#include "lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attest/world.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/tsm_tree.h"
#include "tee/driver.h"
#include "tee/qgs.h"

#define MANIFEST "{\"version\":1}"
#define HEAD_LEN 24 /* of a message with its first two numbers */
#define TDREPORT 1024

/* What the service does with the next question. */
enum lie {
    HONEST,
    CLOSES,      /* at once */
    SILENT_HALF, /* half of the length, then it closes */
    HALF,        /* half of the message, then it closes */
    LENGTH_ZERO, /* in front */
    LENGTH_HUGE, /* in front */
    OTHER_TD,    /* a genuine quote of another TD */
    OTHER_DATA,  /* of this one, over other data */
    OTHER_OWNER, /* of one that differs in MROWNER only */
    OTHER_RTMR,  /* … in RTMR2 only */
    NO_QUOTE,    /* an error code */
    NOT_A_QUOTE, /* bytes */
    WITH_KEY_ID, /* honest, and says which key it took */
};

struct td {
    struct world *world;
    struct tsm_knobs knobs;
    struct tsm_tree *tree; /* NULL: no FUSE here */
    char *dir;
    char path[128];
    int listen_fd;
    pthread_t service;
    pthread_mutex_t lock; /* of the world */
    _Atomic enum lie lie;
    _Atomic unsigned asked;
    _Atomic bool bad_request;
};

/* ---- the TDX module ---- */

static int td_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct td *t = arg;
    (void)pthread_mutex_lock(&t->lock);
    const struct mse_tdx_report *td = &t->world->td;
    memcpy(t->world->td.report_data, report_data, 64);
    mse_wr_zeros(out, 128);
    mse_wr_copy(out, report_data, 64);
    mse_wr_zeros(out, 320);
    mse_wr_u64le(out, td->td_attributes);
    mse_wr_u64le(out, td->xfam);
    mse_wr_copy(out, td->mr_td, 48);
    mse_wr_copy(out, td->mr_config_id, 48);
    mse_wr_copy(out, td->mr_owner, 48);
    mse_wr_copy(out, td->mr_owner_config, 48);
    mse_wr_copy(out, td->rtmr, sizeof td->rtmr);
    mse_wr_zeros(out, TDREPORT - out->len);
    (void)pthread_mutex_unlock(&t->lock);
    return mse_build_ok(out) && out->len == TDREPORT ? 0 : EIO;
}

/* ---- the host's service ---- */

static void spoil(struct mse_tdx_report *td, enum lie lie)
{
    td->mr_td[3] ^= lie == OTHER_TD ? 1 : 0;
    td->report_data[9] ^= lie == OTHER_DATA ? 1 : 0;
    td->mr_owner[5] ^= lie == OTHER_OWNER ? 1 : 0;
    td->rtmr[2][7] ^= lie == OTHER_RTMR ? 1 : 0;
}

static void make_quote(struct td *t, struct mse_build *out, enum lie lie)
{
    (void)pthread_mutex_lock(&t->lock);
    spoil(&t->world->td, lie);
    world_make(t->world);
    spoil(&t->world->td, lie);
    if (lie == NOT_A_QUOTE) {
        mse_wr_str(out, "no quote at all");
    } else if (lie != NO_QUOTE) {
        mse_wr_bytes(out, mse_build_view(&t->world->quote));
    }
    (void)pthread_mutex_unlock(&t->lock);
}

/* A message, with its length. */
static void write_answer(struct mse_build *out, struct mse_bytes quote, enum lie lie)
{
    uint32_t id_len = lie == WITH_KEY_ID ? 16 : 0;
    uint32_t len = HEAD_LEN + id_len + (uint32_t)quote.len;
    mse_wr_u32be(out, lie == LENGTH_ZERO ? 0 : lie == LENGTH_HUGE ? UINT32_MAX : len);
    mse_wr_u16le(out, 1);
    mse_wr_u16le(out, 1);
    mse_wr_u32le(out, 1);
    mse_wr_u32le(out, len);
    mse_wr_u32le(out, lie == NO_QUOTE ? 0x12001 : 0);
    mse_wr_u32le(out, id_len);
    mse_wr_u32le(out, (uint32_t)quote.len);
    mse_wr_zeros(out, id_len);
    mse_wr_bytes(out, quote);
}

/* As the service reads it: qgs_msg_inflate_get_quote_req of qgs_msg_lib. */
static bool good_request(const struct td *t, struct mse_bytes in)
{
    static const uint8_t head[28] = { 0, 0, 4, 0x18, 1, 0, 0, 0, 0, 0, 0, 0, 0x18, 4,
                                      0, 0, 0, 0,    0, 0, 0, 4, 0, 0, 0, 0, 0,    0 };
    return in.len == sizeof head + TDREPORT && memcmp(in.data, head, sizeof head) == 0 &&
           memcmp(in.data + sizeof head + 128, t->world->td.report_data, 64) == 0;
}

static void serve_one(struct td *t, int fd)
{
    uint8_t request[28 + TDREPORT];
    struct mse_build quote;
    struct mse_build answer;
    enum lie lie = t->lie;
    t->asked++;
    if (lie == CLOSES || !mse_io_read_exact(fd, request, sizeof request)) {
        return;
    }
    t->bad_request = t->bad_request || !good_request(t, mse_bytes_of(request, sizeof request));
    mse_build_heap(&quote, 1U << 20);
    mse_build_heap(&answer, 1U << 20);
    make_quote(t, &quote, lie);
    write_answer(&answer, mse_build_view(&quote), lie);
    size_t len = lie == SILENT_HALF ? 2 : lie == HALF ? answer.len / 2 : answer.len;
    (void)!mse_io_write(fd, mse_bytes_of(answer.data, len));
    mse_build_clear(&quote);
    mse_build_clear(&answer);
}

static void *serve(void *arg)
{
    struct td *t = arg;
    int fd = -1;
    while ((fd = accept(t->listen_fd, NULL, NULL)) >= 0) {
        serve_one(t, fd);
        (void)close(fd);
    }
    return NULL;
}

/* ---- fixtures ---- */

static int setup(void **state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct td *t = calloc(1, sizeof *t);
    void *part = NULL;
    assert_non_null(t);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pthread_mutex_init(&t->lock, NULL), 0);
    (void)world_setup(&part);
    t->world = part;
    t->dir = test_tmpdir();
    (void)snprintf(t->path, sizeof t->path, "%.100s/qgs", t->dir);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.100s/qgs", t->dir);
    t->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(t->listen_fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(t->listen_fd, 8), 0);
    assert_int_equal(pthread_create(&t->service, NULL, serve, t), 0);
    t->tree = tsm_tree_start(&t->knobs);
    if (t->tree == NULL) {
        print_message("# no FUSE on this machine: the driver is not tested\n");
    }
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct td *t = *state;
    void *part = t->world;
    if (t->tree != NULL) {
        tsm_tree_stop(t->tree);
    }
    (void)shutdown(t->listen_fd, SHUT_RDWR);
    (void)pthread_join(t->service, NULL);
    (void)close(t->listen_fd);
    (void)world_teardown(&part);
    (void)pthread_mutex_destroy(&t->lock);
    test_tmpdir_remove(t->dir);
    free(t);
    return 0;
}

static int defaults(void **state)
{
    struct td *t = *state;
    void *part = t->world;
    (void)world_defaults_tdx(&part);
    t->lie = HONEST;
    t->asked = 0;
    t->knobs = (struct tsm_knobs) {
        .no_reports = true, .no_device = true, .td = td_report, .arg = t, .qgs = t->path
    };
    return mse_sha384(t->world->td.mr_config_id, mse_bytes_str(MANIFEST)) == MSE_OK ? 0 : -1;
}

#define NEED_FUSE(t)                                                                               \
    do {                                                                                           \
        if ((t)->tree == NULL) {                                                                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static mse_status open_td(const struct td *t, struct mse_tee **out, struct mse_error *err)
{
    return mse_tee_tdx.open(out, tsm_tree_open(t->tree), err);
}

/* ---- the driver ---- */

static void quotes(void **state)
{
    struct td *t = *state;
    struct mse_tee *tee = NULL;
    struct mse_tdx_quote q;
    struct mse_build out;
    NEED_FUSE(t);
    assert_status(open_td(t, &tee, NULL), MSE_OK);
    assert_status(mse_tee_tdx.check_manifest(tee, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    mse_build_heap(&out, 65536);
    for (int i = 0; i < 2; i++) {
        const uint8_t data[64] = { 7, (uint8_t)i };
        t->lie = i == 0 ? HONEST : WITH_KEY_ID;
        mse_build_reset(&out);
        assert_status(mse_tee_tdx.quote(tee, &out, data, NULL), MSE_OK);
        assert_status(mse_tdx_quote_parse(&q, mse_build_view(&out), NULL), MSE_OK);
        assert_memory_equal(q.body.report_data, data, 64);
    }
    assert_int_equal(t->asked, 3);
    assert_false(t->bad_request);
    mse_tee_tdx.close(tee);
    mse_build_clear(&out);
}

static void host_lies(void **state)
{
    static const struct {
        enum lie lie;
        mse_status wanted;
    } cases[] = {
        { CLOSES, MSE_ERR_IO },
        { SILENT_HALF, MSE_ERR_IO },
        { HALF, MSE_ERR_IO },
        { LENGTH_ZERO, MSE_ERR_PROTOCOL },
        { LENGTH_HUGE, MSE_ERR_PROTOCOL },
        { OTHER_TD, MSE_ERR_PROTOCOL },
        { OTHER_DATA, MSE_ERR_PROTOCOL },
        { OTHER_OWNER, MSE_ERR_PROTOCOL },
        { OTHER_RTMR, MSE_ERR_PROTOCOL },
        { NO_QUOTE, MSE_ERR_PROTOCOL },
        { NOT_A_QUOTE, MSE_ERR_UNSUPPORTED_VERSION },
    };
    struct td *t = *state;
    static const uint8_t data[64] = { 7 };
    struct mse_tee *tee = NULL;
    struct mse_build out;
    NEED_FUSE(t);
    assert_status(open_td(t, &tee, NULL), MSE_OK);
    mse_build_heap(&out, 65536);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_error err = { 0 };
        t->lie = cases[i].lie;
        mse_status st = mse_tee_tdx.quote(tee, &out, data, &err);
        if (st != cases[i].wanted) {
            print_message("# %u: %s\n", (unsigned)cases[i].lie, err.text);
        }
        assert_status(st, cases[i].wanted);
        assert_true(err.text[0] != '\0');
        assert_int_equal(out.len, 0);
    }
    mse_tee_tdx.close(tee);
    tee = NULL;
    t->lie = OTHER_OWNER; /* nor does it begin so */
    assert_status(open_td(t, &tee, NULL), MSE_ERR_PROTOCOL);
    assert_null(tee);
    mse_build_clear(&out);
}

static void kernel_errors(void **state)
{
    static const struct {
        int error;
        mse_status wanted;
    } cases[] = {
        { EINTR, MSE_OK },
        { EIO, MSE_ERR_IO },
        { ENOTTY, MSE_ERR_UNSUPPORTED },
        { ENODEV, MSE_ERR_UNSUPPORTED },
    };
    struct td *t = *state;
    NEED_FUSE(t);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_tee *tee = NULL;
        t->knobs.error = cases[i].error;
        t->knobs.error_times = 1;
        assert_status(open_td(t, &tee, NULL), cases[i].wanted);
        assert_int_equal(t->knobs.error_times, 0);
        mse_tee_tdx.close(tee);
    }
}

/* Neither socket nor vsock, which has nobody at such a port; nor a device. */
static void nobody_there(void **state)
{
    struct td *t = *state;
    struct mse_tee *tee = NULL;
    struct mse_error err = { 0 };
    NEED_FUSE(t);
    t->knobs.qgs = NULL;
    t->knobs.conf = "# of a host that runs nothing there\nport = 4294967294\n";
    assert_status(open_td(t, &tee, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "quote generation service cannot be reached"));
    t->knobs.td = NULL;
    err = (struct mse_error) { 0 };
    assert_status(open_td(t, &tee, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no /dev/tdx_guest"));
    assert_null(tee);
    assert_int_equal(t->asked, 0);
}

/* ---- messages ---- */

static mse_status read_answer(struct mse_bytes answer, struct mse_bytes *quote)
{
    struct mse_error err = { 0 };
    *quote = (struct mse_bytes) { 0 };
    mse_status st = mse_qgs_read(quote, answer, &err);
    assert_status(err.status, st);
    assert_true((quote->data == NULL) == (st != MSE_OK));
    return st;
}

static void answers(void **state)
{
    (void)state;
    struct mse_bytes quote;
    struct mse_build b;
    mse_build_heap(&b, 4096);
    for (enum lie lie = HONEST; lie <= WITH_KEY_ID; lie += WITH_KEY_ID) {
        mse_build_reset(&b);
        write_answer(&b, mse_bytes_str("quote"), lie);
        struct mse_bytes good = mse_bytes_of(b.data + 4, b.len - 4);
        assert_status(read_answer(good, &quote), MSE_OK);
        assert_bytes(quote, mse_bytes_str("quote"));
        for (size_t len = 0; len < good.len; len++) {
            assert_status(read_answer(mse_bytes_of(good.data, len), &quote), MSE_ERR_PROTOCOL);
        }
        /* Each bit of the head but those of the minor version counts. */
        for (size_t i = 0; i < (size_t)8 * HEAD_LEN; i++) {
            b.data[4 + i / 8] ^= (uint8_t)(1U << i % 8);
            assert_status(read_answer(good, &quote),
                          i / 8 == 2 || i / 8 == 3 ? MSE_OK : MSE_ERR_PROTOCOL);
            b.data[4 + i / 8] ^= (uint8_t)(1U << i % 8);
        }
        mse_wr_u8(&b, 0);
        assert_status(read_answer(mse_bytes_of(b.data + 4, b.len - 4), &quote), MSE_ERR_PROTOCOL);
    }
    mse_build_reset(&b);
    write_answer(&b, mse_bytes_str(""), HONEST);
    assert_status(read_answer(mse_bytes_of(b.data + 4, b.len - 4), &quote), MSE_ERR_PROTOCOL);
    mse_build_clear(&b);
}

static void ports(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t wanted; /* 0: none */
    } cases[] = {
        { "port=4050", 4050 },
        { "port = 4050\n", 4050 },
        { " \tport\t=\t1 \r\nport=2\n", 1 },
        { "# port=7\nx=1\nport=8\n", 8 },
        { "port=4294967294\n", 4294967294 },
        { "port=9x\nport=3\n", 3 },
        { "", 0 },
        { "port", 0 },
        { "port=", 0 },
        { "port=0", 0 },
        { "port=-1", 0 },
        { "port=4294967295", 0 }, /* VMADDR_PORT_ANY */
        { "port=99999999999", 0 },
        { "sport=1", 0 },
        { "port 4050", 0 },
        { "port==4050", 0 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint32_t port = 0;
        bool found = mse_qgs_port(&port, mse_bytes_str(cases[i].text));
        assert_int_equal(found, cases[i].wanted != 0);
        assert_int_equal(port, cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quotes, defaults),
        cmocka_unit_test_setup(host_lies, defaults),
        cmocka_unit_test_setup(kernel_errors, defaults),
        cmocka_unit_test_setup(nobody_there, defaults),
        cmocka_unit_test(answers),
        cmocka_unit_test(ports),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
