/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime from the start of the app to its end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/enclave/world.h"
#include "unit/net/tlspair.h"

/* A web server in a line of Python's standard library; $1 of the script is its answer's status. */
#define SERVER                                                                                     \
    "exec /usr/bin/python3 -c '\n"                                                                 \
    "import os, socketserver, http.server as h\n"                                                  \
    "class H(h.BaseHTTPRequestHandler):\n"                                                         \
    "    protocol_version = \"HTTP/1.1\"\n"                                                        \
    "    def do_GET(self):\n"                                                                      \
    "        if self.path == \"/die\": print(\"going down\", flush=True); os._exit(3)\n"           \
    "        body = os.environ[\"GREETING\"].encode()\n"                                           \
    "        self.send_response(%d)\n"                                                             \
    "        self.send_header(\"Content-Length\", str(len(body)))\n"                               \
    "        self.end_headers()\n"                                                                 \
    "        self.wfile.write(body)\n"                                                             \
    "    def log_message(self, *a): pass\n"                                                        \
    "    def address_string(self): return \"\"\n"                                                  \
    "class S(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): daemon_threads = True\n" \
    "S(os.environ[\"MSE_SOCKET\"], H).serve_forever()\n"                                           \
    "'"

/* GET path: the whole answer, as text. */
static const char *get(const struct world *w, const char *path)
{
    static char answer[4096];
    char request[256];
    struct test_client c;
    assert_true(test_client_open(&c, w->port, FIXTURE_SAN, "\x08http/1.1", TLS1_3_VERSION));
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_true(test_client_write(&c, request, (size_t)n));
    size_t len = 0;
    size_t got = 0;
    while (len < sizeof answer - 1 &&
           SSL_read_ex(c.ssl, answer + len, sizeof answer - 1 - len, &got) == 1) {
        len += got;
    }
    answer[len] = '\0';
    test_client_close(&c);
    return answer;
}

static void server_with(struct world *w, int status)
{
    char script[2048];
    *w = (struct world) { .start_ms = 0 };
    (void)snprintf(script, sizeof script, SERVER, status);
    fixture_manifest(&w->m, script);
}

static void test_serve_and_stop(void **state)
{
    (void)state;
    struct world w;
    server_with(&w, 200);
    world_begin(&w);
    assert_string_equal(world_event(&w), "2 ");
    assert_non_null(strstr(get(&w, "/"), "\r\n\r\nhello"));
    assert_int_equal(kill(w.pid, SIGTERM), 0);
    assert_string_equal(world_event(&w), "3 asked to");
    assert_status(world_end(&w), MSE_OK);
}

static void test_launcher_gone(void **state)
{
    (void)state;
    struct world w;
    server_with(&w, 404); /* healthy all the same */
    world_begin(&w);
    assert_string_equal(world_event(&w), "2 ");
    assert_int_equal(write(w.control[0], "x", 1), 1); /* what nobody asked for hides nothing */
    (void)close(w.control[0]);
    w.control[0] = -1;
    assert_string_equal(world_event(&w), "3 the launcher is gone");
    assert_status(world_end(&w), MSE_OK);
}

/* Three tests have a short limit, so that it passes soon. On a slow machine it may pass before
 * there is anything to see: then a longer one has to do. */
#define LONGEST_S 128

static bool expires_after(time_t seconds)
{
    struct world w;
    server_with(&w, 200);
    w.m.expires_at = time(NULL) + seconds;
    world_begin(&w);
    bool runs = strcmp(world_event(&w), "2 ") == 0;
    if (runs) {
        assert_string_equal(world_event(&w), "3 expired");
    }
    mse_status st = world_end(&w);
    assert_true(!runs || st == MSE_OK);
    assert_true(time(NULL) >= w.m.expires_at);
    return runs;
}

static void test_expiry(void **state)
{
    (void)state;
    bool runs = false;
    for (time_t s = 4; !runs && s <= LONGEST_S; s *= 4) {
        runs = expires_after(s);
    }
    assert_true(runs);
}

/* The host's clock says that there is a day left. What was sealed says that this day is over. */
static void test_expiry_by_what_was_seen(void **state)
{
    (void)state;
    for (mse_time beyond = -5000; beyond <= 0; beyond += 5000) {
        struct world w;
        server_with(&w, 200);
        w.m.expires_at = time(NULL) + 86400;
        w.floor = w.m.expires_at + beyond;
        world_begin(&w);
        const char *e = world_event(&w);
        if (strcmp(e, "2 ") == 0) { /* over or not: the app may be faster than the first look */
            (void)kill(w.pid, beyond < 0 ? SIGTERM : 0);
            e = world_event(&w);
        }
        assert_string_equal(e, beyond < 0 ? "3 asked to" : "3 expired");
        assert_status(world_end(&w), MSE_OK);
    }
}

/* Whether the event of an app that is not healthy within these seconds tells what it should. */
static bool unhealthy_after(struct world *w, unsigned seconds, const char *seen)
{
    char want[40];
    (void)snprintf(want, sizeof want, "4 not healthy within %u s", seconds);
    w->start_ms = seconds * 1000;
    world_begin(w);
    const char *e = world_event(w);
    assert_non_null(strstr(e, want));
    bool told = strstr(e, seen) != NULL;
    assert_status(world_end(w), MSE_ERR_TIMEOUT);
    return told;
}

static void test_unhealthy(void **state)
{
    (void)state;
    bool told = false;
    for (unsigned s = 2; !told && s <= LONGEST_S; s *= 4) {
        struct world w;
        server_with(&w, 503);
        told = unhealthy_after(&w, s, "(last answer: 503)");
    }
    assert_true(told);
}

