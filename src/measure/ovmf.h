/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware of a confidential machine, OVMF, says of itself: the table of GUIDs at its end,
 * and the lists of memory that SEV-SNP and TDX launch with. Form only; nothing is allocated. */
#ifndef MEASURE_OVMF_H
#define MEASURE_OVMF_H

#include <mse/status.h>

#define MSE_OVMF_PAGE         4096U
#define MSE_OVMF_MAX_SECTIONS 64U
/* More memory than any firmware is launched with: 256 MiB. */
#define MSE_OVMF_MAX_PAGES 65536U

struct mse_ovmf {
    struct mse_bytes image; /* all of it; it ends at 4 GiB */
    bool has_reset;
    uint32_t reset_eip; /* where processors other than the first begin, with SEV */
    bool has_hashes;
    uint32_t hashes;       /* address of the hashes of kernel, initrd and command line; 0: none */
    struct mse_bytes sev;  /* sections of SEV-SNP, for mse_ovmf_sev_next; empty: none */
    struct mse_bytes tdvf; /* sections of TDX, for mse_ovmf_tdvf_next; empty: none */
};
/* Everything borrows image. MSE_ERR_UNSUPPORTED: no such table (no OVMF, or one for machines that
 * are not confidential), or another version of a list; MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_ovmf_parse(struct mse_ovmf *out, struct mse_bytes image,
                                       struct mse_error *err);

enum mse_sev_section {
    MSE_SEV_MEMORY = 1,
    MSE_SEV_SECRETS = 2,
    MSE_SEV_CPUID = 3,
    MSE_SEV_CAA = 4, /* calling area of an SVSM */
    MSE_SEV_HASHES = 0x10,
};
struct mse_ovmf_sev {
    uint32_t address;
    uint32_t len; /* bytes */
    uint32_t type;
};
/* The next section; false at the end. */
MSE_MUST_USE bool mse_ovmf_sev_next(struct mse_ovmf_sev *out, struct mse_bytes *rest);

enum mse_tdvf_section {
    MSE_TDVF_CODE = 0,      /* boot firmware volume */
    MSE_TDVF_VARIABLES = 1, /* configuration firmware volume */
    MSE_TDVF_HOB = 2,
    MSE_TDVF_MEMORY = 3, /* temporary */
};
#define MSE_TDVF_EXTEND 1U /* attribute: the content is measured, too */
struct mse_ovmf_tdvf {
    uint32_t offset; /* of the content in the image */
    uint32_t len;    /* of the content */
    uint64_t address;
    uint64_t memory; /* bytes */
    uint32_t type;
    uint32_t attributes;
};
MSE_MUST_USE bool mse_ovmf_tdvf_next(struct mse_ovmf_tdvf *out, struct mse_bytes *rest);

#endif
