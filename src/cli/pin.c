/* SPDX-License-Identifier: Apache-2.0 */
/* An earlier verification, from the user's store, as one of the sources of what is expected. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/tlog_judge.h"
#include "cli/trust.h"

static enum cli_exit disagree(const struct cli *c, const struct mse_trust_app *a, const char *what,
                              const uint8_t given[32], const char *source, const uint8_t pinned[32])
{
    char seen[65];
    char want[65];
    char when[MSE_TIME_TEXT_LEN];
    mse_hex_encode(seen, mse_bytes_of(given, 32));
    mse_hex_encode(want, mse_bytes_of(pinned, 32));
    mse_time_format(when, a->verified_at);
    cli_error(c,
              "the sources of the expected %s disagree: %s says %s, your trust store %s, since %s",
              what, source, seen, want, when);
    cli_hint(c,
             "if the app was updated: mse trust add %s:%u with what you were given now; mse "
             "trust check shows what has changed",
             a->domain, (unsigned)a->port);
    return CLI_REFUSED;
}

static enum cli_exit join_fingerprint(struct cli_judge *j, const struct cli *c,
                                      const struct mse_trust_app *a)
{
    if (j->pin.by_signer) {
        return CLI_DONE; /* whatever that signer has released */
    }
    if (j->has_fingerprint && !mse_mem_equal(j->fingerprint, a->fingerprint, 32)) {
        return disagree(c, a, "fingerprint", j->fingerprint,
                        strcmp(j->fingerprint_source, "option") == 0 ? "--fingerprint"
                                                                     : "--context with --code",
                        a->fingerprint);
    }
    if (!j->has_fingerprint) {
        memcpy(j->fingerprint, a->fingerprint, 32);
        j->has_fingerprint = true;
        j->fingerprint_source = "trust";
    }
    return CLI_DONE;
}

static enum cli_exit join_signer(struct cli_judge *j, const struct cli *c,
                                 const struct mse_trust_app *a)
{
    if (!mse_trust_has(a->signer)) {
        return CLI_DONE;
    }
    if (j->has_signer && !mse_mem_equal(j->signer, a->signer, 32)) {
        return disagree(c, a, "signer", j->signer, j->signer_source, a->signer);
    }
    if (!j->has_signer) {
        memcpy(j->signer, a->signer, 32);
        j->has_signer = true;
        j->signer_source = "trust";
    }
    return CLI_DONE;
}

/* Level, machines, logs and the kind of platform are not less than they were. */
static enum cli_exit join_platform(struct cli_judge *j, const struct cli *c,
                                   const struct mse_trust_app *a)
{
    struct mse_policy *p = &j->policy;
    struct mse_policy *pinned = malloc(sizeof *pinned);
    struct mse_error err = { 0 };
    if (pinned == NULL) {
        return cli_trouble(c, "out of memory");
    }
    /* The policy file is of this command's own options here. */
    struct mse_trust_app alone = *a;
    alone.policy = NULL;
    mse_status st = mse_trust_base(pinned, &alone, &err);
    bool other_root = st == MSE_OK && p->allow_simulation && a->simulated &&
                      mse_trust_has(p->simulation_root_sha256) &&
                      !mse_mem_equal(p->simulation_root_sha256, a->simulation_root_sha256, 32);
    if (st == MSE_OK && p->num_allowed_machines == 0) {
        p->num_allowed_machines = pinned->num_allowed_machines;
        memcpy(p->allowed_machines, pinned->allowed_machines, sizeof p->allowed_machines);
    }
    if (a->level > p->require_level) {
        p->require_level = (uint8_t)a->level;
    }
    if (!a->simulated) {
        p->allow_simulation = false;
    }
    enum cli_exit logs = st == MSE_OK ? cli_log_judge_join(j, c, pinned, a) : CLI_TROUBLE;
    free(pinned);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    if (logs != CLI_DONE) {
        return logs;
    }
    return other_root ? disagree(c, a, "simulated root", p->simulation_root_sha256,
                                 "--simulation-root", a->simulation_root_sha256)
                      : CLI_DONE;
}

enum cli_exit cli_judge_pin(struct cli_judge *j, const struct cli *c, const char *host,
                            uint16_t port)
{
    struct mse_trust t = { .apps = NULL };
    struct mse_error err = { 0 };
    mse_status st = mse_trust_load(&t, &err);
    if (st == MSE_ERR_NOT_FOUND) {
        return CLI_DONE; /* this user has no folder for one */
    }
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    const struct mse_trust_app *a = mse_trust_find(&t, host, port);
    enum cli_exit e = CLI_DONE;
    if (a != NULL) {
        j->pin = (struct cli_pin) { .found = true,
                                    .by_signer = a->rule == MSE_TRUST_SIGNER,
                                    .at = a->verified_at };
        memcpy(j->pin.fingerprint, a->fingerprint, 32);
        e = join_fingerprint(j, c, a);
        e = e == CLI_DONE ? join_signer(j, c, a) : e;
        e = e == CLI_DONE ? join_platform(j, c, a) : e;
    }
    mse_trust_clear(&t);
    return e;
}

void cli_pin_say(const struct cli *c, const struct cli_judge *j, const uint8_t fingerprint[32])
{
    char when[MSE_TIME_TEXT_LEN];
    char hex[65];
    if (!j->pin.found) {
        return;
    }
    mse_time_format(when, j->pin.at);
    mse_hex_encode(hex, mse_bytes_of(j->pin.fingerprint, 32));
    if (mse_mem_equal(j->pin.fingerprint, fingerprint, 32)) {
        cli_say(c, "Earlier verification: %s, the same fingerprint (your trust store)", when);
    } else {
        cli_say(c, "Earlier verification: %s, another fingerprint: %s%s", when, hex,
                j->pin.by_signer ? "; your rule lets the signer update it" : "");
    }
}

void cli_pin_json(json_t *out, const struct cli_judge *j)
{
    char when[MSE_TIME_TEXT_LEN];
    char hex[65];
    json_t *pin = json_null();
    if (j->pin.found) {
        mse_time_format(when, j->pin.at);
        mse_hex_encode(hex, mse_bytes_of(j->pin.fingerprint, 32));
        pin = json_pack("{s:s, s:s, s:s}", "fingerprint", hex, "verified_at", when, "rule",
                        j->pin.by_signer ? "signer" : "fingerprint");
    }
    (void)json_object_set_new(out, "earlier_verification", pin);
}
