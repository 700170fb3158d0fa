/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 writer for the simulated vendor: the extensions, their order and their criticality are
 * those of Intel's certificates. */
#include "sim/pki.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"

static const uint8_t oid_cn[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_o[] = { 0x55, 0x04, 0x0a };
static const uint8_t oid_l[] = { 0x55, 0x04, 0x07 };
static const uint8_t oid_ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t oid_ski[] = { 0x55, 0x1d, 0x0e };
static const uint8_t oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t oid_basic[] = { 0x55, 0x1d, 0x13 };
static const uint8_t oid_crl_number[] = { 0x55, 0x1d, 0x14 };
static const uint8_t oid_reason[] = { 0x55, 0x1d, 0x15 };
static const uint8_t oid_crl_dp[] = { 0x55, 0x1d, 0x1f };
static const uint8_t oid_aki[] = { 0x55, 0x1d, 0x23 };
static const uint8_t oid_sgx[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

#define KEY_ID_LEN 20

static void write_name(struct mse_build *b, const char *cn)
{
    const struct mse_derw_attr attrs[] = {
        { oid_cn, sizeof oid_cn, cn },
        { oid_o, sizeof oid_o, "SIMULATION – NOT HARDWARE" },
        { oid_l, sizeof oid_l, "Nowhere" },
    };
    mse_derw_name(b, attrs, MSE_ARRAY_LEN(attrs));
}

static void write_algorithm(struct mse_build *b)
{
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, oid_ecdsa_sha256, sizeof oid_ecdsa_sha256);
    mse_derw_close(b, seq);
}

/* The leftmost 160 bits of SHA-256 over the public point (RFC 7093, method 1). */
static mse_status key_id(uint8_t out[KEY_ID_LEN], const struct mse_privkey *key)
{
    uint8_t point[65] = { 0x04 };
    uint8_t digest[32];
    mse_status st = mse_privkey_point(key, point + 1);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_sha256(digest, mse_bytes_of(point, sizeof point));
    if (st != MSE_OK) {
        return st;
    }
    memcpy(out, digest, KEY_ID_LEN);
    return MSE_OK;
}

/* Opens SEQUENCE { OID, critical?, OCTET STRING {; marks[] close it, inner first. */
static void open_extension(struct mse_build *b, size_t marks[2], struct mse_bytes oid,
                           bool critical)
{
    marks[1] = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_oid(b, oid.data, oid.len);
    if (critical) {
        mse_derw_bool(b, true);
    }
    marks[0] = mse_derw_open(b, MSE_DER_OCTETS);
}

static void close_extension(struct mse_build *b, const size_t marks[2])
{
    mse_derw_close(b, marks[0]);
    mse_derw_close(b, marks[1]);
}

static void write_aki(struct mse_build *b, const uint8_t id[KEY_ID_LEN])
{
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_aki, sizeof oid_aki), false);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_prim(b, MSE_DER_CONTEXTP(0), mse_bytes_of(id, KEY_ID_LEN));
    mse_derw_close(b, seq);
    close_extension(b, marks);
}

/* CRLDistributionPoints with one fullName URI. */
static void write_crl_dp(struct mse_build *b, const char *url)
{
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_crl_dp, sizeof oid_crl_dp), false);
    size_t points = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t point = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t name = mse_derw_open(b, MSE_DER_CONTEXT(0));
    size_t full = mse_derw_open(b, MSE_DER_CONTEXT(0));
    mse_derw_prim(b, MSE_DER_CONTEXTP(6), mse_bytes_str(url));
    mse_derw_close(b, full);
    mse_derw_close(b, name);
    mse_derw_close(b, point);
    mse_derw_close(b, points);
    close_extension(b, marks);
}

static void write_ski(struct mse_build *b, const uint8_t id[KEY_ID_LEN])
{
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_ski, sizeof oid_ski), false);
    mse_derw_prim(b, MSE_DER_OCTETS, mse_bytes_of(id, KEY_ID_LEN));
    close_extension(b, marks);
}

static void write_key_usage(struct mse_build *b, bool is_ca)
{
    /* Unused bits, then keyCertSign | cRLSign or digitalSignature | nonRepudiation. */
    static const uint8_t ca[] = { 0x01, 0x06 };
    static const uint8_t leaf[] = { 0x06, 0xc0 };
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_key_usage, sizeof oid_key_usage), true);
    mse_derw_prim(b, MSE_DER_BIT_STRING, mse_bytes_of(is_ca ? ca : leaf, 2));
    close_extension(b, marks);
}

static void write_basic(struct mse_build *b, int path_len)
{
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_basic, sizeof oid_basic), true);
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    if (path_len >= 0) {
        mse_derw_bool(b, true);
        mse_derw_uint64(b, (uint64_t)path_len);
    }
    mse_derw_close(b, seq);
    close_extension(b, marks);
}

static void write_extensions(struct mse_build *b, const struct mse_sim_cert *c,
                             const uint8_t issuer_id[KEY_ID_LEN],
                             const uint8_t subject_id[KEY_ID_LEN])
{
    size_t outer = mse_derw_open(b, MSE_DER_CONTEXT(3));
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    write_aki(b, issuer_id);
    write_crl_dp(b, c->crl_url);
    write_ski(b, subject_id);
    write_key_usage(b, c->path_len >= 0);
    write_basic(b, c->path_len);
    if (c->sgx.len > 0) {
        size_t marks[2];
        open_extension(b, marks, mse_bytes_of(oid_sgx, sizeof oid_sgx), false);
        mse_wr_bytes(b, c->sgx);
        close_extension(b, marks);
    }
    mse_derw_close(b, seq);
    mse_derw_close(b, outer);
}