static void test_no_socket(void **state)
{
    (void)state;
    bool told = false;
    for (unsigned s = 1; !told && s <= LONGEST_S; s *= 4) {
        struct world w = { .start_ms = 0 };
        fixture_manifest(&w.m, "echo I am lost >&2; exec sleep 1000");
        told = unhealthy_after(&w, s, "I am lost");
    }
    assert_true(told);
}

static void test_app_dies_at_start(void **state)
{
    (void)state;
    struct world w = { .start_ms = 0 };
    fixture_manifest(&w.m, "echo cannot start; exit 9");
    world_begin(&w);
    assert_string_equal(world_event(&w), "4 the app ended with status 9; it said: cannot start");
    assert_status(world_end(&w), MSE_ERR_PROTOCOL);
}

static void test_app_dies_later(void **state)
{
    (void)state;
    struct world w;
    server_with(&w, 200);
    world_begin(&w);
    assert_string_equal(world_event(&w), "2 ");
    assert_string_equal(get(&w, "/die"), "");
    assert_string_equal(world_event(&w), "4 the app ended with status 3; it said: going down");
    assert_status(world_end(&w), MSE_ERR_PROTOCOL);
}

static void test_stubborn_app_is_killed(void **state)
{
    (void)state;
    struct world w = { .start_ms = 0 };
    fixture_manifest(&w.m, "trap '' TERM; while :; do sleep 1; done");
    world_begin(&w);
    (void)usleep(500000);
    assert_int_equal(kill(w.pid, SIGTERM), 0);
    assert_string_equal(world_event(&w), "3 asked to");
    assert_status(world_end(&w), MSE_OK);
}

static void test_command_that_is_no_program(void **state)
{
    (void)state;
    struct world w = { .start_ms = 0 };
    fixture_manifest(&w.m, NULL);
    free(w.m.command.items[0]);
    w.m.command.items[0] = strdup("A=b");
    world_begin(&w);
    assert_non_null(strstr(world_event(&w), "cannot be started"));
    assert_status(world_end(&w), MSE_ERR_UNSUPPORTED);
}

/* Each worker leaves its number when it loads the application; alive() counts those that live. */
#define WORKERS                                                                                    \
    "import os\n"                                                                                  \
    "open(os.environ['TMP_PATH'] + '/worker-%d' % os.getpid(), 'w').close()\n"                     \
    "def lives(pid):\n"                                                                            \
    "    try: os.kill(pid, 0)\n"                                                                   \
    "    except ProcessLookupError: return False\n"                                                \
    "    return True\n"                                                                            \
    "def alive():\n"                                                                               \
    "    names = [f for f in os.listdir(os.environ['TMP_PATH']) if f.startswith('worker-')]\n"     \
    "    return b' %d workers' % len([f for f in names if lives(int(f[7:]))])\n"

static void python_app(const char *code, const char *want)
{
    if (access("/usr/bin/gunicorn", X_OK) != 0) {
        skip();
    }
    struct world w = { .start_ms = 30000, .code = code };
    fixture_python(&w.m, "app:app");
    w.m.workers = 3;
    world_begin(&w);
    assert_string_equal(world_event(&w), "2 ");
    for (int i = 0; i < 400 && strstr(get(&w, "/"), want) == NULL; i++) {
        (void)usleep(25000); /* the first one serves while the others load */
    }
    assert_non_null(strstr(get(&w, "/"), want));
    assert_int_equal(kill(w.pid, SIGTERM), 0);
    assert_string_equal(world_event(&w), "3 asked to");
    assert_status(world_end(&w), MSE_OK);
}

static void test_wsgi(void **state)
{
    (void)state;
    python_app(WORKERS "def app(environ, start_response):\n"
                       "    start_response('200 OK', [('Content-Length', '14')])\n"
                       "    return [b'wsgi' + alive()]\n",
               "\r\n\r\nwsgi 3 workers");
}

static void test_asgi(void **state)
{
    (void)state;
    python_app(WORKERS
               "class A:\n"
               "    async def __call__(self, scope, receive, send):\n"
               "        if scope['type'] != 'http': raise RuntimeError\n"
               "        await send({'type': 'http.response.start', 'status': 200,\n"
               "                    'headers': [(b'content-length', b'14')]})\n"
               "        await send({'type': 'http.response.body', 'body': b'asgi' + alive()})\n"
               "app = A()\n",
               "\r\n\r\nasgi 3 workers");
}

static void test_python_module_with_an_error(void **state)
{
    (void)state;
    if (access("/usr/bin/gunicorn", X_OK) != 0) {
        skip();
    }
    struct world w = { .start_ms = 30000, .code = "import nothing_of_that_name\n" };
    fixture_python(&w.m, "app:app");
    world_begin(&w);
    assert_non_null(strstr(world_event(&w), "nothing_of_that_name"));
    assert_status(world_end(&w), MSE_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serve_and_stop),
        cmocka_unit_test(test_launcher_gone),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_expiry_by_what_was_seen),
        cmocka_unit_test(test_unhealthy),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_app_dies_at_start),
        cmocka_unit_test(test_app_dies_later),
        cmocka_unit_test(test_stubborn_app_is_killed),
        cmocka_unit_test(test_command_that_is_no_program),
        cmocka_unit_test(test_wsgi),
        cmocka_unit_test(test_asgi),
        cmocka_unit_test(test_python_module_with_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
