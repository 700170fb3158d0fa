/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching over HTTP from a local server: AMD's key service, down to the verdict; retries, waits
 * and what is asked for how often. The server is tests/lib/pcs_replay.py. */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/store.h"
#include "crypto/x509.h"
#include "unit/attest/snp_world.h"

struct live {
    struct snp_world *w;
    char *dir;
    pid_t server;
    int stdin_of_server;
    char log[300];
    struct mse_store store;
    struct mse_cache *cache;
    unsigned progress;
};

static void path_of(char out[300], const struct live *l, const char *name)
{
    (void)snprintf(out, 300, "%s/%s", l->dir, name);
}

static void write_part(const struct live *l, const char *name, struct mse_bytes content)
{
    char path[300];
    path_of(path, l, name);
    test_write_file(path, content);
}

static void write_world(const struct live *l)
{
    struct snp_world *w = l->w;
    struct mse_build pem;
    mse_build_heap(&pem, 65536);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&w->der[SNP_ASK]));
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&w->der[SNP_ARK]));
    write_part(l, "amd-chain.pem", mse_build_view(&pem));
    write_part(l, "amd.crl", mse_build_view(&w->crl));
    mse_build_clear(&pem);
    char milan[300];
    path_of(milan, l, "Milan");
    assert_int_equal(mkdir(milan, 0700), 0);
    write_part(l, "Milan/vcek.der", mse_build_view(&w->der[SNP_VCEK]));
}

static void start_server(struct live *l)
{
    char ready[300];
    path_of(ready, l, "ready");
    char python[] = "/usr/bin/python3";
    char script[] = REPLAY;
    char option_ready[] = "--ready";
    char option_log[] = "--log";
    char *argv[] = { python, script, l->dir, option_ready, ready, option_log, l->log, NULL };
    posix_spawn_file_actions_t files;
    int ends[2];
    /* The server ends with its standard input, so that it outlives no test that is aborted. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&files, ends[0], 0), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(posix_spawn(&l->server, argv[0], &files, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)close(ends[0]);
    l->stdin_of_server = ends[1];
    struct mse_bytes url = { 0 };
    for (unsigned i = 0; i < 6000 && url.data == NULL; i++) {
        struct timespec t = { .tv_nsec = 10000000 };
        (void)nanosleep(&t, NULL);
        url = test_read_file(ready);
    }
    assert_non_null(url.data);
    char text[100];
    size_t len = url.len - 1 < sizeof text ? url.len - 1 : 0; /* without the end of line */
    memcpy(text, url.data, len);
    text[len] = '\0';
    struct mse_upstream *u = &l->store.config.upstreams[0];
    assert_status(mse_upstream_parse(u, MSE_UPSTREAM_KDS, text, NULL), MSE_OK);
    l->store.config.num_upstreams = 1;
    free((void *)(uintptr_t)url.data);
}

static void stop_server(struct live *l)
{
    if (l->server > 0) {
        (void)close(l->stdin_of_server);
        (void)waitpid(l->server, NULL, 0);
    }
    l->server = 0;
}

static void on_progress(void *user, uint64_t bytes, uint64_t total)
{
    struct live *l = user;
    (void)bytes;
    (void)total;
    l->progress++;
}

static int setup(void **state)
{
    struct live *l = calloc(1, sizeof *l);
    char cache[300];
    assert_non_null(l);
    (void)snp_defaults(state);
    l->w = *state;
    snp_make(l->w);
    l->dir = test_tmpdir();
    path_of(l->log, l, "log");
    path_of(cache, l, "cache");
    assert_status(mse_cache_open(&l->cache, cache, true, NULL), MSE_OK);
    mse_fetch_config_default(&l->store.config);
    l->store.cache = l->cache;
    l->store.config.policy = &l->w->policy;
    l->store.config.at = SNP_NOW;
    l->store.config.proxy = "";
    l->store.config.backoff_ms = 1;
    l->store.config.progress = on_progress;
    l->store.config.user = l;
    write_world(l);
    start_server(l);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct live *l = *state;
    stop_server(l);
    mse_store_clear(&l->store);
    mse_cache_close(l->cache);
    test_tmpdir_remove(l->dir);
    free(l);
    return 0;
}

/* How many requests have been made. */
static size_t requests(const struct live *l)
{
    struct mse_bytes log = test_read_file(l->log);
    size_t num = 0;
    for (size_t i = 0; i < log.len; i++) {
        num += log.data[i] == '\n' ? 1 : 0;
    }
    free((void *)(uintptr_t)log.data);
    return num;
}

