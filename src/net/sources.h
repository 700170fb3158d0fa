/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each source has: an IPv4 address, or the first 64 bits of an IPv6 one, which
 * is what one customer has the whole of. */
#ifndef NET_SOURCES_H
#define NET_SOURCES_H

#include <mse/types.h>

struct mse_sources;
struct mse_source;
/* NULL without memory or randomness. */
struct mse_sources *mse_sources_new(void);
void mse_sources_free(struct mse_sources *s); /* nobody is entered any more; accepts NULL */
/* Counts one more of this address (as mse_net_source gives it). NULL: there are max already, or no
 * memory. */
struct mse_source *mse_sources_enter(struct mse_sources *s, const uint8_t address[16],
                                     unsigned max);
void mse_sources_leave(struct mse_sources *s, struct mse_source *source); /* accepts NULL */

#endif
