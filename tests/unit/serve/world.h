/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor in memory that signs whatever a test wants: both PCK CAs, TCB info, identities. */
#ifndef TESTS_SERVE_WORLD_H
#define TESTS_SERVE_WORLD_H

#include "base/build.h"
#include "collateral/serve_store.h"
#include "crypto/sign.h"

#define WORLD_DAY ((mse_time)86400)

struct world {
    mse_time now;
    struct mse_privkey *root_key;
    struct mse_privkey *platform_key;
    struct mse_privkey *processor_key;
    struct mse_privkey *tcb_key;
    struct mse_privkey *pck_key;
    uint8_t root_point[64];
    uint8_t fmspc[6];
    struct mse_build root; /* PEM */
    struct mse_build platform_chain;
    struct mse_build processor_chain;
    struct mse_build tcb_chain;
};
/* All of these abort on trouble. */
void world_init(struct world *w, mse_time now);
void world_clear(struct world *w);

/* One object, signed, valid from `issued` for 30 days. number: what it says of itself. */
void world_object(struct mse_fetched *out, const struct world *w, const struct mse_serve_key *k,
                  uint32_t number, mse_time issued);
/* The key of one kind, the FMSPC of the world where it needs one. */
struct mse_serve_key world_key(const struct world *w, enum mse_serve_kind kind, int64_t set);
/* A CRL that revokes one certificate (PEM). */
void world_revoking_crl(struct mse_build *out, const struct world *w, enum mse_serve_kind kind,
                        struct mse_bytes pem);
/* A PCK certificate, PEM: the first two components of its CPUSVN, its PCESVN. */
void world_pck(struct mse_build *out, const struct world *w, uint8_t svn, uint16_t pce_svn,
               bool platform_ca, uint8_t machine);
/* The platform that has it. */
struct mse_serve_platform world_platform(uint8_t svn, uint16_t pce_svn, uint8_t machine);

#endif
