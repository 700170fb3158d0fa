/* SPDX-License-Identifier: Apache-2.0 */
/* tomlplusplus behind C: a parsed document and its nodes, read only. Nodes and texts belong to the
 * document. No exception leaves the shim. */
#ifndef CONF_TOML_SHIM_H
#define CONF_TOML_SHIM_H

#include <mse/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mse_toml;      /* a document */
struct mse_toml_node; /* any value in it */

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

struct mse_toml_problem {
    unsigned line;
    char text[160];
};

/* mse_toml_parse reads TOML 1.0; false with *problem filled. Release with mse_toml_free. */
MSE_MUST_USE bool mse_toml_parse(struct mse_toml **out, struct mse_bytes text,
                                 struct mse_toml_problem *problem);
void mse_toml_free(struct mse_toml *t);
const struct mse_toml_node *mse_toml_root(const struct mse_toml *t);

enum mse_toml_type mse_toml_type_of(const struct mse_toml_node *n);
unsigned mse_toml_line(const struct mse_toml_node *n);
/* Members of a table, in the order of their keys; elements of an array. */
size_t mse_toml_num(const struct mse_toml_node *n);
const struct mse_toml_node *mse_toml_at(const struct mse_toml_node *n, size_t i);
/* The key of the i-th member and the line on which it stands. */
struct mse_bytes mse_toml_key_at(const struct mse_toml_node *n, size_t i, unsigned *line);
/* NULL if the table has no such member. */
const struct mse_toml_node *mse_toml_get(const struct mse_toml_node *n, const char *key);
/* Values; the node must have the type. */
struct mse_bytes mse_toml_string(const struct mse_toml_node *n);
int64_t mse_toml_integer(const struct mse_toml_node *n);
bool mse_toml_boolean(const struct mse_toml_node *n);
mse_time mse_toml_time(const struct mse_toml_node *n);

#ifdef __cplusplus
}
#endif
#endif
