/* SPDX-License-Identifier: Apache-2.0 */
/* spec: Intel QGS, messages in little endian, each behind its length as u32be */
#include "tee/qgs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "tee/stream.h"

#define STEP        "qgs"
#define MAJOR       1U
#define MINOR       0U
#define QUOTE_REQ   0U
#define QUOTE_RESP  1U
#define REQ_HEAD    24U
#define LENGTH_LEN  4U
#define ASK_MS      60000
#define CONFIG_MAX  4096U
#define PORT_DIGITS 10U

void mse_qgs_write(struct mse_build *out, const uint8_t report[MSE_QGS_REPORT_LEN])
{
    mse_wr_u32be(out, REQ_HEAD + MSE_QGS_REPORT_LEN);
    mse_wr_u16le(out, MAJOR);
    mse_wr_u16le(out, MINOR);
    mse_wr_u32le(out, QUOTE_REQ);
    mse_wr_u32le(out, REQ_HEAD + MSE_QGS_REPORT_LEN);
    mse_wr_u32le(out, 0); /* error code, of answers */
    mse_wr_u32le(out, MSE_QGS_REPORT_LEN);
    mse_wr_u32le(out, 0); /* ids of keys to sign with: whichever the service has */
    mse_wr_copy(out, report, MSE_QGS_REPORT_LEN);
}

mse_status mse_qgs_read(struct mse_bytes *quote, struct mse_bytes answer, struct mse_error *err)
{
    struct mse_bytes in = answer;
    struct mse_bytes found;
    uint16_t major = 0;
    uint32_t type = 0;
    uint32_t size = 0;
    uint32_t code = 0;
    uint32_t id_len = 0;
    uint32_t len = 0;
    if (!mse_rd_u16le(&in, &major) || // 0 major version
        !mse_rd_skip(&in, 2) ||       // 2 minor version: compatible
        !mse_rd_u32le(&in, &type) ||  // 4 type
        !mse_rd_u32le(&in, &size) ||  // 8 size of all
        !mse_rd_u32le(&in, &code)) {  // 12 error code
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "an answer of %zu bytes", answer.len);
    }
    if (major != MAJOR || type != QUOTE_RESP || size != answer.len) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                        "version %u, type %u, size %u in an answer of %zu bytes, wanted version 1, "
                        "type 1",
                        major, type, size, answer.len);
    }
    if (code != 0) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the service gives no quote: error %#x", code);
    }
    if (!mse_rd_u32le(&in, &id_len) ||     // 16 length of the key's id
        !mse_rd_u32le(&in, &len) ||        // 20 length of the quote
        !mse_rd_skip(&in, id_len) ||       // 24 id
        !mse_rd_bytes(&in, &found, len) || // quote
        in.len != 0 || len == 0) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                        "an id of %u bytes and a quote of %u, in an answer of %zu", id_len, len,
                        answer.len);
    }
    *quote = found;
    return MSE_OK;
}

/* ---- where it is ---- */

static struct mse_bytes without_blanks(struct mse_bytes s)
{
    while (s.len > 0 && strchr(" \t\r", s.data[0]) != NULL && s.data[0] != '\0') {
        s = mse_bytes_of(s.data + 1, s.len - 1);
    }
    while (s.len > 0 && strchr(" \t\r", s.data[s.len - 1]) != NULL && s.data[s.len - 1] != '\0') {
        s.len--;
    }
    return s;
}

static bool port_of_line(uint32_t *out, struct mse_bytes line)
{
    uint64_t v = 0;
    const uint8_t *sign = line.len == 0 ? NULL : memchr(line.data, '=', line.len);
    size_t at = sign == NULL ? 0 : (size_t)(sign - line.data);
    if (sign == NULL || !mse_bytes_is_str(without_blanks(mse_bytes_of(line.data, at)), "port")) {
        return false;
    }
    struct mse_bytes number = without_blanks(mse_bytes_of(sign + 1, line.len - at - 1));
    if (number.len > PORT_DIGITS || !mse_u64_parse(&v, number, VMADDR_PORT_ANY - 1U) || v == 0) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool mse_qgs_port(uint32_t *out, struct mse_bytes text)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        if (port_of_line(out, mse_bytes_of(text.data, len))) {
            return true;
        }
        size_t taken = end == NULL ? len : len + 1;
        text = mse_bytes_of(text.data + taken, text.len - taken);
    }
    return false;
}

