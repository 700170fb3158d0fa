/* SPDX-License-Identifier: Apache-2.0 */
/* One report is one instance: a folder that is made, written, read and removed. What is written to
 * "inblob" counts from its close(2) on, and the kernel tells nobody whether it took it: only
 * "generation", which counts, and the report itself do. */
#include "tee/tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"

#define STEP          "tsm"
#define TRIES_MAX     240
#define PAUSE_NS      250000000L
#define NUMBER_DIGITS 20U

/* ---- files of an instance ---- */

static bool is_busy(int e)
{
    return e == EBUSY || e == EWOULDBLOCK || e == EINTR;
}

/* What the errors mean that the kernel documents, and those of the two drivers behind it. */
static mse_status fail(struct mse_error *err, const char *file, int e)
{
    switch (e) {
    case ENXIO:
    case ENOTTY:
    case ENODEV:
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "%s: no TEE answers: %s", file,
                        strerror(e));
    case ETIMEDOUT:
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, STEP, "%s: the host's quoting service: %s", file,
                        strerror(e));
    default:
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%s: %s", file, strerror(e));
    }
}

static mse_status open_one(int *out, int dir, const char *file, int flags, struct mse_error *err)
{
    *out = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW);
    return *out >= 0 ? MSE_OK : fail(err, file, errno);
}

/* Reads a whole file; *busy tells that one may ask again. */
static mse_status read_whole(struct mse_build *out, int dir, const char *file, bool *busy,
                             struct mse_error *err)
{
    uint8_t chunk[4096];
    int fd = -1;
    mse_status st = open_one(&fd, dir, file, O_RDONLY, err);
    while (st == MSE_OK) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0) {
            *busy = is_busy(errno);
            st = fail(err, file, errno);
        } else if (n == 0) {
            break;
        } else {
            mse_wr_copy(out, chunk, (size_t)n);
        }
        if (st == MSE_OK && !mse_build_ok(out)) {
            st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "%s: more than %u bytes", file,
                          MSE_TSM_MAX_REPORT);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

/* A short file of text, without its line's end. */
static mse_status read_line(char *out, size_t cap, int dir, const char *file, struct mse_error *err)
{
    size_t got = 0;
    int fd = -1;
    mse_status st = open_one(&fd, dir, file, O_RDONLY, err);
    if (st != MSE_OK) {
        return st;
    }
    bool whole = mse_io_read(fd, (uint8_t *)out, cap, &got);
    int e = errno;
    (void)close(fd);
    if (!whole) {
        return fail(err, file, e);
    }
    while (got > 0 && got < cap && out[got - 1] == '\n') {
        got--;
    }
    if (got == 0 || got == cap || memchr(out, '\0', got) != NULL) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "%s: not one line of 1 to %zu characters",
                        file, cap - 1);
    }
    out[got] = '\0';
    return MSE_OK;
}

static mse_status read_generation(uint64_t *out, int dir, struct mse_error *err)
{
    char text[NUMBER_DIGITS + 2];
    mse_status st = read_line(text, sizeof text, dir, "generation", err);
    if (st == MSE_OK && !mse_u64_parse(out, mse_bytes_str(text), UINT64_MAX)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "generation: not a number");
    }
    return st;
}

/* In a single write(2), as the kernel wants it. */
static mse_status write_data(int dir, const uint8_t report_data[64], struct mse_error *err)
{
    int fd = -1;
    mse_status st = open_one(&fd, dir, "inblob", O_WRONLY, err);
    if (st != MSE_OK) {
        return st;
    }
    ssize_t n = write(fd, report_data, 64);
    int e = n < 0 ? errno : EIO;
    if (close(fd) != 0 && n == 64) {
        e = errno;
        n = -1;
    }
    return n == 64 ? MSE_OK : fail(err, "inblob", e);
}

/* ---- an instance ---- */

/* Only sev_guest has it, and only where the host handed certificates over. */
static mse_status read_extra(struct mse_tsm_reply *r, int dir, bool *busy, struct mse_error *err)
{
    if (faccessat(dir, "auxblob", F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? MSE_OK : fail(err, "auxblob", errno);
    }
    return read_whole(&r->extra, dir, "auxblob", busy, err);
}

/* All of it belongs together only if nobody else wrote meanwhile. */
static mse_status ask_instance(struct mse_tsm_reply *r, int dir, const uint8_t report_data[64],
                               bool *busy, struct mse_error *err)
{
    uint64_t before = 0;
    uint64_t after = 0;
    mse_status st = read_generation(&before, dir, err);
    st = st == MSE_OK ? read_line(r->provider, sizeof r->provider, dir, "provider", err) : st;
    st = st == MSE_OK ? write_data(dir, report_data, err) : st;
    st = st == MSE_OK ? read_whole(&r->report, dir, "outblob", busy, err) : st;
    st = st == MSE_OK ? read_extra(r, dir, busy, err) : st;
    st = st == MSE_OK ? read_generation(&after, dir, err) : st;
    if (st == MSE_OK && after != before + 1) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP,
                      "generation %llu, wanted %llu: somebody else wrote to the instance",
                      (unsigned long long)after, (unsigned long long)before + 1);
    }
    if (st == MSE_OK && r->report.len == 0) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "outblob: empty");
    }
    return st;
}

