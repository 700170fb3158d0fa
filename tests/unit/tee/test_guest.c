/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers of TDX and SEV-SNP guests against a file system that behaves as Linux' does, over
 * evidence of made-up vendors: from the launch through the quote and the certificate to the
 * verdict. */
#include "lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "attest/snp_world.h"
#include "attest/world.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/tsm_tree.h"
#include "ratls/identity.h"
#include "tee/driver.h"
#include "tee/tsm.h"

#define MANIFEST "{\"version\":1}"

struct guest {
    struct world *tdx;
    struct snp_world *snp;
    struct tsm_knobs knobs;
    struct tsm_tree *tree; /* NULL: no FUSE here */
    struct mse_build table;
    bool other_data;    /* the kernel answers with another report */
    bool other_machine; /* of another machine */
};

static struct mse_verdict verdict;

/* ---- the kernel's side ---- */

static int tdx_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct guest *g = arg;
    struct world *w = g->tdx;
    memcpy(w->td.report_data, report_data, 64);
    w->td.report_data[9] ^= g->other_data ? 1 : 0;
    w->td.mr_td[3] ^= g->other_machine ? 1 : 0;
    memcpy(w->td.rtmr[3], g->knobs.rtmr3, 48);
    world_make(w);
    w->td.mr_td[3] ^= g->other_machine ? 1 : 0;
    mse_wr_bytes(out, mse_build_view(&w->quote));
    return 0;
}

static int snp_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    struct guest *g = arg;
    memcpy(g->snp->report_data, report_data, 64);
    g->snp->report_data[9] ^= g->other_data ? 1 : 0;
    g->snp->host_data[3] ^= g->other_machine ? 1 : 0;
    snp_make(g->snp);
    g->snp->host_data[3] ^= g->other_machine ? 1 : 0;
    mse_wr_copy(out, g->snp->report, sizeof g->snp->report);
    return 0;
}

static int broken_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    (void)arg;
    mse_wr_copy(out, report_data, 64);
    return 0;
}

static const uint8_t vcek_guid[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                                       0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
static const uint8_t vlek_guid[16] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e,
                                       0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 };
static const uint8_t ask_guid[16] = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4,
                                      0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 };
static const uint8_t ark_guid[16] = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52,
                                      0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae };

static void entry(struct mse_build *b, const uint8_t guid[16], size_t offset, size_t len)
{
    mse_wr_copy(b, guid, 16);
    mse_wr_u32le(b, (uint32_t)offset);
    mse_wr_u32le(b, (uint32_t)len);
}

/* As hosts hand it over: in no order that would help. */
static void make_table(struct guest *g)
{
    const struct mse_build *ark = &g->snp->der[SNP_ARK];
    const struct mse_build *ask = &g->snp->der[SNP_ASK];
    const struct mse_build *vcek = &g->snp->der[SNP_VCEK];
    size_t at = 4 * (size_t)24;
    mse_build_reset(&g->table);
    entry(&g->table, ark_guid, at, ark->len);
    entry(&g->table, vcek_guid, at + ark->len, vcek->len);
    entry(&g->table, ask_guid, at + ark->len + vcek->len, ask->len);
    mse_wr_zeros(&g->table, 24);
    mse_wr_bytes(&g->table, mse_build_view(ark));
    mse_wr_bytes(&g->table, mse_build_view(vcek));
    mse_wr_bytes(&g->table, mse_build_view(ask));
    g->knobs.aux = mse_build_view(&g->table);
}

/* ---- fixtures ---- */

static int setup(void **state)
{
    struct guest *g = calloc(1, sizeof *g);
    void *part = NULL;
    assert_non_null(g);
    (void)world_setup(&part);
    g->tdx = part;
    (void)snp_setup(&part);
    g->snp = part;
    mse_build_heap(&g->table, 65536);
    g->tree = tsm_tree_start(&g->knobs);
    if (g->tree == NULL) {
        print_message("# no FUSE on this machine: the tests of drivers are skipped\n");
    }
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    struct guest *g = *state;
    void *part = g->tdx;
    if (g->tree != NULL) {
        tsm_tree_stop(g->tree);
    }
    (void)world_teardown(&part);
    part = g->snp;
    (void)snp_teardown(&part);
    mse_build_clear(&g->table);
    free(g);
    return 0;
}

