/* SPDX-License-Identifier: Apache-2.0 */
/* A program that holds an enclave: what it tells, how it ends, what is left of it; and how much
 * memory a machine says that it has for enclaves. */
#include "lib/testlib.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/files.h"
#include "launch/epc.h"
#include "launch/launcher.h"
#include "launch/process.h"
#include "os/proc.h"
#include "tee/driver.h"

#define PATIENCE_MS 60000

static mse_status begin(struct mse_process *p, const char *program, const char *script)
{
    static const char *const envp[] = { "PATH=/usr/bin:/bin", "WORD=swordfish", NULL };
    const char *const argv[] = { program, "-c", script, NULL };
    int state = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct mse_process_what w = {
        .argv = argv, .envp = envp, .cwd = "/usr", .state_fd = state
    };
    assert_true(state >= 0);
    mse_status st = mse_process_start(p, &w, NULL);
    assert_int_equal(close(state), 0);
    return st;
}

static struct mse_sim_news next(struct mse_process *p)
{
    struct mse_sim_news news = { 0 };
    assert_int_equal(mse_process_serve(p, &news, PATIENCE_MS, NULL), MSE_OK);
    return news;
}

static bool is_over(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    char state = mse_proc_state(path, NULL);
    return state == '\0' || state == 'Z' || state == 'X';
}

static void tells_events_then_its_end(void **state)
{
    struct mse_process p = mse_no_process;
    (void)state;
    assert_int_equal(
        begin(&p, "/bin/sh",
              "echo noise; echo mse-event 1 it begins; echo mse-event 9 no; echo mse-event 255 no; "
              "echo mse-event 5; echo mse-event 2 \"$WORD $PWD "
              "$(readlink /proc/$$/fd/7)\"; exit 3"),
        MSE_OK);
    struct mse_sim_news news = next(&p);
    assert_int_equal(news.event, MSE_TEE_EVENT_STARTING);
    assert_string_equal(news.text, "it begins");
    do {
        news = next(&p);
    } while (news.event == MSE_TEE_EVENT_WAITING);
    assert_int_equal(news.event, MSE_TEE_EVENT_READY);
    assert_string_equal(news.text, "swordfish /usr /");
    news = next(&p);
    assert_int_equal(news.event, MSE_SIM_ENDED);
    assert_true(WIFEXITED(news.status) && WEXITSTATUS(news.status) == 3);
    assert_int_equal(p.pid, 0);
    assert_int_equal(mse_process_serve(&p, &news, 0, NULL), MSE_ERR_ARGUMENT);
    mse_process_clear(&p);
}

static void is_not_there(void **state)
{
    struct mse_process p = mse_no_process;
    (void)state;
    assert_int_equal(begin(&p, "/nowhere/gramine-sgx", ""), MSE_ERR_NOT_FOUND);
    assert_int_equal(p.pid, 0);
    assert_int_equal(begin(&p, "/etc/hostname", ""), MSE_ERR_IO);
    mse_process_clear(&p);
}

/* One SIGTERM is enough for what obeys; what it has started dies with it. */
static void ends_in_order(void **state)
{
    struct mse_process p = mse_no_process;
    uint64_t below = 0;
    (void)state;
    assert_int_equal(begin(&p, "/bin/sh", "sleep 1000 & echo mse-event 2 $!; wait"), MSE_OK);
    struct mse_sim_news news = next(&p);
    assert_true(mse_u64_parse(&below, mse_bytes_str(news.text), INT32_MAX));
    assert_int_equal(mse_process_serve(&p, &news, 1, NULL), MSE_OK);
    assert_int_equal(news.event, MSE_SIM_NOTHING);
    pid_t pid = p.pid;
    mse_process_stop(&p, PATIENCE_MS);
    assert_int_equal(p.pid, 0);
    assert_true(is_over(pid));
    for (int left = PATIENCE_MS; left > 0 && !is_over((pid_t)below); left -= 20) {
        (void)poll(NULL, 0, 20);
    }
    assert_true(is_over((pid_t)below));
    mse_process_clear(&p);
}

static void is_killed_when_it_does_not_end(void **state)
{
    struct mse_process p = mse_no_process;
    (void)state;
    assert_int_equal(
        begin(&p, "/bin/sh", "trap '' TERM; echo mse-event 2; while :; do sleep 1; done"), MSE_OK);
    assert_int_equal(next(&p).event, MSE_TEE_EVENT_READY);
    pid_t pid = p.pid;
    mse_process_stop(&p, 50);
    assert_true(is_over(pid));
    mse_process_clear(&p);
}

static void reads_sections(void **state)
{
    uint64_t bytes = 7;
    (void)state;
    assert_false(mse_epc_section(&bytes, 0, 0x05d80001, 0));
    assert_false(mse_epc_section(&bytes, 2, 0x05d80001, 0));
    assert_int_equal(bytes, 7);
    assert_true(mse_epc_section(&bytes, 0x70200001, 0x05d80001, 0));
    assert_int_equal(bytes, 0x05d80000);
    assert_true(mse_epc_section(&bytes, 0x40000001, 0x80000001, 0xfff0001f));
    assert_int_equal(bytes, 0x1f80000000);
}

static void put(const char *dir, const char *node, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/x86/sgx_total_bytes", dir, node);
    assert_int_equal(cli_make_parents(path, NULL), MSE_OK);
    assert_int_equal(cli_file_write(path, mse_bytes_str(text), 0644, NULL), MSE_OK);
}

static void sums_nodes(void **state)
{
    char *dir = test_tmpdir();
    (void)state;
    assert_int_equal(mse_epc_of_nodes("/nowhere"), 0);
    assert_int_equal(mse_epc_of_nodes(dir), 0);
    put(dir, "node0", "4096\n");
    put(dir, "node1", "8192\n");
    put(dir, "node2", "-1\n");
    put(dir, "other", "65536\n");
    assert_int_equal(mse_epc_of_nodes(dir), 12288);
    test_tmpdir_remove(dir);
}

static void finds_launchers(void **state)
{
    const struct mse_launcher *l = NULL;
    struct mse_error err = { 0 };
    (void)state;
    assert_int_equal(mse_launcher_find(&l, "sgx", NULL), MSE_OK);
    assert_ptr_equal(l, &mse_launcher_gramine);
    assert_int_equal(mse_launcher_find(&l, "sim", NULL), MSE_OK);
    assert_ptr_equal(l, &mse_launcher_sim);
    assert_int_equal(mse_launcher_find(&l, "nitro", &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "sim, sgx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_events_then_its_end),
        cmocka_unit_test(is_not_there),
        cmocka_unit_test(ends_in_order),
        cmocka_unit_test(is_killed_when_it_does_not_end),
        cmocka_unit_test(reads_sections),
        cmocka_unit_test(sums_nodes),
        cmocka_unit_test(finds_launchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
