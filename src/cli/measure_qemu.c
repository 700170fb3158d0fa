/* SPDX-License-Identifier: Apache-2.0 */
/* See launch/qemu.h. */
#include "cli/measure_qemu.h"

#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "launch/qemu.h"

#define LINE_MAX_LEN 65536U

/* Of one option: at most `most`, at least `least`. */
static bool number(uint64_t *out, const struct cli *c, const char *option, uint64_t otherwise,
                   uint64_t least, uint64_t most)
{
    const char *text = cli_value(c, option);
    *out = otherwise;
    if (text != NULL && (!mse_u64_parse(out, mse_bytes_str(text), most) || *out < least)) {
        (void)cli_trouble(c, "--%s is %s, wanted %llu to %llu", option, text,
                          (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    return true;
}

/* What both kinds have; disks has room for MSE_QEMU_MAX_DISKS. */
static bool common(struct mse_qemu *q, const char *disks[], const struct cli *c)
{
    q->program = MSE_QEMU_PROGRAM;
    q->firmware = cli_value(c, "firmware");
    q->kernel = cli_value(c, "kernel");
    q->initrd = cli_value(c, "initrd");
    q->append = cli_value(c, "append");
    q->address = "127.0.0.1";
    q->control_fd = -1;
    q->processor_fd = -1;
    q->disks = disks;
    q->num_disks = cli_num_values(c, "disk");
    if (q->num_disks > MSE_QEMU_MAX_DISKS) {
        (void)cli_trouble(c, "--disk is there %zu times, wanted %u at most", q->num_disks,
                          MSE_QEMU_MAX_DISKS);
        return false;
    }
    for (size_t i = 0; i < q->num_disks; i++) {
        disks[i] = cli_value_at(c, "disk", i);
    }
    return number(&q->memory, c, "memory", MSE_QEMU_MEMORY, MSE_QEMU_MIN_MEMORY,
                  MSE_QEMU_MAX_MEMORY) &&
           number(&q->port, c, "port", 8443, 1, UINT16_MAX) &&
           number(&q->vcpus, c, "vcpus", 1, 1, MSE_QEMU_MAX_VCPUS);
}

json_t *cli_qemu_snp(const struct cli *c, struct mse_bytes binding, uint64_t policy)
{
    const char *disks[MSE_QEMU_MAX_DISKS];
    struct mse_qemu q = {
        .kind = MSE_QEMU_SNP, .cpu = cli_value(c, "cpu"), .binding = binding, .policy = policy
    };
    if (strncmp(q.cpu, "0x", 2) == 0) {
        (void)cli_trouble(c, "--qemu needs the name of a processor, --cpu is %s", q.cpu);
        return NULL;
    }
    return common(&q, disks, c) ? mse_qemu_words(&q) : NULL;
}

json_t *cli_qemu_tdx(const struct cli *c, struct mse_bytes binding, uint64_t attributes)
{
    const char *disks[MSE_QEMU_MAX_DISKS];
    struct mse_qemu q = { .kind = MSE_QEMU_TDX, .binding = binding, .attributes = attributes };
    return common(&q, disks, c) ? mse_qemu_words(&q) : NULL;
}

char *cli_qemu_line(const json_t *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:=,+-";
    struct mse_build b;
    char *out = NULL;
    mse_build_heap(&b, LINE_MAX_LEN);
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        bool quoted = word != NULL && (*word == '\0' || word[strspn(word, plain)] != '\0');
        mse_wr_str(&b, i > 0 ? " " : "");
        mse_wr_str(&b, quoted ? "'" : "");
        for (const char *p = word; p != NULL && *p != '\0'; p++) {
            if (*p == '\'') {
                mse_wr_str(&b, "'\\'");
            }
            mse_wr_u8(&b, (uint8_t)*p);
        }
        mse_wr_str(&b, quoted ? "'" : "");
    }
    mse_wr_u8(&b, 0);
    if (mse_build_ok(&b)) {
        out = strdup((const char *)b.data);
    }
    mse_build_clear(&b);
    return out;
}
