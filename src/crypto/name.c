/* SPDX-License-Identifier: Apache-2.0 */
/* Names and algorithm identifiers (RFC 5280 §4.1.1.2, §4.1.2.4). */
#include "base/bytes.h"
#include "crypto/der.h"
#include "crypto/x509_internal.h"

#define TAG_NUMERIC   0x12
#define TAG_PRINTABLE 0x13
#define TAG_T61       0x14
#define TAG_IA5       0x16

bool mse_rd_whole(struct mse_bytes *in, uint8_t tag, struct mse_bytes *whole)
{
    struct mse_bytes p = *in;
    struct mse_bytes content = { 0 };
    uint8_t seen = 0;
    if (!mse_der_any(&p, &seen, &content, whole) || seen != tag) {
        return false;
    }
    *in = p;
    return true;
}

/* Parameters of an algorithm: a curve, NULL or a structure (which nobody here looks into). */
static bool parameters_ok(struct mse_bytes in)
{
    struct mse_bytes content = { 0 };
    uint8_t tag = 0;
    struct mse_bytes oid = in;
    if (!mse_der_any(&in, &tag, &content, NULL) || in.len != 0) {
        return false;
    }
    switch (tag) {
    case MSE_DER_SEQUENCE:
        return true;
    case MSE_DER_NULL:
        return content.len == 0;
    case MSE_DER_OID:
        return mse_der_oid(&oid, &content);
    default:
        return false;
    }
}

bool mse_rd_algorithm(struct mse_bytes *in, struct mse_bytes *whole)
{
    struct mse_bytes p = *in;
    struct mse_bytes alg = { 0 };
    struct mse_bytes oid = { 0 };
    if (!mse_der_get(&p, MSE_DER_SEQUENCE, &alg) || !mse_der_oid(&alg, &oid) ||
        (alg.len > 0 && !parameters_ok(alg))) {
        return false;
    }
    return mse_rd_whole(in, MSE_DER_SEQUENCE, whole);
}

/* Takes AttributeTypeAndValue. Only string types whose text every reader takes for the same. */
static bool rd_attribute(struct mse_bytes *in, struct mse_bytes *oid, struct mse_bytes *value)
{
    struct mse_bytes attr = { 0 };
    uint8_t tag = 0;
    if (!mse_der_get(in, MSE_DER_SEQUENCE, &attr) || !mse_der_oid(&attr, oid) ||
        !mse_der_any(&attr, &tag, value, NULL) || attr.len != 0) {
        return false;
    }
    switch (tag) {
    case MSE_DER_UTF8:
        return mse_utf8_valid(*value);
    case TAG_NUMERIC:
    case TAG_PRINTABLE:
    case TAG_T61:
    case TAG_IA5:
        return true;
    default:
        return false;
    }
}

/* Goes over a whole Name; *last_cn gets the last commonName, or stays. */
static bool walk(struct mse_bytes name, struct mse_bytes *last_cn)
{
    static const uint8_t oid_cn[] = { 0x55, 0x04, 0x03 };
    struct mse_bytes rdns = { 0 };
    struct mse_bytes rdn = { 0 };
    if (!mse_der_get(&name, MSE_DER_SEQUENCE, &rdns) || name.len != 0) {
        return false;
    }
    while (rdns.len > 0) {
        if (!mse_der_get(&rdns, MSE_DER_SET, &rdn) || rdn.len == 0) {
            return false;
        }
        while (rdn.len > 0) {
            struct mse_bytes oid = { 0 };
            struct mse_bytes value = { 0 };
            if (!rd_attribute(&rdn, &oid, &value)) {
                return false;
            }
            if (mse_der_oid_is(oid, oid_cn, sizeof oid_cn)) {
                *last_cn = value;
            }
        }
    }
    return true;
}

bool mse_rd_name(struct mse_bytes *in, struct mse_bytes *whole)
{
    struct mse_bytes p = *in;
    struct mse_bytes name = { 0 };
    struct mse_bytes cn = { 0 };
    if (!mse_rd_whole(&p, MSE_DER_SEQUENCE, &name) || !walk(name, &cn)) {
        return false;
    }
    *whole = name;
    *in = p;
    return true;
}

struct mse_bytes mse_name_common_name(struct mse_bytes name)
{
    struct mse_bytes none = { 0 };
    struct mse_bytes cn = { 0 };
    return walk(name, &cn) ? cn : none;
}
