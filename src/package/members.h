/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a manifest as data: the reader and the writer go through one table, in the order
 * of RFC 8785. Internal to package/. */
#ifndef PACKAGE_MEMBERS_H
#define PACKAGE_MEMBERS_H

#include <jansson.h>

#include "package/manifest.h"

enum mse_member_kind {
    MSE_MEMBER_TEXT,  /* char * */
    MSE_MEMBER_UUID,  /* char[37] */
    MSE_MEMBER_LIST,  /* struct mse_str_list */
    MSE_MEMBER_HEX32, /* uint8_t[32] */
    MSE_MEMBER_TIME,  /* mse_time */
    MSE_MEMBER_BOOL,  /* bool */
    MSE_MEMBER_U32,   /* uint32_t */
    MSE_MEMBER_U64,   /* uint64_t */
    MSE_MEMBER_WORD,  /* an enum, written as one of words */
    MSE_MEMBER_OTHER, /* has functions of its own */
};

struct mse_member {
    const char *name;
    size_t offset; /* into struct mse_manifest */
    enum mse_member_kind kind;
    bool optional;            /* not there if empty, NULL or all zero */
    const char *wanted;       /* for errors */
    const char *const *words; /* WORD: by value, ended by NULL */
    bool (*read)(struct mse_manifest *m, json_t *v);
    void (*write)(struct mse_build *b, const struct mse_manifest *m);
};
/* Ended by a NULL name. */
extern const struct mse_member mse_members[];

/* One value of a member: false if it has the wrong type or form. */
MSE_MUST_USE bool mse_member_read(struct mse_manifest *m, const struct mse_member *k, json_t *v);
void mse_member_write(struct mse_build *b, const struct mse_manifest *m,
                      const struct mse_member *k);
/* Whether an optional member is to be left out. */
MSE_MUST_USE bool mse_member_is_absent(const struct mse_manifest *m, const struct mse_member *k);

/* Parts that members of kind OTHER are made of. */
MSE_MUST_USE bool mse_member_read_text(char **out, json_t *v);
MSE_MUST_USE bool mse_member_read_list(struct mse_str_list *out, json_t *v);
MSE_MUST_USE bool mse_member_read_uint(uint64_t *out, json_t *v, uint64_t max);
void mse_member_write_text(struct mse_build *b, const char *s);
void mse_member_write_list(struct mse_build *b, const struct mse_str_list *l);

#endif
