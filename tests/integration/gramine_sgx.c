/* SPDX-License-Identifier: Apache-2.0 */
/* usage: gramine-sgx --probe, which tells by its status whether there is FUSE; or
 * gramine-sgx NAME, in a folder with NAME.manifest.sgx and NAME.sig, as Gramine's is. A
 * stand-in for tests: it looks at what Gramine and the processor look at (signature, measurement,
 * trusted files), then shows the runtime a /dev/attestation (FUSE) that quotes through a simulated
 * platform, and the mounts, and starts it. The program sees the system's libraries instead of the
 * rootfs, and its calls reach the kernel.
 * Environment: STANDIN_PLATFORM, its folder; STANDIN_LIBPAL, the loader that is measured;
 * STANDIN_STRACE, "" or where strace writes what is called; STANDIN_KEYS, a file that gets a line
 * with the SHA-256 of the key of each encrypted mount. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/evidence.h>
#include <mse/measure.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "lib/gramine_tree.h"
#include "sim/platform.h"

#define MOST     ((size_t)64 * 1024 * 1024)
#define MAX_ARGS 96
#define CA_LINE  "\n  { path = \"/mse/client-ca.der\", uri = \"file:client-ca.der\" },\n"

struct standin {
    struct mse_sim_platform *platform;
    struct cli_file libpal;
    struct cli_file toml;
    struct cli_file sig;
    struct cli_file manifest;
    struct mse_sgx_report self;
    struct gramine_knobs knobs;
};

static int refuse(const char *why)
{
    (void)fprintf(stderr, "error: %s\n", why);
    return 1;
}

static int quote(void *arg, struct mse_build *out, const uint8_t report_data[64])
{
    const struct standin *s = arg;
    struct mse_sim_report r = { .isv_prod_id = s->self.isv_prod_id,
                                .isv_svn = s->self.isv_svn,
                                .attr_flags = s->self.attr_flags };
    memcpy(r.mr_enclave, s->self.mr_enclave, sizeof r.mr_enclave);
    memcpy(r.mr_signer, s->self.mr_signer, sizeof r.mr_signer);
    memcpy(r.report_data, report_data, sizeof r.report_data);
    return mse_sim_quote(s->platform, out, &r, NULL) == MSE_OK ? 0 : EIO;
}

static bool load(struct standin *s, const char *name)
{
    char path[256];
    struct mse_error err = { 0 };
    const char *platform = getenv("STANDIN_PLATFORM");
    const char *libpal = getenv("STANDIN_LIBPAL");
    if (platform == NULL || libpal == NULL) {
        return false;
    }
    mse_status st = mse_sim_load(&s->platform, platform, &err);
    st = st == MSE_OK ? cli_file_read(&s->libpal, libpal, MOST, &err) : st;
    (void)snprintf(path, sizeof path, "%s.manifest.sgx", name);
    st = st == MSE_OK ? cli_file_read(&s->toml, path, MOST, &err) : st;
    (void)snprintf(path, sizeof path, "%s.sig", name);
    st = st == MSE_OK ? cli_file_read(&s->sig, path, MOST, &err) : st;
    st = st == MSE_OK ? cli_file_read(&s->manifest, "manifest.json", MOST, &err) : st;
    if (st != MSE_OK) {
        (void)fprintf(stderr, "error: %s\n", err.text);
    }
    return st == MSE_OK;
}

/* As EINIT: signed, and signed for what was loaded. */
static bool initialise(struct standin *s)
{
    struct mse_sigstruct sig;
    uint8_t measured[32];
    bool good = mse_measure_gramine(measured, cli_file_view(&s->libpal), cli_file_view(&s->toml),
                                    NULL) == MSE_OK &&
                mse_sigstruct_parse(&sig, cli_file_view(&s->sig), NULL) == MSE_OK &&
                mse_sigstruct_verify(&sig, NULL) == MSE_OK &&
                mse_sigstruct_mrsigner(s->self.mr_signer, &sig) == MSE_OK &&
                mse_mem_equal(sig.enclave_hash, measured, sizeof measured);
    if (good) {
        memcpy(s->self.mr_enclave, measured, sizeof measured);
        s->self.attr_flags = sig.attr_flags | MSE_SGX_FLAG_INIT;
        s->self.isv_prod_id = sig.isv_prod_id;
        s->self.isv_svn = sig.isv_svn;
    }
    return good;
}

