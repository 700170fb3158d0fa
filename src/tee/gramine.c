/* SPDX-License-Identifier: Apache-2.0 */
/* Driver of SGX enclaves under Gramine, whose library OS offers what the processor does as files
 * of /dev/attestation. The report is the processor's own word; a quote comes from the host's
 * quoting enclave by way of AESM, and is held against that report. No file is held open, as a
 * process that holds a key's file open does not survive a fork there (Gramine 1.9). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "tee/driver.h"
#include "tee/event.h"
#include "tee/root.h"

#define STEP "tee"
/* Below the root, which tests put elsewhere. */
#define FOLDER       "dev/attestation/"
#define TYPE         FOLDER "attestation_type"
#define DATA         FOLDER "user_report_data"
#define REPORT       FOLDER "report"
#define QUOTE        FOLDER "quote"
#define KEYS         FOLDER "keys/"
#define SEAL_KEY     KEYS "_sgx_mrenclave"
#define MANIFEST     "mse/manifest.json"
#define KEY_LEN      ((size_t)16)
#define REPORT_LEN   ((size_t)432)
#define BODY_LEN     ((size_t)384)
#define QUOTE_MAX    ((size_t)8192)
#define TYPE_MAX     ((size_t)32)
#define INFO         "mse gramine seal key v1"
#define MANIFEST_MAX ((size_t)128 * 1024)

struct mse_tee {
    int root_fd;
    pthread_mutex_t lock; /* from the report data to the quote: there is one of each */
    struct mse_sgx_report self;
};

/* ---- files ---- */

static mse_status fail(struct mse_error *err, const char *file, int e)
{
    bool absent = e == ENOENT || e == ENOTDIR;
    return MSE_FAIL(err, absent ? MSE_ERR_UNSUPPORTED : MSE_ERR_IO, STEP, "/%s: %s", file,
                    strerror(e));
}

/* The whole of a file of at most out->max bytes. */
static mse_status read_file(struct mse_build *out, const struct mse_tee *t, const char *file,
                            struct mse_error *err)
{
    uint8_t chunk[4096];
    size_t got = sizeof chunk;
    bool good = true;
    int fd = openat(t->root_fd, file, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && good && got == sizeof chunk && mse_build_ok(out)) {
        good = mse_io_read(fd, chunk, sizeof chunk, &got);
        mse_wr_copy(out, chunk, good ? got : 0);
    }
    int e = errno;
    mse_wipe(chunk, sizeof chunk);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (fd < 0 || !good) {
        return fail(err, file, e);
    }
    return mse_build_ok(out) ? MSE_OK
                             : MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "/%s: too long", file);
}

/* A file of exactly len bytes. */
static mse_status read_exactly(uint8_t *buf, size_t len, const struct mse_tee *t, const char *file,
                               struct mse_error *err)
{
    struct mse_build b;
    mse_build_heap(&b, len + 1);
    mse_status st = read_file(&b, t, file, err);
    if (st == MSE_OK && b.len != len) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "/%s: %zu bytes, wanted %zu", file, b.len, len);
    }
    if (st == MSE_OK) {
        memcpy(buf, b.data, len);
    }
    mse_build_clear(&b);
    return st;
}

/* In a single write(2): each one replaces the whole value. */
static mse_status write_file(const struct mse_tee *t, const char *file, struct mse_bytes value,
                             struct mse_error *err)
{
    int fd = openat(t->root_fd, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, file, errno);
    }
    ssize_t n = write(fd, value.data, value.len);
    int e = n < 0 ? errno : EIO;
    if (close(fd) != 0 && n >= 0) {
        e = errno;
        n = -1;
    }
    return n == (ssize_t)value.len ? MSE_OK : fail(err, file, e);
}

/* ---- life ---- */

