/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include "lib/refusal.h"
#include "lib/testlib.h"

#include "lib/both.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char *const names[WORLD_NUM_CERTS] = { "Test Root CA", "Test PCK Platform CA",
                                                    "Test PCK Certificate", "Test TCB Signing" };

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->now = WORLD_NOW;
    for (size_t i = 0; i < WORLD_NUM_KEYS; i++) {
        assert_status(mse_privkey_generate_p256(&w->keys[i]), MSE_OK);
    }
    for (size_t i = 0; i < WORLD_NUM_CERTS; i++) {
        mse_build_heap(&w->der[i], MSE_SIM_MAX_DER);
    }
    mse_build_heap(&w->chain_pem, 65536);
    mse_build_heap(&w->signing_pem, 65536);
    mse_build_heap(&w->pck_crl_der, 65536);
    mse_build_heap(&w->root_crl_der, 65536);
    mse_build_heap(&w->tcb_body, 65536);
    mse_build_heap(&w->qe_body, 65536);
    mse_build_heap(&w->quote, 65536);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < WORLD_NUM_KEYS; i++) {
        mse_privkey_free(w->keys[i]);
    }
    for (size_t i = 0; i < WORLD_NUM_CERTS; i++) {
        mse_build_clear(&w->der[i]);
    }
    mse_build_clear(&w->chain_pem);
    mse_build_clear(&w->signing_pem);
    mse_build_clear(&w->pck_crl_der);
    mse_build_clear(&w->root_crl_der);
    mse_build_clear(&w->tcb_body);
    mse_build_clear(&w->qe_body);
    mse_build_clear(&w->quote);
    free(w);
    return 0;
}

static void default_certs(struct world *w)
{
    static const enum world_cert issuer[] = { WORLD_ROOT, WORLD_ROOT, WORLD_CA, WORLD_ROOT };
    static const int path_len[] = { 1, 0, MSE_SIM_NOT_A_CA, MSE_SIM_NOT_A_CA };
    for (size_t i = 0; i < WORLD_NUM_CERTS; i++) {
        struct mse_sim_cert c = { .subject_cn = names[i],
                                  .issuer_cn = names[issuer[i]],
                                  .key = w->keys[i],
                                  .issuer_key = w->keys[issuer[i]],
                                  .not_before = w->now - 400 * WORLD_DAY,
                                  .not_after = w->now + 400 * WORLD_DAY,
                                  .path_len = path_len[i],
                                  .crl_url = "https://crl.example/" };
        w->certs[i] = c;
    }
}

static void default_reports(struct world *w)
{
    struct mse_sgx_report body = { .mr_enclave = { 0x11 },
                                   .mr_signer = { 0x22 },
                                   .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT,
                                   .attr_xfrm = 3,
                                   .config_id = { 0x33 },
                                   .isv_prod_id = 7,
                                   .isv_svn = 5,
                                   .report_data = { 0x44 } };
    struct mse_sgx_report qe = {
        .attr_flags = 0x11, .attr_xfrm = 3, .mr_signer = { 0x55 }, .isv_prod_id = 1, .isv_svn = 8
    };
    w->body = body;
    w->qe = qe;
}

static void default_policy(struct world *w)
{
    struct mse_reference r = { .has_mr_enclave = true, .has_mr_signer = true };
    mse_policy_default(&w->policy);
    w->policy.allow_simulation = true;
    assert_status(mse_privkey_point(w->keys[WORLD_KEY_ROOT], w->policy.simulation_root), MSE_OK);
    r.mr_enclave[0] = 0x11;
    r.mr_signer[0] = 0x22;
    w->policy.references[0] = r;
    w->policy.num_references = 1;
}

