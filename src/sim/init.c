/* SPDX-License-Identifier: Apache-2.0 */
/* mse_sim_init and mse_sim_refresh: what is made once, and what is issued again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "sim/authority.h"
#include "sim/files.h"

#define DAY          ((mse_time)86400)
#define LIFETIME     (DAY * 365 * 12)
#define MODE_PUBLIC  0644U
#define MODE_SECRET  0600U
#define CRL_URL_ROOT "https://simulation.invalid/SIMULATIONRootCA.der"
#define CRL_URL_PCK                                                                                \
    "https://simulation.invalid/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
#define FUSE_LEN 32

/* All that mse_sim_init makes before it writes the first byte. */
struct making {
    struct mse_sim_authority authority;
    struct mse_privkey *pck_key;
    struct mse_privkey *signer_key;
    struct mse_build pck_pem;
    uint8_t fuse[FUSE_LEN];
    uint8_t mr_signer[32];
};

static void making_init(struct making *m)
{
    struct making empty = { 0 };
    *m = empty;
    mse_sim_authority_init(&m->authority);
    mse_build_heap(&m->pck_pem, MSE_SIM_MAX_DER);
}

static void making_clear(struct making *m)
{
    mse_sim_authority_clear(&m->authority);
    mse_privkey_free(m->pck_key);
    mse_privkey_free(m->signer_key);
    mse_build_clear(&m->pck_pem);
    mse_wipe(m->fuse, sizeof m->fuse);
}

