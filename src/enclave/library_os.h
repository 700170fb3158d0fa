/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime finds at fixed places where a library OS (Gramine) starts it, and what it has to
 * give it before it stores anything. docs/measurement.md, "Our apps under Gramine 1.9" */
#ifndef ENCLAVE_LIBRARY_OS_H
#define ENCLAVE_LIBRARY_OS_H

#include "enclave/load.h"

/* These two are encrypted, under keys of mse_library_os_keys. */
#define MSE_LIBRARY_OS_RUN  "/mse/run"  /* what runtime and app share */
#define MSE_LIBRARY_OS_HOME "/mse/home" /* what the app keeps */
/* The host's, as it is; only there where the manifest says restart "sealed". */
#define MSE_LIBRARY_OS_STATE "/mse/state"
/* Where the manifest names the CA of clients: its certificate, DER. */
#define MSE_LIBRARY_OS_CLIENT_CA "/mse/client-ca.der"
/* The variable by which the host says where to listen: an address and a port. */
#define MSE_LIBRARY_OS_LISTEN "MSE_LISTEN"

struct mse_library_os_fds {
    int manifest_fd;
    int package_fd;
    int listen_fd;
    int state_fd; /* -1: there is no such folder */
};
/* Opens manifest, package and the folder for what is sealed, and listens at where, an IPv4 address
 * or an IPv6 address in brackets, a colon, and a port, 1 to 65535. MSE_ERR_CONFIG: it is none, or
 * NULL; MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_library_os_open(struct mse_library_os_fds *out, const char *where,
                                            struct mse_error *err);
/* Keys for the encrypted mounts, before anything is stored there. root: 32 bytes that outlive a
 * restart, and with them what the app keeps; NULL: keys of this life alone, and what an earlier one
 * left is gone. */
MSE_MUST_USE mse_status mse_library_os_keys(const struct mse_enclave_tee *tee, const uint8_t *root,
                                            struct mse_error *err);

/* What the app keeps below MSE_LIBRARY_OS_HOME lies in a folder that has its name from the root, so
 * that nothing of another life, which nobody can open, stands in its way. */
#define MSE_LIBRARY_OS_PATH_LEN 64
MSE_MUST_USE mse_status mse_library_os_home(char out[MSE_LIBRARY_OS_PATH_LEN],
                                            const uint8_t root[32]);
/* Makes it, with "home", "keys" and a mark; again after an attempt that came to nothing. */
MSE_MUST_USE mse_status mse_library_os_home_make(const char *path, struct mse_error *err);
/* MSE_ERR_STORAGE_MISSING: it, or one of the three, is gone. MSE_ERR_STORAGE_DAMAGED: what is there
 * does not open. */
MSE_MUST_USE mse_status mse_library_os_home_check(const char *path, struct mse_error *err);

#endif
