/* SPDX-License-Identifier: Apache-2.0 */
/* Who may inherit an app's storage: the manifest's rule, and what an owner signs (10-rules 25). */
#ifndef PACKAGE_UPGRADE_H
#define PACKAGE_UPGRADE_H

#include "package/manifest.h"

/* "mse-upgrade-v1", a NUL, the fingerprint that gives, the one that inherits. */
#define MSE_UPGRADE_MESSAGE_LEN   79
#define MSE_UPGRADE_SIGNATURE_MAX ((size_t)1024)

/* The two ends of an upgrade: 32 bytes each, borrowed. */
struct mse_upgrade {
    const uint8_t *from;
    const uint8_t *to;
    struct mse_bytes signature; /* by the owner's key: ECDSA in DER or RSA PKCS #1 v1.5, with
                                   SHA-256; empty: none */
};
/* Whether the rule is one at all: somebody may inherit. */
bool mse_upgrade_rule_is(const struct mse_upgrade_rule *rule);
void mse_upgrade_message(uint8_t out[MSE_UPGRADE_MESSAGE_LEN], const struct mse_upgrade *u);
/* Whether the rule of the one that gives lets the other inherit. MSE_ERR_UPGRADE_REFUSED: the rule
 * is none, or its fingerprints are others; MSE_ERR_UPGRADE_SIGNATURE: the owner's key has not
 * signed this upgrade. */
MSE_MUST_USE mse_status mse_upgrade_allowed(const struct mse_upgrade_rule *rule,
                                            const struct mse_upgrade *u, struct mse_error *err);
/* Whether the one that inherits wants to: its owner named the other one when he configured it
 * (named: 32 bytes; NULL: nobody was named; by_owner: who named it proved to be the owner, by the
 * key of the package), or the owner_key of its own rule has signed this upgrade. Otherwise whoever
 * runs it could give it a storage of his own making. Statuses as above. */
MSE_MUST_USE mse_status mse_upgrade_wanted(const struct mse_upgrade_rule *rule,
                                           const struct mse_upgrade *u, const uint8_t *named,
                                           bool by_owner, struct mse_error *err);

#endif
