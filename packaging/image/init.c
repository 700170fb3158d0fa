/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1 of the machine image: from the initrd to the one service, the runtime. What it believes
 * was measured: itself, the modules beside it, and the kernel's command line, which names the root
 * of the hash tree over the root file system. The disks, the network and the app are the host's.
 * Whatever fails ends the machine. Linked statically, without any library of ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "launch/app_disk.h"

#define ROOT_DISK  "/dev/vda"
#define APP_DISK   "/dev/vdb"
#define RUNTIME    "/usr/libexec/mse/mse-enclave"
#define LINE       "/dev/ttyS1"
#define WAIT_MS    60000
#define BLOCK      4096
#define HEX_DIGEST 64

/* What the kernel's command line says, each as mse.NAME=VALUE. */
struct settings {
    char tee[8];
    char root_hash[HEX_DIGEST + 1];
    char salt[HEX_DIGEST + 1];
    char blocks[16]; /* of data, of 4096 bytes; the hash tree follows */
    char address[16];
    char netmask[16];
    char gateway[16];
    char port[8];
    char launcher[16]; /* address of the simulated processor */
};

/* LINE_FD: the control line, which the host has the other end of: events of the runtime and of this
 * program go out (src/tee/driver.h), the word "stop" comes in. It may not be there. */
enum { LINE_FD = 9, CONTROL_FD, MANIFEST_FD, PACKAGE_FD, LISTEN_FD };

/* To the console; then the machine is off, and not started again. */
_Noreturn static void turn_off(const char *what, const char *why)
{
    (void)dprintf(STDERR_FILENO, "mse-init: %s: %s\n", what, why);
    (void)tcdrain(STDERR_FILENO);
    sync();
    (void)reboot(RB_POWER_OFF);
    _exit(1); /* of process 1: the kernel panics */
}

/* Whoever started the machine learns why, too. */
_Noreturn static void stop(const char *what, const char *why)
{
    if (dprintf(LINE_FD, "mse-event 4 %s: %s\n", what, why) > 0) {
        (void)tcdrain(LINE_FD);
    }
    turn_off(what, why);
}

static void need(bool good, const char *what)
{
    if (!good) {
        stop(what, strerror(errno));
    }
}

/* ---- the kernel's file systems, its command line, its modules */

static void mount_at(const char *type, const char *dir, unsigned long flags, const char *options)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        stop(dir, strerror(errno));
    }
    need(mount(type, dir, type, flags, options) == 0, dir);
}

static void console(void)
{
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    for (int i = STDIN_FILENO; fd >= 0 && i <= STDERR_FILENO; i++) {
        (void)dup2(fd, i);
    }
    if (fd > STDERR_FILENO) {
        (void)close(fd);
    }
}

/* Bytes as they are; the device may be there without a line behind it. */
static void open_control(void)
{
    struct termios t;
    int fd = open(LINE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        t.c_cflag |= CLOCAL;
        (void)cfsetspeed(&t, B115200);
        need(tcsetattr(fd, TCSANOW, &t) == 0 && fcntl(fd, F_SETFL, 0) == 0 &&
                 dup3(fd, LINE_FD, O_CLOEXEC) == LINE_FD,
             LINE);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* By the serial line, which is the host's, the kernel would show registers and memory. */
static void close_back_door(void)
{
    int fd = open("/proc/sys/kernel/sysrq", O_WRONLY | O_CLOEXEC);
    need((fd >= 0 && write(fd, "0", 1) == 1) || errno == ENOENT, "/proc/sys/kernel/sysrq");
    if (fd >= 0) {
        (void)close(fd);
    }
}

static size_t read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd >= 0, path);
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len < size - 1) {
        n = read(fd, out + len, size - 1 - len);
        need(n >= 0, path);
        len += (size_t)n;
    }
    (void)close(fd);
    out[len] = '\0';
    return len;
}

/* The value of one name; empty if it is not there. Longer ones than there is room for, and names
 * that stand twice, end the machine. */
static void setting(const char *line, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    bool found = false;
    out[0] = '\0';
    for (const char *at = line; (at = strstr(at, name)) != NULL; at += len) {
        if ((at != line && at[-1] != ' ') || at[len] != '=') {
            continue;
        }
        const char *value = at + len + 1;
        size_t n = strcspn(value, " \n");
        if (found || n >= size) {
            stop(name, "it stands twice, or is too long");
        }
        memcpy(out, value, n);
        out[n] = '\0';
        found = true;
    }
}

