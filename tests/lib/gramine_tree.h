/* SPDX-License-Identifier: Apache-2.0 */
/* A file system (FUSE) that behaves as the files of Gramine 1.9 below /dev/attestation do, and has
 * the trusted file /mse/manifest.json beside them, for tests of what reads them. Test code. */
#ifndef TESTS_LIB_GRAMINE_TREE_H
#define TESTS_LIB_GRAMINE_TREE_H

#include "base/build.h"

#define GRAMINE_TREE_KEYS 3

/* Appends the quote over report_data (0), or an errno: what quoting enclave and AESM do. The report
 * is cut out of it. */
typedef int gramine_quote_fn(void *arg, struct mse_build *out, const uint8_t report_data[64]);

struct gramine_key {
    const char *name; /* NULL: none */
    bool set;         /* an unset one is empty */
    uint8_t key[16];
};
/* May be changed between requests. */
struct gramine_knobs {
    const char *type; /* "dcap", "none"; NULL: not the SGX loader, only keys are there */
    gramine_quote_fn *quote;
    void *arg;
    struct mse_bytes manifest;     /* data NULL: there is no such file */
    struct gramine_key sealing[2]; /* _sgx_mrenclave, _sgx_mrsigner: nobody writes them */
    struct gramine_key keys[GRAMINE_TREE_KEYS];
    size_t key_len; /* of the sealing keys when read, to have wrong ones; 0: 16 */
    bool meddler;   /* another thread writes other data before the quote is opened */
    /* What it saw. */
    unsigned quotes;
    unsigned short_writes; /* of user_report_data: not 64 bytes at once */
    uint8_t data[64];
};

struct gramine_tree;
/* Mounts it below a folder of its own; NULL where this system has no FUSE. */
struct gramine_tree *gramine_tree_start(struct gramine_knobs *knobs);
const char *gramine_tree_dir(const struct gramine_tree *t);
/* A new descriptor of its root. */
int gramine_tree_open(const struct gramine_tree *t);
/* How many of its files are open. */
unsigned gramine_tree_opened(const struct gramine_tree *t);
void gramine_tree_stop(struct gramine_tree *t);

#endif
