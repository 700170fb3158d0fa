/* SPDX-License-Identifier: Apache-2.0 */
/* Measurement of SGX enclaves (Intel SDM Vol. 3D, ECREATE, EADD, EEXTEND), the layouts that decide
 * what is added where, and the launch of machines of SEV-SNP and TDX. Pure: bytes in, a digest out.
 * docs/measurement.md gives it all to the byte. */
#ifndef MSE_MEASURE_H
#define MSE_MEASURE_H

#include <mse/evidence.h>
#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_SGX_PAGE 4096U /* bytes */

/* SECINFO.FLAGS, as EADD measures them (SDM Vol. 3D, "SECINFO"). */
#define MSE_SECINFO_R   0x001U
#define MSE_SECINFO_W   0x002U
#define MSE_SECINFO_X   0x004U
#define MSE_SECINFO_TCS 0x100U /* page type TCS */
#define MSE_SECINFO_REG 0x200U /* page type regular */

/* The running hash. On the heap, with the hash context and a batch buffer of 64 KiB; one thread at
 * a time. */
struct mse_mrenclave;
/* mse_mrenclave_new starts with ECREATE and gives *out, which the caller releases with
 * mse_mrenclave_free. ssa_frame_pages: SECS.SSAFRAMESIZE, pages, at least 1; size: SECS.SIZE,
 * bytes, a power of two of at least two pages. MSE_ERR_ARGUMENT, MSE_ERR_MEMORY, MSE_ERR_CRYPTO;
 * *out is written on success only. */
MSE_API MSE_MUST_USE mse_status mse_mrenclave_new(struct mse_mrenclave **out,
                                                  uint32_t ssa_frame_pages, uint64_t size);
/* mse_mrenclave_eadd adds one page. offset: bytes from the enclave's base, page-aligned, below
 * size; secinfo_flags: MSE_SECINFO_TCS alone, or MSE_SECINFO_REG with permissions, W only with R.
 * Errors are sticky: final reports them. Whether a page is added twice is not looked at. */
MSE_API void mse_mrenclave_eadd(struct mse_mrenclave *m, uint64_t offset, uint64_t secinfo_flags);
/* mse_mrenclave_eextend measures the content of one page, sixteen EEXTENDs. offset as for eadd;
 * page: MSE_SGX_PAGE bytes, borrowed for the call, or NULL for zeros. Errors are sticky. */
MSE_API void mse_mrenclave_eextend(struct mse_mrenclave *m, uint64_t offset, const uint8_t *page);
/* mse_mrenclave_final writes MRENCLAVE to out, once. MSE_ERR_ARGUMENT: an offset or flags of an
 * earlier call were out of range, or this is the second call; MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_mrenclave_final(struct mse_mrenclave *m, uint8_t out[32]);
/* mse_mrenclave_free releases m; NULL is fine. */
MSE_API void mse_mrenclave_free(struct mse_mrenclave *m);

