/* SPDX-License-Identifier: Apache-2.0 */
/* The driver, answered by a hostile launcher. The first byte chooses: answer the opening, or open
 * properly and answer a question for a quote or a key. The launcher then hangs up. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tee/driver.h"
#include "tee/frame.h"

#define MRENCLAVE_BYTE 0x11

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_info(int fd)
{
    uint8_t info[64];
    uint8_t buf[128];
    struct mse_build b;
    memset(info, MRENCLAVE_BYTE, sizeof info);
    mse_build_fixed(&b, buf, sizeof buf);
    mse_sim_frame_write(&b, MSE_SIM_REPLY | MSE_SIM_REQ_INFO, mse_bytes_of(info, sizeof info));
    MSE_ASSERT(send(fd, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len);
}

static void ask_quote(struct mse_tee *t)
{
    uint8_t report_data[64] = { 1, 2, 3 };
    struct mse_sgx_quote q;
    struct mse_build out;
    mse_build_heap(&out, MSE_SIM_MAX_FRAME);
    if (mse_tee_sim.quote(t, &out, report_data, NULL) == MSE_OK) {
        /* What is handed on is a quote over this data, of this enclave. */
        MSE_ASSERT(mse_sgx_quote_parse(&q, mse_build_view(&out), NULL) == MSE_OK);
        MSE_ASSERT(mse_mem_equal(q.body.report_data, report_data, 64));
        MSE_ASSERT(q.body.mr_enclave[0] == MRENCLAVE_BYTE);
    } else {
        MSE_ASSERT(out.len == 0);
    }
    mse_build_clear(&out);
}

static void ask_key(struct mse_tee *t, struct mse_bytes reply)
{
    uint8_t key[32];
    if (mse_tee_sim.seal_key(t, key, NULL, NULL) == MSE_OK) {
        MSE_ASSERT(reply.len == MSE_SIM_FRAME_HEAD + sizeof key);
        MSE_ASSERT(mse_mem_equal(reply.data + MSE_SIM_FRAME_HEAD, key, sizeof key));
    }
}

static void answer(int fd, struct mse_bytes reply)
{
    MSE_ASSERT(send(fd, reply.data, reply.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)reply.len);
    MSE_ASSERT(shutdown(fd, SHUT_WR) == 0);
}

static void fuzz_open(int peer, int fd, struct mse_bytes reply)
{
    struct mse_tee *t = NULL;
    answer(peer, reply);
    if (mse_tee_sim.open(&t, fd, NULL) == MSE_OK) {
        MSE_ASSERT(reply.len == MSE_SIM_FRAME_HEAD + 64);
        mse_tee_sim.close(t);
    }
}

static void fuzz_question(int peer, int fd, struct mse_bytes reply, bool quote)
{
    struct mse_tee *t = NULL;
    put_info(peer);
    MSE_ASSERT(mse_tee_sim.open(&t, fd, NULL) == MSE_OK);
    answer(peer, reply);
    if (quote) {
        ask_quote(t);
    } else {
        ask_key(t, reply);
    }
    mse_tee_sim.close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t choice = 0;
    int pair[2];
    /* Bounded by what the socket takes without a reader. */
    if (!mse_rd_u8(&in, &choice) || in.len > MSE_SIM_MAX_FRAME + 16) {
        return 0;
    }
    MSE_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    if (choice % 3 == 0) {
        fuzz_open(pair[1], pair[0], in);
    } else {
        fuzz_question(pair[1], pair[0], in, choice % 3 == 1);
    }
    (void)close(pair[1]);
    return 0;
}
