/* SPDX-License-Identifier: Apache-2.0 */
/* See profile.h. */
#include "ratls/profile.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/oids.h"

#define CN_HASH_LEN   ((size_t)16) /* bytes, two digits each */
#define MAX_DNS_LABEL 63
#define GENERAL_DNS   MSE_DER_CONTEXTP(2)
#define GENERAL_IP    MSE_DER_CONTEXTP(7)

/* ---- a certificate and its CA's ---- */

bool mse_ratls_split(struct mse_bytes *leaf, struct mse_bytes *ca, struct mse_bytes ders)
{
    struct mse_bytes whole[2] = { { NULL, 0 }, { NULL, 0 } };
    size_t num = 0;
    while (ders.len > 0) {
        uint8_t tag = 0;
        struct mse_bytes content;
        if (num == 2 || !mse_der_any(&ders, &tag, &content, &whole[num]) ||
            tag != MSE_DER_SEQUENCE) {
            return false;
        }
        num++;
    }
    *leaf = whole[0];
    *ca = whole[1];
    return num > 0;
}

mse_status mse_ratls_ca_sha256(uint8_t out[32], bool *has_ca, struct mse_bytes ders)
{
    struct mse_bytes leaf;
    struct mse_bytes ca;
    struct mse_cert x;
    if (!mse_ratls_split(&leaf, &ca, ders)) {
        return MSE_ERR_MALFORMED;
    }
    if (ca.len == 0) {
        *has_ca = false;
        return MSE_OK;
    }
    mse_status st = mse_cert_parse(&x, ca, NULL);
    st = st == MSE_OK ? mse_sha256(out, x.key.spki) : st;
    if (st == MSE_OK) {
        *has_ca = true;
    }
    return st;
}

void mse_ratls_put_pem(struct mse_build *pem, struct mse_bytes ders)
{
    struct mse_bytes leaf = ders;
    struct mse_bytes ca = { NULL, 0 };
    (void)!mse_ratls_split(&leaf, &ca, ders);
    mse_pem_write(pem, "CERTIFICATE", leaf);
    if (ca.len > 0) {
        mse_pem_write(pem, "CERTIFICATE", ca);
    }
}

mse_status mse_ratls_get_pem(struct mse_bytes *out, uint8_t *room, size_t cap, struct mse_bytes pem)
{
    size_t len = 0;
    size_t ca_len = 0;
    size_t more = 0;
    uint8_t none[1];
    mse_status st = mse_pem_next(&pem, "CERTIFICATE", room, cap, &len);
    if (st != MSE_OK) {
        return st;
    }
    bool two = mse_pem_next(&pem, "CERTIFICATE", room + len, cap - len, &ca_len) == MSE_OK &&
               mse_pem_next(&pem, "CERTIFICATE", none, sizeof none, &more) == MSE_ERR_NOT_FOUND;
    *out = mse_bytes_of(room, two ? len + ca_len : len);
    return MSE_OK;
}

/* ---- names and keys ---- */

static bool is_label(struct mse_bytes label)
{
    if (label.len == 0 || label.len > MAX_DNS_LABEL || label.data[0] == '-' ||
        label.data[label.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.data[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool mse_profile_is_dns_name(struct mse_bytes name)
{
    if (name.len > MSE_PROFILE_MAX_DNS_NAME) {
        return false;
    }
    struct mse_bytes label = { name.data, 0 };
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] != '.') {
            label.len++;
            continue;
        }
        if (!is_label(label)) {
            return false;
        }
        label = mse_bytes_of(name.data + i + 1, 0);
    }
    return is_label(label);
}

/* spec: RFC 7093 §2 method 1: the leftmost 160 bits of SHA-256 over the public key's bits */
mse_status mse_profile_key_id(uint8_t out[MSE_PROFILE_KEY_ID_LEN], struct mse_bytes point)
{
    uint8_t hash[32];
    mse_status st = mse_sha256(hash, point);
    if (st == MSE_OK) {
        memcpy(out, hash, MSE_PROFILE_KEY_ID_LEN);
    }
    return st;
}

void mse_profile_name(struct mse_build *b, const char *prefix, const uint8_t spki_sha256[32])
{
    char cn[MSE_PROFILE_CN_MAX + 2 * CN_HASH_LEN];
    char hash[2 * CN_HASH_LEN + 1];
    mse_hex_encode(hash, mse_bytes_of(spki_sha256, CN_HASH_LEN));
    int len = snprintf(cn, sizeof cn, "%s%s", prefix, hash);
    MSE_ASSERT(len > 0 && (size_t)len < sizeof cn);
    const struct mse_derw_attr attr = { mse_oid_common_name, sizeof mse_oid_common_name, cn };
    mse_derw_name(b, &attr, 1);
}

/* ---- extensions ---- */

struct mse_profile_ext mse_profile_ext(struct mse_build *b, struct mse_bytes oid, bool critical)
{
    struct mse_profile_ext e;
    e.sequence = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, oid.data, oid.len);
    if (critical) {
        mse_derw_bool(b, true);
    }
    e.value = mse_derw_open(b, MSE_DER_OCTETS);
    return e;
}

