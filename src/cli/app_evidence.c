/* SPDX-License-Identifier: Apache-2.0 */
/* See app_evidence.h. */
#include "cli/app_evidence.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"

static enum cli_exit read_certificate(struct cli_app_evidence *a, const struct cli *c,
                                      const char *path)
{
    struct mse_error err = { 0 };
    if (!cli_file_exists(path)) {
        return cli_trouble(c, "--app-certificate: %s: no such file", path);
    }
    mse_status st = cli_target_open(&a->certificate, c, path, &err);
    if (st != MSE_OK) {
        return cli_target_failed(c, path, st, &err);
    }
    return a->certificate.kind == CLI_TARGET_CERTIFICATE
               ? CLI_DONE
               : cli_trouble(c, "--app-certificate: %s is no certificate (%s)", path,
                             cli_target_kind_text(&a->certificate));
}

enum cli_exit cli_app_evidence_read(struct cli_app_evidence *a, const struct cli *c)
{
    const char *hex = cli_value(c, "app-data");
    const char *path = cli_value(c, "app-certificate");
    *a = (struct cli_app_evidence) { .asked = hex != NULL };
    if (hex == NULL) {
        return path == NULL ? CLI_DONE : cli_trouble(c, "--app-certificate goes with --app-data");
    }
    size_t digits = strlen(hex);
    a->len = digits / 2;
    if (digits == 0 || digits > 2 * sizeof a->data ||
        !mse_hex_decode(a->data, a->len, mse_bytes_str(hex))) {
        return cli_trouble(c, "--app-data is %.140s, wanted 2 to 128 hexadecimal digits", hex);
    }
    return path == NULL ? CLI_DONE : read_certificate(a, c, path);
}

void cli_app_evidence_clear(struct cli_app_evidence *a)
{
    cli_target_close(&a->certificate);
}

enum cli_exit cli_app_evidence_fits(const struct cli_app_evidence *a, const struct cli *c,
                                    const struct cli_target *t)
{
    bool is = t->kind == CLI_TARGET_EVIDENCE;
    if (is == a->asked) {
        return CLI_DONE;
    }
    if (is) {
        enum cli_exit e = cli_trouble(
            c, "%s was made for somebody who asked: --app-data says what an app asked for",
            t->name);
        cli_hint(c, "mse show decodes it");
        return e;
    }
    return cli_trouble(c, "%s is no evidence that an app asked for (%s), which --app-data is for",
                       t->name, cli_target_kind_text(t));
}

void cli_app_evidence_judge(const struct cli_app_evidence *a, struct mse_verdict *v,
                            const struct cli_target *t, const struct mse_collateral *collateral,
                            const struct cli_judge *j)
{
    const struct mse_ratls_app_ask ask = { .data = mse_bytes_of(a->data, a->len),
                                           .certificate = a->certificate.der,
                                           .collateral = collateral,
                                           .policy = &j->policy,
                                           .at = j->at };
    (void)!mse_ratls_appraise_app(v, NULL, cli_file_view(&t->file), &ask, NULL);
}

void cli_app_evidence_say(const struct cli *c, const struct cli_target *t)
{
    char hex[2 * 64 + 1] = "none";
    char text[4 * 64 + 8];
    if (t->claims.app_data.len > 0) {
        mse_hex_encode(hex, t->claims.app_data);
    }
    cli_say(c, "app data: %s \"%s\"", hex, mse_log_quote(text, sizeof text, t->claims.app_data));
}
