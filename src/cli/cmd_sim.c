/* SPDX-License-Identifier: Apache-2.0 */
/* mse sim init and mse sim show. Running a project is cmd_sim_run.c. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cmd/files.h"
#include "sim/platform.h"

static char *platform_dir(const struct cli *c)
{
    return cli_has(c, "dir") ? strdup(cli_value(c, "dir")) : cli_conf_path("sim");
}

static bool read_options(struct mse_sim_options *o, const struct cli *c)
{
    const char *word = cli_value(c, "tcb-status");
    const char *number = cli_value(c, "evaluation-number");
    uint64_t n = 0;
    o->now = (mse_time)time(NULL);
    o->revoke_pck = cli_has(c, "revoke-pck");
    o->no_counter = cli_has(c, "no-counter");
    o->beside = cli_value(c, "beside");
    o->expired_tcb_info = cli_has(c, "expired-tcb-info");
    if (number != NULL && (!mse_u64_parse(&n, mse_bytes_str(number), UINT32_MAX) || n == 0)) {
        (void)cli_trouble(c, "--evaluation-number is %s, wanted a number from 1 on", number);
        return false;
    }
    o->evaluation_number = (uint32_t)n;
    if (word != NULL && !mse_tcb_status_parse(&o->status, mse_bytes_str(word))) {
        (void)cli_trouble(c,
                          "--tcb-status is %s, wanted UpToDate, SWHardeningNeeded, "
                          "ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDate, "
                          "OutOfDateConfigurationNeeded or Revoked",
                          word);
        return false;
    }
    return true;
}

enum cli_exit cmd_sim_init(struct cli *c)
{
    struct mse_sim_options o = { 0 };
    struct mse_error err = { 0 };
    if (!read_options(&o, c)) {
        return CLI_TROUBLE;
    }
    char *dir = platform_dir(c);
    if (dir == NULL) {
        return cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME, or use --dir");
    }
    bool refresh = cli_has(c, "refresh");
    if (refresh && (o.no_counter || o.beside != NULL)) {
        free(dir);
        return cli_trouble(c, "--refresh and --%s exclude each other",
                           o.no_counter ? "no-counter" : "beside");
    }
    mse_status st = refresh ? MSE_OK : cli_make_parents(dir, &err);
    if (st == MSE_OK) {
        st = refresh ? mse_sim_refresh(dir, &o, &err) : mse_sim_init(dir, &o, &err);
    }
    enum cli_exit e = CLI_DONE;
    if (st != MSE_OK) {
        e = cli_failed(c, st, &err);
        if (st == MSE_ERR_EXISTS) {
            cli_hint(c, "--refresh writes its collateral anew and keeps the keys");
        }
    } else if (c->json) {
        cli_json(c, json_pack("{s:s, s:b}", "platform", dir, "refreshed", refresh ? 1 : 0));
    } else {
        cli_say(c, refresh ? "The collateral is new: %s" : "A simulated platform was made: %s",
                dir);
        cli_say(c, "It is NOT hardware: use it to develop and to try things out");
    }
    free(dir);
    return e;
}

/* One file of the platform to the folder of a user. */
static mse_status copy_file(const char *from_dir, const char *to_dir, const char *name,
                            struct mse_error *err)
{
    char *from = cli_join(from_dir, name);
    char *to = cli_join(to_dir, name);
    struct cli_file f = { 0 };
    mse_status st = MSE_ERR_MEMORY;
    if (from != NULL && to != NULL) {
        st = cli_file_read(&f, from, MSE_BUNDLE_MAX_LEN, err);
    }
    if (st == MSE_OK) {
        st = cli_file_write(to, cli_file_view(&f), 0644, err);
    }
    cli_file_clear(&f);
    free(from);
    free(to);
    return st;
}

static enum cli_exit export_files(const struct cli *c, const char *dir, const char *to)
{
    static const char *const names[] = { "root.pem", "collateral.json", "signer.pem" };
    struct mse_error err = { 0 };
    char *inside = cli_join(to, "x");
    mse_status st = inside == NULL ? MSE_ERR_MEMORY : cli_make_parents(inside, &err);
    free(inside);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(names); i++) {
        st = copy_file(dir, to, names[i], &err);
    }
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    cli_say(c, "root.pem, collateral.json and signer.pem are in %s: give them to users", to);
    return CLI_DONE;
}

static enum cli_exit describe(const struct cli *c, const char *dir, const char *exported)
{
    struct mse_error err = { 0 };
    struct mse_sim_platform *p = NULL;
    uint8_t mr[32] = { 0 };
    char hex[65];
    mse_status st = mse_sim_load(&p, dir, &err);
    st = st == MSE_OK ? mse_sim_mrsigner(p, mr) : st;
    mse_sim_free(p);
    if (st != MSE_OK) {
        (void)cli_failed(c, st, &err);
        cli_hint(c, "mse sim init makes a platform");
        return CLI_TROUBLE;
    }
    mse_hex_encode(hex, mse_bytes_of(mr, 32));
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:b, s:s?}", "platform", dir, "mrsigner", hex,
                              "simulated", 1, "exported_to", exported));
        return CLI_DONE;
    }
    cli_say(c, "Platform: %s (SIMULATION, NOT HARDWARE)", dir);
    cli_say(c, "Signer (MRSIGNER): %s", hex);
    if (exported == NULL) {
        cli_say(c, "For users: mse sim show --export DIR");
    }
    return CLI_DONE;
}

enum cli_exit cmd_sim_show(struct cli *c)
{
    char *dir = platform_dir(c);
    if (dir == NULL) {
        return cli_trouble(c, "no configuration folder: set MSE_CONF_PATH or HOME, or use --dir");
    }
    const char *to = cli_value(c, "export");
    enum cli_exit e = describe(c, dir, to);
    if (e == CLI_DONE && to != NULL) {
        e = export_files(c, dir, to);
    }
    free(dir);
    return e;
}