static int defaults_tdx(void **state)
{
    struct guest *g = *state;
    void *part = g->tdx;
    (void)world_defaults_tdx(&part);
    g->other_data = g->other_machine = false;
    g->knobs = (struct tsm_knobs) { .provider = MSE_TSM_TDX, .report = tdx_report, .arg = g };
    return mse_sha384(g->tdx->td.mr_config_id, mse_bytes_str(MANIFEST)) == MSE_OK ? 0 : -1;
}

static int defaults_snp(void **state)
{
    struct guest *g = *state;
    void *part = g->snp;
    (void)snp_defaults(&part);
    g->other_data = g->other_machine = false;
    g->knobs = (struct tsm_knobs) { .provider = MSE_TSM_SNP, .report = snp_report, .arg = g };
    return mse_sha256(g->snp->host_data, mse_bytes_str(MANIFEST)) == MSE_OK ? 0 : -1;
}

static struct mse_tee *open_driver(const struct guest *g, const struct mse_tee_ops *ops)
{
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    mse_status st = ops->open(&t, tsm_tree_open(g->tree), &err);
    if (st != MSE_OK) {
        print_message("# %s\n", err.text);
    }
    assert_status(st, MSE_OK);
    return t;
}

#define NEED_FUSE(g)                                                                               \
    do {                                                                                           \
        if ((g)->tree == NULL) {                                                                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* ---- from launch to verdict ---- */

struct source {
    const struct mse_tee_ops *ops;
    struct mse_tee *t;
};

static mse_status quote_fn(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                           const uint8_t report_data[64], struct mse_error *err)
{
    const struct source *s = arg;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_status st = s->ops->quote(s->t, &b, report_data, err);
    *out_len = st == MSE_OK ? b.len : 0;
    return st;
}

static void issue(struct mse_build *cert, const struct mse_tee_ops *ops, struct mse_tee *t,
                  mse_time now)
{
    struct source s = { ops, t };
    struct mse_privkey *key = NULL;
    uint8_t manifest[32];
    struct mse_ratls_identity_params p = { .quote = quote_fn,
                                           .quote_arg = &s,
                                           .name = "app.example.org",
                                           .not_before = now - 60,
                                           .not_after = now + 3600,
                                           .manifest = { manifest, 32 } };
    assert_status(mse_sha256(manifest, mse_bytes_str(MANIFEST)), MSE_OK);
    assert_status(mse_privkey_generate_p256(&key), MSE_OK);
    mse_build_heap(cert, 65536);
    assert_status(mse_ratls_issue(cert, key, &p, NULL), MSE_OK);
    mse_privkey_free(key);
}

/* One line on standard output, which is another for that moment. */
static void says_event(struct mse_tee *t, const struct mse_tee_ops *ops)
{
    char seen[128] = "";
    int ends[2] = { -1, -1 };
    (void)fflush(stdout);
    int own = dup(STDOUT_FILENO);
    assert_true(own >= 0 && pipe(ends) == 0 && dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
    ops->event(t, MSE_TEE_EVENT_FAILED, "no\nroom");
    ops->event(t, MSE_TEE_EVENT_READY, NULL);
    assert_true(dup2(own, STDOUT_FILENO) == STDOUT_FILENO && close(ends[1]) == 0 &&
                close(own) == 0);
    assert_true(read(ends[0], seen, sizeof seen - 1) > 0);
    assert_int_equal(close(ends[0]), 0);
    assert_string_equal(seen, "mse-event 4 no?room\nmse-event 2 \n");
}

static void tdx_to_verdict(void **state)
{
    struct guest *g = *state;
    struct mse_build cert;
    enum mse_ratls_binding binding = MSE_BINDING_NONE;
    NEED_FUSE(g);
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    issue(&cert, &mse_tee_tdx, t, g->tdx->at);
    assert_status(mse_tdx_fingerprint(g->tdx->policy.references[0].fingerprint, &g->tdx->td),
                  MSE_OK);
    assert_status(mse_ratls_appraise(&verdict, NULL, &binding, mse_build_view(&cert),
                                     "app.example.org", &g->tdx->collateral, &g->tdx->policy,
                                     g->tdx->at, NULL),
                  MSE_OK);
    assert_int_equal(binding, MSE_BINDING_CLAIMS);
    assert_int_equal(verdict.tee, MSE_TEE_TDX);
    says_event(t, &mse_tee_tdx);
    mse_tee_tdx.close(t);
    mse_build_clear(&cert);
    assert_int_equal(g->knobs.made, g->knobs.removed);
    assert_int_equal(g->knobs.short_writes, 0);
}

/* The chip's certificate comes out of the host's table, without any collateral but a CRL. */
static void snp_judged(struct guest *g)
{
    struct mse_build cert;
    enum mse_ratls_binding binding = MSE_BINDING_NONE;
    snp_make(g->snp);
    make_table(g);
    struct mse_tee *t = open_driver(g, &mse_tee_snp);
    assert_status(mse_tee_snp.check_manifest(t, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    issue(&cert, &mse_tee_snp, t, g->snp->at);
    struct mse_collateral crl_only = { .vcek_crl = g->snp->collateral.vcek_crl };
    assert_status(mse_ratls_appraise(&verdict, NULL, &binding, mse_build_view(&cert),
                                     "app.example.org", &crl_only, &g->snp->policy, g->snp->at,
                                     NULL),
                  MSE_OK);
    assert_int_equal(binding, MSE_BINDING_CLAIMS);
    assert_int_equal(verdict.tee, MSE_TEE_SNP);
    says_event(t, &mse_tee_snp);
    mse_tee_snp.close(t);
    mse_build_clear(&cert);
    assert_int_equal(g->knobs.made, g->knobs.removed);
}

static void snp_to_verdict(void **state)
{
    struct guest *g = *state;
    NEED_FUSE(g);
    snp_judged(g);
    assert_true(g->knobs.made > 0 && g->knobs.requests == 0);
}

/* The same on a kernel before 6.7, which has the device alone. */
static void snp_by_device(void **state)
{
    struct guest *g = *state;
    NEED_FUSE(g);
    g->knobs.no_reports = true;
    snp_judged(g);
    assert_true(g->knobs.made == 0 && g->knobs.requests > 0);
}

/* ---- SEV-SNP's own device ---- */

static mse_status device_quote(struct guest *g, struct mse_tee *t, size_t *len)
{
    static const uint8_t data[64] = { 7 };
    struct mse_build out;
    struct mse_error err = { 0 };
    mse_build_heap(&out, 65536);
    mse_status st = mse_tee_snp.quote(t, &out, data, &err);
    *len = out.len;
    assert_status(err.status, st);
    assert_int_equal(g->knobs.error_times, 0);
    mse_build_clear(&out);
    return st;
}

/* Each way in which kernel, firmware and host refuse a report. */
static void device_errors(void **state)
{
    static const struct {
        int error;
        uint32_t firmware_error;
        uint32_t host_error;
        mse_status wanted;
    } cases[] = {
        { EIO, 0, 0, MSE_ERR_IO },
        { EIO, 0x16, 0, MSE_ERR_PROTOCOL },
        { EIO, 0, 2, MSE_ERR_TIMEOUT },
        { EAGAIN, 0, 0, MSE_ERR_TIMEOUT },
        { ENOTTY, 0, 0, MSE_ERR_UNSUPPORTED },
        { ENODEV, 0, 0, MSE_ERR_UNSUPPORTED },
        { EINTR, 0, 0, MSE_OK },
        { EIO, 0, 1, MSE_OK }, /* more certificates than there is room: the report alone */
    };
    struct guest *g = *state;
    size_t len = 0;
    NEED_FUSE(g);
    g->knobs.no_reports = true;
    struct mse_tee *t = open_driver(g, &mse_tee_snp);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        g->knobs.error = cases[i].error;
        g->knobs.firmware_error = cases[i].firmware_error;
        g->knobs.host_error = cases[i].host_error;
        g->knobs.error_times = 1;
        assert_status(device_quote(g, t, &len), cases[i].wanted);
        assert_int_equal(len, cases[i].wanted == MSE_OK ? MSE_SNP_REPORT_LEN : 0);
    }
    g->knobs.status = 0x16;
    assert_status(device_quote(g, t, &len), MSE_ERR_PROTOCOL);
    g->knobs.status = 0;
    g->knobs.report = broken_report;
    assert_status(device_quote(g, t, &len), MSE_ERR_PROTOCOL);
    mse_tee_snp.close(t);
    t = NULL;
    g->knobs.report = snp_report;
    g->knobs.no_device = true;
    assert_status(mse_tee_snp.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_UNSUPPORTED);
    g->knobs.no_device = false;
    assert_status(mse_tee_tdx.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_UNSUPPORTED);
    assert_null(t);
}

/* What goes into the key that files are sealed with: VCEK, policy, measurement, committed TCB. */
static void sealing(void **state)
{
    struct guest *g = *state;
    uint8_t request[32] = { 0 };
    uint8_t wanted[32];
    uint8_t key[32] = { 0 };
    uint8_t version[MSE_TEE_VERSION_LEN];
    NEED_FUSE(g);
    g->knobs.committed = g->snp->committed_tcb;
    g->knobs.chip[5] = 9;
    struct mse_tee *t = open_driver(g, &mse_tee_snp);
    struct mse_snp_report seen;
    assert_status(
        mse_snp_report_parse(&seen, mse_bytes_of(g->snp->report, MSE_SNP_REPORT_LEN), NULL),
        MSE_OK);
    request[8] = 0x29;
    request[16] = (uint8_t)seen.vmpl;
    memcpy(request + 24, seen.committed_tcb, 8);
    const struct mse_bytes parts[] = { mse_bytes_of(g->knobs.chip, 32), mse_bytes_of(request, 32) };
    assert_status(mse_sha256_parts(wanted, parts, 2), MSE_OK);
    mse_tee_snp.seal_version(t, version);
    assert_memory_equal(version, seen.committed_tcb, 8);
    assert_true(mse_mem_is_zero(version + 8, 8));
    for (int i = 0; i < 2; i++) {
        assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_OK);
        assert_memory_equal(key, wanted, sizeof key);
    }
    memset(key, 0, sizeof key);
    g->knobs.status = 0x16;
    assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_ERR_PROTOCOL);
    g->knobs.status = 0;
    g->knobs.error = EIO;
    g->knobs.firmware_error = 0x16;
    g->knobs.error_times = 1;
    assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_ERR_PROTOCOL);
    assert_true(mse_mem_is_zero(key, sizeof key));
    mse_tee_snp.close(t);
    g->knobs.no_device = true;
    t = open_driver(g, &mse_tee_snp);
    assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_ERR_UNSUPPORTED);
    mse_tee_snp.close(t);
    assert_null(mse_tee_tdx.seal_key);
}