static bool has_line(const struct standin *s, const char *line)
{
    return memmem(s->toml.data, s->toml.len, line, strlen(line)) != NULL;
}

/* Of the files, that which says what runs. */
static bool trusted(const struct standin *s, const char *name)
{
    uint8_t digest[32];
    char hex[65];
    char line[160];
    struct cli_file f = { .data = NULL };
    if (cli_file_read(&f, name, MOST, NULL) != MSE_OK ||
        mse_sha256(digest, cli_file_view(&f)) != MSE_OK) {
        return false;
    }
    cli_file_clear(&f);
    mse_hex_encode(hex, mse_bytes_of(digest, sizeof digest));
    (void)snprintf(line, sizeof line, "{ uri = \"file:%s\", sha256 = \"%s\" }", name, hex);
    return has_line(s, line);
}

static bool show(struct standin *s)
{
    uint8_t key[32];
    bool dcap = has_line(s, "\nsgx.remote_attestation = \"dcap\"\n");
    if (mse_sim_seal_key(s->platform, key, s->self.mr_enclave, s->self.attr_flags) != MSE_OK) {
        return false;
    }
    s->knobs = (struct gramine_knobs) {
        .type = dcap ? "dcap" : "none",
        .quote = quote,
        .arg = s,
        .manifest = cli_file_view(&s->manifest),
        .sealing = { { .name = "_sgx_mrenclave", .set = true } },
        .keys = { { .name = "mse_home" }, { .name = "mse_run" } },
    };
    memcpy(s->knobs.sealing[0].key, key, sizeof s->knobs.sealing[0].key);
    return true;
}

/* ---- the program */

static size_t add(const char **argv, size_t n, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        argv[n++] = words[i];
    }
    argv[n] = NULL;
    return n;
}

/* Where Gramine's manifest mounts what lies in the folder. */
static const char *const mounts[] = { "--ro-bind",
                                      "manifest.json",
                                      "/mse/manifest.json",
                                      "--ro-bind",
                                      "package",
                                      "/mse/package",
                                      "--bind",
                                      "home",
                                      "/mse/home",
                                      "--bind",
                                      "run",
                                      "/mse/run",
                                      "--ro-bind",
                                      "rootfs/mse/mse-enclave",
                                      "/mse/mse-enclave",
                                      "--chdir",
                                      "/",
                                      NULL };

_Noreturn static void run(const struct standin *s, const char *tree)
{
    char attestation[256];
    const char *argv[MAX_ARGS];
    size_t n = 0;
    const char *trace = getenv("STANDIN_STRACE");
    const char *where = has_line(s, "\nloader.env.MSE_LISTEN = { passthrough = true }\n")
                            ? getenv("MSE_LISTEN")
                            : NULL;
    (void)snprintf(attestation, sizeof attestation, "%s/dev/attestation", tree);
    const char *const tracer[] = { "strace", "-DD", "-ff", "-s", "64", "-o", trace, NULL };
    /* As under Gramine, the runtime is process 1, and ends with its loader. */
    const char *const base[] = { "bwrap",
                                 "--unshare-pid",
                                 "--as-pid-1",
                                 "--die-with-parent",
                                 "--ro-bind",
                                 "/usr",
                                 "/usr",
                                 "--symlink",
                                 "usr/bin",
                                 "/bin",
                                 "--symlink",
                                 "usr/lib",
                                 "/lib",
                                 "--symlink",
                                 "usr/lib64",
                                 "/lib64",
                                 "--ro-bind-try",
                                 "/etc/ld.so.cache",
                                 "/etc/ld.so.cache",
                                 "--dev",
                                 "/dev",
                                 "--bind",
                                 attestation,
                                 "/dev/attestation",
                                 "--tmpfs",
                                 "/tmp",
                                 "--clearenv",
                                 "--setenv",
                                 "LD_LIBRARY_PATH",
                                 "/lib",
                                 "--setenv",
                                 "MALLOC_ARENA_MAX",
                                 "1",
                                 NULL };
    const char *const state[] = { "--bind", "state", "/mse/state", NULL };
    const char *const ca[] = { "--ro-bind", "client-ca.der", "/mse/client-ca.der", NULL };
    const char *const listen[] = { "--setenv", "MSE_LISTEN", where, NULL };
    const char *const program[] = { "--", "/mse/mse-enclave", "--tee", "gramine", NULL };
    n = trace != NULL && trace[0] != '\0' ? add(argv, n, tracer) : n;
    n = add(argv, n, base);
    n = add(argv, n, mounts);
    n = has_line(s, "\n  { path = \"/mse/state\", uri = \"file:state\" },\n") ? add(argv, n, state)
                                                                              : n;
    n = has_line(s, CA_LINE) ? add(argv, n, ca) : n;
    n = where != NULL ? add(argv, n, listen) : n;
    (void)add(argv, n, program);
    union {
        const char **in;
        char **out;
    } words = { .in = argv };
    (void)syscall(SYS_close_range, 3, ~0U, 0); /* descriptors of the host are not seen inside */
    (void)execvp(argv[0], words.out);
    (void)refuse(strerror(errno));
    _exit(127);
}

