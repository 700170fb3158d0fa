/* SPDX-License-Identifier: Apache-2.0 */
/* See freeze.h. A process that is stopped cannot start another one: going through the descendants
 * again and again, until all of them are stopped and none is new, ends with all of them. */
#include "os/freeze.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "os/proc.h"

#define MAX_PROCESSES ((size_t)4096)
#define PAUSE_NS      200000L
#define LINE_LEN      ((size_t)512)
#define LIST_LEN      ((size_t)65536)

struct process {
    pid_t pid;
    int fd;    /* of the process, so that no other one is meant by its number */
    bool ours; /* we stopped it */
};

struct mse_freeze {
    struct process *list;
    size_t num;
    uint64_t *mapped; /* inodes */
    size_t num_mapped;
    bool mapped_unknown;
};

static bool is_still(char state)
{
    return state == 'T' || state == 't' || state == 'Z' || state == 'X' || state == '\0';
}

/* Every thread of it. */
static bool stands_still(pid_t pid)
{
    char path[320];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    bool still = true;
    const struct dirent *e = NULL;
    while (d != NULL && still && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, e->d_name);
        still = e->d_name[0] == '.' || is_still(mse_proc_state(path, NULL));
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return still;
}

static bool is_known(const struct mse_freeze *f, pid_t pid)
{
    for (size_t i = 0; i < f->num; i++) {
        if (f->list[i].pid == pid) {
            return true;
        }
    }
    return false;
}

/* Stops one that is not known yet. parent 0: whoever that is. */
static mse_status stop_one(struct mse_freeze *f, pid_t pid, pid_t parent)
{
    char path[64];
    long seen = 0;
    if (is_known(f, pid)) {
        return MSE_OK;
    }
    if (f->num == MAX_PROCESSES) {
        return MSE_ERR_STORAGE_LIMIT;
    }
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    char state = mse_proc_state(path, &seen);
    /* While the descriptor's process lives, what /proc says of the number is true of it. */
    if (fd < 0 || state == '\0' || state == 'Z' || (parent != 0 && seen != parent)) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return MSE_OK; /* gone meanwhile */
    }
    struct process *p = &f->list[f->num++];
    *p = (struct process) { .pid = pid, .fd = fd, .ours = state != 'T' };
    if (p->ours) {
        (void)syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0);
    }
    return MSE_OK;
}

/* The children of each thread of a process. */
static mse_status stop_children(struct mse_freeze *f, pid_t pid)
{
    char path[320];
    char *text = malloc(LIST_LEN);
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = text == NULL ? NULL : opendir(path);
    mse_status st = text == NULL ? MSE_ERR_MEMORY : MSE_OK;
    const struct dirent *e = NULL;
    while (st == MSE_OK && d != NULL &&
           (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        char *at = text;
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, e->d_name);
        if (e->d_name[0] == '.' || mse_proc_read(text, LIST_LEN, path) == 0) {
            continue;
        }
        for (long child = strtol(at, &at, 10); st == MSE_OK && child > 1;
             child = strtol(at, &at, 10)) {
            st = stop_one(f, (pid_t)child, pid);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    free(text);
    return st;
}

/* One pass through all of them, those that it finds included. *still: nothing moved. */
static mse_status pass(struct mse_freeze *f, const struct mse_sandbox_app *a, bool *still)
{
    size_t before = f->num;
    struct pollfd over = { .fd = a->init_fd, .events = POLLIN };
    if (a->init_fd >= 0 && poll(&over, 1, 0) == 1) {
        *still = true; /* its number may be another's by now */
        return MSE_OK;
    }
    bool in_namespace = a->sandbox && a->init > 1;
    /* Process 1 of the namespace only reaps; without one the app is what we started. */
    mse_status st = in_namespace ? stop_children(f, a->init) : stop_one(f, a->pid, 0);
    bool all = true;
    for (size_t i = 0; st == MSE_OK && i < f->num; i++) {
        st = stop_children(f, f->list[i].pid);
        all = all && stands_still(f->list[i].pid);
    }
    *still = all && f->num == before;
    return st;
}

static mse_status stop_all(struct mse_freeze *f, const struct mse_sandbox_app *a, unsigned limit_ms)
{
    static const struct timespec pause = { 0, PAUSE_NS };
    int64_t deadline = mse_clock_ms() + (int64_t)limit_ms;
    for (;;) {
        bool still = false;
        mse_status st = pass(f, a, &still);
        if (st != MSE_OK || still) {
            return st;
        }
        if (mse_clock_ms() >= deadline) {
            return MSE_ERR_TIMEOUT;
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- mappings ---- */

static bool add_mapped(struct mse_freeze *f, uint64_t ino)
{
    uint64_t *more = realloc(f->mapped, (f->num_mapped + 1) * sizeof *more);
    if (more == NULL) {
        return false;
    }
    f->mapped = more;
    f->mapped[f->num_mapped++] = ino;
    return true;
}

/* "from-to perms offset dev inode path": shared and writable ones that have a file. */
static bool read_line(struct mse_freeze *f, const char *line)
{
    char perms[8] = "";
    unsigned long long ino = 0;
    /* Fixed formats of the kernel. */
    if (sscanf(line, "%*s %7s %*s %*s %llu", perms, &ino) != 2) { /* NOLINT(cert-err34-c) */
        return true;
    }
    return perms[1] != 'w' || perms[3] != 's' || ino == 0 || add_mapped(f, ino);
}

static void read_maps(struct mse_freeze *f, pid_t pid)
{
    char path[64];
    char line[LINE_LEN];
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *in = fopen(path, "re");
    bool ok = in != NULL;
    bool begins = true; /* of a line: a long name comes in pieces */
    while (ok && fgets(line, sizeof line, in) != NULL) {
        ok = !begins || read_line(f, line);
        begins = strchr(line, '\n') != NULL;
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    f->mapped_unknown = f->mapped_unknown || !ok;
}

bool mse_freeze_is_mapped(const struct mse_freeze *f, uint64_t ino)
{
    bool found = f->mapped_unknown;
    for (size_t i = 0; !found && i < f->num_mapped; i++) {
        found = f->mapped[i] == ino;
    }
    return found;
}

/* ---- all of it ---- */

mse_status mse_freeze_app(struct mse_freeze **out, const struct mse_sandbox_app *a,
                          unsigned limit_ms, struct mse_error *err)
{
    struct mse_freeze *f = calloc(1, sizeof *f);
    if (f != NULL) {
        f->list = calloc(MAX_PROCESSES, sizeof *f->list);
    }
    if (f == NULL || f->list == NULL) {
        mse_freeze_end(f);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    mse_status st = stop_all(f, a, limit_ms);
    if (st != MSE_OK) {
        mse_freeze_end(f);
        return MSE_FAIL(err, st, "storage", "the app cannot be made to stand still: %s",
                        mse_status_text(st));
    }
    for (size_t i = 0; i < f->num; i++) {
        read_maps(f, f->list[i].pid);
    }
    *out = f;
    return MSE_OK;
}

void mse_freeze_end(struct mse_freeze *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = f->num; f->list != NULL && i > 0; i--) {
        const struct process *p = &f->list[i - 1];
        if (p->ours) {
            (void)syscall(SYS_pidfd_send_signal, p->fd, SIGCONT, NULL, 0);
        }
        (void)close(p->fd);
    }
    free(f->list);
    free(f->mapped);
    free(f);
}
