/* SPDX-License-Identifier: Apache-2.0 */
/* A loaded platform: the CPU and its quoting enclave. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "sim/authority.h"
#include "sim/files.h"

#define FUSE_LEN      32
#define AUTH_DATA_LEN 32
#define XFRM          0xe7ULL
#define QE_FLAGS      (MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT | MSE_SGX_FLAG_PROVISION_KEY)
#define QUOTE_VERSION 3
#define AK_TYPE_P256  2
#define CHAIN_MAX     ((size_t)16 * 1024)

static const uint8_t intel_qe_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                             0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

struct mse_sim_platform {
    struct mse_pck_ext pck;
    struct mse_privkey *signer_key;
    struct mse_privkey *attestation_key; /* made at load: a restarted quoting enclave */
    uint8_t mr_signer[32];
    uint8_t fuse[FUSE_LEN];
    uint8_t qe_id[16];
    /* What is the same in all quotes of this attestation key. */
    uint8_t attestation_point[64];
    uint8_t auth_data[AUTH_DATA_LEN];
    uint8_t qe_report[MSE_SGX_REPORT_LEN];
    uint8_t qe_report_signature[64];
    struct mse_build pck_chain; /* PEM, leaf first */
    int counters_fd;            /* the folder of the counters; -1: it has none */
};

/* REPORT body, offsets as in struct mse_sgx_report. */
static void write_report(struct mse_build *b, const struct mse_sgx_report *r)
{
    mse_wr_copy(b, r->cpu_svn, sizeof r->cpu_svn);
    mse_wr_u32le(b, r->misc_select);
    mse_wr_zeros(b, 12);
    mse_wr_copy(b, r->isv_ext_prod_id, sizeof r->isv_ext_prod_id);
    mse_wr_u64le(b, r->attr_flags);
    mse_wr_u64le(b, r->attr_xfrm);
    mse_wr_copy(b, r->mr_enclave, sizeof r->mr_enclave);
    mse_wr_zeros(b, 32);
    mse_wr_copy(b, r->mr_signer, sizeof r->mr_signer);
    mse_wr_zeros(b, 32);
    mse_wr_copy(b, r->config_id, sizeof r->config_id);
    mse_wr_u16le(b, r->isv_prod_id);
    mse_wr_u16le(b, r->isv_svn);
    mse_wr_u16le(b, r->config_svn);
    mse_wr_zeros(b, 42);
    mse_wr_copy(b, r->isv_family_id, sizeof r->isv_family_id);
    mse_wr_copy(b, r->report_data, sizeof r->report_data);
}

/* The quoting enclave's report over its attestation key: SHA-256(key || auth data) || 0. */
static mse_status make_qe_report(struct mse_sim_platform *p)
{
    struct mse_sgx_report r = {
        .attr_flags = QE_FLAGS,
        .attr_xfrm = XFRM,
        .isv_prod_id = MSE_SIM_QE_ISV_PROD_ID,
        .isv_svn = MSE_SIM_QE_ISV_SVN,
    };
    memcpy(r.cpu_svn, p->pck.cpu_svn, sizeof r.cpu_svn);
    mse_status st = mse_sha256(r.mr_enclave, mse_bytes_str(MSE_SIM_QE_MRENCLAVE));
    if (st == MSE_OK) {
        st = mse_sha256(r.mr_signer, mse_bytes_str(MSE_SIM_QE_MRSIGNER));
    }
    if (st == MSE_OK) {
        st = mse_sha256_2(r.report_data,
                          mse_bytes_of(p->attestation_point, sizeof p->attestation_point),
                          mse_bytes_of(p->auth_data, sizeof p->auth_data));
    }
    struct mse_build b;
    mse_build_fixed(&b, p->qe_report, sizeof p->qe_report);
    write_report(&b, &r);
    MSE_ASSERT(mse_build_ok(&b) && b.len == sizeof p->qe_report);
    return st;
}

