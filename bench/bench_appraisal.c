/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal of one quote beside its floor: the ECDSA verifications that it made, alone, on the
 * same keys, signatures and digests. Exit status 1: a ratio is beyond its limit.
 *
 * usage: bench_appraisal NAME CASE TIME [ROOT.pem]    the figures
 *        bench_appraisal --once CASE TIME [ROOT.pem]  one appraisal; prints its CPU seconds
 *        bench_appraisal --once-floor FILE            the verifications alone, likewise
 *
 * The last two are this program's own children: a fresh process for every cold figure. */
#include <mse/appraiser.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"

#define WARM_RUNS  41U
#define WARM_CALLS 40U /* per run */
#define COLD_RUNS  31U
#define MAX_VERIFY 64U
#define POINT_LEN  65U
#define SIG_LEN    64U
#define DIGEST_LEN 32U
#define RECORD_LEN (POINT_LEN + SIG_LEN + DIGEST_LEN)
#define NUM_FILES  8U
#define PATH_LEN   4096U

/* One verification as the appraisal asked for it. */
struct verification {
    EC_KEY *key;
    ECDSA_SIG *sig;
    uint8_t digest[DIGEST_LEN];
};

static struct verification seen[MAX_VERIFY];
static size_t num_seen;
static bool recording;
static const char *kind; /* of the evidence, in the names of the figures */

/* The linker puts this around OpenSSL's function: what is counted is what was done. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's names */
int __real_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key);
int __wrap_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*): as above */

static void record(const unsigned char *digest, int len, const ECDSA_SIG *sig, const EC_KEY *key)
{
    if (num_seen == MAX_VERIFY || len != DIGEST_LEN) {
        bench_die("cannot record", "ECDSA_do_verify");
    }
    struct verification *v = &seen[num_seen];
    v->key = EC_KEY_dup(key);
    v->sig = ECDSA_SIG_new();
    if (v->key == NULL || v->sig == NULL ||
        ECDSA_SIG_set0(v->sig, BN_dup(ECDSA_SIG_get0_r(sig)), BN_dup(ECDSA_SIG_get0_s(sig))) != 1) {
        bench_die("out of memory", "record");
    }
    memcpy(v->digest, digest, DIGEST_LEN);
    num_seen++;
}

int __wrap_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key)
{
    if (recording) {
        record(digest, len, sig, key);
    }
    return __real_ECDSA_do_verify(digest, len, sig, key);
}

struct inputs {
    struct mse_bytes files[NUM_FILES];
    struct mse_bytes quote;
    struct mse_collateral collateral;
    const struct mse_collateral *used; /* that, or an appraiser's copy */
    struct mse_policy policy;
    mse_time at;
};

static struct mse_bytes read_in(const char *dir, const char *name)
{
    char path[PATH_LEN];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        bench_die("path too long", dir);
    }
    return bench_read_file(path);
}

static mse_time parse_time(const char *text)
{
    uint64_t v = 0;
    if (!mse_u64_parse(&v, mse_bytes_str(text), INT64_MAX)) {
        bench_die("not a time in seconds", text);
    }
    return (mse_time)v;
}

/* Everything that the case's platform may be is accepted: the time is what counts here. */
static void set_policy(struct mse_policy *p, const char *root_pem)
{
    mse_policy_default(p);
    for (unsigned s = MSE_TCB_UP_TO_DATE; s < MSE_TCB_REVOKED; s++) {
        p->accepted_tcb_statuses |= MSE_TCB_BIT(s);
    }
    p->insecure_any_advisory = true;
    p->insecure_any_app = true;
    p->allow_mixed_evaluation_numbers = true;
    p->allow_debug = true;
    p->allow_sample_signer = true;
    p->allow_smt = true;
    if (root_pem == NULL) {
        return;
    }
    struct mse_bytes pem = bench_read_file(root_pem);
    mse_status st = mse_simulation_root_of_pem(p->simulation_root, pem, NULL);
    if (st != MSE_OK) {
        bench_die("simulated root", mse_status_name(st));
    }
    p->allow_simulation = true;
    bench_free(pem);
}

