/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a rootfs: what is read, written again, gives the same rows; rows come in order, and
 * the manifest of an app over it is one that is measured. */
#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"
#include "measure/gramine_manifest.h"
#include "package/gramine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mse_status write_again(struct mse_build *out, struct mse_bytes list)
{
    struct mse_rootfs_reader r = { .rest = list };
    struct mse_code_file f;
    bool more = true;
    mse_status st = mse_rootfs_next(&f, &more, &r, NULL);
    while (st == MSE_OK && more) {
        MSE_ASSERT(f.path == r.path && mse_rule_path(mse_bytes_str(f.path)));
        mse_wr_hex(out, f.sha256, 32);
        mse_wr_printf(out, " %s %llu %s\n", f.executable ? "x" : "-", (unsigned long long)f.size,
                      f.path);
        st = mse_rootfs_next(&f, &more, &r, NULL);
    }
    return st;
}

/* With whatever the list says as runtime. */
static void make_manifest(struct mse_bytes list, const uint8_t digest[32])
{
    struct mse_manifest m = { .rootfs = { .name = (char[]) { "r" }, .version = (char[]) { "1" } },
                              .enclave_size = 1U << 24 };
    struct mse_rootfs_reader r = { .rest = list };
    struct mse_code_file f;
    struct mse_gramine_params p;
    struct mse_build out;
    bool more = true;
    memcpy(m.rootfs.digest, digest, 32);
    while (mse_rootfs_next(&f, &more, &r, NULL) == MSE_OK && more) {
        if (strcmp(f.path, MSE_GRAMINE_RUNTIME) == 0) {
            memcpy(m.runtime, f.sha256, 32);
        }
    }
    mse_build_heap(&out, MSE_GRAMINE_MANIFEST_MAX);
    if (mse_gramine_manifest(&out, &m, mse_bytes_str("{}"), list, NULL) == MSE_OK) {
        MSE_ASSERT(mse_gramine_params_parse(&p, mse_build_view(&out), NULL) == MSE_OK);
        MSE_ASSERT(p.enclave_size == m.enclave_size && p.threads == 64 && !p.edmm);
    }
    mse_build_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes list = mse_bytes_of(data, size);
    struct mse_build again;
    uint8_t one[32];
    uint8_t two[32];
    mse_build_heap(&again, 2 * MSE_ROOTFS_MAX_LEN);
    mse_status st = write_again(&again, list);
    MSE_ASSERT(mse_rootfs_digest(one, list, NULL) == st);
    if (st == MSE_OK) {
        MSE_ASSERT(mse_rootfs_digest(two, mse_build_view(&again), NULL) == MSE_OK);
        MSE_ASSERT(mse_mem_equal(one, two, sizeof one));
        make_manifest(list, one);
    }
    mse_build_clear(&again);
    return 0;
}
