/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest that is in order, for the tests of the runtime. */
#ifndef TESTS_UNIT_ENCLAVE_FIXTURE_H
#define TESTS_UNIT_ENCLAVE_FIXTURE_H

#include "package/manifest.h"

#define FIXTURE_APP_ID "01234567-89ab-4cde-8f01-23456789abcd"
#define FIXTURE_SAN    "app.example.org"

/* script: run by /bin/sh -c, or NULL for a command that does nothing. Expires in an hour. */
void fixture_manifest(struct mse_manifest *m, const char *script);
/* The same with a Python application. */
void fixture_python(struct mse_manifest *m, const char *application);
void fixture_manifest_clear(struct mse_manifest *m);

#endif
