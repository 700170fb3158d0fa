/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ear.h"

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/json_of.h"
#include "crypto/digest.h"

#define KEY_MAX_LEN ((size_t)16 * 1024)

enum cli_exit cli_ear_options(const struct cli *c)
{
    bool makes = cli_has(c, "ear");
    bool checks = cli_has(c, "ear-signer");
    if (makes != cli_has(c, "ear-key")) {
        return cli_trouble(c, "--ear FILE and --ear-key PEM go together");
    }
    if (makes && (c->num_args != 1 || checks)) {
        return cli_trouble(c, "--ear signs the verdict on one target, which is evidence");
    }
    if (cli_has(c, "ear-nonce") && !makes && !checks) {
        return cli_trouble(c, "--ear-nonce does nothing without --ear or --ear-signer");
    }
    if (cli_has(c, "allow-warning") && !checks) {
        return cli_trouble(c, "--allow-warning does nothing without --ear-signer");
    }
    static const char *const others[] = { "policy", "machines", "signer", "collateral",
                                          "require-level" };
    for (size_t i = 0; checks && i < MSE_ARRAY_LEN(others); i++) {
        if (cli_has(c, others[i])) {
            return cli_trouble(
                c, "--%s does nothing with --ear-signer: the verifier has judged that", others[i]);
        }
    }
    return CLI_DONE;
}

/* Making one. */

/* The key of the verifier: nobody else may read its file. */
static enum cli_exit read_key(struct cli_file *out, const struct cli *c, const char *path)
{
    struct stat st;
    struct mse_error err = { 0 };
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        (void)cli_trouble(c, "--ear-key: %s may be read by others (mode %03o)", path,
                          (unsigned)(st.st_mode & 0777));
        cli_hint(c, "chmod 600 %s", path);
        return CLI_TROUBLE;
    }
    mse_status read = cli_file_read(out, path, KEY_MAX_LEN, &err);
    return read == MSE_OK ? CLI_DONE : cli_failed(c, read, &err);
}

/* The file of the policy by its digest; options that tighten it are in the verdict. */
static bool name_policy(char out[96], const struct cli *c)
{
    uint8_t digest[32];
    char hex[65];
    struct cli_file f = { 0 };
    const char *path = cli_value(c, "policy");
    if (path == NULL) {
        (void)snprintf(out, 96, "mse:policy:default");
        return true;
    }
    bool good = cli_file_read(&f, path, (size_t)1024 * 1024, NULL) == MSE_OK &&
                mse_sha256(digest, cli_file_view(&f)) == MSE_OK;
    cli_file_clear(&f);
    if (good) {
        mse_hex_encode(hex, mse_bytes_of(digest, sizeof digest));
        (void)snprintf(out, 96, "mse:policy:sha256:%s", hex);
    }
    return good;
}

/* Signs the result of a verdict that says nothing, and throws it away. */
static mse_status rehearse(const struct cli *c, const struct cli_file *key, struct mse_error *err)
{
    struct mse_ear_params p = { .key_pem = cli_file_view(key), .nonce = cli_value(c, "ear-nonce") };
    struct mse_verdict *v = calloc(1, sizeof *v);
    char *text = malloc(MSE_EAR_MAX_LEN);
    mse_status st = v == NULL || text == NULL
                        ? MSE_ERR_MEMORY
                        : mse_verdict_to_ear(text, MSE_EAR_MAX_LEN, v, &p, err);
    free(text);
    free(v);
    return st;
}

