/* SPDX-License-Identifier: Apache-2.0 */
/* Server names of ClientHellos: those of OpenSSL, one of curl as it went over the wire, and
 * hand-made ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "net/hello.h"
#include "unit/net/hello_lab.h"

#define NAME HELLO_NAME

static uint8_t scratch[MSE_HELLO_MAX];

static void assert_hello(enum mse_hello seen, enum mse_hello wanted)
{
    assert_string_equal(mse_hello_text(seen), mse_hello_text(wanted));
}

static enum mse_hello read_hello(char *name, struct mse_bytes wire)
{
    (void)snprintf(name, MSE_HELLO_NAME_MAX + 1, "untouched");
    enum mse_hello h = mse_hello_read(name, wire, scratch);
    if (h != MSE_HELLO_DONE) {
        assert_string_equal(name, "untouched");
    }
    return h;
}

static void assert_name(struct mse_bytes wire, const char *wanted)
{
    char name[MSE_HELLO_NAME_MAX + 1];
    assert_hello(read_hello(name, wire), MSE_HELLO_DONE);
    assert_string_equal(name, wanted);
}

static void assert_refused(struct mse_bytes wire, enum mse_hello wanted)
{
    char name[MSE_HELLO_NAME_MAX + 1];
    assert_hello(read_hello(name, wire), wanted);
}

static void make(struct mse_build *wire, const struct hello_parts *p)
{
    hello_make(wire, p, 16384);
}

static void assert_parts(const struct hello_parts *p, enum mse_hello wanted)
{
    struct mse_build wire;
    make(&wire, p);
    assert_refused(mse_build_view(&wire), wanted);
    mse_build_clear(&wire);
}

/* What clients send. */

static struct mse_bytes openssl_hello(int max_version, const char *name, BIO **out)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max_version), 1);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    *out = BIO_new(BIO_s_mem());
    assert_true(ssl != NULL && in != NULL && *out != NULL);
    assert_int_equal(BIO_up_ref(*out), 1);
    SSL_set_bio(ssl, in, *out);
    if (name != NULL) {
        char copy[MSE_HELLO_NAME_MAX]; /* the macro drops const */
        (void)snprintf(copy, sizeof copy, "%s", name);
        assert_int_equal(SSL_set_tlsext_host_name(ssl, copy), 1);
    }
    assert_int_equal(SSL_connect(ssl), -1);
    char *data = NULL;
    long len = BIO_get_mem_data(*out, &data);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    assert_true(len > 0);
    return mse_bytes_of(data, (size_t)len);
}

static void test_openssl(void **state)
{
    static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(versions); i++) {
        BIO *out = NULL;
        assert_name(openssl_hello(versions[i], "App.Example.ORG", &out), NAME);
        BIO_free(out);
        assert_refused(openssl_hello(versions[i], NULL, &out), MSE_HELLO_NO_NAME);
        BIO_free(out);
    }
}

/* curl 7.88.1 for https://app.example.org, as it went over the wire, but that its random values are
 * zeros here. The padding at its end is left out. */
static void test_curl(void **state)
{
    static const char hex[] =
        "1603010200010001fc030300000000000000000000000000000000000000000000000000000000000000"
        "00200000000000000000000000000000000000000000000000000000000000000000003e130213031301"
        "c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033"
        "009d009c003d003c0035002f00ff0100017500000014001200000f6170702e6578616d706c652e6f7267"
        "000b000403000102000a00160014001d0017001e00190018010001010102010301040010000e000c0268"
        "3208687474702f312e31001600000017000000310000000d002a0028040305030603080708080809080a"
        "080b080408050806040105010601030303010302040205020602002b0009080304030303020301002d00"
        "020101003300260024001d00200000000000000000000000000000000000000000000000000000000000"
        "000000001500ae";
    uint8_t wire[517] = { 0 };
    (void)state;
    assert_true(mse_hex_decode(wire, strlen(hex) / 2, mse_bytes_str(hex)));
    assert_name(mse_bytes_of(wire, sizeof wire), NAME);
}

/* Forms. */

static void test_accepted(void **state)
{
    static const struct hello_parts cases[] = {
        { .name = NULL },
        { .name = "APP.example.ORG" },
        { .name = "app.example.org." },
        { .grease = true },
        { .ech = true },
        { .others = 1000 },
        { .grease = true, .ech = true, .others = 60, .padding = 12000 },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_build wire;
        make(&wire, &cases[i]);
        assert_name(mse_build_view(&wire), NAME);
        mse_wr_str(&wire, "what comes behind it is not looked at");
        assert_name(mse_build_view(&wire), NAME);
        mse_build_clear(&wire);
    }
}

