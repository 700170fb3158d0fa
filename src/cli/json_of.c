/* SPDX-License-Identifier: Apache-2.0 */
/* Values of JSON for what commands print. */
#include "cli/json_of.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"

void cli_put(json_t *o, const char *key, json_t *v)
{
    (void)json_object_set_new(o, key, v == NULL ? json_null() : v);
}

json_t *cli_hex(const void *p, size_t len)
{
    char *text = malloc(2 * len + 1);
    if (text == NULL) {
        return NULL;
    }
    mse_hex_encode(text, mse_bytes_of(p, len));
    json_t *v = json_string(text);
    free(text);
    return v;
}

json_t *cli_hex_of(struct mse_bytes b)
{
    return cli_hex(b.data, b.len);
}

json_t *cli_when(mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    return json_string(text);
}

json_t *cli_text_of(struct mse_bytes b)
{
    json_t *v = json_stringn((const char *)b.data, b.len);
    return v == NULL ? cli_hex_of(b) : v;
}

json_t *cli_number(uint64_t v)
{
    return json_integer((json_int_t)v);
}