static void gramine_close(struct mse_tee *t)
{
    if (t == NULL) {
        return;
    }
    if (t->root_fd >= 0) {
        (void)close(t->root_fd);
    }
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static mse_status check_type(const struct mse_tee *t, struct mse_error *err)
{
    char seen[2 * TYPE_MAX];
    struct mse_error e = { 0 };
    struct mse_build type;
    mse_build_heap(&type, TYPE_MAX);
    mse_status st = read_file(&type, t, TYPE, &e);
    if (st != MSE_OK) {
        st = MSE_FAIL(err, st, STEP, "%s; wanted Gramine's, on SGX", e.text);
    }
    if (st == MSE_OK && !mse_bytes_is_str(mse_build_view(&type), "dcap")) {
        (void)mse_log_quote(seen, sizeof seen, mse_build_view(&type));
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                      "/" TYPE " says %s, wanted dcap (sgx.remote_attestation of the manifest)",
                      seen);
    }
    mse_build_clear(&type);
    return st;
}

/* What the processor says of this enclave. */
static mse_status look(struct mse_tee *t, struct mse_error *err)
{
    uint8_t report[REPORT_LEN];
    mse_status st = check_type(t, err);
    st = st == MSE_OK ? read_exactly(report, sizeof report, t, REPORT, err) : st;
    return st == MSE_OK ? mse_sgx_report_parse(&t->self, mse_bytes_of(report, BODY_LEN), err) : st;
}

static mse_status gramine_open(struct mse_tee **out, int control_fd, struct mse_error *err)
{
    struct mse_tee *t = calloc(1, sizeof *t);
    if (t == NULL || pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        if (control_fd >= 0) {
            (void)close(control_fd);
        }
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "no memory");
    }
    t->root_fd = control_fd;
    mse_status st = mse_tee_root(&t->root_fd, err);
    st = st == MSE_OK ? look(t, err) : st;
    if (st != MSE_OK) {
        gramine_close(t);
        return st;
    }
    *out = t;
    return MSE_OK;
}

/* ---- quotes ---- */

static bool same_enclave(const struct mse_sgx_report *a, const struct mse_sgx_report *b)
{
    return mse_mem_equal(a->cpu_svn, b->cpu_svn, sizeof a->cpu_svn) &&
           a->misc_select == b->misc_select && a->attr_flags == b->attr_flags &&
           a->attr_xfrm == b->attr_xfrm &&
           mse_mem_equal(a->mr_enclave, b->mr_enclave, sizeof a->mr_enclave) &&
           mse_mem_equal(a->mr_signer, b->mr_signer, sizeof a->mr_signer) &&
           mse_mem_equal(a->config_id, b->config_id, sizeof a->config_id) &&
           a->isv_prod_id == b->isv_prod_id && a->isv_svn == b->isv_svn &&
           a->config_svn == b->config_svn;
}

/* The quote is made when its file is opened. */
static mse_status read_quote(struct mse_build *out, const struct mse_tee *t, struct mse_error *err)
{
    struct mse_error e = { 0 };
    mse_status st = read_file(out, t, QUOTE, &e);
    if (st == MSE_ERR_IO) {
        return MSE_FAIL(err, st, STEP,
                        "%s: the quote could not be made; does AESM run on the host "
                        "(/var/run/aesmd/aesm.socket)?",
                        e.text);
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STEP, "%s", e.text);
}

static mse_status make_quote(struct mse_build *out, struct mse_tee *t,
                             const uint8_t report_data[64], struct mse_error *err)
{
    (void)pthread_mutex_lock(&t->lock);
    mse_status st = write_file(t, DATA, mse_bytes_of(report_data, 64), err);
    st = st == MSE_OK ? read_quote(out, t, err) : st;
    (void)pthread_mutex_unlock(&t->lock);
    return st;
}

static mse_status gramine_quote(struct mse_tee *t, struct mse_build *out,
                                const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_build raw;
    struct mse_sgx_quote q;
    mse_build_heap(&raw, QUOTE_MAX);
    mse_status st = make_quote(&raw, t, report_data, err);
    st = st == MSE_OK ? mse_sgx_quote_parse(&q, mse_build_view(&raw), err) : st;
    if (st == MSE_OK &&
        (!mse_mem_equal(q.body.report_data, report_data, 64) || !same_enclave(&q.body, &t->self))) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                      "the quote is over other data, or of another enclave than this");
    }
    size_t before = out->len;
    if (st == MSE_OK) {
        mse_wr_bytes(out, mse_build_view(&raw));
        st = mse_build_ok(out) ? MSE_OK
                               : MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "the quote does not fit");
    }
    mse_build_clear(&raw);
    if (st != MSE_OK) {
        out->len = before;
    }
    return st;
}

