/* SPDX-License-Identifier: Apache-2.0 */
/* Driver of the simulated TEE: asks the launcher at the other end of a socket. The launcher belongs
 * to the operator, so its replies are hostile input; a late, malformed or foreign one ends the
 * driver's use, because what follows on the stream could no longer be matched to a question. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "tee/driver.h"
#include "tee/frame.h"
#include "tee/stream.h"

#define TIMEOUT_MS       10000
#define EVENT_TIMEOUT_MS 1000
#define EVENT_TEXT_MAX   512

struct mse_tee {
    int fd;
    bool broken; /* the stream is out of step, or gone */
    struct mse_build in;
    uint8_t mr_enclave[32];
    uint8_t manifest_digest[32];
};

/* Receives up to one frame into t->in, which was empty: nothing may follow a reply. */
static mse_status receive_frame(struct mse_tee *t, struct mse_sim_frame *out, int64_t deadline)
{
    uint8_t chunk[4096];
    size_t got = 0;
    for (;;) {
        struct mse_bytes view = mse_build_view(&t->in);
        mse_status st = mse_sim_frame_take(out, &view);
        if (st == MSE_OK) {
            return view.len == 0 ? MSE_OK : MSE_ERR_PROTOCOL;
        }
        if (st != MSE_ERR_NOT_FOUND) {
            return st;
        }
        st = mse_tee_receive(t->fd, chunk, sizeof chunk, &got, deadline);
        if (st != MSE_OK) {
            return st;
        }
        mse_wr_copy(&t->in, chunk, got);
        mse_wipe(chunk, sizeof chunk);
        if (!mse_build_ok(&t->in)) {
            return MSE_ERR_PROTOCOL;
        }
    }
}

static const char *why(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_TIMEOUT:
        return "the launcher did not answer in time";
    case MSE_ERR_IO:
        return "the launcher closed the connection";
    default:
        return "the launcher broke the control protocol";
    }
}

/* One question, one reply; *out borrows from t->in until the next call. */
static mse_status ask(struct mse_tee *t, struct mse_bytes *out, uint8_t type,
                      struct mse_bytes payload, struct mse_error *err)
{
    if (t->broken) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee", "an earlier request to the launcher failed");
    }
    uint8_t buf[MSE_SIM_FRAME_HEAD + 64];
    struct mse_build request;
    struct mse_sim_frame reply = { 0 };
    mse_build_fixed(&request, buf, sizeof buf);
    mse_sim_frame_write(&request, type, payload);
    MSE_ASSERT(mse_build_ok(&request));
    mse_build_reset(&t->in);
    int64_t deadline = mse_tee_deadline(TIMEOUT_MS);
    mse_status st = mse_tee_send(t->fd, mse_build_view(&request), deadline);
    if (st == MSE_OK) {
        st = receive_frame(t, &reply, deadline);
    }
    if (st != MSE_OK) {
        t->broken = true;
        return MSE_FAIL(err, st, "tee", "%s", why(st));
    }
    if (reply.type == MSE_SIM_ERROR) {
        char text[128];
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee", "the launcher refused request 0x%02x: %s",
                        type, mse_log_quote(text, sizeof text, reply.payload));
    }
    if (reply.type != (MSE_SIM_REPLY | type)) {
        t->broken = true;
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee", "reply of type 0x%02x, wanted 0x%02x",
                        reply.type, (unsigned)(MSE_SIM_REPLY | type));
    }
    *out = reply.payload;
    return MSE_OK;
}

/* question: the payload of the request. */
static mse_status ask_exact(struct mse_tee *t, uint8_t *out, size_t len, uint8_t type,
                            struct mse_bytes question, struct mse_error *err)
{
    struct mse_bytes reply = { 0 };
    mse_status st = ask(t, &reply, type, question, err);
    if (st != MSE_OK) {
        return st;
    }
    if (reply.len != len) {
        t->broken = true;
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee", "reply of %zu bytes, wanted %zu", reply.len,
                        len);
    }
    memcpy(out, reply.data, len);
    return MSE_OK;
}

static void sim_close(struct mse_tee *t)
{
    if (t == NULL) {
        return;
    }
    if (t->fd >= 0) {
        (void)close(t->fd);
    }
    mse_build_clear(&t->in);
    mse_wipe(t, sizeof *t);
    free(t);
}

static mse_status read_info(struct mse_tee *t, struct mse_error *err)
{
    const struct mse_bytes none = { 0 };
    uint8_t info[64];
    mse_status st = ask_exact(t, info, sizeof info, MSE_SIM_REQ_INFO, none, err);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(t->mr_enclave, info, 32);
    memcpy(t->manifest_digest, info + 32, 32);
    return MSE_OK;
}

static mse_status check_socket(int fd, struct mse_error *err)
{
    int type = 0;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "tee", "control descriptor %d: no stream socket",
                        fd);
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "tee", "control descriptor %d: %s", fd, strerror(errno));
    }
    return MSE_OK;
}

