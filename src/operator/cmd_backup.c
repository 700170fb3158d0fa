/* SPDX-License-Identifier: Apache-2.0 */
/* msed backup and restore. A backup is a file of SQLite, whatever the database is: it holds one
 * moment of it, and was read and verified before it gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "db/db.h"
#include "operator/msed.h"

#define INSIDE "backup.sqlite"

/* A private folder with one file of SQLite in it. */
struct place {
    char *dir;
    char *path;
};

static mse_status place_make(struct place *p, const char *beside, struct mse_error *err)
{
    if (asprintf(&p->dir, "%s.XXXXXX", beside) < 0) {
        p->dir = NULL;
        return MSE_FAIL(err, MSE_ERR_MEMORY, "backup", "out of memory");
    }
    if (mkdtemp(p->dir) == NULL) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "backup", "%.180s: %s", p->dir, strerror(errno));
        free(p->dir);
        p->dir = NULL;
        return st;
    }
    p->path = cli_join(p->dir, INSIDE);
    return p->path != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "backup", "out of memory");
}

/* Also what SQLite leaves beside a file that was not closed. */
static void place_clear(struct place *p)
{
    static const char *const names[] = { INSIDE, INSIDE "-wal", INSIDE "-shm", INSIDE "-journal" };
    for (size_t i = 0; p->dir != NULL && i < MSE_ARRAY_LEN(names); i++) {
        char *path = cli_join(p->dir, names[i]);
        if (path != NULL) {
            (void)unlink(path);
        }
        free(path);
    }
    if (p->dir != NULL) {
        (void)rmdir(p->dir);
    }
    free(p->dir);
    free(p->path);
}

/* Opens the file anew: what was written is what is read. */
static mse_status verify(const char *path, struct mse_op_audit_head *out,
                         const struct mse_op_audit_head *wanted, struct mse_error *err)
{
    struct mse_op_store *s = NULL;
    mse_status st = mse_op_store_open(&s, path, false, err);
    if (st == MSE_OK) {
        st = mse_op_audit_verify(s, out, wanted, NULL, NULL, err);
    }
    mse_op_store_close(s);
    return st;
}

static mse_status fill(const struct msed *m, const char *path, struct mse_op_audit_head *head,
                       struct mse_error *err)
{
    const struct mse_op_copy how = { .by = &m->by };
    struct mse_op_store *copy = NULL;
    mse_status st = mse_op_store_open(&copy, path, true, err);
    if (st == MSE_OK) {
        st = mse_op_store_copy(copy, m->store, &how, head, err);
    }
    mse_op_store_close(copy);
    return st == MSE_OK ? verify(path, head, head, err) : st;
}

static mse_status give_name(const char *from, const char *to, bool force, struct mse_error *err)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0 &&
                renameat2(AT_FDCWD, from, AT_FDCWD, to, force ? 0 : RENAME_NOREPLACE) == 0;
    int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (good) {
        return MSE_OK;
    }
    return why == EEXIST ? MSE_FAIL(err, MSE_ERR_EXISTS, "backup", "%.180s is there already", to)
                         : MSE_FAIL(err, MSE_ERR_IO, "backup", "%.180s: %s", to, strerror(why));
}

static mse_status back_up(const struct msed *m, const char *file, struct mse_op_audit_head *head,
                          struct mse_error *err)
{
    struct place p = { .dir = NULL };
    struct stat sb;
    bool force = cli_has(m->c, "force");
    if (!force && lstat(file, &sb) == 0) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, "backup", "%.180s is there already", file);
    }
    mse_status st = place_make(&p, file, err);
    if (st == MSE_OK) {
        st = fill(m, p.path, head, err);
    }
    if (st == MSE_OK) {
        st = give_name(p.path, file, force, err);
    }
    place_clear(&p);
    return st;
}

static enum cli_exit report(const struct cli *c, const char *what, const char *file,
                            const struct mse_op_audit_head *head)
{
    char text[MSED_HEAD_LEN];
    msed_head_format(text, head);
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s}", "file", file, "head", text));
    } else {
        cli_say(c, "%s: %s", what, file);
        cli_say(c, "Audit log: %s", text);
    }
    return CLI_DONE;
}

