/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION 31
#include "lib/tsm_tree.h"

#include "lib/fuse_mount.h"
#include "lib/testlib.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

#define REPORTS   "/sys/kernel/config/tsm/report"
#define REGISTERS "/sys/devices/virtual/misc/tdx_guest/measurements"
#define INSTANCES 4
#define IN_MAX    64 /* TSM_REPORT_INBLOB_MAX */

enum file {
    FILE_NONE,
    IN_BLOB,
    OUT_BLOB,
    AUX_BLOB,
    PROVIDER,
    GENERATION,
    RTMR3,
    DEVICE,
    TD_DEVICE,
    QGS_LINK,
    QGS_CONF,
};
struct instance {
    char name[64];
    uint8_t in[IN_MAX];
    size_t in_len;
    uint8_t pending[2 * IN_MAX];
    size_t pending_len;
    unsigned pending_writes;
    uint64_t write_generation;
    uint64_t read_generation;
    struct mse_build out;
};
struct tsm_tree {
    struct tsm_knobs *knobs;
    struct instance instances[INSTANCES];
    struct fuse_mount *mount;
};

static struct tsm_tree *tree(void)
{
    return fuse_get_context()->private_data;
}

static bool is_folder(const struct tsm_tree *t, const char *path)
{
    static const char *const all[] = { REPORTS, REGISTERS, "/dev", "/run/tdx-qgs", "/etc" };
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bool hidden = (i == 0 && t->knobs->no_reports) || (i == 1 && t->knobs->no_registers);
        if (!hidden && strncmp(all[i], path, len) == 0 &&
            (len == 1 || all[i][len] == '\0' || all[i][len] == '/')) {
            return true;
        }
    }
    return false;
}

/* The instance of a path, and what follows its name. */
static struct instance *find(struct tsm_tree *t, const char *path, const char **rest)
{
    size_t prefix = strlen(REPORTS);
    if (strncmp(path, REPORTS "/", prefix + 1) != 0) {
        return NULL;
    }
    const char *name = path + prefix + 1;
    size_t len = strcspn(name, "/");
    for (size_t i = 0; i < INSTANCES; i++) {
        struct instance *n = &t->instances[i];
        if (n->name[0] != '\0' && strlen(n->name) == len && memcmp(n->name, name, len) == 0) {
            *rest = name + len;
            return n;
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    mode_t mode;
} files[] = {
    [FILE_NONE] = { "", 0 },
    [IN_BLOB] = { "/inblob", 0200 },
    [OUT_BLOB] = { "/outblob", 0400 },
    [AUX_BLOB] = { "/auxblob", 0400 },
    [PROVIDER] = { "/provider", 0444 },
    [GENERATION] = { "/generation", 0444 },
    [RTMR3] = { "", 0644 },
    [DEVICE] = { "", 0600 },
    [TD_DEVICE] = { "", 0600 },
    [QGS_LINK] = { "", 0777 },
    [QGS_CONF] = { "", 0444 },
};

/* Of those that have a place of their own; FILE_NONE: not there. */
static enum file find_single(const struct tsm_knobs *k, const char *path)
{
    const struct {
        const char *path;
        enum file file;
        bool there;
    } singles[] = {
        { REGISTERS "/rtmr3:sha384", RTMR3, !k->no_registers },
        { "/dev/sev-guest", DEVICE, !k->no_device },
        { "/dev/tdx_guest", TD_DEVICE, k->td != NULL },
        { "/run/tdx-qgs/qgs.socket", QGS_LINK, k->qgs != NULL },
        { "/etc/tdx-attest.conf", QGS_CONF, k->conf != NULL },
    };
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        if (singles[i].there && strcmp(path, singles[i].path) == 0) {
            return singles[i].file;
        }
    }
    return FILE_NONE;
}

static enum file find_file(struct tsm_tree *t, const char *path, struct instance **n)
{
    const char *rest = NULL;
    *n = NULL;
    enum file single = find_single(t->knobs, path);
    if (single != FILE_NONE) {
        return single;
    }
    *n = find(t, path, &rest);
    for (enum file f = IN_BLOB; *n != NULL && f <= GENERATION; f++) {
        bool hidden = f == AUX_BLOB && strcmp(t->knobs->provider, "sev_guest") != 0;
        if (!hidden && strcmp(rest, files[f].name) == 0) {
            return f;
        }
    }
    return FILE_NONE;
}

static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void)info;
    struct instance *n = NULL;
    const char *rest = NULL;
    memset(st, 0, sizeof *st);
    st->st_nlink = 1;
    enum file f = find_file(tree(), path, &n);
    n = find(tree(), path, &rest);
    if (f != FILE_NONE) {
        st->st_mode = (f == QGS_LINK ? S_IFLNK : S_IFREG) | files[f].mode;
        return 0;
    }
    if (is_folder(tree(), path) || (n != NULL && rest[0] == '\0')) {
        st->st_mode = S_IFDIR | 0755;
        return 0;
    }
    return -ENOENT;
}

