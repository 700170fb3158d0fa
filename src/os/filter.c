/* SPDX-License-Identifier: Apache-2.0 */
/* See filter.h. One comparison per call, all leading to the same end. */
#include "os/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/util.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
/* cppcheck-suppress preprocessorErrorDirective ; it knows no machine */
#error "the filter of system calls knows x86-64 and arm64"
#endif

#define X32_BIT 0x40000000U /* what x86-64 has of another ABI; beyond all numbers elsewhere */
#define HEAD    4
#define DENY    (SECCOMP_RET_ERRNO | ENOSYS)

static const unsigned denied[] = {
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_lookup_dcookie,
    SYS_acct,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_quotactl,
    SYS_syslog,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_vhangup,
};
#define NUM_DENIED MSE_ARRAY_LEN(denied)

_Static_assert(NUM_DENIED < 200, "a jump is a byte");

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset);
}

static struct sock_filter jump(unsigned condition, unsigned value, size_t then, size_t otherwise)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | condition | BPF_K, value, (uint8_t)then,
                                        (uint8_t)otherwise);
}

/* The last two instructions, to which all jumps lead, are the two ends: allow, deny. */
static bool install(struct sock_filter *code, size_t len)
{
    const size_t deny = len - 1;
    struct sock_fprog prog = { (unsigned short)len, code };
    code[0] = load(offsetof(struct seccomp_data, arch));
    code[1] = jump(BPF_JEQ, OUR_ARCH, 0, deny - 2);
    code[2] = load(offsetof(struct seccomp_data, nr));
    code[3] = jump(BPF_JGE, X32_BIT, deny - 4, 0);
    code[deny - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[deny] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, DENY);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

bool mse_filter_calls(void)
{
    struct sock_filter code[HEAD + NUM_DENIED + 2];
    const size_t deny = MSE_ARRAY_LEN(code) - 1;
    for (size_t i = 0; i < NUM_DENIED; i++) {
        code[HEAD + i] = jump(BPF_JEQ, denied[i], deny - (HEAD + i + 1), 0);
    }
    return install(code, MSE_ARRAY_LEN(code));
}

/* What a loop over TCP connections needs, the allocator, and the way out. */
static const unsigned relaying[] = {
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait,  SYS_epoll_ctl,       SYS_epoll_create1, SYS_recvfrom,
    SYS_sendto,       SYS_accept4,         SYS_connect,       SYS_socketpair,
    SYS_shutdown,     SYS_close,           SYS_setsockopt,    SYS_getsockopt,
    SYS_getsockname,  SYS_getpeername,     SYS_read,          SYS_write,
    SYS_writev,       SYS_ioctl,           SYS_fcntl,         SYS_brk,
    SYS_mmap,         SYS_munmap,          SYS_mremap,        SYS_mprotect,
    SYS_madvise,      SYS_futex,           SYS_clock_gettime, SYS_gettimeofday,
    SYS_getrandom,    SYS_getpid,          SYS_gettid,        SYS_tgkill,
    SYS_sched_yield,  SYS_restart_syscall, SYS_rt_sigaction,  SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sigaltstack,     SYS_exit,          SYS_exit_group,
    SYS_nanosleep,    SYS_clock_nanosleep,
};
#define NUM_RELAYING MSE_ARRAY_LEN(relaying)
#define SOCKET_LEN   4 /* instructions for the one call whose argument is looked at */

bool mse_filter_to_relay(void)
{
    struct sock_filter code[HEAD + SOCKET_LEN + NUM_RELAYING + 3];
    const size_t deny = MSE_ARRAY_LEN(code) - 1;
    const size_t allow = deny - 1;
    size_t at = HEAD;
    code[at++] = jump(BPF_JEQ, SYS_socket, 0, SOCKET_LEN - 1);
    code[at++] = load(offsetof(struct seccomp_data, args)); /* the lower half: the family */
    code[at] = jump(BPF_JEQ, AF_INET, allow - at - 1, 0);
    at++;
    code[at] = jump(BPF_JEQ, AF_INET6, allow - at - 1, deny - at - 1);
    at++;
    for (size_t i = 0; i < NUM_RELAYING; i++, at++) {
        code[at] = jump(BPF_JEQ, relaying[i], allow - at - 1, 0);
    }
    code[at] = jump(BPF_JA, 0, 0, 0);
    code[at].k = (unsigned)(deny - at - 1);
    return install(code, MSE_ARRAY_LEN(code));
}
