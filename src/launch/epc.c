/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/epc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "os/proc.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NODES         "/sys/devices/system/node"
#define LEAF          0x12U
#define FIRST_SECTION 2U
#define LAST_SECTION  64U

static uint64_t of_node(const char *folder, const char *name)
{
    char path[512];
    char text[32];
    uint64_t n = 0;
    (void)snprintf(path, sizeof path, "%.300s/%.100s/x86/sgx_total_bytes", folder, name);
    (void)mse_proc_read(text, sizeof text, path);
    text[strcspn(text, "\n")] = '\0';
    return mse_u64_parse(&n, mse_bytes_str(text), INT64_MAX) ? n : 0;
}

uint64_t mse_epc_of_nodes(const char *folder)
{
    uint64_t sum = 0;
    DIR *d = opendir(folder);
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): ours */
        if (strncmp(e->d_name, "node", 4) == 0) {
            sum += of_node(folder, e->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return sum;
}

bool mse_epc_section(uint64_t *bytes, uint32_t eax, uint32_t ecx, uint32_t edx)
{
    if ((eax & 0xf) != 1) {
        return false;
    }
    *bytes = (uint64_t)(edx & 0xfffffU) << 32 | (ecx & 0xfffff000U);
    return true;
}

/* A hypervisor may hide it, and an old kernel does not say it. */
static uint64_t of_processor(void)
{
    uint64_t sum = 0;
#if defined(__x86_64__)
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    uint64_t bytes = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (ebx & 4U) == 0) {
        return 0; /* no SGX */
    }
    for (unsigned i = FIRST_SECTION; i < LAST_SECTION; i++) {
        if (__get_cpuid_count(LEAF, i, &eax, &ebx, &ecx, &edx) == 0 ||
            !mse_epc_section(&bytes, eax, ecx, edx)) {
            break;
        }
        sum += bytes;
    }
#endif
    return sum;
}

uint64_t mse_epc_bytes(void)
{
    uint64_t said = mse_epc_of_nodes(NODES);
    return said > 0 ? said : of_processor();
}