static void read_settings(struct settings *s)
{
    char line[4096];
    (void)read_text("/proc/cmdline", line, sizeof line);
    setting(line, "mse.tee", s->tee, sizeof s->tee);
    setting(line, "mse.root_hash", s->root_hash, sizeof s->root_hash);
    setting(line, "mse.salt", s->salt, sizeof s->salt);
    setting(line, "mse.blocks", s->blocks, sizeof s->blocks);
    setting(line, "mse.address", s->address, sizeof s->address);
    setting(line, "mse.netmask", s->netmask, sizeof s->netmask);
    setting(line, "mse.gateway", s->gateway, sizeof s->gateway);
    setting(line, "mse.port", s->port, sizeof s->port);
    setting(line, "mse.launcher", s->launcher, sizeof s->launcher);
    if (strspn(s->root_hash, "0123456789abcdef") != HEX_DIGEST ||
        strspn(s->salt, "0123456789abcdef") != HEX_DIGEST || s->blocks[0] == '\0' ||
        strspn(s->blocks, "0123456789") != strlen(s->blocks)) {
        stop("command line", "no root of a hash tree: mse.root_hash, mse.salt, mse.blocks");
    }
}

/* One a line, in the order in which they need each other. On a machine of another kind the driver
 * of a TEE does not load; the runtime says what is missing then. */
static void load_modules(void)
{
    char list[4096];
    char *rest = list;
    (void)read_text("/modules/list", list, sizeof list);
    for (char *name; (name = strsep(&rest, "\n")) != NULL;) {
        char path[256];
        if (name[0] == '\0') {
            continue;
        }
        (void)snprintf(path, sizeof path, "/modules/%s", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        need(fd >= 0, path);
        long status = syscall(SYS_finit_module, fd, "", 0);
        need(status == 0 || errno == EEXIST || errno == ENODEV, path);
        (void)close(fd);
    }
}

/* ---- the root file system, through its hash tree */

static void wait_for(const char *path)
{
    const struct timespec turn = { .tv_nsec = 20000000 };
    for (int ms = 0; access(path, F_OK) != 0; ms += 20) {
        if (ms >= WAIT_MS) {
            stop(path, "it did not appear");
        }
        (void)nanosleep(&turn, NULL);
    }
}

struct dm_call {
    struct dm_ioctl head;
    struct dm_target_spec spec;
    char text[512];
};

static void dm_call(int control, unsigned long request, struct dm_call *c, uint32_t flags,
                    const char *what)
{
    c->head = (struct dm_ioctl) { .version = { DM_VERSION_MAJOR, 0, 0 },
                                  .data_size = sizeof *c,
                                  .data_start = sizeof c->head,
                                  .target_count = request == DM_TABLE_LOAD ? 1 : 0,
                                  .flags = flags };
    (void)snprintf(c->head.name, sizeof c->head.name, "root");
    need(ioctl(control, request, c) == 0, what);
}

/* A block that differs is no error for whoever reads it: the kernel panics. */
static void open_root(const struct settings *s)
{
    struct dm_call c = { 0 };
    unsigned long long blocks = strtoull(s->blocks, NULL, 10);
    wait_for(ROOT_DISK);
    int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    need(control >= 0, "/dev/mapper/control");
    dm_call(control, DM_DEV_CREATE, &c, 0, "verity");
    unsigned device = (unsigned)c.head.dev;
    c.spec = (struct dm_target_spec) { .length = blocks * (BLOCK / 512), .target_type = "verity" };
    (void)snprintf(c.text, sizeof c.text,
                   "1 " ROOT_DISK " " ROOT_DISK " %d %d %llu %llu sha256 %s %s 1 "
                   "panic_on_corruption",
                   BLOCK, BLOCK, blocks, blocks, s->root_hash, s->salt);
    dm_call(control, DM_TABLE_LOAD, &c, DM_READONLY_FLAG, "verity");
    dm_call(control, DM_DEV_SUSPEND, &c, DM_READONLY_FLAG, "verity");
    (void)close(control);
    need(mknod("/root-device", S_IFBLK | 0400, makedev(device >> 8, device & 0xff)) == 0,
         "/root-device");
    need(mkdir("/new", 0755) == 0, "/new");
    need(mount("/root-device", "/new", "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) == 0,
         "root file system");
}

static void enter_root(void)
{
    static const char *const moved[] = { "/dev", "/proc", "/sys" };
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        char to[32];
        (void)snprintf(to, sizeof to, "/new%s", moved[i]);
        need(mount(moved[i], to, NULL, MS_MOVE, NULL) == 0, to);
    }
    need(chdir("/new") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 &&
             chdir("/") == 0,
         "/new");
    mount_at("tmpfs", "/run", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0755");
    mount_at("tmpfs", "/tmp", MS_NODEV | MS_NOSUID, "mode=1777");
    mount_at("tmpfs", "/var", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0755");
    mount_at("tmpfs", "/dev/shm", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=1777");
    /* Of kernels that have it. */
    (void)mount("configfs", "/sys/kernel/config", "configfs", MS_NODEV | MS_NOSUID | MS_NOEXEC,
                NULL);
}

/* ---- the network: nothing is asked of it */

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1) {
        stop("command line: no address", text);
    }
    return a;
}

static void set_address(int fd, const char *name, unsigned long request, const char *text)
{
    struct ifreq r = { 0 };
    struct sockaddr_in a = address_of(text, 0);
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    memcpy(&r.ifr_addr, &a, sizeof a);
    need(ioctl(fd, request, &r) == 0, name);
}

static void bring_up(int fd, const char *name)
{
    struct ifreq r = { 0 };
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    need(ioctl(fd, SIOCGIFFLAGS, &r) == 0, name);
    r.ifr_flags |= IFF_UP;
    need(ioctl(fd, SIOCSIFFLAGS, &r) == 0, name);
}

static void start_network(const struct settings *s)
{
    struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
    struct sockaddr_in any = { .sin_family = AF_INET };
    struct sockaddr_in gateway = address_of(s->gateway, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    need(fd >= 0, "network");
    bring_up(fd, "lo");
    wait_for("/sys/class/net/eth0");
    set_address(fd, "eth0", SIOCSIFADDR, s->address);
    set_address(fd, "eth0", SIOCSIFNETMASK, s->netmask);
    bring_up(fd, "eth0");
    memcpy(&route.rt_dst, &any, sizeof any);
    memcpy(&route.rt_genmask, &any, sizeof any);
    memcpy(&route.rt_gateway, &gateway, sizeof gateway);
    need(ioctl(fd, SIOCADDRT, &route) == 0, "route");
    (void)close(fd);
}

static uint16_t port_of(const char *text)
{
    unsigned long port = strtoul(text, NULL, 10);
    if (port == 0 || port > UINT16_MAX) {
        stop("command line: no port", text);
    }
    return (uint16_t)port;
}

static int open_listener(const struct settings *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port_of(s->port)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 512) == 0,
         "listening");
    return fd;
}

/* The simulated processor is outside of the machine, as a real one would be. */
static int open_launcher(const struct settings *s)
{
    struct sockaddr_in a = address_of(s->launcher, 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0, "launcher");
    return fd;
}

/* ---- the app: manifest and package, from the host */

static void read_exactly(int fd, void *out, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)out + done, len - done);
        errno = n == 0 ? ENODATA : errno;
        need(n > 0, APP_DISK);
        done += (size_t)n;
    }
}