/* A key of an older TCB is another one; of a newer one there is none, whatever number is newer, and
 * the firmware would not give it. */
static void other_versions(void **state)
{
    struct guest *g = *state;
    uint8_t key[32] = { 0 };
    uint8_t older[32] = { 0 };
    uint8_t version[MSE_TEE_VERSION_LEN];
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    g->knobs.committed = g->snp->committed_tcb;
    struct mse_tee *t = open_driver(g, &mse_tee_snp);
    mse_tee_snp.seal_version(t, version);
    assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_OK);
    version[7]--;
    assert_status(mse_tee_snp.seal_key(t, older, version, NULL), MSE_OK);
    assert_memory_not_equal(key, older, sizeof key);
    unsigned asked = g->knobs.requests;
    mse_tee_snp.seal_version(t, version);
    for (size_t i = 0; i < sizeof version; i++) {
        version[i]++;
        if (i > 0) {
            version[0]--; /* older in one number does not make up for it */
        }
        assert_status(mse_tee_snp.seal_key(t, key, version, &err), MSE_ERR_STATE_FOREIGN);
        assert_non_null(strstr(err.text, "has committed to 04000000000018db only"));
        mse_tee_snp.seal_version(t, version);
    }
    assert_int_equal(g->knobs.requests, asked);
    /* What the driver did not see of it, the firmware does. */
    g->snp->committed_tcb[7]--;
    assert_status(mse_tee_snp.seal_key(t, key, version, NULL), MSE_ERR_PROTOCOL);
    mse_tee_snp.close(t);
}

