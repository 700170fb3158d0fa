/* SPDX-License-Identifier: Apache-2.0 */
/* How somebody without an account verifies an app: what to run, what to know from elsewhere, and
 * what the operator claims, which is nothing but that. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"
#include "package/manifest.h"
#include "package/rules.h"

#define MAX_COMMAND 1024

/* By id, else by the name under which it lives. */
static mse_status find(struct api_call *c, struct mse_op_app *out, struct mse_error *err)
{
    return mse_rule_uuid4(c->id) ? mse_op_app_get(c->store, out, NULL, c->id, err)
                                 : mse_op_app_at(c->store, out, c->id, err);
}

static struct mse_reply *not_found(struct api_call *c)
{
    return web_problem(c, HTTP_NOT_FOUND,
                       "No app of this id is here, and none lives under this name. Names are "
                       "written without https:// and without a port.");
}

struct mse_reply *web_verify_any(struct api_call *c)
{
    struct web_page p;
    char path[sizeof "/verify/" + (size_t)3 * MSE_OP_DOMAIN_LEN];
    struct mse_build b;
    const char *app = api_value(c, "app");
    web_greet(c);
    if (app != NULL && app[0] != '\0' && strlen(app) < MSE_OP_DOMAIN_LEN) {
        size_t spaces = strspn(app, " ");
        mse_build_fixed(&b, path, sizeof path);
        mse_wr_str(&b, "/verify/");
        mse_html_url(&b, app + spaces);
        return web_go(mse_build_cstr(&b));
    }
    if (!web_begin(&p, c, HTTP_OK, "Verify an app")) {
        return NULL;
    }
    mse_html(p.b, "<h1>Verify an app</h1>\n"
                  "<p class=\"lead\">Whoever uses an app can check, before the first byte of data "
                  "leaves the machine, that it runs in an enclave, which code runs there, and that "
                  "the connection ends in that very enclave.</p>\n"
                  "<form class=\"find\"><label for=\"app\">Name or id of the app</label>\n"
                  "<input id=\"app\" name=\"app\" required autocomplete=\"off\" "
                  "autocapitalize=\"none\" spellcheck=\"false\"> "
                  "<button class=\"main\">How to verify it</button></form>\n");
    return web_end(&p);
}

/* What the operator says. */

static void write_claims(struct web_page *p, const struct mse_op_app *a)
{
    struct mse_build *b = p->b;
    char place[WEB_PLACE_LEN];
    mse_html(b, "<section class=\"claims\" aria-labelledby=\"claims\"><h2 id=\"claims\">What the "
                "operator claims</h2>\n<p class=\"notice\">Nothing in this box is proven: it is "
                "what the operator says. Do not compare with it; compare with what the app's owner "
                "told you another way.</p>\n<dl class=\"facts\">\n");
    web_fact_text(b, "App", a->name);
    web_fact(b, "State");
    web_status(b, a->status);
    mse_html(b, "</dd>\n");
    web_fact_text(b, "Name", web_place(place, p->c, a->domain_name));
    web_fact(b, "Fingerprint"); /* without a button that copies it: it is not for the command */
    mse_html(b, "<code class=\"hex\">%s</code></dd>\n", a->fingerprint);
    web_fact_bytes(b, "Signer of enclaves here (MRSIGNER)", p->c->api->cfg->mrsigner, 32);
    web_fact_text(b, "Certificate", web_origin_words(a->mode));
    web_fact_text(b, "Hardware", a->hardware);
    web_fact_time(b, "Running since", a->ready_at, p->c->now);
    web_fact_time(b, "Expires", a->expires_at, p->c->now);
    mse_html(b, "</dl></section>\n");
}

/* What to run. */

static void write_command(struct web_page *p, const struct mse_op_app *a, const char *label,
                          const char *how)
{
    char command[MAX_COMMAND];
    char place[WEB_PLACE_LEN];
    const char *simulated =
        p->c->api->cfg->simulation_root != NULL
            ? " --allow-simulation --simulation-root root.pem --collateral collateral.json"
            : "";
    (void)snprintf(command, sizeof command, "mse cloud verify %s %s%s",
                   web_place(place, p->c, a->domain_name), how, simulated);
    web_command(p->b, label, command);
}

static void write_simulation(struct web_page *p)
{
    if (p->c->api->cfg->simulation_root == NULL) {
        return;
    }
    mse_html(p->b, "<p class=\"notice bad\">This platform says that it is simulated. A simulated "
                   "enclave protects nothing; whoever verifies one has to say so, and to have the "
                   "simulated root and its collateral from elsewhere (<code>mse sim show "
                   "--export</code>).</p>\n");
}

