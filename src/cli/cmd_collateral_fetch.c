/* SPDX-License-Identifier: Apache-2.0 */
/* mse collateral fetch: what one piece of evidence, or one kind of platform, needs. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/collateral.h"
#include "cli/target.h"

#define TOTAL_MS 60000U
#define ATTEMPTS 4U

static enum cli_exit check_usage(const struct cli *c)
{
    int given = (int)cli_has(c, "quote") + (int)cli_has(c, "snp") + (int)cli_has(c, "fmspc");
    if (given != 1) {
        (void)cli_trouble(c, "wanted one of --quote, --snp and --fmspc");
        cli_hint(c, "--quote FILE takes a quote, a certificate or a bundle; --fmspc HEX --tee sgx "
                    "asks for a kind of platform");
        return CLI_TROUBLE;
    }
    if (cli_has(c, "fmspc") != cli_has(c, "tee")) {
        return cli_trouble(c, "--fmspc and --tee go together");
    }
    if (cli_has(c, "early") && cli_has(c, "evaluation-number")) {
        return cli_trouble(c, "--early and --evaluation-number exclude each other");
    }
    return CLI_DONE;
}

static enum cli_exit need_of_options(struct mse_need *n, struct cli_judge *j, const struct cli *c)
{
    struct mse_need need = { .tee = MSE_TEE_SGX, .ca = MSE_FETCH_CA_PLATFORM };
    const char *tee = cli_value(c, "tee");
    const char *ca = cli_has(c, "ca") ? cli_value(c, "ca") : "platform";
    if (!mse_hex_decode(need.fmspc, sizeof need.fmspc, mse_bytes_str(cli_value(c, "fmspc")))) {
        return cli_trouble(c, "--fmspc is %s, wanted 12 hexadecimal digits", cli_value(c, "fmspc"));
    }
    if (strcmp(tee, "tdx") == 0) {
        need.tee = MSE_TEE_TDX;
    } else if (strcmp(tee, "sgx") != 0) {
        return cli_trouble(c, "--tee is %s, wanted sgx or tdx", tee);
    }
    if (strcmp(ca, "processor") == 0) {
        need.ca = MSE_FETCH_CA_PROCESSOR;
    } else if (strcmp(ca, "platform") != 0) {
        return cli_trouble(c, "--ca is %s, wanted platform or processor", ca);
    }
    /* No evidence tells under which root: simulation allowed means simulation wanted. */
    j->own.store.offline = j->own.offline;
    if (j->policy.allow_simulation) {
        j->own.store.config.root_point = j->policy.simulation_root;
    }
    *n = need;
    return CLI_DONE;
}

static enum cli_exit need_of_file(struct mse_need *n, struct cli_target *t, struct cli_judge *j,
                                  const struct cli *c)
{
    const char *name = cli_has(c, "quote") ? cli_value(c, "quote") : cli_value(c, "snp");
    struct mse_error err = { 0 };
    mse_status st = cli_target_open(t, c, name, &err);
    if (st != MSE_OK) {
        return cli_target_failed(c, name, st, &err);
    }
    struct mse_bytes evidence = cli_target_evidence(t);
    if (evidence.len == 0) {
        return cli_trouble(c, "%s holds no evidence (%s)", name, cli_target_kind_text(t));
    }
    st = cli_own_need(n, &j->own, evidence, &err);
    if (st != MSE_OK) {
        (void)cli_target_failed(c, name, st, &err);
        if (st == MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED) {
            cli_hint(c,
                     "a simulated platform needs --allow-simulation, and --pccs URL of a service "
                     "that knows it");
        }
        return CLI_REFUSED;
    }
    return CLI_DONE;
}

static enum cli_exit read_update(struct mse_need *n, const struct cli *c)
{
    const char *number = cli_value(c, "evaluation-number");
    uint64_t v = 0;
    n->update = cli_has(c, "early") ? MSE_FETCH_EARLY : MSE_FETCH_STANDARD;
    if (number == NULL) {
        return CLI_DONE;
    }
    if (!mse_u64_parse(&v, mse_bytes_str(number), UINT32_MAX)) {
        return cli_trouble(c, "--evaluation-number is %s, wanted a number", number);
    }
    n->update = MSE_FETCH_NUMBERED;
    n->evaluation_number = (uint32_t)v;
    return CLI_DONE;
}

