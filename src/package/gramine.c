/* SPDX-License-Identifier: Apache-2.0 */
/* See gramine.h. Keys in byte order, one to a line, no comments: any change of a byte is another
 * enclave. */
#include "package/gramine.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#define STEP "Gramine manifest"

/* What the walk over the rootfs looks for. */
struct found {
    bool runtime;
    bool libos;
    uint8_t libos_sha256[32];
};

static mse_status check_rootfs(const struct mse_manifest *m, struct mse_bytes rootfs,
                               struct mse_error *err)
{
    uint8_t digest[32];
    char seen[65];
    char wanted[65];
    if (m->rootfs.name == NULL) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP,
                        "the manifest names the host's rootfs, which is for the simulation only");
    }
    mse_status st = mse_rootfs_digest(digest, rootfs, err);
    if (st != MSE_OK || mse_mem_equal(digest, m->rootfs.digest, sizeof digest)) {
        return st;
    }
    mse_hex_encode(seen, mse_bytes_of(digest, 32));
    mse_hex_encode(wanted, mse_bytes_of(m->rootfs.digest, 32));
    return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP,
                    "the rootfs has digest %s, the manifest wants %s (%.60s %.60s)", seen, wanted,
                    m->rootfs.name, m->rootfs.version);
}

static mse_status find_parts(struct found *out, const struct mse_manifest *m,
                             struct mse_bytes rootfs, struct mse_error *err)
{
    struct mse_rootfs_reader r = { .rest = rootfs };
    struct mse_code_file f;
    bool more = true;
    mse_status st = mse_rootfs_next(&f, &more, &r, err);
    while (st == MSE_OK && more) {
        if (strcmp(f.path, MSE_GRAMINE_LIBOS) == 0) {
            out->libos = true;
            memcpy(out->libos_sha256, f.sha256, 32);
        }
        if (strcmp(f.path, MSE_GRAMINE_RUNTIME) == 0) {
            out->runtime = true;
            if (!f.executable || !mse_mem_equal(f.sha256, m->runtime, sizeof f.sha256)) {
                return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP,
                                "%s of the rootfs is not the runtime of the manifest",
                                MSE_GRAMINE_RUNTIME);
            }
        }
        st = mse_rootfs_next(&f, &more, &r, err);
    }
    if (st == MSE_OK && (!out->libos || !out->runtime)) {
        st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP, "the rootfs has no %s",
                      out->libos ? MSE_GRAMINE_RUNTIME : MSE_GRAMINE_LIBOS);
    }
    return st;
}

/* In a TOML basic string; control characters were refused. */
static void wr_path(struct mse_build *b, const char *path)
{
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            mse_wr_u8(b, '\\');
        }
        mse_wr_u8(b, (uint8_t)*p);
    }
}

static void wr_trusted(struct mse_build *b, const char *folder, const char *path,
                       const uint8_t sha256[32])
{
    mse_wr_str(b, "  { uri = \"file:");
    mse_wr_str(b, folder);
    wr_path(b, path);
    mse_wr_str(b, "\", sha256 = \"");
    mse_wr_hex(b, sha256, 32);
    mse_wr_str(b, "\" },\n");
}

static bool names_client_ca(const struct mse_manifest *m)
{
    return !mse_mem_is_zero(m->client_ca, sizeof m->client_ca);
}

static mse_status wr_files(struct mse_build *b, const struct mse_manifest *m, struct mse_bytes text,
                           struct mse_bytes rootfs, struct mse_error *err)
{
    struct mse_rootfs_reader r = { .rest = rootfs };
    struct mse_code_file f;
    uint8_t digest[32];
    bool more = true;
    mse_status st = mse_sha256(digest, text);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "SHA-256 failed");
    }
    mse_wr_str(b, "sgx.trusted_files = [\n");
    wr_trusted(b, "", "manifest.json", digest);
    if (names_client_ca(m)) {
        wr_trusted(b, "", "client-ca.der", m->client_ca);
    }
    st = mse_rootfs_next(&f, &more, &r, err);
    while (st == MSE_OK && more) {
        wr_trusted(b, "rootfs/", f.path, f.sha256);
        st = mse_rootfs_next(&f, &more, &r, err);
    }
    mse_wr_str(b, "]\n");
    return st;
}