static mse_status read_authority(struct mse_sim_authority *a, int dir_fd, struct mse_error *err)
{
    struct mse_build pck;
    mse_build_heap(&pck, MSE_SIM_FILE_MAX);
    mse_status st = mse_sim_key_read(&a->root_key, dir_fd, "root_key.pem", err);
    if (st == MSE_OK) {
        st = mse_sim_key_read(&a->ca_key, dir_fd, "platform_ca_key.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_key_read(&a->tcb_key, dir_fd, "tcb_signing_key.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_read(&a->root_pem, dir_fd, "root.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_read(&a->ca_pem, dir_fd, "platform_ca.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_read(&a->tcb_pem, dir_fd, "tcb_signing.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_read(&pck, dir_fd, "pck.pem", err);
    }
    if (st == MSE_OK) {
        st = mse_sim_pck_read(a, NULL, mse_build_view(&pck), err);
    }
    mse_build_clear(&pck);
    return st;
}

/* Those of the maker, and of the operator's enclave signer. */
static mse_status make_authority(struct making *m)
{
    mse_status st = mse_privkey_generate_p256(&m->authority.root_key);
    st = st == MSE_OK ? mse_privkey_generate_p256(&m->authority.ca_key) : st;
    st = st == MSE_OK ? mse_privkey_generate_p256(&m->authority.tcb_key) : st;
    return st == MSE_OK ? mse_privkey_generate_rsa3072_e3(&m->signer_key) : st;
}

static mse_status share_authority(struct making *m, const char *dir, struct mse_error *err)
{
    int fd = -1;
    mse_status st = mse_sim_dir_open(&fd, dir, err);
    if (st != MSE_OK) {
        return st;
    }
    st = read_authority(&m->authority, fd, err);
    st = st == MSE_OK ? mse_sim_key_read(&m->signer_key, fd, "signer_key.pem", err) : st;
    (void)close(fd);
    return st;
}

static mse_status make_keys(struct making *m)
{
    mse_status st = mse_privkey_generate_p256(&m->pck_key);
    return st == MSE_OK ? mse_random(m->fuse, sizeof m->fuse) : st;
}

/* One machine: SVNs of a current server; an FMSPC that spells "SIM" and that no CPU has. */
static mse_status make_machine(struct mse_pck_ext *e)
{
    static const struct mse_pck_ext machine = {
        .comp_svn = { 7, 9, 3, 3, 255, 255, 1 },
        .cpu_svn = { 7, 9, 3, 3, 255, 255, 1 },
        .pce_svn = 13,
        .fmspc = { 'S', 'I', 'M', 0, 0, 1 },
        .sgx_type = 1,
        .has_platform_instance_id = true,
        .has_configuration = true,
        .dynamic_platform = true,
    };
    *e = machine;
    mse_status st = mse_random(e->ppid, sizeof e->ppid);
    if (st == MSE_OK) {
        st = mse_random(e->platform_instance_id, sizeof e->platform_instance_id);
    }
    return st;
}

static mse_status issue(struct mse_build *pem, const struct mse_sim_cert *c)
{
    struct mse_build der;
    mse_build_heap(&der, MSE_SIM_MAX_DER);
    mse_status st = mse_sim_cert_make(&der, c);
    if (st == MSE_OK) {
        mse_pem_write(pem, "CERTIFICATE", mse_build_view(&der));
        st = mse_build_ok(pem) ? MSE_OK : MSE_ERR_NO_SPACE;
    }
    mse_build_clear(&der);
    return st;
}

static mse_status issue_root(struct making *m, mse_time now)
{
    struct mse_sim_cert c = {
        .subject_cn = MSE_SIM_CN_ROOT,
        .issuer_cn = MSE_SIM_CN_ROOT,
        .key = m->authority.root_key,
        .issuer_key = m->authority.root_key,
        .not_before = now - DAY,
        .not_after = now + LIFETIME * 2,
        .path_len = 1,
        .crl_url = CRL_URL_ROOT,
    };
    return issue(&m->authority.root_pem, &c);
}

static mse_status issue_below_root(struct making *m, mse_time now)
{
    struct mse_sim_cert c = {
        .subject_cn = MSE_SIM_CN_CA,
        .issuer_cn = MSE_SIM_CN_ROOT,
        .key = m->authority.ca_key,
        .issuer_key = m->authority.root_key,
        .not_before = now - DAY,
        .not_after = now + LIFETIME,
        .path_len = 0,
        .crl_url = CRL_URL_ROOT,
    };
    mse_status st = issue(&m->authority.ca_pem, &c);
    if (st != MSE_OK) {
        return st;
    }
    c.subject_cn = MSE_SIM_CN_TCB;
    c.key = m->authority.tcb_key;
    c.path_len = MSE_SIM_NOT_A_CA;
    return issue(&m->authority.tcb_pem, &c);
}

static mse_status issue_pck(struct making *m, mse_time now, struct mse_error *err)
{
    struct mse_pck_ext machine;
    mse_status st = make_machine(&machine);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_build ext;
    mse_build_heap(&ext, MSE_SIM_MAX_DER);
    mse_sim_pck_ext_write(&ext, &machine);
    struct mse_sim_cert c = {
        .subject_cn = MSE_SIM_CN_PCK,
        .issuer_cn = MSE_SIM_CN_CA,
        .key = m->pck_key,
        .issuer_key = m->authority.ca_key,
        .not_before = now - DAY,
        .not_after = now + LIFETIME,
        .path_len = MSE_SIM_NOT_A_CA,
        .crl_url = CRL_URL_PCK,
        .sgx = mse_build_view(&ext),
    };
    st = mse_build_ok(&ext) ? issue(&m->pck_pem, &c) : MSE_ERR_MEMORY;
    mse_build_clear(&ext);
    if (st == MSE_OK) {
        /* The serial number is known only now; the reader is a check of the writer. */
        st = mse_sim_pck_read(&m->authority, NULL, mse_build_view(&m->pck_pem), err);
    }
    return st;
}

static mse_status make_signer(struct making *m)
{
    uint8_t modulus[384];
    mse_status st = mse_privkey_rsa_modulus_le(m->signer_key, modulus);
    if (st != MSE_OK) {
        return st;
    }
    return mse_sha256(m->mr_signer, mse_bytes_of(modulus, sizeof modulus));
}

static mse_status make_all(struct making *m, mse_time now, struct mse_error *err)
{
    bool shared = m->authority.root_key != NULL;
    mse_status st = shared ? MSE_OK : make_authority(m);
    if (st == MSE_OK) {
        st = make_keys(m);
    }
    if (st == MSE_OK) {
        st = make_signer(m);
    }
    if (st == MSE_OK && !shared) {
        st = issue_root(m, now);
    }
    if (st == MSE_OK && !shared) {
        st = issue_below_root(m, now);
    }
    if (st == MSE_OK) {
        st = issue_pck(m, now, err);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "platform", "keys or certificates could not be made");
    }
    return MSE_OK;
}

static mse_status write_key(int dir_fd, const char *name, const struct mse_privkey *key,
                            struct mse_error *err)
{
    struct mse_build pem;
    mse_build_heap(&pem, MSE_SIM_MAX_DER);
    mse_status st = mse_privkey_to_pem(key, &pem);
    if (st == MSE_OK) {
        st = mse_sim_file_write(dir_fd, name, MODE_SECRET, mse_build_view(&pem), err);
    }
    mse_build_clear(&pem);
    return st;
}

static mse_status write_keys(int dir_fd, const struct making *m, struct mse_error *err)
{
    const struct {
        const char *name;
        const struct mse_privkey *key;
    } keys[] = {
        { "root_key.pem", m->authority.root_key },
        { "platform_ca_key.pem", m->authority.ca_key },
        { "tcb_signing_key.pem", m->authority.tcb_key },
        { "pck_key.pem", m->pck_key },
        { "signer_key.pem", m->signer_key },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(keys); i++) {
        mse_status st = write_key(dir_fd, keys[i].name, keys[i].key, err);
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, keys[i].name, "%s: could not be made", keys[i].name);
        }
    }
    return mse_sim_file_write(dir_fd, "fuse.key", MODE_SECRET,
                              mse_bytes_of(m->fuse, sizeof m->fuse), err);
}

