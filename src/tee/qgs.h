/* SPDX-License-Identifier: Apache-2.0 */
/* The quote generation service of Intel's DCAP (QGS, qgs_msg_lib.h), which signs what a TD reports
 * of itself. It runs on the host: what it answers is hostile until it was held against the report.
 */
#ifndef TEE_QGS_H
#define TEE_QGS_H

#include <mse/status.h>

#include "base/build.h"

#define MSE_QGS_REPORT_LEN 1024U /* TDREPORT_STRUCT */
#define MSE_QGS_MAX        131072U
/* Below the root folder: a unix socket, which goes first where it is there; else vsock, whose port
 * may stand in a file of Intel's, port = N. */
#define MSE_QGS_SOCKET "run/tdx-qgs/qgs.socket"
#define MSE_QGS_CONFIG "etc/tdx-attest.conf"
#define MSE_QGS_PORT   4050U

/* mse_qgs_write appends the request for a quote over this report, with its length in front. */
void mse_qgs_write(struct mse_build *out, const uint8_t report[MSE_QGS_REPORT_LEN]);
/* mse_qgs_read finds the quote in an answer, which is without its length; it borrows. The answer is
 * exactly one message. MSE_ERR_PROTOCOL, also for one that says that there is no quote. */
MSE_MUST_USE mse_status mse_qgs_read(struct mse_bytes *quote, struct mse_bytes answer,
                                     struct mse_error *err);
/* The port in a configuration file: the first line "port = N", 1 to 4294967294, blanks anywhere
 * around; false if there is none. */
MSE_MUST_USE bool mse_qgs_port(uint32_t *out, struct mse_bytes text);
/* Asks the service for a quote, in at most 60 s, and appends it to out. root_fd: the root folder.
 * MSE_ERR_UNSUPPORTED: nobody can be reached; MSE_ERR_TIMEOUT, MSE_ERR_IO, MSE_ERR_PROTOCOL. */
MSE_MUST_USE mse_status mse_qgs_ask(struct mse_build *out, int root_fd,
                                    const uint8_t report[MSE_QGS_REPORT_LEN],
                                    struct mse_error *err);

#endif
