/* SPDX-License-Identifier: Apache-2.0 */
/* TOML as plain nodes, read only. The one function in C++ is mse_toml_parse (tomlplusplus; no
 * exception leaves it): tests link it, the program mse loads the module mse-toml.so when there is a
 * file to read (cli/modules.c). */
#ifndef CONF_TOML_SHIM_H
#define CONF_TOML_SHIM_H

#include <mse/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mse_toml_type {
    MSE_TOML_TABLE,
    MSE_TOML_ARRAY,
    MSE_TOML_STRING,
    MSE_TOML_INTEGER,
    MSE_TOML_FLOAT,
    MSE_TOML_BOOLEAN,
    MSE_TOML_TIME,       /* date and time with an offset */
    MSE_TOML_LOCAL_TIME, /* a date or a time that says nothing about its zone */
};

/* Any value; the root of a document is a table. Everything is heap, owned by the node. */
struct mse_toml_node {
    enum mse_toml_type type;
    unsigned line;
    unsigned key_line;           /* members of a table: where the key stands */
    struct mse_bytes key;        /* members of a table */
    struct mse_bytes string;     /* STRING */
    int64_t number;              /* INTEGER; BOOLEAN; TIME: seconds since 1970 */
    struct mse_toml_node *items; /* TABLE: in the order of their keys; ARRAY */
    size_t num;
    void *owned[2]; /* key and string */
};

struct mse_toml_problem {
    unsigned line;
    char text[160];
};

/* mse_toml_parse reads TOML 1.0; false with *problem filled. Release with mse_toml_free. */
MSE_MUST_USE bool mse_toml_parse(struct mse_toml_node **out, struct mse_bytes text,
                                 struct mse_toml_problem *problem);
typedef bool (*mse_toml_parse_fn)(struct mse_toml_node **out, struct mse_bytes text,
                                  struct mse_toml_problem *problem);
void mse_toml_free(struct mse_toml_node *root);
/* NULL if n is no table or has no such member. */
const struct mse_toml_node *mse_toml_get(const struct mse_toml_node *n, const char *key);

#ifdef __cplusplus
}
#endif
#endif
