/* SPDX-License-Identifier: Apache-2.0 */
/* What an app says and uses. The log goes as it is: where the manifest says so, the runtime has
 * sealed the app's part of it already. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "launch/instance.h"
#include "operator/node.h"
#include "os/proc.h"

#define LOG_SENT   "log.sent" /* how much of the log the store has: a decimal number */
#define MAX_TURNS  64         /* of MSE_OP_LOG_MAX in one go */
#define SHIP_MS    100        /* so long one app keeps the others waiting */
#define FREE_EVERY ((int64_t)1024 * 1024)
#define MAX_PROCS  8192
#define NAME_LEN   32 /* of a metric */

/* ---- logs */

static bool open_log(struct node_watched *w)
{
    struct cli_file f = { 0 };
    uint64_t sent = 0;
    char *log = cli_join(w->dir, MSE_INSTANCE_LOG);
    char *mark = cli_join(w->dir, LOG_SENT);
    if (w->log_fd < 0 && log != NULL && mark != NULL) {
        w->log_fd = open(log, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        bool known = cli_file_read(&f, mark, 32, NULL) == MSE_OK &&
                     mse_u64_parse(&sent, cli_file_view(&f), INT64_MAX);
        w->log_sent = known ? (int64_t)sent : 0;
        w->log_freed = w->log_sent;
    }
    cli_file_clear(&f);
    free(log);
    free(mark);
    return w->log_fd >= 0;
}

/* After the store has it. Who is killed between sends a part twice, and loses none. */
static void mark_sent(struct node_watched *w)
{
    char text[24];
    char *mark = cli_join(w->dir, LOG_SENT);
    int len = snprintf(text, sizeof text, "%lld", (long long)w->log_sent);
    int fd = mark == NULL ? -1 : open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!pwrite(fd, text, (size_t)len, 0); /* it only ever gets longer */
        (void)close(fd);
    }
    free(mark);
    if (w->log_sent - w->log_freed >= FREE_EVERY) {
        /* What was sent needs no room; the file keeps its length. */
        (void)fallocate(w->log_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, w->log_freed,
                        w->log_sent - w->log_freed);
        w->log_freed = w->log_sent;
    }
}

/* The store keeps no more than its ring. What an app writes faster than it goes there is left out:
 * it would fill the disk of all. */
static void skip_ahead(struct node_watched *w)
{
    struct stat sb;
    if (fstat(w->log_fd, &sb) == 0 && sb.st_size - w->log_sent > (int64_t)MSE_OP_LOG_RING) {
        w->log_sent = sb.st_size - (int64_t)MSE_OP_LOG_RING;
        mark_sent(w);
    }
}

/* How much of it goes now: whole lines, unless there is no more to come, or a line is too long. */
static size_t whole_lines(const uint8_t *text, size_t len, bool last)
{
    const uint8_t *end = memrchr(text, '\n', len);
    if (end != NULL) {
        return (size_t)(end - text) + 1;
    }
    return last || len == MSE_OP_LOG_MAX ? len : 0;
}

/* Of several instances, each line tells whose it is, unless it is of the first one. As many of the
 * bytes as there is room for; *taken is how many of *text that are. */
static struct mse_bytes sign_lines(uint8_t *out, const struct node_watched *w, const uint8_t *text,
                                   size_t len, size_t *taken)
{
    char sign[32];
    size_t used = 0;
    size_t at = 0;
    size_t skip = (size_t)snprintf(sign, sizeof sign, "[instance %u] ", (unsigned)w->number);
    while (at < len && used + skip < MSE_OP_LOG_MAX) {
        size_t room = MSE_OP_LOG_MAX - used - skip;
        const uint8_t *end = memchr(text + at, '\n', len - at);
        size_t line = end == NULL ? len - at : (size_t)(end - (text + at)) + 1;
        if (line > room && used > 0) {
            break;
        }
        line = line > room ? room : line;
        memcpy(out + used, sign, skip);
        memcpy(out + used + skip, text + at, line);
        used += skip + line;
        at += line;
    }
    *taken = at;
    return mse_bytes_of(out, used);
}

void node_log_ship(struct mse_op_store *s, struct node_watched *w, bool last)
{
    static const char what[] = "log";
    struct mse_error err = { 0 };
    int64_t now = 0;
    int64_t until = mse_clock_ms() + SHIP_MS;
    uint8_t *text = open_log(w) ? malloc(2 * MSE_OP_LOG_MAX) : NULL;
    if (text != NULL) {
        skip_ahead(w);
    }
    for (unsigned turn = 0; text != NULL && turn < MAX_TURNS; turn++) {
        ssize_t got = pread(w->log_fd, text, MSE_OP_LOG_MAX, w->log_sent);
        size_t len = got <= 0 ? 0 : whole_lines(text, (size_t)got, last);
        struct mse_bytes all = mse_bytes_of(text, len);
        if (len == 0 || (turn > 0 && !last && mse_clock_ms() >= until)) {
            break;
        }
        if (w->number != 0) {
            all = sign_lines(text + MSE_OP_LOG_MAX, w, text, len, &len);
        }
        mse_status st = now == 0 ? mse_op_clock_ms(s, &now, &err) : MSE_OK;
        st = st == MSE_OK ? mse_op_log_append(s, w->id, now, all, &err) : st;
        if (st != MSE_OK) {
            node_complain(what, &err);
            break;
        }
        w->log_sent += (int64_t)len;
        mark_sent(w);
    }
    free(text);
}

