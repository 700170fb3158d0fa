/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of JSON into a builder: puts commas where they belong and escapes every string. The reader
 * is base/json.h.
 *
 *   struct mse_js j = { .b = &builder };
 *   mse_js_open(&j, NULL, '{');
 *   mse_js_str(&j, "name", "value");
 *   mse_js_close(&j, '}');
 *
 * Check the builder once, at the end. key is NULL for an element of an array. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/build.h"

struct mse_js {
    struct mse_build *b;
    bool comma; /* something stands before the next value */
};

void mse_js_open(struct mse_js *j, const char *key, char bracket);
void mse_js_close(struct mse_js *j, char bracket);
/* mse_js_key writes a key, for a value that the caller writes into the builder himself. */
void mse_js_key(struct mse_js *j, const char *key);
/* A string; null for NULL. Bytes that are no UTF-8 become U+FFFD. */
void mse_js_str(struct mse_js *j, const char *key, const char *value);
void mse_js_bool(struct mse_js *j, const char *key, bool value);
void mse_js_int(struct mse_js *j, const char *key, int64_t value);
void mse_js_uint(struct mse_js *j, const char *key, uint64_t value);
/* Lower-case hexadecimal digits as a string. */
void mse_js_hex(struct mse_js *j, const char *key, const uint8_t *p, size_t len);
/* RFC 3339 in UTC. */
void mse_js_time(struct mse_js *j, const char *key, mse_time t);

#endif
