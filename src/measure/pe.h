/* SPDX-License-Identifier: Apache-2.0 */
/* PE/COFF images that UEFI loads: the hash that firmware measures them by, and sections by name.
 * Nothing is allocated. */
#ifndef MEASURE_PE_H
#define MEASURE_PE_H

#include <mse/status.h>

#define MSE_PE_MAX_SECTIONS 96U

struct mse_pe_section {
    char name[9]; /* with its NUL */
    struct mse_bytes raw;
    uint32_t virtual_len; /* bytes in memory */
};

struct mse_pe {
    struct mse_bytes image;
    size_t checksum;     /* offset of the field, 4 bytes */
    size_t certificates; /* offset of the directory entry, 8 bytes; 0: there is none */
    size_t certs_len;    /* bytes of certificates at the end */
    size_t headers_len;  /* SizeOfHeaders */
    size_t num_sections;
    struct mse_pe_section sections[MSE_PE_MAX_SECTIONS]; /* in the order of their bytes */
};
/* Borrows image. MSE_ERR_UNSUPPORTED: no PE32+ image for x86-64; MSE_ERR_MALFORMED: sections that
 * overlap, or lie outside of the file, certificates that are not its end; MSE_ERR_NO_SPACE: more
 * sections than MSE_PE_MAX_SECTIONS. */
MSE_MUST_USE mse_status mse_pe_parse(struct mse_pe *out, struct mse_bytes image,
                                     struct mse_error *err);
/* The Authenticode hash, as firmware measures an image that it loads. MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_pe_digest(uint8_t out[48], const struct mse_pe *pe);
/* The bytes of a section as they are in memory, without padding; false: none of that name.
 * Of sections with one name the first. */
MSE_MUST_USE bool mse_pe_find(struct mse_bytes *out, const struct mse_pe *pe, const char *name);

#endif
