/* SPDX-License-Identifier: Apache-2.0 */
/* usage: bench_simulate DIR
 * Makes a simulated platform in DIR/platform and a case beside it for bench_appraisal, for machines
 * without field evidence. Prints the time of its issue. */
#include <mse/collateral.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/build.h"
#include "base/bytes.h"
#include "bench.h"
#include "sim/platform.h"

#define PATH_LEN  4096U
#define QUOTE_MAX ((size_t)64 * 1024)

static void must(mse_status st, const char *what)
{
    if (st != MSE_OK) {
        bench_die(what, mse_status_name(st));
    }
}

static void path_of(char out[PATH_LEN], const char *dir, const char *name)
{
    if (snprintf(out, PATH_LEN, "%s/%s", dir, name) >= (int)PATH_LEN) {
        bench_die("path too long", dir);
    }
}

static void write_in(const char *dir, const char *name, struct mse_bytes content)
{
    char path[PATH_LEN];
    path_of(path, dir, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(content.data, 1, content.len, f) != content.len || fclose(f) != 0) {
        bench_die("cannot write", path);
    }
}

static void write_collateral(const char *dir, const char *platform)
{
    char path[PATH_LEN];
    path_of(path, platform, "collateral.json");
    struct mse_bytes json = bench_read_file(path);
    uint8_t *scratch = malloc(2 * json.len);
    struct mse_bundle b;
    must(scratch == NULL ? MSE_ERR_MEMORY : mse_bundle_parse(&b, scratch, 2 * json.len, json, NULL),
         "collateral.json");
    const struct mse_collateral *c = &b.collateral;
    write_in(dir, "tcb_info.json", c->tcb_info);
    write_in(dir, "tcb_info.sig", c->tcb_info_signature);
    write_in(dir, "tcb_info_issuer_chain.pem", c->tcb_info_issuer_chain);
    write_in(dir, "qe_identity.json", c->qe_identity);
    write_in(dir, "qe_identity.sig", c->qe_identity_signature);
    write_in(dir, "qe_identity_issuer_chain.pem", c->qe_identity_issuer_chain);
    write_in(dir, "pck_crl.der", c->pck_crl);
    write_in(dir, "root_ca_crl.der", c->root_ca_crl);
    free(scratch);
    bench_free(json);
}

static void write_quote(const char *dir, const char *platform)
{
    struct mse_sim_platform *p = NULL;
    struct mse_sim_report r = { .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT };
    struct mse_build quote;
    mse_build_heap(&quote, QUOTE_MAX);
    must(mse_sim_load(&p, platform, NULL), "mse_sim_load");
    must(mse_sim_quote(p, &quote, &r, NULL), "mse_sim_quote");
    write_in(dir, "quote.bin", mse_build_view(&quote));
    mse_build_clear(&quote);
    mse_sim_free(p);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        bench_die("usage", "bench_simulate DIR");
    }
    char platform[PATH_LEN];
    path_of(platform, argv[1], "platform");
    struct mse_sim_options o = { .now = (mse_time)time(NULL) };
    must(mse_sim_init(platform, &o, NULL), "mse_sim_init");
    write_collateral(argv[1], platform);
    write_quote(argv[1], platform);
    (void)printf("%lld\n", (long long)o.now);
    return 0;
}