int world_defaults(void **state)
{
    struct world *w = *state;
    static const struct world_edit none;
    struct mse_pck_ext ext = { .ppid = { 0x66, 1 },
                               .comp_svn = { 4, 4, 4, 4, 4, 4, 4, 4 },
                               .pce_svn = 11,
                               .fmspc = { 0x00, 0x60, 0x6a, 0, 0, 1 },
                               .has_platform_instance_id = true,
                               .platform_instance_id = { 0x77, 2 } };
    struct mse_sim_crl pck_crl = { names[WORLD_CA],
                                   w->keys[WORLD_KEY_CA],
                                   w->now - WORLD_DAY,
                                   w->now + 29 * WORLD_DAY,
                                   { NULL, 0 } };
    struct mse_sim_crl root_crl = { names[WORLD_ROOT],
                                    w->keys[WORLD_KEY_ROOT],
                                    w->now - WORLD_DAY,
                                    w->now + 29 * WORLD_DAY,
                                    { NULL, 0 } };
    default_certs(w);
    default_reports(w);
    default_policy(w);
    w->at = w->now;
    w->ext = ext;
    w->pck_crl = pck_crl;
    w->root_crl = root_crl;
    w->pck_crl_revokes = -1;
    w->root_crl_revokes = -1;
    w->tcb_status = MSE_TCB_UP_TO_DATE;
    w->qe_status = MSE_TCB_UP_TO_DATE;
    w->tcb_edit = none;
    w->qe_edit = none;
    w->chain[0] = WORLD_PCK;
    w->chain[1] = WORLD_CA;
    w->chain[2] = WORLD_ROOT;
    w->chain_len = 3;
    w->signing_root = true;
    w->cert_type = MSE_CERT_TYPE_PCK_CHAIN;
    w->tdx = false;
    return 0;
}

int world_defaults_tdx(void **state)
{
    struct world *w = *state;
    struct mse_tdx_report td = { .tee_tcb_svn = { 5, 1, 4 },
                                 .mr_seam = { 0x12 },
                                 .td_attributes = MSE_TDX_ATTR_SEPT_VE_DISABLE,
                                 .xfam = 0x618e7,
                                 .mr_td = { 0x13 },
                                 .mr_config_id = { 0x14 },
                                 .mr_owner = { 0x15 },
                                 .mr_owner_config = { 0x16 },
                                 .rtmr = { { 0x17 }, { 0x18 }, { 0x19 }, { 0x1a } },
                                 .report_data = { 0x1b } };
    (void)world_defaults(state);
    struct mse_reference r = { .has_fingerprint = true };
    assert_status(mse_tdx_fingerprint(r.fingerprint, &td), MSE_OK);
    w->tdx = true;
    w->tdx_version = 4;
    w->td = td;
    w->module_status = MSE_TCB_UP_TO_DATE;
    w->policy.references[0] = r;
    return 0;
}

/* Certificates and CRLs. */