enum cli_exit cli_ear_key(struct cli_file *out, const struct cli *c)
{
    struct mse_error err = { 0 };
    if (!cli_has(c, "ear")) {
        return CLI_DONE;
    }
    enum cli_exit e = read_key(out, c, cli_value(c, "ear-key"));
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = rehearse(c, out, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

void cli_ear_key_clear(struct cli_file *key)
{
    if (key->data != NULL) {
        mse_wipe(key->data, key->len);
    }
    cli_file_clear(key);
}

enum cli_exit cli_ear_write(const struct cli *c, const struct cli_judge *j,
                            const struct cli_file *key, const struct cli_ear_subject *s)
{
    struct mse_error err = { 0 };
    char policy[96];
    const char *path = cli_value(c, "ear");
    if (path == NULL) {
        return CLI_DONE;
    }
    struct mse_ear_params p = { .key_pem = cli_file_view(key),
                                .issued_at = (mse_time)time(NULL),
                                .appraised_at = j->at,
                                .nonce = cli_value(c, "ear-nonce"),
                                .policy_id = name_policy(policy, c) ? policy : NULL,
                                .host = s->host,
                                .evidence = s->evidence,
                                .certificate = s->certificate };
    char *text = malloc(MSE_EAR_MAX_LEN);
    mse_status st = text == NULL
                        ? MSE_ERR_MEMORY
                        : mse_verdict_to_ear(text, MSE_EAR_MAX_LEN - 1, s->verdict, &p, &err);
    if (st == MSE_OK) {
        size_t len = strlen(text);
        text[len] = '\n';
        st = cli_file_write(path, mse_bytes_of((const uint8_t *)text, len + 1), 0644, &err);
    }
    free(text);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    cli_say(c, "attestation result: %s", path);
    return CLI_DONE;
}

/* Judging one. */

struct reading {
    struct mse_ear ear;
    uint8_t *scratch;
    mse_status status;
    const char *wanted; /* static; of a refusal */
};

static void refuse(struct reading *r, mse_status st, const char *wanted)
{
    if (r->status == MSE_OK) {
        r->status = st;
        r->wanted = wanted;
    }
}

/* The tier of a submodule, of which an allowed simulation's hardware is left out. */
static enum mse_ear_tier tier_of(const struct mse_ear_submod *s, bool allow_simulation)
{
    if (!s->has_verdict || !s->simulated || !s->accepted || !allow_simulation) {
        return s->status;
    }
    enum mse_ear_tier worst = MSE_EAR_AFFIRMING;
    for (unsigned i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        enum mse_ear_tier t = mse_ear_tier_of(s->vector.claims[i]);
        bool counts = i != MSE_EAR_HARDWARE && t != MSE_EAR_NONE;
        worst = counts && t > worst ? t : worst;
    }
    return worst;
}

static void judge_submods(struct reading *r, const struct cli *c, const struct cli_judge *j)
{
    bool identified = false;
    enum mse_ear_tier most = cli_has(c, "allow-warning") ? MSE_EAR_WARNING : MSE_EAR_AFFIRMING;
    for (size_t i = 0; i < r->ear.num_submods; i++) {
        const struct mse_ear_submod *s = &r->ear.submods[i];
        bool own = s->has_fingerprint && j->has_fingerprint &&
                   mse_mem_equal(s->fingerprint, j->fingerprint, sizeof s->fingerprint);
        if (s->has_verdict && s->simulated && !j->policy.allow_simulation) {
            refuse(r, MSE_ERR_SIMULATION, "hardware, or --allow-simulation");
        }
        if (tier_of(s, j->policy.allow_simulation) > most) {
            refuse(r, MSE_ERR_EAR_STATUS, "affirming; --allow-warning takes a warning too");
        }
        if (s->has_fingerprint && j->has_fingerprint && !own) {
            refuse(r, MSE_ERR_FINGERPRINT_MISMATCH, "the fingerprint that was given");
        }
        int8_t app = s->vector.claims[MSE_EAR_EXECUTABLES];
        identified = identified || own ||
                     (!j->has_fingerprint && app != 0 && mse_ear_tier_of(app) == MSE_EAR_AFFIRMING);
    }
    if (!identified) {
        refuse(r, j->has_fingerprint ? MSE_ERR_FINGERPRINT_MISMATCH : MSE_ERR_NOTHING_IDENTIFIES,
               j->has_fingerprint ? "a result that has the fingerprint"
                                  : "a result that says that the app is an approved one");
    }
}

static json_t *text_json(struct mse_bytes b)
{
    return b.len == 0 ? json_null() : json_stringn((const char *)b.data, b.len);
}

static json_t *digest_json(bool has, const uint8_t value[32])
{
    return has ? cli_hex(value, 32) : json_null();
}

static json_t *submod_json(const struct mse_ear_submod *s)
{
    json_t *o = json_object();
    json_t *vector = json_object();
    for (unsigned i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        (void)json_object_set_new(vector, mse_ear_claim_name((enum mse_ear_claim)i),
                                  json_integer(s->vector.claims[i]));
    }
    (void)json_object_set_new(o, "name", text_json(s->name));
    (void)json_object_set_new(o, "status", json_string(mse_ear_tier_name(s->status)));
    (void)json_object_set_new(o, "trustworthiness_vector", vector);
    (void)json_object_set_new(o, "policy_id", text_json(s->policy_id));
    (void)json_object_set_new(o, "simulated",
                              s->has_verdict ? json_boolean(s->simulated) : json_null());
    (void)json_object_set_new(o, "binding_level",
                              s->has_verdict ? json_integer(s->binding_level) : json_null());
    (void)json_object_set_new(o, "fingerprint", digest_json(s->has_fingerprint, s->fingerprint));
    (void)json_object_set_new(o, "host", text_json(s->host));
    (void)json_object_set_new(o, "evidence_sha256",
                              digest_json(s->has_evidence_sha256, s->evidence_sha256));
    (void)json_object_set_new(o, "certificate_sha256",
                              digest_json(s->has_certificate_sha256, s->certificate_sha256));
    (void)json_object_set_new(
        o, "verdict",
        s->has_verdict ? json_loadb((const char *)s->verdict.data, s->verdict.len, 0, NULL)
                       : json_null());
    return o;
}

static json_t *ear_json(const struct mse_ear *e)
{
    json_t *o = json_object();
    json_t *submods = json_array();
    (void)json_object_set_new(o, "status", json_string(mse_ear_tier_name(e->status)));
    (void)json_object_set_new(o, "verifier", text_json(e->developer));
    (void)json_object_set_new(o, "verifier_build", text_json(e->build));
    (void)json_object_set_new(o, "issued_at", cli_when(e->issued_at));
    (void)json_object_set_new(o, "expires_at",
                              e->has_expires_at ? cli_when(e->expires_at) : json_null());
    (void)json_object_set_new(o, "nonce", text_json(e->nonce));
    for (size_t i = 0; i < e->num_submods; i++) {
        (void)json_array_append_new(submods, submod_json(&e->submods[i]));
    }
    (void)json_object_set_new(o, "submods", submods);
    return o;
}

json_t *cli_ear_show(struct mse_bytes jwt)
{
    struct mse_error err = { 0 };
    struct mse_ear *e = calloc(1, sizeof *e);
    uint8_t *scratch = malloc(jwt.len + 1);
    json_t *o = NULL;
    if (e == NULL || scratch == NULL) {
        o = json_pack("{s:s}", "unreadable", "out of memory");
    } else if (mse_ear_read(e, scratch, jwt.len, jwt, &err) != MSE_OK) {
        o = json_pack("{s:s}", "unreadable", err.text);
    } else {
        o = ear_json(e);
        (void)json_object_set_new(o, "signature", json_string("not checked"));
    }
    free(scratch);
    free(e);
    return o;
}

static void print_reading(const struct cli *c, const struct reading *r, const char *name)
{
    const struct mse_ear *e = &r->ear;
    char text[MSE_TIME_TEXT_LEN];
    cli_say(c, "target: %s (attestation result)", name);
    cli_say(c, "verdict: %s", r->status == MSE_OK ? "accepted" : "refused");
    cli_say(c, "verifier: %.*s (%.*s)", (int)e->developer.len,
            e->developer.len > 0 ? (const char *)e->developer.data : "", (int)e->build.len,
            e->build.len > 0 ? (const char *)e->build.data : "");
    mse_time_format(text, e->issued_at);
    cli_say(c, "  %-20s %s", "issued", text);
    if (e->has_expires_at) {
        mse_time_format(text, e->expires_at);
        cli_say(c, "  %-20s %s", "valid until", text);
    }
    for (size_t i = 0; i < e->num_submods; i++) {
        const struct mse_ear_submod *s = &e->submods[i];
        char hex[65];
        cli_say(c, "evidence: %.*s, %s%s", (int)s->name.len, (const char *)s->name.data,
                mse_ear_tier_name(s->status),
                s->has_verdict && s->simulated ? ", SIMULATED, not hardware" : "");
        for (unsigned k = 0; k < MSE_EAR_NUM_CLAIMS; k++) {
            cli_say(c, "  %-20s %d", mse_ear_claim_name((enum mse_ear_claim)k),
                    s->vector.claims[k]);
        }
        if (s->has_fingerprint) {
            mse_hex_encode(hex, mse_bytes_of(s->fingerprint, 32));
            cli_say(c, "  %-20s %s", "fingerprint", hex);
        }
    }
}

static void tell_refusal(const struct cli *c, const struct reading *r, const char *name)
{
    cli_error(c, "%s: refused: %s (%s; status %s)", name, mse_status_text(r->status), r->wanted,
              mse_ear_tier_name(r->ear.status));
    if (r->status == MSE_ERR_NOTHING_IDENTIFIES) {
        cli_hint(c, "--fingerprint HEX says which app you expect");
    } else {
        cli_hint(c, "mse show %s tells what the verifier found", name);
    }
}

static void append_json(const struct reading *r, const char *name, json_t *out)
{
    json_t *o = json_object();
    bool good = r->status == MSE_OK;
    (void)json_object_set_new(o, "target", json_string(name));
    (void)json_object_set_new(o, "kind", json_string("attestation result"));
    (void)json_object_set_new(o, "accepted", json_boolean(good));
    (void)json_object_set_new(o, "status", json_string(mse_status_name(r->status)));
    (void)json_object_set_new(
        o, "reason",
        good ? json_null()
             : json_pack("{s:s,s:s,s:s,s:s}", "status", mse_status_name(r->status), "text",
                         mse_status_text(r->status), "seen", mse_ear_tier_name(r->ear.status),
                         "wanted", r->wanted));
    (void)json_object_set_new(o, "ear", ear_json(&r->ear));
    (void)json_array_append_new(out, o);
}

/* MSE_OK: r holds what the verifier signed. */
static enum cli_exit open_signed(struct reading *r, const struct cli *c, const struct cli_judge *j,
                                 const struct cli_target *t)
{
    struct mse_error err = { 0 };
    struct cli_file signer = { 0 };
    struct mse_bytes jwt = cli_file_view(&t->file);
    mse_status st = cli_file_read(&signer, cli_value(c, "ear-signer"), KEY_MAX_LEN, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    r->scratch = malloc(jwt.len + 1);
    if (r->scratch == NULL) {
        cli_file_clear(&signer);
        return cli_trouble(c, "out of memory");
    }
    struct mse_ear_check check = { .signer_pem = cli_file_view(&signer),
                                   .nonce = cli_value(c, "ear-nonce"),
                                   .at = j->at };
    st = mse_ear_verify(&r->ear, r->scratch, jwt.len, jwt, &check, &err);
    cli_file_clear(&signer);
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    (void)cli_target_failed(c, t->name, st, &err);
    bool own_key = err.step != NULL && strcmp(err.step, "verifier's public key") == 0;
    return own_key ? CLI_TROUBLE : CLI_REFUSED;
}

enum cli_exit cli_ear_judge(const struct cli *c, const struct cli_judge *j,
                            const struct cli_target *t, json_t *out)
{
    if (!cli_has(c, "ear-signer")) {
        (void)cli_trouble(c, "%s is an attestation result that somebody signed", t->name);
        cli_hint(c,
                 "--ear-signer PEM names the public key of the verifier whom you trust; mse show "
                 "decodes it");
        return CLI_TROUBLE;
    }
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_trouble(c, "out of memory");
    }
    enum cli_exit e = open_signed(r, c, j, t);
    if (e == CLI_DONE) {
        judge_submods(r, c, j);
        e = r->status == MSE_OK ? CLI_DONE : CLI_REFUSED;
        if (c->json) {
            append_json(r, t->name, out);
        } else {
            print_reading(c, r, t->name);
        }
        if (e == CLI_REFUSED) {
            tell_refusal(c, r, t->name);
        }
    }
    free(r->scratch);
    free(r);
    return e;
}
