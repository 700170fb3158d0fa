/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher of machines below the start: what is said of one, what it takes, its disk, its
 * lines, what a host has to have. The start itself: integration test machine. */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "launch/app_disk.h"
#include "launch/lines.h"
#include "launch/machine.h"
#include "package/manifest.h"
#include "tee/driver.h"

/* ---- lines */

static struct mse_sim_news next(struct mse_event_lines *l, const char *text)
{
    struct mse_sim_news news = { 0 };
    struct mse_bytes in = mse_bytes_str(text);
    if (!mse_event_lines_next(&news, l, &in)) {
        assert_int_equal(in.len, 0);
        news.event = MSE_SIM_NOTHING;
    }
    return news;
}

static void an_event_is_a_line(void **state)
{
    (void)state;
    struct mse_event_lines l = { .len = 0 };
    struct mse_sim_news news = next(&l, "noise\nmse-event 2 it is\x1b ready\r\n");
    assert_int_equal(news.event, MSE_TEE_EVENT_READY);
    assert_string_equal(news.text, "it is? ready");
    assert_int_equal(next(&l, "mse-event 6\n").event, MSE_TEE_EVENT_ENDED);
    assert_int_equal(next(&l, "mse-event 0 x\nmse-event 22 x\nmse-event x\nmse-event\n x").event,
                     MSE_SIM_NOTHING);
    assert_int_equal(next(&l, "mse-event 2 in the middle of a line\n").event, MSE_SIM_NOTHING);
}

static void a_line_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "mse-event 5 its configuration\n";
    struct mse_event_lines l = { .len = 0 };
    for (size_t i = 0; i < sizeof text - 2; i++) {
        const char one[2] = { text[i], '\0' };
        assert_int_equal(next(&l, one).event, MSE_SIM_NOTHING);
    }
    struct mse_sim_news news = next(&l, "\n");
    assert_int_equal(news.event, MSE_TEE_EVENT_WAITING);
    assert_string_equal(news.text, "its configuration");
}

static void a_line_without_end_is_no_event(void **state)
{
    (void)state;
    struct mse_event_lines l = { .len = 0 };
    assert_int_equal(next(&l, "mse-event 2 ").event, MSE_SIM_NOTHING);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(next(&l, "0123456789").event, MSE_SIM_NOTHING);
    }
    assert_int_equal(next(&l, "\n").event, MSE_SIM_NOTHING);
    /* As long as there is room for: its text is cut where news have none. */
    char longest[sizeof l.line];
    (void)snprintf(longest, sizeof longest, "mse-event 4 %0498d\n", 1);
    struct mse_sim_news news = next(&l, longest);
    assert_int_equal(news.event, MSE_TEE_EVENT_FAILED);
    assert_int_equal(strlen(news.text), sizeof news.text - 1);
}

/* ---- what is said of a machine */

static mse_status of(const char *tee, const char *json, const char *text)
{
    struct mse_machine_setup m = { .memory = 0 };
    struct mse_error err = { 0 };
    json_t *options = json_loads(json, 0, NULL);
    assert_non_null(options);
    mse_status st = mse_machine_of(&m, tee, options, &err);
    if (st == MSE_OK) {
        assert_int_equal(m.memory, 512);
        assert_int_equal(m.vcpus, 1);
        assert_string_equal(m.image, "i");
    } else if (strstr(err.text, text) == NULL) {
        fail_msg("%s is not in: %s", text, err.text);
    }
    json_decref(options);
    return st;
}

#define FILES "\"image\":\"i\",\"firmware\":\"f\",\"qemu\":\"q\""
#define WHOLE FILES ",\"machine_memory\":512"

