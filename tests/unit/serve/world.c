/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/serve/world.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "sim/pki.h"

#define CN_PROCESSOR "SIMULATION SGX PCK Processor CA"
#define YEARS        (WORLD_DAY * 365 * 10)
#define VALID        (WORLD_DAY * 30)
#define URL          "https://simulation.invalid/SIMULATIONRootCA.der"

static void add_cert(struct mse_build *pem, const struct mse_sim_cert *c)
{
    struct mse_build der;
    mse_build_heap(&der, MSE_SIM_MAX_DER);
    MSE_ASSERT(mse_sim_cert_make(&der, c) == MSE_OK);
    mse_pem_write(pem, "CERTIFICATE", mse_build_view(&der));
    mse_build_clear(&der);
}

/* subject's certificate by the root, then the root's. */
static void make_chain(struct mse_build *pem, const struct world *w, const char *cn,
                       const struct mse_privkey *key, int path_len)
{
    const struct mse_sim_cert c = { .subject_cn = cn,
                                    .issuer_cn = MSE_SIM_CN_ROOT,
                                    .key = key,
                                    .issuer_key = w->root_key,
                                    .not_before = w->now - YEARS,
                                    .not_after = w->now + YEARS,
                                    .path_len = path_len,
                                    .crl_url = URL };
    mse_build_heap(pem, MSE_FETCH_MAX_CHAIN);
    add_cert(pem, &c);
    mse_wr_bytes(pem, mse_build_view(&w->root));
    MSE_ASSERT(mse_build_ok(pem));
}

void world_init(struct world *w, mse_time now)
{
    struct world fresh = { .now = now, .fmspc = { 'T', 'E', 'S', 'T', 0, 1 } };
    *w = fresh;
    MSE_ASSERT(mse_privkey_generate_p256(&w->root_key) == MSE_OK &&
               mse_privkey_generate_p256(&w->platform_key) == MSE_OK &&
               mse_privkey_generate_p256(&w->processor_key) == MSE_OK &&
               mse_privkey_generate_p256(&w->tcb_key) == MSE_OK &&
               mse_privkey_generate_p256(&w->pck_key) == MSE_OK &&
               mse_privkey_point(w->root_key, w->root_point) == MSE_OK);
    const struct mse_sim_cert root = { .subject_cn = MSE_SIM_CN_ROOT,
                                       .issuer_cn = MSE_SIM_CN_ROOT,
                                       .key = w->root_key,
                                       .issuer_key = w->root_key,
                                       .not_before = now - YEARS,
                                       .not_after = now + YEARS,
                                       .path_len = 1,
                                       .crl_url = URL };
    mse_build_heap(&w->root, MSE_FETCH_MAX_CHAIN);
    add_cert(&w->root, &root);
    make_chain(&w->platform_chain, w, MSE_SIM_CN_CA, w->platform_key, 0);
    make_chain(&w->processor_chain, w, CN_PROCESSOR, w->processor_key, 0);
    make_chain(&w->tcb_chain, w, MSE_SIM_CN_TCB, w->tcb_key, MSE_SIM_NOT_A_CA);
}

void world_clear(struct world *w)
{
    mse_privkey_free(w->root_key);
    mse_privkey_free(w->platform_key);
    mse_privkey_free(w->processor_key);
    mse_privkey_free(w->tcb_key);
    mse_privkey_free(w->pck_key);
    mse_build_clear(&w->root);
    mse_build_clear(&w->platform_chain);
    mse_build_clear(&w->processor_chain);
    mse_build_clear(&w->tcb_chain);
}

struct mse_serve_key world_key(const struct world *w, enum mse_serve_kind kind, int64_t set)
{
    struct mse_serve_key k = { .kind = kind, .set = set };
    if (mse_serve_is_tcb(kind)) {
        memcpy(k.fmspc, w->fmspc, sizeof k.fmspc);
    }
    return k;
}

/* Signed JSON. */

