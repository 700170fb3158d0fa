/* SPDX-License-Identifier: Apache-2.0 */
/* mse doctor: what this machine lacks, for running apps and for verifying them. It looks, and
 * changes nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/own.h"
#include "cmd/files.h"

#define TMPFS_MAGIC 0x01021994
#define LINE_MAX    256
/* No set is valid for longer. */
#define COLLATERAL_DAYS 30

/* MISSING is what the command's exit status is about; LACKS only limits what can be done here. */
enum state {
    FINE,
    LACKS,
    MISSING,
};

struct finding {
    enum state state;
    char seen[LINE_MAX];
    const char *hint; /* what to do, when it is not fine */
};

struct check {
    const char *name;
    const char *what_for;
    void (*look)(struct finding *f, const struct cli *c);
};

/* Of seen, the first line is kept, as far as it fits. */
static void say(struct finding *f, enum state state, const char *hint, const char *seen)
{
    size_t len = strcspn(seen, "\n");
    f->state = state;
    f->hint = hint;
    len = len < sizeof f->seen ? len : sizeof f->seen - 1;
    memcpy(f->seen, seen, len);
    f->seen[len] = '\0';
}

/* Runs a program quietly; the first line of what it says goes to text (LINE_MAX bytes). */
static bool runs(const char *const *argv, char *text)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    struct cli_child k = { .argv = argv, .stdout_fd = out, .stderr_fd = out };
    struct mse_error err = { 0 };
    pid_t pid = 0;
    text[0] = '\0';
    mse_status st = out < 0 ? MSE_ERR_IO : cli_child_start(&pid, &k, &err);
    int status = st == MSE_OK ? cli_child_wait(pid) : 127;
    ssize_t n = st == MSE_OK ? pread(out, text, LINE_MAX - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    if (st != MSE_OK) {
        (void)snprintf(text, LINE_MAX, "%.200s", err.text);
    }
    if (out >= 0) {
        (void)close(out);
    }
    return status == 0;
}

static void look_runtime(struct finding *f, const struct cli *c)
{
    struct cli_file file = { 0 };
    char *path = NULL;
    uint8_t sha256[32];
    bool known = false;
    struct mse_error err = { 0 };
    mse_status st = cli_runtime_load(&file, &path, c, sha256, &err);
    if (st != MSE_OK) {
        say(f, MISSING, "install mse whole, or build it with ./dev build", err.text);
    } else if (cli_runtime_known(&known, c, sha256, NULL) != MSE_OK || !known) {
        say(f, MISSING, "it is not the one that was built with this mse: install both anew", path);
    } else {
        say(f, FINE, NULL, path);
    }
    cli_file_clear(&file);
    free(path);
}

static void look_sandbox(struct finding *f, const struct cli *c)
{
    static const char *const argv[] = { "/usr/bin/bwrap",
                                        "--unshare-all",
                                        "--cap-drop",
                                        "ALL",
                                        "--ro-bind",
                                        "/",
                                        "/",
                                        "/bin/true",
                                        NULL };
    char text[LINE_MAX];
    (void)c;
    if (access(argv[0], X_OK) != 0) {
        say(f, MISSING, "apt-get install bubblewrap", "no /usr/bin/bwrap");
    } else if (!runs(argv, text)) {
        say(f, MISSING,
            "look at user.max_user_namespaces, kernel.unprivileged_userns_clone, "
            "kernel.apparmor_restrict_unprivileged_userns; in a container, at its seccomp profile",
            text[0] == '\0' ? "bubblewrap fails" : text);
    } else {
        say(f, FINE, NULL, "bubblewrap and namespaces");
    }
}

static void look_memory(struct finding *f, const struct cli *c)
{
    struct statfs kind;
    struct statvfs room;
    char text[LINE_MAX];
    (void)c;
    if (statfs("/dev/shm", &kind) != 0 || kind.f_type != TMPFS_MAGIC ||
        statvfs("/dev/shm", &room) != 0) {
        say(f, MISSING, "mount a tmpfs at /dev/shm: code must never reach a disk",
            "/dev/shm is not in memory");
        return;
    }
    unsigned long long mib = (unsigned long long)room.f_bavail * room.f_frsize >> 20;
    (void)snprintf(text, sizeof text, "/dev/shm, %llu MiB free", mib);
    if (mib < 64) {
        say(f, LACKS, "make it larger: the unpacked code of an app lies there", text);
    } else {
        say(f, FINE, NULL, text);
    }
}

