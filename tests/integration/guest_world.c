/* SPDX-License-Identifier: Apache-2.0 */
/* usage: guest_world OUT MSE_ENCLAVE MANIFEST PACKAGE [SWITCH...]: a guest of TDX with a made-up
 * vendor below it. Starts the runtime in it as an init system would, with a configfs-tsm (FUSE)
 * that quotes for that vendor, and MRCONFIGID for this manifest. Prints "port N fingerprint HEX";
 * OUT gets the vendor's collateral in pieces. SIGTERM is handed on. For the integration test.
 *
 * With QEMU's options instead it is such a machine as QEMU would start, with process 1 of the image
 * in it: MRTD, RTMR1, RTMR2 and MRCONFIGID are those of what the command line names, the app comes
 * from the second disk, the control line is the socket named there. Its own folder is OUT, where
 * "runtime" names the runtime; "argv" gets its words, a line each, "state" the fingerprint, or "no
 * FUSE". The vendor's keys stay there, and its collateral is of today.
 *
 * guest_world --vendor OUT: such a vendor alone.
 */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "launch/app_disk.h"
#include "lib/tsm_tree.h"
#include "tee/tsm.h"
#include "unit/attest/world.h"

#define MAX_SWITCHES 8
#define STATE_FD     7 /* as the launcher of machines gives it */

struct guest {
    struct world *world;
    struct tsm_knobs knobs;
};

static int report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct guest *g = arg;
    memcpy(g->world->td.report_data, report_data, 64);
    world_make(g->world);
    mse_wr_bytes(out, mse_build_view(&g->world->quote));
    return 0;
}

static void put(const char *dir, const char *name, struct mse_bytes content)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    test_write_file(path, content);
}

static void dump(const char *dir, const struct world *w)
{
    const struct mse_collateral *c = &w->collateral;
    put(dir, "root.der", mse_build_view(&w->der[WORLD_ROOT]));
    put(dir, "ca.der", mse_build_view(&w->der[WORLD_CA]));
    put(dir, "tcb_info", c->tcb_info);
    put(dir, "tcb_info.sig", c->tcb_info_signature);
    put(dir, "qe_identity", c->qe_identity);
    put(dir, "qe_identity.sig", c->qe_identity_signature);
    put(dir, "signing.pem", c->tcb_info_issuer_chain);
    put(dir, "pck_crl", c->pck_crl);
    put(dir, "root_ca_crl", c->root_ca_crl);
}

/* How the runtime is started; descriptors are inherited. */
struct start {
    const char *out;
    const char *runtime;
    int manifest_fd;
    int package_fd;
    int listen_fd;
    int line_fd; /* becomes its standard output; -1: that stays */
    char **switches;
};

static int listener(const char *address, unsigned *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
    socklen_t len = sizeof a;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0 &&
                getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

_Noreturn static void become(const struct start *s, int root_fd)
{
    static const char *const names[] = { "--root-fd", "--manifest-fd", "--package-fd",
                                         "--listen-fd" };
    const int fds[] = { root_fd, s->manifest_fd, s->package_fd, s->listen_fd };
    const char *words[3 + 8 + MAX_SWITCHES + 1] = { "mse-enclave", "--tee", "tdx" };
    char numbers[4][12];
    size_t n = 3;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%d", fds[i]);
        words[n++] = names[i];
        words[n++] = numbers[i];
        (void)fcntl(fds[i], F_SETFD, 0);
    }
    for (size_t i = 0; i < MAX_SWITCHES && s->switches[i] != NULL; i++) {
        words[n++] = s->switches[i];
    }
    if (s->line_fd >= 0) {
        (void)dup2(s->line_fd, STDOUT_FILENO);
        (void)close(s->line_fd);
    }
    union {
        const char **in;
        char **out;
    } u = { .in = words };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a machine ends as a whole */
    (void)execv(s->runtime, u.out);
    _exit(127);
}

static volatile sig_atomic_t asked;

static void on_term(int number)
{
    (void)number;
    asked = 1;
}

/* As the image's process 1 hears it. */
static void hear(int line_fd)
{
    char word[8] = "";
    if (line_fd >= 0 && recv(line_fd, word, sizeof word - 1, MSG_DONTWAIT) > 0 &&
        strcmp(word, "stop\n") == 0) {
        asked = 1;
    }
}

static int wait_for(pid_t pid, int line_fd)
{
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) != pid) {
        hear(line_fd);
        if (asked != 0) {
            asked = 0;
            (void)kill(pid, SIGTERM);
        }
        (void)poll(NULL, 0, 20);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(struct tsm_tree *tree, const struct start *s)
{
    int root_fd = tsm_tree_open(tree);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become(s, root_fd);
    }
    (void)close(root_fd);
    (void)close(s->manifest_fd);
    (void)close(s->package_fd);
    (void)close(s->listen_fd);
    return wait_for(pid, s->line_fd);
}