static void options_are_whole_or_refused(void **state)
{
    (void)state;
    assert_status(of("tdx", "{" WHOLE "}", ""), MSE_OK);
    assert_status(of("sim-machine", "{" WHOLE ",\"vcpus\":1}", ""), MSE_OK);
    assert_status(of("sev-snp", "{" WHOLE ",\"cpu\":\"EPYC-Milan\"}", ""), MSE_OK);
    static const char *const bad[][2] = {
        { "{\"firmware\":\"f\",\"qemu\":\"q\"}", "image is missing" },
        { "{\"image\":\"i\",\"qemu\":\"q\"}", "firmware is missing" },
        { "{\"image\":\"i\",\"firmware\":\"f\"}", "qemu is missing" },
        { "{" FILES ",\"machine_memory\":255}", "memory is 255 MiB" },
        { "{" FILES ",\"machine_memory\":1048577}", "memory is 1048577 MiB" },
        { "{" FILES ",\"machine_memory\":\"1\"}", "memory is" },
        { "{" WHOLE ",\"vcpus\":4097}", "vcpus 4097" },
        { "{" WHOLE "}", "cpu is missing" },
        { "{" WHOLE ",\"cpu\":\"EPYC\"}", "cpu is EPYC" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_status(of("sev-snp", bad[i][0], bad[i][1]), MSE_ERR_CONFIG);
    }
}

/* ---- what it takes */

static void fill(struct mse_manifest *m)
{
    mse_manifest_defaults(m);
    (void)snprintf(m->app_id, sizeof m->app_id, "6f9a2e6e-2b1c-4f0e-9a57-0123456789ab");
    m->name = strdup("app");
    m->command.items = calloc(1, sizeof *m->command.items);
    assert_non_null(m->command.items);
    m->command.items[0] = strdup("./server");
    m->command.num = 1;
    m->alpn.items = calloc(1, sizeof *m->alpn.items);
    assert_non_null(m->alpn.items);
    m->alpn.items[0] = strdup("http/1.1");
    m->alpn.num = 1;
    m->healthcheck_endpoint = strdup("/");
    m->san = strdup("app.localhost");
    m->config_domain_name = strdup("x.mse.localhost");
    m->created_at = 1;
    m->expires_at = 2;
}

static mse_status takes(const struct mse_manifest *m, struct mse_error *err)
{
    struct mse_build b;
    *err = (struct mse_error) { .status = MSE_OK };
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_manifest_write(&b, m, err);
    assert_status(st, MSE_OK);
    st = mse_machine_takes(mse_build_view(&b), err);
    mse_build_clear(&b);
    return st;
}

static void what_it_has_no_place_for_is_refused_by_name(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    fill(&m);
    assert_status(takes(&m, &err), MSE_OK);
    m.restart = MSE_RESTART_SEALED;
    assert_status(takes(&m, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "restart = \"sealed\""));
    m.restart = MSE_RESTART_NEVER;
    m.client_ca[0] = 1;
    assert_status(takes(&m, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "client_ca"));
    m.client_ca[0] = 0;
    assert_status(takes(&m, &err), MSE_OK);
    mse_manifest_clear(&m);
    assert_status(mse_machine_takes(mse_bytes_str("{}"), &err), MSE_ERR_MALFORMED);
}

/* ---- its disk */

static void the_disk_is_a_head_and_both_parts(void **state)
{
    (void)state;
    static const struct {
        size_t manifest;
        size_t package;
        size_t whole;
    } cases[] = { { 0, 0, 512 }, { 200, 280, 512 }, { 200, 281, 1024 }, { 3, 40000, 40448 } };
    char *dir = test_tmpdir();
    char path[512];
    char package[512];
    uint8_t content[40000];
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 7 + 1);
    }
    (void)snprintf(path, sizeof path, "%s/app.img", dir);
    (void)snprintf(package, sizeof package, "%s/package", dir);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t head[32] = "mse-app-disk-v1";
        head[16] = (uint8_t)cases[i].manifest;
        head[24] = (uint8_t)cases[i].package;
        head[25] = (uint8_t)(cases[i].package >> 8);
        test_write_file(package, mse_bytes_of(content, cases[i].package));
        int fd = open(package, O_RDONLY | O_CLOEXEC);
        assert_status(mse_machine_disk(path, mse_bytes_of(content, cases[i].manifest), fd, NULL),
                      MSE_OK);
        assert_int_equal(close(fd), 0);
        struct mse_bytes seen = test_read_file(path);
        assert_int_equal(seen.len, cases[i].whole);
        assert_bytes(mse_bytes_of(seen.data, 32), mse_bytes_of(head, 32));
        assert_memory_equal(seen.data + 32, content, cases[i].manifest);
        assert_memory_equal(seen.data + 32 + cases[i].manifest, content, cases[i].package);
        for (size_t k = 32 + cases[i].manifest + cases[i].package; k < seen.len; k++) {
            assert_int_equal(seen.data[k], 0);
        }
        free((void *)(uintptr_t)seen.data);
    }
    struct mse_error err = { 0 };
    assert_status(mse_machine_disk("/nowhere/at/all", mse_bytes_str(""), STDIN_FILENO, &err),
                  MSE_ERR_IO);
    int fd = open(package, O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, ((off_t)1 << 32) + 1), 0);
    assert_status(mse_machine_disk(path, mse_bytes_str(""), fd, &err), MSE_ERR_NO_SPACE);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

