/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and whole sets of collateral, out of the cache where that is good enough, else fetched.
 *
 * Certificates (VCEK, PCK, AMD's chains) never change: the cached one serves as long as it is
 * valid. Everything else serves for a day; then it is fetched anew, and if that fails the cached
 * one serves on until its nextUpdate, never longer. */
#ifndef COLLATERAL_STORE_H
#define COLLATERAL_STORE_H

#include "collateral/cache.h"
#include "collateral/fetch.h"

#define MSE_STORE_FRESH ((mse_time)86400) /* seconds for which nothing is fetched anew */

struct mse_store {
    struct mse_fetch_config config;
    struct mse_cache *cache;     /* borrowed; NULL: none */
    bool offline;                /* nothing is fetched */
    bool refresh;                /* everything that can change is fetched anew */
    struct mse_fetcher *fetcher; /* made when it is wanted; released by mse_store_clear */
    /* What happened. */
    size_t num_fetched;
    size_t num_cached;
    size_t num_kept;          /* of these: because fetching failed */
    mse_time oldest;          /* of those out of the cache: when they were fetched */
    const char *upstream;     /* the last one that answered */
    struct mse_error warning; /* fetching or writing to the cache failed, and it went on without */
};
void mse_store_clear(struct mse_store *s);

/* mse_store_get: errors of mse_fetch; MSE_ERR_NOT_FOUND when offline and the cache has nothing that
 * is still valid; MSE_ERR_TCB_EVALUATION_NUMBER: a set below one that was seen before. */
MSE_MUST_USE mse_status mse_store_get(struct mse_fetched *out, struct mse_store *s,
                                      const struct mse_fetch_key *key, struct mse_error *err);

/* What a piece of evidence needs. */
struct mse_need {
    enum mse_tee_kind tee; /* SGX, TDX or SNP */
    enum mse_fetch_update update;
    uint32_t evaluation_number;
    /* SGX and TDX. */
    enum mse_fetch_ca ca;
    uint8_t fmspc[6];
    bool has_pck_request;     /* the quote carries no PCK certificate */
    struct mse_fetch_key pck; /* its PPID borrows from the evidence */
    uint8_t qe_id[16];
    /* SNP. */
    enum mse_snp_product product;
    bool guessed_product; /* Milan, but it may be Genoa: reports of version 2 do not say */
    bool vlek;
    uint8_t hwid[64];
    uint8_t reported_tcb[8];
};
/* mse_need_of reads a quote or a SEV-SNP report, and judges no more of it than that its PCK chain
 * ends in the root of the configuration: forged evidence causes no request. Errors: those of the
 * parsers, PCK_CHAIN_*. */
MSE_MUST_USE mse_status mse_need_of(struct mse_need *out, struct mse_bytes evidence,
                                    const struct mse_fetch_config *c, struct mse_error *err);

/* One set; members that are not needed stay empty. */
struct mse_set {
    struct mse_fetched tcb_info;
    struct mse_fetched qe_identity;
    struct mse_fetched pck_crl;
    struct mse_fetched root_crl;
    struct mse_fetched pck_cert;
    struct mse_fetched vcek;
    struct mse_fetched amd_crl;
};
void mse_set_init(struct mse_set *set);
void mse_set_clear(struct mse_set *set);
MSE_MUST_USE mse_status mse_set_gather(struct mse_set *out, struct mse_store *s,
                                       struct mse_need *need, struct mse_error *err);
/* mse_set_write appends the text of a collateral file (mse_bundle_parse reads it). */
MSE_MUST_USE mse_status mse_set_write(struct mse_build *out, struct mse_set *set, mse_time now,
                                      struct mse_error *err);

#endif
