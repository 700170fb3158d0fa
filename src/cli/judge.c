/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/judge.h"

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/signed_list.h"
#include "cli/target.h"
#include "cli/tlog_judge.h"
#include "cli/trust.h"
#include "conf/lists.h"
#include "conf/operators.h"

#define SMALL_FILE  ((size_t)1024 * 1024)
#define WARN_BEFORE ((mse_time)7 * 86400)

static enum cli_exit load_policy(struct cli_judge *j, const struct cli *c)
{
    const char *path = cli_value(c, "policy");
    mse_policy_default(&j->policy);
    if (path == NULL && j->as_pinned == NULL) {
        return CLI_DONE;
    }
    struct mse_error err = { 0 };
    mse_status st = j->as_pinned != NULL ? mse_trust_base(&j->policy, j->as_pinned, &err)
                                         : mse_trust_policy_file(&j->policy, path, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

/* Who has pinned a key for lists of machines takes no other list. */
static mse_status check_machines(struct cli_judge *j, const struct cli *c, struct mse_bytes list,
                                 const char *path, struct mse_error *err)
{
    bool pinned = false;
    char *key = cli_list_key_path(&pinned, c, "machines-key", "machines.pem");
    mse_status st = pinned ? cli_list_signed(list, path, key, err) : MSE_OK;
    j->machines_signed = pinned && st == MSE_OK;
    free(key);
    return st;
}

/* --machines: a list of the user's, which takes the place that a policy left open. */
static enum cli_exit load_machines(struct cli_judge *j, const struct cli *c)
{
    const char *path = cli_value(c, "machines");
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    if (path == NULL) {
        return !cli_has(c, "machines-key")
                   ? CLI_DONE
                   : cli_trouble(c, "--machines-key does nothing without --machines");
    }
    if (j->policy.num_allowed_machines > 0) {
        return cli_trouble(c,
                           "--machines and \"allowed_machines\" of the policy both list machines");
    }
    mse_status st = cli_file_read(&f, path, SMALL_FILE, &err);
    st = st == MSE_OK ? check_machines(j, c, cli_file_view(&f), path, &err) : st;
    if (st == MSE_OK) {
        st = mse_machines_parse(&j->policy, path, cli_file_view(&f), &err);
    }
    cli_file_clear(&f);
    if (st == MSE_ERR_SIGNATURE) {
        cli_error(c, "%s", err.text);
        cli_hint(c, "--machines-key, or machines.pem in the configuration folder, names the key "
                    "whose lists you take");
        return CLI_REFUSED;
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

/* The pinned root: --simulation-root, else that of the configuration folder. */
static enum cli_exit load_simulation_root(struct cli_judge *j, const struct cli *c)
{
    const char *given = cli_value(c, "simulation-root");
    char *path = given != NULL ? strdup(given) : cli_conf_path("sim/root.pem");
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    if (path == NULL) {
        return cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    mse_status st = cli_file_read(&f, path, SMALL_FILE, &err);
    if (st == MSE_OK) {
        /* A root of any kind counts by the hash of its key, one of P-256 by its point as well. */
        st = mse_simulation_root_sha256_of_pem(j->policy.simulation_root_sha256, cli_file_view(&f),
                                               &err);
        memset(j->policy.simulation_root, 0, sizeof j->policy.simulation_root);
        (void)!mse_simulation_root_of_pem(j->policy.simulation_root, cli_file_view(&f), NULL);
    }
    free(path);
    cli_file_clear(&f);
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    (void)cli_failed(c, st, &err);
    cli_hint(c, "--simulation-root PEM names the root that you trust; mse sim show --export DIR "
                "writes the one of a platform here");
    return CLI_TROUBLE;
}

static enum cli_exit load_simulation(struct cli_judge *j, const struct cli *c)
{
    if (cli_has(c, "simulation-root") && !cli_has(c, "allow-simulation") &&
        !j->policy.allow_simulation) {
        return cli_trouble(c, "--simulation-root does nothing without --allow-simulation");
    }
    if (cli_has(c, "allow-simulation")) {
        j->policy.allow_simulation = true;
    }
    bool pinned =
        !mse_mem_is_zero(j->policy.simulation_root, sizeof j->policy.simulation_root) ||
        !mse_mem_is_zero(j->policy.simulation_root_sha256, sizeof j->policy.simulation_root_sha256);
    if (!j->policy.allow_simulation || (pinned && !cli_has(c, "simulation-root"))) {
        return CLI_DONE;
    }
    return load_simulation_root(j, c);
}

static enum cli_exit load_time_and_level(struct cli_judge *j, const struct cli *c)
{
    const char *at = cli_value(c, "at");
    const char *level = cli_value(c, "require-level");
    uint64_t n = 0;
    j->at = (mse_time)time(NULL);
    if (at != NULL && !mse_time_parse(&j->at, mse_bytes_str(at))) {
        return cli_trouble(c, "--at is %s, wanted a time in UTC such as 2030-01-31T12:00:00Z", at);
    }
    if (level != NULL) {
        if (!mse_u64_parse(&n, mse_bytes_str(level), 3)) {
            return cli_trouble(c, "--require-level is %s, wanted 0 to 3", level);
        }
        j->policy.require_level = (uint8_t)n;
    }
    return CLI_DONE;
}

static enum cli_exit load_collateral(struct cli_judge *j, const struct cli *c)
{
    struct cli_collateral *k = &j->collateral;
    const char *given = cli_value(c, "collateral");
    struct mse_error err = { 0 };
    if (given == NULL && !j->policy.allow_simulation) {
        return CLI_DONE; /* the appraisal says what is missing */
    }
    char *path = given != NULL ? strdup(given) : cli_conf_path("sim/collateral.json");
    if (path == NULL || (given == NULL && !cli_file_exists(path))) {
        free(path);
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&k->file, path, MSE_BUNDLE_MAX_LEN, &err);
    if (st == MSE_OK) {
        st = cli_bundle_load(&k->bundle, &k->scratch, cli_file_view(&k->file), &err);
        if (st != MSE_OK) {
            (void)cli_trouble(c, "collateral %s: %s", path,
                              err.text[0] != '\0' ? err.text : mse_status_text(st));
        }
    } else {
        (void)cli_failed(c, st, &err);
    }
    if (st != MSE_OK) {
        free(path);
        return CLI_TROUBLE;
    }
    k->source = path;
    return CLI_DONE;
}

enum cli_exit cli_judge_init(struct cli_judge *j, const struct cli *c)
{
    unsigned timeout = 0;
    return cli_timeout(&timeout, c) ? cli_judge_init_within(j, c, timeout) : CLI_TROUBLE;
}

enum cli_exit cli_judge_init_within(struct cli_judge *j, const struct cli *c, unsigned timeout_ms)
{
    enum cli_exit e = load_policy(j, c);
    e = e == CLI_DONE ? load_machines(j, c) : e;
    e = e == CLI_DONE ? load_simulation(j, c) : e;
    e = e == CLI_DONE ? load_time_and_level(j, c) : e;
    e = e == CLI_DONE ? load_collateral(j, c) : e;
    e = e == CLI_DONE ? cli_own_init(&j->own, c, &j->policy, j->at) : e;
    if (e != CLI_DONE) {
        return e;
    }
    j->own.store.config.total_ms = timeout_ms;
    j->own.store.config.attempts = 2;
    /* Services hand out what is valid now, not at another time. */
    j->own.offline = j->own.offline || cli_has(c, "at");
    return CLI_DONE;
}

void cli_judge_clear(struct cli_judge *j)
{
    cli_collateral_clear(&j->collateral);
    cli_own_clear(&j->own);
    cli_log_judge_free(j->log);
}

void cli_judge_choose(struct cli_choice *out, struct cli_judge *j, const struct cli *c,
                      struct mse_bytes evidence, const struct mse_collateral *stapled)
{
    struct cli_choice k = { .collateral = &j->collateral.bundle.collateral,
                            .source = j->collateral.source };
    struct mse_error why = { 0 };
    bool brought = stapled != NULL && (stapled->tcb_info.len > 0 || stapled->vcek.len > 0);
    *out = k;
    if (cli_has(c, "collateral")) {
        return;
    }
    if (cli_own_collateral(&out->own, &j->own, evidence, &why)) {
        out->collateral = &out->own.bundle.collateral;
        out->source = out->own.source;
    } else if (brought) {
        out->collateral = stapled;
        out->source = "stapled: the bundle itself";
    }
    if (why.status != MSE_OK && out->own.source == NULL && !j->own.store.offline) {
        cli_hint(c, "no collateral was fetched: %s", why.text);
    }
    if (why.status != MSE_OK && out->source == NULL && j->own.store.config.root_point == NULL) {
        cli_hint(c,
                 "mse collateral fetch on a machine that is online, then --collateral FILE here");
    }
}

void cli_choice_clear(struct cli_choice *k)
{
    cli_collateral_clear(&k->own);
}

void cli_judge_floor(struct mse_verdict *v, struct cli_judge *j)
{
    uint32_t least = 0;
    char seen[32];
    char wanted[64];
    if (v->tcb_evaluation_number == 0 || !cli_own_floor(&least, &j->own, v->tee, v->simulated)) {
        return;
    }
    bool good = v->tcb_evaluation_number >= least;
    (void)snprintf(seen, sizeof seen, "%u", v->tcb_evaluation_number);
    (void)snprintf(wanted, sizeof wanted, "at least %u, which the cache has seen", least);
    mse_verdict_add(v, MSE_STEP_EVALUATION_NUMBER, good ? MSE_OK : MSE_ERR_TCB_EVALUATION_NUMBER,
                    seen, wanted, NULL);
}

bool cli_ends_soon(char out[96], const struct mse_verdict *v, mse_time at)
{
    static const char *const parts[] = { "tcb_info", "qe_identity", "pck_crl", "root_ca_crl",
                                         "vcek_crl" };
    const struct mse_verdict_date *first = NULL;
    char when[MSE_TIME_TEXT_LEN];
    for (size_t i = 0; i < v->num_dates; i++) {
        const struct mse_verdict_date *d = &v->dates[i];
        for (size_t k = 0; k < MSE_ARRAY_LEN(parts); k++) {
            bool is_part = strcmp(d->what, parts[k]) == 0;
            first = is_part && (first == NULL || d->until < first->until) ? d : first;
        }
    }
    if (first == NULL || first->until - at >= WARN_BEFORE || first->until < at) {
        return false;
    }
    mse_time_format(when, first->until);
    (void)snprintf(out, 96, "the collateral ends soon: %s on %s", first->what, when);
    return true;
}

enum cli_exit cli_judge_fingerprint(struct cli_judge *j, const struct cli *c)
{
    const char *hex = cli_value(c, "fingerprint");
    if (hex == NULL) {
        return CLI_DONE;
    }
    if (!mse_hex_decode(j->fingerprint, 32, mse_bytes_str(hex))) {
        return cli_trouble(c, "--fingerprint is %s, wanted 64 hexadecimal digits", hex);
    }
    j->has_fingerprint = true;
    j->fingerprint_source = "option";
    return CLI_DONE;
}

/* MRSIGNER out of 64 digits, or of a public key in a file; relative to dir if that is not NULL. */
static enum cli_exit read_signer(uint8_t out[32], const struct cli *c, const char *text,
                                 const char *dir, const char *what)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    if (mse_hex_decode(out, 32, mse_bytes_str(text))) {
        return CLI_DONE;
    }
    char *path = dir == NULL ? strdup(text) : cli_join(dir, text);
    if (path == NULL) {
        return cli_trouble(c, "out of memory");
    }
    mse_status st = cli_file_read(&f, path, SMALL_FILE, &err);
    if (st == MSE_OK) {
        st = mse_mrsigner_of_public_key(out, cli_file_view(&f), &err);
    }
    cli_file_clear(&f);
    if (st != MSE_OK) {
        (void)cli_trouble(c, "%s: %s: %s", what, path,
                          err.text[0] != '\0' ? err.text : mse_status_text(st));
        cli_hint(c, "wanted 64 hexadecimal digits (MRSIGNER) or the PEM of an RSA-3072 public key");
    }
    free(path);
    return st == MSE_OK ? CLI_DONE : CLI_TROUBLE;
}

/* One source of the expected signer. */
static enum cli_exit add_signer(struct cli_judge *j, const struct cli *c, const uint8_t mr[32],
                                const char *source)
{
    if (j->has_signer && !mse_mem_equal(j->signer, mr, 32)) {
        char first[65];
        char second[65];
        mse_hex_encode(first, mse_bytes_of(j->signer, 32));
        mse_hex_encode(second, mse_bytes_of(mr, 32));
        cli_error(c, "the sources of the expected signer disagree: %s says %s, %s says %s",
                  j->signer_source, first, source, second);
        cli_hint(c, "find out which is right: operators.toml is yours, a context is the owner's "
                    "claim");
        return CLI_REFUSED;
    }
    if (!j->has_signer) {
        memcpy(j->signer, mr, 32);
        j->has_signer = true;
        j->signer_source = source;
    }
    return CLI_DONE;
}

static enum cli_exit signer_of_operators(struct cli_judge *j, const struct cli *c, const char *host)
{
    char *path = cli_conf_path("operators.toml");
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    char *signer = NULL;
    uint8_t mr[32];
    if (path == NULL || !cli_file_exists(path)) {
        free(path);
        return CLI_DONE;
    }
    enum cli_exit e = CLI_DONE;
    mse_status st = cli_file_read(&f, path, SMALL_FILE, &err);
    if (st == MSE_OK) {
        st = mse_operators_find(&signer, path, cli_file_view(&f), host, &err);
    }
    if (st != MSE_OK) {
        e = cli_failed(c, st, &err);
    } else if (signer != NULL) {
        char *dir = cli_folder_of(path);
        e = read_signer(mr, c, signer, dir, "operators.toml");
        e = e == CLI_DONE ? add_signer(j, c, mr, "operators") : e;
        free(dir);
    }
    free(signer);
    cli_file_clear(&f);
    free(path);
    return e;
}

enum cli_exit cli_judge_signer(struct cli_judge *j, const struct cli *c, const char *host,
                               const char *claim)
{
    uint8_t mr[32];
    enum cli_exit e = CLI_DONE;
    if (cli_has(c, "signer")) {
        e = read_signer(mr, c, cli_value(c, "signer"), NULL, "--signer");
        e = e == CLI_DONE ? add_signer(j, c, mr, "option") : e;
    }
    if (e == CLI_DONE && host != NULL) {
        e = signer_of_operators(j, c, host);
    }
    if (e == CLI_DONE && claim != NULL && mse_hex_decode(mr, 32, mse_bytes_str(claim))) {
        e = add_signer(j, c, mr, "context");
    }
    return e;
}

enum cli_exit cli_judge_expect(struct cli_judge *j, const struct cli *c)
{
    struct mse_policy *p = &j->policy;
    if (!j->has_fingerprint && !j->has_signer) {
        return CLI_DONE;
    }
    if (!mse_trust_expect(p, j->has_fingerprint ? j->fingerprint : NULL,
                          j->has_signer ? j->signer : NULL)) {
        cli_error(c, "no reference set of the policy agrees with the expected %s",
                  j->has_fingerprint ? "fingerprint and signer" : "signer");
        cli_hint(c, "compare --fingerprint and --signer with [[references]] in the policy");
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

const char *cli_binding_text(const struct mse_verdict *v)
{
    if (!v->accepted) {
        return "nothing is proven: the evidence was refused";
    }
    return mse_level_text(v->binding_level);
}

/* The next step for a refusal; NULL if there is none to name. */
static const char *advice(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED:
    case MSE_ERR_SIMULATION:
        return "a simulated platform is trusted only with --allow-simulation and its root "
               "(--simulation-root)";
    case MSE_ERR_VCEK_ROOT_UNTRUSTED:
        return "the chain must end in AMD's ARK; a simulated one is trusted only with "
               "--allow-simulation and --simulation-root";
    case MSE_ERR_NITRO_ROOT_UNTRUSTED:
        return "the chain must end in AWS's Nitro root; a simulated one is trusted only with "
               "--allow-simulation and --simulation-root";
    case MSE_ERR_NITRO_CERTIFICATE_EXPIRED:
        return "a document is valid for about three hours; --at with the time when it was made "
               "(mse show tells) judges it as of then, which proves no freshness";
    case MSE_ERR_NOTHING_IDENTIFIES:
        return "say which app you expect: --fingerprint, --context with --code, or --signer";
    case MSE_ERR_MRENCLAVE_MISMATCH:
    case MSE_ERR_FINGERPRINT_MISMATCH:
        return "this is another app or another version: ask its owner for the fingerprint, or "
               "recompute it with mse cloud fingerprint";
    case MSE_ERR_MRSIGNER_MISMATCH:
        return "the enclave was signed by somebody else: check --signer and operators.toml";
    case MSE_ERR_BINDING:
    case MSE_ERR_CLAIMS_HASH:
    case MSE_ERR_CERTIFICATE_SIGNATURE:
        return "whoever answered does not hold the enclave's key: somebody may be in the middle; "
               "send nothing there";
    case MSE_ERR_TCB_INFO_MISSING:
    case MSE_ERR_QE_IDENTITY_MISSING:
    case MSE_ERR_PCK_CRL_MISSING:
    case MSE_ERR_ROOT_CRL_MISSING:
    case MSE_ERR_VCEK_MISSING:
    case MSE_ERR_VCEK_CRL_MISSING:
        return "--collateral FILE gives the collateral (of a simulated platform: its "
               "sim/collateral.json)";
    case MSE_ERR_TCB_INFO_EXPIRED:
    case MSE_ERR_QE_IDENTITY_EXPIRED:
    case MSE_ERR_PCK_CRL_EXPIRED:
    case MSE_ERR_ROOT_CRL_EXPIRED:
    case MSE_ERR_VCEK_CRL_EXPIRED:
        return "get newer collateral (--collateral FILE), or judge another time with --at";
    case MSE_ERR_PCK_REVOKED:
    case MSE_ERR_INTERMEDIATE_REVOKED:
    case MSE_ERR_TCB_REVOKED:
        return "this platform is not trusted any more: the operator must replace it";
    case MSE_ERR_MACHINE_NOT_ALLOWED:
        return "this machine is not on your list (--machines, allowed_machines): ask the operator "
               "which machines are his, and take no id from the evidence itself";
    case MSE_ERR_LEVEL:
        return "level 2 needs a server that offers attested sessions (mse-attest/1), level 3 a "
               "list "
               "of machines too; files are level 0";
    case MSE_ERR_SESSION_EXPORTER:
    case MSE_ERR_SESSION_NONCE:
    case MSE_ERR_AUDIT_PATH:
    case MSE_ERR_ROLE:
        return "the evidence is genuine, but not for this connection: somebody is in the middle; "
               "send nothing there";
    case MSE_ERR_CERTIFICATE_EXPIRED:
        return "the app has expired: ask its owner for the new one";
    case MSE_ERR_CERTIFICATE_NAME:
        return "connect with the name that the app was deployed under";
    case MSE_ERR_NO_EVIDENCE:
        return "this is an ordinary certificate; an app in owner or operator mode cannot be "
               "verified so";
    default:
        return NULL;
    }
}

void cli_refusal(const struct cli *c, const struct mse_verdict *v, const struct cli_judge *j)
{
    const struct mse_check *k = mse_verdict_failure(v);
    mse_status st = k == NULL ? v->status : k->status;
    bool code = st == MSE_ERR_MRENCLAVE_MISMATCH || st == MSE_ERR_FINGERPRINT_MISMATCH;
    if (code && j->has_fingerprint) {
        char seen[65];
        char want[65];
        mse_hex_encode(seen, mse_bytes_of(v->fingerprint, 32));
        mse_hex_encode(want, mse_bytes_of(j->fingerprint, 32));
        cli_error(c, "Code fingerprint is wrong (read %s expected %s)", seen, want);
        if (j->fingerprint_source != NULL && strcmp(j->fingerprint_source, "trust") == 0) {
            cli_hint(c, "it was expected because of your earlier verification: mse trust check "
                        "shows what has changed");
        }
    } else if (k == NULL || (k->seen[0] == '\0' && k->wanted[0] == '\0')) {
        cli_error(c, "%s", mse_status_text(st));
    } else if (k->wanted[0] == '\0') {
        cli_error(c, "%s (%s)", mse_status_text(st), k->seen);
    } else {
        cli_error(c, "%s (%s%s%swanted %s)", mse_status_text(st), k->seen[0] == '\0' ? "" : "read ",
                  k->seen, k->seen[0] == '\0' ? "" : ", ", k->wanted);
    }
    if (advice(st) != NULL) {
        cli_hint(c, "%s", advice(st));
    } else if (k != NULL && k->policy_key != NULL) {
        cli_hint(c, "%s in a policy (--policy FILE) would change this", k->policy_key);
    }
}

json_t *cli_verdict_json(const struct mse_verdict *v)
{
    size_t cap = (size_t)64 * 1024;
    char *text = malloc(cap);
    json_t *out = NULL;
    if (text != NULL && mse_verdict_to_json(text, cap, v) == MSE_OK) {
        out = json_loads(text, 0, NULL);
    }
    free(text);
    if (out != NULL) {
        (void)json_object_set_new(out, "binding_text", json_string(cli_binding_text(v)));
    }
    return out;
}
