/* SPDX-License-Identifier: Apache-2.0 */
/* mse home run: gives a waiting instance its configuration, over a session that was attested first,
 * and waits until the app is healthy. */
#include <poll.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/home.h"
#include "cli/home_judge.h"
#include "cli/phase1.h"
#include "package/manifest.h"
#include "package/upgrade.h"

#define KEY_LEN     ((size_t)32)
#define MAX_SECRETS ((size_t)8 * 1024 * 1024)
#define MAX_KEY_PEM ((size_t)65536)
#define MAX_REQUEST ((size_t)17 * 1024 * 1024)
#define TURN_MS     200

struct give {
    const struct cli *c;
    struct home h;
    struct home_judge judge;
    struct cli_file manifest;
    struct cli_file key;
    struct cli_file secrets;
    struct cli_file sealed;
    struct cli_file ssl_key;
    struct cli_file ssl_chain; /* the instance's */
    struct cli_file token_file;
    struct cli_file signature; /* of an upgrade */
    char signature_hex[2 * MSE_UPGRADE_SIGNATURE_MAX + 1];
    char token[65];
    uint64_t timeout_s;
};

static void trim(struct cli_file *f)
{
    while (f->len > 0 && (f->data[f->len - 1] == '\n' || f->data[f->len - 1] == '\r')) {
        f->len--;
    }
}

static mse_status read_given(struct give *g, struct mse_error *err)
{
    const struct {
        const char *option;
        struct cli_file *to;
        size_t max;
    } files[] = { { "key", &g->key, 4096 },
                  { "secrets", &g->secrets, MAX_SECRETS },
                  { "sealed-secrets", &g->sealed, MAX_SECRETS },
                  { "ssl-key", &g->ssl_key, MAX_KEY_PEM },
                  { "upgrade-signature", &g->signature, MSE_UPGRADE_SIGNATURE_MAX } };
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(files); i++) {
        const char *path = cli_value(g->c, files[i].option);
        if (path != NULL) {
            st = cli_file_read(files[i].to, path, files[i].max, err);
        }
        if (st == MSE_OK && path != NULL && files[i].to->len == 0) {
            st = MSE_FAIL(err, MSE_ERR_MALFORMED, files[i].option, "%.180s is empty", path);
        }
    }
    if (st == MSE_OK) {
        mse_hex_encode(g->signature_hex, cli_file_view(&g->signature));
    }
    if (st == MSE_OK && g->key.len > 0 && g->key.len != KEY_LEN) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, "key", "%.150s has %zu bytes, wanted a key of %zu",
                      cli_value(g->c, "key"), g->key.len, KEY_LEN);
    }
    return st;
}

/* The token that spawn made, or the provider's. */
static enum cli_exit read_token(struct give *g)
{
    struct mse_error err = { 0 };
    uint8_t raw[32];
    const char *path = cli_value(g->c, "token");
    mse_status st = path != NULL ? cli_file_read(&g->token_file, path, 4096, &err)
                                 : home_read(&g->token_file, &g->h, HOME_TOKEN, 4096, &err);
    if (st != MSE_OK && path == NULL) {
        (void)cli_trouble(g->c, "mse.toml of this package names a token that is not here");
        cli_hint(g->c, "--token F gives it: 64 hexadecimal digits, from the code provider");
        return CLI_TROUBLE;
    }
    if (st != MSE_OK) {
        return cli_failed(g->c, st, &err);
    }
    trim(&g->token_file);
    bool good = mse_hex_decode(raw, sizeof raw, cli_file_view(&g->token_file));
    if (good) {
        mse_hex_encode(g->token, mse_bytes_of(raw, sizeof raw));
    }
    mse_wipe(raw, sizeof raw);
    return good ? CLI_DONE : cli_trouble(g->c, "the token is not 64 hexadecimal digits");
}

enum { NUM_GIVEN = 4 };

struct given {
    const char *option;
    bool given;
    bool wanted;
};

/* Names those that are wanted and not given, or the other way round. Returns how many. */
static size_t name_given(char *text, size_t cap, const struct given *rows, bool missing)
{
    size_t num = 0;
    int len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < NUM_GIVEN; i++) {
        if (rows[i].wanted == missing && rows[i].given != missing) {
            len += snprintf(text + len, cap - (size_t)len, "%s--%s%s", num == 0 ? "" : ", ",
                            rows[i].option, missing ? " F" : "");
            num++;
        }
    }
    return num;
}

static enum cli_exit compare_given(const struct give *g, const struct given *rows)
{
    char text[NUM_GIVEN * 24];
    size_t num = name_given(text, sizeof text, rows, true);
    if (num > 0) {
        return cli_trouble(g->c, "%s %s missing: %s waits for %s", text, num == 1 ? "is" : "are",
                           g->h.name, num == 1 ? "it" : "them");
    }
    num = name_given(text, sizeof text, rows, false);
    if (num > 0) {
        return cli_trouble(g->c, "%s %s given, and %s does not expect %s", text,
                           num == 1 ? "is" : "are", g->h.name, num == 1 ? "it" : "them");
    }
    return CLI_DONE;
}