static void write_steps(struct web_page *p, const struct mse_op_app *a)
{
    struct mse_build *b = p->b;
    char place[WEB_PLACE_LEN];
    char curl[MAX_COMMAND];
    mse_html(b, "<h3>With the fingerprint</h3>\n<p>Ask the app's owner for its fingerprint: 64 "
                "hexadecimal digits, by a way that the operator does not control. Put them in the "
                "place of <code>FINGERPRINT</code>.</p>\n");
    write_command(p, a, "Command with a fingerprint", "--fingerprint FINGERPRINT");
    mse_html(b, "<h3>With the code</h3>\n<p>Or read the code that the owner publishes, and have "
                "the fingerprint computed of it: with the folder of the code, and the context, a "
                "file that the owner gives out.</p>\n");
    write_command(p, a, "Command with context and code", "--context context.toml --code mse_src");
    (void)snprintf(curl, sizeof curl, "curl --cacert cert.pem https://%s/",
                   web_place(place, p->c, a->domain_name));
    mse_html(b, "<h3>Then use it</h3>\n<p>The command writes <code>cert.pem</code> only if all is "
                "well. With it, and nothing else, connections end in the enclave that was verified:"
                "</p>\n");
    web_command(b, "Command that uses the verified certificate", curl);
    mse_html(b,
             "<p>For a browser: import this certificate and no other, or use <code>mse proxy"
             "</code>, which attests every connection, for programs that cannot, too. "
             "<code>mse trust add</code> remembers the app. After an update of the app the "
             "fingerprint is another one, and all of this refuses until you verify again.</p>\n");
}

static void write_how(struct web_page *p, const struct mse_op_app *a)
{
    struct mse_build *b = p->b;
    mse_html(b, "<section aria-labelledby=\"how\"><h2 id=\"how\">Verify it yourself</h2>\n");
    if (a->mode == MSE_OP_OPERATOR) {
        mse_html(b, "<p class=\"notice bad\">This app cannot be verified by its users: its owner "
                    "chose that TLS ends at the operator, who can read the traffic. That is meant "
                    "for development.</p></section>\n");
        return;
    }
    if (a->status != MSE_OP_RUNNING) {
        mse_html(b, "<p class=\"notice\">The app does not run now: these commands will find "
                    "nothing to verify.</p>\n");
    }
    write_simulation(p);
    if (a->mode == MSE_OP_OWNER) {
        mse_html(b,
                 "<p class=\"notice\">The owner of this app has the key of its certificate, too: "
                 "verifying shows the code and the enclave, but you trust the owner with your "
                 "traffic.</p>\n");
    }
    mse_html(b, "<p>You need <code>mse</code>, from somebody other than this operator.</p>\n");
    write_steps(p, a);
    mse_html(b, "</section>\n");
}

/* In the browser. */

static void write_appraisal(struct web_page *p, const struct mse_op_app *a)
{
    struct mse_build *b = p->b;
    bool installed = web_appraises(p->c->api->web);
    mse_html(b, "<section aria-labelledby=\"here\"><h2 id=\"here\">Look at it in this browser</h2>"
                "\n<p class=\"notice\">This page comes from the operator, and so does the program "
                "that it runs: an operator who lies would show you whatever you want to see. What "
                "it says proves nothing to somebody who distrusts the operator. Use it to learn "
                "what is checked; to be sure use the command above, or an extension that "
                "you did not get from this operator.</p>\n");
    if (a->status != MSE_OP_RUNNING && a->status != MSE_OP_INITIALIZING) {
        mse_html(b, "<p class=\"empty\">Only a living instance gives evidence.</p>\n");
    } else if (!installed) {
        mse_html(b,
                 "<p class=\"empty\">The appraisal for browsers is not installed here. The "
                 "<a href=\"/verify/%s/evidence\">evidence</a> can be read and downloaded, and "
                 "judged with <code>mse verify</code>.</p>\n",
                 a->id);
    } else {
        mse_html(
            b,
            "<noscript><p class=\"empty\">This needs JavaScript and WebAssembly.</p></noscript>"
            "\n<form id=\"appraise\" data-app=\"%s\" data-host=\"%s\" hidden>\n"
            "<label for=\"wanted\">The fingerprint that you know from elsewhere</label>\n"
            "<input id=\"wanted\" name=\"wanted\" autocomplete=\"off\" spellcheck=\"false\" "
            "autocapitalize=\"none\" maxlength=\"64\" pattern=\"[0-9a-fA-F]{64}\" "
            "aria-describedby=\"wanted-help\">\n"
            "<p id=\"wanted-help\" class=\"hint\">64 hexadecimal digits. Without it nothing "
            "identifies the app, and the verdict says so.</p>\n"
            "<button class=\"main\">Appraise the evidence</button></form>\n"
            "<div id=\"verdict\" role=\"status\" aria-live=\"polite\"></div>\n",
            a->id, a->domain_name);
    }
    mse_html(b,
             "<p><a href=\"/verify/%s/evidence\">The evidence, decoded</a> · "
             "<a href=\"/apps/%s/evidence\" download=\"evidence-%s.json\">Download the evidence"
             "</a></p></section>\n",
             a->id, a->id, a->id);
}

struct mse_reply *web_verify(struct api_call *c)
{
    struct web_page p;
    struct mse_op_app a = { 0 };
    struct mse_error err = { 0 };
    web_greet(c);
    mse_status st = find(c, &a, &err);
    if (st != MSE_OK) {
        return st == MSE_ERR_NOT_FOUND ? not_found(c) : web_failed(c, st, &err);
    }
    bool good = web_appraises(c->api->web) ? web_begin_appraisal(&p, c, "Verify an app")
                                           : web_begin(&p, c, HTTP_OK, "Verify an app");
    if (!good) {
        return NULL;
    }
    mse_html(p.b, "<h1>Verify <span class=\"name\">%s</span></h1>\n", a.domain_name);
    write_how(&p, &a);
    write_claims(&p, &a);
    write_appraisal(&p, &a);
    return web_end(&p);
}
