/* SPDX-License-Identifier: Apache-2.0 */
/* Judging what a PCCS keeps; the judging itself is attest's. */
#include "collateral/serve_check.h"

#include <mse/attest.h>

#include "attest/chain.h"
#include "base/bytes.h"
#include "base/error.h"
#include "evidence/pck.h"

#define MAX_CERT ((size_t)8192)

/* Whether the CRL names the certificate. An empty CRL names nobody; one that cannot be read names
 * everybody. */
static bool revoked(struct mse_bytes crl_der, const struct mse_cert *c)
{
    struct mse_crl crl;
    if (crl_der.len == 0) {
        return false;
    }
    return mse_crl_parse(&crl, crl_der, NULL) != MSE_OK || mse_crl_is_revoked(&crl, c->serial);
}

void mse_serve_fetch_key(struct mse_fetch_key *out, const struct mse_serve_key *k)
{
    static const struct {
        enum mse_fetch_kind kind;
        enum mse_tee_kind tee;
        enum mse_fetch_ca ca;
    } kinds[MSE_SERVE_KIND_END] = {
        [MSE_SERVE_TCB_SGX] = { MSE_FETCH_TCB_INFO, MSE_TEE_SGX, 0 },
        [MSE_SERVE_TCB_TDX] = { MSE_FETCH_TCB_INFO, MSE_TEE_TDX, 0 },
        [MSE_SERVE_QE_SGX] = { MSE_FETCH_QE_IDENTITY, MSE_TEE_SGX, 0 },
        [MSE_SERVE_QE_TDX] = { MSE_FETCH_QE_IDENTITY, MSE_TEE_TDX, 0 },
        [MSE_SERVE_QVE] = { MSE_FETCH_QVE_IDENTITY, MSE_TEE_SGX, 0 },
        [MSE_SERVE_NUMBERS_SGX] = { MSE_FETCH_EVAL_NUMBERS, MSE_TEE_SGX, 0 },
        [MSE_SERVE_NUMBERS_TDX] = { MSE_FETCH_EVAL_NUMBERS, MSE_TEE_TDX, 0 },
        [MSE_SERVE_CRL_PLATFORM] = { MSE_FETCH_PCK_CRL, MSE_TEE_SGX, MSE_FETCH_CA_PLATFORM },
        [MSE_SERVE_CRL_PROCESSOR] = { MSE_FETCH_PCK_CRL, MSE_TEE_SGX, MSE_FETCH_CA_PROCESSOR },
        [MSE_SERVE_CRL_ROOT] = { MSE_FETCH_ROOT_CRL, MSE_TEE_SGX, 0 },
    };
    struct mse_fetch_key f = { .kind = kinds[k->kind].kind,
                               .tee = kinds[k->kind].tee,
                               .ca = kinds[k->kind].ca };
    if (k->set >= 0) {
        f.update = MSE_FETCH_NUMBERED;
        f.evaluation_number = (uint32_t)k->set;
    } else if (k->set == MSE_SERVE_EARLY) {
        f.update = MSE_FETCH_EARLY;
    }
    memcpy(f.fmspc, k->fmspc, sizeof f.fmspc);
    *out = f;
}

/* Which of the two CAs issued PCK certificates under this name. */
static bool is_platform_ca(const struct mse_cert *ca)
{
    struct mse_bytes cn = mse_name_common_name(ca->subject);
    return mse_bytes_find(cn, mse_bytes_str("Processor")) == SIZE_MAX;
}

/* What goes with one kind of issuer. */
struct issuer {
    const char *what;
    mse_status malformed;
    mse_status revoked;
};

static struct issuer issuer_of(enum mse_serve_kind k)
{
    if (mse_serve_is_crl(k)) {
        return (struct issuer) { "the CA", MSE_ERR_PCK_CHAIN_MALFORMED,
                                 MSE_ERR_INTERMEDIATE_REVOKED };
    }
    if (mse_serve_is_identity(k)) {
        return (struct issuer) { "the signer", MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED,
                                 MSE_ERR_QE_IDENTITY_CHAIN_REVOKED };
    }
    return (struct issuer) { "the signer", MSE_ERR_TCB_INFO_CHAIN_MALFORMED,
                             MSE_ERR_TCB_INFO_CHAIN_REVOKED };
}

static mse_status check_chain(const struct mse_fetched *o, const struct mse_serve_key *k,
                              const struct mse_serve_trust *t, struct mse_error *err)
{
    struct issuer is = issuer_of(k->kind);
    struct mse_chain c;
    if (mse_chain_read(&c, mse_build_view(&o->chain), NULL) != MSE_OK || c.num != 2) {
        return MSE_FAIL(err, is.malformed, "chain", "wanted the certificates of %s and the root",
                        is.what);
    }
    if (mse_serve_is_crl(k->kind) &&
        is_platform_ca(&c.certs[0]) != (k->kind == MSE_SERVE_CRL_PLATFORM)) {
        return MSE_FAIL(err, MSE_ERR_PCK_CRL_ISSUER_MISMATCH, "chain", "of the other CA");
    }
    return revoked(t->root_crl, &c.certs[0])
               ? MSE_FAIL(err, is.revoked, "chain", "%s stands in the root's CRL", is.what)
               : MSE_OK;
}

