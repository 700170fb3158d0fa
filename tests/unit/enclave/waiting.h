/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime that waits for its configuration: package, token, and what its owner sends. The app
 * answers with what it was given, and with the modes of the files. */
#ifndef TESTS_UNIT_ENCLAVE_WAITING_H
#define TESTS_UNIT_ENCLAVE_WAITING_H

#include "unit/enclave/world.h"

#define TOKEN_HEX "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define KEY_HEX   "0800000000000000000000000000000000000000000000000000000000000000"
#define OTHER_HEX "0900000000000000000000000000000000000000000000000000000000000000"
#define SECRETS   "{\"password\": \"nobody knows this one\"}"
#define SEALED    "{\"partner\": \"nor that\"}"

/* Not begun yet; its package is open in package_fd, which the caller closes. */
void waiting_world(struct world *w);
/* A request with this token and body; the body with that key of the code. Each in a buffer of its
 * own, until the next call. */
const char *waiting_post(const char *token, const char *body);
const char *waiting_body(const struct world *w, const char *key);
/* Tells whether this answer of the app has all that waiting_body gave. */
bool waiting_has_all(const struct world *w, const char *answer);

#endif