static mse_status sim_open(struct mse_tee **out, int control_fd, struct mse_error *err)
{
    struct mse_tee *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)close(control_fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tee", "no memory");
    }
    t->fd = control_fd;
    mse_build_heap(&t->in, 4 + (size_t)MSE_SIM_MAX_FRAME);
    mse_status st = check_socket(control_fd, err);
    if (st == MSE_OK) {
        st = read_info(t, err);
    }
    if (st != MSE_OK) {
        sim_close(t);
        return st;
    }
    *out = t;
    return MSE_OK;
}

/* A quote over something else would only be found out by the user: say it here. */
static mse_status check_quote(struct mse_tee *t, struct mse_bytes quote,
                              const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_sgx_quote q;
    mse_status st = mse_sgx_quote_parse(&q, quote, err);
    if (st != MSE_OK) {
        t->broken = true;
        return st;
    }
    if (!mse_mem_equal(q.body.report_data, report_data, 64) ||
        !mse_mem_equal(q.body.mr_enclave, t->mr_enclave, sizeof t->mr_enclave)) {
        t->broken = true;
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee",
                        "the launcher's quote is over other report data or another enclave");
    }
    return MSE_OK;
}

static mse_status sim_quote(struct mse_tee *t, struct mse_build *out, const uint8_t report_data[64],
                            struct mse_error *err)
{
    struct mse_bytes quote = { 0 };
    mse_status st = ask(t, &quote, MSE_SIM_REQ_QUOTE, mse_bytes_of(report_data, 64), err);
    if (st == MSE_OK) {
        st = check_quote(t, quote, report_data, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    mse_wr_bytes(out, quote);
    if (!mse_build_ok(out)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "tee", "quote of %zu bytes does not fit", quote.len);
    }
    return MSE_OK;
}

static mse_status sim_check_manifest(struct mse_tee *t, struct mse_bytes manifest,
                                     struct mse_error *err)
{
    uint8_t digest[32];
    mse_status st = mse_sha256(digest, manifest);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-256 failed");
    }
    if (!mse_mem_equal(t->manifest_digest, digest, sizeof digest)) {
        char seen[65];
        char wanted[65];
        mse_hex_encode(seen, mse_bytes_of(digest, 32));
        mse_hex_encode(wanted, mse_bytes_of(t->manifest_digest, 32));
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                        "digest %s, but the TEE measured %s", seen, wanted);
    }
    return MSE_OK;
}

static mse_status sim_seal_key(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                               struct mse_error *err)
{
    (void)version;
    const struct mse_bytes none = { 0 };
    mse_status st = ask_exact(t, out, 32, MSE_SIM_REQ_KEY, none, err);
    if (t->in.data != NULL) {
        mse_wipe(t->in.data, t->in.cap);
    }
    mse_build_reset(&t->in);
    return st;
}

static mse_status sim_counter(struct mse_tee *t, uint64_t *out, const uint8_t id[16], bool advance,
                              struct mse_error *err)
{
    uint8_t question[17];
    uint8_t answer[9] = { 0 };
    uint8_t there = 0;
    uint64_t count = 0;
    struct mse_bytes in = mse_bytes_of(answer, sizeof answer);
    memcpy(question, id, 16);
    question[16] = advance ? 1 : 0;
    mse_status st = ask_exact(t, answer, sizeof answer, MSE_SIM_REQ_COUNTER,
                              mse_bytes_of(question, sizeof question), err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_rd_u8(&in, &there) ||    // 0 whether there is one
        !mse_rd_u64be(&in, &count) || // 1 count
        there > 1 || (there == 0 && count != 0)) {
        t->broken = true;
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "tee", "the launcher's answer is no count");
    }
    if (there == 0) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "tee", "the platform has no counter");
    }
    *out = count;
    return MSE_OK;
}

static void sim_event(struct mse_tee *t, uint8_t event, const char *text)
{
    if (t->broken) {
        return;
    }
    uint8_t payload_buf[1 + EVENT_TEXT_MAX];
    uint8_t buf[MSE_SIM_FRAME_HEAD + sizeof payload_buf];
    struct mse_build payload;
    struct mse_build frame;
    size_t len = text != NULL ? strnlen(text, EVENT_TEXT_MAX) : 0;
    mse_build_fixed(&payload, payload_buf, sizeof payload_buf);
    mse_wr_u8(&payload, event);
    mse_wr_copy(&payload, text, len);
    mse_build_fixed(&frame, buf, sizeof buf);
    mse_sim_frame_write(&frame, MSE_SIM_EVENT, mse_build_view(&payload));
    MSE_ASSERT(mse_build_ok(&frame));
    /* A frame cut short would put all later ones out of step. */
    if (mse_tee_send(t->fd, mse_build_view(&frame), mse_tee_deadline(EVENT_TIMEOUT_MS)) != MSE_OK) {
        t->broken = true;
    }
}

const struct mse_tee_ops mse_tee_sim = {
    .name = "sim",
    .kind = MSE_TEE_SGX,
    .simulated = true,
    .open = sim_open,
    .close = sim_close,
    .quote = sim_quote,
    .check_manifest = sim_check_manifest,
    .seal_key = sim_seal_key,
    .counter = sim_counter,
    .event = sim_event,
};