/* A positive number of exactly 20 octets, as Intel's serials are. */
static mse_status random_serial(uint8_t out[MSE_SIM_SERIAL_LEN])
{
    mse_status st = mse_random(out, MSE_SIM_SERIAL_LEN);
    if (st == MSE_OK) {
        out[0] = (uint8_t)((out[0] & 0x3fU) | 0x40U);
    }
    return st;
}

static mse_status write_tbs(struct mse_build *b, const struct mse_sim_cert *c)
{
    uint8_t issuer_id[KEY_ID_LEN];
    uint8_t subject_id[KEY_ID_LEN];
    uint8_t serial[MSE_SIM_SERIAL_LEN];
    mse_status st = key_id(issuer_id, c->issuer_key);
    if (st == MSE_OK) {
        st = key_id(subject_id, c->key);
    }
    if (st == MSE_OK) {
        st = random_serial(serial);
    }
    if (st != MSE_OK) {
        return st;
    }
    size_t tbs = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t version = mse_derw_open(b, MSE_DER_CONTEXT(0));
    mse_derw_uint64(b, 2);
    mse_derw_close(b, version);
    mse_derw_uint(b, mse_bytes_of(serial, sizeof serial));
    write_algorithm(b);
    write_name(b, c->issuer_cn);
    size_t validity = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_time(b, c->not_before);
    mse_derw_time(b, c->not_after);
    mse_derw_close(b, validity);
    write_name(b, c->subject_cn);
    st = mse_privkey_spki(c->key, b);
    if (st != MSE_OK) {
        return st;
    }
    write_extensions(b, c, issuer_id, subject_id);
    mse_derw_close(b, tbs);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

/* SEQUENCE { tbs, algorithm, BIT STRING signature }. */
static mse_status write_signed(struct mse_build *out, struct mse_bytes tbs,
                               const struct mse_privkey *key)
{
    uint8_t buf[128];
    struct mse_build sig;
    mse_build_fixed(&sig, buf, sizeof buf);
    mse_status st = mse_privkey_sign(key, &sig, tbs);
    if (st != MSE_OK) {
        return st;
    }
    size_t seq = mse_derw_open(out, MSE_DER_SEQUENCE);
    mse_wr_bytes(out, tbs);
    write_algorithm(out);
    mse_derw_bits(out, mse_build_view(&sig));
    mse_derw_close(out, seq);
    return mse_build_ok(out) && mse_build_ok(&sig) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_sim_cert_make(struct mse_build *out, const struct mse_sim_cert *c)
{
    struct mse_build tbs;
    mse_build_heap(&tbs, MSE_SIM_MAX_DER);
    mse_status st = write_tbs(&tbs, c);
    if (st == MSE_OK) {
        st = write_signed(out, mse_build_view(&tbs), c->issuer_key);
    }
    mse_build_clear(&tbs);
    return st;
}

static void write_revoked(struct mse_build *b, const struct mse_sim_crl *c)
{
    static const uint8_t key_compromise = 1;
    size_t list = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t entry = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_uint(b, c->revoked);
    mse_derw_time(b, c->this_update);
    size_t extensions = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_reason, sizeof oid_reason), false);
    mse_derw_prim(b, MSE_DER_ENUMERATED, mse_bytes_of(&key_compromise, 1));
    close_extension(b, marks);
    mse_derw_close(b, extensions);
    mse_derw_close(b, entry);
    mse_derw_close(b, list);
}

static mse_status write_tbs_crl(struct mse_build *b, const struct mse_sim_crl *c)
{
    uint8_t issuer_id[KEY_ID_LEN];
    mse_status st = key_id(issuer_id, c->issuer_key);
    if (st != MSE_OK) {
        return st;
    }
    size_t tbs = mse_derw_open(b, MSE_DER_SEQUENCE);
    mse_derw_uint64(b, 1);
    write_algorithm(b);
    write_name(b, c->issuer_cn);
    mse_derw_time(b, c->this_update);
    mse_derw_time(b, c->next_update);
    if (c->revoked.len > 0) {
        write_revoked(b, c);
    }
    size_t outer = mse_derw_open(b, MSE_DER_CONTEXT(0));
    size_t seq = mse_derw_open(b, MSE_DER_SEQUENCE);
    size_t marks[2];
    open_extension(b, marks, mse_bytes_of(oid_crl_number, sizeof oid_crl_number), false);
    mse_derw_uint64(b, c->this_update > 0 ? (uint64_t)c->this_update : 0);
    close_extension(b, marks);
    write_aki(b, issuer_id);
    mse_derw_close(b, seq);
    mse_derw_close(b, outer);
    mse_derw_close(b, tbs);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_sim_crl_make(struct mse_build *out, const struct mse_sim_crl *c)
{
    struct mse_build tbs;
    mse_build_heap(&tbs, MSE_SIM_MAX_DER);
    mse_status st = write_tbs_crl(&tbs, c);
    if (st == MSE_OK) {
        st = write_signed(out, mse_build_view(&tbs), c->issuer_key);
    }
    mse_build_clear(&tbs);
    return st;
}
