/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's SGX extension of PCK certificates (Intel SGX PCK Certificate and CRL Profile, 1.3.5). */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "evidence/pck.h"
#include <mse/evidence.h>

/* 1.2.840.113741.1.13.1; the members are numbered below it. */
static const uint8_t oid_sgx[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

/* Numbers of members, and bits of what was seen. */
enum { PPID = 1, TCB, PCE_ID, FMSPC, SGX_TYPE, PLATFORM_INSTANCE_ID, CONFIGURATION };
enum { COMP_FIRST = 1, COMP_LAST = 16, PCE_SVN = 17, CPU_SVN = 18 };
enum { DYNAMIC_PLATFORM = 1, CACHED_KEYS, SMT_ENABLED };

#define BIT(n) (1U << (n))

bool mse_cert_sgx_extension(const struct mse_cert *c, struct mse_bytes *value)
{
    return mse_cert_extension(c, mse_bytes_of(oid_sgx, sizeof oid_sgx), value, NULL);
}

/* The last arc of an OID below `parent`; 0 if it is another one. */
static unsigned last_arc(struct mse_bytes oid, const uint8_t *parent, size_t parent_len)
{
    if (oid.len != parent_len + 1 || !mse_mem_equal(oid.data, parent, parent_len) ||
        oid.data[parent_len] >= 31) {
        return 0;
    }
    return oid.data[parent_len];
}

/* Takes SEQUENCE { OID, value }; the value is left in *value. */
static bool rd_member(struct mse_bytes *in, struct mse_bytes *oid, struct mse_bytes *value)
{
    struct mse_bytes seq = { 0 };
    if (!mse_der_get(in, MSE_DER_SEQUENCE, &seq) || !mse_der_oid(&seq, oid)) {
        return false;
    }
    *value = seq;
    return true;
}

static bool rd_octets(struct mse_bytes *in, uint8_t *out, size_t len)
{
    struct mse_bytes c = { 0 };
    return mse_der_get(in, MSE_DER_OCTETS, &c) && c.len == len && mse_rd_copy(&c, out, len);
}

static bool rd_uint(struct mse_bytes *in, uint64_t max, uint64_t *out)
{
    return mse_der_uint64(in, out) && *out <= max;
}

static bool rd_tcb_member(struct mse_pck_ext *e, unsigned number, struct mse_bytes *value)
{
    uint64_t n = 0;
    if (number >= COMP_FIRST && number <= COMP_LAST) {
        if (!rd_uint(value, UINT8_MAX, &n)) {
            return false;
        }
        e->comp_svn[number - COMP_FIRST] = (uint8_t)n;
        return true;
    }
    if (number == PCE_SVN) {
        if (!rd_uint(value, UINT16_MAX, &n)) {
            return false;
        }
        e->pce_svn = (uint16_t)n;
        return true;
    }
    return rd_octets(value, e->cpu_svn, sizeof e->cpu_svn);
}

static bool rd_tcb(struct mse_pck_ext *e, struct mse_bytes *in)
{
    static const uint8_t parent[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x02 };
    const uint32_t all = BIT(CPU_SVN + 1) - BIT(COMP_FIRST);
    struct mse_bytes list = { 0 };
    uint32_t seen = 0;
    if (!mse_der_get(in, MSE_DER_SEQUENCE, &list)) {
        return false;
    }
    while (list.len > 0) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes value = { 0 };
        if (!rd_member(&list, &oid, &value)) {
            return false;
        }
        unsigned number = last_arc(oid, parent, sizeof parent);
        if (number < COMP_FIRST || number > CPU_SVN || (seen & BIT(number)) != 0 ||
            !rd_tcb_member(e, number, &value) || value.len != 0) {
            return false;
        }
        seen |= BIT(number);
    }
    return seen == all;
}

static bool rd_configuration(struct mse_pck_ext *e, struct mse_bytes *in)
{
    static const uint8_t parent[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x07 };
    bool *const flags[] = {
        [DYNAMIC_PLATFORM] = &e->dynamic_platform,
        [CACHED_KEYS] = &e->cached_keys,
        [SMT_ENABLED] = &e->smt_enabled,
    };
    struct mse_bytes list = { 0 };
    uint32_t seen = 0;
    if (!mse_der_get(in, MSE_DER_SEQUENCE, &list)) {
        return false;
    }
    while (list.len > 0) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes value = { 0 };
        if (!rd_member(&list, &oid, &value)) {
            return false;
        }
        unsigned number = last_arc(oid, parent, sizeof parent);
        if (number < DYNAMIC_PLATFORM || number > SMT_ENABLED) {
            continue; /* a later profile may say more */
        }
        if ((seen & BIT(number)) != 0 || !mse_der_bool(&value, flags[number]) || value.len != 0) {
            return false;
        }
        seen |= BIT(number);
    }
    e->has_configuration = true;
    return true;
}

static bool rd_sgx_type(struct mse_pck_ext *e, struct mse_bytes *in)
{
    struct mse_bytes c = { 0 };
    e->has_sgx_type = true;
    return mse_der_get(in, MSE_DER_ENUMERATED, &c) && c.len == 1 && c.data[0] <= 2 &&
           mse_rd_u8(&c, &e->sgx_type);
}

static bool rd_value(struct mse_pck_ext *e, unsigned number, struct mse_bytes *in)
{
    switch (number) {
    case PPID:
        return rd_octets(in, e->ppid, sizeof e->ppid);
    case TCB:
        return rd_tcb(e, in);
    case PCE_ID:
        return rd_octets(in, e->pce_id, sizeof e->pce_id);
    case FMSPC:
        return rd_octets(in, e->fmspc, sizeof e->fmspc);
    case SGX_TYPE:
        return rd_sgx_type(e, in);
    case PLATFORM_INSTANCE_ID:
        e->has_platform_instance_id = true;
        return rd_octets(in, e->platform_instance_id, sizeof e->platform_instance_id);
    case CONFIGURATION:
        return rd_configuration(e, in);
    default:
        return mse_rd_skip(in, in->len); /* a later profile may say more */
    }
}

mse_status mse_pck_ext_parse(struct mse_pck_ext *out, struct mse_bytes value, struct mse_error *err)
{
    const uint32_t mandatory = BIT(PPID) | BIT(TCB) | BIT(PCE_ID) | BIT(FMSPC);
    struct mse_pck_ext e = { 0 };
    struct mse_bytes list = { 0 };
    uint32_t seen = 0;
    if (!mse_der_get(&value, MSE_DER_SEQUENCE, &list) || value.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "SGX extension", "not one DER SEQUENCE");
    }
    while (list.len > 0) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes v = { 0 };
        if (!rd_member(&list, &oid, &v)) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "SGX extension", "malformed member");
        }
        unsigned number = last_arc(oid, oid_sgx, sizeof oid_sgx);
        bool twice = number != 0 && (seen & BIT(number)) != 0;
        if (twice || !rd_value(&e, number, &v) || v.len != 0) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "SGX extension", "member %u is %s", number,
                            twice ? "there twice" : "malformed");
        }
        seen |= BIT(number);
    }
    if ((seen & mandatory) != mandatory) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "SGX extension",
                        "a mandatory member is missing (seen 0x%02x, wanted 0x%02x)", seen,
                        mandatory);
    }
    *out = e;
    return MSE_OK;
}
