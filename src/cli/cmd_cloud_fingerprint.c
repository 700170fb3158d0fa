/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud fingerprint: 64 hexadecimal digits out of a context and plain code. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/gramine.h"
#include "cmd/files.h"
#include "cmd/newfile.h"
#include "conf/project.h"
#include "package/gramine.h"

/* The code folder of ./mse.toml; heap. */
static char *own_code(const struct cli *c)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    struct mse_project p = { 0 };
    char *code = NULL;
    mse_status st = cli_file_read(&f, "mse.toml", MSE_CONF_MAX_LEN, &err);
    if (st == MSE_OK) {
        st = mse_project_parse(&p, "mse.toml", cli_file_view(&f), &err);
    }
    if (st != MSE_OK) {
        (void)cli_failed(c, st, &err);
    } else {
        code = strdup(p.code == NULL ? "mse_src" : p.code);
    }
    mse_project_clear(&p);
    cli_file_clear(&f);
    return code;
}

static enum cli_exit print(const struct cli *c, const struct cli_app *a,
                           const struct cli_fingerprint *fp)
{
    char hex[65];
    char code[65];
    char want[65];
    mse_hex_encode(hex, mse_bytes_of(fp->value, 32));
    mse_hex_encode(code, mse_bytes_of(fp->code_seen, 32));
    mse_hex_encode(want, mse_bytes_of(a->manifest.code_digest, 32));
    if (fp->code_differs) {
        cli_error(c, "the code is not that of the context (code digest read %s expected %s)", code,
                  want);
        cli_hint(c, "get code and context of the same deployment from the owner; --explain OTHER, "
                    "with their context or code, says what differs");
        return CLI_REFUSED;
    }
    if (c->json) {
        cli_json(c,
                 json_pack("{s:s, s:s, s:s, s:s}", "fingerprint", hex, "app_id", a->manifest.app_id,
                           "code_digest", code, "layout", a->context.layout));
    } else {
        cli_say(c, "%s", hex);
    }
    return CLI_DONE;
}

/* The bytes that were measured, for home sign and for Gramine. */
static mse_status put_manifest(const struct cli *c, const struct cli_app *a, struct mse_error *err)
{
    struct mse_build toml;
    if (strcmp(a->context.layout, MSE_GRAMINE_LAYOUT) != 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "layout",
                        "--manifest-output is for layout " MSE_GRAMINE_LAYOUT
                        ", the context says %.40s",
                        a->context.layout);
    }
    mse_build_heap(&toml, MSE_GRAMINE_MANIFEST_MAX);
    mse_status st = cli_gramine_manifest(&toml, c, a, mse_bytes_str(a->context.manifest), err);
    if (st == MSE_OK) {
        st = cli_newfile_put(cli_value(c, "manifest-output"), mse_build_view(&toml), 0644,
                             cli_has(c, "force"), err);
    }
    mse_build_clear(&toml);
    return st;
}

static enum cli_exit compute(const struct cli *c, const char *context, const char *code)
{
    struct mse_error err = { 0 };
    struct cli_app a = { 0 };
    struct cli_fingerprint fp = { 0 };
    mse_status st = cli_app_load(&a, context, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    enum cli_exit e = CLI_DONE;
    if (cli_has(c, "explain")) {
        e = cli_explain(c, &a, code);
        cli_app_clear(&a);
        return e;
    }
    st = cli_fingerprint_make(&fp, c, &a, code, &err);
    if (st == MSE_OK && cli_has(c, "manifest-output") && !fp.code_differs) {
        st = put_manifest(c, &a, &err);
    }
    if (st == MSE_OK) {
        e = print(c, &a, &fp);
    } else {
        e = cli_newfile_failed(c, st, &err);
        e = st == MSE_ERR_MANIFEST_MISMATCH ? CLI_REFUSED : e;
    }
    cli_app_clear(&a);
    return e;
}

enum cli_exit cmd_cloud_fingerprint(struct cli *c)
{
    const char *context = cli_value(c, "context");
    const char *code = cli_value(c, "code");
    if ((context == NULL) != (code == NULL)) {
        return cli_trouble(c, "--%s needs --%s", context == NULL ? "code" : "context",
                           context == NULL ? "context" : "code");
    }
    if (context != NULL) {
        return compute(c, context, code);
    }
    char *last = cli_last_context("mse.toml");
    if (last == NULL) {
        cli_error(c, "no deployment of ./mse.toml is known here");
        cli_hint(c, "name the app with --context FILE --code DIR");
        return CLI_TROUBLE;
    }
    char *own = own_code(c);
    enum cli_exit e = own == NULL ? CLI_TROUBLE : compute(c, last, own);
    free(own);
    free(last);
    return e;
}