/* The app runs in a process of its own, which sees no tmpfs of the runtime: what the two share lies
 * on the host, encrypted under keys that the runtime makes or derives. Of a file that outlives a
 * restart Gramine keeps what it needs to mend it after a crash. */
static void wr_mounts(struct mse_build *b, const struct mse_manifest *m, bool sealed)
{
    static const char ca[] = "  { path = \"/mse/client-ca.der\", uri = \"file:client-ca.der\" },\n";
    mse_wr_str(b, "fs.mounts = [\n"
                  "  { path = \"/mse/manifest.json\", uri = \"file:manifest.json\" },\n"
                  "  { path = \"/mse/package\", uri = \"file:package\" },\n");
    mse_wr_str(b, names_client_ca(m) ? ca : "");
    mse_wr_str(b, sealed ? "  { path = \"/mse/state\", uri = \"file:state\" },\n" : "");
    mse_wr_str(b, "  { type = \"encrypted\", path = \"/mse/home\", uri = \"file:home\", "
                  "key_name = \"mse_home\"");
    mse_wr_str(b, sealed ? ", enable_recovery = true" : "");
    mse_wr_str(b, " },\n"
                  "  { type = \"encrypted\", path = \"/mse/run\", uri = \"file:run\", "
                  "key_name = \"mse_run\" },\n"
                  "  { type = \"tmpfs\", path = \"/tmp\" },\n"
                  "]\n");
}

static void wr_front(struct mse_build *b, const struct mse_manifest *m, const struct found *f)
{
    bool sealed = m->restart == MSE_RESTART_SEALED;
    wr_mounts(b, m, sealed);
    mse_wr_str(b, "fs.root.type = \"chroot\"\n"
                  "fs.root.uri = \"file:rootfs\"\n"
                  "libos.entrypoint = \"/" MSE_GRAMINE_RUNTIME "\"\n"
                  "loader.argv = [\"mse-enclave\", \"--tee\", \"gramine\"]\n"
                  "loader.entrypoint.sha256 = \"");
    mse_wr_hex(b, f->libos_sha256, sizeof f->libos_sha256);
    mse_wr_str(b, "\"\n"
                  "loader.entrypoint.uri = \"file:rootfs/" MSE_GRAMINE_LIBOS "\"\n"
                  "loader.env.LD_LIBRARY_PATH = \"/lib\"\n"
                  "loader.env.MALLOC_ARENA_MAX = \"1\"\n"
                  "loader.env.MSE_LISTEN = { passthrough = true }\n"
                  "loader.log_level = \"error\"\n"
                  "sgx.allowed_files = [\"file:package\"");
    mse_wr_str(b, sealed ? ", \"file:state/\"" : "");
    mse_wr_str(b, "]\n"
                  "sgx.debug = false\n"
                  "sgx.edmm_enable = false\n");
    mse_wr_printf(b, "sgx.enclave_size = \"%llu\"\n", (unsigned long long)m->enclave_size);
    mse_wr_str(b, "sgx.isvprodid = 0\n"
                  "sgx.isvsvn = 0\n"
                  "sgx.max_threads = 64\n"
                  "sgx.remote_attestation = \"dcap\"\n");
}

mse_status mse_gramine_manifest(struct mse_build *out, const struct mse_manifest *m,
                                struct mse_bytes text, struct mse_bytes rootfs,
                                struct mse_error *err)
{
    struct found f = { 0 };
    mse_status st = check_rootfs(m, rootfs, err);
    st = st == MSE_OK ? find_parts(&f, m, rootfs, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    wr_front(out, m, &f);
    st = wr_files(out, m, text, rootfs, err);
    mse_wr_str(out, "sys.brk.max_size = \"64M\"\n"
                    "sys.disallow_subprocesses = false\n"
                    "sys.enable_sigterm_injection = true\n"
                    "sys.fds.limit = 16384\n"
                    "sys.stack.size = \"2M\"\n");
    if (st == MSE_OK && !mse_build_ok(out)) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "too many files");
    }
    return st;
}
