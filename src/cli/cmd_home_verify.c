/* SPDX-License-Identifier: Apache-2.0 */
/* mse home verify: a code provider judges the evidence of an operator's instance, off line, against
 * his own copy of the package. Roots and signer are the provider's own; the evidence brings only
 * what is signed. */
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/certs.h"
#include "cli/gramine.h"
#include "cli/home.h"
#include "cli/judge.h"
#include "cli/target.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "package/manifest.h"
#include "package/parcel.h"
#include "ratls/profile.h"

struct check {
    const struct cli *c;
    struct cli_judge *judge;
    struct mse_parcel package;
    struct cli_target *target;
    struct mse_manifest manifest;
    uint8_t manifest_sha256[32];
    struct cli_finding *found;
    struct cli_choice choice;
    const char *host; /* the name of the manifest that the certificate is for */
    char *output;
    char *ca; /* NULL: the certificate has none */
};

static enum cli_exit need_options(const struct cli *c)
{
    static const char *const needed[][2] = { { "evidence", "F" },
                                             { "package", "F" },
                                             { "output", "DIR" } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(needed); i++) {
        if (!cli_has(c, needed[i][0])) {
            return cli_trouble(c, "--%s %s is missing", needed[i][0], needed[i][1]);
        }
    }
    return CLI_DONE;
}

static enum cli_exit read_package(struct check *k)
{
    int fd = -1;
    enum cli_exit e = home_parcel_open(&k->package, &fd, k->c, cli_value(k->c, "package"));
    if (fd >= 0) {
        (void)close(fd);
    }
    return e;
}

