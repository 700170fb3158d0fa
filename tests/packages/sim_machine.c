/* SPDX-License-Identifier: Apache-2.0 */
/* usage: sim_machine PLATFORM RUNTIME MANIFEST: the simulated processor of an emulated machine. It
 * measures the runtime that the machine's image has, and this manifest; prints "port N fingerprint
 * HEX", and answers whoever connects first, until that ends. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "package/manifest.h"
#include "sim/platform.h"
#include "sim/session.h"

#define MAX_RUNTIME ((size_t)64 << 20)
#define FLAGS       (MSE_SGX_FLAG_MODE64BIT | MSE_SGX_FLAG_INIT)

struct machine {
    struct mse_sim_platform *platform;
    uint8_t mr_enclave[32];
};

static mse_status answer_quote(void *ctx, struct mse_build *out, const uint8_t report_data[64])
{
    const struct machine *m = ctx;
    struct mse_sim_report r = { .attr_flags = FLAGS };
    memcpy(r.mr_enclave, m->mr_enclave, sizeof r.mr_enclave);
    memcpy(r.report_data, report_data, sizeof r.report_data);
    mse_status st = mse_sim_mrsigner(m->platform, r.mr_signer);
    return st == MSE_OK ? mse_sim_quote(m->platform, out, &r, NULL) : st;
}

static mse_status answer_key(void *ctx, uint8_t out[32])
{
    const struct machine *m = ctx;
    return mse_sim_seal_key(m->platform, out, m->mr_enclave, FLAGS);
}

static mse_status answer_counter(void *ctx, uint64_t *out, const uint8_t id[16], bool advance)
{
    const struct machine *m = ctx;
    return mse_sim_counter(m->platform, out, m->mr_enclave, id, advance);
}

/* Its measurement, and info for the session. */
static mse_status measure(struct machine *m, uint8_t info[64], char **argv, struct mse_error *err)
{
    struct cli_file runtime = { 0 };
    struct cli_file text = { 0 };
    struct mse_manifest manifest = { 0 };
    mse_status st = mse_sim_load(&m->platform, argv[1], err);
    st = st == MSE_OK ? cli_file_read(&runtime, argv[2], MAX_RUNTIME, err) : st;
    st = st == MSE_OK ? cli_file_read(&text, argv[3], MSE_MANIFEST_MAX_LEN, err) : st;
    st = st == MSE_OK ? mse_manifest_parse(&manifest, cli_file_view(&text), err) : st;
    struct mse_sim_layout layout = { .runtime = cli_file_view(&runtime),
                                     .manifest = cli_file_view(&text),
                                     .enclave_size = manifest.enclave_size,
                                     .threads = MSE_SIM_THREADS };
    st = st == MSE_OK ? mse_measure_sim(m->mr_enclave, &layout, err) : st;
    st = st == MSE_OK ? mse_sha256(info + 32, cli_file_view(&text)) : st;
    memcpy(info, m->mr_enclave, sizeof m->mr_enclave);
    mse_manifest_clear(&manifest);
    cli_file_clear(&text);
    cli_file_clear(&runtime);
    return st;
}

static bool reply(int fd, struct mse_build *out)
{
    size_t done = 0;
    while (done < out->len) {
        ssize_t n = send(fd, out->data + done, out->len - done, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    out->len = 0;
    return true;
}

static mse_status serve(struct mse_sim_session *s, int fd)
{
    uint8_t chunk[4096];
    for (;;) {
        struct mse_sim_note note = { 0 };
        mse_status st = mse_sim_session_step(s, &note);
        if (st == MSE_OK && note.event != 0) {
            (void)printf("event %u %s\n", note.event, note.text);
            (void)fflush(stdout);
        }
        if (st == MSE_OK && !reply(fd, &s->out)) {
            return MSE_ERR_IO;
        }
        if (st == MSE_OK) {
            continue;
        }
        size_t room = mse_sim_session_room(s);
        ssize_t n = st != MSE_ERR_NOT_FOUND
                        ? 0
                        : recv(fd, chunk, room < sizeof chunk ? room : sizeof chunk, 0);
        if (n <= 0) {
            return st == MSE_ERR_NOT_FOUND ? MSE_OK : st;
        }
        mse_wr_copy(&s->in, chunk, (size_t)n);
    }
}

static int accept_one(const struct machine *m)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    char hex[65];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        return -1;
    }
    mse_hex_encode(hex, mse_bytes_of(m->mr_enclave, 32));
    (void)printf("port %u fingerprint %s\n", ntohs(a.sin_port), hex);
    (void)fflush(stdout);
    int peer = accept(fd, NULL, NULL);
    (void)close(fd);
    return peer;
}

int main(int argc, char **argv)
{
    struct machine m = { 0 };
    struct mse_error err = { 0 };
    struct mse_sim_session session;
    struct mse_sim_answers answers = {
        .ctx = &m, .quote = answer_quote, .key = answer_key, .counter = answer_counter
    };
    if (argc != 4) {
        (void)fprintf(stderr, "usage: sim_machine PLATFORM RUNTIME MANIFEST\n");
        return 2;
    }
    mse_status st = measure(&m, answers.info, argv, &err);
    if (st == MSE_OK) {
        int fd = accept_one(&m);
        mse_sim_session_init(&session, &answers);
        st = fd < 0 ? MSE_ERR_IO : serve(&session, fd);
        mse_sim_session_clear(&session);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    if (st != MSE_OK) {
        (void)fprintf(stderr, "sim_machine: %s\n",
                      err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    mse_sim_free(m.platform);
    return st == MSE_OK ? 0 : 1;
}