/* The set that the world's report needs, as a file; judged. */
static mse_status gather(struct live *l)
{
    struct mse_need need;
    struct mse_set set;
    struct mse_build text;
    struct mse_bytes report = mse_bytes_of(l->w->report, sizeof l->w->report);
    struct mse_error err = { 0 };
    assert_status(mse_need_of(&need, report, &l->store.config, NULL), MSE_OK);
    assert_int_equal(need.product, MSE_SNP_MILAN);
    mse_set_init(&set);
    mse_build_heap(&text, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_set_gather(&set, &l->store, &need, &err);
    if (st == MSE_OK) {
        struct mse_bundle b;
        assert_status(mse_set_write(&text, &set, SNP_NOW, NULL), MSE_OK);
        uint8_t *scratch = malloc(2 * text.len);
        assert_non_null(scratch);
        assert_status(mse_bundle_parse(&b, scratch, 2 * text.len, mse_build_view(&text), NULL),
                      MSE_OK);
        assert_status(
            mse_appraise_snp(&l->w->verdict, report, &b.collateral, &l->w->policy, SNP_NOW, &err),
            MSE_OK);
        free(scratch);
    }
    mse_build_clear(&text);
    mse_set_clear(&set);
    return st;
}

/* VCEK, chain and CRL once; then nothing, as long as the CRL is fresh; the VCEK never again. */
static void test_key_service(void **state)
{
    struct live *l = *state;
    assert_status(gather(l), MSE_OK);
    assert_int_equal(requests(l), 3);
    assert_int_equal(l->store.num_fetched, 2);
    assert_true(l->progress > 0);
    assert_status(gather(l), MSE_OK);
    assert_int_equal(requests(l), 3);
    l->store.refresh = true;
    assert_status(gather(l), MSE_OK);
    assert_int_equal(requests(l), 4); /* the CRL; the fetcher still has the chain */
    /* The CRL has ended: it is asked for again, never served out of the cache. */
    l->store.refresh = false;
    mse_store_clear(&l->store);
    l->store.config.at = l->w->crl_until + 1;
    struct mse_fetched o;
    struct mse_fetch_key crl = { .kind = MSE_FETCH_AMD_CRL, .product = MSE_SNP_MILAN };
    mse_fetched_init(&o);
    assert_status(mse_store_get(&o, &l->store, &crl, NULL), MSE_ERR_VCEK_CRL_EXPIRED);
    mse_fetched_clear(&o);
}

/* A report of version 2 does not say which product: Genoa is tried when Milan does not know it. */
static void test_guessed_product(void **state)
{
    struct live *l = *state;
    char milan[300];
    char genoa[300];
    path_of(milan, l, "Milan");
    path_of(genoa, l, "Genoa");
    assert_int_equal(rename(milan, genoa), 0);
    l->w->version = 2;
    snp_make(l->w);
    assert_status(gather(l), MSE_OK);
    /* Milan: chain, VCEK (404). Genoa: chain, VCEK, CRL. */
    assert_int_equal(requests(l), 5);
}

static void test_no_server(void **state)
{
    struct live *l = *state;
    stop_server(l);
    l->store.config.total_ms = 2000;
    assert_status(gather(l), MSE_ERR_IO);
    assert_status(mse_upstream_parse(&l->store.config.upstreams[0], MSE_UPSTREAM_PCCS,
                                     "http://127.0.0.1:1", NULL),
                  MSE_OK);
    mse_store_clear(&l->store);
    assert_status(gather(l), MSE_ERR_NOT_FOUND); /* nobody is named who has such things */
}

static bool cancel_soon(void *user)
{
    struct live *l = user;
    return l->progress > 2;
}

/* A server that takes the connection and says nothing: whoever is not wanted any more does not wait
 * for it. */
static void test_broken_off(void **state)
{
    struct live *l = *state;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof a;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(a.sin_port));
    assert_status(mse_upstream_parse(&l->store.config.upstreams[0], MSE_UPSTREAM_KDS, url, NULL),
                  MSE_OK);
    mse_store_clear(&l->store);
    l->store.config.cancelled = cancel_soon;
    time_t began = time(NULL);
    assert_status(gather(l), MSE_ERR_TIMEOUT);
    assert_true(time(NULL) - began <= 20); /* one request alone has 30 s */
    assert_true(l->progress > 2);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_key_service, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guessed_product, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, snp_setup, snp_teardown);
}
