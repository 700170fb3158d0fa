/* SPDX-License-Identifier: Apache-2.0 */
/* The SGX extension of PCK certificates, against a second reader that is made of OpenSSL's
 * tokenizer and its readers of numbers and object identifiers: both take the same, and read the
 * same. Where OpenSSL alone would take more, the reason is named: BER. */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <mse/collateral.h>
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

#define SGX_OID "1.2.840.113741.1.13.1"

/* One element; content is what stands in it. DER has one way to write a length. */
static bool take(struct mse_bytes *in, int want, struct mse_bytes *whole, struct mse_bytes *content)
{
    const uint8_t *p = in->data;
    long len = 0;
    int tag = 0;
    int class = 0;
    int got = in->len == 0 ? 0x80 : ASN1_get_object(&p, &len, &tag, &class, (long)in->len);
    bool built = want == V_ASN1_SEQUENCE;
    if ((got & 0x80) != 0 || tag != want || class != V_ASN1_UNIVERSAL ||
        got != (built ? V_ASN1_CONSTRUCTED : 0)) {
        return false;
    }
    size_t all = (size_t)(p - in->data) + (size_t)len;
    if (ASN1_object_size(built ? 1 : 0, (int)len, tag) != (int)all) {
        return false; /* BER */
    }
    *whole = mse_bytes_of(in->data, all);
    *content = mse_bytes_of(p, (size_t)len);
    *in = mse_bytes_of(in->data + all, in->len - all);
    return true;
}

/* SEQUENCE { OID, the rest }; the identifier in digits. */
static bool take_member(struct mse_bytes *in, char oid[128], struct mse_bytes *rest)
{
    struct mse_bytes whole;
    struct mse_bytes ignored;
    if (!take(in, V_ASN1_SEQUENCE, &whole, rest) || !take(rest, V_ASN1_OBJECT, &whole, &ignored)) {
        return false;
    }
    const uint8_t *p = whole.data;
    ASN1_OBJECT *o = d2i_ASN1_OBJECT(NULL, &p, (long)whole.len);
    bool good = o != NULL && OBJ_obj2txt(oid, 128, o, 1) > 0;
    ASN1_OBJECT_free(o);
    return good;
}

/* The number below parent, 0 for others. */
static unsigned number_below(const char *oid, const char *parent)
{
    size_t len = strlen(parent);
    uint64_t n = 0;
    bool below = strncmp(oid, parent, len) == 0 && oid[len] == '.' &&
                 mse_u64_parse(&n, mse_bytes_str(oid + len + 1), 30);
    return below ? (unsigned)n : 0;
}

static bool take_octets(struct mse_bytes *in, uint8_t *out, size_t len)
{
    struct mse_bytes whole;
    struct mse_bytes c;
    return take(in, V_ASN1_OCTET_STRING, &whole, &c) && c.len == len && mse_rd_copy(&c, out, len);
}

static bool take_number(struct mse_bytes *in, uint64_t max, uint64_t *out)
{
    struct mse_bytes whole;
    struct mse_bytes c;
    if (!take(in, V_ASN1_INTEGER, &whole, &c)) {
        return false;
    }
    const uint8_t *p = whole.data;
    ASN1_INTEGER *i = d2i_ASN1_INTEGER(NULL, &p, (long)whole.len);
    bool good = i != NULL && ASN1_INTEGER_get_uint64(out, i) == 1 && *out <= max;
    ASN1_INTEGER_free(i);
    return good;
}

static bool take_tcb_member(struct mse_pck_ext *e, unsigned n, struct mse_bytes *in)
{
    uint64_t v = 0;
    if (n == 18) {
        return take_octets(in, e->cpu_svn, sizeof e->cpu_svn);
    }
    if (n == 17) {
        bool good = take_number(in, UINT16_MAX, &v);
        e->pce_svn = (uint16_t)v;
        return good;
    }
    bool good = n >= 1 && n <= 16 && take_number(in, UINT8_MAX, &v);
    if (good) {
        e->comp_svn[n - 1] = (uint8_t)v;
    }
    return good;
}

static bool take_tcb(struct mse_pck_ext *e, struct mse_bytes *in)
{
    struct mse_bytes whole;
    struct mse_bytes list;
    struct mse_bytes rest;
    char oid[128];
    uint32_t seen = 0;
    if (!take(in, V_ASN1_SEQUENCE, &whole, &list)) {
        return false;
    }
    while (list.len > 0) {
        if (!take_member(&list, oid, &rest)) {
            return false;
        }
        unsigned n = number_below(oid, SGX_OID ".2");
        if ((seen & 1U << n) != 0 || !take_tcb_member(e, n, &rest) || rest.len != 0) {
            return false;
        }
        seen |= 1U << n;
    }
    return seen == 0x7fffe; /* 1 to 18 */
}

static bool take_flag(struct mse_bytes *in, bool *out)
{
    struct mse_bytes whole;
    struct mse_bytes c;
    if (!take(in, V_ASN1_BOOLEAN, &whole, &c) || c.len != 1) {
        return false;
    }
    *out = c.data[0] != 0;
    return c.data[0] == 0 || c.data[0] == 0xff; /* else BER */
}

