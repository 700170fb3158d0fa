/* SPDX-License-Identifier: Apache-2.0 */
/* Our own collateral, as against what the user or the evidence brings: out of the cache of this
 * user, or fetched. Reads --pccs, --pccs-ca, --kds, --proxy, --cache and --offline, as far as the
 * command has them. */
#ifndef CLI_OWN_H
#define CLI_OWN_H

#include "cli/progress.h"
#include "cmd/files.h"
#include "collateral/store.h"

/* A collateral file, parsed. */
struct cli_collateral {
    char *source; /* for the verdict; NULL: there is none */
    struct cli_file file;
    uint8_t *scratch;
    struct mse_bundle bundle;
};
void cli_collateral_clear(struct cli_collateral *k);
/* cli_bundle_load parses a JSON bundle; scratch is heap. */
MSE_MUST_USE mse_status cli_bundle_load(struct mse_bundle *out, uint8_t **scratch,
                                        struct mse_bytes json, struct mse_error *err);

/* cli_own_cache: $XDG_CACHE_HOME/mse/collateral, else $HOME/.cache/mse/collateral; heap, or NULL.
 */
char *cli_own_cache(void);

struct cli_own {
    const struct cli *c;
    struct mse_store store;
    struct mse_cache *cache;
    struct cli_progress progress;
    char *dir;       /* NULL: there is no place for a cache */
    bool named_pccs; /* by the user: it may know simulated platforms */
    bool offline;
};
/* policy: borrowed. Prints its own errors. Release with cli_own_clear also after failures. */
enum cli_exit cli_own_init(struct cli_own *o, const struct cli *c, const struct mse_policy *policy,
                           mse_time at);
void cli_own_clear(struct cli_own *o);

/* cli_own_need decides under which root a quote is to be judged, and reads what it needs; a report
 * of SEV-SNP likewise. Errors of mse_need_of. */
MSE_MUST_USE mse_status cli_own_need(struct mse_need *out, struct cli_own *o,
                                     struct mse_bytes evidence, struct mse_error *err);
/* cli_own_get gathers a set as a collateral file. Errors of mse_set_gather. */
MSE_MUST_USE mse_status cli_own_get(struct cli_collateral *out, struct cli_own *o,
                                    struct mse_need *need, struct mse_error *err);
/* cli_own_numbers gets the signed list of evaluation numbers under the root that cli_own_need
 * chose. Errors of mse_store_get. */
MSE_MUST_USE mse_status cli_own_numbers(struct mse_tcb_eval_numbers *out, struct cli_own *o,
                                        enum mse_tee_kind tee, struct mse_error *err);
/* Both, for verdicts: false, with the reason in *why (status MSE_OK: there is nothing to ask), if
 * there is no own collateral for this evidence. */
bool cli_own_collateral(struct cli_collateral *out, struct cli_own *o, struct mse_bytes evidence,
                        struct mse_error *why);

/* The highest evaluation number that this user's cache has seen, at the time of the appraisal or
 * before, for the root under which the evidence is judged. False if there is none. */
bool cli_own_floor(uint32_t *number, struct cli_own *o, enum mse_tee_kind tee, bool simulated);

#endif