static mse_status certify(struct mse_sim_platform *p, const struct mse_privkey *pck_key)
{
    mse_status st = mse_privkey_generate_p256(&p->attestation_key);
    if (st == MSE_OK) {
        st = mse_privkey_point(p->attestation_key, p->attestation_point);
    }
    if (st == MSE_OK) {
        st = mse_random(p->auth_data, sizeof p->auth_data);
    }
    if (st == MSE_OK) {
        st = make_qe_report(p);
    }
    if (st == MSE_OK) {
        st = mse_p256_sign(pck_key, p->qe_report_signature,
                           mse_bytes_of(p->qe_report, sizeof p->qe_report));
    }
    return st;
}

static mse_status load_signer(struct mse_sim_platform *p, int dir_fd, struct mse_error *err)
{
    uint8_t modulus[384];
    mse_status st = mse_sim_key_read(&p->signer_key, dir_fd, "signer_key.pem", err);
    if (st == MSE_OK) {
        st = mse_privkey_rsa_modulus_le(p->signer_key, modulus);
    }
    if (st == MSE_OK) {
        st = mse_sha256(p->mr_signer, mse_bytes_of(modulus, sizeof modulus));
    }
    return st;
}

static mse_status load_fuse(struct mse_sim_platform *p, int dir_fd, struct mse_error *err)
{
    struct mse_build b;
    mse_build_heap(&b, MSE_SIM_FILE_MAX);
    mse_status st = mse_sim_file_read(&b, dir_fd, "fuse.key", err);
    if (st == MSE_OK && b.len != sizeof p->fuse) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "fuse.key", "fuse.key: %zu bytes, wanted %zu", b.len,
                      sizeof p->fuse);
    }
    if (st == MSE_OK) {
        memcpy(p->fuse, b.data, sizeof p->fuse);
    }
    mse_build_clear(&b);
    return st;
}

/* Reads the chain and its key, which must belong to each other. */
static mse_status load_pck(struct mse_sim_platform *p, int dir_fd, struct mse_error *err)
{
    struct mse_sim_authority a = { 0 };
    struct mse_privkey *key = NULL;
    uint8_t certified[64] = { 0 };
    uint8_t point[64];
    mse_status st = mse_sim_file_read(&p->pck_chain, dir_fd, "pck.pem", err);
    if (st == MSE_OK) {
        st = mse_sim_pck_read(&a, certified, mse_build_view(&p->pck_chain), err);
    }
    if (st == MSE_OK) {
        st = mse_sim_key_read(&key, dir_fd, "pck_key.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_privkey_point(key, point);
    }
    if (st == MSE_OK && !mse_mem_equal(point, certified, sizeof point)) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "pck_key.pem", "pck_key.pem is not the key of pck.pem");
    }
    if (st == MSE_OK) {
        p->pck = a.pck;
        st = certify(p, key);
    }
    mse_privkey_free(key);
    if (st == MSE_OK) {
        st = mse_sim_file_read(&p->pck_chain, dir_fd, "platform_ca.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_read(&p->pck_chain, dir_fd, "root.pem", err);
    }
    return st;
}

static mse_status load_all(struct mse_sim_platform *p, int dir_fd, struct mse_error *err)
{
    mse_status st = load_pck(p, dir_fd, err);
    if (st == MSE_OK) {
        st = load_signer(p, dir_fd, err);
    }
    if (st == MSE_OK) {
        st = load_fuse(p, dir_fd, err);
    }
    uint8_t digest[32];
    if (st == MSE_OK) {
        st = mse_sha256_2(digest, mse_bytes_str("mse simulated quoting enclave: id"),
                          mse_bytes_of(p->pck.ppid, sizeof p->pck.ppid));
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "platform", "could not be loaded");
    }
    memcpy(p->qe_id, digest, sizeof p->qe_id);
    return MSE_OK;
}

