/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text that the formats of a log are made of, and the names of keys. */
#ifndef TLOG_NOTE_H
#define TLOG_NOTE_H

#include <mse/log.h>

/* mse_log_rd_line takes a line with its end; *out is without it. */
MSE_MUST_USE bool mse_log_rd_line(struct mse_bytes *in, struct mse_bytes *out);
/* mse_log_rd_word takes a line that begins with word and a space; *out is the rest. Nothing is
 * taken from another line. */
MSE_MUST_USE bool mse_log_rd_word(struct mse_bytes *in, const char *word, struct mse_bytes *out);
/* mse_log_rd_hashes takes lines of one hash in base64 each until another line comes; false if there
 * are more than max. */
MSE_MUST_USE bool mse_log_rd_hashes(struct mse_bytes *in, uint8_t (*out)[MSE_SHA256_LEN],
                                    size_t *num, size_t max);
/* No control character but line ends, if those are allowed. */
MSE_MUST_USE bool mse_log_is_text(struct mse_bytes s, bool lines);
/* Not empty, no space of any kind, no plus. */
MSE_MUST_USE bool mse_log_is_name(struct mse_bytes s);

/* What a witness signs: the lines in front of the text of a checkpoint. */
#define MSE_LOG_COSIGNED_LEN (MSE_LOG_MAX_TEXT + 64)
/* mse_log_cosigned_message: false if it does not fit. */
MSE_MUST_USE bool mse_log_cosigned_message(uint8_t out[MSE_LOG_COSIGNED_LEN], size_t *out_len,
                                           uint64_t at, struct mse_bytes text);

#endif