static void write_dates(struct mse_build *b, mse_time issued)
{
    char from[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    mse_time_format(from, issued);
    mse_time_format(until, issued + VALID);
    mse_wr_printf(b, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",", from, until);
}

static void write_components(struct mse_build *b, const char *name, unsigned svn)
{
    mse_wr_printf(b, "\"%s\":[{\"svn\":%u},{\"svn\":%u}", name, svn, svn);
    for (int i = 2; i < 16; i++) {
        mse_wr_str(b, ",{\"svn\":0}");
    }
    mse_wr_str(b, "],");
}

/* Two levels: SVN 5 is up to date, SVN 3 is not. */
static void write_tcb_info(struct mse_build *b, const struct world *w, bool tdx, uint32_t number,
                           mse_time issued)
{
    mse_wr_printf(b, "{\"id\":\"%s\",\"version\":3,", tdx ? "TDX" : "SGX");
    write_dates(b, issued);
    mse_wr_str(b, "\"fmspc\":\"");
    mse_wr_hex(b, w->fmspc, sizeof w->fmspc);
    mse_wr_printf(b, "\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":%u,", number);
    if (tdx) {
        mse_wr_str(b, "\"tdxModule\":{\"mrsigner\":\"");
        for (int i = 0; i < 48; i++) {
            mse_wr_str(b, "00");
        }
        mse_wr_str(b, "\",\"attributes\":\"0000000000000000\","
                      "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},");
    }
    mse_wr_str(b, "\"tcbLevels\":[");
    for (unsigned svn = 5; svn >= 3; svn -= 2) {
        mse_wr_printf(b, "%s{\"tcb\":{", svn == 5 ? "" : ",");
        write_components(b, "sgxtcbcomponents", svn);
        if (tdx) {
            write_components(b, "tdxtcbcomponents", svn);
        }
        mse_wr_printf(b,
                      "\"pcesvn\":10},\"tcbDate\":\"2026-01-01T00:00:00Z\","
                      "\"tcbStatus\":\"%s\"}",
                      svn == 5 ? "UpToDate" : "OutOfDate");
    }
    mse_wr_str(b, "]}");
}

static void write_identity(struct mse_build *b, enum mse_serve_kind k, uint32_t number,
                           mse_time issued)
{
    mse_wr_printf(b, "{\"id\":\"%s\",\"version\":2,",
                  k == MSE_SERVE_QVE      ? "QVE"
                  : k == MSE_SERVE_QE_TDX ? "TD_QE"
                                          : "QE");
    write_dates(b, issued);
    mse_wr_printf(b,
                  "\"tcbEvaluationDataNumber\":%u,\"miscselect\":\"00000000\","
                  "\"miscselectMask\":\"FFFFFFFF\","
                  "\"attributes\":\"11000000000000000000000000000000\","
                  "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
                  "\"mrsigner\":\"%064x\",\"isvprodid\":1,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8},"
                  "\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}",
                  number, 7U);
}

static void write_numbers(struct mse_build *b, bool tdx, uint32_t number, mse_time issued)
{
    mse_wr_printf(b, "{\"id\":\"%s\",\"version\":1,", tdx ? "TDX" : "SGX");
    write_dates(b, issued);
    mse_wr_printf(b,
                  "\"tcbEvalNumbers\":[{\"tcbEvaluationDataNumber\":%u,"
                  "\"tcbRecoveryEventDate\":\"2026-01-01T00:00:00Z\","
                  "\"tcbDate\":\"2026-01-01T00:00:00Z\"}]}",
                  number);
}

static void make_signed(struct mse_fetched *out, const struct world *w,
                        const struct mse_serve_key *k, uint32_t number, mse_time issued)
{
    struct mse_build body;
    uint8_t sig[64];
    const char *member = "tcbEvaluationDataNumbers";
    mse_build_heap(&body, MSE_FETCH_MAX_BODY);
    if (mse_serve_is_tcb(k->kind)) {
        member = "tcbInfo";
        write_tcb_info(&body, w, k->kind == MSE_SERVE_TCB_TDX, number, issued);
    } else if (mse_serve_is_identity(k->kind)) {
        member = "enclaveIdentity";
        write_identity(&body, k->kind, number, issued);
    } else {
        write_numbers(&body, k->kind == MSE_SERVE_NUMBERS_TDX, number, issued);
    }
    MSE_ASSERT(mse_build_ok(&body) &&
               mse_p256_sign(w->tcb_key, sig, mse_build_view(&body)) == MSE_OK);
    mse_wr_printf(&out->body, "{\"%s\":", member);
    mse_wr_bytes(&out->body, mse_build_view(&body));
    mse_wr_str(&out->body, ",\"signature\":\"");
    mse_wr_hex(&out->body, sig, sizeof sig);
    mse_wr_str(&out->body, "\"}");
    mse_wr_bytes(&out->chain, mse_build_view(&w->tcb_chain));
    mse_build_clear(&body);
}

/* CRLs. */

static void make_crl(struct mse_build *out, const struct world *w, enum mse_serve_kind kind,
                     mse_time issued, struct mse_bytes serial)
{
    struct mse_sim_crl c = { .issuer_cn = MSE_SIM_CN_ROOT,
                             .issuer_key = w->root_key,
                             .this_update = issued,
                             .next_update = issued + VALID,
                             .revoked = serial };
    if (kind != MSE_SERVE_CRL_ROOT) {
        bool platform = kind == MSE_SERVE_CRL_PLATFORM;
        c.issuer_cn = platform ? MSE_SIM_CN_CA : CN_PROCESSOR;
        c.issuer_key = platform ? w->platform_key : w->processor_key;
    }
    MSE_ASSERT(mse_sim_crl_make(out, &c) == MSE_OK);
}

void world_revoking_crl(struct mse_build *out, const struct world *w, enum mse_serve_kind kind,
                        struct mse_bytes pem)
{
    uint8_t der[8192];
    size_t len = 0;
    struct mse_cert cert;
    MSE_ASSERT(mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len) == MSE_OK &&
               mse_cert_parse(&cert, mse_bytes_of(der, len), NULL) == MSE_OK);
    make_crl(out, w, kind, w->now, cert.serial);
}

void world_object(struct mse_fetched *out, const struct world *w, const struct mse_serve_key *k,
                  uint32_t number, mse_time issued)
{
    struct mse_bytes nobody = { 0 };
    mse_fetched_init(out);
    if (!mse_serve_is_crl(k->kind)) {
        make_signed(out, w, k, number, issued);
    } else {
        make_crl(&out->body, w, k->kind, issued, nobody);
        if (k->kind != MSE_SERVE_CRL_ROOT) {
            mse_wr_bytes(&out->chain,
                         mse_build_view(k->kind == MSE_SERVE_CRL_PLATFORM ? &w->platform_chain
                                                                          : &w->processor_chain));
        }
    }
    MSE_ASSERT(mse_build_ok(&out->body) && mse_build_ok(&out->chain));
}

/* Machines. */

void world_pck(struct mse_build *out, const struct world *w, uint8_t svn, uint16_t pce_svn,
               bool platform_ca, uint8_t machine)
{
    struct mse_pck_ext e = { .pce_svn = pce_svn, .has_sgx_type = true, .ppid = { machine } };
    struct mse_build ext;
    mse_build_heap(&ext, MSE_SIM_MAX_DER);
    memcpy(e.fmspc, w->fmspc, sizeof e.fmspc);
    e.comp_svn[0] = e.comp_svn[1] = e.cpu_svn[0] = e.cpu_svn[1] = svn;
    mse_sim_pck_ext_write(&ext, &e);
    const struct mse_sim_cert c = { .subject_cn = MSE_SIM_CN_PCK,
                                    .issuer_cn = platform_ca ? MSE_SIM_CN_CA : CN_PROCESSOR,
                                    .key = w->pck_key,
                                    .issuer_key = platform_ca ? w->platform_key : w->processor_key,
                                    .not_before = w->now - YEARS / 2,
                                    .not_after = w->now + YEARS / 2,
                                    .path_len = MSE_SIM_NOT_A_CA,
                                    .crl_url = URL,
                                    .sgx = mse_build_view(&ext) };
    mse_build_heap(out, MSE_FETCH_MAX_CHAIN);
    add_cert(out, &c);
    mse_build_clear(&ext);
}

struct mse_serve_platform world_platform(uint8_t svn, uint16_t pce_svn, uint8_t machine)
{
    struct mse_serve_platform p = { .qe_id = { machine },
                                    .cpu_svn = { svn, svn },
                                    .pce_svn = { (uint8_t)pce_svn, (uint8_t)(pce_svn >> 8) },
                                    .has_ppid = true,
                                    .encrypted_ppid = { 1, machine } };
    return p;
}
