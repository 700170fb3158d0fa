/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher of confidential machines: QEMU with an image of ./dev image, one machine for each
 * instance. TEEs "tdx" and "sev-snp"; "sim-machine" is the simulated one in an emulator. */
#ifndef LAUNCH_MACHINE_H
#define LAUNCH_MACHINE_H

#include "launch/launcher.h"
#include "launch/qemu.h"

#define MSE_MACHINE_FIRMWARE "/usr/share/ovmf/OVMF.fd"
#define MSE_MACHINE_QEMU     "/usr/bin/" MSE_QEMU_PROGRAM
#define MSE_MACHINE_EMULATED "sim-machine"

/* Of an image's folder. */
#define MSE_MACHINE_KERNEL "mse.efi"
#define MSE_MACHINE_ROOT   "root.img"
#define MSE_MACHINE_SUMS   "SHA256SUMS"
/* Of an instance's. */
#define MSE_MACHINE_DISK "app.img"

/* What comes on the control line to the image's process 1, with the end of the line. */
#define MSE_MACHINE_STOP "stop\n"

/* The options of an instance (mse_instance_set) for a machine; texts are borrowed. */
struct mse_machine_setup {
    enum mse_qemu_kind kind;
    const char *image;    /* folder */
    const char *firmware; /* file */
    const char *qemu;     /* program */
    const char *cpu;      /* SEV-SNP */
    uint64_t memory;      /* MiB */
    uint64_t vcpus;
};
/* MSE_ERR_CONFIG: an option is missing, or is no such number. */
MSE_MUST_USE mse_status mse_machine_of(struct mse_machine_setup *out, const char *tee,
                                       const json_t *options, struct mse_error *err);
/* mse_machine_check looks at what starting such machines needs of this host and its files, below
 * root ("": this system's), and gives each thing that is wrong to say; the files of the image are
 * held against their digests. */
void mse_machine_check(const struct mse_machine_setup *m, const char *root,
                       void (*say)(void *arg, const char *text), void *arg);

/* What a machine has no place for. MSE_ERR_UNSUPPORTED, by its name in the manifest. */
MSE_MUST_USE mse_status mse_machine_takes(struct mse_bytes manifest, struct mse_error *err);

/* Writes the disk of the app to path. */
MSE_MUST_USE mse_status mse_machine_disk(const char *path, struct mse_bytes manifest,
                                         int package_fd, struct mse_error *err);

extern const struct mse_launcher mse_launcher_machine;

#endif
