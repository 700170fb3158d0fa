/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of confidential machines, TDX and SEV-SNP, whose kernel quotes through configfs-tsm, or
 * through a device of their own, which older kernels have alone. The kernel is part of what
 * was measured and is trusted; quotes and certificates that it fetched from the host are not, and
 * are held against what the first report said of this machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "tee/driver.h"
#include "tee/event.h"
#include "tee/root.h"
#include "tee/sev.h"
#include "tee/td.h"
#include "tee/tsm.h"

#define STEP "tee"
/* Below the root, which tests put elsewhere. */
#define REPORTS "sys/kernel/config/tsm/report"
#define DEVICE  "dev/sev-guest"
#define TD      "dev/tdx_guest"
#define RTMR3   "sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384"

struct mse_tee {
    int root_fd;
    int reports_fd;                /* -1: no configfs-tsm, then there is a device */
    int device_fd;                 /* -1: none */
    struct mse_tdx_report td;      /* of this machine, as first reported; TDX */
    bool by_rtmr3;                 /* its manifest is bound by RTMR3, which stays as it is */
    struct mse_snp_report machine; /* SEV-SNP; borrows nothing that is used */
};

/* ---- both ---- */

static void guest_close(struct mse_tee *t)
{
    if (t == NULL) {
        return;
    }
    if (t->reports_fd >= 0) {
        (void)close(t->reports_fd);
    }
    if (t->device_fd >= 0) {
        (void)close(t->device_fd);
    }
    if (t->root_fd >= 0) {
        (void)close(t->root_fd);
    }
    free(t);
}

static mse_status open_folders(struct mse_tee *t, const char *device, struct mse_error *err)
{
    mse_status st = mse_tee_root(&t->root_fd, err);
    if (st != MSE_OK) {
        return st;
    }
    t->reports_fd = openat(t->root_fd, REPORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int e = errno;
    t->device_fd = openat(t->root_fd, device, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (t->reports_fd < 0 && t->device_fd < 0) {
        return MSE_FAIL(err, e == ENOENT ? MSE_ERR_UNSUPPORTED : MSE_ERR_IO, STEP,
                        "/" REPORTS ": %s, and no /%s; wanted Linux 6.7 or later, with configfs "
                        "mounted",
                        strerror(e), device);
    }
    return MSE_OK;
}

/* One report, of the provider that this driver is for. */
static mse_status ask(struct mse_tee *t, struct mse_tsm_reply *out, const char *provider,
                      const uint8_t report_data[64], struct mse_error *err)
{
    mse_status st = MSE_OK;
    if (t->reports_fd >= 0) {
        st = mse_tsm_ask(out, t->reports_fd, report_data, err);
    } else if (strcmp(provider, MSE_TSM_TDX) == 0) {
        st = mse_td_ask(out, t->device_fd, t->root_fd, report_data, err);
    } else {
        st = mse_sev_ask(out, t->device_fd, report_data, err);
    }
    if (st != MSE_OK || strcmp(out->provider, provider) == 0) {
        return st;
    }
    char seen[2 * MSE_TSM_PROVIDER_MAX];
    (void)mse_log_quote(seen, sizeof seen, mse_bytes_str(out->provider));
    mse_tsm_clear(out);
    return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "this machine's TEE is %s, wanted %s", seen,
                    provider);
}

static mse_status foreign_report(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                    "the report is over other data, or of another machine than this");
}

static mse_status wrong_manifest(const char *what, const uint8_t *seen, const uint8_t *wanted,
                                 size_t len, struct mse_error *err)
{
    char seen_hex[97];
    char wanted_hex[97];
    mse_hex_encode(seen_hex, mse_bytes_of(seen, len));
    mse_hex_encode(wanted_hex, mse_bytes_of(wanted, len));
    return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                    "%s is %s, but with this manifest it would be %s", what, seen_hex, wanted_hex);
}

/* device: of this kind of machine, below the root. */
static mse_status open_guest(struct mse_tee **out, int control_fd, const char *device,
                             mse_status (*look)(struct mse_tee *t, struct mse_error *err),
                             struct mse_error *err)
{
    struct mse_tee *t = calloc(1, sizeof *t);
    if (t == NULL) {
        if (control_fd >= 0) {
            (void)close(control_fd);
        }
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "no memory");
    }
    t->root_fd = control_fd;
    t->reports_fd = -1;
    t->device_fd = -1;
    mse_status st = open_folders(t, device, err);
    st = st == MSE_OK ? look(t, err) : st;
    if (st != MSE_OK) {
        guest_close(t);
        return st;
    }
    *out = t;
    return MSE_OK;
}

/* ---- TDX ---- */

/* What cannot change while a TD runs; RTMRs are extended. */
static bool same_td(const struct mse_tdx_report *a, const struct mse_tdx_report *b)
{
    return mse_mem_equal(a->mr_td, b->mr_td, sizeof a->mr_td) &&
           mse_mem_equal(a->mr_config_id, b->mr_config_id, sizeof a->mr_config_id) &&
           a->td_attributes == b->td_attributes && a->xfam == b->xfam;
}

