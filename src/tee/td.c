/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/td.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "tee/qgs.h"

#define STEP "tdx_guest"

/* linux/tdx-guest.h, which not every system has. */
struct report_request {
    uint8_t data[64];
    uint8_t report[MSE_QGS_REPORT_LEN];
};
#define GET_REPORT _IOWR('T', 1, struct report_request)

static mse_status get_report(struct report_request *r, int fd, struct mse_error *err)
{
    int result = -1;
    do {
        result = ioctl(fd, GET_REPORT, r);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return MSE_OK;
    }
    int e = errno;
    bool none = e == ENOTTY || e == ENODEV || e == ENXIO;
    return MSE_FAIL(err, none ? MSE_ERR_UNSUPPORTED : MSE_ERR_IO, STEP, "no report of the TD: %s",
                    strerror(e));
}

/* What a TD knows of itself; its TCB is for those to judge who verify.
 * spec: Intel TDX Module ABI, TDREPORT_STRUCT */
static bool read_report(struct mse_tdx_report *td, struct mse_bytes in)
{
    return mse_rd_skip(&in, 128) &&                     // 0 type, CPUSVN, hashes
           mse_rd_copy(&in, td->report_data, 64) &&     // 128 REPORTDATA
           mse_rd_skip(&in, 320) &&                     // 192 rest, TEE_TCB_INFO
           mse_rd_u64le(&in, &td->td_attributes) &&     // 512 ATTRIBUTES
           mse_rd_u64le(&in, &td->xfam) &&              // 520 XFAM
           mse_rd_copy(&in, td->mr_td, 48) &&           // 528 MRTD
           mse_rd_copy(&in, td->mr_config_id, 48) &&    // 576 MRCONFIGID
           mse_rd_copy(&in, td->mr_owner, 48) &&        // 624 MROWNER
           mse_rd_copy(&in, td->mr_owner_config, 48) && // 672 MROWNERCONFIG
           mse_rd_copy(&in, td->rtmr, sizeof td->rtmr); // 720 RTMR0 to 3
}

static bool same(const struct mse_tdx_report *a, const struct mse_tdx_report *b)
{
    return mse_mem_equal(a->report_data, b->report_data, sizeof a->report_data) &&
           a->td_attributes == b->td_attributes && a->xfam == b->xfam &&
           mse_mem_equal(a->mr_td, b->mr_td, sizeof a->mr_td) &&
           mse_mem_equal(a->mr_config_id, b->mr_config_id, sizeof a->mr_config_id) &&
           mse_mem_equal(a->mr_owner, b->mr_owner, sizeof a->mr_owner) &&
           mse_mem_equal(a->mr_owner_config, b->mr_owner_config, sizeof a->mr_owner_config) &&
           mse_mem_equal(a->rtmr, b->rtmr, sizeof a->rtmr);
}

static mse_status check_quote(struct mse_bytes quote, const struct report_request *r,
                              struct mse_error *err)
{
    struct mse_tdx_quote q;
    struct mse_tdx_report own = { .is_15 = false };
    bool whole = read_report(&own, mse_bytes_of(r->report, sizeof r->report));
    MSE_ASSERT(whole);
    mse_status st = mse_tdx_quote_parse(&q, quote, err);
    if (st == MSE_OK && !same(&q.body, &own)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                      "the host's quote is over another report than this TD's");
    }
    return st;
}

mse_status mse_td_ask(struct mse_tsm_reply *out, int fd, int root_fd, const uint8_t report_data[64],
                      struct mse_error *err)
{
    static const char provider[] = MSE_TSM_TDX;
    struct report_request r = { .data = { 0 } };
    struct mse_tsm_reply got = { .provider = "" };
    memcpy(r.data, report_data, sizeof r.data);
    mse_status st = get_report(&r, fd, err);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(got.provider, provider, sizeof provider);
    mse_build_heap(&got.report, MSE_TSM_MAX_REPORT);
    mse_build_heap(&got.extra, 1);
    st = mse_qgs_ask(&got.report, root_fd, r.report, err);
    if (st == MSE_OK && !mse_build_ok(&got.report)) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "no memory");
    }
    st = st == MSE_OK ? check_quote(mse_build_view(&got.report), &r, err) : st;
    if (st != MSE_OK) {
        mse_tsm_clear(&got);
        return st;
    }
    *out = got;
    return MSE_OK;
}