/* ---- what real machines made ---- */

struct recorded {
    struct mse_bytes report;
    size_t data_at; /* its report data */
};

/* The machine that it was made on, whatever it is asked; over its own data it is what it was. */
static int recorded_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    const struct recorded *r = arg;
    mse_wr_copy(out, r->report.data, r->data_at);
    mse_wr_copy(out, report_data, 64);
    mse_wr_copy(out, r->report.data + r->data_at + 64, r->report.len - r->data_at - 64);
    return 0;
}

/* A report that is over its own data comes out byte for byte. */
static void replay(struct guest *g, const struct mse_tee_ops *ops, const char *name, size_t data_at)
{
    const char *root = test_vectors();
    char path[1024];
    struct mse_build out;
    NEED_FUSE(g);
    if (root == NULL) {
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    struct recorded r = { test_read_file(path), data_at };
    if (r.report.data == NULL) {
        skip();
    }
    assert_true(r.report.len > data_at + 64);
    g->knobs.report = recorded_report;
    g->knobs.arg = &r;
    struct mse_tee *t = open_driver(g, ops);
    mse_build_heap(&out, MSE_TSM_MAX_REPORT);
    assert_status(ops->quote(t, &out, r.report.data + data_at, NULL), MSE_OK);
    assert_bytes(mse_build_view(&out), r.report);
    ops->close(t);
    mse_build_clear(&out);
    free((void *)(uintptr_t)r.report.data);
}

static void replayed_quote(void **state)
{
    replay(*state, &mse_tee_tdx, "tdx-quote/v4-automata-sample-quotes-f8f8/quote.bin", 48 + 520);
}

static void replayed_report(void **state)
{
    replay(*state, &mse_tee_snp, "snp-report/v2-milan-vcek-google-attestation-377e/report.bin",
           0x50);
}

/* ---- the manifest that was measured ---- */

static void other_manifests(void **state)
{
    struct guest *g = *state;
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str("{}"), &err),
                  MSE_ERR_MANIFEST_MISMATCH);
    assert_non_null(strstr(err.text, "MRCONFIGID is "));
    mse_tee_tdx.close(t);
}

