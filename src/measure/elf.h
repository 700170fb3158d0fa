/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of the part of an ELF64 file that a loader maps: the PT_LOAD segments and the
 * entry point. Sections, symbols and relocations are not looked at. */
#ifndef MEASURE_ELF_H
#define MEASURE_ELF_H

#include <mse/status.h>

#define MSE_ELF_PAGE         4096U
#define MSE_ELF_MAX_SEGMENTS 32
#define MSE_ELF_MAX_ADDRESS  (1ULL << 47) /* user space of x86-64 */

#define MSE_ELF_X 1U
#define MSE_ELF_W 2U
#define MSE_ELF_R 4U

struct mse_elf_segment {
    struct mse_bytes file; /* borrowed: what the file holds for vaddr and following */
    uint64_t vaddr;
    uint64_t mem_len; /* not 0, at least file.len */
    uint32_t flags;   /* MSE_ELF_R, _W, _X; nothing else */
    uint64_t start;   /* first page of the segment */
    uint64_t end;     /* behind its last page */
};

struct mse_elf {
    uint64_t entry;           /* inside a segment */
    uint64_t start;           /* of the first segment, page-aligned */
    uint64_t end;             /* of the last segment, page-aligned */
    struct mse_bytes dynamic; /* borrowed: PT_DYNAMIC, empty if there is none in the file */
    size_t num_segments;
    struct mse_elf_segment segments[MSE_ELF_MAX_SEGMENTS]; /* ascending, no two share a page */
};

/* mse_elf_parse reads an x86-64 ELF64 image (ET_DYN or ET_EXEC). Segments borrow from file.
 * MSE_ERR_MALFORMED: any bound, order or field that is not as above, named in err;
 * MSE_ERR_UNSUPPORTED: another machine, class or type; MSE_ERR_NO_SPACE: more than
 * MSE_ELF_MAX_SEGMENTS segments. */
MSE_MUST_USE mse_status mse_elf_parse(struct mse_elf *out, struct mse_bytes file,
                                      struct mse_error *err);

/* mse_elf_page gives the content of the page at `at`, which is one of the segment's: the file's
 * bytes where they lie, zeros around them (never the file's neighbouring bytes). Points into the
 * file or to buf; NULL: all zeros. */
const uint8_t *mse_elf_page(uint8_t buf[MSE_ELF_PAGE], const struct mse_elf_segment *s,
                            uint64_t at);

/* SECINFO.FLAGS of the segment's pages. */
uint64_t mse_elf_secinfo(const struct mse_elf_segment *s);

/* The section headers, for what is found by name or address. Everything is borrowed. */
struct mse_elf_section {
    struct mse_bytes name;
    uint64_t addr;
    struct mse_bytes content; /* empty if it has none in the file */
};
struct mse_elf_sections {
    struct mse_bytes file;
    struct mse_bytes table;
    struct mse_bytes names;
    size_t num;
};
/* MSE_ERR_MALFORMED: the table or its names are not in the file. */
MSE_MUST_USE mse_status mse_elf_sections_open(struct mse_elf_sections *out, struct mse_bytes file,
                                              struct mse_error *err);
/* The section of index i, below num; false if its name or content is not in the file. */
MSE_MUST_USE bool mse_elf_section_at(const struct mse_elf_sections *s, size_t i,
                                     struct mse_elf_section *out);

#endif