/* Exactly what the manifest asks for, said before anything is sent. */
static enum cli_exit check_given(const struct give *g)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_manifest_parse(&m, cli_file_view(&g->manifest), &err);
    bool encrypted = m.package == MSE_PACKAGE_ENCRYPTED;
    bool ssl = (m.expects & MSE_EXPECT_SSL_KEY) != 0;
    /* The enclave looks for keys that do not stand in the open in the box. */
    bool in_box = encrypted && g->key.len == 0 && g->sealed.len > 0;
    bool ssl_in_box = ssl && g->ssl_key.len == 0 && g->sealed.len > 0;
    const struct given rows[NUM_GIVEN] = {
        { "key", g->key.len > 0, encrypted && !in_box },
        { "secrets", g->secrets.len > 0, (m.expects & MSE_EXPECT_SECRETS) != 0 },
        { "sealed-secrets", g->sealed.len > 0,
          (m.expects & MSE_EXPECT_SEALED_SECRETS) != 0 || in_box || ssl_in_box },
        { "ssl-key", g->ssl_key.len > 0, ssl && !ssl_in_box },
    };
    mse_manifest_clear(&m);
    return st == MSE_OK ? compare_given(g, rows) : cli_failed(g->c, st, &err);
}

static enum cli_exit load(struct give *g)
{
    struct mse_error err = { 0 };
    json_t *state = home_state(&g->h);
    bool waits = strcmp(mse_instance_state_word(state), "waiting") == 0;
    if (!waits) {
        (void)cli_trouble(g->c, "%s is %s, only an instance that waits takes keys", g->h.name,
                          mse_instance_state_word(state));
        cli_hint(g->c, "mse home restart %s makes it wait again", g->h.name);
    }
    json_decref(state);
    if (!waits) {
        return CLI_TROUBLE;
    }
    mse_status st = read_given(g, &err);
    st = st == MSE_OK ? home_judge_init(&g->judge, &g->h, &err) : st;
    st = st == MSE_OK ? home_read(&g->manifest, &g->h, HOME_MANIFEST, MSE_MANIFEST_MAX_LEN, &err)
                      : st;
    if (st == MSE_OK && strcmp(home_fact(&g->h, "ssl_certificate_origin"), "owner") == 0) {
        st = home_read(&g->ssl_chain, &g->h, HOME_CHAIN, MAX_KEY_PEM, &err);
    }
    enum cli_exit e = st == MSE_OK ? check_given(g) : cli_failed(g->c, st, &err);
    return e == CLI_DONE ? read_token(g) : e;
}

/* Not a byte goes out before the session is accepted. */
static mse_status attest_and_send(struct give *g, const struct mse_build *ask,
                                  struct cli_configure_answer *answer, struct mse_error *err)
{
    struct cli_phase1 p;
    g->judge.policy->require_level = 2;
    const struct mse_ratls_dial at = home_dialling(&g->h, true);
    const struct mse_session_judge judge = { .policy = g->judge.policy,
                                             .collateral = &g->judge.bundle.collateral,
                                             .at = (mse_time)time(NULL),
                                             .host = at.host,
                                             .manifest = cli_file_view(&g->manifest) };
    mse_status st = cli_phase1_open(&p, &at, &judge, err);
    st = st == MSE_OK ? cli_phase1_send(answer, &p, ask, err) : st;
    cli_phase1_close(&p);
    return st;
}

static const char *advice(const struct cli_configure_answer *a)
{
    if (strcmp(a->error, "package_key") == 0) {
        return "this is not the key of this package: ask the code provider";
    }
    if (strcmp(a->error, "sealed") == 0) {
        return "the box was sealed for another enclave or another start of it, or holds no JSON: "
               "the code provider seals again for the certificate of now";
    }
    if (strcmp(a->error, "expected") == 0 && strcmp(a->field, "code_secret_key") == 0) {
        return "the sealed box has no code key: give --key F, or let the code provider seal with "
               "mse home seal --key F";
    }
    if (strcmp(a->error, "token") == 0) {
        return "the token is not the one whose digest the manifest has";
    }
    if (strncmp(a->error, "tls_key", 7) == 0) {
        return "--ssl-key is the private key of the certificate in the package, unencrypted PEM";
    }
    if (strcmp(a->field, "ssl_certificate_chain") == 0) {
        return "the certificate is not the one that was packed, or has expired meanwhile: the code "
               "provider packs again";
    }
    return "docs/protocol.md, \"Configuration\", says what is checked";
}

static enum cli_exit refused(const struct give *g, const struct cli_configure_answer *a)
{
    cli_error(g->c, "the enclave refused the configuration: %s%s%s (%u)",
              a->error[0] == '\0' ? "no reason given" : a->error, a->field[0] == '\0' ? "" : " in ",
              a->field, a->status);
    cli_hint(g->c, "%s", advice(a));
    return CLI_REFUSED;
}