struct boot {
    const char *firmware;
    const char *kernel;
};

/* As the TDX module, OVMF and Linux would; RTMR0 is made up. */
static void measure(struct mse_tdx_report *td, const struct boot *b)
{
    struct mse_bytes firmware = test_read_file(b->firmware);
    const struct mse_tdx_boot boot = { .kernel = test_read_file(b->kernel) };
    struct mse_tdx_registers regs;
    assert_non_null(firmware.data);
    assert_non_null(boot.kernel.data);
    assert_status(mse_measure_mrtd(td->mr_td, firmware, NULL), MSE_OK);
    assert_status(mse_measure_rtmr(&regs, &boot, NULL), MSE_OK);
    memcpy(td->rtmr[1], regs.rtmr1, 48);
    memcpy(td->rtmr[2], regs.rtmr2, 48);
    memset(td->rtmr[3], 0, 48);
    free((void *)(uintptr_t)firmware.data);
    free((void *)(uintptr_t)boot.kernel.data);
}

/* The vendor whose keys lie in this folder, of today; they are made if there are none. */
static struct world *vendor_in(const char *dir, struct world *w)
{
    for (size_t i = 0; i < WORLD_NUM_KEYS; i++) {
        char path[512];
        struct mse_build pem;
        (void)snprintf(path, sizeof path, "%s/key-%zu.pem", dir, i);
        struct mse_bytes kept = test_read_file(path);
        if (kept.data != NULL) {
            mse_privkey_free(w->keys[i]);
            assert_status(mse_privkey_from_pem(&w->keys[i], kept, NULL), MSE_OK);
            free((void *)(uintptr_t)kept.data);
            continue;
        }
        mse_build_heap(&pem, 8192);
        assert_status(mse_privkey_to_pem(w->keys[i], &pem), MSE_OK);
        test_write_file(path, mse_build_view(&pem));
        mse_build_clear(&pem);
    }
    w->now = (mse_time)time(NULL);
    return w;
}

static int main_vendor(const char *dir)
{
    void *part = NULL;
    (void)world_setup(&part);
    struct world *w = vendor_in(dir, part);
    (void)world_defaults_tdx(&part);
    world_make(w);
    dump(dir, w);
    (void)world_teardown(&part);
    return 0;
}

/* The guest, with this MRCONFIGID; say: what it is measured as goes there. boot: what QEMU was
 * given to measure, which dates its vendor today; NULL: neither. */
static int live(const struct start *s, const uint8_t mr_config_id[48], const struct boot *boot,
                void (*say)(const struct start *s, const char *fingerprint))
{
    struct guest g = { .world = NULL };
    uint8_t fingerprint[32];
    char hex[65];
    void *part = NULL;
    (void)world_setup(&part);
    g.world = boot == NULL ? part : vendor_in(s->out, part);
    (void)world_defaults_tdx(&part);
    if (boot != NULL) {
        measure(&g.world->td, boot);
    }
    memcpy(g.world->td.mr_config_id, mr_config_id, 48);
    world_make(g.world);
    dump(s->out, g.world);
    memcpy(g.knobs.rtmr3, g.world->td.rtmr[3], 48);
    g.knobs.provider = MSE_TSM_TDX;
    g.knobs.report = report;
    g.knobs.arg = &g;
    assert_status(mse_tdx_fingerprint(fingerprint, &g.world->td), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(fingerprint, sizeof fingerprint));
    struct tsm_tree *tree = tsm_tree_start(&g.knobs);
    say(s, tree == NULL ? "no FUSE" : hex);
    int rc = 77;
    if (tree != NULL) {
        rc = run(tree, s);
        tsm_tree_stop(tree);
    }
    (void)world_teardown(&part);
    return rc;
}

/* ---- started by hand */

static void say_on_stdout(const struct start *s, const char *fingerprint)
{
    struct sockaddr_in a = { 0 };
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &len), 0);
    (void)printf("port %u fingerprint %s\n", ntohs(a.sin_port), fingerprint);
    (void)fflush(stdout);
}

static int main_by_hand(char **argv)
{
    uint8_t digest[48];
    unsigned port = 0;
    const struct start s = { .out = argv[1],
                             .runtime = argv[2],
                             .manifest_fd = open(argv[3], O_RDONLY),
                             .package_fd = open(argv[4], O_RDONLY),
                             .listen_fd = listener("127.0.0.1", &port),
                             .line_fd = -1,
                             .switches = argv + 5 };
    struct mse_bytes manifest = test_read_file(argv[3]);
    assert_non_null(manifest.data);
    assert_true(s.manifest_fd >= 0 && s.package_fd >= 0);
    assert_status(mse_sha384(digest, manifest), MSE_OK);
    free((void *)(uintptr_t)manifest.data);
    return live(&s, digest, NULL, say_on_stdout);
}

/* ---- started as QEMU */

