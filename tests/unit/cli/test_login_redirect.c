/* SPDX-License-Identifier: Apache-2.0 */
/* The browser that comes back from an issuer: what it may bring, and what else knocks on the port.
 */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/login_redirect.h"
#include "cmd/listen.h"

#define GOOD "GET /callback?code=abc%2B1&state=st HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

static const struct login_expect want = { .state = "st", .issuer = "https://id.example" };

static mse_status parse(char code[LOGIN_CODE_LEN], const char *head, struct mse_error *err)
{
    return login_answer_parse(code, mse_bytes_str(head), &want, err);
}

static void test_good(void **state)
{
    static const struct {
        const char *head;
        const char *code;
    } good[] = {
        { GOOD, "abc+1" },
        { "GET /callback?state=st&code=a+b HTTP/1.1\r\n\r\n", "a b" },
        { "GET /callback?state=%73t&session_state=x&code=c&iss=https%3A%2F%2Fid.example "
          "HTTP/1.1\r\n\r\n",
          "c" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        char code[LOGIN_CODE_LEN];
        assert_status(parse(code, good[i].head, NULL), MSE_OK);
        assert_string_equal(code, good[i].code);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *query;
        mse_status st;
    } bad[] = {
        { "/callback?code=c&state=other", MSE_ERR_TOKEN_NONCE },
        { "/callback?code=c&state=s", MSE_ERR_TOKEN_NONCE },
        { "/callback?code=c", MSE_ERR_TOKEN_NONCE },
        { "/callback", MSE_ERR_TOKEN_NONCE },
        { "/callback?error=access_denied", MSE_ERR_TOKEN_NONCE },
        { "/callback?error=access_denied&error_description=no&state=st", MSE_ERR_PEER_REFUSED },
        { "/callback?error=e&code=c&state=st", MSE_ERR_PEER_REFUSED },
        { "/callback?code=c&state=st&iss=https%3A%2F%2Fevil.example", MSE_ERR_TOKEN_ISSUER },
        { "/callback?state=st", MSE_ERR_MALFORMED },
        { "/callback?code=&state=st", MSE_ERR_MALFORMED },
        { "/callback?code=a&code=b&state=st", MSE_ERR_MALFORMED },
        { "/callback?state=other&state=st&code=c", MSE_ERR_MALFORMED },
        { "/callback?code=%&state=st", MSE_ERR_MALFORMED },
        { "/callback?code=%4&state=st", MSE_ERR_MALFORMED },
        { "/callback?code=%zz&state=st", MSE_ERR_MALFORMED },
        { "/callback?code=a%00b&state=st", MSE_ERR_MALFORMED },
        { "/?code=c&state=st", MSE_ERR_NOT_FOUND },
        { "/favicon.ico", MSE_ERR_NOT_FOUND },
        { "/callback/?code=c&state=st", MSE_ERR_NOT_FOUND },
        { "", MSE_ERR_NOT_FOUND },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        char code[LOGIN_CODE_LEN] = "as it was";
        char head[512];
        struct mse_error err = { 0 };
        (void)snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n\r\n", bad[i].query);
        assert_status(parse(code, head, &err), bad[i].st);
        assert_int_equal(err.status, bad[i].st);
        assert_string_equal(code, "as it was");
    }
    char code[LOGIN_CODE_LEN];
    assert_status(parse(code, "POST /callback?code=c&state=st HTTP/1.1\r\n\r\n", NULL),
                  MSE_ERR_NOT_FOUND);
}

/* What the issuer says is shown, but moves no cursor. */
static void test_issuers_words(void **state)
{
    char code[LOGIN_CODE_LEN];
    struct mse_error err = { 0 };
    (void)state;
    assert_status(
        parse(code,
              "GET /callback?state=st&error=a%1b[2Jb&error_description=%E2%80%AEx HTTP/1.1\r\n\r\n",
              &err),
        MSE_ERR_PEER_REFUSED);
    assert_non_null(strstr(err.text, "a?[2Jb"));
    assert_null(strchr(err.text, 27));
}

static void test_lengths(void **state)
{
    char code[LOGIN_CODE_LEN];
    char head[LOGIN_CODE_LEN + 100];
    char text[LOGIN_CODE_LEN + 1];
    (void)state;
    memset(text, 'c', sizeof text);
    (void)snprintf(head, sizeof head, "GET /callback?state=st&code=%.*s HTTP/1.1\r\n\r\n",
                   LOGIN_CODE_LEN - 1, text);
    assert_status(parse(code, head, NULL), MSE_OK);
    assert_int_equal(strlen(code), LOGIN_CODE_LEN - 1);
    (void)snprintf(head, sizeof head, "GET /callback?state=st&code=%.*s HTTP/1.1\r\n\r\n",
                   LOGIN_CODE_LEN, text);
    assert_status(parse(code, head, NULL), MSE_ERR_MALFORMED);
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        mse_status st = login_answer_parse(code, mse_bytes_of(GOOD, i), &want, NULL);
        assert_true(st != MSE_OK || i >= strlen("GET /callback?code=abc%2B1&state=st HTTP/1."));
    }
}