static void load(struct inputs *in, const char *dir, const char *time, const char *root_pem)
{
    static const char *const names[NUM_FILES] = {
        "tcb_info.json",    "tcb_info.sig",    "tcb_info_issuer_chain.pem",
        "qe_identity.json", "qe_identity.sig", "qe_identity_issuer_chain.pem",
        "pck_crl.der",      "root_ca_crl.der",
    };
    struct mse_collateral *c = &in->collateral;
    struct mse_bytes *const members[NUM_FILES] = {
        &c->tcb_info,    &c->tcb_info_signature,    &c->tcb_info_issuer_chain,
        &c->qe_identity, &c->qe_identity_signature, &c->qe_identity_issuer_chain,
        &c->pck_crl,     &c->root_ca_crl,
    };
    memset(c, 0, sizeof *c);
    in->used = c;
    for (size_t i = 0; i < NUM_FILES; i++) {
        in->files[i] = read_in(dir, names[i]);
        *members[i] = in->files[i];
    }
    in->quote = read_in(dir, "quote.bin");
    in->at = parse_time(time);
    set_policy(&in->policy, root_pem);
}

static void unload(struct inputs *in)
{
    for (size_t i = 0; i < NUM_FILES; i++) {
        bench_free(in->files[i]);
    }
    bench_free(in->quote);
}

static const struct mse_verdict *appraise(const struct inputs *in)
{
    static struct mse_verdict v;
    struct mse_error err = { 0 };
    if (mse_appraise_quote(&v, in->quote, in->used, &in->policy, in->at, &err) != MSE_OK) {
        bench_die("the quote is refused", err.text);
    }
    return &v;
}

/* From now on the app is identified, as it is where somebody relies on a verdict. */
static void want_app(struct inputs *in)
{
    const struct mse_verdict *v = appraise(in);
    struct mse_reference *r = &in->policy.references[0];
    r->has_fingerprint = true;
    memcpy(r->fingerprint, v->fingerprint, sizeof r->fingerprint);
    in->policy.num_references = 1;
    in->policy.insecure_any_app = false;
}

static void verify_all(void)
{
    for (size_t i = 0; i < num_seen; i++) {
        if (__real_ECDSA_do_verify(seen[i].digest, DIGEST_LEN, seen[i].sig, seen[i].key) != 1) {
            bench_die("a recorded signature", "does not verify");
        }
    }
}

static double time_warm(const struct inputs *in)
{
    double begin = bench_cpu_seconds();
    for (unsigned i = 0; i < WARM_CALLS; i++) {
        (void)appraise(in);
    }
    return (bench_cpu_seconds() - begin) / WARM_CALLS;
}

/* The same with the keys built from their points: one object of OpenSSL's for all of them, which is
 * the least that it takes. */
static uint8_t points[MAX_VERIFY][POINT_LEN];

static void keep_points(void)
{
    for (size_t i = 0; i < num_seen; i++) {
        const EC_KEY *k = seen[i].key;
        if (EC_POINT_point2oct(EC_KEY_get0_group(k), EC_KEY_get0_public_key(k),
                               POINT_CONVERSION_UNCOMPRESSED, points[i], POINT_LEN,
                               NULL) != POINT_LEN) {
            bench_die("a recorded key", "has no point");
        }
    }
}

static void verify_all_from_points(void)
{
    EC_KEY *k = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    for (size_t i = 0; i < num_seen; i++) {
        if (EC_KEY_oct2key(k, points[i], POINT_LEN, NULL) != 1 ||
            __real_ECDSA_do_verify(seen[i].digest, DIGEST_LEN, seen[i].sig, k) != 1) {
            bench_die("a recorded signature", "does not verify");
        }
    }
    EC_KEY_free(k);
}

