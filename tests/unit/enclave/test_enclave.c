/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the runtime, one by one: loading, environment, health answers, logs, time. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/app.h"
#include "enclave/client_ca.h"
#include "enclave/health.h"
#include "enclave/identity.h"
#include "enclave/load.h"
#include "enclave/logs.h"
#include "enclave/serve.h"
#include "lib/testlib.h"
#include "net/loop.h"
#include "net/tls.h"
#include "package/code.h"
#include "unit/enclave/fixture.h"

/* Loading. */

static uint8_t measured[32];

static mse_status fake_check(struct mse_tee *t, struct mse_bytes manifest, struct mse_error *err)
{
    uint8_t digest[32];
    (void)t;
    assert_status(mse_sha256(digest, manifest), MSE_OK);
    return mse_mem_equal(digest, measured, 32)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest", "another one");
}

static const struct mse_tee_ops fake_ops = { .name = "fake", .check_manifest = fake_check };
static const struct mse_enclave_tee fake_tee = { &fake_ops, NULL };

static int file_with(struct mse_bytes content)
{
    char name[] = "/tmp/mse-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(write(fd, content.data, content.len), (ssize_t)content.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static mse_status load(struct mse_manifest *m, struct mse_bytes text)
{
    uint8_t digest[32];
    struct mse_error err = { 0 };
    int fd = file_with(text);
    mse_status st = mse_enclave_load_manifest(m, digest, fd, &fake_tee, &err);
    (void)close(fd);
    assert_true((st == MSE_OK) == (err.status == MSE_OK));
    return st;
}

static void test_manifest_is_the_measured_one(void **state)
{
    (void)state;
    struct mse_manifest m;
    struct mse_manifest read = { 0 };
    struct mse_build text;
    fixture_manifest(&m, NULL);
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_manifest_write(&text, &m, NULL), MSE_OK);
    assert_status(mse_sha256(measured, mse_build_view(&text)), MSE_OK);
    assert_status(load(&read, mse_build_view(&text)), MSE_OK);
    assert_string_equal(read.san, m.san);
    mse_manifest_clear(&read);
    /* Any other byte, before anything is parsed. */
    for (size_t i = 0; i < text.len; i += 7) {
        text.data[i] ^= 1;
        assert_status(load(&read, mse_build_view(&text)), MSE_ERR_MANIFEST_MISMATCH);
        text.data[i] ^= 1;
    }
    struct mse_bytes cut = { text.data, text.len - 1 };
    assert_status(load(&read, cut), MSE_ERR_MANIFEST_MISMATCH);
    assert_status(mse_sha256(measured, cut), MSE_OK);
    assert_true(load(&read, cut) != MSE_OK); /* measured, but not well formed */
    mse_build_clear(&text);
    fixture_manifest_clear(&m);
}

static void test_manifest_too_long(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    uint8_t *big = calloc(1, MSE_MANIFEST_MAX_LEN + 1);
    assert_non_null(big);
    assert_status(load(&m, mse_bytes_of(big, MSE_MANIFEST_MAX_LEN + 1)), MSE_ERR_NO_SPACE);
    free(big);
}

static void assert_unsupported(struct mse_manifest *m, mse_time now, const char *field)
{
    struct mse_error err = { 0 };
    assert_status(mse_enclave_check_supported(m, false, now, &err), MSE_ERR_UNSUPPORTED);
    assert_string_equal(err.step, field);
    assert_non_null(strstr(err.text, field));
}

