/* SPDX-License-Identifier: Apache-2.0 */
/* A typed reader of TOML files, driven by tables: what a file may hold is data, and every error
 * names the file, the line, the key, what stands there and what was wanted. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <mse/status.h>

#include "conf/toml_shim.h"

#define MSE_CONF_MAX_LEN ((size_t)1024 * 1024)

/* Heap, NUL-terminated strings. */
struct mse_conf_list {
    char **items;
    size_t num;
};
struct mse_conf_pair {
    char *name;
    char *value;
};
struct mse_conf_pairs { /* in the order of their names */
    struct mse_conf_pair *items;
    size_t num;
};

enum mse_conf_kind {
    MSE_CONF_STRING, /* char *; NULL if absent */
    MSE_CONF_LIST,   /* struct mse_conf_list */
    MSE_CONF_PAIRS,  /* struct mse_conf_pairs: a table of strings */
    MSE_CONF_UINT,   /* uint64_t, min to max; untouched if absent */
    MSE_CONF_BOOL,   /* bool; untouched if absent */
    MSE_CONF_TIME,   /* mse_time; untouched if absent */
    MSE_CONF_HEX32,  /* uint8_t[32]; untouched if absent */
    MSE_CONF_TABLE,  /* a table whose members lie in the same struct */
};

struct mse_conf_key {
    const char *name;
    enum mse_conf_kind kind;
    bool required;
    size_t offset; /* into the struct; of TABLE: of a bool that tells whether it was there */
    uint64_t min;  /* UINT: least value; STRING: least length */
    uint64_t max;  /* UINT: greatest value; STRING: greatest length, 0: 64 KiB */
    const struct mse_conf_key *members; /* TABLE: its keys, ended by a NULL name */
};

/* A file that is read: its name for errors, and the parsed document. */
struct mse_conf_file {
    const char *name;          /* borrowed */
    struct mse_toml_node *doc; /* its root */
};
/* mse_conf_open parses text. Errors: MSE_ERR_CONFIG. Release with mse_conf_close. */
MSE_MUST_USE mse_status mse_conf_open(struct mse_conf_file *out, const char *name,
                                      struct mse_bytes text, struct mse_error *err);
void mse_conf_close(struct mse_conf_file *f);

/* mse_conf_read fills the struct at out (zeroed or with defaults by the caller) from the root of f.
 * On failure what was read may stand in it: clear it with mse_conf_clear. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_conf_read(void *out, const struct mse_conf_file *f,
                                      const struct mse_conf_key *keys, struct mse_error *err);
/* mse_conf_clear frees everything that keys describe. */
void mse_conf_clear(void *out, const struct mse_conf_key *keys);

/* For errors of meaning: "file:line: text". line 0 is left out. */
mse_status mse_conf_fail(const struct mse_conf_file *f, unsigned line, struct mse_error *err,
                         const char *fmt, ...) MSE_PRINTF(4, 5);
/* The line of a key of the root or of a table of it ("cloud.code"); 0 if it is not there. */
unsigned mse_conf_line_of(const struct mse_conf_file *f, const char *path);
/* "a string", "a table"... for errors. */
const char *mse_conf_type_name(const struct mse_toml_node *n);
/* mse_conf_nearest returns the name that is nearest to seen by edit distance, NULL if none is near.
 * at gives the i-th name, NULL at the end. */
const char *mse_conf_nearest(struct mse_bytes seen, const char *(*at)(const void *, size_t),
                             const void *names);

#endif
