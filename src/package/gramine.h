/* SPDX-License-Identifier: Apache-2.0 */
/* The .manifest.sgx of an app under Gramine 1.9: a pure function of our manifest and the list of
 * its rootfs (10-rules 16), so that whoever has both makes the same bytes again.
 * docs/measurement.md says what stands in it. */
#ifndef PACKAGE_GRAMINE_H
#define PACKAGE_GRAMINE_H

#include "package/manifest.h"
#include "package/rootfs.h"

#define MSE_GRAMINE_LAYOUT       "gramine-1.9"
#define MSE_GRAMINE_MANIFEST_MAX ((size_t)64 * 1024 * 1024)
/* In the rootfs: the library OS, which the loader starts, and our runtime. */
#define MSE_GRAMINE_LIBOS   "gramine/libsysdb.so"
#define MSE_GRAMINE_RUNTIME "mse/mse-enclave"

/* mse_gramine_manifest appends the TOML. text: the exact bytes of m. MSE_ERR_MALFORMED: the list;
 * MSE_ERR_MANIFEST_MISMATCH: it is not that of m->rootfs, or its runtime is not m->runtime;
 * MSE_ERR_NOT_FOUND: library OS or runtime are not in it, or m names no rootfs; MSE_ERR_NO_SPACE.
 */
MSE_MUST_USE mse_status mse_gramine_manifest(struct mse_build *out, const struct mse_manifest *m,
                                             struct mse_bytes text, struct mse_bytes rootfs,
                                             struct mse_error *err);

#endif
