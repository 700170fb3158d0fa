/* SPDX-License-Identifier: Apache-2.0 */
/* How much of this machine's memory the processor keeps for enclaves (SGX: EPC). */
#ifndef LAUNCH_EPC_H
#define LAUNCH_EPC_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel says below this folder (/sys/devices/system/node), the sum of all nodes; 0: it
 * says nothing. */
uint64_t mse_epc_of_nodes(const char *folder);
/* The size of one section, as the processor describes it (CPUID leaf 12H, subleaf 2 and on). False:
 * there is none. Source: Intel SDM volume 3D, section 33.7.2 and table 3-8 of volume 2A. */
bool mse_epc_section(uint64_t *bytes, uint32_t eax, uint32_t ecx, uint32_t edx);
/* Of this machine, by the kernel or else the processor; 0: there is none, or nobody says. */
uint64_t mse_epc_bytes(void);

#endif
