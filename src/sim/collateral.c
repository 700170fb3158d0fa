/* SPDX-License-Identifier: Apache-2.0 */
/* What Intel's provisioning service would answer for the simulated platform: TCB info v3, QE
 * identity v2, both CRLs, and the bundle that holds them. The JSON is written by hand because the
 * signatures cover these very bytes. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "sim/authority.h"

#define DAY             ((mse_time)86400)
#define VALIDITY        (30 * DAY)
#define EXPIRED_FOR     (10 * DAY)
#define TCB_AGE         (90 * DAY)
#define EVALUATION      20U
#define MAX_JSON        ((size_t)256 * 1024)
#define HEX_LEN(n)      (2 * (n) + 1)
#define ADVISORY_HARDEN "INTEL-SA-00615"
#define ADVISORY_CONFIG "INTEL-SA-00289"
#define ADVISORY_UPDATE "INTEL-SA-00837"

static void write_hex_upper(struct mse_build *b, struct mse_bytes v)
{
    for (size_t i = 0; i < v.len; i++) {
        mse_wr_printf(b, "%02X", v.data[i]);
    }
}

static void write_time(struct mse_build *b, const char *key, mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    mse_wr_printf(b, "\"%s\":\"%s\"", key, text);
}

/* A JSON string. Everything written here is printable ASCII and line ends. */
static void write_string(struct mse_build *b, struct mse_bytes s)
{
    mse_wr_u8(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (c == '"' || c == '\\') {
            mse_wr_u8(b, '\\');
            mse_wr_u8(b, c);
        } else if (c == '\n') {
            mse_wr_str(b, "\\n");
        } else if (c < 0x20) {
            mse_wr_printf(b, "\\u%04x", c);
        } else {
            mse_wr_u8(b, c);
        }
    }
    mse_wr_u8(b, '"');
}

static mse_time issue_date(const struct mse_sim_options *o)
{
    return o->expired_tcb_info ? o->now - VALIDITY - EXPIRED_FOR : o->now;
}

static uint32_t evaluation_number(const struct mse_sim_options *o)
{
    return o->evaluation_number == 0 ? EVALUATION : o->evaluation_number;
}

/* Whole days look like Intel's dates. */
static mse_time tcb_date(const struct mse_sim_options *o, mse_time age)
{
    mse_time t = o->now - age;
    return t < 0 ? 0 : t - t % DAY;
}

/* The advisories that usually come with a status, as the members of a JSON array. */
static const char *advisories_of(enum mse_tcb_status s)
{
    switch (s) {
    case MSE_TCB_SW_HARDENING_NEEDED:
        return "\"" ADVISORY_HARDEN "\"";
    case MSE_TCB_CONFIGURATION_NEEDED:
        return "\"" ADVISORY_CONFIG "\"";
    case MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED:
        return "\"" ADVISORY_CONFIG "\",\"" ADVISORY_HARDEN "\"";
    case MSE_TCB_OUT_OF_DATE:
    case MSE_TCB_REVOKED:
        return "\"" ADVISORY_UPDATE "\",\"" ADVISORY_HARDEN "\"";
    case MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
        return "\"" ADVISORY_UPDATE "\",\"" ADVISORY_CONFIG "\",\"" ADVISORY_HARDEN "\"";
    case MSE_TCB_NONE:
    case MSE_TCB_UP_TO_DATE:
    case MSE_TCB_TD_RELAUNCH_ADVISED:
    case MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED:
    case MSE_TCB_STATUS_COUNT:
        break;
    }
    return NULL;
}

static void write_level(struct mse_build *b, const uint8_t comp_svn[16], uint16_t pce_svn,
                        mse_time date, enum mse_tcb_status status)
{
    mse_wr_str(b, "{\"tcb\":{\"sgxtcbcomponents\":[");
    for (size_t i = 0; i < 16; i++) {
        mse_wr_printf(b, "%s{\"svn\":%u}", i == 0 ? "" : ",", comp_svn[i]);
    }
    mse_wr_printf(b, "],\"pcesvn\":%u},", pce_svn);
    write_time(b, "tcbDate", date);
    mse_wr_printf(b, ",\"tcbStatus\":\"%s\"", mse_tcb_status_name(status));
    const char *advisories = advisories_of(status);
    if (advisories != NULL) {
        mse_wr_printf(b, ",\"advisoryIDs\":[%s]", advisories);
    }
    mse_wr_str(b, "}");
}

/* A platform that is out of date or revoked stands below a newer level, as on hardware. */
static bool needs_newer_level(enum mse_tcb_status s)
{
    return s == MSE_TCB_OUT_OF_DATE || s == MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ||
           s == MSE_TCB_REVOKED;
}