static mse_status ask_td(struct mse_tee *t, struct mse_build *out, struct mse_tdx_report *td,
                         const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_tsm_reply r;
    struct mse_tdx_quote q;
    mse_status st = ask(t, &r, MSE_TSM_TDX, report_data, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_tdx_quote_parse(&q, mse_build_view(&r.report), err);
    if (st == MSE_OK && !mse_mem_equal(q.body.report_data, report_data, 64)) {
        st = foreign_report(err);
    }
    if (st == MSE_OK) {
        *td = q.body;
        mse_wr_bytes(out, mse_build_view(&r.report));
    }
    mse_tsm_clear(&r);
    return st;
}

static mse_status look_at_td(struct mse_tee *t, struct mse_error *err)
{
    static const uint8_t nothing[64];
    struct mse_build quote;
    mse_build_heap(&quote, MSE_TSM_MAX_REPORT);
    mse_status st = ask_td(t, &quote, &t->td, nothing, err);
    mse_build_clear(&quote);
    return st;
}

static mse_status tdx_open(struct mse_tee **out, int control_fd, struct mse_error *err)
{
    return open_guest(out, control_fd, TD, look_at_td, err);
}

static mse_status tdx_quote(struct mse_tee *t, struct mse_build *out, const uint8_t report_data[64],
                            struct mse_error *err)
{
    struct mse_tdx_report td = { 0 };
    size_t before = out->len;
    mse_status st = ask_td(t, out, &td, report_data, err);
    /* The host made the first one, too, and may have invented its RTMR3: then none that is genuine
     * leaves this machine. */
    bool bound = !t->by_rtmr3 || mse_mem_equal(td.rtmr[3], t->td.rtmr[3], sizeof td.rtmr[3]);
    if (st == MSE_OK && (!bound || !same_td(&td, &t->td))) {
        st = foreign_report(err);
    }
    if (st == MSE_OK && !mse_build_ok(out)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "the quote does not fit");
    }
    if (st != MSE_OK) {
        out->len = before;
    }
    return st;
}

static mse_status extend_rtmr3(struct mse_tee *t, const uint8_t digest[48], struct mse_error *err)
{
    int fd = openat(t->root_fd, RTMR3, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        int e = errno;
        return MSE_FAIL(err, e == ENOENT ? MSE_ERR_UNSUPPORTED : MSE_ERR_IO, "manifest",
                        "/" RTMR3 ": %s; without MRCONFIGID wanted Linux 6.16 or later",
                        strerror(e));
    }
    ssize_t n = write(fd, digest, 48);
    int e = n < 0 ? errno : EIO;
    (void)close(fd);
    return n == 48 ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "manifest", "/" RTMR3 ": %s", strerror(e));
}

/* Layout tdx-rtmr3: exactly one extension, by the manifest's digest, before any code of the app. A
 * second run of the runtime finds it done. */
static mse_status check_rtmr3(struct mse_tee *t, const uint8_t digest[48], struct mse_error *err)
{
    uint8_t chain[96] = { 0 };
    uint8_t wanted[48];
    memcpy(chain + 48, digest, 48);
    mse_status st = mse_sha384(wanted, mse_bytes_of(chain, sizeof chain));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-384 failed");
    }
    if (mse_mem_is_zero(t->td.rtmr[3], 48)) {
        st = extend_rtmr3(t, digest, err);
        st = st == MSE_OK ? look_at_td(t, err) : st;
    }
    if (st == MSE_OK && !mse_mem_equal(t->td.rtmr[3], wanted, sizeof wanted)) {
        st = wrong_manifest("RTMR3", t->td.rtmr[3], wanted, sizeof wanted, err);
    }
    t->by_rtmr3 = true;
    return st;
}

static mse_status tdx_check_manifest(struct mse_tee *t, struct mse_bytes manifest,
                                     struct mse_error *err)
{
    uint8_t digest[48];
    mse_status st = mse_sha384(digest, manifest);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-384 failed");
    }
    if (mse_mem_is_zero(t->td.mr_config_id, sizeof t->td.mr_config_id)) {
        return check_rtmr3(t, digest, err);
    }
    return mse_mem_equal(t->td.mr_config_id, digest, sizeof digest)
               ? MSE_OK
               : wrong_manifest("MRCONFIGID", t->td.mr_config_id, digest, sizeof digest, err);
}

const struct mse_tee_ops mse_tee_tdx = {
    .name = "tdx",
    .kind = MSE_TEE_TDX,
    .simulated = false,
    .open = tdx_open,
    .close = guest_close,
    .quote = tdx_quote,
    .check_manifest = tdx_check_manifest,
    .seal_key = NULL,
    .counter = NULL,
    .event = mse_tee_event_line,
};

/* ---- SEV-SNP ---- */

