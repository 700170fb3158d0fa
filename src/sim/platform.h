/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated platform: what a machine vendor, Intel's provisioning service and a CPU's fuses
 * would be. Byte-exact formats, its own root ("SIMULATION - NOT HARDWARE"); nobody trusts it unless
 * told to. */
#ifndef SIM_PLATFORM_H
#define SIM_PLATFORM_H

#include <mse/collateral.h>
#include <mse/evidence.h>

#include "base/build.h"
#include "crypto/sign.h"

/* Variations, for tests and demonstrations of refusals. Zero is the healthy platform. */
struct mse_sim_options {
    mse_time now;               /* issue date of everything */
    enum mse_tcb_status status; /* TCB status of this platform's level; NONE means UpToDate */
    bool revoke_pck;            /* the PCK certificate stands in the CRL */
    bool expired_tcb_info;      /* nextUpdate lies before now */
    bool no_counter;            /* the platform counts nothing: mse_sim_init only */
    uint32_t evaluation_number; /* of TCB info and QE identity; 0: 20 */
    /* Folder of a platform whose maker and enclave signer this one shares: another machine below
     * the same root; mse_sim_init only. NULL: they are made. */
    const char *beside;
};

/* mse_sim_init makes a platform in folder dir: created 0700 with what is missing above it; it may
 * exist if it is empty. Files:
 *   root.pem platform_ca.pem pck.pem tcb_signing.pem      certificates
 *   root_key.pem platform_ca_key.pem pck_key.pem tcb_signing_key.pem   their keys, 0600
 *   signer_key.pem signer.pem    the operator's enclave signer: RSA-3072, e = 3 (0600), public half
 *   fuse.key                     32 bytes, 0600
 *   counters/                    what the platform counts for its enclaves, one file each
 *   collateral.json              mse_bundle_parse reads it
 *   platform.json                ids, dates, MRSIGNER, for people and tools; nobody reads it back
 * All of it is written to a temporary folder beside it, synced, and renamed: there is a whole
 * platform or none. MSE_ERR_EXISTS if dir holds a platform or anything else; MSE_ERR_ARGUMENT for a
 * status that SGX does not have. */
MSE_MUST_USE mse_status mse_sim_init(const char *dir, const struct mse_sim_options *o,
                                     struct mse_error *err);
/* mse_sim_refresh writes collateral.json anew (atomically), with other options and the same keys.
 */
MSE_MUST_USE mse_status mse_sim_refresh(const char *dir, const struct mse_sim_options *o,
                                        struct mse_error *err);

struct mse_sim_platform;
/* mse_sim_load reads a platform; release it with mse_sim_free. MSE_ERR_NOT_FOUND names the file;
 * MSE_ERR_CONFIG if key and certificate do not belong together. */
MSE_MUST_USE mse_status mse_sim_load(struct mse_sim_platform **out, const char *dir,
                                     struct mse_error *err);
void mse_sim_free(struct mse_sim_platform *p);
/* MRSIGNER of the platform's enclave signer. */
MSE_MUST_USE mse_status mse_sim_mrsigner(const struct mse_sim_platform *p, uint8_t out[32]);
const struct mse_privkey *mse_sim_signer_borrow(const struct mse_sim_platform *p);
/* mse_sim_quote appends a quote v3 over a report with these values, signed as a quoting enclave
 * would; its attestation key is made by mse_sim_load. MSE_ERR_NO_SPACE if out is too small. */
struct mse_sim_report {
    uint8_t mr_enclave[32];
    uint8_t mr_signer[32];
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    uint64_t attr_flags;
    uint8_t report_data[64];
};
MSE_MUST_USE mse_status mse_sim_quote(const struct mse_sim_platform *p, struct mse_build *out,
                                      const struct mse_sim_report *r, struct mse_error *err);
/* HKDF(fuse key, MRENCLAVE || attribute flags): a debug enclave gets another key. */
MSE_MUST_USE mse_status mse_sim_seal_key(const struct mse_sim_platform *p, uint8_t out[32],
                                         const uint8_t mr_enclave[32], uint64_t attr_flags);
/* The count of this enclave under this id, which begins at 0; with advance it is raised by one
 * first, and the new one outlives a loss of power. MSE_ERR_UNSUPPORTED: the platform has none. */
MSE_MUST_USE mse_status mse_sim_counter(const struct mse_sim_platform *p, uint64_t *out,
                                        const uint8_t mr_enclave[32], const uint8_t id[16],
                                        bool advance);

#endif
