/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/home_judge.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define MAX_ROOT ((size_t)65536)

static mse_status read_files(struct home_judge *j, struct cli_file *root, const struct home *h,
                             struct mse_error *err)
{
    char *root_path = cli_join(home_fact(h, "platform"), "root.pem");
    char *path = cli_join(home_fact(h, "platform"), "collateral.json");
    mse_status st = root_path == NULL || path == NULL ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? cli_file_read(root, root_path, MAX_ROOT, err) : st;
    st = st == MSE_OK ? cli_file_read(&j->collateral, path, MSE_BUNDLE_MAX_LEN, err) : st;
    st = st == MSE_OK ? cli_bundle_load(&j->bundle, &j->scratch, cli_file_view(&j->collateral), err)
                      : st;
    free(root_path);
    free(path);
    return st;
}

mse_status home_judge_init(struct home_judge *j, const struct home *h, struct mse_error *err)
{
    struct cli_file root = { 0 };
    *j = (struct home_judge) { .policy = calloc(1, sizeof *j->policy) };
    struct mse_policy *p = j->policy;
    if (p == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "policy", "out of memory");
    }
    mse_status st = read_files(j, &root, h, err);
    struct mse_bytes pem = cli_file_view(&root);
    mse_policy_default(p);
    p->allow_simulation = true;
    p->num_references = 1;
    p->references[0].has_fingerprint = true;
    st = st == MSE_OK ? mse_simulation_root_sha256_of_pem(p->simulation_root_sha256, pem, err) : st;
    st = st == MSE_OK ? mse_simulation_root_of_pem(p->simulation_root, pem, err) : st;
    if (st == MSE_OK && !mse_hex_decode(p->references[0].fingerprint, 32,
                                        mse_bytes_str(home_fact(h, "fingerprint")))) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "policy", "instance.json has no fingerprint");
    }
    cli_file_clear(&root);
    return st;
}

void home_judge_clear(struct home_judge *j)
{
    cli_file_clear(&j->collateral);
    free(j->scratch);
    free(j->policy);
}
