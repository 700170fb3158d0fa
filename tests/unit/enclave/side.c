/* SPDX-License-Identifier: Apache-2.0 */
/* See side.h. */
#include "side.h"

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/io.h"
#include "crypto/digest.h"

static mse_status sim_quote(struct mse_tee *t, struct mse_build *out, const uint8_t report_data[64],
                            struct mse_error *err)
{
    struct mse_sim_report r = { .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT };
    r.attr_flags |= t->debug ? MSE_SGX_FLAG_DEBUG : 0;
    memset(r.mr_enclave, t->code, sizeof r.mr_enclave);
    memcpy(r.report_data, report_data, sizeof r.report_data);
    assert_status(mse_sim_mrsigner(t->lab->platform, r.mr_signer), MSE_OK);
    return mse_sim_quote(t->lab->platform, out, &r, err);
}

static mse_status sim_key(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                          struct mse_error *err)
{
    (void)version;
    (void)err;
    memset(out, t->code + 1, 32);
    return MSE_OK;
}

static const struct mse_tee_ops ops = {
    .name = "sim", .kind = MSE_TEE_SGX, .simulated = true, .quote = sim_quote, .seal_key = sim_key
};

void side_init(struct side *s, struct lab *l, uint8_t code)
{
    side_init_as(s, l, code, NULL);
}

void side_init_as(struct side *s, struct lab *l, uint8_t code,
                  void (*change)(struct mse_manifest *m))
{
    memset(s, 0, sizeof *s);
    s->tee = (struct mse_tee) { .lab = l, .code = code };
    s->driver = (struct mse_enclave_tee) { .ops = &ops, .t = &s->tee };
    s->durable = (struct mse_durable) { .state_fd = -1, .tee = &s->driver };
    s->me = (struct mse_party) { &s->durable, &s->m, &s->id };
    fixture_manifest(&s->m, NULL);
    s->m.created_at = l->now - 60;
    s->m.expires_at = l->now + LAB_DAY;
    if (change != NULL) {
        change(&s->m);
    }
    mse_build_heap(&s->text, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_manifest_write(&s->text, &s->m, NULL), MSE_OK);
    assert_status(mse_sha256(s->digest, mse_build_view(&s->text)), MSE_OK);
    assert_status(mse_identity_make(&s->id, &s->m, s->digest, &s->driver, NULL), MSE_OK);
    assert_status(mse_peers_open(&s->peers, &s->driver, l->json, l->now, NULL), MSE_OK);
}

void side_clear(struct side *s)
{
    mse_peers_clear(&s->peers);
    mse_identity_clear(&s->id);
    mse_build_clear(&s->text);
    fixture_manifest_clear(&s->m);
}

int side_visit(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

bool side_send_collateral(int fd, uint32_t len, struct mse_bytes json)
{
    uint8_t head[4];
    struct mse_build b;
    mse_build_fixed(&b, head, sizeof head);
    mse_wr_u32be(&b, len);
    return mse_io_write(fd, mse_build_view(&b)) && mse_io_write(fd, json);
}
