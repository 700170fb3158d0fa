/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS says of an owner's domain (10-rules 6): it is to lead to the gateway by addresses,
 * not by an alias, which would hand the choice of them to the operator; and CAA records are to keep
 * others from certificates for it. */
#ifndef CLI_CLOUD_NAMES_H
#define CLI_CLOUD_NAMES_H

#include "cli/cli.h"

/* Looks, and warns with hints. Names below localhost are not asked for. */
void cloud_check_owner_domain(const struct cli *c, const char *domain, const char *gateway);

/* The answer to a question for CAA records. */
struct cloud_caa {
    bool any;         /* there is an "issue" record */
    bool account;     /* each of them that names a CA has accounturi */
    bool dns01_alone; /* and validationmethods=dns-01 */
};
/* False for what is no whole answer (RFC 1035). Pure. */
bool cloud_caa_read(struct cloud_caa *out, struct mse_bytes message);

#endif