static void look_python(struct finding *f, const struct cli *c)
{
    static const char *const argv[] = { "/usr/bin/python3", "-I", "-c",
                                        ("import sys, gunicorn, uvicorn; print('Python', "
                                         "sys.version.split()[0], '- gunicorn', "
                                         "gunicorn.__version__, '- uvicorn', uvicorn.__version__)"),
                                        NULL };
    char text[LINE_MAX];
    (void)c;
    if (runs(argv, text)) {
        say(f, FINE, NULL, text);
    } else {
        say(f, LACKS, "apt-get install gunicorn python3-uvicorn",
            "Python with gunicorn and uvicorn does not run");
    }
}

static void look_platform(struct finding *f, const struct cli *c)
{
    char *path = cli_conf_path("sim/platform.json");
    (void)c;
    if (path != NULL && cli_file_exists(path)) {
        say(f, FINE, NULL, path);
    } else {
        say(f, LACKS, "mse sim init makes one", "none in the configuration folder");
    }
    free(path);
}

static void look_configuration(struct finding *f, const struct cli *c)
{
    char *path = cli_conf_path("");
    struct stat info;
    (void)c;
    if (path == NULL) {
        say(f, MISSING, "set MSE_CONF_PATH or HOME", "no configuration folder");
    } else if (stat(path, &info) != 0) {
        say(f, FINE, NULL, "not there yet, made when it is needed");
    } else if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        say(f, MISSING, "it must be yours, and nobody else may write to it (chmod go-w)", path);
    } else {
        say(f, FINE, NULL, path);
    }
    free(path);
}

static void look_tee(struct finding *f, const struct cli *c)
{
    static const char *const nodes[][2] = {
        { "/dev/attestation/quote", "Gramine on SGX" },
        { "/dev/sgx_enclave", "SGX" },
        { "/dev/tdx_guest", "TDX guest" },
        { "/dev/sev-guest", "SEV-SNP guest" },
        { "/dev/nsm", "AWS Nitro enclave" },
    };
    (void)c;
    for (size_t i = 0; i < MSE_ARRAY_LEN(nodes); i++) {
        if (access(nodes[i][0], F_OK) == 0) {
            say(f, FINE, NULL, nodes[i][1]);
            return;
        }
    }
    say(f, LACKS, "apps run in the simulated TEE here; verifying needs no TEE", "none");
}

/* On the machine that starts enclaves: processor, loader, and whoever asks the quoting enclave. */
static void look_gramine(struct finding *f, const struct cli *c)
{
    static const char *const wanted[][2] = {
        { "/dev/sgx_enclave", "SGX in the BIOS, and Linux 5.11 or later" },
        { "/usr/bin/gramine-sgx", "Gramine 1.9 starts apps in SGX enclaves" },
        { "/var/run/aesmd/aesm.socket", "AESM (sgx-aesm-service) brings quotes" },
    };
    (void)c;
    for (size_t i = 0; i < MSE_ARRAY_LEN(wanted); i++) {
        if (access(wanted[i][0], F_OK) != 0) {
            char text[LINE_MAX];
            (void)snprintf(text, sizeof text, "no %s", wanted[i][0]);
            say(f, LACKS, wanted[i][1], text);
            return;
        }
    }
    say(f, FINE, NULL, "SGX, gramine-sgx, AESM");
}

static void look_tsm(struct finding *f, const struct cli *c)
{
    static const char *const ways[] = { "/sys/kernel/config/tsm/report", "/dev/tdx_guest",
                                        "/dev/sev-guest" };
    (void)c;
    for (size_t i = 0; i < MSE_ARRAY_LEN(ways); i++) {
        if (access(ways[i], F_OK) == 0) {
            say(f, FINE, NULL, ways[i]);
            return;
        }
    }
    say(f, LACKS, "only guests of TDX and SEV-SNP have one", "none");
}

static void look_fuse(struct finding *f, const struct cli *c)
{
    (void)c;
    if (access("/dev/fuse", R_OK | W_OK) == 0) {
        say(f, FINE, NULL, "/dev/fuse");
    } else {
        say(f, LACKS, "some tests are skipped without it", "none");
    }
}

