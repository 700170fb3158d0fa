/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a body of JSON: one object, members that are known, each once. */
#ifndef OPERATOR_API_READ_H
#define OPERATOR_API_READ_H

#include "operator/api.h"

struct api_read {
    struct mse_json j;
    char why[160]; /* what is wrong, if a member said so */
};
/* Reads the value of key into out; false: it is not what it has to be. */
typedef bool api_member_fn(struct api_read *r, struct mse_bytes key, void *out);
/* needed: names that have to be there, ended by NULL. NULL: all is well; else the refusal. */
struct mse_reply *api_read_object(struct mse_bytes text, api_member_fn *member, void *out,
                                  const char *const *needed);
/* The same of the body of a request. */
struct mse_reply *api_read_body(struct api_call *c, api_member_fn *member, void *out,
                                const char *const *needed);
/* A text that fits with its NUL; no control characters. */
bool api_read_text(struct api_read *r, char *out, size_t cap);
/* False, with the key named. */
bool api_read_unknown(struct api_read *r, struct mse_bytes key);

#endif
