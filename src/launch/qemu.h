/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of QEMU that starts a machine as mse measure measured it: the one that mse
 * measure --qemu prints, and that the launcher of machines starts. */
#ifndef LAUNCH_QEMU_H
#define LAUNCH_QEMU_H

#include <jansson.h>

#include <mse/types.h>

#define MSE_QEMU_PROGRAM    "qemu-system-x86_64"
#define MSE_QEMU_MIN_MEMORY 256U /* MiB */
#define MSE_QEMU_MAX_MEMORY (1U << 20)
#define MSE_QEMU_MEMORY     2048U
#define MSE_QEMU_MAX_VCPUS  4096U
#define MSE_QEMU_MAX_DISKS  8U
#define MSE_QEMU_SNP_POLICY 0x30000U
/* Where the host's service for quotes of TDX listens. */
#define MSE_QEMU_QUOTES "/var/run/tdx-qgs/qgs.socket"

enum mse_qemu_kind {
    MSE_QEMU_TDX,
    MSE_QEMU_SNP,
    MSE_QEMU_EMULATED, /* without KVM, and with the simulated TEE */
};

/* Texts are borrowed; NULL: no such option. */
struct mse_qemu {
    enum mse_qemu_kind kind;
    const char *program;
    const char *cpu; /* SEV-SNP: the name of its processor */
    uint64_t vcpus;
    uint64_t memory; /* MiB */
    const char *firmware;
    const char *kernel;
    const char *initrd;
    const char *append;
    const char *const *disks; /* in their order, read only */
    size_t num_disks;
    const char *address; /* here, IPv4; port leads to the machine's port 443 */
    uint64_t port;
    struct mse_bytes binding; /* MRCONFIGID or HOST_DATA; empty: none */
    uint64_t policy;          /* SEV-SNP */
    uint64_t attributes;      /* TDX */
    int control_fd;           /* a socket that is its second serial line; -1: nothing is there */
    int processor_fd;         /* emulated: a socket, at whose end the simulated processor is */
};

/* The processors that QEMU can show to a guest of SEV-SNP. */
#define MSE_QEMU_CPUS "EPYC-v4, EPYC-Milan, EPYC-Milan-v2, EPYC-Genoa, EPYC-Turin"
/* Leaf 1 of the CPUID of one of them; false: it is none. */
MSE_MUST_USE bool mse_qemu_signature(uint32_t *out, const char *cpu);

/* The words; a new reference, NULL without memory. */
json_t *mse_qemu_words(const struct mse_qemu *q);

#endif