static int do_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    struct tsm_tree *t = tree();
    size_t prefix = strlen(REPORTS "/");
    if (strncmp(path, REPORTS "/", prefix) != 0 || strchr(path + prefix, '/') != NULL) {
        return -EPERM;
    }
    if (t->knobs->provider == NULL) {
        return -ENXIO;
    }
    for (size_t i = 0; i < INSTANCES; i++) {
        struct instance *n = &t->instances[i];
        if (n->name[0] == '\0') {
            memset(n, 0, sizeof *n);
            (void)snprintf(n->name, sizeof n->name, "%s", path + prefix);
            mse_build_heap(&n->out, 1U << 20);
            t->knobs->made++;
            return 0;
        }
    }
    return -ENOSPC;
}

static int do_rmdir(const char *path)
{
    const char *rest = NULL;
    struct instance *n = find(tree(), path, &rest);
    if (n == NULL || rest[0] != '\0') {
        return -ENOENT;
    }
    mse_build_clear(&n->out);
    n->name[0] = '\0';
    tree()->knobs->removed++;
    return 0;
}

static int do_open(const char *path, struct fuse_file_info *info)
{
    struct instance *n = NULL;
    enum file f = find_file(tree(), path, &n);
    if (f == FILE_NONE) {
        return -ENOENT;
    }
    if (n != NULL) {
        n->pending_len = 0;
        n->pending_writes = 0;
    }
    info->direct_io = 1; /* sizes are unknown, and nothing may be kept */
    info->fh = f;
    return 0;
}

static int do_write(const char *path, const char *buf, size_t size, off_t at,
                    struct fuse_file_info *info)
{
    (void)info;
    struct tsm_tree *t = tree();
    struct instance *n = NULL;
    enum file f = find_file(t, path, &n);
    if (f == RTMR3) {
        uint8_t chain[96];
        if (size != 48 || at != 0) {
            return -EINVAL;
        }
        memcpy(chain, t->knobs->rtmr3, 48);
        memcpy(chain + 48, buf, 48);
        return mse_sha384(t->knobs->rtmr3, (struct mse_bytes) { chain, 96 }) == MSE_OK ? 48 : -EIO;
    }
    if (f != IN_BLOB) {
        return -EACCES;
    }
    if (at < 0 || (size_t)at + size > IN_MAX) {
        return -EFBIG;
    }
    memcpy(n->pending + at, buf, size);
    n->pending_len = (size_t)at + size;
    n->pending_writes++;
    return (int)size;
}

/* What was written counts from close(2) on. */
static int do_flush(const char *path, struct fuse_file_info *info)
{
    struct instance *n = NULL;
    if (find_file(tree(), path, &n) != IN_BLOB || n->pending_writes == 0 || info->fh != IN_BLOB) {
        return 0;
    }
    tree()->knobs->short_writes += n->pending_writes != 1 || n->pending_len != 64 ? 1 : 0;
    memcpy(n->in, n->pending, n->pending_len);
    n->in_len = n->pending_len;
    n->pending_writes = 0;
    n->write_generation++;
    return 0;
}