static void look_clock(struct finding *f, const struct cli *c)
{
    struct timex t = { 0 };
    char now[MSE_TIME_TEXT_LEN];
    char text[LINE_MAX];
    (void)c;
    mse_time_format(now, (mse_time)time(NULL));
    bool synchronised = adjtimex(&t) >= 0 && (t.status & STA_UNSYNC) == 0;
    (void)snprintf(text, sizeof text, "%s, %s", now,
                   synchronised ? "synchronised" : "not synchronised");
    say(f, synchronised ? FINE : LACKS,
        "certificates and collateral are judged by this clock: run a time service, or check it",
        text);
}

/* When the objects of a cache came; their number. Floors, the lock and temporary files are none. */
static size_t ages_of(const char *dir, time_t *oldest, time_t *newest)
{
    size_t num = 0;
    DIR *d = opendir(dir);
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): ours */
        struct stat sb;
        if (e->d_name[0] == '.' || strncmp(e->d_name, "floor-", 6) == 0 ||
            strchr(e->d_name, '-') == NULL || fstatat(dirfd(d), e->d_name, &sb, 0) != 0 ||
            !S_ISREG(sb.st_mode)) {
            continue;
        }
        *oldest = num == 0 || sb.st_mtime < *oldest ? sb.st_mtime : *oldest;
        *newest = num == 0 || sb.st_mtime > *newest ? sb.st_mtime : *newest;
        num++;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return num;
}

static void look_collateral(struct finding *f, const struct cli *c)
{
    char text[LINE_MAX];
    char first[MSE_TIME_TEXT_LEN];
    char last[MSE_TIME_TEXT_LEN];
    time_t oldest = 0;
    time_t newest = 0;
    char *dir = cli_own_cache();
    size_t num = dir == NULL ? 0 : ages_of(dir, &oldest, &newest);
    (void)c;
    free(dir);
    if (num == 0) {
        say(f, FINE, NULL, "none cached: it is fetched when it is needed");
        return;
    }
    mse_time_format(first, (mse_time)oldest);
    mse_time_format(last, (mse_time)newest);
    long long days = (long long)(time(NULL) - oldest) / 86400;
    (void)snprintf(text, sizeof text,
                   "%zu cached, fetched from %s to %s; the oldest is %lld days old", num, first,
                   last, days);
    say(f, days <= COLLATERAL_DAYS ? FINE : LACKS,
        "it is fetched again when it is needed; mse collateral fetch does so now", text);
}

static const struct check checks[] = {
    { "runtime", "running apps", look_runtime },
    { "sandbox", "running apps", look_sandbox },
    { "memory", "running apps", look_memory },
    { "python", "running Python apps", look_python },
    { "platform", "running apps in simulation", look_platform },
    { "tee", "running apps on hardware", look_tee },
    { "gramine", "running apps under Gramine on SGX", look_gramine },
    { "tsm", "quotes of TDX and SEV-SNP", look_tsm },
    { "fuse", "tests", look_fuse },
    { "configuration", "everything", look_configuration },
    { "clock", "verifying", look_clock },
    { "collateral", "verifying without a network", look_collateral },
};

static const char *const state_words[] = { "ok", "lacks", "missing" };

static void print(const struct cli *c, const struct check *k, const struct finding *f)
{
    char line[LINE_MAX + 80];
    (void)snprintf(line, sizeof line, "%-8s %-14s %s", state_words[f->state], k->name, f->seen);
    if (f->state == MISSING) {
        cli_say_bad(c, line);
    } else {
        cli_say(c, "%s", line);
    }
    if (f->state != FINE) {
        cli_say(c, "%24sfor %s: %s", "", k->what_for, f->hint);
    }
}

enum cli_exit cmd_doctor(struct cli *c)
{
    json_t *list = json_array();
    size_t num_missing = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(checks); i++) {
        struct finding f = { 0 };
        checks[i].look(&f, c);
        num_missing += f.state == MISSING ? 1 : 0;
        print(c, &checks[i], &f);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s?}", "check",
                                                    checks[i].name, "state", state_words[f.state],
                                                    "seen", f.seen, "for", checks[i].what_for,
                                                    "hint", f.state == FINE ? NULL : f.hint));
    }
    if (c->json) {
        cli_json(c, json_pack("{s:b, s:O}", "ready", num_missing == 0 ? 1 : 0, "checks", list));
    } else if (num_missing == 0) {
        cli_say_good(c, "Nothing that is needed is missing");
    }
    json_decref(list);
    if (num_missing > 0) {
        return cli_trouble(c, "%zu of %zu checks found something missing", num_missing,
                           MSE_ARRAY_LEN(checks));
    }
    return CLI_DONE;
}
