/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of the OpenAPI document. */
#ifndef OPERATOR_API_SCHEMAS_H
#define OPERATOR_API_SCHEMAS_H

#include <mse/types.h>

struct api_member {
    const char *name;
    const char *schema; /* JSON */
    bool required;
};
struct api_schema {
    const char *name;
    const struct api_member *members; /* ended by a NULL name */
    const char *others;               /* JSON: what other members may be; NULL: not said */
};
extern const struct api_schema api_schemas[]; /* ended by a NULL name */

#endif