/* The disk is the host's and may change while it is read: what is judged is a copy. */
static int copy_part(int disk, uint64_t len, const char *name)
{
    static char chunk[1 << 16];
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    need(fd >= 0, name);
    while (len > 0) {
        size_t part = len < sizeof chunk ? (size_t)len : sizeof chunk;
        read_exactly(disk, chunk, part);
        for (size_t done = 0; done < part;) {
            ssize_t n = write(fd, chunk + done, part - done);
            need(n > 0, name);
            done += (size_t)n;
        }
        len -= part;
    }
    need(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
             lseek(fd, 0, SEEK_SET) == 0,
         name);
    return fd;
}

static void open_app(int *manifest, int *package)
{
    struct mse_app_disk head; /* little-endian, as this machine */
    wait_for(APP_DISK);
    int disk = open(APP_DISK, O_RDONLY | O_CLOEXEC);
    need(disk >= 0, APP_DISK);
    read_exactly(disk, &head, sizeof head);
    if (memcmp(head.magic, MSE_APP_DISK_MAGIC, sizeof head.magic) != 0 ||
        head.manifest > MSE_APP_DISK_MAX || head.package > MSE_APP_DISK_MAX) {
        stop(APP_DISK, "no app: wanted a disk as tools/make-app-disk makes it");
    }
    *manifest = copy_part(disk, head.manifest, "manifest");
    *package = copy_part(disk, head.package, "package");
    (void)close(disk);
}

