/* SPDX-License-Identifier: Apache-2.0 */
/* Values of JSON for what commands print. Each is a new reference; NULL only without memory. */
#ifndef CLI_JSON_OF_H
#define CLI_JSON_OF_H

#include <jansson.h>

#include <mse/types.h>

/* cli_put sets a member of o and takes v over; null for NULL. */
void cli_put(json_t *o, const char *key, json_t *v);
/* Lower-case hexadecimal digits of len bytes. */
json_t *cli_hex(const void *p, size_t len);
json_t *cli_hex_of(struct mse_bytes b);
/* RFC 3339 in UTC. */
json_t *cli_when(mse_time t);
/* The text itself; its digits if it is no UTF-8. */
json_t *cli_text_of(struct mse_bytes b);
json_t *cli_number(uint64_t v);

#endif
