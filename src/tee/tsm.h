/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of the TEE by Linux' configfs-tsm (Documentation/ABI/testing/configfs-tsm-report), which
 * serves TDX guests and SEV-SNP guests alike. The folder belongs to the guest's own kernel; what
 * the kernel fetched from the host in it (a quote, certificates) is the host's word. */
#ifndef TEE_TSM_H
#define TEE_TSM_H

#include <mse/status.h>

#include "base/build.h"

#define MSE_TSM_FOLDER       "/sys/kernel/config/tsm/report"
#define MSE_TSM_PROVIDER_MAX 32U
#define MSE_TSM_TDX          "tdx_guest"
#define MSE_TSM_SNP          "sev_guest"
/* Of a report and of what comes with it; the kernel's own bounds are 32 KiB and 16 KiB. */
#define MSE_TSM_MAX_REPORT 131072U

struct mse_tsm_reply {
    char provider[MSE_TSM_PROVIDER_MAX]; /* without the line's end */
    struct mse_build report;             /* "outblob" */
    struct mse_build extra;              /* "auxblob"; empty where there is none */
};

/* mse_tsm_ask gets one report over these 64 bytes, by an instance of its own in the folder at
 * dir_fd, which is removed again. Filled on success only; release it with mse_tsm_clear. It waits
 * for a busy platform, up to 60 s in all. MSE_ERR_UNSUPPORTED: no TEE answers there;
 * MSE_ERR_TIMEOUT: it stayed busy; MSE_ERR_PROTOCOL: what it says is out of form, or was changed
 * under our hands; MSE_ERR_IO otherwise. */
MSE_MUST_USE mse_status mse_tsm_ask(struct mse_tsm_reply *out, int dir_fd,
                                    const uint8_t report_data[64], struct mse_error *err);
void mse_tsm_clear(struct mse_tsm_reply *r);

/* mse_tsm_certificates cuts the certificates out of the table that SEV-SNP hosts hand over (GHCB
 * specification, "SNP Extended Guest Request"; entries of GUID, u32 offset, u32 length, ended by
 * zeros) and appends them in DER, the chip's own (VCEK, else VLEK) first, then ASK and ARK where
 * they are there. Nothing is appended for an empty table. MSE_ERR_MALFORMED: an entry lies outside
 * the table, stands there twice, or the table does not end. */
MSE_MUST_USE mse_status mse_tsm_certificates(struct mse_build *out, struct mse_bytes table,
                                             struct mse_error *err);

#endif