/* ---- manifest and keys ---- */

/* Gramine's own manifest, which is measured, names the hash of this file and of no other; Gramine
 * opens it only if it has that hash. */
static mse_status gramine_check_manifest(struct mse_tee *t, struct mse_bytes manifest,
                                         struct mse_error *err)
{
    struct mse_build trusted;
    struct mse_error e = { 0 };
    mse_build_heap(&trusted, MANIFEST_MAX);
    mse_status st = read_file(&trusted, t, MANIFEST, &e);
    if (st != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                      "%s: the trusted file cannot be read", e.text);
    } else if (!mse_bytes_equal(mse_build_view(&trusted), manifest)) {
        st = MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                      "it is not the trusted file /" MANIFEST);
    }
    mse_build_clear(&trusted);
    return st;
}

static void gramine_seal_version(const struct mse_tee *t, uint8_t out[MSE_TEE_VERSION_LEN])
{
    _Static_assert(sizeof t->self.cpu_svn == MSE_TEE_VERSION_LEN, "CPUSVN");
    memcpy(out, t->self.cpu_svn, sizeof t->self.cpu_svn);
}

/* The processor would give keys of an older CPUSVN, too; Gramine asks for the present one only. */
static mse_status check_version(const struct mse_tee *t, const uint8_t *version,
                                struct mse_error *err)
{
    char seen[2 * MSE_TEE_VERSION_LEN + 1];
    char wanted[2 * MSE_TEE_VERSION_LEN + 1];
    if (mse_mem_equal(version, t->self.cpu_svn, MSE_TEE_VERSION_LEN)) {
        return MSE_OK;
    }
    mse_hex_encode(seen, mse_bytes_of(version, MSE_TEE_VERSION_LEN));
    mse_hex_encode(wanted, mse_bytes_of(t->self.cpu_svn, MSE_TEE_VERSION_LEN));
    return MSE_FAIL(err, MSE_ERR_STATE_FOREIGN, STEP,
                    "sealed under CPUSVN %s, and the processor is at %s since an update of its "
                    "microcode: Gramine has no key of another",
                    seen, wanted);
}

/* Gramine uses keys of this kind for files of its own: what seals ours is derived from it. */
static mse_status gramine_seal_key(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                                   struct mse_error *err)
{
    static const struct mse_bytes none = { 0 };
    uint8_t key[KEY_LEN] = { 0 };
    mse_status st = check_version(t, version, err);
    st = st == MSE_OK ? read_exactly(key, sizeof key, t, SEAL_KEY, err) : st;
    if (st == MSE_OK && mse_mem_is_zero(key, sizeof key)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "/" SEAL_KEY ": all zeros");
    }
    if (st == MSE_OK) {
        st = mse_hkdf_sha256(out, 32, mse_bytes_of(key, sizeof key), none, mse_bytes_str(INFO));
    }
    mse_wipe(key, sizeof key);
    return st;
}

static mse_status gramine_file_key(struct mse_tee *t, const char *name, const uint8_t key[16],
                                   struct mse_error *err)
{
    char file[64];
    int n = snprintf(file, sizeof file, KEYS "%s", name);
    if (n < 0 || (size_t)n >= sizeof file) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "a key's name is too long");
    }
    return write_file(t, file, mse_bytes_of(key, KEY_LEN), err);
}

const struct mse_tee_ops mse_tee_gramine = {
    .name = "gramine",
    .kind = MSE_TEE_SGX,
    .simulated = false,
    .library_os = true,
    .open = gramine_open,
    .close = gramine_close,
    .quote = gramine_quote,
    .check_manifest = gramine_check_manifest,
    .seal_key = gramine_seal_key,
    .seal_version = gramine_seal_version,
    .counter = NULL,
    .file_key = gramine_file_key,
    .event = mse_tee_event_line,
};