/* mse_measure_gramine computes the MRENCLAVE of a Gramine 1.9 enclave as gramine-sgx-sign does.
 * libpal: the loader's ELF image; manifest: the exact bytes of the expanded .manifest.sgx, from
 * which sgx.enclave_size, sgx.max_threads and sgx.edmm_enable are read (strictly: a spelling that
 * could be understood in two ways is refused). Both are borrowed for the call. Takes time in
 * proportion to the enclave size: about 0.05 s for 4 GiB.
 * MSE_ERR_CONFIG: the manifest, with the line in err; MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED: the
 * image; MSE_ERR_NO_SPACE: too many segments, or the parts do not fit into the enclave;
 * MSE_ERR_MEMORY, MSE_ERR_CRYPTO. err may be NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_gramine(uint8_t out[32], struct mse_bytes libpal,
                                                    struct mse_bytes manifest,
                                                    struct mse_error *err);

/* What mse_measure_sdk finds. */
struct mse_sdk_enclave {
    uint8_t mrenclave[32];
    uint64_t metadata_version;  /* major << 32 | minor */
    struct mse_bytes sigstruct; /* MSE_SIGSTRUCT_LEN bytes, borrowed from the file, not checked */
};
/* mse_measure_sdk computes the MRENCLAVE of an enclave that Intel's SDK signed (a shared object
 * with a section .note.sgxmeta), as its loader would load it with block number `which` of the
 * metadata, from 0: there is one for each generation of loaders, and each has a SIGSTRUCT of its
 * own. file is borrowed; a copy of it is patched. MSE_ERR_NOT_FOUND: fewer blocks;
 * MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED: the image or its metadata; MSE_ERR_NO_SPACE: more pages
 * than anybody loads (2^23 measured ones, 2^28 others), or too many segments; MSE_ERR_MEMORY,
 * MSE_ERR_CRYPTO. err may be NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_sdk(struct mse_sdk_enclave *out, struct mse_bytes file,
                                                size_t which, struct mse_error *err);

/* What layout "sim-1" of the simulated TEE measures; areas are placed as Gramine places them. */
struct mse_sim_layout {
    struct mse_bytes runtime;  /* ELF64 x86-64, position-independent; borrowed */
    struct mse_bytes manifest; /* exact bytes; borrowed; may be empty */
    uint64_t enclave_size;     /* bytes, a power of two, at most 2^40 */
    uint32_t threads;          /* 1 to 4096 */
};
/* mse_measure_sim computes the MRENCLAVE of a simulated enclave. MSE_ERR_ARGUMENT: enclave_size or
 * threads; MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED: the runtime's image; MSE_ERR_NO_SPACE: too many
 * segments, or the parts do not fit into the enclave; MSE_ERR_MEMORY, MSE_ERR_CRYPTO. err may be
 * NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_sim(uint8_t out[32], const struct mse_sim_layout *l,
                                                struct mse_error *err);

/* What a machine of AMD SEV-SNP is launched with by QEMU; everything is borrowed for the call. */
struct mse_snp_launch {
    struct mse_bytes firmware; /* OVMF, the whole file (-bios) */
    uint32_t vcpus;            /* 1 to 4096 */
    uint32_t vcpu_signature; /* CPUID leaf 1, EAX, of the processor that QEMU shows to the guest */
    uint64_t guest_features; /* SEV_FEATURES; 1 for SEV-SNP alone */
    bool has_kernel;         /* kernel-hashes=on: the next three are measured, too */
    struct mse_bytes kernel; /* -kernel: the whole file */
    struct mse_bytes initrd; /* -initrd; may be empty */
    struct mse_bytes command_line; /* -append, without a NUL; may be empty */
};
/* mse_measure_snp computes the launch digest, MEASUREMENT of an attestation report (SEV-SNP
 * Firmware ABI Specification, SNP_LAUNCH_UPDATE). MSE_ERR_ARGUMENT: vcpus; MSE_ERR_UNSUPPORTED:
 * firmware that is not OVMF with a list for SEV-SNP, that measures no kernel where one is given, or
 * has no start for more than one processor; MSE_ERR_MALFORMED: firmware; MSE_ERR_NO_SPACE: more
 * than 256 MiB of memory in its list; MSE_ERR_CRYPTO. err may be NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_snp(uint8_t out[48], const struct mse_snp_launch *l,
                                                struct mse_error *err);

/* mse_measure_mrtd computes the MRTD of a trust domain that QEMU builds from this firmware: each
 * page is added, and measured where the firmware's list says so, before the next one (Intel TDX
 * Module Base Architecture Specification, TDH.MEM.PAGE.ADD, TDH.MR.EXTEND). firmware: the whole
 * file (-bios), borrowed. Errors as for mse_measure_snp, and MSE_ERR_MEMORY. err may be NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_mrtd(uint8_t out[48], struct mse_bytes firmware,
                                                 struct mse_error *err);

/* What OVMF starts in a trust domain; borrowed for the call. */
struct mse_tdx_boot {
    struct mse_bytes kernel; /* -kernel: Linux, or a unified kernel image with everything in it */
    struct mse_bytes initrd; /* -initrd; empty: none. A unified image has its own */
    struct mse_bytes command_line; /* -append, printable ASCII; a unified image has its own */
};
struct mse_tdx_registers {
    uint8_t rtmr1[48]; /* the images that were loaded, and that they were started */
    uint8_t rtmr2[48]; /* command line and initrd, by Linux 6.9 or later */
};
/* mse_measure_rtmr computes RTMR1 and RTMR2 after a boot by -kernel; a unified image is one whose
 * stub measures nothing by itself in a TD (systemd before 256). MSE_ERR_UNSUPPORTED: no EFI image
 * for x86-64, or a unified one with signed PCRs, or without initrd or command line;
 * MSE_ERR_ARGUMENT: initrd or command line beside a unified image, a command line that is not
 * printable ASCII or longer than 4096 bytes; MSE_ERR_MALFORMED, MSE_ERR_NO_SPACE: the image;
 * MSE_ERR_CRYPTO. err may be NULL. */
MSE_API MSE_MUST_USE mse_status mse_measure_rtmr(struct mse_tdx_registers *out,
                                                 const struct mse_tdx_boot *b,
                                                 struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