static volatile sig_atomic_t asked;

static void on_term(int number)
{
    (void)number;
    asked = 1;
}

/* bubblewrap's only child: the runtime. 0: not yet. */
static pid_t runtime_of(pid_t pid)
{
    char path[64];
    char text[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Its status. One SIGTERM is handed on, if the manifest says so; no second one. */
static int wait_for(const struct standin *s, pid_t pid)
{
    int status = 0;
    bool sent = !has_line(s, "\nsys.enable_sigterm_injection = true\n");
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (asked != 0 && !sent) {
            pid_t runtime = runtime_of(pid);
            sent = runtime > 0 && kill(runtime, SIGTERM) == 0;
        }
        (void)poll(NULL, 0, 20);
    }
}

/* Which keys the mounts had: what was stored under another one would not open. */
static void tell_keys(const struct standin *s)
{
    const char *path = getenv("STANDIN_KEYS");
    FILE *f = path == NULL ? NULL : fopen(path, "ae");
    for (size_t i = 0; f != NULL && i < 2; i++) {
        const struct gramine_key *k = &s->knobs.keys[i];
        uint8_t digest[32];
        char hex[65];
        if (k->set && mse_sha256(digest, mse_bytes_of(k->key, sizeof k->key)) == MSE_OK) {
            mse_hex_encode(hex, mse_bytes_of(digest, sizeof digest));
            (void)fprintf(f, "%s %s\n", k->name, hex);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

static int launch(struct standin *s)
{
    struct sigaction sa = { .sa_handler = on_term };
    struct gramine_tree *tree = gramine_tree_start(&s->knobs);
    if (tree == NULL) {
        return refuse("no FUSE");
    }
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        run(s, gramine_tree_dir(tree));
    }
    (void)setpgid(pid, pid);
    int rc = pid < 0 ? refuse("no process") : wait_for(s, pid);
    (void)kill(-pid, SIGKILL); /* what the enclave's processes are on the host */
    gramine_tree_stop(tree);
    tell_keys(s);
    return rc;
}

int main(int argc, char **argv)
{
    struct standin s = { .platform = NULL };
    int rc = 1;
    if (argc == 2 && strcmp(argv[1], "--probe") == 0) {
        struct gramine_tree *tree = gramine_tree_start(&s.knobs);
        if (tree != NULL) {
            gramine_tree_stop(tree);
            rc = 0;
        }
    } else if (argc != 2) {
        rc = refuse("usage: gramine-sgx NAME");
    } else if (!load(&s, argv[1])) {
        rc = refuse("not all files are there");
    } else if (!initialise(&s)) {
        rc = refuse("EINIT: the signature is not this enclave's");
    } else if (!trusted(&s, "manifest.json") ||
               (has_line(&s, CA_LINE) && !trusted(&s, "client-ca.der"))) {
        rc = refuse("a trusted file: Permission denied (-13)");
    } else if (show(&s)) {
        rc = launch(&s);
    }
    cli_file_clear(&s.libpal);
    cli_file_clear(&s.toml);
    cli_file_clear(&s.sig);
    cli_file_clear(&s.manifest);
    mse_sim_free(s.platform);
    return rc;
}
