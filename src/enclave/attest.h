/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to those who ask for evidence over a connection (docs/protocol.md, "Attested sessions").
 * Quotes are slow and made one by one: they are made on a thread of the loop's pool, in the order
 * of arrival, out of a queue with an end. Nonces of level 1 that arrive within MSE_ATTEST_GATHER_MS
 * share one quote; level 2 has a quote for each connection, and a rate for each source. The app's
 * own questions stand in the same queue, never more than one at a time. */
#ifndef ENCLAVE_ATTEST_H
#define ENCLAVE_ATTEST_H

#include "enclave/identity.h"
#include "net/relay.h"

#define MSE_ATTEST_GATHER_MS  100
#define MSE_ATTEST_MAX_QUEUE  64U /* jobs that wait */
#define MSE_ATTEST_PER_SECOND 20U /* sessions of one source (IPv4 address, IPv6 /64) */
#define MSE_ATTEST_BURST      40U

struct mse_attest;
/* All borrowed, until mse_attest_free. manifest: as it was measured. */
struct mse_attest_config {
    uv_loop_t *loop;
    const struct mse_enclave_tee *tee;
    const struct mse_identity *identity;
    struct mse_bytes manifest;
    uint8_t manifest_digest[32];
};
MSE_MUST_USE mse_status mse_attest_new(struct mse_attest **out, const struct mse_attest_config *c,
                                       struct mse_error *err);
/* From now on this name is served under the owner's key, of which the caller tells the SHA-256 of
 * the SubjectPublicKeyInfo; name is borrowed. */
void mse_attest_set_owner(struct mse_attest *a, const char *name, const uint8_t spki_sha256[32]);
/* What the relay needs to hand questions over; lives as long as a. */
const struct mse_relay_asks *mse_attest_asks(const struct mse_attest *a);
/* Evidence over data of the app's own: the claims are made here, of role app. done is called once
 * on the loop's thread, evidence empty if there is none; or never, if a is stopped meanwhile.
 * False: busy (one at a time). data has 1 to MSE_ATTEST_APP_MAX bytes. */
#define MSE_ATTEST_APP_MAX ((size_t)64)
typedef void mse_attest_done_fn(void *user, struct mse_bytes evidence);
MSE_MUST_USE bool mse_attest_app(struct mse_attest *a, struct mse_bytes data,
                                 mse_attest_done_fn *done, void *user);
/* The driver serves one caller at a time: whoever else uses it holds it meanwhile. */
void mse_attest_hold_tee(struct mse_attest *a);
void mse_attest_release_tee(struct mse_attest *a);
/* Takes no more questions; after the relay was closed. */
void mse_attest_stop(struct mse_attest *a);
/* After the loop has run to its end. Accepts NULL, like mse_attest_stop. */
void mse_attest_free(struct mse_attest *a);

#endif