static mse_status write_signer(int dir_fd, const struct making *m, struct mse_error *err)
{
    struct mse_build spki;
    struct mse_build pem;
    mse_build_heap(&spki, MSE_SIM_MAX_DER);
    mse_build_heap(&pem, MSE_SIM_MAX_DER);
    mse_status st = mse_privkey_spki(m->signer_key, &spki);
    if (st == MSE_OK) {
        mse_pem_write(&pem, "PUBLIC KEY", mse_build_view(&spki));
        st = mse_build_ok(&pem)
                 ? mse_sim_file_write(dir_fd, "signer.pem", MODE_PUBLIC, mse_build_view(&pem), err)
                 : MSE_ERR_MEMORY;
    }
    mse_build_clear(&spki);
    mse_build_clear(&pem);
    return st;
}

static void json_hex(struct mse_build *b, const char *key, struct mse_bytes v)
{
    mse_wr_printf(b, "  \"%s\": \"", key);
    for (size_t i = 0; i < v.len; i++) {
        mse_wr_printf(b, "%02x", v.data[i]);
    }
    mse_wr_str(b, "\",\n");
}

/* For people and tools; nothing here is read back. */
static mse_status write_description(int dir_fd, const struct making *m, mse_time now,
                                    struct mse_error *err)
{
    const struct mse_pck_ext *e = &m->authority.pck;
    struct mse_build b;
    mse_build_heap(&b, MSE_SIM_MAX_DER);
    mse_wr_str(&b, "{\n  \"version\": 1,\n  \"simulated\": true,\n");
    json_hex(&b, "fmspc", mse_bytes_of(e->fmspc, sizeof e->fmspc));
    json_hex(&b, "pce_id", mse_bytes_of(e->pce_id, sizeof e->pce_id));
    json_hex(&b, "ppid", mse_bytes_of(e->ppid, sizeof e->ppid));
    json_hex(&b, "platform_instance_id",
             mse_bytes_of(e->platform_instance_id, sizeof e->platform_instance_id));
    json_hex(&b, "cpu_svn", mse_bytes_of(e->cpu_svn, sizeof e->cpu_svn));
    mse_wr_printf(&b, "  \"pce_svn\": %u,\n", e->pce_svn);
    json_hex(&b, "pck_serial", mse_bytes_of(m->authority.pck_serial, m->authority.pck_serial_len));
    json_hex(&b, "mr_signer", mse_bytes_of(m->mr_signer, sizeof m->mr_signer));
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, now);
    mse_wr_printf(&b, "  \"created_at\": \"%s\",\n", text);
    mse_time_format(text, now + LIFETIME);
    mse_wr_printf(&b, "  \"certificates_expire_at\": \"%s\"\n}\n", text);
    mse_status st = mse_build_ok(&b) ? mse_sim_file_write(dir_fd, "platform.json", MODE_PUBLIC,
                                                          mse_build_view(&b), err)
                                     : MSE_ERR_MEMORY;
    mse_build_clear(&b);
    return st;
}