static double time_floor(void (*verify)(void))
{
    double begin = bench_cpu_seconds();
    for (unsigned i = 0; i < WARM_CALLS; i++) {
        verify();
    }
    return (bench_cpu_seconds() - begin) / WARM_CALLS;
}

/* ---- the children */

static int once(const char *dir, const char *time, const char *root_pem)
{
    static struct inputs in;
    double begin = bench_cpu_seconds();
    load(&in, dir, time, root_pem);
    (void)appraise(&in);
    (void)printf("%.9f\n", bench_cpu_seconds() - begin);
    unload(&in);
    return 0;
}

static void read_verification(struct mse_bytes *in)
{
    struct verification *v = &seen[num_seen];
    struct mse_bytes point = { NULL, 0 };
    struct mse_bytes r = { NULL, 0 };
    struct mse_bytes s = { NULL, 0 };
    if (num_seen == MAX_VERIFY || !mse_rd_bytes(in, &point, POINT_LEN) ||
        !mse_rd_bytes(in, &r, SIG_LEN / 2) || !mse_rd_bytes(in, &s, SIG_LEN / 2) ||
        !mse_rd_copy(in, v->digest, DIGEST_LEN)) {
        bench_die("malformed", "verifications");
    }
    v->key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    v->sig = ECDSA_SIG_new();
    if (v->key == NULL || v->sig == NULL ||
        EC_KEY_oct2key(v->key, point.data, point.len, NULL) != 1 ||
        ECDSA_SIG_set0(v->sig, BN_bin2bn(r.data, (int)r.len, NULL),
                       BN_bin2bn(s.data, (int)s.len, NULL)) != 1) {
        bench_die("not a P-256 signature", "verifications");
    }
    num_seen++;
}

static void forget_verifications(void)
{
    for (size_t i = 0; i < num_seen; i++) {
        EC_KEY_free(seen[i].key);
        ECDSA_SIG_free(seen[i].sig);
    }
    num_seen = 0;
}

static int once_floor(const char *path)
{
    double begin = bench_cpu_seconds();
    struct mse_bytes file = bench_read_file(path);
    struct mse_bytes rest = file;
    while (rest.len > 0) {
        read_verification(&rest);
    }
    verify_all();
    (void)printf("%.9f\n", bench_cpu_seconds() - begin);
    forget_verifications();
    bench_free(file);
    return 0;
}

/* ---- the parent */

static void write_verifications(const char *path)
{
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;
    for (size_t i = 0; ok && i < num_seen; i++) {
        uint8_t raw[RECORD_LEN];
        const struct verification *v = &seen[i];
        const EC_GROUP *group = EC_KEY_get0_group(v->key);
        ok = EC_GROUP_get_curve_name(group) == NID_X9_62_prime256v1 &&
             EC_POINT_point2oct(group, EC_KEY_get0_public_key(v->key),
                                POINT_CONVERSION_UNCOMPRESSED, raw, POINT_LEN, NULL) == POINT_LEN &&
             BN_bn2binpad(ECDSA_SIG_get0_r(v->sig), raw + POINT_LEN, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(v->sig), raw + POINT_LEN + 32, 32) == 32;
        memcpy(raw + POINT_LEN + SIG_LEN, v->digest, DIGEST_LEN);
        ok = ok && fwrite(raw, 1, RECORD_LEN, f) == RECORD_LEN;
    }
    if (!ok || fclose(f) != 0) {
        bench_die("cannot write", path);
    }
}

/* Runs this program with argv and returns the number that it prints. */
static double run_child(char *const argv[])
{
    int fds[2];
    if (pipe(fds) != 0) {
        bench_die("pipe", "child");
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)execv("/proc/self/exe", argv);
        _exit(127);
    }
    (void)close(fds[1]);
    char text[64] = "";
    FILE *f = fdopen(fds[0], "r");
    bool got = pid > 0 && f != NULL && fgets(text, sizeof text, f) != NULL;
    int status = 0;
    if (!got || waitpid(pid, &status, 0) != pid || status != 0) {
        bench_die("a child failed", argv[1]);
    }
    (void)fclose(f);
    return strtod(text, NULL);
}

