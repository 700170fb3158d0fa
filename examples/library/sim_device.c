/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for Gramine's /dev/attestation, to try the examples without hardware: quotes of a
 * simulated platform (mse sim init), which nobody accepts without having pinned its root.
 *
 *   sim_device PLATFORM DEVICE [--debug]
 *
 * makes the folder DEVICE with two pipes: 64 bytes of report data go into user_report_data, the
 * quote comes out of quote. It claims the MRENCLAVE aa…aa. Part of the build, not of the
 * library. */
#include <fcntl.h>
#include <mse/evidence.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "sim/platform.h"

#define MAX_QUOTE  16384
#define MAX_PATH   4096
#define MRENCLAVE  0xaa
#define ATTRIBUTES (MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT)

static void path_of(char out[MAX_PATH], const char *device, const char *part)
{
    (void)snprintf(out, MAX_PATH, "%s/%s", device, part);
}

/* One request: report data in, quote out. False if the pipes are gone. */
static bool serve(const struct mse_sim_platform *p, const char *device, bool debug)
{
    char path[MAX_PATH];
    uint8_t buf[MAX_QUOTE];
    struct mse_build quote;
    struct mse_sim_report r = { .attr_flags = ATTRIBUTES };
    r.attr_flags |= debug ? MSE_SGX_FLAG_DEBUG : 0;
    memset(r.mr_enclave, MRENCLAVE, sizeof r.mr_enclave);
    path_of(path, device, "user_report_data");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, r.report_data, sizeof r.report_data) == sizeof r.report_data;
    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    mse_build_fixed(&quote, buf, sizeof buf);
    ok = ok && mse_sim_mrsigner(p, r.mr_signer) == MSE_OK &&
         mse_sim_quote(p, &quote, &r, NULL) == MSE_OK;
    path_of(path, device, "quote");
    fd = ok ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!write(fd, quote.data, quote.len); /* whoever asked may be gone */
        (void)close(fd);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct mse_sim_platform *p = NULL;
    struct mse_error err = { .status = MSE_OK };
    char in[MAX_PATH];
    char out[MAX_PATH];
    bool debug = argc == 4 && strcmp(argv[3], "--debug") == 0;
    if (argc < 3 || argc > 4 || (argc == 4 && !debug)) {
        (void)fprintf(stderr, "usage: sim_device PLATFORM DEVICE [--debug]\n");
        return 2;
    }
    if (mse_sim_load(&p, argv[1], &err) != MSE_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    path_of(in, argv[2], "user_report_data");
    path_of(out, argv[2], "quote");
    if (mkdir(argv[2], 0700) != 0 || mkfifo(out, 0600) != 0 || mkfifo(in, 0600) != 0) {
        (void)fprintf(stderr, "%s cannot be made\n", argv[2]);
        return 2;
    }
    while (serve(p, argv[2], debug)) {
    }
    mse_sim_free(p);
    return 0;
}