static uint32_t configured_port(int root_fd)
{
    uint8_t text[CONFIG_MAX];
    uint32_t port = MSE_QGS_PORT;
    size_t len = 0;
    int fd = openat(root_fd, MSE_QGS_CONFIG, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && mse_io_read(fd, text, sizeof text, &len)) {
        (void)!mse_qgs_port(&port, mse_bytes_of(text, len));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return port;
}

static int connect_to(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address, len) != 0) {
        int e = errno;
        (void)close(fd);
        errno = e;
        fd = -1;
    }
    return fd;
}

static int connect_service(int root_fd)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    int n = snprintf(local.sun_path, sizeof local.sun_path, "/proc/self/fd/%d/" MSE_QGS_SOCKET,
                     root_fd);
    MSE_ASSERT(n > 0 && (size_t)n < sizeof local.sun_path);
    int fd = connect_to((const struct sockaddr *)&local, sizeof local);
    if (fd >= 0) {
        return fd;
    }
    struct sockaddr_vm host = { .svm_family = AF_VSOCK,
                                .svm_cid = VMADDR_CID_HOST,
                                .svm_port = configured_port(root_fd) };
    return connect_to((const struct sockaddr *)&host, sizeof host);
}

/* ---- a question ---- */

static mse_status receive(struct mse_build *out, size_t len, int fd, int64_t deadline)
{
    uint8_t chunk[4096];
    mse_status st = MSE_OK;
    while (st == MSE_OK && len > 0) {
        size_t got = 0;
        st = mse_tee_receive(fd, chunk, len < sizeof chunk ? len : sizeof chunk, &got, deadline);
        mse_wr_copy(out, chunk, got);
        len -= got;
    }
    return st == MSE_OK && !mse_build_ok(out) ? MSE_ERR_MEMORY : st;
}

static mse_status exchange(struct mse_build *answer, int fd, struct mse_bytes request)
{
    uint8_t head[LENGTH_LEN];
    struct mse_build h;
    uint32_t len = 0;
    int64_t deadline = mse_tee_deadline(ASK_MS);
    mse_build_fixed(&h, head, sizeof head);
    mse_status st = mse_tee_send(fd, request, deadline);
    st = st == MSE_OK ? receive(&h, sizeof head, fd, deadline) : st;
    struct mse_bytes in = mse_build_view(&h);
    if (st == MSE_OK && (!mse_rd_u32be(&in, &len) || len == 0 || len > MSE_QGS_MAX)) {
        st = MSE_ERR_PROTOCOL;
    }
    return st == MSE_OK ? receive(answer, len, fd, deadline) : st;
}

mse_status mse_qgs_ask(struct mse_build *out, int root_fd, const uint8_t report[MSE_QGS_REPORT_LEN],
                       struct mse_error *err)
{
    uint8_t request[LENGTH_LEN + REQ_HEAD + MSE_QGS_REPORT_LEN];
    struct mse_build req;
    struct mse_build answer;
    struct mse_bytes quote = { 0 };
    int fd = connect_service(root_fd);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "the host's quote generation service cannot be reached, by /" MSE_QGS_SOCKET
                        " or vsock (port of /" MSE_QGS_CONFIG ", else 4050): %s",
                        strerror(errno));
    }
    mse_build_fixed(&req, request, sizeof request);
    mse_build_heap(&answer, MSE_QGS_MAX);
    mse_qgs_write(&req, report);
    MSE_ASSERT(mse_build_ok(&req));
    mse_status st = exchange(&answer, fd, mse_build_view(&req));
    (void)close(fd);
    if (st != MSE_OK) {
        st = MSE_FAIL(err, st, STEP, "the quote generation service: %s", mse_status_text(st));
    }
    st = st == MSE_OK ? mse_qgs_read(&quote, mse_build_view(&answer), err) : st;
    if (st == MSE_OK) {
        mse_wr_bytes(out, quote);
    }
    mse_build_clear(&answer);
    return st;
}
