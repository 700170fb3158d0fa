/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime finds at fixed places where a library OS (Gramine) starts it, and what it has to
 * give it before it stores anything. docs/measurement.md, "Our apps under Gramine 1.9" */
#ifndef ENCLAVE_LIBRARY_OS_H
#define ENCLAVE_LIBRARY_OS_H

#include "enclave/load.h"

/* Both are encrypted, under keys of mse_library_os_keys. */
#define MSE_LIBRARY_OS_RUN  "/mse/run"  /* what runtime and app share */
#define MSE_LIBRARY_OS_HOME "/mse/home" /* what the app keeps */
/* The variable by which the host says where to listen: an address and a port. */
#define MSE_LIBRARY_OS_LISTEN "MSE_LISTEN"

struct mse_library_os_fds {
    int manifest_fd;
    int package_fd;
    int listen_fd;
};
/* Opens manifest and package, and listens at where, an IPv4 address or an IPv6 address in brackets,
 * a colon, and a port, 1 to 65535. MSE_ERR_CONFIG: it is none, or NULL; MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_library_os_open(struct mse_library_os_fds *out, const char *where,
                                            struct mse_error *err);
/* Keys of this life for the encrypted mounts: what an earlier one left there is gone. */
MSE_MUST_USE mse_status mse_library_os_keys(const struct mse_enclave_tee *tee,
                                            struct mse_error *err);

#endif
