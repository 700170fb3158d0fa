/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime asks of a TEE, one const table per driver. Objects are not thread-safe. */
#ifndef TEE_DRIVER_H
#define TEE_DRIVER_H

#include <mse/collateral.h>
#include <mse/status.h>

#include "base/build.h"

#define MSE_TEE_VERSION_LEN 16

struct mse_tee; /* each driver has its own; handled through the table only */

struct mse_tee_ops {
    const char *name; /* "sim", "gramine", "tdx", "snp" */
    enum mse_tee_kind kind;
    bool simulated; /* its evidence ends in a root of its own making, not in a vendor's */
    /* Below the runtime is no kernel, but a library OS with few of its calls, and neither users nor
     * namespaces: the app lies inside the runtime's trust boundary. */
    bool library_os;
    /* Opens the driver. control_fd: the sim launcher's socket; for the others the root of the
     * system, or -1 for "/". It is taken over and closed, also on failure. */
    mse_status (*open)(struct mse_tee **out, int control_fd, struct mse_error *err);
    void (*close)(struct mse_tee *t);
    /* Evidence over exactly these 64 bytes, appended to out: a quote; for SEV-SNP the report and
     * behind it what certificates the host gave (DER; the chip's or provider's first). */
    mse_status (*quote)(struct mse_tee *t, struct mse_build *out, const uint8_t report_data[64],
                        struct mse_error *err);
    /* Whether the TEE measured this manifest at its launch, or is now made to (TDX without
     * MRCONFIGID: RTMR3). MSE_ERR_MANIFEST_MISMATCH: another one. */
    mse_status (*check_manifest)(struct mse_tee *t, struct mse_bytes manifest,
                                 struct mse_error *err);
    /* 32 bytes that only the same code on the same platform gets again (SGX: MRENCLAVE policy).
     * version: what seal_version has told, now or in an earlier life, if there is one: other
     * firmware has other keys. MSE_ERR_STATE_FOREIGN: no key of it can be had here. NULL: the TEE
     * has none. */
    mse_status (*seal_key)(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                           struct mse_error *err);
    /* Of the key to seal with now (SEV-SNP: the committed TCB; SGX: CPUSVN). NULL: keys of this
     * platform stay the same. */
    void (*seal_version)(const struct mse_tee *t, uint8_t out[MSE_TEE_VERSION_LEN]);
    /* A count that the platform keeps for this code and this id, and that never goes down; with
     * advance it is raised by one first. MSE_ERR_UNSUPPORTED: the platform has none. NULL: nor has
     * any platform of this kind. */
    mse_status (*counter)(struct mse_tee *t, uint64_t *out, const uint8_t id[16], bool advance,
                          struct mse_error *err);
    /* Gives the 16 bytes under which the library OS encrypts the files of a mount. NULL: there is
     * no library OS. MSE_ERR_UNSUPPORTED: no mount has a key of this name. */
    mse_status (*file_key)(struct mse_tee *t, const char *name, const uint8_t key[16],
                           struct mse_error *err);
    /* Tells the launcher how far the runtime is; best effort, no reply. */
    void (*event)(struct mse_tee *t, uint8_t event, const char *text);
};
extern const struct mse_tee_ops mse_tee_sim;
extern const struct mse_tee_ops mse_tee_gramine; /* SGX, under Gramine's library OS */
extern const struct mse_tee_ops mse_tee_tdx;     /* Linux guests of TDX … */
extern const struct mse_tee_ops mse_tee_snp;     /* … and of SEV-SNP, by configfs-tsm or device */

#define MSE_TEE_EVENT_STARTING 1
#define MSE_TEE_EVENT_READY    2 /* listening and healthy */
#define MSE_TEE_EVENT_STOPPING 3
#define MSE_TEE_EVENT_FAILED   4 /* text says why */
#define MSE_TEE_EVENT_WAITING  5 /* for its configuration */
#define MSE_TEE_EVENT_ENDED    6 /* of a machine's process 1: the runtime has, as it should */

/* Of all but sim: what a line on standard output begins with that tells an event; its number and,
 * behind a space, its text follow. */
#define MSE_TEE_EVENT_LINE "mse-event "

/* The control protocol of sim, on a stream socket: u32be length of what follows, u8 type, payload;
 * at most 64 KiB. Strictly request and reply, but for EVENT, which has none. */
#define MSE_SIM_MAX_FRAME 65536U
#define MSE_SIM_REQ_QUOTE 0x01 /* report_data 64 -> quote */
#define MSE_SIM_REQ_KEY   0x02 /* (empty) -> 32 */
#define MSE_SIM_REQ_INFO  0x03 /* (empty) -> MRENCLAVE 32 || SHA-256(manifest) 32 */
#define MSE_SIM_EVENT     0x04 /* u8 event || text */
/* id 16 || u8 1 to raise it, or 0 -> u8 1 || u64be count; of a platform that has none 0 || 0 */
#define MSE_SIM_REQ_COUNTER 0x05
#define MSE_SIM_REPLY       0x80 /* | request type */
#define MSE_SIM_ERROR       0xff /* text */

#endif
