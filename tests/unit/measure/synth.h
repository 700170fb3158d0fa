/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up loader images and manifests, from a recipe that other tools can follow: each byte i of
 * the image is (7 i + 3) mod 256, under an ELF header and its program headers. */
#ifndef UNIT_MEASURE_SYNTH_H
#define UNIT_MEASURE_SYNTH_H

#include <mse/types.h>

#include "base/build.h"

struct synth_segment {
    uint64_t offset;
    uint64_t vaddr;
    uint64_t filesz;
    uint64_t memsz;
    uint32_t flags;
};

struct synth_image {
    size_t len;
    uint64_t entry;
    size_t num;
    struct synth_segment segments[4];
};

/* synth1: two segments with a gap; synth2: zeros before a segment and bss; synth3: fixed address.
 */
extern const struct synth_image synth_images[3];

#define SYNTH_MAX_LEN 16384U
/* synth_make writes the image over buf and returns it. */
struct mse_bytes synth_make(uint8_t buf[SYNTH_MAX_LEN], const struct synth_image *image);

/* The manifests m1 to m8 of the recipe; which: 1 to 8. */
struct mse_bytes synth_manifest(struct mse_build *b, int which);

#endif
