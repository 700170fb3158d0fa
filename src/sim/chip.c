/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/chip.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "measure/sigstruct_make.h"

#define XFRM          0xe7ULL
#define RECEIVE_CHUNK 4096

static void close_fd(struct mse_sim_chip *e)
{
    if (e->fd >= 0) {
        (void)close(e->fd);
    }
    e->fd = -1;
}

static bool would_block(int e)
{
    return e == EINTR || e == EAGAIN;
}

/* ---- what the session asks of it */

static mse_status answer_quote(void *ctx, struct mse_build *out, const uint8_t report_data[64])
{
    const struct mse_sim_chip *e = ctx;
    struct mse_sim_report r = { .attr_flags = e->attr_flags };
    memcpy(r.mr_enclave, e->mr_enclave, sizeof r.mr_enclave);
    memcpy(r.report_data, report_data, sizeof r.report_data);
    mse_status st = mse_sim_mrsigner(e->platform, r.mr_signer);
    return st == MSE_OK ? mse_sim_quote(e->platform, out, &r, NULL) : st;
}

static mse_status answer_key(void *ctx, uint8_t out[32])
{
    const struct mse_sim_chip *e = ctx;
    return mse_sim_seal_key(e->platform, out, e->mr_enclave, e->attr_flags);
}

static mse_status answer_counter(void *ctx, uint64_t *out, const uint8_t id[16], bool advance)
{
    const struct mse_sim_chip *e = ctx;
    return mse_sim_counter(e->platform, out, e->mr_enclave, id, advance);
}

/* ---- making it */

/* What EINIT checks of a SIGSTRUCT against the enclave at hand. */
static mse_status einit(const struct mse_sim_chip *e, struct mse_bytes sigstruct,
                        uint64_t attr_flags, struct mse_error *err)
{
    struct mse_sigstruct s;
    uint8_t signer[32];
    uint8_t wanted[32];
    mse_status st = mse_sigstruct_parse(&s, sigstruct, err);
    if (st == MSE_OK) {
        st = mse_sigstruct_verify(&s, err);
    }
    if (st == MSE_OK) {
        st = mse_sigstruct_mrsigner(signer, &s);
    }
    if (st == MSE_OK) {
        st = mse_sim_mrsigner(e->platform, wanted);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "sigstruct", "the enclave's signature does not hold");
    }
    if (!mse_mem_equal(signer, wanted, sizeof signer)) {
        return MSE_FAIL(err, MSE_ERR_MRSIGNER_MISMATCH, "sigstruct", "signed by another key");
    }
    if (!mse_mem_equal(s.enclave_hash, e->mr_enclave, sizeof e->mr_enclave)) {
        return MSE_FAIL(err, MSE_ERR_MRENCLAVE_MISMATCH, "sigstruct", "made for another enclave");
    }
    if ((s.attr_flags & s.attr_mask_flags) != (attr_flags & s.attr_mask_flags) ||
        (s.attr_xfrm & s.attr_mask_xfrm) != (XFRM & s.attr_mask_xfrm)) {
        return MSE_FAIL(err, MSE_ERR_ATTRIBUTES, "sigstruct", "made for other attributes");
    }
    return MSE_OK;
}

/* The operator signs the enclave; then the simulated CPU starts it, and sets INIT. */
static mse_status initialise(struct mse_sim_chip *e, bool debug, struct mse_error *err)
{
    uint64_t flags = MSE_SGX_FLAG_MODE64BIT | (debug ? MSE_SGX_FLAG_DEBUG : 0);
    struct mse_sigstruct_params params = {
        .attr_flags = flags,
        .attr_xfrm = XFRM,
        .attr_mask_flags = UINT64_MAX,
        .attr_mask_xfrm = UINT64_MAX,
        .misc_mask = UINT32_MAX,
        .date = (mse_time)time(NULL),
    };
    memcpy(params.enclave_hash, e->mr_enclave, sizeof params.enclave_hash);
    uint8_t sigstruct[MSE_SIGSTRUCT_LEN];
    mse_status st = mse_sigstruct_make(sigstruct, &params, mse_sim_signer_borrow(e->platform));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "sigstruct", "could not be made");
    }
    st = einit(e, mse_bytes_of(sigstruct, sizeof sigstruct), flags, err);
    if (st == MSE_OK) {
        e->attr_flags = flags | MSE_SGX_FLAG_INIT;
    }
    return st;
}

mse_status mse_sim_chip_make(struct mse_sim_chip *out, const struct mse_sim_platform *platform,
                             const struct mse_sim_layout *layout, bool debug, struct mse_error *err)
{
    struct mse_sim_answers answers = {
        .ctx = out, .quote = answer_quote, .key = answer_key, .counter = answer_counter
    };
    *out = (struct mse_sim_chip) { .platform = platform, .fd = -1 };
    mse_status st = mse_measure_sim(out->mr_enclave, layout, err);
    st = st == MSE_OK ? initialise(out, debug, err) : st;
    if (st == MSE_OK) {
        memcpy(answers.info, out->mr_enclave, 32);
        st = mse_sha256(answers.info + 32, layout->manifest);
    }
    if (st == MSE_OK) {
        mse_sim_session_init(&out->session, &answers);
    }
    return st;
}

void mse_sim_chip_clear(struct mse_sim_chip *chip)
{
    close_fd(chip);
    mse_sim_session_clear(&chip->session);
    mse_wipe(chip, sizeof *chip);
    chip->fd = -1;
}

/* ---- talking */

/* True when no output is left. */
static bool flush(struct mse_sim_chip *e)
{
    struct mse_build *out = &e->session.out;
    size_t done = 0;
    while (done < out->len) {
        ssize_t n = send(e->fd, out->data + done, out->len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && would_block(errno)) {
            break;
        }
        /* A runtime that went away gets no reply; what it said last is still read. */
        done = n < 0 ? out->len : done + (size_t)n;
    }
    if (done > 0) {
        memmove(out->data, out->data + done, out->len - done);
        mse_wipe(out->data + (out->len - done), done);
        out->len -= done;
    }
    return out->len == 0;
}

/* True if something was received. */
static bool receive(struct mse_sim_chip *e)
{
    uint8_t chunk[RECEIVE_CHUNK];
    size_t room = mse_sim_session_room(&e->session);
    ssize_t n = recv(e->fd, chunk, room < sizeof chunk ? room : sizeof chunk, MSG_DONTWAIT);
    if (n > 0) {
        mse_wr_copy(&e->session.in, chunk, (size_t)n);
        return true;
    }
    if (n == 0 || !would_block(errno)) {
        close_fd(e);
    }
    return false;
}

mse_status mse_sim_chip_pass(struct mse_sim_chip *chip, struct mse_sim_note *note, bool *more,
                             struct mse_error *err)
{
    *more = false;
    if (chip->fd < 0 || !flush(chip)) {
        return MSE_OK;
    }
    mse_status st = mse_sim_session_step(&chip->session, note);
    if (st == MSE_OK) {
        *more = true;
        return MSE_OK;
    }
    if (st == MSE_ERR_NOT_FOUND) {
        *more = receive(chip);
        return MSE_OK;
    }
    close_fd(chip);
    return MSE_FAIL(err, MSE_ERR_PROTOCOL, "control", "the runtime broke the control protocol");
}

short mse_sim_chip_waits(const struct mse_sim_chip *chip)
{
    return chip->session.out.len > 0 ? POLLOUT : POLLIN;
}