/* A real port. */
struct visit {
    uint16_t port;
    const char *requests[4]; /* one connection each; "": nothing is sent */
    char page[2048];         /* the answer to the last */
    pthread_t thread;
};

static int connect_to(uint16_t port)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    union {
        struct sockaddr_in in;
        struct sockaddr any;
    } to = { .in = a };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &to.any, sizeof to.in), 0);
    return fd;
}

static void *come(void *arg)
{
    struct visit *v = arg;
    int idle = -1;
    for (size_t i = 0; i < MSE_ARRAY_LEN(v->requests) && v->requests[i] != NULL; i++) {
        int fd = connect_to(v->port);
        size_t len = strlen(v->requests[i]);
        size_t at = 0;
        ssize_t n = 0;
        if (len == 0) {
            idle = fd;
            continue;
        }
        /* In two halves: a request comes as it likes. */
        (void)!write(fd, v->requests[i], len / 2);
        (void)!write(fd, v->requests[i] + len / 2, len - len / 2);
        while ((n = read(fd, v->page + at, sizeof v->page - 1 - at)) > 0) {
            at += (size_t)n;
        }
        v->page[at] = '\0';
        (void)close(fd);
    }
    if (idle >= 0) {
        (void)close(idle);
    }
    return NULL;
}

static mse_status visit(struct visit *v, char code[LOGIN_CODE_LEN], unsigned seconds)
{
    int listener = -1;
    char why[128];
    assert_true(cli_listen(&listener, &v->port, "127.0.0.1:0", why, sizeof why));
    assert_int_equal(pthread_create(&v->thread, NULL, come, v), 0);
    mse_status st = login_wait(code, listener, seconds, &want, NULL);
    assert_int_equal(close(listener), 0);
    assert_int_equal(pthread_join(v->thread, NULL), 0);
    return st;
}

static void test_visits(void **state)
{
    char code[LOGIN_CODE_LEN] = "";
    (void)state;
    /* A spare connection, an icon, nonsense, and the answer. */
    struct visit v = { .requests = { "", "GET /favicon.ico HTTP/1.1\r\n\r\n", "\r\n\r\n", GOOD } };
    assert_status(visit(&v, code, 20), MSE_OK);
    assert_string_equal(code, "abc+1");
    assert_non_null(strstr(v.page, "200 OK"));
    assert_non_null(strstr(v.page, "You may close this window."));
    assert_null(strstr(v.page, "abc"));
    struct visit wrong = { .requests = { "GET /callback?code=x&state=y HTTP/1.1\r\n\r\n" } };
    assert_status(visit(&wrong, code, 20), MSE_ERR_TOKEN_NONCE);
    assert_non_null(strstr(wrong.page, "400 Bad Request"));
}

static void test_nobody_comes(void **state)
{
    char code[LOGIN_CODE_LEN];
    struct visit v = { .requests = { NULL } };
    (void)state;
    assert_status(visit(&v, code, 0), MSE_ERR_TIMEOUT);
}

/* A head without an end is thrown out; what comes later is heard. */
static void test_endless_head(void **state)
{
    char code[LOGIN_CODE_LEN];
    char *head = malloc(LOGIN_MAX_HEAD + 2);
    (void)state;
    assert_non_null(head);
    memset(head, 'x', LOGIN_MAX_HEAD + 1);
    head[LOGIN_MAX_HEAD + 1] = '\0';
    struct visit v = { .requests = { head, GOOD } };
    assert_status(visit(&v, code, 20), MSE_OK);
    free(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_issuers_words), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_visits),        cmocka_unit_test(test_nobody_comes),
        cmocka_unit_test(test_endless_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