/* Until the app is healthy; a package that turned out bad brings the enclave back to Waiting. */
static enum cli_exit wait_running(struct give *g)
{
    const struct mse_ratls_dial at = home_dialling(&g->h, true);
    const struct mse_bytes nobody = { NULL, 0 };
    mse_time deadline = (mse_time)time(NULL) + (mse_time)g->timeout_s;
    while ((mse_time)time(NULL) < deadline) {
        struct cli_configure_answer a = { 0 };
        struct mse_error err = { 0 };
        mse_status st = cli_phase1_state(&a, &at, nobody, &err);
        if (st == MSE_OK && strcmp(a.state, "Running") == 0) {
            return CLI_DONE;
        }
        if (st == MSE_OK && strcmp(a.state, "Waiting") == 0) {
            cli_error(g->c, "the package could not be installed: %s; the enclave waits again",
                      a.error);
            cli_hint(g->c, "the package was damaged on its way here: spawn a whole one");
            return CLI_REFUSED;
        }
        json_t *state = home_state(&g->h);
        bool over = !home_lives(state) || strcmp(mse_instance_state_word(state), "failed") == 0;
        const char *note = json_string_value(json_object_get(state, "note"));
        if (over) {
            (void)cli_trouble(g->c, "the app did not start%s%s", note == NULL ? "" : ": ",
                              note == NULL ? "" : note);
            cli_hint(g->c, "mse home logs %s shows what it said", g->h.name);
        }
        json_decref(state);
        if (over) {
            return CLI_TROUBLE;
        }
        (void)poll(NULL, 0, TURN_MS);
    }
    (void)cli_trouble(g->c, "the app was not healthy within %llu seconds",
                      (unsigned long long)g->timeout_s);
    cli_hint(g->c, "it still starts: mse home status %s, mse home logs %s", g->h.name, g->h.name);
    return CLI_TROUBLE;
}

static enum cli_exit give(struct give *g)
{
    struct mse_error err = { 0 };
    struct mse_build ask;
    struct cli_configure_answer a = { 0 };
    const struct cli_configuration k = { .uuid = home_fact(&g->h, "app_id"),
                                         .key = cli_file_view(&g->key),
                                         .secrets = cli_file_view(&g->secrets),
                                         .sealed = cli_file_view(&g->sealed),
                                         .ssl_key = cli_file_view(&g->ssl_key),
                                         .ssl_chain = cli_file_view(&g->ssl_chain),
                                         .upgrade_from = cli_value(g->c, "upgrade-from"),
                                         .upgrade_signature = mse_bytes_str(g->signature_hex) };
    mse_build_heap(&ask, MAX_REQUEST);
    mse_status st =
        cli_configure_request(&ask, home_fact(&g->h, "config_domain_name"), g->token, &k, &err);
    st = st == MSE_OK ? attest_and_send(g, &ask, &a, &err) : st;
    mse_build_clear(&ask);
    if (st != MSE_OK) {
        return cli_failed(g->c, st, &err);
    }
    return a.status == 200 ? wait_running(g) : refused(g, &a);
}

static enum cli_exit say_running(const struct give *g)
{
    const struct cli *c = g->c;
    long long port = json_integer_value(json_object_get(g->h.facts, "port"));
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:s, s:I}", "name", g->h.name, "state", "running", "san",
                              home_fact(&g->h, "san"), "port", (json_int_t)port));
    } else {
        cli_say(c, "%s runs at https://%s:%lld/", g->h.name, home_fact(&g->h, "san"), port);
        cli_say(c, "mse home evidence %s collects the evidence with the app's own name", g->h.name);
    }
    return CLI_DONE;
}

static enum cli_exit run(struct give *g)
{
    const char *text = cli_value(g->c, "timeout");
    if (text != NULL &&
        (!mse_u64_parse(&g->timeout_s, mse_bytes_str(text), 86400) || g->timeout_s == 0)) {
        return cli_trouble(g->c, "--timeout is %s, wanted 1 to 86400 (seconds)", text);
    }
    enum cli_exit e = home_open(&g->h, g->c, g->c->args[0]);
    e = e == CLI_DONE ? load(g) : e;
    e = e == CLI_DONE ? give(g) : e;
    return e == CLI_DONE ? say_running(g) : e;
}

enum cli_exit cmd_home_run(struct cli *c)
{
    struct give g = { .c = c, .h = { .c = c }, .timeout_s = 60 };
    enum cli_exit e = run(&g);
    cli_file_wipe(&g.key);
    cli_file_wipe(&g.secrets);
    cli_file_wipe(&g.sealed);
    cli_file_wipe(&g.ssl_key);
    cli_file_clear(&g.ssl_chain);
    cli_file_clear(&g.signature);
    cli_file_wipe(&g.token_file);
    mse_wipe(g.token, sizeof g.token);
    cli_file_clear(&g.manifest);
    home_judge_clear(&g.judge);
    home_clear(&g.h);
    return e;
}
