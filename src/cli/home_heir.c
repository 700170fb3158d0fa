/* SPDX-License-Identifier: Apache-2.0 */
/* See home_heir.h. */
#include "cli/home_heir.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/home_tee.h"
#include "package/manifest.h"
#include "package/upgrade.h"

/* What would come to nothing later, as far as it can be seen here. */
static enum cli_exit check_choice(const struct cli *c, const struct home *h, const struct home *old)
{
    struct mse_manifest of_new = { 0 };
    struct mse_manifest of_old = { 0 };
    struct mse_error err = { 0 };
    enum cli_exit e = CLI_DONE;
    mse_status st = home_manifest(&of_new, h, &err);
    st = st == MSE_OK ? home_manifest(&of_old, old, &err) : st;
    if (st != MSE_OK) {
        e = cli_failed(c, st, &err);
    } else if (!home_tee_simulated(h->facts) || !home_tee_simulated(old->facts)) {
        e = cli_trouble(c, "upgrades are not for enclaves of SGX");
    } else if (mse_instance_has_state(h->dir)) {
        e = cli_trouble(c, "%s has a storage of its own already", h->name);
    } else if (of_new.restart != MSE_RESTART_SEALED) {
        e = cli_trouble(c, "%s keeps no storage: restart in its mse.toml is not \"sealed\"",
                        h->name);
    } else if (!mse_upgrade_rule_is(&of_old.upgrade)) {
        e = cli_trouble(c,
                        "the storage of %s goes on in no other version: upgrade in its mse.toml "
                        "is none",
                        old->name);
    }
    mse_manifest_clear(&of_new);
    mse_manifest_clear(&of_old);
    return e;
}

static enum cli_exit keep_signature(const struct cli *c, struct home *h, const char *path)
{
    struct cli_file f = { 0 };
    struct mse_error err = { 0 };
    char hex[2 * MSE_UPGRADE_SIGNATURE_MAX + 1];
    mse_status st = cli_file_read(&f, path, MSE_UPGRADE_SIGNATURE_MAX, &err);
    if (st == MSE_OK && f.len == 0) {
        st = MSE_FAIL(&err, MSE_ERR_MALFORMED, "upgrade-signature", "%.180s is empty", path);
    }
    if (st == MSE_OK) {
        mse_hex_encode(hex, cli_file_view(&f));
        (void)json_object_set_new(h->facts, "upgrade_signature", json_string(hex));
    }
    cli_file_clear(&f);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

enum cli_exit home_heir_choose(struct home *h)
{
    const struct cli *c = h->c;
    struct home old = { .c = c };
    const char *from = cli_value(c, "upgrade-from");
    enum cli_exit e = CLI_DONE;
    if (from != NULL) {
        e = home_open(&old, c, from);
        e = e == CLI_DONE ? check_choice(c, h, &old) : e;
        home_clear(&old);
        (void)json_object_set_new(h->facts, "upgrade_from", json_string(from));
    }
    if (e != CLI_DONE || !cli_has(c, "upgrade-signature")) {
        return e;
    }
    return home_fact(h, "upgrade_from")[0] != '\0'
               ? keep_signature(c, h, cli_value(c, "upgrade-signature"))
               : cli_trouble(c, "--upgrade-signature without --upgrade-from NAME");
}

enum cli_exit home_heir_source(struct mse_instance_source *out, struct home *old,
                               const struct home *h)
{
    const char *from = home_fact(h, "upgrade_from");
    const char *leader = home_fact(h, "replica_of");
    *old = (struct home) { .c = h->c };
    *out = (struct mse_instance_source) { .dir = NULL };
    if (leader[0] != '\0') {
        enum cli_exit e = home_open(old, h->c, leader);
        *out = (struct mse_instance_source) { .dir = old->dir, .leads = true };
        return e;
    }
    if (from[0] == '\0' || mse_instance_has_state(h->dir)) {
        return CLI_DONE;
    }
    enum cli_exit e = home_open(old, h->c, from);
    if (e == CLI_DONE) {
        bool owner = strcmp(home_fact(old, "ssl_certificate_origin"), "owner") == 0;
        out->dir = old->dir;
        out->name = home_fact(old, owner ? "config_domain_name" : "san");
        out->fingerprint = home_fact(old, "fingerprint");
        out->signature = home_fact(h, "upgrade_signature");
    }
    return e;
}
