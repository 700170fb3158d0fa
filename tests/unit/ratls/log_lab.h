/* SPDX-License-Identifier: Apache-2.0 */
/* A transparency log of one entry. */
#ifndef LOG_LAB_H
#define LOG_LAB_H

#include <mse/log.h>

#include "base/build.h"

/* Writes the proof that the log has this fingerprint of the simulated platform, and the log's key;
 * the secret is 32 bytes of which. */
void log_lab_proof(struct mse_build *out, struct mse_log_key *key, uint8_t which,
                   const uint8_t fingerprint[32]);

#endif
