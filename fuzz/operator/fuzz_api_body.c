/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that clients send to `msed api`, read as its routes do, against Jansson: what is taken is
 * an object there too, with each member once and the same texts. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/api_read.h"

struct body {
    char name[32];
    char project[300];
};

static bool read_member(struct api_read *r, struct mse_bytes key, void *out)
{
    struct body *b = out;
    if (mse_bytes_is_str(key, "name")) {
        return api_read_text(r, b->name, sizeof b->name);
    }
    if (mse_bytes_is_str(key, "project")) {
        return api_read_text(r, b->project, sizeof b->project);
    }
    return mse_bytes_is_str(key, "more") ? mse_json_skip(&r->j, NULL) : api_read_unknown(r, key);
}

static void same_text(const json_t *o, const char *name, const char *ours)
{
    const char *theirs = json_string_value(json_object_get(o, name));
    MSE_ASSERT(strcmp(theirs == NULL ? "" : theirs, ours) == 0);
    for (const char *p = ours; *p != '\0'; p++) {
        MSE_ASSERT((unsigned char)*p >= ' ' && *p != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const needed[] = { "name", NULL };
    struct body b = { .name = "" };
    struct mse_reply *refusal = api_read_object(mse_bytes_of(data, size), read_member, &b, needed);
    if (refusal != NULL) {
        MSE_ASSERT(refusal->status == HTTP_BAD_REQUEST || refusal->status == HTTP_UNPROCESSABLE);
        mse_reply_unref(refusal);
        return 0;
    }
    json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (o != NULL) { /* a "more" may have numbers that Jansson has no room for, and keys twice */
        MSE_ASSERT(json_is_object(o) && json_is_string(json_object_get(o, "name")));
        same_text(o, "name", b.name);
        same_text(o, "project", b.project);
    } else {
        MSE_ASSERT(memmem(data, size, "more", 4) != NULL || memmem(data, size, "\\u", 2) != NULL);
    }
    json_decref(o);
    return 0;
}