/* ---- what a host has to have */

struct host {
    char *dir;
    char image[256];
    char firmware[300];
    struct mse_build said;
};

static void put(const char *dir, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    test_write_file(path, mse_bytes_str(text));
}

static void make_image(const struct host *h, const char *commands, const char *root)
{
    uint8_t digest[32];
    struct mse_build sums;
    static const char *const parts[] = { "kernel", "root" };
    static const char *const names[] = { MSE_MACHINE_KERNEL, MSE_MACHINE_ROOT };
    mse_build_heap(&sums, 4096);
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        assert_status(mse_sha256(digest, mse_bytes_str(parts[i])), MSE_OK);
        mse_wr_hex(&sums, digest, sizeof digest);
        mse_wr_printf(&sums, "  %s\n", names[i]);
    }
    put(h->image, MSE_MACHINE_KERNEL, "kernel");
    put(h->image, MSE_MACHINE_ROOT, root);
    put(h->image, "cmdline", commands);
    put(h->image, MSE_MACHINE_SUMS, mse_build_cstr(&sums));
    mse_build_clear(&sums);
}

static int set_up(void **state)
{
    struct host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->dir = test_tmpdir();
    (void)snprintf(h->image, sizeof h->image, "%.200s/image", h->dir);
    (void)snprintf(h->firmware, sizeof h->firmware, "%.200s/fw", h->dir);
    put(h->dir, "fw", "firmware");
    put(h->dir, "image/x", "");
    mse_build_heap(&h->said, 65536);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct host *h = *state;
    test_tmpdir_remove(h->dir);
    mse_build_clear(&h->said);
    free(h);
    return 0;
}

static void say(void *arg, const char *text)
{
    struct host *h = arg;
    mse_wr_str(&h->said, text);
    mse_wr_str(&h->said, "\n");
}

static const char *look(struct host *h, enum mse_qemu_kind kind)
{
    const struct mse_machine_setup m = {
        .kind = kind, .image = h->image, .firmware = h->firmware, .qemu = "/bin/sh"
    };
    mse_build_reset(&h->said);
    mse_machine_check(&m, h->dir, say, h);
    const char *text = mse_build_cstr(&h->said);
    assert_non_null(text);
    return text;
}

static void assert_says(const char *text, const char *wanted)
{
    if (text == NULL || wanted == NULL || strstr(text, wanted) == NULL) {
        fail_msg("\"%s\" is not in: %s", wanted == NULL ? "" : wanted, text == NULL ? "" : text);
    }
}

static void each_thing_that_is_missing_is_named(void **state)
{
    struct host *h = *state;
    make_image(h, "quiet mse.tee=tdx mse.port=443", "root");
    const char *text = look(h, MSE_QEMU_TDX);
    assert_says(text, "/dev/kvm: No such file");
    assert_says(text, "/sys/module/kvm_intel/parameters/tdx: No such file");
    assert_says(text, MSE_QEMU_QUOTES ": No such file");
    put(h->dir, "dev/kvm", "");
    put(h->dir, "sys/module/kvm_intel/parameters/tdx", "N\n");
    put(h->dir, &MSE_QEMU_QUOTES[1], "");
    text = look(h, MSE_QEMU_TDX);
    assert_says(text, "parameters/tdx: wanted");
    assert_null(strstr(text, "/dev/kvm"));
    put(h->dir, "sys/module/kvm_intel/parameters/tdx", "Y\n");
    assert_string_equal(look(h, MSE_QEMU_TDX), "");
    text = look(h, MSE_QEMU_SNP);
    assert_says(text, "/sys/module/kvm_amd/parameters/sev_snp: No such file");
    assert_says(text, "/dev/sev: No such file");
    assert_says(text, "wanted mse.tee=snp");
}

static void an_image_is_held_against_its_digests(void **state)
{
    struct host *h = *state;
    make_image(h, "quiet mse.tee=sim mse.port=443", "root");
    assert_string_equal(look(h, MSE_QEMU_EMULATED), "");
    make_image(h, "quiet mse.tee=sim mse.port=443", "toor");
    assert_says(look(h, MSE_QEMU_EMULATED), "root.img: it is not what SHA256SUMS says");
    put(h->image, MSE_MACHINE_SUMS, "0  ../x\n");
    const char *text = look(h, MSE_QEMU_EMULATED);
    assert_says(text, "it does not name mse.efi and root.img");
    assert_says(text, "wanted lines of a SHA-256 digest");
    char path[300];
    (void)snprintf(path, sizeof path, "%.250s/" MSE_MACHINE_SUMS, h->image);
    assert_int_equal(unlink(path), 0);
    assert_says(look(h, MSE_QEMU_EMULATED), "SHA256SUMS");
    (void)snprintf(h->firmware, sizeof h->firmware, "/nowhere/fw");
    assert_says(look(h, MSE_QEMU_EMULATED), "/nowhere/fw: No such file or directory; wanted OVMF");
}