static void other_host_data(void **state)
{
    struct guest *g = *state;
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    struct mse_tee *t = open_driver(g, &mse_tee_snp);
    assert_status(mse_tee_snp.check_manifest(t, mse_bytes_str("{}"), &err),
                  MSE_ERR_MANIFEST_MISMATCH);
    assert_non_null(strstr(err.text, "HOST_DATA is "));
    mse_tee_snp.close(t);
}

/* Without MRCONFIGID the manifest goes into RTMR3, once: a second run finds it, another manifest
 * does not pass any more. */
static void runtime_register(void **state)
{
    struct guest *g = *state;
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    memset(g->tdx->td.mr_config_id, 0, 48);
    for (int run = 0; run < 2; run++) {
        struct mse_tee *t = open_driver(g, &mse_tee_tdx);
        assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str(MANIFEST), NULL), MSE_OK);
        uint8_t chain[96] = { 0 };
        uint8_t wanted[48];
        assert_status(mse_sha384(chain + 48, mse_bytes_str(MANIFEST)), MSE_OK);
        assert_status(mse_sha384(wanted, mse_bytes_of(chain, sizeof chain)), MSE_OK);
        assert_memory_equal(g->knobs.rtmr3, wanted, 48);
        mse_tee_tdx.close(t);
    }
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str("{}"), &err),
                  MSE_ERR_MANIFEST_MISMATCH);
    assert_non_null(strstr(err.text, "RTMR3 is "));
    mse_tee_tdx.close(t);
}

