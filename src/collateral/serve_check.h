/* SPDX-License-Identifier: Apache-2.0 */
/* What the served store demands of everything that it takes in and hands out: genuine to the
 * trusted root, in date, and the thing that its key says. */
#ifndef COLLATERAL_SERVE_CHECK_H
#define COLLATERAL_SERVE_CHECK_H

#include "collateral/fetch.h"
#include "collateral/serve_request.h"

/* A CRL of a chain may be empty: then nothing of it is looked up. */
struct mse_serve_trust {
    const uint8_t *root_point; /* X || Y */
    struct mse_bytes root_crl; /* DER, already judged */
    struct mse_bytes platform_crl;
    struct mse_bytes processor_crl;
};

/* The key of the same object for upstreams. */
void mse_serve_fetch_key(struct mse_fetch_key *out, const struct mse_serve_key *k);

/* mse_serve_check is mse_fetched_verify, and demands besides that the issuer chain holds the signer
 * or CA and the root (the root's own CRL comes without), that the chain is of the CA that was asked
 * for, and that no certificate of it is revoked: …_CHAIN_MALFORMED, …_CHAIN_REVOKED,
 * PCK_CRL_ISSUER_MISMATCH, INTERMEDIATE_REVOKED. */
MSE_MUST_USE mse_status mse_serve_check(struct mse_fetched *o, const struct mse_serve_key *k,
                                        const struct mse_serve_trust *t, mse_time at,
                                        struct mse_error *err);

struct mse_serve_pck_facts {
    uint8_t fmspc[6];
    uint8_t ppid[16];
    uint8_t pce_id[2]; /* as in requests */
    uint8_t cpu_svn[16];
    uint16_t pce_svn;
    uint8_t tcbm[18]; /* CPUSVN, PCESVN little-endian */
    bool platform_ca; /* else the processor CA */
    mse_time not_after;
};
/* mse_serve_check_pck judges a PCK certificate (PEM, nothing else) and its issuers (PEM: CA, root)
 * at a time. PCK_*, INTERMEDIATE_REVOKED. */
MSE_MUST_USE mse_status mse_serve_check_pck(struct mse_serve_pck_facts *out, struct mse_bytes pem,
                                            struct mse_bytes chain, const struct mse_serve_trust *t,
                                            mse_time at, struct mse_error *err);

/* mse_serve_read_pck reads what a PCK certificate (PEM) says, and judges nothing. */
MSE_MUST_USE mse_status mse_serve_read_pck(struct mse_serve_pck_facts *out, struct mse_bytes pem);

/* A certificate that a machine may use: what mse_serve_select chooses from. */
struct mse_serve_candidate {
    uint8_t cpu_svn[16];
    uint16_t pce_svn;
};
/* mse_serve_select finds the best certificate for a machine's raw TCB: of those that it reaches,
 * the one that stands at the highest level of the TCB info; among equals the higher one. SIZE_MAX
 * if it reaches none. */
size_t mse_serve_select(const struct mse_serve_candidate *certs, size_t num,
                        const uint8_t cpu_svn[16], uint16_t pce_svn,
                        const struct mse_tcb_info *info);

#endif
