/* SPDX-License-Identifier: Apache-2.0 */
/* usage: guest_world OUT MSE_ENCLAVE MANIFEST PACKAGE [SWITCH...]: a guest of TDX with a made-up
 * vendor below it. Starts the runtime in it as an init system would, with a configfs-tsm (FUSE)
 * that quotes for that vendor, and MRCONFIGID for this manifest. Prints "port N fingerprint HEX";
 * OUT gets the vendor's collateral in pieces. SIGTERM is handed on. For the integration test. */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/tsm_tree.h"
#include "tee/tsm.h"
#include "unit/attest/world.h"

#define MAX_SWITCHES 8

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

static int listener(unsigned *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
                listen(fd, 64) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

_Noreturn static void become(char **argv, const int fds[4])
{
    static const char *const names[] = { "--root-fd", "--manifest-fd", "--package-fd",
                                         "--listen-fd" };
    const char *words[3 + 8 + MAX_SWITCHES + 1] = { "mse-enclave", "--tee", "tdx" };
    char numbers[4][12];
    size_t n = 3;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%d", fds[i]);
        words[n++] = names[i];
        words[n++] = numbers[i];
        (void)fcntl(fds[i], F_SETFD, 0);
    }
    for (size_t i = 0; i < MAX_SWITCHES && argv[5 + i] != NULL; i++) {
        words[n++] = argv[5 + i];
    }
    union {
        const char **in;
        char **out;
    } u = { .in = words };
    (void)execv(argv[2], u.out);
    _exit(127);
}

static volatile sig_atomic_t asked;

static void on_term(int number)
{
    (void)number;
    asked = 1;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (asked != 0) {
            asked = 0;
            (void)kill(pid, SIGTERM);
        }
        (void)poll(NULL, 0, 20);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(struct guest *g, struct tsm_tree *tree, char **argv)
{
    uint8_t fingerprint[32];
    char hex[65];
    unsigned port = 0;
    const int fds[4] = { tsm_tree_open(tree), open(argv[3], O_RDONLY), open(argv[4], O_RDONLY),
                         listener(&port) };
    assert_true(fds[1] >= 0 && fds[2] >= 0);
    assert_status(mse_tdx_fingerprint(fingerprint, &g->world->td), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(fingerprint, sizeof fingerprint));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become(argv, fds);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)close(fds[i]);
    }
    (void)printf("port %u fingerprint %s\n", port, hex);
    (void)fflush(stdout);
    return wait_for(pid);
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_handler = on_term };
    struct guest g = { .world = NULL };
    void *part = NULL;
    if (argc < 5) {
        (void)fprintf(stderr, "usage: guest_world OUT MSE_ENCLAVE MANIFEST PACKAGE [SWITCH...]\n");
        return 2;
    }
    (void)world_setup(&part);
    (void)world_defaults_tdx(&part);
    g.world = part;
    struct mse_bytes manifest = test_read_file(argv[3]);
    assert_non_null(manifest.data);
    assert_status(mse_sha384(g.world->td.mr_config_id, manifest), MSE_OK);
    free((void *)(uintptr_t)manifest.data);
    world_make(g.world);
    dump(argv[1], g.world);
    memcpy(g.knobs.rtmr3, g.world->td.rtmr[3], 48);
    g.knobs.provider = MSE_TSM_TDX;
    g.knobs.report = report;
    g.knobs.arg = &g;
    (void)sigaction(SIGTERM, &sa, NULL);
    struct tsm_tree *tree = tsm_tree_start(&g.knobs);
    int rc = 77; /* no FUSE */
    if (tree != NULL) {
        rc = run(&g, tree, argv);
        tsm_tree_stop(tree);
    }
    (void)world_teardown(&part);
    return rc;
}