/* What RTMR3 a quote shows before it was appraised is the host's word: with one that was invented
 * for another manifest, the machine gives away no genuine quote, which would show the first. */
static void an_invented_register(void **state)
{
    struct guest *g = *state;
    static const uint8_t data[64] = { 7 };
    uint8_t chain[96] = { 0 };
    uint8_t genuine[48];
    struct mse_build out;
    NEED_FUSE(g);
    mse_build_heap(&out, 65536);
    memset(g->tdx->td.mr_config_id, 0, 48);
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str(MANIFEST), NULL), MSE_OK);
    assert_status(mse_tee_tdx.quote(t, &out, data, NULL), MSE_OK);
    mse_build_reset(&out);
    mse_tee_tdx.close(t);
    memcpy(genuine, g->knobs.rtmr3, sizeof genuine);
    assert_status(mse_sha384(chain + 48, mse_bytes_str("{}")), MSE_OK);
    assert_status(mse_sha384(g->knobs.rtmr3, mse_bytes_of(chain, sizeof chain)), MSE_OK);
    t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str("{}"), NULL), MSE_OK);
    memcpy(g->knobs.rtmr3, genuine, sizeof genuine);
    assert_status(mse_tee_tdx.quote(t, &out, data, NULL), MSE_ERR_PROTOCOL);
    assert_int_equal(out.len, 0);
    mse_tee_tdx.close(t);
    mse_build_clear(&out);
}

static void no_registers(void **state)
{
    struct guest *g = *state;
    NEED_FUSE(g);
    memset(g->tdx->td.mr_config_id, 0, 48);
    g->knobs.no_registers = true;
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    assert_status(mse_tee_tdx.check_manifest(t, mse_bytes_str(MANIFEST), NULL),
                  MSE_ERR_UNSUPPORTED);
    mse_tee_tdx.close(t);
}

/* ---- the host and the kernel against us ---- */

static void foreign_reports(void **state)
{
    struct guest *g = *state;
    static const uint8_t data[64] = { 7 };
    const struct mse_tee_ops *ops =
        strcmp(g->knobs.provider, MSE_TSM_TDX) == 0 ? &mse_tee_tdx : &mse_tee_snp;
    struct mse_build out;
    NEED_FUSE(g);
    mse_build_heap(&out, 65536);
    struct mse_tee *t = open_driver(g, ops);
    g->other_data = true;
    assert_status(ops->quote(t, &out, data, NULL), MSE_ERR_PROTOCOL);
    g->other_data = false;
    g->other_machine = true;
    assert_status(ops->quote(t, &out, data, NULL), MSE_ERR_PROTOCOL);
    assert_int_equal(out.len, 0);
    g->other_machine = false;
    mse_build_clear(&out);
    mse_build_heap(&out, 100);
    assert_status(ops->quote(t, &out, data, NULL), MSE_ERR_NO_SPACE);
    mse_build_clear(&out);
    ops->close(t);
    ops->close(NULL);
}