/* ---- metrics */

struct process {
    long pid;
    long parent;
    uint64_t ticks;
    uint64_t pages;
    bool ours;
};

struct processes {
    size_t num;
    struct process list[MAX_PROCS];
};

/* Fields of /proc/PID/stat behind the name, which may hold anything. */
static bool read_process(struct process *out, const char *pid)
{
    char path[64];
    char text[1024];
    struct process p = { .pid = strtol(pid, NULL, 10) };
    unsigned long user = 0;
    unsigned long kernel = 0;
    long pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    (void)mse_proc_read(text, sizeof text, path);
    const char *at = strrchr(text, ')');
    if (at == NULL ||
        sscanf(at + 1, /* NOLINT(cert-err34-c) */
               " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u"
               " %*u %ld",
               &p.parent, &user, &kernel, &pages) != 4) {
        return false;
    }
    p.ticks = user + kernel;
    p.pages = pages > 0 ? (uint64_t)pages : 0;
    *out = p;
    return true;
}

static void read_processes(struct processes *all)
{
    DIR *d = opendir("/proc");
    const struct dirent *e = NULL;
    while (d != NULL && all->num < MAX_PROCS &&
           (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
            read_process(&all->list[all->num], e->d_name)) {
            all->num++;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

/* The enclave and all below it: parents come before or after their children. */
static void mark_tree(struct processes *all, pid_t root)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < all->num; i++) {
            struct process *p = &all->list[i];
            bool child = p->pid == root;
            for (size_t j = 0; !p->ours && !child && j < all->num; j++) {
                child = all->list[j].ours && all->list[j].pid == p->parent;
            }
            if (child && !p->ours) {
                p->ours = true;
                more = true;
            }
        }
    }
}

/* Bytes that a folder takes, and those in it, without following links. */
static uint64_t usage_of(int dir_fd, unsigned depth)
{
    uint64_t sum = 0;
    DIR *d = fdopendir(dir_fd);
    const struct dirent *e = NULL;
    struct stat sb;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        sum += (uint64_t)sb.st_blocks * 512;
        int below =
            S_ISDIR(sb.st_mode) && depth > 0
                ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                : -1;
        sum += below >= 0 ? usage_of(below, depth - 1) : 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    } else {
        (void)close(dir_fd);
    }
    return sum;
}

static int64_t folder_usage(const struct node_watched *w)
{
    int fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? 0 : (int64_t)usage_of(fd, 4);
}

/* In thousandths of a core since the last time; false the first time. */
static bool cpu_since(struct node_watched *w, uint64_t ticks, int64_t *out)
{
    int64_t now = mse_clock_ms();
    int64_t passed = now - w->ticks_at_ms;
    bool known = w->ticks_at_ms != 0 && passed > 0;
    if (known) {
        uint64_t used = ticks > w->ticks ? ticks - w->ticks : 0; /* a process may have ended */
        *out = (int64_t)(used * 1000 / (uint64_t)sysconf(_SC_CLK_TCK)) * 1000 / passed;
    }
    w->ticks = ticks;
    w->ticks_at_ms = now;
    return known;
}

void node_measure(struct mse_op_store *s, const char *node, struct node_watched *w, pid_t enclave)
{
    struct mse_error err = { 0 };
    struct processes *all = calloc(1, sizeof *all);
    uint64_t ticks = 0;
    uint64_t pages = 0;
    int64_t now = 0;
    struct mse_op_metric m[3] = { { .name = "memory_usage" },
                                  { .name = "fs_usage" },
                                  { .name = "cpu_usage" } };
    if (all == NULL || enclave <= 0) {
        free(all);
        return;
    }
    read_processes(all);
    mark_tree(all, enclave);
    for (size_t i = 0; i < all->num; i++) {
        ticks += all->list[i].ours ? all->list[i].ticks : 0;
        pages += all->list[i].ours ? all->list[i].pages : 0;
    }
    free(all);
    char names[MSE_ARRAY_LEN(m)][NAME_LEN];
    for (size_t i = 0; w->number != 0 && i < MSE_ARRAY_LEN(m); i++) {
        (void)snprintf(names[i], NAME_LEN, "%s_%u", m[i].name, (unsigned)w->number);
        m[i].name = names[i];
    }
    m[0].value = (int64_t)pages * sysconf(_SC_PAGESIZE);
    m[1].value = folder_usage(w);
    bool cpu = cpu_since(w, ticks, &m[2].value);
    mse_status st = mse_op_clock_ms(s, &now, &err);
    st = st == MSE_OK ? mse_op_metric_put(s, w->id, node, now, m, cpu ? 3 : 2, &err) : st;
    if (st != MSE_OK) {
        node_complain("metrics", &err);
    }
}