static void test_longest_name(void **state)
{
    char name[256];
    struct mse_build wire;
    (void)state;
    memset(name, 'a', sizeof name);
    name[63] = name[127] = name[191] = '.';
    name[MSE_HELLO_NAME_MAX] = '\0';
    make(&wire, &(struct hello_parts) { .name = name });
    assert_name(mse_build_view(&wire), name);
    mse_build_clear(&wire);
    name[MSE_HELLO_NAME_MAX] = 'a';
    name[MSE_HELLO_NAME_MAX + 1] = '\0';
    assert_parts(&(struct hello_parts) { .name = name }, MSE_HELLO_BAD_NAME);
}

static void test_refused(void **state)
{
    static const struct {
        struct hello_parts p;
        enum mse_hello wanted;
    } cases[] = {
        { { .no_name = true }, MSE_HELLO_NO_NAME },
        { { .no_extensions = true }, MSE_HELLO_NO_NAME },
        { { .twice = true }, MSE_HELLO_TWICE },
        { { .several = true }, MSE_HELLO_SEVERAL_NAMES },
        { { .major = 2 }, MSE_HELLO_MALFORMED },
        { { .padding = 17000 }, MSE_HELLO_TOO_LONG },
        { { .name = "." }, MSE_HELLO_BAD_NAME },
        { { .name = ".app" }, MSE_HELLO_BAD_NAME },
        { { .name = "app..org" }, MSE_HELLO_BAD_NAME },
        { { .name = "app.org.." }, MSE_HELLO_BAD_NAME },
        { { .name = "app/../org" }, MSE_HELLO_BAD_NAME },
        { { .name = "app example" }, MSE_HELLO_BAD_NAME },
        { { .name = "app\nexample" }, MSE_HELLO_BAD_NAME },
        { { .name = "\xc3\xa4pp.org" }, MSE_HELLO_BAD_NAME },
        { { .name = "[::1]" }, MSE_HELLO_BAD_NAME },
        { { .name = "app.org\0.evil", .name_len = 13 }, MSE_HELLO_BAD_NAME },
        { { .name = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234.org" },
          MSE_HELLO_BAD_NAME },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_parts(&cases[i].p, cases[i].wanted);
    }
}

static void test_other_protocols(void **state)
{
    static const struct {
        const char *wire;
        size_t len;
        enum mse_hello wanted;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", 18, MSE_HELLO_NOT_TLS },
        { "SSH-2.0-OpenSSH_9.2", 19, MSE_HELLO_NOT_TLS },
        { "\x80\x2e\x01\x00\x02", 5, MSE_HELLO_NOT_TLS }, /* SSL 2 */
        { "\x15\x03\x01\x00\x02\x02\x28", 7, MSE_HELLO_NOT_TLS },
        { "\x16\x02\x00\x00\x05\x01", 6, MSE_HELLO_NOT_TLS },
        { "\x16\x03\x05\x00\x05\x01", 6, MSE_HELLO_MALFORMED },
        { "\x16\x03\x01\x00\x00\x01", 6, MSE_HELLO_MALFORMED },
        { "\x16\x03\x01\x40\x01\x01", 6, MSE_HELLO_MALFORMED },
        { "\x16\x03\x01\x00\x05\x02", 6, MSE_HELLO_NOT_HELLO },
        { "\x16\x03\x01\x00\x05\x01\x00\x40\x01", 9, MSE_HELLO_TOO_LONG },
        { "\x16\x03\x01\x00\x05\x01\xff\xff\xff", 9, MSE_HELLO_TOO_LONG },
        { "\x16\x03\x01\x00\x01\x01\x17\x03", 8, MSE_HELLO_NOT_TLS }, /* another kind between */
        { "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10, MSE_HELLO_MALFORMED },
        { "", 0, MSE_HELLO_MORE },
        { "\x16", 1, MSE_HELLO_MORE },
        { "\x16\x03", 2, MSE_HELLO_MORE },
        { "\x16\x03\x01\x40\x00", 5, MSE_HELLO_MORE },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_refused(mse_bytes_of(cases[i].wire, cases[i].len), cases[i].wanted);
    }
}

/* Cut at each byte more is wanted; with each byte changed it is refused, or is still a name. */
static void test_sweeps(void **state)
{
    char name[MSE_HELLO_NAME_MAX + 1];
    struct mse_build wire;
    (void)state;
    hello_make(&wire, &(struct hello_parts) { .grease = true, .others = 5 }, 60);
    for (size_t i = 0; i < wire.len; i++) {
        uint8_t *copy = malloc(i + 1); /* the sanitizer sees what lies behind it */
        assert_non_null(copy);
        memcpy(copy, wire.data, i);
        assert_hello(read_hello(name, mse_bytes_of(copy, i)), MSE_HELLO_MORE);
        free(copy);
    }
    for (size_t i = 0; i < wire.len * 8; i++) {
        wire.data[i / 8] ^= (uint8_t)(1U << (i % 8));
        if (read_hello(name, mse_build_view(&wire)) == MSE_HELLO_DONE) {
            assert_true(strlen(name) > 0 &&
                        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name));
        }
        wire.data[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    assert_name(mse_build_view(&wire), NAME);
    mse_build_clear(&wire);
}

/* Every length inside the message that says one more or less than there is. */
static void test_wrong_lengths(void **state)
{
    /* Offsets of the record: message, session, ciphers, compression, extensions, extension, list,
     * name. */
    static const struct {
        size_t at;
        enum mse_hello more;
        enum mse_hello less;
    } lengths[] = {
        { 8, MSE_HELLO_MORE, MSE_HELLO_MALFORMED },
        { 43, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 77, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 82, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 85, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 89, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 91, MSE_HELLO_MALFORMED, MSE_HELLO_MALFORMED },
        { 94, MSE_HELLO_MALFORMED, MSE_HELLO_SEVERAL_NAMES },
    };
    struct mse_build wire;
    (void)state;
    make(&wire, &(struct hello_parts) { .name = NULL });
    assert_name(mse_build_view(&wire), NAME);
    for (size_t i = 0; i < MSE_ARRAY_LEN(lengths); i++) {
        wire.data[lengths[i].at]++;
        assert_refused(mse_build_view(&wire), lengths[i].more);
        wire.data[lengths[i].at]--;
        wire.data[lengths[i].at]--;
        assert_refused(mse_build_view(&wire), lengths[i].less);
        wire.data[lengths[i].at]++;
    }
    mse_build_clear(&wire);
}

static void test_split(void **state)
{
    static const size_t pieces[] = { 1, 2, 3, 4, 5, 7, 64, 200 };
    struct mse_build wire;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(pieces); i++) {
        hello_make(&wire, &(struct hello_parts) { .grease = true }, pieces[i]);
        assert_name(mse_build_view(&wire), NAME);
        mse_build_clear(&wire);
    }
    hello_make(&wire, &(struct hello_parts) { .padding = 16000 }, 100);
    assert_name(mse_build_view(&wire), NAME);
    mse_build_clear(&wire);
}

/* The longest message; one byte more; too many records. */
static void test_maxima(void **state)
{
    struct hello_parts p = { .padding = 1 };
    struct mse_build wire;
    (void)state;
    make(&wire, &p);
    p.padding += MSE_HELLO_MAX - (wire.len - 5 - 4);
    mse_build_clear(&wire);
    make(&wire, &p); /* two records: the head of the message does not fit into the first */
    assert_int_equal(wire.len, MSE_HELLO_MAX + 4 + 5 + 5);
    assert_name(mse_build_view(&wire), NAME);
    mse_build_clear(&wire);
    p.padding++;
    assert_parts(&p, MSE_HELLO_TOO_LONG);
    p.padding--;
    hello_make(&wire, &p, 10);
    assert_refused(mse_bytes_of(wire.data, MSE_HELLO_WIRE_MAX), MSE_HELLO_MORE);
    assert_refused(mse_bytes_of(wire.data, MSE_HELLO_WIRE_MAX + 1), MSE_HELLO_TOO_LONG);
    mse_build_clear(&wire);
}

static void test_alerts(void **state)
{
    static const struct {
        enum mse_hello h;
        enum mse_alert alert;
    } cases[] = {
        { MSE_HELLO_NOT_TLS, MSE_ALERT_NONE },
        { MSE_HELLO_NOT_HELLO, MSE_ALERT_UNEXPECTED_MESSAGE },
        { MSE_HELLO_TOO_LONG, MSE_ALERT_DECODE_ERROR },
        { MSE_HELLO_MALFORMED, MSE_ALERT_DECODE_ERROR },
        { MSE_HELLO_TWICE, MSE_ALERT_ILLEGAL_PARAMETER },
        { MSE_HELLO_SEVERAL_NAMES, MSE_ALERT_DECODE_ERROR },
        { MSE_HELLO_NO_NAME, MSE_ALERT_MISSING_EXTENSION },
        { MSE_HELLO_BAD_NAME, MSE_ALERT_UNRECOGNIZED_NAME },
    };
    static const uint8_t wanted[] = { 21, 3, 3, 0, 2, 2, 112 };
    uint8_t out[MSE_ALERT_LEN];
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_int_equal(mse_hello_alert(cases[i].h), cases[i].alert);
        assert_true(strlen(mse_hello_text(cases[i].h)) > 0);
    }
    mse_alert_write(out, MSE_ALERT_UNRECOGNIZED_NAME);
    assert_bytes(mse_bytes_of(out, sizeof out), mse_bytes_of(wanted, sizeof wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl),  cmocka_unit_test(test_curl),
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_sweeps),   cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_split),    cmocka_unit_test(test_maxima),
        cmocka_unit_test(test_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
