/* SPDX-License-Identifier: Apache-2.0 */
/* See filter.h. One comparison per call, all leading to the same end. */
#include "os/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
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

bool mse_filter_calls(void)
{
    struct sock_filter code[HEAD + NUM_DENIED + 2];
    const size_t deny = MSE_ARRAY_LEN(code) - 1;
    code[0] = load(offsetof(struct seccomp_data, arch));
    code[1] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, (uint8_t)(deny - 2));
    code[2] = load(offsetof(struct seccomp_data, nr));
    code[3] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (uint8_t)(deny - 4), 0);
    for (size_t i = 0; i < NUM_DENIED; i++) {
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied[i],
                                                      (uint8_t)(deny - (HEAD + i + 1)), 0);
    }
    code[deny - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[deny] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, DENY);
    struct sock_fprog prog = { (unsigned short)MSE_ARRAY_LEN(code), code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}