static void make_certs(struct world *w)
{
    static uint8_t ext[4096];
    struct mse_build b;
    mse_build_fixed(&b, ext, sizeof ext);
    mse_sim_pck_ext_write(&b, &w->ext);
    assert_true(mse_build_ok(&b));
    if (w->certs[WORLD_PCK].sgx.data == NULL) {
        w->certs[WORLD_PCK].sgx = mse_build_view(&b);
    }
    for (size_t i = 0; i < WORLD_NUM_CERTS; i++) {
        mse_build_reset(&w->der[i]);
        assert_status(mse_sim_cert_make(&w->der[i], &w->certs[i]), MSE_OK);
    }
    mse_build_reset(&w->chain_pem);
    for (size_t i = 0; i < w->chain_len; i++) {
        mse_pem_write(&w->chain_pem, "CERTIFICATE", mse_build_view(&w->der[w->chain[i]]));
    }
    mse_build_reset(&w->signing_pem);
    mse_pem_write(&w->signing_pem, "CERTIFICATE", mse_build_view(&w->der[WORLD_TCB]));
    if (w->signing_root) {
        mse_pem_write(&w->signing_pem, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
    }
}

static void make_crl(struct world *w, struct mse_build *out, struct mse_sim_crl crl, int revokes)
{
    struct mse_cert c;
    mse_build_reset(out);
    if (revokes >= 0) {
        assert_status(mse_cert_parse(&c, mse_build_view(&w->der[revokes]), NULL), MSE_OK);
        crl.revoked = c.serial;
    }
    assert_status(mse_sim_crl_make(out, &crl), MSE_OK);
}

/* Signed JSON. */

static void write_dates(struct mse_build *b, const struct world *w)
{
    char issue[MSE_TIME_TEXT_LEN];
    char next[MSE_TIME_TEXT_LEN];
    mse_time_format(issue, w->now - WORLD_DAY);
    mse_time_format(next, w->now + 29 * WORLD_DAY);
    mse_wr_printf(b, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\"", issue, next);
}

static const char *advisories_of(enum mse_tcb_status s, const char *id)
{
    return s == MSE_TCB_UP_TO_DATE ? "" : id;
}

static const char no_signer[] = "000000000000000000000000000000000000000000000000000000000000000000"
                                "000000000000000000000000000000";

static void write_modules(struct mse_build *b, enum mse_tcb_status s)
{
    mse_wr_printf(b,
                  "\"tdxModule\":{\"mrsigner\":\"%s\",\"attributes\":\"0000000000000000\","
                  "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},\"tdxModuleIdentities\":[{\"id\":"
                  "\"TDX_01\",\"mrsigner\":\"%s\",\"attributes\":\"0000000000000000\","
                  "\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\":[",
                  no_signer, no_signer);
    mse_wr_printf(b,
                  "{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2025-04-01T00:00:00Z\",\"tcbStatus\":"
                  "\"%s\",\"advisoryIDs\":[%s]},{\"tcb\":{\"isvsvn\":3},\"tcbDate\":"
                  "\"2025-03-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":["
                  "\"INTEL-SA-00003\"]}]}],",
                  mse_tcb_status_name(s), advisories_of(s, "\"INTEL-SA-00003\""));
}

/* The first and third component follow the level: module (of version 0) and SEAM loader. */
static void write_tdx_components(struct mse_build *b, unsigned level)
{
    mse_wr_str(b, ",\"tdxtcbcomponents\":[");
    for (unsigned i = 0; i < 16; i++) {
        mse_wr_printf(b, "%s{\"svn\":%u}", i > 0 ? "," : "", i == 0 || i == 2 ? level : 0);
    }
    mse_wr_str(b, "]");
}

static void write_tcb_info(struct mse_build *b, const struct world *w)
{
    enum mse_tcb_status s = w->tcb_status;
    mse_wr_printf(b, "{\"id\":\"%s\",\"version\":3,", w->tdx ? "TDX" : "SGX");
    if (w->tdx) {
        write_modules(b, w->module_status);
    }
    write_dates(b, w);
    mse_wr_str(b, ",\"fmspc\":\"00606A000001\",\"pceId\":\"0000\",\"tcbType\":0,"
                  "\"tcbEvaluationDataNumber\":17,\"tcbLevels\":[");
    for (unsigned level = 4; level > 2; level--) {
        enum mse_tcb_status status = level == 4 ? s : MSE_TCB_OUT_OF_DATE;
        mse_wr_str(b, "{\"tcb\":{\"sgxtcbcomponents\":[");
        for (unsigned i = 0; i < 16; i++) {
            mse_wr_printf(b, "%s{\"svn\":%u}", i > 0 ? "," : "", i < 8 ? level : 0);
        }
        mse_wr_str(b, "]");
        if (w->tdx) {
            write_tdx_components(b, level);
        }
        mse_wr_printf(b,
                      ",\"pcesvn\":%u},\"tcbDate\":\"2025-0%u-01T00:00:00Z\",\"tcbStatus\":"
                      "\"%s\",\"advisoryIDs\":[%s]}%s",
                      level + 7, level, mse_tcb_status_name(status),
                      advisories_of(status, "\"INTEL-SA-00001\""), level == 4 ? "," : "");
    }
    mse_wr_str(b, "]}");
}

static void write_qe_identity(struct mse_build *b, const struct world *w)
{
    enum mse_tcb_status s = w->qe_status;
    mse_wr_printf(b, "{\"id\":\"%s\",\"version\":2,", w->tdx ? "TD_QE" : "QE");
    write_dates(b, w);
    mse_wr_str(b, ",\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\","
                  "\"miscselectMask\":\"FFFFFFFF\","
                  "\"attributes\":\"11000000000000000000000000000000\","
                  "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"55");
    for (unsigned i = 0; i < 31; i++) {
        mse_wr_str(b, "00");
    }
    mse_wr_printf(b,
                  "\",\"isvprodid\":1,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":6},\"tcbDate\":"
                  "\"2025-02-01T00:00:00Z\",\"tcbStatus\":\"%s\",\"advisoryIDs\":[%s]}]}",
                  mse_tcb_status_name(s), advisories_of(s, "\"INTEL-SA-00002\""));
}

static void edit(struct mse_build *b, const struct world_edit *e)
{
    static uint8_t copy[65536];
    struct mse_bytes old = mse_build_view(b);
    size_t at = mse_bytes_find(old, mse_bytes_str(e->from));
    assert_true(at != SIZE_MAX && old.len <= sizeof copy);
    memcpy(copy, old.data, old.len);
    struct mse_bytes rest = { copy, old.len };
    struct mse_bytes before = { 0 };
    assert_true(mse_rd_bytes(&rest, &before, at) && mse_rd_skip(&rest, strlen(e->from)));
    mse_build_reset(b);
    mse_wr_bytes(b, before);
    mse_wr_str(b, e->to);
    mse_wr_bytes(b, rest);
}

static void sign_body(const struct world *w, struct mse_build *b, uint8_t sig[64],
                      const struct world_edit *e)
{
    if (e->from != NULL && !e->after_signing) {
        edit(b, e);
    }
    assert_status(mse_p256_sign(w->keys[WORLD_KEY_TCB], sig, mse_build_view(b)), MSE_OK);
    if (e->from != NULL && e->after_signing) {
        edit(b, e);
    }
}

static void make_json(struct world *w)
{
    mse_build_reset(&w->tcb_body);
    write_tcb_info(&w->tcb_body, w);
    sign_body(w, &w->tcb_body, w->tcb_sig, &w->tcb_edit);
    mse_build_reset(&w->qe_body);
    write_qe_identity(&w->qe_body, w);
    sign_body(w, &w->qe_body, w->qe_sig, &w->qe_edit);
}

/* The quote. */

static void write_report(struct mse_build *b, const struct mse_sgx_report *r)
{
    mse_wr_copy(b, r->cpu_svn, 16);         // 0
    mse_wr_u32le(b, r->misc_select);        // 16
    mse_wr_zeros(b, 12);                    // 20
    mse_wr_copy(b, r->isv_ext_prod_id, 16); // 32
    mse_wr_u64le(b, r->attr_flags);         // 48
    mse_wr_u64le(b, r->attr_xfrm);          // 56
    mse_wr_copy(b, r->mr_enclave, 32);      // 64
    mse_wr_zeros(b, 32);                    // 96
    mse_wr_copy(b, r->mr_signer, 32);       // 128
    mse_wr_zeros(b, 32);                    // 160
    mse_wr_copy(b, r->config_id, 64);       // 192
    mse_wr_u16le(b, r->isv_prod_id);        // 256
    mse_wr_u16le(b, r->isv_svn);            // 258
    mse_wr_u16le(b, r->config_svn);         // 260
    mse_wr_zeros(b, 42);                    // 262
    mse_wr_copy(b, r->isv_family_id, 16);   // 304
    mse_wr_copy(b, r->report_data, 64);     // 320
}

static void write_qe_report(struct world *w, const uint8_t ak[64], const uint8_t auth[32])
{
    uint8_t raw[MSE_SGX_REPORT_LEN];
    uint8_t sig[64];
    struct mse_build b;
    struct mse_sgx_report qe = w->qe;
    assert_status(mse_sha256_2(qe.report_data, mse_bytes_of(ak, 64), mse_bytes_of(auth, 32)),
                  MSE_OK);
    mse_build_fixed(&b, raw, sizeof raw);
    write_report(&b, &qe);
    assert_true(mse_build_ok(&b) && b.len == sizeof raw);
    assert_status(mse_p256_sign(w->keys[WORLD_KEY_PCK], sig, mse_build_view(&b)), MSE_OK);
    mse_wr_bytes(&w->quote, mse_build_view(&b));
    mse_wr_copy(&w->quote, sig, sizeof sig);
}

static void write_td_report(struct mse_build *b, const struct mse_tdx_report *r)
{
    mse_wr_copy(b, r->tee_tcb_svn, 16);      // 0
    mse_wr_copy(b, r->mr_seam, 48);          // 16
    mse_wr_copy(b, r->mr_signer_seam, 48);   // 64
    mse_wr_u64le(b, r->seam_attributes);     // 112
    mse_wr_u64le(b, r->td_attributes);       // 120
    mse_wr_u64le(b, r->xfam);                // 128
    mse_wr_copy(b, r->mr_td, 48);            // 136
    mse_wr_copy(b, r->mr_config_id, 48);     // 184
    mse_wr_copy(b, r->mr_owner, 48);         // 232
    mse_wr_copy(b, r->mr_owner_config, 48);  // 280
    mse_wr_copy(b, r->rtmr, sizeof r->rtmr); // 328
    mse_wr_copy(b, r->report_data, 64);      // 520
    if (r->is_15) {
        mse_wr_copy(b, r->tee_tcb_svn2, 16);  // 584
        mse_wr_copy(b, r->mr_service_td, 48); // 600
    }
}

static void write_body(struct mse_build *q, const struct world *w)
{
    if (!w->tdx) {
        write_report(q, &w->body);
        return;
    }
    if (w->tdx_version == 5) {
        mse_wr_u16le(q, w->td.is_15 ? 3 : 2);
        mse_wr_u32le(q, w->td.is_15 ? MSE_TDX_REPORT15_LEN : MSE_TDX_REPORT10_LEN);
    }
    write_td_report(q, &w->td);
}

static void make_quote(struct world *w)
{
    static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    static const uint8_t auth[32] = { 0x88 };
    uint8_t ak[64];
    uint8_t sig[64];
    struct mse_build *q = &w->quote;
    struct mse_bytes chain = mse_build_view(&w->chain_pem);
    mse_build_reset(q);
    mse_wr_u16le(q, w->tdx ? w->tdx_version : 3);
    mse_wr_u16le(q, 2);
    mse_wr_u32le(q, w->tdx ? MSE_TEE_TYPE_TDX : MSE_TEE_TYPE_SGX);
    mse_wr_zeros(q, 4);
    mse_wr_copy(q, vendor, sizeof vendor);
    mse_wr_zeros(q, 20);
    write_body(q, w);
    assert_status(mse_p256_sign(w->keys[WORLD_KEY_AK], sig, mse_build_view(q)), MSE_OK);
    assert_status(mse_privkey_point(w->keys[WORLD_KEY_AK], ak), MSE_OK);
    uint32_t len = (uint32_t)(384 + 64 + 2 + 32 + 6 + chain.len);
    mse_wr_u32le(q, 64 + 64 + (w->tdx ? 6U : 0U) + len);
    mse_wr_copy(q, sig, sizeof sig);
    mse_wr_copy(q, ak, sizeof ak);
    if (w->tdx) {
        mse_wr_u16le(q, MSE_CERT_TYPE_QE_REPORT);
        mse_wr_u32le(q, len);
    }
    write_qe_report(w, ak, auth);
    mse_wr_u16le(q, sizeof auth);
    mse_wr_copy(q, auth, sizeof auth);
    mse_wr_u16le(q, w->cert_type);
    mse_wr_u32le(q, (uint32_t)chain.len);
    mse_wr_bytes(q, chain);
    assert_true(mse_build_ok(q));
}

void world_make(struct world *w)
{
    make_certs(w);
    make_crl(w, &w->pck_crl_der, w->pck_crl, w->pck_crl_revokes);
    make_crl(w, &w->root_crl_der, w->root_crl, w->root_crl_revokes);
    make_json(w);
    make_quote(w);
    struct mse_collateral c = {
        .tcb_info = mse_build_view(&w->tcb_body),
        .tcb_info_signature = mse_bytes_of(w->tcb_sig, 64),
        .tcb_info_issuer_chain = mse_build_view(&w->signing_pem),
        .qe_identity = mse_build_view(&w->qe_body),
        .qe_identity_signature = mse_bytes_of(w->qe_sig, 64),
        .qe_identity_issuer_chain = mse_build_view(&w->signing_pem),
        .pck_crl = mse_build_view(&w->pck_crl_der),
        .root_ca_crl = mse_build_view(&w->root_crl_der),
    };
    w->collateral = c;
}

mse_status world_judge(struct world *w)
{
    struct mse_error err = { .status = MSE_OK };
    const struct both_case c = { mse_appraise_quote, mse_build_view(&w->quote), &w->collateral,
                                 &w->policy, w->at };
    mse_status st = both_appraise(&w->verdict, &c, &err);
    w->err = err;
    assert_status(w->verdict.status, st);
    assert_status(err.status, st);
    assert_true(w->verdict.accepted == (st == MSE_OK));
    assert_refusals_speak(&w->verdict, &w->err);
    return st;
}

mse_status world_appraise(struct world *w)
{
    world_make(w);
    return world_judge(w);
}

void world_wants(struct world *w, mse_status st)
{
    mse_status seen = world_appraise(w);
    if (seen != st) {
        print_error("got: %s\n", w->err.text);
    }
    assert_status(seen, st);
    const struct mse_check *c = mse_verdict_failure(&w->verdict);
    assert_true((c == NULL) == (st == MSE_OK));
    if (c != NULL) {
        assert_string_not_equal(c->seen, "");
        assert_string_not_equal(c->wanted, "");
    }
}

bool world_failed_with(const struct world *w, mse_status st)
{
    return verdict_failed_with(&w->verdict, st);
}