/* ---- the runtime */

static sigset_t of_children(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    return set;
}

static void unblock_signals(void)
{
    sigset_t set = of_children();
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static pid_t start_runtime(const struct settings *s)
{
    bool simulated = strcmp(s->tee, "sim") == 0;
    int fds[4] = { [0] = -1 };
    fds[LISTEN_FD - CONTROL_FD] = open_listener(s);
    open_app(&fds[MANIFEST_FD - CONTROL_FD], &fds[PACKAGE_FD - CONTROL_FD]);
    if (simulated) {
        fds[0] = open_launcher(s);
    }
    const char *const argv[] = { "mse-enclave", "--tee",
                                 s->tee,        "--manifest-fd",
                                 "11",          "--package-fd",
                                 "12",          "--listen-fd",
                                 "13",          simulated ? "--control-fd" : NULL,
                                 "10",          NULL };
    static const char *const no_environment[] = { NULL };
    pid_t pid = fork();
    need(pid >= 0, "fork");
    if (pid > 0) {
        for (size_t i = 0; i < 4; i++) {
            (void)close(fds[i]);
        }
        return pid;
    }
    for (int i = 0; i < 4; i++) {
        /* Those that were opened are all lower than the first of the new numbers. */
        need(fds[i] < CONTROL_FD && (fds[i] < 0 || dup2(fds[i], CONTROL_FD + i) >= 0), "dup2");
    }
    need(dup2(LINE_FD, STDOUT_FILENO) >= 0 || errno == EBADF, "dup2");
    (void)setsid();
    unblock_signals();
    /* The call itself: libc's wants argv without const. */
    (void)syscall(SYS_execve, RUNTIME, argv, no_environment);
    stop(RUNTIME, strerror(errno));
}

/* Whether the control line has said the word, of which `seen` characters were there before; what
 * else comes is passed over. */
static bool asked_to_stop(size_t *seen, int *line)
{
    static const char word[] = "stop\n";
    char c = '\0';
    ssize_t n = read(*line, &c, 1);
    if (n <= 0) {
        *line = n < 0 && errno == EINTR ? *line : -1;
        return false;
    }
    *seen = c == word[*seen] ? *seen + 1 : c == word[0] ? 1 : 0;
    bool whole = *seen == sizeof word - 1;
    *seen = whole ? 0 : *seen;
    return whole;
}

/* Until the runtime has ended: its status. It is asked to end when the host asks for it. */
static int watch(pid_t runtime, int children)
{
    struct signalfd_siginfo info;
    int status = 0;
    size_t seen = 0;
    int line = fcntl(LINE_FD, F_GETFD) < 0 ? -1 : LINE_FD;
    for (;;) {
        struct pollfd p[] = { { .fd = children, .events = POLLIN },
                              { .fd = line, .events = POLLIN } };
        need(poll(p, 2, -1) >= 0 || errno == EINTR, "poll");
        if (p[1].revents != 0 && asked_to_stop(&seen, &line)) {
            (void)kill(runtime, SIGTERM);
        }
        if (p[0].revents != 0) {
            need(read(children, &info, sizeof info) == sizeof info, "signals");
        }
        /* Others that lost their parent, too. */
        for (pid_t ended = 1; ended > 0;) {
            ended = waitpid(-1, &status, WNOHANG);
            if (ended == runtime) {
                return status;
            }
        }
    }
}

int main(void)
{
    struct settings s;
    sigset_t children = of_children();
    mount_at("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
    console();
    open_control();
    mount_at("proc", "/proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
    mount_at("sysfs", "/sys", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
    close_back_door();
    read_settings(&s);
    load_modules();
    open_root(&s);
    enter_root();
    (void)dprintf(STDERR_FILENO, "mse-init: root %s\n", s.root_hash);
    start_network(&s);
    (void)sigprocmask(SIG_BLOCK, &children, NULL);
    int fd = signalfd(-1, &children, SFD_CLOEXEC);
    need(fd >= 0, "signals");
    pid_t runtime = start_runtime(&s);
    (void)dprintf(STDERR_FILENO, "mse-init: the runtime is started, --tee %s\n", s.tee);
    int status = watch(runtime, fd);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stop("the runtime ended", "it failed");
    }
    if (dprintf(LINE_FD, "mse-event 6\n") > 0) {
        (void)tcdrain(LINE_FD);
    }
    turn_off("the runtime ended", "as it should");
}