/* The first reading makes the report. */
static int make_report(struct tsm_tree *t, struct instance *n)
{
    struct tsm_knobs *k = t->knobs;
    if (n->in_len == 0) {
        return -EINVAL;
    }
    if (n->read_generation == n->write_generation) {
        return 0;
    }
    if (k->error_times > 0) {
        k->error_times--;
        return -k->error;
    }
    if (n->in_len != 64) {
        return -EINVAL; /* both drivers want it whole */
    }
    mse_build_reset(&n->out);
    int e = k->report(k->arg, &n->out, n->in);
    if (e == 0) {
        n->read_generation = n->write_generation;
    }
    return -e;
}

static int do_read(const char *path, char *buf, size_t size, off_t at, struct fuse_file_info *info)
{
    (void)info;
    struct tsm_tree *t = tree();
    struct instance *n = NULL;
    char line[64];
    enum file f = find_file(t, path, &n);
    if (f == PROVIDER || f == GENERATION) {
        int len = f == PROVIDER ? snprintf(line, sizeof line, "%s\n", t->knobs->provider)
                                : snprintf(line, sizeof line, "%" PRIu64 "\n", n->write_generation);
        return fuse_mount_read_part((struct mse_bytes) { (uint8_t *)line, (size_t)len }, buf, size,
                                    at);
    }
    if (f == RTMR3) {
        return fuse_mount_read_part((struct mse_bytes) { t->knobs->rtmr3, 48 }, buf, size, at);
    }
    if (f == QGS_CONF) {
        const char *text = t->knobs->conf;
        return fuse_mount_read_part((struct mse_bytes) { (const uint8_t *)text, strlen(text) }, buf,
                                    size, at);
    }
    if (f != OUT_BLOB && f != AUX_BLOB) {
        return -EACCES;
    }
    int e = make_report(t, n);
    if (e != 0) {
        return e;
    }
    struct mse_bytes all = f == OUT_BLOB ? mse_build_view(&n->out) : t->knobs->aux;
    int len = fuse_mount_read_part(all, buf, size, at);
    if (len == 0 && t->knobs->meddler) {
        n->write_generation++;
    }
    return len;
}

/* ---- /dev/sev-guest ----
 * This file system is served by the process that asks, so that addresses in requests are its own.
 */

struct device_request {
    uint8_t version;
    uint64_t in;
    uint64_t out;
    uint32_t firmware_error;
    uint32_t host_error;
};

static void put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static int device_report(struct tsm_knobs *k, const struct device_request *r, bool certs)
{
    const uint8_t *in = (const uint8_t *)(uintptr_t)r->in; /* data 64, vmpl 4, zeros 28 */
    uint8_t *out = (uint8_t *)(uintptr_t)r->out;           /* 4000 */
    struct mse_build report;
    uint64_t where = 0;
    uint32_t room = 0;
    memcpy(&where, in + 96, certs ? sizeof where : 0);
    memcpy(&room, in + 104, certs ? sizeof room : 0);
    if (certs && (room % 4096 != 0 || k->aux.len > room)) {
        return -EINVAL;
    }
    mse_build_heap(&report, 65536);
    int e = k->report(k->arg, &report, in);
    if (e == 0) {
        put_u32(out, k->status);
        put_u32(out + 4, (uint32_t)report.len);
        memcpy(out + 32, report.data, report.len < 3968 ? report.len : 3968);
        if (certs && k->aux.len > 0) {
            memcpy((uint8_t *)(uintptr_t)where, k->aux.data, k->aux.len);
        }
    }
    mse_build_clear(&report);
    return -e;
}