static mse_status make_instance(char name[40], int *dir, int dir_fd, struct mse_error *err)
{
    uint8_t random[16];
    mse_status st = mse_random(random, sizeof random);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "no random bytes");
    }
    memcpy(name, "mse-", 4);
    mse_hex_encode(name + 4, mse_bytes_of(random, sizeof random));
    if (mkdirat(dir_fd, name, 0700) != 0) {
        return fail(err, "a new instance", errno);
    }
    st = open_one(dir, dir_fd, name, O_RDONLY | O_DIRECTORY, err);
    if (st != MSE_OK) {
        (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
    }
    return st;
}

void mse_tsm_clear(struct mse_tsm_reply *r)
{
    mse_build_clear(&r->report);
    mse_build_clear(&r->extra);
    r->provider[0] = '\0';
}

static mse_status ask_once(struct mse_tsm_reply *out, int dir_fd, const uint8_t report_data[64],
                           bool *busy, struct mse_error *err)
{
    char name[40];
    int dir = -1;
    struct mse_tsm_reply r = { 0 };
    *busy = false;
    mse_status st = make_instance(name, &dir, dir_fd, err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&r.report, MSE_TSM_MAX_REPORT);
    mse_build_heap(&r.extra, MSE_TSM_MAX_REPORT);
    st = ask_instance(&r, dir, report_data, busy, err);
    (void)close(dir);
    (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
    if (st != MSE_OK) {
        mse_tsm_clear(&r);
        return st;
    }
    *out = r;
    return MSE_OK;
}

mse_status mse_tsm_ask(struct mse_tsm_reply *out, int dir_fd, const uint8_t report_data[64],
                       struct mse_error *err)
{
    static const struct timespec pause = { 0, PAUSE_NS };
    struct mse_error e;
    bool busy = false;
    mse_status st = MSE_OK;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        memset(&e, 0, sizeof e);
        st = ask_once(out, dir_fd, report_data, &busy, &e);
        if (!busy) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    if (busy) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, STEP, "the platform stays busy: %s", e.text);
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STEP, "%s", e.text);
}

/* ---- the host's certificates ---- */

/* In the order in which an appraisal wants them: the leaf, then what is above it. The GUIDs are in
 * the byte order of their text (AMD SEV-SNP GHCB specification, 2.x, table of certificate GUIDs).
 */
enum slot {
    VCEK,
    VLEK,
    ASK,
    ARK,
    NUM_SLOTS,
};
static const uint8_t guids[NUM_SLOTS][16] = {
    [VCEK] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8,
               0xac, 0xcd },
    [VLEK] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0,
               0xb8, 0xa1 },
    [ASK] = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27,
              0xc7, 0x82 },
    [ARK] = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c,
              0xd0, 0xae },
};

static mse_status take_entry(struct mse_bytes slots[NUM_SLOTS], struct mse_bytes guid,
                             struct mse_bytes cert, struct mse_error *err)
{
    for (size_t i = 0; i < NUM_SLOTS; i++) {
        if (!mse_bytes_equal(guid, mse_bytes_of(guids[i], 16))) {
            continue;
        }
        if (slots[i].len > 0) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "a certificate stands there twice");
        }
        slots[i] = cert;
    }
    return MSE_OK; /* others, as a CRL, are nothing that we use */
}

static mse_status read_table(struct mse_bytes slots[NUM_SLOTS], struct mse_bytes table,
                             struct mse_error *err)
{
    struct mse_bytes in = table;
    for (;;) {
        struct mse_bytes guid;
        uint32_t offset = 0;
        uint32_t len = 0;
        if (!mse_rd_bytes(&in, &guid, 16) || // 0 whose it is
            !mse_rd_u32le(&in, &offset) ||   // 16 where, from the start of the table
            !mse_rd_u32le(&in, &len)) {      // 20 how long
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the table of certificates has no end");
        }
        if (mse_mem_is_zero(guid.data, guid.len)) {
            return MSE_OK;
        }
        if (len == 0 || offset > table.len || len > table.len - offset) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                            "a certificate of %u bytes at %u, in a table of %zu", len, offset,
                            table.len);
        }
        mse_status st = take_entry(slots, guid, mse_bytes_of(table.data + offset, len), err);
        if (st != MSE_OK) {
            return st;
        }
    }
}

mse_status mse_tsm_certificates(struct mse_build *out, struct mse_bytes table,
                                struct mse_error *err)
{
    struct mse_bytes slots[NUM_SLOTS] = { { 0 } };
    if (table.len == 0) {
        return MSE_OK;
    }
    mse_status st = read_table(slots, table, err);
    if (st != MSE_OK) {
        return st;
    }
    bool chip = slots[VCEK].len > 0;
    if (chip || slots[VLEK].len > 0) { /* without a leaf the others say nothing */
        mse_wr_bytes(out, slots[chip ? VCEK : VLEK]);
        mse_wr_bytes(out, slots[ASK]);
        mse_wr_bytes(out, slots[ARK]);
    }
    return mse_build_ok(out) ? MSE_OK
                             : MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "certificates do not fit");
}
