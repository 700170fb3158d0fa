/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence bundle of a living instance: what a code provider needs to verify it without any
 * network. Nothing in it is trusted by whoever reads it. */
#include "cli/home.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/home_judge.h"
#include "cli/home_tee.h"
#include "cmd/bundle.h"
#include "crypto/x509.h"
#include "package/manifest.h"
#include "ratls/connect.h"
#include "ratls/profile.h"

#define CONNECT_MS 10000U

/* Where the instance is reached from this machine. */
static const char *local_address(const struct home *h)
{
    const char *host = home_fact(h, "host");
    if (strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

struct mse_ratls_dial home_dialling(const struct home *h, bool config)
{
    return (struct mse_ratls_dial) {
        .host = home_fact(h, config ? "config_domain_name" : "san"),
        .address = local_address(h),
        .port = (uint16_t)json_integer_value(json_object_get(h->facts, "port")),
        .timeout_ms = CONNECT_MS,
    };
}

mse_status home_dial(struct mse_ratls_conn **out, const struct home *h, bool config,
                     struct mse_bytes alpn, struct mse_error *err)
{
    struct mse_ratls_dial d = home_dialling(h, config);
    d.alpn = alpn;
    return mse_ratls_dial(out, &d, err);
}

/* --collateral, or our own: out of the cache, or fetched. */
static mse_status find_collateral(struct cli_collateral *out, const struct home *h,
                                  struct mse_bytes quote, struct mse_error *err)
{
    struct cli_own own = { .c = h->c };
    const char *given = cli_value(h->c, "collateral");
    struct mse_policy *policy = given == NULL ? calloc(1, sizeof *policy) : NULL;
    mse_status st = MSE_OK;
    if (given != NULL) {
        st = cli_file_read(&out->file, given, MSE_BUNDLE_MAX_LEN, err);
        return st == MSE_OK
                   ? cli_bundle_load(&out->bundle, &out->scratch, cli_file_view(&out->file), err)
                   : st;
    }
    st = policy == NULL ? MSE_ERR_MEMORY : home_judge_policy(policy, h, err);
    if (st == MSE_OK && cli_own_init(&own, h->c, policy, (mse_time)time(NULL)) != CLI_DONE) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, "collateral", "no collateral without its source");
    }
    if (st == MSE_OK && !cli_own_collateral(out, &own, quote, err)) {
        st = err->status != MSE_OK ? err->status
                                   : MSE_FAIL(err, MSE_ERR_NOT_FOUND, "collateral",
                                              "the quote ends in no root that is trusted here");
    }
    cli_own_clear(&own);
    free(policy);
    return st;
}

/* What the processor is judged by stays beside the instance. Of a simulated one the platform has
 * it. */
static mse_status keep_collateral(const struct home *h, struct mse_bytes chain,
                                  struct mse_error *err)
{
    struct mse_ratls_cert cert;
    struct mse_bytes leaf;
    struct mse_bytes ca;
    struct cli_collateral k = { 0 };
    if (home_tee_simulated(h->facts)) {
        return MSE_OK;
    }
    mse_status st = mse_ratls_split(&leaf, &ca, chain)
                        ? mse_ratls_read(&cert, leaf, err)
                        : MSE_FAIL(err, MSE_ERR_MALFORMED, "evidence", "no certificate");
    if (st == MSE_OK) {
        st = find_collateral(&k, h, cert.quote, err);
        if (st != MSE_OK) {
            cli_hint(h->c, "mse collateral fetch on a machine that is online, then --collateral "
                           "FILE here");
        }
    }
    st = st == MSE_OK ? home_write(h, "collateral.json", cli_file_view(&k.file), err) : st;
    cli_collateral_clear(&k);
    return st;
}

