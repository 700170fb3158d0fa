/* SPDX-License-Identifier: Apache-2.0 */
/* What the host keeps for the enclave (docs/protocol.md, "Sealed state" and "Storage"): who can
 * open it, and the form that all such files share: 8 bytes of magic, the id of the key that they
 * hang on, a salt of their own, then what is sealed. */
#ifndef ENCLAVE_SEAL_H
#define ENCLAVE_SEAL_H

#include "crypto/aead.h"
#include "enclave/load.h"

#define MSE_SEAL_KEY_LEN  32
#define MSE_SEAL_ID_LEN   16
#define MSE_SEAL_SALT_LEN 32
#define MSE_SEAL_HEAD_LEN (8 + MSE_SEAL_ID_LEN + MSE_SEAL_SALT_LEN)
/* How much longer a file is than what it holds; a state whose head tells of a platform. */
#define MSE_SEAL_EXTRA       (MSE_SEAL_HEAD_LEN + MSE_AEAD_TAG_LEN)
#define MSE_SEAL_STATE_EXTRA (MSE_SEAL_EXTRA + MSE_TEE_VERSION_LEN)

enum mse_seal_kind {
    MSE_SEAL_STATE, /* hangs on the root of sealing */
    MSE_SEAL_INDEX, /* these two on the root of the storage */
    MSE_SEAL_PACK,
    MSE_SEAL_STATE_AT, /* the state, with a version in its head */
};

/* What the state hangs on: a key, and of which firmware or processor's code it is, where the
 * platform has such keys. */
struct mse_seal_root {
    uint8_t key[MSE_SEAL_KEY_LEN];
    bool has_version;
    uint8_t version[MSE_TEE_VERSION_LEN];
};

/* The root of sealing: what only this code, started with this manifest on this platform, gets
 * again: HKDF-SHA256(driver's key, manifest digest, "mse seal v1" || driver). version: NULL for the
 * platform's present one, else what the head of a file tells: whoever lies there gets another key,
 * or none. MSE_ERR_STATE_FOREIGN: the platform has no key of it; MSE_ERR_UNSUPPORTED. */
MSE_MUST_USE mse_status mse_seal_root(struct mse_seal_root *out, const struct mse_enclave_tee *tee,
                                      const uint8_t manifest_digest[32], const uint8_t *version,
                                      struct mse_error *err);
/* A public name of a root: HKDF-SHA256(root, none, "mse seal id v1"). */
MSE_MUST_USE mse_status mse_seal_id(uint8_t out[MSE_SEAL_ID_LEN],
                                    const uint8_t root[MSE_SEAL_KEY_LEN]);
/* The name by which the platform counts for this root: HKDF-SHA256(root, none, "mse counter v1").
 */
MSE_MUST_USE mse_status mse_seal_counter_id(uint8_t out[MSE_SEAL_ID_LEN],
                                            const uint8_t root[MSE_SEAL_KEY_LEN]);
/* The head of a file with this salt, and the key of what follows it. */
MSE_MUST_USE mse_status mse_seal_head(uint8_t out[MSE_SEAL_HEAD_LEN],
                                      const uint8_t root[MSE_SEAL_KEY_LEN], enum mse_seal_kind kind,
                                      const uint8_t salt[MSE_SEAL_SALT_LEN]);
MSE_MUST_USE mse_status mse_seal_key(struct mse_aead **out, const uint8_t root[MSE_SEAL_KEY_LEN],
                                     enum mse_seal_kind kind,
                                     const uint8_t salt[MSE_SEAL_SALT_LEN]);
/* Whether a file begins as one of this kind and root does; its salt. MSE_ERR_MALFORMED: it is none,
 * or shorter than a head; MSE_ERR_STATE_FOREIGN or MSE_ERR_STORAGE_FOREIGN: of another root. */
MSE_MUST_USE mse_status mse_seal_check_head(uint8_t salt[MSE_SEAL_SALT_LEN],
                                            const uint8_t root[MSE_SEAL_KEY_LEN],
                                            enum mse_seal_kind kind, struct mse_bytes file);

/* A whole file under a fresh salt, and back, appended to out. Opening: errors as above;
 * MSE_ERR_SIGNATURE if anything of it was changed. */
MSE_MUST_USE mse_status mse_seal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                                 enum mse_seal_kind kind, struct mse_bytes plain);
MSE_MUST_USE mse_status mse_unseal(struct mse_build *out, const uint8_t root[MSE_SEAL_KEY_LEN],
                                   enum mse_seal_kind kind, struct mse_bytes file);

/* The same for the state: with the root's version, if it has one, in a head that is authenticated
 * as a whole. mse_seal_state_version says what stands there (NULL: nothing, the file is of a
 * platform without versions, or is no state); it borrows from file. */
MSE_MUST_USE mse_status mse_seal_state(struct mse_build *out, const struct mse_seal_root *root,
                                       struct mse_bytes plain);
MSE_MUST_USE mse_status mse_unseal_state(struct mse_build *out, const struct mse_seal_root *root,
                                         struct mse_bytes file);
const uint8_t *mse_seal_state_version(struct mse_bytes file);

#endif
