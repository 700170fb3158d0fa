/* SPDX-License-Identifier: Apache-2.0 */
/* One record of a log that only the app's owner reads (docs/protocol.md, "Sealed logs"): what is in
 * the sealed box. Written by the runtime, read by mse. */
#ifndef PACKAGE_LOG_RECORD_H
#define PACKAGE_LOG_RECORD_H

#include "base/build.h"
#include <mse/status.h>

/* Ahead of the base64url in a line of the log. */
#define MSE_LOG_SEALED   "sealed "
#define MSE_LOG_TEXT_MAX ((size_t)400)
/* There are two lengths of records, so that those of lines show little. */
#define MSE_LOG_SMALL ((size_t)256)
#define MSE_LOG_LARGE ((size_t)512)

enum mse_log_kind {
    MSE_LOG_OUT = 1,     /* a line of the app's stdout */
    MSE_LOG_ERR = 2,     /* of its stderr */
    MSE_LOG_DROPPED = 3, /* text: how many lines were too many, in digits */
};

struct mse_log_record {
    enum mse_log_kind kind;
    uint64_t sequence; /* from 0 at each start of the enclave, without a gap */
    uint64_t time_ms;  /* since 1970, by the enclave's clock, which is the host's */
    uint8_t boot[16];
    uint8_t enclave[32]; /* its X25519 key, as its evidence names it */
    struct mse_bytes text;
};
/* mse_log_shared computes what owner and enclave share, from the private key of the one and the
 * public key of the other. MSE_ERR_ARGUMENT: that is no key. The caller wipes it. */
MSE_MUST_USE mse_status mse_log_shared(uint8_t shared[32], const uint8_t secret[32],
                                       const uint8_t public[32]);
/* Appends the content of the box: MSE_LOG_SMALL or MSE_LOG_LARGE bytes. */
MSE_MUST_USE mse_status mse_log_record_write(struct mse_build *out, const struct mse_log_record *r,
                                             const uint8_t shared[32]);
/* mse_log_record_read reads the form; *out borrows from in. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_log_record_read(struct mse_log_record *out, struct mse_bytes in);
/* Whether the enclave of that key made the content of the box, which was read before. */
MSE_MUST_USE bool mse_log_record_is_of(struct mse_bytes in, const uint8_t shared[32]);

#endif