static const char *advice(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_NOT_FOUND:
        return "is the FMSPC right, and does this service know it? --offline uses the cache only";
    case MSE_ERR_IO:
    case MSE_ERR_TIMEOUT:
        return "--pccs URL or --kds URL asks another service, --proxy URL goes through a proxy, "
               "--timeout SECONDS waits longer";
    case MSE_ERR_PROTOCOL:
        return "something else seems to answer there: compare --pccs, --proxy and --pccs-ca";
    case MSE_ERR_UNSUPPORTED:
        return "the Debian package is libcurl4";
    default:
        return "what came is not genuine, not in date, or not what was asked for: it was not kept; "
               "a "
               "simulated platform needs --allow-simulation";
    }
}

static bool is_transport(mse_status st)
{
    return st == MSE_ERR_NOT_FOUND || st == MSE_ERR_IO || st == MSE_ERR_TIMEOUT ||
           st == MSE_ERR_PROTOCOL || st == MSE_ERR_UNSUPPORTED || st == MSE_ERR_MEMORY ||
           st == MSE_ERR_NO_SPACE;
}

static enum cli_exit report(const struct cli *c, const struct cli_judge *j,
                            const struct cli_collateral *k)
{
    const char *path = cli_value(c, "output");
    json_t *o = cli_collateral_json(&k->bundle, &j->policy, j->at);
    if (c->json) {
        (void)json_object_set_new(o, "source", json_string(k->source));
        (void)json_object_set_new(o, "output", path == NULL ? json_null() : json_string(path));
        cli_json(c, o);
        return CLI_DONE;
    }
    cli_collateral_say(c, o);
    json_decref(o);
    cli_say(c, "source: %s", k->source);
    if (path != NULL) {
        cli_say(c, "The collateral has been saved at: %s", path);
    }
    return CLI_DONE;
}

static enum cli_exit fetch(struct cli_judge *j, const struct cli *c, struct mse_need *need)
{
    const char *path = cli_value(c, "output");
    struct cli_collateral k = { 0 };
    struct mse_error err = { 0 };
    j->own.store.refresh = !j->own.store.offline;
    mse_status st = cli_own_get(&k, &j->own, need, &err);
    if (st != MSE_OK) {
        (void)cli_failed(c, st, &err);
        cli_hint(c, "%s", advice(st));
        return is_transport(st) ? CLI_TROUBLE : CLI_REFUSED;
    }
    enum cli_exit e = CLI_DONE;
    if (path != NULL && strcmp(path, "-") == 0) {
        (void)fwrite(k.file.data, 1, k.file.len, stdout);
    } else {
        st = path == NULL ? MSE_OK : cli_file_write(path, cli_file_view(&k.file), 0644, &err);
        e = st == MSE_OK ? report(c, j, &k) : cli_failed(c, st, &err);
    }
    cli_collateral_clear(&k);
    return e;
}

enum cli_exit cmd_collateral_fetch(struct cli *c)
{
    struct cli_judge *j = calloc(1, sizeof *j);
    struct cli_target t = { .name = NULL };
    struct mse_need need = { .tee = MSE_TEE_NONE };
    enum cli_exit e = j == NULL ? CLI_TROUBLE : check_usage(c);
    e = e == CLI_DONE ? cli_judge_init(j, c) : e;
    if (e == CLI_DONE) {
        e = cli_has(c, "fmspc") ? need_of_options(&need, j, c) : need_of_file(&need, &t, j, c);
    }
    e = e == CLI_DONE ? read_update(&need, c) : e;
    if (e == CLI_DONE) {
        j->own.store.config.attempts = ATTEMPTS;
        if (!cli_has(c, "timeout")) {
            j->own.store.config.total_ms = TOTAL_MS;
        }
        e = fetch(j, c, &need);
    }
    cli_target_close(&t);
    if (j != NULL) {
        cli_judge_clear(j);
    }
    free(j);
    return e;
}