mse_status mse_serve_check(struct mse_fetched *o, const struct mse_serve_key *k,
                           const struct mse_serve_trust *t, mse_time at, struct mse_error *err)
{
    struct mse_fetch_config config = { .root_point = t->root_point, .at = at };
    struct mse_fetch_key key;
    mse_serve_fetch_key(&key, k);
    mse_status st = mse_fetched_verify(o, &key, &config, err);
    return st == MSE_OK && k->kind != MSE_SERVE_CRL_ROOT ? check_chain(o, k, t, err) : st;
}

/* PCK certificates. */

static mse_status read_pck(struct mse_serve_pck_facts *out, const struct mse_cert *c,
                           struct mse_error *err)
{
    struct mse_bytes value;
    struct mse_pck_ext ext;
    if (!mse_cert_sgx_extension(c, &value) || mse_pck_ext_parse(&ext, value, err) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_PCK_EXTENSION_MISSING, "pck", "no SGX extension");
    }
    memcpy(out->fmspc, ext.fmspc, sizeof out->fmspc);
    memcpy(out->ppid, ext.ppid, sizeof out->ppid);
    memcpy(out->cpu_svn, ext.cpu_svn, sizeof out->cpu_svn);
    memcpy(out->pce_id, ext.pce_id, sizeof out->pce_id);
    out->pce_svn = ext.pce_svn;
    memcpy(out->tcbm, ext.cpu_svn, sizeof ext.cpu_svn);
    out->tcbm[16] = (uint8_t)(ext.pce_svn & 0xff);
    out->tcbm[17] = (uint8_t)(ext.pce_svn >> 8);
    out->not_after = c->not_after;
    return MSE_OK;
}

mse_status mse_serve_read_pck(struct mse_serve_pck_facts *out, struct mse_bytes pem)
{
    struct mse_serve_pck_facts f = { 0 };
    uint8_t der[MAX_CERT];
    size_t len = 0;
    struct mse_cert cert;
    mse_status st = mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len);
    st = st == MSE_OK ? mse_cert_parse(&cert, mse_bytes_of(der, len), NULL) : st;
    st = st == MSE_OK ? read_pck(&f, &cert, NULL) : st;
    if (st == MSE_OK) {
        *out = f;
    }
    return st;
}

mse_status mse_serve_check_pck(struct mse_serve_pck_facts *out, struct mse_bytes pem,
                               struct mse_bytes chain, const struct mse_serve_trust *t, mse_time at,
                               struct mse_error *err)
{
    struct mse_serve_pck_facts f = { 0 };
    uint8_t der[MAX_CERT];
    uint8_t more[MAX_CERT];
    size_t len = 0;
    struct mse_bytes rest = pem;
    struct mse_cert cert;
    struct mse_chain issuers;
    if (mse_pem_next(&rest, "CERTIFICATE", der, sizeof der, &len) != MSE_OK ||
        mse_cert_parse(&cert, mse_bytes_of(der, len), err) != MSE_OK ||
        mse_chain_read(&issuers, chain, err) != MSE_OK || issuers.num != 2 ||
        mse_pem_next(&rest, "CERTIFICATE", more, sizeof more, &len) != MSE_ERR_NOT_FOUND) {
        return MSE_FAIL(err, MSE_ERR_PCK_CHAIN_MALFORMED, "pck",
                        "wanted one certificate, its CA and the root");
    }
    mse_status st = mse_verify_pck(cert.der, chain, t->root_point, at, err);
    if (st == MSE_OK) {
        st = read_pck(&f, &cert, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    f.platform_ca = is_platform_ca(&issuers.certs[0]);
    if (revoked(t->root_crl, &issuers.certs[0])) {
        return MSE_FAIL(err, MSE_ERR_INTERMEDIATE_REVOKED, "pck",
                        "the CA stands in the root's CRL");
    }
    if (revoked(f.platform_ca ? t->platform_crl : t->processor_crl, &cert)) {
        return MSE_FAIL(err, MSE_ERR_PCK_REVOKED, "pck", "the certificate stands in its CA's CRL");
    }
    *out = f;
    return MSE_OK;
}

/* Choosing. */

static bool reaches(const uint8_t have[16], uint16_t have_pce, const uint8_t need[16],
                    uint16_t need_pce)
{
    for (size_t i = 0; i < 16; i++) {
        if (have[i] < need[i]) {
            return false;
        }
    }
    return have_pce >= need_pce;
}

/* The first level of the TCB info that a certificate stands at, their number if at none. */
static size_t level_of(const struct mse_serve_candidate *c, const struct mse_tcb_info *info)
{
    size_t i = 0;
    while (i < info->num_levels && !reaches(c->cpu_svn, c->pce_svn, info->levels[i].sgx_comp_svn,
                                            info->levels[i].pce_svn)) {
        i++;
    }
    return i;
}

size_t mse_serve_select(const struct mse_serve_candidate *certs, size_t num,
                        const uint8_t cpu_svn[16], uint16_t pce_svn,
                        const struct mse_tcb_info *info)
{
    size_t best = SIZE_MAX;
    size_t best_level = SIZE_MAX;
    for (size_t i = 0; i < num; i++) {
        const struct mse_serve_candidate *c = &certs[i];
        if (!reaches(cpu_svn, pce_svn, c->cpu_svn, c->pce_svn)) {
            continue;
        }
        size_t level = level_of(c, info);
        if (level < best_level ||
            (level == best_level &&
             reaches(c->cpu_svn, c->pce_svn, certs[best].cpu_svn, certs[best].pce_svn))) {
            best = i;
            best_level = level;
        }
    }
    return best;
}
