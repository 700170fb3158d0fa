/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal of a SEV-SNP report or of a Nitro document beside the public-key operations of
 * OpenSSL in it: the linker puts a clock around those, so that floor and figure are of one call.
 * Exit status 1: a ratio is beyond its limit.
 *
 * usage: bench_vendor snp NAME TIME REPORT VCEK ASK ARK CRL
 *        bench_vendor nitro NAME TIME DOCUMENT */
#include <mse/appraiser.h>

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"

#define RUNS  41U
#define CALLS 8U /* per run */

/* Seconds and calls inside OpenSSL since the run began. */
static double inside;
static unsigned num_inside;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's names */
int __real_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key);
int __wrap_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key);
int __real_RSA_public_decrypt(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
                              int padding);
int __wrap_RSA_public_decrypt(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
                              int padding);

int __wrap_ECDSA_do_verify(const unsigned char *digest, int len, const ECDSA_SIG *sig, EC_KEY *key)
{
    double begin = bench_cpu_seconds();
    int good = __real_ECDSA_do_verify(digest, len, sig, key);
    inside += bench_cpu_seconds() - begin;
    num_inside++;
    return good;
}

int __wrap_RSA_public_decrypt(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
                              int padding)
{
    double begin = bench_cpu_seconds();
    int got = __real_RSA_public_decrypt(len, from, to, rsa, padding);
    inside += bench_cpu_seconds() - begin;
    num_inside++;
    return got;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*): as above */

struct inputs {
    bool nitro;
    struct mse_bytes evidence;
    struct mse_collateral collateral;
    const struct mse_collateral *used;
    struct mse_policy policy;
    mse_time at;
};

static void appraise(const struct inputs *in)
{
    static struct mse_verdict v;
    mse_status st = in->nitro
                        ? mse_appraise_nitro(&v, in->evidence, &in->policy, in->at, NULL)
                        : mse_appraise_snp(&v, in->evidence, in->used, &in->policy, in->at, NULL);
    if (st != MSE_OK) {
        bench_die("the evidence is refused", mse_status_name(st));
    }
}

/* One pair: an appraisal, and what of it was spent inside OpenSSL. */
static void run(const struct inputs *in, struct bench_series s[2])
{
    inside = 0;
    num_inside = 0;
    double begin = bench_cpu_seconds();
    for (unsigned i = 0; i < CALLS; i++) {
        appraise(in);
    }
    bench_add(&s[0], (bench_cpu_seconds() - begin) / CALLS * 1e6);
    bench_add(&s[1], inside / CALLS * 1e6);
}

static bool report(const char *kind, const char *state, const char *input, const struct inputs *in)
{
    struct bench_series s[2] = { { 0 }, { 0 } };
    char name[64];
    char extra[256];
    for (unsigned i = 0; i < RUNS; i++) {
        run(in, s);
    }
    (void)snprintf(name, sizeof name, "appraisal_%s_%s", kind, state);
    (void)snprintf(extra, sizeof extra,
                   ",\"input\":\"%s\",\"verifications\":%u,\"ratio_target\":1.15", input,
                   num_inside / CALLS);
    struct bench_figure f = { name, "us", "the whole appraisal",
                              "the public-key operations of OpenSSL in it", extra };
    return bench_report(&f, &s[0], &s[1]) > 2 * 1.15;
}

static bool bench_snp(const char *input, struct inputs *in, char **files)
{
    struct mse_build chain;
    mse_build_heap(&chain, (size_t)1 << 16);
    for (size_t i = 2; i < 4; i++) {
        struct mse_bytes der = bench_read_file(files[i]);
        mse_wr_bytes(&chain, der);
        bench_free(der);
    }
    in->collateral.vcek = bench_read_file(files[1]);
    in->collateral.vcek_issuer_chain = mse_build_view(&chain);
    in->collateral.vcek_crl = bench_read_file(files[4]);
    in->policy.max_vmpl = 3;
    in->policy.allow_smt = true;
    in->policy.allow_migration = true;
    in->used = &in->collateral;
    bool missed = report("snp", "cold", input, in);
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    if (a == NULL || mse_appraiser_collateral(a, &in->used, &in->collateral, NULL) != MSE_OK) {
        bench_die("no appraiser", input);
    }
    missed = report("snp", "warm", input, in) || missed;
    mse_appraiser_release(in->used);
    mse_appraiser_free(a);
    mse_build_clear(&chain);
    bench_free(in->collateral.vcek);
    bench_free(in->collateral.vcek_crl);
    return missed;
}

int main(int argc, char **argv)
{
    static struct inputs in;
    if (argc < 5) {
        bench_die("usage", "bench_vendor snp|nitro NAME TIME FILE...");
    }
    in.nitro = strcmp(argv[1], "nitro") == 0;
    if (argc != (in.nitro ? 5 : 9)) {
        bench_die("usage", "bench_vendor snp NAME TIME REPORT VCEK ASK ARK CRL");
    }
    uint64_t at = 0;
    if (!mse_u64_parse(&at, mse_bytes_str(argv[3]), INT64_MAX)) {
        bench_die("no time", argv[3]);
    }
    in.at = (mse_time)at;
    in.evidence = bench_read_file(argv[4]);
    mse_policy_default(&in.policy);
    in.policy.insecure_any_app = true;
    bool missed =
        in.nitro ? report("nitro", "cold", argv[2], &in) : bench_snp(argv[2], &in, argv + 4);
    bench_free(in.evidence);
    return missed ? 1 : 0;
}
