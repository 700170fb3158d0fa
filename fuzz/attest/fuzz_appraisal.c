/* SPDX-License-Identifier: Apache-2.0 */
/* The whole appraisal, against a platform that is made at start-up. The first byte says what the
 * rest is: a quote of its own, or edits (16-bit offset, byte to exclusive-or) of one good input.
 * Nothing that was changed where it counts is ever accepted, and a verdict can always be printed.
 */
#include <mse/attest.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "sim/platform.h"

#define NOW ((mse_time)1767225600)

/* An appraisal costs thousands of times what a parser does: without an engine, whose feedback would
 * make use of more, a run ends its work after this many. */
#define MAX_WITHOUT_ENGINE 1500U
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));

enum part {
    PART_QUOTE,
    PART_TCB_INFO,
    PART_QE_IDENTITY,
    PART_PCK_CRL,
    PART_ROOT_CRL,
    PART_TCB_SIGNATURE,
    NUM_PARTS,
};

static struct {
    bool made;
    struct mse_build quote;
    struct mse_bytes root;
    struct mse_bytes json;
    struct mse_bundle bundle;
    struct mse_policy policy;
} good;

static struct mse_bytes read_file(const char *dir, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rbe");
    const size_t cap = (size_t)1 << 20;
    uint8_t *data = malloc(cap);
    if (f == NULL || data == NULL) {
        abort();
    }
    size_t len = fread(data, 1, cap, f);
    MSE_ASSERT(len > 0 && len < cap && fclose(f) == 0);
    return mse_bytes_of(data, len);
}

static void remove_folder(const char *dir)
{
    static const char *const files[] = {
        "root.pem",       "root_key.pem", "platform_ca.pem", "platform_ca_key.pem",
        "pck.pem",        "pck_key.pem",  "tcb_signing.pem", "tcb_signing_key.pem",
        "signer_key.pem", "signer.pem",   "fuse.key",        "collateral.json",
        "platform.json",
    };
    char path[256];
    for (size_t i = 0; i < MSE_ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void make_quote(const char *dir)
{
    struct mse_sim_platform *p = NULL;
    struct mse_sim_report r = { .mr_enclave = { 1 }, .mr_signer = { 2 }, .attr_flags = 5 };
    struct mse_reference *ref = &good.policy.references[0];
    mse_build_heap(&good.quote, 65536);
    MSE_ASSERT(mse_sim_load(&p, dir, NULL) == MSE_OK);
    MSE_ASSERT(mse_sim_quote(p, &good.quote, &r, NULL) == MSE_OK);
    mse_sim_free(p);
    ref->has_mr_enclave = true;
    ref->mr_enclave[0] = 1;
    good.policy.num_references = 1;
}

static void make_platform(void)
{
    char base[] = "/tmp/mse-fuzz-XXXXXX";
    char dir[64];
    struct mse_sim_options o = { .now = NOW };
    MSE_ASSERT(mkdtemp(base) != NULL);
    (void)snprintf(dir, sizeof dir, "%s/sim", base);
    MSE_ASSERT(mse_sim_init(dir, &o, NULL) == MSE_OK);
    mse_policy_default(&good.policy);
    make_quote(dir);
    struct mse_bytes root = read_file(dir, "root.pem");
    good.policy.allow_simulation = true;
    MSE_ASSERT(mse_simulation_root_of_pem(good.policy.simulation_root, root, NULL) == MSE_OK);
    /* What was read stays for the life of the process, as the rest of good does. */
    good.root = root;
    good.json = read_file(dir, "collateral.json");
    uint8_t *scratch = malloc(2 * good.json.len);
    MSE_ASSERT(scratch != NULL);
    MSE_ASSERT(mse_bundle_parse(&good.bundle, scratch, 2 * good.json.len, good.json, NULL) ==
               MSE_OK);
    remove_folder(dir);
    (void)rmdir(base);
    good.made = true;
}

static bool appraise(struct mse_bytes quote, const struct mse_collateral *c)
{
    static struct mse_verdict v;
    static char text[65536];
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_appraise_sgx(&v, quote, c, &good.policy, NOW, &err);
    MSE_ASSERT(v.status == st && err.status == st && v.accepted == (st == MSE_OK));
    MSE_ASSERT(v.num_checks > 0 && v.num_checks <= MSE_MAX_CHECKS);
    MSE_ASSERT(mse_verdict_to_json(text, sizeof text, &v) == MSE_OK);
    MSE_ASSERT(mse_verdict_to_text(text, sizeof text, &v) == MSE_OK);
    return v.accepted;
}

static struct mse_bytes *part_of(struct mse_bytes *quote, struct mse_collateral *c, enum part part)
{
    struct mse_bytes *const parts[NUM_PARTS] = {
        [PART_QUOTE] = quote,
        [PART_TCB_INFO] = &c->tcb_info,
        [PART_QE_IDENTITY] = &c->qe_identity,
        [PART_PCK_CRL] = &c->pck_crl,
        [PART_ROOT_CRL] = &c->root_ca_crl,
        [PART_TCB_SIGNATURE] = &c->tcb_info_signature,
    };
    return parts[part];
}

/* How much of a part is bound by signatures: all of it, but in a quote the text of the chain may
 * end in a NUL or in a line end. */
static size_t bound_len(enum part part, struct mse_bytes b)
{
    static const char begin[] = "-----BEGIN";
    return part == PART_QUOTE ? mse_bytes_find(b, mse_bytes_str(begin)) : b.len;
}

static void judge_edits(enum part part, struct mse_bytes edits)
{
    static uint8_t copy[1 << 20];
    struct mse_bytes quote = mse_build_view(&good.quote);
    struct mse_collateral c = good.bundle.collateral;
    struct mse_bytes *slot = part_of(&quote, &c, part);
    struct mse_bytes original = *slot;
    struct mse_bytes rest = original;
    MSE_ASSERT(original.len <= sizeof copy && mse_rd_copy(&rest, copy, original.len));
    uint16_t at = 0;
    uint8_t mask = 0;
    while (mse_rd_u16le(&edits, &at) && mse_rd_u8(&edits, &mask)) {
        copy[at % original.len] ^= mask;
    }
    *slot = mse_bytes_of(copy, original.len);
    bool accepted = appraise(quote, &c);
    size_t bound = bound_len(part, original);
    MSE_ASSERT(bound <= original.len);
    MSE_ASSERT(!accepted || mse_mem_equal(copy, original.data, bound));
    MSE_ASSERT(accepted || !mse_mem_equal(copy, original.data, original.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t num_done;
    struct mse_bytes in = mse_bytes_of(data, size);
    uint8_t mode = 0;
    if (LLVMFuzzerMutate == NULL && num_done++ >= MAX_WITHOUT_ENGINE) {
        return 0;
    }
    if (!good.made) {
        make_platform();
    }
    if (!mse_rd_u8(&in, &mode)) {
        return 0;
    }
    if (mode % (NUM_PARTS + 1) == NUM_PARTS) {
        MSE_ASSERT(!appraise(in, &good.bundle.collateral));
        return 0;
    }
    judge_edits((enum part)(mode % (NUM_PARTS + 1)), in);
    return 0;
}
