/* SPDX-License-Identifier: Apache-2.0 */
/* The script that starts a python_application under gunicorn. It is part of the runtime, and so
 * measured. */
#ifndef ENCLAVE_PYTHON_BOOT_H
#define ENCLAVE_PYTHON_BOOT_H

/* Takes "module:variable" and the number of workers; reads MODULE_PATH, MSE_SOCKET and TMP_PATH. */
extern const char mse_python_boot[];

#endif