static mse_status write_public(int dir_fd, const struct making *m, const struct mse_build *json,
                               struct mse_error *err)
{
    const struct {
        const char *name;
        const struct mse_build *content;
    } files[] = {
        { "root.pem", &m->authority.root_pem },
        { "platform_ca.pem", &m->authority.ca_pem },
        { "tcb_signing.pem", &m->authority.tcb_pem },
        { "pck.pem", &m->pck_pem },
        { "collateral.json", json },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(files); i++) {
        mse_status st = mse_sim_file_write(dir_fd, files[i].name, MODE_PUBLIC,
                                           mse_build_view(files[i].content), err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return write_signer(dir_fd, m, err);
}

static mse_status write_platform(int dir_fd, const struct making *m,
                                 const struct mse_sim_options *o, struct mse_error *err)
{
    struct mse_build json;
    mse_build_heap(&json, MSE_SIM_FILE_MAX);
    mse_status st = mse_sim_collateral_make(&json, &m->authority, o, err);
    if (st == MSE_OK) {
        st = write_keys(dir_fd, m, err);
    }
    if (st == MSE_OK) {
        st = write_public(dir_fd, m, &json, err);
    }
    if (st == MSE_OK) {
        st = write_description(dir_fd, m, o->now, err);
    }
    if (st == MSE_OK && !o->no_counter && mkdirat(dir_fd, "counters", 0700) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "platform", "counters: %s", strerror(errno));
    }
    if (st == MSE_OK && fsync(dir_fd) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "platform", "fsync: %s", strerror(errno));
    }
    mse_build_clear(&json);
    return st;
}

/* Everything that write_platform may have left in the temporary folder. */
static void remove_folder(const char *tmp)
{
    static const char *const names[] = {
        "root_key.pem",  "platform_ca_key.pem", "tcb_signing_key.pem",
        "pck_key.pem",   "signer_key.pem",      "fuse.key",
        "root.pem",      "platform_ca.pem",     "tcb_signing.pem",
        "pck.pem",       "collateral.json",     "signer.pem",
        "platform.json",
    };
    int fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < MSE_ARRAY_LEN(names); i++) {
        (void)unlinkat(fd, names[i], 0);
    }
    if (fd >= 0) {
        (void)unlinkat(fd, "counters", AT_REMOVEDIR);
        (void)close(fd);
    }
    (void)rmdir(tmp);
}

/* Makes the folders above path that do not exist yet. path is a private copy, put back as it was.
 */
static mse_status make_parents(char *path, struct mse_error *err)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/') {
            continue;
        }
        *p = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (!ok) {
            (void)MSE_FAIL(err, MSE_ERR_IO, "platform", "%s: %s", path, strerror(errno));
        }
        *p = '/';
        if (!ok) {
            return MSE_ERR_IO;
        }
    }
    return MSE_OK;
}

