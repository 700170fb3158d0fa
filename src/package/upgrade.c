/* SPDX-License-Identifier: Apache-2.0 */
/* See upgrade.h. */
#include "package/upgrade.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/sign.h"

#define STEP    "upgrade"
#define MAX_KEY ((size_t)512) /* of a manifest */

bool mse_upgrade_rule_is(const struct mse_upgrade_rule *rule)
{
    return rule->owner_key != NULL || rule->fingerprints.num > 0;
}

void mse_upgrade_message(uint8_t out[MSE_UPGRADE_MESSAGE_LEN], const struct mse_upgrade *u)
{
    static const char tag[] = "mse-upgrade-v1"; /* with its NUL */
    _Static_assert(sizeof tag + 64 == MSE_UPGRADE_MESSAGE_LEN, "length of the message");
    memcpy(out, tag, sizeof tag);
    memcpy(out + sizeof tag, u->from, 32);
    memcpy(out + sizeof tag + 32, u->to, 32);
}

/* The parameters of the messages, to be read. */
static void shown(char out[65], const uint8_t fingerprint[32])
{
    mse_hex_encode(out, mse_bytes_of(fingerprint, 32));
}

static mse_status check_signature(const char *owner_key, const struct mse_upgrade *u,
                                  struct mse_error *err)
{
    uint8_t der[MAX_KEY];
    uint8_t message[MSE_UPGRADE_MESSAGE_LEN];
    struct mse_pubkey key;
    struct mse_bytes hex = mse_bytes_str(owner_key);
    if (u->signature.len == 0) {
        return MSE_FAIL(err, MSE_ERR_UPGRADE_SIGNATURE, STEP,
                        "no signature, wanted one of the owner's key");
    }
    bool good = hex.len / 2 <= sizeof der && mse_hex_decode(der, hex.len / 2, hex) &&
                mse_pubkey_parse(&key, mse_bytes_of(der, hex.len / 2));
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_UPGRADE_SIGNATURE, STEP, "owner_key is no public key");
    }
    enum mse_sig_alg alg = key.type == MSE_KEY_RSA ? MSE_SIG_RSA_SHA256 : MSE_SIG_ECDSA_SHA256;
    mse_upgrade_message(message, u);
    mse_status st =
        mse_verify(NULL, &key, alg, u->signature, mse_bytes_of(message, sizeof message));
    if (st != MSE_OK) {
        char from[65];
        char to[65];
        shown(from, u->from);
        shown(to, u->to);
        return MSE_FAIL(err, MSE_ERR_UPGRADE_SIGNATURE, STEP,
                        "the signature is not one of owner_key over the upgrade from %s to %s",
                        from, to);
    }
    return MSE_OK;
}

static bool is_listed(const struct mse_str_list *l, const char *fingerprint)
{
    for (size_t i = 0; i < l->num; i++) {
        if (strcmp(l->items[i], fingerprint) == 0) {
            return true;
        }
    }
    return false;
}

mse_status mse_upgrade_allowed(const struct mse_upgrade_rule *rule, const struct mse_upgrade *u,
                               struct mse_error *err)
{
    char to[65];
    if (rule->owner_key != NULL) {
        return check_signature(rule->owner_key, u, err);
    }
    shown(to, u->to);
    if (is_listed(&rule->fingerprints, to)) {
        return MSE_OK;
    }
    return MSE_FAIL(err, MSE_ERR_UPGRADE_REFUSED, STEP,
                    rule->fingerprints.num == 0 ? "%s may not inherit: the rule is none"
                                                : "%s may not inherit: it is not in the list",
                    to);
}

mse_status mse_upgrade_wanted(const struct mse_upgrade_rule *rule, const struct mse_upgrade *u,
                              const uint8_t *named, bool by_owner, struct mse_error *err)
{
    char from[65];
    shown(from, u->from);
    if (named != NULL && !mse_mem_equal(named, u->from, 32)) {
        return MSE_FAIL(err, MSE_ERR_UPGRADE_REFUSED, STEP,
                        "the storage of %s is offered, the owner named another one", from);
    }
    if (named != NULL && by_owner) {
        return MSE_OK;
    }
    if (rule->owner_key != NULL) {
        return check_signature(rule->owner_key, u, err);
    }
    return MSE_FAIL(err, MSE_ERR_UPGRADE_REFUSED, STEP,
                    named == NULL
                        ? "the owner did not say that the storage of %s is to be inherited"
                        : "who named %s need not be the owner: wanted the key of the package from "
                          "him, in no box, or a signature of owner_key",
                    from);
}
