/* SPDX-License-Identifier: Apache-2.0 */
/* The appraiser: an explicit, bounded memory for many appraisals. It changes how long they take and
 * nothing else: a verdict with it is, to the byte, the verdict without it.
 *
 * It hands out collateral sets that know what was computed of them: pass one to any function that
 * takes a struct mse_collateral. Remembered is only what depends on bytes alone: how collateral and
 * certificate chains read, and that a key made a signature over them. Dates, names, revocation,
 * trust in a root and the policy are judged in every appraisal, so that nothing has to be forgotten
 * when time passes, or goes backwards. What failed is not remembered.
 *
 * Threads may use one appraiser and one set at the same time. Nothing waits for a lock that all
 * share: see docs/architecture.md. */
#ifndef MSE_APPRAISER_H
#define MSE_APPRAISER_H

#include <mse/attest.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mse_appraiser; /* opaque */

/* 0 stands for the default. */
struct mse_appraiser_limits {
    size_t max_collaterals; /* sets kept, with or without users; default 32, of some 250 KB each */
    size_t max_facts;       /* chains and QE reports of platforms; default 1024, of 9 KB at most */
};
/* mse_appraiser_new makes one; limits may be NULL. NULL without memory. Free it with
 * mse_appraiser_free. */
MSE_API struct mse_appraiser *mse_appraiser_new(const struct mse_appraiser_limits *limits);
/* mse_appraiser_free: sets that were handed out stay good until they are released. NULL is allowed.
 */
MSE_API void mse_appraiser_free(struct mse_appraiser *a);

/* mse_appraiser_collateral hashes a set once and hands out the copy of it that appraisals are fast
 * with; the caller's bytes are not needed any more. Sets may be bad or incomplete: whoever judges
 * says so. A member that is changed in a copy of *out makes it an ordinary set. Release it with
 * mse_appraiser_release. MSE_ERR_MEMORY, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_appraiser_collateral(struct mse_appraiser *a,
                                                         const struct mse_collateral **out,
                                                         const struct mse_collateral *in,
                                                         struct mse_error *err);
/* mse_appraiser_release gives a set back; NULL is allowed. */
MSE_API void mse_appraiser_release(const struct mse_collateral *c);

/* What there is in an appraiser, for those who watch it. Counted since it was made. */
struct mse_appraiser_stats {
    size_t num_collaterals;
    size_t num_facts;
    uint64_t hits; /* of facts */
    uint64_t misses;
};
MSE_API void mse_appraiser_count(struct mse_appraiser *a, struct mse_appraiser_stats *out);

/* One appraisal of a batch. evidence: a quote of SGX or TDX, or with snp a SEV-SNP report. */
struct mse_appraisal { /* NOLINT(clang-analyzer-optin.performance.Padding): to be read */
    struct mse_bytes evidence;
    bool snp;
    const struct mse_collateral *collateral; /* of an appraiser, or an ordinary one */
    const struct mse_policy *policy;
    mse_time at;
    struct mse_verdict *verdict; /* filled, whatever comes out */
    mse_status status;           /* as the verdict's */
};
/* mse_appraise_batch judges each of them, on num_threads threads that end before it returns, the
 * caller's among them (at most 256; 0 stands for 1; fewer where the system gives fewer). Returns
 * how many were accepted. Verdicts must be different objects; all else may be shared. */
MSE_API size_t mse_appraise_batch(struct mse_appraisal *list, size_t num, unsigned num_threads);

#ifdef __cplusplus
}
#endif
#endif
