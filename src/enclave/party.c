/* SPDX-License-Identifier: Apache-2.0 */
/* See party.h. */
#include "enclave/party.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"

#define STEP "collateral"

static mse_status no_collateral(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "the connection ended, or was silent");
}

mse_status mse_party_read_collateral(struct mse_build *out, int fd, unsigned quiet_ms,
                                     struct mse_error *err)
{
    uint8_t head[4];
    uint32_t len = 0;
    const struct timeval quiet = { .tv_sec = quiet_ms / 1000,
                                   .tv_usec = (suseconds_t)(quiet_ms % 1000) * 1000 };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet);
    if (!mse_io_read_exact(fd, head, sizeof head)) {
        return no_collateral(err);
    }
    struct mse_bytes in = mse_bytes_of(head, sizeof head);
    if (!mse_rd_u32be(&in, &len) || len == 0 || len > MSE_BUNDLE_MAX_LEN) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "%u bytes of collateral, wanted 1 to %zu", len,
                        MSE_BUNDLE_MAX_LEN);
    }
    uint8_t *room = mse_wr_space(out, len);
    if (room == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    return mse_io_read_exact(fd, room, len) ? MSE_OK : no_collateral(err);
}

mse_status mse_party_load_collateral(struct mse_build *out, int fd, struct mse_error *err)
{
    size_t len = 0;
    uint8_t *json = malloc(MSE_BUNDLE_MAX_LEN + 1);
    mse_status st = json == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory") : MSE_OK;
    if (st == MSE_OK &&
        (lseek(fd, 0, SEEK_SET) < 0 || !mse_io_read(fd, json, MSE_BUNDLE_MAX_LEN + 1, &len))) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "the collateral: %s", strerror(errno));
    }
    if (st == MSE_OK && len > MSE_BUNDLE_MAX_LEN) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "more collateral than %zu bytes",
                      MSE_BUNDLE_MAX_LEN);
    }
    if (st == MSE_OK) {
        mse_wr_copy(out, json, len);
        st = mse_build_ok(out) ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    free(json);
    return st;
}

const char *mse_party_name(const struct mse_manifest *m)
{
    return m->origin == MSE_ORIGIN_OWNER ? m->config_domain_name : m->san;
}

mse_status mse_party_peers(struct mse_peers *out, const struct mse_party *p,
                           struct mse_bytes collateral, mse_time at, struct mse_error *err)
{
    mse_durable_hold(p->durable);
    mse_status st = mse_peers_open(out, p->durable->tee, collateral, at, err);
    mse_durable_release(p->durable);
    return st;
}

mse_status mse_party_replicas(struct mse_peers *out, const struct mse_party *p,
                              struct mse_bytes collateral, mse_time at, struct mse_error *err)
{
    mse_durable_hold(p->durable);
    mse_status st = mse_peers_open_replicas(out, p->durable->tee, &p->manifest->replica_policy,
                                            collateral, at, err);
    mse_durable_release(p->durable);
    return st;
}

mse_status mse_party_handover(struct mse_handover *out, struct mse_build *text,
                              const struct mse_party *p, struct mse_error *err)
{
    const struct mse_identity *id = p->identity;
    mse_status st = mse_manifest_write(text, p->manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    /* Under an owner's certificate there is none for the public name. */
    const struct mse_build *cert = id->cert.len > 0 ? &id->cert : &id->config_cert;
    const struct mse_session_self self = { .quote = mse_durable_quote,
                                           .quote_arg = p->durable,
                                           .manifest = mse_build_view(text) };
    *out = (struct mse_handover) { .fd = -1,
                                   .identity = id,
                                   .cert = mse_build_view(cert),
                                   .self = self,
                                   .rule = &p->manifest->upgrade };
    return MSE_OK;
}