static char *bundle_text(const struct home *h, struct mse_bytes pem, struct mse_error *err)
{
    struct cli_file collateral = { 0 };
    struct cli_file manifest = { 0 };
    json_t *v = NULL;
    char *path = home_judge_collateral(h);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&collateral, path, MSE_BUNDLE_MAX_LEN, err);
    if (st == MSE_OK) {
        st = home_read(&manifest, h, HOME_MANIFEST, MSE_MANIFEST_MAX_LEN, err);
    }
    if (st == MSE_OK) {
        const struct cli_bundle parts = { .collateral = cli_file_view(&collateral),
                                          .certificate = pem,
                                          .manifest = cli_file_view(&manifest),
                                          .now = (mse_time)time(NULL) };
        st = cli_bundle_make(&v, &parts, err);
    }
    char *text = st == MSE_OK ? json_dumps(v, JSON_INDENT(2)) : NULL;
    json_decref(v);
    cli_file_clear(&collateral);
    cli_file_clear(&manifest);
    free(path);
    return text;
}

static mse_status write_both(const struct home *h, const char *out, struct mse_bytes pem,
                             struct mse_error *err)
{
    char *evidence = cli_join(out, "evidence.json");
    char *cert = cli_join(out, "ratls.pem");
    char *text = bundle_text(h, pem, err);
    mse_status st = evidence == NULL || cert == NULL || text == NULL ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? cli_make_parents(evidence, err) : st;
    st = st == MSE_OK ? cli_file_write(evidence, mse_bytes_str(text), 0644, err) : st;
    st = st == MSE_OK ? cli_file_write(cert, pem, 0644, err) : st;
    free(evidence);
    free(cert);
    free(text);
    return st;
}

enum cli_exit home_evidence(const struct home *h, const char *out)
{
    struct mse_error err = { 0 };
    struct mse_ratls_conn *conn = NULL;
    struct mse_build pem;
    json_t *state = home_state(h);
    bool waiting = strcmp(mse_instance_state_word(state), "waiting") == 0;
    bool lives = waiting || strcmp(mse_instance_state_word(state), "running") == 0;
    enum cli_exit e = CLI_DONE;
    if (!lives) {
        e = cli_trouble(h->c, "%s is %s, only a running instance gives evidence", h->name,
                        mse_instance_state_word(state));
        cli_hint(h->c, "mse home restart %s", h->name);
    }
    json_decref(state);
    if (e != CLI_DONE) {
        return e;
    }
    mse_build_heap(&pem, (size_t)256 * 1024);
    /* Of a protocol that needs no certificate of the client. */
    static const uint8_t alpn[] = "\x0cmse-attest/1";
    /* Under the owner's certificate there is no evidence: the enclave's own stays on the other
     * name. */
    bool config = waiting || strcmp(home_fact(h, "ssl_certificate_origin"), "owner") == 0;
    mse_status st = home_dial(&conn, h, config, mse_bytes_of(alpn, sizeof alpn - 1), &err);
    if (st == MSE_OK) {
        st = keep_collateral(h, mse_ratls_conn_cert(conn), &err);
    }
    if (st == MSE_OK) {
        mse_ratls_put_pem(&pem, mse_ratls_conn_cert(conn));
        st = mse_build_ok(&pem) ? write_both(h, out, mse_build_view(&pem), &err) : MSE_ERR_MEMORY;
    }
    mse_ratls_conn_free(conn);
    mse_build_clear(&pem);
    return st == MSE_OK ? CLI_DONE : cli_failed(h->c, st, &err);
}

enum cli_exit cmd_home_evidence(struct cli *c)
{
    struct home h = { .c = c };
    const char *out = cli_value(c, "output");
    if (out == NULL) {
        return cli_trouble(c, "--output DIR is missing: where evidence.json goes");
    }
    enum cli_exit e = home_open(&h, c, c->args[0]);
    e = e == CLI_DONE ? home_evidence(&h, out) : e;
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:s, s:s+, s:s+}", "name", h.name, "evidence", out,
                              "/evidence.json", "certificate", out, "/ratls.pem"));
    } else if (e == CLI_DONE) {
        cli_say(c, "The evidence is in %s/evidence.json; hand it to the code provider", out);
        cli_say(c, "%s/ratls.pem is not verified by that: mse home verify is", out);
    }
    home_clear(&h);
    return e;
}
