/* SPDX-License-Identifier: Apache-2.0 */
/* usage: sim_launch PLATFORM RUNTIME MANIFEST PACKAGE [SWITCH...]: starts a runtime in the
 * simulated TEE with this manifest and this package, as an operator's node does. Prints "port N
 * fingerprint HEX", then each event; ends when standard input does. For tests of what talks to
 * operators. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/files.h"
#include "package/manifest.h"
#include "sim/launcher.h"
#include "tee/driver.h"

static int listener(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static bool input_ended(void)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    char byte = 0;
    return poll(&p, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static const char *event_name(uint8_t event)
{
    static const char *const names[] = { "nothing",  "starting", "ready",
                                         "stopping", "failed",   "waiting" };
    return event < MSE_ARRAY_LEN(names) ? names[event] : "ended";
}

static mse_status serve(struct mse_sim_enclave *e, struct mse_error *err)
{
    struct mse_sim_news news = { .event = MSE_SIM_NOTHING };
    mse_status st = MSE_OK;
    while (st == MSE_OK && news.event != MSE_SIM_ENDED && !input_ended()) {
        news = (struct mse_sim_news) { .event = MSE_SIM_NOTHING };
        st = mse_sim_serve(e, &news, 100, err);
        if (st == MSE_OK && news.event != MSE_SIM_NOTHING && news.event != MSE_SIM_INTERRUPTED) {
            (void)printf("%s %s\n", event_name(news.event), news.text);
            (void)fflush(stdout);
        }
    }
    return st;
}

static mse_status launch(char **argv, struct mse_error *err)
{
    struct mse_sim_platform *platform = NULL;
    struct mse_sim_enclave *e = NULL;
    struct mse_manifest m = { .num_env = 0 };
    struct cli_file text = { .data = NULL };
    uint16_t port = 0;
    char hex[65];
    int package = open(argv[4], O_RDONLY | O_CLOEXEC);
    int listening = listener(&port);
    mse_status st =
        package < 0 || listening < 0 ? MSE_ERR_IO : mse_sim_load(&platform, argv[1], err);
    st = st == MSE_OK ? cli_file_read(&text, argv[3], MSE_MANIFEST_MAX_LEN, err) : st;
    st = st == MSE_OK ? mse_manifest_parse(&m, cli_file_view(&text), err) : st;
    const struct mse_sim_launch l = { .platform = platform,
                                      .runtime_path = argv[2],
                                      .manifest = cli_file_view(&text),
                                      .enclave_size = m.enclave_size,
                                      .threads = MSE_SIM_THREADS,
                                      .package_fd = package,
                                      .listen_fd = listening,
                                      .state_fd = -1,
                                      .extra_argv = (const char *const *)(argv + 5) };
    st = st == MSE_OK ? mse_sim_start(&e, &l, err) : st;
    if (st == MSE_OK) {
        mse_hex_encode(hex, mse_bytes_of(mse_sim_enclave_measurement(e), 32));
        (void)printf("port %u fingerprint %s\n", port, hex);
        (void)fflush(stdout);
        st = serve(e, err);
        mse_sim_stop(e, 3000);
        mse_sim_enclave_free(e);
    }
    mse_manifest_clear(&m);
    cli_file_clear(&text);
    mse_sim_free(platform);
    if (package >= 0) {
        (void)close(package);
    }
    if (listening >= 0) {
        (void)close(listening);
    }
    return st;
}

int main(int argc, char **argv)
{
    struct mse_error err = { .status = MSE_OK };
    if (argc < 5) {
        (void)fprintf(stderr, "usage: sim_launch PLATFORM RUNTIME MANIFEST PACKAGE [SWITCH...]\n");
        return 2;
    }
    mse_status st = launch(argv, &err);
    if (st != MSE_OK) {
        (void)fprintf(stderr, "sim_launch: %s\n",
                      err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    return st == MSE_OK ? 0 : 1;
}