static enum cli_exit read_evidence(struct check *k)
{
    const char *path = cli_value(k->c, "evidence");
    struct mse_error err = { 0 };
    if (!cli_file_exists(path)) {
        return cli_trouble(k->c, "%s: no such file", path);
    }
    mse_status st = cli_target_open(k->target, k->c, path, &err);
    if (st != MSE_OK) {
        (void)cli_target_failed(k->c, path, st, &err);
        return CLI_REFUSED;
    }
    if (k->target->kind != CLI_TARGET_BUNDLE || k->target->der.len == 0) {
        (void)cli_trouble(k->c, "%s is no evidence bundle with a certificate (%s)", path,
                          cli_target_kind_text(k->target));
        cli_hint(k->c, "mse home evidence collects one; mse verify judges other kinds");
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

/* What the operator chose is his; the rest is the package's. Older bundles have no manifest: what
 * they are about cannot be recomputed. */
static enum cli_exit check_manifest(struct check *k)
{
    struct mse_bytes text = k->target->bundle.manifest;
    struct mse_error err = { 0 };
    if (text.len == 0) {
        (void)cli_trouble(k->c, "the evidence has no manifest, so its code cannot be compared");
        cli_hint(k->c, "a bundle of the older form is judged by mse verify --fingerprint HEX");
        return CLI_REFUSED;
    }
    mse_status st = home_manifest_check(&k->manifest, &k->package, text, &err);
    st = st == MSE_OK ? mse_sha256(k->manifest_sha256, text) : st;
    if (st != MSE_OK) {
        (void)cli_failed(k->c, st, &err);
        cli_hint(k->c, "this evidence is of another code or package than %s",
                 cli_value(k->c, "package"));
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

/* Of SGX, from the provider's own copies of loader and rootfs. */
static enum cli_exit expect_gramine(struct check *k)
{
    struct mse_error err = { 0 };
    struct cli_app a = { .manifest = k->manifest }; /* borrows all of it */
    mse_status st = cli_gramine_loader(a.context.loader_digest, k->c, &err);
    st = st == MSE_OK ? cli_gramine_measure(k->judge->fingerprint, k->c, &a,
                                            k->target->bundle.manifest, &err)
                      : st;
    k->judge->has_fingerprint = st == MSE_OK;
    if (st != MSE_OK) {
        (void)cli_failed(k->c, st, &err);
        return st == MSE_ERR_MANIFEST_MISMATCH ? CLI_REFUSED : CLI_TROUBLE;
    }
    return CLI_DONE;
}

static bool is_gramine(const struct check *k)
{
    return k->manifest.rootfs.name != NULL;
}

/* The fingerprint that the manifest and the runtime here make. */
static enum cli_exit expect_sim(struct check *k)
{
    struct mse_error err = { 0 };
    struct cli_file runtime = { 0 };
    uint8_t sha256[32];
    bool known = false;
    char seen[65];
    char want[65];
    mse_status st = cli_runtime_load(&runtime, NULL, k->c, sha256, &err);
    st = st == MSE_OK ? cli_runtime_known(&known, k->c, k->manifest.runtime, &err) : st;
    mse_hex_encode(seen, mse_bytes_of(sha256, 32));
    mse_hex_encode(want, mse_bytes_of(k->manifest.runtime, 32));
    enum cli_exit e = CLI_DONE;
    if (st != MSE_OK) {
        e = cli_failed(k->c, st, &err);
    } else if (!known || !mse_mem_equal(sha256, k->manifest.runtime, 32)) {
        cli_error(k->c, "the enclave runs on the runtime %s, %s %s", want,
                  known ? "the mse-enclave here is" : "which this mse does not know; here is",
                  seen);
        cli_hint(k->c, "--runtime names another file, --allow-runtime HEX accepts one");
        e = CLI_REFUSED;
    } else {
        struct mse_sim_layout l = { cli_file_view(&runtime), k->target->bundle.manifest,
                                    k->manifest.enclave_size, MSE_SIM_THREADS };
        st = mse_measure_sim(k->judge->fingerprint, &l, &err);
        k->judge->has_fingerprint = st == MSE_OK;
        e = st == MSE_OK ? CLI_DONE : cli_failed(k->c, st, &err);
    }
    cli_file_clear(&runtime);
    return e;
}

/* Phase 1 is on the config name, the app on its own; the key and the quote are the same. */
static const char *host_of(const struct check *k)
{
    struct mse_bytes leaf;
    struct mse_bytes ca;
    struct mse_cert cert;
    if (mse_ratls_split(&leaf, &ca, k->target->der) &&
        mse_cert_parse(&cert, leaf, NULL) == MSE_OK &&
        mse_cert_has_host(&cert, k->manifest.config_domain_name)) {
        return k->manifest.config_domain_name;
    }
    return k->manifest.san;
}

static void judge_claims(struct check *k)
{
    struct mse_bytes seen = k->found->cert.claims.manifest;
    char want[65];
    char have[65] = "no manifest digest";
    mse_hex_encode(want, mse_bytes_of(k->manifest_sha256, 32));
    bool same = seen.len == 32 && mse_mem_equal(seen.data, k->manifest_sha256, 32);
    if (seen.len == 32) {
        mse_hex_encode(have, seen);
    }
    mse_verdict_add(&k->found->verdict, MSE_STEP_MANIFEST,
                    same ? MSE_OK : MSE_ERR_MANIFEST_MISMATCH, have, want, NULL);
}

static void appraise(struct check *k)
{
    struct cli_judge *j = k->judge;
    k->host = host_of(k);
    cli_judge_choose(&k->choice, j, k->c, cli_target_evidence(k->target),
                     &k->target->bundle.collateral);
    (void)!mse_ratls_appraise(&k->found->verdict, &k->found->cert, &k->found->binding,
                              k->target->der, k->host, k->choice.collateral, &j->policy, j->at,
                              NULL);
    if (k->found->verdict.accepted) {
        judge_claims(k);
    }
    cli_judge_floor(&k->found->verdict, j);
    mse_verdict_set_level(&k->found->verdict, 0, &j->policy);
}

/* The CA alone, for browsers: what they import is what they trust. */
static mse_status save_ca(struct check *k, struct mse_error *err)
{
    k->ca = cli_join(cli_value(k->c, "output"), "ca.pem");
    return k->ca == NULL ? MSE_ERR_MEMORY : cli_save_trusted(k->ca, &k->found->cert, err);
}

/* What was verified, and only that: what stood behind a certificate without a CA is left out. */
static enum cli_exit save(struct check *k)
{
    const struct mse_ratls_cert *cert = &k->found->cert;
    struct mse_error err = { 0 };
    struct mse_build pem;
    k->output = cli_join(cli_value(k->c, "output"), "ratls.pem");
    mse_build_heap(&pem, (size_t)256 * 1024);
    mse_ratls_put_pem(&pem, cli_has_ca(cert) ? k->target->der : cert->der);
    mse_status st = k->output == NULL || !mse_build_ok(&pem) ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? cli_make_parents(k->output, &err) : st;
    st = st == MSE_OK && cli_has_ca(cert) ? save_ca(k, &err) : st;
    st = st == MSE_OK ? cli_file_write(k->output, mse_build_view(&pem), 0644, &err) : st;
    mse_build_clear(&pem);
    return st == MSE_OK ? CLI_DONE : cli_failed(k->c, st, &err);
}

static void say_accepted(const struct check *k)
{
    const struct cli *c = k->c;
    char hex[65];
    char until[MSE_TIME_TEXT_LEN];
    mse_hex_encode(hex, mse_bytes_of(k->judge->fingerprint, 32));
    mse_time_format(until, k->manifest.expires_at);
    if (c->json) {
        json_t *v = cli_verdict_json(&k->found->verdict);
        (void)json_object_set_new(v, "app_id", json_string(k->manifest.app_id));
        (void)json_object_set_new(v, "host", json_string(k->host));
        (void)json_object_set_new(v, "expires_at", json_string(until));
        (void)json_object_set_new(v, "logs", json_string(mse_manifest_logs_word(&k->manifest)));
        (void)json_object_set_new(v, "upgrade", cli_upgrade_json(&k->manifest));
        (void)json_object_set_new(
            v, "ssl_certificate_origin",
            json_string(k->manifest.origin == MSE_ORIGIN_OWNER ? "owner" : "self"));
        (void)json_object_set_new(v, "collateral_source", json_string(k->choice.source));
        (void)json_object_set_new(v, "certificate_file", json_string(k->output));
        if (k->ca != NULL) {
            (void)json_object_set_new(v, "ca_file", json_string(k->ca));
        }
        cli_json(c, v);
        return;
    }
    cli_say_good(c, "The evidence is of this package, in a genuine TEE");
    if (k->found->verdict.simulated) {
        cli_say(c, "SIMULATED: not hardware, it protects nothing from the operator");
    }
    cli_say(c, "Fingerprint: %s", hex);
    if (is_gramine(k)) {
        cli_say(c, "App: not isolated from the runtime (Gramine)");
    }
    cli_say(c, "App: %s at https://%s/, until %s", k->manifest.app_id, k->manifest.san, until);
    cli_say(c, "Logs: %s", cli_logs_text(&k->manifest));
    cli_say_upgrade(c, &k->manifest);
    if (k->manifest.origin == MSE_ORIGIN_OWNER) {
        cli_say(c, "TLS: the owner's own certificate, whose key the owner holds too; users attest "
                   "it at level 2 only");
    }
    if (k->package.client_ca != NULL) {
        mse_hex_encode(hex, mse_bytes_of(k->manifest.client_ca, 32));
        cli_say(c, "Clients: need a certificate of the CA %s", hex);
    }
    cli_say(c, "Collateral: %s", k->choice.source);
    cli_say(c, "The verified certificate has been saved at: %s", k->output);
    if (k->ca != NULL) {
        cli_say(c, "Its CA, for browsers and curl --cacert: %s", k->ca);
    }
}

static enum cli_exit judge(struct check *k)
{
    const struct cli *c = k->c;
    enum cli_exit e = need_options(c);
    e = e == CLI_DONE ? cli_judge_init(k->judge, c) : e;
    if (e != CLI_DONE) {
        return e;
    }
    k->judge->own.offline = true; /* nobody is asked; what this user's cache has still counts */
    e = read_package(k);
    e = e == CLI_DONE ? read_evidence(k) : e;
    e = e == CLI_DONE ? check_manifest(k) : e;
    e = e == CLI_DONE ? (is_gramine(k) ? expect_gramine(k) : expect_sim(k)) : e;
    e = e == CLI_DONE ? cli_judge_signer(k->judge, c, k->manifest.san, NULL) : e;
    e = e == CLI_DONE ? cli_judge_expect(k->judge, c) : e;
    if (e != CLI_DONE) {
        return e;
    }
    appraise(k);
    if (k->found->verdict.accepted) {
        e = save(k);
        if (e == CLI_DONE) {
            say_accepted(k);
        }
        return e;
    }
    if (c->json) {
        cli_json(c, cli_verdict_json(&k->found->verdict));
    }
    cli_refusal(c, &k->found->verdict, k->judge);
    return CLI_REFUSED;
}

enum cli_exit cmd_home_verify(struct cli *c)
{
    struct check k = { .c = c,
                       .judge = calloc(1, sizeof *k.judge),
                       .target = calloc(1, sizeof *k.target),
                       .found = calloc(1, sizeof *k.found) };
    enum cli_exit e = CLI_TROUBLE;
    if (k.judge == NULL || k.target == NULL || k.found == NULL) {
        (void)cli_trouble(c, "out of memory");
    } else {
        e = judge(&k);
        cli_choice_clear(&k.choice);
        cli_target_close(k.target);
        cli_judge_clear(k.judge);
    }
    mse_parcel_clear(&k.package);
    mse_manifest_clear(&k.manifest);
    free(k.judge);
    free(k.target);
    free(k.found);
    free(k.output);
    free(k.ca);
    return e;
}