/* A promise of the manifest that this version cannot keep is refused by its name. */
static void refuses_every_promise(struct mse_manifest *m, mse_time now)
{
    char key[] = "30";
    char name[] = "debian";
    const struct mse_manifest good = *m;
    m->origin = MSE_ORIGIN_OPERATOR;
    assert_unsupported(m, now, "ssl_certificate_origin");
    *m = good;
    m->rootfs.name = name;
    assert_unsupported(m, now, "rootfs");
    *m = good;
    m->upgrade.owner_key = key;
    assert_unsupported(m, now, "upgrade");
    *m = good;
    m->certificate = MSE_CERTIFICATE_CA;
    assert_status(mse_enclave_check_supported(m, false, now, NULL), MSE_OK);
    m->origin = MSE_ORIGIN_OWNER; /* whose certificate is not of the enclave's CA */
    assert_unsupported(m, now, "certificate");
    *m = good;
    m->replicas = 2;
    assert_unsupported(m, now, "replicas");
    m->restart = MSE_RESTART_SEALED;
    assert_status(mse_enclave_check_supported(m, false, now, NULL), MSE_OK);
    *m = good;
    m->egress = true;
    assert_unsupported(m, now, "egress");
    *m = good;
    m->proxy_protocol = true;
    assert_status(mse_enclave_check_supported(m, false, now, NULL), MSE_OK);
    *m = good;
}

/* The certificate comes from the launcher, and is the manifest's or nothing. */
static void test_client_ca(void **state)
{
    (void)state;
    struct mse_manifest m;
    struct mse_build out;
    static const uint8_t der[] = { 0x30, 0x00 };
    fixture_manifest(&m, NULL);
    mse_build_heap(&out, 64);
    assert_status(mse_client_ca_take(&out, NULL, &m, NULL), MSE_OK);
    assert_status(mse_client_ca_take(&out, "3000", &m, NULL), MSE_ERR_CONFIG);
    assert_status(mse_sha256(m.client_ca, mse_bytes_of(der, sizeof der)), MSE_OK);
    assert_status(mse_client_ca_take(&out, NULL, &m, NULL), MSE_ERR_CONFIG);
    static const char *const wrong[] = { "", "3", "300", "3000x", "zz00" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        mse_status st = mse_client_ca_take(&out, wrong[i], &m, NULL);
        assert_true(st == MSE_ERR_MALFORMED || (i == 0 && st == MSE_ERR_MANIFEST_MISMATCH));
    }
    assert_status(mse_client_ca_take(&out, "3001", &m, NULL), MSE_ERR_MANIFEST_MISMATCH);
    assert_int_equal(out.len, 0);
    assert_status(mse_client_ca_take(&out, "3000", &m, NULL), MSE_OK);
    assert_true(mse_bytes_equal(mse_build_view(&out), mse_bytes_of(der, sizeof der)));
    mse_build_clear(&out);
    fixture_manifest_clear(&m);
}

static void test_unsupported(void **state)
{
    (void)state;
    struct mse_manifest m;
    char bad_alpn[] = "mse-attest/1";
    char bad_env[] = "-u";
    char bad_path[] = "/a b\r\nX: y";
    fixture_manifest(&m, NULL);
    mse_time now = m.expires_at - 1;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_OK);
    assert_status(mse_enclave_check_supported(&m, false, m.expires_at, NULL), MSE_ERR_CONFIG);
    m.origin = MSE_ORIGIN_OWNER;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_OK);
    m.origin = MSE_ORIGIN_SELF;
    refuses_every_promise(&m, now);
    m.expects = MSE_EXPECT_SECRETS | MSE_EXPECT_SEALED_SECRETS;
    m.package = MSE_PACKAGE_ENCRYPTED;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_OK);
    char *own_name = m.config_domain_name;
    m.config_domain_name = m.san; /* which of the two would a client mean? */
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_ERR_CONFIG);
    m.config_domain_name = own_name;
    m.expects = 0;
    m.package = MSE_PACKAGE_PLAIN;
    char *saved = m.alpn.items[0];
    m.alpn.items[0] = bad_alpn;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_ERR_UNSUPPORTED);
    m.alpn.items[0] = saved;
    saved = m.env[0].name;
    m.env[0].name = bad_env;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_ERR_CONFIG);
    m.env[0].name = saved;
    saved = m.healthcheck_endpoint;
    m.healthcheck_endpoint = bad_path;
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_ERR_CONFIG);
    m.healthcheck_endpoint = saved;
    fixture_manifest_clear(&m);
}