mse_status mse_sim_load(struct mse_sim_platform **out, const char *dir, struct mse_error *err)
{
    int dir_fd = -1;
    mse_status st = mse_sim_dir_open(&dir_fd, dir, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_sim_platform *p = calloc(1, sizeof *p);
    if (p != NULL) {
        mse_build_heap(&p->pck_chain, CHAIN_MAX);
        p->counters_fd = openat(dir_fd, "counters", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        st = load_all(p, dir_fd, err);
    } else {
        st = MSE_ERR_MEMORY;
    }
    (void)close(dir_fd);
    if (st != MSE_OK) {
        mse_sim_free(p);
        return st;
    }
    *out = p;
    return MSE_OK;
}

void mse_sim_free(struct mse_sim_platform *p)
{
    if (p == NULL) {
        return;
    }
    mse_privkey_free(p->signer_key);
    mse_privkey_free(p->attestation_key);
    mse_build_clear(&p->pck_chain);
    if (p->counters_fd >= 0) {
        (void)close(p->counters_fd);
    }
    mse_wipe(p, sizeof *p);
    free(p);
}

mse_status mse_sim_mrsigner(const struct mse_sim_platform *p, uint8_t out[32])
{
    memcpy(out, p->mr_signer, sizeof p->mr_signer);
    return MSE_OK;
}

const struct mse_privkey *mse_sim_signer_borrow(const struct mse_sim_platform *p)
{
    return p->signer_key;
}

/* Header, 48 bytes, and report body: what the attestation key signs. */
static void write_signed_part(struct mse_build *b, const struct mse_sim_platform *p,
                              const struct mse_sim_report *r)
{
    mse_wr_u16le(b, QUOTE_VERSION);
    mse_wr_u16le(b, AK_TYPE_P256);
    mse_wr_u32le(b, 0);
    mse_wr_u16le(b, MSE_SIM_QE_ISV_SVN);
    mse_wr_u16le(b, p->pck.pce_svn);
    mse_wr_copy(b, intel_qe_vendor, sizeof intel_qe_vendor);
    mse_wr_copy(b, p->qe_id, sizeof p->qe_id);
    mse_wr_zeros(b, 4);
    struct mse_sgx_report body = {
        .attr_flags = r->attr_flags,
        .attr_xfrm = XFRM,
        .isv_prod_id = r->isv_prod_id,
        .isv_svn = r->isv_svn,
    };
    memcpy(body.cpu_svn, p->pck.cpu_svn, sizeof body.cpu_svn);
    memcpy(body.mr_enclave, r->mr_enclave, sizeof body.mr_enclave);
    memcpy(body.mr_signer, r->mr_signer, sizeof body.mr_signer);
    memcpy(body.report_data, r->report_data, sizeof body.report_data);
    write_report(b, &body);
}

/* Signature data of a v3 quote; the PEM chain counts its trailing NUL, as real ones do. */
static void write_signature_data(struct mse_build *b, const struct mse_sim_platform *p,
                                 const uint8_t signature[64])
{
    size_t chain_len = p->pck_chain.len + 1;
    size_t len = 64 + 64 + sizeof p->qe_report + 64 + 2 + sizeof p->auth_data + 2 + 4 + chain_len;
    mse_wr_u32le(b, (uint32_t)len);
    mse_wr_copy(b, signature, 64);
    mse_wr_copy(b, p->attestation_point, sizeof p->attestation_point);
    mse_wr_copy(b, p->qe_report, sizeof p->qe_report);
    mse_wr_copy(b, p->qe_report_signature, sizeof p->qe_report_signature);
    mse_wr_u16le(b, AUTH_DATA_LEN);
    mse_wr_copy(b, p->auth_data, sizeof p->auth_data);
    mse_wr_u16le(b, MSE_CERT_TYPE_PCK_CHAIN);
    mse_wr_u32le(b, (uint32_t)chain_len);
    mse_wr_bytes(b, mse_build_view(&p->pck_chain));
    mse_wr_u8(b, 0);
}

mse_status mse_sim_quote(const struct mse_sim_platform *p, struct mse_build *out,
                         const struct mse_sim_report *r, struct mse_error *err)
{
    uint8_t signed_part[48 + MSE_SGX_REPORT_LEN];
    uint8_t signature[64];
    struct mse_build b;
    mse_build_fixed(&b, signed_part, sizeof signed_part);
    write_signed_part(&b, p, r);
    MSE_ASSERT(mse_build_ok(&b) && b.len == sizeof signed_part);
    mse_status st =
        mse_p256_sign(p->attestation_key, signature, mse_bytes_of(signed_part, sizeof signed_part));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "quote", "could not be signed");
    }
    mse_wr_copy(out, signed_part, sizeof signed_part);
    write_signature_data(out, p, signature);
    if (!mse_build_ok(out)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "quote", "does not fit into the caller's buffer");
    }
    return MSE_OK;
}