struct figure {
    const char *name;
    const char *what;
    const char *floor;
    const char *input;
    bool memo;
    double target; /* 0: a baseline */
};

static bool missed;

/* Beyond twice what is wanted above 1 something is broken; less may be the neighbours' load. */
static void report(const struct figure *g, struct bench_series series[2])
{
    char name[64];
    char extra[512];
    double limit = g->target > 0 ? 1 + 2 * (g->target - 1) : 0;
    (void)snprintf(name, sizeof name, "appraisal_%s_%s", kind, g->name);
    (void)snprintf(extra, sizeof extra,
                   ",\"floor_verifications\":%zu,\"memo\":%s,\"input\":\"%s\""
                   ",\"ratio_target\":%.2f,\"ratio_limit\":%.2f",
                   num_seen, g->memo ? "true" : "false", g->input, g->target, limit);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < series[k].num; i++) {
            series[k].values[i] *= 1e6;
        }
    }
    struct bench_figure f = { name, "us", g->what, g->floor, extra };
    double ratio = bench_report(&f, &series[0], &series[1]);
    missed = missed || (limit > 0 && ratio > limit);
}

static void bench_cold(const char *input, char *dir, char *time, char *root_pem)
{
    char path[] = "/tmp/mse-bench-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) {
        bench_die("cannot make", path);
    }
    write_verifications(path);
    char self[] = "bench_appraisal";
    char mode[] = "--once";
    char floor_mode[] = "--once-floor";
    char *const argv[] = { self, mode, dir, time, root_pem, NULL };
    char *const floor_argv[] = { self, floor_mode, path, NULL };
    struct bench_series s[2] = { { 0 }, { 0 } };
    for (unsigned i = 0; i < COLD_RUNS; i++) {
        bench_add(&s[0], run_child(argv));
        bench_add(&s[1], run_child(floor_argv));
    }
    (void)unlink(path);
    const struct figure f = {
        "process",
        "first appraisal of a fresh process: files read, OpenSSL started, verdict",
        "the same P-256 verifications, first in a fresh process, keys built from points",
        input,
        false,
        0
    };
    report(&f, s);
}

static void bench_pairs(const struct figure *f, const struct inputs *in, void (*floor)(void))
{
    struct bench_series s[2] = { { 0 }, { 0 } };
    for (unsigned i = 0; i < WARM_RUNS; i++) {
        bench_add(&s[0], time_warm(in));
        bench_add(&s[1], time_floor(floor));
    }
    report(f, s);
}

static void bench_all(const char *input, const struct inputs *in)
{
    const struct figure f = { "cold",
                              "the whole appraisal, everything verified, nothing remembered",
                              "the same P-256 verifications alone, keys built from points",
                              input,
                              false,
                              1.15 };
    bench_pairs(&f, in, verify_all_from_points);
}

/* Resident pages, in KiB. */
static double resident(void)
{
    unsigned long long size = 0;
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%llu %llu", &size, &pages) != 2) { /* NOLINT(cert-err34-c) */
        bench_die("cannot read", "/proc/self/statm");
    }
    (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

#define MANY 1000000U
#define SOME 10000U /* by then all is touched that one appraisal touches */

static void appraise_many(const struct inputs *in, unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        (void)appraise(in);
    }
}

static void bench_memory(const char *input, const struct inputs *in)
{
    struct bench_series s[2] = { { 0 }, { 0 } };
    char extra[128];
    char name[64];
    appraise_many(in, SOME);
    (void)resident(); /* touches memory for the first time itself: 64 KiB around its code */
    bench_add(&s[1], resident());
    appraise_many(in, MANY - SOME);
    bench_add(&s[0], resident());
    (void)snprintf(name, sizeof name, "appraisal_%s_memory", kind);
    (void)snprintf(extra, sizeof extra, ",\"appraisals\":%u,\"input\":\"%s\"", MANY, input);
    struct bench_figure f = { name, "KiB", "resident memory behind a million known appraisals",
                              "the same behind the first ten thousand", extra };
    missed = bench_report(&f, &s[0], &s[1]) > 1.001 || missed;
}