/* A package with one file, made under this salt; unpacked under the manifest's digest. */
static mse_status unpack(const struct mse_manifest *m, const char *content,
                         const uint8_t package_digest[32], const uint8_t manifest_digest[32])
{
    static const uint8_t salt[32] = { 7 };
    char path[256];
    char *src = test_tmpdir();
    char *dest = test_tmpdir();
    (void)snprintf(path, sizeof path, "%s/app.py", src);
    test_write_file(path, mse_bytes_str(content));
    int fd = file_with((struct mse_bytes) { NULL, 0 });
    const struct mse_package plain = { .manifest_digest = package_digest };
    assert_status(mse_package_write(fd, src, salt, &plain, NULL), MSE_OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    const struct mse_code_package p = { .fd = fd, .manifest_digest = manifest_digest };
    (void)snprintf(path, sizeof path, "%s/code", dest);
    mse_status st = mse_code_install(path, &p, m, NULL);
    (void)close(fd);
    test_tmpdir_remove(src);
    test_tmpdir_remove(dest);
    return st;
}

static void test_code_is_what_the_manifest_says(void **state)
{
    (void)state;
    static const uint8_t salt[32] = { 7 };
    static const uint8_t digest[32] = { 1 };
    static const uint8_t other[32] = { 2 };
    struct mse_manifest m;
    char path[256];
    char *src = test_tmpdir();
    fixture_manifest(&m, NULL);
    (void)snprintf(path, sizeof path, "%s/app.py", src);
    test_write_file(path, mse_bytes_str("print(1)\n"));
    assert_status(mse_code_digest(m.code_digest, src, salt, true, NULL), MSE_OK);
    test_tmpdir_remove(src);
    assert_status(unpack(&m, "print(1)\n", digest, digest), MSE_OK);
    assert_status(unpack(&m, "print(2)\n", digest, digest), MSE_ERR_CODE_MISMATCH);
    assert_true(unpack(&m, "print(1)\n", other, digest) != MSE_OK);
    fixture_manifest_clear(&m);
}

/* Installing the code. */

static const uint8_t code_salt[32] = { 7 };
static const uint8_t code_key[32] = { 8 };
static const uint8_t wrong_key[32] = { 9 };
static const uint8_t some_digest[32] = { 1 };

/* Heap. */
static char *in_path(const char *dir, const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

/* An encrypted package of num files that hold this word, and its code_digest in m. */
static int sealed_package(struct mse_manifest *m, const char *word, size_t num, size_t len)
{
    const struct mse_package p = { .manifest_digest = some_digest, .key = code_key };
    char path[256];
    char *src = test_tmpdir();
    uint8_t *text = malloc(len);
    assert_non_null(text);
    memset(text, word[0], len);
    for (size_t i = 0; i < num; i++) {
        (void)snprintf(path, sizeof path, "%s/%s-%zu", src, word, i);
        test_write_file(path, mse_bytes_of(text, len));
    }
    free(text);
    m->package = MSE_PACKAGE_ENCRYPTED;
    assert_status(mse_code_digest(m->code_digest, src, code_salt, true, NULL), MSE_OK);
    int fd = file_with((struct mse_bytes) { NULL, 0 });
    assert_status(mse_package_write(fd, src, code_salt, &p, NULL), MSE_OK);
    test_tmpdir_remove(src);
    return fd;
}

static mse_status install(const char *dir, int fd, const uint8_t *key, const struct mse_manifest *m)
{
    const struct mse_code_package p = { .fd = fd, .key = key, .manifest_digest = some_digest };
    mse_status st = mse_code_check_key(&p, m, NULL);
    mse_status full = mse_code_install(dir, &p, m, NULL);
    assert_true(st == MSE_OK || st == full); /* what the first look refuses, the whole one does */
    return full;
}

static void assert_there(const char *dir, const char *name, bool there)
{
    char *path = in_path(dir, name);
    assert_int_equal(access(path, F_OK) == 0, there);
    free(path);
}

static void test_install(void **state)
{
    (void)state;
    struct mse_manifest m;
    struct stat st;
    char *top = test_tmpdir();
    char *code = in_path(top, "code");
    fixture_manifest(&m, NULL);
    int one = sealed_package(&m, "one", 2, 10);
    assert_status(install(code, one, NULL, &m), MSE_ERR_PACKAGE_KEY);
    assert_status(install(code, one, wrong_key, &m), MSE_ERR_PACKAGE_KEY);
    assert_there(top, "code", false);
    assert_status(install(code, one, code_key, &m), MSE_OK); /* after any number of attempts */
    assert_there(code, "one-1", true);
    assert_int_equal(stat(code, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);

    int two = sealed_package(&m, "two", 2, 10);
    assert_status(install(code, one, code_key, &m), MSE_ERR_CODE_MISMATCH);
    assert_status(install(code, two, wrong_key, &m), MSE_ERR_PACKAGE_KEY);
    assert_there(code, "one-1", true); /* untouched by what failed */
    assert_there(top, "code.new", false);
    assert_status(install(code, two, code_key, &m), MSE_OK);
    assert_there(code, "two-1", true);
    assert_there(code, "one-1", false);
    assert_there(top, "code.new", false);

    m.package = MSE_PACKAGE_PLAIN;
    assert_status(install(code, two, code_key, &m), MSE_ERR_PACKAGE_KIND);
    m.package = MSE_PACKAGE_ENCRYPTED;
    m.package_header[0] = 2; /* not what the package has there */
    assert_status(install(code, two, code_key, &m), MSE_ERR_MANIFEST_MISMATCH);
    assert_int_equal(ftruncate(two, 1000), 0);
    m.package_header[0] = 0;
    assert_status(install(code, two, code_key, &m), MSE_ERR_PACKAGE_TRUNCATED);
    (void)close(one);
    (void)close(two);
    free(code);
    test_tmpdir_remove(top);
    fixture_manifest_clear(&m);
}

/* Which of two trees lies there: the digest says, so a mix would be neither. */
static bool holds(const char *dir, const struct mse_manifest *m)
{
    uint8_t seen[32];
    return mse_code_digest(seen, dir, code_salt, false, NULL) == MSE_OK &&
           mse_mem_equal(seen, m->code_digest, sizeof seen);
}

/* Under a library OS: what a failed attempt left is gone, and the next one begins anew. */
static void test_install_in_place(void **state)
{
    (void)state;
    struct mse_manifest m;
    char *top = test_tmpdir();
    char *code = in_path(top, "code");
    fixture_manifest(&m, NULL);
    struct mse_code_package p = { .fd = sealed_package(&m, "one", 2, 10),
                                  .key = wrong_key,
                                  .manifest_digest = some_digest,
                                  .in_place = true };
    assert_status(mse_code_install(code, &p, &m, NULL), MSE_ERR_PACKAGE_KEY);
    assert_there(top, "code", false);
    p.key = code_key;
    m.code_digest[0] ^= 1; /* all of it was unpacked by then */
    assert_status(mse_code_install(code, &p, &m, NULL), MSE_ERR_CODE_MISMATCH);
    assert_there(top, "code", false);
    m.code_digest[0] ^= 1;
    assert_int_equal(mkdir(code, 0700), 0);
    assert_status(mse_code_install(code, &p, &m, NULL), MSE_OK);
    assert_there(code, "one-1", true);
    assert_there(top, "code.new", false);
    (void)close(p.fd);
    mse_manifest_clear(&m);
    free(code);
    test_tmpdir_remove(top);
}

/* Gramine has a rootfs that is measured, and cannot hold the app for a snapshot. */
static void test_supported_by_a_library_os(void **state)
{
    (void)state;
    struct mse_manifest m;
    struct mse_error err = { 0 };
    fixture_manifest(&m, NULL);
    mse_time now = m.created_at;
    assert_status(mse_enclave_check_supported(&m, true, now, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "rootfs"));
    m.rootfs.name = strdup("python");
    assert_status(mse_enclave_check_supported(&m, true, now, NULL), MSE_OK);
    assert_status(mse_enclave_check_supported(&m, false, now, NULL), MSE_ERR_UNSUPPORTED);
    m.restart = MSE_RESTART_SEALED;
    assert_status(mse_enclave_check_supported(&m, true, now, NULL), MSE_OK);
    /* Nothing can be handed over there. */
    m.replicas = 2;
    memset(&err, 0, sizeof err);
    assert_status(mse_enclave_check_supported(&m, true, now, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "replicas asks for"));
    m.replicas = 1;
    m.upgrade.owner_key = strdup("30");
    memset(&err, 0, sizeof err);
    assert_status(mse_enclave_check_supported(&m, true, now, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "upgrade asks for"));
    mse_manifest_clear(&m);
}

static void kill_an_install(const char *code, int fd, const struct mse_manifest *m, long after_us)
{
    const struct timespec pause = { 0, after_us * 1000 };
    const struct mse_code_package p = { .fd = fd, .key = code_key, .manifest_digest = some_digest };
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(mse_code_install(code, &p, m, NULL) == MSE_OK ? 0 : 1);
    }
    (void)nanosleep(&pause, NULL);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Killed at moments all over the time that it takes: the old code or the new, and no plain text
 * anywhere but in the two private folders. */
static void test_install_killed(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    struct mse_manifest m[2];
    int fd[2];
    char *top = test_tmpdir();
    char *code = in_path(top, "code");
    for (size_t i = 0; i < 2; i++) {
        fixture_manifest(&m[i], NULL);
        fd[i] = sealed_package(&m[i], i == 0 ? "one" : "two", 300, 20000);
    }
    struct timespec from;
    struct timespec to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    assert_status(install(code, fd[0], code_key, &m[0]), MSE_OK);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    long whole = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
    size_t there = 0;
    for (long i = 0; i < ROUNDS; i++) {
        kill_an_install(code, fd[1 - there], &m[1 - there], whole * i * 3 / 2 / ROUNDS);
        assert_true(holds(code, &m[0]) != holds(code, &m[1]));
        there = holds(code, &m[1 - there]) ? 1 - there : there;
    }
    /* One that nobody kills, over whatever they have left. */
    assert_status(install(code, fd[1 - there], code_key, &m[1 - there]), MSE_OK);
    assert_true(holds(code, &m[1 - there]));
    assert_there(top, "code.new", false); /* what was left over is gone */
    for (size_t i = 0; i < 2; i++) {
        (void)close(fd[i]);
        fixture_manifest_clear(&m[i]);
    }
    free(code);
    test_tmpdir_remove(top);
}

/* Environment. */

static void test_environment(void **state)
{
    (void)state;
    struct mse_manifest m;
    fixture_manifest(&m, NULL);
    struct mse_app a = { .uid_lock = -1 };
    char **env = NULL;
    static const char *const want[] = { "GREETING=hello",
                                        "HOME=/mse/home",
                                        "MODULE_PATH=/mse/code",
                                        "TMP_PATH=/tmp",
                                        "KEY_PATH=/mse/keys",
                                        "MSE_SOCKET=/mse/run/app.sock",
                                        "MSE_ATTEST_SOCKET=/mse/attest/attest.sock",
                                        "MSE_APP_ID=01234567-89ab-4cde-8f01-23456789abcd",
                                        "PORT=8080",
                                        "ENCLAVE_PK_PATH=/mse/secrets/enclave.pub",
                                        "ENCLAVE_SK_PATH=/mse/secrets/enclave.key",
                                        "SECRETS_PATH=/mse/secrets/secrets.json",
                                        "SEALED_SECRETS_PATH=/mse/secrets/sealed_secrets.json" };
    m.expects = MSE_EXPECT_SECRETS | MSE_EXPECT_SEALED_SECRETS;
    assert_status(mse_app_env(&env, &a, &m, NULL), MSE_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_string_equal(env[i], want[i]);
    }
    assert_null(env[sizeof want / sizeof want[0]]);
    mse_app_env_free(env);
    fixture_manifest_clear(&m);
}

static void test_folders(void **state)
{
    (void)state;
    struct mse_app a;
    struct stat st;
    assert_status(mse_app_prepare(&a, false, 0, NULL), MSE_OK);
    assert_int_equal(stat(a.code, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(stat(a.home, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(a.uid == MSE_SPAWN_SAME_USER || st.st_uid == a.uid);
    char *dir = strdup(a.dir);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    /* Two apps at once have two user ids. */
    struct mse_app b;
    assert_status(mse_app_prepare(&b, false, 0, NULL), MSE_OK);
    assert_true(a.uid == MSE_SPAWN_SAME_USER || a.uid != b.uid);
    mse_app_clear(&b);
    mse_app_clear(&a);
    mse_app_clear(&a);
    assert_int_not_equal(access(dir, F_OK), 0);
    free(dir);
}

/* Health. */

static void test_health_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        { "", 0 },
        { "H", 0 },
        { "HTTP/1.1 20", 0 },
        { "HTTP/1.1 200", 200 },
        { "HTTP/1.0 404 Not Found", 404 },
        { "HTTP/1.1 503 S", 503 },
        { "HTTP/1.1 099", 1 },
        { "HTTP/1.1 600", 1 },
        { "HTTP/1.1 2x0", 1 },
        { "HTTP/1.1-200", 1 },
        { "HTTP/2.0 200", 1 },
        { "SSH-2.0", 1 },
        { "\x16\x03", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(mse_health_parse(cases[i].text, strlen(cases[i].text)), cases[i].status);
    }
}

static void test_health_that_cannot_start(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct mse_health h = { .fd = 0 };
    char host[3000];
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    struct mse_backend nowhere = { .socket = "/nowhere" };
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_status(mse_health_start(&h, &loop, &nowhere, "/", host, NULL), MSE_ERR_NO_SPACE);
    assert_int_equal(h.fd, -1);
    mse_net_loop_clear(&loop);
}

/* Logs. */

static void test_last_lines(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct mse_logs l = { 0 };
    const struct mse_logs_config plain = { .loop = &loop, .rule = MSE_LOGS_PLAIN };
    int out[2];
    int err[2];
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    assert_status(mse_logs_start(&l, &plain, out[0], err[0], NULL), MSE_OK);
    char text[2000] = "";
    mse_logs_last(&l, text, sizeof text);
    assert_string_equal(text, "");
    static const char lines[] = "one\ntwo\n\nthree\nfour\nfive\nsix\nunfinished\x1b[0m";
    assert_int_equal(write(out[1], lines, sizeof lines - 1), (ssize_t)(sizeof lines - 1));
    mse_logs_flush(&l);
    mse_logs_last(&l, text, sizeof text);
    assert_string_equal(text, "three | four | five | six | unfinished?[0m");
    char small[20];
    mse_logs_last(&l, small, sizeof small);
    assert_string_equal(small, "unfinished?[0m"); /* the newest lines are kept */
    char tiny[5];
    mse_logs_last(&l, tiny, sizeof tiny);
    assert_string_equal(tiny, "unfi");
    /* A flood is cut, and does not block. */
    l.tokens = 3;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(write(err[1], "flood\n", 6), 6);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_true(l.dropped_total > 100);
    (void)close(out[1]);
    (void)close(err[1]);
    mse_logs_flush(&l);
    mse_logs_stop(&l);
    mse_net_loop_clear(&loop);
}

/* Time. */

static void test_clock_never_goes_back(void **state)
{
    (void)state;
    struct mse_enclave_clock c;
    mse_time host = time(NULL);
    mse_enclave_clock_init(&c, host + 1000000);
    assert_true(mse_enclave_now(&c) >= host + 1000000);
    mse_enclave_clock_init(&c, 0);
    assert_true(mse_enclave_now(&c) >= host);
}

/* Keys. */

static int count_in_piece(const uint8_t *piece, size_t len, const uint8_t inverted[32])
{
    int found = 0;
    for (size_t i = 0; i + 32 <= len; i++) {
        size_t same = 0;
        while (same < 32 && (piece[i + same] ^ inverted[same]) == 0xff) {
            same++;
        }
        found += same == 32 ? 1 : 0;
    }
    return found;
}

/* The buffer of the search is not in its own way: it is filled anew by each read. */
static int count_in_range(int mem, uintptr_t from, uintptr_t to, const uint8_t inverted[32])
{
    static uint8_t piece[1 << 16];
    int found = 0;
    for (uintptr_t p = from; p < to; p += sizeof piece - 31) {
        size_t want = to - p < sizeof piece ? to - p : sizeof piece;
        bool own = p < (uintptr_t)piece + sizeof piece && p + want > (uintptr_t)piece;
        ssize_t n = own ? 0 : pread(mem, piece, want, (off_t)p);
        found += n > 0 ? count_in_piece(piece, (size_t)n, inverted) : 0;
    }
    return found;
}

/* Counts where the memory of this process holds these bytes, which are given inverted. */
static int count_in_memory(const uint8_t inverted[32])
{
    char line[512];
    int found = 0;
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_true(mem >= 0 && maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *at = line;
        uintptr_t from = (uintptr_t)strtoull(at, &at, 16);
        uintptr_t to = (uintptr_t)strtoull(at + 1, &at, 16);
        /* What is larger belongs to a sanitizer. */
        if (at[2] == 'w' && to - from <= (uintptr_t)1 << 30) {
            found += count_in_range(mem, from, to, inverted);
        }
    }
    (void)fclose(maps);
    (void)close(mem);
    return found;
}

/* What is found here would be found in the memory of the machine after the end of the runtime. */
static void test_key_is_wiped(void **state)
{
    (void)state;
    struct mse_identity id = { .key = NULL };
    uint8_t scalar[32];
    uint8_t inverted[32];
    BIGNUM *d = NULL;
    assert_true(mse_tls_lock_keys());
    assert_status(mse_privkey_generate_p256(&id.key), MSE_OK);
    assert_int_equal(
        EVP_PKEY_get_bn_param(mse_privkey_evp_borrow(id.key), OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    /* As libcrypto keeps it on this machine: words, the lowest first. */
    assert_int_equal(BN_bn2lebinpad(d, scalar, sizeof scalar), 32);
    BN_clear_free(d);
    for (size_t i = 0; i < sizeof scalar; i++) {
        inverted[i] = scalar[i] ^ 0xff;
    }
    mse_wipe(scalar, sizeof scalar);
    assert_true(count_in_memory(inverted) > 0);
    mse_identity_clear(&id);
    assert_int_equal(count_in_memory(inverted), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_is_the_measured_one),
        cmocka_unit_test(test_manifest_too_long),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_client_ca),
        cmocka_unit_test(test_code_is_what_the_manifest_says),
        cmocka_unit_test(test_install),
        cmocka_unit_test(test_install_in_place),
        cmocka_unit_test(test_supported_by_a_library_os),
        cmocka_unit_test(test_install_killed),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_health_answers),
        cmocka_unit_test(test_last_lines),
        cmocka_unit_test(test_clock_never_goes_back),
        cmocka_unit_test(test_health_that_cannot_start),
        cmocka_unit_test(test_key_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
