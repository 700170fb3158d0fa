/* SPDX-License-Identifier: Apache-2.0 */
/* What of an enclave outlives a restart (docs/protocol.md, "Sealed state"): its keys and
 * certificates, what phase 1 brought, and the app's storage. */
#ifndef ENCLAVE_DURABLE_H
#define ENCLAVE_DURABLE_H

#include "enclave/config.h"
#include "enclave/identity.h"
#include "enclave/seal.h"
#include "enclave/state.h"
#include "enclave/store.h"

enum mse_durable_found {
    MSE_DURABLE_OFF,      /* the manifest says restart "never" */
    MSE_DURABLE_FRESH,    /* nothing was sealed yet */
    MSE_DURABLE_RESTORED, /* state and store are there */
    MSE_DURABLE_JOINED,   /* the state is another instance's; there is no store */
    MSE_DURABLE_LOST,     /* there is, or was, a state that does not open: only phase 1 goes on */
};

/* On the stack of main, in locked memory. */
struct mse_durable {
    int state_fd; /* the host's folder; owned; -1: none */
    const struct mse_enclave_tee *tee;
    /* For those who share the driver with others: called around each use of it. NULL: nobody does.
     */
    void (*hold_tee)(void *arg);
    void (*release_tee)(void *arg);
    void *tee_arg;
    enum mse_durable_found found;
    mse_status lost;                /* why, with MSE_DURABLE_LOST */
    const uint8_t *manifest_digest; /* 32 bytes */
    struct mse_seal_root seal_root; /* of the platform as it is now */
    uint8_t counter_id[16];
    struct mse_build plain; /* the state that was opened */
    struct mse_state state; /* borrows from it; with MSE_DURABLE_RESTORED only */
    struct mse_store
        *store; /* NULL also under a library OS, which encrypts the app's files itself */
    /* There: the root that key and name of the app's folder come from. */
    uint8_t home_root[32];
    /* The folders that came from another enclave: the storage that is committed begins with them.
     * NULL: it begins empty. */
    const char *inherited;
    mse_time inherited_floor; /* with it: it is not earlier */
};

/* Looks for what an earlier life has left in state_fd, which is taken over, and seals it anew if
 * that was under older firmware. manifest_digest is borrowed. Where phase 1 can go on without it, a
 * state that does not open is no error. MSE_ERR_STATE_*, MSE_ERR_STORAGE_*; MSE_ERR_CONFIG: nothing
 * can be kept. */
MSE_MUST_USE mse_status mse_durable_open(struct mse_durable *d, int state_fd,
                                         const struct mse_enclave_tee *tee,
                                         const struct mse_manifest *m,
                                         const uint8_t manifest_digest[32], struct mse_error *err);
/* The state as it was sealed, once more, appended to out, an initialised heap builder that the
 * caller wipes: with what phase 1 brought, which is kept nowhere else. MSE_ERR_STATE_FOREIGN: what
 * lies there is not that of this life. */
MSE_MUST_USE mse_status mse_durable_reread(const struct mse_durable *d, struct mse_build *out,
                                           struct mse_error *err);
/* Takes over the state of another instance, which joins: nothing outlives this one. plain is wiped
 * and empty then, also on failure. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_durable_join(struct mse_durable *d, struct mse_build *plain,
                                         struct mse_error *err);
/* What the app keeps under a library OS, whose key the driver gets: true if there is such a folder,
 * and path is it. MSE_ERR_STORAGE_*: it is not that of the state. */
MSE_MUST_USE mse_status mse_durable_home(const struct mse_durable *d, char path[64], bool *keeps,
                                         struct mse_error *err);
/* It was not earlier than this. */
mse_time mse_durable_floor(const struct mse_durable *d);
/* Seals who the enclave is and what it was given (NULL: no phase 1), with a storage that is
 * empty or inherited: from now on a restart finds them. Does nothing with MSE_DURABLE_OFF. A state
 * that did not open stays as "sealed.old". */
MSE_MUST_USE mse_status mse_durable_commit(struct mse_durable *d, const struct mse_identity *id,
                                           const struct mse_config *config, mse_time now,
                                           struct mse_error *err);
/* Around each use of the driver, for those who share it with others. */
void mse_durable_hold(const struct mse_durable *d);
void mse_durable_release(const struct mse_durable *d);
/* A quote of the driver, which is held meanwhile; arg is the struct mse_durable: as
 * mse_ratls_quote_fn wants it. */
MSE_MUST_USE mse_status mse_durable_quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                                          const uint8_t report_data[64], struct mse_error *err);
/* Wipes what was opened of the state, once everybody has what he needs. */
void mse_durable_forget(struct mse_durable *d);
void mse_durable_clear(struct mse_durable *d);

#endif
