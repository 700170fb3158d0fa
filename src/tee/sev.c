/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of linux/sev-guest.h, whose names changed between versions of that header. What the
 * firmware answers comes over a channel that the host cannot write to; certificates are the host's
 * word. */
#include "tee/sev.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define STEP       "sev-guest"
#define REPORT_LEN 1184U
#define CERTS_MAX  16384U /* SEV_FW_BLOB_MAX_SIZE */
#define PAGE       4096U

/* spec: SEV-SNP Firmware ABI Specification, "Key Derivation": GUEST_FIELD_SELECT */
#define MIX_POLICY      (1U << 0)
#define MIX_MEASUREMENT (1U << 3)
#define MIX_TCB         (1U << 5)

#define VMM_INVALID_LEN 1U
#define VMM_BUSY        2U

struct request {
    uint8_t version;
    uint64_t in;
    uint64_t out;
    uint32_t firmware_error;
    uint32_t host_error;
};
struct report_request {
    uint8_t data[64];
    uint32_t vmpl;
    uint8_t zeros[28];
};
struct certs_request {
    struct report_request report;
    uint64_t certs;
    uint32_t certs_len;
};
struct key_request {
    uint32_t root; /* 0: VCEK */
    uint32_t zeros;
    uint64_t fields;
    uint32_t vmpl;
    uint32_t guest_svn;
    uint64_t tcb;
};
#define GET_REPORT _IOWR('S', 0, struct request)
#define GET_KEY    _IOWR('S', 1, struct request)
#define GET_CERTS  _IOWR('S', 2, struct request)

static mse_status fail(const struct request *r, int e, struct mse_error *err)
{
    if (e == ENOTTY || e == ENODEV || e == ENXIO) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "no SEV-SNP firmware answers: %s",
                        strerror(e));
    }
    if (r->host_error == VMM_BUSY || e == EAGAIN || e == EBUSY || e == ETIMEDOUT) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, STEP, "the host stays busy: %s", strerror(e));
    }
    if (r->firmware_error != 0) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the firmware refuses, error %#x: %s",
                        r->firmware_error, strerror(e));
    }
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "%s", strerror(e));
}

/* What ioctl takes; musl's is an int. */
#ifdef __GLIBC__
typedef unsigned long ioctl_number;
#else
typedef int ioctl_number;
#endif

/* One request; *e is 0 or its errno. */
static void ask(struct request *r, int fd, unsigned long what, int *e)
{
    int result = -1;
    do {
        r->firmware_error = 0;
        r->host_error = 0;
        result = ioctl(fd, (ioctl_number)what, r);
        *e = result == 0 ? 0 : errno;
    } while (result != 0 && *e == EINTR);
}

static mse_status read_report(struct mse_build *out, struct mse_bytes in, struct mse_error *err)
{
    struct mse_bytes report = { 0 };
    uint32_t status = 0;
    uint32_t len = 0;
    if (!mse_rd_u32le(&in, &status) || // 0 STATUS
        !mse_rd_u32le(&in, &len) ||    // 4 REPORT_SIZE
        !mse_rd_zeros(&in, 24) ||      // 8
        status != 0 || len != REPORT_LEN || !mse_rd_bytes(&in, &report, REPORT_LEN)) { // 32
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "status %#x, a report of %u bytes, wanted %u",
                        status, len, REPORT_LEN);
    }
    mse_wr_bytes(out, report);
    return MSE_OK;
}

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

mse_status mse_sev_ask(struct mse_tsm_reply *out, int fd, const uint8_t report_data[64],
                       struct mse_error *err)
{
    static const char provider[] = MSE_TSM_SNP;
    _Alignas(PAGE) uint8_t certs[CERTS_MAX] = { 0 };
    uint8_t answer[4000] = { 0 };
    struct certs_request in = { .certs = address(certs), .certs_len = CERTS_MAX };
    struct request r = { .version = 1, .in = address(&in), .out = address(answer) };
    struct mse_tsm_reply got = { 0 };
    int e = 0;
    memcpy(in.report.data, report_data, 64);
    ask(&r, fd, GET_CERTS, &e);
    bool has_certs = e == 0;
    if (e != 0 && r.host_error == VMM_INVALID_LEN) {
        ask(&r, fd, GET_REPORT, &e); /* more certificates than any host has: without them */
    }
    if (e != 0) {
        return fail(&r, e, err);
    }
    mse_build_heap(&got.report, MSE_TSM_MAX_REPORT);
    mse_build_heap(&got.extra, MSE_TSM_MAX_REPORT);
    memcpy(got.provider, provider, sizeof provider);
    mse_status st = read_report(&got.report, mse_bytes_of(answer, sizeof answer), err);
    if (has_certs && !mse_mem_is_zero(certs, sizeof certs)) {
        mse_wr_copy(&got.extra, certs, sizeof certs);
    }
    if (st == MSE_OK && (!mse_build_ok(&got.report) || !mse_build_ok(&got.extra))) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "no memory");
    }
    if (st != MSE_OK) {
        mse_tsm_clear(&got);
        return st;
    }
    *out = got;
    return MSE_OK;
}

mse_status mse_sev_key(uint8_t out[32], int fd, uint32_t vmpl, const uint8_t tcb[8],
                       struct mse_error *err)
{
    uint8_t answer[64] = { 0 };
    struct mse_bytes stored = mse_bytes_of(tcb, 8);
    struct key_request in = { .fields = MIX_POLICY | MIX_MEASUREMENT | MIX_TCB, .vmpl = vmpl };
    struct request r = { .version = 1, .in = address(&in), .out = address(answer) };
    struct mse_bytes rest = mse_bytes_of(answer, sizeof answer);
    uint32_t status = 0;
    uint8_t key[32];
    int e = 0;
    bool whole = mse_rd_u64le(&stored, &in.tcb);
    MSE_ASSERT(whole);
    ask(&r, fd, GET_KEY, &e);
    mse_status st = e == 0 ? MSE_OK : fail(&r, e, err);
    if (st == MSE_OK && (!mse_rd_u32le(&rest, &status) || // 0 STATUS
                         !mse_rd_zeros(&rest, 28) ||      // 4
                         !mse_rd_copy(&rest, key, 32) ||  // 32 DERIVED_KEY
                         status != 0 || mse_mem_is_zero(key, sizeof key))) {
        st =
            MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "status %#x of a derived key, or no key", status);
    }
    if (st == MSE_OK) {
        memcpy(out, key, sizeof key);
    }
    mse_wipe(key, sizeof key);
    mse_wipe(answer, sizeof answer);
    return st;
}
