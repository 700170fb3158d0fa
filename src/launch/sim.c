/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated TEE: its launcher (sim/launcher.h) lives in the supervisor of the instance. */
#include <stdlib.h>
#include <string.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "launch/launcher.h"
#include "launch/offer.h"
#include "package/manifest.h"
#include "package/owner_chain.h"

#define MAX_RUNTIME ((size_t)256 * 1024 * 1024)

struct mse_launched {
    struct mse_sim_platform *platform;
    struct mse_sim_enclave *enclave;
    char fingerprint[MSE_LAUNCH_FINGERPRINT_LEN];
};

static void sim_free(struct mse_launched *e)
{
    if (e != NULL) {
        mse_sim_enclave_free(e->enclave);
        mse_sim_free(e->platform);
        free(e);
    }
}

/* Of the instance's clients; NULL: they need none. */
static mse_status read_client_ca(char **hex, const struct mse_instance *i, struct mse_error *err)
{
    struct cli_file pem = { 0 };
    struct mse_error missing = { 0 };
    char *path = cli_join(i->dir, MSE_INSTANCE_CLIENT_CA);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&pem, path, MSE_OWNER_CHAIN_MAX, &missing);
    free(path);
    if (st == MSE_ERR_NOT_FOUND) {
        *hex = NULL; /* the enclave refuses if its manifest names one */
        return MSE_OK;
    }
    st = st == MSE_OK ? mse_instance_client_ca(hex, cli_file_view(&pem), err)
                      : MSE_FAIL(err, st, "client_ca", "%.200s", missing.text);
    cli_file_clear(&pem);
    return st;
}

static mse_status start(struct mse_launched *e, const struct mse_launch *l, struct mse_error *err)
{
    const char *switches[MSE_INSTANCE_MAX_SWITCHES + MSE_OFFER_MAX_SWITCHES];
    const struct mse_instance *i = l->instance;
    struct mse_offer offer = mse_no_offer;
    char *client_ca = NULL;
    mse_status st = mse_sim_load(&e->platform, i->platform, err);
    st = st == MSE_OK ? read_client_ca(&client_ca, i, err) : st;
    mse_instance_switches(switches, i->sandbox, client_ca);
    st = st == MSE_OK ? mse_offer_open(&offer, i, l->manifest, err) : st;
    mse_offer_switches(switches, &offer, i);
    const struct mse_sim_launch s = {
        .platform = e->platform,
        .runtime_path = i->runtime,
        .manifest = l->manifest,
        .enclave_size = i->enclave_size,
        .threads = MSE_SIM_THREADS,
        .package_fd = l->package_fd,
        .listen_fd = *l->listen_fd,
        .state_fd = l->state_fd,
        .more_fds = offer.fds,
        .num_more = MSE_OFFER_FDS,
        .extra_argv = switches,
    };
    st = st == MSE_OK ? mse_sim_start(&e->enclave, &s, err) : st;
    free(client_ca);
    mse_offer_clear(&offer);
    return st;
}

static mse_status sim_start(struct mse_launched **out, const struct mse_launch *l,
                            struct mse_error *err)
{
    struct mse_launched *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "runtime", "out of memory");
    }
    mse_status st = start(e, l, err);
    if (st != MSE_OK) {
        sim_free(e);
        return st;
    }
    mse_hex_encode(e->fingerprint, mse_bytes_of(mse_sim_enclave_measurement(e->enclave), 32));
    *out = e;
    return MSE_OK;
}

static mse_status sim_serve(struct mse_launched *e, struct mse_sim_news *out, int timeout_ms,
                            struct mse_error *err)
{
    return mse_sim_serve(e->enclave, out, timeout_ms, err);
}

static void sim_stop(struct mse_launched *e, unsigned grace_ms)
{
    mse_sim_stop(e->enclave, grace_ms);
}

static pid_t sim_pid(const struct mse_launched *e)
{
    return mse_sim_enclave_pid(e->enclave);
}

static const char *sim_fingerprint(const struct mse_launched *e)
{
    return e->fingerprint;
}

static mse_status sim_measure(char out[MSE_LAUNCH_FINGERPRINT_LEN], const struct mse_instance *i,
                              struct mse_bytes manifest, struct mse_error *err)
{
    struct cli_file runtime = { 0 };
    uint8_t measured[32];
    mse_status st = cli_file_read(&runtime, i->runtime, MAX_RUNTIME, err);
    if (st == MSE_OK) {
        const struct mse_sim_layout l = { cli_file_view(&runtime), manifest, i->enclave_size,
                                          MSE_SIM_THREADS };
        st = mse_measure_sim(measured, &l, err);
    }
    if (st == MSE_OK) {
        mse_hex_encode(out, mse_bytes_of(measured, sizeof measured));
    }
    cli_file_clear(&runtime);
    return st;
}

const struct mse_launcher mse_launcher_sim = {
    .tees = { "sim", NULL },
    .start = sim_start,
    .serve = sim_serve,
    .stop = sim_stop,
    .free = sim_free,
    .pid = sim_pid,
    .fingerprint = sim_fingerprint,
    .measure = sim_measure,
};