/* The firmware's derivation is its own; what counts is what goes into it. */
static int device_key(const struct tsm_knobs *k, const struct device_request *r,
                      struct device_request *answer)
{
    const uint8_t *in = (const uint8_t *)(uintptr_t)r->in; /* root, zeros, fields, vmpl, svn, TCB */
    uint8_t *out = (uint8_t *)(uintptr_t)r->out;
    const struct mse_bytes parts[] = { { k->chip, sizeof k->chip }, { in, 32 } };
    for (size_t i = 0; k->committed != NULL && i < 8; i++) {
        if (in[24 + i] > k->committed[i]) {
            answer->firmware_error = 0x16; /* INVALID_PARAM */
            return -EIO;
        }
    }
    put_u32(out, k->status);
    return mse_sha256_parts(out + 32, parts, 2) == MSE_OK ? 0 : -EIO;
}

/* ---- /dev/tdx_guest ---- */

/* struct tdx_report_req: the data, then the report. The buffer is the kernel's copy. */
static int td_ioctl(struct tsm_knobs *k, unsigned what, uint8_t *request)
{
    struct mse_build report;
    if (what != 0xc4405401) { /* _IOWR('T', 1, 1088 bytes) */
        return -ENOTTY;
    }
    k->requests++;
    if (k->error_times > 0) {
        k->error_times--;
        return -k->error;
    }
    mse_build_fixed(&report, request + 64, 1024);
    return -k->td(k->arg, &report, request);
}

static int do_readlink(const char *path, char *buf, size_t size)
{
    struct instance *n = NULL;
    if (find_file(tree(), path, &n) != QGS_LINK) {
        return -EINVAL;
    }
    (void)snprintf(buf, size, "%s", tree()->knobs->qgs);
    return 0;
}

static int do_ioctl(const char *path, int command, void *arg, struct fuse_file_info *info,
                    unsigned flags, void *data)
{
    (void)info;
    (void)flags;
    unsigned what = (unsigned)command;
    struct instance *n = NULL;
    struct tsm_knobs *k = tree()->knobs;
    struct device_request *r = arg;
    const struct device_request *in = data;
    enum file f = find_file(tree(), path, &n);
    if (f == TD_DEVICE) {
        return td_ioctl(k, what, data);
    }
    if (f != DEVICE || what >> 8 != 0xc02053) {
        return -ENOTTY; /* _IOWR('S', …, 32 bytes) */
    }
    k->requests++;
    if (in->version != 1) {
        return -EINVAL;
    }
    if (k->error_times > 0) {
        k->error_times--;
        r->firmware_error = k->firmware_error; /* the kernel fills them in though it fails */
        r->host_error = k->host_error;
        return -k->error;
    }
    unsigned number = what & 0xff;
    return number == 1                  ? device_key(k, in, r)
           : number == 0 || number == 2 ? device_report(k, in, number == 2)
                                        : -ENOTTY;
}

/* What is there changes with the knobs, at once. */
static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->entry_timeout = 0;
    config->attr_timeout = 0;
    return tree();
}

static const struct fuse_operations operations = {
    .init = do_init,
    .ioctl = do_ioctl,
    .readlink = do_readlink,
    .getattr = do_getattr,
    .mkdir = do_mkdir,
    .rmdir = do_rmdir,
    .open = do_open,
    .read = do_read,
    .write = do_write,
    .flush = do_flush,
};

struct tsm_tree *tsm_tree_start(struct tsm_knobs *knobs)
{
    struct tsm_tree *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->knobs = knobs;
    t->mount = fuse_mount_start(&operations, t);
    if (t->mount == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

int tsm_tree_open(const struct tsm_tree *t)
{
    return fuse_mount_open(t->mount);
}

void tsm_tree_stop(struct tsm_tree *t)
{
    fuse_mount_stop(t->mount);
    for (size_t i = 0; i < INSTANCES; i++) {
        mse_build_clear(&t->instances[i].out);
    }
    free(t);
}