static bool take_configuration(struct mse_pck_ext *e, struct mse_bytes *in)
{
    bool *const flags[] = { NULL, &e->dynamic_platform, &e->cached_keys, &e->smt_enabled };
    struct mse_bytes whole;
    struct mse_bytes list;
    struct mse_bytes rest;
    char oid[128];
    uint32_t seen = 0;
    e->has_configuration = true;
    if (!take(in, V_ASN1_SEQUENCE, &whole, &list)) {
        return false;
    }
    while (list.len > 0) {
        if (!take_member(&list, oid, &rest)) {
            return false;
        }
        unsigned n = number_below(oid, SGX_OID ".7");
        if (n >= 1 && n <= 3 &&
            ((seen & 1U << n) != 0 || !take_flag(&rest, flags[n]) || rest.len != 0)) {
            return false;
        }
        seen |= 1U << n;
    }
    return true;
}

static bool take_type(struct mse_pck_ext *e, struct mse_bytes *in)
{
    struct mse_bytes whole;
    struct mse_bytes c;
    e->has_sgx_type = true;
    return take(in, V_ASN1_ENUMERATED, &whole, &c) && c.len == 1 && c.data[0] <= 2 &&
           mse_rd_u8(&c, &e->sgx_type);
}

static bool take_value(struct mse_pck_ext *e, unsigned n, struct mse_bytes *in)
{
    switch (n) {
    case 1:
        return take_octets(in, e->ppid, sizeof e->ppid);
    case 2:
        return take_tcb(e, in);
    case 3:
        return take_octets(in, e->pce_id, sizeof e->pce_id);
    case 4:
        return take_octets(in, e->fmspc, sizeof e->fmspc);
    case 5:
        return take_type(e, in);
    case 6:
        e->has_platform_instance_id = true;
        return take_octets(in, e->platform_instance_id, sizeof e->platform_instance_id);
    case 7:
        return take_configuration(e, in);
    default:
        in->len = 0; /* a later profile may say more */
        return true;
    }
}

static bool second_reader(struct mse_pck_ext *e, struct mse_bytes in)
{
    struct mse_bytes whole;
    struct mse_bytes list;
    struct mse_bytes rest;
    char oid[128];
    uint32_t seen = 0;
    memset(e, 0, sizeof *e);
    if (!take(&in, V_ASN1_SEQUENCE, &whole, &list) || in.len != 0) {
        return false;
    }
    while (list.len > 0) {
        if (!take_member(&list, oid, &rest)) {
            return false;
        }
        unsigned n = number_below(oid, SGX_OID);
        if ((n != 0 && (seen & 1U << n) != 0) || !take_value(e, n, &rest) || rest.len != 0) {
            return false;
        }
        seen |= 1U << n;
    }
    return (seen & 0x1e) == 0x1e; /* 1 to 4 */
}

static bool is_same(const struct mse_pck_ext *a, const struct mse_pck_ext *b)
{
    return mse_mem_equal(a->ppid, b->ppid, sizeof a->ppid) &&
           mse_mem_equal(a->cpu_svn, b->cpu_svn, sizeof a->cpu_svn) &&
           mse_mem_equal(a->comp_svn, b->comp_svn, sizeof a->comp_svn) &&
           mse_mem_equal(a->pce_id, b->pce_id, sizeof a->pce_id) &&
           mse_mem_equal(a->fmspc, b->fmspc, sizeof a->fmspc) && a->pce_svn == b->pce_svn &&
           a->has_sgx_type == b->has_sgx_type && a->sgx_type == b->sgx_type &&
           a->has_platform_instance_id == b->has_platform_instance_id &&
           mse_mem_equal(a->platform_instance_id, b->platform_instance_id,
                         sizeof a->platform_instance_id) &&
           a->has_configuration == b->has_configuration &&
           a->dynamic_platform == b->dynamic_platform && a->cached_keys == b->cached_keys &&
           a->smt_enabled == b->smt_enabled;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_pck_ext e;
    struct mse_pck_ext other;
    struct mse_pck_info info;
    struct mse_error err = { 0 };
    mse_status st = mse_pck_ext_parse(&e, in, &err);
    bool taken = second_reader(&other, in);
    ERR_clear_error();
    MSE_ASSERT(err.status == st && (st == MSE_OK || st == MSE_ERR_MALFORMED));
    MSE_ASSERT(taken == (st == MSE_OK));
    if (st == MSE_OK) {
        MSE_ASSERT(is_same(&e, &other));
        MSE_ASSERT(e.sgx_type <= 2 && size > 100);
        in.len--;
        MSE_ASSERT(mse_pck_ext_parse(&e, in, NULL) == MSE_ERR_MALFORMED);
    }
    st = mse_pck_info_parse(&info, mse_bytes_of(data, size), NULL);
    MSE_ASSERT(st != MSE_OK || (info.serial.len > 0 && info.serial.len <= 20));
    return 0;
}