#define BATCH 512U

static double time_batch(struct mse_appraisal *list, unsigned threads)
{
    struct timespec a;
    struct timespec b;
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    if (mse_appraise_batch(list, BATCH, threads) != BATCH) {
        bench_die("the batch", "is refused");
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &b);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
}

static void bench_batch(const char *input, const struct inputs *in)
{
    struct mse_verdict *v = bench_alloc(BATCH * sizeof *v);
    struct mse_appraisal list[BATCH];
    struct bench_series s[2] = { { 0 }, { 0 } };
    for (size_t i = 0; i < BATCH; i++) {
        struct mse_appraisal one = { .evidence = in->quote,
                                     .collateral = in->used,
                                     .policy = &in->policy,
                                     .at = in->at,
                                     .verdict = &v[i] };
        list[i] = one;
    }
    for (unsigned i = 0; i < WARM_RUNS; i++) {
        bench_add(&s[0], BATCH / time_batch(list, 2));
        bench_add(&s[1], BATCH / time_batch(list, 1));
    }
    char extra[64];
    char name[64];
    (void)snprintf(name, sizeof name, "appraisal_%s_batch", kind);
    (void)snprintf(extra, sizeof extra, ",\"input\":\"%s\",\"ratio_target\":1.90", input);
    struct bench_figure f = { name, "1/s", "known appraisals in batches on two threads",
                              "the same on one thread", extra };
    (void)bench_report(&f, &s[0], &s[1]);
    free(v);
}

/* One key, built beforehand, and one signature: all that an appraisal of a known platform needs. */
static void verify_one(void)
{
    if (__real_ECDSA_do_verify(seen[0].digest, DIGEST_LEN, seen[0].sig, seen[0].key) != 1) {
        bench_die("a recorded signature", "does not verify");
    }
}

static void bench_known(const char *input, struct inputs *in)
{
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    if (a == NULL || mse_appraiser_collateral(a, &in->used, &in->collateral, NULL) != MSE_OK) {
        bench_die("no appraiser", input);
    }
    (void)appraise(in);
    forget_verifications();
    recording = true;
    (void)appraise(in);
    recording = false;
    const struct figure f = { "warm",
                              "the appraisal of a new quote of a known platform, by an appraiser",
                              "one P-256 verification alone, the key built beforehand",
                              input,
                              true,
                              1.10 };
    bench_pairs(&f, in, verify_one);
    bench_batch(input, in);
    if (!mse_quote_is_tdx(in->quote)) { /* it takes a minute, and says the same of both */
        bench_memory(input, in);
    }
    mse_appraiser_release(in->used);
    mse_appraiser_free(a);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--once-floor") == 0) {
        return once_floor(argv[2]);
    }
    if (argc != 4 && argc != 5) {
        bench_die("usage", "bench_appraisal NAME CASE TIME [ROOT.pem]");
    }
    char *root_pem = argc == 5 ? argv[4] : NULL;
    if (strcmp(argv[1], "--once") == 0) {
        return once(argv[2], argv[3], root_pem);
    }
    static struct inputs in;
    load(&in, argv[2], argv[3], root_pem);
    want_app(&in);
    recording = true;
    (void)appraise(&in);
    recording = false;
    keep_points();
    kind = mse_quote_is_tdx(in.quote) ? "tdx" : "sgx";
    bench_cold(argv[1], argv[2], argv[3], root_pem);
    bench_all(argv[1], &in);
    bench_known(argv[1], &in);
    forget_verifications();
    unload(&in);
    return missed ? 1 : 0;
}