static void refused_at_once(void **state)
{
    struct guest *g = *state;
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    assert_status(mse_tee_snp.open(&t, tsm_tree_open(g->tree), &err), MSE_ERR_UNSUPPORTED);
    assert_string_equal(err.text, "this machine's TEE is tdx_guest, wanted sev_guest");
    g->knobs.report = broken_report;
    assert_status(mse_tee_tdx.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_UNSUPPORTED_VERSION);
    g->knobs.provider = NULL;
    assert_status(mse_tee_tdx.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_UNSUPPORTED);
    assert_null(t);
}

/* A system that has no such folder. */
static void no_folder(void **state)
{
    (void)state;
    struct mse_tee *t = NULL;
    struct mse_error err = { 0 };
    char *dir = test_tmpdir();
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_status(mse_tee_tdx.open(&t, fd, &err), MSE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "wanted Linux 6.7"));
    test_tmpdir_remove(dir);
}

/* Each error that the kernel documents; those of a busy platform are waited out. */
static void kernel_errors(void **state)
{
    static const struct {
        int error;
        unsigned times;
        mse_status wanted;
    } cases[] = {
        { EBUSY, 2, MSE_OK },
        { EWOULDBLOCK, 1, MSE_OK },
        { EINTR, 1, MSE_OK },
        { ETIMEDOUT, 1, MSE_ERR_TIMEOUT },
        { EINVAL, 1, MSE_ERR_IO },
        { EIO, 1, MSE_ERR_IO },
        { ENXIO, 1, MSE_ERR_UNSUPPORTED },
        { ENOTTY, 1, MSE_ERR_UNSUPPORTED },
    };
    struct guest *g = *state;
    static const uint8_t data[64] = { 7 };
    NEED_FUSE(g);
    struct mse_tee *t = open_driver(g, &mse_tee_tdx);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_build out;
        mse_build_heap(&out, 65536);
        g->knobs.error = cases[i].error;
        g->knobs.error_times = cases[i].times;
        assert_status(mse_tee_tdx.quote(t, &out, data, NULL), cases[i].wanted);
        assert_int_equal(g->knobs.error_times, 0);
        assert_int_equal(g->knobs.made, g->knobs.removed);
        mse_build_clear(&out);
    }
    mse_tee_tdx.close(t);
}

static void somebody_writes(void **state)
{
    struct guest *g = *state;
    static const uint8_t data[64] = { 7 };
    struct mse_tsm_reply r;
    struct mse_error err = { 0 };
    NEED_FUSE(g);
    int root = tsm_tree_open(g->tree);
    int dir = openat(root, "sys/kernel/config/tsm/report", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g->knobs.meddler = true;
    assert_status(mse_tsm_ask(&r, dir, data, &err), MSE_ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "somebody else wrote"));
    g->knobs.meddler = false;
    assert_status(mse_tsm_ask(&r, dir, data, NULL), MSE_OK);
    assert_string_equal(r.provider, MSE_TSM_TDX);
    assert_int_equal(r.extra.len, 0);
    mse_tsm_clear(&r);
    assert_int_equal(g->knobs.made, g->knobs.removed);
    (void)close(dir);
    (void)close(root);
}

static int huge_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    (void)arg;
    (void)report_data;
    mse_wr_zeros(out, MSE_TSM_MAX_REPORT + 1);
    return 0;
}

static int empty_report(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    (void)arg;
    (void)out;
    (void)report_data;
    return 0;
}

static void odd_reports(void **state)
{
    struct guest *g = *state;
    struct mse_tee *t = NULL;
    NEED_FUSE(g);
    g->knobs.report = huge_report;
    assert_status(mse_tee_tdx.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_PROTOCOL);
    g->knobs.report = empty_report;
    assert_status(mse_tee_tdx.open(&t, tsm_tree_open(g->tree), NULL), MSE_ERR_PROTOCOL);
}

/* ---- the host's certificates ---- */

