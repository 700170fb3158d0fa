/* SPDX-License-Identifier: Apache-2.0 */
/* See load.h. */
#include "enclave/load.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/config.h"
#include "os/private_dir.h"
#include "package/code.h"
#include "package/upgrade.h"

#define FOLDERS_OPEN 16

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

/* What the manifest may ask for and this version does not do. Each is refused, never ignored: users
 * were promised it. */
static mse_status check_served(const struct mse_manifest *m, bool library_os, struct mse_error *err)
{
    const struct {
        const char *field;
        bool asked;
        const char *served;
    } rows[] = {
        { "ssl_certificate_origin", m->origin == MSE_ORIGIN_OPERATOR, "\"self\" or \"owner\"" },
        { "rootfs", (m->rootfs.name != NULL) != library_os,
          library_os ? "one of its own" : "\"host\", in the simulation" },
        { "upgrade", library_os && mse_upgrade_rule_is(&m->upgrade), "none" },
        { "replicas", library_os && m->replicas > 1, "1" },
        { "upgrade", mse_upgrade_rule_is(&m->upgrade) && m->restart != MSE_RESTART_SEALED,
          "none, or restart \"sealed\"" },
        { "certificate", m->certificate == MSE_CERTIFICATE_CA && m->origin != MSE_ORIGIN_SELF,
          "\"leaf\", where the certificate is not the enclave's own" },
        { "replicas", m->replicas > 1 && m->restart != MSE_RESTART_SEALED,
          "1, or restart \"sealed\"" },
        { "egress", m->egress, "false" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (rows[i].asked) {
            return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, rows[i].field,
                            "the manifest's %s asks for what this version cannot do, wanted %s",
                            rows[i].field, rows[i].served);
        }
    }
    return MSE_OK;
}

mse_status mse_enclave_check_supported(const struct mse_manifest *m, bool library_os, mse_time now,
                                       struct mse_error *err)
{
    mse_status st = check_served(m, library_os, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_config_needed(m) && strcasecmp(m->san, m->config_domain_name) == 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "config_domain_name",
                        "%.100s is the public name too, wanted one of its own", m->san);
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
    mse_status st = mse_sha256(digest, text);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "manifest", "SHA-256 failed");
    }
    return tee->ops->check_manifest(tee->t, text, err);
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

/* Everything that came counts: the ignore rules were applied when it was packed. */
static mse_status check_code(const uint8_t digest[32], const struct mse_manifest *m,
                             struct mse_error *err)
{
    if (!mse_mem_equal(digest, m->code_digest, sizeof m->code_digest)) {
        char seen[65];
        char wanted[65];
        mse_hex_encode(seen, mse_bytes_of(digest, 32));
        mse_hex_encode(wanted, mse_bytes_of(m->code_digest, 32));
        return MSE_FAIL(err, MSE_ERR_CODE_MISMATCH, "code_digest",
                        "the package holds %s, wanted %s as in the manifest", seen, wanted);
    }
    return MSE_OK;
}

/* What the manifest says of the package, and the start of the stream. */
static mse_status open_package(struct mse_package *out, const struct mse_code_package *p,
                               const struct mse_manifest *m, struct mse_error *err)
{
    bool encrypted = m->package == MSE_PACKAGE_ENCRYPTED;
    bool own_header = !mse_mem_is_zero(m->package_header, sizeof m->package_header);
    if (encrypted && p->key == NULL) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_KEY, "package", "encrypted, and no key for it");
    }
    *out = (struct mse_package) { .manifest_digest =
                                      own_header ? m->package_header : p->manifest_digest,
                                  .key = encrypted ? p->key : NULL,
                                  .max_total = m->enclave_size };
    /* Once more from the start, after an earlier attempt; a pipe has only one. */
    if (lseek(p->fd, 0, SEEK_SET) < 0 && errno != ESPIPE) {
        return MSE_FAIL(err, MSE_ERR_IO, "package", "cannot be read: %s", strerror(errno));
    }
    return MSE_OK;
}

mse_status mse_code_check_key(const struct mse_code_package *p, const struct mse_manifest *m,
                              struct mse_error *err)
{
    struct mse_package package;
    struct mse_stream_in *in = NULL;
    struct mse_bytes piece;
    mse_status st = open_package(&package, p, m, err);
    if (st == MSE_OK) {
        st = mse_stream_in_new(&in, p->fd, &package, err);
    }
    if (st == MSE_OK) {
        st = mse_stream_read(in, &piece, err);
    }
    mse_stream_in_free(in);
    return st;
}

static mse_status unpack(const char *dir, const struct mse_code_package *p,
                         const struct mse_manifest *m, struct mse_error *err)
{
    struct mse_unpacked found;
    struct mse_package package;
    mse_status st = open_package(&package, p, m, err);
    if (st == MSE_OK) {
        st = mse_package_unpack(&found, p->fd, dir, &package, err);
    }
    if (st == MSE_OK) {
        st = check_code(found.code_digest, m, err);
        mse_wipe(&found, sizeof found);
    }
    return st;
}

/* fresh becomes dir; what dir was goes. */
static mse_status commit(const char *fresh, const char *dir, struct mse_error *err)
{
    if (chmod(fresh, 0755) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "code", "%.150s: %s", fresh, strerror(errno));
    }
    if (rename(fresh, dir) == 0) { /* nothing was there, or an empty folder */
        return MSE_OK;
    }
    if ((errno != ENOTEMPTY && errno != EEXIST) ||
        renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "code", "%.150s: %s", dir, strerror(errno));
    }
    (void)mse_tree_remove(fresh); /* the old one; the next installation removes what is left */
    return MSE_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static mse_status install_in_place(const char *dir, const struct mse_code_package *p,
                                   const struct mse_manifest *m, struct mse_error *err)
{
    if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || chmod(dir, 0755) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "code", "%.150s: %s", dir, strerror(errno));
    }
    mse_status st = unpack(dir, p, m, err);
    if (st != MSE_OK) { /* nothing of it has run, so that nobody stands in the way */
        (void)nftw(dir, remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
    }
    return st;
}

mse_status mse_code_install(const char *dir, const struct mse_code_package *p,
                            const struct mse_manifest *m, struct mse_error *err)
{
    char *fresh = NULL;
    if (p->in_place) {
        return install_in_place(dir, p, m, err);
    }
    if (asprintf(&fresh, "%s.new", dir) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "code", "out of memory");
    }
    mse_status st = MSE_OK;
    if (access(fresh, F_OK) == 0 && !mse_tree_remove(fresh)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "code", "%.150s is in the way", fresh);
    } else if (mkdir(fresh, 0700) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "code", "%.150s: %s", fresh, strerror(errno));
    }
    if (st == MSE_OK) {
        st = unpack(fresh, p, m, err);
        st = st == MSE_OK ? commit(fresh, dir, err) : st;
        if (st != MSE_OK) {
            (void)mse_tree_remove(fresh);
        }
    }
    free(fresh);
    return st;
}