void mse_profile_ext_end(struct mse_build *b, struct mse_profile_ext e)
{
    mse_derw_close(b, e.value);
    mse_derw_close(b, e.sequence);
}

void mse_profile_put_server_auth(struct mse_build *b)
{
    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_ext_key_usage), false);
    size_t list = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, mse_oid_server_auth, sizeof mse_oid_server_auth);
    mse_derw_close(b, list);
    mse_profile_ext_end(b, e);
}

void mse_profile_put_key_id(struct mse_build *b, const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN])
{
    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_subject_key_id), false);
    mse_derw_prim(b, MSE_DER_OCTETS, mse_bytes_of(key_id, MSE_PROFILE_KEY_ID_LEN));
    mse_profile_ext_end(b, e);
}

static void put_subtree(struct mse_build *b, uint8_t tag, struct mse_bytes base)
{
    size_t subtree = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_prim(b, tag, base);
    mse_derw_close(b, subtree);
}

static bool is_below(struct mse_bytes name, struct mse_bytes parent)
{
    struct mse_bytes dot;
    return name.len > parent.len && mse_rd_skip(&name, name.len - parent.len - 1) &&
           mse_rd_bytes(&name, &dot, 1) && dot.data[0] == '.' && mse_bytes_equal(name, parent);
}

bool mse_profile_has_below(struct mse_bytes parent, const struct mse_bytes *names, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (is_below(names[i], parent)) {
            return true;
        }
    }
    return false;
}

/* spec: RFC 5280 §4.2.1.10. A permitted name includes all below it, so these are excluded, but
 * where another of the names is among them, for what is excluded cannot be permitted again; and
 * addresses are not restricted by rules for names. */
void mse_profile_constraints_all(struct mse_build *b, const struct mse_bytes *names, size_t num)
{
    static const uint8_t every_ipv4[8] = { 0 }; /* 0.0.0.0/0: address and mask */
    static const uint8_t every_ipv6[32] = { 0 };
    size_t outer = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t permitted = mse_derw_open(b, MSE_DER_CONTEXT(0));
    for (size_t i = 0; i < num; i++) {
        put_subtree(b, GENERAL_DNS, names[i]);
    }
    mse_derw_close(b, permitted);
    size_t excluded = mse_derw_open(b, MSE_DER_CONTEXT(1));
    for (size_t i = 0; i < num; i++) {
        if (mse_profile_has_below(names[i], names, num)) {
            continue;
        }
        size_t below = mse_derw_open(b, MSE_DER_SEQUENCE);
        size_t name = mse_derw_open(b, GENERAL_DNS);
        mse_wr_u8(b, '.');
        mse_wr_bytes(b, names[i]);
        mse_derw_close(b, name);
        mse_derw_close(b, below);
    }
    put_subtree(b, GENERAL_IP, MSE_OID(every_ipv4));
    put_subtree(b, GENERAL_IP, MSE_OID(every_ipv6));
    mse_derw_close(b, excluded);
    mse_derw_close(b, outer);
}

void mse_profile_constraints(struct mse_build *b, struct mse_bytes dns_name)
{
    mse_profile_constraints_all(b, &dns_name, 1);
}

void mse_profile_ca_extensions(struct mse_build *b, struct mse_bytes dns_name,
                               const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN])
{
    mse_profile_ca_extensions_all(b, &dns_name, 1, key_id);
}

void mse_profile_ca_extensions_all(struct mse_build *b, const struct mse_bytes *names, size_t num,
                                   const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN])
{
    static const uint8_t key_cert_sign[] = { 2, 0x04 }; /* two unused bits, bit 5 */
    struct mse_profile_ext e = mse_profile_ext(b, MSE_OID(mse_oid_basic_constraints), true);
    size_t basic = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_bool(b, true);
    mse_derw_uint64(b, 0); /* pathLenConstraint */
    mse_derw_close(b, basic);
    mse_profile_ext_end(b, e);

    e = mse_profile_ext(b, MSE_OID(mse_oid_key_usage), true);
    mse_derw_prim(b, MSE_DER_BIT_STRING, mse_bytes_of(key_cert_sign, sizeof key_cert_sign));
    mse_profile_ext_end(b, e);

    mse_profile_put_server_auth(b);

    e = mse_profile_ext(b, MSE_OID(mse_oid_name_constraints), true);
    mse_profile_constraints_all(b, names, num);
    mse_profile_ext_end(b, e);

    mse_profile_put_key_id(b, key_id);
}
