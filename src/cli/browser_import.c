/* SPDX-License-Identifier: Apache-2.0 */
/* See browsers.h: what certutil does to a database. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/browsers.h"
#include "cli/child.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

#define MAX_OUTPUT ((size_t)4 * 1024 * 1024)
#define MAX_DER    ((size_t)64 * 1024)
#define MAX_TIMES  64 /* certificates under one nickname */
#define WORDS      12

const char *cli_import_flags(enum cli_browser b, bool is_ca)
{
    return b == CLI_CHROMIUM && !is_ca ? "P,," : "C,,";
}

static mse_status read_output(struct cli_file *out, int fd, struct mse_error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return cli_file_read(out, path, MAX_OUTPUT, err);
}

/* certutil WORDS... -d sql:FOLDER: its exit status, and what it said on stdout. */
static mse_status certutil(int *status, struct cli_file *out, const struct cli_store *s,
                           const char *const words[], struct mse_error *err)
{
    const char *argv[WORDS + 4] = { "certutil" };
    size_t n = 1;
    char *folder = NULL;
    pid_t pid = -1;
    int fd = memfd_create("certutil", MFD_CLOEXEC);
    for (size_t i = 0; words[i] != NULL && n < WORDS; i++) {
        argv[n++] = words[i];
    }
    argv[n++] = "-d";
    if (fd < 0 || asprintf(&folder, "sql:%s", s->folder) < 0) {
        folder = NULL;
    }
    argv[n++] = folder;
    /* What it says of failures is of no use to users: the exit status counts. */
    const struct cli_child k = { .argv = argv, .stdout_fd = fd, .stderr_fd = fd };
    mse_status st = folder == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "browsers", "out of memory")
                                   : cli_child_start(&pid, &k, err);
    if (st == MSE_OK) {
        *status = cli_child_wait(pid);
        st = out == NULL ? MSE_OK : read_output(out, fd, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(folder);
    return st;
}

static bool has_database(const struct cli_store *s)
{
    char *path = cli_join(s->folder, "cert9.db");
    bool there = path != NULL && cli_file_exists(path);
    free(path);
    return there;
}

/* A database without a password, as the browsers make theirs. */
static mse_status make_database(const struct cli_store *s, struct mse_error *err)
{
    static const char *const words[] = { "-N", "--empty-password", NULL };
    int status = 0;
    char *path = cli_join(s->folder, "cert9.db");
    mse_status st = path == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "browsers", "out of memory")
                                 : cli_make_parents(path, err);
    free(path);
    st = st == MSE_OK ? certutil(&status, NULL, s, words, err) : st;
    if (st == MSE_OK && status != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "browsers", "%.180s: certutil made no database there",
                      s->folder);
    }
    return st;
}

/* How the list of certificates shows its trust; empty if it is not in it. */
static void flags_of(char flags[16], struct mse_bytes list, const char *nickname)
{
    size_t len = strlen(nickname);
    flags[0] = '\0';
    while (list.len > 0) {
        const uint8_t *end = memchr(list.data, '\n', list.len);
        size_t n = end == NULL ? list.len : (size_t)(end - list.data);
        struct mse_bytes line = mse_bytes_of(list.data, n);
        while (line.len > 0 && line.data[line.len - 1] == ' ') {
            line.len--;
        }
        size_t at = line.len;
        while (at > 0 && line.data[at - 1] != ' ') {
            at--;
        }
        if (line.len > len && line.data[len] == ' ' && line.len - at < 16 &&
            mse_bytes_is_str(mse_bytes_of(line.data, len), nickname)) {
            memcpy(flags, line.data + at, line.len - at);
            flags[line.len - at] = '\0';
            return;
        }
        size_t step = end == NULL ? n : n + 1;
        list = mse_bytes_of(list.data + step, list.len - step);
    }
}

/* Whether the PEM is this certificate and nothing else. */
static bool is_only(struct mse_bytes pem, struct mse_bytes der)
{
    static uint8_t room[MAX_DER];
    size_t len = 0;
    return mse_pem_next(&pem, "CERTIFICATE", room, sizeof room, &len) == MSE_OK &&
           mse_bytes_equal(mse_bytes_of(room, len), der) &&
           mse_pem_next(&pem, "CERTIFICATE", room, sizeof room, &len) == MSE_ERR_NOT_FOUND;
}

mse_status cli_import_look(enum cli_import *out, const struct cli_store *s,
                           const struct cli_import_ask *ask, struct mse_error *err)
{
    const char *const one[] = { "-L", "-a", "-n", ask->nickname, NULL };
    static const char *const all[] = { "-L", NULL };
    struct cli_file pem = { 0 };
    struct cli_file list = { 0 };
    char flags[16];
    int found = 0;
    int listed = 0;
    if (!has_database(s)) {
        *out = CLI_IMPORT_NONE;
        return MSE_OK;
    }
    mse_status st = certutil(&found, &pem, s, one, err);
    st = st == MSE_OK ? certutil(&listed, &list, s, all, err) : st;
    if (st == MSE_OK && listed != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "browsers", "%.180s: certutil cannot read it", s->folder);
    }
    if (st == MSE_OK && found != 0) {
        *out = CLI_IMPORT_NONE;
    } else if (st == MSE_OK && !is_only(cli_file_view(&pem), ask->der)) {
        *out = CLI_IMPORT_OTHER;
    } else if (st == MSE_OK) {
        flags_of(flags, cli_file_view(&list), ask->nickname);
        *out = strcmp(flags, cli_import_flags(s->browser, ask->is_ca)) == 0 ? CLI_IMPORT_GOOD
                                                                            : CLI_IMPORT_FLAGS;
    }
    cli_file_clear(&pem);
    cli_file_clear(&list);
    return st;
}