/* The value of the option that begins so, after that; the last one. */
static const char *option(char **argv, const char *name, const char *begin)
{
    const char *found = NULL;
    for (size_t i = 1; argv[i] != NULL && argv[i + 1] != NULL; i++) {
        if (strcmp(argv[i], name) == 0 && strncmp(argv[i + 1], begin, strlen(begin)) == 0) {
            found = argv[i + 1] + strlen(begin);
        }
    }
    assert_non_null(found);
    return found;
}

static int copy_part(int disk, uint64_t len)
{
    char chunk[4096];
    int fd = memfd_create("part", 0);
    assert_true(fd >= 0);
    while (len > 0) {
        ssize_t n = read(disk, chunk, len < sizeof chunk ? (size_t)len : sizeof chunk);
        assert_true(n > 0 && write(fd, chunk, (size_t)n) == n);
        len -= (uint64_t)n;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void open_app(struct start *s, const char *path)
{
    struct mse_app_disk head = { 0 };
    struct stat sb;
    int disk = open(path, O_RDONLY);
    assert_true(disk >= 0 && read(disk, &head, sizeof head) == sizeof head);
    assert_memory_equal(head.magic, MSE_APP_DISK_MAGIC, sizeof head.magic);
    assert_int_equal(fstat(disk, &sb), 0);
    assert_int_equal(sb.st_size % MSE_APP_DISK_SECTOR, 0);
    s->manifest_fd = copy_part(disk, head.manifest);
    s->package_fd = copy_part(disk, head.package);
    (void)close(disk);
}

static void say_in_file(const struct start *s, const char *fingerprint)
{
    put(s->out, "state", mse_bytes_str(fingerprint));
}

static void write_argv(const char *out, char **argv)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/argv", out);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    for (size_t i = 0; argv[i] != NULL; i++) {
        (void)fprintf(f, "%s\n", argv[i]);
    }
    assert_int_equal(fclose(f), 0);
}

static int main_as_qemu(char **argv)
{
    char *copy = strdup(argv[0]);
    const char *out = dirname(copy);
    char path[512];
    char runtime[512] = "";
    char address[16] = "";
    char id[65] = "";
    char *no_switches[] = { NULL, NULL };
    uint8_t digest[48];
    size_t len = 0;
    write_argv(out, argv);
    (void)snprintf(path, sizeof path, "%s/runtime", out);
    struct mse_bytes words = test_read_file(path);
    assert_non_null(words.data);
    /* A line with its path, and perhaps one with a switch. */
    char more[64] = "";
    assert_true(sscanf((const char *)words.data, "%511s %63s", runtime, more) >= 1);
    no_switches[0] = more[0] == '\0' ? NULL : more;
    const char *forward = option(argv, "-netdev", "user,id=net,restrict=on,hostfwd=tcp:");
    const char *colon = strchr(forward, ':');
    assert_true(colon != NULL && colon - forward < (long)sizeof address);
    memcpy(address, forward, (size_t)(colon - forward));
    unsigned port = (unsigned)strtoul(colon + 1, NULL, 10);
    const char *bound = strstr(option(argv, "-object", "{"), "\"mrconfigid\":\"");
    assert_non_null(bound);
    assert_int_equal(sscanf(bound, "\"mrconfigid\":\"%64[^\"]", id), 1);
    assert_true(mse_base64_decode(digest, sizeof digest, &len, mse_bytes_str(id)) && len == 48);
    struct start s = { .out = out,
                       .runtime = runtime,
                       .listen_fd = listener(address, &port),
                       .line_fd =
                           (int)strtol(option(argv, "-chardev", "socket,id=control,fd="), NULL, 10),
                       .switches = no_switches };
    (void)fcntl(STATE_FD, F_SETFD, FD_CLOEXEC);
    open_app(&s, option(argv, "-drive", "if=none,id=disk1,format=raw,readonly=on,file="));
    (void)fcntl(s.line_fd, F_SETFD, FD_CLOEXEC);
    const struct boot boot = { option(argv, "-bios", ""), option(argv, "-kernel", "") };
    int rc = live(&s, digest, &boot, say_in_file);
    if (rc == 0) {
        (void)dprintf(s.line_fd, "mse-event 6\n");
    }
    free((void *)(uintptr_t)words.data);
    free(copy);
    return 0; /* as QEMU, however its machine ends */
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_handler = on_term };
    bool qemu = argc > 1 && strcmp(argv[1], "-machine") == 0;
    if (argc == 3 && strcmp(argv[1], "--vendor") == 0) {
        return main_vendor(argv[2]);
    }
    if (!qemu && argc < 5) {
        (void)fprintf(
            stderr,
            "usage: guest_world --vendor OUT | OUT MSE_ENCLAVE MANIFEST PACKAGE [SWITCH...]\n");
        return 2;
    }
    if (qemu) {
        return main_as_qemu(argv); /* SIGTERM ends it at once */
    }
    (void)sigaction(SIGTERM, &sa, NULL);
    return main_by_hand(argv);
}
