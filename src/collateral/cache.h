/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral on disk: one file per object in a private folder, each with a hash over itself. Files
 * are replaced at once or not at all, so that a reader needs no lock and a writer that is killed
 * leaves a usable cache; a file that is damaged counts as absent. One writer at a time. */
#ifndef COLLATERAL_CACHE_H
#define COLLATERAL_CACHE_H

#include "collateral/fetch.h"

struct mse_cache;
/* mse_cache_open opens the folder; make: with what is missing of it and above it, 0700.
 * MSE_ERR_NOT_FOUND; MSE_ERR_CONFIG: it belongs to somebody else, or others may write into it;
 * MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_cache_open(struct mse_cache **out, const char *dir, bool make,
                                       struct mse_error *err);
void mse_cache_close(struct mse_cache *c);

/* The root key under which objects were verified tells caches of one key apart. */
struct mse_cache_root {
    uint8_t id[32];
};
/* Of Intel's kinds the SHA-256 of the root's point, of AMD's one name for the compiled-in ARKs, or
 * the hash of the simulated root. */
MSE_MUST_USE mse_status mse_cache_root_of(struct mse_cache_root *out,
                                          const struct mse_fetch_config *c, bool amd);

/* mse_cache_get: MSE_ERR_NOT_FOUND for an object that is not there, is damaged, or is of a set
 * below the floor. Dates are not judged. *fetched_at: when it came. */
MSE_MUST_USE mse_status mse_cache_get(struct mse_fetched *out, mse_time *fetched_at,
                                      struct mse_cache *c, const struct mse_cache_root *root,
                                      const struct mse_fetch_key *key);
/* mse_cache_put keeps an object that was verified. MSE_ERR_TCB_EVALUATION_NUMBER: a standard set of
 * a lower number than one seen before for this root and TEE; MSE_ERR_TIMEOUT: another writer holds
 * the cache for too long; MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_cache_put(struct mse_cache *c, const struct mse_cache_root *root,
                                      const struct mse_fetch_key *key, const struct mse_fetched *o,
                                      mse_time now, struct mse_error *err);

/* The highest evaluation number of a standard set that was kept, and when it was first seen. False
 * if there is none. */
MSE_MUST_USE bool mse_cache_floor(uint32_t *number, mse_time *since, struct mse_cache *c,
                                  const struct mse_cache_root *root, enum mse_tee_kind tee);

#endif
