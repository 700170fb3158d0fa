/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to start an enclave on this machine, one const table for each. Which one an instance takes,
 * its kind of TEE says; the supervisor of an instance knows these tables only. */
#ifndef LAUNCH_LAUNCHER_H
#define LAUNCH_LAUNCHER_H

#include "launch/instance.h"
#include "sim/launcher.h"

#define MSE_LAUNCH_FINGERPRINT_LEN 65 /* hexadecimal digits and their end */

struct mse_launched; /* each launcher has its own; handled through the table only */

/* What is started; all borrowed. */
struct mse_launch {
    const struct mse_instance *instance;
    struct mse_bytes manifest; /* canonical JSON, as it lies in the folder */
    int package_fd;
    int state_fd;   /* of the folder for what the enclave seals; its lock is the enclave's, who
                       inherits it: as number MSE_LAUNCH_STATE_FD, by which an orphan is found */
    int *listen_fd; /* A bound and listening socket. Whoever listens by himself closes it, and says
                       -1. */
};
#define MSE_LAUNCH_STATE_FD 7

typedef void (*mse_launch_say)(void *arg, const char *sentence);

struct mse_launcher {
    const char *tees[4]; /* of hardware and platforms: "sim", "sgx"; ended by NULL */
    mse_status (*start)(struct mse_launched **out, const struct mse_launch *l,
                        struct mse_error *err);
    /* As mse_sim_serve, in the words of the simulated TEE's launcher: events of the runtime
     * (MSE_TEE_EVENT_*), or MSE_SIM_NOTHING, MSE_SIM_INTERRUPTED, MSE_SIM_ENDED. */
    mse_status (*serve)(struct mse_launched *e, struct mse_sim_news *out, int timeout_ms,
                        struct mse_error *err);
    /* Asks once, and kills all of it after grace_ms. */
    void (*stop)(struct mse_launched *e, unsigned grace_ms);
    void (*free)(struct mse_launched *e);       /* stops it first if it still runs; accepts NULL */
    pid_t (*pid)(const struct mse_launched *e); /* the root of its processes here */
    /* What verifiers compare; "": the launcher cannot tell. */
    const char *(*fingerprint)(const struct mse_launched *e);
    /* The same before anything is started, from the instance's options. */
    mse_status (*measure)(char out[MSE_LAUNCH_FINGERPRINT_LEN], const struct mse_instance *i,
                          struct mse_bytes manifest, struct mse_error *err);
    /* How much memory this machine has for enclaves; 0: it has none, or does not say. NULL: as much
     * as for anything else. */
    uint64_t (*enclave_bytes)(void);
    /* Says what this machine lacks to start them, in a sentence each. NULL: nothing to look at. */
    void (*check)(const struct mse_instance *i, mse_launch_say say, void *arg);
};
extern const struct mse_launcher mse_launcher_sim;
extern const struct mse_launcher mse_launcher_gramine; /* SGX */

/* The launcher for a kind of TEE. MSE_ERR_UNSUPPORTED: none is. */
MSE_MUST_USE mse_status mse_launcher_find(const struct mse_launcher **out, const char *tee,
                                          struct mse_error *err);
/* What hardware it is, to users: that of an emulated machine is simulated as well. */
const char *mse_launcher_hardware(const char *tee);
/* The text of an option of the instance; "" if it is not there. */
const char *mse_launch_option(const struct mse_instance *i, const char *name);

#endif
