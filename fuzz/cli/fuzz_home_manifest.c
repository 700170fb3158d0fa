/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest that an operator made of a package, as the package's provider judges it: what is
 * accepted is the package's in everything but the operator's members. The input is a manifest, or,
 * behind a 0, changes of a good one: two octets where, one what. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/home.h"
#include "package/manifest.h"
#include "package/parcel.h"

static char toml[] =
    "name = \"demo\"\npython_application = \"app:app\"\nhealthcheck_endpoint = \"/\"\n";

static struct mse_parcel parcel(void)
{
    struct mse_parcel p = { .mse_toml = toml, .code_digest = { 1 }, .head_sha256 = { 2 } };
    return p;
}

/* What an operator who keeps to the rules makes of it. */
static void good_manifest(struct mse_build *out)
{
    static char san[] = "demo.mse.localhost";
    static char config[] = "11111111-1111-4111-8111-111111111111.mse.localhost";
    struct mse_manifest m = { 0 };
    struct mse_parcel p = parcel();
    struct mse_error err = { .status = MSE_OK };
    bool own_token = false;
    MSE_ASSERT(home_manifest_fill(&m, &own_token, &p, &err) == MSE_OK);
    memcpy(m.app_id, config, sizeof m.app_id - 1);
    memset(m.runtime, 3, sizeof m.runtime);
    m.created_at = 1767225600;
    m.expires_at = m.created_at + 86400;
    m.enclave_size = (uint64_t)1 << 30;
    m.san = strdup(san);
    m.config_domain_name = strdup(config);
    MSE_ASSERT(m.san != NULL && m.config_domain_name != NULL);
    MSE_ASSERT(mse_manifest_write(out, &m, &err) == MSE_OK);
    mse_manifest_clear(&m);
}

static void change(struct mse_build *b, struct mse_bytes edits)
{
    uint16_t at = 0;
    uint8_t what = 0;
    while (mse_rd_u16le(&edits, &at) && mse_rd_u8(&edits, &what)) {
        if (at < b->len) {
            b->data[at] = what;
        }
    }
}

static void check(struct mse_bytes text)
{
    struct mse_manifest m = { 0 };
    struct mse_parcel p = parcel();
    struct mse_error err = { .status = MSE_OK };
    struct mse_build again;
    mse_status st = home_manifest_check(&m, &p, text, &err);
    MSE_ASSERT(st == err.status);
    if (st != MSE_OK) {
        MSE_ASSERT(err.text[0] != '\0' && m.name == NULL);
        return;
    }
    mse_build_heap(&again, MSE_MANIFEST_MAX_LEN);
    MSE_ASSERT(mse_manifest_write(&again, &m, NULL) == MSE_OK);
    MSE_ASSERT(mse_bytes_equal(mse_build_view(&again), text));
    MSE_ASSERT(mse_mem_equal(m.code_digest, p.code_digest, sizeof m.code_digest));
    MSE_ASSERT(mse_mem_equal(m.package_header, p.head_sha256, sizeof m.package_header));
    MSE_ASSERT(m.package == MSE_PACKAGE_PLAIN && strcmp(m.name, "demo") == 0);
    MSE_ASSERT(mse_mem_is_zero(m.config_token_sha256, sizeof m.config_token_sha256));
    mse_build_clear(&again);
    mse_manifest_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_build b;
    if (size > 0 && data[0] != 0) {
        check(mse_bytes_of(data, size));
        return 0;
    }
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    good_manifest(&b);
    change(&b, size > 0 ? mse_bytes_of(data + 1, size - 1) : mse_bytes_of(data, 0));
    check(mse_build_view(&b));
    mse_build_clear(&b);
    return 0;
}