enum cli_exit cmd_backup(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_audit_head head = { 0 };
    enum cli_exit e = msed_open(&m, c, false);
    if (e == CLI_DONE) {
        mse_status st = back_up(&m, c->args[0], &head, &err);
        e = st == MSE_OK ? report(c, "Written", c->args[0], &head)
                         : cli_newfile_failed(c, st, &err);
    }
    msed_close(&m);
    return e;
}

/* Restoring. */

static mse_status copy_file(int to, const char *from, struct mse_error *err)
{
    char buffer[65536];
    ssize_t n = 1;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat sb;
    if (fd < 0 || fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "restore", "%.180s: %s", from,
                                 fd < 0 ? strerror(errno) : "it is no file");
        if (fd >= 0) {
            (void)close(fd);
        }
        return st;
    }
    while (n > 0) {
        n = read(fd, buffer, sizeof buffer);
        for (ssize_t at = 0; n > 0 && at < n;) {
            ssize_t put = write(to, buffer + at, (size_t)(n - at));
            if (put <= 0) {
                n = -1;
            } else {
                at += put;
            }
        }
    }
    (void)close(fd);
    return n == 0 ? MSE_OK
                  : MSE_FAIL(err, MSE_ERR_IO, "restore", "%.180s: %s", from, strerror(errno));
}

/* A copy, for a schema that is brought up to date is written to. */
static mse_status take(const struct place *p, const char *file, struct mse_op_audit_head *head,
                       struct mse_error *err)
{
    MSE_ASSERT(p->path != NULL);
    int fd = open(p->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "restore", "%.180s: %s", p->path, strerror(errno));
    }
    mse_status st = copy_file(fd, file, err);
    (void)close(fd);
    struct mse_error why = { 0 };
    if (st == MSE_OK) {
        st = verify(p->path, head, NULL, &why);
        st = st == MSE_OK ? st
                          : MSE_FAIL(err, st, "restore", "%.100s is no backup: %s", file, why.text);
    }
    return st;
}

static mse_status pour(struct msed *m, const struct place *p, struct mse_op_audit_head *head,
                       struct mse_error *err)
{
    const struct mse_op_copy how = { .replace = cli_has(m->c, "force"),
                                     .by = &m->by,
                                     .action = "database.restore" };
    struct mse_op_store *from = NULL;
    bool there = mse_db_is_postgres(m->config.database) || cli_file_exists(m->config.database);
    mse_status st = mse_op_store_open(&from, p->path, false, err);
    if (st == MSE_OK) {
        st = mse_op_store_open(&m->store, m->config.database, true, err);
    }
    if (st == MSE_OK) {
        st = mse_op_store_copy(m->store, from, &how, head, err);
    }
    mse_op_store_close(from);
    if (st != MSE_OK && !there) {
        mse_op_store_close(m->store);
        m->store = NULL;
        (void)unlink(m->config.database);
    }
    return st;
}

static mse_status restore(struct msed *m, const char *file, struct mse_op_audit_head *head,
                          struct mse_error *err)
{
    struct place p = { .dir = NULL };
    const char *tmp = cli_environment("TMPDIR");
    char *beside = cli_join(tmp == NULL ? "/tmp" : tmp, "msed-restore");
    if (beside == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "restore", "out of memory");
    }
    mse_status st = place_make(&p, beside, err);
    if (st == MSE_OK) {
        st = take(&p, file, head, err);
    }
    if (st == MSE_OK) {
        st = pour(m, &p, head, err);
    }
    place_clear(&p);
    free(beside);
    return st;
}

enum cli_exit cmd_restore(struct cli *c)
{
    struct msed m;
    struct mse_error err = { 0 };
    struct mse_op_audit_head head = { 0 };
    enum cli_exit e = msed_configure(&m, c);
    if (e == CLI_DONE) {
        mse_status st = restore(&m, c->args[0], &head, &err);
        e = st == MSE_OK ? report(c, "Restored", c->args[0], &head) : cli_failed(c, st, &err);
        if (st == MSE_ERR_EXISTS) {
            cli_hint(c, "-f replaces what it holds, in one step");
        }
        e = st == MSE_ERR_SIGNATURE || st == MSE_ERR_MALFORMED ? CLI_REFUSED : e;
    }
    msed_close(&m);
    return e;
}