static void write_levels(struct mse_build *b, const struct mse_sim_authority *a,
                         const struct mse_sim_options *o)
{
    enum mse_tcb_status status = o->status == MSE_TCB_NONE ? MSE_TCB_UP_TO_DATE : o->status;
    uint8_t svn[16];
    memcpy(svn, a->pck.comp_svn, sizeof svn);
    if (needs_newer_level(status)) {
        svn[0]++;
        svn[1]++;
        write_level(b, svn, a->pck.pce_svn, tcb_date(o, TCB_AGE), MSE_TCB_UP_TO_DATE);
        mse_wr_str(b, ",");
        write_level(b, a->pck.comp_svn, a->pck.pce_svn, tcb_date(o, 4 * TCB_AGE), status);
        return;
    }
    write_level(b, svn, a->pck.pce_svn, tcb_date(o, TCB_AGE), status);
    mse_wr_str(b, ",");
    svn[0]--;
    svn[1]--;
    write_level(b, svn, a->pck.pce_svn, tcb_date(o, 4 * TCB_AGE), MSE_TCB_OUT_OF_DATE);
}

static void write_tcb_info(struct mse_build *b, const struct mse_sim_authority *a,
                           const struct mse_sim_options *o)
{
    mse_time issued = issue_date(o);
    mse_wr_str(b, "{\"id\":\"SGX\",\"version\":3,");
    write_time(b, "issueDate", issued);
    mse_wr_str(b, ",");
    write_time(b, "nextUpdate", issued + VALIDITY);
    mse_wr_str(b, ",\"fmspc\":\"");
    write_hex_upper(b, mse_bytes_of(a->pck.fmspc, sizeof a->pck.fmspc));
    mse_wr_str(b, "\",\"pceId\":\"");
    write_hex_upper(b, mse_bytes_of(a->pck.pce_id, sizeof a->pck.pce_id));
    mse_wr_printf(b, "\",\"tcbType\":0,\"tcbEvaluationDataNumber\":%u,\"tcbLevels\":[",
                  evaluation_number(o));
    write_levels(b, a, o);
    mse_wr_str(b, "]}");
}

static void write_identity_level(struct mse_build *b, unsigned svn, mse_time date,
                                 enum mse_tcb_status status)
{
    mse_wr_printf(b, "{\"tcb\":{\"isvsvn\":%u},", svn);
    write_time(b, "tcbDate", date);
    mse_wr_printf(b, ",\"tcbStatus\":\"%s\"}", mse_tcb_status_name(status));
}