mse_status mse_sim_seal_key(const struct mse_sim_platform *p, uint8_t out[32],
                            const uint8_t mr_enclave[32], uint64_t attr_flags)
{
    /* As EGETKEY does, attributes take part: a debug enclave gets other keys. */
    uint8_t info_buf[64];
    struct mse_build info;
    mse_build_fixed(&info, info_buf, sizeof info_buf);
    mse_wr_str(&info, "mse sim seal v1");
    mse_wr_copy(&info, mr_enclave, 32);
    mse_wr_u64le(&info, attr_flags);
    MSE_ASSERT(mse_build_ok(&info));
    struct mse_bytes none = { 0 };
    return mse_hkdf_sha256(out, 32, mse_bytes_of(p->fuse, sizeof p->fuse), none,
                           mse_build_view(&info));
}

/* The counter's file holds its count, u64be; without one it is 0. */
static mse_status count(int dir_fd, uint64_t *out, const char *name, bool advance)
{
    uint8_t buf[16];
    uint64_t now = 0;
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_status st = mse_sim_file_read(&b, dir_fd, name, NULL);
    struct mse_bytes in = mse_build_view(&b);
    if (st == MSE_ERR_NOT_FOUND) {
        st = MSE_OK;
    } else if (st == MSE_OK && (!mse_rd_u64be(&in, &now) || in.len != 0)) {
        st = MSE_ERR_MALFORMED;
    }
    if (st == MSE_OK && advance && !mse_add_u64(now, 1, &now)) {
        st = MSE_ERR_NO_SPACE;
    }
    if (st == MSE_OK && advance) {
        mse_build_fixed(&b, buf, sizeof buf);
        mse_wr_u64be(&b, now);
        st = mse_sim_file_replace(dir_fd, name, 0600, mse_build_view(&b), NULL);
    }
    if (st == MSE_OK) {
        *out = now;
    }
    return st;
}

mse_status mse_sim_counter(const struct mse_sim_platform *p, uint64_t *out,
                           const uint8_t mr_enclave[32], const uint8_t id[16], bool advance)
{
    uint8_t digest[32];
    char name[65];
    if (p->counters_fd < 0) {
        return MSE_ERR_UNSUPPORTED;
    }
    mse_status st = mse_sha256_2(digest, mse_bytes_of(mr_enclave, 32), mse_bytes_of(id, 16));
    if (st != MSE_OK) {
        return st;
    }
    mse_hex_encode(name, mse_bytes_of(digest, sizeof digest));
    /* Launchers of one platform may run at the same time; so may two of one enclave. Each opens the
     * folder anew, as a lock belongs to what was opened. */
    int lock = openat(p->counters_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    st = lock >= 0 && flock(lock, LOCK_EX) == 0 ? count(p->counters_fd, out, name, advance)
                                                : MSE_ERR_IO;
    if (lock >= 0) {
        (void)close(lock);
    }
    return st;
}
