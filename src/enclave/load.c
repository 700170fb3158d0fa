/* SPDX-License-Identifier: Apache-2.0 */
/* See load.h. */
#include "enclave/load.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/code.h"

static mse_status read_all(struct mse_build *out, int fd, size_t max, struct mse_error *err)
{
    for (;;) {
        uint8_t chunk[4096];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return MSE_FAIL(err, MSE_ERR_IO, "manifest", "read: %s", strerror(errno));
        }
        if (n == 0) {
            return MSE_OK;
        }
        mse_wr_copy(out, chunk, (size_t)n);
        if (!mse_build_ok(out)) {
            return MSE_FAIL(err, MSE_ERR_NO_SPACE, "manifest", "more than %zu bytes", max);
        }
    }
}

static bool env_name_ok(const char *name)
{
    size_t len = strlen(name);
    bool ok = len > 0 && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        ok = ok && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_');
    }
    return ok;
}

/* It becomes part of a request line. */
static bool endpoint_ok(const char *endpoint)
{
    bool ok = endpoint[0] == '/';
    for (const char *p = endpoint; *p != '\0'; p++) {
        ok = ok && *p > ' ' && *p < 0x7f;
    }
    return ok;
}

mse_status mse_enclave_check_supported(const struct mse_manifest *m, mse_time now,
                                       struct mse_error *err)
{
    if (m->origin != MSE_ORIGIN_SELF) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "ssl_certificate_origin",
                        "only \"self\" is served by this version");
    }
    if (now >= m->expires_at) {
        char until[MSE_TIME_TEXT_LEN];
        mse_time_format(until, m->expires_at);
        return MSE_FAIL(err, MSE_ERR_CONFIG, "expires_at", "this app expired at %s", until);
    }
    for (size_t i = 0; i < m->alpn.num; i++) {
        if (strcmp(m->alpn.items[i], "http/1.1") != 0 && strcmp(m->alpn.items[i], "h2") != 0) {
            return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "alpn",
                            "\"%.60s\", wanted \"http/1.1\" or \"h2\"", m->alpn.items[i]);
        }
    }
    if (!endpoint_ok(m->healthcheck_endpoint)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "healthcheck_endpoint",
                        "wanted a path of printable ASCII characters that starts with \"/\"");
    }
    for (size_t i = 0; i < m->num_env; i++) {
        if (!env_name_ok(m->env[i].name)) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "env",
                            "\"%.60s\" is no name of an environment variable", m->env[i].name);
        }
    }
    return MSE_OK;
}

static mse_status check_measured(struct mse_bytes text, uint8_t digest[32],
                                 const struct mse_enclave_tee *tee, struct mse_error *err)
{
    uint8_t measured[32];
    mse_status st = mse_sha256(digest, text);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-256 failed");
    }
    st = tee->ops->manifest_digest(tee->t, measured, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_mem_equal(measured, digest, sizeof measured)) {
        char seen[65];
        char wanted[65];
        mse_hex_encode(seen, mse_bytes_of(digest, 32));
        mse_hex_encode(wanted, mse_bytes_of(measured, 32));
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, "manifest",
                        "digest %s, but the TEE measured %s", seen, wanted);
    }
    return MSE_OK;
}

mse_status mse_enclave_load_manifest(struct mse_manifest *out, uint8_t out_digest[32], int fd,
                                     const struct mse_enclave_tee *tee, struct mse_error *err)
{
    struct mse_build text;
    struct mse_manifest m = { 0 };
    uint8_t digest[32];
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = read_all(&text, fd, MSE_MANIFEST_MAX_LEN, err);
    if (st == MSE_OK) {
        st = check_measured(mse_build_view(&text), digest, tee, err);
    }
    if (st == MSE_OK) {
        st = mse_manifest_parse(&m, mse_build_view(&text), err);
    }
    mse_build_clear(&text);
    if (st != MSE_OK) {
        return st;
    }
    *out = m;
    memcpy(out_digest, digest, sizeof digest);
    return MSE_OK;
}

mse_status mse_enclave_unpack(int fd, const char *dest, const struct mse_manifest *m,
                              const uint8_t manifest_digest[32], struct mse_error *err)
{
    uint8_t salt[32];
    uint8_t digest[32];
    const struct mse_package plain = { .manifest_digest = manifest_digest,
                                       .max_total = m->enclave_size };
    mse_status st = mse_package_unpack(salt, fd, dest, &plain, err);
    if (st == MSE_OK) {
        /* Everything that came counts: the ignore rules were applied when it was packed. */
        st = mse_code_digest(digest, dest, salt, false, err);
    }
    mse_wipe(salt, sizeof salt);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_mem_equal(digest, m->code_digest, sizeof digest)) {
        char seen[65];
        char wanted[65];
        mse_hex_encode(seen, mse_bytes_of(digest, 32));
        mse_hex_encode(wanted, mse_bytes_of(m->code_digest, 32));
        return MSE_FAIL(err, MSE_ERR_CODE_MISMATCH, "code_digest",
                        "the package holds %s, wanted %s as in the manifest", seen, wanted);
    }
    return MSE_OK;
}