static bool same_machine(const struct mse_snp_report *a, const struct mse_snp_report *b)
{
    return mse_mem_equal(a->measurement, b->measurement, sizeof a->measurement) &&
           mse_mem_equal(a->host_data, b->host_data, sizeof a->host_data) &&
           mse_mem_equal(a->report_id, b->report_id, sizeof a->report_id) &&
           a->policy == b->policy && a->vmpl == b->vmpl;
}

/* out: the report, and the host's certificates behind it. */
static mse_status ask_snp(struct mse_tee *t, struct mse_build *out, struct mse_snp_report *seen,
                          const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_tsm_reply r;
    mse_status st = ask(t, &r, MSE_TSM_SNP, report_data, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_snp_report_parse(seen, mse_build_view(&r.report), err);
    if (st == MSE_OK && !mse_mem_equal(seen->report_data, report_data, 64)) {
        st = foreign_report(err);
    }
    if (st == MSE_OK) {
        mse_wr_bytes(out, mse_build_view(&r.report));
        st = mse_tsm_certificates(out, mse_build_view(&r.extra), err);
    }
    seen->signed_part = seen->signature_r = seen->signature_s = (struct mse_bytes) { 0 };
    mse_tsm_clear(&r);
    return st;
}

static mse_status look_at_machine(struct mse_tee *t, struct mse_error *err)
{
    static const uint8_t nothing[64];
    struct mse_build report;
    mse_build_heap(&report, (size_t)2 * MSE_TSM_MAX_REPORT);
    mse_status st = ask_snp(t, &report, &t->machine, nothing, err);
    mse_build_clear(&report);
    return st;
}

static mse_status snp_open(struct mse_tee **out, int control_fd, struct mse_error *err)
{
    return open_guest(out, control_fd, DEVICE, look_at_machine, err);
}

static mse_status snp_quote(struct mse_tee *t, struct mse_build *out, const uint8_t report_data[64],
                            struct mse_error *err)
{
    struct mse_snp_report seen;
    size_t before = out->len;
    mse_status st = ask_snp(t, out, &seen, report_data, err);
    if (st == MSE_OK && !same_machine(&seen, &t->machine)) {
        st = foreign_report(err);
    }
    if (st == MSE_OK && !mse_build_ok(out)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "the report does not fit");
    }
    if (st != MSE_OK) {
        out->len = before;
    }
    return st;
}

static mse_status snp_check_manifest(struct mse_tee *t, struct mse_bytes manifest,
                                     struct mse_error *err)
{
    uint8_t digest[32];
    mse_status st = mse_sha256(digest, manifest);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-256 failed");
    }
    return mse_mem_equal(t->machine.host_data, digest, sizeof digest)
               ? MSE_OK
               : wrong_manifest("HOST_DATA", t->machine.host_data, digest, sizeof digest, err);
}

/* The committed TCB: firmware that is older does not get the key of it. The report comes from the
 * firmware, past the host. */
static void snp_seal_version(const struct mse_tee *t, uint8_t out[MSE_TEE_VERSION_LEN])
{
    memset(out, 0, MSE_TEE_VERSION_LEN);
    memcpy(out, t->machine.committed_tcb, sizeof t->machine.committed_tcb);
}

/* Each number of its own is at most the committed one; the firmware holds to it, too. */
static mse_status check_tcb(const struct mse_tee *t, const uint8_t *version, struct mse_error *err)
{
    const uint8_t *now = t->machine.committed_tcb;
    size_t len = sizeof t->machine.committed_tcb;
    bool older = mse_mem_is_zero(version + len, MSE_TEE_VERSION_LEN - len);
    for (size_t i = 0; i < len; i++) {
        older = older && version[i] <= now[i];
    }
    if (older) {
        return MSE_OK;
    }
    char seen[2 * MSE_TEE_VERSION_LEN + 1];
    char wanted[2 * MSE_TEE_VERSION_LEN + 1];
    mse_hex_encode(seen, mse_bytes_of(version, MSE_TEE_VERSION_LEN));
    mse_hex_encode(wanted, mse_bytes_of(now, len));
    return MSE_FAIL(err, MSE_ERR_STATE_FOREIGN, STEP,
                    "sealed under the TCB %s, and this machine has committed to %s only", seen,
                    wanted);
}

/* With the TCB that was committed when something was sealed. Who the manifest makes it is mixed in
 * by whoever asks. */
static mse_status snp_seal_key(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                               struct mse_error *err)
{
    if (t->device_fd < 0) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                        "/" DEVICE ": not there; a key to seal with comes from it alone");
    }
    mse_status st = check_tcb(t, version, err);
    return st == MSE_OK ? mse_sev_key(out, t->device_fd, t->machine.vmpl, version, err) : st;
}

const struct mse_tee_ops mse_tee_snp = {
    .name = "snp",
    .kind = MSE_TEE_SNP,
    .simulated = false,
    .open = snp_open,
    .close = guest_close,
    .quote = snp_quote,
    .check_manifest = snp_check_manifest,
    .seal_key = snp_seal_key,
    .seal_version = snp_seal_version,
    .counter = NULL,
    .event = mse_tee_event_line,
};
