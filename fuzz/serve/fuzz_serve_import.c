/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators and machines hand to the served cache: documents to import, of which nothing
 * gets in that Intel's key did not sign; the registration of a platform; the file of tokens. */
#include <stdlib.h>
#include <unistd.h>

#include <mse/attest.h>

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/serve.h"
#include "collateral/serve_import.h"

static void check_platform(struct mse_bytes in)
{
    struct mse_serve_platform p = { .has_ppid = false };
    struct mse_bytes manifest = { 0 };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_serve_platform_parse(&p, &manifest, in, &err);
    MSE_ASSERT(st == err.status && (st == MSE_OK || st == MSE_ERR_MALFORMED));
    MSE_ASSERT(st == MSE_OK || manifest.len == 0);
    for (size_t i = 0; i < manifest.len; i++) {
        MSE_ASSERT(manifest.data >= in.data && manifest.data + manifest.len <= in.data + in.len);
        uint8_t c = manifest.data[i];
        MSE_ASSERT((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'));
    }
}

static void check_tokens(struct mse_bytes in)
{
    static struct mse_serve_config c;
    struct mse_error err = { .status = MSE_OK };
    memset(&c, 0, sizeof c);
    mse_status st = mse_serve_tokens_parse(&c, in, &err);
    MSE_ASSERT(st == err.status && (st == MSE_OK || st == MSE_ERR_CONFIG));
}

static struct {
    struct mse_serve_store *store;
    char dir[32];
    char path[64];
} db;

static void remove_store(void)
{
    mse_serve_store_close(db.store);
    (void)unlink(db.path);
    (void)rmdir(db.dir);
}

static struct mse_serve_store *store(void)
{
    struct mse_error err = { .status = MSE_OK };
    if (db.store == NULL) {
        (void)snprintf(db.dir, sizeof db.dir, "/dev/shm/mse-fuzz-XXXXXX");
        MSE_ASSERT(mkdtemp(db.dir) != NULL);
        (void)snprintf(db.path, sizeof db.path, "%s/db", db.dir);
        MSE_ASSERT(mse_serve_store_open(&db.store, db.path, mse_intel_root_point(), &err) ==
                   MSE_OK);
        (void)atexit(remove_store);
    }
    return db.store;
}

static void check_import(struct mse_bytes in)
{
    struct mse_error err = { .status = MSE_OK };
    size_t num = 0;
    mse_status st = mse_serve_import(store(), &num, in, 1767225600, &err);
    MSE_ASSERT(num == 0 && (st == MSE_OK || (err.status == st && err.text[0] != '\0')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_import(mse_bytes_of(data, size));
    check_platform(mse_bytes_of(data, size));
    check_tokens(mse_bytes_of(data, size));
    return 0;
}