static void write_qe_identity(struct mse_build *b, const uint8_t mr_signer[32],
                              const struct mse_sim_options *o)
{
    mse_wr_str(b, "{\"id\":\"QE\",\"version\":2,");
    write_time(b, "issueDate", o->now);
    mse_wr_str(b, ",");
    write_time(b, "nextUpdate", o->now + VALIDITY);
    mse_wr_printf(b, ",\"tcbEvaluationDataNumber\":%u,", evaluation_number(o));
    mse_wr_str(b, "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
                  "\"attributes\":\"11000000000000000000000000000000\","
                  "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"");
    write_hex_upper(b, mse_bytes_of(mr_signer, 32));
    mse_wr_printf(b, "\",\"isvprodid\":%d,\"tcbLevels\":[", MSE_SIM_QE_ISV_PROD_ID);
    write_identity_level(b, MSE_SIM_QE_ISV_SVN, tcb_date(o, TCB_AGE), MSE_TCB_UP_TO_DATE);
    mse_wr_str(b, ",");
    write_identity_level(b, MSE_SIM_QE_ISV_SVN - 2, tcb_date(o, 4 * TCB_AGE), MSE_TCB_OUT_OF_DATE);
    mse_wr_str(b, "]}");
}

/* {"<member>":<body>,"signature":"<128 hex>"}, as a JSON string member of the bundle. */
static mse_status write_response(struct mse_build *json, const char *key, const char *member,
                                 const struct mse_build *body, const struct mse_privkey *signer)
{
    uint8_t sig[64];
    char hex[HEX_LEN(sizeof sig)];
    mse_status st = mse_p256_sign(signer, sig, mse_build_view(body));
    if (st != MSE_OK) {
        return st;
    }
    mse_hex_encode(hex, mse_bytes_of(sig, sizeof sig));
    struct mse_build text;
    mse_build_heap(&text, MAX_JSON);
    mse_wr_printf(&text, "{\"%s\":", member);
    mse_wr_bytes(&text, mse_build_view(body));
    mse_wr_printf(&text, ",\"signature\":\"%s\"}", hex);
    mse_wr_printf(json, "    \"%s\": ", key);
    write_string(json, mse_build_view(&text));
    mse_wr_str(json, ",\n");
    st = mse_build_ok(&text) && mse_build_ok(body) ? MSE_OK : MSE_ERR_MEMORY;
    mse_build_clear(&text);
    return st;
}

static void write_chain(struct mse_build *json, const char *key, const struct mse_build *leaf,
                        const struct mse_build *root)
{
    struct mse_build text;
    mse_build_heap(&text, MAX_JSON);
    mse_wr_bytes(&text, mse_build_view(leaf));
    mse_wr_bytes(&text, mse_build_view(root));
    mse_wr_printf(json, "    \"%s\": ", key);
    write_string(json, mse_build_view(&text));
    mse_wr_str(json, ",\n");
    json->failed = json->failed || !mse_build_ok(&text);
    mse_build_clear(&text);
}

static mse_status write_crl(struct mse_build *json, const char *key, const struct mse_sim_crl *crl)
{
    struct mse_build der;
    mse_build_heap(&der, MSE_SIM_MAX_DER);
    mse_status st = mse_sim_crl_make(&der, crl);
    char *text = NULL;
    if (st == MSE_OK) {
        text = malloc(4 * ((der.len + 2) / 3) + 1);
        st = text != NULL ? MSE_OK : MSE_ERR_MEMORY;
    }
    if (st == MSE_OK) {
        mse_base64_encode(text, mse_build_view(&der));
        mse_wr_printf(json, "    \"%s\": \"%s\"", key, text);
    }
    free(text);
    mse_build_clear(&der);
    return st;
}

static mse_status write_signed(struct mse_build *json, const struct mse_sim_authority *a,
                               const struct mse_sim_options *o)
{
    uint8_t qe_signer[32];
    struct mse_build body;
    mse_build_heap(&body, MAX_JSON);
    write_tcb_info(&body, a, o);
    mse_status st = write_response(json, "tcb_info", "tcbInfo", &body, a->tcb_key);
    if (st != MSE_OK) {
        goto out;
    }
    write_chain(json, "tcb_info_issuer_chain", &a->tcb_pem, &a->root_pem);
    st = mse_sha256(qe_signer, mse_bytes_str(MSE_SIM_QE_MRSIGNER));
    if (st != MSE_OK) {
        goto out;
    }
    mse_build_reset(&body);
    write_qe_identity(&body, qe_signer, o);
    st = write_response(json, "qe_identity", "enclaveIdentity", &body, a->tcb_key);
    if (st == MSE_OK) {
        write_chain(json, "qe_identity_issuer_chain", &a->tcb_pem, &a->root_pem);
    }
out:
    mse_build_clear(&body);
    return st;
}

static mse_status write_crls(struct mse_build *json, const struct mse_sim_authority *a,
                             const struct mse_sim_options *o)
{
    struct mse_sim_crl crl = {
        .issuer_cn = MSE_SIM_CN_CA,
        .issuer_key = a->ca_key,
        .this_update = o->now,
        .next_update = o->now + VALIDITY,
    };
    if (o->revoke_pck) {
        crl.revoked = mse_bytes_of(a->pck_serial, a->pck_serial_len);
    }
    mse_status st = write_crl(json, "pck_crl", &crl);
    if (st != MSE_OK) {
        return st;
    }
    mse_wr_str(json, ",\n");
    write_chain(json, "pck_crl_issuer_chain", &a->ca_pem, &a->root_pem);
    struct mse_sim_crl root = {
        .issuer_cn = MSE_SIM_CN_ROOT,
        .issuer_key = a->root_key,
        .this_update = o->now,
        .next_update = o->now + VALIDITY,
    };
    st = write_crl(json, "root_ca_crl", &root);
    mse_wr_str(json, "\n");
    return st;
}

/* Statuses that an SGX platform can have. */
static bool status_fits(enum mse_tcb_status s)
{
    return s == MSE_TCB_NONE || s == MSE_TCB_UP_TO_DATE || advisories_of(s) != NULL;
}

mse_status mse_sim_collateral_make(struct mse_build *out, const struct mse_sim_authority *a,
                                   const struct mse_sim_options *o, struct mse_error *err)
{
    if (!status_fits(o->status)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "status", "TCB status %s does not exist on SGX",
                        mse_tcb_status_name(o->status));
    }
    mse_wr_str(out, "{\n  \"version\": 1,\n  \"collateral\": {\n");
    mse_status st = write_signed(out, a, o);
    if (st == MSE_OK) {
        st = write_crls(out, a, o);
    }
    mse_wr_str(out, "  },\n  ");
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, o->now);
    mse_wr_printf(out, "\"collected_at\": \"%s\"\n}\n", text);
    if (st == MSE_OK && !mse_build_ok(out)) {
        st = MSE_ERR_NO_SPACE;
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "collateral", "could not be made");
    }
    return MSE_OK;
}