/* ---- one that talks without end */

#define LINE_FD 3 /* of QEMU: the machine's control line */

/* In QEMU's place: lines, and none of them tells anything. */
static int talk(void)
{
    static const char noise[65536] = "noise\nmse-event\n";
    for (int i = 0; i < 3; i++) { /* 8, as one alone may be slower than who reads */
        (void)!fork();
    }
    while (write(LINE_FD, noise, sizeof noise) > 0) {
    }
    return 1;
}

static int listen_anywhere(void)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
                listen(fd, 1) == 0);
    return fd;
}

static struct mse_launched *start_talker(const struct host *h, const json_t *options)
{
    struct mse_manifest m = { 0 };
    struct mse_build text;
    struct mse_error err = { 0 };
    struct mse_instance i = { .dir = h->dir };
    struct mse_launched *e = NULL;
    int listen_fd = listen_anywhere();
    int package_fd = open(h->firmware, O_RDONLY | O_CLOEXEC); /* any file */
    int state_fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    fill(&m);
    assert_status(mse_manifest_write(&text, &m, &err), MSE_OK);
    mse_instance_set(&i, options);
    const struct mse_launch l = { .instance = &i,
                                  .manifest = mse_build_view(&text),
                                  .package_fd = package_fd,
                                  .state_fd = state_fd,
                                  .listen_fd = &listen_fd };
    mse_status st = mse_launcher_machine.start(&e, &l, &err);
    if (st != MSE_OK) {
        fail_msg("%s: %s", mse_status_name(st), err.text);
    }
    assert_int_equal(listen_fd, -1);
    assert_int_equal(close(package_fd), 0);
    assert_int_equal(close(state_fd), 0);
    mse_build_clear(&text);
    mse_manifest_clear(&m);
    return e;
}

/* Whoever holds it is asked to stop it, and asked how it is, all the same. */
static void one_that_talks_without_end_can_be_stopped(void **state)
{
    struct host *h = *state;
    struct mse_sim_news news = { .event = MSE_SIM_ENDED };
    json_t *options = json_pack("{s:s, s:s, s:s, s:s, s:b}", "tee", "tdx", "image", h->image,
                                "firmware", h->firmware, "qemu", "/proc/self/exe", "sandbox", 1);
    make_image(h, "quiet mse.tee=tdx mse.port=443", "root");
    struct mse_launched *e = start_talker(h, options);
    pid_t pid = mse_launcher_machine.pid(e);
    assert_true(pid > 0);
    for (int turn = 0; turn < 3; turn++) {
        assert_status(mse_launcher_machine.serve(e, &news, 50, NULL), MSE_OK);
        assert_int_equal(news.event, MSE_SIM_NOTHING);
    }
    mse_launcher_machine.stop(e, 50);
    assert_int_equal(mse_launcher_machine.pid(e), 0);
    assert_int_equal(kill(pid, 0), -1);
    mse_launcher_machine.free(e);
    json_decref(options);
}

/* ---- the tables */

static void its_tees_find_it(void **state)
{
    (void)state;
    static const char *const tees[] = { "tdx", "sev-snp", "sim-machine" };
    const struct mse_launcher *l = NULL;
    struct mse_error err = { 0 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(tees); i++) {
        assert_status(mse_launcher_find(&l, tees[i], &err), MSE_OK);
        assert_ptr_equal(l, &mse_launcher_machine);
    }
    assert_status(mse_launcher_find(&l, "snp", &err), MSE_ERR_UNSUPPORTED);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-machine") == 0) {
        return talk();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line),
        cmocka_unit_test(a_line_may_come_byte_by_byte),
        cmocka_unit_test(a_line_without_end_is_no_event),
        cmocka_unit_test(options_are_whole_or_refused),
        cmocka_unit_test(what_it_has_no_place_for_is_refused_by_name),
        cmocka_unit_test(the_disk_is_a_head_and_both_parts),
        cmocka_unit_test_setup_teardown(each_thing_that_is_missing_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_is_held_against_its_digests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_talks_without_end_can_be_stopped, set_up,
                                        tear_down),
        cmocka_unit_test(its_tees_find_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