static mse_status sync_parent(const char *path)
{
    char parent[4096];
    int n = snprintf(parent, sizeof parent, "%s/..", path);
    int fd =
        n > 0 && (size_t)n < sizeof parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return MSE_ERR_IO;
    }
    mse_status st = fsync(fd) == 0 ? MSE_OK : MSE_ERR_IO;
    (void)close(fd);
    return st;
}

/* rename(2) takes the place of an empty folder and of nothing else. */
static mse_status put_in_place(const char *tmp, const char *dir, struct mse_error *err)
{
    if (rename(tmp, dir) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
            return MSE_FAIL(err, MSE_ERR_EXISTS, "platform", "%s exists and is not overwritten",
                            dir);
        }
        return MSE_FAIL(err, MSE_ERR_IO, "platform", "%s: %s", dir, strerror(errno));
    }
    mse_status st = sync_parent(dir);
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, "platform", "%s: could not be synced", dir);
}

static mse_status init_folder(const char *dir, char *tmp, const struct making *m,
                              const struct mse_sim_options *o, struct mse_error *err)
{
    if (mkdtemp(tmp) == NULL) {
        return MSE_FAIL(err, MSE_ERR_IO, "platform", "%s: %s", tmp, strerror(errno));
    }
    int fd = -1;
    mse_status st = mse_sim_dir_open(&fd, tmp, err);
    if (st == MSE_OK) {
        st = write_platform(fd, m, o, err);
        (void)close(fd);
    }
    if (st == MSE_OK) {
        st = put_in_place(tmp, dir, err);
    }
    if (st != MSE_OK) {
        remove_folder(tmp);
    }
    return st;
}

/* Before the work of making keys; the rename decides again. */
static mse_status check_absent(const char *dir, struct mse_error *err)
{
    struct stat sb;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/platform.json", dir);
    if (n < 0 || (size_t)n >= sizeof path - 32) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "platform", "path too long");
    }
    if (lstat(path, &sb) == 0) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, "platform",
                        "%s holds a platform already; it is not overwritten", dir);
    }
    return MSE_OK;
}

/* dir without trailing slashes, plus suffix; heap. */
static char *path_with(const char *dir, const char *suffix)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    char *out = NULL;
    return asprintf(&out, "%.*s%s", (int)len, dir, suffix) < 0 ? NULL : out;
}

mse_status mse_sim_init(const char *dir, const struct mse_sim_options *o, struct mse_error *err)
{
    mse_status st = check_absent(dir, err);
    if (st != MSE_OK) {
        return st;
    }
    char *path = path_with(dir, "");
    char *tmp = path_with(dir, ".XXXXXX");
    struct making m;
    making_init(&m);
    if (path == NULL || tmp == NULL) {
        st = MSE_ERR_MEMORY;
        goto out;
    }
    st = make_parents(path, err);
    if (st != MSE_OK) {
        goto out;
    }
    if (o->beside != NULL) {
        st = share_authority(&m, o->beside, err);
    }
    st = st == MSE_OK ? make_all(&m, o->now, err) : st;
    if (st == MSE_OK) {
        st = init_folder(path, tmp, &m, o, err);
    }
out:
    making_clear(&m);
    free(path);
    free(tmp);
    return st;
}

mse_status mse_sim_refresh(const char *dir, const struct mse_sim_options *o, struct mse_error *err)
{
    int dir_fd = -1;
    mse_status st = mse_sim_dir_open(&dir_fd, dir, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_sim_authority a;
    struct mse_build json;
    mse_sim_authority_init(&a);
    mse_build_heap(&json, MSE_SIM_FILE_MAX);
    st = read_authority(&a, dir_fd, err);
    if (st == MSE_OK) {
        st = mse_sim_collateral_make(&json, &a, o, err);
    }
    if (st == MSE_OK) {
        st = mse_sim_file_replace(dir_fd, "collateral.json", MODE_PUBLIC, mse_build_view(&json),
                                  err);
    }
    mse_build_clear(&json);
    mse_sim_authority_clear(&a);
    (void)close(dir_fd);
    return st;
}