static mse_status cut(struct mse_build *table, struct mse_build *out)
{
    mse_build_reset(out);
    return mse_tsm_certificates(out, mse_build_view(table), NULL);
}

static void tables(void **state)
{
    (void)state;
    struct mse_build table;
    struct mse_build out;
    const struct mse_bytes none = { 0 };
    mse_build_heap(&table, 4096);
    mse_build_heap(&out, 4096);
    assert_status(mse_tsm_certificates(&out, none, NULL), MSE_OK);
    assert_int_equal(out.len, 0);
    /* VLEK stands in for VCEK; one that we do not know is passed over. */
    static const uint8_t unknown[16] = { 1 };
    entry(&table, unknown, 0, 3);
    entry(&table, ask_guid, 96, 2);
    entry(&table, vlek_guid, 98, 3);
    mse_wr_zeros(&table, 24);
    mse_wr_str(&table, "SKLEV");
    assert_status(cut(&table, &out), MSE_OK);
    assert_bytes(mse_build_view(&out), mse_bytes_str("LEVSK"));
    /* Cut at each byte: never read past, and refused as long as an entry or the end is missing. */
    for (size_t len = 1; len < 96; len++) {
        struct mse_bytes part = mse_bytes_of(table.data, len);
        mse_build_reset(&out);
        assert_status(mse_tsm_certificates(&out, part, NULL), MSE_ERR_MALFORMED);
        assert_int_equal(out.len, 0);
    }
    /* Without a leaf nothing. */
    mse_build_reset(&table);
    entry(&table, ask_guid, 0, 2);
    mse_wr_zeros(&table, 24);
    assert_status(cut(&table, &out), MSE_OK);
    assert_int_equal(out.len, 0);
    static const struct {
        uint32_t offset;
        uint32_t len;
    } outside[] = {
        { 0, 0 }, { 48, 1 }, { 0, 49 }, { 49, 0 }, { UINT32_MAX, 2 }, { 2, UINT32_MAX }
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(outside); i++) {
        mse_build_reset(&table);
        entry(&table, vcek_guid, outside[i].offset, outside[i].len);
        mse_wr_zeros(&table, 24);
        assert_status(cut(&table, &out), MSE_ERR_MALFORMED);
    }
    mse_build_reset(&table);
    entry(&table, vcek_guid, 0, 1);
    entry(&table, vcek_guid, 1, 1);
    mse_wr_zeros(&table, 24);
    assert_status(cut(&table, &out), MSE_ERR_MALFORMED);
    mse_build_clear(&table);
    mse_build_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tdx_to_verdict, defaults_tdx),
        cmocka_unit_test_setup(snp_to_verdict, defaults_snp),
        cmocka_unit_test_setup(snp_by_device, defaults_snp),
        cmocka_unit_test_setup(replayed_quote, defaults_tdx),
        cmocka_unit_test_setup(replayed_report, defaults_snp),
        cmocka_unit_test_setup(device_errors, defaults_snp),
        cmocka_unit_test_setup(sealing, defaults_snp),
        cmocka_unit_test_setup(other_versions, defaults_snp),
        cmocka_unit_test_setup(other_manifests, defaults_tdx),
        cmocka_unit_test_setup(other_host_data, defaults_snp),
        cmocka_unit_test_setup(runtime_register, defaults_tdx),
        cmocka_unit_test_setup(an_invented_register, defaults_tdx),
        cmocka_unit_test_setup(no_registers, defaults_tdx),
        cmocka_unit_test_setup(foreign_reports, defaults_tdx),
        cmocka_unit_test_setup(foreign_reports, defaults_snp),
        cmocka_unit_test_setup(refused_at_once, defaults_tdx),
        cmocka_unit_test(no_folder),
        cmocka_unit_test_setup(kernel_errors, defaults_tdx),
        cmocka_unit_test_setup(somebody_writes, defaults_tdx),
        cmocka_unit_test_setup(odd_reports, defaults_tdx),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
