/* SPDX-License-Identifier: Apache-2.0 */
/* The three values that the layout of a Gramine enclave takes from its expanded manifest. Not a
 * TOML library: it lexes the whole document, so that no text inside a string or an array is taken
 * for a key, and refuses every spelling of the three that two readers could understand
 * differently. */
#ifndef MEASURE_GRAMINE_MANIFEST_H
#define MEASURE_GRAMINE_MANIFEST_H

#include <mse/status.h>

#define MSE_GRAMINE_MAX_SIZE    (1ULL << 40) /* bytes; Gramine's own default with EDMM */
#define MSE_GRAMINE_MAX_THREADS 4096U

struct mse_gramine_params {
    uint64_t enclave_size; /* bytes, a power of two, 8 KiB to MSE_GRAMINE_MAX_SIZE */
    uint32_t threads;      /* 1 to MSE_GRAMINE_MAX_THREADS */
    bool edmm;
};

/* mse_gramine_params_parse reads sgx.enclave_size (string, decimal or 0x hexadecimal, suffix K, M
 * or G; default "256M", with EDMM "1024G"), sgx.max_threads (integer; default 4) and
 * sgx.edmm_enable (boolean; default false): the defaults of gramine-sgx-sign 1.9. Each may stand as
 * a dotted key or in a table [sgx], once. MSE_ERR_CONFIG, with the line in err's text and the byte
 * in err->offset, for everything else, and for a document that is not TOML as far as it is read. */
MSE_MUST_USE mse_status mse_gramine_params_parse(struct mse_gramine_params *out,
                                                 struct mse_bytes manifest, struct mse_error *err);

#endif