/* Where a copy of what was imported lies, by its sum; heap, NULL without memory. */
static char *copy_path(struct mse_bytes der)
{
    uint8_t sum[32];
    char hex[65];
    char name[96];
    if (mse_sha256(sum, der) != MSE_OK) {
        return NULL;
    }
    mse_hex_encode(hex, mse_bytes_of(sum, sizeof sum));
    (void)snprintf(name, sizeof name, "imported/%s.pem", hex);
    return cli_conf_path(name);
}

/* Whether it is the one that is meant, or one that was imported here before. */
static bool is_ours(struct mse_bytes der, const struct cli_import_ask *ask)
{
    char *path = copy_path(der);
    bool ours = mse_bytes_equal(der, ask->der) || (path != NULL && cli_file_exists(path));
    free(path);
    return ours;
}

/* How many certificates stand under the nickname that are none of ours. */
static mse_status count_others(unsigned *out, const struct cli_store *s,
                               const struct cli_import_ask *ask, struct mse_error *err)
{
    const char *const words[] = { "-L", "-a", "-n", ask->nickname, NULL };
    static uint8_t room[MAX_DER];
    struct cli_file f = { 0 };
    size_t len = 0;
    int found = 0;
    unsigned num = 0;
    mse_status next = MSE_OK;
    mse_status st = certutil(&found, &f, s, words, err);
    struct mse_bytes pem = cli_file_view(&f);
    while (st == MSE_OK && found == 0 && next == MSE_OK) {
        next = mse_pem_next(&pem, "CERTIFICATE", room, sizeof room, &len);
        if (next == MSE_OK && !is_ours(mse_bytes_of(room, len), ask)) {
            num++;
        }
    }
    /* What cannot be read is none of ours. */
    num += next != MSE_OK && next != MSE_ERR_NOT_FOUND ? 1U : 0U;
    cli_file_clear(&f);
    if (st == MSE_OK) {
        *out = num;
    }
    return st;
}

/* All that stands under the nickname. */
static mse_status delete_all(unsigned *out_num, const struct cli_store *s, const char *nickname,
                             struct mse_error *err)
{
    const char *const words[] = { "-D", "-n", nickname, NULL };
    mse_status st = MSE_OK;
    int status = 0;
    unsigned num = 0;
    while (st == MSE_OK && status == 0 && num < MAX_TIMES) {
        st = certutil(&status, NULL, s, words, err);
        num += st == MSE_OK && status == 0 ? 1U : 0U;
    }
    if (st == MSE_OK) {
        *out_num = num;
    }
    return st;
}

mse_status cli_import_remove(struct cli_import_removed *out, const struct cli_store *s,
                             const struct cli_import_ask *ask, struct mse_error *err)
{
    struct cli_import_removed r = { 0 };
    mse_status st = MSE_OK;
    if (has_database(s)) {
        st = ask->force ? MSE_OK : count_others(&r.left, s, ask, err);
        /* certutil deletes by name only: beside one of somebody else's it would choose. */
        st = st == MSE_OK && r.left == 0 ? delete_all(&r.removed, s, ask->nickname, err) : st;
    }
    if (st == MSE_OK) {
        *out = r;
    }
    return st;
}

/* A copy, by which later calls know it again. */
static mse_status keep_copy(const struct cli_import_ask *ask, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    char *path = copy_path(ask->der);
    mse_status st = path == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, "browsers", "out of memory")
                                 : cli_make_parents(path, err);
    st = st == MSE_OK ? cli_file_read(&pem, ask->path, MAX_OUTPUT, err) : st;
    st = st == MSE_OK ? cli_file_write(path, cli_file_view(&pem), 0600, err) : st;
    cli_file_clear(&pem);
    free(path);
    return st;
}

mse_status cli_import_put(const struct cli_store *s, const struct cli_import_ask *ask,
                          struct mse_error *err)
{
    const char *const words[] = {
        "-A", "-n",      ask->nickname, "-t", cli_import_flags(s->browser, ask->is_ca),
        "-i", ask->path, NULL
    };
    enum cli_import now = CLI_IMPORT_NONE;
    struct cli_import_removed before = { 0 };
    int status = 0;
    mse_status st = has_database(s) ? MSE_OK : make_database(s, err);
    st = st == MSE_OK ? cli_import_remove(&before, s, ask, err) : st;
    if (st == MSE_OK && before.left > 0) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, "browsers",
                        "%.120s has %u under the name %.100s that mse did not import", s->folder,
                        before.left, ask->nickname);
    }
    st = st == MSE_OK ? keep_copy(ask, err) : st;
    st = st == MSE_OK ? certutil(&status, NULL, s, words, err) : st;
    if (st == MSE_OK && status != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "browsers",
                        "%.150s: certutil did not import it (exit status %d)", s->folder, status);
    }
    st = st == MSE_OK ? cli_import_look(&now, s, ask, err) : st;
    if (st == MSE_OK && now != CLI_IMPORT_GOOD) {
        st = MSE_FAIL(err, MSE_ERR_IO, "browsers",
                      "%.150s: it is not there as %s: it may have another name there already",
                      s->folder, cli_import_flags(s->browser, ask->is_ca));
    }
    return st;
}
