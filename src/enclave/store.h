/* SPDX-License-Identifier: Apache-2.0 */
/* The app's storage (docs/protocol.md, "Storage"): the app works on files in memory, and the host
 * keeps snapshots of them, sealed. Each is taken while the app stands still, and takes the place of
 * the one before by one rename. */
#ifndef ENCLAVE_STORE_H
#define ENCLAVE_STORE_H

#include <sys/types.h>

#include <mse/status.h>

/* Where it lies and what it hangs on. */
struct mse_store_config {
    int state_fd;     /* the host's folder; borrowed */
    uint8_t root[32]; /* of the storage */
    /* The platform's counter: its value, or with advance one more. MSE_ERR_UNSUPPORTED: it has
     * none. */
    mse_status (*count)(void *arg, uint64_t *out, bool advance, struct mse_error *err);
    void *arg;
};

/* How the app is made to stand still; each may be called from another thread than before. */
struct mse_store_hold {
    mse_status (*stop)(void *arg, struct mse_error *err);
    void (*go)(void *arg);
    /* Whether the app may write to this file without the kernel's noticing; between the two. */
    bool (*is_mapped)(void *arg, uint64_t ino);
    void *arg;
};

struct mse_store;
/* Makes an empty storage: its index is written; whatever refers to it comes before
 * mse_store_settle, which makes it count. */
MSE_MUST_USE mse_status mse_store_create(struct mse_store **out, const struct mse_store_config *c,
                                         mse_time now, struct mse_error *err);
/* The same with what is in the folders home and keys of dir in its first index: there is no moment
 * at which it lacks any of it. */
MSE_MUST_USE mse_status mse_store_create_from(struct mse_store **out,
                                              const struct mse_store_config *c, const char *dir,
                                              mse_time now, struct mse_error *err);
MSE_MUST_USE mse_status mse_store_settle(struct mse_store *s, struct mse_error *err);
/* Opens the storage and holds it against the counter. MSE_ERR_STORAGE_MISSING, _FOREIGN, _DAMAGED,
 * _ROLLED_BACK. */
MSE_MUST_USE mse_status mse_store_open(struct mse_store **out, const struct mse_store_config *c,
                                       struct mse_error *err);
/* Writes the files into the folders home and keys of dir, which are empty, and makes this start
 * count, so that no earlier snapshot passes for the last one any more. */
MSE_MUST_USE mse_status mse_store_restore(struct mse_store *s, const char *dir, uid_t owner,
                                          mse_time now, struct mse_error *err);
/* The root, and the SHA-256 of the index as it was written or read last: who has both can open
 * exactly this snapshot. The caller wipes the root. */
void mse_store_pin(const struct mse_store *s, uint8_t root[32], uint8_t pin[32]);
/* Writes the files of another enclave's storage (c: its folder and root; nothing counts) into the
 * folders home and keys of dir, which are empty. MSE_ERR_STORAGE_*; _ROLLED_BACK: it is another
 * snapshot than the pinned one. */
MSE_MUST_USE mse_status mse_store_inherit(const struct mse_store_config *c, const uint8_t pin[32],
                                          const char *dir, uid_t owner, struct mse_error *err);
/* What is stored, as it lies there, piece by piece to out: of one snapshot, whatever is stored
 * meanwhile. u16be number of files, then of each u8 length of the name, name, u64be length,
 * content; the index comes first. From any thread. MSE_ERR_STORAGE_*, and what out returns. */
typedef mse_status mse_store_out_fn(void *arg, struct mse_bytes piece, struct mse_error *err);
MSE_MUST_USE mse_status mse_store_export(struct mse_store *s, mse_store_out_fn *out, void *arg,
                                         struct mse_error *err);
/* The other side: the files into the folder of this root below dir_fd, which is made; in gives
 * exactly so many bytes. max: of them all. MSE_ERR_PROTOCOL: a name that is none, or more. pin: of
 * its index, for mse_store_inherit. */
typedef mse_status mse_store_in_fn(void *arg, void *buf, size_t len, struct mse_error *err);
struct mse_store_import {
    int dir_fd;
    const uint8_t *root; /* 32 bytes */
    uint64_t max;
    mse_store_in_fn *in;
    void *arg;
};
MSE_MUST_USE mse_status mse_store_import(const struct mse_store_import *i, uint8_t pin[32],
                                         struct mse_error *err);
mse_time mse_store_floor(const struct mse_store *s);
bool mse_store_has_counter(const struct mse_store *s);
/* Whether dir looks other than what was stored last; cheap, and may be wrong about files that are
 * mapped. */
bool mse_store_changed(struct mse_store *s, const char *dir);

struct mse_store_report {
    bool stored;        /* false: it was all there already */
    uint64_t new_bytes; /* what was sealed of files */
    uint64_t left_out;  /* sockets, pipes, devices */
    uint64_t pause_us;  /* how long the app stood still */
};
/* What is to be stored. */
struct mse_store_take {
    const char *dir;
    const struct mse_store_hold *hold; /* NULL: there is no app */
    mse_time now;
    bool force; /* also if nothing has changed */
};
/* On failure the last snapshot stays. MSE_ERR_STORAGE_LIMIT: dir holds more than is kept. */
MSE_MUST_USE mse_status mse_store_snapshot(struct mse_store *s, const struct mse_store_take *take,
                                           struct mse_store_report *out, struct mse_error *err);
/* Wipes the key; what is stored stays. Accepts NULL. */
void mse_store_free(struct mse_store *s);

#endif
