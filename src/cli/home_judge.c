/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/home_judge.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/home_tee.h"
#include "cli/trust.h"

#define MAX_ROOT ((size_t)65536)

/* The pinned root of the simulated platform. */
static mse_status read_root(struct mse_policy *p, const struct home *h, struct mse_error *err)
{
    struct cli_file root = { 0 };
    char *path = cli_join(home_fact(h, "platform"), "root.pem");
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(&root, path, MAX_ROOT, err);
    struct mse_bytes pem = cli_file_view(&root);
    p->allow_simulation = true;
    st = st == MSE_OK ? mse_simulation_root_sha256_of_pem(p->simulation_root_sha256, pem, err) : st;
    st = st == MSE_OK ? mse_simulation_root_of_pem(p->simulation_root, pem, err) : st;
    cli_file_clear(&root);
    free(path);
    return st;
}

mse_status home_judge_policy(struct mse_policy *out, const struct home *h, struct mse_error *err)
{
    const char *policy = home_fact(h, "policy");
    mse_policy_default(out);
    mse_status st = policy[0] == '\0' ? MSE_OK : mse_trust_policy_file(out, policy, err);
    return st == MSE_OK && home_tee_simulated(h->facts) ? read_root(out, h, err) : st;
}

char *home_judge_collateral(const struct home *h)
{
    const char *dir = home_tee_simulated(h->facts) ? home_fact(h, "platform") : h->dir;
    return cli_join(dir, "collateral.json");
}

static mse_status read_collateral(struct home_judge *j, const struct home *h, struct mse_error *err)
{
    char *path = home_judge_collateral(h);
    if (path != NULL && !cli_file_exists(path) && !home_tee_simulated(h->facts)) {
        free(path);
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "collateral",
                        "%.64s has no collateral yet: mse home evidence collects it", h->name);
    }
    mse_status st = path == NULL ? MSE_ERR_MEMORY
                                 : cli_file_read(&j->collateral, path, MSE_BUNDLE_MAX_LEN, err);
    free(path);
    return st == MSE_OK
               ? cli_bundle_load(&j->bundle, &j->scratch, cli_file_view(&j->collateral), err)
               : st;
}

mse_status home_judge_init(struct home_judge *j, const struct home *h, struct mse_error *err)
{
    uint8_t fingerprint[32];
    *j = (struct home_judge) { .policy = calloc(1, sizeof *j->policy) };
    if (j->policy == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "policy", "out of memory");
    }
    mse_status st = home_judge_policy(j->policy, h, err);
    st = st == MSE_OK ? read_collateral(j, h, err) : st;
    if (st == MSE_OK && !mse_hex_decode(fingerprint, sizeof fingerprint,
                                        mse_bytes_str(home_fact(h, "fingerprint")))) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "policy", "instance.json has no fingerprint");
    }
    if (st == MSE_OK && !mse_trust_expect(j->policy, fingerprint, NULL)) {
        st = MSE_FAIL(err, MSE_ERR_POLICY, "policy",
                      "no [[references]] of %.180s agree with the fingerprint of %.64s",
                      home_fact(h, "policy"), h->name);
    }
    return st;
}

void home_judge_clear(struct home_judge *j)
{
    cli_file_clear(&j->collateral);
    free(j->scratch);
    free(j->policy);
}
